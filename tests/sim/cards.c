/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "core/state.h"
#include "sim.h"

/*
 * What owners and administrators do with cards: taken out of the settings and put back, which are
 * read again, paused, drained, resumed. That no job goes to a card that takes none the core itself
 * promises (place.c); that none is lost is checked with all the others.
 */

/* As bot_reload() does; the next process starts with these. */
static void settings_are_read(struct sim *sim)
{
	int n = 0;

	for (int i = 0; i < sim->n_cards; i++)
		if (!(sim->cards_out >> i & 1))
			sim->config.comfy[n++] = sim->all_cards[i];
	sim->config.n_comfy = n;
	if (sim->shell)
		shell_cards_reload(sim->shell, sim->config.comfy, sim->config.gpu_vram_mb, n);
	bot_turn(sim);
}

static void settings_change(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	unsigned all = (1u << sim->n_cards) - 1, out = (unsigned)rng_below(&sim->rng, all);

	if (!run)
		return;
	sim->cards_out = out; /* never all: there is no bot without one */
	trace_say(sim, "the settings leave out the cards %x", out);
	settings_are_read(sim);
}

void admin_types(struct sim *sim, const char *word, int card)
{
	struct json_object *options = json_object_new_object(), *of = json_object_new_object();
	char number[16], *why = NULL;

	snprintf(number, sizeof(number), "%d", card + 1);
	if (card >= 0)
		json_add_str(of, "card", number);
	json_add(options, word, of);
	(void)world_command(sim->world, sim->admin_id, 0, 0, "admin", options, &why, sim_now(sim));
	trace_say(sim, "/admin %s card:%s", word, card >= 0 ? number : "all");
	json_put(&options);
	free(why);
	network_pump(sim);
}

static void admin_acts(void *ctx, void *arg, bool run)
{
	static const char *const words[] = {"pause", "drain", "resume"};
	struct sim *sim = ctx;

	if (run) {
		const char *word = words[rng_below(&sim->rng, countof(words))];

		admin_types(sim, word, (int)rng_below(&sim->rng, (uint64_t)sim->n_cards));
	}
}

/* Until the bot takes work and each is used again; it may be away at the moment. */
static void admin_resumes(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	bool again = !sim->shell;

	if (!run)
		return;
	for (int i = 0; sim->shell && i < sim->config.n_comfy; i++)
		if (core_gpu_wish(shell_core(sim->shell), i) != GPU_WISH_RUN) {
			admin_types(sim, "resume", i);
			again = true;
		}
	if (sim->shell && shell_core(sim->shell)->mode != CORE_RUN) {
		admin_types(sim, "resume", -1);
		again = true;
	}
	if (again)
		clock_at(sim->clock, sim_now(sim) + 60000, admin_resumes, NULL);
}

void cards_plan(struct sim *sim)
{
	if (sim->n_cards < 2)
		return;
	for (int i = 0; i < sim->weather.card_changes; i++)
		clock_at(sim->clock, weather_sometime(sim), i % 2 ? settings_change : admin_acts,
			NULL);
}

void cards_clear(struct sim *sim)
{
	sim->cards_out = 0;
	settings_are_read(sim);
	/* What administrators typed while the gateway was away comes when it is back. */
	for (int minute = 0; minute < 10; minute++)
		clock_at(sim->clock, sim_now(sim) + minute * 60000, admin_resumes, NULL);
}
