/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/comfy_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>
#include <zlib.h>

#include "base/limits.h"

/* All kept pictures together: 500 of 2 MiB would be a gigabyte. */
#define FILES_BYTES_MAX (256 * MIB)

static void file_remove(struct comfy_world *w, struct cw_file *f)
{
	DL_DELETE(w->files, f);
	w->n_files--;
	w->files_bytes -= f->len;
	free(f->type);
	free(f->subfolder);
	free(f->name);
	free(f->data);
	free(f);
}

struct cw_file *cw_file_find(
	struct comfy_world *w, const char *type, const char *subfolder, const char *name)
{
	struct cw_file *f;

	DL_FOREACH(w->files, f)
	if (strcmp(f->name, name) == 0 && strcmp(f->type, type) == 0 &&
		strcmp(f->subfolder, subfolder) == 0)
		return f;
	return NULL;
}

void cw_file_put(struct comfy_world *w, const char *type, const char *subfolder, const char *name,
	const void *data, size_t len)
{
	struct cw_file *f = cw_file_find(w, type, subfolder, name);

	if (f)
		file_remove(w, f);
	while (w->files &&
		(w->n_files >= COMFY_WORLD_FILES_MAX || w->files_bytes + len > FILES_BYTES_MAX))
		file_remove(w, w->files);
	f = xcalloc(1, sizeof(*f));
	f->type = xstrdup(type);
	f->subfolder = xstrdup(subfolder);
	f->name = xstrdup(name);
	f->data = xcalloc(len + 1, 1);
	if (len)
		memcpy(f->data, data, len);
	f->len = len;
	DL_APPEND(w->files, f);
	w->n_files++;
	w->files_bytes += len;
}

void cw_files_forget(struct comfy_world *w, const char *type)
{
	struct cw_file *f, *next;

	DL_FOREACH_SAFE(w->files, f, next)
	if (!type || str_eq(f->type, type))
		file_remove(w, f);
}

struct json_object *cw_images_list(struct comfy_world *w)
{
	struct json_object *list = json_object_new_array();
	struct cw_file *f;

	DL_FOREACH(w->files, f)
	if (str_eq(f->type, "input") && !*f->subfolder)
		json_object_array_add(list, json_object_new_string(f->name));
	return list;
}

/* "name [output]" names a folder; the type is cut off and returned, NULL when there is none. */
static const char *annotation(char *name)
{
	static const char *const types[] = {"output", "input", "temp"};
	char suffix[16];

	for (size_t i = 0; i < countof(types); i++) {
		snprintf(suffix, sizeof(suffix), " [%s]", types[i]);
		if (str_ends(name, suffix)) {
			name[strlen(name) - strlen(suffix)] = '\0';
			return types[i];
		}
	}
	return NULL;
}

struct cw_file *cw_file_named(struct comfy_world *w, const char *text)
{
	cleanup(freep) char *name = xstrdup(text);
	const char *type = annotation(name);
	char *slash = strrchr(name, '/');

	if (slash)
		*slash = '\0';
	return cw_file_find(w, type ? type : "input", slash ? name : "", slash ? slash + 1 : name);
}

/* ---- sizes ---- */

static unsigned be(const char *p, int n)
{
	unsigned value = 0;

	while (n--)
		value = value << 8 | (unsigned char)*p++;
	return value;
}

static bool jpeg_size(const char *data, size_t len, int *width, int *height)
{
	for (size_t at = 2; at + 9 <= len && (unsigned char)data[at] == 0xff;) {
		unsigned marker = (unsigned char)data[at + 1];

		/* SOF0..SOF15, but DHT, JPG and DAC stand among them. */
		if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
			marker != 0xcc) {
			*height = (int)be(data + at + 5, 2);
			*width = (int)be(data + at + 7, 2);
			return *width > 0 && *height > 0;
		}
		at += 2 + be(data + at + 2, 2);
	}
	return false;
}

bool cw_image_size(const char *data, size_t len, int *width, int *height)
{
	if (len >= 24 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0) {
		*width = (int)(be(data + 16, 4) & 0xffff);
		*height = (int)(be(data + 20, 4) & 0xffff);
		return true;
	}
	if (len >= 4 && memcmp(data, "\xff\xd8\xff", 3) == 0)
		return jpeg_size(data, len, width, height);
	/* WebP and GIF: taken for pictures, their size is not looked for. */
	*width = *height = 1024;
	return len >= 12 && (memcmp(data, "GIF8", 4) == 0 || memcmp(data + 8, "WEBP", 4) == 0);
}

