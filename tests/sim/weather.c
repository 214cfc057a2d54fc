/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/json.h"
#include "sim.h"

/* What goes wrong, and when: drawn from the seed; and the fair weather after it. */

static int some(struct sim *sim, int below)
{
	return (int)rng_below(&sim->rng, (uint64_t)below);
}

/* Ten minutes with some room on both sides. */
#define REFUSALS_MS (11 * 60 * 1000)

int64_t weather_sometime(struct sim *sim)
{
	return SIM_START_MS + 2000 +
	       (int64_t)rng_below(&sim->rng, (uint64_t)sim->weather.storm_ms - 2000);
}

/* Many storms are short: a thousand of them find more than a hundred long ones. */
static int64_t length(struct sim *sim)
{
	if (sim->small)
		return 15000 + some(sim, 30000);
	switch (some(sim, 20)) {
	case 0:
		return 10 * 60 * 1000;
	case 1:
	case 2:
		return 4 * 60 * 1000;
	default:
		return 30000 + some(sim, 60000);
	}
}

void weather_make(struct sim *sim)
{
	struct sim_weather *w = &sim->weather;

	*w = (struct sim_weather){.latency_ms = 5 + some(sim, 150)};
	w->storm_ms = length(sim);
	if (sim->seed % 10 == 0)
		return; /* one in ten is a fine day: nothing may go wrong at all */
	w->lost_requests = some(sim, 30);
	w->lost_answers = some(sim, 30);
	w->repeated_events = some(sim, 200);
	w->slow = some(sim, 20);
	w->crashes = some(sim, 5);
	w->crash_chance = some(sim, 40);
	w->crash_anywhere = some(sim, 3) ? 0 : some(sim, 100);
	w->comfy_restarts = some(sim, 3);
	w->gateway_faults = some(sim, 4);
	w->server_errors = some(sim, 8);
	w->run_faults = some(sim, 5);
	w->workflow_changes = some(sim, sim->small ? 3 : 6);
	w->card_changes = some(sim, 8);
	w->database_faults = max_of(some(sim, 5) - 2, 0);
	w->lost_commits = some(sim, 3) ? 0 : some(sim, 100);
	w->clock_jumps = max_of(some(sim, 6) - 4, 0);
	w->gateway_cuts = some(sim, 3) ? 0 : some(sim, 600);
	/* Without a draw of its own, so that seeds stay what they were. */
	w->busy = sim->seed % 9 == 2 ? 900 : 0;
	w->hurry = sim->seed % 4 == 1 ? 600 : w->busy / 4;
	w->haste = sim->seed % 9 == 1 ? 500 : 0;
	w->untimely = sim->seed % 9 == 4 ? 700 : 0;
	w->mute = sim->seed % 9 == 7 ? 60 : 0;
	w->storm_ms = w->untimely ? max_of(w->storm_ms, (int64_t)80000) : w->storm_ms;
	w->crashes += w->haste || w->untimely ? 2 : 0;
	w->mute_cleaner = w->lost_requests;
	w->full_disk = w->lost_requests;
	w->no_compression = some(sim, 4) > 0;
	w->no_websocket = some(sim, 6) == 0;
	w->refusals = sim->seed % 500 == 27;
	if (w->refusals) { /* by one process, whose clock is right: more are not promised */
		w->storm_ms = REFUSALS_MS;
		w->crashes = w->clock_jumps = w->gateway_cuts = 0;
	}
}

/* ---- faults of the world ---- */

#define DISCORD(kind, method, route)                                                               \
	"{\"kind\":\"" kind "\",\"side\":\"discord\",\"method\":\"" method "\",\"route\":\"" route \
	"\","
#define COMFY(kind, method, route)                                                                 \
	"{\"kind\":\"" kind "\",\"side\":\"comfy\",\"method\":\"" method "\",\"route\":\"" route   \
	"\","
#define MESSAGES "/channels/{}/messages"

