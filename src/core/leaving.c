/* SPDX-License-Identifier: Apache-2.0 */
#include "core/session_in.h"

/*
 * How a channel ends: announced when nobody used it for long, kept when its
 * member says so or uses it, then removed; at once when the member has left the
 * server or wants everything of his erased.
 */

/* The announcement stands this long, in short idle times a sixth of them. */
#define WARNING_MS (5 * 60 * 1000)
/* An answer about a member is good for so long. */
#define MEMBER_FRESH_MS 60000
/* So often an announcement that is not found in the channel is made again. */
#define WARNINGS_MAX 3
/* Members whose jobs wait are asked for so often; looked through every tenth of that. */
#define MEMBER_EVERY_MS (10 * 60 * 1000)

static int64_t lead_ms(const struct core *core)
{
	return min_of((int64_t)WARNING_MS, core->config.session_ttl_ms / 6);
}

/* When the next thing happens to an idle channel: its warning, else its end. A channel is not
 * removed before its warning has stood, also when the bot was down in between. */
static int64_t due_ms(const struct core *core, const struct session *s)
{
	int64_t end_ms = s->row.active_ms + core->config.session_ttl_ms;

	if (!s->row.warned_ms)
		return end_ms - lead_ms(core);
	return max_of(end_ms, s->row.warned_ms + lead_ms(core));
}

/* ---- is the member still there? ---- */

static void ask_member(struct core *core, struct session *s, int64_t now_ms)
{
	if (s->asking_ms != NEVER)
		return;
	s->asking_ms = now_ms + ASK_DEADLINE_MS;
	core_emit(core, (struct effect){.kind = FX_MEMBER, .user_id = s->row.user_id});
}

void session_check_member(struct core *core, uint64_t user_id, int64_t now_ms)
{
	ask_member(core, session_get(core, user_id), now_ms);
}

void leaving_check_members(struct core *core, int64_t now_ms)
{
	if (!core->ready || core->stopping || core->members_ms > now_ms)
		return;
	core->members_ms = now_ms + MEMBER_EVERY_MS / 10;
	for (const struct job *job = core->jobs; job; job = job->next) {
		struct session *s = queue_waits(job) ? session_find(core, job->row.user_id) : NULL;

		if (s && !s->left && now_ms - s->member_ms >= MEMBER_EVERY_MS)
			ask_member(core, s, now_ms);
	}
}

void session_member_is_here(struct core *core, uint64_t user_id, int64_t now_ms)
{
	struct session *s = session_find(core, user_id);

	if (!s)
		return;
	s->left = false;
	s->member_ms = now_ms;
}

void core_member(struct core *core, uint64_t user_id, bool here, int64_t now_ms)
{
	struct session *s = session_find(core, user_id);

	if (!s || s->asking_ms == NEVER)
		return;
	s->asking_ms = NEVER;
	s->member_ms = now_ms;
	if (!here && !s->left)
		core_log(core, LOG_INFO, NULL, "user=%" PRIu64 " has left the server", user_id);
	s->left = !here;
	core_tick(core, now_ms);
}

/* ---- the announcement ---- */

void leaving_forget_warning(struct session *s)
{
	s->row.warned_ms = s->look_ms = 0;
	s->warning_id = 0;
	s->warnings = 0;
	s->looking = s->looked = false;
}

void leaving_unwarn(struct core *core, struct session *s)
{
	core_emit(core, (struct effect){.kind = FX_SESSION_UNWARN,
				.user_id = s->row.user_id,
				.id = s->row.channel_id,
				.message_id = s->warning_id});
	s->row.flags |= SESSION_OLD_WARNING;
	leaving_forget_warning(s);
}

/* What a process left standing that was killed before it could delete it. */
void leaving_ready(struct core *core)
{
	struct session *s, *next;

	HASH_ITER(hh, core->sessions, s, next)
	if ((s->row.flags & SESSION_OLD_WARNING) && s->row.channel_id && !s->row.warned_ms)
		leaving_unwarn(core, s);
}

