/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's Discord refuses and records what Discord's rules forbid. */
#include <stdio.h>

#include "discord_rig.h"

#define ALLOWED "\"allowed_mentions\":{\"parse\":[]}"
#define OK_BODY "{\"content\":\"x\"," ALLOWED "}"

/* {c} a channel, {m} a message of the bot, {u} one of Ana, {h} a hidden channel, {g} the guild,
 * {a} the application; %N in a body is N times the letter x. */
struct bad {
	const char *rule;
	int status;
	enum http_method method;
	const char *path;
	const char *body;
};

#define POST_MSG   HTTP_POST, "/channels/{c}/messages"
#define EDIT_MSG   HTTP_PATCH, "/channels/{c}/messages/{m}"
#define MAKE	   HTTP_POST, "/guilds/{g}/channels"
#define PUT_CMD	   HTTP_PUT, "/applications/{a}/guilds/{g}/commands"
#define BUTTON(id) "{\"type\":2,\"style\":1,\"label\":\"b\",\"custom_id\":\"" id "\"}"
#define ROW(inner) "{\"type\":1,\"components\":[" inner "]}"

static const struct bad bad[] = {
	/* messages */
	{"BASE_TYPE_MAX_LENGTH", 400, POST_MSG, "{\"content\":\"%2001\"," ALLOWED "}"},
	{"empty_message", 400, POST_MSG, "{\"content\":\"  \"," ALLOWED "}"},
	{"json", 400, POST_MSG, "{\"content\":"},
	{"BASE_TYPE_CHOICES", 400, POST_MSG, "{\"content\":7," ALLOWED "}"},
	{"unknown_field", 200, POST_MSG, "{\"content\":\"x\",\"contents\":\"y\"," ALLOWED "}"},
	{"allowed_mentions_missing", 200, POST_MSG, "{\"content\":\"x\"}"},
	{"allowed_mentions_missing", 200, EDIT_MSG, "{\"content\":\"x\"}"},
	{"MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", 400, POST_MSG,
		"{\"content\":\"x\",\"allowed_mentions\":{\"parse\":[\"users\"],\"users\":[\"1\"]}"
		"}"},
	{"BASE_TYPE_CHOICES", 400, POST_MSG,
		"{\"content\":\"x\",\"allowed_mentions\":{\"parse\":[\"friends\"]}}"},
	{"NONCE_TYPE_TOO_LONG", 400, POST_MSG, "{\"content\":\"x\",\"nonce\":\"%26\"," ALLOWED "}"},
	{"NONCE_REQUIRED", 400, POST_MSG, "{\"content\":\"x\",\"enforce_nonce\":true," ALLOWED "}"},
	{"flags", 200, POST_MSG, "{\"content\":\"x\",\"flags\":64," ALLOWED "}"},
	{"BASE_TYPE_MAX_LENGTH", 400, POST_MSG, "{\"embeds\":[{\"title\":\"%257\"}]," ALLOWED "}"},
	{"MAX_EMBED_SIZE_EXCEEDED", 400, POST_MSG,
		"{\"embeds\":[{\"description\":\"%4000\"},{\"description\":\"%2001\"}]," ALLOWED
		"}"},
	{"UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND", 400, POST_MSG,
		"{\"embeds\":[{\"image\":{\"url\":\"attachment://p.png\"}}]," ALLOWED "}"},
	{"ATTACHMENT_NOT_FOUND", 400, POST_MSG,
		"{\"content\":\"x\",\"attachments\":[{\"id\":\"0\",\"filename\":\"p.png\"}]"
		"," ALLOWED "}"},
	{"REPLIES_UNKNOWN_MESSAGE", 400, POST_MSG,
		"{\"content\":\"x\",\"message_reference\":{\"message_id\":\"5\"}," ALLOWED "}"},
	{"CONTENT_TYPE", 400, POST_MSG, NULL},
	{"DICT_TYPE_CONVERT", 400, POST_MSG, "[1]"},
	{"DICT_TYPE_CONVERT", 400, PUT_CMD, "{}"},
	{"DICT_TYPE_CONVERT", 400, POST_MSG, "{\"embeds\":[null]," ALLOWED "}"},
	{"unknown_field", 200, POST_MSG,
		"{\"flags\":32768,\"components\":[{\"type\":10,\"content\":\"x\",\"items\":[5],"
		"\"components\":[6],\"media\":7,\"accessory\":{\"media\":8}}]," ALLOWED "}"},
	{"BASE_TYPE_CHOICES", 400, PUT_CMD,
		"[{\"name\":\"x\",\"description\":\"x\",\"name_localizations\":\"y\"}]"},
	{"missing_access", 403, HTTP_POST, "/channels/{h}/messages", OK_BODY},
	{"edit_of_another", 403, HTTP_PATCH, "/channels/{c}/messages/{u}", OK_BODY},
	{"unknown_message", 404, HTTP_PATCH, "/channels/{c}/messages/12345", OK_BODY},
	{"unknown_message", 404, HTTP_DELETE, "/channels/{c}/messages/12345", NULL},
	{"missing_permissions", 403, HTTP_DELETE, "/channels/{c}/messages/{u}", NULL},
	/* components */
	{"COMPONENT_CUSTOM_ID_DUPLICATED", 400, POST_MSG,
		"{\"content\":\"x\",\"components\":[" ROW(BUTTON("a") "," BUTTON("a")) "]," ALLOWED
										       "}"},
	{"BASE_TYPE_BAD_LENGTH", 400, POST_MSG,
		"{\"content\":\"x\",\"components\":[" ROW(BUTTON("%101")) "]," ALLOWED "}"},
	{"BASE_TYPE_BAD_LENGTH", 400, POST_MSG,
		"{\"content\":\"x\",\"components\":[" ROW(BUTTON("1") "," BUTTON("2") "," BUTTON(
			"3") "," BUTTON("4") "," BUTTON("5") "," BUTTON("6")) "]," ALLOWED "}"},
	{"BASE_TYPE_CHOICES", 400, POST_MSG,
		"{\"content\":\"x\",\"components\":[{\"type\":10,\"content\":\"x\"}]," ALLOWED "}"},
	{"BUTTON_COMPONENT_NO_LABEL", 400, POST_MSG,
		"{\"content\":\"x\",\"components\":[" ROW(
			"{\"type\":2,\"style\":1,\"custom_id\":\"a\"}") "]," ALLOWED "}"},
	{"MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", 400, POST_MSG,
		"{\"content\":\"x\",\"flags\":32768,\"components\":[{\"type\":10,\"content\":\"x\"}"
		"]," ALLOWED "}"},
	{"COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", 400, POST_MSG,
		"{\"flags\":32768,\"components\":[{\"type\":10,\"content\":\"%4000\"},"
		"{\"type\":10,\"content\":\"x\"}]," ALLOWED "}"},
	{"UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND", 400, POST_MSG,
		"{\"flags\":32768,\"components\":[{\"type\":12,\"items\":[{\"media\":"
		"{\"url\":\"attachment://r.png\"}}]}]," ALLOWED "}"},
	/* channels */
	{"locked_out", 201, MAKE,
		"{\"name\":\"x\",\"permission_overwrites\":[{\"id\":\"{g}\",\"type\":0,"
		"\"allow\":\"0\",\"deny\":\"1024\"}]}"},
	{"missing_permissions", 403, MAKE,
		"{\"name\":\"x\",\"permission_overwrites\":[{\"id\":\"{a}\",\"type\":1,"
		"\"allow\":\"8192\",\"deny\":\"0\"}]}"},
	{"unknown_overwrite", 404, MAKE,
		"{\"name\":\"x\",\"permission_overwrites\":[{\"id\":\"5\",\"type\":1,"
		"\"allow\":\"1024\",\"deny\":\"0\"}]}"},
	{"PERMISSION_OVERWRITE_CONFLICT", 400, MAKE,
		"{\"name\":\"x\",\"permission_overwrites\":[{\"id\":\"{a}\",\"type\":1,"
		"\"allow\":\"1024\",\"deny\":\"1024\"}]}"},
	{"BASE_TYPE_REQUIRED", 400, MAKE, "{\"type\":0}"},
	{"BASE_TYPE_MAX_LENGTH", 400, MAKE, "{\"name\":\"x\",\"topic\":\"%1025\"}"},
	{"CHANNEL_PARENT_INVALID", 400, MAKE, "{\"name\":\"x\",\"parent_id\":\"{c}\"}"},
	{"delete_unknown", 404, HTTP_DELETE, "/channels/12345", NULL},
	{"missing_permissions", 403, HTTP_PUT, "/channels/{c}/permissions/{a}",
		"{\"type\":1,\"allow\":\"1024\",\"deny\":\"0\"}"},
	/* commands */
	{"needless_registration", 200, PUT_CMD, RIG_COMMANDS},
	{"APPLICATION_COMMAND_INVALID_NAME", 400, PUT_CMD,
		"[{\"name\":\"Imagine\",\"description\":\"x\"}]"},
	{"APPLICATION_COMMAND_INVALID_NAME", 400, PUT_CMD,
		"[{\"name\":\"imagine it\",\"description\":\"x\"}]"},
	{"BASE_TYPE_MAX_LENGTH", 400, PUT_CMD, "[{\"name\":\"x\",\"description\":\"%101\"}]"},
	{"APPLICATION_COMMAND_INVALID_DESCRIPTION", 400, PUT_CMD, "[{\"name\":\"x\"}]"},
	{"APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", 400, PUT_CMD,
		"[{\"name\":\"x\",\"description\":\"x\",\"options\":["
		"{\"type\":3,\"name\":\"a\",\"description\":\"a\"},"
		"{\"type\":3,\"name\":\"b\",\"description\":\"b\",\"required\":true}]}]"},
	{"APPLICATION_COMMAND_OPTIONS_CHOICES_AND_AUTOCOMPLETE", 400, PUT_CMD,
		"[{\"name\":\"x\",\"description\":\"x\",\"options\":[{\"type\":3,\"name\":\"a\","
		"\"description\":\"a\",\"autocomplete\":true,\"choices\":"
		"[{\"name\":\"n\",\"value\":\"v\"}]}]}]"},
	{"APPLICATION_COMMANDS_DUPLICATE_NAME", 400, PUT_CMD,
		"[{\"name\":\"x\",\"description\":\"x\"},{\"name\":\"x\",\"description\":\"y\"}]"},
	{"LOCALE", 400, PUT_CMD,
		"[{\"name\":\"x\",\"description\":\"x\",\"name_localizations\":{\"es\":\"y\"}}]"},
	{"unknown_application", 403, HTTP_GET, "/applications/5/commands", NULL},
	/* anything */
	{"unknown_route", 404, HTTP_GET, "/channels/{c}/message", NULL},
	{"body_needless", 200, HTTP_GET, "/users/@me", "{}"},
	{"unknown_interaction", 404, HTTP_POST, "/interactions/5/x/callback", "{\"type\":5}"},
	{"unknown_webhook", 404, HTTP_PATCH, "/webhooks/{a}/nothing/messages/@original", OK_BODY},
};

