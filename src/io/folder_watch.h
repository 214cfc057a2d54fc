/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IO_FOLDER_WATCH_H
#define FULLET_IO_FOLDER_WATCH_H

#include "io/loop.h"

/*
 * Tells that something in a folder has changed (inotify), not what: whoever wants to know looks.
 * It says nothing of what happens behind symbolic links, and on network disks nothing of what other
 * computers do, so a look now and then is needed besides.
 */
struct folder_watch;

/* `changed` is called on the loop's thread, maybe often; a turn follows. */
struct folder_watch *folder_watch_new(
	struct loop *loop, const char *path, void (*changed)(void *ctx), void *ctx);
struct folder_watch *folder_watch_free(struct folder_watch *watch);
/*
 * Watches what is at the path now: it may be another folder than before, or none. Cheap when it is
 * the same. 0, or -errno when changes will not be told (-ENOENT; -ENOSPC, -EMFILE: the system
 * has no watch left).
 */
int folder_watch_renew(struct folder_watch *watch);

#endif
