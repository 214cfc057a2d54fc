/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_TESTS_COMFY_FAKE_H
#define FULLET_TESTS_COMFY_FAKE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "comfy/client.h"

/*
 * A ComfyUI of the size of this test, in virtual time: one run of four nodes (a loader, an
 * encoder, a sampler of four steps, a saver), and the ways in which the real one misbehaves.
 */

enum post_mode {
	POST_OK,
	POST_NODE_ERRORS, /* 200, but an output was dropped */
	POST_500_QUEUED,
	POST_500,
	POST_CUT_QUEUED, /* the connection breaks after the request was sent */
	POST_CUT_LATE,	 /* the same, and it is queued only after a moment */
	POST_CUT,
	POST_REFUSED, /* no connection */
	POST_400,
	POST_413,
	POST_OTHER_ID,
	POST_EMPTY_QUEUED, /* 200 without a body */
	POST_HTML,
	POST_502,
	POST_ECHO, /* the refusal repeats the key */
	POST_NO_ID,
};
enum ws_mode {
	FAKE_WS_OK,
	FAKE_WS_NONE,
	FAKE_WS_ZOMBIE,
	FAKE_WS_DEAF,
	FAKE_WS_DROP,
	FAKE_WS_GARBAGE
};
enum run_mode {
	RUN_OK,
	RUN_CACHED,
	RUN_OOM,
	RUN_INTERRUPTED,
	RUN_STALL,
	RUN_STALL_DEAF,
	RUN_RESTART,
	RUN_DELETED,
	RUN_NO_FILES
};
enum view_mode {
	VIEW_OK,
	VIEW_404,
	VIEW_404_SMALLER,
	VIEW_CUT_TWICE,
	VIEW_CUT,
	VIEW_HALF,
	VIEW_HTML,
	VIEW_500
};

struct scenario {
	const char *name;
	enum post_mode post;
	enum ws_mode ws;
	enum run_mode run;
	enum view_mode view;
	int preview;	  /* event of the preview frames: 1, 4, 0 none */
	int late_history; /* so often {} after the end */
	const char *file; /* NULL: "pic_00001_.png" */
	size_t sizes[5];  /* of the original and of WebP 90, 75, 50, 30; 0: 1000 */
	int files;	  /* how many, 0: 1 */
	int upload;	  /* status of POST /upload/image, -1: cut off; 0: as it should be */
	int upload_times; /* so often, then as it should be; 0: once */
	const char *upload_answer;
	const char *key;
	int status;	      /* of every answer, 0: as it should be */
	const char *expected; /* closing events and UP and DOWN, in order */
	const char *text;     /* must be in the last text told */
	int previews;	      /* at least so many */
	int opens;	      /* the socket was opened exactly so often; 0: not looked at */
	int interrupts;	      /* exactly */
	int64_t within_ms;    /* the last event came by then; 0: not looked at */
};

enum place { PLACE_NONE, PLACE_PENDING, PLACE_RUNNING, PLACE_DONE };

struct fake_prompt {
	char id[64], client[64];
	enum place place;
	const char *status; /* "success", "error" */
	const char *last;   /* the last message of the history */
	int phase;
	int64_t at_ms;
	bool files;
};

struct fake_answer {
	uint64_t id;
	int64_t at_ms;
	struct http_response res;
};

struct fake {
	const struct scenario *s;
	struct comfy_client *c;
	struct rng rng;
	int64_t now_ms, back_ms;
	bool up, mute; /* mute: /queue and /history are not answered */
	bool ws_opening, ws_open, ws_deaf, ws_closing;
	char ws_client[64];
	struct fake_prompt prompts[8];
	int n_prompts;
	struct fake_answer answers[32];
	int n_answers;
	int posts, uploads, deletes, interrupts, views, opens, flags, queues, empties;
	int64_t late_ms; /* when a cut POST is queued after all */
	char late_id[64], late_client[64];
	/* what was told */
	struct buf log;
	int previews, progress, percent;
	char *text;
	char *preview_type;
	int64_t number, last_ms;
	bool out_of_memory;
	int stats; /* how often STATS came */
	struct card_stats card;
	struct comfy_event got; /* the last FETCHED */
};

