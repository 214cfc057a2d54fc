/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/json.h"
#include "comfy/client_state.h"
#include "comfy/failure.h"

/*
 * A run's life: what the WebSocket tells of it, what the queue shows, how it ends, and when it
 * is called dead.
 */

/* With a WebSocket the queue is read only now and then, lest a message was missed. */
#define SLOWER 5
/* Without one nothing is seen of a run but that it has not ended. */
#define BLIND 5
/* ComfyUI's worker can die while its HTTP lives (extra_data null does it): what runs then stays in
 * queue_running for ever. But a video of somebody else's may honestly take an hour. */
#define BEHIND 12
/* A busy queue changes often; so often at most it is read for that. */
#define CHANGED_MS 500

static bool hears(const struct comfy_client *c, const struct ask *a)
{
	return c->link.ws == WS_OPEN && a->ours;
}

static void rest(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	ask_go(c, a, STEP_REST, now_ms);
	a->heard_before = c->link.heard;
	a->looked_ms = now_ms;
	a->at_ms = now_ms + c->config.poll_ms * (hears(c, a) ? SLOWER : 1);
}

static void tell_progress(struct comfy_client *c, struct ask *a)
{
	struct comfy_event event = {.kind = COMFY_PROGRESS, .tag = a->tag};
	const char *node = run_node(a->run);

	event.percent = run_percent(a->run);
	event.stepped = run_stepped(a->run);
	if (event.percent == a->told_percent && event.stepped == a->told_stepped &&
		(!node || str_eq(node, a->told_node)))
		return;
	a->told_stepped = event.stepped;
	a->told_percent = event.percent;
	str_set(&a->told_node, node);
	event.text = xstrdup(node);
	client_tell(c, &event);
}

/* ---- what the queue and the history show ---- */

static void note_behind(struct ask *a, const char *runs, int64_t now_ms)
{
	if (runs && str_eq(runs, a->behind))
		return;
	str_set(&a->behind, runs);
	a->behind_ms = now_ms;
}

void watch_seen(
	struct comfy_client *c, struct ask *a, const struct queue_item *item, int64_t now_ms)
{
	bool running = item->place == QUEUE_RUNNING || a->executing;

	a->tries = 0;
	run_graph(a->run, item->graph);
	if (str_eq(item->client_id, c->link.client_id))
		a->ours = true;
	if (running && !a->running)
		a->life_ms = now_ms;
	a->running = running;
	note_behind(a, running ? NULL : item->runs, now_ms);
	if (running)
		tell_progress(c, a);
	rest(c, a, now_ms);
}

void watch_ended(struct comfy_client *c, struct ask *a, struct history *history, int64_t now_ms)
{
	struct comfy_event event = {.kind = COMFY_FAILED, .tag = a->tag};

	/* The history knew of the end and the socket did not say so: is it alive? */
	if (a->kind == ASK_WATCH && !a->ending)
		link_expect(c, a->executing ? c->link.heard : a->heard_before, now_ms);
	if (history->outcome == HISTORY_FINISHED) {
		event.kind = COMFY_FINISHED;
		event.number = history->run_ms;
		client_tell(c, &event);
		client_remove(c, a);
	} else if (a->stalled) {
		ask_end(c, a, COMFY_STALLED, NULL, now_ms);
	} else if (history->outcome == HISTORY_INTERRUPTED) {
		ask_end(c, a, COMFY_INTERRUPTED, NULL, now_ms);
	} else {
		event.text = take(history->text);
		event.out_of_memory = history->out_of_memory;
		event.machine = history->machine;
		client_tell(c, &event);
		client_remove(c, a);
	}
}

void watch_missing(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	ask_end(c, a, a->stalled ? COMFY_STALLED : COMFY_LOST, NULL, now_ms);
}

/* ---- the watchdog ---- */

int64_t watch_stall_ms(const struct comfy_client *c, const struct ask *a)
{
	/* Of a server that is down nothing is known. */
	if (a->kind != ASK_WATCH || a->stalled || c->link.state != LINK_UP ||
		a->step == STEP_OFFLINE)
		return NEVER;
	/* A waiting prompt may wait long, as long as what is before it changes. */
	if (!a->running)
		return a->behind ? a->behind_ms + c->config.stall_ms * BEHIND : NEVER;
	return a->life_ms + c->config.stall_ms * (hears(c, a) ? 1 : BLIND);
}

void watch_stall(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	a->stalled = true;
	ask_go(c, a, STEP_STALLING, now_ms);
}

void watch_cancelled(struct comfy_client *c, const char *prompt_id, int64_t now_ms)
{
	struct ask *a, *next;

	HASH_ITER(hh, c->asks, a, next)
	{
		if (a->kind != ASK_WATCH || !str_eq(a->prompt_id, prompt_id))
			continue;
		if (a->step == STEP_STALLING) {
			/* It may have ended well at the last moment. */
			a->look = 3;
			ask_go(c, a, STEP_HISTORY, now_ms);
		} else if (a->step == STEP_REST) {
			ask_look(c, a, now_ms);
		}
	}
}

/* Waits only because a request failed. */
static bool retries(const struct ask *a)
{
	return a->step == STEP_PAUSE && a->tries > 0 && !a->ending &&
	       (a->kind == ASK_WATCH || a->kind == ASK_SUBMIT);
}

