/* SPDX-License-Identifier: Apache-2.0 */
#include "core/state.h"
#include "core_rig.h"

/* Cards that fail, die, are held, come and go: what becomes of them and of their jobs. */

static int64_t vram_mb[4];

static void begin(struct rig *rig, int n_gpus)
{
	begin_with(rig, (struct core_config){.n_gpus = n_gpus, .gpu_vram_mb = vram_mb});
}

static const struct job *request(struct rig *rig, uint64_t user, const char *model, uint64_t id)
{
	struct request r = a_request(user);

	r.model = model;
	return accepted(rig, &r, id);
}

static void answers(struct rig *rig, uint64_t id, enum answer answer)
{
	core_answer(rig->core, id, rig->epoch[id], answer,
		&(struct answer_args){.detail = "CUDA error", .n_files = 1}, rig->now_ms);
	run(rig);
}

static void pass(struct rig *rig, int64_t ms)
{
	for (int64_t until_ms = rig->now_ms + ms; rig->now_ms < until_ms;) {
		rig->now_ms = min_of(until_ms, max_of(core_deadline(rig->core), rig->now_ms + 1));
		core_tick(rig->core, rig->now_ms);
		run(rig);
	}
}

static size_t times(const char *text, const char *word)
{
	size_t n = 0;

	while ((text = strstr(text, word))) {
		n++;
		text += strlen(word);
	}
	return n;
}

/* ---- a job whose card fails ---- */

static void test_what_the_card_did_is_done_by_another(void **state)
{
	static const enum answer faults[] = {
		ANSWER_MACHINE, ANSWER_MEMORY, ANSWER_STALLED, ANSWER_LOST};

	for (size_t i = 0; i < countof(faults); i++) {
		const struct job *job;
		struct rig rig;

		begin(&rig, 2);
		job = request(&rig, 1, "m", 1);
		assert_int_equal(job->gpu, 0);
		answers(&rig, 1, faults[i]);
		assert_int_equal(job->step, JOB_WATCH);
		assert_int_equal(job->gpu, 1);
		assert_int_equal(job->row.submits, 2);
		answers(&rig, 1, ANSWER_OK);
		assert_int_equal(rig.kept[1].row.step, JOB_DONE);
		assert_null(strstr(rig.trace, "sorry"));
		stop(&rig);
	}
}

static void test_what_the_workflow_did_is_not(void **state)
{
	static const enum answer faults[] = {ANSWER_FAILED, ANSWER_INTERRUPTED};
	struct rig rig;

	for (size_t i = 0; i < countof(faults); i++) {
		begin(&rig, 3);
		request(&rig, 1, "m", 1);
		answers(&rig, 1, faults[i]);
		assert_int_equal(rig.kept[1].row.step, JOB_APOLOGISED);
		assert_int_equal(rig.kept[1].row.submits, 1);
		stop(&rig);
	}
	begin(&rig, 3);
	rig.silent = RIG_BIT(FX_SUBMIT);
	request(&rig, 1, "m", 1);
	answers(&rig, 1, ANSWER_NO);
	assert_int_equal(rig.kept[1].row.sorry, SORRY_REFUSED);
	stop(&rig);
}

static void test_it_is_tried_on_three_cards_at_most(void **state)
{
	struct rig rig;

	for (int n = 1; n <= 4; n++) {
		begin(&rig, n);
		request(&rig, 1, "m", 1);
		for (int i = 0; i < min_of(n, CARDS_TRIED_MAX); i++) {
			assert_int_equal(core_job(rig.core, 1)->gpu, i);
			answers(&rig, 1, ANSWER_MACHINE);
		}
		assert_int_equal(rig.kept[1].row.step, JOB_APOLOGISED);
		assert_int_equal(rig.kept[1].row.sorry, SORRY_FAILED);
		assert_string_equal(rig.kept[1].row.detail, "CUDA error");
		assert_int_equal(times(rig.trace, " sorry1"), 1);
		stop(&rig);
	}
}

static void test_it_keeps_its_place_in_line(void **state)
{
	struct rig rig;
	const struct job *job;

	begin(&rig, 2);
	job = request(&rig, 1, "m", 1);
	request(&rig, 2, "m", 2);
	for (uint64_t id = 3; id <= 6; id++) {
		rig.now_ms += 1000;
		assert_int_equal(request(&rig, id, "m", id)->position, (int)id - 2);
	}
	answers(&rig, 1, ANSWER_MACHINE);
	/* The other card is busy: it waits, first in line, and the card that failed it draws on. */
	assert_int_equal(job->step, JOB_QUEUE);
	assert_int_equal(job->position, 1);
	assert_int_equal(core_job(rig.core, 3)->gpu, 0);
	answers(&rig, 2, ANSWER_OK);
	assert_int_equal(job->step, JOB_WATCH);
	assert_int_equal(job->gpu, 1);
	assert_int_equal(core_job(rig.core, 4)->position, 1);
	stop(&rig);
}

