/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "store/backup_file.h"
#include "store/db_in.h"
#include "store/schema.h"

/* ---- what there is ---- */

struct names {
	char *at[BACKUP_COLUMNS_MAX];
	size_t n;
};

static void names_free(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->at[i]);
	names->n = 0;
}

static void take_name(void *arg, const struct sql_value *columns, size_t n)
{
	struct names *names = arg;

	must(names->n < countof(names->at));
	names->at[names->n++] = xstrdup(sql_as_text(&columns[0]));
}

static int read_columns(struct sql *sql, const char *table, struct names *ret, char **ret_why)
{
	static const char *const texts[] = {
		"SELECT name FROM pragma_table_info(?) ORDER BY cid",
		"SELECT column_name FROM information_schema.columns WHERE table_schema = "
		"current_schema() AND table_name = ? ORDER BY ordinal_position",
		"SELECT column_name FROM information_schema.columns WHERE table_schema = "
		"database() AND table_name = ? ORDER BY ordinal_position",
	};
	struct sql_value name = sql_text(table);

	ret->n = 0;
	return sql_run(sql, texts[sql->driver->dialect], &name, 1, take_name, ret, ret_why);
}

/* "a,b,c" */
static char *joined(char *const *names, size_t n, const char *instead)
{
	struct buf out = BUF(8 * KIB);

	for (size_t i = 0; i < n; i++)
		must(buf_printf(&out, "%s%s", i ? "," : "", instead ? instead : names[i]) == 0);
	return buf_take(&out);
}

static void summarise(struct buf *out, const char *table, uint64_t rows)
{
	(void)buf_printf(out, "%s%s: %" PRIu64, out->len ? ", " : "", table, rows);
}

/* ---- writing ---- */

static void write_row(void *arg, const struct sql_value *columns, size_t n)
{
	backup_row(arg, columns, n);
}

static int write_table(struct sql *sql, const char *table, struct backup_writer *w,
	struct buf *summary, char **ret_why)
{
	cleanup(freep) char *list = NULL, *text = NULL;
	cleanup(names_free) struct names columns = {0};
	int r = read_columns(sql, table, &columns, ret_why);

	if (r < 0)
		return r;
	list = joined(columns.at, columns.n, NULL);
	text = xasprintf("SELECT %s FROM %s ORDER BY 1", list, table); /* the key */
	backup_table(w, table, columns.at, columns.n);
	r = sql_run(sql, text, NULL, 0, write_row, w, ret_why);
	backup_table_end(w);
	summarise(summary, table, w->rows);
	return r;
}

/* All tables as they are at one moment, whatever is written meanwhile. */
static int write_tables(
	struct sql *sql, struct backup_writer *w, struct buf *summary, char **ret_why)
{
	static const char *const begin[] = {"BEGIN",
		"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
		"START TRANSACTION WITH CONSISTENT SNAPSHOT"};
	size_t n = 0;
	char **tables = schema_tables(&n);
	int r = sql_script(sql, begin[sql->driver->dialect], ret_why);

	for (size_t i = 0; i < n; i++) {
		if (r == 0)
			r = write_table(sql, tables[i], w, summary, ret_why);
		free(tables[i]);
	}
	free(tables);
	sql_rollback(sql);
	return r;
}

static int failed(int r, const char *path, char **ret_why)
{
	*ret_why = r == -ENOSPC ? xasprintf("the disk of %s is full", path)
				: xasprintf("%s cannot be written: %s", path, strerror(-r));
	return r;
}

static int sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	cleanup(freep) char *folder =
		slash ? xstrndup(path, max_of((size_t)(slash - path), (size_t)1)) : xstrdup(".");
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static int write_file(struct store_db *db, FILE *file, const char *path, int64_t now_ms,
	struct buf *summary, char **ret_why)
{
	struct backup_head head = {BACKUP_FORMAT, (uint32_t)schema_newest(), (uint64_t)now_ms};
	struct backup_writer w;
	int r, e;

	backup_begin(&w, file, &head);
	r = write_tables(db->sql, &w, summary, ret_why);
	e = backup_end(&w);
	if (r == 0 && e == 0 && fsync(fileno(file)) < 0)
		e = -errno;
	return r < 0 ? r : e < 0 ? failed(e, path, ret_why) : 0;
}

int backup_write(
	struct store_db *db, const char *path, int64_t now_ms, char **ret_summary, char **ret_why)
{
	cleanup(freep) char *temporary = xasprintf("%s.XXXXXX", path);
	cleanup(buf_free) struct buf summary = BUF(4 * KIB);
	int fd = mkostemp(temporary, O_CLOEXEC), r; /* mode 0600 */
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file)
		return failed(-errno, path, ret_why);
	r = write_file(db, file, path, now_ms, &summary, ret_why);
	if (fclose(file) != 0 && r == 0)
		r = failed(-errno, path, ret_why);
	if (r == 0 && rename(temporary, path) < 0)
		r = failed(-errno, path, ret_why);
	if (r < 0) {
		unlink(temporary);
		return r;
	}
	*ret_summary = buf_take(&summary);
	r = sync_folder(path);
	return r < 0 ? failed(r, path, ret_why) : 0;
}

