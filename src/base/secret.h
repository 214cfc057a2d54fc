/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_BASE_SECRET_H
#define FULLET_BASE_SECRET_H

#include "base/defs.h"

/*
 * Strings that must not be found where memory goes: the token, API keys, passwords of databases.
 * Each has pages of its own that are never swapped, in no core dump and empty in a child, and that
 * are wiped before they are given back. What a library copies (a header of curl's, libpq's
 * connection) is out of reach; no core dump and no ptrace (main.c) cover it.
 */

/* A copy; NULL gives NULL. secret_free() only, never free(). */
char *secret_dup(const char *text);
/* The same of a malloc()ed string, which is wiped and freed. */
char *secret_move(char *text);
/* Wipes; NULL is fine. */
void secret_free(char *secret);
/* Replaces an owned secret by a copy of `value` (which may be NULL). */
void secret_set(char **where, const char *value);
/* False: the system let it not be locked (RLIMIT_MEMLOCK), so it may be swapped out. */
bool secret_locked(const char *secret);

/* For copies that pass by: wipes a malloc()ed string before it is freed. NULL is fine. */
void wipe_free(char *text);
void wipe_freep(void *p); /* for cleanup(wipe_freep) */

#endif
