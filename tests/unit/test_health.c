/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/health.h"

/* A card's circuit breaker: when it opens, how long it rests, what closes it. */

#define NOW INT64_C(1780000000000)
#define A   1
#define B   2

static void test_different_workflows_open_it(void **state)
{
	struct health h = {0};

	assert_false(health_failed(&h, A, "CUDA error", NOW));
	assert_false(health_failed(&h, A, "CUDA error", NOW));
	assert_int_equal(h.circuit, HEALTH_CLOSED);
	assert_true(health_failed(&h, B, "disk full", NOW));
	assert_int_equal(h.circuit, HEALTH_OPEN);
	assert_string_equal(h.why, "disk full");
	assert_int_equal(health_deadline(&h), NOW + HEALTH_REST_MS);
}

/* One workflow that fails again and again may be to blame itself, until it goes well elsewhere. */
static void test_one_workflow_opens_it_only_when_others_can(void **state)
{
	struct health h = {0};

	for (int i = 0; i < 10; i++)
		assert_false(health_failed(&h, A, NULL, NOW));
	assert_false(health_other_drew(&h, B, NOW));
	assert_true(health_other_drew(&h, A, NOW));
	assert_int_equal(h.circuit, HEALTH_OPEN);
	assert_false(health_other_drew(&h, A, NOW)); /* said once */
}

static void test_fewer_failures_are_forgiven(void **state)
{
	struct health h = {0};

	for (int i = 0; i < 10; i++) {
		assert_false(health_failed(&h, A, NULL, NOW));
		assert_false(health_failed(&h, B, NULL, NOW));
		assert_false(health_drew(&h, A));
	}
	assert_int_equal(h.circuit, HEALTH_CLOSED);
	assert_true(health_can_draw(&h, A));
	assert_false(health_can_draw(&h, B));
}

static void test_rest_doubles_up_to_its_end(void **state)
{
	int64_t now_ms = NOW, rest_ms = HEALTH_REST_MS;
	struct health h = {0};

	health_failed(&h, A, NULL, now_ms);
	health_failed(&h, A, NULL, now_ms);
	health_failed(&h, B, NULL, now_ms);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(health_deadline(&h), now_ms + rest_ms);
		assert_false(health_tick(&h, now_ms + rest_ms - 1));
		assert_true(health_tick(&h, now_ms + rest_ms));
		assert_int_equal(h.circuit, HEALTH_TRIAL);
		assert_int_equal(health_deadline(&h), NEVER);
		now_ms += rest_ms;
		assert_false(health_failed(&h, A, NULL, now_ms)); /* not said again */
		assert_int_equal(h.circuit, HEALTH_OPEN);
		rest_ms = min_of(rest_ms * 2, (int64_t)HEALTH_REST_MAX_MS);
	}
	health_try_now(&h);
	assert_int_equal(h.circuit, HEALTH_TRIAL);
	assert_true(health_drew(&h, B)); /* well again */
	assert_int_equal(h.circuit, HEALTH_CLOSED);
	/* All is forgotten: the next rest is short. */
	health_failed(&h, A, NULL, now_ms);
	health_failed(&h, B, NULL, now_ms);
	assert_true(health_failed(&h, A, NULL, now_ms));
	assert_int_equal(health_deadline(&h), now_ms + HEALTH_REST_MS);
}

static void test_nothing_to_try_on_a_good_card(void **state)
{
	struct health h = {0};

	health_try_now(&h);
	assert_int_equal(h.circuit, HEALTH_CLOSED);
	assert_false(health_tick(&h, NOW));
	assert_int_equal(health_deadline(&h), NEVER);
}

static void test_many_workflows_are_remembered(void **state)
{
	struct health h = {0};

	for (uint32_t model = 1; model <= 3 * HEALTH_DRAWN_MAX; model++)
		health_drew(&h, model);
	for (uint32_t model = 2 * HEALTH_DRAWN_MAX + 1; model <= 3 * HEALTH_DRAWN_MAX; model++)
		assert_true(health_can_draw(&h, model));
	assert_false(health_can_draw(&h, 1));
	assert_int_not_equal(health_model("one"), health_model("two"));
	assert_int_equal(health_model(NULL), health_model(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_different_workflows_open_it),
		cmocka_unit_test(test_one_workflow_opens_it_only_when_others_can),
		cmocka_unit_test(test_fewer_failures_are_forgiven),
		cmocka_unit_test(test_rest_doubles_up_to_its_end),
		cmocka_unit_test(test_nothing_to_try_on_a_good_card),
		cmocka_unit_test(test_many_workflows_are_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
