/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/bot.h"
#include "app/command_line.h"
#include "base/json.h"
#include "sandbox/sandbox.h"

/*
 * The sandbox: a Discord and a ComfyUI in this process, with the same bot
 * connected to them over real sockets. Nothing is kept when it ends.
 */

struct playing {
	struct loop *loop;
	struct sandbox *sandbox;
	struct bot *bot; /* NULL with --no-bot */
	struct logger *logger;
	bool stopped;
};

static int64_t turn(void *ctx, int64_t now_ms)
{
	struct playing *p = ctx;
	int64_t at_ms = sandbox_turn(p->sandbox, now_ms);

	if (p->bot) {
		at_ms = min_of(at_ms, bot_turn(p->bot, now_ms));
		if (shell_state(bot_shell(p->bot)) != SHELL_RUNNING)
			loop_stop(p->loop);
	} else if (p->stopped) {
		loop_stop(p->loop);
	}
	return at_ms;
}

static void stop(void *ctx)
{
	struct playing *p = ctx;

	p->stopped = true;
	if (p->bot)
		bot_stop(p->bot);
	loop_wake(p->loop);
}

/* What tests need to know, on stdout, as one line of JSON. */
static void print_addresses(const struct sandbox *s)
{
	struct json_object *doc = json_object_new_object(), *cards = json_object_new_array();
	const char *url;
	char *text;

	json_add_str(doc, "page", sandbox_page_url(s));
	json_add_str(doc, "discord", sandbox_discord_url(s));
	json_add_str(doc, "comfy", sandbox_comfy_url(s, 0));
	for (int i = 0; (url = sandbox_comfy_url(s, i)); i++)
		json_object_array_add(cards, json_object_new_string(url));
	json_add(doc, "cards", cards);
	json_add_str(doc, "token", sandbox_token(s));
	json_add_id(doc, "guild", sandbox_guild_id(s));
	text = json_text(doc);
	printf("%s\n", text);
	fflush(stdout);
	free(text);
	json_put(&doc);
}

struct options {
	bool no_bot;
	struct sandbox_config sandbox;
};

static int start_bot(
	struct playing *p, const struct config *config, struct lws_room *room, char **why)
{
	struct sandbox *s = p->sandbox;
	const char *own_comfy[WORLD_CARDS_MAX];
	int n_own = 0;
	struct bot_config bot = {
		.config = config,
		.logger = p->logger,
		.loop = p->loop,
		.room = room,
		.database = ":memory:",
		.token = sandbox_token(s),
		.api_url = sandbox_discord_url(s),
		.guild_id = sandbox_guild_id(s),
		.comfy_urls = (const char *const *)config->comfy,
		.n_comfy = config->n_comfy,
	};

	while (n_own < WORLD_CARDS_MAX && sandbox_comfy_url(s, n_own)) {
		own_comfy[n_own] = sandbox_comfy_url(s, n_own);
		n_own++;
	}
	if (n_own) {
		bot.comfy_urls = own_comfy;
		bot.n_comfy = n_own;
	}

	return bot_new(&bot, &p->bot, why);
}

static int play(struct playing *p, const struct config *config, const struct options *o)
{
	struct lws_room *room = NULL;
	char *why = NULL;
	int status = 1;

	if (loop_new(&p->loop) < 0 || lws_room_new(p->loop, config->ca_file, &room) < 0)
		why = xstrdup("the event loop cannot be made");
	if (!why && sandbox_new(p->loop, room, &o->sandbox, &p->sandbox, &why) == 0 &&
		(o->no_bot || start_bot(p, config, room, &why) == 0)) {
		if (o->no_bot)
			print_addresses(p->sandbox);
		else
			fprintf(stderr, "fullet: the sandbox is at %s (Ctrl-C ends it)\n",
				sandbox_page_url(p->sandbox));
		loop_on_stop(p->loop, stop, p);
		loop_run(p->loop, turn, p);
		status = p->bot && shell_state(bot_shell(p->bot)) == SHELL_FAILED;
		if (status)
			why = xstrdup(shell_failure(bot_shell(p->bot)));
	}
	if (why)
		log_line(&p->logger->log, LOG_ERROR, NULL, "%s", why);
	free(why);
	bot_free(p->bot);
	sandbox_free(p->sandbox);
	lws_room_free(room);
	loop_free(p->loop);
	return status;
}

