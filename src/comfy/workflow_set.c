/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/limits.h"
#include "comfy/workflow_graph.h"

struct entry {
	struct workflow *wf;
	char *title; /* as it was read; wf->title may have the file's name added */
};

struct workflow_set {
	struct entry *at; /* sorted by wf->title, then name */
	size_t n;
};

struct workflow_set *workflow_set_new(void)
{
	return xcalloc(1, sizeof(struct workflow_set));
}

struct workflow_set *workflow_set_free(struct workflow_set *set)
{
	for (size_t i = 0; set && i < set->n; i++) {
		workflow_free(set->at[i].wf);
		free(set->at[i].title);
	}
	if (set)
		free(set->at);
	free(set);
	return NULL;
}

static int by_title(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcasecmp(x->wf->title, y->wf->title);

	return order ? order : strcmp(x->wf->name, y->wf->name);
}

/* Two files with the same model: "Flux (Schnell) [flux_big]"; the name is kept whole. */
static void set_title(struct entry *e, bool alone)
{
	char *both = xasprintf("%s [%s]", e->title, e->wf->name);
	char *cut = title_cut(both);

	if (alone)
		str_set(&e->wf->title, e->title);
	else if (strlen(cut) == strlen(both))
		str_set(&e->wf->title, both);
	else
		str_set(&e->wf->title, e->wf->name);
	free(both);
	free(cut);
}

void workflow_set_add(struct workflow_set *set, struct workflow *wf)
{
	if (workflow_set_find(set, wf->name))
		workflow_problem(wf, "there is another workflow of this name");
	if (set->n >= WORKFLOWS_MAX)
		workflow_problem(wf, "there are more than %d workflows", WORKFLOWS_MAX);
	set->at = xrealloc(set->at, (set->n + 1) * sizeof(*set->at));
	set->at[set->n++] = (struct entry){wf, xstrdup(wf->title)};
	/* Those that cannot be chosen confuse nobody. */
	for (size_t i = 0; i < set->n; i++) {
		bool alone = true;

		for (size_t k = 0; k < set->n && workflow_usable(set->at[i].wf); k++)
			if (k != i && workflow_usable(set->at[k].wf) &&
				strcasecmp(set->at[i].title, set->at[k].title) == 0)
				alone = false;
		set_title(&set->at[i], alone);
	}
	qsort(set->at, set->n, sizeof(*set->at), by_title);
}

const struct workflow *workflow_set_find(const struct workflow_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (workflow_usable(set->at[i].wf) && str_eq(set->at[i].wf->name, name))
			return set->at[i].wf;
	return NULL;
}

const struct workflow *workflow_set_at(
	const struct workflow_set *set, enum workflow_kind kind, size_t i)
{
	for (size_t k = 0; k < set->n; k++)
		if (workflow_usable(set->at[k].wf) && set->at[k].wf->kind == kind && i-- == 0)
			return set->at[k].wf;
	return NULL;
}

const struct workflow *workflow_set_all(const struct workflow_set *set, size_t i)
{
	return i < set->n ? set->at[i].wf : NULL;
}

const struct workflow *workflow_set_match(
	const struct workflow_set *set, enum workflow_kind kind, const char *typed)
{
	const struct workflow *wf, *only = NULL;
	size_t n = 0;

	if (!typed)
		return NULL;
	for (size_t i = 0; (wf = workflow_set_at(set, kind, i)); i++)
		if (strcasecmp(wf->name, typed) == 0 || strcasecmp(wf->title, typed) == 0)
			return wf;
	for (size_t i = 0; (wf = workflow_set_at(set, kind, i)); i++)
		if (has_word(wf->title, typed)) {
			only = wf;
			n++;
		}
	return n == 1 ? only : NULL;
}

size_t workflow_set_count(const struct workflow_set *set, enum workflow_kind kind)
{
	size_t n = 0;

	while (workflow_set_at(set, kind, n))
		n++;
	return n;
}
