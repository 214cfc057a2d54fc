/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "app/config.h"
#include "base/buf.h"

/*
 * Settings: the .env file, the environment, and what is said about mistakes. Each
 * case runs in an empty folder of its own with none of our settings in the environment.
 */

#define SECRET	     "MTIzNDU2.hush.tokentokentoken"
#define GUILD	     "123456789012345678"
#define WARNINGS_MAX 16

static char *root; /* of the sources, for .env.example and the READMEs */

struct place {
	char *folder;
	char *warnings[WARNINGS_MAX];
	size_t n_warnings;
};

/* The names of all settings, from the example that the table prints. */
static void each_setting(void (*f)(const char *name, void *ctx), void *ctx)
{
	cleanup(freep) char *example = config_example();
	char *rest = example, *line;

	while ((line = strsep(&rest, "\n"))) {
		char *equals = strchr(line, '=');

		line += *line == '#';
		if (!equals || !(*line >= 'A' && *line <= 'Z'))
			continue;
		*equals = '\0';
		f(line, ctx);
	}
}

static void forget_setting(const char *name, void *ctx)
{
	assert_int_equal(unsetenv(name), 0);
}

static int place_new(void **state)
{
	struct place *place = xcalloc(1, sizeof(*place));
	char folder[] = "/tmp/fullet-config-XXXXXX";

	each_setting(forget_setting, NULL);
	if (!mkdtemp(folder) || chdir(folder) < 0)
		return -1;
	place->folder = xstrdup(folder);
	*state = place;
	return 0;
}

static void warnings_forget(struct place *place)
{
	while (place->n_warnings)
		free(place->warnings[--place->n_warnings]);
}

static int place_free(void **state)
{
	struct place *place = *state;

	unlink(".env");
	rmdir(".env");
	if (chdir("/") < 0 || rmdir(place->folder) < 0)
		return -1;
	warnings_forget(place);
	free(place->folder);
	free(place);
	return 0;
}

