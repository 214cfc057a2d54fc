/* SPDX-License-Identifier: Apache-2.0 */
#include "app/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config_list.h"
#include "app/env_file.h"
#include "base/buf.h"
#include "base/http.h"
#include "base/near.h"
#include "base/secret.h"
#include "store/database_url.h"

enum kind {
	TEXT,
	SECRET,
	SECRETS,
	ID,
	IDS,
	NUMBER,
	GIGABYTES,
	GIGABYTES_LIST,
	URL,
	URLS,
	DATABASE,
	CHOICE,
};

struct setting {
	const char *name;
	enum kind kind;
	size_t offset;
	const char *otherwise; /* default; NULL: none */
	int64_t min, max;      /* NUMBER, GIGABYTES */
	const char *choices;   /* CHOICE: "a b c" */
	const char *help;
};

#define AT(field) offsetof(struct config, field)

static const struct setting settings[] = {
	{"DISCORD_TOKEN", SECRET, AT(discord_token), NULL, 0, 0, NULL,
		"The bot's token (Developer Portal > Bot > Reset Token). Without it the sandbox "
		"starts."},
	{"ALLOWED_GUILD_ID", ID, AT(allowed_guild_id), NULL, 0, 0, NULL,
		"The one server that is served (right-click its name > Copy Server ID). Required."},
	{"COMFY_URL", URL, AT(comfy_url), NULL, 0, 0, NULL,
		"Where your ComfyUI answers, for example http://127.0.0.1:8188"},
	{"COMFY_URLS", URLS, AT(comfy_urls), NULL, 0, 0, NULL,
		"Several of them, separated by commas; then COMFY_URL is not needed."},
	{"COMFY_API_KEY", SECRET, AT(comfy_api_key), NULL, 0, 0, NULL,
		"If a proxy in front of ComfyUI wants one: a bearer key, or user:password for "
		"Basic."},
	{"COMFY_API_KEYS", SECRETS, AT(comfy_api_keys), NULL, 0, 0, NULL,
		"A key for each of COMFY_URLS, in the same order, separated by commas; an empty one is "
		"COMFY_API_KEY."},
	{"GPU_VRAM_GB", GIGABYTES_LIST, AT(gpu_vram_gb), NULL, 0, 0, NULL,
		"The memory of each card in GB, in the order of COMFY_URLS, such as 24,11.5; what "
		"is left "
		"empty is learned from ComfyUI."},
	{"MIN_FREE_VRAM", GIGABYTES, AT(min_free_mb), "4", 0, GIGABYTES_MAX, NULL,
		"A workflow whose need is not known goes to a card with so many GB free, if there is "
		"one."},
	{"PRIORITY_ROLES", IDS, AT(priority_roles), NULL, 0, 0, NULL,
		"Roles (ids, separated by commas) whose members get a head start of 100 seconds in "
		"the line, as boosters may."},
	{"AFFINITY_WAIT_SECONDS", NUMBER, AT(affinity_wait_seconds), "120", 0, 86400, NULL,
		"So long after its turn, at most, a picture waits for the sake of what cards hold "
		"already."},
	{"MAX_JOBS_PER_USER", NUMBER, AT(max_jobs_per_user), "2", 1, 100, NULL,
		"Pictures that one member may have waiting and running at a time."},
	{"MAX_QUEUE", NUMBER, AT(max_queue), "200", 1, 10000, NULL,
		"Pictures that may wait and run in all; further requests are refused politely."},
	{"MAX_BATCH_SIZE", NUMBER, AT(max_batch_size), "2", 1, BATCH_MAX, NULL,
		"Pictures that a card draws at once (in one pass) at most; each further one needs "
		"more VRAM."},
	{"SESSION_TTL_SECONDS", NUMBER, AT(session_ttl_seconds), "1800", 1, 604800, NULL,
		"A private channel is removed after so many seconds without activity."},
	{"STALL_SECONDS", NUMBER, AT(stall_seconds), "300", 5, 86400, NULL,
		"A running picture without any sign of life for so long is given up."},
	{"DATABASE_URL", DATABASE, AT(database_url), NULL, 0, 0, NULL,
		"Where jobs are kept: postgresql://... or mysql://... (default: the SQLite file "
		"database/bot_data.db)."},
	{"FLUJOS_DIR", TEXT, AT(flujos_dir), NULL, 0, 0, NULL,
		"The folder with the workflows (default: ./flujos, else the ones shipped)."},
	{"EXPORT_PATH", TEXT, AT(export_path), NULL, 0, 0, NULL,
		"A folder in which a numbered copy of each finished picture is kept (01.png, 02.png, "
		"...)."},
	{"CA_FILE", TEXT, AT(ca_file), NULL, 0, 0, NULL,
		"A PEM file with the certificate authorities to trust instead of the system's."},
	{"LOG_FORMAT", CHOICE, AT(log_format), "text", 0, 0, "text json",
		"How log lines look: text or json."},
	{"LOG_LEVEL", CHOICE, AT(log_level), "info", 0, 0, "debug info warn error",
		"The least important lines that are shown: debug, info, warn or error."},
	{"DISCORD_API_URL", URL, AT(discord_api_url), "https://discord.com/api/v10", 0, 0, NULL,
		"Discord's API; change it only to test against something else."},
	{"SANDBOX_PORT", NUMBER, AT(sandbox_port), "8787", 0, 65535, NULL,
		"The sandbox's page is at http://127.0.0.1:PORT (0: any free port)."},
	{"SANDBOX_DISCORD_PORT", NUMBER, AT(sandbox_discord_port), "0", 0, 65535, NULL,
		"The port of the sandbox's Discord (0: any free port)."},
	{"SANDBOX_COMFY_PORT", NUMBER, AT(sandbox_comfy_port), "0", 0, 65535, NULL,
		"The port of the sandbox's ComfyUI (0: any free port)."},
	{"SANDBOX_STEP_MS", NUMBER, AT(sandbox_step_ms), "400", 0, 60000, NULL,
		"How long one step of Flux at 1 megapixel takes in the sandbox's ComfyUI."},
	{"SANDBOX_LOAD_MS", NUMBER, AT(sandbox_load_ms), "1500", 0, 600000, NULL,
		"How long the sandbox's ComfyUI takes to load 10 GB of weights."},
};

