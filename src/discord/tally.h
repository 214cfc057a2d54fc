/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_TALLY_H
#define FULLET_DISCORD_TALLY_H

#include "base/defs.h"

/* A count of happenings in the last ten minutes, in slots of ten seconds: the one that has begun and
 * sixty whole ones, so that it is never less than what happened in ten minutes. */
#define TALLY_SLOTS   61
#define TALLY_SLOT_MS 10000

struct tally {
	int64_t slot; /* the newest */
	unsigned n[TALLY_SLOTS];
	unsigned sum;
};
void tally_add(struct tally *t, int64_t now_ms);
unsigned tally_sum(struct tally *t, int64_t now_ms);
/* When the sum may become less. */
int64_t tally_next_ms(int64_t now_ms);

#endif
