/* SPDX-License-Identifier: Apache-2.0 */
#include "core/state.h"
#include "core_rig.h"

/* Lists of channels and threads, what belongs to nobody, and what does not happen any more while
 * the bot stops. */

#define NEW(n) ((UINT64_C(359929600000) << 22) + (n)) /* made just now */

static uint64_t channel_of(struct rig *rig, uint64_t user)
{
	const struct session *s = session_find(rig->core, user);

	return s ? s->row.channel_id : 0;
}

/* A member's channel is known by its marker, below a category of ours or below none, and hidden
 * from the others. */
static void test_whose_channel_it_is(void **state)
{
	static const struct {
		struct core_channel category, channel;
		bool his;
	} cases[] = {
		{{.id = 5, .category = true, .name = "sessions"}, {.parent_id = 5, .hidden = true},
			true},
		{{.id = 5, .category = true, .name = "sessions-2"},
			{.parent_id = 5, .hidden = true, .restricted = true}, true},
		{{.id = 5, .category = true, .name = "sessions-x"},
			{.parent_id = 5, .hidden = true}, false},
		{{.id = 5, .category = true, .name = "others"}, {.parent_id = 5, .hidden = true},
			false},
		{{.id = 5, .category = false, .name = "sessions"}, {.parent_id = 5, .hidden = true},
			false},
		{{.id = 5, .category = true, .name = "sessions"}, {.parent_id = 6, .hidden = true},
			false},
		{{.id = 5, .category = true, .name = "sessions"}, {.parent_id = 0, .hidden = true},
			true},
		{{.id = 5, .category = true, .name = "sessions"}, {.parent_id = 0}, false},
		{{.id = 5, .category = true, .name = "sessions"}, {.parent_id = 5}, false},
		{{.id = 5, .category = true, .name = "sessions"},
			{.parent_id = 5, .hidden = true, .category = true}, false},
		{{.id = 5, .category = true}, {.parent_id = 5, .hidden = true}, false},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct core_channel list[] = {cases[i].category, cases[i].channel};
		struct rig rig;

		list[1].id = 77;
		list[1].user_id = 1;
		start(&rig, 10);
		ready(&rig);
		core_channels(rig.core, list, countof(list), rig.now_ms);
		run(&rig);
		if ((channel_of(&rig, 1) == 77) != cases[i].his)
			fail_msg("case %zu: %s", i, cases[i].his ? "not taken" : "taken");
		stop(&rig);
	}
}

/* What is not in the list any more is gone, unless it is younger than the list may be. */
static void test_channels_that_are_missing(void **state)
{
	static const struct {
		uint64_t id;
		int flags;
		bool stays;
	} cases[] = {
		{500, 0, false}, {NEW(1), 0, true},
		{500, SESSION_THREAD, true}, /* no list of channels has threads */
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct rig rig;

		start(&rig, 10);
		core_load_session(rig.core,
			&(struct session_row){
				.user_id = 1, .channel_id = cases[i].id, .flags = cases[i].flags});
		core_load_session(rig.core, &(struct session_row){.user_id = 2});
		ready(&rig);
		core_channels(rig.core, NULL, 0, rig.now_ms);
		run(&rig);
		assert_int_equal(channel_of(&rig, 1), cases[i].stays ? cases[i].id : 0);
		stop(&rig);
	}
}

/* Full categories: a further one is made, until Discord's ceiling. */
static void test_categories(void **state)
{
	static struct core_channel list[CATEGORIES_MAX * (CATEGORY_CHANNELS_MAX + 1)];
	struct rig rig;
	size_t n = 0;

	for (uint64_t c = 1; c <= CATEGORIES_MAX; c++) {
		list[n++] = (struct core_channel){.id = c, .category = true, .name = "sessions"};
		for (int i = 0; i < CATEGORY_CHANNELS_MAX; i++)
			list[n++] = (struct core_channel){.id = 100 + n, .parent_id = c};
	}
	start(&rig, 10);
	ready(&rig);
	rig.silent =
		RIG_BIT(FX_CHANNEL_LIST) | RIG_BIT(FX_CHANNEL_CREATE) | RIG_BIT(FX_CATEGORY_CREATE);
	ask(&rig, 1, false);
	core_channels(rig.core, list, n - CATEGORY_CHANNELS_MAX, rig.now_ms);
	core_session_answer(rig.core, 1, rig.session_epoch, ANSWER_OK, 0, NULL, rig.now_ms);
	run(&rig);
	assert_int_equal(rig.last.kind, FX_CHANNEL_CREATE);
	assert_int_equal(rig.last.id, CATEGORIES_MAX); /* the one that has room */
	/* Somebody else fills it, and there can be no further one. */
	core_session_answer(rig.core, 1, rig.session_epoch, ANSWER_TOO_LARGE, 0, NULL, rig.now_ms);
	rig.silent = 0;
	run(&rig);
	assert_int_equal(rig.kept[1].row.step, JOB_APOLOGISED);
	assert_int_equal(rig.kept[1].row.sorry, SORRY_CHANNEL);
	stop(&rig);
}

