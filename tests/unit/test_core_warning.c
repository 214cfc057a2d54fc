/* SPDX-License-Identifier: Apache-2.0 */
#include "session_rig.h"

/* The end of a private channel that nobody uses: announced, called off, looked at once more. */

static void test_kept_by_the_button(void **state)
{
	struct rig rig;

	start(&rig, 10);
	load(&rig, 1, 500, 0, 0);
	ready(&rig);
	assert_false(core_keep(rig.core, 2, rig.now_ms));
	later(&rig, TTL - LEAD);
	assert_string_equal(rig.trace, "member warn");
	later(&rig, LEAD - 1);
	assert_string_equal(rig.trace, "");
	assert_true(core_keep(rig.core, 1, rig.now_ms));
	run(&rig);
	assert_string_equal(rig.trace, "unwarn keep");
	later(&rig, TTL - LEAD - 1);
	assert_string_equal(rig.trace, "");
	later(&rig, 1);
	assert_string_equal(rig.trace, "member warn");
	later(&rig, LEAD);
	assert_string_equal(rig.trace, "lastlook delete forget");
	assert_false(core_keep(rig.core, 1, rig.now_ms));
	stop(&rig);
}

static void test_kept_by_its_member(void **state)
{
	struct rig rig;

	start(&rig, 10);
	load(&rig, 1, 500, 0, 0);
	ready(&rig);
	later(&rig, TTL - LEAD);
	core_activity(rig.core, 500, 2, rig.now_ms); /* somebody else */
	core_activity(rig.core, 501, 1, rig.now_ms); /* elsewhere */
	later(&rig, 1000);
	assert_string_equal(rig.trace, "");
	core_activity(rig.core, 500, 1, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "unwarn keep");
	later(&rig, TTL - LEAD);
	assert_string_equal(rig.trace, "member warn");
	rig.trace[0] = '\0';
	rig.silent = RIG_BIT(FX_WATCH);
	ask(&rig, 1, false); /* a job too */
	assert_non_null(strstr(rig.trace, "unwarn keep"));
	later(&rig, 10 * TTL); /* and while it is there, nothing ends */
	assert_null(strstr(rig.trace, "warn"));
	assert_null(strstr(rig.trace, "delete"));
	stop(&rig);
}

/* A warning that arrives after it was called off is taken back. */
static void test_warning_on_its_way(void **state)
{
	struct rig rig;

	start(&rig, 10);
	load(&rig, 1, 500, 0, 0);
	ready(&rig);
	rig.silent = RIG_BIT(FX_SESSION_WARN);
	later(&rig, TTL - LEAD);
	assert_true(core_keep(rig.core, 1, rig.now_ms));
	run(&rig);
	rig.trace[0] = '\0';
	core_warned(rig.core, 1, 500, ANSWER_OK, 77, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "unwarn");
	assert_true(rig.last.message_id == 77 && rig.last.id == 500);
	stop(&rig);
}

static void warned(struct rig *rig, enum answer answer, uint64_t message_id)
{
	rig->trace[0] = '\0';
	core_warned(rig->core, 1, 500, answer, message_id, rig->now_ms);
	run(rig);
}

static uint64_t id_of_time(int64_t ms)
{
	return (uint64_t)(ms - INT64_C(1420070400000)) << 22;
}

/* A warning whose posting hangs, and the member's last word before it. */
static void come_to_a_warning_that_hangs(struct rig *rig)
{
	start(rig, 10);
	load(rig, 1, 500, 0, 0);
	ready(rig);
	rig->silent = RIG_BIT(FX_SESSION_WARN) | RIG_BIT(FX_SESSION_LOOK);
	later(rig, TTL - LEAD);
	assert_string_equal(rig->trace, "member warn");
}

/* No look sees it yet: one taken now would have it said twice. */
static void test_warning_that_hangs_is_said_once(void **state)
{
	struct rig rig;

	come_to_a_warning_that_hangs(&rig);
	later(&rig, LEAD);
	assert_string_equal(rig.trace, "");
	assert_true(core_deadline(rig.core) > rig.now_ms);
	core_unwarned(rig.core, 1); /* about the one before, whose removal hung too */
	later(&rig, LEAD);
	assert_string_equal(rig.trace, "");
	/* It came late, and stands its time. */
	warned(&rig, ANSWER_OK, id_of_time(rig.now_ms - 1000));
	assert_string_equal(rig.trace, "");
	assert_true(core_session_end(rig.core, 1) == rig.now_ms - 1000 + LEAD);
	later(&rig, LEAD - 1001);
	assert_string_equal(rig.trace, "");
	later(&rig, 1);
	assert_string_equal(rig.trace, "lastlook");
	stop(&rig);
}

