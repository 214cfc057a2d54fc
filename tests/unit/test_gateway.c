/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway_rig.h"

/* ---- the usual course ---- */

static void test_connects(void **state)
{
	struct rig rig;

	rig_open(&rig, 1, false);
	assert_true(gateway_deadline(rig.gw) == NEVER);
	gateway_start(rig.gw, NULL, rig.now);
	drain(&rig);
	assert_int_equal(rig.count[GATEWAY_ASK_URL], 1);
	answer_url(&rig);
	assert_string_equal(
		rig.last[GATEWAY_OPEN].text, URL "/?v=10&encoding=json&compress=zstd-stream");
	gateway_opened(rig.gw, rig.now);
	drain(&rig);
	assert_int_equal(rig.count[GATEWAY_SEND], 0);
	say(&rig, HELLO);
	assert_string_equal(sent(&rig),
		"{\"op\":2,\"d\":{\"token\":\"TOKEN\",\"intents\":513,\"properties\":{\"os\":"
		"\"linux\",\"browser\":\"fullet\",\"device\":\"fullet\"}}}");
	assert_false(gateway_is_ready(rig.gw));
	say(&rig, READY);
	assert_true(gateway_is_ready(rig.gw));
	assert_string_equal(rig.last[GATEWAY_DISPATCH].text, "READY");
	assert_string_equal(json_str(rig.last[GATEWAY_DISPATCH].data, "session_id"), "S");
	assert_null(strstr(rig.notes, "TOKEN"));
	rig_close(&rig);
}

static void test_urls(void **state)
{
	static const struct {
		const char *url, *open;
	} rows[] = {
		{"wss://g.test", "wss://g.test/?v=10&encoding=json"},
		{"wss://g.test/", "wss://g.test/?v=10&encoding=json"},
		{"ws://127.0.0.1:8001/gateway", "ws://127.0.0.1:8001/gateway?v=10&encoding=json"},
		{"wss://g.test/?a=b", "wss://g.test/?a=b&v=10&encoding=json"},
		{"wss://g.test?a=b", "wss://g.test?a=b&v=10&encoding=json"},
		{"wss://g.test/#x", "wss://g.test/?v=10&encoding=json"},
		{"https://g.test", NULL},
		{"wss://", NULL},
		{"wss://u:p@g.test", NULL},
		{"wss://g.test/\\u0001", NULL},
		{"", NULL},
	};

	for (size_t i = 0; i < countof(rows); i++) {
		char text[300];
		struct rig rig;

		rig_open(&rig, 1, true);
		gateway_start(rig.gw, NULL, rig.now);
		snprintf(text, sizeof(text), "{\"url\":\"%s\"}", rows[i].url);
		answer_url_with(&rig, text);
		if (rows[i].open)
			assert_string_equal(rig.last[GATEWAY_OPEN].text, rows[i].open);
		else
			assert_int_equal(rig.count[GATEWAY_OPEN], 0);
		rig_close(&rig);
	}
}

static void test_url_failures_back_off(void **state)
{
	static const char *const answers[] = {NULL, "{}", "[]", "{\"url\":7}", "\"x\"", NULL};
	int64_t before, longest = 0;
	struct rig rig;

	rig_open(&rig, 3, false);
	gateway_start(rig.gw, NULL, rig.now);
	drain(&rig);
	for (int i = 0; i < 24; i++) {
		assert_int_equal(rig.count[GATEWAY_ASK_URL], 1);
		forget(&rig);
		answer_url_with(&rig, answers[i % countof(answers)]);
		before = rig.now;
		assert_true(run_until(&rig, GATEWAY_ASK_URL, 120000));
		assert_in_range(rig.now - before, 0, 60000);
		longest = max_of(longest, rig.now - before);
	}
	assert_in_range(longest, 30000, 60000);
	assert_int_equal(rig.count[GATEWAY_OPEN], 0);
	rig_close(&rig);
}

static void test_plain_ws_is_noted(void **state)
{
	struct rig rig;

	rig_open(&rig, 1, false);
	gateway_start(rig.gw, NULL, rig.now);
	answer_url_with(&rig, "{\"url\":\"ws://far.test\"}");
	assert_non_null(strstr(rig.notes, "not encrypted"));
	rig_close(&rig);
}

