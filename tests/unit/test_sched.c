/* SPDX-License-Identifier: Apache-2.0 */
#include "sched_rig.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* The rules of docs/SCHEDULING.md, one by one, then all of them in random traffic. */

/* Three sets of weights: two that a small card holds, one that only a large one does. */
enum { SMALL, OTHER, LARGE };

static const struct sched_needs needs[] = {
	[SMALL] = {.weights = SMALL,
		.vram_mb = 5000,
		.act_mb = 1000,
		.batch_mb = 500,
		.load_ms = 10000,
		.image_ms = 4000,
		.extra_ms = 3000,
		.batch_max = 4},
	[OTHER] = {.weights = OTHER,
		.vram_mb = 6000,
		.act_mb = 1000,
		.batch_mb = 1000,
		.load_ms = 10000,
		.image_ms = 6000,
		.extra_ms = 4000,
		.batch_max = 4},
	[LARGE] = {.weights = LARGE,
		.vram_mb = 15000,
		.act_mb = 2000,
		.load_ms = 30000,
		.image_ms = 20000,
		.extra_ms = 20000,
		.batch_max = 1},
};

static struct sched_rig *with_cards(int64_t first_mb, int64_t second_mb)
{
	struct sched_rig *r = rig_new(0);

	if (first_mb)
		rig_card(r, first_mb, 1000);
	if (second_mb)
		rig_card(r, second_mb, 1000);
	for (size_t i = 0; i < countof(needs); i++)
		rig_model(r, needs[i]);
	return r;
}

/* The job's card after the decisions of this moment, -1 while it waits. */
static int card_of(struct sched_rig *r, int job)
{
	rig_run(r, r->now_ms);
	return r->jobs[job].state == RIG_SENT ? r->jobs[job].card : -1;
}

static void test_what_no_card_can_hold_is_refused(void **state)
{
	struct sched_rig *r = with_cards(8000, 12000);

	assert_int_equal(rig_arrive(r, LARGE, 1000, 1, 2), -1);
	rig_card(r, 24000, 1000); /* a card was added */
	assert_true(rig_arrive(r, LARGE, 1000, 1, 2) >= 0);
	rig_down(r, 2); /* it waits for the only card that can, even while that is away */
	assert_true(rig_arrive(r, LARGE, 1000, 1, 2) >= 0);
	rig_run(r, 100000);
	assert_int_equal(r->n_waiting, 2);
	rig_up(r, 2);
	rig_run(r, NEVER);
	assert_int_equal(r->n_waiting, 0);
	rig_free(r);
}

static void test_a_job_goes_where_its_weights_are(void **state)
{
	struct sched_rig *r = with_cards(12000, 12000);
	int a = rig_arrive(r, SMALL, 1000, 1, 2), b = rig_arrive(r, OTHER, 1000, 2, 2);

	rig_run(r, 60000);
	for (int i = 0; i < 5; i++) {
		int c = rig_arrive(r, SMALL, 1000, 3, 2), d = rig_arrive(r, OTHER, 1000, 4, 2);

		assert_int_equal(card_of(r, c), r->jobs[a].card);
		assert_int_equal(card_of(r, d), r->jobs[b].card);
		rig_run(r, r->now_ms + 20000);
	}
	assert_int_equal(r->loads, 2);
	rig_free(r);
}

static void test_a_holder_is_waited_for_when_that_is_sooner(void **state)
{
	struct sched_rig *r = with_cards(8000, 8000);
	int a = rig_arrive(r, SMALL, 1000, 1, 2), b;

	rig_run(r, 11000); /* loaded; three more seconds */
	b = rig_arrive(r, SMALL, 1000, 2, 2);
	assert_int_equal(card_of(r, b), -1);
	rig_run(r, 14000);
	assert_int_equal(card_of(r, b), r->jobs[a].card);
	/* With a long line a second copy is worth its load. */
	for (uint64_t i = 0; i < 20; i++)
		rig_arrive(r, SMALL, 1000, 10 + i, 2);
	rig_run(r, 14000);
	assert_int_equal(r->loads, 2);
	rig_free(r);
}

