/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IO_LOOP_H
#define FULLET_IO_LOOP_H

#include "base/defs.h"

/*
 * The loop (libuv) and what belongs to it: time, one timer, signals, entropy, and a
 * wake-up from other threads. Everything in src/io runs on the loop's thread; no call
 * of it blocks. A callback may call anything of src/io except the *_free of the
 * object that is calling back, unless a header says so.
 */
struct loop;

/* Called at the end of every turn in which something happened, and when the timer is due: the
 * shell's one place to act. Returns the time at which it wants to be called again; NEVER. */
typedef int64_t loop_turn(void *ctx, int64_t now_ms);

int loop_new(struct loop **ret);
struct loop *loop_free(struct loop *loop); /* after everything made on it was freed */
void loop_run(struct loop *loop, loop_turn *turn, void *ctx); /* until loop_stop() */
void loop_stop(struct loop *loop);
/* Asks for a turn soon: whoever uses loop_uv() himself calls it too. loop_wake() may be called from
 * any thread. */
void loop_wake(struct loop *loop);
/* Called once on the first SIGTERM or SIGINT; the second ends the program at once. */
void loop_on_stop(struct loop *loop, void (*stop)(void *ctx), void *ctx);
/* Called on each SIGHUP, which ends the program otherwise. */
void loop_on_hangup(struct loop *loop, void (*hangup)(void *ctx), void *ctx);
struct uv_loop_s *loop_uv(struct loop *loop);

/* Unix time in milliseconds, read once per turn, monotonic within the process. */
int64_t loop_now(const struct loop *loop);
/* 64 bits of the kernel's entropy. */
uint64_t entropy_u64(void);

#endif