/* ---- heartbeats ---- */

static void test_first_beat_is_spread(void **state)
{
	int64_t least = INT64_MAX, most = 0;

	for (uint64_t seed = 0; seed < 40; seed++) {
		struct rig rig;
		int64_t start;

		rig_open(&rig, seed, true);
		to_ready(&rig);
		start = rig.now;
		assert_true(run_until(&rig, GATEWAY_SEND, 40000));
		assert_string_equal(sent(&rig), "{\"op\":1,\"d\":1}");
		least = min_of(least, rig.now - start);
		most = max_of(most, rig.now - start);
		rig_close(&rig);
	}
	assert_true(least < 10000);
	assert_true(most > 30000 && most < 40000);
}

static void test_beats_every_interval(void **state)
{
	struct rig rig;
	int64_t last;

	rig_open(&rig, 1, true);
	to_ready(&rig);
	assert_int_equal(gateway_latency_ms(rig.gw), -1);
	assert_true(run_until(&rig, GATEWAY_SEND, 40000));
	for (int i = 0; i < 10; i++) {
		last = rig.now;
		rig.now += 123;
		say(&rig, ACK);
		assert_int_equal(gateway_latency_ms(rig.gw), 123);
		assert_true(run_until(&rig, GATEWAY_SEND, 40000));
		assert_int_equal(rig.now - last, 40000);
	}
	assert_int_equal(rig.count[GATEWAY_CLOSE], 0);
	rig_close(&rig);
}

static void test_zombie_resumes(void **state)
{
	struct rig rig;

	rig_open(&rig, 1, true);
	to_ready(&rig);
	assert_true(run_until(&rig, GATEWAY_SEND, 40000));
	assert_true(run_until(&rig, GATEWAY_CLOSE, 40000));
	assert_int_equal(rig.last[GATEWAY_CLOSE].code, 4000);
	assert_int_equal(rig.count[GATEWAY_SEND], 1);
	/* The shell reports the peer's code, whatever it is; late messages are ignored. */
	say(&rig, "{\"op\":0,\"t\":\"X\",\"s\":2,\"d\":null}");
	assert_int_equal(rig.count[GATEWAY_DISPATCH], 0);
	closed(&rig, 1000);
	assert_true(run_until(&rig, GATEWAY_OPEN, 1000));
	assert_string_equal(rig.last[GATEWAY_OPEN].text, RESUME "/?v=10&encoding=json");
	gateway_opened(rig.gw, rig.now);
	say(&rig, HELLO);
	assert_string_equal(sent(&rig),
		"{\"op\":6,\"d\":{\"token\":\"TOKEN\",\"session_id\":\"S\",\"seq\":1}}");
	rig_close(&rig);
}

static void test_server_asks_for_beat(void **state)
{
	struct rig rig;

	rig_open(&rig, 1, true);
	gateway_start(rig.gw, NULL, rig.now);
	answer_url(&rig);
	gateway_opened(rig.gw, rig.now);
	say(&rig, "{\"op\":1,\"d\":null}");
	assert_string_equal(sent(&rig), "{\"op\":1,\"d\":null}");
	say(&rig, HELLO);
	say(&rig, READY);
	say(&rig, "{\"op\":0,\"t\":\"X\",\"s\":42,\"d\":{}}");
	say(&rig, "{\"op\":1}");
	assert_string_equal(sent(&rig), "{\"op\":1,\"d\":42}");
	rig_close(&rig);
}

static void test_send_limit(void **state)
{
	struct rig rig;
	int64_t start;

	rig_open(&rig, 1, true);
	to_ready(&rig);
	start = rig.now;
	/* IDENTIFY was one; the five kept ones are not for beats on demand. */
	for (int i = 0; i < 500; i++)
		say(&rig, "{\"op\":1}");
	assert_int_equal(rig.count[GATEWAY_SEND], 114);
	assert_int_equal(rig.count[GATEWAY_CLOSE], 0);
	assert_true(run_until(&rig, GATEWAY_SEND, 40000));
	assert_int_equal(rig.count[GATEWAY_SEND], 115);
	say(&rig, ACK);
	rig.now = start + 60000;
	say(&rig, "{\"op\":1}");
	assert_int_equal(rig.count[GATEWAY_SEND], 116);
	rig_close(&rig);
}

