/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "core/learn_in.h"

/*
 * From measurements to times: how a workflow's time grows with work and pictures, what it takes on
 * a usual card, and how much faster than that each card is. A cell's time is its workflow's over
 * its card's speed; both are found by medians in turn, since no card ran everything.
 */

/* Between works that are nearer the slope is mostly chance. */
#define WORK_APART 0.25
/* So many measured slopes outvote that time is as work. */
#define SLOPES_PRIOR 5
#define SLOPES_MAX   200
#define FIT_ROUNDS   6
/* A card is as fast as others unless more than half a workflow says otherwise. */
#define SPEED_PRIOR 0.5

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double learn_median(double *at, int n)
{
	must(n > 0);
	qsort(at, (size_t)n, sizeof(at[0]), compare);
	return at[(n - 1) / 2];
}

double learn_ring_median(const struct learn_ring *ring)
{
	double at[LEARN_OTHERS];

	memcpy(at, ring->at, sizeof(at));
	return learn_median(at, ring->n);
}

static bool is_cold(const struct learn_cell *cell)
{
	return cell->n_runs > 0 && cell->runs[0].cold;
}

/* ---- one workflow ---- */

static int slopes_of(const struct learn_cell *cell, double *at, int n)
{
	for (int i = 0; i < cell->n_runs; i++)
		for (int k = i + 1; k < cell->n_runs && n < SLOPES_MAX; k++) {
			const struct learn_sample *a = &cell->runs[i], *b = &cell->runs[k];
			double apart = a->work - b->work;

			if (a->work > 0 && b->work > 0 && fabs(apart) >= WORK_APART &&
				a->pictures == b->pictures)
				at[n++] = (a->ms - b->ms) / apart;
		}
	return n;
}

static double exponent_of(const struct learn_model *m)
{
	double at[SLOPES_MAX + SLOPES_PRIOR];
	int n = 0;

	for (const struct learn_cell *c = m->cells; c; c = c->next_of_model)
		if (!is_cold(c))
			n = slopes_of(c, at, n);
	for (int i = 0; i < SLOPES_PRIOR; i++)
		at[n++] = 1;
	return min_of(max_of(learn_median(at, n), 0.3), 1.6);
}

static double usual_of(const struct learn_model *m)
{
	double at[SLOPES_MAX];
	int n = 0;

	for (const struct learn_cell *c = m->cells; c; c = c->next_of_model)
		for (int i = 0; i < c->n_runs && n < SLOPES_MAX; i++)
			if (c->runs[i].work > 0)
				at[n++] = c->runs[i].work;
	return n ? learn_median(at, n) : 0;
}

static double work_of(const struct learn_model *m, const struct learn_sample *s)
{
	return s->work > 0 ? s->work : m->usual;
}

/* One picture of work 1, from the runs that drew one, or from all. */
static double centre_of(const struct learn_cell *cell, const struct learn_model *m, bool single)
{
	double at[LEARN_RUNS];
	int n = 0;

	for (int i = 0; i < cell->n_runs; i++) {
		const struct learn_sample *s = &cell->runs[i];

		if (single && s->pictures > 1)
			continue;
		at[n++] =
			s->ms - m->exponent * work_of(m, s) - log(1 + (s->pictures - 1) * m->extra);
	}
	return n ? learn_median(at, n) : NAN;
}

/* What a further picture of a pass takes, against the first: as much, until passes of several were
 * seen beside those of one. */
static double extra_of(const struct learn_model *m)
{
	double at[SLOPES_MAX + 1] = {1};
	int n = 1;

	for (const struct learn_cell *c = m->cells; c; c = c->next_of_model) {
		double one = is_cold(c) ? NAN : centre_of(c, m, true);

		for (int i = 0; i < c->n_runs && n < SLOPES_MAX && !isnan(one); i++) {
			const struct learn_sample *s = &c->runs[i];
			double first = exp(one + m->exponent * work_of(m, s));

			if (s->pictures > 1)
				at[n++] = (exp(s->ms) / first - 1) / (s->pictures - 1);
		}
	}
	return min_of(max_of(learn_median(at, n), 0.05), 1.5);
}

