/* SPDX-License-Identifier: Apache-2.0 */
#include "strip_kit.h"

#include <zlib.h>

static void add_chunk(struct buf *b, const char *type, const void *data, size_t len)
{
	uLong crc =
		crc32(crc32(0, (const Bytef *)type, 4), data ? data : (const void *)"", (uInt)len);

	add_be32(b, (uint32_t)len);
	add(b, type, 4);
	add(b, data, len);
	add_be32(b, (uint32_t)crc);
}

static void add_text(struct buf *b, const char *type)
{
	static const char text[] = "prompt\0\0\0\0{\"" SECRET "\":1}";

	add_chunk(b, type, text, sizeof(text));
}

static void add_header(
	struct buf *b, uint32_t w, uint32_t h, uint8_t depth, uint8_t colour, uint8_t interlace)
{
	struct buf head = bytes();

	add(b, "\x89PNG\r\n\x1a\n", 8);
	add_be32(&head, w);
	add_be32(&head, h);
	add(&head, (uint8_t[]){depth, colour, 0, 0, interlace}, 5);
	add_chunk(b, "IHDR", head.data, head.len);
	buf_free(&head);
}

#define RAW_LEN 5000

/* Compressed pixel data in IDAT chunks of `piece` bytes. */
static void add_pixels(struct buf *b, const char *type, size_t piece)
{
	uint8_t raw[RAW_LEN], packed[2 * RAW_LEN];
	uLongf len = sizeof(packed);

	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (uint8_t)(i * i >> 3);
	assert_int_equal(compress(packed, &len, raw, sizeof(raw)), Z_OK);
	for (size_t at = 0; at < len; at += piece)
		add_chunk(b, type, packed + at, min_of(piece, len - at));
}

/* The chunk's place in the file, or -1. */
static ptrdiff_t find_chunk(const struct buf *b, const char *type, int number)
{
	const uint8_t *p = (const uint8_t *)b->data;
	size_t at = 8;

	while (at + 12 <= b->len) {
		if (memcmp(p + at + 4, type, 4) == 0 && number-- == 0)
			return (ptrdiff_t)at;
		at += 12 + ((size_t)p[at] << 24 | (size_t)p[at + 1] << 16 | (size_t)p[at + 2] << 8 |
				   p[at + 3]);
	}
	return -1;
}

static int count_chunks(const struct buf *b, const char *type)
{
	int n = 0;

	while (find_chunk(b, type, n) >= 0)
		n++;
	return n;
}

/* The pixels as zlib unpacks them, all IDAT chunks together. */
static void pixels_of(const struct buf *b, uint8_t raw[RAW_LEN])
{
	struct buf packed = bytes();
	uLongf len = RAW_LEN;
	ptrdiff_t at;

	for (int i = 0; (at = find_chunk(b, "IDAT", i)) >= 0; i++) {
		const uint8_t *p = (const uint8_t *)b->data + at;

		add(&packed, p + 8, (size_t)p[2] << 8 | p[3]);
	}
	assert_int_equal(uncompress(raw, &len, (uint8_t *)packed.data, packed.len), Z_OK);
	assert_int_equal(len, RAW_LEN);
	buf_free(&packed);
}

static const char *const colour_chunks[] = {
	"cHRM", "gAMA", "iCCP", "sBIT", "cICP", "bKGD", "tRNS", "pHYs"};
static const char *const dropped_chunks[] = {
	"tEXt", "zTXt", "iTXt", "eXIf", "tIME", "sPLT", "hIST", "prVt", "caBX"};

