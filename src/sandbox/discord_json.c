/* SPDX-License-Identifier: Apache-2.0 */
/* Users, roles, channels and guilds as the API shows them. */
#include <stdio.h>

#include "sandbox/discord_impl.h"

static void add_nulls(struct json_object *o, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		json_add(o, names[i], NULL);
}

struct json_object *dw_copy(struct json_object *obj)
{
	struct json_object *copy = json_object_new_object();

	/* What the client put under a name that means nothing may be of any type. */
	if (!json_object_is_type(obj, json_type_object))
		return copy;
	json_object_object_foreach(obj, name, value) json_add(copy, name, json_object_get(value));
	return copy;
}

struct json_object *dw_role_json(const struct dw_role *role)
{
	struct json_object *o = json_object_new_object();

	json_add_id(o, "id", role->id);
	json_add_str(o, "name", role->name);
	json_add_int(o, "color", 0);
	json_add_bool(o, "hoist", false);
	json_add(o, "icon", NULL);
	json_add(o, "unicode_emoji", NULL);
	json_add_int(o, "position", role->position);
	json_add_id(o, "permissions", role->permissions);
	json_add_bool(o, "managed", role->position == 1);
	json_add_bool(o, "mentionable", false);
	json_add_int(o, "flags", 0);
	return o;
}

struct json_object *dw_member_json(const struct dw_member *m, bool with_user)
{
	static const char *const nulls[] = {
		"avatar", "banner", "nick", "premium_since", "communication_disabled_until"};
	struct json_object *o = json_object_new_object(), *roles = json_object_new_array();
	char id[24];

	if (m->role_id) {
		snprintf(id, sizeof(id), "%" PRIu64, m->role_id);
		json_object_array_add(roles, json_object_new_string(id));
	}
	if (with_user)
		json_add(o, "user", json_object_get(m->user->json));
	add_nulls(o, nulls, countof(nulls));
	json_add(o, "roles", roles);
	json_add(o, "joined_at", dw_time(m->joined_ms));
	json_add_bool(o, "deaf", false);
	json_add_bool(o, "mute", false);
	json_add_bool(o, "pending", false);
	json_add_int(o, "flags", 0);
	return o;
}

struct json_object *dw_channel_json(const struct dw_channel *ch)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	json_add_id(o, "id", ch->id);
	json_add_int(o, "type", ch->type);
	json_add_id(o, "guild_id", ch->guild->id);
	json_add_str(o, "name", ch->name);
	json_add_int(o, "position", ch->position);
	json_add_int(o, "flags", 0);
	json_add(o, "parent_id", NULL);
	if (ch->parent_id)
		json_add_id(o, "parent_id", ch->parent_id);
	for (size_t i = 0; i < ch->n_overwrites; i++) {
		struct json_object *p = json_object_new_object();

		json_add_id(p, "id", ch->overwrites[i].id);
		json_add_int(p, "type", ch->overwrites[i].type);
		json_add_id(p, "allow", ch->overwrites[i].allow);
		json_add_id(p, "deny", ch->overwrites[i].deny);
		json_object_array_add(list, p);
	}
	json_add(o, "permission_overwrites", list);
	if (ch->type == DW_THREAD)
		dw_thread_add_json(ch, o);
	if (ch->type == DW_CATEGORY || ch->type == DW_THREAD)
		return o;
	json_add_str(o, "topic", ch->topic);
	json_add_bool(o, "nsfw", ch->nsfw);
	json_add_int(o, "rate_limit_per_user", 0);
	json_add(o, "last_message_id", NULL);
	if (ch->last_message_id)
		json_add_id(o, "last_message_id", ch->last_message_id);
	return o;
}

void dw_json_freeze(struct json_object *o)
{
	json_object_set_serializer(o, json_object_userdata_to_json_string, json_text(o),
		json_object_free_userdata);
}

static struct json_object *listed(struct dw_channel *ch)
{
	if (!ch->listed) {
		ch->listed = dw_channel_json(ch);
		dw_json_freeze(ch->listed);
	}
	return json_object_get(ch->listed);
}

/* GUILD_CREATE and GET /guilds/{id}/channels show every channel, also those the bot cannot see. */
struct json_object *dw_channels_json(struct discord_world *w, struct dw_guild *guild)
{
	struct json_object *list = json_object_new_array();

	for (struct dw_channel *ch = w->channels; ch; ch = ch->hh.next)
		if (!ch->deleted && ch->guild == guild && ch->type != DW_THREAD)
			json_object_array_add(list, listed(ch));
	return list;
}

