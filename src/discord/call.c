/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"

/* 25 MiB over a home line of 1 Mbit/s take 210 s. */
#define UPLOAD_TIMEOUT_MS 300000

static char *path_text(const char *path, va_list args)
{
	char *text = NULL;

	must(vasprintf(&text, path, args) >= 0);
	return text;
}

static struct rest_call *make(
	enum http_method method, const char *route, uint64_t major, uint32_t flags)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, major);
	return rest_call_new(method, route, major ? text : NULL, flags);
}

struct rest_call *call_make(enum http_method method, const char *route, uint64_t major,
	uint32_t flags, const char *path, ...)
{
	struct rest_call *call = make(method, route, major, flags);
	va_list args;

	va_start(args, path);
	call->http.url = path_text(path, args);
	va_end(args);
	return call;
}

struct rest_call *call_get(const char *route, uint64_t major, const char *path, ...)
{
	struct rest_call *call = make(HTTP_GET, route, major, REST_REPEATABLE);
	va_list args;

	va_start(args, path);
	call->http.url = path_text(path, args);
	va_end(args);
	call->http.answer_max = DISCORD_ANSWER_MAX;
	return call;
}

void call_body(struct rest_call *call, struct json_object *body)
{
	http_request_json(&call->http, json_text(body));
	json_put(&body);
}

void call_payload(struct rest_call *call, struct json_object *body)
{
	char *text = json_text(body);

	http_request_part(
		&call->http, "payload_json", NULL, "application/json", text, strlen(text));
	call->http.timeout_ms = UPLOAD_TIMEOUT_MS;
	free(text);
	json_put(&body);
}

void call_file(struct rest_call *call, size_t index, const char *filename, const char *type,
	struct blob *blob, const void *data, size_t len)
{
	char name[24];

	snprintf(name, sizeof(name), "files[%zu]", index);
	if (blob)
		http_request_part_blob(&call->http, name, filename, type, blob);
	else
		http_request_part(&call->http, name, filename, type, data, len);
}
