/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "comfy/request.h"
#include "sandbox/draw.h"
#include "sim.h"

/* What members ask for, and when. */

enum wish_kind {
	WISH_IMAGINE,
	WISH_EDIT_FILE,
	WISH_EDIT_LAST,
	WISH_EDIT_MESSAGE,
	WISH_CANCEL,
	WISH_ERASE,
};

struct wish {
	enum wish_kind kind;
	uint64_t user;
	const char *model;
	uint64_t menu; /* the interaction whose window is being filled in */
	uint64_t n;    /* every attached picture is another */
};

static void counted(struct sim *sim, uint64_t interaction_id, uint32_t sum)
{
	if (!interaction_id) {
		sim->commands_refused++;
		return;
	}
	sim->requested++;
	network_expect_ack(sim, interaction_id);
	if (sum && sim->n_edits < countof(sim->edits))
		sim->edits[sim->n_edits++] = (struct sim_edit){interaction_id, sum};
}

static uint32_t attach(struct sim *sim, const struct wish *wish, struct json_object *options)
{
	struct json_object *file = json_object_new_object();
	struct draw_request draw = {
		.width = 16, .height = 16, .seed = sim->seed * 100 + wish->n, .percent = 100};
	char *png = NULL, *base64;
	size_t len = draw_tiny(NULL, &draw, &png);
	uint32_t sum = check_sum(png, len);

	base64 = base64_encode(png, len);
	json_add_str(file, "filename", "mine.png");
	json_add_str(file, "base64", base64);
	json_add(options, "image", file);
	free(base64);
	free(png);
	return sum;
}

static void member_asks(void *ctx, void *arg, bool run);

static void thinks_better(struct sim *sim, const struct wish *wish)
{
	struct wish *cancel = xcalloc(1, sizeof(*cancel));

	*cancel = (struct wish){.kind = WISH_CANCEL, .user = wish->user};
	clock_at(sim->clock, sim_now(sim) + 200 + (int64_t)rng_below(&sim->rng, 800), member_asks,
		cancel);
}

static void types(struct sim *sim, const struct wish *wish)
{
	struct json_object *options = json_object_new_object();
	bool edits = wish->kind != WISH_IMAGINE;
	uint32_t sum = 0;
	char *why = NULL;

	if (edits) {
		json_add_str(options, "prompt", SIM_PROMPT " in the snow");
	} else {
		json_add_str(options, "model", wish->model);
		members_choose(sim, wish->n, wish->model, options);
	}
	if (wish->kind == WISH_EDIT_FILE)
		sum = attach(sim, wish, options);
	sim->owed += wish->kind != WISH_EDIT_LAST;
	counted(sim,
		world_command(sim->world, wish->user, 0, 0, edits ? "edit" : "imagine", options,
			&why, sim_now(sim)),
		sum);
	if (sim_chance(sim, sim->weather.haste))
		thinks_better(sim, wish);
	trace_say(
		sim, "user=%" PRIu64 " types %s", wish->user, json_object_to_json_string(options));
	json_put(&options);
	free(why);
}

static void window_filled(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	struct wish *wish = arg;

	if (run) {
		struct json_object *fields = json_object_new_object();
		char *why = NULL;

		json_add_str(fields, "prompt", "with a hat");
		counted(sim,
			world_modal(sim->world, wish->user, wish->menu, fields, &why, sim_now(sim)),
			0);
		free(why);
		json_put(&fields);
	}
	free(wish);
}

