/* SPDX-License-Identifier: Apache-2.0 */
#include "core/core.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "core/state.h"

void core_log(const struct core *core, enum log_level level, const struct job *job,
	const char *format, ...)
{
	char subject[96] = "", *text = NULL;
	va_list args;

	va_start(args, format);
	must(vasprintf(&text, format, args) >= 0);
	va_end(args);
	if (job)
		snprintf(subject, sizeof(subject), "job=%" PRIu64 " user=%" PRIu64, job->row.id,
			job->row.user_id);
	log_line(core->config.log, level, *subject ? subject : NULL, "%s", text);
	free(text);
}

void core_emit(struct core *core, struct effect effect)
{
	struct effect_node *node = xcalloc(1, sizeof(*node));

	node->effect = effect;
	if (core->effects_last)
		core->effects_last->next = node;
	else
		core->effects = node;
	core->effects_last = node;
}

static void job_free(struct job *job)
{
	if (!job)
		return;
	job_row_free(&job->row);
	free(job);
}

/* An ask that nobody waits for any more: the job has gone on since. An acknowledgement is owed
 * whatever becomes of the job. */
static bool is_stale(const struct effect *effect)
{
	return effect->kind > FX_ACK && effect->kind <= FX_TIDY &&
	       effect->epoch != effect->job->epoch;
}

bool core_next_effect(struct core *core, struct effect *ret)
{
	struct effect_node *node;

	job_free(take(core->ended));
	while ((node = core->effects)) {
		struct effect effect = node->effect;

		core->effects = node->next;
		if (!core->effects)
			core->effects_last = NULL;
		free(node);
		if (is_stale(&effect))
			continue;
		if (effect.user_id) {
			effect.session = session_look(core, effect.user_id);
			if (!effect.session)
				continue;
		}
		if (effect.kind == FX_END)
			core->ended = (struct job *)effect.job;
		*ret = effect;
		return true;
	}
	return false;
}

/* ---- other events about a job ---- */

/* Of all parts. */
static int part_percent(const struct job_row *row, int percent)
{
	if (percent < 0 && row->part == 0)
		return -1;
	return (row->part * 100 + max_of(percent, 0)) / job_row_parts(row);
}

void core_progress(struct core *core, uint64_t job_id, uint32_t epoch, int percent, int64_t now_ms)
{
	struct job *job = (struct job *)core_job(core, job_id);

	if (!job || job->epoch != epoch || job->step != JOB_WATCH)
		return;
	if (percent >= 0 && !job->running) {
		job->running = true;
		/* The wait in the ComfyUI's own queue is not the picture's time. That of an earlier
		 * process, or of one that was away, began nobody knows when. */
		if (job->row.part == 0 && job->pass->planned)
			job->row.started_ms = now_ms;
	}
	if (percent >= 0)
		place_running(core, job, now_ms);
	percent = part_percent(&job->row, percent);
	if (percent != job->percent)
		core_emit(core, (struct effect){.kind = FX_SHOW, .job = job});
	job->percent = percent;
	if (core->queue_changed)
		core_tick(core, now_ms);
}

void core_preview(struct core *core, uint64_t job_id, uint32_t epoch, int64_t now_ms)
{
	struct job *job = (struct job *)core_job(core, job_id);

	if (job && job->epoch == epoch && job->step == JOB_WATCH)
		core_emit(core, (struct effect){.kind = FX_SHOW, .job = job});
}

void core_live(struct core *core, uint64_t job_id, uint64_t message_id, int64_t now_ms)
{
	struct job *job = (struct job *)core_job(core, job_id);

	if (!job || job->row.live_id == message_id || job->step >= JOB_TIDY)
		return;
	if (!job->row.channel_id) /* it went with its channel while it was being made */
		return;
	job->row.live_id = message_id;
	core_save(core, job);
}

bool core_cancel_job(struct core *core, struct job *job, enum sorry sorry, int64_t now_ms)
{
	switch (job->step) {
	case JOB_SUBMIT:
	case JOB_WATCH:
	case JOB_LOCATE:
		core_stop_run(core, job);
		break;
	case JOB_INPUT:
	case JOB_QUEUE:
		break;
	case JOB_ACK:
	case JOB_CHANNEL:
	case JOB_LOOK:
		/* Nothing to stop yet: core_ask_step() does it where it comes next. */
		if (job->row.outcome != OUTCOME_OPEN)
			return false;
		job->dismissed = sorry;
		return true;
	default:
		return false;
	}
	job->dismissed = SORRY_NONE;
	core_sorry(core, job, sorry, NULL, now_ms);
	return true;
}

