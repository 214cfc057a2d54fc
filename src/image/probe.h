/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IMAGE_PROBE_H
#define FULLET_IMAGE_PROBE_H

#include "image/clean.h"

/*
 * What can be said of a stranger's picture before a decoder sees it. The cleaner asks this first;
 * only CLEAN_OK goes on.
 */
struct probe {
	enum image_type type;
	int width, height; /* as coded: before it is turned upright */
	/* How it is turned upright, 1 to 8 as in EXIF; 1: it is. AVIF and HEIC are turned by their
	 * decoder, by the file's own rules: always 1. */
	int orientation;
	/* GIF, animated WebP: where the first frame, of `width` and `height`, stands on its canvas;
	 * 0: there is none. */
	int canvas_width, canvas_height, left, top;
};

/*
 * CLEAN_OK when type, ceilings and structure are right, and the picture is whole as far as that can
 * be seen without decoding. *ret is filled as far as it got; the type always.
 */
enum clean_result picture_probe(const void *data, size_t len, struct probe *ret);

/* What a wish makes of a size: the part of the source to keep, and what it is scaled to. At least
 * one pixel, at most CLEAN_PIXELS_MAX. */
struct picture_fit {
	int left, top, from_width, from_height;
	int width, height;
};
void picture_fit(int width, int height, const struct clean_wish *wish, struct picture_fit *ret);

#endif
