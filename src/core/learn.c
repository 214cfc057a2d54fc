/* SPDX-License-Identifier: Apache-2.0 */
#include "core/learn.h"

#include <math.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/limits.h"
#include "core/learn_in.h"

/* Shorter pauses before the first step are no loads, whatever they are. */
#define LOAD_MIN_MS 700
/* Longer times are a clock that was set, or a computer that slept. */
#define RUN_MAX_MS (INT64_C(6) * 3600 * 1000)
/* Of the time after the first step, what the first step itself takes as long as that is not known.
 */
#define FIRST_SHARE 0.2

struct learn *learn_new(void)
{
	return xcalloc(1, sizeof(struct learn));
}

/* ---- cells ---- */

static char *key_of(const char *card, const char *model)
{
	return xasprintf("%s\n%s", card, model);
}

struct learn_cell *learn_cell_find(const struct learn *l, const char *card, const char *model)
{
	cleanup(freep) char *key = key_of(card, model);
	struct learn_cell *cell;

	HASH_FIND_STR(l->cells, key, cell);
	return cell && !cell->gone ? cell : NULL;
}

/* Models and cards are alike in that they have a name and cells, and are there as long as they have
 * cells. */
#define group_get(head, text, group)                                                               \
	do {                                                                                       \
		HASH_FIND_STR(head, text, group);                                                  \
		if (group)                                                                         \
			break;                                                                     \
		(group) = xcalloc(1, sizeof(*(group)));                                            \
		(group)->name = xstrdup(text);                                                     \
		HASH_ADD_KEYPTR(hh, head, (group)->name, strlen((group)->name), group);            \
	} while (0)

#define group_leave(head, group, cell, next)                                                       \
	do {                                                                                       \
		LL_DELETE2((group)->cells, cell, next);                                            \
		if ((group)->cells)                                                                \
			break;                                                                     \
		HASH_DEL(head, group);                                                             \
		free((group)->name);                                                               \
		free(group);                                                                       \
	} while (0)

static void unlink_cell(struct learn *l, struct learn_cell *cell)
{
	group_leave(l->models, cell->of_model, cell, next_of_model);
	group_leave(l->gpus, cell->of_card, cell, next_of_card);
}

void learn_cell_free(struct learn *l, struct learn_cell *cell)
{
	HASH_DEL(l->cells, cell);
	free(cell->card_name);
	free(cell->model_name);
	free(cell);
}

struct learn *learn_free(struct learn *l)
{
	struct learn_cell *cell, *next;

	if (!l)
		return NULL;
	HASH_ITER(hh, l->cells, cell, next)
	{
		if (!cell->gone)
			unlink_cell(l, cell);
		learn_cell_free(l, cell);
	}
	free(l);
	return NULL;
}

static void mark(struct learn *l, struct learn_cell *cell)
{
	l->n_dirty += !cell->dirty;
	cell->dirty = true;
}

/* The one that was used longest ago goes; its row, too, as soon as it is asked for. */
static void make_room(struct learn *l)
{
	struct learn_cell *oldest = NULL, *cell, *next;
	int n = 0;

	HASH_ITER(hh, l->cells, cell, next)
	{
		if (cell->gone)
			continue;
		n++;
		if (!oldest || cell->used < oldest->used)
			oldest = cell;
	}
	if (n < LEARNED_ROWS_MAX)
		return;
	unlink_cell(l, oldest);
	oldest->of_model = NULL;
	oldest->of_card = NULL;
	oldest->gone = true;
	mark(l, oldest);
	l->stale = true;
}

struct learn_cell *learn_cell_get(struct learn *l, const char *card, const char *model)
{
	cleanup(freep) char *key = key_of(card, model);
	struct learn_cell *cell;

	HASH_FIND_STR(l->cells, key, cell);
	if (cell && !cell->gone)
		return cell;
	if (cell) { /* it comes back before its row was removed */
		l->n_dirty -= cell->dirty;
		learn_cell_free(l, cell);
	}
	make_room(l);
	cell = xcalloc(1, sizeof(*cell) + strlen(key) + 1);
	memcpy(cell->key, key, strlen(key));
	cell->card_name = xstrdup(card);
	cell->model_name = xstrdup(model);
	group_get(l->models, model, cell->of_model);
	group_get(l->gpus, card, cell->of_card);
	LL_PREPEND2(cell->of_model->cells, cell, next_of_model);
	LL_PREPEND2(cell->of_card->cells, cell, next_of_card);
	cell->used = ++l->uses;
	HASH_ADD_STR(l->cells, key, cell);
	return cell;
}

void learn_touch(struct learn *l, struct learn_cell *cell)
{
	cell->used = ++l->uses;
	mark(l, cell);
	l->stale = true;
}

void learn_push(struct learn_ring *ring, double value)
{
	if (ring->n == LEARN_OTHERS)
		memmove(ring->at, ring->at + 1, (size_t)--ring->n * sizeof(ring->at[0]));
	ring->at[ring->n++] = value;
}

