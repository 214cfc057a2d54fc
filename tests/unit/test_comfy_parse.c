/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "comfy/client_state.h"
#include "comfy/refusal.h"
#include "comfy/reply.h"
#include "comfy/request.h"
#include "comfy/stats.h"

static struct json_object *parse(const char *text)
{
	struct json_object *doc = comfy_json(text, strlen(text));

	if (!doc)
		fail_msg("not JSON: %s", text);
	return doc;
}

static void test_json(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
	} cases[] = {
		{"{\"a\":1}", "{\"a\":1}"},
		{"[NaN,-Infinity, Infinity]", "[0,0,0]"},
		{"{\"a\":[NaN,\"NaN \\\" Infinity\"]}", "{\"a\":[0,\"NaN \\\" Infinity\"]}"},
		{"[18446744073709551615,0.10]", "[18446744073709551615,0.10]"},
		{"", NULL},
		{"NaN", "0"},
		{"[NaNa]", NULL},
		{"{\"a\":\"NaN", NULL},
		{"<html>", NULL},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct json_object *doc = comfy_json(cases[i].in, strlen(cases[i].in));
		char *text = doc ? json_text(doc) : NULL;

		if (cases[i].out && !str_eq(text, cases[i].out))
			fail_msg("%s: %s", cases[i].in, text ? text : "refused");
		if (!cases[i].out && doc)
			fail_msg("%s: taken", cases[i].in);
		free(text);
		json_put(&doc);
	}
}

static void test_line(void **state)
{
	static const struct {
		const char *in;
		size_t max;
		const char *out;
	} cases[] = {
		{"", 9, ""},
		{" \n\t\n", 9, ""},
		{"\n  CUDA out of memory.  \nTIPS", 99, "CUDA out of memory."},
		{"a\tb\x7f", 9, "a b"},
		{"abcdef", 3, "abc"},
		{"a\xc3\xa9\xc3\xa9", 4, "a\xc3\xa9"},
		{"\xf0\x9f\xa6\x8a", 3, ""},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		char *line = comfy_line(cases[i].in, cases[i].max);

		assert_string_equal(line, cases[i].out);
		free(line);
	}
}

#define NODE(errors)                                                                               \
	"{\"error\":{\"type\":\"prompt_outputs_failed_validation\",\"message\":"                   \
	"\"Prompt outputs failed validation\"},\"node_errors\":{" errors "}}"

