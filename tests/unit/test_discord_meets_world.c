/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "discord/command.h"
#include "discord/gateway.h"
#include "discord/message.h"
#include "sandbox/discord_world.h"

/*
 * Our Discord client against the sandbox's model of Discord, which was written from the same
 * documentation by other hands: everything we say, with faults, and no rule broken.
 */

#define START INT64_C(1760000000000)
#define GUILD 1100000000000000001ull
#define TOKEN "the.bot.token"

struct meet {
	struct discord_world *w;
	struct rest *rest;
	struct gateway *gw;
	struct rng rng;
	int64_t now;
	uint64_t conn, ana, general, app;
	struct json_object *event; /* the last dispatch of the wanted name */
	const char *wanted;
	int ready, resumed;
};

static const struct command_facts facts = {.edit_workflows = 2};

static void meet_new(struct meet *m)
{
	struct world_config world = {.seed = 3,
		.bot_token = TOKEN,
		.guild_id = GUILD,
		.rest_base = "http://127.0.0.1:8001/api/v10",
		.gateway_url = "ws://127.0.0.1:8001/gateway",
		.cdn_base = "http://127.0.0.1:8001/cdn"};
	struct rest_config rest = {.base = "http://127.0.0.1:8001/api/v10",
		.token = TOKEN,
		.user_agent = "DiscordBot (https://example.org/fullet, 1.0)"};
	struct gateway_config gateway = {.token = TOKEN, .intents = 513};
	cleanup(json_put) struct json_object *state = json_object_new_object();

	*m = (struct meet){.now = START};
	rng_seed(&m->rng, 11);
	m->w = discord_world_new(&world, m->now);
	m->rest = rest_new(&rest, &m->rng);
	m->gw = gateway_new(&gateway, &m->rng);
	m->ana = discord_world_add_user(m->w, "ana", false);
	m->general = discord_world_find_channel(m->w, "general");
	discord_world_state(m->w, state);
	m->app = json_id(state, "guild.application_id");
}

static void meet_end(struct meet *m)
{
	cleanup(json_put) struct json_object *state = json_object_new_object();

	discord_world_state(m->w, state);
	if (discord_world_violations(m->w))
		fail_msg("%s", json_object_to_json_string(json_at(state, "violations")));
	json_put(&m->event);
	rest_free(m->rest);
	gateway_free(m->gw);
	discord_world_free(m->w);
}

/* ---- the carrier: no time passes on the way ---- */

static void carry(struct meet *m, struct rest_call *call)
{
	struct http_request req;
	struct http_response res = {0};

	http_request_copy(&req, &call->http);
	str_set(&req.url, strstr(call->http.url, "/api/"));
	discord_world_http(m->w, &req, &res, m->now);
	http_request_free(&req);
	rest_answer(m->rest, call, &res, m->now);
	http_response_free(&res);
}

/* Until the call is finished; the caller frees it. */
static struct rest_call *run(struct meet *m, struct rest_call *call)
{
	struct rest_call *next, *done;

	assert_int_equal(rest_submit(m->rest, call, m->now), 0);
	for (int turn = 0; turn < 1000; turn++) {
		while ((next = rest_next(m->rest, m->now)))
			carry(m, next);
		done = rest_finished(m->rest);
		if (done)
			return done;
		m->now = max_of(m->now + 1, min_of(rest_deadline(m->rest, m->now), m->now + 60000));
	}
	fail_msg("the call never finished");
	return NULL;
}

/* Runs it and expects success; the answer (owned) or NULL when it has no body. */
static struct json_object *answer(struct meet *m, struct rest_call *call)
{
	struct rest_call *done = run(m, call);
	struct json_object *body = NULL;

	if (done->outcome != REST_OK)
		fail_msg("%s: %d %s", done->route, done->response.status, done->discord_message);
	if (done->response.body.len)
		body = json_parse(done->response.body.data, done->response.body.len, NULL);
	rest_call_free(done);
	return body;
}

