/* SPDX-License-Identifier: Apache-2.0 */
#include "session_rig.h"

/* How private channels come to be in a server that is full, and how they end when their members leave
 * or want all erased. */

static void answer_to(struct rig *rig, uint64_t user, enum answer answer, uint64_t id)
{
	core_session_answer(rig->core, user, rig->session_epoch, answer, id, "why", rig->now_ms);
	run(rig);
}

static enum refusal ask_as(struct rig *rig, uint64_t user, bool restricted)
{
	struct request r = a_request(user);
	enum refusal refusal;

	r.origin_id = 66;
	r.age_restricted = restricted;
	refusal = core_request(rig->core, &r, rig->now_ms);
	run(rig);
	return refusal;
}

static enum refusal ask_restricted(struct rig *rig, uint64_t user)
{
	return ask_as(rig, user, true);
}

static void test_member_who_left(void **state)
{
	struct rig rig;

	start(&rig, 10);
	load(&rig, 1, 500, 0, 0);
	ready(&rig);
	rig.silent = RIG_BIT(FX_MEMBER);
	later(&rig, TTL - LEAD);
	assert_string_equal(rig.trace, "member");
	core_member(rig.core, 1, false, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "member delete forget");
	core_member(rig.core, 1, false, rig.now_ms); /* nobody asked */
	later(&rig, 10 * TTL);
	assert_string_equal(rig.trace, "");
	stop(&rig);
}

static void test_nobody_knows_whether_he_left(void **state)
{
	struct rig rig;

	start(&rig, 10);
	load(&rig, 1, 500, 0, 0);
	ready(&rig);
	rig.silent = RIG_BIT(FX_MEMBER);
	later(&rig, TTL - LEAD);
	later(&rig, 120000);
	assert_string_equal(rig.trace, "warn"); /* no answer: as if he were there */
	stop(&rig);
}

static void test_jobs_of_a_member_who_left(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_WATCH);
	ask(&rig, 1, false);
	ask(&rig, 2, false);
	ask(&rig, 2, false);
	rig.trace[0] = '\0';
	rig.silent |= RIG_BIT(FX_MEMBER);
	for (int i = 0; i < 11 && !strstr(rig.trace, "member"); i++)
		later(&rig, 60000);
	assert_string_equal(
		rig.trace, "member"); /* whose jobs wait is asked for every ten minutes */
	core_member(rig.core, 2, false, rig.now_ms);
	run(&rig);
	assert_int_equal(rig.kept[2].row.sorry, SORRY_LEFT);
	assert_int_equal(rig.kept[3].row.sorry, SORRY_LEFT);
	assert_int_equal(rig.kept[2].row.step, JOB_APOLOGISED);
	assert_non_null(strstr(rig.trace, "delete forget"));
	assert_non_null(core_job(rig.core, 1));
	/* Whoever comes back is welcome. */
	rig.silent = 0;
	assert_int_equal(ask(&rig, 2, false), REFUSE_NOTHING);
	assert_int_equal(core_job(rig.core, 4)->step, JOB_QUEUE);
	stop(&rig);
}

/* No channel is made for somebody who left. */
static void test_left_before_the_channel(void **state)
{
	struct job_row row = {.id = 1,
		.user_id = 1,
		.step = JOB_CHANNEL,
		.token = "t",
		.username = "ana",
		.locale = "en",
		.model = "m",
		.prompt = "p"};
	struct rig rig;

	start(&rig, 10);
	row.created_ms = rig.now_ms;
	core_load_job(rig.core, &row, rig.now_ms);
	rig.silent = RIG_BIT(FX_MEMBER) | RIG_BIT(FX_CHANNEL_LIST);
	core_ready(rig.core, 7, rig.now_ms);
	run(&rig);
	core_member(rig.core, 1, false, rig.now_ms);
	run(&rig);
	assert_int_equal(rig.kept[1].row.sorry, SORRY_LEFT);
	answer_to(&rig, 1, ANSWER_OK, 0);
	assert_null(strstr(rig.trace, "category"));
	assert_null(strstr(rig.trace, "channel"));
	assert_int_equal(rig.kept[1].row.step, JOB_APOLOGISED);
	assert_null(core_first_job(rig.core));
	assert_true(core_deadline(rig.core) == NEVER);
	stop(&rig);
}

