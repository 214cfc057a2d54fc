/* SPDX-License-Identifier: Apache-2.0 */
/* Application commands: their rules and their registration. */
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/discord_impl.h"

#define COMMAND_CHARS_MAX 8000
#define REPEAT_MS	  30000
/* What an administrator asks for is done at the second try half a minute later, and once more after that. */
#define ASKED_MS 90000
#define CREATES_MAX	  200 /* Discord 30034: new commands a day and guild */

/* One code point of valid UTF-8; 0 at the end. */
static uint32_t next_char(const char **text)
{
	const unsigned char *p = (const unsigned char *)*text;
	int more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : *p >= 0xc0 ? 1 : 0;
	uint32_t code = more == 3 ? *p & 7 : more == 2 ? *p & 15 : more == 1 ? *p & 31 : *p;

	if (!*p)
		return 0;
	for (int i = 1; i <= more; i++)
		code = code << 6 | (p[i] & 0x3f);
	*text += more + 1;
	return code;
}

/* Discord: ^[-_'\p{L}\p{N}...]{1,32}$ in lower case. Beyond Latin-1 only what is surely no
 * letter is refused. */
static bool name_ok(const char *name)
{
	size_t n = 0;
	uint32_t ch;

	while ((ch = next_char(&name))) {
		bool ascii = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '-' ||
			     ch == '_' || ch == '\'';

		if (ch < 0x80 ? !ascii
			      : ch < 0xdf || ch == 0xf7 || (ch >= 0x2000 && ch < 0x2c00) ||
					(ch >= 0x3000 && ch < 0x3040) || ch >= 0x1f000)
			return false;
		n++;
	}
	return n >= 1 && n <= 32;
}

static void check_name(struct dw_call *c, const char *name, const char *path)
{
	if (name && !name_ok(name))
		dw_invalid(c, path, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid");
}

static const char *const locales[] = {"id", "da", "de", "en-GB", "en-US", "es-ES", "es-419", "fr",
	"hr", "it", "lt", "hu", "nl", "no", "pl", "pt-BR", "ro", "fi", "sv-SE", "vi", "tr", "cs",
	"el", "bg", "ru", "uk", "hi", "th", "zh-CN", "ja", "zh-TW", "ko"};

/* Returns the longest text's length. */
static size_t check_localizations(
	struct dw_call *c, struct json_object *map, const char *path, size_t max, bool name)
{
	char where[DW_PATH_SIZE];
	size_t longest = 0;

	if (!json_object_is_type(map, json_type_object))
		return 0;
	json_object_object_foreach(map, locale, value)
	{
		const char *text = value && json_object_is_type(value, json_type_string)
					   ? json_object_get_string(value)
					   : NULL;
		bool known = false;

		dw_path(where, path, "%s", locale);
		for (size_t i = 0; i < countof(locales); i++)
			known |= str_eq(locales[i], locale);
		if (!known)
			dw_invalid(c, where, "LOCALE", "There is no such locale");
		if (!value)
			continue;
		if (!text || !*text || dw_utf16_len(text) > max) {
			dw_invalid(c, where, "BASE_TYPE_BAD_LENGTH", "Its length is not allowed");
			continue;
		}
		longest = max_of(longest, dw_utf16_len(text));
		if (name)
			check_name(c, text, where);
	}
	return longest;
}

/* Name and description with their localizations; returns how many characters they count. */
static size_t check_texts(
	struct dw_call *c, struct json_object *o, const char *path, bool free_name)
{
	const char *name = json_str(o, "name"), *text = json_str(o, "description");
	char where[DW_PATH_SIZE];
	size_t n = name ? dw_utf16_len(name) : 0, d = text ? dw_utf16_len(text) : 0, ln, ld;

	ln = check_localizations(c, json_member(o, "name_localizations"),
		dw_path(where, path, "name_localizations"), 32, !free_name);
	ld = check_localizations(c, json_member(o, "description_localizations"),
		dw_path(where, path, "description_localizations"), 100, false);
	return max_of(n, ln) + max_of(d, ld);
}

static size_t check_choices(struct dw_call *c, struct json_object *o, const char *path)
{
	static const struct dw_field fields[] = {{"name", DW_STR | DW_REQUIRED, 100, 1},
		{"name_localizations", DW_OBJ | DW_NULL},
		{"value", DW_STR | DW_INT | DW_NUM | DW_REQUIRED, 100}};
	struct json_object *list = json_array(o, "choices");
	bool text = json_int(o, "type", 0) == 3;
	char where[DW_PATH_SIZE];
	size_t sum = 0;

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *name = json_str(one, "name"), *value = json_str(one, "value");

		dw_path(where, path, "choices.%zu", i);
		if (!dw_check_object(c, one, where, fields, countof(fields)))
			continue;
		if (text != (value != NULL))
			dw_invalid(c, where, "APPLICATION_COMMAND_OPTIONS_VALUE_TYPE",
				"The choice's value does not fit the option's type");
		for (size_t k = 0; k < i; k++)
			if (str_eq(json_str(json_object_array_get_idx(list, k), "name"), name))
				dw_invalid(c, where,
					"APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_EXISTS",
					"Choice names must be unique");
		sum += (name ? dw_utf16_len(name) : 0) + (value ? dw_utf16_len(value) : 0);
	}
	return sum;
}