/* Written down with the next change only: without it the next start looks once in vain. */
void core_unwarned(struct core *core, uint64_t user_id)
{
	struct session *s = session_find(core, user_id);

	if (s)
		s->row.flags &= ~SESSION_OLD_WARNING;
}

/* A slow Discord or database lets it stand later than it was wanted. */
static void stands(struct session *s, uint64_t message_id, int64_t now_ms)
{
	int64_t since_ms = min_of(snowflake_time(message_id), now_ms);

	s->warning_id = message_id;
	s->row.warned_ms = max_of(s->row.warned_ms, since_ms);
}

void core_warned(struct core *core, uint64_t user_id, uint64_t channel_id, enum answer answer,
	uint64_t message_id, int64_t now_ms)
{
	struct session *s = session_find(core, user_id);
	bool perhaps = answer == ANSWER_OK || answer == ANSWER_DOUBT;

	if (!s)
		return;
	if (s->warning_in == channel_id)
		s->warning_in = 0;
	if (s->row.channel_id == channel_id && s->row.warned_ms) {
		if (answer == ANSWER_OK)
			stands(s, message_id, now_ms);
	} else if (s->row.channel_id == channel_id && perhaps) {
		/* It was called off while it was on its way. */
		s->warning_id = message_id;
		leaving_unwarn(core, s);
	}
	core_tick(core, now_ms);
}

int64_t core_session_end(const struct core *core, uint64_t user_id)
{
	const struct session *s = session_look(core, user_id);

	if (!s || s->state != SESSION_READY)
		return 0;
	return s->row.warned_ms ? due_ms(core, s) : s->row.active_ms + core->config.session_ttl_ms;
}

bool core_keep(struct core *core, uint64_t user_id, int64_t now_ms)
{
	struct session *s = session_find(core, user_id);

	if (!s || (s->state != SESSION_READY && s->state != SESSION_RESTRICTING) ||
		session_is_leaving(s))
		return false;
	session_touch(core, user_id, now_ms);
	core_tick(core, now_ms);
	return true;
}

/* The row is written before the warning is posted, so that no restart says it again. */
static void announce(struct core *core, struct session *s, int64_t now_ms)
{
	s->row.warned_ms = now_ms;
	s->row.flags &= ~SESSION_OLD_WARNING;
	s->warnings++;
	s->warning_in = s->row.channel_id;
	s->saved_ms = s->row.active_ms;
	s->row.guild_id = core->guild_id;
	core_emit(core, (struct effect){.kind = FX_SESSION_WARN,
				.user_id = s->row.user_id,
				.id = s->row.channel_id});
}

static void warn(struct core *core, struct session *s, int64_t now_ms)
{
	if (now_ms - s->member_ms >= min_of((int64_t)MEMBER_FRESH_MS, lead_ms(core)))
		ask_member(core, s, now_ms);
	else
		announce(core, s, now_ms);
}

/*
 * The last look at a channel before it goes. A process that died between row and
 * message has warned nobody, and what the member wrote while nobody listened has
 * called nothing off.
 */
static void look(struct core *core, struct session *s, int64_t now_ms)
{
	if (s->look_ms > now_ms)
		return;
	s->looking = true;
	s->look_ms = now_ms + ASK_DEADLINE_MS;
	core_emit(core, (struct effect){.kind = FX_SESSION_LOOK,
				.user_id = s->row.user_id,
				.epoch = s->epoch,
				.id = s->row.channel_id});
}

static void looked(
	struct core *core, struct session *s, uint64_t warning_id, bool written, int64_t now_ms)
{
	bool known = s->warning_id != 0;

	if (warning_id && !known)
		stands(s, warning_id, now_ms);
	if (written)
		session_touch(core, s->row.user_id, now_ms);
	else if (!warning_id && !known && s->warnings < WARNINGS_MAX)
		announce(core, s, now_ms);
	else if (due_ms(core, s) <= now_ms) /* one that somebody has removed was read */
		s->looked = true;
}

