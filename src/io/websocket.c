/* SPDX-License-Identifier: Apache-2.0 */
#include "io/websocket_in.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/limits.h"

#define CLOSE_WAIT_MS 2000

struct ws_message {
	struct ws_message *prev, *next;
	size_t len;
	bool binary;
	unsigned char bytes[]; /* LWS_PRE bytes for lws, then the message */
};

/* What Discord is sent first holds the token. */
static void message_free(struct ws_message *m)
{
	explicit_bzero(m->bytes, LWS_PRE + m->len);
	free(m);
}

/* ---- the end ---- */

static void websocket_release(struct websocket *ws)
{
	struct ws_message *m;

	ws->room->busy--;
	if (--ws->handles)
		return;
	DL_DELETE(ws->room->websockets, ws);
	while ((m = ws->out)) {
		DL_DELETE(ws->out, m);
		message_free(m);
	}
	http_request_free(&ws->request);
	url_free(&ws->url);
	url_free(&ws->proxy);
	buf_free(&ws->message);
	free(ws->why);
	free(ws);
}

static void on_timer_closed(uv_handle_t *handle)
{
	websocket_release(handle->data);
}

void websocket_lookup_done(struct websocket *ws)
{
	websocket_release(ws);
}

void websocket_finish(struct websocket *ws, const char *why)
{
	if (ws->finished)
		return;
	ws->finished = true;
	if (ws->wsi) {
		lws_set_opaque_user_data(ws->wsi, NULL);
		lws_room_kill(ws->room, ws->wsi);
		ws->wsi = NULL;
	}
	if (ws->looking_up)
		uv_cancel((uv_req_t *)&ws->lookup);
	if (!ws->abandoned) {
		loop_touch(ws->room->loop);
		ws->events->closed(ws->arg, ws->close_code, ws->http_status, why);
	}
	uv_close((uv_handle_t *)&ws->timer, on_timer_closed);
}

void websocket_abandon(struct websocket *ws)
{
	ws->abandoned = true;
	websocket_finish(ws, NULL);
}

void websocket_room_closes(struct websocket *ws)
{
	websocket_abandon(ws);
}

static void on_close_timeout(uv_timer_t *timer)
{
	struct websocket *ws = timer->data;

	websocket_finish(ws, ws->why_ours ? ws->why_ours : "closed by us");
}

void websocket_close(struct websocket *ws, int code)
{
	if (ws->finished || ws->close_wanted)
		return;
	ws->close_wanted = code;
	if (ws->open) {
		ws->close_code = code;
		uv_timer_start(&ws->timer, on_close_timeout, CLOSE_WAIT_MS, 0);
		lws_callback_on_writable(ws->wsi);
	} else {
		uv_timer_start(&ws->timer, on_close_timeout, 0, 0);
	}
}

/* ---- messages ---- */

void websocket_send(struct websocket *ws, const void *data, size_t len, bool binary)
{
	struct ws_message *m;

	if (ws->finished || ws->close_wanted)
		return;
	if (len > WEBSOCKET_OUT_MAX - min_of(ws->out_len, WEBSOCKET_OUT_MAX)) {
		ws->why_ours = "the peer does not take what is sent to it";
		websocket_close(ws, 1001);
		return;
	}
	m = xcalloc(1, sizeof(*m) + LWS_PRE + len);
	m->len = len;
	m->binary = binary;
	if (len)
		memcpy(m->bytes + LWS_PRE, data, len);
	DL_APPEND(ws->out, m);
	ws->out_len += len;
	if (ws->open)
		lws_callback_on_writable(ws->wsi);
}

static int on_writable(struct websocket *ws)
{
	struct ws_message *m = ws->out;
	int r;

	if (!m) {
		if (!ws->close_wanted)
			return 0;
		lws_close_reason(ws->wsi, (enum lws_close_status)ws->close_wanted, NULL, 0);
		return -1;
	}
	r = lws_write(
		ws->wsi, m->bytes + LWS_PRE, m->len, m->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT);
	ws->out_len -= m->len;
	DL_DELETE(ws->out, m);
	message_free(m);
	if (r < 0)
		return -1;
	if (ws->out || ws->close_wanted)
		lws_callback_on_writable(ws->wsi);
	return 0;
}

