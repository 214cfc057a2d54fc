/* SPDX-License-Identifier: Apache-2.0 */
#include "comfy/client.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/limits.h"
#include "comfy/client_state.h"
#include "comfy/request.h"

#define POLL_MS	 1000
#define STALL_MS 300000

/* The first message of a socket, else ComfyUI ignores it: previews then name their prompt. */
static const char feature_flags[] =
	"{\"type\":\"feature_flags\",\"data\":{\"supports_preview_metadata\":true}}";

struct comfy_client *comfy_client_new(const struct comfy_config *config, struct rng *rng)
{
	struct comfy_client *c = xcalloc(1, sizeof(*c));

	c->config = *config;
	c->config.url = xstrdup(config->url);
	if (c->config.poll_ms <= 0)
		c->config.poll_ms = POLL_MS;
	if (c->config.stall_ms <= 0)
		c->config.stall_ms = STALL_MS;
	c->rng = rng;
	c->link.probe_ms = c->link.ws_ms = c->link.expect_ms = NEVER;
	rng_uuid(rng, c->link.client_id);
	return c;
}

static void call_free(struct comfy_client *c, struct call *call)
{
	if (!call->handed)
		DL_DELETE(c->waiting, call);
	HASH_DEL(c->calls, call);
	http_request_free(&call->request);
	free(call);
}

struct comfy_client *comfy_client_free(struct comfy_client *c)
{
	struct ask *a, *next_ask;
	struct call *call, *next_call;
	struct event_item *item, *next_item;

	if (!c)
		return NULL;
	HASH_ITER(hh, c->asks, a, next_ask)
	client_remove(c, a);
	HASH_ITER(hh, c->calls, call, next_call)
	call_free(c, call);
	DL_FOREACH_SAFE(c->events, item, next_item)
	{
		comfy_event_free(&item->event);
		free(item);
	}
	http_request_free(&c->link.ws_request);
	free((char *)c->config.url);
	free(c);
	return NULL;
}

void comfy_start(struct comfy_client *c, int64_t now_ms)
{
	if (c->started)
		return;
	c->started = true;
	link_start(c, now_ms);
}

void comfy_stop(struct comfy_client *c, int64_t now_ms)
{
	if (!c->started)
		return;
	c->started = false;
	link_stop(c);
}

void comfy_set_key(struct comfy_client *c, const char *api_key)
{
	c->config.api_key = api_key;
}

bool client_has_key(const struct comfy_client *c)
{
	return c->config.api_key && *c->config.api_key;
}

/* ---- asks ---- */

struct ask *client_add(
	struct comfy_client *c, enum ask_kind kind, uint64_t tag, const char *prompt_id)
{
	struct ask *a = xcalloc(1, sizeof(*a));

	a->serial = ++c->last_serial;
	a->kind = kind;
	a->tag = tag;
	a->prompt_id = xstrdup(prompt_id);
	a->at_ms = NEVER;
	a->told_percent = -1;
	HASH_ADD(hh, c->asks, serial, sizeof(a->serial), a);
	if (kind != ASK_CANCEL) {
		comfy_forget(c, tag);
		HASH_ADD(hh_tag, c->by_tag, tag, sizeof(a->tag), a);
	}
	return a;
}

void client_drop(struct comfy_client *c, uint64_t id)
{
	struct call *call;

	HASH_FIND(hh, c->calls, &id, sizeof(id), call);
	if (call && !call->handed)
		call_free(c, call);
}

static void files_free(struct comfy_file *files, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(files[i].name);
		free(files[i].type);
		buf_free(&files[i].data);
	}
	free(files);
}

void client_remove(struct comfy_client *c, struct ask *a)
{
	client_drop(c, a->call);
	HASH_DEL(c->asks, a);
	if (a->kind != ASK_CANCEL)
		HASH_DELETE(hh_tag, c->by_tag, a);
	run_free(a->run);
	history_free(&a->history);
	files_free(a->files, a->n_files);
	free(a->prompt_id);
	free(a->name);
	blob_drop(a->picture);
	free(a->graph);
	free(a->told_node);
	free(a->behind);
	free(a);
}

