/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>

#include "sim.h"

/*
 * Discord's limits, as its headers announced them to the process that runs: what they forbid must
 * not leave it. And its patience: of requests that it calls invalid only so many are made.
 */

#define INVALID_MS	 (10 * 60 * 1000)
#define KEY_GLOBAL	 UINT64_C(1)
#define KEY_INTERACTIONS UINT64_C(2)

static uint64_t add_text(uint64_t h, const char *p, size_t len)
{
	for (; len > 0; len--, p++)
		h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
	return h;
}

/* Method and path; of ids only the first one counts: the channel, the guild, the webhook. 0: not
 * Discord's API. */
static uint64_t key_of(const struct http_request *req)
{
	const char *at = strstr(req->url, "/api/v10/"), *end;
	uint64_t h = UINT64_C(1469598103934665603) ^ (uint64_t)req->method;
	int ids = 0;

	if (!at)
		return 0;
	at += strlen("/api/v10");
	if (str_starts(at, "/interactions/"))
		return KEY_INTERACTIONS;
	for (; *at == '/'; at = end) {
		end = at + 1 + strcspn(at + 1, "/?");
		if (isdigit((unsigned char)at[1]) && ids++ > 0)
			h = add_text(h, "/{}", 3);
		else
			h = add_text(h, at, (size_t)(end - at));
	}
	return h;
}

/* Answers to interactions are not under the bot's limits. */
static bool is_webhook(const struct http_request *req)
{
	return strstr(req->url, "/webhooks/") != NULL;
}

static struct sim_limit *find(struct sim *sim, uint64_t key)
{
	for (size_t i = 0; i < sim->n_limits; i++)
		if (sim->limits[i].key == key)
			return &sim->limits[i];
	return NULL;
}

static void forbid(struct sim *sim, uint64_t key, int64_t until_ms)
{
	struct sim_limit *l = find(sim, key);

	for (size_t i = 0; !l && i < sim->n_limits; i++) /* one that is over */
		if (sim->limits[i].until_ms < sim_now(sim)) {
			l = &sim->limits[i];
			*l = (struct sim_limit){.key = key};
		}
	if (!l && sim->n_limits < countof(sim->limits)) {
		l = &sim->limits[sim->n_limits++];
		*l = (struct sim_limit){.key = key};
	}
	if (!l)
		return;
	l->until_ms = max_of(l->until_ms, until_ms);
}

void limits_sent(struct sim *sim, const struct http_request *req)
{
	uint64_t key = key_of(req);
	const struct sim_limit *l = key ? find(sim, key) : NULL;

	/* A window of the time before seems to be over when the clock is put forward. */
	if (key == 0 || key == KEY_INTERACTIONS ||
		(sim->jumped_ms && sim_now(sim) < sim->jumped_ms + 60000))
		return;
	if (l && l->until_ms > sim_now(sim))
		sim_fail(sim, "announced limits", "%s %s leaves %" PRId64 " ms before it may",
			http_method_name(req->method), req->url, l->until_ms - sim_now(sim));
	l = find(sim, KEY_GLOBAL);
	if (l && l->until_ms > sim_now(sim) && !is_webhook(req))
		sim_fail(sim, "announced limits", "%s %s leaves before the global limit is over",
			http_method_name(req->method), req->url);
}

static double header(const struct http_response *res, const char *name, double otherwise)
{
	const char *text = http_response_get(res, name);

	return text ? strtod(text, NULL) : otherwise;
}

void limits_heard(struct sim *sim, const struct http_request *req, const struct http_response *res)
{
	uint64_t key = key_of(req);
	const char *scope = http_response_get(res, "X-RateLimit-Scope");

	if (key == 0 || res->status == 0)
		return;
	/* Without the API's own headers it is Cloudflare, or a proxy: not about the route. */
	sim->banned |= (res->status == 429 && !scope) ||
		       (res->status == 403 && !http_response_get(res, "X-RateLimit-Bucket"));
	if (key == KEY_INTERACTIONS)
		return;
	if (res->status == 429 && scope)
		forbid(sim, http_response_get(res, "X-RateLimit-Global") ? KEY_GLOBAL : key,
			sim_now(sim) + (int64_t)(header(res, "Retry-After", 0) * 1000) - 1000);
	else if (res->status != 429 && header(res, "X-RateLimit-Remaining", 1) <= 0)
		forbid(sim, key, (int64_t)(header(res, "X-RateLimit-Reset", 0) * 1000));
}

void limits_served(struct sim *sim, const struct http_request *req, const struct http_response *res)
{
	const char *scope = http_response_get(res, "X-RateLimit-Scope");
	size_t n = countof(sim->invalid_ms);
	int64_t *oldest = &sim->invalid_ms[sim->n_invalid % n];

	if (key_of(req) == 0 || (res->status != 401 && res->status != 403 && res->status != 429))
		return;
	if (str_eq(scope, "shared"))
		return; /* does not count, says Discord */
	if (sim->n_invalid >= n && sim_now(sim) - *oldest < INVALID_MS)
		sim_fail(sim, "invalid requests", "a thousand within ten minutes; the last: %s",
			req->url);
	*oldest = sim_now(sim);
	sim->n_invalid++;
}
