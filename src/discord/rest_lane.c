/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/rest_lane.h"

#include <stdlib.h>
#include <utlist.h>

/*
 * Each interaction has lanes of its own, which are seldom used again: they are forgotten soon. What
 * a new lane must know, the hash of its bucket, is kept with the route.
 */
#define IDLE_MS 60000

/* The hash that Discord told for a route, so that a new major starts in the right bucket. */
struct route {
	char *route;
	char *hash;
	UT_hash_handle hh;
};

/* ---- buckets ---- */

static struct bucket *bucket_get(struct lanes *lanes, const char *key)
{
	struct bucket *b;

	HASH_FIND_STR(lanes->buckets, key, b);
	if (b)
		return b;
	b = xcalloc(1, sizeof(*b));
	b->key = xstrdup(key);
	b->reset_at_ms = -1;
	b->reset_ms = b->not_before_ms = INT64_MIN;
	HASH_ADD_KEYPTR(hh, lanes->buckets, b->key, strlen(b->key), b);
	return b;
}

static void bucket_leave(struct lanes *lanes, struct lane *lane)
{
	struct bucket *b = lane->bucket;

	b->in_flight -= lane->in_flight;
	DL_DELETE2(b->lanes, lane, bucket_prev, bucket_next);
	lane->bucket = NULL;
	if (b->lanes)
		return;
	HASH_DEL(lanes->buckets, b);
	free(b->key);
	free(b);
}

static void bucket_join(struct lanes *lanes, struct lane *lane, const char *hash)
{
	cleanup(freep) char *key = NULL;
	struct bucket *b;

	/* Discord: a bucket is a hash and the major; before the hash is known, the route. */
	key = hash ? xasprintf("#%s\n%s", hash, lane->major ? lane->major : "")
		   : xasprintf("?%s", lane->key);
	if (lane->bucket && strcmp(lane->bucket->key, key) == 0)
		return;
	b = bucket_get(lanes, key);
	if (lane->bucket) {
		/* A 429 that did not tell the hash holds in the bucket of the next answer too. */
		lanes_delay(lane, false, lane->bucket->not_before_ms);
		bucket_leave(lanes, lane);
	}
	lane->bucket = b;
	b->in_flight += lane->in_flight;
	DL_APPEND2(b->lanes, lane, bucket_prev, bucket_next);
}

/* The window is over: a new one starts with the next request that arrives. */
static void bucket_renew(struct bucket *b, int64_t now_ms)
{
	if (b->kind != BUCKET_LIMITED)
		return;
	if (b->fresh ? b->in_flight == 0 : now_ms >= b->reset_ms) {
		b->fresh = true;
		b->remaining = b->limit - b->in_flight;
	}
}

/* 0: may send now. NEVER: after the next answer. */
static int64_t blocked_until(const struct lane *lane, int64_t now_ms)
{
	struct bucket *b = lane->bucket;
	int64_t t = max_of(lane->not_before_ms, b->not_before_ms);

	if (t > now_ms)
		return t;
	if (b->kind == BUCKET_UNKNOWN)
		return b->in_flight ? NEVER : 0;
	if (b->kind == BUCKET_FREE)
		return 0;
	bucket_renew(b, now_ms);
	if (b->remaining > 0)
		return 0;
	return b->fresh ? NEVER : b->reset_ms;
}

/* in_flight no longer counts the answered call. */
static void bucket_learn(struct bucket *b, const struct rest_reading *r, int64_t now_ms)
{
	bool first = b->kind != BUCKET_LIMITED;
	bool named = r->reset_at_ms >= 0 && b->reset_at_ms >= 0;

	bucket_renew(b, now_ms);
	b->kind = BUCKET_LIMITED;
	b->limit = max_of(max_of(r->limit, r->remaining), 1);
	if (!first && named && r->reset_at_ms < b->reset_at_ms)
		return; /* overtaken by an answer of a later window */
	if (b->fresh && named && r->reset_at_ms == b->reset_at_ms)
		return; /* of the window that has passed */
	if (first || (!b->fresh && named && r->reset_at_ms > b->reset_at_ms))
		/* The others in flight may or may not be counted in it. */
		b->remaining = r->remaining - b->in_flight;
	else
		b->remaining = min_of(b->remaining, r->remaining);
	b->reset_ms = now_ms + r->reset_after_ms;
	b->fresh = false;
	b->reset_at_ms = r->reset_at_ms;
}

/* ---- lanes ---- */

