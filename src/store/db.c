/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/limits.h"
#include "store/columns.h"
#include "store/schema.h"

/* The rows, whichever database they are in. */

struct store_db {
	struct sql *sql;
	char *path;	  /* of a file; NULL */
	char *job_upsert; /* made from the column table */
	char *job_select;
	int ended; /* ended jobs written since the last pruning */
};

/* ---- pruning ---- */

struct ids {
	uint64_t at[STORE_PRUNE_ROWS];
	size_t n;
};

static void take_id(void *arg, const struct sql_value *columns, size_t n)
{
	struct ids *ids = arg;

	if (n > 0 && ids->n < countof(ids->at))
		ids->at[ids->n++] = (uint64_t)sql_as_int(&columns[0]);
}

/* Ended jobs made before `before_ms`, the oldest first. The newest id stays always: the next job's
 * number is counted from it. */
static int prune_before(struct store_db *db, int64_t before_ms, char **ret_why)
{
	cleanup(freep) struct ids *ids = xcalloc(1, sizeof(*ids));
	int64_t newest = 0;
	int r = sql_number(
		db->sql, "SELECT coalesce(max(id), 0) FROM jobs", NULL, 0, 0, &newest, ret_why);

	if (r == 0)
		r = sql_run(db->sql,
			"SELECT id FROM jobs WHERE step >= 100 AND created_ms < ? AND id < ? "
			"ORDER BY created_ms LIMIT ?",
			(struct sql_value[]){
				sql_int(before_ms), sql_int(newest), sql_int(STORE_PRUNE_ROWS)},
			3, take_id, ids, ret_why);
	if (r < 0 || ids->n == 0)
		return r;
	r = sql_begin(db->sql, ret_why);
	for (size_t i = 0; i < ids->n && r == 0; i++)
		r = sql_run(db->sql, "DELETE FROM jobs WHERE id = ?",
			(struct sql_value[]){sql_id(ids->at[i])}, 1, NULL, NULL, ret_why);
	if (r == 0)
		r = sql_commit(db->sql, ret_why);
	if (r < 0)
		sql_rollback(db->sql);
	return r;
}

/* Counted from the newest row and not from a clock, so a wrong clock at start cannot empty the
 * history. */
static int prune(struct store_db *db, char **ret_why)
{
	int64_t newest_ms = 0, edge_ms = INT64_MIN;
	int r = sql_number(db->sql,
		"SELECT coalesce(max(created_ms), 0) FROM jobs WHERE step >= 100", NULL, 0, 0,
		&newest_ms, ret_why);

	db->ended = 0;
	if (r == 0)
		r = sql_number(db->sql,
			"SELECT created_ms FROM jobs WHERE step >= 100 "
			"ORDER BY created_ms DESC LIMIT 1 OFFSET ?",
			(struct sql_value[]){sql_int(STORE_KEEP_ROWS - 1)}, 1, INT64_MIN, &edge_ms,
			ret_why);
	return r < 0 ? r : prune_before(db, max_of(edge_ms, newest_ms - STORE_KEEP_MS), ret_why);
}

/* ---- opening ---- */

static int open_db(const char *path, bool own, struct store_db **ret, char **ret_why)
{
	struct store_db *db = xcalloc(1, sizeof(*db));
	char *why = NULL;
	int r;

	if (!str_eq(path, ":memory:"))
		db->path = xstrdup(path);
	r = sql_open_sqlite(path, own, &db->sql, &why);
	if (r == 0)
		r = own ? schema_migrate(db->sql, &why) : schema_expect(db->sql, &why);
	if (r == 0) {
		db->job_upsert = columns_upsert_sql(db->sql->driver->dialect);
		db->job_select = columns_select_sql("WHERE id = ?");
	}
	if (r == 0 && own) /* history too long is no reason not to start */
		(void)prune(db, NULL);
	if (r < 0) {
		store_db_close(db);
		if (ret_why)
			*ret_why = take(why);
		free(why);
		return r;
	}
	*ret = db;
	return 0;
}

int store_db_open(const char *path, struct store_db **ret, char **ret_why)
{
	return open_db(path, true, ret, ret_why);
}

int store_db_open_shared(const char *path, struct store_db **ret, char **ret_why)
{
	return open_db(path, false, ret, ret_why);
}

