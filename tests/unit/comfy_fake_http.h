/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_TESTS_COMFY_FAKE_HTTP_H
#define FULLET_TESTS_COMFY_FAKE_HTTP_H

#include "comfy_fake.h"

/* The HTTP half of the fake ComfyUI. */

static void fake_body(struct http_response *res, int status, const char *type, const char *text)
{
	res->status = status;
	res->maybe_sent = true;
	http_response_header(res, "Content-Type", type);
	assert_int_equal(buf_add_str(&res->body, text), 0);
}

static void fake_post(struct fake *f, struct json_object *body, struct http_response *res)
{
	const char *id = json_str(body, "prompt_id"), *client = json_str(body, "client_id");
	enum post_mode mode = f->s->post;
	char text[400];

	f->posts++;
	assert_true(uuid_valid(id));
	assert_non_null(client);
	assert_null(json_at(body, "number"));
	assert_true(json_object_is_type(json_at(body, "extra_data"), json_type_object));
	assert_int_equal(json_int(body, "prompt.3.inputs.steps", 0), 4);
	if (mode == POST_OK || mode == POST_NODE_ERRORS || mode == POST_500_QUEUED ||
		mode == POST_CUT_QUEUED || mode == POST_EMPTY_QUEUED)
		fake_queue(f, id, client);
	if (mode == POST_OTHER_ID)
		fake_queue(f, "17", client)->at_ms = NEVER;
	if (mode == POST_CUT_LATE) {
		f->late_ms = f->now_ms + 700;
		str_copy(f->late_id, sizeof(f->late_id), id);
		str_copy(f->late_client, sizeof(f->late_client), client);
	}
	snprintf(text, sizeof(text), "{\"prompt_id\":\"%s\",\"number\":1,\"node_errors\":{%s}}",
		mode == POST_OTHER_ID ? "17" : id,
		mode == POST_NODE_ERRORS
			? "\"4\":{\"class_type\":\"UnetLoaderGGUF\",\"errors\":[{\"type\":"
			  "\"value_not_in_list\",\"extra_info\":{\"input_name\":\"unet_name\","
			  "\"received_value\":\"x.gguf\"}}]}"
			: "");
	switch (mode) {
	case POST_500_QUEUED:
	case POST_500:
		fake_body(res, 500, "text/plain", "500 Internal Server Error");
		break;
	case POST_ECHO:
		fake_body(res, 400, "application/json", "{\"error\":\"k3y and k3y\"}");
		break;
	case POST_NO_ID:
		fake_body(res, 200, "application/json", "{}");
		break;
	case POST_502:
		fake_body(res, 502, "text/html", "<html>bad gateway");
		break;
	case POST_CUT_QUEUED:
	case POST_CUT_LATE:
	case POST_CUT:
	case POST_REFUSED:
		res->maybe_sent = mode != POST_REFUSED;
		res->error = xstrdup("cut off");
		break;
	case POST_400:
		fake_body(res, 400, "application/json",
			"{\"error\":{\"type\":\"invalid_prompt\",\"message\":\"Cannot execute "
			"because "
			"node UnetLoaderGGUF does not exist.\",\"details\":\"Node ID '#4'\"},"
			"\"node_errors\":{}}");
		break;
	case POST_413:
		fake_body(res, 413, "text/plain", "too large");
		break;
	case POST_HTML:
		fake_body(res, 200, "text/html; charset=utf-8", "<html>log in</html>");
		break;
	case POST_EMPTY_QUEUED:
		fake_body(res, 200, "application/json", "");
		break;
	default:
		fake_body(res, 200, "application/json; charset=utf-8", text);
	}
}

static void fake_queue_text(struct fake *f, struct http_response *res)
{
	struct buf out = BUF(MIB);

	f->queues++;
	for (int pass = PLACE_RUNNING; pass >= PLACE_PENDING; pass--) {
		const char *comma = "";

		(void)buf_add_str(&out,
			pass == PLACE_RUNNING ? "{\"queue_running\":[" : "],\"queue_pending\":[");
		for (int i = 0; i < f->n_prompts; i++)
			if (f->prompts[i].place == (enum place)pass) {
				(void)buf_printf(&out,
					"%s[%d,\"%s\"," GRAPH ",{\"client_id\":\"%s\",\"odd\":NaN},"
					"[\"9\"]]",
					comma, i, f->prompts[i].id, f->prompts[i].client);
				comma = ",";
			}
	}
	(void)buf_add_str(&out, "]}");
	fake_body(res, 200, "application/json; charset=utf-8", buf_str(&out));
	buf_free(&out);
}