struct names {
	uint64_t c, m, u, h, g, a;
};

static char *expand(const struct names *n, const char *text)
{
	struct buf out = BUF(1 << 20);

	for (const char *p = text; *p; p++) {
		const char *at = *p == '{' && p[1] && p[2] == '}' ? strchr("cmuhga", p[1]) : NULL;
		char *end;

		if (at) {
			must(buf_printf(&out, "%" PRIu64, (&n->c)[at - "cmuhga"]) == 0);
			p += 2;
		} else if (*p == '%') {
			for (unsigned long i = strtoul(p + 1, &end, 10); i > 0; i--)
				must(buf_add(&out, "x", 1) == 0);
			p = end - 1;
		} else {
			must(buf_add(&out, p, 1) == 0);
		}
	}
	return buf_take(&out);
}

static void prepare(struct rig *r, struct names *n)
{
	rig_new(r, false);
	rig_register(r);
	r->now += 60000;
	assert_int_equal(
		rig_call(r, HTTP_POST, OK_BODY, "/channels/%" PRIu64 "/messages", r->general), 200);
	*n = (struct names){
		.c = r->general, .m = json_id(r->json, "id"), .g = RIG_GUILD, .a = r->app};
	n->u = discord_world_say(r->w, r->ana, r->general, "hello", NULL, r->now);
	rig_call(r, HTTP_POST, "{\"name\":\"hidden\"}", "/guilds/%llu/channels", RIG_GUILD);
	n->h = json_id(r->json, "id");
	rig_clean(r);
}

