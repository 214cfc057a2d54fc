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
			"this is ComfyUI's editor format; export it with Workflow > Export (API) "
			"(before 2025: switch on Settings > Enable Dev mode Options, then Save "
			"(API Format))");
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

/*
 * Beside a node's inputs ComfyUI itself notes "is_changed" in the graph that it writes into
 * pictures; given back, it takes the note for the answer (execution.py, IsChangedCache) and serves an
 * old picture from its cache.
 */
static void drop_notes(struct json_object *graph)
{
	json_object_object_foreach(graph, id, node)
	{
		(void)id;
		if (is_node(node))
			json_object_object_del(node, "is_changed");
	}
}

/* The length of a word of Python's json that is no JSON, 0 otherwise. */
static size_t python_word(const char *at, size_t left)
{
	static const char *const words[] = {"NaN", "-Infinity", "Infinity"};

	for (size_t i = 0; i < countof(words); i++)
		if (left >= strlen(words[i]) && memcmp(at, words[i], strlen(words[i])) == 0)
			return strlen(words[i]);
	return 0;
}

/* Python writes NaN and Infinity, which are no JSON, and ComfyUI does so in pictures; they become
 * null, as ComfyUI's own page does it. */
static struct json_object *parse(const char *text, size_t len, const char **ret_why)
{
	cleanup(freep) char *copy = NULL;
	bool quoted = false;
	size_t n = 0, skip;

	if (!memmem(text, len, "NaN", 3) && !memmem(text, len, "Infinity", 8))
		return json_parse(text, len, ret_why);
	copy = xcalloc(len + 1, 2); /* the shortest word has three letters */
	for (size_t i = 0; i < len; i++) {
		skip = quoted ? 0 : python_word(text + i, len - i);
		if (skip > 0) {
			memcpy(copy + n, "null", 4);
			n += 4;
			i += skip - 1;
			continue;
		}
		if (quoted && text[i] == '\\' && i + 1 < len)
			copy[n++] = text[i++];
		else if (text[i] == '"')
			quoted = !quoted;
		copy[n++] = text[i];
	}
	return json_parse(copy, n, ret_why);
}

static void understand(struct workflow *wf)
{
	struct graph g;

	graph_read(&g, wf);
	graph_check(&g);
	find_outputs(&g);
	sidecar_check_nodes(&g);
	find_samplers(&g);
	find_texts(&g);
	find_numbers(&g);
	find_files(&g);
	find_shares(&g);
	graph_free(&g);
}

static size_t characters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

static struct workflow *workflow_new(const char *name)
{
	struct workflow *wf = xcalloc(1, sizeof(*wf));

	wf->name = xstrdup(name);
	wf->seed_max = UINT64_MAX;
	wf->shares = 1;
	wf->pass_max = BATCH_MAX;
	wf->width_range.min = wf->width_range.max = NAN;
	wf->height_range = wf->steps_range = wf->cfg_range = wf->count_range = wf->width_range;
	wf->kind = str_ends(name, "_edit") ? WORKFLOW_EDIT : WORKFLOW_IMAGINE;
	if (!utf8_valid(name, strlen(name)))
		workflow_problem(wf, "the file's name is not UTF-8, so Discord does not take it");
	else if (has_control(name))
		workflow_problem(wf, "the file's name has control characters in it");
	else if (characters(name) > WORKFLOW_NAME_MAX)
		workflow_problem(wf,
			"the file's name is longer than the %d characters that Discord takes",
			WORKFLOW_NAME_MAX);
	return wf;
}

/* Exports saved by Windows editors start with a byte order mark. */
static void skip_mark(const char **text, size_t *len)
{
	if (*len >= 3 && memcmp(*text, "\xef\xbb\xbf", 3) == 0) {
		*text += 3;
		*len -= 3;
	}
}

struct workflow *workflow_read(const char *name, const char *text, size_t len)
{
	return workflow_read_with(name, text, len, NULL, 0);
}

struct workflow *workflow_read_with(
	const char *name, const char *text, size_t len, const char *meta, size_t meta_len)
{
	struct workflow *wf = workflow_new(name);
	cleanup(json_put) struct json_object *doc = NULL;
	cleanup(freep) char *title = NULL;
	const char *why = NULL;

	skip_mark(&text, &len);
	if (len > WORKFLOW_FILE_MAX)
		workflow_problem(wf, "the file is larger than %zu MiB", WORKFLOW_FILE_MAX / MIB);
	else if (!(doc = parse(text, len, &why)))
		workflow_problem(wf, "it is not JSON: %s", why);
	else
		take_graph(wf, doc);
	if (wf->graph) {
		title = take_title(wf->graph);
		drop_notes(wf->graph);
	}
	if (wf->graph && json_object_object_length(wf->graph) > WORKFLOW_NODES_MAX) {
		workflow_problem(wf, "it has more than %d nodes", WORKFLOW_NODES_MAX);
		json_put(&wf->graph);
	}
	if (meta) {
		skip_mark(&meta, &meta_len);
		sidecar_read(wf, meta, meta_len);
	}
	if (wf->graph)
		understand(wf);
	sidecar_check_options(wf);
	workflow_ranges(wf);
	if (!wf->title)
		wf->title = title ? take(title) : workflow_title(wf);
	return wf;
}

struct workflow *workflow_refused(const char *name, const char *why)
{
	struct workflow *wf = workflow_new(name);

	workflow_problem(wf, "%s", why);
	workflow_ranges(wf);
	wf->title = workflow_title(wf);
	return wf;
}

void workflow_warn(struct workflow *wf, const char *sentence)
{
	workflow_warning(wf, "%s", sentence);
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
		&wf->height, &wf->steps, &wf->cfg, &wf->batch, &wf->image, &wf->texts, &wf->models, &wf->lora,
		&wf->lora_at};

	for (size_t i = 0; i < countof(lists); i++)
		inputs_free(lists[i]);
	for (size_t i = 0; i < wf->n_outputs; i++)
		free(wf->outputs[i]);
	for (size_t i = 0; i < wf->n_problems; i++)
		free(wf->problems[i]);
	for (size_t i = 0; i < wf->n_warnings; i++)
		free(wf->warnings[i]);
	free(wf->outputs);
	free(wf->problems);
	free(wf->warnings);
	free(wf->negative_value);
	free(wf->name);
	free(wf->file);
	free(wf->title);
	free(wf->title_es);
	free(wf->description);
	free(wf->description_es);
	free(wf->roles);
	free(wf->width_range.value);
	free(wf->height_range.value);
	free(wf->steps_range.value);
	free(wf->cfg_range.value);
	free(wf->count_range.value);
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
