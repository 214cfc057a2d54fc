/* SPDX-License-Identifier: Apache-2.0 */
#include "app/memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

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

/*
 * Code and constants of a library: nothing ever writes there, so a page that is let go comes back
 * from the page cache, as it was, when it is next used. PT_GNU_RELRO, which was written to and
 * made read-only after, lies in a writable PT_LOAD.
 */
static int let_code_go(struct dl_phdr_info *library, size_t size, void *page_size)
{
	uintptr_t page = *(const uintptr_t *)page_size;

	for (int i = 0; i < library->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &library->dlpi_phdr[i];
		uintptr_t from = library->dlpi_addr + part->p_vaddr, to = from + part->p_filesz;

		from = (from + page - 1) & ~(page - 1);
		to &= ~(page - 1);
		if (part->p_type == PT_LOAD && !(part->p_flags & PF_W) && to > from)
			(void)madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void memory_release(void)
{
	long page = sysconf(_SC_PAGESIZE);
	uintptr_t page_size = page > 0 ? (uintptr_t)page : 0;

	if (page_size)
		dl_iterate_phdr(let_code_go, &page_size);
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
}
