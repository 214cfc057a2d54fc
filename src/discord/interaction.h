/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_INTERACTION_H
#define FULLET_DISCORD_INTERACTION_H

#include <json-c/json.h>

#include "base/defs.h"
#include "discord/attachment.h"

enum interaction_kind {
	INTERACTION_PING = 1,
	INTERACTION_COMMAND = 2,
	INTERACTION_COMPONENT = 3,
	INTERACTION_AUTOCOMPLETE = 4,
	INTERACTION_MODAL = 5,
};

#define INTERACTION_OPTIONS_MAX 25
#define PERMISSION_ADMINISTRATOR (1ull << 3)
#define PERMISSION_VIEW_CHANNEL (1ull << 10)
#define PERMISSION_READ_MESSAGE_HISTORY (1ull << 16)

struct interaction_option {
	char *name;
	char *text;      /* string value, or the decimal text of a number or id */
	bool focused;
};

/* Discord: a member has at most 250 roles (what an administrator's server can hold). */
#define INTERACTION_ROLES_MAX 250

/* A decoded INTERACTION_CREATE. Absent members are 0 or NULL. Strings are owned and valid UTF-8. */
struct interaction {
	enum interaction_kind kind;
	uint64_t id;
	uint64_t application_id;
	uint64_t guild_id;         /* 0: not in a guild */
	uint64_t channel_id;
	uint64_t user_id;          /* member.user.id, else user.id */
	uint64_t permissions;      /* member.permissions */
	uint64_t app_permissions;
	uint64_t message_id;       /* the host message of a component */
	int64_t attachment_size_limit;
	bool guild_install;        /* authorizing_integration_owners has "0", or is absent */
	int context;               /* 0 guild; absent counts as 0 when guild_id is set */
	char *token;               /* secret */
	char *username;
	char *locale;              /* "es-ES"; "en-US" when absent */
	char *command;
	char *subcommand;          /* "export" of /privacy export; NULL: none */
	char *custom_id;
	uint64_t *roles;           /* of the member */
	size_t n_roles;
	bool age_restricted;       /* the channel it came from is */
	uint64_t target_id;        /* of a message command: the message */
	uint64_t target_channel_id;
	/* Of a message command or a button: the message's pictures; else the files of its options. */
	struct attachment attachments[ATTACHMENTS_MAX];
	size_t n_attachments;
	/* Of a modal: the fields, by their custom_id. Sub-commands are flattened. */
	struct interaction_option options[INTERACTION_OPTIONS_MAX];
	size_t n_options;
};

/* -EBADMSG when a required member (id, type, token, a user, the command's name or custom_id) is
 * missing or of a wrong type; *ret is untouched then. */
int interaction_decode(struct json_object *d, struct interaction *ret);
void interaction_free(struct interaction *it);
const char *interaction_option(const struct interaction *it, const char *name); /* or NULL */
/* The file that an option of type attachment names; NULL when there is none. */
const struct attachment *interaction_attachment(const struct interaction *it, const char *option);
/* An option as an id (user, role, channel); 0 when there is none. */
uint64_t interaction_id(const struct interaction *it, const char *option);
/* An option that says yes. */
bool interaction_flag(const struct interaction *it, const char *option);
const struct interaction_option *interaction_focused(const struct interaction *it);
/* "es" for es-ES and es-419, else "en". */
bool locale_is_spanish(const char *locale);
/* Discord: a snowflake holds the milliseconds since 2015-01-01. Returns unix milliseconds. */
int64_t snowflake_ms(uint64_t id);

#endif
