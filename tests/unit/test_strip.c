/* SPDX-License-Identifier: Apache-2.0 */
#include "strip_kit.h"

#include <gd.h>

/* ---- JPEG and WebP, made and read back by libgd ---- */

static gdImagePtr draw(void)
{
	gdImagePtr im = gdImageCreateTrueColor(61, 43);

	gdImageSaveAlpha(im, 1);
	for (int y = 0; y < 43; y++)
		for (int x = 0; x < 61; x++)
			gdImageSetPixel(im, x, y,
				gdTrueColorAlpha((x * 5) & 255, (y * 7) & 255, (x * y) & 255, 0));
	return im;
}

static void same_pixels(gdImagePtr a, gdImagePtr b)
{
	assert_non_null(a);
	assert_non_null(b);
	assert_true(gdImageSX(a) == 61 && gdImageSX(b) == 61);
	assert_true(gdImageSY(a) == 43 && gdImageSY(b) == 43);
	for (int y = 0; y < 43; y++)
		for (int x = 0; x < 61; x++)
			assert_int_equal(gdImageGetPixel(a, x, y), gdImageGetPixel(b, x, y));
	gdImageDestroy(a);
	gdImageDestroy(b);
}

static void jpeg_of(struct buf *b, bool progressive)
{
	gdImagePtr im = draw();
	void *data;
	int len = 0;

	*b = bytes();
	gdImageInterlace(im, progressive);
	data = gdImageJpegPtr(im, &len, 90);
	add(b, data, (size_t)len);
	gdFree(data);
	gdImageDestroy(im);
}

static void add_segment(struct buf *b, uint8_t marker, const char *head, size_t head_len)
{
	size_t len = 2 + head_len + strlen(SECRET);

	add(b, (uint8_t[]){0xff, marker, (uint8_t)(len >> 8), (uint8_t)len}, 4);
	add(b, head, head_len);
	add(b, SECRET, strlen(SECRET));
}

static int count_marker(const struct buf *b, uint8_t marker, const char *head)
{
	int n = 0;

	for (size_t i = 0; i + 4 + strlen(head) <= b->len; i++)
		n += (uint8_t)b->data[i] == 0xff && (uint8_t)b->data[i + 1] == marker &&
		     memcmp(b->data + i + 4, head, strlen(head)) == 0;
	return n;
}

/* gd's JPEG with metadata of every kind after SOI and before EOI, and something after it. */
static void jpeg_with_metadata(const struct buf *plain, struct buf *b)
{
	*b = bytes();
	add(b, plain->data, 2);
	add_segment(b, 0xe1, "Exif\0\0", 6);
	add_segment(b, 0xe1, "http://ns.adobe.com/xap/1.0/\0", 29);
	add_segment(b, 0xe0, "JFXX\0\x10", 6);
	add_segment(b, 0xed, "Photoshop 3.0\0", 14);
	add_segment(b, 0xe2, "MPF\0", 4);
	add_segment(b, 0xeb, "JP", 2);
	add_segment(b, 0xef, "", 0);
	add_segment(b, 0xfe, "", 0);
	add(b, "\xff\xff\xff", 3); /* fill bytes */
	add(b, "\xff\xe2\0\x12ICC_PROFILE\0\1\1xx", 20);
	add_segment(b, 0xee, "Adobe\0d\0\0\0\0\1", 12);
	add(b, plain->data + 2, plain->len - 4);
	add_segment(b, 0xfe, "", 0);
	add(b, "\xff\xd9" SECRET, 2 + strlen(SECRET));
}

