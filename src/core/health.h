/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CORE_HEALTH_H
#define FULLET_CORE_HEALTH_H

#include "base/defs.h"

/*
 * A card's circuit breaker. Failures that are the machine's come in, and runs that
 * went well; out comes whether the card may be given jobs: all, none until a time,
 * or one on trial. Pure.
 *
 * A card is blamed only when the same is not to be expected elsewhere: when what it
 * failed were different workflows, or another card has since done one of them.
 */

/* So many failures in a row, and the circuit opens. */
#define HEALTH_FAILS 3
/* How long it stays open before one job is tried: doubling with each trial that fails. */
#define HEALTH_REST_MS	   30000
#define HEALTH_REST_MAX_MS (10 * 60 * 1000)
/* Workflows that a card is known to be able to draw. */
#define HEALTH_DRAWN_MAX 16
#define HEALTH_WHY_MAX	 200

enum health_circuit {
	HEALTH_CLOSED, /* the card is used */
	HEALTH_OPEN,   /* it gets nothing until until_ms */
	HEALTH_TRIAL,  /* it gets one job, which decides */
};

/* All zero: a card of which nothing is known. */
struct health {
	enum health_circuit circuit;
	int64_t until_ms;	       /* HEALTH_OPEN */
	int fails;		       /* in a row */
	int opens;		       /* in a row: each rest is longer */
	uint32_t failed[HEALTH_FAILS]; /* the last ones' workflows */
	bool others_can;	       /* another card did one of these since */
	uint32_t drawn[HEALTH_DRAWN_MAX];
	int n_drawn;
	char why[HEALTH_WHY_MAX]; /* the last failure's words */
};

/* What workflows are known by here. */
uint32_t health_model(const char *name);

/* The card failed a job, and it was not the job's fault. why may be NULL. True: the circuit opens
 * now, having been closed (not when a trial fails). */
bool health_failed(struct health *h, uint32_t model, const char *why, int64_t now_ms);
/* It drew one. True: the circuit closes now. */
bool health_drew(struct health *h, uint32_t model);
/* Another card drew one. True: the circuit opens now, since that shows whose fault the failures
 * were. */
bool health_other_drew(struct health *h, uint32_t model, int64_t now_ms);
/* The card was started anew, or an administrator says that it is all right: the trial is now. */
void health_try_now(struct health *h);
/* Time passes: the rest may be over. True: it is, just now. */
bool health_tick(struct health *h, int64_t now_ms);
/* When health_tick() is due, or NEVER. */
int64_t health_deadline(const struct health *h);
/* The card has drawn this workflow before, so it has the memory for it. */
bool health_can_draw(const struct health *h, uint32_t model);

#endif