static void fake_history_text(struct fake *f, const char *id, struct http_response *res)
{
	const struct fake_prompt *p = fake_find(f, id);
	struct buf out = BUF(MIB);
	const char *comma = "";

	if (!p || p->place != PLACE_DONE || f->empties-- > 0) {
		fake_body(res, 200, "application/json; charset=utf-8", "{}");
		return;
	}
	(void)buf_printf(&out,
		"{\"%s\":{\"prompt\":[1,\"%s\",{},{},[]],\"outputs\":{\"10\":{\"images\":"
		"[{\"filename\":\"t.png\",\"subfolder\":\"\",\"type\":\"temp\"}]},\"9\":{\"text\":"
		"[\"hello\"],\"images\":[",
		id, id);
	for (int i = 0; p->files && i < max_of(f->s->files, 1); i++) {
		(void)buf_printf(&out,
			"%s{\"filename\":\"%s\",\"subfolder\":\"a b/%d\",\"type\":\"output\"}",
			comma, f->s->file ? f->s->file : "pic_00001_.png", i);
		comma = ",";
	}
	(void)buf_printf(&out,
		"]}},\"status\":{\"status_str\":\"%s\",\"completed\":%s,\"messages\":"
		"[[\"execution_start\",{}],[\"%s\",{\"exception_type\":\"torch.OutOfMemoryError\","
		"\"exception_message\":\"Allocation on device failed\\nmore\"}]]}}}",
		p->status, strcmp(p->status, "success") == 0 ? "true" : "false", p->last);
	fake_body(res, 200, "application/json; charset=utf-8", buf_str(&out));
	buf_free(&out);
}

/* A file of exactly so many bytes that says of itself where it ends. */
static void fake_file(struct buf *body, const char *kind, size_t size)
{
	static const unsigned char end[12] = {
		0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};
	cleanup(freep) char *filler = xcalloc(size, 1);

	if (strcmp(kind, "png") == 0) {
		uint32_t n = (uint32_t)size - 8 - 12 - 12;
		unsigned char head[8] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16),
			(unsigned char)(n >> 8), (unsigned char)n, 'I', 'D', 'A', 'T'};

		(void)buf_add(body, "\x89PNG\r\n\x1a\n", 8);
		(void)buf_add(body, head, 8);
		(void)buf_add(body, filler, n + 4);
		(void)buf_add(body, end, 12);
	} else if (strcmp(kind, "webp") == 0) {
		uint32_t n = (uint32_t)size - 8;
		unsigned char head[12] = {'R', 'I', 'F', 'F', (unsigned char)n,
			(unsigned char)(n >> 8), (unsigned char)(n >> 16), (unsigned char)(n >> 24),
			'W', 'E', 'B', 'P'};

		(void)buf_add(body, head, 12);
		(void)buf_add(body, filler, size - 12);
	} else {
		(void)buf_add(body, filler, size);
	}
}

static void fake_view(struct fake *f, const char *url, struct http_response *res)
{
	static const char *const qualities[] = {"webp;90", "webp;75", "webp;50", "webp;30"};
	cleanup(freep) char *name = url_query(url, "filename");
	cleanup(freep) char *folder = url_query(url, "subfolder");
	cleanup(freep) char *type = url_query(url, "type");
	cleanup(freep) char *preview = url_query(url, "preview");
	struct buf body = BUF(64 * MIB);
	size_t size = f->s->sizes[0], quality = 0;
	bool video = str_ends(name, ".mp4");

	f->views++;
	assert_string_equal(type, "output");
	assert_true(str_starts(folder, "a b/"));
	for (size_t i = 0; preview && i < countof(qualities); i++)
		if (strcmp(preview, qualities[i]) == 0)
			quality = i + 1;
	assert_true(!preview || quality);
	if (quality)
		size = f->s->sizes[quality];
	res->status = f->s->view == VIEW_500 ? 500 : 200;
	if (f->s->view == VIEW_404 || (f->s->view == VIEW_404_SMALLER && quality))
		res->status = 404;
	res->maybe_sent = true;
	if (res->status != 200)
		return;
	if (size > COMFY_FILE_MAX) {
		res->status = 0;
		res->too_long = true;
		return;
	}
	if (f->s->view == VIEW_HTML) {
		http_response_header(res, "Content-Type", "text/html");
		(void)buf_add_str(&res->body, "<html>");
		return;
	}
	http_response_header(res, "Content-Type",
		quality ? "image/webp"
		: video ? "video/mp4"
			: "image/png");
	fake_file(&body, quality ? "webp" : video ? "mp4" : "png", size ? size : 1000);
	if (f->s->view == VIEW_CUT || (f->s->view == VIEW_CUT_TWICE && f->views <= 2))
		body.len -= 20;
	if (f->s->view == VIEW_HALF) {
		char length[24];

		body.len /= 2;
		snprintf(length, sizeof(length), "%zu", body.len);
		http_response_header(res, "Content-Length", length);
	}
	res->body = body;
}

