/* SPDX-License-Identifier: Apache-2.0 */
/* The bot without its sockets, in the hands of a Discord that answers by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "app/shell.h"
#include "base/date.h"
#include "base/json.h"

#define NOW_MS	     INT64_C(1780000000000)
#define DISCORD_MS   INT64_C(1420070400000) /* its first moment */
#define REQUESTS_MAX 32
#define HELLO	     "{\"op\":10,\"d\":{\"heartbeat_interval\":41250}}"
#define READY                                                                                      \
	"{\"op\":0,\"t\":\"READY\",\"s\":1,\"d\":{\"session_id\":\"S\",\"resume_gateway_url\":"    \
	"\"wss://r.test\",\"user\":{\"id\":\"8\"},\"application\":{\"id\":\"8\"},\"guilds\":[{"    \
	"\"id\":\"7\"}]}}"
#define GUILD                                                                                      \
	"{\"id\":\"7\",\"owner_id\":\"3\",\"roles\":[],\"channels\":[{\"id\":\"6\",\"type\":0,"    \
	"\"name\":\"admin-tools\"}],\"threads\":[]}"

#define SAY "POST https://discord.test/api/v10/channels/6/messages"

/* What was asked of Discord and is not answered. */
struct asked {
	char *what; /* "POST https://... {...}" */
	void (*done)(void *arg, struct http_response *response);
	void *arg;
};

struct websocket {
	const struct websocket_events *events;
	void *arg;
};

struct rig {
	struct shell *shell;
	struct shell_config config;
	struct log log;
	int64_t now_ms;	  /* by our clock */
	int64_t ahead_ms; /* so far is our clock ahead of Discord's */
	int seq;
	struct asked requests[REQUESTS_MAX];
	size_t n_requests;
	struct websocket socket;
	store_done *stored[REQUESTS_MAX]; /* what was written since the last turn */
	void *stored_arg[REQUESTS_MAX];
	size_t n_stored;
};

static void log_nothing(void *ctx, enum log_level level, const char *subject, const char *text)
{
}

static int64_t port_now(void *ctx)
{
	return ((struct rig *)ctx)->now_ms;
}

static void port_http(void *ctx, const struct http_request *req,
	void (*done)(void *arg, struct http_response *response), void *arg)
{
	struct rig *rig = ctx;

	assert_true(rig->n_requests < REQUESTS_MAX);
	rig->requests[rig->n_requests++] =
		(struct asked){xasprintf("%s %s %.*s", http_method_name(req->method), req->url,
				       (int)req->body_len, req->body ? req->body : ""),
			done, arg};
}

static struct websocket *port_open(void *ctx, const struct http_request *req, size_t message_max,
	const struct websocket_events *events, void *arg)
{
	struct rig *rig = ctx;

	assert_null(rig->socket.events);
	rig->socket = (struct websocket){events, arg};
	return &rig->socket;
}

static void port_send(void *ctx, struct websocket *ws, const void *data, size_t len, bool binary)
{
}

static void port_close(void *ctx, struct websocket *ws, int code)
{
	*ws = (struct websocket){0};
}

static void port_abandon(void *ctx, struct websocket *ws)
{
	*ws = (struct websocket){0};
}

static void port_store(void *ctx, struct store_op *op, store_done *done, void *arg)
{
	struct rig *rig = ctx;

	store_op_free(op);
	assert_true(rig->n_stored < REQUESTS_MAX);
	rig->stored[rig->n_stored] = done;
	rig->stored_arg[rig->n_stored++] = arg;
}

static void port_read(void *ctx, const struct store_query *query, store_read_done *done, void *arg)
{
	done(arg, &(struct store_result){0});
}

/* ---- what Discord does ---- */

static void turn(struct rig *rig)
{
	(void)shell_turn(rig->shell, rig->now_ms);
	for (size_t i = 0; i < rig->n_stored; i++)
		if (rig->stored[i])
			rig->stored[i](rig->stored_arg[i], 0, NULL);
	rig->n_stored = 0;
	(void)shell_turn(rig->shell, rig->now_ms);
}

static size_t find(const struct rig *rig, const char *what)
{
	size_t i = 0;

	while (i < rig->n_requests && !strstr(rig->requests[i].what, what))
		i++;
	return i;
}

static bool is_asked(const struct rig *rig, const char *what)
{
	return find(rig, what) < rig->n_requests;
}

