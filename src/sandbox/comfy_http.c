/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/comfy_impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"

/* --max-upload-size, for every body. */
#define BODY_MAX (100 * MIB)
#define GIB	 (1024 * (int64_t)MIB)

void cw_answer_bytes(
	struct http_response *ret, int status, const char *type, const void *data, size_t len)
{
	buf_free(&ret->body);
	ret->status = status;
	ret->maybe_sent = true;
	ret->body = BUF(max_of(len, (size_t)1));
	if (len)
		must(buf_add(&ret->body, data, len) == 0);
	if (type)
		http_response_header(ret, "Content-Type", type);
}

void cw_answer_empty(struct http_response *ret, int status)
{
	cw_answer_bytes(ret, status, NULL, NULL, 0);
}

void cw_answer_json(struct http_response *ret, int status, struct json_object *body)
{
	char *text = json_text(body);

	cw_answer_bytes(ret, status, "application/json; charset=utf-8", text, strlen(text));
	free(text);
	json_object_put(body);
}

void cw_answer_500(struct http_response *ret)
{
	static const char text[] = "500 Internal Server Error\n\nServer got itself in trouble";

	cw_answer_bytes(ret, 500, "text/plain; charset=utf-8", text, sizeof(text) - 1);
	http_response_header(ret, "Connection", "close");
}

/* ---- routes ---- */

static void get_queue(
	struct comfy_world *w, const struct http_request *req, struct http_response *ret)
{
	cw_answer_json(ret, 200, cw_queue_json(w));
}

static void get_prompt(
	struct comfy_world *w, const struct http_request *req, struct http_response *ret)
{
	struct json_object *answer = json_object_new_object(), *info = json_object_new_object();

	json_add_int(info, "queue_remaining", (int64_t)cw_queue_remaining(w));
	json_add(answer, "exec_info", info);
	cw_answer_json(ret, 200, answer);
}

/* A number of the query; -1 when absent. False when it is none. */
static bool query_number(const char *url, const char *name, int64_t *ret)
{
	char *text = url_query(url, name), *end = NULL;
	bool good = true;

	*ret = -1;
	if (text) {
		*ret = strtoll(text, &end, 10);
		good = *text && !*end;
	}
	free(text);
	return good;
}

static void get_history(
	struct comfy_world *w, const struct http_request *req, struct http_response *ret)
{
	int64_t max_items, offset;

	if (!query_number(req->url, "max_items", &max_items) ||
		!query_number(req->url, "offset", &offset))
		cw_answer_500(ret);
	else
		cw_answer_json(ret, 200, cw_history_json(w, NULL, max_items, offset));
}

static void get_history_of(struct comfy_world *w, const char *id, struct http_response *ret)
{
	cw_answer_json(ret, 200, cw_history_json(w, id, -1, -1));
}

static void get_features(
	struct comfy_world *w, const struct http_request *req, struct http_response *ret)
{
	struct json_object *answer = json_object_new_object();

	json_add_bool(answer, "supports_preview_metadata", true);
	json_add_int(answer, "max_upload_size", BODY_MAX);
	cw_answer_json(ret, 200, answer);
}

static void get_system_stats(
	struct comfy_world *w, const struct http_request *req, struct http_response *ret)
{
	struct json_object *answer = json_object_new_object(), *system = json_object_new_object(),
			   *devices = json_object_new_array(), *device = json_object_new_object(),
			   *argv = json_object_new_array();

	json_object_array_add(argv, json_object_new_string("main.py"));
	json_add_str(system, "os", "posix");
	json_add_int(system, "ram_total", 32 * GIB);
	json_add_int(system, "ram_free", 20 * GIB);
	json_add_str(system, "comfyui_version", "0.3.64-sandbox");
	json_add_str(system, "required_frontend_version", "1.27.10");
	json_add_str(system, "python_version", "none: this is FuLLet's sandbox");
	json_add_str(system, "pytorch_version", "none");
	json_add_bool(system, "embedded_python", false);
	json_add(system, "argv", argv);
	cw_memory_stats(w, device);
	json_object_array_add(devices, device);
	json_add(answer, "system", system);
	json_add(answer, "devices", devices);
	cw_answer_json(ret, 200, answer);
}

static void get_object_info_of(struct comfy_world *w, const char *name, struct http_response *ret)
{
	struct json_object *answer = json_object_new_object(), *images = cw_images_list(w);
	const struct node_class *c;

	for (size_t i = 0; (c = cw_node_at(i)); i++)
		if (!name || str_eq(name, c->name))
			json_add(answer, c->name, cw_node_info(c, images));
	json_put(&images);
	cw_answer_json(ret, 200, answer);
}

