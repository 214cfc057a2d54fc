/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A heap for one thread, in place of the C library's: a seed allocates some hundred thousand small
 * things and keeps few of them, and locks, merging and giving back took a fourth of its time. What
 * is freed is given to the next that wants this size. With sanitizers, which have a heap of their
 * own, this file is left out: they find what is used after it was freed.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/defs.h"

#define GRAIN	   16
#define SMALL_MAX  1024 /* up to here a class for each 16 bytes, beyond for each power of 2 */
#define N_CLASSES  (SMALL_MAX / GRAIN + 40)
#define CHUNK_SIZE ((size_t)1 << 25)

/* Before each thing; `next` while it is free. */
struct cell {
	size_t kind, size; /* of the thing, without this */
};

struct free_cell {
	struct cell cell;
	struct free_cell *next;
};

static struct free_cell *spare[N_CLASSES];
static char *chunk, *chunk_end;

void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t size);
void free(void *p);
void *aligned_alloc(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size);
int posix_memalign(void **ret, size_t alignment, size_t size);
size_t malloc_usable_size(void *p);

static size_t kind_of(size_t *size)
{
	size_t n = max_of(*size, (size_t)GRAIN), kind;

	if (n <= SMALL_MAX) {
		*size = (n + GRAIN - 1) / GRAIN * GRAIN;
		return *size / GRAIN;
	}
	if (n > PTRDIFF_MAX / 4)
		memory_is_out();
	kind = (size_t)(64 - __builtin_clzll(n - 1));
	*size = (size_t)1 << kind;
	return SMALL_MAX / GRAIN + kind - 10;
}

static void *fresh(size_t kind, size_t size)
{
	size_t whole = size + sizeof(struct cell);
	struct cell *cell;

	if ((size_t)(chunk_end - chunk) < whole) {
		size_t room = (max_of(whole, CHUNK_SIZE) + 4095) & ~(size_t)4095;

		chunk = mmap(
			NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (chunk == MAP_FAILED)
			memory_is_out();
		(void)madvise(chunk, room, MADV_HUGEPAGE);
		chunk_end = chunk + room;
	}
	cell = (struct cell *)chunk;
	chunk += whole;
	*cell = (struct cell){kind, size};
	return cell + 1;
}

/* Under a name that compilers do not know: what they take for malloc() and memset() they make
 * calloc() of. */
static void *give(size_t size)
{
	size_t kind = kind_of(&size);
	struct free_cell *cell = spare[kind];

	if (!cell)
		return fresh(kind, size);
	spare[kind] = cell->next;
	__builtin_prefetch(cell->next); /* the next one, before it is wanted */
	return &cell->cell + 1;
}

void *malloc(size_t size)
{
	return give(size);
}

void free(void *p)
{
	struct free_cell *cell = p ? (struct free_cell *)((struct cell *)p - 1) : NULL;

	if (!cell)
		return;
	cell->next = spare[cell->cell.kind];
	spare[cell->cell.kind] = cell;
}

void *calloc(size_t n, size_t size)
{
	void *p;

	if (__builtin_mul_overflow(n, size, &size))
		memory_is_out();
	p = give(size);
	return memset(p, 0, size);
}

void *realloc(void *old, size_t size)
{
	size_t was = malloc_usable_size(old);
	void *p;

	if (old && size == 0) {
		free(old);
		return NULL;
	}
	if (old && size <= was)
		return old;
	p = give(size);
	if (old)
		memcpy(p, old, was);
	free(old);
	return p;
}

size_t malloc_usable_size(void *p)
{
	return p ? ((struct cell *)p - 1)->size : 0;
}

/* Nobody here wants more than each thing has anyway. */
void *aligned_alloc(size_t alignment, size_t size)
{
	must(alignment <= GRAIN);
	return give(size);
}

void *memalign(size_t alignment, size_t size)
{
	return aligned_alloc(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
	*ret = aligned_alloc(alignment, size);
	return 0;
}
