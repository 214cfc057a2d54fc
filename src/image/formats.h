/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IMAGE_FORMATS_H
#define FULLET_IMAGE_FORMATS_H

#include "base/buf.h"

/*
 * One module a format behind strip.h. All return 0 or -errno; -EBADMSG comes with a static
 * sentence, -EFBIG is the ceiling of the buffer. What was already written is the caller's to drop.
 */

int png_size(const uint8_t *data, size_t len, uint32_t *ret_width, uint32_t *ret_height);
int png_strip(const uint8_t *data, size_t len, struct buf *out, const char **ret_why);

int jpeg_size(const uint8_t *data, size_t len, uint32_t *ret_width, uint32_t *ret_height);
int jpeg_strip(const uint8_t *data, size_t len, struct buf *out, const char **ret_why);

int webp_size(const uint8_t *data, size_t len, uint32_t *ret_width, uint32_t *ret_height);
int webp_strip(const uint8_t *data, size_t len, struct buf *out, const char **ret_why);

/* The first frame of an animated one and where it stands on its canvas; *out, unless that is NULL:
 * the frame as a still picture. -ENOENT: the picture does not move. */
struct webp_frame {
	uint32_t left, top, width, height;
};
int webp_first_frame(const uint8_t *data, size_t len, struct webp_frame *ret, struct buf *out);

static inline uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint32_t le16(const uint8_t *p)
{
	return (uint32_t)p[1] << 8 | p[0];
}

static inline uint32_t le24(const uint8_t *p)
{
	return (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | le24(p);
}

#endif
