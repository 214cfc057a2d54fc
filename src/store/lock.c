/* SPDX-License-Identifier: Apache-2.0 */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int folder_make(const char *path, char **ret_why)
{
	cleanup(freep) char *part = xstrdup(path);

	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST) {
			int r = -errno;

			*ret_why =
				xasprintf("the folder %s cannot be made: %s", part, strerror(-r));
			return r;
		}
		*slash = '/';
	}
	return 0;
}

char *path_resolve(const char *path)
{
	char real[PATH_MAX];
	cleanup(freep) char *folder = NULL;
	const char *slash = strrchr(path, '/');

	if (realpath(path, real))
		return xstrdup(real);
	if (errno != ENOENT)
		return NULL;
	folder = slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : xstrdup(".");
	if (!realpath(folder, real))
		return NULL;
	return xasprintf("%s/%s", str_eq(real, "/") ? "" : real, slash ? slash + 1 : path);
}

/* The process id the owner wrote, or 0 when it has not (yet). */
static long owner_of(int fd)
{
	char text[24];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}

static int lock_refused(int fd, int r, const char *shown, char **ret_why)
{
	long pid = owner_of(fd);

	if (r != -EWOULDBLOCK) {
		*ret_why = xasprintf("%s.lock cannot be locked: %s", shown, strerror(-r));
		return r;
	}
	if (pid > 0)
		*ret_why = xasprintf("another fullet already uses %s (process %ld)", shown, pid);
	else
		*ret_why = xasprintf("another fullet already uses %s", shown);
	return -EBUSY;
}

int lock_take(const char *path, const char *shown, int *ret_fd, char **ret_why)
{
	cleanup(freep) char *name = xasprintf("%s.lock", path);
	char text[24];
	int fd, n, r;

	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		r = -errno;
		*ret_why = xasprintf("%s.lock cannot be opened: %s", shown, strerror(-r));
		return r;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = lock_refused(fd, -errno, shown, ret_why);
		close(fd);
		return r;
	}
	/* The number only serves the sentence above: on a full disk the lock holds without it. */
	n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) != n)
		*text = '\0';
	*ret_fd = fd;
	return 0;
}
