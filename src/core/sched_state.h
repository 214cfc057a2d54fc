/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CORE_SCHED_STATE_H
#define FULLET_CORE_SCHED_STATE_H

#include "core/sched.h"
#include "core/sched_pool.h"
#include "core/sched_tree.h"

/* The inside of the scheduler, for its own files only. */

/* A flow: what one member has waiting in one class. */
struct sched_flow {
	struct tree_node by_key; /* in its class */
	struct sched_flow *next; /* of its member */
	struct sched_class *class;
	struct sched_user *user;
	struct tree jobs;
	double key;
};

struct sched_job {
	struct tree_node in_flow;
	struct sched_flow *flow; /* while it waits */
	struct sched_user *user;
	uint64_t tag;
	int64_t arrived_ms;
	uint32_t seq;
	uint8_t priority;
};

struct sched_user {
	struct tree_node by_id;
	uint64_t id;
	double turn_ms; /* when the next one's fair turn is */
	struct sched_flow *flows;
	int waiting, sent;
};

/* Jobs of one model and one work: they can share a pass. */
struct sched_class {
	struct sched_class *next; /* of its model */
	struct sched_model *model;
	int work;
	struct tree flows;
	uint32_t waiting, tops; /* tops: administrators' */
	double cost_ms;		/* of one, on a usual card */
};

struct sched_model {
	struct sched_needs needs;
	struct sched_weights *weights;
	struct sched_class *classes;
	uint32_t waiting;
	double waiting_ms;
	double wait_ms; /* until the cards that it fits have done what waits */
	/* Of the fleet as it is. */
	bool fits_any; /* up or down, with what others have of it */
	bool tight;    /* none that is up has room now: see sched_model_fits() */
	double share;  /* of all cards' speed */
};

/* Cards that are alike. */
struct sched_kind {
	struct sched_card card;
	int cards, up;
};

struct sched_weights {
	unsigned id;
	int64_t vram_mb, load_ms;
	struct tree holders; /* struct resident, by when their card is free */
	int *held;	     /* cards that are up and hold them, by kind */
	uint32_t waiting;
	double waiting_ms;
	double demand, wanted, missed_ms;
	int64_t demand_ms;
	double usual_until_ms; /* an administrator's */
};

struct resident {
	struct tree_node by_free;
	struct sched_weights *weights;
	struct card *card;
};

struct sent {
	struct sent *next;
	struct sched_class *class;
	int64_t load_ms, run_ms;
	int n, n_held;
	struct sched_job *jobs[SCHED_BATCH_MAX];
	struct sched_weights *held[SCHED_RESIDENT_MAX]; /* by its card, before it */
};

struct bucket;
struct card {
	struct tree_node by_open;   /* busy: by when it may be given more */
	struct tree_node in_bucket; /* open */
	struct tree_node by_kept;   /* kept for administrators */
	struct bucket *bucket;
	int index, kind;
	bool up, hold;
	int64_t lead_ms;
	bool serves_top; /* what was sent is an administrator's */
	int64_t kept_ms; /* kept until then */
	int64_t free_ms; /* when what was sent is done, as far as is known */
	struct sent *first, *last;
	int n_sent;
	struct resident resident[SCHED_RESIDENT_MAX]; /* longest unused first */
	int n_resident;
};

/* Open cards that are alike and hold the same in the same order: one decision for all. */
struct bucket {
	struct bucket *next;
	uint64_t hash;
	int kind;
	bool kept;
	struct tree cards; /* by index */
};

struct sched {
	struct sched_policy policy;
	int64_t lead_ms, now_ms; /* lead_ms: of the card with the longest */
	struct card **cards;
	int n_cards;
	struct sched_kind *kinds;
	int n_kinds;
	double all_speed, up_speed;
	struct sched_model **models;
	int n_models;
	struct sched_weights **weights;
	int n_weights;
	struct tree users;
	struct tree busy, kept;
	int64_t top_ms; /* when an administrator last asked */
	struct bucket *buckets, *spare;
	uint32_t waiting, seq;
	double waiting_ms;
	int n_open;	 /* cards, but those that are kept */
	int64_t next_ms; /* sched_next_free() of this decision */
	int active;	 /* members with jobs */
	struct pool job_pool, flow_pool, user_pool, sent_pool;
};

/* sched_cards.c */
bool sched_fits(const struct sched *s, int kind, const struct sched_model *m, int n);
double sched_run_ms(const struct sched *s, int kind, const struct sched_class *c, int n);
int64_t sched_load_ms(const struct sched *s, int kind, const struct sched_weights *w);
bool sched_holds(const struct card *card, const struct sched_weights *w);
/* The card may be given a pass; it may not. */
void sched_open_card(struct sched *s, struct card *card);
void sched_close_card(struct sched *s, struct card *card);
/* Its place among the holders of what it holds, and among the busy, hangs on when it is free. */
void sched_set_free(struct sched *s, struct card *card, int64_t free_ms);
void sched_set_resident(struct sched *s, struct card *card, struct sched_weights **weights, int n);
/* What of the fleet each model can use, after a change. */
void sched_measure(struct sched *s);
int sched_compare_busy(const struct tree_node *a, const struct tree_node *b);
/* A card that has served an administrator is kept for his next, but never all of them; it is not
 * any more. */
void sched_keep(struct sched *s, struct card *card);
void sched_unkeep(struct sched *s, struct card *card);
/* When the first busy card is free, if one is open at most; 0: more are, or none is busy. */
int64_t sched_next_free(const struct sched *s);

/* sched_line.c */
/* In line, for the first time or again. */
void sched_enqueue(struct sched *s, struct sched_job *job, struct sched_class *class);
/* The first of the class, in the order of fair turns: its member's turn moves on. */
struct sched_job *sched_take_job(
	struct sched *s, struct sched_class *c, struct sched_job *job, double *ret_moved_ms);
/* A member who may have no jobs any more. */
void sched_leave(struct sched *s, struct sched_user *user);
double sched_demand(const struct sched *s, const struct sched_weights *w);
/* Which of the card's weights a pass of n pushes out: a bit for each. */
unsigned sched_pushed_out(
	const struct sched *s, const struct card *card, const struct sched_model *m, int n);
double sched_key(const struct sched *s, const struct sched_job *job);
struct sched_flow *sched_class_first(struct sched *s, struct sched_class *c);
struct sched_job *sched_flow_first(const struct sched_flow *f);

/* The member's turn after the job. */
double sched_turn_after(const struct sched *s, const struct sched_job *job,
	const struct sched_class *c, double turn_ms);
/* The logarithm of a job's weight, by its key. */
double sched_weight(const struct sched *s, double key);

/* When what cards hold counts no more against a job that waits for it now; NEVER. */
int64_t sched_overdue(struct sched *s, int64_t now_ms);

/* sched_choose.c: what sched_choose() found. */
struct choice {
	struct card *card;
	struct sched_class *class;
	int n;
	bool load;
	struct sched_job *job; /* it is this one; NULL: the first of the class */
};
/* The best pass for the open cards; false: none of them should take what waits. */
bool sched_choose(struct sched *s, struct choice *ret);

#endif