static void test_jpeg(void **state)
{
	for (int progressive = 0; progressive < 2; progressive++) {
		struct buf plain, in, out;
		int w = 0, h = 0;

		jpeg_of(&plain, progressive);
		/* gd itself writes a comment ("CREATOR: gd-jpeg"). */
		assert_true(holds(&plain, "CREATOR"));
		jpeg_with_metadata(&plain, &in);
		assert_int_equal(image_size(in.data, in.len, &w, &h), 0);
		assert_true(w == 61 && h == 43);
		strips_clean(&in, &out);
		assert_false(holds(&out, "CREATOR"));
		assert_int_equal(count_marker(&out, 0xe0, "JFIF"), 1);
		assert_int_equal(count_marker(&out, 0xe2, "ICC_PROFILE"), 1);
		assert_int_equal(count_marker(&out, 0xee, "Adobe"), 1);
		assert_int_equal(count_marker(&out, 0xe1, ""), 0);
		same_pixels(gdImageCreateFromJpegPtr((int)in.len, in.data),
			gdImageCreateFromJpegPtr((int)out.len, out.data));
		buf_free(&plain);
		buf_free(&in);
		buf_free(&out);
	}
}

static void test_jpeg_truncated(void **state)
{
	struct buf plain, in;

	jpeg_of(&plain, true);
	jpeg_with_metadata(&plain, &in);
	refuses_each_prefix(&in, in.len - strlen(SECRET));
	buf_free(&plain);
	buf_free(&in);
}

#define SOF "\xff\xc0\0\x0b\x08\0\x10\0\x20\1\1\x11\0"
#define SOS "\xff\xda\0\x08\1\1\0\0\x3f\0"

static void test_jpeg_raw(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		const char *why; /* NULL: fine */
	} cases[] = {
#define RAW(s, why) {s, sizeof(s) - 1, why}
		RAW("\xff\xd8" SOF SOS "ab\xff\0cd\xff\xd0 ef\xff\xff\xff\0gh\xff\xd9", NULL),
		RAW("\xff\xd8" SOF SOS "ab\xff\xff\xd9", NULL),
		RAW("\xff\xd8" SOF SOS "ab\xff", "cut off"),
		RAW("\xff\xd8" SOF SOS "ab", "cut off"),
		RAW("\xff\xd8" SOF "\xff\xd9", "no data"),
		RAW("\xff\xd8" SOS "ab\xff\xd9", "before its frame header"),
		RAW("\xff\xd8" SOF SOF SOS "ab\xff\xd9", "two frames"),
		RAW("\xff\xd8" SOF "x" SOS "ab\xff\xd9", "where a marker must be"),
		RAW("\xff\xd8\xff\xd0" SOF SOS "ab\xff\xd9", "unexpected marker"),
		RAW("\xff\xd8\xff\xf7\0\2" SOF SOS "ab\xff\xd9", "unexpected marker"),
		RAW("\xff\xd8\xff\xe1\0\1" SOF SOS "ab\xff\xd9", "impossible length"),
		RAW("\xff\xd8\xff\xe1\x7f\xff" SOF SOS "ab\xff\xd9", "cut off"),
		RAW("\xff\xd8\xff\xc0\0\x0b\x08\0\x10\0\0\1\1\x11\0" SOS "ab\xff\xd9",
			"frame header"),
	};
	int w = 0, h = 0;

	for (size_t i = 0; i < countof(cases); i++) {
		struct buf in = bytes(), out;

		add(&in, cases[i].data, cases[i].len);
		if (cases[i].why) {
			strip_refuses(in.data, in.len, cases[i].why);
		} else {
			strips_clean(&in, &out);
			assert_int_equal(image_size(out.data, out.len, &w, &h), 0);
			assert_true(w == 32 && h == 16);
			buf_free(&out);
		}
		buf_free(&in);
	}
}

static void add_part(struct buf *b, const char *type, const void *data, size_t len)
{
	add(b, type, 4);
	add_le32(b, (uint32_t)len);
	add(b, data, len);
	if (len % 2)
		add(b, "", 1);
}

static void finish_riff(struct buf *b)
{
	uint32_t size = (uint32_t)b->len - 8;

	memcpy(b->data + 4,
		(uint8_t[]){(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16), 0}, 4);
}

static const uint8_t vp8x_all[10] = {0x3c, 0, 0, 0, 60, 0, 0, 42, 0, 0}; /* ICC alpha EXIF XMP */