static int on_received(struct websocket *ws, struct lws *wsi, const void *data, size_t len)
{
	if (lws_is_first_fragment(wsi))
		buf_clear(&ws->message);
	if (buf_add(&ws->message, data, len) < 0) {
		ws->why_ours = "a message is longer than allowed";
		websocket_close(ws, 1009);
		buf_free(&ws->message);
		lws_close_reason(wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
		return -1;
	}
	if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi))
		return 0;
	if (!ws->close_wanted) {
		loop_touch(ws->room->loop);
		ws->events->received(
			ws->arg, buf_str(&ws->message), ws->message.len, lws_frame_is_binary(wsi));
	}
	/* A large message is rare (GUILD_CREATE): its memory is not kept for the next. */
	if (ws->message.size > 64 * KIB)
		buf_free(&ws->message);
	else
		buf_clear(&ws->message);
	return 0;
}

/* ---- what lws tells ---- */

static int add_headers(struct websocket *ws, struct lws *wsi, unsigned char **p, size_t room)
{
	unsigned char *end = *p + room;

	for (size_t i = 0; i < ws->request.n_headers; i++) {
		const struct http_header *h = &ws->request.headers[i];
		cleanup(freep) char *name = xasprintf("%s:", h->name);

		if (strpbrk(h->name, "\r\n: ") || strpbrk(h->value, "\r\n"))
			return -1;
		if (lws_add_http_header_by_name(wsi, (const unsigned char *)name,
			    (const unsigned char *)h->value, (int)strlen(h->value), p, end))
			return -1;
	}
	return 0;
}

static void on_opened(struct websocket *ws, struct lws *wsi)
{
	ws->open = true;
	uv_timer_stop(&ws->timer);
	loop_touch(ws->room->loop);
	ws->events->opened(ws->arg);
	if (!ws->finished && (ws->out || ws->close_wanted))
		lws_callback_on_writable(wsi);
}

static void on_close_frame(struct websocket *ws, const uint8_t *data, size_t len)
{
	ws->close_code = len >= 2 ? data[0] << 8 | data[1] : 1005;
	if (len > 2) {
		free(ws->why);
		ws->why = xstrndup((const char *)data + 2, len - 2);
		/* It is for a log line. */
		for (char *c = ws->why; *c; c++)
			if ((unsigned char)*c < ' ' || *c == 0x7f)
				*c = ' ';
	}
}

static void on_gone(struct websocket *ws)
{
	ws->wsi = NULL;
	websocket_finish(ws, ws->why		? ws->why
			     : ws->why_ours	? ws->why_ours
			     : ws->close_wanted ? "closed by us"
			     : ws->close_code	? "closed by the peer"
						: "the connection broke");
}

int websocket_callback(
	struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct websocket *ws = wsi ? lws_get_opaque_user_data(wsi) : NULL;

	if (!ws)
		/* Abandoned: what still arrives ends the connection. */
		return reason == LWS_CALLBACK_CLIENT_ESTABLISHED ||
				       reason == LWS_CALLBACK_CLIENT_RECEIVE ||
				       reason == LWS_CALLBACK_CLIENT_WRITEABLE
			       ? -1
			       : 0;
	switch (reason) {
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return add_headers(ws, wsi, in, len);
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		on_opened(ws, wsi);
		return 0;
	case LWS_CALLBACK_CLIENT_RECEIVE:
		return on_received(ws, wsi, in, len);
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return on_writable(ws);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		on_close_frame(ws, in, len);
		return 0;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		ws->http_status = (int)lws_http_client_http_response(wsi);
		/* 101 with a wrong key: no server of WebSockets at all. */
		if (ws->http_status <= 101)
			ws->http_status = 0;
		lws_set_opaque_user_data(wsi, NULL);
		websocket_attempt_failed(ws, in ? in : "no connection");
		return 0;
	case LWS_CALLBACK_CLIENT_CLOSED:
	case LWS_CALLBACK_WSI_DESTROY: /* the only word of one that dies between two states */
		lws_set_opaque_user_data(wsi, NULL);
		if (ws->wsi == wsi)
			on_gone(ws);
		return 0;
	default:
		return 0;
	}
}

struct websocket *websocket_open(struct lws_room *room, const struct http_request *request,
	size_t message_max, const struct websocket_events *events, void *arg)
{
	struct websocket *ws = xcalloc(1, sizeof(*ws));

	ws->room = room;
	ws->events = events;
	ws->arg = arg;
	ws->message_max = message_max;
	ws->message = BUF(message_max);
	ws->request.url = xstrdup(request->url ? request->url : "");
	for (size_t i = 0; i < request->n_headers; i++)
		http_request_header(
			&ws->request, request->headers[i].name, request->headers[i].value);
	uv_timer_init(loop_uv(room->loop), &ws->timer);
	ws->timer.data = ws;
	ws->handles = 1;
	room->busy++;
	DL_APPEND(room->websockets, ws);
	websocket_find_way(ws);
	return ws;
}
