/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's servers over real sockets: the page, its control interface, both halves of the
 * world. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "io/http_client.h"
#include "sandbox/sandbox.h"

#define GIVE_UP_MS 10000

struct rig {
	struct loop *loop;
	struct lws_room *room;
	struct http_client *client;
	struct sandbox *sandbox;
	int64_t give_up_ms;
	bool done; /* what the loop runs for */
	struct http_response res;
	struct json_object *json;
	struct buf heard; /* of a WebSocket */
	int closed;	  /* its close code; -1: open */
};

static int64_t turn(void *ctx, int64_t now_ms)
{
	struct rig *r = ctx;
	int64_t due = sandbox_turn(r->sandbox, now_ms);

	if (r->done || now_ms > r->give_up_ms)
		loop_stop(r->loop);
	return min_of(due, r->give_up_ms + 1);
}

static void run(struct rig *r)
{
	r->give_up_ms = loop_now(r->loop) + GIVE_UP_MS;
	loop_run(r->loop, turn, r);
	assert_true(r->done);
}

static int setup(void **state)
{
	static struct rig rig;
	struct sandbox_config config = {.page_port = 0,
		.step_ms = 1,
		.token = "a.b.c",
		.comfy_key = "sesame",
		.with_comfy = true};
	struct http_client_config http = {0};
	char *why = NULL;

	rig = (struct rig){.heard = BUF(MIB), .closed = -1};
	assert_int_equal(loop_new(&rig.loop), 0);
	assert_int_equal(lws_room_new(rig.loop, NULL, &rig.room), 0);
	assert_int_equal(http_client_new(rig.loop, &http, &rig.client), 0);
	if (sandbox_new(rig.loop, rig.room, &config, &rig.sandbox, &why) < 0)
		fail_msg("%s", why);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	json_put(&r->json);
	http_response_free(&r->res);
	buf_free(&r->heard);
	sandbox_free(r->sandbox);
	http_client_free(r->client);
	lws_room_free(r->room);
	loop_free(r->loop);
	return 0;
}

static void answered(void *arg, struct http_response *response)
{
	struct rig *r = arg;

	r->res = *response;
	*response = (struct http_response){0};
	r->done = true;
	loop_wake(r->loop);
}

/* The status; takes *req. */
static int ask(struct rig *r, const char *base, const char *path, struct http_request *req)
{
	req->url = xasprintf("%s%s", base, path);
	req->answer_max = 16 * MIB;
	json_put(&r->json);
	http_response_free(&r->res);
	r->done = false;
	http_send(r->client, req, answered, r);
	http_request_free(req);
	run(r);
	if (http_response_is_json(&r->res))
		r->json = json_parse(r->res.body.data, r->res.body.len, NULL);
	return r->res.status;
}

static int get(struct rig *r, const char *path)
{
	struct http_request req = {0};

	return ask(r, sandbox_page_url(r->sandbox), path, &req);
}

static int post(struct rig *r, const char *path, const char *body)
{
	struct http_request req = {.method = HTTP_POST};

	http_request_json(&req, xstrdup(body));
	return ask(r, sandbox_page_url(r->sandbox), path, &req);
}

static void test_page(void **state)
{
	static const struct {
		const char *path, *type, *inside;
	} rows[] = {{"/", "text/html", "page.js"}, {"/page.js", "text/javascript", "EventSource"},
		{"/text.js", "text/javascript", "markdown"},
		{"/message.js", "text/javascript", "fingerprint"},
		{"/composer.js", "text/javascript", "autocomplete"},
		{"/page.css", "text/css", "#banner"}, {"/icon.svg", "image/svg+xml", "<svg"}};
	struct rig *r = *state;

	for (size_t i = 0; i < countof(rows); i++) {
		const char *policy;

		assert_int_equal(get(r, rows[i].path), 200);
		assert_true(str_starts(http_response_get(&r->res, "Content-Type"), rows[i].type));
		assert_non_null(strstr(buf_str(&r->res.body), rows[i].inside));
		/* A strict policy: nothing inline is needed, nothing foreign is loaded. */
		policy = http_response_get(&r->res, "Content-Security-Policy");
		assert_non_null(strstr(policy, "default-src 'none'"));
		assert_null(strstr(policy, "unsafe"));
		assert_null(strstr(buf_str(&r->res.body), "innerHTML"));
	}
	assert_int_equal(get(r, "/nothing"), 404);
	assert_int_equal(get(r, "/../sandbox.c"), 404);
	assert_int_equal(get(r, "/api/say"), 405);
}

