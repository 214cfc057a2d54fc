/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/date.h"
#include "base/http.h"
#include "base/json.h"
#include "base/near.h"
#include "base/rng.h"

static void test_buf_ceiling(void **state)
{
	struct buf b = BUF(5);

	assert_int_equal(buf_add_str(&b, "abc"), 0);
	assert_int_equal(buf_add_str(&b, "def"), -EFBIG);
	assert_string_equal(buf_str(&b), "abc");
	assert_int_equal(buf_add_str(&b, "de"), 0);
	buf_consume(&b, 2);
	assert_string_equal(buf_str(&b), "cde");
	buf_free(&b);
	assert_string_equal(buf_str(&b), "");
}

static void test_buf_reserve(void **state)
{
	struct buf b = BUF(100);
	char *data;

	buf_reserve(&b, 1000); /* as far as the ceiling allows */
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(b.size, 101);
	data = b.data;
	for (int i = 0; i < 100; i++)
		assert_int_equal(buf_add(&b, "x", 1), 0);
	assert_int_equal(buf_add(&b, "x", 1), -EFBIG);
	assert_ptr_equal(b.data, data);
	buf_reserve(&b, 10);
	assert_int_equal(b.len, 100);
	buf_free(&b);
}

static void test_blob_is_held(void **state)
{
	struct http_request req = {.method = HTTP_POST}, copy;
	struct buf b = BUF(10);
	struct blob *blob;

	assert_int_equal(buf_add_str(&b, "bytes"), 0);
	blob = blob_take(&b);
	assert_int_equal(b.len, 0);
	http_request_part_blob(&req, "a", "a.png", "image/png", blob);
	http_request_copy(&copy, &req);
	assert_int_equal(blob->holders, 3);
	assert_null(blob_drop(blob));
	http_request_free(&req);
	assert_int_equal(blob->holders, 1);
	assert_ptr_equal(copy.parts[0].data, blob->data);
	assert_int_equal(copy.parts[0].len, 5);
	http_request_free(&copy);
	assert_null(blob_hold(NULL));
	assert_null(blob_drop(NULL));
}

static void test_json_refuses(void **state)
{
	static const char *const bad[] = {"", "{", "{\"a\":1}x", "[1e999]", "[NaN]", "\"\xff\"",
		"[\"\xc0\x80\"]", "{\"a\":\"\xed\xa0\x80\"}", "null"};

	for (size_t i = 0; i < countof(bad); i++) {
		const char *why = NULL;

		assert_null(json_parse(bad[i], strlen(bad[i]), &why));
		assert_non_null(why);
	}
}

static void test_json_paths(void **state)
{
	const char *text = "{\"a\":{\"b\":[{\"c\":\"x\"},7]},\"id\":\"18446744073709551615\",\"f\":1.50}";
	struct json_object *doc = json_parse(text, strlen(text), NULL);
	char *again;

	assert_non_null(doc);
	assert_string_equal(json_str(doc, "a.b.0.c"), "x");
	assert_int_equal(json_int(doc, "a.b.1", 0), 7);
	assert_null(json_at(doc, "a.b.2"));
	assert_null(json_str(doc, "a.b.1"));
	assert_true(json_id(doc, "id") == UINT64_MAX);
	again = json_text(doc);
	assert_string_equal(again, text);
	free(again);
	json_put(&doc);
}

static void test_url_split(void **state)
{
	static const struct {
		const char *text, *host, *path;
		int port;
		bool secure;
	} good[] = {
		{"http://127.0.0.1:8188", "127.0.0.1", "/", 8188, false},
		{"https://a.example/x/y?z=1", "a.example", "/x/y?z=1", 443, true},
		{"ws://u:p@[::1]:9/", "::1", "/", 9, false},
		{"wss://h?v=10", "h", "/?v=10", 443, true},
	};
	static const char *const bad[] = {"", "ftp://x", "http://", "http://h:0", "http://h:99999",
		"http://h:x", "http://a b"};
	struct url u;

	for (size_t i = 0; i < countof(good); i++) {
		assert_int_equal(url_split(good[i].text, &u), 0);
		assert_string_equal(u.host, good[i].host);
		assert_string_equal(u.path, good[i].path);
		assert_int_equal(u.port, good[i].port);
		assert_int_equal(u.secure, good[i].secure);
		url_free(&u);
	}
	for (size_t i = 0; i < countof(bad); i++)
		assert_int_equal(url_split(bad[i], &u), -EINVAL);
}