/* "24,16,0.5": numbers above 0, times `unit`; returns how many, 0 when it cannot be. */
static int read_list(const char *text, double unit, double max, int *ret)
{
	char *end = NULL;
	int n = 0;

	for (;; text = end + 1) {
		double value = strtod(text, &end);

		if (end == text || !(value > 0 && value <= max) || n == WORLD_CARDS_MAX)
			return 0;
		ret[n++] = max_of((int)(value * unit + 0.5), 1);
		if (*end != ',')
			return *end ? 0 : n;
	}
}

/* --cards: gigabytes of each; --speeds: of each, or of the first ones. */
static bool read_cards(struct sandbox_config *c, int option, const char *text)
{
	int values[WORLD_CARDS_MAX];
	int n = option == 'g' ? read_list(text, 1024, 1024, values)
			      : read_list(text, 1000, 100, values);

	for (int i = 0; i < n; i++) {
		if (option == 'g')
			c->cards[i].vram_mb = values[i];
		else
			c->cards[i].speed = c->cards[i].load_speed = values[i];
	}
	if (option == 'g')
		c->n_cards = n;
	return n > 0;
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {{"no-bot", no_argument, NULL, 'n'},
		{"cert", required_argument, NULL, 'c'}, {"key", required_argument, NULL, 'k'},
		{"heartbeat-ms", required_argument, NULL, 'h'},
		{"no-rate-limits", no_argument, NULL, 'r'}, {"cards", required_argument, NULL, 'g'},
		{"speeds", required_argument, NULL, 's'}, {"cache-lru", no_argument, NULL, 'l'},
		{"plain-pictures", no_argument, NULL, 'p'}, {0}};
	char *args[32] = {"fullet sandbox"};
	bool lru = false;
	uint64_t ms;
	int c;

	if (argc > 30)
		return 2;
	for (int i = 0; i < argc; i++)
		args[i + 1] = argv[i];
	while ((c = getopt_long(argc + 1, args, "", options, NULL)) != -1) {
		if (c == 'n')
			o->no_bot = true;
		else if (c == 'c')
			o->sandbox.cert_file = optarg;
		else if (c == 'k')
			o->sandbox.key_file = optarg;
		else if (c == 'r')
			o->sandbox.no_rate_limits = true;
		else if (c == 'h' && parse_u64(optarg, &ms) == 0)
			o->sandbox.heartbeat_ms = (int64_t)ms;
		else if (c == 'l')
			lru = true;
		else if (c == 'p')
			o->sandbox.plain_pictures = true;
		else if ((c == 'g' || c == 's') && read_cards(&o->sandbox, c, optarg))
			continue;
		else
			return 2;
	}
	for (int i = 0; i < WORLD_CARDS_MAX; i++)
		o->sandbox.cards[i].lru = lru;
	o->sandbox.n_cards = max_of(o->sandbox.n_cards, 1);
	return optind == argc + 1 ? 0 : 2;
}

int command_sandbox(int argc, char **argv)
{
	struct options o = {0};
	struct config config;
	struct logger logger;
	struct playing p = {.logger = &logger};
	char *why = NULL;
	int status;

	if (parse(argc, argv, &o)) {
		fprintf(stderr, "usage: fullet sandbox [--no-bot] [--cert FILE --key FILE] "
				"[--heartbeat-ms N] [--no-rate-limits] [--cards GB,GB,...] "
				"[--speeds N,N,...] [--cache-lru] [--plain-pictures]\n");
		return 2;
	}
	if (config_load(&config, command_warn, NULL, &why) < 0)
		return command_failed(why, -EINVAL);
	o.sandbox.page_port = (int)config.sandbox_port;
	o.sandbox.discord_port = (int)config.sandbox_discord_port;
	o.sandbox.comfy_port = (int)config.sandbox_comfy_port;
	o.sandbox.step_ms = config.sandbox_step_ms;
	o.sandbox.load_ms = config.sandbox_load_ms;
	o.sandbox.comfy_key = config.comfy_api_key;
	for (int i = 0; i < WORLD_CARDS_MAX; i++)
		o.sandbox.cards[i].key = config.comfy_keys[i];
	o.sandbox.with_comfy = config.n_comfy == 0;
	logger_init(&logger, &config);
	status = play(&p, &config, &o);
	config_free(&config);
	return status;
}
