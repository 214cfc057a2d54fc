/* SPDX-License-Identifier: Apache-2.0 */
/* What a person does: commands, autocomplete, buttons, words. Refused as the client would. */
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/discord_impl.h"

uint64_t discord_world_add_user(struct discord_world *w, const char *username, bool admin)
{
	struct dw_user *u = dw_user_new(w, username, false);

	dw_member_add(w, w->home, u, admin ? w->home->roles[2].id : 0);
	w->version++;
	return u->id;
}

void discord_world_set_locale(struct discord_world *w, uint64_t user_id, const char *locale)
{
	struct dw_user *u = dw_user_find(w, user_id);

	if (u)
		str_set(&u->locale, locale);
}

uint64_t discord_world_add_channel(
	struct discord_world *w, const char *name, uint64_t parent_id, int type)
{
	struct dw_channel *ch = dw_channel_new(w, w->home, type, name, parent_id);

	if (w->sessions)
		dw_dispatch(w, "CHANNEL_CREATE", DW_INTENT_GUILDS, w->home, ch, NULL,
			dw_channel_json(ch));
	return ch->id;
}

uint64_t discord_world_find_channel(struct discord_world *w, const char *name)
{
	for (struct dw_channel *ch = w->channels; ch; ch = ch->hh.next)
		if (!ch->deleted && str_eq(ch->name, name))
			return ch->id;
	return 0;
}

uint64_t discord_world_add_guild(struct discord_world *w, bool with_bot)
{
	struct dw_guild *g = dw_guild_new(w, 0, "Another guild", with_bot);
	struct json_object *d;

	g->owner_id = w->home->owner_id;
	dw_member_add(w, g, dw_user_find(w, g->owner_id), 0);
	(void)dw_channel_new(w, g, DW_TEXT, "general", 0);
	if (with_bot) {
		/* A guild just joined says nothing about `unavailable`. */
		d = dw_guild_create_json(w, g);
		json_object_object_del(d, "unavailable");
		dw_dispatch(w, "GUILD_CREATE", DW_INTENT_GUILDS, g, NULL, NULL, d);
	}
	return g->id;
}

void discord_world_kick_bot(struct discord_world *w, uint64_t guild_id)
{
	struct dw_guild *g = dw_guild_find(w, guild_id ? guild_id : w->home->id);

	if (g && g->bot_in)
		dw_guild_lost(w, g);
}

/* Where it is typed; NULL with a sentence. A guild without a channel given: its first one. */
struct dw_channel *dw_place(struct discord_world *w, uint64_t user_id, uint64_t channel_id,
	uint64_t guild_id, const char **why)
{
	struct dw_guild *guild =
		guild_id && guild_id != WORLD_DM ? dw_guild_find(w, guild_id) : w->home;
	struct dw_channel *ch = dw_channel_find(w, channel_id);

	*why = "There is no such channel.";
	for (struct dw_channel *at = w->channels; at && !channel_id && !ch; at = at->hh.next)
		if (!at->deleted && at->guild == guild && at->type == DW_TEXT)
			ch = at;
	if (!ch || ch->type == DW_CATEGORY)
		return NULL;
	*why = "There is no such member.";
	if (!dw_member_find(ch->guild, user_id)) {
		if (!guild_id || guild_id == WORLD_DM || !dw_user_find(w, user_id))
			return NULL;
		/* In another guild everybody may join at once. */
		dw_member_add(w, ch->guild, dw_user_find(w, user_id), 0);
	}
	*why = "You cannot see this channel.";
	if (!(dw_permissions(ch, user_id) & DW_VIEW_CHANNEL))
		return NULL;
	return ch;
}

bool dw_command_hidden_for(uint64_t have, struct json_object *command)
{
	uint64_t need = json_id(command, "default_member_permissions");

	if (have == DW_ALL_PERMISSIONS)
		return false;
	if (!(have & DW_USE_COMMANDS))
		return true;
	if (!json_member(command, "default_member_permissions"))
		return false;
	return need == 0 || (have & need) != need;
}

bool dw_command_hidden(struct dw_channel *ch, uint64_t user_id, struct json_object *command)
{
	return dw_command_hidden_for(dw_permissions(ch, user_id), command);
}

static uint64_t invoke(struct discord_world *w, enum dw_kind kind, uint64_t user_id,
	struct dw_channel *ch, bool dm, const char *name, const char *focused,
	struct json_object *options, char **ret_why, int64_t now_ms)
{
	struct json_object *command = dw_command_find(w, ch->guild, name, 1);
	cleanup(json_put) struct json_object *data = json_object_new_object();
	cleanup(json_put) struct json_object *none = json_object_new_object();
	struct dw_interaction *it;

	/* The application stays in the picker of the home guild only while it is installed. */
	if (!command || (!ch->guild->bot_in && ch->guild == w->home)) {
		*ret_why = xasprintf("There is no command /%s.", name);
		return 0;
	}
	if (user_id != w->let_through && dw_command_hidden(ch, user_id, command)) {
		*ret_why = xstrdup("You may not use this command here.");
		return 0;
	}
	json_add(data, "id", json_object_get(json_member(command, "id")));
	json_add_str(data, "name", name);
	json_add_int(data, "type", 1);
	if (json_member(command, "guild_id"))
		json_add_id(data, "guild_id", ch->guild->id);
	*ret_why = dw_options_fill(w, ch, user_id, json_array(command, "options"),
		json_object_is_type(options, json_type_object) ? options : none, focused, data);
	if (*ret_why)
		return 0;
	if (dw_permissions(ch, user_id) == DW_ALL_PERMISSIONS)
		w->asked_ms = now_ms;
	it = dw_interaction_new(w, kind, dw_user_find(w, user_id), ch, now_ms);
	it->command = xstrdup(name);
	it->dm = dm;
	json_put(&it->data);
	it->data = take(data);
	dw_interaction_send(w, it);
	return it->id;
}

