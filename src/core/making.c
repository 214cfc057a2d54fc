/* SPDX-License-Identifier: Apache-2.0 */
#include "core/session_in.h"

/*
 * How a member comes to a channel: found in the list, or made below a category
 * with room; in a full server in the place of the one that was idle longest,
 * else as a private thread where the command was typed.
 */

/* How often room is made for one member: others take what becomes free too. */
#define ROOMS_MAX 3
/* A channel that was used a moment ago is not taken away: this long, or a tenth of an idle time. */
#define ROOM_IDLE_MS (3 * 60 * 1000)

/* The jobs that wanted it have ended meanwhile. */
static bool nobody_waits(struct core *core, struct session *s)
{
	if (session_is_wanted(core, s, false))
		return false;
	core->making = NULL;
	session_not_wanted(s);
	return true;
}

static void create_channel(struct core *core, struct session *s, int64_t now_ms)
{
	struct core_category *c = category_with_room(core);

	if (nobody_waits(core, s))
		return;
	s->restricted = session_is_wanted(core, s, true);
	if (c)
		session_ask(core, s, SESSION_CREATING, FX_CHANNEL_CREATE, c->id, now_ms);
	else if (core->n_categories < CATEGORIES_MAX)
		session_ask(core, s, SESSION_CATEGORY, FX_CATEGORY_CREATE, core->n_categories + 1,
			now_ms);
	else
		session_refuse(core, s, SORRY_CHANNEL,
			"all categories for private channels are full", now_ms);
}

static void refused(struct core *core, struct session *s, enum answer answer, const char *detail,
	int64_t now_ms)
{
	if (answer == ANSWER_FORBIDDEN)
		session_forbidden(core, detail, now_ms);
	session_refuse(core, s, answer == ANSWER_FORBIDDEN ? SORRY_PERMISSION : SORRY_CHANNEL,
		detail, now_ms);
}

/* ---- a full server ---- */

static struct session *longest_idle(struct core *core, int64_t now_ms)
{
	int64_t idle_ms = min_of((int64_t)ROOM_IDLE_MS, core->config.session_ttl_ms / 10);
	struct session *s, *next, *best = NULL;

	HASH_ITER(hh, core->sessions, s, next)
	if (s->state == SESSION_READY && !s->n_jobs && !(s->row.flags & SESSION_THREAD) &&
		now_ms - s->row.active_ms >= idle_ms &&
		(!best || s->row.active_ms < best->row.active_ms))
		best = s;
	return best;
}

static void make_room(struct core *core, struct session *s, int64_t now_ms)
{
	struct session *victim = s->rooms++ < ROOMS_MAX ? longest_idle(core, now_ms) : NULL;

	if (!victim) {
		making_give_up_room(core, s, now_ms);
		return;
	}
	core_log(core, LOG_INFO, NULL,
		"the server is full: the channel of user=%" PRIu64 " makes room for user=%" PRIu64,
		victim->row.user_id, s->row.user_id);
	s->victim = victim->row.user_id;
	session_set_state(s, SESSION_ROOM);
	s->deadline_ms = now_ms + ASK_DEADLINE_MS;
	session_ask(
		core, victim, SESSION_DELETING, FX_CHANNEL_DELETE, victim->row.channel_id, now_ms);
}

void making_give_up_room(struct core *core, struct session *s, int64_t now_ms)
{
	session_ask(core, s, SESSION_THREADS, FX_THREAD_LIST, 0, now_ms);
}

bool making_has_room(const struct core *core)
{
	const struct session *victim;

	if (!core->making || core->making->state != SESSION_ROOM)
		return false;
	victim = session_look(core, core->making->victim);
	return !victim || victim->state != SESSION_DELETING;
}

/* Which category has room now? The list tells. */
void making_tick(struct core *core, int64_t now_ms)
{
	if (making_has_room(core))
		session_ask(core, core->making, SESSION_FINDING, FX_CHANNEL_LIST, 0, now_ms);
}

/* ---- threads ---- */

/* Where a command was typed, at best an age-restricted one: a thread is what its channel is. */
static void create_thread(struct core *core, struct session *s, int64_t now_ms)
{
	if (nobody_waits(core, s))
		return;
	s->parent_id = 0;
	s->restricted = false;
	for (const struct job *job = core->jobs; job; job = job->next) {
		bool restricted = job->row.flags & JOB_RESTRICTED;

		if (job->row.user_id != s->row.user_id || !job->row.origin_id ||
			(s->parent_id && !restricted))
			continue;
		s->parent_id = job->row.origin_id;
		s->restricted = restricted;
	}
	if (s->parent_id)
		session_ask(core, s, SESSION_THREADING, FX_THREAD_CREATE, s->parent_id, now_ms);
	else
		session_refuse(core, s, SORRY_CHANNEL,
			"the server has as many channels as Discord allows", now_ms);
}

static void answer_threads(struct core *core, struct session *s, enum answer answer,
	const char *detail, int64_t now_ms)
{
	if (answer == ANSWER_AGAIN || answer == ANSWER_DOUBT)
		session_find_again(core, s, detail, now_ms);
	else if (s->row.channel_id)
		session_ask(core, s, SESSION_JOINING, FX_THREAD_JOIN, s->row.channel_id, now_ms);
	else
		create_thread(core, s, now_ms);
}

