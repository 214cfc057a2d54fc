/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_BASE_BUF_H
#define FULLET_BASE_BUF_H

#include "base/defs.h"

/*
 * Bytes that grow up to a ceiling. `data` is NULL while nothing was ever added,
 * else it is followed by a NUL that `len` does not count. A buffer is born with
 * BUF(ceiling); appending beyond the ceiling returns -EFBIG and leaves the
 * buffer as it was. The owner frees it with buf_free(), which leaves it empty
 * and usable again.
 */
struct buf {
	char *data;
	size_t len;
	size_t size;
	size_t max;
};

#define BUF(ceiling) ((struct buf){.max = (ceiling)})

int buf_add(struct buf *b, const void *data, size_t len);
int buf_add_str(struct buf *b, const char *s);
int buf_printf(struct buf *b, const char *format, ...) printf_like(2, 3);
/* Makes room for n bytes in all at once, as far as the ceiling allows. Changes nothing else. */
void buf_reserve(struct buf *b, size_t n);
/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);
/* Forgets the contents, keeps the memory. */
void buf_clear(struct buf *b);
void buf_free(struct buf *b);
/* Gives the bytes away as a NUL-terminated string ("" when empty) and empties the buffer. */
char *buf_take(struct buf *b);
/* The contents as a string, "" when empty; valid until the next change. */
const char *buf_str(const struct buf *b);

#endif
