/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <zlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "sandbox/comfy_nodes.h"
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

static int setup_with(void **state, const char *key)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct world_config config = {.seed = 1,
		.comfy_key = key,
		.step_ms = 100,
		.load_ms = 1000,
		.draw = draw_tiny,
		.transcode = transcode_tiny};

	f->now = T0;
	f->w = comfy_world_new(&config, f->now);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, NULL);
}

static int setup_bearer(void **state)
{
	return setup_with(state, "sesame");
}

static int setup_basic(void **state)
{
	return setup_with(state, "ann:pass");
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	json_put(&f->json);
	http_response_free(&f->res);
	comfy_world_free(f->w);
	free(f);
	return 0;
}

static int request(struct fixture *f, struct http_request *req)
{
	json_put(&f->json);
	http_response_free(&f->res);
	comfy_world_http(f->w, req, &f->res, f->now);
	if (http_response_is_json(&f->res))
		f->json = json_parse(f->res.body.data, f->res.body.len, NULL);
	http_request_free(req);
	return f->res.status;
}

static int get(struct fixture *f, const char *url)
{
	struct http_request req = {.url = xstrdup(url)};

	return request(f, &req);
}

static int post(struct fixture *f, const char *url, const char *body)
{
	struct http_request req = {.method = HTTP_POST, .url = xstrdup(url)};

	if (body)
		http_request_json(&req, xstrdup(body));
	return request(f, &req);
}

static int submit(struct fixture *f, const char *id, const char *graph)
{
	char *body =
		xasprintf("{\"prompt\":%s,\"client_id\":\"A\",\"prompt_id\":\"%s\"}", graph, id);
	int status = post(f, "/prompt", body);

	free(body);
	return status;
}

static int open_socket(struct fixture *f, uint64_t conn, const char *url)
{
	struct http_request req = {.url = xstrdup(url)};
	int status = comfy_world_ws_open(f->w, conn, url, &req, f->now);

	http_request_free(&req);
	return status;
}

static void fault(struct fixture *f, const char *text)
{
	struct json_object *doc = json_parse(text, strlen(text), NULL);

	assert_non_null(doc);
	assert_int_equal(comfy_world_fault(f->w, doc, f->now), 0);
	json_put(&doc);
}

/* Runs until nothing is due, or until the given time. */
static void pass(struct fixture *f, int64_t ms)
{
	f->now += ms;
	comfy_world_tick(f->w, f->now);
}

/*
 * What one connection heard, in short: "status1 execution_start progress1/3 preview1 executing:6
 * executing:null closed0"; progress_state is left out.
 */
static char *heard(struct fixture *f, uint64_t conn)
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

static void expect_heard(struct fixture *f, uint64_t conn, const char *expected)
{
	char *text = heard(f, conn);

	assert_string_equal(text, expected);
	free(text);
}

static void test_events_of_a_run(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(open_socket(f, 1, "/ws?clientId=A"), 0);
	expect_heard(f, 1, "status0");
	assert_int_equal(submit(f, ID_A, GRAPH("18446744073709551615", "job")), 200);
	assert_string_equal(json_str(f->json, "prompt_id"), ID_A);
	assert_int_equal(json_object_object_length(json_at(f->json, "node_errors")), 0);
	expect_heard(f, 1, "status1");
	assert_true(comfy_world_deadline(f->w) == f->now);
	pass(f, 0);
	expect_heard(f, 1, "status1 execution_start execution_cached executing:1");
	pass(f, 999);
	expect_heard(f, 1, "");
	pass(f, 1);
	expect_heard(f, 1, "executing:2 executing:4 executing:5 executing:6");
	pass(f, 100);
	expect_heard(f, 1, "progress1/3 preview1");
	pass(f, 200);
	expect_heard(f, 1,
		"progress2/3 preview1 progress3/3 preview1 executing:3 executing:7 executing:9 "
		"executed:9 execution_success status0 executing:null");
	assert_true(comfy_world_deadline(f->w) == NEVER);
	assert_int_equal(comfy_world_violations(f->w), 0);
}

