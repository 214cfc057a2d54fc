/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "app/ask.h"
#include "app/command_line.h"
#include "app/flujos.h"
#include "base/json.h"
#include "discord/command.h"
#include "discord/message.h"

static void say_why(int status, uint64_t application, uint64_t guild, const char *why)
{
	char *url = application ? invite_url(application, guild) : NULL;

	if (status == 401)
		fprintf(stderr,
			"fullet: Discord refused the token; take a new one from the Developer "
			"Portal > Bot > Reset Token\n");
	else if (url && (status == 403 || status == 404))
		fprintf(stderr,
			"fullet: Discord refused: %s. Is the bot in the server that "
			"ALLOWED_GUILD_ID names? Invite it: %s\n",
			why, url);
	else if (status == 0)
		fprintf(stderr, "fullet: Discord does not answer: %s\n", why);
	else
		fprintf(stderr, "fullet: Discord refused: %s\n", why);
	free(url);
}

static size_t edit_workflows(const struct config *config)
{
	cleanup(freep) char *dir = flujos_find(config->flujos_dir);
	struct workflow_set *set = workflow_set_new();
	struct flujos *flujos = dir ? flujos_new(dir, set, NULL) : NULL;
	size_t n = 0;

	if (flujos && flujos_load(flujos) == 0)
		n = workflow_set_count(set, WORKFLOW_EDIT);
	flujos_free(flujos);
	workflow_set_free(set);
	return n;
}

static int sync_commands(struct asker *asker)
{
	uint64_t guild = asker->config->allowed_guild_id, application;
	struct command_facts facts = {.edit_workflows = edit_workflows(asker->config)};
	struct json_object *doc;
	char *why = NULL;
	int status, result = 1;

	doc = ask_discord(asker, application_get(), &status, &why);
	application = json_id(doc, "id");
	json_put(&doc);
	if (application && !why)
		doc = ask_discord(asker, commands_get(application, guild), &status, &why);
	if (doc && commands_same(doc, &facts)) {
		printf("The commands are up to date.\n");
		result = 0;
	} else if (doc) {
		struct json_object *commands = commands_json(&facts);

		json_put(&doc);
		doc = ask_discord(asker, commands_put(application, guild, commands), &status, &why);
		json_put(&commands);
		if (doc)
			printf("The commands were registered.\n");
		result = doc ? 0 : 1;
	}
	if (why)
		say_why(status, application, guild, why);
	free(why);
	json_put(&doc);
	return result;
}

int command_sync(int argc, char **argv)
{
	struct config config;
	struct asker asker;
	char *why = NULL;
	int result = 1;

	if (config_load(&config, NULL, NULL, &why) < 0) {
		fprintf(stderr, "fullet: %s\n", why);
		free(why);
		return 1;
	}
	if (!config.discord_token || !config.allowed_guild_id) {
		fprintf(stderr, "fullet: DISCORD_TOKEN and ALLOWED_GUILD_ID are needed\n");
	} else if (asker_new(&config, &asker) == 0) {
		result = sync_commands(&asker);
		asker_free(&asker);
	}
	config_free(&config);
	return result;
}