static const char *const gateway_faults[] = {
	"{\"kind\":\"gateway_drop\",\"code\":4000}",
	"{\"kind\":\"gateway_drop\",\"code\":1006}",
	"{\"kind\":\"gateway_drop\",\"code\":4009}",
	"{\"kind\":\"gateway_reconnect\"}",
	"{\"kind\":\"gateway_reconnect\",\"before_hello\":true}",
	"{\"kind\":\"gateway_heartbeat\"}",
	"{\"kind\":\"gateway_invalid\",\"resumable\":true}",
	"{\"kind\":\"gateway_invalid\",\"resumable\":false}",
	"{\"kind\":\"gateway_forget\"}",
	"{\"kind\":\"gateway_silence\",\"ms\":90000}",
	"{\"kind\":\"gateway_refuse\",\"ms\":8000}",
	"{\"kind\":\"gateway_garbage\"}",
	"{\"kind\":\"gateway_garbage\",\"raw\":true}",
};
static const char *const run_faults[] = {
	"{\"kind\":\"comfy_oom\",\"count\":1}",
	"{\"kind\":\"comfy_oom\",\"above\":1}",
	"{\"kind\":\"comfy_error\",\"count\":1}",
	"{\"kind\":\"comfy_machine\",\"count\":1}",
	"{\"kind\":\"comfy_machine\",\"count\":6}",
	"{\"kind\":\"comfy_stall\",\"ms\":20000}",
	"{\"kind\":\"comfy_stall\",\"ms\":200000}",
	"{\"kind\":\"comfy_ws_drop\"}",
	"{\"kind\":\"comfy_ws_refuse\",\"ms\":60000}",
	"{\"kind\":\"comfy_ws_garbage\"}",
	"{\"kind\":\"comfy_zombie\"}",
	"{\"kind\":\"comfy_forget_output\"}",
	"{\"kind\":\"comfy_forget_output\",\"count\":2}",
	"{\"kind\":\"comfy_foreign\",\"mb\":6000}",
	"{\"kind\":\"comfy_node_errors\",\"count\":1}",
	COMFY("status", "POST", "/prompt") "\"status\":500,\"count\":1,\"executed\":true}",
	COMFY("status", "POST", "/prompt") "\"status\":500,\"count\":1,\"executed\":false}",
	COMFY("status", "POST", "/upload/image") "\"status\":500,\"count\":2,\"executed\":true}",
	COMFY("reset", "POST", "/upload/image") "\"count\":6,\"executed\":false}",
	COMFY("reset", "POST", "/prompt") "\"count\":2,\"executed\":true}",
	COMFY("html", "GET", "/history/{}") "\"count\":2}",
	COMFY("reset", "GET", "/view") "\"count\":8}",
	COMFY("hang", "GET", "/history/{}") "\"ms\":60000,\"count\":3}",
};
static const char *const server_errors[] = {
	DISCORD("status", "POST", MESSAGES) "\"status\":500,\"count\":2,\"executed\":true}",
	DISCORD("status", "POST", MESSAGES) "\"status\":502,\"count\":6,\"executed\":false}",
	DISCORD("reset", "POST", MESSAGES) "\"count\":1,\"executed\":true}",
	DISCORD("reset", "POST", "/guilds/{}/channels") "\"count\":1,\"executed\":true}",
	DISCORD("status", "POST", "/guilds/{}/channels") "\"status\":503,\"count\":2,"
							 "\"executed\":false}",
	DISCORD("status", "GET", MESSAGES) "\"status\":500,\"count\":3,\"executed\":false}",
	DISCORD("429", "PATCH", MESSAGES "/{}") "\"scope\":\"user\",\"retry_after\":3,\"count\":2}",
	DISCORD("429", "POST", MESSAGES) "\"scope\":\"shared\",\"retry_after\":5,\"count\":1}",
	DISCORD("429", "POST", MESSAGES) "\"scope\":\"user\",\"retry_after\":40,\"count\":1}",
	DISCORD("429", "POST", MESSAGES) "\"scope\":\"global\",\"retry_after\":4,\"count\":1}",
	DISCORD("429", "PATCH", "/webhooks/*") "\"scope\":\"user\",\"retry_after\":2,\"count\":1}",
	DISCORD("html", "PATCH", MESSAGES "/{}") "\"count\":1}",
	/* Cloudflare has banned the address for a while. */
	"{\"kind\":\"html\",\"side\":\"discord\",\"status\":429,\"retry_after\":20,\"count\":4}",
	"{\"kind\":\"html\",\"side\":\"discord\",\"status\":403,\"count\":3}",
	DISCORD("hang", "POST", MESSAGES) "\"ms\":60000,\"count\":1,\"executed\":true}",
	/* Every answer is lost for longer than Discord remembers a nonce. */
	DISCORD("reset", "POST", MESSAGES) "\"count\":30,\"executed\":true}",
};

