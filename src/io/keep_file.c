/* SPDX-License-Identifier: Apache-2.0 */
#include "io/keep_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/loop_in.h"

/* How many other files may have the name before it is given up. */
#define NAMES_MAX 100

struct file_keeper {
	struct loop *loop;
	size_t running;
	bool closing;
};

struct keeping {
	struct file_keeper *keeper;
	uv_work_t work;
	char *folder, *name, *why;
	struct blob *bytes;
	int result;
	file_kept *done;
	void *arg;
};

/* ---- on a thread ---- */

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int write_part(int folder, const char *part, const struct blob *bytes)
{
	/* What an earlier process left half-written under this name is of no use. */
	int fd = openat(folder, part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, bytes->data, bytes->len);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

/* True when the file has just these bytes: a copy made before a crash. */
static bool has_bytes(int folder, const char *name, const struct blob *bytes)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char chunk[16384];
	struct stat st;
	size_t at = 0;
	bool same = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		    (size_t)st.st_size == bytes->len;

	while (same && at < bytes->len) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		same = n > 0 && (size_t)n <= bytes->len - at &&
		       memcmp(chunk, bytes->data + at, (size_t)n) == 0;
		at += same ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
	return same;
}

/* -EEXIST when the name is taken. Some file systems know only one of the two ways. */
static int give_name(int folder, const char *part, const char *name)
{
	if (renameat2(folder, part, folder, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (linkat(folder, part, folder, name, 0) < 0)
		return -errno;
	return unlinkat(folder, part, 0) < 0 ? -errno : 0;
}

static char *nth_name(const char *name, int n)
{
	const char *dot = strrchr(name, '.');
	int stem = (int)(dot ? (size_t)(dot - name) : strlen(name));

	return n == 1 ? xstrdup(name) : xasprintf("%.*s-%d%s", stem, name, n, dot ? dot : "");
}

static int name_it(int folder, const char *part, const char *wanted, const struct blob *bytes)
{
	int r = -EEXIST;

	for (int n = 1; n <= NAMES_MAX && r == -EEXIST; n++) {
		cleanup(freep) char *name = nth_name(wanted, n);

		r = give_name(folder, part, name);
		if (r == -EEXIST && has_bytes(folder, name, bytes)) {
			unlinkat(folder, part, 0);
			return 0;
		}
	}
	return r;
}

int file_keep_now(const char *folder, const char *name, const struct blob *bytes, char **ret_why)
{
	cleanup(freep) char *part = xasprintf(".%s.part", name);
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir < 0 ? -errno : write_part(dir, part, bytes);

	if (r == 0)
		r = name_it(dir, part, name, bytes);
	if (r == 0) /* not all file systems can; the bytes themselves are on the disk */
		(void)fsync(dir);
	else if (dir >= 0)
		unlinkat(dir, part, 0);
	if (r < 0)
		*ret_why = xasprintf("%s/%s: %s", folder, name, strerror(-r));
	if (dir >= 0)
		close(dir);
	return r;
}

int file_keep_check(const char *folder)
{
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir < 0 ? -errno : write_part(dir, ".fullet-check", &(struct blob){.data = ""});

	if (dir >= 0) {
		unlinkat(dir, ".fullet-check", 0);
		close(dir);
	}
	return r;
}

static void work(uv_work_t *work)
{
	struct keeping *k = work->data;

	k->result = file_keep_now(k->folder, k->name, k->bytes, &k->why);
}

/* ---- on the loop ---- */

static void keeping_free(struct keeping *k)
{
	blob_drop(k->bytes);
	free(k->folder);
	free(k->name);
	free(k->why);
	free(k);
}

static void worked(uv_work_t *work, int status)
{
	struct keeping *k = work->data;
	struct file_keeper *keeper = k->keeper;

	keeper->running--;
	if (!keeper->closing) {
		loop_touch(keeper->loop);
		k->done(k->arg, status < 0 ? status : k->result, k->why);
	}
	keeping_free(k);
}

struct file_keeper *file_keeper_new(struct loop *loop)
{
	struct file_keeper *keeper = xcalloc(1, sizeof(*keeper));

	keeper->loop = loop;
	return keeper;
}

struct file_keeper *file_keeper_free(struct file_keeper *keeper)
{
	if (!keeper)
		return NULL;
	keeper->closing = true;
	while (keeper->running > 0)
		uv_run(loop_uv(keeper->loop), UV_RUN_ONCE);
	free(keeper);
	return NULL;
}

void file_keep(struct file_keeper *keeper, const char *folder, const char *name, struct blob *bytes,
	file_kept *done, void *arg)
{
	struct keeping *k = xcalloc(1, sizeof(*k));

	*k = (struct keeping){.keeper = keeper,
		.folder = xstrdup(folder),
		.name = xstrdup(name),
		.bytes = blob_hold(bytes),
		.done = done,
		.arg = arg};
	k->work.data = k;
	keeper->running++;
	must(uv_queue_work(loop_uv(keeper->loop), &k->work, work, worked) == 0);
}
