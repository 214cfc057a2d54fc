/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/tally.h"

static void go_to(struct tally *t, int64_t now_ms)
{
	int64_t slot = now_ms / TALLY_SLOT_MS;

	if (slot - t->slot >= TALLY_SLOTS) {
		*t = (struct tally){.slot = slot};
		return;
	}
	while (t->slot < slot) {
		unsigned *oldest = &t->n[++t->slot % TALLY_SLOTS];

		t->sum -= *oldest;
		*oldest = 0;
	}
}

void tally_add(struct tally *t, int64_t now_ms)
{
	go_to(t, now_ms);
	t->n[t->slot % TALLY_SLOTS]++;
	t->sum++;
}

unsigned tally_sum(struct tally *t, int64_t now_ms)
{
	go_to(t, now_ms);
	return t->sum;
}

int64_t tally_next_ms(int64_t now_ms)
{
	return (now_ms / TALLY_SLOT_MS + 1) * TALLY_SLOT_MS;
}
