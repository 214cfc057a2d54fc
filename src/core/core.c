/* SPDX-License-Identifier: Apache-2.0 */
#include "core/core.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "core/state.h"

/* The step engine: how a job moves from one row of the flow table to the next. */

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
		if (effect.user_id) {
			effect.session = session_find(core, effect.user_id);
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

/* ---- storing ---- */

void core_save(struct core *core, struct job *job)
{
	if (job->step == JOB_ACK || job->step == JOB_DROPPED)
		return; /* not accepted: there is no row */
	if (job->saving) {
		job->save_again = true;
		return;
	}
	job->saving = true;
	core_emit(core, (struct effect){.kind = FX_SAVE, .job = job});
}

static void end(struct core *core, struct job *job, int64_t now_ms)
{
	session_touch(core, job->row.user_id, now_ms);
	DL_DELETE(core->jobs, job);
	HASH_DEL(core->by_id, job);
	core_emit(core, (struct effect){.kind = FX_END, .job = job});
}

static void resume(struct core *core, struct job *job, enum job_step step, int64_t now_ms);

/* Makes the step's ask, for the first time or again. */
static void ask(struct core *core, struct job *job, int64_t now_ms)
{
	const struct flow_step *flow = flow_step(job->step);

	job->enter = false;
	job->retry_ms = NEVER;
	if (job->step >= STORE_ENDED) {
		end(core, job, now_ms);
		return;
	}
	if (job->step == JOB_CHANNEL) {
		session_want(core, job, now_ms);
		return;
	}
	if (job->step == JOB_SORRY && !job->row.channel_id && !job->no_channel) {
		core_set_step(core, job, JOB_CHANNEL, now_ms);
		return;
	}
	if (job->step == JOB_POST && !job->row.channel_id) {
		core_set_step(core, job, JOB_CHANNEL, now_ms);
		return;
	}
	if (job->step == JOB_LOOK && !job->row.channel_id) { /* gone with all that was said in it */
		resume(core, job, job->resume, now_ms);
		return;
	}
	if (job->step == JOB_QUEUE) {
		core->queue_changed = true;
		return;
	}
	job->epoch++;
	job->deadline_ms = flow->deadline_ms ? now_ms + flow->deadline_ms : NEVER;
	if (job->step == JOB_SUBMIT || job->step == JOB_FETCH)
		core_emit(core, (struct effect){.kind = FX_SHOW, .job = job});
	core_emit(core, (struct effect){.kind = flow->ask, .job = job, .epoch = job->epoch});
}

/* The one place where a job's step changes. */
void core_set_step(struct core *core, struct job *job, enum job_step step, int64_t now_ms)
{
	core_log(core, LOG_DEBUG, job, "%s -> %s", job_step_name(job->step), job_step_name(step));
	if (job->step == JOB_QUEUE || step == JOB_QUEUE)
		core->queue_changed = true;
	job->step = step;
	job->epoch++;
	job->tries = 0;
	job->deadline_ms = job->retry_ms = NEVER;
	job->position = job->shown_position = 0;
	if (!flow_step(step)->stored) {
		job->enter = false;
		if (step == JOB_DROPPED)
			end(core, job, now_ms);
		else
			ask(core, job, now_ms);
		return;
	}
	job->row.step = step;
	if (step >= STORE_ENDED) {
		job->row.finished_ms = now_ms;
		str_set(&job->row.token, NULL);
	}
	job->enter = true;
	core_save(core, job);
}

void core_saved(struct core *core, uint64_t job_id, bool ok, int64_t now_ms)
{
	struct job *job = (struct job *)core_job(core, job_id);

	if (!job || !job->saving)
		return;
	job->saving = false;
	if (!ok) {
		/* A job whose first row cannot be written is not accepted. */
		if (job->step == JOB_CHANNEL && job->row.live_id == 0 && !job->answered &&
			job->row.outcome == OUTCOME_OPEN && ++job->save_tries >= 3) {
			job->row.outcome = OUTCOME_APOLOGY;
			job->row.sorry = SORRY_STORE;
			core_emit(core, (struct effect){.kind = FX_ANSWER, .job = job});
			core_set_step(core, job, JOB_DROPPED, now_ms);
			return;
		}
		job->save_again = false;
		job->retry_ms = now_ms + backoff_ms(core->rng, job->save_tries++, 500, BACKOFF_MAX_MS);
		return;
	}
	job->save_tries = 0;
	if (job->save_again) {
		job->save_again = false;
		core_save(core, job);
	} else if (job->enter) {
		ask(core, job, now_ms);
	}
	core_tick(core, now_ms);
}

/* ---- ends and detours ---- */

void core_sorry(struct core *core, struct job *job, enum sorry sorry, const char *detail,
	int64_t now_ms)
{
	char text[DETAIL_MAX + 1];

	core_log(core, LOG_INFO, job, "no picture (%d)%s%s", sorry, detail ? ": " : "",
		detail ? detail : "");
	job->row.outcome = OUTCOME_APOLOGY;
	job->row.sorry = sorry;
	str_set(&job->row.detail, detail ? str_copy(text, sizeof(text), detail) : NULL);
	core_set_step(core, job, JOB_SORRY, now_ms);
}

static enum job_step ended_as(const struct job *job)
{
	return job->row.outcome == OUTCOME_PICTURE ? JOB_DONE : JOB_APOLOGISED;
}

static void refuse(struct core *core, struct job *job, const char *detail, int64_t now_ms)
{
	const struct flow_step *flow = flow_step(job->step);

	if (job->step == JOB_TIDY) { /* all was said; the live message is only tidiness */
		core_set_step(core, job, ended_as(job), now_ms);
		return;
	}
	if (flow->fail == JOB_SORRY) {
		core_sorry(core, job, flow->sorry, detail, now_ms);
		return;
	}
	if (flow->fail == JOB_UNDELIVERABLE)
		str_set(&job->row.detail, detail);
	core_set_step(core, job, flow->fail, now_ms);
}

/* Back to the line, with its old place in it, unless that happened too often. */
static void requeue(struct core *core, struct job *job, enum sorry sorry, int64_t now_ms)
{
	if (job->row.submits >= SUBMITS_MAX) {
		core_sorry(core, job, sorry, NULL, now_ms);
		return;
	}
	job->gpu = -1;
	job->percent = 0;
	str_set(&job->row.gpu, NULL);
	job->row.prompt_id[0] = '\0';
	job->row.outcome = OUTCOME_OPEN;
	core_set_step(core, job, JOB_QUEUE, now_ms);
}

/* The effect keeps what the job is about to forget. */
static void stop_run(struct core *core, const struct job *job)
{
	struct effect effect = {
		.kind = FX_STOP_RUN, .job = job, .id = (uint64_t)job->gpu, .epoch = job->epoch};

	str_copy(effect.prompt_id, sizeof(effect.prompt_id), job->row.prompt_id);
	core_emit(core, effect);
}

static void again(struct core *core, struct job *job, const char *detail, int64_t now_ms)
{
	const struct flow_step *flow = flow_step(job->step);

	job->tries++;
	job->epoch++;
	job->deadline_ms = NEVER;
	if (flow->tries && job->tries >= flow->tries) {
		if (flow->fail == JOB_QUEUE)
			requeue(core, job, flow->sorry, now_ms);
		else
			refuse(core, job, detail, now_ms);
		return;
	}
	job->retry_ms =
		now_ms + backoff_ms(core->rng, job->tries - 1, flow->backoff_ms, BACKOFF_MAX_MS);
}

/* Where a job goes on whose channel has just been found, or which was just loaded. */
static void resume(struct core *core, struct job *job, enum job_step step, int64_t now_ms)
{
	switch (step) {
	case JOB_SUBMIT:
		if (job->gpu < 0)
			requeue(core, job, SORRY_LOST, now_ms);
		else
			core_set_step(core, job, JOB_LOCATE, now_ms);
		break;
	case JOB_POST: /* the bytes are fetched again, or still at hand */
		if (job->gpu < 0)
			requeue(core, job, SORRY_LOST, now_ms);
		else
			core_set_step(core, job, JOB_FETCH, now_ms);
		break;
	default:
		core_set_step(core, job, step, now_ms);
	}
}

void core_channel_ready(struct core *core, struct job *job, int64_t now_ms)
{
	enum job_step step = job->row.outcome == OUTCOME_PICTURE ? JOB_POST
		: job->row.outcome == OUTCOME_APOLOGY		? JOB_SORRY
								: JOB_QUEUE;

	resume(core, job, step, now_ms);
}

void core_channel_refused(struct core *core, struct job *job, const char *detail, int64_t now_ms)
{
	job->no_channel = true;
	if (job->row.outcome == OUTCOME_APOLOGY)
		core_set_step(core, job, JOB_SORRY, now_ms);
	else
		refuse(core, job, detail, now_ms);
}

/* ---- answers ---- */

static void answer_ok(struct core *core, struct job *job, const struct answer_args *args,
	int64_t now_ms)
{
	switch (job->step) {
	case JOB_ACK:
		job->row.created_ms = now_ms;
		core_set_step(core, job, JOB_CHANNEL, now_ms);
		return;
	case JOB_WATCH:
	case JOB_LOCATE:
		if (!job->row.started_ms)
			job->row.started_ms = now_ms;
		job->row.duration_ms = now_ms - job->row.started_ms;
		break;
	case JOB_FETCH:
		job->row.outcome = OUTCOME_PICTURE;
		break;
	case JOB_POST:
	case JOB_SORRY:
		job->row.result_id = args->message_id;
		if (!job->no_channel)
			break;
		core_set_step(core, job, JOB_APOLOGISED, now_ms);
		return;
	case JOB_TIDY:
		core_set_step(core, job, ended_as(job), now_ms);
		return;
	case JOB_LOOK: /* nothing was said yet */
		resume(core, job, job->resume, now_ms);
		return;
	default:
		break;
	}
	core_set_step(core, job, flow_step(job->step)->next, now_ms);
}

static void answer_gone(struct core *core, struct job *job, const char *detail, int64_t now_ms)
{
	uint64_t channel_id = job->row.channel_id;
	enum job_step resume_at = job->step == JOB_LOOK ? job->resume : job->step;

	if (job->step != JOB_LOOK && job->step != JOB_POST && job->step != JOB_SORRY) {
		refuse(core, job, detail, now_ms);
		return;
	}
	core_channel_gone(core, channel_id, now_ms);
	job->row.channel_id = job->row.live_id = 0;
	if (job->step == JOB_SORRY) { /* the interaction first, while its token lives */
		job->no_channel = true;
		again(core, job, detail, now_ms);
	} else if (resume_at == JOB_SUBMIT || resume_at == JOB_TIDY) {
		resume(core, job, resume_at, now_ms);
	} else {
		core_set_step(core, job, JOB_CHANNEL, now_ms);
	}
}

static void answer_no(struct core *core, struct job *job, const char *detail, int64_t now_ms)
{
	if (job->step == JOB_SORRY && !job->no_channel) {
		job->no_channel = true;
		again(core, job, detail, now_ms);
	} else if (job->step == JOB_LOOK && job->row.outcome == OUTCOME_PICTURE) {
		/* It may have been posted; a second message of any kind would be wrong. */
		str_set(&job->row.detail, detail);
		core_set_step(core, job, JOB_UNDELIVERABLE, now_ms);
	} else if (job->step == JOB_LOOK) {
		resume(core, job, job->resume, now_ms);
	} else {
		if (job->step == JOB_POST)
			job->row.outcome = OUTCOME_OPEN;
		refuse(core, job, detail, now_ms);
	}
}

/* The message may be there: look before saying it (again). */
static void answer_doubt(struct core *core, struct job *job, const char *detail, int64_t now_ms)
{
	bool through_channel = job->step == JOB_POST || (job->step == JOB_SORRY && !job->no_channel);

	if (job->step == JOB_ACK) {
		refuse(core, job, detail, now_ms);
		return;
	}
	if (!through_channel) {
		again(core, job, detail, now_ms);
		return;
	}
	job->resume = job->step;
	core_set_step(core, job, JOB_LOOK, now_ms);
}

static void answer_too_large(struct core *core, struct job *job, const char *detail, int64_t now_ms)
{
	if (job->step == JOB_POST && job->shrink < SHRINKS_MAX) {
		job->shrink++;
		core_set_step(core, job, JOB_FETCH, now_ms);
	} else {
		core_sorry(core, job, SORRY_TOO_LARGE, detail, now_ms);
	}
}

static void answer_found(struct core *core, struct job *job, enum job_outcome outcome,
	uint64_t message_id, int64_t now_ms)
{
	job->row.outcome = outcome;
	job->row.result_id = message_id;
	core_set_step(core, job, JOB_TIDY, now_ms);
}

static void answer_again(struct core *core, struct job *job, const char *detail, int64_t now_ms)
{
	bool others = core->config.n_gpus > 1;

	if (job->step == JOB_WATCH) /* its card has been away for too long: see core_gpu() */
		stop_run(core, job);
	if (job->step == JOB_SUBMIT || job->step == JOB_WATCH ||
		(job->step == JOB_LOCATE && others && job->tries >= 5))
		requeue(core, job, SORRY_LOST, now_ms);
	else
		again(core, job, detail, now_ms);
}

static void dispatch_answer(struct core *core, struct job *job, enum answer answer,
	const struct answer_args *args, int64_t now_ms)
{
	const char *detail = args->detail;

	switch (answer) {
	case ANSWER_OK:
		answer_ok(core, job, args, now_ms);
		break;
	case ANSWER_AGAIN:
		answer_again(core, job, detail, now_ms);
		break;
	case ANSWER_DOUBT:
		answer_doubt(core, job, detail, now_ms);
		break;
	case ANSWER_NO:
		answer_no(core, job, detail, now_ms);
		break;
	case ANSWER_GONE:
		answer_gone(core, job, detail, now_ms);
		break;
	case ANSWER_TOO_LARGE:
		answer_too_large(core, job, detail, now_ms);
		break;
	case ANSWER_RUNNING:
		core_set_step(core, job, JOB_WATCH, now_ms);
		break;
	case ANSWER_LOST:
		requeue(core, job, SORRY_LOST, now_ms);
		break;
	case ANSWER_FAILED:
		core_sorry(core, job, SORRY_FAILED, detail, now_ms);
		break;
	case ANSWER_MEMORY:
		core_sorry(core, job, SORRY_MEMORY, detail, now_ms);
		break;
	case ANSWER_INTERRUPTED:
		core_sorry(core, job, SORRY_INTERRUPTED, detail, now_ms);
		break;
	case ANSWER_STALLED:
		core_sorry(core, job, SORRY_STALLED, detail, now_ms);
		break;
	case ANSWER_NO_OUTPUT:
		core_sorry(core, job, SORRY_NO_OUTPUT, detail, now_ms);
		break;
	case ANSWER_MODEL_GONE:
		core_sorry(core, job, SORRY_MODEL_GONE, detail, now_ms);
		break;
	case ANSWER_FOUND_PICTURE:
		answer_found(core, job, OUTCOME_PICTURE, args->message_id, now_ms);
		break;
	case ANSWER_FOUND_SORRY:
		answer_found(core, job, OUTCOME_APOLOGY, args->message_id, now_ms);
		break;
	}
}

void core_answer(struct core *core, uint64_t job_id, uint32_t epoch, enum answer answer,
	const struct answer_args *args, int64_t now_ms)
{
	static const struct answer_args nothing;
	struct job *job = (struct job *)core_job(core, job_id);

	if (!job || job->epoch != epoch || job->enter)
		return;
	if (!args)
		args = &nothing;
	job->deadline_ms = NEVER;
	if (job->step == JOB_LOOK && args->live_id)
		job->row.live_id = args->live_id;
	dispatch_answer(core, job, answer, args, now_ms);
	core_tick(core, now_ms);
}

/* ---- other events about a job ---- */

void core_progress(struct core *core, uint64_t job_id, uint32_t epoch, int percent, int64_t now_ms)
{
	struct job *job = (struct job *)core_job(core, job_id);

	if (!job || job->epoch != epoch || job->step != JOB_WATCH)
		return;
	if (percent >= 0 && !job->running) {
		job->running = true; /* the wait in the ComfyUI's own queue is not the picture's time */
		job->row.started_ms = now_ms;
	}
	if (percent == job->percent)
		return;
	job->percent = percent;
	core_emit(core, (struct effect){.kind = FX_SHOW, .job = job});
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
	job->row.live_id = message_id;
	core_save(core, job);
}

enum cancel core_cancel(struct core *core, uint64_t job_id, uint64_t user_id, bool administrator,
	int64_t now_ms)
{
	struct job *job = (struct job *)core_job(core, job_id);

	if (!job)
		return CANCEL_TOO_LATE;
	if (job->row.user_id != user_id && !administrator)
		return CANCEL_NOT_YOURS;
	switch (job->step) {
	case JOB_SUBMIT:
	case JOB_WATCH:
	case JOB_LOCATE:
		stop_run(core, job);
		break;
	case JOB_QUEUE:
		break;
	default:
		return CANCEL_TOO_LATE;
	}
	core_sorry(core, job, SORRY_CANCELLED, NULL, now_ms);
	core_tick(core, now_ms);
	return CANCEL_DONE;
}

enum refusal core_request(struct core *core, const struct request *r, int64_t now_ms)
{
	struct job *job;

	if (core->stopping)
		return REFUSE_STOPPING;
	if (!core->ready)
		return REFUSE_NOT_READY;
	if (queue_live_jobs_of(core, r->user_id) >= core->config.max_jobs_per_user)
		return REFUSE_CAP;
	if (core_live_jobs(core) >= (size_t)core->config.max_queue)
		return REFUSE_FULL;
	job = xcalloc(1, sizeof(*job));
	job->row = (struct job_row){
		.id = ++core->max_id,
		.user_id = r->user_id,
		.guild_id = r->guild_id,
		.interaction_id = r->interaction_id,
		.application_id = r->application_id,
		.step = JOB_ACK,
		.kind = r->kind,
		.priority = r->administrator ? 1 : 0,
		.seed = rng_u64(core->rng),
		.created_ms = now_ms,
		.username = xstrdup(r->username),
		.locale = xstrdup(r->locale),
		.model = xstrdup(r->model),
		.prompt = xstrdup(r->prompt),
		.token = xstrdup(r->token),
	};
	job->step = JOB_ACK;
	job->gpu = -1;
	job->deadline_ms = job->retry_ms = NEVER;
	DL_APPEND(core->jobs, job);
	HASH_ADD(hh, core->by_id, row.id, sizeof(job->row.id), job);
	session_touch(core, r->user_id, now_ms);
	ask(core, job, now_ms);
	core_log(core, LOG_INFO, job, "asked for %s", r->model);
	return REFUSE_NOTHING;
}

/* ---- start and stop ---- */

void core_load_max_id(struct core *core, uint64_t max_job_id)
{
	core->max_id = max_of(core->max_id, max_job_id);
}

void core_load_job(struct core *core, const struct job_row *row, int64_t now_ms)
{
	struct job *job;

	if (core_job(core, row->id) || row->step >= STORE_ENDED)
		return;
	job = xcalloc(1, sizeof(*job));
	job_row_copy(&job->row, row);
	job->step = JOB_LOOK;
	job->resume = (enum job_step)row->step;
	job->gpu = -1;
	for (int i = 0; row->gpu && i < core->config.n_gpus; i++)
		if (str_eq(core->config.gpu_names[i], row->gpu))
			job->gpu = i;
	job->deadline_ms = job->retry_ms = NEVER;
	DL_APPEND(core->jobs, job);
	HASH_ADD(hh, core->by_id, row.id, sizeof(job->row.id), job);
	core_load_max_id(core, row->id);
}

void core_ready(struct core *core, uint64_t guild_id, int64_t now_ms)
{
	if (core->ready)
		return;
	core->ready = true;
	core->guild_id = guild_id;
	for (struct job *job = core->jobs, *next; job; job = next) {
		next = job->next;
		core_log(core, LOG_INFO, job, "taken up again at %s", job_step_name(job->resume));
		if (job->row.channel_id)
			ask(core, job, now_ms);
		else
			resume(core, job, job->resume, now_ms);
	}
	core_tick(core, now_ms);
}

bool core_is_ready(const struct core *core)
{
	return core->ready;
}

void core_gpu(struct core *core, int gpu, bool up, int64_t now_ms)
{
	must(gpu >= 0 && gpu < core->config.n_gpus);
	core->gpus[gpu].known = true;
	core->gpus[gpu].up = up;
	core->queue_changed = true;
	/* With another card at hand, a run does not wait for ever for one that went away. */
	for (struct job *job = core->jobs; job && core->config.n_gpus > 1; job = job->next)
		if (job->gpu == gpu && job->step == JOB_WATCH)
			job->deadline_ms = up ? NEVER : now_ms + AWAY_PATIENCE_MS;
	core_tick(core, now_ms);
}

bool core_has_gpu(const struct core *core)
{
	for (int i = 0; i < core->config.n_gpus; i++)
		if (core->gpus[i].up)
			return true;
	return false;
}

void core_stop(struct core *core)
{
	core->stopping = true;
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

/* What can move now? Cards that are idle take the head of the line. */
static void settle(struct core *core, int64_t now_ms)
{
	size_t n;

	if (!core->queue_changed)
		return;
	core->queue_changed = false;
	queue_show(core, now_ms);
	if (core->ready && !core->stopping) {
		cleanup(freep) struct job **order = queue_order(core, &n);

		for (size_t i = 0; i < n; i++) {
			struct job *job = order[i];
			int gpu = place_choose(core, job);

			if (gpu < 0)
				break;
			job->gpu = gpu;
			job->percent = -1;
			job->running = false;
			job->row.submits++;
			job->row.started_ms = now_ms;
			str_set(&job->row.gpu, core->config.gpu_names[gpu]);
			rng_uuid(core->rng, job->row.prompt_id);
			core_set_step(core, job, JOB_SUBMIT, now_ms);
		}
	}
	queue_show(core, now_ms);
	core->queue_changed = false;
}

/* The owner hears once that no card answers, and once that one is back. */
static void tell_owner(struct core *core)
{
	bool all_known = true;

	for (int i = 0; i < core->config.n_gpus; i++)
		all_known &= core->gpus[i].known;
	if (!core->ready || !all_known || core->told_down == !core_has_gpu(core))
		return;
	core->told_down = !core->told_down;
	core_emit(core, (struct effect){.kind = core->told_down ? FX_TELL_DOWN : FX_TELL_UP});
}

static bool gpu_became_free(const struct core *core)
{
	for (int i = 0; i < core->config.n_gpus; i++)
		if (core->gpus[i].up && !place_gpu_is_busy(core, i))
			return true;
	return false;
}

void core_tick(struct core *core, int64_t now_ms)
{
	for (struct job *job = core->jobs, *next; job; job = next) {
		next = job->next;
		if (job->deadline_ms <= now_ms) {
			job->deadline_ms = NEVER;
			answer_again(core, job, "no answer in time", now_ms);
		} else if (job->retry_ms <= now_ms) {
			job->retry_ms = NEVER;
			if (job->enter)
				core_save(core, job);
			else
				ask(core, job, now_ms);
		}
	}
	session_tick(core, now_ms);
	if (core->jobs && gpu_became_free(core))
		core->queue_changed = true;
	settle(core, now_ms);
	tell_owner(core);
}

int64_t core_deadline(const struct core *core)
{
	int64_t at = session_deadline(core);

	for (const struct job *job = core->jobs; job; job = job->next)
		at = min_of(at, min_of(job->deadline_ms, job->retry_ms));
	return at;
}

struct core *core_new(const struct core_config *config, struct rng *rng)
{
	struct core *core = xcalloc(1, sizeof(*core));

	must(config->n_gpus >= 0 && config->n_gpus <= COMFY_SERVERS_MAX);
	core->config = *config;
	core->rng = rng;
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
		job_free(job);
	}
	session_free_all(core);
	free(core);
	return NULL;
}

const struct job *core_job(const struct core *core, uint64_t id)
{
	struct job *job;

	HASH_FIND(hh, core->by_id, &id, sizeof(id), job);
	return job;
}

const struct job *core_first_job(const struct core *core)
{
	return core->jobs;
}
