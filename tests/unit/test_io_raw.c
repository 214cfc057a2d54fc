/* SPDX-License-Identifier: Apache-2.0 */
#include "io_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* One end is a bare socket here, that may say what no decent client or server says. */
struct raw {
	struct io_world w;
	int fd;
	struct buf heard;
	bool eof;
	const char *want;
	int listener, port;
	const char *script; /* what the bare server answers with once it was asked */
	size_t script_len;
	bool spoken;
};

static int setup(void **state)
{
	struct raw *raw = calloc(1, sizeof(*raw));

	io_world_new(&raw->w, NULL, NULL, NULL);
	raw->heard = BUF(IO_BIG * 2);
	raw->fd = raw->listener = -1;
	raw->w.poll_ms = 2;
	*state = raw;
	return 0;
}

static int teardown(void **state)
{
	struct raw *raw = *state;

	if (raw->fd >= 0)
		close(raw->fd);
	if (raw->listener >= 0)
		close(raw->listener);
	io_world_free(&raw->w);
	buf_free(&raw->heard);
	free(raw);
	return 0;
}

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static void raw_connect(struct raw *raw)
{
	struct sockaddr_in at = loopback(server_port(raw->w.server));

	if (raw->fd >= 0)
		close(raw->fd);
	buf_clear(&raw->heard);
	raw->eof = false;
	raw->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(raw->fd >= 0);
	assert_int_equal(connect(raw->fd, (struct sockaddr *)&at, sizeof(at)), 0);
}

