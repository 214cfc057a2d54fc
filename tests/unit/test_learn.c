/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/rng.h"
#include "core/learn.h"

/* Cards that cost time as real ones do, with noise, and what is made of them. */

#define USUAL (INT64_C(1024) * 1024 * 20)

struct truth {
	const char *name;
	double image_ms, load_ms; /* of usual work on a usual card */
	double exponent, extra;
	double first; /* the first step, as a part of the run */
};
static const struct truth fast = {"fast", 4000, 8000, 1, 0.8, 0.1};
static const struct truth slow = {"slow", 40000, 30000, 0.8, 0.95, 0.05};
static const struct truth tiny = {"tiny", 900, 3000, 1.2, 0.5, 0.3};

static double uniform(struct rng *rng)
{
	return (double)(rng_u64(rng) >> 11) / 9007199254740992.0;
}

/* About one, with a spread of 8 %; one of twelve runs is disturbed and takes up to four times as
 * long. */
static double noise(struct rng *rng)
{
	double sum = 0;

	for (int i = 0; i < 12; i++)
		sum += uniform(rng);
	return exp(0.08 * (sum - 6)) * (uniform(rng) < 1 / 12.0 ? 1 + 3 * uniform(rng) : 1);
}

static double true_ms(const struct truth *t, double speed, int64_t work, int pictures)
{
	return t->image_ms / speed * pow((double)work / USUAL, t->exponent) *
	       (1 + (pictures - 1) * t->extra);
}

struct drive {
	struct learn *learn;
	struct rng rng;
	bool quiet; /* nothing is told of steps: polled */
};

static int64_t drive(struct drive *d, const struct truth *t, const char *card, double speed,
	int64_t work, int pictures, int distance, bool loads)
{
	double ms = true_ms(t, speed, work, pictures) * noise(&d->rng);
	double load = loads ? t->load_ms / speed * (0.85 + 0.3 * uniform(&d->rng)) : 0;
	struct learn_run run = {.model = t->name,
		.card = card,
		.work = work,
		.pictures = pictures,
		.run_ms = (int64_t)(ms + load),
		.first_ms = d->quiet ? -1 : (int64_t)(ms * t->first + load),
		.distance = distance,
		.fits = true};

	return learn_ran(d->learn, &run);
}

static double off(const struct truth *t, struct drive *d, const char *card, double speed,
	int64_t work, int pictures)
{
	int64_t ms = learn_pass_ms(d->learn, t->name, card, work, pictures);

	assert_true(ms > 0);
	return fabs(log((double)ms / true_ms(t, speed, work, pictures)));
}

static void test_nothing_is_known(void **state)
{
	struct learn *l = learn_new();
	struct learn_times times;
	struct learn_card card;

	learn_times(l, "m", USUAL, &times);
	assert_true(!times.known && times.image_ms == 10000 && times.extra_ms == 10000);
	assert_true(times.load_ms == 0 && times.vram_mb == 0);
	assert_int_equal(learn_pass_ms(l, "m", "a", USUAL, 1), -1);
	assert_int_equal(learn_work(l, "m", USUAL, USUAL, 1), 1000);
	assert_int_equal(learn_work(l, "m", USUAL, USUAL * 2, 1), 2000);
	assert_int_equal(learn_work(l, "m", USUAL, 0, 4), 4000);
	learn_card(l, "a", &card);
	assert_true(card.speed == 1000 && card.load_speed == 1000 && card.keep == 1);
	assert_false(learn_changed(l));
	learn_free(l);
}

/* How far off the next estimate is after n runs of mixed sizes: the worst of many tries and the
 * usual one. With and without a word about steps. */
static void test_error_after_n_runs(void **state)
{
	static const struct truth *const models[] = {&fast, &slow, &tiny};
	static const int64_t works[] = {USUAL, USUAL, USUAL / 2, USUAL * 2};
	static const struct {
		int n;
		double usual, worst;
	} promised[] = {{1, 0.15, 1.4}, {3, 0.10, 1.0}, {8, 0.06, 0.35}, {15, 0.04, 0.25}};

	for (size_t p = 0; p < countof(promised); p++) {
		double sum = 0, worst = 0;
		int n = 0;

		for (uint64_t seed = 1; seed <= 200; seed++)
			for (int m = 0; m < 3; m++) {
				struct drive d = {learn_new(), .quiet = seed % 4 == 0};
				double error;

				rng_seed(&d.rng, seed * 3 + (uint64_t)m);
				for (int i = 0; i < promised[p].n + 1; i++)
					drive(&d, models[m], "a", 1, works[i % 4], 1, i ? 0 : -1,
						i == 0);
				error = off(models[m], &d, "a", 1, USUAL, 1);
				sum += error;
				worst = max_of(worst, error);
				n++;
				learn_free(d.learn);
			}
		print_message("after %2d runs: usually %.0f %% off, at most a factor of %.2f\n",
			promised[p].n, 100 * (exp(sum / n) - 1), exp(worst));
		assert_true(sum / n <= promised[p].usual);
		assert_true(worst <= promised[p].worst);
	}
}