static void test_send_limit_for_beats(void **state)
{
	int64_t times[4000];
	size_t n = 0;
	struct rig rig;

	rig_open(&rig, 1, true);
	gateway_start(rig.gw, NULL, rig.now);
	answer_url(&rig);
	gateway_opened(rig.gw, rig.now);
	say(&rig, "{\"op\":10,\"d\":{\"heartbeat_interval\":100}}");
	say(&rig, READY);
	forget(&rig);
	while (n < 600 && run_until(&rig, GATEWAY_SEND, 120000)) {
		times[n++] = rig.now;
		say(&rig, ACK);
	}
	assert_int_equal(n, 600);
	for (size_t i = 120; i < n; i++)
		assert_true(times[i] - times[i - 120] >= 60000);
	rig_close(&rig);
}

/* ---- the end of connections ---- */

static void test_close_codes(void **state)
{
	static const struct {
		int code;
		bool resumes;
		int64_t at_least_ms;
		const char *fatal; /* a word of its sentence */
	} rows[] = {
		{0, true, 0, NULL},
		{1000, false, 0, NULL},
		{1001, true, 0, NULL},
		{1005, true, 0, NULL},
		{1006, true, 0, NULL},
		{1011, true, 0, NULL},
		{1012, true, 0, NULL},
		{4000, true, 0, NULL},
		{4001, true, 0, NULL},
		{4002, true, 0, NULL},
		{4003, true, 5000, NULL},
		{4004, false, 0, "DISCORD_TOKEN"},
		{4005, true, 5000, NULL},
		{4006, true, 0, NULL},
		{4007, false, 0, NULL},
		{4008, true, 5000, NULL},
		{4009, false, 0, NULL},
		{4010, false, 0, "(4010)"},
		{4011, false, 0, "(4011)"},
		{4012, false, 0, "update FuLLet"},
		{4013, false, 0, "update FuLLet"},
		{4014, false, 0, "Privileged Gateway Intents"},
		{4999, true, 0, NULL},
		{-7, true, 0, NULL},
	};

	for (size_t i = 0; i < countof(rows); i++) {
		enum gateway_action_kind next = rows[i].resumes ? GATEWAY_OPEN : GATEWAY_ASK_URL;
		struct rig rig;
		int64_t start;

		rig_open(&rig, i, true);
		to_ready(&rig);
		start = rig.now;
		closed(&rig, rows[i].code);
		assert_int_equal(rig.count[GATEWAY_FATAL], rows[i].fatal != NULL);
		if (rows[i].fatal) {
			assert_non_null(strstr(rig.last[GATEWAY_FATAL].text, rows[i].fatal));
			assert_true(gateway_deadline(rig.gw) == NEVER);
			gateway_tick(rig.gw, rig.now + 1000000);
			assert_false(run_until(&rig, GATEWAY_OPEN, 1000000));
		} else {
			assert_true(run_until(&rig, next, 10000));
			assert_true(rig.now - start >= rows[i].at_least_ms);
			assert_int_equal(rig.count[GATEWAY_OPEN] + rig.count[GATEWAY_ASK_URL], 1);
			/* The peer's line end does not get into the log. */
			assert_non_null(strstr(rig.notes, "why?"));
		}
		rig_close(&rig);
	}
}

static void test_op7(void **state)
{
	struct rig rig;

	rig_open(&rig, 1, false);
	to_ready(&rig);
	closed(&rig, 1006);
	assert_true(run_until(&rig, GATEWAY_OPEN, 1000));
	gateway_opened(rig.gw, rig.now);
	/* Discord: it may come before HELLO; that is no failure of the compression. */
	say(&rig, "{\"op\":7,\"d\":null}");
	assert_int_equal(rig.last[GATEWAY_CLOSE].code, 4000);
	closed(&rig, 4000);
	forget(&rig);
	assert_true(run_until(&rig, GATEWAY_OPEN, 10000));
	assert_string_equal(
		rig.last[GATEWAY_OPEN].text, RESUME "/?v=10&encoding=json&compress=zstd-stream");
	gateway_opened(rig.gw, rig.now);
	say(&rig, HELLO);
	assert_non_null(strstr(sent(&rig), "\"op\":6"));
	say(&rig, RESUMED);
	assert_true(gateway_is_ready(rig.gw));
	assert_string_equal(rig.last[GATEWAY_DISPATCH].text, "RESUMED");
	say(&rig, "{\"op\":7}");
	assert_int_equal(rig.count[GATEWAY_CLOSE], 1);
	assert_false(gateway_is_ready(rig.gw));
	rig_close(&rig);
}