static const struct setting *find(const char *name)
{
	for (size_t i = 0; i < countof(settings); i++)
		if (str_eq(settings[i].name, name))
			return &settings[i];
	return NULL;
}

static bool is_secret(const struct setting *s)
{
	return s->kind == SECRET || s->kind == SECRETS || s->kind == DATABASE;
}

/* ---- one value ---- */

static char *check_url(const char *text)
{
	struct url url;

	if (!(str_starts(text, "http://") || str_starts(text, "https://")) ||
		url_split(text, &url) < 0)
		return xstrdup("it must be a URL such as http://127.0.0.1:8188");
	if (url.userinfo) {
		url_free(&url);
		return xstrdup("a user or key inside the URL would end up in logs: put it into "
			       "COMFY_API_KEY (a bearer key, or user:password)");
	}
	url_free(&url);
	return NULL;
}

static char *check_urls(const char *text)
{
	size_t n = 0;

	while (*text) {
		size_t len;
		char *one, *why;

		text += strspn(text, ", \t");
		len = strcspn(text, ", \t");
		if (!len)
			break;
		one = xstrndup(text, len);
		why = check_url(one);
		free(one);
		if (why)
			return why;
		if (++n > COMFY_SERVERS_MAX)
			return xasprintf("at most %d servers", COMFY_SERVERS_MAX);
		text += len;
	}
	return NULL;
}

