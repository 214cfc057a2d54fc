/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/json.h"
#include "base/limits.h"
#include "discord/gateway_state.h"

/* What is said over an open connection to the gateway, and what is heard. */

#define HANDSHAKE_LIMIT_MS 60000 /* without any event between IDENTIFY or RESUME and its answer */
#define IDENTIFY_MAX_MS	   300000
#define BEAT_MAX_MS	   3600000

/* ---- sending ---- */

/* Takes the text. */
static void send_now(struct gateway *gw, char *text, int64_t now_ms)
{
	if (!text) {
		gateway_push(gw, GATEWAY_CLOSE, NULL, CLOSE_KEEP, NULL);
		gateway_fatal(gw,
			"The bot's token cannot be right: put it, from the Developer Portal > "
			"Bot > "
			"Reset Token, into DISCORD_TOKEN in .env");
		return;
	}
	send_window_add(&gw->window, now_ms);
	gateway_push(gw, GATEWAY_SEND, text, 0, NULL);
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

void gateway_beat(struct gateway *gw, int64_t now_ms)
{
	int64_t free_ms;

	if (!gw->acked) {
		gateway_hang_up(gw, 0, "the last heartbeat was not answered", now_ms);
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

void gateway_shake_hands(struct gateway *gw, int64_t now_ms)
{
	int64_t free_ms = send_window_free_ms(&gw->window, SEND_RESERVED);
	int64_t apart = gw->spacing_ms;

	if (!gateway_has_session(gw))
		free_ms = max_of(free_ms, gw->identify_ms);
	if (now_ms < free_ms) {
		gateway_set_state(gw, ST_GREETED, free_ms);
		return;
	}
	if (gateway_has_session(gw)) {
		gateway_note(gw, "resuming the session at event %" PRId64, gw->seq);
		gateway_set_state(gw, ST_HANDSHAKE, now_ms + HANDSHAKE_LIMIT_MS);
		send_now(gw, gateway_resume_text(gw->token, gw->session_id, gw->seq), now_ms);
		return;
	}
	if (gw->identifies > 0)
		apart = max_of(apart, backoff_ms(gw->rng, gw->identifies - 1, IDENTIFY_SPACING_MS,
					      IDENTIFY_MAX_MS));
	gw->identifies = min_of(gw->identifies + 1, 30);
	gw->identify_ms = now_ms + apart;
	gateway_note(gw, "identifying");
	gateway_set_state(gw, ST_HANDSHAKE, now_ms + HANDSHAKE_LIMIT_MS);
	send_now(gw, gateway_identify_text(gw->token, gw->intents), now_ms);
}

/* ---- receiving ---- */

static void malformed(struct gateway *gw, const char *why, int64_t now_ms)
{
	cleanup(freep) char *text = xasprintf("Discord sent something malformed (%s)", why);

	if (gw->state == ST_OPENED)
		gateway_failed_before_hello(gw);
	gateway_hang_up(gw, 0, text, now_ms);
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
	gateway_shake_hands(gw, now_ms);
}

static void on_ready(struct gateway *gw, struct json_object *d, int64_t now_ms)
{
	const char *session = json_str(d, "session_id"), *url = json_str(d, "resume_gateway_url");

	str_set(&gw->session_id, gateway_session_usable(session) ? session : NULL);
	str_set(&gw->resume_url, gateway_url_usable(url) ? url : NULL);
	gateway_set_state(gw, ST_READY, NEVER);
	gw->stable_ms = now_ms + STABLE_MS;
	gateway_note(
		gw, "ready%s", gw->session_id ? "" : ", but with a session that cannot be resumed");
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
		gateway_set_state(gw, ST_READY, NEVER);
		gw->stable_ms = now_ms + STABLE_MS;
		gateway_note(gw, "resumed");
	}
	gw->seq = max_of(gw->seq, seq);
	gateway_push(gw, GATEWAY_DISPATCH, xstrdup(name), 0, json_object_get(d));
}

static void on_invalid_session(struct gateway *gw, struct json_object *payload, int64_t now_ms)
{
	bool resumable = json_flag(payload, "d", false);

	/* Discord: after a random 1 to 5 s; a new session starts at the gateway's own URL, not at
	 * the resume URL, so the connection ends either way. */
	if (!resumable)
		gateway_forget_session(gw);
	gateway_hang_up(gw, 1000 + (int64_t)rng_below(gw->rng, 4001),
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
		gateway_hang_up(gw, 0, "Discord asks to reconnect", now_ms);
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

	if (!gateway_has_socket(gw))
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