static void test_bad_requests(void **state)
{
	for (size_t i = 0; i < countof(bad); i++) {
		struct rig r;
		struct names n;
		char rule[80];

		prepare(&r, &n);
		if (bad[i].body || str_eq(bad[i].rule, "CONTENT_TYPE")) {
			cleanup(freep) char *path = expand(&n, bad[i].path);
			cleanup(freep) char *hide =
				xasprintf("{\"permission_overwrites\":[{\"id\":\"%llu\",\"type\":0,"
					  "\"allow\":\"0\",\"deny\":\"1024\"}]}",
					RIG_GUILD);
			struct http_request req;

			if (str_eq(bad[i].rule, "missing_access"))
				rig_call(&r, HTTP_PATCH, hide, "/channels/%" PRIu64, n.h);
			req = rig_request(bad[i].method, path);
			if (bad[i].body) {
				http_request_json(&req, expand(&n, bad[i].body));
			} else {
				req.body = xstrdup(OK_BODY);
				req.body_len = strlen(OK_BODY);
			}
			rig_carry(&r, &req);
		} else {
			cleanup(freep) char *path = expand(&n, bad[i].path);

			rig_call(&r, bad[i].method, NULL, "%s", path);
		}
		if (r.status != bad[i].status || !rig_has_rule(&r, bad[i].rule))
			fail_msg("case %zu, %s: status %d, last rule \"%s\", %.*s", i, bad[i].rule,
				r.status, rig_rule(&r, rule, sizeof(rule)), (int)r.res.body.len,
				buf_str(&r.res.body));
		rig_free(&r);
	}
}

