/* SPDX-License-Identifier: Apache-2.0 */
#include "core_rig.h"

/* Which member and which card are next: the scheduler as the core uses it. */

static void begin(struct rig *rig, int n_gpus)
{
	begin_with(rig, (struct core_config){.n_gpus = n_gpus});
}

static const struct job *request(struct rig *rig, uint64_t user, const char *model, uint64_t id)
{
	struct request r = a_request(user);

	r.model = model;
	return accepted(rig, &r, id);
}

static void finish(struct rig *rig, uint64_t id)
{
	core_answer(rig->core, id, rig->epoch[id], ANSWER_OK, NULL, rig->now_ms);
	run(rig);
}

static void test_members_take_turns(void **state)
{
	const struct job *late, *last;
	struct rig rig;

	begin(&rig, 1);
	for (uint64_t id = 1; id <= 8; id++)
		last = request(&rig, 1, "m", id);
	assert_int_equal(last->position, 7);
	rig.now_ms += 1000;
	late = request(&rig, 2, "m", 9);
	assert_true(late->position <= 2); /* not the eighth */
	assert_int_equal(last->position, 8);
	/* The order shown is the one that is kept. */
	for (uint64_t id = 1; late->step == JOB_QUEUE; id++) {
		int position = late->position;

		rig.now_ms += 5000;
		finish(&rig, id);
		assert_true(late->position == position - 1);
	}
	assert_int_equal(late->step, JOB_WATCH);
	assert_int_equal(core_job(rig.core, 8)->step, JOB_QUEUE);
	stop(&rig);
}

static void test_a_free_card_that_ran_the_workflow_takes_it_again(void **state)
{
	struct rig rig;

	begin(&rig, 2);
	assert_int_equal(request(&rig, 1, "one", 1)->gpu, 0);
	assert_int_equal(request(&rig, 2, "two", 2)->gpu, 1);
	finish(&rig, 1);
	finish(&rig, 2);
	assert_int_equal(request(&rig, 3, "two", 3)->gpu, 1);
	assert_int_equal(request(&rig, 4, "one", 4)->gpu, 0);
	finish(&rig, 3);
	finish(&rig, 4);
	/* No job waits for the card that knows its workflow while another one is free. */
	assert_int_equal(request(&rig, 3, "two", 5)->gpu, 1);
	assert_int_equal(request(&rig, 4, "two", 6)->gpu, 0);
	stop(&rig);
}

/* What a card holds are files, not workflows. */
static void test_workflows_with_the_same_files_share_them(void **state)
{
	struct rig rig;

	begin(&rig, 2);
	core_model(rig.core, "one", &(struct core_model){.weights = "x\ny"});
	core_model(rig.core, "two", &(struct core_model){.weights = "z"});
	core_model(rig.core, "three", &(struct core_model){.weights = "x\ny"});
	assert_int_equal(request(&rig, 1, "two", 1)->gpu, 0);
	assert_int_equal(request(&rig, 2, "one", 2)->gpu, 1);
	finish(&rig, 1);
	finish(&rig, 2);
	assert_int_equal(request(&rig, 3, "three", 3)->gpu, 1);
	finish(&rig, 3);
	/* The file was changed meanwhile. */
	core_model(rig.core, "three", &(struct core_model){.weights = "z"});
	assert_int_equal(request(&rig, 3, "three", 4)->gpu, 0);
	finish(&rig, 4);
	stop(&rig);
}

/* It ran for so long, with a first step after first_ms. */
static void ran(struct rig *rig, uint64_t id, int64_t first_ms, int64_t run_ms)
{
	core_progress(rig->core, id, rig->epoch[id], 0, rig->now_ms);
	rig->now_ms += first_ms;
	core_stepped(rig->core, id, rig->epoch[id], rig->now_ms);
	rig->now_ms += run_ms - first_ms;
	finish(rig, id);
}

