/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/limits.h"
#include "store/columns.h"
#include "store/lock.h"
#include "store/schema.h"

enum statement {
	STMT_JOB,
	STMT_SESSION,
	STMT_SESSION_DROP,
	STMT_VALUE,
	STMT_VALUE_DROP,
	STMT_READ_JOB,
	STMT_READ_VALUE,
	STMT_BEGIN,
	STMT_COMMIT,
	STMT_PRUNE_OLD,
	STMT_PRUNE_MANY,
	STMT_COUNT,
};

/* The job statements are made from the column table. */
static const char *const statements[STMT_COUNT] = {
	[STMT_SESSION] = "INSERT INTO channels (user_id, guild_id, channel_id, active_ms) "
			 "VALUES (?, ?, ?, ?) ON CONFLICT (user_id) DO UPDATE SET "
			 "guild_id = excluded.guild_id, channel_id = excluded.channel_id, "
			 "active_ms = excluded.active_ms",
	[STMT_SESSION_DROP] = "DELETE FROM channels WHERE user_id = ?",
	[STMT_VALUE] = "INSERT INTO settings (name, value) VALUES (?, ?) "
		       "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
	[STMT_VALUE_DROP] = "DELETE FROM settings WHERE name = ?",
	[STMT_READ_VALUE] = "SELECT value FROM settings WHERE name = ?",
	[STMT_BEGIN] = "BEGIN IMMEDIATE",
	[STMT_COMMIT] = "COMMIT",
	/* Ended jobs older than the newest one by the time given. Counted from the newest row and
	 * not from a clock, so a wrong clock at start cannot empty the history. The newest
	 * id stays always: the next job's number is counted from it. */
	[STMT_PRUNE_OLD] =
		"DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE step >= 100 "
		"AND created_ms < (SELECT max(created_ms) FROM jobs WHERE step >= 100) - ?1 "
		"ORDER BY created_ms LIMIT ?2) AND id < (SELECT max(id) FROM jobs)",
	[STMT_PRUNE_MANY] = "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE step >= 100 "
			    "AND created_ms < (SELECT created_ms FROM jobs WHERE step >= 100 "
			    "ORDER BY created_ms DESC LIMIT 1 OFFSET ?1) "
			    "ORDER BY created_ms LIMIT ?2) AND id < (SELECT max(id) FROM jobs)",
};

struct store_db {
	sqlite3 *sql;
	sqlite3_stmt *stmt[STMT_COUNT];
	char *shown; /* the path as it was given, for sentences */
	int lock_fd; /* -1 without a lock */
	int ended;   /* ended jobs written since the last pruning */
};

static void configure_library(void)
{
	/* The counters of memory cost a lock at each allocation and we never read them. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static const char settings[] =
	/* One answer to a member stands for one commit: it must survive a power cut. */
	"PRAGMA synchronous = FULL;"
	/* Tokens and prompts that were removed are overwritten, not only unlinked. */
	"PRAGMA secure_delete = ON;"
	/* The working set is some live jobs: 200 KiB of pages are plenty, and a file of 1 MiB
	 * for what is not yet in the database proper. */
	"PRAGMA cache_size = -200;"
	"PRAGMA mmap_size = 0;"
	"PRAGMA temp_store = MEMORY;"
	"PRAGMA wal_autocheckpoint = 250;"
	"PRAGMA journal_size_limit = 1048576;"
	/* The file may have been touched by others: trust no function in its schema. */
	"PRAGMA trusted_schema = OFF;"
	"PRAGMA cell_size_check = ON;";

static int connect_sql(struct store_db *db, const char *path, int flags, char **ret_why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int code;

	pthread_once(&once, configure_library);
	/* No mutexes inside SQLite: a store_db belongs to one thread at a time. */
	code = sqlite3_open_v2(
		path, &db->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | flags, NULL);
	if (code != SQLITE_OK)
		return sql_error(db->sql, code, db->shown, ret_why);
	sqlite3_extended_result_codes(db->sql, 1);
	sqlite3_db_config(db->sql, SQLITE_DBCONFIG_LOOKASIDE, NULL, 128, 64);
	sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	/* Others may read (`fullet check`, a backup with sqlite3): they hold us up shortly. */
	sqlite3_busy_timeout(db->sql, STORE_BUSY_MS);
	return sql_run(db->sql, settings, db->shown, ret_why);
}

/* Makes the file with mode 0600 before SQLite does (its side files inherit the mode), and
 * refuses what is no database: SQLite would take a file shorter than a page for an empty one. */
static int prepare_file(const char *path, bool make, const char *shown, char **ret_why)
{
	static const char magic[16] = "SQLite format 3";
	char head[sizeof(magic)];
	struct stat st;
	ssize_t n;
	int fd, r = 0;

	fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | (make ? O_CREAT : 0), 0600);
	if (fd < 0) {
		r = -errno;
		*ret_why = xasprintf("%s cannot be opened: %s", shown, strerror(-r));
		return r;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		*ret_why = xasprintf("%s is not a file", shown);
		close(fd);
		return -EINVAL;
	}
	n = pread(fd, head, sizeof(head), 0);
	if (n < 0 || (n > 0 && ((size_t)n < sizeof(head) || memcmp(head, magic, sizeof(magic))))) {
		*ret_why = xasprintf("%s is not a SQLite database; move it away", shown);
		r = -EBADMSG;
	}
	/* Prompts and tokens are nobody else's; another owner's file we leave as it is. */
	if (r == 0 && make && st.st_uid == geteuid() && (st.st_mode & 077) &&
		fchmod(fd, 0600) < 0) {
		r = -errno;
		*ret_why = xasprintf("%s cannot be made private: %s", shown, strerror(-r));
	}
	close(fd);
	return r;
}

