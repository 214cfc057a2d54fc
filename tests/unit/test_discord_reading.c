/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "discord/interaction.h"
#include "discord/message.h"
#include "discord/rest_read.h"

/* What Discord, or somebody through it, sends: what counts is found, and what cannot be is passed
 * over. */

static struct json_object *json(const char *text)
{
	const char *why = NULL;
	struct json_object *doc = json_parse(text, strlen(text), &why);

	if (!doc)
		fail_msg("%s: %s", text, why);
	return doc;
}

/* ---- pictures in a message ---- */

static void test_pictures(void **state)
{
	static const struct {
		const char *message;
		const char *urls; /* in their order, apart by blanks */
	} cases[] = {
		{"{}", ""},
		{"{\"attachments\":7,\"embeds\":{},\"components\":\"x\"}", ""},
		{"{\"attachments\":[{\"id\":\"1\",\"url\":\"a\",\"filename\":\"A.PNG\"}]}", "a"},
		/* Without an id, without a URL, twice the same. */
		{"{\"attachments\":[{\"url\":\"a\",\"filename\":\"a.png\"},{\"id\":\"1\",\"url\":\"\","
		 "\"filename\":\"a.png\"},{\"id\":\"1\"},7,null,{\"id\":\"2\",\"url\":\"b\","
		 "\"filename\":\"b.webp\"},{\"id\":\"3\",\"url\":\"b\",\"filename\":\"b.webp\"}]}",
			"b"},
		/* By type or by name; nobody's word makes a text a picture. */
		{"{\"attachments\":[{\"id\":\"1\",\"url\":\"a\",\"filename\":\"a\","
		 "\"content_type\":\"image/heic\"},{\"id\":\"2\",\"url\":\"b\",\"filename\":\"b.txt\"},"
		 "{\"id\":\"3\",\"url\":\"c\"},{\"id\":\"4\",\"url\":\"d\",\"filename\":\"png\"}]}",
			"a"},
		/* Galleries, thumbnails, containers; a video among them is none. */
		{"{\"components\":[{\"type\":17,\"components\":[{\"items\":[{\"media\":{\"url\":\"a\"}},"
		 "{\"media\":{\"url\":\"v\",\"content_type\":\"video/mp4\"}},{\"media\":{}},7]},"
		 "{\"accessory\":{\"media\":{\"url\":\"b\",\"content_type\":\"image/png\"}}}]},"
		 "{\"media\":{\"url\":\"c\"}}]}",
			"a b c"},
		/* Deeper than Discord nests. */
		{"{\"components\":[{\"components\":[{\"components\":[{\"components\":[{\"components\":["
		 "{\"components\":[{\"components\":[{\"media\":{\"url\":\"a\"}}]}]}]}]}]}]}]}",
			""},
		/* Of an embed only Discord's own copy. */
		{"{\"embeds\":[{\"image\":{\"url\":\"x\",\"proxy_url\":\"a\"},\"thumbnail\":{\"url\":"
		 "\"y\"}},{\"thumbnail\":{\"proxy_url\":\"b\"}},7]}",
			"a b"},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		cleanup(json_put) struct json_object *message = json(cases[i].message);
		struct attachment found[ATTACHMENTS_MAX];
		size_t n = message_pictures(message, found);
		char urls[100] = "";

		for (size_t k = 0; k < n; k++) {
			strncat(urls, k ? " " : "", sizeof(urls) - strlen(urls) - 1);
			strncat(urls, found[k].url, sizeof(urls) - strlen(urls) - 1);
			attachment_free(&found[k]);
		}
		if (!str_eq(urls, cases[i].urls))
			fail_msg("%s: wanted \"%s\", got \"%s\"", cases[i].message, cases[i].urls,
				urls);
	}
}

static void test_sizes_of_pictures(void **state)
{
	cleanup(json_put) struct json_object *odd = json(
		"{\"id\":\"1\",\"url\":\"a\",\"size\":-5,\"width\":-1,\"height\":99999999999}");
	struct attachment a;

	assert_true(attachment_decode(odd, &a));
	assert_true(a.size == 0 && a.width == 0 && a.height == 0);
	attachment_free(&a);
}

