/* SPDX-License-Identifier: Apache-2.0 */
#include "core/health.h"

uint32_t health_model(const char *name)
{
	uint32_t hash = 2166136261u;

	for (const char *c = name ? name : ""; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	return hash;
}

static void open_circuit(struct health *h, int64_t now_ms)
{
	int64_t rest_ms = (int64_t)HEALTH_REST_MS << min_of(h->opens, 10);

	h->circuit = HEALTH_OPEN;
	h->until_ms = now_ms + min_of(rest_ms, (int64_t)HEALTH_REST_MAX_MS);
	h->opens++;
}

static bool is_to_blame(const struct health *h)
{
	bool various = false;

	for (int i = 1; i < HEALTH_FAILS; i++)
		various |= h->failed[i] != h->failed[0];
	return h->fails >= HEALTH_FAILS && (various || h->others_can);
}

static bool judge(struct health *h, int64_t now_ms)
{
	if (h->circuit != HEALTH_CLOSED || !is_to_blame(h))
		return false;
	open_circuit(h, now_ms);
	return true;
}

bool health_failed(struct health *h, uint32_t model, const char *why, int64_t now_ms)
{
	h->failed[h->fails++ % HEALTH_FAILS] = model;
	(void)str_copy(h->why, sizeof(h->why), why ? why : "");
	if (h->circuit == HEALTH_TRIAL)
		open_circuit(h, now_ms);
	return judge(h, now_ms);
}

bool health_can_draw(const struct health *h, uint32_t model)
{
	for (int i = 0; i < min_of(h->n_drawn, HEALTH_DRAWN_MAX); i++)
		if (h->drawn[i] == model)
			return true;
	return false;
}

bool health_drew(struct health *h, uint32_t model)
{
	bool closes = h->circuit != HEALTH_CLOSED;

	if (!health_can_draw(h, model))
		h->drawn[h->n_drawn++ % HEALTH_DRAWN_MAX] = model;
	h->circuit = HEALTH_CLOSED;
	h->fails = h->opens = 0;
	h->others_can = false;
	h->why[0] = '\0';
	return closes;
}

bool health_other_drew(struct health *h, uint32_t model, int64_t now_ms)
{
	for (int i = 0; i < min_of(h->fails, HEALTH_FAILS); i++)
		h->others_can |= h->failed[i] == model;
	return judge(h, now_ms);
}

void health_try_now(struct health *h)
{
	if (h->circuit == HEALTH_OPEN)
		h->circuit = HEALTH_TRIAL;
}

bool health_tick(struct health *h, int64_t now_ms)
{
	if (h->circuit != HEALTH_OPEN || now_ms < h->until_ms)
		return false;
	h->circuit = HEALTH_TRIAL;
	return true;
}

int64_t health_deadline(const struct health *h)
{
	return h->circuit == HEALTH_OPEN ? h->until_ms : NEVER;
}
