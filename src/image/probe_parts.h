/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IMAGE_PROBE_PARTS_H
#define FULLET_IMAGE_PROBE_PARTS_H

#include "image/probe.h"

/* The parts of the probe, for this room only. */

/* The orientation in a block of EXIF, with or without JPEG's prefix; 1 when it tells none. */
int exif_orientation(const uint8_t *data, size_t len);

/* The block of EXIF in a PNG (eXIf), JPEG (APP1) or WebP (EXIF) whose structure is right; NULL:
 * none. */
const uint8_t *find_exif(enum image_type type, const uint8_t *data, size_t len, size_t *ret_len);

/* Screen, first frame, and whether all its pixels are there. */
enum clean_result gif_probe(const uint8_t *data, size_t len, struct probe *ret);

/* The largest size that any item of an AVIF or HEIC declares (`ispe`). */
enum clean_result bmff_probe(const uint8_t *data, size_t len, struct probe *ret);

#endif