static void test_more_pictures_than_are_looked_at(void **state)
{
	struct json_object *message = json_object_new_object(), *list = json_object_new_array();
	struct attachment found[ATTACHMENTS_MAX];
	size_t n;

	json_add(message, "attachments", list);
	for (int i = 0; i < ATTACHMENTS_MAX + 5; i++) {
		cleanup(freep) char *one = xasprintf(
			"{\"id\":\"%d\",\"url\":\"u%d\",\"filename\":\"a.gif\"}", i + 1, i);

		json_object_array_add(list, json(one));
	}
	n = message_pictures(message, found);
	assert_int_equal(n, ATTACHMENTS_MAX);
	for (size_t i = 0; i < n; i++)
		attachment_free(&found[i]);
	json_put(&message);
}

/* ---- threads and warnings of ours ---- */

static void test_threads(void **state)
{
	static const char list[] =
		"[{\"id\":\"9\",\"type\":12,\"owner_id\":\"3\",\"name\":\"session-ana-7\","
		"\"parent_id\":\"5\"},"
		"{\"id\":\"10\",\"type\":12,\"owner_id\":\"4\",\"name\":\"session-ana-7\"},"
		"{\"id\":\"11\",\"type\":11,\"owner_id\":\"3\",\"name\":\"session-ana-7\"},"
		"{\"id\":\"12\",\"type\":12,\"owner_id\":\"3\",\"name\":\"session-ana\"},"
		"{\"id\":\"13\",\"type\":12,\"owner_id\":\"3\",\"name\":\"other-7\"},"
		"{\"id\":\"14\",\"type\":12,\"owner_id\":\"3\"},"
		"{\"type\":12,\"owner_id\":\"3\",\"name\":\"session-ana-7\"},7,null]";
	cleanup(json_put) struct json_object *doc = json(list);
	struct thread *threads = NULL;
	size_t n = 99;

	assert_int_equal(threads_decode(NULL, 3, &threads, &n), -EBADMSG);
	assert_int_equal(threads_decode(json_at(doc, "0"), 3, &threads, &n), -EBADMSG);
	assert_int_equal(threads_decode(doc, 3, &threads, &n), 0);
	assert_int_equal(n, 1);
	assert_true(threads[0].id == 9 && threads[0].user_id == 7 && threads[0].parent_id == 5);
	free(threads);
	assert_int_equal(threads_decode(doc, 0, &threads, &n), 0); /* who we are is not known yet */
	assert_int_equal(n, 0);
	free(threads);
}

#define KEEP(author, id, user)                                                                     \
	"{\"id\":\"" id "\",\"author\":{\"id\":\"" author                                          \
	"\"},\"components\":[7,{\"components\":[{},"                                               \
	"{\"custom_id\":\"v1:keep:" user "\"}]}]}"

static void test_warnings(void **state)
{
	static const struct {
		const char *list;
		uint64_t warning;
		bool written;
	} cases[] = {
		{"[]", 0, false},
		{"[" KEEP("3", "20", "7") "]", 20, false},
		{"[" KEEP("3", "20", "7") "," KEEP("3", "25", "7") "]", 25, false},
		{"[" KEEP("4", "20", "7") "]", 0, false}, /* somebody else's */
		{"[" KEEP("3", "20", "8") "]", 0, false}, /* another member's */
		{"[{\"id\":\"21\",\"author\":{\"id\":\"7\"}}," KEEP("3", "20", "7") "]", 20, true},
		{"[" KEEP("3", "20", "7") ",{\"id\":\"19\",\"author\":{\"id\":\"7\"}}]", 20, false},
		{"[{\"id\":\"21\",\"author\":{\"id\":\"7\"}}]", 0, false},
		{"[{\"id\":\"20\",\"author\":{\"id\":\"3\"},\"components\":[{\"components\":[{"
		 "\"custom_id\":\"v1:cancel:7\"}]}]}]",
			0, false},
		{"[7,null,{\"author\":7,\"components\":7}]", 0, false},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		cleanup(json_put) struct json_object *doc = json(cases[i].list);
		uint64_t warning = 99, found[2] = {0};
		bool written = true;

		assert_int_equal(message_read_warning(doc, 3, 7, &warning, &written), 0);
		if (warning != cases[i].warning || written != cases[i].written)
			fail_msg("%s: %" PRIu64 ", %d", cases[i].list, warning, written);
		assert_int_equal(message_find_warnings(doc, 3, 7, found, 1), warning ? 1 : 0);
	}
	assert_int_equal(message_read_warning(NULL, 3, 7, NULL, NULL), -EBADMSG);
	assert_int_equal(message_find_warnings(NULL, 3, 7, NULL, 0), 0);
}

