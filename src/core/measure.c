/* SPDX-License-Identifier: Apache-2.0 */
#include "core/model.h"
#include "core/state.h"

/*
 * What a pass teaches (learn.h): its times from the card's own words, without the wait in ComfyUI's
 * queue, and which files the card has run before it. What is learned goes to the scheduler at once.
 */

/* ComfyUI has nothing loaded when its process has taken no more than this. */
#define TAKEN_MIN (INT64_C(128) * 1024 * 1024)

/* ---- what a card has run ---- */

void measure_forget(struct core *core, int gpu)
{
	core->gpus[gpu].n_recent = 0;
}

/* How many other sets of files the card has run since these; -1: it has not run them. */
static int distance_of(const struct core_gpu *g, unsigned weights)
{
	for (int i = 0; i < g->n_recent; i++)
		if (g->recent[g->n_recent - 1 - i] == weights)
			return i;
	return -1;
}

static int64_t memory_of(struct core *core, unsigned weights)
{
	int64_t most = 0;

	for (const struct model *m = core->models; m; m = m->hh.next)
		if (m->weights == weights)
			most = max_of(most, model_vram_mb(core, m));
	return most;
}

/* Whether the card can hold these and all that it ran since them; what is not known fits. */
static bool fits(struct core *core, const struct core_gpu *g, int distance)
{
	int64_t total_mb = g->stats_ms ? g->stats.vram_total / 1000000 : 0, sum_mb = 0;

	for (int i = 0; total_mb && i <= distance; i++)
		sum_mb += memory_of(core, g->recent[g->n_recent - 1 - i]);
	return !total_mb || sum_mb <= total_mb;
}

static void ran(struct core_gpu *g, unsigned weights)
{
	int n = 0;

	for (int i = 0; i < g->n_recent; i++)
		if (g->recent[i] != weights)
			g->recent[n++] = g->recent[i];
	if (n == GPU_RECENT_MAX)
		memmove(g->recent, g->recent + 1, (size_t)--n * sizeof(g->recent[0]));
	g->recent[n++] = weights;
	g->n_recent = n;
}

/* ---- a pass ---- */

static int pictures_of(const struct place_pass *pass)
{
	int n = 0;

	for (int i = 0; i < pass->n; i++) {
		const struct job_row *row = &pass->jobs[i]->row;

		n += row->slot > 0 ? 1 : job_row_part_pictures(row, row->part);
	}
	return n;
}

void measure_begun(struct core *core, struct place_pass *pass, int64_t now_ms)
{
	struct core_gpu *g = &core->gpus[pass->gpu];
	const struct model *m = model_get(core, pass->jobs[0]->row.model);

	if (pass->begun_ms)
		return;
	pass->begun_ms = now_ms;
	pass->stepped_ms = 0;
	pass->pictures = pictures_of(pass);
	pass->distance = distance_of(g, m->weights);
	pass->fits = fits(core, g, pass->distance);
	ran(g, m->weights);
}

/* As far as is known, what the pass will load. */
int64_t measure_load_ms(struct core *core, const struct place_pass *pass)
{
	const struct core_gpu *g = &core->gpus[pass->gpu];
	const struct job_row *row = &pass->jobs[0]->row;
	struct learn_times times;

	if (pass->distance >= 0 && pass->distance < g->card.keep)
		return 0;
	learn_times(core->learn, row->model, 0, &times);
	return times.load_ms * 1000 / g->card.load_speed;
}

/* What it has loaded is known as soon as it draws: when it will be done is, too. */
static void stepped(struct core *core, struct place_pass *pass, int64_t now_ms)
{
	const char *card = core->config.gpu_names[pass->gpu];
	int64_t first_ms = learn_first_ms(core->learn, pass->jobs[0]->row.model, card);

	if (!pass->begun_ms || pass->stepped_ms)
		return;
	pass->stepped_ms = now_ms;
	if (first_ms >= 0 && pass->planned && pass == core->gpus[pass->gpu].passes)
		sched_started(core->sched, pass->begun_ms, pass->gpu,
			max_of(now_ms - pass->begun_ms - first_ms, 0), NULL, -1);
}

void core_stepped(struct core *core, uint64_t job_id, uint32_t epoch, int64_t now_ms)
{
	const struct job *job = core_job(core, job_id);

	if (job && job->epoch == epoch && job->step == JOB_WATCH && job->pass)
		stepped(core, job->pass, now_ms);
}

