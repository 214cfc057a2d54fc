/* SPDX-License-Identifier: Apache-2.0 */
#include "io/server_in.h"

#include <stdlib.h>

#include "base/limits.h"

/* RFC 6455 1.3 */
#define WS_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
/* How long the peer has to answer a close frame. */
#define CLOSE_S 2

static void send_frame(
	struct server_conn *conn, enum ws_opcode opcode, const void *data, size_t len)
{
	uint8_t head[WS_FRAME_HEAD_MAX];

	conn_send(conn, head, ws_frame_head(head, opcode, len));
	if (len)
		conn_send(conn, data, len);
}

static void send_close(struct server_conn *conn, int code, const char *reason)
{
	uint8_t payload[WS_CONTROL_MAX] = {(uint8_t)(code >> 8), (uint8_t)code};
	size_t n = reason ? min_of(strlen(reason), sizeof(payload) - 2) : 0;

	if (conn->close_frame_sent)
		return;
	conn->close_frame_sent = true;
	if (n)
		memcpy(payload + 2, reason, n);
	send_frame(conn, WS_CLOSING, payload, code == 1005 ? 0 : n + 2);
	if (conn->close_frame_seen)
		conn->close_after_out = true;
	conn_deadline(conn, CLOSE_S);
}

void socket_accept(struct server_conn *conn)
{
	struct server *server = conn->server;
	cleanup(freep) char *key = xasprintf("%s%s", conn->head.ws_key, WS_GUID);
	cleanup(freep) char *answer = NULL;
	uint8_t hash[20];
	char accept[32];

	lws_SHA1((const unsigned char *)key, strlen(key), hash);
	must(lws_b64_encode_string((const char *)hash, sizeof(hash), accept, sizeof(accept)) > 0);
	answer = xasprintf("HTTP/1.1 101 Switching Protocols\r\n"
			   "Upgrade: websocket\r\n"
			   "Connection: Upgrade\r\n"
			   "Sec-WebSocket-Accept: %s\r\n\r\n",
		accept);
	conn_send(conn, answer, strlen(answer));
	conn->state = CONN_SOCKET;
	conn_deadline(conn, 0);
	server->events->ws_opened(server->ctx, conn);
	socket_input(conn);
}

static void on_event(struct server_conn *conn, int event)
{
	struct server *server = conn->server;
	struct ws_reader *reader = &conn->reader;
	int code;

	switch (event) {
	case WS_MESSAGE:
		if (!conn->close_frame_sent)
			server->events->ws_received(server->ctx, conn, buf_str(&reader->message),
				reader->message.len, reader->binary);
		if (reader->message.size > 64 * KIB)
			buf_free(&reader->message);
		break;
	case WS_PING:
		if (!conn->close_frame_sent)
			send_frame(conn, WS_PONGING, reader->control, reader->control_len);
		break;
	case WS_CLOSE:
		code = ws_close_code(reader);
		conn->close_frame_seen = true;
		conn->close_code = code < 0 ? -code : code;
		if (conn->close_frame_sent) {
			conn->close_after_out = true;
			lws_callback_on_writable(conn->wsi);
		} else {
			/* RFC 6455 5.5.1: the answer usually echoes the code. */
			send_close(conn, code < 0 ? -code : code, NULL);
		}
		break;
	case WS_PONG:
	case WS_MORE:
		break;
	default:
		/* A negated close code: after it there is nothing to be understood. */
		conn->close_frame_seen = true;
		send_close(conn, -event, NULL);
	}
}

void socket_input(struct server_conn *conn)
{
	struct buf *in = &conn->in;
	size_t at = 0;

	while (at < in->len && !conn->close_frame_seen && !conn->close_after_out) {
		size_t used;
		int event = ws_read(&conn->reader, in->data + at, in->len - at, &used);

		at += used;
		on_event(conn, event);
	}
	buf_free(in);
}

void server_ws_send(struct server_conn *conn, const void *data, size_t len, bool binary)
{
	if (conn->state == CONN_SOCKET && !conn->close_frame_sent && !conn->close_after_out)
		send_frame(conn, binary ? WS_BINARY : WS_TEXT, data, len);
}

void server_ws_close(struct server_conn *conn, int code, const char *reason)
{
	if (conn->state == CONN_SOCKET && !conn->close_after_out)
		send_close(conn, code, reason);
}

int server_ws_code(const struct server_conn *conn)
{
	return conn->close_code;
}
