/* SPDX-License-Identifier: Apache-2.0 */
#include "rest_rig.h"

/* ---- what is sent ---- */

static void test_request(void **state)
{
	struct rest_call *call;
	struct rig rig;

	rig_open(&rig);
	call = call_to(R_POST, "1", 0);
	http_request_json(&call->http, xstrdup("{}"));
	submit(&rig, call);
	assert_int_equal(rest_pending(rig.rest), 1);
	assert_ptr_equal(next(&rig), call);
	assert_int_equal(rest_pending(rig.rest), 1);
	assert_string_equal(call->http.url, BASE "/channels/{}/messages?of=1");
	assert_string_equal(http_request_get(&call->http, "Authorization"), "Bot TOKEN");
	assert_string_equal(
		http_request_get(&call->http, "User-Agent"), "DiscordBot (https://x.test, 1.0)");
	answer_with(&rig, call, 200, NULL, "{\"id\":\"5\"}");
	assert_ptr_equal(rest_finished(rig.rest), call);
	assert_int_equal(rest_pending(rig.rest), 0);
	assert_int_equal(call->outcome, REST_OK);
	assert_string_equal(buf_str(&call->response.body), "{\"id\":\"5\"}");
	/* What comes back is what was given, without our secret. */
	assert_string_equal(call->http.url, "/channels/{}/messages?of=1");
	assert_null(http_request_get(&call->http, "Authorization"));
	assert_non_null(http_request_get(&call->http, "Content-Type"));
	rest_call_free(call);

	submit_to(&rig, R_HOOK, "secret", REST_INTERACTION);
	call = next(&rig);
	assert_null(http_request_get(&call->http, "Authorization"));
	assert_non_null(http_request_get(&call->http, "User-Agent"));
	rig_close(&rig);
}

/* ---- buckets ---- */

static void test_unknown_is_serialised(void **state)
{
	struct rest_call *a, *b;
	struct rig rig;

	rig_open(&rig);
	submit_to(&rig, R_POST, "1", 0);
	submit_to(&rig, R_POST, "1", 0);
	submit_to(&rig, R_POST, "2", 0);
	submit_to(&rig, R_PATCH, "1", 0);
	a = next(&rig);
	assert_int_equal(a->tag, 1);
	b = next(&rig);
	assert_int_equal(b->tag, 3);
	assert_int_equal(next_tag(&rig), 4);
	assert_int_equal(next_tag(&rig), 0);
	assert_true(rest_deadline(rig.rest, rig.now) == NEVER);
	answer(&rig, a, 200);
	assert_int_equal(next_tag(&rig), 2);
	rig_close(&rig);
}

static void test_no_headers_is_unlimited(void **state)
{
	struct rig rig;

	rig_open(&rig);
	for (int i = 0; i < 10; i++)
		submit_to(&rig, R_POST, "1", 0);
	answer(&rig, next(&rig), 204);
	for (uint64_t i = 2; i <= 10; i++)
		assert_int_equal(next_tag(&rig), i);
	rig_close(&rig);
}

static void test_a_failure_teaches_nothing(void **state)
{
	struct rest_call *call;
	struct rig rig;

	rig_open(&rig);
	submit_to(&rig, R_POST, "1", REST_REPEATABLE);
	submit_to(&rig, R_POST, "1", REST_REPEATABLE);
	submit_to(&rig, R_POST, "1", REST_REPEATABLE);
	call = next(&rig);
	answer(&rig, call, 502);
	assert_int_equal(next_tag(&rig), 2);
	assert_int_equal(next_tag(&rig), 0); /* still one at a time */
	rig_close(&rig);
}