/* ---- producing ---- */

static void add_be32(struct buf *b, size_t value)
{
	unsigned char bytes[4] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
		(unsigned char)(value >> 8), (unsigned char)value};

	must(buf_add(b, bytes, 4) == 0);
}

static void add_text_chunk(struct buf *b, const char *key, const char *text)
{
	struct buf chunk = BUF(64 * MIB);
	uLong crc;

	must(buf_add_str(&chunk, "tEXt") == 0 && buf_add(&chunk, key, strlen(key) + 1) == 0);
	/* A graph beyond all measure has its text left out. */
	(void)buf_add_str(&chunk, text);
	crc = crc32(0, (const Bytef *)chunk.data, (uInt)chunk.len);
	add_be32(b, chunk.len - 4);
	must(buf_add(b, chunk.data, chunk.len) == 0);
	add_be32(b, crc);
	buf_free(&chunk);
}

/* The PNG with SaveImage's metadata behind its header: the prompt and every extra_pnginfo. */
static struct buf with_metadata(const struct cw_prompt *p, const char *png, size_t len)
{
	struct buf b = BUF(512 * MIB);
	struct json_object *info = p->extra ? json_at(p->extra, "extra_pnginfo") : NULL;
	const size_t header = 8 + 25; /* signature and IHDR */

	if (len < header || memcmp(png, "\x89PNG", 4) != 0) {
		must(buf_add(&b, png, len) == 0);
		return b;
	}
	must(buf_add(&b, png, header) == 0);
	add_text_chunk(
		&b, "prompt", json_object_to_json_string_ext(p->graph, JSON_C_TO_STRING_SPACED));
	if (json_object_is_type(info, json_type_object) && info) {
		json_object_object_foreach(info, name, value)
		{
			/* PNG: a keyword has 1 to 79 bytes. */
			if (*name && strlen(name) < 80)
				add_text_chunk(&b, name, json_object_to_json_string(value));
		}
	}
	if (!json_member(info, "workflow"))
		add_text_chunk(&b, "workflow",
			json_object_to_json_string_ext(p->graph, JSON_C_TO_STRING_SPACED));
	must(buf_add(&b, png + header, len - header) == 0);
	return b;
}

/* ---- spoiling ---- */

static void cut(struct comfy_world *w, struct buf *file)
{
	file->len /= 2;
}

static void wrong(struct comfy_world *w, struct buf *file)
{
	if (file->len > 32)
		file->data[file->len - 32] ^= 1; /* in the last of its data */
}

/* A header of 60000 x 60000 with a right checksum; the data stays. */
static void bomb(struct comfy_world *w, struct buf *file)
{
	uLong crc;

	if (file->len < 33)
		return;
	for (int i = 16; i < 24; i += 4)
		memcpy(file->data + i, "\0\0\xea\x60", 4);
	crc = crc32(0, (const Bytef *)file->data + 12, 17);
	for (int i = 0; i < 4; i++)
		file->data[29 + i] = (char)(crc >> (24 - 8 * i));
}

static void page(struct comfy_world *w, struct buf *file)
{
	buf_clear(file);
	must(buf_add_str(file, "<!DOCTYPE html><html><body>The disk is full</body></html>") == 0);
}

static void jpeg(struct comfy_world *w, struct buf *file)
{
	char *out = NULL;
	size_t len = w->config.transcode ? w->config.transcode(w->config.draw_ctx, file->data,
						   file->len, "jpeg", 90, &out)
					 : 0;

	buf_clear(file);
	must(buf_add(file, out ? out : "\xff\xd8\xff", out ? len : 3) == 0);
	free(out);
}

int cw_files_spoil(struct comfy_world *w, const char *how, int64_t count)
{
	static const struct {
		const char *how;
		spoil_file *spoil;
	} ways[] = {{"cut", cut}, {"wrong", wrong}, {"bomb", bomb}, {"page", page}, {"jpeg", jpeg}};

	for (size_t i = 0; i < countof(ways); i++) {
		if (!str_eq(how, ways[i].how))
			continue;
		w->spoil = ways[i].spoil;
		w->n_spoil = count;
		return 0;
	}
	return -EINVAL;
}

static int next_counter(
	struct comfy_world *w, const char *type, const char *subfolder, const char *prefix)
{
	size_t n = strlen(prefix);
	struct cw_file *f;
	int counter = 0;

