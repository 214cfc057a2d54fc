/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "discord/call.h"
#include "discord/message.h"

/* Private threads of members. They have no topic, but an owner that cannot be forged: what the bot
 * itself has made is believed by its name. */

/* Discord. */
enum { THREAD_PRIVATE = 12 };
/* Discord: 60, 1440, 4320 or 10080 minutes; a message opens an archived one again. */
#define ARCHIVE_MINUTES 1440
/* Discord: 1-100 characters. */
#define THREAD_NAME_MAX 100

struct rest_call *thread_create(uint64_t channel_id, uint64_t user_id, const char *username)
{
	struct json_object *body = json_object_new_object();
	cleanup(freep) char *session = session_name(username, user_id);
	cleanup(freep) char *name =
		xasprintf("%.*s-%" PRIu64, THREAD_NAME_MAX - 21, session, user_id);
	/* A second thread could not be told from the first: the active ones are listed before. */
	struct rest_call *call = call_make(HTTP_POST, "POST /channels/{}/threads", channel_id, 0,
		"/channels/%" PRIu64 "/threads", channel_id);

	json_add_str(body, "name", name);
	json_add_int(body, "type", THREAD_PRIVATE);
	json_add_bool(body, "invitable", false);
	json_add_int(body, "auto_archive_duration", ARCHIVE_MINUTES);
	call_body(call, body);
	return call;
}

struct rest_call *thread_join(uint64_t thread_id, uint64_t user_id)
{
	return call_make(HTTP_PUT, "PUT /channels/{}/thread-members/{}", thread_id, REST_REPEATABLE,
		"/channels/%" PRIu64 "/thread-members/%" PRIu64, thread_id, user_id);
}

struct rest_call *threads_active(uint64_t guild_id)
{
	return call_get("GET /guilds/{}/threads/active", guild_id,
		"/guilds/%" PRIu64 "/threads/active", guild_id);
}

static uint64_t user_of(const char *name)
{
	const char *last = name ? strrchr(name, '-') : NULL;
	uint64_t id;

	return str_starts(name, "session-") && last && parse_u64(last + 1, &id) == 0 ? id : 0;
}

int threads_decode(struct json_object *array, uint64_t bot_id, struct thread **ret, size_t *ret_n)
{
	struct thread *threads;
	size_t n = 0;

	if (!json_object_is_type(array, json_type_array))
		return -EBADMSG;
	threads = xcalloc(json_len(array) + 1, sizeof(*threads));
	for (size_t i = 0; i < json_len(array); i++) {
		struct json_object *o = json_object_array_get_idx(array, i);
		struct thread t = {
			.id = json_id(o, "id"),
			.parent_id = json_id(o, "parent_id"),
			.last_message_id = json_id(o, "last_message_id"),
			.user_id = user_of(json_str(o, "name")),
		};

		if (t.id && t.user_id && json_int(o, "type", -1) == THREAD_PRIVATE && bot_id &&
			json_id(o, "owner_id") == bot_id)
			threads[n++] = t;
	}
	*ret = threads;
	*ret_n = n;
	return 0;
}
