/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_STORE_LOCK_H
#define FULLET_STORE_LOCK_H

#include "base/defs.h"

/*
 * One owner a database. The lock is an flock(2) on `<file>.lock` beside the
 * database, where <file> is the real file behind symbolic links; the kernel drops it
 * when the process ends, however it ends. The lock file holds the owner's process id
 * and stays behind: deleting it would let two owners hold "the" lock.
 */

/* Makes the folders of `path` that are missing, each with mode 0700. */
int folder_make(const char *path, char **ret_why);
/* The path with its folder's (and an existing file's) symbolic links resolved. NULL with errno. */
char *path_resolve(const char *path);
/* 0 and a descriptor that holds the lock until it is closed, or -EBUSY or another -errno with a
 * sentence. `shown` is what the sentence calls the database. */
int lock_take(const char *path, const char *shown, int *ret_fd, char **ret_why);

#endif