	DL_FOREACH(w->files, f)
	if (strncmp(f->name, prefix, n) == 0 && f->name[n] == '_' && str_eq(f->type, type) &&
		str_eq(f->subfolder, subfolder))
		counter = max_of(counter, (int)strtol(f->name + n + 1, NULL, 10));
	return counter + 1;
}

/* A node counts on from its first picture, whatever becomes of the files. */
static int counter_after(struct json_object *images)
{
	size_t n = json_len(images);
	const char *name =
		n ? json_str(json_object_array_get_idx(images, n - 1), "filename") : NULL;
	const char *end = name ? strrchr(name, '_') : NULL;

	while (end && end > name && end[-1] != '_')
		end--;
	return end ? (int)strtol(end, NULL, 10) + 1 : 1;
}

void cw_save_picture(struct comfy_world *w, const struct cw_prompt *p, const char *node,
	const struct picture_wish *wish, int index, struct json_object *images)
{
	struct draw_request draw = {.width = wish->width,
		.height = wish->height,
		.seed = wish->seed + (uint64_t)index,
		.prompt = wish->prompt,
		.label = "FuLLet sandbox picture",
		.percent = 100,
		.pad_bytes = w->pad_bytes,
		.base = wish->base ? wish->base->data : NULL,
		.base_len = wish->base ? wish->base->len : 0};
	bool temp = cw_class_of(p->graph, node)->kind == NODE_PREVIEW;
	const char *given = json_str(cw_node_input(p->graph, node, "filename_prefix"), "");
	cleanup(freep) char *prefix = xstrdup(temp ? "ComfyUI_temp" : given ? given : "ComfyUI");
	char *slash = strrchr(prefix, '/'), *png = NULL, *name;
	const char *type = temp ? "temp" : "output";
	const char *own = cw_prompt_of(p->graph, node, index);
	struct json_object *image = json_object_new_object();
	size_t len;
	struct buf b;

	if (slash)
		*slash = '\0';
	name = xasprintf("%s_%05d_.png", slash ? slash + 1 : prefix,
		max_of(next_counter(w, type, slash ? prefix : "", slash ? slash + 1 : prefix),
			counter_after(images)));
	draw.prompt = own ? own : draw.prompt;
	len = w->config.draw ? w->config.draw(w->config.draw_ctx, &draw, &png) : 0;
	b = with_metadata(p, png ? png : "", len);
	free(png);
	if (!temp && w->n_spoil > 0) {
		w->n_spoil--;
		w->spoil(w, &b);
	}
	if (!temp && w->forget > 0)
		w->forget--;
	else
		cw_file_put(w, type, slash ? prefix : "", name, b.data, b.len);
	buf_free(&b);
	json_add_str(image, "filename", name);
	json_add_str(image, "subfolder", slash ? prefix : "");
	json_add_str(image, "type", type);
	json_object_array_add(images, image);
	free(name);
}

/* ---- /view ---- */

static const char *content_type(const char *name)
{
	static const char *const types[][2] = {{".png", "image/png"}, {".jpg", "image/jpeg"},
		{".jpeg", "image/jpeg"}, {".webp", "image/webp"}, {".gif", "image/gif"},
		{".mp4", "video/mp4"}, {".webm", "video/webm"}};

	for (size_t i = 0; i < countof(types); i++)
		if (str_ends(name, types[i][0]))
			return types[i][1];
	return "application/octet-stream";
}

/* preview=webp;90 -> format and quality. */
static void view_preview(struct comfy_world *w, const struct cw_file *f, const char *preview,
	struct http_response *ret)
{
	const char *format = str_starts(preview, "jpeg") ? "jpeg" : "webp";
	const char *semicolon = strchr(preview, ';');
	uint64_t quality = 90;
	char *out = NULL, *type;
	size_t len;

	if (semicolon)
		(void)parse_u64(semicolon + 1, &quality);
	quality = min_of(max_of(quality, (uint64_t)1), (uint64_t)100);
	len = w->config.transcode ? w->config.transcode(w->config.draw_ctx, f->data, f->len, format,
					    (int)quality, &out)
				  : 0;
	if (!len) {
		free(out);
		cw_answer_500(ret);
		return;
	}
	type = xasprintf("image/%s", format);
	cw_answer_bytes(ret, 200, type, out, len);
	free(type);
	free(out);
}