void core_cancel_all_of(struct core *core, uint64_t user_id, int64_t now_ms)
{
	for (struct job *job = core->jobs, *next; job; job = next) {
		next = job->next;
		if (job->row.user_id == user_id)
			(void)core_cancel_job(core, job, SORRY_CANCELLED, now_ms);
	}
	core_tick(core, now_ms);
}

enum cancel core_cancel(
	struct core *core, uint64_t job_id, uint64_t user_id, bool administrator, int64_t now_ms)
{
	struct job *job = (struct job *)core_job(core, job_id);

	if (!job)
		return CANCEL_TOO_LATE;
	if (job->row.user_id != user_id && !administrator)
		return CANCEL_NOT_YOURS;
	if (!core_cancel_job(core, job, SORRY_CANCELLED, now_ms))
		return CANCEL_TOO_LATE;
	core_tick(core, now_ms);
	return CANCEL_DONE;
}

static int pictures_of(const struct request *r)
{
	return max_of(r->pictures, 1);
}

static enum refusal refusal_of(struct core *core, const struct request *r, int64_t now_ms)
{
	if (core->stopping)
		return REFUSE_STOPPING;
	if (!core->ready)
		return REFUSE_NOT_READY;
	if (core_is_erasing(core, r->user_id))
		return REFUSE_ERASING;
	if (core->mode == CORE_DRAIN)
		return REFUSE_DRAINING;
	if (queue_has_jobs(core, r->user_id, r->cap > 0 ? r->cap : core->config.max_jobs_per_user))
		return REFUSE_CAP;
	if (r->quota > 0 && !r->administrator &&
		core_day_count(core, r->user_id, now_ms) + pictures_of(r) > r->quota)
		return REFUSE_QUOTA;
	if (core_model_is_too_large(core, r->model, &(int64_t){0}, &(int64_t){0}))
		return REFUSE_VRAM;
	if (core_live_jobs(core) >= (size_t)core->config.max_queue)
		return REFUSE_FULL;
	return REFUSE_NOTHING;
}

static void job_enlist(struct core *core, struct job *job)
{
	DL_APPEND(core->jobs, job);
	HASH_ADD(hh, core->by_id, row.id, sizeof(job->row.id), job);
	HASH_ADD(hh_interaction, core->by_interaction, row.interaction_id,
		sizeof(job->row.interaction_id), job);
	queue_count(core, job);
}

static struct job *job_new(struct core *core, const struct request *r, int64_t now_ms)
{
	struct job *job = xcalloc(1, sizeof(*job));

	job->row = (struct job_row){
		.id = ++core->max_id,
		.user_id = r->user_id,
		.guild_id = r->guild_id,
		.interaction_id = r->interaction_id,
		.application_id = r->application_id,
		.step = JOB_ACK,
		.kind = r->kind,
		.priority = r->administrator ? ROW_ADMINISTRATOR
			    : r->booster     ? ROW_BOOSTER
					     : ROW_EVERYONE,
		.seed = r->has_seed ? r->seed : rng_u64(core->rng),
		.origin_id = r->origin_id,
		.flags = (r->age_restricted ? JOB_RESTRICTED : 0) | (r->has_seed ? JOB_SEEDED : 0),
		.pictures = pictures_of(r),
		.work = max_of(r->work, 0),
		.created_ms = now_ms,
		.username = xstrdup(r->username),
		.locale = xstrdup(r->locale),
		.model = xstrdup(r->model),
		.prompt = xstrdup(r->prompt),
		.token = xstrdup(r->token),
		.options = xstrdup(r->options),
		.input = xstrdup(r->input),
	};
	job->step = JOB_ACK;
	job->gpu = -1;
	timer_clear(core, job);
	job_enlist(core, job);
	return job;
}

enum refusal core_request(struct core *core, const struct request *r, int64_t now_ms)
{
	enum refusal refusal = refusal_of(core, r, now_ms);
	struct job *job;

	if (refusal != REFUSE_NOTHING)
		return refusal;
	job = job_new(core, r, now_ms);
	session_count_job(core, job, 1);
	session_member_is_here(core, r->user_id, now_ms);
	quota_count(core, job, now_ms);
	session_touch(core, r->user_id, now_ms);
	core_ask_step(core, job, now_ms);
	core_log(core, LOG_INFO, job, "asked for %s", r->model);
	return REFUSE_NOTHING;
}

/* ---- start and stop ---- */

void core_load_max_id(struct core *core, uint64_t max_job_id)
{
	core->max_id = max_of(core->max_id, max_job_id);
}