static void test_op9(void **state)
{
	static const struct {
		const char *text;
		bool resumes;
	} rows[] = {
		{"{\"op\":9,\"d\":true}", true},
		{"{\"op\":9,\"d\":false}", false},
		{"{\"op\":9,\"d\":null}", false},
		{"{\"op\":9,\"d\":\"true\"}", false},
		{"{\"op\":9}", false},
	};

	for (size_t i = 0; i < countof(rows); i++)
		for (uint64_t seed = 0; seed < 10; seed++) {
			struct rig rig;
			int64_t start;

			rig_open(&rig, seed, true);
			to_ready(&rig);
			rig.now += 30000; /* past the IDENTIFY spacing */
			closed(&rig, 1006);
			connect_again(&rig);
			assert_non_null(strstr(sent(&rig), "\"op\":6"));
			forget(&rig);
			say(&rig, rows[i].text);
			assert_int_equal(rig.count[GATEWAY_CLOSE], 1);
			start = rig.now;
			closed(&rig, 4000);
			assert_true(run_until(
				&rig, rows[i].resumes ? GATEWAY_OPEN : GATEWAY_ASK_URL, 10000));
			assert_in_range(rig.now - start, 1000, 5000);
			connect_again(&rig);
			assert_non_null(
				strstr(sent(&rig), rows[i].resumes ? "\"op\":6" : "\"op\":2"));
			assert_string_equal(rig.last[GATEWAY_OPEN].text,
				rows[i].resumes ? RESUME "/?v=10&encoding=json"
						: URL "/?v=10&encoding=json");
			rig_close(&rig);
		}
}

static void test_resume_keeps_sequence(void **state)
{
	struct rig rig;

	rig_open(&rig, 1, true);
	to_ready(&rig);
	say(&rig, "{\"op\":0,\"t\":\"A\",\"s\":7,\"d\":{\"n\":1}}");
	say(&rig, "{\"op\":0,\"t\":\"B\",\"s\":9007199254740993,\"d\":[1]}");
	assert_string_equal(rig.last[GATEWAY_DISPATCH].text, "B");
	closed(&rig, 4000);
	connect_again(&rig);
	assert_non_null(strstr(sent(&rig), "\"seq\":9007199254740993"));
	/* Replayed events come before RESUMED, and are passed on. */
	forget(&rig);
	say(&rig, "{\"op\":0,\"t\":\"C\",\"s\":9007199254740994,\"d\":null}");
	assert_string_equal(rig.last[GATEWAY_DISPATCH].text, "C");
	assert_null(rig.last[GATEWAY_DISPATCH].data);
	assert_false(gateway_is_ready(rig.gw));
	say(&rig, RESUMED);
	closed(&rig, 4000);
	forget(&rig);
	connect_again(&rig);
	assert_non_null(strstr(sent(&rig), "\"seq\":9007199254740994"));
	rig_close(&rig);
}

