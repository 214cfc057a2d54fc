/* SPDX-License-Identifier: Apache-2.0 */
#include "store/takeover.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "store/db_in.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)
/* Written when it was done. */
#define DONE "python_taken_over"

struct old_row {
	char *user, *channel, *name, *time;
	int64_t picture_len; /* -1: none */
};

struct old_rows {
	struct old_row *at;
	size_t n;
};

static void old_rows_free(struct old_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		free(rows->at[i].user);
		free(rows->at[i].channel);
		free(rows->at[i].name);
		free(rows->at[i].time);
	}
	free(rows->at);
}

static void take_old(void *arg, const struct sql_value *columns, size_t n)
{
	struct old_rows *rows = arg;
	struct old_row *row;

	if ((rows->n & (rows->n - 1)) == 0)
		rows->at = xrealloc(rows->at, (rows->n ? 2 * rows->n : 1) * sizeof(*rows->at));
	row = &rows->at[rows->n++];
	*row = (struct old_row){
		.user = xstrdup(sql_as_text(&columns[0])),
		.channel = xstrdup(sql_as_text(&columns[1])),
		.name = xstrdup(sql_as_text(&columns[2])),
		.time = xstrdup(sql_as_text(&columns[3])),
		.picture_len = columns[4].type == SQL_NULL ? -1 : sql_as_int(&columns[4]),
	};
}

/* ---- what is there ---- */

/* Whether a table has all of these columns, "a b c". */
static int has_columns(struct sql *sql, const char *table, const char *const *names, size_t n,
	bool *ret, char **ret_why)
{
	const char *text = sql->driver->dialect == SQL_DIALECT_SQLITE
				   ? "SELECT count(*) FROM pragma_table_info(?) WHERE name = ?"
				   : "SELECT count(*) FROM information_schema.columns WHERE "
				     "table_schema = current_schema() AND table_name = ? AND "
				     "column_name = ?";
	int r = 0;

	*ret = true;
	for (size_t i = 0; i < n && r == 0 && *ret; i++) {
		struct sql_value args[] = {sql_text(table), sql_text(names[i])};
		int64_t there = 0;

		r = sql_number(sql, text, args, 2, 0, &there, ret_why);
		*ret = there > 0;
	}
	return r;
}

static bool number_of(const char *text, uint64_t max, uint64_t *ret)
{
	return text && parse_u64(text, ret) == 0 && *ret > 0 && *ret <= max;
}

/* Seconds with a fraction, in the past and not before there was a Discord. */
static bool time_of(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	char *end = NULL;
	double seconds = text ? strtod(text, &end) : 0;

	if (!text || end == text || *end || !isfinite(seconds) || seconds < 1420070400 ||
		seconds * 1000 > (double)(now_ms + DAY_MS))
		return false;
	*ret_ms = min_of((int64_t)(seconds * 1000), now_ms);
	return true;
}

/* ---- copying ---- */

static int is_known(struct sql *sql, const char *table, uint64_t user_id, bool *ret, char **ret_why)
{
	cleanup(freep) char *text = xasprintf("SELECT count(*) FROM %s WHERE user_id = ?", table);
	struct sql_value id = sql_id(user_id);
	int64_t there = 0;
	int r = sql_number(sql, text, &id, 1, 0, &there, ret_why);

	*ret = there > 0;
	return r;
}

static int copy_channel(struct sql *sql, uint64_t user_id, uint64_t guild_id, uint64_t channel_id,
	int64_t at_ms, struct takeover *t, char **ret_why)
{
	struct sql_value args[] = {
		sql_id(user_id), sql_id(guild_id), sql_id(channel_id), sql_int(at_ms)};
	bool known = false;
	int r = is_known(sql, "channels", user_id, &known, ret_why);

	if (r < 0 || known)
		return r;
	t->channels++;
	return sql_run(sql,
		"INSERT INTO channels (user_id, guild_id, channel_id, active_ms) VALUES (?, ?, ?, ?)",
		args, countof(args), NULL, NULL, ret_why);
}

static void take_bytes(void *arg, const struct sql_value *columns, size_t n)
{
	struct buf bytes = BUF(STORE_PICTURE_MAX);

	if (!*(struct blob **)arg && columns[0].type == SQL_BLOB && buf_add(&bytes, columns[0].data, columns[0].len) == 0)
		*(struct blob **)arg = blob_take(&bytes);
}

/* Kept for as long as one of ours, from now on. */
static int copy_picture(struct sql *sql, const struct old_row *row, uint64_t user_id,
	int64_t now_ms, struct takeover *t, char **ret_why)
{
	struct sql_value user = sql_text(row->user);
	struct blob *bytes = NULL;
	bool known = false;
	int r = is_known(sql, "last_pictures", user_id, &known, ret_why);

	if (r == 0 && !known)
		r = sql_run(sql, "SELECT last_img_bytes FROM sessions WHERE user_id = ?", &user, 1,
			take_bytes, &bytes, ret_why);
	if (r == 0 && !known && !bytes)
		t->odd++;
	if (r == 0 && bytes) {
		struct sql_value args[] = {sql_id(user_id), sql_text(row->name ? row->name : ""),
			sql_int(now_ms), sql_blob(bytes->data, bytes->len)};

		t->pictures++;
		r = sql_run(sql,
			"INSERT INTO last_pictures (user_id, name, at_ms, bytes) VALUES (?, ?, ?, ?)",
			args, countof(args), NULL, NULL, ret_why);
	}
	blob_drop(bytes);
	return r;
}