/* The menu of the newest message with a file that the member sees. */
static void opens_menu(struct sim *sim, const struct wish *wish)
{
	struct json_object *messages = world_messages(sim->world);
	uint64_t menu = 0;

	for (size_t i = json_len(messages); i-- > 0 && !menu;) {
		struct json_object *m = json_object_array_get_idx(messages, i);
		char *why = NULL;

		if (json_len(json_array(m, "attachments")) > 0)
			menu = world_menu(sim->world, wish->user, json_id(m, "id"),
				"Edit this picture", &why, sim_now(sim));
		free(why);
	}
	json_put(&messages);
	if (menu) {
		network_expect_ack(sim, menu);
		struct wish *filled = xcalloc(1, sizeof(*filled));

		*filled = *wish;
		filled->menu = menu;
		clock_at(sim->clock, sim_now(sim) + 1000 + (int64_t)rng_below(&sim->rng, 10000),
			window_filled, filled);
	}
}

static void member_asks(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	struct wish *wish = arg;

	if (run && wish->kind == WISH_EDIT_MESSAGE)
		opens_menu(sim, wish);
	else if (run && wish->kind == WISH_CANCEL)
		members_cancel(sim, wish->user);
	else if (run && wish->kind == WISH_ERASE)
		members_erase(sim, wish->user);
	else if (run)
		types(sim, wish);
	if (run)
		network_pump(sim);
	free(wish);
}

static void admin_writes(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;

	if (run) {
		members_write_word(sim, sim->admin_id);
		network_pump(sim);
	}
}

/* Has a channel made while he wants all of his erased, and cancels what is drawn. */
static void regrets(struct sim *sim, int i)
{
	const enum wish_kind kinds[] = {
		WISH_ERASE, i % 2 ? WISH_EDIT_FILE : WISH_IMAGINE, WISH_CANCEL};
	int64_t at_ms = weather_sometime(sim);

	for (size_t k = 0; k < countof(kinds); k++) {
		struct wish *wish = xcalloc(1, sizeof(*wish));

		*wish = (struct wish){kinds[k], sim->users[i], "one", .n = 100 + (uint64_t)i};
		clock_at(sim->clock, at_ms, member_asks, wish);
		at_ms += 1000 + (int64_t)rng_below(&sim->rng, k ? 20000 : 2500);
	}
}

void wishes_plan(struct sim *sim)
{
	static const char *const models[] = {"one", "two", "shared"};
	struct rng *rng = &sim->rng;
	uint64_t *users = sim->users;
	int n_users = 1 + (int)rng_below(rng, countof(sim->users));
	int n_wishes = 1 + (int)rng_below(rng, sim->small ? 3 : rng_below(rng, 4) ? 6 : 12);
	bool crowd = rng_below(rng, 4) == 0 && !sim->small; /* many want the same at once */

	sim->crowd = crowd;
	if (crowd) {
		n_users = countof(sim->users);
		n_wishes = 9;
	}
	sim->n_users = n_users;
	for (int i = 0; i < n_users; i++) {
		char name[24];

		snprintf(name, sizeof(name), "user%d", i);
		users[i] = world_add_user(sim->world, name, i == 4);
	}
	for (int i = 0; i < n_wishes; i++) {
		struct wish *wish = xcalloc(1, sizeof(*wish));
		int64_t at_ms = i % 3 == 1 ? SIM_START_MS + 5000 : weather_sometime(sim);

		/* Most draw or edit. */
		wish->kind = (enum wish_kind)max_of((int)rng_below(rng, 9) - 3, 0);
		wish->user = users[rng_below(rng, (uint64_t)n_users)];
		wish->model = models[rng_below(rng, countof(models))];
		wish->n = (uint64_t)i + 1;
		if (crowd && i % 3 > 0) {
			wish->kind = WISH_IMAGINE;
			wish->model = "shared";
			wish->user = users[i % n_users];
			at_ms = SIM_START_MS + 5000;
		}
		clock_at(sim->clock, at_ms, member_asks, wish);
	}
	for (int i = 0; i < n_users && sim->weather.untimely; i++)
		regrets(sim, i);
	sim->admin_id = world_add_user(sim->world, "boss", true);
	for (size_t i = rng_below(rng, sim->small ? 3 : countof(sim->words) + 1); i > 0; i--)
		clock_at(sim->clock, weather_sometime(sim), admin_writes, NULL);
}