/* An error names the place, as Discord's does. */
static void test_error_tree(void **state)
{
	struct rig r;

	rig_new(&r, false);
	rig_call(&r, HTTP_POST, "{\"embeds\":[{\"title\":\"a\",\"url\":\"b\"}]," ALLOWED "}",
		"/channels/%" PRIu64 "/messages", r.general);
	assert_int_equal(r.status, 400);
	assert_int_equal(json_int(r.json, "code", 0), 50035);
	assert_string_equal(
		json_str(r.json, "errors.embeds.0.url._errors.0.code"), "URL_TYPE_INVALID_URL");
	rig_free(&r);
}

static void test_headers(void **state)
{
	static const struct {
		const char *agent, *auth, *rule;
		int status;
	} cases[] = {{NULL, "Bot " RIG_TOKEN, "user_agent", 403},
		{"curl/7.88", "Bot " RIG_TOKEN, "user_agent", 403},
		{"DiscordBot (fullet)", "Bot " RIG_TOKEN, "user_agent", 403},
		{RIG_AGENT, NULL, "authorization_missing", 401}, {RIG_AGENT, "Bot wrong", "", 401},
		{RIG_AGENT, RIG_TOKEN, "", 401}, {RIG_AGENT, "Bot " RIG_TOKEN, "", 200}};

	for (size_t i = 0; i < countof(cases); i++) {
		struct rig r;
		char rule[80];
		struct http_request req = {
			.method = HTTP_GET, .url = xstrdup("/api/v10/users/@me")};

		rig_new(&r, false);
		if (cases[i].agent)
			http_request_header(&req, "User-Agent", cases[i].agent);
		if (cases[i].auth)
			http_request_header(&req, "Authorization", cases[i].auth);
		rig_carry(&r, &req);
		assert_int_equal(r.status, cases[i].status);
		assert_string_equal(rig_rule(&r, rule, sizeof(rule)), cases[i].rule);
		rig_free(&r);
	}
}