static void test_history_and_file(void **state)
{
	struct fixture *f = *state;
	char *path;

	submit(f, ID_A, GRAPH("7", "folder/job"));
	assert_int_equal(get(f, "/api/history/" ID_A), 200);
	assert_int_equal(json_object_object_length(f->json), 0);
	get(f, "/queue");
	assert_string_equal(json_str(f->json, "queue_running.0.1"), ID_A);
	pass(f, 10000);
	assert_int_equal(get(f, "/history/" ID_A), 200);
	path = xasprintf("%s.outputs.9.images.0.filename", ID_A);
	assert_string_equal(json_str(f->json, path), "job_00001_.png");
	free(path);
	assert_string_equal(json_str(f->json, ID_A ".outputs.9.images.0.subfolder"), "folder");
	assert_string_equal(json_str(f->json, ID_A ".status.status_str"), "success");
	assert_string_equal(json_str(f->json, ID_A ".status.messages.2.0"), "execution_success");
	assert_int_equal(get(f, "/view?filename=job_00001_.png&subfolder=folder&type=output"), 200);
	assert_string_equal(http_response_get(&f->res, "Content-Type"), "image/png");
	get(f, "/queue");
	assert_int_equal(json_len(json_array(f->json, "queue_pending")), 0);
}

/* Every chunk's checksum holds, and the metadata is there. */
static void test_png_metadata(void **state)
{
	struct fixture *f = *state;
	bool prompt = false, workflow = false, end = false;
	const unsigned char *p;
	size_t at = 8;

	post(f, "/prompt",
		"{\"prompt_id\":\"" ID_A
		"\",\"extra_data\":{\"extra_pnginfo\":{\"workflow\":{\"k\":\"v\"}}},"
		"\"prompt\":" GRAPH("7", "x") "}");
	pass(f, 10000);
	assert_int_equal(get(f, "/view?filename=x_00001_.png"), 200);
	p = (const unsigned char *)f->res.body.data;
	while (at + 12 <= f->res.body.len) {
		size_t len = (size_t)p[at] << 24 | p[at + 1] << 16 | p[at + 2] << 8 | p[at + 3];
		const unsigned char *sum = p + at + 8 + len;

		assert_true(at + 12 + len <= f->res.body.len);
		assert_true(crc32(0, p + at + 4, (uInt)len + 4) ==
			    ((uLong)sum[0] << 24 | sum[1] << 16 | sum[2] << 8 | sum[3]));
		if (len > 7 && memcmp(p + at + 4, "tEXtprompt", 11) == 0)
			prompt = memmem(p + at + 8, len, "a fox", 5) != NULL;
		if (len > 9 && memcmp(p + at + 4, "tEXtworkflow", 13) == 0)
			workflow = memmem(p + at + 8, len, "\"k\"", 3) != NULL;
		end = memcmp(p + at + 4, "IEND", 4) == 0;
		at += 12 + len;
	}
	assert_true(prompt && workflow && end);
	assert_int_equal(at, f->res.body.len);
}

static void test_cached_run_names_the_old_file(void **state)
{
	struct fixture *f = *state;

	open_socket(f, 1, "/ws?clientId=A");
	submit(f, ID_A, GRAPH("7", "x"));
	pass(f, 10000);
	free(heard(f, 1));
	submit(f, ID_B, GRAPH("7", "x"));
	pass(f, 0);
	expect_heard(f, 1,
		"status1 status1 execution_start execution_cached executed:9 execution_success "
		"status0 executing:null");
	get(f, "/history/" ID_B);
	assert_string_equal(json_str(f->json, ID_B ".outputs.9.images.0.filename"), "x_00001_.png");
	/* The same models, another seed: the loaders are cached, nothing is loaded. */
	submit(f, ID_C, GRAPH("8", "x"));
	pass(f, 299);
	get(f, "/history/" ID_C);
	assert_int_equal(json_object_object_length(f->json), 0);
	pass(f, 1);
	get(f, "/history/" ID_C);
	assert_string_equal(json_str(f->json, ID_C ".outputs.9.images.0.filename"), "x_00002_.png");
}

static void test_previews_with_metadata(void **state)
{
	static const char hello[] =
		"{\"type\":\"feature_flags\",\"data\":{\"supports_preview_metadata\":true}}";
	struct fixture *f = *state;
	char *text;

	open_socket(f, 1, "/api/ws?clientId=A");
	comfy_world_ws_received(f->w, 1, hello, strlen(hello), false, f->now);
	expect_heard(f, 1, "status0 feature_flags");
	submit(f, ID_A, GRAPH("7", "x"));
	pass(f, 10000);
	text = heard(f, 1);
	assert_non_null(strstr(text, "preview4 progress1/3"));
	assert_null(strstr(text, "preview1"));
	free(text);
}

