/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_TESTS_COMFY_FAKE_DRIVE_H
#define FULLET_TESTS_COMFY_FAKE_DRIVE_H

#include "comfy_fake_http.h"

/* Carries between the client and the fake ComfyUI, keeps the time, notes what is told. */

#define START 1000000

enum { SUBMIT = 1, WATCH, FETCH, LOCATE, UPLOAD };

static const char *const names[] = {
	[COMFY_UP] = "up",
	[COMFY_DOWN] = "down",
	[COMFY_UPLOADED] = "uploaded",
	[COMFY_SUBMITTED] = "submitted",
	[COMFY_REFUSED] = "refused",
	[COMFY_FAILED_ASK] = "failed_ask",
	[COMFY_PENDING] = "pending",
	[COMFY_RUNNING] = "running",
	[COMFY_FINISHED] = "finished",
	[COMFY_FAILED] = "failed",
	[COMFY_INTERRUPTED] = "interrupted",
	[COMFY_LOST] = "lost",
	[COMFY_STALLED] = "stalled",
	[COMFY_FETCHED] = "fetched",
	[COMFY_NO_OUTPUT] = "no_output",
	[COMFY_TOO_LARGE] = "too_large",
	[COMFY_DAMAGED] = "damaged",
};

/* ---- carrying ---- */

static void fake_act(struct fake *f, const struct comfy_action *action)
{
	const char *id;

	switch (action->kind) {
	case COMFY_HTTP:
		fake_http(f, action->id, action->request);
		break;
	case COMFY_WS_OPEN:
		assert_false(f->ws_open || f->ws_opening || f->ws_closing);
		id = strstr(action->request->url, "?clientId=");
		assert_true(str_starts(action->request->url, "ws://gpu:8188/a/ws?clientId="));
		str_copy(f->ws_client, sizeof(f->ws_client), id + 10);
		f->opens++;
		f->ws_opening = true;
		break;
	case COMFY_WS_SEND:
		assert_true(f->ws_open);
		assert_non_null(strstr(action->text, "supports_preview_metadata"));
		f->flags++;
		break;
	case COMFY_WS_CLOSE:
		assert_true(f->ws_open);
		f->ws_open = false;
		f->ws_closing = true;
		break;
	}
}

static void fake_sockets(struct fake *f)
{
	if (f->ws_closing) {
		f->ws_closing = false;
		comfy_ws_closed(f->c, 0, f->now_ms);
	}
	if (!f->ws_opening)
		return;
	f->ws_opening = false;
	if (!f->up || f->s->ws == FAKE_WS_NONE || f->s->status) {
		comfy_ws_closed(f->c, f->up ? 400 : 0, f->now_ms);
		return;
	}
	f->ws_open = true;
	f->ws_deaf = false;
	comfy_ws_opened(f->c, f->now_ms);
	fake_status(f);
	/* The first socket is deregistered after its first message. */
	if (f->s->ws == FAKE_WS_ZOMBIE && f->opens == 1)
		f->ws_deaf = true;
	for (int i = 0; i < f->n_prompts; i++)
		if (f->prompts[i].place == PLACE_RUNNING)
			fake_send(f, "{\"type\":\"executing\",\"data\":{\"node\":\"3\"}}");
}

static int64_t fake_deadline(const struct fake *f)
{
	int64_t at = f->up ? NEVER : f->back_ms;

	if (f->ws_opening || f->ws_closing)
		at = min_of(at, f->now_ms + 1);
	if (f->late_ms)
		at = min_of(at, f->late_ms);
	for (int i = 0; i < f->n_answers; i++)
		at = min_of(at, f->answers[i].at_ms);
	for (int i = 0; i < f->n_prompts; i++)
		if (f->up && f->prompts[i].place != PLACE_NONE)
			at = min_of(at, f->prompts[i].at_ms);
	return at;
}