/* gd's picture chunk in a file with everything that an extended file may hold. */
static void webp_with_metadata(int quality, struct buf *plain, struct buf *b)
{
	gdImagePtr im = draw();
	void *data;
	int len = 0;

	data = gdImageWebpPtrEx(im, &len, quality);
	*plain = bytes();
	add(plain, data, (size_t)len);
	gdFree(data);
	gdImageDestroy(im);
	*b = bytes();
	add(b, "RIFF....WEBP", 12);
	add_part(b, "VP8X", vp8x_all, sizeof(vp8x_all));
	add_part(b, "ICCP", "profile", 7);
	add_part(b, "FOOO", SECRET, strlen(SECRET));
	add(b, plain->data + 12, plain->len - 12);
	add_part(b, "EXIF", SECRET "!", strlen(SECRET) + 1);
	add_part(b, "XMP ", SECRET, strlen(SECRET));
	finish_riff(b);
	add(b, SECRET, strlen(SECRET));
}

static void test_webp(void **state)
{
	static const int qualities[] = {80, 101 /* gd: lossless */};

	for (size_t i = 0; i < countof(qualities); i++) {
		struct buf plain, in, out;
		int w = 0, h = 0;

		webp_with_metadata(qualities[i], &plain, &in);
		assert_int_equal(image_size(plain.data, plain.len, &w, &h), 0);
		assert_true(w == 61 && h == 43);
		w = h = 0;
		assert_int_equal(image_size(in.data, in.len, &w, &h), 0);
		assert_true(w == 61 && h == 43);
		strips_clean(&in, &out);
		assert_false(holds(&out, "EXIF") || holds(&out, "XMP ") || holds(&out, "FOOO"));
		assert_true(holds(&out, "ICCP"));
		assert_int_equal((uint8_t)out.data[20], 0x30); /* ICC and alpha are left */
		assert_int_equal((uint8_t)out.data[4] | (uint8_t)out.data[5] << 8, out.len - 8);
		same_pixels(gdImageCreateFromWebpPtr((int)in.len, in.data),
			gdImageCreateFromWebpPtr((int)out.len, out.data));
		refuses_each_prefix(&in, in.len - strlen(SECRET));
		buf_free(&out);
		strips_clean(&plain, &out);
		assert_int_equal(out.len, plain.len);
		assert_memory_equal(out.data, plain.data, out.len);
		buf_free(&plain);
		buf_free(&in);
		buf_free(&out);
	}
}

#define TINY_VP8L "VP8L\5\0\0\0\x2f\x3c\x80\x0a\0\0"

static void test_webp_animated(void **state)
{
	static const uint8_t vp8x[10] = {0x0a, 0, 0, 0, 60, 0, 0, 42, 0, 0};
	struct buf in = bytes(), out, frame = bytes();

	add(&frame, "0123456789abcdef", 16);
	add_part(&frame, "FOOO", SECRET, strlen(SECRET));
	add(&frame, TINY_VP8L, 14);
	add_part(&frame, "EXIF", SECRET, strlen(SECRET));
	add(&in, "RIFF....WEBP", 12);
	add_part(&in, "VP8X", vp8x, sizeof(vp8x));
	add_part(&in, "ICCP", SECRET, strlen(SECRET)); /* its flag is not set: nobody reads it */
	add_part(&in, "ANIM", "\0\0\0\0\0\0", 6);
	add_part(&in, "ANMF", frame.data, frame.len);
	add_part(&in, "ANMF", frame.data, frame.len);
	add_part(&in, "EXIF", SECRET, strlen(SECRET));
	finish_riff(&in);
	strips_clean(&in, &out);
	assert_int_equal(out.len, 12 + 18 + 14 + 2 * (8 + 16 + 14));
	assert_int_equal((uint8_t)out.data[20], 0x02);
	buf_free(&in);
	buf_free(&out);
	buf_free(&frame);
}