static const struct {
	const char *in, *out;
} refusals[] = {
	{NODE("\"4\":{\"class_type\":\"UnetLoaderGGUF\",\"errors\":[{\"type\":"
	      "\"value_not_in_list\",\"message\":\"Value not in list\",\"details\":"
	      "\"unet_name: 'x.gguf' not in []\",\"extra_info\":{\"input_name\":"
	      "\"unet_name\",\"received_value\":\"x.gguf\",\"input_config\":null}}]}"),
		"the server has no file 'x.gguf' (node 4, UnetLoaderGGUF: unet_name)"},
	{NODE("\"75:3\":{\"class_type\":\"ImageScale\",\"errors\":[{\"type\":"
	      "\"value_not_in_list\",\"extra_info\":{\"input_name\":\"method\","
	      "\"received_value\":\"zzz\"}}]}"),
		"'zzz' is not among the choices of the server (node 75:3, ImageScale: "
		"method)"},
	{NODE("\"2\":{\"class_type\":\"SaveImage\",\"errors\":[{\"type\":"
	      "\"required_input_missing\",\"details\":\"images\",\"extra_info\":"
	      "{\"input_name\":\"images\"}}]}"),
		"a required input is missing (node 2, SaveImage: images)"},
	{NODE("\"1\":{\"class_type\":\"EmptyImage\",\"errors\":[{\"type\":"
	      "\"value_bigger_than_max\",\"extra_info\":{\"input_name\":\"height\","
	      "\"input_config\":[\"INT\",{\"max\":16384}],\"received_value\":99999}}]}"),
		"the value 99999 is above the maximum 16384 (node 1, EmptyImage: height)"},
	{NODE("\"1\":{\"class_type\":\"EmptyImage\",\"errors\":[{\"type\":"
	      "\"value_smaller_than_min\",\"extra_info\":{\"received_value\":0}}]}"),
		"the value 0 is too small (node 1, EmptyImage)"},
	{NODE("\"1\":{\"class_type\":\"EmptyImage\",\"errors\":[{\"type\":"
	      "\"invalid_input_type\",\"extra_info\":{\"input_name\":\"n\","
	      "\"received_value\":\"abc\"}}]}"),
		"the value \"abc\" is of the wrong kind (node 1, EmptyImage: n)"},
	{NODE("\"1\":{\"class_type\":\"LoadImage\",\"errors\":[{\"type\":"
	      "\"custom_validation_failed\",\"details\":"
	      "\"image - Invalid image file: nope.png\",\"extra_info\":{\"input_name\":"
	      "\"image\"}}]}"),
		"Invalid image file: nope.png (node 1, LoadImage: image)"},
	{NODE("\"2\":{\"class_type\":\"SaveImage\",\"errors\":[{\"type\":"
	      "\"exception_during_validation\",\"details\":\"'77'\",\"extra_info\":"
	      "{\"exception_type\":\"KeyError\",\"traceback\":[\"File /home/x\"]}}]}"),
		"the server could not check the workflow (node 2, SaveImage)"},
	/* The most telling of several, whatever the order. */
	{NODE("\"10\":{\"class_type\":\"B\",\"errors\":[{\"type\":\"value_not_in_list\","
	      "\"extra_info\":{\"received_value\":\"b.pt\"}}]},\"9\":{\"class_type\":\"A\","
	      "\"errors\":[{\"type\":\"exception_during_validation\"},{\"type\":"
	      "\"value_not_in_list\",\"extra_info\":{\"received_value\":\"a.pt\"}}]}"),
		"the server has no file 'a.pt' (node 9, A)"},
	{NODE("\"2\":{\"class_type\":\"X\",\"errors\":[{\"type\":\"new\",\"message\":"
	      "\"No luck\\nTraceback\"}]}"),
		"No luck (node 2, X)"},
	{NODE("\"2\":{\"errors\":[{}]}"), "the server refuses the node (node 2, of unknown class)"},
	{NODE("\"2\":{\"errors\":[7,null]},\"3\":[],\"4\":null"),
		"the server refuses the node (node 2, of unknown class)"},
	{NODE(""), "the server refuses the workflow: Prompt outputs failed validation"},
	{"{\"error\":{\"type\":\"invalid_prompt\",\"message\":\"Cannot execute because "
	 "node "
	 "NoSuchNode does not exist.\",\"details\":\"Node ID '#1'\"},\"node_errors\":{}}",
		"the node NoSuchNode is not installed on the server"},
	{"{\"error\":{\"type\":\"missing_node_type\",\"message\":\"Node 'N' not found.\","
	 "\"extra_info\":{\"class_type\":\"N\"}}}",
		"the node N is not installed on the server"},
	{"{\"error\":{\"type\":\"invalid_prompt\",\"message\":\"Cannot execute because a "
	 "node "
	 "is missing the class_type property.\",\"details\":\"Node ID '#1'\"}}",
		"the server refuses the workflow: Cannot execute because a node is missing "
		"the class_type property. (Node ID '#1')"},
	{"{\"error\":{\"type\":\"prompt_no_outputs\"}}",
		"the workflow has no node that saves something"},
	{"{\"error\":\"busy\\nTraceback\"}", "the server refuses the workflow: busy"},
	{"{}", "the server refuses the workflow without saying why"},
	{"[1]", "the server refuses the workflow without saying why"},
};

static void test_refusals(void **state)
{
	for (size_t i = 0; i < countof(refusals); i++) {
		struct json_object *doc = parse(refusals[i].in);
		char *text = refusal_text(doc);

		assert_string_equal(text, refusals[i].out);
		free(text);
		json_put(&doc);
	}
}

#define STATUS(s, last)                                                                            \
	",\"status\":{\"status_str\":\"" s "\",\"completed\":false,\"messages\":"                  \
	"[[\"execution_start\",{}],[\"" last "\",{\"exception_type\":\"ValueError\","              \
	"\"exception_message\":\"no\\n\"}]]}"