/* ---- a full server ---- */

static void full(struct rig *rig)
{
	struct core_channel list[] = {{.id = 90, .category = true, .name = "sessions"}};

	rig->silent =
		RIG_BIT(FX_CHANNEL_LIST) | RIG_BIT(FX_CHANNEL_CREATE) | RIG_BIT(FX_CATEGORY_CREATE);
	ask(rig, 9, false);
	core_channels(rig->core, list, 1, rig->now_ms);
	answer_to(rig, 9, ANSWER_OK, 0);
	assert_true(str_ends(rig->trace, "channel"));
	rig->trace[0] = '\0';
}

static void load_some(struct rig *rig)
{
	uint64_t now = rig->next_id; /* a list may be older than these */

	load(rig, 1, now + 1, 1000000, 0);
	load(rig, 2, now + 2, 1200000, 0);
	load(rig, 3, now + 3, 1300000, SESSION_THREAD); /* takes no room */
	load(rig, 4, now + 4, 100000, 0);		/* was used a moment ago */
	rig->next_id += 10;
}

static void test_longest_idle_makes_room(void **state)
{
	struct rig rig;
	uint64_t now;

	start(&rig, 10);
	now = rig.next_id;
	load_some(&rig);
	ready(&rig);
	full(&rig);
	answer_to(&rig, 9, ANSWER_FULL, 0);
	assert_string_equal(rig.trace, "delete forget list");
	assert_true(rig.deleted == now + 2); /* of member 2 */
	answer_to(&rig, 9, ANSWER_OK, 0);
	rig.silent = 0;
	answer_to(&rig, 9, ANSWER_OK, ++rig.next_id);
	assert_int_equal(rig.kept[1].row.step, JOB_DONE);
	assert_true(core_session_end(rig.core, 1) > 0);
	assert_true(core_session_end(rig.core, 2) == 0);
	stop(&rig);
}

static void test_else_a_private_thread(void **state)
{
	struct rig rig;

	start(&rig, 10);
	load_some(&rig);
	ready(&rig);
	rig.silent = RIG_BIT(FX_CHANNEL_LIST) | RIG_BIT(FX_CHANNEL_CREATE);
	assert_int_equal(ask_restricted(&rig, 9), REFUSE_NOTHING);
	answer_to(&rig, 9, ANSWER_OK, 0);
	for (int i = 0; i < 2; i++) { /* others take the room that is made */
		answer_to(&rig, 9, ANSWER_FULL, 0);
		answer_to(&rig, 9, ANSWER_OK, 0);
	}
	rig.trace[0] = '\0';
	answer_to(&rig, 9, ANSWER_FULL, 0);
	assert_true(str_starts(rig.trace, "threads thread join keep save1 answer1"));
	assert_true(rig.thread_in == 66);
	assert_int_equal(rig.kept[1].row.step, JOB_DONE);
	/* It is in no list of channels, and goes like a channel when its time is over. */
	rig.now_ms += 120000;
	core_channels(rig.core, NULL, 0, rig.now_ms);
	assert_true(core_session_end(rig.core, 9) > 0);
	later(&rig, TTL);
	assert_non_null(strstr(rig.trace, "warn"));
	later(&rig, LEAD);
	assert_non_null(strstr(rig.trace, "lastlook"));
	assert_non_null(strstr(rig.trace, "delete forget"));
	stop(&rig);
}

static void test_else_an_apology(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent =
		RIG_BIT(FX_CHANNEL_LIST) | RIG_BIT(FX_CATEGORY_CREATE) | RIG_BIT(FX_THREAD_CREATE);
	assert_int_equal(ask_restricted(&rig, 9), REFUSE_NOTHING);
	answer_to(&rig, 9, ANSWER_OK, 0);
	answer_to(&rig, 9, ANSWER_FULL, 0);
	answer_to(&rig, 9, ANSWER_FORBIDDEN, 0);
	assert_non_null(strstr(rig.trace, "forbidden"));
	assert_int_equal(rig.kept[1].row.sorry, SORRY_CHANNEL);
	assert_int_equal(rig.kept[1].row.step, JOB_APOLOGISED);
	stop(&rig);
}

