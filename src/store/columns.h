/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_STORE_COLUMNS_H
#define FULLET_STORE_COLUMNS_H

#include <sqlite3.h>

#include "store/store.h"

/*
 * Which field of struct job_row is which column: one table makes the SQL, binds and reads.
 * A new column is one line there, one field in job_row and one migration.
 */

/* The upsert of a whole job, and a SELECT of all columns ending in " FROM jobs " + tail. */
char *columns_upsert_sql(void);
char *columns_select_sql(const char *tail);
/* Binds all columns of the upsert; the strings are borrowed until the statement is reset.
 * An ended job is bound without its token. Returns a SQLite code. */
int columns_bind(sqlite3_stmt *stmt, const struct job_row *row);
/* Fills an empty row from the current row of the select. */
void columns_read(sqlite3_stmt *stmt, struct job_row *row);

#endif
