/* SPDX-License-Identifier: Apache-2.0 */
#include "rest_rig.h"

/* ---- outcomes ---- */

#define FOR_MAYBE -1 /* no response, may have been sent */
#define FOR_NOT	  -2 /* no connection */

/* What the first answer makes of a call: its outcome, or -1: it is tried again. */
static const struct {
	const char *route;
	uint32_t flags;
	int status;
	const char *headers, *body;
	int outcome;
} answers[] = {
	{R_POST, 0, 200, VIA, "{\"id\":\"1\"}", REST_OK},
	{R_POST, 0, 201, VIA, NULL, REST_OK},
	{R_POST, 0, 204, NULL, NULL, REST_OK},
	{R_POST, 0, 302, VIA, NULL, REST_REFUSED},
	{R_POST, 0, 400, VIA, "{\"code\":50035,\"message\":\"Invalid Form Body\"}", REST_REFUSED},
	{R_POST, 0, 403, VIA, "{\"code\":50001,\"message\":\"Missing Access\"}", REST_REFUSED},
	{R_POST, 0, 404, VIA, "{\"code\":10003,\"message\":\"Unknown Channel\"}", REST_REFUSED},
	{R_POST, 0, 404, VIA, "<html>no</html>", REST_REFUSED},
	{R_POST, 0, 413, VIA, "{\"code\":40005}", REST_REFUSED},
	{R_POST, 0, 401, VIA, "{\"code\":0,\"message\":\"401: Unauthorized\"}", REST_DEAD_TOKEN},
	{R_POST, 0, 401, VIA, "{\"code\":40001}", REST_DEAD_TOKEN},
	{R_POST, 0, 401, VIA, "{\"code\":50014}", REST_DEAD_TOKEN},
	{R_POST, 0, 401, VIA, NULL, REST_DEAD_TOKEN},
	{R_POST, 0, 401, VIA, "{\"code\":50027}", REST_REFUSED},
	{R_POST, 0, 401, VIA, "<html>proxy</html>", REST_REFUSED},
	{R_HOOK, REST_INTERACTION, 401, VIA, "{\"code\":50027}", REST_REFUSED},
	{R_HOOK, REST_INTERACTION, 401, VIA, "{\"code\":0}", REST_REFUSED},
	{R_HOOK, REST_INTERACTION, 404, VIA, "{\"code\":10015}", REST_REFUSED},
	{R_BACK, REST_INTERACTION, 404, VIA, "{\"code\":10062}", REST_REFUSED},
	{R_BACK, REST_INTERACTION, 400, VIA, "{\"code\":40060}", REST_OK},
	{R_HOOK, REST_INTERACTION, 400, VIA, "{\"code\":40060}", REST_REFUSED},
	{R_BACK, 0, 400, VIA, "{\"code\":40060}", REST_REFUSED},
	{"DELETE /channels/{}", REST_REPEATABLE, 404, VIA, "{\"code\":10003}", REST_OK},
	{"DELETE /channels/{}", REST_REPEATABLE, 404, VIA, NULL, REST_OK},
	{"DELETE /channels/{}", REST_REPEATABLE, 403, VIA, "{\"code\":50013}", REST_REFUSED},
	{"GET /channels/{}", REST_REPEATABLE, 404, VIA, "{\"code\":10003}", REST_REFUSED},
	/* Whether it happened is not known. */
	{R_POST, 0, 500, VIA, NULL, REST_DOUBTFUL},
	{R_POST, 0, 502, NULL, "<html>bad gateway</html>", REST_DOUBTFUL},
	{R_POST, 0, FOR_MAYBE, NULL, NULL, REST_DOUBTFUL},
	{R_POST, REST_REPEATABLE | REST_ONCE, 500, VIA, NULL, REST_DOUBTFUL},
	{R_POST, REST_REPEATABLE | REST_ONCE, FOR_MAYBE, NULL, NULL, REST_DOUBTFUL},
	{R_POST, REST_REPEATABLE | REST_ONCE, FOR_NOT, NULL, NULL, REST_FAILED},
	{R_BACK, REST_INTERACTION | REST_ONCE, 503, VIA, NULL, REST_DOUBTFUL},
	{"GET /channels/{}", REST_ONCE | REST_REPEATABLE, FOR_MAYBE, NULL, NULL, REST_FAILED},
	{"GET /channels/{}", REST_ONCE | REST_REPEATABLE, 500, VIA, NULL, REST_FAILED},
	/* Repeating is safe. */
	{R_POST, 0, FOR_NOT, NULL, NULL, -1},
	{R_POST, 0, 503, VIA, "{\"code\":130000,\"message\":\"overloaded\"}", -1},
	{R_POST, 0, 400, VIA, "{\"code\":130000,\"message\":\"overloaded\"}", -1},
	{R_POST, REST_REPEATABLE, 500, VIA, NULL, -1},
	{R_POST, REST_REPEATABLE, 408, VIA, NULL, -1},
	{R_POST, REST_REPEATABLE, 504, NULL, "<html>timeout</html>", -1},
	{R_POST, REST_REPEATABLE, FOR_MAYBE, NULL, NULL, -1},
	{R_BACK, REST_INTERACTION, 500, VIA, NULL, -1},
	{R_BACK, REST_INTERACTION, FOR_MAYBE, NULL, NULL, -1},
	{R_BACK, REST_INTERACTION, FOR_NOT, NULL, NULL, -1},
	{R_HOOK, REST_INTERACTION, FOR_MAYBE, NULL, NULL, REST_DOUBTFUL},
};