/* The answer to its making is lost, and nobody looks for it any more. */
static void test_channel_that_only_an_event_told_of(void **state)
{
	const struct core_channel made = {
		.id = 91, .parent_id = 90, .user_id = 9, .hidden = true, .name = "session-ana"};
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	full(&rig);
	core_channels_made(rig.core, &made, 1, rig.now_ms);
	answer_to(&rig, 9, ANSWER_DOUBT, 0);
	assert_true(core_erase(rig.core, 9, rig.now_ms));
	run(&rig);
	assert_int_equal(rig.deleted, 91);
	stop(&rig);
}

/* A list that was given up told of the channel after all: it is removed like any other. */
static void test_channel_of_a_list_that_came_too_late(void **state)
{
	struct core_channel list[] = {{.id = 90, .category = true, .name = "sessions"},
		{.id = 91, .parent_id = 90, .user_id = 9, .hidden = true, .name = "session-ana"}};
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_CHANNEL_LIST);
	assert_int_equal(ask(&rig, 9, false), REFUSE_NOTHING);
	core_channels(rig.core, list, countof(list), rig.now_ms);
	answer_to(&rig, 9, ANSWER_NO, 0);
	assert_int_equal(rig.kept[1].row.step, JOB_APOLOGISED);
	later(&rig, TTL - LEAD);
	assert_string_equal(rig.trace, "member warn");
	later(&rig, LEAD);
	assert_string_equal(rig.trace, "lastlook delete forget");
	stop(&rig);
}

/* It was asked for before the channel was deleted. */
static void test_channel_of_a_list_that_is_older(void **state)
{
	struct core_channel list[] = {{.id = 90, .category = true, .name = "sessions"},
		{.id = 91, .parent_id = 90, .user_id = 9, .hidden = true, .name = "session-ana"}};
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	core_channels(rig.core, list, countof(list), rig.now_ms);
	core_erase(rig.core, 9, rig.now_ms);
	run(&rig);
	assert_non_null(strstr(rig.trace, "delete"));
	rig.trace[0] = '\0';
	core_channels(rig.core, list, countof(list), rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "");
	list[1].id = 92; /* another one of his, which somebody deletes */
	core_channels(rig.core, list, countof(list), rig.now_ms);
	core_channel_gone(rig.core, 92, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "keep forget");
	rig.trace[0] = '\0';
	core_channels(rig.core, list, countof(list), rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "");
	stop(&rig);
}

/* A crash after a thread was made and before its row was written. */
static void test_thread_is_found_again(void **state)
{
	struct core_channel thread = {.id = 800, .user_id = 9, .parent_id = 66};
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	core_threads(rig.core, &thread, 1, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "join keep");
	assert_true(core_session_end(rig.core, 9) > 0);
	rig.trace[0] = '\0';
	thread.id = 801; /* one too many */
	core_threads(rig.core, &thread, 1, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "delete");
	assert_true(rig.deleted == 801);
	core_channel_gone(rig.core, 800, rig.now_ms);
	run(&rig);
	assert_true(core_session_end(rig.core, 9) == 0);
	stop(&rig);
}

/* Whoever has left the thread is in it again before a picture is posted there. */
static void test_thread_is_joined_for_each_request(void **state)
{
	struct rig rig;

	start(&rig, 10);
	load(&rig, 1, rig.next_id + 1, 0, SESSION_THREAD);
	ready(&rig);
	rig.silent = RIG_BIT(FX_THREAD_JOIN);
	ask(&rig, 1, false);
	assert_true(str_ends(rig.trace, "join"));
	ask(&rig, 1, false);
	assert_int_equal(core_job(rig.core, 1)->step, JOB_CHANNEL);
	answer_to(&rig, 1, ANSWER_OK, 0);
	assert_int_equal(rig.kept[1].row.step, JOB_DONE);
	assert_int_equal(rig.kept[2].row.step, JOB_DONE);
	stop(&rig);
}

