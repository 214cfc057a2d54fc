/* SPDX-License-Identifier: Apache-2.0 */
/* What a person does beside typing: a message's menu, a modal, leaving the server; and what menus
 * and modals send. */
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

/* ---- menus ---- */

static bool offers(struct json_object *menu, const char *value)
{
	struct json_object *options = json_array(menu, "options");

	for (size_t i = 0; i < json_len(options); i++)
		if (str_eq(json_str(json_object_array_get_idx(options, i), "value"), value))
			return true;
	return false;
}

/* Discord's types of menus beside the one with options of its own. */
static bool pick_of(int64_t type, enum dw_pick *ret)
{
	static const enum dw_pick picks[] = {
		DW_PICK_USER, DW_PICK_ROLE, DW_PICK_MENTIONABLE, DW_PICK_CHANNEL};

	if (type < 5 || type > 8)
		return false;
	*ret = picks[type - 5];
	return true;
}

struct json_object *dw_menu_values(struct discord_world *w, struct dw_channel *ch, uint64_t user_id,
	struct json_object *menu, struct json_object *values, struct json_object *data)
{
	bool optional = !json_flag(menu, "required", true);
	int64_t n = (int64_t)json_len(values), type = json_int(menu, "type", 0);
	enum dw_pick pick = DW_PICK_USER;
	bool picks = pick_of(type, &pick);

	if (!picks && type != 3)
		return NULL;
	if (n > json_int(menu, "max_values", 1) ||
		(n < json_int(menu, "min_values", 1) && !(optional && n == 0)))
		return NULL;
	for (size_t i = 0; i < json_len(values); i++) {
		struct json_object *one = json_object_array_get_idx(values, i);
		const char *text = one ? json_object_get_string(one) : "";
		uint64_t id = 0;

		if (!picks && !offers(menu, text))
			return NULL;
		if (picks &&
			(parse_u64(text, &id) < 0 || !dw_resolve(w, ch, user_id, pick, id, data)))
			return NULL;
	}
	return values ? json_object_get(values) : json_object_new_array();
}

/* ---- modals ---- */

/* A window that is being sent. */
struct filling {
	struct discord_world *w;
	struct dw_channel *ch;
	uint64_t user_id;
	struct json_object *data;
	int next_id; /* Discord numbers components that have none */
};

static char *add_text(struct json_object *field, struct json_object *given, struct json_object *o)
{
	const char *text = given ? json_object_get_string(given) : "";
	size_t n = dw_utf16_len(text);

	if (n == 0 && json_flag(field, "required", true))
		return xstrdup("This field is required.");
	if (n > 0 && ((int64_t)n < json_int(field, "min_length", 0) ||
			     (int64_t)n > json_int(field, "max_length", 4000)))
		return xasprintf("Must have between %d and %d characters, it has %zu.",
			(int)json_int(field, "min_length", 0),
			(int)json_int(field, "max_length", 4000), n);
	json_add_str(o, "value", text);
	return NULL;
}

static char *add_files(struct filling *f, struct json_object *field, struct json_object *given,
	struct json_object *o)
{
	struct json_object *ids = json_object_new_array();
	int64_t n = (int64_t)json_len(given);
	char text[24];

	json_add(o, "values", ids);
	if (n > json_int(field, "max_values", 1))
		return xstrdup("Too many files.");
	if (n < json_int(field, "min_values", 1) && (n > 0 || json_flag(field, "required", true)))
		return xstrdup("This field is required.");
	for (size_t i = 0; i < json_len(given); i++) {
		char *why = dw_upload_check(json_object_array_get_idx(given, i), "this field");

		if (why)
			return why;
	}
	for (size_t i = 0; i < json_len(given); i++) {
		struct dw_file *file = dw_upload(f->w, f->ch, json_object_array_get_idx(given, i));

		dw_resolve_file(f->w, file, f->data);
		snprintf(text, sizeof(text), "%" PRIu64, file->id);
		json_object_array_add(ids, json_object_new_string(text));
	}
	return NULL;
}

