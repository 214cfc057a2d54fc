/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_STORE_BACKUP_H
#define FULLET_STORE_BACKUP_H

#include "store/store.h"

/*
 * A whole database in one file of ours (backup_file.h), from any of the three into any of them.
 * Which tables there are is read from the migrations, their columns from the database.
 */

/* Of a database that a bot may be running on: one consistent moment of it. The file is there whole
 * or not at all, with mode 0600. *ret_summary: "3 jobs, 2 channels, ..."; owned. */
int backup_write(
	struct store_db *db, const char *path, int64_t now_ms, char **ret_summary, char **ret_why);
/* Reads the file without touching any database: -EBADMSG or -ENOTSUP with a sentence unless all of
 * it is there and ours. */
int backup_check(const char *path, char **ret_why);
/* Puts the file's rows in the place of all rows, in one transaction, and counts them. -EEXIST when
 * there are jobs and not `force`. */
int backup_restore(
	struct store_db *db, const char *path, bool force, char **ret_summary, char **ret_why);

#endif
