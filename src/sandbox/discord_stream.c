/* SPDX-License-Identifier: Apache-2.0 */
/* Transport compression of the gateway: zlib-stream and zstd-stream. */
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "sandbox/discord_impl.h"

/* Small windows: a simulated world opens thousands of connections. */
#define ZLIB_WINDOW_BITS 13
#define ZLIB_MEMORY	 5
#define ZSTD_WINDOW_LOG	 15

struct dw_stream {
	bool zstd;
	z_stream z;
	ZSTD_CCtx *ctx;
};

struct dw_stream *dw_stream_new(const char *name)
{
	struct dw_stream *s = xcalloc(1, sizeof(*s));

	s->zstd = str_eq(name, "zstd-stream");
	if (s->zstd) {
		s->ctx = ZSTD_createCCtx();
		must(s->ctx);
		(void)ZSTD_CCtx_setParameter(s->ctx, ZSTD_c_compressionLevel, 1);
		(void)ZSTD_CCtx_setParameter(s->ctx, ZSTD_c_windowLog, ZSTD_WINDOW_LOG);
		return s;
	}
	if (!str_eq(name, "zlib-stream"))
		return dw_stream_free(s);
	must(deflateInit2(&s->z, 1, Z_DEFLATED, ZLIB_WINDOW_BITS, ZLIB_MEMORY,
		     Z_DEFAULT_STRATEGY) == Z_OK);
	return s;
}

struct dw_stream *dw_stream_free(struct dw_stream *s)
{
	if (!s)
		return NULL;
	if (s->z.state)
		deflateEnd(&s->z);
	ZSTD_freeCCtx(s->ctx);
	free(s);
	return NULL;
}

static size_t pack_zstd(struct dw_stream *s, const char *text, size_t len, char *out, size_t size)
{
	ZSTD_inBuffer from = {text, len, 0};
	ZSTD_outBuffer to = {out, size, 0};
	size_t left;

	do {
		left = ZSTD_compressStream2(s->ctx, &to, &from, ZSTD_e_flush);
		must(!ZSTD_isError(left) && (left == 0 || to.pos < to.size));
	} while (left);
	return to.pos;
}

size_t dw_stream_pack(struct dw_stream *s, const char *text, size_t len, char **out)
{
	size_t size = len + len / 100 + 1024;

	*out = xcalloc(size, 1);
	if (s->zstd)
		return pack_zstd(s, text, len, *out, size);
	s->z.next_in = (Bytef *)(uintptr_t)text;
	s->z.avail_in = (uInt)len;
	s->z.next_out = (Bytef *)*out;
	s->z.avail_out = (uInt)size;
	must(deflate(&s->z, Z_SYNC_FLUSH) == Z_OK && s->z.avail_out > 0);
	return size - s->z.avail_out;
}