/* The very first run has the load in it; nothing of that is left after the second. */
static void test_a_cold_start_does_not_stay(void **state)
{
	for (int quiet = 0; quiet < 2; quiet++) {
		struct drive d = {learn_new(), .quiet = quiet};
		struct learn_times times;

		rng_seed(&d.rng, 7);
		drive(&d, &fast, "a", 1, USUAL, 1, -1, true);
		if (!quiet)
			assert_true(off(&fast, &d, "a", 1, USUAL, 1) < 0.35);
		drive(&d, &fast, "a", 1, USUAL, 1, 0, false);
		assert_true(off(&fast, &d, "a", 1, USUAL, 1) < 0.35);
		drive(&d, &fast, "a", 1, USUAL, 1, 1, true);
		learn_times(d.learn, "fast", USUAL, &times);
		assert_true(times.known && times.load_ms > 6000 && times.load_ms < 11000);
		learn_free(d.learn);
	}
}

/* The same graph again costs ComfyUI nothing, and says nothing of the next one. */
static void test_what_comfyui_had_already_tells_nothing(void **state)
{
	struct drive d = {learn_new()};
	struct learn_run again = {fast.name, "a", USUAL, 1, 150, -1, 0, true};

	rng_seed(&d.rng, 9);
	for (int i = 0; i < 4; i++)
		drive(&d, &fast, "a", 1, USUAL, 1, i ? 0 : -1, !i);
	for (int i = 0; i < 30; i++)
		assert_int_equal(learn_ran(d.learn, &again), 0);
	assert_true(off(&fast, &d, "a", 1, USUAL, 1) < 0.35);
	learn_free(d.learn);
}

static void test_work_and_pictures(void **state)
{
	struct drive d = {learn_new()};
	struct learn_times times;

	rng_seed(&d.rng, 3);
	for (int i = 0; i < 15; i++)
		drive(&d, &slow, "a", 1, i % 3 ? USUAL : USUAL / 4, i % 5 == 4 ? 2 : 1, i ? 0 : -1,
			!i);
	assert_true(off(&slow, &d, "a", 1, USUAL / 4, 1) < 0.2);
	assert_true(off(&slow, &d, "a", 1, USUAL * 2, 1) < 0.35); /* larger than all seen */
	assert_true(off(&slow, &d, "a", 1, USUAL, 4) < 0.3);
	learn_times(d.learn, "slow", USUAL, &times);
	assert_true(times.extra_ms > times.image_ms / 2 && times.extra_ms <= times.image_ms);
	assert_true(learn_work(d.learn, "slow", USUAL, USUAL / 4, 1) < 450); /* not 250: 0.8 */
	learn_free(d.learn);
}

/* Each card's speed, though no workflow ran on all of them. */
static void test_speeds_of_cards(void **state)
{
	struct drive d = {learn_new()};
	struct learn_card a, b, c, e;

	rng_seed(&d.rng, 11);
	for (int i = 0; i < 8; i++) {
		drive(&d, &fast, "a", 1, USUAL, 1, i ? 0 : -1, !i);
		drive(&d, &fast, "b", 2, USUAL, 1, i ? 0 : -1, !i);
		drive(&d, &slow, "b", 2, USUAL, 1, i ? 0 : -1, !i);
		drive(&d, &slow, "c", 0.5, USUAL, 1, i ? 0 : -1, !i);
	}
	learn_card(d.learn, "a", &a);
	learn_card(d.learn, "b", &b);
	learn_card(d.learn, "c", &c);
	learn_card(d.learn, "new", &e);
	assert_true(fabs(log(b.speed / (2.0 * a.speed))) < 0.3);
	assert_true(fabs(log(b.speed / (4.0 * c.speed))) < 0.4);
	assert_int_equal(e.speed, 1000);
	/* What has not run there yet is estimated from elsewhere. */
	assert_true(off(&fast, &d, "c", 0.5, USUAL, 1) < 0.4);
	assert_true(off(&slow, &d, "a", 1, USUAL, 1) < 0.4);
	learn_free(d.learn);
}

