/* SPDX-License-Identifier: Apache-2.0 */
#include "cleaner_kit.h"

#include <dirent.h>
#include <signal.h>
#include <zlib.h>

/* The real fullet-cleaner, as the bot uses it: what it makes of pictures, and that the bot has one
 * answer for each whatever becomes of it. */

static int setup(void **state)
{
	struct rig *rig = xcalloc(1, sizeof(*rig));

	rig_new(rig, NULL);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	rig_free(*state);
	free(*state);
	return 0;
}

/* The answer is a picture of that size that shows these fields. */
static void shows(
	struct clean_answer *a, enum image_type type, int width, int height, const char *fields)
{
	int w, h;

	assert_string_equal(clean_result_name(a->result), "ok");
	assert_int_equal(a->type, type);
	assert_int_equal(a->width, width);
	assert_int_equal(a->height, height);
	assert_int_equal(image_sniff(a->png->data, a->png->len), IMAGE_PNG);
	assert_int_equal(image_size(a->png->data, a->png->len, &w, &h), 0);
	assert_int_equal(w, width);
	assert_int_equal(h, height);
	assert_string_equal(rig_fields(a->png), fields);
}

static void is(struct clean_answer *a, enum clean_result result)
{
	assert_string_equal(clean_result_name(a->result), clean_result_name(result));
	assert_null(a->png);
}

static void test_every_kind(void **state)
{
	struct rig *rig = *state;
	const struct {
		enum image_type type;
		struct buf picture;
	} kinds[] = {
		{IMAGE_PNG, rig_png(96, 80)},
		{IMAGE_JPEG, rig_jpeg(96, 80)},
		{IMAGE_WEBP, rig_webp(96, 80, false)},
		{IMAGE_WEBP, rig_webp(96, 80, true)},
		{IMAGE_GIF, rig_gif(96, 80)},
		{IMAGE_AVIF, rig_file("plain.avif")},
		{IMAGE_HEIC, rig_file("plain.heic")},
	};
	struct wire_hello cage;

	for (size_t i = 0; i < countof(kinds); i++) {
		struct buf picture = kinds[i].picture;

		shows(rig_ask(rig, picture.data, picture.len, NULL), kinds[i].type, 96, 80, "RGYB");
		buf_free(&picture);
	}
	assert_true(cleaner_cage(rig->cleaner, &cage));
	assert_true(cage.seccomp);
	assert_false(cage.privileged);
	assert_int_equal(cage.decodes, (1u << IMAGE_TYPES) - 2); /* all but IMAGE_OTHER */
}

/* AVIF and HEIC tell it in boxes of their own. */
static void test_turned_by_the_file(void **state)
{
	static const struct {
		const char *name;
		enum image_type type;
		int width, height;
		const char *fields;
	} files[] = {
		{"right.avif", IMAGE_AVIF, 81, 97, "BRGY"},
		{"right.heic", IMAGE_HEIC, 81, 97, "BRGY"},
		{"mirror.avif", IMAGE_AVIF, 96, 80, "GRBY"},
		{"mirror.heic", IMAGE_HEIC, 96, 80, "GRBY"},
		/* the right half is transparent: white for who looks at colours only */
		{"alpha.avif", IMAGE_AVIF, 96, 80, "RWWB"},
		{"alpha.heic", IMAGE_HEIC, 96, 80, "RWWB"},
	};

	for (size_t i = 0; i < countof(files); i++) {
		struct buf picture = rig_file(files[i].name);

		shows(rig_ask(*state, picture.data, picture.len, NULL), files[i].type,
			files[i].width, files[i].height, files[i].fields);
		buf_free(&picture);
	}
}

static void put_exif(struct buf *out, const char *prefix, size_t prefix_len, int orientation)
{
	uint8_t tiff[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0,
		(uint8_t)orientation, 0, 0, 0, 0, 0, 0};

	assert_int_equal(buf_add(out, prefix, prefix_len), 0);
	assert_int_equal(buf_add(out, tiff, sizeof(tiff)), 0);
}

/* What the eight orientations make of four fields. */
static const char *const turned[] = {
	"RGYB", "GRBY", "YBRG", "BYGR", "RBYG", "BRGY", "YGRB", "GYBR"};