void core_load_image_count(struct core *core, int64_t n)
{
	if (n <= IMAGE_COUNT_MAX)
		core->image_count = max_of(core->image_count, n);
}

int64_t core_image_count(const struct core *core)
{
	return core->image_count;
}

void core_load_job(struct core *core, const struct job_row *row, int64_t now_ms)
{
	struct job *job;

	if (core_job(core, row->id) || row->step >= STORE_ENDED)
		return;
	if (!row->id || row->id > INT64_MAX) {
		core_log(core, LOG_WARN, NULL,
			"a row of the table `jobs` has an id that cannot be: "
			"it is left out");
		return;
	}
	job = xcalloc(1, sizeof(*job));
	job_row_copy(&job->row, row);
	if (mend_job(&job->row))
		core_log(core, LOG_WARN, job,
			"its row holds what cannot be (step %d): it goes on "
			"from %s",
			row->step, job_step_name((enum job_step)job->row.step));
	job->step = JOB_LOOK;
	job->resume = (enum job_step)job->row.step;
	job->stored = true;
	job->gpu = -1;
	for (int i = 0; row->gpu && i < core->config.n_gpus; i++)
		if (str_eq(core->config.gpu_names[i], row->gpu))
			job->gpu = i;
	cards_load(core, job);
	timer_clear(core, job);
	job_enlist(core, job);
	place_moved(core, job, now_ms);
	session_count_job(core, job, 1);
	core_load_max_id(core, row->id);
	core_load_image_count(core, job->row.number);
}

/* The ephemeral answer may have died with the process: "thinking" must not be the last word. Jobs
 * that wait get theirs with their place in the line. */
static void answer_anew(struct core *core, struct job *job, int64_t now_ms)
{
	if (job->resume < JOB_SUBMIT || job->row.outcome == OUTCOME_APOLOGY ||
		!job->row.channel_id || !core_token_lives(job, now_ms))
		return;
	job->answered = true;
	core_emit(core, (struct effect){.kind = FX_ANSWER, .job = job});
}

void core_ready(struct core *core, uint64_t guild_id, int64_t now_ms)
{
	if (core->ready)
		return;
	core->ready = true;
	core->guild_id = guild_id;
	session_changed_all(core);
	for (struct job *job = core->jobs, *next; job; job = next) {
		next = job->next;
		core_log(core, LOG_INFO, job, "taken up again at %s", job_step_name(job->resume));
		answer_anew(core, job, now_ms);
		session_check_member(core, job->row.user_id, now_ms);
		if (job->row.channel_id)
			core_ask_step(core, job, now_ms);
		else
			core_resume(core, job, job->resume, now_ms);
	}
	leaving_ready(core);
	core_tick(core, now_ms);
}

bool core_is_ready(const struct core *core)
{
	return core->ready;
}

void core_gpu_stats(struct core *core, int gpu, const struct card_stats *stats, int64_t now_ms)
{
	must(gpu >= 0 && gpu < core->config.n_gpus);
	core->gpus[gpu].stats = *stats;
	core->gpus[gpu].stats_ms = now_ms;
	measure_stats(core, gpu);
	place_gpu_memory(core, gpu);
	if (core->vram_changed)
		core_tick(core, now_ms);
}

void core_set_mode(struct core *core, enum core_mode mode, int64_t now_ms)
{
	if (core->mode == mode)
		return;
	core->mode = mode;
	core->queue_changed = core->line_changed = true;
	core_tick(core, now_ms);
}

enum core_mode core_mode(const struct core *core)
{
	return core->mode;
}

void core_stop(struct core *core)
{
	core->stopping = true;
	session_changed_all(core);
}

bool core_is_quiet(const struct core *core)
{
	for (const struct job *job = core->jobs; job; job = job->next)
		if (job->saving || (job->step != JOB_QUEUE && job->step != JOB_LOOK &&
					   job->step != JOB_LOCATE))
			return false;
	return true;
}

/* ---- time ---- */

static bool may_begin(const struct core *core)
{
	return core->ready && !core->stopping && core->mode != CORE_PAUSE &&
	       core->n_unposted < UNPOSTED_MAX;
}

/* The card and the prompt's id are committed before the ComfyUI hears of it. */
static void begin(struct core *core, struct place_pass *pass, int64_t now_ms)
{
	for (int i = 0; i < pass->n; i++) {
		struct job *job = pass->jobs[i];

		queue_answer(core, job, now_ms);
		job->gpu = pass->gpu;
		job->percent = -1;
		job->running = false;
		job->row.submits++;
		job->row.started_ms = 0;
		str_set(&job->row.gpu, core->config.gpu_names[pass->gpu]);
		explain_placed(core, pass, job, now_ms);
	}
	pass_begin(core, pass);
	for (int i = 0; i < pass->n; i++)
		core_set_step(core, pass->jobs[i], JOB_SUBMIT, now_ms);
}

