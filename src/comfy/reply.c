/* SPDX-License-Identifier: Apache-2.0 */
#include "comfy/reply.h"

#include <stdlib.h>
#include <strings.h>

#include "base/json.h"
#include "base/limits.h"

/* Blanks out the numbers that JSON does not have; `text` is changed in place, never longer. */
static void blank_odd_numbers(char *text, size_t len)
{
	static const char *const odd[] = {"-Infinity", "Infinity", "NaN"};
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\' && in_string) {
			i++;
			continue;
		}
		if (text[i] == '"')
			in_string = !in_string;
		if (in_string || !strchr("-IN", text[i]) || text[i] == '\0')
			continue;
		for (size_t k = 0; k < countof(odd); k++) {
			size_t n = strlen(odd[k]);

			if (len - i < n || memcmp(text + i, odd[k], n) != 0)
				continue;
			memset(text + i, ' ', n);
			/* One digit fits where "null" would not, and nobody reads the value. */
			text[i] = '0';
			i += n - 1;
			break;
		}
	}
}

struct json_object *comfy_json(const char *text, size_t len)
{
	cleanup(freep) char *copy = NULL;
	struct json_object *doc;

	if (!text || len == 0)
		return NULL;
	doc = json_parse(text, len, NULL);
	if (doc || (!memmem(text, len, "NaN", 3) && !memmem(text, len, "Infinity", 8)))
		return doc;
	copy = xstrndup(text, len);
	blank_odd_numbers(copy, strlen(copy));
	return json_parse(copy, strlen(copy), NULL);
}

struct json_object *comfy_reply_json(const struct http_response *res)
{
	return http_response_is_json(res) ? comfy_json(buf_str(&res->body), res->body.len) : NULL;
}

static bool is_html(const struct http_response *res)
{
	const char *type = http_response_get(res, "Content-Type");

	return type && strncasecmp(type, "text/html", 9) == 0;
}

bool comfy_reply_foreign(const struct http_response *res)
{
	if (res->status >= 300 && res->status < 400)
		return true;
	if (res->status == 401 || res->status == 403 || res->status == 404 || res->status == 407)
		return true;
	return res->status > 0 && res->status < 500 && is_html(res);
}

char *comfy_reply_why(const struct http_response *res, bool with_key)
{
	static const struct {
		int status;
		const char *why;
	} known[] = {
		{403, "access is refused (403): check COMFY_API_KEY or COMFY_API_KEYS, and the proxy in front of it"},
		{404, "no ComfyUI at this address (404): check the path in COMFY_URL"},
		{407, "a proxy on the way asks for a password"},
		{413, "what was sent is too large for the server"},
		{429, "the server asks for fewer requests (429)"},
	};

	if (res->status == 0)
		return xasprintf("the server does not answer: %s",
			res->error && *res->error ? res->error : "no reason given");
	if (res->status == 401)
		return xstrdup(
			with_key ? "the API key was refused: check COMFY_API_KEY or its entry in "
				   "COMFY_API_KEYS"
				 : "the server asks for a key: set COMFY_API_KEY");
	for (size_t i = 0; i < countof(known); i++)
		if (known[i].status == res->status)
			return xstrdup(known[i].why);
	if (res->status >= 300 && res->status < 400)
		return xasprintf("the address leads elsewhere (%d): check COMFY_URL", res->status);
	if (is_html(res) && res->status < 500)
		return xstrdup("something that is not ComfyUI answers (a proxy's page)");
	if (res->status >= 400)
		return xasprintf("the server answers with an error (%d)", res->status);
	return xstrdup("the answer is not what a ComfyUI gives");
}

char *comfy_line(const char *text, size_t max)
{
	size_t n, keep;
	char *line;

	while (*text && (unsigned char)*text <= ' ')
		text++;
	n = strcspn(text, "\r\n");
	keep = min_of(n, max);
	/* A character is not cut in two. */
	while (keep > 0 && keep < n && ((unsigned char)text[keep] & 0xc0) == 0x80)
		keep--;
	line = xstrndup(text, keep);
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	while (keep > 0 && line[keep - 1] == ' ')
		line[--keep] = '\0';
	return line;
}
