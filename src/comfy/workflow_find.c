/* SPDX-License-Identifier: Apache-2.0 */
#include "comfy/workflow_graph.h"

#include <stdlib.h>
#include <strings.h>

#include "base/limits.h"

/* Outputs, samplers and everything that is found by a straight look upstream of them. */

static const char *literal(struct json_object *value)
{
	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static bool is_number(struct json_object *value)
{
	return json_object_is_type(value, json_type_int) ||
	       json_object_is_type(value, json_type_double);
}

/* "save_output": false of VHS_VideoCombine and "show_previews": "false" of WAS's Image Save: the
 * file is written as temporary, or ComfyUI's history is not told of it. */
static bool keeps_quiet(const struct node *node)
{
	struct json_object *save = json_member(node->inputs, "save_output");
	const char *shown = json_str(node->inputs, "show_previews");

	return (json_object_is_type(save, json_type_boolean) && !json_object_get_boolean(save)) ||
	       (str_eq(node->class, "Image Save") && str_eq(shown, "false"));
}

/* Tells why there is no output. What would have been drawn is still looked through, for `fullet
 * workflow` to show. */
static void no_output(struct graph *g)
{
	char label[LABEL_SIZE];

	for (size_t i = 0; i < g->n; i++)
		if (class_saves(g->nodes[i].class) || class_sends(g->nodes[i].class) ||
			has_word(g->nodes[i].class, "Preview"))
			graph_mark_live(g, i);

	for (size_t i = 0; i < g->n; i++)
		if (class_saves(g->nodes[i].class)) {
			workflow_problem(g->wf,
				"%s: ComfyUI is not told which file it saves (save_output or "
				"show_previews is off), so the picture cannot be fetched",
				graph_label(g, (int)i, label));
			return;
		}
	for (size_t i = 0; i < g->n; i++)
		if (class_sends(g->nodes[i].class)) {
			workflow_problem(g->wf,
				"%s: it only sends the picture over the WebSocket and saves no "
				"file that could be fetched: add a SaveImage node",
				graph_label(g, (int)i, label));
			return;
		}
	for (size_t i = 0; i < g->n; i++)
		if (has_word(g->nodes[i].class, "Preview")) {
			workflow_problem(g->wf,
				"%s: it only shows a temporary picture and nothing saves one: add "
				"a SaveImage node",
				graph_label(g, (int)i, label));
			return;
		}
	workflow_problem(g->wf, "no node saves a picture: add a SaveImage node");
}

void find_outputs(struct graph *g)
{
	struct workflow *wf = g->wf;

	for (size_t i = 0; i < g->n; i++) {
		if (!class_saves(g->nodes[i].class) || keeps_quiet(&g->nodes[i]))
			continue;
		wf->outputs = xrealloc(wf->outputs, (wf->n_outputs + 1) * sizeof(*wf->outputs));
		wf->outputs[wf->n_outputs++] = xstrdup(g->nodes[i].id);
		graph_mark_live(g, i);
	}
	if (wf->n_outputs == 0)
		no_output(g);
}

/*
 * A sampler draws something (it has a seed, a guider or a starting latent) from a
 * prompt (positive, conditioning, or a prompt of its own, as the API nodes have).
 * A node with positive and negative alone only passes them on.
 */
static bool is_sampler(const struct graph *g, const struct node *node)
{
	bool draws = false, prompt = false;

	json_object_object_foreach(node->inputs, name, value)
	{
		bool text = graph_link(g, value) >= 0 || literal(value);

		draws |= strcasecmp(name, "seed") == 0 || strcasecmp(name, "noise_seed") == 0 ||
			 strcasecmp(name, "latent_image") == 0;
		prompt |=
			text && (name_is_role(name, ROLE_POSITIVE) || name_is_conditioning(name) ||
					strcasecmp(name, "prompt") == 0);
		if (strcasecmp(name, "guider") == 0 && graph_link(g, value) >= 0)
			return true;
	}
	return draws && prompt;
}

/* Goes upstream over links whose name `goes` accepts. Calls `at` with each node met. */
static void upstream(struct graph *g, size_t from, bool (*goes)(const char *name),
	void (*at)(struct graph *g, struct node *node))
{
	bool *seen = xcalloc(g->n + 1, sizeof(*seen));
	size_t *stack = xcalloc(g->n + 1, sizeof(*stack)), n = 0;

	stack[n++] = from;
	seen[from] = true;
	while (n > 0) {
		json_object_object_foreach(g->nodes[stack[--n]].inputs, name, value)
		{
			int to = goes(name) ? graph_link(g, value) : NODE_NONE;

			if (to < 0 || seen[to])
				continue;
			seen[to] = true;
			stack[n++] = (size_t)to;
			at(g, &g->nodes[to]);
		}
	}
	free(seen);
	free(stack);
}

static void mark_near(struct graph *g, struct node *node)
{
	(void)g;
	node->near = true;
}

void find_samplers(struct graph *g)
{
	char label[LABEL_SIZE];
	bool any = false;

	for (size_t i = 0; i < g->n; i++) {
		g->nodes[i].sampler = g->nodes[i].live && is_sampler(g, &g->nodes[i]);
		any |= g->nodes[i].sampler;
	}
	for (size_t i = 0; i < g->n; i++)
		if (g->nodes[i].sampler)
			upstream(g, i, name_is_sampling, mark_near);
	if (!any && g->wf->n_outputs > 0 && !g->wf->prompt.given)
		workflow_problem(g->wf,
			"%s: nothing that draws from a prompt (such as a KSampler) leads to it",
			graph_label(g, graph_find(g, g->wf->outputs[0]), label));
}

/* The literal number of a node that stands for one value, whatever its maker called it. */
static const char *primitive_number(const struct node *node)
{
	static const char *const names[] = {
		"value", "seed", "noise_seed", "int", "number", "float"};
	const char *found = NULL;

	json_object_object_foreach(node->inputs, name, value)
	{
		for (size_t i = 0; i < countof(names) && !found; i++)
			if (strcasecmp(name, names[i]) == 0 && is_number(value))
				found = name;
	}
	return found;
}

bool find_number(
	const struct graph *g, int node, const char *input, int *ret_node, const char **ret_input)
{
	struct json_object *value = json_member(g->nodes[node].inputs, input);
	int to = graph_link(g, value);

	if (is_number(value)) {
		*ret_node = node;
		*ret_input = input;
		return true;
	}
	/* Through reroutes: nodes whose only input is a link. Bounded, as a graph may be a circle.
	 */
	for (size_t hops = 0; to >= 0 && hops < 16; hops++) {
		const char *name = primitive_number(&g->nodes[to]);
		struct lh_entry *only = lh_table_head(json_object_get_object(g->nodes[to].inputs));

		if (name) {
			*ret_node = to;
			*ret_input = name;
			return true;
		}
		if (!only || lh_entry_next(only))
			return false;
		/* GetImageSize has one link too, but to a picture. */
		if (name_is_other_type(lh_entry_k(only)))
			return false;
		to = graph_link(g, lh_entry_v(only));
	}
	return false;
}

static void add_number(
	struct graph *g, struct node *node, const char *input, struct workflow_inputs *list)
{
	const char *name;
	int at;

	if (json_member(node->inputs, input) &&
		find_number(g, (int)(node - g->nodes), input, &at, &name))
		inputs_add(list, g->nodes[at].id, name, NULL);
}

static void add_size(struct graph *g, struct node *node)
{
	if (!json_member(node->inputs, "width") || !json_member(node->inputs, "height"))
		return;
	add_number(g, node, "width", &g->wf->width);
	add_number(g, node, "height", &g->wf->height);
}

static bool goes_latent(const char *name)
{
	return name_is_latent(name);
}

static bool starts_size(const struct graph *g, const struct node *node)
{
	json_object_object_foreach(node->inputs, name, value)
	{
		if (name_is_latent(name) && graph_link(g, value) >= 0)
			return false;
	}
	return true;
}

static void at_empty_latent(struct graph *g, struct node *node)
{
	if (starts_size(g, node))
		add_size(g, node);
}

static void at_resized(struct graph *g, struct node *node)
{
	if (!node->sampler)
		add_size(g, node);
}

static void at_batch(struct graph *g, struct node *node)
{
	if (str_eq(node->class, "RepeatLatentBatch"))
		add_number(g, node, "amount", &g->wf->batch);
	add_number(g, node, "batch_size", &g->wf->batch);
}

/*
 * The size is set where the latent begins (an Empty... node). A later LatentUpscale
 * keeps its own numbers then; only where no latent begins (a picture is loaded) the
 * nodes that resize on the way are the ones that decide.
 */
static void find_size(struct graph *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->nodes[i].sampler) {
			upstream(g, i, goes_latent, at_empty_latent);
			upstream(g, i, goes_latent, at_batch);
		}
	for (size_t i = 0; i < g->n && g->wf->width.n == 0; i++)
		if (g->nodes[i].sampler)
			upstream(g, i, goes_latent, at_resized);
	for (size_t i = 0; i < g->n; i++) {
		struct node *node = &g->nodes[i];

		if (node->sampler && starts_size(g, node)) {
			add_size(g, node);
			at_batch(g, node);
		}
		/* Flux2Scheduler and ModelSamplingFlux shift by the size of the picture. */
		if (node->near || (node->live && str_eq(node->class, "ModelSamplingFlux")))
			add_size(g, node);
	}
}

