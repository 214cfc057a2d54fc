/* SPDX-License-Identifier: Apache-2.0 */
#include "image/probe_parts.h"

#include "base/limits.h"
#include "image/formats.h"

/* GIF89a: a screen, then blocks: extensions, pictures, the trailer. Data comes in sub-blocks of a
 * length and so many bytes, ended by an empty one. Codes of LZW have at most 12 bits. */
#define SCREEN_END 13
#define EXTENSION  0x21
#define PICTURE	   0x2c
#define CODES_MAX  4096

struct gif {
	const uint8_t *data;
	size_t at, len;
};

/* A table of colours follows when the flags say so. */
static void skip_colours(struct gif *gif, uint8_t flags)
{
	if (flags & 0x80)
		gif->at += (size_t)3 << ((flags & 7) + 1);
}

static bool skip_sub_blocks(struct gif *gif)
{
	while (gif->at < gif->len) {
		size_t n = gif->data[gif->at++];

		if (n == 0)
			return true;
		gif->at += n;
	}
	return false;
}

/* The bits of the sub-blocks, lowest first. */
struct bits {
	struct gif *gif;
	size_t left; /* in this sub-block */
	uint32_t value;
	int n;
};

static int next_code(struct bits *bits, int width)
{
	int code;

	while (bits->n < width) {
		struct gif *gif = bits->gif;

		if (bits->left == 0) {
			bits->left = gif->at < gif->len ? gif->data[gif->at++] : 0;
			if (bits->left == 0)
				return -1;
		}
		if (gif->at >= gif->len)
			return -1;
		bits->value |= (uint32_t)gif->data[gif->at++] << bits->n;
		bits->left--;
		bits->n += 8;
	}
	code = (int)(bits->value & ((1u << width) - 1));
	bits->value >>= width;
	bits->n -= width;
	return code;
}

/* Is there data for so many pixels? Decoders fill what is missing, and say nothing: so the lengths
 * of what the codes stand for are added up. */
static bool has_pixels(struct gif *gif, int64_t pixels)
{
	uint32_t lengths[CODES_MAX];
	struct bits bits = {.gif = gif};
	int size, clear, next, width, before = -1, code;

	if (gif->at >= gif->len)
		return false;
	size = gif->data[gif->at++];
	if (size < 1 || size > 8)
		return false;
	clear = 1 << size;
	next = clear + 2;
	width = size + 1;
	for (int i = 0; i < clear; i++)
		lengths[i] = 1;
	while (pixels > 0) {
		code = next_code(&bits, width);
		if (code < 0 || code == clear + 1)
			return false;
		if (code == clear) {
			next = clear + 2;
			width = size + 1;
			before = -1;
			continue;
		}
		if (before < 0 ? code >= clear : code > next || (code == next && next == CODES_MAX))
			return false;
		if (before >= 0 && next < CODES_MAX) {
			lengths[next++] = lengths[before] + 1;
			width += next == 1 << width && width < 12;
		}
		pixels -= lengths[code];
		before = code;
	}
	return true;
}

static enum clean_result frame(struct gif *gif, struct probe *ret)
{
	const uint8_t *p = gif->data + gif->at;

	if (gif->len - gif->at < 9)
		return CLEAN_DAMAGED;
	ret->left = (int)le16(p);
	ret->top = (int)le16(p + 2);
	ret->width = (int)le16(p + 4);
	ret->height = (int)le16(p + 6);
	if (ret->width == 0 || ret->height == 0)
		return CLEAN_DAMAGED;
	/* What browsers do with a frame that is larger than its screen: the screen grows. */
	ret->canvas_width = max_of(ret->canvas_width, ret->left + ret->width);
	ret->canvas_height = max_of(ret->canvas_height, ret->top + ret->height);
	if ((int64_t)ret->canvas_width * ret->canvas_height > PICTURE_PIXELS_MAX ||
		ret->canvas_width > PICTURE_SIDE_MAX || ret->canvas_height > PICTURE_SIDE_MAX)
		return CLEAN_TOO_MANY_PIXELS;
	gif->at += 9;
	skip_colours(gif, p[8]);
	return has_pixels(gif, (int64_t)ret->width * ret->height) ? CLEAN_OK : CLEAN_DAMAGED;
}

enum clean_result gif_probe(const uint8_t *data, size_t len, struct probe *ret)
{
	struct gif gif = {.data = data, .at = SCREEN_END, .len = len};

	if (len < SCREEN_END)
		return CLEAN_DAMAGED;
	ret->canvas_width = (int)le16(data + 6);
	ret->canvas_height = (int)le16(data + 8);
	skip_colours(&gif, data[10]);
	while (gif.at < gif.len) {
		uint8_t kind = data[gif.at++];

		if (kind == PICTURE)
			return frame(&gif, ret);
		if (kind != EXTENSION)
			return CLEAN_DAMAGED;
		gif.at++; /* the label */
		if (!skip_sub_blocks(&gif))
			break;
	}
	return CLEAN_DAMAGED;
}