static void write_env(const char *text, size_t len)
{
	FILE *f = fopen(".env", "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(".env", 0600), 0);
}

static char *read_whole(const char *path)
{
	struct buf out = BUF(ENV_FILE_MAX);
	FILE *f = fopen(path, "rb");
	char part[4096];
	size_t n;

	if (!f)
		fail_msg("%s cannot be read", path);
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		assert_int_equal(buf_add(&out, part, n), 0);
	fclose(f);
	return buf_take(&out);
}

static void keep_warning(void *ctx, const char *sentence)
{
	struct place *place = ctx;

	assert_true(place->n_warnings < WARNINGS_MAX);
	place->warnings[place->n_warnings++] = xstrdup(sentence);
}

static int load(struct place *place, struct config *ret, char **ret_why)
{
	warnings_forget(place);
	return config_load(ret, keep_warning, place, ret_why);
}

static void load_good(struct place *place, struct config *ret)
{
	char *why = NULL;

	if (load(place, ret, &why) < 0)
		fail_msg("refused: %s", why);
	assert_null(why);
}

/* ---- config_load ---- */

static void test_defaults(void **state)
{
	struct config config;

	load_good(*state, &config);
	assert_null(config.discord_token);
	assert_int_equal(config.allowed_guild_id, 0);
	assert_null(config.comfy_url);
	assert_null(config.comfy_urls);
	assert_null(config.comfy_api_key);
	assert_int_equal(config.n_comfy, 0);
	assert_null(config.flujos_dir);
	assert_null(config.ca_file);
	assert_string_equal(config.discord_api_url, "https://discord.com/api/v10");
	assert_string_equal(config.log_format, "text");
	assert_int_equal(config_log_level(&config), LOG_INFO);
	assert_int_equal(config.max_jobs_per_user, 2);
	assert_int_equal(config.max_queue, 200);
	assert_int_equal(config.session_ttl_seconds, 1800);
	assert_int_equal(config.stall_seconds, 300);
	assert_int_equal(config.sandbox_port, 8787);
	config_free(&config);
}

static void test_file(void **state)
{
	static const char text[] = "\xef\xbb\xbf# mine\r\n"
				   "export DISCORD_TOKEN=\"" SECRET "\" # the bot's\r\n"
				   "ALLOWED_GUILD_ID='" GUILD "'\r\n"
				   "COMFY_URL = https://gpu.example/comfy/ \r\n"
				   "COMFY_API_KEY=ana:pass#word\r\n"
				   "MAX_QUEUE=10000\r\n"
				   "CA_FILE=\"my certificates/ca.pem\"\r\n"
				   "DISCORD_API_URL=http://127.0.0.1:9/api/v10//\r\n"
				   "LOG_FORMAT=json\r\nLOG_LEVEL=warn";
	struct place *place = *state;
	struct config config;

	write_env(text, strlen(text));
	load_good(place, &config);
	assert_int_equal(place->n_warnings, 0);
	assert_string_equal(config.discord_token, SECRET);
	assert_true(config.allowed_guild_id == UINT64_C(123456789012345678));
	assert_int_equal(config.n_comfy, 1);
	assert_string_equal(config.comfy[0], "https://gpu.example/comfy");
	assert_string_equal(config.comfy_api_key, "ana:pass#word");
	assert_int_equal(config.max_queue, 10000);
	assert_string_equal(config.ca_file, "my certificates/ca.pem");
	assert_string_equal(config.discord_api_url, "http://127.0.0.1:9/api/v10");
	assert_string_equal(config.log_format, "json");
	assert_int_equal(config_log_level(&config), LOG_WARN);
	config_free(&config);
}

/* As copied from an example of a header. */
static void test_token_with_bot(void **state)
{
	static const char text[] = "DISCORD_TOKEN=Bot " SECRET "\n";
	struct config config;

	write_env(text, strlen(text));
	load_good(*state, &config);
	assert_string_equal(config.discord_token, SECRET);
	config_free(&config);
}

static void test_servers(void **state)
{
	static const struct {
		const char *text;
		const char *servers[4];
	} cases[] = {
		{"COMFY_URL=http://a:8188///\n", {"http://a:8188"}},
		{"COMFY_URLS=http://a, https://b/x/ ,http://[::1]:81\n",
			{"http://a", "https://b/x", "http://[::1]:81"}},
		{"COMFY_URLS=\",http://a,,\"\n", {"http://a"}},
		{"COMFY_URL=http://a\nCOMFY_URLS=http://b\n", {"http://b"}},
		{"COMFY_URL=http://a\nCOMFY_URLS=\n", {"http://a"}},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct config config;
		int n = 0;

		write_env(cases[i].text, strlen(cases[i].text));
		load_good(*state, &config);
		for (; cases[i].servers[n]; n++) {
			assert_true(n < config.n_comfy);
			assert_string_equal(config.comfy[n], cases[i].servers[n]);
		}
		assert_int_equal(config.n_comfy, n);
		config_free(&config);
	}
}

static void test_bad_values(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"\nMAX_QUEUE=0\n",
			".env, line 2: MAX_QUEUE: it must be a whole number from 1 to 10000"},
		{"MAX_QUEUE=10001\n",
			".env, line 1: MAX_QUEUE: it must be a whole number from 1 to 10000"},
		{"MAX_QUEUE=-1\n",
			".env, line 1: MAX_QUEUE: it must be a whole number from 1 to 10000"},
		{"MAX_QUEUE=1.5\n",
			".env, line 1: MAX_QUEUE: it must be a whole number from 1 to 10000"},
		{"MAX_QUEUE=0x10\n",
			".env, line 1: MAX_QUEUE: it must be a whole number from 1 to 10000"},
		{"STALL_SECONDS=99999999999999999999\n",
			".env, line 1: STALL_SECONDS: it must be a whole number "
			"from 5 "
			"to 86400"},
		{"STALL_SECONDS=9223372036854775809\n",
			".env, line 1: STALL_SECONDS: it must be a whole number "
			"from 5 "
			"to 86400"},
		{"# one\n# two\nLOG_LEVEL=loud\n",
			".env, line 3: LOG_LEVEL: it must be one of: debug info warn error"},
		{"LOG_LEVEL=inf\n",
			".env, line 1: LOG_LEVEL: it must be one of: debug info warn error"},
		{"LOG_FORMAT=JSON\n", ".env, line 1: LOG_FORMAT: it must be one of: text json"},
		{"COMFY_URL=127.0.0.1:8188\n",
			".env, line 1: COMFY_URL: it must be a URL such as http://127.0.0.1:8188"},
		{"COMFY_URL=http://a:99999\n",
			".env, line 1: COMFY_URL: it must be a URL such as http://127.0.0.1:8188"},
		{"COMFY_URL=ws://a\n",
			".env, line 1: COMFY_URL: it must be a URL such as http://127.0.0.1:8188"},
		{"LOG_FORMAT=\"text json\"\n",
			".env, line 1: LOG_FORMAT: it must be one of: text json"},
		{"COMFY_URLS=http://a,b\n",
			".env, line 1: COMFY_URLS: it must be a URL such as http://127.0.0.1:8188"},
		{"CA_FILE=\"a\\nb\"\n",
			".env, line 1: CA_FILE: it contains a control character or a line break"},
		{"A\n", ".env, line 1: expected '=' after the name"},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct config config = {.max_queue = 42};
		char *why = NULL;

		write_env(cases[i].text, strlen(cases[i].text));
		assert_int_equal(load(*state, &config, &why), -EINVAL);
		assert_string_equal(why, cases[i].why);
		assert_int_equal(config.max_queue, 42); /* untouched */
		free(why);
	}
}