/* The first request in which this stands is answered, with Discord's time. */
static void answer(struct rig *rig, const char *what, int status, const char *body)
{
	struct http_response res = {.status = status, .body = BUF(64 * KIB)};
	size_t i = find(rig, what);
	struct asked r = rig->requests[i];
	char date[DATE_SIZE];

	assert_true(i < rig->n_requests);
	memmove(&rig->requests[i], &rig->requests[i + 1],
		(--rig->n_requests - i) * sizeof(rig->requests[0]));
	date_format((rig->now_ms - rig->ahead_ms) / 1000, date);
	http_response_header(&res, "Date", date);
	http_response_header(&res, "Content-Type", "application/json");
	assert_int_equal(buf_add_str(&res.body, body), 0);
	r.done(r.arg, &res);
	http_response_free(&res);
	free(r.what);
	turn(rig);
}

static void receive(struct rig *rig, const char *text)
{
	assert_non_null(rig->socket.events);
	rig->socket.events->received(rig->socket.arg, text, strlen(text), false);
	turn(rig);
}

static void event(struct rig *rig, const char *name, const char *data)
{
	char *text = xasprintf("{\"op\":0,\"t\":\"%s\",\"s\":%d,\"d\":%s}", name, ++rig->seq, data);

	receive(rig, text);
	free(text);
}

/* /help, as Discord gives it; `at_ms` by Discord's clock. */
static void help(struct rig *rig, int64_t at_ms)
{
	char *text = xasprintf("{\"id\":\"%" PRIu64
			       "\",\"application_id\":\"8\",\"type\":2,\"token\":\"t\","
			       "\"version\":1,\"guild_id\":\"7\",\"channel_id\":\"5\",\"channel\":{"
			       "\"id\":\"5\",\"type\":0},\"member\":{\"user\":{\"id\":\"3\","
			       "\"username\":\"ana\"},\"permissions\":\"8\",\"roles\":[]},"
			       "\"app_permissions\":\"2147601424\",\"locale\":\"es-ES\","
			       "\"context\":0,\"attachment_size_limit\":10485760,"
			       "\"data\":{\"id\":\"1\",\"name\":\"help\",\"type\":1}}",
		(uint64_t)(at_ms - DISCORD_MS) << 22);

	event(rig, "INTERACTION_CREATE", text);
	free(text);
}

/* Turn by turn, as the loop does: time that passes at once is a clock that jumps. */
static void pass_time(struct rig *rig, int seconds)
{
	for (int i = 0; i < 2 * seconds; i++) {
		rig->now_ms += 500;
		turn(rig);
	}
}

static void connect_socket(struct rig *rig)
{
	pass_time(rig, 6);
	assert_non_null(rig->socket.events);
	rig->socket.events->opened(rig->socket.arg);
	turn(rig);
	receive(rig, HELLO);
}

/* The connection breaks, and the next one is open; nothing was given again yet. */
static void break_off(struct rig *rig)
{
	struct websocket ws = rig->socket;

	rig->socket = (struct websocket){0};
	ws.events->closed(ws.arg, 1006, 0, "closed");
	turn(rig);
	connect_socket(rig);
}

static int start(void **state)
{
	static const struct rig blank;
	struct rig *rig = xcalloc(1, sizeof(*rig));
	struct ports ports = {.ctx = rig,
		.now = port_now,
		.http = port_http,
		.ws_open = port_open,
		.ws_send = port_send,
		.ws_close = port_close,
		.ws_abandon = port_abandon,
		.store = port_store,
		.read = port_read};

	*rig = blank;
	rig->now_ms = NOW_MS;
	rig->log = (struct log){LOG_DEBUG, log_nothing, NULL};
	rig->config = (struct shell_config){.token = "TOKEN",
		.guild_id = 7,
		.api_url = "https://discord.test/api/v10",
		.user_agent = "DiscordBot (x, 1)",
		.workflows = workflow_set_new(),
		.max_jobs_per_user = 3,
		.max_queue = 10,
		.max_batch = 2,
		.session_ttl_ms = 1800000,
		.stop_ms = 1000,
		.no_compression = true,
		.log = &rig->log};
	rig->shell = shell_new(&rig->config, &ports, 1);
	shell_start(rig->shell, &(struct shell_past){0});
	turn(rig);
	answer(rig, "/applications/@me", 200, "{\"id\":\"8\",\"flags\":0}");
	answer(rig, "/gateway/bot", 200,
		"{\"url\":\"wss://g.test\",\"session_start_limit\":{\"remaining\":9,"
		"\"max_concurrency\":1}}");
	connect_socket(rig);
	receive(rig, READY);
	rig->seq = 1;
	event(rig, "GUILD_CREATE", GUILD);
	while (is_asked(rig, SAY)) /* that something is missing: it would go before answers */
		answer(rig, SAY, 200, "{\"id\":\"90\"}");
	*state = rig;
	return 0;
}

