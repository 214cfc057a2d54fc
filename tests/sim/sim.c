/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "comfy/request.h"
#include "sandbox/draw.h"
#include "sim.h"

/* fullet-sim: lives of the bot from seeds. A seed that fails repeats exactly. */

#define GUILD UINT64_C(1100000000000000001)

int64_t sim_now(const struct sim *sim)
{
	return clock_now(sim->clock);
}

int64_t sim_bot_now(const struct sim *sim)
{
	return sim_now(sim) + sim->skew_ms;
}

double sim_seconds(const struct sim *sim)
{
	return (double)(sim_now(sim) - SIM_START_MS) / 1000;
}

bool sim_chance(struct sim *sim, int per_thousand)
{
	return per_thousand > 0 && rng_below(&sim->rng, 1000) < (uint64_t)per_thousand;
}

int64_t sim_delay(struct sim *sim)
{
	int64_t usual = sim->weather.latency_ms;
	int64_t ms = usual / 2 + (int64_t)rng_below(&sim->rng, (uint64_t)usual + 1);

	return sim_chance(sim, sim->weather.slow) ? ms * 20 : ms;
}

static void world_moves(struct sim *sim)
{
	world_tick(sim->world, sim_now(sim));
	network_pump(sim);
}

/* Of no matter what it is: the tiny picture is small enough. */
static size_t transcode(
	void *ctx, const void *data, size_t len, const char *format, int quality, char **out)
{
	*out = xcalloc(len + 1, 1);
	memcpy(*out, data, len);
	return len;
}

/* No room for any channel more. */
static void fill_server(struct sim *sim)
{
	struct json_object *act = json_object_new_object();

	json_add_str(act, "kind", "fill");
	json_add_int(act, "channels", 500);
	must(world_act(sim->world, act, SIM_START_MS) == 0);
	json_put(&act);
	sim->full = true;
}

static void set_up(struct sim *sim)
{
	static const int vram_gb[] = {8, 12, 16, 24};
	static const char *const urls[SIM_CARDS_MAX] = {
		"http://comfy0.sim", "http://comfy1.sim", "http://comfy2.sim", "http://comfy3.sim"};
	struct world_card cards[SIM_CARDS_MAX] = {0};
	struct world_config world = {
		.bot_token = SIM_TOKEN,
		.guild_id = GUILD,
		.rest_base = "http://127.0.0.1/api/v10",
		.gateway_url = "ws://127.0.0.1/gateway",
		.cdn_base = "http://127.0.0.1/cdn",
		.comfy_key = SIM_COMFY_KEY,
		.cards = cards,
		.draw = draw_tiny,
		.transcode = transcode,
		.commands = sim->commands,
	};
	world.seed = rng_u64(&sim->rng);
	/* Pictures of 64 x 64 by SDXL: a step takes a 512th. */
	world.step_ms = (200 + (int64_t)rng_below(&sim->rng, 2000)) * 512;
	world.load_ms = (int64_t)rng_below(&sim->rng, 8000);
	world.n_cards = 1 + (int)rng_below(&sim->rng, sim->small ? 2 : SIM_CARDS_MAX);
	for (int i = 0; i < world.n_cards; i++) {
		cards[i].vram_mb = 1024 * vram_gb[rng_below(&sim->rng, countof(vram_gb))];
		cards[i].speed = 500 + (int)rng_below(&sim->rng, 1000);
		cards[i].lru = rng_below(&sim->rng, 2) == 0;
	}
	sim->n_cards = world.n_cards;
	weather_make(sim);
	sim->clock = clock_new(SIM_START_MS, sim);
	sim->log = (struct log){LOG_DEBUG, trace_log, sim};
	sim->world = world_new(&world, SIM_START_MS);
	workflows_add(sim);
	sim->config = (struct shell_config){
		.token = SIM_TOKEN,
		.guild_id = GUILD,
		.api_url = "http://127.0.0.1/api/v10",
		.user_agent = "DiscordBot (https://example.invalid, 1.0)",
		.n_comfy = sim->n_cards,
		.workflows = sim->workflows,
		.export_path = "/copies",
		.max_jobs_per_user = 1 + (int)rng_below(&sim->rng, 3),
		.min_free_mb = 4000,
		.affinity_ms = 120000,
		.stop_ms = 10000,
		.no_compression = sim->weather.no_compression,
		.log = &sim->log,
	};
	sim->config.max_queue = 1 + (int)rng_below(&sim->rng, 10);
	sim->config.max_batch = 1 + (int)rng_below(&sim->rng, 4);
	sim->config.session_ttl_ms = rng_below(&sim->rng, 5) || sim->small
					     ? SIM_LONG_TTL_MS
					     : 60000 + (int64_t)rng_below(&sim->rng, 400000);
	for (int i = 0; i < sim->n_cards; i++)
		sim->config.comfy[i] = (struct comfy_config){.url = urls[i],
			.api_key = SIM_COMFY_KEY,
			/* Some runs take longer, and are well. */
			.stall_ms = sim->seed % 8 == 6 || sim->weather.untimely ? 25000 : 60000,
			.no_websocket = sim->weather.no_websocket};
	memcpy(sim->all_cards, sim->config.comfy, sizeof(sim->all_cards));
	if (rng_below(&sim->rng, 20) == 0 || (sim->weather.mute && sim->seed % 27 == 7))
		fill_server(sim);
	wishes_plan(sim);
	weather_plan(sim);
	cards_plan(sim);
	workflows_plan(sim);
	server_plan(sim);
}