static void test_bad_ids(void **state)
{
	static const char *const values[] = {"0", "12", "4194303", "my-server", "<@1>", "1 2",
		"18446744073709551616", "-123456789012345678", "1234567890123456.0"};

	for (size_t i = 0; i < countof(values); i++) {
		cleanup(freep) char *text = xasprintf("ALLOWED_GUILD_ID=%s\n", values[i]);
		struct config config;
		char *why = NULL;

		write_env(text, strlen(text));
		assert_int_equal(load(*state, &config, &why), -EINVAL);
		assert_true(str_starts(why, ".env, line 1: ALLOWED_GUILD_ID: "));
		free(why);
	}
}

static void test_keys(void **state)
{
	static const struct {
		const char *keys, *all; /* for three servers */
		const char *out[3];
		bool refused;
	} cases[] = {
		{NULL, "all", {"all", "all", "all"}},
		{"k1, u:p , k3", NULL, {"k1", "u:p", "k3"}},
		{"k1,,k3", "all", {"k1", "all", "k3"}},
		{",k2", NULL, {NULL, "k2", NULL}},
		{"k1", "all", {"k1", "all", "all"}},
		{"k1,k2,k3,k4", NULL, .refused = true},
		{"k1,k2,k3,", NULL, .refused = true},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct place *place = *state;
		struct config config;
		char text[300], *why = NULL;

		snprintf(text, sizeof(text),
			"COMFY_URLS=http://a,,http://b, http://c\n%s%s%s%s%s%s",
			cases[i].keys ? "COMFY_API_KEYS=" : "", cases[i].keys ? cases[i].keys : "",
			cases[i].keys ? "\n" : "", cases[i].all ? "COMFY_API_KEY=" : "",
			cases[i].all ? cases[i].all : "", cases[i].all ? "\n" : "");
		write_env(text, strlen(text));
		if (cases[i].refused) {
			assert_int_equal(load(place, &config, &why), -EINVAL);
			assert_string_equal(why,
				"COMFY_API_KEYS: it has 4 entries for 3 ComfyUI: give one for each, "
				"in the order of COMFY_URLS; an empty one is COMFY_API_KEY");
			free(why);
			continue;
		}
		load_good(place, &config);
		for (int k = 0; k < 3; k++) {
			const char *key = config_comfy_key(&config, k);

			if (key != cases[i].out[k] && !str_eq(key, cases[i].out[k]))
				fail_msg("case %zu, server %d: %s", i, k, key ? key : "none");
		}
		config_free(&config);
	}
}

