/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "discord/call.h"

/* Discord: rows, sections and containers nest three deep today. */
#define COMPONENT_DEPTH_MAX 6

enum file_kind { FILE_FOREIGN, FILE_PICTURE, FILE_PREVIEW };

struct rest_call *message_list(uint64_t channel_id, uint64_t before)
{
	if (before)
		return call_get("GET /channels/{}/messages", channel_id,
			"/channels/%" PRIu64 "/messages?limit=100&before=%" PRIu64, channel_id,
			before);
	return call_get("GET /channels/{}/messages", channel_id,
		"/channels/%" PRIu64 "/messages?limit=100", channel_id);
}

struct rest_call *message_get(uint64_t channel_id, uint64_t message_id)
{
	return call_get("GET /channels/{}/messages/{}", channel_id,
		"/channels/%" PRIu64 "/messages/%" PRIu64, channel_id, message_id);
}

uint64_t message_id(struct json_object *answer)
{
	return json_id(answer, "id");
}

/* Reads digits; false when there are none or they are no u64. */
static bool read_id(const char **p, uint64_t *ret)
{
	size_t n = strspn(*p, "0123456789");
	char digits[24];

	if (n == 0 || n >= sizeof(digits))
		return false;
	memcpy(digits, *p, n);
	digits[n] = '\0';
	*p += n;
	return parse_u64(digits, ret) == 0;
}

/* What a file name of ours says: "fullet-12.png", "fullet-12-2.png", "fullet-12-preview.jpg".
 * It may be followed by the query string of a signed URL. */
static enum file_kind file_kind(const char *name, uint64_t *ret_job_id)
{
	static const char prefix[] = "fullet-", preview[] = "-preview.";
	uint64_t number;

	if (!str_starts(name, prefix))
		return FILE_FOREIGN;
	name += strlen(prefix);
	if (!read_id(&name, ret_job_id))
		return FILE_FOREIGN;
	if (str_starts(name, preview))
		return FILE_PREVIEW;
	if (*name == '-') {
		name++;
		if (!read_id(&name, &number))
			return FILE_FOREIGN;
	}
	return *name == '.' ? FILE_PICTURE : FILE_FOREIGN;
}

uint64_t custom_id_parse(const char *custom_id, char *action, size_t size)
{
	static const char prefix[] = "v1:";
	const char *colon;
	uint64_t id;
	size_t n;

	if (!str_starts(custom_id, prefix))
		return 0;
	custom_id += strlen(prefix);
	colon = strchr(custom_id, ':');
	n = colon ? (size_t)(colon - custom_id) : 0;
	if (n == 0 || n >= size || strspn(custom_id, "abcdefghijklmnopqrstuvwxyz") != n)
		return 0;
	if (parse_u64(colon + 1, &id) < 0 || id == 0)
		return 0;
	memcpy(action, custom_id, n);
	action[n] = '\0';
	return id;
}

/*
 * Discord: files shown by an embed do not appear in the message's attachments;
 * their URL is .../attachments/{channel}/{attachment}/{name}?... Gives the
 * attachment's id and where the name begins; NULL when it is no such URL.
 */
static const char *url_attachment(const char *url, uint64_t *ret_id)
{
	static const char folder[] = "/attachments/";
	const char *p = url ? strstr(url, folder) : NULL;
	uint64_t channel;

	if (!p)
		return NULL;
	p += strlen(folder);
	if (!read_id(&p, &channel) || *p++ != '/' || !read_id(&p, ret_id) || *p++ != '/')
		return NULL;
	return p;
}

uint64_t message_attachment(struct json_object *answer)
{
	struct json_object *attachments = json_array(answer, "attachments");
	struct json_object *embeds = json_array(answer, "embeds");
	uint64_t job_id, id;

	for (size_t i = 0; i < json_len(attachments); i++) {
		struct json_object *a = json_object_array_get_idx(attachments, i);

		if (file_kind(json_str(a, "filename"), &job_id) == FILE_PREVIEW)
			return json_id(a, "id");
	}
	for (size_t i = 0; i < json_len(embeds); i++) {
		struct json_object *image = json_at(json_object_array_get_idx(embeds, i), "image");
		const char *name = url_attachment(json_str(image, "url"), &id);

		if (!name || file_kind(name, &job_id) != FILE_PREVIEW)
			continue;
		return json_id(image, "attachment_id") ? json_id(image, "attachment_id") : id;
	}
	return 0;
}

struct finding {
	uint64_t job_id;
	bool live, picture, sorry;
};

static void look_at_file(struct finding *f, const char *name)
{
	uint64_t job_id = 0;
	enum file_kind kind = file_kind(name, &job_id);

	if (kind == FILE_FOREIGN || job_id != f->job_id)
		return;
	f->live |= kind == FILE_PREVIEW;
	f->picture |= kind == FILE_PICTURE;
}

static void look_at_components(struct finding *f, struct json_object *array, int depth)
{
	for (size_t i = 0; i < json_len(array) && depth < COMPONENT_DEPTH_MAX; i++) {
		struct json_object *c = json_object_array_get_idx(array, i);
		char action[16];

		if (custom_id_parse(json_str(c, "custom_id"), action, sizeof(action)) ==
			f->job_id) {
			f->live |= str_eq(action, "cancel");
			f->sorry |= str_eq(action, "again");
		}
		look_at_components(f, json_array(c, "components"), depth + 1);
	}
}

static void look_at_message(struct finding *f, struct json_object *message)
{
	struct json_object *attachments = json_array(message, "attachments");
	struct json_object *embeds = json_array(message, "embeds");

	for (size_t i = 0; i < json_len(attachments); i++)
		look_at_file(f, json_str(json_object_array_get_idx(attachments, i), "filename"));
	for (size_t i = 0; i < json_len(embeds); i++) {
		uint64_t id;

		look_at_file(f,
			url_attachment(
				json_str(json_object_array_get_idx(embeds, i), "image.url"), &id));
	}
	look_at_components(f, json_array(message, "components"), 0);
}

int message_find(
	struct json_object *answer, uint64_t bot_id, uint64_t job_id, struct job_marks *ret)
{
	struct job_marks marks = {0};

	if (!json_object_is_type(answer, json_type_array))
		return -EBADMSG;
	for (size_t i = 0; i < json_len(answer); i++) {
		struct json_object *message = json_object_array_get_idx(answer, i);
		struct finding f = {.job_id = job_id};
		uint64_t id = json_id(message, "id");

		if (!id)
			continue;
		marks.n++;
		marks.oldest_id = marks.oldest_id ? min_of(marks.oldest_id, id) : id;
		/* Anybody may post a file with our name; only our own messages count. */
		if (!job_id || json_id(message, "author.id") != bot_id)
			continue;
		look_at_message(&f, message);
		if (f.live && !marks.live_id)
			marks.live_id = id;
		if (f.picture && !marks.picture_id)
			marks.picture_id = id;
		if (f.sorry && !marks.sorry_id)
			marks.sorry_id = id;
	}
	*ret = marks;
	return 0;
}

bool message_find_reply(struct json_object *answer, uint64_t bot_id, uint64_t to_id)
{
	for (size_t i = 0; i < json_len(answer); i++) {
		struct json_object *message = json_object_array_get_idx(answer, i);

		if (json_id(message, "author.id") == bot_id &&
			json_id(message, "message_reference.message_id") == to_id)
			return true;
	}
	return false;
}