static void test_bucket_limit_and_reset(void **state)
{
	struct rest_call *calls[3];
	struct rig rig;

	rig_open(&rig);
	for (int i = 0; i < 10; i++)
		submit_to(&rig, R_POST, "1", 0);
	answer_limits(&rig, next(&rig), "h", 3, 2, 5);
	for (int i = 0; i < 2; i++) {
		calls[i] = next(&rig);
		assert_non_null(calls[i]);
	}
	assert_int_equal(next_tag(&rig), 0);
	rig.now += 100;
	answer_limits(&rig, calls[0], "h", 3, 1, 4.9);
	answer_limits(&rig, calls[1], "h", 3, 0, 4.9);
	assert_int_equal(next_tag(&rig), 0);
	assert_int_equal(rest_deadline(rig.rest, rig.now) - rig.now, 4900);
	rig.now += 4899;
	assert_int_equal(next_tag(&rig), 0);
	rig.now += 1;
	/* A new window: the whole limit, and not one more before an answer. */
	for (int i = 0; i < 3; i++) {
		calls[i] = next(&rig);
		assert_non_null(calls[i]);
	}
	assert_int_equal(next_tag(&rig), 0);
	assert_true(rest_deadline(rig.rest, rig.now) == NEVER);
	answer_limits(&rig, calls[0], "h", 3, 2, 5);
	assert_int_equal(next_tag(&rig), 0);
	answer_limits(&rig, calls[1], "h", 3, 1, 5);
	answer_limits(&rig, calls[2], "h", 3, 0, 5);
	rig.now += 4999;
	assert_int_equal(next_tag(&rig), 0);
	rig.now += 1;
	assert_int_not_equal(next_tag(&rig), 0);
	rig_close(&rig);
}

/* Two routes with one hash and one major share what remains; another major does not. */
static void test_shared_hash(void **state)
{
	struct rest_call *a, *b;
	struct rig rig;

	rig_open(&rig);
	submit_to(&rig, "PUT /a/{}", "1", 0);
	submit_to(&rig, "DELETE /a/{}", "1", 0);
	a = next(&rig);
	b = next(&rig);
	answer_limits(&rig, a, "h", 2, 1, 10);
	answer_limits(&rig, b, "h", 2, 0, 10);
	submit_to(&rig, "PUT /a/{}", "1", 0);
	submit_to(&rig, "DELETE /a/{}", "1", 0);
	submit_to(&rig, "DELETE /a/{}", "2", 0);
	assert_int_equal(next_tag(&rig), 5);
	assert_int_equal(next_tag(&rig), 0);
	rig.now += 10000;
	assert_int_not_equal(next_tag(&rig), 0);
	assert_int_not_equal(next_tag(&rig), 0);
	rig_close(&rig);
}

/* Once the hash of a route is known, a new major starts in its bucket, other routes in it too. */
static void test_hash_is_remembered(void **state)
{
	struct rest_call *a, *b;
	struct rig rig;

	rig_open(&rig);
	submit_to(&rig, "PUT /a/{}", "1", 0);
	submit_to(&rig, "DELETE /a/{}", "1", 0);
	a = next(&rig);
	b = next(&rig);
	answer_limits(&rig, a, "h", 5, 4, 10);
	answer_limits(&rig, b, "h", 5, 3, 10);
	submit_to(&rig, "PUT /a/{}", "2", 0);
	submit_to(&rig, "DELETE /a/{}", "2", 0);
	a = next(&rig);
	assert_int_equal(a->tag, 3);
	assert_int_equal(next_tag(&rig), 0); /* one bucket, not answered yet: one at a time */
	answer_limits(&rig, a, "h", 5, 4, 10);
	assert_int_equal(next_tag(&rig), 4);
	rig_close(&rig);
}

static void test_hash_changes(void **state)
{
	struct rest_call *call;
	struct rig rig;

	rig_open(&rig);
	submit_to(&rig, R_POST, "1", 0);
	answer_limits(&rig, next(&rig), "old", 5, 4, 10);
	for (int i = 0; i < 4; i++)
		submit_to(&rig, R_POST, "1", 0);
	call = next(&rig);
	assert_int_not_equal(next_tag(&rig), 0);
	answer_limits(&rig, call, "new", 2, 1, 10); /* one is in flight: none left for sure */
	assert_int_equal(next_tag(&rig), 0);
	rig.now += 10000;
	assert_int_not_equal(next_tag(&rig), 0);
	rig_close(&rig);
}

