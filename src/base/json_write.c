/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/json_parts.h"

/* As json-c writes it with JSON_C_TO_STRING_PLAIN and JSON_C_TO_STRING_NOSLASHESCAPE, in a third of
 * the time. */

static int write_bytes(struct buf *b, const char *data, size_t len)
{
	if (len >= b->size - b->len || !b->data)
		return buf_add(b, data, len);
	memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

static int write_escaped(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef", from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";
	const char *at = c ? strchr(from, c) : NULL;

	if (at)
		return write_bytes(b, (const char[]){'\\', to[at - from]}, 2);
	return write_bytes(b, (const char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

static int write_rest(struct buf *b, const char *from, const char *end)
{
	int r = 0;

	for (const char *p = from; p < end && r == 0; p++) {
		if (json_plain(*p))
			continue;
		r = write_bytes(b, from, (size_t)(p - from));
		if (r == 0)
			r = write_escaped(b, (unsigned char)*p);
		from = p + 1;
	}
	if (r == 0)
		r = write_bytes(b, from, (size_t)(end - from));
	return r < 0 ? r : write_bytes(b, "\"", 1);
}

static int write_string(struct buf *b, const char *text, size_t len)
{
	char *to;
	size_t i = 0;

	if (len + 2 >= b->size - b->len)
		buf_reserve(b, max_of(b->len * 2, b->len + len + 100));
	if (len + 2 >= b->size - b->len)
		return -EFBIG;
	to = b->data + b->len;
	*to++ = '"';
	for (; i + 8 <= len && json_plain_8(text + i); i += 8)
		memcpy(to + i, text + i, 8);
	for (; i < len && json_plain(text[i]); i++)
		to[i] = text[i];
	b->len += i + 1;
	return write_rest(b, text + i, text + len);
}

static int write_int(struct buf *b, struct json_object *v)
{
	char text[24], *end = text + sizeof(text), *p = end;
	bool negative = json_object_get_int64(v) < 0;
	uint64_t n = negative ? -(uint64_t)json_object_get_int64(v) : json_object_get_uint64(v);

	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	if (negative)
		*--p = '-';
	return write_bytes(b, p, (size_t)(end - p));
}

static int write_array(struct buf *b, struct json_object *array)
{
	int r = write_bytes(b, "[", 1);

	for (size_t i = 0; r == 0 && i < json_object_array_length(array); i++) {
		if (i > 0)
			r = write_bytes(b, ",", 1);
		if (r == 0)
			r = json_write(b, json_object_array_get_idx(array, i));
	}
	return r < 0 ? r : write_bytes(b, "]", 1);
}

static int write_object(struct buf *b, struct json_object *object)
{
	const char *before = "{";
	int r = 0;

	json_object_object_foreach(object, name, v)
	{
		r = write_bytes(b, before, 1);
		before = ",";
		if (r == 0)
			r = write_string(b, name, strlen(name));
		if (r == 0)
			r = write_bytes(b, ":", 1);
		if (r == 0)
			r = json_write(b, v);
		if (r < 0)
			return r;
	}
	return write_bytes(b, *before == '{' ? "{}" : "}", *before == '{' ? 2 : 1);
}

int json_write(struct buf *b, struct json_object *doc)
{
	const char *text;

	switch (json_object_get_type(doc)) {
	case json_type_object:
		return write_object(b, doc);
	case json_type_array:
		return write_array(b, doc);
	case json_type_string:
		return write_string(
			b, json_object_get_string(doc), (size_t)json_object_get_string_len(doc));
	case json_type_int:
		return write_int(b, doc);
	default: /* of a number with a point it has kept the text */
		text = json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PLAIN);
		return write_bytes(b, text, strlen(text));
	}
}
