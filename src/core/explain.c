/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/buf.h"
#include "core/model.h"
#include "core/state.h"

/* Why a job went to its card, and why one waits: for the owner, in the log and by `fullet explain`.
 */

static double gb(int64_t mb)
{
	return (double)mb / 1000;
}

static const char *who(const struct job *job)
{
	return job->row.username ? job->row.username : "a member";
}

static void say_memory(struct core *core, int gpu, const struct job *job, struct buf *out)
{
	int64_t need_mb = core_model_needs_mb(core, job->row.model);
	int64_t too_small_mb = model_get(core, job->row.model)->too_small_mb;
	struct gpu_memory m;

	core_gpu_memory(core, gpu, &m);
	if (!need_mb && too_small_mb)
		(void)buf_printf(out, "needs more than %.1f GB, as was seen, ", gb(too_small_mb));
	else if (need_mb)
		(void)buf_printf(out, "needs %.1f GB, ", gb(need_mb));
	else
		(void)buf_add_str(out, "its need is not known, ");
	if (m.total_mb)
		(void)buf_printf(out, "%.1f of %.1f GB can be had", gb(m.total_mb - m.others_mb),
			gb(m.total_mb));
	else
		(void)buf_add_str(out, "the card's memory is not known");
}

void explain_placed(
	struct core *core, const struct place_pass *pass, struct job *job, int64_t now_ms)
{
	static const char *const turns[] = {
		"an administrator goes first", "turn of %s, with a head start", "turn of %s"};
	struct buf out = BUF(PLACED_WHY_MAX);

	(void)buf_printf(&out, "gpu=%d: ", pass->gpu + 1);
	(void)buf_printf(&out, pass->load ? "loads %s; " : "holds %s already; ",
		job->row.model ? job->row.model : "?");
	say_memory(core, pass->gpu, job, &out);
	(void)buf_add_str(&out, "; ");
	(void)buf_printf(&out, turns[job_priority(job)], who(job));
	if (pass->n > 1)
		(void)buf_printf(&out, "; %d jobs in one pass", pass->n);
	if (job->n_failed_on)
		(void)buf_printf(&out, "; cards that failed it: %d", job->n_failed_on);
	if (pass->ahead)
		(void)buf_add_str(&out, "; sent ahead of the end of what runs there");
	(void)buf_printf(&out, "; %zu wait", sched_waiting(core->sched));
	core_log(core, LOG_INFO, job, "%s", buf_str(&out));
	free(job->row.reason);
	job->row.reason = buf_take(&out);
}

/* ---- why one waits now ---- */

static void say_what_it_does(const struct core *core, int gpu, int64_t now_ms, struct buf *out)
{
	for (const struct place_pass *p = core->gpus[gpu].passes; p; p = p->next)
		(void)buf_printf(out, "%s job %" PRIu64 ", for %" PRId64 " s",
			p->running ? " runs"
			: p->ahead ? " and then"
				   : " is given",
			p->jobs[0]->row.id,
			(now_ms - (p->running ? p->running_ms : p->sent_ms)) / 1000);
}

/* Why it takes nothing though it answers, and what it did to the job. */
static void say_health(
	const struct core *core, int gpu, const struct job *job, int64_t now_ms, struct buf *out)
{
	enum gpu_state state = core_gpu_state(core, gpu);

	if (state == GPU_PAUSED)
		(void)buf_add_str(out, " paused by an administrator;");
	else if (state == GPU_DRAINING)
		(void)buf_add_str(out, " takes no more, by an administrator;");
	else if (state == GPU_FAILING)
		(void)buf_printf(out, " keeps failing (%s), tried again in %" PRId64 " s;",
			core_gpu_why(core, gpu), core_gpu_retry_ms(core, gpu, now_ms) / 1000);
	for (int i = 0; i < job->n_failed_on; i++)
		if (job->failed_on[i] == gpu) {
			(void)buf_add_str(out, " has failed this job;");
			return;
		}
}

static void say_card(
	struct core *core, int gpu, const struct job *job, int64_t now_ms, struct buf *out)
{
	const struct core_gpu *g = &core->gpus[gpu];

	(void)buf_printf(out, "  gpu %d, %s:", gpu + 1, core->config.gpu_names[gpu]);
	if (!g->known)
		(void)buf_add_str(out, " was not reached yet\n");
	else if (!g->up)
		(void)buf_add_str(out, " does not answer\n");
	if (!g->up)
		return;
	say_health(core, gpu, job, now_ms, out);
	say_what_it_does(core, gpu, now_ms, out);
	(void)buf_add_str(out, g->passes ? "; " : " idle; ");
	say_memory(core, gpu, job, out);
	(void)buf_add_str(out, place_fits(core, job, gpu) ? "\n" : ": not enough\n");
}

static void say_waiting(struct core *core, const struct job *job, int64_t now_ms, struct buf *out)
{
	(void)buf_printf(out, "  It is number %d of %zu in line", max_of(job->position, 1),
		core_waiting(core));
	if (job_priority(job) < 2)
		(void)buf_add_str(out,
			job_priority(job) == 0 ? ", as an administrator's" : ", with a head start");
	if (core->mode == CORE_PAUSE)
		(void)buf_add_str(out, "; the bot is paused");
	if (job->at_ms[JOB_PAUSE] != NEVER)
		(void)buf_printf(out, "; after a failure it pauses for %" PRId64 " s more",
			max_of(job->at_ms[JOB_PAUSE] - now_ms, (int64_t)0) / 1000);
	(void)buf_add_str(out, ".\n");
	for (int i = 0; i < core->config.n_gpus; i++)
		if (core_gpu_exists(core, i))
			say_card(core, i, job, now_ms, out);
}

char *core_explain(struct core *core, uint64_t job_id, int64_t now_ms)
{
	const struct job *job = core_job(core, job_id);
	struct buf out = BUF(EXPLAIN_MAX);

	if (!job)
		return NULL;
	(void)buf_printf(&out,
		"job %" PRIu64 " of %s, %s: %s for %" PRId64 " s since it was asked for\n", job_id,
		who(job), job->row.model ? job->row.model : "?",
		queue_waits(job) ? "has waited" : job_step_name(job->step),
		(now_ms - job->row.created_ms) / 1000);
	if (queue_waits(job))
		say_waiting(core, job, now_ms, &out);
	if (job->row.reason)
		(void)buf_printf(
			&out, "  %s%s\n", queue_waits(job) ? "Before: " : "", job->row.reason);
	return buf_take(&out);
}
