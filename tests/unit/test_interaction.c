/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json.h"
#include "discord/interaction.h"

static struct json_object *parsed(const char *text)
{
	struct json_object *doc = json_parse(text, strlen(text), NULL);

	assert_non_null(doc);
	return doc;
}

static const char command[] =
	"{\"id\":\"1100000000000000009\",\"application_id\":\"1100000000000000003\",\"type\":2,"
	"\"token\":\"aW50ZXI-_x\",\"version\":1,\"guild_id\":\"1100000000000000001\","
	"\"channel_id\":\"1100000000000000005\",\"channel\":{\"id\":\"1100000000000000005\","
	"\"type\":0},"
	"\"member\":{\"user\":{\"id\":\"1100000000000000002\",\"username\":\"ana\",\"global_name\":"
	"null},"
	"\"permissions\":\"4503599627370495\",\"roles\":[]},\"app_permissions\":\"2147601424\","
	"\"locale\":\"es-ES\",\"guild_locale\":\"en-US\",\"context\":0,"
	"\"authorizing_integration_owners\":{\"0\":\"1100000000000000001\"},"
	"\"entitlements\":[],\"attachment_size_limit\":10485760,"
	"\"data\":{\"id\":\"5\",\"name\":\"imagine\",\"type\":1,\"options\":["
	"{\"name\":\"model\",\"type\":3,\"value\":\"flux_image\"},"
	"{\"name\":\"prompt\",\"type\":3,\"value\":\"un zorro \\ud83e\\udd8a\"}]}}";

static void test_command(void **state)
{
	cleanup(json_put) struct json_object *d = parsed(command);
	struct interaction it;

	assert_int_equal(interaction_decode(d, &it), 0);
	assert_int_equal(it.kind, INTERACTION_COMMAND);
	assert_true(it.id == 1100000000000000009ull);
	assert_true(it.application_id == 1100000000000000003ull);
	assert_true(it.guild_id == 1100000000000000001ull);
	assert_true(it.channel_id == 1100000000000000005ull);
	assert_true(it.user_id == 1100000000000000002ull);
	assert_true(it.permissions == 4503599627370495ull);
	assert_true(it.permissions & PERMISSION_ADMINISTRATOR);
	assert_true(it.app_permissions == 2147601424ull);
	assert_int_equal(it.message_id, 0);
	assert_int_equal(it.attachment_size_limit, 10485760);
	assert_true(it.guild_install);
	assert_int_equal(it.context, 0);
	assert_string_equal(it.token, "aW50ZXI-_x");
	assert_string_equal(it.username, "ana");
	assert_string_equal(it.locale, "es-ES");
	assert_string_equal(it.command, "imagine");
	assert_null(it.custom_id);
	assert_int_equal(it.n_options, 2);
	assert_string_equal(interaction_option(&it, "model"), "flux_image");
	assert_string_equal(interaction_option(&it, "prompt"), "un zorro 🦊");
	assert_null(interaction_option(&it, "seed"));
	assert_null(interaction_focused(&it));
	interaction_free(&it);
	assert_null(it.token);
	interaction_free(&it);
}

static void decoded(const char *text, struct interaction *it)
{
	cleanup(json_put) struct json_object *d = parsed(text);

	assert_int_equal(interaction_decode(d, it), 0);
}

#define HEAD                                                                                         \
	"{\"id\":\"9\",\"token\":\"t\",\"guild_id\":\"1\",\"channel\":{\"id\":\"5\",\"nsfw\":true}," \
	"\"member\":{\"user\":{\"id\":\"2\",\"username\":\"ana\"},\"roles\":[\"7\",\"x\",8,\"9\"]},"

