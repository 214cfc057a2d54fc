/* SPDX-License-Identifier: Apache-2.0 */
/* Channels, guilds, users and the gateway's address over REST. */
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/discord_impl.h"

#define OVERWRITES_MAX 100
#define NAME_CHANGE_MS 600000 /* Discord #1900: a name or topic changes twice in 10 minutes */

static struct dw_guild *call_guild(struct dw_call *c, uint64_t id)
{
	struct dw_guild *g = dw_guild_find(c->w, id);

	if (g && g->bot_in)
		return g;
	dw_fail(c, 404, 10004, "Unknown Guild");
	return NULL;
}

static bool may_manage(struct dw_call *c, struct dw_guild *g)
{
	if (dw_guild_permissions(g, c->w->bot->id) & DW_MANAGE_CHANNELS)
		return true;
	dw_violation(c->w, "missing_permissions", "MANAGE_CHANNELS");
	dw_fail(c, 403, 50013, "Missing Permissions");
	return false;
}

/* ---- overwrites ---- */

static const struct dw_field overwrite_fields[] = {{"id", DW_ID | DW_REQUIRED},
	{"type", DW_INT | DW_REQUIRED}, {"allow", DW_ID | DW_NULL}, {"deny", DW_ID | DW_NULL}};

static bool target_known(struct dw_call *c, struct dw_guild *g, const struct dw_overwrite *o)
{
	if (o->type == 1)
		return dw_user_find(c->w, o->id) != NULL;
	for (size_t i = 0; i < g->n_roles; i++)
		if (g->roles[i].id == o->id)
			return o->type == 0;
	return false;
}

/* Reads one overwrite; `have` is what the bot may do. False when the request was answered. */
static bool overwrite_read(struct dw_call *c, struct dw_guild *g, struct json_object *v,
	const char *path, uint64_t have, struct dw_overwrite *ret)
{
	*ret = (struct dw_overwrite){.id = json_id(v, "id"),
		.allow = json_id(v, "allow"),
		.deny = json_id(v, "deny"),
		.type = (int)json_int(v, "type", -1)};
	if (ret->allow & ret->deny)
		dw_invalid(c, path, "PERMISSION_OVERWRITE_CONFLICT", "allow and deny overlap");
	if (!target_known(c, g, ret)) {
		dw_violation(c->w, "unknown_overwrite", "%s names no %s", path,
			ret->type == 1 ? "user" : "role");
		dw_fail(c, 404, ret->type == 1 ? 10013 : 10011,
			ret->type == 1 ? "Unknown User" : "Unknown Role");
		return false;
	}
	/* Discord: the bot needs every bit that it allows or denies. MANAGE_ROLES inside an
	 * overwrite takes an administrator (#2522). */
	if (((ret->allow | ret->deny) & ~have) ||
		(((ret->allow | ret->deny) & DW_MANAGE_ROLES) && have != DW_ALL_PERMISSIONS)) {
		dw_violation(
			c->w, "missing_permissions", "%s has bits the bot does not hold", path);
		dw_fail(c, 403, 50013, "Missing Permissions");
		return false;
	}
	return true;
}

static bool overwrites_read(
	struct dw_call *c, struct dw_guild *g, struct json_object *list, struct dw_overwrite *ret)
{
	uint64_t have = dw_guild_permissions(g, c->w->bot->id);
	bool hidden = false, bot = false;
	char path[DW_PATH_SIZE];

