/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_TESTS_CLEANER_KIT_H
#define FULLET_TESTS_CLEANER_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "app/cleaner.h"
#include "base/limits.h"

/* A loop with a cleaner on it, which runs the real fullet-cleaner. */
struct rig {
	struct loop *loop;
	struct cleaner *cleaner;
	int64_t give_up_ms;
	int waiting;
	int old_pid; /* for what a test waits for */
	/* What the last answers were; the pictures are the rig's. */
	struct clean_answer answers[CLEAN_QUEUE_MAX + 8];
	int n_answers;
	int results[CLEAN_RESULTS];
	char log[4096]; /* the last lines */
};

void rig_new(struct rig *rig, const char *path);
void rig_free(struct rig *rig);
/* Hands a picture (copied) out. */
void rig_send(struct rig *rig, const void *data, size_t len, const struct clean_wish *wish);
/* Until all that was handed out is answered; fails the test after `ms` of the wall clock. */
void rig_wait(struct rig *rig, int64_t ms);
/* Drops the answers, not the counts. */
void rig_forget(struct rig *rig);
/* Until `seen` says so. */
void rig_until(struct rig *rig, bool (*seen)(struct rig *rig), int64_t ms);
/* One picture; the answer is valid until the next. */
struct clean_answer *rig_ask(
	struct rig *rig, const void *data, size_t len, const struct clean_wish *wish);

/* A file of tests/unit/pictures; the caller's to free. */
struct buf rig_file(const char *name);

/* Four fields of one colour each: top left red, top right green, below blue and yellow. */
struct buf rig_png(int width, int height);
struct buf rig_jpeg(int width, int height);
struct buf rig_webp(int width, int height, bool lossless);
struct buf rig_gif(int width, int height);

/* The colour (0xAARRGGBB, A as gd has it: 0 is opaque) of a point of a PNG, in tenths of its sides.
 */
unsigned int rig_colour(const struct blob *png, int x, int y);
/* The fields' colours clockwise from the top left, a letter each (R G B Y, W white): "RGYB". */
const char *rig_fields(const struct blob *png);

#endif
