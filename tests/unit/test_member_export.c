/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "app/member_export.h"
#include "base/json.h"

static const struct member_facts facts = {.user_id = UINT64_MAX,
	.guild_id = 7,
	.now_ms = INT64_C(1795740969000),
	.pictures_today = 3};

static struct store_result made(size_t n)
{
	struct store_result rows = {.jobs = xcalloc(n + 1, sizeof(struct job_row)), .n_jobs = n};

	for (size_t i = 0; i < n; i++) {
		rows.jobs[i] = (struct job_row){.id = i + 1,
			.seed = UINT64_MAX,
			.kind = 1,
			.step = STORE_ENDED,
			.outcome = 1,
			.pictures = 4,
			.created_ms = INT64_C(1795740969461),
			.prompt = xstrdup("a \"fox\"\n/ \xc3\xb1"),
			.options = xstrdup(i % 2 ? "no JSON" : "{\"size\":\"64x64\"}"),
			.token = xstrdup("a secret token"),
			.gpu = xstrdup("http://card.example:8188")};
	}
	return rows;
}

/* Every file is JSON; gives the number of jobs in all of them. */
static size_t count_jobs(const struct member_files *files, size_t file_max)
{
	size_t n = 0;

	for (size_t i = 0; i < files->n; i++) {
		const struct blob *b = files->at[i];
		struct json_object *doc = json_parse(b->data, b->len, NULL);

		assert_non_null(doc);
		assert_true(b->len <= file_max);
		assert_null(strstr(b->data, "secret"));
		assert_null(strstr(b->data, "card.example"));
		n += json_len(json_array(doc, "jobs"));
		json_put(&doc);
	}
	return n;
}

static void test_one_file(void **state)
{
	struct store_result rows = made(2);
	struct member_files files;
	struct json_object *doc;

	rows.has_session = true;
	rows.session = (struct session_row){.channel_id = 5, .active_ms = 1000};
	member_export(&rows, &facts, 10, 1 * MIB, 2 * MIB, &files);
	assert_true(files.n == 1 && files.left_out == 0);
	assert_int_equal(count_jobs(&files, 1 * MIB), 2);
	doc = json_parse(files.at[0]->data, files.at[0]->len, NULL);
	assert_string_equal(json_str(doc, "user_id"), "18446744073709551615");
	assert_string_equal(json_str(doc, "made"), "2026-11-27T00:56:09Z");
	assert_string_equal(json_str(doc, "private_channel.channel_id"), "5");
	assert_string_equal(json_str(doc, "private_channel.last_used"), "1970-01-01T00:00:01Z");
	assert_null(json_at(doc, "last_picture"));
	assert_string_equal(json_str(doc, "jobs.0.prompt"), "a \"fox\"\n/ \xc3\xb1");
	assert_string_equal(json_str(doc, "jobs.0.options.size"), "64x64");
	assert_string_equal(json_str(doc, "jobs.0.seed"), "18446744073709551615");
	assert_string_equal(json_str(doc, "jobs.0.outcome"), "picture");
	assert_null(json_at(doc, "jobs.1.options"));
	json_put(&doc);
	member_files_free(&files);
	store_result_free(&rows);
}

static void test_nothing(void **state)
{
	struct store_result rows = made(0);
	struct member_files files;

	member_export(&rows, &facts, 10, 1 * MIB, 2 * MIB, &files);
	assert_int_equal(files.n, 1);
	assert_int_equal(count_jobs(&files, 1 * MIB), 0);
	member_files_free(&files);
	store_result_free(&rows);
}

static void test_several_files(void **state)
{
	struct store_result rows = made(200);
	struct member_files files;

	member_export(&rows, &facts, 10, 20 * KIB, 1 * MIB, &files);
	assert_true(files.n > 2 && files.left_out == 0);
	assert_int_equal(count_jobs(&files, 20 * KIB), 200);
	member_files_free(&files);
	/* No room for all: the newest are there, and it is told how many are not. */
	member_export(&rows, &facts, 2, 20 * KIB, 1 * MIB, &files);
	assert_int_equal(files.n, 2);
	assert_int_equal(count_jobs(&files, 20 * KIB) + files.left_out, 200);
	assert_true(files.left_out > 0);
	member_files_free(&files);
	member_export(&rows, &facts, 10, 20 * KIB, 30 * KIB, &files);
	assert_int_equal(files.n, 2);
	assert_true(files.at[0]->len + files.at[1]->len <= 30 * KIB);
	assert_int_equal(count_jobs(&files, 20 * KIB) + files.left_out, 200);
	member_files_free(&files);
	store_result_free(&rows);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_file),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_several_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
