/* SPDX-License-Identifier: Apache-2.0 */

/* The settings, as the environment gives them: lines NAME=value. Whatever stands there, the
 * settings are whole or a sentence names one of them, and it never repeats a secret. */

#include <stdlib.h>
#include <unistd.h>

#include "app/config.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"DISCORD_TOKEN", "ALLOWED_GUILD_ID", "DISCORD_API_URL",
	"COMFY_URL", "COMFY_URLS", "COMFY_API_KEY", "COMFY_API_KEYS", "GPU_VRAM_GB",
	"PRIORITY_ROLES", "DATABASE_URL", "FLUJOS_DIR", "EXPORT_PATH", "CA_FILE", "LOG_FORMAT",
	"LOG_LEVEL", "MAX_JOBS_PER_USER", "MAX_QUEUE", "MAX_BATCH_SIZE", "MIN_FREE_VRAM",
	"AFFINITY_WAIT_SECONDS", "SESSION_TTL_SECONDS", "STALL_SECONDS", "SANDBOX_PORT"};

static void no_warning(void *ctx, const char *sentence)
{
	must(*sentence);
}

static void check(const struct config *config)
{
	char *missing = config_missing(config);

	must(config->n_comfy >= 0 && config->n_comfy <= COMFY_SERVERS_MAX);
	for (int i = 0; i < config->n_comfy; i++) {
		must(*config->comfy[i] && !str_ends(config->comfy[i], "/"));
		must(config->comfy_vram_mb[i] >= 0);
		(void)config_comfy_key(config, i);
	}
	must(config->n_booster_roles >= 0 && config->n_booster_roles <= PRIORITY_ROLES_MAX);
	must(config->max_jobs_per_user > 0 && config->max_queue > 0);
	free(config_changes(config, config));
	free(missing);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size), *rest = text, *line, *why = NULL;
	static char empty[] = "/tmp/fuzz-config-XXXXXX";
	struct config config;

	/* There is no .env where it looks. */
	if (str_ends(empty, "XXXXXX")) {
		must(mkdtemp(empty) && chdir(empty) == 0 && rmdir(empty) == 0);
		for (char **env = environ; *env; env++)
			must(!str_starts(*env, "DISCORD_"));
	}
	for (size_t i = 0; i < countof(names); i++)
		unsetenv(names[i]);
	while ((line = strsep(&rest, "\n"))) {
		unsigned i = (unsigned)(unsigned char)*line % countof(names);

		if (*line)
			must(setenv(names[i], line + 1, 1) == 0);
	}
	if (config_load(&config, no_warning, NULL, &why) == 0) {
		must(!why);
		check(&config);
		config_free(&config);
	} else {
		const char *secret = getenv("DISCORD_TOKEN"), *key = getenv("COMFY_API_KEY");

		must(why && *why);
		must(!secret || strlen(secret) < 16 || !strstr(why, secret));
		must(!key || strlen(key) < 16 || !strstr(why, key));
		free(why);
	}
	free(text);
	return 0;
}