/* A card that runs a picture of 16 s, another one that could load in ten: worth it unless what the
 * load pushes out will be missed. */
static void test_a_holder_is_waited_for_when_a_load_costs_another(void **state)
{
	for (int wanted = 0; wanted < 2; wanted++) {
		struct sched_rig *r = with_cards(8000, 8000);
		int long_one, next;

		rig_arrive(r, SMALL, 1000, 1, 2);
		if (wanted)
			rig_arrive(r, OTHER, 4000, 2, 2);
		rig_run(r, 60000);
		long_one = rig_arrive(r, SMALL, 4000, 3, 2);
		assert_int_equal(card_of(r, long_one), 0);
		next = rig_arrive(r, SMALL, 1000, 4, 2);
		assert_int_equal(card_of(r, next), wanted ? -1 : 1);
		rig_run(r, NEVER);
		assert_int_equal(r->jobs[next].card, wanted ? 0 : 1);
		rig_free(r);
	}
}

/* What is learned of models and cards meanwhile holds for what waits already. */
static void test_what_is_learned_counts_at_once(void **state)
{
	struct sched_needs quick = needs[OTHER];
	struct sched_rig *r = with_cards(24000, 0);
	int a, b;

	a = rig_arrive(r, SMALL, 1000, 1, 2);
	assert_int_equal(card_of(r, a), 0);
	b = rig_arrive(r, LARGE, 1000, 2, 2);
	a = rig_arrive(r, OTHER, 1000, 3, 2);
	/* The slow one would go first if the other were far slower than was thought. */
	quick.image_ms = quick.extra_ms = 3600000;
	sched_model_set(r->sched, r->models[OTHER], &quick);
	r->needs[OTHER] = quick;
	rig_run(r, 14000);
	assert_int_equal(r->jobs[b].state, RIG_SENT);
	assert_int_equal(r->jobs[a].state, RIG_WAITS);
	rig_run(r, NEVER);
	assert_int_equal(r->jobs[a].done_ms - r->jobs[a].began_ms, 3600000);
	rig_free(r);
}

/* A job whose workflow loads other files now goes where those are. */
static void test_a_model_may_load_other_weights(void **state)
{
	struct sched_needs moved = needs[OTHER];
	struct sched_rig *r = with_cards(8000, 8000);
	int a = rig_arrive(r, SMALL, 1000, 1, 2), b = rig_arrive(r, OTHER, 1000, 2, 2), c;

	rig_run(r, 60000);
	moved.weights = SMALL;
	moved.vram_mb = needs[SMALL].vram_mb;
	sched_model_set(r->sched, r->models[OTHER], &moved);
	r->needs[OTHER] = moved;
	for (int i = 0; i < 3; i++) {
		c = rig_arrive(r, OTHER, 1000, 3, 2);
		assert_int_equal(card_of(r, c), r->jobs[a].card);
		rig_run(r, r->now_ms + 60000);
	}
	assert_int_not_equal(r->jobs[a].card, r->jobs[b].card);
	assert_int_equal(r->loads, 2);
	rig_free(r);
}

static void test_a_card_turns_out_to_be_faster(void **state)
{
	struct sched_rig *r = with_cards(8000, 8000);
	struct sched_card fast = {.vram_mb = 8000, .speed = 4000, .load_speed = 1000};

	assert_int_equal(card_of(r, rig_arrive(r, SMALL, 1000, 1, 2)), 0);
	rig_run(r, 60000);
	assert_int_equal(card_of(r, rig_arrive(r, OTHER, 1000, 1, 2)), 1);
	rig_run(r, 80000);
	/* It keeps what it holds, and is preferred. */
	sched_card_set(r->sched, 1, &fast);
	r->cards[1].spec = fast;
	assert_int_equal(card_of(r, rig_arrive(r, OTHER, 1000, 1, 2)), 1);
	rig_run(r, 121500);
	assert_int_equal(r->jobs[2].state, RIG_DONE);
	assert_int_equal(r->loads, 2);
	rig_free(r);
}