void core_looked(struct core *core, uint64_t user_id, uint32_t epoch, enum answer answer,
	uint64_t warning_id, bool written, int64_t now_ms)
{
	struct session *s = session_find(core, user_id);

	if (!s || s->epoch != epoch || s->state != SESSION_READY || !take(s->looking))
		return;
	s->look_ms = 0;
	if (answer == ANSWER_OK)
		looked(core, s, warning_id, written, now_ms);
	else if (answer == ANSWER_AGAIN || answer == ANSWER_DOUBT)
		s->look_ms = now_ms + backoff_ms(core->rng, s->tries++, 1000, BACKOFF_MAX_MS);
	else if (answer == ANSWER_GONE)
		core_channel_gone(core, s->row.channel_id, now_ms);
	else /* nothing to be seen there for us */
		s->looked = true;
	core_tick(core, now_ms);
}

/* ---- the end ---- */

static enum sorry sorry_of(const struct session *s)
{
	return s->left ? SORRY_LEFT : SORRY_ERASED;
}

void leaving_turn_away(struct core *core, struct session *s, struct job *job, int64_t now_ms)
{
	job->no_channel = true;
	if (job->row.outcome == OUTCOME_APOLOGY)
		core_set_step(core, job, JOB_SORRY, now_ms);
	else
		core_sorry(core, job, sorry_of(s), NULL, now_ms);
}

static void cancel_jobs(struct core *core, struct session *s, int64_t now_ms)
{
	for (struct job *job = core->jobs, *next; job; job = next) {
		next = job->next;
		if (job->row.user_id != s->row.user_id)
			continue;
		if (job->step == JOB_CHANNEL && !job->enter && s->state < SESSION_READY)
			leaving_turn_away(core, s, job, now_ms);
		else
			(void)core_cancel_job(core, job, sorry_of(s), now_ms);
	}
	if (s->state == SESSION_WAITING)
		session_not_wanted(s);
}

/* A clock that was ahead has been put right since the row was written. */
static void put_right(struct session *s, int64_t now_ms)
{
	s->row.active_ms = min_of(s->row.active_ms, now_ms);
	s->row.warned_ms = min_of(s->row.warned_ms, now_ms);
	s->saved_ms = min_of(s->saved_ms, now_ms);
}

/* A look does not see an announcement that is on its way; a second one would follow it. */
static bool is_announcing(const struct session *s)
{
	return s->warning_in && s->warning_in == s->row.channel_id;
}

static void tick_ready(struct core *core, struct session *s, int64_t now_ms)
{
	bool over = session_is_leaving(s);

	put_right(s, now_ms);
	if (s->n_jobs || !core->ready || core->stopping || (!over && due_ms(core, s) > now_ms))
		return;
	if (!over && is_announcing(s))
		return;
	if (over || s->looked)
		session_ask(
			core, s, SESSION_DELETING, FX_CHANNEL_DELETE, s->row.channel_id, now_ms);
	else if (s->row.warned_ms)
		look(core, s, now_ms);
	else
		warn(core, s, now_ms);
}

static void tick_none(struct core *core, struct session *s, int64_t now_ms)
{
	if (s->n_jobs || s->asking_ms != NEVER)
		return;
	if (!(s->row.flags & SESSION_ERASE))
		session_drop(core, s);
	else if (core->ready && !core->stopping)
		session_ask(core, s, SESSION_ERASING, FX_ERASE, 0, now_ms);
}

void leaving_tick(struct core *core, struct session *s, int64_t now_ms)
{
	if (s->asking_ms <= now_ms) { /* nobody knows: as it was */
		s->asking_ms = NEVER;
		s->member_ms = now_ms;
	}
	if (s->n_jobs && session_is_leaving(s) && core->ready && !core->stopping)
		cancel_jobs(core, s, now_ms);
	switch (s->state) {
	case SESSION_NONE:
		tick_none(core, s, now_ms);
		break;
	case SESSION_READY:
		tick_ready(core, s, now_ms);
		break;
	case SESSION_DELETING:
		if (s->retry_ms <= now_ms)
			session_ask(core, s, SESSION_DELETING, FX_CHANNEL_DELETE, s->row.channel_id,
				now_ms);
		break;
	case SESSION_ERASING:
		if (s->retry_ms <= now_ms)
			session_ask(core, s, SESSION_ERASING, FX_ERASE, 0, now_ms);
		break;
	default:
		break;
	}
}

