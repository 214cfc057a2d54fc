/* SPDX-License-Identifier: Apache-2.0 */

/* A backup file: what is read can be written down again and is the same. */

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "store/backup_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct copy {
	struct backup_writer writer;
	FILE *file;
	bool begun;
};

static int head(void *arg, const struct backup_head *head)
{
	struct copy *c = arg;

	backup_begin(&c->writer, c->file, head);
	c->begun = true;
	return 0;
}

static int table(void *arg, const char *name, char *const *columns, size_t n)
{
	struct copy *c = arg;

	must(c->begun && *name && n > 0 && n <= BACKUP_COLUMNS_MAX);
	backup_table(&c->writer, name, columns, n);
	return 0;
}

static int row(void *arg, const struct sql_value *values, size_t n)
{
	struct copy *c = arg;

	for (size_t i = 0; i < n; i++)
		must(values[i].type == SQL_NULL || values[i].type == SQL_INT ||
			values[i].data[values[i].len] == '\0');
	backup_row(&c->writer, values, n);
	return 0;
}

static int end(void *arg, uint64_t rows)
{
	struct copy *c = arg;

	must(rows == c->writer.rows);
	backup_table_end(&c->writer);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct backup_visitor visitor = {head, table, row, end};
	struct copy copy = {0};
	char *why = NULL, *out = NULL;
	size_t out_len = 0;
	FILE *in;
	int r;

	if (size == 0)
		return 0;
	in = fmemopen((void *)data, size, "r");
	copy.file = open_memstream(&out, &out_len);
	must(in && copy.file);
	r = backup_read(in, &visitor, &copy, &why);
	if (r == 0)
		must(backup_end(&copy.writer) == 0);
	fclose(in);
	fclose(copy.file);
	must((r == 0) == (why == NULL));
	must(r == 0 || r == -EBADMSG || r == -ENOTSUP);
	if (r == 0)
		must(out_len == size && memcmp(out, data, size) == 0);
	free(why);
	free(out);
	return 0;
}
