/* SPDX-License-Identifier: Apache-2.0 */
#include "image/formats.h"

#include <errno.h>
#include <zlib.h>

/* PNG, third edition: a signature, then chunks of length, type, data and CRC of type and data. */
#define SIGNATURE_LEN 8
#define CHUNK_EXTRA   12
#define CHUNK_MAX     INT32_MAX

#define TYPE(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))
#define IHDR		 TYPE('I', 'H', 'D', 'R')
#define PLTE		 TYPE('P', 'L', 'T', 'E')
#define IDAT		 TYPE('I', 'D', 'A', 'T')
#define IEND		 TYPE('I', 'E', 'N', 'D')
#define ACTL		 TYPE('a', 'c', 'T', 'L')
#define FCTL		 TYPE('f', 'c', 'T', 'L')
#define FDAT		 TYPE('f', 'd', 'A', 'T')

/* The ancillary chunks that say what the pixels mean, and where they may stand. None holds free
 * text, but for a profile's name in iCCP. Each is kept once; elsewhere it means nothing. */
static const struct kept {
	uint32_t type;
	bool before_palette;
	bool animated;
} kept[] = {
	{TYPE('c', 'H', 'R', 'M'), true, false},
	{TYPE('c', 'I', 'C', 'P'), true, false},
	{TYPE('g', 'A', 'M', 'A'), true, false},
	{TYPE('i', 'C', 'C', 'P'), true, false},
	{TYPE('m', 'D', 'C', 'V'), true, false},
	{TYPE('c', 'L', 'L', 'I'), true, false},
	{TYPE('s', 'B', 'I', 'T'), true, false},
	{TYPE('s', 'R', 'G', 'B'), true, false},
	{TYPE('b', 'K', 'G', 'D'), false, false},
	{TYPE('t', 'R', 'N', 'S'), false, false},
	{TYPE('p', 'H', 'Y', 's'), false, false},
	{ACTL, false, true},
};

struct png {
	const uint8_t *at, *end;
	struct buf *out;
	const char *why;
	uint8_t colour; /* the colour type */
	bool palette;
	bool data;	   /* IDAT was seen */
	bool data_over;	   /* something else came after it */
	bool animated;	   /* acTL was kept */
	unsigned int seen; /* bit n: kept[n] */
};

struct chunk {
	uint32_t type, len;
	const uint8_t *data;
};

static int bad(struct png *png, const char *why)
{
	png->why = why;
	return -EBADMSG;
}

