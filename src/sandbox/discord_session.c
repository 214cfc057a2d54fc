/* SPDX-License-Identifier: Apache-2.0 */
/* Gateway sessions: IDENTIFY, RESUME and the events kept for it. */
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/discord_impl.h"

#define INTENTS_ALL	   0x331ffffull /* the bits that mean something */
#define INTENTS_PRIVILEGED (1ull << 1 | 1ull << 8 | 1ull << 15)
#define IDENTIFY_MS	   5000 /* Discord: max_concurrency IDENTIFYs in 5 s */
#define IDENTIFY_WAIT_MS   1000 /* after op 9 a client waits 1 to 5 s */

static void event_free(struct dw_session *s, struct dw_event *e)
{
	DL_DELETE(s->events, e);
	s->n_events--;
	s->bytes -= e->len;
	free(e->text);
	free(e);
}

void dw_session_free(struct discord_world *w, struct dw_session *s)
{
	while (s->events)
		event_free(s, s->events);
	if (s->conn)
		s->conn->session = NULL;
	DL_DELETE(w->sessions, s);
	w->n_sessions--;
	free(s);
}

/* It cannot be resumed any more; its id stays known. */
void dw_session_kill(struct dw_session *s)
{
	s->dead = true;
	while (s->events)
		event_free(s, s->events);
}

void dw_session_trim(struct discord_world *w)
{
	struct dw_session *s;

	DL_FOREACH(w->sessions, s)
	if (!s->conn && !s->dead && w->now_ms - s->gone_ms > DW_RESUME_MS)
		dw_session_kill(s);
	if (w->n_sessions > DW_SESSIONS_MAX && !w->sessions->conn)
		dw_session_free(w, w->sessions);
}

void dw_session_event(
	struct discord_world *w, struct dw_session *s, const char *event, const char *d, size_t len)
{
	struct dw_event *e = xcalloc(1, sizeof(*e));
	struct buf text = BUF(len + 200);

	e->seq = ++s->seq;
	must(buf_printf(&text, "{\"t\":\"%s\",\"s\":%" PRId64 ",\"op\":0,\"d\":", event, e->seq) ==
		0);
	must(buf_add(&text, d, len) == 0 && buf_add(&text, "}", 1) == 0);
	e->len = text.len;
	e->text = buf_take(&text);
	DL_APPEND(s->events, e);
	s->n_events++;
	s->bytes += e->len;
	if (s->conn)
		dw_conn_raw(w, s->conn, e->text, e->len);
	while (s->n_events > DW_REPLAY_MAX || s->bytes > DW_REPLAY_BYTES_MAX)
		event_free(s, s->events);
}

static void event_json(
	struct discord_world *w, struct dw_session *s, const char *event, struct json_object *d)
{
	size_t len;
	const char *text = json_object_to_json_string_length(
		d, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

	dw_session_event(w, s, event, text, len);
	json_object_put(d);
}

static void invalid(struct discord_world *w, struct dw_conn *conn, bool resumable)
{
	struct json_object *o = json_object_new_object();

	json_add(o, "t", NULL);
	json_add(o, "s", NULL);
	json_add_int(o, "op", 9);
	json_add_bool(o, "d", resumable);
	dw_conn_say(w, conn, o);
}

/* ---- IDENTIFY ---- */

static bool properties_ok(struct json_object *d)
{
	return json_str(d, "properties.os") && json_str(d, "properties.browser") &&
	       json_str(d, "properties.device");
}

/* False when the connection was closed or told to wait. */
static bool identify_ok(struct discord_world *w, struct dw_conn *conn, struct json_object *d)
{
	const char *token = json_str(d, "token");
	struct json_object *v = json_member(d, "intents");
	uint64_t intents = json_id(d, "intents");
	int code = 0;

	if (!token || !properties_ok(d) || !json_object_is_type(v, json_type_int)) {
		dw_violation(w, "identify", "token, intents or properties are missing");
		code = 4002;
	} else if (str_starts(token, "Bot ")) {
		dw_violation(w, "identify", "the token has no prefix here");
		code = 4004;
	} else if (!str_eq(token, w->token)) {
		code = 4004;
	} else if (json_member(d, "shard") &&
		   json_int(d, "shard.0", 0) >= json_int(d, "shard.1", 1)) {
		dw_violation(w, "identify", "there is no such shard");
		code = 4010;
	} else if (intents & ~INTENTS_ALL) {
		dw_violation(w, "intents", "%" PRIu64 " has unknown bits", intents);
		code = 4013;
	} else if (intents & (w->content_refused ? INTENTS_PRIVILEGED
						 : INTENTS_PRIVILEGED & ~DW_INTENT_CONTENT)) {
		dw_violation(w, "privileged_intent", "%" PRIu64 " is not granted", intents);
		code = 4014;
	}
	if (conn->resume_path)
		dw_violation(w, "identify_on_resume_url", "a new session starts at the cached url");
	if (json_flag(d, "compress", false) && conn->stream)
		dw_violation(w, "identify", "compress excludes transport compression");
	if (code)
		dw_conn_close(w, conn, code);
	return code == 0;
}

static bool identify_allowed(struct discord_world *w, struct dw_conn *conn)
{
	bool soon = w->identified_ms && w->now_ms - w->identified_ms < IDENTIFY_MS;

	if (w->identifies_left <= 0) {
		dw_violation(w, "session_start_limit", "no IDENTIFY is left today");
		dw_conn_close(w, conn, 4004);
		return false;
	}
	w->identifies_left--;
	if (!soon) {
		w->identified_ms = w->now_ms;
		return true;
	}
	/* A process that was killed and started again cannot know; one that was told to wait can.
	 */
	if (conn->refused_ms && w->now_ms - conn->refused_ms < IDENTIFY_WAIT_MS)
		dw_violation(w, "identify_too_soon", "%d ms after op 9",
			(int)(w->now_ms - conn->refused_ms));
	conn->refused_ms = w->now_ms;
	invalid(w, conn, false);
	return false;
}

static struct json_object *ready_json(struct discord_world *w, struct dw_session *s)
{
	struct json_object *d = json_object_new_object(), *guilds = json_object_new_array();
	struct json_object *application = json_object_new_object();
	cleanup(freep) char *resume = xasprintf("%s/resume", w->gateway_url);
	struct json_object *user = dw_copy(w->bot->json);