static void test_histories(void **state)
{
	static const struct {
		const char *in;
		int r;
		enum history_outcome outcome;
		const char *text;
		size_t files;
	} cases[] = {
		{"{}", 0, HISTORY_NONE, NULL, 0},
		{"[]", -EINVAL, 0, NULL, 0},
		{"{\"b\":{}}", -EINVAL, 0, NULL, 0},
		{"{\"a\":7}", -EINVAL, 0, NULL, 0},
		{"{\"a\":{}}", 0, HISTORY_FINISHED, NULL, 0},
		{"{\"a\":{\"outputs\":{}" STATUS("success", "execution_success") "}}", 0,
			HISTORY_FINISHED, NULL, 0},
		{"{\"a\":{\"outputs\":{}" STATUS("error", "execution_error") "}}", 0,
			HISTORY_FAILED, "no", 0},
		{"{\"a\":{\"outputs\":{}" STATUS("error", "execution_interrupted") "}}", 0,
			HISTORY_INTERRUPTED, NULL, 0},
		{"{\"a\":{\"status\":{\"status_str\":\"error\",\"messages\":[]}}}", 0,
			HISTORY_FAILED, "the run failed without saying why", 0},
		{"{\"a\":{\"outputs\":{\"9\":{\"images\":[{\"filename\":\"a.png\",\"subfolder\":"
		 "\"s\","
		 "\"type\":\"output\"},{\"filename\":\"b.png\",\"type\":\"temp\"},{\"filename\":7,"
		 "\"type\":\"output\"},null],\"animated\":[true]},\"8\":{\"gifs\":[{\"filename\":"
		 "\"a.mp4\",\"type\":\"output\"}]},\"7\":{\"audio\":[{\"filename\":\"a.png\","
		 "\"subfolder\":\"s\",\"type\":\"output\"}]},\"6\":null,\"5\":[1]}}}",
			0, HISTORY_FINISHED, NULL, 2},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct json_object *doc = parse(cases[i].in);
		struct history h = {0};

		assert_int_equal(history_read(doc, "a", &h), cases[i].r);
		assert_int_equal(h.outcome, cases[i].outcome);
		assert_int_equal(h.n_files, cases[i].files);
		assert_true(h.text == cases[i].text || str_eq(h.text, cases[i].text));
		if (h.n_files == 2) {
			assert_string_equal(h.files[0].subfolder, "s");
			assert_string_equal(h.files[1].filename, "a.mp4");
			assert_string_equal(h.files[1].subfolder, "");
		}
		history_free(&h);
		json_put(&doc);
	}
}

#define RAN(start, end, of)                                                                        \
	"{\"a\":{\"status\":{\"status_str\":\"success\",\"messages\":"                              \
	"[[\"execution_start\"," start "],[\"execution_cached\",{\"timestamp\":7}],[\"" end "\","  \
	of "]]}}}"

/* How long a run took, by the server's clock; 0 when that cannot be told. */
static void test_run_times(void **state)
{
	static const struct {
		const char *in;
		int64_t run_ms;
	} cases[] = {
		{RAN("{\"timestamp\":1795344183285}", "execution_success",
			 "{\"timestamp\":1795344195296}"),
			12011},
		{RAN("{\"timestamp\":5}", "execution_success", "{\"timestamp\":5}"), 0},
		{RAN("{\"timestamp\":9000}", "execution_success", "{\"timestamp\":8000}"), 0},
		{RAN("{\"timestamp\":1}", "execution_success", "{\"timestamp\":86400002}"), 0},
		{RAN("{\"timestamp\":1}", "execution_success",
			 "{\"timestamp\":9223372036854775807}"),
			0},
		{RAN("{\"timestamp\":-8}", "execution_success", "{\"timestamp\":8000}"), 0},
		{RAN("{\"timestamp\":\"5\"}", "execution_success", "{\"timestamp\":8000}"), 0},
		{RAN("{}", "execution_success", "{\"timestamp\":8000}"), 0},
		{RAN("7", "execution_success", "null"), 0},
		{RAN("{\"timestamp\":5}", "executed", "{\"timestamp\":8000}"), 0},
		{"{\"a\":{\"status\":{\"status_str\":\"success\",\"messages\":[null,7,[]]}}}", 0},
		{"{\"a\":{}}", 0},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct json_object *doc = parse(cases[i].in);
		struct history h = {0};

		assert_int_equal(history_read(doc, "a", &h), 0);
		assert_int_equal(h.outcome, HISTORY_FINISHED);
		assert_int_equal(h.run_ms, cases[i].run_ms);
		history_free(&h);
		json_put(&doc);
	}
}

