/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/message.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "discord/call.h"

/* Discord's permission bits. Whoever sets an overwrite must hold every bit in it. */
#define VIEW_CHANNEL 1024ull
/* View, send, embed, attach, read history, use commands. */
#define MEMBER_ALLOW 2147601408ull
/* View, send, embed, attach, read history, manage channels: without its own overwrite the bot
 * would lock itself out by denying everybody. */
#define BOT_ALLOW 117776ull

enum { OVERWRITE_ROLE = 0, OVERWRITE_MEMBER = 1 };

/* Discord: 1-100 characters. */
#define CHANNEL_NAME_MAX 100
/* Discord: 512 characters, URL-encoded; a line of headers should stay below 4 KiB. */
#define REASON_MAX 300

#define TOPIC_PREFIX "fullet:"

/* ---- decoding ---- */

/* Discord: the role @everyone has the guild's id. */
static bool is_hidden(struct json_object *object, uint64_t guild_id)
{
	struct json_object *overwrites = json_array(object, "permission_overwrites");

	for (size_t i = 0; i < json_len(overwrites); i++) {
		struct json_object *o = json_object_array_get_idx(overwrites, i);

		if (json_id(o, "id") == guild_id &&
			json_int(o, "type", OVERWRITE_ROLE) == OVERWRITE_ROLE &&
			(json_id(o, "deny") & VIEW_CHANNEL))
			return true;
	}
	return false;
}

int channels_decode(
	struct json_object *array, uint64_t guild_id, struct channel **ret, size_t *ret_n)
{
	struct channel *channels;
	size_t n = 0;

	if (!json_object_is_type(array, json_type_array))
		return -EBADMSG;
	channels = xcalloc(json_len(array), sizeof(*channels));
	for (size_t i = 0; i < json_len(array); i++) {
		struct json_object *object = json_object_array_get_idx(array, i);
		int64_t type = json_int(object, "type", -1);
		uint64_t id = json_id(object, "id");
		const char *name = json_str(object, "name");

		if (!id || type < 0 || type > INT32_MAX)
			continue;
		channels[n++] = (struct channel){
			.id = id,
			.parent_id = json_id(object, "parent_id"),
			.last_message_id = json_id(object, "last_message_id"),
			.type = (int)type,
			.hidden = is_hidden(object, guild_id),
			.restricted = json_flag(object, "nsfw", false),
			.name = text_repair(name ? name : ""),
			.topic = text_repair(json_str(object, "topic")),
		};
	}
	*ret = channels;
	*ret_n = n;
	return 0;
}

void channels_free(struct channel *channels, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(channels[i].name);
		free(channels[i].topic);
	}
	free(channels);
}

uint64_t channel_topic_user(const char *topic)
{
	char digits[24];
	uint64_t id;
	size_t n;

	if (!str_starts(topic, TOPIC_PREFIX))
		return 0;
	topic += strlen(TOPIC_PREFIX);
	n = strspn(topic, "0123456789");
	/* Somebody may have added a line of his own, but "fullet:12x" was never ours. */
	if (n == 0 || n >= sizeof(digits) || (topic[n] && !strchr(" \t\r\n", topic[n])))
		return 0;
	memcpy(digits, topic, n);
	digits[n] = '\0';
	return parse_u64(digits, &id) == 0 ? id : 0;
}

/* ---- making ---- */

struct rest_call *channel_list(uint64_t guild_id)
{
	return call_get(
		"GET /guilds/{}/channels", guild_id, "/guilds/%" PRIu64 "/channels", guild_id);
}

static void add_overwrite(
	struct json_object *overwrites, uint64_t id, int type, uint64_t allow, uint64_t deny)
{
	struct json_object *o = json_object_new_object();

	json_add_id(o, "id", id);
	json_add_int(o, "type", type);
	json_add_id(o, "allow", allow);
	json_add_id(o, "deny", deny);
	json_object_array_add(overwrites, o);
}

/* A second channel could not be told from the first: not repeatable. The caller looks at the
 * list before it tries again. */
static struct rest_call *create(uint64_t guild_id, struct json_object *body)
{
	struct rest_call *call = call_make(HTTP_POST, "POST /guilds/{}/channels", guild_id, 0,
		"/guilds/%" PRIu64 "/channels", guild_id);