void watch_all_look(struct comfy_client *c, int64_t now_ms)
{
	struct ask *a, *next;

	HASH_ITER(hh, c->asks, a, next)
	{
		if (a->stalled)
			continue;
		if (a->kind == ASK_WATCH) {
			/* There was nothing to be seen until now. */
			a->life_ms = now_ms;
			a->executing = false;
			note_behind(a, NULL, now_ms);
		}
		if (a->step == STEP_OFFLINE || a->step == STEP_REST || retries(a))
			ask_look(c, a, now_ms);
	}
}

/* ---- what the WebSocket tells ---- */

/* The end was told: the history has it, or will in a moment. */
static void look_for_end(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	a->executing = false;
	if (a->ending)
		return;
	a->ending = true;
	a->empties = 8;
	a->look = a->stalled ? 3 : 1;
	a->doubt = false;
	ask_go(c, a, STEP_HISTORY, now_ms);
}

static void ended_badly(
	struct comfy_client *c, struct ask *a, const struct ws_message *m, int64_t now_ms)
{
	struct history history = {.outcome = HISTORY_INTERRUPTED};

	a->ending = true;
	if (m->kind == WS_ERROR) {
		history.outcome = HISTORY_FAILED;
		history.text = error_text(m->data, &history.out_of_memory);
		history.machine = failure_is_the_machines(m->data);
	}
	watch_ended(c, a, &history, now_ms);
	history_free(&history);
}

static void hear(struct comfy_client *c, struct ask *a, const struct ws_message *m, int64_t now_ms)
{
	a->life_ms = now_ms;
	a->ours = true;
	run_apply(a->run, m);
	switch (m->kind) {
	case WS_ERROR:
	case WS_INTERRUPTED:
		ended_badly(c, a, m, now_ms);
		return;
	case WS_SUCCESS:
		look_for_end(c, a, now_ms);
		return;
	case WS_EXECUTING:
		if (!m->node) {
			look_for_end(c, a, now_ms);
			return;
		}
		break;
	case WS_OTHER:
		return;
	default:
		break;
	}
	if (a->ending || a->stalled)
		return;
	a->running = a->executing = true;
	tell_progress(c, a);
}

/* The only run that can be meant when a message names none; NULL when several can. */
static struct ask *only_run(struct comfy_client *c, bool executing)
{
	struct ask *found = NULL;

	for (struct ask *a = c->asks; a; a = a->hh.next) {
		if (a->kind != ASK_WATCH || !(executing ? a->executing : a->running))
			continue;
		/* Several may follow one prompt. */
		if (found && !str_eq(found->prompt_id, a->prompt_id))
			return NULL;
		found = a;
	}
	return found;
}

static void queue_changed(struct comfy_client *c, const struct ws_message *m, int64_t now_ms)
{
	/* A waiting prompt that somebody deletes says nothing else than a shorter queue. */
	if (m->queue_remaining < 0 || m->queue_remaining >= c->link.queue_remaining)
		return;
	for (struct ask *a = c->asks; a; a = a->hh.next)
		if (a->kind == ASK_WATCH && a->step == STEP_REST && !a->executing)
			a->at_ms = min_of(a->at_ms, max_of(now_ms, a->looked_ms + CHANGED_MS));
}

void watch_message(struct comfy_client *c, const struct ws_message *m, int64_t now_ms)
{
	cleanup(freep) char *prompt_id = NULL;
	struct ask *a, *next;

	if (m->kind == WS_STATUS) {
		queue_changed(c, m, now_ms);
		return;
	}
	if (m->prompt_id) {
		prompt_id = xstrdup(m->prompt_id);
	} else {
		/* After a reconnect `executing` comes without the prompt. */
		a = m->kind == WS_EXECUTING && m->node ? only_run(c, false) : NULL;
		prompt_id = a ? xstrdup(a->prompt_id) : NULL;
	}
	if (!prompt_id)
		return;
	HASH_ITER(hh, c->asks, a, next)
	{
		if (!str_eq(a->prompt_id, prompt_id))
			continue;
		if (a->kind == ASK_WATCH)
			hear(c, a, m, now_ms);
		else if (a->kind == ASK_SUBMIT && a->looking)
			/* Nobody told us that it was queued, but it runs. */
			ask_end(c, a, COMFY_SUBMITTED, NULL, now_ms);
	}
}

static void show_preview(
	struct comfy_client *c, struct ask *a, const struct ws_preview *p, int64_t now_ms)
{
	struct comfy_event event = {.kind = COMFY_PREVIEW, .tag = a->tag};

	if (a->stalled)
		return;
	a->life_ms = now_ms;
	event.files = xcalloc(1, sizeof(*event.files));
	event.n_files = 1;
	event.files->name = xstrdup(str_eq(p->type, "image/png") ? "preview.png" : "preview.jpg");
	event.files->type = xstrdup(p->type);
	event.files->data = BUF(p->len);
	must(buf_add(&event.files->data, p->data, p->len) == 0);
	client_tell(c, &event);
}

void watch_preview(struct comfy_client *c, const struct ws_preview *p, int64_t now_ms)
{
	/* While ours does not run, it is somebody else's picture: prompts without a client id are
	 * shown to everyone. */
	const struct ask *only = p->prompt_id ? NULL : only_run(c, true);
	const char *prompt_id = only ? only->prompt_id : p->prompt_id;

	for (struct ask *a = c->asks; a && prompt_id; a = a->hh.next)
		if (a->kind == ASK_WATCH && str_eq(a->prompt_id, prompt_id))
			show_preview(c, a, p, now_ms);
}
