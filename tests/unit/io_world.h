/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_TESTS_IO_WORLD_H
#define FULLET_TESTS_IO_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/limits.h"
#include "io/http_client.h"
#include "io/loop.h"
#include "io/websocket.h"

/*
 * Both ends on one loop: a client and a server that answers by path. What
 * happened is counted and kept here; run_until() turns the loop until it is seen.
 */
struct io_world {
	struct loop *loop;
	struct http_client *client;
	struct lws_room *room;
	struct server *server;
	bool tls;
	int64_t give_up_ms;
	int64_t poll_ms; /* > 0: look so often, for what the loop does not see */
	bool (*seen)(struct io_world *w);

	/* HTTP client */
	struct http_response answers[8];
	int n_answers;
	/* WebSocket client */
	struct websocket *ws;
	bool ws_open;
	struct buf ws_message; /* the last one */
	int n_ws_messages;
	bool ws_binary;
	int n_closed, close_code, close_status;
	char *close_why;
	/* server */
	struct http_request last;    /* the last request or upgrade */
	struct server_conn *waiting; /* a request not answered, a stream, or a WebSocket */
	int n_requests, n_opened, n_gone, n_ws_received;
};

#define IO_BIG (6 * MIB)

void io_world_new(struct io_world *w, const char *ca, const char *cert, const char *key);
void io_world_free(struct io_world *w);
/* Fails the test when it is not seen within 10 s. */
void io_run_until(struct io_world *w, bool (*seen)(struct io_world *w));
/* http(s)://127.0.0.1:port + path; the caller owns it. */
char *io_url(const struct io_world *w, const char *scheme, const char *path);
void io_send(struct io_world *w, struct http_request *req, const char *path);
/* Sends, waits, and returns the answer (valid until the next). */
struct http_response *io_ask(struct io_world *w, struct http_request *req, const char *path);
void io_send_url(struct io_world *w, struct http_request *req);
void io_socket_url(struct io_world *w, struct http_request *req);
struct http_response *io_ask_url(struct io_world *w, struct http_request *req);
void io_socket(struct io_world *w, const char *path);
void io_fill(char *data, size_t len);

bool io_answered(struct io_world *w);
bool io_opened(struct io_world *w);
bool io_message(struct io_world *w);
bool io_closed(struct io_world *w);
bool io_gone(struct io_world *w);
bool io_requested(struct io_world *w);

#endif
