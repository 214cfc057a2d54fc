/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/date.h"
#include "sim.h"

/* The bot's processes: started from the rows, turned, killed. */

static void bot_ends(struct sim *sim);

static void turn_is_due(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;

	if (run && sim->turn_at <= sim_now(sim))
		bot_turn(sim);
}

static void plan_turn(struct sim *sim, int64_t at_ms)
{
	if (sim->turn_at > sim_now(sim) && at_ms >= sim->turn_at)
		return; /* an earlier turn is planned already */
	sim->turn_at = at_ms;
	clock_at(sim->clock, at_ms, turn_is_due, NULL);
}

static bool database_is_away(const struct sim *sim)
{
	return sim_now(sim) < sim->away_until_ms;
}

static void database_is_back(void *ctx, void *arg, bool run)
{
	if (run && !database_is_away(ctx))
		bot_turn(ctx);
}

void bot_loses_database(struct sim *sim, int64_t ms)
{
	sim->away_until_ms = sim_now(sim) + ms;
	clock_at(sim->clock, sim->away_until_ms, database_is_back, NULL);
}

void bot_turn(struct sim *sim)
{
	int64_t at_ms, told_ms;

	if (!sim->shell)
		return;
	told_ms = shell_database(sim->shell, database_is_away(sim) ? "it is away" : NULL);
	at_ms = min_of(shell_turn(sim->shell, sim_bot_now(sim)), told_ms);
	network_pump(sim);
	rules_turn(sim);
	if (shell_state(sim->shell) == SHELL_STOPPED) {
		bot_ends(sim);
		return;
	}
	if (shell_state(sim->shell) == SHELL_FAILED)
		sim_fail(sim, "running", "the bot gave up: %s", shell_failure(sim->shell));
	if (at_ms != NEVER)
		plan_turn(sim, max_of(at_ms - sim->skew_ms, sim_now(sim) + 1));
}

void bot_hears(struct sim *sim)
{
	if (sim_chance(sim, sim->weather.busy))
		plan_turn(sim, sim_now(sim) + 1 + (int64_t)rng_below(&sim->rng, 240));
	else
		bot_turn(sim);
}

static void process_starts(void *ctx, void *arg, bool run)
{
	if (run)
		bot_start(ctx);
}

void bot_start(struct sim *sim)
{
	struct shell_past past = {0};
	struct ports ports;
	char *why = NULL;

	if (sim->shell)
		return;
	if (database_is_away(sim)) { /* it waits for its database: app/database.c */
		clock_at(sim->clock, sim->away_until_ms, process_starts, NULL);
		return;
	}
	sim->life++;
	network_ports(sim, &ports);
	if (store_db_load(sim->db, date_day_start(sim_bot_now(sim)), &past.rows, &why) < 0)
		sim_fail(sim, "running", "the rows cannot be read: %s", why ? why : "?");
	free(why);
	(void)store_db_value(sim->db, "gateway", &past.gateway);
	(void)store_db_value(sim->db, "ids", &past.ids);
	(void)store_db_value(sim->db, "mode", &past.mode);
	(void)store_db_value(sim->db, "cards", &past.cards);
	(void)store_db_value(sim->db, "limits", &past.limits);
	(void)store_db_value(sim->db, "words", &past.words);
	/* The real one counts from its own time on, so that no id is given twice: app/bot.c. */
	past.rows.max_job_id = max_of(past.rows.max_job_id, sim->last_id);
	sim->turn_at = 0;
	sim->shell = shell_new(&sim->config, &ports, rng_u64(&sim->rng));
	shell_start(sim->shell, &past);
	store_snapshot_free(&past.rows);
	free(past.gateway);
	free(past.ids);
	free(past.mode);
	free(past.cards);
	free(past.limits);
	free(past.words);
	bot_turn(sim);
}

/* Most processes are back within seconds, some only after Discord has forgotten nonces and session.
 */
static int64_t time_to_restart(struct sim *sim)
{
	if (sim->weather.haste) /* sooner than an interaction grows old */
		return 100 + (int64_t)rng_below(&sim->rng, 900);
	return rng_below(&sim->rng, 4) ? 200 + (int64_t)rng_below(&sim->rng, 20000)
				       : 60000 + (int64_t)rng_below(&sim->rng, 900000);
}

void bot_may_crash(struct sim *sim, int chance)
{
	if (!sim->shell || sim->weather.crashes == 0 || !sim_chance(sim, chance))
		return;
	sim->weather.crashes--;
	bot_crash(sim);
}

/* Its sockets die with it, and the next one is on its way. */
static void over(struct sim *sim)
{
	rules_crash(sim);
	clock_at(sim->clock, sim_now(sim) + time_to_restart(sim), process_starts, NULL);
	sim->life++; /* whatever was on its way to the dead process is dropped */
	network_crash(sim);
}

static void bot_ends(struct sim *sim)
{
	trace_say(sim, "the bot has stopped");
	sim->shell = shell_free(sim->shell);
	over(sim);
}

void bot_crash(struct sim *sim)
{
	if (!sim->shell)
		return;
	trace_say(sim, "crash");
	over(sim);
	/* The dead process closes nothing: its sockets are gone already. */
	sim->shell = shell_abandon(sim->shell);
}