static void test_out_of_memory(void **state)
{
	static const struct {
		const char *in;
		bool oom;
	} cases[] = {
		{"{\"exception_type\":\"torch.OutOfMemoryError\",\"exception_message\":"
		 "\"Allocation\"}",
			true},
		{"{\"exception_type\":\"torch.cuda.OutOfMemoryError\"}", true},
		{"{\"exception_type\":\"RuntimeError\",\"exception_message\":\"CUDA error: Out of "
		 "memory\"}",
			true},
		{"{\"exception_type\":\"RuntimeError\",\"exception_message\":\"shape\"}", false},
		{"{}", false},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct json_object *doc = parse(cases[i].in);
		bool oom = !cases[i].oom;
		char *text = error_text(doc, &oom);

		assert_true(oom == cases[i].oom);
		assert_true(*text);
		free(text);
		json_put(&doc);
	}
}

static void test_queue(void **state)
{
	struct json_object *doc = parse("{\"queue_running\":[[1,\"r\",{\"3\":{}},{\"client_id\":"
					"\"me\"},[]]],\"queue_pending\":[null,[],[2,\"p\"]]}");
	struct queue_item item;

	assert_int_equal(queue_find(doc, "r", &item), 0);
	assert_int_equal(item.place, QUEUE_RUNNING);
	assert_string_equal(item.client_id, "me");
	assert_non_null(item.graph);
	assert_int_equal(queue_find(doc, "p", &item), 0);
	assert_int_equal(item.place, QUEUE_PENDING);
	assert_null(item.graph);
	assert_int_equal(queue_find(doc, "x", &item), 0);
	assert_int_equal(item.place, QUEUE_ABSENT);
	json_put(&doc);
	doc = parse("{\"queue_running\":[]}");
	assert_int_equal(queue_find(doc, "x", &item), -EINVAL);
	assert_int_equal(queue_find(NULL, "x", &item), -EINVAL);
	json_put(&doc);
}

static void test_previews(void **state)
{
#define JPEG "\xff\xd8\xff\xe0jfif"
#define PNG  "\x89PNG\r\n\x1a\n...."
	static const struct {
		const char *data;
		size_t len;
		int r;
		const char *type, *prompt_id;
	} cases[] = {
		{"\0\0\0\1\0\0\0\1" JPEG, 16, 0, "image/jpeg", NULL},
		{"\0\0\0\1\0\0\0\2" PNG, 20, 0, "image/png", NULL},
		/* By the bytes, not by what is said of them. */
		{"\0\0\0\1\0\0\0\1" PNG, 20, 0, "image/png", NULL},
		{"\0\0\0\4\0\0\0\21{\"prompt_id\":\"a\"}" JPEG, 33, 0, "image/jpeg", "a"},
		{"\0\0\0\4\0\0\0\2{}" JPEG, 18, 0, "image/jpeg", NULL},
		{"\0\0\0\4\0\0\0\2{{" JPEG, 18, -EINVAL, NULL, NULL},
		{"\0\0\0\4\377\377\377\377{}" JPEG, 18, -EINVAL, NULL, NULL},
		{"\0\0\0\4\0\0\0\10{}" JPEG, 18, -EINVAL, NULL, NULL},
		{"\0\0\0\1\0\0\0\1GIF89a", 14, -EINVAL, NULL, NULL},
		{"\0\0\0\1\0\0\0\1", 8, -EINVAL, NULL, NULL},
		{"\0\0\0\1", 4, -EINVAL, NULL, NULL},
		{"", 0, -EINVAL, NULL, NULL},
		{"\0\0\0\3\0\0\0\1"
		 "9text",
			13, -ENOMSG, NULL, NULL},
	};
	char *large = xcalloc(PREVIEW_MAX + 20, 1);
	struct ws_preview p;

	for (size_t i = 0; i < countof(cases); i++) {
		int r = ws_preview_read(cases[i].data, cases[i].len, &p);

		if (r != cases[i].r)
			fail_msg("frame %zu: %d", i, r);
		if (r < 0)
			continue;
		assert_string_equal(p.type, cases[i].type);
		assert_true(p.prompt_id == cases[i].prompt_id ||
			    str_eq(p.prompt_id, cases[i].prompt_id));
		ws_preview_free(&p);
	}
	memcpy(large, "\0\0\0\1\0\0\0\1" JPEG, 16);
	assert_int_equal(ws_preview_read(large, PREVIEW_MAX + 8, &p), 0);
	ws_preview_free(&p);
	assert_int_equal(ws_preview_read(large, PREVIEW_MAX + 9, &p), -EFBIG);
	free(large);
}