/* As soon as there is one without a load in it, those with one tell nothing more. */
void learn_push_run(struct learn_cell *cell, const struct learn_sample *sample)
{
	if (!sample->cold && cell->n_runs > 0 && cell->runs[0].cold)
		cell->n_runs = 0;
	if (sample->cold && cell->n_runs > 0 && !cell->runs[0].cold)
		return;
	if (cell->n_runs == LEARN_RUNS)
		memmove(cell->runs, cell->runs + 1, (size_t)--cell->n_runs * sizeof(cell->runs[0]));
	cell->runs[cell->n_runs++] = *sample;
}

/* ---- taking in ---- */

/* How long it loaded, in ms; -1: that cannot be told. */
static double load_of(struct learn *l, const struct learn_cell *cell, const struct learn_run *run)
{
	double rest = (double)(run->run_ms - run->first_ms), usual;
	int64_t pass_ms;

	if (run->first_ms >= 0) {
		usual = cell->first.n > 0 ? exp(learn_ring_median(&cell->first))
					  : FIRST_SHARE * rest;
		/* Without a word about it, what had just run is believed to be there. */
		if (run->distance == 0 && cell->first.n < 3)
			return 0;
		return max_of((double)run->first_ms - usual, 0.0);
	}
	if (run->distance == 0)
		return 0;
	if (cell->n_runs == 0 || cell->runs[0].cold)
		return -1;
	pass_ms = learn_pass_ms(l, run->model, run->card, run->work, run->pictures);
	return max_of((double)(run->run_ms - pass_ms), 0.0);
}

/* Of what is no load a part is chance. */
static bool is_load(const struct learn_cell *cell, const struct learn_run *run, double load)
{
	double edge = max_of((double)LOAD_MIN_MS, 0.15 * ((double)run->run_ms - load));

	if (run->first_ms >= 0 && cell->first.n > 0)
		edge = max_of((double)LOAD_MIN_MS, 0.5 * exp(learn_ring_median(&cell->first)));
	if (cell->load.n >= 3)
		edge = max_of((double)LOAD_MIN_MS, 0.4 * exp(learn_ring_median(&cell->load)));
	return load >= edge;
}

/* Whether the card still had what it ran `distance` others ago. The old counts less and less. */
static void note_residency(struct learn *l, const struct learn_run *run, bool loaded)
{
	struct learn_cell *card;
	int d = run->distance;

	if (d <= 0 || d >= LEARN_DISTANCES || (loaded && !run->fits))
		return;
	card = learn_cell_get(l, run->card, "");
	if (card->warm[d] + card->cold[d] >= 16) {
		card->warm[d] /= 2;
		card->cold[d] /= 2;
	}
	card->warm[d] += !loaded;
	card->cold[d] += loaded;
	learn_touch(l, card);
}

/* ComfyUI draws nothing that it has drawn before: no step is told, and it is done at once. */
static bool was_there(struct learn *l, const struct learn_cell *cell, const struct learn_run *run)
{
	return run->first_ms < 0 && cell->first.n > 0 &&
	       run->run_ms < learn_pass_ms(l, run->model, run->card, run->work, run->pictures) / 2;
}

int64_t learn_ran(struct learn *l, const struct learn_run *run)
{
	struct learn_sample sample = {
		.work = run->work > 0 ? log((double)run->work) : 0, .pictures = run->pictures};
	struct learn_cell *cell;
	double load;
	bool loaded;

	if (run->run_ms <= 0 || run->run_ms > RUN_MAX_MS || run->first_ms > run->run_ms ||
		run->pictures < 1 || run->pictures > BATCH_MAX)
		return 0;
	cell = learn_cell_get(l, run->card, run->model);
	if (was_there(l, cell, run))
		return 0;
	load = load_of(l, cell, run);
	loaded = load > 0 && is_load(cell, run, load);
	sample.cold = load < 0;
	sample.ms = log(max_of((double)run->run_ms - (loaded ? load : 0), 1.0));
	/* How long it would have run is a guess of our own there. */
	if (!loaded || run->first_ms >= 0)
		learn_push_run(cell, &sample);
	if (loaded)
		learn_push(&cell->load, log(load));
	else if (run->first_ms > 0 && (cell->first.n > 0 || run->distance == 0))
		learn_push(&cell->first, log((double)run->first_ms));
	learn_touch(l, cell);
	if (load >= 0)
		note_residency(l, run, loaded);
	return loaded ? (int64_t)load : 0;
}

void learn_took(struct learn *l, const char *model, const char *card, int64_t mb)
{
	struct learn_cell *cell;

	if (mb <= 0 || mb > CARD_BYTES_MAX / 1000000)
		return;
	cell = learn_cell_get(l, card, model);
	/* It is asked often, and the same says nothing new. */
	if (cell->vram.n > 0 && cell->vram.at[cell->vram.n - 1] == (double)mb)
		return;
	learn_push(&cell->vram, (double)mb);
	learn_touch(l, cell);
}

