/* SPDX-License-Identifier: Apache-2.0 */
/* Uploaded files and their signed URLs. */
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/discord_impl.h"

static unsigned be16(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static unsigned le24(const unsigned char *p)
{
	return p[0] | (unsigned)p[1] << 8 | (unsigned)p[2] << 16;
}

static void jpeg_size(const unsigned char *p, size_t len, int *w, int *h)
{
	size_t at = 2;

	while (at + 9 < len && p[at] == 0xff) {
		unsigned marker = p[at + 1];

		/* A frame header is SOF0..SOF15 without DHT, JPG and DAC. */
		if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
			marker != 0xcc) {
			*h = (int)be16(p + at + 5);
			*w = (int)be16(p + at + 7);
			return;
		}
		at += 2 + be16(p + at + 2);
	}
}

/* What it is by its first bytes: Discord looks at the content, not at the claim. */
static const char *sniff(const char *data, size_t len, int *w, int *h)
{
	const unsigned char *p = (const unsigned char *)data;

	*w = *h = 0;
	if (len >= 24 && memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0) {
		*w = (int)(be16(p + 16) << 16 | be16(p + 18));
		*h = (int)(be16(p + 20) << 16 | be16(p + 22));
		return "image/png";
	}
	if (len >= 12 && p[0] == 0xff && p[1] == 0xd8 && p[2] == 0xff) {
		jpeg_size(p, len, w, h);
		return "image/jpeg";
	}
	if (len >= 10 && memcmp(p, "GIF8", 4) == 0) {
		*w = p[6] | p[7] << 8;
		*h = p[8] | p[9] << 8;
		return "image/gif";
	}
	if (len >= 30 && memcmp(p, "RIFF", 4) == 0 && memcmp(p + 8, "WEBP", 4) == 0) {
		if (memcmp(p + 12, "VP8X", 4) == 0) {
			*w = (int)le24(p + 24) + 1;
			*h = (int)le24(p + 27) + 1;
		} else if (memcmp(p + 12, "VP8L", 4) == 0) {
			*w = (int)((le24(p + 21) & 0x3fff) + 1);
			*h = (int)(((le24(p + 22) >> 6) & 0x3fff) + 1);
		} else {
			*w = (p[26] | p[27] << 8) & 0x3fff;
			*h = (p[28] | p[29] << 8) & 0x3fff;
		}
		return "image/webp";
	}
	return NULL;
}

static const char *type_by_name(const char *name)
{
	static const struct {
		const char *ending, *type;
	} types[] = {{".mp4", "video/mp4"}, {".webm", "video/webm"}, {".txt", "text/plain"},
		{".json", "application/json"}, {".mp3", "audio/mpeg"}, {".flac", "audio/flac"}};

	for (size_t i = 0; i < countof(types); i++)
		if (str_ends(name, types[i].ending))
			return types[i].type;
	return "application/octet-stream";
}

static void evict(struct discord_world *w)
{
	for (struct dw_file *f = w->files; f && w->files_bytes > DW_FILES_BYTES_MAX;
		f = f->hh.next) {
		if (!f->data)
			continue;
		w->files_bytes -= f->len;
		free(take(f->data));
	}
}

struct dw_file *dw_file_new(struct discord_world *w, uint64_t channel_id, const char *name,
	const char *description, const void *data, size_t len)
{
	struct dw_file *f = xcalloc(1, sizeof(*f));
	const char *type;

	f->id = dw_snowflake(w, w->now_ms);
	f->channel_id = channel_id;
	f->name = xstrdup(name);
	/* Discord rewrites odd names; a reference to the old name then finds nothing. */
	for (char *c = f->name; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_",
			    *c))
			*c = '_';
	f->description = xstrdup(description);
	f->data = xcalloc(len + 1, 1);
	if (len)
		memcpy(f->data, data, len);
	f->len = len;
	type = sniff(f->data, len, &f->width, &f->height);
	f->type = xstrdup(type ? type : type_by_name(f->name));
	HASH_ADD(hh, w->files, id, sizeof(f->id), f);
	w->files_bytes += len;
	evict(w);
	return f;
}

void dw_file_free(struct discord_world *w, struct dw_file *f)
{
	if (!f)
		return;
	HASH_DEL(w->files, f);
	if (f->data)
		w->files_bytes -= f->len;
	free(f->name);
	free(f->type);
	free(f->description);
	free(f->data);
	free(f);
}

void dw_file_drop(struct discord_world *w, struct dw_file *f)
{
	dw_file_free(w, w->orphans[w->next_orphan]);
	w->orphans[w->next_orphan] = f;
	w->next_orphan = (w->next_orphan + 1) % DW_ORPHANS_MAX;
}

static uint64_t signature(const struct discord_world *w, uint64_t id, uint64_t expires_s)
{
	struct rng rng;

	rng_seed(&rng, w->config.seed ^ id * 0x9e3779b97f4a7c15ull ^ expires_s << 7);
	return rng_u64(&rng);
}

char *dw_file_url(struct discord_world *w, const struct dw_file *f)
{
	uint64_t issued = (uint64_t)w->now_ms / 1000, expires = issued + DW_SIGNED_MS / 1000;

	return xasprintf("%s/attachments/%" PRIu64 "/%" PRIu64 "/%s?ex=%" PRIx64 "&is=%" PRIx64
			 "&hm=%016" PRIx64,
		w->cdn_base, f->channel_id, f->id, f->name, expires, issued,
		signature(w, f->id, expires));
}

struct json_object *dw_file_json(struct discord_world *w, const struct dw_file *f)
{
	struct json_object *o = json_object_new_object();
	cleanup(freep) char *url = dw_file_url(w, f);

	json_add_id(o, "id", f->id);
	json_add_str(o, "filename", f->name);
	json_add_int(o, "size", (int64_t)f->len);
	json_add_str(o, "url", url);
	json_add_str(o, "proxy_url", url);
	json_add_str(o, "content_type", f->type);
	if (f->width) {
		json_add_int(o, "width", f->width);
		json_add_int(o, "height", f->height);
	}
	if (f->description)
		json_add_str(o, "description", f->description);
	return o;
}

/* path: "/attachments/{channel}/{id}/{name}?ex=..&is=..&hm=..", below the CDN's base. */
void dw_cdn_get(struct discord_world *w, const struct http_request *req, const char *path,
	struct http_response *ret)
{
	cleanup(freep) char *ex = url_query(path, "ex");
	cleanup(freep) char *hm = url_query(path, "hm");
	uint64_t channel = 0, id = 0, expires = ex ? strtoull(ex, NULL, 16) : 0;
	char name[256] = "";
	struct dw_file *f;

	ret->status = 404;
	if (http_request_get(req, "Authorization"))
		dw_violation(w, "cdn_authorization", "the CDN is given an Authorization header");
	if (req->method != HTTP_GET || sscanf(path, "/attachments/%" SCNu64 "/%" SCNu64 "/%255[^?]",
					       &channel, &id, name) != 3)
		return;
	HASH_FIND(hh, w->files, &id, sizeof(id), f);
	if (!f || !f->data || f->channel_id != channel || !str_eq(f->name, name))
		return;
	if (!hm || strtoull(hm, NULL, 16) != signature(w, id, expires) ||
		(int64_t)expires * 1000 < w->now_ms)
		return;
	ret->status = 200;
	ret->body.max = f->len + 1;
	(void)buf_add(&ret->body, f->data, f->len);
	http_response_header(ret, "Content-Type", f->type);
	http_response_header(ret, "Cache-Control", "public, max-age=31536000");
}
