/* SPDX-License-Identifier: Apache-2.0 */
#include "core/session_in.h"

/* What Discord tells about channels: categories of ours, channels of members, what is gone. */

int64_t snowflake_time(uint64_t id)
{
	return (int64_t)(id >> 22) + INT64_C(1420070400000); /* Discord's epoch, 2015 */
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

struct core_category *category_with_room(struct core *core)
{
	for (size_t i = 0; i < core->n_categories; i++)
		if (!core->categories[i].full &&
			core->categories[i].children < CATEGORY_CHANNELS_MAX)
			return &core->categories[i];
	return NULL;
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

/* ---- channels ---- */

static void set_restricted(struct core *core, struct session *s, bool restricted, int64_t now_ms)
{
	int flags = (s->row.flags & ~SESSION_AGE_RESTRICTED) |
		    (restricted ? SESSION_AGE_RESTRICTED : 0);

	if (flags == s->row.flags)
		return;
	s->row.flags = flags;
	session_save(core, s);
	/* Somebody has lifted the restriction while a restricted picture is being made. */
	for (const struct job *job = restricted ? NULL : core->jobs; job; job = job->next)
		if (job->row.user_id == s->row.user_id && job_is_live(job) &&
			(job->row.flags & JOB_RESTRICTED)) {
			session_restrict(core, s, now_ms);
			return;
		}
}

void channel_remember_gone(struct core *core, uint64_t channel_id)
{
	core->gone[core->n_gone++ % GONE_CHANNELS_MAX] = channel_id;
}

static bool is_gone(const struct core *core, uint64_t channel_id)
{
	for (size_t i = 0; i < min_of(core->n_gone, (size_t)GONE_CHANNELS_MAX); i++)
		if (core->gone[i] == channel_id)
			return true;
	return false;
}

/*
 * A channel with a member's marker below a category of ours, or below none because
 * somebody deleted that, which the others cannot see is that member's, also when a
 * crash kept its row from being written.
 */
static void adopt(struct core *core, const struct core_channel *c)
{
	struct session *s = is_gone(core, c->id) ? NULL : session_get(core, c->user_id);

	if (!s || s->row.channel_id)
		return;
	s->row.channel_id = c->id;
	s->row.active_ms = snowflake_time(max_of(c->last_message_id, c->id));
	if (c->restricted)
		s->row.flags |= SESSION_AGE_RESTRICTED;
	if (s->state == SESSION_NONE)
		s->state = SESSION_READY;
	session_save(core, s);
}

void category_known(struct core *core, uint64_t id)
{
	if (!category_find(core, id) && core->n_categories < CATEGORIES_MAX)
		core->categories[core->n_categories++] = (struct core_category){.id = id};
}

void core_channels_made(
	struct core *core, const struct core_channel *channels, size_t n, int64_t now_ms)
{
	for (size_t i = 0; i < n; i++)
		if (channels[i].category && is_our_category(channels[i].name))
			category_known(core, channels[i].id);
	for (size_t i = 0; i < n; i++)
		if (channels[i].user_id && channels[i].hidden && !channels[i].category &&
			(!channels[i].parent_id || category_find(core, channels[i].parent_id)))
			adopt(core, &channels[i]);
}

static const struct core_channel *in_list(
	const struct core_channel *channels, size_t n, uint64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (channels[i].id == id)
			return &channels[i];
	return NULL;
}

/* Nobody has it any more. */
static void channel_lost(struct core *core, uint64_t channel_id, int64_t now_ms)
{
	struct session *s, *next;

	HASH_ITER(hh, core->sessions, s, next)
	{
		if (s->row.channel_id != channel_id)
			continue;
		session_forget_channel(core, s);
		if (s->state >= SESSION_READY)
			session_set_state(s,
				session_is_wanted(core, s, false) ? SESSION_WAITING : SESSION_NONE);
		else if (s->state == SESSION_JOINING)
			session_find_again(core, s, "the thread was deleted", now_ms);
	}
	for (struct job *job = core->jobs; job; job = job->next)
		if (job->row.channel_id == channel_id && job->step < JOB_TIDY) {
			job->row.channel_id = 0;
			job->row.live_id = 0;
			core_save(core, job);
		}
}

void core_channels(struct core *core, const struct core_channel *channels, size_t n, int64_t now_ms)
{
	struct session *s, *next;

	list_categories(core, channels, n);
	HASH_ITER(hh, core->sessions, s, next)
	{
		bool thread = s->row.flags & SESSION_THREAD; /* is in no list of channels */
		const struct core_channel *c =
			in_list(channels, n, thread ? s->parent_id : s->row.channel_id);

		if (!s->row.channel_id)
			continue;
		if (c)
			set_restricted(core, s, c->restricted, now_ms);
		/* A list may be older than a channel that was just made. */
		else if (!thread && snowflake_time(s->row.channel_id) < now_ms - 60000)
			channel_lost(core, s->row.channel_id, now_ms);
	}
	core_channels_made(core, channels, n, now_ms);
}

/* A thread of ours whose row a crash kept from being written, or that nobody needs any more. */
void core_threads(struct core *core, const struct core_channel *threads, size_t n, int64_t now_ms)
{
	for (size_t i = 0; i < n; i++) {
		struct session *s;

		if (!threads[i].user_id)
			continue;
		s = session_get(core, threads[i].user_id);
		if (s->row.channel_id == threads[i].id) {
			s->parent_id = threads[i].parent_id;
		} else if (s->row.channel_id) {
			core_emit(core, (struct effect){.kind = FX_CHANNEL_DELETE,
						.id = threads[i].id,
						.user_id = s->row.user_id});
		} else if (s->state <= SESSION_FINDING || s->state == SESSION_THREADS) {
			s->row.channel_id = threads[i].id;
			s->row.flags |= SESSION_THREAD;
			s->parent_id = threads[i].parent_id;
			if (s->state == SESSION_NONE)
				session_ask(core, s, SESSION_JOINING, FX_THREAD_JOIN, threads[i].id,
					now_ms);
		}
	}
}

void core_channel_changed(struct core *core, uint64_t channel_id, bool restricted, int64_t now_ms)
{
	struct session *s, *next;

	HASH_ITER(hh, core->sessions, s, next)
	if (channel_id && s->row.channel_id &&
		(s->row.flags & SESSION_THREAD ? s->parent_id : s->row.channel_id) == channel_id)
		set_restricted(core, s, restricted, now_ms);
}

void core_channel_gone(struct core *core, uint64_t channel_id, int64_t now_ms)
{
	if (!channel_id)
		return;
	channel_remember_gone(core, channel_id);
	channel_lost(core, channel_id, now_ms);
}
