/* SPDX-License-Identifier: Apache-2.0 */
#include "app/bot.h"

#include <errno.h>
#include <stdlib.h>

#include "app/database.h"
#include "app/flujos.h"
#include "app/memory.h"
#include "base/date.h"
#include "io/folder_watch.h"
#include "io/http_client.h"
#include "store/takeover.h"

#define STOP_MS 10000
/* Between two looks whether free memory can be given back. */
#define RELEASE_MS 10000

struct bot {
	struct ports_uv ports;
	struct shell_config config;
	struct workflow_set *workflows;
	struct flujos *flujos;
	struct folder_watch *watch;
	const struct log *log;
	const struct config *settings; /* of the start */
	bool changed, unwatched; /* something in the folder has; changes are not told */
	int64_t look_ms;
	struct shell *shell;
	int64_t released_ms;
};

static void wake(void *ctx)
{
	loop_wake(ctx);
}

static void folder_changed(void *ctx)
{
	struct bot *bot = ctx;

	bot->changed = true;
}

/* The folder may have become another one. */
static void watch_folder(struct bot *bot)
{
	int r = folder_watch_renew(bot->watch);

	if (r < 0 && r != -ENOENT && !bot->unwatched)
		log_line(bot->log, LOG_INFO, "workflow",
			"the system does not tell of changes in the folder of workflows (%s): they "
			"take a second longer",
			strerror(-r));
	bot->unwatched = r < 0 && r != -ENOENT;
}

static void workflow_news(void *ctx, const struct flujos_news *news)
{
	struct bot *bot = ctx;

	shell_workflows_changed(bot->shell);
	if (news->kind == FLUJOS_REFUSED)
		shell_workflow_refused(bot->shell, news->file, news->why, news->kept);
	else if (news->mended)
		shell_workflow_mended(bot->shell, news->file);
}

/* Between two turns of the shell, which holds no pointer into the set meanwhile. */
static void look_at_workflows(struct bot *bot, int64_t now_ms)
{
	if (bot->changed)
		bot->look_ms = min_of(bot->look_ms, now_ms + FLUJOS_PAUSE_MS);
	bot->changed = false;
	if (now_ms < bot->look_ms)
		return;
	watch_folder(bot);
	bot->look_ms = flujos_look(bot->flujos, now_ms, workflow_news, bot);
}

static int load_workflows(const struct bot_config *config, struct bot *bot, char **ret_why)
{
	cleanup(freep) char *dir = flujos_find(config->config->flujos_dir);
	int r;

	bot->log = &config->logger->log;
	bot->workflows = workflow_set_new();
	if (!dir) {
		*ret_why = xstrdup(
			"there is no folder flujos here nor beside the program: set FLUJOS_DIR");
		return -ENOENT;
	}
	bot->flujos = flujos_new(dir, bot->workflows, bot->log);
	bot->watch = folder_watch_new(config->loop, dir, folder_changed, bot);
	watch_folder(bot); /* before it is read, so that no change falls between */
	r = flujos_load(bot->flujos);
	if (r < 0) {
		*ret_why = xasprintf("the workflows in %s cannot be read: %s", dir, strerror(-r));
		return r;
	}
	if (!workflow_set_at(bot->workflows, WORKFLOW_IMAGINE, 0))
		log_line(bot->log, LOG_WARN, "workflow", "%s holds no usable workflow for /imagine",
			dir);
	return 0;
}

static int take_over(const struct bot_config *config, struct store_db *db, char **ret_why)
{
	struct takeover t;
	int r = store_db_take_over(
		db, config->guild_id, loop_now(config->loop), &t, ret_why);

	if (r == 0 && t.done)
		log_line(&config->logger->log, LOG_INFO, "store",
			"taken over from the Python version: %d private channels, %d last pictures, "
			"the counter at %" PRId64 "; %d odd rows were left out; its tables stay as "
			"they are",
			t.channels, t.pictures, t.image_count, t.odd);
	return r;
}

static int load_past(struct store_db *db, int64_t now_ms, struct shell_past *past, char **ret_why)
{
	int r = store_db_load(db, date_day_start(now_ms), &past->rows, ret_why);

	if (r < 0)
		return r;
	r = store_db_value(db, "gateway", &past->gateway);
	r = r < 0 ? r : store_db_value(db, "ids", &past->ids);
	r = r < 0 ? r : store_db_value(db, "mode", &past->mode);
	r = r < 0 ? r : store_db_value(db, "cards", &past->cards);
	r = r < 0 ? r : store_db_value(db, "limits", &past->limits);
	return r < 0 ? r : store_db_value(db, "words", &past->words);
}

/*
 * A job's id stands in its messages, its file's name and its nonce. After a database was lost or
 * put back from a backup, counting on from its last id would meet those that are there already: the
 * new picture would be taken for an old one. So each start counts from its own time on.
 */
static uint64_t first_id(const struct loop *loop)
{
	return (uint64_t)loop_now(loop) / 10;
}

static struct comfy_config card_config(const struct config *config, const char *url, int i)
{
	return (struct comfy_config){
		.url = url,
		.api_key = config_comfy_key(config, i),
		.stall_ms = config->stall_seconds * 1000,
	};
}

