/* SPDX-License-Identifier: Apache-2.0 */
#include "app/shell.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "app/shell_parts.h"

/* Turns come when they are due: one that comes so much later means that the clock was put forward. */
#define CLOCK_JUMP_MS 5000

/* How long the gateway's close and the last rows may take at the end. */
#define CLOSE_MS 2000

int64_t shell_now(const struct shell *sh)
{
	return sh->ports.now(sh->ports.ctx);
}

void shell_log(
	const struct shell *sh, enum log_level level, const char *subject, const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	must(vasprintf(&text, format, args) >= 0);
	va_end(args);
	log_line(sh->config.log, level, subject, "%s", text);
	free(text);
}

void shell_fail(struct shell *sh, const char *sentence)
{
	if (sh->phase == FAILED)
		return;
	str_set(&sh->failure, sentence);
	sh->phase = FAILED;
}

struct pending *pending_new(struct shell *sh, uint64_t id, void *what, void (*drop)(void *what))
{
	struct pending *pending = xcalloc(1, sizeof(*pending));

	*pending = (struct pending){.shell = sh, .id = id, .what = what, .drop = drop};
	DL_APPEND(sh->pending, pending);
	return pending;
}

void pending_free(struct pending *pending)
{
	DL_DELETE(pending->shell->pending, pending);
	if (pending->drop)
		pending->drop(pending->what);
	free(pending);
}

void shell_value_saved(void *arg, int result, const char *why)
{
	struct shell *sh = arg;

	if (result < 0)
		shell_log(sh, LOG_WARN, "store", "a setting could not be saved: %s", why);
}

static void value_saved(void *arg, int result, const char *why)
{
	struct shell *sh = arg;

	sh->values_out--;
	shell_value_saved(sh, result, why);
	shell_answers_go(sh);
}

void shell_save_value(struct shell *sh, const char *name, const char *value)
{
	struct store_op op = {.kind = STORE_VALUE, .name = xstrdup(name), .value = xstrdup(value)};

	sh->values_out++;
	sh->ports.store(sh->ports.ctx, &op, value_saved, sh);
}

/* What is learned from each run is worth no commit of its own. */
#define LEARNED_EVERY_MS 60000

static void save_learned(struct shell *sh, int64_t now_ms)
{
	struct learned_row row;

	while (core_next_learned(sh->core, &row)) {
		struct store_op op = {.kind = STORE_LEARNED,
			.card = row.card,
			.name = row.model,
			.value = row.value};

		sh->ports.store(sh->ports.ctx, &op, shell_value_saved, sh);
	}
	sh->learned_ms = now_ms;
}

struct shell *shell_new(const struct shell_config *config, const struct ports *ports, uint64_t seed)
{
	struct shell *sh = xcalloc(1, sizeof(*sh));
	struct core_config core = {
		.max_jobs_per_user = config->max_jobs_per_user,
		.max_queue = config->max_queue,
		.max_batch = config->max_batch,
		.session_ttl_ms = config->session_ttl_ms,
		.n_gpus = config->n_comfy,
		.gpu_names = (const char *const *)sh->gpu_names,
		.gpu_vram_mb = sh->config.gpu_vram_mb,
		.min_free_mb = config->min_free_mb,
		.affinity_ms = config->affinity_ms,
		.log = config->log,
	};
	struct rest_config rest = {
		.base = config->api_url, .token = config->token, .user_agent = config->user_agent};

	sh->config = *config;
	sh->ports = *ports;
	sh->file_limit = DISCORD_FILE_MAX;
	sh->words_ms = NEVER;
	sh->want_guild = (struct shell_wanted){.call = guild_get, .kind = CALL_GUILD};
	sh->want_channels = (struct shell_wanted){.call = channel_list, .kind = CALL_CHANNELS};
	rng_seed(&sh->rng, seed);
	for (int i = 0; i < config->n_comfy; i++)
		shell_card_own(sh, i, &config->comfy[i]);
	sh->core = core_new(&core, &sh->rng);
	sh->rest = rest_new(&rest, &sh->rng);
	return sh;
}

