/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_BOT_H
#define FULLET_APP_BOT_H

#include "app/config.h"
#include "app/logger.h"
#include "app/ports_uv.h"
#include "app/shell.h"

/* The bot with everything it runs on: database, clients, loop. Used by `run` and by the sandbox. */
struct bot;

struct bot_config {
	const struct config *config;
	struct logger *logger;
	struct loop *loop;
	struct lws_room *room; /* shared with whatever else uses the loop */
	const char *database;  /* as store_db_open() takes it */
	/* What the bot uses in the place of the settings of the same name (the sandbox's). */
	const char *token, *api_url;
	uint64_t guild_id;
	const char *const *comfy_urls;
	int n_comfy;
};

#define USER_AGENT    "DiscordBot (https://github.com/fullet/fullet, " FULLET_VERSION ")"

/* 0, or -errno with a sentence. */
int bot_new(const struct bot_config *config, struct bot **ret, char **ret_why);
struct bot *bot_free(struct bot *bot);
int64_t bot_turn(struct bot *bot, int64_t now_ms);
void bot_stop(struct bot *bot);
/* Reads the settings again, of which only those about the cards are taken. When they are not in order,
 * the log and #admin-tools hear why, and the old ones go on. Between two turns. */
void bot_reload(struct bot *bot);
struct shell *bot_shell(struct bot *bot);

#endif
