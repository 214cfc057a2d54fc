/* SPDX-License-Identifier: Apache-2.0 */
#include "rest_rig.h"

#include "discord/tally.h"

/* Fewer than 1,000 requests are refused in any ten minutes. */

#define WINDOW_MS  600000
#define BACKGROUND 500
#define WAITING	   900
#define ALL	   999
#define HOOK	   (REST_INTERACTION | REST_URGENT)

/* Each of another lane. */
static void submit_many(struct rig *rig, const char *route, uint32_t flags, int n)
{
	for (int i = 0; i < n; i++) {
		char major[24];

		snprintf(major, sizeof(major), "%" PRIu64, rig->tag);
		submit_to(rig, route, major, flags);
	}
}

static void drop_finished(struct rig *rig)
{
	struct rest_call *call;

	while ((call = rest_finished(rig->rest)))
		rest_call_free(call);
}

static void refuse(struct rig *rig, struct rest_call *call)
{
	answer_with(rig, call, 403, VIA, "{\"code\":50013}");
	drop_finished(rig);
}

/* How many leave now when each is refused at once. */
static int refused_now(struct rig *rig, int most)
{
	struct rest_call *call;
	int n = 0;

	while (n < most && (call = next(rig))) {
		n++;
		refuse(rig, call);
	}
	return n;
}

/* ---- what counts ---- */

static void test_what_counts(void **state)
{
	static const struct {
		int status;
		const char *headers, *body;
		bool counts;
	} rows[] = {
		{403, VIA, "{\"code\":50013}", true},
		{401, VIA, "{\"code\":50027}", true},
		{429, "X-RateLimit-Scope: user", "{\"retry_after\":0}", true},
		{429, "X-RateLimit-Scope: global", "{\"retry_after\":0}", true},
		{429, "X-RateLimit-Scope: shared", "{\"retry_after\":0}", false},
		{404, VIA, "{\"code\":10008}", false},
		{400, VIA, "{\"code\":50035}", false},
		{200, VIA, "{}", false},
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct rest_call *call;
		struct rig rig;
		int64_t start;

		rig_open(&rig);
		for (int j = 0; j < BACKGROUND; j++) {
			submit_many(&rig, R_HOOK, REST_INTERACTION, 1);
			call = next(&rig);
			assert_false(noted(&rig, "edits of progress"));
			answer_with(&rig, call, rows[i].status, rows[i].headers, rows[i].body);
			if (rows[i].status == 429) { /* comes back: let it end well */
				call = next_within(&rig, 1000);
				answer(&rig, call, 200);
				rig.now -= 100;
			}
			drop_finished(&rig);
		}
		submit_edit(&rig, "1", 5, REST_BACKGROUND);
		submit_to(&rig, R_POST, "1", 0);
		start = rig.now;
		rig.now += 1000; /* past a global 429 */
		call = next(&rig);
		assert_int_equal(call->tag, BACKGROUND + 2);
		assert_int_equal(noted(&rig, "500 requests in ten minutes: edits of progress wait"),
			rows[i].counts);
		call = next_within(&rig, 700000);
		assert_int_equal(call->tag, BACKGROUND + 1);
		if (rows[i].counts)
			assert_in_range(rig.now - start, WINDOW_MS, WINDOW_MS + 10000);
		else
			assert_int_equal(rig.now - start, 1000);
		assert_int_equal(noted(&rig, "rare again"), rows[i].counts);
		rig_close(&rig);
	}
}

/* A network that is away refuses nothing. But among refusals what is lost was refused too. */
static void test_lost_answers(void **state)
{
	struct rest_call *call;
	struct rig rig;
	int n = 0;

	rig_open(&rig);
	submit_many(&rig, R_HOOK, HOOK | REST_ONCE, 4000);
	for (int i = 0; i < 2000; i++) {
		answer_nothing(&rig, next(&rig), true);
		drop_finished(&rig);
	}
	rig.now += WINDOW_MS + 10000;
	for (; (call = next(&rig)); n++) {
		if (n % 2)
			answer_nothing(&rig, call, true);
		else
			refuse(&rig, call);
		drop_finished(&rig);
	}
	assert_int_equal(n, ALL);
	rig_close(&rig);

	/* What was never sent was not refused. */
	rig_open(&rig);
	submit_many(&rig, R_HOOK, HOOK | REST_ONCE, 2000);
	for (int i = 0; i < 1000; i++) {
		answer_nothing(&rig, next(&rig), false);
		drop_finished(&rig);
	}
	assert_int_equal(refused_now(&rig, 2000), ALL);
	rig_close(&rig);
}

/* ---- the bounds ---- */

