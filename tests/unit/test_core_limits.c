/* SPDX-License-Identifier: Apache-2.0 */
#include "core_rig.h"

/* Caps of one member, pictures a day, pausing and draining, and what commands ask the core. */

static enum refusal ask_as(struct rig *rig, const struct request *r)
{
	enum refusal refusal = core_request(rig->core, r, rig->now_ms);

	run(rig);
	return refusal;
}

static void test_what_a_request_says_is_in_the_row(void **state)
{
	struct request r = a_request(1);
	const struct job *job;
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_WATCH);
	r.options = "{\"steps\":\"9\"}";
	r.input = "last";
	r.origin_id = 555;
	r.age_restricted = true;
	r.has_seed = true;
	r.seed = UINT64_MAX;
	assert_int_equal(ask_as(&rig, &r), REFUSE_NOTHING);
	job = core_job(rig.core, 1);
	assert_string_equal(job->row.options, "{\"steps\":\"9\"}");
	assert_string_equal(job->row.input, "last");
	assert_true(job->row.origin_id == 555);
	assert_int_equal(job->row.flags, JOB_RESTRICTED | JOB_SEEDED);
	assert_true(job->row.seed == UINT64_MAX);
	stop(&rig);
}

static void test_cap_of_one_member(void **state)
{
	struct request r = a_request(1);
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_WATCH);
	r.cap = 1;
	assert_int_equal(ask_as(&rig, &r), REFUSE_NOTHING);
	assert_int_equal(ask_as(&rig, &r), REFUSE_CAP);
	r.cap = 3;
	assert_int_equal(ask_as(&rig, &r), REFUSE_NOTHING);
	assert_int_equal(ask_as(&rig, &r), REFUSE_NOTHING);
	assert_int_equal(ask_as(&rig, &r), REFUSE_CAP);
	stop(&rig);
}

static void test_pictures_a_day(void **state)
{
	struct core_count today[] = {{1, 1}};
	struct request r = a_request(1);
	struct rig rig;

	start(&rig, 10);
	core_load_day(rig.core, rig.now_ms / CORE_DAY_MS, today, 1);
	ready(&rig);
	r.quota = 2;
	assert_int_equal(ask_as(&rig, &r), REFUSE_NOTHING);
	assert_int_equal(core_day_count(rig.core, 1, rig.now_ms), 2);
	assert_int_equal(ask_as(&rig, &r), REFUSE_QUOTA);
	r.administrator = true;
	assert_int_equal(ask_as(&rig, &r), REFUSE_NOTHING);
	r.administrator = false;
	r.user_id = 2;
	assert_int_equal(ask_as(&rig, &r), REFUSE_NOTHING);
	r.user_id = 1;
	rig.now_ms += CORE_DAY_MS;
	assert_int_equal(core_day_count(rig.core, 1, rig.now_ms), 0);
	assert_int_equal(ask_as(&rig, &r), REFUSE_NOTHING);
	stop(&rig);
}

/* What was asked for before midnight is never given back to the day after it. */
static void test_over_midnight(void **state)
{
	struct request r = a_request(1);
	int64_t midnight;
	struct rig rig;

	start(&rig, 10);
	midnight = (rig.now_ms / CORE_DAY_MS + 1) * CORE_DAY_MS;
	rig.now_ms = midnight - 500;
	ready(&rig);
	rig.silent = RIG_BIT(FX_ACK) | RIG_BIT(FX_WATCH);
	r.cap = 3;
	assert_int_equal(ask_as(&rig, &r), REFUSE_NOTHING);
	assert_int_equal(core_day_count(rig.core, 1, rig.now_ms), 1);
	rig.now_ms = midnight + 500;
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_OK, NULL, rig.now_ms);
	run(&rig);
	assert_int_equal(core_day_count(rig.core, 1, rig.now_ms), 0);
	/* After a restart the rows tell the day. */
	assert_true(core_job(rig.core, 1)->row.created_ms == midnight - 500);
	rig.silent = RIG_BIT(FX_WATCH);
	assert_int_equal(ask_as(&rig, &r), REFUSE_NOTHING);
	assert_int_equal(core_day_count(rig.core, 1, rig.now_ms), 1);
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_FAILED, NULL, rig.now_ms);
	run(&rig);
	assert_null(core_job(rig.core, 1));
	assert_int_equal(core_day_count(rig.core, 1, rig.now_ms), 1);
	stop(&rig);
}