static void raw_say(struct raw *raw, const void *data, size_t len)
{
	assert_int_equal(send(raw->fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void raw_listen(struct raw *raw)
{
	char bytes[4096];
	ssize_t n;

	while (raw->fd >= 0 && (n = recv(raw->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0 &&
		!raw->eof) {
		if (n == 0)
			raw->eof = true;
		else
			assert_int_equal(buf_add(&raw->heard, bytes, (size_t)n), 0);
	}
	if (raw->fd >= 0 && recv(raw->fd, bytes, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno != EAGAIN)
		raw->eof = true;
}

static bool heard(struct io_world *w)
{
	struct raw *raw = (struct raw *)w;

	raw_listen(raw);
	return raw->heard.len &&
	       memmem(raw->heard.data, raw->heard.len, raw->want, strlen(raw->want));
}

static bool hung_up(struct io_world *w)
{
	struct raw *raw = (struct raw *)w;

	raw_listen(raw);
	return raw->eof;
}

static void wait_for(struct raw *raw, const char *want)
{
	raw->want = want;
	io_run_until(&raw->w, heard);
}

static void bad_requests_are_refused(void **state)
{
	static const struct {
		const char *request, *answer;
	} rows[] = {
		{"nonsense\r\n\r\n", "HTTP/1.1 400 "},
		{"GET  / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
		{"GET / HTTP/2.0\r\n\r\n", "HTTP/1.1 400 "},
		{"GET / HTTP/1.1\r\nno colon\r\n\r\n", "HTTP/1.1 400 "},
		{"GET / HTTP/1.1\r\nName : x\r\n\r\n", "HTTP/1.1 400 "},
		{"BREW / HTTP/1.1\r\n\r\n", "HTTP/1.1 501 "},
		{"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400 "},
		{"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", "HTTP/1.1 413 "},
		{"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
			"HTTP/1.1 400 "},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz", "HTTP/1.1 400 "},
		{"POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
		 "Content-Length: 3\r\n\r\nabc",
			"HTTP/1.1 400 "},
	};
	struct raw *raw = *state;

	for (size_t i = 0; i < countof(rows); i++) {
		raw_connect(raw);
		raw_say(raw, rows[i].request, strlen(rows[i].request));
		wait_for(raw, rows[i].answer);
		io_run_until(&raw->w, hung_up);
	}
	assert_int_equal(raw->w.n_requests, 0);
	assert_int_equal(raw->w.n_gone, 0);
}

static void a_head_without_end_is_refused(void **state)
{
	struct raw *raw = *state;
	char line[1000];

	raw_connect(raw);
	raw_say(raw, "GET / HTTP/1.1\r\n", 16);
	memset(line, 'a', sizeof(line));
	memcpy(line, "X: ", 3);
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	for (int i = 0; i < 33; i++)
		raw_say(raw, line, sizeof(line));
	wait_for(raw, "HTTP/1.1 431 ");
}

static void requests_one_after_the_other(void **state)
{
	static const char three[] = "GET /one HTTP/1.1\r\n\r\nPOST /two HTTP/1.1\r\n"
				    "Content-Length: 3\r\n\r\nabcHEAD /three HTTP/1.1\r\n"
				    "Connection: close\r\n\r\n";
	struct raw *raw = *state;

	raw_connect(raw);
	raw_say(raw, three, sizeof(three) - 1);
	wait_for(raw, "X-Url: /three\r\n");
	assert_non_null(strstr(raw->heard.data, "X-Url: /one\r\n"));
	assert_non_null(strstr(raw->heard.data, "\r\n\r\nabcHTTP/1.1 200 OK\r\n"));
	io_run_until(&raw->w, hung_up);
	assert_int_equal(raw->w.n_requests, 3);
}

static void a_request_byte_by_byte(void **state)
{
	static const char text[] = "POST /slow HTTP/1.1\r\nExpect: 100-continue\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n"
				   "3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
	struct raw *raw = *state;
	size_t head = (size_t)(strstr(text, "3;ext") - text);

	raw_connect(raw);
	raw_say(raw, text, head);
	wait_for(raw, "HTTP/1.1 100 Continue\r\n\r\n");
	for (size_t i = head; i < sizeof(text) - 1; i++) {
		raw_say(raw, text + i, 1);
		/* Let the loop see this byte alone. */
		raw->want = "HTTP/1.1 100";
		io_run_until(&raw->w, heard);
	}
	wait_for(raw, "abc0123456789");
	assert_int_equal(raw->w.n_requests, 1);
}

static bool pushed_out(struct io_world *w)
{
	return w->n_gone == 1;
}

static void a_peer_that_leaves(void **state)
{
	struct raw *raw = *state;

	raw_connect(raw);
	raw_say(raw, "GET /never HTTP/1.1\r\n\r\n", 23);
	io_run_until(&raw->w, io_requested);
	close(raw->fd);
	raw->fd = -1;
	io_run_until(&raw->w, pushed_out);
	assert_null(raw->w.waiting);
}

static void a_peer_that_leaves_in_the_middle_of_its_answer(void **state)
{
	struct raw *raw = *state;

	raw_connect(raw);
	raw_say(raw, "GET /big HTTP/1.1\r\n\r\nGET /never HTTP/1.1\r\n\r\n", 44);
	wait_for(raw, "Content-Length: 6291456");
	close(raw->fd);
	raw->fd = -1;
	/* The server serves on. */
	raw_connect(raw);
	raw_say(raw, "GET /still-here HTTP/1.1\r\n\r\n", 28);
	wait_for(raw, "X-Url: /still-here");
}

/* ---- a bare WebSocket client ---- */

static void upgrade(struct raw *raw)
{
	static const char request[] = "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\n"
				      "Connection: keep-alive, Upgrade\r\n"
				      "Sec-WebSocket-Version: 13\r\n"
				      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

	raw_connect(raw);
	raw_say(raw, request, sizeof(request) - 1);
	wait_for(raw, "\r\n\r\n");
	/* The example of RFC 6455 1.3. */
	assert_non_null(strstr(raw->heard.data, "Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	buf_clear(&raw->heard);
}

static void say_frame(struct raw *raw, int first, const char *text)
{
	uint8_t frame[256] = {(uint8_t)first, (uint8_t)(0x80 | strlen(text)), 1, 2, 3, 4};

	assert_true(strlen(text) < 126);
	for (size_t i = 0; text[i]; i++)
		frame[6 + i] = (uint8_t)text[i] ^ frame[2 + (i & 3)];
	raw_say(raw, frame, 6 + strlen(text));
}

static void fragments_are_put_together(void **state)
{
	struct raw *raw = *state;

	upgrade(raw);
	say_frame(raw, 0x01, "a mess");
	say_frame(raw, 0x89, "ping");
	say_frame(raw, 0x00, "age in ");
	say_frame(raw, 0x80, "three");
	wait_for(raw, "\x81\x12"
		      "a message in three");
	assert_non_null(memmem(raw->heard.data, raw->heard.len, "\x8a\x04ping", 6));
	assert_int_equal(raw->w.n_ws_received, 1);
}

static void broken_frames_close_with_a_code(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int code;
	} rows[] = {
		{"\x81\x01x", 3, 1002},				  /* not masked */
		{"\xc1\x81\0\0\0\0x", 7, 1002},			  /* a reserved bit */
		{"\x83\x81\0\0\0\0x", 7, 1002},			  /* an unknown opcode */
		{"\x80\x81\0\0\0\0x", 7, 1002},			  /* continues nothing */
		{"\x01\x81\0\0\0\0x\x81\x81\0\0\0\0y", 14, 1002}, /* begins anew */
		{"\x09\x80\0\0\0\0", 6, 1002},			  /* a fragmented ping */
		{"\x89\xfe\0\x80\0\0\0\0", 8, 1002},		  /* a long ping */
		{"\x81\x82\0\0\0\0\xc0\xaf", 8, 1007},		  /* overlong UTF-8 */
		{"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14, 1009},
		{"\x88\x82\0\0\0\0\x03\xe8", 8, 1000}, /* a proper close */
		{"\x88\x82\0\0\0\0\x03\xed", 8, 1002}, /* 1005 never travels */
		{"\x88\x81\0\0\0\0\x03", 7, 1002},     /* half a code */
	};
	struct raw *raw = *state;

	for (size_t i = 0; i < countof(rows); i++) {
		upgrade(raw);
		raw_say(raw, rows[i].bytes, rows[i].len);
		io_run_until(&raw->w, hung_up);
		assert_true(raw->heard.len >= 4);
		assert_int_equal((uint8_t)raw->heard.data[0], 0x88);
		assert_int_equal((uint8_t)raw->heard.data[2] << 8 | (uint8_t)raw->heard.data[3],
			rows[i].code);
	}
	assert_int_equal(raw->w.n_gone, (int)countof(rows));
}

static void upgrades_that_are_none(void **state)
{
	static const char *const heads[] = {
		"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
		"Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: a\r\n",
		"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n"
		"Sec-WebSocket-Key: a\r\n",
	};
	struct raw *raw = *state;

	for (size_t i = 0; i < countof(heads); i++) {
		char *text = xasprintf("GET /plain HTTP/1.1\r\n%s\r\n", heads[i]);

		raw_connect(raw);
		raw_say(raw, text, strlen(text));
		wait_for(raw, "X-Url: /plain");
		free(text);
	}
	assert_int_equal(raw->w.n_opened, 0);
}

/* ---- a bare server ---- */

static void raw_serve(struct raw *raw, const char *script, size_t len)
{
	struct sockaddr_in at = loopback(0);
	socklen_t size = sizeof(at);

	raw->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(raw->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(raw->listener, 4), 0);
	assert_int_equal(getsockname(raw->listener, (struct sockaddr *)&at, &size), 0);
	raw->port = ntohs(at.sin_port);
	raw->script = script;
	raw->script_len = len;
}

/* Says its script once a head has come, then hangs up if the script ends in "\f". */
static void raw_server_turn(struct raw *raw)
{
	if (raw->fd < 0)
		raw->fd = accept(raw->listener, NULL, NULL);
	raw_listen(raw);
	if (raw->fd < 0 || raw->spoken || !raw->heard.len || !strstr(raw->heard.data, "\r\n\r\n"))
		return;
	raw->spoken = true;
	raw_say(raw, raw->script, raw->script_len);
	if (raw->script_len && raw->script[raw->script_len - 1] == '\f') {
		close(raw->fd);
		raw->fd = -1;
		close(raw->listener);
		raw->listener = -1;
	}
}

static bool script_answered(struct io_world *w)
{
	if (((struct raw *)w)->listener >= 0)
		raw_server_turn((struct raw *)w);
	return w->n_answers > 0;
}

static void broken_answers_are_errors(void **state)
{
	static const struct {
		const char *script;
		int status;
		const char *body;
	} rows[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"},
		{"HTTP/1.1 103 Early\r\nX-A: 1\r\n\r\nHTTP/1.1 200 OK\r\n"
		 "Content-Length: 0\r\n\r\n",
			200, ""},
		{"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
			302, ""},
		{"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf\f", 0, NULL},
		{"\f", 0, NULL},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe\f", 0, NULL},
		{"garbage that is no answer\r\n\r\n\f", 0, NULL},
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct raw *raw = *state;
		struct http_request req = {.method = HTTP_POST};
		struct http_response *res = &raw->w.answers[0];

		raw_serve(raw, rows[i].script, strlen(rows[i].script));
		req.url = xasprintf("http://127.0.0.1:%d/TOKEN", raw->port);
		io_send_url(&raw->w, &req);
		io_run_until(&raw->w, script_answered);
		assert_int_equal(res->status, rows[i].status);
		assert_true(res->maybe_sent);
		if (rows[i].body) {
			assert_string_equal(buf_str(&res->body), rows[i].body);
			assert_null(http_response_get(res, "X-A"));
		} else {
			assert_null(strstr(res->error, "TOKEN"));
		}
		teardown(state);
		setup(state);
	}
}

static bool ws_script_closed(struct io_world *w)
{
	struct raw *raw = (struct raw *)w;

	if (raw->listener >= 0)
		raw_server_turn(raw);
	return w->n_closed > 0;
}

static void a_server_that_is_none_for_websockets(void **state)
{
	static const struct {
		const char *script;
		int status;
	} rows[] = {
		{"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200},
		{"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 302},
		{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		 "Connection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
			0},
		{"\f", 0},
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct raw *raw = *state;
		struct http_request req = {0};

		raw_serve(raw, rows[i].script, strlen(rows[i].script));
		req.url = xasprintf("ws://127.0.0.1:%d/ws?TOKEN", raw->port);
		io_socket_url(&raw->w, &req);
		io_run_until(&raw->w, ws_script_closed);
		assert_false(raw->w.ws_open);
		assert_int_equal(raw->w.close_status, rows[i].status);
		assert_int_equal(raw->w.close_code, 0);
		assert_null(strstr(raw->w.close_why, "TOKEN"));
		teardown(state);
		setup(state);
	}
}

/* 101 with the right key, a ping and a message in three frames with the ping in between. */
static bool fragments_received(struct io_world *w)
{
	static const char frames[] = "\x01\x02on\x89\x02hi\x00\x02"
				     "e \x80\x07message";
	struct raw *raw = (struct raw *)w;
	const char *key = NULL;

	if (raw->fd < 0)
		raw->fd = accept(raw->listener, NULL, NULL);
	raw_listen(raw);
	if (raw->heard.len && !raw->spoken && strstr(raw->heard.data, "\r\n\r\n"))
		key = strstr(raw->heard.data, "Sec-WebSocket-Key: ");
	if (key) {
		char *full = xasprintf("%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 19);
		unsigned char hash[20];
		char accept_key[32], *text;

		lws_SHA1((unsigned char *)full, strlen(full), hash);
		lws_b64_encode_string((char *)hash, sizeof(hash), accept_key, sizeof(accept_key));
		text = xasprintf("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
				 "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			accept_key);
		raw_say(raw, text, strlen(text));
		raw_say(raw, frames, sizeof(frames) - 1);
		raw->spoken = true;
		free(text);
		free(full);
	}
	return w->n_ws_messages > 0;
}

static void the_client_puts_fragments_together(void **state)
{
	struct raw *raw = *state;
	struct http_request req = {0};

	raw_serve(raw, "", 0);
	req.url = xasprintf("ws://127.0.0.1:%d/ws", raw->port);
	io_socket_url(&raw->w, &req);
	io_run_until(&raw->w, fragments_received);
	assert_string_equal(buf_str(&raw->w.ws_message), "one message");
	assert_int_equal(raw->w.n_ws_messages, 1);
	/* The peer vanishes without a close frame. */
	close(raw->fd);
	raw->fd = -1;
	io_run_until(&raw->w, io_closed);
	assert_int_equal(raw->w.close_code, 0);
}

static bool closed_in_time(struct io_world *w)
{
	struct raw *raw = (struct raw *)w;

	/* Reads, but never answers the close frame. */
	raw_listen(raw);
	return w->n_closed > 0;
}

static void a_close_that_is_not_answered(void **state)
{
	struct raw *raw = *state;
	struct http_request req = {0};

	raw_serve(raw, "", 0);
	req.url = xasprintf("ws://127.0.0.1:%d/ws", raw->port);
	io_socket_url(&raw->w, &req);
	io_run_until(&raw->w, fragments_received);
	websocket_close(raw->w.ws, 4000);
	io_run_until(&raw->w, closed_in_time);
	assert_int_equal(raw->w.close_code, 4000);
}

/* A full backlog: the kernel does not answer, so no connection was ever made. */
static void a_connection_that_never_comes_was_never_sent(void **state)
{
	struct raw *raw = *state;
	struct http_request req = {.method = HTTP_POST, .timeout_ms = 300};
	struct sockaddr_in at;
	int fill[8];

	raw_serve(raw, "", 0);
	assert_int_equal(listen(raw->listener, 0), 0);
	at = loopback(raw->port);
	for (size_t i = 0; i < countof(fill); i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(fill[i], (struct sockaddr *)&at, sizeof(at));
	}
	req.url = xasprintf("http://127.0.0.1:%d/TOKEN", raw->port);
	io_send_url(&raw->w, &req);
	io_run_until(&raw->w, io_answered);
	assert_int_equal(raw->w.answers[0].status, 0);
	assert_false(raw->w.answers[0].maybe_sent);
	for (size_t i = 0; i < countof(fill); i++)
		close(fill[i]);
}

/* ---- a proxy from the environment ---- */

static bool proxy_speaks(struct io_world *w)
{
	static const char no[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
	static const char yes[] = "HTTP/1.1 200 OK\r\n\r\n";
	struct raw *raw = (struct raw *)w;
	const char *head;

	if (raw->fd < 0)
		raw->fd = accept(raw->listener, NULL, NULL);
	raw_listen(raw);
	head = buf_str(&raw->heard);
	if (!raw->spoken && strstr(head, "\r\n\r\n")) {
		raw->spoken = true;
		if (str_starts(head, "CONNECT "))
			raw_say(raw, yes, sizeof(yes) - 1);
		else
			raw_say(raw, no, sizeof(no) - 1);
	} else if (raw->spoken && str_starts(head, "CONNECT ") && strstr(head, "\r\n\r\nGET ") &&
		   strstr(strstr(head, "\r\n\r\nGET ") + 4, "\r\n\r\n") && !w->n_closed) {
		raw_say(raw, no, sizeof(no) - 1);
		buf_clear(&raw->heard);
		assert_int_equal(buf_add_str(&raw->heard, "done"), 0);
	}
	return w->n_closed > 0 || w->n_answers > 0;
}

static void both_go_through_the_proxy(void **state)
{
	struct raw *raw = *state;
	struct http_request req = {0}, socket = {0};
	char *proxy;

	raw_serve(raw, "", 0);
	proxy = xasprintf("http://user:p%%40ss@127.0.0.1:%d", raw->port);
	setenv("http_proxy", proxy, 1);
	req.url = xstrdup("http://fullet.test/path");
	io_send_url(&raw->w, &req);
	io_run_until(&raw->w, proxy_speaks);
	assert_int_equal(raw->w.answers[0].status, 404);
	assert_non_null(strstr(buf_str(&raw->heard), "GET http://fullet.test/path HTTP/1.1\r\n"));
	assert_non_null(
		strstr(buf_str(&raw->heard), "Proxy-Authorization: Basic dXNlcjpwQHNz\r\n"));
	http_response_free(&raw->w.answers[0]);
	raw->w.n_answers = 0;
	close(raw->fd);
	raw->fd = -1;
	raw->spoken = raw->eof = false;
	buf_clear(&raw->heard);

	socket.url = xstrdup("ws://fullet.test/ws");
	io_socket_url(&raw->w, &socket);
	io_run_until(&raw->w, proxy_speaks);
	assert_int_equal(raw->w.close_status, 404);
	assert_string_equal(buf_str(&raw->heard), "done");

	/* Loopback never does. */
	io_socket(&raw->w, "/ws");
	io_run_until(&raw->w, io_opened);
	unsetenv("http_proxy");
	free(proxy);
}

static void proxies_that_are_no_use(void **state)
{
	static const char *const proxies[] = {
		"socks5://127.0.0.1:1", "https://127.0.0.1:1", "http://"};
	struct raw *raw = *state;

	for (size_t i = 0; i < countof(proxies); i++) {
		struct http_request req = {.url = xstrdup("ws://fullet.test/ws")};

		setenv("http_proxy", proxies[i], 1);
		io_socket_url(&raw->w, &req);
		unsetenv("http_proxy");
		io_run_until(&raw->w, io_closed);
		assert_non_null(strstr(raw->w.close_why, "proxies"));
	}
}

int main(void)
{
#define IO_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		IO_TEST(bad_requests_are_refused),
		IO_TEST(a_head_without_end_is_refused),
		IO_TEST(requests_one_after_the_other),
		IO_TEST(a_request_byte_by_byte),
		IO_TEST(a_peer_that_leaves),
		IO_TEST(a_peer_that_leaves_in_the_middle_of_its_answer),
		IO_TEST(fragments_are_put_together),
		IO_TEST(broken_frames_close_with_a_code),
		IO_TEST(upgrades_that_are_none),
		IO_TEST(broken_answers_are_errors),
		IO_TEST(a_server_that_is_none_for_websockets),
		IO_TEST(the_client_puts_fragments_together),
		IO_TEST(a_close_that_is_not_answered),
		IO_TEST(a_connection_that_never_comes_was_never_sent),
		IO_TEST(both_go_through_the_proxy),
		IO_TEST(proxies_that_are_no_use),
	};

	return cmocka_run_group_tests_name("io_raw", tests, NULL, NULL);
}
