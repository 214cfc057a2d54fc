/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "discord/message.h"

#define NOBODY "\"allowed_mentions\":{\"parse\":[]}"
#define ONLY_7 "\"allowed_mentions\":{\"parse\":[],\"users\":[\"7\"]}"
#define CANCEL                                                                                     \
	"\"components\":[{\"type\":1,\"components\":[{\"type\":2,\"style\":4,\"label\":"           \
	"\"Cancel\","                                                                              \
	"\"custom_id\":\"v1:cancel:12\"}]}]"

static const struct interaction it = {
	.kind = INTERACTION_COMMAND,
	.id = 9,
	.application_id = 3,
	.token = (char *)"aW5-_x",
};

/* What a call must look like; the call is freed. */
struct want {
	enum http_method method;
	const char *route, *major, *url, *body;
	uint32_t flags;
	uint64_t coalesce;
};

static void check_call(struct rest_call *call, const struct want *want)
{
	assert_int_equal(call->http.method, want->method);
	assert_string_equal(call->route, want->route);
	if (want->major)
		assert_string_equal(call->major, want->major);
	else
		assert_null(call->major);
	assert_string_equal(call->http.url, want->url);
	if (!want->body) {
		assert_null(call->http.body);
	} else if (call->http.n_parts) {
		assert_null(call->http.body);
		assert_string_equal(call->http.parts[0].name, "payload_json");
		assert_null(call->http.parts[0].filename);
		assert_string_equal(call->http.parts[0].content_type, "application/json");
		assert_string_equal(call->http.parts[0].data, want->body);
		assert_int_equal(call->http.parts[0].len, strlen(want->body));
		assert_int_equal(call->http.timeout_ms, 300000);
	} else {
		assert_string_equal(call->http.body, want->body);
		assert_int_equal(call->http.body_len, strlen(want->body));
		assert_string_equal(
			http_request_get(&call->http, "Content-Type"), "application/json");
	}
	assert_int_equal(call->flags, want->flags);
	assert_true(call->coalesce == want->coalesce);
	rest_call_free(call);
}

static void test_interactions(void **state)
{
	const char *const callback = "POST /interactions/{}/{}/callback";
	const char *const url = "/interactions/9/aW5-_x/callback";
	const struct want defer = {HTTP_POST, callback, it.token, url,
		"{\"type\":5,\"data\":{\"flags\":64}}",
		REST_INTERACTION | REST_URGENT | REST_REPEATABLE};
	const struct want refuse = {HTTP_POST, callback, it.token, url,
		"{\"type\":4,\"data\":{\"content\":\"no\"," NOBODY ",\"flags\":64}}",
		REST_INTERACTION | REST_URGENT | REST_REPEATABLE};
	const struct want answer = {HTTP_PATCH, "PATCH /webhooks/{}/{}/messages/@original",
		it.token, "/webhooks/3/aW5-_x/messages/@original",
		"{\"content\":\"hi\"," NOBODY "}", REST_INTERACTION | REST_REPEATABLE};
	const struct want empty = {HTTP_PATCH, "PATCH /webhooks/{}/{}/messages/@original", it.token,
		"/webhooks/3/aW5-_x/messages/@original", "{\"content\":\"…\"," NOBODY "}",
		REST_INTERACTION | REST_REPEATABLE};
	struct rest_call *call = message_defer(&it);

	assert_int_equal(call->http.timeout_ms, 3000);
	check_call(call, &defer);
	check_call(message_refuse(&it, "no"), &refuse);
	check_call(message_answer(3, it.token, "hi"), &answer);
	check_call(message_answer(3, it.token, " \n"), &empty);
	/* Discord: nothing but choices answers an autocomplete. */
	for (int i = 0; i < 2; i++) {
		struct interaction typing = it;

		typing.kind = INTERACTION_AUTOCOMPLETE;
		call = i ? message_refuse(&typing, "no") : message_defer(&typing);
		assert_string_equal(call->http.body, "{\"type\":8,\"data\":{\"choices\":[]}}");
		rest_call_free(call);
	}
	/* A token is a stranger's text: it must not lead to another path. */
	call = message_answer(3, "a/../b?c", "hi");
	assert_string_equal(call->http.url, "/webhooks/3/a%2F..%2Fb%3Fc/messages/@original");
	rest_call_free(call);
}

