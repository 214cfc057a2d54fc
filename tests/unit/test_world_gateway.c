/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's gateway enforces its rules, and its faults do what they say. */
#include <stdio.h>

#include "discord_rig.h"

#define OK_BODY "{\"content\":\"x\",\"allowed_mentions\":{\"parse\":[]}}"

/* ---- gateway ---- */

#define IDENTIFY(token, intents)                                                                   \
	"{\"op\":2,\"d\":{\"token\":\"" token "\",\"intents\":" intents ",\"properties\":"         \
	"{\"os\":\"linux\",\"browser\":\"x\",\"device\":\"x\"}}}"

static void test_close_codes(void **state)
{
	static const struct {
		const char *text, *rule; /* rule NULL: none */
		int code;
	} cases[] = {
		{"hello", "gateway_payload", 4002},
		{"{\"op\":1}", "gateway_payload", 4002},
		{"{\"op\":77,\"d\":null}", "gateway_opcode", 4001},
		{"{\"op\":3,\"d\":{}}", "not_identified", 4003},
		{IDENTIFY("wrong", "513"), NULL, 4004},
		{IDENTIFY("Bot " RIG_TOKEN, "513"), "identify", 4004},
		{IDENTIFY(RIG_TOKEN, "1073741824"), "intents", 4013},
		{IDENTIFY(RIG_TOKEN, "515"), "privileged_intent", 4014},
		{IDENTIFY(RIG_TOKEN, "513"), NULL, -1},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct rig r;

		rig_new(&r, true);
		rig_open(&r, "/gateway", NULL);
		rig_send(&r, cases[i].text);
		assert_int_equal(r.closed, cases[i].code);
		if (cases[i].rule)
			assert_true(rig_has_rule(&r, cases[i].rule));
		else
			rig_clean(&r);
		rig_free(&r);
	}
}

static void test_gateway_limits(void **state)
{
	struct rig r;
	char *big = xasprintf("{\"op\":1,\"d\":%4100d}", 1);

	rig_new(&r, true);
	rig_ready(&r, NULL);
	rig_send(&r, big);
	assert_int_equal(r.closed, 4002);
	assert_true(rig_has_rule(&r, "gateway_send_size"));
	free(big);
	rig_free(&r);

	rig_new(&r, true);
	rig_ready(&r, NULL); /* one IDENTIFY was sent */
	for (int i = 0; i < 119; i++)
		rig_send(&r, "{\"op\":3,\"d\":{}}");
	rig_clean(&r);
	rig_send(&r, "{\"op\":3,\"d\":{}}");
	assert_int_equal(r.closed, 4008);
	assert_true(rig_has_rule(&r, "gateway_send_limit"));
	rig_free(&r);

	rig_new(&r, true);
	rig_open(&r, "/gateway", NULL);
	rig_send(&r, RIG_IDENTIFY);
	rig_cut(&r, 1006);
	/* Too soon after the other: op 9, and again at once: an offence. */
	rig_open(&r, "/gateway", NULL);
	rig_send(&r, RIG_IDENTIFY);
	assert_non_null(rig_got(&r, NULL, 9));
	rig_clean(&r);
	rig_send(&r, RIG_IDENTIFY);
	assert_true(rig_has_rule(&r, "identify_too_soon"));
	rig_free(&r);
}

static void test_heartbeats(void **state)
{
	struct rig r;

	rig_new(&r, true);
	rig_ready(&r, NULL);
	for (int i = 0; i < 3; i++) {
		r.now += 41250;
		rig_send(&r, "{\"op\":1,\"d\":2}");
	}
	rig_clean(&r);
	for (int i = 0; i < 3; i++) {
		r.now += 1000;
		rig_send(&r, "{\"op\":1,\"d\":2}");
	}
	assert_true(rig_has_rule(&r, "heartbeat_flood"));
	r.now = discord_world_deadline(r.w);
	rig_pump(&r);
	assert_int_equal(r.closed, 4000);
	assert_true(rig_has_rule(&r, "heartbeat_missing"));
	rig_free(&r);
}

static void test_bad_resume(void **state)
{
	struct rig r;

	rig_new(&r, true);
	rig_ready(&r, NULL);
	rig_cut(&r, 4000);
	str_copy(r.session, sizeof(r.session), "nonsense");
	rig_resume(&r, NULL, 1);
	assert_false(json_flag(rig_got(&r, NULL, 9), "d", true));
	assert_true(rig_has_rule(&r, "resume_unknown_session"));
	rig_free(&r);

	rig_new(&r, true);
	rig_ready(&r, NULL);
	rig_cut(&r, 4000);
	rig_resume(&r, NULL, 99);
	assert_int_equal(r.closed, 4007);
	assert_true(rig_has_rule(&r, "resume_sequence"));
	rig_free(&r);

	rig_new(&r, true);
	rig_ready(&r, NULL);
	rig_cut(&r, 4000);
	str_copy(r.resume_path, sizeof(r.resume_path), "/gateway");
	rig_resume(&r, NULL, 1);
	assert_non_null(rig_got(&r, "RESUMED", 0));
	assert_true(rig_has_rule(&r, "resume_url"));
	rig_free(&r);
}

