/* SPDX-License-Identifier: Apache-2.0 */
#include "app/shell_parts.h"

/* Who administers the guild, and what a resumed session does not tell. */

/* ---- asked for ---- */

/* After it could not be found out. */
#define ASK_AGAIN_MS 10000

static void ask(struct shell *sh, struct shell_wanted *want)
{
	if (want->known || want->asked)
		return;
	want->asked = true;
	want->changed = false;
	shell_call(sh, want->call(sh->config.guild_id), want->kind, 0, 0);
}

void shell_wants_go(struct shell *sh)
{
	ask(sh, &sh->want_guild);
	ask(sh, &sh->want_channels);
}

bool shell_want_answered(struct shell *sh, struct shell_wanted *want, bool ok)
{
	want->asked = false;
	if (want->known) /* a new session has told meanwhile */
		return false;
	if (!ok)
		sh->words_ms = min_of(sh->words_ms, shell_now(sh) + ASK_AGAIN_MS);
	else if (want->changed)
		ask(sh, want);
	else
		return true;
	return false;
}

/* ---- who administers ---- */

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

static void read_role(struct shell_guild *g, uint64_t role_id, struct json_object *role)
{
	if (role_id)
		set_admin_role(g, role_id,
			role && (json_id(role, "permissions") & PERMISSION_ADMINISTRATOR));
}

void shell_guild_role(struct shell *sh, uint64_t role_id, struct json_object *role)
{
	read_role(&sh->guild, role_id, role);
	sh->want_guild.changed = true;
}

static bool is_guild(struct json_object *doc)
{
	return json_id(doc, "owner_id") && json_array(doc, "roles");
}

void shell_guild_read(struct shell *sh, struct json_object *guild)
{
	struct json_object *roles = json_array(guild, "roles");

	if (!is_guild(guild))
		return;
	sh->guild = (struct shell_guild){
		.spanish = locale_is_spanish(json_str(guild, "preferred_locale")),
		.owner_id = json_id(guild, "owner_id")};
	sh->want_guild.known = true;
	for (size_t i = 0; i < json_len(roles); i++) {
		struct json_object *role = json_object_array_get_idx(roles, i);

		read_role(&sh->guild, json_id(role, "id"), role);
	}
	shell_words_go(sh);
}

const char *shell_guild_locale(const struct shell *sh)
{
	return sh->guild.spanish ? "es-ES" : "en-US";
}

void shell_guild_answer(struct shell *sh, struct rest_call *call)
{
	struct json_object *doc = call->outcome == REST_OK ? rest_json(call) : NULL;

	if (shell_want_answered(sh, &sh->want_guild, is_guild(doc)))
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

/* MESSAGE_CREATE has no computed permissions, as interactions have: from owner and roles. */
bool shell_guild_is_admin(const struct shell *sh, uint64_t user_id, struct json_object *roles)
{
	uint64_t role;

	if (!user_id || !sh->want_guild.known)
		return false;
	if (user_id == sh->guild.owner_id)
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