uint64_t discord_world_command(struct discord_world *w, uint64_t user_id, uint64_t channel_id,
	uint64_t guild_id, const char *command, struct json_object *options, char **ret_why,
	int64_t now_ms)
{
	const char *why;
	char *unused = NULL;
	struct dw_channel *ch;
	uint64_t id;

	w->now_ms = now_ms;
	ch = dw_place(w, user_id, channel_id, guild_id, &why);
	if (!ch) {
		if (ret_why)
			*ret_why = xstrdup(why);
		return 0;
	}
	if (ch->guild != w->home && !dw_command_find(w, ch->guild, command, 1)) {
		/* The application was installed there too: what it registered at home is shown. */
		json_put(&ch->guild->commands);
		ch->guild->commands = json_object_get(w->home->commands);
	}
	id = invoke(w, DW_COMMAND, user_id, ch, guild_id == WORLD_DM, command, NULL, options,
		&unused, now_ms);
	if (ret_why)
		*ret_why = take(unused);
	free(unused);
	return id;
}

uint64_t discord_world_autocomplete(struct discord_world *w, uint64_t user_id, uint64_t channel_id,
	const char *command, const char *focused, struct json_object *options, int64_t now_ms)
{
	const char *why;
	char *unused = NULL;
	struct dw_channel *ch;
	uint64_t id;

	w->now_ms = now_ms;
	ch = dw_place(w, user_id, channel_id, 0, &why);
	if (!ch)
		return 0;
	id = invoke(
		w, DW_AUTOCOMPLETE, user_id, ch, false, command, focused, options, &unused, now_ms);
	free(unused);
	return id;
}

/* What was chosen in a menu; a sentence the client would never let it come to is false. */
static bool add_chosen(struct discord_world *w, struct dw_channel *ch, uint64_t user_id,
	struct json_object *component, struct json_object *values, struct json_object *data)
{
	struct json_object *list = dw_menu_values(w, ch, user_id, component, values, data);

	if (!list)
		return false;
	json_add(data, "values", list);
	return true;
}

uint64_t discord_world_press(struct discord_world *w, uint64_t user_id, uint64_t channel_id,
	uint64_t message_id, const char *custom_id, struct json_object *values, int64_t now_ms)
{
	struct dw_message *m = dw_message_find(w, message_id);
	struct json_object *component = m ? dw_component_find(m->raw_components, custom_id) : NULL;
	cleanup(json_put) struct json_object *data = json_object_new_object();
	int64_t type = json_int(component, "type", 2);
	struct dw_interaction *it;
	struct dw_channel *ch;
	const char *why;

	w->now_ms = now_ms;
	ch = dw_place(w, user_id, m ? m->channel->id : channel_id, 0, &why);
	if (!ch || !m || m->deleted || !component || json_flag(component, "disabled", false) ||
		(m->ephemeral_for && m->ephemeral_for != user_id))
		return 0;
	json_add_str(data, "custom_id", custom_id);
	json_add_int(data, "component_type", type);
	json_add_int(data, "id", json_int(component, "id", 1));
	if (type != 2 && !add_chosen(w, ch, user_id, component, values, data))
		return 0;
	it = dw_interaction_new(w, DW_COMPONENT, dw_user_find(w, user_id), ch, now_ms);
	it->source_id = m->id;
	json_put(&it->data);
	it->data = take(data);
	dw_interaction_send(w, it);
	return it->id;
}

uint64_t discord_world_say(struct discord_world *w, uint64_t user_id, uint64_t channel_id,
	const char *text, struct json_object *files, int64_t now_ms)
{
	struct dw_message *m;
	struct dw_channel *ch;
	size_t n = json_len(files);
	const char *why;

	w->now_ms = now_ms;
	ch = dw_place(w, user_id, channel_id, 0, &why);
	if (!ch || !(dw_permissions(ch, user_id) & DW_SEND_MESSAGES) || (!*text && !n) ||
		dw_utf16_len(text) > 2000 || n > DISCORD_FILES_MAX)
		return 0;
	for (size_t i = 0; i < n; i++) {
		cleanup(freep) char *wrong =
			dw_upload_check(json_object_array_get_idx(files, i), "file");

		if (wrong)
			return 0;
	}
	if (dw_permissions(ch, user_id) == DW_ALL_PERMISSIONS)
		w->asked_ms = now_ms;
	m = dw_message_new(w, ch, dw_user_find(w, user_id));
	for (size_t i = 0; i < n; i++)
		m->files[m->n_files++] = dw_upload(w, ch, json_object_array_get_idx(files, i));
	str_set(&m->content, text);
	dw_message_mentions(w, m, NULL);
	dw_message_render(w, m);
	ch->last_message_id = m->id;
	dw_message_event(w, m, "MESSAGE_CREATE");
	return m->id;
}
