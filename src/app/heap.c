/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linked into the program itself, so that its libraries allocate through it too. They would give a
 * failed allocation back as NULL, which few of their callers, in them and in us, survive: the
 * program ends with a sentence instead, wherever it happens. The names below are the GNU C
 * library's (meson looks for them); without them, and with sanitizers, which bring a heap of their
 * own, this file is left out.
 */
#include <stddef.h>

#include "base/defs.h"

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t size);

void *malloc(size_t size)
{
	void *p = __libc_malloc(size);

	if (!p)
		memory_is_out();
	return p;
}

void *calloc(size_t n, size_t size)
{
	void *p = __libc_calloc(n, size);

	if (!p)
		memory_is_out();
	return p;
}

void *realloc(void *old, size_t size)
{
	void *p = __libc_realloc(old, size);

	/* With size 0 it frees. */
	if (!p && size)
		memory_is_out();
	return p;
}
