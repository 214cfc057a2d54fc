/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backup_file.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/limits.h"

static const char magic[] = "FuLLet backup\n";
#define MAGIC_LEN (sizeof(magic) - 1)

/* ---- writing ---- */

static void put(struct backup_writer *w, const void *data, size_t len)
{
	w->crc = (uint32_t)crc32_z(w->crc, data, len);
	(void)fwrite(data, 1, len, w->file); /* ferror() tells it at the end */
}

static void put_number(struct backup_writer *w, uint64_t number, size_t len)
{
	unsigned char bytes[8];

	for (size_t i = 0; i < len; i++)
		bytes[i] = (unsigned char)(number >> 8 * i);
	put(w, bytes, len);
}

static void put_bytes(struct backup_writer *w, const char *data, size_t len)
{
	put_number(w, len, 4);
	put(w, data, len);
}

void backup_begin(struct backup_writer *w, FILE *file, const struct backup_head *head)
{
	*w = (struct backup_writer){.file = file};
	put(w, magic, MAGIC_LEN);
	put_number(w, head->format, 4);
	put_number(w, head->schema, 4);
	put_number(w, head->made_ms, 8);
}

void backup_table(struct backup_writer *w, const char *name, char *const *columns, size_t n)
{
	put(w, "T", 1);
	put_bytes(w, name, strlen(name));
	put_number(w, n, 4);
	for (size_t i = 0; i < n; i++)
		put_bytes(w, columns[i], strlen(columns[i]));
	w->rows = 0;
}

void backup_row(struct backup_writer *w, const struct sql_value *values, size_t n)
{
	put(w, "R", 1);
	for (size_t i = 0; i < n; i++) {
		put(w, &"nitb"[values[i].type], 1);
		if (values[i].type == SQL_INT)
			put_number(w, (uint64_t)values[i].number, 8);
		else if (values[i].type != SQL_NULL)
			put_bytes(w, values[i].data, values[i].len);
	}
	w->rows++;
}

void backup_table_end(struct backup_writer *w)
{
	put(w, "E", 1);
	put_number(w, w->rows, 8);
	w->all_rows += w->rows;
}

int backup_end(struct backup_writer *w)
{
	put(w, "Z", 1);
	put_number(w, w->all_rows, 8);
	put_number(w, w->crc, 4);
	errno = 0;
	if (fflush(w->file) == 0 && !ferror(w->file))
		return 0;
	return errno ? -errno : -EIO;
}

/* ---- reading ---- */

struct reader {
	FILE *file;
	uint32_t crc;
	const struct backup_visitor *visitor;
	void *arg;
	char *columns[BACKUP_COLUMNS_MAX];
	size_t n_columns;
	char *bytes[BACKUP_COLUMNS_MAX];
	uint64_t rows, all_rows;
	const char *why;
};

static int bad(struct reader *r, const char *why)
{
	r->why = why;
	return -EBADMSG;
}

static int get(struct reader *r, void *data, size_t len)
{
	if (fread(data, 1, len, r->file) != len)
		return bad(r, "it is cut off");
	r->crc = (uint32_t)crc32_z(r->crc, data, len);
	return 0;
}

static int get_number(struct reader *r, uint64_t *ret, size_t len)
{
	unsigned char bytes[8];
	int e = get(r, bytes, len);

	*ret = 0;
	for (size_t i = 0; i < len && e == 0; i++)
		*ret |= (uint64_t)bytes[i] << 8 * i;
	return e;
}

/* Followed by a NUL. Grown as the bytes come: a wrong length costs no memory. */
static int get_bytes(struct reader *r, char **ret, size_t *ret_len, size_t max)
{
	uint64_t len;
	size_t have = 0;
	int e = get_number(r, &len, 4);

	if (e == 0 && len > max)
		e = bad(r, "it is damaged");
	while (e == 0 && have < len) {
		size_t n = min_of((size_t)len - have, (size_t)MIB);

		*ret = xrealloc(*ret, have + n + 1);
		e = get(r, *ret + have, n);
		have += n;
	}
	if (e < 0)
		return e;
	*ret = xrealloc(*ret, (size_t)len + 1);
	(*ret)[len] = '\0';
	*ret_len = (size_t)len;
	return 0;
}

/* Names go into statements: letters, digits and underscores. */
static int get_name(struct reader *r, char **ret)
{
	size_t len = 0;
	int e = get_bytes(r, ret, &len, BACKUP_NAME_MAX);

	if (e == 0 && (len == 0 || strspn(*ret, "abcdefghijklmnopqrstuvwxyz0123456789_") != len))
		e = bad(r, "it is damaged");
	return e;
}