static void act(struct meet *m, struct gateway_action *a)
{
	struct http_request none = {.method = HTTP_GET};
	struct json_object *url;

	switch (a->kind) {
	case GATEWAY_ASK_URL:
		url = answer(m, gateway_bot_get());
		gateway_url(m->gw, url, m->now);
		json_put(&url);
		break;
	case GATEWAY_OPEN:
		if (discord_world_ws_open(
			    m->w, ++m->conn, strstr(a->text, "/gateway"), &none, m->now) == 0)
			gateway_opened(m->gw, m->now);
		else
			gateway_closed(m->gw, 0, "refused", m->now);
		break;
	case GATEWAY_SEND:
		discord_world_ws_received(m->w, m->conn, a->text, strlen(a->text), false, m->now);
		break;
	case GATEWAY_CLOSE:
		discord_world_ws_closed(m->w, m->conn, a->code, m->now);
		gateway_closed(m->gw, a->code, "", m->now);
		break;
	case GATEWAY_DISPATCH:
		m->ready += str_eq(a->text, "READY");
		m->resumed += str_eq(a->text, "RESUMED");
		if (str_eq(a->text, m->wanted)) {
			json_put(&m->event);
			m->event = json_object_get(a->data);
		}
		break;
	case GATEWAY_FATAL:
		fail_msg("%s", a->text);
		break;
	case GATEWAY_NOTE:
		break;
	}
}

static void turn(struct meet *m)
{
	struct gateway_action a;
	struct world_output o;
	bool more = true;

	discord_world_tick(m->w, m->now);
	gateway_tick(m->gw, m->now);
	while (more) {
		more = false;
		while (gateway_next(m->gw, &a)) {
			act(m, &a);
			gateway_action_free(&a);
			more = true;
		}
		while (discord_world_next_output(m->w, &o)) {
			more = true;
			if (o.conn == m->conn && o.close)
				gateway_closed(m->gw, o.code, "", m->now);
			else if (o.conn == m->conn)
				gateway_received(m->gw, o.data, o.len, o.binary, m->now);
			free(o.data);
		}
	}
}

/* Lets time pass in the steps that something asks for. */
static void pass(struct meet *m, int64_t ms)
{
	int64_t end = m->now + ms;

	while (m->now < end) {
		turn(m);
		m->now = min_of(end, max_of(m->now + 1, min_of(gateway_deadline(m->gw),
								discord_world_deadline(m->w))));
	}
	turn(m);
}

static void start(struct meet *m)
{
	struct json_object *commands = commands_json(&facts), *body;

	meet_new(m);
	gateway_start(m->gw, NULL, m->now);
	pass(m, 10);
	assert_true(gateway_is_ready(m->gw));
	body = answer(m, commands_get(m->app, GUILD));
	assert_false(commands_same(body, &facts));
	json_put(&body);
	body = answer(m, commands_put(m->app, GUILD, commands));
	json_put(&body);
	body = answer(m, commands_get(m->app, GUILD));
	assert_true(commands_same(body, &facts));
	json_put(&body);
	json_put(&commands);
}

static void fault(struct meet *m, const char *text)
{
	cleanup(json_put) struct json_object *o = json_parse(text, strlen(text), NULL);

	assert_int_equal(discord_world_fault(m->w, o, m->now), 0);
}

/* /imagine as Ana types it; the decoded interaction. */
static void imagine(struct meet *m, struct interaction *it)
{
	static const char text[] = "{\"model\":\"flux_image\",\"prompt\":\"a fox, @everyone\"}";
	cleanup(json_put) struct json_object *options = json_parse(text, strlen(text), NULL);
	char *why = NULL;

	m->wanted = "INTERACTION_CREATE";
	if (!discord_world_command(m->w, m->ana, m->general, 0, "imagine", options, &why, m->now))
		fail_msg("%s", why);
	turn(m);
	assert_non_null(m->event);
	assert_int_equal(interaction_decode(m->event, it), 0);
	assert_int_equal(it->user_id, m->ana);
	assert_string_equal(interaction_option(it, "model"), "flux_image");
}

static void test_get_everything(void **state)
{
	struct meet m;
	struct json_object *body;

	start(&m);
	body = answer(&m, application_get());
	assert_true(json_id(body, "id") == m.app);
	json_put(&body);
	body = answer(&m, user_get());
	json_put(&body);
	body = answer(&m, guild_get(GUILD));
	json_put(&body);
	body = answer(&m, guild_member_get(GUILD, m.app));
	json_put(&body);
	body = answer(&m, channel_list(GUILD));
	json_put(&body);
	body = answer(&m, guild_leave(discord_world_add_guild(m.w, true)));
	json_put(&body);
	pass(&m, 120000);
	meet_end(&m);
}

