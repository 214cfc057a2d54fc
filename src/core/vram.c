/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/model.h"
#include "core/state.h"

/*
 * The memory of the cards, in MB (10^6 bytes). Free is the total, less what others hold, less what
 * runs there for us. What ComfyUI keeps loaded for later counts as free, since it gives it up by
 * itself; so what ComfyUI's own process has is never what others hold.
 */

#define MB 1000000
/* A card of which nothing is known may hold anything. */
#define UNKNOWN_MB (1 << 30)
/* What others hold changes all the time; only in such steps is it news. */
#define STEP_MB 256

static int64_t total_of(const struct core *core, int gpu)
{
	const int64_t *told = core->config.gpu_vram_mb;

	return told && told[gpu] ? told[gpu] : core->gpus[gpu].stats.vram_total / MB;
}

/* ComfyUI's vram_free counts what it has taken and does not use; torch_total is all it has. */
static int64_t others_of(const struct core *core, int gpu)
{
	const struct card_stats *s = &core->gpus[gpu].stats;
	int64_t others = s->vram_total - (s->vram_free - s->torch_free) - s->torch_total;

	return max_of(others / MB / STEP_MB * STEP_MB, (int64_t)0);
}

/* Without what runs there for us. */
static int64_t had_of(const struct core *core, int gpu)
{
	return max_of(total_of(core, gpu) - others_of(core, gpu), (int64_t)0);
}

void vram_card(const struct core *core, int gpu, struct sched_card *card)
{
	int64_t total = total_of(core, gpu);

	if (core->gpus[gpu].gone) {
		card->total_mb = card->vram_mb = 0;
		return;
	}
	card->total_mb = total ? total : UNKNOWN_MB;
	card->vram_mb = total ? had_of(core, gpu) : UNKNOWN_MB;
}

void vram_needs(const struct core *core, const struct model *m, struct sched_needs *needs)
{
	if (m->known.vram_mb)
		return;
	/* What was seen was enough; a smaller card may do with less, though slower. */
	needs->guess = true;
	needs->unknown = needs->vram_mb == 0;
	if (needs->unknown)
		needs->vram_mb = core->config.min_free_mb;
	if (needs->vram_mb > m->too_small_mb)
		return;
	/* It may have been chance: without another card it is tried. */
	needs->vram_mb = m->too_small_mb + 1;
	needs->unknown = true;
}

void vram_ran_out(struct core *core, const struct job *job)
{
	struct model *m = model_get(core, job->row.model);
	int64_t had = had_of(core, job->gpu);

	/* What the member chose may have been larger than what is usual. */
	if (m->known.work && job->row.work > m->known.work)
		return;
	if (m->known.vram_mb) {
		core_log(core, LOG_WARN, job,
			"gpu %d with %.1f GB to be had ran out of memory under %s: vram_gb in its sidecar, "
			"%.1f, may be too little",
			job->gpu + 1, (double)had / 1000, m->name, (double)m->known.vram_mb / 1000);
		return;
	}
	if (had <= m->too_small_mb)
		return;
	core_log(core, LOG_INFO, job,
		"%s needs more than the %.1f GB of gpu %d: it goes to larger cards from now on",
		m->name, (double)had / 1000, job->gpu + 1);
	model_too_small(core, m, had);
}

void vram_drew(struct core *core, const struct job *job)
{
	struct model *m = model_get(core, job->row.model);

	if (m->too_small_mb && had_of(core, job->gpu) <= m->too_small_mb)
		model_too_small(core, m, 0);
}

void core_gpu_memory(const struct core *core, int gpu, struct gpu_memory *ret)
{
	const struct place_pass *pass = core->gpus[gpu].passes;

	*ret = (struct gpu_memory){.total_mb = total_of(core, gpu),
		.others_mb = others_of(core, gpu),
		.ours_mb = pass ? pass->reserved_mb : 0};
	ret->free_mb = max_of(ret->total_mb - ret->others_mb - ret->ours_mb, (int64_t)0);
}

/* A guess takes no more than there is. */
void vram_reserve(struct core *core, struct place_pass *pass)
{
	const struct job *job = pass->jobs[0];
	int n = max_of(pass->n, job_row_part_pictures(&job->row, job->row.part));
	int64_t total = total_of(core, pass->gpu);
	int64_t need = sched_need_mb(model_get(core, job->row.model)->sched, n);

	pass->reserved_mb = total ? min_of(need, total) : need;
}

int64_t core_model_needs_mb(struct core *core, const char *model)
{
	const struct model *m = model_get(core, model);

	return m->told.unknown ? 0 : m->told.vram_mb;
}

bool core_model_is_too_large(
	struct core *core, const char *model, int64_t *ret_need_mb, int64_t *ret_largest_mb)
{
	const struct model *m = model_get(core, model);

	if (core->config.n_gpus == 0 || !sched_model_is_hopeless(m->sched))
		return false;
	*ret_need_mb = sched_need_mb(m->sched, 1);
	*ret_largest_mb = 0;
	for (int i = 0; i < core->config.n_gpus; i++)
		if (!core->gpus[i].gone)
			*ret_largest_mb = max_of(*ret_largest_mb, total_of(core, i));
	return *ret_largest_mb > 0; /* else all cards were taken out: others may come */
}

void vram_sorry(struct core *core, struct job *job, int64_t now_ms)
{
	int64_t need_mb, largest_mb;
	char numbers[64];

	if (!core_model_is_too_large(core, job->row.model, &need_mb, &largest_mb))
		return;
	snprintf(numbers, sizeof(numbers), "%" PRId64 " %" PRId64, need_mb, largest_mb);
	core_sorry(core, job, SORRY_VRAM, numbers, now_ms);
}

void vram_changed(struct core *core, int64_t now_ms)
{
	if (!core->vram_changed)
		return;
	core->vram_changed = false;
	core->queue_changed = core->line_changed = true;
	for (struct job *job = core->jobs, *next; job; job = next) {
		next = job->next;
		if (job->waits)
			vram_sorry(core, job, now_ms);
	}
}