static void build_png(struct buf *b, uint8_t depth, uint8_t colour, uint8_t interlace)
{
	*b = bytes();
	add_header(b, 300, 200, depth, colour, interlace);
	for (size_t i = 0; i < countof(dropped_chunks); i++)
		add_text(b, dropped_chunks[i]);
	for (size_t i = 0; i < 5; i++)
		add_chunk(b, colour_chunks[i], "\1\2\3", 3);
	if (colour == 3)
		add_chunk(b, "PLTE", "\1\2\3\4\5\6", 6);
	for (size_t i = 5; i < countof(colour_chunks); i++)
		add_chunk(b, colour_chunks[i], "\1", 1);
	add_text(b, "tEXt");
	add_pixels(b, "IDAT", 700);
	add_text(b, "tEXt");
	add_text(b, "gAMA"); /* meaningless here: dropped */
	add_chunk(b, "IEND", NULL, 0);
	add(b, SECRET, strlen(SECRET));
}

static void test_png(void **state)
{
	static const struct {
		uint8_t depth, colour, interlace;
	} kinds[] = {{8, 2, 0}, {8, 6, 0}, {16, 6, 0}, {16, 0, 1}, {1, 0, 0}, {4, 3, 0}, {8, 3, 1},
		{8, 4, 0}};

	for (size_t k = 0; k < countof(kinds); k++) {
		struct buf in, out;
		uint8_t before[RAW_LEN], after[RAW_LEN];
		int w = 0, h = 0;

		build_png(&in, kinds[k].depth, kinds[k].colour, kinds[k].interlace);
		assert_true(holds(&in, SECRET));
		strips_clean(&in, &out);
		for (size_t i = 0; i < countof(dropped_chunks); i++)
			assert_int_equal(count_chunks(&out, dropped_chunks[i]), 0);
		for (size_t i = 0; i < countof(colour_chunks); i++)
			assert_int_equal(count_chunks(&out, colour_chunks[i]), 1);
		pixels_of(&in, before);
		pixels_of(&out, after);
		assert_memory_equal(before, after, RAW_LEN);
		assert_memory_equal(out.data + out.len - 8, "IEND\xae\x42\x60\x82", 8);
		assert_int_equal(image_size(out.data, out.len, &w, &h), 0);
		assert_true(w == 300 && h == 200);
		buf_free(&in);
		buf_free(&out);
	}
}

static void add_frame(struct buf *b, uint8_t number)
{
	uint8_t control[26] = {0, 0, 0, number, 0, 0, 0, 8, 0, 0, 0, 8};

	add_chunk(b, "fcTL", control, sizeof(control));
}

static void test_png_animated(void **state)
{
	struct buf in = bytes(), out;

	add_header(&in, 8, 8, 8, 6, 0);
	add_chunk(&in, "acTL", "\0\0\0\2\0\0\0\0", 8);
	add_frame(&in, 0);
	add_text(&in, "tEXt");
	add_pixels(&in, "IDAT", 1 << 16);
	add_frame(&in, 1);
	add_text(&in, "iTXt");
	add_chunk(&in, "fdAT", "\0\0\0\2pixels", 10);
	add_chunk(&in, "fdAT", "\0\0\0\3pixels", 10);
	add_chunk(&in, "IEND", NULL, 0);
	strips_clean(&in, &out);
	assert_int_equal(count_chunks(&out, "acTL"), 1);
	assert_int_equal(count_chunks(&out, "fcTL"), 2);
	assert_int_equal(count_chunks(&out, "fdAT"), 2);
	buf_free(&in);
	buf_free(&out);
	/* Without acTL the frames are nothing that is ever shown. */
	in = bytes();
	add_header(&in, 8, 8, 8, 6, 0);
	add_frame(&in, 0);
	add_pixels(&in, "IDAT", 1 << 16);
	add_chunk(&in, "fdAT", SECRET, 10);
	add_chunk(&in, "IEND", NULL, 0);
	strips_clean(&in, &out);
	assert_int_equal(count_chunks(&out, "fcTL") + count_chunks(&out, "fdAT"), 0);
	buf_free(&in);
	buf_free(&out);
}

