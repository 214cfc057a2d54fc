/* SPDX-License-Identifier: Apache-2.0 */
#include "io_world.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static int setup(void **state)
{
	struct io_world *w = malloc(sizeof(*w));

	io_world_new(w, NULL, NULL, NULL);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	io_world_free(*state);
	free(*state);
	return 0;
}

/* ---- HTTP ---- */

static void methods_and_urls_arrive_as_sent(void **state)
{
	static const struct {
		enum http_method method;
		const char *url, *body;
		const char *length; /* the Content-Length that arrives; NULL: none */
	} rows[] = {
		{HTTP_GET, "/", NULL, NULL},
		{HTTP_GET, "/view?filename=a%26b%2Fc.png&subfolder=&preview=webp;90", NULL, NULL},
		{HTTP_GET, "/a//b/../c/%2e%2E/%F0%9F%91%8D/@me?x=1+2", NULL, NULL},
		{HTTP_POST, "/post", "{\"a\":1}", "7"},
		{HTTP_POST, "/empty", NULL, "0"},
		{HTTP_PUT, "/put/%40me", NULL, "0"},
		{HTTP_PUT, "/put", "body", "4"},
		{HTTP_PATCH, "/patch/@original", "x", "1"},
		{HTTP_DELETE, "/delete", NULL, NULL},
		{HTTP_DELETE, "/delete", "with a body", "11"},
	};
	struct io_world *w = *state;

	for (size_t i = 0; i < countof(rows); i++) {
		struct http_request req = {.method = rows[i].method};
		struct http_response *res;

		if (rows[i].body) {
			req.body = xstrdup(rows[i].body);
			req.body_len = strlen(rows[i].body);
		}
		res = io_ask(w, &req, rows[i].url);
		assert_int_equal(res->status, 200);
		assert_string_equal(http_response_get(res, "x-url"), rows[i].url);
		assert_string_equal(
			http_response_get(res, "X-Method"), http_method_name(rows[i].method));
		assert_string_equal(buf_str(&res->body), rows[i].body ? rows[i].body : "");
		assert_true(res->maybe_sent);
		assert_null(res->error);
		if (rows[i].length)
			assert_string_equal(
				http_request_get(&w->last, "Content-Length"), rows[i].length);
		else
			assert_null(http_request_get(&w->last, "Content-Length"));
		assert_null(http_request_get(&w->last, "Expect"));
		assert_null(http_request_get(&w->last, "Content-Type"));
		assert_null(http_request_get(&w->last, "Accept-Encoding"));
	}
}

static void headers_arrive(void **state)
{
	struct io_world *w = *state;
	struct http_request req = {.method = HTTP_POST};

	http_request_header(&req, "Authorization", "Bot abc");
	http_request_header(&req, "User-Agent", "DiscordBot (https://example.com, 1)");
	http_request_header(&req, "X-Audit-Log-Reason", "session%20ended");
	http_request_header(&req, "ngrok-skip-browser-warning", "1");
	http_request_header(&req, "X-Empty", "");
	http_request_json(&req, xstrdup("{}"));
	io_ask(w, &req, "/");
	assert_string_equal(http_request_get(&w->last, "authorization"), "Bot abc");
	assert_string_equal(
		http_request_get(&w->last, "user-agent"), "DiscordBot (https://example.com, 1)");
	assert_string_equal(http_request_get(&w->last, "x-audit-log-reason"), "session%20ended");
	assert_string_equal(http_request_get(&w->last, "ngrok-skip-browser-warning"), "1");
	assert_string_equal(http_request_get(&w->last, "x-empty"), "");
	assert_string_equal(http_request_get(&w->last, "content-type"), "application/json");
	assert_non_null(http_request_get(&w->last, "host"));
}

