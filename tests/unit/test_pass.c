/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "core_rig.h"

/* What one prompt draws: the parts of a job that asks for several pictures. */

static void begin(struct rig *rig, int max_batch)
{
	begin_with(rig, (struct core_config){.max_batch = max_batch});
}

static const struct job *request(struct rig *rig, uint64_t user, int pictures, uint64_t id)
{
	struct request r = a_request(user);

	r.pictures = pictures;
	return accepted(rig, &r, id);
}

static void tell(struct rig *rig, uint64_t id, enum answer answer)
{
	core_answer(rig->core, id, rig->epoch[id], answer, NULL, rig->now_ms);
	run(rig);
}

static void test_rows(void **state)
{
	static const struct {
		int pictures, batch, slot, parts, last;
	} cases[] = {{1, 1, 0, 1, 1}, {4, 2, 0, 2, 2}, {4, 3, 0, 2, 1}, {4, 1, 0, 4, 1},
		{4, 0, 0, 1, 4}, {4, 16, 0, 1, 4}, {3, 2, JOB_ALONE, 2, 1}, {1, 4, 2, 1, 1},
		{0, 0, 0, 1, 1}};
	struct job_row row = {.prompt_id = "01234567-89ab-4def-8123-456789abcdef"};
	char id[UUID_SIZE], other[UUID_SIZE];

	for (size_t i = 0; i < countof(cases); i++) {
		int parts;

		row.pictures = cases[i].pictures;
		row.batch = cases[i].batch;
		row.slot = cases[i].slot;
		parts = job_row_parts(&row);
		assert_int_equal(parts, cases[i].parts);
		assert_int_equal(job_row_part_pictures(&row, parts - 1), cases[i].last);
	}
	job_row_prompt_id(&row, 0, id);
	assert_string_equal(id, row.prompt_id);
	for (int part = 1; part < BATCH_MAX; part++) {
		job_row_prompt_id(&row, part, other);
		assert_true(uuid_valid(other));
		assert_string_not_equal(other, id);
		str_copy(id, sizeof(id), other);
	}
	row.prompt_id[0] = '\0';
	job_row_prompt_id(&row, 1, id);
	assert_string_equal(id, "");
}

static void test_parts_follow_each_other(void **state)
{
	const struct job *job;
	char prompt_id[UUID_SIZE];
	struct rig rig;

	begin(&rig, 2);
	job = request(&rig, 1, 4, 1);
	assert_int_equal(job->step, JOB_WATCH);
	assert_true(job->row.batch == 2 && job->row.part == 0 && job->row.submits == 1);
	str_copy(prompt_id, sizeof(prompt_id), job->row.prompt_id);
	core_progress(rig.core, 1, rig.epoch[1], 50, rig.now_ms);
	assert_int_equal(job->percent, 25);
	/* Another waits: the card is given over after the last part only. */
	assert_int_equal(request(&rig, 2, 1, 2)->position, 1);
	rig.now_ms += 7000;
	rig.trace[0] = '\0';
	tell(&rig, 1, ANSWER_OK);
	assert_string_equal(rig.trace, "save1 show1 submit1 watch1");
	assert_true(job->row.part == 1 && job->row.submits == 1);
	assert_int_equal(rig.kept[1].row.part, 1); /* before it was submitted */
	assert_string_equal(job->row.prompt_id, prompt_id);
	core_progress(rig.core, 1, rig.epoch[1], -1, rig.now_ms);
	assert_int_equal(job->percent, 50);
	rig.now_ms += 5000;
	core_progress(rig.core, 1, rig.epoch[1], 50, rig.now_ms);
	assert_int_equal(job->percent, 75);
	rig.now_ms += 1000;
	rig.silent |= RIG_BIT(FX_POST);
	tell(&rig, 1, ANSWER_OK);
	assert_int_equal(job->step, JOB_POST);
	assert_int_equal(job->row.duration_ms, 13000); /* of all parts */
	assert_int_equal(core_job(rig.core, 2)->step, JOB_WATCH);
	stop(&rig);
}

