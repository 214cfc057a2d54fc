/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql.h"

#include <errno.h>
#include <stdlib.h>

struct sql *sql_close(struct sql *sql)
{
	if (sql)
		sql->driver->close(sql);
	return NULL;
}

int sql_run(struct sql *sql, const char *text, const struct sql_value *args, size_t n_args,
	sql_row *row, void *arg, char **ret_why)
{
	return sql->driver->run(sql, text, args, n_args, row, arg, ret_why);
}

int sql_script(struct sql *sql, const char *text, char **ret_why)
{
	return sql->driver->script(sql, text, ret_why);
}

/* SQLite keeps a statement that it has read; servers have no need of it. */
static int say(struct sql *sql, const char *text, char **ret_why)
{
	return sql->driver->dialect == SQL_DIALECT_SQLITE
		       ? sql_run(sql, text, NULL, 0, NULL, NULL, ret_why)
		       : sql_script(sql, text, ret_why);
}

int sql_begin(struct sql *sql, char **ret_why)
{
	/* SQLite: take the lock for writing now, and not in the middle, where waiting for it
	 * could not be repeated. */
	const char *text = sql->driver->dialect == SQL_DIALECT_SQLITE ? "BEGIN IMMEDIATE" : "BEGIN";

	return say(sql, text, ret_why);
}

int sql_commit(struct sql *sql, char **ret_why)
{
	return say(sql, "COMMIT", ret_why);
}

void sql_rollback(struct sql *sql)
{
	/* SQLite rolls back by itself after a full disk and its like. */
	if (sql->driver->in_transaction(sql))
		(void)sql_script(sql, "ROLLBACK", NULL);
}

struct sql_value sql_text(const char *text)
{
	if (!text)
		return (struct sql_value){.type = SQL_NULL};
	return (struct sql_value){.type = SQL_TEXT, .data = text, .len = strlen(text)};
}

struct sql_value sql_blob(const void *data, size_t len)
{
	return (struct sql_value){.type = SQL_BLOB, .data = data ? data : "", .len = len};
}

int64_t sql_as_int(const struct sql_value *v)
{
	if (v->type == SQL_TEXT)
		return strtoll(v->data, NULL, 10);
	return v->type == SQL_INT ? v->number : 0;
}

const char *sql_as_text(const struct sql_value *v)
{
	return v->type == SQL_TEXT ? v->data : NULL;
}

struct number {
	int64_t value;
	bool found;
};

static void take_number(void *arg, const struct sql_value *columns, size_t n)
{
	struct number *number = arg;

	if (!number->found && n > 0)
		number->value = sql_as_int(&columns[0]);
	number->found = true;
}

int sql_number(struct sql *sql, const char *text, const struct sql_value *args, size_t n_args,
	int64_t otherwise, int64_t *ret, char **ret_why)
{
	struct number number = {.value = otherwise};
	int r = sql_run(sql, text, args, n_args, take_number, &number, ret_why);

	if (r == 0)
		*ret = number.value;
	return r;
}

bool sql_passes(int result)
{
	switch (result) {
	case -ENOTCONN:
	case -EBUSY:
	case -ENOSPC:
	case -EROFS:
	case -EIO:
	case -EBADMSG:
	case -EACCES:
	case -ENOMEM:
		return true;
	default:
		return false;
	}
}
