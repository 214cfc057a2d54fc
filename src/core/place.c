/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

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

/* A workflow: its prompts share what a card has loaded. */
struct place_model {
	char *name;
	struct sched_model *model;
	UT_hash_handle hh;
};

/* What a picture is taken to cost. Nothing is known of loads and memory: a card that ran the
 * workflow last takes it again when it is idle, and no job waits for a card while another is idle.
 */
#define PICTURE_MS 10000

void place_init(struct core *core)
{
	const struct sched_card card = {.vram_mb = 1, .speed = 1000, .load_speed = 1000, .keep = 1};

	core->sched = sched_new(NULL, 0);
	for (int i = 0; i < core->config.n_gpus; i++) {
		sched_card_add(core->sched, &card);
		sched_hold(core->sched, i, true);
	}
}

void place_free(struct core *core)
{
	struct place_model *m, *next;

	HASH_ITER(hh, core->models, m, next)
	{
		HASH_DEL(core->models, m);
		free(m->name);
		free(m);
	}
	core->sched = sched_free(core->sched);
}

static struct sched_model *model_of(struct core *core, const char *name)
{
	struct place_model *m;

	name = name ? name : "";
	HASH_FIND_STR(core->models, name, m);
	if (!m) {
		const struct sched_needs needs = {.weights = HASH_COUNT(core->models),
			.image_ms = PICTURE_MS,
			.extra_ms = PICTURE_MS,
			.batch_max = 1};

		m = xcalloc(1, sizeof(*m));
		m->name = xstrdup(name);
		m->model = sched_model_add(core->sched, &needs);
		HASH_ADD_KEYPTR(hh, core->models, m->name, strlen(m->name), m);
	}
	return m->model;
}

void place_leave(struct core *core, struct job *job)
{
	if (job->waits)
		sched_cancel(core->sched, job->waits);
	job->waits = NULL;
}

static void sync_job(struct core *core, struct job *job, int64_t now_ms)
{
	if (!queue_waits(job) || job->pause_ms != NEVER) {
		place_leave(core, job);
		return;
	}
	if (job->waits)
		return;
	job->waits = sched_arrive(core->sched, now_ms, model_of(core, job->row.model),
		1000 * max_of(job->row.pictures, 1), job->row.user_id,
		job->row.priority > 0 ? 0 : 2, job->row.created_ms, job->row.id);
}

void place_sync(struct core *core, int64_t now_ms)
{
	for (int i = 0; i < core->config.n_gpus; i++) {
		bool busy = place_gpu_is_busy(core, i);

		if (!busy && sched_sent(core->sched, i))
			sched_finished(core->sched, now_ms, i);
		if (!core->gpus[i].up) /* it may have been started again */
			sched_forget(core->sched, i);
		sched_hold(core->sched, i, busy || !core->gpus[i].up);
	}
	for (struct job *job = core->jobs; job; job = job->next)
		sync_job(core, job, now_ms);
}

struct job *place_next(struct core *core, int64_t now_ms, int *ret_gpu)
{
	struct sched_pass pass;
	struct job *job;

	if (core->config.n_gpus == 0 || !sched_next(core->sched, now_ms, &pass))
		return NULL;
	job = (struct job *)core_job(core, sched_tag(pass.jobs[0]));
	must(job && job->waits == pass.jobs[0]);
	job->waits = NULL;
	*ret_gpu = pass.card;
	return job;
}
