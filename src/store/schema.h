/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_STORE_SCHEMA_H
#define FULLET_STORE_SCHEMA_H

#include <sqlite3.h>

#include "base/defs.h"

/*
 * Numbered migrations. The number reached stands in the table `fullet_schema`, not in
 * PRAGMA user_version: another program's tables may lie in the same file, and that
 * number is theirs as much as ours. Tables that we did not make are never touched.
 */

/* The newest schema that this program knows. */
int schema_newest(void);
/* Brings the file to schema_newest() in one transaction. -ENOTSUP with a sentence when the
 * file is of a newer schema. `shown` is what the sentence calls the database. */
int schema_migrate(sqlite3 *sql, const char *shown, char **ret_why);
/* As above, but changes nothing: -ENOTSUP unless the file is exactly of the newest schema. */
int schema_expect(sqlite3 *sql, const char *shown, char **ret_why);

/* 0 for SQLITE_OK and its like, else -errno and a sentence without any value of a row. */
int sql_error(sqlite3 *sql, int code, const char *shown, char **ret_why);
/* Runs statements that give no rows. */
int sql_run(sqlite3 *sql, const char *text, const char *shown, char **ret_why);

#endif
