/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_DATABASE_H
#define FULLET_APP_DATABASE_H

#include "app/config.h"
#include "store/store.h"

#define DATABASE_PATH "database/bot_data.db"

/* DATABASE_URL, else DATABASE_PATH. It may hold a password: never shown. */
const char *database_where(const struct config *config);
/* Opens it as its one owner. A server that cannot be reached is waited for, which is said once in
 * the log: it may start at the same time as we do. So are a lock and room on the disk. Else 0, or -errno with a sentence. */
int database_open(const char *where, const struct log *log, struct store_db **ret, char **ret_why);

#endif
