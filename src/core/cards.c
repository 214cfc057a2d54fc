/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <utlist.h>

#include "core/state.h"

/* Cards come and go: which of them may be given jobs, and what becomes of the jobs of one that
 * fails. */

static bool is_card(const struct core *core, int gpu)
{
	return gpu >= 0 && gpu < core->config.n_gpus;
}

bool core_gpu_exists(const struct core *core, int gpu)
{
	return is_card(core, gpu) && !core->gpus[gpu].gone;
}

bool core_gpu_takes(const struct core *core, int gpu)
{
	const struct core_gpu *g = &core->gpus[gpu];

	if (!core_gpu_exists(core, gpu) || !g->up || g->wish != GPU_WISH_RUN)
		return false;
	return g->health.circuit == HEALTH_CLOSED ||
	       (g->health.circuit == HEALTH_TRIAL && !g->n_passes);
}

enum gpu_state core_gpu_state(const struct core *core, int gpu)
{
	const struct core_gpu *g = &core->gpus[gpu];

	if (!core_gpu_exists(core, gpu))
		return GPU_GONE;
	if (g->wish != GPU_WISH_RUN)
		return g->wish == GPU_WISH_PAUSE ? GPU_PAUSED : GPU_DRAINING;
	if (!g->up)
		return GPU_DOWN;
	return g->health.circuit == HEALTH_CLOSED ? GPU_UP : GPU_FAILING;
}

const char *core_gpu_why(const struct core *core, int gpu)
{
	return core_gpu_exists(core, gpu) ? core->gpus[gpu].health.why : "";
}

int64_t core_gpu_retry_ms(const struct core *core, int gpu, int64_t now_ms)
{
	int64_t at_ms = is_card(core, gpu) ? health_deadline(&core->gpus[gpu].health) : NEVER;

	return at_ms == NEVER ? 0 : max_of(at_ms - now_ms, (int64_t)0);
}

enum gpu_wish core_gpu_wish(const struct core *core, int gpu)
{
	return core->gpus[gpu].wish;
}

bool cards_has_others(const struct core *core, int gpu)
{
	for (int i = 0; i < core->config.n_gpus; i++)
		if (i != gpu && core_gpu_exists(core, i))
			return true;
	return false;
}

bool core_has_gpu(const struct core *core)
{
	for (int i = 0; i < core->config.n_gpus; i++)
		if (core_gpu_exists(core, i) && core->gpus[i].up)
			return true;
	return false;
}

/* Why nothing begins, when no card takes anything. What is not known yet is not told. */
enum wait_why cards_wait(const struct core *core)
{
	bool all_held = cards_has_others(core, -1);

	if (core->mode == CORE_PAUSE)
		return WAIT_PAUSED;
	for (int i = 0; i < core->config.n_gpus; i++) {
		const struct core_gpu *g = &core->gpus[i];

		if (!core_gpu_exists(core, i))
			continue;
		if (g->wish == GPU_WISH_RUN &&
			(!g->known || (g->up && g->health.circuit != HEALTH_OPEN)))
			return WAIT_TURN;
		all_held &= g->wish != GPU_WISH_RUN;
	}
	return all_held ? WAIT_PAUSED : WAIT_NO_GPU;
}

/* ---- what a card did ---- */

static void log_card(
	const struct core *core, enum log_level level, int gpu, const char *format, const char *why)
{
	char subject[24];

	(void)snprintf(subject, sizeof(subject), "gpu=%d", gpu + 1);
	log_line(core->config.log, level, subject, format, core->config.gpu_names[gpu], why);
}

static void opened(struct core *core, int gpu)
{
	place_review(core, gpu);
	core->gpus[gpu].recall = true;
	log_card(core, LOG_WARN, gpu, "%s keeps failing and gets no jobs for a while: %s",
		core->gpus[gpu].health.why);
	core_emit(core, (struct effect){.kind = FX_TELL_CARD_FAILING, .id = (uint64_t)gpu});
}

void cards_failed(struct core *core, const struct job *job, const char *why, int64_t now_ms)
{
	struct health *h;

	if (!core_gpu_exists(core, job->gpu))
		return;
	h = &core->gpus[job->gpu].health;
	if (health_failed(h, health_model(job->row.model), why, now_ms))
		opened(core, job->gpu);
	place_review(core, job->gpu);
	if (h->circuit == HEALTH_OPEN && h->opens > 1)
		log_card(core, LOG_INFO, job->gpu, "%s failed its trial: %s", h->why);
}

