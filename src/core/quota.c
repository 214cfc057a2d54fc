/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/state.h"

/* Pictures a day (UTC). What ends in an apology is given back. */

static struct member_day *find(const struct core *core, uint64_t user_id)
{
	struct member_day *d;

	HASH_FIND(hh, core->days, &user_id, sizeof(user_id), d);
	return d;
}

void quota_free(struct core *core)
{
	struct member_day *d, *next;

	HASH_ITER(hh, core->days, d, next)
	{
		HASH_DEL(core->days, d);
		free(d);
	}
}

static void turn_page(struct core *core, int64_t day)
{
	if (core->day == day)
		return;
	quota_free(core);
	core->day = day;
}

static struct member_day *get(struct core *core, uint64_t user_id)
{
	struct member_day *d = find(core, user_id);

	if (d)
		return d;
	d = xcalloc(1, sizeof(*d));
	d->user_id = user_id;
	HASH_ADD(hh, core->days, user_id, sizeof(user_id), d);
	return d;
}

void core_load_day(struct core *core, int64_t day, const struct core_count *counts, size_t n)
{
	turn_page(core, day);
	for (size_t i = 0; i < n; i++)
		get(core, counts[i].user_id)->n = max_of(0, min_of(counts[i].n, DAY_PICTURES_MAX));
}

void quota_count(struct core *core, const struct job *job, int64_t now_ms)
{
	turn_page(core, now_ms / CORE_DAY_MS);
	get(core, job->row.user_id)->n += max_of(job->row.pictures, 1);
}

void quota_give_back(struct core *core, const struct job *job, int64_t now_ms)
{
	struct member_day *d;

	turn_page(core, now_ms / CORE_DAY_MS);
	d = find(core, job->row.user_id);
	if (d && job->row.outcome != OUTCOME_PICTURE &&
		job->row.created_ms / CORE_DAY_MS == core->day)
		d->n = max_of(d->n - max_of(job->row.pictures, 1), 0);
}

int core_day_count(const struct core *core, uint64_t user_id, int64_t now_ms)
{
	const struct member_day *d = find(core, user_id);

	return d && core->day == now_ms / CORE_DAY_MS ? d->n : 0;
}