static void fake_tick(struct fake *f)
{
	if (!f->up && f->now_ms >= f->back_ms)
		f->up = true;
	fake_sockets(f);
	if (f->late_ms && f->now_ms >= f->late_ms) {
		f->late_ms = 0;
		fake_queue(f, f->late_id, f->late_client);
	}
	for (int i = 0; i < f->n_prompts && f->up; i++)
		if (f->prompts[i].at_ms <= f->now_ms)
			fake_step(f, &f->prompts[i]);
	for (int i = 0; i < f->n_answers;) {
		struct fake_answer a = f->answers[i];

		if (a.at_ms > f->now_ms) {
			i++;
			continue;
		}
		f->answers[i] = f->answers[--f->n_answers];
		comfy_http_answer(f->c, a.id, &a.res, f->now_ms);
		assert_int_equal(a.res.body.len, 0);
	}
}

static void begin(struct fake *f, const struct scenario *s)
{
	struct comfy_config config = {
		.url = "http://gpu:8188/a/", .api_key = s->key, .stall_ms = 20000, .poll_ms = 1000};

	*f = (struct fake){.s = s, .now_ms = START, .up = true, .percent = -1, .log = BUF(MIB)};
	rng_seed(&f->rng, 7);
	f->c = comfy_client_new(&config, &f->rng);
	comfy_start(f->c, f->now_ms);
}

static void end(struct fake *f)
{
	comfy_client_free(f->c);
	comfy_event_free(&f->got);
	for (int i = 0; i < f->n_answers; i++)
		http_response_free(&f->answers[i].res);
	buf_free(&f->log);
	free(f->text);
	free(f->preview_type);
}

/* A job's caller: what was submitted is watched, what finished is fetched. */
static void follow(struct fake *f, const struct comfy_event *e)
{
	if (e->kind == COMFY_SUBMITTED)
		comfy_watch(f->c, WATCH, PROMPT_ID, f->now_ms);
	if (e->kind == COMFY_FINISHED && e->tag == WATCH)
		comfy_fetch(f->c, FETCH, PROMPT_ID, 10 * MIB, f->now_ms);
}

static void told(struct fake *f, struct comfy_event *e)
{
	if (e->kind == COMFY_PROGRESS) {
		assert_int_equal(e->tag, WATCH);
		assert_true(e->percent >= f->percent && e->percent <= 100);
		f->percent = e->percent;
		f->progress++;
	} else if (e->kind == COMFY_PREVIEW) {
		assert_int_equal(e->tag, WATCH);
		assert_int_equal(e->n_files, 1);
		assert_true(e->files[0].data.len == 28);
		str_set(&f->preview_type, e->files[0].type);
		f->previews++;
	} else if (e->kind == COMFY_STATS) {
		assert_true(comfy_is_up(f->c) && e->tag == 0);
		f->card = e->card;
		f->stats++;
	} else {
		assert_int_equal(
			buf_printf(&f->log, "%s%s", f->log.len ? " " : "", names[e->kind]), 0);
		f->last_ms = f->now_ms;
		f->number = e->number;
		f->out_of_memory = e->out_of_memory;
		if (e->text)
			str_set(&f->text, e->text);
		follow(f, e);
		if (e->kind == COMFY_FETCHED) {
			comfy_event_free(&f->got);
			f->got = *e;
			return;
		}
	}
	comfy_event_free(e);
}

/* Lets the time pass until then. */
static void pass(struct fake *f, int64_t until_ms)
{
	struct comfy_action action;
	struct comfy_event event;
	int turns = 0;

	while (f->now_ms <= until_ms) {
		bool moved = false;
		int64_t next;

		fake_tick(f);
		if (comfy_deadline(f->c) <= f->now_ms)
			comfy_tick(f->c, f->now_ms);
		while (comfy_next_action(f->c, &action)) {
			fake_act(f, &action);
			moved = true;
		}
		while (comfy_next_event(f->c, &event)) {
			told(f, &event);
			moved = true;
		}
		/* Time must move on: a deadline that is not met would spin here. */
		assert_true(++turns < 20000);
		next = min_of(comfy_deadline(f->c), fake_deadline(f));
		if (!moved)
			f->now_ms = max_of(next, f->now_ms + 1);
	}
	f->now_ms = until_ms;
}

#endif
