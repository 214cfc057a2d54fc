/* SPDX-License-Identifier: Apache-2.0 */
#include "store/columns.h"

#include <assert.h>
#include <stdio.h>

#include "base/buf.h"

enum col_type {
	COL_ID,	   /* uint64_t, kept by its bit pattern: Discord's ids stay below 2^63 */
	COL_SEED,  /* uint64_t as decimal text: all 64 bits are used and people read them */
	COL_I64,   /* int64_t */
	COL_INT,   /* int */
	COL_TEXT,  /* char *, owned, may be NULL */
	COL_TOKEN, /* as COL_TEXT, but NULL in an ended job */
	COL_UUID,  /* char[UUID_SIZE] */
};

#define COL(type, name)                                                                            \
	{                                                                                          \
#name, type, offsetof(struct job_row, name)                                        \
	}

static const struct column {
	const char *name;
	enum col_type type;
	size_t offset;
} columns[] = {
	COL(COL_ID, id),
	COL(COL_ID, user_id),
	COL(COL_ID, guild_id),
	COL(COL_ID, interaction_id),
	COL(COL_ID, application_id),
	COL(COL_ID, channel_id),
	COL(COL_ID, live_id),
	COL(COL_ID, result_id),
	COL(COL_INT, step),
	COL(COL_INT, kind),
	COL(COL_INT, outcome),
	COL(COL_INT, sorry),
	COL(COL_INT, priority),
	COL(COL_INT, submits),
	COL(COL_SEED, seed),
	COL(COL_I64, created_ms),
	COL(COL_I64, started_ms),
	COL(COL_I64, finished_ms),
	COL(COL_I64, duration_ms),
	COL(COL_TEXT, username),
	COL(COL_TEXT, locale),
	COL(COL_TEXT, model),
	COL(COL_TEXT, prompt),
	COL(COL_TOKEN, token),
	COL(COL_TEXT, gpu),
	COL(COL_UUID, prompt_id),
	COL(COL_TEXT, detail),
	COL(COL_TEXT, reason),
	COL(COL_TEXT, options),
	COL(COL_TEXT, input),
	COL(COL_ID, origin_id),
	COL(COL_I64, number),
	COL(COL_INT, flags),
	COL(COL_INT, pictures),
	COL(COL_INT, slot),
	COL(COL_INT, part),
	COL(COL_INT, batch),
	COL(COL_I64, work),
	COL(COL_TEXT, failed_on),
};

static void add_names(struct buf *sql, const char *before)
{
	for (size_t i = 0; i < countof(columns); i++)
		must(buf_printf(sql, "%s%s%s", i ? "," : "", before, columns[i].name) == 0);
}

char *columns_upsert_sql(enum sql_dialect dialect)
{
	const char *update = dialect == SQL_DIALECT_MYSQL ? ") ON DUPLICATE KEY UPDATE "
							  : ") ON CONFLICT (id) DO UPDATE SET ";
	const char *format = dialect == SQL_DIALECT_MYSQL ? "%s%s=VALUES(%s)" : "%s%s=excluded.%s";
	struct buf sql = BUF(4096);

	must(buf_add_str(&sql, "INSERT INTO jobs (") == 0);
	add_names(&sql, "");
	must(buf_add_str(&sql, ") VALUES (") == 0);
	for (size_t i = 0; i < countof(columns); i++)
		must(buf_add_str(&sql, i ? ",?" : "?") == 0);
	must(buf_add_str(&sql, update) == 0);
	for (size_t i = 1; i < countof(columns); i++)
		must(buf_printf(&sql, format, i > 1 ? "," : "", columns[i].name, columns[i].name) ==
			0);
	return buf_take(&sql);
}

char *columns_select_sql(const char *tail)
{
	struct buf sql = BUF(4096);

	must(buf_add_str(&sql, "SELECT ") == 0);
	add_names(&sql, "");
	must(buf_printf(&sql, " FROM jobs %s", tail) == 0);
	return buf_take(&sql);
}

static struct sql_value value_of(const struct column *col, const struct job_row *row, char seed[24])
{
	const void *field = (const char *)row + col->offset;

	switch (col->type) {
	case COL_ID:
		return sql_id(*(const uint64_t *)field);
	case COL_SEED:
		snprintf(seed, 24, "%" PRIu64, *(const uint64_t *)field);
		return sql_text(seed);
	case COL_I64:
		return sql_int(*(const int64_t *)field);
	case COL_INT:
		return sql_int(*(const int *)field);
	case COL_TEXT:
		return sql_text(*(char *const *)field);
	case COL_TOKEN:
		return sql_text(row->step >= STORE_ENDED ? NULL : *(char *const *)field);
	case COL_UUID:
		return sql_text(field);
	}
	return sql_text(NULL);
}

size_t columns_bind(
	const struct job_row *row, char seed[24], struct sql_value args[JOB_COLUMNS_MAX])
{
	static_assert(countof(columns) <= JOB_COLUMNS_MAX, "room for every column");

	for (size_t i = 0; i < countof(columns); i++)
		args[i] = value_of(&columns[i], row, seed);
	return countof(columns);
}

static void read_column(const struct sql_value *v, const struct column *col, struct job_row *row)
{
	void *field = (char *)row + col->offset;
	const char *text;

	switch (col->type) {
	case COL_ID:
		*(uint64_t *)field = (uint64_t)sql_as_int(v);
		return;
	case COL_SEED:
		text = sql_as_text(v);
		if (!text || parse_u64(text, field) < 0)
			*(uint64_t *)field = 0;
		return;
	case COL_I64:
		*(int64_t *)field = sql_as_int(v);
		return;
	case COL_INT:
		*(int *)field = (int)sql_as_int(v);
		return;
	case COL_TEXT:
	case COL_TOKEN:
		str_set(field, sql_as_text(v));
		return;
	case COL_UUID:
		text = sql_as_text(v);
		str_copy(field, UUID_SIZE, text ? text : "");
		return;
	}
}

void columns_read(const struct sql_value *values, size_t n, struct job_row *row)
{
	for (size_t i = 0; i < countof(columns) && i < n; i++)
		read_column(&values[i], &columns[i], row);
}
