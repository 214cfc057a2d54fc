/* SPDX-License-Identifier: Apache-2.0 */
#include "core/session.h"

#include <stdlib.h>

#include "core/session_in.h"

const struct session *session_look(const struct core *core, uint64_t user_id)
{
	struct session *s;

	HASH_FIND(hh, core->sessions, &user_id, sizeof(user_id), s);
	return s;
}

struct session *session_find(struct core *core, uint64_t user_id)
{
	struct session *s = (struct session *)session_look(core, user_id);

	if (s)
		session_changed(core, s);
	return s;
}

struct session *session_get(struct core *core, uint64_t user_id)
{
	struct session *s = session_find(core, user_id);

	if (s)
		return s;
	s = xcalloc(1, sizeof(*s));
	s->row.user_id = user_id;
	s->retry_ms = s->deadline_ms = s->asking_ms = NEVER;
	s->nth = ++core->n_sessions;
	session_changed(core, s);
	HASH_ADD(hh, core->sessions, row.user_id, sizeof(s->row.user_id), s);
	return s;
}

void session_drop(struct core *core, struct session *s)
{
	if (core->making == s)
		core->making = NULL;
	session_time_forget(core, s);
	HASH_DEL(core->sessions, s);
	free(s->username);
	free(s->locale);
	free(s);
}

void session_free_all(struct core *core)
{
	struct session *s, *next;

	HASH_ITER(hh, core->sessions, s, next)
	session_drop(core, s);
}

void session_count_job(struct core *core, const struct job *job, int n)
{
	session_get(core, job->row.user_id)->n_jobs += (size_t)n;
}

static bool waits(const struct session *s, const struct job *job)
{
	return job->row.user_id == s->row.user_id && job->step == JOB_CHANNEL && !job->enter;
}

bool session_is_wanted(const struct core *core, const struct session *s, bool restricted)
{
	for (const struct job *job = s->n_jobs ? core->jobs : NULL; job; job = job->next)
		if (waits(s, job) && (!restricted || (job->row.flags & JOB_RESTRICTED)))
			return true;
	return false;
}

/* A restricted picture goes into a restricted channel only. */
static bool suits(const struct session *s, const struct job *job)
{
	return !(job->row.flags & JOB_RESTRICTED) || (s->row.flags & SESSION_AGE_RESTRICTED);
}

bool session_suits(const struct core *core, const struct job *job)
{
	const struct session *s = session_look(core, job->row.user_id);

	return s && suits(s, job);
}

void session_set_state(struct session *s, enum session_state state)
{
	s->state = state;
	s->epoch++;
	s->retry_ms = s->deadline_ms = NEVER;
}

void session_not_wanted(struct session *s)
{
	session_set_state(s, s->row.channel_id ? SESSION_READY : SESSION_NONE);
}

void session_ask(struct core *core, struct session *s, enum session_state state,
	enum effect_kind kind, uint64_t id, int64_t now_ms)
{
	session_changed(core, s);
	session_set_state(s, state);
	s->deadline_ms = now_ms + ASK_DEADLINE_MS;
	core_emit(core, (struct effect){.kind = kind,
				.user_id = s->row.user_id,
				.epoch = s->epoch,
				.id = id,
				.restricted = s->restricted});
}

void session_save(struct core *core, struct session *s)
{
	session_changed(core, s);
	s->saved_ms = s->row.active_ms;
	s->row.guild_id = core->guild_id;
	core_emit(core, (struct effect){.kind = FX_SESSION_SAVE, .user_id = s->row.user_id});
}

void session_forget_channel(struct core *core, struct session *s)
{
	session_changed(core, s);
	s->row.channel_id = 0;
	s->row.flags &= SESSION_ERASE;
	s->parent_id = 0;
	leaving_forget_warning(s);
	s->tries = 0;
	/* What is to be erased is not forgotten before it was. */
	if (s->row.flags & SESSION_ERASE)
		session_save(core, s);
	else
		core_emit(core, (struct effect){.kind = FX_SESSION_DROP, .id = s->row.user_id});
}

void session_forbidden(struct core *core, const char *detail, int64_t now_ms)
{
	core_log(core, LOG_ERROR, NULL, "Discord refuses what the bot needs: %s",
		detail ? detail : "a permission is missing");
	if (core->told_forbidden_ms && now_ms - core->told_forbidden_ms < FORBIDDEN_EVERY_MS)
		return;
	core->told_forbidden_ms = now_ms;
	core_emit(core, (struct effect){.kind = FX_TELL_FORBIDDEN});
}

