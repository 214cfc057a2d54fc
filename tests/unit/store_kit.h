/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_TESTS_STORE_KIT_H
#define FULLET_TESTS_STORE_KIT_H

/* What the tests of the store share: a folder for each test, rows, a look past the store. */

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

#include "store/store.h"

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
	int r = store_db_open(path, &db, &why);

	if (r)
		fail_msg("%s: %d %s", path, r, why ? why : "");
	assert_null(why);
	return db;
}

static inline void open_fails(const char *path, int result, const char *part)
{
	struct store_db *db = NULL;
	char *why = NULL;

	assert_int_equal(store_db_open(path, &db, &why), result);
	assert_null(db);
	assert_non_null(why);
	if (!strstr(why, part))
		fail_msg("\"%s\" does not say \"%s\"", why, part);
	free(why);
}

/* Runs SQL on a connection of its own, as another program would. */
static inline void raw(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	char *why = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	sqlite3_close(db);
}

/* The first column of the first row as text; "none" without a row, "null" for NULL. */
static inline void raw_text(const char *path, const char *sql, char *ret, size_t size)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	const char *text;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	if (sqlite3_step(stmt) == SQLITE_ROW) {
		text = (const char *)sqlite3_column_text(stmt, 0);
		str_copy(ret, size, text ? text : "null");
	} else {
		str_copy(ret, size, "none");
	}
	sqlite3_finalize(stmt);
	sqlite3_close(db);
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

#define in_place(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

#endif