static void upload(struct rig *r, const char *part, const char *name, size_t len, const char *json)
{
	cleanup(freep) char *path = xasprintf("/channels/%" PRIu64 "/messages", r->general);
	cleanup(freep) char *data = xcalloc(len + 1, 1);
	struct http_request req = rig_request(HTTP_POST, path);

	if (json)
		http_request_part(
			&req, "payload_json", NULL, "application/json", json, strlen(json));
	http_request_part(&req, part, name, "image/png", data, len);
	rig_carry(r, &req);
}

static void test_uploads(void **state)
{
	static const struct {
		const char *rule, *part, *name, *json;
		size_t len;
		int status;
	} cases[] = {
		{"file_too_large", "files[0]", "p.png", OK_BODY, DISCORD_FILE_MAX + 1, 413},
		{"file_name", "files[0]", "My Picture.png", OK_BODY, 9, 200},
		{"UNKNOWN_PART", "file", "p.png", OK_BODY, 9, 400},
		{"payload_json_missing", "files[0]", "p.png", NULL, 9, 200},
		{"file_unlisted", "files[0]", "p.png",
			"{\"content\":\"x\",\"attachments\":[]," ALLOWED "}", 9, 200},
		{"attachment_name", "files[0]", "p.png",
			"{\"attachments\":[{\"id\":\"0\",\"filename\":\"q.png\"}]," ALLOWED "}", 9,
			200},
		{"ATTACHMENT_NOT_FOUND", "files[0]", "p.png",
			"{\"attachments\":[{\"id\":\"1\",\"filename\":\"p.png\"}]," ALLOWED "}", 9,
			400},
		{"embed_picture", "files[0]", "p.mp4",
			"{\"embeds\":[{\"image\":{\"url\":\"attachment://p.mp4\"}}]," ALLOWED "}",
			9, 200},
		{"", "files[0]", "p.png", OK_BODY, DISCORD_FILE_MAX, 200},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct rig r;

		rig_new(&r, false);
		upload(&r, cases[i].part, cases[i].name, cases[i].len, cases[i].json);
		assert_int_equal(r.status, cases[i].status);
		if (*cases[i].rule)
			assert_true(rig_has_rule(&r, cases[i].rule));
		else
			rig_clean(&r);
		rig_free(&r);
	}
}

/* ---- rate limits ---- */

static void test_bucket(void **state)
{
	struct rig r;

	rig_new(&r, true);
	for (int i = 0; i < 5; i++) {
		rig_call(&r, HTTP_POST, OK_BODY, "/channels/%" PRIu64 "/messages", r.general);
		assert_int_equal(r.status, 200);
		assert_int_equal(rig_rate(&r, "X-RateLimit-Remaining"), 4 - i);
		assert_non_null(http_response_get(&r.res, "X-RateLimit-Bucket"));
	}
	rig_call(&r, HTTP_POST, OK_BODY, "/channels/%" PRIu64 "/messages", r.general);
	assert_int_equal(r.status, 429);
	assert_string_equal(http_response_get(&r.res, "X-RateLimit-Scope"), "user");
	assert_true(json_num(r.json, "retry_after", 0) == 5.0);
	assert_false(json_flag(r.json, "global", true));
	/* Edits have a bucket of their own, another channel too. */
	assert_int_equal(
		rig_call(&r, HTTP_GET, NULL, "/channels/%" PRIu64 "/messages", r.general), 200);
	rig_call(&r, HTTP_POST, OK_BODY, "/channels/%" PRIu64 "/messages",
		discord_world_find_channel(r.w, "admin-tools"));
	assert_int_equal(r.status, 200);
	rig_clean(&r);
	r.now += 2000;
	rig_call(&r, HTTP_POST, OK_BODY, "/channels/%" PRIu64 "/messages", r.general);
	assert_int_equal(r.status, 429);
	assert_true(rig_has_rule(&r, "retry_after"));
	r.now += 3000;
	rig_call(&r, HTTP_POST, OK_BODY, "/channels/%" PRIu64 "/messages", r.general);
	assert_int_equal(r.status, 200);
	rig_free(&r);
}

