/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "core/session_in.h"
#include "sim.h"

/*
 * What people do to the server and to the bot, rightly: administrators delete channels and take
 * permissions away, members leave, come back, keep their channel and look at things, the owner
 * stops the bot, somebody else interrupts a run. Drawn from a stream of its own.
 */

#define LATER_MS (15 * 60 * 1000) /* some also after the storm */

static int some(struct sim *sim, int below)
{
	return (int)rng_below(&sim->people, (uint64_t)below);
}

static uint64_t somebody(struct sim *sim)
{
	return sim->users[some(sim, sim->n_users)];
}

static void act(struct sim *sim, const char *kind, const char *name, uint64_t id)
{
	struct json_object *o = json_object_new_object();

	json_add_str(o, "kind", kind);
	json_add_id(o, name, id);
	must(world_act(sim->world, o, sim_now(sim)) == 0);
	trace_say(sim, "%s %s %" PRIu64, kind, name, id);
	json_put(&o);
}

/* A private channel, of that member or of anybody (0). */
static uint64_t channel_of(struct sim *sim, uint64_t user_id)
{
	struct world_channel c = {0};
	uint64_t found = 0;
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, user_id);
	while (world_next_channel(sim->world, &c))
		if (str_starts(c.topic, "fullet:") && (!user_id || strstr(c.topic, text)))
			found = c.id;
	return found;
}

static void channel_goes(struct sim *sim)
{
	uint64_t id =
		some(sim, 4) ? channel_of(sim, 0) : world_find_channel(sim->world, "sessions");

	if (!id || sim->fair)
		return;
	act(sim, "delete_channel", "channel", id);
	check_gone(sim, id);
	/* A list of channels may be older than so young a one: it is missed when it is used. */
	if (sim_now(sim) - snowflake_time(id) < 2 * 60000 && sim->n_young < countof(sim->young))
		sim->young[sim->n_young++] = id;
}

static void channel_changes(struct sim *sim)
{
	uint64_t id = some(sim, 2) ? channel_of(sim, 0) : world_find_channel(sim->world, "general");

	if (id)
		world_restrict(sim->world, id, some(sim, 2));
}

static void permission_returns(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;

	if (run && sim->denied) {
		act(sim, "permissions", "allow", sim->denied);
		sim->denied = 0;
		network_pump(sim);
	}
}

static void permission_goes(struct sim *sim)
{
	/* MANAGE_CHANNELS, VIEW_CHANNEL, SEND_MESSAGES, ATTACH_FILES, READ_MESSAGE_HISTORY */
	static const int bits[] = {4, 10, 11, 15, 16};

	if (sim->denied || sim->fair)
		return;
	sim->refuses = true;
	sim->denied = UINT64_C(1) << bits[some(sim, countof(bits))];
	act(sim, "permissions", "deny", sim->denied);
	clock_at(sim->clock, sim_now(sim) + 1000 + some(sim, 60000), permission_returns, NULL);
}

static void member_returns(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;

	if (run) {
		act(sim, "join", "user", *(uint64_t *)arg);
		network_pump(sim);
	}
}

static void member_leaves(struct sim *sim)
{
	uint64_t *user = &sim->users[some(sim, sim->n_users)];

	sim->refuses = true; /* he sees nothing any more */
	world_leave(sim->world, *user);
	trace_say(sim, "user=%" PRIu64 " leaves", *user);
	clock_at(sim->clock, sim_now(sim) + some(sim, 200000), member_returns, user);
}

/* Presses the newest button that begins so, as the one whose channel it is in. */
static bool presses(struct sim *sim, const char *begins)
{
	struct json_object *messages = world_messages(sim->world);
	bool found = false;

	for (size_t i = json_len(messages); i-- > 0 && !found;) {
		struct json_object *m = json_object_array_get_idx(messages, i);
		const char *custom_id = json_str(m, "components.0.components.0.custom_id");
		const char *about = world_channel_about(sim->world, json_id(m, "channel_id"));
		unsigned long long user;
		uint64_t id;

		if (!custom_id || !str_starts(custom_id, begins) || !about ||
			sscanf(about, "fullet:%20llu", &user) != 1)
			continue;
		found = true;
		trace_say(sim, "user=%llu presses %s", user, custom_id);
		id = world_press(sim->world, user, json_id(m, "channel_id"), json_id(m, "id"),
			custom_id, NULL, sim_now(sim));
		if (id)
			network_expect_ack(sim, id);
	}
	json_put(&messages);
	return found;
}

static void member_keeps(struct sim *sim);

static void looks_again(void *ctx, void *arg, bool run)
{
	if (run)
		member_keeps(ctx);
}

/* As soon as there is an announcement, if one comes in this life. */
static void member_keeps(struct sim *sim)
{
	if (sim->config.session_ttl_ms < SIM_LONG_TTL_MS && !presses(sim, "v1:keep:") &&
		sim_seconds(sim) < LATER_MS / 1000.0)
		clock_at(sim->clock, sim_now(sim) + 10000, looks_again, NULL);
	network_pump(sim);
}

static void member_presses(struct sim *sim)
{
	sim->changed_mind = true;
	if (some(sim, 2))
		sim->tried_again |= presses(sim, "v1:again:");
	else
		(void)presses(sim, "v1:cancel:");
}