static void test_memory_halves(void **state)
{
	const struct job *job;
	struct rig rig;

	begin(&rig, 4);
	job = request(&rig, 1, 4, 1);
	assert_int_equal(job_row_parts(&job->row), 1);
	for (int batch = 2; batch >= 1; batch--) {
		tell(&rig, 1, ANSWER_MEMORY);
		assert_int_equal(job->step, JOB_WATCH);
		assert_true(job->row.batch == batch && job->row.part == 0);
		assert_int_equal(rig.kept[1].row.batch, batch);
		assert_int_equal(job->row.submits, 1);
	}
	/* Nothing is smaller than one picture. */
	rig.silent |= RIG_BIT(FX_SORRY);
	tell(&rig, 1, ANSWER_OK);
	tell(&rig, 1, ANSWER_MEMORY);
	assert_int_equal(job->step, JOB_SORRY);
	assert_int_equal(job->row.sorry, SORRY_MEMORY);
	stop(&rig);
}

/* What a process leaves that dies while the second part runs. */
static void test_restart(void **state)
{
	struct job_row row = {0};
	const struct job *job;
	struct rig rig, next;

	begin(&rig, 2);
	(void)request(&rig, 1, 4, 1);
	tell(&rig, 1, ANSWER_OK);
	job_row_copy(&row, &rig.kept[1].row);
	assert_true(row.step == JOB_SUBMIT && row.part == 1);
	stop(&rig);

	/* It is found, and goes on; MAX_BATCH_SIZE may have been changed meanwhile. */
	start(&next, 10);
	core_load_job(next.core, &row, next.now_ms);
	next.silent = RIG_BIT(FX_LOCATE) | RIG_BIT(FX_WATCH);
	ready(&next);
	job = core_job(next.core, 1);
	assert_int_equal(job->step, JOB_LOCATE);
	tell(&next, 1, ANSWER_RUNNING);
	assert_true(job->step == JOB_WATCH && job->row.part == 1);
	core_progress(next.core, 1, next.epoch[1], 0, next.now_ms + 5000);
	assert_true(job->row.started_ms == row.started_ms); /* of the first part */
	next.silent |= RIG_BIT(FX_POST);
	tell(&next, 1, ANSWER_OK);
	assert_int_equal(job->step, JOB_POST);
	stop(&next);

	/* It is lost: all of the job goes back to the line. */
	start(&next, 10);
	core_load_job(next.core, &row, next.now_ms);
	next.silent = RIG_BIT(FX_LOCATE) | RIG_BIT(FX_WATCH);
	ready(&next);
	rng_seed(&next.rng, 6);
	tell(&next, 1, ANSWER_LOST);
	job = core_job(next.core, 1);
	assert_true(job->step == JOB_QUEUE && job->row.part == 0);
	next.now_ms += 60000;
	core_tick(next.core, next.now_ms);
	run(&next);
	assert_int_equal(job->step, JOB_WATCH);
	assert_string_not_equal(job->row.prompt_id, row.prompt_id);
	stop(&next);
	job_row_free(&row);
}

static void test_cancel_stops_the_part(void **state)
{
	char second[UUID_SIZE];
	struct effect e, stopped = {0};
	struct rig rig;

	begin(&rig, 1);
	job_row_prompt_id(&request(&rig, 1, 2, 1)->row, 1, second);
	tell(&rig, 1, ANSWER_OK);
	assert_int_equal(core_cancel(rig.core, 1, 1, false, rig.now_ms), CANCEL_DONE);
	while (core_next_effect(rig.core, &e))
		if (e.kind == FX_STOP_RUN)
			stopped = e;
	assert_string_equal(stopped.prompt_id, second);
	stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_parts_follow_each_other),
		cmocka_unit_test(test_memory_halves),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_cancel_stops_the_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