/* Speeds that are learned again and again leave nothing behind. */
static void test_kinds_of_cards_are_used_again(void **state)
{
	struct sched_rig *r = with_cards(12000, 12000);
	size_t before, after;

	for (int i = 0; i < 5000; i++) {
		struct sched_card spec = {
			.vram_mb = 12000, .speed = 1000 + i, .load_speed = 1000, .keep = i % 3};

		sched_card_set(r->sched, i % 2, &spec);
		r->cards[i % 2].spec = spec;
		before = r->n_jobs;
		assert_true(rig_arrive(r, i % 2 ? SMALL : OTHER, 1000, 1, 2) >= 0);
		rig_run(r, NEVER);
		after = r->n_jobs;
		assert_int_equal(after, before + 1);
	}
	assert_true(sched_kinds(r->sched) <= 3);
	rig_free(r);
}

static void test_small_models_leave_the_large_card_to_large_ones(void **state)
{
	struct sched_rig *r = with_cards(24000, 8000);
	int a = rig_arrive(r, SMALL, 1000, 1, 2), b = rig_arrive(r, LARGE, 1000, 2, 2);

	assert_int_equal(card_of(r, a), 1);
	assert_int_equal(card_of(r, b), 0);
	rig_free(r);
}

static void test_administrators_go_first_and_boosters_early(void **state)
{
	struct sched_rig *r = with_cards(8000, 0);
	int everyone, booster, admin, old;

	rig_arrive(r, SMALL, 4000, 1, 2);
	rig_run(r, 5000);
	old = rig_arrive(r, SMALL, 500, 5, 2);
	rig_run(r, 10000);
	everyone = rig_arrive(r, SMALL, 2000, 2, 2);
	booster = rig_arrive(r, SMALL, 1000, 3, 1);
	admin = rig_arrive(r, SMALL, 1500, 4, 0);
	rig_run(r, NEVER);
	assert_true(r->jobs[admin].began_ms < r->jobs[booster].began_ms);
	assert_true(r->jobs[booster].began_ms < r->jobs[everyone].began_ms);
	assert_int_equal(r->jobs[old].state, RIG_DONE);
	rig_free(r);
}

/* An administrator who has just asked soon asks again: his card waits for him a little, and runs
 * nobody's pictures with his. */
static void test_the_card_of_an_administrator_is_kept_for_a_moment(void **state)
{
	struct sched_rig *r = with_cards(8000, 8000);
	int others[6], first, second;

	first = rig_arrive(r, SMALL, 1000, 1, 0);
	for (int i = 0; i < 2; i++)
		others[i] = rig_arrive(r, SMALL, 1000, (uint64_t)i + 2, 2);
	assert_int_equal(card_of(r, first), 0);
	rig_run(r, 9000);
	/* Two cards hold it, one is far from free: the administrator's is kept ... */
	for (int i = 2; i < 6; i++)
		others[i] = rig_arrive(r, OTHER, 4000, (uint64_t)i + 2, 2);
	rig_arrive(r, SMALL, 1000, 1, 0);
	second = rig_arrive(r, SMALL, 1000, 1, 0);
	rig_run(r, NEVER);
	assert_int_equal(r->jobs[first].began_ms, 10000);
	assert_true(r->jobs[second].began_ms <= 14000);
	assert_int_equal(r->jobs[second].card, r->jobs[second - 1].card);
	for (int i = 0; i < 6; i++)
		assert_true(r->jobs[others[i]].began_ms != r->jobs[second].began_ms);
	rig_free(r);
}

/* What he used is missed for a quarter of an hour, though nobody asked for it since: others wait
 * for the card that holds theirs rather than push it out. */
