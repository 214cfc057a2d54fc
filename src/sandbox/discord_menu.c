/* SPDX-License-Identifier: Apache-2.0 */
/* What a person does beside typing: a message's menu, a modal, leaving the server. */
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/discord_impl.h"

uint64_t discord_world_menu(struct discord_world *w, uint64_t user_id, uint64_t message_id,
	const char *name, char **ret_why, int64_t now_ms)
{
	struct dw_message *m = dw_message_find(w, message_id);
	struct json_object *command, *messages, *resolved;
	struct dw_interaction *it;
	struct dw_channel *ch;
	const char *why;
	char key[24];

	w->now_ms = now_ms;
	ch = dw_place(w, user_id, m ? m->channel->id : 0, 0, &why);
	command = ch ? dw_command_find(w, ch->guild, name, 3) : NULL;
	if (!ch || !m || m->deleted || !command || dw_command_hidden(ch, user_id, command)) {
		*ret_why = xstrdup(ch ? "The menu of this message has no such entry." : why);
		return 0;
	}
	it = dw_interaction_new(w, DW_COMMAND, dw_user_find(w, user_id), ch, now_ms);
	it->command = xstrdup(name);
	json_add(it->data, "id", json_object_get(json_member(command, "id")));
	json_add_str(it->data, "name", name);
	json_add_int(it->data, "type", 3);
	json_add_id(it->data, "target_id", m->id);
	snprintf(key, sizeof(key), "%" PRIu64, m->id);
	messages = json_object_new_object();
	json_add(messages, key, json_object_get(dw_message_json(w, m)));
	resolved = json_object_new_object();
	json_add(resolved, "messages", messages);
	json_add(it->data, "resolved", resolved);
	dw_interaction_send(w, it);
	return it->id;
}

/* A Label around each field, as the modal was given; fields: {"custom_id":"text"}. */
static struct json_object *labels(struct json_object *modal, struct json_object *fields)
{
	struct json_object *list = json_object_new_array(),
			   *given = json_array(modal, "components");

	for (size_t i = 0; i < json_len(given); i++) {
		struct json_object *row = json_object_array_get_idx(given, i);
		struct json_object *field = json_member(row, "component");
		struct json_object *label = json_object_new_object(),
				   *inside = json_object_new_object();
		const char *id = json_str(field, "custom_id"), *text = json_str(fields, id);

		json_add_int(inside, "type", json_int(field, "type", 4));
		json_add_str(inside, "custom_id", id);
		json_add_str(inside, "value", text ? text : "");
		json_add_int(label, "type", 18);
		json_add(label, "component", inside);
		json_object_array_add(list, label);
	}
	return list;
}

uint64_t discord_world_modal(struct discord_world *w, uint64_t user_id, uint64_t interaction_id,
	struct json_object *fields, int64_t now_ms)
{
	struct dw_interaction *asked = dw_interaction_find(w, interaction_id), *it;
	struct dw_channel *ch;
	const char *why;

	w->now_ms = now_ms;
	if (!asked || !asked->modal || asked->user_id != user_id)
		return 0;
	ch = dw_place(w, user_id, asked->channel_id, 0, &why);
	if (!ch)
		return 0;
	it = dw_interaction_new(w, DW_MODAL, dw_user_find(w, user_id), ch, now_ms);
	it->source_id = asked->source_id;
	json_add_str(it->data, "custom_id", json_str(asked->modal, "custom_id"));
	json_add(it->data, "components", labels(asked->modal, fields));
	json_put(&asked->modal); /* the window is closed */
	dw_interaction_send(w, it);
	return it->id;
}

void discord_world_leave(struct discord_world *w, uint64_t user_id)
{
	/* Without the intent GUILD_MEMBERS, which is privileged, the bot hears nothing of it. */
	dw_member_remove(w->home, user_id);
	for (struct dw_channel *ch = w->channels; ch; ch = ch->hh.next)
		dw_thread_leave(ch, user_id);
	w->version++;
}

void discord_world_restrict(struct discord_world *w, uint64_t channel_id, bool restricted)
{
	struct dw_channel *ch = dw_channel_find(w, channel_id);

	if (!ch)
		return;
	ch->nsfw = restricted;
	dw_dispatch(
		w, "CHANNEL_UPDATE", DW_INTENT_GUILDS, ch->guild, ch, NULL, dw_channel_json(ch));
}
