/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CORE_SCHED_H
#define FULLET_CORE_SCHED_H

#include "base/defs.h"

/*
 * Which card does which jobs next: docs/SCHEDULING.md tells why it decides as it does.
 *
 * Pure: cards, models, jobs and what became of passes go in, with the time; sched_next() answers
 * "what now?" until it has nothing more to say. The same events give the same decisions. The bot,
 * the simulator and `fullet sched --stdio` use it alike.
 *
 * Times are ms, memory is MB, speeds and work are per mille of a usual card and a usual picture.
 */

struct sched;
struct sched_model;
struct sched_job; /* one that waits or is under way; gone after sched_finished() or sched_cancel()
		   */

/* The most prompts of one pass, and sets of weights on one card that are kept in mind. */
#define SCHED_BATCH_MAX	   16
#define SCHED_RESIDENT_MAX 12
/* Administrators, boosters, everyone. */
#define SCHED_PRIORITIES 3

/* What the decision weighs: docs/SCHEDULING.md has the reason and the worth of each. */
struct sched_policy {
	double head_start_ms[SCHED_PRIORITIES]; /* administrators go first besides */
	double share; /* how far a job pushes back its member, as a part of its fair duration */
	double share_max_ms; /* ... and never more than this behind its own arrival */
	double flood;	     /* ... and so much further for each job that waits beyond flood_jobs */
	double flood_jobs;
	double age_ms;	 /* every job counts as so much older: what is brief goes first, at first */
	double early_ms; /* a job whose turn is yet to come by this much has a third of its weight
			  */
	double load;	 /* a load counts as this many times its time */
	double evict;	 /* ... and so do the loads of what it pushes out and will be missed */
	double patience; /* holders are waited for up to this many times the latter */
	double narrow_ms;   /* a card has e times its price when jobs that fit fewer wait so long */
	double demand_ms;   /* how long arrivals are remembered as demand */
	double affinity_ms; /* so long after its turn what cards hold counts against no job */
	double sitting_ms;  /* so soon an administrator who has just asked asks again */
	double usual_ms;    /* ... and so long he is taken to use what he used */
	double soon_ms; /* some card is free again so soon, or the last one takes nothing longer */
};
extern const struct sched_policy sched_policy_default;

struct sched_card {
	int64_t vram_mb;  /* that a pass can have */
	int64_t total_mb; /* ... if others left the card; less than vram_mb: not known */
	int speed, load_speed;
	int keep; /* most weights at once; 0: only VRAM limits */
};

struct sched_needs {
	unsigned weights; /* a small number: models with the same one share what they load */
	int64_t vram_mb;  /* the weights */
	int64_t act_mb;	  /* a pass of one */
	int64_t batch_mb; /* each further prompt of a pass */
	int64_t load_ms, image_ms, extra_ms;
	int batch_max;
	bool guess;   /* vram_mb and act_mb are: it may well need less */
	bool unknown; /* ... and as well more */
};

/* lead_ms: from sending a pass to a card until it starts; sched_lead() tells it of one card. The
 * policy is copied. */
struct sched *sched_new(const struct sched_policy *policy, int64_t lead_ms);
struct sched *sched_free(struct sched *s); /* NULL */

/* Cards are numbered from 0 in the order in which they are added. They begin up and empty. */
int sched_card_add(struct sched *s, const struct sched_card *card);
/* More is known of a card. What it holds and does stays as it is. False: nothing has changed. */
bool sched_card_set(struct sched *s, int card, const struct sched_card *spec);
/* Models live as long as the scheduler. */
struct sched_model *sched_model_add(struct sched *s, const struct sched_needs *needs);
/* More is known of a model, or it loads other weights now. Its jobs stay in line, though it may be
 * that no card can hold them any more. What is said of weights holds for all models that share
 * them.
 */
void sched_model_set(struct sched *s, struct sched_model *m, const struct sched_needs *needs);

/*
 * A job has come, or comes back. `arrived_ms` gives it its place in line. NULL when no card, up or
 * down, can ever hold it. `tag` is the caller's.
 */
struct sched_job *sched_arrive(struct sched *s, int64_t now_ms, struct sched_model *model, int work,
	uint64_t user, int priority, int64_t arrived_ms, uint64_t tag);
uint64_t sched_tag(const struct sched_job *job);
/* Only one that waits. */
void sched_cancel(struct sched *s, struct sched_job *job);

struct sched_pass {
	int card, n;
	struct sched_job *jobs[SCHED_BATCH_MAX];
	double moved_ms[SCHED_BATCH_MAX]; /* how far each moved its member's turn on */
	bool load;
};

/* Decides one pass and counts it as sent. False: nothing more now. */
bool sched_next(struct sched *s, int64_t now_ms, struct sched_pass *ret);
/* Not decided here: this job, which waits, goes alone to that card, which is up. Counts as sent. */
void sched_assign(
	struct sched *s, int64_t now_ms, struct sched_job *job, int card, struct sched_pass *ret);
/* A job that was sent did not get what it was sent for: its member's turn is where it was. */
void sched_turn_back(struct sched *s, uint64_t user, double moved_ms);
/* When to ask again even if nothing happens, or NEVER. */
int64_t sched_wake(struct sched *s, int64_t now_ms);

/* The first of the passes sent to the card runs, after a load of load_ms. What it holds now is told
 * oldest first, if it is known (n < 0: it is not). */
void sched_started(
	struct sched *s, int64_t now_ms, int card, int64_t load_ms, const unsigned *weights, int n);
/* The first of the passes is done: its jobs are gone. */
void sched_finished(struct sched *s, int64_t now_ms, int card);
/* The nth (0: the first) pass of the card is there no more, whether it ran or not: its jobs are
 * gone. What it would have loaded is not there. */
void sched_gone(struct sched *s, int64_t now_ms, int card, int nth);
/* All passes of a card are lost and what it held; its jobs wait again in their old places. */
void sched_down(struct sched *s, int64_t now_ms, int card);
void sched_up(struct sched *s, int64_t now_ms, int card);

void sched_lead(struct sched *s, int card, int64_t lead_ms);
/*
 * A pass goes to a card that has the memory for it. When no card that is up has so much, what
 * others have taken of it counts as free, and so does what a guess asks for: it is tried rather
 * than that the job waits for ever.
 */
bool sched_model_fits(const struct sched *s, const struct sched_model *m, int card);
int64_t sched_need_mb(const struct sched_model *m, int n); /* of a pass of n */
/* No card, up or down, can ever hold it. */
bool sched_model_is_hopeless(const struct sched_model *m);
/* A card that is held gets nothing, whatever it is doing; it keeps what was sent to it. */
void sched_hold(struct sched *s, int card, bool hold);
/* What the card held is not known any more. */
void sched_forget(struct sched *s, int card);
/*
 * Where a job that waits stands: what has a lower rank is served before it, as far as members'
 * turns and times tell. `turn_ms` is the member's turn, -1 for his first job in line; it is moved
 * on as the job will move it on.
 */
double sched_rank(struct sched *s, int64_t now_ms, const struct sched_job *job, double *turn_ms);
/* Passes sent to the card and not yet finished. */
int sched_sent(const struct sched *s, int card);
/* When the card will have done what was sent to it, as far as is known. */
int64_t sched_free_ms(const struct sched *s, int card);
/* Jobs that wait. */
size_t sched_waiting(const struct sched *s);
/* Kinds of cards that differ, and such as were. */
int sched_kinds(const struct sched *s);
/* Bytes held for jobs, members and what orders them. */
size_t sched_bytes(const struct sched *s);

#endif
