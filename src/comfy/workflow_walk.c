/* SPDX-License-Identifier: Apache-2.0 */
#include "comfy/workflow_graph.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/limits.h"

/*
 * From the samplers, along the inputs named positive, negative or conditioning, to
 * the texts. A walk arrives at a node in a role; where the node itself has inputs
 * named after that role (ControlNetApplyAdvanced, CFGGuider, ApplyInstantID: several
 * outputs, told apart only by slot) it goes on along those, because a node that takes
 * positive and negative in gives them out in the same sense.
 */

struct text {
	int node;
	const char *input;
	int encoder; /* where the walk changed from conditioning to text */
	int join;    /* the node that joins this text with others, or -1 */
	unsigned roles;
	size_t order; /* in which it was met */
	const char *value;
};

struct step {
	int node;
	unsigned role;
	bool is_text; /* looking for a string, not a conditioning */
	bool start;
	int encoder, join;
};

struct walk {
	struct graph *g;
	struct step *stack;
	size_t n, size;
	struct text *texts;
	size_t n_texts;
	char dead_end[400]; /* why a positive branch gave no prompt, for the refusal */
};

static void push(struct walk *w, struct step step)
{
	if (w->n == w->size) {
		w->size = w->size ? w->size * 2 : 64;
		w->stack = xrealloc(w->stack, w->size * sizeof(*w->stack));
	}
	w->stack[w->n++] = step;
}

static void add_text(struct walk *w, const struct step *at, int encoder, const char *input,
	struct json_object *value)
{
	for (size_t i = 0; i < w->n_texts; i++)
		if (w->texts[i].node == at->node && str_eq(w->texts[i].input, input)) {
			w->texts[i].roles |= at->role;
			return;
		}
	if (w->n_texts >= WORKFLOW_INPUTS_MAX)
		return;
	w->texts = xrealloc(w->texts, (w->n_texts + 1) * sizeof(*w->texts));
	w->texts[w->n_texts] = (struct text){.node = at->node,
		.input = input,
		.encoder = encoder,
		.join = at->join,
		.roles = at->role,
		.order = w->n_texts,
		.value = json_object_get_string(value)};
	w->n_texts++;
}

static void dead_end(struct walk *w, const struct step *at, const char *why)
{
	char label[LABEL_SIZE];

	if (at->role == ROLE_POSITIVE && !w->dead_end[0])
		snprintf(w->dead_end, sizeof(w->dead_end), "%s %s",
			graph_label(w->g, at->node, label), why);
}

static bool titled(const struct node *node, const char *word)
{
	return strncasecmp(node->title, word, strlen(word)) == 0;
}

/* The follow functions return how many inputs they found. */
static size_t follow_role(struct walk *w, const struct step *at)
{
	size_t n = 0;

	json_object_object_foreach(w->g->nodes[at->node].inputs, name, value)
	{
		int to = graph_link(w->g, value);

		if (!name_is_role(name, (int)at->role))
			continue;
		if (to >= 0)
			push(w, (struct step){
					.node = to, .role = at->role, .encoder = -1, .join = -1});
		else if (json_object_is_type(value, json_type_string))
			add_text(w, at, at->node, name, value);
		else
			continue;
		n++;
	}
	return n;
}

static size_t follow_conditioning(struct walk *w, const struct step *at)
{
	size_t n = 0;

	json_object_object_foreach(w->g->nodes[at->node].inputs, name, value)
	{
		int to = graph_link(w->g, value);

		if (to < 0 || !name_is_conditioning(name))
			continue;
		push(w, (struct step){.node = to, .role = at->role, .encoder = -1, .join = -1});
		n++;
	}
	return n;
}

/* An encoder's own texts, or the string nodes behind them. */
static size_t follow_encoder(struct walk *w, const struct step *at)
{
	size_t n = 0;

	json_object_object_foreach(w->g->nodes[at->node].inputs, name, value)
	{
		int to = graph_link(w->g, value);

		if (!name_is_text(name) ||
			(to < 0 && !json_object_is_type(value, json_type_string)))
			continue;
		if (to >= 0)
			push(w, (struct step){.node = to,
					.role = at->role,
					.is_text = true,
					.encoder = at->node,
					.join = -1});
		else
			add_text(w, at, at->node, name, value);
		n++;
	}
	return n;
}

