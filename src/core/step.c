/* SPDX-License-Identifier: Apache-2.0 */
#include <utlist.h>

#include "core/state.h"

/* The step engine: how a job moves from one row of the flow table to the next. */

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

/* Once for each job: what is fetched again keeps its number. */
void core_number(struct core *core, struct job *job, size_t n_files)
{
	if (job->row.number || n_files == 0)
		return;
	job->row.number = core->image_count + 1;
	core->image_count += (int64_t)n_files;
}

static void end(struct core *core, struct job *job, int64_t now_ms)
{
	session_touch(core, job->row.user_id, now_ms);
	quota_give_back(core, job, now_ms);
	session_count_job(core, job, -1);
	timer_clear(core, job);
	place_moved(core, job, now_ms);
	DL_DELETE(core->jobs, job);
	HASH_DEL(core->by_id, job);
	HASH_DELETE(hh_interaction, core->by_interaction, job);
	core_emit(core, (struct effect){.kind = FX_END, .job = job});
}

/* Makes the step's ask, for the first time or again. */
void core_ask_step(struct core *core, struct job *job, int64_t now_ms)
{
	const struct flow_step *flow = flow_step(job->step);

	job->enter = false;
	timer_set(core, job, JOB_RETRY, NEVER);
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
	/* Somebody may have lifted the age restriction meanwhile. */
	if (job->step == JOB_POST && (!job->row.channel_id || !session_suits(core, job))) {
		core_set_step(core, job, JOB_CHANNEL, now_ms);
		return;
	}
	if (job->step == JOB_LOOK && !job->row.channel_id) { /* gone with all that was said in it */
		core_resume(core, job, job->resume, now_ms);
		return;
	}
	if (job->dismissed && job->step != JOB_ACK && job->step != JOB_LOOK &&
		core_cancel_job(core, job, job->dismissed, now_ms))
		return;
	if (job->step == JOB_QUEUE) {
		place_enter(core, job, now_ms);
		return;
	}
	if (job->step == JOB_SUBMIT && pass_waits(core, job))
		return;
	job->epoch++;
	timer_set(core, job, JOB_DEADLINE, flow->deadline_ms ? now_ms + flow->deadline_ms : NEVER);
	if (job->step == JOB_SUBMIT || job->step == JOB_WATCH)
		timer_set(core, job, JOB_DEADLINE, cards_patience(core, job->gpu, now_ms));
	if (job->step == JOB_SUBMIT || job->step == JOB_FETCH)
		core_emit(core, (struct effect){.kind = FX_SHOW, .job = job});
	core_emit(core, (struct effect){.kind = flow->ask, .job = job, .epoch = job->epoch});
}

