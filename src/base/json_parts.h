/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_BASE_JSON_PARTS_H
#define FULLET_BASE_JSON_PARTS_H

#include "base/json.h"

/*
 * What json.c keeps to itself: reads a text that is as programs write JSON, in half of the time
 * that json-c takes. NULL for all that is wrong and for all that is rare (\u, exponents, numbers of
 * many digits, deep nesting): of these json-c decides. What is read is the same as json-c's. The
 * text is valid UTF-8.
 */
struct json_object *json_read_usual(const char *text, size_t len);

/* None of eight bytes ends a string, is a backslash or must be written as one. */
static inline bool json_plain_8(const char *p)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	uint64_t v, quote, backslash;

	memcpy(&v, p, 8);
	quote = v ^ (ones * '"');
	backslash = v ^ (ones * '\\');
	return ((((v - ones * ' ') & ~v) | ((quote - ones) & ~quote) |
			((backslash - ones) & ~backslash)) &
		       high) == 0;
}

static inline bool json_plain(char c)
{
	return (unsigned char)c >= ' ' && c != '"' && c != '\\';
}

#endif
