/* SPDX-License-Identifier: Apache-2.0 */
#include <utlist.h>

#include "core/session_in.h"

/*
 * Which sessions have to be looked at: those that have changed, and those whose time has come; the
 * times lie in one order. So no event looks at every member.
 */

#define session_of(node, by) tree_entry(node, struct session, by)

static int compare_times(const struct tree_node *a, const struct tree_node *b)
{
	const struct session *x = session_of(a, by_time), *y = session_of(b, by_time);

	if (x->due_ms != y->due_ms)
		return x->due_ms < y->due_ms ? -1 : 1;
	return x->row.user_id < y->row.user_id ? -1 : 1;
}

/* Whoever may be served at once first, in the order in which they came to be known. */
static int compare_waiting(const struct tree_node *a, const struct tree_node *b)
{
	const struct session *x = session_of(a, by_wait), *y = session_of(b, by_wait);

	if (x->wait_ms != y->wait_ms)
		return x->wait_ms < y->wait_ms ? -1 : 1;
	return x->nth < y->nth ? -1 : 1;
}

void session_changed(struct core *core, struct session *s)
{
	if (s->changed)
		return;
	s->changed = true;
	DL_APPEND2(core->sessions_changed, s, changed_prev, changed_next);
}

void session_changed_all(struct core *core)
{
	struct session *s, *next;

	HASH_ITER(hh, core->sessions, s, next)
	session_changed(core, s);
}

void session_time_forget(struct core *core, struct session *s)
{
	if (s->changed)
		DL_DELETE2(core->sessions_changed, s, changed_prev, changed_next);
	s->changed = false;
	if (core->session_looked_at == s)
		core->session_looked_at = NULL;
	tree_remove(&core->session_times, &s->by_time);
	tree_remove(&core->sessions_waiting, &s->by_wait);
}

/* Of one that waits for its channel to be made: session_time_waiting(). */
static int64_t due_ms(const struct core *core, const struct session *s)
{
	int64_t at_ms = min_of(s->deadline_ms, leaving_deadline(core, s));

	if (s->state == SESSION_RESTRICTING || s->state == SESSION_DELETING ||
		s->state == SESSION_ERASING)
		at_ms = min_of(at_ms, s->retry_ms);
	return at_ms;
}

/* When one that waits may be served; 0: at once. */
static int64_t wait_ms(const struct session *s)
{
	return s->retry_ms == NEVER ? 0 : s->retry_ms;
}

static void plan(struct core *core, struct session *s)
{
	int64_t at_ms = due_ms(core, s);

	if (s->by_time.in != (at_ms != NEVER) || s->due_ms != at_ms) {
		tree_remove(&core->session_times, &s->by_time);
		s->due_ms = at_ms;
		if (at_ms != NEVER)
			tree_insert(&core->session_times, &s->by_time, compare_times);
	}
	if (s->by_wait.in != (s->state == SESSION_WAITING) || s->wait_ms != wait_ms(s)) {
		tree_remove(&core->sessions_waiting, &s->by_wait);
		s->wait_ms = wait_ms(s);
		if (s->state == SESSION_WAITING)
			tree_insert(&core->sessions_waiting, &s->by_wait, compare_waiting);
	}
}

struct session *session_time_waiting(struct core *core)
{
	struct tree_node *node;
	struct session *s;

	DL_FOREACH2(core->sessions_changed, s, changed_next)
	plan(core, s);
	node = tree_first(&core->sessions_waiting);
	return node ? session_of(node, by_wait) : NULL;
}

/* What changes meanwhile is for the next time. */
void session_time_each(struct core *core, int64_t now_ms,
	void (*look)(struct core *core, struct session *s, int64_t now_ms))
{
	struct tree_node *node;
	struct session *s;
	size_t n = 0;

	if (now_ms < core->sessions_ms) /* the clock was put back */
		session_changed_all(core);
	core->sessions_ms = now_ms;
	while ((node = tree_first(&core->session_times)) &&
		session_of(node, by_time)->due_ms <= now_ms) {
		tree_remove(&core->session_times, node);
		session_changed(core, session_of(node, by_time));
	}
	DL_COUNT2(core->sessions_changed, s, n, changed_next);
	for (; n > 0 && core->sessions_changed; n--) {
		s = core->session_looked_at = core->sessions_changed;
		DL_DELETE2(core->sessions_changed, s, changed_prev, changed_next);
		s->changed = false;
		look(core, s, now_ms);
		if (core->session_looked_at) /* else it was dropped */
			plan(core, s);
	}
	core->session_looked_at = NULL;
}

int64_t session_time_deadline(const struct core *core)
{
	const struct tree_node *node = tree_first(&core->session_times);
	int64_t at_ms = node ? session_of(node, by_time)->due_ms : NEVER;
	bool serves = core->ready && !core->making;
	const struct session *s;

	DL_FOREACH2(core->sessions_changed, s, changed_next)
	{
		at_ms = min_of(at_ms, due_ms(core, s));
		if (serves && s->state == SESSION_WAITING)
			at_ms = min_of(at_ms, wait_ms(s));
	}
	node = tree_first(&core->sessions_waiting);
	if (node && serves)
		at_ms = min_of(at_ms, session_of(node, by_wait)->wait_ms);
	return at_ms;
}
