/* SPDX-License-Identifier: Apache-2.0 */
#include "core/session.h"

#include <stdlib.h>

#include "core/state.h"

/* Each ask for a channel ends within this, else it is made again. */
#define ASK_DEADLINE_MS 120000
#define MAKE_TRIES_MAX	6

static int64_t snowflake_time(uint64_t id)
{
	return (int64_t)(id >> 22) + INT64_C(1420070400000); /* Discord's epoch, 2015 */
}

struct session *session_find(const struct core *core, uint64_t user_id)
{
	struct session *s;

	HASH_FIND(hh, core->sessions, &user_id, sizeof(user_id), s);
	return s;
}

static struct session *session_get(struct core *core, uint64_t user_id)
{
	struct session *s = session_find(core, user_id);

	if (s)
		return s;
	s = xcalloc(1, sizeof(*s));
	s->row.user_id = user_id;
	s->row.guild_id = core->guild_id;
	s->retry_ms = s->deadline_ms = NEVER;
	HASH_ADD(hh, core->sessions, row.user_id, sizeof(s->row.user_id), s);
	return s;
}

static void session_drop(struct core *core, struct session *s)
{
	if (core->making == s)
		core->making = NULL;
	HASH_DEL(core->sessions, s);
	free(s->username);
	free(s);
}

void session_free_all(struct core *core)
{
	struct session *s, *next;

	HASH_ITER(hh, core->sessions, s, next)
	session_drop(core, s);
}

static bool is_wanted(const struct core *core, const struct session *s)
{
	for (const struct job *job = core->jobs; job; job = job->next)
		if (job->row.user_id == s->row.user_id && job->step == JOB_CHANNEL && !job->enter)
			return true;
	return false;
}

static bool has_jobs(const struct core *core, const struct session *s)
{
	for (const struct job *job = core->jobs; job; job = job->next)
		if (job->row.user_id == s->row.user_id && job->step < STORE_ENDED)
			return true;
	return false;
}

static void set_state(struct session *s, enum session_state state)
{
	s->state = state;
	s->epoch++;
	s->retry_ms = s->deadline_ms = NEVER;
}

/* Enters a state whose effect is answered by core_session_answer(). */
static void ask(struct core *core, struct session *s, enum session_state state,
	enum effect_kind kind, uint64_t id, int64_t now_ms)
{
	set_state(s, state);
	s->deadline_ms = now_ms + ASK_DEADLINE_MS;
	core_emit(core,
		(struct effect){
			.kind = kind, .user_id = s->row.user_id, .epoch = s->epoch, .id = id});
}

static void save(struct core *core, struct session *s)
{
	s->saved_ms = s->row.active_ms;
	core_emit(core, (struct effect){.kind = FX_SESSION_SAVE, .user_id = s->row.user_id});
}

static void ready(struct core *core, struct session *s, int64_t now_ms)
{
	if (core->making == s)
		core->making = NULL;
	set_state(s, SESSION_READY);
	s->tries = 0;
	s->row.active_ms = max_of(s->row.active_ms, now_ms);
	save(core, s);
	for (struct job *job = core->jobs, *next; job; job = next) {
		next = job->next;
		if (job->row.user_id == s->row.user_id && job->step == JOB_CHANNEL && !job->enter) {
			job->row.channel_id = s->row.channel_id;
			core_channel_ready(core, job, now_ms);
		}
	}
}

static void refused(struct core *core, struct session *s, const char *detail, int64_t now_ms)
{
	if (core->making == s)
		core->making = NULL;
	set_state(s, SESSION_NONE);
	s->tries = 0;
	for (struct job *job = core->jobs, *next; job; job = next) {
		next = job->next;
		if (job->row.user_id == s->row.user_id && job->step == JOB_CHANNEL && !job->enter)
			core_channel_refused(core, job, detail, now_ms);
	}
}

/* Lets the next member who waits have his channel found. */
static void pump(struct core *core, int64_t now_ms)
{
	struct session *s, *next;

	if (core->making || !core->ready)
		return;
	HASH_ITER(hh, core->sessions, s, next)
	{
		if (s->state != SESSION_WAITING || (s->retry_ms != NEVER && s->retry_ms > now_ms))
			continue;
		core->making = s;
		ask(core, s, SESSION_FINDING, FX_CHANNEL_LIST, 0, now_ms);
		return;
	}
}

/* What was being made may or may not be there: list the channels again before making anything. */
static void find_again(struct core *core, struct session *s, const char *detail, int64_t now_ms)
{
	core->making = NULL;
	if (++s->tries >= MAKE_TRIES_MAX) {
		refused(core, s, detail ? detail : "Discord does not answer", now_ms);
		return;
	}
	set_state(s, SESSION_WAITING);
	s->retry_ms = now_ms + backoff_ms(core->rng, s->tries - 1, 1000, BACKOFF_MAX_MS);
}