static void test_jpeg_turned_by_exif(void **state)
{
	struct buf jpeg = rig_jpeg(96, 80);

	for (int orientation = 1; orientation <= 8; orientation++) {
		struct buf with = BUF(1 * MIB);
		bool lies = orientation >= 5;

		assert_int_equal(buf_add(&with, jpeg.data, 2), 0);
		/* APP1: marker, length, "Exif" */
		put_exif(&with,
			"\xff\xe1\0\x22"
			"Exif\0\0",
			10, orientation);
		assert_int_equal(buf_add(&with, jpeg.data + 2, jpeg.len - 2), 0);
		shows(rig_ask(*state, with.data, with.len, NULL), IMAGE_JPEG, lies ? 80 : 96,
			lies ? 96 : 80, turned[orientation - 1]);
		buf_free(&with);
	}
	buf_free(&jpeg);
}

/* In eXIf, before or behind the data. */
static void test_png_turned_by_exif(void **state)
{
	struct buf png = rig_png(96, 80);

	for (int orientation = 1; orientation <= 8; orientation++) {
		struct buf with = BUF(1 * MIB);
		bool lies = orientation >= 5;
		size_t at = orientation % 2 ? 33 : png.len - 12; /* before IEND */
		uint8_t crc[4];
		uLong sum;

		assert_int_equal(buf_add(&with, png.data, at), 0);
		put_exif(&with,
			"\0\0\0\x1a"
			"eXIf",
			8, orientation);
		sum = crc32(0, (const Bytef *)with.data + at + 4, 4 + 26);
		for (int i = 0; i < 4; i++)
			crc[i] = (uint8_t)(sum >> (24 - 8 * i));
		assert_int_equal(buf_add(&with, crc, 4), 0);
		assert_int_equal(buf_add(&with, png.data + at, png.len - at), 0);
		shows(rig_ask(*state, with.data, with.len, NULL), IMAGE_PNG, lies ? 80 : 96,
			lies ? 96 : 80, turned[orientation - 1]);
		assert_null(memmem(((struct rig *)*state)->answers[0].png->data,
			((struct rig *)*state)->answers[0].png->len, "eXIf", 4));
		buf_free(&with);
	}
	buf_free(&png);
}

/* RIFF with VP8X of that canvas and these flags; the size is put in by webp_end(). */
static struct buf webp_begin(int width, int height, uint8_t flags)
{
	uint8_t head[] = {'R', 'I', 'F', 'F', 0, 0, 0, 0, 'W', 'E', 'B', 'P', 'V', 'P', '8', 'X',
		10, 0, 0, 0, flags, 0, 0, 0, (uint8_t)(width - 1), 0, 0, (uint8_t)(height - 1), 0,
		0};
	struct buf out = BUF(1 * MIB);

	assert_int_equal(buf_add(&out, head, sizeof(head)), 0);
	return out;
}

static void webp_end(struct buf *webp)
{
	size_t size = webp->len - 8;

	for (int i = 0; i < 4; i++)
		webp->data[4 + i] = (char)(size >> 8 * i);
}

static void test_webp_turned_by_exif(void **state)
{
	struct buf lossy = rig_webp(96, 80, false), lossless = rig_webp(96, 80, true);

	for (int orientation = 1; orientation <= 8; orientation++) {
		const struct buf *from = orientation % 2 ? &lossy : &lossless;
		struct buf with = webp_begin(96, 80, 0x08 /* EXIF */);
		bool lies = orientation >= 5;

		assert_int_equal(buf_add(&with, from->data + 12, from->len - 12), 0);
		/* Some programs write JPEG's prefix into it. */
		if (orientation < 4)
			put_exif(&with, "EXIF\x1a\0\0\0", 8, orientation);
		else
			put_exif(&with, "EXIF\x20\0\0\0Exif\0\0", 14, orientation);
		webp_end(&with);
		shows(rig_ask(*state, with.data, with.len, NULL), IMAGE_WEBP, lies ? 80 : 96,
			lies ? 96 : 80, turned[orientation - 1]);
		buf_free(&with);
	}
	buf_free(&lossy);
	buf_free(&lossless);
}

static void webp_frame(struct buf *webp, int left, int top, int width, int height)
{
	struct buf still = rig_webp(width, height, webp->len % 4 != 0);
	size_t len = 16 + still.len - 12;
	uint8_t head[] = {'A', 'N', 'M', 'F', (uint8_t)len, (uint8_t)(len >> 8), 0, 0,
		(uint8_t)(left / 2), 0, 0, (uint8_t)(top / 2), 0, 0, (uint8_t)(width - 1), 0, 0,
		(uint8_t)(height - 1), 0, 0, 100, 0, 0, 0};

	assert_int_equal(buf_add(webp, head, sizeof(head)), 0);
	assert_int_equal(buf_add(webp, still.data + 12, still.len - 12), 0);
	buf_free(&still);
}