static void test_resume_url_dead(void **state)
{
	struct rig rig;
	int opens = 0;

	rig_open(&rig, 1, true);
	to_ready(&rig);
	closed(&rig, 1006);
	while (!rig.count[GATEWAY_ASK_URL]) {
		int before = rig.count[GATEWAY_OPEN];

		assert_true(gateway_deadline(rig.gw) < NEVER);
		rig.now = max_of(rig.now, gateway_deadline(rig.gw));
		gateway_tick(rig.gw, rig.now);
		drain(&rig);
		if (rig.count[GATEWAY_OPEN] > before) {
			opens++;
			closed(&rig, 0);
		}
	}
	assert_int_equal(opens, 5);
	/* No answer: the network is down, and the resume URL has another turn. */
	forget(&rig);
	answer_url_with(&rig, NULL);
	assert_true(run_until(&rig, GATEWAY_OPEN, 60000));
	assert_string_equal(rig.last[GATEWAY_OPEN].text, RESUME "/?v=10&encoding=json");
	closed(&rig, 0);
	/* An answer: only that host is dead. */
	assert_true(run_until(&rig, GATEWAY_ASK_URL, 60000));
	answer_url(&rig);
	assert_string_equal(rig.last[GATEWAY_OPEN].text, URL "/?v=10&encoding=json");
	gateway_opened(rig.gw, rig.now);
	say(&rig, HELLO);
	assert_non_null(strstr(sent(&rig), "\"op\":2"));
	rig_close(&rig);
}

static void test_limits_of_patience(void **state)
{
	struct rig rig;

	rig_open(&rig, 1, true);
	gateway_start(rig.gw, NULL, rig.now);
	answer_url(&rig);
	assert_true(run_until(&rig, GATEWAY_CLOSE, 30000)); /* never opened */
	closed(&rig, 0);
	forget(&rig);
	assert_true(run_until(&rig, GATEWAY_ASK_URL, 10000));
	answer_url(&rig);
	gateway_opened(rig.gw, rig.now);
	assert_true(run_until(&rig, GATEWAY_CLOSE, 20000)); /* no HELLO */
	closed(&rig, 0);
	forget(&rig);
	assert_true(run_until(&rig, GATEWAY_ASK_URL, 10000));
	answer_url(&rig);
	gateway_opened(rig.gw, rig.now);
	say(&rig, HELLO);
	for (int i = 0; i < 3 && !rig.count[GATEWAY_CLOSE]; i++) { /* no READY */
		run_until(&rig, GATEWAY_SEND, 40000);
		say(&rig, ACK);
	}
	assert_int_equal(rig.count[GATEWAY_CLOSE], 1);
	rig_close(&rig);
}

/* ---- IDENTIFY is precious ---- */

static void test_session_start_limit(void **state)
{
	struct rig rig;
	int64_t start;

	rig_open(&rig, 1, true);
	gateway_start(rig.gw, NULL, rig.now);
	drain(&rig);
	start = rig.now;
	forget(&rig);
	answer_url_with(&rig,
		"{\"url\":\"" URL "\",\"session_start_limit\":{\"total\":1000,\"remaining\":0,"
		"\"reset_after\":14400000,\"max_concurrency\":1}}");
	assert_int_equal(rig.count[GATEWAY_OPEN], 0);
	assert_true(run_until(&rig, GATEWAY_ASK_URL, 20000000));
	assert_int_equal(rig.now - start, 14400000);
	forget(&rig);
	answer_url_with(&rig,
		"{\"url\":\"" URL "\",\"session_start_limit\":{\"total\":1000,\"remaining\":5,"
		"\"reset_after\":60000,\"max_concurrency\":1}}");
	assert_int_equal(rig.count[GATEWAY_OPEN], 1);
	assert_non_null(strstr(rig.notes, "only 5 session starts"));
	rig_close(&rig);
}

/* However the connections end, IDENTIFYs stay apart and become rare. */
static void test_identify_spacing(void **state)
{
	int64_t last = 0, start;
	int in_a_day = 0;
	struct rig rig;

	rig_open(&rig, 5, true);
	gateway_start(rig.gw, NULL, rig.now);
	drain(&rig);
	start = rig.now;
	while (rig.now - start < 86400000) {
		forget(&rig);
		answer_url(&rig);
		gateway_opened(rig.gw, rig.now);
		say(&rig, HELLO);
		while (!rig.count[GATEWAY_SEND])
			assert_true(run_until(&rig, GATEWAY_SEND, 600000));
		assert_non_null(strstr(sent(&rig), "\"op\":2"));
		if (in_a_day++)
			assert_true(rig.now - last >= 5000);
		last = rig.now;
		say(&rig, "{\"op\":9,\"d\":false}");
		closed(&rig, 4000);
		assert_true(run_until(&rig, GATEWAY_ASK_URL, 600000));
	}
	assert_in_range(in_a_day, 200, 800);
	rig_close(&rig);
}