/* Several pictures of one job count once against the cap, and each for the day. */
static void test_several_of_one_job(void **state)
{
	struct request r = a_request(1);
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_WATCH);
	r.cap = 2;
	r.quota = 5;
	r.pictures = 4;
	assert_int_equal(ask_as(&rig, &r), REFUSE_NOTHING);
	assert_int_equal(core_job(rig.core, 1)->row.pictures, 4);
	assert_int_equal(core_day_count(rig.core, 1, rig.now_ms), 4);
	r.pictures = 2;
	assert_int_equal(ask_as(&rig, &r), REFUSE_QUOTA);
	r.pictures = 1;
	assert_int_equal(ask_as(&rig, &r), REFUSE_NOTHING);
	assert_int_equal(ask_as(&rig, &r), REFUSE_CAP);
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_FAILED, NULL, rig.now_ms);
	run(&rig);
	assert_int_equal(core_day_count(rig.core, 1, rig.now_ms), 1);
	stop(&rig);
}

static void test_an_apology_is_given_back(void **state)
{
	struct request r = a_request(1);
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_WATCH);
	r.quota = 1;
	assert_int_equal(ask_as(&rig, &r), REFUSE_NOTHING);
	assert_int_equal(ask_as(&rig, &r), REFUSE_QUOTA);
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_FAILED, NULL, rig.now_ms);
	run(&rig);
	assert_null(core_job(rig.core, 1));
	assert_int_equal(core_day_count(rig.core, 1, rig.now_ms), 0);
	/* One that Discord never let us accept neither. */
	rig.silent = RIG_BIT(FX_ACK);
	assert_int_equal(ask_as(&rig, &r), REFUSE_NOTHING);
	core_answer(rig.core, 2, rig.epoch[2], ANSWER_NO, NULL, rig.now_ms);
	run(&rig);
	assert_int_equal(core_day_count(rig.core, 1, rig.now_ms), 0);
	stop(&rig);
}

static void test_pause_lets_requests_wait(void **state)
{
	struct request r = a_request(1);
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	core_set_mode(rig.core, CORE_PAUSE, rig.now_ms);
	assert_int_equal(ask_as(&rig, &r), REFUSE_NOTHING);
	assert_int_equal(core_job(rig.core, 1)->step, JOB_QUEUE);
	rig.now_ms += 60000;
	core_tick(rig.core, rig.now_ms);
	assert_int_equal(core_job(rig.core, 1)->step, JOB_QUEUE);
	assert_true(core_deadline(rig.core) > rig.now_ms); /* and waiting is not busy */
	core_set_mode(rig.core, CORE_RUN, rig.now_ms);
	run(&rig);
	assert_null(core_job(rig.core, 1));
	assert_int_equal(rig.kept[1].row.step, JOB_DONE);
	stop(&rig);
}

static void test_drain_refuses_and_goes_on(void **state)
{
	struct request r = a_request(1);
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_WATCH);
	for (r.user_id = 1; r.user_id <= 2; r.user_id++)
		assert_int_equal(ask_as(&rig, &r), REFUSE_NOTHING);
	core_set_mode(rig.core, CORE_DRAIN, rig.now_ms);
	assert_int_equal(core_mode(rig.core), CORE_DRAIN);
	assert_int_equal(ask_as(&rig, &r), REFUSE_DRAINING);
	rig.silent = 0;
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_OK, NULL, rig.now_ms);
	run(&rig);
	assert_int_equal(rig.kept[1].row.step, JOB_DONE);
	assert_int_equal(rig.kept[2].row.step, JOB_DONE);
	stop(&rig);
}

