/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_COMMAND_H
#define FULLET_DISCORD_COMMAND_H

#include <json-c/json.h>

#include "base/defs.h"

/*
 * The commands of the bot: one table (command.c) from which registration, limits
 * and help are made. Names and descriptions exist in English and Spanish.
 */
enum command_id {
	COMMAND_NONE,
	COMMAND_IMAGINE, /* also the kind of a job */
	COMMAND_EDIT,	 /* also the kind of a job */
	COMMAND_EDIT_THIS,
	COMMAND_QUEUE,
	COMMAND_CANCEL,
	COMMAND_MODELS,
	COMMAND_STATUS,
	COMMAND_HELP,
	COMMAND_PRIVACY,
	COMMAND_ADMIN,
};

/* What the commands depend on. */
struct command_facts {
	size_t edit_workflows; /* with several, /edit asks which */
};

/* COMMAND_NONE when there is no such command. */
enum command_id command_find(const char *name);
/* The command's name in the locale's language; NULL when there is no such command. */
const char *command_name(enum command_id id, const char *locale);
/* What the command is for, in a sentence or two; NULL when there is no such command. */
const char *command_help(enum command_id id, const char *locale);
/* What the option is called in the locale's language; its own name when there is no such one. */
const char *command_option(enum command_id id, const char *option, const char *locale);
/* True when only administrators see it. */
bool command_is_for_admins(enum command_id id);
/* By number, for going through all; COMMAND_NONE past the end. */
enum command_id command_at(size_t i);
/* The array for PUT .../commands (owned by the caller). */
struct json_object *commands_json(const struct command_facts *facts);
/* True when what Discord has (answer of GET ...?with_localizations=true) says the same as our
 * table; absent, null and default values count as equal. */
bool commands_same(struct json_object *registered, const struct command_facts *facts);
/* The rows of a README's table, in Markdown: a line for each command, sub-command and option.
 * Owned. */
char *commands_markdown(bool spanish);

#endif