/* The process before this one identified a moment ago; its session is resumed, but not for long. */
static void test_identify_spacing_between_processes(void **state)
{
	struct gateway_resume resume = {.session_id = "s", .resume_url = "wss://resume.test", .seq = 3};

	for (int resumed = 0; resumed <= 1; resumed++) {
		struct gateway_config config = {.token = "TOKEN", .no_compression = true};
		struct rig rig;

		rig_open(&rig, 5, true);
		gateway_free(rig.gw);
		config.identified_ms = rig.now - 1000;
		rig.gw = gateway_new(&config, &rig.rng);
		gateway_start(rig.gw, resumed ? &resume : NULL, rig.now);
		drain(&rig);
		connect_again(&rig);
		if (resumed) {
			assert_non_null(strstr(sent(&rig), "\"op\":6"));
			closed(&rig, 4009);
			forget(&rig);
			connect_again(&rig);
		}
		while (!rig.count[GATEWAY_SEND])
			assert_true(run_until(&rig, GATEWAY_SEND, 600000));
		assert_non_null(strstr(sent(&rig), "\"op\":2"));
		assert_true(rig.now - config.identified_ms >= 5000);
		rig_close(&rig);
	}
}

static void test_max_concurrency(void **state)
{
	struct rig rig;
	int64_t start;

	rig_open(&rig, 1, true);
	gateway_start(rig.gw, NULL, rig.now);
	answer_url_with(&rig,
		"{\"url\":\"" URL
		"\",\"session_start_limit\":{\"remaining\":9,\"max_concurrency\":16}}");
	gateway_opened(rig.gw, rig.now);
	say(&rig, HELLO);
	say(&rig, READY);
	start = rig.now;
	closed(&rig, 4009);
	assert_true(run_until(&rig, GATEWAY_ASK_URL, 1000));
	assert_in_range(rig.now - start, 312, 1000);
	rig_close(&rig);
}

/* Back-off grows over failures, also with short-lived sessions in between. */
static void test_backoff_persists(void **state)
{
	int64_t wait = 0;
	struct rig rig;

	rig_open(&rig, 2, true);
	to_ready(&rig);
	for (int i = 0; i < 12; i++) {
		int64_t start = rig.now;

		closed(&rig, 4000);
		forget(&rig);
		assert_true(run_until(&rig, GATEWAY_OPEN, 61000));
		wait = rig.now - start;
		connect_again(&rig);
		say(&rig, RESUMED);
		assert_true(gateway_is_ready(rig.gw));
		rig.now += 59000;
		gateway_tick(rig.gw, rig.now);
		if (rig.count[GATEWAY_SEND])
			say(&rig, ACK);
	}
	assert_in_range(wait, 30000, 60000);
	/* One that lasts a minute wipes the slate. */
	run_until(&rig, GATEWAY_SEND, 1001);
	say(&rig, ACK);
	run_until(&rig, GATEWAY_CLOSE, 1000);
	closed(&rig, 4000);
	wait = rig.now;
	forget(&rig);
	assert_true(run_until(&rig, GATEWAY_OPEN, 61000));
	assert_in_range(rig.now - wait, 0, 300);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connects),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_url_failures_back_off),
		cmocka_unit_test(test_plain_ws_is_noted),
		cmocka_unit_test(test_first_beat_is_spread),
		cmocka_unit_test(test_beats_every_interval),
		cmocka_unit_test(test_zombie_resumes),
		cmocka_unit_test(test_server_asks_for_beat),
		cmocka_unit_test(test_send_limit),
		cmocka_unit_test(test_send_limit_for_beats),
		cmocka_unit_test(test_close_codes),
		cmocka_unit_test(test_op7),
		cmocka_unit_test(test_op9),
		cmocka_unit_test(test_resume_keeps_sequence),
		cmocka_unit_test(test_resume_url_dead),
		cmocka_unit_test(test_limits_of_patience),
		cmocka_unit_test(test_session_start_limit),
		cmocka_unit_test(test_identify_spacing),
		cmocka_unit_test(test_identify_spacing_between_processes),
		cmocka_unit_test(test_max_concurrency),
		cmocka_unit_test(test_backoff_persists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