static uint64_t private_channel(struct meet *m)
{
	struct json_object *body = answer(m, channel_create_category(GUILD, m->app, "sessions"));
	uint64_t category = json_id(body, "id"), channel;

	json_put(&body);
	body = answer(m, channel_create_private(GUILD, category, m->app, m->ana, "Ana  Müller!", false));
	channel = json_id(body, "id");
	assert_true(channel_topic_user(json_str(body, "topic")) == m->ana);
	json_put(&body);
	return channel;
}

static void post_picture(struct meet *m, uint64_t channel, int64_t *ret_id)
{
	struct picture_file file = {"out.png", "image/png", "\x89PNG not really", 15};
	struct picture_view view = {.job_id = 81923,
		.user_id = m->ana,
		.locale = "es-ES",
		.title = "Flux (Schnell)",
		.prompt = "a fox, @everyone",
		.seed = UINT64_MAX,
		.width = 1024,
		.height = 1024,
		.duration_ms = 8200,
		.files = &file,
		.n_files = 1};
	struct json_object *body = answer(m, message_picture(channel, &view));

	assert_int_equal(json_len(json_array(body, "mentions")), 1);
	assert_true(json_id(body, "mentions.0.id") == m->ana);
	*ret_id = (int64_t)json_id(body, "id");
	json_put(&body);
}

static void test_whole_job(void **state)
{
	static const enum live_state states[] = {
		LIVE_STARTING, LIVE_RUNNING, LIVE_RUNNING, LIVE_SENDING, LIVE_DONE};
	struct live_view view = {.state = LIVE_QUEUED,
		.job_id = 81923,
		.locale = "en-US",
		.title = "Flux (Schnell)",
		.prompt = "a fox, @everyone",
		.position = 3};
	struct meet m;
	struct interaction it;
	struct json_object *body;
	struct job_marks marks;
	uint64_t channel, live;
	int64_t picture;

	start(&m);
	imagine(&m, &it);
	body = answer(&m, message_defer(&it));
	json_put(&body);
	channel = private_channel(&m);
	body = answer(&m, message_answer(m.app, it.token, "Queued (Pos: 3) in <#1>"));
	json_put(&body);
	body = answer(&m, message_live_create(channel, &view));
	live = message_id(body);
	json_put(&body);
	for (size_t i = 0; i < countof(states); i++) {
		view.state = states[i];
		view.percent = 20 * (int)i;
		view.preview = i == 1 ? "\xff\xd8\xff preview" : NULL;
		view.preview_len = i == 1 ? 11 : 0;
		view.preview_type = "image/jpeg";
		view.keep_preview = i == 2;
		body = answer(&m, message_live_edit(channel, live, &view));
		if (i == 1)
			assert_true(message_attachment(body) != 0);
		if (i == 1)
			view.preview_attachment = message_attachment(body);
		if (i == 2)
			assert_true(message_attachment(body) == view.preview_attachment);
		json_put(&body);
	}
	post_picture(&m, channel, &picture);
	body = answer(&m, message_list(channel, 0));
	assert_int_equal(message_find(body, m.app, 81923, &marks), 0);
	/* The live message gave its button up when it was done. */
	assert_true(marks.live_id == 0 && marks.picture_id == (uint64_t)picture);
	json_put(&body);
	body = answer(&m, message_sorry(channel, 81924, m.ana, "en-US", "It failed. Try again."));
	json_put(&body);
	body = answer(
		&m, message_plain(discord_world_find_channel(m.w, "admin-tools"), "No card."));
	json_put(&body);
	body = answer(&m, channel_delete(channel, "30 minutes without activity"));
	json_put(&body);
	interaction_free(&it);
	meet_end(&m);
}

