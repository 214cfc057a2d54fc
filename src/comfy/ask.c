/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "comfy/client_state.h"
#include "comfy/refusal.h"
#include "comfy/reply.h"
#include "comfy/request.h"

/*
 * The steps of an ask. Looking for a prompt goes /queue, /history, /queue, /history: a run goes
 * from the queue into the history in one move, so a single reading of either proves nothing,
 * and a request whose answer got lost may arrive a moment later than our first look.
 */
static const enum ask_step look_steps[] = {STEP_QUEUE, STEP_HISTORY, STEP_QUEUE, STEP_HISTORY};

#define LOOK_GAP_MS  1000
#define RETRY_MS     500
#define RETRY_MAX_MS 8000
#define TRIES_MAX    4
/* An interrupt takes effect at the next progress step or node. */
#define CANCEL_GAP_MS 1000
#define CANCEL_TRIES  8
/* A dead run keeps its caller waiting no longer. */
#define STALLING_MS 15000
#define EMPTY_MS    60
/* A server that is up but never again answers what we ask: some minutes. */
#define MUTE_TRIES 60

static void enter_upload(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	struct http_request request;

	request_upload(&c->config, a->name, a->picture, &request);
	a->call = client_send(c, a->serial, &request);
}

static void enter_post(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	struct http_request request;

	request_prompt(&c->config, a->prompt_id, c->link.client_id, a->graph, &request);
	free(take(a->graph));
	a->heard_before = c->link.heard;
	a->call = client_send(c, a->serial, &request);
}

static void enter_queue(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	struct http_request request;

	comfy_request(&c->config, HTTP_GET, "/queue", &request);
	a->call = client_send(c, a->serial, &request);
}

static void enter_history(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	struct http_request request;

	request_history(&c->config, a->prompt_id, &request);
	a->call = client_send(c, a->serial, &request);
}

static void enter_view(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	struct http_request request;

	fetch_request(c, a, &request);
	a->call = client_send(c, a->serial, &request);
}

static void enter_delete(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	struct http_request request;

	request_delete(&c->config, a->prompt_id, &request);
	a->call = client_send(c, a->serial, &request);
}

static void enter_interrupt(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	struct http_request request;

	request_interrupt(&c->config, a->prompt_id, &request);
	a->call = client_send(c, a->serial, &request);
}

static void enter_stalling(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	a->at_ms = now_ms + STALLING_MS;
	ask_cancel(c, a->prompt_id, now_ms);
}

bool ask_gives_up(struct comfy_client *c, struct ask *a, const struct http_response *res,
	int tries_max, int64_t now_ms)
{
	a->tries++;
	if (!comfy_reply_foreign(res) && a->tries < tries_max)
		return false;
	ask_end(c, a, COMFY_FAILED_ASK, comfy_reply_why(res, client_has_key(c)), now_ms);
	return true;
}

static int64_t retry_ms(struct comfy_client *c, const struct ask *a)
{
	return backoff_ms(c->rng, max_of(a->tries - 1, 0), RETRY_MS, RETRY_MAX_MS);
}

void ask_look(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	a->look = 0;
	a->doubt = false;
	ask_go(c, a, look_steps[0], now_ms);
}

static void look_missing(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	switch (a->kind) {
	case ASK_SUBMIT:
		/* A 500 of ComfyUI's own is the end of its handler: what is not queued by now never
		 * will be. After anything else the request may still be on its way. */
		if (a->answered_500)
			ask_end(c, a, COMFY_FAILED_ASK,
				xstrdup("the server answers with an error (500)"), now_ms);
		else
			ask_end(c, a, COMFY_LOST, NULL, now_ms);
		break;
	case ASK_WATCH:
		watch_missing(c, a, now_ms);
		break;
	default:
		ask_end(c, a, COMFY_LOST, NULL, now_ms);
		break;
	}
}

/* Goes on at that place of the look, after a while. */
static void look_later(struct comfy_client *c, struct ask *a, int place, int64_t now_ms)
{
	a->look = place % (int)countof(look_steps);
	if (a->look == 0)
		a->doubt = false;
	ask_pause(c, a, retry_ms(c, a), look_steps[a->look], now_ms);
}

