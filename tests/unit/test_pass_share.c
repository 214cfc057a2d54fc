/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "core_rig.h"

/* A prompt that draws for several members. */

static void begin(struct rig *rig, int shares)
{
	start_with(rig, (struct core_config){.max_batch = shares});
	core_model(rig->core, "m", &(struct core_model){.batch_max = shares, .shares = shares});
	ready(rig);
	rig->silent = RIG_BIT(FX_WATCH);
}

/* The job's number is the count of all so far. */
static const struct job *ask_as(struct rig *rig, uint64_t id, struct request r)
{
	r.interaction_id = 9;
	r.application_id = 8;
	r.guild_id = 7;
	r.user_id = id; /* everybody asks once */
	r.token = "t";
	r.username = "ana";
	r.locale = "en-US";
	r.model = "m";
	r.prompt = "p";
	r.kind = 1;
	assert_int_equal(core_request(rig->core, &r, rig->now_ms), REFUSE_NOTHING);
	run(rig);
	return core_job(rig->core, id);
}

static const struct job *wish(struct rig *rig, uint64_t id)
{
	return ask_as(rig, id, (struct request){0});
}

static void tell(struct rig *rig, uint64_t id, enum answer answer)
{
	core_answer(rig->core, id, rig->epoch[id], answer, NULL, rig->now_ms);
	run(rig);
}

/* Job 1 is drawn alone, since nobody waits for company; then the others share the card's next pass.
 */
static void share(struct rig *rig, uint64_t n)
{
	const struct job *first = wish(rig, 1);

	assert_true(first->step == JOB_WATCH && first->row.slot == JOB_WHOLE);
	for (uint64_t id = 2; id < 2 + n; id++)
		assert_int_equal(wish(rig, id)->step, JOB_QUEUE);
	rig->trace[0] = '\0';
	tell(rig, 1, ANSWER_OK);
}

static const struct job *at(const struct rig *rig, uint64_t id)
{
	return core_job(rig->core, id);
}

static void test_one_submits_for_all(void **state)
{
	struct rig rig;

	begin(&rig, 4);
	share(&rig, 3);
	/* All rows are committed before the one submit. */
	assert_non_null(strstr(rig.trace, "save2 save3 save4"));
	assert_non_null(strstr(rig.trace, "submit4"));
	assert_true(strstr(rig.trace, "submit4") > strstr(rig.trace, "save4"));
	assert_null(strstr(rig.trace, "submit2"));
	assert_null(strstr(rig.trace, "submit3"));
	assert_non_null(strstr(rig.trace, "show3"));
	for (uint64_t id = 2; id <= 4; id++) {
		assert_int_equal(at(&rig, id)->step, JOB_WATCH);
		assert_int_equal(rig.kept[id].row.slot, (int)id - 1);
		assert_int_equal(rig.kept[id].row.batch, 3);
		assert_string_equal(rig.kept[id].row.prompt_id, rig.kept[2].row.prompt_id);
		assert_int_equal(job_row_parts(&at(&rig, id)->row), 1);
	}
	/* Each goes its own way. */
	rig.silent |= RIG_BIT(FX_FETCH);
	tell(&rig, 3, ANSWER_OK);
	assert_int_equal(at(&rig, 3)->step, JOB_FETCH);
	assert_int_equal(at(&rig, 2)->step, JOB_WATCH);
	assert_true(core_prompt_is_wanted(rig.core, at(&rig, 2)->row.prompt_id, 2));
	stop(&rig);
}

static void test_who_does_not_share(void **state)
{
	const struct job *seeded, *several, *other, *adult;
	struct rig rig;

	begin(&rig, 4);
	(void)wish(&rig, 1);
	seeded = ask_as(&rig, 2, (struct request){.has_seed = true, .seed = 5});
	several = ask_as(&rig, 3, (struct request){.pictures = 2});
	other = ask_as(&rig, 4, (struct request){.options = "{\"steps\":\"9\"}"});
	adult = ask_as(&rig, 5, (struct request){.age_restricted = true});
	(void)wish(&rig, 6);
	(void)wish(&rig, 7);
	for (uint64_t id = 1; id <= 7; id++)
		for (uint64_t i = 1; i <= 7; i++)
			if (at(&rig, i) && at(&rig, i)->step == JOB_WATCH) {
				const struct job *job = at(&rig, i);
				bool alone = job == seeded || job == several || job == other ||
					     job == adult || i == 1;

				assert_int_equal(job->row.slot, alone ? JOB_WHOLE : (int)i - 5);
				tell(&rig, i, ANSWER_OK);
			}
	for (uint64_t i = 1; i <= 7; i++)
		assert_null(at(&rig, i));
	stop(&rig);
}