static void test_without_another_card_any_is_better_than_none(void **state)
{
	const struct job *job;
	struct rig rig;

	begin(&rig, 2);
	job = request(&rig, 1, "m", 1);
	request(&rig, 2, "m", 2);
	answers(&rig, 1, ANSWER_LOST);
	assert_int_equal(job->step, JOB_QUEUE); /* for card 1, which is busy */
	core_gpu(rig.core, 1, false, rig.now_ms);
	run(&rig);
	assert_int_equal(job->step, JOB_WATCH);
	assert_int_equal(job->gpu, 0);
	stop(&rig);
}

/* A job that card 0 has failed waits for card 1 when the process ends; what is up then? */
static void test_a_restart_remembers_who_failed_it(void **state)
{
	for (int case_no = 0; case_no < 3; case_no++) {
		struct job_row row = {0};
		const struct job *job;
		struct rig rig;

		begin(&rig, 2);
		request(&rig, 1, "m", 1);
		request(&rig, 2, "m", 2);
		answers(&rig, 1, ANSWER_MACHINE);
		assert_string_equal(rig.kept[1].row.failed_on, "http://a");
		assert_int_equal(rig.kept[1].row.submits, 1);
		job_row_copy(&row, &rig.kept[1].row);
		stop(&rig);

		start_with(&rig, (struct core_config){.n_gpus = 2, .gpu_vram_mb = vram_mb});
		rig.silent = RIG_BIT(FX_WATCH);
		core_load_job(rig.core, &row, rig.now_ms);
		job_row_free(&row);
		ready(&rig); /* card 0 is up, of the other nothing is known */
		job = core_job(rig.core, 1);
		assert_int_equal(job->step, JOB_QUEUE);
		assert_int_equal(job->position, 1);
		if (case_no == 0) {
			core_gpu(rig.core, 1, true, rig.now_ms);
			run(&rig);
			assert_int_equal(job->gpu, 1);
			answers(&rig, 1, ANSWER_MACHINE); /* that was all there is */
			assert_int_equal(rig.kept[1].row.step, JOB_APOLOGISED);
		} else if (case_no == 1) {
			core_gpu(rig.core, 1, false, rig.now_ms);
			run(&rig);
			assert_int_equal(job->gpu, 0);
		} else {
			core_cancel(rig.core, 1, 1, false, rig.now_ms);
			run(&rig);
			assert_int_equal(rig.kept[1].row.step, JOB_APOLOGISED);
		}
		stop(&rig);
	}
}

static void test_a_card_that_takes_no_job_is_left_at_once(void **state)
{
	const struct job *job;
	struct rig rig;

	begin(&rig, 2);
	rig.silent |= RIG_BIT(FX_SUBMIT);
	job = request(&rig, 1, "m", 1);
	assert_int_equal(job->gpu, 0);
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_AGAIN,
		&(struct answer_args){.detail = "our database", .ours = true}, rig.now_ms);
	run(&rig);
	assert_int_equal(job->step, JOB_QUEUE); /* no fault of the card's: after a pause */
	assert_int_equal(job->n_failed_on, 0);
	pass(&rig, 2000);
	assert_int_equal(job->gpu, 0);
	answers(&rig, 1, ANSWER_AGAIN);
	assert_int_equal(job->step, JOB_SUBMIT);
	assert_int_equal(job->gpu, 1);
	stop(&rig);
}

static void test_it_goes_where_its_workflow_fits(void **state)
{
	struct rig rig;

	vram_mb[0] = vram_mb[2] = 24000;
	vram_mb[1] = 16000;
	for (int n = 2; n <= 3; n++) {
		begin(&rig, n);
		core_model(
			rig.core, "large", &(struct core_model){.weights = "x", .vram_mb = 20000});
		assert_int_equal(request(&rig, 1, "large", 1)->gpu, 0);
		answers(&rig, 1, ANSWER_MACHINE);
		if (n == 3)
			assert_int_equal(core_job(rig.core, 1)->gpu, 2);
		else /* no other card can ever do it */
			assert_int_equal(rig.kept[1].row.step, JOB_APOLOGISED);
		stop(&rig);
	}
	memset(vram_mb, 0, sizeof(vram_mb));
}