/* A new driver, a card that was swapped: the old runs are outvoted. */
static void test_what_changes_is_learned_anew(void **state)
{
	struct drive d = {learn_new()};

	rng_seed(&d.rng, 5);
	for (int i = 0; i < 40; i++)
		drive(&d, &fast, "a", 1, USUAL, 1, 0, false);
	for (int i = 0; i < 10; i++)
		drive(&d, &fast, "a", 3, USUAL, 1, 0, false);
	assert_true(off(&fast, &d, "a", 3, USUAL, 1) < 0.3);
	learn_free(d.learn);
}

/* Whether a card keeps what it ran before the last one has to be seen. */
static void test_how_much_a_card_keeps(void **state)
{
	struct drive d = {learn_new()};
	struct learn_card card;
	int64_t load = 0;

	rng_seed(&d.rng, 13);
	for (int i = 0; i < 6; i++) { /* as ComfyUI comes: the last prompt's only */
		load = drive(&d, &fast, "a", 1, USUAL, 1, i ? 1 : -1, true);
		drive(&d, &slow, "a", 1, USUAL, 1, i ? 1 : -1, true);
	}
	assert_true(load > 5000 && load < 12000);
	learn_card(d.learn, "a", &card);
	assert_int_equal(card.keep, 1);
	for (int i = 0; i < 6; i++) { /* one that keeps them */
		load = drive(&d, &fast, "b", 1, USUAL, 1, i ? 1 : -1, !i);
		drive(&d, &slow, "b", 1, USUAL, 1, i ? 1 : -1, !i);
		drive(&d, &slow, "b", 1, USUAL, 1, 0, false);
	}
	assert_int_equal(load, 0);
	learn_card(d.learn, "b", &card);
	assert_int_equal(card.keep, 2);
	learn_free(d.learn);
}

static void test_memory(void **state)
{
	struct learn *l = learn_new();
	struct learn_times times;

	learn_took(l, "m", "a", 6000);
	learn_took(l, "m", "a", 7100);
	learn_took(l, "m", "b", 6900);
	learn_took(l, "m", "b", 0);
	learn_took(l, "m", "b", INT64_MAX);
	learn_times(l, "m", USUAL, &times);
	assert_true(times.vram_mb == 6900 && !times.known); /* it can do with so much */
	learn_free(l);
}

/* What is impossible teaches nothing. */
static void test_nonsense(void **state)
{
	struct learn *l = learn_new();
	struct learn_run bad[] = {
		{"m", "a", USUAL, 1, 0, -1, 0, true},
		{"m", "a", USUAL, 1, -5, -1, 0, true},
		{"m", "a", USUAL, 1, INT64_MAX, -1, 0, true},
		{"m", "a", USUAL, 0, 1000, -1, 0, true},
		{"m", "a", USUAL, 1000, 1000, -1, 0, true},
		{"m", "a", USUAL, 1, 1000, 2000, 0, true},
	};

	for (size_t i = 0; i < countof(bad); i++)
		assert_int_equal(learn_ran(l, &bad[i]), 0);
	assert_false(learn_changed(l));
	learn_free(l);
}

static void copy(struct learn *from, struct learn *to)
{
	struct learned_row row;

	while (learn_save(from, &row)) {
		if (row.value)
			assert_int_equal(learn_load(to, row.card, row.model, row.value), 0);
		assert_true(!row.value || strlen(row.value) <= LEARNED_VALUE_MAX);
		learned_row_free(&row);
	}
	assert_false(learn_changed(from));
}

