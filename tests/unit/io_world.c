/* SPDX-License-Identifier: Apache-2.0 */
#include "io_world.h"

#define GIVE_UP_MS 10000

/* ---- the server's side ---- */

void io_fill(char *data, size_t len)
{
	uint32_t x = 12345;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		data[i] = (char)(x >> 24);
	}
}

static void answer_echo(struct server_conn *conn, const struct http_request *req)
{
	struct http_response res = {.status = 200, .body = BUF(IO_BIG * 2)};

	http_response_header(&res, "Content-Type", "application/octet-stream");
	http_response_header(&res, "X-Method", http_method_name(req->method));
	http_response_header(&res, "X-Url", req->url);
	if (req->body_len)
		assert_int_equal(buf_add(&res.body, req->body, req->body_len), 0);
	for (size_t i = 0; i < req->n_parts; i++) {
		const struct http_part *p = &req->parts[i];

		assert_int_equal(buf_printf(&res.body, "[%s|%s|%s|%zu]", p->name,
					 p->filename ? p->filename : "-",
					 p->content_type ? p->content_type : "-", p->len),
			0);
	}
	server_answer(conn, &res);
	http_response_free(&res);
}

static void answer_big(struct server_conn *conn)
{
	struct http_response res = {.status = 200, .body = BUF(IO_BIG)};
	char *data = malloc(IO_BIG);

	io_fill(data, IO_BIG);
	assert_int_equal(buf_add(&res.body, data, IO_BIG), 0);
	server_answer(conn, &res);
	http_response_free(&res);
	free(data);
}

static void on_request(void *ctx, struct server_conn *conn, const struct http_request *req)
{
	struct io_world *w = ctx;

	http_request_free(&w->last);
	http_request_copy(&w->last, req);
	w->n_requests++;
	if (str_starts(req->url, "/never")) {
		w->waiting = conn;
		server_conn_set(conn, w);
	} else if (str_starts(req->url, "/cut")) {
		server_cut(conn);
	} else if (str_starts(req->url, "/big")) {
		answer_big(conn);
	} else if (str_starts(req->url, "/stream")) {
		struct http_response res = {.status = 200};

		http_response_header(&res, "Content-Type", "text/event-stream");
		server_answer_stream(conn, &res);
		http_response_free(&res);
		server_stream_add(conn, "data: 1\n\n", 9);
		w->waiting = conn;
	} else if (str_starts(req->url, "/nothing")) {
		struct http_response res = {.status = 204};

		server_answer(conn, &res);
	} else {
		answer_echo(conn, req);
	}
}

static bool on_accept(
	void *ctx, struct server_conn *conn, const struct http_request *req, int *ret_status)
{
	struct io_world *w = ctx;

	http_request_free(&w->last);
	http_request_copy(&w->last, req);
	w->n_requests++;
	if (str_starts(req->url, "/refused")) {
		*ret_status = 401;
		return false;
	}
	server_conn_set(conn, w);
	return true;
}

static void on_ws_opened(void *ctx, struct server_conn *conn)
{
	struct io_world *w = ctx;

	w->n_opened++;
	w->waiting = conn;
}

static void on_ws_received(
	void *ctx, struct server_conn *conn, const void *data, size_t len, bool binary)
{
	struct io_world *w = ctx;

	w->n_ws_received++;
	assert_ptr_equal(server_conn_get(conn), w);
	if (len == 5 && memcmp(data, "close", 5) == 0)
		server_ws_close(conn, 4004, "Authentication failed.");
	else if (len == 3 && memcmp(data, "cut", 3) == 0)
		server_cut(conn);
	else if (len != 6 || memcmp(data, "silent", 6) != 0)
		server_ws_send(conn, data, len, binary);
}

static void on_gone(void *ctx, struct server_conn *conn)
{
	struct io_world *w = ctx;

	w->n_gone++;
	if (w->waiting == conn)
		w->waiting = NULL;
}

static const struct server_events server_events = {
	.request = on_request,
	.ws_accept = on_accept,
	.ws_opened = on_ws_opened,
	.ws_received = on_ws_received,
	.gone = on_gone,
};

/* ---- the client's side ---- */

static void on_done(void *arg, struct http_response *response)
{
	struct io_world *w = arg;

	assert_true(w->n_answers < (int)countof(w->answers));
	w->answers[w->n_answers++] = *response;
	*response = (struct http_response){0};
}

static void on_opened(void *arg)
{
	struct io_world *w = arg;

	w->ws_open = true;
}

