/* SPDX-License-Identifier: Apache-2.0 */
#include "core/model.h"
#include "core/state.h"

/*
 * A prompt that draws for several jobs, of different members perhaps. Their rows name the same card
 * and prompt_id, and in `slot` which picture is whose; when all of them are committed, the last one
 * submits the prompt for all. From then on each goes its own way: it follows the prompt,
 * fetches its own picture, and after a restart asks for the prompt by itself. What goes wrong with
 * a shared prompt is told to nobody: its jobs are drawn again one by one, so that only the one
 * whose fault it was hears of it.
 */

bool pass_has_others(const struct job *job)
{
	return job->pass && job->pass->n > 1;
}

bool pass_waits(struct core *core, struct job *job)
{
	struct place_pass *pass = job->pass;

	/* Once it is given only the one who gives it asks: the others wait for what comes of it. */
	if (job->row.slot <= 0 || !pass || pass->given)
		return false;
	for (int i = 0; i < pass->n; i++)
		if (pass->jobs[i]->enter)
			return true; /* it is asked again when that one is committed */
	pass->given = true;
	pass->giver = job->row.id;
	for (int i = 0; i < pass->n; i++)
		if (pass->jobs[i] != job)
			core_emit(core, (struct effect){.kind = FX_SHOW, .job = pass->jobs[i]});
	return false;
}

/* Those who wait for the job's submit; the job itself is not among them. */
static int waiting_with(const struct job *job, struct job *ret[SCHED_BATCH_MAX])
{
	int n = 0;

	for (int i = 0; job->pass && i < job->pass->n; i++)
		if (job->pass->jobs[i] != job && job->pass->jobs[i]->step == JOB_SUBMIT)
			ret[n++] = job->pass->jobs[i];
	return n;
}

static void go_alone(struct core *core, struct job *job, int64_t now_ms)
{
	job->row.slot = JOB_ALONE;
	job->row.batch = 0;
	core_send_back(core, job, SORRY_LOST, now_ms);
}

/* Before the prompt was given the pass has only to be made anew; while it is being given, nobody
 * would hear of it: each looks for it himself. */
void pass_left(struct core *core, struct job *job, int64_t now_ms)
{
	struct job *others[SCHED_BATCH_MAX];
	struct place_pass *pass = job->pass;
	bool given = pass && pass->given, giver = given && pass->giver == job->row.id;
	int n = pass && !pass->apart ? waiting_with(job, others) : 0;

	if (n > 0 && !given)
		pass->apart = true; /* by these others too */
	for (int i = 0; i < n; i++) {
		if (!given)
			core_send_back(core, others[i], SORRY_LOST, now_ms);
		else if (giver)
			core_set_step(core, others[i], JOB_LOCATE, now_ms);
	}
}

/* What the submit came to is so for all who wait for it. */
static bool submitted(
	struct core *core, struct job *job, enum answer answer, const char *detail, int64_t now_ms)
{
	struct job *others[SCHED_BATCH_MAX];
	int n = waiting_with(job, others);

	switch (answer) {
	case ANSWER_OK:
		for (int i = 0; i < n; i++)
			core_set_step(core, others[i], JOB_WATCH, now_ms);
		return false;
	case ANSWER_AGAIN:
	case ANSWER_DOUBT:
	case ANSWER_LOST:
		for (int i = 0; i < n; i++)
			core_requeue(core, others[i], SORRY_NOT_TAKEN, detail, now_ms);
		return false;
	case ANSWER_APART:
		for (int i = 0; i < n; i++)
			core_send_back(core, others[i], SORRY_LOST, now_ms);
		core_send_back(core, job, SORRY_LOST, now_ms);
		return true;
	default:
		core_log(core, LOG_INFO, job, "a shared pass of %d is refused: %s", job->row.batch,
			detail ? detail : "");
		for (int i = 0; i < n; i++)
			go_alone(core, others[i], now_ms);
		go_alone(core, job, now_ms);
		return true;
	}
}

static bool failed(
	struct core *core, struct job *job, enum answer answer, const char *detail, int64_t now_ms)
{
	switch (answer) {
	case ANSWER_MEMORY:
		model_too_many(core, job->row.model, job->row.batch);
		break;
	case ANSWER_FAILED:
	case ANSWER_MACHINE:
	case ANSWER_INTERRUPTED:
	case ANSWER_STALLED:
	case ANSWER_NO_OUTPUT:
	case ANSWER_APART:
		break;
	default:
		return false;
	}
	core_log(core, LOG_INFO, job, "the pass that it shared with others came to nothing%s%s",
		detail ? ": " : "", detail ? detail : "");
	go_alone(core, job, now_ms);
	return true;
}

bool pass_answer(
	struct core *core, struct job *job, enum answer answer, const char *detail, int64_t now_ms)
{
	switch (job->step) {
	case JOB_SUBMIT:
		return submitted(core, job, answer, detail, now_ms);
	case JOB_WATCH:
	case JOB_LOCATE:
	case JOB_FETCH:
		return failed(core, job, answer, detail, now_ms);
	default:
		return false;
	}
}

size_t core_pass(const struct core *core, const struct job *job, const struct job **ret, size_t max)
{
	size_t n = 0;

	for (int slot = 1; job->pass && slot <= SCHED_BATCH_MAX; slot++)
		for (int i = 0; i < job->pass->n && n < max; i++)
			if (job->pass->jobs[i]->row.slot == slot)
				ret[n++] = job->pass->jobs[i];
	return n;
}

bool core_prompt_is_wanted(const struct core *core, const char *prompt_id, uint64_t not_user_id)
{
	for (const struct job *job = core->jobs; job; job = job->next)
		if (job_is_live(job) && job->row.user_id != not_user_id &&
			str_eq(job->row.prompt_id, prompt_id))
			return true;
	return false;
}