static void test_own_seeds_share(void **state)
{
	struct rig rig;

	begin(&rig, 4);
	core_model(rig.core, "m",
		&(struct core_model){.batch_max = 4, .shares = 4, .own_seeds = true});
	(void)wish(&rig, 1);
	(void)ask_as(&rig, 2, (struct request){.has_seed = true, .seed = 5});
	(void)wish(&rig, 3);
	tell(&rig, 1, ANSWER_OK);
	assert_int_equal(at(&rig, 2)->row.slot, 1);
	assert_int_equal(at(&rig, 3)->row.slot, 2);
	stop(&rig);
}

/* The prompt that FX_STOP_RUN would take away; "": none; "-": there was no such effect. */
static void cancelled(struct rig *rig, uint64_t id, char stopped[UUID_SIZE])
{
	struct effect e;

	str_copy(stopped, UUID_SIZE, "-");
	assert_int_equal(core_cancel(rig->core, id, id, false, rig->now_ms), CANCEL_DONE);
	while (core_next_effect(rig->core, &e)) {
		if (e.kind == FX_STOP_RUN)
			str_copy(stopped, UUID_SIZE, e.prompt_id);
		if (e.job)
			rig->epoch[e.job->row.id] = e.epoch ? e.epoch : rig->epoch[e.job->row.id];
		if (!(rig->silent & RIG_BIT(e.kind)))
			answer(rig, &e);
	}
}

static void test_cancel_by_one(void **state)
{
	char stopped[UUID_SIZE], prompt_id[UUID_SIZE];
	struct rig rig;

	begin(&rig, 4);
	share(&rig, 3);
	str_copy(prompt_id, sizeof(prompt_id), at(&rig, 2)->row.prompt_id);
	cancelled(&rig, 2, stopped);
	assert_string_equal(stopped, ""); /* only his ask is forgotten */
	assert_int_equal(at(&rig, 3)->step, JOB_WATCH);
	cancelled(&rig, 4, stopped);
	assert_string_equal(stopped, "");
	cancelled(&rig, 3, stopped); /* nobody is left */
	assert_string_equal(stopped, prompt_id);
	stop(&rig);
}

/* Before the rows are all committed the pass is made anew without him. */
static void test_cancel_before_it_is_given(void **state)
{
	char stopped[UUID_SIZE];
	struct rig rig;

	begin(&rig, 4);
	(void)wish(&rig, 1);
	(void)wish(&rig, 2);
	(void)wish(&rig, 3);
	rig.silent |= RIG_BIT(FX_SAVE);
	tell(&rig, 1, ANSWER_OK);
	core_saved(rig.core, 2, true, rig.now_ms);
	run(&rig);
	assert_int_equal(at(&rig, 2)->step, JOB_SUBMIT);
	assert_null(strstr(rig.trace, "submit2"));
	cancelled(&rig, 3, stopped);
	assert_string_equal(stopped, "-");
	assert_int_equal(at(&rig, 2)->step, JOB_QUEUE);
	rig.silent &= ~RIG_BIT(FX_SAVE);
	for (uint64_t id = 1; id <= 3; id++)
		core_saved(rig.core, id, true, rig.now_ms);
	run(&rig);
	assert_int_equal(at(&rig, 2)->step, JOB_WATCH);
	assert_int_equal(at(&rig, 2)->row.slot, JOB_WHOLE);
	assert_int_equal(at(&rig, 2)->row.submits, 1);
	stop(&rig);
}