void cards_drew(struct core *core, const struct job *job, int64_t now_ms)
{
	uint32_t model = health_model(job->row.model);

	if (!core_gpu_exists(core, job->gpu))
		return;
	vram_drew(core, job);
	if (health_drew(&core->gpus[job->gpu].health, model)) {
		place_review(core, job->gpu);
		log_card(core, LOG_INFO, job->gpu, "%s draws again%s", "");
		core_emit(
			core, (struct effect){.kind = FX_TELL_CARD_WELL, .id = (uint64_t)job->gpu});
	}
	for (int i = 0; i < core->config.n_gpus; i++)
		if (i != job->gpu && core_gpu_exists(core, i) &&
			health_other_drew(&core->gpus[i].health, model, now_ms))
			opened(core, i);
}

bool cards_has_drawn(const struct core *core, const struct job *job)
{
	return core_gpu_exists(core, job->gpu) &&
	       health_can_draw(&core->gpus[job->gpu].health, health_model(job->row.model));
}

/* ---- another card ---- */

static bool has_failed(const struct job *job, int gpu)
{
	for (int i = 0; i < job->n_failed_on; i++)
		if (job->failed_on[i] == gpu)
			return true;
	return false;
}

/* It has not failed the job, and may take it sooner or later. After a start that is not known. */
static bool may_have(struct core *core, const struct job *job, int gpu)
{
	const struct core_gpu *g = &core->gpus[gpu];

	return core_gpu_exists(core, gpu) && (g->up || !g->known) && g->wish == GPU_WISH_RUN &&
	       g->health.circuit != HEALTH_OPEN && !has_failed(job, gpu) &&
	       place_fits(core, job, gpu);
}

static bool has_other(struct core *core, const struct job *job)
{
	for (int i = 0; i < core->config.n_gpus; i++)
		if (may_have(core, job, i))
			return true;
	return false;
}

static void note_failed(struct core *core, struct job *job)
{
	cleanup(freep) char *before = take(job->row.failed_on);

	if (job->n_failed_on == CARDS_TRIED_MAX)
		return;
	job->failed_on[job->n_failed_on++] = job->gpu;
	job->row.failed_on = xasprintf("%s%s%s", before ? before : "", before ? " " : "",
		core->config.gpu_names[job->gpu]);
}

void cards_load(const struct core *core, struct job *job)
{
	cleanup(freep) char *text = xstrdup(job->row.failed_on);
	char *rest = text;

	for (char *name; (name = strsep(&rest, " "));)
		for (int i = 0; i < core->config.n_gpus; i++)
			if (job->n_failed_on < CARDS_TRIED_MAX && !has_failed(job, i) &&
				str_eq(core->config.gpu_names[i], name))
				job->failed_on[job->n_failed_on++] = i;
}

bool cards_elsewhere(
	struct core *core, struct job *job, enum sorry sorry, const char *why, int64_t now_ms)
{
	if (job->gpu < 0)
		return false;
	note_failed(core, job);
	if (job->n_failed_on == CARDS_TRIED_MAX || !has_other(core, job))
		return false;
	core_log(core, LOG_INFO, job, "goes to another card: %s failed it: %s",
		core->config.gpu_names[job->gpu], why ? why : "");
	core_requeue(core, job, sorry, why, now_ms);
	if (job->step == JOB_QUEUE) /* else that was its last try */
		timer_set(core, job, JOB_PAUSE, NEVER);
	return true;
}

static int by_id(const struct job *a, const struct job *b)
{
	return a->row.id < b->row.id ? -1 : a->row.id > b->row.id;
}

bool cards_enter(struct core *core, struct job *job)
{
	if (!job->n_failed_on || !has_other(core, job))
		return false;
	if (!job->elsewhere)
		DL_INSERT_INORDER2(core->elsewhere, job, by_id, elsewhere_prev, elsewhere_next);
	job->elsewhere = true;
	job->rank = RANK_FIRST;
	return true;
}

void cards_leave(struct core *core, struct job *job)
{
	if (job->elsewhere)
		DL_DELETE2(core->elsewhere, job, elsewhere_prev, elsewhere_next);
	job->elsewhere = false;
}

struct job *cards_next(struct core *core, int *ret_gpu)
{
	for (struct job *job = core->elsewhere; job; job = job->elsewhere_next)
		for (int i = 0; i < core->config.n_gpus; i++) {
			if (core->gpus[i].n_passes || !core_gpu_takes(core, i) ||
				!may_have(core, job, i))
				continue;
			*ret_gpu = i;
			return job;
		}
	return NULL;
}

void cards_sync(struct core *core, int64_t now_ms)
{
	for (struct job *job = core->elsewhere, *next; job; job = next) {
		next = job->elsewhere_next;
		if (has_other(core, job))
			continue;
		cards_leave(core, job); /* those have gone: any card is better than none */
		place_enter(core, job, now_ms);
	}
}

/* ---- what comes from outside ---- */

