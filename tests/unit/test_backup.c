/* SPDX-License-Identifier: Apache-2.0 */
#include "store_kit.h"

#include "base/limits.h"
#include "store/backup.h"
#include "store/backup_file.h"
#include "store/schema.h"

/* Against a server, its database is the one that is saved and the one that is restored into. */

struct files {
	char backup[200], second[200], sqlite[200];
};

static struct files files_of(const struct place *p)
{
	struct files f;

	snprintf(f.backup, sizeof(f.backup), "%s/one.backup", p->root);
	snprintf(f.second, sizeof(f.second), "%s/two.backup", p->root);
	snprintf(f.sqlite, sizeof(f.sqlite), "%s/bot.db", p->root);
	return f;
}

static int files_teardown(void **state)
{
	static const char *const names[] = {
		"one.backup", "two.backup", "bot.db", "bot.db-wal", "bot.db-shm", "bot.db.lock"};
	struct place *p = *state;

	for (size_t i = 0; i < countof(names); i++)
		drop_file(p->root, names[i]);
	return place_teardown(state);
}

static void put_all(struct store_db *db)
{
	struct store_op op = job_op(INT64_MAX - 1, 30, 5);
	struct store_op more[] = {
		{.kind = STORE_SESSION, .session = {UINT64_MAX, 2, 3, 4, 5, SESSION_THREAD}},
		{.kind = STORE_VALUE, .name = (char[]){"empty"}, .value = (char[]){""}},
		{.kind = STORE_VALUE,
			.name = (char[]){"n\xc3\xb1"},
			.value = (char[]){"\xf0\x9f\x90\xb1\n'"}},
		{.kind = STORE_LEARNED,
			.card = (char[]){"http://127.0.0.1:8188"},
			.name = (char[]){"m"},
			.value = (char[]){"7"}},
	};
	struct buf bytes = BUF(2 * MIB);

	op.job.user_id = UINT64_MAX;
	op.job.seed = UINT64_MAX;
	op.job.created_ms = INT64_MIN;
	str_set(&op.job.detail, "");
	str_set(&op.job.input, "last");
	assert_int_equal(put(db, op), 0);
	for (uint64_t i = 1; i <= 300; i++)
		assert_int_equal(put(db, job_op(i, i % 2 ? 30 : 100, (int64_t)i)), 0);
	assert_int_equal(store_db_apply(db, more, countof(more), NULL), 0);
	for (int i = 0; i < 256 * 1024; i++)
		assert_int_equal(buf_add(&bytes, (char[]){(char)(i * 7 >> (i % 5))}, 1), 0);
	op = (struct store_op){.kind = STORE_PICTURE, .id = 1, .picture = blob_take(&bytes)};
	assert_int_equal(store_db_apply(db, &op, 1, NULL), 0);
	op.kind = STORE_LAST;
	op.at_ms = INT64_MAX;
	assert_int_equal(store_db_apply(db, &op, 1, NULL), 0);
	store_op_free(&op);
}

static void write_ok(struct store_db *db, const char *path)
{
	char *summary = NULL, *why = NULL;

	if (backup_write(db, path, 1000, &summary, &why) < 0)
		fail_msg("%s", why);
	assert_string_equal(
		summary, "jobs: 301, channels: 1, settings: 2, pictures: 1, last_pictures: 1, "
			 "learned: 1");
	free(summary);
}

static void restores(
	struct store_db *db, const char *path, bool force, int result, const char *part)
{
	char *summary = NULL, *why = NULL;
	int r = backup_restore(db, path, force, &summary, &why);

	if (r != result)
		fail_msg("%d %s", r, why ? why : "");
	if (!strstr(r ? why : summary, part))
		fail_msg("\"%s\" does not say \"%s\"", r ? why : summary, part);
	free(summary);
	free(why);
}

static char *slurp(const char *path, size_t *ret_len)
{
	char *data = xcalloc(1, 4 * MIB);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, data, 4 * MIB);

	assert_true(n > 0 && n < (ssize_t)(4 * MIB));
	close(fd);
	*ret_len = (size_t)n;
	return data;
}

