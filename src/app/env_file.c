/* SPDX-License-Identifier: Apache-2.0 */
#include "app/env_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/secret.h"

struct reader {
	const char *p, *end;
	int line;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void skip_blanks(struct reader *r)
{
	while (r->p < r->end && is_blank(*r->p))
		r->p++;
}

static bool at_line_end(const struct reader *r)
{
	return r->p == r->end || *r->p == '\n' ||
	       (*r->p == '\r' && (r->p + 1 == r->end || r->p[1] == '\n'));
}

static void skip_line(struct reader *r)
{
	while (r->p < r->end && *r->p != '\n')
		r->p++;
	if (r->p < r->end)
		r->p++;
	r->line++;
}

static char *read_name(struct reader *r)
{
	const char *start = r->p;

	while (r->p < r->end && (isalnum((unsigned char)*r->p) || *r->p == '_'))
		r->p++;
	if (r->p == start || isdigit((unsigned char)*start))
		return NULL;
	return xstrndup(start, (size_t)(r->p - start));
}

/* "..." with \n \t \r \" \\ \$ and, like a shell, everything else literal. May span lines. */
static const char *read_quoted(struct reader *r, char quote, struct buf *value)
{
	r->p++;
	for (; r->p < r->end && *r->p != quote; r->p++) {
		char c = *r->p;

		if (c == '\n')
			r->line++;
		if (quote == '"' && c == '\\' && r->p + 1 < r->end) {
			static const char from[] = "ntr\"\\$", to[] = "\n\t\r\"\\$";
			const char *known = strchr(from, r->p[1]);

			if (known && *known) {
				c = to[known - from];
				r->p++;
			}
		}
		(void)buf_add(value, &c, 1);
	}
	if (r->p == r->end)
		return "a quote is opened and never closed";
	r->p++;
	skip_blanks(r);
	if (!at_line_end(r) && *r->p != '#')
		return "there is text after the closing quote";
	return NULL;
}

static void read_plain(struct reader *r, struct buf *value)
{
	const char *start = r->p;

	while (!at_line_end(r) && !(*r->p == '#' && (r->p == start || is_blank(r->p[-1]))))
		r->p++;
	(void)buf_add(value, start, (size_t)(r->p - start));
	while (value->len && is_blank(value->data[value->len - 1]))
		value->data[--value->len] = '\0';
}

static void add_pair(struct env_pairs *pairs, char *name, char *value, int line)
{
	pairs->at = xrealloc(pairs->at, (pairs->n + 1) * sizeof(pairs->at[0]));
	pairs->at[pairs->n++] = (struct env_pair){name, value, line};
}

static const char *read_pair(struct reader *r, struct env_pairs *pairs)
{
	struct buf value = BUF(ENV_FILE_MAX);
	const char *why = NULL;
	int line = r->line;
	char *name;

	if (r->end - r->p > 7 && strncmp(r->p, "export", 6) == 0 && is_blank(r->p[6])) {
		r->p += 6;
		skip_blanks(r);
	}
	name = read_name(r);
	if (!name)
		return "expected NAME=value";
	skip_blanks(r);
	if (r->p == r->end || *r->p != '=') {
		free(name);
		return "expected '=' after the name";
	}
	r->p++;
	skip_blanks(r);
	if (!at_line_end(r) && (*r->p == '"' || *r->p == '\''))
		why = read_quoted(r, *r->p, &value);
	else
		read_plain(r, &value);
	if (why) {
		free(name);
		buf_free(&value);
		return why;
	}
	add_pair(pairs, name, buf_take(&value), line);
	return NULL;
}

int env_parse(const char *text, size_t len, struct env_pairs *ret, char **ret_why)
{
	struct reader r = {text, text + len, 1};
	struct env_pairs pairs = {0};
	const char *why = NULL;

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r.p += 3;
	if (!utf8_valid(text, len))
		why = "the file is not UTF-8 text";
	while (!why && r.p < r.end) {
		int line = r.line;

		skip_blanks(&r);
		if (!at_line_end(&r) && *r.p != '#')
			why = read_pair(&r, &pairs);
		if (why)
			r.line = line;
		else
			skip_line(&r);
	}
	if (why) {
		*ret_why = xasprintf("line %d: %s", r.line, why);
		env_pairs_free(&pairs);
		return -EINVAL;
	}
	*ret = pairs;
	return 0;
}

void env_pairs_free(struct env_pairs *pairs)
{
	for (size_t i = 0; i < pairs->n; i++) {
		free(pairs->at[i].name);
		wipe_free(pairs->at[i].value);
	}
	free(pairs->at);
	*pairs = (struct env_pairs){0};
}
