/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_COMMAND_TABLE_H
#define FULLET_DISCORD_COMMAND_TABLE_H

#include "discord/command.h"

/* Private to command*.c: the rows from which registration, comparison and help are made. */

/* Discord's numbers. */
enum { COMMAND_SLASH = 1, COMMAND_MESSAGE = 3 };
enum {
	OPTION_SUBCOMMAND = 1,
	OPTION_STRING = 3,
	OPTION_INTEGER = 4,
	OPTION_USER = 6,
	OPTION_ROLE = 8,
	OPTION_NUMBER = 10,
	OPTION_ATTACHMENT = 11,
};

/* A word or sentence in the languages we speak. */
struct both {
	const char *en;
	const char *es;
};

struct option_row {
	struct both name;
	struct both description;
	int type;
	bool required;
	bool autocomplete;
	int min_length, max_length;	  /* strings; 0: none */
	bool bounded;			  /* numbers: min and max count */
	double min, max;
	bool only_with_several_edits;	  /* left out while there is one workflow to edit with */
	const struct option_row *options; /* of a sub-command; ends with a row without a name */
};

struct command_row {
	enum command_id id;
	int type;
	struct both name;
	struct both description; /* none for a message command */
	struct both help;
	const char *permissions; /* default_member_permissions: bits as text; NULL: everybody */
	const struct option_row *options; /* ends with a row without a name; NULL: none */
};

extern const struct command_row command_table[];
extern const size_t command_table_len;

#endif