static void apply(struct run *run, const char *text)
{
	struct ws_message m;

	assert_int_equal(ws_message_read(text, strlen(text), &m), 0);
	run_apply(run, &m);
	ws_message_free(&m);
}

static void test_run(void **state)
{
	static const struct {
		const char *message;
		int least, most;
		const char *node;
	} cases[] = {
		{"{\"type\":\"execution_cached\",\"data\":{\"nodes\":[\"1\",\"2\"]}}", 1, 15, NULL},
		{"{\"type\":\"executing\",\"data\":{\"node\":\"3\"}}", 1, 15, "3"},
		{"{\"type\":\"progress\",\"data\":{\"node\":\"3\",\"value\":1,\"max\":4}}", 20, 40,
			"3"},
		{"{\"type\":\"progress\",\"data\":{\"node\":\"3\",\"value\":3,\"max\":4}}", 60, 85,
			"3"},
		/* Never falling, whatever is said. */
		{"{\"type\":\"progress\",\"data\":{\"node\":\"3\",\"value\":-9,\"max\":4}}", 60, 85,
			"3"},
		{"{\"type\":\"progress\",\"data\":{\"node\":\"3\",\"value\":1e308,\"max\":1e-308}}",
			60, 85, "3"},
		{"{\"type\":\"executing\",\"data\":{\"node\":\"4\"}}", 85, 98, "4"},
		{"{\"type\":\"progress_state\",\"data\":{\"nodes\":{\"4\":{\"state\":\"finished\"},"
		 "\"5\":{\"state\":\"running\",\"value\":0,\"max\":1}}}}",
			90, 99, "5"},
		{"{\"type\":\"executing\",\"data\":{\"node\":null}}", 99, 99, NULL},
	};
	struct json_object *graph = parse("{\"1\":{},\"2\":{},\"3\":{\"inputs\":{\"latent_image\":"
					  "[\"2\",0]}},\"4\":{},\"5\":{}}");
	struct run *run = run_new();

	run_graph(run, graph);
	assert_int_equal(run_percent(run), 0);
	for (size_t i = 0; i < countof(cases); i++) {
		int percent;

		apply(run, cases[i].message);
		percent = run_percent(run);
		if (percent < cases[i].least || percent > cases[i].most)
			fail_msg("%s: %d", cases[i].message, percent);
		if (cases[i].node)
			assert_string_equal(run_node(run), cases[i].node);
	}
	run_free(run);
	json_put(&graph);
}

/* Without the graph a guess stands for what is not known, and the end is not announced early. */
static void test_run_without_graph(void **state)
{
	struct run *run = run_new();

	apply(run, "{\"type\":\"execution_cached\",\"data\":{\"nodes\":[\"1\",\"2\"]}}");
	assert_true(run_percent(run) < 15);
	apply(run, "{\"type\":\"progress\",\"data\":{\"node\":\"3\",\"value\":2,\"max\":4}}");
	assert_in_range(run_percent(run), 20, 50);
	apply(run, "{\"type\":\"progress\",\"data\":{\"node\":\"3\",\"value\":4,\"max\":4}}");
	assert_in_range(run_percent(run), 50, 80);
	run_free(run);
}

