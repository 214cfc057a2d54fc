/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_CLEANER_H
#define FULLET_APP_CLEANER_H

#include "base/log.h"
#include "image/wire.h"
#include "io/loop.h"

/*
 * Has strangers' pictures cleaned, one after the other, by the program fullet-cleaner: it is
 * started when the first picture comes, serves some, ends when nothing comes, and is killed and
 * replaced when it takes too long or dies. A picture under which it was killed by somebody else is
 * tried once more. At most CLEAN_QUEUE_MAX wait, the next is
 * CLEAN_UNAVAILABLE.
 */
struct cleaner;

typedef void clean_done(void *arg, struct clean_answer *answer);

/* path: of the program; NULL: looked for beside this one and where it is installed. log is
 * borrowed. */
struct cleaner *cleaner_new(struct loop *loop, const struct log *log, const char *path);
/* Whoever still waits is dropped, uncalled. */
struct cleaner *cleaner_free(struct cleaner *cleaner);
/* Holds the picture while it needs it. done is called exactly once, never before the return. */
void cleaner_clean(struct cleaner *cleaner, struct blob *picture, const struct clean_wish *wish,
	clean_done *done, void *arg);
/* Once each turn of the loop, before the shell's. */
void cleaner_poll(struct cleaner *cleaner);

/* What the last program that was started said of its cage; false: none could be started. */
bool cleaner_cage(const struct cleaner *cleaner, struct wire_hello *ret);
/* How long the program may take from now on for its hello and for a picture, in place of CLEAN_MS.
 * For tests. */
void cleaner_limit(struct cleaner *cleaner, int64_t ms);
/* The program's process, 0 while none runs. For tests. */
int cleaner_pid(const struct cleaner *cleaner);

#endif