static const struct dw_field option_fields[] = {{"type", DW_INT | DW_REQUIRED},
	{"name", DW_STR | DW_REQUIRED, 32, 1}, {"name_localizations", DW_OBJ | DW_NULL},
	{"description", DW_STR | DW_REQUIRED, 100, 1},
	{"description_localizations", DW_OBJ | DW_NULL}, {"required", DW_BOOL},
	{"choices", DW_ARR | DW_NULL, 25}, {"options", DW_ARR | DW_NULL, 25},
	{"channel_types", DW_ARR | DW_NULL}, {"min_value", DW_INT | DW_NUM},
	{"max_value", DW_INT | DW_NUM}, {"min_length", DW_INT}, {"max_length", DW_INT},
	{"autocomplete", DW_BOOL}, {"file_types", DW_ARR | DW_NULL}};

static void check_option(struct dw_call *c, struct json_object *o, const char *path)
{
	int64_t type = json_int(o, "type", 0);
	int64_t min = json_int(o, "min_length", 0), max = json_int(o, "max_length", 6000);
	bool text = type == 3, number = type == 4 || type == 10;
	char where[DW_PATH_SIZE];

	check_name(c, json_str(o, "name"), dw_path(where, path, "name"));
	if (type < 1 || type > 11 || type == 2)
		dw_invalid(c, dw_path(where, path, "type"), "BASE_TYPE_CHOICES",
			"The sandbox knows options of types 1 and 3 to 11");
	if (type != 1 && json_member(o, "options"))
		dw_invalid(c, path, "APPLICATION_COMMAND_OPTIONS_TYPE",
			"Only sub-commands have options of their own");
	if (json_len(json_array(o, "choices")) && json_flag(o, "autocomplete", false))
		dw_invalid(c, path, "APPLICATION_COMMAND_OPTIONS_CHOICES_AND_AUTOCOMPLETE",
			"autocomplete and choices are mutually exclusive");
	if ((json_flag(o, "autocomplete", false) || json_len(json_array(o, "choices"))) && !text &&
		!number)
		dw_invalid(c, path, "APPLICATION_COMMAND_OPTIONS_TYPE",
			"Only strings and numbers have choices or autocomplete");
	if ((json_member(o, "min_length") || json_member(o, "max_length")) &&
		(!text || min < 0 || max < 1 || max > 6000 || min > max))
		dw_invalid(c, path, "APPLICATION_COMMAND_OPTIONS_LENGTH",
			"min_length and max_length do not fit");
	if ((json_member(o, "min_value") || json_member(o, "max_value")) && !number)
		dw_invalid(c, path, "APPLICATION_COMMAND_OPTIONS_VALUE",
			"min_value and max_value are for numbers");
}

/* Discord: a command has sub-commands or options, never both; they nest no deeper. */
static void check_nesting(struct dw_call *c, struct json_object *list, const char *path, int depth)
{
	size_t n = 0;

	for (size_t i = 0; i < json_len(list); i++)
		n += json_int(json_object_array_get_idx(list, i), "type", 0) == 1;
	if (n && (n != json_len(list) || depth > 0))
		dw_invalid(c, path, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
			"Sub-command and other options cannot be mixed");
}

static size_t check_options(
	struct dw_call *c, struct json_object *list, const char *path, int depth)
{
	char where[DW_PATH_SIZE], inner[DW_PATH_SIZE];
	bool optional = false;
	size_t sum = 0;

