/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/limits.h"
#include "base/near.h"
#include "comfy/workflow_sidecar.h"

/* Which input of which node is what. */

enum holds { HOLDS_TEXT, HOLDS_NUMBER, HOLDS_LORA };

static const struct place {
	const char *name;
	size_t inputs;
	enum holds holds;
	bool needed, single, own; /* own: a picture may have its own */
} places[] = {
	{"prompt", offsetof(struct workflow, prompt), HOLDS_TEXT, true, false, true},
	{"negative", offsetof(struct workflow, negative), HOLDS_TEXT, false, false, true},
	{"seed", offsetof(struct workflow, seed), HOLDS_NUMBER, true, false, true},
	{"width", offsetof(struct workflow, width), HOLDS_NUMBER, false, false},
	{"height", offsetof(struct workflow, height), HOLDS_NUMBER, false, false},
	{"steps", offsetof(struct workflow, steps), HOLDS_NUMBER, false, false},
	{"cfg", offsetof(struct workflow, cfg), HOLDS_NUMBER, false, false},
	{"batch", offsetof(struct workflow, batch), HOLDS_NUMBER, false, false},
	{"texts", offsetof(struct workflow, texts), HOLDS_NUMBER, false, false},
	{"image", offsetof(struct workflow, image), HOLDS_TEXT, false, false},
	{"lora", offsetof(struct workflow, lora_at), HOLDS_LORA, false, true},
};

static struct workflow_inputs *list_of(struct workflow *wf, const struct place *p)
{
	return (struct workflow_inputs *)((char *)wf + p->inputs);
}

/* ", the nearest is ..." of an object's members. */
static const char *near_member(struct json_object *obj, const char *name, char *dst, size_t size)
{
	const char *best = NULL;
	int least = 0;
	char safe[80];

	dst[0] = '\0';
	if (!json_object_is_type(obj, json_type_object))
		return dst;
	json_object_object_foreach(obj, key, value)
	{
		int d = near_distance(name, key);

		(void)value;
		if (!best || d < least) {
			best = key;
			least = d;
		}
	}
	if (best)
		snprintf(dst, size, "; the nearest is \"%s\"", printable(safe, sizeof(safe), best));
	return dst;
}

static bool holds(struct json_object *value, enum holds what)
{
	if (what == HOLDS_NUMBER)
		return side_is_number(value);
	/* Power Lora Loader (rgthree) keeps a LoRA as an object. */
	return side_is_string(value) || (what == HOLDS_LORA && json_str(value, "lora"));
}

static bool is_picture(struct json_object *value)
{
	int64_t n = json_object_get_int64(value);

	return json_object_is_type(value, json_type_int) && n >= 1 && n <= BATCH_MAX;
}

static void add_place(struct workflow_inputs *list, const char *node, const char *input,
	struct json_object *picture)
{
	size_t before = list->n;

	inputs_add(list, node, input, NULL);
	if (picture && list->n > before)
		list->at[before].picture = json_object_get_int(picture);
}

