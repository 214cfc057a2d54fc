/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_BRAKE_H
#define FULLET_DISCORD_BRAKE_H

#include "discord/rest_lane.h"
#include "discord/tally.h"

/*
 * Discord's patience with requests that it refuses: 10,000 answers 401, 403 or 429 in ten minutes
 * and Cloudflare bans the address. Here fewer than 1,000 are made in any ten minutes. The nearer
 * they are the fewer calls leave: first what is done in the background waits, then all that can
 * wait, so that room is left for answers to interactions; in the end nothing leaves. Calls in
 * flight count as if they were refused.
 *
 * It knows of its own process only. Across restarts there is no need: the unit of systemd starts
 * five processes in ten minutes at the most, all of which together stay below Discord's bound; and
 * to a process that is banned only what it has in flight at first is refused, a few dozen.
 */
struct brake {
	struct tally refused, lost;
	unsigned n;    /* of them now */
	unsigned told; /* the highest level that was told */
};

/* An answer that counts was heard. */
void brake_refused(struct brake *b, int64_t now_ms);
/* No answer was heard, but one may have been given. */
void brake_lost(struct brake *b, int64_t now_ms);
/* Before brake_lets() is asked. A sentence for the log (owned) when what may leave has changed;
 * else NULL. */
char *brake_look(struct brake *b, int64_t now_ms);
/* Whether one more call of the priority may leave while so many are in flight. If not, perhaps
 * after the next answer, or at tally_next_ms(). */
bool brake_lets(const struct brake *b, enum rest_priority priority, int n_flying);

#endif
