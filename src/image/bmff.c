/* SPDX-License-Identifier: Apache-2.0 */
#include "image/probe_parts.h"

#include "base/limits.h"
#include "image/formats.h"

/*
 * ISO/IEC 14496-12 and 23008-12: boxes of a length, a type and contents. A picture's properties are
 * in meta > iprp > ipco; `ispe` has a size. Which item has which is the decoder's business: the
 * largest must fit, so that any of them may be the one.
 */
struct box {
	const uint8_t *data, *end;
	char type[5];
};

/* Takes the next box off *at. False when it does not fit. */
static bool next_box(const uint8_t **at, const uint8_t *end, struct box *ret)
{
	const uint8_t *p = *at;
	uint64_t size, head = 8;

	if (end - p < 8)
		return false;
	size = be32(p);
	memcpy(ret->type, p + 4, 4);
	ret->type[4] = '\0';
	if (size == 1) {
		if (end - p < 16)
			return false;
		size = (uint64_t)be32(p + 8) << 32 | be32(p + 12);
		head = 16;
	} else if (size == 0) { /* to the end of the file */
		size = (uint64_t)(end - p);
	}
	if (size < head || size > (uint64_t)(end - p))
		return false;
	ret->data = p + head;
	ret->end = p + size;
	*at = ret->end;
	return true;
}

/* The first of that type in a row of boxes; what does not fit ends the row. */
static bool find_box(const uint8_t *at, const uint8_t *end, const char *type, struct box *ret)
{
	while (next_box(&at, end, ret))
		if (strcmp(ret->type, type) == 0)
			return true;
	return false;
}

static enum clean_result sizes(const struct box *ipco, struct probe *ret)
{
	const uint8_t *at = ipco->data;
	struct box box;

	while (next_box(&at, ipco->end, &box)) {
		uint32_t width, height;

		if (strcmp(box.type, "ispe") != 0)
			continue;
		if (box.end - box.data < 12) /* version and flags, width, height */
			return CLEAN_DAMAGED;
		width = be32(box.data + 4);
		height = be32(box.data + 8);
		if (width == 0 || height == 0)
			return CLEAN_DAMAGED;
		if (width > PICTURE_SIDE_MAX || height > PICTURE_SIDE_MAX ||
			(int64_t)width * height > PICTURE_PIXELS_MAX)
			return CLEAN_TOO_MANY_PIXELS;
		if ((int64_t)width * height > (int64_t)ret->width * ret->height) {
			ret->width = (int)width;
			ret->height = (int)height;
		}
	}
	return ret->width ? CLEAN_OK : CLEAN_DAMAGED;
}

enum clean_result bmff_probe(const uint8_t *data, size_t len, struct probe *ret)
{
	const uint8_t *at = data, *end = data + len;
	struct box box, meta = {0};

	while (at < end) {
		if (!next_box(&at, end, &box))
			return CLEAN_DAMAGED; /* cut off, or something else hangs on */
		if (strcmp(box.type, "meta") == 0 && !meta.data)
			meta = box;
	}
	if (!meta.data) /* a film without a still picture */
		return CLEAN_UNSUPPORTED;
	if (meta.end - meta.data < 4 || !find_box(meta.data + 4, meta.end, "iprp", &box) ||
		!find_box(box.data, box.end, "ipco", &box))
		return CLEAN_DAMAGED;
	return sizes(&box, ret);
}
