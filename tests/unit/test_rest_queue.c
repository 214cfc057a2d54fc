/* SPDX-License-Identifier: Apache-2.0 */
#include "rest_rig.h"

#include "discord/wake.h"

/* ---- coalescing ---- */

static void test_only_the_newest_edit(void **state)
{
	struct rest_call *call;
	struct rig rig;

	rig_open(&rig);
	submit_to(&rig, R_PATCH, "1", 0);
	assert_int_equal(next_tag(&rig), 1); /* occupies the class */
	submit_edit(&rig, "1", 77, 0);
	submit_edit(&rig, "1", 88, 0);
	submit_edit(&rig, "1", 77, 0);
	assert_int_equal(outcome(&rig, 2), REST_SUPERSEDED);
	submit_edit(&rig, "1", 77, 0);
	assert_int_equal(outcome(&rig, 4), REST_SUPERSEDED);
	assert_int_equal(outcome(&rig, 0), -1);
	assert_int_equal(rest_pending(rig.rest), 3);
	/* The newest takes the turn of the first. */
	rig_close(&rig);

	rig_open(&rig);
	submit_edit(&rig, "1", 77, 0);
	submit_edit(&rig, "1", 88, 0);
	submit_edit(&rig, "1", 77, 0);
	assert_int_equal(outcome(&rig, 1), REST_SUPERSEDED);
	call = next(&rig);
	assert_int_equal(call->tag, 3);
	answer(&rig, call, 200);
	assert_int_equal(next_tag(&rig), 2);
	rig_close(&rig);
}

static void test_never_two_at_once(void **state)
{
	struct rest_call *call;
	struct rig rig;

	rig_open(&rig);
	submit_edit(&rig, "1", 5, 0);
	answer(&rig, next(&rig), 200); /* the class is unlimited from now on */
	assert_int_equal(outcome(&rig, 1), REST_OK);
	submit_edit(&rig, "1", 5, 0);
	call = next(&rig);
	assert_int_equal(call->tag, 2);
	submit_edit(&rig, "1", 5, 0);
	submit_edit(&rig, "1", 6, 0);
	assert_int_equal(next_tag(&rig), 4);
	assert_int_equal(next_tag(&rig), 0);
	submit_edit(&rig, "1", 5, 0);
	assert_int_equal(outcome(&rig, 3), REST_SUPERSEDED);
	answer(&rig, call, 200);
	assert_int_equal(outcome(&rig, 2), REST_OK);
	assert_int_equal(next_tag(&rig), 5);
	rig_close(&rig);
}

/* A failed edit is not repeated when a newer one waits; that one waits out the pause. */
static void test_newer_edit_replaces_retry(void **state)
{
	struct rest_call *call;
	struct rig rig;
	int64_t start;

	rig_open(&rig);
	submit_edit(&rig, "1", 5, 0);
	call = next(&rig);
	submit_edit(&rig, "1", 5, 0);
	start = rig.now;
	answer(&rig, call, 500);
	assert_int_equal(outcome(&rig, 1), REST_SUPERSEDED);
	assert_int_equal(next_tag(&rig), 0);
	call = next_within(&rig, 5000);
	assert_int_equal(call->tag, 2);
	assert_in_range(rig.now - start, 750, 1250);
	/* And one that waits for its own retry gives way to the next. */
	answer(&rig, call, 500);
	assert_int_equal(outcome(&rig, 0), -1);
	submit_edit(&rig, "1", 5, 0);
	assert_int_equal(outcome(&rig, 2), REST_SUPERSEDED);
	assert_int_equal(next_tag(&rig), 0);
	assert_int_equal(next_within(&rig, 5000)->tag, 3);
	rig_close(&rig);
}

static void test_newer_edit_after_429(void **state)
{
	struct rest_call *call;
	struct rig rig;
	int64_t start;

	rig_open(&rig);
	submit_edit(&rig, "1", 5, 0);
	call = next(&rig);
	submit_edit(&rig, "1", 5, 0);
	start = rig.now;
	answer_with(&rig, call, 429, "X-RateLimit-Scope: user", "{\"retry_after\":4}");
	assert_int_equal(outcome(&rig, 1), REST_SUPERSEDED);
	assert_int_equal(next_within(&rig, 60000)->tag, 2);
	assert_int_equal(rig.now - start, 4000);
	rig_close(&rig);
}