/* An answer that was overtaken by one of the next window changes nothing. */
static void test_late_answer(void **state)
{
	struct rest_call *old, *new;
	struct rig rig;

	rig_open(&rig);
	for (int i = 0; i < 6; i++)
		submit_to(&rig, R_POST, "1", 0);
	answer_with(&rig, next(&rig), 200,
		"X-RateLimit-Bucket: h\nX-RateLimit-Limit: 2\nX-RateLimit-Remaining: 1\n"
		"X-RateLimit-Reset-After: 1\nX-RateLimit-Reset: 100.5",
		NULL);
	old = next(&rig);
	assert_int_equal(next_tag(&rig), 0);
	rig.now += 1000;
	new = next(&rig); /* the limit is 2 and one is in flight */
	assert_non_null(new);
	assert_int_equal(next_tag(&rig), 0);
	answer_with(&rig, new, 200,
		"X-RateLimit-Bucket: h\nX-RateLimit-Limit: 2\nX-RateLimit-Remaining: 1\n"
		"X-RateLimit-Reset-After: 1\nX-RateLimit-Reset: 101.6",
		NULL);
	answer_with(&rig, old, 200,
		"X-RateLimit-Bucket: h\nX-RateLimit-Limit: 2\nX-RateLimit-Remaining: 1\n"
		"X-RateLimit-Reset-After: 0.01\nX-RateLimit-Reset: 100.5",
		NULL);
	assert_int_equal(next_tag(&rig), 0);
	rig.now += 1000;
	assert_int_not_equal(next_tag(&rig), 0);
	assert_int_not_equal(next_tag(&rig), 0);
	assert_int_equal(next_tag(&rig), 0);
	rig_close(&rig);
}

static void test_silly_headers(void **state)
{
	static const char *const rows[] = {
		"X-RateLimit-Limit: -5\nX-RateLimit-Remaining: 3\nX-RateLimit-Reset-After: 1",
		"X-RateLimit-Limit: nan\nX-RateLimit-Remaining: inf\nX-RateLimit-Reset-After: x",
		"X-RateLimit-Limit: 0\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset-After: 0",
		"X-RateLimit-Limit: 1e9\nX-RateLimit-Remaining: \nX-RateLimit-Reset-After: -1",
		"X-RateLimit-Bucket: \nX-RateLimit-Remaining: 0x10\nX-RateLimit-Reset-After: 1",
		"X-RateLimit-Remaining: 99999999999999999999\nX-RateLimit-Reset-After: 1.2.3",
		"X-RateLimit-Remaining: 1\nX-RateLimit-Reset-After: 99999999999999999999999",
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct rig rig;

		rig_open(&rig);
		submit_to(&rig, R_POST, "1", 0);
		submit_to(&rig, R_POST, "1", 0);
		answer_with(&rig, next(&rig), 200, rows[i], NULL);
		assert_non_null(next_within(&rig, 90000000));
		rig_close(&rig);
	}
}

/* Keys of interaction tokens do not pile up: after a minute the class is forgotten. */
static void test_eviction(void **state)
{
	struct rig rig;

	for (int seconds = 50; seconds <= 70; seconds += 20) {
		rig_open(&rig);
		for (int i = 0; i < 1000; i++) {
			char token[40];

			snprintf(token, sizeof(token), "token%d", i);
			submit_to(&rig, R_HOOK, token, REST_INTERACTION);
			answer_with(&rig, next(&rig), 204, VIA, NULL);
			rest_call_free(rest_finished(rig.rest));
		}
		rig.now += seconds * 1000;
		assert_int_equal(next_tag(&rig), 0);
		submit_to(&rig, R_HOOK, "token7", REST_INTERACTION);
		submit_to(&rig, R_HOOK, "token7", REST_INTERACTION);
		assert_int_not_equal(next_tag(&rig), 0);
		/* Known to be unlimited, or forgotten and serialised again. */
		assert_int_equal(next_tag(&rig) != 0, seconds == 50);
		rig_close(&rig);
	}
}

static void test_eviction_keeps_delays(void **state)
{
	struct rig rig;
	int64_t start;

	rig_open(&rig);
	submit_to(&rig, "PATCH /channels/{}", "1", 0);
	start = rig.now;
	answer_with(&rig, next(&rig), 429,
		VIA "\nX-RateLimit-Scope: user\nX-RateLimit-Remaining: 1",
		"{\"retry_after\":3000}");
	assert_non_null(next_within(&rig, 4000000));
	assert_int_equal(rig.now - start, 3000000);
	rig_close(&rig);
}

/* ---- 429 in its kinds ---- */

