/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "comfy/client.h"
#include "sandbox/comfy_world.h"
#include "sandbox/draw.h"

/*
 * The client against the sandbox's model of ComfyUI, which was written from the same observations
 * by other hands: whole jobs under each of its faults, with random latency, and no rule broken.
 */

#define START  INT64_C(1700000000000)
#define PROMPT "0b7e4c1a-5d2f-4a63-9c18-2f6a7b3c4d5e"

static const char graph[] =
	"{\"1\":{\"class_type\":\"UnetLoaderGGUF\",\"inputs\":{\"unet_name\":"
	"\"flux1-schnell-Q4_K_S.gguf\"}},"
	"\"2\":{\"class_type\":\"DualCLIPLoaderGGUF\",\"inputs\":{\"clip_name1\":"
	"\"clip_l.safetensors\",\"clip_name2\":\"t5xxl_fp8_e4m3fn.safetensors\",\"type\":\"flux\"}}"
	","
	"\"3\":{\"class_type\":\"VAELoader\",\"inputs\":{\"vae_name\":\"ae.safetensors\"}},"
	"\"4\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"a "
	"fox\",\"clip\":[\"2\",0]}},"
	"\"5\":{\"class_type\":\"EmptyLatentImage\",\"inputs\":{\"width\":512,\"height\":256,"
	"\"batch_size\":1}},"
	"\"6\":{\"class_type\":\"KSampler\",\"inputs\":{\"model\":[\"1\",0],\"seed\":7,\"steps\":5,"
	"\"cfg\":1,\"sampler_name\":\"euler\",\"scheduler\":\"simple\",\"positive\":[\"4\",0],"
	"\"negative\":[\"4\",0],\"latent_image\":[\"5\",0],\"denoise\":1}},"
	"\"7\":{\"class_type\":\"VAEDecode\",\"inputs\":{\"samples\":[\"6\",0],\"vae\":[\"3\",0]}},"
	"\"9\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"7\",0],\"filename_prefix\":"
	"\"x\"}}}";

struct pending {
	uint64_t id;
	int64_t at_ms;
	struct http_response res;
};

struct meeting {
	struct comfy_world *w;
	struct comfy_client *c;
	struct rng rng, dice;
	int64_t now_ms;
	struct pending answers[64];
	int n_answers;
	uint64_t conn, last_conn;
	bool open, opening, closing;
	int previews, progress, percent;
	size_t bytes;
	char log[300];
	char *text;
};

struct meeting_case {
	const char *name;
	const char *fault;
	int64_t at_ms; /* when the fault comes */
	const char *key, *server_key;
	/* One of these, and the first while nothing else is said. */
	const char *expected, *or_else;
	int previews;
};

static void carry(struct meeting *m, const struct comfy_action *action)
{
	struct pending *p;
	struct http_request req;

	switch (action->kind) {
	case COMFY_HTTP:
		assert_true(m->n_answers < (int)countof(m->answers));
		p = &m->answers[m->n_answers++];
		*p = (struct pending){.id = action->id};
		http_request_copy(&req, action->request);
		free(req.url);
		req.url = xstrdup(action->request->url + strlen("http://gpu:8188"));
		comfy_world_http(m->w, &req, &p->res, m->now_ms);
		http_request_free(&req);
		p->at_ms = m->now_ms + 1 + (int64_t)rng_below(&m->dice, 40);
		if (p->res.status == 0 && str_starts(p->res.error, "hang "))
			p->at_ms += 2000;
		break;
	case COMFY_WS_OPEN:
		m->opening = true;
		http_request_copy(&req, action->request);
		free(req.url);
		req.url = xstrdup(action->request->url + strlen("ws://gpu:8188"));
		m->conn = ++m->last_conn;
		if (comfy_world_ws_open(m->w, m->conn, req.url, &req, m->now_ms) == 0)
			m->open = true;
		http_request_free(&req);
		break;
	case COMFY_WS_SEND:
		if (m->open)
			comfy_world_ws_received(m->w, m->conn, action->text, strlen(action->text),
				false, m->now_ms);
		break;
	case COMFY_WS_CLOSE:
		m->closing = true;
		break;
	}
}

static void sockets(struct meeting *m)
{
	struct world_output out;

	if (m->opening) {
		m->opening = false;
		if (m->open)
			comfy_ws_opened(m->c, m->now_ms);
		else
			comfy_ws_closed(m->c, 503, m->now_ms);
	}
	if (m->closing) {
		m->closing = false;
		if (m->open)
			comfy_world_ws_closed(m->w, m->conn, 1000, m->now_ms);
		m->open = false;
		comfy_ws_closed(m->c, 0, m->now_ms);
	}
	while (comfy_world_next_output(m->w, &out)) {
		if (out.conn == m->conn && m->open && out.close) {
			m->open = false;
			comfy_ws_closed(m->c, 0, m->now_ms);
		} else if (out.conn == m->conn && m->open) {
			comfy_ws_received(m->c, out.data, out.len, out.binary, m->now_ms);
		}
		free(out.data);
	}
}

