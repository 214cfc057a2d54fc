/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Answers of the REST API, or of what stands before it. The input is lines: a status, then headers
 * "Name: value", an empty line, and a body up to the next line "=="; each answers the next call.
 * Whatever comes, each call ends once, and the bot's times do not run away.
 */

#include <stdlib.h>

#include "base/limits.h"
#include "discord/rest.h"
#include "discord/rest_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CALLS 12

static char *next_line(char **rest)
{
	return *rest ? strsep(rest, "\n") : NULL;
}

static void read_answer(char **rest, struct http_response *ret)
{
	char *line = next_line(rest);
	struct buf *body = &ret->body;

	*ret = (struct http_response){.body = BUF(64 * KIB)};
	ret->status = line ? (int)strtoul(line, NULL, 10) % 600 : 0;
	if (ret->status < 100) {
		ret->status = 0;
		ret->error = xstrdup("no answer");
		ret->maybe_sent = line && *line == '0';
	}
	while ((line = next_line(rest)) && *line) {
		char *value = strchr(line, ':');

		if (!value)
			continue;
		*value++ = '\0';
		http_response_header(ret, line, value + strspn(value, " "));
	}
	while ((line = next_line(rest)) && !str_eq(line, "=="))
		if (buf_add_str(body, line) < 0 || buf_add_str(body, "\n") < 0)
			break;
}

static void read_alone(const struct http_response *res)
{
	struct rest_reading reading = {0};

	rest_read(res, &reading);
	must(reading.limit >= -1 && reading.remaining >= -1);
	must(reading.reset_after_ms >= -1 && reading.retry_after_ms >= -1);
	rest_reading_free(&reading);
}

static void submit(struct rest *rest, unsigned i, int64_t now_ms)
{
	static const char *const routes[] = {"POST /channels/{}/messages",
		"PATCH /channels/{}/messages/{}", "GET /guilds/{}/channels",
		"POST /interactions/{}/{}/callback"};
	static const enum http_method methods[] = {HTTP_POST, HTTP_PATCH, HTTP_GET, HTTP_POST};
	static const uint32_t flags[] = {0, REST_REPEATABLE | REST_BACKGROUND, REST_REPEATABLE,
		REST_INTERACTION | REST_URGENT};
	struct rest_call *call = rest_call_new(methods[i % 4], routes[i % 4], "1", flags[i % 4]);

	call->http.url = xstrdup("/channels/1/messages");
	call->tag = 1u << i;
	call->deadline_ms = i % 3 ? now_ms + 3600000 : 0;
	call->coalesce = i % 4 == 1 ? 9 : 0;
	(void)rest_submit(rest, call, now_ms);
}

static unsigned finished(struct rest *rest, unsigned ended)
{
	struct rest_call *call;

	while ((call = rest_finished(rest))) {
		must(!(ended & call->tag)); /* once */
		ended |= (unsigned)call->tag;
		rest_call_free(call);
	}
	for (char *note; (note = rest_note(rest));) {
		must(!strstr(note, "TOKEN"));
		free(note);
	}
	return ended;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rest_config config = {
		"https://discord.test/api/v10", "TOKEN", "DiscordBot (x, 1)", 0};
	char *text = xstrndup((const char *)data, size), *rest_text = text;
	int64_t now_ms = 1000000;
	struct rest *rest;
	unsigned ended = 0;
	struct rng rng;

	rng_seed(&rng, 3);
	rest = rest_new(&config, &rng);
	for (unsigned i = 0; i < CALLS; i++)
		submit(rest, i, now_ms);
	for (int turn = 0; turn < 400 && rest_pending(rest); turn++) {
		struct rest_call *call = rest_next(rest, now_ms);
		struct http_response res;
		int64_t due_ms;

		if (call) {
			if (rest_text && *rest_text) {
				read_answer(&rest_text, &res);
				read_alone(&res);
			} else {
				res = (struct http_response){.status = 204};
			}
			rest_answer(rest, call, &res, now_ms);
			http_response_free(&res);
		} else {
			due_ms = rest_deadline(rest, now_ms);
			must(due_ms != NEVER && due_ms >= now_ms); /* else it would wait for ever */
			now_ms = max_of(due_ms, now_ms + 1);
		}
		ended = finished(rest, ended);
	}
	must(rest_pending(rest) == 0);
	must(ended == (1u << CALLS) - 1);
	rest_free(rest);
	free(text);
	return 0;
}