	if (json_len(list) > OVERWRITES_MAX)
		dw_invalid(c, "permission_overwrites", "BASE_TYPE_MAX_LENGTH",
			"Must be 100 or fewer in length.");
	for (size_t i = 0; i < json_len(list) && i < OVERWRITES_MAX; i++) {
		struct json_object *v = json_object_array_get_idx(list, i);

		dw_path(path, "permission_overwrites", "%zu", i);
		if (!dw_check_object(c, v, path, overwrite_fields, countof(overwrite_fields)))
			continue;
		if (!overwrite_read(c, g, v, path, have, &ret[i]))
			return false;
		for (size_t k = 0; k < i; k++)
			if (ret[k].id == ret[i].id)
				dw_invalid(c, path, "DUPLICATE", "Two overwrites for one id");
		hidden |= ret[i].id == g->id && (ret[i].deny & DW_VIEW_CHANNEL);
		bot |= ret[i].id == c->w->bot->id && (ret[i].allow & DW_VIEW_CHANNEL);
	}
	if (hidden && !bot && have != DW_ALL_PERMISSIONS)
		dw_violation(c->w, "locked_out",
			"@everyone is denied VIEW_CHANNEL, the bot is not allowed it");
	return true;
}

/* ---- channels ---- */

static bool parent_ok(struct dw_call *c, struct dw_guild *g, uint64_t parent_id)
{
	struct dw_channel *parent = dw_channel_find(c->w, parent_id);
	size_t n = 0;

	if (!parent || parent->type != DW_CATEGORY || parent->guild != g) {
		HASH_FIND(hh, c->w->channels, &parent_id, sizeof(parent_id), parent);
		/* Somebody may have deleted the category a moment ago: no offence. */
		if (parent && parent->deleted)
			dw_error(c, "parent_id", "CHANNEL_PARENT_INVALID",
				"Category does not exist");
		else
			dw_invalid(c, "parent_id", "CHANNEL_PARENT_INVALID",
				"Category does not exist");
		return false;
	}
	for (struct dw_channel *ch = c->w->channels; ch; ch = ch->hh.next)
		n += !ch->deleted && ch->parent_id == parent_id;
	if (n < CATEGORY_CHANNELS_MAX)
		return true;
	dw_invalid(c, "parent_id", "CHANNEL_PARENT_MAX_CHANNELS",
		"Maximum number of channels in category reached (50)");
	return false;
}

static const struct dw_field channel_fields[] = {{"name", DW_STR, 100, 1},
	{"type", DW_INT | DW_NULL}, {"topic", DW_STR | DW_NULL, 1024},
	{"parent_id", DW_ID | DW_NULL}, {"permission_overwrites", DW_ARR | DW_NULL},
	{"nsfw", DW_BOOL | DW_NULL}, {"position", DW_INT | DW_NULL},
	{"rate_limit_per_user", DW_INT | DW_NULL}};

static bool create_checks(struct dw_call *c, struct dw_guild *g)
{
	int64_t type = json_int(c->body, "type", DW_TEXT);
	size_t n = 0;

	dw_check_object(c, c->body, "", channel_fields, countof(channel_fields));
	if (!json_str(c->body, "name"))
		dw_invalid(c, "name", "BASE_TYPE_REQUIRED", "This field is required");
	if (type != DW_TEXT && type != DW_CATEGORY)
		dw_invalid(c, "type", "BASE_TYPE_CHOICES", "The sandbox makes types 0 and 4");
	if (type == DW_CATEGORY && json_member(c->body, "topic"))
		dw_violation(c->w, "topic_useless", "a category has no topic");
	if (json_id(c->body, "parent_id"))
		(void)parent_ok(c, g, json_id(c->body, "parent_id"));
	if (dw_refused(c))
		return false;
	for (struct dw_channel *ch = c->w->channels; ch; ch = ch->hh.next)
		n += !ch->deleted && ch->guild == g && ch->type != DW_THREAD;
	if (n < GUILD_CHANNELS_MAX)
		return true;
	dw_fail(c, 400, 30013, "Maximum number of guild channels reached (500)");
	return false;
}

static void channel_event(struct discord_world *w, struct dw_channel *ch, const char *event)
{
	dw_dispatch(w, event, DW_INTENT_GUILDS, ch->guild, ch, NULL, dw_channel_json(ch));
}