static int prepare_statements(struct store_db *db, char **ret_why)
{
	cleanup(freep) char *upsert = columns_upsert_sql();
	cleanup(freep) char *select = columns_select_sql("WHERE id = ?");
	int code = SQLITE_OK;

	for (int i = 0; i < STMT_COUNT && code == SQLITE_OK; i++) {
		const char *text = i == STMT_JOB	? upsert
				   : i == STMT_READ_JOB ? select
							: statements[i];

		code = sqlite3_prepare_v3(
			db->sql, text, -1, SQLITE_PREPARE_PERSISTENT, &db->stmt[i], NULL);
	}
	return sql_error(db->sql, code, db->shown, ret_why);
}

/* Runs a bound statement that gives no row and makes it ready for the next use. */
static int finish(struct store_db *db, enum statement which)
{
	int code = sqlite3_step(db->stmt[which]);

	sqlite3_reset(db->stmt[which]);
	sqlite3_clear_bindings(db->stmt[which]);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static void rollback(struct store_db *db)
{
	/* SQLite rolls back by itself after a full disk and its like. */
	if (!sqlite3_get_autocommit(db->sql))
		sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
}

static int prune(struct store_db *db, char **ret_why)
{
	int code;

	sqlite3_bind_int64(db->stmt[STMT_PRUNE_OLD], 1, STORE_KEEP_MS);
	sqlite3_bind_int(db->stmt[STMT_PRUNE_OLD], 2, STORE_PRUNE_ROWS);
	code = finish(db, STMT_PRUNE_OLD);
	if (code == SQLITE_OK) {
		sqlite3_bind_int(db->stmt[STMT_PRUNE_MANY], 1, STORE_KEEP_ROWS - 1);
		sqlite3_bind_int(db->stmt[STMT_PRUNE_MANY], 2, STORE_PRUNE_ROWS);
		code = finish(db, STMT_PRUNE_MANY);
	}
	db->ended = 0;
	return sql_error(db->sql, code, db->shown, ret_why);
}

static int open_file(struct store_db *db, const char *path, bool own, char **ret_why)
{
	cleanup(freep) char *real = NULL;
	int r = own ? folder_make(path, ret_why) : 0;

	if (r < 0)
		return r;
	real = path_resolve(path);
	if (!real) {
		r = -errno;
		*ret_why = xasprintf("%s cannot be opened: %s", path, strerror(-r));
		return r;
	}
	if (own)
		r = lock_take(real, path, &db->lock_fd, ret_why);
	if (r == 0)
		r = prepare_file(real, own, path, ret_why);
	return r < 0 ? r : connect_sql(db, real, 0, ret_why);
}

static int open_db(const char *path, bool own, struct store_db **ret, char **ret_why)
{
	struct store_db *db = xcalloc(1, sizeof(*db));
	char *why = NULL;
	int r;

	db->lock_fd = -1;
	db->shown = xstrdup(path);
	r = str_eq(path, ":memory:") ? connect_sql(db, path, SQLITE_OPEN_MEMORY, &why)
				     : open_file(db, path, own, &why);
	if (r == 0 && own) /* kept in the file: only the owner decides it */
		r = sql_run(db->sql, "PRAGMA journal_mode = WAL", db->shown, &why);
	if (r == 0)
		r = own ? schema_migrate(db->sql, db->shown, &why)
			: schema_expect(db->sql, db->shown, &why);
	if (r == 0)
		r = prepare_statements(db, &why);
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
	for (int i = 0; i < STMT_COUNT; i++)
		sqlite3_finalize(db->stmt[i]);
	must(sqlite3_close(db->sql) == SQLITE_OK);
	if (db->lock_fd >= 0)
		close(db->lock_fd);
	free(db->shown);
	free(db);
	return NULL;
}

static int apply_job(struct store_db *db, const struct job_row *job)
{
	/* A rowid is signed: a larger number would come back before all others. */
	if (job->id > INT64_MAX)
		return SQLITE_MISMATCH;
	if (job->step >= STORE_ENDED)
		db->ended++;
	return columns_bind(db->stmt[STMT_JOB], job);
}

static int apply_session(struct store_db *db, const struct session_row *row)
{
	sqlite3_stmt *stmt = db->stmt[STMT_SESSION];

	sqlite3_bind_int64(stmt, 1, (int64_t)row->user_id);
	sqlite3_bind_int64(stmt, 2, (int64_t)row->guild_id);
	sqlite3_bind_int64(stmt, 3, (int64_t)row->channel_id);
	return sqlite3_bind_int64(stmt, 4, row->active_ms);
}

/* Returns a SQLite code. */
static int apply_one(struct store_db *db, const struct store_op *op)
{
	enum statement which = STMT_COUNT;
	int code = SQLITE_MISUSE;

	switch (op->kind) {
	case STORE_JOB:
		which = STMT_JOB;
		code = apply_job(db, &op->job);
		break;
	case STORE_SESSION:
		which = STMT_SESSION;
		code = apply_session(db, &op->session);
		break;
	case STORE_SESSION_DROP:
		which = STMT_SESSION_DROP;
		code = sqlite3_bind_int64(db->stmt[which], 1, (int64_t)op->session.user_id);
		break;
	case STORE_VALUE:
		must(op->name);
		which = op->value ? STMT_VALUE : STMT_VALUE_DROP;
		code = sqlite3_bind_text(db->stmt[which], 1, op->name, -1, SQLITE_STATIC);
		if (op->value && code == SQLITE_OK)
			code = sqlite3_bind_text(db->stmt[which], 2, op->value, -1, SQLITE_STATIC);
		break;
	}
	must(which != STMT_COUNT);
	if (code == SQLITE_OK)
		return finish(db, which);
	sqlite3_clear_bindings(db->stmt[which]);
	return code;
}

int store_db_apply(struct store_db *db, const struct store_op *ops, size_t n, char **ret_why)
{
	int code, r;

	if (n == 0)
		return 0;
	code = finish(db, STMT_BEGIN);
	for (size_t i = 0; i < n && code == SQLITE_OK; i++)
		code = apply_one(db, &ops[i]);
	if (code == SQLITE_OK)
		code = finish(db, STMT_COMMIT);
	if (code != SQLITE_OK) {
		r = sql_error(db->sql, code, db->shown, ret_why);
		rollback(db);
		return r;
	}
	/* What is committed is committed: a failed pruning is tried again later. */
	if (db->ended >= STORE_PRUNE_EVERY)
		(void)prune(db, NULL);
	return 0;
}

static int load_jobs(struct store_db *db, struct store_snapshot *ret, char **ret_why)
{
	cleanup(freep) char *text = columns_select_sql("WHERE step < 100 ORDER BY id");
	sqlite3_stmt *stmt = NULL;
	size_t size = 0;
	int code = sqlite3_prepare_v2(db->sql, text, -1, &stmt, NULL);

	while (code == SQLITE_OK || code == SQLITE_ROW) {
		code = sqlite3_step(stmt);
		if (code != SQLITE_ROW)
			break;
		if (ret->n_jobs == size) {
			size = size ? 2 * size : 16;
			ret->jobs = xrealloc(ret->jobs, size * sizeof(*ret->jobs));
		}
		ret->jobs[ret->n_jobs] = (struct job_row){0};
		columns_read(stmt, &ret->jobs[ret->n_jobs++]);
	}
	sqlite3_finalize(stmt);
	return sql_error(db->sql, code, db->shown, ret_why);
}

static int load_sessions(struct store_db *db, struct store_snapshot *ret, char **ret_why)
{
	sqlite3_stmt *stmt = NULL;
	size_t size = 0;
	int code = sqlite3_prepare_v2(db->sql,
		"SELECT user_id, guild_id, channel_id, active_ms FROM channels ORDER BY user_id",
		-1, &stmt, NULL);

	while (code == SQLITE_OK || code == SQLITE_ROW) {
		code = sqlite3_step(stmt);
		if (code != SQLITE_ROW)
			break;
		if (ret->n_sessions == size) {
			size = size ? 2 * size : 16;
			ret->sessions = xrealloc(ret->sessions, size * sizeof(*ret->sessions));
		}
		ret->sessions[ret->n_sessions++] = (struct session_row){
			.user_id = (uint64_t)sqlite3_column_int64(stmt, 0),
			.guild_id = (uint64_t)sqlite3_column_int64(stmt, 1),
			.channel_id = (uint64_t)sqlite3_column_int64(stmt, 2),
			.active_ms = sqlite3_column_int64(stmt, 3),
		};
	}
	sqlite3_finalize(stmt);
	return sql_error(db->sql, code, db->shown, ret_why);
}

static int load_max_id(struct store_db *db, struct store_snapshot *ret, char **ret_why)
{
	sqlite3_stmt *stmt = NULL;
	int code =
		sqlite3_prepare_v2(db->sql, "SELECT ifnull(max(id), 0) FROM jobs", -1, &stmt, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		ret->max_job_id = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return sql_error(db->sql, code, db->shown, ret_why);
}

int store_db_load(struct store_db *db, struct store_snapshot *ret, char **ret_why)
{
	struct store_snapshot s = {0};
	int r;

	r = load_jobs(db, &s, ret_why);
	if (r == 0)
		r = load_sessions(db, &s, ret_why);
	if (r == 0)
		r = load_max_id(db, &s, ret_why);
	if (r < 0) {
		store_snapshot_free(&s);
		return r;
	}
	*ret = s;
	return 0;
}

int store_db_value(struct store_db *db, const char *name, char **ret)
{
	sqlite3_stmt *stmt = db->stmt[STMT_READ_VALUE];
	char *value = NULL;
	int code = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		value = xstrdup((const char *)sqlite3_column_text(stmt, 0));
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	if (code == SQLITE_ROW || code == SQLITE_DONE)
		*ret = value;
	return sql_error(db->sql, code, db->shown, NULL);
}

int store_db_job(struct store_db *db, uint64_t id, struct job_row *ret)
{
	sqlite3_stmt *stmt = db->stmt[STMT_READ_JOB];
	struct job_row row = {0};
	int code = sqlite3_bind_int64(stmt, 1, (int64_t)id);

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		columns_read(stmt, &row);
		*ret = row;
	}
	sqlite3_reset(stmt);
	return code == SQLITE_DONE ? -ENOENT : sql_error(db->sql, code, db->shown, NULL);
}

static int check_pages(struct store_db *db, char **ret_why)
{
	sqlite3_stmt *stmt = NULL;
	int code, r = 0;

	code = sqlite3_prepare_v2(db->sql, "PRAGMA quick_check(1)", -1, &stmt, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW && !str_eq((const char *)sqlite3_column_text(stmt, 0), "ok")) {
		if (ret_why)
			*ret_why = xasprintf("%s is damaged: %s", db->shown,
				(const char *)sqlite3_column_text(stmt, 0));
		r = -EBADMSG;
	}
	sqlite3_finalize(stmt);
	return r ? r : sql_error(db->sql, code, db->shown, ret_why);
}

/* A write that is rolled back may never reach the disk: ask it for its room. */
static int check_room(struct store_db *db, char **ret_why)
{
	const char *file = sqlite3_db_filename(db->sql, "main");
	struct statvfs fs;

	if (!file || !*file || statvfs(file, &fs) < 0)
		return 0;
	if ((uint64_t)fs.f_bavail * fs.f_frsize >= STORE_DISK_MIN)
		return 0;
	if (ret_why)
		*ret_why = xasprintf("the disk of %s has less than %zu MiB left", db->shown,
			STORE_DISK_MIN / MIB);
	return -ENOSPC;
}

int store_db_check(struct store_db *db, char **ret_why)
{
	const struct store_op op = {
		.kind = STORE_VALUE, .name = (char[]){"check"}, .value = (char[]){"1"}};
	int code, r;

	r = check_pages(db, ret_why);
	if (r < 0)
		return r;
	code = finish(db, STMT_BEGIN);
	if (code == SQLITE_OK)
		code = apply_one(db, &op);
	r = sql_error(db->sql, code, db->shown, ret_why);
	rollback(db);
	return r < 0 ? r : check_room(db, ret_why);
}