void session_want(struct core *core, struct job *job, int64_t now_ms)
{
	struct session *s = session_get(core, job->row.user_id);

	str_set(&s->username, job->row.username);
	if (s->state == SESSION_READY) {
		s->row.active_ms = max_of(s->row.active_ms, now_ms);
		job->row.channel_id = s->row.channel_id;
		core_channel_ready(core, job, now_ms);
	} else if (s->state == SESSION_NONE) {
		set_state(s, SESSION_WAITING);
		pump(core, now_ms);
	}
}

void session_touch(struct core *core, uint64_t user_id, int64_t now_ms)
{
	struct session *s = session_find(core, user_id);
	int64_t grain = min_of((int64_t)60000, core->config.session_ttl_ms / 4);

	if (!s || s->state != SESSION_READY)
		return;
	s->row.active_ms = max_of(s->row.active_ms, now_ms);
	if (s->row.active_ms - s->saved_ms >= grain)
		save(core, s);
}

void core_activity(struct core *core, uint64_t channel_id, int64_t now_ms)
{
	struct session *s, *next;

	HASH_ITER(hh, core->sessions, s, next)
	if (s->row.channel_id == channel_id && channel_id)
		session_touch(core, s->row.user_id, now_ms);
}

/* ---- categories ---- */

static bool is_our_category(const char *name)
{
	uint64_t n;

	return str_eq(name, "sessions") ||
	       (str_starts(name, "sessions-") && parse_u64(name + 9, &n) == 0);
}

static struct core_category *category_find(struct core *core, uint64_t id)
{
	for (size_t i = 0; i < core->n_categories; i++)
		if (core->categories[i].id == id)
			return &core->categories[i];
	return NULL;
}

static struct core_category *category_with_room(struct core *core)
{
	for (size_t i = 0; i < core->n_categories; i++)
		if (!core->categories[i].full &&
			core->categories[i].children < CATEGORY_CHANNELS_MAX)
			return &core->categories[i];
	return NULL;
}

static void create_channel(struct core *core, struct session *s, int64_t now_ms)
{
	struct core_category *c = category_with_room(core);

	if (c)
		ask(core, s, SESSION_CREATING, FX_CHANNEL_CREATE, c->id, now_ms);
	else if (core->n_categories < CATEGORIES_MAX)
		ask(core, s, SESSION_CATEGORY, FX_CATEGORY_CREATE, core->n_categories + 1, now_ms);
	else
		refused(core, s, "all categories for private channels are full", now_ms);
}

static void list_categories(struct core *core, const struct core_channel *channels, size_t n)
{
	core->n_categories = 0;
	for (size_t i = 0; i < n && core->n_categories < CATEGORIES_MAX; i++)
		if (channels[i].category && is_our_category(channels[i].name))
			core->categories[core->n_categories++] =
				(struct core_category){.id = channels[i].id};
	for (size_t i = 0; i < n; i++) {
		struct core_category *c = category_find(core, channels[i].parent_id);

		if (c)
			c->children++;
	}
}

/*
 * A channel with a member's marker below a category of ours that the others
 * cannot see is that member's, also when a crash kept its row from being written.
 */
static void adopt(struct core *core, const struct core_channel *c)
{
	struct session *s = session_get(core, c->user_id);

	if (s->row.channel_id)
		return;
	s->row.channel_id = c->id;
	s->row.active_ms = snowflake_time(max_of(c->last_message_id, c->id));
	if (s->state == SESSION_NONE)
		s->state = SESSION_READY;
	save(core, s);
}

static bool in_list(const struct core_channel *channels, size_t n, uint64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (channels[i].id == id)
			return true;
	return false;
}

void core_channels(struct core *core, const struct core_channel *channels, size_t n, int64_t now_ms)
{
	struct session *s, *next;

	list_categories(core, channels, n);
	/* A list may be older than a channel that was just made. */
	HASH_ITER(hh, core->sessions, s, next)
	if (s->row.channel_id && !in_list(channels, n, s->row.channel_id) &&
		snowflake_time(s->row.channel_id) < now_ms - 60000)
		core_channel_gone(core, s->row.channel_id, now_ms);
	for (size_t i = 0; i < n; i++)
		if (channels[i].user_id && channels[i].hidden && !channels[i].category &&
			category_find(core, channels[i].parent_id))
			adopt(core, &channels[i]);
}

void core_channel_gone(struct core *core, uint64_t channel_id, int64_t now_ms)
{
	struct session *s, *next;

	if (!channel_id)
		return;
	HASH_ITER(hh, core->sessions, s, next)
	{
		if (s->row.channel_id != channel_id)
			continue;
		s->row.channel_id = 0;
		core_emit(core, (struct effect){.kind = FX_SESSION_DROP, .id = s->row.user_id});
		if (s->state == SESSION_READY || s->state == SESSION_DELETING) {
			s->tries = 0;
			set_state(s, is_wanted(core, s) ? SESSION_WAITING : SESSION_NONE);
		}
	}
	for (struct job *job = core->jobs; job; job = job->next)
		if (job->row.channel_id == channel_id && job->step < JOB_TIDY) {
			job->row.channel_id = 0;
			job->row.live_id = 0;
			core_save(core, job);
		}
}

