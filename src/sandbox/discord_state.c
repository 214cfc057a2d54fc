/* SPDX-License-Identifier: Apache-2.0 */
/* The world as JSON: everything for tests and the judge, one member's view for the page. */
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/discord_impl.h"

static struct json_object *files_json(struct discord_world *w, struct dw_message *m)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < m->n_files; i++)
		json_object_array_add(list, dw_file_json(w, m->files[i]));
	return list;
}

/* The Message object and what Discord does not tell. */
static struct json_object *message_json(struct discord_world *w, struct dw_message *m)
{
	struct json_object *o = dw_copy(dw_message_json(w, m));

	json_add_id(o, "author_id", m->author->id);
	json_add_str(o, "nonce", m->nonce);
	json_add(o, "files", files_json(w, m));
	json_add_bool(o, "deleted", m->deleted || m->channel->deleted);
	json_add_int(o, "edits", m->edits);
	json_add_int(o, "created_ms", m->created_ms);
	json_add_bool(o, "ephemeral", m->ephemeral_for != 0);
	if (m->ephemeral_for)
		json_add_id(o, "ephemeral_for", m->ephemeral_for);
	if (m->interaction_id)
		json_add_id(o, "interaction_id", m->interaction_id);
	return o;
}

static struct json_object *joined_json(struct dw_channel *ch)
{
	struct json_object *list = json_object_new_array();
	char id[24];

	for (size_t i = 0; i < ch->n_joined; i++) {
		snprintf(id, sizeof(id), "%" PRIu64, ch->joined[i]);
		json_object_array_add(list, json_object_new_string(id));
	}
	return list;
}

static struct json_object *channel_json(struct dw_channel *ch)
{
	struct json_object *o = dw_channel_json(ch);

	json_add(o, "overwrites", json_object_get(json_member(o, "permission_overwrites")));
	json_add_bool(o, "deleted", ch->deleted);
	if (ch->type == DW_THREAD)
		json_add(o, "joined", joined_json(ch));
	return o;
}

static struct json_object *interaction_json(struct discord_world *w, struct dw_interaction *it)
{
	struct json_object *o = json_object_new_object();
	struct dw_message *m = it->original_id ? dw_message_find(w, it->original_id) : NULL;

	json_add_id(o, "id", it->id);
	json_add_id(o, "user_id", it->user_id);
	json_add_id(o, "channel_id", it->channel_id);
	json_add_id(o, "guild_id", it->guild_id);
	json_add_int(o, "type", it->kind);
	json_add_str(o, "command", it->command);
	json_add(o, "data", json_object_get(it->data));
	json_add_int(o, "created_ms", it->created_ms);
	json_add(o, "acked_ms", it->acked_ms ? json_object_new_int64(it->acked_ms) : NULL);
	json_add_int(o, "ack_type", it->ack_type);
	json_add_bool(o, "expired", !it->acked_ms && w->now_ms - it->created_ms > DW_ACK_MS);
	json_add_bool(o, "ephemeral", it->ephemeral);
	json_add_int(o, "followups", it->followups);
	json_add(o, "response", m ? message_json(w, m) : NULL);
	json_add(o, "choices", it->choices ? json_object_get(it->choices) : NULL);
	json_add(o, "modal", it->modal ? json_object_get(it->modal) : NULL);
	return o;
}

static struct json_object *users_json(struct discord_world *w, struct dw_guild *guild)
{
	struct json_object *list = json_object_new_array();

