/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's Discord does what Discord does, and says nothing against a well-behaved bot. */
#include <stdio.h>

#include "discord_rig.h"

#define ALLOWED "\"allowed_mentions\":{\"parse\":[]}"

static void identify_and_resume(struct rig *r, const char *compress)
{
	struct json_object *guild;
	int64_t seq;

	rig_ready(r, compress);
	guild = rig_got(r, "GUILD_CREATE", 0);
	assert_non_null(guild);
	assert_true(json_id(guild, "d.id") == RIG_GUILD);
	assert_true(json_len(json_array(guild, "d.channels")) == 2);
	assert_true(json_len(json_array(guild, "d.members")) == 1);
	rig_send(r, "{\"op\":1,\"d\":2}");
	assert_non_null(rig_got(r, NULL, 11));
	seq = rig_seq(r);
	rig_cut(r, 1006);
	/* What happens meanwhile is replayed in order. */
	assert_true(discord_world_say(r->w, r->ana, r->general, "one", NULL, r->now) != 0);
	assert_true(discord_world_say(r->w, r->ana, r->general, "two", NULL, r->now) != 0);
	rig_resume(r, compress, seq);
	assert_int_equal(json_int(json_at(r->got, "1"), "s", 0), seq + 1);
	assert_int_equal(json_int(json_at(r->got, "2"), "s", 0), seq + 2);
	assert_string_equal(json_str(json_at(r->got, "3"), "t"), "RESUMED");
	/* Without MESSAGE_CONTENT the words of others are hidden. */
	assert_string_equal(json_str(json_at(r->got, "2"), "d.content"), "");
	rig_cut(r, 1000);
	rig_resume(r, compress, seq);
	assert_non_null(rig_got(r, NULL, 9));
	assert_false(json_flag(rig_got(r, NULL, 9), "d", true));
	rig_clean(r);
}

static void test_gateway_streams(void **state)
{
	static const char *const streams[] = {NULL, "zlib-stream", "zstd-stream"};

	for (size_t i = 0; i < countof(streams); i++) {
		struct rig r;

		rig_new(&r, true);
		identify_and_resume(&r, streams[i]);
		rig_free(&r);
	}
}

static void test_messages(void **state)
{
	struct rig r;
	uint64_t id;

	rig_new(&r, true);
	rig_ready(&r, NULL);
	rig_call(&r, HTTP_POST,
		"{\"content\":\"hi\",\"nonce\":\"l1\",\"enforce_nonce\":true," ALLOWED "}",
		"/channels/%" PRIu64 "/messages", r.general);
	assert_int_equal(r.status, 200);
	id = json_id(r.json, "id");
	assert_string_equal(json_str(r.json, "content"), "hi");
	assert_string_equal(json_str(r.json, "nonce"), "l1");
	rig_pump(&r);
	assert_true(json_id(rig_got(&r, "MESSAGE_CREATE", 0), "d.id") == id);
	assert_string_equal(json_str(rig_got(&r, "MESSAGE_CREATE", 0), "d.content"), "hi");
	rig_call(&r, HTTP_POST, "{\"content\":\"later\",\"nonce\":2," ALLOWED "}",
		"/channels/%" PRIu64 "/messages", r.general);
	rig_call(&r, HTTP_PATCH, "{\"content\":\"hello\"," ALLOWED "}",
		"/channels/%" PRIu64 "/messages/%" PRIu64, r.general, id);
	assert_int_equal(r.status, 200);
	assert_non_null(json_str(r.json, "edited_timestamp"));
	rig_call(&r, HTTP_GET, NULL, "/channels/%" PRIu64 "/messages?limit=2", r.general);
	assert_int_equal(json_len(r.json), 2);
	assert_string_equal(json_str(r.json, "0.content"), "later");
	assert_string_equal(json_str(r.json, "1.content"), "hello");
	assert_int_equal(rig_call(&r, HTTP_DELETE, NULL, "/channels/%" PRIu64 "/messages/%" PRIu64,
				 r.general, id),
		204);
	rig_call(&r, HTTP_GET, NULL, "/channels/%" PRIu64 "/messages/%" PRIu64, r.general, id);
	assert_int_equal(r.status, 404);
	assert_int_equal(json_int(r.json, "code", 0), 10008);
	rig_pump(&r);
	assert_true(json_id(rig_got(&r, "MESSAGE_DELETE", 0), "d.id") == id);
	assert_non_null(rig_got(&r, "MESSAGE_UPDATE", 0));
	rig_clean(&r);
	rig_free(&r);
}