/* What Discord sends of one field: text has a value, menus and files have values. */
static char *add_field(struct filling *f, struct json_object *field, struct json_object *given,
	struct json_object *o)
{
	int64_t type = json_int(field, "type", 4);
	struct json_object *values;

	json_add_int(o, "type", type);
	json_add_int(o, "id", json_int(field, "id", f->next_id++));
	json_add_str(o, "custom_id", json_str(field, "custom_id"));
	if (type == 4)
		return add_text(field, given, o);
	if (type == 19)
		return add_files(f, field, given, o);
	values = dw_menu_values(f->w, f->ch, f->user_id, field, given, f->data);
	if (!values)
		return xstrdup("Choose something from the list.");
	json_add(o, "values", values);
	return NULL;
}

/* One row of the window as it was given: a Label with its field, an old row with its field, or a
 * text. */
static char *add_row(struct filling *f, struct json_object *row, struct json_object *fields,
	struct json_object *list)
{
	int64_t type = json_int(row, "type", 18);
	struct json_object *field =
		type == 1 ? json_at(row, "components.0") : json_member(row, "component");
	struct json_object *o = json_object_new_object(), *inside, *inner;
	char *why;

	json_object_array_add(list, o);
	json_add_int(o, "type", type);
	json_add_int(o, "id", json_int(row, "id", f->next_id++));
	if (!field)
		return NULL;
	inside = json_object_new_object();
	if (type == 1) {
		inner = json_object_new_array();
		json_object_array_add(inner, inside);
		json_add(o, "components", inner);
	} else {
		json_add(o, "component", inside);
	}
	why = add_field(f, field, json_member(fields, json_str(field, "custom_id")), inside);
	if (why && json_str(row, "label")) {
		char *full = xasprintf("%s: %s", json_str(row, "label"), why);

		free(why);
		return full;
	}
	return why;
}

uint64_t discord_world_modal(struct discord_world *w, uint64_t user_id, uint64_t interaction_id,
	struct json_object *fields, char **ret_why, int64_t now_ms)
{
	struct dw_interaction *asked = dw_interaction_find(w, interaction_id), *it;
	cleanup(json_put) struct json_object *data = json_object_new_object();
	struct json_object *list = json_object_new_array(), *rows;
	struct filling f = {.w = w, .user_id = user_id, .data = data, .next_id = 1};
	const char *why, *forged; /* a client of somebody's own may send any custom_id */

	json_add(data, "components", list);
	w->now_ms = now_ms;
	*ret_why = NULL;
	if (!asked || !asked->modal || asked->user_id != user_id)
		return 0;
	f.ch = dw_place(w, user_id, asked->channel_id, 0, &why);
	if (!f.ch) {
		*ret_why = xstrdup(why);
		return 0;
	}
	forged = json_str(fields, "@custom_id");
	json_add_str(data, "custom_id", forged ? forged : json_str(asked->modal, "custom_id"));
	rows = json_array(asked->modal, "components");
	for (size_t i = 0; i < json_len(rows) && !*ret_why; i++)
		*ret_why = add_row(&f, json_object_array_get_idx(rows, i), fields, list);
	if (*ret_why)
		return 0;
	it = dw_interaction_new(w, DW_MODAL, dw_user_find(w, user_id), f.ch, now_ms);
	it->source_id = asked->source_id;
	json_put(&it->data);
	it->data = take(data);
	json_put(&asked->modal); /* the window is closed */
	dw_interaction_send(w, it);
	return it->id;
}

void discord_world_close_modal(struct discord_world *w, uint64_t user_id, uint64_t interaction_id)
{
	struct dw_interaction *asked = dw_interaction_find(w, interaction_id);

	if (!asked || asked->user_id != user_id || !asked->modal)
		return;
	json_put(&asked->modal);
	w->version++;
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
