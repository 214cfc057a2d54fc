/* SPDX-License-Identifier: Apache-2.0 */
#include "io/server_in.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "base/limits.h"
#include "io/multipart.h"

#define REQUEST_S 60 /* for the rest of a request that has begun */
#define REFUSED_S 5  /* for our refusal to reach a peer that is still sending */

static const char *reason_phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} phrases[] = {{200, "OK"}, {201, "Created"}, {204, "No Content"},
		{301, "Moved Permanently"}, {302, "Found"}, {304, "Not Modified"},
		{400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
		{405, "Method Not Allowed"}, {408, "Request Timeout"}, {413, "Content Too Large"},
		{415, "Unsupported Media Type"}, {429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
		{501, "Not Implemented"}, {502, "Bad Gateway"}, {503, "Service Unavailable"},
		{504, "Gateway Timeout"}};

	for (size_t i = 0; i < countof(phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Status";
}

static bool has_no_body(const struct server_conn *conn, int status)
{
	return conn->head.head || status == 204 || status == 304 || status < 200;
}

/* The status line and the headers; `length` < 0: until the connection ends. */
static void send_head(struct server_conn *conn, const struct http_response *res, int64_t length)
{
	static const char *const ours[] = {"Content-Length", "Connection", "Transfer-Encoding"};
	struct buf head = BUF(SERVER_HEAD_MAX * 4);
	int r = buf_printf(&head, "HTTP/1.1 %d %s\r\n", res->status, reason_phrase(res->status));

	for (size_t i = 0; i < res->n_headers; i++) {
		const struct http_header *h = &res->headers[i];
		bool skip = strpbrk(h->name, "\r\n: ") || strpbrk(h->value, "\r\n");

		for (size_t k = 0; k < countof(ours); k++)
			skip = skip || strcasecmp(h->name, ours[k]) == 0;
		if (!skip)
			r |= buf_printf(&head, "%s: %s\r\n", h->name, h->value);
	}
	if (length >= 0 && res->status != 204 && res->status != 304)
		r |= buf_printf(&head, "Content-Length: %" PRId64 "\r\n", length);
	r |= buf_printf(&head, "Connection: %s\r\n\r\n",
		conn->head.keep_alive && length >= 0 ? "keep-alive" : "close");
	if (r < 0)
		conn_kill(conn);
	else
		conn_send(conn, head.data, head.len);
	buf_free(&head);
}

/* Our own refusal of a request that cannot be taken. */
static void refuse(struct server_conn *conn, int status)
{
	struct http_response res = {.status = status};

	conn->head.keep_alive = false;
	send_head(conn, &res, 0);
	conn->state = CONN_DISCARD;
	conn->close_after_out = true;
	buf_free(&conn->in);
	conn_deadline(conn, REFUSED_S);
}

static void refuse_errno(struct server_conn *conn, int r, int when_too_long)
{
	refuse(conn, r == -EFBIG ? when_too_long : r == -EOPNOTSUPP ? 501 : 400);
}

/* A request is whole: make its body what the contract says, and hand it over. */
static void deliver(struct server_conn *conn)
{
	struct server *server = conn->server;
	struct http_request *req = &conn->request;
	const char *type = http_request_get(req, "Content-Type");
	int r = 0;

	if (conn->body.len && type && strncasecmp(type, "multipart/form-data", 19) == 0) {
		r = multipart_parse(type, conn->body.data, conn->body.len, req);
		buf_free(&conn->body);
	} else if (conn->body.len) {
		req->body_len = conn->body.len;
		req->body = buf_take(&conn->body);
	}
	if (r < 0) {
		refuse(conn, r == -E2BIG ? 413 : 400);
		return;
	}
	conn->state = CONN_ANSWER;
	conn->known = true;
	conn->user = NULL;
	conn_deadline(conn, 0);
	server->events->request(server->ctx, conn, req);
}

static void upgrade(struct server_conn *conn)
{
	struct server *server = conn->server;
	struct http_response res = {.status = 403};

	if (server->events->ws_accept &&
		server->events->ws_accept(server->ctx, conn, &conn->request, &res.status)) {
		conn->known = true;
		socket_accept(conn);
		return;
	}
	refuse(conn, res.status);
}

static bool take_head(struct server_conn *conn)
{
	struct buf *in = &conn->in;
	ssize_t n;

	/* Kept until now: the owner may have looked at it after its answer. */
	http_request_free(&conn->request);
	n = http_head_parse(in->data, in->len, &conn->head, &conn->request);
	if (n < 0)
		refuse_errno(conn, (int)n, 431);
	if (n <= 0) {
		if (n == 0 && in->len)
			conn_deadline(conn, REQUEST_S);
		return false;
	}
	buf_consume(in, (size_t)n);
	if (conn->head.content_length > conn->server->body_max) {
		refuse(conn, 413);
		return false;
	}
	if (conn->head.ws_key) {
		upgrade(conn);
		return false;
	}
	conn->state = CONN_BODY;
	conn->chunked = (struct chunked){0};
	buf_clear(&conn->body);
	conn_deadline(conn, REQUEST_S);
	if (conn->head.expects)
		conn_send(conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	return true;
}

static bool take_body(struct server_conn *conn)
{
	struct buf *in = &conn->in;
	size_t used = 0;
	int r = 0;

	if (conn->head.chunked) {
		r = in->len ? chunked_feed(&conn->chunked, in->data, in->len, &used, &conn->body)
			    : 0;
	} else {
		used = min_of(in->len, conn->head.content_length - conn->body.len);
		if (used)
			r = buf_add(&conn->body, in->data, used);
		if (r == 0)
			r = conn->body.len == conn->head.content_length;
	}
	if (r < 0) {
		refuse_errno(conn, r, 413);
		return false;
	}
	buf_consume(in, used);
	if (r == 0)
		conn_deadline(conn, REQUEST_S);
	return r > 0;
}

/*
 * One request at a time: the next is taken when this one was answered. An answer
 * given within the request callback comes back here through server_answer(), hence
 * the loop instead of a call.
 */
void http_input(struct server_conn *conn)
{
	if (conn->busy)
		return;
	conn->busy = true;
	for (;;) {
		if (conn->state == CONN_HEAD && !take_head(conn))
			break;
		if (conn->state == CONN_BODY && !take_body(conn))
			break;
		if (conn->state != CONN_BODY)
			break;
		deliver(conn);
		if (conn->state != CONN_HEAD)
			break;
	}
	conn->busy = false;
	if (!conn->in.len)
		buf_free(&conn->in);
}

void server_answer(struct server_conn *conn, const struct http_response *res)
{
	/* Between the handing over and now the peer may have left, or been cut off. */
	if (conn->state != CONN_ANSWER || conn->close_after_out)
		return;
	send_head(conn, res, (int64_t)res->body.len);
	if (!has_no_body(conn, res->status))
		conn_send(conn, res->body.data, res->body.len);
	conn->known = false;
	if (!conn->head.keep_alive) {
		conn->close_after_out = true;
		conn->state = CONN_DISCARD;
		conn_deadline(conn, 0);
		return;
	}
	conn->state = CONN_HEAD;
	conn_deadline(conn, CONN_IDLE_S);
	http_input(conn);
}

void server_answer_stream(struct server_conn *conn, const struct http_response *res)
{
	if (conn->state != CONN_ANSWER || conn->close_after_out)
		return;
	send_head(conn, res, -1);
	conn->state = CONN_STREAM;
	if (conn->head.head)
		conn->close_after_out = true;
	server_stream_add(conn, res->body.data, res->body.len);
}

void server_stream_add(struct server_conn *conn, const void *data, size_t len)
{
	if (conn->state == CONN_STREAM && !conn->head.head)
		conn_send(conn, data, len);
}
