/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_REST_H
#define FULLET_DISCORD_REST_H

#include "base/http.h"
#include "base/rng.h"
#include "discord/wake.h"

/*
 * The REST queue, sans-IO: calls go in, the ones that may be sent now come out
 * of rest_next(), their responses go back in, and finished calls come out of
 * rest_finished(). It owns the rules of Discord's "Rate Limits": buckets by
 * hash and major, unknown buckets one in flight, the global limit, 429 with its three
 * scopes, Cloudflare's HTML 429, sub-limits with Remaining > 0, the count of
 * invalid requests, retries only where repeating is safe. It is the outbox too:
 * of the calls with the same coalesce key only the newest unsent one goes out,
 * and never two of them at once.
 *
 * A call with a deadline has no more time to answer than is left of it; the first
 * try of a callback half of that, so that it can be repeated. A call one of whose
 * tries may have happened ends as REST_DOUBTFUL, never as REST_EXPIRED or
 * REST_FAILED, and a POST not as REST_REFUSED (a GET has no effect and is never doubtful). 429s and
 * Cloudflare's refusals are waited out however often they come, within the deadline. A POST that
 * may have happened is repeated only while Discord surely remembers its nonce. After a
 * REST_DEAD_TOKEN every bot call, waiting or new, ends the same way unsent.
 */
struct rest;

/* How a call ended. */
enum rest_outcome {
	REST_OK,	 /* 2xx; also 404 on DELETE, 40060 on a callback */
	REST_REFUSED,	 /* definitive: status and discord_code tell */
	REST_DOUBTFUL,	 /* it may or may not have happened (POST without nonce, tries used up) */
	REST_FAILED,	 /* it did not happen, and trying again later may work */
	REST_SUPERSEDED, /* replaced unsent by a newer call with the same coalesce key */
	REST_EXPIRED,	 /* deadline_ms passed before it could be sent */
	REST_DEAD_TOKEN, /* 401 on a bot request: the bot token is not valid */
};

enum rest_flags {
	REST_INTERACTION = 1 << 0, /* callback, @original, followup: no Authorization, not under
				      the global limit, never a dead bot token; the major is the
				      interaction token */
	REST_URGENT = 1 << 1,	   /* ahead of everything that waits (acknowledgements) */
	REST_REPEATABLE = 1 << 2,  /* GET, PUT, DELETE, PATCH, and POST with enforce_nonce */
	REST_BACKGROUND = 1 << 3, /* edits of progress: first to give way (invalid-request brake) */
	REST_ONCE = 1 << 4,	  /* no retry after a refusal to connect, a time-out or a 5xx */
	REST_FIRST = 1 << 5,	  /* ahead of all that is not urgent: answers wait for it */
};

/*
 * One call. The caller makes it with rest_call_new(), fills `http` (url is the
 * path below the API base, "/channels/1/messages"; rest.c adds base, User-Agent
 * and Authorization when it is sent) and gives it to rest_submit(), which owns it
 * from then on until it comes back from rest_finished(), to be freed by the caller.
 */
struct rest_call {
	struct http_request http;
	char *route; /* method and template, "POST /channels/{}/messages": the bucket key
			before the hash is known */
	char *major; /* "channel id", "guild id" or the interaction token; NULL: none */
	uint32_t flags;
	uint64_t coalesce;   /* 0: none */
	int64_t deadline_ms; /* REST_EXPIRED when not answered OK by then; 0: none */
	uint64_t tag;	     /* the caller's; not looked at */
	uint64_t tag2;
	int kind; /* the caller's; not looked at */

	/* filled when finished */
	enum rest_outcome outcome;
	int64_t discord_code;  /* error body's code, 0 */
	char *discord_message; /* error body's message and the errors' paths; may be NULL */
	struct http_response response;

	/* rest.c's own */
	int state;
	int tries;
	bool doubt; /* a try that may have happened */
	char *path; /* while `http` holds what is sent */
	size_t n_headers;
	int64_t timeout_ms, sent_ms;
	struct wake wake;
	int64_t not_before_ms;
	uint64_t order;
	void *bucket;
	struct rest_call *prev, *next;
};
struct rest_call *rest_call_new(
	enum http_method method, const char *route, const char *major, uint32_t flags);
struct rest_call *rest_call_free(struct rest_call *call); /* returns NULL */

struct rest_config {
	const char *base;	/* "https://discord.com/api/v10", no trailing slash */
	const char *token;	/* without "Bot " */
	const char *user_agent; /* "DiscordBot (https://..., 1.0)" */
	int in_flight_max;	/* 0: 64 */
};
struct rest *rest_new(const struct rest_config *config, struct rng *rng);
struct rest *rest_free(struct rest *rest);

/* -EAGAIN (the call comes back finished as REST_FAILED) when REST_QUEUE_MAX wait; for what
 * interactions are answered and for REST_FIRST REST_ANSWERS_MAX more, for acknowledgements
 * REST_ACKS_MAX. */
int rest_submit(struct rest *rest, struct rest_call *call, int64_t now_ms);
/* The next call that may be sent now, ready to be carried (absolute URL, all headers), or
 * NULL. It is in flight until rest_answer() names it; the pointer stays owned by rest. */
struct rest_call *rest_next(struct rest *rest, int64_t now_ms);
/* Takes the contents of *response. */
void rest_answer(
	struct rest *rest, struct rest_call *call, struct http_response *response, int64_t now_ms);
/* A finished call (owned by the caller now), or NULL. */
struct rest_call *rest_finished(struct rest *rest);
/* When rest_next() may have something again without new input; NEVER. */
int64_t rest_deadline(const struct rest *rest, int64_t now_ms);
/* Calls waiting or in flight. */
size_t rest_pending(const struct rest *rest);
/* A sentence for the log about what the limiter just did, or NULL; the caller owns it. */
char *rest_note(struct rest *rest);

#endif
