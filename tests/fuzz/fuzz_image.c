/* SPDX-License-Identifier: Apache-2.0 */

/* The picture filter: what it lets pass is clean, has the same size, and passes unchanged again. */

#include <stdlib.h>
#include <zlib.h>

#include "base/limits.h"
#include "image/strip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No chunk of the PNG is one that could hold text. */
static void check_png(const struct buf *out)
{
	static const char *const dropped[] = {"tEXt", "zTXt", "iTXt", "eXIf", "tIME"};
	const uint8_t *p = (const uint8_t *)out->data;
	size_t at = 8;

	while (at < out->len) {
		size_t len = (size_t)p[at] << 24 | (size_t)p[at + 1] << 16 |
			     (size_t)p[at + 2] << 8 | p[at + 3];

		for (size_t i = 0; i < countof(dropped); i++)
			must(memcmp(p + at + 4, dropped[i], 4) != 0);
		must(out->len - at >= 12 && len <= out->len - at - 12);
		at += len + 12;
	}
	must(at == out->len);
}

/* The headers before a JPEG's data: neither EXIF, XMP nor a comment. */
static void check_jpeg(const struct buf *out)
{
	const uint8_t *p = (const uint8_t *)out->data;
	size_t at = 2;

	while (p[at + 1] != 0xda && p[at + 1] != 0xd9) {
		must(p[at] == 0xff && p[at + 1] != 0xe1 && p[at + 1] != 0xed && p[at + 1] != 0xfe);
		at += 2 + ((size_t)p[at + 2] << 8 | p[at + 3]);
		must(at + 1 < out->len);
	}
}

static void check_webp(const struct buf *out)
{
	const uint8_t *p = (const uint8_t *)out->data;
	size_t at = 12;

	while (at < out->len) {
		size_t len = (size_t)p[at + 7] << 24 | (size_t)p[at + 6] << 16 |
			     (size_t)p[at + 5] << 8 | p[at + 4];

		must(memcmp(p + at, "EXIF", 4) != 0 && memcmp(p + at, "XMP ", 4) != 0);
		must(out->len - at >= 8 && len <= out->len - at - 8);
		at += 8 + len + len % 2;
	}
	must(at == out->len);
}

static void check(const uint8_t *data, size_t size)
{
	struct buf once = BUF(COMFY_FILE_MAX), twice = BUF(COMFY_FILE_MAX);
	enum image_type type = image_sniff(data, size);
	int w = 0, h = 0, w2 = 0, h2 = 0;
	const char *why = NULL;
	int sized = image_size(data, size, &w, &h);

	must((type == IMAGE_OTHER) == (image_mime(type) == NULL));
	must(sized < 0 || (w > 0 && h > 0));
	if (image_strip(data, size, &once, &why) < 0) {
		must(why && once.len == 0);
		buf_free(&once);
		return;
	}
	must(once.len <= size + 1); /* a WebP's missing fill byte is put in */
	must(image_sniff(once.data, once.len) == type);
	if (type == IMAGE_PNG)
		check_png(&once);
	if (type == IMAGE_JPEG)
		check_jpeg(&once);
	if (type == IMAGE_WEBP)
		check_webp(&once);
	/* A WebP's first chunk may have been a foreign one, which tells no size: never the reverse.
	 */
	if (sized == 0)
		must(image_size(once.data, once.len, &w2, &h2) == 0 && w == w2 && h == h2);
	must(image_strip(once.data, once.len, &twice, &why) == 0);
	must(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	buf_free(&once);
	buf_free(&twice);
}

/* A fuzzer does not guess checksums: puts the right ones into a copy of a PNG. */
static uint8_t *repaired(const uint8_t *data, size_t size)
{
	uint8_t *p = xcalloc(1, size);
	size_t at = 8, len;

	memcpy(p, data, size);
	while (at + 12 <= size) {
		uint32_t crc;

		len = (size_t)p[at] << 24 | (size_t)p[at + 1] << 16 | (size_t)p[at + 2] << 8 |
		      p[at + 3];
		if (len > size - at - 12)
			break;
		crc = (uint32_t)crc32_z(0, p + at + 4, len + 4);
		for (int i = 0; i < 4; i++)
			p[at + 8 + len + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
		at += len + 12;
	}
	return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	check(data, size);
	if (image_sniff(data, size) == IMAGE_PNG) {
		copy = repaired(data, size);
		check(copy, size);
		free(copy);
	}
	return 0;
}
