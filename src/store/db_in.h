/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_STORE_DB_IN_H
#define FULLET_STORE_DB_IN_H

#include "store/database_url.h"
#include "store/sql.h"
#include "store/store.h"

/* What the files behind store_db share. */
struct store_db {
	struct sql *sql; /* NULL while the connection is lost */
	struct database_url url;
	bool own;
	char *job_upsert; /* made from the column table */
	char *job_select;
	int ended; /* ended jobs written since the last pruning */
	/* Of a lost connection. */
	char *lost_why;
	int64_t retry_ms;
	int tries;
};

/* 0 with a connection, made anew if it has to be; else -ENOTCONN. */
int db_ready(struct store_db *db, char **ret_why);
/* True when r says that the connection was lost and a new one stands: *ret_why is free again. */
bool db_is_back(struct store_db *db, int r, char **ret_why);
/* Notes what came of it: a lost connection is closed. */
void db_result(struct store_db *db, int r, char **ret_why);
/* Removes the oldest ended jobs that are beyond what is kept. */
int db_prune(struct store_db *db, char **ret_why);
/* A row's function: the first column's text into a char *. */
void db_take_text(void *arg, const struct sql_value *columns, size_t n);

#endif