static void note(struct meeting *m, const char *name)
{
	size_t n = strlen(m->log);

	snprintf(m->log + n, sizeof(m->log) - n, "%s%s", n ? " " : "", name);
}

static void told(struct meeting *m, struct comfy_event *e)
{
	static const char *const names[] = {
		[COMFY_REFUSED] = "refused",
		[COMFY_FAILED_ASK] = "failed_ask",
		[COMFY_FINISHED] = "finished",
		[COMFY_FAILED] = "failed",
		[COMFY_INTERRUPTED] = "interrupted",
		[COMFY_LOST] = "lost",
		[COMFY_STALLED] = "stalled",
		[COMFY_FETCHED] = "fetched",
		[COMFY_SUBMITTED] = "submitted",
		[COMFY_TOO_LARGE] = "too_large",
		[COMFY_DAMAGED] = "damaged",
		[COMFY_NO_OUTPUT] = "no_output",
	};

	if (e->text)
		str_set(&m->text, e->text);
	if (e->kind == COMFY_PROGRESS) {
		assert_true(e->percent >= m->percent);
		m->percent = e->percent;
		m->progress++;
	} else if (e->kind == COMFY_PREVIEW) {
		m->previews++;
	} else if (e->kind != COMFY_UP && e->kind != COMFY_DOWN && e->kind != COMFY_STATS) {
		note(m, names[e->kind]);
	}
	if (e->kind == COMFY_SUBMITTED)
		comfy_watch(m->c, 2, PROMPT, m->now_ms);
	if (e->kind == COMFY_FINISHED)
		comfy_fetch(m->c, 3, PROMPT, 10 * MIB, m->now_ms);
	if (e->kind == COMFY_FETCHED)
		m->bytes = e->files[0].data.len;
	comfy_event_free(e);
}

static void turn(struct meeting *m)
{
	struct comfy_action action;
	struct comfy_event event;
	bool moved = true;

	comfy_world_tick(m->w, m->now_ms);
	while (moved) {
		moved = false;
		sockets(m);
		for (int i = 0; i < m->n_answers; i++)
			if (m->answers[i].at_ms <= m->now_ms) {
				struct pending p = m->answers[i];

				m->answers[i--] = m->answers[--m->n_answers];
				comfy_http_answer(m->c, p.id, &p.res, m->now_ms);
			}
		if (comfy_deadline(m->c) <= m->now_ms)
			comfy_tick(m->c, m->now_ms);
		while (comfy_next_action(m->c, &action)) {
			carry(m, &action);
			moved = true;
		}
		while (comfy_next_event(m->c, &event)) {
			told(m, &event);
			moved = true;
		}
	}
}

static void pass(struct meeting *m, int64_t until_ms)
{
	while (m->now_ms < until_ms) {
		int64_t next;

		turn(m);
		next = min_of(comfy_deadline(m->c), comfy_world_deadline(m->w));
		for (int i = 0; i < m->n_answers; i++)
			next = min_of(next, m->answers[i].at_ms);
		m->now_ms = min_of(max_of(next, m->now_ms + 1), until_ms);
	}
}