static void test_nonce(void **state)
{
	struct rig r;
	uint64_t id;

	rig_new(&r, true);
	rig_call(&r, HTTP_POST,
		"{\"content\":\"hi\",\"nonce\":\"l1\",\"enforce_nonce\":true," ALLOWED "}",
		"/channels/%" PRIu64 "/messages", r.general);
	id = json_id(r.json, "id");
	/* The same nonce gives the first message, for five minutes. */
	rig_call(&r, HTTP_POST,
		"{\"content\":\"again\",\"nonce\":\"l1\",\"enforce_nonce\":true," ALLOWED "}",
		"/channels/%" PRIu64 "/messages", r.general);
	assert_true(json_id(r.json, "id") == id);
	assert_string_equal(json_str(r.json, "content"), "hi");
	r.now += 5 * 60 * 1000 + 1;
	rig_call(&r, HTTP_POST,
		"{\"content\":\"later\",\"nonce\":\"l1\",\"enforce_nonce\":true," ALLOWED "}",
		"/channels/%" PRIu64 "/messages", r.general);
	assert_true(json_id(r.json, "id") != id);
	id = json_id(r.json, "id");
	/* Without enforce_nonce it is only carried along. */
	rig_call(&r, HTTP_POST, "{\"content\":\"more\",\"nonce\":\"l1\"," ALLOWED "}",
		"/channels/%" PRIu64 "/messages", r.general);
	assert_true(json_id(r.json, "id") != id);
	rig_clean(&r);
	rig_free(&r);
}

static void test_list_pages(void **state)
{
	struct rig r;
	uint64_t id[9];

	rig_new(&r, false);
	for (size_t i = 0; i < countof(id); i++)
		id[i] = discord_world_say(r.w, r.ana, r.general, "x", NULL, ++r.now);
	static const struct {
		const char *which;
		size_t pivot, limit, n, first; /* index of the newest one returned */
	} cases[] = {{"before", 5, 3, 3, 4}, {"after", 5, 2, 2, 7}, {"after", 7, 5, 1, 8},
		{"around", 4, 4, 4, 6}, {"before", 0, 5, 0, 0}};

	for (size_t i = 0; i < countof(cases); i++) {
		rig_call(&r, HTTP_GET, NULL,
			"/channels/%" PRIu64 "/messages?%s=%" PRIu64 "&limit=%zu", r.general,
			cases[i].which, id[cases[i].pivot], cases[i].limit);
		assert_int_equal(json_len(r.json), cases[i].n);
		if (cases[i].n)
			assert_true(json_id(r.json, "0.id") == id[cases[i].first]);
	}
	rig_clean(&r);
	rig_free(&r);
}

static const char png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\2\0\0\0\1\0\x08\2\0\0\0";

static void upload(struct rig *r, enum http_method method, const char *path, const char *json,
	const char *name)
{
	struct http_request req = rig_request(method, path);

	http_request_part(&req, "payload_json", NULL, "application/json", json, strlen(json));
	http_request_part(&req, "files[0]", name, "image/png", png, sizeof(png));
	rig_carry(r, &req);
}