/* Cards' memory, and roles with a head start. */
static void test_cards(void **state)
{
	static const struct {
		const char *text, *why; /* NULL: it is good */
	} cases[] = {
		{"COMFY_URLS=http://a,http://b,http://c\nGPU_VRAM_GB=24,,11.5\nMIN_FREE_VRAM=3.25\n"
		 "PRIORITY_ROLES=90000000000000001, 90000000000000002\n",
			NULL},
		{"COMFY_URL=http://a\nGPU_VRAM_GB=24,16\n",
			"GPU_VRAM_GB: it has 2 entries for 1 ComfyUI: give one for each, in the order "
			"of COMFY_URLS; an empty one is learned"},
		{"GPU_VRAM_GB=24 GB\n",
			".env, line 1: GPU_VRAM_GB: its entries must be gigabytes such as 24 or 11.5, "
			"separated by commas; an empty one is learned"},
		{"GPU_VRAM_GB=0\n",
			".env, line 1: GPU_VRAM_GB: its entries must be gigabytes such as 24 or 11.5, "
			"separated by commas; an empty one is learned"},
		{"GPU_VRAM_GB=9999.5\n",
			".env, line 1: GPU_VRAM_GB: its entries must be gigabytes such as 24 or 11.5, "
			"separated by commas; an empty one is learned"},
		{"MIN_FREE_VRAM=-1\n",
			".env, line 1: MIN_FREE_VRAM: it must be a number of GB from 0 to 9999, such "
			"as 4 or 3.5"},
		{"MIN_FREE_VRAM=.\n",
			".env, line 1: MIN_FREE_VRAM: it must be a number of GB from 0 to 9999, such "
			"as 4 or 3.5"},
		{"PRIORITY_ROLES=boosters\n",
			".env, line 1: PRIORITY_ROLES: it must be Discord ids (numbers of 17 to 20 "
			"digits), separated by commas"},
	};
	struct place *place = *state;
	struct config config;

	for (size_t i = 0; i < countof(cases); i++) {
		char *why = NULL;

		write_env(cases[i].text, strlen(cases[i].text));
		if (cases[i].why) {
			assert_int_equal(load(place, &config, &why), -EINVAL);
			assert_string_equal(why, cases[i].why);
			free(why);
			continue;
		}
		load_good(place, &config);
		assert_int_equal(config.comfy_vram_mb[0], 24000);
		assert_int_equal(config.comfy_vram_mb[1], 0);
		assert_int_equal(config.comfy_vram_mb[2], 11500);
		assert_int_equal(config.min_free_mb, 3250);
		assert_int_equal(config.n_booster_roles, 2);
		assert_true(config.booster_roles[1] == UINT64_C(90000000000000002));
		assert_int_equal(config.affinity_wait_seconds, 120);
		config_free(&config);
	}
}

/* COMFY_URLS wins over COMFY_URL. */
static void test_urls_win(void **state)
{
	static const char text[] = "COMFY_URL=http://one\nCOMFY_URLS=http://a/,http://b\n";
	struct config config;

	write_env(text, strlen(text));
	load_good(*state, &config);
	assert_int_equal(config.n_comfy, 2);
	assert_string_equal(config.comfy[0], "http://a");
	config_free(&config);
}