static void on_received(void *arg, const void *data, size_t len, bool binary)
{
	struct io_world *w = arg;

	w->n_ws_messages++;
	w->ws_binary = binary;
	buf_clear(&w->ws_message);
	assert_int_equal(buf_add(&w->ws_message, data, len), 0);
}

static void on_closed(void *arg, int code, int http_status, const char *why)
{
	struct io_world *w = arg;

	w->n_closed++;
	w->close_code = code;
	w->close_status = http_status;
	str_set(&w->close_why, why);
	w->ws = NULL;
}

static const struct websocket_events socket_events = {on_opened, on_received, on_closed};

void io_world_new(struct io_world *w, const char *ca, const char *cert, const char *key)
{
	struct http_client_config client = {.ca_file = ca};
	struct server_config server = {
		.address = "127.0.0.1",
		.cert_file = cert,
		.key_file = key,
		.body_max = IO_BIG + MIB,
	};
	char *why = NULL;

	*w = (struct io_world){.tls = cert, .ws_message = BUF(IO_BIG)};
	assert_int_equal(loop_new(&w->loop), 0);
	assert_int_equal(http_client_new(w->loop, &client, &w->client), 0);
	assert_int_equal(lws_room_new(w->loop, ca, &w->room), 0);
	assert_int_equal(server_new(w->room, &server, &server_events, w, &w->server, &why), 0);
	assert_null(why);
}

void io_world_free(struct io_world *w)
{
	for (int i = 0; i < w->n_answers; i++)
		http_response_free(&w->answers[i]);
	http_request_free(&w->last);
	buf_free(&w->ws_message);
	free(w->close_why);
	http_client_free(w->client);
	server_free(w->server);
	lws_room_free(w->room);
	loop_free(w->loop);
}

static int64_t turn(void *ctx, int64_t now_ms)
{
	struct io_world *w = ctx;

	if (!w->give_up_ms)
		w->give_up_ms = now_ms + GIVE_UP_MS;
	if (w->seen(w) || now_ms >= w->give_up_ms)
		loop_stop(w->loop);
	return w->poll_ms ? now_ms + w->poll_ms : w->give_up_ms;
}

void io_run_until(struct io_world *w, bool (*seen)(struct io_world *w))
{
	w->seen = seen;
	w->give_up_ms = 0;
	loop_run(w->loop, turn, w);
	assert_true(seen(w));
}

char *io_url(const struct io_world *w, const char *scheme, const char *path)
{
	return xasprintf(
		"%s%s://127.0.0.1:%d%s", scheme, w->tls ? "s" : "", server_port(w->server), path);
}

void io_send_url(struct io_world *w, struct http_request *req)
{
	http_send(w->client, req, on_done, w);
	http_request_free(req);
}

void io_send(struct io_world *w, struct http_request *req, const char *path)
{
	req->url = io_url(w, "http", path);
	io_send_url(w, req);
}

bool io_answered(struct io_world *w)
{
	return w->n_answers > 0;
}

struct http_response *io_ask_url(struct io_world *w, struct http_request *req)
{
	while (w->n_answers)
		http_response_free(&w->answers[--w->n_answers]);
	io_send_url(w, req);
	assert_int_equal(w->n_answers, 0);
	io_run_until(w, io_answered);
	return &w->answers[0];
}

struct http_response *io_ask(struct io_world *w, struct http_request *req, const char *path)
{
	req->url = io_url(w, "http", path);
	return io_ask_url(w, req);
}

void io_socket(struct io_world *w, const char *path)
{
	struct http_request req = {.url = io_url(w, "ws", path)};

	http_request_header(&req, "Authorization", "Bearer key");
	http_request_header(&req, "X-Custom", "a value");
	io_socket_url(w, &req);
}

void io_socket_url(struct io_world *w, struct http_request *req)
{
	w->ws_open = false;
	w->n_ws_messages = w->n_closed = 0;
	w->ws = websocket_open(w->room, req, IO_BIG, &socket_events, w);
	http_request_free(req);
}

bool io_opened(struct io_world *w)
{
	return w->ws_open;
}

bool io_message(struct io_world *w)
{
	return w->n_ws_messages > 0;
}

bool io_closed(struct io_world *w)
{
	return w->n_closed > 0;
}

bool io_gone(struct io_world *w)
{
	return w->n_gone > 0;
}

bool io_requested(struct io_world *w)
{
	return w->n_requests > 0;
}
