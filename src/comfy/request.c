/* SPDX-License-Identifier: Apache-2.0 */
#include "comfy/request.h"

#include <stdlib.h>
#include <strings.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/secret.h"

/* Answers of the list kind come at once, even from a machine that is loading a model. */
#define ANSWER_MS 15000
/* Validation of a graph reads model folders, on a slow disk for some seconds. */
#define PROMPT_MS 30000
/* A picture of some megabytes over the same line, upwards. */
#define UPLOAD_MS 120000
/* COMFY_FILE_MAX over a domestic line of 10 Mbit/s. */
#define VIEW_MS 120000

char *base64_encode(const void *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = data;
	char *out = xcalloc((len + 2) / 3 * 4 + 1, 1), *o = out;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = min_of(len - i, (size_t)3);
		uint32_t v = (uint32_t)in[i] << 16;

		v |= n > 1 ? (uint32_t)in[i + 1] << 8 : 0;
		v |= n > 2 ? in[i + 2] : 0;
		*o++ = digits[v >> 18 & 63];
		*o++ = digits[v >> 12 & 63];
		*o++ = n > 1 ? digits[v >> 6 & 63] : '=';
		*o++ = n > 2 ? digits[v & 63] : '=';
	}
	return out;
}

char *request_authorization(const char *api_key)
{
	cleanup(wipe_freep) char *coded = NULL;

	if (!api_key || !*api_key)
		return NULL;
	/* A line break in a header would be a second header. */
	for (const unsigned char *c = (const unsigned char *)api_key; *c; c++)
		if (*c < ' ' || *c == 0x7f)
			return NULL;
	if (!strchr(api_key, ':'))
		return xasprintf("Bearer %s", api_key);
	coded = base64_encode(api_key, strlen(api_key));
	return xasprintf("Basic %s", coded);
}

/* The configured address without query and without slashes at its end. */
static int base_length(const char *url)
{
	size_t n = strcspn(url, "?#");

	while (n > 0 && url[n - 1] == '/')
		n--;
	return (int)n;
}

static void add_headers(const struct comfy_config *config, struct http_request *req)
{
	cleanup(wipe_freep) char *authorization = request_authorization(config->api_key);

	if (authorization)
		http_request_header(req, "Authorization", authorization);
	/* ngrok's free tunnels show a warning page to whoever does not send it. */
	http_request_header(req, "ngrok-skip-browser-warning", "1");
}

void comfy_request(const struct comfy_config *config, enum http_method method, const char *path,
	struct http_request *ret)
{
	*ret = (struct http_request){
		.method = method,
		.url = xasprintf("%.*s%s", base_length(config->url), config->url, path),
		.timeout_ms = ANSWER_MS,
		.answer_max = COMFY_ANSWER_MAX,
	};
	add_headers(config, ret);
}

void request_prompt(const struct comfy_config *config, const char *prompt_id, const char *client_id,
	const char *graph, struct http_request *ret)
{
	comfy_request(config, HTTP_POST, "/prompt", ret);
	ret->timeout_ms = PROMPT_MS;
	/* The graph goes in as text: its numbers stay as the workflow wrote them. */
	http_request_json(ret, xasprintf("{\"prompt\":%s,\"client_id\":\"%s\",\"prompt_id\":\"%s\","
					 "\"extra_data\":{}}",
				       graph, client_id, prompt_id));
}

static void add_field(struct http_request *req, const char *name, const char *value)
{
	http_request_part(req, name, NULL, NULL, value, strlen(value));
}

void request_upload(const struct comfy_config *config, const char *name, struct blob *picture,
	struct http_request *ret)
{
	comfy_request(config, HTTP_POST, "/upload/image", ret);
	ret->timeout_ms = UPLOAD_MS;
	http_request_part_blob(ret, "image", name, "image/png", picture);
	add_field(ret, "type", "input");
	add_field(ret, "subfolder", COMFY_UPLOAD_FOLDER);
	/* Else the same name with other bytes becomes "name (1).png". */
	add_field(ret, "overwrite", "true");
}

void request_history(
	const struct comfy_config *config, const char *prompt_id, struct http_request *ret)
{
	cleanup(freep) char *id = url_encode(prompt_id);
	cleanup(freep) char *path = xasprintf("/history/%s", id);

	comfy_request(config, HTTP_GET, path, ret);
}

static char *object_text(const char *name, struct json_object *value)
{
	cleanup(json_put) struct json_object *body = json_object_new_object();

	json_add(body, name, value);
	return json_text(body);
}

void request_delete(
	const struct comfy_config *config, const char *prompt_id, struct http_request *ret)
{
	struct json_object *ids = json_object_new_array();

	json_object_array_add(ids, json_object_new_string(prompt_id));
	comfy_request(config, HTTP_POST, "/queue", ret);
	http_request_json(ret, object_text("delete", ids));
}

void request_interrupt(
	const struct comfy_config *config, const char *prompt_id, struct http_request *ret)
{
	comfy_request(config, HTTP_POST, "/interrupt", ret);
	http_request_json(ret, object_text("prompt_id", json_object_new_string(prompt_id)));
}

void request_view(const struct comfy_config *config, const struct output_file *file, int quality,
	struct http_request *ret)
{
	cleanup(freep) char *name = url_encode(file->filename);
	cleanup(freep) char *folder = url_encode(file->subfolder);
	cleanup(freep) char *preview =
		quality ? xasprintf("&preview=webp%%3B%d", quality) : xstrdup("");
	cleanup(freep) char *path =
		xasprintf("/view?filename=%s&subfolder=%s&type=output%s", name, folder, preview);

	comfy_request(config, HTTP_GET, path, ret);
	ret->timeout_ms = VIEW_MS;
	ret->answer_max = COMFY_FILE_MAX;
}

void request_websocket(
	const struct comfy_config *config, const char *client_id, struct http_request *ret)
{
	const char *rest = strstr(config->url, "://");
	bool secure = strncasecmp(config->url, "https", 5) == 0;

	rest = rest ? rest + 3 : config->url;
	*ret = (struct http_request){
		.url = xasprintf("%s://%.*s/ws?clientId=%s", secure ? "wss" : "ws",
			base_length(rest), rest, client_id),
		.timeout_ms = ANSWER_MS,
		.answer_max = COMFY_MESSAGE_MAX,
	};
	add_headers(config, ret);
}