static void test_who_hears_what(void **state)
{
	struct fixture *f = *state;

	open_socket(f, 1, "/ws?clientId=A");
	open_socket(f, 2, "/ws?clientId=B");
	free(heard(f, 1));
	submit(f, ID_A, GRAPH("7", "x"));
	pass(f, 10000);
	expect_heard(f, 2, "status1 status1 status0");
	post(f, "/prompt", "{\"prompt_id\":\"" ID_B "\",\"prompt\":" GRAPH("8", "x") "}");
	pass(f, 10000);
	expect_heard(f, 2,
		"status1 status1 progress1/3 preview1 progress2/3 preview1 progress3/3 preview1 "
		"status0");
}

static void test_refused_prompts(void **state)
{
#define SAVE_OF(link)                                                                              \
	"{\"2\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":" link                        \
	",\"filename_prefix\":\"x\"}}"
	static const struct {
		const char *body;
		int status;
		const char *type, *node, *node_type;
	} rows[] = {
		{NULL, 500},
		{"{\"prompt\":", 500},
		{"\xef\xbb\xbf{}", 500},
		{"{\"prompt\":\"x\"}", 500},
		{"{\"number\":\"abc\",\"prompt\":{}}", 500},
		{"[]", 400, "no_prompt"},
		{"{\"client_id\":\"x\"}", 400, "no_prompt"},
		{"{\"prompt\":{}}", 400, "prompt_no_outputs"},
		{"{\"prompt\":[]}", 400, "prompt_no_outputs"},
		{"{\"prompt\":{\"1\":{\"class_type\":\"NoSuch\",\"inputs\":{}}}}", 400,
			"invalid_prompt"},
		{"{\"prompt\":{\"1\":{\"inputs\":{}}}}", 400, "invalid_prompt"},
		{"{\"prompt\":{\"1\":7}}", 400, "invalid_prompt"},
		{"{\"prompt\":{\"2\":{\"class_type\":\"SaveImage\"}}}", 400,
			"prompt_outputs_failed_validation", "2", "exception_during_validation"},
		{"{\"prompt\":{\"2\":{\"class_type\":\"SaveImage\",\"inputs\":{\"filename_prefix\":"
		 "\"x\"}}}}",
			400, "prompt_outputs_failed_validation", "2", "required_input_missing"},
		{"{\"prompt\":" SAVE_OF("[\"77\"]") "}}", 400, "prompt_outputs_failed_validation",
			"2", "bad_linked_input"},
		{"{\"prompt\":" SAVE_OF("[\"77\",0]") "}}", 400, "prompt_outputs_failed_validation",
			"2", "exception_during_validation"},
		{"{\"prompt\":" SAVE_OF("[77,0]") "}}", 400, "prompt_outputs_failed_validation",
			"2", "exception_during_validation"},
		{"{\"prompt\":" SAVE_OF(
			 "[\"1\",0]") ",\"1\":{\"class_type\":\"EmptyLatentImage\","
				      "\"inputs\":{\"width\":64,\"height\":64,\"batch_size\":1}}}}",
			400, "prompt_outputs_failed_validation", "2", "return_type_mismatch"},
		{"{\"prompt\":" SAVE_OF("[\"1\",0]") ",\"1\":{\"class_type\":\"EmptyImage\","
						     "\"inputs\":{\"width\":0,\"height\":64,"
						     "\"batch_size\":1,\"color\":0}}}}",
			400, "prompt_outputs_failed_validation", "1", "value_smaller_than_min"},
		{"{\"prompt\":" SAVE_OF("[\"1\",0]") ",\"1\":{\"class_type\":\"EmptyImage\","
						     "\"inputs\":{\"width\":64,\"height\":99999,"
						     "\"batch_size\":1,\"color\":0}}}}",
			400, "prompt_outputs_failed_validation", "1", "value_bigger_than_max"},
		{"{\"prompt\":" SAVE_OF("[\"1\",0]") ",\"1\":{\"class_type\":\"EmptyImage\","
						     "\"inputs\":{\"width\":64,\"height\":64,"
						     "\"batch_size\":\"abc\",\"color\":0}}}}",
			400, "prompt_outputs_failed_validation", "1", "invalid_input_type"},
		{"{\"prompt\":" SAVE_OF("[\"1\",0]") ",\"1\":{\"class_type\":\"LoadImage\","
						     "\"inputs\":{\"image\":\"nope.png\"}}}}",
			400, "prompt_outputs_failed_validation", "1", "custom_validation_failed"},
		{"{\"prompt\":" SAVE_OF(
			 "[\"3\",0]") ",\"3\":{\"class_type\":\"VAEDecode\",\"inputs\":"
				      "{\"samples\":[\"4\",0],\"vae\":[\"5\",2]}},\"4\":{\"class_"
				      "type\":\"EmptyLatentImage\","
				      "\"inputs\":{\"width\":64,\"height\":64,\"batch_size\":1}},"
				      "\"5\":{\"class_type\":"
				      "\"CheckpointLoaderSimple\",\"inputs\":{\"ckpt_name\":\"x."
				      "ckpt\"}}}}",
			400, "prompt_outputs_failed_validation", "5", "value_not_in_list"},
		{"{\"prompt\":" SAVE_OF(
			 "[\"3\",0]") ",\"3\":{\"class_type\":\"ImageInvert\",\"inputs\":"
				      "{\"image\":[\"4\",0]}},\"4\":{\"class_type\":"
				      "\"ImageInvert\",\"inputs\":{\"image\":"
				      "[\"3\",0]}}}}",
			400, "prompt_outputs_failed_validation"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < countof(rows); i++) {
		struct json_object *errors;

		assert_int_equal(post(f, "/prompt", rows[i].body), rows[i].status);
		if (rows[i].status == 500) {
			assert_null(f->json);
			assert_string_equal(http_response_get(&f->res, "Connection"), "close");
			continue;
		}
		assert_string_equal(json_str(f->json, "error.type"), rows[i].type);
		errors = json_member(f->json, "node_errors");
		assert_int_equal(json_object_object_length(errors), rows[i].node ? 1 : 0);
		if (rows[i].node)
			assert_string_equal(
				json_str(json_member(errors, rows[i].node), "errors.0.type"),
				rows[i].node_type);
	}
	get(f, "/prompt");
	assert_int_equal(json_int(f->json, "exec_info.queue_remaining", -1), 0);
}

/* 200 with node_errors: a bad output is dropped, the other one runs. */
static void test_partly_bad(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		post(f, "/prompt",
			"{\"prompt_id\":\"" ID_A "\",\"prompt\":" SAVE_OF(
				"[\"1\",0]") ",\"1\":{\"class_type\":\"EmptyImage\",\"inputs\":"
					     "{\"width\":\"64\",\"height\":64,\"batch_size\":2,"
					     "\"color\":0}},\"3\":{\"class_type\":\"SaveImage\","
					     "\"inputs\":{\"filename_prefix\":\"y\"}}}}"),
		200);
	assert_non_null(json_at(f->json, "node_errors.3"));
	pass(f, 1000);
	get(f, "/history/" ID_A);
	assert_int_equal(json_len(json_array(f->json, ID_A ".outputs.2.images")), 2);
}

