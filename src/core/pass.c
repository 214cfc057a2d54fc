/* SPDX-License-Identifier: Apache-2.0 */
#include "core/state.h"

/*
 * What one prompt draws. A job that asks for more pictures than a pass may have runs as
 * several passes (parts), one after the other on one card; their prompt ids all follow from the
 * row's, so that the row that is committed before each tells where everything is.
 */

void pass_begin(struct core *core, struct job *job)
{
	struct job_row *row = &job->row;
	int most = core->config.max_batch > 0 ? core->config.max_batch : row->pictures;

	row->part = 0;
	/* One that a card could not hold stays smaller. */
	row->batch = min_of(row->batch > 0 ? min_of(row->batch, most) : most, row->pictures);
}

bool pass_next_part(struct core *core, struct job *job, int64_t now_ms)
{
	if (job->row.part + 1 >= job_row_parts(&job->row))
		return false;
	job->row.part++;
	core_set_step(core, job, JOB_SUBMIT, now_ms);
	return true;
}

bool pass_shrink(struct core *core, struct job *job, int64_t now_ms)
{
	int n = job_row_part_pictures(&job->row, job->row.part);

	if (n < 2)
		return false;
	core_log(core, LOG_INFO, job, "the card has not enough memory for %d pictures at once: %d",
		n, n / 2);
	job->row.batch = n / 2;
	job->row.submits--; /* it ends by itself: at one picture */
	core_requeue(core, job, SORRY_MEMORY, NULL, now_ms);
	timer_set(core, job, JOB_PAUSE, NEVER);
	return true;
}
