/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_GATEWAY_H
#define FULLET_DISCORD_GATEWAY_H

#include <json-c/json.h>

#include "base/rng.h"

/*
 * One gateway session, sans-IO: WebSocket happenings and the time go in,
 * actions come out of gateway_next(). It owns the rules of Discord's "Gateway":
 * compression, HELLO, jittered heartbeat, zombie detection, IDENTIFY, RESUME on
 * resume_gateway_url, INVALID_SESSION, RECONNECT, every close code, back-off,
 * session start limit, IDENTIFY spacing, send limit (120/60 s, some kept for
 * heartbeats).
 *
 * The cycle: GATEWAY_ASK_URL -> the shell GETs /gateway/bot and answers with
 * gateway_url(); GATEWAY_OPEN -> the shell opens the socket and reports
 * gateway_opened() or gateway_closed(code 0). A reconnect that can resume opens
 * resume_gateway_url without asking; one that identifies anew asks for the URL
 * again, so that the session start limit is fresh. When resume_gateway_url fails
 * before HELLO five times in a row, the URL is asked for; an answer means that the
 * network is fine, so the session is given up and a new one made.
 *
 * A compression that could not be decoded is not offered again; one whose
 * connection failed before HELLO gives way to the next of zstd-stream,
 * zlib-stream, none, in turns, for the failure may have been the network's.
 */
struct gateway;

struct gateway_config {
	const char *token; /* without "Bot " */
	uint64_t intents;
	bool no_compression;   /* for a test; else zstd-stream, falling back to
				  zlib-stream and then none after a connection
				  that failed before HELLO or a decoding error */
	int64_t identified_ms; /* the last IDENTIFY of an earlier process; 0: none known */
};

/* What a planned restart keeps, so that the next start can resume. Strings may be NULL. */
struct gateway_resume {
	char *session_id;
	char *resume_url;
	int64_t seq;
};
void gateway_resume_free(struct gateway_resume *r);

/* Counts from the next IDENTIFY on. */
void gateway_set_intents(struct gateway *gw, uint64_t intents);
struct gateway *gateway_new(const struct gateway_config *config, struct rng *rng);
struct gateway *gateway_free(struct gateway *gw); /* NULL is fine; returns NULL */

/* Starts; with resume data (copied; may be NULL) it first tries to resume. */
void gateway_start(struct gateway *gw, const struct gateway_resume *resume, int64_t now_ms);
/* Stops for good: closes with 4000 so that the session can be resumed later. */
void gateway_stop(struct gateway *gw, int64_t now_ms);

/* Answer to GATEWAY_ASK_URL: the body of /gateway/bot (borrowed), or NULL when it
 * failed (asked again after back-off). A remaining of 0 waits reset_after. */
void gateway_url(struct gateway *gw, struct json_object *answer, int64_t now_ms);
void gateway_opened(struct gateway *gw, int64_t now_ms);
/* One complete WebSocket message. */
void gateway_received(
	struct gateway *gw, const void *data, size_t len, bool binary, int64_t now_ms);
/* The socket is gone: code 0 without a close frame. Also the answer to GATEWAY_CLOSE. */
void gateway_closed(struct gateway *gw, int code, const char *reason, int64_t now_ms);
void gateway_tick(struct gateway *gw, int64_t now_ms);
/* When gateway_tick() wants to be called; NEVER when nothing is due. */
int64_t gateway_deadline(const struct gateway *gw);

enum gateway_action_kind {
	GATEWAY_ASK_URL,
	GATEWAY_OPEN,	  /* url: with the query string */
	GATEWAY_SEND,	  /* text */
	GATEWAY_CLOSE,	  /* code; the shell answers with gateway_closed() at once */
	GATEWAY_DISPATCH, /* name, data: every op 0 event, READY and RESUMED included, in order */
	GATEWAY_FATAL,	  /* text: a sentence that says what to change. Nothing follows. */
	GATEWAY_NOTE,	  /* text: a line for the log ("resuming", "closed 4000, again in 2 s") */
};

struct gateway_action {
	enum gateway_action_kind kind;
	int code;
	char *text;		  /* owned: url, payload, sentence, event name */
	struct json_object *data; /* owned: the `d` of a dispatch */
};
/* True and fills *ret (zeroed by the callee first); the caller frees it with gateway_action_free().
 */
bool gateway_next(struct gateway *gw, struct gateway_action *ret);
void gateway_action_free(struct gateway_action *a);

/* The current session for gateway_start() of a later process, at the last event that gateway_next()
 * has given; empty when there is none. */
void gateway_resume_get(const struct gateway *gw, struct gateway_resume *ret);
bool gateway_is_ready(const struct gateway *gw);
/* The milliseconds between the last heartbeat and its ACK; -1 unknown. */
int64_t gateway_latency_ms(const struct gateway *gw);

#endif
