/* SPDX-License-Identifier: Apache-2.0 */
/* Private threads (type 12): below a text channel, seen by those who were added. */
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/discord_impl.h"

bool dw_thread_has(const struct dw_channel *ch, uint64_t user_id)
{
	for (size_t i = 0; i < ch->n_joined; i++)
		if (ch->joined[i] == user_id)
			return true;
	return false;
}

/* Discord: what the channel allows, to those who were added or may manage threads; writing has a
 * permission of its own. */
uint64_t dw_thread_permissions(const struct dw_channel *ch, uint64_t user_id)
{
	uint64_t p = dw_permissions(ch->thread_of, user_id);

	if (!dw_thread_has(ch, user_id) && !(p & DW_MANAGE_THREADS))
		return 0;
	p &= ~(uint64_t)DW_SEND_MESSAGES;
	return p & DW_SEND_IN_THREADS ? p | DW_SEND_MESSAGES : p;
}

void dw_thread_add_json(const struct dw_channel *ch, struct json_object *o)
{
	struct json_object *meta = json_object_new_object();

	json_object_object_del(o, "position");
	json_object_object_del(o, "permission_overwrites");
	json_add_id(o, "owner_id", ch->owner_id);
	json_add_int(o, "member_count", (int64_t)ch->n_joined);
	json_add_int(o, "message_count", (int64_t)ch->n_messages);
	json_add_int(o, "rate_limit_per_user", 0);
	json_add(o, "last_message_id", NULL);
	if (ch->last_message_id)
		json_add_id(o, "last_message_id", ch->last_message_id);
	json_add_bool(meta, "archived", false);
	json_add_int(meta, "auto_archive_duration", 1440);
	json_add_bool(meta, "locked", false);
	json_add_bool(meta, "invitable", false);
	json_add(o, "thread_metadata", meta);
}

struct json_object *dw_threads_json(struct discord_world *w, struct dw_guild *guild)
{
	struct json_object *list = json_object_new_array();

	for (struct dw_channel *ch = w->channels; ch; ch = ch->hh.next)
		if (!ch->deleted && ch->guild == guild && ch->type == DW_THREAD &&
			(dw_permissions(ch, w->bot->id) & DW_VIEW_CHANNEL))
			json_object_array_add(list, dw_channel_json(ch));
	return list;
}

void dw_thread_leave(struct dw_channel *ch, uint64_t user_id)
{
	for (size_t i = 0; i < ch->n_joined; i++)
		if (ch->joined[i] == user_id)
			ch->joined[i--] = ch->joined[--ch->n_joined];
}

static void join(struct dw_channel *ch, uint64_t user_id)
{
	if (dw_thread_has(ch, user_id))
		return;
	ch->joined = xrealloc(ch->joined, (ch->n_joined + 1) * sizeof(uint64_t));
	ch->joined[ch->n_joined++] = user_id;
}

static const struct dw_field thread_fields[] = {{"name", DW_STR | DW_REQUIRED, 100, 1},
	{"type", DW_INT}, {"invitable", DW_BOOL}, {"auto_archive_duration", DW_INT},
	{"rate_limit_per_user", DW_INT | DW_NULL}};

/* POST /channels/{id}/threads */
void dw_threads_create(struct dw_call *c)
{
	struct dw_channel *parent = dw_call_channel(c, c->id[0], DW_CREATE_PRIVATE_THREADS), *ch;
	int64_t minutes = json_int(c->body, "auto_archive_duration", 1440);
	struct json_object *d;

	if (!parent)
		return;
	dw_check_object(c, c->body, "", thread_fields, countof(thread_fields));
	if (json_int(c->body, "type", 11) != DW_THREAD)
		dw_invalid(c, "type", "BASE_TYPE_CHOICES", "The sandbox makes type 12");
	if (minutes != 60 && minutes != 1440 && minutes != 4320 && minutes != 10080)
		dw_invalid(c, "auto_archive_duration", "BASE_TYPE_CHOICES",
			"Value must be one of {60, 1440, 4320, 10080}");
	if (dw_refused(c))
		return;
	if (parent->type != DW_TEXT) {
		dw_fail(c, 400, 50024, "Cannot execute action on this channel type");
		return;
	}
	ch = dw_channel_new(c->w, parent->guild, DW_THREAD, json_str(c->body, "name"), parent->id);
	ch->thread_of = parent;
	ch->owner_id = c->w->bot->id;
	join(ch, c->w->bot->id);
	d = dw_channel_json(ch);
	json_add_bool(d, "newly_created", true);
	dw_dispatch(c->w, "THREAD_CREATE", DW_INTENT_GUILDS, ch->guild, ch, NULL, d);
	dw_reply(c, 201, dw_channel_json(ch));
}

static struct dw_channel *call_thread(struct dw_call *c)
{
	struct dw_channel *ch = dw_call_channel(c, c->id[0], 0);

	if (ch && ch->type != DW_THREAD) {
		dw_fail(c, 400, 50024, "Cannot execute action on this channel type");
		return NULL;
	}
	return ch;
}

static void members_event(
	struct discord_world *w, struct dw_channel *ch, const char *list, struct json_object *entry)
{
	struct json_object *d = json_object_new_object(), *entries = json_object_new_array();

	json_object_array_add(entries, entry);
	json_add_id(d, "id", ch->id);
	json_add_id(d, "guild_id", ch->guild->id);
	json_add_int(d, "member_count", (int64_t)ch->n_joined);
	json_add(d, list, entries);
	dw_dispatch(w, "THREAD_MEMBERS_UPDATE", DW_INTENT_GUILDS, ch->guild, ch, NULL, d);
}

/* PUT /channels/{id}/thread-members/{user} */
void dw_threads_add(struct dw_call *c)
{
	struct dw_channel *ch = call_thread(c);
	struct json_object *entry;

	if (!ch)
		return;
	if (!dw_member_find(ch->guild, c->id[1])) {
		dw_fail(c, 404, 10007, "Unknown Member");
		return;
	}
	if (!(dw_permissions(ch->thread_of, c->id[1]) & DW_VIEW_CHANNEL)) {
		dw_fail(c, 403, 50001, "Missing Access");
		return;
	}
	join(ch, c->id[1]);
	c->w->version++;
	entry = json_object_new_object();
	json_add_id(entry, "id", ch->id);
	json_add_id(entry, "user_id", c->id[1]);
	members_event(c->w, ch, "added_members", entry);
	c->res->status = 204;
}

/* DELETE /channels/{id}/thread-members/{user} */
void dw_threads_remove(struct dw_call *c)
{
	struct dw_channel *ch = call_thread(c);
	char id[24];

	if (!ch)
		return;
	if (!(dw_permissions(ch, c->w->bot->id) & DW_MANAGE_THREADS)) {
		dw_fail(c, 403, 50013, "Missing Permissions");
		return;
	}
	dw_thread_leave(ch, c->id[1]);
	c->w->version++;
	snprintf(id, sizeof(id), "%" PRIu64, c->id[1]);
	members_event(c->w, ch, "removed_member_ids", json_object_new_string(id));
	c->res->status = 204;
}

/* GET /guilds/{id}/threads/active */
void dw_threads_active(struct dw_call *c)
{
	struct dw_guild *g = dw_guild_find(c->w, c->id[0]);
	struct json_object *o;

	if (!g || !g->bot_in) {
		dw_fail(c, 404, 10004, "Unknown Guild");
		return;
	}
	o = json_object_new_object();
	json_add(o, "threads", dw_threads_json(c->w, g));
	json_add(o, "members", json_object_new_array());
	dw_reply(c, 200, o);
}