/* One that is archived or locked: another one, but not for ever. */
static void test_thread_that_cannot_be_joined(void **state)
{
	struct rig rig;
	uint64_t id;

	start(&rig, 10);
	id = ++rig.next_id;
	load(&rig, 9, id, 0, SESSION_THREAD);
	ready(&rig);
	rig.silent = RIG_BIT(FX_THREAD_JOIN) | RIG_BIT(FX_CATEGORY_CREATE);
	assert_int_equal(ask_as(&rig, 9, false), REFUSE_NOTHING);
	answer_to(&rig, 9, ANSWER_NO, 0);
	assert_true(rig.deleted == id);
	assert_true(str_ends(rig.trace, "delete forget list category"));
	answer_to(&rig, 9, ANSWER_FULL, 0);
	assert_true(str_ends(rig.trace, "threads thread join"));
	answer_to(&rig, 9, ANSWER_NO, 0);
	assert_true(str_ends(rig.trace, "end1"));
	assert_int_equal(rig.kept[1].row.sorry, SORRY_CHANNEL);
	assert_int_equal(rig.kept[1].row.step, JOB_APOLOGISED);
	assert_true(core_deadline(rig.core) == NEVER);
	stop(&rig);
}

/* The same of one that a list of threads has: neither its member nor the others wait for ever. */
static void test_thread_in_a_list_that_cannot_be_joined(void **state)
{
	struct core_channel thread = {.id = 800, .user_id = 9, .parent_id = 66};
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_THREAD_LIST) | RIG_BIT(FX_THREAD_JOIN) | RIG_BIT(FX_CHANNEL_CREATE);
	assert_int_equal(ask_as(&rig, 9, false), REFUSE_NOTHING);
	answer_to(&rig, 9, ANSWER_FULL, 0);
	core_threads(rig.core, &thread, 1, rig.now_ms);
	answer_to(&rig, 9, ANSWER_OK, 0);
	assert_true(str_ends(rig.trace, "threads join"));
	answer_to(&rig, 9, ANSWER_NO, 0);
	assert_true(rig.deleted == 800);
	answer_to(&rig, 9, ANSWER_OK, ++rig.next_id);
	assert_int_equal(rig.kept[1].row.step, JOB_DONE);
	rig.silent = 0;
	assert_int_equal(ask_as(&rig, 2, false), REFUSE_NOTHING);
	assert_int_equal(rig.kept[2].row.step, JOB_DONE);
	stop(&rig);
}

/* ---- permissions ---- */

static void test_lost_permission_is_told_once(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_CHANNEL_LIST) | RIG_BIT(FX_CATEGORY_CREATE);
	for (uint64_t user = 1; user <= 3; user++) {
		rig.now_ms += user == 3 ? 3600000 : 0; /* and once more after an hour */
		rig.trace[0] = '\0';
		ask(&rig, user, false);
		answer_to(&rig, user, ANSWER_OK, 0);
		answer_to(&rig, user, ANSWER_FORBIDDEN, 0);
		assert_int_equal(strstr(rig.trace, "forbidden") != NULL, user != 2);
		assert_int_equal(rig.kept[user].row.sorry, SORRY_PERMISSION);
		assert_string_equal(rig.kept[user].row.detail, "why");
	}
	stop(&rig);
}

static void test_picture_that_may_not_be_posted(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_POST);
	ask(&rig, 1, false);
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_FORBIDDEN, NULL, rig.now_ms);
	run(&rig);
	assert_int_equal(rig.kept[1].row.sorry, SORRY_PERMISSION);
	assert_int_equal(rig.kept[1].row.step, JOB_APOLOGISED);
	stop(&rig);
}

/* ---- age restriction ---- */

static void test_restricted_from_the_beginning(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_CHANNEL_CREATE);
	ask_restricted(&rig, 1);
	assert_true(rig.last.restricted);
	rig.silent = 0;
	answer_to(&rig, 1, ANSWER_OK, ++rig.next_id);
	assert_null(strstr(rig.trace, "restrict"));
	assert_int_equal(rig.kept[1].row.step, JOB_DONE);
	stop(&rig);
}

