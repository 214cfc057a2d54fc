/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IO_KEEP_FILE_H
#define FULLET_IO_KEEP_FILE_H

#include "base/blob.h"
#include "io/loop.h"

/*
 * Copies of bytes in files, written on libuv's threads: a slow disk holds nothing up.
 * A copy is there whole or not at all, and never in the place of another file: when the
 * name is taken by other bytes, "07-2.png" follows "07.png".
 */
struct file_keeper;

/* result: 0 or -errno; why: a sentence, NULL on success. */
typedef void file_kept(void *arg, int result, const char *why);

struct file_keeper *file_keeper_new(struct loop *loop);
/* Waits for what is being written; nobody is called any more. Never within a callback. */
struct file_keeper *file_keeper_free(struct file_keeper *keeper);
/* Holds the bytes while it needs them. done is called exactly once, never before the return. */
void file_keep(struct file_keeper *keeper, const char *folder, const char *name,
	struct blob *bytes, file_kept *done, void *arg);
/* The same at once, and for a look: can a file be made in the folder? 0 or -errno. */
int file_keep_now(const char *folder, const char *name, const struct blob *bytes, char **ret_why);
int file_keep_check(const char *folder);

#endif
