/* SPDX-License-Identifier: Apache-2.0 */
/* The model of ComfyUI: what its routes answer, and what it complains of. */
#include "world_comfy_kit.h"

#include "sandbox/comfy_nodes.h"

static int setup_bearer(void **state)
{
	return setup_with(state, "sesame");
}

static int setup_basic(void **state)
{
	return setup_with(state, "ann:pass");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_refused_prompts),
		TEST(test_partly_bad),
		TEST(test_spoilt_answers),
		TEST(test_view),
		TEST(test_upload),
		cmocka_unit_test(test_violations),
		TEST(test_more_violations),
		TEST(test_polling),
		cmocka_unit_test_setup_teardown(test_bearer, setup_bearer, teardown),
		cmocka_unit_test_setup_teardown(test_basic, setup_basic, teardown),
		TEST(test_object_info),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
