/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "comfy/request.h"
#include "sandbox/draw.h"
#include "sim.h"

/* fullet-sim: lives of the bot from seeds. A seed that fails repeats exactly. */

#define START_MS    INT64_C(1780000000000)
#define STORM_MS    (10 * 60 * 1000)	 /* then the weather is fine */
#define PATIENCE_MS (6 * 60 * 60 * 1000) /* and by then everything has come to rest */
#define GUILD	    UINT64_C(1100000000000000001)

int64_t sim_now(const struct sim *sim)
{
	return clock_now(sim->clock);
}

double sim_seconds(const struct sim *sim)
{
	return (double)(sim_now(sim) - START_MS) / 1000;
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

static void write_log(void *ctx, enum log_level level, const char *subject, const char *text)
{
	struct sim *sim = ctx;

	if (sim->verbose)
		printf("%10.3f %-5s %s%s%s\n", (double)(sim_now(sim) - START_MS) / 1000,
			log_level_name(level), subject ? subject : "", subject ? ": " : "", text);
}

/* ---- what happens ---- */

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

static void types(struct sim *sim, const struct wish *wish)
{
	struct json_object *options = json_object_new_object();
	bool edits = wish->kind != WISH_IMAGINE;
	uint32_t sum = 0;
	char *why = NULL;

	if (edits) {
		json_add_str(options, "prompt", "a red fox in the snow");
	} else {
		json_add_str(options, "model", wish->model);
		members_choose(sim, wish->n, str_eq(wish->model, "shared"), options);
	}
	if (wish->kind == WISH_EDIT_FILE)
		sum = attach(sim, wish, options);
	sim->owed += wish->kind != WISH_EDIT_LAST;
	counted(sim,
		world_command(sim->world, wish->user, 0, 0, edits ? "edit" : "imagine", options,
			&why, sim_now(sim)),
		sum);
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
		network_pump(sim);
	}
	free(wish);
}

