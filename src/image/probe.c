/* SPDX-License-Identifier: Apache-2.0 */
#include "image/probe_parts.h"

#include <errno.h>
#include <math.h>

#include "base/limits.h"
#include "image/formats.h"

static const uint8_t *find_in_png(const uint8_t *data, size_t len, size_t *ret_len)
{
	for (size_t at = 8, n; at + 12 <= len; at += n + 12) {
		n = be32(data + at);
		if (n > len - at - 12)
			return NULL;
		*ret_len = n;
		if (memcmp(data + at + 4, "eXIf", 4) == 0)
			return data + at + 8;
	}
	return NULL;
}

static const uint8_t *find_in_jpeg(const uint8_t *data, size_t len, size_t *ret_len)
{
	for (size_t at = 2, n; at + 4 <= len; at += n + 2) {
		n = be16(data + at + 2);
		if (data[at] != 0xff || data[at + 1] == 0xda || n < 2 || n > len - at - 2)
			return NULL;
		*ret_len = n - 2;
		if (data[at + 1] == 0xe1 && n >= 8 && memcmp(data + at + 4, "Exif\0\0", 6) == 0)
			return data + at + 4;
	}
	return NULL;
}

static const uint8_t *find_in_webp(const uint8_t *data, size_t len, size_t *ret_len)
{
	for (size_t at = 12, n; at + 8 <= len; at += 8 + n + n % 2) {
		n = le32(data + at + 4);
		if (n > len - at - 8)
			return NULL;
		*ret_len = n;
		if (memcmp(data + at, "EXIF", 4) == 0)
			return data + at + 8;
	}
	return NULL;
}

const uint8_t *find_exif(enum image_type type, const uint8_t *data, size_t len, size_t *ret_len)
{
	switch (type) {
	case IMAGE_PNG:
		return find_in_png(data, len, ret_len);
	case IMAGE_JPEG:
		return find_in_jpeg(data, len, ret_len);
	case IMAGE_WEBP:
		return find_in_webp(data, len, ret_len);
	default:
		return NULL;
	}
}

/* Pictures of kinds that nobody here decodes; and films, which some take for pictures. */
static bool other_kind(const uint8_t *p, size_t len)
{
	static const struct {
		size_t at, len;
		const char *bytes;
	} kinds[] = {
		{0, 2, "BM"}, {0, 4, "II*\0"}, {0, 4, "MM\0*"}, {0, 4, "\0\0\1\0"}, /* an icon */
		{0, 2, "\xff\x0a"}, /* JPEG XL, bare and boxed */
		{4, 4, "JXL "}, {4, 4, "jP  "}, {4, 4, "ftyp"}, {0, 4, "8BPS"}, {0, 4, "qoif"},
		{0, 5, "<?xml"}, {0, 4, "<svg"}, {0, 4, "\x1a\x45\xdf\xa3"}, /* Matroska, WebM */
	};

	for (size_t i = 0; i < countof(kinds); i++)
		if (len >= kinds[i].at + kinds[i].len &&
			memcmp(p + kinds[i].at, kinds[i].bytes, kinds[i].len) == 0)
			return true;
	return false;
}

/* An animated WebP is its first frame on its canvas, whose size `ret` has so far. */
static enum clean_result webp_probe(const uint8_t *data, size_t len, struct probe *ret)
{
	struct webp_frame frame;
	int r = webp_first_frame(data, len, &frame, NULL);

	if (r == -ENOENT)
		return CLEAN_OK;
	if (r < 0 || frame.left + frame.width > (uint32_t)ret->width ||
		frame.top + frame.height > (uint32_t)ret->height)
		return CLEAN_DAMAGED;
	ret->canvas_width = ret->width;
	ret->canvas_height = ret->height;
	ret->left = (int)frame.left;
	ret->top = (int)frame.top;
	ret->width = (int)frame.width;
	ret->height = (int)frame.height;
	return CLEAN_OK;
}

enum clean_result picture_probe(const void *data, size_t len, struct probe *ret)
{
	const uint8_t *exif;
	size_t exif_len = 0;

	*ret = (struct probe){.type = image_sniff(data, len), .orientation = 1};
	if (len > PICTURE_BYTES_MAX)
		return CLEAN_TOO_LARGE;
	switch (ret->type) {
	case IMAGE_GIF:
		return gif_probe(data, len, ret);
	case IMAGE_AVIF:
	case IMAGE_HEIC:
		return bmff_probe(data, len, ret);
	case IMAGE_PNG:
	case IMAGE_JPEG:
	case IMAGE_WEBP:
		break;
	default:
		return other_kind(data, len) ? CLEAN_UNSUPPORTED : CLEAN_NOT_A_PICTURE;
	}
	if (image_size(data, len, &ret->width, &ret->height) < 0)
		return CLEAN_DAMAGED;
	if (ret->width > PICTURE_SIDE_MAX || ret->height > PICTURE_SIDE_MAX ||
		(int64_t)ret->width * ret->height > PICTURE_PIXELS_MAX)
		return CLEAN_TOO_MANY_PIXELS;
	exif = find_exif(ret->type, data, len, &exif_len);
	if (exif)
		ret->orientation = exif_orientation(exif, exif_len);
	return ret->type == IMAGE_WEBP ? webp_probe(data, len, ret) : CLEAN_OK;
}

/* Down to a multiple, but not to nothing. */
static int to_multiple(double side, int multiple)
{
	int n = max_of((int)side, 1);

	return multiple > 1 ? max_of(n / multiple, 1) * multiple : n;
}

void picture_fit(int width, int height, const struct clean_wish *wish, struct picture_fit *ret)
{
	double area = (double)width * height, most = CLEAN_PIXELS_MAX, scale = 1;
	int multiple = wish->multiple_of <= CLEAN_MULTIPLE_MAX ? wish->multiple_of : 0;

	if (wish->max_side > 0)
		scale = min_of(scale, (double)wish->max_side / max_of(width, height));
	if (wish->max_pixels > 0)
		most = min_of(most, (double)wish->max_pixels);
	if (area * scale * scale > most)
		scale = sqrt(most / area);
	/* A hair more, so that a whole number stays one. */
	ret->width = to_multiple(width * scale + 1e-6, multiple);
	ret->height = to_multiple(height * scale + 1e-6, multiple);
	ret->from_width = width;
	ret->from_height = height;
	if ((int64_t)width * ret->height > (int64_t)height * ret->width)
		ret->from_width = max_of((int)lround((double)height * ret->width / ret->height), 1);
	else
		ret->from_height = max_of((int)lround((double)width * ret->height / ret->width), 1);
	ret->from_width = min_of(ret->from_width, width);
	ret->from_height = min_of(ret->from_height, height);
	ret->left = (width - ret->from_width) / 2;
	ret->top = (height - ret->from_height) / 2;
}
