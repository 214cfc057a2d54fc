/* SPDX-License-Identifier: Apache-2.0 */
#include "image/note.h"

#include <errno.h>
#include <zlib.h>

#include "base/json.h"
#include "image/formats.h"
#include "image/strip.h"

struct note {
	const char *keyword;
	struct buf *out;
	const char *why;
};

static int bad(struct note *note, const char *why)
{
	note->why = why;
	return -EBADMSG;
}

/* ---- PNG, third edition, 11.3.3: textual information ---- */

#define TYPE(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

/* tEXt is Latin-1 by the standard; programs that write UTF-8 there are common. */
static int add_latin1(struct note *note, const uint8_t *text, size_t len)
{
	int r = 0;

	if (utf8_valid((const char *)text, len))
		return buf_add(note->out, text, len);
	for (size_t i = 0; i < len && r == 0; i++) {
		const uint8_t pair[2] = {
			(uint8_t)(0xc0 | text[i] >> 6), (uint8_t)(0x80 | (text[i] & 0x3f))};

		r = text[i] < 0x80 ? buf_add(note->out, &text[i], 1)
				   : buf_add(note->out, pair, sizeof(pair));
	}
	return r;
}

static int add_inflated(struct note *note, const uint8_t *from, size_t len)
{
	z_stream z = {.next_in = (z_const Bytef *)from, .avail_in = (uInt)len};
	uint8_t piece[16384];
	int r = 0, status = inflateInit(&z);

	if (status != Z_OK)
		return -ENOMEM;
	/* The ceiling of the buffer is the end of a bomb. */
	while (status == Z_OK && r == 0) {
		z.next_out = piece;
		z.avail_out = sizeof(piece);
		status = inflate(&z, Z_NO_FLUSH);
		if (status == Z_OK || status == Z_STREAM_END)
			r = buf_add(note->out, piece, sizeof(piece) - z.avail_out);
	}
	inflateEnd(&z);
	if (r == 0 && status != Z_STREAM_END)
		r = bad(note, "a compressed text in the PNG is damaged");
	return r;
}

/* The n bytes after the NUL that ends a field; NULL when there is none. */
static const uint8_t *after_field(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *nul = at ? memchr(at, '\0', (size_t)(end - at)) : NULL;

	return nul ? nul + 1 : NULL;
}

static int read_text(struct note *note, uint32_t type, const uint8_t *at, const uint8_t *end)
{
	bool packed = type == TYPE('z', 'T', 'X', 't');

	if (type == TYPE('t', 'E', 'X', 't'))
		return add_latin1(note, at, (size_t)(end - at));
	if (type == TYPE('i', 'T', 'X', 't')) {
		if (end - at < 2)
			return bad(note, "a text in the PNG is damaged");
		packed = at[0] == 1;
		at++;
	}
	/* The compression method, of which there is one. */
	if (at >= end || *at != 0)
		return bad(note, "a text in the PNG is compressed in an unknown way");
	at++;
	if (type == TYPE('i', 'T', 'X', 't')) /* the language, and the keyword in it */
		at = after_field(after_field(at, end), end);
	if (!at)
		return bad(note, "a text in the PNG is damaged");
	return packed ? add_inflated(note, at, (size_t)(end - at))
		      : buf_add(note->out, at, (size_t)(end - at));
}

static bool is_text(uint32_t type)
{
	return type == TYPE('t', 'E', 'X', 't') || type == TYPE('z', 'T', 'X', 't') ||
	       type == TYPE('i', 'T', 'X', 't');
}

/* The first of the keyword counts. The whole file is walked through, so that a cut-off one (which
 * may be a file that is being copied) is known for what it is. */
static int png_note(struct note *note, const uint8_t *data, size_t len)
{
	size_t key = strlen(note->keyword) + 1;
	int r = -ENOENT;

	for (size_t at = 8;;) {
		size_t left = len - at;
		const uint8_t *p = data + at + 8;
		uint32_t n, type;

		if (left < 12 || (n = be32(data + at)) > left - 12)
			return bad(note, "the PNG is cut off before its end");
		type = be32(data + at + 4);
		if (type == TYPE('I', 'E', 'N', 'D'))
			return r;
		if (r == -ENOENT && is_text(type) && n >= key && !memcmp(p, note->keyword, key)) {
			if (crc32_z(0, p - 4, (z_size_t)n + 4) != be32(p + n))
				return bad(note, "a text in the PNG has a wrong checksum");
			r = read_text(note, type, p + key, p + n);
			if (r < 0)
				return r;
		}
		at += (size_t)n + 12;
	}
}

/* ---- WebP: RIFF chunks; EXIF is a TIFF file (TIFF 6.0, section 2) ---- */

struct tiff {
	const uint8_t *data;
	size_t len;
	bool big;
};

static uint32_t get16(const struct tiff *t, size_t at)
{
	return t->big ? be16(t->data + at) : le16(t->data + at);
}

static uint32_t get32(const struct tiff *t, size_t at)
{
	return t->big ? be32(t->data + at) : le32(t->data + at);
}

/* ComfyUI writes "prompt:{...}" as the camera's model and others as the tags below it, so that
 * any text of the first directory may be the one. */
static int tiff_note(struct note *note, struct tiff t)
{
	size_t key = strlen(note->keyword), at;

	if (t.len >= 6 && !memcmp(t.data, "Exif\0\0", 6)) {
		t.data += 6;
		t.len -= 6;
	}
	if (t.len < 8 || (memcmp(t.data, "II*\0", 4) && memcmp(t.data, "MM\0*", 4)))
		return -ENOENT;
	t.big = t.data[0] == 'M';
	at = get32(&t, 4);
	if (at > t.len || t.len - at < 2)
		return -ENOENT;
	for (uint32_t n = get16(&t, at); n > 0 && t.len - at >= 14; n--, at += 12) {
		size_t size = get32(&t, at + 6), from = get32(&t, at + 10);
		const char *text;

		if (get16(&t, at + 4) != 2 || from > t.len || size > t.len - from)
			continue;
		text = (const char *)t.data + from;
		if (size <= key + 1 || memcmp(text, note->keyword, key) || text[key] != ':')
			continue;
		text += key + 1;
		size -= key + 1;
		return buf_add(note->out, text, strnlen(text, size));
	}
	return -ENOENT;
}

static int webp_note(struct note *note, const uint8_t *data, size_t len)
{
	size_t end = (size_t)le32(data + 4) + 8;

	if (end < 12 || end > len)
		return bad(note, "the WebP is cut off before its end");
	for (size_t at = 12; end - at >= 8;) {
		size_t n = le32(data + at + 4);

		if (n > end - at - 8)
			return bad(note, "the WebP is cut off within a chunk");
		if (!memcmp(data + at, "EXIF", 4))
			return tiff_note(note, (struct tiff){data + at + 8, n, false});
		at += min_of(8 + n + n % 2, end - at);
	}
	return -ENOENT;
}

int image_note(
	const void *data, size_t len, const char *keyword, struct buf *out, const char **ret_why)
{
	struct note note = {.keyword = keyword, .out = out};
	int r;

	switch (image_sniff(data, len)) {
	case IMAGE_PNG:
		r = png_note(&note, data, len);
		break;
	case IMAGE_WEBP:
		r = webp_note(&note, data, len);
		break;
	default:
		r = bad(&note, "it is neither a PNG nor a WebP picture");
	}
	if (r < 0)
		buf_clear(out);
	if (r == -EBADMSG)
		*ret_why = note.why;
	return r;
}
