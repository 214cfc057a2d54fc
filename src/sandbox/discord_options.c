/* SPDX-License-Identifier: Apache-2.0 */
/* What a command is typed with: values, files, people, sub-commands. Refused as the client would.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/discord_impl.h"

/* ---- files: {"filename":"a.png","base64":"..."} ---- */

static int base64_value(char c)
{
	return c >= 'A' && c <= 'Z'   ? c - 'A'
	       : c >= 'a' && c <= 'z' ? c - 'a' + 26
	       : c >= '0' && c <= '9' ? c - '0' + 52
	       : c == '+'	      ? 62
	       : c == '/'	      ? 63
				      : -1;
}

/* Owned; NULL when it is not base64. */
static char *base64_decode(const char *text, size_t *ret_len)
{
	char *bytes = xcalloc(strlen(text) / 4 * 3 + 4, 1);
	uint32_t bits = 0;
	size_t n = 0;
	int count = 0;

	for (; *text && *text != '='; text++) {
		int value = base64_value(*text);

		if (value < 0) {
			free(bytes);
			return NULL;
		}
		bits = bits << 6 | (uint32_t)value;
		count += 6;
		if (count >= 8) {
			count -= 8;
			bytes[n++] = (char)(bits >> count);
		}
	}
	*ret_len = n;
	return bytes;
}

/* Also {"filename":"a.png","zeros":N}: a large file need not be sent around. */
static char *file_bytes(struct json_object *value, size_t *ret_len)
{
	const char *text = json_str(value, "base64");
	int64_t zeros = json_int(value, "zeros", 0);

	if (text)
		return base64_decode(text, ret_len);
	if (zeros <= 0 || zeros > (int64_t)(128 * MIB))
		return NULL;
	*ret_len = (size_t)zeros;
	return xcalloc((size_t)zeros, 1);
}

char *dw_upload_check(struct json_object *value, const char *name)
{
	cleanup(freep) char *bytes = NULL;
	size_t len = 0;

	if (!json_str(value, "filename"))
		return xasprintf("Choose a file for %s.", name);
	bytes = file_bytes(value, &len);
	if (!bytes)
		return xasprintf("The file for %s cannot be read.", name);
	return NULL;
}

struct dw_file *dw_upload(struct discord_world *w, struct dw_channel *ch, struct json_object *value)
{
	size_t len = 0;
	cleanup(freep) char *bytes = file_bytes(value, &len);

	return dw_file_new(w, ch->id, json_str(value, "filename"), NULL, bytes, len);
}

static struct json_object *member_of(struct json_object *object, const char *name)
{
	struct json_object *o = json_member(object, name);

	if (!o) {
		o = json_object_new_object();
		json_add(object, name, o);
	}
	return o;
}

/* Adds the thing below data.resolved.KIND; takes thing. */
static void resolve(
	struct json_object *data, const char *kind, uint64_t id, struct json_object *thing)
{
	char key[24];

	snprintf(key, sizeof(key), "%" PRIu64, id);
	json_add(member_of(member_of(data, "resolved"), kind), key, thing);
}

void dw_resolve_file(struct discord_world *w, struct dw_file *f, struct json_object *data)
{
	struct json_object *o = dw_file_json(w, f);

	/* Discord: what comes with an interaction is an ephemeral attachment. */
	json_add_bool(o, "ephemeral", true);
	resolve(data, "attachments", f->id, o);
}

/* Discord: a partial member lacks user, deaf and mute, and has its permissions here. */
static bool resolve_user(
	struct discord_world *w, struct dw_channel *ch, uint64_t id, struct json_object *data)
{
	struct dw_user *u = dw_user_find(w, id);
	struct dw_member *m = dw_member_find(ch->guild, id);
	struct json_object *o;