static const struct http_part *fake_part(const struct http_request *req, const char *name)
{
	for (size_t i = 0; i < req->n_parts; i++)
		if (str_eq(req->parts[i].name, name))
			return &req->parts[i];
	fail_msg("no part %s", name);
	return NULL;
}

static void fake_upload(struct fake *f, const struct http_request *req, struct http_response *res)
{
	const struct http_part *image = fake_part(req, "image");

	f->uploads++;
	assert_string_equal(image->filename, "7-9.png");
	assert_string_equal(image->content_type, "image/png");
	assert_memory_equal(image->data, "bytes", 5);
	assert_int_equal(image->len, 5);
	assert_string_equal(fake_part(req, "type")->data, "input");
	assert_string_equal(fake_part(req, "subfolder")->data, "fullet");
	assert_string_equal(fake_part(req, "overwrite")->data, "true");
	if (f->s->upload && f->uploads <= max_of(f->s->upload_times, 1)) {
		if (f->s->upload == -1)
			res->error = xstrdup("cut off");
		else
			fake_body(res, f->s->upload, "text/plain", "no");
		return;
	}
	fake_body(res, 200, "application/json; charset=utf-8",
		f->s->upload_answer ? f->s->upload_answer
				    : "{\"name\": \"7-9.png\", \"subfolder\": \"fullet\", "
				      "\"type\": \"input\"}");
}

static void fake_interrupt(struct fake *f, const char *id)
{
	struct fake_prompt *p = fake_find(f, id);

	f->interrupts++;
	if (p && p->place == PLACE_RUNNING && f->s->run != RUN_STALL_DEAF)
		fake_end(f, p, "error", "execution_interrupted");
}

static void fake_route(struct fake *f, const struct http_request *req, struct http_response *res)
{
	static const char base[] = "http://gpu:8188/a";
	const char *path = req->url + sizeof(base) - 1;
	cleanup(json_put) struct json_object *body =
		req->body ? json_parse(req->body, req->body_len, NULL) : NULL;
	struct fake_prompt *p;

	assert_true(str_starts(req->url, base));
	if (f->mute && (strcmp(path, "/queue") == 0 || str_starts(path, "/history/"))) {
		fake_body(res, 500, "text/plain", "500 Internal Server Error");
	} else if (f->s->status) {
		fake_body(res, f->s->status, "text/html", "<html>who is there: k3y</html>");
	} else if (strcmp(path, "/system_stats") == 0) {
		fake_body(res, 200, "application/json",
			"{\"system\":{\"comfyui_version\":\"0.3.64\"},\"devices\":[{\"name\":"
			"\"cuda:0 Card : native\",\"type\":\"cuda\",\"index\":0,\"vram_total\":"
			"25769803776,\"vram_free\":20000000000,\"torch_vram_total\":5000000000,"
			"\"torch_vram_free\":1000000000}]}");
	} else if (strcmp(path, "/upload/image") == 0) {
		fake_upload(f, req, res);
	} else if (strcmp(path, "/prompt") == 0) {
		fake_post(f, body, res);
	} else if (strcmp(path, "/queue") == 0 && req->method == HTTP_GET) {
		fake_queue_text(f, res);
	} else if (strcmp(path, "/queue") == 0) {
		f->deletes++;
		p = fake_find(f, json_str(body, "delete.0"));
		if (p && p->place == PLACE_PENDING) {
			p->place = PLACE_NONE;
			p->at_ms = NEVER;
			fake_status(f);
		}
		res->status = 200;
	} else if (strcmp(path, "/interrupt") == 0) {
		fake_interrupt(f, json_str(body, "prompt_id"));
		res->status = 200;
	} else if (str_starts(path, "/history/")) {
		fake_history_text(f, path + 9, res);
	} else if (str_starts(path, "/view?")) {
		fake_view(f, path, res);
	} else {
		fail_msg("no such route: %s", path);
	}
}

static void fake_http(struct fake *f, uint64_t id, const struct http_request *req)
{
	struct fake_answer *a = &f->answers[f->n_answers++];

	assert_true(f->n_answers < (int)countof(f->answers));
	*a = (struct fake_answer){.id = id, .at_ms = f->now_ms + 3, .res.body = BUF(64 * MIB)};
	assert_string_equal(http_request_get(req, "ngrok-skip-browser-warning"), "1");
	assert_null(http_request_get(req, "Origin"));
	if (f->s->key)
		assert_string_equal(http_request_get(req, "Authorization"), "Bearer k3y");
	else
		assert_null(http_request_get(req, "Authorization"));
	if (f->up)
		fake_route(f, req, &a->res);
	else
		a->res.error = xstrdup("connection refused");
}

#endif