static void test_foreign_pages(void **state)
{
	struct rig *r = *state;
	const char *page = sandbox_page_url(r->sandbox), *port = strrchr(page, ':');
	char *rebound = xasprintf("evil.example%s", port),
	     *other = xasprintf("http://localhost%s", port);
	char *local = xasprintf("localhost%s", port);
	const struct {
		const char *name, *value, *name2, *value2;
		int status;
	} rows[] = {
		{"Origin", page, NULL, NULL, 200},
		{"Sec-Fetch-Site", "same-origin", NULL, NULL, 200},
		{"Host", local, "Origin", other, 200},
		{"Host", rebound, NULL, NULL, 403},
		{"Host", "", NULL, NULL, 403},
		{"Origin", "http://evil.example", NULL, NULL, 403},
		{"Origin", "null", NULL, NULL, 403},
		{"Origin", other, NULL, NULL, 403},
		{"Sec-Fetch-Site", "cross-site", NULL, NULL, 403},
		{"Sec-Fetch-Site", "same-site", NULL, NULL, 403},
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct http_request req = {0};

		http_request_header(&req, rows[i].name, rows[i].value);
		if (rows[i].name2)
			http_request_header(&req, rows[i].name2, rows[i].value2);
		assert_int_equal(ask(r, page, "/api/info", &req), rows[i].status);
	}
	free(rebound);
	free(other);
	free(local);
}

static void test_posts_must_be_json(void **state)
{
	static const struct {
		const char *type, *body;
		int status;
	} rows[] = {{"application/json", "{}", 400}, {"text/plain", "{}", 415}, {NULL, "{}", 415},
		{"application/json", "[]", 400}, {"application/json", "{", 400},
		{"application/json; charset=utf-8", "{\"username\":\"x\"}", 400},
		{"application/json", "{\"username\":\"dora\"}", 200}};
	struct rig *r = *state;

	for (size_t i = 0; i < countof(rows); i++) {
		struct http_request req = {.method = HTTP_POST,
			.body = xstrdup(rows[i].body),
			.body_len = strlen(rows[i].body)};

		if (rows[i].type)
			http_request_header(&req, "Content-Type", rows[i].type);
		assert_int_equal(
			ask(r, sandbox_page_url(r->sandbox), "/api/users", &req), rows[i].status);
		assert_non_null(r->json);
	}
}

static void test_people_speak(void **state)
{
	struct rig *r = *state;
	char *path;
	int64_t version;

	assert_int_equal(get(r, "/api/info"), 200);
	version = json_int(r->json, "version", 0);
	assert_string_equal(json_str(r->json, "users.0.name"), "ana");
	path = xasprintf("/api/view?user=%s", json_str(r->json, "users.0.id"));
	/* By name or by id; one who is not there says nothing. */
	assert_int_equal(post(r, "/control/say",
				 "{\"user\":\"ana\",\"channel\":\"general\",\"text\":\"hello\"}"),
		200);
	assert_int_equal(post(r, "/control/say",
				 "{\"user\":\"nobody\",\"channel\":\"general\",\"text\":\"x\"}"),
		400);
	assert_int_equal(get(r, path), 200);
	assert_string_equal(json_str(r->json, "messages.0.content"), "hello");
	assert_true(json_int(r->json, "version", 0) > version);
	assert_int_equal(get(r, "/api/view?user=1"), 404);
	/* No bot, no commands: the client would not send one. */
	assert_int_equal(post(r, "/api/command",
				 "{\"user\":\"ana\",\"channel\":\"general\",\"name\":\"imagine\"}"),
		400);
	assert_non_null(json_str(r->json, "error"));
	free(path);
}

/* /control/wait answers when something changes, not before. */
static void test_wait(void **state)
{
	struct rig *r = *state;
	struct http_request req = {0};
	char *path;
	int64_t version;

	get(r, "/control/wait?version=0");
	version = json_int(r->json, "version", 0);
	assert_true(version > 0);
	req.url = xasprintf(
		"%s/control/wait?version=%" PRId64, sandbox_page_url(r->sandbox), version);
	http_response_free(&r->res);
	r->done = false;
	http_send(r->client, &req, answered, r);
	http_request_free(&req);
	/* The question reaches the server and stays open before the world changes. */
	r->give_up_ms = loop_now(r->loop) + 100;
	loop_run(r->loop, turn, r);
	assert_false(r->done);
	world_add_user(sandbox_world(r->sandbox), "eva", false);
	run(r);
	json_put(&r->json);
	r->json = json_parse(r->res.body.data, r->res.body.len, NULL);
	assert_true(json_int(r->json, "version", 0) > version);
	path = xasprintf("/control/wait?version=%" PRId64, version);
	assert_int_equal(get(r, path), 200);
	free(path);
}