/* ---- faults ---- */

static void fault(struct rig *r, const char *text)
{
	cleanup(json_put) struct json_object *o = json_parse(text, strlen(text), NULL);

	assert_non_null(o);
	assert_int_equal(discord_world_fault(r->w, o, r->now), 0);
}

static size_t messages(struct rig *r)
{
	cleanup(json_put) struct json_object *state = NULL;

	rig_state(r, &state);
	return json_len(json_array(state, "messages"));
}

static void test_http_faults(void **state)
{
	static const struct {
		const char *fault;
		int status; /* of the spoilt answer */
		size_t n;   /* messages then */
		const char *error;
	} cases[] = {
		{"{\"kind\":\"status\",\"method\":\"POST\",\"route\":\"/channels/{}/messages\","
		 "\"status\":500}",
			500, 0, NULL},
		{"{\"kind\":\"status\",\"route\":\"/channels/*\",\"status\":502,\"executed\":true}",
			502, 1, NULL},
		{"{\"kind\":\"reset\"}", 0, 0, "reset"},
		{"{\"kind\":\"hang\",\"ms\":700,\"executed\":true}", 0, 1, "hang 700"},
		{"{\"kind\":\"html\",\"status\":503}", 503, 0, NULL},
		{"{\"kind\":\"429\",\"scope\":\"shared\",\"retry_after\":2.5}", 429, 0, NULL},
		{"{\"kind\":\"status\",\"method\":\"PATCH\"}", 200, 1, NULL},
		{"{\"kind\":\"status\",\"route\":\"/channels/{}\"}", 200, 1, NULL},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct rig r;

		rig_new(&r, true);
		fault(&r, cases[i].fault);
		rig_call(&r, HTTP_POST, OK_BODY, "/channels/%" PRIu64 "/messages", r.general);
		assert_int_equal(r.status, cases[i].status);
		assert_int_equal(messages(&r), cases[i].n);
		if (cases[i].error)
			assert_string_equal(r.res.error, cases[i].error);
		/* Its count is used up. */
		r.now += 10000;
		rig_call(&r, HTTP_POST, OK_BODY, "/channels/%" PRIu64 "/messages", r.general);
		assert_int_equal(r.status, 200);
		rig_clean(&r);
		rig_free(&r);
	}
}

static void test_gateway_faults(void **state)
{
	struct rig r;
	struct http_request req = {.method = HTTP_GET};
	int64_t seq;

	rig_new(&r, true);
	rig_ready(&r, "zlib-stream");
	fault(&r, "{\"kind\":\"gateway_reconnect\"}");
	rig_pump(&r);
	assert_non_null(rig_got(&r, NULL, 7));
	fault(&r, "{\"kind\":\"gateway_drop\",\"code\":4000}");
	rig_pump(&r);
	assert_int_equal(r.closed, 4000);
	fault(&r, "{\"kind\":\"gateway_refuse\",\"ms\":1000}");
	assert_int_equal(
		discord_world_ws_open(r.w, 99, "/gateway/?v=10&encoding=json", &req, r.now), 503);
	r.now += 1000;
	rig_resume(&r, "zlib-stream", 2);
	assert_non_null(rig_got(&r, "RESUMED", 0));
	seq = rig_seq(&r);
	/* During a silence nothing comes, afterwards everything. */
	fault(&r, "{\"kind\":\"gateway_silence\",\"ms\":5000}");
	discord_world_say(r.w, r.ana, r.general, "x", NULL, r.now);
	rig_send(&r, "{\"op\":1,\"d\":3}");
	assert_null(rig_got(&r, NULL, 11));
	assert_true(discord_world_deadline(r.w) <= r.now + 5000);
	r.now += 5000;
	rig_pump(&r);
	assert_non_null(rig_got(&r, NULL, 11));
	assert_int_equal(rig_seq(&r), seq + 1);
	fault(&r, "{\"kind\":\"gateway_invalid\",\"resumable\":false}");
	rig_pump(&r);
	assert_false(json_flag(rig_got(&r, NULL, 9), "d", true));
	rig_clean(&r);
	rig_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_close_codes),
		cmocka_unit_test(test_gateway_limits),
		cmocka_unit_test(test_heartbeats),
		cmocka_unit_test(test_bad_resume),
		cmocka_unit_test(test_http_faults),
		cmocka_unit_test(test_gateway_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