/* While one submits for all and leaves, the others look for the prompt themselves. */
static void test_giver_leaves(void **state)
{
	char stopped[UUID_SIZE];
	struct rig rig;

	begin(&rig, 4);
	rig.silent |= RIG_BIT(FX_LOCATE);
	(void)wish(&rig, 1);
	(void)wish(&rig, 2);
	(void)wish(&rig, 3);
	rig.silent |= RIG_BIT(FX_SUBMIT);
	tell(&rig, 1, ANSWER_OK);
	assert_int_equal(at(&rig, 3)->step, JOB_SUBMIT);
	cancelled(&rig, 3, stopped);
	assert_string_equal(stopped, "-"); /* it goes on for the others */
	assert_int_equal(at(&rig, 2)->step, JOB_LOCATE);
	tell(&rig, 2, ANSWER_RUNNING);
	assert_true(at(&rig, 2)->step == JOB_WATCH && at(&rig, 2)->row.slot == 1);
	stop(&rig);

	/* One who does not submit leaves only himself. */
	begin(&rig, 4);
	(void)wish(&rig, 1);
	(void)wish(&rig, 2);
	(void)wish(&rig, 3);
	rig.silent |= RIG_BIT(FX_SUBMIT);
	tell(&rig, 1, ANSWER_OK);
	cancelled(&rig, 2, stopped);
	assert_string_equal(stopped, "-");
	tell(&rig, 3, ANSWER_OK);
	assert_true(at(&rig, 3)->step == JOB_WATCH && at(&rig, 3)->row.slot == 2);
	stop(&rig);
}

static void test_only_the_culprit_fails(void **state)
{
	static const enum answer bad[] = {
		ANSWER_FAILED, ANSWER_MEMORY, ANSWER_INTERRUPTED, ANSWER_STALLED};

	for (size_t i = 0; i < countof(bad); i++) {
		struct rig rig;

		begin(&rig, 4);
		share(&rig, 2);
		tell(&rig, 2, bad[i]);
		assert_int_equal(at(&rig, 2)->row.slot, JOB_ALONE);
		tell(&rig, 3, bad[i]);
		/* Nobody heard of it; they are drawn one by one. */
		assert_true(at(&rig, 2)->step == JOB_WATCH || at(&rig, 3)->step == JOB_WATCH);
		assert_int_equal(rig.kept[2].row.slot, JOB_ALONE);
		assert_int_equal(rig.kept[3].row.slot, JOB_ALONE);
		rig.silent |= RIG_BIT(FX_SORRY);
		for (int turn = 0; turn < 2; turn++) {
			uint64_t id = at(&rig, 2) && at(&rig, 2)->step == JOB_WATCH ? 2 : 3;

			assert_int_equal(at(&rig, id)->row.submits, 1);
			assert_int_equal(at(&rig, id)->step, JOB_WATCH);
			tell(&rig, id, id == 2 ? bad[i] : ANSWER_OK);
		}
		assert_int_equal(at(&rig, 2)->step, JOB_SORRY);
		assert_null(at(&rig, 3)); /* has his picture */
		stop(&rig);
	}
}

static void test_submit_comes_to_nothing(void **state)
{
	static const struct {
		enum answer answer;
		int slot, submits;
	} cases[] = {{ANSWER_NO, JOB_ALONE, 0}, {ANSWER_OPTIONS, JOB_ALONE, 0},
		{ANSWER_MODEL_GONE, JOB_ALONE, 0}, {ANSWER_APART, JOB_WHOLE, 0},
		{ANSWER_AGAIN, JOB_WHOLE, 1}, {ANSWER_LOST, JOB_WHOLE, 1}};

	for (size_t i = 0; i < countof(cases); i++) {
		struct rig rig;

		begin(&rig, 4);
		(void)wish(&rig, 1);
		(void)wish(&rig, 2);
		(void)wish(&rig, 3);
		rig.silent |= RIG_BIT(FX_SUBMIT);
		tell(&rig, 1, ANSWER_OK);
		core_set_mode(rig.core, CORE_PAUSE, rig.now_ms);
		tell(&rig, 3, cases[i].answer);
		for (uint64_t id = 2; id <= 3; id++) {
			assert_int_equal(at(&rig, id)->step, JOB_QUEUE);
			assert_int_equal(at(&rig, id)->row.slot, cases[i].slot);
			assert_int_equal(at(&rig, id)->row.submits, cases[i].submits);
		}
		stop(&rig);
	}
}