static void test_warning_that_was_posted_perhaps(void **state)
{
	struct rig rig;
	uint64_t id;

	come_to_a_warning_that_hangs(&rig);
	later(&rig, LEAD);
	id = id_of_time(rig.now_ms - LEAD / 2);
	warned(&rig, ANSWER_DOUBT, 0);
	assert_string_equal(rig.trace, "lastlook");
	rig.trace[0] = '\0';
	core_looked(rig.core, 1, rig.session_epoch, ANSWER_OK, id, false, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "");
	later(&rig, LEAD / 2 - 1);
	assert_string_equal(rig.trace, "");
	later(&rig, 1);
	assert_string_equal(rig.trace, "lastlook");
	core_looked(rig.core, 1, rig.session_epoch, ANSWER_OK, id, false, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "lastlook delete forget");
	stop(&rig);
}

/* The clock of Discord is far ahead of ours: that keeps no channel for ever. */
static void test_warning_of_a_time_to_come(void **state)
{
	struct rig rig;

	come_to_a_warning_that_hangs(&rig);
	rig.silent = 0;
	warned(&rig, ANSWER_OK, id_of_time(rig.now_ms + 1000 * TTL));
	later(&rig, LEAD);
	assert_string_equal(rig.trace, "lastlook delete forget");
	stop(&rig);
}

/* Its member is there again and idle again before that one has come or not. */
static void test_warning_that_hangs_over_the_next_idle_time(void **state)
{
	static const enum answer answers[] = {ANSWER_OK, ANSWER_DOUBT, ANSWER_AGAIN};
	struct rig rig;

	for (size_t i = 0; i < countof(answers); i++) {
		come_to_a_warning_that_hangs(&rig);
		assert_true(core_keep(rig.core, 1, rig.now_ms));
		run(&rig);
		later(&rig, TTL);
		assert_string_equal(rig.trace, "");
		warned(&rig, answers[i], answers[i] == ANSWER_OK ? 77 : 0);
		assert_string_equal(rig.trace,
			answers[i] == ANSWER_AGAIN ? "member warn" : "unwarn member warn");
		stop(&rig);
	}
}

/* It hangs, but whoever has left need not be warned. */
static void test_left_while_the_warning_hangs(void **state)
{
	struct rig rig;

	come_to_a_warning_that_hangs(&rig);
	assert_true(core_erase(rig.core, 1, rig.now_ms));
	run(&rig);
	assert_non_null(strstr(rig.trace, "delete"));
	stop(&rig);
}

/* One that was given before a restart counts; after a long absence one is given first. */
static void test_called_off_before_a_crash(void **state)
{
	struct rig rig;

	start(&rig, 10);
	load(&rig, 1, 500, 0, SESSION_OLD_WARNING);
	load(&rig, 2, 501, 0, 0);
	rig.trace[0] = '\0';
	core_ready(rig.core, 7, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "unwarn");
	assert_true(rig.last.id == 500 && rig.last.message_id == 0);
	assert_int_equal(rig.last.session->row.flags, SESSION_OLD_WARNING);
	core_unwarned(rig.core, 1);
	assert_int_equal(rig.last.session->row.flags, 0);
	/* And it is written down whenever one is called off. */
	later(&rig, TTL - LEAD);
	assert_true(core_keep(rig.core, 1, rig.now_ms));
	run(&rig);
	assert_int_equal(rig.last.session->row.flags, SESSION_OLD_WARNING);
	stop(&rig);
}

static void test_warned_once_across_a_restart(void **state)
{
	struct session_row row = {.user_id = 1, .channel_id = 500};
	struct rig rig;

	start(&rig, 10);
	row.active_ms = rig.now_ms - TTL + 100000;
	row.warned_ms = row.active_ms + TTL - LEAD;
	core_load_session(rig.core, &row);
	core_ready(rig.core, 7, rig.now_ms);
	later(&rig, 99999);
	assert_string_equal(rig.trace, "");
	later(&rig, 1);
	assert_string_equal(rig.trace, "lastlook delete forget");
	stop(&rig);
	start(&rig, 10);
	load(&rig, 1, 500, 5 * TTL, 0);
	core_ready(rig.core, 7, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "member warn");
	later(&rig, LEAD);
	assert_string_equal(rig.trace, "lastlook delete forget");
	stop(&rig);
}

static void looked(struct rig *rig, enum answer answer, uint64_t warning_id, bool written)
{
	core_looked(rig->core, 1, rig->session_epoch, answer, warning_id, written, rig->now_ms);
	run(rig);
}

/* A channel whose row says that its end was announced, and it is time. */
static void come_to_the_last_look(struct rig *rig)
{
	struct session_row row = {.user_id = 1, .channel_id = 500};

	start(rig, 10);
	row.active_ms = rig->now_ms - TTL;
	row.warned_ms = row.active_ms + TTL - LEAD;
	core_load_session(rig->core, &row);
	rig->session_epoch = 0;
	rig->silent = RIG_BIT(FX_SESSION_LOOK);
	core_ready(rig->core, 7, rig->now_ms);
	run(rig);
	assert_string_equal(rig->trace, "lastlook");
	rig->trace[0] = '\0';
}

/* A process that died between row and message has warned nobody. */
static void test_lost_warning_is_said_again(void **state)
{
	struct rig rig;

	come_to_the_last_look(&rig);
	looked(&rig, ANSWER_OK, 0, false);
	assert_string_equal(rig.trace, "warn");
	later(&rig, LEAD - 1);
	assert_string_equal(rig.trace, "");
	later(&rig, 1);
	assert_string_equal(rig.trace, "lastlook");
	/* Somebody has removed this one: it was read. */
	looked(&rig, ANSWER_OK, 0, false);
	assert_string_equal(rig.trace, "lastlook delete forget");
	stop(&rig);
}