/* Entries may be empty; blanks stand only around them. */
static char *check_secrets(const char *text)
{
	int n = 1;

	for (; *text; text += *text != '\0') {
		text += strspn(text, " \t");
		text += strcspn(text, ", \t");
		text += strspn(text, " \t");
		if (*text && *text != ',')
			return xstrdup("an entry contains a space: they are separated by commas");
		if (*text && ++n > COMFY_SERVERS_MAX)
			return xasprintf("at most %d entries", COMFY_SERVERS_MAX);
	}
	return NULL;
}

static char *check_database(const char *text)
{
	struct database_url url;
	char *why = NULL;

	if (database_url_parse(text, &url, &why) == 0)
		database_url_free(&url);
	return why;
}

static bool is_choice(const char *choices, const char *value)
{
	size_t n = strcspn(value, " ");

	for (const char *c = choices; n && !value[n] && (c = strstr(c, value)); c++)
		if ((c == choices || c[-1] == ' ') && (c[n] == ' ' || c[n] == '\0'))
			return true;
	return false;
}

static char *check_text(const struct setting *s, const char *value)
{
	for (const unsigned char *c = (const unsigned char *)value; *c; c++)
		if (*c < ' ' || *c == 0x7f)
			return xstrdup("it contains a control character or a line break");
	if (s->kind == SECRET && strpbrk(value, " \t"))
		return xstrdup("it contains a space: is it complete, and nothing else?");
	if (s->kind == SECRETS)
		return check_secrets(value);
	if (s->kind == URL)
		return check_url(value);
	if (s->kind == URLS)
		return check_urls(value);
	if (s->kind == DATABASE)
		return check_database(value);
	if (s->kind == GIGABYTES_LIST) {
		int64_t mb[COMFY_SERVERS_MAX];
		int n;

		return gigabytes_list(value, mb, COMFY_SERVERS_MAX, &n);
	}
	if (s->kind == IDS) {
		uint64_t ids[PRIORITY_ROLES_MAX];
		int n;

		return id_list(value, ids, PRIORITY_ROLES_MAX, &n);
	}
	if (s->kind == CHOICE && !is_choice(s->choices, value))
		return xasprintf("it must be one of: %s", s->choices);
	return NULL;
}

/* Sets a field; an owned sentence when the value cannot be. Never repeats the value of a secret. */
static char *set(struct config *config, const struct setting *s, const char *value)
{
	void *field = (char *)config + s->offset;
	uint64_t number;
	char *why;

	if (s->kind == ID) {
		if (parse_u64(value, &number) < 0 || number < (UINT64_C(1) << 22))
			return xstrdup("it must be a Discord id (a number of 17 to 20 digits)");
		*(uint64_t *)field = number;
		return NULL;
	}
	if (s->kind == NUMBER) {
		if (parse_u64(value, &number) < 0 || (int64_t)number < s->min ||
			number > (uint64_t)s->max)
			return xasprintf("it must be a whole number from %" PRId64 " to %" PRId64,
				s->min, s->max);
		*(int64_t *)field = (int64_t)number;
		return NULL;
	}
	if (s->kind == GIGABYTES) {
		if (gigabytes_read(value, (int64_t *)field) < 0)
			return xasprintf("it must be a number of GB from %" PRId64 " to %" PRId64
					 ", such as 4 or 3.5",
				s->min, s->max);
		return NULL;
	}
	/* A token as copied from an example of a header. */
	if (s->offset == AT(discord_token) && str_starts(value, "Bot "))
		value += 4;
	why = check_text(s, value);
	if (!why)
		(is_secret(s) ? secret_set : str_set)((char **)field, value);
	return why;
}

/* ---- the sources ---- */