/* The prompt is not where it was looked for last. */
static void look_next(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	if (++a->look == (int)countof(look_steps)) {
		if (a->doubt && !a->stalled)
			look_later(c, a, 0, now_ms);
		else
			look_missing(c, a, now_ms);
		return;
	}
	if (a->look == 2)
		ask_pause(c, a, LOOK_GAP_MS, look_steps[2], now_ms);
	else
		ask_go(c, a, look_steps[a->look], now_ms);
}

/* No usable answer from /queue or /history. */
static void look_failed(
	struct comfy_client *c, struct ask *a, const struct http_response *res, int64_t now_ms)
{
	a->doubt = true;
	if (a->stalled) {
		ask_end(c, a, COMFY_STALLED, NULL, now_ms);
		return;
	}
	if (a->kind == ASK_CANCEL) {
		if (!ask_gives_up(c, a, res, CANCEL_TRIES, now_ms))
			ask_pause(c, a, retry_ms(c, a), STEP_DELETE, now_ms);
		return;
	}
	if (a->kind != ASK_SUBMIT && a->kind != ASK_WATCH) {
		if (ask_gives_up(c, a, res, TRIES_MAX, now_ms))
			return;
	} else {
		a->tries++;
		if (c->link.state == LINK_DOWN) {
			a->tries = 0;
			ask_go(c, a, STEP_OFFLINE, now_ms);
			return;
		}
		if (a->tries >= MUTE_TRIES) {
			ask_end(c, a, a->kind == ASK_WATCH ? COMFY_STALLED : COMFY_LOST, NULL,
				now_ms);
			return;
		}
	}
	/* The other of the two may still be answered. */
	look_later(c, a, a->look + 1, now_ms);
}

/* ---- POST /upload/image ---- */

/* What LoadImage calls the file: "folder/name". NULL when the answer does not say. */
static char *uploaded_name(struct json_object *doc)
{
	const char *name = json_str(doc, "name"), *folder = json_str(doc, "subfolder");

	if (!name || !*name || !str_eq(json_str(doc, "type"), "input"))
		return NULL;
	return folder && *folder ? xasprintf("%s/%s", folder, name) : xstrdup(name);
}

/* Doing it twice does no harm: the file is replaced by itself. */
static void answer_upload(
	struct comfy_client *c, struct ask *a, struct http_response *res, int64_t now_ms)
{
	cleanup(json_put) struct json_object *doc = comfy_reply_json(res);
	char *name = res->status == 200 ? uploaded_name(doc) : NULL;

	if (name)
		ask_end(c, a, COMFY_UPLOADED, name, now_ms);
	else if (res->status == 400 || res->status == 413)
		ask_end(c, a, COMFY_REFUSED, comfy_reply_why(res, client_has_key(c)), now_ms);
	else if (!ask_gives_up(c, a, res, TRIES_MAX, now_ms))
		ask_pause(c, a, retry_ms(c, a), STEP_UPLOAD, now_ms);
}

/* ---- POST /prompt ---- */

static void submit_look(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	a->looking = true;
	ask_look(c, a, now_ms);
}

static void submit_accepted(
	struct comfy_client *c, struct ask *a, struct json_object *doc, int64_t now_ms)
{
	const char *id = json_str(doc, "prompt_id");
	cleanup(freep) char *theirs = NULL;

	if (!id) {
		submit_look(c, a, now_ms);
	} else if (!str_eq(id, a->prompt_id)) {
		theirs = comfy_line(id, 128);
		ask_cancel(c, theirs, now_ms);
		ask_end(c, a, COMFY_REFUSED,
			xstrdup("the server gives prompts ids of its own; it needs an update"),
			now_ms);
	} else if (refusal_has_nodes(doc)) {
		/* An output was dropped, the rest runs: half a workflow is not what was asked. */
		ask_cancel(c, a->prompt_id, now_ms);
		ask_end(c, a, COMFY_REFUSED, refusal_text(doc), now_ms);
	} else {
		link_expect(c, a->heard_before, now_ms);
		ask_end(c, a, COMFY_SUBMITTED, NULL, now_ms);
	}
}