void weather_fault(struct sim *sim, const char *text)
{
	struct json_object *fault = json_parse(text, strlen(text), NULL);

	if (!fault || world_fault(sim->world, fault, sim_now(sim)) < 0)
		sim_fail(sim, "world", "the world does not know this fault: %s", text);
	trace_say(sim, "fault %s", text);
	json_put(&fault);
	network_pump(sim);
}

static void fault_happens(void *ctx, void *arg, bool run)
{
	if (run)
		weather_fault(ctx, arg);
	free(arg);
}

static void plan_faults(struct sim *sim, const char *const *kinds, size_t n_kinds, int n)
{
	for (int i = 0; i < n; i++) {
		int64_t at_ms = weather_sometime(sim);
		int card = some(sim, sim->n_cards);
		const char *kind = kinds[rng_below(&sim->rng, n_kinds)];

		sim->weather.may_fail |= strstr(kind, "comfy_error") ||
					 strstr(kind, "comfy_machine") ||
					 strstr(kind, "comfy_oom") || strstr(kind, "node_errors");
		clock_at(sim->clock, at_ms, fault_happens,
			xasprintf("{\"card\":%d,%s", card, kind + 1));
	}
}

/* ---- of the computer on which the bot runs ---- */

static void process_dies(void *ctx, void *arg, bool run)
{
	if (run)
		bot_crash(ctx);
}

/* The server is away, or the disk is full. */
static void database_goes(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;

	if (!run || sim->fair)
		return;
	bot_loses_database(sim, 1000 + some(sim, some(sim, 4) ? 15000 : 120000));
	trace_say(
		sim, "the database is away for %" PRId64 " ms", sim->away_until_ms - sim_now(sim));
}

/* When members ask, and for longer than a request waits for it. */
static void database_stays_away(void *ctx, void *arg, bool run)
{
	if (run)
		bot_loses_database(ctx, 40000);
}

/* A clock that is put right goes forward at once; backwards it does not go: io/loop.c. */
static void clock_jumps(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;

	if (!run)
		return;
	/* A request that is on its way when all deadlines pass at once cannot be called back. */
	if (sim->in_flight > 0) {
		clock_at(sim->clock, sim_now(sim) + 100, clock_jumps, NULL);
		return;
	}
	sim->n_limits = 0; /* what the old clock said of them */
	sim->jumped_ms = sim_now(sim);
	sim->skew_ms += 2000 + some(sim, some(sim, 2) ? 20000 : 2 * 3600 * 1000);
	trace_say(sim, "the bot's clock is %" PRId64 " ms ahead", sim->skew_ms);
	if (sim->seed % 2)
		members_look(
			sim); /* it comes before anything tells the bot how wrong its clock is */
	bot_turn(sim);
}

/* A crowd types a model's name; each letter is an interaction. */
static void crowd_types(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;

	for (int i = some(sim, 8); run && i >= 0; i--) {
		struct json_object *options = json_object_new_object();

		json_add_str(options, "model", "o");
		(void)world_autocomplete(
			sim->world, sim->users[0], 0, "imagine", "model", options, sim_now(sim));
		json_put(&options);
	}
	if (run)
		network_pump(sim);
}

/* More than Discord's patience allows, and once more when the first of them are ten minutes old. */
static void plan_refusals(struct sim *sim)
{
	int64_t first_ms = SIM_START_MS + 10000 + some(sim, 10000);

	clock_at(sim->clock, first_ms - 1000, fault_happens,
		xstrdup(DISCORD(
			"status", "POST", "/interactions/*") "\"status\":403,\"count\":0}"));
	for (int i = 0; i < 300; i++)
		clock_at(sim->clock, first_ms + i * 100, crowd_types, NULL);
	for (int i = 0; i < 100; i++)
		clock_at(sim->clock, first_ms + 580000 + i * 300, crowd_types, NULL);
}

