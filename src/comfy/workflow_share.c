/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "comfy/workflow_graph.h"

/*
 * Whether one pass can draw the prompts of different members. ComfyUI's own nodes give all pictures
 * of a latent batch one conditioning; a batch encoder takes a text for each picture (text_1,
 * text_2,
 * ... and batch_size, how many of them count) and gives a conditioning for each. Known by its
 * inputs, whatever it is called. In the same way seed_1, seed_2, ... are each picture's seed.
 */

/* "text_3" of stem "text_" is 3; 0: it is none. */
static int numbered(const char *name, const char *stem)
{
	uint64_t n;

	if (!str_starts(name, stem) || parse_u64(name + strlen(stem), &n) < 0 || n < 1 ||
		n > BATCH_MAX || name[strlen(stem)] == '0')
		return 0;
	return (int)n;
}

struct row {
	int n;	     /* how many there are */
	int highest; /* more than n: one is missing */
	int missing; /* the lowest that is, else 0 */
	bool linked; /* one does not stand in the node itself */
};

static struct row row_of(const struct node *node, const char *stem)
{
	bool there[BATCH_MAX + 1] = {0};
	struct row row = {0};

	json_object_object_foreach(node->inputs, name, value)
	{
		int at = numbered(name, stem);

		if (!at)
			continue;
		there[at] = true;
		row.n++;
		row.highest = max_of(row.highest, at);
		row.linked |= json_object_is_type(value, json_type_array);
	}
	for (int i = row.highest; i >= 1; i--)
		if (!there[i])
			row.missing = i;
	return row;
}

static bool is_encoder(const struct node *node)
{
	return json_member(node->inputs, "batch_size") && row_of(node, "text_").n >= 2;
}

/* Each picture's own inputs get its number. Those that a sidecar names have theirs from there. */
static void number_inputs(struct graph *g, struct workflow_inputs *list, const char *stem)
{
	for (size_t i = 0; i < list->n && !list->given; i++) {
		const struct node *node = &g->nodes[graph_find(g, list->at[i].node)];

		if (row_of(node, stem).n >= 2 && (str_eq(stem, "seed_") || is_encoder(node)))
			list->at[i].picture = numbered(list->at[i].input, stem);
	}
}

void find_seed_rows(struct graph *g)
{
	for (size_t i = 0; i < g->n; i++) {
		struct row row = row_of(&g->nodes[i], "seed_");

		if (!g->nodes[i].live || row.n < 2 || row.missing || row.linked)
			continue;
		json_object_object_foreach(g->nodes[i].inputs, name, value)
		{
			(void)value;
			if (numbered(name, "seed_"))
				inputs_add(&g->wf->seed, g->nodes[i].id, name, NULL);
		}
	}
}

/* Why the prompts of this workflow go alone, though somebody meant it otherwise. */
static void alone(struct graph *g, int node, const char *why)
{
	char label[LABEL_SIZE];

	g->wf->shares = 1;
	if (node >= 0)
		workflow_warning(g->wf, "%s: prompts of several members do not share a pass: %s",
			graph_label(g, node, label), why);
	else
		workflow_warning(g->wf, "prompts of several members do not share a pass: %s", why);
}

/* A text that is missing in the middle: nobody can tell which picture the others are for. */
static bool refuse_gap(struct graph *g, size_t i, const struct row *row)
{
	char label[LABEL_SIZE];

	if (!row->missing)
		return false;
	workflow_problem(g->wf,
		"%s: it has text_%d but no text_%d, so nobody can tell which text is whose "
		"picture's; export it again",
		graph_label(g, (int)i, label), row->highest, row->missing);
	return true;
}

/* A number that says something else as well. */
static bool is_taken(const struct workflow *wf, const char *node, const char *input)
{
	const struct workflow_inputs *lists[] = {
		&wf->seed, &wf->width, &wf->height, &wf->steps, &wf->cfg};

	for (size_t i = 0; i < countof(lists); i++)
		if (inputs_have(lists[i], node, input))
			return true;
	return false;
}