static void test_restricted_before_the_job_goes_on(void **state)
{
	struct rig rig;

	start(&rig, 10);
	load(&rig, 1, rig.next_id + 1, 0, 0);
	ready(&rig);
	rig.silent = RIG_BIT(FX_CHANNEL_RESTRICT);
	ask_restricted(&rig, 1);
	assert_true(str_ends(rig.trace, "restrict"));
	rig.silent = RIG_BIT(FX_CHANNEL_RESTRICT) | RIG_BIT(FX_WATCH);
	ask(&rig, 1, false); /* an ordinary one need not wait */
	assert_int_equal(core_job(rig.core, 2)->step, JOB_WATCH);
	assert_int_equal(core_job(rig.core, 1)->step, JOB_CHANNEL);
	answer_to(&rig, 1, ANSWER_OK, 0);
	assert_int_equal(core_job(rig.core, 1)->step, JOB_QUEUE);
	stop(&rig);
}

static void test_refused_restriction(void **state)
{
	struct rig rig;

	start(&rig, 10);
	load(&rig, 1, rig.next_id + 1, 0, 0);
	load(&rig, 2, rig.next_id + 2, 0, SESSION_THREAD);
	ready(&rig);
	rig.silent = RIG_BIT(FX_CHANNEL_RESTRICT);
	ask_restricted(&rig, 1);
	answer_to(&rig, 1, ANSWER_FORBIDDEN, 0);
	assert_int_equal(rig.kept[1].row.sorry, SORRY_RESTRICTED);
	assert_int_equal(rig.kept[1].row.step, JOB_APOLOGISED);
	assert_true(core_session_end(rig.core, 1) > 0); /* the channel stays */
	ask_restricted(&rig, 2);			/* a thread is what its channel is */
	assert_int_equal(rig.kept[2].row.sorry, SORRY_RESTRICTED);
	stop(&rig);
}

/* Somebody lifts the restriction while the picture is being made. */
static void test_restriction_lifted_meanwhile(void **state)
{
	struct rig rig;
	uint64_t id;

	start(&rig, 10);
	id = rig.next_id + 1;
	load(&rig, 1, id, 0, SESSION_AGE_RESTRICTED);
	ready(&rig);
	rig.silent = RIG_BIT(FX_WATCH) | RIG_BIT(FX_CHANNEL_RESTRICT);
	ask_restricted(&rig, 1);
	rig.trace[0] = '\0';
	core_channel_changed(rig.core, id, false, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "keep restrict");
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_OK, NULL, rig.now_ms);
	run(&rig);
	assert_int_equal(core_job(rig.core, 1)->step, JOB_CHANNEL);
	assert_null(strstr(rig.trace, "post"));
	answer_to(&rig, 1, ANSWER_OK, 0);
	assert_non_null(strstr(rig.trace, "fetch1 save1 post1"));
	assert_int_equal(rig.kept[1].row.outcome, OUTCOME_PICTURE);
	stop(&rig);
}

/* ---- erasing ---- */

static void test_erase(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_WATCH) | RIG_BIT(FX_ERASE);
	ask(&rig, 1, false);
	ask(&rig, 1, false);
	rig.trace[0] = '\0';
	core_erase(rig.core, 1, rig.now_ms);
	run(&rig);
	assert_int_equal(rig.kept[1].row.sorry, SORRY_ERASED);
	assert_int_equal(rig.kept[2].row.sorry, SORRY_ERASED);
	assert_true(str_ends(rig.trace, "delete keep erase")); /* the wish outlives the channel */
	assert_int_equal(ask(&rig, 1, false), REFUSE_ERASING);
	rig.trace[0] = '\0';
	answer_to(&rig, 1, ANSWER_AGAIN, 0);
	rig.silent = 0;
	later(&rig, 2000);
	assert_string_equal(rig.trace, "erase forget");
	assert_int_equal(ask(&rig, 1, false), REFUSE_NOTHING);
	stop(&rig);
}

