/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/http.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/secret.h"
#include "discord/close_code.h"
#include "discord/gateway_text.h"
#include "discord/inflate.h"

/* Any code but 1000 and 1001 leaves the session alive for a RESUME. */
#define CLOSE_KEEP 4000

#define OPEN_LIMIT_MS	   30000 /* name, TCP, TLS, upgrade */
#define HELLO_LIMIT_MS	   20000
#define HANDSHAKE_LIMIT_MS 60000 /* without any event between IDENTIFY or RESUME and its answer */
#define STABLE_MS	   60000 /* a session that lasted so long was a success */
#define QUICK_MS	   300	 /* the first reconnect after a success: members wait */
#define BACKOFF_BASE_MS	   1000
#define BACKOFF_MAX_MS	   60000
#define PAUSE_MS	   5000
/* Discord: max_concurrency IDENTIFYs per 5 s, and 1,000 a day or the token is reset: repeated
 * ones without success slow down to fewer than 600 a day. The 5 s count from an IDENTIFY's arrival,
 * which is a moment after we sent it. */
#define IDENTIFY_SPACING_MS 5250
#define IDENTIFY_MAX_MS	    300000
#define RESUME_TRIES	    5 /* failures of the resume URL before HELLO */
#define REMAINING_LOW	    5
#define RESET_AFTER_MAX_MS  86400000
#define BEAT_MAX_MS	    3600000

/* The rules are those of discord.com/developers/docs, "Gateway". */
enum state {
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
	enum state state;
	struct action *actions;

	/* the session */
	char *session_id;
	char *resume_url;
	int64_t seq; /* -1: none */
	int64_t given_seq; /* of the last event that gateway_next() gave */
	char *url;   /* of the last /gateway/bot */

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

/* ---- actions ---- */

static void push(struct gateway *gw, enum gateway_action_kind kind, char *text, int code,
	struct json_object *data)
{
	struct action *item = xcalloc(1, sizeof(*item));