static void test_choices(void **state)
{
	char wide[4 * 120 + 1], long_value[102];
	struct choice many[40];
	const struct choice some[] = {
		{" Flux (Schnell) ", "flux_image"},
		{"", "empty"},
		{"\xe2\x80\x8b \n", "blank"},
		{NULL, "none"},
		{"x", ""},
		{"x", NULL},
		{"x", long_value},
		{"bad value", "\xff"},
		{"Z_[a]", "z"},
	};
	const struct want want = {HTTP_POST, "POST /interactions/{}/{}/callback", it.token,
		"/interactions/9/aW5-_x/callback",
		"{\"type\":8,\"data\":{\"choices\":[{\"name\":\"Flux (Schnell)\",\"value\":"
		"\"flux_image\"},{\"name\":\"Z_[a]\",\"value\":\"z\"}]}}",
		REST_INTERACTION | REST_URGENT | REST_ONCE};
	struct rest_call *call;
	struct json_object *body;

	memset(long_value, 'v', sizeof(long_value));
	long_value[101] = '\0';
	for (size_t i = 0; i < 120; i++)
		memcpy(wide + 4 * i, "🦊", 4);
	wide[4 * 120] = '\0';
	check_call(message_choices(&it, some, countof(some)), &want);

	for (size_t i = 0; i < countof(many); i++)
		many[i] = (struct choice){wide, "v"};
	call = message_choices(&it, many, countof(many));
	body = json_parse(call->http.body, call->http.body_len, NULL);
	assert_int_equal(json_len(json_array(body, "data.choices")), 25);
	assert_int_equal(text_utf16_len(json_str(body, "data.choices.24.name")), 100);
	json_put(&body);
	rest_call_free(call);

	call = message_choices(&it, NULL, 0);
	assert_string_equal(call->http.body, "{\"type\":8,\"data\":{\"choices\":[]}}");
	rest_call_free(call);
}

static const struct live_view waiting = {
	.state = LIVE_QUEUED,
	.job_id = 12,
	.locale = "en-US",
	.title = "Flux (Schnell)",
	.prompt = "a *red*\nfox",
	.position = 3,
};
#define HEAD "\"content\":\"**Flux (Schnell)** · a \\\\*red\\\\* fox\\n"

static void test_live_create(void **state)
{
	const struct want want = {HTTP_POST, "POST /channels/{}/messages", "5",
		"/channels/5/messages",
		"{" HEAD "Queued (Pos: 3)\"," NOBODY "," CANCEL
		",\"nonce\":\"l12\",\"enforce_nonce\":true}",
		REST_REPEATABLE};
	struct live_view view = waiting;
	struct rest_call *call;

	check_call(message_live_create(5, &waiting), &want);
	view.state = LIVE_RUNNING;
	view.preview = "\xff\xd8picture";
	view.preview_len = 9;
	view.preview_type = "image/jpeg";
	view.keep_preview = true; /* there is nothing to keep yet */
	call = message_live_create(5, &view);
	assert_int_equal(call->http.n_parts, 2);
	assert_string_equal(call->http.parts[1].filename, "fullet-12-preview.jpg");
	rest_call_free(call);
}