static void test_through_a_restart(void **state)
{
	struct drive d = {learn_new()};
	struct learn *again = learn_new();
	struct learn_times x, y;
	struct learn_card a, b;

	rng_seed(&d.rng, 17);
	for (int i = 0; i < 20; i++) {
		drive(&d, &fast, "http://a:8188", 2, USUAL, 1, i ? i % 3 : -1, i % 3);
		drive(&d, &slow, "http://a:8188", 2, i % 2 ? 0 : USUAL, 2, i ? i % 3 : -1, false);
	}
	learn_took(d.learn, "fast", "http://a:8188", 9000);
	copy(d.learn, again);
	learn_times(d.learn, "fast", USUAL, &x);
	learn_times(again, "fast", USUAL, &y);
	assert_true(x.known && y.known && x.vram_mb == y.vram_mb);
	assert_true(llabs(x.image_ms - y.image_ms) <= 2 && llabs(x.load_ms - y.load_ms) <= 2);
	learn_card(d.learn, "http://a:8188", &a);
	learn_card(again, "http://a:8188", &b);
	assert_true(a.keep == b.keep && a.speed == b.speed);
	learn_free(again);
	learn_free(d.learn);
}

static void test_bad_rows(void **state)
{
	static const char *const bad[] = {"", " ", "r", "r1:2", "r1:2:3:4", "r1:0:1", "r1:2:0",
		"r1:2:99", "rx:2:1", "r-1:2:1", "r1:2:1 ", "x5", "f", "f0", "f1:2", "l99999999999",
		"v0", "w0:1", "w9:1", "w1:17", "w1", "o1:-1", "r99999999999999999999:1:1", "f1\nf2",
		"f1  f2", "{\"a\":1}"};
	char *large = xcalloc(1, LEARNED_VALUE_MAX + 10);
	struct learn *l = learn_new();

	for (size_t i = 0; i < countof(bad); i++)
		if (learn_load(l, "a", "m", bad[i]) != -EINVAL)
			fail_msg("\"%s\" is taken", bad[i]);
	for (size_t i = 0; i + 3 < LEARNED_VALUE_MAX + 9; i += 3)
		memcpy(large + i, i ? " f1" : "f11", 3);
	assert_int_equal(learn_load(l, "a", "m", large), -EINVAL);
	assert_int_equal(learn_load(l, "", "m", "f1"), -EINVAL);
	assert_int_equal(learn_load(l, NULL, "m", "f1"), -EINVAL);
	assert_int_equal(learn_load(l, "a", "m", NULL), -EINVAL);
	assert_int_equal(learn_load(l, "a", "m", "r0:1:1 c5:9:2 f1 l2 v3 w1:2 o7:16"), 0);
	assert_false(learn_changed(l));
	free(large);
	learn_free(l);
}

/* Workflows come and go, and cards: what is remembered stays bounded, and so does the table. */
static void test_bounded(void **state)
{
	struct learn *l = learn_new();
	int n = 0, removed = 0;
	struct learned_row row;

	for (int i = 0; i < LEARNED_ROWS_MAX + 300; i++) {
		char name[16];
		struct learn_run run = {name, "a", USUAL, 1, 1000, -1, 0, true};

		snprintf(name, sizeof(name), "m%d", i);
		learn_ran(l, &run);
		while (i == LEARNED_ROWS_MAX / 2 && learn_save(l, &row)) {
			n++;
			learned_row_free(&row);
		}
	}
	while (learn_save(l, &row)) {
		n += row.value ? 1 : -1;
		removed += !row.value;
		learned_row_free(&row);
	}
	assert_int_equal(removed, 300);
	assert_int_equal(n, LEARNED_ROWS_MAX);
	assert_int_equal(learn_pass_ms(l, "m5", "a", USUAL, 1), -1);
	assert_true(learn_pass_ms(l, "m400", "a", USUAL, 1) > 0);
	/* What a database has no room for is not kept. */
	memset(&row, 0, sizeof(row));
	{
		char name[LEARNED_NAME_MAX + 2];
		struct learn_run run = {name, "a", USUAL, 1, 1000, -1, 0, true};

		memset(name, 'x', sizeof(name) - 1);
		name[sizeof(name) - 1] = '\0';
		learn_ran(l, &run);
		while (learn_save(l, &row)) {
			assert_null(row.value);
			learned_row_free(&row);
		}
		assert_true(learn_pass_ms(l, name, "a", USUAL, 1) > 0);
	}
	learn_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_known),
		cmocka_unit_test(test_error_after_n_runs),
		cmocka_unit_test(test_a_cold_start_does_not_stay),
		cmocka_unit_test(test_what_comfyui_had_already_tells_nothing),
		cmocka_unit_test(test_work_and_pictures),
		cmocka_unit_test(test_speeds_of_cards),
		cmocka_unit_test(test_what_changes_is_learned_anew),
		cmocka_unit_test(test_how_much_a_card_keeps),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_through_a_restart),
		cmocka_unit_test(test_bad_rows),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