	check_nesting(c, list, path, depth);
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		dw_path(where, path, "%zu", i);
		if (!dw_check_object(c, o, where, option_fields, countof(option_fields)))
			continue;
		check_option(c, o, where);
		sum += check_texts(c, o, where, false) + check_choices(c, o, where);
		if (depth == 0 && json_array(o, "options"))
			sum += check_options(
				c, json_array(o, "options"), dw_path(inner, where, "options"), 1);
		for (size_t k = 0; k < i; k++)
			if (str_eq(json_str(json_object_array_get_idx(list, k), "name"),
				    json_str(o, "name")))
				dw_invalid(c, where, "APPLICATION_COMMAND_OPTIONS_NAME_INVALID",
					"Option name is duplicated");
		if (json_flag(o, "required", false) && optional)
			dw_invalid(c, where, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
				"Required options must be placed before non-required options");
		optional |= !json_flag(o, "required", false);
	}
	return sum;
}

static const struct dw_field command_fields[] = {{"name", DW_STR | DW_REQUIRED, 32, 1},
	{"type", DW_INT | DW_NULL}, {"id", DW_ID}, {"name_localizations", DW_OBJ | DW_NULL},
	{"description", DW_STR | DW_NULL, 100}, {"description_localizations", DW_OBJ | DW_NULL},
	{"options", DW_ARR | DW_NULL, 25}, {"default_member_permissions", DW_ID | DW_NULL},
	{"nsfw", DW_BOOL}, {"dm_permission", DW_BOOL | DW_NULL}, {"contexts", DW_ARR | DW_NULL},
	{"integration_types", DW_ARR | DW_NULL}, {"handler", DW_INT}};

static void check_command(struct dw_call *c, struct json_object *o, const char *path, bool global)
{
	int64_t type = json_int(o, "type", 1);
	const char *text = json_str(o, "description");
	struct json_object *options = json_array(o, "options");
	char where[DW_PATH_SIZE];
	size_t sum;

	if (!dw_check_object(c, o, path, command_fields, countof(command_fields)))
		return;
	if (type < 1 || type > 3)
		dw_invalid(c, dw_path(where, path, "type"), "BASE_TYPE_CHOICES",
			"Value must be one of (1, 2, 3).");
	if (type == 1)
		check_name(c, json_str(o, "name"), dw_path(where, path, "name"));
	if ((type == 1) != (text && *text))
		dw_invalid(c, dw_path(where, path, "description"),
			"APPLICATION_COMMAND_INVALID_DESCRIPTION",
			"A slash command needs one, other types have none");
	if (type != 1 && options)
		dw_invalid(c, dw_path(where, path, "options"), "APPLICATION_COMMAND_OPTIONS_TYPE",
			"Only slash commands have options");
	if (!global && (json_member(o, "contexts") || json_member(o, "integration_types") ||
			       json_member(o, "dm_permission")))
		dw_violation(c->w, "global_only", "contexts and integration types are global");
	sum = check_texts(c, o, path, type != 1) +
	      check_options(c, options, dw_path(where, path, "options"), 0);
	if (sum > COMMAND_CHARS_MAX)
		dw_invalid(c, path, "APPLICATION_COMMAND_TOO_LARGE",
			"Command exceeds maximum size (8000)");
}

/* ---- registration ---- */

static void add_or_null(struct json_object *to, struct json_object *from, const char *name)
{
	struct json_object *v = json_member(from, name);

	json_add(to, name, v ? json_object_get(v) : NULL);
}

/* As Discord shows it: defaults filled in, false and null left out of options. */
static struct json_object *option_json(struct json_object *o)
{
	struct json_object *copy = json_object_new_object();

	for (size_t i = 0; i < countof(option_fields); i++) {
		struct json_object *v = json_member(o, option_fields[i].name);

		if (v && (!json_object_is_type(v, json_type_boolean) || json_object_get_boolean(v)))
			json_add(copy, option_fields[i].name, json_object_get(v));
	}
	return copy;
}

/* NULL: it has none. */
static struct json_object *options_json(struct json_object *o)
{
	struct json_object *list = json_array(o, "options"), *options;

	if (!json_len(list))
		return NULL;
	options = json_object_new_array();
	for (size_t i = 0; i < json_len(list); i++)
		json_object_array_add(options, option_json(json_object_array_get_idx(list, i)));
	return options;
}

