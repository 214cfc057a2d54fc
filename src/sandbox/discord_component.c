/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of embeds, components and modals. */
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/discord_impl.h"

#define COMPONENTS_MAX 40   /* nested ones too */
#define TEXT_MAX       4000 /* displayed text of all components together */
#define EMBEDS_SUM_MAX 6000

struct walk {
	struct dw_call *c;
	const struct dw_names *names;
	bool v2;
	size_t count, text;
	const char *ids[COMPONENTS_MAX];
	size_t n_ids;
};

bool dw_names_has(const struct dw_names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (str_eq(names->name[i], name))
			return true;
	return false;
}

static bool is_url(const char *url)
{
	return str_starts(url, "https://") || str_starts(url, "http://");
}

void dw_check_media(struct dw_call *c, struct json_object *media, const char *path,
	const struct dw_names *names)
{
	const char *url = json_str(media, "url");
	char where[DW_PATH_SIZE];

	dw_path(where, path, "url");
	if (!url)
		dw_invalid(c, where, "BASE_TYPE_REQUIRED", "This field is required");
	else if (str_starts(url, "attachment://") && !dw_names_has(names, url + 13))
		dw_invalid(c, where, "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND",
			"The referenced attachment was not found");
	else if (!str_starts(url, "attachment://") && !is_url(url))
		dw_invalid(c, where, "URL_TYPE_INVALID_SCHEME",
			"Scheme must be one of ('http', 'https', 'attachment').");
}

/* ---- embeds ---- */

static void embed_picture(struct dw_call *c, struct json_object *embed, const char *name,
	const char *path, const struct dw_names *names)
{
	static const char *const endings[] = {".png", ".jpg", ".jpeg", ".webp", ".gif"};
	struct json_object *media = json_member(embed, name);
	const char *url = json_str(media, "url");
	char where[DW_PATH_SIZE];
	bool picture = false;

	if (!media)
		return;
	dw_check_media(c, media, dw_path(where, path, "%s", name), names);
	for (size_t i = 0; url && i < countof(endings); i++)
		picture |= str_ends(url, endings[i]);
	if (url && str_starts(url, "attachment://") && !picture)
		dw_violation(c->w, "embed_picture", "%s is not png, jpg, webp or gif", url);
}

static size_t len_at(struct json_object *o, const char *path)
{
	const char *text = json_str(o, path);

	return text ? dw_utf16_len(text) : 0;
}

static size_t check_embed(
	struct dw_call *c, struct json_object *e, const char *path, const struct dw_names *names)
{
	static const struct dw_field fields[] = {{"title", DW_STR | DW_NULL, 256}, {"type", DW_STR},
		{"description", DW_STR | DW_NULL, 4096}, {"url", DW_STR | DW_NULL, 2048},
		{"timestamp", DW_STR | DW_NULL}, {"color", DW_INT | DW_NULL},
		{"footer", DW_OBJ | DW_NULL}, {"image", DW_OBJ | DW_NULL},
		{"thumbnail", DW_OBJ | DW_NULL}, {"author", DW_OBJ | DW_NULL},
		{"fields", DW_ARR | DW_NULL, 25}};
	static const struct dw_field field[] = {{"name", DW_STR | DW_REQUIRED, 256, 1},
		{"value", DW_STR | DW_REQUIRED, 1024, 1}, {"inline", DW_BOOL}};
	static const struct dw_field footer[] = {
		{"text", DW_STR | DW_REQUIRED, 2048}, {"icon_url", DW_STR | DW_NULL}};
	static const struct dw_field author[] = {{"name", DW_STR | DW_REQUIRED, 256},
		{"url", DW_STR | DW_NULL}, {"icon_url", DW_STR | DW_NULL}};
	struct json_object *list = json_array(e, "fields");
	char where[DW_PATH_SIZE];
	size_t sum;

