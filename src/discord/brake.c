/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/brake.h"

#define BACKGROUND_MOST 500
#define WAITING_MOST	900 /* the rest is for answers to interactions */
#define ALL_MOST	999

static const struct level {
	unsigned most;
	const char *what;
} levels[] = {
	{BACKGROUND_MOST, "edits of progress wait"},
	{WAITING_MOST, "all but answers to interactions waits"},
	{ALL_MOST, "everything waits"},
};

void brake_refused(struct brake *b, int64_t now_ms)
{
	tally_add(&b->refused, now_ms);
}

void brake_lost(struct brake *b, int64_t now_ms)
{
	tally_add(&b->lost, now_ms);
}

/* While requests are refused, those whose answers are lost probably are too. While none is, as when
 * the network is away, they say nothing. */
static unsigned count(struct brake *b, int64_t now_ms)
{
	unsigned refused = tally_sum(&b->refused, now_ms);

	return refused + min_of(tally_sum(&b->lost, now_ms), refused);
}

char *brake_look(struct brake *b, int64_t now_ms)
{
	unsigned level = 0;

	b->n = count(b, now_ms);
	while (level < countof(levels) && b->n >= levels[level].most)
		level++;
	if (level > b->told) {
		b->told = level;
		return xasprintf("Discord refused %u requests in ten minutes: %s until that is "
				 "less",
			b->n, levels[level - 1].what);
	}
	if (level > 0 || b->told == 0)
		return NULL;
	b->told = 0;
	return xstrdup("refused requests became rare again: edits of progress go on");
}

bool brake_lets(const struct brake *b, enum rest_priority priority, int n_flying)
{
	unsigned most = priority == PRIO_URGENT	      ? ALL_MOST
			: priority == PRIO_BACKGROUND ? BACKGROUND_MOST
						      : WAITING_MOST;

	return b->n + (unsigned)n_flying < most;
}