void comfy_upload(struct comfy_client *c, uint64_t tag, const char *name, struct blob *picture,
	int64_t now_ms)
{
	struct ask *a = client_add(c, ASK_UPLOAD, tag, "");

	a->name = xstrdup(name);
	a->picture = blob_hold(picture);
	ask_go(c, a, STEP_UPLOAD, now_ms);
}

void comfy_submit(struct comfy_client *c, uint64_t tag, const char *prompt_id,
	const char *prompt_json, int64_t now_ms)
{
	struct ask *a = client_add(c, ASK_SUBMIT, tag, prompt_id);

	a->graph = xstrdup(prompt_json);
	ask_go(c, a, STEP_POST, now_ms);
}

void comfy_locate(struct comfy_client *c, uint64_t tag, const char *prompt_id, int64_t now_ms)
{
	ask_look(c, client_add(c, ASK_LOCATE, tag, prompt_id), now_ms);
}

void comfy_watch(struct comfy_client *c, uint64_t tag, const char *prompt_id, int64_t now_ms)
{
	struct ask *a = client_add(c, ASK_WATCH, tag, prompt_id);

	a->run = run_new();
	a->life_ms = now_ms;
	/* It may have begun or ended already: nothing missed is told again. */
	ask_look(c, a, now_ms);
}

void comfy_fetch(struct comfy_client *c, uint64_t tag, const char *prompt_id, size_t limit_bytes,
	int64_t now_ms)
{
	struct ask *a = client_add(c, ASK_FETCH, tag, prompt_id);

	a->limit = limit_bytes;
	/* Right after the end /history may still say {}. */
	a->empties = 3;
	a->look = 1;
	ask_go(c, a, STEP_HISTORY, now_ms);
}

void comfy_fetch_one(struct comfy_client *c, uint64_t tag, const char *prompt_id,
	size_t limit_bytes, size_t index, size_t n, int64_t now_ms)
{
	struct ask *a;

	must(index < n);
	comfy_fetch(c, tag, prompt_id, limit_bytes, now_ms);
	HASH_FIND(hh_tag, c->by_tag, &tag, sizeof(tag), a);
	a->only = index;
	a->of = n;
}

void comfy_cancel(struct comfy_client *c, const char *prompt_id, int64_t now_ms)
{
	ask_cancel(c, prompt_id, now_ms);
}

void comfy_forget(struct comfy_client *c, uint64_t tag)
{
	struct event_item *item, *next;
	struct ask *a;

	HASH_FIND(hh_tag, c->by_tag, &tag, sizeof(tag), a);
	if (a)
		client_remove(c, a);
	DL_FOREACH_SAFE(c->events, item, next)
	{
		if (item->event.tag != tag || item->event.kind == COMFY_UP ||
			item->event.kind == COMFY_DOWN || item->event.kind == COMFY_STATS)
			continue;
		DL_DELETE(c->events, item);
		comfy_event_free(&item->event);
		free(item);
	}
}

/* ---- events ---- */

/* A server may repeat what it was sent; a log must not. */
static char *without_key(const struct comfy_client *c, char *text)
{
	const char *key = c->config.api_key, *hit, *from = text;
	struct buf out = BUF(COMFY_ANSWER_MAX);

	if (!text || !client_has_key(c) || !strstr(text, key))
		return text;
	for (; (hit = strstr(from, key)); from = hit + strlen(key))
		if (buf_add(&out, from, (size_t)(hit - from)) < 0 || buf_add_str(&out, "***") < 0)
			break;
	(void)buf_add_str(&out, from);
	free(text);
	return buf_take(&out);
}

