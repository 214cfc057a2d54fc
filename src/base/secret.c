/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Stands at the begin of a secret's first page, so that a secret is found by its address alone: the
 * modules of the store have a copy of this file, and would have tables of their own.
 */
struct pages {
	size_t size;
	bool locked;
	char text[];
};

static size_t page_size(void)
{
	long size = sysconf(_SC_PAGESIZE);

	must(size > 0);
	return (size_t)size;
}

static struct pages *pages_of(const char *secret)
{
	return (struct pages *)((uintptr_t)secret - offsetof(struct pages, text));
}

char *secret_dup(const char *text)
{
	size_t page = page_size(), size, len;
	struct pages *p;

	if (!text)
		return NULL;
	len = strlen(text) + 1;
	size = (sizeof(*p) + len + page - 1) / page * page;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(p != MAP_FAILED);
	/* Kernels without one of them go without; the limits of main.c hold all the same. */
	(void)madvise(p, size, MADV_DONTDUMP);
	(void)madvise(p, size, MADV_WIPEONFORK);
	/* mlock() itself does nothing under the address sanitizer. */
	*p = (struct pages){.size = size, .locked = mlock2(p, size, 0) == 0};
	memcpy(p->text, text, len);
	return p->text;
}

char *secret_move(char *text)
{
	char *secret = secret_dup(text);

	wipe_free(text);
	return secret;
}

void secret_free(char *secret)
{
	struct pages *p;
	size_t size;

	if (!secret)
		return;
	p = pages_of(secret);
	size = p->size;
	explicit_bzero(p, size);
	must(munmap(p, size) == 0);
}

void secret_set(char **where, const char *value)
{
	char *copy = secret_dup(value);

	secret_free(*where);
	*where = copy;
}

bool secret_locked(const char *secret)
{
	return pages_of(secret)->locked;
}

void wipe_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

void wipe_freep(void *p)
{
	wipe_free(*(char **)p);
}