static void test_bounds(void **state)
{
	struct rest_call *call;
	struct rig rig;
	int64_t start;

	rig_open(&rig);
	start = rig.now;
	submit_many(&rig, R_HOOK, REST_INTERACTION | REST_BACKGROUND, 600);
	assert_int_equal(refused_now(&rig, 600), BACKGROUND);
	submit_many(&rig, R_HOOK, REST_INTERACTION, 1000);
	assert_int_equal(refused_now(&rig, 1000), WAITING - BACKGROUND);
	assert_true(noted(&rig, "900 requests in ten minutes: all but answers"));
	submit_many(&rig, R_BACK, HOOK, 1000);
	assert_int_equal(refused_now(&rig, 1000), ALL - WAITING);
	assert_true(noted(&rig, "999 requests in ten minutes: everything waits"));
	/* The most urgent go first when there is room again, and nothing was lost. */
	call = next_within(&rig, 2 * WINDOW_MS);
	assert_non_null(call);
	assert_int_equal(call->tag, 600 + 1000 + ALL - WAITING + 1);
	assert_in_range(rig.now - start, WINDOW_MS, WINDOW_MS + 10000);
	assert_int_equal(rest_pending(rig.rest), 600 + 1000 + 1000 - ALL);
	rig_close(&rig);
}

/* Each call in flight may be refused. */
static void test_in_flight(void **state)
{
	struct rest_call *flying[WAITING], *urgent[ALL];
	struct rig rig;
	int n = 0, m = 0;

	rig_open(&rig);
	submit_many(&rig, R_HOOK, REST_INTERACTION, WAITING + 100);
	assert_int_equal(refused_now(&rig, WAITING - 10), WAITING - 10);
	while ((flying[n] = next(&rig)))
		n++;
	assert_int_equal(n, 10);
	submit_many(&rig, R_BACK, HOOK, ALL);
	assert_int_equal(refused_now(&rig, ALL - WAITING - 10), ALL - WAITING - 10);
	while ((urgent[m] = next(&rig)))
		m++;
	assert_int_equal(m, 10);
	/* No deadline before the next answer or the next slot: not a busy loop. */
	assert_true(rest_deadline(rig.rest, rig.now) == tally_next_ms(rig.now));
	answer(&rig, urgent[0], 204);
	urgent[0] = next(&rig);
	assert_non_null(urgent[0]);
	assert_null(next(&rig));
	for (int i = 0; i < n; i++)
		refuse(&rig, flying[i]);
	for (int i = 0; i < m; i++)
		refuse(&rig, urgent[i]);
	assert_null(next(&rig));
	assert_true(noted(&rig, "everything waits"));
	rig_close(&rig);
}

/* ---- any ten minutes ---- */

static void test_sliding_window(void **state)
{
	static int64_t at[20000];
	struct rest_call *call;
	struct rng rng;
	struct rig rig;
	int64_t end;
	size_t n = 0;

	rng_seed(&rng, 3);
	rig_open(&rig);
	end = rig.now + 5 * WINDOW_MS;
	while (rig.now < end) {
		/* Now and then a crowd, now and then nobody. */
		submit_many(&rig, R_HOOK, HOOK, 1 + (int)rng_below(&rng, 40));
		while ((call = next(&rig))) {
			assert_true(n < countof(at));
			at[n++] = rig.now;
			refuse(&rig, call);
		}
		rig.now += (int64_t)rng_below(&rng, rng_below(&rng, 20) ? 3000 : 60000);
	}
	for (size_t i = ALL; i < n; i++)
		assert_true(at[i] - at[i - ALL] > WINDOW_MS);
	assert_true(n > 4 * ALL); /* and it does go on */
	rig_close(&rig);
}

static void test_tally(void **state)
{
	static int64_t at[5000];
	struct tally tally = {0};
	struct rng rng;
	int64_t now = 12345;
	size_t n = 0, first = 0;

	rng_seed(&rng, 11);
	while (n < countof(at)) {
		unsigned sum;

		now += (int64_t)rng_below(&rng, rng_below(&rng, 50) ? 5000 : 900000);
		tally_add(&tally, now);
		at[n++] = now;
		now += (int64_t)rng_below(&rng, 3000);
		while (at[first] < now - WINDOW_MS)
			first++;
		sum = tally_sum(&tally, now);
		assert_true(sum >= n - first);
		while (first > 0 && at[first - 1] >= now - WINDOW_MS - 10000)
			first--;
		assert_true(sum <= n - first);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_counts),
		cmocka_unit_test(test_lost_answers),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_in_flight),
		cmocka_unit_test(test_sliding_window),
		cmocka_unit_test(test_tally),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
