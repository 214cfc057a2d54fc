/* SPDX-License-Identifier: Apache-2.0 */
#include "store/columns.h"

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
};

static void add_names(struct buf *sql, const char *before)
{
	for (size_t i = 0; i < countof(columns); i++)
		must(buf_printf(sql, "%s%s%s", i ? "," : "", before, columns[i].name) == 0);
}

char *columns_upsert_sql(void)
{
	struct buf sql = BUF(4096);

	must(buf_add_str(&sql, "INSERT INTO jobs (") == 0);
	add_names(&sql, "");
	must(buf_add_str(&sql, ") VALUES (") == 0);
	for (size_t i = 0; i < countof(columns); i++)
		must(buf_add_str(&sql, i ? ",?" : "?") == 0);
	must(buf_add_str(&sql, ") ON CONFLICT (id) DO UPDATE SET ") == 0);
	for (size_t i = 1; i < countof(columns); i++)
		must(buf_printf(&sql, "%s%s=excluded.%s", i > 1 ? "," : "", columns[i].name,
			     columns[i].name) == 0);
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

static int bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	return text ? sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC)
		    : sqlite3_bind_null(stmt, at);
}

static int bind_column(
	sqlite3_stmt *stmt, int at, const struct column *col, const struct job_row *row)
{
	const void *field = (const char *)row + col->offset;
	char seed[24];

	switch (col->type) {
	case COL_ID:
		return sqlite3_bind_int64(stmt, at, (int64_t) * (const uint64_t *)field);
	case COL_SEED:
		snprintf(seed, sizeof(seed), "%" PRIu64, *(const uint64_t *)field);
		return sqlite3_bind_text(stmt, at, seed, -1, SQLITE_TRANSIENT);
	case COL_I64:
		return sqlite3_bind_int64(stmt, at, *(const int64_t *)field);
	case COL_INT:
		return sqlite3_bind_int(stmt, at, *(const int *)field);
	case COL_TEXT:
		return bind_text(stmt, at, *(char *const *)field);
	case COL_TOKEN:
		return bind_text(stmt, at, row->step >= STORE_ENDED ? NULL : *(char *const *)field);
	case COL_UUID:
		return bind_text(stmt, at, field);
	}
	return SQLITE_MISUSE;
}

int columns_bind(sqlite3_stmt *stmt, const struct job_row *row)
{
	int code = SQLITE_OK;

	for (size_t i = 0; i < countof(columns) && code == SQLITE_OK; i++)
		code = bind_column(stmt, (int)i + 1, &columns[i], row);
	return code;
}

static void read_column(sqlite3_stmt *stmt, int at, const struct column *col, struct job_row *row)
{
	void *field = (char *)row + col->offset;
	const char *text;

	switch (col->type) {
	case COL_ID:
		*(uint64_t *)field = (uint64_t)sqlite3_column_int64(stmt, at);
		return;
	case COL_SEED:
		text = (const char *)sqlite3_column_text(stmt, at);
		if (!text || parse_u64(text, field) < 0)
			*(uint64_t *)field = 0;
		return;
	case COL_I64:
		*(int64_t *)field = sqlite3_column_int64(stmt, at);
		return;
	case COL_INT:
		*(int *)field = sqlite3_column_int(stmt, at);
		return;
	case COL_TEXT:
	case COL_TOKEN:
		str_set(field, (const char *)sqlite3_column_text(stmt, at));
		return;
	case COL_UUID:
		text = (const char *)sqlite3_column_text(stmt, at);
		str_copy(field, UUID_SIZE, text ? text : "");
		return;
	}
}

void columns_read(sqlite3_stmt *stmt, struct job_row *row)
{
	for (size_t i = 0; i < countof(columns); i++)
		read_column(stmt, (int)i, &columns[i], row);
}