void client_tell(struct comfy_client *c, struct comfy_event *event)
{
	struct event_item *item, *next;

	if (event->kind == COMFY_PROGRESS || event->kind == COMFY_PREVIEW ||
		event->kind == COMFY_STATS)
		DL_FOREACH_SAFE(c->events, item, next)
		{
			if (item->event.kind != event->kind || item->event.tag != event->tag)
				continue;
			DL_DELETE(c->events, item);
			comfy_event_free(&item->event);
			free(item);
		}
	item = xcalloc(1, sizeof(*item));
	event->text = without_key(c, event->text);
	item->event = *event;
	*event = (struct comfy_event){0};
	DL_APPEND(c->events, item);
}

bool comfy_next_event(struct comfy_client *c, struct comfy_event *ret)
{
	struct event_item *item = c->events;

	if (!item)
		return false;
	DL_DELETE(c->events, item);
	*ret = item->event;
	free(item);
	return true;
}

void comfy_event_free(struct comfy_event *e)
{
	free(e->text);
	files_free(e->files, e->n_files);
	*e = (struct comfy_event){0};
}

/* ---- carrying ---- */

uint64_t client_send(struct comfy_client *c, uint64_t ask, struct http_request *request)
{
	struct call *call = xcalloc(1, sizeof(*call));

	call->id = ++c->last_call;
	call->ask = ask;
	call->request = *request;
	*request = (struct http_request){0};
	HASH_ADD(hh, c->calls, id, sizeof(call->id), call);
	DL_APPEND(c->waiting, call);
	return call->id;
}

bool comfy_next_action(struct comfy_client *c, struct comfy_action *ret)
{
	struct link *link = &c->link;
	struct call *call = c->waiting;

	if (link->want_close) {
		link->want_close = false;
		*ret = (struct comfy_action){.kind = COMFY_WS_CLOSE};
		return true;
	}
	if (link->want_open) {
		link->want_open = false;
		*ret = (struct comfy_action){.kind = COMFY_WS_OPEN, .request = &link->ws_request};
		return true;
	}
	if (link->want_flags) {
		link->want_flags = false;
		*ret = (struct comfy_action){.kind = COMFY_WS_SEND, .text = feature_flags};
		return true;
	}
	if (!call)
		return false;
	DL_DELETE(c->waiting, call);
	call->handed = true;
	*ret = (struct comfy_action){.kind = COMFY_HTTP, .id = call->id, .request = &call->request};
	return true;
}

void comfy_http_answer(
	struct comfy_client *c, uint64_t id, struct http_response *response, int64_t now_ms)
{
	struct http_response res = *response;
	struct call *call;
	struct ask *a;
	uint64_t serial;

	*response = (struct http_response){0};
	HASH_FIND(hh, c->calls, &id, sizeof(id), call);
	if (!call || !call->handed) {
		http_response_free(&res);
		return;
	}
	serial = call->ask;
	call_free(c, call);
	if (serial == 0) {
		link_probed(c, &res, now_ms);
	} else {
		link_note(c, &res, now_ms);
		HASH_FIND(hh, c->asks, &serial, sizeof(serial), a);
		/* An ask that went on meanwhile waits for another answer, if any. */
		if (a && a->call == id) {
			a->call = 0;
			ask_answer(c, a, &res, now_ms);
		}
	}
	http_response_free(&res);
}

void comfy_tick(struct comfy_client *c, int64_t now_ms)
{
	struct ask *a, *next;

	link_tick(c, now_ms);
	HASH_ITER(hh, c->asks, a, next)
	if (ask_deadline(c, a) <= now_ms)
		ask_due(c, a, now_ms);
}

int64_t comfy_deadline(const struct comfy_client *c)
{
	int64_t at = link_deadline(c);

	for (const struct ask *a = c->asks; a; a = a->hh.next)
		at = min_of(at, ask_deadline(c, a));
	return at;
}

bool comfy_is_up(const struct comfy_client *c)
{
	return c->link.state == LINK_UP;
}
