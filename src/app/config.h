/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_CONFIG_H
#define FULLET_APP_CONFIG_H

#include "base/limits.h"
#include "base/log.h"

/*
 * The settings: one table (config.c) gives names, parsing, limits, defaults, help
 * and .env.example. The environment wins over .env.
 */
struct config {
	char *discord_token;
	uint64_t allowed_guild_id;
	char *discord_api_url;
	char *comfy_url;
	char *comfy_urls;
	char *comfy_api_key;
	char *comfy_api_keys;
	char *gpu_vram_gb;
	char *priority_roles;
	char *database_url; /* NULL: SQLite at DATABASE_PATH */
	char *flujos_dir;
	char *export_path;
	char *ca_file;
	char *log_format;
	char *log_level;
	int64_t max_jobs_per_user;
	int64_t max_queue;
	int64_t max_batch_size;
	int64_t min_free_mb; /* MIN_FREE_VRAM; MB: 10^6 bytes */
	int64_t affinity_wait_seconds;
	int64_t session_ttl_seconds;
	int64_t stall_seconds;
	int64_t sandbox_port;
	int64_t sandbox_discord_port;
	int64_t sandbox_comfy_port;
	int64_t sandbox_step_ms;
	int64_t sandbox_load_ms;
	/* COMFY_URLS, else COMFY_URL, split and without trailing slashes. */
	char *comfy[COMFY_SERVERS_MAX];
	int n_comfy;
	int64_t comfy_vram_mb[COMFY_SERVERS_MAX]; /* GPU_VRAM_GB; 0: it is learned */
	uint64_t booster_roles[PRIORITY_ROLES_MAX];
	int n_booster_roles;
	/* COMFY_API_KEYS, split; NULL: that one has none of its own. */
	char *comfy_keys[COMFY_SERVERS_MAX];
};

/*
 * Reads .env in the current folder (it need not exist), then the environment.
 * Returns 0, or -EINVAL with a sentence that names file, line and setting but never a value of a
 * secret. Warnings (unknown key with the nearest name, a key given twice, a .env that others can
 * read) go to `warn`.
 */
int config_load(struct config *ret, void (*warn)(void *ctx, const char *sentence), void *ctx,
	char **ret_why);
void config_free(struct config *config);
/* Once, at the start of the program: what is secret among the settings in the environment moves to
 * locked memory (base/secret.h) and is no longer in /proc/PID/environ. getenv() finds it as before. */
void config_hide_environment(void);

/* What the i-th ComfyUI wants (i < COMFY_SERVERS_MAX): its own key, else COMFY_API_KEY. NULL: none.
 * Borrowed. */
const char *config_comfy_key(const struct config *config, int i);

/* The names of the settings that are others in `b`, except those about the cards, which bot_reload()
 * takes: "MAX_QUEUE, LOG_LEVEL"; NULL: none. Owned. */
char *config_changes(const struct config *a, const struct config *b);

/* What `run` cannot do without; NULL when all is there, else a sentence (owned). */
char *config_missing(const struct config *config);

/* For --help and for .env.example (which a test compares with this). The caller owns it. */
char *config_help(void);
char *config_example(void);

enum log_level config_log_level(const struct config *config);

#endif
