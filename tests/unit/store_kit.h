/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_TESTS_STORE_KIT_H
#define FULLET_TESTS_STORE_KIT_H

/*
 * What the tests of the store share: a folder for each test, rows, a look past the store. With an
 * URL in FULLET_TEST_DATABASE (tests/databases.py) the database is that server's, emptied before
 * each test, wherever a test names a file.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "store/database_url.h"
#include "store/sql.h"
#include "store/store.h"

/* NULL: SQLite. */
static inline const char *test_server(void)
{
	const char *url = getenv("FULLET_TEST_DATABASE");

	return url && *url ? url : NULL;
}

/* A connection past the store. */
static inline struct sql *raw_open(const char *path)
{
	struct database_url url = {0};
	struct sql *sql = NULL;
	char *why = NULL;
	int r = database_url_parse(test_server() ? test_server() : path, &url, &why);

	if (r == 0)
		r = test_server() ? sql_open_server(&url, &sql, &why)
				  : sql_open_sqlite(path, false, &sql, &why);
	if (r < 0)
		fail_msg("%s", why);
	database_url_free(&url);
	return sql;
}

static inline void raw_script(struct sql *sql, const char *text)
{
	char *why = NULL;

	if (sql_script(sql, text, &why) < 0)
		fail_msg("%s: %s", text, why);
}

static inline void empty_server(void)
{
	struct sql *sql;

	if (!test_server())
		return;
	sql = raw_open(NULL);
	raw_script(sql, "DROP TABLE IF EXISTS jobs, channels, settings, pictures, last_pictures, "
			"learned, fullet_schema, sessions, counters");
	sql_close(sql);
}

/* Each test has a folder of its own; the database lies two new folders deeper. */
struct place {
	char root[64];
	char path[160];
};

static inline int place_setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	str_copy(p->root, sizeof(p->root), "/tmp/fullet test XXXXXX");
	assert_non_null(mkdtemp(p->root));
	snprintf(p->path, sizeof(p->path), "%s/new folder/deeper/bot.db", p->root);
	*state = p;
	empty_server();
	return 0;
}

static inline void drop_file(const char *folder, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
}

static inline int place_teardown(void **state)
{
	static const char *const names[] = {
		"bot.db", "bot.db-wal", "bot.db-shm", "bot.db.lock", "link.db", "link.db.lock"};
	struct place *p = *state;
	char folder[128];

	snprintf(folder, sizeof(folder), "%s/new folder/deeper", p->root);
	for (size_t i = 0; i < countof(names); i++)
		drop_file(folder, names[i]);
	rmdir(folder);
	snprintf(folder, sizeof(folder), "%s/new folder", p->root);
	rmdir(folder);
	assert_int_equal(rmdir(p->root), 0);
	free(p);
	return 0;
}

static inline void make_folders(const struct place *p)
{
	char folder[128];

	snprintf(folder, sizeof(folder), "%s/new folder", p->root);
	assert_int_equal(mkdir(folder, 0700), 0);
	snprintf(folder, sizeof(folder), "%s/new folder/deeper", p->root);
	assert_int_equal(mkdir(folder, 0700), 0);
}

static inline struct store_db *open_ok(const char *path)
{
	struct store_db *db = NULL;
	char *why = NULL;
	int r = store_db_open(test_server() ? test_server() : path, &db, &why);

	if (r)
		fail_msg("%s: %d %s", path, r, why ? why : "");
	assert_null(why);
	return db;
}

static inline void open_fails(const char *path, int result, const char *part)
{
	struct store_db *db = NULL;
	char *why = NULL;

	assert_int_equal(store_db_open(test_server() ? test_server() : path, &db, &why), result);
	assert_null(db);
	assert_non_null(why);
	if (!strstr(why, part))
		fail_msg("\"%s\" does not say \"%s\"", why, part);
	free(why);
}

/* Runs SQL on a connection of its own, as another program would. */
static inline void raw(const char *path, const char *text)
{
	sqlite3 *db = NULL;
	char *why = NULL;

	if (test_server()) {
		struct sql *sql = raw_open(path);

		raw_script(sql, text);
		sql_close(sql);
		return;
	}
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", text, why);
	sqlite3_close(db);
}

struct raw_answer {
	char *ret;
	size_t size;
	int rows;
};

static inline void raw_row(void *arg, const struct sql_value *columns, size_t n)
{
	struct raw_answer *a = arg;

	if (a->rows++ > 0)
		return;
	if (columns[0].type == SQL_INT)
		snprintf(a->ret, a->size, "%" PRId64, columns[0].number);
	else
		str_copy(a->ret, a->size, columns[0].type == SQL_NULL ? "null" : columns[0].data);
}

/* The first column of the first row as text; "none" without a row, "null" for NULL. */
static inline void raw_text(const char *path, const char *text, char *ret, size_t size)
{
	struct sql *sql = raw_open(path);
	struct raw_answer a = {ret, size, 0};
	char *why = NULL, *copy = xstrdup(text);

	str_copy(ret, size, "none");
	if (sql_run(sql, copy, NULL, 0, raw_row, &a, &why) < 0)
		fail_msg("%s: %s", copy, why);
	free(copy);
	sql_close(sql);
}

static inline void raw_equal(const char *path, const char *sql, const char *expected)
{
	char text[256];

	raw_text(path, sql, text, sizeof(text));
	assert_string_equal(text, expected);
}

static inline struct store_op job_op(uint64_t id, int step, int64_t created_ms)
{
	struct store_op op = {.kind = STORE_JOB};

	op.job = (struct job_row){.id = id,
		.user_id = 7,
		.guild_id = 8,
		.step = step,
		.kind = 1,
		.seed = id * 3,
		.created_ms = created_ms,
		.prompt = xasprintf("prompt %" PRIu64, id),
		.token = xstrdup("SECRETtoken")};
	return op;
}

static inline int put(struct store_db *db, struct store_op op)
{
	int r = store_db_apply(db, &op, 1, NULL);

	store_op_free(&op);
	return r;
}

static inline int count_rows(struct store_db *db, uint64_t from, uint64_t to)
{
	struct job_row row = {0};
	int n = 0;

	for (uint64_t id = from; id <= to; id++) {
		if (store_db_job(db, id, &row) == 0)
			n++;
		job_row_free(&row);
	}
	return n;
}

/* Runs the tests for every database, and with SQLite those too that are about its files. */
#define run_store_tests(both, files)                                                               \
	(cmocka_run_group_tests(both, NULL, NULL) +                                                \
		(test_server() ? 0 : cmocka_run_group_tests(files, NULL, NULL)))
#define in_place(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

#endif
