/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/inflate.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/limits.h"

/* Memory that a large payload leaves behind is given back; usual payloads are below this. */
#define KEEP_SIZE  (64 * KIB)
#define CHUNK_SIZE (16 * KIB)

struct inflate {
	enum inflate_kind kind;
	z_stream zlib;
	ZSTD_DCtx *zstd;
	struct buf in; /* zlib-stream: messages until the one that ends a payload */
	struct buf out;
};

const char *inflate_name(enum inflate_kind kind)
{
	static const char *const names[] = {"zstd-stream", "zlib-stream", "none"};

	must((size_t)kind < countof(names));
	return names[kind];
}

struct inflate *inflate_new(enum inflate_kind kind)
{
	struct inflate *z = xcalloc(1, sizeof(*z));

	z->kind = kind;
	z->in = BUF(GATEWAY_PAYLOAD_MAX);
	z->out = BUF(GATEWAY_PAYLOAD_MAX);
	if (kind == INFLATE_ZLIB)
		must(inflateInit(&z->zlib) == Z_OK);
	if (kind == INFLATE_ZSTD) {
		z->zstd = ZSTD_createDCtx();
		must(z->zstd);
		/* The window is memory that the server makes us allocate; 8 MiB is the zstd
		 * library's own recommendation of what every decoder should accept. */
		must(!ZSTD_isError(
			ZSTD_DCtx_setParameter(z->zstd, ZSTD_d_windowLogMax, GATEWAY_WINDOW_LOG)));
	}
	return z;
}

struct inflate *inflate_free(struct inflate *z)
{
	if (!z)
		return NULL;
	if (z->kind == INFLATE_ZLIB)
		inflateEnd(&z->zlib);
	ZSTD_freeDCtx(z->zstd);
	buf_free(&z->in);
	buf_free(&z->out);
	free(z);
	return NULL;
}

static void forget(struct buf *b)
{
	if (b->size > KEEP_SIZE)
		buf_free(b);
	else
		buf_clear(b);
}

static int zlib_run(struct inflate *z)
{
	unsigned char chunk[CHUNK_SIZE];

	z->zlib.next_in = (unsigned char *)z->in.data;
	z->zlib.avail_in = (unsigned)z->in.len;
	do {
		int r;

		z->zlib.next_out = chunk;
		z->zlib.avail_out = sizeof(chunk);
		r = inflate(&z->zlib, Z_SYNC_FLUSH);
		/* Z_BUF_ERROR: nothing left to do. The stream never ends while it is connected. */
		if (r != Z_OK && r != Z_BUF_ERROR)
			return -EBADMSG;
		if (buf_add(&z->out, chunk, sizeof(chunk) - z->zlib.avail_out) < 0)
			return -EFBIG;
	} while (z->zlib.avail_out == 0);
	return z->zlib.avail_in == 0 ? 0 : -EBADMSG;
}

/* Discord: a payload ends with a message whose last four bytes are 00 00 FF FF. */
static int zlib_add(struct inflate *z, const void *data, size_t len)
{
	int r;

	if (buf_add(&z->in, data, len) < 0)
		return -EFBIG;
	if (z->in.len < 4 || memcmp(z->in.data + z->in.len - 4, "\x00\x00\xff\xff", 4) != 0)
		return 0;
	r = zlib_run(z);
	forget(&z->in);
	return r < 0 ? r : 1;
}

/* Discord: each message is exactly one flushed payload of a frame that never ends. */
static int zstd_add(struct inflate *z, const void *data, size_t len)
{
	ZSTD_inBuffer in = {data, len, 0};
	char chunk[CHUNK_SIZE];
	ZSTD_outBuffer out;

	do {
		size_t r;

		out = (ZSTD_outBuffer){chunk, sizeof(chunk), 0};
		r = ZSTD_decompressStream(z->zstd, &out, &in);
		if (ZSTD_isError(r))
			return -EBADMSG;
		if (buf_add(&z->out, chunk, out.pos) < 0)
			return -EFBIG;
	} while (in.pos < in.size || out.pos == out.size);
	return 1;
}

int inflate_add(
	struct inflate *z, const void *data, size_t len, const char **ret_text, size_t *ret_len)
{
	int r;

	forget(&z->out);
	switch (z->kind) {
	case INFLATE_ZSTD:
		r = zstd_add(z, data, len);
		break;
	case INFLATE_ZLIB:
		r = zlib_add(z, data, len);
		break;
	default:
		r = buf_add(&z->out, data, len) < 0 ? -EFBIG : 1;
	}
	if (r == 1) {
		*ret_text = buf_str(&z->out);
		*ret_len = z->out.len;
	}
	return r;
}