static void test_both_halves(void **state)
{
	struct rig *r = *state;
	struct http_request req = {0};

	http_request_header(&req, "User-Agent", "DiscordBot (https://example.org, 1)");
	assert_int_equal(ask(r, sandbox_discord_url(r->sandbox), "/users/@me", &req), 401);
	req = (struct http_request){0};
	http_request_header(&req, "Authorization", "Bot a.b.c");
	http_request_header(&req, "User-Agent", "DiscordBot (https://example.org, 1)");
	assert_int_equal(ask(r, sandbox_discord_url(r->sandbox), "/users/@me", &req), 200);
	assert_true(json_flag(r->json, "bot", false));
	req = (struct http_request){0};
	assert_int_equal(ask(r, sandbox_comfy_url(r->sandbox, 0), "/queue", &req), 401);
	req = (struct http_request){0};
	http_request_header(&req, "Authorization", "Bearer sesame");
	assert_int_equal(ask(r, sandbox_comfy_url(r->sandbox, 0), "/queue", &req), 200);
	assert_non_null(json_array(r->json, "queue_running"));
	assert_true(sandbox_guild_id(r->sandbox) != 0);
	assert_string_equal(sandbox_token(r->sandbox), "a.b.c");
}

static void test_faults(void **state)
{
	struct rig *r = *state;
	struct http_request req = {0};
	int64_t before;

	assert_int_equal(post(r, "/control/fault", "{\"kind\":\"nonsense\"}"), 400);
	assert_int_equal(post(r, "/control/fault", "{\"kind\":\"reset\",\"side\":\"comfy\"}"), 200);
	assert_int_equal(ask(r, sandbox_comfy_url(r->sandbox, 0), "/queue", &req), 0);
	assert_int_equal(
		post(r, "/control/fault", "{\"kind\":\"hang\",\"side\":\"comfy\",\"ms\":300}"),
		200);
	before = loop_now(r->loop);
	req = (struct http_request){0};
	assert_int_equal(ask(r, sandbox_comfy_url(r->sandbox, 0), "/queue", &req), 0);
	assert_true(loop_now(r->loop) - before >= 290);
	assert_int_equal(get(r, "/control/violations"), 200);
	assert_int_equal(json_int(r->json, "count", -1), 0);
}

static void ws_opened(void *arg)
{
}

static void ws_received(void *arg, const void *data, size_t len, bool binary)
{
	struct rig *r = arg;

	buf_clear(&r->heard);
	assert_int_equal(buf_add(&r->heard, data, len), 0);
	r->done = true;
	loop_wake(r->loop);
}

static void ws_closed(void *arg, int code, int http_status, const char *why)
{
	struct rig *r = arg;

	r->closed = http_status ? http_status : code;
	r->done = true;
	loop_wake(r->loop);
}

static const struct websocket_events ws_events = {
	.opened = ws_opened, .received = ws_received, .closed = ws_closed};

static struct websocket *open_socket(struct rig *r, const char *key)
{
	struct http_request req = {.url = xasprintf("ws%s/ws?clientId=A",
					   sandbox_comfy_url(r->sandbox, 0) + strlen("http"))};
	struct websocket *ws;

	if (key)
		http_request_header(&req, "Authorization", key);
	r->done = false;
	ws = websocket_open(r->room, &req, MIB, &ws_events, r);
	http_request_free(&req);
	run(r);
	return ws;
}

static void test_sockets(void **state)
{
	struct rig *r = *state;

	open_socket(r, NULL);
	assert_int_equal(r->closed, 401);
	r->closed = -1;
	/* What the world says while the handshake is under way arrives too. */
	open_socket(r, "Bearer sesame");
	assert_non_null(strstr(buf_str(&r->heard), "\"sid\":\"A\""));
	assert_int_equal(post(r, "/control/fault", "{\"kind\":\"comfy_ws_drop\"}"), 200);
	r->done = r->closed != -1;
	run(r);
	assert_int_equal(r->closed, 0);
}

static void test_port_taken(void **state)
{
	struct rig *r = *state;
	struct sandbox_config config = {0};
	struct sandbox *second = NULL;
	char *why = NULL;
	uint64_t port;

	assert_int_equal(parse_u64(strrchr(sandbox_page_url(r->sandbox), ':') + 1, &port), 0);
	config.page_port = (int)port;
	assert_true(sandbox_new(r->loop, r->room, &config, &second, &why) < 0);
	assert_null(second);
	assert_non_null(strstr(why, "SANDBOX_PORT"));
	free(why);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_page),
		TEST(test_foreign_pages),
		TEST(test_posts_must_be_json),
		TEST(test_people_speak),
		TEST(test_wait),
		TEST(test_both_halves),
		TEST(test_faults),
		TEST(test_sockets),
		TEST(test_port_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