static void test_what_an_administrator_used_stays_loaded(void **state)
{
	struct sched_rig *r = with_cards(8000, 8000);
	int boss = rig_arrive(r, SMALL, 1000, 1, 0), last;

	for (int64_t from_ms = 600000; from_ms <= 1000000; from_ms += 400000) {
		rig_run(r, from_ms);
		rig_arrive(r, OTHER, 4000, 2, 2);
		rig_run(r, from_ms + 1000); /* on the other card for at least 23 s more */
		last = rig_arrive(r, OTHER, 1000, 3, 2);
		assert_int_equal(card_of(r, last), from_ms == 600000 ? -1 : r->jobs[boss].card);
	}
	rig_free(r);
}

/* Both cards busy for long would leave whoever comes now without one: the last takes what is brief.
 */
static void test_some_card_is_free_soon(void **state)
{
	struct sched_rig *r = with_cards(24000, 24000);
	int first = rig_arrive(r, LARGE, 1000, 1, 2), second, brief, boss;

	assert_int_equal(card_of(r, first), 0); /* until 50 s */
	second = rig_arrive(r, LARGE, 1000, 2, 2);
	assert_int_equal(card_of(r, second), -1);
	brief = rig_arrive(r, OTHER, 1000, 3, 2);
	assert_int_equal(card_of(r, brief), 1); /* 16 s */
	rig_run(r, 29000);
	assert_int_equal(card_of(r, second), -1);
	rig_run(r, 31000); /* nothing happens but that the other card is free in 20 s */
	assert_int_equal(card_of(r, second), 1);
	rig_free(r);

	r = with_cards(24000, 24000);
	rig_arrive(r, LARGE, 1000, 1, 2);
	rig_run(r, 1000);
	boss = rig_arrive(r, LARGE, 1000, 2, 0); /* the rule is for him, not against him */
	assert_int_equal(card_of(r, boss), 1);
	rig_free(r);
}

/* ... but not for long, and never the only one. */
static void test_a_kept_card_is_given_back(void **state)
{
	struct sched_rig *r = with_cards(8000, 8000);
	int boss, member;

	sched_hold(r->sched, 1, true);
	boss = rig_arrive(r, SMALL, 1000, 1, 0);
	rig_run(r, 1000);
	member = rig_arrive(r, SMALL, 1000, 2, 2);
	rig_run(r, 14500);
	assert_int_equal(r->jobs[boss].state, RIG_DONE);
	assert_int_equal(r->jobs[member].state, RIG_WAITS);
	assert_int_equal(sched_wake(r->sched, r->now_ms), 15000);
	rig_run(r, NEVER);
	assert_int_equal(r->jobs[member].began_ms, 15000);
	rig_free(r);

	r = with_cards(8000, 0);
	rig_arrive(r, SMALL, 1000, 1, 0);
	member = rig_arrive(r, SMALL, 1000, 2, 2);
	rig_run(r, NEVER);
	assert_int_equal(r->jobs[member].began_ms, 14000);
	rig_free(r);
}

static void test_boosters_have_no_monopoly(void **state)
{
	struct sched_rig *r = with_cards(8000, 0);
	int patient = rig_arrive(r, SMALL, 1000, 1, 2), last = 0;

	/* Boosters always wait, with work of the same kind that cannot share a pass. */
	for (int i = 0; i < 400; i++) {
		last = rig_arrive(r, SMALL, 1001, 100 + (uint64_t)(i % 20), 1);
		if (i == 0)
			rig_cancel(r, patient), patient = rig_arrive(r, SMALL, 1000, 1, 2);
		rig_run(r, r->now_ms + 2500);
	}
	rig_run(r, NEVER);
	assert_true(r->jobs[patient].began_ms < r->jobs[last].began_ms);
	rig_free(r);
}

static void test_prompts_for_one_model_share_a_pass(void **state)
{
	struct sched_rig *r = with_cards(7000, 0);
	int jobs[6];

	for (int i = 0; i < 6; i++)
		jobs[i] = rig_arrive(r, SMALL, i == 5 ? 2000 : 1000, (uint64_t)i, 2);
	rig_run(r, NEVER);
	/* 7,000 MB hold the weights and a pass of three. */
	assert_int_equal(r->jobs[jobs[0]].began_ms, r->jobs[jobs[2]].began_ms);
	assert_int_equal(r->jobs[jobs[3]].began_ms, r->jobs[jobs[4]].began_ms);
	assert_int_equal(r->passes, 3); /* the other size has a pass of its own */
	assert_int_equal(r->loads, 1);
	rig_free(r);
}

