/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_STORE_SQL_H
#define FULLET_STORE_SQL_H

#include "base/defs.h"

/*
 * The seam to a database: statements with typed parameters and rows with typed columns. A
 * driver (sql_sqlite.c, ...) fills the table of functions; all that knows what the rows
 * mean lies above, once for all databases. Synchronous; of one thread at a time.
 */
enum sql_type { SQL_NULL, SQL_INT, SQL_TEXT, SQL_BLOB };

/* A parameter or a column. Bytes are borrowed: of a column until the row's function returns, and
 * then followed by a NUL. */
struct sql_value {
	enum sql_type type;
	int64_t number;
	const char *data;
	size_t len;
};

/* Where the databases differ in what they are asked. */
enum sql_dialect { SQL_DIALECT_SQLITE, SQL_DIALECT_POSTGRES, SQL_DIALECT_MYSQL };

/* Called once a row. */
typedef void sql_row(void *arg, const struct sql_value *columns, size_t n);

struct sql {
	const struct sql_driver *driver;
	char *shown; /* what sentences call the database: never a password */
};

/*
 * All return 0 or -errno with a sentence (ret_why may be NULL) that holds no value of a row:
 * -ENOSPC full, -EROFS read-only, -EBUSY held by another program, -EBADMSG damaged,
 * -ENOTCONN the connection is gone (nothing of a transaction that was not committed
 * is there; of a commit it is not known), -EACCES not allowed, -EEXIST there is a table of that
 * name, -E2BIG more bytes than the server takes at once, -EINVAL a statement that can never work.
 */
struct sql_driver {
	enum sql_dialect dialect;
	void (*close)(struct sql *sql);
	/* One statement with `?` for each parameter. It is prepared once and kept. */
	int (*run)(struct sql *sql, const char *text, const struct sql_value *args, size_t n_args,
		sql_row *row, void *arg, char **ret_why);
	/* Statements without parameters and rows, separated by semicolons. */
	int (*script)(struct sql *sql, const char *text, char **ret_why);
	/* True while a transaction is open. */
	bool (*in_transaction)(struct sql *sql);
};
struct database_url;

/* NULL is nothing. Returns NULL. */
struct sql *sql_close(struct sql *sql);
int sql_run(struct sql *sql, const char *text, const struct sql_value *args, size_t n_args,
	sql_row *row, void *arg, char **ret_why);
int sql_script(struct sql *sql, const char *text, char **ret_why);
int sql_begin(struct sql *sql, char **ret_why);
int sql_commit(struct sql *sql, char **ret_why);
void sql_rollback(struct sql *sql);

/* ---- parameters and columns ---- */
static inline struct sql_value sql_int(int64_t number)
{
	return (struct sql_value){.type = SQL_INT, .number = number};
}
/* Ids are unsigned: databases keep their bit pattern. */
static inline struct sql_value sql_id(uint64_t id)
{
	return sql_int((int64_t)id);
}
struct sql_value sql_text(const char *text); /* NULL is NULL */
struct sql_value sql_blob(const void *data, size_t len);
/* A column as what is wanted of it: a text that holds a number is one, NULL is 0 and NULL. */
int64_t sql_as_int(const struct sql_value *v);
const char *sql_as_text(const struct sql_value *v);
/* The first column of the first row; `otherwise` when there is none. */
int sql_number(struct sql *sql, const char *text, const struct sql_value *args, size_t n_args,
	int64_t otherwise, int64_t *ret, char **ret_why);

/* ---- drivers ---- */
/* path ":memory:" or a file; `own`: made when it is not there, and locked for us alone. */
int sql_open_sqlite(const char *path, bool own, struct sql **ret, char **ret_why);
/*
 * The drivers of servers bring libraries along that only their users shall pay for: each is a
 * module, opened at run time, with one function of this type. -ENOTCONN: waiting may help; -EACCES,
 * -EINVAL: it does not (password, unknown database, certificate); -ENOENT: the module is missing.
 */
typedef int sql_open_function(const struct database_url *url, struct sql **ret, char **ret_why);
#define SQL_MODULE_FUNCTION "fullet_sql_open"
/* Opens the module and with it the database. */
int sql_open_server(const struct database_url *url, struct sql **ret, char **ret_why);
/* True when the failure is the database's and passes, so that the same may be tried again later. */
bool sql_passes(int result);
/* The text with what is not UTF-8 replaced by "?": servers refuse such a text. NULL when it is
 * good. */
char *sql_clean_text(const char *text, size_t len);

#endif
