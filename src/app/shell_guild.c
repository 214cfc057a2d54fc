/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "app/shell_parts.h"

/* Who administers the guild, and what administrators write in #admin-tools. */

static void set_admin_role(struct shell_guild *g, uint64_t role_id, bool admin)
{
	size_t i = 0;

	while (i < g->n_admin_roles && g->admin_roles[i] != role_id)
		i++;
	if (admin && i == g->n_admin_roles && i < countof(g->admin_roles))
		g->admin_roles[g->n_admin_roles++] = role_id;
	else if (!admin && i < g->n_admin_roles)
		g->admin_roles[i] = g->admin_roles[--g->n_admin_roles];
}

void shell_guild_role(struct shell *sh, uint64_t role_id, struct json_object *role)
{
	if (role_id)
		set_admin_role(&sh->guild, role_id,
			role && (json_id(role, "permissions") & PERMISSION_ADMINISTRATOR));
}

void shell_guild_read(struct shell *sh, struct json_object *guild)
{
	struct json_object *roles = json_array(guild, "roles");
	uint64_t owner_id = json_id(guild, "owner_id");

	if (!owner_id || !roles)
		return;
	sh->guild = (struct shell_guild){.known = true,
		.spanish = locale_is_spanish(json_str(guild, "preferred_locale")),
		.owner_id = owner_id};
	for (size_t i = 0; i < json_len(roles); i++) {
		struct json_object *role = json_object_array_get_idx(roles, i);

		shell_guild_role(sh, json_id(role, "id"), role);
	}
}

const char *shell_guild_locale(const struct shell *sh)
{
	return sh->guild.spanish ? "es-ES" : "en-US";
}

/* A resumed session gives no GUILD_CREATE. */
void shell_guild_ask(struct shell *sh)
{
	shell_call(sh, guild_get(sh->config.guild_id), CALL_GUILD, 0, 0);
}

void shell_guild_answer(struct shell *sh, struct rest_call *call)
{
	struct json_object *doc = call->outcome == REST_OK ? rest_json(call) : NULL;

	shell_guild_read(sh, doc);
	json_put(&doc);
}

static bool is_admin_role(const struct shell_guild *g, uint64_t role_id)
{
	for (size_t i = 0; i < g->n_admin_roles; i++)
		if (g->admin_roles[i] == role_id)
			return true;
	return false;
}

/* MESSAGE_CREATE has no computed permissions (DISCORD.md, section 8): from owner and roles. */
static bool is_by_admin(const struct shell *sh, struct json_object *message)
{
	struct json_object *roles = json_array(message, "member.roles");
	uint64_t author = json_id(message, "author.id"), role;

	if (!author || !sh->guild.known || json_member(message, "webhook_id"))
		return false;
	if (author == sh->guild.owner_id)
		return true;
	/* The role of everybody has the guild's id. */
	if (is_admin_role(&sh->guild, sh->config.guild_id))
		return true;
	for (size_t i = 0; i < json_len(roles); i++)
		if (parse_u64(json_object_get_string(json_object_array_get_idx(roles, i)), &role) ==
				0 &&
			is_admin_role(&sh->guild, role))
			return true;
	return false;
}

/* The word after "!" or after the bot's mention; NULL when it is neither. */
static const char *word_of(const struct shell *sh, const char *text)
{
	char mention[2][40];

	text += strspn(text, " \t\r\n");
	if (*text == '!')
		return text + 1;
	snprintf(mention[0], sizeof(mention[0]), "<@%" PRIu64 ">", sh->bot_id);
	snprintf(mention[1], sizeof(mention[1]), "<@!%" PRIu64 ">", sh->bot_id);
	for (size_t i = 0; i < countof(mention); i++)
		if (str_starts(text, mention[i])) {
			text += strlen(mention[i]);
			text += strspn(text, " \t\r\n");
			return *text == '!' ? text + 1 : text;
		}
	return NULL;
}

static bool is_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	return text && strncasecmp(text, word, n) == 0 &&
	       text[n + strspn(text + n, " \t\r\n")] == '\0';
}

static void sync_from(struct shell *sh, uint64_t channel_id, bool clear)
{
	struct shell_report report = {.channel_id = channel_id,
		.locale = xstrdup(shell_guild_locale(sh)),
		.clear = clear};

	shell_commands_put(sh, &report);
}

static void say_id(struct shell *sh, uint64_t channel_id)
{
	char id[24];
	char *sentence;

	snprintf(id, sizeof(id), "%" PRIu64, sh->config.guild_id);
	sentence =
		text_make(TEXT_SERVER_ID, shell_guild_locale(sh), &(struct text_args){.text = id});
	shell_call(sh, message_plain(channel_id, sentence), CALL_IGNORED, 0, 0);
	free(sentence);
}

bool shell_admin_message(struct shell *sh, struct json_object *message)
{
	uint64_t channel_id = json_id(message, "channel_id");
	const char *text = json_str(message, "content"), *word;

	if (!channel_id || channel_id != sh->admin_channel_id || !text)
		return false;
	word = word_of(sh, text);
	/* Anybody else hears nothing at all. */
	if (!word || !is_by_admin(sh, message))
		return true;
	if (is_word(word, "sync"))
		sync_from(sh, channel_id, false);
	else if (is_word(word, "clearall"))
		sync_from(sh, channel_id, true);
	else if (is_word(word, "getid"))
		say_id(sh, channel_id);
	return true;
}