static void test_a_pass_is_not_so_large_that_it_costs_a_load(void **state)
{
	struct sched_rig *r = with_cards(13500, 0);

	/* Both stay on the card, as long as OTHER's passes are of one or two. */
	for (int i = 0; i < 40; i++) {
		rig_arrive(r, SMALL, 1000, 1, 2);
		rig_arrive(r, OTHER, 1000, 2, 2);
		rig_arrive(r, OTHER, 1000, 3, 2);
		rig_run(r, r->now_ms + 16000);
	}
	assert_true(r->loads <= 4);
	rig_free(r);
}

static void test_a_flood_leaves_the_others_alone(void **state)
{
	struct sched_rig *r = with_cards(8000, 0);
	int64_t worst_ms = 0;
	int jobs[10];

	for (int i = 0; i < 120; i++)
		rig_arrive(r, SMALL, 1000, 1, 2);
	for (int i = 0; i < 10; i++) {
		rig_run(r, r->now_ms + 30000);
		jobs[i] = rig_arrive(r, SMALL, 1000, (uint64_t)(2 + i), 2);
	}
	rig_run(r, NEVER);
	for (int i = 0; i < 10; i++)
		worst_ms =
			max_of(worst_ms, r->jobs[jobs[i]].began_ms - r->jobs[jobs[i]].arrived_ms);
	/* No more than the pass that runs, of four. */
	assert_true(worst_ms <= 13000);
	rig_free(r);
}

static void test_a_lost_card_gives_its_jobs_back(void **state)
{
	struct sched_rig *r = with_cards(8000, 8000);
	int a = rig_arrive(r, SMALL, 1000, 1, 2), b;
	int card = card_of(r, a);

	rig_run(r, 12000);
	rig_down(r, card);
	b = rig_arrive(r, SMALL, 2000, 2, 2);
	assert_int_equal(card_of(r, a), 1 - card); /* it is older */
	assert_int_equal(card_of(r, b), -1);
	rig_up(r, card);
	rig_run(r, NEVER);
	assert_int_equal(r->jobs[a].arrived_ms, 0);
	assert_int_equal(r->jobs[b].state, RIG_DONE);
	rig_free(r);
}

static void test_the_next_pass_is_there_when_a_card_is_done(void **state)
{
	struct sched_rig *r = rig_new(800);
	int a, b;

	rig_card(r, 8000, 1000);
	rig_model(r, needs[SMALL]);
	a = rig_arrive(r, 0, 1000, 1, 2);
	rig_run(r, 0);
	b = rig_arrive(r, 0, 2000, 2, 2);
	assert_int_equal(card_of(r, b), -1);
	assert_int_equal(sched_wake(r->sched, r->now_ms), 13000); /* a second before the end */
	rig_run(r, 13000);
	assert_int_equal(r->jobs[b].state, RIG_SENT);
	assert_int_equal(r->jobs[a].state, RIG_SENT);
	rig_run(r, NEVER);
	assert_int_equal(r->jobs[b].began_ms, 14000);
	rig_free(r);
}

/* Others have some of a card: a job goes there only if no card has room for it. What is only
 * guessed keeps nobody away for ever. */
