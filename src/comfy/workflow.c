/* SPDX-License-Identifier: Apache-2.0 */
#include "comfy/workflow.h"

#include <math.h>
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
	wf->width_range.min = wf->width_range.max = NAN;
	wf->height_range = wf->steps_range = wf->cfg_range = wf->width_range;
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
	workflow_ranges(wf);
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
		&wf->height, &wf->steps, &wf->cfg, &wf->batch, &wf->image, &wf->models, &wf->lora,
		&wf->lora_at};

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
	free(wf->title_es);
	free(wf->description);
	free(wf->description_es);
	free(wf->roles);
	free(wf->width_range.value);
	free(wf->height_range.value);
	free(wf->steps_range.value);
	free(wf->cfg_range.value);
	json_put(&wf->graph);
	free(wf);
	return NULL;
}

bool workflow_usable(const struct workflow *wf)
{
	return wf->n_problems == 0;
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

const char *workflow_title_in(const struct workflow *wf, bool spanish)
{
	return spanish && wf->title_es ? wf->title_es : wf->title;
}

const char *workflow_description_in(const struct workflow *wf, bool spanish)
{
	return spanish && wf->description_es ? wf->description_es : wf->description;
}

bool workflow_allows(const struct workflow *wf, const uint64_t *roles, size_t n_roles)
{
	for (size_t i = 0; i < wf->n_roles; i++)
		for (size_t k = 0; k < n_roles; k++)
			if (wf->roles[i] == roles[k])
				return true;
	return wf->n_roles == 0;
}