/* What can move now? */
static void settle(struct core *core, int64_t now_ms)
{
	struct place_pass *pass;

	vram_changed(core, now_ms);
	queue_show(core, now_ms);
	if (core->ask_ms <= now_ms)
		core->queue_changed = true;
	if (!core->queue_changed)
		return;
	core->queue_changed = false;
	cards_sync(core, now_ms);
	while (may_begin(core) && (pass = place_next(core, now_ms)))
		begin(core, pass, now_ms);
	if (may_begin(core) && place_call_back(core, now_ms))
		while (may_begin(core) && (pass = place_next(core, now_ms)))
			begin(core, pass, now_ms);
	core->ask_ms = may_begin(core) ? sched_wake(core->sched, now_ms) : NEVER;
	queue_show(core, now_ms);
}

/* The owner hears once that no card answers, and once that one is back. */
static void tell_owner(struct core *core)
{
	bool all_known = true;

	for (int i = 0; i < core->config.n_gpus; i++)
		all_known &= core->gpus[i].known || core->gpus[i].gone;
	if (!core->ready || !all_known || core->told_down == !core_has_gpu(core))
		return;
	core->told_down = !core->told_down;
	core_emit(core, (struct effect){.kind = core->told_down ? FX_TELL_DOWN : FX_TELL_UP});
}

/* One of its times has come. */
static void due(struct core *core, struct job *job, int64_t now_ms)
{
	if (job->at_ms[JOB_RESAVE] <= now_ms) {
		timer_set(core, job, JOB_RESAVE, NEVER);
		core_save(core, job);
	}
	if (job->at_ms[JOB_PAUSE] <= now_ms) {
		timer_set(core, job, JOB_PAUSE, NEVER);
		place_enter(core, job, now_ms);
	}
	if (job->at_ms[JOB_DEADLINE] <= now_ms) {
		timer_set(core, job, JOB_DEADLINE, NEVER);
		if (job->step == JOB_SUBMIT) /* its card is away: cards_patience() */
			core_stop_run(core, job);
		core_answer_again(core, job, "no answer in time", now_ms);
	} else if (job->at_ms[JOB_RETRY] <= now_ms) {
		timer_set(core, job, JOB_RETRY, NEVER);
		core_ask_step(core, job, now_ms);
	}
}

void core_tick(struct core *core, int64_t now_ms)
{
	struct job *job;

	while ((job = timer_next(core, now_ms)))
		due(core, job, now_ms);
	session_tick(core, now_ms);
	cards_tick(core, now_ms);
	settle(core, now_ms);
	tell_owner(core);
}

int64_t core_deadline(const struct core *core)
{
	int64_t at = min_of(session_deadline(core), timer_deadline(core));

	at = min_of(at, cards_deadline(core));
	if (core->line_changed)
		at = min_of(at, core->show_ms);
	return min_of(at, core->ask_ms);
}

struct core *core_new(const struct core_config *config, struct rng *rng)
{
	struct core *core = xcalloc(1, sizeof(*core));

	must(config->n_gpus >= 0 && config->n_gpus <= COMFY_SERVERS_MAX);
	core->config = *config;
	core->rng = rng;
	core->ask_ms = NEVER;
	place_init(core);
	return core;
}

struct core *core_free(struct core *core)
{
	struct effect effect;

	if (!core)
		return NULL;
	while (core_next_effect(core, &effect))
		;
	job_free(take(core->ended));
	for (struct job *job = core->jobs, *next; job; job = next) {
		next = job->next;
		HASH_DEL(core->by_id, job);
		HASH_DELETE(hh_interaction, core->by_interaction, job);
		job_free(job);
	}
	session_free_all(core);
	quota_free(core);
	place_free(core);
	free(core);
	return NULL;
}

const struct job *core_job(const struct core *core, uint64_t id)
{
	struct job *job;

	HASH_FIND(hh, core->by_id, &id, sizeof(id), job);
	return job;
}

const struct job *core_job_of(const struct core *core, uint64_t interaction_id)
{
	struct job *job;

	HASH_FIND(
		hh_interaction, core->by_interaction, &interaction_id, sizeof(interaction_id), job);
	return job;
}

const struct job *core_first_job(const struct core *core)
{
	return core->jobs;
}