static void learn_pass(struct core *core, struct place_pass *pass, int64_t run_ms)
{
	const struct job_row *row = &pass->jobs[0]->row;
	struct learn_run run = {.model = row->model,
		.card = core->config.gpu_names[pass->gpu],
		.work = row->work,
		.pictures = pass->pictures,
		.run_ms = run_ms,
		.first_ms =
			pass->stepped_ms ? min_of(pass->stepped_ms - pass->begun_ms, run_ms) : -1,
		.distance = pass->distance,
		.fits = pass->fits};
	int64_t load_ms = learn_ran(core->learn, &run);

	core_log(core, LOG_DEBUG, pass->jobs[0],
		"ran %" PRId64 " ms on %s, of which it loaded %" PRId64 " ms", run.run_ms, run.card,
		load_ms);
	model_learned(core, model_get(core, row->model));
	measure_card(core, pass->gpu);
}

void measure_done(struct core *core, const struct job *job, int64_t run_ms, int64_t now_ms)
{
	struct place_pass *pass = job->pass;

	if (!pass || pass->measured || job->step != JOB_WATCH)
		return;
	pass->measured = true;
	/* Of an earlier process's, or when the card was away, too little is known. */
	if (!pass->planned || !job->row.model || !*job->row.model)
		return;
	if (run_ms > 0)
		measure_begun(core, pass, now_ms - run_ms);
	if (pass->begun_ms)
		learn_pass(core, pass, run_ms > 0 ? run_ms : now_ms - pass->begun_ms);
}

void measure_lost(struct core *core, const struct job *job)
{
	if (job->gpu < 0 || job->step != JOB_WATCH)
		return;
	measure_forget(core, job->gpu);
	sched_forget(core->sched, job->gpu);
}

void measure_again(struct place_pass *pass)
{
	pass->begun_ms = pass->stepped_ms = 0;
	pass->measured = false;
}

/* ---- a card ---- */

void measure_card(struct core *core, int gpu)
{
	struct core_gpu *g = &core->gpus[gpu];
	struct learn_card card;

	learn_card(core->learn, core->config.gpu_names[gpu], &card);
	g->card.speed = card.speed;
	g->card.load_speed = card.load_speed;
	g->card.keep = card.keep;
	sched_card_set(core->sched, gpu, &g->card);
}

/* What ComfyUI has taken of the card's memory: nothing means that it was started again, or that
 * somebody had it let go of all. While only one workflow's files have run since, it is what these
 * need. */
void measure_stats(struct core *core, int gpu)
{
	struct core_gpu *g = &core->gpus[gpu];
	const struct place_pass *pass = g->passes;
	const struct card_stats *stats = &g->stats;

	if (stats->cpu || stats->vram_total <= 0)
		return;
	if (!pass && stats->torch_total < TAKEN_MIN && g->n_recent > 0) {
		core_log(core, LOG_DEBUG, NULL, "%s holds nothing any more",
			core->config.gpu_names[gpu]);
		measure_forget(core, gpu);
		sched_forget(core->sched, gpu);
	}
	if (!pass || g->n_passes != 1 || !pass->stepped_ms || !pass->planned || g->n_recent != 1)
		return;
	if (stats->torch_total >= TAKEN_MIN) {
		learn_took(core->learn, pass->jobs[0]->row.model, core->config.gpu_names[gpu],
			(stats->torch_total + 999999) / 1000000);
		model_learned(core, model_get(core, pass->jobs[0]->row.model));
	}
}

/* ---- through restarts ---- */

void core_load_learned(struct core *core, const struct learned_row *rows, size_t n)
{
	size_t bad = 0;

	for (size_t i = 0; i < n; i++)
		bad += learn_load(core->learn, rows[i].card, rows[i].model, rows[i].value) < 0;
	if (bad)
		core_log(core, LOG_WARN, NULL,
			"%zu rows of the table `learned` are not understood and left out: these "
			"times are learned anew",
			bad);
	for (struct model *m = core->models; m; m = m->hh.next)
		model_learned(core, m);
	for (int i = 0; i < core->config.n_gpus; i++)
		measure_card(core, i);
}

bool core_has_learned(const struct core *core)
{
	return learn_changed(core->learn);
}

bool core_next_learned(struct core *core, struct learned_row *ret)
{
	return learn_save(core->learn, ret);
}
