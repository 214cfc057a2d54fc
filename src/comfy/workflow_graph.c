/* SPDX-License-Identifier: Apache-2.0 */
#include "comfy/workflow_graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"

const char *printable(char *dst, size_t size, const char *text)
{
	size_t n = 0;

	for (; *text && n + 1 < size; text++)
		dst[n++] = (unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text;
	/* Not in the middle of a character. */
	if (*text)
		while (n > 0 && ((unsigned char)*text & 0xc0) == 0x80)
			text--, n--;
	dst[n] = '\0';
	return dst;
}

static void add_sentence(char ***list, size_t *n, const char *format, va_list args)
{
	char text[1000];

	/* A hostile or hopeless file does not fill the log. */
	if (*n >= WORKFLOW_PROBLEMS_MAX)
		return;
	vsnprintf(text, sizeof(text), format, args);
	for (size_t i = 0; i < *n; i++)
		if (str_eq((*list)[i], text))
			return;
	*list = xrealloc(*list, (*n + 1) * sizeof(**list));
	(*list)[(*n)++] = xstrdup(text);
}

void workflow_problem(struct workflow *wf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_sentence(&wf->problems, &wf->n_problems, format, args);
	va_end(args);
}

void workflow_warning(struct workflow *wf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_sentence(&wf->warnings, &wf->n_warnings, format, args);
	va_end(args);
}

bool inputs_have(const struct workflow_inputs *list, const char *node, const char *input)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(list->at[i].node, node) && str_eq(list->at[i].input, input))
			return true;
	return false;
}

void inputs_add(struct workflow_inputs *list, const char *node, const char *input, const char *file)
{
	if (list->given || list->n >= WORKFLOW_INPUTS_MAX || inputs_have(list, node, input))
		return;
	list->at = xrealloc(list->at, (list->n + 1) * sizeof(*list->at));
	list->at[list->n++] = (struct workflow_input){
		.node = xstrdup(node), .input = xstrdup(input), .file = xstrdup(file)};
}

const char *graph_label(const struct graph *g, int i, char label[LABEL_SIZE])
{
	char id[64], class[100];

	snprintf(label, LABEL_SIZE, "node %s (%s)", printable(id, sizeof(id), g->nodes[i].id),
		printable(class, sizeof(class), g->nodes[i].class));
	return label;
}

int graph_find(const struct graph *g, const char *id)
{
	struct node *node = NULL;

	HASH_FIND_STR(g->by_id, id, node);
	return node ? (int)(node - g->nodes) : NODE_MISSING;
}

/* ComfyUI (comfy_execution/graph_utils.py, is_link): a list of a string and a number. */
int graph_link(const struct graph *g, struct json_object *value)
{
	struct json_object *id, *slot;

	if (!json_object_is_type(value, json_type_array) || json_object_array_length(value) != 2)
		return NODE_NONE;
	id = json_object_array_get_idx(value, 0);
	slot = json_object_array_get_idx(value, 1);
	if (!json_object_is_type(id, json_type_string) ||
		(!json_object_is_type(slot, json_type_int) &&
			!json_object_is_type(slot, json_type_double)))
		return NODE_NONE;
	return graph_find(g, json_object_get_string(id));
}

static void node_read(struct graph *g, const char *id, struct json_object *value)
{
	struct json_object *inputs = json_member(value, "inputs");
	const char *class = json_str(value, "class_type"), *title = json_str(value, "_meta.title");
	char safe[64];
	struct node *node;

	printable(safe, sizeof(safe), id);
	if (!json_object_is_type(value, json_type_object)) {
		workflow_problem(g->wf,
			"node %s: this is not a node (an object with class_type and inputs)", safe);
		return;
	}
	if (!class || !*class) {
		workflow_problem(g->wf, "node %s: it has no class_type", safe);
		return;
	}
	if (!json_object_is_type(inputs, json_type_object)) {
		char kind[100];

		workflow_problem(g->wf, "node %s (%s): it has no inputs", safe,
			printable(kind, sizeof(kind), class));
		return;
	}
	node = &g->nodes[g->n++];
	*node = (struct node){
		.id = id, .class = class, .title = title ? title : "", .inputs = inputs};
	HASH_ADD_KEYPTR(hh, g->by_id, node->id, strlen(node->id), node);
}

void graph_read(struct graph *g, struct workflow *wf)
{
	*g = (struct graph){.wf = wf};
	g->nodes = xcalloc((size_t)json_object_object_length(wf->graph) + 1, sizeof(*g->nodes));
	json_object_object_foreach(wf->graph, id, value)
	{
		node_read(g, id, value);
	}
}

void graph_free(struct graph *g)
{
	HASH_CLEAR(hh, g->by_id);
	free(take(g->nodes));
	g->n = 0;
}

void graph_mark_live(struct graph *g, size_t from)
{
	size_t *stack = xcalloc(g->n + 1, sizeof(*stack)), n = 0;

	if (!g->nodes[from].live)
		stack[n++] = from;
	g->nodes[from].live = true;
	while (n > 0) {
		json_object_object_foreach(g->nodes[stack[--n]].inputs, name, value)
		{
			int to = graph_link(g, value);

			(void)name;
			if (to >= 0 && !g->nodes[to].live) {
				g->nodes[to].live = true;
				stack[n++] = (size_t)to;
			}
		}
	}
	free(stack);
}

/* A node being looked into, and how far its inputs have been gone through. */
struct visit {
	int node;
	struct lh_entry *next;
};

static struct visit visit_start(const struct graph *g, int node)
{
	return (struct visit){node, lh_table_head(json_object_get_object(g->nodes[node].inputs))};
}

/* Depth first with a stack of our own: a node met again while still open closes a circle. */
static void check_circles(struct graph *g)
{
	enum { NEW, OPEN, DONE };
	unsigned char *mark = xcalloc(g->n + 1, 1);
	struct visit *stack = xcalloc(g->n + 1, sizeof(*stack));
	char label[LABEL_SIZE];

	for (size_t i = 0; i < g->n; i++) {
		size_t n = 0;

		if (mark[i] == NEW) {
			stack[n++] = visit_start(g, (int)i);
			mark[i] = OPEN;
		}
		while (n > 0) {
			struct visit *v = &stack[n - 1];
			int to;

			if (!v->next) {
				mark[v->node] = DONE;
				n--;
				continue;
			}
			to = graph_link(g, lh_entry_v(v->next));
			v->next = lh_entry_next(v->next);
			if (to < 0 || mark[to] == DONE)
				continue;
			if (mark[to] == OPEN) {
				workflow_problem(g->wf,
					"%s: it depends on itself: the graph goes in a circle here",
					graph_label(g, to, label));
				continue;
			}
			mark[to] = OPEN;
			stack[n++] = visit_start(g, to);
		}
	}
	free(mark);
	free(stack);
}

void graph_check(struct graph *g)
{
	char label[LABEL_SIZE], input[64], id[64];

	for (size_t i = 0; i < g->n; i++) {
		json_object_object_foreach(g->nodes[i].inputs, name, value)
		{
			if (graph_link(g, value) != NODE_MISSING)
				continue;
			workflow_problem(g->wf,
				"%s: its input %s is linked to node %s, which is not in the file",
				graph_label(g, (int)i, label),
				printable(input, sizeof(input), name),
				printable(id, sizeof(id),
					json_object_get_string(
						json_object_array_get_idx(value, 0))));
		}
	}
	check_circles(g);
}