static void test_a_card_is_tried_rather_than_waited_for(void **state)
{
	struct sched *s = sched_new(NULL, 0);
	const struct sched_card crowded = {
		.vram_mb = 4000, .total_mb = 24000, .speed = 1000, .load_speed = 1000};
	const struct sched_card small = {
		.vram_mb = 8000, .total_mb = 8000, .speed = 1000, .load_speed = 1000};
	struct sched_needs guessed = needs[SMALL];
	struct sched_model *model, *large, *guess, *never;
	struct sched_pass pass;

	sched_card_add(s, &crowded);
	sched_card_add(s, &small);
	model = sched_model_add(s, &needs[SMALL]);
	large = sched_model_add(s, &needs[LARGE]);
	guessed.vram_mb = 50000;
	guessed.guess = guessed.unknown = true;
	guessed.weights = 7;
	guess = sched_model_add(s, &guessed);
	guessed.guess = guessed.unknown = false;
	guessed.weights = 8;
	never = sched_model_add(s, &guessed);
	assert_null(sched_arrive(s, 0, never, 1000, 1, 2, 0, 9));
	assert_true(sched_model_is_hopeless(never) && !sched_model_is_hopeless(guess));
	/* Six GB are free on the second card only, and it is waited for. */
	assert_non_null(sched_arrive(s, 0, model, 1000, 1, 2, 0, 1));
	assert_non_null(sched_arrive(s, 0, model, 1000, 1, 2, 0, 2));
	assert_true(sched_next(s, 0, &pass));
	assert_int_equal(pass.card, 1);
	assert_false(sched_model_fits(s, model, 0));
	assert_false(sched_next(s, 0, &pass));
	/* Nowhere is as much free as these want: the first card is tried, for what it is. */
	assert_non_null(sched_arrive(s, 0, large, 1000, 2, 2, 0, 3));
	assert_true(sched_next(s, 0, &pass));
	assert_int_equal(sched_tag(pass.jobs[0]), 3);
	assert_int_equal(pass.card, 0);
	sched_finished(s, 0, 0);
	assert_non_null(sched_arrive(s, 0, guess, 1000, 3, 2, 0, 4));
	assert_true(sched_next(s, 0, &pass));
	assert_int_equal(sched_tag(pass.jobs[0]), 4);
	sched_finished(s, 0, 0);
	/* The card with room is gone: the other one is tried. */
	sched_down(s, 0, 1);
	assert_true(sched_next(s, 0, &pass));
	assert_int_equal(pass.card, 0);
	sched_free(s);
}

/* Nothing runs: what needs little leaves the large card free, and what may need more than is
 * guessed begins where there is most. */
static void test_what_may_need_more_begins_on_the_larger_card(void **state)
{
	for (int guess = 0; guess < 2; guess++) {
		struct sched *s = sched_new(NULL, 0);
		struct sched_card card = {
			.vram_mb = 8000, .total_mb = 8000, .speed = 1000, .load_speed = 1000};
		struct sched_needs small = needs[SMALL];
		struct sched_pass pass;

		sched_card_add(s, &card);
		card.vram_mb = card.total_mb = 24000;
		sched_card_add(s, &card);
		small.guess = small.unknown = guess;
		assert_non_null(sched_arrive(s, 0, sched_model_add(s, &small), 1000, 1, 2, 0, 1));
		assert_true(sched_next(s, 0, &pass));
		assert_int_equal(pass.card, guess);
		sched_free(s);
	}
}

/* One card, a model that it holds and always more of it, and one job that needs a
 * load. How long that job waits, at most ten minutes. */
static int64_t wait_beside_what_is_held(double affinity_ms)
{
	struct sched_policy policy = sched_policy_default;
	struct sched_rig *r = xcalloc(1, sizeof(*r));
	struct sched_needs other = needs[SMALL];
	int64_t waited_ms;
	int job;

	policy.affinity_ms = affinity_ms;
	r->sched = sched_new(&policy, 0);
	other.weights = OTHER; /* as quick to draw, so that only the load counts against it */
	rig_card(r, 8000, 1000);
	rig_model(r, needs[SMALL]);
	rig_model(r, other);
	rig_arrive(r, 0, 1000, 1, 2);
	rig_run(r, 0);
	job = rig_arrive(r, 1, 1000, 2, 2);
	for (uint64_t user = 3; r->jobs[job].state == RIG_WAITS && r->now_ms < 600000; user++) {
		rig_arrive(r, 0, 1000, user, 2);
		rig_run(r, r->now_ms + 3500);
	}
	waited_ms = r->now_ms;
	rig_free(r);
	return waited_ms;
}