/* Takes the options. */
static struct json_object *command_json(
	struct dw_call *c, struct json_object *o, struct json_object *options, uint64_t guild)
{
	struct json_object *copy = json_object_new_object();
	struct json_object *permissions = json_member(o, "default_member_permissions");

	json_add_id(copy, "application_id", c->w->application_id);
	if (guild)
		json_add_id(copy, "guild_id", guild);
	json_add_int(copy, "type", json_int(o, "type", 1));
	add_or_null(copy, o, "name");
	add_or_null(copy, o, "name_localizations");
	json_add_str(
		copy, "description", json_str(o, "description") ? json_str(o, "description") : "");
	add_or_null(copy, o, "description_localizations");
	json_add_str(copy, "default_member_permissions",
		permissions ? json_object_get_string(permissions) : NULL);
	json_add_bool(copy, "nsfw", json_flag(o, "nsfw", false));
	if (!guild)
		add_or_null(copy, o, "contexts");
	if (options)
		json_add(copy, "options", options);
	return copy;
}

static struct json_object *find(struct json_object *list, const char *name, int64_t type)
{
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		if (str_eq(json_str(o, "name"), name) && json_int(o, "type", 1) == type)
			return o;
	}
	return NULL;
}

struct json_object *dw_command_find(
	struct discord_world *w, struct dw_guild *guild, const char *name, int64_t type)
{
	struct json_object *o = guild ? find(guild->commands, name, type) : NULL;

	return o ? o : find(w->global_commands, name, type);
}

/* Are they the same but for id and version? */
static bool same_command(struct json_object *old, struct json_object *fresh)
{
	int n = 0;

	json_object_object_foreach(old, name, value)
	{
		if (str_eq(name, "id") || str_eq(name, "version"))
			continue;
		if (!json_object_equal(value, json_member(fresh, name)))
			return false;
		n++;
	}
	return n == json_object_object_length(fresh);
}

static bool check_list(struct dw_call *c, bool global)
{
	struct json_object *list = c->body;
	char path[DW_PATH_SIZE];

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		dw_path(path, "", "%zu", i);
		check_command(c, o, path, global);
		for (size_t k = 0; k < i; k++) {
			struct json_object *other = json_object_array_get_idx(list, k);

			if (str_eq(json_str(other, "name"), json_str(o, "name")) &&
				json_int(other, "type", 1) == json_int(o, "type", 1))
				dw_invalid(c, path, "APPLICATION_COMMANDS_DUPLICATE_NAME",
					"Application command names must be unique");
		}
	}
	return !dw_refused(c);
}

struct json_object *dw_commands_known(struct dw_call *c, const char *text, size_t len)
{
	const struct world_commands *known = c->w->config.commands;

	for (int i = 0; known && c->route->serve == dw_commands_put && i < WORLD_COMMANDS; i++)
		if (known[i].text && known[i].len == len && memcmp(known[i].text, text, len) == 0)
			return json_object_get(known[i].list);
	return NULL;
}

static const struct world_commands *known_of(struct dw_call *c)
{
	const struct world_commands *known = c->w->config.commands;

	for (int i = 0; known && i < WORLD_COMMANDS; i++)
		if (known[i].list == c->body)
			return &known[i];
	return NULL;
}

/* They are shown at every start of a bot: what does not change is made text once. */
static struct json_object *all_options_json(struct json_object *list)
{
	struct json_object *all = json_object_new_array();

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *options = options_json(json_object_array_get_idx(list, i));

		if (options)
			dw_json_freeze(options);
		json_object_array_add(all, options);
	}
	return all;
}

/* Without a word about it. */
static void remember(struct dw_call *c, size_t violations)
{
	struct world_commands *known = c->w->config.commands;

	for (int i = 0; known && c->w->n_violations == violations && i < WORLD_COMMANDS; i++)
		if (!known[i].text) {
			known[i].text = xstrndup(c->req->body, c->req->body_len);
			known[i].len = c->req->body_len;
			known[i].list = json_object_get(c->body);
			known[i].options = all_options_json(c->body);
			return;
		}
}

static bool is_good(struct dw_call *c, bool global)
{
	size_t violations = c->w->n_violations;

	if (known_of(c))
		return true;
	if (!check_list(c, global))
		return false;
	if (!global)
		remember(c, violations);
	return true;
}

