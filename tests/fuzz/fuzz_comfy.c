/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a ComfyUI, or whatever sits at its address, may send. The first byte says how the rest is
 * taken: as one message or document by its reader, or as a script that drives the client: each
 * command answers a request, sends over the socket, or lets time pass.
 */

#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "comfy/client.h"
#include "comfy/history.h"
#include "comfy/progress.h"
#include "comfy/refusal.h"
#include "comfy/reply.h"
#include "comfy/stats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMPT_ID "0b7e4c1a-5d2f-4a63-9c18-2f6a7b3c4d5e"
#define CALLS_MAX 64

static void read_text(const char *text, size_t len)
{
	struct run *run = run_new();
	struct ws_message m;
	int before = 0;

	/* Twice: progress never falls, and nothing is counted double. */
	for (int i = 0; i < 2; i++) {
		if (ws_message_read(text, len, &m) < 0)
			break;
		if (i == 0)
			run_graph(run, m.data);
		run_apply(run, &m);
		must(run_percent(run) >= before && run_percent(run) <= 99);
		before = run_percent(run);
		ws_message_free(&m);
	}
	run_free(run);
}

static void read_binary(const char *data, size_t len)
{
	struct ws_preview p;

	if (ws_preview_read(data, len, &p) < 0)
		return;
	must(p.len > 0 && p.len <= PREVIEW_MAX);
	must((const char *)p.data + p.len == data + len);
	ws_preview_free(&p);
}

static void read_history(const char *text, size_t len)
{
	struct json_object *doc = comfy_json(text, len);
	struct history history = {0};
	struct queue_item item;

	if (history_read(doc, PROMPT_ID, &history) == 0) {
		must(history.n_files <= DISCORD_FILES_MAX);
		must(history.outcome != HISTORY_FAILED || (history.text && *history.text));
	}
	history_free(&history);
	(void)queue_find(doc, PROMPT_ID, &item);
	json_put(&doc);
}

static void read_refusal(const char *text, size_t len)
{
	struct json_object *doc = comfy_json(text, len);
	char *sentence;

	if (!doc)
		return;
	sentence = refusal_text(doc);
	must(*sentence && !strchr(sentence, '\n') && strlen(sentence) < 1000);
	must(utf8_valid(sentence, strlen(sentence)));
	free(sentence);
	(void)refusal_has_nodes(doc);
	json_put(&doc);
}

static void read_stats(const char *text, size_t len)
{
	struct json_object *doc = comfy_json(text, len);
	struct card_stats card;

	stats_read(doc, &card);
	must(card.vram_total >= 0 && card.vram_total <= CARD_BYTES_MAX);
	must(card.vram_free >= 0 && card.vram_free <= card.vram_total);
	must(card.torch_total >= 0 && card.torch_total <= card.vram_total);
	must(card.torch_free >= 0 && card.torch_free <= card.torch_total);
	must(utf8_valid(card.name, strlen(card.name)) && !strpbrk(card.name, "\r\n"));
	json_put(&doc);
}

/* ---- the client under a script ---- */

struct drive {
	struct comfy_client *c;
	struct rng rng;
	int64_t now_ms;
	uint64_t calls[CALLS_MAX];
	size_t n_calls;
	unsigned open; /* asks that have not ended, a bit a tag */
};

static bool closes(enum comfy_event_kind kind)
{
	return kind != COMFY_UP && kind != COMFY_DOWN && kind != COMFY_STATS &&
	       kind != COMFY_PROGRESS && kind != COMFY_PREVIEW;
}

static void drain(struct drive *d)
{
	struct comfy_action action;
	struct comfy_event e;

	while (comfy_next_action(d->c, &action))
		if (action.kind == COMFY_HTTP && d->n_calls < CALLS_MAX)
			d->calls[d->n_calls++] = action.id;
	while (comfy_next_event(d->c, &e)) {
		must(e.tag == 0 || (e.tag < 32 && (d->open & 1u << e.tag)));
		if (closes(e.kind))
			d->open &= ~(1u << e.tag);
		must(e.kind != COMFY_FETCHED || e.n_files > 0);
		comfy_event_free(&e);
	}
}

