/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/near.h"
#include "comfy/workflow_graph.h"

struct findings {
	char **at;
	size_t n;
};

static void finding(struct findings *f, const char *format, ...) printf_like(2, 3);
static void finding(struct findings *f, const char *format, ...)
{
	char text[1000];
	va_list args;

	if (f->n >= WORKFLOW_PROBLEMS_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	f->at = xrealloc(f->at, (f->n + 1) * sizeof(*f->at));
	f->at[f->n++] = xstrdup(text);
}

/*
 * The values that an input may have: [["a", "b"], {...}] in nodes of the first
 * kind, ["COMBO", {"options": ["a", "b"]}] in newer ones. NULL when it is no choice.
 */
struct json_object *workflow_choices(struct json_object *class_info, const char *input)
{
	static const char *const groups[] = {"required", "optional"};

	for (size_t i = 0; i < countof(groups); i++) {
		struct json_object *def = json_member(
			json_member(json_member(class_info, "input"), groups[i]), input);

		if (!def)
			continue;
		return json_array(def, "0") ? json_array(def, "0") : json_array(def, "1.options");
	}
	return NULL;
}

static bool is_choice(struct json_object *list, const char *value)
{
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (json_object_is_type(one, json_type_string) &&
			str_eq(json_object_get_string(one), value))
			return true;
	}
	return false;
}

/* ", the nearest are "a", "b" and "c"": up to three, nearest first. */
static void nearest(struct json_object *list, const char *value, char *dst, size_t size)
{
	enum { WANTED = 3 };
	const char *best[WANTED] = {NULL};
	int distance[WANTED], found = 0;
	size_t n = 0;
	char name[120];

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *text = json_object_is_type(one, json_type_string)
					   ? json_object_get_string(one)
					   : NULL;
		int d = text ? near_distance(value, text) : 0, k;

		if (!text || (found == WANTED && d >= distance[WANTED - 1]))
			continue;
		found = min_of(found + 1, (int)WANTED);
		for (k = found - 1; k > 0 && distance[k - 1] > d; k--) {
			distance[k] = distance[k - 1];
			best[k] = best[k - 1];
		}
		distance[k] = d;
		best[k] = text;
	}
	dst[0] = '\0';
	for (int i = 0; i < found && n < size; i++)
		n += (size_t)snprintf(dst + n, size - n, "%s\"%s\"", i == 0 ? "; it has " : ", ",
			printable(name, sizeof(name), best[i]));
	if (found == 0)
		str_copy(dst, size, "; it has none there");
}

static void check_value(struct findings *f, const struct graph *g, int i, const char *input,
	const char *value, struct json_object *list, bool is_file)
{
	char label[LABEL_SIZE], near[400], name[160], where[64];

	nearest(list, value, near, sizeof(near));
	finding(f, "%s: %s \"%s\" (%s) is not on the server%s", graph_label(g, i, label),
		is_file ? "the model file" : "the choice", printable(name, sizeof(name), value),
		printable(where, sizeof(where), input), near);
}

static void check_node(struct findings *f, const struct graph *g, int i, struct json_object *info)
{
	const struct node *node = &g->nodes[i];

	json_object_object_foreach(node->inputs, name, value)
	{
		const char *text = json_object_is_type(value, json_type_string)
					   ? json_object_get_string(value)
					   : NULL;
		struct json_object *list = text ? workflow_choices(info, name) : NULL;
		bool is_file = inputs_have(&g->wf->models, node->id, name) ||
			       inputs_have(&g->wf->lora, node->id, name);

		/* A picture is uploaded for each job; the name in the file means nothing. */
		if (!list || inputs_have(&g->wf->image, node->id, name) || is_choice(list, text))
			continue;
		check_value(f, g, i, name, text, list, is_file);
	}
}

static struct json_object *definition(struct json_object *class_info, const char *input)
{
	struct json_object *groups = json_member(class_info, "input");
	struct json_object *def = json_member(json_member(groups, "required"), input);

	return def ? def : json_member(json_member(groups, "optional"), input);
}

/* The owner's range may be wider than what the node takes: then ComfyUI would refuse what a member
 * chooses within it (value_bigger_than_max). */
static void check_range(struct findings *f, const struct graph *g, struct json_object *object_info,
	const char *option, const struct workflow_inputs *list, const struct workflow_range *range)
{
	char label[LABEL_SIZE];

	for (size_t i = 0; i < list->n && range->given; i++) {
		int at = graph_find(g, list->at[i].node);
		struct json_object *info =
			at >= 0 ? json_member(object_info, g->nodes[at].class) : NULL;
		struct json_object *def = definition(info, list->at[i].input);
		double min = json_num(def, "1.min", range->min);
		double max = json_num(def, "1.max", range->max);

		if (range->min < min || range->max > max)
			finding(f,
				"the sidecar's options.%s goes from %g to %g, and %s takes %g to %g",
				option, range->min, range->max, graph_label(g, at, label), min, max);
	}
}

/*
 * ComfyUI (execution.py, validate_prompt) refuses a graph for an unknown class
 * anywhere in it, but looks at the values only of nodes that an output depends on.
 */
char **workflow_check(const struct workflow *wf, struct json_object *object_info, size_t *ret_n)
{
	struct workflow view = *wf;
	struct findings f = {0};
	char label[LABEL_SIZE];
	struct graph g;

	*ret_n = 0;
	if (!wf->graph)
		return NULL;
	/* Problems of the file itself were told when it was read. */
	view.problems = NULL;
	view.n_problems = WORKFLOW_PROBLEMS_MAX;
	graph_read(&g, &view);
	for (size_t i = 0; i < wf->n_outputs; i++) {
		int at = graph_find(&g, wf->outputs[i]);

		if (at >= 0)
			graph_mark_live(&g, (size_t)at);
	}
	for (size_t i = 0; i < g.n; i++) {
		struct json_object *info = json_member(object_info, g.nodes[i].class);
		const char *package = class_package(g.nodes[i].class);

		if (!info)
			finding(&f, "%s: the server does not know this node%s%s",
				graph_label(&g, (int)i, label), package ? "; it comes with " : "",
				package ? package : "");
		else if (g.nodes[i].live)
			check_node(&f, &g, (int)i, info);
	}
	check_range(&f, &g, object_info, "width", &wf->width, &wf->width_range);
	check_range(&f, &g, object_info, "height", &wf->height, &wf->height_range);
	check_range(&f, &g, object_info, "steps", &wf->steps, &wf->steps_range);
	check_range(&f, &g, object_info, "cfg", &wf->cfg, &wf->cfg_range);
	graph_free(&g);
	*ret_n = f.n;
	return f.at;
}