/* ---- reading ---- */

struct restoring {
	struct sql *sql;
	char *table, *insert;
	uint64_t rows;
	struct buf summary;
	char *why;
};

static int check_head(void *arg, const struct backup_head *head)
{
	struct restoring *x = arg;

	if (head->schema <= (uint32_t)schema_newest())
		return 0;
	x->why = xasprintf("it was written by a newer fullet (schema %" PRIu32
			   ", this one knows %d): update this one",
		head->schema, schema_newest());
	return -ENOTSUP;
}

/* The sentence of either the file or the database. */
static int read_all(
	const char *path, const struct backup_visitor *visitor, struct restoring *x, char **ret_why)
{
	cleanup(freep) char *why = NULL;
	FILE *file = fopen(path, "re");
	int r;

	if (!file) {
		r = -errno;
		*ret_why = xasprintf("%s cannot be opened: %s", path, strerror(-r));
		return r;
	}
	r = backup_read(file, visitor, x, &why);
	fclose(file);
	if (r < 0)
		*ret_why = xasprintf("%s: %s", path, why ? why : x->why ? x->why : strerror(-r));
	return r;
}

int backup_check(const char *path, char **ret_why)
{
	const struct backup_visitor visitor = {.head = check_head};
	struct restoring x = {0};
	int r = read_all(path, &visitor, &x, ret_why);

	free(x.why);
	return r;
}

static bool is_in(const char *name, char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(names[i], name))
			return true;
	return false;
}

static bool is_table(const char *name)
{
	size_t n = 0;
	char **tables = schema_tables(&n);
	bool found = is_in(name, tables, n);

	for (size_t i = 0; i < n; i++)
		free(tables[i]);
	free(tables);
	return found;
}

/* Columns that the file does not have yet take their defaults. */
static int restore_table(void *arg, const char *name, char *const *columns, size_t n)
{
	cleanup(freep) char *list = joined(columns, n, NULL), *marks = joined(columns, n, "?");
	cleanup(names_free) struct names known = {0};
	struct restoring *x = arg;
	int r = is_table(name) ? read_columns(x->sql, name, &known, &x->why) : 0;

	for (size_t i = 0; i < n && r == 0; i++)
		if (!is_in(columns[i], known.at, known.n)) {
			x->why = xasprintf(
				"it has a column %s.%s that is unknown here", name, columns[i]);
			r = -ENOTSUP;
		}
	str_set(&x->table, name);
	free(x->insert);
	x->insert = xasprintf("INSERT INTO %s (%s) VALUES (%s)", name, list, marks);
	x->rows = 0;
	return r;
}

static int restore_row(void *arg, const struct sql_value *values, size_t n)
{
	struct restoring *x = arg;

	x->rows++;
	return sql_run(x->sql, x->insert, values, n, NULL, NULL, &x->why);
}

static int restore_end(void *arg, uint64_t rows)
{
	struct restoring *x = arg;
	cleanup(freep) char *text = xasprintf("SELECT count(*) FROM %s", x->table);
	int64_t there = 0;
	int r = sql_number(x->sql, text, NULL, 0, 0, &there, &x->why);

	if (r == 0 && (uint64_t)there != rows) {
		x->why = xasprintf("of %" PRIu64 " rows of %s only %" PRId64 " arrived", rows,
			x->table, there);
		r = -EIO;
	}
	summarise(&x->summary, x->table, rows);
	return r;
}

static int refuse_jobs(struct sql *sql, char **ret_why)
{
	int64_t jobs = 0;
	int r = sql_number(sql, "SELECT count(*) FROM jobs", NULL, 0, 0, &jobs, ret_why);

	if (r < 0 || jobs == 0)
		return r;
	*ret_why = xasprintf("%s holds %" PRId64 " jobs already: with --force they are replaced by "
			     "those of the backup",
		sql->shown, jobs);
	return -EEXIST;
}

int backup_restore(
	struct store_db *db, const char *path, bool force, char **ret_summary, char **ret_why)
{
	const struct backup_visitor visitor = {
		.head = check_head, .table = restore_table, .row = restore_row, .end = restore_end};
	struct restoring x = {.sql = db->sql, .summary = BUF(4 * KIB)};
	int r = sql_begin(db->sql, ret_why);

	if (r == 0 && !force)
		r = refuse_jobs(db->sql, ret_why);
	if (r == 0)
		r = schema_empty(db->sql, ret_why);
	if (r == 0)
		r = read_all(path, &visitor, &x, ret_why);
	if (r == 0)
		r = sql_commit(db->sql, ret_why);
	if (r < 0)
		sql_rollback(db->sql);
	else
		*ret_summary = buf_take(&x.summary);
	buf_free(&x.summary);
	free(x.table);
	free(x.insert);
	free(x.why);
	return r;
}