/* Its first frame, on its canvas. */
static void test_animated_webp(void **state)
{
	static const struct {
		int left, top, width, height;
		const char *fields; /* NULL: damaged */
	} cases[] = {
		{0, 0, 96, 80, "RGYB"}, {48, 40, 48, 40, "WWRW"},
		{50, 40, 48, 40, NULL}, /* out of the canvas */
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct buf webp = webp_begin(96, 80, 0x02 /* animated */);

		assert_int_equal(buf_add(&webp, "ANIM\6\0\0\0\0\0\0\0\0\0", 14), 0);
		webp_frame(&webp, cases[i].left, cases[i].top, cases[i].width, cases[i].height);
		webp_frame(&webp, 10, 10, 16, 16);
		webp_end(&webp);
		if (cases[i].fields)
			shows(rig_ask(*state, webp.data, webp.len, NULL), IMAGE_WEBP, 96, 80,
				cases[i].fields);
		else
			is(rig_ask(*state, webp.data, webp.len, NULL), CLEAN_DAMAGED);
		/* A frame whose data is larger than it says. */
		webp.data[30 + 14 + 8 + 6] = 7;
		is(rig_ask(*state, webp.data, webp.len, NULL), CLEAN_DAMAGED);
		buf_free(&webp);
	}
}

static void test_fitted(void **state)
{
	static const struct {
		int width, height;
		struct clean_wish wish;
		int to_width, to_height;
	} cases[] = {
		{300, 200, {0, 0, 0}, 300, 200},
		{300, 200, {150, 0, 0}, 150, 100},
		{300, 200, {1000, 0, 0}, 300, 200},
		{300, 200, {0, 15000, 0}, 150, 100},
		{301, 203, {0, 0, 8}, 296, 200},
		{300, 200, {100, 0, 64}, 64, 64},
		{3, 2, {0, 0, 8}, 8, 8},
		{1, 1, {0, 0, 0}, 1, 1},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct buf png = rig_png(cases[i].width, cases[i].height);
		struct clean_answer *a = rig_ask(*state, png.data, png.len, &cases[i].wish);

		assert_int_equal(a->result, CLEAN_OK);
		assert_int_equal(a->width, cases[i].to_width);
		assert_int_equal(a->height, cases[i].to_height);
		buf_free(&png);
	}
}

static bool holds(const struct blob *blob, const char *what)
{
	return memmem(blob->data, blob->len, what, strlen(what)) != NULL;
}

/* What is two things at once comes out as the one, alone. */
static void test_polyglots(void **state)
{
	static const char tail[] = "PK\3\4 an archive <script>alert(1)</script> PK\5\6";
	struct buf pictures[] = {rig_png(96, 80), rig_jpeg(96, 80), rig_webp(96, 80, false),
		rig_gif(96, 80), rig_file("plain.avif"), rig_file("plain.heic")};

	for (size_t i = 0; i < countof(pictures); i++) {
		struct clean_answer *a;

		assert_int_equal(buf_add(&pictures[i], tail, sizeof(tail)), 0);
		a = rig_ask(*state, pictures[i].data, pictures[i].len, NULL);
		if (i < 4) {
			assert_int_equal(a->result, CLEAN_OK);
			assert_false(holds(a->png, "script"));
			assert_false(holds(a->png, "PK"));
		} else {
			is(a, CLEAN_DAMAGED);
		}
		buf_free(&pictures[i]);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		enum clean_result result;
	} cases[] = {
		{"", 0, CLEAN_NOT_A_PICTURE},
		{"x", 1, CLEAN_NOT_A_PICTURE},
		{"<html>", 6, CLEAN_NOT_A_PICTURE},
		{"%PDF-1.7", 8, CLEAN_NOT_A_PICTURE},
		{"PK\3\4", 4, CLEAN_NOT_A_PICTURE},
		{"BM\0\0\0\0", 6, CLEAN_UNSUPPORTED},
		{"II*\0\0\0\0\0", 8, CLEAN_UNSUPPORTED},
		{"<svg xmlns", 10, CLEAN_UNSUPPORTED},
		{"\0\0\0\x18"
		 "ftypisom\0\0\0\0isomiso2",
			24, CLEAN_UNSUPPORTED},
		{"\x89PNG\r\n\x1a\n", 8, CLEAN_DAMAGED},
		{"\xff\xd8\xff\xe0", 4, CLEAN_DAMAGED},
		{"RIFF\0\0\0\0WEBP", 12, CLEAN_DAMAGED},
		{"GIF89a", 6, CLEAN_DAMAGED},
	};

	for (size_t i = 0; i < countof(cases); i++)
		is(rig_ask(*state, cases[i].data, cases[i].len, NULL), cases[i].result);
}

