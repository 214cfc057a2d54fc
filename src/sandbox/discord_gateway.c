/* SPDX-License-Identifier: Apache-2.0 */
/* Gateway connections: what comes in, what goes out, heartbeats and limits. */
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/discord_impl.h"

#define SENDS_MS      60000
#define BEAT_GRACE_MS 2000
#define EARLY_BEATS   3	    /* so many beats before half the interval are a flood */
#define RECONNECT_MS  10000 /* after op 7 the connection is closed anyway */

enum gateway_op {
	OP_DISPATCH = 0,
	OP_HEARTBEAT = 1,
	OP_IDENTIFY = 2,
	OP_PRESENCE = 3,
	OP_VOICE = 4,
	OP_RESUME = 6,
	OP_RECONNECT = 7,
	OP_MEMBERS = 8,
	OP_INVALID = 9,
	OP_HELLO = 10,
	OP_ACK = 11,
};

static int64_t interval(const struct discord_world *w)
{
	return w->config.heartbeat_ms > 0 ? w->config.heartbeat_ms : 41250;
}

/* ---- out ---- */

static struct dw_conn *conn_find(struct discord_world *w, uint64_t id)
{
	struct dw_conn *conn;

	HASH_FIND(hh, w->conns, &id, sizeof(id), conn);
	return conn;
}

void dw_output_add(struct discord_world *w, struct dw_conn *conn, struct world_output *out)
{
	struct dw_output *o = xcalloc(1, sizeof(*o));

	o->out = *out;
	o->out.conn = conn->id;
	o->not_before_ms = conn->silent_until_ms;
	DL_APPEND(w->outputs, o);
}

void dw_conn_raw(struct discord_world *w, struct dw_conn *conn, const char *text, size_t len)
{
	struct world_output out = {.binary = conn->stream != NULL, .len = len};

	if (conn->closing)
		return;
	if (conn->stream)
		out.len = dw_stream_pack(conn->stream, text, len, &out.data);
	else
		out.data = xstrndup(text, len);
	dw_output_add(w, conn, &out);
}

