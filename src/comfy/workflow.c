/* SPDX-License-Identifier: Apache-2.0 */
#include "comfy/workflow.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "comfy/workflow_graph.h"

static bool is_node(struct json_object *value)
{
	return json_str(value, "class_type") != NULL;
}

static bool has_node(struct json_object *graph)
{
	if (!json_object_is_type(graph, json_type_object))
		return false;
	json_object_object_foreach(graph, id, value)
	{
		(void)id;
		if (is_node(value))
			return true;
	}
	return false;
}

/* Takes the graph out of what was parsed, or tells why there is none. */
static void take_graph(struct workflow *wf, struct json_object *doc)
{
	struct json_object *prompt = json_member(doc, "prompt");
	struct json_object *nodes = json_member(doc, "nodes");
	struct json_object *runpod = json_at(doc, "input.workflow");

	if (json_object_is_type(nodes, json_type_array)) {
		workflow_problem(wf,
			"this is ComfyUI's editor format; export it with Workflow > Export (API)");
	} else if (has_node(doc)) {
		wf->graph = json_object_get(doc);
	} else if (has_node(prompt)) {
		/* The body of a POST /prompt: the graph is inside. */
		wf->graph = json_object_get(prompt);
	} else if (has_node(runpod)) {
		wf->graph = json_object_get(runpod);
		workflow_problem(wf,
			"this is a request to a RunPod worker; the workflow is the object "
			"inside it at input.workflow: save that part alone");
	} else {
		workflow_problem(wf, "there is no node in it (an object with class_type and "
				     "inputs): not a workflow in ComfyUI's API format");
	}
}

/*
 * An owner may give the title in a member "_meta" beside the nodes, as ComfyUI
 * gives a node's title. ComfyUI takes it for a node without class_type and
 * refuses the whole graph, so it is taken out.
 */
static char *take_title(struct json_object *graph)
{
	struct json_object *meta = json_member(graph, "_meta");
	const char *given = json_str(meta, "title");
	char *title = NULL;

	if (!meta || is_node(meta))
		return NULL;
	if (given && *given)
		title = title_cut(given);
	json_object_object_del(graph, "_meta");
	return title;
}

static void understand(struct workflow *wf)
{
	struct graph g;

	graph_read(&g, wf);
	graph_check(&g);
	find_outputs(&g);
	find_samplers(&g);
	find_texts(&g);
	find_numbers(&g);
	find_files(&g);
	graph_free(&g);
}

static size_t characters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

struct workflow *workflow_read(const char *name, const char *text, size_t len)
{
	struct workflow *wf = xcalloc(1, sizeof(*wf));
	cleanup(json_put) struct json_object *doc = NULL;
	const char *why = NULL;
	char *title = NULL;

	wf->name = xstrdup(name);
	wf->seed_max = UINT64_MAX;
	wf->kind = str_ends(name, "_edit") ? WORKFLOW_EDIT : WORKFLOW_IMAGINE;
	if (characters(name) > WORKFLOW_NAME_MAX)
		workflow_problem(wf,
			"the file's name is longer than the %d characters that Discord takes",
			WORKFLOW_NAME_MAX);
	/* Exports saved by Windows editors start with a byte order mark. */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	if (len > WORKFLOW_FILE_MAX)
		workflow_problem(wf, "the file is larger than %zu MiB", WORKFLOW_FILE_MAX / MIB);
	else if (!(doc = json_parse(text, len, &why)))
		workflow_problem(wf, "it is not JSON: %s", why);
	else
		take_graph(wf, doc);
	if (wf->graph)
		title = take_title(wf->graph);
	if (wf->graph && json_object_object_length(wf->graph) > WORKFLOW_NODES_MAX) {
		workflow_problem(wf, "it has more than %d nodes", WORKFLOW_NODES_MAX);
		json_put(&wf->graph);
	}
	if (wf->graph)
		understand(wf);
	wf->title = title ? title : workflow_title(wf);
	return wf;
}

static void inputs_free(struct workflow_inputs *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->at[i].node);
		free(list->at[i].input);
		free(list->at[i].file);
	}
	free(list->at);
}

struct workflow *workflow_free(struct workflow *wf)
{
	if (!wf)
		return NULL;
	struct workflow_inputs *lists[] = {&wf->prompt, &wf->negative, &wf->seed, &wf->width,
		&wf->height, &wf->steps, &wf->cfg, &wf->batch, &wf->image, &wf->models, &wf->lora};

	for (size_t i = 0; i < countof(lists); i++)
		inputs_free(lists[i]);
	for (size_t i = 0; i < wf->n_outputs; i++)
		free(wf->outputs[i]);
	for (size_t i = 0; i < wf->n_problems; i++)
		free(wf->problems[i]);
	free(wf->outputs);
	free(wf->problems);
	free(wf->name);
	free(wf->title);
	json_put(&wf->graph);
	free(wf);
	return NULL;
}

bool workflow_usable(const struct workflow *wf)
{
	return wf->n_problems == 0;
}

static void set_input(
	struct json_object *graph, const char *node, const char *input, struct json_object *value)
{
	struct json_object *inputs = json_member(json_member(graph, node), "inputs");

	/* Replaces in place: the order of the members stays. */
	if (json_object_is_type(inputs, json_type_object))
		json_add(inputs, input, value);
	else
		json_put(&value);
}

static void set_strings(
	struct json_object *graph, const struct workflow_inputs *list, const char *text)
{
	for (size_t i = 0; text && i < list->n; i++)
		set_input(graph, list->at[i].node, list->at[i].input, json_object_new_string(text));
}

uint64_t workflow_seed(const struct workflow *wf, uint64_t drawn)
{
	return wf->seed_max == UINT64_MAX ? drawn : drawn % (wf->seed_max + 1);
}

char *workflow_fill(const struct workflow *wf, const struct workflow_fill *fill)
{
	cleanup(json_put) struct json_object *graph = NULL;
	uint64_t seed = workflow_seed(wf, fill->seed);

	/* The default shallow copy keeps unsigned integers and the text of floats. */
	if (!wf->graph || json_object_deep_copy(wf->graph, &graph, NULL) < 0)
		return xstrdup("{}");
	set_strings(graph, &wf->prompt, fill->prompt);
	set_strings(graph, &wf->image, fill->image);
	for (size_t i = 0; i < wf->seed.n; i++)
		set_input(graph, wf->seed.at[i].node, wf->seed.at[i].input,
			json_object_new_uint64(seed));
	for (size_t i = 0; fill->filename_prefix && i < wf->n_outputs; i++) {
		struct json_object *inputs =
			json_member(json_member(graph, wf->outputs[i]), "inputs");

		if (json_member(inputs, "filename_prefix"))
			json_add_str(inputs, "filename_prefix", fill->filename_prefix);
	}
	return json_text(graph);
}

int64_t workflow_number(const struct workflow *wf, const struct workflow_inputs *which)
{
	struct json_object *value;

	if (which->n == 0)
		return 0;
	value = json_member(json_member(json_member(wf->graph, which->at[0].node), "inputs"),
		which->at[0].input);
	if (json_object_is_type(value, json_type_int) ||
		json_object_is_type(value, json_type_double))
		return json_object_get_int64(value);
	return 0;
}