struct shell *shell_free(struct shell *sh)
{
	if (!sh)
		return NULL;
	if (sh->gateway_ws)
		sh->ports.ws_abandon(sh->ports.ctx, sh->gateway_ws);
	for (int i = 0; i < sh->config.n_comfy; i++)
		shell_card_free(sh, i);
	while (sh->tasks)
		task_free(sh, sh->tasks);
	while (sh->pending)
		pending_free(sh->pending);
	shell_input_free(sh);
	shell_edited_free(sh);
	gateway_free(sh->gateway);
	rest_free(sh->rest);
	core_free(sh->core);
	limits_free(&sh->limits);
	shell_reports_free(sh);
	shell_words_free(sh);
	shell_answers_free(sh);
	shell_looks_free(sh);
	shell_privacy_free(sh);
	free(sh->failure);
	free(sh);
	return NULL;
}

struct shell *shell_abandon(struct shell *sh)
{
	sh->gateway_ws = NULL;
	for (int i = 0; i < sh->config.n_comfy; i++)
		sh->comfy[i].ws = NULL;
	return shell_free(sh);
}

void shell_start(struct shell *sh, const struct shell_past *past)
{
	int64_t now_ms = shell_now(sh);

	sh->started_ms = sh->learned_ms = now_ms;
	shell_workflows_note(sh);
	shell_workflows_tell(sh);
	core_load_max_id(sh->core, past->rows.max_job_id);
	core_load_image_count(sh->core, past->rows.image_count);
	for (size_t i = 0; i < past->rows.n_sessions; i++)
		core_load_session(sh->core, &past->rows.sessions[i]);
	for (size_t i = 0; i < past->rows.n_jobs; i++)
		core_load_job(sh->core, &past->rows.jobs[i], now_ms);
	core_load_learned(sh->core, past->rows.learned, past->rows.n_learned);
	for (size_t i = 0; i < past->rows.n_interactions; i++)
		shell_interaction_seen(sh, past->rows.interactions[i]);
	shell_limits_load(sh, past);
	shell_cards_load(sh, past);
	shell_words_load(sh, past);
	shell_comfy_start(sh);
	shell_gateway_start(sh, past);
}

/* ---- stopping ---- */

void shell_stop(struct shell *sh)
{
	if (sh->phase != RUN)
		return;
	sh->phase = FINISH;
	sh->finish_by_ms = shell_now(sh) + sh->config.stop_ms;
	core_stop(sh->core);
	shell_log(sh, LOG_INFO, NULL, "stopping: what can be finished in %d s is finished",
		(int)(sh->config.stop_ms / 1000));
}

static void gateway_saved(void *arg, int result, const char *why)
{
	struct shell *sh = arg;

	sh->gateway_saved = true;
	shell_value_saved(sh, result, why);
}

static void begin_close(struct shell *sh, int64_t now_ms)
{
	struct store_op op = {.kind = STORE_VALUE, .name = xstrdup("gateway")};

	op.value = shell_gateway_text(sh);
	save_learned(sh, now_ms);
	sh->phase = CLOSE;
	sh->close_by_ms = now_ms + CLOSE_MS;
	if (sh->gateway)
		gateway_stop(sh->gateway, now_ms);
	/* The store works in order: when this is written, every row before it is. */
	sh->ports.store(sh->ports.ctx, &op, gateway_saved, sh);
}

static void step_phase(struct shell *sh, int64_t now_ms)
{
	if (sh->phase == FINISH &&
		(now_ms >= sh->finish_by_ms ||
			(core_is_quiet(sh->core) && !sh->answers &&
				rest_pending(sh->rest) <= sh->chores)))
		begin_close(sh, now_ms);
	if (sh->phase == CLOSE &&
		((sh->gateway_saved && !sh->gateway_ws) || now_ms >= sh->close_by_ms))
		sh->phase = STOPPED;
}

