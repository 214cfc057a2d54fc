/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "discord/interaction.h"
#include "discord/text_in.h"

/* How a sentence of the table is made with its arguments, and how numbers are said. */

/* A sentence is the template, two cleaned texts (every character escaped) and two numbers. */
#define SENTENCE_BYTES_MAX (8 * KIB)

/* Named arguments as text; "" when missing. */
struct values {
	char number[24];
	char channel[32];
	char *text, *name;
};

static void values_done(struct values *v)
{
	free(v->text);
	free(v->name);
}

static char *cleaned(const char *text, bool plain)
{
	cleanup(freep) char *raw = xstrdup(text ? text : "");
	size_t n = strlen(raw);

	/* It becomes part of our sentence, which has its own full stop. */
	while (n > 0 && strchr(". \t\r\n", raw[n - 1]))
		raw[--n] = '\0';
	return plain ? text_plain(raw, REASON_CHARS_MAX) : text_clean(raw, REASON_CHARS_MAX);
}

static void values_make(struct values *v, const struct text_args *args)
{
	static const struct text_args none;

	*v = (struct values){0};
	if (!args)
		args = &none;
	if (args->number > 0)
		snprintf(v->number, sizeof(v->number), "%" PRId64, args->number);
	if (args->channel_id)
		snprintf(v->channel, sizeof(v->channel), "<#%" PRIu64 ">", args->channel_id);
	v->text = cleaned(args->text, args->plain);
	v->name = cleaned(args->name, args->plain);
}

/* The value named at p ("{number}..."), and where the text goes on; NULL when there is none. */
static const char *value_at(const struct values *v, const char *p, const char **ret_after)
{
	const struct {
		const char *name;
		const char *value;
	} names[] = {{"{number}", v->number}, {"{channel}", v->channel}, {"{text}", v->text},
		{"{name}", v->name}};

	for (size_t i = 0; i < countof(names); i++)
		if (str_starts(p, names[i].name)) {
			*ret_after = p + strlen(names[i].name);
			return names[i].value;
		}
	return NULL;
}

/* True when no argument between p and the closing bracket is missing. */
static bool part_is_whole(const struct values *v, const char *p)
{
	for (; *p && *p != ']'; p++) {
		const char *after, *value = *p == '{' ? value_at(v, p, &after) : NULL;

		if (value && !*value)
			return false;
	}
	return true;
}

char *text_make(enum text_id id, const char *locale, const struct text_args *args)
{
	struct buf out = BUF(SENTENCE_BYTES_MAX);
	cleanup(values_done) struct values v;
	const char *p;

	must((size_t)id < TEXT_COUNT);
	values_make(&v, args);
	p = locale_is_spanish(locale) ? text_sentences[id].es : text_sentences[id].en;
	while (*p) {
		const char *value = *p == '{' ? value_at(&v, p, &p) : NULL;

		if (value)
			must(buf_add_str(&out, *value ? value : "0") == 0);
		else if (*p == '[' && !part_is_whole(&v, p))
			p += strcspn(p, "]") + 1;
		else if (*p == '[' || *p == ']')
			p++;
		else
			must(buf_add(&out, p++, 1) == 0);
	}
	return buf_take(&out);
}

char *text_gigabytes(int64_t mb, const char *locale)
{
	int64_t tenths = (mb + 50) / 100;

	return xasprintf("%" PRId64 "%c%" PRId64 " GB", tenths / 10,
		locale_is_spanish(locale) ? ',' : '.', tenths % 10);
}

char *text_about(int64_t ms)
{
	int64_t s = (ms + 500) / 1000, min;

	if (s < 10 || s > 48 * 3600)
		return NULL;
	if (s < 55)
		return xasprintf("%" PRId64 " s", (s + 5) / 10 * 10);
	min = max_of((s + 30) / 60, 1);
	if (min > 10)
		min = (min + 2) / 5 * 5;
	if (min < 60)
		return xasprintf("%" PRId64 " min", min);
	min = min < 240 ? (min + 15) / 30 * 30 : (min + 30) / 60 * 60;
	if (min % 60)
		return xasprintf("%" PRId64 " h %" PRId64 " min", min / 60, min % 60);
	return xasprintf("%" PRId64 " h", min / 60);
}

char *text_duration(int64_t ms, const char *locale)
{
	int64_t tenths, seconds;

	ms = max_of(ms, (int64_t)0);
	tenths = ms / 100 + (ms % 100 >= 50);
	if (tenths < 600)
		return xasprintf("%" PRId64 "%c%" PRId64 " s", tenths / 10,
			locale_is_spanish(locale) ? ',' : '.', tenths % 10);
	seconds = ms / 1000 + (ms % 1000 >= 500);
	if (seconds < 3600)
		return xasprintf("%" PRId64 " min %02" PRId64 " s", seconds / 60, seconds % 60);
	if (seconds < 86400)
		return xasprintf(
			"%" PRId64 " h %02" PRId64 " min", seconds / 3600, seconds / 60 % 60);
	return xasprintf("%" PRId64 " d %" PRId64 " h", seconds / 86400, seconds / 3600 % 24);
}
