/* SPDX-License-Identifier: Apache-2.0 */
#include "base/defs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void must_failed(const char *expr, const char *file, int line)
{
	fprintf(stderr, "fullet: assertion failed: %s (%s:%d)\n", expr, file, line);
	abort();
}

_Noreturn void memory_is_out(void)
{
	static const char sentence[] =
		"fullet: out of memory: it ends; jobs that were accepted are in the database, and the "
		"next start goes on with them\n";

	/* Nothing that might allocate. */
	if (write(STDERR_FILENO, sentence, sizeof(sentence) - 1) < 0)
		_exit(1);
	_exit(1);
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		memory_is_out();
	return p;
}

void *xrealloc(void *p, size_t size)
{
	p = realloc(p, size ? size : 1);
	if (!p)
		memory_is_out();
	return p;
}

char *xstrdup(const char *s)
{
	return s ? xstrndup(s, strlen(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
	char *copy = strndup(s, n);

	if (!copy)
		memory_is_out();
	return copy;
}

char *xasprintf(const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		memory_is_out();
	va_end(args);
	return text;
}

void freep(void *p)
{
	free(*(void **)p);
}

void str_set(char **where, const char *value)
{
	char *copy = xstrdup(value);

	free(*where);
	*where = copy;
}

bool str_starts(const char *s, const char *prefix)
{
	return s && strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = s ? strlen(s) : 0, m = strlen(suffix);

	return s && n >= m && strcmp(s + n - m, suffix) == 0;
}

char *str_copy(char *dst, size_t size, const char *src)
{
	size_t n = strlen(src);

	must(size > 0);
	n = min_of(n, size - 1);
	memcpy(dst, src, n);
	dst[n] = '\0';
	return dst;
}

int parse_u64(const char *text, uint64_t *ret)
{
	uint64_t value = 0;

	if (!text || !*text)
		return -EINVAL;
	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(value, 10u, &value) ||
			__builtin_add_overflow(value, (uint64_t)(*c - '0'), &value))
			return -EINVAL;
	}
	*ret = value;
	return 0;
}