/* What goes on after a 429 on POST of channel 1, before the time is over. */
static const struct {
	const char *headers, *body;
	int64_t wait_ms;
	bool same_bucket; /* PATCH of channel 1, with the same hash */
	bool other_channel;
	bool hook;
	bool invalid;
} limits_429[] = {
	{"X-RateLimit-Scope: user\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset-After: 2",
		"{\"retry_after\":2.0,\"global\":false}", 2000, false, true, true, true},
	{"X-RateLimit-Scope: user", "{\"retry_after\":0.65,\"global\":false}", 650, false, true,
		true, true},
	{"X-RateLimit-Scope: user\nX-RateLimit-Remaining: 3\nX-RateLimit-Reset-After: 2",
		"{\"retry_after\":600}", 600000, true, true, true, true},
	{"X-RateLimit-Scope: shared\nRetry-After: 3", "{\"retry_after\":2.5}", 2500, false, true,
		true, false},
	{"X-RateLimit-Scope: shared\nX-RateLimit-Remaining: 4", "{\"retry_after\":2.5}", 2500, true,
		true, true, false},
	{"X-RateLimit-Scope: global\nX-RateLimit-Global: true\nRetry-After: 4",
		"{\"retry_after\":4,\"global\":true}", 4000, false, false, true, true},
	{"X-RateLimit-Global: true", "{\"retry_after\":1.5,\"global\":true}", 1500, false, false,
		true, true},
	{VIA, "{\"retry_after\":1.5,\"global\":true}", 1500, false, false, true, true},
	{"X-RateLimit-Scope: user\nRetry-After: 7", "{\"message\":\"x\"}", 7000, false, true, true,
		true},
	{"X-RateLimit-Scope: user\nX-RateLimit-Reset-After: 6", "{}", 6000, false, true, true,
		true},
	{"X-RateLimit-Scope: user", "{}", 1000, false, true, true, true},
	{"X-RateLimit-Scope: user", "{\"retry_after\":-5}", 1000, false, true, true, true},
	{"X-RateLimit-Scope: user", "{\"retry_after\":\"5\"}", 1000, false, true, true, true},
	{"X-RateLimit-Scope: user", "{\"retry_after\":0}", 100, false, true, true, true},
	{"X-RateLimit-Scope: user", "{\"retry_after\":1e300}", 86400000, false, true, true, true},
};

static void test_429(void **state)
{
	for (size_t i = 0; i < countof(limits_429); i++) {
		struct rest_call *call;
		bool same = false, other = false, hook = false;
		struct rig rig;
		int64_t start;
		uint64_t tag;

		rig_open(&rig);
		submit_to(&rig, R_POST, "1", 0);
		submit_to(&rig, R_PATCH, "1", 0);
		for (int j = 0; j < 2; j++)
			answer_limits(&rig, next(&rig), "h", 50, 49 - j, 1000000);
		while ((call = rest_finished(rig.rest)))
			rest_call_free(call);
		tag = submit_to(&rig, R_POST, "1", 0);
		call = next(&rig);
		start = rig.now;
		answer_with(&rig, call, 429, limits_429[i].headers, limits_429[i].body);
		assert_int_equal(outcome(&rig, 0), -1);
		submit_to(&rig, R_PATCH, "1", 0);
		submit_to(&rig, R_POST, "2", 0);
		submit_to(&rig, R_HOOK, "t", REST_INTERACTION);
		while ((call = next(&rig))) {
			same = same || call->tag == tag + 1;
			other = other || call->tag == tag + 2;
			hook = hook || call->tag == tag + 3;
			assert_int_not_equal(call->tag, tag);
		}
		assert_int_equal(same, limits_429[i].same_bucket);
		assert_int_equal(other, limits_429[i].other_channel);
		assert_int_equal(hook, limits_429[i].hook);
		assert_true(noted(&rig, "rate limit"));
		do
			call = next_within(&rig, 90000000);
		while (call && call->tag != tag);
		assert_non_null(call);
		assert_int_equal(rig.now - start, limits_429[i].wait_ms);
		answer(&rig, call, 200);
		assert_int_equal(outcome(&rig, tag), REST_OK);
		rig_close(&rig);
	}
}

