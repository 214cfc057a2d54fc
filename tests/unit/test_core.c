/* SPDX-License-Identifier: Apache-2.0 */
#include "core_rig.h"

static void test_happy_path(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	assert_int_equal(ask(&rig, 1, false), REFUSE_NOTHING);
	/* The row is committed before each effect that it allows. */
	assert_string_equal(rig.trace,
		"ack1 save1 list category channel keep save1 answer1#1 show1 save1 show1 submit1 watch1 "
		"show1 fetch1 save1 post1 save1 tidy1 save1 end1");
	assert_int_equal(rig.kept[1].row.step, JOB_DONE);
	assert_null(rig.kept[1].row.token);
	assert_true(uuid_valid(rig.kept[1].row.prompt_id));
	stop(&rig);
}

static void test_caps(void **state)
{
	struct rig rig;

	start(&rig, 3);
	ready(&rig);
	rig.silent = RIG_BIT(FX_WATCH);
	assert_int_equal(ask(&rig, 1, false), REFUSE_NOTHING);
	assert_int_equal(ask(&rig, 1, false), REFUSE_NOTHING);
	assert_int_equal(ask(&rig, 1, false), REFUSE_CAP);
	assert_int_equal(ask(&rig, 2, false), REFUSE_NOTHING);
	assert_int_equal(ask(&rig, 3, false), REFUSE_FULL);
	core_stop(rig.core);
	assert_int_equal(ask(&rig, 2, false), REFUSE_STOPPING);
	stop(&rig);
}

static void test_positions_count_down(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_WATCH);
	for (uint64_t user = 1; user <= 4; user++)
		ask(&rig, user, false);
	assert_int_equal(core_job(rig.core, 4)->position, 3);
	rig.trace[0] = '\0';
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_OK, NULL, rig.now_ms);
	run(&rig);
	assert_non_null(strstr(rig.trace, "show3@1"));
	assert_non_null(strstr(rig.trace, "show4@2"));
	/* An administrator goes ahead of those who wait, not of the one who runs. */
	rig.trace[0] = '\0';
	ask(&rig, 5, true);
	assert_int_equal(core_job(rig.core, 5)->position, 1);
	assert_int_equal(core_job(rig.core, 3)->position, 2);
	assert_int_equal(core_job(rig.core, 2)->step, JOB_WATCH);
	stop(&rig);
}

static void test_cancel(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_WATCH);
	ask(&rig, 1, false);
	ask(&rig, 2, false);
	assert_int_equal(core_cancel(rig.core, 1, 2, false, rig.now_ms), CANCEL_NOT_YOURS);
	rig.trace[0] = '\0';
	assert_int_equal(core_cancel(rig.core, 1, 1, false, rig.now_ms), CANCEL_DONE);
	run(&rig);
	assert_true(str_starts(rig.trace, "stop1"));
	assert_int_equal(rig.kept[1].row.step, JOB_APOLOGISED);
	assert_int_equal(rig.kept[1].row.sorry, SORRY_CANCELLED);
	assert_int_equal(core_job(rig.core, 2)->step, JOB_WATCH); /* the card went on */
	assert_int_equal(core_cancel(rig.core, 1, 1, false, rig.now_ms), CANCEL_TOO_LATE);
	stop(&rig);
}

