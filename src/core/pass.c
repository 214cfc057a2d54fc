/* SPDX-License-Identifier: Apache-2.0 */
#include "core/state.h"

/*
 * What one prompt draws. A job that asks for more pictures than a pass may have runs as
 * several passes (parts), one after the other on one card; their prompt ids all follow from the
 * row's, so that the row that is committed before each tells where everything is.
 */

static void begin_alone(const struct core *core, struct job_row *row)
{
	int most = core->config.max_batch > 0 ? core->config.max_batch : row->pictures;

	/* One that a card could not hold stays smaller. */
	row->batch = min_of(row->batch > 0 ? min_of(row->batch, most) : most, row->pictures);
	row->slot = row->slot == JOB_ALONE ? JOB_ALONE : JOB_WHOLE;
}

void pass_begin(struct core *core, struct place_pass *pass)
{
	char prompt_id[UUID_SIZE];

	rng_uuid(core->rng, prompt_id);
	for (int i = 0; i < pass->n; i++) {
		struct job_row *row = &pass->jobs[i]->row;

		str_copy(row->prompt_id, sizeof(row->prompt_id), prompt_id);
		row->part = 0;
		if (pass->n == 1) {
			begin_alone(core, row);
			continue;
		}
		row->slot = i + 1;
		row->batch = pass->n;
	}
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
	core_send_back(core, job, SORRY_MEMORY, now_ms); /* it ends by itself: at one picture */
	return true;
}