static void answer_threading(struct core *core, struct session *s, enum answer answer, uint64_t id,
	const char *detail, int64_t now_ms)
{
	if (answer == ANSWER_AGAIN || answer == ANSWER_DOUBT || (answer == ANSWER_OK && !id)) {
		session_find_again(core, s, detail, now_ms);
	} else if (answer != ANSWER_OK) {
		if (answer == ANSWER_FORBIDDEN)
			session_forbidden(core, detail, now_ms);
		session_refuse(core, s, SORRY_CHANNEL,
			"the server has as many channels as Discord allows", now_ms);
	} else {
		s->row.channel_id = id;
		s->rooms = ROOMS_MAX; /* if this one does not do, no other will */
		s->row.flags |= SESSION_THREAD | (s->restricted ? SESSION_AGE_RESTRICTED : 0);
		session_ask(core, s, SESSION_JOINING, FX_THREAD_JOIN, id, now_ms);
	}
}

/* A thread without its member is of no use. */
static void answer_joining(struct core *core, struct session *s, enum answer answer,
	const char *detail, int64_t now_ms)
{
	uint64_t id = s->row.channel_id;

	if (answer == ANSWER_OK) {
		session_ready(core, s, now_ms);
	} else if (answer == ANSWER_AGAIN || answer == ANSWER_DOUBT) {
		session_find_again(core, s, detail, now_ms);
	} else if (answer == ANSWER_GONE) {
		core_channel_gone(core, id, now_ms);
	} else {
		/* One that is archived or locked makes way for a new one; others are served meanwhile. */
		if (answer != ANSWER_NO || s->rooms++ >= ROOMS_MAX)
			refused(core, s, answer, detail, now_ms);
		else if (core->making == s)
			core->making = NULL;
		session_ask(core, s, SESSION_DELETING, FX_CHANNEL_DELETE, id, now_ms);
	}
}

/* ---- channels ---- */

static void answer_finding(struct core *core, struct session *s, enum answer answer,
	const char *detail, int64_t now_ms)
{
	if (answer == ANSWER_NO || answer == ANSWER_FORBIDDEN) {
		refused(core, s, answer, detail, now_ms);
	} else if (answer != ANSWER_OK) {
		session_find_again(core, s, detail, now_ms);
	} else if (s->row.channel_id && (s->row.flags & SESSION_THREAD)) {
		session_ask(core, s, SESSION_JOINING, FX_THREAD_JOIN, s->row.channel_id, now_ms);
	} else if (s->row.channel_id) {
		session_ready(core, s, now_ms);
	} else {
		create_channel(core, s, now_ms);
	}
}

static void answer_category(struct core *core, struct session *s, enum answer answer, uint64_t id,
	const char *detail, int64_t now_ms)
{
	if (answer == ANSWER_FULL) {
		make_room(core, s, now_ms);
	} else if (answer == ANSWER_NO || answer == ANSWER_FORBIDDEN) {
		refused(core, s, answer, detail, now_ms);
	} else if (answer != ANSWER_OK || !id || core->n_categories >= CATEGORIES_MAX) {
		session_find_again(core, s, detail, now_ms);
	} else {
		category_known(core, id);
		create_channel(core, s, now_ms);
	}
}

static void answer_creating(struct core *core, struct session *s, enum answer answer, uint64_t id,
	const char *detail, int64_t now_ms)
{
	struct core_category *c = category_with_room(core);

	if (answer == ANSWER_TOO_LARGE && c) { /* somebody else filled the category */
		c->full = true;
		create_channel(core, s, now_ms);
	} else if (answer == ANSWER_FULL) {
		make_room(core, s, now_ms);
	} else if (answer == ANSWER_NO || answer == ANSWER_TOO_LARGE ||
		   answer == ANSWER_FORBIDDEN) {
		refused(core, s, answer, detail, now_ms);
	} else if (answer != ANSWER_OK || !id) {
		session_find_again(core, s, detail, now_ms);
	} else {
		if (c)
			c->children++;
		core->told_forbidden_ms = 0;
		s->row.channel_id = id;
		if (s->restricted)
			s->row.flags |= SESSION_AGE_RESTRICTED;
		session_ready(core, s, now_ms);
	}
}

void making_answer(struct core *core, struct session *s, enum answer answer, uint64_t id,
	const char *detail, int64_t now_ms)
{
	switch (s->state) {
	case SESSION_FINDING:
		answer_finding(core, s, answer, detail, now_ms);
		break;
	case SESSION_CATEGORY:
		answer_category(core, s, answer, id, detail, now_ms);
		break;
	case SESSION_CREATING:
		answer_creating(core, s, answer, id, detail, now_ms);
		break;
	case SESSION_THREADS:
		answer_threads(core, s, answer, detail, now_ms);
		break;
	case SESSION_THREADING:
		answer_threading(core, s, answer, id, detail, now_ms);
		break;
	case SESSION_JOINING:
		answer_joining(core, s, answer, detail, now_ms);
		break;
	default:
		break;
	}
}
