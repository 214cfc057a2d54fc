/* SPDX-License-Identifier: Apache-2.0 */
/* Violations, error trees, and the rules of a message's body. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/discord_impl.h"

#define CONTENT_MAX  2000
#define NONCE_MAX    25
#define ALT_TEXT_MAX 1024
#define IDS_MAX	     100

void dw_violation(struct discord_world *w, const char *rule, const char *format, ...)
{
	struct json_object *o;
	char detail[400];
	va_list args;

	if (w->permissions_changed && str_starts(rule, "missing_"))
		return;
	w->n_violations++;
	w->version++;
	if (json_len(w->violations) >= DW_VIOLATIONS_MAX)
		return;
	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	o = json_object_new_object();
	json_add_str(o, "rule", rule);
	json_add_str(o, "request", w->request ? w->request : "");
	json_add_str(o, "detail", detail);
	json_add_int(o, "ms", w->now_ms);
	json_object_array_add(w->violations, o);
}

static void add_name(char *dst, size_t size, const char *name)
{
	size_t n = strnlen(name, size - 1);

	memcpy(dst, name, n);
	dst[n] = '\0';
}

/* Called for each member of each body: what is done most does without printf. */
const char *dw_path(char dst[DW_PATH_SIZE], const char *path, const char *format, ...)
{
	size_t n = strnlen(path, DW_PATH_SIZE - 2);
	va_list args;

	memcpy(dst, path, n);
	if (n > 0)
		dst[n++] = '.';
	va_start(args, format);
	if (str_eq(format, "%s"))
		add_name(dst + n, DW_PATH_SIZE - n, va_arg(args, const char *));
	else
		vsnprintf(dst + n, DW_PATH_SIZE - n, format, args);
	va_end(args);
	return dst;
}

void dw_invalid(struct dw_call *c, const char *path, const char *code, const char *message)
{
	dw_violation(c->w, code, "%s: %s", *path ? path : "body", message);
	dw_error(c, path, code, message);
}

void dw_error(struct dw_call *c, const char *path, const char *code, const char *message)
{
	struct json_object *at, *list, *error = json_object_new_object();
	char name[DW_PATH_SIZE];

	if (!c->errors)
		c->errors = json_object_new_object();
	at = c->errors;
	while (*path) {
		size_t n = strcspn(path, ".");
		struct json_object *next;

		str_copy(name, min_of(n + 1, sizeof(name)), path);
		next = json_member(at, name);
		if (!next) {
			next = json_object_new_object();
			json_add(at, name, next);
		}
		at = next;
		path += n + (path[n] == '.');
	}
	list = json_array(at, "_errors");
	if (!list) {
		list = json_object_new_array();
		json_add(at, "_errors", list);
	}
	json_add_str(error, "code", code);
	json_add_str(error, "message", message);
	json_object_array_add(list, error);
}

bool dw_refused(struct dw_call *c)
{
	struct json_object *o;

	if (!c->errors)
		return false;
	o = json_object_new_object();
	json_add_str(o, "message", "Invalid Form Body");
	json_add_int(o, "code", 50035);
	json_add(o, "errors", take(c->errors));
	dw_reply(c, 400, o);
	return true;
}

size_t dw_utf16_len(const char *text)
{
	size_t n = 0;

	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		n += (*p & 0xc0) != 0x80 ? 1 + (*p >= 0xf0) : 0;
	return n;
}

static bool digits(const char *text)
{
	uint64_t unused;

	return parse_u64(text, &unused) == 0;
}

static bool type_ok(struct json_object *v, unsigned types)
{
	switch (json_object_get_type(v)) {
	case json_type_null:
		return types & DW_NULL;
	case json_type_boolean:
		return types & DW_BOOL;
	case json_type_int:
		/* Ids and bit sets may also be sent as integers (docs differ from OpenAPI). */
		return types & (DW_INT | DW_NUM | DW_ID);
	case json_type_double:
		return types & DW_NUM;
	case json_type_string:
		return (types & DW_STR) || ((types & DW_ID) && digits(json_object_get_string(v)));
	case json_type_array:
		return types & DW_ARR;
	case json_type_object:
		return types & DW_OBJ;
	}
	return false;
}