void dw_channels_create(struct dw_call *c)
{
	struct dw_guild *g = call_guild(c, c->id[0]);
	struct json_object *list = json_array(c->body, "permission_overwrites");
	cleanup(freep) struct dw_overwrite *read =
		xcalloc(min_of(json_len(list), (size_t)OVERWRITES_MAX) + 1, sizeof(*read));
	struct dw_channel *ch, *parent;

	if (!g || !may_manage(c, g) || !create_checks(c, g) || !overwrites_read(c, g, list, read) ||
		dw_refused(c))
		return;
	ch = dw_channel_new(c->w, g, (int)json_int(c->body, "type", DW_TEXT),
		json_str(c->body, "name"), json_id(c->body, "parent_id"));
	ch->topic = ch->type == DW_TEXT ? xstrdup(json_str(c->body, "topic")) : NULL;
	ch->nsfw = json_flag(c->body, "nsfw", false);
	for (size_t i = 0; i < json_len(list); i++)
		dw_channel_overwrite(ch, &read[i]);
	/* Without overwrites of its own a channel copies its category's. */
	parent = dw_channel_find(c->w, ch->parent_id);
	for (size_t i = 0; !json_len(list) && parent && i < parent->n_overwrites; i++)
		dw_channel_overwrite(ch, &parent->overwrites[i]);
	channel_event(c->w, ch, "CHANNEL_CREATE");
	dw_reply(c, 201, dw_channel_json(ch));
}

void dw_channels_list(struct dw_call *c)
{
	struct dw_guild *g = call_guild(c, c->id[0]);

	if (g)
		dw_reply(c, 200, dw_channels_json(c->w, g));
}

void dw_channels_get(struct dw_call *c)
{
	struct dw_channel *ch = dw_call_channel(c, c->id[0], 0);

	if (ch)
		dw_reply(c, 200, dw_channel_json(ch));
}

/* The sub-limit that headers do not show: 429 with Remaining > 0. */
static bool rename_ok(struct dw_call *c, struct dw_channel *ch)
{
	struct json_object *unused;
	int64_t wait;

	if (c->w->config.no_rate_limits ||
		(!json_object_object_get_ex(c->body, "name", &unused) &&
			!json_object_object_get_ex(c->body, "topic", &unused)))
		return true;
	wait = ch->renamed_ms[0] ? ch->renamed_ms[0] + NAME_CHANGE_MS - c->now_ms : 0;
	if (wait > 0) {
		dw_limits_429(c->res, "user", (double)wait / 1000);
		return false;
	}
	ch->renamed_ms[0] = ch->renamed_ms[1];
	ch->renamed_ms[1] = c->now_ms;
	return true;
}

void dw_channels_edit(struct dw_call *c)
{
	struct dw_channel *ch = dw_call_channel(c, c->id[0], DW_MANAGE_CHANNELS);
	struct json_object *list = json_array(c->body, "permission_overwrites"), *v;
	cleanup(freep) struct dw_overwrite *read =
		xcalloc(min_of(json_len(list), (size_t)OVERWRITES_MAX) + 1, sizeof(*read));

	if (!ch)
		return;
	dw_check_object(c, c->body, "", channel_fields, countof(channel_fields));
	if (json_id(c->body, "parent_id") && json_id(c->body, "parent_id") != ch->parent_id)
		(void)parent_ok(c, ch->guild, json_id(c->body, "parent_id"));
	if (dw_refused(c) || !rename_ok(c, ch) ||
		(list && !overwrites_read(c, ch->guild, list, read)) || dw_refused(c))
		return;
	if (json_str(c->body, "name")) {
		free(ch->name);
		ch->name = dw_channel_name(json_str(c->body, "name"), ch->type);
	}
	if (json_object_object_get_ex(c->body, "topic", &v))
		str_set(&ch->topic, v ? json_object_get_string(v) : NULL);
	if (json_object_object_get_ex(c->body, "parent_id", &v))
		ch->parent_id = json_id(c->body, "parent_id");
	ch->nsfw = json_flag(c->body, "nsfw", ch->nsfw);
	if (list)
		ch->n_overwrites = 0;
	for (size_t i = 0; i < json_len(list); i++)
		dw_channel_overwrite(ch, &read[i]);
	c->w->version++;
	channel_event(c->w, ch, "CHANNEL_UPDATE");
	dw_reply(c, 200, dw_channel_json(ch));
}

