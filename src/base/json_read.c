/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/json_parts.h"

#define DEPTH_USUAL  32
#define DIGITS_USUAL 15 /* with a point: both parts of the fraction are exact as doubles */
#define NAME_USUAL   64

struct reader {
	const char *p, *end;
	int depth;
	struct buf text; /* of a string with escapes */
};

static bool read_value(struct reader *r, struct json_object **ret);

static void skip_space(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t'))
		r->p++;
}

static bool next_is(struct reader *r, char c)
{
	skip_space(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static void skip_plain(struct reader *r)
{
	while (r->end - r->p >= 8 && json_plain_8(r->p))
		r->p += 8;
	while (r->p < r->end && json_plain(*r->p))
		r->p++;
}

static char escaped(char c)
{
	switch (c) {
	case '"':
	case '\\':
	case '/':
		return c;
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return 0;
	}
}

/* After the first quote. What is returned is valid until the next string is read. */
static bool read_string(struct reader *r, const char **ret, size_t *ret_len)
{
	const char *from = r->p;
	char c;

	buf_clear(&r->text);
	for (;;) {
		skip_plain(r);
		if (r->end - r->p < 2 || *r->p != '\\')
			break;
		c = escaped(r->p[1]);
		if (!c || buf_add(&r->text, from, (size_t)(r->p - from)) < 0 ||
			buf_add(&r->text, &c, 1) < 0)
			return false;
		from = r->p += 2;
	}
	if (r->p == r->end || *r->p != '"')
		return false;
	*ret = from;
	*ret_len = (size_t)(r->p++ - from);
	if (r->text.len == 0)
		return true;
	if (buf_add(&r->text, from, *ret_len) < 0)
		return false;
	*ret = r->text.data;
	*ret_len = r->text.len;
	return true;
}

static bool read_number(struct reader *r, struct json_object **ret)
{
	static const double tens[DIGITS_USUAL] = {
		1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};
	const char *from = r->p, *first, *point = NULL;
	char text[DIGITS_USUAL + 3]; /* its sign, its point, the end */
	bool negative = *r->p == '-';
	uint64_t n = 0;
	size_t len, digits;

	first = r->p += negative;
	for (; r->p < r->end; r->p++) {
		if (*r->p == '.' && !point)
			point = r->p;
		else if (*r->p < '0' || *r->p > '9')
			break;
		else if (__builtin_mul_overflow(n, 10, &n) ||
			 __builtin_add_overflow(n, (uint64_t)(*r->p - '0'), &n))
			return false;
	}
	len = (size_t)(r->p - from);
	digits = (size_t)(r->p - first) - (point != NULL);
	if (digits == 0 || (*first == '0' && (negative || (digits > 1 && point != first + 1))) ||
		(r->p < r->end && !strchr(",]} \t\r\n", *r->p)))
		return false;
	if (!point) {
		if (negative && n > INT64_MAX)
			return false;
		*ret = negative		? json_object_new_int64(-(int64_t)n)
		       : n <= INT64_MAX ? json_object_new_int64((int64_t)n)
					: json_object_new_uint64(n);
		return true;
	}
	if (digits > DIGITS_USUAL || point == first || point == r->p - 1)
		return false;
	memcpy(text, from, len);
	text[len] = '\0';
	*ret = json_object_new_double_s(
		(negative ? -(double)n : (double)n) / tens[r->p - point - 1], text);
	return true;
}

static bool read_array(struct reader *r, struct json_object *array)
{
	struct json_object *v;

	if (next_is(r, ']'))
		return true;
	do {
		if (!read_value(r, &v))
			return false;
		must(json_object_array_add(array, v) == 0);
	} while (next_is(r, ','));
	json_object_array_shrink(array, 0);
	return next_is(r, ']');
}

/* One of 64: a name whose mark no other has had is new. */
static uint64_t mark_of(const char *name, size_t len)
{
	size_t n = len;

	for (size_t i = 0; i < len; i++)
		n = n * 31 + (unsigned char)name[i];
	return UINT64_C(1) << (n & 63);
}

static bool read_object(struct reader *r, struct json_object *object)
{
	struct json_object *v;
	const char *text;
	char name[NAME_USUAL];
	uint64_t mark, marks = 0;
	size_t len;

	if (next_is(r, '}'))
		return true;
	do {
		if (!next_is(r, '"') || !read_string(r, &text, &len) || len >= sizeof(name))
			return false;
		memcpy(name, text, len);
		name[len] = '\0';
		if (!next_is(r, ':') || !read_value(r, &v))
			return false;
		mark = mark_of(name, len);
		must(json_object_object_add_ex(object, name, v,
			     marks & mark ? 0 : JSON_C_OBJECT_ADD_KEY_IS_NEW) == 0);
		marks |= mark;
	} while (next_is(r, ','));
	return next_is(r, '}');
}

static bool read_word(struct reader *r, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(r->end - r->p) < len || memcmp(r->p, word, len) != 0)
		return false;
	r->p += len;
	return true;
}

static bool read_nested(struct reader *r, struct json_object *doc,
	bool (*read)(struct reader *r, struct json_object *doc), struct json_object **ret)
{
	bool ok = r->depth++ < DEPTH_USUAL && read(r, doc);

	r->depth--;
	*ret = doc;
	if (!ok)
		json_put(ret);
	return ok;
}

/* On failure *ret is NULL. */
static bool read_value(struct reader *r, struct json_object **ret)
{
	const char *text;
	size_t len;

	*ret = NULL;
	if (next_is(r, '"')) {
		if (read_string(r, &text, &len))
			*ret = json_object_new_string_len(text, (int)len);
		return *ret;
	}
	if (r->p == r->end)
		return false;
	switch (*r->p) {
	case '{':
		r->p++;
		return read_nested(r, json_object_new_object(), read_object, ret);
	case '[':
		r->p++;
		return read_nested(r, json_object_new_array_ext(4), read_array, ret);
	case 't':
		*ret = read_word(r, "true") ? json_object_new_boolean(true) : NULL;
		return *ret;
	case 'f':
		*ret = read_word(r, "false") ? json_object_new_boolean(false) : NULL;
		return *ret;
	case 'n':
		return read_word(r, "null");
	default:
		return read_number(r, ret);
	}
}

struct json_object *json_read_usual(const char *text, size_t len)
{
	struct reader r = {text, text + len, 0, BUF(len)};
	struct json_object *doc;

	if (read_value(&r, &doc))
		skip_space(&r);
	if (r.p < r.end)
		json_put(&doc);
	buf_free(&r.text);
	return doc;
}
