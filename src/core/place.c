/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <utlist.h>

#include "core/model.h"
#include "core/state.h"

/* However long a prompt takes to begin, so early is soon enough. */
#define LEAD_MAX_MS 5000

bool core_gpu_is_up(const struct core *core, int gpu)
{
	return core_gpu_exists(core, gpu) && core->gpus[gpu].up;
}

size_t core_gpu_jobs(const struct core *core, int gpu)
{
	size_t n = 0;

	for (const struct job *job = core->jobs; job; job = job->next)
		n += job->gpu == gpu && job_is_live(job) && !queue_waits(job);
	return n;
}

size_t core_gpu_jobs_there(const struct core *core, int gpu)
{
	size_t n = 0;

	for (const struct place_pass *p = core->gpus[gpu].passes; p; p = p->next)
		n += (size_t)p->n;
	return n;
}

void place_card_added(struct core *core, int gpu)
{
	struct sched_card *card = &core->gpus[gpu].card;

	*card = (struct sched_card){.speed = 1000, .load_speed = 1000, .keep = 1};
	vram_card(core, gpu, card);
	sched_down(core->sched, 0, sched_card_add(core->sched, card));
	measure_card(core, gpu);
}

void place_init(struct core *core)
{
	struct sched_policy policy = sched_policy_default;

	core->learn = learn_new();
	policy.affinity_ms = (double)core->config.affinity_ms;
	core->sched = sched_new(&policy, 0);
	for (int i = 0; i < core->config.n_gpus; i++)
		place_card_added(core, i);
}

void place_free(struct core *core)
{
	for (int i = 0; i < core->config.n_gpus; i++)
		for (struct place_pass *pass; (pass = core->gpus[i].passes);) {
			DL_DELETE(core->gpus[i].passes, pass);
			free(pass);
		}
	model_free_all(core);
	core->sched = sched_free(core->sched);
	core->learn = learn_free(core->learn);
}

/* ---- the line ---- */

void place_leave(struct core *core, struct job *job)
{
	if (job->step == JOB_QUEUE)
		core->line_changed = true;
	if (job->waits) {
		sched_cancel(core->sched, job->waits);
		core->n_top -= job_priority(job) == 0;
	}
	model_leave(job);
	cards_leave(core, job);
	job->waits = NULL;
}

static struct sched_job *arrive(struct core *core, struct job *job, int64_t now_ms)
{
	const struct model *m = model_get(core, job->row.model);

	return sched_arrive(core->sched, now_ms, model_enter(core, job),
		model_work(core, m, &job->row), job->row.user_id, job_priority(job),
		job->row.created_ms, job->row.id);
}

void place_enter(struct core *core, struct job *job, int64_t now_ms)
{
	if (!queue_waits(job) || job->waits)
		return;
	core->line_changed = true;
	if (job->at_ms[JOB_PAUSE] != NEVER)
		return;
	core->queue_changed = true;
	if (cards_enter(core, job))
		return;
	job->waits = arrive(core, job, now_ms);
	if (job->waits)
		core->n_top += job_priority(job) == 0;
	else
		vram_sorry(core, job, now_ms);
}

void place_back(struct core *core, struct job *job)
{
	if (job->moved_ms != 0)
		sched_turn_back(core->sched, job->row.user_id, job->moved_ms);
	job->moved_ms = 0;
}

/* ---- what is on the cards ---- */

/* The scheduler sends no more than one pass ahead. That must be behind something that runs and has
 * no further parts, so that they run in the order in which they were sent. */
void place_review(struct core *core, int gpu)
{
	const struct core_gpu *g = &core->gpus[gpu];
	bool may = core_gpu_takes(core, gpu);

	for (const struct place_pass *pass = g->passes; pass; pass = pass->next)
		may &= pass->planned && pass->running &&
		       pass->jobs[0]->row.part + 1 >= job_row_parts(&pass->jobs[0]->row);
	sched_hold(core->sched, gpu, !may);
	core->queue_changed = true;
}

static struct place_pass *pass_new(struct core *core, int gpu, int64_t now_ms)
{
	struct place_pass *pass = xcalloc(1, sizeof(*pass));

	pass->gpu = gpu;
	pass->sent_ms = now_ms;
	pass->ahead = core->gpus[gpu].passes;
	DL_APPEND(core->gpus[gpu].passes, pass);
	core->gpus[gpu].n_passes++;
	return pass;
}

static void join(struct place_pass *pass, struct job *job)
{
	must(pass->n < SCHED_BATCH_MAX);
	pass->jobs[pass->n++] = job;
	job->pass = pass;
}