/* A final edit overtakes as an ordinary call what it replaces in the background. */
static void test_coalesce_across_priorities(void **state)
{
	struct rig rig;

	rig_open(&rig);
	submit_edit(&rig, "1", 5, REST_BACKGROUND);
	submit_to(&rig, R_POST, "9", REST_BACKGROUND);
	submit_edit(&rig, "1", 5, 0);
	assert_int_equal(outcome(&rig, 1), REST_SUPERSEDED);
	assert_int_equal(next_tag(&rig), 3);
	assert_int_equal(next_tag(&rig), 2);
	rig_close(&rig);
}

static void test_held_edit_expires(void **state)
{
	struct rest_call *flying, *call;
	struct rig rig;

	rig_open(&rig);
	submit_edit(&rig, "1", 5, 0);
	flying = next(&rig);
	call = call_to(R_PATCH, "1", REST_REPEATABLE);
	call->coalesce = 5;
	call->deadline_ms = rig.now + 100;
	submit(&rig, call);
	assert_null(next_within(&rig, 200));
	assert_int_equal(outcome(&rig, 2), REST_EXPIRED);
	answer(&rig, flying, 200);
	assert_int_equal(outcome(&rig, 1), REST_OK);
	submit_edit(&rig, "1", 5, 0);
	assert_int_equal(next_tag(&rig), 3);
	rig_close(&rig);
}

/* ---- who goes first ---- */

static void test_urgent_first_background_last(void **state)
{
	struct rig rig;

	rig_open(&rig);
	submit_edit(&rig, "1", 0, REST_BACKGROUND);
	submit_to(&rig, R_POST, "1", 0);
	submit_to(&rig, R_HOOK, "t", REST_INTERACTION);
	submit_to(&rig, R_POST, "2", REST_URGENT);
	submit_to(&rig, R_BACK, "u", REST_INTERACTION | REST_URGENT);
	submit_to(&rig, R_POST, "3", REST_FIRST);
	assert_int_equal(next_tag(&rig), 5);
	assert_int_equal(next_tag(&rig), 4);
	assert_int_equal(next_tag(&rig), 6);
	assert_int_equal(next_tag(&rig), 3);
	assert_int_equal(next_tag(&rig), 2);
	assert_int_equal(next_tag(&rig), 1);
	rig_close(&rig);
}

static void test_urgent_first_within_a_class(void **state)
{
	static const uint64_t order[] = {5, 4, 6, 2, 3};
	struct rest_call *call;
	struct rig rig;

	rig_open(&rig);
	submit_to(&rig, R_PATCH, "1", 0);
	call = next(&rig);
	submit_edit(&rig, "1", 0, REST_BACKGROUND);
	submit_edit(&rig, "1", 0, REST_BACKGROUND);
	submit_edit(&rig, "1", 0, 0);
	submit_edit(&rig, "1", 0, REST_URGENT);
	submit_edit(&rig, "1", 0, 0);
	for (size_t i = 0; i < countof(order); i++) {
		answer_limits(&rig, call, "h", 5, 1, 60);
		rig.now += 60000;
		call = next(&rig);
		assert_int_equal(call->tag, order[i]);
	}
	rig_close(&rig);
}

/* One channel with a thousand messages does not keep another waiting. */
static void test_fairness(void **state)
{
	int seen[3] = {0};
	struct rig rig;

	rig_open(&rig);
	for (int i = 0; i < 1000; i++)
		submit_to(&rig, R_POST, "1", 0);
	for (int i = 0; i < 20; i++)
		submit_to(&rig, R_POST, "2", 0);
	for (int i = 0; i < 20; i++)
		submit_to(&rig, R_POST, "3", 0);
	for (int i = 0; i < 45; i++) {
		struct rest_call *call = next(&rig);

		seen[call->major[0] - '1']++;
		answer(&rig, call, 200);
	}
	assert_int_equal(seen[0], 15);
	assert_int_equal(seen[1], 15);
	assert_int_equal(seen[2], 15);
	rig_close(&rig);
}

/* Ten thousand blocked classes: looking for the next call does not look at them all again. */
static void test_many_waiting(void **state)
{
	struct rest_call *call;
	struct rig rig;
	int sent = 0;

	rig_open(&rig);
	for (int i = 0; i < 10000; i++) {
		char major[20];

		snprintf(major, sizeof(major), "t%d", i / 2);
		submit_to(&rig, R_HOOK, major, REST_INTERACTION);
	}
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 5000; i++) {
			call = next(&rig);
			assert_non_null(call);
			for (int j = 0; j < 20; j++)
				(void)rest_deadline(rig.rest, rig.now);
			answer(&rig, call, 200);
			sent++;
		}
	assert_int_equal(sent, 10000);
	assert_int_equal(next_tag(&rig), 0);
	assert_int_equal(rest_pending(rig.rest), 0);
	while ((call = rest_finished(rig.rest)))
		rest_call_free(call);
	rig_close(&rig);
}

