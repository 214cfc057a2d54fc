/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/flujos.h"
#include "base/buf.h"
#include "base/limits.h"

/* A folder that changes, and a clock that is turned by hand. */

#define GRAPH(file)                                                                                \
	"{\"1\":{\"class_type\":\"UnetLoaderGGUF\",\"inputs\":{\"unet_name\":\"" file "\"}},"      \
	"\"2\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"\"}},"                    \
	"\"3\":{\"class_type\":\"KSampler\",\"inputs\":{\"seed\":1,\"steps\":4,\"model\":"         \
	"[\"1\",0],\"positive\":[\"2\",0]}},"                                                      \
	"\"5\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"3\",0]}}}"
#define DEV	GRAPH("flux1-dev.gguf")
#define SCHNELL GRAPH("flux1-schnell.gguf")

struct world {
	char dir[40];
	struct workflow_set *set;
	struct flujos *flujos;
	int64_t now_ms;
	struct buf log, news;
	struct log logger;
};

static void note_log(void *ctx, enum log_level level, const char *subject, const char *text)
{
	struct world *w = ctx;

	assert_int_equal(buf_printf(&w->log, "%s %s\n", log_level_name(level), text), 0);
}

static void note_news(void *ctx, const struct flujos_news *news)
{
	static const char *const kinds[] = {"live", "refused", "gone"};
	struct world *w = ctx;

	assert_int_equal(buf_printf(&w->news, "%s%s%s %s%s%s\n", kinds[news->kind],
				 news->kept ? " kept" : "", news->mended ? " mended" : "",
				 strrchr(news->file, '/') + 1, news->why ? ": " : "",
				 news->why ? news->why : ""),
		0);
}

static char *path_of(const struct world *w, const char *file)
{
	return xasprintf("%s/%s", w->dir, file);
}

