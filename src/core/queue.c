/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/state.h"

bool queue_waits(const struct job *job)
{
	return job->step == JOB_QUEUE && !job->enter;
}

/* Administrators first, then age. */
static int before(const void *a, const void *b)
{
	const struct job *x = *(struct job *const *)a, *y = *(struct job *const *)b;

	if (x->row.priority != y->row.priority)
		return x->row.priority > y->row.priority ? -1 : 1;
	if (x->row.created_ms != y->row.created_ms)
		return x->row.created_ms < y->row.created_ms ? -1 : 1;
	return x->row.id < y->row.id ? -1 : x->row.id > y->row.id;
}

/* As they will be served: administrators first, then as the scheduler ranks them. */
static int served_before(const void *a, const void *b)
{
	const struct job *x = *(struct job *const *)a, *y = *(struct job *const *)b;

	if (x->row.priority != y->row.priority || x->rank == y->rank)
		return before(a, b);
	return x->rank < y->rank ? -1 : 1;
}

struct turn {
	uint64_t user_id;
	double turn_ms;
	UT_hash_handle hh;
};

/* Each of a member's jobs moves his turn on, in their order. A job that pauses keeps its rank. */
static void rank(struct core *core, struct job **order, size_t n, int64_t now_ms)
{
	struct turn *turns = NULL, *all = xcalloc(n + 1, sizeof(*all)), *t;
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		struct job *job = order[i];

		if (!job->waits)
			continue;
		HASH_FIND(hh, turns, &job->row.user_id, sizeof(uint64_t), t);
		if (!t) {
			t = &all[used++];
			*t = (struct turn){.user_id = job->row.user_id, .turn_ms = -1};
			HASH_ADD(hh, turns, user_id, sizeof(uint64_t), t);
		}
		job->rank = sched_rank(core->sched, now_ms, job->waits, &t->turn_ms);
	}
	HASH_CLEAR(hh, turns);
	free(all);
}

struct job **queue_order(struct core *core, size_t *ret_n, int64_t now_ms)
{
	struct job **order = xcalloc(HASH_COUNT(core->by_id), sizeof(struct job *));
	size_t n = 0;

	for (struct job *job = core->jobs; job; job = job->next)
		if (queue_waits(job))
			order[n++] = job;
	qsort(order, n, sizeof(order[0]), before);
	rank(core, order, n, now_ms);
	qsort(order, n, sizeof(order[0]), served_before);
	*ret_n = n;
	return order;
}

int queue_live_jobs_of(const struct core *core, uint64_t user_id)
{
	int n = 0;

	for (const struct job *job = core->jobs; job; job = job->next)
		n += job->row.user_id == user_id && job_is_live(job);
	return n;
}

size_t core_waiting(const struct core *core)
{
	size_t n = 0;

	for (const struct job *job = core->jobs; job; job = job->next)
		n += queue_waits(job);
	return n;
}

size_t core_live_jobs(const struct core *core)
{
	size_t n = 0;

	for (const struct job *job = core->jobs; job; job = job->next)
		n += job_is_live(job);
	return n;
}

/* Those with a card, by id, then those that wait, in their order. */
static int shown_before(const void *a, const void *b)
{
	const struct job *x = *(struct job *const *)a, *y = *(struct job *const *)b;

	if (queue_waits(x) != queue_waits(y))
		return queue_waits(x) ? 1 : -1;
	if (queue_waits(x))
		return served_before(a, b);
	return x->row.id < y->row.id ? -1 : x->row.id > y->row.id;
}

size_t core_jobs_of(const struct core *core, uint64_t user_id, const struct job **ret, size_t max)
{
	cleanup(freep) const struct job **all =
		xcalloc(HASH_COUNT(core->by_id) + 1, sizeof(struct job *));
	size_t n = 0;

	for (const struct job *job = core->jobs; job; job = job->next)
		if (job_is_live(job) && (!user_id || job->row.user_id == user_id))
			all[n++] = job;
	qsort(all, n, sizeof(all[0]), shown_before);
	memcpy(ret, all, min_of(n, max) * sizeof(all[0]));
	return n;
}

/* "No card answers" is said only when every card was asked and none did. */
static bool no_gpu(const struct core *core)
{
	for (int i = 0; i < core->config.n_gpus; i++)
		if (!core->gpus[i].known || core->gpus[i].up)
			return false;
	return true;
}

/* Why a job stands further back than its member was told. */
static void log_moved_back(
	const struct core *core, const struct job *job, struct job *const *order, int n_before)
{
	const char *why = "others' fair turns come before its member's";

	for (int i = 0; i < n_before; i++)
		if (order[i]->row.submits && !order[i]->shown_position)
			why = "a job is back in its old place";
	for (int i = 0; i < n_before; i++)
		if (order[i]->row.priority > job->row.priority)
			why = "an administrator's job goes first";
	core_log(core, LOG_INFO, job, "moves back in line from %d to %d: %s", job->shown_position,
		job->position, why);
}

void queue_show(struct core *core, int64_t now_ms)
{
	cleanup(freep) struct job **order = NULL;
	bool none = no_gpu(core);
	size_t n;

	order = queue_order(core, &n, now_ms);
	for (size_t i = 0; i < n; i++) {
		struct job *job = order[i];

		job->position = (int)i + 1;
		if (!job->answered) {
			job->answered = true;
			if (core_token_lives(job, now_ms))
				core_emit(core, (struct effect){.kind = FX_ANSWER,
							.job = job,
							.id = (uint64_t)job->position});
		}
		if (job->position == job->shown_position && job->shown_no_gpu == none)
			continue;
		if (job->shown_position && job->position > job->shown_position)
			log_moved_back(core, job, order, (int)i);
		job->shown_position = job->position;
		job->shown_no_gpu = none;
		core_emit(core, (struct effect){.kind = FX_SHOW, .job = job});
	}
}