static void test_affinity_delays_nobody_beyond_its_bound(void **state)
{
	assert_true(wait_beside_what_is_held(INFINITY) > 200000);
	assert_in_range(wait_beside_what_is_held(60000), 60000, 60000 + 16000);
	/* Its turn is all that counts then; four in one pass are still quicker than one. */
	assert_in_range(wait_beside_what_is_held(0), 0, 50000);
}

/* A holder that is busy for long is waited for no longer than that, though nothing happens. */
static void test_a_holder_is_not_waited_for_beyond_the_bound(void **state)
{
	struct sched_policy policy = sched_policy_default;
	struct sched *s;
	const struct sched_card card = {.vram_mb = 8000, .speed = 1000, .load_speed = 1000};
	struct sched_needs slow = needs[SMALL];
	const unsigned weights = SMALL;
	struct sched_model *model;
	struct sched_pass pass;

	policy.affinity_ms = 30000;
	s = sched_new(&policy, 0);
	sched_card_add(s, &card);
	sched_card_add(s, &card);
	slow.image_ms = slow.extra_ms = 600000;
	slow.batch_max = 1;
	slow.load_ms = 2000000;
	model = sched_model_add(s, &slow);
	sched_arrive(s, 0, model, 1000, 1, 2, 0, 1);
	assert_true(sched_next(s, 0, &pass));
	sched_started(s, 0, 0, 0, &weights, 1); /* it held them */
	sched_arrive(s, 1000, model, 1000, 2, 2, 1000, 2);
	assert_false(sched_next(s, 1000, &pass));
	assert_int_equal(sched_wake(s, 1000), 31001);
	assert_false(sched_next(s, 31000, &pass));
	assert_true(sched_next(s, 31001, &pass));
	assert_int_equal(pass.card, 1);
	sched_free(s);
}

/* A pass that is called off while another runs: that one goes on, and what the card holds is what
 * it held. */
static void test_a_pass_that_waits_on_its_card_can_be_called_off(void **state)
{
	struct sched_needs other = needs[OTHER];
	struct sched_rig *r = rig_new(100000);
	struct sched_pass pass;

	rig_card(r, 8000, 1000);
	rig_model(r, needs[SMALL]);
	rig_model(r, other);
	rig_arrive(r, 0, 1000, 1, 2);
	rig_run(r, 0);
	rig_arrive(r, 1, 1000, 2, 2);
	assert_true(sched_next(r->sched, 0, &pass));
	assert_true(pass.load);
	assert_int_equal(sched_sent(r->sched, 0), 2);
	sched_gone(r->sched, 0, 0, 1);
	r->jobs[1].state = RIG_GONE;
	assert_int_equal(sched_sent(r->sched, 0), 1);
	rig_arrive(r, 0, 1000, 3, 2);
	assert_true(sched_next(r->sched, 0, &pass));
	assert_false(pass.load);
	/* Gone the other way round: the one behind it is what the card has now. */
	sched_gone(r->sched, 0, 0, 0);
	assert_int_equal(sched_sent(r->sched, 0), 1);
	sched_gone(r->sched, 0, 0, 0);
	assert_int_equal(sched_sent(r->sched, 0), 0);
	rig_free(r);
}

/* Random members, models, cards that go and come: everything is done in the end, and the same
 * again. */