/* Wherever a member's jobs stand: what can be stopped is, the others stop where they come next. */
static void test_all_of_a_member_are_cancelled(void **state)
{
	struct request r = a_request(1);
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_CHANNEL_CREATE);
	r.cap = 4;
	assert_int_equal(ask_as(&rig, &r), REFUSE_NOTHING);
	assert_int_equal(core_job(rig.core, 1)->step, JOB_CHANNEL);
	assert_int_equal(core_cancel(rig.core, 1, 1, false, rig.now_ms), CANCEL_DONE);
	rig.silent |= RIG_BIT(FX_ACK);
	assert_int_equal(ask_as(&rig, &r), REFUSE_NOTHING);
	core_cancel_all_of(rig.core, 1, rig.now_ms);
	run(&rig);
	rig.trace[0] = '\0';
	core_answer(rig.core, 2, rig.epoch[2], ANSWER_OK, NULL, rig.now_ms);
	core_session_answer(
		rig.core, 1, rig.session_epoch, ANSWER_OK, ++rig.next_id, NULL, rig.now_ms);
	rig.silent = 0;
	run(&rig);
	assert_null(strstr(rig.trace, "submit"));
	assert_null(core_first_job(rig.core));
	for (int id = 1; id <= 2; id++) {
		assert_int_equal(rig.kept[id].row.sorry, SORRY_CANCELLED);
		assert_int_equal(rig.kept[id].row.step, JOB_APOLOGISED);
	}
	stop(&rig);
}

/* Those that an earlier process left, before it is known what was said about them. */
static void test_cancelled_after_a_restart(void **state)
{
	static const enum job_step steps[] = {JOB_QUEUE, JOB_SUBMIT, JOB_POST};
	struct rig rig;

	start(&rig, 10);
	for (size_t i = 0; i < countof(steps); i++) {
		struct job_row row = row_left(i + 1, (int)steps[i],
			steps[i] == JOB_POST ? OUTCOME_PICTURE : OUTCOME_OPEN);

		row.created_ms = rig.now_ms;
		core_load_job(rig.core, &row, rig.now_ms);
	}
	core_cancel_all_of(rig.core, 1, rig.now_ms);
	ready(&rig);
	assert_null(core_first_job(rig.core));
	assert_int_equal(rig.kept[1].row.sorry, SORRY_CANCELLED);
	assert_int_equal(rig.kept[2].row.sorry, SORRY_CANCELLED);
	assert_int_equal(rig.kept[3].row.step, JOB_DONE); /* it was ready: too late */
	stop(&rig);
}

static void test_queries(void **state)
{
	const struct job *jobs[4] = {NULL};
	struct request r = a_request(1);
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_WATCH);
	assert_int_equal(core_jobs_of(rig.core, 1, jobs, 4), 0);
	assert_true(core_gpu_is_up(rig.core, 0));
	assert_false(core_gpu_is_up(rig.core, 1));
	assert_int_equal(core_gpu_jobs(rig.core, 0), 0);
	ask_as(&rig, &r);
	r.user_id = 2;
	ask_as(&rig, &r);
	r.user_id = 1;
	r.administrator = true; /* before the other in the line */
	ask_as(&rig, &r);
	assert_int_equal(core_gpu_jobs(rig.core, 0), 1);
	assert_int_equal(core_jobs_of(rig.core, 1, jobs, 4), 2);
	assert_true(jobs[0]->row.id == 1 && jobs[1]->row.id == 3);
	assert_int_equal(jobs[0]->position, 0);
	assert_int_equal(jobs[1]->position, 1);
	assert_int_equal(core_jobs_of(rig.core, 0, jobs, 2), 3);
	assert_true(jobs[0]->row.id == 1 && jobs[1]->row.id == 3);
	stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_request_says_is_in_the_row),
		cmocka_unit_test(test_cap_of_one_member),
		cmocka_unit_test(test_pictures_a_day),
		cmocka_unit_test(test_over_midnight),
		cmocka_unit_test(test_several_of_one_job),
		cmocka_unit_test(test_an_apology_is_given_back),
		cmocka_unit_test(test_pause_lets_requests_wait),
		cmocka_unit_test(test_drain_refuses_and_goes_on),
		cmocka_unit_test(test_all_of_a_member_are_cancelled),
		cmocka_unit_test(test_cancelled_after_a_restart),
		cmocka_unit_test(test_queries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