	item->a = (struct gateway_action){kind, code, text, data};
	item->seq = gw->seq;
	DL_APPEND(gw->actions, item);
}

#define note(gw, ...) push(gw, GATEWAY_NOTE, xasprintf(__VA_ARGS__), 0, NULL)

bool gateway_next(struct gateway *gw, struct gateway_action *ret)
{
	struct action *item = gw->actions;

	*ret = (struct gateway_action){0};
	if (!item)
		return false;
	DL_DELETE(gw->actions, item);
	*ret = item->a;
	if (ret->kind == GATEWAY_DISPATCH)
		gw->given_seq = item->seq;
	free(item);
	return true;
}

void gateway_action_free(struct gateway_action *a)
{
	wipe_free(a->text); /* IDENTIFY and RESUME hold the token */
	json_put(&a->data);
	*a = (struct gateway_action){0};
}

/* ---- states ---- */

static bool has_socket(const struct gateway *gw)
{
	return gw->state >= ST_OPENED && gw->state <= ST_READY;
}

/* The only place that changes the state: what belongs to one state ends with it. */
static void set_state(struct gateway *gw, enum state state, int64_t limit_ms)
{
	gw->state = state;
	gw->limit_ms = limit_ms;
	if (!has_socket(gw)) {
		gw->z = inflate_free(gw->z);
		gw->beat_ms = NEVER;
	}
	if (state != ST_READY)
		gw->stable_ms = NEVER;
	if (state != ST_WAIT)
		gw->wait_ms = NEVER;
}

static void fatal(struct gateway *gw, const char *sentence)
{
	set_state(gw, ST_DEAD, NEVER);
	push(gw, GATEWAY_FATAL, xstrdup(sentence), 0, NULL);
}

static bool has_session(const struct gateway *gw)
{
	return gw->session_id && gw->seq >= 0;
}

static void session_forget(struct gateway *gw)
{
	str_set(&gw->session_id, NULL);
	str_set(&gw->resume_url, NULL);
	gw->seq = -1;
	gw->resume_fails = 0;
}

/* A session that lasted forgives all earlier failures. */
static void check_stable(struct gateway *gw, int64_t now_ms)
{
	if (now_ms < gw->stable_ms)
		return;
	gw->stable_ms = NEVER;
	gw->tries = gw->identifies = 0;
	gw->kind = gw->no_compression	       ? INFLATE_NONE
		   : !gw->broken[INFLATE_ZSTD] ? INFLATE_ZSTD
		   : !gw->broken[INFLATE_ZLIB] ? INFLATE_ZLIB
					       : INFLATE_NONE;
}

static int64_t next_backoff(struct gateway *gw)
{
	int64_t ms = gw->tries == 0
			     ? (int64_t)rng_below(gw->rng, QUICK_MS)
			     : backoff_ms(gw->rng, gw->tries - 1, BACKOFF_BASE_MS, BACKOFF_MAX_MS);

	gw->tries = min_of(gw->tries + 1, 30);
	return ms;
}

/* After a connection, or a question for the URL, came to nothing. */
static void go_on(struct gateway *gw, int64_t at_least_ms, const char *why, int64_t now_ms)
{
	int64_t wait = max_of(next_backoff(gw), at_least_ms);

	if (!has_session(gw))
		wait = max_of(wait, gw->identify_ms - now_ms);
	note(gw, "%s; %s in %.1f s", why, has_session(gw) ? "resuming" : "connecting anew",
		(double)wait / 1000);
	set_state(gw, ST_WAIT, NEVER);
	gw->wait_ms = now_ms + wait;
}

/* Discord or a proxy in between may not speak a compression at all. */
static void failed_before_hello(struct gateway *gw)
{
	if (gw->on_resume_url)
		gw->resume_fails++;
	if (gw->no_compression)
		return;
	do
		gw->kind = (gw->kind + 1) % INFLATE_KINDS;
	while (gw->broken[gw->kind]);
}

/* We end the connection; the session, if any, stays. */
static void hang_up(struct gateway *gw, int64_t at_least_ms, const char *why, int64_t now_ms)
{
	check_stable(gw, now_ms);
	note(gw, "%s: closing the gateway connection", why);
	gw->plan_ms = at_least_ms;
	set_state(gw, ST_CLOSING, NEVER);
	push(gw, GATEWAY_CLOSE, NULL, CLOSE_KEEP, NULL);
}

/* ---- connecting ---- */

static void connect_to(struct gateway *gw, const char *url, int64_t now_ms)
{
	struct url split = {0};

	must(url_split(url, &split) == 0);
	note(gw, "connecting to %s (compression: %s)%s", split.host, inflate_name(gw->kind),
		split.secure || host_is_loopback(split.host)
			? ""
			: ": WARNING: not encrypted, anyone on the way can read the token");
	url_free(&split);
	set_state(gw, ST_OPENING, now_ms + OPEN_LIMIT_MS);
	push(gw, GATEWAY_OPEN, gateway_url_query(url, gw->kind), 0, NULL);
}

static void connect_now(struct gateway *gw, int64_t now_ms)
{
	gw->on_resume_url = has_session(gw) && gw->resume_url && gw->resume_fails < RESUME_TRIES;
	if (gw->on_resume_url) {
		connect_to(gw, gw->resume_url, now_ms);
		return;
	}
	set_state(gw, ST_ASKED, NEVER);
	push(gw, GATEWAY_ASK_URL, NULL, 0, NULL);
}

void gateway_url(struct gateway *gw, struct json_object *answer, int64_t now_ms)
{
	int64_t remaining, reset_after, together;
	const char *url;

	if (gw->state != ST_ASKED)
		return;
	url = json_str(answer, "url");
	if (!gateway_url_usable(url)) {
		/* The network may be to blame: the resume URL has its turn again. */
		gw->resume_fails = min_of(gw->resume_fails, RESUME_TRIES - 1);
		go_on(gw, 0,
			answer ? "Discord's answer holds no gateway URL"
			       : "no gateway URL could be had",
			now_ms);
		return;
	}
	if (has_session(gw) && gw->resume_fails >= RESUME_TRIES) {
		note(gw, "the resume URL does not answer, Discord does: the session is given up");
		session_forget(gw);
	}
	str_set(&gw->url, url);
	together = json_int(answer, "session_start_limit.max_concurrency", 1);
	gw->spacing_ms = IDENTIFY_SPACING_MS / min_of(max_of(together, INT64_C(1)), INT64_C(100));
	remaining = json_int(answer, "session_start_limit.remaining", -1);
	reset_after = json_int(answer, "session_start_limit.reset_after", 0);
	reset_after = min_of(
		max_of(reset_after, (int64_t)IDENTIFY_SPACING_MS), (int64_t)RESET_AFTER_MAX_MS);
	if (remaining == 0 && !has_session(gw)) {
		note(gw,
			"Discord allows no further session start now; asking again in %" PRId64
			" s. Is the program being restarted in a loop?",
			reset_after / 1000);
		set_state(gw, ST_WAIT, NEVER);
		gw->wait_ms = now_ms + reset_after;
		return;
	}
	if (remaining >= 0 && remaining <= REMAINING_LOW && !has_session(gw))
		note(gw,
			"only %" PRId64 " session starts are left for the next %" PRId64
			" s: restart the program sparingly",
			remaining, reset_after / 1000);
	connect_to(gw, gw->url, now_ms);
}

void gateway_opened(struct gateway *gw, int64_t now_ms)
{
	if (gw->state != ST_OPENING)
		return;
	set_state(gw, ST_OPENED, now_ms + HELLO_LIMIT_MS);
	gw->z_kind = gw->kind;
	gw->z = inflate_new(gw->z_kind);
	send_window_reset(&gw->window);
	gw->acked = true;
	gw->beat_sent_ms = -1;
	gw->latency_ms = -1;
}

void gateway_closed(struct gateway *gw, int code, const char *reason, int64_t now_ms)
{
	cleanup(freep) char *clean = gateway_reason(reason), *why = NULL;
	enum close_verdict verdict;
	enum state state = gw->state;
	const char *sentence;

	if (state == ST_STOPPING)
		set_state(gw, ST_OFF, NEVER);
	if (state != ST_OPENING && state != ST_CLOSING && !has_socket(gw))
		return;
	verdict = close_code_verdict(code, &sentence);
	if (verdict == CLOSE_FATAL) {
		fatal(gw, sentence);
		return;
	}
	if (state == ST_CLOSING) {
		go_on(gw, gw->plan_ms, "the gateway connection is closed", now_ms);
		return;
	}
	check_stable(gw, now_ms);
	if (state == ST_OPENING || state == ST_OPENED)
		failed_before_hello(gw);
	if (verdict == CLOSE_IDENTIFY)
		session_forget(gw);
	why = code == 0 ? xasprintf("%s%s%s", sentence, *clean ? ": " : "", clean)
			: xasprintf("closed %d, %s%s%s%s", code, sentence, *clean ? " (" : "",
				  clean, *clean ? ")" : "");
	go_on(gw, verdict == CLOSE_PAUSE ? PAUSE_MS : 0, why, now_ms);
}

/* ---- sending ---- */

/* Takes the text. */
static void send_now(struct gateway *gw, char *text, int64_t now_ms)
{
	if (!text) {
		push(gw, GATEWAY_CLOSE, NULL, CLOSE_KEEP, NULL);
		fatal(gw, "The bot's token cannot be right: put it, from the Developer Portal > "
			  "Bot > "
			  "Reset Token, into DISCORD_TOKEN in .env");
		return;
	}
	send_window_add(&gw->window, now_ms);
	push(gw, GATEWAY_SEND, text, 0, NULL);
}

/* 0 when sent, else the time when the send limit allows it. */
static int64_t send_beat(struct gateway *gw, unsigned reserve, int64_t now_ms)
{
	int64_t free_ms = send_window_free_ms(&gw->window, reserve);

	if (free_ms > now_ms)
		return free_ms;
	gw->beat_sent_ms = now_ms;
	send_now(gw, gateway_heartbeat_text(gw->seq), now_ms);
	return 0;
}

static void shake_hands(struct gateway *gw, int64_t now_ms)
{
	int64_t free_ms = send_window_free_ms(&gw->window, SEND_RESERVED);
	int64_t apart = gw->spacing_ms;

	if (!has_session(gw))
		free_ms = max_of(free_ms, gw->identify_ms);
	if (now_ms < free_ms) {
		set_state(gw, ST_GREETED, free_ms);
		return;
	}
	if (has_session(gw)) {
		note(gw, "resuming the session at event %" PRId64, gw->seq);
		set_state(gw, ST_HANDSHAKE, now_ms + HANDSHAKE_LIMIT_MS);
		send_now(gw, gateway_resume_text(gw->token, gw->session_id, gw->seq), now_ms);
		return;
	}
	if (gw->identifies > 0)
		apart = max_of(apart, backoff_ms(gw->rng, gw->identifies - 1, IDENTIFY_SPACING_MS,
					      IDENTIFY_MAX_MS));
	gw->identifies = min_of(gw->identifies + 1, 30);
	gw->identify_ms = now_ms + apart;
	note(gw, "identifying");
	set_state(gw, ST_HANDSHAKE, now_ms + HANDSHAKE_LIMIT_MS);
	send_now(gw, gateway_identify_text(gw->token, gw->intents), now_ms);
}

/* ---- receiving ---- */

static void malformed(struct gateway *gw, const char *why, int64_t now_ms)
{
	cleanup(freep) char *text = xasprintf("Discord sent something malformed (%s)", why);

	if (gw->state == ST_OPENED)
		failed_before_hello(gw);
	hang_up(gw, 0, text, now_ms);
}

static void on_hello(struct gateway *gw, struct json_object *payload, int64_t now_ms)
{
	int64_t interval = json_int(payload, "d.heartbeat_interval", 0);

	if (interval <= 0 || interval > BEAT_MAX_MS) {
		malformed(gw, "HELLO without a heartbeat interval", now_ms);
		return;
	}
	gw->interval_ms = interval;
	if (gw->state != ST_OPENED)
		return;
	gw->resume_fails = 0;
	/* Discord: the first beat after interval * [0, 1), so that not all clients beat at once. */
	gw->beat_ms = now_ms + (int64_t)((double)interval * rng_unit(gw->rng));
	shake_hands(gw, now_ms);
}

static void on_ready(struct gateway *gw, struct json_object *d, int64_t now_ms)
{
	const char *session = json_str(d, "session_id"), *url = json_str(d, "resume_gateway_url");

	str_set(&gw->session_id, gateway_session_usable(session) ? session : NULL);
	str_set(&gw->resume_url, gateway_url_usable(url) ? url : NULL);
	set_state(gw, ST_READY, NEVER);
	gw->stable_ms = now_ms + STABLE_MS;
	note(gw, "ready%s", gw->session_id ? "" : ", but with a session that cannot be resumed");
}

static void on_dispatch(struct gateway *gw, struct json_object *payload, int64_t now_ms)
{
	const char *name = json_str(payload, "t");
	int64_t seq = json_int(payload, "s", -1);
	struct json_object *d = json_member(payload, "d");

	if (!name || seq < 0) {
		malformed(gw, "an event without name or number", now_ms);
		return;
	}
	if (gw->state != ST_HANDSHAKE && gw->state != ST_READY) {
		malformed(gw, "an event before the session", now_ms);
		return;
	}
	if (gw->state == ST_HANDSHAKE)
		gw->limit_ms = now_ms + HANDSHAKE_LIMIT_MS;
	if (strcmp(name, "READY") == 0) {
		gw->seq = seq;
		on_ready(gw, d, now_ms);
	} else if (strcmp(name, "RESUMED") == 0 && gw->state == ST_HANDSHAKE) {
		set_state(gw, ST_READY, NEVER);
		gw->stable_ms = now_ms + STABLE_MS;
		note(gw, "resumed");
	}
	gw->seq = max_of(gw->seq, seq);
	push(gw, GATEWAY_DISPATCH, xstrdup(name), 0, json_object_get(d));
}

static void on_invalid_session(struct gateway *gw, struct json_object *payload, int64_t now_ms)
{
	bool resumable = json_flag(payload, "d", false);

	/* Discord: after a random 1 to 5 s; a new session starts at the gateway's own URL, not at
	 * the resume URL, so the connection ends either way. */
	if (!resumable)
		session_forget(gw);
	hang_up(gw, 1000 + (int64_t)rng_below(gw->rng, 4001),
		resumable ? "invalid session (it can be resumed)" : "invalid session", now_ms);
}

static void on_payload(struct gateway *gw, struct json_object *payload, int64_t now_ms)
{
	switch (json_int(payload, "op", -1)) {
	case OP_DISPATCH:
		on_dispatch(gw, payload, now_ms);
		break;
	case OP_HEARTBEAT:
		/* Beat at once; with the send limit reached the regular beat has to do. */
		(void)send_beat(gw, SEND_RESERVED, now_ms);
		break;
	case OP_RECONNECT:
		hang_up(gw, 0, "Discord asks to reconnect", now_ms);
		break;
	case OP_INVALID_SESSION:
		on_invalid_session(gw, payload, now_ms);
		break;
	case OP_HELLO:
		on_hello(gw, payload, now_ms);
		break;
	case OP_ACK:
		gw->acked = true;
		if (gw->beat_sent_ms >= 0)
			gw->latency_ms = max_of(now_ms - gw->beat_sent_ms, INT64_C(0));
		break;
	case -1:
		malformed(gw, "no opcode", now_ms);
		break;
	default: /* opcodes of other features come and go */
		break;
	}
}

void gateway_received(struct gateway *gw, const void *data, size_t len, bool binary, int64_t now_ms)
{
	cleanup(json_put) struct json_object *payload = NULL;
	const char *text = data, *why = NULL;
	int r = 1;

	if (!has_socket(gw))
		return;
	/* Compressed payloads are binary; a text message is JSON whatever was asked for. */
	if (binary)
		r = inflate_add(gw->z, data, len, &text, &len);
	else if (len > GATEWAY_PAYLOAD_MAX)
		r = -EFBIG;
	if (r == 0)
		return;
	if (r == -EBADMSG) {
		cleanup(freep) char *sentence = xasprintf("not %s", inflate_name(gw->z_kind));

		gw->broken[gw->z_kind] = true;
		malformed(gw, sentence, now_ms);
		while (gw->broken[gw->kind])
			gw->kind = (gw->kind + 1) % INFLATE_KINDS;
		return;
	}
	if (r < 0) {
		malformed(gw, "a payload beyond the size limit", now_ms);
		return;
	}
	payload = json_parse(text, len, &why);
	if (!payload)
		malformed(gw, why, now_ms);
	else
		on_payload(gw, payload, now_ms);
}

/* ---- time ---- */

static void on_limit(struct gateway *gw, int64_t now_ms)
{
	if (gw->state == ST_GREETED) {
		shake_hands(gw, now_ms);
		return;
	}
	if (gw->state == ST_OPENING || gw->state == ST_OPENED)
		failed_before_hello(gw);
	hang_up(gw, 0,
		gw->state == ST_OPENING	 ? "no connection in time"
		: gw->state == ST_OPENED ? "no HELLO in time"
					 : "no answer to the handshake in time",
		now_ms);
}

static void on_beat(struct gateway *gw, int64_t now_ms)
{
	int64_t free_ms;

	if (!gw->acked) {
		hang_up(gw, 0, "the last heartbeat was not answered", now_ms);
		return;
	}
	free_ms = send_beat(gw, 0, now_ms);
	if (free_ms) {
		gw->beat_ms = free_ms;
		return;
	}
	gw->acked = false;
	gw->beat_ms = now_ms + gw->interval_ms;
}

void gateway_tick(struct gateway *gw, int64_t now_ms)
{
	check_stable(gw, now_ms);
	if (now_ms >= gw->wait_ms)
		connect_now(gw, now_ms);
	if (now_ms >= gw->limit_ms)
		on_limit(gw, now_ms);
	if (now_ms >= gw->beat_ms)
		on_beat(gw, now_ms);
}

int64_t gateway_deadline(const struct gateway *gw)
{
	return min_of(min_of(gw->wait_ms, gw->limit_ms), min_of(gw->beat_ms, gw->stable_ms));
}

/* ---- life ---- */

void gateway_set_intents(struct gateway *gw, uint64_t intents)
{
	gw->intents = intents;
}

struct gateway *gateway_new(const struct gateway_config *config, struct rng *rng)
{
	struct gateway *gw = xcalloc(1, sizeof(*gw));

