/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "core/state.h"

/*
 * Rows that somebody changed by hand, or that a damaged disk gives: what cannot be is made
 * possible, so that the job goes on and nothing else is harmed. Rows of ours pass as they are.
 */

/* The year 4000: beyond it nothing can be counted on. */
#define TIME_MAX_MS (INT64_C(1) << 46)

static bool within(int *value, int min, int max)
{
	int good = max_of(min, min_of(*value, max));
	bool changed = good != *value;

	*value = good;
	return changed;
}

static bool time_within(int64_t *ms)
{
	int64_t good = max_of(INT64_C(0), min_of(*ms, TIME_MAX_MS));
	bool changed = good != *ms;

	*ms = good;
	return changed;
}

static bool there(char **text)
{
	if (*text)
		return false;
	*text = xstrdup("");
	return true;
}

bool mend_job(struct job_row *row)
{
	int64_t *const times[] = {
		&row->created_ms, &row->started_ms, &row->finished_ms, &row->duration_ms};
	char **const texts[] = {&row->username, &row->locale, &row->model, &row->prompt};
	bool changed = false;

	/* From the channel on it goes where its outcome says. */
	if (!flow_is_kept(row->step)) {
		row->step = JOB_CHANNEL;
		changed = true;
	}
	changed |= within(&row->outcome, OUTCOME_OPEN, OUTCOME_APOLOGY);
	changed |= within(&row->sorry, SORRY_NONE, SORRY_VRAM);
	changed |= within(&row->submits, 0, SUBMITS_MAX);
	changed |= within(&row->pictures, 0, DISCORD_FILES_MAX);
	changed |= within(&row->slot, JOB_ALONE, SCHED_BATCH_MAX);
	changed |= within(&row->part, 0, DISCORD_FILES_MAX);
	changed |= within(&row->batch, 0, SCHED_BATCH_MAX);
	for (size_t i = 0; i < countof(times); i++)
		changed |= time_within(times[i]);
	for (size_t i = 0; i < countof(texts); i++)
		changed |= there(texts[i]);
	if (row->work < 0 || row->work > WORK_MAX) {
		row->work = 0;
		changed = true;
	}
	if (row->number < 0 || row->number > IMAGE_COUNT_MAX) {
		row->number = 0;
		changed = true;
	}
	return changed;
}

void mend_session(struct session_row *row)
{
	(void)time_within(&row->active_ms);
	(void)time_within(&row->warned_ms);
}