struct store_db *store_db_close(struct store_db *db)
{
	if (!db)
		return NULL;
	sql_close(db->sql);
	free(db->path);
	free(db->job_upsert);
	free(db->job_select);
	free(db);
	return NULL;
}

/* ---- writing ---- */

static int run(struct store_db *db, const char *text, const struct sql_value *args, size_t n_args,
	char **ret_why)
{
	return sql_run(db->sql, text, args, n_args, NULL, NULL, ret_why);
}

/* Insert or replace: what is in the table's other columns than its key is overwritten. */
static int upsert(struct store_db *db, const char *insert, const char *key,
	const char *assign_sqlite, const char *assign_mysql, const struct sql_value *args,
	size_t n_args, char **ret_why)
{
	bool mysql = db->sql->driver->dialect == SQL_DIALECT_MYSQL;
	cleanup(freep) char *text =
		mysql ? xasprintf("%s ON DUPLICATE KEY UPDATE %s", insert, assign_mysql)
		      : xasprintf(
				"%s ON CONFLICT (%s) DO UPDATE SET %s", insert, key, assign_sqlite);

	return run(db, text, args, n_args, ret_why);
}

static int write_job(struct store_db *db, const struct job_row *job, char **ret_why)
{
	struct sql_value args[JOB_COLUMNS_MAX];
	char seed[24];
	size_t n;
	int r;

	/* A rowid is signed: a larger number would come back before all others. */
	if (job->id > INT64_MAX) {
		if (ret_why)
			*ret_why = xasprintf("%s: a job's number is too large", db->sql->shown);
		return -EINVAL;
	}
	n = columns_bind(job, seed, args);
	r = run(db, db->job_upsert, args, n, ret_why);
	if (r < 0 || job->step < STORE_ENDED)
		return r;
	db->ended++;
	return job->input ? run(db, "DELETE FROM pictures WHERE job_id = ?",
				    (struct sql_value[]){sql_id(job->id)}, 1, ret_why)
			  : 0;
}

static int write_session(struct store_db *db, const struct session_row *row, char **ret_why)
{
	struct sql_value args[] = {sql_id(row->user_id), sql_id(row->guild_id),
		sql_id(row->channel_id), sql_int(row->active_ms), sql_int(row->warned_ms),
		sql_int(row->flags)};

	return upsert(db,
		"INSERT INTO channels (user_id, guild_id, channel_id, active_ms, warned_ms, flags) "
		"VALUES (?, ?, ?, ?, ?, ?)",
		"user_id",
		"guild_id = excluded.guild_id, channel_id = excluded.channel_id, "
		"active_ms = excluded.active_ms, warned_ms = excluded.warned_ms, "
		"flags = excluded.flags",
		"guild_id = VALUES(guild_id), channel_id = VALUES(channel_id), "
		"active_ms = VALUES(active_ms), warned_ms = VALUES(warned_ms), "
		"flags = VALUES(flags)",
		args, countof(args), ret_why);
}

static int write_value(struct store_db *db, const char *name, const char *value, char **ret_why)
{
	struct sql_value args[] = {sql_text(name), sql_text(value)};

	must(name);
	if (!value)
		return run(db, "DELETE FROM settings WHERE name = ?", args, 1, ret_why);
	return upsert(db, "INSERT INTO settings (name, value) VALUES (?, ?)", "name",
		"value = excluded.value", "value = VALUES(value)", args, 2, ret_why);
}

static int write_picture(struct store_db *db, const struct store_op *op, char **ret_why)
{
	struct sql_value args[] = {sql_id(op->id), sql_blob(op->picture->data, op->picture->len)};

	return upsert(db, "INSERT INTO pictures (job_id, bytes) VALUES (?, ?)", "job_id",
		"bytes = excluded.bytes", "bytes = VALUES(bytes)", args, countof(args), ret_why);
}

static int write_last(struct store_db *db, const struct store_op *op, char **ret_why)
{
	struct sql_value args[] = {sql_id(op->id), sql_text(op->name ? op->name : ""),
		sql_int(op->at_ms), sql_blob(op->picture->data, op->picture->len)};
	struct sql_value old = sql_int(op->at_ms - LAST_PICTURE_MS);
	int r = upsert(db,
		"INSERT INTO last_pictures (user_id, name, at_ms, bytes) VALUES (?, ?, ?, ?)",
		"user_id", "name = excluded.name, at_ms = excluded.at_ms, bytes = excluded.bytes",
		"name = VALUES(name), at_ms = VALUES(at_ms), bytes = VALUES(bytes)", args,
		countof(args), ret_why);

	return r < 0 ? r : run(db, "DELETE FROM last_pictures WHERE at_ms < ?", &old, 1, ret_why);
}

