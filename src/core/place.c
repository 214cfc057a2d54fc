/* SPDX-License-Identifier: Apache-2.0 */
#include "core/state.h"

/*
 * A card serves one job of ours at a time: ComfyUI runs its queue one by one
 * anyway, and what waits here can still be reordered, cancelled and counted down.
 */
bool place_gpu_is_busy(const struct core *core, int gpu)
{
	for (const struct job *job = core->jobs; job; job = job->next) {
		bool runs = job->step == JOB_SUBMIT || job->step == JOB_WATCH ||
			    job->step == JOB_LOCATE ||
			    (job->step == JOB_LOOK && job->resume == JOB_SUBMIT);

		if (job->gpu == gpu && runs)
			return true;
	}
	return false;
}

bool core_gpu_is_up(const struct core *core, int gpu)
{
	return gpu >= 0 && gpu < core->config.n_gpus && core->gpus[gpu].up;
}

size_t core_gpu_jobs(const struct core *core, int gpu)
{
	size_t n = 0;

	for (const struct job *job = core->jobs; job; job = job->next)
		n += job->gpu == gpu && job_is_live(job) && !queue_waits(job);
	return n;
}

int place_choose(const struct core *core, const struct job *job)
{
	for (int i = 0; i < core->config.n_gpus; i++)
		if (core->gpus[i].up && !place_gpu_is_busy(core, i))
			return i;
	return -1;
}