void dw_conn_say(struct discord_world *w, struct dw_conn *conn, struct json_object *payload)
{
	size_t len;
	const char *text = json_object_to_json_string_length(
		payload, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

	dw_conn_raw(w, conn, text, len);
	json_object_put(payload);
}

static void say(struct discord_world *w, struct dw_conn *conn, int op, struct json_object *d)
{
	struct json_object *o = json_object_new_object();

	json_add(o, "t", NULL);
	json_add(o, "s", NULL);
	json_add_int(o, "op", op);
	json_add(o, "d", d);
	dw_conn_say(w, conn, o);
}

/* Lets go of the session, which may be resumed unless the code destroys it. */
static void release(struct discord_world *w, struct dw_conn *conn, int code)
{
	struct dw_session *s = conn->session;

	if (!s)
		return;
	conn->session = NULL;
	s->conn = NULL;
	s->gone_ms = w->now_ms;
	if (code == 1000 || code == 1001 || code == 4004 || code == 4007 || code == 4009)
		dw_session_kill(s);
}

void dw_conn_close(struct discord_world *w, struct dw_conn *conn, int code)
{
	struct world_output out = {.close = true, .code = code};

	if (conn->closing)
		return;
	dw_output_add(w, conn, &out);
	conn->closing = true;
	release(w, conn, code);
}

void dw_conn_free(struct discord_world *w, struct dw_conn *conn)
{
	struct dw_output *o, *next;

	DL_FOREACH_SAFE(w->outputs, o, next)
	if (o->out.conn == conn->id) {
		DL_DELETE(w->outputs, o);
		free(o->out.data);
		free(o);
	}
	HASH_DEL(w->conns, conn);
	dw_stream_free(conn->stream);
	free(conn);
}

bool discord_world_next_output(struct discord_world *w, struct world_output *ret)
{
	struct dw_output *o;

	DL_FOREACH(w->outputs, o)
	{
		if (o->not_before_ms > w->now_ms)
			continue;
		DL_DELETE(w->outputs, o);
		*ret = o->out;
		free(o);
		/* What a carrier may still say about it is of no interest. */
		if (ret->close && conn_find(w, ret->conn))
			dw_conn_free(w, conn_find(w, ret->conn));
		return true;
	}
	return false;
}

/* ---- opening and closing ---- */

static void hello(struct discord_world *w, struct dw_conn *conn)
{
	struct json_object *d = json_object_new_object();

	json_add_int(d, "heartbeat_interval", interval(w));
	json_add(d, "_trace", json_object_new_array());
	say(w, conn, OP_HELLO, d);
}

/* "/gateway", "/gateway/" or "/gateway/resume", with a query. */
static bool path_ok(const struct discord_world *w, const char *url, bool *resume)
{
	size_t n = strlen(w->gateway_path), len = strcspn(url, "?");

	if (strncmp(url, w->gateway_path, n) != 0)
		return false;
	while (len > n && url[len - 1] == '/')
		len--;
	*resume = len == n + 7 && strncmp(url + n, "/resume", 7) == 0;
	return *resume || len <= n;
}

int discord_world_ws_open(struct discord_world *w, uint64_t id, const char *url,
	const struct http_request *req, int64_t now_ms)
{
	cleanup(freep) char *version = url_query(url, "v");
	cleanup(freep) char *encoding = url_query(url, "encoding");
	cleanup(freep) char *compress = url_query(url, "compress");
	struct dw_conn *conn;
	bool resume = false;

	w->now_ms = now_ms;
	str_set(&w->request, "gateway");
	if (now_ms < w->gateway_refuse_until_ms)
		return 503;
	if (!path_ok(w, url, &resume))
		return 404;
	conn = xcalloc(1, sizeof(*conn));
	conn->id = id;
	conn->opened_ms = conn->beat_ms = now_ms;
	conn->close_ms = NEVER;
	conn->resume_path = resume;
	HASH_ADD(hh, w->conns, id, sizeof(conn->id), conn);
	w->n_opens++;
	if (!str_eq(version, "10") || !str_eq(encoding, "json")) {
		dw_violation(w, "gateway_url", "v=10 and encoding=json are missing");
		dw_conn_close(w, conn, 4012);
		return 0;
	}
	conn->stream = compress ? dw_stream_new(compress) : NULL;
	if (compress && !conn->stream)
		dw_violation(w, "gateway_url", "compress=%s is unknown", compress);
	if (w->reconnect_before_hello) {
		w->reconnect_before_hello = false;
		say(w, conn, OP_RECONNECT, NULL);
		conn->close_ms = now_ms + RECONNECT_MS;
		return 0;
	}
	hello(w, conn);
	return 0;
}

void discord_world_ws_closed(struct discord_world *w, uint64_t id, int code, int64_t now_ms)
{
	struct dw_conn *conn = conn_find(w, id);

	w->now_ms = now_ms;
	if (!conn)
		return;
	/* A client that says 1000 or 1001 gives its session up. */
	release(w, conn, code);
	dw_conn_free(w, conn);
}

/* ---- in ---- */

/* True when the connection sent too much and is closed for it. */
static bool too_many_sends(struct discord_world *w, struct dw_conn *conn)
{
	int64_t *slot = &conn->sends[conn->n_sends++ % DW_SENDS_MAX];
	bool full = conn->n_sends > DW_SENDS_MAX && w->now_ms - *slot < SENDS_MS;

	*slot = w->now_ms;
	if (!full)
		return false;
	dw_violation(w, "gateway_send_limit", "more than 120 events in 60 s");
	dw_conn_close(w, conn, 4008);
	return true;
}

static void heartbeat(struct discord_world *w, struct dw_conn *conn, struct json_object *d)
{
	bool asked = conn->asked_ms > conn->beat_ms;
	int64_t since = w->now_ms - conn->beat_ms;

	if (conn->session && d && json_object_get_int64(d) > conn->session->seq)
		dw_violation(
			w, "heartbeat_sequence", "%s was never sent", json_object_get_string(d));
	/* The first one comes at a random part of the interval. */
	if (!asked && conn->beat_ms != conn->opened_ms && since < interval(w) / 2 &&
		++conn->early_beats == EARLY_BEATS)
		dw_violation(w, "heartbeat_flood", "%d beats far before the interval",
			conn->early_beats);
	conn->beat_ms = w->now_ms;
	conn->missed = false;
	say(w, conn, OP_ACK, NULL);
}

static void refuse(struct discord_world *w, struct dw_conn *conn, int code, const char *rule,
	const char *detail)
{
	dw_violation(w, rule, "%s", detail);
	dw_conn_close(w, conn, code);
}

static void receive(struct discord_world *w, struct dw_conn *conn, struct json_object *p)
{
	struct json_object *d = json_member(p, "d"), *unused;
	int64_t op = json_int(p, "op", -1);

	if (op < 0 || !json_object_object_get_ex(p, "d", &unused))
		refuse(w, conn, 4002, "gateway_payload", "op or d is missing");
	else if (op == OP_HEARTBEAT)
		heartbeat(w, conn, d);
	else if (op == OP_IDENTIFY && conn->session)
		refuse(w, conn, 4005, "identified_twice", "the connection is identified");
	else if (op == OP_IDENTIFY)
		dw_identify(w, conn, d);
	else if (op == OP_RESUME && conn->session)
		refuse(w, conn, 4005, "identified_twice", "the connection is identified");
	else if (op == OP_RESUME)
		dw_resume(w, conn, d);
	else if (op != OP_PRESENCE && op != OP_VOICE && op != OP_MEMBERS)
		refuse(w, conn, 4001, "gateway_opcode", "the client may not send this opcode");
	else if (!conn->session)
		refuse(w, conn, 4003, "not_identified", "a payload before IDENTIFY");
}

void discord_world_ws_received(struct discord_world *w, uint64_t id, const void *data, size_t len,
	bool binary, int64_t now_ms)
{
	struct dw_conn *conn = conn_find(w, id);
	cleanup(json_put) struct json_object *p = NULL;

	w->now_ms = now_ms;
	if (!conn || conn->closing)
		return;
	str_set(&w->request, "gateway");
	if (too_many_sends(w, conn))
		return;
	if (len > GATEWAY_SEND_MAX) {
		refuse(w, conn, 4002, "gateway_send_size", "more than 4096 bytes");
		return;
	}
	p = binary ? NULL : json_parse(data, len, NULL);
	if (!p || !json_object_is_type(p, json_type_object)) {
		refuse(w, conn, 4002, "gateway_payload", "it is no JSON object in a text frame");
		return;
	}
	receive(w, conn, p);
}

/* ---- events ---- */

static bool hides_content(
	const struct dw_session *s, const struct discord_world *w, const struct dw_message *m)
{
	return m && !(s->intents & DW_INTENT_CONTENT) && m->author != w->bot && !m->mentions_bot;
}

static struct json_object *without_content(struct json_object *d)
{
	static const char *const lists[] = {"embeds", "attachments", "components"};
	struct json_object *copy = dw_copy(d);

	json_add_str(copy, "content", "");
	for (size_t i = 0; i < countof(lists); i++)
		json_add(copy, lists[i], json_object_new_array());
	return copy;
}

/* Discord: over HTTP too, an application without the intent sees no foreign content
 * (https://docs.discord.com/developers/events/gateway, Message Content Intent). */
struct json_object *dw_message_shown(struct discord_world *w, struct dw_message *m)
{
	if (w->content_refused && m->author != w->bot && !m->mentions_bot)
		return without_content(dw_message_json(w, m));
	return json_object_get(dw_message_json(w, m));
}

void dw_dispatch(struct discord_world *w, const char *event, uint64_t intent,
	struct dw_guild *guild, struct dw_channel *ch, struct dw_message *m, struct json_object *d)
{
	const char *text = NULL;
	size_t len = 0;
	struct dw_session *s;

	w->version++;
	if (ch) /* what is told of it may have changed it */
		json_put(&ch->listed);
	if ((guild && !guild->bot_in) ||
		(ch && !(dw_permissions(ch, w->bot->id) & DW_VIEW_CHANNEL))) {
		json_object_put(d);
		return;
	}
	DL_FOREACH(w->sessions, s)
	{
		if (s->dead || (intent && !(s->intents & intent)))
			continue;
		if (hides_content(s, w, m)) {
			cleanup(json_put) struct json_object *bare = without_content(d);
			cleanup(freep) char *said = json_text(bare);

			dw_session_event(w, s, event, said, strlen(said));
			continue;
		}
		if (!text)
			text = json_object_to_json_string_length(
				d, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
		dw_session_event(w, s, event, text, len);
	}
	json_object_put(d);
}

/* ---- time ---- */

static int64_t beat_deadline(const struct discord_world *w, const struct dw_conn *conn)
{
	return conn->closing || conn->missed
		       ? NEVER
		       : conn->beat_ms + interval(w) + interval(w) / 4 + BEAT_GRACE_MS;
}

void discord_world_tick(struct discord_world *w, int64_t now_ms)
{
	struct dw_conn *conn, *next;

	w->now_ms = now_ms;
	HASH_ITER(hh, w->conns, conn, next)
	{
		if (now_ms >= beat_deadline(w, conn)) {
			conn->missed = true;
			/* During a silence of our own the client may well give up. */
			str_set(&w->request, "gateway");
			if (conn->silent_until_ms < now_ms)
				dw_violation(w, "heartbeat_missing", "none for %d ms",
					(int)(now_ms - conn->beat_ms));
			dw_conn_close(w, conn, 4000);
		}
		if (now_ms >= conn->close_ms) {
			conn->close_ms = NEVER;
			dw_conn_close(w, conn, 4000);
		}
	}
	if (now_ms >= w->identifies_reset_ms) {
		w->identifies_left = 1000;
		w->identifies_reset_ms = now_ms + 86400000;
	}
	dw_session_trim(w);
	dw_interaction_tick(w);
}

int64_t discord_world_deadline(const struct discord_world *w)
{
	int64_t at = w->expiry_ms;
	struct dw_output *o;

	DL_FOREACH(w->outputs, o)
	at = min_of(at, o->not_before_ms);
	for (struct dw_conn *conn = w->conns; conn; conn = conn->hh.next)
		at = min_of(at, min_of(beat_deadline(w, conn), conn->close_ms));
	return at;
}

void dw_gateway_free(struct discord_world *w)
{
	struct dw_conn *conn, *next;
	struct dw_output *o, *next_o;
	struct dw_session *s, *next_s;

	DL_FOREACH_SAFE(w->sessions, s, next_s)
	dw_session_free(w, s);
	HASH_ITER(hh, w->conns, conn, next)
	dw_conn_free(w, conn);
	DL_FOREACH_SAFE(w->outputs, o, next_o)
	{
		free(o->out.data);
		free(o);
	}
}