static void answer_post(
	struct comfy_client *c, struct ask *a, struct http_response *res, int64_t now_ms)
{
	cleanup(json_put) struct json_object *doc = comfy_reply_json(res);
	int status = res->status;

	if (status == 200 && doc) {
		submit_accepted(c, a, doc, now_ms);
	} else if (status == 400 && doc) {
		ask_end(c, a, COMFY_REFUSED, refusal_text(doc), now_ms);
	} else if (status == 413) {
		ask_end(c, a, COMFY_REFUSED, comfy_reply_why(res, client_has_key(c)), now_ms);
	} else if ((status == 0 && !res->maybe_sent) || comfy_reply_foreign(res) ||
		   (status >= 400 && status < 500 && status != 408)) {
		ask_end(c, a, COMFY_FAILED_ASK, comfy_reply_why(res, client_has_key(c)), now_ms);
	} else {
		a->answered_500 = status == 500;
		submit_look(c, a, now_ms);
	}
}

/* ---- /queue ---- */

static void cancel_seen(
	struct comfy_client *c, struct ask *a, enum queue_place place, int64_t now_ms)
{
	if (place == QUEUE_ABSENT || ++a->tries >= CANCEL_TRIES)
		ask_end(c, a, COMFY_FAILED_ASK, NULL, now_ms);
	else if (place == QUEUE_RUNNING)
		/* Only now: old versions interrupt whatever runs, other people's too. */
		ask_go(c, a, STEP_INTERRUPT, now_ms);
	else
		ask_pause(c, a, CANCEL_GAP_MS, STEP_DELETE, now_ms);
}

static void answer_queue(
	struct comfy_client *c, struct ask *a, struct http_response *res, int64_t now_ms)
{
	cleanup(json_put) struct json_object *doc =
		res->status == 200 ? comfy_reply_json(res) : NULL;
	struct queue_item item;

	if (queue_find(doc, a->prompt_id, &item) < 0) {
		look_failed(c, a, res, now_ms);
		return;
	}
	if (a->kind == ASK_CANCEL) {
		cancel_seen(c, a, item.place, now_ms);
		return;
	}
	if (item.place == QUEUE_ABSENT) {
		look_next(c, a, now_ms);
		return;
	}
	switch (a->kind) {
	case ASK_SUBMIT:
		ask_end(c, a, COMFY_SUBMITTED, NULL, now_ms);
		break;
	case ASK_LOCATE:
		ask_end(c, a, item.place == QUEUE_RUNNING ? COMFY_RUNNING : COMFY_PENDING, NULL,
			now_ms);
		break;
	case ASK_FETCH:
		ask_end(c, a, COMFY_FAILED_ASK, xstrdup("the run has not ended yet"), now_ms);
		break;
	default:
		watch_seen(c, a, &item, now_ms);
		break;
	}
}

/* ---- /history ---- */

static void answer_history(
	struct comfy_client *c, struct ask *a, struct http_response *res, int64_t now_ms)
{
	cleanup(json_put) struct json_object *doc =
		res->status == 200 ? comfy_reply_json(res) : NULL;
	cleanup(history_free) struct history history = {0};

	if (history_read(doc, a->prompt_id, &history) < 0) {
		look_failed(c, a, res, now_ms);
		return;
	}
	if (history.outcome == HISTORY_NONE) {
		/* ComfyUI tells of the end a moment before it writes the history. */
		if (a->empties > 0 && a->empties--)
			ask_pause(c, a, EMPTY_MS, STEP_HISTORY, now_ms);
		else
			look_next(c, a, now_ms);
		return;
	}
	if (a->kind == ASK_SUBMIT)
		ask_end(c, a, COMFY_SUBMITTED, NULL, now_ms);
	else if (a->kind == ASK_FETCH)
		fetch_begin(c, a, &history, now_ms);
	else
		watch_ended(c, a, &history, now_ms);
}

/* ---- cancelling ---- */

void ask_cancel(struct comfy_client *c, const char *prompt_id, int64_t now_ms)
{
	for (const struct ask *a = c->asks; a; a = a->hh.next)
		if (a->kind == ASK_CANCEL && str_eq(a->prompt_id, prompt_id))
			return;
	ask_go(c, client_add(c, ASK_CANCEL, 0, prompt_id), STEP_DELETE, now_ms);
}

