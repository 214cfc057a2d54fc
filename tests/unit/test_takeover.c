/* SPDX-License-Identifier: Apache-2.0 */
#include "store_kit.h"

#include "base/limits.h"
#include "store/takeover.h"

#define NOW_MS INT64_C(1800000000000)

/* What the Python version left, with rows that it may have left after a bad day. */
static void make_old(const struct place *p)
{
	if (!test_server())
		make_folders(p);
	raw(p->path, test_server() ? "CREATE TABLE sessions (user_id TEXT PRIMARY KEY, channel_id "
				     "BIGINT, last_img_name TEXT, last_img_bytes BYTEA, updated_at "
				     "FLOAT)"
				   : "CREATE TABLE sessions (user_id TEXT PRIMARY KEY, channel_id "
				     "BIGINT, last_img_name TEXT, last_img_bytes BLOB, updated_at "
				     "FLOAT)");
	raw(p->path, "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER)");
	raw(p->path,
		test_server()
			? "INSERT INTO sessions VALUES ('111111111111111111', 222222222222222222, "
			  "'a.png', '\\x00ff4142', 1799999990.25), ('5', 6, NULL, NULL, 1799990000)"
			: "INSERT INTO sessions VALUES ('111111111111111111', 222222222222222222, "
			  "'a.png', X'00ff4142', 1799999990.25), ('5', 6, NULL, NULL, 1799990000)");
	raw(p->path, "INSERT INTO sessions VALUES ('alice', 7, NULL, NULL, 1799990000), "
		     "('8', NULL, NULL, NULL, 1799990000), ('9', -3, NULL, NULL, 1799990000), "
		     "('10', 7, NULL, NULL, NULL), ('11', 7, NULL, NULL, 1e300), "
		     "('12', 7, NULL, NULL, 12)");
	raw(p->path, "INSERT INTO counters VALUES ('other', 7), ('image_count', 41)");
}

static struct takeover taken(struct store_db *db)
{
	struct takeover t;
	char *why = NULL;

	if (store_db_take_over(db, 77, NOW_MS, &t, &why) < 0)
		fail_msg("%s", why);
	return t;
}

static bool skipped(void)
{
	return test_server() && str_starts(test_server(), "mysql");
}

static void test_taken_once(void **state)
{
	struct place *p = *state;
	struct store_query q = {STORE_READ_LAST, UINT64_C(111111111111111111), NOW_MS + 1000};
	struct store_result result;
	struct store_snapshot s;
	struct takeover t;
	struct store_db *db;

	if (skipped())
		skip();
	make_old(p);
	db = open_ok(p->path);
	t = taken(db);
	assert_true(t.done);
	assert_int_equal(t.channels, 2);
	assert_int_equal(t.pictures, 1);
	assert_int_equal(t.image_count, 41);
	assert_int_equal(t.odd, 5);
	assert_int_equal(store_db_load(db, 0, &s, NULL), 0);
	assert_int_equal(s.n_sessions, 2);
	assert_true(s.sessions[0].user_id == 5 && s.sessions[0].channel_id == 6);
	assert_true(s.sessions[1].guild_id == 77 &&
		    s.sessions[1].channel_id == UINT64_C(222222222222222222));
	assert_true(s.sessions[1].active_ms == INT64_C(1799999990250));
	assert_int_equal(s.image_count, 41);
	store_snapshot_free(&s);
	assert_int_equal(store_db_read(db, &q, &result), 0);
	assert_int_equal(result.picture.bytes->len, 4);
	assert_memory_equal(result.picture.bytes->data,
		"\0\xff"
		"AB",
		4);
	assert_string_equal(result.picture.name, "a.png");
	store_result_free(&result);
	/* Once: what the bot has done since stays. */
	assert_int_equal(
		put(db, (struct store_op){.kind = STORE_SESSION_DROP, .session = {.user_id = 5}}),
		0);
	t = taken(db);
	assert_false(t.done);
	assert_int_equal(store_db_load(db, 0, &s, NULL), 0);
	assert_int_equal(s.n_sessions, 1);
	store_snapshot_free(&s);
	store_db_close(db);
	raw_equal(p->path, "SELECT count(*) FROM sessions", "8");
	raw_equal(p->path, "SELECT value FROM counters WHERE name = 'image_count'", "41");
}

/* Ours wins, the larger count too; a bad count is left. */
static void test_ours_stay(void **state)
{
	struct place *p = *state;
	struct store_op ops[] = {
		{.kind = STORE_SESSION, .session = {.user_id = 5, .channel_id = 60}},
		{.kind = STORE_VALUE, .name = (char[]){"image_count"}, .value = (char[]){"50"}}};
	struct store_snapshot s;
	struct store_db *db;

	if (skipped())
		skip();
	make_old(p);
	db = open_ok(p->path);
	assert_int_equal(store_db_apply(db, ops, 2, NULL), 0);
	assert_int_equal(taken(db).channels, 1);
	assert_int_equal(store_db_load(db, 0, &s, NULL), 0);
	assert_true(s.sessions[0].channel_id == 60);
	assert_int_equal(s.image_count, 50);
	store_snapshot_free(&s);
	store_db_close(db);
}

static void test_other_tables(void **state)
{
	struct place *p = *state;
	struct store_db *db;

	if (!test_server())
		make_folders(p);
	raw(p->path, "CREATE TABLE sessions (user_id VARCHAR(20), x INTEGER)");
	raw(p->path, "INSERT INTO sessions VALUES ('5', 3)");
	db = open_ok(p->path);
	assert_false(taken(db).done);
	store_db_close(db);
}

/* SQLite keeps any type in any column. */
static void test_odd_types(void **state)
{
	struct place *p = *state;
	struct takeover t;
	struct store_db *db;

	if (test_server())
		skip();
	make_old(p);
	raw(p->path, "DELETE FROM sessions; DELETE FROM counters;"
		     "INSERT INTO counters VALUES ('image_count', 'many');"
		     "INSERT INTO sessions VALUES ('20', 'text', 'n', 'no bytes', 1799990000),"
		     "('21', 2.5, X'ff', X'', '1799990000.5'), ('22', 9, NULL, zeroblob(70000000), "
		     "1799990000), (X'00ff', 1, 2, 3, 4)");
	db = open_ok(p->path);
	t = taken(db);
	assert_int_equal(t.channels, 1);
	assert_int_equal(t.pictures, 0);
	assert_int_equal(t.odd, 6);
	assert_int_equal(t.image_count, 0);
	store_db_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_place(test_taken_once),
		in_place(test_ours_stay),
		in_place(test_other_tables),
		in_place(test_odd_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
