/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Runs a fuzz target over the files of one folder without libFuzzer: each file whole, cut
 * short in several places, and nothing at all. A crash names its file.
 */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CUTS 16

/* In a block of exactly that size, so that a read beyond it is seen. */
static void run_one(const char *data, size_t size)
{
	uint8_t *block = xcalloc(1, size ? size : 1);

	if (size)
		memcpy(block, data, size);
	LLVMFuzzerTestOneInput(block, size);
	free(block);
}

static int read_whole(const char *path, struct buf *ret)
{
	FILE *f = fopen(path, "rb");
	char part[8192];
	size_t n;
	int r = f ? 0 : -errno;

	while (r == 0 && (n = fread(part, 1, sizeof(part), f)) > 0)
		r = buf_add(ret, part, n);
	if (f && ferror(f))
		r = -EIO;
	if (f)
		fclose(f);
	return r;
}

static int run_file(const char *folder, const char *name)
{
	cleanup(freep) char *path = xasprintf("%s/%s", folder, name);
	cleanup(buf_free) struct buf data = BUF(16 * MIB);
	int r = read_whole(path, &data);

	if (r < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(-r));
		return r;
	}
	fprintf(stderr, "%s\n", path);
	run_one(buf_str(&data), data.len);
	for (size_t i = 0; i < CUTS; i++)
		run_one(buf_str(&data), data.len * i / CUTS);
	return 0;
}

int main(int argc, char **argv)
{
	DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	const struct dirent *entry;
	int n = 0, failed = 0;

	if (!dir) {
		fprintf(stderr, "usage: %s FOLDER (one that exists)\n", argv[0]);
		return 2;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		failed += run_file(argv[1], entry->d_name) < 0;
		n++;
	}
	closedir(dir);
	printf("%d inputs\n", n);
	return failed || n == 0 ? 1 : 0;
}
