/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "discord/command.h"
#include "discord/text.h"

static const struct command_facts facts = {.edit_workflows = 2};

static void test_find(void **state)
{
	assert_int_equal(command_find("imagine"), COMMAND_IMAGINE);
	assert_int_equal(command_find("imaginar"), COMMAND_NONE);
	assert_int_equal(command_find(""), COMMAND_NONE);
	assert_int_equal(command_find(NULL), COMMAND_NONE);
	assert_non_null(command_help(COMMAND_IMAGINE, "en-US"));
	assert_string_not_equal(
		command_help(COMMAND_IMAGINE, "en-US"), command_help(COMMAND_IMAGINE, "es-ES"));
	assert_null(command_help(COMMAND_NONE, "en-US"));
}

static struct json_object *named(struct json_object *array, const char *name)
{
	for (size_t i = 0; i < json_len(array); i++) {
		struct json_object *o = json_object_array_get_idx(array, i);

		if (str_eq(json_str(o, "name"), name))
			return o;
	}
	fail_msg("there is no %s", name);
	return NULL;
}

static void test_body(void **state)
{
	static const char want[] =
		"{\"type\":3,\"name\":\"model\",\"name_localizations\":{\"es-ES\":\"modelo\","
		"\"es-419\":\"modelo\"},\"description\":\"The model that draws: type to search\","
		"\"description_localizations\":{\"es-ES\":\"El modelo que dibuja: escribe para "
		"buscar\",\"es-419\":\"El modelo que dibuja: escribe para "
		"buscar\"},\"required\":true,\"autocomplete\":true}";
	cleanup(json_put) struct json_object *ours = commands_json(&facts);
	struct json_object *imagine = json_object_array_get_idx(ours, 0), *cfg, *edit, *admin;
	char *text = json_text(json_at(imagine, "options.0"));

	assert_string_equal(text, want);
	free(text);
	assert_string_equal(json_str(imagine, "name"), "imagine");
	assert_int_equal(json_int(imagine, "type", 0), 1);
	/* The limit is the one that is checked when the prompt arrives. */
	assert_int_equal(json_int(imagine, "options.1.max_length", 0), PROMPT_CHARS_MAX);
	cfg = named(json_array(imagine, "options"), "cfg");
	assert_int_equal(json_int(cfg, "type", 0), 10);
	assert_true(json_member(cfg, "min_value") && json_int(cfg, "min_value", -1) == 0);
	assert_int_equal(json_int(cfg, "max_value", 0), CFG_MAX);
	edit = named(ours, "Edit this picture");
	assert_int_equal(json_int(edit, "type", 0), 3);
	assert_false(json_member(edit, "description") || json_member(edit, "options"));
	admin = named(ours, "admin");
	assert_string_equal(json_str(admin, "default_member_permissions"), "0");
	assert_int_equal(json_int(named(json_array(admin, "options"), "ban"), "type", 0), 1);
	assert_int_equal(
		json_int(named(json_array(admin, "options"), "ban"), "options.0.type", 0), 6);
}

/* /edit asks for a model only where there is a choice, and is not there without any. */
static void test_facts(void **state)
{
	size_t n[3];

	for (size_t i = 0; i < countof(n); i++) {
		struct command_facts few = {.edit_workflows = i};
		cleanup(json_put) struct json_object *ours = commands_json(&few);

		n[i] = json_len(ours);
		assert_true(commands_same(ours, &few));
		assert_int_equal(commands_same(ours, &facts), i == 2);
		if (i > 0)
			assert_int_equal(json_len(json_array(named(ours, "edit"), "options")),
				i == 1 ? 2 : 3);
	}
	assert_true(n[0] == n[1] - 2 && n[1] == n[2]);
}

/* What Discord makes of our body: it adds, reorders and drops defaults. */
static struct json_object *echo(void)
{
	struct json_object *array = commands_json(&facts);
	struct json_object *c = json_object_array_get_idx(array, 0);

	json_add_str(c, "id", "1100000000000000010");
	json_add_str(c, "application_id", "1100000000000000003");
	json_add_str(c, "version", "1100000000000000011");
	json_add_str(c, "guild_id", "1100000000000000001");
	json_add(c, "default_member_permissions", NULL);
	json_add_bool(c, "nsfw", false);
	json_add(c, "contexts", NULL);
	json_add(c, "integration_types", json_object_new_array());
	json_object_array_add(json_member(c, "integration_types"), json_object_new_int(0));
	json_add(c, "dm_permission", json_object_new_boolean(true));
	json_add_str(c, "name_localized", "imagine");
	json_add_str(c, "something_new", "7");
	json_add_bool(json_at(array, "0.options.2"), "autocomplete", false);
	json_add(json_at(array, "0.options.2"), "choices", json_object_new_array());
	json_add(json_at(array, "0.options.0"), "min_length", NULL);
	json_object_object_del(c, "type");
	json_add_str(named(array, "Edit this picture"), "description", "");
	return array;
}

static void test_same(void **state)
{
	cleanup(json_put) struct json_object *ours = commands_json(&facts);
	cleanup(json_put) struct json_object *echoed = echo();
	cleanup(json_put) struct json_object *none = json_object_new_array();

	assert_true(commands_same(ours, &facts));
	assert_true(commands_same(echoed, &facts));
	assert_false(commands_same(none, &facts));
	assert_false(commands_same(NULL, &facts));
	assert_false(commands_same(json_at(ours, "0"), &facts));
}