static void test_live_states(void **state)
{
	static const struct {
		enum live_state state;
		const char *locale, *title, *prompt;
		int position, percent;
		bool no_gpu;
		int64_t duration_ms;
		const char *content, *components;
		uint32_t flags;
	} cases[] = {
		{LIVE_QUEUED, "en-US", "T", "p", 1, 0, false, 0, "**T** · p\\nQueued (Pos: 1)",
			CANCEL, REST_BACKGROUND},
		{LIVE_QUEUED, "en-US", "T", "p", 2, 0, true, 0,
			"**T** · p\\nQueued (Pos: 2) · no graphics card answers right now; it goes "
			"on by "
			"itself as soon as one does",
			CANCEL, REST_BACKGROUND},
		{LIVE_STARTING, "en-US", "T", "", 0, 0, false, 0, "**T**\\nStarting…", CANCEL,
			REST_BACKGROUND},
		{LIVE_STARTING, "en-US", NULL, "p", 0, 0, false, 0, "p\\nStarting…", CANCEL,
			REST_BACKGROUND},
		{LIVE_STARTING, NULL, NULL, NULL, 0, 0, false, 0, "Starting…", CANCEL,
			REST_BACKGROUND},
		{LIVE_RUNNING, "en-US", "T", "p", 0, 52, false, 0, "**T** · p\\n▓▓▓▓▓░░░░░ 52 %",
			CANCEL, REST_BACKGROUND},
		{LIVE_RUNNING, "en-US", "T", "p", 0, 0, false, 0, "**T** · p\\n░░░░░░░░░░ 0 %",
			CANCEL, REST_BACKGROUND},
		{LIVE_RUNNING, "en-US", "T", "p", 0, 100, false, 0, "**T** · p\\n▓▓▓▓▓▓▓▓▓▓ 100 %",
			CANCEL, REST_BACKGROUND},
		{LIVE_RUNNING, "en-US", "T", "p", 0, 7000, false, 0, "**T** · p\\n▓▓▓▓▓▓▓▓▓▓ 100 %",
			CANCEL, REST_BACKGROUND},
		{LIVE_RUNNING, "en-US", "T", "p", 0, -1, false, 0,
			"**T** · p\\n▒▒▒▒▒▒▒▒▒▒ Drawing…", CANCEL, REST_BACKGROUND},
		{LIVE_SENDING, "en-US", "T", "p", 0, 0, false, 0, "**T** · p\\nSending…",
			"\"components\":[{\"type\":1,\"components\":[{\"type\":2,\"style\":4,"
			"\"label\":"
			"\"Cancel\",\"custom_id\":\"v1:cancel:12\",\"disabled\":true}]}]",
			REST_BACKGROUND},
		{LIVE_DONE, "en-US", "T", "p", 0, 0, false, 8240, "**T** · p\\nDone in 8.2 s",
			"\"components\":[]", 0},
		{LIVE_DONE, "en-US", "T", "p", 0, 0, false, 0, "**T** · p\\nDone",
			"\"components\":[]", 0},
		{LIVE_DONE, "es-419", "T", "p", 0, 0, false, 65000,
			"**T** · p\\nLista en 1 min 05 s", "\"components\":[]", 0},
		{LIVE_SORRY, "en-US", "T", "p", 0, 0, false, 0, "**T** · p\\nNo picture",
			"\"components\":[]", 0},
		{LIVE_SORRY, "es-ES", "T", "p", 0, 0, false, 0, "**T** · p\\nSin imagen",
			"\"components\":[]", 0},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		const struct live_view view = {
			.state = cases[i].state,
			.job_id = 12,
			.locale = cases[i].locale,
			.title = cases[i].title,
			.prompt = cases[i].prompt,
			.position = cases[i].position,
			.percent = cases[i].percent,
			.no_gpu = cases[i].no_gpu,
			.duration_ms = cases[i].duration_ms,
			/* only a running job shows one */
			.preview = cases[i].state == LIVE_RUNNING ? NULL : "x",
			.preview_len = 1,
			.keep_preview = cases[i].state != LIVE_RUNNING,
			.preview_attachment = 4,
		};
		cleanup(freep) char *body = xasprintf("{\"content\":\"%s\"," NOBODY
						      ",%s,\"embeds\":[],\"attachments\":[]}",
			cases[i].content, cases[i].components);
		const struct want want = {HTTP_PATCH, "PATCH /channels/{}/messages/{}", "5",
			"/channels/5/messages/6", body, REST_REPEATABLE | cases[i].flags, 6};

		check_call(message_live_edit(5, 6, &view), &want);
	}
}

