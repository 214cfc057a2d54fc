/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_SIM_CLOCK_H
#define FULLET_SIM_CLOCK_H

#include "base/defs.h"

/*
 * Virtual time: a heap of things that will happen. A thing is a function called
 * with run = true when its time has come, or with run = false when the
 * simulation ends before: either way it frees its argument.
 */
struct clock;
typedef void clock_fn(void *ctx, void *arg, bool run);

struct clock *clock_new(int64_t now_ms, void *ctx);
struct clock *clock_free(struct clock *c);
int64_t clock_now(const struct clock *c);
void clock_at(struct clock *c, int64_t at_ms, clock_fn *fn, void *arg);
/* The time of the next thing; NEVER. */
int64_t clock_next(const struct clock *c);
/* Moves to the next thing (or to `until_ms` when that is earlier) and lets it happen; false when
 * nothing happened. */
bool clock_step(struct clock *c, int64_t until_ms);

#endif