static void fill_shell_config(const struct bot_config *config, struct bot *bot)
{
	const struct config *c = config->config;

	bot->settings = c;
	bot->config = (struct shell_config){
		.token = config->token,
		.guild_id = config->guild_id,
		.api_url = config->api_url,
		.user_agent = USER_AGENT,
		.n_comfy = config->n_comfy,
		.workflows = bot->workflows,
		.export_path = c->export_path,
		.max_jobs_per_user = (int)c->max_jobs_per_user,
		.max_queue = (int)c->max_queue,
		.max_batch = (int)c->max_batch_size,
		.session_ttl_ms = c->session_ttl_seconds * 1000,
		.min_free_mb = c->min_free_mb,
		.affinity_ms = c->affinity_wait_seconds * 1000,
		.n_booster_roles = c->n_booster_roles,
		.stop_ms = STOP_MS,
		.log = &config->logger->log,
	};
	memcpy(bot->config.gpu_vram_mb, c->comfy_vram_mb, sizeof(c->comfy_vram_mb));
	memcpy(bot->config.booster_roles, c->booster_roles, sizeof(c->booster_roles));
	for (int i = 0; i < config->n_comfy; i++)
		bot->config.comfy[i] = card_config(c, config->comfy_urls[i], i);
}

static void warn(void *ctx, const char *sentence)
{
	struct bot *bot = ctx;

	log_line(bot->log, LOG_WARN, "config", "%s", sentence);
}

static void take_cards(struct bot *bot, const struct config *fresh)
{
	struct comfy_config cards[COMFY_SERVERS_MAX];
	cleanup(freep) char *others = config_changes(bot->settings, fresh);

	for (int i = 0; i < fresh->n_comfy; i++) {
		cards[i] = card_config(fresh, fresh->comfy[i], i);
		cards[i].stall_ms = bot->settings->stall_seconds * 1000;
	}
	log_line(bot->log, LOG_INFO, "config", "the settings were read again: cards: %d",
		fresh->n_comfy);
	if (others)
		log_line(bot->log, LOG_WARN, "config",
			"only the cards are taken from them while the bot runs: %s wait for a "
			"restart",
			others);
	shell_cards_reload(bot->shell, cards, fresh->comfy_vram_mb, fresh->n_comfy);
}

void bot_reload(struct bot *bot)
{
	struct config fresh = {0};
	cleanup(freep) char *why = NULL;

	if (config_load(&fresh, warn, bot, &why) == 0) {
		why = config_missing(&fresh);
		if (!why)
			take_cards(bot, &fresh);
		config_free(&fresh);
	}
	if (!why)
		return;
	log_line(bot->log, LOG_WARN, "config",
		"the settings were not read again, and the old ones go on: %s", why);
	shell_reload_refused(bot->shell, why);
}

int bot_new(const struct bot_config *config, struct bot **ret, char **ret_why)
{
	struct bot *bot = xcalloc(1, sizeof(*bot));
	struct http_client_config http = {.ca_file = config->config->ca_file};
	struct shell_past past = {0};
	struct store_db *db = NULL;
	struct ports ports;
	int r = load_workflows(config, bot, ret_why);

	if (r == 0)
		r = database_open(config->database, &config->logger->log, &db, ret_why);
	if (r == 0)
		r = take_over(config, db, ret_why);
	if (r == 0)
		r = load_past(db, loop_now(config->loop), &past, ret_why);
	if (r == 0)
		r = http_client_new(config->loop, &http, &bot->ports.http);
	if (r == 0) {
		bot->ports.loop = config->loop;
		bot->ports.room = config->room;
		bot->ports.store = store_new(take(db), wake, config->loop);
		bot->ports.cleaner = cleaner_new(config->loop, &config->logger->log, NULL);
		bot->ports.keeper = file_keeper_new(config->loop);
		ports_uv_fill(&bot->ports, &ports);
		fill_shell_config(config, bot);
		past.rows.max_job_id = max_of(past.rows.max_job_id, first_id(config->loop));
		bot->released_ms = loop_now(config->loop);
		bot->shell = shell_new(&bot->config, &ports, entropy_u64());
		shell_start(bot->shell, &past);
	} else if (!*ret_why) {
		*ret_why = xasprintf("the bot cannot start: %s", strerror(-r));
	}
	store_db_close(db);
	store_snapshot_free(&past.rows);
	free(past.gateway);
	free(past.ids);
	free(past.mode);
	free(past.cards);
	free(past.limits);
	free(past.words);
	*ret = r == 0 ? bot : bot_free(bot);
	return r;
}

struct bot *bot_free(struct bot *bot)
{
	if (!bot)
		return NULL;
	shell_free(bot->shell);
	cleaner_free(bot->ports.cleaner);
	folder_watch_free(bot->watch);
	flujos_free(bot->flujos);
	http_client_free(bot->ports.http);
	file_keeper_free(bot->ports.keeper);
	if (bot->ports.store)
		store_free(bot->ports.store);
	workflow_set_free(bot->workflows);
	free(bot);
	return NULL;
}

/* When nothing is being made; there is a turn at each heartbeat, so no timer is needed. */
static void release_memory(struct bot *bot, int64_t now_ms)
{
	if (now_ms - bot->released_ms < RELEASE_MS || !core_is_quiet(shell_core(bot->shell)))
		return;
	bot->released_ms = now_ms;
	memory_release();
}

int64_t bot_turn(struct bot *bot, int64_t now_ms)
{
	char *trouble = store_trouble(bot->ports.store);
	int64_t told_ms = shell_database(bot->shell, trouble), at_ms;

	free(trouble);
	store_poll(bot->ports.store);
	cleaner_poll(bot->ports.cleaner);
	look_at_workflows(bot, now_ms);
	at_ms = min_of(shell_turn(bot->shell, now_ms), told_ms);
	release_memory(bot, now_ms);
	return min_of(at_ms, bot->look_ms);
}

void bot_stop(struct bot *bot)
{
	shell_stop(bot->shell);
}

struct shell *bot_shell(struct bot *bot)
{
	return bot->shell;
}