static bool letter(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int next_chunk(struct png *png, struct chunk *ret)
{
	size_t left = (size_t)(png->end - png->at);
	const uint8_t *p = png->at;
	uint32_t len;

	if (left < CHUNK_EXTRA)
		return bad(png, "the PNG is cut off before its end");
	len = be32(p);
	if (len > CHUNK_MAX)
		return bad(png, "a chunk of the PNG has an impossible length");
	if (len > left - CHUNK_EXTRA)
		return bad(png, "the PNG is cut off within a chunk");
	for (int i = 4; i < 8; i++)
		if (!letter(p[i]))
			return bad(png, "a chunk of the PNG has an impossible type");
	*ret = (struct chunk){be32(p + 4), len, p + 8};
	png->at += len + CHUNK_EXTRA;
	return 0;
}

/* Copies the chunk as it stands, when its checksum is right. */
static int keep(struct png *png, const struct chunk *chunk)
{
	const uint8_t *from = chunk->data - 8;
	uLong crc = crc32_z(0, from + 4, (z_size_t)chunk->len + 4);

	if (crc != be32(chunk->data + chunk->len))
		return bad(png, "a chunk of the PNG has a wrong checksum");
	return buf_add(png->out, from, (size_t)chunk->len + CHUNK_EXTRA);
}

static bool depth_valid(uint8_t colour, uint8_t depth)
{
	switch (colour) {
	case 0:
		return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
	case 3:
		return depth == 1 || depth == 2 || depth == 4 || depth == 8;
	case 2:
	case 4:
	case 6:
		return depth == 8 || depth == 16;
	default:
		return false;
	}
}

static int header(struct png *png, const struct chunk *chunk)
{
	const uint8_t *p = chunk->data;

	if (chunk->type != IHDR || chunk->len != 13)
		return bad(png, "the PNG does not begin with its header");
	if (be32(p) == 0 || be32(p) > INT32_MAX || be32(p + 4) == 0 || be32(p + 4) > INT32_MAX)
		return bad(png, "the PNG's header has an impossible size");
	if (!depth_valid(p[9], p[8]) || p[10] != 0 || p[11] != 0 || p[12] > 1)
		return bad(png, "the PNG's header names an unknown format");
	png->colour = p[9];
	return keep(png, chunk);
}

static int palette(struct png *png, const struct chunk *chunk)
{
	if (png->palette || png->data || png->colour == 0 || png->colour == 4)
		return bad(png, "the PNG has a palette where none may be");
	if (chunk->len == 0 || chunk->len > 3 * 256 || chunk->len % 3)
		return bad(png, "the PNG's palette has an impossible length");
	png->palette = true;
	return keep(png, chunk);
}

static int pixels(struct png *png, const struct chunk *chunk)
{
	if (png->data_over)
		return bad(png, "the PNG's data is interrupted by another chunk");
	if (png->colour == 3 && !png->palette)
		return bad(png, "the PNG's palette is missing");
	png->data = true;
	return keep(png, chunk);
}

static int ancillary(struct png *png, const struct chunk *chunk)
{
	for (size_t i = 0; i < countof(kept); i++) {
		if (kept[i].type != chunk->type)
			continue;
		if (png->data || (kept[i].before_palette && png->palette) || png->seen & 1u << i)
			return 0;
		png->seen |= 1u << i;
		png->animated |= kept[i].animated;
		return keep(png, chunk);
	}
	return 0;
}

static int one_chunk(struct png *png, const struct chunk *chunk)
{
	/* The first letter's case tells whether a reader may skip what it does not know. */
	bool critical = !(chunk->type & TYPE(0x20, 0, 0, 0));

	if (chunk->type != IDAT && png->data)
		png->data_over = true;
	switch (chunk->type) {
	case IHDR:
		return bad(png, "the PNG has two headers");
	case PLTE:
		return palette(png, chunk);
	case IDAT:
		return pixels(png, chunk);
	case IEND:
		if (!png->data)
			return bad(png, "the PNG has no data");
		return chunk->len ? bad(png, "the PNG's end is not empty") : keep(png, chunk);
	case FCTL:
		return png->animated ? keep(png, chunk) : 0;
	case FDAT:
		return png->animated && png->data ? keep(png, chunk) : 0;
	default:
		return critical ? bad(png, "the PNG holds an unknown critical chunk")
				: ancillary(png, chunk);
	}
}

int png_strip(const uint8_t *data, size_t len, struct buf *out, const char **ret_why)
{
	struct png png = {.at = data + SIGNATURE_LEN, .end = data + len, .out = out};
	struct chunk chunk = {0};
	int r;

	r = buf_add(out, data, SIGNATURE_LEN);
	if (r == 0)
		r = next_chunk(&png, &chunk);
	if (r == 0)
		r = header(&png, &chunk);
	while (r == 0 && chunk.type != IEND) {
		r = next_chunk(&png, &chunk);
		if (r == 0)
			r = one_chunk(&png, &chunk);
	}
	*ret_why = png.why;
	return r;
}

int png_size(const uint8_t *data, size_t len, uint32_t *ret_width, uint32_t *ret_height)
{
	if (len < SIGNATURE_LEN + 16 || be32(data + 8) != 13 || be32(data + 12) != IHDR)
		return -EBADMSG;
	*ret_width = be32(data + 16);
	*ret_height = be32(data + 20);
	return 0;
}