static void find_seeds(struct graph *g)
{
	static const char *const names[] = {"seed", "noise_seed"};

	for (size_t i = 0; i < g->n; i++)
		for (size_t k = 0; k < countof(names) && g->nodes[i].live; k++)
			add_number(g, &g->nodes[i], names[k], &g->wf->seed);
	find_seed_rows(g);
	for (size_t i = 0; i < g->wf->seed.n; i++) {
		struct workflow_input *seed = &g->wf->seed.at[i];
		uint64_t max = seed_ceiling(g->nodes[graph_find(g, seed->node)].class, seed->input);

		g->wf->seed_max = min_of(g->wf->seed_max, max);
	}
}

void find_numbers(struct graph *g)
{
	char label[LABEL_SIZE];

	find_seeds(g);
	find_size(g);
	for (size_t i = 0; i < g->n; i++) {
		if (!g->nodes[i].sampler && !g->nodes[i].near)
			continue;
		add_number(g, &g->nodes[i], "steps", &g->wf->steps);
		add_number(g, &g->nodes[i], "cfg", &g->wf->cfg);
	}
	for (size_t i = 0; i < g->n && g->wf->seed.n == 0; i++)
		if (g->nodes[i].sampler || (g->wf->prompt.given && g->nodes[i].live)) {
			workflow_problem(g->wf,
				"%s: no seed that could be set was found for it, so that ComfyUI "
				"would give the same picture from its cache again and again",
				graph_label(g, (int)i, label));
			break;
		}
}

