/* SPDX-License-Identifier: Apache-2.0 */
#include "store/schema.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Entry n brings a database of schema n to schema n + 1. An entry that was ever released is
 * never edited: add a new one. The names `sessions` and `counters` belong to the Python bot,
 * whose file may be this very file.
 */
static const char *const migrations[] = {
	/* 1: jobs (100 is STORE_ENDED), the members' private channels, the small values. */
	"CREATE TABLE jobs ("
	" id INTEGER PRIMARY KEY,"
	" user_id INTEGER NOT NULL,"
	" guild_id INTEGER NOT NULL,"
	" interaction_id INTEGER NOT NULL,"
	" application_id INTEGER NOT NULL,"
	" channel_id INTEGER NOT NULL,"
	" live_id INTEGER NOT NULL,"
	" result_id INTEGER NOT NULL,"
	" step INTEGER NOT NULL,"
	" kind INTEGER NOT NULL,"
	" outcome INTEGER NOT NULL,"
	" sorry INTEGER NOT NULL,"
	" priority INTEGER NOT NULL,"
	" submits INTEGER NOT NULL,"
	" seed TEXT NOT NULL," /* an unsigned 64-bit number has no SQLite type */
	" created_ms INTEGER NOT NULL,"
	" started_ms INTEGER NOT NULL,"
	" finished_ms INTEGER NOT NULL,"
	" duration_ms INTEGER NOT NULL,"
	" username TEXT,"
	" locale TEXT,"
	" model TEXT,"
	" prompt TEXT,"
	" token TEXT,"
	" gpu TEXT,"
	" prompt_id TEXT NOT NULL,"
	" detail TEXT);"
	"CREATE INDEX jobs_open ON jobs (id) WHERE step < 100;"
	"CREATE INDEX jobs_ended ON jobs (created_ms) WHERE step >= 100;"
	"CREATE TABLE channels ("
	" user_id INTEGER PRIMARY KEY,"
	" guild_id INTEGER NOT NULL,"
	" channel_id INTEGER NOT NULL,"
	" active_ms INTEGER NOT NULL);"
	"CREATE TABLE settings ("
	" name TEXT PRIMARY KEY,"
	" value TEXT NOT NULL) WITHOUT ROWID;",
};

int schema_newest(void)
{
	return (int)countof(migrations);
}

static int errno_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_CANTOPEN:
		return -EACCES;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
		return -EINVAL;
	default:
		return -EIO;
	}
}

int sql_error(sqlite3 *sql, int code, const char *shown, char **ret_why)
{
	int r, os;

	if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE)
		return 0;
	r = errno_of(code);
	os = sql ? sqlite3_system_errno(sql) : 0;
	if (r == -EIO && (os == EFBIG || os == EDQUOT || os == ENOSPC))
		r = -ENOSPC;
	if (!ret_why)
		return r;
	if (r == -ENOSPC)
		*ret_why = xasprintf("the disk of %s is full", shown);
	else if (r == -EROFS)
		*ret_why = xasprintf("%s cannot be written: it is read-only", shown);
	else if ((code & 0xff) == SQLITE_NOTADB)
		*ret_why = xasprintf("%s is not a SQLite database; move it away", shown);
	else if (r == -EBADMSG)
		*ret_why = xasprintf("%s is damaged; restore a backup or move it away", shown);
	else if (os)
		*ret_why = xasprintf("%s: %s (%s)", shown, sqlite3_errstr(code), strerror(os));
	else /* errstr, not errmsg: the latter may quote what a member typed */
		*ret_why = xasprintf("%s: %s", shown, sqlite3_errstr(code));
	return r;
}

int sql_run(sqlite3 *sql, const char *text, const char *shown, char **ret_why)
{
	int code = sqlite3_exec(sql, text, NULL, NULL, NULL);

	return sql_error(sql, code, shown, ret_why);
}

/* One number from a statement without parameters; `otherwise` when it gives no row. */
static int read_number(sqlite3 *sql, const char *text, int otherwise, int *ret)
{
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(sql, text, -1, &stmt, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		*ret = sqlite3_column_int(stmt, 0);
	else if (code == SQLITE_DONE)
		*ret = otherwise;
	sqlite3_finalize(stmt);
	return code;
}

static int read_version(sqlite3 *sql, int *ret, const char *shown, char **ret_why)
{
	int there = 0, code;

	*ret = 0;
	code = read_number(sql,
		"SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = "
		"'fullet_schema'",
		0, &there);
	if ((code == SQLITE_ROW || code == SQLITE_DONE) && there)
		code = read_number(sql, "SELECT version FROM fullet_schema", 0, ret);
	return sql_error(sql, code, shown, ret_why);
}

static int refuse_newer(int version, const char *shown, char **ret_why)
{
	*ret_why = xasprintf("%s was written by a newer fullet (schema %d, this one knows %d): "
			     "update fullet or restore an older backup",
		shown, version, schema_newest());
	return -ENOTSUP;
}

static int migrate_from(sqlite3 *sql, int version, const char *shown, char **ret_why)
{
	cleanup(freep) char *set =
		xasprintf("CREATE TABLE IF NOT EXISTS fullet_schema (version INTEGER NOT NULL);"
			  "DELETE FROM fullet_schema; INSERT INTO fullet_schema VALUES (%d)",
			schema_newest());
	int r = 0;

	for (int i = version; i < schema_newest() && r == 0; i++) {
		r = sql_run(sql, migrations[i], shown, ret_why);
		if (r == -EIO && sqlite3_errcode(sql) == SQLITE_ERROR) {
			/* The text of our own statement, no row's: "table jobs already exists". */
			free(*ret_why);
			*ret_why = xasprintf(
				"%s holds tables of another program where ours should be: %s",
				shown, sqlite3_errmsg(sql));
			r = -EEXIST;
		}
	}
	return r ? r : sql_run(sql, set, shown, ret_why);
}

int schema_migrate(sqlite3 *sql, const char *shown, char **ret_why)
{
	int version, r;

	r = read_version(sql, &version, shown, ret_why);
	if (r == 0 && version > schema_newest())
		return refuse_newer(version, shown, ret_why);
	if (r < 0 || version == schema_newest())
		return r;
	r = sql_run(sql, "BEGIN IMMEDIATE", shown, ret_why);
	if (r < 0)
		return r;
	r = migrate_from(sql, version < 0 ? 0 : version, shown, ret_why);
	if (r == 0)
		r = sql_run(sql, "COMMIT", shown, ret_why);
	if (r < 0 && !sqlite3_get_autocommit(sql))
		sqlite3_exec(sql, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

int schema_expect(sqlite3 *sql, const char *shown, char **ret_why)
{
	int version, r;

	r = read_version(sql, &version, shown, ret_why);
	if (r < 0 || version == schema_newest())
		return r;
	if (version > schema_newest())
		return refuse_newer(version, shown, ret_why);
	*ret_why =
		version ? xasprintf("%s is of an older schema; the next `fullet run` migrates it",
				  shown)
			: xasprintf("%s holds nothing of fullet yet; the next `fullet run` sets it "
				    "up",
				  shown);
	return -ENOTSUP;
}