int64_t leaving_deadline(const struct core *core, const struct session *s)
{
	if (s->state == SESSION_READY && core->ready && !core->stopping && !s->n_jobs &&
		s->asking_ms == NEVER) {
		if (session_is_leaving(s))
			return 0;
		return is_announcing(s) ? NEVER : max_of(due_ms(core, s), s->look_ms);
	}
	/* The channel may have gone without an answer of ours. */
	if (s->state == SESSION_NONE && (s->row.flags & SESSION_ERASE) && core->ready &&
		!core->stopping && !s->n_jobs && s->asking_ms == NEVER)
		return 0;
	return s->asking_ms;
}

static void answer_deleting(struct core *core, struct session *s, enum answer answer,
	const char *detail, int64_t now_ms)
{
	bool refused = answer == ANSWER_NO || answer == ANSWER_FORBIDDEN;

	if (answer == ANSWER_AGAIN || answer == ANSWER_DOUBT) {
		s->retry_ms = now_ms + backoff_ms(core->rng, s->tries++, 1000, BACKOFF_MAX_MS);
		s->deadline_ms = NEVER;
		return;
	}
	if (refused)
		core_log(core, LOG_WARN, NULL, "channel %" PRIu64 " could not be removed: %s",
			s->row.channel_id, detail ? detail : "refused");
	if (answer == ANSWER_FORBIDDEN)
		session_forbidden(core, detail, now_ms);
	if (refused && !(s->row.flags & SESSION_ERASE)) { /* again after another idle time */
		s->row.active_ms = now_ms;
		s->left = false;
		session_ready(core, s, now_ms);
		return;
	}
	if (!refused)
		channel_remember_gone(core, s->row.channel_id);
	session_forget_channel(core, s);
	session_set_state(s, session_is_wanted(core, s, false) ? SESSION_WAITING : SESSION_NONE);
}

static void answer_erasing(struct core *core, struct session *s, enum answer answer, int64_t now_ms)
{
	if (answer != ANSWER_OK) {
		s->retry_ms = now_ms + backoff_ms(core->rng, s->tries++, 1000, BACKOFF_MAX_MS);
		s->deadline_ms = NEVER;
		return;
	}
	if (s->row.channel_id) { /* a list told of it meanwhile: it goes, and its row once more */
		session_ready(core, s, now_ms);
		return;
	}
	core_log(core, LOG_INFO, NULL, "all of user=%" PRIu64 " was erased", s->row.user_id);
	/* And the row that was written meanwhile because a channel came and went. */
	core_emit(core, (struct effect){.kind = FX_SESSION_DROP, .id = s->row.user_id});
	s->row.flags = 0;
	session_set_state(s, SESSION_NONE);
}

void leaving_answer(struct core *core, struct session *s, enum answer answer, const char *detail,
	int64_t now_ms)
{
	if (s->state == SESSION_ERASING)
		answer_erasing(core, s, answer, now_ms);
	else
		answer_deleting(core, s, answer, detail, now_ms);
}

bool core_erase(struct core *core, uint64_t user_id, int64_t now_ms)
{
	struct session *s = session_get(core, user_id);

	if (s->row.flags & SESSION_ERASE)
		return false;
	s->row.flags |= SESSION_ERASE;
	session_save(core, s);
	core_tick(core, now_ms);
	return true;
}

bool core_is_erasing(const struct core *core, uint64_t user_id)
{
	const struct session *s = session_look(core, user_id);

	return s && (s->row.flags & SESSION_ERASE);
}
