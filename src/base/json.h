/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_BASE_JSON_H
#define FULLET_BASE_JSON_H

#include <json-c/json.h>

#include "base/defs.h"

/*
 * JSON by path and type, on top of json-c: a call site is one line and no
 * input can make it crash. A path is member names and array indexes joined by
 * dots ("d.member.user.id", "choices.0.name"); a name that itself holds a dot
 * cannot be reached by path, use json_member(). Borrowed values stay owned by
 * the document.
 */

/*
 * Parses exactly one JSON text (trailing white space allowed). NULL on any
 * error: bad syntax, nesting beyond JSON_DEPTH_MAX, bad UTF-8, a number that is
 * not finite. ret_why (may be NULL) then points to a static sentence.
 * The caller owns the result and gives it to json_put().
 */
struct json_object *json_parse(const char *text, size_t len, const char **ret_why);
void json_put(struct json_object **doc); /* for cleanup(json_put) too */

/* The borrowed value at the path, or NULL when there is none (or it is null). */
struct json_object *json_at(struct json_object *doc, const char *path);
struct json_object *json_member(struct json_object *obj, const char *name);

const char *json_str(struct json_object *doc, const char *path); /* NULL unless a string */
int64_t json_int(struct json_object *doc, const char *path, int64_t otherwise);
double json_num(struct json_object *doc, const char *path, double otherwise);
bool json_flag(struct json_object *doc, const char *path, bool otherwise);
/* A Discord id or permission set: a decimal string (a number is accepted too); 0 when absent. */
uint64_t json_id(struct json_object *doc, const char *path);
/* The array at the path, or NULL; its length, or 0. */
struct json_object *json_array(struct json_object *doc, const char *path);
size_t json_len(struct json_object *array);

/* Building. Each adds to an object and takes ownership of a given value. A name that is written in
 * the program is not copied. */
void json_add_named(
	struct json_object *obj, const char *name, bool copy, struct json_object *value);
#define json_add(obj, name, value)     json_add_named(obj, name, !__builtin_constant_p(name), value)
#define json_add_str(obj, name, text)  json_add(obj, name, json_new_str(text))
#define json_add_int(obj, name, n)     json_add(obj, name, json_object_new_int64(n))
#define json_add_bool(obj, name, flag) json_add(obj, name, json_object_new_boolean(flag))
#define json_add_id(obj, name, id)     json_add(obj, name, json_new_id(id)) /* as a string */
struct json_object *json_new_str(const char *text);			    /* NULL: null */
struct json_object *json_new_id(uint64_t id);
/* The compact text, without escaping of '/'. The caller owns it. */
char *json_text(struct json_object *doc);

/* True when the bytes are well-formed UTF-8 (no overlong forms, no surrogates, no NUL). */
bool utf8_valid(const char *text, size_t len);

#endif
