/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_TESTS_DISCORD_RIG_H
#define FULLET_TESTS_DISCORD_RIG_H

/* A Discord to talk to in virtual time: requests by one line, a gateway client that decodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "base/json.h"
#include "base/limits.h"
#include "sandbox/discord_world.h"

#define RIG_TOKEN "the.bot.token"
#define RIG_AGENT "DiscordBot (https://example.org/fullet, 1.0)"
#define RIG_START 1760000000000 /* some day in 2025 */
#define RIG_GUILD 1100000000000000001ull

struct rig {
	struct discord_world *w;
	int64_t now;
	uint64_t general, ana, app;
	/* the last answer */
	int status;
	struct json_object *json;
	struct http_response res;
	/* the gateway client */
	uint64_t conn;
	const char *compress;
	z_stream z;
	ZSTD_DCtx *zstd;
	int closed;		 /* -1: open */
	struct json_object *got; /* array of payloads */
	char session[40], resume_path[80];
};

static inline void rig_state(struct rig *r, struct json_object **ret)
{
	*ret = json_object_new_object();
	discord_world_state(r->w, *ret);
}

static inline void rig_new(struct rig *r, bool limits)
{
	struct world_config config = {
		.seed = 7,
		.bot_token = RIG_TOKEN,
		.guild_id = RIG_GUILD,
		.rest_base = "http://127.0.0.1:8001/api/v10",
		.gateway_url = "ws://127.0.0.1:8001/gateway",
		.cdn_base = "http://127.0.0.1:8001/cdn",
		.no_rate_limits = !limits,
	};
	cleanup(json_put) struct json_object *state = NULL;

	*r = (struct rig){.now = RIG_START, .closed = -1, .got = json_object_new_array()};
	r->w = discord_world_new(&config, r->now);
	r->ana = discord_world_add_user(r->w, "ana", false);
	r->general = discord_world_find_channel(r->w, "general");
	rig_state(r, &state);
	r->app = json_id(state, "guild.application_id");
}

static inline void rig_ws_reset(struct rig *r)
{
	if (r->z.state)
		inflateEnd(&r->z);
	ZSTD_freeDCtx(r->zstd);
	r->zstd = NULL;
	memset(&r->z, 0, sizeof(r->z));
}

static inline void rig_free(struct rig *r)
{
	rig_ws_reset(r);
	json_put(&r->json);
	json_put(&r->got);
	http_response_free(&r->res);
	discord_world_free(r->w);
}

/* ---- REST ---- */

static inline void rig_carry(struct rig *r, struct http_request *req)
{
	json_put(&r->json);
	http_response_free(&r->res);
	discord_world_http(r->w, req, &r->res, r->now);
	r->status = r->res.status;
	if (http_response_is_json(&r->res) && r->res.body.len) {
		r->json = json_parse(r->res.body.data, r->res.body.len, NULL);
		assert_non_null(r->json);
	}
	http_request_free(req);
}

/* auth: as the routes of interactions want none, they are told by their path. */
static inline struct http_request rig_request(enum http_method method, const char *path)
{
	struct http_request req = {.method = method, .url = xasprintf("/api/v10%s", path)};

	http_request_header(&req, "User-Agent", RIG_AGENT);
	if (!str_starts(path, "/interactions/") && !str_starts(path, "/webhooks/"))
		http_request_header(&req, "Authorization", "Bot " RIG_TOKEN);
	return req;
}

/* body may be NULL; format makes the path. Returns the status. */
static inline int printf_like(4, 5)
	rig_call(struct rig *r, enum http_method method, const char *body, const char *format, ...)
{
	cleanup(freep) char *path = NULL;
	struct http_request req;
	va_list args;

	va_start(args, format);
	must(vasprintf(&path, format, args) >= 0);
	va_end(args);
	req = rig_request(method, path);
	if (body)
		http_request_json(&req, xstrdup(body));
	rig_carry(r, &req);
	return r->status;
}

static inline size_t rig_violations(struct rig *r)
{
	return discord_world_violations(r->w);
}

