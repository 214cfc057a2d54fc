/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int buf_add(struct buf *b, const void *data, size_t len)
{
	size_t need, size;

	if (len > b->max || b->len > b->max - len)
		return -EFBIG;
	need = b->len + len + 1;
	if (need > b->size) {
		size = max_of(b->size * 2, (size_t)64);
		size = max_of(min_of(size, b->max + 1), need);
		b->data = xrealloc(b->data, size);
		b->size = size;
	}
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

void buf_reserve(struct buf *b, size_t n)
{
	size_t size = min_of(n, b->max) + 1;

	if (size <= b->size)
		return;
	b->data = xrealloc(b->data, size);
	b->size = size;
	b->data[b->len] = '\0';
}

int buf_add_str(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_printf(struct buf *b, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int n, r;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	must(n >= 0);
	r = buf_add(b, text, (size_t)n);
	free(text);
	return r;
}

void buf_consume(struct buf *b, size_t n)
{
	must(n <= b->len);
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n + 1);
	b->len -= n;
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}

void buf_free(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->size = 0;
}

char *buf_take(struct buf *b)
{
	char *data = b->data ? b->data : xstrdup("");

	b->data = NULL;
	b->len = b->size = 0;
	return data;
}

const char *buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}
