/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "discord/modal.h"
#include "discord/source.h"

/* Where pictures to edit come from, and the window that asks what should change. */

#define DISCORD "https://discord.com/api/v10"
#define SANDBOX "http://127.0.0.1:8123/api/v10"

static void test_allowed(void **state)
{
	static const struct {
		const char *url, *api;
		bool allowed;
	} cases[] = {
		{"https://cdn.discordapp.com/attachments/1/2/a.png?ex=1&is=2&hm=3", DISCORD, true},
		{"https://cdn.discordapp.com/ephemeral-attachments/1/2/a.png", DISCORD, true},
		{"https://media.discordapp.net/attachments/1/2/a.png", DISCORD, true},
		{"https://cdn.discordapp.com:443/a.png", DISCORD, true},
		/* other hosts, however they are dressed up */
		{"https://cdn.discordapp.com.example.org/a.png", DISCORD, false},
		{"https://xcdn.discordapp.com/a.png", DISCORD, false},
		{"https://example.org/cdn.discordapp.com/a.png", DISCORD, false},
		{"https://cdn.discordapp.com@example.org/a.png", DISCORD, false},
		{"https://cdn.discordapp.com:443@example.org/a.png", DISCORD, false},
		{"https://example.org#@cdn.discordapp.com/a.png", DISCORD, false},
		{"https://example.org\\@cdn.discordapp.com/a.png", DISCORD, false},
		{"https://cdn.discordapp.com\\.example.org/a.png", DISCORD, false},
		{"https://user@cdn.discordapp.com/a.png", DISCORD, false},
		{"https://images-ext-1.discordapp.net/external/x/https/a/b.png", DISCORD, false},
		{"https://discord.com/api/v10/users/@me", DISCORD, false},
		{"https://[::1]/a.png", DISCORD, false},
		{"https://169.254.169.254/latest", DISCORD, false},
		/* other ways */
		{"http://cdn.discordapp.com/a.png", DISCORD, false},
		{"wss://cdn.discordapp.com/a.png", DISCORD, false},
		{"HTTPS://cdn.discordapp.com/a.png", DISCORD, false},
		{"https://cdn.discordapp.com:444/a.png", DISCORD, false},
		{"https://cdn.discordapp.com:0443x/a.png", DISCORD, false},
		{"file:///etc/passwd", DISCORD, false},
		{"//cdn.discordapp.com/a.png", DISCORD, false},
		{"https:cdn.discordapp.com/a.png", DISCORD, false},
		{"", DISCORD, false},
		/* what would be two things in a header or a log */
		{"https://cdn.discordapp.com/a.png\r\nX: y", DISCORD, false},
		{"https://cdn.discordapp.com/a b.png", DISCORD, false},
		{"https://cdn.discordapp.com/\xc3\xa1.png", DISCORD, false},
		/* the sandbox's own address counts only where the API itself is there */
		{"http://127.0.0.1:8123/cdn/attachments/1/2/a.png", SANDBOX, true},
		{"http://127.0.0.1:8123/cdn/attachments/1/2/a.png", DISCORD, false},
		{"http://127.0.0.1:8124/a.png", SANDBOX, true},
		{"https://127.0.0.1:8123/a.png", SANDBOX, false},
		{"http://localhost:8123/a.png", SANDBOX, false},
		{"http://127.0.0.1:8123@example.org/a.png", SANDBOX, false},
		{"https://cdn.discordapp.com/a.png", SANDBOX, true},
		{"http://discord.example.org/cdn/a.png", "http://discord.example.org/api", false},
		{"http://127.0.0.1.example.org:8123/a.png", "http://127.0.0.1.example.org:8123/api",
			false},
	};

	for (size_t i = 0; i < countof(cases); i++)
		if (source_url_allowed(cases[i].url, cases[i].api) != cases[i].allowed)
			fail_msg("%s with %s", cases[i].url, cases[i].api);
}

static void test_keep_allowed(void **state)
{
	static const char *const urls[] = {"https://example.org/1.png",
		"https://cdn.discordapp.com/2.png", "https://example.org/3.png",
		"https://cdn.discordapp.com/4.png"};
	struct attachment list[ATTACHMENTS_MAX] = {0};
	size_t n;

	for (size_t i = 0; i < countof(urls); i++)
		list[i] = (struct attachment){.id = i, .url = xstrdup(urls[i])};
	n = source_keep_allowed(list, countof(urls), DISCORD);
	assert_int_equal(n, 2);
	assert_string_equal(list[0].url, urls[1]);
	assert_string_equal(list[1].url, urls[3]);
	for (size_t i = 0; i < n; i++)
		attachment_free(&list[i]);
}

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int result;
		bool last;
		const char *url;
		uint64_t channel, message;
		size_t index;
	} cases[] = {
		{"last", 0, true, NULL, 0, 0, 0},
		{"https://a/b.png", 0, false, "https://a/b.png", 0, 0, 0},
		{"message:12:34:0", 0, false, NULL, 12, 34, 0},
		{"https://a/b.png message:12:34:9", 0, false, "https://a/b.png", 12, 34, 9},
		{NULL, -EINVAL},
		{"", -EINVAL},
		{" message:1:2:0", -EINVAL},
		{" x", -EINVAL}, /* shorter than what it is compared with */
		{"https://a b", -EINVAL},
		{"message:12:34", -EINVAL},
		{"message:12:34:10", -EINVAL},
		{"message:0:34:0", -EINVAL},
		{"message:12::0", -EINVAL},
		{"message:12:34:0:", -EINVAL},
		{"message:-1:34:0", -EINVAL},
		{"message:99999999999999999999999999:34:0", -EINVAL},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct source s = {0};
		cleanup(freep) char *text = NULL;

		if (source_parse(cases[i].text, &s) != cases[i].result)
			fail_msg("%s", cases[i].text);
		if (cases[i].result == 0 && !s.last) {
			text = source_text(s.url, s.channel_id, s.message_id, s.index);
			assert_string_equal(text, cases[i].text);
		}
		assert_int_equal(s.last, cases[i].last);
		assert_true(str_eq(s.url, cases[i].url) || (!s.url && !cases[i].url));
		assert_int_equal(s.channel_id, cases[i].channel);
		assert_int_equal(s.message_id, cases[i].message);
		assert_int_equal(s.index, cases[i].index);
		source_free(&s);
	}
}