/* What a job does after each answer, from each step: the trace that follows. */
static void test_answers(void **state)
{
	static const struct {
		enum effect_kind at;
		enum answer answer;
		const char *follows;
		int end;
	} cases[] = {
		{FX_SUBMIT, ANSWER_NO, "save1 sorry1", JOB_APOLOGISED},
		{FX_SUBMIT, ANSWER_MODEL_GONE, "save1 sorry1", JOB_APOLOGISED},
		{FX_SUBMIT, ANSWER_AGAIN, "save1 show1", 0},
		{FX_WATCH, ANSWER_LOST, "save1 show1", 0},
		{FX_WATCH, ANSWER_MEMORY, "save1 sorry1", JOB_APOLOGISED},
		{FX_WATCH, ANSWER_STALLED, "save1 sorry1", JOB_APOLOGISED},
		{FX_WATCH, ANSWER_INTERRUPTED, "save1 sorry1", JOB_APOLOGISED},
		{FX_FETCH, ANSWER_NO_OUTPUT, "save1 sorry1", JOB_APOLOGISED},
		{FX_FETCH, ANSWER_LOST, "save1 show1", 0},
		{FX_POST, ANSWER_DOUBT, "look1", 0},
		{FX_POST, ANSWER_GONE, "save1 forget list", 0},
		{FX_POST, ANSWER_NO, "save1 sorry1", JOB_APOLOGISED},
		{FX_POST, ANSWER_TOO_LARGE, "show1 fetch1", 0},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct rig rig;

		start(&rig, 10);
		ready(&rig);
		rig.silent = 1u << cases[i].at;
		ask(&rig, 1, false);
		rig.trace[0] = '\0';
		core_answer(rig.core, 1, rig.epoch[1], cases[i].answer, NULL, rig.now_ms);
		run(&rig);
		if (!str_starts(rig.trace, cases[i].follows) &&
			!(cases[i].answer == ANSWER_GONE && strstr(rig.trace, "list")))
			fail_msg("case %zu: %s, then %s", i, cases[i].follows, rig.trace);
		if (cases[i].end)
			assert_int_equal(rig.kept[1].row.step, cases[i].end);
		stop(&rig);
	}
}

static void test_old_answers_are_dropped(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_WATCH);
	ask(&rig, 1, false);
	rig.trace[0] = '\0';
	core_answer(rig.core, 1, rig.epoch[1] - 1, ANSWER_FAILED, NULL, rig.now_ms);
	core_answer(rig.core, 99, 1, ANSWER_OK, NULL, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "");
	assert_int_equal(core_job(rig.core, 1)->step, JOB_WATCH);
	stop(&rig);
}

/* Cards come and go between two effects (found by the simulator): what was asked of the job before is
 * not asked any more. */
static void test_old_asks_are_dropped(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_SUBMIT);
	ask(&rig, 1, false);
	assert_int_equal(core_job(rig.core, 1)->step, JOB_SUBMIT);
	rig.trace[0] = '\0';
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_OK, NULL, rig.now_ms);
	assert_int_equal(core_job(rig.core, 1)->step, JOB_WATCH);
	core_cancel_all_of(rig.core, 1, rig.now_ms);
	run(&rig);
	assert_null(strstr(rig.trace, "watch1"));
	assert_non_null(strstr(rig.trace, "sorry1"));
	stop(&rig);
}

/* A job that the last process left at a step: the next one looks into its channel. */
static void take_up(struct rig *rig, int step, int outcome)
{
	struct job_row row = row_left(1, step, outcome);
	struct session_row session = {.user_id = 1, .channel_id = 500};
	char *member;

	start(rig, 10);
	row.created_ms = session.active_ms = rig->now_ms - 5000;
	core_load_session(rig->core, &session);
	core_load_job(rig->core, &row, rig->now_ms);
	core_gpu(rig->core, 0, true, rig->now_ms);
	rig->silent = RIG_BIT(FX_LOOK);
	core_ready(rig->core, 7, rig->now_ms);
	run(rig);
	member = strstr(rig->trace, "member "); /* is he still there? */
	assert_non_null(member);
	memmove(member, member + 7, strlen(member) - 6);
}