#define PROMPT_ID "0b7e4c1a-5d2f-4a63-9c18-2f6a7b3c4d5e"
#define GRAPH                                                                                      \
	"{\"4\":{\"class_type\":\"Loader\",\"inputs\":{}},"                                        \
	"\"6\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"clip\":[\"4\",1]}},"               \
	"\"3\":{\"class_type\":\"KSampler\",\"inputs\":{\"latent_image\":[\"5\",0],\"steps\":4}}," \
	"\"9\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"3\",0]}}}"

static void fake_send(struct fake *f, const char *format, ...) printf_like(2, 3);
static void fake_send(struct fake *f, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	assert_true(n >= 0);
	if (f->ws_open && !f->ws_deaf)
		comfy_ws_received(f->c, text, (size_t)n, false, f->now_ms);
	free(text);
}

static int fake_remaining(const struct fake *f)
{
	int n = 0;

	for (int i = 0; i < f->n_prompts; i++)
		n += f->prompts[i].place == PLACE_PENDING || f->prompts[i].place == PLACE_RUNNING;
	return n;
}

static void fake_status(struct fake *f)
{
	fake_send(f,
		"{\"type\":\"status\",\"data\":{\"status\":{\"exec_info\":{\"queue_remaining\":%d}}"
		"}}",
		fake_remaining(f));
}

/* To the client that submitted it, if its socket is still there. */
static void fake_event(
	struct fake *f, const struct fake_prompt *p, const char *type, const char *more)
{
	if (strcmp(p->client, f->ws_client) == 0)
		fake_send(f, "{\"type\":\"%s\",\"data\":{\"prompt_id\":\"%s\"%s}}", type, p->id,
			more);
}

static void fake_preview(struct fake *f, const struct fake_prompt *p)
{
	unsigned char frame[400] = {0, 0, 0, 1, 0, 0, 0, 1};
	size_t n = 8;
	int meta = 0;

	if (!f->s->preview || strcmp(p->client, f->ws_client) != 0 || !f->ws_open || f->ws_deaf)
		return;
	if (f->s->preview == 4) {
		meta = snprintf((char *)frame + 8, 200,
			"{\"node_id\":\"3\",\"prompt_id\":\"%s\",\"image_type\":\"image/jpeg\"}",
			p->id);
		frame[3] = 4;
		frame[7] = (unsigned char)meta;
		n += (size_t)meta;
	}
	memcpy(frame + n, "\xff\xd8\xff\xe0 not much of a picture \xff\xd9", 28);
	comfy_ws_received(f->c, frame, n + 28, true, f->now_ms);
}

static void fake_garbage(struct fake *f)
{
	static const char *const texts[] = {"", "{", "null", "[]", "{\"type\":7,\"data\":{}}",
		"{\"type\":\"executing\"}", "{\"type\":\"executing\",\"data\":{\"node\":null}}",
		"{\"type\":\"progress\",\"data\":{\"value\":NaN,\"max\":0,\"node\":[],\"prompt_"
		"id\":"
		"\"" PROMPT_ID "\"}}",
		"{\"type\":\"progress_state\",\"data\":{\"nodes\":[1],\"prompt_id\":\"" PROMPT_ID
		"\"}}",
		"{\"type\":\"execution_cached\",\"data\":{\"nodes\":[1,null,{}],\"prompt_id\":"
		"\"" PROMPT_ID "\"}}",
		"{\"type\":\"execution_success\",\"data\":{\"prompt_id\":\"another\"}}"};
	static const struct {
		const char *data;
		size_t len;
	} frames[] = {{"", 0}, {"\0\0\0\1", 4}, {"\0\0\0\1\0\0\0\1", 8},
		{"\0\0\0\1\0\0\0\1hello", 13}, {"\0\0\0\4\377\377\377\377", 8},
		{"\0\0\0\4\0\0\0\2{}\377\330\377", 13},
		{"\0\0\0\3\0\0\0\1"
		 "9text",
			13},
		{"\0\0\0\4\0\0\0\1{\377\330\377\340", 13}};

	for (size_t i = 0; i < countof(texts); i++)
		fake_send(f, "%s", texts[i]);
	for (size_t i = 0; i < countof(frames); i++)
		if (f->ws_open)
			comfy_ws_received(f->c, frames[i].data, frames[i].len, true, f->now_ms);
}

static void fake_end(struct fake *f, struct fake_prompt *p, const char *status, const char *last)
{
	p->place = PLACE_DONE;
	p->status = status;
	p->last = last;
	p->at_ms = NEVER;
	f->empties = f->s->late_history;
	fake_event(f, p, last, "");
	fake_status(f);
	fake_event(f, p, "executing", ",\"node\":null");
}