static void test_requests(void **state)
{
	static const struct {
		const char *url, *key, *request, *socket, *authorization;
	} cases[] = {
		{"http://h:8188", NULL, "http://h:8188/queue", "ws://h:8188/ws?clientId=c", NULL},
		{"https://h/a/b//", "key", "https://h/a/b/queue", "wss://h/a/b/ws?clientId=c",
			"Bearer key"},
		{"HTTPS://h/?x=1", "user:pass word", "HTTPS://h/queue", "wss://h/ws?clientId=c",
			"Basic dXNlcjpwYXNzIHdvcmQ="},
		{"http://[::1]:80/", "", "http://[::1]:80/queue", "ws://[::1]:80/ws?clientId=c",
			NULL},
		{"http://h", "a\r\nX: y", "http://h/queue", "ws://h/ws?clientId=c", NULL},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct comfy_config config = {.url = cases[i].url, .api_key = cases[i].key};
		struct http_request req;
		const char *a;

		comfy_request(&config, HTTP_GET, "/queue", &req);
		assert_string_equal(req.url, cases[i].request);
		assert_string_equal(http_request_get(&req, "ngrok-skip-browser-warning"), "1");
		assert_null(http_request_get(&req, "Origin"));
		a = http_request_get(&req, "Authorization");
		assert_true(a == cases[i].authorization || str_eq(a, cases[i].authorization));
		http_request_free(&req);
		request_websocket(&config, "c", &req);
		assert_string_equal(req.url, cases[i].socket);
		a = http_request_get(&req, "Authorization");
		assert_true(a == cases[i].authorization || str_eq(a, cases[i].authorization));
		http_request_free(&req);
	}
}

static void test_bodies(void **state)
{
	struct comfy_config config = {.url = "http://h"};
	struct output_file file = {(char *)"a b&c.png", (char *)"x/y"};
	struct http_request req;

	/* 64-bit seeds and the text of floats stay as they are. */
	request_prompt(
		&config, "p", "c", "{\"3\":{\"seed\":18446744073709551615,\"cfg\":1.10}}", &req);
	assert_string_equal(req.body,
		"{\"prompt\":{\"3\":{\"seed\":18446744073709551615,\"cfg\":1.10}},"
		"\"client_id\":\"c\",\"prompt_id\":\"p\",\"extra_data\":{}}");
	http_request_free(&req);
	request_delete(&config, "p\"", &req);
	assert_string_equal(req.body, "{\"delete\":[\"p\\\"\"]}");
	http_request_free(&req);
	request_interrupt(&config, "p", &req);
	assert_string_equal(req.body, "{\"prompt_id\":\"p\"}");
	http_request_free(&req);
	request_history(&config, "a/../b", &req);
	assert_string_equal(req.url, "http://h/history/a%2F..%2Fb");
	http_request_free(&req);
	request_view(&config, &file, 75, &req);
	assert_string_equal(req.url, "http://h/view?filename=a%20b%26c.png&subfolder=x%2Fy&type="
				     "output&preview=webp%3B75");
	http_request_free(&req);
}

#define CARD(name, type, total, free, torch, torch_free)                                           \
	"{\"devices\":[{\"name\":" name ",\"type\":\"" type "\",\"vram_total\":" total             \
	",\"vram_free\":" free ",\"torch_vram_total\":" torch ",\"torch_vram_free\":" torch_free   \
	"}"