static uint64_t storm(uint64_t seed, int64_t lead_ms)
{
	struct sched_rig *r = rig_new(lead_ms);
	struct rng rng;
	uint64_t hash;

	rng_seed(&rng, seed);
	for (int i = 0; i < 5; i++)
		rig_card(r, 7000 + (int64_t)rng_below(&rng, 4) * 6000,
			500 + (int)rng_below(&rng, 1000));
	rig_card(r, 24000, 1000);
	for (size_t i = 0; i < countof(needs); i++)
		rig_model(r, needs[i]);
	for (int i = 0; i < 1500; i++) {
		int card = (int)rng_below(&rng, (uint32_t)r->n_cards);
		int job = rig_arrive(r, (int)rng_below(&rng, 3), 500 << rng_below(&rng, 3),
			rng_below(&rng, 3) ? 0 : rng_below(&rng, 40), (int)rng_below(&rng, 3));

		if (rng_below(&rng, 20) == 0 && r->jobs[job].state == RIG_WAITS)
			rig_cancel(r, job);
		if (rng_below(&rng, 40) == 0)
			r->cards[card].up ? rig_down(r, card) : rig_up(r, card);
		rig_run(r, r->now_ms + rng_below(&rng, 4000));
	}
	for (int i = 0; i < r->n_cards; i++)
		if (!r->cards[i].up)
			rig_up(r, i);
	rig_run(r, NEVER);
	for (size_t i = 0; i < r->n_jobs; i++)
		must(r->jobs[i].state == RIG_DONE || r->jobs[i].state == RIG_GONE);
	hash = r->hash;
	rig_free(r);
	return hash;
}

static void test_all_is_done_and_decided_alike(void **state)
{
	for (uint64_t seed = 1; seed <= 12; seed++)
		assert_true(storm(seed, seed % 2 * 900) == storm(seed, seed % 2 * 900));
	assert_true(storm(1, 0) != storm(2, 0));
}

static void test_a_waiting_job_takes_little_memory(void **state)
{
	struct sched_rig *r = with_cards(24000, 0);
	const int n = 50000;

	rig_arrive(r, LARGE, 1000, 0, 2);
	rig_run(r, 0);
	for (int i = 0; i < n; i++) /* two jobs a member, of two models */
		rig_arrive(r, i % 3, 1000, (uint64_t)(i / 2 + 1), 2);
	assert_true(sched_bytes(r->sched) < (size_t)n * 200);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_no_card_can_hold_is_refused),
		cmocka_unit_test(test_a_job_goes_where_its_weights_are),
		cmocka_unit_test(test_a_holder_is_waited_for_when_that_is_sooner),
		cmocka_unit_test(test_a_holder_is_waited_for_when_a_load_costs_another),
		cmocka_unit_test(test_what_is_learned_counts_at_once),
		cmocka_unit_test(test_a_model_may_load_other_weights),
		cmocka_unit_test(test_a_card_turns_out_to_be_faster),
		cmocka_unit_test(test_kinds_of_cards_are_used_again),
		cmocka_unit_test(test_small_models_leave_the_large_card_to_large_ones),
		cmocka_unit_test(test_administrators_go_first_and_boosters_early),
		cmocka_unit_test(test_the_card_of_an_administrator_is_kept_for_a_moment),
		cmocka_unit_test(test_what_an_administrator_used_stays_loaded),
		cmocka_unit_test(test_some_card_is_free_soon),
		cmocka_unit_test(test_a_kept_card_is_given_back),
		cmocka_unit_test(test_boosters_have_no_monopoly),
		cmocka_unit_test(test_prompts_for_one_model_share_a_pass),
		cmocka_unit_test(test_a_pass_is_not_so_large_that_it_costs_a_load),
		cmocka_unit_test(test_a_flood_leaves_the_others_alone),
		cmocka_unit_test(test_a_lost_card_gives_its_jobs_back),
		cmocka_unit_test(test_the_next_pass_is_there_when_a_card_is_done),
		cmocka_unit_test(test_a_card_is_tried_rather_than_waited_for),
		cmocka_unit_test(test_what_may_need_more_begins_on_the_larger_card),
		cmocka_unit_test(test_affinity_delays_nobody_beyond_its_bound),
		cmocka_unit_test(test_a_holder_is_not_waited_for_beyond_the_bound),
		cmocka_unit_test(test_a_pass_that_waits_on_its_card_can_be_called_off),
		cmocka_unit_test(test_all_is_done_and_decided_alike),
		cmocka_unit_test(test_a_waiting_job_takes_little_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
