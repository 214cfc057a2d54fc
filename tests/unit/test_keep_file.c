/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/keep_file.h"

/* Copies of finished pictures. */

static char folder[64];

static int setup(void **state)
{
	str_copy(folder, sizeof(folder), "/tmp/fullet keep XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	return rmdir(folder);
}

static struct blob *blob_of(const char *text)
{
	struct buf b = BUF(64);

	must(buf_add_str(&b, text) == 0);
	return blob_take(&b);
}

static int keep(const char *name, const char *text)
{
	struct blob *bytes = blob_of(text);
	char *why = NULL;
	int r = file_keep_now(folder, name, bytes, &why);

	if (r < 0)
		assert_non_null(strstr(why, name));
	else
		assert_null(why);
	free(why);
	blob_drop(bytes);
	return r;
}

static void check(const char *name, const char *text)
{
	cleanup(freep) char *path = xasprintf("%s/%s", folder, name);
	char got[64] = "";
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_int_equal(fread(got, 1, sizeof(got), f), strlen(text));
	fclose(f);
	assert_memory_equal(got, text, strlen(text));
}

static size_t count(void)
{
	DIR *dir = opendir(folder);
	size_t n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static void test_kept(void **state)
{
	cleanup(freep) char *path = xasprintf("%s/01.png", folder);
	struct stat st;

	assert_int_equal(keep("01.png", "one"), 0);
	check("01.png", "one");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0137, 0); /* nobody else's to write, or to run */
	assert_int_equal(count(), 1);
}

static void test_never_over_another(void **state)
{
	assert_int_equal(keep("01.png", "one"), 0);
	assert_int_equal(keep("01.png", "another"), 0);
	assert_int_equal(keep("01.png", "third"), 0);
	check("01.png", "one");
	check("01-2.png", "another");
	check("01-3.png", "third");
	/* The same again, as after a crash, is there already. */
	assert_int_equal(keep("01.png", "another"), 0);
	assert_int_equal(keep("01.png", "one"), 0);
	assert_int_equal(count(), 3);
}

/* What a process left half-written when it died. */
static void test_half_written(void **state)
{
	cleanup(freep) char *part = xasprintf("%s/.01.png.part", folder);
	FILE *f = fopen(part, "w");

	assert_non_null(f);
	fputs("a longer text than the picture", f);
	fclose(f);
	assert_int_equal(keep("01.png", "one"), 0);
	check("01.png", "one");
	assert_int_equal(count(), 1);
}

static void test_odd_things_in_the_way(void **state)
{
	cleanup(freep) char *link = xasprintf("%s/01.png", folder);
	cleanup(freep) char *pipe = xasprintf("%s/01-2.png", folder);

	assert_int_equal(symlink("/etc/passwd", link), 0);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	assert_int_equal(keep("01.png", "one"), 0);
	check("01-3.png", "one");
}

static void test_no_folder(void **state)
{
	char *why = NULL;
	struct blob *bytes = blob_of("one");

	assert_int_equal(file_keep_now("/nowhere/at all", "01.png", bytes, &why), -ENOENT);
	assert_string_equal(why, "/nowhere/at all/01.png: No such file or directory");
	free(why);
	blob_drop(bytes);
	assert_int_equal(file_keep_check("/nowhere/at all"), -ENOENT);
	assert_int_equal(file_keep_check(folder), 0);
	assert_int_equal(file_keep_check("/dev/full"), -ENOTDIR);
	assert_int_equal(count(), 0);
}

static int results[3], done;

static void kept(void *arg, int result, const char *why)
{
	struct loop *loop = arg;

	results[done++] = result;
	if (done == 3)
		loop_stop(loop);
}

static int64_t turn(void *ctx, int64_t now_ms)
{
	return NEVER;
}

static void test_on_the_loop(void **state)
{
	struct file_keeper *keeper;
	struct loop *loop;
	struct blob *bytes = blob_of("one");

	done = 0;
	assert_int_equal(loop_new(&loop), 0);
	keeper = file_keeper_new(loop);
	file_keep(keeper, folder, "01.png", bytes, kept, loop);
	file_keep(keeper, "/nowhere", "02.png", bytes, kept, loop);
	file_keep(keeper, folder, "03.png", bytes, kept, loop);
	blob_drop(bytes); /* it is held */
	loop_run(loop, turn, NULL);
	assert_int_equal(done, 3);
	assert_int_equal(results[0] + results[1] + results[2], -ENOENT);
	check("01.png", "one");
	check("03.png", "one");
	/* What is under way when it ends is finished, and nobody hears of it. */
	bytes = blob_of("four");
	file_keep(keeper, folder, "04.png", bytes, kept, loop);
	blob_drop(bytes);
	file_keeper_free(keeper);
	assert_int_equal(done, 3);
	check("04.png", "four");
	loop_free(loop);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_kept),
		TEST(test_never_over_another),
		TEST(test_half_written),
		TEST(test_odd_things_in_the_way),
		TEST(test_no_folder),
		TEST(test_on_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