static void test_outcomes(void **state)
{
	for (size_t i = 0; i < countof(answers); i++) {
		struct rest_call *call;
		struct rig rig;
		int got;

		rig_open(&rig);
		submit_to(&rig, answers[i].route, "1", answers[i].flags);
		call = next(&rig);
		if (answers[i].status < 0)
			answer_nothing(&rig, call, answers[i].status == FOR_MAYBE);
		else
			answer_with(
				&rig, call, answers[i].status, answers[i].headers, answers[i].body);
		got = outcome(&rig, 1);
		if (got != answers[i].outcome)
			print_error("row %zu: %s %d\n", i, answers[i].route, answers[i].status);
		assert_int_equal(got, answers[i].outcome);
		assert_int_equal(rest_pending(rig.rest), got < 0);
		rig_close(&rig);
	}
}

static void test_error_text(void **state)
{
	static const struct {
		const char *body, *message;
		int64_t code;
	} rows[] = {
		{"{\"code\":50013,\"message\":\"Missing Permissions\"}", "Missing Permissions",
			50013},
		{"{\"code\":50035,\"message\":\"Invalid Form "
		 "Body\",\"errors\":{\"attachments\":{\"0\":"
		 "{\"filename\":{\"_errors\":[{\"code\":\"BASE_TYPE_REQUIRED\",\"message\":\"This "
		 "field "
		 "is required\"}]}}},\"content\":{\"_errors\":[{\"code\":\"A\",\"message\":\"x\"},{"
		 "\"code\":\"B\",\"message\":\"y\"}]}}}",
			"Invalid Form Body: attachments.0.filename: BASE_TYPE_REQUIRED This field "
			"is "
			"required; content: A x; content: B y",
			50035},
		{"{\"code\":50035,\"message\":\"M\",\"errors\":{\"_errors\":[{\"code\":\"C\","
		 "\"message\":"
		 "\"top\"}]}}",
			"M: C top", 50035},
		{"{\"name\":[\"too long\",\"too odd\"]}", "name: too long; name: too odd", 0},
		{"{\"_misc\":[\"Only one command\"]}", "_misc: Only one command", 0},
		{"{\"code\":7,\"message\":\"a\\nb\\u0007\"}", "a b ", 7},
		{"{\"code\":\"x\",\"message\":5,\"errors\":[1,{\"code\":3}]}", NULL, 0},
		{"{\"message\":\"m\",\"errors\":\"text\"}", "m", 0},
		{"{}", NULL, 0},
		{"[]", NULL, 0},
		{"{\"code\":1", NULL, 0},
		{"<html>", NULL, 0},
		{"", NULL, 0},
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct rest_call *call;
		struct rig rig;

		rig_open(&rig);
		submit_to(&rig, R_POST, "1", 0);
		answer_with(&rig, next(&rig), 400, VIA, rows[i].body);
		call = rest_finished(rig.rest);
		assert_int_equal(call->outcome, REST_REFUSED);
		assert_int_equal(call->discord_code, rows[i].code);
		if (rows[i].message) {
			assert_non_null(call->discord_message);
			assert_string_equal(call->discord_message, rows[i].message);
		} else {
			assert_null(call->discord_message);
		}
		rest_call_free(call);
		rig_close(&rig);
	}
}

