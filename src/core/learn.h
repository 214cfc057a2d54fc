/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CORE_LEARN_H
#define FULLET_CORE_LEARN_H

#include "base/row.h"

/*
 * What runs teach about times and memory: of each workflow on each card. Pure; it keeps the newest
 * few measurements and takes medians of their logarithms, so that what was odd once (another
 * program on the card, a reload that nobody knew of) moves nothing. docs/SCHEDULING.md tells how
 * loads are told from runs.
 *
 * Cards and workflows are named by their texts. Times are ms, work is pixels times steps of one
 * picture (0: not known), speeds are per mille of a usual card.
 */
struct learn;
struct learn *learn_new(void);
struct learn *learn_free(struct learn *l); /* NULL */

/* A prompt that ran to its end. */
struct learn_run {
	const char *model, *card;
	int64_t work;
	int pictures;
	int64_t run_ms;	  /* from its start on the card to its end */
	int64_t first_ms; /* ... to the end of its first step; -1: not told */
	int distance;	  /* other sets of files that the card has run since it ran those of this
			   * workflow; 0: they were the last; -1: it has not, as far as is known */
	bool fits; /* all of these, at once, as far as memory is known: it need not have lost them
		    */
};
/* Takes it in. Returns how long it loaded, 0: what it needs was there. */
int64_t learn_ran(struct learn *l, const struct learn_run *run);
/* What ComfyUI had taken of the card's memory, in MB, while it had run nothing else since it was
 * started. */
void learn_took(struct learn *l, const char *model, const char *card, int64_t mb);

/* What a picture is taken to cost while nothing is known. */
#define LEARN_PICTURE_MS 10000

/* Of one workflow on a usual card. */
struct learn_times {
	bool known;	  /* it has run; else these are what is taken for granted */
	int runs;	  /* ... so often, of those that are remembered */
	int64_t image_ms; /* one picture of usual work, with all loaded */
	int64_t extra_ms; /* each further one of the same pass */
	int64_t load_ms;  /* 0: not known */
	int64_t vram_mb;  /* the most that was seen, on the card that got on with least; 0: not known */
};
void learn_times(struct learn *l, const char *model, int64_t usual_work, struct learn_times *ret);
/* A pass of so many pictures, in per mille of one picture of usual work. Never 0. */
int learn_work(struct learn *l, const char *model, int64_t usual_work, int64_t work, int pictures);
/* How long a pass takes on the card (NULL: a usual one), with all loaded; -1: not known. */
int64_t learn_pass_ms(
	struct learn *l, const char *model, const char *card, int64_t work, int pictures);

/* From the start to the end of the first step, with all loaded; -1: not known. */
int64_t learn_first_ms(const struct learn *l, const char *model, const char *card);

struct learn_card {
	int speed, load_speed;
	int keep; /* sets of files that it keeps loaded, as far as memory allows */
};
void learn_card(struct learn *l, const char *card, struct learn_card *ret);

/* ---- kept through restarts ---- */
/* A row of the table: 0, or -EINVAL when it is none of ours: then nothing is taken from it. */
int learn_load(struct learn *l, const char *card, const char *model, const char *value);
/* The next row that has changed since it was given out last; value NULL: it is to be removed. It is
 * the caller's. False: none. */
bool learn_save(struct learn *l, struct learned_row *ret);
bool learn_changed(const struct learn *l);

#endif
