/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/json.h"
#include "comfy/workflow.h"

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

			must(json_object_get_uint64(value) == workflow_seed(wf, fill.seed));
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
