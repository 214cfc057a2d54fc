/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded before the C library (LD_PRELOAD): counts allocations and has one of them fail. The
 * program's own malloc (src/app/heap.c) asks what stands here for the C library's. What is counted
 * and which one fails is in a file that the harness has mapped too. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct control {
	_Atomic uint64_t armed; /* 1: allocations are counted */
	_Atomic uint64_t count;
	_Atomic uint64_t fail_at; /* 0: none fails */
	_Atomic uint64_t failed;
};

static struct control *control;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("FAILALLOC_FILE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p = fd < 0 ? MAP_FAILED
			 : mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	if (p != MAP_FAILED)
		control = p;
}

static int fails(void)
{
	if (!control || !atomic_load_explicit(&control->armed, memory_order_relaxed))
		return 0;
	if (atomic_fetch_add(&control->count, 1) + 1 != atomic_load(&control->fail_at))
		return 0;
	atomic_store(&control->failed, 1);
	errno = ENOMEM;
	return 1;
}

void *__libc_malloc(size_t size)
{
	static void *(*next)(size_t);

	if (!next)
		next = (void *(*)(size_t))dlsym(RTLD_NEXT, "__libc_malloc");
	return fails() ? NULL : next(size);
}

void *__libc_calloc(size_t n, size_t size)
{
	static void *(*next)(size_t, size_t);

	if (!next)
		next = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "__libc_calloc");
	return fails() ? NULL : next(n, size);
}

void *__libc_realloc(void *p, size_t size)
{
	static void *(*next)(void *, size_t);

	if (!next)
		next = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "__libc_realloc");
	return fails() ? NULL : next(p, size);
}
