/* SPDX-License-Identifier: Apache-2.0 */
#include "strip_kit.h"

#include <zlib.h>

#include "image/note.h"

/* What ComfyUI leaves in pictures, and what is not it. */

static void chunk(struct buf *b, const char *type, const void *data, size_t len)
{
	size_t from = b->len + 4;

	add_be32(b, (uint32_t)len);
	add(b, type, 4);
	add(b, data, len);
	add_be32(b, (uint32_t)crc32_z(0, (const uint8_t *)b->data + from, len + 4));
}

static struct buf png(void)
{
	struct buf b = bytes();

	add(&b, "\x89PNG\r\n\x1a\n", 8);
	chunk(&b, "IHDR", "\0\0\0\1\0\0\0\1\10\0\0\0\0", 13);
	return b;
}

static void png_end(struct buf *b)
{
	chunk(b, "IDAT", "x", 1); /* nobody decodes it */
	chunk(b, "IEND", "", 0);
}

#define CHUNK(b, type, literal) chunk(b, type, literal, sizeof(literal) - 1)

/* `expected` is a text, or NULL for the error. Takes the picture. */
static void expect(struct buf *picture, const char *keyword, const char *expected, int error)
{
	struct buf out = BUF(1 * KIB);
	const char *why = NULL;
	int r = image_note(buf_str(picture), picture->len, keyword, &out, &why);

	assert_int_equal(r, expected ? 0 : error);
	assert_string_equal(buf_str(&out), expected ? expected : "");
	assert_int_equal(why != NULL, r == -EBADMSG);
	buf_free(&out);
}

static void packed(struct buf *b, const char *type, const char *head, size_t head_len,
	const void *text, size_t len)
{
	struct buf data = bytes();
	uLongf n = compressBound(len);
	uint8_t *small = xcalloc(n, 1);

	assert_int_equal(compress(small, &n, text, len), Z_OK);
	add(&data, head, head_len);
	add(&data, small, n);
	chunk(b, type, data.data, data.len);
	buf_free(&data);
	free(small);
}

static void test_text_chunks(void **state)
{
	struct buf b = png();

	CHUNK(&b, "tEXt", "prompts\0not this one");
	CHUNK(&b, "tEXt", "workflow\0the editor's");
	CHUNK(&b, "tEXt", "prompt\0{\"1\":{}}");
	CHUNK(&b, "tEXt", "prompt\0a second one");
	png_end(&b);
	expect(&b, "prompt", "{\"1\":{}}", 0);
	expect(&b, "workflow", "the editor's", 0);
	expect(&b, "parameters", NULL, -ENOENT);
	buf_free(&b);

	b = png(); /* after the pixels, and in Latin-1 */
	CHUNK(&b, "IDAT", "x");
	CHUNK(&b, "tEXt", "prompt\0ni\xf1o");
	CHUNK(&b, "IEND", "");
	expect(&b, "prompt", "niño", 0);
	buf_free(&b);
}

static void test_packed_chunks(void **state)
{
	struct buf b = png();

	packed(&b, "zTXt", "prompt\0\0", 8, "packed", 6);
	png_end(&b);
	expect(&b, "prompt", "packed", 0);
	buf_free(&b);

	b = png();
	packed(&b, "iTXt", "prompt\0\1\0es\0clave\0", 18, "niño", 5);
	png_end(&b);
	expect(&b, "prompt", "niño", 0);
	buf_free(&b);

	b = png();
	CHUNK(&b, "iTXt", "prompt\0\0\0\0\0plain");
	png_end(&b);
	expect(&b, "prompt", "plain", 0);
	buf_free(&b);
}

static void test_bombs(void **state)
{
	char *zeros = xcalloc(8, MIB);
	struct buf b = png();

	memset(zeros, ' ', 8 * MIB); /* eight kilobytes in the file */
	packed(&b, "zTXt", "prompt\0\0", 8, zeros, 8 * MIB);
	png_end(&b);
	assert_true(b.len < 16 * KIB);
	expect(&b, "prompt", NULL, -EFBIG);
	buf_free(&b);
	b = png();
	memcpy(zeros, "prompt", 7);
	chunk(&b, "tEXt", zeros, 2 * KIB);
	png_end(&b);
	expect(&b, "prompt", NULL, -EFBIG);
	buf_free(&b);
	free(zeros);
}