static int read_file(const char *path, struct buf *out, char **ret_why)
{
	char chunk[4096];
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	buf_reserve(out, out->max); /* growing would leave copies behind */
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		if (buf_add(out, chunk, (size_t)n) < 0) {
			n = -1;
			errno = EFBIG;
			break;
		}
	if (n < 0)
		*ret_why = xasprintf(".env: cannot be read: %s", strerror(errno));
	explicit_bzero(chunk, sizeof(chunk));
	close(fd);
	return n < 0 ? -EINVAL : 0;
}

struct warner {
	void (*warn)(void *ctx, const char *sentence);
	void *ctx;
};

static void warn(const struct warner *w, char *sentence)
{
	if (w->warn)
		w->warn(w->ctx, sentence);
	free(sentence);
}

static void warn_unknown(const struct warner *w, const struct env_pair *pair)
{
	const char *names[countof(settings)];
	int near;

	for (size_t i = 0; i < countof(settings); i++)
		names[i] = settings[i].name;
	near = near_find(pair->name, names, countof(names));
	if (near >= 0)
		warn(w, xasprintf(".env, line %d: %s is not a setting; did you mean %s?",
				pair->line, pair->name, names[near]));
	else
		warn(w, xasprintf(".env, line %d: %s is not a setting; it is ignored", pair->line,
				pair->name));
}

static int apply_file(struct config *config, const struct env_pairs *pairs, const struct warner *w,
	char **ret_why)
{
	for (size_t i = 0; i < pairs->n; i++) {
		const struct env_pair *pair = &pairs->at[i];
		const struct setting *s = find(pair->name);
		char *why;

		if (!s) {
			warn_unknown(w, pair);
			continue;
		}
		for (size_t j = 0; j < i; j++)
			if (str_eq(pairs->at[j].name, pair->name))
				warn(w, xasprintf(".env, line %d: %s was already given in line %d; "
						  "this "
						  "one counts",
						pair->line, pair->name, pairs->at[j].line));
		if (!*pair->value || getenv(pair->name))
			continue; /* left empty, as in .env.example; or the environment wins */
		why = set(config, s, pair->value);
		if (why) {
			*ret_why = xasprintf(".env, line %d: %s: %s", pair->line, pair->name, why);
			free(why);
			return -EINVAL;
		}
	}
	return 0;
}

static void wipe_buf(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->len);
	buf_free(b);
}

static int load_file(struct config *config, const struct warner *w, char **ret_why)
{
	cleanup(wipe_buf) struct buf text = BUF(ENV_FILE_MAX);
	cleanup(env_pairs_free) struct env_pairs pairs = {0};
	struct stat st;
	char *why = NULL;
	int r = read_file(".env", &text, ret_why);

	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		if (!*ret_why)
			*ret_why = xasprintf(".env: cannot be read: %s", strerror(-r));
		return -EINVAL;
	}
	if (stat(".env", &st) == 0 && (st.st_mode & 077))
		warn(w, xstrdup(".env can be read by other users of this computer: chmod 600 "
				".env"));
	if (env_parse(buf_str(&text), text.len, &pairs, &why) < 0) {
		*ret_why = xasprintf(".env, %s", why);
		free(why);
		return -EINVAL;
	}
	return apply_file(config, &pairs, w, ret_why);
}

void config_hide_environment(void)
{
	for (char **entry = environ; *entry; entry++) {
		cleanup(freep) char *name = xstrndup(*entry, strcspn(*entry, "="));
		const struct setting *s = find(name);
		char *value = strchr(*entry, '=');

		if (!s || !is_secret(s) || !value || !value[1])
			continue;
		*entry = secret_dup(*entry);
		explicit_bzero(value + 1, strlen(value + 1));
	}
}

static int load_environment(struct config *config, char **ret_why)
{
	for (size_t i = 0; i < countof(settings); i++) {
		const char *value = getenv(settings[i].name);
		char *why;

		if (!value || !*value)
			continue;
		why = set(config, &settings[i], value);
		if (why) {
			*ret_why = xasprintf("environment: %s: %s", settings[i].name, why);
			free(why);
			return -EINVAL;
		}
	}
	return 0;
}

