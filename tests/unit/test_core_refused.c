/* SPDX-License-Identifier: Apache-2.0 */
#include "core/session_in.h"
#include "core/state.h"
#include "core_rig.h"

/*
 * What Discord says of a member's channel, for each ask about one: the member gets his picture, by
 * a longer way, or hears why not; nobody waits for ever. The rig answers everything else with yes.
 */

#define FOR_EVER 1000

struct refused {
	enum effect_kind kind;
	enum answer answer;
	int times;	 /* so often; then it goes well */
	bool full;	 /* the server takes no more channels: a thread is made */
	bool restricted; /* the workflow is for channels with an age restriction */
	int end;
	enum sorry sorry;
};

static void answer_one(struct rig *rig, const struct effect *e, enum answer answer)
{
	uint64_t id = answer == ANSWER_OK ? ++rig->next_id : 0;

	if (e->kind == FX_CHANNEL_LIST && answer == ANSWER_OK)
		core_channels(rig->core, NULL, 0, rig->now_ms);
	core_session_answer(rig->core, 1, e->epoch, answer, id, "no", rig->now_ms);
}

/* Until the job has ended, or nothing happens any more. */
static void carry_on(struct rig *rig, const struct refused *c)
{
	int given = 0;

	for (int i = 0; i < 400 && core_first_job(rig->core); i++) {
		struct effect e = rig->last;

		rig->last.kind = FX_NONE;
		if (e.kind == c->kind && given < c->times) {
			given++;
			answer_one(rig, &e, c->answer);
		} else if (c->full && e.kind == FX_CHANNEL_CREATE) {
			answer_one(rig, &e, ANSWER_FULL);
		} else if (e.kind == c->kind) {
			answer_one(rig, &e, ANSWER_OK);
		} else if (core_deadline(rig->core) != NEVER) {
			rig->now_ms = max_of(rig->now_ms, core_deadline(rig->core));
			core_tick(rig->core, rig->now_ms);
		}
		run(rig);
	}
	assert_true(given > 0); /* it was asked at all */
}

static void ends(const struct refused *c)
{
	struct request r = a_request(1);
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(c->kind) | (c->full ? RIG_BIT(FX_CHANNEL_CREATE) : 0);
	r.origin_id = 5;
	r.age_restricted = c->restricted;
	assert_int_equal(core_request(rig.core, &r, rig.now_ms), REFUSE_NOTHING);
	run(&rig);
	carry_on(&rig, c);
	if (core_first_job(rig.core) || rig.kept[1].row.step != c->end ||
		rig.kept[1].row.sorry != (int)c->sorry)
		fail_msg("%s answered %d, %d times: %s, step %d, sorry %d", names[c->kind],
			c->answer, c->times, core_first_job(rig.core) ? "waits" : "ended",
			rig.kept[1].row.step, rig.kept[1].row.sorry);
	stop(&rig);
}

static void test_finding_and_making(void **state)
{
	static const struct refused cases[] = {
		{FX_CHANNEL_LIST, ANSWER_AGAIN, 2, .end = JOB_DONE},
		{FX_CHANNEL_LIST, ANSWER_DOUBT, FOR_EVER, .end = JOB_APOLOGISED, SORRY_CHANNEL},
		{FX_CHANNEL_LIST, ANSWER_NO, 1, .end = JOB_APOLOGISED, SORRY_CHANNEL},
		{FX_CHANNEL_LIST, ANSWER_FORBIDDEN, 1, .end = JOB_APOLOGISED, SORRY_PERMISSION},
		{FX_CATEGORY_CREATE, ANSWER_AGAIN, 2, .end = JOB_DONE},
		{FX_CATEGORY_CREATE, ANSWER_DOUBT, FOR_EVER, .end = JOB_APOLOGISED, SORRY_CHANNEL},
		{FX_CATEGORY_CREATE, ANSWER_NO, 1, .end = JOB_APOLOGISED, SORRY_CHANNEL},
		{FX_CATEGORY_CREATE, ANSWER_FORBIDDEN, 1, .end = JOB_APOLOGISED, SORRY_PERMISSION},
		{FX_CATEGORY_CREATE, ANSWER_FULL, 1, .end = JOB_DONE},
		{FX_CHANNEL_CREATE, ANSWER_AGAIN, 2, .end = JOB_DONE},
		{FX_CHANNEL_CREATE, ANSWER_DOUBT, FOR_EVER, .end = JOB_APOLOGISED, SORRY_CHANNEL},
		{FX_CHANNEL_CREATE, ANSWER_NO, 1, .end = JOB_APOLOGISED, SORRY_CHANNEL},
		{FX_CHANNEL_CREATE, ANSWER_FORBIDDEN, 1, .end = JOB_APOLOGISED, SORRY_PERMISSION},
		{FX_CHANNEL_CREATE, ANSWER_TOO_LARGE, 1, .end = JOB_DONE},
		{FX_CHANNEL_CREATE, ANSWER_FULL, 1, .end = JOB_DONE},
	};

	for (size_t i = 0; i < countof(cases); i++)
		ends(&cases[i]);
}