/* From every stored step a restart looks into the channel, then goes on. */
static void test_restart(void **state)
{
	static const struct {
		int step, outcome;
		enum answer look;
		const char *trace;
		int end;
	} cases[] = {
		{JOB_QUEUE, 0, ANSWER_OK, "look1 save1 answer1#1 show1 save1 show1 submit1",
			JOB_DONE},
		{JOB_SUBMIT, 0, ANSWER_OK, "answer1#0 look1 locate1 show1 fetch1", JOB_DONE},
		{JOB_POST, 1, ANSWER_OK, "answer1#0 look1 show1 fetch1 save1 post1", JOB_DONE},
		{JOB_POST, 1, ANSWER_FOUND_PICTURE, "answer1#0 look1 save1 tidy1 save1 end1",
			JOB_DONE},
		{JOB_SORRY, 2, ANSWER_OK, "look1 save1 sorry1", JOB_APOLOGISED},
		{JOB_SORRY, 2, ANSWER_FOUND_SORRY, "look1 save1 tidy1 save1 end1", JOB_APOLOGISED},
		{JOB_TIDY, 1, ANSWER_OK, "answer1#0 look1 save1 tidy1 save1 end1", JOB_DONE},
		{JOB_POST, 1, ANSWER_NO, "answer1#0 look1 save1 end1", JOB_UNDELIVERABLE},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct rig rig;

		take_up(&rig, cases[i].step, cases[i].outcome);
		core_answer(rig.core, 1, rig.epoch[1], cases[i].look,
			&(struct answer_args){.message_id = 88}, rig.now_ms);
		run(&rig);
		if (!str_starts(rig.trace, cases[i].trace))
			fail_msg("case %zu: wanted %s, got %s", i, cases[i].trace, rig.trace);
		assert_int_equal(rig.kept[1].row.step, cases[i].end);
		stop(&rig);
	}
}

/* How a run ended meanwhile. Of some ends nobody knows any more whose doing they were: we interrupt
 * a run that stands still ourselves. */
static void test_restart_after_the_run_ended(void **state)
{
	static const struct {
		enum answer answer;
		bool runs; /* still, when it is found */
		int end;
	} cases[] = {
		{ANSWER_OK, false, JOB_DONE},
		{ANSWER_LOST, false, JOB_DONE},
		{ANSWER_MEMORY, false, JOB_DONE},
		{ANSWER_MACHINE, false, JOB_DONE},
		{ANSWER_INTERRUPTED, false, JOB_DONE},
		{ANSWER_INTERRUPTED, true, JOB_DONE},
		{ANSWER_FAILED, false, JOB_APOLOGISED},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct rig rig;

		take_up(&rig, JOB_SUBMIT, 0);
		rig.silent = RIG_BIT(FX_LOCATE);
		core_answer(rig.core, 1, rig.epoch[1], ANSWER_OK, NULL, rig.now_ms);
		run(&rig);
		assert_int_equal(core_job(rig.core, 1)->step, JOB_LOCATE);
		rig.silent = RIG_BIT(FX_WATCH);
		if (cases[i].runs) {
			core_answer(rig.core, 1, rig.epoch[1], ANSWER_RUNNING, NULL, rig.now_ms);
			run(&rig);
			assert_int_equal(core_job(rig.core, 1)->step, JOB_WATCH);
		}
		rig.silent = 0;
		core_answer(rig.core, 1, rig.epoch[1], cases[i].answer, NULL, rig.now_ms);
		run(&rig);
		if (rig.kept[1].row.step != cases[i].end)
			fail_msg("case %zu ends at %d", i, rig.kept[1].row.step);
		stop(&rig);
	}
}

static void test_channel_is_removed_when_idle(void **state)
{
	struct rig rig;
	int64_t due;

	start(&rig, 10);
	ready(&rig);
	ask(&rig, 1, false);
	rig.trace[0] = '\0';
	due = core_deadline(rig.core);
	assert_true(due == rig.now_ms + 1500000);
	rig.now_ms = due - 1;
	core_tick(rig.core, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "");
	rig.now_ms = due;
	core_tick(rig.core, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "member warn");
	rig.trace[0] = '\0';
	rig.now_ms += 299999;
	core_tick(rig.core, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "");
	assert_true(core_deadline(rig.core) == ++rig.now_ms);
	core_tick(rig.core, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "lastlook delete forget");
	assert_true(core_deadline(rig.core) == NEVER);
	stop(&rig);
}

static void test_two_commands_make_one_channel(void **state)
{
	struct rig rig;
	char *list;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_CHANNEL_LIST) | RIG_BIT(FX_WATCH);
	ask(&rig, 1, false);
	ask(&rig, 1, false);
	list = strstr(rig.trace, "list");
	assert_non_null(list);
	assert_null(strstr(list + 4, "list"));
	stop(&rig);
}