static void test_stats(void **state)
{
	static const struct {
		const char *in;
		struct card_stats out;
	} cases[] = {
		{CARD("\"cuda:0 NVIDIA A40 : cudaMallocAsync\"", "cuda", "48e9", "30000000000",
			 "9000000000", "5000000") "]}",
			{"NVIDIA A40", false, 48000000000, 30000000000, 9000000000, 5000000}},
		/* Several: the first is the one that is used. */
		{CARD("\"cuda:1 B\"", "cuda", "2000000", "1", "2", "0") ",{\"name\":\"cuda:0 "
									"C\"}]}",
			{"B", false, 2000000, 1, 2, 0}},
		{CARD("\"cpu\"", "cpu", "25276502016", "24178880512", "25276502016",
			 "24178880512") "]}",
			{"cpu", true, 25276502016, 24178880512, 25276502016, 24178880512}},
		{CARD("\"mps\"", "mps", "2000000", "3000000", "4000000", "5000000") "]}",
			{"mps", false, 2000000, 2000000, 2000000, 2000000}},
		{CARD("\"x\"", "cuda", "2000000", "-1", "1", "1") "]}",
			{"x", false, 2000000, 2000000, 0, 0}},
		{CARD("\"x\"", "cuda", "2000000", "5", "null", "1") "]}",
			{"x", false, 2000000, 2000000, 0, 0}},
		{CARD("\"x\"", "cuda", "2000000", "5", "7", "NaN") "]}",
			{"x", false, 2000000, 5, 7, 0}},
		{CARD("\"privateuseone\"", "privateuseone", "1073741824", "1073741824",
			 "1073741824", "1073741824") "]}",
			{.name = "privateuseone"}},
		{CARD("7", "cuda", "1e30", "1", "1", "1") "]}", {.name = ""}},
		{CARD("\"x\"", "cuda", "-5", "1", "1", "1") "]}", {.name = "x"}},
		{CARD("\"x\"", "cuda", "\"24 GB\"", "1", "1", "1") "]}", {.name = "x"}},
		{CARD("\"cuda:0 \\n\\u0007\"", "cuda", "NaN", "1", "1", "1") "]}",
			{.name = "cuda:0"}},
		{"{\"devices\":[]}", {.name = ""}},
		{"{\"devices\":{\"name\":\"x\"}}", {.name = ""}},
		{"[]", {.name = ""}},
	};
	struct card_stats got;

	for (size_t i = 0; i < countof(cases); i++) {
		const struct card_stats *want = &cases[i].out;
		cleanup(json_put) struct json_object *doc = parse(cases[i].in);

		stats_read(doc, &got);
		if (!str_eq(got.name, want->name) || got.cpu != want->cpu ||
			got.vram_total != want->vram_total || got.vram_free != want->vram_free ||
			got.torch_total != want->torch_total || got.torch_free != want->torch_free)
			fail_msg("%s: '%s' cpu %d: %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
				cases[i].in, got.name, got.cpu, got.vram_total, got.vram_free,
				got.torch_total, got.torch_free);
	}
	stats_read(NULL, &got);
	assert_int_equal(got.vram_total, 0);
}

static void test_base64(void **state)
{
	/* RFC 4648, section 10. */
	static const char *const cases[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="},
		{"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfd", "//79"}};

	for (size_t i = 0; i < countof(cases); i++) {
		char *text = base64_encode(cases[i][0], strlen(cases[i][0]));

		assert_string_equal(text, cases[i][1]);
		free(text);
	}
}

static void test_whole(void **state)
{
#define SIGNATURE "\x89PNG\r\n\x1a\n"
#define END	  "\0\0\0\0IEND\xae\x42\x60\x82"
	static const struct {
		const char *data;
		size_t len;
		bool whole;
	} cases[] = {
		{SIGNATURE "\0\0\0\2IDATxxcccc" END, 34, true},
		{SIGNATURE "\0\0\0\2IDATxxcccc" END, 33, false},
		{SIGNATURE "\0\0\0\2IDATxxcccc", 22, false},
		{SIGNATURE "\377\377\377\377IDATxxcccc", 22, false},
		{SIGNATURE, 8, false},
		{"RIFF\4\0\0\0WEBP", 12, true},
		{"RIFF\5\0\0\0WEBP", 12, false},
		{"RIFF\377\377\377\377WEBP", 12, false},
		{"\xff\xd8\xff", 3, true},
		{"", 0, false},
	};

	for (size_t i = 0; i < countof(cases); i++)
		if (fetch_is_whole(cases[i].data, cases[i].len) != cases[i].whole)
			fail_msg("file %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_histories),
		cmocka_unit_test(test_run_times),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_previews),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_run_without_graph),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
