/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/bot.h"
#include "app/command_line.h"
#include "app/database.h"
#include "base/secret.h"
#include "io/claim.h"
#include "io/notify.h"
#include "io/question.h"

struct running {
	bool on_terminal; /* and to be ended when it goes away */
	struct loop *loop;
	struct bot *bot;
	struct logger *logger;
	struct notify *notify;
	struct question_server *questions;
};

static int64_t turn(void *ctx, int64_t now_ms)
{
	struct running *r = ctx;
	int64_t at_ms = bot_turn(r->bot, now_ms);
	struct shell *shell = bot_shell(r->bot);

	if (shell_state(shell) != SHELL_RUNNING)
		loop_stop(r->loop);
	return min_of(
		at_ms, notify_turn(r->notify, shell_ready_ms(shell) ? NULL : "Discord", now_ms));
}

static void stop(void *ctx)
{
	struct running *r = ctx;

	notify_stopping(r->notify);
	bot_stop(r->bot);
	loop_wake(r->loop);
}

static bool has_terminal(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* Whoever closes the terminal in which it runs wants it to end; anybody else wants the settings to
 * be read again. nohup has it ignored: then it is the latter. */
static void hang_up(void *ctx)
{
	struct running *r = ctx;

	if (!r->on_terminal || has_terminal()) {
		bot_reload(r->bot);
		return;
	}
	log_line(&r->logger->log, LOG_INFO, NULL, "the terminal is gone");
	stop(r);
}

/* "explain 12": `fullet explain` asks. */
static char *answer(void *ctx, const char *question)
{
	struct running *r = ctx;
	uint64_t id;

	if (!str_starts(question, "explain ") || parse_u64(question + strlen("explain "), &id) < 0)
		return NULL;
	return shell_explain(bot_shell(r->bot), id);
}

static int serve(struct running *r, int claim)
{
	struct shell *shell = bot_shell(r->bot);

	if (claim >= 0)
		r->questions = question_serve(r->loop, claim, answer, r);

	loop_on_stop(r->loop, stop, r);
	r->on_terminal = signal(SIGHUP, SIG_DFL) != SIG_IGN && has_terminal();
	loop_on_hangup(r->loop, hang_up, r);
	loop_run(r->loop, turn, r);
	if (shell_state(shell) != SHELL_FAILED)
		return 0;
	log_line(&r->logger->log, LOG_ERROR, NULL, "%s", shell_failure(shell));
	return 1;
}

static int run_bot(const struct config *config, struct logger *logger)
{
	struct running r = {.logger = logger};
	struct lws_room *room = NULL;
	char *why = NULL;
	int status = 1, claim;
	struct bot_config bot = {
		.config = config,
		.logger = logger,
		.database = database_where(config),
		.token = config->discord_token,
		.api_url = config->discord_api_url,
		.guild_id = config->allowed_guild_id,
		.comfy_urls = (const char *const *)config->comfy,
		.n_comfy = config->n_comfy,
	};

	if (!secret_locked(config->discord_token))
		log_line(&logger->log, LOG_WARN, NULL,
			"the memory of the token cannot be locked, so it may be swapped to disk: "
			"raise the limit memlock (ulimit -l, LimitMEMLOCK=)");
	claim = claim_secret(config->discord_token);
	if (claim == -EBUSY)
		why = xstrdup("another fullet on this computer already runs with this "
			      "DISCORD_TOKEN: stop "
			      "it first");
	else if (loop_new(&r.loop) < 0 || lws_room_new(r.loop, config->ca_file, &room) < 0)
		why = xstrdup("the event loop cannot be made");
	r.notify = notify_new();
	bot.loop = r.loop;
	bot.room = room;
	if (!why && bot_new(&bot, &r.bot, &why) == 0)
		status = serve(&r, claim);
	if (why)
		log_line(&logger->log, LOG_ERROR, NULL, "%s", why);
	free(why);
	question_server_free(r.questions);
	bot_free(r.bot);
	notify_free(r.notify);
	lws_room_free(room);
	loop_free(r.loop);
	return status;
}

int command_run(int argc, char **argv)
{
	struct config config;
	struct logger logger;
	char *why = NULL;
	int status;

	if (argc > 0) {
		fprintf(stderr, "fullet: run takes no argument; see fullet run --help\n");
		return 2;
	}
	if (config_load(&config, command_warn, NULL, &why) < 0)
		return command_failed(why, -EINVAL);
	if (!config.discord_token) {
		fprintf(stderr,
			"fullet: DISCORD_TOKEN is not set: starting the sandbox (nothing leaves "
			"this computer)\n");
		config_free(&config);
		return command_sandbox(0, NULL);
	}
	why = config_missing(&config);
	if (why) {
		fprintf(stderr, "fullet: %s\n", why);
		free(why);
		config_free(&config);
		return 1;
	}
	logger_init(&logger, &config);
	status = run_bot(&config, &logger);
	config_free(&config);
	return status;
}

int command_version(int argc, char **argv)
{
	printf("fullet %s\n", FULLET_VERSION);
	return 0;
}
