/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the sandbox's Discord and ComfyUI are sent: lines "METHOD SIDE PATH", a line of JSON for the
 * body, or "ws SIDE PATH" and messages. Whatever it is, it is answered, and what the world tells of
 * itself is JSON.
 */

#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "sandbox/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES_MAX 40

struct play {
	struct world *w;
	int64_t now_ms;
	uint64_t conn, user, channel;
	char *rest;
};

static size_t draw(void *ctx, const struct draw_request *req, char **out)
{
	must(req->width > 0 && req->height > 0);
	*out = xstrdup("PNG");
	return 3;
}

static char *next_line(struct play *p)
{
	char *line = p->rest ? strsep(&p->rest, "\n") : NULL;

	return line ? line : (char *)"";
}

static void drain(struct play *p)
{
	struct world_output o;

	while (world_next_output(p->w, &o))
		world_output_free(&o);
}

static void request(struct play *p, enum http_method method, enum world_side side, const char *path)
{
	struct http_request req = {.method = method, .url = xasprintf("/%s", path)};
	struct http_response res = {.body = BUF(4 * MIB)};

	http_request_header(&req, "Host", "127.0.0.1");
	http_request_header(&req, "Authorization", "Bot TOKEN");
	if (method != HTTP_GET)
		http_request_json(&req, xstrdup(next_line(p)));
	world_http(p->w, side, &req, &res, p->now_ms);
	must(res.status == 0 ? res.error != NULL : (res.status >= 100 && res.status < 600));
	http_request_free(&req);
	http_response_free(&res);
}

static void socket_of(struct play *p, enum world_side side, const char *path)
{
	struct http_request req = {.url = xasprintf("/%s", path)};
	const char *text;

	http_request_header(&req, "Host", "127.0.0.1");
	http_request_header(&req, "User-Agent", "DiscordBot (x, 1)");
	if (world_ws_open(p->w, side, ++p->conn, req.url, &req, p->now_ms) == 0) {
		text = next_line(p);
		world_ws_received(p->w, p->conn, text, strlen(text), false, p->now_ms);
		text = next_line(p);
		world_ws_received(p->w, p->conn, text, strlen(text), *text == 'b', p->now_ms);
		if (*text == 'c')
			world_ws_closed(p->w, p->conn, 1000, p->now_ms);
	}
	http_request_free(&req);
}

/* What a person or a test does, as the page sends it. */
static void deed(struct play *p, char kind, const char *text)
{
	struct json_object *doc = json_parse(text, strlen(text), NULL);
	char *why = NULL;

	if (kind == 'a')
		(void)world_act(p->w, doc, p->now_ms);
	else if (kind == 'f')
		(void)world_fault(p->w, doc, p->now_ms);
	else if (kind == 'c')
		(void)world_command(p->w, p->user, 0, 0, "imagine", doc, &why, p->now_ms);
	else if (kind == 's')
		(void)world_say(p->w, p->user, p->channel, text, NULL, p->now_ms);
	free(why);
	json_put(&doc);
}

static void step(struct play *p)
{
	static const struct {
		const char *name;
		enum http_method method;
	} methods[] = {{"GET ", HTTP_GET}, {"POST ", HTTP_POST}, {"PUT ", HTTP_PUT},
		{"PATCH ", HTTP_PATCH}, {"DELETE ", HTTP_DELETE}};
	char *line = next_line(p);
	enum world_side side;

	for (size_t i = 0; i < countof(methods); i++) {
		const char *path = line + strlen(methods[i].name);

		if (!str_starts(line, methods[i].name))
			continue;
		side = *path == 'c' ? WORLD_COMFY : WORLD_DISCORD;
		request(p, methods[i].method, side, *path ? path + 1 : path);
		return;
	}
	if (str_starts(line, "ws "))
		socket_of(p, line[3] == 'c' ? WORLD_COMFY : WORLD_DISCORD, line[3] ? line + 4 : "");
	else if (*line == 't')
		p->now_ms += 1000 * (int64_t)strlen(line);
	else if (*line)
		deed(p, *line, line + 1);
	world_tick(p->w, p->now_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world_config config = {.seed = 1,
		.bot_token = "TOKEN",
		.guild_id = UINT64_C(7) << 22,
		.rest_base = "http://127.0.0.1:1/api/v10",
		.gateway_url = "ws://127.0.0.1:1/gateway",
		.cdn_base = "http://127.0.0.1:1/cdn",
		.step_ms = 10,
		.load_ms = 10,
		.draw = draw};
	char *text = xstrndup((const char *)data, size);
	struct play p = {.now_ms = INT64_C(1780000000000), .rest = text};
	struct json_object *state;

	p.w = world_new(&config, p.now_ms);
	p.user = world_add_user(p.w, "ana", true);
	p.channel = world_add_channel(p.w, "general", 0, 0);
	for (int i = 0; i < LINES_MAX && p.rest; i++) {
		step(&p);
		drain(&p);
	}
	state = world_state(p.w);
	must(json_object_is_type(state, json_type_object));
	json_put(&state);
	world_free(p.w);
	free(text);
	return 0;
}
