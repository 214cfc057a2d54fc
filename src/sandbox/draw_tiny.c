/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/draw.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/limits.h"

#define SIDE 16
#define ROWS (SIDE * (SIDE + 1)) /* a filter byte before each row */

static const unsigned char jpeg[] = {0xff, 0xd8,
	/* APP0 */ 0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0,
	/* a quantisation table of ones, 8x8 pixels of one component */
	0xff, 0xdb, 0, 67, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0xff, 0xc0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0,
	/* two Huffman tables of one code each: no difference, end of block */
	0xff, 0xc4, 0, 20, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xc4, 0, 20,
	0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	/* the scan: two zero bits */
	0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0x3f, 0xff, 0xd9};
static const unsigned char webp[] = {'R', 'I', 'F', 'F', 26, 0, 0, 0, 'W', 'E', 'B', 'P', 'V', 'P',
	'8', 'L', 13, 0, 0, 0, 0x2f, 0, 0, 0, 0x10, 7, 0x10, 0x11, 0x11, 0x88, 0x88, 0xfe, 7, 0};

static void add_be32(struct buf *b, size_t value)
{
	unsigned char bytes[4] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
		(unsigned char)(value >> 8), (unsigned char)value};

	must(buf_add(b, bytes, 4) == 0);
}

static void add_chunk(struct buf *b, const char type[4], const void *data, size_t len)
{
	uLong crc = crc32(crc32(0, (const Bytef *)type, 4), data, (uInt)len);

	add_be32(b, len);
	must(buf_add(b, type, 4) == 0 && buf_add(b, data, len) == 0);
	add_be32(b, crc);
}

static size_t give(struct buf *b, char **out)
{
	size_t len = b->len;

	*out = buf_take(b);
	return len;
}

/* FNV-1a: the upper half of a picture tells the prompt. */
static uint64_t hash_of(const char *prompt)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; prompt && *prompt; prompt++)
		h = (h ^ (unsigned char)*prompt) * UINT64_C(1099511628211);
	return h;
}

/* Rows [0, SIDE / 2) of the picture. */
static void draw_prompt(const char *prompt, unsigned char *rows)
{
	uint64_t bits = hash_of(prompt);

	for (int y = 0; y < SIDE / 2; y++) {
		rows[y * (SIDE + 1)] = 0;
		for (int x = 0; x < SIDE; x++)
			rows[y * (SIDE + 1) + 1 + x] =
				bits >> ((y * SIDE + x) % 64) & 1 ? 200 : 60;
	}
}

bool draw_tiny_is_of(const void *data, size_t len, const char *prompt)
{
	unsigned char rows[ROWS];

	draw_prompt(prompt, rows);
	return memmem(data, len, rows, ROWS / 2) != NULL;
}

size_t draw_tiny(void *ctx, const struct draw_request *req, char **out)
{
	static const unsigned char header[] = {0, 0, 0, SIDE, 0, 0, 0, SIDE, 8, 0, 0, 0, 0};
	/* A zlib stream of one stored block: nothing is gained by packing so little. */
	unsigned char packed[7 + ROWS + 4] = {0x78, 0x01, 1, ROWS & 255, ROWS >> 8,
		(unsigned char)~ROWS, (unsigned char)(~(unsigned int)ROWS >> 8)};
	unsigned char *rows = packed + 7;
	uLong sum;
	struct buf b = BUF(req->pad_bytes + 4096);
	uint64_t bits = req->seed ^ (uint64_t)req->percent << 56;

	if (req->jpeg) {
		must(buf_add(&b, jpeg, sizeof(jpeg)) == 0);
		return give(&b, out);
	}
	/* Pictures of different seeds differ. */
	draw_prompt(req->prompt, rows);
	for (int y = SIDE / 2; y < SIDE; y++)
		for (int x = 0; x < SIDE; x++)
			rows[y * (SIDE + 1) + 1 + x] = bits >> ((y * SIDE + x) % 64) & 1 ? 200 : 60;
	sum = adler32(adler32(0, NULL, 0), rows, ROWS);
	for (int i = 0; i < 4; i++)
		rows[ROWS + i] = (unsigned char)(sum >> (24 - 8 * i));
	must(buf_add(&b, "\x89PNG\r\n\x1a\n", 8) == 0);
	add_chunk(&b, "IHDR", header, sizeof(header));
	if (req->pad_bytes > 512) {
		char *pad = xcalloc(req->pad_bytes - 512, 1);

		add_chunk(&b, "paDd", pad, req->pad_bytes - 512);
		free(pad);
	}
	add_chunk(&b, "IDAT", packed, sizeof(packed));
	add_chunk(&b, "IEND", "", 0);
	return give(&b, out);
}

/* Comments of at most 65533 bytes behind the SOI. */
static void pad_jpeg(struct buf *b, size_t pad)
{
	while (pad > 4) {
		size_t n = min_of(pad, (size_t)60000);
		unsigned char head[4] = {0xff, 0xfe, (unsigned char)(n >> 8), (unsigned char)n};
		char *zero = xcalloc(n, 1);

		must(buf_add(b, head, 4) == 0 && buf_add(b, zero, n - 2) == 0);
		free(zero);
		pad -= n;
	}
}

static void pad_webp(struct buf *b, size_t pad)
{
	unsigned char head[8] = {'P', 'A', 'D', 'D'};
	char *zero;
	size_t riff;

	pad &= ~(size_t)1;
	for (int i = 0; i < 4; i++)
		head[4 + i] = (unsigned char)(pad >> 8 * i);
	zero = xcalloc(pad, 1);
	must(buf_add(b, head, 8) == 0 && buf_add(b, zero, pad) == 0);
	free(zero);
	riff = b->len - 8;
	for (int i = 0; i < 4; i++)
		b->data[4 + i] = (char)(riff >> 8 * i);
}

size_t transcode_tiny(
	void *ctx, const void *data, size_t len, const char *format, int quality, char **out)
{
	struct buf b = BUF(len + 4096);
	size_t pad = len * (size_t)quality / 200;

	if (len < 4 || memcmp(data, "\x89PNG", 4) != 0)
		return 0;
	if (str_eq(format, "webp")) {
		must(buf_add(&b, webp, sizeof(webp)) == 0);
		pad_webp(&b, pad);
	} else {
		must(buf_add(&b, jpeg, 2) == 0);
		pad_jpeg(&b, pad);
		must(buf_add(&b, jpeg + 2, sizeof(jpeg) - 2) == 0);
	}
	return give(&b, out);
}