static void a_request_of_line_breaks_is_refused(void **state)
{
	struct io_world *w = *state;
	struct http_request req = {0};
	struct http_response *res;

	http_request_header(&req, "X-Evil", "a\r\nX-More: b");
	res = io_ask(w, &req, "/secret-path");
	assert_int_equal(res->status, 0);
	assert_false(res->maybe_sent);
	assert_non_null(res->error);
	assert_null(strstr(res->error, "secret"));
	assert_int_equal(w->n_requests, 0);
}

static void parts_arrive(void **state)
{
	struct io_world *w = *state;
	struct http_request req = {.method = HTTP_POST};
	struct http_response *res;
	char *data = malloc(IO_BIG);
	struct buf b = BUF(IO_BIG);
	struct blob *blob;

	io_fill(data, IO_BIG);
	assert_int_equal(buf_add(&b, data, IO_BIG), 0);
	blob = blob_take(&b);
	http_request_part(&req, "payload_json", NULL, "application/json", "{}", 2);
	http_request_part_blob(&req, "files[0]", "a \"b\" \xc3\xa9.png", "image/png", blob);
	http_request_part(&req, "empty", NULL, NULL, NULL, 0);
	blob_drop(blob); /* the request holds it, and then the transfer */
	res = io_ask(w, &req, "/parts");
	assert_int_equal(res->status, 200);
	assert_string_equal(buf_str(&res->body),
		"[payload_json|-|application/json|2][files[0]|a %22b%22 \xc3\xa9.png|image/png|"
		"6291456][empty|-|-|0]");
	assert_memory_equal(w->last.parts[1].data, data, IO_BIG);
	free(data);
}

static void large_bodies_both_ways(void **state)
{
	struct io_world *w = *state;
	struct http_request req = {.method = HTTP_POST, .answer_max = IO_BIG};
	struct http_response *res;
	char *data = malloc(IO_BIG);

	io_fill(data, IO_BIG);
	req.body = malloc(IO_BIG);
	memcpy(req.body, data, IO_BIG);
	req.body_len = IO_BIG;
	res = io_ask(w, &req, "/echo");
	assert_int_equal(res->status, 200);
	assert_int_equal(res->body.len, IO_BIG);
	assert_memory_equal(res->body.data, data, IO_BIG);
	free(data);
}

static void an_answer_above_its_ceiling_is_an_error(void **state)
{
	struct io_world *w = *state;
	struct http_request req = {.answer_max = IO_BIG - 1};
	struct http_response *res = io_ask(w, &req, "/big?secret");

	assert_int_equal(res->status, 0);
	assert_true(res->maybe_sent);
	assert_string_equal(res->error, "127.0.0.1: the answer is longer than 6291455 bytes");
}

static void a_body_above_the_ceiling_is_refused(void **state)
{
	struct io_world *w = *state;
	struct http_request req = {.method = HTTP_POST};
	struct http_response *res;

	req.body_len = IO_BIG + MIB + 1;
	req.body = calloc(req.body_len, 1);
	res = io_ask(w, &req, "/echo");
	assert_int_equal(res->status, 413);
	assert_int_equal(w->n_requests, 0);
}

static void no_content_has_no_body(void **state)
{
	struct io_world *w = *state;
	struct http_request req = {.method = HTTP_DELETE};
	struct http_response *res = io_ask(w, &req, "/nothing");

	assert_int_equal(res->status, 204);
	assert_int_equal(res->body.len, 0);
}

static void a_refused_connection_was_never_sent(void **state)
{
	struct io_world *w = *state;
	struct http_request req = {.method = HTTP_POST};
	struct http_response *res;

	server_free(w->server);
	res = io_ask(w, &req, "/webhooks/1/TOKEN?secret");
	assert_int_equal(res->status, 0);
	assert_false(res->maybe_sent);
	assert_non_null(strstr(res->error, "127.0.0.1"));
	assert_null(strstr(res->error, "TOKEN"));
	assert_null(strstr(res->error, "secret"));
}