static struct dw_channel *a_thread_of(struct discord_world *w, const struct dw_channel *ch)
{
	for (struct dw_channel *t = w->channels; t; t = t->hh.next)
		if (!t->deleted && t->thread_of == ch)
			return t;
	return NULL;
}

void dw_channel_remove(struct discord_world *w, struct dw_channel *ch)
{
	struct dw_channel *thread;

	while ((thread = a_thread_of(w, ch)))
		dw_channel_remove(w, thread);
	/* Told before it is gone: afterwards nobody may see it. */
	channel_event(w, ch, ch->type == DW_THREAD ? "THREAD_DELETE" : "CHANNEL_DELETE");
	dw_channel_delete(w, ch);
}

void dw_channels_delete(struct dw_call *c)
{
	struct dw_channel *gone, *ch;

	HASH_FIND(hh, c->w->channels, &c->id[0], sizeof(c->id[0]), gone);
	/* A DELETE may be repeated after a doubtful failure, but not for ever. */
	if (!gone)
		dw_violation(c->w, "delete_unknown", "there never was such a channel");
	else if (gone->deleted && ++gone->deletes > 3)
		dw_violation(c->w, "delete_unknown", "deleted %d times", gone->deletes);
	ch = dw_call_channel(c, c->id[0],
		gone && gone->type == DW_THREAD ? DW_MANAGE_THREADS : DW_MANAGE_CHANNELS);
	if (!ch)
		return;
	dw_reply(c, 200, dw_channel_json(ch));
	dw_channel_remove(c->w, ch);
}

/* PUT /channels/{id}/permissions/{overwrite} */
void dw_channels_permission(struct dw_call *c)
{
	struct dw_channel *ch = dw_call_channel(c, c->id[0], DW_MANAGE_ROLES);
	struct dw_overwrite o;

	if (!ch)
		return;
	dw_check_object(c, c->body, "", overwrite_fields + 1, countof(overwrite_fields) - 1);
	json_add_id(c->body, "id", c->id[1]);
	if (dw_refused(c) ||
		!overwrite_read(c, ch->guild, c->body, "permission",
			dw_permissions(ch, c->w->bot->id), &o) ||
		dw_refused(c))
		return;
	dw_channel_overwrite(ch, &o);
	c->w->version++;
	channel_event(c->w, ch, "CHANNEL_UPDATE");
	c->res->status = 204;
}

/* ---- guilds, users, the application ---- */

void dw_guilds_get(struct dw_call *c)
{
	struct dw_guild *g = call_guild(c, c->id[0]);

	if (g)
		dw_reply(c, 200, dw_guild_json(g));
}

void dw_guilds_roles(struct dw_call *c)
{
	struct dw_guild *g = call_guild(c, c->id[0]);
	struct json_object *list;

	if (!g)
		return;
	list = json_object_new_array();
	for (size_t i = 0; i < g->n_roles; i++)
		json_object_array_add(list, dw_role_json(&g->roles[i]));
	dw_reply(c, 200, list);
}

void dw_guilds_member(struct dw_call *c)
{
	struct dw_guild *g = call_guild(c, c->id[0]);
	struct dw_member *m = dw_member_find(g, c->id[1]);

	if (g && m)
		dw_reply(c, 200, dw_member_json(m, true));
	else if (g)
		dw_fail(c, 404, 10007, "Unknown Member");
}