/* A file beside the command, the sender's roles, and the channel's age. */
static void test_attachment(void **state)
{
	struct interaction it;
	const struct attachment *a;

	decoded(HEAD
		"\"type\":2,\"data\":{\"name\":\"edit\",\"options\":[{\"name\":\"image\","
		"\"type\":11,\"value\":\"44\"},{\"name\":\"other\",\"type\":11,\"value\":\"45\"}],"
		"\"resolved\":{\"attachments\":{\"44\":{\"id\":\"44\",\"url\":\"https://c/a.png\","
		"\"filename\":\"a.png\",\"size\":12,\"width\":3,\"height\":-1,"
		"\"content_type\":\"image/png\"},\"45\":{\"id\":\"45\"},\"46\":7}}}}",
		&it);
	a = interaction_attachment(&it, "image");
	assert_non_null(a);
	assert_string_equal(a->url, "https://c/a.png");
	assert_true(a->size == 12 && a->width == 3 && a->height == 0);
	assert_null(interaction_attachment(&it, "other")); /* it has no url */
	assert_null(interaction_attachment(&it, "none"));
	assert_true(it.age_restricted);
	assert_int_equal(it.n_roles, 3);
	assert_true(it.roles[0] == 7 && it.roles[1] == 8 && it.roles[2] == 9);
	interaction_free(&it);
}

/* A message's pictures: attached, in components, in embeds as Discord's own copy; each once. */
static void test_message_command(void **state)
{
	struct interaction it;

	decoded(HEAD
		"\"type\":2,\"data\":{\"name\":\"Edit this picture\",\"type\":3,\"target_id\":\"70\","
		"\"resolved\":{\"messages\":{\"70\":{\"id\":\"70\",\"channel_id\":\"71\","
		"\"attachments\":[{\"id\":\"1\",\"url\":\"u1\",\"filename\":\"A.PNG\"},"
		"{\"id\":\"2\",\"url\":\"u2\",\"content_type\":\"video/mp4\",\"filename\":\"v\"}],"
		"\"components\":[{\"type\":17,\"components\":[{\"type\":12,\"items\":[{\"media\":"
		"{\"url\":\"u3\",\"attachment_id\":\"3\",\"content_type\":\"image/webp\"}},{\"media\":"
		"{\"url\":\"u1\"}}]}]},{\"type\":9,\"accessory\":{\"type\":11,\"media\":{\"url\":"
		"\"u4\"}}}],\"embeds\":[{\"image\":{\"url\":\"https://evil/\",\"proxy_url\":\"u5\"}},"
		"{\"thumbnail\":{\"url\":\"https://evil/\"}}]}}}}}",
		&it);
	assert_true(it.target_id == 70 && it.target_channel_id == 71);
	assert_int_equal(it.n_attachments, 4);
	assert_string_equal(it.attachments[0].url, "u1");
	assert_string_equal(it.attachments[1].url, "u3");
	assert_true(it.attachments[1].id == 3);
	assert_string_equal(it.attachments[2].url, "u4");
	assert_string_equal(it.attachments[3].url, "u5");
	interaction_free(&it);
	decoded(HEAD "\"type\":2,\"data\":{\"name\":\"x\",\"type\":3,\"target_id\":\"70\"}}", &it);
	assert_true(it.target_id == 70 && it.target_channel_id == 5 && it.n_attachments == 0);
	interaction_free(&it);
}

static void test_subcommand_and_modal(void **state)
{
	struct interaction it;

	decoded(HEAD "\"type\":2,\"data\":{\"name\":\"admin\",\"options\":[{\"name\":\"ban\","
		     "\"type\":1,\"options\":[{\"name\":\"user\",\"type\":6,\"value\":\"88\"},"
		     "{\"name\":\"sure\",\"type\":5,\"value\":true}]}]}}",
		&it);
	assert_string_equal(it.subcommand, "ban");
	assert_true(interaction_id(&it, "user") == 88 && interaction_id(&it, "sure") == 0);
	assert_true(interaction_flag(&it, "sure") && !interaction_flag(&it, "user"));
	interaction_free(&it);
	decoded(HEAD "\"type\":2,\"data\":{\"name\":\"privacy\",\"options\":[{\"name\":"
		     "\"export\",\"type\":1}]}}",
		&it);
	assert_string_equal(it.subcommand, "export");
	assert_int_equal(it.n_options, 0);
	interaction_free(&it);
	decoded(HEAD
		"\"type\":5,\"data\":{\"custom_id\":\"v1:x:1\",\"components\":[{\"type\":18,"
		"\"component\":{\"type\":4,\"custom_id\":\"p\",\"value\":\"a hat\"}},{\"type\":1,"
		"\"components\":[{\"type\":4,\"custom_id\":\"q\",\"value\":\"b\"}]}]}}",
		&it);
	assert_string_equal(interaction_option(&it, "p"), "a hat");
	assert_string_equal(interaction_option(&it, "q"), "b");
	interaction_free(&it);
}