	if (!u)
		return false;
	resolve(data, "users", id, json_object_get(u->json));
	if (!m)
		return true;
	o = dw_member_json(m, false);
	json_object_object_del(o, "deaf");
	json_object_object_del(o, "mute");
	json_add_id(o, "permissions", dw_permissions(ch, id));
	resolve(data, "members", id, o);
	return true;
}

static bool resolve_role(struct dw_channel *ch, uint64_t id, struct json_object *data)
{
	for (size_t i = 0; i < ch->guild->n_roles; i++)
		if (ch->guild->roles[i].id == id) {
			resolve(data, "roles", id, dw_role_json(&ch->guild->roles[i]));
			return true;
		}
	return false;
}

static bool resolve_channel(
	struct discord_world *w, uint64_t user_id, uint64_t id, struct json_object *data)
{
	struct dw_channel *ch = dw_channel_find(w, id);
	struct json_object *o;

	if (!ch || !(dw_permissions(ch, user_id) & DW_VIEW_CHANNEL))
		return false;
	o = dw_channel_json(ch);
	json_object_object_del(o, "permission_overwrites");
	json_add_id(o, "permissions", dw_permissions(ch, user_id));
	resolve(data, "channels", id, o);
	return true;
}

bool dw_resolve(struct discord_world *w, struct dw_channel *ch, uint64_t user_id, enum dw_pick pick,
	uint64_t id, struct json_object *data)
{
	switch (pick) {
	case DW_PICK_USER:
		return resolve_user(w, ch, id, data);
	case DW_PICK_CHANNEL:
		return resolve_channel(w, user_id, id, data);
	case DW_PICK_ROLE:
		return resolve_role(ch, id, data);
	case DW_PICK_MENTIONABLE:
		return resolve_user(w, ch, id, data) || resolve_role(ch, id, data);
	}
	return false;
}

/* ---- values ---- */

/* The value of one option as the client would send it; a sentence when it would not. */
static char *option_check(struct json_object *def, struct json_object *value)
{
	int64_t type = json_int(def, "type", 0);
	const char *name = json_str(def, "name"), *text;
	uint64_t id;
	size_t n;

	if (type == 11)
		return dw_upload_check(value, name);
	if (type >= 6 && type <= 9)
		return json_object_is_type(value, json_type_string) &&
				       parse_u64(json_object_get_string(value), &id) == 0
			       ? NULL
			       : xasprintf("Choose something for %s.", name);
	if (type == 5)
		return json_object_is_type(value, json_type_boolean)
			       ? NULL
			       : xasprintf("Choose true or false for %s.", name);
	if (type == 4 || type == 10) {
		double v = json_object_get_double(value);

		if (json_object_is_type(value, json_type_string) ||
			(type == 4 && !json_object_is_type(value, json_type_int)))
			return xasprintf("Input a valid number for %s.", name);
		if (v < json_num(def, "min_value", -1e300) || v > json_num(def, "max_value", 1e300))
			return xasprintf("The number for %s is out of its range.", name);
		return NULL;
	}
	text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
	if (!text)
		return xasprintf("%s must be text.", name);
	n = dw_utf16_len(text);
	if (type == 3 && ((int64_t)n < json_int(def, "min_length", 0) ||
				 (int64_t)n > json_int(def, "max_length", 6000)))
		return xasprintf("%s must have between %d and %d characters, it has %zu.", name,
			(int)json_int(def, "min_length", 0), (int)json_int(def, "max_length", 6000),
			n);
	for (size_t i = 0; i < json_len(json_array(def, "choices")); i++)
		if (json_object_equal(
			    json_member(json_object_array_get_idx(json_array(def, "choices"), i),
				    "value"),
			    value))
			return NULL;
	return json_len(json_array(def, "choices"))
		       ? xasprintf("%s is not among the choices.", name)
		       : NULL;
}

static bool is_blank(struct json_object *v)
{
	return !v || (json_object_is_type(v, json_type_string) && !*json_object_get_string(v));
}

