/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <strings.h>

#include "base/limits.h"
#include "comfy/client_state.h"
#include "comfy/reply.h"
#include "comfy/request.h"

/* Downloads: one file after the other, each made smaller until it fits. */

/* WebP by ComfyUI itself: 0 is the file as it is. */
static const int qualities[] = {0, 90, 75, 50, 30};

#define TRIES_MAX    5
#define RETRY_MS     300
#define RETRY_MAX_MS 4000
/* What a message has besides its files. */
#define MESSAGE_ROOM (256 * KIB)

static const char *content_type(const struct http_response *res)
{
	const char *type = http_response_get(res, "Content-Type");

	return type && *type ? type : "application/octet-stream";
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n >= m && strcasecmp(name + n - m, end) == 0;
}

static bool is_picture(const char *name)
{
	static const char *const ends[] = {
		".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".avif"};

	for (size_t i = 0; i < countof(ends); i++)
		if (ends_with(name, ends[i]))
			return true;
	return false;
}

static uint32_t u32_be(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool png_is_whole(const unsigned char *p, size_t len)
{
	size_t at = 8;

	/* length, name, data, checksum */
	while (len - at >= 12) {
		size_t n = u32_be(p + at);

		if (memcmp(p + at + 4, "IEND", 4) == 0)
			return true;
		if (n > len - at - 12)
			return false;
		at += n + 12;
	}
	return false;
}

bool fetch_is_whole(const char *data, size_t len)
{
	const unsigned char *p = (const unsigned char *)data;

	if (len >= 8 && memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0)
		return png_is_whole(p, len);
	if (len >= 12 && memcmp(p, "RIFF", 4) == 0 && memcmp(p + 8, "WEBP", 4) == 0)
		return ((size_t)p[4] | (size_t)p[5] << 8 | (size_t)p[6] << 16 |
			       (size_t)p[7] << 24) +
			       8 <=
		       len;
	return len > 0;
}

/* Nothing but the one that is meant is ever read. */
static void keep_only(struct history *history, size_t index)
{
	struct output_file file = history->files[index];

	history->files[index] = history->files[0];
	history->files[0] = file;
	history_cut(history, 1);
}

void fetch_begin(struct comfy_client *c, struct ask *a, struct history *history, int64_t now_ms)
{
	size_t whole;

	if (history->n_files == 0) {
		ask_end(c, a, COMFY_NO_OUTPUT, NULL, now_ms);
		return;
	}
	if (a->of > 0 && history->n_files != a->of) {
		ask_end(c, a, COMFY_OTHER_COUNT,
			xasprintf("%zu pictures of %zu prompts", history->n_files, a->of), now_ms);
		return;
	}
	if (a->of > 0)
		keep_only(history, a->only);
	history_cut(history, DISCORD_FILES_MAX);
	a->history = *history;
	*history = (struct history){0};
	/* All of them go into one message. */
	whole = max_of(a->limit, DISCORD_REQUEST_MAX - MESSAGE_ROOM);
	a->limit = min_of(a->limit, whole / a->history.n_files);
	a->files = xcalloc(a->history.n_files, sizeof(*a->files));
	a->tries = 0;
	a->smallest = INT64_MAX;
	ask_go(c, a, STEP_VIEW, now_ms);
}

void fetch_request(struct comfy_client *c, struct ask *a, struct http_request *ret)
{
	request_view(&c->config, &a->history.files[a->file], qualities[a->quality], ret);
}

static void fetch_end(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	struct comfy_event event = {.kind = COMFY_FETCHED, .tag = a->tag};

	if (a->n_files == 0) {
		event.kind = COMFY_TOO_LARGE;
		event.number = a->smallest == INT64_MAX ? (int64_t)COMFY_FILE_MAX : a->smallest;
	}
	event.files = take(a->files);
	event.n_files = a->n_files;
	a->n_files = 0;
	client_tell(c, &event);
	client_remove(c, a);
}

static void next_file(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	a->tries = 0;
	a->quality = 0;
	if (++a->file == a->history.n_files)
		fetch_end(c, a, now_ms);
	else
		ask_go(c, a, STEP_VIEW, now_ms);
}

static void smaller(struct comfy_client *c, struct ask *a, int64_t now_ms)
{
	a->tries = 0;
	if (!is_picture(a->history.files[a->file].filename) ||
		a->quality + 1 == (int)countof(qualities)) {
		next_file(c, a, now_ms);
		return;
	}
	a->quality++;
	ask_go(c, a, STEP_VIEW, now_ms);
}

static void keep(struct ask *a, struct http_response *res)
{
	const char *name = a->history.files[a->file].filename;
	const char *dot = strrchr(name, '.');
	struct comfy_file *file = &a->files[a->n_files++];
	const char *type = content_type(res);

	/* What was made into a WebP is called so. */
	file->name =
		a->quality && dot ? xasprintf("%.*s.webp", (int)(dot - name), name) : xstrdup(name);
	file->type = xstrndup(type, strcspn(type, "; "));
	file->data = res->body;
	res->body = (struct buf){0};
}

/* > 0: all that the server announced has come; < 0: not all; 0: it announced nothing. */
static int came_whole(const struct http_response *res)
{
	const char *length = http_response_get(res, "Content-Length");
	uint64_t n;

	if (!length || http_response_get(res, "Content-Encoding") || parse_u64(length, &n) < 0)
		return 0;
	return n == res->body.len ? 1 : -1;
}

static bool is_whole(const struct http_response *res)
{
	return came_whole(res) >= 0 && fetch_is_whole(buf_str(&res->body), res->body.len);
}

/* A page of a proxy is no picture. */
static bool is_page(const struct ask *a, const struct http_response *res)
{
	const char *name = a->history.files[a->file].filename;

	return strncasecmp(content_type(res), "text/html", 9) == 0 && !ends_with(name, ".html") &&
	       !ends_with(name, ".htm");
}

static void view_failed(
	struct comfy_client *c, struct ask *a, struct http_response *res, int64_t now_ms)
{
	const char *name = a->history.files[a->file].filename;
	bool cut = res->status == 200 && !is_page(a, res);

	if (res->status == 404) {
		/* A run answered from the cache names an old file; somebody deleted it. */
		ask_end(c, a, COMFY_LOST, NULL, now_ms);
		return;
	}
	if (res->too_long) { /* above COMFY_FILE_MAX: it would be so again */
		smaller(c, a, now_ms);
		return;
	}
	if (a->quality > 0 && (res->status >= 400 || is_page(a, res))) {
		/* It cannot be transcoded: not a picture after all. */
		next_file(c, a, now_ms);
		return;
	}
	/* Perhaps a proxy before it does not let through what is so large. */
	if (res->status == 0 && a->tries + 1 >= TRIES_MAX && a->quality == 0 && is_picture(name)) {
		smaller(c, a, now_ms);
		return;
	}
	if (cut && a->tries + 1 >= TRIES_MAX) {
		if (came_whole(res) > 0) /* it is not the line that cuts it */
			ask_end(c, a, COMFY_DAMAGED, NULL, now_ms);
		else
			ask_end(c, a, COMFY_FAILED_ASK, xstrdup("the file arrives incomplete"),
				now_ms);
		return;
	}
	if (ask_gives_up(c, a, res, TRIES_MAX, now_ms))
		return;
	ask_pause(
		c, a, backoff_ms(c->rng, a->tries - 1, RETRY_MS, RETRY_MAX_MS), STEP_VIEW, now_ms);
}

void fetch_viewed(struct comfy_client *c, struct ask *a, struct http_response *res, int64_t now_ms)
{
	if (res->status != 200 || is_page(a, res) || !is_whole(res)) {
		view_failed(c, a, res, now_ms);
		return;
	}
	if (res->body.len > a->limit) {
		a->smallest = min_of(a->smallest, (int64_t)res->body.len);
		smaller(c, a, now_ms);
		return;
	}
	keep(a, res);
	next_file(c, a, now_ms);
}