static void test_global_limit(void **state)
{
	struct rig r;

	rig_new(&r, true);
	for (int i = 0; i < 50; i++)
		assert_int_equal(rig_call(&r, HTTP_GET, NULL, "/guilds/%llu", RIG_GUILD), 200);
	rig_clean(&r);
	rig_call(&r, HTTP_GET, NULL, "/guilds/%llu", RIG_GUILD);
	assert_int_equal(r.status, 429);
	assert_true(json_flag(r.json, "global", false));
	assert_string_equal(http_response_get(&r.res, "X-RateLimit-Scope"), "global");
	assert_true(rig_has_rule(&r, "global_limit"));
	r.now += 1000;
	assert_int_equal(rig_call(&r, HTTP_GET, NULL, "/guilds/%llu", RIG_GUILD), 200);
	rig_free(&r);
}

static void test_rename_limit(void **state)
{
	struct rig r;

	rig_new(&r, true);
	for (int i = 0; i < 3; i++)
		rig_call(&r, HTTP_PATCH, "{\"topic\":\"x\"}", "/channels/%" PRIu64, r.general);
	assert_int_equal(r.status, 429);
	assert_int_equal(rig_rate(&r, "X-RateLimit-Remaining"), 2);
	assert_true(json_num(r.json, "retry_after", 0) == 600.0);
	rig_free(&r);
}

static void test_full_category(void **state)
{
	struct rig r;
	uint64_t category;
	cleanup(freep) char *body = NULL;

	rig_new(&r, false);
	category = discord_world_add_channel(r.w, "sessions", 0, 4);
	body = xasprintf("{\"name\":\"x\",\"parent_id\":\"%" PRIu64 "\"}", category);
	for (int i = 0; i < 50; i++)
		assert_int_equal(
			rig_call(&r, HTTP_POST, body, "/guilds/%llu/channels", RIG_GUILD), 201);
	rig_call(&r, HTTP_POST, body, "/guilds/%llu/channels", RIG_GUILD);
	assert_int_equal(r.status, 400);
	assert_string_equal(
		json_str(r.json, "errors.parent_id._errors.0.code"), "CHANNEL_PARENT_MAX_CHANNELS");
	rig_free(&r);
}

/* ---- interactions ---- */