	if (!dw_check_object(c, e, path, fields, countof(fields)))
		return 0;
	if (json_member(e, "footer"))
		dw_check_object(c, json_member(e, "footer"), dw_path(where, path, "footer"), footer,
			countof(footer));
	if (json_member(e, "author"))
		dw_check_object(c, json_member(e, "author"), dw_path(where, path, "author"), author,
			countof(author));
	embed_picture(c, e, "image", path, names);
	embed_picture(c, e, "thumbnail", path, names);
	if (json_str(e, "url") && !is_url(json_str(e, "url")))
		dw_invalid(c, dw_path(where, path, "url"), "URL_TYPE_INVALID_URL",
			"Not a well formed URL.");
	sum = len_at(e, "title") + len_at(e, "description") + len_at(e, "footer.text") +
	      len_at(e, "author.name");
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *f = json_object_array_get_idx(list, i);

		dw_check_object(c, f, dw_path(where, path, "fields.%zu", i), field, countof(field));
		sum += len_at(f, "name") + len_at(f, "value");
	}
	if (!sum && !json_member(e, "image") && !json_member(e, "thumbnail"))
		dw_invalid(c, dw_path(where, path, "description"), "BASE_TYPE_REQUIRED",
			"This field is required");
	return sum;
}

void dw_check_embeds(struct dw_call *c, struct json_object *embeds, const char *path,
	const struct dw_names *names)
{
	char where[DW_PATH_SIZE];
	size_t sum = 0;

	for (size_t i = 0; i < json_len(embeds); i++)
		sum += check_embed(c, json_object_array_get_idx(embeds, i),
			dw_path(where, path, "%zu", i), names);
	if (sum > EMBEDS_SUM_MAX)
		dw_invalid(c, path, "MAX_EMBED_SIZE_EXCEEDED",
			"Embed size exceeds maximum size of 6000");
}

/* ---- components ---- */

/* Discord: custom_id has 1 to 100 characters and is unique in its message. */
static void check_custom_id(struct walk *k, struct json_object *o, const char *path)
{
	const char *id = json_str(o, "custom_id");
	char where[DW_PATH_SIZE];

	dw_path(where, path, "custom_id");
	if (!id) {
		dw_invalid(k->c, where, "BASE_TYPE_REQUIRED", "This field is required");
		return;
	}
	for (size_t i = 0; i < k->n_ids; i++)
		if (str_eq(k->ids[i], id)) {
			dw_invalid(k->c, where, "COMPONENT_CUSTOM_ID_DUPLICATED",
				"Component custom id cannot be duplicated");
			return;
		}
	if (k->n_ids < COMPONENTS_MAX)
		k->ids[k->n_ids++] = id;
}

static void check_button(struct walk *k, struct json_object *o, const char *path)
{
	static const struct dw_field fields[] = {{"type", DW_INT}, {"id", DW_INT},
		{"style", DW_INT | DW_REQUIRED}, {"label", DW_STR | DW_NULL, 80},
		{"emoji", DW_OBJ | DW_NULL}, {"custom_id", DW_STR, 100, 1}, {"sku_id", DW_ID},
		{"url", DW_STR, 512, 1}, {"disabled", DW_BOOL}};
	int64_t style = json_int(o, "style", 0);
	char where[DW_PATH_SIZE];

	dw_check_object(k->c, o, path, fields, countof(fields));
	if (style < 1 || style > 5)
		dw_invalid(k->c, dw_path(where, path, "style"), "BASE_TYPE_CHOICES",
			"Value must be one of (1, 2, 3, 4, 5).");
	if (style == 5) {
		if (json_member(o, "custom_id"))
			dw_invalid(k->c, dw_path(where, path, "custom_id"),
				"BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
				"A custom id and url cannot both be specified");
		if (!json_str(o, "url") || !is_url(json_str(o, "url")))
			dw_invalid(k->c, dw_path(where, path, "url"), "URL_TYPE_INVALID_SCHEME",
				"A link button needs a URL");
	} else {
		check_custom_id(k, o, path);
		if (json_member(o, "url"))
			dw_invalid(k->c, dw_path(where, path, "url"),
				"BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
				"Only a link button has a URL");
	}
	if (!len_at(o, "label") && !json_member(o, "emoji"))
		dw_invalid(
			k->c, path, "BUTTON_COMPONENT_NO_LABEL", "A label or an emoji is needed");
}

