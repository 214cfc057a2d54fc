/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IMAGE_STRIP_H
#define FULLET_IMAGE_STRIP_H

#include "base/buf.h"

enum image_type {
	IMAGE_OTHER,
	IMAGE_PNG,
	IMAGE_JPEG,
	IMAGE_WEBP,
	IMAGE_GIF,
	IMAGE_AVIF,
	IMAGE_HEIC,
	IMAGE_TYPES
};

/* By the magic bytes, never by name. */
enum image_type image_sniff(const void *data, size_t len);
/* "png", "jpg", ...; NULL for IMAGE_OTHER. And "image/png" and so on. */
const char *image_extension(enum image_type type);
const char *image_mime(enum image_type type);
/* Reads the dimensions without decoding. -EBADMSG when they are not there. */
int image_size(const void *data, size_t len, int *ret_width, int *ret_height);

/*
 * Copies a PNG, JPEG or WebP without the metadata that may hold the workflow and
 * the prompt (PNG tEXt/zTXt/iTXt/eXIf and unknown ancillary chunks; JPEG APP1, APP13,
 * COM and other APPn but JFIF, ICC and Adobe; WebP EXIF and XMP, with the VP8X flags put
 * right), without decoding a pixel. Colour information (gAMA, cHRM, sRGB, iCCP, ICC) stays.
 * ComfyUI writes its metadata there.
 * -EBADMSG when the file is damaged or not one of the three: *ret_why tells what and
 * where, and *out is empty. Bytes after the end of the picture are dropped.
 */
int image_strip(const void *data, size_t len, struct buf *out, const char **ret_why);

#endif