/* A PNG from a list of chunk names. */
static void png_of(struct buf *b, uint8_t depth, uint8_t colour, const char *const *types)
{
	*b = bytes();
	add_header(b, 300, 200, depth, colour, 0);
	for (; *types; types++) {
		if (str_eq(*types, "IDAT"))
			add_pixels(b, "IDAT", 1 << 16);
		else if (str_eq(*types, "PLTE"))
			add_chunk(b, "PLTE", "abc", 3);
		else if (str_eq(*types, "IHDR"))
			add_chunk(b, "IHDR", "0123456789abc", 13);
		else
			add_chunk(b, *types, NULL, 0);
	}
}

static void test_png_order(void **state)
{
	static const struct {
		uint8_t depth, colour;
		const char *types[6];
		const char *why;
	} cases[] = {
		{8, 2, {"IDAT"}, "cut off before its end"},
		{8, 2, {"IEND"}, "has no data"},
		{8, 2, {"tEXt", "IEND"}, "has no data"},
		{8, 2, {"IDAT", "tEXt", "IDAT", "IEND"}, "interrupted"},
		{8, 2, {"IHDR", "IDAT", "IEND"}, "two headers"},
		{8, 2, {"PLTE", "PLTE", "IDAT", "IEND"}, "palette where none may be"},
		{8, 2, {"IDAT", "PLTE", "IEND"}, "palette where none may be"},
		{8, 0, {"PLTE", "IDAT", "IEND"}, "palette where none may be"},
		{8, 3, {"IDAT", "IEND"}, "palette is missing"},
		{8, 2, {"NEWC", "IDAT", "IEND"}, "unknown critical"},
		{16, 3, {"PLTE", "IDAT", "IEND"}, "unknown format"},
		{4, 2, {"IDAT", "IEND"}, "unknown format"},
		{8, 5, {"IDAT", "IEND"}, "unknown format"},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct buf b;

		png_of(&b, cases[i].depth, cases[i].colour, cases[i].types);
		strip_refuses(b.data, b.len, cases[i].why);
		buf_free(&b);
	}
}

static void flip(struct buf *b, const char *type, int number, size_t at)
{
	ptrdiff_t place = find_chunk(b, type, number);

	assert_true(place >= 0);
	b->data[(size_t)place + at] ^= 1;
}

static void test_png_damage(void **state)
{
	struct buf in, out;

	build_png(&in, 8, 6, 0);
	flip(&in, "IDAT", 0, 20);
	strip_refuses(in.data, in.len, "wrong checksum");
	flip(&in, "IDAT", 0, 20);
	flip(&in, "gAMA", 0, 8);
	strip_refuses(in.data, in.len, "wrong checksum");
	flip(&in, "gAMA", 0, 8);
	flip(&in, "tEXt", 0, 12); /* what is dropped may be damaged */
	strips_clean(&in, &out);
	buf_free(&out);
	in.data[find_chunk(&in, "tEXt", 0)] = (char)0x80;
	strip_refuses(in.data, in.len, "impossible length");
	buf_free(&in);

	build_png(&in, 8, 6, 0);
	in.data[find_chunk(&in, "tEXt", 0) + 5] = '1';
	strip_refuses(in.data, in.len, "impossible type");
	buf_free(&in);

	build_png(&in, 8, 6, 0);
	in.data[15] = 'x';
	strip_refuses(in.data, in.len, "header");
	buf_free(&in);
}

static void test_png_truncated(void **state)
{
	struct buf in;

	build_png(&in, 8, 6, 0);
	refuses_each_prefix(&in, in.len - strlen(SECRET));
	buf_free(&in);
}

static void test_ceiling(void **state)
{
	struct buf in, small = BUF(1000);
	const char *why = NULL;

	build_png(&in, 8, 6, 0);
	assert_int_equal(image_strip(in.data, in.len, &small, &why), -EFBIG);
	assert_int_equal(small.len, 0);
	assert_non_null(why);
	buf_free(&small);
	buf_free(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_png),
		cmocka_unit_test(test_png_animated),
		cmocka_unit_test(test_png_order),
		cmocka_unit_test(test_png_damage),
		cmocka_unit_test(test_png_truncated),
		cmocka_unit_test(test_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