/* The rule of the last violation, "" when there is none. */
static inline const char *rig_rule(struct rig *r, char *rule, size_t size)
{
	cleanup(json_put) struct json_object *state = NULL;
	struct json_object *list;
	const char *text = NULL;

	rig_state(r, &state);
	list = json_array(state, "violations");
	if (json_len(list))
		text = json_str(json_object_array_get_idx(list, json_len(list) - 1), "rule");
	return str_copy(rule, size, text ? text : "");
}

static inline bool rig_has_rule(struct rig *r, const char *rule)
{
	cleanup(json_put) struct json_object *state = NULL;
	struct json_object *list;

	rig_state(r, &state);
	list = json_array(state, "violations");
	for (size_t i = 0; i < json_len(list); i++)
		if (str_eq(json_str(json_object_array_get_idx(list, i), "rule"), rule))
			return true;
	return false;
}

/* Fails with what was recorded. */
static inline void rig_clean(struct rig *r)
{
	cleanup(json_put) struct json_object *state = NULL;

	if (rig_violations(r) == 0)
		return;
	rig_state(r, &state);
	fail_msg("%s", json_object_to_json_string(json_at(state, "violations.0")));
}

static inline int64_t rig_rate(struct rig *r, const char *name)
{
	const char *v = http_response_get(&r->res, name);

	return v ? strtoll(v, NULL, 10) : -1;
}

/* ---- gateway ---- */

static inline void rig_decode(struct rig *r, const struct world_output *o, struct buf *out)
{
	char chunk[4096];

	if (!r->compress) {
		assert_false(o->binary);
		assert_int_equal(buf_add(out, o->data, o->len), 0);
		return;
	}
	assert_true(o->binary);
	if (str_eq(r->compress, "zlib-stream")) {
		assert_true(o->len >= 4 && memcmp(o->data + o->len - 4, "\0\0\xff\xff", 4) == 0);
		r->z.next_in = (Bytef *)o->data;
		r->z.avail_in = (uInt)o->len;
		do {
			r->z.next_out = (Bytef *)chunk;
			r->z.avail_out = sizeof(chunk);
			assert_int_equal(inflate(&r->z, Z_SYNC_FLUSH), Z_OK);
			assert_int_equal(buf_add(out, chunk, sizeof(chunk) - r->z.avail_out), 0);
		} while (r->z.avail_out == 0 && r->z.avail_in);
	} else {
		ZSTD_inBuffer in = {o->data, o->len, 0};
		ZSTD_outBuffer to;

		do {
			to = (ZSTD_outBuffer){chunk, sizeof(chunk), 0};
			assert_false(ZSTD_isError(ZSTD_decompressStream(r->zstd, &to, &in)));
			assert_int_equal(buf_add(out, chunk, to.pos), 0);
		} while (in.pos < in.size || to.pos == to.size);
	}
}

/* Takes in everything the world has to say. */
static inline void rig_pump(struct rig *r)
{
	struct world_output o;

	discord_world_tick(r->w, r->now);
	while (discord_world_next_output(r->w, &o)) {
		struct buf text = BUF(1 << 20);
		struct json_object *p;

		assert_int_equal(o.conn, r->conn);
		if (o.close) {
			r->closed = o.code;
			continue;
		}
		rig_decode(r, &o, &text);
		p = json_parse(text.data, text.len, NULL);
		assert_non_null(p);
		json_object_array_add(r->got, p);
		buf_free(&text);
		free(o.data);
	}
}

static inline int rig_open(struct rig *r, const char *path, const char *compress)
{
	cleanup(freep) char *url = xasprintf("%s/?v=10&encoding=json%s%s", path,
		compress ? "&compress=" : "", compress ? compress : "");
	struct http_request req = {.method = HTTP_GET};
	int status;

	rig_ws_reset(r);
	r->compress = compress;
	if (str_eq(compress, "zlib-stream"))
		assert_int_equal(inflateInit(&r->z), Z_OK);
	if (str_eq(compress, "zstd-stream"))
		r->zstd = ZSTD_createDCtx();
	r->closed = -1;
	json_put(&r->got);
	r->got = json_object_new_array();
	status = discord_world_ws_open(r->w, ++r->conn, url, &req, r->now);
	rig_pump(r);
	return status;
}