/* The next thing happens: in the world, or on its way to one of them. */
static void step(struct sim *sim, int64_t until_ms)
{
	int64_t world_ms = world_deadline(sim->world);

	sim->events++;
	if (world_ms <= clock_next(sim->clock)) {
		(void)clock_step(sim->clock, max_of(world_ms, sim_now(sim)) - 1);
		(void)clock_step(sim->clock, world_ms);
		world_moves(sim);
	} else {
		(void)clock_step(sim->clock, until_ms);
	}
	trace_number(sim, (uint64_t)sim_now(sim));
	rules_event(sim);
	if (sim->weather.crash_anywhere && sim->shell && sim->weather.crashes > 0 &&
		rng_below(&sim->rng, 10000) < (uint64_t)sim->weather.crash_anywhere) {
		sim->weather.crashes--;
		bot_crash(sim);
	}
}

static void no_rest(struct sim *sim)
{
	const struct job *job = sim->shell ? core_first_job(shell_core(sim->shell)) : NULL;

	sim_fail(sim, "rest", "none after %.0f s and %zu events; first job: %s", sim_seconds(sim),
		sim->events, job ? job_step_name(job->step) : "none");
}

/* Without faults every rule of Discord and ComfyUI was kept. */
static void check_violations(struct sim *sim)
{
	struct json_object *state;
	char *text;

	if (sim->failure || !(sim->strict || sim->seed % 10 == 0) ||
		world_violations(sim->world) == 0)
		return;
	state = world_state(sim->world);
	text = json_text(json_array(state, "violations"));
	sim_fail(sim, "violations", "%s", text);
	free(text);
	json_put(&state);
}

static void live(struct sim *sim)
{
	int64_t end_ms = SIM_START_MS + sim->weather.storm_ms;

	bot_start(sim);
	while (!sim->failure && sim_now(sim) < end_ms)
		step(sim, end_ms);
	if (!sim->failure)
		weather_clears(sim);
	while (!sim->failure && (sim_now(sim) < end_ms + 60000 || !all_at_rest(sim))) {
		if (sim_now(sim) > end_ms + SIM_PATIENCE_MS || sim->events > 3000000)
			no_rest(sim);
		step(sim, NEVER);
	}
	if (!sim->failure)
		check_rest(sim);
	check_violations(sim);
}

static void tear_down(struct sim *sim)
{
	sim->life++;
	network_free(sim);
	clock_free(sim->clock);
	if (sim->shell)
		shell_abandon(sim->shell);
	world_free(sim->world);
	free(sim->said);
}

/* A seed takes milliseconds of a processor, under sanitizers perhaps seconds. */
#define SEED_S 60

struct run {
	const char *program;
	bool verbose, strict;
	bool tell; /* the trace of each */
	struct store_db *db;
	struct world_commands commands[WORLD_COMMANDS]; /* that Discord has seen in any seed */
	struct workflow_set *workflows;			/* of the last seed; NULL: none is read */
};

struct totals {
	size_t passed, failed, events;
	long requests;
	double seconds; /* simulated */
	uint64_t hash;
};

/* One that ends the program, or does not end itself. */
static uint64_t current_seed;
static const size_t *current_event;

static void on_signal(int signal)
{
	char text[160];
	int n = snprintf(text, sizeof(text),
		"seed %" PRIu64
		" failed at event %zu, 0.000 s: [crash] signal %d ends the program\n",
		current_seed, *current_event, signal);

	(void)!write(STDOUT_FILENO, text, (size_t)n);
	_exit(1);
}

