/* SPDX-License-Identifier: Apache-2.0 */
#include "app/ports_uv.h"

static int64_t port_now(void *ctx)
{
	struct ports_uv *p = ctx;

	return loop_now(p->loop);
}

static void port_http(void *ctx, const struct http_request *req,
	void (*done)(void *arg, struct http_response *response), void *arg)
{
	struct ports_uv *p = ctx;

	http_send(p->http, req, done, arg);
}

static struct websocket *port_ws_open(void *ctx, const struct http_request *req, size_t message_max,
	const struct websocket_events *events, void *arg)
{
	struct ports_uv *p = ctx;

	return websocket_open(p->room, req, message_max, events, arg);
}

static void port_ws_send(void *ctx, struct websocket *ws, const void *data, size_t len, bool binary)
{
	websocket_send(ws, data, len, binary);
}

static void port_ws_close(void *ctx, struct websocket *ws, int code)
{
	websocket_close(ws, code);
}

static void port_ws_abandon(void *ctx, struct websocket *ws)
{
	websocket_abandon(ws);
}

static void port_store(void *ctx, struct store_op *op, store_done *done, void *arg)
{
	struct ports_uv *p = ctx;

	store_submit(p->store, op, done, arg);
}

static void port_read(
	void *ctx, const struct store_query *query, store_read_done *done, void *arg)
{
	struct ports_uv *p = ctx;

	store_read(p->store, query, done, arg);
}

static void port_clean(void *ctx, struct blob *picture, const struct clean_wish *wish,
	void (*done)(void *arg, struct clean_answer *answer), void *arg)
{
	struct ports_uv *p = ctx;

	cleaner_clean(p->cleaner, picture, wish, done, arg);
}

static void port_keep(void *ctx, const char *folder, const char *name, struct blob *bytes,
	void (*done)(void *arg, int result, const char *why), void *arg)
{
	struct ports_uv *p = ctx;

	file_keep(p->keeper, folder, name, bytes, done, arg);
}

void ports_uv_fill(struct ports_uv *self, struct ports *ret)
{
	*ret = (struct ports){
		.ctx = self,
		.now = port_now,
		.http = port_http,
		.ws_open = port_ws_open,
		.ws_send = port_ws_send,
		.ws_close = port_ws_close,
		.ws_abandon = port_ws_abandon,
		.store = port_store,
		.keep = port_keep,
		.read = port_read,
		.clean = port_clean,
	};
}