/* Its channel goes while the live message is being made: the post may arrive in it all the same. */
static void test_the_live_message_went_with_its_channel(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_POST);
	ask(&rig, 1, false);
	core_channel_gone(rig.core, core_job(rig.core, 1)->row.channel_id, rig.now_ms);
	core_live(rig.core, 1, 4711, rig.now_ms);
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_OK, NULL, rig.now_ms);
	run(&rig);
	assert_int_equal(rig.kept[1].row.step, JOB_DONE);
	assert_int_equal(rig.kept[1].row.live_id, 0);
	stop(&rig);
}

/* Discord was away for so long that the command cannot be answered any more. */
static void test_the_token_is_too_old(void **state)
{
	static const enum answer answers[] = {ANSWER_NO, ANSWER_GONE};

	for (size_t i = 0; i < countof(answers); i++) {
		struct rig rig;

		start(&rig, 10);
		ready(&rig);
		rig.silent = RIG_BIT(FX_CHANNEL_LIST) | RIG_BIT(FX_SORRY);
		ask(&rig, 1, false);
		while (core_job(rig.core, 1)->step != JOB_SORRY) {
			rig.now_ms = core_deadline(rig.core);
			core_tick(rig.core, rig.now_ms);
			run(&rig);
		}
		assert_true(core_job(rig.core, 1)->no_channel);
		rig.now_ms += 15 * 60000;
		rig.silent = 0;
		core_answer(rig.core, 1, rig.epoch[1], answers[i], NULL, rig.now_ms);
		run(&rig);
		assert_int_equal(rig.kept[1].row.step, JOB_APOLOGISED);
		assert_true(core_session_end(rig.core, 1) > 0); /* it has a channel */
		stop(&rig);
	}
}

/* Nor is there a channel then: that both were refused has an end. */
static void test_nothing_can_be_said(void **state)
{
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_CHANNEL_CREATE) | RIG_BIT(FX_SORRY);
	ask(&rig, 1, false);
	rig.now_ms += 15 * 60000;
	for (int asks = 0; core_first_job(rig.core); asks++) {
		struct effect e = rig.last;

		assert_true(asks < 4);
		if (core_job(rig.core, 1)->step == JOB_SORRY)
			core_answer(rig.core, 1, rig.epoch[1], ANSWER_NO, NULL, rig.now_ms);
		else
			answer_one(&rig, &e, ANSWER_NO);
		run(&rig);
	}
	assert_int_equal(rig.kept[1].row.step, JOB_UNDELIVERABLE);
	stop(&rig);
}

static void test_threads(void **state)
{
	static const struct refused cases[] = {
		{FX_THREAD_LIST, ANSWER_AGAIN, 2, true, .end = JOB_DONE},
		{FX_THREAD_LIST, ANSWER_NO, 1, true, .end = JOB_DONE},
		{FX_THREAD_CREATE, ANSWER_AGAIN, 2, true, .end = JOB_DONE},
		{FX_THREAD_CREATE, ANSWER_DOUBT, FOR_EVER, true, .end = JOB_APOLOGISED,
			SORRY_CHANNEL},
		{FX_THREAD_CREATE, ANSWER_NO, 1, true, .end = JOB_APOLOGISED, SORRY_CHANNEL},
		{FX_THREAD_CREATE, ANSWER_FORBIDDEN, 1, true, .end = JOB_APOLOGISED, SORRY_CHANNEL},
		{FX_THREAD_JOIN, ANSWER_AGAIN, 2, true, .end = JOB_DONE},
		{FX_THREAD_JOIN, ANSWER_GONE, 1, true, .end = JOB_DONE},
		{FX_THREAD_JOIN, ANSWER_NO, FOR_EVER, true, .end = JOB_APOLOGISED, SORRY_CHANNEL},
		{FX_THREAD_JOIN, ANSWER_FORBIDDEN, 1, true, .end = JOB_APOLOGISED,
			SORRY_PERMISSION},
	};

	for (size_t i = 0; i < countof(cases); i++)
		ends(&cases[i]);
}