static void test_damage(void **state)
{
	static const struct {
		const char *type, *data;
		size_t len;
	} rows[] = {
		{"zTXt", "prompt\0", 7},
		{"zTXt", "prompt\0\1x", 9},
		{"zTXt", "prompt\0\0not packed", 18},
		{"zTXt", "prompt\0\0x\x9c", 10},
		{"iTXt", "prompt\0", 7},
		{"iTXt", "prompt\0\0", 8},
		{"iTXt", "prompt\0\0\0es", 11},
		{"iTXt", "prompt\0\0\0es\0no end", 18},
	};
	struct buf b;

	for (size_t i = 0; i < countof(rows); i++) {
		b = png();
		chunk(&b, rows[i].type, rows[i].data, rows[i].len);
		png_end(&b);
		expect(&b, "prompt", NULL, -EBADMSG);
		buf_free(&b);
	}
	b = png();
	CHUNK(&b, "tEXt", "prompt\0text");
	b.data[b.len - 1] ^= 1;
	png_end(&b);
	expect(&b, "prompt", NULL, -EBADMSG);
	buf_free(&b);

	/* Cut off anywhere: it may be a file that is being copied. */
	b = png();
	CHUNK(&b, "tEXt", "prompt\0text");
	png_end(&b);
	for (size_t len = b.len; len > 8; len--) {
		struct buf cut = bytes();

		add(&cut, b.data, len - 1);
		expect(&cut, "prompt", NULL, -EBADMSG);
		buf_free(&cut);
	}
	buf_free(&b);

	b = bytes();
	add(&b, "\xff\xd8\xff\xe0 a JPEG", 11);
	expect(&b, "prompt", NULL, -EBADMSG);
	buf_free(&b);
	expect(&b, "prompt", NULL, -EBADMSG);
}

/* ---- WebP ---- */

static struct buf webp(const void *exif, size_t len)
{
	struct buf b = bytes();
	uint32_t size = (uint32_t)(4 + 8 + 6 + 8 + len + len % 2);

	add(&b, "RIFF", 4);
	add_le32(&b, size);
	add(&b, "WEBPVP8L", 8);
	add_le32(&b, 5);
	add(&b, "/1234", 6); /* padded */
	add(&b, "EXIF", 4);
	add_le32(&b, (uint32_t)len);
	add(&b, exif, len);
	add(&b, "", len % 2);
	return b;
}

static void test_webp(void **state)
{
	/* Two entries: Make and Model, as ComfyUI writes them; then the same in the other order of
	 * bytes and behind "Exif". */
	static const char little[] = "II*\0\10\0\0\0\2\0"
				     "\x0f\1\2\0\x0c\0\0\0\x26\0\0\0"
				     "\x10\1\2\0\x0a\0\0\0\x32\0\0\0"
				     "\0\0\0\0workflow:{}\0prompt:{}";
	static const char big[] = "Exif\0\0MM\0*\0\0\0\10\0\1"
				  "\1\x10\0\2\0\0\0\x0a\0\0\0\x1a\0\0\0\0prompt:{}";
	struct buf b = webp(little, sizeof(little));

	expect(&b, "prompt", "{}", 0);
	expect(&b, "workflow", "{}", 0);
	expect(&b, "parameters", NULL, -ENOENT);
	for (size_t len = b.len; len > 12; len--) {
		struct buf cut = bytes();

		add(&cut, b.data, len - 1);
		expect(&cut, "prompt", NULL, -EBADMSG);
		buf_free(&cut);
	}
	buf_free(&b);
	b = webp(big, sizeof(big));
	expect(&b, "prompt", "{}", 0);
	buf_free(&b);
	/* Whatever is cut off or points elsewhere is no note, and is not read beyond. */
	for (size_t len = 0; len < sizeof(little) - 1; len++) {
		b = webp(little, len);
		expect(&b, "prompt", NULL, -ENOENT);
		buf_free(&b);
	}
	b = webp("II*\0\xff\xff\xff\xff", 8);
	expect(&b, "prompt", NULL, -ENOENT);
	buf_free(&b);
	b = bytes();
	add(&b, "RIFF\0\0\0\0WEBPxxxxxxxxxxxx", 24);
	expect(&b, "prompt", NULL, -EBADMSG);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_chunks),
		cmocka_unit_test(test_packed_chunks),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_webp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