/* A POST that is not repeatable is repeated after a 429, however often: it was not carried out. */
static void test_429_is_always_repeated(void **state)
{
	int64_t last = 0, apart = 0;
	struct rest_call *call;
	struct rig rig;

	rig_open(&rig);
	submit_to(&rig, R_POST, "1", REST_ONCE);
	for (int i = 0; i < 30; i++) {
		call = next_within(&rig, 100000);
		assert_non_null(call);
		apart = rig.now - last;
		last = rig.now;
		/* A server that always says "at once" is not asked in a tight loop. */
		answer_with(&rig, call, 429, "X-RateLimit-Scope: user", "{\"retry_after\":0}");
	}
	assert_in_range(apart, 10000, 60000);
	answer(&rig, next_within(&rig, 100000), 200);
	assert_int_equal(outcome(&rig, 1), REST_OK);
	rig_close(&rig);
}

static void test_429_keeps_order(void **state)
{
	struct rest_call *calls[4];
	struct rig rig;

	rig_open(&rig);
	for (int i = 0; i < 6; i++)
		submit_to(&rig, R_POST, "1", 0);
	answer(&rig, next(&rig), 200); /* unlimited so far */
	for (int i = 0; i < 4; i++)
		calls[i] = next(&rig);
	for (int i = 3; i >= 0; i--)
		answer_with(&rig, calls[i], 429, "X-RateLimit-Scope: user", "{\"retry_after\":1}");
	for (uint64_t tag = 2; tag <= 6; tag++) {
		struct rest_call *call = next_within(&rig, 60000);

		assert_int_equal(call->tag, tag);
		answer(&rig, call, 200);
	}
	rig_close(&rig);
}

/* It does not tell the bucket; another answer, which was on its way, does. */
static void test_429_without_a_bucket(void **state)
{
	struct rest_call *calls[2];
	struct rig rig;
	int64_t start;

	rig_open(&rig);
	for (int i = 0; i < 4; i++)
		submit_to(&rig, R_POST, "1", 0);
	answer(&rig, next(&rig), 200); /* unlimited so far */
	for (int i = 0; i < 2; i++)
		calls[i] = next(&rig);
	start = rig.now;
	answer_with(&rig, calls[0], 429, "X-RateLimit-Scope: shared", "{\"retry_after\":5}");
	answer_with(&rig, calls[1], 200,
		"X-RateLimit-Bucket: b1\nX-RateLimit-Limit: 5\nX-RateLimit-Remaining: 4\n"
		"X-RateLimit-Reset-After: 1",
		"{}");
	assert_non_null(next_within(&rig, 60000));
	assert_true(rig.now - start >= 5000);
	rig_close(&rig);
}

static void test_write_limit_codes(void **state)
{
	static const int codes[] = {20028, 20029, 30046};

	for (size_t i = 0; i < countof(codes); i++) {
		char body[100];
		struct rig rig;
		int64_t start;

		rig_open(&rig);
		submit_to(&rig, R_PATCH, "1", 0);
		start = rig.now;
		snprintf(body, sizeof(body), "{\"code\":%d,\"retry_after\":5}", codes[i]);
		answer_with(&rig, next(&rig), 400, VIA, body);
		assert_non_null(next_within(&rig, 60000));
		assert_int_equal(rig.now - start, 5000);
		rig_close(&rig);
	}
}

static void test_cloudflare(void **state)
{
	static const struct {
		int status;
		const char *headers, *body;
		int64_t pause_ms; /* 0: no ban */
	} rows[] = {
		{429, NULL, "<html>rate limited</html>", 600000},
		{429, VIA, "<html>rate limited</html>", 600000},
		{429, "Retry-After: 1800", "error code: 1015", 1800000},
		{429, "Retry-After: 5", "error code: 1015", 600000},
		{429, NULL, "", 600000},
		{429, NULL, "{\"retry_after\":1}", 600000},
		{429, VIA, "{\"retry_after\":1}", 0},
		{429, "X-RateLimit-Scope: user", "{\"retry_after\":1}", 0},
		{403, NULL, "<html>Access denied</html>", 600000},
		{403, VIA, "<html>Access denied</html>", 600000},
		{403, NULL, "", 600000},
		{403, NULL, "{\"code\":0,\"message\":\"You are being blocked from the API\"}",
			600000},
		{403, VIA, "{\"code\":0,\"message\":\"You are being blocked from the API\"}",
			600000},
		{403, VIA, "{\"code\":50013,\"message\":\"Missing Permissions\"}", 0},
		{403, NULL, "{\"code\":50013,\"message\":\"Missing Permissions\"}", 0},
		{403, VIA, "{\"code\":0,\"message\":\"403: Forbidden\"}", 0},
		{400, NULL, "error code: 1015", 600000},
		{404, VIA, "<html>nothing</html>", 0},
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct rest_call *call;
		struct rig rig;
		int64_t start;

		rig_open(&rig);
		submit_to(&rig, R_POST, "1", 0);
		call = next(&rig);
		start = rig.now;
		answer_with(&rig, call, rows[i].status, rows[i].headers, rows[i].body);
		submit_to(&rig, R_BACK, "t", REST_INTERACTION | REST_URGENT);
		assert_int_equal(noted(&rig, "Cloudflare"), rows[i].pause_ms > 0);
		call = next_within(&rig, 4000000);
		assert_int_equal(call->tag, 2);
		assert_int_equal(rig.now - start, rows[i].pause_ms);
		if (rows[i].pause_ms) {
			assert_int_equal(outcome(&rig, 1), -1);
			assert_int_equal(next_tag(&rig), 1);
		}
		rig_close(&rig);
	}
}

