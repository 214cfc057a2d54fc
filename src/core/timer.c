/* SPDX-License-Identifier: Apache-2.0 */
#include "core/state.h"

/* The jobs' times in one order, so that neither a tick nor the next deadline looks at every job. */

static int compare(const struct tree_node *a, const struct tree_node *b)
{
	const struct job *x = tree_entry(a, struct job, by_time);
	const struct job *y = tree_entry(b, struct job, by_time);

	if (x->due_ms != y->due_ms)
		return x->due_ms < y->due_ms ? -1 : 1;
	return x->row.id < y->row.id ? -1 : x->row.id > y->row.id;
}

static void plan(struct core *core, struct job *job)
{
	int64_t due_ms = NEVER;

	for (int i = 0; i < JOB_TIMERS; i++)
		due_ms = min_of(due_ms, job->at_ms[i]);
	if (due_ms == job->due_ms && job->by_time.in == (due_ms != NEVER))
		return;
	tree_remove(&core->timers, &job->by_time);
	job->due_ms = due_ms;
	if (due_ms != NEVER)
		tree_insert(&core->timers, &job->by_time, compare);
}

void timer_set(struct core *core, struct job *job, enum job_timer timer, int64_t at_ms)
{
	job->at_ms[timer] = at_ms;
	plan(core, job);
}

void timer_clear(struct core *core, struct job *job)
{
	for (int i = 0; i < JOB_TIMERS; i++)
		job->at_ms[i] = NEVER;
	plan(core, job);
}

struct job *timer_next(const struct core *core, int64_t now_ms)
{
	struct tree_node *node = tree_first(&core->timers);
	struct job *job = node ? tree_entry(node, struct job, by_time) : NULL;

	return job && job->due_ms <= now_ms ? job : NULL;
}

int64_t timer_deadline(const struct core *core)
{
	struct tree_node *node = tree_first(&core->timers);

	return node ? tree_entry(node, struct job, by_time)->due_ms : NEVER;
}