static void check_member(
	struct dw_call *c, const char *path, struct json_object *v, const struct dw_field *f)
{
	char message[80];
	size_t n;

	if (!type_ok(v, f->types)) {
		dw_invalid(c, path, "BASE_TYPE_CHOICES", "The value is of a wrong type");
		return;
	}
	if (!v || (!f->max && !f->min))
		return;
	n = json_object_is_type(v, json_type_array)    ? json_object_array_length(v)
	    : json_object_is_type(v, json_type_string) ? dw_utf16_len(json_object_get_string(v))
						       : (size_t)f->min;
	if (n >= (size_t)f->min && (!f->max || n <= (size_t)f->max))
		return;
	if (f->min)
		snprintf(message, sizeof(message), "Must be between %d and %d in length.", f->min,
			f->max);
	else
		snprintf(message, sizeof(message), "Must be %d or fewer in length.", f->max);
	dw_invalid(c, path, f->min ? "BASE_TYPE_BAD_LENGTH" : "BASE_TYPE_MAX_LENGTH", message);
}

bool dw_check_object(struct dw_call *c, struct json_object *obj, const char *path,
	const struct dw_field *fields, size_t n)
{
	char where[DW_PATH_SIZE];

	if (!json_object_is_type(obj, json_type_object)) {
		dw_invalid(c, path, "DICT_TYPE_CONVERT",
			"Only dictionaries may be used in a DictType");
		return false;
	}
	json_object_object_foreach(obj, name, value)
	{
		size_t i = 0;

		while (i < n && strcmp(fields[i].name, name) != 0)
			i++;
		dw_path(where, path, "%s", name);
		if (i == n)
			dw_violation(c->w, "unknown_field", "%s is no field here", where);
		else
			check_member(c, where, value, &fields[i]);
	}
	for (size_t i = 0; i < n; i++)
		if ((fields[i].types & DW_REQUIRED) &&
			!json_object_object_get_ex(obj, fields[i].name, NULL))
			dw_invalid(c, dw_path(where, path, "%s", fields[i].name),
				"BASE_TYPE_REQUIRED", "This field is required");
	return true;
}

/* ---- parts of a message ---- */

static void check_mentions(struct dw_call *c, struct json_object *body, const char *prefix)
{
	static const struct dw_field fields[] = {{"parse", DW_ARR}, {"users", DW_ARR, IDS_MAX},
		{"roles", DW_ARR, IDS_MAX}, {"replied_user", DW_BOOL}};
	static const char *const kinds[] = {"users", "roles", "everyone"};
	struct json_object *allowed = json_member(body, "allowed_mentions");
	struct json_object *parse = json_array(allowed, "parse");
	char path[DW_PATH_SIZE], sub[DW_PATH_SIZE];

	/* House rule: the defaults differ by route and edits forget the original's setting. */
	if (!allowed) {
		dw_violation(c->w, "allowed_mentions_missing", "every message says whom it pings");
		return;
	}
	dw_path(path, prefix, "allowed_mentions");
	if (!dw_check_object(c, allowed, path, fields, countof(fields)))
		return;
	if (!parse && !json_array(allowed, "users") && !json_array(allowed, "roles"))
		dw_violation(c->w, "allowed_mentions_missing", "it says neither parse nor a list");
	for (size_t i = 0; i < json_len(parse); i++) {
		struct json_object *v = json_object_array_get_idx(parse, i);
		const char *kind = v && json_object_is_type(v, json_type_string)
					   ? json_object_get_string(v)
					   : "";
		bool known = false;

		for (size_t k = 0; k < countof(kinds); k++)
			known |= str_eq(kind, kinds[k]);
		if (!known)
			dw_invalid(c, dw_path(sub, path, "parse.%zu", i), "BASE_TYPE_CHOICES",
				"Value must be one of ('everyone', 'users', 'roles').");
		if (known && json_len(json_array(allowed, kind)))
			dw_invalid(c, path, "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
				"parse and a list of ids are mutually exclusive.");
	}
}

static void check_nonce(
	struct dw_call *c, struct json_object *body, const char *prefix, enum dw_use use)
{
	const char *nonce = json_str(body, "nonce");
	char path[DW_PATH_SIZE];