/* What a card could not hold is not tried again and again. */
static void test_memory_is_remembered(void **state)
{
	struct rig rig;
	int largest = 0;

	begin(&rig, 4);
	share(&rig, 4);
	for (uint64_t id = 2; id <= 5; id++)
		tell(&rig, id, ANSWER_MEMORY);
	for (uint64_t id = 6; id <= 9; id++)
		(void)wish(&rig, id);
	for (int turn = 0; turn < 12; turn++)
		for (uint64_t id = 2; id <= 9; id++)
			if (at(&rig, id) && at(&rig, id)->step == JOB_WATCH) {
				if (at(&rig, id)->row.slot > 0)
					largest = max_of(largest, at(&rig, id)->row.batch);
				tell(&rig, id, ANSWER_OK);
			}
	assert_int_equal(largest, 2);
	for (uint64_t id = 2; id <= 9; id++)
		assert_null(at(&rig, id));
	stop(&rig);
}

static void test_other_count_of_pictures(void **state)
{
	struct rig rig;

	begin(&rig, 4);
	share(&rig, 2);
	rig.silent |= RIG_BIT(FX_FETCH);
	tell(&rig, 2, ANSWER_OK);
	tell(&rig, 2, ANSWER_APART);
	assert_int_equal(at(&rig, 2)->row.slot, JOB_ALONE);
	stop(&rig);
}

static void test_restart(void **state)
{
	char stopped[UUID_SIZE];
	struct job_row rows[2] = {0};
	struct rig rig, next;

	begin(&rig, 4);
	share(&rig, 2);
	job_row_copy(&rows[0], &rig.kept[2].row);
	job_row_copy(&rows[1], &rig.kept[3].row);
	assert_int_equal(rows[0].step, JOB_SUBMIT);
	stop(&rig);

	/* Each looks for the prompt; that one leaves does not stop it. */
	start(&next, 10);
	next.silent = RIG_BIT(FX_LOCATE) | RIG_BIT(FX_WATCH);
	for (size_t i = 0; i < countof(rows); i++)
		core_load_job(next.core, &rows[i], next.now_ms);
	ready(&next);
	tell(&next, 2, ANSWER_RUNNING);
	assert_int_equal(at(&next, 3)->step, JOB_LOCATE);
	tell(&next, 3, ANSWER_RUNNING);
	cancelled(&next, 2, stopped);
	assert_string_equal(stopped, "");
	assert_true(at(&next, 3)->step == JOB_WATCH && at(&next, 3)->row.slot == 2);
	stop(&next);

	/* It never got there: back to the line, and free to share again. */
	start(&next, 10);
	next.silent = RIG_BIT(FX_LOCATE) | RIG_BIT(FX_WATCH);
	for (size_t i = 0; i < countof(rows); i++)
		core_load_job(next.core, &rows[i], next.now_ms);
	ready(&next);
	tell(&next, 2, ANSWER_LOST);
	assert_true(at(&next, 2)->step == JOB_QUEUE && at(&next, 2)->row.slot == JOB_WHOLE);
	stop(&next);
	for (size_t i = 0; i < countof(rows); i++)
		job_row_free(&rows[i]);
}

/* Options come and go; the scheduler forgets no model, so lines are used again. */
static void test_many_options(void **state)
{
	struct rig rig;

	begin(&rig, 2);
	(void)wish(&rig, 1);
	for (uint64_t id = 2; id < 30; id++) {
		char options[40];
		char stopped[UUID_SIZE];

		snprintf(options, sizeof(options), "{\"negative\":\"%d\"}", (int)id);
		(void)ask_as(&rig, id, (struct request){.options = options});
		cancelled(&rig, id, stopped);
	}
	stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_submits_for_all),
		cmocka_unit_test(test_who_does_not_share),
		cmocka_unit_test(test_own_seeds_share),
		cmocka_unit_test(test_cancel_by_one),
		cmocka_unit_test(test_cancel_before_it_is_given),
		cmocka_unit_test(test_giver_leaves),
		cmocka_unit_test(test_only_the_culprit_fails),
		cmocka_unit_test(test_submit_comes_to_nothing),
		cmocka_unit_test(test_memory_is_remembered),
		cmocka_unit_test(test_other_count_of_pictures),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_many_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
