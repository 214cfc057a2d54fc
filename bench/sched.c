/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a decision costs with 100,000 jobs in line and 1,000 cards: each call of sched_next() is
 * timed, from the first idle card to the last, then while jobs end, until the line is empty. Prints
 * the figures of bench/RESULTS.md.
 */

#include <stdio.h>
#include <time.h>

#include "core/sched.h"

static bool timed_next(struct sched *s, int64_t now_ms, struct sched_pass *ret);
#define RIG_NEXT timed_next
#include "../tests/unit/sched_rig.h"

#define JOBS  100000
#define CARDS 1000
#define USERS 5000

static const struct sched_needs needs[] = {
	{.weights = 0,
		.vram_mb = 5600,
		.act_mb = 1400,
		.batch_mb = 700,
		.load_ms = 14000,
		.image_ms = 4000,
		.extra_ms = 2900,
		.batch_max = 4},
	{.weights = 1,
		.vram_mb = 9400,
		.act_mb = 1800,
		.batch_mb = 900,
		.load_ms = 18000,
		.image_ms = 5500,
		.extra_ms = 4300,
		.batch_max = 4},
	{.weights = 2,
		.vram_mb = 6600,
		.act_mb = 1400,
		.batch_mb = 800,
		.load_ms = 10000,
		.image_ms = 6500,
		.extra_ms = 4400,
		.batch_max = 4},
	{.weights = 3,
		.vram_mb = 4600,
		.act_mb = 1400,
		.batch_mb = 900,
		.load_ms = 9000,
		.image_ms = 14000,
		.extra_ms = 11500,
		.batch_max = 2},
	{.weights = 4,
		.vram_mb = 17500,
		.act_mb = 2500,
		.batch_mb = 1500,
		.load_ms = 40000,
		.image_ms = 22000,
		.extra_ms = 19500,
		.batch_max = 2},
	{.weights = 5,
		.vram_mb = 33000,
		.act_mb = 4500,
		.batch_mb = 3000,
		.load_ms = 75000,
		.image_ms = 30000,
		.extra_ms = 27000,
		.batch_max = 2},
};

static double *times;
static size_t n_times;

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int smaller(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static bool timed_next(struct sched *s, int64_t now_ms, struct sched_pass *ret)
{
	double began = now_us();
	bool more = sched_next(s, now_ms, ret);

	times[n_times++] = now_us() - began;
	return more;
}

/* The next card that is done; false: none runs. */
static bool finish_next(struct sched_rig *r)
{
	int card = -1;

	for (int i = 0; i < r->n_cards; i++)
		if (r->cards[i].n && (card < 0 || r->cards[i].ends_ms < r->cards[card].ends_ms))
			card = i;
	if (card < 0)
		return false;
	r->now_ms = r->cards[card].ends_ms;
	rig_finish(r, card);
	return true;
}

static void report(const char *what, size_t from)
{
	size_t n = n_times - from;
	double sum = 0;

	qsort(times + from, n, sizeof(double), smaller);
	for (size_t i = from; i < n_times; i++)
		sum += times[i];
	printf("%-44s %8zu %8.2f %8.2f %8.2f %8.1f\n", what, n, sum / (double)n,
		times[from + n / 2], times[from + n * 99 / 100], times[n_times - 1]);
}

int main(void)
{
	static const int64_t sizes[] = {8, 8, 12, 12, 12, 16, 16, 24, 24, 48};
	static const int weights[] = {36, 27, 15, 10, 6, 5, 1};
	struct sched_rig *r = rig_new(0);
	struct rng rng;
	size_t bytes, from;
	double began;

	rng_seed(&rng, 1);
	times = xcalloc(4 * JOBS, sizeof(double));
	for (int i = 0; i < CARDS; i++)
		rig_card(r, sizes[i % 10] * 1024 - 400, 400 + 25 * (int)sizes[i % 10]);
	for (size_t i = 0; i < countof(needs); i++)
		rig_model(r, needs[i]);
	began = now_us();
	for (int i = 0; i < JOBS; i++) {
		int at = (int)rng_below(&rng, 99), model = 0;

		while (at >= weights[model])
			at -= weights[model++];
		r->now_ms = (int64_t)i * 30000 / JOBS;
		rig_arrive(r, model % (int)countof(needs), 1000,
			(uint64_t)(USERS * rng_unit(&rng) * rng_unit(&rng)),
			2 - !rng_below(&rng, 10));
	}
	printf("%d jobs took %.2f us each to arrive\n", JOBS, (now_us() - began) / JOBS);
	bytes = sched_bytes(r->sched);
	printf("%.1f bytes for each job that waits\n\n", (double)bytes / JOBS);
	printf("%-44s %8s %8s %8s %8s %8s\n", "one decision, us", "calls", "mean", "p50", "p99",
		"worst");
	while (rig_decide(r))
		;
	report("100,000 wait, 1,000 cards become idle", 0);
	from = n_times;
	while (finish_next(r))
		while (rig_decide(r))
			;
	report("until the line is empty", from);
	rig_free(r);
	free(times);
	return 0;
}