static void check_select(struct walk *k, struct json_object *o, const char *path)
{
	static const struct dw_field fields[] = {{"type", DW_INT}, {"id", DW_INT},
		{"custom_id", DW_STR | DW_REQUIRED, 100, 1}, {"placeholder", DW_STR | DW_NULL, 150},
		{"min_values", DW_INT}, {"max_values", DW_INT}, {"disabled", DW_BOOL},
		{"required", DW_BOOL}, {"default_values", DW_ARR, 25}, {"channel_types", DW_ARR},
		{"options", DW_ARR, 25, 1}};
	static const struct dw_field option[] = {{"label", DW_STR | DW_REQUIRED, 100, 1},
		{"value", DW_STR | DW_REQUIRED, 100, 1}, {"description", DW_STR | DW_NULL, 100},
		{"emoji", DW_OBJ | DW_NULL}, {"default", DW_BOOL}};
	struct json_object *list = json_array(o, "options");
	int64_t min = json_int(o, "min_values", 1), max = json_int(o, "max_values", 1);
	bool text = json_int(o, "type", 0) == 3;
	char where[DW_PATH_SIZE];

	dw_check_object(k->c, o, path, fields, countof(fields));
	check_custom_id(k, o, path);
	if (text != (list != NULL))
		dw_invalid(k->c, dw_path(where, path, "options"), "BASE_TYPE_REQUIRED",
			"A string select has options, no other does");
	if (min < 0 || max < 1 || min > max || max > 25 || (list && max > (int64_t)json_len(list)))
		dw_invalid(k->c, dw_path(where, path, "max_values"), "COMPONENT_SELECT_VALUES",
			"min_values and max_values do not fit");
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		dw_check_object(
			k->c, one, dw_path(where, path, "options.%zu", i), option, countof(option));
		for (size_t j = 0; j < i; j++)
			if (str_eq(json_str(json_object_array_get_idx(list, j), "value"),
				    json_str(one, "value")))
				dw_invalid(k->c, where, "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
					"The specified option value is already used");
	}
}

static void check_row(struct walk *k, struct json_object *o, const char *path)
{
	static const struct dw_field fields[] = {
		{"type", DW_INT}, {"id", DW_INT}, {"components", DW_ARR | DW_REQUIRED, 5, 1}};
	struct json_object *list = json_array(o, "components");
	char where[DW_PATH_SIZE];

	dw_check_object(k->c, o, path, fields, countof(fields));
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *child = json_object_array_get_idx(list, i);
		int64_t type = json_int(child, "type", 0);

		k->count++;
		dw_path(where, path, "components.%zu", i);
		if (type == 2)
			check_button(k, child, where);
		else if (type == 3 || (type >= 5 && type <= 8))
			check_select(k, child, where);
		else
			dw_invalid(k->c, where, "BASE_TYPE_CHOICES", "Not allowed in a row");
		if (type != 2 && json_len(list) > 1)
			dw_invalid(k->c, path, "COMPONENT_LAYOUT_WIDTH_EXCEEDED",
				"A select fills its row alone");
	}
}

static void check_text(struct walk *k, struct json_object *o, const char *path)
{
	static const struct dw_field fields[] = {
		{"type", DW_INT}, {"id", DW_INT}, {"content", DW_STR | DW_REQUIRED, TEXT_MAX, 1}};

	dw_check_object(k->c, o, path, fields, countof(fields));
	k->text += len_at(o, "content");
}

static void check_section(struct walk *k, struct json_object *o, const char *path)
{
	static const struct dw_field fields[] = {{"type", DW_INT}, {"id", DW_INT},
		{"components", DW_ARR | DW_REQUIRED, 3, 1}, {"accessory", DW_OBJ | DW_REQUIRED}};
	struct json_object *list = json_array(o, "components");
	struct json_object *accessory = json_member(o, "accessory");
	char where[DW_PATH_SIZE];

	dw_check_object(k->c, o, path, fields, countof(fields));
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *child = json_object_array_get_idx(list, i);

		k->count++;
		dw_path(where, path, "components.%zu", i);
		if (json_int(child, "type", 0) == 10)
			check_text(k, child, where);
		else
			dw_invalid(
				k->c, where, "BASE_TYPE_CHOICES", "A section holds text displays");
	}
	k->count++;
	dw_path(where, path, "accessory");
	if (json_int(accessory, "type", 0) == 2) {
		check_button(k, accessory, where);
	} else if (json_int(accessory, "type", 0) == 11) {
		char media[DW_PATH_SIZE];

		dw_check_media(k->c, json_member(accessory, "media"),
			dw_path(media, where, "media"), k->names);
	} else {
		dw_invalid(k->c, where, "BASE_TYPE_CHOICES", "A button or a thumbnail");
	}
}

