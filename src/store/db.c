/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/limits.h"
#include "store/columns.h"
#include "store/db_in.h"
#include "store/schema.h"

/* Writing rows, pruning, checking: whichever database they are in. */

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
int db_prune(struct store_db *db, char **ret_why)
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

static int write_learned(struct store_db *db, const struct store_op *op, char **ret_why)
{
	struct sql_value args[] = {sql_text(op->card), sql_text(op->name), sql_text(op->value)};

	must(op->card && op->name);
	if (!op->value)
		return run(
			db, "DELETE FROM learned WHERE card = ? AND model = ?", args, 2, ret_why);
	return upsert(db, "INSERT INTO learned (card, model, value) VALUES (?, ?, ?)",
		"card, model", "value = excluded.value", "value = VALUES(value)", args,
		countof(args), ret_why);
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
		("DELETE FROM pictures WHERE job_id IN "
		 "(SELECT id FROM jobs WHERE user_id = ? AND step >= 100)"),
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
	case STORE_LEARNED:
		return write_learned(db, op, ret_why);
	case STORE_ERASE:
		return erase(db, op->id, ret_why);
	}
	must(!"a kind of operation");
	return -EINVAL;
}

static int apply_once(struct store_db *db, const struct store_op *ops, size_t n, char **ret_why)
{
	int r;

	r = sql_begin(db->sql, ret_why);
	for (size_t i = 0; i < n && r == 0; i++)
		r = apply_one(db, &ops[i], ret_why);
	if (r == 0)
		r = sql_commit(db->sql, ret_why);
	if (r < 0)
		sql_rollback(db->sql);
	return r;
}

/* Every operation may be carried out twice: after a commit in doubt the same is done again. */
int store_db_apply(struct store_db *db, const struct store_op *ops, size_t n, char **ret_why)
{
	int r = n ? db_ready(db, ret_why) : 0;

	if (r < 0 || n == 0)
		return r;
	r = apply_once(db, ops, n, ret_why);
	if (db_is_back(db, r, ret_why))
		r = apply_once(db, ops, n, ret_why);
	db_result(db, r, ret_why);
	/* What is committed is committed: a failed pruning is tried again later. */
	if (r == 0 && db->ended >= STORE_PRUNE_EVERY)
		(void)db_prune(db, NULL);
	return r;
}

/* ---- checking ---- */

static int check_pages(struct store_db *db, char **ret_why)
{
	char *said = NULL;
	int r;

	if (db->sql->driver->dialect != SQL_DIALECT_SQLITE)
		return 0; /* a server looks after its files itself */
	r = sql_run(db->sql, "PRAGMA quick_check(1)", NULL, 0, db_take_text, &said, ret_why);
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

	if (!db->url.path || statvfs(db->url.path, &fs) < 0)
		return 0; /* in memory, or a server's */
	if ((uint64_t)fs.f_bavail * fs.f_frsize >= STORE_DISK_MIN)
		return 0;
	if (ret_why)
		*ret_why = xasprintf("the disk of %s has less than %zu MiB left", db->sql->shown,
			STORE_DISK_MIN / MIB);
	return -ENOSPC;
}

int store_db_check(struct store_db *db, char **ret_why)
{
	int r = db_ready(db, ret_why);

	if (r == 0)
		r = check_pages(db, ret_why);
	if (r == 0)
		r = sql_begin(db->sql, ret_why);
	if (r == 0) {
		r = write_value(db, "check", "1", ret_why);
		sql_rollback(db->sql);
	}
	if (r == 0)
		r = check_room(db, ret_why);
	db_result(db, r, ret_why);
	return r;
}

int store_db_empty(struct store_db *db, char **ret_why)
{
	db->ended = 0;
	return schema_empty(db->sql, ret_why);
}