static void test_webp_raw(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		const char *why;
	} cases[] = {
		RAW("RIFF\x12\0\0\0WEBP" TINY_VP8L, NULL),
		RAW("RIFF\x11\0\0\0WEBPVP8L\5\0\0\0\x2f\x3c\x80\x0a\0", NULL), /* no fill byte */
		RAW("RIFF\x04\0\0\0WEBP", "no data"),
		RAW("RIFF\xff\0\0\0WEBP" TINY_VP8L, "cut off"),
		RAW("RIFF\0\0\0\0WEBP" TINY_VP8L, "cut off"),
		RAW("RIFF\x12\0\0\0WEBPVP8L\5\0\0\0\x2e\x3c\x80\x0a\0\0", "data is damaged"),
		RAW("RIFF\x12\0\0\0WEBPVP8 \5\0\0\0\x2f\x3c\x80\x0a\0\0", "data is damaged"),
		RAW("RIFF\x12\0\0\0WEBPVP8L\xff\xff\xff\xff\x2f\x3c\x80\x0a\0\0", "within a chunk"),
		RAW("RIFF\x12\0\0\0WEBPVP8X\5\0\0\0\x2f\x3c\x80\x0a\0\0", "header is damaged"),
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct buf in = bytes(), out;
		int w = 0, h = 0;

		add(&in, cases[i].data, cases[i].len);
		if (cases[i].why) {
			strip_refuses(in.data, in.len, cases[i].why);
		} else {
			strips_clean(&in, &out);
			assert_int_equal(out.len, 26);
			assert_int_equal(image_size(out.data, out.len, &w, &h), 0);
			assert_true(w == 61 && h == 43);
			buf_free(&out);
		}
		buf_free(&in);
	}
}

static void test_others(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		enum image_type type;
		const char *extension, *mime;
	} cases[] = {
		{"\x89PNG\r\n\x1a\n", 8, IMAGE_PNG, "png", "image/png"},
		{"\xff\xd8\xff\xe0", 4, IMAGE_JPEG, "jpg", "image/jpeg"},
		{"RIFF....WEBP", 12, IMAGE_WEBP, "webp", "image/webp"},
		{"GIF89a", 6, IMAGE_GIF, "gif", "image/gif"},
		{"GIF87a", 6, IMAGE_GIF, "gif", "image/gif"},
		{"GIF88a", 6, IMAGE_OTHER, NULL, NULL},
		{"RIFF....WAVE", 12, IMAGE_OTHER, NULL, NULL},
		{"\x89PNG\r\n\x1a", 7, IMAGE_OTHER, NULL, NULL},
		{"%PDF-1.7", 8, IMAGE_OTHER, NULL, NULL},
		{"", 0, IMAGE_OTHER, NULL, NULL},
	};
	int w = 1, h = 2;

	for (size_t i = 0; i < countof(cases); i++) {
		enum image_type type = image_sniff(cases[i].data, cases[i].len);

		assert_int_equal(type, cases[i].type);
		assert_true(image_extension(type) == cases[i].extension ||
			    str_eq(image_extension(type), cases[i].extension));
		assert_true(image_mime(type) == cases[i].mime ||
			    str_eq(image_mime(type), cases[i].mime));
		assert_int_equal(image_size(cases[i].data, cases[i].len, &w, &h), -EBADMSG);
		strip_refuses(cases[i].data, cases[i].len, "");
	}
	assert_true(w == 1 && h == 2);
	assert_int_equal(image_size("GIF89a\x05\x01\x06\0", 10, &w, &h), 0);
	assert_true(w == 261 && h == 6);
	assert_int_equal(image_size("GIF89a\0\0\x06\0", 10, &w, &h), -EBADMSG);
	strip_refuses("GIF89a\x05\x01\x06\0", 10, "not a PNG, JPEG or WebP");
	assert_int_equal(
		image_size("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\x80\0\0\0\0\0\0\1", 24, &w, &h),
		-EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jpeg),
		cmocka_unit_test(test_jpeg_truncated),
		cmocka_unit_test(test_jpeg_raw),
		cmocka_unit_test(test_webp),
		cmocka_unit_test(test_webp_animated),
		cmocka_unit_test(test_webp_raw),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