/* While Discord takes no pictures, no more are made than may be held. */
static void test_unposted_pictures_are_bounded(void **state)
{
	struct rig rig;

	start(&rig, 31);
	ready(&rig);
	rig.silent = RIG_BIT(FX_POST);
	for (uint64_t user = 1; user <= 25; user++)
		ask(&rig, user, false);
	assert_int_equal(core_job(rig.core, 16)->step, JOB_POST);
	assert_int_equal(core_job(rig.core, 17)->step, JOB_QUEUE);
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_OK, NULL, rig.now_ms);
	run(&rig);
	assert_int_equal(core_job(rig.core, 17)->step, JOB_POST);
	assert_int_equal(core_job(rig.core, 18)->step, JOB_QUEUE);
	stop(&rig);
}

/* A picture whose fate stays unknown is tried smaller. */
static void test_doubt_shrinks(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_POST);
	ask(&rig, 1, false);
	for (int i = 0; i < 3; i++) {
		core_answer(rig.core, 1, rig.epoch[1], ANSWER_DOUBT, NULL, rig.now_ms);
		run(&rig);
		assert_int_equal(core_job(rig.core, 1)->step, JOB_POST);
		assert_int_equal(core_job(rig.core, 1)->shrink, i);
	}
	stop(&rig);
}

/* With a second card, a run does not wait for ever for one that went away; with one card it does.
 */
static void test_card_goes_away(void **state)
{
	for (int n = 1; n <= 2; n++) {
		static const char *const gpus[] = {"http://a", "http://b"};
		struct core_config config = {.max_jobs_per_user = 2,
			.max_queue = 9,
			.session_ttl_ms = 1800000,
			.n_gpus = n,
			.gpu_names = gpus};
		struct rig rig;

		start(&rig, 9);
		core_free(rig.core);
		rig.core = core_new(&config, &rig.rng);
		ready(&rig);
		rig.silent = RIG_BIT(FX_WATCH);
		ask(&rig, 1, false);
		if (n == 2)
			core_gpu(rig.core, 1, true, rig.now_ms);
		core_gpu(rig.core, 0, false, rig.now_ms);
		rig.trace[0] = '\0';
		for (int i = 0; i < 2; i++) {
			rig.now_ms += 61000;
			core_tick(rig.core, rig.now_ms);
			run(&rig);
		}
		assert_int_equal(core_job(rig.core, 1)->gpu, n - 1);
		assert_int_equal(core_job(rig.core, 1)->step, JOB_WATCH);
		assert_int_equal(strstr(rig.trace, "stop1") != NULL, n == 2);
		stop(&rig);
	}
}

/* A row that cannot be written is written again; what was asked meanwhile is not asked twice. */
static void test_a_row_that_fails_is_only_written_again(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_WATCH) | RIG_BIT(FX_SAVE);
	ask(&rig, 1, false);
	for (int i = 0; core_job(rig.core, 1)->step != JOB_WATCH; i++) {
		assert_true(i < 20);
		core_saved(rig.core, 1, true, rig.now_ms);
		run(&rig);
	}
	core_live(rig.core, 1, 4711, rig.now_ms);
	run(&rig);
	core_saved(rig.core, 1, false, rig.now_ms);
	rig.trace[0] = '\0';
	for (int i = 0; i < 3; i++) {
		rig.now_ms = min_of(core_deadline(rig.core), rig.now_ms + 60000);
		core_tick(rig.core, rig.now_ms);
		run(&rig);
		core_saved(rig.core, 1, i == 2, rig.now_ms);
		run(&rig);
	}
	assert_string_equal(rig.trace, "save1 save1 save1");
	assert_int_equal(core_job(rig.core, 1)->step, JOB_WATCH);
	stop(&rig);
}

