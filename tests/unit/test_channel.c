/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json.h"
#include "discord/command.h"
#include "discord/message.h"

static const struct command_facts facts = {.edit_workflows = 2};

static void test_decode(void **state)
{
	static const char text[] =
		"[{\"id\":\"10\",\"type\":4,\"name\":\"sessions\",\"permission_overwrites\":[{"
		"\"id\":\"1\","
		"\"type\":0,\"allow\":\"0\",\"deny\":\"1024\"}]},"
		"{\"id\":\"11\",\"type\":0,\"name\":\"session-ana\",\"parent_id\":\"10\",\"topic\":"
		"\"fullet:7\",\"last_message_id\":\"99\",\"permission_overwrites\":[{\"id\":\"7\","
		"\"type\":1,"
		"\"deny\":\"1024\"},{\"id\":\"1\",\"type\":0,\"deny\":2048}]},"
		"{\"id\":\"12\",\"type\":0,\"name\":null,\"parent_id\":null,\"topic\":null,"
		"\"permission_overwrites\":[{\"id\":\"1\",\"deny\":\"3072\"},7,null]},"
		"{\"id\":\"13\"},{\"id\":\"14\",\"type\":-1},{\"type\":0},7,null,[]]";
	cleanup(json_put) struct json_object *doc = json_parse(text, strlen(text), NULL);
	cleanup(json_put) struct json_object *none = json_object_new_array();
	struct channel *channels = NULL;
	size_t n = 77;

	assert_int_equal(channels_decode(NULL, 1, &channels, &n), -EBADMSG);
	assert_int_equal(channels_decode(json_at(doc, "0"), 1, &channels, &n), -EBADMSG);
	assert_null(channels);
	assert_int_equal(n, 77);
	assert_int_equal(channels_decode(doc, 1, &channels, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(channels[0].id, 10);
	assert_int_equal(channels[0].type, CHANNEL_CATEGORY);
	assert_true(channels[0].hidden);
	assert_string_equal(channels[0].name, "sessions");
	assert_null(channels[0].topic);
	assert_int_equal(channels[1].parent_id, 10);
	assert_int_equal(channels[1].last_message_id, 99);
	assert_false(channels[1].hidden);
	assert_string_equal(channels[1].topic, "fullet:7");
	assert_true(channels[2].hidden);
	assert_string_equal(channels[2].name, "");
	channels_free(channels, n);

	assert_int_equal(channels_decode(none, 1, &channels, &n), 0);
	assert_int_equal(n, 0);
	channels_free(channels, n);
	channels_free(NULL, 0);
}

static void test_topic(void **state)
{
	static const struct {
		const char *topic;
		uint64_t user;
	} cases[] = {
		{"fullet:123", 123},
		{"fullet:123 · private channel", 123},
		{"fullet:18446744073709551615\nx", UINT64_MAX},
		{"fullet:18446744073709551616", 0},
		{"fullet:99999999999999999999999999", 0},
		{"fullet:12x", 0},
		{"fullet:", 0},
		{"fullet: 12", 0},
		{" fullet:12", 0},
		{"mine is fullet:12", 0},
		{"", 0},
		{NULL, 0},
	};

	for (size_t i = 0; i < countof(cases); i++)
		assert_true(channel_topic_user(cases[i].topic) == cases[i].user);
}

static void test_create(void **state)
{
	struct rest_call *call = channel_create_private(1, 4, 3, 2, "ana", false);

	assert_int_equal(call->http.method, HTTP_POST);
	assert_string_equal(call->route, "POST /guilds/{}/channels");
	assert_string_equal(call->major, "1");
	assert_string_equal(call->http.url, "/guilds/1/channels");
	assert_int_equal(call->flags, 0);
	assert_string_equal(call->http.body,
		"{\"name\":\"session-ana\",\"type\":0,\"parent_id\":\"4\",\"topic\":\"fullet:2 · "
		"private "
		"channel, removed when it has not been used for a while · canal privado, se borra "
		"cuando "
		"lleva un rato sin "
		"usarse\",\"permission_overwrites\":[{\"id\":\"1\",\"type\":0,\"allow\":"
		"\"0\",\"deny\":\"1024\"},{\"id\":\"2\",\"type\":1,\"allow\":\"2147601408\","
		"\"deny\":\"0\"},"
		"{\"id\":\"3\",\"type\":1,\"allow\":\"117776\",\"deny\":\"0\"}]}");
	rest_call_free(call);
	call = channel_create_category(1, 3, "sessions");
	assert_string_equal(call->http.body, "{\"name\":\"sessions\",\"type\":4,\"permission_"
					     "overwrites\":[{\"id\":\"1\",\"type\":0,"
					     "\"allow\":\"0\",\"deny\":\"1024\"},{\"id\":\"3\","
					     "\"type\":1,\"allow\":\"117776\",\"deny\":"
					     "\"0\"}]}");
	assert_int_equal(call->flags, 0);
	rest_call_free(call);
}

static void test_names(void **state)
{
	static const char long_name[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
					"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
					"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	static const struct {
		const char *username, *name;
	} cases[] = {
		{"ana", "session-ana"},
		{"Ana Maria", "session-ana-maria"},
		{"a.b_c-d", "session-ab_c-d"},
		{"  a -- b  ", "session-a-b"},
		{"--a--", "session-a"},
		{"!!!", "session-2"},
		{"", "session-2"},
		{NULL, "session-2"},
		{"- -", "session-2"},
		{"\xe6\xbc\xa2\xff", "session-2"},
		{"x\xc3\xb1y", "session-xy"},
		{"../#<@1>", "session-1"},
	};
	struct rest_call *call;

	for (size_t i = 0; i < countof(cases); i++) {
		cleanup(json_put) struct json_object *body = NULL;

		call = channel_create_private(1, 0, 3, 2, cases[i].username, false);
		body = json_parse(call->http.body, call->http.body_len, NULL);
		assert_string_equal(json_str(body, "name"), cases[i].name);
		assert_null(json_at(body, "parent_id"));
		rest_call_free(call);
	}
	call = channel_create_private(1, 0, 3, 2, long_name, false);
	{
		cleanup(json_put) struct json_object *body =
			json_parse(call->http.body, call->http.body_len, NULL);

		assert_int_equal(strlen(json_str(body, "name")), 100);
		assert_in_range(text_utf16_len(json_str(body, "topic")), 1, 1024);
	}
	rest_call_free(call);
}

/* The calls without a body. */
static void test_plain_calls(void **state)
{
	const struct {
		struct rest_call *call;
		enum http_method method;
		const char *route, *major, *url;
	} cases[] = {
		{message_list(5, 0), HTTP_GET, "GET /channels/{}/messages", "5",
			"/channels/5/messages?limit=100"},
		{message_list(5, 99), HTTP_GET, "GET /channels/{}/messages", "5",
			"/channels/5/messages?limit=100&before=99"},
		{channel_list(1), HTTP_GET, "GET /guilds/{}/channels", "1", "/guilds/1/channels"},
		{channel_delete(5, "idle · ñ"), HTTP_DELETE, "DELETE /channels/{}", "5",
			"/channels/5"},
		{channel_delete(5, NULL), HTTP_DELETE, "DELETE /channels/{}", "5", "/channels/5"},
		{gateway_bot_get(), HTTP_GET, "GET /gateway/bot", NULL, "/gateway/bot"},
		{application_get(), HTTP_GET, "GET /applications/@me", NULL, "/applications/@me"},
		{user_get(), HTTP_GET, "GET /users/@me", NULL, "/users/@me"},
		{guild_get(1), HTTP_GET, "GET /guilds/{}", "1", "/guilds/1"},
		{guild_member_get(1, 7), HTTP_GET, "GET /guilds/{}/members/{}", "1",
			"/guilds/1/members/7"},
		{guild_leave(1), HTTP_DELETE, "DELETE /users/@me/guilds/{}", "1",
			"/users/@me/guilds/1"},
		{commands_get(3, 1), HTTP_GET, "GET /applications/{}/guilds/{}/commands", "1",
			"/applications/3/guilds/1/commands?with_localizations=true"},
	};

	assert_string_equal(http_request_get(&cases[3].call->http, "X-Audit-Log-Reason"),
		"idle%20%C2%B7%20%C3%B1");
	assert_null(http_request_get(&cases[4].call->http, "X-Audit-Log-Reason"));
	for (size_t i = 0; i < countof(cases); i++) {
		struct rest_call *call = cases[i].call;

		assert_int_equal(call->http.method, cases[i].method);
		assert_string_equal(call->route, cases[i].route);
		if (cases[i].major)
			assert_string_equal(call->major, cases[i].major);
		else
			assert_null(call->major);
		assert_string_equal(call->http.url, cases[i].url);
		assert_int_equal(call->flags, REST_REPEATABLE);
		assert_null(call->http.body);
		rest_call_free(call);
	}
	assert_null(rest_call_free(NULL));
}

static void test_commands_put(void **state)
{
	cleanup(json_put) struct json_object *commands = commands_json(&facts);
	cleanup(freep) char *text = json_text(commands);
	struct rest_call *call = commands_put(3, 1, commands);

	assert_int_equal(call->http.method, HTTP_PUT);
	assert_string_equal(call->http.url, "/applications/3/guilds/1/commands");
	assert_string_equal(call->http.body, text);
	assert_int_equal(call->flags, REST_REPEATABLE);
	rest_call_free(call);
	assert_true(commands_same(commands, &facts)); /* still ours */
}

static void test_invite(void **state)
{
	cleanup(freep) char *url = invite_url(3, 1), *any = invite_url(3, 0);

	assert_string_equal(url,
		"https://discord.com/oauth2/"
		"authorize?client_id=3&scope=bot%20applications.commands&"
		"permissions=362924854288&integration_type=0&guild_id=1&disable_guild_select=true");
	assert_string_equal(any, "https://discord.com/oauth2/"
				 "authorize?client_id=3&scope=bot%20applications.commands&"
				 "permissions=362924854288&integration_type=0");
}

static void test_permission_names(void **state)
{
	static const struct {
		uint64_t missing;
		const char *names;
	} cases[] = {
		{0, ""},
		{16, "Manage Channels"},
		{BOT_PERMISSIONS_NEEDED, "Manage Channels, View Channels, Send Messages, Embed "
					 "Links, Attach Files, Read "
					 "Message History, Use Application Commands"},
		{1ull << 63 | 1024, "View Channels, permission 63"},
	};
	cleanup(freep) char *all = permission_names(UINT64_MAX);

	assert_non_null(all);
	for (size_t i = 0; i < countof(cases); i++) {
		cleanup(freep) char *names = permission_names(cases[i].missing);

		assert_string_equal(names, cases[i].names);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_topic),
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_plain_calls),
		cmocka_unit_test(test_commands_put),
		cmocka_unit_test(test_invite),
		cmocka_unit_test(test_permission_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