/* All that is stored of a member but jobs that have not ended: those are still owed. */
static int erase(struct store_db *db, uint64_t user_id, char **ret_why)
{
	static const char *const texts[] = {
		"DELETE FROM pictures WHERE job_id IN "
		"(SELECT id FROM jobs WHERE user_id = ? AND step >= 100)",
		"DELETE FROM jobs WHERE user_id = ? AND step >= 100",
		"DELETE FROM last_pictures WHERE user_id = ?",
		"DELETE FROM channels WHERE user_id = ?",
	};
	struct sql_value id = sql_id(user_id);
	int r = 0;

	for (size_t i = 0; i < countof(texts) && r == 0; i++)
		r = run(db, texts[i], &id, 1, ret_why);
	return r;
}

static int apply_one(struct store_db *db, const struct store_op *op, char **ret_why)
{
	struct sql_value user = sql_id(op->session.user_id);

	switch (op->kind) {
	case STORE_JOB:
		return write_job(db, &op->job, ret_why);
	case STORE_SESSION:
		return write_session(db, &op->session, ret_why);
	case STORE_SESSION_DROP:
		return run(db, "DELETE FROM channels WHERE user_id = ?", &user, 1, ret_why);
	case STORE_VALUE:
		return write_value(db, op->name, op->value, ret_why);
	case STORE_PICTURE:
		return write_picture(db, op, ret_why);
	case STORE_LAST:
		return write_last(db, op, ret_why);
	case STORE_ERASE:
		return erase(db, op->id, ret_why);
	}
	must(!"a kind of operation");
	return -EINVAL;
}

int store_db_apply(struct store_db *db, const struct store_op *ops, size_t n, char **ret_why)
{
	int r;

	if (n == 0)
		return 0;
	r = sql_begin(db->sql, ret_why);
	for (size_t i = 0; i < n && r == 0; i++)
		r = apply_one(db, &ops[i], ret_why);
	if (r == 0)
		r = sql_commit(db->sql, ret_why);
	if (r < 0) {
		sql_rollback(db->sql);
		return r;
	}
	/* What is committed is committed: a failed pruning is tried again later. */
	if (db->ended >= STORE_PRUNE_EVERY)
		(void)prune(db, NULL);
	return 0;
}

/* ---- reading ---- */

static void take_job(void *arg, const struct sql_value *columns, size_t n)
{
	struct store_result *ret = arg;

	/* Grown by doubling: full when the number is a power of two. */
	if ((ret->n_jobs & (ret->n_jobs - 1)) == 0)
		ret->jobs = xrealloc(
			ret->jobs, (ret->n_jobs ? 2 * ret->n_jobs : 1) * sizeof(*ret->jobs));
	ret->jobs[ret->n_jobs] = (struct job_row){0};
	columns_read(columns, n, &ret->jobs[ret->n_jobs++]);
}

static void take_prompt(void *arg, const struct sql_value *columns, size_t n)
{
	struct store_result *ret = arg;

	if (n > 0 && ret->n_jobs < RECENT_PROMPTS_MAX)
		ret->jobs[ret->n_jobs++].prompt = xstrdup(sql_as_text(&columns[0]));
}

static struct session_row session_of(const struct sql_value *columns)
{
	return (struct session_row){
		.user_id = (uint64_t)sql_as_int(&columns[0]),
		.guild_id = (uint64_t)sql_as_int(&columns[1]),
		.channel_id = (uint64_t)sql_as_int(&columns[2]),
		.active_ms = sql_as_int(&columns[3]),
		.warned_ms = sql_as_int(&columns[4]),
		.flags = (int)sql_as_int(&columns[5]),
	};
}

#define SESSION_SELECT                                                                             \
	"SELECT user_id, guild_id, channel_id, active_ms, warned_ms, flags FROM channels "

static void take_session(void *arg, const struct sql_value *columns, size_t n)
{
	struct store_result *ret = arg;

	ret->has_session = true;
	ret->session = session_of(columns);
}