static void test_interrupt_and_delete(void **state)
{
	struct fixture *f = *state;

	open_socket(f, 1, "/ws?clientId=A");
	submit(f, ID_A, GRAPH("7", "x"));
	submit(f, ID_B, GRAPH("8", "x"));
	pass(f, 1150);
	free(heard(f, 1));
	/* Deleting takes from the queue only, and leaves no history. */
	assert_int_equal(post(f, "/queue", "{\"delete\":[\"" ID_A "\",\"" ID_B "\"]}"), 200);
	assert_int_equal(f->res.body.len, 0);
	get(f, "/queue");
	assert_string_equal(json_str(f->json, "queue_running.0.1"), ID_A);
	assert_int_equal(json_len(json_array(f->json, "queue_pending")), 0);
	assert_int_equal(post(f, "/interrupt", "{\"prompt_id\":\"" ID_B "\"}"), 200);
	assert_int_equal(post(f, "/interrupt", "{\"prompt_id\":\"" ID_A "\"}"), 200);
	expect_heard(f, 1, "status1");
	pass(f, 100);
	expect_heard(f, 1, "execution_interrupted status0 executing:null");
	get(f, "/history/" ID_A);
	assert_string_equal(json_str(f->json, ID_A ".status.status_str"), "error");
	assert_string_equal(
		json_str(f->json, ID_A ".status.messages.2.0"), "execution_interrupted");
	get(f, "/history/" ID_B);
	assert_int_equal(json_object_object_length(f->json), 0);
	assert_int_equal(comfy_world_violations(f->w), 0);
}

