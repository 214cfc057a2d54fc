/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/command.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "discord/command_table.h"
#include "discord/interaction.h"

#define COMPARE_DEPTH_MAX 6

static const struct command_row *row_of(enum command_id id)
{
	for (size_t i = 0; i < command_table_len; i++)
		if (command_table[i].id == id)
			return &command_table[i];
	return NULL;
}

static const char *in(const struct both *text, const char *locale)
{
	return locale_is_spanish(locale) ? text->es : text->en;
}

enum command_id command_find(const char *name)
{
	for (size_t i = 0; i < command_table_len; i++)
		if (str_eq(command_table[i].name.en, name))
			return command_table[i].id;
	return COMMAND_NONE;
}

const char *command_name(enum command_id id, const char *locale)
{
	const struct command_row *row = row_of(id);

	return row ? in(&row->name, locale) : NULL;
}

const char *command_help(enum command_id id, const char *locale)
{
	const struct command_row *row = row_of(id);

	return row ? in(&row->help, locale) : NULL;
}

const char *command_option(enum command_id id, const char *option, const char *locale)
{
	const struct command_row *command = row_of(id);
	const struct option_row *row = command ? command->options : NULL;

	for (; row && row->name.en; row++)
		if (str_eq(row->name.en, option))
			return in(&row->name, locale);
	return option;
}

bool command_is_for_admins(enum command_id id)
{
	const struct command_row *row = row_of(id);

	return row && row->permissions;
}

enum command_id command_at(size_t i)
{
	return i < command_table_len ? command_table[i].id : COMMAND_NONE;
}

/* ---- our table as Discord wants it ---- */

/* Borrows the names. */
static void add_texts(struct json_object *object, const char *name, const char *localizations,
	const struct both *text)
{
	struct json_object *localized = json_object_new_object(), *es = json_new_str(text->es);

	json_add_named(object, name, false, json_new_str(text->en));
	json_add(localized, "es-ES", es);
	json_add(localized, "es-419", json_object_get(es));
	json_add_named(object, localizations, false, localized);
}

#define add_both(object, name, text) add_texts(object, name, name "_localizations", text)

static struct json_object *options_json(
	const struct option_row *options, const struct command_facts *facts);

static struct json_object *option_json(
	const struct option_row *row, const struct command_facts *facts)
{
	struct json_object *option = json_object_new_object();

	json_add_int(option, "type", row->type);
	add_both(option, "name", &row->name);
	add_both(option, "description", &row->description);
	if (row->required)
		json_add_bool(option, "required", true);
	if (row->autocomplete)
		json_add_bool(option, "autocomplete", true);
	if (row->min_length)
		json_add_int(option, "min_length", row->min_length);
	if (row->max_length)
		json_add_int(option, "max_length", row->max_length);
	if (row->bounded) { /* all our bounds are whole: 30.0 would be another text than 30 */
		json_add_int(option, "min_value", (int64_t)row->min);
		json_add_int(option, "max_value", (int64_t)row->max);
	}
	if (row->options)
		json_add(option, "options", options_json(row->options, facts));
	return option;
}

static bool is_offered(const struct option_row *row, const struct command_facts *facts)
{
	return !row->only_with_several_edits || facts->edit_workflows > 1;
}

static struct json_object *options_json(
	const struct option_row *options, const struct command_facts *facts)
{
	struct json_object *array = json_object_new_array();

	for (const struct option_row *row = options; row && row->name.en; row++)
		if (is_offered(row, facts))
			json_object_array_add(array, option_json(row, facts));
	return array;
}

static struct json_object *command_json(
	const struct command_row *row, const struct command_facts *facts)
{
	struct json_object *command = json_object_new_object();

	json_add_int(command, "type", row->type);
	add_both(command, "name", &row->name);
	if (row->description.en) /* Discord: a message command must have none */
		add_both(command, "description", &row->description);
	if (row->permissions)
		json_add_str(command, "default_member_permissions", row->permissions);
	if (row->type == COMMAND_SLASH)
		json_add(command, "options", options_json(row->options, facts));
	return command;
}

/* Without a workflow that edits, the commands for it would only disappoint. */
static bool is_registered(const struct command_row *row, const struct command_facts *facts)
{
	bool edits = row->id == COMMAND_EDIT || row->id == COMMAND_EDIT_THIS;

	return !edits || facts->edit_workflows > 0;
}

struct json_object *commands_json(const struct command_facts *facts)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < command_table_len; i++)
		if (is_registered(&command_table[i], facts))
			json_object_array_add(array, command_json(&command_table[i], facts));
	return array;
}

/* ---- our table for a README ---- */