struct json_object *dw_guild_json(struct dw_guild *guild)
{
	static const char *const nulls[] = {"icon", "icon_hash", "splash", "discovery_splash",
		"afk_channel_id", "application_id", "system_channel_id", "rules_channel_id",
		"vanity_url_code", "description", "banner", "public_updates_channel_id",
		"safety_alerts_channel_id", "max_presences"};
	static const char *const lists[] = {"emojis", "features", "stickers"};
	struct json_object *o = json_object_new_object(), *roles = json_object_new_array();

	json_add_id(o, "id", guild->id);
	json_add_str(o, "name", guild->name);
	json_add_id(o, "owner_id", guild->owner_id);
	for (size_t i = 0; i < guild->n_roles; i++)
		json_object_array_add(roles, dw_role_json(&guild->roles[i]));
	json_add(o, "roles", roles);
	add_nulls(o, nulls, countof(nulls));
	for (size_t i = 0; i < countof(lists); i++)
		json_add(o, lists[i], json_object_new_array());
	json_add_str(o, "region", "deprecated");
	json_add_str(o, "preferred_locale", "en-US");
	json_add_int(o, "afk_timeout", 300);
	json_add_int(o, "verification_level", 0);
	json_add_int(o, "default_message_notifications", 0);
	json_add_int(o, "explicit_content_filter", 0);
	json_add_int(o, "mfa_level", 0);
	json_add_int(o, "system_channel_flags", 0);
	json_add_int(o, "max_members", 500000);
	json_add_int(o, "premium_tier", 0);
	json_add_int(o, "premium_subscription_count", 0);
	json_add_int(o, "nsfw_level", 0);
	json_add_int(o, "max_video_channel_users", 25);
	json_add_int(o, "max_stage_video_channel_users", 50);
	json_add_bool(o, "nsfw", false);
	json_add_bool(o, "premium_progress_bar_enabled", false);
	return o;
}

struct json_object *dw_guild_create_json(struct discord_world *w, struct dw_guild *guild)
{
	static const char *const lists[] = {"voice_states", "presences", "stage_instances",
		 "guild_scheduled_events", "soundboard_sounds"};
	struct json_object *o = dw_guild_json(guild), *members = json_object_new_array();
	struct dw_member *bot = dw_member_find(guild, w->bot->id);

	json_add(o, "joined_at", dw_time(bot ? bot->joined_ms : w->now_ms));
	json_add_bool(o, "large", false);
	json_add_bool(o, "unavailable", false);
	json_add_int(o, "member_count", (int64_t)guild->n_members);
	/* Without GUILD_PRESENCES the list holds the bot only. */
	if (bot)
		json_object_array_add(members, dw_member_json(bot, true));
	json_add(o, "members", members);
	json_add(o, "channels", dw_channels_json(w, guild));
	json_add(o, "threads", dw_threads_json(w, guild));
	for (size_t i = 0; i < countof(lists); i++)
		json_add(o, lists[i], json_object_new_array());
	return o;
}

struct json_object *dw_application_json(struct discord_world *w)
{
	struct json_object *o = json_object_new_object();

	json_add_id(o, "id", w->application_id);
	json_add_str(o, "name", w->bot->username);
	json_add(o, "icon", NULL);
	json_add_str(o, "description", "");
	json_add(o, "type", NULL);
	json_add(o, "bot", json_object_get(w->bot->json));
	json_add_bool(o, "bot_public", false);
	json_add_bool(o, "bot_require_code_grant", false);
	json_add_str(o, "verify_key",
		"0000000000000000000000000000000000000000000000000000000000000000");
	/* GATEWAY_MESSAGE_CONTENT_LIMITED: switched on, for an application in few servers. */
	json_add_int(o, "flags", w->content_refused ? 0 : 1 << 19);
	json_add_str(o, "flags_new", w->content_refused ? "0" : "524288");
	json_add(o, "owner", json_object_get(dw_user_find(w, w->home->owner_id)->json));
	json_add(o, "team", NULL);
	json_add_int(o, "approximate_guild_count", (int64_t)HASH_COUNT(w->guilds));
	json_add(o, "redirect_uris", json_object_new_array());
	json_add(o, "interactions_endpoint_url", NULL);
	json_add(o, "role_connections_verification_url", NULL);
	json_add(o, "event_webhooks_url", NULL);
	return o;
}
