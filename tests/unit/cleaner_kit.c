/* SPDX-License-Identifier: Apache-2.0 */
#include "cleaner_kit.h"

#include <gd.h>

/* Between two looks at the clock while nothing happens. */
#define LOOK_MS 20

static bool (*seen_by)(struct rig *rig);

static int64_t turn(void *ctx, int64_t now_ms)
{
	struct rig *rig = ctx;

	cleaner_poll(rig->cleaner);
	if (seen_by(rig))
		loop_stop(rig->loop);
	else if (now_ms > rig->give_up_ms)
		fail_msg("it did not happen in time; the log:\n%s", rig->log);
	return now_ms + LOOK_MS;
}

void rig_until(struct rig *rig, bool (*seen)(struct rig *rig), int64_t ms)
{
	rig->give_up_ms = loop_now(rig->loop) + ms;
	seen_by = seen;
	loop_run(rig->loop, turn, rig);
}

static void keep_log(void *ctx, enum log_level level, const char *subject, const char *text)
{
	struct rig *rig = ctx;
	size_t len = strlen(rig->log);

	if (len > sizeof(rig->log) / 2)
		len = 0;
	(void)snprintf(
		rig->log + len, sizeof(rig->log) - len, "%s %s\n", log_level_name(level), text);
}

void rig_new(struct rig *rig, const char *path)
{
	static struct log log;

	*rig = (struct rig){0};
	log = (struct log){.level = LOG_DEBUG, .write = keep_log, .ctx = rig};
	assert_int_equal(loop_new(&rig->loop), 0);
	rig->cleaner = cleaner_new(rig->loop, &log, path);
}

void rig_forget(struct rig *rig)
{
	for (int i = 0; i < rig->n_answers; i++)
		blob_drop(rig->answers[i].png);
	rig->n_answers = 0;
}

void rig_free(struct rig *rig)
{
	rig_forget(rig);
	cleaner_free(rig->cleaner);
	loop_free(rig->loop);
}

static void answered(void *arg, struct clean_answer *answer)
{
	struct rig *rig = arg;

	assert_true(rig->waiting > 0);
	rig->waiting--;
	rig->results[answer->result]++;
	assert_int_equal(answer->result == CLEAN_OK, answer->png != NULL);
	if (rig->n_answers < (int)countof(rig->answers)) {
		rig->answers[rig->n_answers++] = *answer;
		answer->png = NULL;
	}
}

void rig_send(struct rig *rig, const void *data, size_t len, const struct clean_wish *wish)
{
	static const struct clean_wish any;
	struct buf copy = BUF(256 * MIB);
	struct blob *blob;
	int before = rig->waiting;

	assert_int_equal(buf_add(&copy, data, len), 0);
	blob = blob_take(&copy);
	rig->waiting++;
	cleaner_clean(rig->cleaner, blob, wish ? wish : &any, answered, rig);
	blob_drop(blob);
	assert_int_equal(rig->waiting, before + 1); /* nothing before the return */
}

static bool all_answered(struct rig *rig)
{
	return rig->waiting == 0;
}

void rig_wait(struct rig *rig, int64_t ms)
{
	rig_until(rig, all_answered, ms);
}

struct clean_answer *rig_ask(
	struct rig *rig, const void *data, size_t len, const struct clean_wish *wish)
{
	rig_forget(rig);
	rig_send(rig, data, len, wish);
	rig_wait(rig, 60000);
	return &rig->answers[0];
}

struct buf rig_file(const char *name)
{
	struct buf out = BUF(1 * MIB);
	char chunk[4096], *path = xasprintf("%s/%s", getenv("TEST_PICTURES"), name);
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f)
		fail_msg("%s is not there", path);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		assert_int_equal(buf_add(&out, chunk, n), 0);
	fclose(f);
	free(path);
	return out;
}

static gdImagePtr draw(int width, int height)
{
	gdImagePtr im = gdImageCreateTrueColor(width, height);
	int x = width / 2, y = height / 2;

	gdImageFilledRectangle(im, 0, 0, x - 1, y - 1, 0xff0000);
	gdImageFilledRectangle(im, x, 0, width - 1, y - 1, 0x00ff00);
	gdImageFilledRectangle(im, 0, y, x - 1, height - 1, 0x0000ff);
	gdImageFilledRectangle(im, x, y, width - 1, height - 1, 0xffff00);
	return im;
}

static struct buf taken(gdImagePtr im, void *bytes, int len)
{
	struct buf out = BUF(64 * MIB);

	assert_non_null(bytes);
	assert_int_equal(buf_add(&out, bytes, (size_t)len), 0);
	gdFree(bytes);
	gdImageDestroy(im);
	return out;
}

struct buf rig_png(int width, int height)
{
	gdImagePtr im = draw(width, height);
	int len;
	void *bytes = gdImagePngPtr(im, &len);

	return taken(im, bytes, len);
}

struct buf rig_jpeg(int width, int height)
{
	gdImagePtr im = draw(width, height);
	int len;
	void *bytes = gdImageJpegPtr(im, &len, 95);

	return taken(im, bytes, len);
}

struct buf rig_webp(int width, int height, bool lossless)
{
	gdImagePtr im = draw(width, height);
	int len;
	void *bytes = gdImageWebpPtrEx(im, &len, lossless ? gdWebpLossless : 90);

	return taken(im, bytes, len);
}

struct buf rig_gif(int width, int height)
{
	gdImagePtr im = draw(width, height);
	int len;
	void *bytes = gdImageGifPtr(im, &len);

	return taken(im, bytes, len);
}

unsigned int rig_colour(const struct blob *png, int x, int y)
{
	gdImagePtr im = gdImageCreateFromPngPtr((int)png->len, png->data);
	unsigned int colour;

	assert_non_null(im);
	colour = (unsigned int)gdImageGetTrueColorPixel(
		im, gdImageSX(im) * x / 10, gdImageSY(im) * y / 10);
	gdImageDestroy(im);
	return colour;
}

static char letter(unsigned int colour)
{
	bool r = (colour >> 16 & 0xff) > 128, g = (colour >> 8 & 0xff) > 128,
	     b = (colour & 0xff) > 128;

	return " BGCRMYW"[r << 2 | g << 1 | b];
}

const char *rig_fields(const struct blob *png)
{
	static char letters[5];

	letters[0] = letter(rig_colour(png, 2, 2));
	letters[1] = letter(rig_colour(png, 7, 2));
	letters[2] = letter(rig_colour(png, 7, 7));
	letters[3] = letter(rig_colour(png, 2, 7));
	return letters;
}