static const struct meeting_case cases[] = {
	{.name = "happy", .expected = "submitted finished fetched", .previews = 1},
	{.name = "with a key",
		.key = "a:b",
		.server_key = "a:b",
		.expected = "submitted finished fetched",
		.previews = 1},
	{.name = "wrong key", .key = "x", .server_key = "y", .expected = "failed_ask"},
	{.name = "restart",
		.fault = "{\"kind\":\"comfy_restart\",\"down_ms\":3000}",
		.at_ms = 1600,
		.expected = "submitted lost"},
	{.name = "out of memory",
		.fault = "{\"kind\":\"comfy_oom\",\"count\":1}",
		.expected = "submitted failed"},
	{.name = "error",
		.fault = "{\"kind\":\"comfy_error\",\"count\":1}",
		.expected = "submitted failed"},
	{.name = "stall",
		.fault = "{\"kind\":\"comfy_stall\",\"ms\":600000}",
		.at_ms = 1600,
		.expected = "submitted stalled"},
	{.name = "short stall",
		.fault = "{\"kind\":\"comfy_stall\",\"ms\":5000}",
		.at_ms = 1600,
		.expected = "submitted finished fetched"},
	{.name = "socket dropped",
		.fault = "{\"kind\":\"comfy_ws_drop\"}",
		.at_ms = 1600,
		.expected = "submitted finished fetched"},
	{.name = "no sockets",
		.fault = "{\"kind\":\"comfy_ws_refuse\",\"ms\":600000}",
		.expected = "submitted finished fetched"},
	{.name = "garbage",
		.fault = "{\"kind\":\"comfy_ws_garbage\"}",
		.at_ms = 1600,
		.expected = "submitted finished fetched"},
	{.name = "zombie",
		.fault = "{\"kind\":\"comfy_zombie\"}",
		.at_ms = 500,
		.expected = "submitted finished fetched"},
	{.name = "zombie in the run",
		.fault = "{\"kind\":\"comfy_zombie\"}",
		.at_ms = 1600,
		.expected = "submitted finished fetched"},
	{.name = "output gone",
		.fault = "{\"kind\":\"comfy_forget_output\",\"count\":1}",
		.expected = "submitted finished lost",
		.or_else = "submitted lost"},
	{.name = "500 and queued",
		.fault = "{\"kind\":\"status\",\"method\":\"POST\",\"route\":"
			 "\"/prompt\",\"status\":500,\"executed\":true}",
		.expected = "submitted finished fetched"},
	{.name = "500",
		.fault = "{\"kind\":\"status\",\"method\":\"POST\",\"route\":\"/prompt\","
			 "\"status\":500}",
		.expected = "failed_ask"},
	{.name = "reset and queued",
		.fault = "{\"kind\":\"reset\",\"method\":\"POST\",\"route\":"
			 "\"/prompt\",\"executed\":true}",
		.expected = "submitted finished fetched"},
	{.name = "reset",
		.fault = "{\"kind\":\"reset\",\"method\":\"POST\",\"route\":\"/prompt\"}",
		.expected = "lost"},
	{.name = "hang",
		.fault = "{\"kind\":\"hang\",\"ms\":2000,\"method\":\"POST\",\"route\":"
			 "\"/prompt\",\"executed\":true}",
		.expected = "submitted finished fetched"},
	{.name = "history fails",
		.fault = "{\"kind\":\"status\",\"method\":\"GET\",\"route\":"
			 "\"/history/{}\",\"status\":502,\"count\":3}",
		.expected = "submitted finished fetched"},
	{.name = "view fails",
		.fault = "{\"kind\":\"reset\",\"method\":\"GET\",\"route\":\"/view\","
			 "\"count\":2}",
		.expected = "submitted finished fetched"},
	{.name = "large",
		.fault = "{\"kind\":\"comfy_pad\",\"bytes\":12000000}",
		.expected = "submitted finished fetched"},
};

static void meet(const struct meeting_case *k, uint64_t seed)
{
	struct world_config config = {.seed = seed,
		.comfy_key = k->server_key,
		.step_ms = 2400, /* graph is an eighth of a megapixel */
		.load_ms = 408,
		.draw = draw_tiny,
		.transcode = transcode_tiny};
	struct comfy_config client = {
		.url = "http://gpu:8188", .api_key = k->key, .stall_ms = 20000};
	struct meeting m = {.now_ms = START, .percent = -1};
	struct json_object *fault, *state;

	rng_seed(&m.rng, seed);
	rng_seed(&m.dice, seed + 1000);
	m.w = comfy_world_new(&config, m.now_ms);
	m.c = comfy_client_new(&client, &m.rng);
	comfy_start(m.c, m.now_ms);
	pass(&m, START + k->at_ms % 1000);
	if (k->fault && k->at_ms < 1000) {
		fault = json_parse(k->fault, strlen(k->fault), NULL);
		assert_int_equal(comfy_world_fault(m.w, fault, m.now_ms), 0);
		json_put(&fault);
	}
	pass(&m, START + 1000);
	comfy_submit(m.c, 1, PROMPT, graph, m.now_ms);
	if (k->fault && k->at_ms >= 1000) {
		pass(&m, START + 1000 + k->at_ms);
		fault = json_parse(k->fault, strlen(k->fault), NULL);
		assert_int_equal(comfy_world_fault(m.w, fault, m.now_ms), 0);
		json_put(&fault);
	}
	pass(&m, START + 120000);
	if (strcmp(m.log, k->expected) != 0 && !str_eq(m.log, k->or_else))
		fail_msg("%s, seed %d: '%s' (%s)", k->name, (int)seed, m.log, m.text);
	if (m.previews < k->previews)
		fail_msg("%s: %d previews", k->name, m.previews);
	if (strstr(m.log, "fetched"))
		assert_in_range(m.bytes, 1, 10 * MIB);
	if (comfy_world_violations(m.w) != 0) {
		state = json_object_new_object();
		comfy_world_state(m.w, state);
		fail_msg("%s: %s", k->name,
			json_object_to_json_string(json_at(state, "comfy.violations")));
	}
	comfy_client_free(m.c);
	comfy_world_free(m.w);
	for (int i = 0; i < m.n_answers; i++)
		http_response_free(&m.answers[i].res);
	free(m.text);
}

static void test_meeting(void **state)
{
	for (size_t i = 0; i < countof(cases); i++)
		for (uint64_t seed = 1; seed <= 5; seed++)
			meet(&cases[i], seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_meeting)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
