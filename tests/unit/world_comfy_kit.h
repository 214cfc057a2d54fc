/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_TESTS_WORLD_COMFY_KIT_H
#define FULLET_TESTS_WORLD_COMFY_KIT_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "sandbox/comfy_world.h"
#include "sandbox/draw.h"

#define T0   INT64_C(1700000000000)
#define ID_A "11111111-1111-4111-8111-111111111111"
#define ID_B "22222222-2222-4222-8222-222222222222"
#define ID_C "33333333-3333-4333-8333-333333333333"

/* A text-to-picture graph of three steps; the seed and the prefix vary. */
#define GRAPH(seed, prefix)                                                                        \
	"{\"1\":{\"class_type\":\"UnetLoaderGGUF\",\"inputs\":{\"unet_name\":\"flux1-schnell-Q4_"  \
	"K_S.gguf\"}},"                                                                            \
	"\"2\":{\"class_type\":\"DualCLIPLoaderGGUF\",\"inputs\":{\"clip_name1\":\"clip_l."        \
	"safetensors\","                                                                           \
	"\"clip_name2\":\"t5xxl_fp8_e4m3fn.safetensors\",\"type\":\"flux\"}},"                     \
	"\"3\":{\"class_type\":\"VAELoader\",\"inputs\":{\"vae_name\":\"ae.safetensors\"}},"       \
	"\"4\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"a "                       \
	"fox\",\"clip\":[\"2\",0]}},"                                                              \
	"\"5\":{\"class_type\":\"EmptyLatentImage\",\"inputs\":{\"width\":512,\"height\":256,"     \
	"\"batch_size\":1}},"                                                                      \
	"\"6\":{\"class_type\":\"KSampler\",\"inputs\":{\"model\":[\"1\",0],\"seed\":" seed        \
	",\"steps\":3,\"cfg\":1,\"sampler_name\":\"euler\",\"scheduler\":\"simple\",\"positive\":" \
	"[\"4\",0],"                                                                               \
	"\"negative\":[\"4\",0],\"latent_image\":[\"5\",0],\"denoise\":1}},"                       \
	"\"7\":{\"class_type\":\"VAEDecode\",\"inputs\":{\"samples\":[\"6\",0],\"vae\":[\"3\",0]}" \
	"},"                                                                                       \
	"\"9\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"7\",0],\"filename_"         \
	"prefix\":\"" prefix "\"}}}"

struct fixture {
	struct comfy_world *w;
	int64_t now;
	struct http_response res;
	struct json_object *json;
};

static inline int setup_with(void **state, const char *key)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct world_config config = {.seed = 1,
		.comfy_key = key,
		.step_ms = 800, /* GRAPH is an eighth of a megapixel: a step takes 100 */
		.load_ms = 816, /* and its weights 1000 */
		.draw = draw_tiny,
		.transcode = transcode_tiny};

	f->now = T0;
	f->w = comfy_world_new(&config, f->now);
	*state = f;
	return 0;
}

static inline int setup(void **state)
{
	return setup_with(state, NULL);
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	json_put(&f->json);
	http_response_free(&f->res);
	comfy_world_free(f->w);
	free(f);
	return 0;
}

static inline int request(struct fixture *f, struct http_request *req)
{
	json_put(&f->json);
	http_response_free(&f->res);
	comfy_world_http(f->w, req, &f->res, f->now);
	if (http_response_is_json(&f->res))
		f->json = json_parse(f->res.body.data, f->res.body.len, NULL);
	http_request_free(req);
	return f->res.status;
}

static inline int get(struct fixture *f, const char *url)
{
	struct http_request req = {.url = xstrdup(url)};

	return request(f, &req);
}

static inline int post(struct fixture *f, const char *url, const char *body)
{
	struct http_request req = {.method = HTTP_POST, .url = xstrdup(url)};

	if (body)
		http_request_json(&req, xstrdup(body));
	return request(f, &req);
}

static inline int submit(struct fixture *f, const char *id, const char *graph)
{
	char *body =
		xasprintf("{\"prompt\":%s,\"client_id\":\"A\",\"prompt_id\":\"%s\"}", graph, id);
	int status = post(f, "/prompt", body);

	free(body);
	return status;
}

static inline int open_socket(struct fixture *f, uint64_t conn, const char *url)
{
	struct http_request req = {.url = xstrdup(url)};
	int status = comfy_world_ws_open(f->w, conn, url, &req, f->now);

	http_request_free(&req);
	return status;
}

static inline void fault(struct fixture *f, const char *text)
{
	struct json_object *doc = json_parse(text, strlen(text), NULL);

	assert_non_null(doc);
	assert_int_equal(comfy_world_fault(f->w, doc, f->now), 0);
	json_put(&doc);
}

/* Runs until nothing is due, or until the given time. */
static inline void pass(struct fixture *f, int64_t ms)
{
	f->now += ms;
	comfy_world_tick(f->w, f->now);
}

/*
 * What one connection heard, in short: "status1 execution_start progress1/3 preview1 executing:6
 * executing:null closed0"; progress_state is left out.
 */
static inline char *heard(struct fixture *f, uint64_t conn)
{
	struct buf b = BUF(64 * KIB);
	struct world_output out;

	while (comfy_world_next_output(f->w, &out)) {
		struct json_object *doc =
			out.binary || out.close ? NULL : json_parse(out.data, out.len, NULL);
		const char *type = json_str(doc, "type"), *space = b.len ? " " : "";

		if (out.conn != conn || str_eq(type, "progress_state"))
			;
		else if (out.close)
			buf_printf(&b, "%sclosed%d", space, out.code);
		else if (out.binary)
			buf_printf(&b, "%spreview%d", space, out.len > 3 ? out.data[3] : -1);
		else if (str_eq(type, "status"))
			buf_printf(&b, "%sstatus%" PRId64, space,
				json_int(doc, "data.status.exec_info.queue_remaining", -1));
		else if (str_eq(type, "progress"))
			buf_printf(&b, "%sprogress%" PRId64 "/%" PRId64, space,
				json_int(doc, "data.value", -1), json_int(doc, "data.max", -1));
		else if (str_eq(type, "executing") || str_eq(type, "executed"))
			buf_printf(&b, "%s%s:%s", space, type,
				json_str(doc, "data.node") ? json_str(doc, "data.node") : "null");
		else
			buf_printf(&b, "%s%s", space, type ? type : "?");
		json_put(&doc);
		free(out.data);
	}
	return buf_take(&b);
}

static inline void expect_heard(struct fixture *f, uint64_t conn, const char *expected)
{
	char *text = heard(f, conn);

	assert_string_equal(text, expected);
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