/* ---- a card that keeps failing ---- */

/* Jobs fail on card 0 while card 1 is busy with somebody's job, which keeps the weights apart. */
static uint64_t fail_card(struct rig *rig)
{
	assert_int_equal(request(rig, 1, "one", 1)->gpu, 0);
	assert_int_equal(request(rig, 2, "two", 2)->gpu, 1);
	for (uint64_t id = 1; id <= 5; id += 2) {
		assert_int_equal(core_job(rig->core, id)->gpu, 0);
		answers(rig, id, ANSWER_MACHINE);
		answers(rig, id + 1, ANSWER_OK); /* and card 1 takes the other's */
		assert_int_equal(core_job(rig->core, id)->gpu, 1);
		if (id == 5)
			return 6;
		rig->silent |= RIG_BIT(FX_WATCH);
		assert_int_equal(request(rig, 1, "one", id + 2)->gpu, 0);
		answers(rig, id, ANSWER_OK);
		assert_int_equal(request(rig, 2, "two", id + 3)->gpu, 1);
	}
	return 0;
}

static void test_a_card_that_keeps_failing_gets_nothing_but_a_trial(void **state)
{
	uint64_t id;
	struct rig rig;

	begin(&rig, 2);
	id = fail_card(&rig);
	assert_int_equal(core_gpu_state(rig.core, 0), GPU_FAILING);
	assert_string_equal(core_gpu_why(rig.core, 0), "CUDA error");
	assert_false(core_gpu_takes(rig.core, 0));
	assert_int_equal(times(rig.trace, "failing"), 1);
	/* Card 1 is busy: what comes waits, though card 0 is idle. */
	request(&rig, 3, "two", ++id);
	assert_int_equal(core_job(rig.core, id)->step, JOB_QUEUE);
	request(&rig, 3, "two", ++id);
	pass(&rig, HEALTH_REST_MS);
	/* The rest is over: one job, which fails and goes elsewhere. */
	assert_int_equal(core_job(rig.core, id - 1)->gpu, 0);
	assert_int_equal(core_job(rig.core, id)->step, JOB_QUEUE);
	answers(&rig, id - 1, ANSWER_MACHINE);
	assert_false(core_gpu_takes(rig.core, 0));
	assert_int_equal(core_job(rig.core, id)->step, JOB_QUEUE);
	pass(&rig, HEALTH_REST_MS);
	assert_int_equal(core_job(rig.core, id)->step, JOB_QUEUE); /* twice as long now */
	pass(&rig, HEALTH_REST_MS);
	assert_int_equal(core_job(rig.core, id)->gpu, 0);
	answers(&rig, id, ANSWER_OK);
	assert_int_equal(core_gpu_state(rig.core, 0), GPU_UP);
	assert_int_equal(times(rig.trace, "failing"), 1);
	assert_int_equal(times(rig.trace, "well"), 1);
	assert_true(core_gpu_takes(rig.core, 0));
	stop(&rig);
}

static void test_a_restart_or_an_administrator_ends_the_rest(void **state)
{
	struct rig rig;

	for (int i = 0; i < 2; i++) {
		begin(&rig, 2);
		fail_card(&rig);
		assert_false(core_gpu_takes(rig.core, 0));
		if (i == 0) {
			core_gpu(rig.core, 0, false, rig.now_ms);
			core_gpu(rig.core, 0, true, rig.now_ms);
		} else {
			core_gpu_set(rig.core, 0, GPU_WISH_RUN, rig.now_ms);
		}
		assert_true(core_gpu_takes(rig.core, 0));
		assert_int_equal(request(&rig, 3, "one", 7)->gpu, 0);
		assert_false(core_gpu_takes(rig.core, 0)); /* one job */
		stop(&rig);
	}
}

/* A picture that is too large for a card is not the card's failure. */
static void test_memory_counts_where_it_was_enough_before(void **state)
{
	struct rig rig;

	begin(&rig, 2);
	request(&rig, 1, "large", 1);
	answers(&rig, 1, ANSWER_MEMORY);
	assert_string_equal(core_gpu_why(rig.core, 0), "");
	answers(&rig, 1, ANSWER_OK);
	core_gpu_set(rig.core, 0, GPU_WISH_PAUSE, rig.now_ms);
	assert_int_equal(request(&rig, 1, "large", 2)->gpu, 1);
	answers(&rig, 2, ANSWER_MEMORY);
	assert_string_equal(core_gpu_why(rig.core, 1), "CUDA error");
	stop(&rig);
}