static void test_live_preview(void **state)
{
	static const char embed[] =
		"\"embeds\":[{\"image\":{\"url\":\"attachment://fullet-12-preview.%s\"}}]";
	struct live_view view = waiting;
	struct want want = {HTTP_PATCH, "PATCH /channels/{}/messages/{}", "5",
		"/channels/5/messages/6", NULL, REST_REPEATABLE | REST_BACKGROUND, 6};
	cleanup(freep) char *shown = xasprintf(embed, "png");
	cleanup(freep) char *upload = NULL, *keep = NULL;
	struct rest_call *call;

	view.state = LIVE_RUNNING;
	view.percent = 10;
	view.preview = "\x89PNG\0bytes";
	view.preview_len = 10;
	view.preview_type = "image/png";
	upload = xasprintf("{" HEAD "▓░░░░░░░░░ 10 %%\"," NOBODY "," CANCEL ",%s,"
			   "\"attachments\":[{\"id\":\"0\",\"filename\":"
			   "\"fullet-12-preview.png\"}]}",
		shown);
	call = message_live_edit(5, 6, &view);
	assert_int_equal(call->http.n_parts, 2);
	assert_string_equal(call->http.parts[1].name, "files[0]");
	assert_string_equal(call->http.parts[1].filename, "fullet-12-preview.png");
	assert_string_equal(call->http.parts[1].content_type, "image/png");
	assert_int_equal(call->http.parts[1].len, 10);
	assert_memory_equal(call->http.parts[1].data, view.preview, 10);
	want.body = upload;
	check_call(call, &want);

	view.keep_preview = true;
	view.preview_attachment = 44;
	keep = xasprintf("{" HEAD "▓░░░░░░░░░ 10 %%\"," NOBODY "," CANCEL ",%s,"
			 "\"attachments\":[{\"id\":\"44\"}]}",
		shown);
	want.body = keep;
	check_call(message_live_edit(5, 6, &view), &want);
	/* Its id is not known: nothing is said about it, which keeps it. */
	view.preview_attachment = 0;
	want.body = "{" HEAD "▓░░░░░░░░░ 10 %\"," NOBODY "," CANCEL "}";
	check_call(message_live_edit(5, 6, &view), &want);
	/* Too large to be uploaded again and again. */
	view.keep_preview = false;
	view.preview_len = PREVIEW_MAX + 1;
	want.body = "{" HEAD "▓░░░░░░░░░ 10 %\"," NOBODY "," CANCEL
		    ",\"embeds\":[],\"attachments\":[]}";
	check_call(message_live_edit(5, 6, &view), &want);
}

static void test_picture(void **state)
{
	static const struct picture_file files[] = {
		{"ComfyUI_00001_.PNG", "image/png", "one", 3},
		{"clip", "video/mp4", "two!", 4},
		{"odd.\xc3\xb1", NULL, "", 0},
	};
	struct picture_view view = {
		.job_id = 12,
		.user_id = 7,
		.locale = "es-ES",
		.title = "Z-Image (Turbo)",
		.prompt = "a <@8> fox @everyone",
		.seed = UINT64_MAX,
		.width = 1024,
		.height = 768,
		.duration_ms = 8200,
		.files = files,
		.n_files = 3,
	};
	struct want want = {HTTP_POST, "POST /channels/{}/messages", "5", "/channels/5/messages",
		"{\"content\":\"<@7> **Z-Image (Turbo)** · semilla 18446744073709551615 · 1024×768 "
		"· "
		"8,2 s\\na \\\\<@\xe2\x80\x8b"
		"8\\\\> fox @\xe2\x80\x8b"
		"everyone\"," ONLY_7
		",\"attachments\":[{\"id\":\"0\",\"filename\":\"fullet-12.png\",\"description\":"
		"\"a <@8> fox @everyone\"},{\"id\":\"1\",\"filename\":\"fullet-12-2.mp4\","
		"\"description\":\"a <@8> fox @everyone\"},{\"id\":\"2\",\"filename\":"
		"\"fullet-12-3.bin\",\"description\":\"a <@8> fox @everyone\"}],"
		"\"nonce\":\"p12\",\"enforce_nonce\":true}",
		REST_REPEATABLE};
	static const char *const names[] = {"fullet-12.png", "fullet-12-2.mp4", "fullet-12-3.bin"};
	struct rest_call *call = message_picture(5, &view);

	assert_int_equal(call->http.n_parts, 4);
	for (size_t i = 0; i < countof(files); i++) {
		const struct http_part *part = &call->http.parts[i + 1];
		cleanup(freep) char *name = xasprintf("files[%zu]", i);

		assert_string_equal(part->name, name);
		assert_string_equal(part->filename, names[i]);
		assert_string_equal(part->content_type,
			files[i].type ? files[i].type : "application/octet-stream");
		assert_int_equal(part->len, files[i].len);
		assert_memory_equal(part->data, files[i].data, files[i].len);
	}
	check_call(call, &want);

	view = (struct picture_view){
		.job_id = 12, .user_id = 7, .seed = 5, .files = files, .n_files = 1};
	want.body = "{\"content\":\"<@7> seed 5\"," ONLY_7 ",\"attachments\":[{\"id\":\"0\","
		    "\"filename\":\"fullet-12.png\"}],\"nonce\":\"p12\",\"enforce_nonce\":true}";
	check_call(message_picture(5, &view), &want);
}

