/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/message.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "discord/call.h"

struct rest_call *gateway_bot_get(void)
{
	return call_get("GET /gateway/bot", 0, "/gateway/bot");
}

struct rest_call *application_get(void)
{
	return call_get("GET /applications/@me", 0, "/applications/@me");
}

struct rest_call *user_get(void)
{
	return call_get("GET /users/@me", 0, "/users/@me");
}

struct rest_call *guild_get(uint64_t guild_id)
{
	return call_get("GET /guilds/{}", guild_id, "/guilds/%" PRIu64, guild_id);
}

struct rest_call *guild_member_get(uint64_t guild_id, uint64_t user_id)
{
	return call_get("GET /guilds/{}/members/{}", guild_id,
		"/guilds/%" PRIu64 "/members/%" PRIu64, guild_id, user_id);
}

struct rest_call *guild_leave(uint64_t guild_id)
{
	return call_make(HTTP_DELETE, "DELETE /users/@me/guilds/{}", guild_id, REST_REPEATABLE,
		"/users/@me/guilds/%" PRIu64, guild_id);
}

struct rest_call *commands_get(uint64_t application_id, uint64_t guild_id)
{
	return call_get("GET /applications/{}/guilds/{}/commands", guild_id,
		"/applications/%" PRIu64 "/guilds/%" PRIu64 "/commands?with_localizations=true",
		application_id, guild_id);
}

struct rest_call *commands_put(
	uint64_t application_id, uint64_t guild_id, struct json_object *commands)
{
	struct rest_call *call = call_make(HTTP_PUT, "PUT /applications/{}/guilds/{}/commands",
		guild_id, REST_REPEATABLE, "/applications/%" PRIu64 "/guilds/%" PRIu64 "/commands",
		application_id, guild_id);

	call->http.answer_max = DISCORD_ANSWER_MAX;
	call_body(call, json_object_get(commands));
	return call;
}

struct rest_call *commands_put_global(uint64_t application_id, struct json_object *commands)
{
	struct rest_call *call = call_make(HTTP_PUT, "PUT /applications/{}/commands", 0,
		REST_REPEATABLE, "/applications/%" PRIu64 "/commands", application_id);

	call->http.answer_max = DISCORD_ANSWER_MAX;
	call_body(call, json_object_get(commands));
	return call;
}

char *invite_url(uint64_t application_id, uint64_t guild_id)
{
	struct buf url = BUF(1024);

	must(buf_printf(&url,
		     "https://discord.com/oauth2/authorize?client_id=%" PRIu64
		     "&scope=bot%%20applications.commands&permissions=%llu&integration_type=0",
		     application_id, BOT_PERMISSIONS_INVITE) == 0);
	if (guild_id)
		must(buf_printf(&url, "&guild_id=%" PRIu64 "&disable_guild_select=true",
			     guild_id) == 0);
	return buf_take(&url);
}

char *permission_names(uint64_t missing)
{
	/* As the settings page of a Discord server calls them. */
	static const struct {
		int bit;
		const char *name;
	} names[] = {
		{3, "Administrator"},
		{4, "Manage Channels"},
		{5, "Manage Server"},
		{10, "View Channels"},
		{11, "Send Messages"},
		{13, "Manage Messages"},
		{14, "Embed Links"},
		{15, "Attach Files"},
		{16, "Read Message History"},
		{17, "Mention Everyone"},
		{28, "Manage Roles"},
		{31, "Use Application Commands"},
		{34, "Manage Threads"},
		{36, "Create Private Threads"},
		{38, "Send Messages in Threads"},
	};
	struct buf out = BUF(2048);

	for (int bit = 0; bit < 64; bit++) {
		const char *name = NULL;

		if (!(missing >> bit & 1))
			continue;
		for (size_t i = 0; i < countof(names); i++)
			if (names[i].bit == bit)
				name = names[i].name;
		must(buf_add_str(&out, out.len ? ", " : "") == 0);
		must((name ? buf_add_str(&out, name) : buf_printf(&out, "permission %d", bit)) ==
			0);
	}
	return buf_take(&out);
}