/* A workflow that fails everywhere takes no card with it. */
static void test_a_bad_workflow_opens_no_circuit(void **state)
{
	struct rig rig;

	begin(&rig, 3);
	for (uint64_t id = 1; id <= 8; id++) {
		request(&rig, 1, "bad", id);
		for (int i = 0; i < 3; i++)
			answers(&rig, id, ANSWER_MACHINE);
		assert_int_equal(rig.kept[id].row.step, JOB_APOLOGISED);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(core_gpu_state(rig.core, i), GPU_UP);
	assert_null(strstr(rig.trace, "failing"));
	stop(&rig);
}

/* ---- administrators ---- */

static void test_a_held_card_takes_nothing(void **state)
{
	const struct job *job;
	struct rig rig;

	begin(&rig, 2);
	request(&rig, 1, "one", 1);
	core_gpu_set(rig.core, 0, GPU_WISH_DRAIN, rig.now_ms);
	core_gpu_set(rig.core, 1, GPU_WISH_PAUSE, rig.now_ms);
	run(&rig);
	assert_int_equal(core_gpu_state(rig.core, 0), GPU_DRAINING);
	assert_int_equal(core_gpu_state(rig.core, 1), GPU_PAUSED);
	job = request(&rig, 2, "two", 2);
	assert_int_equal(job->step, JOB_QUEUE);
	assert_int_equal(job->shown_wait, WAIT_PAUSED);
	assert_null(strstr(rig.trace, "empty"));
	answers(&rig, 1, ANSWER_OK); /* what it has it finishes */
	assert_int_equal(rig.kept[1].row.step, JOB_DONE);
	assert_int_equal(times(rig.trace, "empty"), 1);
	assert_int_equal(job->step, JOB_QUEUE);
	core_gpu_set(rig.core, 1, GPU_WISH_RUN, rig.now_ms);
	run(&rig);
	assert_int_equal(job->gpu, 1);
	assert_int_equal(job->step, JOB_WATCH);
	assert_int_equal(times(rig.trace, "empty"), 1);
	stop(&rig);
}

static void test_why_nothing_begins(void **state)
{
	struct rig rig;

	begin(&rig, 2);
	assert_int_equal(cards_wait(rig.core), WAIT_TURN);
	core_gpu_set(rig.core, 0, GPU_WISH_PAUSE, rig.now_ms);
	assert_int_equal(cards_wait(rig.core), WAIT_TURN);
	core_gpu(rig.core, 1, false, rig.now_ms);
	assert_int_equal(cards_wait(rig.core), WAIT_NO_GPU);
	core_gpu_set(rig.core, 1, GPU_WISH_DRAIN, rig.now_ms);
	assert_int_equal(cards_wait(rig.core), WAIT_PAUSED);
	core_gpu_remove(rig.core, 0, rig.now_ms);
	core_gpu_set(rig.core, 1, GPU_WISH_RUN, rig.now_ms);
	assert_int_equal(cards_wait(rig.core), WAIT_NO_GPU);
	core_set_mode(rig.core, CORE_PAUSE, rig.now_ms);
	assert_int_equal(cards_wait(rig.core), WAIT_PAUSED);
	stop(&rig);
}

/* ---- cards that die, come and go ---- */

static void test_a_dead_cards_job_is_back_in_its_old_place(void **state)
{
	const struct job *job;
	struct rig rig;

	begin(&rig, 2);
	job = request(&rig, 1, "m", 1);
	request(&rig, 2, "m", 2);
	for (uint64_t id = 3; id <= 5; id++) {
		rig.now_ms += 1000;
		request(&rig, id, "m", id);
	}
	core_gpu(rig.core, 0, false, rig.now_ms);
	pass(&rig, AWAY_PATIENCE_MS + 2000);
	assert_int_equal(job->step, JOB_QUEUE);
	assert_int_equal(job->position, 1);
	for (uint64_t id = 3; id <= 5; id++)
		assert_int_equal(core_job(rig.core, id)->position, (int)id - 1);
	answers(&rig, 2, ANSWER_OK);
	assert_int_equal(job->gpu, 1);
	assert_int_equal(core_job(rig.core, 3)->position, 1);
	stop(&rig);
}

/* Nor is a job that was being given to it forgotten. */
static void test_a_card_dies_while_it_is_given_a_job(void **state)
{
	const struct job *job;
	struct rig rig;

	begin(&rig, 2);
	rig.silent |= RIG_BIT(FX_SUBMIT);
	job = request(&rig, 1, "m", 1);
	core_gpu(rig.core, 0, false, rig.now_ms);
	rig.trace[0] = '\0';
	pass(&rig, AWAY_PATIENCE_MS + 2000);
	assert_non_null(strstr(rig.trace, "stop1")); /* it may have taken it after all */
	assert_int_equal(job->step, JOB_SUBMIT);
	assert_int_equal(job->gpu, 1);
	stop(&rig);
}

static void test_a_dead_card_that_is_taken_out_gives_its_job_back_at_once(void **state)
{
	const struct job *job;
	struct rig rig;

	begin(&rig, 2);
	job = request(&rig, 1, "m", 1);
	request(&rig, 2, "m", 2);
	request(&rig, 3, "m", 3);
	assert_int_equal(job->gpu, 0);
	core_gpu(rig.core, 0, false, rig.now_ms);
	pass(&rig, 1000);
	assert_int_equal(job->step, JOB_WATCH);
	core_gpu_remove(rig.core, 0, rig.now_ms);
	run(&rig);
	assert_int_equal(job->step, JOB_QUEUE);
	assert_int_equal(job->position, 1);
	stop(&rig);
}

static void test_cards_are_added_and_taken_out(void **state)
{
	const struct job *a, *b;
	struct rig rig;

	begin(&rig, 2);
	request(&rig, 1, "m", 1);
	a = request(&rig, 2, "m", 2);
	b = request(&rig, 3, "m", 3);
	assert_int_equal(b->step, JOB_QUEUE);
	core_gpu_add(rig.core, 2, rig.now_ms);
	run(&rig);
	assert_int_equal(b->step, JOB_QUEUE); /* it has not answered yet */
	core_gpu(rig.core, 2, true, rig.now_ms);
	run(&rig);
	assert_int_equal(b->gpu, 2);
	/* Taken out: it takes nothing, but may finish what it has. */
	core_gpu_remove(rig.core, 1, rig.now_ms);
	core_gpu_remove(rig.core, 0, rig.now_ms);
	assert_int_equal(core_gpu_state(rig.core, 1), GPU_GONE);
	pass(&rig, 1000);
	answers(&rig, 1, ANSWER_OK);
	assert_int_equal(rig.kept[1].row.step, JOB_DONE);
	assert_int_equal(request(&rig, 4, "m", 4)->step, JOB_QUEUE);
	assert_int_equal(a->gpu, 1);
	/* Not for ever. */
	pass(&rig, LEAVE_PATIENCE_MS + 2000);
	assert_int_equal(a->step, JOB_QUEUE);
	assert_int_equal(a->position, 1);
	answers(&rig, 3, ANSWER_OK);
	assert_int_equal(a->gpu, 2);
	/* And back again, in the same place. */
	core_gpu_add(rig.core, 1, rig.now_ms);
	core_gpu(rig.core, 1, true, rig.now_ms);
	run(&rig);
	assert_int_equal(core_job(rig.core, 4)->gpu, 1);
	stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_the_card_did_is_done_by_another),
		cmocka_unit_test(test_what_the_workflow_did_is_not),
		cmocka_unit_test(test_it_is_tried_on_three_cards_at_most),
		cmocka_unit_test(test_it_keeps_its_place_in_line),
		cmocka_unit_test(test_without_another_card_any_is_better_than_none),
		cmocka_unit_test(test_a_restart_remembers_who_failed_it),
		cmocka_unit_test(test_a_card_that_takes_no_job_is_left_at_once),
		cmocka_unit_test(test_it_goes_where_its_workflow_fits),
		cmocka_unit_test(test_a_card_that_keeps_failing_gets_nothing_but_a_trial),
		cmocka_unit_test(test_a_restart_or_an_administrator_ends_the_rest),
		cmocka_unit_test(test_memory_counts_where_it_was_enough_before),
		cmocka_unit_test(test_a_bad_workflow_opens_no_circuit),
		cmocka_unit_test(test_a_held_card_takes_nothing),
		cmocka_unit_test(test_why_nothing_begins),
		cmocka_unit_test(test_a_dead_cards_job_is_back_in_its_old_place),
		cmocka_unit_test(test_a_card_dies_while_it_is_given_a_job),
		cmocka_unit_test(test_a_dead_card_that_is_taken_out_gives_its_job_back_at_once),
		cmocka_unit_test(test_cards_are_added_and_taken_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
