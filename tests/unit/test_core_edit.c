/* SPDX-License-Identifier: Apache-2.0 */
#include "core_rig.h"

/* Jobs that edit a picture, and the numbers of finished pictures. */

static void test_the_picture_comes_first(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	assert_int_equal(ask_for(&rig, 1, false, "last"), REFUSE_NOTHING);
	assert_string_equal(rig.trace,
		"ack1 save1 list category channel keep input1 save1 answer1#1 show1 save1 show1 "
		"submit1 watch1 show1 fetch1 save1 post1 save1 tidy1 save1 end1");
	assert_int_equal(rig.kept[1].row.kind, 2);
	assert_string_equal(rig.kept[1].row.input, "last");
	stop(&rig);
}

static void test_answers(void **state)
{
	static const struct {
		enum answer answers[6];
		int end, sorry;
	} cases[] = {
		{{ANSWER_OK}, JOB_DONE, SORRY_NONE},
		{{ANSWER_AGAIN, ANSWER_OK}, JOB_DONE, SORRY_NONE},
		{{ANSWER_AGAIN, ANSWER_AGAIN, ANSWER_AGAIN, ANSWER_AGAIN, ANSWER_OK}, JOB_DONE,
			SORRY_NONE},
		{{ANSWER_AGAIN, ANSWER_AGAIN, ANSWER_AGAIN, ANSWER_AGAIN, ANSWER_AGAIN},
			JOB_APOLOGISED, SORRY_PICTURE},
		{{ANSWER_NO}, JOB_APOLOGISED, SORRY_PICTURE},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct rig rig;

		start(&rig, 10);
		ready(&rig);
		rig.silent = RIG_BIT(FX_INPUT);
		ask_for(&rig, 1, false, "last");
		for (size_t k = 0; k < countof(cases[i].answers) && core_job(rig.core, 1) &&
				   core_job(rig.core, 1)->step == JOB_INPUT;
			k++) {
			core_answer(rig.core, 1, rig.epoch[1], cases[i].answers[k],
				&(struct answer_args){.detail = "damaged"}, rig.now_ms);
			run(&rig);
			rig.now_ms += 70000;
			core_tick(rig.core, rig.now_ms);
			run(&rig);
		}
		assert_int_equal(rig.kept[1].row.step, cases[i].end);
		assert_int_equal(rig.kept[1].row.sorry, cases[i].sorry);
		if (cases[i].sorry)
			assert_string_equal(rig.kept[1].row.detail, "damaged");
		stop(&rig);
	}
}

/* The job was accepted, and its row would be written whenever the database is back. */
static void test_a_picture_waits_for_the_database(void **state)
{
	const struct answer_args away = {.detail = "unstored", .ours = true};
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_INPUT);
	ask_for(&rig, 1, false, "last");
	for (int i = 0; i < 20; i++) {
		core_answer(rig.core, 1, rig.epoch[1], ANSWER_AGAIN, &away, rig.now_ms);
		assert_int_equal(core_job(rig.core, 1)->step, JOB_INPUT);
		rig.now_ms += 10000;
		core_tick(rig.core, rig.now_ms);
		run(&rig);
	}
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_OK, NULL, rig.now_ms);
	run(&rig);
	assert_int_equal(rig.kept[1].row.step, JOB_DONE);
	stop(&rig);
}

static void test_cancelled_while_it_is_fetched(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_INPUT);
	ask_for(&rig, 1, false, "last");
	assert_int_equal(core_job(rig.core, 1)->step, JOB_INPUT);
	assert_int_equal(core_cancel(rig.core, 1, 1, false, rig.now_ms), CANCEL_DONE);
	run(&rig);
	assert_int_equal(rig.kept[1].row.sorry, SORRY_CANCELLED);
	/* What comes late moves nothing. */
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_OK, NULL, rig.now_ms);
	run(&rig);
	assert_int_equal(rig.kept[1].row.step, JOB_APOLOGISED);
	stop(&rig);
}

static void test_a_picture_that_is_gone_at_the_card(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_SUBMIT);
	ask_for(&rig, 1, false, "last");
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_NO_INPUT,
		&(struct answer_args){.detail = "gone"}, rig.now_ms);
	run(&rig);
	assert_int_equal(rig.kept[1].row.sorry, SORRY_PICTURE);
	stop(&rig);
}

/* A process that died while it fetched begins anew; one that had it does not. */
static void test_restart(void **state)
{
	static const struct {
		int step;
		const char *trace;
	} cases[] = {
		{JOB_CHANNEL, "input1 save1 answer1#1"},
		{JOB_QUEUE, "save1 answer1#1"},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct session_row session = {.user_id = 1, .channel_id = 500};
		struct job_row row = {.id = 1,
			.user_id = 1,
			.guild_id = 7,
			.channel_id = 500,
			.step = cases[i].step,
			.token = "t",
			.username = "ana",
			.locale = "en",
			.model = "m",
			.prompt = "p",
			.input = "last"};
		struct rig rig;

		start(&rig, 10);
		row.created_ms = session.active_ms = rig.now_ms - 5000;
		core_load_session(rig.core, &session);
		core_load_job(rig.core, &row, rig.now_ms);
		core_gpu(rig.core, 0, true, rig.now_ms);
		core_ready(rig.core, 7, rig.now_ms);
		run(&rig);
		if (!strstr(rig.trace, cases[i].trace))
			fail_msg("case %zu: wanted %s, got %s", i, cases[i].trace, rig.trace);
		if (cases[i].step == JOB_QUEUE)
			assert_null(strstr(rig.trace, "input"));
		assert_int_equal(rig.kept[1].row.step, JOB_DONE);
		stop(&rig);
	}
}

/* Two files each, as the rig answers. */
static void test_numbers(void **state)
{
	struct job_row row = {.id = 3,
		.user_id = 2,
		.guild_id = 7,
		.step = JOB_POST,
		.outcome = OUTCOME_PICTURE,
		.number = 9,
		.username = "eva",
		.locale = "en",
		.model = "m",
		.prompt = "p"};
	struct rig rig;

	start(&rig, 10);
	core_load_image_count(rig.core, 4);
	/* A number that was given counts, even if the count itself was not written down. */
	core_load_job(rig.core, &row, rig.now_ms);
	assert_int_equal(core_image_count(rig.core), 9);
	ready(&rig);
	assert_int_equal(rig.kept[3].row.number, 9); /* it keeps its own */
	ask(&rig, 1, false);
	assert_int_equal(rig.kept[4].row.number, 10);
	assert_int_equal(core_image_count(rig.core), 11);
	ask(&rig, 1, false);
	assert_int_equal(rig.kept[5].row.number, 12);
	stop(&rig);
}

/* What ends without a picture takes no number. */
static void test_no_number(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_WATCH);
	ask(&rig, 1, false);
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_FAILED, NULL, rig.now_ms);
	run(&rig);
	assert_int_equal(rig.kept[1].row.number, 0);
	assert_int_equal(core_image_count(rig.core), 0);
	stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_picture_comes_first),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_a_picture_waits_for_the_database),
		cmocka_unit_test(test_cancelled_while_it_is_fetched),
		cmocka_unit_test(test_a_picture_that_is_gone_at_the_card),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_no_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