static void get_object_info(
	struct comfy_world *w, const struct http_request *req, struct http_response *ret)
{
	get_object_info_of(w, NULL, ret);
}

/* The JSON object of a body, or NULL after the answer 500. The caller puts it. */
static struct json_object *body_object(const struct http_request *req, struct http_response *ret)
{
	struct json_object *body = req->body ? json_parse(req->body, req->body_len, NULL) : NULL;

	if (!json_object_is_type(body, json_type_object))
		json_put(&body);
	if (!body)
		cw_answer_500(ret);
	return body;
}

typedef void forget(struct comfy_world *w, const char *id);

/* {"clear":true} and {"delete":[ids]}, for the queue and for history. */
static void post_forget(struct comfy_world *w, const struct http_request *req,
	struct http_response *ret, forget *forget_one)
{
	struct json_object *body = body_object(req, ret), *ids;

	if (!body)
		return;
	if (json_flag(body, "clear", false))
		forget_one(w, NULL);
	ids = json_array(body, "delete");
	for (size_t i = 0; i < json_len(ids); i++) {
		const char *id = json_object_get_string(json_object_array_get_idx(ids, i));

		forget_one(w, id ? id : "None");
	}
	json_put(&body);
	cw_answer_empty(ret, 200);
}

static void post_queue(
	struct comfy_world *w, const struct http_request *req, struct http_response *ret)
{
	size_t before = cw_queue_remaining(w);

	post_forget(w, req, ret, cw_queue_delete);
	if (cw_queue_remaining(w) != before)
		cw_send_status(w);
}

static void post_history(
	struct comfy_world *w, const struct http_request *req, struct http_response *ret)
{
	post_forget(w, req, ret, cw_history_delete);
}

static void post_interrupt(
	struct comfy_world *w, const struct http_request *req, struct http_response *ret)
{
	struct json_object *body = req->body ? json_parse(req->body, req->body_len, NULL) : NULL;
	const char *id = json_str(body, "prompt_id");

	if (!id)
		cw_violation(w, "comfy_interrupt_without_prompt_id", "POST /interrupt",
			"it ends whatever runs, other clients' work too");
	cw_run_interrupt(w, id);
	json_put(&body);
	cw_answer_empty(ret, 200);
}

static void post_free(
	struct comfy_world *w, const struct http_request *req, struct http_response *ret)
{
	struct json_object *body = body_object(req, ret);

	if (!body)
		return;
	w->free_models |= json_flag(body, "unload_models", false);
	w->free_cache |= json_flag(body, "free_memory", false);
	json_put(&body);
	if (!w->run.prompt)
		cw_free_if_asked(w);
	cw_answer_empty(ret, 200);
}

static const struct route {
	enum http_method method;
	const char *path;
	void (*answer)(
		struct comfy_world *w, const struct http_request *req, struct http_response *ret);
	void (*answer_of)(struct comfy_world *w, const char *name, struct http_response *ret);
} routes[] = {
	{HTTP_POST, "/prompt", cw_post_prompt},
	{HTTP_GET, "/prompt", get_prompt},
	{HTTP_GET, "/queue", get_queue},
	{HTTP_POST, "/queue", post_queue},
	{HTTP_GET, "/history", get_history},
	{HTTP_GET, "/history/", .answer_of = get_history_of},
	{HTTP_POST, "/history", post_history},
	{HTTP_GET, "/view", cw_view},
	{HTTP_POST, "/upload/image", cw_upload},
	{HTTP_POST, "/interrupt", post_interrupt},
	{HTTP_POST, "/free", post_free},
	{HTTP_GET, "/system_stats", get_system_stats},
	{HTTP_GET, "/object_info", get_object_info},
	{HTTP_GET, "/object_info/", .answer_of = get_object_info_of},
	{HTTP_GET, "/features", get_features},
};

static void route(struct comfy_world *w, const struct http_request *req, const char *path,
	struct http_response *ret)
{
	for (size_t i = 0; i < countof(routes); i++) {
		const struct route *r = &routes[i];
		size_t n = strlen(r->path);
		char *name;

		if (r->method != req->method)
			continue;
		if (r->answer && str_eq(path, r->path)) {
			r->answer(w, req, ret);
			return;
		}
		if (r->answer_of && str_starts(path, r->path) && path[n]) {
			name = url_decode(path + n, strlen(path + n));
			r->answer_of(w, name, ret);
			free(name);
			return;
		}
	}
	cw_answer_empty(ret, 404);
}

