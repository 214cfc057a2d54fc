/* SPDX-License-Identifier: Apache-2.0 */
/* Rate limits: a bucket per route and top-level resource, the global one, invalid requests. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/discord_impl.h"

#define GLOBAL_MAX  50	  /* Discord: 50 requests a second for each bot */
#define INVALID_MAX 10000 /* Discord: 401, 403 and 429 in ten minutes, then Cloudflare bans */
#define INVALID_MS  600000
/* A request that was under way when the 429 left is no offence. */
#define UNDER_WAY_MS 500

static void add_number(struct http_response *res, const char *name, int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", n);
	http_response_header(res, name, text);
}

static void add_seconds(struct http_response *res, const char *name, int64_t ms)
{
	char text[40];

	snprintf(text, sizeof(text), "%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));
	http_response_header(res, name, text);
}

void dw_limits_429(struct http_response *res, const char *scope, double retry_after_s)
{
	bool global = str_eq(scope, "global");

	res->status = 429;
	buf_clear(&res->body);
	(void)buf_printf(&res->body,
		"{\"message\":\"You are being rate limited.\",\"retry_after\":%.3f,\"global\":%s}",
		retry_after_s, global ? "true" : "false");
	http_response_header(res, "Content-Type", "application/json");
	add_number(res, "Retry-After", (int)ceil(retry_after_s));
	http_response_header(res, "X-RateLimit-Scope", scope);
	if (global)
		http_response_header(res, "X-RateLimit-Global", "true");
}

static bool global_take(struct dw_call *c)
{
	struct discord_world *w = c->w;

	if (c->now_ms - w->global_start_ms >= 1000) {
		w->global_start_ms = c->now_ms;
		w->global_used = 0;
	}
	if (++w->global_used <= GLOBAL_MAX)
		return true;
	dw_violation(w, "global_limit", "%d requests in one second", w->global_used);
	dw_limits_429(c->res, "global", (double)(w->global_start_ms + 1000 - c->now_ms) / 1000);
	return false;
}

/* The bucket's hash depends on the route only; its counter on the major parameter too. */
static uint64_t route_hash(const struct dw_route *route)
{
	bool webhook = str_starts(route->path, "/webhooks/");
	uint64_t h = 1469598103934665603ull ^ (webhook ? 0 : (uint64_t)route->method);

	/* All that is done with a webhook counts together. */
	for (const char *p = webhook ? "/webhooks" : route->path; *p; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211ull;
	return h;
}

static struct dw_bucket *bucket_get(struct dw_call *c, bool create)
{
	struct discord_world *w = c->w;
	struct dw_bucket *b, *next;
	char key[480];

	/* Discord #2701: for a webhook of an interaction the major parameter is its token. */
	if (c->token)
		snprintf(key, sizeof(key), "%016" PRIx64 ":%s", route_hash(c->route), c->token);
	else
		snprintf(key, sizeof(key), "%016" PRIx64 ":%" PRIu64, route_hash(c->route),
			c->id[str_starts(c->route->path, "/applications/")]);
	HASH_FIND_STR(w->buckets, key, b);
	if (b || !create)
		return b;
	if (HASH_COUNT(w->buckets) >= DW_BUCKETS_MAX)
		HASH_ITER(hh, w->buckets, b, next)
	if (b->reset_ms < c->now_ms) {
		HASH_DEL(w->buckets, b);
		free(b->key);
		free(b);
	}
	b = xcalloc(1, sizeof(*b));
	b->key = xstrdup(key);
	HASH_ADD_KEYPTR(hh, w->buckets, b->key, strlen(b->key), b);
	return b;
}

static void bucket_headers(struct dw_call *c, const struct dw_bucket *b)
{
	char text[40];

	add_number(c->res, "X-RateLimit-Limit", c->route->limit);
	add_number(c->res, "X-RateLimit-Remaining", max_of(0, c->route->limit - b->used));
	add_seconds(c->res, "X-RateLimit-Reset", b->reset_ms);
	add_seconds(c->res, "X-RateLimit-Reset-After", max_of(b->reset_ms - c->now_ms, 1));
	snprintf(text, sizeof(text), "%016" PRIx64, route_hash(c->route));
	http_response_header(c->res, "X-RateLimit-Bucket", text);
}

static void too_early(struct dw_call *c, int64_t blocked_at_ms, int64_t until_ms)
{
	if (c->now_ms < until_ms && c->now_ms > blocked_at_ms + UNDER_WAY_MS)
		dw_violation(c->w, "retry_after",
			"sent %" PRId64 " ms before retry_after had passed", until_ms - c->now_ms);
}

bool dw_limits_take(struct dw_call *c)
{
	struct dw_bucket *b = bucket_get(c, c->route->limit > 0);

	if (!c->route->exempt)
		too_early(c, c->w->global_blocked_ms, c->w->global_until_ms);
	if (b)
		too_early(c, b->blocked_at_ms, b->blocked_until_ms);
	if (c->w->config.no_rate_limits)
		return true;
	if (!c->route->exempt && !global_take(c))
		return false;
	if (!c->route->limit)
		return true;
	if (c->now_ms >= b->reset_ms) {
		b->used = 0;
		b->reset_ms = c->now_ms + c->route->window_ms;
	}
	b->used++;
	bucket_headers(c, b);
	if (b->used <= c->route->limit)
		return true;
	b->blocked_at_ms = c->now_ms;
	b->blocked_until_ms = b->reset_ms;
	dw_limits_429(c->res, "user", (double)(b->reset_ms - c->now_ms) / 1000);
	return false;
}

void dw_limits_block(struct dw_call *c, bool global, int64_t ms)
{
	struct dw_bucket *b = !global && c->route ? bucket_get(c, true) : NULL;

	if (global) {
		c->w->global_blocked_ms = c->now_ms;
		c->w->global_until_ms = c->now_ms + ms;
	} else if (b) {
		b->blocked_at_ms = c->now_ms;
		b->blocked_until_ms = c->now_ms + ms;
	}
}

/* A process that was started anew cannot know what the one before it was told. */
void dw_limits_forgive(struct discord_world *w)
{
	w->global_until_ms = 0;
	for (struct dw_bucket *b = w->buckets; b; b = b->hh.next)
		b->blocked_until_ms = 0;
}

void dw_limits_invalid(struct discord_world *w, int status)
{
	if (status != 401 && status != 403 && status != 429)
		return;
	if (w->now_ms - w->invalid_start_ms >= INVALID_MS) {
		w->invalid_start_ms = w->now_ms;
		w->invalid = 0;
	}
	if (++w->invalid == INVALID_MAX)
		dw_violation(w, "invalid_requests", "%d in ten minutes", w->invalid);
}

bool dw_limits_banned(struct discord_world *w)
{
	return w->invalid >= INVALID_MAX && w->now_ms - w->invalid_start_ms < INVALID_MS;
}

void dw_limits_free(struct discord_world *w)
{
	struct dw_bucket *b, *next;

	HASH_ITER(hh, w->buckets, b, next)
	{
		HASH_DEL(w->buckets, b);
		free(b->key);
		free(b);
	}
}
