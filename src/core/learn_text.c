/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "core/learn_in.h"

/*
 * A row's value: words apart by blanks, each a letter and whole numbers apart by colons.
 *     r WORK:MS:PICTURES   a run; c: one with a load in it
 *     f MS                 to the end of the first step
 *     l MS                 a load
 *     v MB                 memory
 *     w DISTANCE:TIMES     found loaded; o: not
 * The letter and its numbers stand together: "r20971520:4100:1".
 */

#define NUMBERS_MAX 3
#define MS_MAX	    (INT64_C(24) * 3600 * 1000)
#define WORK_BITS   (INT64_C(1) << 62)

static bool read_numbers(const char *text, int64_t ret[NUMBERS_MAX], int *ret_n)
{
	cleanup(freep) char *copy = xstrdup(text);
	char *rest = copy;

	*ret_n = 0;
	for (char *one; (one = strsep(&rest, ":"));) {
		uint64_t value;

		if (*ret_n == NUMBERS_MAX || parse_u64(one, &value) < 0 ||
			value > (uint64_t)WORK_BITS)
			return false;
		ret[(*ret_n)++] = (int64_t)value;
	}
	return true;
}

static bool read_run(struct learn_cell *cell, const int64_t *at, bool cold)
{
	struct learn_sample sample = {.work = at[0] > 0 ? log((double)at[0]) : 0, .cold = cold};

	if (at[1] < 1 || at[1] > MS_MAX || at[2] < 1 || at[2] > BATCH_MAX)
		return false;
	sample.ms = log((double)at[1]);
	sample.pictures = (int)at[2];
	learn_push_run(cell, &sample);
	return true;
}

static bool read_ring(struct learn_ring *ring, int64_t value, bool ms)
{
	if (value < 1 || value > (ms ? MS_MAX : CARD_BYTES_MAX / 1000000))
		return false;
	learn_push(ring, ms ? log((double)value) : (double)value);
	return true;
}

static bool read_times(int *counts, const int64_t *at)
{
	if (at[0] < 1 || at[0] >= LEARN_DISTANCES || at[1] > 16)
		return false;
	counts[at[0]] = (int)at[1];
	return true;
}

static bool read_word(struct learn_cell *cell, const char *word)
{
	int64_t at[NUMBERS_MAX];
	int n;

	if (!*word || !read_numbers(word + 1, at, &n))
		return false;
	switch (*word) {
	case 'r':
	case 'c':
		return n == 3 && read_run(cell, at, *word == 'c');
	case 'f':
		return n == 1 && read_ring(&cell->first, at[0], true);
	case 'l':
		return n == 1 && read_ring(&cell->load, at[0], true);
	case 'v':
		return n == 1 && read_ring(&cell->vram, at[0], false);
	case 'w':
		return n == 2 && read_times(cell->warm, at);
	case 'o':
		return n == 2 && read_times(cell->cold, at);
	default:
		return false;
	}
}

int learn_load(struct learn *l, const char *card, const char *model, const char *value)
{
	struct learn_cell read = {0}, *cell;
	cleanup(freep) char *copy = NULL;
	char *rest;

	if (!card || !*card || !model || !value || strlen(value) > LEARNED_VALUE_MAX)
		return -EINVAL;
	rest = copy = xstrdup(value);
	for (char *word; (word = strsep(&rest, " "));)
		if (!read_word(&read, word))
			return -EINVAL;
	cell = learn_cell_get(l, card, model);
	memcpy(cell->runs, read.runs, sizeof(read.runs));
	cell->n_runs = read.n_runs;
	cell->first = read.first;
	cell->load = read.load;
	cell->vram = read.vram;
	memcpy(cell->warm, read.warm, sizeof(read.warm));
	memcpy(cell->cold, read.cold, sizeof(read.cold));
	l->stale = true;
	return 0;
}

static void add(struct buf *text, char letter, int64_t value)
{
	must(buf_printf(text, "%s%c%" PRId64, text->len ? " " : "", letter, value) == 0);
}

static void add_ring(struct buf *text, char letter, const struct learn_ring *ring, bool ms)
{
	for (int i = 0; i < ring->n; i++)
		add(text, letter,
			max_of((int64_t)llround(ms ? exp(ring->at[i]) : ring->at[i]), (int64_t)1));
}

static char *text_of(const struct learn_cell *cell)
{
	struct buf text = BUF(2 * LEARNED_VALUE_MAX);

	for (int i = 0; i < cell->n_runs; i++) {
		const struct learn_sample *s = &cell->runs[i];

		add(&text, s->cold ? 'c' : 'r', s->work > 0 ? llround(exp(s->work)) : 0);
		must(buf_printf(&text, ":%lld:%d", max_of(llround(exp(s->ms)), 1LL), s->pictures) ==
			0);
	}
	add_ring(&text, 'f', &cell->first, true);
	add_ring(&text, 'l', &cell->load, true);
	add_ring(&text, 'v', &cell->vram, false);
	for (int d = 1; d < LEARN_DISTANCES; d++) {
		if (cell->warm[d])
			must(buf_printf(&text, "%sw%d:%d", text.len ? " " : "", d, cell->warm[d]) ==
				0);
		if (cell->cold[d])
			must(buf_printf(&text, "%so%d:%d", text.len ? " " : "", d, cell->cold[d]) ==
				0);
	}
	if (text.len == 0)
		must(buf_add_str(&text, "") == 0);
	return buf_take(&text);
}

/* What has no room in a key of the database is not kept. */
static bool is_kept(const struct learn_cell *cell)
{
	return strlen(cell->card_name) <= LEARNED_NAME_MAX &&
	       strlen(cell->model_name) <= LEARNED_NAME_MAX;
}

bool learn_save(struct learn *l, struct learned_row *ret)
{
	struct learn_cell *cell, *next;

	if (!l->n_dirty)
		return false;
	HASH_ITER(hh, l->cells, cell, next)
	{
		bool kept = is_kept(cell);

		if (!cell->dirty)
			continue;
		cell->dirty = false;
		l->n_dirty--;
		if (kept)
			*ret = (struct learned_row){xstrdup(cell->card_name),
				xstrdup(cell->model_name), cell->gone ? NULL : text_of(cell)};
		if (cell->gone)
			learn_cell_free(l, cell);
		if (kept)
			return true;
	}
	return false;
}