static void check_gallery(struct walk *k, struct json_object *o, const char *path)
{
	static const struct dw_field fields[] = {
		{"type", DW_INT}, {"id", DW_INT}, {"items", DW_ARR | DW_REQUIRED, 10, 1}};
	static const struct dw_field item[] = {{"media", DW_OBJ | DW_REQUIRED},
		{"description", DW_STR | DW_NULL, 1024}, {"spoiler", DW_BOOL}};
	struct json_object *list = json_array(o, "items");
	char where[DW_PATH_SIZE], media[DW_PATH_SIZE];

	dw_check_object(k->c, o, path, fields, countof(fields));
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (dw_check_object(
			    k->c, one, dw_path(where, path, "items.%zu", i), item, countof(item)))
			dw_check_media(k->c, json_member(one, "media"),
				dw_path(media, where, "media"), k->names);
	}
}

static void check_file(struct walk *k, struct json_object *o, const char *path)
{
	static const struct dw_field fields[] = {{"type", DW_INT}, {"id", DW_INT},
		{"file", DW_OBJ | DW_REQUIRED}, {"spoiler", DW_BOOL}};
	const char *url = json_str(o, "file.url");
	char where[DW_PATH_SIZE];

	dw_check_object(k->c, o, path, fields, countof(fields));
	if (url && !str_starts(url, "attachment://"))
		dw_invalid(k->c, dw_path(where, path, "file.url"), "URL_TYPE_INVALID_SCHEME",
			"Scheme must be attachment");
	dw_check_media(k->c, json_member(o, "file"), dw_path(where, path, "file"), k->names);
}

static void check_layout(struct walk *k, struct json_object *list, const char *path, bool inner);

static void check_one(struct walk *k, struct json_object *o, const char *path, bool inner)
{
	static const struct dw_field separator[] = {
		{"type", DW_INT}, {"id", DW_INT}, {"divider", DW_BOOL}, {"spacing", DW_INT}};
	static const struct dw_field container[] = {{"type", DW_INT}, {"id", DW_INT},
		{"components", DW_ARR | DW_REQUIRED, COMPONENTS_MAX, 1},
		{"accent_color", DW_INT | DW_NULL}, {"spoiler", DW_BOOL}};
	int64_t type = json_int(o, "type", 0);
	char where[DW_PATH_SIZE];

	k->count++;
	if (!k->v2 && type != 1) {
		dw_invalid(k->c, dw_path(where, path, "type"), "BASE_TYPE_CHOICES",
			"Value of field \"type\" must be one of (1,).");
	} else if (type == 1) {
		check_row(k, o, path);
	} else if (type == 9) {
		check_section(k, o, path);
	} else if (type == 10) {
		check_text(k, o, path);
	} else if (type == 12) {
		check_gallery(k, o, path);
	} else if (type == 13) {
		check_file(k, o, path);
	} else if (type == 14) {
		dw_check_object(k->c, o, path, separator, countof(separator));
	} else if (type == 17 && !inner) {
		dw_check_object(k->c, o, path, container, countof(container));
		check_layout(
			k, json_array(o, "components"), dw_path(where, path, "components"), true);
	} else {
		dw_invalid(k->c, dw_path(where, path, "type"), "BASE_TYPE_CHOICES",
			"A component of this type is not allowed here");
	}
}

static void check_layout(struct walk *k, struct json_object *list, const char *path, bool inner)
{
	char where[DW_PATH_SIZE];

	for (size_t i = 0; i < json_len(list); i++)
		check_one(k, json_object_array_get_idx(list, i), dw_path(where, path, "%zu", i),
			inner);
}