static void test_queue_is_bounded(void **state)
{
	struct rest_call *call;
	struct rig rig;

	rig_open(&rig);
	submit_edit(&rig, "1", 5, 0);
	for (int i = 1; i < REST_QUEUE_MAX; i++)
		submit_to(&rig, R_POST, "1", 0);
	call = call_to(R_POST, "1", 0);
	call->tag = 1000000;
	assert_int_equal(rest_submit(rig.rest, call, rig.now), -EAGAIN);
	assert_int_equal(outcome(&rig, 1000000), REST_FAILED);
	/* A newer state of what waits already takes no more room. */
	submit_edit(&rig, "1", 5, 0);
	assert_int_equal(outcome(&rig, 1), REST_SUPERSEDED);
	assert_int_equal(rest_pending(rig.rest), REST_QUEUE_MAX);
	/* Nor is the last word about a command dropped, which nothing repeats. */
	for (int i = 1; i < REST_ANSWERS_MAX; i++)
		submit_to(&rig, R_HOOK, "12", REST_INTERACTION);
	/* Nor does anybody have to do without a channel. */
	submit_to(&rig, R_POST, "2", REST_FIRST);
	call = call_to(R_HOOK, "12", REST_INTERACTION);
	call->tag = 1000002;
	assert_int_equal(rest_submit(rig.rest, call, rig.now), -EAGAIN);
	assert_int_equal(outcome(&rig, 1000002), REST_FAILED);
	/* Who presses a button does not hear that it failed because edits wait. */
	for (int i = REST_ANSWERS_MAX; i < REST_ACKS_MAX; i++)
		submit_to(&rig, R_BACK, "12", REST_INTERACTION);
	call = call_to(R_BACK, "12", REST_INTERACTION);
	call->tag = 1000001;
	assert_int_equal(rest_submit(rig.rest, call, rig.now), -EAGAIN);
	assert_int_equal(outcome(&rig, 1000001), REST_FAILED);
	assert_int_equal(rest_pending(rig.rest), REST_QUEUE_MAX + REST_ACKS_MAX);
	rig_close(&rig);
}

/* ---- a dead token ends it ---- */

static void test_dead_token_ends_all(void **state)
{
	struct rest_call *first, *second, *call;
	int dead = 0;
	struct rig rig;

	rig_open(&rig);
	submit_edit(&rig, "1", 5, 0);
	submit_to(&rig, R_POST, "2", REST_REPEATABLE);
	submit_to(&rig, R_POST, "2", 0);
	submit_to(&rig, R_HOOK, "t", REST_INTERACTION);
	call = next(&rig);
	assert_int_equal(call->tag, 4);
	answer(&rig, call, 200);
	assert_int_equal(outcome(&rig, 4), REST_OK);
	first = next(&rig);
	second = next(&rig);
	submit_edit(&rig, "1", 5, 0);
	answer_with(&rig, first, 401, VIA, "{\"code\":0,\"message\":\"401: Unauthorized\"}");
	assert_true(noted(&rig, "401"));
	answer(&rig, second, 500); /* is not repeated any more */
	submit_to(&rig, R_POST, "3", 0);
	submit_to(&rig, R_HOOK, "t", REST_INTERACTION);
	while ((call = rest_finished(rig.rest))) {
		dead += call->outcome == REST_DEAD_TOKEN;
		rest_call_free(call);
	}
	assert_int_equal(dead, 5);
	assert_int_equal(next_tag(&rig), 7);
	assert_int_equal(next_tag(&rig), 0);
	rig_close(&rig);
}

/* Notes and texts for the log never show a token. */
static void test_notes_hold_no_secret(void **state)
{
	struct rest_call *call;
	struct rig rig;
	char *text;

	rig_open(&rig);
	call = rest_call_new(HTTP_PATCH, "PATCH /webhooks/12/S3CRET/messages/@original", "S3CRET",
		REST_INTERACTION);
	call->http.url = xstrdup("/webhooks/12/S3CRET/messages/@original");
	submit(&rig, call);
	answer_with(&rig, next(&rig), 429, "X-RateLimit-Scope: shared", "{\"retry_after\":1}");
	text = rest_note(rig.rest);
	assert_non_null(strstr(text, "rate limit (shared)"));
	assert_null(strstr(text, "S3CRET"));
	free(text);
	assert_null(rest_note(rig.rest));
	rig_close(&rig);
}