/* Members are told how long it takes as soon as that is known, in the order of the line. */
static void test_what_ran_tells_how_long_the_line_takes(void **state)
{
	const struct job *second, *third, *unknown;
	struct learned_row row;
	struct rig rig;

	begin(&rig, 1);
	request(&rig, 1, "m", 1);
	second = request(&rig, 2, "m", 2);
	assert_int_equal(second->done_ms, 0); /* nothing is known */
	assert_false(core_has_learned(rig.core));
	ran(&rig, 1, 9000, 28000); /* it loads */
	ran(&rig, 2, 1000, 20000);
	request(&rig, 1, "m", 3);
	ran(&rig, 3, 1000, 21000);
	assert_true(core_usual_ms(rig.core, "m") >= 19000 && core_usual_ms(rig.core, "m") <= 22000);
	assert_int_equal(core_usual_ms(rig.core, "other"), -1);
	request(&rig, 1, "m", 4);
	core_progress(rig.core, 4, rig.epoch[4], 0, rig.now_ms);
	rig.now_ms += 10000; /* half of it */
	second = request(&rig, 2, "m", 5);
	third = request(&rig, 3, "m", 6);
	assert_in_range(second->done_ms - rig.now_ms, 25000, 35000);
	assert_in_range(third->done_ms - rig.now_ms, 45000, 57000);
	unknown = request(&rig, 4, "other", 7);
	assert_int_equal(unknown->done_ms, 0);
	core_set_mode(rig.core, CORE_PAUSE, rig.now_ms);
	run(&rig);
	assert_int_equal(third->done_ms, 0);
	/* What is stored of it. */
	assert_true(core_has_learned(rig.core));
	assert_true(core_next_learned(rig.core, &row));
	assert_string_equal(row.card, "http://a");
	assert_string_equal(row.model, "m");
	assert_string_equal(row.value, "r0:22800:1 r0:20000:1 r0:21000:1 f1000 f1000 l5200");
	learned_row_free(&row);
	assert_false(core_next_learned(rig.core, &row));
	stop(&rig);
}

static void test_learned_rows_are_taken_up(void **state)
{
	struct learned_row rows[] = {{"http://a", "m", "r0:30000:1 r0:31000:1 r0:30000:1 l8000"},
		{"http://a", "n", "r0:30000:1 and more"}, {"http://a", "", "w1:9"}};
	const struct job *second;
	struct rig rig;

	begin(&rig, 1);
	core_load_learned(rig.core, rows, countof(rows));
	assert_int_equal(core_usual_ms(rig.core, "m"), 30000);
	assert_int_equal(core_usual_ms(rig.core, "n"), -1);
	request(&rig, 1, "m", 1);
	second = request(&rig, 2, "m", 2);
	assert_in_range(second->done_ms - rig.now_ms, 55000, 80000);
	stop(&rig);
}

/* The ComfyUI's word counts, if that can be; else what was seen; else nothing is said. */
static void test_how_long_a_picture_took(void **state)
{
	static const struct {
		bool seen; /* its begin, after 1 s; it ends after 10 s */
		int64_t told_ms, duration_ms;
	} cases[] = {{true, 0, 9000}, {true, 8500, 8500}, {false, 8500, 8500}, {false, 0, 0},
		{false, -5, 0}, {true, INT64_MAX, 9000}, {false, 3600000, 0}};

	for (size_t i = 0; i < countof(cases); i++) {
		const struct job *job;
		struct rig rig;

		begin(&rig, 1);
		rig.silent |= RIG_BIT(FX_POST);
		job = request(&rig, 1, "m", 1);
		rig.now_ms += 1000;
		if (cases[i].seen)
			core_progress(rig.core, 1, rig.epoch[1], 0, rig.now_ms);
		rig.now_ms += 9000;
		core_answer(rig.core, 1, rig.epoch[1], ANSWER_OK,
			&(struct answer_args){.run_ms = cases[i].told_ms}, rig.now_ms);
		run(&rig);
		assert_int_equal(job->step, JOB_POST);
		assert_int_equal(job->row.duration_ms, cases[i].duration_ms);
		assert_int_equal(job->row.started_ms, cases[i].duration_ms
							      ? rig.now_ms - cases[i].duration_ms
							      : 0);
		assert_int_equal(core_usual_ms(rig.core, "m"),
			cases[i].duration_ms ? cases[i].duration_ms : -1);
		stop(&rig);
	}
}

static void test_a_card_that_was_away_holds_nothing_and_gets_nothing(void **state)
{
	struct rig rig;

	begin(&rig, 2);
	assert_int_equal(request(&rig, 1, "one", 1)->gpu, 0);
	assert_int_equal(request(&rig, 2, "two", 2)->gpu, 1);
	finish(&rig, 1);
	finish(&rig, 2);
	core_gpu(rig.core, 1, false, rig.now_ms);
	assert_int_equal(request(&rig, 3, "two", 3)->gpu, 0);
	assert_int_equal(request(&rig, 4, "two", 4)->position, 1);
	core_gpu(rig.core, 1, true, rig.now_ms);
	run(&rig);
	assert_int_equal(core_job(rig.core, 4)->gpu, 1);
	assert_int_equal(core_job(rig.core, 4)->step, JOB_WATCH);
	stop(&rig);
}

