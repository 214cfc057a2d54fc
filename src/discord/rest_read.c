/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/rest_read.h"

#include <math.h>
#include <stdlib.h>

#include "base/json.h"

#define MESSAGE_BYTES_MAX 1000
#define PART_BYTES_MAX	  300
#define PATH_BYTES_MAX	  200
#define SECONDS_MAX	  86400.0 /* no limit lasts longer than a day */
#define COUNT_MAX	  1e6
#define EPOCH_MAX	  1e11

/* A non-negative number, at most `most`; -1 when the text is not exactly one. */
static double number(const char *text, double most)
{
	char *end;
	double v;

	/* strtod would take white space, hexadecimal digits, "inf" and "nan" too. */
	if (!text || !*text || strspn(text, "0123456789.") != strlen(text))
		return -1;
	v = strtod(text, &end);
	return *end ? -1 : fmin(v, most);
}

static int64_t milliseconds(double seconds)
{
	return seconds < 0 ? -1 : (int64_t)ceil(seconds * 1000);
}

static void read_headers(const struct http_response *res, struct rest_reading *ret)
{
	const char *scope = http_response_get(res, "X-RateLimit-Scope");
	const char *global = http_response_get(res, "X-RateLimit-Global");

	ret->hash = http_response_get(res, "X-RateLimit-Bucket");
	if (ret->hash && (!*ret->hash || strlen(ret->hash) > PATH_BYTES_MAX))
		ret->hash = NULL;
	ret->limit = (int)number(http_response_get(res, "X-RateLimit-Limit"), COUNT_MAX);
	ret->remaining = (int)number(http_response_get(res, "X-RateLimit-Remaining"), COUNT_MAX);
	ret->reset_after_ms = milliseconds(
		number(http_response_get(res, "X-RateLimit-Reset-After"), SECONDS_MAX));
	ret->reset_at_ms =
		milliseconds(number(http_response_get(res, "X-RateLimit-Reset"), EPOCH_MAX));
	ret->retry_after_ms =
		milliseconds(number(http_response_get(res, "Retry-After"), SECONDS_MAX));
	ret->global = str_eq(scope, "global") || str_eq(global, "true");
	ret->shared = str_eq(scope, "shared");
}

/* Appends at most `most` bytes of the text, whole characters, on one line. */
static void add_clean(struct buf *out, const char *text, size_t most)
{
	size_t n = strnlen(text, min_of(most, out->max - out->len));

	while (n > 0 && text[n] && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	for (size_t i = 0; i < n; i++) {
		char c = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];

		(void)buf_add(out, &c, 1);
	}
}

static void add_error(struct buf *out, const struct buf *path, struct json_object *error)
{
	const char *code = json_str(error, "code"), *message = json_str(error, "message");

	if (json_object_is_type(error, json_type_string))
		message = json_object_get_string(error);
	if (!message && !code)
		return;
	add_clean(out, out->len ? "; " : "", 2);
	add_clean(out, buf_str(path), PART_BYTES_MAX);
	add_clean(out, path->len ? ": " : "", 2);
	add_clean(out, code ? code : "", PART_BYTES_MAX);
	add_clean(out, code && message ? " " : "", 1);
	add_clean(out, message ? message : "", PART_BYTES_MAX);
}

/*
 * Discord: {"attachments":{"0":{"filename":{"_errors":[{"code","message"}]}}}}, array
 * indexes being member names; {"field":["message"]} was seen too. The depth is that
 * of the parser.
 */
static void flatten(struct buf *out, struct buf *path, struct json_object *node)
{
	size_t len = path->len;

	if (json_object_is_type(node, json_type_array)) {
		for (size_t i = 0; i < json_len(node); i++)
			add_error(out, path, json_object_array_get_idx(node, i));
		return;
	}
	if (!json_object_is_type(node, json_type_object))
		return;
	json_object_object_foreach(node, name, member)
	{
		if (strcmp(name, "_errors") != 0) {
			add_clean(path, len ? "." : "", 1);
			add_clean(path, name, PART_BYTES_MAX);
		}
		flatten(out, path, member);
		path->len = len;
		if (path->data)
			path->data[len] = '\0';
	}
}

static char *describe(struct json_object *doc)
{
	struct buf out = BUF(MESSAGE_BYTES_MAX), path = BUF(PATH_BYTES_MAX),
		   list = BUF(MESSAGE_BYTES_MAX);
	const char *message = json_str(doc, "message");
	struct json_object *errors = json_member(doc, "errors");

	flatten(&list, &path, errors || message ? errors : doc);
	add_clean(&out, message ? message : "", PART_BYTES_MAX);
	add_clean(&out, out.len && list.len ? ": " : "", 2);
	add_clean(&out, buf_str(&list), MESSAGE_BYTES_MAX);
	buf_free(&path);
	buf_free(&list);
	if (out.len)
		return buf_take(&out);
	buf_free(&out);
	return NULL;
}

static bool body_holds(const struct http_response *res, const char *text)
{
	return res->body.len && memmem(res->body.data, res->body.len, text, strlen(text));
}

/*
 * Signs of a ban by Cloudflare, seen in practice: no `Via` (Discord's own answers pass
 * Google's load balancer), HTML, "error code: 1015", "You are being blocked". An
 * answer with Discord's own limit headers or error code is Discord's, whatever a
 * proxy in between did to `Via`.
 */
static bool is_block(const struct http_response *res, const struct rest_reading *r)
{
	bool via = http_response_get(res, "Via");

	if (res->status == 429)
		return !r->json ||
		       (!via && !r->hash && !http_response_get(res, "X-RateLimit-Scope") &&
			       !http_response_get(res, "X-RateLimit-Global"));
	if (res->status == 403 && r->json)
		return r->code == 0 &&
		       (!via || (r->retry_after_ms < 0 &&
					str_starts(r->message, "You are being blocked")));
	if (res->status == 403)
		return !via || res->body.len > 0;
	return res->status >= 400 && res->status < 500 && !r->json &&
	       body_holds(res, "error code: 1015");
}

void rest_read(const struct http_response *res, struct rest_reading *ret)
{
	cleanup(json_put) struct json_object *doc = NULL;
	double seconds;

	*ret = (struct rest_reading){0};
	read_headers(res, ret);
	if (res->status < 400)
		return;
	if (http_response_is_json(res) || (res->body.len && res->body.data[0] == '{'))
		doc = json_parse(buf_str(&res->body), res->body.len, NULL);
	ret->json = doc && json_object_is_type(doc, json_type_object);
	if (ret->json) {
		ret->code = json_int(doc, "code", 0);
		ret->message = describe(doc);
		ret->global = ret->global || json_flag(doc, "global", false);
		seconds = json_num(doc, "retry_after", -1);
		if (seconds >= 0)
			ret->retry_after_ms = milliseconds(fmin(seconds, SECONDS_MAX));
	}
	ret->blocked = is_block(res, ret);
}

void rest_reading_free(struct rest_reading *reading)
{
	free(reading->message);
	*reading = (struct rest_reading){0};
}

char *rest_redact(const char *path)
{
	static const char *const secret[] = {"/interactions/", "/webhooks/"};

	for (size_t i = 0; i < countof(secret); i++) {
		const char *id = strstr(path, secret[i]), *token, *rest;

		token = id ? strchr(id + strlen(secret[i]), '/') : NULL;
		if (!token)
			continue;
		token++;
		rest = token + strcspn(token, "/? ");
		return xasprintf("%.*s***%s", (int)(token - path), path, rest);
	}
	return xstrdup(path);
}