static void test_others(void **state)
{
	static const struct {
		const char *text;
		enum interaction_kind kind;
		uint64_t user_id;
		bool guild_install;
		int context;
	} cases[] = {
		{"{\"id\":\"1\",\"type\":1,\"token\":\"t\"}", INTERACTION_PING, 0, true, 1},
		{"{\"id\":\"1\",\"type\":2,\"token\":\"t\",\"user\":{\"id\":\"7\"},\"context\":1,"
		 "\"authorizing_integration_owners\":{\"1\":\"7\"},\"data\":{\"name\":\"x\"}}",
			INTERACTION_COMMAND, 7, false, 1},
		{"{\"id\":\"1\",\"type\":2,\"token\":\"t\",\"user\":{\"id\":7},\"context\":99,"
		 "\"data\":{\"name\":\"x\",\"options\":null}}",
			INTERACTION_COMMAND, 7, true, 2},
		{"{\"id\":\"1\",\"type\":3,\"token\":\"t\",\"guild_id\":\"2\",\"member\":{\"user\":"
		 "{\"id\":\"7\"}},\"message\":{\"id\":\"44\"},\"data\":{\"custom_id\":\"v1:cancel:"
		 "9\","
		 "\"component_type\":2}}",
			INTERACTION_COMPONENT, 7, true, 0},
		{"{\"id\":\"1\",\"type\":5,\"token\":\"t\",\"guild_id\":\"2\",\"member\":{\"user\":"
		 "{\"id\":\"7\"}},\"data\":{\"custom_id\":\"m\",\"components\":[]}}",
			INTERACTION_MODAL, 7, true, 0},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		cleanup(json_put) struct json_object *d = parsed(cases[i].text);
		struct interaction it;

		assert_int_equal(interaction_decode(d, &it), 0);
		assert_int_equal(it.kind, cases[i].kind);
		assert_int_equal(it.user_id, cases[i].user_id);
		assert_int_equal(it.guild_install, cases[i].guild_install);
		assert_int_equal(it.context, cases[i].context);
		assert_string_equal(it.locale, "en-US");
		if (it.kind == INTERACTION_COMPONENT) {
			assert_int_equal(it.message_id, 44);
			assert_string_equal(it.custom_id, "v1:cancel:9");
		}
		interaction_free(&it);
	}
}

static void test_options(void **state)
{
	cleanup(json_put) struct json_object *d = parsed(
		"{\"id\":\"1\",\"type\":4,\"token\":\"t\",\"user\":{\"id\":\"7\"},\"data\":{"
		"\"name\":\"x\","
		"\"options\":[{\"name\":\"group\",\"type\":2,\"options\":[{\"name\":\"sub\","
		"\"type\":1,"
		"\"options\":[{\"name\":\"model\",\"type\":3,\"value\":\"fl\",\"focused\":true},"
		"{\"name\":\"n\",\"type\":4,\"value\":18446744073709551615},"
		"{\"name\":\"d\",\"type\":10,\"value\":0.5},{\"name\":\"b\",\"type\":5,\"value\":"
		"true},"
		"{\"name\":\"gone\",\"type\":3},{\"name\":\"odd\",\"value\":[1]},{\"value\":\"y\"},"
		"7,null]}]}]}}");
	static const struct {
		const char *name, *text;
	} want[] = {{"model", "fl"}, {"n", "18446744073709551615"}, {"d", "0.5"}, {"b", "true"},
		{"gone", ""}, {"odd", ""}};
	struct interaction it;

	assert_int_equal(interaction_decode(d, &it), 0);
	assert_int_equal(it.n_options, countof(want));
	for (size_t i = 0; i < countof(want); i++) {
		assert_string_equal(it.options[i].name, want[i].name);
		assert_string_equal(it.options[i].text, want[i].text);
	}
	assert_ptr_equal(interaction_focused(&it), &it.options[0]);
	interaction_free(&it);
}