/* The one place where a job's step changes. */
void core_set_step(struct core *core, struct job *job, enum job_step step, int64_t now_ms)
{
	core_log(core, LOG_DEBUG, job, "%s -> %s", job_step_name(job->step), job_step_name(step));
	place_leave(core, job);
	if (job->step == JOB_SUBMIT)
		pass_left(core, job, now_ms);
	job->step = step;
	queue_count(core, job);
	place_moved(core, job, now_ms);
	job->epoch++;
	job->tries = 0;
	for (int i = 0; i < JOB_TIMERS; i++)
		if (i != JOB_RESAVE)
			timer_set(core, job, (enum job_timer)i, NEVER);
	job->position = job->shown_position = 0;
	job->done_ms = job->shown_done_ms = 0;
	if (!flow_step(step)->stored) {
		job->enter = false;
		if (step == JOB_DROPPED)
			end(core, job, now_ms);
		else
			core_ask_step(core, job, now_ms);
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

/* What was asked meanwhile goes on: only the writing is tried again. */
static void not_saved(struct core *core, struct job *job, int64_t now_ms)
{
	/* A job whose first row cannot be written is not accepted. But perhaps it was written and only
	 * the answer was lost: that it has ended is written too, however long that takes. */
	if (!job->stored && job->step == JOB_CHANNEL && job->save_tries >= FIRST_SAVES_MAX - 1) {
		job->row.outcome = OUTCOME_APOLOGY;
		job->row.sorry = SORRY_STORE;
		core_emit(core, (struct effect){.kind = FX_ANSWER, .job = job});
		core_set_step(core, job, JOB_TIDY, now_ms);
		return;
	}
	job->save_again = false;
	timer_set(core, job, JOB_RESAVE,
		now_ms + backoff_ms(core->rng, job->save_tries++, 500, BACKOFF_MAX_MS));
}

void core_saved(struct core *core, uint64_t job_id, bool ok, int64_t now_ms)
{
	struct job *job = (struct job *)core_job(core, job_id);

	if (!job || !job->saving)
		return;
	job->saving = false;
	if (!ok) {
		not_saved(core, job, now_ms);
		return;
	}
	job->stored = true;
	job->save_tries = 0;
	timer_set(core, job, JOB_RESAVE, NEVER);
	if (job->save_again) {
		job->save_again = false;
		core_save(core, job);
	} else if (job->enter) {
		core_ask_step(core, job, now_ms);
	}
	core_tick(core, now_ms);
}

void core_database_back(struct core *core, int64_t now_ms)
{
	for (struct job *job = core->jobs; job; job = job->next)
		if (job->at_ms[JOB_RESAVE] != NEVER)
			timer_set(core, job, JOB_RESAVE, now_ms);
}

/* ---- ends and detours ---- */

bool core_token_lives(const struct job *job, int64_t now_ms)
{
	return job->row.token && now_ms - job->row.created_ms < TOKEN_LIFE_MS;
}

void core_sorry(
	struct core *core, struct job *job, enum sorry sorry, const char *detail, int64_t now_ms)
{
	char text[DETAIL_MAX + 1];

	core_log(core, LOG_INFO, job, "no picture (%d)%s%s", sorry, detail ? ": " : "",
		detail ? detail : "");
	job->row.outcome = OUTCOME_APOLOGY;
	job->row.sorry = sorry;
	str_set(&job->row.detail, detail ? str_copy(text, sizeof(text), detail) : NULL);
	/* It never came to the line: "thinking" must not be the last word where it was typed. */
	if (!job->answered && job->row.channel_id && core_token_lives(job, now_ms)) {
		job->answered = true;
		core_emit(core, (struct effect){.kind = FX_ANSWER, .job = job});
	}
	core_set_step(core, job, JOB_SORRY, now_ms);
}

enum job_step core_ended_as(const struct job *job)
{
	return job->row.outcome == OUTCOME_PICTURE ? JOB_DONE : JOB_APOLOGISED;
}

/* An apology that came too late to answer the command: a ban, say, has outlasted its token. Perhaps
 * there was no private channel only because of that ban. Once. */
static bool says_in_channel(struct core *core, struct job *job, int64_t now_ms)
{
	if (job->step != JOB_SORRY || !job->no_channel || core_token_lives(job, now_ms) ||
		job->moves >= MOVES_MAX)
		return false;
	job->moves = MOVES_MAX;
	job->no_channel = false;
	core_set_step(core, job, JOB_CHANNEL, now_ms);
	return true;
}

void core_refuse(struct core *core, struct job *job, const char *detail, int64_t now_ms)
{
	const struct flow_step *flow = flow_step(job->step);

	if (job->step == JOB_TIDY) { /* all was said; the live message is only tidiness */
		core_set_step(core, job, core_ended_as(job), now_ms);
		return;
	}
	if (says_in_channel(core, job, now_ms))
		return;
	if (flow->fail == JOB_SORRY) {
		core_sorry(core, job, flow->sorry, detail, now_ms);
		return;
	}
	if (flow->fail == JOB_UNDELIVERABLE)
		str_set(&job->row.detail, detail);
	core_set_step(core, job, flow->fail, now_ms);
}

static const char *back_words(enum sorry sorry)
{
	return sorry == SORRY_LOST	  ? "its card has lost it"
	       : sorry == SORRY_NOT_TAKEN ? "its card did not take it"
	       : sorry == SORRY_MEMORY	  ? "its card ran out of memory"
					  : "its card failed it";
}

/* Back to the line, with its old place in it, unless that happened too often. */
void core_requeue(
	struct core *core, struct job *job, enum sorry sorry, const char *detail, int64_t now_ms)
{
	bool answers;

	if (job->row.submits >= SUBMITS_MAX) {
		core_sorry(core, job, sorry, detail, now_ms);
		return;
	}
	answers = job->gpu < 0 || core_gpu_is_up(core, job->gpu);
	job->gpu = -1;
	job->percent = 0;
	job->found = false;
	job->back = back_words(sorry);
	job->rank = RANK_FIRST; /* until it stands in the line again */
	place_back(core, job);
	str_set(&job->row.gpu, NULL);
	job->row.prompt_id[0] = '\0';
	job->row.part = 0;
	if (job->row.slot > 0) {
		job->row.slot = JOB_WHOLE;
		job->row.batch = 0;
	}
	job->row.outcome = OUTCOME_OPEN;
	core_set_step(core, job, JOB_QUEUE, now_ms);
	/* What ails a server or the proxy before it seldom passes at once. One that is away gets
	 * nothing anyhow, and another one may take the job in its turn. */
	if (job->row.submits > 0 && answers)
		timer_set(core, job, JOB_PAUSE,
			now_ms + backoff_ms(core->rng, job->row.submits - 1, 1000, BACKOFF_MAX_MS));
}

void core_send_back(struct core *core, struct job *job, enum sorry sorry, int64_t now_ms)
{
	job->row.submits--;
	core_requeue(core, job, sorry, NULL, now_ms);
	timer_set(core, job, JOB_PAUSE, NEVER);
}

/* The effect keeps what the job is about to forget. */
void core_stop_run(struct core *core, const struct job *job)
{
	struct effect effect = {
		.kind = FX_STOP_RUN, .job = job, .id = (uint64_t)job->gpu, .epoch = job->epoch};

	/* What others wait for goes on; so does the ask that submits it for them. */
	if (pass_has_others(job) && job->step == JOB_SUBMIT)
		return;
	if (!pass_has_others(job))
		job_row_prompt_id(&job->row, job->row.part, effect.prompt_id);
	core_emit(core, effect);
}

void core_again(struct core *core, struct job *job, const char *detail, int64_t now_ms)
{
	const struct flow_step *flow = flow_step(job->step);

	job->tries++;
	job->epoch++;
	timer_set(core, job, JOB_DEADLINE, NEVER);
	if (flow->tries && job->tries >= flow->tries) {
		if (flow->fail == JOB_QUEUE)
			core_requeue(core, job, flow->sorry, detail, now_ms);
		else
			core_refuse(core, job, detail, now_ms);
		return;
	}
	timer_set(core, job, JOB_RETRY,
		now_ms + backoff_ms(core->rng, job->tries - 1, flow->backoff_ms, BACKOFF_MAX_MS));
}

/* Where a job goes on whose channel has just been found, or which was just loaded. */
void core_resume(struct core *core, struct job *job, enum job_step step, int64_t now_ms)
{
	switch (step) {
	case JOB_SUBMIT:
		if (job->gpu < 0)
			core_requeue(core, job, SORRY_LOST, NULL, now_ms);
		else
			core_set_step(core, job, JOB_LOCATE, now_ms);
		break;
	case JOB_POST: /* the bytes are fetched again, or still at hand */
		if (job->gpu < 0)
			core_requeue(core, job, SORRY_LOST, NULL, now_ms);
		else
			core_set_step(core, job, JOB_FETCH, now_ms);
		break;
	default:
		core_set_step(core, job, step, now_ms);
	}
}

void core_channel_ready(struct core *core, struct job *job, int64_t now_ms)
{
	enum job_step begin = job->row.input ? JOB_INPUT : JOB_QUEUE;
	enum job_step step = job->row.outcome == OUTCOME_PICTURE   ? JOB_POST
			     : job->row.outcome == OUTCOME_APOLOGY ? JOB_SORRY
								   : begin;

	core_resume(core, job, step, now_ms);
}

void core_channel_refused(
	struct core *core, struct job *job, enum sorry sorry, const char *detail, int64_t now_ms)
{
	job->no_channel = true;
	if (job->row.outcome == OUTCOME_APOLOGY)
		core_set_step(core, job, JOB_SORRY, now_ms);
	else
		core_sorry(core, job, sorry, detail, now_ms);
}