static inline void rig_send(struct rig *r, const char *text)
{
	discord_world_ws_received(r->w, r->conn, text, strlen(text), false, r->now);
	rig_pump(r);
}

static inline void rig_cut(struct rig *r, int code)
{
	discord_world_ws_closed(r->w, r->conn, code, r->now);
}

/* The last payload with this event name (or op when the name is NULL), or NULL. */
static inline struct json_object *rig_got(struct rig *r, const char *event, int op)
{
	for (size_t i = json_len(r->got); i-- > 0;) {
		struct json_object *p = json_object_array_get_idx(r->got, i);

		if (event ? str_eq(json_str(p, "t"), event) : json_int(p, "op", -1) == op)
			return p;
	}
	return NULL;
}

static inline int64_t rig_seq(struct rig *r)
{
	for (size_t i = json_len(r->got); i-- > 0;) {
		int64_t s = json_int(json_object_array_get_idx(r->got, i), "s", 0);

		if (s)
			return s;
	}
	return 0;
}

#define RIG_IDENTIFY                                                                               \
	"{\"op\":2,\"d\":{\"token\":\"" RIG_TOKEN "\",\"intents\":513,\"properties\":"             \
	"{\"os\":\"linux\",\"browser\":\"fullet\",\"device\":\"fullet\"}}}"

static inline void rig_ready(struct rig *r, const char *compress)
{
	struct json_object *ready;

	assert_int_equal(rig_open(r, "/gateway", compress), 0);
	assert_non_null(rig_got(r, NULL, 10));
	rig_send(r, RIG_IDENTIFY);
	ready = rig_got(r, "READY", 0);
	assert_non_null(ready);
	str_copy(r->session, sizeof(r->session), json_str(ready, "d.session_id"));
	str_copy(r->resume_path, sizeof(r->resume_path),
		strstr(json_str(ready, "d.resume_gateway_url"), "/gateway"));
}

static inline void rig_resume(struct rig *r, const char *compress, int64_t seq)
{
	cleanup(freep) char *text = xasprintf("{\"op\":6,\"d\":{\"token\":\"" RIG_TOKEN
					      "\",\"session_id\":\"%s\",\"seq\":%" PRId64 "}}",
		r->session, seq);

	assert_int_equal(rig_open(r, r->resume_path, compress), 0);
	rig_send(r, text);
}

/* ---- commands ---- */

#define RIG_COMMANDS                                                                               \
	"[{\"type\":1,\"name\":\"imagine\",\"description\":\"Make a picture\",\"options\":["       \
	"{\"type\":3,\"name\":\"model\",\"description\":\"Model\",\"required\":true,"              \
	"\"autocomplete\":true},{\"type\":3,\"name\":\"prompt\",\"description\":\"What to draw\"," \
	"\"required\":true,\"min_length\":1,\"max_length\":1500}]}]"

static inline void rig_register(struct rig *r)
{
	assert_int_equal(
		rig_call(r, HTTP_PUT, RIG_COMMANDS,
			"/applications/%" PRIu64 "/guilds/%llu/commands", r->app, RIG_GUILD),
		200);
}

/* Types /imagine; the interaction's id and token. */
static inline uint64_t rig_imagine(struct rig *r, char *token, size_t size)
{
	cleanup(json_put) struct json_object *options =
		json_parse("{\"model\":\"flux\",\"prompt\":\"a fox\"}", 33, NULL);
	char *why = NULL;
	uint64_t id = discord_world_command(
		r->w, r->ana, r->general, 0, "imagine", options, &why, r->now);
	struct json_object *event;

	assert_null(why);
	assert_true(id != 0);
	rig_pump(r);
	event = rig_got(r, "INTERACTION_CREATE", 0);
	assert_non_null(event);
	assert_true(json_id(event, "d.id") == id);
	str_copy(token, size, json_str(event, "d.token"));
	return id;
}

#endif