	json_add_bool(user, "verified", true);
	json_add_bool(user, "mfa_enabled", true);
	json_add(user, "email", NULL);
	json_add_int(d, "v", 10);
	json_add(d, "user", user);
	for (struct dw_guild *g = w->guilds; g; g = g->hh.next) {
		struct json_object *o;

		if (!g->bot_in)
			continue;
		o = json_object_new_object();
		json_add_id(o, "id", g->id);
		json_add_bool(o, "unavailable", true);
		json_object_array_add(guilds, o);
	}
	json_add(d, "guilds", guilds);
	json_add_str(d, "session_id", s->id);
	json_add_str(d, "session_type", "normal");
	json_add_str(d, "resume_gateway_url", resume);
	json_add_id(application, "id", w->application_id);
	json_add_int(application, "flags", 0);
	json_add(d, "application", application);
	json_add(d, "private_channels", json_object_new_array());
	json_add(d, "relationships", json_object_new_array());
	json_add(d, "presences", json_object_new_array());
	json_add(d, "user_settings", json_object_new_object());
	json_add(d, "_trace", json_object_new_array());
	return d;
}

void dw_identify(struct discord_world *w, struct dw_conn *conn, struct json_object *d)
{
	struct dw_session *s;
	uint64_t low, high;

	if (!identify_ok(w, conn, d) || !identify_allowed(w, conn))
		return;
	s = xcalloc(1, sizeof(*s));
	low = rng_u64(&w->rng);
	high = rng_u64(&w->rng);
	snprintf(s->id, sizeof(s->id), "%016" PRIx64 "%016" PRIx64, high, low);
	s->intents = json_id(d, "intents");
	s->conn = conn;
	conn->session = s;
	DL_APPEND(w->sessions, s);
	w->n_sessions++;
	event_json(w, s, "READY", ready_json(w, s));
	for (struct dw_guild *g = w->guilds; g && (s->intents & DW_INTENT_GUILDS); g = g->hh.next)
		if (g->bot_in)
			event_json(w, s, "GUILD_CREATE", dw_guild_create_json(w, g));
	w->version++;
}

/* ---- RESUME ---- */

static void replay(struct discord_world *w, struct dw_conn *conn, struct dw_session *s, int64_t seq)
{
	struct dw_event *e;

	if (s->conn) { /* the old connection is a ghost */
		struct dw_conn *ghost = s->conn;

		ghost->session = NULL;
		s->conn = NULL;
		dw_conn_close(w, ghost, 4000);
	}
	s->conn = conn;
	conn->session = s;
	DL_FOREACH(s->events, e)
	if (e->seq > seq)
		dw_conn_raw(w, conn, e->text, e->len);
	event_json(w, s, "RESUMED", json_object_new_object());
}

void dw_resume(struct discord_world *w, struct dw_conn *conn, struct json_object *d)
{
	const char *id = json_str(d, "session_id");
	int64_t seq = json_int(d, "seq", -1);
	struct dw_session *s;

	if (!json_str(d, "token") || !id || seq < 0) {
		dw_violation(w, "resume", "token, session_id or seq are missing");
		dw_conn_close(w, conn, 4002);
		return;
	}
	if (!str_eq(json_str(d, "token"), w->token)) {
		dw_conn_close(w, conn, 4004);
		return;
	}
	if (!conn->resume_path)
		dw_violation(w, "resume_url", "RESUME goes to resume_gateway_url");
	DL_FOREACH(w->sessions, s)
	if (str_eq(s->id, id))
		break;
	if (!s)
		dw_violation(w, "resume_unknown_session", "the session was never started");
	if (s && seq > s->seq) {
		dw_violation(w, "resume_sequence", "%" PRId64 " was never sent", seq);
		dw_session_kill(s);
		dw_conn_close(w, conn, 4007);
		return;
	}
	/* Dead, or what was missed is no longer kept. */
	if (!s || s->dead || (s->events && s->events->seq > seq + 1)) {
		if (s && s->refused)
			dw_violation(w, "resume_after_invalid", "op 9 said that it is over");
		if (s) {
			dw_session_kill(s);
			s->refused = true;
		}
		conn->refused_ms = w->now_ms;
		invalid(w, conn, false);
		return;
	}
	replay(w, conn, s, seq);
}