/* ---- interactions that are not whole ---- */

static void test_interactions(void **state)
{
#define HEAD "{\"id\":\"9\",\"token\":\"t\",\"user\":{\"id\":\"7\"},"
	static const struct {
		const char *text;
		int result;
	} cases[] = {
		{"{\"id\":\"9\",\"token\":\"t\",\"type\":1}", 0},
		{HEAD "\"type\":2,\"data\":{\"name\":\"imagine\"}}", 0},
		{HEAD "\"type\":3,\"data\":{\"custom_id\":\"v1:cancel:1\"}}", 0},
		{HEAD "\"type\":0}", -EBADMSG},
		{HEAD "\"type\":6}", -EBADMSG},
		{HEAD "\"type\":2}", -EBADMSG},
		{HEAD "\"type\":2,\"data\":{\"name\":\"\"}}", -EBADMSG},
		{HEAD "\"type\":3,\"data\":{\"custom_id\":\"\"}}", -EBADMSG},
		{HEAD "\"type\":5,\"data\":{}}", -EBADMSG},
		{"{\"id\":\"9\",\"token\":\"t\",\"type\":2,\"data\":{\"name\":\"imagine\"}}",
			-EBADMSG},
		{"{\"token\":\"t\",\"type\":1}", -EBADMSG},
		{"{\"id\":\"9\",\"token\":\"\",\"type\":1}", -EBADMSG},
		{"{\"id\":\"9\",\"type\":1}", -EBADMSG},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		cleanup(json_put) struct json_object *doc = json(cases[i].text);
		struct interaction it = {.id = 42};

		if (interaction_decode(doc, &it) != cases[i].result)
			fail_msg("%s", cases[i].text);
		if (cases[i].result == 0)
			interaction_free(&it);
		else
			assert_int_equal(it.id, 42);
	}
}

static void test_odd_members_of_interactions(void **state)
{
	static const char text[] = HEAD
		"\"type\":2,\"locale\":\"\",\"context\":9,\"attachment_size_limit\":-4,\"data\":{"
		"\"name\":\"admin\",\"target_id\":\"55\",\"resolved\":{\"messages\":{\"56\":{}}},"
		"\"options\":[{\"type\":1,\"name\":\"ban\",\"options\":[{\"type\":1,\"name\":\"deeper\","
		"\"options\":[{\"name\":\"user\",\"value\":true},{\"value\":\"no name\"},{\"name\":\"list\","
		"\"value\":[1]},{\"name\":\"menu\",\"values\":[\"a\",\"b\"]}]}]},7]}}";
	cleanup(json_put) struct json_object *doc = json(text);
	struct interaction it;

	assert_int_equal(interaction_decode(doc, &it), 0);
	assert_string_equal(it.locale, "en-US");
	assert_true(it.context == 2 && it.attachment_size_limit == 0);
	assert_true(
		it.target_id == 55 && it.n_attachments == 0); /* that message was not sent along */
	assert_string_equal(it.subcommand, "deeper");
	assert_int_equal(it.n_options, 3);
	assert_true(interaction_flag(&it, "user"));
	assert_string_equal(interaction_option(&it, "list"), "");
	assert_string_equal(interaction_option(&it, "menu"), "a");
	assert_int_equal(interaction_id(&it, "menu"), 0);
	assert_null(interaction_attachment(&it, "user"));
	assert_null(interaction_focused(&it));
	interaction_free(&it);
}

/* A window's fields: in labels, in rows, and in neither. */
static void test_fields_of_a_window(void **state)
{
	static const char text[] = HEAD
		"\"type\":5,\"data\":{\"custom_id\":\"v1:edit:1:2\",\"components\":[{\"type\":18,"
		"\"component\":{\"custom_id\":\"prompt\",\"value\":\"blue\"}},{\"type\":1,\"components\":["
		"{\"custom_id\":\"model\",\"value\":3}]},{\"type\":1,\"components\":[{\"components\":[{"
		"\"components\":[{\"custom_id\":\"too-deep\"}]}]}]},{\"type\":18,\"component\":{}},7]}}";
	cleanup(json_put) struct json_object *doc = json(text);
	struct interaction it;

	assert_int_equal(interaction_decode(doc, &it), 0);
	assert_int_equal(it.n_options, 2);
	assert_string_equal(interaction_option(&it, "prompt"), "blue");
	assert_string_equal(interaction_option(&it, "model"), "3");
	interaction_free(&it);
}

