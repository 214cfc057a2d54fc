/* SPDX-License-Identifier: Apache-2.0 */
#include "cleaner/decode.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cleaner/heif.h"
#include "image/formats.h"

/* The first complaint of the decoder; gd hands them to a function without an argument. */
static char complaint[200];

static void note_complaint(int priority, const char *format, va_list args)
{
	if (!*complaint)
		(void)vsnprintf(complaint, sizeof(complaint), format, args);
}

/* libjpeg fills what is missing with grey and warns; a few superfluous bytes do no harm. */
static bool harmless(const char *text)
{
	return !*text || strstr(text, "extraneous bytes") || !strstr(text, "recoverable error");
}

/* A first frame on its canvas, whose rest shows nothing. */
static gdImagePtr on_canvas(gdImagePtr frame, const struct probe *probe)
{
	gdImagePtr canvas;

	if (!frame || (gdImageSX(frame) == probe->canvas_width &&
			      gdImageSY(frame) == probe->canvas_height))
		return frame;
	canvas = gdImageCreateTrueColor(probe->canvas_width, probe->canvas_height);
	if (canvas) {
		gdImageAlphaBlending(canvas, 0);
		gdImageFilledRectangle(canvas, 0, 0, probe->canvas_width - 1,
			probe->canvas_height - 1, gdTrueColorAlpha(255, 255, 255, gdAlphaMax));
		for (int y = 0; y < gdImageSY(frame); y++)
			for (int x = 0; x < gdImageSX(frame); x++)
				gdImageSetPixel(canvas, probe->left + x, probe->top + y,
					gdImageGetTrueColorPixel(frame, x, y));
	}
	gdImageDestroy(frame);
	return canvas;
}

/* gd opens still ones only. */
static gdImagePtr decode_webp(const struct buf *plain, const struct probe *probe)
{
	struct buf first = BUF(PICTURE_BYTES_MAX + KIB);
	struct webp_frame frame;
	gdImagePtr im = NULL;

	if (probe->canvas_width == 0)
		return gdImageCreateFromWebpPtr((int)plain->len, plain->data);
	if (webp_first_frame((const uint8_t *)plain->data, plain->len, &frame, &first) == 0)
		im = gdImageCreateFromWebpPtr((int)first.len, first.data);
	buf_free(&first);
	return on_canvas(im, probe);
}

/* Without metadata, and without what hangs behind: also proves that the file is whole. */
static gdImagePtr decode_stripped(
	const struct probe *probe, const void *data, size_t len, enum clean_result *ret)
{
	struct buf plain = BUF(PICTURE_BYTES_MAX + KIB);
	gdImagePtr im = NULL;
	const char *why;

	if (image_strip(data, len, &plain, &why) < 0)
		*ret = CLEAN_DAMAGED;
	else if (probe->type == IMAGE_PNG)
		im = gdImageCreateFromPngPtr((int)plain.len, plain.data);
	else if (probe->type == IMAGE_JPEG)
		im = gdImageCreateFromJpegPtrEx((int)plain.len, plain.data, 1);
	else
		im = decode_webp(&plain, probe);
	buf_free(&plain);
	return im;
}

static int over_white(int value, int alpha)
{
	return (value * (gdAlphaMax - alpha) + 255 * alpha + gdAlphaMax / 2) / gdAlphaMax;
}

/* True when nothing shone through. */
static bool flatten(gdImagePtr im)
{
	int transparent = gdImageGetTransparent(im);
	bool opaque = true;

	for (int y = 0; y < gdImageSY(im); y++) {
		int *row = im->tpixels[y];

		for (int x = 0; x < gdImageSX(im); x++) {
			int c = row[x], a = c == transparent ? gdAlphaMax : gdTrueColorGetAlpha(c);

			if (a == 0)
				continue;
			opaque = false;
			row[x] = gdTrueColorAlpha(over_white(gdTrueColorGetRed(c), a),
				over_white(gdTrueColorGetGreen(c), a),
				over_white(gdTrueColorGetBlue(c), a), a);
		}
	}
	gdImageColorTransparent(im, -1);
	return opaque;
}

static gdImagePtr decode_any(
	const void *data, size_t len, const struct probe *probe, enum clean_result *ret)
{
	/* gd's parameters are not const, but it only reads. */
	void *bytes = (void *)(uintptr_t)data;

	switch (probe->type) {
	case IMAGE_PNG:
	case IMAGE_JPEG:
	case IMAGE_WEBP:
		return decode_stripped(probe, data, len, ret);
	case IMAGE_GIF:
		return on_canvas(gdImageCreateFromGifPtr((int)len, bytes), probe);
	case IMAGE_AVIF: /* libheif knows it too, and turns it upright, which libavif does not */
	case IMAGE_HEIC:
		return decode_heif(data, len);
	default:
		return NULL;
	}
}

enum clean_result decode(
	const void *data, size_t len, const struct probe *probe, gdImagePtr *ret, bool *ret_opaque)
{
	enum clean_result result = CLEAN_OK;
	gdImagePtr im;

	gdSetErrorMethod(note_complaint);
	*complaint = '\0';
	errno = 0;
	im = decode_any(data, len, probe, &result);
	if (im && harmless(complaint) && gdImagePaletteToTrueColor(im)) {
		*ret_opaque = flatten(im);
		*ret = im;
		return CLEAN_OK;
	}
	if (im)
		gdImageDestroy(im);
	if (result == CLEAN_OK)
		result = errno == ENOMEM ? CLEAN_TOO_HARD : CLEAN_DAMAGED;
	return result;
}
