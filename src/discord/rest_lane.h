/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_REST_LANE_H
#define FULLET_DISCORD_REST_LANE_H

#include <uthash.h>

#include "discord/rest.h"
#include "discord/rest_read.h"
#include "discord/wake.h"

/*
 * Where calls wait. A lane is a request class, route and major; it holds its
 * calls in order. A bucket is what Discord counts, hash and major; a lane whose
 * hash is not known yet has a bucket of its own with one call in flight. Lanes
 * that may send now stand in rings, by priority, and take turns; the others sleep
 * until a time or stay blocked until an answer comes, so that looking for the
 * next call costs the same whatever number waits.
 */

enum rest_priority { PRIO_URGENT, PRIO_FIRST, PRIO_NORMAL, PRIO_BACKGROUND, PRIO_COUNT };

/* Rings: interactions (not under the global limit) before the bot's own of the same priority. */
#define RING_COUNT	 (2 * PRIO_COUNT)
#define ring_priority(r) ((enum rest_priority)((r) / 2))
#define ring_is_bot(r)	 ((r) % 2 == 1)

enum bucket_kind {
	BUCKET_UNKNOWN, /* no answer yet: one at a time */
	BUCKET_FREE,	/* answered without limit headers: no limit for now */
	BUCKET_LIMITED,
};

struct bucket {
	char *key;
	enum bucket_kind kind;
	int limit;
	int remaining;
	int in_flight;
	bool fresh;	       /* the window passed; the next answer tells when the new one ends */
	int64_t reset_ms;      /* the window's end, our clock */
	int64_t reset_at_ms;   /* the window's end, Discord's clock; -1: not told */
	int64_t not_before_ms; /* a 429 */
	struct lane *lanes;
	UT_hash_handle hh;
};

enum lane_where {
	LANE_EMPTY, /* nothing waits; among the idle ones when nothing is in flight either */
	LANE_READY,
	LANE_ASLEEP,
	LANE_BLOCKED,
};

struct lane {
	char *key;
	char *route;
	char *major;
	bool bot;
	struct bucket *bucket;
	struct rest_call *queue[PRIO_COUNT]; /* by order of submission */
	int in_flight;
	int strikes;	       /* 429s in a row */
	int64_t not_before_ms; /* a 429 of this class only */
	enum lane_where where;
	int ring;
	bool idle;
	int64_t idle_ms;
	struct wake wake;
	struct lane *prev, *next;		/* in a ring or among the idle ones */
	struct lane *bucket_prev, *bucket_next; /* in the bucket */
	UT_hash_handle hh;
};

struct lanes {
	struct lane *by_key;
	struct bucket *buckets;
	struct route *routes;
	struct lane *rings[RING_COUNT];
	struct lane *idle;
	struct wake_heap asleep;
};

/* Frees all, the waiting calls too. */
void lanes_free(struct lanes *lanes);
/* The lane of a call, made when needed. */
struct lane *lanes_get(struct lanes *lanes, const struct rest_call *call);
/* Puts the call in its lane, before those that were submitted later. */
void lanes_add(struct lanes *lanes, struct lane *lane, struct rest_call *call);
/* Takes a waiting call out again. */
void lanes_remove(struct lanes *lanes, struct rest_call *call, int64_t now_ms);
/* Wakes the sleepers and forgets lanes that were idle for long. */
void lanes_tick(struct lanes *lanes, int64_t now_ms);
/* The next call of the ring that its lane and bucket let go, counted as in flight; or NULL. */
struct rest_call *lanes_take(struct lanes *lanes, int ring, int64_t now_ms);
/* The call that was in flight is answered. Learns from the answer (status 0: none). */
void lanes_answered(struct lanes *lanes, struct lane *lane, int status,
	const struct rest_reading *reading, int64_t now_ms);
/* A 429: the class, or all that share its bucket, waits. */
void lanes_delay(struct lane *lane, bool whole_bucket, int64_t until_ms);
/* The earliest time at which a sleeping lane wants lanes_tick(). */
int64_t lanes_deadline(const struct lanes *lanes);
/* Calls f for every waiting call; f may take it out. */
void lanes_each(struct lanes *lanes, void (*f)(void *ctx, struct rest_call *call), void *ctx);

#endif