static void add_file(
	struct graph *g, struct node *node, const char *name, struct json_object *value)
{
	const char *file = literal(value);
	bool lora = name_is_lora(name);

	/* Power Lora Loader (rgthree): "lora_1": {"on": true, "lora": "x.safetensors", ...} */
	if (lora && json_object_is_type(value, json_type_object) && json_flag(value, "on", true))
		file = json_str(value, "lora");
	if (!file || !*file || strcasecmp(file, "none") == 0)
		return;
	if (lora || (has_word(node->class, "lora") && file_is_model(file))) {
		if (file_is_model(file) || strcasecmp(name, "lora_name") == 0)
			inputs_add(&g->wf->lora, node->id, name, file);
	} else if (name_is_model_file(name) || (file_is_model(file) && !name_is_text(name))) {
		inputs_add(&g->wf->models, node->id, name, file);
	}
}

/* The first loader that a member's LoRA can be put into, be it switched off or set to none. */
static void add_lora_slot(
	struct graph *g, struct node *node, const char *name, struct json_object *value)
{
	const char *file = json_object_is_type(value, json_type_object) ? json_str(value, "lora")
									 : literal(value);

	if (g->wf->lora_at.n > 0 || !file || !name_is_lora(name) || !has_word(node->class, "lora"))
		return;
	if (file_is_model(file) || strcasecmp(file, "none") == 0 ||
		strcasecmp(name, "lora_name") == 0)
		inputs_add(&g->wf->lora_at, node->id, name, NULL);
}

void find_files(struct graph *g)
{
	char label[LABEL_SIZE];

	for (size_t i = 0; i < g->n; i++) {
		struct node *node = &g->nodes[i];

		if (!node->live || class_saves(node->class))
			continue;
		json_object_object_foreach(node->inputs, name, value)
		{
			add_file(g, node, name, value);
			add_lora_slot(g, node, name, value);
		}
		if (!class_loads_image(node->class) || !json_str(node->inputs, "image"))
			continue;
		inputs_add(&g->wf->image, node->id, "image", NULL);
		if (g->wf->kind == WORKFLOW_IMAGINE && g->wf->image.n > 0)
			workflow_problem(g->wf,
				"%s: it needs an input picture, which /imagine does not have: name "
				"the file NAME_edit.json, so that it serves /edit",
				graph_label(g, (int)i, label));
	}
	if (g->wf->kind == WORKFLOW_EDIT && g->wf->image.n == 0 && g->wf->n_outputs > 0)
		workflow_problem(g->wf,
			"it is for /edit (by its name or its sidecar), but nothing in it takes the "
			"member's picture: add a LoadImage node, or name it otherwise");
}