	if (json_flag(body, "enforce_nonce", false) && !json_member(body, "nonce"))
		dw_invalid(c, dw_path(path, prefix, "enforce_nonce"), "NONCE_REQUIRED",
			"enforce_nonce needs a nonce");
	if (nonce && dw_utf16_len(nonce) > NONCE_MAX)
		dw_invalid(c, dw_path(path, prefix, "nonce"), "NONCE_TYPE_TOO_LONG",
			"The nonce has more than 25 characters");
	if (use != DW_USE_CREATE && (nonce || json_member(body, "enforce_nonce")))
		dw_violation(c->w, "nonce_useless", "a nonce works when a message is created only");
}

static void check_flags(struct dw_call *c, struct json_object *body, const char *prefix,
	enum dw_use use, struct dw_message *old)
{
	uint64_t allowed = DW_SUPPRESS_EMBEDS | DW_SUPPRESS_NOTIFICATIONS | DW_COMPONENTS_V2;
	uint64_t flags = (uint64_t)json_int(body, "flags", 0);
	char path[DW_PATH_SIZE];

	if (use == DW_USE_CALLBACK || use == DW_USE_FOLLOWUP)
		allowed |= DW_EPHEMERAL;
	if (flags & ~allowed)
		dw_violation(c->w, "flags", "%" PRIu64 " has bits that may not be set here", flags);
	if (old && (old->flags & DW_COMPONENTS_V2) && json_member(body, "flags") &&
		!(flags & DW_COMPONENTS_V2))
		dw_invalid(c, dw_path(path, prefix, "flags"),
			"MESSAGE_CANNOT_REMOVE_COMPONENTS_V2_FLAG",
			"The IS_COMPONENTS_V2 flag cannot be removed");
}

static struct dw_file *old_file(struct dw_message *old, uint64_t id)
{
	for (size_t i = 0; old && i < old->n_files; i++)
		if (old->files[i]->id == id)
			return old->files[i];
	return NULL;
}

/* One entry of `attachments`: a kept file or the data of files[n]. */
static void check_attachment(struct dw_call *c, struct json_object *a, const char *path,
	struct dw_message *old, struct dw_names *names, bool *taken)
{
	static const struct dw_field fields[] = {{"id", DW_ID | DW_REQUIRED},
		{"filename", DW_STR, 1024}, {"description", DW_STR | DW_NULL, ALT_TEXT_MAX},
		{"is_spoiler", DW_BOOL}, {"title", DW_STR | DW_NULL, 1024}};
	uint64_t id = json_id(a, "id");
	const char *name = json_str(a, "filename");
	struct dw_file *kept = old_file(old, id);
	char where[DW_PATH_SIZE];

	if (!dw_check_object(c, a, path, fields, countof(fields)))
		return;
	if (kept) {
		name = kept->name;
	} else if (id < DISCORD_FILES_MAX && c->files[id] && !taken[id]) {
		taken[id] = true;
		if (!name)
			name = c->files[id]->filename;
		else if (!str_eq(name, c->files[id]->filename))
			dw_violation(c->w, "attachment_name", "%s is %s in the part", name,
				c->files[id]->filename);
	} else {
		dw_invalid(c, dw_path(where, path, "id"), "ATTACHMENT_NOT_FOUND",
			"There is no such file in the request nor in the message");
		return;
	}
	if (name && dw_names_has(names, name))
		dw_violation(c->w, "attachment_name", "%s is there twice", name);
	names->name[names->n++] = name ? name : "";
}

static void check_attachments(struct dw_call *c, struct json_object *body, const char *prefix,
	struct dw_message *old, struct dw_names *names)
{
	struct json_object *list = json_array(body, "attachments");
	bool taken[DISCORD_FILES_MAX] = {false};
	char path[DW_PATH_SIZE];
	size_t n_new = 0;