	gw->token = secret_dup(config->token ? config->token : "");
	gw->intents = config->intents;
	gw->no_compression = config->no_compression;
	gw->rng = rng;
	gw->kind = config->no_compression ? INFLATE_NONE : INFLATE_ZSTD;
	gw->seq = -1;
	gw->spacing_ms = IDENTIFY_SPACING_MS;
	/* A process that died just after its IDENTIFY must not make the next one come too soon. */
	gw->identify_ms = config->identified_ms ? config->identified_ms + IDENTIFY_SPACING_MS
						: INT64_MIN / 2;
	gw->latency_ms = -1;
	set_state(gw, ST_OFF, NEVER);
	return gw;
}

struct gateway *gateway_free(struct gateway *gw)
{
	struct gateway_action a;

	if (!gw)
		return NULL;
	while (gateway_next(gw, &a))
		gateway_action_free(&a);
	inflate_free(gw->z);
	session_forget(gw);
	secret_free(gw->token);
	free(gw->url);
	free(gw);
	return NULL;
}

void gateway_start(struct gateway *gw, const struct gateway_resume *resume, int64_t now_ms)
{
	if (gw->state != ST_OFF)
		return;
	if (resume && gateway_session_usable(resume->session_id) && resume->seq >= 0) {
		str_set(&gw->session_id, resume->session_id);
		str_set(&gw->resume_url,
			gateway_url_usable(resume->resume_url) ? resume->resume_url : NULL);
		gw->seq = gw->given_seq = resume->seq;
	}
	connect_now(gw, now_ms);
}

void gateway_stop(struct gateway *gw, int64_t now_ms)
{
	(void)now_ms;
	switch (gw->state) {
	case ST_OPENING:
	case ST_OPENED:
	case ST_GREETED:
	case ST_HANDSHAKE:
	case ST_READY:
		set_state(gw, ST_STOPPING, NEVER);
		push(gw, GATEWAY_CLOSE, NULL, CLOSE_KEEP, NULL);
		break;
	case ST_CLOSING:
		set_state(gw, ST_STOPPING, NEVER);
		break;
	case ST_WAIT:
	case ST_ASKED:
		set_state(gw, ST_OFF, NEVER);
		break;
	case ST_OFF:
	case ST_STOPPING:
	case ST_DEAD:
		break;
	}
}

void gateway_resume_get(const struct gateway *gw, struct gateway_resume *ret)
{
	*ret = (struct gateway_resume){.seq = -1};
	if (!has_session(gw))
		return;
	/* Events that still wait for gateway_next() would be lost to the process that resumes. */
	*ret = (struct gateway_resume){
		.session_id = xstrdup(gw->session_id),
		.resume_url = xstrdup(gw->resume_url),
		.seq = min_of(gw->given_seq, gw->seq),
	};
}

void gateway_resume_free(struct gateway_resume *r)
{
	free(r->session_id);
	free(r->resume_url);
	*r = (struct gateway_resume){.seq = -1};
}

bool gateway_is_ready(const struct gateway *gw)
{
	return gw->state == ST_READY;
}

int64_t gateway_latency_ms(const struct gateway *gw)
{
	return gw->latency_ms;
}