/* A node of a kind that we do not know: along everything that might be a conditioning. */
static size_t follow_unknown(struct walk *w, const struct step *at)
{
	size_t n = 0;

	json_object_object_foreach(w->g->nodes[at->node].inputs, name, value)
	{
		int to = graph_link(w->g, value);

		if (to < 0 || name_is_other_type(name) || name_is_role(name, ROLE_POSITIVE) ||
			name_is_role(name, ROLE_NEGATIVE))
			continue;
		push(w, (struct step){.node = to,
				.role = at->role,
				.is_text = at->is_text,
				.encoder = at->encoder,
				.join = at->join});
		n++;
	}
	return n;
}

static void visit_conditioning(struct walk *w, const struct step *at)
{
	struct node *node = &w->g->nodes[at->node];

	if (node->seen_cond & at->role)
		return;
	node->seen_cond |= at->role;
	if (class_zeroes(node->class)) {
		dead_end(w, at, "zeroes the conditioning");
		return;
	}
	if (follow_role(w, at) > 0 || follow_conditioning(w, at) > 0)
		return;
	if (!at->start && titled(node, "Empty")) {
		dead_end(w, at, "is titled Empty");
		return;
	}
	if (follow_encoder(w, at) > 0 || at->start || follow_unknown(w, at) > 0)
		return;
	dead_end(w, at, "has no text input that is known");
}

/* How a node that joins strings (StringConcatenate: string_a, string_b) is filled in. */
struct joint {
	size_t links, written, blank;
};

static struct joint count_joined(const struct walk *w, const struct node *node)
{
	struct joint c = {0};

	json_object_object_foreach(node->inputs, name, value)
	{
		if (!name_is_joined_text(name))
			continue;
		if (graph_link(w->g, value) >= 0)
			c.links++;
		else if (json_object_is_type(value, json_type_string))
			c.written++, c.blank += !*json_object_get_string(value);
	}
	return c;
}

/*
 * A node that gives a string. Of several strings to be joined the linked ones lead
 * to the prompt and the written ones are fixed additions; among written ones only
 * the empty one can be the place for the prompt.
 */
static size_t follow_strings(struct walk *w, const struct step *at)
{
	struct node *node = &w->g->nodes[at->node];
	struct joint c = count_joined(w, node);
	bool open = c.links > 1 || (c.links == 0 && c.written > 1 && c.blank != 1);
	size_t n = 0;

	json_object_object_foreach(node->inputs, name, value)
	{
		struct step here = *at;
		int to = graph_link(w->g, value);
		bool joined = name_is_joined_text(name);

		if (!name_is_text(name) && !name_is_role(name, (int)at->role))
			continue;
		if (here.join < 0 && joined && open)
			here.join = at->node;
		if (to >= 0) {
			here.node = to;
			push(w, here);
			n++;
		} else if (json_object_is_type(value, json_type_string)) {
			bool fixed =
				joined && (c.links > 0 || (c.written > 1 && c.blank == 1 &&
								  *json_object_get_string(value)));

			if (!fixed)
				add_text(w, &here, at->encoder, name, value);
			n++;
		}
	}
	return n;
}

static void visit_text(struct walk *w, const struct step *at)
{
	struct node *node = &w->g->nodes[at->node];

	if (node->seen_text & at->role)
		return;
	node->seen_text |= at->role;
	if (titled(node, "Empty"))
		dead_end(w, at, "is titled Empty");
	else if (follow_strings(w, at) == 0 && follow_unknown(w, at) == 0)
		dead_end(w, at, "has no text that could be set");
}

/* The first text of a node that is not blank, without the space around it. */
static void signature(const struct walk *w, int node, const char **ret, size_t *ret_len)
{
	*ret = "";
	*ret_len = 0;
	for (size_t i = 0; i < w->n_texts; i++) {
		const char *s = w->texts[i].value;
		size_t n;

		if (w->texts[i].node != node || !(w->texts[i].roles & ROLE_POSITIVE))
			continue;
		while (isspace((unsigned char)*s))
			s++;
		for (n = strlen(s); n > 0 && isspace((unsigned char)s[n - 1]); n--)
			;
		if (n > 0) {
			*ret = s;
			*ret_len = n;
			return;
		}
	}
}

/* Joined texts: the only blank one is the place for the prompt. */
static void settle_joins(struct walk *w)
{
	for (size_t i = 0; i < w->n_texts; i++) {
		size_t blank = 0, all = 0;
		int join = w->texts[i].join;

		if (join < 0)
			continue;
		for (size_t k = 0; k < w->n_texts; k++)
			if (w->texts[k].join == join) {
				all++;
				blank += !*w->texts[k].value;
			}
		for (size_t k = 0; k < w->n_texts; k++) {
			if (w->texts[k].join != join)
				continue;
			if (all == 1 || (blank == 1 && !*w->texts[k].value))
				w->texts[k].join = -1;
			else if (blank == 1)
				w->texts[k].roles &= ~(unsigned)ROLE_POSITIVE;
		}
	}
}

