/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IO_WEBSOCKET_H
#define FULLET_IO_WEBSOCKET_H

#include "base/http.h"
#include "io/loop.h"

/*
 * WebSocket client and local HTTP/WebSocket server share one libwebsockets context on the loop.
 */
struct lws_room;
int lws_room_new(struct loop *loop, const char *ca_file, struct lws_room **ret);
/* Frees what is still open on it. Runs the loop for a moment: never within a callback. */
struct lws_room *lws_room_free(struct lws_room *room);

/* ---- client: ws:// and wss://, names resolved off the loop, certificates verified, no
 * permessage-deflate, no Origin, proxies from the environment (never for loopback) ---- */
struct websocket;
struct websocket_events {
	void (*opened)(void *arg);
	/* One whole message. */
	void (*received)(void *arg, const void *data, size_t len, bool binary);
	/* Exactly once, last: code 0 without a close frame; http_status of a refused upgrade, 0
	 * otherwise; why holds no secret. The websocket is freed after it returns. */
	void (*closed)(void *arg, int code, int http_status, const char *why);
};
/* `request`: url and headers. A message above message_max closes the connection. Never calls back
 * before it returned. */
struct websocket *websocket_open(struct lws_room *room, const struct http_request *request,
	size_t message_max, const struct websocket_events *events, void *arg);
void websocket_send(struct websocket *ws, const void *data, size_t len, bool binary);
/* Sends a close frame with the code; closed() follows (within 2 s whatever the peer does). */
void websocket_close(struct websocket *ws, int code);
/* Drops it now; nothing is called any more. */
void websocket_abandon(struct websocket *ws);

/* ---- server, for 127.0.0.1 unless told otherwise ---- */
struct server;
struct server_conn; /* one HTTP exchange or one WebSocket */
struct server_config {
	const char *address; /* "127.0.0.1" */
	int port;	     /* 0: any free one */
	/* TLS when both are set, with HTTP/1.1 only: lws's HTTP/2 stalls on uploads > 250 KB. */
	const char *cert_file, *key_file;
	size_t body_max;
};
struct server_events {
	/* A whole request: url is path?query, multipart bodies come as parts. Answer now or later
	 * with server_answer(). */
	void (*request)(void *ctx, struct server_conn *conn, const struct http_request *req);
	/* An upgrade request: return true to accept (ws_* follow) or answer false after
	 * setting *ret_status to refuse. */
	bool (*ws_accept)(void *ctx, struct server_conn *conn, const struct http_request *req,
		int *ret_status);
	void (*ws_opened)(void *ctx, struct server_conn *conn);
	void (*ws_received)(
		void *ctx, struct server_conn *conn, const void *data, size_t len, bool binary);
	/* The peer is gone: of a WebSocket, of a stream, of a request that is not answered yet
	 * (also when it was cut). Not after server_answer(): with that, conn is no longer the
	 * owner's. conn is freed after it returns. */
	void (*gone)(void *ctx, struct server_conn *conn);
};
int server_new(struct lws_room *room, const struct server_config *config,
	const struct server_events *events, void *ctx, struct server **ret, char **ret_why);
/* Its connections end, and nothing is called any more. */
struct server *server_free(struct server *server);
int server_port(const struct server *server);
/* Sends the response; *res is copied. */
void server_answer(struct server_conn *conn, const struct http_response *res);
/* A response that goes on (server-sent events): headers now, then chunks, until gone. */
void server_answer_stream(struct server_conn *conn, const struct http_response *res);
void server_stream_add(struct server_conn *conn, const void *data, size_t len);
void server_ws_send(struct server_conn *conn, const void *data, size_t len, bool binary);
void server_ws_close(struct server_conn *conn, int code, const char *reason);
/* In gone(): the code of the close frame that the peer sent, 1005 when it held none; 0 when there
 * was no close frame. */
int server_ws_code(const struct server_conn *conn);
/* Cuts the connection without a word (a fault of the sandbox). */
void server_cut(struct server_conn *conn);
void server_conn_set(struct server_conn *conn, void *user);
void *server_conn_get(struct server_conn *conn);

#endif
