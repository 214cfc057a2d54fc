/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_TESTS_SESSION_RIG_H
#define FULLET_TESTS_SESSION_RIG_H

#include "core_rig.h"

/* The core alone with private channels, and time that passes. */

#define TTL  1800000
#define LEAD 300000

static inline void later(struct rig *rig, int64_t ms)
{
	rig->trace[0] = '\0';
	rig->now_ms += ms;
	core_tick(rig->core, rig->now_ms);
	run(rig);
}

static inline void load(
	struct rig *rig, uint64_t user, uint64_t channel, int64_t idle_ms, int flags)
{
	struct session_row row = {.user_id = user,
		.channel_id = channel,
		.active_ms = rig->now_ms - idle_ms,
		.flags = flags};

	core_load_session(rig->core, &row);
}

#endif