static void a_timeout_may_have_been_sent(void **state)
{
	struct io_world *w = *state;
	struct http_request req = {.method = HTTP_POST, .timeout_ms = 150};
	struct http_response *res = io_ask(w, &req, "/never/TOKEN");

	assert_int_equal(res->status, 0);
	assert_true(res->maybe_sent);
	assert_null(strstr(res->error, "TOKEN"));
	/* The server learns that nobody waits for its answer. */
	io_run_until(w, io_gone);
	assert_null(w->waiting);
}

static void a_cut_may_have_been_sent(void **state)
{
	struct io_world *w = *state;
	struct http_request req = {.method = HTTP_POST};
	struct http_response *res = io_ask(w, &req, "/cut");

	assert_int_equal(res->status, 0);
	assert_true(res->maybe_sent);
	assert_int_equal(w->n_gone, 1);
}

/* curl would send it again by itself when the connection was a kept one. */
static void a_post_is_never_sent_twice(void **state)
{
	struct io_world *w = *state;
	struct http_request first = {0}, req = {.method = HTTP_POST};
	struct http_response *res = io_ask(w, &first, "/warm");

	assert_int_equal(res->status, 200);
	res = io_ask(w, &req, "/cut");
	assert_int_equal(res->status, 0);
	assert_true(res->maybe_sent);
	assert_int_equal(w->n_requests, 2);
}

static void bad_urls_are_errors(void **state)
{
	static const char *const urls[] = {"", "nonsense", "ftp://127.0.0.1/x", "http://",
		"ws://127.0.0.1/", "http://127.0.0.1:99999/", "http://a b/"};
	struct io_world *w = *state;

	for (size_t i = 0; i < countof(urls); i++) {
		struct http_request req = {.url = xstrdup(urls[i])};
		struct http_response *res = io_ask_url(w, &req);

		assert_int_equal(res->status, 0);
		assert_false(res->maybe_sent);
		assert_non_null(res->error);
	}
}

static bool three_answers(struct io_world *w)
{
	return w->n_answers == 3;
}

static void several_at_once(void **state)
{
	struct io_world *w = *state;

	for (int i = 0; i < 3; i++) {
		struct http_request req = {.answer_max = IO_BIG};

		io_send(w, &req, "/big");
	}
	io_run_until(w, three_answers);
	for (int i = 0; i < 3; i++)
		assert_int_equal(w->answers[i].body.len, IO_BIG);
}

static void a_stream_goes_on(void **state)
{
	struct io_world *w = *state;
	struct http_request req = {.timeout_ms = 300};

	io_send(w, &req, "/stream");
	io_run_until(w, io_requested);
	server_stream_add(w->waiting, "data: 2\n\n", 9);
	/* The client gives up; what had come was a stream without an end. */
	io_run_until(w, io_gone);
	io_run_until(w, io_answered);
	assert_int_equal(w->answers[0].status, 0);
	assert_string_equal(buf_str(&w->answers[0].body), "data: 1\n\ndata: 2\n\n");
}

/* Everything at once when the world ends: no leak, no call. */
static void the_end_with_requests_under_way(void **state)
{
	struct io_world *w = *state;
	struct http_request req = {0}, refused = {0};

	io_send(w, &req, "/never");
	io_run_until(w, io_requested);
	http_request_header(&refused, "bad name", "x");
	io_send(w, &refused, "/");
	io_socket(w, "/ws");
	io_run_until(w, io_opened);
	io_socket(w, "/another");
}

/* ---- WebSocket ---- */

static void an_echo(void **state)
{
	struct io_world *w = *state;

	io_socket(w, "/ws?clientId=a%2Fb");
	/* Sent before it is open: goes out when it is. */
	websocket_send(w->ws, "hello", 5, false);
	io_run_until(w, io_message);
	assert_string_equal(buf_str(&w->ws_message), "hello");
	assert_false(w->ws_binary);
	assert_string_equal(w->last.url, "/ws?clientId=a%2Fb");
	assert_string_equal(http_request_get(&w->last, "authorization"), "Bearer key");
	assert_string_equal(http_request_get(&w->last, "x-custom"), "a value");
	assert_null(http_request_get(&w->last, "origin"));
	assert_null(http_request_get(&w->last, "sec-websocket-extensions"));
	w->n_ws_messages = 0;
	websocket_send(w->ws, "", 0, true);
	io_run_until(w, io_message);
	assert_int_equal(w->ws_message.len, 0);
	assert_true(w->ws_binary);
}

