/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IO_CHILD_H
#define FULLET_IO_CHILD_H

#include "base/blob.h"
#include "io/loop.h"

/*
 * Another program as a child of ours: its standard input and output are pipes to us, its standard
 * error is nowhere, its environment is empty. It is reaped whatever happens to it.
 */
struct child;

struct child_events {
	/* Some of its output. */
	void (*output)(void *arg, const void *data, size_t len);
	/* The time set by child_alarm() is over. */
	void (*alarm)(void *arg);
	/* It is dead and all of its output was given; the child is gone when this returns.
	 * `signal` is what ended it, 0: it ended by itself with `status`. */
	void (*ended)(void *arg, int status, int signal);
};

/* 0, or -errno: it could not be started and no event comes. arguments end with NULL. */
int child_start(struct loop *loop, const char *path, const char *const *arguments,
	const struct child_events *events, void *arg, struct child **ret);
/* Sends the head (copied) and then the body (held until it is sent; may be NULL). */
void child_send(struct child *child, const void *head, size_t head_len, struct blob *body);
/* In so many milliseconds; another call sets it anew, NEVER takes it back. */
void child_alarm(struct child *child, int64_t in_ms);
/* No more input comes: a well-behaved child ends. */
void child_close_input(struct child *child);
/* Ends it at once; `ended` comes as always. */
void child_kill(struct child *child);
/* Ends it at once, without any further event. The loop must still run for it to be reaped, which
 * loop_free() sees to. Returns NULL. */
struct child *child_abandon(struct child *child);
int child_pid(const struct child *child);

#endif