static void test_sorry_and_plain(void **state)
{
	const struct want sorry = {HTTP_POST, "POST /channels/{}/messages", "5",
		"/channels/5/messages",
		"{\"content\":\"<@7> Sorry.\"," ONLY_7
		",\"components\":[{\"type\":1,\"components\":[{\"type\":2,\"style\":2,\"label\":"
		"\"Reintentar\",\"custom_id\":\"v1:again:12\"}]}],\"nonce\":\"s12\","
		"\"enforce_nonce\":true}",
		REST_REPEATABLE};
	const struct want plain = {HTTP_POST, "POST /channels/{}/messages", "5",
		"/channels/5/messages", "{\"content\":\"hello @everyone\"," NOBODY "}", 0};
	const struct want reply = {HTTP_POST, "POST /channels/{}/messages", "5",
		"/channels/5/messages",
		"{\"content\":\"hello @everyone\"," NOBODY
		",\"message_reference\":{\"message_id\":\"66\",\"fail_if_not_exists\":false},"
		"\"nonce\":\"a66\",\"enforce_nonce\":true}",
		REST_REPEATABLE};

	check_call(message_sorry(5, 12, 7, "es-ES", "Sorry."), &sorry);
	check_call(message_plain(5, "hello @everyone"), &plain);
	check_call(message_reply(5, 66, "hello @everyone"), &reply);
}

static size_t count_mentions(const char *text)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, "<@")); p += 2)
		n += p[2] != '\xe2';
	for (const char *p = text; (p = strstr(p, "@everyone")); p++)
		n += 100;
	return n;
}

/* Whatever the prompt is: valid UTF-8, within Discord's limits, exactly one mention. */
static void test_hostile(void **state)
{
	static const char *const units[] = {"🦊", "<", "@", "*", "\xff", "ñ", "漢", "<@7>", "://",
		"@everyone ", "\xe2\x80\xae", "a\xcc\x81\xcc\x81"};
	static const struct picture_file file = {"a.png", "image/png", "x", 1};

	for (size_t i = 0; i < countof(units); i++) {
		struct buf text = BUF(1 * MIB);
		struct rest_call *calls[4];
		struct live_view live = waiting;
		struct picture_view picture = {.job_id = UINT64_MAX,
			.user_id = UINT64_MAX,
			.seed = UINT64_MAX,
			.width = INT32_MAX,
			.height = INT32_MAX,
			.duration_ms = INT64_MAX,
			.files = &file,
			.n_files = 1};

		for (int k = 0; k < 4000; k++)
			assert_int_equal(buf_add_str(&text, units[i]), 0);
		live.job_id = UINT64_MAX;
		live.prompt = live.title = picture.prompt = picture.title = text.data;
		calls[0] = message_live_create(UINT64_MAX, &live);
		calls[1] = message_picture(UINT64_MAX, &picture);
		calls[2] = message_sorry(1, UINT64_MAX, UINT64_MAX, "en-US", text.data);
		calls[3] = message_plain(1, text.data);
		for (size_t k = 0; k < countof(calls); k++) {
			const char *json = calls[k]->http.n_parts ? calls[k]->http.parts[0].data
								  : calls[k]->http.body;
			cleanup(json_put) struct json_object *body =
				json_parse(json, strlen(json), NULL);
			const char *alt, *nonce;

			assert_non_null(body);
			assert_in_range(text_utf16_len(json_str(body, "content")), 1, 2000);
			alt = json_str(body, "attachments.0.description");
			assert_true(!alt || text_utf16_len(alt) <= 1024);
			nonce = json_str(body, "nonce");
			assert_true(!nonce || strlen(nonce) <= 25);
			/* Ours is the only mention; the prompt's and the title's are broken. */
			if (k < 2)
				assert_int_equal(count_mentions(json_str(body, "content")), k);
			rest_call_free(calls[k]);
		}
		buf_free(&text);
	}
}