static void test_refuse_and_choose(void **state)
{
	struct choice choices[2] = {
		{"Flux (Schnell)", "flux_image"}, {"Z-Image", "z-image_imagine"}};
	struct meet m;
	struct interaction it;
	struct json_object *body;

	start(&m);
	imagine(&m, &it);
	body = answer(&m, message_refuse(&it, "The queue is full. Try again later."));
	json_put(&body);
	interaction_free(&it);
	assert_true(discord_world_autocomplete(
			    m.w, m.ana, m.general, "imagine", "model", NULL, m.now) != 0);
	turn(&m);
	assert_int_equal(interaction_decode(m.event, &it), 0);
	assert_non_null(interaction_focused(&it));
	body = answer(&m, message_choices(&it, choices, countof(choices)));
	json_put(&body);
	interaction_free(&it);
	meet_end(&m);
}

/* Spoilt answers end in one message all the same, and nothing is sent too early. */
static void test_rest_faults(void **state)
{
	static const char *const faults[] = {
		"{\"kind\":\"status\",\"status\":500,\"executed\":true,\"method\":\"POST\"}",
		"{\"kind\":\"reset\",\"executed\":true,\"method\":\"POST\"}",
		"{\"kind\":\"reset\",\"count\":2}",
		"{\"kind\":\"html\",\"status\":502,\"count\":2}",
		"{\"kind\":\"429\",\"scope\":\"user\",\"retry_after\":3}",
		"{\"kind\":\"429\",\"scope\":\"shared\",\"retry_after\":3}",
		"{\"kind\":\"429\",\"scope\":\"global\",\"retry_after\":3}",
		"{\"kind\":\"html\",\"status\":429,\"retry_after\":3}",
	};

	for (size_t i = 0; i < countof(faults); i++) {
		struct meet m;
		struct json_object *body;
		int64_t id;

		meet_new(&m);
		fault(&m, faults[i]);
		post_picture(&m, m.general, &id);
		body = answer(&m, message_list(m.general, 0));
		assert_int_equal(json_len(body), 1);
		json_put(&body);
		meet_end(&m);
	}
}

/* A burst stays within every limit. */
static void test_burst(void **state)
{
	struct meet m;
	int done = 0;

	meet_new(&m);
	for (int i = 0; i < 60; i++)
		assert_int_equal(rest_submit(m.rest, message_plain(m.general, "x"), m.now), 0);
	for (int i = 0; i < 200; i++)
		assert_int_equal(rest_submit(m.rest, guild_get(GUILD), m.now), 0);
	for (int i = 0; i < 100000 && done < 260; i++) {
		struct rest_call *next, *end;

		while ((next = rest_next(m.rest, m.now)))
			carry(&m, next);
		while ((end = rest_finished(m.rest))) {
			assert_int_equal(end->outcome, REST_OK);
			rest_call_free(end);
			done++;
		}
		m.now += 10;
	}
	assert_int_equal(done, 260);
	meet_end(&m);
}

static void test_gateway_faults(void **state)
{
	static const struct {
		const char *fault;
		int ready, resumed; /* at the end */
	} cases[] = {
		{"{\"kind\":\"gateway_drop\",\"code\":4000}", 1, 1},
		{"{\"kind\":\"gateway_drop\"}", 1, 1},
		{"{\"kind\":\"gateway_drop\",\"code\":4009}", 2, 0},
		{"{\"kind\":\"gateway_reconnect\"}", 1, 1},
		{"{\"kind\":\"gateway_invalid\",\"resumable\":true}", 1, 1},
		{"{\"kind\":\"gateway_invalid\",\"resumable\":false}", 2, 0},
		{"{\"kind\":\"gateway_silence\",\"ms\":100000}", 1, 1},
		{"{\"kind\":\"gateway_garbage\"}", 1, 1},
		{"{\"kind\":\"gateway_garbage\",\"raw\":true}", 1, 1},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct meet m;

		start(&m);
		pass(&m, 60000);
		fault(&m, cases[i].fault);
		pass(&m, 180000);
		assert_true(gateway_is_ready(m.gw));
		if (m.ready != cases[i].ready || m.resumed != cases[i].resumed)
			fail_msg("%s: %d ready, %d resumed", cases[i].fault, m.ready, m.resumed);
		m.wanted = "MESSAGE_CREATE";
		assert_true(discord_world_say(m.w, m.ana, m.general, "still there?", NULL, m.now) != 0);
		turn(&m);
		assert_non_null(m.event);
		meet_end(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get_everything),
		cmocka_unit_test(test_whole_job),
		cmocka_unit_test(test_refuse_and_choose),
		cmocka_unit_test(test_rest_faults),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_gateway_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
