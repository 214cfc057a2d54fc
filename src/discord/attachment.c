/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/attachment.h"

#include <stdlib.h>
#include <strings.h>

#include "base/json.h"
#include "discord/text.h"

/* Discord: 40 components in all; a container holds sections, those an accessory. */
#define COMPONENT_DEPTH_MAX 6

void attachment_free(struct attachment *a)
{
	free(a->url);
	free(a->filename);
	free(a->content_type);
	*a = (struct attachment){0};
}

static int pixels(struct json_object *object, const char *name)
{
	int64_t n = json_int(object, name, 0);

	return n > 0 && n < INT32_MAX ? (int)n : 0;
}

static struct attachment decode(struct json_object *object, const char *id, const char *url)
{
	return (struct attachment){
		.id = json_id(object, id),
		.url = text_repair(url),
		.filename = text_repair(json_str(object, "filename")),
		.content_type = text_repair(json_str(object, "content_type")),
		.size = max_of(json_int(object, "size", 0), (int64_t)0),
		.width = pixels(object, "width"),
		.height = pixels(object, "height"),
	};
}

bool attachment_decode(struct json_object *object, struct attachment *ret)
{
	const char *url = json_str(object, "url");

	if (!json_id(object, "id") || !url || !*url)
		return false;
	*ret = decode(object, "id", url);
	return true;
}

static bool ends_like_a_picture(const char *name)
{
	static const char *const endings[] = {
		".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".heic", ".heif"};
	size_t n = name ? strlen(name) : 0;

	for (size_t i = 0; i < countof(endings); i++) {
		size_t m = strlen(endings[i]);

		if (n >= m && strcasecmp(name + n - m, endings[i]) == 0)
			return true;
	}
	return false;
}

/* By what is said of it: a video or a text is left out, anything that may be a picture is not. */
static bool may_be_picture(const struct attachment *a)
{
	return str_starts(a->content_type, "image/") || ends_like_a_picture(a->filename);
}

struct found {
	struct attachment *at;
	size_t n;
};

static void add(struct found *found, struct attachment a)
{
	bool known = !a.url || !*a.url;

	for (size_t i = 0; i < found->n && !known; i++)
		known = str_eq(found->at[i].url, a.url);
	if (known || found->n == ATTACHMENTS_MAX)
		attachment_free(&a);
	else
		found->at[found->n++] = a;
}

static void add_attachments(struct found *found, struct json_object *array)
{
	for (size_t i = 0; i < json_len(array); i++) {
		struct attachment a = {0};

		if (!attachment_decode(json_object_array_get_idx(array, i), &a))
			continue;
		if (may_be_picture(&a))
			add(found, a);
		else
			attachment_free(&a);
	}
}

/* An unfurled media item: galleries and thumbnails hold one. */
static void add_media(struct found *found, struct json_object *media)
{
	const char *url = json_str(media, "url"), *type = json_str(media, "content_type");

	if (url && (!type || str_starts(type, "image/")))
		add(found, decode(media, "attachment_id", url));
}

static void add_components(struct found *found, struct json_object *array, int depth)
{
	for (size_t i = 0; i < json_len(array) && depth < COMPONENT_DEPTH_MAX; i++) {
		struct json_object *c = json_object_array_get_idx(array, i);
		struct json_object *items = json_array(c, "items");

		add_media(found, json_member(c, "media"));
		add_media(found, json_at(c, "accessory.media"));
		for (size_t k = 0; k < json_len(items); k++)
			add_media(found, json_at(json_object_array_get_idx(items, k), "media"));
		add_components(found, json_array(c, "components"), depth + 1);
	}
}

/* Somebody else's server is never asked: Discord's copy of the picture is. */
static void add_embed(struct found *found, struct json_object *picture)
{
	const char *url = json_str(picture, "proxy_url");

	if (url)
		add(found, decode(picture, "id", url));
}

size_t message_pictures(struct json_object *message, struct attachment ret[ATTACHMENTS_MAX])
{
	struct json_object *embeds = json_array(message, "embeds");
	struct found found = {.at = ret};

	add_attachments(&found, json_array(message, "attachments"));
	add_components(&found, json_array(message, "components"), 0);
	for (size_t i = 0; i < json_len(embeds); i++) {
		struct json_object *embed = json_object_array_get_idx(embeds, i);

		add_embed(&found, json_member(embed, "image"));
		add_embed(&found, json_member(embed, "thumbnail"));
	}
	return found.n;
}