static void split_urls(struct config *config)
{
	const char *p = config->comfy_urls ? config->comfy_urls : config->comfy_url;

	while (p && *p) {
		size_t len, all;

		p += strspn(p, ", \t");
		len = all = strcspn(p, ", \t");
		while (len && p[len - 1] == '/')
			len--;
		if (len && config->n_comfy < COMFY_SERVERS_MAX)
			config->comfy[config->n_comfy++] = xstrndup(p, len);
		p += all;
	}
}

/* An owned sentence when there are more keys than servers: then some are for others than meant. */
static char *split_keys(struct config *config)
{
	const char *p = config->comfy_api_keys;
	int n = 0;

	while (p && n < COMFY_SERVERS_MAX) {
		size_t len;

		p += strspn(p, " \t");
		len = strcspn(p, ", \t");
		if (len)
			config->comfy_keys[n] = secret_move(xstrndup(p, len));
		n++;
		p = strchr(p, ',');
		p = p ? p + 1 : NULL;
	}
	/* Without servers of the owner's own they are for the sandbox's. */
	if (config->n_comfy == 0 || n <= config->n_comfy)
		return NULL;
	return xasprintf(
		"COMFY_API_KEYS: it has %d entries for %d ComfyUI: give one for each, in the "
		"order of COMFY_URLS; an empty one is COMFY_API_KEY",
		n, config->n_comfy);
}

/* An owned sentence when there is more memory than servers. The lists were looked at by set(). */
static char *split_lists(struct config *config)
{
	int n = 0;

	if (config->priority_roles)
		free(id_list(config->priority_roles, config->booster_roles, PRIORITY_ROLES_MAX,
			&config->n_booster_roles));
	if (config->gpu_vram_gb)
		free(gigabytes_list(
			config->gpu_vram_gb, config->comfy_vram_mb, COMFY_SERVERS_MAX, &n));
	if (config->n_comfy == 0 || n <= config->n_comfy)
		return NULL;
	return xasprintf("GPU_VRAM_GB: it has %d entries for %d ComfyUI: give one for each, in the "
			 "order of COMFY_URLS; an empty one is learned",
		n, config->n_comfy);
}

int config_load(struct config *ret, void (*warn_fn)(void *ctx, const char *sentence), void *ctx,
	char **ret_why)
{
	struct warner w = {warn_fn, ctx};
	struct config config = {0};

	*ret_why = NULL;
	for (size_t i = 0; i < countof(settings); i++)
		if (settings[i].otherwise) {
			char *why = set(&config, &settings[i], settings[i].otherwise);

			must(!why); /* the table's own defaults are good */
		}
	if (load_file(&config, &w, ret_why) < 0 || load_environment(&config, ret_why) < 0) {
		config_free(&config);
		return -EINVAL;
	}
	while (str_ends(config.discord_api_url, "/"))
		config.discord_api_url[strlen(config.discord_api_url) - 1] = '\0';
	split_urls(&config);
	*ret_why = split_keys(&config);
	if (!*ret_why)
		*ret_why = split_lists(&config);
	if (*ret_why) {
		config_free(&config);
		return -EINVAL;
	}
	*ret = config;
	return 0;
}

void config_free(struct config *config)
{
	for (size_t i = 0; i < countof(settings); i++) {
		void *field = (char *)config + settings[i].offset;

		if (is_secret(&settings[i]))
			secret_free(*(char **)field);
		else if (settings[i].kind != NUMBER && settings[i].kind != ID &&
			 settings[i].kind != GIGABYTES)
			free(*(char **)field);
	}
	for (int i = 0; i < config->n_comfy; i++)
		free(config->comfy[i]);
	for (size_t i = 0; i < countof(config->comfy_keys); i++)
		secret_free(config->comfy_keys[i]);
	*config = (struct config){0};
}

