/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_COMMAND_H
#define FULLET_DISCORD_COMMAND_H

#include <json-c/json.h>

#include "base/defs.h"

/*
 * The commands of the bot: one table (command.c) from which registration, limits
 * and help are made. Names and descriptions exist in English and Spanish.
 */
enum command_id { COMMAND_NONE, COMMAND_IMAGINE };

/* COMMAND_NONE when there is no such command. */
enum command_id command_find(const char *name);
/* What the command is for, in a sentence or two; NULL when there is no such command. */
const char *command_help(enum command_id id, const char *locale);
/* The array for PUT .../commands (owned by the caller). */
struct json_object *commands_json(void);
/* True when what Discord has (answer of GET ...?with_localizations=true) says the same as our
 * table; absent, null and default values count as equal. */
bool commands_same(struct json_object *registered);

#endif
