/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/json.h"
#include "comfy/workflow.h"

/* Whose picture is whose follows from the texts' numbers. */
static void check_shared(const struct workflow *wf)
{
	static const char *const prompts[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10",
		"11", "12", "13", "14", "15", "16"};
	static const uint64_t seeds[countof(prompts)] = {1, 2};
	struct workflow_fill fill = {.prompts = prompts, .seeds = seeds, .n_prompts = wf->shares};
	char *text;
	struct json_object *doc;

	must(wf->shares >= 1 && wf->shares <= (int)countof(prompts));
	if (!workflow_usable(wf) || wf->shares < 2)
		return;
	must(wf->n_outputs == 1 && wf->batch.n > 0);
	text = workflow_fill(wf, &fill);
	doc = json_parse(text, strlen(text), NULL);
	for (size_t i = 0; i < wf->prompt.n; i++) {
		const struct workflow_input *at = &wf->prompt.at[i];
		struct json_object *inputs = json_member(json_member(doc, at->node), "inputs");

		must(at->picture > 0);
		must(str_eq(json_str(inputs, at->input),
			at->picture <= wf->shares ? prompts[at->picture - 1] : ""));
	}
	json_put(&doc);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * A workflow file. The first byte chooses /imagine or /edit. Whatever it holds: all
 * that is told can be printed, and the filled graph is JSON again with the prompt and
 * the seed where they were said to go.
 */
static void check_fill(const struct workflow *wf)
{
	static const struct workflow_fill fill = {.prompt = "a \"fuzzy\" cat",
		.seed = UINT64_MAX,
		.filename_prefix = "f",
		.image = "i.png"};
	char *text = workflow_fill(wf, &fill);
	struct json_object *doc = json_parse(text, strlen(text), NULL);

	if (wf->graph) {
		must(doc);
		for (size_t i = 0; i < wf->prompt.n; i++) {
			struct json_object *node = json_member(doc, wf->prompt.at[i].node);
			struct json_object *value =
				json_member(json_member(node, "inputs"), wf->prompt.at[i].input);

			must(str_eq(json_object_get_string(value), fill.prompt));
		}
		for (size_t i = 0; i < wf->seed.n; i++) {
			struct json_object *node = json_member(doc, wf->seed.at[i].node);
			struct json_object *value =
				json_member(json_member(node, "inputs"), wf->seed.at[i].input);

			uint64_t seed = fill.seed + (uint64_t)max_of(wf->seed.at[i].picture - 1, 0);

			must(json_object_get_uint64(value) == workflow_seed(wf, seed));
		}
	}
	json_put(&doc);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct workflow_set *set = workflow_set_new();
	struct workflow *wf;
	struct json_object *doc;
	char *text, **findings;
	size_t n;

	if (size == 0) {
		workflow_set_free(set);
		return 0;
	}
	wf = workflow_read(data[0] == 'e' ? "fuzz_edit" : "fuzz", (const char *)data + 1, size - 1);
	must(wf->title && *wf->title);
	if (workflow_usable(wf))
		must(wf->prompt.n > 0 && wf->seed.n > 0 && wf->n_outputs > 0);
	check_fill(wf);
	check_shared(wf);
	(void)workflow_number(wf, &wf->width);
	text = workflow_describe(wf);
	free(text);
	doc = workflow_json(wf);
	text = json_text(doc);
	free(text);
	json_put(&doc);
	/* The graph serves as a strange /object_info too. */
	findings = workflow_check(wf, wf->graph, &n);
	for (size_t i = 0; i < n; i++)
		free(findings[i]);
	free(findings);
	workflow_set_add(set, wf);
	(void)workflow_set_match(set, WORKFLOW_IMAGINE, "fuzz");
	workflow_set_free(set);
	return 0;
}
