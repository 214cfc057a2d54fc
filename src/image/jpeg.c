/* SPDX-License-Identifier: Apache-2.0 */
#include "image/formats.h"

#include <errno.h>

/* ITU T.81, annex B: 0xFF and a marker; most are followed by a length that counts itself. */
enum {
	M_SOF0 = 0xc0,
	M_DHT = 0xc4,
	M_JPG = 0xc8,
	M_DAC = 0xcc,
	M_SOF15 = 0xcf,
	M_RST0 = 0xd0,
	M_RST7 = 0xd7,
	M_SOI = 0xd8,
	M_EOI = 0xd9,
	M_SOS = 0xda,
	M_DQT = 0xdb,
	M_DNL = 0xdc,
	M_DRI = 0xdd,
	M_APP0 = 0xe0,
	M_APP2 = 0xe2,
	M_APP14 = 0xee,
	M_APP15 = 0xef,
	M_COM = 0xfe,
};

struct jpeg {
	const uint8_t *at, *end;
	const char *why;
	bool frame, scan, jfif;
};

struct segment {
	uint8_t marker;
	const uint8_t *data; /* after the length */
	size_t len;
};

static int bad(struct jpeg *jpeg, const char *why)
{
	jpeg->why = why;
	return -EBADMSG;
}

static bool is_frame(uint8_t marker)
{
	return marker >= M_SOF0 && marker <= M_SOF15 && marker != M_DHT && marker != M_JPG &&
	       marker != M_DAC;
}

/* The marker at `at`, any number of fill bytes before it, and its segment. */
static int next_segment(struct jpeg *jpeg, struct segment *ret)
{
	const uint8_t *p = jpeg->at;
	size_t len;

	if (p == jpeg->end)
		return bad(jpeg, "the JPEG is cut off before its end");
	if (*p != 0xff)
		return bad(jpeg, "the JPEG has something else where a marker must be");
	while (p < jpeg->end && *p == 0xff)
		p++;
	if (p == jpeg->end)
		return bad(jpeg, "the JPEG is cut off before its end");
	*ret = (struct segment){.marker = *p++};
	jpeg->at = p;
	if (ret->marker == M_EOI)
		return 0;
	if (ret->marker < M_SOF0 || (ret->marker >= M_RST0 && ret->marker <= M_SOI))
		return bad(jpeg, "the JPEG has an unexpected marker");
	if (jpeg->end - p < 2)
		return bad(jpeg, "the JPEG is cut off within a segment");
	len = be16(p);
	if (len < 2)
		return bad(jpeg, "a segment of the JPEG has an impossible length");
	if (len > (size_t)(jpeg->end - p))
		return bad(jpeg, "the JPEG is cut off within a segment");
	ret->data = p + 2;
	ret->len = len - 2;
	jpeg->at = p + len;
	return 0;
}

static int keep(struct buf *out, const struct segment *s)
{
	const uint8_t head[] = {
		0xff, s->marker, (uint8_t)((s->len + 2) >> 8), (uint8_t)(s->len + 2)};
	int r = buf_add(out, head, sizeof(head));

	return r ? r : buf_add(out, s->data, s->len);
}

/* The coded data of a scan: 0xFF is followed by 0 (a data byte 0xFF) or by a restart marker; by
 * anything else, the scan is over. 0xFF before 0xFF only fills. */
static int copy_scan(struct jpeg *jpeg, struct buf *out)
{
	const uint8_t *from = jpeg->at, *p = from;
	int r = 0;

	while (r == 0) {
		p = memchr(p, 0xff, (size_t)(jpeg->end - p));
		if (!p || jpeg->end - p < 2)
			return bad(jpeg, "the JPEG is cut off within its data");
		if (p[1] == 0 || (p[1] >= M_RST0 && p[1] <= M_RST7)) {
			p += 2;
			continue;
		}
		r = buf_add(out, from, (size_t)(p - from));
		if (p[1] != 0xff)
			break;
		from = ++p;
	}
	jpeg->at = p;
	return r;
}

