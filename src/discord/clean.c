/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/text.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"

#define REPLACEMENT 0xfffd
/* An escape, the character itself, a zero-width space: the most that one character becomes. */
#define BYTES_PER_CHAR_MAX 8

/* The next character of a NUL-terminated text; a byte that belongs to none is U+FFFD. */
static uint32_t next_char(const unsigned char **p)
{
	static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
	uint32_t c = *(*p)++;
	int more = c >= 0xf8 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc2 ? 1 : 0;

	if (c < 0x80)
		return c;
	if (more == 0)
		return REPLACEMENT;
	c &= 0x3f >> more;
	for (int i = 0; i < more; i++) {
		/* The NUL at the end is no continuation byte, so this stops before it. */
		if (((*p)[i] & 0xc0) != 0x80)
			return REPLACEMENT;
		c = c << 6 | ((*p)[i] & 0x3f);
	}
	if (c < smallest[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return REPLACEMENT;
	*p += more;
	return c;
}

static size_t put_char(char out[4], uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

struct range {
	uint32_t first, last;
};

static bool in_ranges(uint32_t c, const struct range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

/* Unicode's White_Space, line and paragraph separators included. */
static bool is_space(uint32_t c)
{
	static const struct range spaces[] = {{0x09, 0x0d}, {0x20, 0x20}, {0x85, 0x85},
		{0xa0, 0xa0}, {0x1680, 0x1680}, {0x2000, 0x200a}, {0x2028, 0x2029},
		{0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}};

	return in_ranges(c, spaces, countof(spaces));
}

/*
 * Characters that show nothing, or change how others are shown: controls, bidi
 * marks, overrides and isolates, zero-width characters, fillers that look like a
 * blank, invisible tags, interlinear marks, private use and noncharacters.
 */
static bool is_invisible(uint32_t c)
{
	static const struct range ranges[] = {
		{0x00, 0x1f},
		{0x7f, 0x9f},
		{0xad, 0xad},
		{0x34f, 0x34f},
		{0x61c, 0x61c},
		{0x115f, 0x1160},
		{0x17b4, 0x17b5},
		{0x180b, 0x180f},
		{0x200b, 0x200f},
		{0x202a, 0x202e},
		{0x2060, 0x206f},
		{0x3164, 0x3164},
		{0xe000, 0xf8ff},
		{0xfdd0, 0xfdef},
		{0xfeff, 0xfeff},
		{0xffa0, 0xffa0},
		{0xfff0, 0xfffb},
		{0xfffe, 0xffff},
		{0x1bca0, 0x1bca3},
		{0x1d173, 0x1d17a},
		{0xe0000, 0x10ffff},
	};

	return in_ranges(c, ranges, countof(ranges)) || (c & 0xfffe) == 0xfffe;
}

/* The two joiners mean something between letters of many scripts and between the parts of an emoji
 * family or flag; anywhere else they only hide. */
static bool is_joiner_between(uint32_t before, uint32_t c, const unsigned char *rest)
{
	uint32_t after = *rest ? next_char(&rest) : 0;

	return (c == 0x200c || c == 0x200d) && before > 0x7f && after > 0x7f && !is_space(after) &&
	       !is_invisible(after);
}

/*
 * Discord: a backslash takes the meaning from any ASCII punctuation character. These
 * ones have a meaning anywhere in a line: emphasis, code, spoilers, masked links, and
 * everything in angle brackets (mentions, slash-mentions, times, emoji).
 */
static bool needs_escape(uint32_t c)
{
	return c < 0x80 && c && strchr("\\`*_~|[]<>", (int)c);
}

/* Headings, small print, lists: only at the start of a line, and newlines are gone. */
static bool needs_escape_at_start(uint32_t c)
{
	return c == '#' || c == '-' || c == '+';
}

static void add_char(struct buf *out, uint32_t c)
{
	char bytes[4];

	must(buf_add(out, bytes, put_char(bytes, c)) == 0);
}

static void add_escaped(
	struct buf *out, uint32_t c, const unsigned char *rest, bool at_start, bool only_digits)
{
	/* A bare link would be unfurled: "://" is broken before it is one. */
	bool link = c == ':' && rest[0] == '/' && rest[1] == '/';
	/* "1. " begins a list, "8.2 s" does not. */
	bool numbered =
		only_digits && (c == '.' || c == ')') && !(rest[0] >= '0' && rest[0] <= '9');

	if (needs_escape(c) || link || numbered || (at_start && needs_escape_at_start(c)))
		add_char(out, '\\');
	add_char(out, c);
	/* A zero-width space after it is the one thing that breaks @everyone and @here for
	 * every reader, also for those that look at the raw text. */
	if (c == '@')
		add_char(out, 0x200b);
}

static char *clean(const char *text, size_t chars_max, bool escape)
{
	const unsigned char *p = (const unsigned char *)(text ? text : "");
	struct buf out = BUF((chars_max + 2) * BYTES_PER_CHAR_MAX);
	size_t n = 0,
	       cut_at = 0; /* cut_at: where the last character that may stay before "…" ends */
	bool space = false, only_digits = false;
	uint32_t before = 0;

	while (*p) {
		uint32_t c = next_char(&p);

		if (is_space(c)) {
			space = n > 0;
			continue;
		}
		if (is_invisible(c) && !is_joiner_between(space ? 0 : before, c, p))
			continue;
		if (n + space + 1 > chars_max) {
			out.len = cut_at;
			if (out.data)
				out.data[cut_at] = '\0';
			if (chars_max > 0)
				add_char(&out, 0x2026);
			break;
		}
		if (space) {
			add_char(&out, ' ');
			only_digits = false;
			n++;
		}
		space = false;
		before = c;
		if (escape)
			add_escaped(&out, c, p, n == 0, only_digits);
		else
			add_char(&out, c);
		only_digits = c >= '0' && c <= '9' && (n == 0 || only_digits);
		if (++n < chars_max)
			cut_at = out.len;
	}
	return buf_take(&out);
}

char *text_clean(const char *text, size_t chars_max)
{
	return clean(text, chars_max, true);
}

char *text_plain(const char *text, size_t chars_max)
{
	return clean(text, chars_max, false);
}

char *text_repair(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	struct buf out = BUF(0);

	if (!text)
		return NULL;
	if (utf8_valid(text, strlen(text)))
		return xstrdup(text);
	out.max = strlen(text) * 3;
	while (*p)
		add_char(&out, next_char(&p));
	return buf_take(&out);
}

size_t text_utf16_len(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = 0;

	while (p && *p)
		n += next_char(&p) >= 0x10000 ? 2 : 1;
	return n;
}

void text_cut(char *text, size_t units)
{
	const unsigned char *p = (const unsigned char *)text, *end = p;
	size_t n = 0;

	while (*p) {
		n += next_char(&p) >= 0x10000 ? 2 : 1;
		if (n > units)
			break;
		end = p;
	}
	text[end - (const unsigned char *)text] = '\0';
}