/* ---- the door ---- */

/* The path without the query and without /api. Owned. */
static char *path_of(const char *url)
{
	if (str_starts(url, "/api/"))
		url += 4;
	return xstrndup(url, strcspn(url, "?#"));
}

static void base64(const char *text, struct buf *out)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i += 3) {
		unsigned n = (unsigned)(unsigned char)text[i] << 16;
		char four[4];

		n |= i + 1 < len ? (unsigned)(unsigned char)text[i + 1] << 8 : 0;
		n |= i + 2 < len ? (unsigned)(unsigned char)text[i + 2] : 0;
		for (int k = 0; k < 4; k++)
			four[k] = letters[n >> (18 - 6 * k) & 63];
		four[2] = i + 1 < len ? four[2] : '=';
		four[3] = i + 2 < len ? four[3] : '=';
		must(buf_add(out, four, 4) == 0);
	}
}

/* What a proxy in front demands: a bearer's key, or Basic for user:password. */
static bool is_allowed(const struct comfy_world *w, const struct http_request *req)
{
	const char *key = w->config.comfy_key, *given = http_request_get(req, "Authorization");
	struct buf wanted = BUF(16 * KIB);
	bool same;

	if (!key)
		return true;
	must(buf_add_str(&wanted, strchr(key, ':') ? "Basic " : "Bearer ") == 0);
	if (strchr(key, ':'))
		base64(key, &wanted);
	else
		must(buf_add_str(&wanted, key) == 0);
	same = str_eq(given, wanted.data);
	buf_free(&wanted);
	return same;
}

/* Browsers send Origin; a server at a loopback address refuses one that is not its own. */
static bool origin_refused(struct comfy_world *w, const struct http_request *req, const char *path)
{
	const char *origin = http_request_get(req, "Origin"), *host = http_request_get(req, "Host");
	struct url url;
	bool refused = false;
	char *bare;

	if (!origin)
		return false;
	cw_violation(w, "comfy_origin_sent", path, origin);
	bare = xstrndup(host ? host : "", strcspn(host ? host : "", ":"));
	if (host_is_loopback(bare) && url_split(origin, &url) == 0) {
		refused = !str_eq(url.host, bare);
		url_free(&url);
	}
	free(bare);
	return refused;
}

int cw_ws_admission(struct comfy_world *w, const char *url, const struct http_request *req)
{
	char *path = path_of(url);
	int status = 0;

	w->requests++;
	if (!str_eq(path, "/ws"))
		status = 404;
	else if (w->now_ms < w->down_until_ms)
		status = 502;
	else if (!is_allowed(w, req))
		status = 401;
	else if (w->now_ms < w->ws_refuse_until_ms)
		status = 400; /* a proxy without upgrade: "No WebSocket UPGRADE hdr" */
	else if (origin_refused(w, req, "GET /ws"))
		status = 403;
	free(path);
	return status;
}

void comfy_world_http(struct comfy_world *w, const struct http_request *req,
	struct http_response *ret, int64_t now_ms)
{
	cleanup(freep) char *path = path_of(req->url);
	struct cw_fault *fault;
	bool executed;

	comfy_world_tick(w, now_ms);
	*ret = (struct http_response){.body = BUF(COMFY_FILE_MAX)};
	if (w->now_ms < w->down_until_ms) {
		ret->error = xstrdup("refused");
		return;
	}
	w->requests++;
	fault = cw_fault_match(w, req, path);
	executed = !fault || fault->executed;
	if (executed && !is_allowed(w, req)) {
		cw_answer_empty(ret, 401);
		http_response_header(ret, "WWW-Authenticate",
			strchr(w->config.comfy_key, ':') ? "Basic realm=\"ComfyUI\"" : "Bearer");
	} else if (executed && origin_refused(w, req, path)) {
		cw_answer_empty(ret, 403);
	} else if (executed && req->body_len > BODY_MAX) {
		cw_answer_empty(ret, 413);
	} else if (executed) {
		if (req->method == HTTP_GET)
			cw_poll_watch(w, path);
		route(w, req, path, ret);
	}
	if (ret->status)
		http_response_header(ret, "Server", "FuLLet-sandbox/ComfyUI");
	if (fault)
		cw_fault_spoil(w, fault, ret);
}