static bool begins(const struct segment *s, const char *name, size_t len)
{
	return s->len >= len && memcmp(s->data, name, len) == 0;
}

/* JFIF, without the thumbnail that may follow its 14 bytes. */
static int keep_jfif(struct jpeg *jpeg, struct buf *out, const struct segment *s)
{
	uint8_t bytes[14];
	struct segment plain = {s->marker, bytes, sizeof(bytes)};

	if (jpeg->jfif || s->len < sizeof(bytes))
		return 0;
	jpeg->jfif = true;
	memcpy(bytes, s->data, sizeof(bytes));
	bytes[12] = bytes[13] = 0;
	return keep(out, &plain);
}

static int keep_application(struct jpeg *jpeg, struct buf *out, const struct segment *s)
{
	struct segment adobe = *s;

	if (s->marker == M_APP0 && begins(s, "JFIF", 5))
		return keep_jfif(jpeg, out, s);
	if (s->marker == M_APP2 && begins(s, "ICC_PROFILE", 12))
		return keep(out, s);
	/* Adobe's tells how the colours are coded, in 12 bytes. */
	if (s->marker == M_APP14 && begins(s, "Adobe", 5) && s->len >= 12) {
		adobe.len = 12;
		return keep(out, &adobe);
	}
	return 0;
}

static int frame_valid(struct jpeg *jpeg, const struct segment *s)
{
	if (jpeg->frame)
		return bad(jpeg, "the JPEG has two frames");
	if (s->len < 6 || s->len != 6 + 3 * (size_t)s->data[5] || be16(s->data + 3) == 0)
		return bad(jpeg, "the JPEG's frame header is damaged");
	jpeg->frame = true;
	return 0;
}

static int one_segment(struct jpeg *jpeg, struct buf *out, const struct segment *s)
{
	int r;

	if (is_frame(s->marker)) {
		r = frame_valid(jpeg, s);
		return r ? r : keep(out, s);
	}
	switch (s->marker) {
	case M_SOS:
		if (!jpeg->frame)
			return bad(jpeg, "the JPEG has data before its frame header");
		jpeg->scan = true;
		r = keep(out, s);
		return r ? r : copy_scan(jpeg, out);
	case M_DHT:
	case M_DAC:
	case M_DQT:
	case M_DNL:
	case M_DRI:
		return keep(out, s);
	case M_EOI:
		if (!jpeg->scan)
			return bad(jpeg, "the JPEG has no data");
		return buf_add(out, "\xff\xd9", 2);
	case M_COM:
		return 0;
	default:
		if (s->marker >= M_APP0 && s->marker <= M_APP15)
			return keep_application(jpeg, out, s);
		return bad(jpeg, "the JPEG has an unexpected marker");
	}
}

int jpeg_strip(const uint8_t *data, size_t len, struct buf *out, const char **ret_why)
{
	struct jpeg jpeg = {.at = data + 2, .end = data + len};
	struct segment s = {0};
	int r;

	r = buf_add(out, data, 2);
	while (r == 0 && s.marker != M_EOI) {
		r = next_segment(&jpeg, &s);
		if (r == 0)
			r = one_segment(&jpeg, out, &s);
	}
	*ret_why = jpeg.why;
	return r;
}

int jpeg_size(const uint8_t *data, size_t len, uint32_t *ret_width, uint32_t *ret_height)
{
	struct jpeg jpeg = {.at = data + 2, .end = data + len};
	struct segment s = {0};

	while (s.marker != M_EOI && s.marker != M_SOS) {
		if (next_segment(&jpeg, &s) < 0)
			return -EBADMSG;
		if (!is_frame(s.marker))
			continue;
		if (s.len < 5)
			return -EBADMSG;
		*ret_height = be16(s.data + 1); /* 0: told after the scan, which nobody does */
		*ret_width = be16(s.data + 3);
		return 0;
	}
	return -EBADMSG;
}