static void spit(const char *path, const char *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

/* From here to SQLite and back again: the files tell the same. */
static void test_there_and_back(void **state)
{
	struct files f = files_of(*state);
	struct store_db *db = open_ok(((struct place *)*state)->path), *other = NULL;
	size_t one_len = 0, two_len = 0;
	cleanup(freep) char *one = NULL, *two = NULL;
	struct stat st;

	put_all(db);
	write_ok(db, f.backup);
	assert_int_equal(stat(f.backup, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(store_db_open(f.sqlite, &other, NULL), 0);
	restores(other, f.backup, false, 0, "jobs: 301, ");
	restores(other, f.backup, false, -EEXIST, "holds 301 jobs already: with --force");
	write_ok(other, f.second);
	store_db_close(other);
	one = slurp(f.backup, &one_len);
	two = slurp(f.second, &two_len);
	assert_int_equal(one_len, two_len);
	assert_memory_equal(one, two, one_len);
	/* Into the full one: what was there is replaced. */
	assert_int_equal(put(db, job_op(1000, 30, 0)), 0);
	restores(db, f.second, true, 0, "jobs: 301, ");
	write_ok(db, f.backup);
	free(one);
	one = slurp(f.backup, &one_len);
	assert_int_equal(one_len, two_len);
	assert_memory_equal(one, two, one_len);
	store_db_close(db);
}

static void test_refused(void **state)
{
	struct place *p = *state;
	struct files f = files_of(p);
	struct store_db *db = open_ok(p->path);
	cleanup(freep) char *data = NULL;
	char *why = NULL;
	size_t len = 0;

	assert_int_equal(put(db, job_op(1, 30, 0)), 0);
	assert_int_equal(backup_write(db, f.backup, 1000, &why, NULL), 0);
	free(take(why));
	data = slurp(f.backup, &len);
	for (size_t cut = 0; cut < len; cut++) {
		spit(f.second, data, cut);
		assert_int_equal(backup_check(f.second, &why), -EBADMSG);
		assert_non_null(strstr(why, cut < 14 ? "not a backup" : "cut off"));
		free(take(why));
	}
	for (size_t at = 0; at < len; at++) {
		data[at] ^= 0x11;
		spit(f.second, data, len);
		assert_true(backup_check(f.second, &why) < 0);
		free(take(why));
		data[at] ^= 0x11;
	}
	/* Refused in the middle: what was there stays. */
	spit(f.second, data, len - 1);
	restores(db, f.second, true, -EBADMSG, "cut off");
	assert_int_equal(count_rows(db, 1, 1), 1);
	data[18] = (char)(schema_newest() + 1);
	spit(f.second, data, len);
	assert_int_equal(backup_check(f.second, &why), -ENOTSUP);
	assert_non_null(strstr(why, "newer fullet (schema"));
	free(take(why));
	data[14] = 2;
	spit(f.second, data, len);
	assert_int_equal(backup_check(f.second, &why), -ENOTSUP);
	assert_non_null(strstr(why, "newer fullet: update"));
	free(take(why));
	assert_int_equal(backup_check("/nowhere/file", &why), -ENOENT);
	free(take(why));
	assert_int_equal(backup_write(db, "/nowhere/file", 0, NULL, &why), -ENOENT);
	free(why);
	store_db_close(db);
}

/* Nothing of a server's or a file's tables is forgotten. */
static void test_all_tables(void **state)
{
	struct place *p = *state;
	struct store_db *db = open_ok(p->path);
	char expected[16], names[512] = "";
	size_t n = 0;
	char **tables = schema_tables(&n);

	store_db_close(db);
	snprintf(expected, sizeof(expected), "%zu", n + 1); /* fullet_schema */
	for (size_t i = 0; i < n; i++) {
		size_t at = strlen(names);

		snprintf(names + at, sizeof(names) - at, ",'%s'", tables[i]);
		free(tables[i]);
	}
	free(tables);
	if (test_server()) {
		raw_equal(p->path,
			str_starts(test_server(), "mysql")
				? "SELECT count(*) FROM information_schema.tables WHERE "
				  "table_schema = database()"
				: "SELECT count(*) FROM information_schema.tables WHERE "
				  "table_schema = current_schema()",
			expected);
	} else {
		cleanup(freep) char *text = xasprintf(
			"SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN "
			"('fullet_schema'%s)",
			names);

		raw_equal(p->path, "SELECT count(*) FROM sqlite_master WHERE type = 'table'",
			expected);
		raw_equal(p->path, text, expected);
	}
}

/* A file of an older program has fewer columns: they take their defaults. */
static void test_older_schema(void **state)
{
	static char *const columns[] = {"user_id", "guild_id", "channel_id", "active_ms"};
	const struct sql_value values[] = {sql_int(5), sql_int(6), sql_int(7), sql_int(8)};
	struct place *p = *state;
	struct files f = files_of(p);
	struct store_db *db = open_ok(p->path);
	FILE *file = fopen(f.backup, "we");
	struct backup_writer w;
	struct store_snapshot s;

	backup_begin(&w, file, &(struct backup_head){BACKUP_FORMAT, 1, 9});
	backup_table(&w, "channels", columns, countof(columns));
	backup_row(&w, values, countof(values));
	backup_table_end(&w);
	assert_int_equal(backup_end(&w), 0);
	fclose(file);
	restores(db, f.backup, false, 0, "channels: 1");
	assert_int_equal(store_db_load(db, 0, &s, NULL), 0);
	assert_true(s.n_sessions == 1 && s.sessions[0].active_ms == 8 && !s.sessions[0].warned_ms);
	store_snapshot_free(&s);
	/* Tables and columns that are not ours are not touched. */
	file = fopen(f.backup, "we");
	backup_begin(&w, file, &(struct backup_head){BACKUP_FORMAT, 1, 9});
	backup_table(&w, "fullet_schema", (char *const[]){(char[]){"version"}}, 1);
	backup_row(&w, values, 1);
	backup_table_end(&w);
	assert_int_equal(backup_end(&w), 0);
	fclose(file);
	restores(db, f.backup, false, -ENOTSUP, "fullet_schema.version that is unknown");
	store_db_close(db);
}

#define with_files(f) cmocka_unit_test_setup_teardown(f, place_setup, files_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_files(test_there_and_back),
		with_files(test_refused),
		with_files(test_all_tables),
		with_files(test_older_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