/* PUT replaces the whole scope; the same name and type keeps its id. */
static void put(struct dw_call *c, struct json_object **commands, struct dw_guild *guild)
{
	struct json_object *fresh, *old = *commands;
	const struct world_commands *known;
	size_t same = 0, created = 0;

	if (!is_good(c, !guild))
		return;
	known = known_of(c);
	if (json_len(c->body) > DW_COMMANDS_MAX) {
		dw_violation(c->w, "too_many_commands", "%zu", json_len(c->body));
		dw_fail(c, 400, 30032, "Maximum number of application commands reached (100)");
		return;
	}
	fresh = json_object_new_array();
	for (size_t i = 0; i < json_len(c->body); i++) {
		struct json_object *o = json_object_array_get_idx(c->body, i);
		struct json_object *options =
			known ? json_object_get(json_object_array_get_idx(known->options, i))
			      : options_json(o);
		struct json_object *mine = command_json(c, o, options, guild ? guild->id : 0);
		struct json_object *was =
			find(old, json_str(mine, "name"), json_int(mine, "type", 1));
		bool equal = was && same_command(was, mine);

		json_add_id(mine, "id", was ? json_id(was, "id") : dw_snowflake(c->w, c->now_ms));
		json_add_id(mine, "version",
			equal ? json_id(was, "version") : dw_snowflake(c->w, c->now_ms));
		json_object_array_add(fresh, mine);
		same += equal;
		created += !was;
	}
	/* A repeated PUT whose first answer was lost is no offence, nor what an administrator asks for. */
	if (same == json_len(c->body) && same == json_len(old) && (same || guild) &&
		c->now_ms - c->w->asked_ms > ASKED_MS &&
		(c->w->n_opens != c->w->registered_opens ||
			c->now_ms - c->w->registered_ms > REPEAT_MS))
		dw_violation(c->w, "needless_registration", "the commands are registered already");
	if (guild && (guild->creates += (int)created) > CREATES_MAX) {
		dw_violation(c->w, "too_many_creates", "%d commands in a day", guild->creates);
		json_object_put(fresh);
		dw_fail(c, 400, 30034, "Max number of daily application command creates (200)");
		return;
	}
	if (same != json_len(c->body) || same != json_len(old)) {
		c->w->registered_opens = c->w->n_opens;
		c->w->registered_ms = c->now_ms;
	}
	json_put(commands);
	*commands = fresh;
	c->w->version++;
	dw_reply(c, 200, json_object_get(fresh));
}

static void get(struct dw_call *c, struct json_object *commands)
{
	cleanup(freep) char *full = url_query(c->req->url, "with_localizations");
	struct json_object *list;

	if (str_eq(full, "true") || str_eq(full, "1")) {
		dw_reply(c, 200, json_object_get(commands));
		return;
	}
	list = json_object_new_array();
	for (size_t i = 0; i < json_len(commands); i++) {
		struct json_object *o = dw_copy(json_object_array_get_idx(commands, i));

		json_object_object_del(o, "name_localizations");
		json_object_object_del(o, "description_localizations");
		json_object_array_add(list, o);
	}
	dw_reply(c, 200, list);
}

static bool mine(struct dw_call *c)
{
	if (c->id[0] == c->w->application_id)
		return true;
	dw_violation(c->w, "unknown_application", "it is not the bot's application");
	dw_fail(c, 403, 20012, "You are not authorized to perform this action on this application");
	return false;
}

static struct dw_guild *call_guild(struct dw_call *c)
{
	struct dw_guild *g = dw_guild_find(c->w, c->id[1]);

	if (!mine(c))
		return NULL;
	if (g && g->bot_in)
		return g;
	dw_fail(c, 403, 50001, "Missing Access");
	return NULL;
}

void dw_commands_get(struct dw_call *c)
{
	struct dw_guild *g = call_guild(c);

	if (g)
		get(c, g->commands);
}

void dw_commands_put(struct dw_call *c)
{
	struct dw_guild *g = call_guild(c);

	if (g)
		put(c, &g->commands, g);
}

void dw_global_commands_get(struct dw_call *c)
{
	if (mine(c))
		get(c, c->w->global_commands);
}

void dw_global_commands_put(struct dw_call *c)
{
	if (mine(c))
		put(c, &c->w->global_commands, NULL);
}