/* The scheduler counts it no more. */
static void forget(struct core *core, struct place_pass *pass, int64_t now_ms)
{
	int nth = 0;

	for (struct place_pass *p = core->gpus[pass->gpu].passes; p != pass; p = p->next)
		nth += p->planned;
	if (pass->planned)
		sched_gone(core->sched, now_ms, pass->gpu, nth);
	pass->planned = false;
}

static void release(struct core *core, struct job *job, int64_t now_ms)
{
	struct place_pass *pass = job->pass;
	struct core_gpu *g = &core->gpus[pass->gpu];
	int at = 0;

	job->pass = NULL;
	while (pass->jobs[at] != job)
		at++;
	pass->jobs[at] = pass->jobs[--pass->n];
	if (pass->n)
		return;
	forget(core, pass, now_ms);
	DL_DELETE(g->passes, pass);
	g->n_passes--;
	if (g->passes && !g->passes->reserved_mb)
		vram_reserve(core, g->passes);
	place_review(core, pass->gpu);
	free(pass);
}

/* Sent by an earlier process: it is there until it is known not to be. */
static void adopt(struct core *core, struct job *job, int64_t now_ms)
{
	struct place_pass *pass = core->gpus[job->gpu].passes;

	while (pass && (pass->n == SCHED_BATCH_MAX ||
			       !str_eq(pass->jobs[0]->row.prompt_id, job->row.prompt_id)))
		pass = pass->next;
	join(pass ? pass : pass_new(core, job->gpu, now_ms), job);
	if (job->pass == core->gpus[job->gpu].passes)
		vram_reserve(core, job->pass);
	place_review(core, job->gpu);
}

static bool is_on_card(const struct job *job)
{
	return job->gpu >= 0 &&
	       (job->step == JOB_SUBMIT || job->step == JOB_WATCH || job->step == JOB_LOCATE ||
		       (job->step == JOB_LOOK && job->resume == JOB_SUBMIT));
}

void place_moved(struct core *core, struct job *job, int64_t now_ms)
{
	bool unposted = job->step == JOB_FETCH || job->step == JOB_POST;

	if (is_on_card(job) && !job->pass)
		adopt(core, job, now_ms);
	else if (!is_on_card(job) && job->pass)
		release(core, job, now_ms);
	else if (job->pass && job->step == JOB_SUBMIT) { /* the next part is on its way */
		job->pass->running = false;
		measure_again(job->pass);
	}
	if (unposted == job->unposted)
		return;
	job->unposted = unposted;
	core->n_unposted += unposted ? 1 : -1;
	if (core->n_unposted == UNPOSTED_MAX - 1)
		core->queue_changed = true;
}

/* How early the next prompt has to be sent: a card that idles between two is a waste. */
static void learn_lead(struct core *core, const struct place_pass *pass, int64_t now_ms)
{
	struct core_gpu *g = &core->gpus[pass->gpu];
	int64_t took_ms = now_ms - pass->sent_ms;

	if (!pass->planned || pass->ahead || pass->jobs[0]->row.part > 0)
		return;
	g->lead_ms = g->lead_ms ? (3 * g->lead_ms + took_ms) / 4 : took_ms;
	g->lead_ms = max_of(min_of(g->lead_ms, (int64_t)LEAD_MAX_MS), (int64_t)1);
	sched_lead(core->sched, pass->gpu, g->lead_ms);
}

void place_running(struct core *core, struct job *job, int64_t now_ms)
{
	struct place_pass *pass = job->pass;

	measure_begun(core, pass, now_ms);
	if (pass->running)
		return;
	pass->running = true;
	pass->running_ms = now_ms;
	learn_lead(core, pass, now_ms);
	if (pass->planned && pass == core->gpus[pass->gpu].passes && job->row.part == 0)
		sched_started(core->sched, now_ms, pass->gpu, measure_load_ms(core, pass),
			NULL, -1);
	place_review(core, pass->gpu);
}

void place_gpu_memory(struct core *core, int gpu)
{
	struct sched_card *card = &core->gpus[gpu].card;

	vram_card(core, gpu, card);
	for (struct place_pass *pass = core->gpus[gpu].passes; pass; pass = pass->next)
		if (pass->reserved_mb)
			vram_reserve(core, pass);
	if (sched_card_set(core->sched, gpu, card))
		core->vram_changed = true;
}

/* Not because of anything it did: it does not count. */
static void call_back(struct core *core, struct place_pass *pass, const char *why, int64_t now_ms)
{
	struct job *jobs[SCHED_BATCH_MAX];
	int n = pass->n;

	memcpy(jobs, pass->jobs, sizeof(jobs));
	for (int i = 0; i < n; i++) {
		if (jobs[i]->step == JOB_QUEUE)
			continue; /* one of a shared pass took it along */
		core_log(core, LOG_INFO, jobs[i], "comes back from gpu %d before it began: %s",
			jobs[i]->gpu + 1, why);
		core_stop_run(core, jobs[i]);
		core_send_back(core, jobs[i], SORRY_LOST, now_ms);
	}
}