/* ---- whose answer is it, Discord's or Cloudflare's? ---- */

static void test_signs_of_a_ban(void **state)
{
	static const struct {
		int status;
		const char *header, *value, *body;
		bool json, blocked;
	} cases[] = {
		{429, "Via", "1.1 google", "{\"retry_after\":1}", true, false},
		{429, "X-RateLimit-Scope", "user", "{\"retry_after\":1}", true, false},
		{429, "X-RateLimit-Global", "true", "{\"retry_after\":1}", true, false},
		{429, "X-RateLimit-Bucket", "abc", "{\"retry_after\":1}", true, false},
		{429, NULL, NULL, "{\"retry_after\":1}", true, true},
		{429, "Via", "1.1 google", "<html>", false, true},
		{429, NULL, NULL, "", false, true},
		{403, "Via", "1.1 google", "{\"code\":50013}", true, false},
		{403, NULL, NULL, "{\"code\":50013}", true, false},
		{403, NULL, NULL, "{\"message\":\"x\"}", true, true},
		{403, "Via", "1.1 google", "{\"message\":\"x\"}", true, false},
		{403, "Via", "1.1 google", "{\"message\":\"You are being blocked from accessing\"}",
			true, true},
		{403, "Via", "1.1 google", "<html>", false, true},
		{403, "Via", "1.1 google", "", false, false},
		{403, NULL, NULL, "", false, true},
		{400, NULL, NULL, "error code: 1015", false, true},
		{400, NULL, NULL, "{\"message\":\"error code: 1015\"}", true, false},
		{400, NULL, NULL, "<html>", false, false},
		{502, NULL, NULL, "error code: 1015", false, false},
		{200, NULL, NULL, "error code: 1015", false, false},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct http_response res = {.status = cases[i].status, .body = BUF(1000)};
		struct rest_reading reading;

		if (cases[i].header)
			http_response_header(&res, cases[i].header, cases[i].value);
		http_response_header(
			&res, "Content-Type", cases[i].json ? "application/json" : "text/html");
		assert_int_equal(buf_add_str(&res.body, cases[i].body), 0);
		rest_read(&res, &reading);
		if (reading.blocked != cases[i].blocked)
			fail_msg("%d %s %s", cases[i].status,
				cases[i].header ? cases[i].header : "", cases[i].body);
		rest_reading_free(&reading);
		http_response_free(&res);
	}
}

/* What was wrong with a body of ours, as one line. */
static void test_sentences_of_refusals(void **state)
{
	static const struct {
		const char *body, *sentence;
	} cases[] = {
		{"{\"message\":\"Missing Access\",\"code\":50001}", "Missing Access"},
		{"{\"message\":\"Invalid Form Body\",\"errors\":{\"content\":{\"_errors\":[{\"code\":"
		 "\"LONG\",\"message\":\"2000 or fewer\"}]}}}",
			"Invalid Form Body: content: LONG 2000 or fewer"},
		{"{\"errors\":{\"a\":{\"0\":{\"_errors\":[{\"code\":\"X\"},{\"message\":\"y\\nz\"},{}]}}}}",
			"a.0: X; a.0: y z"},
		{"{\"guild_id\":[\"This is no id.\"]}", "guild_id: This is no id."},
		{"{\"errors\":7}", NULL},
		{"{}", NULL},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct http_response res = {.status = 400, .body = BUF(1000)};
		struct rest_reading reading;

		assert_int_equal(buf_add_str(&res.body, cases[i].body), 0);
		rest_read(&res, &reading);
		if (!str_eq(reading.message, cases[i].sentence) &&
			(reading.message || cases[i].sentence))
			fail_msg("%s: %s", cases[i].body,
				reading.message ? reading.message : "nothing");
		rest_reading_free(&reading);
		http_response_free(&res);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pictures),
		cmocka_unit_test(test_sizes_of_pictures),
		cmocka_unit_test(test_more_pictures_than_are_looked_at),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_interactions),
		cmocka_unit_test(test_odd_members_of_interactions),
		cmocka_unit_test(test_fields_of_a_window),
		cmocka_unit_test(test_signs_of_a_ban),
		cmocka_unit_test(test_sentences_of_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
