/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_GATEWAY_STATE_H
#define FULLET_DISCORD_GATEWAY_STATE_H

#include "discord/gateway.h"
#include "discord/gateway_text.h"
#include "discord/inflate.h"

/* Shared by gateway.c, which makes connections and gives them up, and gateway_talk.c, which talks
 * over the one that is open. */

/* Any code but 1000 and 1001 leaves the session alive for a RESUME. */
#define CLOSE_KEEP 4000

#define STABLE_MS 60000 /* a session that lasted so long was a success */
/* Discord: max_concurrency IDENTIFYs per 5 s, and 1,000 a day or the token is reset: repeated
 * ones without success slow down to fewer than 600 a day. The 5 s count from an IDENTIFY's arrival,
 * which is a moment after we sent it. */
#define IDENTIFY_SPACING_MS 5250

/* The rules are those of discord.com/developers/docs, "Gateway". */
enum gateway_state {
	ST_OFF,
	ST_WAIT,      /* until wait_ms, then asks or opens */
	ST_ASKED,     /* gateway_url() answers */
	ST_OPENING,   /* gateway_opened() or gateway_closed() answers */
	ST_OPENED,    /* HELLO must come */
	ST_GREETED,   /* HELLO came; the IDENTIFY waits for its turn */
	ST_HANDSHAKE, /* IDENTIFY or RESUME is sent */
	ST_READY,
	ST_CLOSING,  /* gateway_closed() answers, then it goes on after plan_ms */
	ST_STOPPING, /* gateway_closed() answers, then it is off */
	ST_DEAD,
};

struct action {
	struct gateway_action a;
	int64_t seq; /* of a dispatch */
	struct action *prev, *next;
};

struct gateway {
	char *token;
	uint64_t intents;
	bool no_compression;
	struct rng *rng;
	enum gateway_state state;
	struct action *actions;

	/* the session */
	char *session_id;
	char *resume_url;
	int64_t seq;	   /* -1: none */
	int64_t given_seq; /* of the last event that gateway_next() gave */
	char *url;	   /* of the last /gateway/bot */

	/* the connection */
	struct inflate *z;
	enum inflate_kind z_kind;
	bool on_resume_url;
	int64_t limit_ms;
	int64_t interval_ms;
	int64_t beat_ms;
	bool acked;
	int64_t beat_sent_ms;
	int64_t latency_ms;
	struct send_window window;

	/* across connections */
	enum inflate_kind kind;	    /* of the next connection */
	bool broken[INFLATE_KINDS]; /* what came in it could not be decoded */
	int64_t wait_ms;
	int64_t plan_ms;
	int64_t stable_ms;
	int tries;
	int resume_fails;
	int identifies;
	int64_t spacing_ms;
	int64_t identify_ms; /* no IDENTIFY before */
};

/* gateway.c */
static inline bool gateway_has_socket(const struct gateway *gw)
{
	return gw->state >= ST_OPENED && gw->state <= ST_READY;
}

static inline bool gateway_has_session(const struct gateway *gw)
{
	return gw->session_id && gw->seq >= 0;
}

/* Takes text and data. */
void gateway_push(struct gateway *gw, enum gateway_action_kind kind, char *text, int code,
	struct json_object *data);
#define gateway_note(gw, ...) gateway_push(gw, GATEWAY_NOTE, xasprintf(__VA_ARGS__), 0, NULL)
void gateway_set_state(struct gateway *gw, enum gateway_state state, int64_t limit_ms);
void gateway_fatal(struct gateway *gw, const char *sentence);
void gateway_forget_session(struct gateway *gw);
void gateway_failed_before_hello(struct gateway *gw);
/* Goes on after at_least_ms or more, when the connection is closed. */
void gateway_hang_up(struct gateway *gw, int64_t at_least_ms, const char *why, int64_t now_ms);

/* gateway_talk.c */
/* IDENTIFY or RESUME, now or when its time has come. */
void gateway_shake_hands(struct gateway *gw, int64_t now_ms);
/* The time for a heartbeat has come. */
void gateway_beat(struct gateway *gw, int64_t now_ms);

#endif
