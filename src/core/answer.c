/* SPDX-License-Identifier: Apache-2.0 */
#include "core/state.h"

/* What each answer means for a job, wherever it stands. */

/* The ComfyUI's own word counts more than what was seen of the run, if that can be. How long it
 * took that began unseen is not known: 0. */
static void ran(struct core *core, struct job *job, int64_t run_ms, int64_t now_ms)
{
	struct job_row *row = &job->row;

	if (run_ms < 0 || run_ms > now_ms - row->created_ms)
		run_ms = 0;
	measure_done(core, job, run_ms, now_ms);
	if (run_ms > 0 && row->part == 0)
		row->started_ms = now_ms - run_ms;
	row->duration_ms = row->started_ms ? max_of(now_ms - row->started_ms, 0) : 0;
}

static void answer_ok(
	struct core *core, struct job *job, const struct answer_args *args, int64_t now_ms)
{
	switch (job->step) {
	case JOB_ACK:
		core_set_step(core, job, JOB_CHANNEL, now_ms);
		return;
	case JOB_WATCH:
	case JOB_LOCATE:
		ran(core, job, args->run_ms, now_ms);
		if (pass_next_part(core, job, now_ms))
			return;
		break;
	case JOB_FETCH:
		cards_drew(core, job, now_ms);
		job->row.outcome = OUTCOME_PICTURE;
		core_number(core, job, args->n_files);
		break;
	case JOB_POST:
	case JOB_SORRY:
		if (!job->no_channel) {
			job->row.result_id = args->message_id;
			break;
		}
		core_set_step(core, job, JOB_APOLOGISED, now_ms);
		return;
	case JOB_TIDY:
		core_set_step(core, job, core_ended_as(job), now_ms);
		return;
	case JOB_LOOK: /* nothing was said yet */
		core_resume(core, job, job->resume, now_ms);
		return;
	default:
		break;
	}
	core_set_step(core, job, flow_step(job->step)->next, now_ms);
}

static void answer_no(struct core *core, struct job *job, const char *detail, int64_t now_ms)
{
	if (job->step == JOB_SORRY && !job->no_channel) {
		job->no_channel = true;
		core_again(core, job, detail, now_ms);
	} else if (job->step == JOB_LOOK && job->row.outcome == OUTCOME_PICTURE) {
		/* It may have been posted; a second message of any kind would be wrong. */
		str_set(&job->row.detail, detail);
		core_set_step(core, job, JOB_UNDELIVERABLE, now_ms);
	} else if (job->step == JOB_LOOK) {
		core_resume(core, job, job->resume, now_ms);
	} else {
		if (job->step == JOB_POST)
			job->row.outcome = OUTCOME_OPEN;
		core_refuse(core, job, detail, now_ms);
	}
}

/* Only an administrator can help: the member and #admin-tools hear what to do. */
static void answer_forbidden(struct core *core, struct job *job, const char *detail, int64_t now_ms)
{
	session_forbidden(core, detail, now_ms);
	if (job->step != JOB_POST) {
		answer_no(core, job, detail, now_ms);
		return;
	}
	core_sorry(core, job, SORRY_PERMISSION, detail, now_ms);
}

static void answer_gone(struct core *core, struct job *job, const char *detail, int64_t now_ms)
{
	uint64_t channel_id = job->row.channel_id;
	enum job_step resume_at = job->step == JOB_LOOK ? job->resume : job->step;

	/* What the interaction is answered tells nothing of the private channel. */
	if ((job->step != JOB_LOOK && job->step != JOB_POST && job->step != JOB_SORRY) ||
		(job->step == JOB_SORRY && job->no_channel)) {
		core_refuse(core, job, detail, now_ms);
		return;
	}
	core_channel_gone(core, channel_id, now_ms);
	job->row.channel_id = job->row.live_id = 0;
	if (++job->moves > MOVES_MAX && job->step != JOB_LOOK) {
		job->no_channel = true;
		if (job->step == JOB_SORRY)
			core_again(core, job, detail, now_ms);
		else
			answer_no(core, job, detail, now_ms);
	} else if (job->step == JOB_SORRY && core_token_lives(job, now_ms)) {
		job->no_channel = true; /* no channel is made only to say sorry */
		core_again(core, job, detail, now_ms);
	} else if (resume_at == JOB_SUBMIT || resume_at == JOB_TIDY) {
		core_resume(core, job, resume_at, now_ms);
	} else {
		core_set_step(core, job, JOB_CHANNEL, now_ms);
	}
}