	for (size_t n = 0; n < DISCORD_FILES_MAX; n++)
		n_new += c->files[n] != NULL;
	if (!list) {
		if (old && n_new)
			dw_violation(c->w, "attachments_missing",
				"an edit with files lists everything that remains");
		for (size_t n = 0; n < DISCORD_FILES_MAX; n++)
			if (c->files[n] && c->files[n]->filename)
				names->name[names->n++] = c->files[n]->filename;
		for (size_t i = 0; old && !n_new && i < old->n_files; i++)
			names->name[names->n++] = old->files[i]->name;
		return;
	}
	if (json_len(list) > DISCORD_FILES_MAX) {
		dw_invalid(c, dw_path(path, prefix, "attachments"), "BASE_TYPE_MAX_LENGTH",
			"Must be 10 or fewer in length.");
		return;
	}
	for (size_t i = 0; i < json_len(list); i++)
		check_attachment(c, json_object_array_get_idx(list, i),
			dw_path(path, prefix, "attachments.%zu", i), old, names, taken);
	for (size_t n = 0; n < DISCORD_FILES_MAX; n++)
		if (c->files[n] && !taken[n])
			dw_violation(c->w, "file_unlisted", "files[%zu] is not in attachments", n);
}

static bool has_text(const char *text)
{
	return text && text[strspn(text, " \t\r\n")];
}

/* Discord 50006: a message needs something to show. */
static void check_empty(struct dw_call *c, struct json_object *body, struct dw_message *old,
	const struct dw_names *names)
{
	struct json_object *v;
	bool content = json_object_object_get_ex(body, "content", &v)
			       ? has_text(json_str(body, "content"))
			       : old && has_text(old->content);
	size_t embeds = json_object_object_get_ex(body, "embeds", &v) ? json_len(v)
			: old					      ? json_len(old->raw_embeds)
								      : 0;
	size_t components = json_object_object_get_ex(body, "components", &v) ? json_len(v)
			    : old ? json_len(old->raw_components)
				  : 0;

	if (content || embeds || components || names->n || c->errors)
		return;
	dw_violation(c->w, "empty_message", "there is nothing to show");
	dw_fail(c, 400, 50006, "Cannot send an empty message");
}

static void check_v2(struct dw_call *c, struct json_object *body, const char *prefix)
{
	static const char *const legacy[] = {"content", "embeds", "poll", "sticker_ids"};
	char path[DW_PATH_SIZE];

	for (size_t i = 0; i < countof(legacy); i++) {
		struct json_object *v = json_member(body, legacy[i]);

		if (v && (json_object_is_type(v, json_type_array)
					 ? json_len(v) > 0
					 : has_text(json_str(body, legacy[i]))))
			dw_invalid(c, dw_path(path, prefix, "%s", legacy[i]),
				"MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
				"It cannot be used together with IS_COMPONENTS_V2");
	}
}

void dw_check_message(struct dw_call *c, struct json_object *body, const char *prefix,
	enum dw_use use, struct dw_message *old)
{
	static const struct dw_field fields[] = {{"content", DW_STR | DW_NULL, CONTENT_MAX},
		{"embeds", DW_ARR | DW_NULL, 10}, {"components", DW_ARR | DW_NULL, 40},
		{"attachments", DW_ARR | DW_NULL}, {"allowed_mentions", DW_OBJ | DW_NULL},
		{"flags", DW_INT | DW_NULL}, {"tts", DW_BOOL}, {"poll", DW_OBJ},
		/* by route: */
		{"nonce", DW_STR | DW_INT}, {"enforce_nonce", DW_BOOL},
		{"message_reference", DW_OBJ}, {"sticker_ids", DW_ARR, 3}};
	size_t n = use == DW_USE_CREATE ? countof(fields) : countof(fields) - 4;
	struct dw_names names = {.n = 0};
	char path[DW_PATH_SIZE];
	bool v2;

	check_nonce(c, body, prefix, use);
	if (!dw_check_object(c, body, prefix, fields, n))
		return;
	check_mentions(c, body, prefix);
	check_flags(c, body, prefix, use, old);
	check_attachments(c, body, prefix, old, &names);
	v2 = (json_int(body, "flags", old ? old->flags : 0) & DW_COMPONENTS_V2) != 0;
	if (v2)
		check_v2(c, body, prefix);
	dw_check_embeds(c, json_array(body, "embeds"), dw_path(path, prefix, "embeds"), &names);
	dw_check_components(
		c, json_array(body, "components"), dw_path(path, prefix, "components"), v2, &names);
	if (c->res->status == 0)
		check_empty(c, body, old, &names);
}