	for (struct dw_user *u = w->users; u; u = u->hh.next) {
		struct json_object *o = dw_copy(u->json);

		struct dw_member *m = dw_member_find(guild, u->id);

		json_add_str(o, "locale", u->locale);
		json_add_bool(o, "member", m != NULL);
		if (m && m->role_id)
			json_add_id(o, "role", m->role_id);
		json_add_bool(o, "admin", dw_guild_permissions(guild, u->id) == DW_ALL_PERMISSIONS);
		json_add_bool(o, "bot", u->bot);
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *log_json(struct discord_world *w)
{
	struct json_object *list = json_object_new_array();
	uint64_t from = w->n_requests > DW_LOG_MAX ? w->n_requests - DW_LOG_MAX : 0;

	for (uint64_t i = from; i < w->n_requests; i++) {
		struct json_object *o = json_object_new_object();

		json_add_str(o, "request", w->log[i % DW_LOG_MAX].text);
		json_add_int(o, "status", w->log[i % DW_LOG_MAX].status);
		json_add_int(o, "ms", w->log[i % DW_LOG_MAX].ms);
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *guild_json(struct discord_world *w, struct dw_guild *g)
{
	struct json_object *o = dw_guild_json(g);

	json_add_bool(o, "bot_in", g->bot_in);
	json_add_id(o, "bot_id", w->bot->id);
	json_add_id(o, "application_id", w->application_id);
	return o;
}

static struct json_object *gateway_json(struct discord_world *w)
{
	struct json_object *o = json_object_new_object();
	struct dw_session *s;
	int connected = 0;

	DL_FOREACH(w->sessions, s)
	connected += s->conn != NULL;
	json_add_int(o, "connections", (int64_t)HASH_COUNT(w->conns));
	json_add_int(o, "connected_sessions", connected);
	json_add_int(o, "opens", (int64_t)w->n_opens);
	json_add_int(o, "identifies_left", w->identifies_left);
	return o;
}

struct json_object *discord_world_messages(struct discord_world *w)
{
	struct json_object *list = json_object_new_array();
	struct dw_message *m;

	for (struct dw_channel *ch = w->channels; ch; ch = ch->hh.next)
		DL_FOREACH(ch->messages, m)
	json_object_array_add(list, message_json(w, m));
	return list;
}

struct json_object *discord_world_interactions(struct discord_world *w)
{
	struct json_object *list = json_object_new_array();

	for (struct dw_interaction *it = w->interactions; it; it = it->hh.next)
		json_object_array_add(list, interaction_json(w, it));
	return list;
}

void discord_world_state(struct discord_world *w, struct json_object *into)
{
	struct json_object *guilds = json_object_new_array(), *channels = json_object_new_array();

	for (struct dw_guild *g = w->guilds; g; g = g->hh.next)
		json_object_array_add(guilds, guild_json(w, g));
	for (struct dw_channel *ch = w->channels; ch; ch = ch->hh.next)
		json_object_array_add(channels, channel_json(ch));
	json_add(into, "guild", guild_json(w, w->home));
	json_add(into, "guilds", guilds);
	json_add(into, "users", users_json(w, w->home));
	json_add(into, "channels", channels);
	json_add(into, "messages", discord_world_messages(w));
	json_add(into, "interactions", discord_world_interactions(w));
	json_add(into, "commands", json_object_get(w->home->commands));
	json_add(into, "global_commands", json_object_get(w->global_commands));
	json_add(into, "gateway", gateway_json(w));
	json_add_int(into, "requests", (int64_t)w->n_requests);
	json_add_int(into, "spoilt", (int64_t)w->n_spoilt);
	json_add(into, "request_log", log_json(w));
	json_add(into, "violations", json_object_get(w->violations));
}

/* Shown to him as "the application did not respond", or as a window to fill in. */
static struct json_object *pending_json(struct discord_world *w, uint64_t user_id)
{
	struct json_object *list = json_object_new_array();

	for (struct dw_interaction *it = w->interactions; it; it = it->hh.next)
		if (it->user_id == user_id && it->kind != DW_AUTOCOMPLETE &&
			(!it->acked_ms || it->modal))
			json_object_array_add(list, interaction_json(w, it));
	return list;
}

/* The commands that Discord's client offers him. */
static struct json_object *commands_json(struct discord_world *w, uint64_t user_id)
{
	struct json_object *from[] = {w->home->commands, w->global_commands};
	struct json_object *list = json_object_new_array();
	uint64_t may = dw_guild_permissions(w->home, user_id);

	for (size_t i = 0; i < countof(from) && w->home->bot_in; i++)
		for (size_t k = 0; k < json_len(from[i]); k++) {
			struct json_object *o = json_object_array_get_idx(from[i], k);

			if (!dw_command_hidden_for(may, o))
				json_object_array_add(list, json_object_get(o));
		}
	return list;
}

/* Discord's client shows a category too when one of its channels can be seen. */
static bool is_shown(struct discord_world *w, struct dw_channel *ch, uint64_t user_id)
{
	if (ch->deleted || ch->guild != w->home)
		return false;
	if (dw_permissions(ch, user_id) & DW_VIEW_CHANNEL)
		return true;
	for (struct dw_channel *child = w->channels; child; child = child->hh.next)
		if (!child->deleted && child->parent_id == ch->id &&
			(dw_permissions(child, user_id) & DW_VIEW_CHANNEL))
			return true;
	return false;
}

struct json_object *discord_world_view(struct discord_world *w, uint64_t user_id)
{
	struct dw_user *user = dw_user_find(w, user_id);
	struct json_object *o = json_object_new_object(), *channels = json_object_new_array();
	struct json_object *messages = json_object_new_array();
	struct dw_message *m;

	for (struct dw_channel *ch = w->channels; ch && user; ch = ch->hh.next) {
		uint64_t may = dw_permissions(ch, user_id);
		struct json_object *c;

		if (!is_shown(w, ch, user_id))
			continue;
		c = channel_json(ch);
		json_add_bool(c, "may_send", (may & DW_SEND_MESSAGES) != 0);
		json_object_array_add(channels, c);
		DL_FOREACH(ch->messages, m)
		if (!m->deleted && (!m->ephemeral_for || m->ephemeral_for == user_id))
			json_object_array_add(messages, message_json(w, m));
	}
	json_add(o, "user", user ? json_object_get(user->json) : NULL);
	json_add(o, "guild", guild_json(w, w->home));
	json_add(o, "users", users_json(w, w->home));
	json_add(o, "channels", channels);
	json_add(o, "messages", messages);
	json_add(o, "interactions", pending_json(w, user_id));
	json_add(o, "commands", commands_json(w, user_id));
	json_add_int(o, "version", (int64_t)w->version);
	json_add_int(o, "violations", (int64_t)w->n_violations);
	return o;
}