static void test_differs(void **state)
{
	static const struct {
		const char *path, *name, *json; /* json NULL: the member is removed */
	} changes[] = {
		{"0", "name", "\"imagina\""},
		{"0", "description", "\"x\""},
		{"0", "type", "3"},
		{"0", "name_localizations", NULL},
		{"0", "description_localizations", NULL},
		{"0", "default_member_permissions", "\"0\""},
		{"0", "nsfw", "true"},
		{"0", "options", NULL},
		{"0", "options", "[]"},
		{"0", "options", "{\"name\":\"x\"}"},
		{"0.name_localizations", "es-419", NULL},
		{"0.name_localizations", "fr", "\"imaginer\""},
		{"0.name_localizations", "es-ES", "\"dibujar\""},
		{"0.options.0", "type", "4"},
		{"0.options.0", "required", NULL},
		{"0.options.0", "autocomplete", "false"},
		{"0.options.0", "choices", "[{\"name\":\"a\",\"value\":\"b\"}]"},
		{"0.options.0", "description_localizations", "{}"},
		{"0.options.1", "max_length", "1000"},
		{"0.options.1", "min_length", NULL},
		{"0.options.1", "name", "\"text\""},
	};

	for (size_t i = 0; i < countof(changes); i++) {
		cleanup(json_put) struct json_object *theirs = echo();
		struct json_object *where = json_at(theirs, changes[i].path);
		const char *json = changes[i].json;

		assert_non_null(where);
		json_object_object_del(where, changes[i].name);
		if (json)
			json_add(where, changes[i].name, json_tokener_parse(json));
		assert_false(commands_same(theirs, &facts));
	}
}

static void test_differs_in_number(void **state)
{
	cleanup(json_put) struct json_object *more = commands_json(&facts);
	cleanup(json_put) struct json_object *options = commands_json(&facts);
	cleanup(json_put) struct json_object *odd = json_tokener_parse("[7]");

	json_object_array_add(more, json_object_get(json_object_array_get_idx(more, 0)));
	assert_false(commands_same(more, &facts));
	json_object_array_add(
		json_at(options, "0.options"), json_tokener_parse("{\"name\":\"x\"}"));
	assert_false(commands_same(options, &facts));
	assert_false(commands_same(odd, &facts));
}

static void check_text(struct json_object *object, const char *path, size_t max)
{
	const char *text = json_str(object, path);

	assert_non_null(text);
	assert_in_range(text_utf16_len(text), 1, max);
}

/* Discord's limits for every row of the table. */
static size_t check_row(struct json_object *row, bool free_name)
{
	size_t longest[2] = {0, 0};

	static const char *const names[] = {
		"name", "name_localizations.es-ES", "name_localizations.es-419"};
	static const char *const descriptions[] = {"description", "description_localizations.es-ES",
		"description_localizations.es-419"};

	for (size_t i = 0; i < countof(names); i++) {
		const char *name = json_str(row, names[i]), *text = json_str(row, descriptions[i]);

		check_text(row, names[i], 32);
		longest[0] = max_of(longest[0], text_utf16_len(name));
		if (free_name) {
			assert_null(text);
			continue;
		}
		check_text(row, descriptions[i], 100);
		longest[1] = max_of(longest[1], text_utf16_len(text));
		/* Letters of any language, but none that is upper case. */
		for (const char *c = name; *c; c++)
			assert_true((*c & 0x80) || strchr("abcdefghijklmnopqrstuvwxyz_-", *c));
	}
	return longest[0] + longest[1];
}

/* Returns how many characters Discord counts. */
static size_t check_options(struct json_object *options)
{
	bool optional = false;
	size_t sum = 0;

	assert_in_range(json_len(options), 0, 25);
	for (size_t k = 0; k < json_len(options); k++) {
		struct json_object *option = json_object_array_get_idx(options, k);
		bool required = json_flag(option, "required", false);

		sum += check_row(option, false) + check_options(json_array(option, "options"));
		assert_false(required && optional);
		optional |= !required;
	}
	return sum;
}

static void test_limits(void **state)
{
	cleanup(json_put) struct json_object *ours = commands_json(&facts);

	for (size_t i = 0; i < json_len(ours); i++) {
		struct json_object *command = json_object_array_get_idx(ours, i);

		assert_true(check_row(command, json_int(command, "type", 1) != 1) +
				    check_options(json_array(command, "options")) <=
			    8000);
	}
}

/* The READMEs' tables of commands are the ones that this prints. */
static void test_readmes(void **state)
{
	static const char *const names[] = {"README.md", "README.es.md"};
	const char *flujos = getenv("FLUJOS_DIR"); /* set by meson: the one of the sources */
	size_t rows = 0;

	assert_non_null(flujos);
	for (size_t i = 0; i < countof(names); i++) {
		cleanup(freep) char *path = xasprintf("%s/../%s", flujos, names[i]);
		cleanup(freep) char *table = commands_markdown(i == 1);
		cleanup(buf_free) struct buf readme = BUF(1 * MIB);
		char *rest = table, *row, part[4096];
		FILE *f = fopen(path, "rb");
		size_t n;

		if (!f)
			fail_msg("%s cannot be read", path);
		while ((n = fread(part, 1, sizeof(part), f)) > 0)
			assert_int_equal(buf_add(&readme, part, n), 0);
		fclose(f);
		while ((row = strsep(&rest, "\n"))) {
			if (!strstr(buf_str(&readme), row))
				fail_msg("%s lacks the row: %s", names[i], row);
			rows += *row != '\0';
		}
	}
	assert_true(rows > 60);
}

/* `test_command --markdown` and `--markdown es` print what the READMEs have to say. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_differs),
		cmocka_unit_test(test_differs_in_number),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_readmes),
	};

	if (argc > 1 && str_eq(argv[1], "--markdown")) {
		cleanup(freep) char *table = commands_markdown(argc > 2);

		fputs(table, stdout);
		return 0;
	}

	return cmocka_run_group_tests(tests, NULL, NULL);
}