const char *config_comfy_key(const struct config *config, int i)
{
	return config->comfy_keys[i] ? config->comfy_keys[i] : config->comfy_api_key;
}

char *config_missing(const struct config *config)
{
	if (!config->discord_token)
		return xstrdup("DISCORD_TOKEN is not set");
	if (!config->allowed_guild_id)
		return xstrdup(
			"ALLOWED_GUILD_ID is not set: put the id of your Discord server "
			"(right-click "
			"its name > Copy Server ID, with Settings > Advanced > Developer Mode on) "
			"into .env");
	if (config->n_comfy == 0)
		return xstrdup(
			"COMFY_URL is not set: put the address of your ComfyUI into .env, for "
			"example COMFY_URL=http://127.0.0.1:8188");
	return NULL;
}

/* ---- reading again ---- */

static bool is_same(const struct setting *s, const struct config *a, const struct config *b)
{
	const char *x = (const char *)a + s->offset, *y = (const char *)b + s->offset;

	if (s->kind == NUMBER || s->kind == GIGABYTES)
		return *(const int64_t *)x == *(const int64_t *)y;
	if (s->kind == ID)
		return *(const uint64_t *)x == *(const uint64_t *)y;
	return str_eq(*(char *const *)x, *(char *const *)y) ||
	       (!*(char *const *)x && !*(char *const *)y);
}

char *config_changes(const struct config *a, const struct config *b)
{
	static const char *const taken[] = {
		"COMFY_URL", "COMFY_URLS", "COMFY_API_KEY", "COMFY_API_KEYS", "GPU_VRAM_GB"};
	struct buf out = BUF(4 * KIB);

	for (size_t i = 0; i < countof(settings); i++) {
		bool ours = false;

		for (size_t k = 0; k < countof(taken); k++)
			ours |= str_eq(settings[i].name, taken[k]);
		if (!ours && !is_same(&settings[i], a, b))
			must(buf_printf(&out, "%s%s", out.len ? ", " : "", settings[i].name) == 0);
	}
	if (out.len)
		return buf_take(&out);
	buf_free(&out);
	return NULL;
}

/* ---- help ---- */

char *config_help(void)
{
	struct buf out = BUF(64 * KIB);

	for (size_t i = 0; i < countof(settings); i++) {
		const struct setting *s = &settings[i];

		(void)buf_printf(&out, "  %-22s %s", s->name, s->help);
		if (s->kind == NUMBER || s->kind == GIGABYTES)
			(void)buf_printf(&out, " (%" PRId64 " to %" PRId64 "; default %s)", s->min,
				s->max, s->otherwise);
		else if (s->otherwise)
			(void)buf_printf(&out, " (default %s)", s->otherwise);
		(void)buf_add_str(&out, "\n");
	}
	return buf_take(&out);
}

char *config_example(void)
{
	struct buf out = BUF(64 * KIB);

	(void)buf_add_str(&out,
		"# FuLLet's settings. Copy this file to .env and fill in the first three.\n"
		"# Keep it to yourself: chmod 600 .env\n");
	for (size_t i = 0; i < countof(settings); i++) {
		const struct setting *s = &settings[i];

		(void)buf_printf(&out, "\n# %s\n", s->help);
		if (s->kind == NUMBER || s->kind == GIGABYTES)
			(void)buf_printf(
				&out, "# From %" PRId64 " to %" PRId64 ".\n", s->min, s->max);
		(void)buf_printf(&out, "%s%s=%s\n", i < 3 ? "" : "#", s->name,
			s->otherwise ? s->otherwise : "");
	}
	return buf_take(&out);
}

enum log_level config_log_level(const struct config *config)
{
	for (int level = LOG_DEBUG; level <= LOG_ERROR; level++)
		if (str_eq(config->log_level, log_level_name((enum log_level)level)))
			return (enum log_level)level;
	return LOG_INFO;
}