static void test_sixty_megabytes(void **state)
{
	struct buf png = rig_png(64, 64), big = BUF(64 * MIB);
	char *zeros = xcalloc(1, 60 * MIB);

	assert_int_equal(buf_add(&big, png.data, png.len), 0);
	assert_int_equal(buf_add(&big, zeros, 60 * MIB), 0);
	is(rig_ask(*state, big.data, big.len, NULL), CLEAN_TOO_LARGE);
	free(zeros);
	buf_free(&big);
	buf_free(&png);
}

/* No cut may give half a picture. */
static void test_cut_off(void **state)
{
	struct rig *rig = *state;
	struct buf pictures[] = {rig_png(96, 80), rig_jpeg(96, 80), rig_webp(96, 80, false),
		rig_webp(96, 80, true), rig_gif(96, 80), rig_file("plain.avif"),
		rig_file("plain.heic")};

	for (size_t i = 0; i < countof(pictures); i++) {
		const struct buf *p = &pictures[i];

		for (size_t len = 64; len + 64 < p->len; len += 64)
			is(rig_ask(rig, p->data, len, NULL), CLEAN_DAMAGED);
		for (size_t less = 4; less < 64; less += 12)
			is(rig_ask(rig, p->data, p->len - less, NULL), CLEAN_DAMAGED);
		shows(rig_ask(rig, p->data, p->len, NULL), image_sniff(p->data, p->len), 96, 80,
			"RGYB");
		buf_free(&pictures[i]);
	}
}

/* ---- the program comes, goes and dies ---- */

static void test_full_queue(void **state)
{
	struct rig *rig = *state;
	struct buf png = rig_png(600, 400);

	for (int i = 0; i < CLEAN_QUEUE_MAX + 5; i++)
		rig_send(rig, png.data, png.len, NULL);
	rig_wait(rig, 60000);
	assert_int_equal(rig->results[CLEAN_UNAVAILABLE], 5);
	assert_int_equal(rig->results[CLEAN_OK], CLEAN_QUEUE_MAX);
	buf_free(&png);
}

static bool runs(struct rig *rig)
{
	return cleaner_pid(rig->cleaner) != 0;
}

static void test_killed(void **state)
{
	struct rig *rig = *state;
	struct buf png = rig_png(96, 80);
	int first;

	is(rig_ask(rig, "x", 1, NULL), CLEAN_NOT_A_PICTURE);
	first = cleaner_pid(rig->cleaner);
	assert_int_not_equal(first, 0);
	/* It cannot answer before it dies. Once is an accident: the next one takes the picture up.
	 */
	assert_int_equal(kill(first, SIGSTOP), 0);
	rig_send(rig, png.data, png.len, NULL);
	rig_send(rig, png.data, png.len, NULL);
	cleaner_poll(rig->cleaner);
	assert_int_equal(kill(first, SIGKILL), 0);
	rig_wait(rig, 30000);
	assert_int_equal(rig->results[CLEAN_OK], 2);
	assert_int_not_equal(cleaner_pid(rig->cleaner), first);
	/* While nothing is asked of it, its death is nobody's business. */
	first = cleaner_pid(rig->cleaner);
	assert_int_equal(kill(first, SIGKILL), 0);
	shows(rig_ask(rig, png.data, png.len, NULL), IMAGE_PNG, 96, 80, "RGYB");
	buf_free(&png);
}

static bool another_runs(struct rig *rig)
{
	return cleaner_pid(rig->cleaner) != 0 && cleaner_pid(rig->cleaner) != rig->old_pid;
}

/* A second time is no accident any more: the member hears that it may be tried later. */
static void test_killed_again(void **state)
{
	struct rig *rig = *state;
	struct buf png = rig_png(96, 80);

	is(rig_ask(rig, "x", 1, NULL), CLEAN_NOT_A_PICTURE);
	for (int i = 0; i < 2; i++) {
		rig->old_pid = cleaner_pid(rig->cleaner);
		assert_int_equal(kill(rig->old_pid, SIGSTOP), 0);
		if (i == 0)
			rig_send(rig, png.data, png.len, NULL);
		cleaner_poll(rig->cleaner);
		assert_int_equal(kill(rig->old_pid, SIGKILL), 0);
		if (i == 0)
			rig_until(rig, another_runs, 20000);
	}
	rig_wait(rig, 30000);
	assert_int_equal(rig->results[CLEAN_UNAVAILABLE], 1);
	shows(rig_ask(rig, png.data, png.len, NULL), IMAGE_PNG, 96, 80, "RGYB");
	buf_free(&png);
}