static void test_files(void **state)
{
	struct rig r;
	struct http_request get = {.method = HTTP_GET};
	char path[100];
	uint64_t id, file;

	rig_new(&r, true);
	snprintf(path, sizeof(path), "/channels/%" PRIu64 "/messages", r.general);
	upload(&r, HTTP_POST, path,
		"{\"embeds\":[{\"image\":{\"url\":\"attachment://p1.png\"}}],\"attachments\":"
		"[{\"id\":\"0\",\"filename\":\"p1.png\",\"description\":\"a fox\"}]," ALLOWED "}",
		"p1.png");
	assert_int_equal(r.status, 200);
	id = json_id(r.json, "id");
	/* Shown by an embed, so not among the attachments. */
	assert_int_equal(json_len(json_array(r.json, "attachments")), 0);
	assert_int_equal(json_int(r.json, "embeds.0.image.width", 0), 512);
	file = json_id(r.json, "embeds.0.image.attachment_id");
	get.url = xstrdup(strstr(json_str(r.json, "embeds.0.image.url"), "/cdn/"));
	rig_carry(&r, &get);
	assert_int_equal(r.status, 200);
	assert_memory_equal(r.res.body.data, png, sizeof(png));
	/* Without its signature the file is not given. */
	get = (struct http_request){.method = HTTP_GET,
		.url = xasprintf(
			"/cdn/attachments/%" PRIu64 "/%" PRIu64 "/p1.png", r.general, file)};
	rig_carry(&r, &get);
	assert_int_equal(r.status, 404);
	/* A text edit keeps the file, an empty list drops it. */
	rig_call(&r, HTTP_PATCH, "{\"content\":\"50 %\"," ALLOWED "}", "%s/%" PRIu64, path, id);
	assert_true(json_id(r.json, "embeds.0.image.attachment_id") == file);
	rig_call(&r, HTTP_PATCH,
		"{\"content\":\"done\",\"embeds\":[],\"attachments\":[]," ALLOWED "}",
		"%s/%" PRIu64, path, id);
	assert_int_equal(json_len(json_array(r.json, "embeds")), 0);
	/* A picture of its own is an attachment. */
	upload(&r, HTTP_POST, path,
		"{\"attachments\":[{\"id\":0,\"filename\":\"r.png\"}]," ALLOWED "}", "r.png");
	assert_int_equal(json_int(r.json, "attachments.0.height", 0), 256);
	assert_string_equal(json_str(r.json, "attachments.0.content_type"), "image/png");
	rig_clean(&r);
	rig_free(&r);
}

static void test_channels(void **state)
{
	struct rig r;
	uint64_t bot, category, channel, bob;
	cleanup(freep) char *body = NULL;
	cleanup(json_put) struct json_object *view = NULL, *other = NULL;

	rig_new(&r, true);
	bob = discord_world_add_user(r.w, "bob", false);
	rig_ready(&r, NULL);
	bot = json_id(rig_got(&r, "READY", 0), "d.user.id");
	rig_call(&r, HTTP_POST, "{\"name\":\"sessions\",\"type\":4}", "/guilds/%llu/channels",
		RIG_GUILD);
	assert_int_equal(r.status, 201);
	category = json_id(r.json, "id");
	body = xasprintf(
		"{\"name\":\"Session Ana!\",\"type\":0,\"parent_id\":\"%" PRIu64
		"\",\"topic\":\"fb:%" PRIu64 "\",\"permission_overwrites\":["
		"{\"id\":\"%llu\",\"type\":0,\"allow\":\"0\",\"deny\":\"1024\"},"
		"{\"id\":\"%" PRIu64 "\",\"type\":1,\"allow\":\"2147601408\",\"deny\":\"0\"},"
		"{\"id\":\"%" PRIu64 "\",\"type\":1,\"allow\":\"117776\",\"deny\":\"0\"}]}",
		category, r.ana, RIG_GUILD, r.ana, bot);
	rig_call(&r, HTTP_POST, body, "/guilds/%llu/channels", RIG_GUILD);
	assert_int_equal(r.status, 201);
	channel = json_id(r.json, "id");
	assert_string_equal(json_str(r.json, "name"), "session-ana");
	rig_pump(&r);
	assert_true(json_id(rig_got(&r, "CHANNEL_CREATE", 0), "d.id") == channel);
	/* Ana sees it, Bob does not; nobody of them sees #admin-tools. */
	view = discord_world_view(r.w, r.ana);
	other = discord_world_view(r.w, bob);
	assert_int_equal(json_len(json_array(view, "channels")), 3);
	assert_int_equal(json_len(json_array(other, "channels")), 2);
	assert_true(discord_world_say(r.w, bob, channel, "let me in", NULL, r.now) == 0);
	assert_int_equal(rig_call(&r, HTTP_DELETE, NULL, "/channels/%" PRIu64, channel), 200);
	assert_int_equal(rig_call(&r, HTTP_DELETE, NULL, "/channels/%" PRIu64, channel), 404);
	assert_int_equal(json_int(r.json, "code", 0), 10003);
	rig_pump(&r);
	assert_true(json_id(rig_got(&r, "CHANNEL_DELETE", 0), "d.id") == channel);
	rig_clean(&r);
	rig_free(&r);
}