static void read_place(struct side *s, const struct place *p, struct json_object *value)
{
	static const char *const kinds[] = {"text", "number", "LoRA's file name"};
	static const char *const names[] = {"node", "input", "picture"};
	struct json_object *picture = json_member(value, "picture");
	struct json_object *id = json_member(value, "node"), *node, *inputs, *at;
	const char *input = json_str(value, "input");
	bool told = side_is_string(id) || json_object_is_type(id, json_type_int);
	char where[40], prefix[48], safe[80], near[120];

	snprintf(where, sizeof(where), "nodes.%s", p->name);
	snprintf(prefix, sizeof(prefix), "%s.", where);
	if (!json_object_is_type(value, json_type_object) || !told || !input) {
		side_bad(s, where,
			"{\"node\": \"6\", \"input\": \"text\"} is needed, and this is %s",
			side_shown(value, safe, sizeof(safe)));
		return;
	}
	json_object_object_foreach(value, key, ignored)
	{
		(void)ignored;
		(void)side_known(s, prefix, key, names, countof(names));
	}
	node = json_member(s->wf->graph, json_object_get_string(id));
	inputs = json_member(node, "inputs");
	at = json_member(inputs, input);
	printable(safe, sizeof(safe), node ? input : json_object_get_string(id));
	if (!node)
		side_bad(s, where, "there is no node %s in the graph%s", safe,
			near_member(s->wf->graph, json_object_get_string(id), near, sizeof(near)));
	else if (!at)
		side_bad(s, where, "node %s has no input %s%s", json_object_get_string(id), safe,
			near_member(inputs, input, near, sizeof(near)));
	else if (json_object_is_type(at, json_type_array))
		side_bad(s, where,
			"the input %s of node %s is linked to another node: name the node where "
			"the value stands",
			safe, json_object_get_string(id));
	else if (!holds(at, p->holds))
		side_bad(s, where, "the input %s of node %s does not hold a %s", safe,
			json_object_get_string(id), kinds[p->holds]);
	else if (picture && !p->own)
		side_bad(s, where, "only a prompt, a negative or a seed can be one picture's");
	else if (picture && !is_picture(picture))
		side_bad(s, where, "picture is 1 to %d, and this is %s", BATCH_MAX,
			side_shown(picture, safe, sizeof(safe)));
	else
		add_place(list_of(s->wf, p), json_object_get_string(id), input, picture);
}

/* One place, or a list of them; an empty list says that there is none. */
static void read_places(struct side *s, const struct place *p, struct json_object *value)
{
	bool many = json_object_is_type(value, json_type_array);
	char where[40];

	snprintf(where, sizeof(where), "nodes.%s", p->name);
	if (many && json_len(value) == 0 && p->needed)
		side_bad(s, where, "there must be one");
	if (many && json_len(value) > 1 && p->single)
		side_bad(s, where, "there can only be one");
	for (size_t i = 0; i < (many ? json_len(value) : 1) && i < WORKFLOW_INPUTS_MAX; i++)
		read_place(s, p, many ? json_object_array_get_idx(value, i) : value);
	list_of(s->wf, p)->given = true;
}

void side_read_nodes(struct side *s, struct json_object *value)
{
	const struct workflow_inputs *prompt = &s->wf->prompt;
	const char *names[countof(places)];
	char safe[80];

	for (size_t i = 0; i < countof(places); i++)
		names[i] = places[i].name;
	if (!json_object_is_type(value, json_type_object)) {
		side_bad(s, "nodes", "{\"prompt\": {...}, ...} is needed, and this is %s",
			side_shown(value, safe, sizeof(safe)));
		return;
	}
	json_object_object_foreach(value, key, inner)
	{
		int i = side_known(s, "nodes.", key, names, countof(places));

		if (i >= 0)
			read_places(s, &places[i], inner);
	}
	for (size_t i = 0; i < prompt->n; i++)
		if (inputs_have(&s->wf->negative, prompt->at[i].node, prompt->at[i].input))
			side_bad(s, "nodes", "prompt and negative are the same input of node %s",
				prompt->at[i].node);
}

void sidecar_check_nodes(struct graph *g)
{
	char label[LABEL_SIZE], name[160];

	for (size_t i = 0; i < countof(places) && g->wf->n_outputs > 0; i++) {
		const struct workflow_inputs *list = list_of(g->wf, &places[i]);

		for (size_t k = 0; k < list->n && list->given; k++) {
			int at = graph_find(g, list->at[k].node);

			if (at < 0 || g->nodes[at].live)
				continue;
			workflow_problem(g->wf,
				"%s.meta.json: nodes.%s: nothing that is saved depends on %s",
				printable(name, sizeof(name), g->wf->name), places[i].name,
				graph_label(g, at, label));
		}
	}
}