static void answer(struct drive *d, uint8_t how, const char *body, size_t len)
{
	static const int statuses[] = {200, 200, 200, 200, 0, 400, 401, 404, 413, 500, 502, 302};
	static const char *const types[] = {"application/json", "image/png", "text/html"};
	struct http_response res = {
		.status = statuses[how % countof(statuses)],
		.body = BUF(MIB),
		.maybe_sent = how & 0x80,
	};
	uint64_t id;

	if (d->n_calls == 0)
		return;
	id = d->calls[0];
	memmove(d->calls, d->calls + 1, --d->n_calls * sizeof(d->calls[0]));
	if (res.status) {
		http_response_header(&res, "Content-Type", types[how / 16 % countof(types)]);
		must(buf_add(&res.body, body, len) == 0);
	} else {
		res.error = xstrdup("cut off");
	}
	comfy_http_answer(d->c, id, &res, d->now_ms);
	http_response_free(&res);
}

static void ask(struct drive *d, uint8_t what)
{
	uint64_t tag = 1 + what / 8 % 30;

	if (what % 8 < 4) {
		d->open |= 1u << tag;
	} else if (what % 8 == 5) {
		d->open &= ~(1u << tag);
		comfy_forget(d->c, tag);
		return;
	}
	switch (what % 8) {
	case 0:
		comfy_submit(d->c, tag, PROMPT_ID, "{}", d->now_ms);
		break;
	case 1:
		comfy_watch(d->c, tag, PROMPT_ID, d->now_ms);
		break;
	case 2:
		comfy_fetch(d->c, tag, PROMPT_ID, 64, d->now_ms);
		break;
	case 3:
		comfy_locate(d->c, tag, PROMPT_ID, d->now_ms);
		break;
	default:
		comfy_cancel(d->c, PROMPT_ID, d->now_ms);
	}
}

static void wait(struct drive *d, uint8_t how)
{
	int64_t at = comfy_deadline(d->c);

	d->now_ms = how == 0 && at != NEVER ? max_of(at, d->now_ms) : d->now_ms + how * 100;
	comfy_tick(d->c, d->now_ms);
}

static void command(struct drive *d, uint8_t verb, uint8_t how, const char *rest, size_t len)
{
	switch (verb % 8) {
	case 0:
	case 1:
		answer(d, how, rest, len);
		break;
	case 2:
		ask(d, how);
		break;
	case 3:
		wait(d, how);
		break;
	case 4:
		comfy_ws_opened(d->c, d->now_ms);
		break;
	case 5:
		comfy_ws_closed(d->c, how & 1 ? 400 : 0, d->now_ms);
		break;
	case 6:
		comfy_ws_received(d->c, rest, len, false, d->now_ms);
		break;
	default:
		comfy_ws_received(d->c, rest, len, true, d->now_ms);
	}
	drain(d);
}

/* Each command: verb, a byte, two bytes of length, so many bytes. */
static void drive(const char *data, size_t size)
{
	struct comfy_config config = {
		.url = "http://127.0.0.1:8188/x", .api_key = "k", .stall_ms = 5000};
	struct drive d = {.now_ms = 1000};

	rng_seed(&d.rng, 1);
	d.c = comfy_client_new(&config, &d.rng);
	comfy_start(d.c, d.now_ms);
	drain(&d);
	for (int i = 0; size >= 4 && i < 500; i++) {
		size_t len = (size_t)(uint8_t)data[2] << 8 | (uint8_t)data[3];

		len = min_of(len, size - 4);
		command(&d, (uint8_t)data[0], (uint8_t)data[1], data + 4, len);
		data += 4 + len;
		size -= 4 + len;
	}
	comfy_client_free(d.c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const char *data, size_t len) = {
		read_text, read_binary, read_history, read_refusal, drive, read_stats};
	char *copy;

	if (size == 0)
		return 0;
	/* On the heap and exactly as long, so that every byte read beyond is seen. */
	copy = xcalloc(max_of(size - 1, (size_t)1), 1);
	memcpy(copy, data + 1, size - 1);
	readers[data[0] % countof(readers)](copy, size - 1);
	free(copy);
	return 0;
}