/* Where the number of texts is told: true when it can be. */
static bool find_count(struct graph *g, size_t i)
{
	struct workflow *wf = g->wf;
	const char *input;
	int at;

	if (wf->texts.given)
		return true;
	if (!find_number(g, (int)i, "batch_size", &at, &input) ||
		is_taken(wf, g->nodes[at].id, input))
		return false;
	/* One number may be that of the pictures too. */
	if (inputs_have(&wf->batch, g->nodes[at].id, input))
		wf->pass_max = min_of(wf->pass_max, row_of(&g->nodes[i], "text_").n);
	else
		inputs_add(&wf->texts, g->nodes[at].id, input, NULL);
	return true;
}

/* Of the list: each picture's own, 1 to n without a gap; 0: there is one that is of every picture.
 */
static int own_inputs(const struct workflow_inputs *list, int *ret_missing)
{
	bool there[BATCH_MAX + 2] = {0};
	int n = 0;

	*ret_missing = 0;
	for (size_t i = 0; i < list->n; i++) {
		if (!list->at[i].picture)
			return 0;
		there[list->at[i].picture] = true;
	}
	while (there[n + 1])
		n++;
	for (int i = n + 2; i <= BATCH_MAX; i++)
		if (there[i])
			*ret_missing = n + 1;
	return n;
}

/* Several prompts in different encoders (of a base and a refiner): as many as the shortest has. */
static int prompts_of(struct graph *g)
{
	struct workflow *wf = g->wf;
	int missing, n = own_inputs(&wf->prompt, &missing);

	if (missing)
		workflow_problem(wf,
			"the sidecar gives pictures prompts of their own, but picture %d has none: "
			"nodes.prompt",
			missing);
	for (size_t i = 0; i < g->n && !wf->prompt.given; i++)
		for (size_t k = 0; k < wf->prompt.n && n > 0; k++)
			if (str_eq(wf->prompt.at[k].node, g->nodes[i].id))
				n = min_of(n, row_of(&g->nodes[i], "text_").n);
	return missing ? 0 : n;
}

static bool check_encoders(struct graph *g, int *ret_first)
{
	for (size_t i = 0; i < g->n; i++) {
		struct node *node = &g->nodes[i];
		struct row row;

		if (!node->live || !is_encoder(node))
			continue;
		row = row_of(node, "text_");
		*ret_first = *ret_first < 0 ? (int)i : *ret_first;
		if (!g->wf->prompt.given && refuse_gap(g, i, &row))
			return false;
		if (!find_count(g, i)) {
			alone(g, (int)i,
				"its batch_size is linked to something that cannot be set");
			return false;
		}
		if (row.linked && !g->wf->prompt.given) {
			alone(g, (int)i, "its texts are linked: let them stand in the node itself");
			return false;
		}
	}
	return true;
}

void find_shares(struct graph *g)
{
	struct workflow *wf = g->wf;
	int first = NODE_NONE, missing, n, seeds;

	wf->pass_max = BATCH_MAX;
	wf->shares = 1;
	number_inputs(g, &wf->prompt, "text_");
	number_inputs(g, &wf->negative, "text_");
	number_inputs(g, &wf->seed, "seed_");
	if (!check_encoders(g, &first))
		return;
	n = prompts_of(g);
	/* A picture to edit is one member's. */
	if (wf->no_share || wf->image.n > 0 || (n < 2 && first < 0))
		return;
	if (n < 2) {
		alone(g, first, "the prompt stands in a node that has one text for all pictures");
		return;
	}
	if (wf->batch.n == 0) {
		alone(g, first, "no batch_size of a latent was found that could be set with it");
		return;
	}
	if (wf->n_outputs != 1) {
		alone(g, first,
			"several nodes save pictures, so nobody can tell whose picture is whose");
		return;
	}
	seeds = own_inputs(&wf->seed, &missing);
	wf->own_seeds = seeds >= 2 && !missing;
	wf->shares = wf->own_seeds ? min_of(n, seeds) : n;
}