static struct json_object *parsed(const char *text)
{
	struct json_object *doc = json_parse(text, strlen(text), NULL);

	assert_non_null(doc);
	return doc;
}

static void test_find(void **state)
{
	static const char *const page =
		"[{\"id\":\"90\",\"author\":{\"id\":\"3\"},\"content\":\"x\",\"attachments\":[{"
		"\"id\":\"1\","
		"\"filename\":\"fullet-12.png\"}]},"
		"{\"id\":\"89\",\"author\":{\"id\":\"7\"},\"attachments\":[{\"id\":\"2\","
		"\"filename\":"
		"\"fullet-13.png\"}],\"components\":[]},"
		"{\"id\":\"88\",\"author\":{\"id\":\"3\"},\"components\":[{\"type\":17,"
		"\"components\":"
		"[{\"type\":1,\"components\":[{\"type\":2,\"custom_id\":\"v1:again:14\"}]}]}]},"
		"{\"id\":\"87\",\"author\":{\"id\":\"3\"},\"components\":[{\"type\":1,"
		"\"components\":"
		"[{\"type\":2,\"custom_id\":\"v1:cancel:12\"}]}]},"
		"{\"id\":\"86\",\"author\":{\"id\":\"3\"},\"attachments\":[],\"embeds\":[{\"type\":"
		"\"rich\","
		"\"image\":{\"url\":\"https://cdn.discordapp.com/attachments/5/777/"
		"fullet-15-preview.jpg"
		"?ex=1&is=2\"}}]},"
		"{\"id\":\"85\",\"author\":{\"id\":\"3\"},\"attachments\":[{\"id\":\"3\","
		"\"filename\":"
		"\"fullet-15-2.webp\"}]},"
		"{\"id\":\"84\",\"author\":{\"id\":\"3\"},\"attachments\":[{\"id\":\"3\","
		"\"filename\":"
		"\"fullet-16-preview.png\"}]},"
		"{\"id\":\"70\",\"author\":{\"id\":\"3\"},\"attachments\":[{\"filename\":\"fullet-"
		"12.png\"}]},"
		"{\"id\":0},7,null,{\"id\":\"71\",\"author\":null,\"attachments\":{},"
		"\"components\":7}]";
	static const struct {
		uint64_t job, live, picture, sorry;
	} cases[] = {
		{12, 87, 90, 0},
		{13, 0, 0, 0},
		{14, 0, 0, 88},
		{15, 86, 85, 0},
		{16, 84, 0, 0},
		{1, 0, 0, 0},
		{2, 0, 0, 0},
		{0, 0, 0, 0},
	};
	cleanup(json_put) struct json_object *answer = parsed(page);
	cleanup(json_put) struct json_object *none = parsed("[]");
	struct job_marks marks;

	for (size_t i = 0; i < countof(cases); i++) {
		assert_int_equal(message_find(answer, 3, cases[i].job, &marks), 0);
		assert_int_equal(marks.live_id, cases[i].live);
		assert_int_equal(marks.picture_id, cases[i].picture);
		assert_int_equal(marks.sorry_id, cases[i].sorry);
		assert_int_equal(marks.oldest_id, 70);
		assert_int_equal(marks.n, 9);
	}
	assert_int_equal(message_find(json_at(answer, "0"), 3, 12, &marks), -EBADMSG);
	assert_int_equal(message_find(NULL, 3, 12, &marks), -EBADMSG);
	assert_int_equal(marks.n, 9);
	assert_int_equal(message_find(none, 3, 12, &marks), 0);
	assert_int_equal(marks.n, 0);
	assert_int_equal(marks.oldest_id, 0);
}