/* Whatever the next try would have waited: a server is back for a moment only, perhaps. */
static void test_a_row_is_written_when_the_database_is_back(void **state)
{
	struct rig rig;

	start(&rig, 10);
	rig.silent = RIG_BIT(FX_SAVE);
	ready(&rig);
	ask(&rig, 1, false);
	for (int i = 0; i < 5; i++) {
		core_saved(rig.core, 1, false, rig.now_ms);
		rig.now_ms = min_of(core_deadline(rig.core), rig.now_ms + 60000);
		core_tick(rig.core, rig.now_ms);
		run(&rig);
	}
	core_saved(rig.core, 1, false, rig.now_ms);
	rig.trace[0] = '\0';
	core_tick(rig.core, rig.now_ms + 1000);
	run(&rig);
	assert_string_equal(rig.trace, "");
	core_database_back(rig.core, rig.now_ms + 1000);
	core_tick(rig.core, rig.now_ms + 1000);
	run(&rig);
	assert_string_equal(rig.trace, "save1");
	stop(&rig);
}

/* Only what never had a row may be refused with a word to the member. And as the row may be there all
 * the same (the simulator lost the answer to a commit three times), that it has ended is written until
 * that is told to be done. */
static void test_an_accepted_job_is_never_dropped(void **state)
{
	for (int accepted = 0; accepted <= 1; accepted++) {
		struct rig rig;

		start(&rig, 10);
		rig.silent = RIG_BIT(FX_SAVE);
		if (accepted) {
			struct job_row row = {.id = 1,
				.user_id = 1,
				.step = JOB_CHANNEL,
				.token = "t",
				.username = "ana",
				.model = "m",
				.prompt = "p",
				.created_ms = rig.now_ms};

			core_load_job(rig.core, &row, rig.now_ms);
		}
		ready(&rig);
		if (!accepted)
			ask(&rig, 1, false);
		for (int i = 0; i < 6; i++) { /* a server that is started again is waited for */
			core_saved(rig.core, 1, false, rig.now_ms);
			run(&rig);
			rig.now_ms = min_of(core_deadline(rig.core), rig.now_ms + 60000);
			core_tick(rig.core, rig.now_ms);
			run(&rig);
		}
		assert_int_equal(core_job(rig.core, 1)->step, JOB_CHANNEL);
		assert_in_range(rig.now_ms - core_job(rig.core, 1)->row.created_ms, 15000, 60000);
		for (int i = 0; i < 3; i++) {
			core_saved(rig.core, 1, false, rig.now_ms);
			run(&rig);
			rig.now_ms = min_of(core_deadline(rig.core), rig.now_ms + 60000);
			core_tick(rig.core, rig.now_ms);
			run(&rig);
		}
		assert_int_equal(core_job(rig.core, 1)->step, accepted ? JOB_CHANNEL : JOB_TIDY);
		assert_int_equal(core_live_jobs(rig.core), accepted);
		rig.silent = 0;
		core_saved(rig.core, 1, false, rig.now_ms);
		rig.now_ms += 60000;
		core_tick(rig.core, rig.now_ms);
		run(&rig);
		if (!accepted)
			assert_int_equal(rig.kept[1].row.step, JOB_APOLOGISED);
		stop(&rig);
	}
}

/* An administrator removes the channel while its removal is being tried again. */
static void test_a_channel_that_is_gone_is_not_removed_again(void **state)
{
	struct session_row session = {.user_id = 1, .channel_id = 500};
	struct rig rig;

	start(&rig, 10);
	core_load_session(rig.core, &session);
	rig.silent = RIG_BIT(FX_CHANNEL_DELETE);
	core_ready(rig.core, 7, rig.now_ms);
	run(&rig);
	rig.now_ms += 300000;
	core_tick(rig.core, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "member warn lastlook delete");
	core_tick(rig.core, rig.now_ms + 121000); /* no answer: it is tried again */
	core_channel_gone(rig.core, 500, rig.now_ms);
	rig.now_ms += 300000;
	core_tick(rig.core, rig.now_ms);
	rig.trace[0] = '\0';
	run(&rig);
	assert_null(strstr(rig.trace, "delete"));
	assert_true(core_deadline(rig.core) == NEVER);
	/* The member gets a new one. */
	core_gpu(rig.core, 0, true, rig.now_ms);
	ask(&rig, 1, false);
	assert_int_equal(rig.kept[1].row.step, JOB_DONE);
	assert_true(rig.kept[1].row.channel_id > 500);
	stop(&rig);
}