static void test_a_cancelled_job_leaves_the_line(void **state)
{
	struct rig rig;

	begin(&rig, 1);
	request(&rig, 1, "m", 1);
	request(&rig, 2, "m", 2);
	request(&rig, 3, "m", 3);
	assert_int_equal(core_cancel(rig.core, 2, 2, false, rig.now_ms), CANCEL_DONE);
	run(&rig);
	assert_int_equal(core_job(rig.core, 3)->position, 1);
	finish(&rig, 1);
	assert_int_equal(core_job(rig.core, 3)->step, JOB_WATCH);
	stop(&rig);
}

/* Answers all effects without keeping anything; returns how many places were shown. */
static int answer_all(struct rig *rig, uint64_t *ret_watched)
{
	struct effect e;
	int shown = 0;

	while (core_next_effect(rig->core, &e)) {
		uint64_t id = e.job ? e.job->row.id : 0;

		shown += e.kind == FX_SHOW && e.job->position;
		if (e.kind == FX_SAVE)
			core_saved(rig->core, id, true, rig->now_ms);
		else if (e.user_id)
			answer_session(rig, &e);
		else if (e.kind == FX_WATCH)
			*ret_watched = id;
		else if (e.kind <= FX_TIDY && id)
			core_answer(rig->core, id, e.epoch, ANSWER_OK,
				&(struct answer_args){.message_id = 77, .n_files = 1}, rig->now_ms);
	}
	return shown;
}

/* A card is never kept waiting by a long line, and what each is told comes a little later. */
static void test_a_long_line_is_shown_now_and_then(void **state)
{
	struct core_config config = {.max_jobs_per_user = 2,
		.max_queue = 10000,
		.session_ttl_ms = 1800000,
		.n_gpus = 1,
		.gpu_names = (const char *const[]){"http://a"}};
	struct rig rig = {
		.now_ms = INT64_C(1780000000000), .next_id = UINT64_C(359929600000) << 22};
	uint64_t watched = 0, first;
	int64_t at_ms;

	rng_seed(&rig.rng, 5);
	rig.core = core_new(&config, &rig.rng);
	ready(&rig);
	for (uint64_t user = 1; user <= 600; user++) {
		struct request r = {.interaction_id = user,
			.user_id = user,
			.token = "t",
			.username = "ana",
			.locale = "en-US",
			.model = "m",
			.prompt = "p"};

		rig.now_ms += 20000;
		assert_int_equal(core_request(rig.core, &r, rig.now_ms), REFUSE_NOTHING);
		answer_all(&rig, &watched);
	}
	first = watched;
	assert_int_equal(core_waiting(rig.core), 599);
	rig.now_ms += 10000;
	core_tick(rig.core, rig.now_ms);
	answer_all(&rig, &watched);
	core_answer(rig.core, first, core_job(rig.core, first)->epoch, ANSWER_OK, NULL, rig.now_ms);
	assert_true(answer_all(&rig, &watched) >= 598);
	assert_int_not_equal(watched, first);
	/* Another one ends right after it. */
	first = watched;
	core_answer(rig.core, first, core_job(rig.core, first)->epoch, ANSWER_OK, NULL, rig.now_ms);
	assert_int_equal(answer_all(&rig, &watched), 0);
	assert_int_not_equal(watched, first);
	at_ms = core_deadline(rig.core);
	assert_true(at_ms > rig.now_ms && at_ms <= rig.now_ms + 5000);
	rig.now_ms = at_ms;
	core_tick(rig.core, rig.now_ms);
	assert_int_equal(answer_all(&rig, &watched), 597);
	core_free(rig.core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_take_turns),
		cmocka_unit_test(test_a_free_card_that_ran_the_workflow_takes_it_again),
		cmocka_unit_test(test_workflows_with_the_same_files_share_them),
		cmocka_unit_test(test_what_ran_tells_how_long_the_line_takes),
		cmocka_unit_test(test_learned_rows_are_taken_up),
		cmocka_unit_test(test_how_long_a_picture_took),
		cmocka_unit_test(test_a_card_that_was_away_holds_nothing_and_gets_nothing),
		cmocka_unit_test(test_a_cancelled_job_leaves_the_line),
		cmocka_unit_test(test_a_long_line_is_shown_now_and_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