static void test_finds_replies(void **state)
{
	static const char page[] =
		"[{\"id\":\"90\",\"author\":{\"id\":\"3\"},\"message_reference\":"
		"{\"message_id\":\"66\"}},"
		"{\"id\":\"91\",\"author\":{\"id\":\"4\"},\"message_reference\":"
		"{\"message_id\":\"67\"}},"
		"{\"id\":\"92\",\"author\":{\"id\":\"3\"},\"content\":\"68\"}, 7]";
	cleanup(json_put) struct json_object *answer = parsed(page);

	assert_true(message_find_reply(answer, 3, 66));
	assert_false(message_find_reply(answer, 3, 67)); /* another's */
	assert_false(message_find_reply(answer, 3, 68));
	assert_false(message_find_reply(NULL, 3, 66));
}

static void test_answers(void **state)
{
	static const struct {
		const char *text;
		uint64_t id, attachment;
	} cases[] = {
		{"{\"id\":\"90\",\"attachments\":[{\"id\":\"5\",\"filename\":\"fullet-1-preview."
		 "jpg\"}]}",
			90, 5},
		{"{\"id\":\"90\",\"attachments\":[{\"id\":\"5\",\"filename\":\"fullet-1.jpg\"}]}",
			90, 0},
		{"{\"embeds\":[{\"image\":{\"url\":\"http://127.0.0.1:1/cdn/attachments/5/77/"
		 "fullet-1-preview.png?ex=0\"}}]}",
			0, 77},
		{"{\"embeds\":[{\"image\":{\"url\":\"http://h/attachments/5/77/"
		 "fullet-1-preview.png\","
		 "\"attachment_id\":\"78\"}}]}",
			0, 78},
		{"{\"embeds\":[{\"image\":{\"url\":\"http://h/attachments/5/77/other.png\"}}]}", 0,
			0},
		{"{\"embeds\":[{\"image\":{\"url\":\"http://h/attachments/5\"}}]}", 0, 0},
		{"{\"embeds\":[{\"image\":{\"url\":\"http://h/attachments/\"}},{},7]}", 0, 0},
		{"[]", 0, 0},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		cleanup(json_put) struct json_object *answer = parsed(cases[i].text);

		assert_int_equal(message_id(answer), cases[i].id);
		assert_int_equal(message_attachment(answer), cases[i].attachment);
	}
	assert_int_equal(message_id(NULL), 0);
	assert_int_equal(message_attachment(NULL), 0);
}

static void test_custom_id(void **state)
{
	static const struct {
		const char *text, *action;
		uint64_t id;
	} cases[] = {
		{"v1:cancel:123", "cancel", 123},
		{"v1:again:18446744073709551615", "again", UINT64_MAX},
		{"v1:cancel:0", NULL, 0},
		{"v1:cancel:", NULL, 0},
		{"v1:cancel", NULL, 0},
		{"v1::1", NULL, 0},
		{"v1:cancel:1x", NULL, 0},
		{"v1:cancel:18446744073709551616", NULL, 0},
		{"v1:CANCEL:1", NULL, 0},
		{"v1:cancelled:1", NULL, 0}, /* no room */
		{"v2:cancel:1", NULL, 0},
		{"", NULL, 0},
		{NULL, NULL, 0},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		char action[8] = "";

		assert_true(custom_id_parse(cases[i].text, action, sizeof(action)) == cases[i].id);
		assert_string_equal(action, cases[i].action ? cases[i].action : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interactions),
		cmocka_unit_test(test_choices),
		cmocka_unit_test(test_live_create),
		cmocka_unit_test(test_live_states),
		cmocka_unit_test(test_live_preview),
		cmocka_unit_test(test_picture),
		cmocka_unit_test(test_sorry_and_plain),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_finds_replies),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_custom_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
