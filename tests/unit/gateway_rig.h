/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_TEST_GATEWAY_RIG_H
#define FULLET_TEST_GATEWAY_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "discord/gateway.h"

#define URL    "wss://gateway.test"
#define RESUME "wss://resume.test"
#define HELLO  "{\"op\":10,\"d\":{\"heartbeat_interval\":40000}}"
#define READY                                                                                      \
	"{\"op\":0,\"t\":\"READY\",\"s\":1,\"d\":{\"session_id\":\"S\",\"resume_gateway_url\":"    \
	"\"" RESUME "\"}}"
#define RESUMED "{\"op\":0,\"t\":\"RESUMED\",\"s\":9,\"d\":{}}"
#define ACK	"{\"op\":11}"

/* A gateway in virtual time, and the last action of each kind that came out. */
struct rig {
	struct rng rng;
	struct gateway *gw;
	int64_t now;
	struct gateway_action last[GATEWAY_NOTE + 1];
	int count[GATEWAY_NOTE + 1];
	char notes[8192];
};

static inline void drain(struct rig *rig)
{
	struct gateway_action a;

	while (gateway_next(rig->gw, &a)) {
		rig->count[a.kind]++;
		if (a.kind == GATEWAY_NOTE && a.text) {
			size_t n = strlen(rig->notes);

			snprintf(rig->notes + n, sizeof(rig->notes) - n, "%s\n", a.text);
		}
		gateway_action_free(&rig->last[a.kind]);
		rig->last[a.kind] = a;
	}
}

static inline void forget(struct rig *rig)
{
	drain(rig);
	for (size_t i = 0; i < countof(rig->last); i++)
		gateway_action_free(&rig->last[i]);
	memset(rig->count, 0, sizeof(rig->count));
	rig->notes[0] = '\0';
}

static inline void rig_open(struct rig *rig, uint64_t seed, bool no_compression)
{
	struct gateway_config config = {"TOKEN", 513, no_compression};

	*rig = (struct rig){.now = 1000000};
	rng_seed(&rig->rng, seed);
	rig->gw = gateway_new(&config, &rig->rng);
}

static inline void rig_close(struct rig *rig)
{
	forget(rig);
	rig->gw = gateway_free(rig->gw);
}

static inline void say(struct rig *rig, const char *text)
{
	gateway_received(rig->gw, text, strlen(text), false, rig->now);
	drain(rig);
}

static inline void closed(struct rig *rig, int code)
{
	gateway_closed(rig->gw, code, "why\n", rig->now);
	drain(rig);
}

/* Lets time run, tick by tick, until `kind` came out or `limit_ms` have passed. */
static inline bool run_until(struct rig *rig, enum gateway_action_kind kind, int64_t limit_ms)
{
	int64_t end = rig->now + limit_ms;
	int before = rig->count[kind];

	drain(rig);
	while (rig->count[kind] == before) {
		int64_t next = gateway_deadline(rig->gw);

		if (next > end) {
			rig->now = end;
			return false;
		}
		rig->now = max_of(rig->now, next);
		gateway_tick(rig->gw, rig->now);
		drain(rig);
	}
	return true;
}

static inline void answer_url_with(struct rig *rig, const char *text)
{
	struct json_object *doc = text ? json_parse(text, strlen(text), NULL) : NULL;

	gateway_url(rig->gw, doc, rig->now);
	json_put(&doc);
	drain(rig);
}

static inline void answer_url(struct rig *rig)
{
	answer_url_with(rig,
		"{\"url\":\"" URL "\",\"session_start_limit\":{\"total\":1000,\"remaining\":900,"
		"\"reset_after\":1000,\"max_concurrency\":1}}");
}

/* From wherever it waits to a greeted connection. */
static inline void connect_again(struct rig *rig)
{
	while (!rig->count[GATEWAY_OPEN] && !rig->count[GATEWAY_ASK_URL]) {
		assert_true(gateway_deadline(rig->gw) < NEVER);
		rig->now = max_of(rig->now, gateway_deadline(rig->gw));
		gateway_tick(rig->gw, rig->now);
		drain(rig);
	}
	if (rig->count[GATEWAY_ASK_URL])
		answer_url(rig);
	gateway_opened(rig->gw, rig->now);
	drain(rig);
	say(rig, HELLO);
}

static inline void to_ready(struct rig *rig)
{
	gateway_start(rig->gw, NULL, rig->now);
	drain(rig);
	connect_again(rig);
	say(rig, READY);
	assert_true(gateway_is_ready(rig->gw));
	forget(rig);
}

static inline const char *sent(struct rig *rig)
{
	return rig->last[GATEWAY_SEND].text ? rig->last[GATEWAY_SEND].text : "";
}

#endif