static void put_bytes(const struct world *w, const char *file, const void *data, size_t len)
{
	cleanup(freep) char *path = path_of(w, file);
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void put(const struct world *w, const char *file, const char *text)
{
	put_bytes(w, file, text, strlen(text));
}

static void take_away(const struct world *w, const char *file)
{
	cleanup(freep) char *path = path_of(w, file);

	assert_int_equal(unlink(path), 0);
}

static void world_new(struct world *w)
{
	*w = (struct world){.dir = "/tmp/fullet-flujos-XXXXXX",
		.now_ms = 1000000,
		.log = BUF(1 * MIB),
		.news = BUF(1 * MIB)};
	assert_non_null(mkdtemp(w->dir));
	w->logger = (struct log){LOG_INFO, note_log, w};
	w->set = workflow_set_new();
	w->flujos = flujos_new(w->dir, w->set, &w->logger);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	return remove(path);
}

static void world_free(struct world *w)
{
	flujos_free(w->flujos);
	workflow_set_free(w->set);
	buf_free(&w->log);
	buf_free(&w->news);
	(void)nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* As the bot's turns would: it looks whenever it said it wants to. */
static void pass(struct world *w, int64_t ms)
{
	int64_t end_ms = w->now_ms + ms, next_ms = w->now_ms;

	while (next_ms <= end_ms) {
		w->now_ms = next_ms;
		next_ms = flujos_look(w->flujos, w->now_ms, note_news, w);
		next_ms = max_of(next_ms, w->now_ms + 1);
	}
	w->now_ms = end_ms;
}

/* What was said since it was asked last. */
static void expect_news(struct world *w, const char *expected)
{
	if (*expected ? !strstr(buf_str(&w->news), expected) : w->news.len > 0)
		fail_msg("news \"%s\", expected \"%s\"; log:\n%s", buf_str(&w->news), expected,
			buf_str(&w->log));
	buf_clear(&w->news);
}

static void expect_title(struct world *w, const char *name, const char *title)
{
	const struct workflow *wf = workflow_set_find(w->set, name);

	if (title && (!wf || !str_eq(wf->title, title)))
		fail_msg("%s is %s, expected %s; log:\n%s", name, wf ? wf->title : "not there",
			title, buf_str(&w->log));
	assert_int_equal(wf != NULL, title != NULL);
}

static void test_start(void **state)
{
	struct world w;

	world_new(&w);
	put(&w, "a.json", DEV);
	put(&w, "b.json", "{");
	put(&w, ".hidden.json", DEV);
	put(&w, "a.json~", DEV);
	put(&w, "notes.txt", "x");
	put(&w, "c.meta.json", "{}");
	assert_int_equal(flujos_load(w.flujos), 0);
	expect_title(&w, "a", "Flux (Dev)");
	assert_null(workflow_set_all(w.set, 2));
	assert_non_null(strstr(buf_str(&w.log), "/b.json is refused: it is not JSON"));
	assert_non_null(strstr(buf_str(&w.log), "/c.meta.json belongs to no workflow"));
	pass(&w, 20000);
	expect_news(&w, "");
	world_free(&w);
}

static void test_comes_changes_goes(void **state)
{
	struct world w;

	world_new(&w);
	assert_int_equal(flujos_load(w.flujos), 0);
	put(&w, "a.json", DEV);
	pass(&w, 100);
	expect_title(&w, "a", NULL); /* it may still be written */
	pass(&w, 900);
	expect_title(&w, "a", "Flux (Dev)");
	expect_news(&w, "live a.json");

	put(&w, "a.json", SCHNELL);
	pass(&w, 900);
	expect_title(&w, "a", "Flux (Schnell)");
	expect_news(&w, "live a.json");

	put(&w, "a.meta.json", "{\"title\":\"Mine\"}");
	pass(&w, 900);
	expect_title(&w, "a", "Mine");
	take_away(&w, "a.meta.json");
	pass(&w, 900);
	expect_title(&w, "a", "Flux (Schnell)");
	expect_news(&w, "live a.json");

	take_away(&w, "a.json");
	pass(&w, 400);
	expect_title(&w, "a", "Flux (Schnell)");
	pass(&w, 500);
	expect_title(&w, "a", NULL);
	expect_news(&w, "gone a");
	world_free(&w);
}

static void test_broken(void **state)
{
	struct world w;

	world_new(&w);
	put(&w, "a.json", DEV);
	assert_int_equal(flujos_load(w.flujos), 0);
	put(&w, "a.json", "{\"1\":{\"class_type\":\"KSampler\"}}");
	pass(&w, 1400);
	expect_news(&w, "");
	pass(&w, 400);
	expect_news(&w, "refused kept a.json: node 1 (KSampler): it has no inputs");
	expect_title(&w, "a", "Flux (Dev)");
	assert_non_null(strstr(buf_str(&w.log), "a.json is refused and the one before goes on: "));
	/* Saved once more as it is: the same is not told twice. */
	put(&w, "a.json", "{ \"1\":{\"class_type\":\"KSampler\"}}");
	pass(&w, 3000);
	expect_news(&w, "");
	put(&w, "a.meta.json", "{\"age_restricted\":1}");
	put(&w, "a.json", SCHNELL);
	pass(&w, 3000);
	expect_news(&w, "refused kept a.json: a.meta.json: age_restricted");
	put(&w, "a.meta.json", "{\"age_restricted\":true}");
	pass(&w, 900);
	expect_news(&w, "live mended a.json");
	expect_title(&w, "a", "Flux (Schnell)");

	put(&w, "new.json", "[]");
	pass(&w, 3000);
	expect_news(&w, "refused new.json: ");
	put(&w, "new.json", DEV);
	pass(&w, 900);
	expect_news(&w, "live mended new.json");
	expect_title(&w, "new", "Flux (Dev)");
	world_free(&w);
}

/* Editors truncate and write in pieces, or write beside and rename over. */
static void test_editors(void **state)
{
	struct world w;
	cleanup(freep) char *from = NULL, *to = NULL;

	world_new(&w);
	put(&w, "a.json", DEV);
	assert_int_equal(flujos_load(w.flujos), 0);
	for (size_t n = 0; n <= strlen(SCHNELL); n += 40) {
		put_bytes(&w, "a.json", SCHNELL, n);
		pass(&w, 400);
		expect_title(&w, "a", "Flux (Dev)");
	}
	put(&w, "a.json", SCHNELL);
	pass(&w, 900);
	expect_title(&w, "a", "Flux (Schnell)");
	expect_news(&w, "live a.json");
	assert_null(strstr(buf_str(&w.log), "refused"));

	/* vim: the old one becomes a.json~, a new one is written. */
	from = path_of(&w, "a.json");
	to = path_of(&w, "a.json~");
	assert_int_equal(rename(from, to), 0);
	pass(&w, 300);
	put(&w, "a.json", DEV);
	pass(&w, 900);
	expect_title(&w, "a", "Flux (Dev)");
	assert_null(strstr(buf_str(&w.news), "gone"));
	buf_clear(&w.news);
	put(&w, "a.json~", SCHNELL);
	assert_int_equal(rename(to, from), 0);
	pass(&w, 900);
	expect_title(&w, "a", "Flux (Schnell)");
	expect_news(&w, "live a.json");

	/* Renamed: both at once. */
	free(to);
	to = path_of(&w, "b.json");
	assert_int_equal(rename(from, to), 0);
	pass(&w, 900);
	expect_title(&w, "a", NULL);
	expect_title(&w, "b", "Flux (Schnell)");
	world_free(&w);
}

static void test_folder_gone(void **state)
{
	struct world w;
	char away[60];

	world_new(&w);
	put(&w, "a.json", DEV);
	put(&w, "b.json", SCHNELL);
	assert_int_equal(flujos_load(w.flujos), 0);
	snprintf(away, sizeof(away), "%s-away", w.dir);
	assert_int_equal(rename(w.dir, away), 0);
	pass(&w, 10000);
	expect_news(&w, "");
	expect_title(&w, "a", "Flux (Dev)");
	assert_non_null(strstr(buf_str(&w.log), "cannot be read: No such file or directory; the "
						"workflows that were read from it go on"));
	assert_int_equal(mkdir(w.dir, 0700), 0);
	put(&w, "a.json", SCHNELL);
	pass(&w, 3000);
	expect_title(&w, "a", "Flux (Schnell)");
	expect_title(&w, "b", NULL);
	assert_non_null(strstr(buf_str(&w.log), "can be read again"));
	(void)nftw(away, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	world_free(&w);
}

static void test_links_and_oddities(void **state)
{
	struct world w;
	cleanup(freep) char *link = NULL, *fifo = NULL, *folder = NULL, *target = NULL;

	world_new(&w);
	assert_int_equal(flujos_load(w.flujos), 0);
	target = path_of(&w, "elsewhere");
	link = path_of(&w, "linked.json");
	fifo = path_of(&w, "fifo.json");
	folder = path_of(&w, "folder.json");
	put(&w, "elsewhere", DEV);
	assert_int_equal(symlink(target, link), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(mkdir(folder, 0700), 0);
	put(&w, "b\xff.json", DEV);
	put(&w, "línea\n\033[31m.json", DEV);
	pass(&w, 5000);
	expect_title(&w, "linked", "Flux (Dev)");
	assert_non_null(strstr(buf_str(&w.news),
		"refused l\u00ednea  [31m.json: the file's name has control characters in it"));
	assert_non_null(strstr(buf_str(&w.news), "refused fifo.json: it is not a file"));
	assert_non_null(strstr(buf_str(&w.news), "refused folder.json: it is not a file"));
	assert_non_null(
		strstr(buf_str(&w.news), "refused b\xff.json: the file's name is not UTF-8"));
	buf_clear(&w.news);
	put(&w, "elsewhere", SCHNELL); /* which the folder is not told of: it is looked at */
	pass(&w, 1500);
	expect_title(&w, "linked", "Flux (Schnell)");
	expect_news(&w, "live linked.json");
	take_away(&w, "elsewhere");
	pass(&w, 4000);
	expect_title(&w, "linked", "Flux (Schnell)");
	expect_news(&w, "refused kept linked.json: it cannot be read: No such file");
	world_free(&w);
}

static void test_large(void **state)
{
	struct world w;
	cleanup(freep) char *path = NULL;

	world_new(&w);
	put(&w, "a.json", DEV);
	assert_int_equal(flujos_load(w.flujos), 0);
	path = path_of(&w, "a.json");
	assert_int_equal(truncate(path, (off_t)WORKFLOW_FILE_MAX + 1), 0);
	pass(&w, 3000);
	expect_news(&w, "refused kept a.json: it is larger than 4096 KiB");
	put(&w, "a.json", DEV);
	free(take(path));
	path = path_of(&w, "a.meta.json");
	put(&w, "a.meta.json", "{}");
	assert_int_equal(truncate(path, (off_t)WORKFLOW_META_MAX + 1), 0);
	pass(&w, 3000);
	expect_news(&w, "refused kept a.json: its sidecar .meta.json is larger than 256 KiB");
	world_free(&w);
}

static void test_many(void **state)
{
	struct world w;
	size_t n = 0;

	world_new(&w);
	for (int i = 0; i < WORKFLOWS_MAX; i++) {
		char file[24];

		snprintf(file, sizeof(file), "w%03d.json", i);
		put(&w, file, DEV);
	}
	put(&w, "x.json", DEV);
	assert_int_equal(flujos_load(w.flujos), 0);
	while (workflow_set_at(w.set, WORKFLOW_IMAGINE, n))
		n++;
	assert_int_equal(n, WORKFLOWS_MAX);
	expect_title(&w, "x", NULL);
	assert_non_null(strstr(buf_str(&w.log), "x is not read: there are 200 workflows already"));
	/* A new one does not drive out an old one; a change of an old one is taken. */
	put(&w, "a.json", DEV);
	put(&w, "w007.json", SCHNELL);
	pass(&w, 2000);
	expect_title(&w, "a", NULL);
	expect_title(&w, "w007", "Flux (Schnell)");
	take_away(&w, "w008.json");
	pass(&w, 2000);
	expect_title(&w, "w008", NULL);
	expect_title(&w, "a", "Flux (Dev) [a]");
	expect_title(&w, "x", NULL);
	world_free(&w);
}

/* ---- pictures ---- */

static void add_chunk(struct buf *b, const char *type, const void *data, size_t len)
{
	uint32_t crc = 0xffffffff; /* PNG, third edition, annex D */
	size_t from = b->len + 4;
	uint8_t n[4] = {
		(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};

	assert_int_equal(buf_add(b, n, 4), 0);
	assert_int_equal(buf_add(b, type, 4), 0);
	assert_int_equal(buf_add(b, data, len), 0);
	for (size_t i = from; i < b->len; i++) {
		crc ^= (uint8_t)b->data[i];
		for (int k = 0; k < 8; k++)
			crc = crc & 1 ? 0xedb88320 ^ crc >> 1 : crc >> 1;
	}
	crc ^= 0xffffffff;
	n[0] = (uint8_t)(crc >> 24);
	n[1] = (uint8_t)(crc >> 16);
	n[2] = (uint8_t)(crc >> 8);
	n[3] = (uint8_t)crc;
	assert_int_equal(buf_add(b, n, 4), 0);
}

static void put_picture(
	const struct world *w, const char *file, const char *keyword, const char *text)
{
	cleanup(buf_free) struct buf b = BUF(1 * MIB);
	cleanup(buf_free) struct buf note = BUF(1 * MIB);

	assert_int_equal(buf_add(&note, keyword, strlen(keyword) + 1), 0);
	assert_int_equal(buf_add_str(&note, text), 0);
	assert_int_equal(buf_add(&b, "\x89PNG\r\n\x1a\n", 8), 0);
	add_chunk(&b, "IHDR", "\0\0\0\1\0\0\0\1\10\0\0\0\0", 13);
	add_chunk(&b, "tEXt", note.data, note.len);
	add_chunk(&b, "IDAT", "x", 1);
	add_chunk(&b, "IEND", "", 0);
	put_bytes(w, file, b.data, b.len);
}

static void test_pictures(void **state)
{
	struct world w;

	world_new(&w);
	assert_int_equal(flujos_load(w.flujos), 0);
	put_picture(&w, "a.png", "prompt", DEV);
	put(&w, "a.meta.json", "{\"options\":{\"steps\":{\"max\":8}}}");
	put_picture(&w, "ui.png", "workflow", "{\"nodes\":[]}");
	put_picture(&w, "bare.png", "parameters", "a cat");
	put(&w, "fake.png", DEV);
	pass(&w, 5000);
	expect_title(&w, "a", "Flux (Dev)");
	assert_true(workflow_set_find(w.set, "a")->steps_range.max == 8);
	assert_non_null(strstr(
		buf_str(&w.news), "refused ui.png: this picture holds only the editor's workflow"));
	assert_non_null(strstr(buf_str(&w.news), "Workflow > Export (API)"));
	assert_non_null(
		strstr(buf_str(&w.news), "refused bare.png: this picture holds no workflow"));
	assert_non_null(strstr(buf_str(&w.news), "refused fake.png: it is neither a PNG nor"));
	/* NAME.json goes before NAME.png. */
	put(&w, "a.json", SCHNELL);
	pass(&w, 900);
	expect_title(&w, "a", "Flux (Schnell)");
	assert_non_null(strstr(buf_str(&w.log), "a.png is not read, since a.json is there too"));
	take_away(&w, "a.json");
	pass(&w, 900);
	expect_title(&w, "a", "Flux (Dev)");
	world_free(&w);
}

static void test_one_file(void **state)
{
	struct world w;
	cleanup(freep) char *path = NULL, *meta = NULL;
	struct workflow *wf;

	world_new(&w);
	put_picture(&w, "a.png", "prompt", DEV);
	put(&w, "a.meta.json", "{\"vram_gb\":8}");
	path = path_of(&w, "a.png");
	wf = flujos_file(path);
	assert_true(workflow_usable(wf));
	assert_string_equal(wf->name, "a");
	assert_true(wf->vram_bytes == INT64_C(8000000000));
	workflow_free(wf);
	meta = path_of(&w, "a.meta.json");
	wf = flujos_file(meta);
	assert_string_equal(wf->problems[0], "this is a sidecar: name the workflow itself");
	workflow_free(wf);
	wf = flujos_file(w.dir);
	assert_string_equal(wf->problems[0], "it is not a file");
	workflow_free(wf);
	world_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_comes_changes_goes),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_editors),
		cmocka_unit_test(test_folder_gone),
		cmocka_unit_test(test_links_and_oddities),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_pictures),
		cmocka_unit_test(test_one_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
