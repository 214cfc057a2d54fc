/* SPDX-License-Identifier: Apache-2.0 */
#include "cleaner/heif.h"

#include <libheif/heif.h>

static gdImagePtr copy(const struct heif_image *from)
{
	int width = heif_image_get_width(from, heif_channel_interleaved);
	int height = heif_image_get_height(from, heif_channel_interleaved), stride = 0;
	const uint8_t *row = heif_image_get_plane_readonly(from, heif_channel_interleaved, &stride);
	gdImagePtr im = row ? gdImageCreateTrueColor(width, height) : NULL;

	for (int y = 0; im && y < height; y++, row += stride)
		for (int x = 0; x < width; x++) {
			const uint8_t *p = row + 4 * (size_t)x;

			im->tpixels[y][x] = gdTrueColorAlpha(
				p[0], p[1], p[2], gdAlphaMax - p[3] * gdAlphaMax / 255);
		}
	return im;
}

gdImagePtr decode_heif(const void *data, size_t len)
{
	struct heif_context *context = heif_context_alloc();
	struct heif_image_handle *handle = NULL;
	struct heif_image *image = NULL;
	struct heif_error e;
	gdImagePtr im = NULL;

	if (!context)
		return NULL;
	heif_context_set_max_decoding_threads(context, 0);
	e = heif_context_read_from_memory_without_copy(context, data, len, NULL);
	if (e.code == heif_error_Ok)
		e = heif_context_get_primary_image_handle(context, &handle);
	if (e.code == heif_error_Ok)
		e = heif_decode_image(
			handle, &image, heif_colorspace_RGB, heif_chroma_interleaved_RGBA, NULL);
	if (e.code == heif_error_Ok)
		im = copy(image);
	if (image)
		heif_image_release(image);
	if (handle)
		heif_image_handle_release(handle);
	heif_context_free(context);
	return im;
}