static void test_threads_in_a_list(void **state)
{
	static const struct core_channel list[] = {
		{.id = 90, .parent_id = 9},		  /* not ours */
		{.id = 91, .parent_id = 9, .user_id = 1}, /* his, as is known */
		{.id = 92, .parent_id = 9, .user_id = 1}, /* one too many */
		{.id = 93, .parent_id = 9, .user_id = 2}, /* a crash kept it from being written */
	};
	struct rig rig;

	start(&rig, 10);
	core_load_session(rig.core,
		&(struct session_row){.user_id = 1, .channel_id = 91, .flags = SESSION_THREAD});
	ready(&rig);
	rig.silent = RIG_BIT(FX_CHANNEL_DELETE) | RIG_BIT(FX_THREAD_JOIN);
	core_threads(rig.core, list, countof(list), rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "delete join");
	assert_int_equal(rig.deleted, 92);
	assert_int_equal(channel_of(&rig, 2), 93);
	/* It is what its channel is. */
	core_channel_changed(rig.core, 9, true, rig.now_ms);
	core_channel_changed(rig.core, 0, true, rig.now_ms);
	assert_true(session_find(rig.core, 1)->row.flags & SESSION_AGE_RESTRICTED);
	stop(&rig);
}

/* Words about members, jobs and cards that there are not, or not any more, change nothing. */
static void test_nobodys_words(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	core_member(rig.core, 9, false, rig.now_ms);
	core_warned(rig.core, 9, 5, ANSWER_OK, 6, rig.now_ms);
	core_unwarned(rig.core, 9);
	core_looked(rig.core, 9, 1, ANSWER_OK, 5, true, rig.now_ms);
	core_session_answer(rig.core, 9, 1, ANSWER_OK, 5, NULL, rig.now_ms);
	core_activity(rig.core, 5, 9, rig.now_ms);
	core_channel_gone(rig.core, 0, rig.now_ms);
	core_answer(rig.core, 9, 1, ANSWER_OK, NULL, rig.now_ms);
	core_progress(rig.core, 9, 1, 50, rig.now_ms);
	core_preview(rig.core, 9, 1, rig.now_ms);
	core_stepped(rig.core, 9, 1, rig.now_ms);
	core_saved(rig.core, 9, true, rig.now_ms);
	core_live(rig.core, 9, 5, rig.now_ms);
	core_gpu_remove(rig.core, 3, rig.now_ms);
	assert_int_equal(core_cancel(rig.core, 9, 9, true, rig.now_ms), CANCEL_TOO_LATE);
	assert_false(core_keep(rig.core, 9, rig.now_ms));
	assert_int_equal(core_session_end(rig.core, 9), 0);
	assert_false(core_gpu_exists(rig.core, -1) || core_gpu_exists(rig.core, 3));
	assert_false(core_gpu_is_up(rig.core, 3) || core_gpu_takes(rig.core, 3));
	assert_string_equal(core_gpu_why(rig.core, 3), "");
	assert_int_equal(core_gpu_retry_ms(rig.core, -1, rig.now_ms), 0);
	run(&rig);
	assert_string_equal(rig.trace, "");
	stop(&rig);
}

/* An answer with an old epoch, or one that comes twice, is dropped. */
static void test_late_words(void **state)
{
	struct rig rig;

	start(&rig, 10);
	core_load_session(rig.core,
		&(struct session_row){.user_id = 1, .channel_id = 500, .active_ms = rig.now_ms});
	ready(&rig);
	core_member(rig.core, 1, false, rig.now_ms);  /* nobody has asked */
	core_warned(rig.core, 1, 501, ANSWER_OK, 6, rig.now_ms); /* another channel */
	core_warned(rig.core, 1, 500, ANSWER_NO, 0, rig.now_ms); /* it was not posted */
	core_looked(rig.core, 1, rig.session_epoch, ANSWER_GONE, 0, false, rig.now_ms);
	core_session_answer(rig.core, 1, rig.session_epoch + 1, ANSWER_GONE, 0, NULL, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "");
	assert_int_equal(channel_of(&rig, 1), 500);
	stop(&rig);
}

/* A bot that stops announces no ends, asks for nobody and begins nothing. */
static void test_while_it_stops(void **state)
{
	struct request r = a_request(2);
	struct rig rig;

	start(&rig, 10);
	core_load_session(rig.core,
		&(struct session_row){.user_id = 1, .channel_id = 500, .active_ms = rig.now_ms});
	ready(&rig);
	core_stop(rig.core);
	assert_true(core_is_quiet(rig.core));
	(void)core_erase(rig.core, 1, rig.now_ms);
	run(&rig);
	rig.trace[0] = '\0';
	assert_int_equal(core_request(rig.core, &r, rig.now_ms), REFUSE_STOPPING);
	rig.now_ms += 10 * 3600 * 1000;
	core_tick(rig.core, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "");
	stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whose_channel_it_is),
		cmocka_unit_test(test_channels_that_are_missing),
		cmocka_unit_test(test_categories),
		cmocka_unit_test(test_threads_in_a_list),
		cmocka_unit_test(test_nobodys_words),
		cmocka_unit_test(test_late_words),
		cmocka_unit_test(test_while_it_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