static void route_learn(struct lanes *lanes, const char *name, const char *hash)
{
	struct route *route;

	HASH_FIND_STR(lanes->routes, name, route);
	if (!route) {
		route = xcalloc(1, sizeof(*route));
		route->route = xstrdup(name);
		HASH_ADD_KEYPTR(hh, lanes->routes, route->route, strlen(route->route), route);
	}
	if (!str_eq(route->hash, hash))
		str_set(&route->hash, hash);
}

struct lane *lanes_get(struct lanes *lanes, const struct rest_call *call)
{
	bool bot = !(call->flags & REST_INTERACTION);
	cleanup(freep) char *key =
		xasprintf("%s%s\n%s", bot ? "" : "i ", call->route, call->major ? call->major : "");
	struct route *route;
	struct lane *lane;

	HASH_FIND_STR(lanes->by_key, key, lane);
	if (lane)
		return lane;
	lane = xcalloc(1, sizeof(*lane));
	lane->key = take(key);
	lane->route = xstrdup(call->route);
	lane->major = xstrdup(call->major);
	lane->bot = bot;
	lane->not_before_ms = INT64_MIN;
	HASH_ADD_KEYPTR(hh, lanes->by_key, lane->key, strlen(lane->key), lane);
	HASH_FIND_STR(lanes->routes, lane->route, route);
	bucket_join(lanes, lane, route ? route->hash : NULL);
	return lane;
}

static void lane_free(struct lanes *lanes, struct lane *lane)
{
	bucket_leave(lanes, lane);
	HASH_DEL(lanes->by_key, lane);
	free(lane->key);
	free(lane->route);
	free(lane->major);
	free(lane);
}

static int best_ring(const struct lane *lane)
{
	for (int prio = 0; prio < PRIO_COUNT; prio++)
		if (lane->queue[prio])
			return 2 * prio + lane->bot;
	return -1;
}

/* Out of the ring, the sleepers or the idle ones. */
static void lane_unplace(struct lanes *lanes, struct lane *lane)
{
	if (lane->where == LANE_READY)
		DL_DELETE(lanes->rings[lane->ring], lane);
	if (lane->where == LANE_ASLEEP)
		wake_cancel(&lanes->asleep, &lane->wake);
	if (lane->idle)
		DL_DELETE(lanes->idle, lane);
	lane->idle = false;
	lane->where = LANE_EMPTY;
}

/* To the end of its ring, or among the idle ones. */
static void lane_place(struct lanes *lanes, struct lane *lane, int64_t now_ms)
{
	int ring = best_ring(lane);

	lane_unplace(lanes, lane);
	if (ring >= 0) {
		lane->where = LANE_READY;
		lane->ring = ring;
		DL_APPEND(lanes->rings[ring], lane);
	} else if (lane->in_flight == 0) {
		lane->idle = true;
		lane->idle_ms = now_ms;
		DL_APPEND(lanes->idle, lane);
	}
}

static enum rest_priority priority(const struct rest_call *call)
{
	if (call->flags & REST_URGENT)
		return PRIO_URGENT;
	if (call->flags & REST_FIRST)
		return PRIO_FIRST;
	return call->flags & REST_BACKGROUND ? PRIO_BACKGROUND : PRIO_NORMAL;
}

void lanes_add(struct lanes *lanes, struct lane *lane, struct rest_call *call)
{
	struct rest_call **queue = &lane->queue[priority(call)], *after;

	call->bucket = lane;
	if (!*queue || (*queue)->prev->order < call->order) {
		DL_APPEND(*queue, call);
	} else {
		/* One that comes back: those before it are few. */
		after = *queue;
		while (after->order < call->order)
			after = after->next;
		DL_PREPEND_ELEM(*queue, after, call);
	}
	/* A lane that sleeps or is blocked stays so whatever waits in it. */
	if (lane->where == LANE_EMPTY ||
		(lane->where == LANE_READY && best_ring(lane) < lane->ring))
		lane_place(lanes, lane, 0);
}

void lanes_remove(struct lanes *lanes, struct rest_call *call, int64_t now_ms)
{
	struct lane *lane = call->bucket;

	DL_DELETE(lane->queue[priority(call)], call);
	call->bucket = NULL;
	if (best_ring(lane) < 0 || (lane->where == LANE_READY && best_ring(lane) != lane->ring))
		lane_place(lanes, lane, now_ms);
}

/* A delay or an unfinished window is still to be kept. */
static bool lane_is_bound(const struct lane *lane, int64_t now_ms)
{
	const struct bucket *b = lane->bucket;

	return max_of(lane->not_before_ms, b->not_before_ms) > now_ms ||
	       (b->kind == BUCKET_LIMITED && !b->fresh && b->reset_ms > now_ms);
}