	call_body(call, body);
	return call;
}

struct rest_call *channel_create_category(uint64_t guild_id, uint64_t bot_id, const char *name)
{
	struct json_object *body = json_object_new_object();
	struct json_object *overwrites = json_object_new_array();
	cleanup(freep) char *plain = text_plain(name, CHANNEL_NAME_MAX);

	add_overwrite(overwrites, guild_id, OVERWRITE_ROLE, 0, VIEW_CHANNEL);
	add_overwrite(overwrites, bot_id, OVERWRITE_MEMBER, BOT_ALLOW, 0);
	json_add_str(body, "name", *plain ? plain : "sessions");
	json_add_int(body, "type", CHANNEL_CATEGORY);
	json_add(body, "permission_overwrites", overwrites);
	return create(guild_id, body);
}

/*
 * As Discord itself would write it: lower case, blanks as '-', no runs of them, no
 * punctuation. User names have been a-z, 0-9, '_' and '.' since 2023; what is left
 * of an older one with other letters is dropped, for the topic tells whose it is.
 */
char *session_name(const char *username, uint64_t user_id)
{
	struct buf name = BUF(CHANNEL_NAME_MAX);
	size_t start;

	must(buf_add_str(&name, "session-") == 0);
	start = name.len;
	for (const char *p = username ? username : ""; *p && name.len < CHANNEL_NAME_MAX; p++) {
		char c = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;

		c = strchr(" \t", c) ? '-' : c;
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", c))
			continue;
		if (c != '-' || name.data[name.len - 1] != '-')
			must(buf_add(&name, &c, 1) == 0);
	}
	while (name.len > start && name.data[name.len - 1] == '-')
		name.data[--name.len] = '\0';
	if (name.len == start)
		must(buf_printf(&name, "%" PRIu64, user_id) == 0);
	return buf_take(&name);
}

struct rest_call *channel_create_private(uint64_t guild_id, uint64_t parent_id, uint64_t bot_id,
	uint64_t user_id, const char *username, bool restricted)
{
	struct json_object *body = json_object_new_object();
	struct json_object *overwrites = json_object_new_array();
	cleanup(freep) char *name = session_name(username, user_id);
	cleanup(freep) char *en = text_make(TEXT_CHANNEL_TOPIC, "en-US", NULL);
	cleanup(freep) char *es = text_make(TEXT_CHANNEL_TOPIC, "es-ES", NULL);
	cleanup(freep) char *topic =
		xasprintf(TOPIC_PREFIX "%" PRIu64 " · %s · %s", user_id, en, es);

	add_overwrite(overwrites, guild_id, OVERWRITE_ROLE, 0, VIEW_CHANNEL);
	add_overwrite(overwrites, user_id, OVERWRITE_MEMBER, MEMBER_ALLOW, 0);
	add_overwrite(overwrites, bot_id, OVERWRITE_MEMBER, BOT_ALLOW, 0);
	json_add_str(body, "name", name);
	json_add_int(body, "type", CHANNEL_TEXT);
	if (parent_id)
		json_add_id(body, "parent_id", parent_id);
	json_add_str(body, "topic", topic);
	if (restricted)
		json_add_bool(body, "nsfw", true);
	json_add(body, "permission_overwrites", overwrites);
	return create(guild_id, body);
}

struct rest_call *channel_restrict(uint64_t channel_id)
{
	struct json_object *body = json_object_new_object();
	struct rest_call *call = call_make(HTTP_PATCH, "PATCH /channels/{}", channel_id,
		REST_REPEATABLE, "/channels/%" PRIu64, channel_id);

	json_add_bool(body, "nsfw", true);
	call_body(call, body);
	return call;
}

struct rest_call *channel_delete(uint64_t channel_id, const char *reason)
{
	struct rest_call *call = call_make(HTTP_DELETE, "DELETE /channels/{}", channel_id,
		REST_REPEATABLE, "/channels/%" PRIu64, channel_id);
	cleanup(freep) char *plain = text_plain(reason, REASON_MAX);
	cleanup(freep) char *encoded = url_encode(plain);

	if (*encoded)
		http_request_header(&call->http, "X-Audit-Log-Reason", encoded);
	return call;
}
