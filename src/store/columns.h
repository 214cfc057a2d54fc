/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_STORE_COLUMNS_H
#define FULLET_STORE_COLUMNS_H

#include "store/sql.h"
#include "store/store.h"

/*
 * Which field of struct job_row is which column: one table makes the SQL, binds and reads.
 * A new column is one line there, one field in job_row and one migration.
 */

#define JOB_COLUMNS_MAX 40

/* The upsert of a whole job, and a SELECT of all columns ending in " FROM jobs " + tail. Owned. */
char *columns_upsert_sql(enum sql_dialect dialect);
char *columns_select_sql(const char *tail);
/* The parameters of the upsert, borrowed from the row (and from seed); an ended job is bound
 * without its token. Returns how many. */
size_t columns_bind(
	const struct job_row *row, char seed[24], struct sql_value args[JOB_COLUMNS_MAX]);
/* Fills an empty row from a row of the select. */
void columns_read(const struct sql_value *columns, size_t n, struct job_row *row);

#endif