void dw_check_components(struct dw_call *c, struct json_object *list, const char *path, bool v2,
	const struct dw_names *names)
{
	struct walk k = {.c = c, .names = names, .v2 = v2};

	if (!v2 && json_len(list) > 5)
		dw_invalid(c, path, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.");
	check_layout(&k, list, path, false);
	if (k.count > COMPONENTS_MAX)
		dw_invalid(c, path, "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED",
			"The maximum number of components is 40");
	if (k.text > TEXT_MAX)
		dw_invalid(c, path, "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
			"Text of all components exceeds 4000 characters");
}

/* Discord: https://docs.discord.com/developers/components/reference#text-input */
static void check_input(struct walk *k, struct json_object *o, const char *path)
{
	static const struct dw_field fields[] = {{"type", DW_INT}, {"id", DW_INT},
		{"custom_id", DW_STR | DW_REQUIRED, 100, 1}, {"style", DW_INT | DW_REQUIRED},
		{"min_length", DW_INT}, {"max_length", DW_INT}, {"required", DW_BOOL},
		{"value", DW_STR, 4000}, {"placeholder", DW_STR, 100}};
	int64_t style = json_int(o, "style", 0), min = json_int(o, "min_length", 0),
		max = json_int(o, "max_length", 4000);
	char where[DW_PATH_SIZE];

	dw_check_object(k->c, o, path, fields, countof(fields));
	check_custom_id(k, o, path);
	if (style < 1 || style > 2)
		dw_invalid(k->c, dw_path(where, path, "style"), "BASE_TYPE_CHOICES",
			"Value must be one of (1, 2).");
	if (min < 0 || max < 1 || max > 4000 || min > max)
		dw_invalid(k->c, dw_path(where, path, "max_length"), "NUMBER_TYPE_RANGE",
			"min_length is 0 to 4000, max_length 1 to 4000");
}

/* What a Label may hold. */
static void check_field(struct walk *k, struct json_object *o, const char *path)
{
	int64_t type = json_int(o, "type", 0);

	if (type == 4)
		check_input(k, o, path);
	else if (type == 3 || (type >= 5 && type <= 8))
		check_select(k, o, path);
	else if (type == 19 || (type >= 21 && type <= 23))
		check_custom_id(k, o, path);
	else
		dw_invalid(k->c, path, "BASE_TYPE_CHOICES", "Not allowed in a modal");
}

void dw_check_modal(struct dw_call *c, struct json_object *data)
{
	static const struct dw_field fields[] = {{"custom_id", DW_STR | DW_REQUIRED, 100, 1},
		{"title", DW_STR | DW_REQUIRED, 45, 1}, {"components", DW_ARR | DW_REQUIRED, 5, 1}};
	struct json_object *list = json_array(data, "components");
	struct walk k = {.c = c};
	char path[DW_PATH_SIZE];

	if (!dw_check_object(c, data, "data", fields, countof(fields)))
		return;
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		struct json_object *child = json_member(o, "component");

		dw_path(path, "data", "components.%zu", i);
		if (json_int(o, "type", 0) == 10)
			continue;
		if (json_int(o, "type", 0) == 1 && json_len(json_array(o, "components")) == 1)
			child = json_at(o, "components.0");
		else if (json_int(o, "type", 0) != 18 || !len_at(o, "label") ||
			 len_at(o, "label") > 45)
			dw_invalid(c, path, "BASE_TYPE_CHOICES",
				"A label of 1 to 45 characters or a text display");
		if (child)
			check_field(&k, child, path);
		else
			dw_invalid(c, path, "BASE_TYPE_REQUIRED", "The component is missing");
	}
}

struct json_object *dw_component_find(struct json_object *list, const char *custom_id)
{
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i), *found;

		if (str_eq(json_str(o, "custom_id"), custom_id))
			return o;
		if (str_eq(json_str(o, "accessory.custom_id"), custom_id))
			return json_member(o, "accessory");
		found = dw_component_find(json_array(o, "components"), custom_id);
		if (found)
			return found;
	}
	return NULL;
}
