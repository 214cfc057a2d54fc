/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/command.h"

#include <stdio.h>

#include "base/json.h"
#include "base/limits.h"
#include "discord/interaction.h"

/* Discord's numbers. */
enum { COMMAND_SLASH = 1 };
enum { OPTION_STRING = 3 };

#define OPTIONS_MAX	  4
#define COMPARE_DEPTH_MAX 4

/* A word or sentence in the languages we speak. */
struct both {
	const char *en;
	const char *es;
};

struct option_row {
	struct both name;
	struct both description;
	int type;
	bool required;
	bool autocomplete;
	int min_length, max_length; /* 0: none */
};

struct command_row {
	enum command_id id;
	struct both name;
	struct both description;
	struct both help;
	const char *permissions; /* default_member_permissions: bits as text; NULL: everybody */
	struct option_row options[OPTIONS_MAX];
};

/* Discord: names are lower case, 1-32; descriptions 1-100; required options come first. */
static const struct command_row commands[] = {
	{
		.id = COMMAND_IMAGINE,
		.name = {"imagine", "imaginar"},
		.description = {"Make a picture from a description",
			"Crea una imagen a partir de una descripción"},
		.help = {"Choose a model from the list and write what you would like to see. The "
			 "picture comes in a private channel that only you can see.",
			"Elige un modelo de la lista y escribe lo que quieres ver. La imagen llega "
			"a "
			"un canal privado que solo ves tú."},
		.options =
			{
				{
					.name = {"model", "modelo"},
					.description = {"The model that draws: type to search",
						"El modelo que dibuja: escribe para buscar"},
					.type = OPTION_STRING,
					.required = true,
					.autocomplete = true,
				},
				{
					.name = {"prompt", "texto"},
					.description = {"What you would like to see",
						"Lo que quieres ver"},
					.type = OPTION_STRING,
					.required = true,
					.min_length = 1,
					.max_length = PROMPT_CHARS_MAX,
				},
			},
	},
};

enum command_id command_find(const char *name)
{
	for (size_t i = 0; i < countof(commands); i++)
		if (str_eq(commands[i].name.en, name))
			return commands[i].id;
	return COMMAND_NONE;
}

const char *command_help(enum command_id id, const char *locale)
{
	for (size_t i = 0; i < countof(commands); i++)
		if (commands[i].id == id)
			return locale_is_spanish(locale) ? commands[i].help.es
							 : commands[i].help.en;
	return NULL;
}

/* ---- our table as Discord wants it ---- */

/* Adds `name` and `name_localizations`. */
static void add_both(struct json_object *object, const char *name, const struct both *text)
{
	struct json_object *localized = json_object_new_object();
	char key[32];

	json_add_str(object, name, text->en);
	json_add_str(localized, "es-ES", text->es);
	json_add_str(localized, "es-419", text->es);
	snprintf(key, sizeof(key), "%s_localizations", name);
	json_add(object, key, localized);
}

static struct json_object *option_json(const struct option_row *row)
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
	return option;
}

static struct json_object *command_json(const struct command_row *row)
{
	struct json_object *command = json_object_new_object();
	struct json_object *options = json_object_new_array();

	json_add_int(command, "type", COMMAND_SLASH);
	add_both(command, "name", &row->name);
	add_both(command, "description", &row->description);
	if (row->permissions)
		json_add_str(command, "default_member_permissions", row->permissions);
	for (size_t i = 0; i < OPTIONS_MAX && row->options[i].name.en; i++)
		json_object_array_add(options, option_json(&row->options[i]));
	json_add(command, "options", options);
	return command;
}

struct json_object *commands_json(void)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < countof(commands); i++)
		json_object_array_add(array, command_json(&commands[i]));
	return array;
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

bool commands_same(struct json_object *registered)
{
	cleanup(json_put) struct json_object *ours = commands_json();

	if (!json_object_is_type(registered, json_type_array) ||
		json_len(registered) != json_len(ours))
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