static int copy_row(struct sql *sql, const struct old_row *row, uint64_t guild_id, int64_t now_ms,
	struct takeover *t, char **ret_why)
{
	uint64_t user_id = 0, channel_id = 0;
	bool picture = row->picture_len > 0 && row->picture_len <= (int64_t)STORE_PICTURE_MAX;
	bool channel = number_of(row->channel, INT64_MAX, &channel_id);
	int64_t at_ms = 0;
	int r = 0;

	if (!number_of(row->user, INT64_MAX, &user_id) || !time_of(row->time, now_ms, &at_ms)) {
		t->odd++;
		return 0;
	}
	t->odd += (row->channel && !channel) || (row->picture_len > 0 && !picture);
	if (channel)
		r = copy_channel(sql, user_id, guild_id, channel_id, at_ms, t, ret_why);
	if (r == 0 && picture)
		r = copy_picture(sql, row, user_id, now_ms, t, ret_why);
	return r;
}

static int copy_sessions(
	struct sql *sql, uint64_t guild_id, int64_t now_ms, struct takeover *t, char **ret_why)
{
	struct old_rows rows = {0};
	int r = sql_run(sql,
		"SELECT CAST(user_id AS TEXT), CAST(channel_id AS TEXT), "
		"CAST(last_img_name AS TEXT), CAST(updated_at AS TEXT), "
		"length(last_img_bytes) FROM sessions",
		NULL, 0, take_old, &rows, ret_why);

	for (size_t i = 0; i < rows.n && r == 0; i++)
		r = copy_row(sql, &rows.at[i], guild_id, now_ms, t, ret_why);
	old_rows_free(&rows);
	return r;
}

static int set_value(struct sql *sql, const char *name, const char *value, char **ret_why)
{
	struct sql_value args[] = {sql_text(name), sql_text(value)};
	int r = sql_run(sql, "DELETE FROM settings WHERE name = ?", args, 1, NULL, NULL, ret_why);

	return r < 0 ? r
		     : sql_run(sql, "INSERT INTO settings (name, value) VALUES (?, ?)", args, 2,
			       NULL, NULL, ret_why);
}

static int copy_count(struct sql *sql, struct takeover *t, char **ret_why)
{
	cleanup(freep) char *old = NULL, *ours = NULL, *text = NULL;
	uint64_t count = 0, known = 0;
	int r = sql_run(sql, "SELECT CAST(value AS TEXT) FROM counters WHERE name = 'image_count'",
		NULL, 0, db_take_text, &old, ret_why);

	if (r == 0)
		r = sql_run(sql, "SELECT value FROM settings WHERE name = 'image_count'", NULL, 0,
			db_take_text, &ours, ret_why);
	if (r < 0 || !old)
		return r;
	if (parse_u64(old, &count) < 0 || count > INT32_MAX) {
		t->odd++;
		return 0;
	}
	if (ours)
		(void)parse_u64(ours, &known);
	t->image_count = (int64_t)max_of(count, known);
	text = xasprintf("%" PRId64, t->image_count);
	return set_value(sql, "image_count", text, ret_why);
}

static int copy_all(
	struct sql *sql, uint64_t guild_id, int64_t now_ms, struct takeover *t, char **ret_why)
{
	static const char *const sessions[] = {
		"user_id", "channel_id", "last_img_name", "last_img_bytes", "updated_at"};
	static const char *const counters[] = {"name", "value"};
	bool has_sessions = false, has_counters = false;
	int r = has_columns(sql, "sessions", sessions, countof(sessions), &has_sessions, ret_why);

	if (r == 0)
		r = has_columns(
			sql, "counters", counters, countof(counters), &has_counters, ret_why);
	if (r == 0 && has_sessions)
		r = copy_sessions(sql, guild_id, now_ms, t, ret_why);
	if (r == 0 && has_counters)
		r = copy_count(sql, t, ret_why);
	t->done = has_sessions || has_counters;
	return r < 0 || !t->done ? r : set_value(sql, DONE, "1", ret_why);
}

int store_db_take_over(struct store_db *db, uint64_t guild_id, int64_t now_ms, struct takeover *ret,
	char **ret_why)
{
	struct takeover t = {0};
	char *done = NULL;
	int r;

	*ret = t;
	if (db->url.dialect == SQL_DIALECT_MYSQL) /* the Python version had none */
		return 0;
	r = store_db_value(db, DONE, &done);
	if (r < 0 || done) {
		free(done);
		return r;
	}
	r = sql_begin(db->sql, ret_why);
	if (r == 0)
		r = copy_all(db->sql, guild_id, now_ms, &t, ret_why);
	if (r == 0)
		r = sql_commit(db->sql, ret_why);
	if (r < 0)
		sql_rollback(db->sql);
	else
		*ret = t;
	db_result(db, r, ret_why);
	return r;
}