static void test_failures(void **state)
{
	static const struct {
		const char *fault, *type;
	} rows[] = {{"{\"kind\":\"comfy_oom\",\"count\":1}", "torch.OutOfMemoryError"},
		{"{\"kind\":\"comfy_error\"}", "RuntimeError"}};
	struct fixture *f = *state;

	open_socket(f, 1, "/ws?clientId=A");
	for (size_t i = 0; i < countof(rows); i++) {
		char *text;

		fault(f, rows[i].fault);
		submit(f, i ? ID_B : ID_A, i ? GRAPH("2", "x") : GRAPH("1", "x"));
		pass(f, 5000);
		text = heard(f, 1);
		assert_true(str_ends(text, "execution_error status0 executing:null"));
		free(text);
		get(f, i ? "/history/" ID_B : "/history/" ID_A);
		assert_string_equal(
			json_str(f->json, i ? ID_B ".status.messages.2.1.exception_type"
					    : ID_A ".status.messages.2.1.exception_type"),
			rows[i].type);
	}
	submit(f, ID_C, GRAPH("3", "x"));
	pass(f, 5000);
	get(f, "/history/" ID_C);
	assert_string_equal(json_str(f->json, ID_C ".status.status_str"), "success");
}

static void test_zombie_socket(void **state)
{
	struct fixture *f = *state;

	open_socket(f, 1, "/ws?clientId=A");
	open_socket(f, 2, "/ws?clientId=A");
	free(heard(f, 1));
	submit(f, ID_A, GRAPH("7", "x"));
	expect_heard(f, 2, "status1");
	comfy_world_ws_closed(f->w, 1, 1000, f->now);
	free(heard(f, 2));
	pass(f, 10000);
	expect_heard(f, 2, "");
	comfy_world_ws_closed(f->w, 2, 1000, f->now);
	open_socket(f, 3, "/ws?clientId=A");
	fault(f, "{\"kind\":\"comfy_zombie\"}");
	free(heard(f, 3));
	submit(f, ID_B, GRAPH("8", "x"));
	expect_heard(f, 3, "");
}

static void test_reconnect_in_mid_run(void **state)
{
	struct fixture *f = *state;

	submit(f, ID_A, GRAPH("7", "x"));
	pass(f, 1050);
	open_socket(f, 4, "/ws?clientId=A");
	expect_heard(f, 4, "status1 executing:6");
}

static void test_restart(void **state)
{
	struct fixture *f = *state;

	open_socket(f, 1, "/ws?clientId=A");
	submit(f, ID_A, GRAPH("7", "x"));
	pass(f, 10000);
	submit(f, ID_B, GRAPH("8", "x"));
	submit(f, ID_C, GRAPH("9", "x"));
	pass(f, 150);
	free(heard(f, 1));
	fault(f, "{\"kind\":\"comfy_restart\",\"down_ms\":2000}");
	expect_heard(f, 1, "closed0");
	assert_int_equal(get(f, "/queue"), 0);
	assert_false(f->res.maybe_sent);
	assert_int_equal(open_socket(f, 2, "/ws?clientId=A"), 502);
	pass(f, 2000);
	assert_int_equal(get(f, "/history"), 200);
	assert_int_equal(json_object_object_length(f->json), 0);
	get(f, "/queue");
	assert_int_equal(json_len(json_array(f->json, "queue_running")), 0);
	assert_int_equal(get(f, "/view?filename=x_00001_.png"), 200);
	/* The same id again is no mistake: the server does not know it. */
	assert_int_equal(submit(f, ID_B, GRAPH("8", "x")), 200);
	assert_int_equal(json_int(f->json, "number", -1), 0);
	assert_int_equal(comfy_world_violations(f->w), 0);
}

