/* SPDX-License-Identifier: Apache-2.0 */
/* The model of ComfyUI: runs and their events, faults. */
#include "world_comfy_kit.h"

#include <zlib.h>

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
	/* Each loader takes as long as its files are large, the VAE's share comes before the steps. */
	pass(f, 552);
	expect_heard(f, 1, "");
	pass(f, 1);
	expect_heard(f, 1, "executing:2");
	pass(f, 419);
	expect_heard(f, 1, "executing:4 executing:5 executing:6");
	pass(f, 127);
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

/* A batch encoder: each picture of a pass from its own text. */
#define BATCH(texts, latents)                                                                      \
	"{\"1\":{\"class_type\":\"CheckpointLoaderSimple\",\"inputs\":{\"ckpt_name\":"              \
	"\"sd_xl_base_1.0.safetensors\"}},"                                                        \
	"\"2\":{\"class_type\":\"CLIP Text Encode (Batch)\",\"inputs\":{\"clip\":[\"1\",1],"        \
	"\"batch_size\":" texts ",\"text_1\":\"a fox\",\"text_2\":\"a dog\",\"text_3\":\"\","       \
	"\"text_4\":\"\"}},"                                                                       \
	"\"5\":{\"class_type\":\"EmptyLatentImage\",\"inputs\":{\"width\":64,\"height\":64,"        \
	"\"batch_size\":" latents "}},"                                                            \
	"\"6\":{\"class_type\":\"KSampler\",\"inputs\":{\"model\":[\"1\",0],\"seed\":3,"            \
	"\"steps\":3,\"cfg\":1,\"sampler_name\":\"euler\",\"scheduler\":\"simple\","               \
	"\"positive\":[\"2\",0],\"negative\":[\"2\",0],\"latent_image\":[\"5\",0],\"denoise\":1}},"   \
	"\"7\":{\"class_type\":\"VAEDecode\",\"inputs\":{\"samples\":[\"6\",0],\"vae\":[\"1\",2]}},"  \
	"\"9\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"7\",0],"                      \
	"\"filename_prefix\":\"job\"}}}"

static bool is_of(struct fixture *f, int nth, const char *prompt)
{
	char url[80];

	snprintf(url, sizeof(url), "/view?filename=job_%05d_.png&type=output", nth);
	assert_int_equal(get(f, url), 200);
	return draw_tiny_is_of(buf_str(&f->res.body), f->res.body.len, prompt);
}

static void test_batch_encoder(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(submit(f, ID_A, BATCH("2", "2")), 200);
	pass(f, 10000);
	assert_true(is_of(f, 1, "a fox") && is_of(f, 2, "a dog") && !is_of(f, 1, "a dog"));
	/* One text is repeated for all pictures. */
	submit(f, ID_B, BATCH("1", "3"));
	pass(f, 10000);
	for (int i = 3; i <= 5; i++)
		assert_true(is_of(f, i, "a fox"));
	get(f, "/history/" ID_B);
	assert_int_equal(json_len(json_at(f->json, ID_B ".outputs.9.images")), 3);
	get(f, "/object_info/CLIP%20Text%20Encode%20(Batch)");
	assert_int_equal(json_int(json_at(f->json,
					  "CLIP Text Encode (Batch).input.required.batch_size.1"),
				 "max", 0),
		64);
}

static void test_memory_for_a_batch(void **state)
{
	struct fixture *f = *state;

	fault(f, "{\"kind\":\"comfy_oom\",\"above\":1}");
	submit(f, ID_A, BATCH("2", "2"));
	submit(f, ID_B, BATCH("1", "1"));
	pass(f, 20000);
	get(f, "/history");
	assert_string_equal(json_str(f->json, ID_A ".status.messages.2.1.exception_type"),
		"torch.OutOfMemoryError");
	assert_string_equal(json_str(f->json, ID_B ".status.status_str"), "success");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_batch_encoder),
		TEST(test_memory_for_a_batch),
		TEST(test_events_of_a_run),
		TEST(test_history_and_file),
		TEST(test_png_metadata),
		TEST(test_cached_run_names_the_old_file),
		TEST(test_previews_with_metadata),
		TEST(test_who_hears_what),
		TEST(test_interrupt_and_delete),
		TEST(test_failures),
		TEST(test_zombie_socket),
		TEST(test_reconnect_in_mid_run),
		TEST(test_restart),
		TEST(test_stall_and_sockets_refused),
		TEST(test_dead_worker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