static int stop(void **state)
{
	struct rig *rig = *state;

	shell_free(rig->shell);
	for (size_t i = 0; i < rig->n_requests; i++)
		free(rig->requests[i].what);
	workflow_set_free((struct workflow_set *)rig->config.workflows);
	free(rig);
	return 0;
}

/* ---- clocks ---- */

/* What a session gives again is too old by Discord's clock, and nobody waits for it any more. */
static void test_old_interactions_are_left_alone(void **state)
{
	struct rig *rig = *state;

	break_off(rig);
	help(rig, rig->now_ms - 60000);
	assert_false(is_asked(rig, "/interactions/"));
	help(rig, rig->now_ms - 500);
	assert_true(is_asked(rig, "/interactions/"));
}

/* Our clock was put forward by less than would be noticed. */
static void test_clock_is_put_forward(void **state)
{
	struct rig *rig = *state;

	rig->ahead_ms = 4900;
	rig->now_ms += rig->ahead_ms;
	help(rig, rig->now_ms - rig->ahead_ms);
	assert_true(is_asked(rig, "/interactions/"));
}

/* By two hours, while a session gives again what was missed. */
static void test_clock_jumps_while_missed_events_come(void **state)
{
	struct rig *rig = *state;

	break_off(rig);
	rig->ahead_ms = 2 * 3600 * 1000;
	rig->now_ms += rig->ahead_ms;
	help(rig, rig->now_ms - rig->ahead_ms);
	assert_true(is_asked(rig, "/interactions/"));
}

/* ---- words ---- */

#define WORD_ID "1509949440000000000"
#define WORD                                                                                       \
	"{\"id\":\"" WORD_ID "\",\"guild_id\":\"7\",\"channel_id\":\"6\",\"content\":"             \
	"\"!getid\",\"author\":{\"id\":\"3\"},\"member\":{\"roles\":[]}}"
#define LOOK   "GET https://discord.test/api/v10/channels/6/messages"
#define ANSWER "\"message_id\":\"" WORD_ID "\""

/* An earlier process answered it before a ban that lasted longer than Discord remembers a nonce,
 * and could not write that down: a word that a session gives again is looked for before it is
 * answered. */
static void test_word_given_again_is_looked_for(void **state)
{
	struct rig *rig = *state;

	pass_time(rig, 40);
	break_off(rig);
	event(rig, "MESSAGE_CREATE", WORD);
	assert_false(is_asked(rig, ANSWER));
	answer(rig, LOOK, 200,
		"[{\"id\":\"90\",\"author\":{\"id\":\"8\"},\"message_reference\":{" ANSWER "}}]");
	assert_false(is_asked(rig, ANSWER));
}

/* The same when it comes soon after: a session gives its old RESUMED again too. */
static void test_word_after_an_old_resumed(void **state)
{
	struct rig *rig = *state;

	break_off(rig);
	event(rig, "RESUMED", "{}");
	event(rig, "MESSAGE_CREATE", WORD);
	assert_false(is_asked(rig, ANSWER));
	answer(rig, LOOK, 200, "[]");
	assert_true(is_asked(rig, ANSWER));
}

/* What comes as it happens needs no look. */
static void test_new_word_is_answered(void **state)
{
	struct rig *rig = *state;

	pass_time(rig, 40);
	event(rig, "MESSAGE_CREATE", WORD);
	assert_true(is_asked(rig, ANSWER));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_old_interactions_are_left_alone, start, stop),
		cmocka_unit_test_setup_teardown(test_clock_is_put_forward, start, stop),
		cmocka_unit_test_setup_teardown(
			test_clock_jumps_while_missed_events_come, start, stop),
		cmocka_unit_test_setup_teardown(test_word_given_again_is_looked_for, start, stop),
		cmocka_unit_test_setup_teardown(test_word_after_an_old_resumed, start, stop),
		cmocka_unit_test_setup_teardown(test_new_word_is_answered, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