static void test_spoilt_answers(void **state)
{
	struct fixture *f = *state;

	fault(f, "{\"kind\":\"status\",\"method\":\"POST\",\"route\":\"/prompt\",\"status\":500,"
		 "\"executed\":true}");
	fault(f, "{\"kind\":\"html\",\"route\":\"/history/{}\",\"status\":502}");
	fault(f, "{\"kind\":\"reset\",\"route\":\"/view\"}");
	fault(f, "{\"kind\":\"hang\",\"route\":\"/view\",\"ms\":70}");
	assert_int_equal(submit(f, ID_A, GRAPH("7", "x")), 500);
	assert_int_equal(get(f, "/queue"), 200);
	assert_string_equal(json_str(f->json, "queue_running.0.1"), ID_A);
	assert_int_equal(get(f, "/history/x"), 502);
	assert_false(http_response_is_json(&f->res));
	assert_int_equal(get(f, "/history/x"), 200);
	assert_int_equal(get(f, "/view?filename=x"), 0);
	assert_string_equal(f->res.error, "reset");
	assert_int_equal(get(f, "/view?filename=x"), 0);
	assert_string_equal(f->res.error, "hang 70");
	assert_int_equal(get(f, "/view?filename=x"), 404);
}

static void test_stall_and_sockets_refused(void **state)
{
	struct fixture *f = *state;
	struct json_object *bad = json_parse("{\"kind\":\"gateway_drop\"}", 23, NULL);

	assert_int_equal(comfy_world_fault(f->w, bad, f->now), -EINVAL);
	json_put(&bad);
	fault(f, "{\"kind\":\"comfy_stall\",\"ms\":60000}");
	fault(f, "{\"kind\":\"comfy_ws_refuse\",\"ms\":500}");
	assert_int_equal(open_socket(f, 1, "/ws?clientId=A"), 400);
	submit(f, ID_A, GRAPH("7", "x"));
	pass(f, 59999);
	get(f, "/history/" ID_A);
	assert_int_equal(json_object_object_length(f->json), 0);
	assert_int_equal(open_socket(f, 1, "/ws?clientId=A"), 0);
	pass(f, 2000);
	get(f, "/history/" ID_A);
	assert_int_equal(json_object_object_length(f->json), 1);
	fault(f, "{\"kind\":\"comfy_ws_garbage\"}");
	fault(f, "{\"kind\":\"comfy_ws_drop\"}");
	free(heard(f, 1));
	fault(f, "{\"kind\":\"comfy_forget_output\"}");
	assert_int_equal(get(f, "/view?filename=x_00001_.png"), 404);
}

static void test_view(void **state)
{
	static const struct {
		const char *query;
		int status;
		const char *type;
	} rows[] = {
		{"?filename=x_00001_.png", 200, "image/png"},
		{"?filename=x_00001_.png%20%5Boutput%5D", 200, "image/png"},
		{"?filename=x_00001_.png&preview=webp;90", 200, "image/webp"},
		{"?filename=x_00001_.png&preview=jpeg;80", 200, "image/jpeg"},
		{"?filename=junk.png&type=input&preview=webp", 500, "text/plain; charset=utf-8"},
		{"?filename=nope.png", 404},
		{"?type=output", 404},
		{"?filename=t/x_00001_.png", 200, "image/png"}, /* the folder is dropped */
		{"?filename=x_00001_.png&subfolder=t", 404},
		{"?filename=x_00001_.png&type=temp", 404},
		{"?filename=", 400},
		{"?filename=/etc/passwd", 400},
		{"?filename=../../main.py", 400},
		{"?filename=x_00001_.png&type=zzz", 400},
		{"?filename=passwd&subfolder=/etc", 403},
		{"?filename=passwd&subfolder=..%2f..%2fetc", 403},
	};
	struct fixture *f = *state;
	struct http_request up = {.method = HTTP_POST, .url = xstrdup("/upload/image")};

	http_request_part(&up, "image", "junk.png", "image/png", "junk", 4);
	assert_int_equal(request(f, &up), 200);
	submit(f, ID_A,
		SAVE_OF("[\"1\",0]") ",\"1\":{\"class_type\":\"EmptyImage\",\"inputs\":{\"width\":"
				     "64,"
				     "\"height\":64,\"batch_size\":1,\"color\":0}}}");
	pass(f, 100);
	for (size_t i = 0; i < countof(rows); i++) {
		char *url = xasprintf("/view%s", rows[i].query);

		assert_int_equal(get(f, url), rows[i].status);
		if (rows[i].type)
			assert_string_equal(
				http_response_get(&f->res, "Content-Type"), rows[i].type);
		else
			assert_int_equal(f->res.body.len, 0);
		free(url);
	}
	up = (struct http_request){.url = xstrdup("/view?filename=x_00001_.png")};
	http_request_header(&up, "Range", "bytes=1-3");
	assert_int_equal(request(f, &up), 206);
	assert_string_equal(buf_str(&f->res.body), "PNG");
}

