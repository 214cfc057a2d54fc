/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"

bool utf8_valid(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;

	while (p < end) {
		uint32_t code;
		int more;

		/* Most text is ASCII: eight at a time, as long as none is 0 or has its highest bit. */
		while (end - p >= 8) {
			uint64_t v;

			memcpy(&v, p, 8);
			if ((v | (v - UINT64_C(0x0101010101010101))) & UINT64_C(0x8080808080808080))
				break;
			p += 8;
		}
		if (p == end)
			break;
		if (*p == 0)
			return false;
		if (*p < 0x80) {
			p++;
			continue;
		}
		more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
		if (*p < 0xc2 || *p > 0xf4 || end - p <= more)
			return false;
		code = *p++ & (0x3f >> more);
		for (int i = 0; i < more; i++, p++) {
			if ((*p & 0xc0) != 0x80)
				return false;
			code = code << 6 | (*p & 0x3f);
		}
		if ((more == 2 && code < 0x800) || (more == 3 && code < 0x10000) ||
			(code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff)
			return false;
	}
	return true;
}

/* json-c lets NaN, Infinity and 1e999 through (0.16); nothing we talk to may send them. */
static bool all_finite(struct json_object *v)
{
	switch (json_object_get_type(v)) {
	case json_type_double:
		return isfinite(json_object_get_double(v));
	case json_type_array:
		for (size_t i = 0; i < json_object_array_length(v); i++)
			if (!all_finite(json_object_array_get_idx(v, i)))
				return false;
		return true;
	case json_type_object: {
		json_object_object_foreach(v, name, member)
		{
			(void)name;
			if (!all_finite(member))
				return false;
		}
		return true;
	}
	default:
		return true;
	}
}

static void tokener_done(struct json_tokener **t)
{
	if (*t)
		json_tokener_free(*t);
}

struct json_object *json_parse(const char *text, size_t len, const char **ret_why)
{
	cleanup(tokener_done) struct json_tokener *t = json_tokener_new_ex(JSON_DEPTH_MAX);
	cleanup(json_put) struct json_object *doc = NULL;
	const char *why_unused;
	const char **why = ret_why ? ret_why : &why_unused;

	must(t);
	if (len > INT32_MAX - 1) {
		*why = "the text is too long";
		return NULL;
	}
	if (!utf8_valid(text, len)) {
		*why = "the text is not valid UTF-8";
		return NULL;
	}
	json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
	doc = json_tokener_parse_ex(t, text, (int)len);
	/* A number at the top is only known to be complete when something follows it. */
	if (json_tokener_get_error(t) == json_tokener_continue)
		doc = json_tokener_parse_ex(t, "\n", 1);
	else
		for (size_t i = json_tokener_get_parse_end(t); i < len; i++)
			if (!strchr(" \t\r\n", text[i])) {
				*why = "there is something after the end of the JSON text";
				return NULL;
			}
	if (json_tokener_get_error(t) != json_tokener_success) {
		*why = json_tokener_error_desc(json_tokener_get_error(t));
		return NULL;
	}
	if (!doc) {
		*why = "it is just null";
		return NULL;
	}
	if (!all_finite(doc)) {
		*why = "a number is not finite";
		return NULL;
	}
	return take(doc);
}

void json_put(struct json_object **doc)
{
	if (*doc)
		json_object_put(*doc);
	*doc = NULL;
}

struct json_object *json_member(struct json_object *obj, const char *name)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(obj, json_type_object))
		return NULL;
	json_object_object_get_ex(obj, name, &value);
	return value;
}

struct json_object *json_at(struct json_object *doc, const char *path)
{
	char name[128];

	if (json_object_is_type(doc, json_type_object) && !strchr(path, '.') && *path)
		return json_member(doc, path); /* most paths are one name */
	while (doc && *path) {
		size_t n = strcspn(path, ".");
		uint64_t index;

		must(n < sizeof(name));
		memcpy(name, path, n);
		name[n] = '\0';
		path += n + (path[n] == '.');
		if (json_object_is_type(doc, json_type_array)) {
			if (parse_u64(name, &index) < 0)
				return NULL;
			doc = index < json_object_array_length(doc)
				? json_object_array_get_idx(doc, index)
				: NULL;
		} else {
			doc = json_member(doc, name);
		}
	}
	return doc;
}

static struct json_object *typed(struct json_object *doc, const char *path, enum json_type type)
{
	struct json_object *v = json_at(doc, path);

	return json_object_is_type(v, type) && v ? v : NULL;
}

const char *json_str(struct json_object *doc, const char *path)
{
	struct json_object *v = typed(doc, path, json_type_string);

	return v ? json_object_get_string(v) : NULL;
}

int64_t json_int(struct json_object *doc, const char *path, int64_t otherwise)
{
	struct json_object *v = typed(doc, path, json_type_int);

	return v ? json_object_get_int64(v) : otherwise;
}

double json_num(struct json_object *doc, const char *path, double otherwise)
{
	struct json_object *v = json_at(doc, path);

	if (!v || (!json_object_is_type(v, json_type_int) && !json_object_is_type(v, json_type_double)))
		return otherwise;
	return json_object_get_double(v);
}

bool json_flag(struct json_object *doc, const char *path, bool otherwise)
{
	struct json_object *v = typed(doc, path, json_type_boolean);

	return v ? json_object_get_boolean(v) : otherwise;
}

uint64_t json_id(struct json_object *doc, const char *path)
{
	struct json_object *v = json_at(doc, path);
	uint64_t id = 0;

	if (json_object_is_type(v, json_type_string) && v)
		(void)parse_u64(json_object_get_string(v), &id);
	else if (json_object_is_type(v, json_type_int) && v && json_object_get_int64(v) > 0)
		id = json_object_get_uint64(v);
	return id;
}

struct json_object *json_array(struct json_object *doc, const char *path)
{
	return typed(doc, path, json_type_array);
}

size_t json_len(struct json_object *array)
{
	return array && json_object_is_type(array, json_type_array)
		? json_object_array_length(array)
		: 0;
}

void json_add_named(struct json_object *obj, const char *name, bool copy, struct json_object *value)
{
	json_object_object_add_ex(obj, name, value, copy ? 0 : JSON_C_OBJECT_ADD_CONSTANT_KEY);
}

struct json_object *json_new_str(const char *text)
{
	return text ? json_object_new_string(text) : NULL;
}

struct json_object *json_new_id(uint64_t id)
{
	char text[24], *end = text + sizeof(text), *p = end;

	do
		*--p = (char)('0' + id % 10);
	while (id /= 10);
	return json_object_new_string_len(p, (int)(end - p));
}

char *json_text(struct json_object *doc)
{
	return xstrdup(json_object_to_json_string_ext(
		doc, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}