static void be_ready(struct core *core, struct session *s)
{
	if (core->making == s)
		core->making = NULL;
	session_set_state(s, SESSION_READY);
	s->tries = s->rooms = 0;
}

/* Those that the channel suits go on; for the others it becomes age-restricted first. */
static void release(struct core *core, struct session *s, int64_t now_ms)
{
	for (struct job *job = core->jobs, *next; job; job = next) {
		next = job->next;
		if (waits(s, job) && suits(s, job)) {
			job->row.channel_id = s->row.channel_id;
			core_channel_ready(core, job, now_ms);
		}
	}
	if (s->state == SESSION_READY && session_is_wanted(core, s, true))
		session_restrict(core, s, now_ms);
}

static void refuse_restricted(struct core *core, struct session *s, int64_t now_ms)
{
	for (struct job *job = core->jobs, *next; job; job = next) {
		next = job->next;
		if (!waits(s, job) || suits(s, job))
			continue;
		job->row.channel_id = s->row.channel_id;
		if (job->row.outcome == OUTCOME_APOLOGY)
			core_set_step(core, job, JOB_SORRY, now_ms);
		else
			core_sorry(core, job, SORRY_RESTRICTED, NULL, now_ms);
	}
}

void session_restrict(struct core *core, struct session *s, int64_t now_ms)
{
	if (s->state != SESSION_READY)
		return;
	if (s->row.flags & SESSION_THREAD) /* it is what its channel is */
		refuse_restricted(core, s, now_ms);
	else
		session_ask(core, s, SESSION_RESTRICTING, FX_CHANNEL_RESTRICT, s->row.channel_id,
			now_ms);
}

static void answer_restricting(struct core *core, struct session *s, enum answer answer,
	const char *detail, int64_t now_ms)
{
	if (answer == ANSWER_OK) {
		s->row.flags |= SESSION_AGE_RESTRICTED;
		session_ready(core, s, now_ms);
	} else if (answer == ANSWER_GONE) {
		core_channel_gone(core, s->row.channel_id, now_ms);
	} else if ((answer == ANSWER_AGAIN || answer == ANSWER_DOUBT) &&
		   ++s->tries < MAKE_TRIES_MAX) {
		s->deadline_ms = NEVER;
		s->retry_ms = now_ms + backoff_ms(core->rng, s->tries - 1, 1000, BACKOFF_MAX_MS);
	} else {
		if (answer == ANSWER_FORBIDDEN)
			session_forbidden(core, detail, now_ms);
		be_ready(core, s);
		refuse_restricted(core, s, now_ms);
	}
}

void session_ready(struct core *core, struct session *s, int64_t now_ms)
{
	be_ready(core, s);
	s->row.active_ms = max_of(s->row.active_ms, now_ms);
	if (s->row.warned_ms)
		leaving_unwarn(core, s);
	session_save(core, s);
	release(core, s, now_ms);
}

void session_refuse(
	struct core *core, struct session *s, enum sorry sorry, const char *detail, int64_t now_ms)
{
	if (core->making == s)
		core->making = NULL;
	session_changed(core, s);
	session_not_wanted(s);
	s->tries = s->rooms = 0;
	for (struct job *job = core->jobs, *next; job; job = next) {
		next = job->next;
		if (waits(s, job))
			core_channel_refused(core, job, sorry, detail, now_ms);
	}
}

/* Lets the next member who waits have his channel found. */
static void pump(struct core *core, int64_t now_ms)
{
	struct session *s = core->making || !core->ready ? NULL : session_time_waiting(core);

	if (!s || (s->retry_ms != NEVER && s->retry_ms > now_ms))
		return;
	core->making = s;
	session_ask(core, s, SESSION_FINDING, FX_CHANNEL_LIST, 0, now_ms);
}

/* What was being made may or may not be there: list the channels again before making anything. */
void session_find_again(struct core *core, struct session *s, const char *detail, int64_t now_ms)
{
	if (core->making == s)
		core->making = NULL;
	session_changed(core, s);
	if (++s->tries >= MAKE_TRIES_MAX) {
		session_refuse(core, s, SORRY_CHANNEL, detail ? detail : "Discord does not answer",
			now_ms);
		return;
	}
	session_set_state(s, SESSION_WAITING);
	s->retry_ms = now_ms + backoff_ms(core->rng, s->tries - 1, 1000, BACKOFF_MAX_MS);
}