static void watch_seed(const struct sim *sim)
{
	static const int signals[] = {SIGABRT, SIGPROF,
#ifndef __SANITIZE_ADDRESS__ /* it tells more of these */
		SIGSEGV, SIGBUS, SIGFPE
#endif
	};

	current_seed = sim->seed;
	current_event = &sim->events;
	for (size_t i = 0; i < countof(signals); i++)
		(void)signal(signals[i], on_signal);
	must(setitimer(ITIMER_PROF, &(struct itimerval){.it_value.tv_sec = SEED_S}, NULL) == 0);
}

static void run_seed(struct run *run, uint64_t seed, struct totals *totals)
{
	struct sim sim = {.seed = seed,
		.verbose = run->verbose,
		.small = seed >> 3 & 1, /* beside what the last digits decide */
		.strict = run->strict,
		.db = run->db,
		.commands = run->commands,
		.workflows = run->workflows};
	char *why = NULL;

	watch_seed(&sim);
	must(store_db_empty(sim.db, &why) == 0);
	rng_seed(&sim.rng, seed);
	set_up(&sim);
	live(&sim);
	if (sim.failure)
		printf("seed %" PRIu64 " failed at event %zu, %.3f s: %s\n"
		       "  repeat it with: %s -v %" PRIu64 "\n",
			seed, sim.events, sim_seconds(&sim), sim.failure, run->program, seed);
	if (run->verbose)
		printf("seed %" PRIu64 ": %d asked, %zu events, %u lives\n", seed, sim.requested,
			sim.events, sim.life);
	if (run->tell)
		printf("seed %" PRIu64 ": trace %016" PRIx64 "\n", seed, sim.hash);
	fflush(stdout);
	totals->passed += !sim.failure;
	totals->failed += sim.failure != NULL;
	totals->events += sim.events;
	totals->requests += sim.requested;
	totals->seconds += sim_seconds(&sim);
	totals->hash = (totals->hash ^ sim.hash) * UINT64_C(0x9e3779b97f4a7c15);
	tear_down(&sim);
	run->workflows = sim.workflows;
	free(sim.failure);
}

static void tell_totals(const struct totals *totals, clock_t ticks)
{
	double hours = totals->seconds / 3600, took = (double)ticks / CLOCKS_PER_SEC;

	printf("simulator: %zu seeds, %ld requests, %zu events, %.1f hours simulated in %.1f s of a "
	       "processor: %.1f hours a second\ntrace of all: %016" PRIx64
	       "\n%zu passed, %zu failed\n",
		totals->passed + totals->failed, totals->requests, totals->events, hours, took,
		hours / max_of(took, 0.001), totals->hash, totals->passed, totals->failed);
}

static int usage(int status)
{
	printf("usage: fullet-sim [-v|--verbose] [--strict] SEED ... | --seeds N [--from SEED] "
	       "[--until-failure]\n");
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"seeds", required_argument, NULL, 'n'},
		{"from", required_argument, NULL, 'f'}, {"verbose", no_argument, NULL, 'v'},
		{"strict", no_argument, NULL, 's'}, {"until-failure", no_argument, NULL, 'u'},
		{"help", no_argument, NULL, 'h'}, {0}};
	uint64_t n = 0, from = 1, seed;
	struct totals totals = {0};
	struct run run = {.program = argv[0]};
	bool until = false;
	clock_t start = clock();
	char *why = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "vh", options, NULL)) != -1) {
		if (c == 'v')
			run.verbose = true;
		else if (c == 's')
			run.strict = true;
		else if (c == 'u')
			until = true;
		else if (c == 'n'   ? parse_u64(optarg, &n) < 0
			 : c == 'f' ? parse_u64(optarg, &from) < 0
				    : true)
			return usage(c == 'h' ? 0 : 2);
	}
	must(store_db_open(":memory:", &run.db, &why) == 0);
	(void)json_global_set_string_hash(
		JSON_C_STR_HASH_PERLLIKE); /* no stranger's names here: a fast one */
	run.tell = n == 0;
	for (int i = optind; i < argc; i++) {
		if (parse_u64(argv[i], &seed) < 0)
			return usage(2);
		run_seed(&run, seed, &totals);
	}
	for (uint64_t i = 0; i < n && !(until && totals.failed); i++)
		run_seed(&run, from + i, &totals);
	world_commands_free(run.commands);
	workflow_set_free(run.workflows);
	store_db_close(run.db);
	tell_totals(&totals, clock() - start);
	return totals.failed ? 1 : 0;
}