/* A server that takes nothing is not asked five times in the same moment. */
static void test_a_refused_run_waits(void **state)
{
	struct rig rig;
	int64_t began_ms;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_SUBMIT);
	ask(&rig, 1, false);
	began_ms = rig.now_ms;
	for (int i = 0; rig.kept[1].row.step != JOB_APOLOGISED; i++) {
		assert_true(i < 5);
		core_answer(rig.core, 1, rig.epoch[1], ANSWER_AGAIN,
			&(struct answer_args){.detail = "503"}, rig.now_ms);
		rig.trace[0] = '\0';
		run(&rig);
		if (i == 4)
			break;
		assert_null(strstr(rig.trace, "submit1"));
		rig.now_ms = min_of(core_deadline(rig.core), rig.now_ms + 60000);
		core_tick(rig.core, rig.now_ms);
		run(&rig);
		assert_non_null(strstr(rig.trace, "submit1"));
	}
	assert_true(rig.now_ms - began_ms >= 7000);
	assert_int_equal(rig.kept[1].row.sorry, SORRY_NOT_TAKEN);
	assert_string_equal(rig.kept[1].row.detail, "503");
	stop(&rig);
}

/* Where an apology goes when its channel is gone: through the interaction, else into a new one. */
static void test_an_apology_finds_its_way(void **state)
{
	static const struct {
		int64_t age_ms;
		const char *trace;
	} cases[] = {
		{60000, "sorry1"}, {16 * 60000, "save1 list category channel keep save1 sorry1"}};

	for (size_t i = 0; i < countof(cases); i++) {
		struct rig rig;

		start(&rig, 10);
		ready(&rig);
		rig.silent = RIG_BIT(FX_SORRY) | RIG_BIT(FX_WATCH);
		ask(&rig, 1, false);
		rig.now_ms += cases[i].age_ms;
		core_answer(rig.core, 1, rig.epoch[1], ANSWER_FAILED, NULL, rig.now_ms);
		run(&rig);
		rig.trace[0] = '\0';
		core_answer(rig.core, 1, rig.epoch[1], ANSWER_GONE, NULL, rig.now_ms);
		run(&rig);
		rig.now_ms += 2000;
		core_tick(rig.core, rig.now_ms);
		run(&rig);
		if (!strstr(rig.trace, cases[i].trace))
			fail_msg("case %zu: wanted %s, got %s", i, cases[i].trace, rig.trace);
		assert_int_equal(core_job(rig.core, 1)->no_channel, i == 0);
		stop(&rig);
	}
}

/* An apology that the channel refuses is said by the interaction; that this is gone, perhaps with
 * the channel in which the command was typed, tells nothing of the private one. */
static void test_gone_interaction_is_no_gone_channel(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_SORRY) | RIG_BIT(FX_WATCH);
	ask(&rig, 1, false);
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_FAILED, NULL, rig.now_ms);
	run(&rig);
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_NO, NULL, rig.now_ms);
	rig.now_ms += 2000;
	core_tick(rig.core, rig.now_ms);
	run(&rig);
	assert_true(core_job(rig.core, 1)->no_channel);
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_GONE, NULL, rig.now_ms);
	run(&rig);
	assert_int_equal(rig.kept[1].row.step, JOB_UNDELIVERABLE);
	assert_null(strstr(rig.trace, "forget"));
	assert_true(core_session_end(rig.core, 1) > 0);
	stop(&rig);
}

