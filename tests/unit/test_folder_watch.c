/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/folder_watch.h"

/* The real thing: a folder, a loop, and what the kernel tells. */

#define PATIENCE_MS 20000

struct world {
	struct loop *loop;
	struct folder_watch *watch;
	char dir[40];
	int told, wanted;
	int64_t until_ms;
};

static void changed(void *ctx)
{
	struct world *w = ctx;

	w->told++;
}

static int64_t turn(void *ctx, int64_t now_ms)
{
	struct world *w = ctx;

	if (w->told >= w->wanted || now_ms >= w->until_ms)
		loop_stop(w->loop);
	return w->until_ms;
}

/* Runs until something was told, or no longer than the patience lasts. */
static bool told(struct world *w, int64_t patience_ms)
{
	w->until_ms = loop_now(w->loop) + patience_ms;
	w->wanted = 1;
	loop_run(w->loop, turn, w);
	w->wanted = w->told;
	w->told = 0;
	return w->wanted > 0;
}

static void touch(const struct world *w, const char *file)
{
	cleanup(freep) char *path = xasprintf("%s/%s", w->dir, file);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs("x", f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void gone(const struct world *w, const char *file)
{
	cleanup(freep) char *path = xasprintf("%s/%s", w->dir, file);

	assert_int_equal(unlink(path), 0);
}

static void test_watch(void **state)
{
	struct world w = {.dir = "/tmp/fullet-watch-XXXXXX"};

	assert_non_null(mkdtemp(w.dir));
	assert_int_equal(loop_new(&w.loop), 0);
	w.watch = folder_watch_new(w.loop, w.dir, changed, &w);
	assert_int_equal(folder_watch_renew(w.watch), 0);
	assert_false(told(&w, 1));
	touch(&w, "a");
	assert_true(told(&w, PATIENCE_MS));
	touch(&w, "a");
	assert_true(told(&w, PATIENCE_MS));
	gone(&w, "a");
	assert_true(told(&w, PATIENCE_MS));

	/* The folder goes and comes back as another one. */
	assert_int_equal(rmdir(w.dir), 0);
	assert_true(told(&w, PATIENCE_MS));
	assert_int_equal(folder_watch_renew(w.watch), -ENOENT);
	assert_int_equal(mkdir(w.dir, 0700), 0);
	assert_int_equal(folder_watch_renew(w.watch), 0);
	assert_int_equal(folder_watch_renew(w.watch), 0);
	touch(&w, "b");
	assert_true(told(&w, PATIENCE_MS));
	gone(&w, "b");
	folder_watch_free(w.watch);
	loop_free(w.loop);
	assert_int_equal(rmdir(w.dir), 0);
}

static void test_never_there(void **state)
{
	struct world w = {.dir = "/tmp/fullet-there-is-none"};

	assert_int_equal(loop_new(&w.loop), 0);
	w.watch = folder_watch_new(w.loop, w.dir, changed, &w);
	assert_int_equal(folder_watch_renew(w.watch), -ENOENT);
	folder_watch_free(w.watch);
	loop_free(w.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_never_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
