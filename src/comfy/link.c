/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/json.h"
#include "comfy/client_state.h"
#include "comfy/reply.h"
#include "comfy/request.h"
#include "comfy/stats.h"

/*
 * Is the server there, and the WebSocket. Only /system_stats decides between up and down; the
 * answers to other requests make it be asked sooner.
 */

/* While all is well and nothing else is asked. */
#define HEALTH_MS 30000
/* While there is work, whatever else is answered: what others take of the card's memory matters. */
#define STATS_MS 15000
/* A second look before a server is called down. */
#define DOUBT_MS	500
#define DOWN_MS		2000
#define DOWN_MAX_MS	10000
#define WS_RETRY_MS	500
#define WS_RETRY_MAX_MS 10000
/* A proxy that does not upgrade will not do so in a second either. */
#define WS_REFUSED_MS 60000
#define WS_TRIES_MAX  3
/* A socket that lived so long did not fail at once. */
#define WS_LIVED_MS 10000
/* ComfyUI sends `status` when a socket opens and at every change of its queue. */
#define FIRST_MESSAGE_MS 10000
#define MESSAGE_MS	 3000

void link_start(struct comfy_client *c, int64_t now_ms)
{
	c->link.probe_ms = now_ms;
	c->link.ws_ms = c->config.no_websocket ? NEVER : now_ms;
	link_tick(c, now_ms);
}

static void probe(struct comfy_client *c)
{
	struct http_request request;

	comfy_request(&c->config, HTTP_GET, "/system_stats", &request);
	request.timeout_ms = 10000;
	c->link.probe_ms = NEVER;
	c->link.probe = client_send(c, 0, &request);
}

/*
 * The same client id brings the events of what was submitted under it, so it is kept while
 * anything runs. Otherwise a fresh one is safer: when the server notices late that our old
 * socket is dead, it deregisters whatever has its id by then.
 */
static void choose_client_id(struct comfy_client *c)
{
	for (const struct ask *a = c->asks; a; a = a->hh.next)
		if (a->kind == ASK_SUBMIT || a->kind == ASK_WATCH)
			return;
	rng_uuid(c->rng, c->link.client_id);
}

static void ws_open(struct comfy_client *c)
{
	struct link *link = &c->link;

	choose_client_id(c);
	http_request_free(&link->ws_request);
	request_websocket(&c->config, link->client_id, &link->ws_request);
	link->ws = WS_OPENING;
	link->ws_ms = NEVER;
	link->want_open = true;
}

static void ws_close(struct comfy_client *c)
{
	/* Opened again only after comfy_ws_closed(): of two sockets with one id, the server
	 * deregisters the second when the first closes. */
	c->link.ws = WS_CLOSING;
	c->link.expect_ms = NEVER;
	c->link.want_flags = false;
	c->link.want_close = true;
}

void link_stop(struct comfy_client *c)
{
	struct link *link = &c->link;

	client_drop(c, link->probe);
	link->probe = 0;
	link->state = LINK_UNKNOWN;
	link->fails = link->tries = link->ws_tries = 0;
	link->probe_ms = link->ws_ms = NEVER;
	link->want_open = false;
	if (link->ws == WS_OPENING || link->ws == WS_OPEN)
		ws_close(c);
}

void link_tick(struct comfy_client *c, int64_t now_ms)
{
	struct link *link = &c->link;

	if (!c->started)
		return;

	if (link->probe == 0 && now_ms >= link->probe_ms)
		probe(c);
	if (link->ws == WS_OPEN && now_ms >= link->expect_ms)
		ws_close(c);
	if (link->ws == WS_CLOSED && link->state != LINK_DOWN && now_ms >= link->ws_ms)
		ws_open(c);
}

int64_t link_deadline(const struct comfy_client *c)
{
	const struct link *link = &c->link;
	int64_t at = link->probe == 0 ? link->probe_ms : NEVER;

	if (!c->started)
		return NEVER;
	if (link->ws == WS_OPEN)
		at = min_of(at, link->expect_ms);
	if (link->ws == WS_CLOSED && link->state != LINK_DOWN)
		at = min_of(at, link->ws_ms);
	return at;
}

static void tell(struct comfy_client *c, enum comfy_event_kind kind, char *text)
{
	struct comfy_event event = {.kind = kind, .text = text};

	client_tell(c, &event);
}

static void tell_stats(struct comfy_client *c, struct json_object *stats)
{
	struct comfy_event event = {.kind = COMFY_STATS};

	stats_read(stats, &event.card);
	client_tell(c, &event);
}

/* When /system_stats is asked next, as all is well. */
static int64_t next_probe(const struct comfy_client *c, int64_t now_ms)
{
	return c->asks ? max_of(now_ms, c->link.probed_ms + STATS_MS) : now_ms + HEALTH_MS;
}