/* Runs on a card that is away are not waited for for ever when there is another one, nor those on
 * one that is no longer wanted; one that is both has lost them. */
int64_t cards_patience(const struct core *core, int gpu, int64_t now_ms)
{
	const struct core_gpu *g = &core->gpus[gpu];
	int64_t at_ms = g->gone ? g->leave_ms : NEVER;

	if (g->gone && g->known && !g->up)
		return now_ms;
	if (g->known && !g->up && cards_has_others(core, gpu))
		at_ms = min_of(at_ms, now_ms + AWAY_PATIENCE_MS);
	return at_ms;
}

static void set_patience(struct core *core, int gpu, int64_t now_ms)
{
	int64_t until_ms = cards_patience(core, gpu, now_ms);

	for (struct place_pass *pass = core->gpus[gpu].passes; pass; pass = pass->next)
		for (int i = 0; i < pass->n; i++) {
			struct job *job = pass->jobs[i];

			if (!job->enter && (job->step == JOB_WATCH || job->step == JOB_SUBMIT))
				timer_set(core, job, JOB_DEADLINE, until_ms);
		}
}

void core_gpu(struct core *core, int gpu, bool up, int64_t now_ms)
{
	struct core_gpu *g = &core->gpus[gpu];

	must(is_card(core, gpu));
	/* A server that was started anew may be cured. */
	if (up && g->known && !g->up)
		health_try_now(&g->health);
	g->known = true;
	g->up = up;
	if (!up)
		g->stats_ms = 0;
	set_patience(core, gpu, now_ms);
	place_gpu(core, gpu, now_ms);
	core_tick(core, now_ms);
}

void core_gpu_set(struct core *core, int gpu, enum gpu_wish wish, int64_t now_ms)
{
	struct core_gpu *g = &core->gpus[gpu];

	if (!core_gpu_exists(core, gpu))
		return;
	if (wish == GPU_WISH_RUN)
		health_try_now(&g->health);
	g->told_empty = false;
	g->wish = wish;
	if (wish == GPU_WISH_PAUSE)
		place_recall(core, gpu, "the card is paused", now_ms);
	core->line_changed = true;
	place_review(core, gpu);
	core_tick(core, now_ms);
}

void cards_tick(struct core *core, int64_t now_ms)
{
	for (int i = 0; i < core->config.n_gpus; i++) {
		struct core_gpu *g = &core->gpus[i];

		if (g->recall) {
			g->recall = false;
			place_recall(core, i, "the card keeps failing", now_ms);
		}
		if (health_tick(&g->health, now_ms)) {
			core->line_changed = true;
			place_review(core, i);
		}
		if (g->gone || g->wish != GPU_WISH_DRAIN || g->told_empty || g->n_passes ||
			!core->ready || core_gpu_jobs(core, i) > 0)
			continue;
		g->told_empty = true;
		log_card(core, LOG_INFO, i, "%s is empty%s", "");
		core_emit(core, (struct effect){.kind = FX_TELL_CARD_EMPTY, .id = (uint64_t)i});
	}
}

int64_t cards_deadline(const struct core *core)
{
	int64_t at_ms = NEVER;

	for (int i = 0; i < core->config.n_gpus; i++)
		if (!core->gpus[i].gone)
			at_ms = min_of(at_ms, health_deadline(&core->gpus[i].health));
	return at_ms;
}

/* ---- reload ---- */

void core_gpu_vram(struct core *core, int gpu, int64_t now_ms)
{
	must(is_card(core, gpu));
	place_gpu_memory(core, gpu);
	core_tick(core, now_ms);
}

void core_gpu_add(struct core *core, int gpu, int64_t now_ms)
{
	struct core_gpu *g = &core->gpus[gpu];

	must(gpu >= 0 && gpu <= core->config.n_gpus && gpu < COMFY_SERVERS_MAX);
	if (gpu == core->config.n_gpus) {
		core->config.n_gpus++;
		place_card_added(core, gpu);
	}
	g->gone = g->known = g->up = false;
	g->stats = (struct card_stats){0};
	set_patience(core, gpu, now_ms);
	place_gpu(core, gpu, now_ms);
	core_tick(core, now_ms);
}

void core_gpu_remove(struct core *core, int gpu, int64_t now_ms)
{
	struct core_gpu *g = &core->gpus[gpu];

	if (!core_gpu_exists(core, gpu))
		return;
	g->gone = true;
	g->leave_ms = now_ms + LEAVE_PATIENCE_MS;
	g->wish = GPU_WISH_RUN;
	g->health = (struct health){0};
	for (int i = 0; i < core->config.n_gpus; i++) /* another may be the last one now */
		set_patience(core, i, now_ms);
	place_gpu(core, gpu, now_ms);
	core_tick(core, now_ms);
}