/* ---- the global limit ---- */

static void test_global_limit(void **state)
{
	int64_t times[200];
	struct rig rig;

	rig_open(&rig);
	for (int i = 0; i < 200; i++) {
		char major[20];

		snprintf(major, sizeof(major), "%d", i);
		submit_to(&rig, R_POST, major, 0);
	}
	for (int i = 0; i < 200; i++) {
		struct rest_call *call = next_within(&rig, 10000);

		times[i] = rig.now;
		answer(&rig, call, 200);
		if (i == 49) { /* the limit is reached: interactions go on all the same */
			assert_int_equal(next_tag(&rig), 0);
			for (uint64_t j = 0; j < 20; j++) {
				char token[20];

				snprintf(token, sizeof(token), "t%d", (int)j);
				assert_int_equal(
					submit_to(&rig, R_HOOK, token, REST_INTERACTION), 201 + j);
				assert_int_equal(next_tag(&rig), 201 + j);
			}
			assert_int_equal(next_tag(&rig), 0);
		}
	}
	for (int i = 50; i < 200; i++)
		assert_true(times[i] - times[i - 50] > 1000);
	assert_in_range(times[199] - times[0], 3000, 4000);
	rig_close(&rig);
}

static void test_in_flight(void **state)
{
	struct rest_config config = {BASE, "T", "UA", 3};
	struct rest_call *first;
	struct rig rig;

	rig_open(&rig);
	rest_free(rig.rest);
	rig.rest = rest_new(&config, &rig.rng);
	for (int i = 0; i < 5; i++) {
		char major[20];

		snprintf(major, sizeof(major), "%d", i);
		submit_to(&rig, R_POST, major, 0);
	}
	first = next(&rig);
	assert_int_equal(next_tag(&rig), 2);
	assert_int_equal(next_tag(&rig), 3);
	assert_int_equal(next_tag(&rig), 0);
	assert_true(rest_deadline(rig.rest, rig.now) == NEVER);
	/* Uploads do not hold up an acknowledgement. */
	submit_to(&rig, R_BACK, "t", REST_INTERACTION | REST_URGENT);
	assert_int_equal(next_tag(&rig), 6);
	answer(&rig, first, 200);
	assert_int_equal(next_tag(&rig), 0);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_unknown_is_serialised),
		cmocka_unit_test(test_no_headers_is_unlimited),
		cmocka_unit_test(test_a_failure_teaches_nothing),
		cmocka_unit_test(test_bucket_limit_and_reset),
		cmocka_unit_test(test_shared_hash),
		cmocka_unit_test(test_hash_is_remembered),
		cmocka_unit_test(test_hash_changes),
		cmocka_unit_test(test_late_answer),
		cmocka_unit_test(test_silly_headers),
		cmocka_unit_test(test_eviction),
		cmocka_unit_test(test_eviction_keeps_delays),
		cmocka_unit_test(test_429),
		cmocka_unit_test(test_429_is_always_repeated),
		cmocka_unit_test(test_429_keeps_order),
		cmocka_unit_test(test_429_without_a_bucket),
		cmocka_unit_test(test_write_limit_codes),
		cmocka_unit_test(test_cloudflare),
		cmocka_unit_test(test_global_limit),
		cmocka_unit_test(test_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