static void test_upload(void **state)
{
	static const struct {
		const char *field, *filename, *data, *extra, *value;
		int status;
		const char *name;
	} rows[] = {
		{"image", "red.png", "1", NULL, NULL, 200, "red.png"},
		{"image", "red.png", "1", NULL, NULL, 200, "red.png"},
		{"image", "red.png", "2", NULL, NULL, 200, "red (1).png"},
		{"image", "red.png", "3", "overwrite", "True", 200, "red (2).png"},
		{"image", "red.png", "3", "overwrite", "true", 200, "red.png"},
		{"image", "a.png", "1", "subfolder", "bot/jobs", 200, "a.png"},
		{"image", "empty.png", "", NULL, NULL, 200, "empty.png"},
		{"image", "t.png", "1", "type", "zzz", 500},
		{"image", "sub/inner.png", "1", NULL, NULL, 500},
		{"image", NULL, "plain", NULL, NULL, 500},
		{"file", "red.png", "1", NULL, NULL, 400},
		{"image", "../../evil.png", "1", NULL, NULL, 400},
		{"image", "evil.png", "1", "subfolder", "../x", 400},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < countof(rows); i++) {
		struct http_request req = {.method = HTTP_POST, .url = xstrdup("/upload/image")};

		http_request_part(&req, rows[i].field, rows[i].filename, NULL, rows[i].data,
			strlen(rows[i].data));
		if (rows[i].extra)
			http_request_part(&req, rows[i].extra, NULL, NULL, rows[i].value,
				strlen(rows[i].value));
		assert_int_equal(request(f, &req), rows[i].status);
		if (rows[i].name)
			assert_string_equal(json_str(f->json, "name"), rows[i].name);
	}
	/* Junk is taken at the door and fails in the run. */
	submit(f, ID_A,
		SAVE_OF("[\"1\",0]") ",\"1\":{\"class_type\":\"LoadImage\",\"inputs\":{\"image\":"
				     "\"bot/jobs/a.png\"}}}");
	pass(f, 100);
	get(f, "/history/" ID_A);
	assert_string_equal(json_str(f->json, ID_A ".status.messages.2.1.exception_type"),
		"PIL.UnidentifiedImageError");
}

static void expect_violation(struct fixture *f, const char *rule)
{
	struct json_object *state = json_object_new_object(), *list;

	comfy_world_state(f->w, state);
	list = json_array(state, "comfy.violations");
	assert_int_equal(json_len(list), 1);
	assert_int_equal(comfy_world_violations(f->w), 1);
	assert_string_equal(json_str(list, "0.rule"), rule);
	json_put(&state);
}

static void test_violations(void **state)
{
	static const struct {
		const char *path, *body, *rule;
	} rows[] = {
		{"/prompt", "{\"number\":1,\"prompt_id\":\"" ID_A "\",\"prompt\":{}}",
			"comfy_number_sent"},
		{"/prompt", "{\"prompt\":{}}", "comfy_prompt_id_missing"},
		{"/prompt",
			"{\"prompt_id\":\"11111111-1111-4111-8111-11111111111A\",\"prompt\":{}}",
			"comfy_prompt_id_form"},
		{"/prompt", "{\"prompt_id\":\"" ID_A "\",\"extra_data\":null,\"prompt\":{}}",
			"comfy_extra_data_null"},
		{"/interrupt", "{}", "comfy_interrupt_without_prompt_id"},
		{"/interrupt", NULL, "comfy_interrupt_without_prompt_id"},
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct fixture *f;
		void *own;

		setup(&own);
		f = own;
		post(f, rows[i].path, rows[i].body);
		expect_violation(f, rows[i].rule);
		teardown(&own);
	}
}

static void test_more_violations(void **state)
{
	struct fixture *f = *state;
	struct http_request req = {.url = xstrdup("/queue")};

	submit(f, ID_A, GRAPH("7", "x"));
	submit(f, ID_A, GRAPH("7", "x"));
	expect_violation(f, "comfy_prompt_id_twice");
	http_request_header(&req, "Host", "127.0.0.1:8188");
	http_request_header(&req, "Origin", "http://evil.example");
	assert_int_equal(request(f, &req), 403);
	assert_int_equal(comfy_world_violations(f->w), 2);
}

