/* SPDX-License-Identifier: Apache-2.0 */
#include "image/formats.h"

#include <errno.h>

/* RFC 9649: RIFF, size, WEBP, then chunks of type, size and data, filled to an even length. */
#define HEAD_LEN  12
#define CHUNK_LEN 8
#define VP8X_LEN  10
#define ANMF_LEN  16

/* Flags in the first byte of VP8X. */
#define FLAG_ANIMATION 0x02
#define FLAG_ALPHA     0x10
#define FLAG_ICC       0x20

#define TYPE(a, b, c, d) ((uint32_t)(d) << 24 | (uint32_t)(c) << 16 | (uint32_t)(b) << 8 | (a))
#define VP8X		 TYPE('V', 'P', '8', 'X')
#define VP8		 TYPE('V', 'P', '8', ' ')
#define VP8L		 TYPE('V', 'P', '8', 'L')
#define ALPH		 TYPE('A', 'L', 'P', 'H')
#define ICCP		 TYPE('I', 'C', 'C', 'P')
#define ANIM		 TYPE('A', 'N', 'I', 'M')
#define ANMF		 TYPE('A', 'N', 'M', 'F')

struct webp {
	const uint8_t *at, *end;
	struct buf *out;
	const char *why;
	size_t flags_at; /* of the VP8X in `out`; 0 without one */
	uint8_t flags;
	bool icc, animation, alpha, picture;
};

struct chunk {
	uint32_t type, len;
	const uint8_t *data;
};

static int bad(struct webp *webp, const char *why)
{
	webp->why = why;
	return -EBADMSG;
}

/* The next chunk between *at and end; a missing fill byte at the very end is forgiven. */
static int next_chunk(struct webp *webp, const uint8_t **at, const uint8_t *end, struct chunk *ret)
{
	size_t left = (size_t)(end - *at);
	const uint8_t *p = *at;

	if (left < CHUNK_LEN)
		return bad(webp, "the WebP is cut off before its end");
	*ret = (struct chunk){le32(p), le32(p + 4), p + CHUNK_LEN};
	left -= CHUNK_LEN;
	if (ret->len > left)
		return bad(webp, "the WebP is cut off within a chunk");
	*at = p + CHUNK_LEN + ret->len + (ret->len % 2 && ret->len < left);
	return 0;
}

static int add_head(struct buf *out, uint32_t type, size_t len)
{
	uint8_t head[CHUNK_LEN];

	for (int i = 0; i < 4; i++) {
		head[i] = (uint8_t)(type >> 8 * i);
		head[4 + i] = (uint8_t)(len >> 8 * i);
	}
	return buf_add(out, head, sizeof(head));
}

static int keep(struct webp *webp, const struct chunk *chunk)
{
	int r = add_head(webp->out, chunk->type, chunk->len);

	if (r == 0)
		r = buf_add(webp->out, chunk->data, chunk->len);
	return r || chunk->len % 2 == 0 ? r : buf_add(webp->out, "", 1);
}

static int extended(struct webp *webp, const struct chunk *chunk)
{
	struct chunk plain = {VP8X, VP8X_LEN, chunk->data};

	if (webp->flags_at || webp->picture || webp->icc || webp->animation || webp->alpha)
		return bad(webp, "the WebP has a header where none may be");
	if (chunk->len < VP8X_LEN)
		return bad(webp, "the WebP's header is damaged");
	webp->flags_at = webp->out->len + CHUNK_LEN;
	webp->flags = chunk->data[0];
	return keep(webp, &plain);
}

static bool is_picture(const struct chunk *chunk)
{
	const uint8_t *p = chunk->data;

	if (chunk->type == VP8) /* RFC 6386: a key frame, its start code, the size */
		return chunk->len >= 10 && (p[0] & 1) == 0 && memcmp(p + 3, "\x9d\x01\x2a", 3) == 0;
	return chunk->type == VP8L && chunk->len >= 5 && p[0] == 0x2f;
}

/* A frame is itself a row of chunks, and may hold unknown ones. */
static int frame(struct webp *webp, const struct chunk *chunk)
{
	const uint8_t *at = chunk->data + ANMF_LEN, *end = chunk->data + chunk->len;
	size_t head_at = webp->out->len, len;
	bool picture = false, alpha = false;
	struct chunk part;
	int r;

	if (chunk->len < ANMF_LEN)
		return bad(webp, "a frame of the WebP is damaged");
	r = add_head(webp->out, ANMF, 0);
	if (r == 0)
		r = buf_add(webp->out, chunk->data, ANMF_LEN);
	while (r == 0 && end - at >= CHUNK_LEN) {
		r = next_chunk(webp, &at, end, &part);
		if (r < 0)
			break;
		if (part.type == ALPH && !alpha && !picture) {
			alpha = true;
			r = keep(webp, &part);
		} else if ((part.type == VP8 || part.type == VP8L) && !picture) {
			picture = true;
			r = is_picture(&part) ? keep(webp, &part)
					      : bad(webp, "a frame of the WebP is damaged");
		}
	}
	if (r == 0 && !picture)
		return bad(webp, "a frame of the WebP is empty");
	len = webp->out->len - head_at - CHUNK_LEN;
	for (int i = 0; r == 0 && i < 4; i++)
		webp->out->data[head_at + 4 + (size_t)i] = (char)(len >> 8 * i);
	webp->picture = true;
	return r;
}

static int picture(struct webp *webp, const struct chunk *chunk)
{
	if (webp->picture)
		return 0;
	if (!is_picture(chunk))
		return bad(webp, "the WebP's data is damaged");
	webp->picture = true;
	return keep(webp, chunk);
}