/* What has not begun behind something that runs; NULL. */
static struct place_pass *ahead_on(const struct core *core, int gpu)
{
	struct place_pass *pass = core->gpus[gpu].passes;

	pass = pass ? pass->next : NULL;
	return pass && !pass->running ? pass : NULL;
}

void place_recall(struct core *core, int gpu, const char *why, int64_t now_ms)
{
	struct place_pass *pass = ahead_on(core, gpu);

	/* One that is just being given to it would arrive after it was called back. */
	if (pass && pass->jobs[0]->step == JOB_WATCH)
		call_back(core, pass, why, now_ms);
}

bool place_fits(struct core *core, const struct job *job, int gpu)
{
	return sched_model_fits(core->sched, model_get(core, job->row.model)->sched, gpu);
}

bool place_lacks_memory(struct core *core, const struct job *job)
{
	bool idle = false;

	for (int i = 0; i < core->config.n_gpus; i++) {
		if (core->gpus[i].passes || !core_gpu_takes(core, i))
			continue;
		if (place_fits(core, job, i))
			return false;
		idle = true;
	}
	return idle;
}

static bool make_room(struct core *core, struct job *job, int64_t now_ms)
{
	for (int i = 0; i < core->config.n_gpus; i++) {
		struct place_pass *pass = ahead_on(core, i);

		if (!pass || !pass->planned || job_priority(pass->jobs[0]) == 0 ||
			!place_fits(core, job, i))
			continue;
		job->called_back = true; /* for each administrator's job one, and once */
		call_back(core, pass, "an administrator's job goes first", now_ms);
		return true;
	}
	return false;
}

bool place_call_back(struct core *core, int64_t now_ms)
{
	bool any = false, done = false;

	for (int i = 0; i < core->config.n_gpus && core->n_top > 0; i++)
		any |= ahead_on(core, i) != NULL;
	for (struct job *job = any ? core->jobs : NULL; job; job = job->next)
		if (job->waits && job_priority(job) == 0 && !job->called_back)
			done |= make_room(core, job, now_ms);
	return done;
}

/* What a card held that was away is not known: it may have been started again. */
void place_gpu(struct core *core, int gpu, int64_t now_ms)
{
	struct core_gpu *g = &core->gpus[gpu];
	bool used = g->up && !g->gone;

	place_gpu_memory(core, gpu);
	core->line_changed = true;
	if (g->used != used) {
		g->used = used;
		measure_forget(core, gpu);
		for (struct place_pass *pass = g->passes; pass && !used; pass = pass->next)
			forget(core, pass, now_ms);
		if (!used && ahead_on(core, gpu) && cards_has_others(core, gpu))
			call_back(core, ahead_on(core, gpu), "the card does not answer", now_ms);
		if (used)
			sched_up(core->sched, now_ms, gpu);
		else
			sched_down(core->sched, now_ms, gpu);
	}
	place_review(core, gpu);
}

/* Of a job that a card has failed the scheduler is told where it goes, not asked. */
static struct place_pass *assign(struct core *core, struct job *job, int gpu, int64_t now_ms)
{
	struct place_pass *pass = pass_new(core, gpu, now_ms);
	struct sched_job *waits = arrive(core, job, now_ms);
	struct sched_pass sent;

	if (waits) {
		sched_assign(core->sched, now_ms, waits, gpu, &sent);
		job->moved_ms = sent.moved_ms[0];
		pass->planned = true;
	}
	join(pass, job);
	vram_reserve(core, pass);
	place_review(core, gpu);
	return pass;
}

struct place_pass *place_next(struct core *core, int64_t now_ms)
{
	struct sched_pass sent;
	struct place_pass *pass;
	struct job *other;
	int gpu;

	other = cards_next(core, &gpu);
	if (other)
		return assign(core, other, gpu, now_ms);
	if (core->config.n_gpus == 0 || !sched_next(core->sched, now_ms, &sent))
		return NULL;
	must(core_gpu_takes(core, sent.card));
	pass = pass_new(core, sent.card, now_ms);
	pass->planned = true;
	for (int i = 0; i < sent.n; i++) {
		struct job *job = (struct job *)core_job(core, sched_tag(sent.jobs[i]));

		must(job && job->waits == sent.jobs[i]);
		core->n_top -= job_priority(job) == 0;
		model_leave(job);
		job->waits = NULL;
		job->moved_ms = sent.moved_ms[i];
		join(pass, job);
	}
	pass->load = sent.load;
	if (!pass->ahead)
		vram_reserve(core, pass);
	place_review(core, sent.card);
	return pass;
}
