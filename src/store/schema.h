/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_STORE_SCHEMA_H
#define FULLET_STORE_SCHEMA_H

#include "store/sql.h"

/*
 * Numbered migrations. The number reached stands in the table `fullet_schema`, not in
 * SQLite's user_version: another program's tables may lie in the same file, and that
 * number is theirs as much as ours. Tables that we did not make are never touched.
 */

/* The newest schema that this program knows. */
int schema_newest(void);
/* The names of all tables that the migrations make; both they and the array are the caller's. */
char **schema_tables(size_t *ret_n);
/* Takes every row out of them. */
int schema_empty(struct sql *sql, char **ret_why);
/* Brings the database to schema_newest(), in one transaction where the database can do that.
 * -ENOTSUP with a sentence when it is of a newer schema. */
int schema_migrate(struct sql *sql, char **ret_why);
/* As above, but changes nothing: -ENOTSUP unless it is exactly of the newest schema. */
int schema_expect(struct sql *sql, char **ret_why);

#endif