static void a_large_message_both_ways(void **state)
{
	struct io_world *w = *state;
	char *data = malloc(IO_BIG);

	io_fill(data, IO_BIG);
	io_socket(w, "/ws");
	io_run_until(w, io_opened);
	websocket_send(w->ws, data, IO_BIG, true);
	io_run_until(w, io_message);
	assert_int_equal(w->ws_message.len, IO_BIG);
	assert_memory_equal(w->ws_message.data, data, IO_BIG);
	/* One byte above what the client takes. */
	server_ws_send(w->waiting, data, IO_BIG, true);
	w->n_ws_messages = 0;
	io_run_until(w, io_message);
	data = realloc(data, IO_BIG + 1);
	data[IO_BIG] = 0;
	server_ws_send(w->waiting, data, IO_BIG + 1, true);
	io_run_until(w, io_closed);
	assert_int_equal(w->close_code, 1009);
	free(data);
}

static bool hundred_messages(struct io_world *w)
{
	return w->n_ws_messages == 100;
}

static void many_messages_keep_their_order(void **state)
{
	struct io_world *w = *state;
	char text[16];

	io_socket(w, "/ws");
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%d", i);
		websocket_send(w->ws, text, strlen(text), false);
	}
	io_run_until(w, hundred_messages);
	assert_string_equal(buf_str(&w->ws_message), "99");
}

static void the_server_closes_with_code_and_reason(void **state)
{
	struct io_world *w = *state;

	io_socket(w, "/ws");
	websocket_send(w->ws, "close", 5, false);
	io_run_until(w, io_closed);
	assert_int_equal(w->close_code, 4004);
	assert_int_equal(w->close_status, 0);
	assert_string_equal(w->close_why, "Authentication failed.");
	io_run_until(w, io_gone);
}

static void the_client_closes(void **state)
{
	struct io_world *w = *state;

	io_socket(w, "/ws");
	io_run_until(w, io_opened);
	websocket_send(w->ws, "silent", 6, false);
	websocket_close(w->ws, 4000);
	io_run_until(w, io_closed);
	assert_int_equal(w->close_code, 4000);
	/* What was sent before the close arrived before it. */
	assert_int_equal(w->n_ws_received, 1);
	io_run_until(w, io_gone);
	assert_int_equal(w->n_closed, 1);
}

static void a_close_before_it_is_open(void **state)
{
	struct io_world *w = *state;

	io_socket(w, "/ws");
	websocket_close(w->ws, 1000);
	assert_int_equal(w->n_closed, 0);
	io_run_until(w, io_closed);
	assert_false(w->ws_open);
}

static void a_cut_has_no_code(void **state)
{
	struct io_world *w = *state;

	io_socket(w, "/ws");
	websocket_send(w->ws, "cut", 3, false);
	io_run_until(w, io_closed);
	assert_int_equal(w->close_code, 0);
	assert_int_equal(w->close_status, 0);
}

static void an_upgrade_is_refused(void **state)
{
	struct io_world *w = *state;

	io_socket(w, "/refused?token=secret");
	io_run_until(w, io_closed);
	assert_int_equal(w->close_status, 401);
	assert_int_equal(w->close_code, 0);
	assert_false(w->ws_open);
	assert_null(strstr(w->close_why, "secret"));
}

static void nobody_listens(void **state)
{
	struct io_world *w = *state;

	server_free(w->server);
	io_socket(w, "/ws");
	io_run_until(w, io_closed);
	assert_int_equal(w->close_status, 0);
	assert_int_equal(w->close_code, 0);
	assert_non_null(strstr(w->close_why, "127.0.0.1"));
}