/* Discord says of each channel that we make that it is not there: it ends all the same. */
static void test_channels_that_vanish_have_an_end(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_POST) | RIG_BIT(FX_SORRY);
	ask(&rig, 1, false);
	for (int i = 0; core_job(rig.core, 1) && core_job(rig.core, 1)->step == JOB_POST; i++) {
		assert_true(i < 10);
		core_answer(rig.core, 1, rig.epoch[1], ANSWER_GONE, NULL, rig.now_ms);
		run(&rig);
	}
	assert_true(core_job(rig.core, 1)->no_channel);
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_OK, NULL, rig.now_ms);
	run(&rig);
	assert_int_equal(rig.kept[1].row.step, JOB_APOLOGISED);
	stop(&rig);
}

/* Rows that nobody of ours wrote: each job ends in a picture or an apology, and none harms others. */
static void test_damaged_rows_go_on(void **state)
{
	static const struct job_row rows[] = {
		{.id = 1, .step = 33},
		{.id = 2, .step = JOB_WATCH, .gpu = (char *)"http://a"},
		{.id = 3, .step = -7, .outcome = 9, .sorry = -1},
		{.id = 4, .step = JOB_QUEUE, .pictures = INT32_MAX, .slot = 99, .batch = -1},
		{.id = 5, .step = JOB_SUBMIT, .part = -3, .submits = INT32_MIN},
		{.id = 6, .step = JOB_QUEUE, .created_ms = INT64_MIN, .work = INT64_MAX},
		{.id = 7, .step = JOB_QUEUE, .number = INT64_MAX},
		{.id = UINT64_MAX, .step = JOB_QUEUE},
		{.id = 0, .step = JOB_QUEUE},
	};
	struct rig rig;

	start(&rig, 10);
	for (size_t i = 0; i < countof(rows); i++) {
		struct job_row row = rows[i];

		row.user_id = i + 1;
		row.guild_id = 7;
		core_load_job(rig.core, &row, rig.now_ms);
	}
	core_load_session(rig.core,
		&(struct session_row){.user_id = 1, .channel_id = 5, .active_ms = INT64_MIN});
	core_load_day(rig.core, rig.now_ms / CORE_DAY_MS, &(struct core_count){4, INT32_MAX}, 1);
	core_load_image_count(rig.core, INT64_MAX);
	ready(&rig);
	for (int i = 0; i < 40 && core_first_job(rig.core); i++) {
		rig.now_ms = max_of(rig.now_ms, core_deadline(rig.core));
		core_tick(rig.core, rig.now_ms);
		run(&rig);
	}
	for (int id = 1; id <= 7; id++)
		assert_int_equal(rig.kept[id].row.step, id == 3 ? JOB_APOLOGISED : JOB_DONE);
	assert_null(core_first_job(rig.core));
	assert_true(core_image_count(rig.core) < 100);
	stop(&rig);
}

static void test_owner_is_told_once(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	for (int i = 0; i < 3; i++)
		core_gpu(rig.core, 0, false, rig.now_ms);
	for (int i = 0; i < 3; i++)
		core_gpu(rig.core, 0, true, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "down up");
	stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_happy_path),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_positions_count_down),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_old_answers_are_dropped),
		cmocka_unit_test(test_old_asks_are_dropped),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_restart_after_the_run_ended),
		cmocka_unit_test(test_channel_is_removed_when_idle),
		cmocka_unit_test(test_two_commands_make_one_channel),
		cmocka_unit_test(test_unposted_pictures_are_bounded),
		cmocka_unit_test(test_doubt_shrinks),
		cmocka_unit_test(test_card_goes_away),
		cmocka_unit_test(test_a_row_that_fails_is_only_written_again),
		cmocka_unit_test(test_a_row_is_written_when_the_database_is_back),
		cmocka_unit_test(test_an_accepted_job_is_never_dropped),
		cmocka_unit_test(test_a_channel_that_is_gone_is_not_removed_again),
		cmocka_unit_test(test_a_refused_run_waits),
		cmocka_unit_test(test_an_apology_finds_its_way),
		cmocka_unit_test(test_gone_interaction_is_no_gone_channel),
		cmocka_unit_test(test_channels_that_vanish_have_an_end),
		cmocka_unit_test(test_damaged_rows_go_on),
		cmocka_unit_test(test_owner_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