/* Secrets, and URLs that may hold one, appear in no refusal and no warning. */
static void test_secrets_stay(void **state)
{
	static const char *const files[] = {
		"DISCORD_TOKEN=\"" SECRET " two\"\n",
		"DISCORD_TOKEN=\"" SECRET "\\n\"\n",
		"DISCORD_TOKEN=\"" SECRET "\n",
		"DISCORD_TOKEN=\"" SECRET "\" x\n",
		"DISCORD_TOKEN " SECRET "\n",
		SECRET "\n",
		"ALLOWED_GUILD_ID=" SECRET "\n", /* into the wrong line */
		"MAX_QUEUE=" SECRET "\n",
		"COMFY_API_KEY='a " SECRET "'\n",
		"COMFY_API_KEYS='a,b " SECRET "'\n",
		"COMFY_URL=http://me:" SECRET "@gpu.example\n",
		"COMFY_URL=" SECRET "\n",
		"COMFY_URLS=http://a,http://" SECRET "@b\n",
		"DISCORD_TOKN=" SECRET "\nMAX_QUEUE=0\n",
		"DISCORD_TOKEN=" SECRET "\nDISCORD_TOKEN=" SECRET "\nMAX_QUEUE=0\n",
	};
	struct place *place = *state;

	for (size_t i = 0; i < countof(files); i++) {
		struct config config;
		char *why = NULL;

		write_env(files[i], strlen(files[i]));
		assert_int_equal(load(place, &config, &why), -EINVAL);
		if (strstr(why, "hush"))
			fail_msg("case %zu: %s", i, why);
		assert_true(str_starts(why, ".env, line "));
		for (size_t j = 0; j < place->n_warnings; j++)
			assert_null(strstr(place->warnings[j], "hush"));
		free(why);
	}
}

static void test_warnings(void **state)
{
	static const struct {
		const char *text, *warning;
	} cases[] = {
		{"\nDISCORD_TOKE=x\n",
			".env, line 2: DISCORD_TOKE is not a setting; did you mean DISCORD_TOKEN?"},
		{"discord_token=x\n", ".env, line 1: discord_token is not a setting; did you mean "
				      "DISCORD_TOKEN?"},
		{"COMFYUI_URL=x\n",
			".env, line 1: COMFYUI_URL is not a setting; did you mean COMFY_URL?"},
		{"GUILD_ID=1\n", ".env, line 1: GUILD_ID is not a setting; it is ignored"},
		{"Q=1\n", ".env, line 1: Q is not a setting; it is ignored"},
		{"MAX_QUEUE=1\n\nMAX_QUEUE=2\n",
			".env, line 3: MAX_QUEUE was already given in line 1; this one counts"},
	};
	struct place *place = *state;

	for (size_t i = 0; i < countof(cases); i++) {
		struct config config;

		write_env(cases[i].text, strlen(cases[i].text));
		load_good(place, &config);
		assert_int_equal(place->n_warnings, 1);
		assert_string_equal(place->warnings[0], cases[i].warning);
		if (strstr(cases[i].text, "MAX_QUEUE"))
			assert_int_equal(config.max_queue, 2);
		assert_null(config.discord_token);
		config_free(&config);
	}
}

static void test_readable_by_others(void **state)
{
	struct place *place = *state;
	struct config config;

	write_env("MAX_QUEUE=3\n", 12);
	assert_int_equal(chmod(".env", 0644), 0);
	load_good(place, &config);
	assert_int_equal(place->n_warnings, 1);
	assert_string_equal(place->warnings[0],
		".env can be read by other users of this computer: chmod 600 .env");
	config_free(&config);
}

static void test_environment_wins(void **state)
{
	static const char text[] = "MAX_QUEUE=nonsense\nDISCORD_TOKEN=" SECRET "\nSTALL_SECONDS=9\n"
				   "COMFY_URL=http://file\n";
	struct place *place = *state;
	struct config config;

	write_env(text, strlen(text));
	assert_int_equal(setenv("MAX_QUEUE", "7", 1), 0);
	assert_int_equal(setenv("DISCORD_TOKEN", "", 1), 0); /* set to nothing: there is none */
	assert_int_equal(setenv("COMFY_URL", "http://environment/", 1), 0);
	load_good(place, &config);
	assert_int_equal(place->n_warnings, 0);
	assert_int_equal(config.max_queue, 7);
	assert_null(config.discord_token);
	assert_int_equal(config.stall_seconds, 9);
	assert_string_equal(config.comfy[0], "http://environment");
	config_free(&config);
}