static void idle_evict(struct lanes *lanes, int64_t now_ms)
{
	while (lanes->idle && now_ms - lanes->idle->idle_ms >= IDLE_MS) {
		struct lane *lane = lanes->idle;

		lane_unplace(lanes, lane);
		if (lane_is_bound(lane, now_ms))
			lane_place(lanes, lane, now_ms);
		else
			lane_free(lanes, lane);
	}
}

void lanes_tick(struct lanes *lanes, int64_t now_ms)
{
	struct wake *w;

	while ((w = wake_due(&lanes->asleep, now_ms))) {
		struct lane *lane = wake_owner(w, struct lane, wake);

		lane->where = LANE_EMPTY;
		lane_place(lanes, lane, now_ms);
	}
	idle_evict(lanes, now_ms);
}

static void lane_park(struct lanes *lanes, struct lane *lane, int64_t until_ms)
{
	lane_unplace(lanes, lane);
	lane->where = until_ms == NEVER ? LANE_BLOCKED : LANE_ASLEEP;
	wake_set(&lanes->asleep, &lane->wake, until_ms);
}

struct rest_call *lanes_take(struct lanes *lanes, int ring, int64_t now_ms)
{
	struct rest_call **queue, *call;
	struct lane *lane;

	for (;;) {
		int64_t until;

		lane = lanes->rings[ring];
		if (!lane)
			return NULL;
		until = blocked_until(lane, now_ms);
		if (until == 0)
			break;
		lane_park(lanes, lane, until);
	}
	queue = &lane->queue[ring_priority(ring)];
	call = *queue;
	DL_DELETE(*queue, call);
	lane->in_flight++;
	lane->bucket->in_flight++;
	if (lane->bucket->kind == BUCKET_LIMITED)
		lane->bucket->remaining--;
	lane_place(lanes, lane, now_ms);
	return call;
}

void lanes_answered(struct lanes *lanes, struct lane *lane, int status,
	const struct rest_reading *reading, int64_t now_ms)
{
	struct bucket *b = lane->bucket;
	struct lane *other;

	lane->in_flight--;
	b->in_flight--;
	/* The lanes of the bucket that is left may go on too. */
	DL_FOREACH2(b->lanes, other, bucket_next)
	if (other->where == LANE_BLOCKED || other->where == LANE_ASLEEP)
		lane_place(lanes, other, now_ms);
	if (reading->hash) {
		route_learn(lanes, lane->route, reading->hash);
		bucket_join(lanes, lane, reading->hash);
		b = lane->bucket;
	}
	if (reading->remaining >= 0 && reading->reset_after_ms >= 0)
		bucket_learn(b, reading, now_ms);
	else if (b->kind == BUCKET_UNKNOWN && status >= 200 && status < 500 && status != 429 &&
		 !reading->blocked)
		b->kind = BUCKET_FREE;
	if (status != 429)
		lane->strikes = 0;
	DL_FOREACH2(b->lanes, other, bucket_next)
	if (other->where == LANE_BLOCKED || other->where == LANE_ASLEEP)
		lane_place(lanes, other, now_ms);
	if (lane->where == LANE_EMPTY)
		lane_place(lanes, lane, now_ms);
}

void lanes_delay(struct lane *lane, bool whole_bucket, int64_t until_ms)
{
	int64_t *t = whole_bucket ? &lane->bucket->not_before_ms : &lane->not_before_ms;

	*t = max_of(*t, until_ms);
}

int64_t lanes_deadline(const struct lanes *lanes)
{
	return wake_first_ms(&lanes->asleep);
}

void lanes_each(struct lanes *lanes, void (*f)(void *ctx, struct rest_call *call), void *ctx)
{
	struct lane *lane, *next_lane;

	HASH_ITER(hh, lanes->by_key, lane, next_lane)
	for (int prio = 0; prio < PRIO_COUNT; prio++) {
		struct rest_call *call, *next;

		DL_FOREACH_SAFE(lane->queue[prio], call, next)
		f(ctx, call);
	}
}

void lanes_free(struct lanes *lanes)
{
	struct lane *lane, *next_lane;
	struct route *route, *next_route;

	HASH_ITER(hh, lanes->by_key, lane, next_lane)
	{
		for (int prio = 0; prio < PRIO_COUNT; prio++) {
			struct rest_call *call, *next;

			DL_FOREACH_SAFE(lane->queue[prio], call, next)
			rest_call_free(call);
		}
		lane_unplace(lanes, lane);
		lane_free(lanes, lane);
	}
	HASH_ITER(hh, lanes->routes, route, next_route)
	{
		HASH_DEL(lanes->routes, route);
		free(route->route);
		free(route->hash);
		free(route);
	}
	wake_heap_free(&lanes->asleep);
}