/* ---- answers ---- */

static void answer_finding(struct core *core, struct session *s, enum answer answer,
	const char *detail, int64_t now_ms)
{
	if (answer == ANSWER_NO)
		refused(core, s, detail, now_ms);
	else if (answer != ANSWER_OK)
		find_again(core, s, detail, now_ms);
	else if (s->row.channel_id)
		ready(core, s, now_ms);
	else
		create_channel(core, s, now_ms);
}

static void answer_category(struct core *core, struct session *s, enum answer answer, uint64_t id,
	const char *detail, int64_t now_ms)
{
	if (answer == ANSWER_NO) {
		refused(core, s, detail, now_ms);
	} else if (answer != ANSWER_OK || !id) {
		find_again(core, s, detail, now_ms);
	} else {
		must(core->n_categories < CATEGORIES_MAX);
		core->categories[core->n_categories++] = (struct core_category){.id = id};
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
	} else if (answer == ANSWER_NO || answer == ANSWER_TOO_LARGE) {
		refused(core, s, detail, now_ms);
	} else if (answer != ANSWER_OK || !id) {
		find_again(core, s, detail, now_ms);
	} else {
		if (c)
			c->children++;
		s->row.channel_id = id;
		ready(core, s, now_ms);
	}
}

static void answer_deleting(struct core *core, struct session *s, enum answer answer,
	const char *detail, int64_t now_ms)
{
	if (answer == ANSWER_AGAIN || answer == ANSWER_DOUBT) {
		s->retry_ms = now_ms + backoff_ms(core->rng, s->tries++, 1000, BACKOFF_MAX_MS);
		s->deadline_ms = NEVER;
		return;
	}
	if (answer == ANSWER_NO) { /* tried again after another idle time */
		core_log(core, LOG_WARN, NULL, "channel %" PRIu64 " could not be removed: %s",
			s->row.channel_id, detail ? detail : "refused");
		s->row.active_ms = now_ms;
		ready(core, s, now_ms);
		return;
	}
	core_emit(core, (struct effect){.kind = FX_SESSION_DROP, .id = s->row.user_id});
	s->row.channel_id = 0;
	s->tries = 0;
	if (is_wanted(core, s))
		set_state(s, SESSION_WAITING);
	else
		set_state(s, SESSION_NONE);
}

void core_session_answer(struct core *core, uint64_t user_id, uint32_t epoch, enum answer answer,
	uint64_t id, const char *detail, int64_t now_ms)
{
	struct session *s = session_find(core, user_id);

	if (!s || s->epoch != epoch)
		return;
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
	case SESSION_DELETING:
		answer_deleting(core, s, answer, detail, now_ms);
		break;
	default:
		break;
	}
	pump(core, now_ms);
	core_tick(core, now_ms);
}

/* ---- time ---- */

static void tick_one(struct core *core, struct session *s, int64_t now_ms)
{
	if (s->deadline_ms <= now_ms) {
		s->deadline_ms = NEVER;
		if (s->state == SESSION_DELETING)
			answer_deleting(core, s, ANSWER_DOUBT, NULL, now_ms);
		else
			find_again(core, s, NULL, now_ms);
	} else if (s->state == SESSION_DELETING && s->retry_ms <= now_ms) {
		ask(core, s, SESSION_DELETING, FX_CHANNEL_DELETE, s->row.channel_id, now_ms);
	} else if (s->state == SESSION_READY && core->ready && !core->stopping &&
		   now_ms - s->row.active_ms >= core->config.session_ttl_ms && !has_jobs(core, s)) {
		ask(core, s, SESSION_DELETING, FX_CHANNEL_DELETE, s->row.channel_id, now_ms);
	} else if (s->state == SESSION_NONE && !has_jobs(core, s)) {
		session_drop(core, s);
	}
}

void session_tick(struct core *core, int64_t now_ms)
{
	struct session *s, *next;

	HASH_ITER(hh, core->sessions, s, next)
	tick_one(core, s, now_ms);
	pump(core, now_ms);
}

int64_t session_deadline(const struct core *core)
{
	struct session *s, *next;
	int64_t at = NEVER;

	HASH_ITER(hh, core->sessions, s, next)
	{
		bool idle = s->state == SESSION_READY && core->ready && !core->stopping &&
			    !has_jobs(core, s);

		at = min_of(at, s->deadline_ms);
		if (s->state == SESSION_DELETING || (s->state == SESSION_WAITING && !core->making))
			at = min_of(at, s->retry_ms);
		if (idle)
			at = min_of(at, s->row.active_ms + core->config.session_ttl_ms);
	}
	return at;
}

void core_load_session(struct core *core, const struct session_row *row)
{
	struct session *s = session_get(core, row->user_id);

	s->row = *row;
	s->saved_ms = row->active_ms;
	s->state = row->channel_id ? SESSION_READY : SESSION_NONE;
}
