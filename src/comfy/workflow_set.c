/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/limits.h"
#include "comfy/workflow_graph.h"

struct entry {
	struct workflow *wf;
	char *title, *title_es; /* as they were read; wf's may have the file's name added */
};

struct workflow_set {
	struct entry *at; /* sorted by wf->title, then name */
	size_t n;
};

struct workflow_set *workflow_set_new(void)
{
	return xcalloc(1, sizeof(struct workflow_set));
}

static void entry_free(struct entry *e)
{
	workflow_free(e->wf);
	free(e->title);
	free(e->title_es);
}

struct workflow_set *workflow_set_free(struct workflow_set *set)
{
	for (size_t i = 0; set && i < set->n; i++) {
		entry_free(&set->at[i]);
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
static void set_title(char **where, const char *title, const char *name, bool alone)
{
	char *both = xasprintf("%s [%s]", title, name);
	char *cut = title_cut(both);

	if (alone)
		str_set(where, title);
	else if (strlen(cut) == strlen(both))
		str_set(where, both);
	else
		str_set(where, name);
	free(both);
	free(cut);
}

static const char *title_of(const struct entry *e, bool spanish)
{
	return spanish && e->title_es ? e->title_es : e->title;
}

/* Does no other one that can be chosen have this title? Those that cannot confuse nobody. */
static bool is_alone(const struct workflow_set *set, size_t i, bool spanish)
{
	for (size_t k = 0; k < set->n && workflow_usable(set->at[i].wf); k++)
		if (k != i && workflow_usable(set->at[k].wf) &&
			strcasecmp(title_of(&set->at[i], spanish), title_of(&set->at[k], spanish)) ==
				0)
			return false;
	return true;
}

/* After every change: titles told apart, and in order. */
static void settle(struct workflow_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		struct entry *e = &set->at[i];

		set_title(&e->wf->title, e->title, e->wf->name, is_alone(set, i, false));
		if (e->title_es || !is_alone(set, i, true))
			set_title(&e->wf->title_es, title_of(e, true), e->wf->name,
				is_alone(set, i, true));
		else
			str_set(&e->wf->title_es, NULL);
	}
	if (set->n > 0)
		qsort(set->at, set->n, sizeof(*set->at), by_title);
}

static struct entry entry_new(struct workflow *wf)
{
	return (struct entry){wf, xstrdup(wf->title), xstrdup(wf->title_es)};
}

void workflow_set_add(struct workflow_set *set, struct workflow *wf)
{
	if (workflow_set_find(set, wf->name))
		workflow_problem(wf, "there is another workflow of this name");
	if (set->n >= WORKFLOWS_MAX)
		workflow_problem(wf, "there are more than %d workflows", WORKFLOWS_MAX);
	set->at = xrealloc(set->at, (set->n + 1) * sizeof(*set->at));
	set->at[set->n++] = entry_new(wf);
	settle(set);
}

static struct entry *entry_find(struct workflow_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (str_eq(set->at[i].wf->name, name))
			return &set->at[i];
	return NULL;
}

bool workflow_set_replace(struct workflow_set *set, struct workflow *wf)
{
	struct entry *old = entry_find(set, wf->name);

	if (!old) {
		workflow_set_add(set, wf);
		return workflow_usable(wf);
	}
	if (!workflow_usable(wf) && workflow_usable(old->wf)) {
		workflow_free(wf);
		return false;
	}
	entry_free(old);
	*old = entry_new(wf);
	settle(set);
	return workflow_usable(wf);
}

bool workflow_set_remove(struct workflow_set *set, const char *name)
{
	struct entry *old = entry_find(set, name);

	if (!old)
		return false;
	entry_free(old);
	*old = set->at[--set->n];
	settle(set);
	return true;
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
		if (strcasecmp(wf->name, typed) == 0 || strcasecmp(wf->title, typed) == 0 ||
			strcasecmp(workflow_title_in(wf, true), typed) == 0)
			return wf;
	for (size_t i = 0; (wf = workflow_set_at(set, kind, i)); i++)
		if (has_word(wf->title, typed) || has_word(workflow_title_in(wf, true), typed)) {
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