void dw_guilds_mine(struct dw_call *c)
{
	struct json_object *list = json_object_new_array();

	for (struct dw_guild *g = c->w->guilds; g; g = g->hh.next) {
		struct json_object *o;

		if (!g->bot_in)
			continue;
		o = json_object_new_object();
		json_add_id(o, "id", g->id);
		json_add_str(o, "name", g->name);
		json_add(o, "icon", NULL);
		json_add(o, "banner", NULL);
		json_add_bool(o, "owner", false);
		json_add_id(o, "permissions", dw_guild_permissions(g, c->w->bot->id));
		json_add(o, "features", json_object_new_array());
		json_object_array_add(list, o);
	}
	dw_reply(c, 200, list);
}

void dw_guild_lost(struct discord_world *w, struct dw_guild *guild)
{
	struct json_object *d = json_object_new_object();

	json_add_id(d, "id", guild->id);
	/* No `unavailable`: that would mean an outage. */
	dw_dispatch(w, "GUILD_DELETE", DW_INTENT_GUILDS, guild, NULL, NULL, d);
	dw_member_remove(guild, w->bot->id);
	guild->bot_in = false;
	w->version++;
}

void dw_guilds_leave(struct dw_call *c)
{
	struct dw_guild *g = call_guild(c, c->id[0]);

	if (!g)
		return;
	dw_guild_lost(c->w, g);
	c->res->status = 204;
}

void dw_me_get(struct dw_call *c)
{
	struct json_object *o = dw_copy(c->w->bot->json);

	json_add_bool(o, "verified", true);
	json_add_bool(o, "mfa_enabled", true);
	json_add_str(o, "locale", "en-US");
	json_add(o, "email", NULL);
	json_add_int(o, "flags", 0);
	dw_reply(c, 200, o);
}

void dw_user_get(struct dw_call *c)
{
	struct dw_user *u = dw_user_find(c->w, c->id[0]);

	if (u)
		dw_reply(c, 200, json_object_get(u->json));
	else
		dw_fail(c, 404, 10013, "Unknown User");
}

void dw_application_get(struct dw_call *c)
{
	dw_reply(c, 200, dw_application_json(c->w));
}

void dw_gateway_get(struct dw_call *c)
{
	struct json_object *o = json_object_new_object();

	json_add_str(o, "url", c->w->gateway_url);
	dw_reply(c, 200, o);
}

void dw_gateway_bot_get(struct dw_call *c)
{
	struct discord_world *w = c->w;
	struct json_object *o = json_object_new_object(), *limit = json_object_new_object();

	dw_limits_forgive(w);
	json_add_int(limit, "total", 1000);
	json_add_int(limit, "remaining", w->identifies_left);
	json_add_int(limit, "reset_after", max_of(w->identifies_reset_ms - c->now_ms, 0));
	json_add_int(limit, "max_concurrency", 1);
	json_add_str(o, "url", w->gateway_url);
	json_add_int(o, "shards", 1);
	json_add(o, "session_start_limit", limit);
	dw_reply(c, 200, o);
}

bool discord_world_next_channel(const struct discord_world *w, struct world_channel *channel)
{
	const struct dw_channel *ch = channel->at;

	do {
		ch = ch ? ch->hh.next : w->channels;
	} while (ch && ch->deleted);
	*channel = (struct world_channel){ch};
	if (!ch)
		return false;
	channel->id = ch->id;
	channel->name = ch->name;
	channel->topic = ch->topic ? ch->topic : "";
	return true;
}

size_t discord_world_channels_made(const struct discord_world *w)
{
	return HASH_COUNT(w->channels) + w->n_forgotten;
}

const char *discord_world_channel_about(const struct discord_world *w, uint64_t channel_id)
{
	struct dw_channel *ch;

	HASH_FIND(hh, w->channels, &channel_id, sizeof(channel_id), ch);
	if (!ch)
		return NULL;
	return ch->thread_of ? ch->name : ch->topic ? ch->topic : "";
}