/* bytes=a-b; false: the whole file is given. */
static bool view_range(
	const struct http_request *req, const struct cw_file *f, struct http_response *ret)
{
	const char *range = http_request_get(req, "Range");
	unsigned long long from = 0, to = f->len - 1;
	char *content;

	if (!range || !f->len || sscanf(range, "bytes=%llu-%llu", &from, &to) < 1)
		return false;
	if (from >= f->len || to < from) {
		cw_answer_empty(ret, 416);
		return true;
	}
	to = min_of(to, (unsigned long long)f->len - 1);
	cw_answer_bytes(ret, 206, content_type(f->name), f->data + from, to - from + 1);
	content = xasprintf("bytes %llu-%llu/%zu", from, to, f->len);
	http_response_header(ret, "Content-Range", content);
	free(content);
	return true;
}

void cw_view(struct comfy_world *w, const struct http_request *req, struct http_response *ret)
{
	cleanup(freep) char *name = url_query(req->url, "filename");
	cleanup(freep) char *subfolder = url_query(req->url, "subfolder");
	cleanup(freep) char *type = url_query(req->url, "type");
	cleanup(freep) char *preview = url_query(req->url, "preview");
	const char *annotated = name ? annotation(name) : NULL, *folder = type ? type : "output";
	struct cw_file *f;
	char *disposition;

	if (annotated)
		folder = annotated;
	if (!name)
		cw_answer_empty(ret, 404);
	else if (!*name || *name == '/' || strstr(name, "..") ||
		 (!str_eq(folder, "output") && !str_eq(folder, "input") && !str_eq(folder, "temp")))
		cw_answer_empty(ret, 400);
	else if (subfolder && (*subfolder == '/' || strstr(subfolder, "..")))
		cw_answer_empty(ret, 403);
	else if (!(f = cw_file_find(w, folder, subfolder ? subfolder : "",
			   strrchr(name, '/') ? strrchr(name, '/') + 1 : name)))
		cw_answer_empty(ret, 404);
	else {
		if (preview)
			view_preview(w, f, preview, ret);
		else if (!view_range(req, f, ret))
			cw_answer_bytes(ret, 200, content_type(f->name), f->data, f->len);
		disposition = xasprintf("filename=\"%s\"", f->name);
		http_response_header(ret, "Content-Disposition", disposition);
		http_response_header(ret, "Accept-Ranges", "bytes");
		free(disposition);
	}
}

/* ---- /upload/image ---- */

static const struct http_part *part(const struct http_request *req, const char *name)
{
	for (size_t i = 0; i < req->n_parts; i++)
		if (str_eq(req->parts[i].name, name))
			return &req->parts[i];
	return NULL;
}

static const char *field(const struct http_request *req, const char *name, const char *otherwise)
{
	const struct http_part *p = part(req, name);

	return p && !p->filename ? p->data : otherwise;
}

/* "red.png" taken by other bytes: "red (1).png". Owned. */
static char *free_name(struct comfy_world *w, const char *type, const char *subfolder,
	const struct http_part *image, bool overwrite)
{
	const char *dot = strrchr(image->filename, '.');
	int stem = (int)(dot ? (size_t)(dot - image->filename) : strlen(image->filename));
	char *name = xstrdup(image->filename);
	struct cw_file *f;

	for (int i = 1; !overwrite && (f = cw_file_find(w, type, subfolder, name)); i++) {
		if (f->len == image->len && memcmp(f->data, image->data, f->len) == 0)
			break;
		free(name);
		name = xasprintf("%.*s (%d)%s", stem, image->filename, i, dot ? dot : "");
	}
	return name;
}

void cw_upload(struct comfy_world *w, const struct http_request *req, struct http_response *ret)
{
	const struct http_part *image = part(req, "image");
	const char *type = field(req, "type", "input"), *subfolder = field(req, "subfolder", "");
	const char *overwrite = field(req, "overwrite", "");
	struct json_object *answer;
	char *name;

	if (!image || (image->filename && !*image->filename) ||
		(image->filename && strstr(image->filename, "..")) || strstr(subfolder, "..") ||
		*subfolder == '/') {
		cw_answer_empty(ret, 400);
		return;
	}
	if (!image->filename || strchr(image->filename, '/') ||
		(!str_eq(type, "input") && !str_eq(type, "temp") && !str_eq(type, "output"))) {
		cw_answer_500(ret);
		return;
	}
	name = free_name(
		w, type, subfolder, image, str_eq(overwrite, "true") || str_eq(overwrite, "1"));
	cw_file_put(w, type, subfolder, name, image->data, image->len);
	answer = json_object_new_object();
	json_add_str(answer, "name", name);
	json_add_str(answer, "subfolder", subfolder);
	json_add_str(answer, "type", type);
	free(name);
	cw_changed(w);
	cw_answer_json(ret, 200, answer);
}