static void fit_model(struct learn_model *m)
{
	m->extra = 1;
	m->usual = usual_of(m);
	m->exponent = exponent_of(m);
	m->extra = extra_of(m);
	m->known = false;
	for (struct learn_cell *c = m->cells; c; c = c->next_of_model) {
		c->centre = centre_of(c, m, false);
		m->known |= !isnan(c->centre);
	}
}

/* ---- all cards ---- */

struct weighed {
	double at, weight;
};

static double weighed_median(struct weighed *w, int n)
{
	double all = 0, sum = 0;

	qsort(w, (size_t)n, sizeof(w[0]), compare); /* by their first member */
	for (int i = 0; i < n; i++)
		all += w[i].weight;
	for (int i = 0; i < n; i++) {
		sum += w[i].weight;
		if (fabs(sum - all / 2) < 1e-9 && i + 1 < n)
			return (w[i].at + w[i + 1].at) / 2;
		if (sum > all / 2)
			return w[i].at;
	}
	return w[n - 1].at;
}

/* One measurement may be odd; three are not. */
static double trust(int n)
{
	return min_of(n, 3) / 3.0;
}

/* A cell's time (loads: its load), NAN when there is none. */
static double value_of(const struct learn_cell *c, bool loads, double *ret_weight)
{
	int n = loads ? c->load.n : c->n_runs;

	*ret_weight = is_cold(c) && !loads ? 0.1 : trust(n);
	if (n == 0)
		return NAN;
	return loads ? learn_ring_median(&c->load) : c->centre;
}

static void centre_models(struct learn *l, bool loads, struct weighed *w)
{
	struct learn_model *m, *next;

	HASH_ITER(hh, l->models, m, next)
	{
		int n = 0;

		for (const struct learn_cell *c = m->cells; c; c = c->next_of_model) {
			double weight, value = value_of(c, loads, &weight);

			if (!isnan(value))
				w[n++] = (struct weighed){value + (loads ? c->of_card->load_speed
									 : c->of_card->speed),
					weight};
		}
		*(loads ? &m->load : &m->centre) = n ? weighed_median(w, n) : 0;
	}
}

static void speed_cards(struct learn *l, bool loads, struct weighed *w)
{
	struct learn_gpu *g, *next;

	HASH_ITER(hh, l->gpus, g, next)
	{
		int n = 0;

		w[n++] = (struct weighed){0, SPEED_PRIOR};
		for (const struct learn_cell *c = g->cells; c; c = c->next_of_card) {
			const struct learn_model *m = c->of_model;
			double weight, value = value_of(c, loads, &weight);

			/* Alone it tells nothing of the card. */
			if (!isnan(value) && m->cells->next_of_model)
				w[n++] = (struct weighed){
					(loads ? m->load : m->centre) - value, weight};
		}
		*(loads ? &g->load_speed : &g->speed) = weighed_median(w, n);
	}
}

void learn_fit(struct learn *l)
{
	struct learn_model *m, *next;
	struct learn_gpu *g, *next_gpu;
	struct weighed *w;

	if (!l->stale)
		return;
	l->stale = false;
	w = xcalloc(HASH_COUNT(l->cells) + 1, sizeof(*w));
	HASH_ITER(hh, l->models, m, next)
	fit_model(m);
	HASH_ITER(hh, l->gpus, g, next_gpu)
	g->speed = g->load_speed = 0;
	for (int i = 0; i < FIT_ROUNDS; i++) {
		centre_models(l, false, w);
		speed_cards(l, false, w);
		centre_models(l, true, w);
		speed_cards(l, true, w);
	}
	free(w);
}