static void test_interaction(void **state)
{
	struct rig r;
	char token[200];
	uint64_t id;
	cleanup(json_put) struct json_object *view = NULL;

	rig_new(&r, true);
	rig_register(&r);
	rig_ready(&r, "zstd-stream");
	id = rig_imagine(&r, token, sizeof(token));
	assert_int_equal(rig_call(&r, HTTP_POST, "{\"type\":5,\"data\":{\"flags\":64}}",
				 "/interactions/%" PRIu64 "/%s/callback", id, token),
		204);
	rig_call(&r, HTTP_PATCH, "{\"content\":\"Queued (Pos: 1)\"," ALLOWED "}",
		"/webhooks/%" PRIu64 "/%s/messages/@original", r.app, token);
	assert_int_equal(r.status, 200);
	assert_int_equal(json_int(r.json, "flags", 0), 64);
	view = discord_world_view(r.w, r.ana);
	assert_string_equal(json_str(view, "messages.0.content"), "Queued (Pos: 1)");
	assert_int_equal(
		rig_call(&r, HTTP_GET, NULL, "/channels/%" PRIu64 "/messages", r.general), 200);
	assert_int_equal(json_len(r.json), 0);
	/* The same callback again, as after a lost answer. */
	rig_call(&r, HTTP_POST, "{\"type\":5,\"data\":{\"flags\":64}}",
		"/interactions/%" PRIu64 "/%s/callback", id, token);
	assert_int_equal(json_int(r.json, "code", 0), 40060);
	rig_clean(&r);
	r.now += 15 * 60 * 1000 + 1;
	rig_call(&r, HTTP_PATCH, "{\"content\":\"late\"," ALLOWED "}",
		"/webhooks/%" PRIu64 "/%s/messages/@original", r.app, token);
	assert_int_equal(r.status, 401);
	assert_int_equal(json_int(r.json, "code", 0), 50027);
	rig_free(&r);
}

static void test_autocomplete_and_press(void **state)
{
	struct rig r;
	struct json_object *event;
	uint64_t id, message;
	cleanup(json_put) struct json_object *all = NULL;

	rig_new(&r, true);
	rig_register(&r);
	rig_ready(&r, NULL);
	id = discord_world_autocomplete(r.w, r.ana, r.general, "imagine", "model", NULL, r.now);
	rig_pump(&r);
	event = rig_got(&r, "INTERACTION_CREATE", 0);
	assert_int_equal(json_int(event, "d.type", 0), 4);
	assert_true(json_flag(event, "d.data.options.0.focused", false));
	rig_call(&r, HTTP_POST,
		"{\"type\":8,\"data\":{\"choices\":[{\"name\":\"Flux\",\"value\":\"flux\"}]}}",
		"/interactions/%" PRIu64 "/%s/callback", id, json_str(event, "d.token"));
	assert_int_equal(r.status, 204);
	rig_call(&r, HTTP_POST,
		"{\"content\":\"x\",\"components\":[{\"type\":1,\"components\":[{\"type\":2,"
		"\"style\":4,\"label\":\"Cancel\",\"custom_id\":\"v1:cancel:9\"}]}]," ALLOWED "}",
		"/channels/%" PRIu64 "/messages", r.general);
	message = json_id(r.json, "id");
	assert_true(discord_world_press(r.w, r.ana, r.general, message, "no", NULL, r.now) == 0);
	id = discord_world_press(r.w, r.ana, r.general, message, "v1:cancel:9", NULL, r.now);
	rig_pump(&r);
	event = rig_got(&r, "INTERACTION_CREATE", 0);
	assert_true(json_id(event, "d.message.id") == message);
	rig_call(&r, HTTP_POST,
		"{\"type\":7,\"data\":{\"content\":\"y\",\"components\":[]," ALLOWED "}}",
		"/interactions/%" PRIu64 "/%s/callback?with_response=true", id,
		json_str(event, "d.token"));
	assert_int_equal(r.status, 200);
	assert_string_equal(json_str(r.json, "resource.message.content"), "y");
	rig_state(&r, &all);
	assert_string_equal(json_str(all, "interactions.0.choices.0.value"), "flux");
	rig_clean(&r);
	rig_free(&r);
}