static void test_many_options(void **state)
{
	cleanup(json_put) struct json_object *d =
		parsed("{\"id\":\"1\",\"type\":2,\"token\":\"t\",\"user\":{\"id\":\"7\"},"
		       "\"data\":{\"name\":\"x\",\"options\":[]}}");
	struct json_object *options = json_array(d, "data.options");
	struct interaction it;

	for (int i = 0; i < 100; i++) {
		struct json_object *o = json_object_new_object();

		json_add_str(o, "name", "n");
		json_add_int(o, "value", i);
		json_object_array_add(options, o);
	}
	assert_int_equal(interaction_decode(d, &it), 0);
	assert_int_equal(it.n_options, INTERACTION_OPTIONS_MAX);
	interaction_free(&it);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"[]",
		"7",
		"\"x\"",
		"{}",
		"{\"type\":2,\"token\":\"t\",\"user\":{\"id\":\"7\"},\"data\":{\"name\":\"x\"}}",
		"{\"id\":\"x\",\"type\":2,\"token\":\"t\",\"user\":{\"id\":\"7\"},\"data\":{"
		"\"name\":\"x\"}}",
		"{\"id\":\"1\",\"type\":\"2\",\"token\":\"t\",\"user\":{\"id\":\"7\"},\"data\":{"
		"\"name\":\"x\"}}",
		"{\"id\":\"1\",\"type\":6,\"token\":\"t\",\"user\":{\"id\":\"7\"},\"data\":{"
		"\"name\":\"x\"}}",
		"{\"id\":\"1\",\"type\":4294967298,\"token\":\"t\",\"user\":{\"id\":\"7\"},"
		"\"data\":{\"name\":\"x\"}}",
		"{\"id\":\"1\",\"type\":2,\"user\":{\"id\":\"7\"},\"data\":{\"name\":\"x\"}}",
		"{\"id\":\"1\",\"type\":2,\"token\":\"\",\"user\":{\"id\":\"7\"},\"data\":{"
		"\"name\":\"x\"}}",
		"{\"id\":\"1\",\"type\":2,\"token\":7,\"user\":{\"id\":\"7\"},\"data\":{\"name\":"
		"\"x\"}}",
		"{\"id\":\"1\",\"type\":2,\"token\":\"t\",\"data\":{\"name\":\"x\"}}",
		"{\"id\":\"1\",\"type\":2,\"token\":\"t\",\"member\":{},\"data\":{\"name\":\"x\"}}",
		"{\"id\":\"1\",\"type\":2,\"token\":\"t\",\"user\":{\"id\":\"7\"}}",
		"{\"id\":\"1\",\"type\":2,\"token\":\"t\",\"user\":{\"id\":\"7\"},\"data\":{"
		"\"name\":7}}",
		"{\"id\":\"1\",\"type\":3,\"token\":\"t\",\"user\":{\"id\":\"7\"},\"data\":{"
		"\"name\":\"x\"}}",
		"{\"id\":\"1\",\"type\":5,\"token\":\"t\",\"user\":{\"id\":\"7\"},\"data\":[]}",
	};
	struct interaction it = {.id = 42};

	for (size_t i = 0; i < countof(bad); i++) {
		cleanup(json_put) struct json_object *d = parsed(bad[i]);

		assert_int_equal(interaction_decode(d, &it), -EBADMSG);
		assert_int_equal(it.id, 42);
	}
	assert_int_equal(interaction_decode(NULL, &it), -EBADMSG);
}

static void test_helpers(void **state)
{
	static const struct {
		const char *locale;
		bool spanish;
	} cases[] = {{"es-ES", true}, {"es-419", true}, {"es", true}, {"en-US", false},
		{"et", false}, {"est", false}, {"", false}, {NULL, false}};

	for (size_t i = 0; i < countof(cases); i++)
		assert_int_equal(locale_is_spanish(cases[i].locale), cases[i].spanish);
	/* The example of Discord's reference. */
	assert_true(snowflake_ms(175928847299117063ull) == 1462015105796ll);
	assert_true(snowflake_ms(0) == 1420070400000ll);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_attachment),
		cmocka_unit_test(test_message_command),
		cmocka_unit_test(test_subcommand_and_modal),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_many_options),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_helpers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