/* Nothing else happens then: whoever waits is looked at again in time all the same. */
static void test_a_thread_goes_while_it_is_joined(void **state)
{
	struct request r = a_request(1);
	struct effect e;
	struct rig rig;

	start(&rig, 10);
	ready(&rig);
	rig.silent = RIG_BIT(FX_CHANNEL_CREATE) | RIG_BIT(FX_THREAD_JOIN);
	r.origin_id = 5;
	assert_int_equal(core_request(rig.core, &r, rig.now_ms), REFUSE_NOTHING);
	run(&rig);
	e = rig.last;
	answer_one(&rig, &e, ANSWER_FULL);
	run(&rig);
	assert_int_equal(rig.last.kind, FX_THREAD_JOIN);
	core_channel_gone(rig.core, session_look(rig.core, 1)->row.channel_id, rig.now_ms);
	rig.silent = 0;
	while (core_first_job(rig.core)) {
		assert_true(core_deadline(rig.core) < rig.now_ms + 60000);
		rig.now_ms = max_of(rig.now_ms, core_deadline(rig.core));
		core_tick(rig.core, rig.now_ms);
		run(&rig);
	}
	assert_int_equal(rig.kept[1].row.step, JOB_DONE);
	stop(&rig);
}

/* A channel without the restriction, to which a job comes that needs one. */
static void test_restricting(void **state)
{
	static const struct {
		enum answer answer;
		int times, end;
		enum sorry sorry;
	} cases[] = {
		{ANSWER_AGAIN, 2, JOB_DONE, SORRY_NONE},
		{ANSWER_DOUBT, FOR_EVER, JOB_APOLOGISED, SORRY_RESTRICTED},
		{ANSWER_NO, 1, JOB_APOLOGISED, SORRY_RESTRICTED},
		{ANSWER_FORBIDDEN, 1, JOB_APOLOGISED, SORRY_RESTRICTED},
		{ANSWER_GONE, 1, JOB_DONE, SORRY_NONE},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		const struct refused c = {FX_CHANNEL_RESTRICT, cases[i].answer, cases[i].times};
		struct request r = a_request(1);
		struct rig rig;

		start(&rig, 10);
		core_load_session(rig.core, &(struct session_row){.user_id = 1, .channel_id = 500});
		ready(&rig);
		rig.silent = RIG_BIT(c.kind);
		r.age_restricted = true;
		assert_int_equal(core_request(rig.core, &r, rig.now_ms), REFUSE_NOTHING);
		run(&rig);
		carry_on(&rig, &c);
		if (rig.kept[1].row.step != cases[i].end ||
			rig.kept[1].row.sorry != (int)cases[i].sorry)
			fail_msg("answer %d: step %d, sorry %d", cases[i].answer,
				rig.kept[1].row.step, rig.kept[1].row.sorry);
		stop(&rig);
	}
}

/* The end of an idle channel, and of one whose member wants all erased. */
static void test_removing(void **state)
{
	static const struct {
		enum answer answer;
		bool erase;
		const char *trace; /* what follows the answer */
	} cases[] = {
		{ANSWER_AGAIN, false, "delete forget"},
		{ANSWER_DOUBT, false, "delete forget"},
		{ANSWER_GONE, false, "forget"},
		{ANSWER_NO, false, "unwarn keep"},
		{ANSWER_FORBIDDEN, false, "forbidden unwarn keep"},
		{ANSWER_NO, true, "keep erase forget"},
		{ANSWER_FORBIDDEN, true, "forbidden keep erase forget"},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct rig rig;

		start(&rig, 10);
		core_load_session(rig.core,
			&(struct session_row){
				.user_id = 1, .channel_id = 500, .active_ms = rig.now_ms});
		ready(&rig);
		rig.silent = RIG_BIT(FX_CHANNEL_DELETE);
		if (cases[i].erase)
			(void)core_erase(rig.core, 1, rig.now_ms);
		run(&rig);
		for (int n = 0; n < 20 && rig.last.kind != FX_CHANNEL_DELETE; n++) {
			rig.now_ms = max_of(rig.now_ms, core_deadline(rig.core));
			core_tick(rig.core, rig.now_ms);
			run(&rig);
		}
		assert_int_equal(rig.deleted, 500);
		rig.silent = 0;
		rig.trace[0] = '\0';
		core_session_answer(
			rig.core, 1, rig.session_epoch, cases[i].answer, 0, "no", rig.now_ms);
		for (int n = 0; n < 3; n++) {
			run(&rig);
			if (core_deadline(rig.core) < rig.now_ms + 60000)
				rig.now_ms = max_of(rig.now_ms, core_deadline(rig.core));
			core_tick(rig.core, rig.now_ms);
		}
		run(&rig);
		if (!str_eq(rig.trace, cases[i].trace))
			fail_msg("case %zu: wanted %s, got %s", i, cases[i].trace, rig.trace);
		assert_false(core_is_erasing(rig.core, 1));
		stop(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finding_and_making),
		cmocka_unit_test(test_a_thread_goes_while_it_is_joined),
		cmocka_unit_test(test_the_live_message_went_with_its_channel),
		cmocka_unit_test(test_the_token_is_too_old),
		cmocka_unit_test(test_nothing_can_be_said),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_restricting),
		cmocka_unit_test(test_removing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