/* Of a crash's time: a list tells of it while the rows are erased. */
static void test_erase_a_channel_that_nobody_knew(void **state)
{
	struct core_channel list[] = {{.id = 90, .category = true, .name = "sessions"},
		{.id = 91, .parent_id = 90, .user_id = 1, .hidden = true, .name = "session-ana"}};
	struct rig rig;

	start(&rig, 10);
	load(&rig, 1, 0, 0, SESSION_ERASE);
	rig.silent = RIG_BIT(FX_ERASE);
	core_ready(rig.core, 7, rig.now_ms);
	run(&rig);
	core_channels(rig.core, list, countof(list), rig.now_ms);
	run(&rig);
	rig.trace[0] = '\0';
	answer_to(&rig, 1, ANSWER_OK, 0);
	assert_string_equal(rig.trace, "keep delete keep erase");
	answer_to(&rig, 1, ANSWER_OK, 0);
	assert_int_equal(ask(&rig, 1, false), REFUSE_NOTHING);
	stop(&rig);
}

static void test_erase_after_a_restart(void **state)
{
	struct rig rig;

	start(&rig, 10);
	load(&rig, 1, 500, 0, SESSION_ERASE);
	load(&rig, 2, 0, 0, SESSION_ERASE);
	core_ready(rig.core, 7, rig.now_ms);
	run(&rig);
	assert_non_null(strstr(rig.trace, "delete"));
	assert_true(str_ends(rig.trace, "erase forget forget"));
	assert_true(core_deadline(rig.core) == NEVER);
	stop(&rig);
}

/* Discord says that the channel is gone before it answers the call that removed it. */
static void test_erase_when_the_event_comes_first(void **state)
{
	struct rig rig;

	start(&rig, 10);
	load(&rig, 1, 500, 0, 0);
	ready(&rig);
	rig.silent = RIG_BIT(FX_CHANNEL_DELETE);
	rig.trace[0] = '\0';
	assert_true(core_erase(rig.core, 1, rig.now_ms));
	assert_false(core_erase(rig.core, 1, rig.now_ms));
	run(&rig);
	assert_string_equal(rig.trace, "keep delete");
	core_channel_gone(rig.core, 500, rig.now_ms);
	assert_true(core_deadline(rig.core) <= rig.now_ms);
	core_tick(rig.core, rig.now_ms);
	run(&rig);
	assert_true(str_ends(rig.trace, "erase forget"));
	stop(&rig);
}

/* What is being posted is posted, then it goes. */
static void test_erase_waits_for_what_cannot_be_cancelled(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_POST);
	ask(&rig, 1, false);
	rig.trace[0] = '\0';
	core_erase(rig.core, 1, rig.now_ms);
	run(&rig);
	assert_string_equal(rig.trace, "keep");
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_OK, &(struct answer_args){.message_id = 5},
		rig.now_ms);
	run(&rig);
	assert_int_equal(rig.kept[1].row.step, JOB_DONE);
	assert_true(str_ends(rig.trace, "delete keep erase forget"));
	stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_member_who_left),
		cmocka_unit_test(test_nobody_knows_whether_he_left),
		cmocka_unit_test(test_jobs_of_a_member_who_left),
		cmocka_unit_test(test_left_before_the_channel),
		cmocka_unit_test(test_longest_idle_makes_room),
		cmocka_unit_test(test_else_a_private_thread),
		cmocka_unit_test(test_else_an_apology),
		cmocka_unit_test(test_channel_that_only_an_event_told_of),
		cmocka_unit_test(test_channel_of_a_list_that_came_too_late),
		cmocka_unit_test(test_channel_of_a_list_that_is_older),
		cmocka_unit_test(test_thread_is_found_again),
		cmocka_unit_test(test_thread_is_joined_for_each_request),
		cmocka_unit_test(test_thread_that_cannot_be_joined),
		cmocka_unit_test(test_thread_in_a_list_that_cannot_be_joined),
		cmocka_unit_test(test_lost_permission_is_told_once),
		cmocka_unit_test(test_picture_that_may_not_be_posted),
		cmocka_unit_test(test_restricted_from_the_beginning),
		cmocka_unit_test(test_restricted_before_the_job_goes_on),
		cmocka_unit_test(test_refused_restriction),
		cmocka_unit_test(test_restriction_lifted_meanwhile),
		cmocka_unit_test(test_erase),
		cmocka_unit_test(test_erase_after_a_restart),
		cmocka_unit_test(test_erase_a_channel_that_nobody_knew),
		cmocka_unit_test(test_erase_when_the_event_comes_first),
		cmocka_unit_test(test_erase_waits_for_what_cannot_be_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
