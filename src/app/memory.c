/* SPDX-License-Identifier: Apache-2.0 */
#include "app/memory.h"

#include <malloc.h>

#include "base/limits.h"

void memory_tune(void)
{
#ifdef __GLIBC__
	/* The store's thread allocates little: no heap of its own. */
	(void)mallopt(M_ARENA_MAX, 1);
	/* The largest threshold that glibc accepts: pictures lie on the heap, not in mappings. */
	(void)mallopt(M_MMAP_THRESHOLD, (int)(32 * MIB));
	(void)mallopt(M_TRIM_THRESHOLD, (int)(64 * MIB));
#endif
}

void memory_release(void)
{
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
}