static struct blob *blob_of(const struct sql_value *v)
{
	struct buf bytes = BUF(STORE_PICTURE_MAX);

	(void)buf_add(&bytes, v->data ? v->data : "", v->len);
	return blob_take(&bytes);
}

static void take_picture(void *arg, const struct sql_value *columns, size_t n)
{
	struct store_result *ret = arg;

	ret->found = true;
	ret->picture.bytes = blob_of(&columns[0]);
	if (n > 2) {
		ret->picture.name = xstrdup(sql_as_text(&columns[1]));
		ret->picture.at_ms = sql_as_int(&columns[2]);
	}
}

static int read_last(
	struct store_db *db, const struct store_query *q, struct store_result *ret, char **ret_why)
{
	return sql_run(db->sql,
		"SELECT bytes, name, at_ms FROM last_pictures WHERE user_id = ? AND at_ms >= ?",
		(struct sql_value[]){sql_id(q->id), sql_int(q->now_ms - LAST_PICTURE_MS)}, 2,
		take_picture, ret, ret_why);
}

static int read_member(
	struct store_db *db, const struct store_query *q, struct store_result *ret, char **ret_why)
{
	cleanup(freep) char *text =
		columns_select_sql("WHERE user_id = ? ORDER BY created_ms DESC LIMIT ?");
	struct sql_value args[] = {sql_id(q->id), sql_int(MEMBER_JOBS_MAX)};
	int r = sql_run(db->sql, text, args, 2, take_job, ret, ret_why);

	if (r == 0)
		r = sql_run(db->sql, SESSION_SELECT "WHERE user_id = ?", args, 1, take_session, ret,
			ret_why);
	if (r == 0)
		r = read_last(db, q, ret, ret_why);
	ret->found = true;
	return r;
}

static int read_prompts(
	struct store_db *db, const struct store_query *q, struct store_result *ret, char **ret_why)
{
	ret->jobs = xcalloc(RECENT_PROMPTS_MAX, sizeof(*ret->jobs));
	ret->found = true;
	return sql_run(db->sql,
		"SELECT prompt, max(created_ms) AS at_ms FROM jobs WHERE user_id = ? "
		"AND prompt IS NOT NULL GROUP BY prompt ORDER BY at_ms DESC LIMIT ?",
		(struct sql_value[]){sql_id(q->id), sql_int(RECENT_PROMPTS_MAX)}, 2, take_prompt,
		ret, ret_why);
}

int store_db_read(struct store_db *db, const struct store_query *q, struct store_result *ret)
{
	struct sql_value id = sql_id(q->id);
	int r = -EINVAL;

	*ret = (struct store_result){0};
	switch (q->kind) {
	case STORE_READ_JOB:
		r = sql_run(db->sql, db->job_select, &id, 1, take_job, ret, NULL);
		ret->found = ret->n_jobs > 0;
		break;
	case STORE_READ_PICTURE:
		r = sql_run(db->sql, "SELECT bytes FROM pictures WHERE job_id = ?", &id, 1,
			take_picture, ret, NULL);
		break;
	case STORE_READ_LAST:
		r = read_last(db, q, ret, NULL);
		break;
	case STORE_READ_MEMBER:
		r = read_member(db, q, ret, NULL);
		break;
	case STORE_READ_PROMPTS:
		r = read_prompts(db, q, ret, NULL);
		break;
	}
	if (r < 0)
		store_result_free(ret);
	ret->error = r;
	return r;
}

int store_db_job(struct store_db *db, uint64_t id, struct job_row *ret)
{
	struct store_result result;
	int r = store_db_read(db, &(struct store_query){.kind = STORE_READ_JOB, .id = id}, &result);

	if (r < 0 || !result.found)
		return r < 0 ? r : -ENOENT;
	*ret = result.jobs[0];
	result.jobs[0] = (struct job_row){0};
	store_result_free(&result);
	return 0;
}

/* ---- the start ---- */

static void take_sessions(void *arg, const struct sql_value *columns, size_t n)
{
	struct store_snapshot *s = arg;

	if ((s->n_sessions & (s->n_sessions - 1)) == 0)
		s->sessions = xrealloc(s->sessions,
			(s->n_sessions ? 2 * s->n_sessions : 1) * sizeof(*s->sessions));
	s->sessions[s->n_sessions++] = session_of(columns);
}