static void answer_delete(
	struct comfy_client *c, struct ask *a, struct http_response *res, int64_t now_ms)
{
	if (res->status != 200) {
		if (!ask_gives_up(c, a, res, CANCEL_TRIES, now_ms))
			ask_pause(c, a, retry_ms(c, a), STEP_DELETE, now_ms);
		return;
	}
	a->look = 0;
	ask_go(c, a, STEP_QUEUE, now_ms);
}

static void answer_interrupt(
	struct comfy_client *c, struct ask *a, struct http_response *res, int64_t now_ms)
{
	/* Whether it took effect is seen in the queue, whatever was answered. */
	ask_pause(c, a, CANCEL_GAP_MS, STEP_DELETE, now_ms);
}

/* ---- the table ---- */

static void due_pause(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	ask_go(c, a, a->then, now_ms);
}

static void due_stalling(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	ask_end(c, a, COMFY_STALLED, NULL, now_ms);
}

static const struct step {
	void (*enter)(struct comfy_client *c, struct ask *a, int64_t now_ms);
	void (*answer)(
		struct comfy_client *c, struct ask *a, struct http_response *res, int64_t now_ms);
	void (*due)(struct comfy_client *c, struct ask *a, int64_t now_ms);
} steps[] = {
	[STEP_NEW] = {NULL, NULL, NULL},
	[STEP_UPLOAD] = {enter_upload, answer_upload, NULL},
	[STEP_POST] = {enter_post, answer_post, NULL},
	[STEP_QUEUE] = {enter_queue, answer_queue, NULL},
	[STEP_HISTORY] = {enter_history, answer_history, NULL},
	[STEP_VIEW] = {enter_view, fetch_viewed, NULL},
	[STEP_DELETE] = {enter_delete, answer_delete, NULL},
	[STEP_INTERRUPT] = {enter_interrupt, answer_interrupt, NULL},
	[STEP_PAUSE] = {NULL, NULL, due_pause},
	[STEP_REST] = {NULL, NULL, ask_look},
	[STEP_OFFLINE] = {NULL, NULL, NULL},
	[STEP_STALLING] = {enter_stalling, NULL, due_stalling},
};

void ask_go(struct comfy_client *c, struct ask *a, enum ask_step step, int64_t now_ms)
{
	must((size_t)step < countof(steps));
	client_drop(c, a->call);
	a->call = 0; /* an answer still under way is not looked at when it comes */
	a->step = step;
	a->at_ms = NEVER;
	if (steps[step].enter)
		steps[step].enter(c, a, now_ms);
}

void ask_pause(
	struct comfy_client *c, struct ask *a, int64_t for_ms, enum ask_step then, int64_t now_ms)
{
	ask_go(c, a, STEP_PAUSE, now_ms);
	a->then = then;
	a->at_ms = now_ms + for_ms;
}

void ask_answer(struct comfy_client *c, struct ask *a, struct http_response *res, int64_t now_ms)
{
	must(steps[a->step].answer);
	steps[a->step].answer(c, a, res, now_ms);
}

int64_t ask_deadline(const struct comfy_client *c, const struct ask *a)
{
	return min_of(a->at_ms, watch_stall_ms(c, a));
}

void ask_due(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	if (now_ms >= watch_stall_ms(c, a))
		watch_stall(c, a, now_ms);
	else if (steps[a->step].due)
		steps[a->step].due(c, a, now_ms);
}

void ask_end(struct comfy_client *c, struct ask *a, enum comfy_event_kind kind, char *text,
	int64_t now_ms)
{
	struct comfy_event event = {.kind = kind, .tag = a->tag, .text = text};
	cleanup(freep) char *cancelled = NULL;

	if (a->kind == ASK_CANCEL) {
		cancelled = take(a->prompt_id);
		free(text);
		client_remove(c, a);
		watch_cancelled(c, cancelled, now_ms);
		return;
	}
	client_tell(c, &event);
	client_remove(c, a);
}