/* The message may be there: look before saying it (again). */
static void answer_doubt(struct core *core, struct job *job, const char *detail, int64_t now_ms)
{
	bool through_channel =
		job->step == JOB_POST || (job->step == JOB_SORRY && !job->no_channel);

	if (job->step == JOB_ACK) {
		core_refuse(core, job, detail, now_ms);
		return;
	}
	if (!through_channel) {
		core_again(core, job, detail, now_ms);
		return;
	}
	/* A line too slow for the picture looks just like this: a smaller one may get through. */
	if (job->step == JOB_POST && ++job->doubts >= DOUBTS_MAX && job->shrink < SHRINKS_MAX)
		job->shrink++;
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

void core_answer_again(struct core *core, struct job *job, const char *detail, int64_t now_ms)
{
	bool others = job->gpu >= 0 && cards_has_others(core, job->gpu);

	if (job->step == JOB_WATCH) /* its card has been away for too long: see core_gpu() */
		core_stop_run(core, job);
	if (job->step == JOB_SUBMIT || job->step == JOB_WATCH ||
		(job->step == JOB_LOCATE && others && job->tries >= 5))
		core_requeue(core, job, job->step == JOB_SUBMIT ? SORRY_NOT_TAKEN : SORRY_LOST,
			detail, now_ms);
	else
		core_again(core, job, detail, now_ms);
}

/* What a card does to a job that is not the job's fault: drawn by another one, if there is one. */
static bool card_failed(struct core *core, struct job *job, enum answer answer,
	const struct answer_args *args, int64_t now_ms)
{
	static const struct {
		enum job_step step;
		enum answer answer;
		enum sorry sorry;
		const char *why; /* when no other words come with it */
	} cases[] = {
		{JOB_SUBMIT, ANSWER_AGAIN, SORRY_NOT_TAKEN, "it did not take a job"},
		{JOB_SUBMIT, ANSWER_LOST, SORRY_LOST, "it did not take a job"},
		{JOB_WATCH, ANSWER_LOST, SORRY_LOST, "a run was lost"},
		{JOB_WATCH, ANSWER_MEMORY, SORRY_MEMORY, "out of memory"},
		{JOB_WATCH, ANSWER_MACHINE, SORRY_FAILED, "a run failed"},
		{JOB_WATCH, ANSWER_STALLED, SORRY_STALLED, "a run showed no sign of life"},
		{JOB_FETCH, ANSWER_DAMAGED, SORRY_DAMAGED, "what it saved is damaged"},
	};

	for (size_t i = 0; i < countof(cases) && !args->ours; i++) {
		const char *why = args->detail ? args->detail : cases[i].why;

		if (cases[i].step != job->step || cases[i].answer != answer)
			continue;
		if (answer == ANSWER_MEMORY && pass_shrink(core, job, now_ms))
			return true;
		/* Too large a picture is no fault of a card that may never have drawn such a one.
		 */
		if (pass_has_others(job))
			; /* the last of them tells it once */
		else if (answer != ANSWER_MEMORY || cards_has_drawn(core, job))
			cards_failed(core, job, why, now_ms);
		else
			vram_ran_out(core, job);
		return cards_elsewhere(core, job, cases[i].sorry, args->detail, now_ms);
	}
	return false;
}

/* How a run ended that an earlier process began. Whose doing that was is not known any more, and we
 * interrupt what stands still ourselves: it is drawn again. */
static bool ended_alone(
	struct core *core, struct job *job, enum answer answer, const char *detail, int64_t now_ms)
{
	enum sorry sorry = answer == ANSWER_MEMORY	  ? SORRY_MEMORY
			   : answer == ANSWER_MACHINE	  ? SORRY_FAILED
			   : answer == ANSWER_INTERRUPTED ? SORRY_INTERRUPTED
							  : SORRY_NONE;

	if (sorry == SORRY_NONE ||
		(job->step != JOB_LOCATE && !(job->found && answer == ANSWER_INTERRUPTED)))
		return false;
	core_requeue(core, job, sorry, detail, now_ms);
	return true;
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
		core_answer_again(core, job, detail, now_ms);
		break;
	case ANSWER_DOUBT:
		answer_doubt(core, job, detail, now_ms);
		break;
	case ANSWER_FORBIDDEN:
		answer_forbidden(core, job, detail, now_ms);
		break;
	case ANSWER_FULL:
	case ANSWER_NO:
		answer_no(core, job, detail, now_ms);
		break;
	case ANSWER_GONE:
		answer_gone(core, job, detail, now_ms);
		break;
	case ANSWER_TOO_LARGE:
		answer_too_large(core, job, detail, now_ms);
		break;
	case ANSWER_RUNNING: /* of a step on a card only */
		must(job->gpu >= 0);
		job->found = true;
		core_set_step(core, job, JOB_WATCH, now_ms);
		break;
	case ANSWER_APART: /* only of a shared pass */
	case ANSWER_LOST:
		measure_lost(core, job);
		core_requeue(core, job, SORRY_LOST, NULL, now_ms);
		break;
	case ANSWER_FAILED:
	case ANSWER_MACHINE:
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
	case ANSWER_DAMAGED:
		core_sorry(core, job, SORRY_DAMAGED, detail, now_ms);
		break;
	case ANSWER_MODEL_GONE:
		core_sorry(core, job, SORRY_MODEL_GONE, detail, now_ms);
		break;
	case ANSWER_NO_INPUT:
		core_sorry(core, job, SORRY_PICTURE, detail, now_ms);
		break;
	case ANSWER_OPTIONS:
		core_sorry(core, job, SORRY_OPTIONS, detail, now_ms);
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

	if (!job || job->epoch != epoch)
		return;
	if (!args)
		args = &nothing;
	timer_set(core, job, JOB_DEADLINE, NEVER);
	/* A row is tried for as long as the database is away; so is the picture that goes with it.
	 */
	if (job->step == JOB_INPUT && args->ours)
		job->tries = min_of(job->tries, flow_step(JOB_INPUT)->tries - 2);
	if (job->step == JOB_LOOK && args->live_id)
		job->row.live_id = args->live_id;
	if (job->row.slot > 0 && pass_answer(core, job, answer, args->detail, now_ms))
		; /* its jobs have gone apart */
	else if (!card_failed(core, job, answer, args, now_ms) &&
		 !ended_alone(core, job, answer, args->detail, now_ms))
		dispatch_answer(core, job, answer, args, now_ms);
	core_tick(core, now_ms);
}
