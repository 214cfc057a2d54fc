/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/limits.h"
#include "core/limits.h"

static void test_empty(void **state)
{
	struct server_limits l = {.cap = 9};
	char *text;

	assert_int_equal(limits_parse(NULL, &l), 0);
	assert_int_equal(limits_cap(&l, NULL, 0, 4), 4);
	assert_int_equal(limits_quota(&l, NULL, 0), 0);
	assert_false(limits_is_banned(&l, 1));
	text = limits_print(&l);
	assert_string_equal(text, "{\"roles\":[],\"banned\":[]}");
	free(text);
	limits_free(&l);
}

static void test_round_trip(void **state)
{
	static const char text[] = "{\"cap\":3,\"quota\":20,\"roles\":[{\"role\":\"77\",\"cap\":5},"
				   "{\"role\":\"78\",\"quota\":50}],\"banned\":[\"900\",\"901\"]}";
	struct server_limits l;
	char *again;

	assert_int_equal(limits_parse(text, &l), 0);
	again = limits_print(&l);
	assert_string_equal(again, text);
	free(again);
	limits_free(&l);
}

static void test_highest_role_wins_over_the_general(void **state)
{
	struct server_limits l = {0};
	const uint64_t low[] = {1}, both[] = {1, 2}, other[] = {9};

	assert_int_equal(limits_set(&l, 0, 3, 10), 0);
	assert_int_equal(limits_set(&l, 1, 1, -1), 0);
	assert_int_equal(limits_set(&l, 2, 6, 40), 0);
	assert_int_equal(limits_cap(&l, other, 1, 2), 3);
	assert_int_equal(limits_cap(&l, low, 1, 2), 1); /* also when it is lower */
	assert_int_equal(limits_cap(&l, both, 2, 2), 6);
	assert_int_equal(limits_quota(&l, low, 1), 10);
	assert_int_equal(limits_quota(&l, both, 2), 40);
	assert_int_equal(limits_set(&l, 2, 0, 0), 0); /* taken away */
	assert_int_equal(limits_cap(&l, both, 2, 2), 1);
	assert_int_equal(limits_set(&l, 2, 0, 0), -ENOENT);
	assert_int_equal(l.n_roles, 1);
	assert_int_equal(limits_set(&l, 0, CAP_MAX + 1, 0), -ERANGE);
	assert_int_equal(limits_set(&l, 0, 0, -2), -ERANGE);
	limits_free(&l);
}

static void test_bans(void **state)
{
	struct server_limits l = {0};

	assert_int_equal(limits_ban(&l, 5), 0);
	assert_int_equal(limits_ban(&l, 6), 0);
	assert_int_equal(limits_ban(&l, 5), -EEXIST);
	assert_true(limits_is_banned(&l, 5));
	assert_int_equal(limits_unban(&l, 5), 0);
	assert_int_equal(limits_unban(&l, 5), -ENOENT);
	assert_false(limits_is_banned(&l, 5));
	assert_true(limits_is_banned(&l, 6));
	while (l.n_banned < BANNED_MAX)
		assert_int_equal(limits_ban(&l, 1000 + l.n_banned), 0);
	assert_int_equal(limits_ban(&l, 7), -ENOSPC);
	limits_free(&l);
}

static void test_strange_texts(void **state)
{
	struct server_limits l = {.cap = 9};

	assert_int_equal(limits_parse("", &l), -EBADMSG);
	assert_int_equal(limits_parse("[]", &l), -EBADMSG);
	assert_int_equal(limits_parse("{\"cap\":", &l), -EBADMSG);
	assert_int_equal(l.cap, 9);
	assert_int_equal(
		limits_parse(
			"{\"cap\":-3,\"quota\":1e9,\"roles\":[1,{\"role\":0,\"cap\":1},"
			"{\"role\":\"4\",\"cap\":2},{\"role\":\"4\",\"cap\":3},{\"role\":\"5\"}],"
			"\"banned\":[1,\"x\",\"0\",\"12\",\"12\"]}",
			&l),
		0);
	assert_int_equal(l.cap, 0);
	assert_int_equal(l.quota, 0);
	assert_int_equal(l.n_roles, 1);
	assert_int_equal(l.roles[0].cap, 3);
	assert_int_equal(l.n_banned, 1);
	limits_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_highest_role_wins_over_the_general),
		cmocka_unit_test(test_bans),
		cmocka_unit_test(test_strange_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