/* A command or sub-command, then what can be chosen with it, each in a row of its own. */
static void add_rows(struct buf *out, const char *command, const char *what,
	const struct option_row *options, bool spanish)
{
	bool has_subcommands = options && options->type == OPTION_SUBCOMMAND;

	if (!has_subcommands)
		(void)buf_printf(out, "| `%s` | %s |\n", command, what);
	for (const struct option_row *row = options; row && row->name.en; row++) {
		const char *name = spanish ? row->name.es : row->name.en;
		const char *about = spanish ? row->description.es : row->description.en;
		cleanup(freep) char *full = xasprintf("%s %s", command, name);

		if (row->type == OPTION_SUBCOMMAND)
			add_rows(out, full, about, row->options, spanish);
		else
			(void)buf_printf(out, "| · `%s`%s | %s |\n", name,
				row->required ? ""
				: spanish     ? " (opcional)"
					      : " (optional)",
				about);
	}
}

char *commands_markdown(bool spanish)
{
	struct buf out = BUF(64 * KIB);

	for (size_t i = 0; i < command_table_len; i++) {
		const struct command_row *row = &command_table[i];
		const char *name = spanish ? row->name.es : row->name.en;
		cleanup(freep) char *command =
			xasprintf("%s%s", row->type == COMMAND_SLASH ? "/" : "", name);

		add_rows(&out, command, spanish ? row->help.es : row->help.en, row->options,
			spanish);
	}
	return buf_take(&out);
}

/* ---- comparing ---- */

static bool values_same(struct json_object *a, struct json_object *b, int depth);

/* Null, false, 0 and empty collections mean the same as an absent member. */
static bool is_default(struct json_object *v)
{
	switch (json_object_get_type(v)) {
	case json_type_null:
		return true;
	case json_type_boolean:
		return !json_object_get_boolean(v);
	case json_type_int:
	case json_type_double:
		return json_object_get_double(v) == 0;
	case json_type_string: /* the description of a message command */
		return json_object_get_string_len(v) == 0;
	case json_type_array:
		return json_object_array_length(v) == 0;
	case json_type_object:
		return json_object_object_length(v) == 0;
	default:
		return false;
	}
}

/*
 * The members that somebody can set. Discord adds others (id, version, guild_id,
 * contexts, name_localized...), and will add more: those are not compared, else
 * every start would register anew.
 */
static bool objects_same(struct json_object *a, struct json_object *b, int depth)
{
	static const char *const members[] = {"name", "name_localizations", "description",
		"description_localizations", "default_member_permissions", "nsfw", "options",
		"required", "autocomplete", "choices", "value", "min_length", "max_length",
		"min_value", "max_value", "channel_types"};

	for (size_t i = 0; i < countof(members); i++)
		if (!values_same(json_member(a, members[i]), json_member(b, members[i]), depth))
			return false;
	/* The one whose absence means something else than nothing. */
	return json_int(a, "type", COMMAND_SLASH) == json_int(b, "type", COMMAND_SLASH);
}

/* Localisations: a language more or less is a difference. */
static bool maps_same(struct json_object *a, struct json_object *b)
{
	if (json_object_object_length(a) != json_object_object_length(b))
		return false;
	json_object_object_foreach(a, language, text)
	{
		if (!json_object_equal(text, json_member(b, language)))
			return false;
	}
	return true;
}

static bool arrays_same(struct json_object *a, struct json_object *b, int depth)
{
	if (json_len(a) != json_len(b))
		return false;
	for (size_t i = 0; i < json_len(a); i++)
		if (!values_same(json_object_array_get_idx(a, i), json_object_array_get_idx(b, i),
			    depth))
			return false;
	return true;
}

static bool is_number(struct json_object *v)
{
	return json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double);
}

static bool values_same(struct json_object *a, struct json_object *b, int depth)
{
	if (is_default(a) && is_default(b))
		return true;
	if (!a || !b || depth == 0)
		return false;
	if (is_number(a) && is_number(b))
		return json_object_get_double(a) == json_object_get_double(b);
	if (json_object_get_type(a) != json_object_get_type(b))
		return false;
	switch (json_object_get_type(a)) {
	case json_type_array:
		return arrays_same(a, b, depth);
	case json_type_object:
		/* Maps of languages have neither name nor type; options and choices do. */
		return json_member(a, "name") ? objects_same(a, b, depth - 1) : maps_same(a, b);
	default:
		return json_object_equal(a, b);
	}
}

bool commands_same(struct json_object *registered, const struct command_facts *facts)
{
	cleanup(json_put) struct json_object *ours = NULL;

	if (json_len(registered) == 0)
		return false; /* of a bot that is new in the server */
	ours = commands_json(facts);
	if (json_len(registered) != json_len(ours))
		return false;
	/* Discord gives them in any order. */
	for (size_t i = 0; i < json_len(ours); i++) {
		struct json_object *mine = json_object_array_get_idx(ours, i);
		bool found = false;

		for (size_t k = 0; k < json_len(registered) && !found; k++) {
			struct json_object *theirs = json_object_array_get_idx(registered, k);

			found = json_object_is_type(theirs, json_type_object) &&
				objects_same(mine, theirs, COMPARE_DEPTH_MAX);
		}
		if (!found)
			return false;
	}
	return true;
}