/* It hangs on the first: that is told, and the second, which waits, is taken by the next program.
 */
static void test_hangs(void **state)
{
	struct rig *rig = *state;
	struct buf png = rig_png(96, 80);

	is(rig_ask(rig, "x", 1, NULL), CLEAN_NOT_A_PICTURE);
	rig->old_pid = cleaner_pid(rig->cleaner);
	assert_int_equal(kill(rig->old_pid, SIGSTOP), 0);
	rig_send(rig, png.data, png.len, NULL);
	rig_send(rig, png.data, png.len, NULL);
	cleaner_limit(rig->cleaner, 200);
	cleaner_poll(rig->cleaner);
	cleaner_limit(rig->cleaner, CLEAN_MS);
	rig_wait(rig, 15000); /* below CLEAN_MS */
	assert_int_equal(rig->results[CLEAN_TOO_HARD], 1);
	assert_int_equal(rig->results[CLEAN_OK], 1);
	assert_non_null(strstr(rig->log, "took too long"));
	assert_int_not_equal(cleaner_pid(rig->cleaner), rig->old_pid);
	assert_int_equal(kill(rig->old_pid, 0), -1);
	buf_free(&png);
}

static void test_not_there(void **state)
{
	static const char *const paths[] = {"/nowhere/fullet-cleaner", "/bin/true", "/bin/cat"};

	for (size_t i = 0; i < countof(paths); i++) {
		struct rig rig;

		rig_new(&rig, paths[i]);
		rig.give_up_ms = 0;
		cleaner_limit(rig.cleaner, 500);
		is(rig_ask(&rig, "x", 1, NULL), CLEAN_UNAVAILABLE);
		is(rig_ask(&rig, "x", 1, NULL), CLEAN_UNAVAILABLE);
		assert_true(*rig.log);
		rig_free(&rig);
	}
}

static int open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int zombies(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/task/self/children", "r");
	char path[64];
	int n = 0, pid;

	if (f)
		fclose(f);
	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	f = fopen(path, "r");
	if (!f || !fgets(line, sizeof(line), f))
		*line = '\0';
	if (f)
		fclose(f);
	for (char *at = line; sscanf(at, "%d", &pid) == 1; n++)
		at = strchr(at, ' ') ? strchr(at, ' ') + 1 : "";
	return n;
}

static bool is_gone(struct rig *rig)
{
	return cleaner_pid(rig->cleaner) == 0;
}

static void test_leaves_nothing(void **state)
{
	struct rig *rig = *state;
	struct buf png = rig_png(96, 80);
	int before;

	is(rig_ask(rig, "x", 1, NULL), CLEAN_NOT_A_PICTURE);
	before = open_descriptors();
	for (int i = 0; i < 10; i++) {
		assert_int_equal(kill(cleaner_pid(rig->cleaner), SIGKILL), 0);
		rig_until(rig, is_gone, 20000);
		shows(rig_ask(rig, png.data, png.len, NULL), IMAGE_PNG, 96, 80, "RGYB");
		rig_until(rig, runs, 20000);
		assert_int_equal(open_descriptors(), before);
		assert_int_equal(zombies(), 1); /* the one that runs */
	}
	buf_free(&png);
}

/* More than one program serves: it answers, ends, and the next goes on without a gap. */
static void test_serves_on(void **state)
{
	struct rig *rig = *state;
	struct buf png = rig_png(32, 32);
	int first = 0;

	for (int i = 0; i < CLEAN_SERVED_MAX + 50; i++) {
		shows(rig_ask(rig, png.data, png.len, NULL), IMAGE_PNG, 32, 32, "RGYB");
		if (i == 0)
			first = cleaner_pid(rig->cleaner);
	}
	assert_int_not_equal(cleaner_pid(rig->cleaner), first);
	buf_free(&png);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(test_turned_by_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_jpeg_turned_by_exif, setup, teardown),
		cmocka_unit_test_setup_teardown(test_png_turned_by_exif, setup, teardown),
		cmocka_unit_test_setup_teardown(test_webp_turned_by_exif, setup, teardown),
		cmocka_unit_test_setup_teardown(test_animated_webp, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hangs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fitted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_polyglots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sixty_megabytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_again, setup, teardown),
		cmocka_unit_test(test_not_there),
		cmocka_unit_test_setup_teardown(test_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_serves_on, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