static void fake_restart(struct fake *f, int64_t for_ms)
{
	bool open = f->ws_open || f->ws_opening;

	f->up = false;
	f->back_ms = f->now_ms + for_ms;
	f->n_prompts = 0;
	f->ws_open = f->ws_opening = false;
	if (open)
		comfy_ws_closed(f->c, 0, f->now_ms);
}

static void fake_sampler(struct fake *f, struct fake_prompt *p, int step)
{
	char more[200];

	if (step == 2 && f->s->ws == FAKE_WS_DEAF)
		f->ws_deaf = true;
	if (step == 2 && f->s->ws == FAKE_WS_DROP && f->opens == 1) {
		f->ws_open = false;
		comfy_ws_closed(f->c, 0, f->now_ms);
	}
	if (step == 2 && f->s->ws == FAKE_WS_GARBAGE)
		fake_garbage(f);
	snprintf(more, sizeof(more),
		",\"nodes\":{\"3\":{\"value\":%d,\"max\":4,\"state\":\"running\"}}", step);
	fake_event(f, p, "progress_state", more);
	snprintf(more, sizeof(more), ",\"value\":%d,\"max\":4,\"node\":\"3\"", step);
	fake_event(f, p, "progress", more);
	fake_preview(f, p);
}

/* What happens in the middle of the run. Returns true when it goes on no further. */
static bool fake_trouble(struct fake *f, struct fake_prompt *p)
{
	switch (f->s->run) {
	case RUN_OOM:
		p->place = PLACE_DONE;
		p->status = "error";
		p->last = "execution_error";
		p->at_ms = NEVER;
		fake_event(f, p, "execution_error",
			",\"exception_type\":\"torch.OutOfMemoryError\",\"exception_message\":"
			"\"Allocation on device failed\\nTIPS: try "
			"less\\n\",\"traceback\":[\"secret\"]");
		fake_status(f);
		fake_event(f, p, "executing", ",\"node\":null");
		return true;
	case RUN_INTERRUPTED:
		fake_end(f, p, "error", "execution_interrupted");
		return true;
	case RUN_STALL:
	case RUN_STALL_DEAF:
		p->at_ms = NEVER;
		return true;
	case RUN_RESTART:
		fake_restart(f, 3000);
		return true;
	default:
		return false;
	}
}

static void fake_step(struct fake *f, struct fake_prompt *p)
{
	p->at_ms = f->now_ms + 100;
	switch (p->phase++) {
	case 0:
		if (f->s->run == RUN_DELETED) {
			p->place = PLACE_NONE;
			p->at_ms = NEVER;
			fake_status(f);
			return;
		}
		p->place = PLACE_RUNNING;
		p->files = f->s->run != RUN_NO_FILES;
		fake_event(f, p, "execution_start", "");
		fake_event(f, p, "execution_cached",
			f->s->run == RUN_CACHED ? ",\"nodes\":[\"4\",\"6\",\"3\",\"9\"]"
						: ",\"nodes\":[\"4\"]");
		if (f->s->run == RUN_CACHED)
			fake_end(f, p, "success", "execution_success");
		else
			fake_event(f, p, "executing", ",\"node\":\"6\"");
		break;
	case 1:
		fake_event(f, p, "executing", ",\"node\":\"3\"");
		break;
	case 2:
	case 3:
	case 4:
	case 5:
		if (p->phase - 2 == 3 && fake_trouble(f, p))
			return;
		fake_sampler(f, p, p->phase - 2);
		break;
	case 6:
		fake_event(f, p, "executing", ",\"node\":\"9\"");
		break;
	default:
		fake_end(f, p, "success", "execution_success");
	}
}

static struct fake_prompt *fake_queue(struct fake *f, const char *id, const char *client)
{
	struct fake_prompt *p = &f->prompts[f->n_prompts++];

	assert_true(f->n_prompts < 8);
	*p = (struct fake_prompt){.place = PLACE_PENDING, .at_ms = f->now_ms + 50};
	str_copy(p->id, sizeof(p->id), id);
	str_copy(p->client, sizeof(p->client), client);
	fake_status(f);
	return p;
}

static struct fake_prompt *fake_find(struct fake *f, const char *id)
{
	for (int i = f->n_prompts; i-- > 0;)
		if (strcmp(f->prompts[i].id, id) == 0)
			return &f->prompts[i];
	return NULL;
}

#endif