static void test_bad_environment(void **state)
{
	static const struct {
		const char *name, *value, *why;
	} cases[] = {
		{"MAX_QUEUE", "many",
			"environment: MAX_QUEUE: it must be a whole number from 1 to 10000"},
		{"DISCORD_TOKEN", SECRET " x",
			"environment: DISCORD_TOKEN: it contains a space: is it complete, and "
			"nothing "
			"else?"},
		{"COMFY_URL", "http://me:" SECRET "@a",
			"environment: COMFY_URL: a user or key inside the URL would end up in "
			"logs: put "
			"it into COMFY_API_KEY (a bearer key, or user:password)"},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct config config;
		char *why = NULL;

		assert_int_equal(setenv(cases[i].name, cases[i].value, 1), 0);
		assert_int_equal(load(*state, &config, &why), -EINVAL);
		assert_string_equal(why, cases[i].why);
		assert_int_equal(unsetenv(cases[i].name), 0);
		free(why);
	}
}

static void test_file_that_cannot_be_read(void **state)
{
	size_t len = ENV_FILE_MAX + 1;
	cleanup(freep) char *text = xcalloc(len, 1);
	struct config config;
	char *why = NULL;

	memset(text, '\n', len);
	write_env(text, len);
	assert_int_equal(load(*state, &config, &why), -EINVAL);
	assert_true(str_starts(why, ".env: cannot be read: "));
	free(why);
	assert_int_equal(unlink(".env"), 0);
	assert_int_equal(mkdir(".env", 0700), 0);
	assert_int_equal(load(*state, &config, &why), -EINVAL);
	assert_true(str_starts(why, ".env: cannot be read: "));
	free(why);
}

static void test_missing(void **state)
{
	static const struct {
		const char *text, *missing; /* the setting named; NULL: all is there */
	} cases[] = {
		{"", "DISCORD_TOKEN"},
		{"DISCORD_TOKEN=x\n", "ALLOWED_GUILD_ID"},
		{"DISCORD_TOKEN=x\nALLOWED_GUILD_ID=" GUILD "\n", "COMFY_URL"},
		{"DISCORD_TOKEN=x\nALLOWED_GUILD_ID=" GUILD "\nCOMFY_URL=http://a\n", NULL},
		{"DISCORD_TOKEN=x\nALLOWED_GUILD_ID=" GUILD "\nCOMFY_URLS=http://a\n", NULL},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		cleanup(freep) char *why = NULL;
		struct config config;

		write_env(cases[i].text, strlen(cases[i].text));
		load_good(*state, &config);
		why = config_missing(&config);
		if (cases[i].missing)
			assert_true(str_starts(why, cases[i].missing));
		else
			assert_null(why);
		config_free(&config);
	}
}

/* ---- what is printed from the table ---- */

static void test_example_is_current(void **state)
{
	cleanup(freep) char *path = xasprintf("%s/.env.example", root);
	cleanup(freep) char *kept = read_whole(path);
	cleanup(freep) char *printed = config_example();

	assert_string_equal(kept, printed);
}

/* As it is, and with every commented setting switched on, it says the same as no file at all. */
static void test_example_loads(void **state)
{
	cleanup(freep) char *example = config_example();
	struct place *place = *state;
	struct config config;

	for (int round = 0; round < 2; round++) {
		write_env(example, strlen(example));
		load_good(place, &config);
		assert_int_equal(place->n_warnings, 0);
		assert_null(config.discord_token);
		assert_int_equal(config.max_queue, 200);
		assert_string_equal(config.log_level, "info");
		config_free(&config);
		for (char *c = example; *c; c++)
			if (*c == '#' && c[1] != ' ')
				*c = ' ';
	}
}