/* ---- giving out ---- */

static const struct learn_model *model_find(struct learn *l, const char *name)
{
	struct learn_model *m;

	learn_fit(l);
	HASH_FIND_STR(l->models, name, m);
	return m;
}

static const struct learn_gpu *gpu_find(struct learn *l, const char *name)
{
	struct learn_gpu *g;

	learn_fit(l);
	HASH_FIND_STR(l->gpus, name, g);
	return g;
}

/* What a work is worth against one of 1, as a logarithm. */
static double weight_of(const struct learn_model *m, int64_t work)
{
	return m->exponent * (work > 0 ? log((double)work) : m->usual);
}

static double pictures_factor(const struct learn_model *m, int pictures)
{
	return log(1 + max_of(pictures - 1, 0) * m->extra);
}

static int64_t most_of(const struct learn_ring *ring)
{
	double most = 0;

	for (int i = 0; i < ring->n; i++)
		most = max_of(most, ring->at[i]);
	return (int64_t)most;
}

void learn_times(struct learn *l, const char *model, int64_t usual_work, struct learn_times *ret)
{
	const struct learn_model *m = model_find(l, model);
	int64_t mb;

	*ret = (struct learn_times){.image_ms = LEARN_PICTURE_MS, .extra_ms = LEARN_PICTURE_MS};
	if (!m)
		return;
	for (const struct learn_cell *c = m->cells; c; c = c->next_of_model) {
		ret->runs += c->n_runs;
		mb = most_of(&c->vram);
		if (mb && (!ret->vram_mb || mb < ret->vram_mb))
			ret->vram_mb = mb;
	}
	if (!m->known)
		return;
	ret->known = true;
	ret->image_ms = max_of((int64_t)exp(m->centre + weight_of(m, usual_work)), (int64_t)1);
	ret->extra_ms = max_of((int64_t)((double)ret->image_ms * m->extra), (int64_t)1);
	ret->load_ms = m->load > 0 ? (int64_t)exp(m->load) : 0;
}

int learn_work(struct learn *l, const char *model, int64_t usual_work, int64_t work, int pictures)
{
	const struct learn_model *m = model_find(l, model);
	struct learn_model none = {.exponent = 1, .extra = 1};
	double per_mille;

	if (!m || !m->known)
		m = &none;
	per_mille = log(1000) + pictures_factor(m, pictures);
	if (m != &none || (work > 0 && usual_work > 0))
		per_mille += weight_of(m, work) - weight_of(m, usual_work);
	return (int)lround(min_of(max_of(exp(per_mille), 10.0), 1e6));
}

int64_t learn_first_ms(const struct learn *l, const char *model, const char *card)
{
	const struct learn_cell *cell = learn_cell_find(l, card, model);

	return cell && cell->first.n > 0 ? (int64_t)exp(learn_ring_median(&cell->first)) : -1;
}

int64_t learn_pass_ms(
	struct learn *l, const char *model, const char *card, int64_t work, int pictures)
{
	const struct learn_model *m = model_find(l, model);
	const struct learn_cell *cell = card ? learn_cell_find(l, card, model) : NULL;
	const struct learn_gpu *gpu = card ? gpu_find(l, card) : NULL;
	double ms;

	if (!m || !m->known)
		return -1;
	ms = m->centre - (gpu ? gpu->speed : 0);
	/* What was seen there tells more than what was seen elsewhere. */
	if (cell && cell->n_runs >= 3 && !cell->runs[0].cold)
		ms = cell->centre;
	ms += weight_of(m, work) + pictures_factor(m, pictures);
	return (int64_t)max_of(min_of(exp(ms), (double)RUN_MAX_MS), 1.0);
}

/* In steps of some 5 %: cards that are alike are taken for alike. */
static int speed_of(double log_speed)
{
	double step = log(1.05), speed = 1000 * exp(round(log_speed / step) * step);

	return (int)round(min_of(max_of(speed, 20.0), 50000.0));
}

void learn_card(struct learn *l, const char *card, struct learn_card *ret)
{
	const struct learn_cell *cell = learn_cell_find(l, card, "");
	const struct learn_gpu *gpu = gpu_find(l, card);

	*ret = (struct learn_card){1000, 1000, 1};
	if (gpu) {
		ret->speed = speed_of(gpu->speed);
		ret->load_speed = speed_of(gpu->load_speed);
	}
	/* ComfyUI as it comes keeps what the last prompt needed; it has to be seen that it keeps
	 * more. */
	for (int d = 1; cell && d < LEARN_DISTANCES && cell->warm[d] > cell->cold[d] + 1; d++)
		ret->keep = d + 1;
}

bool learn_changed(const struct learn *l)
{
	return l->n_dirty > 0;
}