static void an_abandoned_one_is_silent(void **state)
{
	struct io_world *w = *state;

	io_socket(w, "/ws");
	io_run_until(w, io_opened);
	websocket_abandon(w->ws);
	io_run_until(w, io_gone);
	assert_int_equal(w->n_closed, 0);
}

/* A name that is not known without asking; the hosts file has it in any case of letters. */
static void a_name_is_looked_up(void **state)
{
	struct io_world *w = *state;
	struct http_request req = {
		.url = xasprintf("ws://LocalHost:%d/ws", server_port(w->server))};
	struct http_request again = {.url = xstrdup(req.url)};

	unsetenv("http_proxy");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	io_socket_url(w, &req);
	io_run_until(w, io_opened);
	assert_true(str_starts(http_request_get(&w->last, "host"), "LocalHost:"));
	websocket_abandon(w->ws);
	/* Abandoned in the middle of the question. */
	io_socket_url(w, &again);
	websocket_abandon(w->ws);
}

/* ---- the loop ---- */

static void stop_seen(void *ctx)
{
	*(bool *)ctx = true;
}

static bool g_stop;

static bool stopped(struct io_world *w)
{
	return g_stop;
}

static void a_signal_asks_to_stop(void **state)
{
	struct io_world *w = *state;

	g_stop = false;
	loop_on_stop(w->loop, stop_seen, &g_stop);
	kill(getpid(), SIGTERM);
	io_run_until(w, stopped);
}

struct ticks {
	struct loop *loop;
	int n;
	int64_t first_ms, last_ms;
};

static int64_t tick(void *ctx, int64_t now_ms)
{
	struct ticks *t = ctx;

	if (!t->n++)
		t->first_ms = now_ms;
	t->last_ms = now_ms;
	assert_true(loop_now(t->loop) == now_ms);
	if (t->n == 4)
		loop_stop(t->loop);
	return now_ms + 20;
}

static void the_timer_is_kept_and_the_loop_sleeps(void **state)
{
	struct io_world *w = *state;
	struct ticks t = {.loop = w->loop};

	loop_run(w->loop, tick, &t);
	/* One turn at the start, one each 20 ms, none in between. */
	assert_int_equal(t.n, 4);
	assert_true(t.last_ms - t.first_ms >= 60);
	assert_true(t.first_ms > INT64_C(1600000000000));
}

int main(void)
{
#define IO_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		IO_TEST(methods_and_urls_arrive_as_sent),
		IO_TEST(headers_arrive),
		IO_TEST(a_request_of_line_breaks_is_refused),
		IO_TEST(parts_arrive),
		IO_TEST(large_bodies_both_ways),
		IO_TEST(an_answer_above_its_ceiling_is_an_error),
		IO_TEST(a_body_above_the_ceiling_is_refused),
		IO_TEST(no_content_has_no_body),
		IO_TEST(a_refused_connection_was_never_sent),
		IO_TEST(a_timeout_may_have_been_sent),
		IO_TEST(a_cut_may_have_been_sent),
		IO_TEST(a_post_is_never_sent_twice),
		IO_TEST(bad_urls_are_errors),
		IO_TEST(several_at_once),
		IO_TEST(a_stream_goes_on),
		IO_TEST(the_end_with_requests_under_way),
		IO_TEST(an_echo),
		IO_TEST(a_large_message_both_ways),
		IO_TEST(many_messages_keep_their_order),
		IO_TEST(the_server_closes_with_code_and_reason),
		IO_TEST(the_client_closes),
		IO_TEST(a_close_before_it_is_open),
		IO_TEST(a_cut_has_no_code),
		IO_TEST(an_upgrade_is_refused),
		IO_TEST(nobody_listens),
		IO_TEST(an_abandoned_one_is_silent),
		IO_TEST(a_name_is_looked_up),
		IO_TEST(a_signal_asks_to_stop),
		IO_TEST(the_timer_is_kept_and_the_loop_sleeps),
	};

	return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}
