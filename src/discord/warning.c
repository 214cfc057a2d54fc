/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "discord/call.h"
#include "discord/message.h"

/* The announcement that a private channel is about to go. */

enum { COMPONENT_ROW = 1, COMPONENT_BUTTON = 2, BUTTON_PRIMARY = 1 };

static char *in_language(
	enum text_id id, const char *locale, const struct text_args *args, const char *between)
{
	cleanup(freep) char *en = NULL, *es = NULL;

	if (locale)
		return text_make(id, locale, args);
	en = text_make(id, "en-US", args);
	es = text_make(id, "es-ES", args);
	return xasprintf("%s%s%s", en, between, es);
}

static struct json_object *keep_button(uint64_t user_id, const char *locale)
{
	struct json_object *components = json_object_new_array(), *inside = json_object_new_array();
	struct json_object *row = json_object_new_object(), *b = json_object_new_object();
	cleanup(freep) char *label = in_language(TEXT_BUTTON_KEEP, locale, NULL, " / ");
	cleanup(freep) char *id = xasprintf("v1:keep:%" PRIu64, user_id);

	json_add_int(b, "type", COMPONENT_BUTTON);
	json_add_int(b, "style", BUTTON_PRIMARY);
	json_add_str(b, "label", label);
	json_add_str(b, "custom_id", id);
	json_object_array_add(inside, b);
	json_add_int(row, "type", COMPONENT_ROW);
	json_add(row, "components", inside);
	json_object_array_add(components, row);
	return components;
}

struct rest_call *message_warning(uint64_t channel_id, uint64_t user_id, const char *locale,
	int64_t idle_ms, int64_t end_ms)
{
	struct text_args args = {.number = end_ms / 1000};
	cleanup(freep) char *sentence = in_language(TEXT_SESSION_WARNING, locale, &args, "\n");
	struct json_object *body = json_object_new_object(), *nobody = json_object_new_object();
	struct rest_call *call = call_make(HTTP_POST, "POST /channels/{}/messages", channel_id,
		REST_REPEATABLE, "/channels/%" PRIu64 "/messages", channel_id);
	char nonce[26];

	json_add_str(body, "content", sentence);
	json_add(nobody, "parse", json_object_new_array());
	json_add(body, "allowed_mentions", nobody);
	json_add(body, "components", keep_button(user_id, locale));
	/* Discord: at most 25 characters. */
	snprintf(nonce, sizeof(nonce), "w%" PRIx64 "%08" PRIx32, user_id, (uint32_t)idle_ms);
	json_add_str(body, "nonce", nonce);
	json_add_bool(body, "enforce_nonce", true);
	call_body(call, body);
	return call;
}

static bool announces(struct json_object *message, uint64_t user_id)
{
	struct json_object *rows = json_array(message, "components");
	char action[16];

	for (size_t i = 0; i < json_len(rows); i++) {
		struct json_object *inside =
			json_array(json_object_array_get_idx(rows, i), "components");

		for (size_t j = 0; j < json_len(inside); j++)
			if (custom_id_parse(
				    json_str(json_object_array_get_idx(inside, j), "custom_id"),
				    action, sizeof(action)) == user_id &&
				str_eq(action, "keep"))
				return true;
	}
	return false;
}

int message_read_warning(struct json_object *answer, uint64_t bot_id, uint64_t user_id,
	uint64_t *ret_warning_id, bool *ret_written)
{
	uint64_t warning_id = 0, written_id = 0;

	if (!json_object_is_type(answer, json_type_array))
		return -EBADMSG;
	for (size_t i = 0; i < json_len(answer); i++) {
		struct json_object *m = json_object_array_get_idx(answer, i);
		uint64_t author = json_id(m, "author.id"), id = json_id(m, "id");

		if (author == bot_id && announces(m, user_id))
			warning_id = max_of(warning_id, id);
		if (author == user_id)
			written_id = max_of(written_id, id);
	}
	*ret_warning_id = warning_id;
	*ret_written = warning_id && written_id > warning_id;
	return 0;
}

size_t message_find_warnings(
	struct json_object *answer, uint64_t bot_id, uint64_t user_id, uint64_t *ret, size_t max)
{
	size_t n = 0;

	if (!json_object_is_type(answer, json_type_array))
		return 0;
	for (size_t i = 0; i < json_len(answer) && n < max; i++) {
		struct json_object *m = json_object_array_get_idx(answer, i);

		if (json_id(m, "author.id") == bot_id && announces(m, user_id) && json_id(m, "id"))
			ret[n++] = json_id(m, "id");
	}
	return n;
}

struct rest_call *message_delete(uint64_t channel_id, uint64_t message_id)
{
	return call_make(HTTP_DELETE, "DELETE /channels/{}/messages/{}", channel_id,
		REST_REPEATABLE, "/channels/%" PRIu64 "/messages/%" PRIu64, channel_id, message_id);
}