static void test_command_refusals(void **state)
{
	static const struct {
		const char *command, *options, *why;
	} cases[] = {{"draw", "{}", "There is no command /draw."},
		{"imagine", "{\"model\":\"flux\"}", "This option is required: prompt."},
		{"imagine", "{\"model\":\"flux\",\"prompt\":\"\"}",
			"This option is required: prompt."},
		{"imagine", "{\"model\":\"flux\",\"prompt\":\"x\",\"seed\":1}",
			"The command has no option seed."},
		{"imagine", "{\"model\":7,\"prompt\":\"x\"}", "model must be text."}};
	struct rig r;

	rig_new(&r, true);
	rig_register(&r);
	for (size_t i = 0; i < countof(cases); i++) {
		cleanup(json_put) struct json_object *options =
			json_parse(cases[i].options, strlen(cases[i].options), NULL);
		cleanup(freep) char *why = NULL;

		assert_true(discord_world_command(
				    r.w, r.ana, 0, 0, cases[i].command, options, &why, r.now) == 0);
		assert_string_equal(why, cases[i].why);
	}
	rig_free(&r);
}

static void test_other_guilds(void **state)
{
	struct rig r;
	uint64_t other;

	rig_new(&r, true);
	rig_ready(&r, NULL);
	other = discord_world_add_guild(r.w, true);
	rig_pump(&r);
	assert_true(json_id(rig_got(&r, "GUILD_CREATE", 0), "d.id") == other);
	assert_int_equal(rig_call(&r, HTTP_DELETE, NULL, "/users/@me/guilds/%" PRIu64, other), 204);
	rig_pump(&r);
	assert_true(json_id(rig_got(&r, "GUILD_DELETE", 0), "d.id") == other);
	discord_world_kick_bot(r.w, 0);
	rig_pump(&r);
	assert_true(json_id(rig_got(&r, "GUILD_DELETE", 0), "d.id") == RIG_GUILD);
	assert_int_equal(rig_call(&r, HTTP_GET, NULL, "/guilds/%llu", RIG_GUILD), 404);
	assert_int_equal(rig_call(&r, HTTP_GET, NULL, "/channels/%" PRIu64, r.general), 403);
	rig_clean(&r);
	rig_free(&r);
}

static void test_objects(void **state)
{
	static const struct {
		const char *path, *member;
	} cases[] = {{"/gateway/bot", "session_start_limit.remaining"}, {"/users/@me", "username"},
		{"/applications/@me", "verify_key"},
		{"/guilds/1100000000000000001", "roles.1.permissions"},
		{"/guilds/1100000000000000001/channels", "1.permission_overwrites.0.deny"},
		{"/guilds/1100000000000000001/roles", "0.name"},
		{"/users/@me/guilds", "0.permissions"}};
	struct rig r;

	rig_new(&r, true);
	for (size_t i = 0; i < countof(cases); i++) {
		assert_int_equal(rig_call(&r, HTTP_GET, NULL, "%s", cases[i].path), 200);
		assert_non_null(json_at(r.json, cases[i].member));
	}
	rig_call(&r, HTTP_GET, NULL, "/guilds/%llu/members/%" PRIu64, RIG_GUILD, r.app);
	assert_int_equal(r.status, 200);
	assert_int_equal(json_len(json_array(r.json, "roles")), 1);
	rig_clean(&r);
	rig_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gateway_streams),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_nonce),
		cmocka_unit_test(test_list_pages),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_channels),
		cmocka_unit_test(test_interaction),
		cmocka_unit_test(test_autocomplete_and_press),
		cmocka_unit_test(test_command_refusals),
		cmocka_unit_test(test_other_guilds),
		cmocka_unit_test(test_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
