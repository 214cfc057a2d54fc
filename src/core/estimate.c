/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/model.h"
#include "core/state.h"

/*
 * When the pictures of those who wait will be there: the line is dealt out to the cards in its
 * order, each job to the card that would have done it first. It is what members are told, rounded;
 * the scheduler decides by itself.
 */

/* Further back nobody believes a number of minutes, and the line may be very long. */
#define ESTIMATED_MAX 500

struct lane {
	int64_t free_ms; /* from now */
	unsigned weights;
	bool holds;
	int speed, load_speed;
};

struct dealing {
	struct lane lanes[COMFY_SERVERS_MAX];
	int n_lanes;
	/* Of what stands before: how long it takes, and of how many that is not known. */
	int64_t known_ms;
	int known, unknown;
};

/* With all loaded, on a usual card; -1: it is not known. */
static int64_t run_ms(struct core *core, const struct job *job)
{
	return learn_pass_ms(
		core->learn, job->row.model, NULL, job->row.work, max_of(job->row.pictures, 1));
}

/* What is not known is taken for as long as the others. */
static int64_t take_run(struct dealing *d, int64_t ms)
{
	if (ms >= 0) {
		d->known_ms += ms;
		d->known++;
		return ms;
	}
	d->unknown++;
	return d->known ? d->known_ms / d->known : 0;
}

static void add_lane(struct core *core, struct dealing *d, int gpu, int64_t now_ms)
{
	const struct core_gpu *g = &core->gpus[gpu];
	struct lane *lane = &d->lanes[d->n_lanes++];
	int64_t planned_ms = sched_free_ms(core->sched, gpu) - now_ms;

	*lane = (struct lane){
		.holds = g->n_recent > 0, .speed = g->card.speed, .load_speed = g->card.load_speed};
	if (g->n_recent > 0)
		lane->weights = g->recent[g->n_recent - 1];
	for (const struct place_pass *pass = g->passes; pass; pass = pass->next) {
		int64_t ms = take_run(d, run_ms(core, pass->jobs[0])) * 1000 / g->card.speed;

		/* One that takes longer than it should is not done at once. */
		lane->free_ms += pass->planned ? ms / 10 : ms;
		lane->weights = model_get(core, pass->jobs[0]->row.model)->weights;
		lane->holds = true;
	}
	lane->free_ms = max_of(lane->free_ms, planned_ms);
}

/* The time until it is done. */
static int64_t deal(struct core *core, struct dealing *d, const struct job *job, int64_t ms)
{
	const struct model *m = model_get(core, job->row.model);
	struct lane *best = NULL;
	int64_t best_ms = 0;

	for (int i = 0; i < d->n_lanes; i++) {
		struct lane *lane = &d->lanes[i];
		bool there = lane->holds && lane->weights == m->weights;
		int64_t done_ms = lane->free_ms + ms * 1000 / lane->speed +
				  (there ? 0 : m->told.load_ms * 1000 / lane->load_speed);

		if (best && done_ms >= best_ms)
			continue;
		best = lane;
		best_ms = done_ms;
	}
	must(best);
	best->free_ms = best_ms;
	best->weights = m->weights;
	best->holds = true;
	return best_ms;
}

void estimate_line(struct core *core, struct job *const *order, size_t n, int64_t now_ms)
{
	struct dealing d = {0};

	for (size_t i = 0; i < n; i++)
		order[i]->done_ms = 0;
	for (int i = 0; i < core->config.n_gpus && core->mode != CORE_PAUSE; i++)
		if (core_gpu_takes(core, i) || core->gpus[i].passes)
			add_lane(core, &d, i, now_ms);
	for (size_t i = 0; i < n && i < ESTIMATED_MAX && d.n_lanes > 0; i++) {
		int64_t ms = run_ms(core, order[i]), done_ms;

		done_ms = deal(core, &d, order[i], take_run(&d, ms));
		/* Nothing is said that is mostly a guess. */
		if (ms >= 0 && d.unknown < d.known)
			order[i]->done_ms = now_ms + done_ms;
	}
}

/* What was said is wrong by so much that it is worth another edit. */
bool estimate_is_news(const struct job *job, int64_t now_ms)
{
	int64_t left_ms = job->done_ms - now_ms, off_ms = job->done_ms - job->shown_done_ms;

	if (!job->done_ms || !job->shown_done_ms)
		return (job->done_ms && left_ms >= ESTIMATE_MIN_MS) ||
		       (job->shown_done_ms - now_ms >= ESTIMATE_MIN_MS);
	return llabs(off_ms) > max_of(left_ms / 2, ESTIMATE_OFF_MS);
}

int64_t core_usual_ms(struct core *core, const char *model)
{
	struct learn_times times;

	learn_times(core->learn, model, model_get(core, model)->known.work, &times);
	return times.known ? times.image_ms : -1;
}