static void test_loopback(void **state)
{
	static const char *const here[] = {"127.0.0.1", "127.1.2.3", "::1", "localhost"};
	static const char *const elsewhere[] = {"", "127.0.0.1.example.org", "127.example.org",
		"localhost.example.org", "::10", "128.0.0.1", "1127.0.0.1"};

	for (size_t i = 0; i < countof(here); i++)
		assert_true(host_is_loopback(here[i]));
	for (size_t i = 0; i < countof(elsewhere); i++)
		assert_false(host_is_loopback(elsewhere[i]));
}

static void test_url_query(void **state)
{
	char *v = url_query("/view?filename=a%20b.png&type=output", "filename");

	assert_string_equal(v, "a b.png");
	free(v);
	assert_null(url_query("/view?filename=x", "file"));
	v = url_encode("a b/ñ");
	assert_string_equal(v, "a%20b%2F%C3%B1");
	free(v);
}

static void test_rng(void **state)
{
	struct rng a, b;
	char uuid[UUID_SIZE];

	rng_seed(&a, 7);
	rng_seed(&b, 7);
	for (int i = 0; i < 1000; i++) {
		assert_true(rng_u64(&a) == rng_u64(&b));
		assert_true(rng_below(&a, 10) == rng_below(&b, 10));
		rng_uuid(&a, uuid);
		assert_true(uuid_valid(uuid));
		rng_uuid(&b, uuid);
	}
	for (int try = 0; try < 20; try++) {
		int64_t ms = backoff_ms(&a, try, 1000, 60000);

		assert_in_range(ms, 500, 60000);
	}
}

static void test_near(void **state)
{
	static const char *const names[] = {"DISCORD_TOKEN", "COMFY_URL", "MAX_QUEUE"};

	assert_int_equal(near_find("DISCORD_TOKN", names, 3), 0);
	assert_int_equal(near_find("comfyurl", names, 3), 1);
	assert_int_equal(near_find("ZZZZ", names, 3), -1);
	assert_int_equal(near_distance("kitten", "sitting"), 3);
}

static void test_date(void **state)
{
	static const struct {
		int64_t unix_s;
		const char *text;
	} dates[] = {
		{0, "Thu, 01 Jan 1970 00:00:00 GMT"},
		{784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
		{951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
		{1798761599, "Thu, 31 Dec 2026 23:59:59 GMT"},
		{4102444800, "Fri, 01 Jan 2100 00:00:00 GMT"},
	};
	static const char *const bad[] = {"", "now", "Sun, 06 Nov 1994 08:49:37 CET",
		"Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 32 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nob 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT"};
	char text[DATE_SIZE];
	int64_t unix_s = 7;

	for (size_t i = 0; i < countof(dates); i++) {
		date_format(dates[i].unix_s, text);
		assert_string_equal(text, dates[i].text);
		assert_int_equal(date_parse(text, &unix_s), 0);
		assert_true(unix_s == dates[i].unix_s);
	}
	for (size_t i = 0; i < countof(bad); i++)
		assert_int_equal(date_parse(bad[i], &unix_s), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buf_ceiling),
		cmocka_unit_test(test_buf_reserve),
		cmocka_unit_test(test_blob_is_held),
		cmocka_unit_test(test_json_refuses),
		cmocka_unit_test(test_json_paths),
		cmocka_unit_test(test_url_split),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_url_query),
		cmocka_unit_test(test_rng),
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