/* However long the error: a bounded text of whole characters. */
static void test_error_text_is_bounded(void **state)
{
	struct buf body = BUF(MIB);
	struct rest_call *call;
	struct rig rig;

	rig_open(&rig);
	submit_to(&rig, R_POST, "1", 0);
	assert_int_equal(buf_add_str(&body, "{\"message\":\"a"), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(buf_add_str(&body, "€"), 0);
	assert_int_equal(buf_add_str(&body, "\",\"errors\":{"), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(
			buf_printf(&body, "%s\"field%d\":[\"€€€€€\"]", i ? "," : "", i), 0);
	assert_int_equal(buf_add_str(&body, "}}"), 0);
	answer_with(&rig, next(&rig), 400, VIA, buf_str(&body));
	call = rest_finished(rig.rest);
	assert_in_range(strlen(call->discord_message), 900, 1000);
	assert_true(utf8_valid(call->discord_message, strlen(call->discord_message)));
	rest_call_free(call);
	buf_free(&body);
	rig_close(&rig);
}

static void test_redact(void **state)
{
	static const struct {
		const char *path, *shown;
	} rows[] = {
		{"/interactions/12/aW50ZXI/callback", "/interactions/12/***/callback"},
		{"/webhooks/12/aW50ZXI/messages/@original", "/webhooks/12/***/messages/@original"},
		{"/webhooks/12/aW50ZXI?wait=true", "/webhooks/12/***?wait=true"},
		{"https://d.test/api/v10/webhooks/12/secret",
			"https://d.test/api/v10/webhooks/12/***"},
		{"/webhooks/12", "/webhooks/12"},
		{"/channels/1/messages", "/channels/1/messages"},
	};

	for (size_t i = 0; i < countof(rows); i++) {
		char *text = rest_redact(rows[i].path);

		assert_string_equal(text, rows[i].shown);
		free(text);
	}
}

/* ---- retries ---- */

static void test_retries(void **state)
{
	static const int64_t least[] = {750, 2250, 3750}, most[] = {1250, 3750, 6250};

	for (int maybe = 0; maybe < 2; maybe++) {
		struct rig rig;

		rig_open(&rig);
		submit_to(&rig, R_POST, "1", maybe ? REST_REPEATABLE : 0);
		for (size_t i = 0; i <= countof(least); i++) {
			struct rest_call *call;
			int64_t start = rig.now;

			call = next_within(&rig, 10000);
			assert_non_null(call);
			if (i > 0)
				assert_in_range(rig.now - start, least[i - 1], most[i - 1]);
			assert_int_equal(outcome(&rig, 0), -1);
			answer_nothing(&rig, call, maybe);
		}
		assert_int_equal(outcome(&rig, 1), maybe ? REST_DOUBTFUL : REST_FAILED);
		assert_true(rest_deadline(rig.rest, rig.now) == NEVER);
		rig_close(&rig);
	}
}

/* While one call waits for its retry, the others of its class go on. */
static void test_retry_lets_others_pass(void **state)
{
	struct rest_call *call;
	struct rig rig;

	rig_open(&rig);
	submit_to(&rig, R_POST, "1", REST_REPEATABLE);
	submit_to(&rig, R_POST, "1", REST_REPEATABLE);
	answer(&rig, next(&rig), 500);
	call = next(&rig);
	assert_int_equal(call->tag, 2);
	answer(&rig, call, 200);
	assert_int_equal(outcome(&rig, 2), REST_OK);
	call = next_within(&rig, 2000);
	assert_int_equal(call->tag, 1);
	answer(&rig, call, 200);
	assert_int_equal(outcome(&rig, 1), REST_OK);
	rig_close(&rig);
}

static void test_retry_after_of_503(void **state)
{
	struct rig rig;
	int64_t start;

	rig_open(&rig);
	submit_to(&rig, R_POST, "1", REST_REPEATABLE);
	start = rig.now;
	answer_with(&rig, next(&rig), 503, "Retry-After: 20", NULL);
	assert_non_null(next_within(&rig, 60000));
	assert_in_range(rig.now - start, 20000, 20001);
	rig_close(&rig);
}

/* Found by the simulator: a ban lasts longer than Discord remembers a nonce, and the picture that had
 * been posted before came once more. */
static void test_nonce_is_not_trusted_for_long(void **state)
{
	struct rest_call *call;
	struct rig rig;

	rig_open(&rig);
	submit_to(&rig, R_POST, "1", REST_REPEATABLE);
	answer_nothing(&rig, next(&rig), true);
	call = next_within(&rig, 2000);
	assert_non_null(call);
	answer_with(&rig, call, 429, "Retry-After: 90", "<html>banned</html>");
	assert_null(next_within(&rig, 2 * 3600 * 1000));
	assert_int_equal(outcome(&rig, 1), REST_DOUBTFUL);

	/* What surely did not happen is waited for as long as it takes. */
	submit_to(&rig, R_POST, "2", REST_REPEATABLE);
	assert_non_null(next_within(&rig, 2 * 3600 * 1000));
	rig_close(&rig);
}

/* Found by the simulator: the picture had been posted, its repetition was too large. */
static void test_refusal_after_a_doubt(void **state)
{
	struct rig rig;

	rig_open(&rig);
	submit_to(&rig, R_POST, "1", REST_REPEATABLE);
	answer_nothing(&rig, next(&rig), true);
	answer_with(&rig, next_within(&rig, 2000), 413, VIA, "{}");
	assert_int_equal(outcome(&rig, 1), REST_DOUBTFUL);
	submit_to(&rig, R_POST, "2", REST_REPEATABLE);
	answer_nothing(&rig, next(&rig), false);
	answer_with(&rig, next_within(&rig, 2000), 413, VIA, "{}");
	assert_int_equal(outcome(&rig, 2), REST_REFUSED);
	rig_close(&rig);
}

static void test_callback_is_repeated_once(void **state)
{
	struct rest_call *call;
	struct rig rig;
	int64_t start;

	rig_open(&rig);
	call = call_to(R_BACK, "t", REST_INTERACTION | REST_URGENT);
	call->deadline_ms = rig.now + 2500;
	submit(&rig, call);
	start = rig.now;
	assert_ptr_equal(next(&rig), call);
	/* Half of the time, so that the other half is left. */
	assert_int_equal(call->http.timeout_ms, 1250);
	rig.now += 1250;
	answer_nothing(&rig, call, true);
	assert_ptr_equal(next_within(&rig, 300), call);
	assert_int_equal(call->http.timeout_ms, 2500 - (rig.now - start));
	rig.now += 100;
	answer_with(&rig, call, 400, VIA, "{\"code\":40060,\"message\":\"already\"}");
	assert_int_equal(outcome(&rig, 1), REST_OK);

	call = call_to(R_BACK, "u", REST_INTERACTION | REST_URGENT);
	call->deadline_ms = rig.now + 2500;
	submit(&rig, call);
	answer(&rig, next(&rig), 500);
	answer(&rig, next_within(&rig, 300), 500);
	assert_int_equal(outcome(&rig, 2), REST_DOUBTFUL);
	rig_close(&rig);
}

static void test_timeouts(void **state)
{
	static const struct {
		int64_t deadline, timeout, sent;
	} rows[] = {
		{0, 0, 0}, {0, 5000, 5000}, {2000, 0, 2000}, {2000, 500, 500}, {90000, 0, 30000}};

	for (size_t i = 0; i < countof(rows); i++) {
		struct rest_call *call;
		struct rig rig;

		rig_open(&rig);
		call = call_to(R_POST, "1", 0);
		call->http.timeout_ms = rows[i].timeout;
		call->deadline_ms = rows[i].deadline ? rig.now + rows[i].deadline : 0;
		submit(&rig, call);
		assert_int_equal(next(&rig)->http.timeout_ms, rows[i].sent);
		answer(&rig, call, 200);
		assert_ptr_equal(rest_finished(rig.rest), call);
		assert_int_equal(call->http.timeout_ms, rows[i].timeout);
		rest_call_free(call);
		rig_close(&rig);
	}
}

/* ---- deadlines ---- */

static void test_expires_unsent(void **state)
{
	struct rest_call *call;
	struct rig rig;

	rig_open(&rig);
	submit_to(&rig, R_POST, "1", 0);
	assert_int_equal(next_tag(&rig), 1);
	call = call_to(R_POST, "1", 0);
	call->deadline_ms = rig.now + 3000;
	submit(&rig, call);
	assert_int_equal(next_tag(&rig), 0);
	assert_int_equal(rest_deadline(rig.rest, rig.now), rig.now + 3000);
	rig.now += 2999;
	assert_int_equal(next_tag(&rig), 0);
	assert_int_equal(outcome(&rig, 0), -1);
	rig.now += 1;
	assert_int_equal(next_tag(&rig), 0);
	assert_int_equal(outcome(&rig, 2), REST_EXPIRED);
	assert_int_equal(rest_pending(rig.rest), 1);
	rig_close(&rig);
}

static void test_expires_after_429_and_retry(void **state)
{
	/* How it is answered once, and how it ends when its deadline comes before the next try. */
	static const struct {
		const char *route;
		int status;
		int outcome;
	} rows[] = {
		{R_POST, 429, REST_EXPIRED},
		{R_POST, FOR_NOT, REST_EXPIRED},
		{R_POST, FOR_MAYBE, REST_DOUBTFUL},
		{R_POST, 500, REST_DOUBTFUL},
		{"GET /channels/{}", 500, REST_EXPIRED},
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct rest_call *call;
		struct rig rig;

		rig_open(&rig);
		call = call_to(rows[i].route, "1", REST_REPEATABLE);
		call->deadline_ms = rig.now + 600;
		submit(&rig, call);
		assert_ptr_equal(next(&rig), call);
		if (rows[i].status == 429)
			answer_with(
				&rig, call, 429, "X-RateLimit-Scope: user", "{\"retry_after\":5}");
		else if (rows[i].status < 0)
			answer_nothing(&rig, call, rows[i].status == FOR_MAYBE);
		else
			answer(&rig, call, rows[i].status);
		assert_null(next_within(&rig, 10000));
		assert_int_equal(outcome(&rig, 1), rows[i].outcome);
		rig_close(&rig);
	}
}

static void test_late_success_is_success(void **state)
{
	struct rest_call *call;
	struct rig rig;

	rig_open(&rig);
	call = call_to(R_POST, "1", 0);
	call->deadline_ms = rig.now + 100;
	submit(&rig, call);
	assert_ptr_equal(next(&rig), call);
	rig.now += 5000;
	assert_int_equal(next_tag(&rig), 0);
	assert_int_equal(outcome(&rig, 0), -1);
	answer(&rig, call, 200);
	assert_int_equal(outcome(&rig, 1), REST_OK);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_error_text),
		cmocka_unit_test(test_error_text_is_bounded),
		cmocka_unit_test(test_redact),
		cmocka_unit_test(test_retries),
		cmocka_unit_test(test_retry_lets_others_pass),
		cmocka_unit_test(test_retry_after_of_503),
		cmocka_unit_test(test_nonce_is_not_trusted_for_long),
		cmocka_unit_test(test_refusal_after_a_doubt),
		cmocka_unit_test(test_callback_is_repeated_once),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_expires_unsent),
		cmocka_unit_test(test_expires_after_429_and_retry),
		cmocka_unit_test(test_late_success_is_success),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