/* A command that is being typed. */
struct typing {
	struct discord_world *w;
	struct dw_channel *ch;
	uint64_t user_id;
	const char *focused; /* the option that asks for choices; NULL: it is sent */
	struct json_object *data;
};

static char *fill(const struct typing *t, struct json_object *defs, struct json_object *given,
	struct json_object *list);

static char *add_value(
	const struct typing *t, int64_t type, struct json_object *value, struct json_object *o)
{
	uint64_t id = 0;

	if (type == 11) {
		struct dw_file *f = dw_upload(t->w, t->ch, value);

		json_add_id(o, "value", f->id);
		dw_resolve_file(t->w, f, t->data);
		return NULL;
	}
	if (type >= 6 && type <= 9 && !t->focused) {
		(void)parse_u64(json_object_get_string(value), &id);
		if (!dw_resolve(t->w, t->ch, t->user_id, (enum dw_pick)(type - 6 + DW_PICK_USER),
			    id, t->data))
			return xasprintf("Choose something for %s.", json_str(o, "name"));
	}
	json_add(o, "value", value ? json_object_get(value) : json_object_new_string(""));
	return NULL;
}

static char *fill_one(const struct typing *t, struct json_object *def, struct json_object *value,
	struct json_object *list)
{
	int64_t type = json_int(def, "type", 0);
	const char *name = json_str(def, "name");
	bool focus = str_eq(name, t->focused);
	cleanup(json_put) struct json_object *o = NULL;
	struct json_object *inner;
	char *why;

	if (type == 1 && json_object_is_type(value, json_type_object)) {
		o = json_object_new_object();
		inner = json_object_new_array();
		json_add_str(o, "name", name);
		json_add_int(o, "type", 1);
		json_add(o, "options", inner);
		json_object_array_add(list, take(o));
		return fill(t, json_array(def, "options"), value, inner);
	}
	if (type == 1)
		return value ? xasprintf("%s is a sub-command.", name) : NULL;
	if (!focus && is_blank(value))
		return json_flag(def, "required", false) && !t->focused
			       ? xasprintf("This option is required: %s.", name)
			       : NULL;
	/* While it is typed the file has not been uploaded yet. */
	if (type == 11 && t->focused)
		return NULL;
	why = t->focused ? NULL : option_check(def, value);
	if (why)
		return why;
	o = json_object_new_object();
	json_add_str(o, "name", name);
	json_add_int(o, "type", type);
	why = add_value(t, type, value, o);
	if (why)
		return why;
	if (focus)
		json_add_bool(o, "focused", true);
	json_object_array_add(list, take(o));
	return NULL;
}

static char *fill(const struct typing *t, struct json_object *defs, struct json_object *given,
	struct json_object *list)
{
	for (size_t i = 0; i < json_len(defs); i++) {
		struct json_object *def = json_object_array_get_idx(defs, i);
		char *why = fill_one(t, def, json_member(given, json_str(def, "name")), list);

		if (why)
			return why;
	}
	json_object_object_foreach(given, name, value)
	{
		bool known = false;

		(void)value;
		for (size_t i = 0; i < json_len(defs); i++)
			known |= str_eq(json_str(json_object_array_get_idx(defs, i), "name"), name);
		if (!known)
			return xasprintf("The command has no option %s.", name);
	}
	return NULL;
}

char *dw_options_fill(struct discord_world *w, struct dw_channel *ch, uint64_t user_id,
	struct json_object *defs, struct json_object *given, const char *focused,
	struct json_object *data)
{
	struct typing t = {.w = w, .ch = ch, .user_id = user_id, .focused = focused, .data = data};
	struct json_object *list = json_object_new_array();
	char *why;

	json_add(data, "options", list);
	why = fill(&t, defs, given, list);
	if (!why && json_int(defs, "0.type", 0) == 1 && json_len(list) != 1)
		why = xstrdup("Choose one of the sub-commands.");
	return why;
}