/* ---- turning ---- */

static void tick(struct shell *sh, int64_t now_ms)
{
	if (core_deadline(sh->core) <= now_ms)
		core_tick(sh->core, now_ms);
	if (sh->gateway && gateway_deadline(sh->gateway) <= now_ms)
		gateway_tick(sh->gateway, now_ms);
	for (int i = 0; i < sh->config.n_comfy; i++)
		if (comfy_deadline(sh->comfy[i].client) <= now_ms)
			comfy_tick(sh->comfy[i].client, now_ms);
	shell_export_tick(sh, now_ms);
	shell_words_tick(sh, now_ms);
	shell_answers_go(sh);
	if (core_has_learned(sh->core) && sh->learned_ms + LEARNED_EVERY_MS <= now_ms)
		save_learned(sh, now_ms);
}

static int64_t next_deadline(const struct shell *sh, int64_t now_ms)
{
	int64_t at = min_of(core_deadline(sh->core), rest_deadline(sh->rest, now_ms));

	if (sh->gateway)
		at = min_of(at, gateway_deadline(sh->gateway));
	for (int i = 0; i < sh->config.n_comfy; i++)
		at = min_of(at, comfy_deadline(sh->comfy[i].client));
	at = min_of(at, live_deadline(sh));
	at = min_of(at, shell_export_deadline(sh));
	if (core_has_learned(sh->core))
		at = min_of(at, sh->learned_ms + LEARNED_EVERY_MS);
	at = min_of(at, sh->words_ms);
	at = min_of(at, shell_answers_deadline(sh));
	if (sh->phase == FINISH)
		at = min_of(at, sh->finish_by_ms);
	if (sh->phase == CLOSE)
		at = min_of(at, sh->close_by_ms);
	return at;
}

/* Our clock was put right, or we were stopped: what was known of Discord's is nothing worth until it
 * is heard again. */
static void watch_clock(struct shell *sh, int64_t now_ms)
{
	if (sh->turn_ms && now_ms - CLOCK_JUMP_MS > max_of(sh->due_ms, sh->turn_ms))
		sh->clock_known = false;
	sh->turn_ms = now_ms;
}

int64_t shell_turn(struct shell *sh, int64_t now_ms)
{
	bool moved;

	if (sh->phase == STOPPED || sh->phase == FAILED)
		return NEVER;
	watch_clock(sh, now_ms);
	tick(sh, now_ms);
	do {
		moved = shell_gateway_pump(sh, now_ms);
		moved |= shell_comfy_pump(sh, now_ms);
		moved |= shell_effect_pump(sh);
		moved |= live_pump(sh, now_ms);
		moved |= shell_cards_pump(sh);
		moved |= shell_rest_pump(sh, now_ms);
	} while (moved && sh->phase != FAILED);
	step_phase(sh, now_ms);
	sh->due_ms = sh->phase == STOPPED || sh->phase == FAILED ? NEVER
								 : next_deadline(sh, now_ms);
	return sh->due_ms;
}

enum shell_state shell_state(const struct shell *sh)
{
	return sh->phase == STOPPED  ? SHELL_STOPPED
	       : sh->phase == FAILED ? SHELL_FAILED
				     : SHELL_RUNNING;
}

const char *shell_failure(const struct shell *sh)
{
	return sh->failure;
}

int64_t shell_ready_ms(const struct shell *sh)
{
	return sh->ready_ms;
}

char *shell_explain(struct shell *sh, uint64_t job_id)
{
	return core_explain(sh->core, job_id, shell_now(sh));
}

const struct core *shell_core(const struct shell *sh)
{
	return sh->core;
}

const char *shell_title(const struct shell *sh, const char *model, const char *locale)
{
	const struct workflow *wf = workflow_set_find(sh->config.workflows, model);

	return wf ? workflow_title_in(wf, locale_is_spanish(locale)) : model;
}