/* By Cloudflare, for longer than a channel's making waits for an answer. */
static void plan_ban(struct sim *sim)
{
	int retry_after_s = 100 + some(sim, 300);
	int64_t at_ms = SIM_START_MS + 5000 + some(sim, 15000);

	clock_at(sim->clock, at_ms, fault_happens,
		xasprintf("{\"kind\":\"html\",\"side\":\"discord\",\"status\":429,"
			  "\"retry_after\":%d,\"count\":1}",
			retry_after_s));
}

void weather_plan(struct sim *sim)
{
	struct sim_weather *w = &sim->weather;

	/* Half of the crashes come at a time, the others at a deed: bot_may_crash(). */
	for (int i = 0; i < w->crashes / 2; i++)
		clock_at(sim->clock, weather_sometime(sim), process_dies, NULL);
	for (int i = 0; i < w->comfy_restarts; i++) {
		int64_t at_ms = weather_sometime(sim);
		int card = some(sim, sim->n_cards);
		int down_ms = some(sim, some(sim, 3) ? 30000 : 400000);

		clock_at(sim->clock, at_ms, fault_happens,
			xasprintf("{\"kind\":\"comfy_restart\",\"card\":%d,\"down_ms\":%d}", card,
				down_ms));
	}
	/* What they share fails. */
	for (int i = 0; i < sim->n_cards && sim->crowd && sim->seed % 8 == 5; i++) {
		w->may_fail = true;
		clock_at(sim->clock, SIM_START_MS + 5500, fault_happens,
			xasprintf("{\"card\":%d,\"kind\":\"comfy_error\",\"count\":2}", i));
	}
	if (sim->full && sim->seed % 3 == 1) /* archived or locked */
		weather_fault(sim,
			DISCORD("status", "PUT",
				"/channels/{}/thread-members/{}") "\"status\":400,\"count\":3,\"executed\":false}");
	/* Runs that the bot has to end. */
	for (int i = 0; i < sim->n_cards && w->untimely; i++)
		clock_at(sim->clock, SIM_START_MS + 5000 + some(sim, 20000), fault_happens,
			xasprintf("{\"card\":%d,\"kind\":\"comfy_stall\",\"ms\":200000}", i));
	if (w->mute)
		plan_ban(sim);
	for (int i = 0; i < w->database_faults; i++)
		clock_at(sim->clock, weather_sometime(sim), database_goes, NULL);
	if (w->database_faults && sim->seed % 16 == 4)
		clock_at(sim->clock, SIM_START_MS + 5000 + some(sim, 200), database_stays_away,
			NULL);
	for (int i = 0; i < w->clock_jumps; i++)
		clock_at(sim->clock, weather_sometime(sim), clock_jumps, NULL);
	plan_faults(sim, gateway_faults, countof(gateway_faults), w->gateway_faults);
	plan_faults(sim, run_faults, countof(run_faults), w->run_faults);
	plan_faults(sim, server_errors, countof(server_errors), w->server_errors);
	if (w->refusals)
		plan_refusals(sim);
}

void weather_clears(struct sim *sim)
{
	sim->weather = (struct sim_weather){.latency_ms = sim->weather.latency_ms,
		.storm_ms = sim->weather.storm_ms,
		.may_fail = sim->weather.may_fail,
		.hurry = sim->weather.hurry, /* members are as they are */
		.no_compression = sim->weather.no_compression,
		.no_websocket = sim->weather.no_websocket};
	sim->fair = true;
	sim->away_until_ms = 0;
	weather_fault(sim, "{\"kind\":\"clear\"}");
	for (int i = 0; i < sim->n_cards; i++)
		fault_happens(sim,
			xasprintf("{\"card\":%d,\"kind\":\"comfy_foreign\",\"mb\":0}", i), true);
	cards_clear(sim);
	server_clears(sim);
}
