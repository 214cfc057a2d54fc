/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_TEST_REST_RIG_H
#define FULLET_TEST_REST_RIG_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "discord/rest.h"
#include "discord/rest_read.h"

#define BASE	"https://discord.test/api/v10"
#define R_POST	"POST /channels/{}/messages"
#define R_PATCH "PATCH /channels/{}/messages/{}"
#define R_BACK	"POST /interactions/{}/{}/callback"
#define R_HOOK	"PATCH /webhooks/{}/{}/messages/@original"

/* The REST queue in virtual time. */
struct rig {
	struct rng rng;
	struct rest *rest;
	int64_t now;
	uint64_t tag;
};

static inline void rig_open(struct rig *rig)
{
	struct rest_config config = {BASE, "TOKEN", "DiscordBot (https://x.test, 1.0)", 0};

	*rig = (struct rig){.now = 1000000};
	rng_seed(&rig->rng, 7);
	rig->rest = rest_new(&config, &rig->rng);
}

static inline void rig_close(struct rig *rig)
{
	rig->rest = rest_free(rig->rest);
}

/* Method, path and major from the route; flags; the rest by the caller before submit(). */
static inline struct rest_call *call_to(const char *route, const char *major, uint32_t flags)
{
	static const char *const names[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
	size_t method = 0;
	struct rest_call *call;

	while (strncmp(route, names[method], strlen(names[method])) != 0 ||
		route[strlen(names[method])] != ' ')
		method++;
	call = rest_call_new((enum http_method)method, route, major, flags);
	call->http.url = xasprintf("%s?of=%s", strchr(route, '/'), major ? major : "");
	return call;
}

/* The tag by which the call is known to the test. */
static inline uint64_t submit(struct rig *rig, struct rest_call *call)
{
	call->tag = ++rig->tag;
	assert_int_equal(rest_submit(rig->rest, call, rig->now), 0);
	return rig->tag;
}

static inline uint64_t submit_to(
	struct rig *rig, const char *route, const char *major, uint32_t flags)
{
	return submit(rig, call_to(route, major, flags));
}

static inline uint64_t submit_edit(
	struct rig *rig, const char *major, uint64_t coalesce, uint32_t flags)
{
	struct rest_call *call = call_to(R_PATCH, major, REST_REPEATABLE | flags);

	call->coalesce = coalesce;
	return submit(rig, call);
}

static inline struct rest_call *next(struct rig *rig)
{
	return rest_next(rig->rest, rig->now);
}

/* The tag of the next call, 0 when none may be sent. */
static inline uint64_t next_tag(struct rig *rig)
{
	struct rest_call *call = next(rig);

	return call ? call->tag : 0;
}

/* Lets time run until something may be sent. */
static inline struct rest_call *next_within(struct rig *rig, int64_t limit_ms)
{
	int64_t end = rig->now + limit_ms;

	for (;;) {
		struct rest_call *call = next(rig);
		int64_t t;

		if (call)
			return call;
		t = rest_deadline(rig->rest, rig->now);
		if (t > end) {
			rig->now = end;
			return NULL;
		}
		/* A deadline in the present without anything to send would be a busy loop. */
		assert_true(t > rig->now);
		rig->now = t;
	}
}

/* headers: "Name: value\nName: value"; NULL: none. body NULL: empty. */
static inline void answer_with(
	struct rig *rig, struct rest_call *call, int status, const char *headers, const char *body)
{
	struct http_response res = {.status = status, .body = BUF(MIB)};
	char *copy = xstrdup(headers ? headers : ""), *rest = copy, *line;

	if (body && body[0] == '{')
		http_response_header(&res, "Content-Type", "application/json");
	while (*copy && (line = strsep(&rest, "\n"))) {
		char *colon = strstr(line, ": ");

		*colon = '\0';
		http_response_header(&res, line, colon + 2);
	}
	if (body)
		assert_int_equal(buf_add_str(&res.body, body), 0);
	rest_answer(rig->rest, call, &res, rig->now);
	assert_null(res.body.data);
	assert_int_equal(res.n_headers, 0);
	free(copy);
}

#define VIA "Via: 1.1 google"

static inline void answer(struct rig *rig, struct rest_call *call, int status)
{
	answer_with(rig, call, status, VIA, status < 400 ? NULL : "{\"code\":0,\"message\":\"m\"}");
}

static inline void limits(char text[200], const char *hash, int limit, int remaining, double after)
{
	snprintf(text, 200,
		VIA "\nX-RateLimit-Bucket: %s\nX-RateLimit-Limit: %d\n"
		    "X-RateLimit-Remaining: %d\nX-RateLimit-Reset-After: %.3f",
		hash, limit, remaining, after);
}

static inline void answer_limits(struct rig *rig, struct rest_call *call, const char *hash,
	int limit, int remaining, double after)
{
	char text[200];

	limits(text, hash, limit, remaining, after);
	answer_with(rig, call, 200, text, NULL);
}

/* No response. */
static inline void answer_nothing(struct rig *rig, struct rest_call *call, bool maybe_sent)
{
	struct http_response res = {.maybe_sent = maybe_sent, .error = xstrdup("reset")};

	rest_answer(rig->rest, call, &res, rig->now);
}

/* The outcome of the finished call, which must be the one with the tag; -1: none finished. */
static inline int outcome(struct rig *rig, uint64_t tag)
{
	struct rest_call *call = rest_finished(rig->rest);
	int outcome;

	if (!call)
		return -1;
	assert_int_equal(call->tag, tag);
	outcome = (int)call->outcome;
	rest_call_free(call);
	return outcome;
}

static inline bool noted(struct rig *rig, const char *text)
{
	bool found = false;
	char *note;

	while ((note = rest_note(rig->rest))) {
		found = found || strstr(note, text);
		free(note);
	}
	return found;
}

#endif
