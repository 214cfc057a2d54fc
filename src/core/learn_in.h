/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CORE_LEARN_IN_H
#define FULLET_CORE_LEARN_IN_H

#include <uthash.h>

#include "core/learn.h"

/* The inside of learn*.c. Times are kept as logarithms of ms. */

/* So many of each kind are remembered: more than half of them must be odd before an odd one
 * counts, and after as many a new driver or card has made itself felt. */
#define LEARN_RUNS   15
#define LEARN_OTHERS 9
/* Other sets of files between two runs of one. */
#define LEARN_DISTANCES 8

struct learn_sample {
	double work; /* logarithm; 0: not known */
	double ms;
	int pictures;
	bool cold; /* loading is in it */
};

struct learn_ring {
	double at[LEARN_OTHERS];
	int n; /* the newest is the last */
};

/* A workflow on a card; model "": the card itself. */
struct learn_cell {
	char *card_name, *model_name;
	struct learn_sample runs[LEARN_RUNS];
	int n_runs;
	struct learn_ring first; /* to the end of the first step, with all loaded */
	struct learn_ring load;
	struct learn_ring vram; /* MB, not as logarithms */
	int warm[LEARN_DISTANCES], cold[LEARN_DISTANCES];
	/* Made from these. */
	double centre; /* one picture of work 1; NAN: it has not run */
	uint64_t used;
	bool dirty, gone;
	struct learn_model *of_model;
	struct learn_gpu *of_card;
	struct learn_cell *next_of_model, *next_of_card;
	UT_hash_handle hh;
	char key[];
};

struct learn_model {
	char *name;
	struct learn_cell *cells;
	bool known;
	double usual; /* logarithm of the work that counts where none is told */
	double centre, load, exponent, extra;
	UT_hash_handle hh;
};

struct learn_gpu {
	char *name;
	struct learn_cell *cells;
	double speed, load_speed; /* logarithms */
	UT_hash_handle hh;
};

struct learn {
	struct learn_cell *cells;
	struct learn_model *models;
	struct learn_gpu *gpus;
	uint64_t uses;
	bool stale; /* centres and speeds have to be made anew */
	int n_dirty;
};

/* learn.c. NULL: there is none. */
struct learn_cell *learn_cell_find(const struct learn *l, const char *card, const char *model);
/* Also makes room for it. */
struct learn_cell *learn_cell_get(struct learn *l, const char *card, const char *model);
/* Of one that is gone, or before all goes. */
void learn_cell_free(struct learn *l, struct learn_cell *cell);
void learn_touch(struct learn *l, struct learn_cell *cell);
void learn_push(struct learn_ring *ring, double value);
void learn_push_run(struct learn_cell *cell, const struct learn_sample *sample);

/* learn_fit.c */
/* The lower one of two in the middle: what is odd is slow. Sorts. */
double learn_median(double *at, int n);
double learn_ring_median(const struct learn_ring *ring);
/* Makes what was measured into centres and speeds, if something has changed. */
void learn_fit(struct learn *l);

#endif
