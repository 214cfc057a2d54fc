/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_STORE_BACKUP_FILE_H
#define FULLET_STORE_BACKUP_FILE_H

#include <stdio.h>

#include "store/sql.h"

/*
 * A backup: the rows of all tables, whichever database they come from. Numbers are little-endian.
 *
 *   "FuLLet backup\n"  u32 format (1)  u32 schema  u64 when, in ms since 1970
 *   for each table:    'T' name  u32 number of columns  their names
 *                      for each row: 'R' and its values: 'n' (NULL), 'i' u64, 't' bytes, 'b' bytes
 *                      'E' u64 number of rows
 *   'Z'                u64 number of all rows  u32 CRC-32 of all before it; nothing follows
 *
 * Names and bytes begin with their u32 length; texts are UTF-8.
 */
#define BACKUP_FORMAT	   1
#define BACKUP_COLUMNS_MAX 64
#define BACKUP_NAME_MAX	   64

struct backup_head {
	uint32_t format, schema;
	uint64_t made_ms;
};

/* ---- writing; a failure of the file is told by backup_end() ---- */
struct backup_writer {
	FILE *file;
	uint32_t crc;
	uint64_t rows, all_rows;
};
void backup_begin(struct backup_writer *w, FILE *file, const struct backup_head *head);
void backup_table(struct backup_writer *w, const char *name, char *const *columns, size_t n);
void backup_row(struct backup_writer *w, const struct sql_value *values, size_t n);
void backup_table_end(struct backup_writer *w);
/* 0, or -errno of the first write that failed. */
int backup_end(struct backup_writer *w);

/* ---- reading ---- */
struct backup_visitor {
	/* Each may be NULL; a negative result ends the reading and is returned. What is handed in
	 * is borrowed. */
	int (*head)(void *arg, const struct backup_head *head);
	int (*table)(void *arg, const char *name, char *const *columns, size_t n);
	int (*row)(void *arg, const struct sql_value *values, size_t n);
	int (*end)(void *arg, uint64_t rows);
};
/* Reads all of it. -EBADMSG with a sentence: not a backup, damaged, cut off; -ENOTSUP: of a newer
 * format; or what a function of the visitor returned (it has told why itself). */
int backup_read(FILE *file, const struct backup_visitor *visitor, void *arg, char **ret_why);

#endif