static void member_writes(struct sim *sim)
{
	uint64_t user = somebody(sim), channel = channel_of(sim, user);

	if (channel)
		(void)world_say(sim->world, user, channel, "hello?", NULL, sim_now(sim));
}

static void member_looks(struct sim *sim)
{
	static const char *const commands[] = {"status", "models", "help", "queue", "privacy"};
	struct json_object *options = json_object_new_object();
	int n = some(sim, countof(commands) + 2);
	char *why = NULL;
	uint64_t id;

	if (n < (int)countof(commands)) {
		if (str_eq(commands[n], "privacy"))
			json_add(options, "export", json_object_new_object());
		id = world_command(
			sim->world, somebody(sim), 0, 0, commands[n], options, &why, sim_now(sim));
	} else {
		json_add_str(options, "model", "o");
		id = world_autocomplete(
			sim->world, somebody(sim), 0, "imagine", "model", options, sim_now(sim));
	}
	if (id)
		network_expect_ack(sim, id);
	free(why);
	json_put(&options);
}

static void bot_stops(struct sim *sim)
{
	if (!sim->shell || sim->weather.refusals) /* whose bound is one process's */
		return;
	trace_say(sim, "the bot is stopped");
	shell_stop(sim->shell);
	bot_turn(sim);
}

static void bot_pauses(struct sim *sim)
{
	if (!sim->fair)
		admin_types(sim, some(sim, 2) ? "pause" : "drain", -1);
}

/* By somebody in ComfyUI's own page. */
static void run_is_interrupted(struct sim *sim)
{
	struct http_request req = {.method = HTTP_POST, .url = xstrdup("/interrupt")};
	struct http_response res = {.body = BUF(4096)};

	sim->interrupted = true;
	http_request_header(&req, "Authorization", "Bearer " SIM_COMFY_KEY);
	world_http(sim->world, (enum world_side)(WORLD_COMFY + some(sim, sim->n_cards)), &req, &res,
		sim_now(sim));
	trace_say(sim, "a run is interrupted: %d", res.status);
	http_request_free(&req);
	http_response_free(&res);
}

static void message_is_too_large(struct sim *sim)
{
	static const char *const faults[] = {
		"{\"kind\":\"status\",\"side\":\"discord\",\"method\":\"POST\","
		"\"route\":\"/channels/{}/messages\",\"status\":413,\"count\":1}",
		"{\"kind\":\"status\",\"side\":\"discord\",\"method\":\"POST\","
		"\"route\":\"/channels/{}/messages\",\"status\":413,\"count\":9}",
	};

	if (sim->fair)
		return;
	sim->refuses = true; /* what is not too large too */
	weather_fault(sim, faults[some(sim, countof(faults))]);
}

static void file_is_damaged(struct sim *sim)
{
	static const char *const hows[] = {"cut", "wrong", "page", "jpeg"};
	int card = some(sim, sim->n_cards);
	cleanup(freep) char *text =
		xasprintf("{\"kind\":\"comfy_bad_file\",\"card\":%d,\"how\":\"%s\",\"count\":1}",
			card, hows[some(sim, countof(hows))]);

	sim->weather.may_fail = true;
	if (!sim->fair)
		weather_fault(sim, text);
}

static void goes_soon(void *ctx, void *arg, bool run)
{
	if (run)
		channel_goes(ctx);
}

bool server_bad_moment(struct sim *sim)
{
	if (sim->fair || some(sim, 1000) >= sim->weather.untimely)
		return false;
	weather_fault(sim, "{\"kind\":\"gateway_refuse\",\"ms\":8000}");
	weather_fault(sim, "{\"kind\":\"gateway_drop\",\"code\":4000}");
	clock_at(sim->clock, sim_now(sim) + 1000 + some(sim, 10000), goes_soon, NULL);
	return true;
}

static void happens(void *ctx, void *arg, bool run)
{
	static void (*const all[])(struct sim * sim) = {channel_goes, channel_goes, channel_changes,
		permission_goes, permission_goes, permission_goes, member_leaves, member_leaves,
		member_keeps, member_writes, member_looks, member_looks, member_presses,
		member_presses, member_presses, bot_stops, bot_stops, bot_pauses,
		run_is_interrupted, message_is_too_large, message_is_too_large, file_is_damaged};
	struct sim *sim = ctx;

	if (!run)
		return;
	all[some(sim, countof(all))](sim);
	network_pump(sim);
}

void server_plan(struct sim *sim)
{
	rng_seed(&sim->people, ~sim->seed);
	if (sim->seed % 10 == 0 || sim->weather.refusals || some(sim, 3))
		return;
	if (some(sim, 2))
		sim->config.session_ttl_ms = 60000 + some(sim, 200000);
	for (int n = 1 + some(sim, 8); n > 0; n--)
		clock_at(sim->clock,
			SIM_START_MS + 3000 +
				some(sim,
					(int)sim->weather.storm_ms + (some(sim, 3) ? 0 : LATER_MS)),
			happens, NULL);
}

void server_clears(struct sim *sim)
{
	permission_returns(sim, NULL, true);
}
