/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "core/session_in.h"
#include "core/state.h"

/* Up to so many that wait, each change is shown at once; of longer lines as often as it takes to
 * spend a fraction of the time on it, and at least so often. */
#define SHOW_ALL_MAX	  100
#define SHOW_EVERY_MAX_MS 5000
/* Lines of the log about one change of the line. */
#define MOVED_BACK_MAX 20

bool queue_waits(const struct job *job)
{
	return job->step == JOB_QUEUE && !job->enter;
}

static bool is_top(const struct job *job)
{
	return job_priority(job) == 0;
}

/* Administrators first, then age. */
static int before(const void *a, const void *b)
{
	const struct job *x = *(struct job *const *)a, *y = *(struct job *const *)b;

	if (is_top(x) != is_top(y))
		return is_top(x) ? -1 : 1;
	if (x->row.created_ms != y->row.created_ms)
		return x->row.created_ms < y->row.created_ms ? -1 : 1;
	return x->row.id < y->row.id ? -1 : x->row.id > y->row.id;
}

/* As they will be served: administrators first, then as the scheduler ranks them. */
static int served_before(const void *a, const void *b)
{
	const struct job *x = *(struct job *const *)a, *y = *(struct job *const *)b;

	if (is_top(x) != is_top(y) || x->rank == y->rank)
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

bool queue_has_jobs(const struct core *core, uint64_t user_id, int n)
{
	const struct session *s = session_look(core, user_id);

	return n <= 0 || (s && s->n_live >= (size_t)n);
}

void queue_count(struct core *core, struct job *job)
{
	struct session *s = session_get(core, job->row.user_id);
	bool live = job_is_live(job);

	if (live == job->counted)
		return;
	job->counted = live;
	core->n_live += live ? 1 : -1;
	s->n_live += live ? 1 : -1;
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
	return core->n_live;
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

/* What stands before a job, so far. */
struct before {
	bool administrator;
	const struct job *again; /* is back in its old place */
	int told;
};

/* Why a job stands further back than its member was told. Of a long line the first ones say it. */
static void log_moved_back(const struct core *core, const struct job *job, struct before *b)
{
	char why[128] = "others' fair turns come before its member's";

	if (b->administrator)
		str_copy(why, sizeof(why), "an administrator's job goes first");
	else if (b->again)
		(void)snprintf(why, sizeof(why), "job=%" PRIu64 " is back in its old place: %s",
			b->again->row.id, b->again->back ? b->again->back : "its card is away");
	if (b->told++ < MOVED_BACK_MAX)
		core_log(core, LOG_INFO, job, "moves back in line from %d to %d: %s",
			job->shown_position, job->position, why);
}

void queue_answer(struct core *core, struct job *job, int64_t now_ms)
{
	if (job->answered)
		return;
	job->answered = true;
	if (core_token_lives(job, now_ms))
		core_emit(core, (struct effect){.kind = FX_ANSWER,
					.job = job,
					.id = (uint64_t)max_of(job->position, 1)});
}

static void show(struct core *core, struct job *job, int position, enum wait_why wait,
	struct before *b, int64_t now_ms)
{
	if (wait == WAIT_TURN && place_lacks_memory(core, job))
		wait = WAIT_MEMORY;
	job->position = position;
	queue_answer(core, job, now_ms);
	if (job->position == job->shown_position && job->shown_wait == wait &&
		!estimate_is_news(job, now_ms))
		return;
	if (job->shown_position && job->position > job->shown_position)
		log_moved_back(core, job, b);
	job->shown_position = job->position;
	job->shown_wait = wait;
	job->shown_done_ms = job->done_ms;
	core_emit(core, (struct effect){.kind = FX_SHOW, .job = job});
}

void queue_show(struct core *core, int64_t now_ms)
{
	cleanup(freep) struct job **order = NULL;
	enum wait_why wait = cards_wait(core);
	struct before b = {0};
	size_t n;

	if (!core->line_changed || now_ms < core->show_ms)
		return;
	core->line_changed = false;
	order = queue_order(core, &n, now_ms);
	estimate_line(core, order, n, now_ms);
	for (size_t i = 0; i < n; i++) {
		bool again = order[i]->row.submits && !order[i]->shown_position;

		show(core, order[i], (int)i + 1, wait, &b, now_ms);
		b.administrator |= is_top(order[i]);
		b.again = again ? order[i] : b.again;
	}
	core->show_ms =
		n > SHOW_ALL_MAX ? now_ms + min_of((int64_t)n, (int64_t)SHOW_EVERY_MAX_MS) : 0;
	if (b.told > MOVED_BACK_MAX)
		core_log(core, LOG_INFO, NULL, "%d further jobs move back in line",
			b.told - MOVED_BACK_MAX);
}