static void test_polling(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 1000; i++) {
		get(f, "/queue");
		pass(f, 200);
	}
	assert_int_equal(comfy_world_violations(f->w), 0);
	for (int i = 0; i < 100; i++) {
		get(f, "/queue");
		pass(f, 50);
	}
	expect_violation(f, "comfy_polls_too_fast");
}

/* extra_data null ends the worker: it runs for ever, HTTP lives, interrupting does nothing. */
static void test_dead_worker(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(post(f, "/prompt",
				 "{\"prompt_id\":\"" ID_A
				 "\",\"extra_data\":null,\"prompt\":" GRAPH("7", "x") "}"),
		200);
	pass(f, 1000000);
	get(f, "/queue");
	assert_string_equal(json_str(f->json, "queue_running.0.1"), ID_A);
	assert_int_equal(post(f, "/interrupt", "{\"prompt_id\":\"" ID_A "\"}"), 200);
	submit(f, ID_B, GRAPH("8", "x"));
	pass(f, 1000000);
	get(f, "/history");
	assert_int_equal(json_object_object_length(f->json), 0);
	assert_true(comfy_world_deadline(f->w) == NEVER);
}

static void check_key(struct fixture *f, const char *good, const char *bad)
{
	struct http_request req = {.url = xstrdup("/queue")};

	assert_int_equal(get(f, "/queue"), 401);
	assert_int_equal(open_socket(f, 1, "/ws?clientId=A"), 401);
	http_request_header(&req, "Authorization", bad);
	assert_int_equal(request(f, &req), 401);
	req = (struct http_request){.url = xstrdup("/queue")};
	http_request_header(&req, "Authorization", good);
	assert_int_equal(comfy_world_ws_open(f->w, 1, "/ws?clientId=A", &req, f->now), 0);
	assert_int_equal(request(f, &req), 200);
}

static void test_bearer(void **state)
{
	check_key(*state, "Bearer sesame", "Bearer wrong");
}

static void test_basic(void **state)
{
	check_key(*state, "Basic YW5uOnBhc3M=", "Bearer ann:pass");
}

static void test_object_info(void **state)
{
	struct fixture *f = *state;
	const struct node_class *c;

	assert_int_equal(get(f, "/object_info"), 200);
	for (size_t i = 0; (c = cw_node_at(i)); i++) {
		assert_non_null(json_member(f->json, c->name));
		assert_ptr_equal(cw_node_find(c->name), c);
	}
	assert_int_equal(get(f, "/object_info/KSampler"), 200);
	assert_int_equal(json_object_object_length(f->json), 1);
	assert_string_equal(json_str(f->json, "KSampler.input.required.model.0"), "MODEL");
	assert_true(json_object_get_uint64(
			    json_at(f->json, "KSampler.input.required.seed.1.max")) == UINT64_MAX);
	assert_int_equal(get(f, "/object_info/NoSuchNode"), 200);
	assert_int_equal(json_object_object_length(f->json), 0);
	get(f, "/api/system_stats");
	assert_string_equal(json_str(f->json, "devices.0.type"), "cuda");
	assert_int_equal(get(f, "/nothing"), 404);
	get(f, "/features");
	assert_true(json_flag(f->json, "supports_preview_metadata", false));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_events_of_a_run),
		TEST(test_history_and_file),
		TEST(test_png_metadata),
		TEST(test_cached_run_names_the_old_file),
		TEST(test_previews_with_metadata),
		TEST(test_who_hears_what),
		TEST(test_refused_prompts),
		TEST(test_partly_bad),
		TEST(test_interrupt_and_delete),
		TEST(test_failures),
		TEST(test_zombie_socket),
		TEST(test_reconnect_in_mid_run),
		TEST(test_restart),
		TEST(test_spoilt_answers),
		TEST(test_stall_and_sockets_refused),
		TEST(test_view),
		TEST(test_upload),
		cmocka_unit_test(test_violations),
		TEST(test_more_violations),
		TEST(test_polling),
		TEST(test_dead_worker),
		cmocka_unit_test_setup_teardown(test_bearer, setup_bearer, teardown),
		cmocka_unit_test_setup_teardown(test_basic, setup_basic, teardown),
		TEST(test_object_info),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
