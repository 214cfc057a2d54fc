/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CORE_MODEL_H
#define FULLET_CORE_MODEL_H

#include <uthash.h>

#include "core/core.h"
#include "core/sched.h"

/* The workflows as the core knows them, by name. One that was taken away stays: jobs name it. */
struct model {
	char *name;
	struct core_model known; /* its text is owned */
	unsigned weights;
	struct sched_model *sched;
	struct sched_needs told;
	int shares; /* as known, or fewer when a card had not the memory for so many */
	int64_t too_small_mb; /* a card that had so much for it ran out of memory; 0: none did */
	struct model_line *lines; /* its needs: as told, but for the passes */
	UT_hash_handle hh;
};

/* Jobs that may share a pass: of one workflow, with the same options. One that nobody waits in is
 * taken for other options, for the scheduler forgets no model. */
struct model_line {
	char *key;
	size_t jobs;
	struct sched_model *sched;
	struct model_line *next;
};

/* Also one that the shell never told of: it shares what it loads with no other. NULL is "". */
struct model *model_get(struct core *core, const char *name);
/* Where the job waits: among those that may share its pass, or alone. */
struct sched_model *model_enter(struct core *core, struct job *job);
void model_leave(struct job *job);
/* A pass of n was too much for a card. */
void model_too_many(struct core *core, const char *name, int n);
/* A card that had so much memory for it ran out of it at one picture; 0: one could draw it after
 * all. */
void model_too_small(struct core *core, struct model *m, int64_t mb);
/* What it needs on a card: its owner's word, or what was seen; 0: not known. */
int64_t model_vram_mb(struct core *core, const struct model *m);
/* How much there is to do for a job of it, in per mille of a usual picture. */
int model_work(struct core *core, const struct model *m, const struct job_row *row);
/* More may be known of it: the scheduler hears it. */
void model_learned(struct core *core, struct model *m);
void model_free_all(struct core *core);

#endif