static void in_help(const char *name, void *ctx)
{
	if (!strstr(ctx, name))
		fail_msg("%s is not in --help", name);
}

static void test_help_is_whole(void **state)
{
	cleanup(freep) char *help = config_help();

	each_setting(in_help, help);
}

struct readme {
	const char *name, *text;
};

static void in_readme(const char *name, void *ctx)
{
	const struct readme *readme = ctx;
	cleanup(freep) char *cell = xasprintf("| `%s` |", name);

	if (!strstr(readme->text, cell))
		fail_msg("%s: the table of settings has no row for %s", readme->name, name);
}

static void test_readme_is_whole(void **state)
{
	static const char *const names[] = {"README.md", "README.es.md"};

	for (size_t i = 0; i < countof(names); i++) {
		cleanup(freep) char *path = xasprintf("%s/%s", root, names[i]);
		cleanup(freep) char *text = read_whole(path);
		struct readme readme = {names[i], text};

		each_setting(in_readme, &readme);
	}
}

#define in_place(f) cmocka_unit_test_setup_teardown(f, place_new, place_free)

/* `test_config --example` prints what .env.example has to be. */
/* Of a reload: every kind of setting is compared as what it is. */
static void test_changes(void **state)
{
	static const char before[] =
		"DISCORD_TOKEN=" SECRET "\nMAX_QUEUE=7\nCOMFY_URL=http://a:1\n";
	static const char after[] =
		"DISCORD_TOKEN=" SECRET "x\nALLOWED_GUILD_ID=" GUILD
		"\nCOMFY_URLS=http://a:1,http://b:1\nCOMFY_API_KEY=k\nCOMFY_API_KEYS=k,l\n"
		"GPU_VRAM_GB=24,16\nMIN_FREE_VRAM=2.5\nMAX_QUEUE=8\nLOG_LEVEL=warn\n"
		"FLUJOS_DIR=/x\nDATABASE_URL=postgresql://u@h/d\n";
	struct config a, b;
	char *changes;

	write_env(before, strlen(before));
	load_good(*state, &a);
	assert_null(config_changes(&a, &a));
	write_env(after, strlen(after));
	load_good(*state, &b);
	for (int i = 0; i < 2; i++) {
		changes = i ? config_changes(&b, &a) : config_changes(&a, &b);
		assert_string_equal(changes,
			"DISCORD_TOKEN, ALLOWED_GUILD_ID, MIN_FREE_VRAM, MAX_QUEUE, DATABASE_URL, "
			"FLUJOS_DIR, LOG_LEVEL");
		free(changes);
	}
	assert_null(config_changes(&b, &b));
	config_free(&a);
	config_free(&b);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		in_place(test_defaults),
		in_place(test_file),
		in_place(test_token_with_bot),
		in_place(test_servers),
		in_place(test_bad_values),
		in_place(test_bad_ids),
		in_place(test_keys),
		in_place(test_changes),
		in_place(test_cards),
		in_place(test_urls_win),
		in_place(test_secrets_stay),
		in_place(test_warnings),
		in_place(test_readable_by_others),
		in_place(test_environment_wins),
		in_place(test_bad_environment),
		in_place(test_file_that_cannot_be_read),
		in_place(test_missing),
		cmocka_unit_test(test_example_is_current),
		in_place(test_example_loads),
		cmocka_unit_test(test_help_is_whole),
		cmocka_unit_test(test_readme_is_whole),
	};
	const char *flujos = getenv("FLUJOS_DIR"); /* set by meson: the one of the sources */
	char *real = flujos ? realpath(flujos, NULL) : NULL;
	int failed;

	if (argc == 2 && str_eq(argv[1], "--example")) {
		cleanup(freep) char *example = config_example();

		free(real);
		return fputs(example, stdout) < 0;
	}
	if (!real) {
		fprintf(stderr, "FLUJOS_DIR must name the flujos folder of the sources\n");
		return 1;
	}
	*strrchr(real, '/') = '\0';
	root = real;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(real);
	return failed;
}