static void forget_columns(struct reader *r)
{
	for (size_t i = 0; i < r->n_columns; i++) {
		free(take(r->columns[i]));
		free(take(r->bytes[i]));
	}
	r->n_columns = 0;
}

static int get_table(struct reader *r)
{
	cleanup(freep) char *name = NULL;
	uint64_t n = 0;
	int e = get_name(r, &name);

	forget_columns(r);
	if (e == 0)
		e = get_number(r, &n, 4);
	if (e == 0 && (n == 0 || n > BACKUP_COLUMNS_MAX))
		e = bad(r, "it is damaged");
	for (size_t i = 0; i < n && e == 0; i++) {
		r->n_columns++;
		e = get_name(r, &r->columns[i]);
	}
	r->rows = 0;
	if (e == 0 && r->visitor->table)
		e = r->visitor->table(r->arg, name, r->columns, r->n_columns);
	return e;
}

static int get_value(struct reader *r, size_t at, struct sql_value *ret)
{
	uint64_t number = 0;
	char type = 0;
	size_t len = 0;
	int e = get(r, &type, 1);

	if (e < 0)
		return e;
	*ret = (struct sql_value){.type = SQL_NULL};
	if (type == 'i') {
		e = get_number(r, &number, 8);
		*ret = sql_int((int64_t)number);
	} else if (type == 't' || type == 'b') {
		e = get_bytes(r, &r->bytes[at], &len, STORE_PICTURE_MAX);
		*ret = (struct sql_value){.type = type == 't' ? SQL_TEXT : SQL_BLOB,
			.data = r->bytes[at],
			.len = len};
	} else if (type != 'n') {
		e = bad(r, "it is damaged");
	}
	return e;
}

static int get_row(struct reader *r)
{
	struct sql_value values[BACKUP_COLUMNS_MAX];
	int e = 0;

	for (size_t i = 0; i < r->n_columns && e == 0; i++)
		e = get_value(r, i, &values[i]);
	r->rows++;
	if (e == 0 && r->visitor->row)
		e = r->visitor->row(r->arg, values, r->n_columns);
	return e;
}

static int get_table_end(struct reader *r)
{
	uint64_t rows = 0;
	int e = get_number(r, &rows, 8);

	if (e == 0 && rows != r->rows)
		e = bad(r, "rows are missing");
	r->all_rows += r->rows;
	forget_columns(r);
	if (e == 0 && r->visitor->end)
		e = r->visitor->end(r->arg, rows);
	return e;
}

static int get_end(struct reader *r)
{
	uint64_t rows = 0, crc = 0;
	uint32_t counted;
	int e = get_number(r, &rows, 8);

	counted = r->crc;
	if (e == 0)
		e = get_number(r, &crc, 4);
	if (e == 0 && (rows != r->all_rows || crc != counted || fgetc(r->file) != EOF))
		e = bad(r, "it is damaged");
	return e;
}

static int get_records(struct reader *r)
{
	for (;;) {
		bool in_table = r->n_columns > 0;
		char kind = 0;
		int e = get(r, &kind, 1);

		if (e < 0)
			return e;
		if (kind == 'Z' && !in_table)
			return get_end(r);
		if (kind == 'T' && !in_table)
			e = get_table(r);
		else if (kind == 'R' && in_table)
			e = get_row(r);
		else if (kind == 'E' && in_table)
			e = get_table_end(r);
		else
			e = bad(r, "it is damaged");
		if (e < 0)
			return e;
	}
}

static int get_head(struct reader *r)
{
	char text[MAGIC_LEN];
	uint64_t format = 0, schema = 0, made_ms = 0;
	int e = get(r, text, sizeof(text));

	if (e < 0 || memcmp(text, magic, sizeof(text)) != 0)
		return bad(r, "it is not a backup of fullet");
	e = get_number(r, &format, 4);
	if (e == 0 && format != BACKUP_FORMAT) {
		r->why = "it was written by a newer fullet: update this one";
		return -ENOTSUP;
	}
	if (e == 0)
		e = get_number(r, &schema, 4);
	if (e == 0)
		e = get_number(r, &made_ms, 8);
	if (e == 0 && r->visitor->head)
		e = r->visitor->head(
			r->arg, &(struct backup_head){(uint32_t)format, (uint32_t)schema, made_ms});
	return e;
}

int backup_read(FILE *file, const struct backup_visitor *visitor, void *arg, char **ret_why)
{
	struct reader *r = xcalloc(1, sizeof(*r));
	int e;

	*r = (struct reader){.file = file, .visitor = visitor, .arg = arg};
	e = get_head(r);
	if (e == 0)
		e = get_records(r);
	forget_columns(r);
	if (r->why)
		*ret_why = xstrdup(r->why);
	free(r);
	return e;
}