/* The menu of the newest message with a file that the member sees. */
static void opens_menu(struct sim *sim, const struct wish *wish)
{
	struct json_object *state = world_state(sim->world),
			   *messages = json_array(state, "messages");
	uint64_t menu = 0;

	for (size_t i = json_len(messages); i-- > 0 && !menu;) {
		struct json_object *m = json_object_array_get_idx(messages, i);
		char *why = NULL;

		if (json_len(json_array(m, "attachments")) > 0)
			menu = world_menu(sim->world, wish->user, json_id(m, "id"),
				"Edit this picture", &why, sim_now(sim));
		free(why);
	}
	json_put(&state);
	if (menu) {
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

static void fault_happens(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	char *text = arg;

	if (run) {
		struct json_object *fault = json_parse(text, strlen(text), NULL);

		if (!fault || world_fault(sim->world, fault, sim_now(sim)) < 0)
			sim_fail(sim, "the world does not know this fault: %s", text);
		if (sim->verbose)
			printf("%10.3f fault %s\n", (double)(sim_now(sim) - START_MS) / 1000, text);
		json_put(&fault);
		network_pump(sim);
	}
	free(text);
}

static void process_dies(void *ctx, void *arg, bool run)
{
	if (run)
		bot_crash(ctx);
}

static void world_moves(struct sim *sim)
{
	world_tick(sim->world, sim_now(sim));
	network_pump(sim);
}

static int64_t sometime(struct sim *sim)
{
	return START_MS + 2000 + (int64_t)rng_below(&sim->rng, STORM_MS - 2000);
}

/* ---- the seed's weather ---- */

static void make_weather(struct sim *sim)
{
	struct sim_weather *w = &sim->weather;
	struct rng *rng = &sim->rng;

	*w = (struct sim_weather){.latency_ms = 5 + (int64_t)rng_below(rng, 150)};
	if (sim->seed % 10 == 0)
		return; /* one in ten is a fine day: nothing may go wrong at all */
	w->lost_requests = (int)rng_below(rng, 30);
	w->lost_answers = (int)rng_below(rng, 30);
	w->repeated_events = (int)rng_below(rng, 200);
	w->slow = (int)rng_below(rng, 20);
	w->crashes = (int)rng_below(rng, 5);
	w->crash_chance = (int)rng_below(rng, 40);
	w->comfy_restarts = (int)rng_below(rng, 3);
	w->gateway_faults = (int)rng_below(rng, 4);
	w->server_errors = (int)rng_below(rng, 8);
	w->run_faults = (int)rng_below(rng, 4);
	w->workflow_changes = (int)rng_below(rng, 6);
	w->card_changes = (int)rng_below(rng, 8);
	w->no_compression = rng_below(rng, 2) == 0;
	w->no_websocket = rng_below(rng, 6) == 0;
}

static const char *const gateway_faults[] = {
	"{\"kind\":\"gateway_drop\",\"code\":4000}",
	"{\"kind\":\"gateway_drop\",\"code\":1006}",
	"{\"kind\":\"gateway_reconnect\"}",
	"{\"kind\":\"gateway_invalid\",\"resumable\":true}",
	"{\"kind\":\"gateway_invalid\",\"resumable\":false}",
	"{\"kind\":\"gateway_silence\",\"ms\":90000}",
	"{\"kind\":\"gateway_refuse\",\"ms\":8000}",
	"{\"kind\":\"gateway_garbage\"}",
};
static const char *const run_faults[] = {
	"{\"kind\":\"comfy_oom\",\"count\":1}",
	"{\"kind\":\"comfy_error\",\"count\":1}",
	"{\"kind\":\"comfy_machine\",\"count\":1}",
	"{\"kind\":\"comfy_machine\",\"count\":6}",
	"{\"kind\":\"comfy_stall\",\"ms\":20000}",
	"{\"kind\":\"comfy_ws_drop\"}",
	"{\"kind\":\"comfy_ws_refuse\",\"ms\":60000}",
	"{\"kind\":\"comfy_ws_garbage\"}",
	"{\"kind\":\"comfy_zombie\"}",
	"{\"kind\":\"comfy_forget_output\"}",
	"{\"kind\":\"status\",\"side\":\"comfy\",\"method\":\"POST\",\"route\":\"/"
	"prompt\",\"status\":500,"
	"\"count\":1,\"executed\":true}",
	"{\"kind\":\"status\",\"side\":\"comfy\",\"method\":\"POST\",\"route\":\"/"
	"prompt\",\"status\":500,"
	"\"count\":1,\"executed\":false}",
	"{\"kind\":\"status\",\"side\":\"comfy\",\"method\":\"POST\",\"route\":\"/upload/"
	"image\",\"status\":500,\"count\":2,\"executed\":true}",
	"{\"kind\":\"reset\",\"side\":\"comfy\",\"method\":\"POST\",\"route\":\"/upload/"
	"image\",\"count\":6,\"executed\":false}",
	("{\"kind\":\"html\",\"side\":\"comfy\",\"method\":\"GET\",\"route\":\"/history/"
	 "{}\",\"count\":2}"),
};
static const char *const server_errors[] = {
	"{\"kind\":\"status\",\"side\":\"discord\",\"method\":\"POST\",\"route\":\"/channels/{}/"
	"messages\","
	"\"status\":500,\"count\":2,\"executed\":true}",
	"{\"kind\":\"status\",\"side\":\"discord\",\"method\":\"POST\",\"route\":\"/channels/{}/"
	"messages\","
	"\"status\":502,\"count\":6,\"executed\":false}",
	"{\"kind\":\"reset\",\"side\":\"discord\",\"method\":\"POST\",\"route\":\"/channels/{}/"
	"messages\","
	"\"count\":1,\"executed\":true}",
	"{\"kind\":\"reset\",\"side\":\"discord\",\"method\":\"POST\",\"route\":\"/guilds/{}/"
	"channels\","
	"\"count\":1,\"executed\":true}",
	"{\"kind\":\"status\",\"side\":\"discord\",\"method\":\"POST\",\"route\":\"/guilds/{}/"
	"channels\","
	"\"status\":503,\"count\":2,\"executed\":false}",
	"{\"kind\":\"status\",\"side\":\"discord\",\"method\":\"GET\",\"route\":\"/channels/{}/"
	"messages\","
	"\"status\":500,\"count\":3,\"executed\":false}",
	"{\"kind\":\"429\",\"side\":\"discord\",\"method\":\"PATCH\",\"route\":\"/channels/{}/"
	"messages/{}\","
	"\"scope\":\"user\",\"retry_after\":3,\"count\":2}",
	"{\"kind\":\"429\",\"side\":\"discord\",\"method\":\"POST\",\"route\":\"/channels/{}/"
	"messages\","
	"\"scope\":\"shared\",\"retry_after\":5,\"count\":1}",
	"{\"kind\":\"html\",\"side\":\"discord\",\"method\":\"PATCH\",\"route\":\"/channels/{}/"
	"messages/{}\","
	"\"count\":1}",
};

static void plan_faults(struct sim *sim, const char *const *kinds, size_t n_kinds, int n)
{
	for (int i = 0; i < n; i++)
		clock_at(sim->clock, sometime(sim), fault_happens,
			xasprintf("{\"card\":%d,%s",
				(int)rng_below(&sim->rng, (uint64_t)sim->n_cards),
				kinds[rng_below(&sim->rng, n_kinds)] + 1));
}

static void plan(struct sim *sim)
{
	static const char *const models[] = {"one", "two", "shared"};
	struct sim_weather *w = &sim->weather;
	uint64_t users[5];
	int n_users = 1 + (int)rng_below(&sim->rng, countof(users));
	int n_wishes = 1 + (int)rng_below(&sim->rng, 12);
	bool crowd = rng_below(&sim->rng, 3) == 0; /* many want the same at once */

	if (crowd) {
		n_users = countof(users);
		n_wishes = 12;
	}

	for (int i = 0; i < n_users; i++) {
		char name[24];

		snprintf(name, sizeof(name), "user%d", i);
		users[i] = world_add_user(sim->world, name, i == 4);
	}
	for (int i = 0; i < n_wishes; i++) {
		struct wish *wish = xcalloc(1, sizeof(*wish));
		int64_t at_ms = i % 3 == 1 ? START_MS + 5000 : sometime(sim);

		/* Most draw or edit. */
		*wish = (struct wish){
			.kind = (enum wish_kind)max_of((int)rng_below(&sim->rng, 9) - 3, 0),
			.user = users[rng_below(&sim->rng, (uint64_t)n_users)],
			.model = models[rng_below(&sim->rng, countof(models))],
			.n = (uint64_t)i + 1};
		if (crowd && i % 3 > 0)
			wish->kind = WISH_IMAGINE, wish->model = "shared",
			wish->user = users[i % n_users], at_ms = START_MS + 5000;
		clock_at(sim->clock, at_ms, member_asks, wish);
	}
	sim->admin_id = world_add_user(sim->world, "boss", true);
	for (size_t i = rng_below(&sim->rng, countof(sim->words) + 1); i > 0; i--)
		clock_at(sim->clock, sometime(sim), admin_writes, NULL);
	/* Half of the crashes come at a time, the others at a deed: bot_may_crash(). */
	for (int i = 0; i < w->crashes / 2; i++)
		clock_at(sim->clock, sometime(sim), process_dies, NULL);
	for (int i = 0; i < w->comfy_restarts; i++)
		clock_at(sim->clock, sometime(sim), fault_happens,
			xasprintf("{\"kind\":\"comfy_restart\",\"card\":%d,\"down_ms\":%d}",
				(int)rng_below(&sim->rng, (uint64_t)sim->n_cards),
				(int)rng_below(&sim->rng, 30000)));
	plan_faults(sim, gateway_faults, countof(gateway_faults), w->gateway_faults);
	plan_faults(sim, run_faults, countof(run_faults), w->run_faults);
	plan_faults(sim, server_errors, countof(server_errors), w->server_errors);
}

static void weather_clears(struct sim *sim)
{
	bool compression = sim->weather.no_compression;

	sim->weather = (struct sim_weather){.latency_ms = sim->weather.latency_ms,
		.no_compression = compression,
		.no_websocket = sim->weather.no_websocket};
	fault_happens(sim, xstrdup("{\"kind\":\"clear\"}"), true);
	cards_clear(sim);
}

/* ---- a life ---- */

/* What the graphs of the three workflows share. */
#define GRAPH_LOADER                                                                               \
	"{\"1\":{\"class_type\":\"CheckpointLoaderSimple\",\"inputs\":{\"ckpt_name\":"             \
	"\"sd_xl_base_1.0.safetensors\"}},"
#define GRAPH_PROMPT                                                                               \
	"\"2\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"x\",\"clip\":[\"1\",1]}},"
#define GRAPH_NEGATIVE                                                                             \
	"\"3\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"\",\"clip\":[\"1\",1]}},"
#define GRAPH_LATENT                                                                               \
	"\"4\":{\"class_type\":\"EmptyLatentImage\",\"inputs\":{\"width\":64,\"height\":64,"       \
	"\"batch_size\":1}},"
#define GRAPH_SAMPLER(denoise, latent)                                                             \
	"\"5\":{\"class_type\":\"KSampler\",\"inputs\":{\"seed\":1,\"steps\":8,\"cfg\":4,"         \
	"\"sampler_name\":\"euler\",\"scheduler\":\"simple\",\"denoise\":" denoise                 \
	",\"model\":[\"1\",0],"                                                                    \
	"\"positive\":[\"2\",0],\"negative\":[\"3\",0],\"latent_image\":[\"" latent "\",0]}},"
#define GRAPH_SAVE                                                                                   \
	"\"6\":{\"class_type\":\"VAEDecode\",\"inputs\":{\"samples\":[\"5\",0],\"vae\":[\"1\",2]}}," \
	"\"7\":{\"class_type\":\"SaveImage\",\"inputs\":{\"filename_prefix\":\"x\",\"images\":["     \
	"\"6\",0]}}}"

static const char workflow_text[] =
	GRAPH_LOADER GRAPH_PROMPT GRAPH_NEGATIVE GRAPH_LATENT GRAPH_SAMPLER("1", "4") GRAPH_SAVE;

/* Members' prompts share a pass. */
static const char shared_text[] = GRAPH_LOADER
	"\"2\":{\"class_type\":\"CLIP Text Encode (Batch)\",\"inputs\":{\"clip\":[\"1\",1],"
	"\"batch_size\":1,\"text_1\":\"\",\"text_2\":\"\",\"text_3\":\"\",\"text_4\":\"\"}}," GRAPH_NEGATIVE
		GRAPH_LATENT GRAPH_SAMPLER("1", "4") GRAPH_SAVE;

/* The same from a picture. */
static const char edit_text[] = GRAPH_LOADER GRAPH_PROMPT GRAPH_NEGATIVE
	"\"4\":{\"class_type\":\"LoadImage\",\"inputs\":{\"image\":\"example.png\"}},"
	"\"8\":{\"class_type\":\"VAEEncode\",\"inputs\":{\"pixels\":[\"4\",0],\"vae\":[\"1\",2]}}," GRAPH_SAMPLER(
		"0.6", "8") GRAPH_SAVE;

/* An owner saves a workflow over, deletes it or puts it back. As in bot.c, between two turns; a
 * pointer that somebody has kept to the old one is found by the sanitizer. */
static void owner_acts(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	bool edits = rng_below(&sim->rng, 2) == 0;
	const char *name = edits ? "retouch_edit" : "two",
		   *text = edits ? edit_text : workflow_text;
	bool there = workflow_set_find(sim->workflows, name) != NULL;

	if (!run)
		return;
	if (there && rng_below(&sim->rng, 2) == 0)
		(void)workflow_set_remove(sim->workflows, name);
	else
		must(workflow_set_replace(sim->workflows, workflow_read(name, text, strlen(text))));
	if (sim->verbose)
		printf("%10.3f the workflow %s was %s\n", (double)(sim_now(sim) - START_MS) / 1000,
			name, workflow_set_find(sim->workflows, name) ? "saved" : "deleted");
	if (sim->shell)
		shell_workflows_changed(sim->shell);
	bot_turn(sim);
}

static void plan_owner(struct sim *sim)
{
	for (int i = 0; i < sim->weather.workflow_changes; i++)
		clock_at(sim->clock, sometime(sim), owner_acts, NULL);
}

static void set_up(struct sim *sim)
{
	static const int vram_gb[] = {8, 12, 16, 24};
	static const char *const urls[SIM_CARDS_MAX] = {
		"http://comfy0.sim", "http://comfy1.sim", "http://comfy2.sim", "http://comfy3.sim"};
	struct world_card cards[SIM_CARDS_MAX];
	struct world_config world = {
		.seed = rng_u64(&sim->rng),
		.bot_token = "simulated-token",
		.guild_id = GUILD,
		.rest_base = "http://127.0.0.1/api/v10",
		.gateway_url = "ws://127.0.0.1/gateway",
		.cdn_base = "http://127.0.0.1/cdn",
		/* Pictures of 64 x 64 by SDXL: a step takes a 512th. */
		.step_ms = (200 + (int64_t)rng_below(&sim->rng, 2000)) * 512,
		.load_ms = (int64_t)rng_below(&sim->rng, 8000),
		.cards = cards,
		.n_cards = 1 + (int)rng_below(&sim->rng, SIM_CARDS_MAX),
		.draw = draw_tiny,
	};
	char *why = NULL;

	for (int i = 0; i < world.n_cards; i++)
		cards[i] = (struct world_card){
			.vram_mb = 1024 * vram_gb[rng_below(&sim->rng, countof(vram_gb))],
			.speed = 500 + (int)rng_below(&sim->rng, 1000),
			.lru = rng_below(&sim->rng, 2) == 0};
	sim->n_cards = world.n_cards;
	make_weather(sim);
	sim->clock = clock_new(START_MS, sim);
	sim->log = (struct log){LOG_DEBUG, write_log, sim};
	sim->world = world_new(&world, START_MS);
	sim->workflows = workflow_set_new();
	workflow_set_add(
		sim->workflows, workflow_read("one", workflow_text, strlen(workflow_text)));
	workflow_set_add(
		sim->workflows, workflow_read("two", workflow_text, strlen(workflow_text)));
	workflow_set_add(
		sim->workflows, workflow_read("shared", shared_text, strlen(shared_text)));
	workflow_set_add(
		sim->workflows, workflow_read("retouch_edit", edit_text, strlen(edit_text)));
	must(workflow_set_count(sim->workflows, WORKFLOW_EDIT) == 1);
	must(store_db_open(":memory:", &sim->db, &why) == 0);
	sim->config = (struct shell_config){
		.token = "simulated-token",
		.guild_id = GUILD,
		.api_url = "http://127.0.0.1/api/v10",
		.user_agent = "DiscordBot (https://example.invalid, 1.0)",
		.n_comfy = sim->n_cards,
		.workflows = sim->workflows,
		.export_path = "/copies",
		.max_jobs_per_user = 2,
		.max_queue = 8,
		.max_batch = 1 + (int)rng_below(&sim->rng, 4),
		.min_free_mb = 4000,
		.affinity_ms = 120000,
		.session_ttl_ms = 1800000,
		.stop_ms = 10000,
		.no_compression = sim->weather.no_compression,
		.log = &sim->log,
	};
	for (int i = 0; i < sim->n_cards; i++)
		sim->config.comfy[i] = (struct comfy_config){.url = urls[i],
			.stall_ms = 60000,
			.no_websocket = sim->weather.no_websocket};
	memcpy(sim->all_cards, sim->config.comfy, sizeof(sim->all_cards));
	plan(sim);
	cards_plan(sim, sometime);
	plan_owner(sim);
}

static void live(struct sim *sim)
{
	bool clear = false;

	bot_start(sim);
	while (!sim->failure) {
		int64_t world_ms = world_deadline(sim->world);

		if (!clear && sim_now(sim) >= START_MS + STORM_MS) {
			clear = true;
			weather_clears(sim);
		}
		if (clear && all_at_rest(sim) && sim_now(sim) > START_MS + STORM_MS + 60000)
			break;
		if (sim_now(sim) > START_MS + PATIENCE_MS || sim->events > 3000000) {
			const struct job *job =
				sim->shell ? core_first_job(shell_core(sim->shell)) : NULL;

			sim_fail(sim, "no rest after %" PRId64 " s and %zu events; first job: %s",
				(sim_now(sim) - START_MS) / 1000, sim->events,
				job ? job_step_name(job->step) : "none");
		}
		sim->events++;
		if (world_ms <= clock_next(sim->clock)) {
			(void)clock_step(sim->clock, max_of(world_ms, sim_now(sim)) - 1);
			(void)clock_step(sim->clock, world_ms);
			world_moves(sim);
		} else {
			(void)clock_step(sim->clock, clear ? NEVER : START_MS + STORM_MS);
		}
	}
	if (!sim->failure)
		check_rest(sim);
	/* Without faults every rule of Discord and ComfyUI was kept. */
	if (!sim->failure && (sim->strict || sim->seed % 10 == 0) &&
		world_violations(sim->world) > 0) {
		struct json_object *state = world_state(sim->world);
		char *text = json_text(json_array(state, "violations"));

		sim_fail(sim, "violations: %s", text);
		free(text);
		json_put(&state);
	}
}

static void tear_down(struct sim *sim)
{
	sim->life++;
	network_free(sim);
	clock_free(sim->clock);
	if (sim->shell)
		shell_abandon(sim->shell);
	world_free(sim->world);
	workflow_set_free(sim->workflows);
	store_db_close(sim->db);
	free(sim->said);
	free(sim->messages);
}

struct totals {
	size_t passed, failed, events;
	long requests;
};

static void run_seed(uint64_t seed, bool verbose, bool strict, struct totals *totals)
{
	struct sim sim = {.seed = seed, .verbose = verbose, .strict = strict};

	rng_seed(&sim.rng, seed);
	set_up(&sim);
	live(&sim);
	if (sim.failure) {
		printf("seed %" PRIu64
		       " failed at %.3f s: %s\n  repeat it with: fullet-sim --verbose "
		       "%" PRIu64 "\n",
			seed, (double)(sim_now(&sim) - START_MS) / 1000, sim.failure, seed);
		fflush(stdout);
	}
	totals->passed += !sim.failure;
	totals->failed += sim.failure != NULL;
	totals->events += sim.events;
	totals->requests += sim.requested;
	if (verbose)
		printf("seed %" PRIu64 ": %d asked, %zu events, %u lives\n", seed, sim.requested,
			sim.events, sim.life);
	tear_down(&sim);
	free(sim.failure);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"seeds", required_argument, NULL, 'n'},
		{"from", required_argument, NULL, 'f'}, {"verbose", no_argument, NULL, 'v'},
		{"strict", no_argument, NULL, 's'}, {"help", no_argument, NULL, 'h'}, {0}};
	uint64_t n = 0, from = 1, seed;
	struct totals totals = {0};
	bool verbose = false, strict = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'v')
			verbose = true;
		else if (c == 's')
			strict = true;
		else if (c == 'n'   ? parse_u64(optarg, &n) < 0
			 : c == 'f' ? parse_u64(optarg, &from) < 0
				    : true) {
			printf("usage: fullet-sim [--verbose] [--strict] SEED ... | --seeds N "
			       "[--from SEED]\n");
			return c == 'h' ? 0 : 2;
		}
	}
	for (int i = optind; i < argc; i++)
		if (parse_u64(argv[i], &seed) == 0)
			run_seed(seed, verbose, strict, &totals);
	for (uint64_t i = 0; i < n; i++)
		run_seed(from + i, verbose, strict, &totals);
	printf("simulator: %zu seeds, %ld requests, %zu events\n%zu passed, %zu failed\n",
		totals.passed + totals.failed, totals.requests, totals.events, totals.passed,
		totals.failed);
	return totals.failed ? 1 : 0;
}
