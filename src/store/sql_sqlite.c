/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uthash.h>

#include "base/limits.h"
#include "store/lock.h"
#include "store/sql.h"

/* The driver of SQLite. */

struct statement {
	char *text;
	sqlite3_stmt *stmt;
	UT_hash_handle hh;
};

struct sqlite {
	struct sql base;
	sqlite3 *db;
	struct statement *statements;
	int lock_fd; /* -1 without a lock */
};

static struct sqlite *of(struct sql *sql)
{
	return (struct sqlite *)sql;
}

/* ---- errors ---- */

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

static bool is_not_ours(struct sqlite *s, int code)
{
	return code == SQLITE_ERROR && strstr(sqlite3_errmsg(s->db), "already exists");
}

static int failed(struct sqlite *s, int code, char **ret_why)
{
	const char *shown = s->base.shown;
	int r, os;

	if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE)
		return 0;
	r = errno_of(code);
	os = s->db ? sqlite3_system_errno(s->db) : 0;
	if (r == -EIO && (os == EFBIG || os == EDQUOT || os == ENOSPC))
		r = -ENOSPC;
	if (is_not_ours(s, code))
		r = -EEXIST;
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
	else if (r == -EEXIST) /* the text of our own statement, no row's */
		*ret_why = xasprintf("%s holds tables of another program where ours should be: %s",
			shown, sqlite3_errmsg(s->db));
	else if (os)
		*ret_why = xasprintf("%s: %s (%s)", shown, sqlite3_errstr(code), strerror(os));
	else /* errstr, not errmsg: the latter may quote what a member typed */
		*ret_why = xasprintf("%s: %s", shown, sqlite3_errstr(code));
	return r;
}

/* ---- statements ---- */

static int prepare(struct sqlite *s, const char *text, sqlite3_stmt **ret)
{
	struct statement *known;
	int code;

	HASH_FIND_STR(s->statements, text, known);
	if (!known) {
		known = xcalloc(1, sizeof(*known));
		code = sqlite3_prepare_v3(
			s->db, text, -1, SQLITE_PREPARE_PERSISTENT, &known->stmt, NULL);
		if (code != SQLITE_OK) {
			free(known);
			return code;
		}
		known->text = xstrdup(text);
		HASH_ADD_KEYPTR(hh, s->statements, known->text, strlen(known->text), known);
	}
	*ret = known->stmt;
	return SQLITE_OK;
}

static int bind(sqlite3_stmt *stmt, int at, const struct sql_value *v)
{
	switch (v->type) {
	case SQL_INT:
		return sqlite3_bind_int64(stmt, at, v->number);
	case SQL_TEXT:
		return sqlite3_bind_text64(stmt, at, v->data, v->len, SQLITE_STATIC, SQLITE_UTF8);
	case SQL_BLOB:
		return sqlite3_bind_blob64(stmt, at, v->data, v->len, SQLITE_STATIC);
	case SQL_NULL:
		break;
	}
	return sqlite3_bind_null(stmt, at);
}

static struct sql_value column(sqlite3_stmt *stmt, int at)
{
	struct sql_value v = {.type = SQL_NULL};

	switch (sqlite3_column_type(stmt, at)) {
	case SQLITE_INTEGER:
	case SQLITE_FLOAT: /* of the Python bot's tables */
		return sql_int(sqlite3_column_int64(stmt, at));
	case SQLITE_TEXT:
		v.type = SQL_TEXT;
		v.data = (const char *)sqlite3_column_text(stmt, at);
		break;
	case SQLITE_BLOB:
		v.type = SQL_BLOB;
		v.data = sqlite3_column_blob(stmt, at);
		break;
	default:
		return v;
	}
	v.len = (size_t)sqlite3_column_bytes(stmt, at);
	v.data = v.data ? v.data : "";
	return v;
}

#define COLUMNS_MAX 64

static int each_row(sqlite3_stmt *stmt, sql_row *row, void *arg)
{
	struct sql_value columns[COLUMNS_MAX];
	int n = sqlite3_column_count(stmt), code;

	must(n <= COLUMNS_MAX);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		for (int i = 0; i < n; i++)
			columns[i] = column(stmt, i);
		if (row)
			row(arg, columns, (size_t)n);
	}
	return code;
}

static int run(struct sql *sql, const char *text, const struct sql_value *args, size_t n_args,
	sql_row *row, void *arg, char **ret_why)
{
	struct sqlite *s = of(sql);
	sqlite3_stmt *stmt = NULL;
	int code = prepare(s, text, &stmt), r;

	for (size_t i = 0; i < n_args && code == SQLITE_OK; i++)
		code = bind(stmt, (int)i + 1, &args[i]);
	if (code == SQLITE_OK)
		code = each_row(stmt, row, arg);
	r = failed(s, code, ret_why);
	if (stmt) {
		sqlite3_reset(stmt);
		sqlite3_clear_bindings(stmt);
	}
	return r;
}

static int script(struct sql *sql, const char *text, char **ret_why)
{
	return failed(of(sql), sqlite3_exec(of(sql)->db, text, NULL, NULL, NULL), ret_why);
}

static bool in_transaction(struct sql *sql)
{
	return !sqlite3_get_autocommit(of(sql)->db);
}

static void close_sqlite(struct sql *sql)
{
	struct sqlite *s = of(sql);
	struct statement *known, *next;

	HASH_ITER(hh, s->statements, known, next)
	{
		HASH_DEL(s->statements, known);
		sqlite3_finalize(known->stmt);
		free(known->text);
		free(known);
	}
	must(sqlite3_close(s->db) == SQLITE_OK);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	free(s->base.shown);
	free(s);
}

static const struct sql_driver driver = {
	.dialect = SQL_DIALECT_SQLITE,
	.close = close_sqlite,
	.run = run,
	.script = script,
	.in_transaction = in_transaction,
};

/* ---- opening ---- */

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

static int connect_sql(struct sqlite *s, const char *path, int flags, char **ret_why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int code;

	pthread_once(&once, configure_library);
	/* No mutexes inside SQLite: a connection belongs to one thread at a time. */
	code = sqlite3_open_v2(
		path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | flags, NULL);
	if (code != SQLITE_OK)
		return failed(s, code, ret_why);
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 128, 64);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	/* Others may read (`fullet check`, a backup with sqlite3): they hold us up shortly. */
	sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
	return script(&s->base, settings, ret_why);
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

static int open_file(struct sqlite *s, const char *path, bool own, char **ret_why)
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
		r = lock_take(real, path, &s->lock_fd, ret_why);
	if (r == 0)
		r = prepare_file(real, own, path, ret_why);
	return r < 0 ? r : connect_sql(s, real, 0, ret_why);
}

int sql_open_sqlite(const char *path, bool own, struct sql **ret, char **ret_why)
{
	struct sqlite *s = xcalloc(1, sizeof(*s));
	int r;

	s->base.driver = &driver;
	s->base.shown = xstrdup(path);
	s->lock_fd = -1;
	r = str_eq(path, ":memory:") ? connect_sql(s, path, SQLITE_OPEN_MEMORY, ret_why)
				     : open_file(s, path, own, ret_why);
	if (r == 0 && own) /* kept in the file: only the owner decides it */
		r = script(&s->base, "PRAGMA journal_mode = WAL", ret_why);
	if (r == -EBUSY && s->lock_fd >= 0) /* it is ours, but another program is at it */
		r = -EAGAIN;
	if (r < 0)
		close_sqlite(&s->base);
	else
		*ret = &s->base;
	return r;
}