static const struct interaction it = {
	.kind = INTERACTION_COMMAND, .id = 9, .token = (char *)"aW5-_x", .locale = (char *)"es-ES"};

static void test_modal(void **state)
{
	static const struct choice models[] = {{"Flux", "flux_edit"}, {"Qwen", "qwen_edit"}};
	struct rest_call *call = message_edit_modal(&it, &(struct edit_modal){.channel_id = 12,
								 .message_id = 34,
								 .n_pictures = 1,
								 .models = models,
								 .n_models = 1});

	assert_string_equal(call->http.url, "/interactions/9/aW5-_x/callback");
	assert_string_equal(call->http.body,
		"{\"type\":9,\"data\":{\"custom_id\":\"v1:edit:12:34\",\"title\":\"Editar esta imagen\","
		"\"components\":[{\"type\":18,\"label\":\"Qué debe cambiar\",\"component\":{\"type\":4,"
		"\"custom_id\":\"prompt\",\"style\":2,\"min_length\":1,\"max_length\":1500,"
		"\"required\":true}}]}}");
	rest_call_free(call);
	call = message_edit_modal(&it, &(struct edit_modal){.channel_id = UINT64_MAX,
					       .message_id = UINT64_MAX,
					       .n_pictures = 2,
					       .models = models,
					       .n_models = 2});
	assert_non_null(strstr(call->http.body,
		"{\"type\":18,\"label\":\"Qué imagen\",\"component\":{\"type\":3,\"custom_id\":\"which\","
		"\"options\":[{\"label\":\"Imagen 1\",\"value\":\"0\",\"default\":true},{\"label\":\"Imagen "
		"2\",\"value\":\"1\"}]}}"));
	assert_non_null(strstr(call->http.body,
		"{\"type\":18,\"label\":\"Modelo\",\"component\":{\"type\":3,\"custom_id\":\"model\","
		"\"options\":[{\"label\":\"Flux\",\"value\":\"flux_edit\",\"default\":true},{\"label\":"
		"\"Qwen\",\"value\":\"qwen_edit\"}]}}"));
	rest_call_free(call);
}

static void test_modal_parse(void **state)
{
	static const char *const wrong[] = {"", "v1:edit:", "v1:edit:1", "v1:edit:1:", "v1:edit::2",
		"v1:edit:0:2", "v1:edit:1:2:3", "v1:edit:1:2 ", "v1:edit:-1:2", "v2:edit:1:2",
		"v1:cancel:1:2", "v1:edit:1:99999999999999999999999"};
	uint64_t channel = 5, message = 6;

	for (size_t i = 0; i < countof(wrong); i++)
		if (edit_modal_parse(wrong[i], &channel, &message))
			fail_msg("%s", wrong[i]);
	assert_int_equal(channel, 5);
	assert_true(edit_modal_parse("v1:edit:12:34", &channel, &message));
	assert_int_equal(channel, 12);
	assert_int_equal(message, 34);
}

/* Discord: a title has at most 45 characters, a label too; a custom_id at most 100. */
static void test_lengths(void **state)
{
	static const enum text_id texts[] = {
		TEXT_EDIT_TITLE, TEXT_EDIT_PROMPT, TEXT_EDIT_MODEL, TEXT_EDIT_WHICH};
	static const char *const locales[] = {"en-US", "es-ES"};

	for (size_t i = 0; i < countof(texts) * 2; i++) {
		cleanup(freep) char *text = text_make(texts[i / 2], locales[i % 2], NULL);

		assert_in_range(text_utf16_len(text), 1, 45);
	}
}

/* What comes back: fields in Labels, the choice of a menu among its values. */
static void test_submitted(void **state)
{
	static const char text[] =
		"{\"id\":\"1\",\"type\":5,\"token\":\"t\",\"guild_id\":\"7\",\"channel_id\":\"12\","
		"\"member\":{\"user\":{\"id\":\"4\"}},\"data\":{\"custom_id\":\"v1:edit:12:34\","
		"\"components\":[{\"type\":18,\"component\":{\"type\":4,\"custom_id\":\"prompt\",\"value\":"
		"\"a hat\"}},{\"type\":18,\"component\":{\"type\":3,\"custom_id\":\"which\",\"values\":"
		"[\"1\"]}},{\"type\":18,\"component\":{\"type\":3,\"custom_id\":\"model\",\"values\":[]}}]}}";
	struct json_object *d = json_parse(text, strlen(text), NULL);
	struct interaction got;

	assert_int_equal(interaction_decode(d, &got), 0);
	assert_string_equal(interaction_option(&got, "prompt"), "a hat");
	assert_string_equal(interaction_option(&got, "which"), "1");
	assert_string_equal(interaction_option(&got, "model"), "");
	interaction_free(&got);
	json_put(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_keep_allowed),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_modal),
		cmocka_unit_test(test_modal_parse),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_submitted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