static void take_count(void *arg, const struct sql_value *columns, size_t n)
{
	struct store_snapshot *s = arg;

	if ((s->n_today & (s->n_today - 1)) == 0)
		s->today =
			xrealloc(s->today, (s->n_today ? 2 * s->n_today : 1) * sizeof(*s->today));
	s->today[s->n_today++] =
		(struct day_count){(uint64_t)sql_as_int(&columns[0]), (int)sql_as_int(&columns[1])};
}

static int load_jobs(struct store_db *db, struct store_snapshot *s, char **ret_why)
{
	cleanup(freep) char *text = columns_select_sql("WHERE step < 100 ORDER BY id");
	struct store_result jobs = {0};
	int r = sql_run(db->sql, text, NULL, 0, take_job, &jobs, ret_why);

	s->jobs = jobs.jobs;
	s->n_jobs = jobs.n_jobs;
	return r;
}

static int load_values(struct store_db *db, struct store_snapshot *s, char **ret_why)
{
	char *count = NULL;
	int64_t max_id = 0;
	int r = sql_number(
		db->sql, "SELECT coalesce(max(id), 0) FROM jobs", NULL, 0, 0, &max_id, ret_why);

	s->max_job_id = (uint64_t)max_id;
	if (r == 0)
		r = store_db_value(db, "image_count", &count);
	if (count)
		s->image_count = max_of(strtoll(count, NULL, 10), 0);
	free(count);
	return r;
}

int store_db_load(
	struct store_db *db, int64_t day_start_ms, struct store_snapshot *ret, char **ret_why)
{
	struct sql_value day = sql_int(day_start_ms);
	struct store_snapshot s = {0};
	int r = load_jobs(db, &s, ret_why);

	if (r == 0)
		r = sql_run(db->sql, SESSION_SELECT "ORDER BY user_id", NULL, 0, take_sessions, &s,
			ret_why);
	if (r == 0) /* 2 is an apology */
		r = sql_run(db->sql,
			"SELECT user_id, sum(pictures) FROM jobs WHERE created_ms >= ? AND outcome <> 2 "
			"GROUP BY user_id ORDER BY user_id",
			&day, 1, take_count, &s, ret_why);
	if (r == 0)
		r = load_values(db, &s, ret_why);
	if (r < 0) {
		store_snapshot_free(&s);
		return r;
	}
	*ret = s;
	return 0;
}

static void take_value(void *arg, const struct sql_value *columns, size_t n)
{
	str_set(arg, sql_as_text(&columns[0]));
}

int store_db_value(struct store_db *db, const char *name, char **ret)
{
	struct sql_value arg = sql_text(name);
	char *value = NULL;
	int r = sql_run(db->sql, "SELECT value FROM settings WHERE name = ?", &arg, 1, take_value,
		&value, NULL);

	if (r == 0)
		*ret = take(value);
	free(value);
	return r;
}

/* ---- checking ---- */

static int check_pages(struct store_db *db, char **ret_why)
{
	char *said = NULL;
	int r;

	if (db->sql->driver->dialect != SQL_DIALECT_SQLITE)
		return 0; /* a server looks after its files itself */
	r = sql_run(db->sql, "PRAGMA quick_check(1)", NULL, 0, take_value, &said, ret_why);
	if (r == 0 && said && !str_eq(said, "ok")) {
		if (ret_why)
			*ret_why = xasprintf("%s is damaged: %s", db->sql->shown, said);
		r = -EBADMSG;
	}
	free(said);
	return r;
}

/* A write that is rolled back may never reach the disk: ask it for its room. */
static int check_room(struct store_db *db, char **ret_why)
{
	struct statvfs fs;

	if (!db->path || statvfs(db->path, &fs) < 0)
		return 0;
	if ((uint64_t)fs.f_bavail * fs.f_frsize >= STORE_DISK_MIN)
		return 0;
	if (ret_why)
		*ret_why = xasprintf("the disk of %s has less than %zu MiB left", db->sql->shown,
			STORE_DISK_MIN / MIB);
	return -ENOSPC;
}

int store_db_check(struct store_db *db, char **ret_why)
{
	int r = check_pages(db, ret_why);

	if (r < 0)
		return r;
	r = sql_begin(db->sql, ret_why);
	if (r == 0)
		r = write_value(db, "check", "1", ret_why);
	sql_rollback(db->sql);
	return r < 0 ? r : check_room(db, ret_why);
}