static void test_answers(void **state)
{
	static const struct {
		const char *rule; /* "" for none */
		int64_t after_ms;
		const char *first, *second; /* callbacks */
		int status;		    /* of the last */
	} cases[] = {
		{"", 3000, "{\"type\":5,\"data\":{\"flags\":64}}", NULL, 204},
		{"acknowledged_late", 3001, "{\"type\":5,\"data\":{\"flags\":64}}", NULL, 404},
		{"acknowledged_twice", 100, "{\"type\":5,\"data\":{\"flags\":64}}",
			"{\"type\":4,\"data\":" OK_BODY "}", 400},
		{"INTERACTION_APPLICATION_COMMAND_INVALID_CALLBACK_TYPE", 100, "{\"type\":6}", NULL,
			400},
		{"INTERACTION_APPLICATION_COMMAND_INVALID_CALLBACK_TYPE", 100,
			"{\"type\":8,\"data\":{\"choices\":[]}}", NULL, 400},
		{"unknown_field", 100, "{\"type\":5,\"data\":{\"content\":\"x\"}}", NULL, 204},
		{"flags", 100, "{\"type\":5,\"data\":{\"flags\":32832}}", NULL, 204},
		{"allowed_mentions_missing", 100, "{\"type\":4,\"data\":{\"content\":\"x\"}}", NULL,
			204},
		{"", 100, "{\"type\":4,\"data\":" OK_BODY "}", NULL, 204},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct rig r;
		char token[200];
		uint64_t id;

		rig_new(&r, true);
		rig_register(&r);
		rig_ready(&r, NULL);
		id = rig_imagine(&r, token, sizeof(token));
		r.now += cases[i].after_ms;
		rig_call(&r, HTTP_POST, cases[i].first, "/interactions/%" PRIu64 "/%s/callback", id,
			token);
		if (cases[i].second)
			rig_call(&r, HTTP_POST, cases[i].second,
				"/interactions/%" PRIu64 "/%s/callback", id, token);
		assert_int_equal(r.status, cases[i].status);
		if (*cases[i].rule)
			assert_true(rig_has_rule(&r, cases[i].rule));
		else
			rig_clean(&r);
		rig_free(&r);
	}
}

static void test_webhook_order(void **state)
{
	struct rig r;
	char token[200];
	uint64_t id;

	rig_new(&r, true);
	rig_register(&r);
	rig_ready(&r, NULL);
	id = rig_imagine(&r, token, sizeof(token));
	rig_call(&r, HTTP_PATCH, OK_BODY, "/webhooks/%" PRIu64 "/%s/messages/@original", r.app,
		token);
	assert_int_equal(r.status, 404);
	assert_true(rig_has_rule(&r, "webhook_before_callback"));
	rig_call(&r, HTTP_POST, "{\"type\":5}", "/interactions/%" PRIu64 "/%s/callback", id, token);
	rig_call(&r, HTTP_POST, OK_BODY, "/webhooks/%" PRIu64 "/%s", r.app, token);
	assert_int_equal(r.status, 200);
	assert_true(rig_has_rule(&r, "followup_to_deferral"));
	rig_free(&r);
}

static void test_choices(void **state)
{
	struct buf many = BUF(1 << 16);
	struct rig r;
	const char *cases[3];

	must(buf_add_str(&many, "{\"type\":8,\"data\":{\"choices\":[") == 0);
	for (int i = 0; i < 26; i++)
		must(buf_printf(&many, "%s{\"name\":\"n%d\",\"value\":\"v\"}", i ? "," : "", i) ==
			0);
	must(buf_add_str(&many, "]}}") == 0);
	cases[0] = many.data;
	cases[1] = "{\"type\":8,\"data\":{\"choices\":[{\"name\":\" \",\"value\":\"v\"}]}}";
	cases[2] = "{\"type\":5}";
	rig_new(&r, true);
	rig_register(&r);
	rig_ready(&r, NULL);
	for (size_t i = 0; i < countof(cases); i++) {
		size_t before = rig_violations(&r);
		uint64_t id = discord_world_autocomplete(
			r.w, r.ana, r.general, "imagine", "model", NULL, r.now);

		rig_pump(&r);
		rig_call(&r, HTTP_POST, cases[i], "/interactions/%" PRIu64 "/%s/callback", id,
			json_str(rig_got(&r, "INTERACTION_CREATE", 0), "d.token"));
		assert_int_equal(r.status, 400);
		assert_true(rig_violations(&r) > before);
	}
	buf_free(&many);
	rig_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_error_tree),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_uploads),
		cmocka_unit_test(test_bucket),
		cmocka_unit_test(test_global_limit),
		cmocka_unit_test(test_rename_limit),
		cmocka_unit_test(test_full_category),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_webhook_order),
		cmocka_unit_test(test_choices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
