/* SPDX-License-Identifier: Apache-2.0 */
#include "image/strip.h"

#include <errno.h>
#include <limits.h>

#include "image/formats.h"

static const struct format {
	const char *extension, *mime;
	int (*size)(const uint8_t *data, size_t len, uint32_t *ret_width, uint32_t *ret_height);
	int (*strip)(const uint8_t *data, size_t len, struct buf *out, const char **ret_why);
} formats[] = {
	[IMAGE_OTHER] = {NULL, NULL, NULL, NULL},
	[IMAGE_PNG] = {"png", "image/png", png_size, png_strip},
	[IMAGE_JPEG] = {"jpg", "image/jpeg", jpeg_size, jpeg_strip},
	[IMAGE_WEBP] = {"webp", "image/webp", webp_size, webp_strip},
	[IMAGE_GIF] = {"gif", "image/gif", NULL, NULL},
	[IMAGE_AVIF] = {"avif", "image/avif", NULL, NULL},
	[IMAGE_HEIC] = {"heic", "image/heic", NULL, NULL},
};

/* ISO/IEC 14496-12: the first box, "ftyp", lists brands; those of ISO/IEC 23008-12 and of AVIF tell
 * how the picture is coded. "mif1" tells only that there is one. */
static enum image_type by_brands(const uint8_t *p, size_t len)
{
	static const char hevc[] = "heicheixhevchevxheimheishevmhevs";
	size_t size = min_of((size_t)be32(p), len);

	for (size_t at = 8; at + 4 <= size; at += at == 8 ? 8 : 4) {
		if (memcmp(p + at, "avif", 4) == 0 || memcmp(p + at, "avis", 4) == 0)
			return IMAGE_AVIF;
		for (size_t i = 0; i + 4 <= sizeof(hevc) - 1; i += 4)
			if (memcmp(p + at, hevc + i, 4) == 0)
				return IMAGE_HEIC;
	}
	return IMAGE_OTHER;
}

enum image_type image_sniff(const void *data, size_t len)
{
	const uint8_t *p = data;

	if (len >= 8 && memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0)
		return IMAGE_PNG;
	if (len >= 3 && memcmp(p, "\xff\xd8\xff", 3) == 0)
		return IMAGE_JPEG;
	if (len >= 12 && memcmp(p, "RIFF", 4) == 0 && memcmp(p + 8, "WEBP", 4) == 0)
		return IMAGE_WEBP;
	if (len >= 6 && (memcmp(p, "GIF87a", 6) == 0 || memcmp(p, "GIF89a", 6) == 0))
		return IMAGE_GIF;
	if (len >= 16 && memcmp(p + 4, "ftyp", 4) == 0)
		return by_brands(p, len);
	return IMAGE_OTHER;
}

const char *image_extension(enum image_type type)
{
	return (size_t)type < countof(formats) ? formats[type].extension : NULL;
}

const char *image_mime(enum image_type type)
{
	return (size_t)type < countof(formats) ? formats[type].mime : NULL;
}

int image_size(const void *data, size_t len, int *ret_width, int *ret_height)
{
	const struct format *format = &formats[image_sniff(data, len)];
	const uint8_t *p = data;
	uint32_t width = 0, height = 0;
	int r = -EBADMSG;

	if (format->size) {
		r = format->size(p, len, &width, &height);
	} else if (format == &formats[IMAGE_GIF] && len >= 10) {
		width = le16(p + 6); /* the logical screen */
		height = le16(p + 8);
		r = 0;
	}
	if (r < 0)
		return r;
	if (width == 0 || height == 0 || width > INT_MAX || height > INT_MAX)
		return -EBADMSG;
	*ret_width = (int)width;
	*ret_height = (int)height;
	return 0;
}

int image_strip(const void *data, size_t len, struct buf *out, const char **ret_why)
{
	const struct format *format = &formats[image_sniff(data, len)];
	const char *why = "this is not a PNG, JPEG or WebP picture";
	int r = -EBADMSG;

	buf_clear(out);
	if (format->strip) {
		buf_reserve(out, len);
		r = format->strip(data, len, out, &why);
	}
	if (r == 0)
		return 0;
	buf_clear(out);
	if (r != -EBADMSG)
		why = "the picture is too large";
	if (ret_why)
		*ret_why = why;
	return r;
}