/* Freeing it with calls in every state loses nothing (the sanitizer looks). */
static void test_free_in_any_state(void **state)
{
	struct rest_call *call;
	struct rig rig;

	rig_open(&rig);
	submit_edit(&rig, "1", 5, 0);
	(void)next(&rig);
	submit_edit(&rig, "1", 5, 0);
	submit_edit(&rig, "1", 0, 0);
	submit_to(&rig, R_POST, "2", REST_REPEATABLE);
	answer(&rig, next(&rig), 500);
	call = call_to(R_POST, "2", 0);
	call->deadline_ms = rig.now + 10000;
	submit(&rig, call);
	submit_to(&rig, R_POST, "3", 0);
	answer(&rig, next(&rig), 200);
	answer_with(&rig, next(&rig), 429, "X-RateLimit-Scope: user", "{\"retry_after\":9}");
	assert_int_equal(rest_pending(rig.rest), 5);
	rig_close(&rig);
}

/* However many edits of progress wait, the pictures of the same second find room. */
static void test_progress_leaves_room(void **state)
{
	struct rig rig;
	int edits = 0, posts = 0;

	rig_open(&rig);
	for (int i = 0; i < 200; i++) {
		char major[20];

		snprintf(major, sizeof(major), "%d", i);
		submit_edit(&rig, major, (uint64_t)i + 1, REST_BACKGROUND);
	}
	for (struct rest_call *call; (call = next(&rig)); edits++)
		answer(&rig, call, 200);
	assert_int_equal(edits, 40);
	for (int i = 0; i < 20; i++) {
		char major[20];

		snprintf(major, sizeof(major), "p%d", i);
		submit_to(&rig, R_POST, major, 0);
	}
	for (struct rest_call *call; (call = next(&rig)); posts++)
		answer(&rig, call, 200);
	assert_int_equal(posts, 10);
	rig.now += 1100;
	for (struct rest_call *call; (call = next(&rig)); edits++)
		answer(&rig, call, 200);
	assert_int_equal(edits, 40 + 10 + 30); /* the 10 posts that waited went first */
	rig_close(&rig);
}

/* A window that is not over outlives the minute. */
static void test_a_window_is_not_forgotten(void **state)
{
	struct rig rig;

	rig_open(&rig);
	submit_to(&rig, R_POST, "1", 0);
	answer_limits(&rig, next(&rig), "h", 2, 0, 600);
	rig.now += 300000;
	assert_int_equal(next_tag(&rig), 0);
	submit_to(&rig, R_POST, "1", 0);
	assert_int_equal(next_tag(&rig), 0);
	rig.now += 300000;
	assert_int_equal(next_tag(&rig), 2);
	rig_close(&rig);
}

static void test_wake_heap(void **state)
{
	struct wake items[300] = {0}, *w;
	struct wake_heap heap = {0};
	int64_t last = INT64_MIN;
	struct rng rng;
	size_t n = 0;

	rng_seed(&rng, 3);
	for (int round = 0; round < 3000; round++) {
		size_t i = rng_below(&rng, countof(items));

		if (rng_below(&rng, 3) == 0)
			wake_cancel(&heap, &items[i]);
		else
			wake_set(&heap, &items[i], (int64_t)rng_below(&rng, 1000));
	}
	for (size_t i = 0; i < countof(items); i++)
		n += items[i].place != 0;
	assert_in_range(n, 100, 290);
	assert_null(wake_due(&heap, -1));
	while ((w = wake_due(&heap, 2000))) {
		assert_true(w->at_ms >= last);
		last = w->at_ms;
		n--;
	}
	assert_int_equal(n, 0);
	assert_true(wake_first_ms(&heap) == NEVER);
	wake_heap_free(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_newest_edit),
		cmocka_unit_test(test_never_two_at_once),
		cmocka_unit_test(test_newer_edit_replaces_retry),
		cmocka_unit_test(test_newer_edit_after_429),
		cmocka_unit_test(test_coalesce_across_priorities),
		cmocka_unit_test(test_held_edit_expires),
		cmocka_unit_test(test_urgent_first_background_last),
		cmocka_unit_test(test_urgent_first_within_a_class),
		cmocka_unit_test(test_fairness),
		cmocka_unit_test(test_many_waiting),
		cmocka_unit_test(test_queue_is_bounded),
		cmocka_unit_test(test_dead_token_ends_all),
		cmocka_unit_test(test_notes_hold_no_secret),
		cmocka_unit_test(test_free_in_any_state),
		cmocka_unit_test(test_progress_leaves_room),
		cmocka_unit_test(test_a_window_is_not_forgotten),
		cmocka_unit_test(test_wake_heap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
