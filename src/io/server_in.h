/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IO_SERVER_IN_H
#define FULLET_IO_SERVER_IN_H

#include "io/http_head.h"
#include "io/lws_in.h"
#include "io/ws_frame.h"

/*
 * The server takes from libwebsockets the sockets and TLS ("raw" role), and speaks
 * HTTP/1.1 and WebSocket itself: lws's own HTTP server decodes and cuts up the URL
 * (%2F, ';', '+'), keeps only headers that it knows, reads no chunked bodies, and
 * does not see a peer leave while an answer is being made, all of which a stand-in
 * for Discord and ComfyUI has to pass on or to notice.
 */

#define CONN_IDLE_S 75 /* between requests */

enum conn_state {
	CONN_HEAD,    /* waits for a request */
	CONN_BODY,    /* of the request */
	CONN_ANSWER,  /* the owner has it */
	CONN_STREAM,  /* an answer that goes on */
	CONN_SOCKET,  /* a WebSocket */
	CONN_DISCARD, /* answered with an error: reads to the end, so that the peer can read */
	CONN_GONE,
};

struct out_chunk;

struct server_conn {
	struct server *server;
	struct server_conn *prev, *next;
	struct lws *wsi;
	void *user;
	enum conn_state state;
	bool known; /* the owner has heard of it and must hear when it goes */
	bool busy;  /* input is being taken: further input only queues */
	bool close_after_out;
	bool close_frame_sent, close_frame_seen;
	int close_code; /* of the peer's close frame; 0: none came */
	bool stalled;	/* the peer does not read: we neither */
	bool killed;
	int deadline_s; /* 0: none */
	struct buf in;
	struct out_chunk *out;
	size_t out_len;
	struct http_head head;
	struct http_request request;
	struct chunked chunked;
	struct buf body;
	struct ws_reader reader;
};

struct server {
	struct lws_room *room;
	struct server *prev, *next;
	const struct server_events *events;
	void *ctx;
	size_t body_max;
	struct lws_vhost *vhost;
	bool tls;
	int fd, port;
	uv_poll_t listener;
	bool closed;
	struct server_conn *conns;
	int n_conns;
};

/* Queues bytes for the peer (copied). */
void conn_send(struct server_conn *conn, const void *data, size_t len);
/* Drops the connection as soon as lws can; what is queued is lost. */
void conn_kill(struct server_conn *conn);
/* 0: as long as it takes. */
void conn_deadline(struct server_conn *conn, int seconds);

/* HTTP: takes what is in conn->in. */
void http_input(struct server_conn *conn);
/* WebSocket. */
void socket_input(struct server_conn *conn);
void socket_accept(struct server_conn *conn);

#endif