/* Keeps a chunk that may stand once, before the pictures, in an extended file with that flag. */
static int keep_once(struct webp *webp, const struct chunk *chunk, bool *seen, uint8_t flag)
{
	if (*seen || webp->picture || !webp->flags_at || (flag && !(webp->flags & flag)))
		return 0;
	*seen = true;
	return keep(webp, chunk);
}

static int one_chunk(struct webp *webp, const struct chunk *chunk)
{
	bool animated = webp->flags_at && webp->flags & FLAG_ANIMATION;

	switch (chunk->type) {
	case VP8X:
		return extended(webp, chunk);
	case ICCP:
		return keep_once(webp, chunk, &webp->icc, FLAG_ICC);
	case ANIM:
		return keep_once(webp, chunk, &webp->animation, FLAG_ANIMATION);
	case ALPH:
		return animated ? 0 : keep_once(webp, chunk, &webp->alpha, 0);
	case VP8:
	case VP8L:
		return animated ? 0 : picture(webp, chunk);
	case ANMF:
		return animated && webp->animation ? frame(webp, chunk) : 0;
	default:
		return 0;
	}
}

int webp_strip(const uint8_t *data, size_t len, struct buf *out, const char **ret_why)
{
	struct webp webp = {.at = data + HEAD_LEN, .out = out};
	size_t size = le32(data + 4);
	struct chunk chunk;
	int r;

	if (size > len - CHUNK_LEN || size < HEAD_LEN - CHUNK_LEN) {
		*ret_why = "the WebP is cut off before its end";
		return -EBADMSG;
	}
	webp.end = data + CHUNK_LEN + size;
	r = buf_add(out, data, HEAD_LEN);
	while (r == 0 && webp.end - webp.at >= CHUNK_LEN) {
		r = next_chunk(&webp, &webp.at, webp.end, &chunk);
		if (r == 0)
			r = one_chunk(&webp, &chunk);
	}
	if (r == 0 && !webp.picture)
		r = bad(&webp, "the WebP has no data");
	if (r == 0) {
		size = out->len - CHUNK_LEN;
		for (int i = 0; i < 4; i++)
			out->data[4 + i] = (char)(size >> 8 * i);
		if (webp.flags_at)
			out->data[webp.flags_at] =
				(char)(webp.flags &
					(FLAG_ANIMATION | FLAG_ALPHA | (webp.icc ? FLAG_ICC : 0)));
	}
	*ret_why = webp.why;
	return r;
}

int webp_size(const uint8_t *data, size_t len, uint32_t *ret_width, uint32_t *ret_height)
{
	struct webp webp = {.at = data + HEAD_LEN, .end = data + len};
	struct chunk chunk;
	uint32_t bits;

	if (next_chunk(&webp, &webp.at, webp.end, &chunk) < 0)
		return -EBADMSG;
	if (chunk.type == VP8X && chunk.len >= VP8X_LEN) {
		*ret_width = le24(chunk.data + 4) + 1;
		*ret_height = le24(chunk.data + 7) + 1;
		return 0;
	}
	if (!is_picture(&chunk))
		return -EBADMSG;
	if (chunk.type == VP8) {
		*ret_width = le16(chunk.data + 6) & 0x3fff; /* the upper two bits: scaling */
		*ret_height = le16(chunk.data + 8) & 0x3fff;
		return 0;
	}
	bits = le32(chunk.data + 1); /* 14 bits each */
	*ret_width = (bits & 0x3fff) + 1;
	*ret_height = (bits >> 14 & 0x3fff) + 1;
	return 0;
}

/* The header that a still picture of several chunks must have; libwebp checks the size in it
 * against that of the data. */
static int add_still_header(struct buf *out, const uint8_t *frame, bool alpha)
{
	uint8_t header[VP8X_LEN] = {alpha ? FLAG_ALPHA : 0};
	int r = add_head(out, VP8X, VP8X_LEN);

	memcpy(header + 4, frame + 6, 6); /* width and height, less one, 24 bits each */
	return r ? r : buf_add(out, header, VP8X_LEN);
}

static int still(const struct chunk *frame, struct buf *out)
{
	const uint8_t *data = frame->data + ANMF_LEN;
	size_t len = frame->len - ANMF_LEN, size;
	int r = buf_add(out, "RIFF\0\0\0\0WEBP", HEAD_LEN);

	if (r == 0)
		r = add_still_header(out, frame->data, len >= 4 && memcmp(data, "ALPH", 4) == 0);
	if (r == 0)
		r = buf_add(out, data, len);
	size = out->len - CHUNK_LEN;
	for (int i = 0; r == 0 && i < 4; i++)
		out->data[4 + i] = (char)(size >> 8 * i);
	return r;
}

int webp_first_frame(const uint8_t *data, size_t len, struct webp_frame *ret, struct buf *out)
{
	struct webp webp = {.at = data + HEAD_LEN, .end = data + len};
	struct chunk chunk;
	const uint8_t *p;

	if (next_chunk(&webp, &webp.at, webp.end, &chunk) < 0 || chunk.type != VP8X ||
		chunk.len < VP8X_LEN || !(chunk.data[0] & FLAG_ANIMATION))
		return -ENOENT;
	while (next_chunk(&webp, &webp.at, webp.end, &chunk) == 0) {
		if (chunk.type != ANMF)
			continue;
		if (chunk.len < ANMF_LEN)
			break;
		p = chunk.data;
		*ret = (struct webp_frame){
			2 * le24(p), 2 * le24(p + 3), le24(p + 6) + 1, le24(p + 9) + 1};
		return out ? still(&chunk, out) : 0;
	}
	return -EBADMSG;
}