void session_want(struct core *core, struct job *job, int64_t now_ms)
{
	struct session *s = session_get(core, job->row.user_id);

	str_set(&s->username, job->row.username);
	str_set(&s->locale, job->row.locale);
	if (s->state == SESSION_READY || s->state == SESSION_RESTRICTING) {
		s->row.active_ms = max_of(s->row.active_ms, now_ms);
		if (!suits(s, job)) {
			session_restrict(core, s, now_ms);
			return;
		}
		if (s->row.flags & SESSION_THREAD) {
			/* Whoever left it, or the server for a while, is not in it any more. */
			session_ask(core, s, SESSION_JOINING, FX_THREAD_JOIN, s->row.channel_id,
				now_ms);
			return;
		}
		job->row.channel_id = s->row.channel_id;
		core_channel_ready(core, job, now_ms);
	} else if (session_is_leaving(s) && s->state != SESSION_DELETING) {
		leaving_turn_away(core, s, job, now_ms);
	} else if (s->state == SESSION_NONE) {
		session_set_state(s, SESSION_WAITING);
		pump(core, now_ms);
	}
}

void session_touch(struct core *core, uint64_t user_id, int64_t now_ms)
{
	struct session *s = session_find(core, user_id);
	int64_t grain = min_of((int64_t)60000, core->config.session_ttl_ms / 4);

	if (!s || (s->state != SESSION_READY && s->state != SESSION_RESTRICTING))
		return;
	s->row.active_ms = max_of(s->row.active_ms, now_ms);
	if (s->row.warned_ms)
		leaving_unwarn(core, s);
	else if (s->row.active_ms - s->saved_ms < grain)
		return;
	session_save(core, s);
}

void core_activity(struct core *core, uint64_t channel_id, uint64_t user_id, int64_t now_ms)
{
	const struct session *s = session_look(core, user_id);

	if (s && channel_id && s->row.channel_id == channel_id)
		session_touch(core, user_id, now_ms);
}

/* ---- answers and time ---- */

void core_session_answer(struct core *core, uint64_t user_id, uint32_t epoch, enum answer answer,
	uint64_t id, const char *detail, int64_t now_ms)
{
	struct session *s = session_find(core, user_id);

	if (!s || s->epoch != epoch)
		return;
	switch (s->state) {
	case SESSION_NONE:
	case SESSION_WAITING:
	case SESSION_ROOM:
	case SESSION_READY:
		break;
	case SESSION_RESTRICTING:
		answer_restricting(core, s, answer, detail, now_ms);
		break;
	case SESSION_DELETING:
	case SESSION_ERASING:
		leaving_answer(core, s, answer, detail, now_ms);
		break;
	default:
		making_answer(core, s, answer, id, detail, now_ms);
		break;
	}
	pump(core, now_ms);
	core_tick(core, now_ms);
}

static void out_of_time(struct core *core, struct session *s, int64_t now_ms)
{
	s->deadline_ms = NEVER;
	switch (s->state) {
	case SESSION_RESTRICTING:
		answer_restricting(core, s, ANSWER_DOUBT, NULL, now_ms);
		break;
	case SESSION_DELETING:
	case SESSION_ERASING:
		leaving_answer(core, s, ANSWER_DOUBT, NULL, now_ms);
		break;
	case SESSION_ROOM:
		making_give_up_room(core, s, now_ms);
		break;
	default:
		session_find_again(core, s, NULL, now_ms);
	}
}

static void tick_one(struct core *core, struct session *s, int64_t now_ms)
{
	if (s->deadline_ms <= now_ms)
		out_of_time(core, s, now_ms);
	else if (s->state == SESSION_RESTRICTING && s->retry_ms <= now_ms)
		session_ask(core, s, SESSION_RESTRICTING, FX_CHANNEL_RESTRICT, s->row.channel_id,
			now_ms);
	else
		leaving_tick(core, s, now_ms);
}

void session_tick(struct core *core, int64_t now_ms)
{
	leaving_check_members(core, now_ms);
	session_time_each(core, now_ms, tick_one);
	making_tick(core, now_ms);
	pump(core, now_ms);
}

int64_t session_deadline(const struct core *core)
{
	int64_t at = making_has_room(core) ? 0 : session_time_deadline(core);

	if (core->ready && !core->stopping && core->jobs)
		at = min_of(at, core->members_ms);
	return at;
}

void core_load_session(struct core *core, const struct session_row *row)
{
	struct session *s = session_get(core, row->user_id);

	s->row = *row;
	mend_session(&s->row);
	s->saved_ms = s->row.active_ms;
	s->state = row->channel_id ? SESSION_READY : SESSION_NONE;
}