/* The owner's own word on it: of several, those titled "Prompt..." are meant. */
static void settle_titles(struct walk *w)
{
	const struct graph *g = w->g;
	bool any = false;

	for (size_t i = 0; i < w->n_texts; i++) {
		struct text *t = &w->texts[i];

		any |= (t->roles & ROLE_POSITIVE) &&
		       (titled(&g->nodes[t->node], "Prompt") ||
			       titled(&g->nodes[t->encoder], "Prompt"));
	}
	for (size_t i = 0; i < w->n_texts && any; i++) {
		struct text *t = &w->texts[i];

		if (titled(&g->nodes[t->node], "Prompt") || titled(&g->nodes[t->encoder], "Prompt"))
			t->join = -1;
		else
			t->roles &= ~(unsigned)ROLE_POSITIVE;
	}
}

/*
 * Several places for the prompt are one prompt when they hold the same text (base
 * and refiner, two samplers); with different texts nobody can tell which one the
 * member's words are to replace.
 */
static void refuse_ambiguous(struct walk *w)
{
	const struct text *first = NULL;
	char a[LABEL_SIZE], b[LABEL_SIZE];

	for (size_t i = 0; i < w->n_texts; i++) {
		const struct text *t = &w->texts[i];
		const char *x, *y;
		size_t n, m;

		if (!(t->roles & ROLE_POSITIVE))
			continue;
		if (t->join >= 0) {
			workflow_problem(w->g->wf,
				"%s: the prompt is ambiguous: it joins several texts; leave only "
				"the one for the member's words empty, or title it \"Prompt\", or "
				"name it in a sidecar (nodes.prompt)",
				graph_label(w->g, t->join, a));
			return;
		}
		first = first ? first : t;
		signature(w, first->node, &x, &n);
		signature(w, t->node, &y, &m);
		if (n != m || memcmp(x, y, n) != 0) {
			workflow_problem(w->g->wf,
				"%s: the prompt is ambiguous: %s holds another text; title the one "
				"for the member's words \"Prompt\", and one that must stay empty "
				"\"Empty...\"; or name it in a sidecar (nodes.prompt)",
				graph_label(w->g, t->node, a), graph_label(w->g, first->node, b));
			return;
		}
	}
}

static int by_order(const void *a, const void *b)
{
	const struct text *x = a, *y = b;

	return x->node != y->node ? (x->node > y->node) - (x->node < y->node)
				  : (x->order > y->order) - (x->order < y->order);
}

static void give(struct walk *w)
{
	struct workflow *wf = w->g->wf;

	for (size_t i = 0; i < w->n_texts; i++) {
		const struct text *t = &w->texts[i];

		const char *id = w->g->nodes[t->node].id;

		/* One may be the other by the sidecar's word. */
		if ((t->roles & ROLE_POSITIVE) && !inputs_have(&wf->negative, id, t->input))
			inputs_add(&wf->prompt, id, t->input, NULL);
		else if ((t->roles & ROLE_NEGATIVE) && !inputs_have(&wf->prompt, id, t->input))
			inputs_add(&wf->negative, id, t->input, NULL);
	}
}

void find_texts(struct graph *g)
{
	struct walk w = {.g = g};
	char label[LABEL_SIZE];
	int sampler = -1;

	for (size_t i = 0; i < g->n; i++) {
		if (!g->nodes[i].sampler)
			continue;
		sampler = sampler < 0 ? (int)i : sampler;
		for (unsigned role = ROLE_POSITIVE; role <= ROLE_NEGATIVE; role++)
			push(&w, (struct step){.node = (int)i,
					 .role = role,
					 .start = true,
					 .encoder = -1,
					 .join = -1});
		while (w.n > 0) {
			struct step at = w.stack[--w.n];

			if (at.is_text)
				visit_text(&w, &at);
			else
				visit_conditioning(&w, &at);
		}
	}
	if (w.n_texts > 0)
		qsort(w.texts, w.n_texts, sizeof(*w.texts), by_order);
	settle_joins(&w);
	settle_titles(&w);
	if (!g->wf->prompt.given)
		refuse_ambiguous(&w);
	give(&w);
	if (sampler >= 0 && g->wf->prompt.n == 0)
		workflow_problem(g->wf,
			"%s: no text for the prompt was found upstream of it%s%s; a sidecar can "
			"name it (nodes.prompt)",
			graph_label(g, sampler, label), w.dead_end[0] ? ": " : "", w.dead_end);
	free(w.stack);
	free(w.texts);
}