static void go_up(struct comfy_client *c, struct json_object *stats, int64_t now_ms)
{
	const char *version = json_str(stats, "system.comfyui_version");
	const char *device = json_str(stats, "devices.0.name");
	cleanup(freep) char *v = comfy_line(version ? version : "of unknown version", 60);
	cleanup(freep) char *d = comfy_line(device ? device : "unknown device", 120);

	/* A socket that failed because the server was away need not wait any longer. */
	if (c->link.state == LINK_DOWN && c->link.ws == WS_CLOSED && !c->config.no_websocket) {
		c->link.ws_tries = 0;
		c->link.ws_ms = now_ms;
	}
	c->link.state = LINK_UP;
	c->link.tries = 0;
	tell(c, COMFY_UP, xasprintf("ComfyUI %s, %s", v, d));
	watch_all_look(c, now_ms);
	link_tick(c, now_ms);
}

void link_probed(struct comfy_client *c, const struct http_response *res, int64_t now_ms)
{
	struct link *link = &c->link;
	cleanup(json_put) struct json_object *stats = NULL;

	link->probe = 0;
	if (!c->started)
		return;
	if (res->status == 200)
		stats = comfy_reply_json(res);
	if (json_at(stats, "system") || json_at(stats, "devices")) {
		link->fails = 0;
		link->probed_ms = now_ms;
		link->probe_ms = next_probe(c, now_ms);
		if (link->state != LINK_UP)
			go_up(c, stats, now_ms);
		tell_stats(c, stats);
		return;
	}
	link->fails++;
	if (link->state == LINK_DOWN) {
		link->probe_ms = now_ms + backoff_ms(c->rng, link->tries++, DOWN_MS, DOWN_MAX_MS);
	} else if (link->state == LINK_UNKNOWN || link->fails >= 2 || comfy_reply_foreign(res)) {
		link->state = LINK_DOWN;
		link->tries = 0;
		link->probe_ms = now_ms + backoff_ms(c->rng, link->tries++, DOWN_MS, DOWN_MAX_MS);
		tell(c, COMFY_DOWN, comfy_reply_why(res, client_has_key(c)));
	} else {
		link->probe_ms = now_ms + DOUBT_MS;
	}
}

void link_note(struct comfy_client *c, const struct http_response *res, int64_t now_ms)
{
	struct link *link = &c->link;
	bool good = res->status > 0 && res->status < 500 && !comfy_reply_foreign(res);

	if (!c->started)
		return;
	if (good && link->state == LINK_UP) {
		link->fails = 0;
		link->probe_ms = next_probe(c, now_ms);
	} else if (good) {
		link->probe_ms = min_of(link->probe_ms, now_ms);
	} else if (link->state == LINK_UP) {
		link->fails++;
		link->probe_ms = min_of(link->probe_ms, now_ms + DOUBT_MS);
	}
	link_tick(c, now_ms);
}

void link_expect(struct comfy_client *c, uint64_t heard_before, int64_t now_ms)
{
	struct link *link = &c->link;

	if (link->ws == WS_OPEN && link->heard == heard_before)
		link->expect_ms = min_of(link->expect_ms, now_ms + MESSAGE_MS);
}

void comfy_ws_opened(struct comfy_client *c, int64_t now_ms)
{
	struct link *link = &c->link;

	if (link->ws != WS_OPENING)
		return;
	link->ws = WS_OPEN;
	link->want_flags = true;
	link->opened_ms = now_ms;
	link->expect_ms = now_ms + FIRST_MESSAGE_MS;
	link->queue_remaining = -1;
	watch_all_look(c, now_ms);
}

static void ws_again(struct comfy_client *c, int64_t now_ms)
{
	struct link *link = &c->link;

	link->ws_ms = now_ms + backoff_ms(c->rng, link->ws_tries++, WS_RETRY_MS, WS_RETRY_MAX_MS);
}

void comfy_ws_closed(struct comfy_client *c, int status, int64_t now_ms)
{
	struct link *link = &c->link;
	enum ws_state was = link->ws;

	if (was == WS_CLOSED)
		return;
	link->ws = WS_CLOSED;
	link->expect_ms = NEVER;
	link->want_open = link->want_close = link->want_flags = false;
	if (was == WS_OPENING) {
		ws_again(c, now_ms);
		if (status > 0 || (link->state == LINK_UP && link->ws_tries >= WS_TRIES_MAX))
			link->ws_ms = now_ms + WS_REFUSED_MS;
	} else {
		if (now_ms - link->opened_ms >= WS_LIVED_MS)
			link->ws_tries = 0;
		ws_again(c, now_ms);
	}
	if (was == WS_OPEN && link->state == LINK_UP) {
		/* Perhaps a restart: one refusal more and it is called down. */
		link->fails = max_of(link->fails, 1);
		link->probe_ms = now_ms;
		watch_all_look(c, now_ms);
	}
	link_tick(c, now_ms);
}

void comfy_ws_received(
	struct comfy_client *c, const void *data, size_t len, bool binary, int64_t now_ms)
{
	struct link *link = &c->link;
	struct ws_preview preview;
	struct ws_message m;

	if (link->ws != WS_OPEN)
		return;
	link->heard++;
	link->expect_ms = NEVER;
	if (binary) {
		if (ws_preview_read(data, len, &preview) == 0) {
			watch_preview(c, &preview, now_ms);
			ws_preview_free(&preview);
		}
		return;
	}
	if (ws_message_read(data, len, &m) < 0)
		return;
	watch_message(c, &m, now_ms);
	if (m.kind == WS_STATUS)
		link->queue_remaining = m.queue_remaining;
	ws_message_free(&m);
}
