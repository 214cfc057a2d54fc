/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_PORTS_H
#define FULLET_APP_PORTS_H

#include "base/http.h"
#include "image/clean.h"
#include "io/websocket.h"
#include "store/store.h"

/*
 * The seam between the bot and everything outside: HTTP, WebSockets, rows, time,
 * and the cage in which strangers' pictures are decoded.
 * src/app/ports_uv.c carries it over real sockets, the simulator in virtual time.
 * No function calls back before it has returned.
 */
struct ports {
	void *ctx;
	int64_t (*now)(void *ctx);
	/* done is called exactly once, and may take the response's contents. */
	void (*http)(void *ctx, const struct http_request *req,
		void (*done)(void *arg, struct http_response *response), void *arg);
	struct websocket *(*ws_open)(void *ctx, const struct http_request *req, size_t message_max,
		const struct websocket_events *events, void *arg);
	void (*ws_send)(void *ctx, struct websocket *ws, const void *data, size_t len, bool binary);
	void (*ws_close)(void *ctx, struct websocket *ws, int code);
	void (*ws_abandon)(void *ctx, struct websocket *ws);
	/* Takes the contents of *op. */
	void (*store)(void *ctx, struct store_op *op, store_done *done, void *arg);
	/* Writes a copy into a folder, never over another file: 0 or -errno, why is a sentence. */
	void (*keep)(void *ctx, const char *folder, const char *name, struct blob *bytes,
		void (*done)(void *arg, int result, const char *why), void *arg);
	void (*read)(void *ctx, const struct store_query *query, store_read_done *done, void *arg);
	/* Cleans a stranger's picture (image/clean.h), which it holds meanwhile. done is called
	 * exactly once, and may take the answer's png. */
	void (*clean)(void *ctx, struct blob *picture, const struct clean_wish *wish,
		void (*done)(void *arg, struct clean_answer *answer), void *arg);
};

#endif