/* Where nothing can be said, the channel goes all the same. */
static void test_warning_that_is_never_there(void **state)
{
	struct rig rig;

	come_to_the_last_look(&rig);
	rig.silent |= RIG_BIT(FX_SESSION_WARN);
	for (int i = 0; i < 3; i++) {
		looked(&rig, ANSWER_OK, 0, false);
		assert_string_equal(rig.trace, "warn");
		warned(&rig, ANSWER_NO, 0);
		later(&rig, LEAD);
		assert_string_equal(rig.trace, "lastlook");
		rig.trace[0] = '\0';
	}
	looked(&rig, ANSWER_OK, 0, false);
	assert_string_equal(rig.trace, "delete forget");
	stop(&rig);
}

/* What the member wrote while nobody listened keeps the channel. */
static void test_words_that_nobody_heard(void **state)
{
	struct rig rig;

	come_to_the_last_look(&rig);
	looked(&rig, ANSWER_OK, 77, true);
	assert_string_equal(rig.trace, "unwarn keep");
	assert_true(rig.last.kind == FX_SESSION_SAVE);
	assert_true(core_session_end(rig.core, 1) == rig.now_ms + TTL);
	looked(&rig, ANSWER_OK, 77, false); /* late */
	later(&rig, TTL - LEAD - 1);
	assert_string_equal(rig.trace, "");
	stop(&rig);
}

static void test_last_look_that_fails(void **state)
{
	struct rig rig;

	come_to_the_last_look(&rig);
	looked(&rig, ANSWER_AGAIN, 0, false);
	assert_string_equal(rig.trace, "");
	assert_true(core_deadline(rig.core) > rig.now_ms);
	later(&rig, 2000);
	assert_string_equal(rig.trace, "lastlook");
	later(&rig, 130000); /* never answered */
	assert_string_equal(rig.trace, "lastlook");
	looked(&rig, ANSWER_FORBIDDEN, 0, false);
	assert_string_equal(rig.trace, "lastlook delete forget");
	stop(&rig);
	come_to_the_last_look(&rig);
	looked(&rig, ANSWER_GONE, 0, false);
	assert_string_equal(rig.trace, "forget");
	stop(&rig);
}

/* A job that comes while the last look is out. */
static void test_job_during_the_last_look(void **state)
{
	struct rig rig;

	come_to_the_last_look(&rig);
	core_gpu(rig.core, 0, true, rig.now_ms);
	ask(&rig, 1, false);
	assert_non_null(strstr(rig.trace, "unwarn keep"));
	rig.trace[0] = '\0';
	looked(&rig, ANSWER_OK, 77, false);
	assert_string_equal(rig.trace, "");
	assert_true(core_session_end(rig.core, 1) == rig.now_ms + TTL);
	stop(&rig);
}

/* Rows of a time that has not come yet: the clock was wrong then. */
static void test_clock_that_was_ahead(void **state)
{
	struct session_row row = {.user_id = 1, .channel_id = 500};
	struct rig rig;

	start(&rig, 10);
	row.active_ms = rig.now_ms + INT64_C(10) * 365 * 24 * 3600 * 1000;
	row.warned_ms = 0;
	core_load_session(rig.core, &row);
	row.user_id = 2;
	row.channel_id = 501;
	row.warned_ms = row.active_ms;
	core_load_session(rig.core, &row);
	core_ready(rig.core, 7, rig.now_ms);
	run(&rig);
	later(&rig, TTL - LEAD);
	assert_string_equal(rig.trace, "member warn");
	rig.silent = RIG_BIT(FX_CHANNEL_DELETE);
	later(&rig, LEAD);
	assert_non_null(strstr(rig.trace, "lastlook delete"));
	assert_true(core_session_end(rig.core, 1) == 0);
	assert_true(core_session_end(rig.core, 2) == 0);
	stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept_by_the_button),
		cmocka_unit_test(test_kept_by_its_member),
		cmocka_unit_test(test_warning_on_its_way),
		cmocka_unit_test(test_warning_that_hangs_is_said_once),
		cmocka_unit_test(test_warning_that_was_posted_perhaps),
		cmocka_unit_test(test_warning_of_a_time_to_come),
		cmocka_unit_test(test_warning_that_hangs_over_the_next_idle_time),
		cmocka_unit_test(test_left_while_the_warning_hangs),
		cmocka_unit_test(test_called_off_before_a_crash),
		cmocka_unit_test(test_warned_once_across_a_restart),
		cmocka_unit_test(test_lost_warning_is_said_again),
		cmocka_unit_test(test_warning_that_is_never_there),
		cmocka_unit_test(test_words_that_nobody_heard),
		cmocka_unit_test(test_last_look_that_fails),
		cmocka_unit_test(test_job_during_the_last_look),
		cmocka_unit_test(test_clock_that_was_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
