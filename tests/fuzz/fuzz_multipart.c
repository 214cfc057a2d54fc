/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What strangers send to the local server. The first byte chooses: 'm' a multipart
 * body, 'h' the head of a request, 'c' a chunked body, 'w' WebSocket frames; of the
 * last two it does not matter in which pieces they come.
 */

#include <errno.h>

#include "base/json.h"
#include "base/limits.h"
#include "io/http_head.h"
#include "io/multipart.h"
#include "io/ws_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CEILING 1000

/* The bytes of all parts together lie within the body, and none overlaps another. */
static void fuzz_multipart(const char *data, size_t size)
{
	struct http_request req = {0};
	size_t total = 0;
	int r = multipart_parse("multipart/form-data; boundary=X", data, size, &req);

	must(r == 0 || r == -EBADMSG || r == -E2BIG);
	must(r == 0 || req.n_parts == 0);
	must(req.n_parts <= HTTP_PARTS_MAX);
	for (size_t i = 0; i < req.n_parts; i++) {
		must(req.parts[i].name);
		total += req.parts[i].len + strlen("\r\n--X");
	}
	must(total <= size + strlen("\r\n--X"));
	http_request_free(&req);
}

static void fuzz_head(const char *data, size_t size)
{
	struct http_request req = {0};
	struct http_head head = {0};
	ssize_t n = http_head_parse(data, size, &head, &req);

	must(n <= (ssize_t)size);
	if (n > 0) {
		must(req.url[0] == '/' && !strpbrk(req.url, " \r\n"));
		must(!head.chunked || !head.content_length);
		for (size_t i = 0; i < req.n_headers; i++)
			must(req.headers[i].name[0] && !strpbrk(req.headers[i].value, "\r\n"));
	} else {
		must(!req.url && !req.n_headers);
		must(n != 0 || size < SERVER_HEAD_MAX);
	}
	http_request_free(&req);
}

static int read_chunks(const char *data, size_t size, size_t step, size_t *ret_at, struct buf *body)
{
	struct chunked c = {0};
	int r = 0;

	for (*ret_at = 0; r == 0 && *ret_at < size;) {
		size_t n = min_of(step, size - *ret_at), used;

		r = chunked_feed(&c, data + *ret_at, n, &used, body);
		must(used <= n && (r != 0 || used == n));
		*ret_at += used;
	}
	must(r == 0 || r == 1 || r == -EBADMSG || r == -EFBIG);
	return r;
}

static void fuzz_chunked(const char *data, size_t size)
{
	struct buf whole = BUF(CEILING), pieces = BUF(CEILING);
	size_t whole_at, pieces_at;
	int r = read_chunks(data, size, size, &whole_at, &whole);

	must(read_chunks(data, size, 1, &pieces_at, &pieces) == r);
	if (r >= 0) {
		must(whole_at == pieces_at && whole.len == pieces.len);
		must(strcmp(buf_str(&whole), buf_str(&pieces)) == 0);
	}
	buf_free(&whole);
	buf_free(&pieces);
}

/* A digest of what was told; *ret_last: the error at the end, or WS_MORE. */
static uint64_t read_frames(const char *data, size_t size, size_t step, int *ret_last)
{
	struct ws_reader reader = {.message = BUF(CEILING)};
	uint64_t digest = 0;

	*ret_last = WS_MORE;
	for (size_t at = 0; *ret_last >= 0 && at < size;) {
		size_t n = min_of(step, size - at), used;
		const char *bytes = buf_str(&reader.message);
		size_t len = 0;

		*ret_last = ws_read(&reader, data + at, n, &used);
		must(used <= n && (used > 0 || *ret_last < 0));
		at += used;
		if (*ret_last == WS_MESSAGE) {
			bytes = buf_str(&reader.message);
			len = reader.message.len;
			must(len <= CEILING);
			must(reader.binary || !len || memchr(bytes, 0, len) ||
				utf8_valid(bytes, len));
		} else if (*ret_last != WS_MORE && *ret_last > 0) {
			bytes = (const char *)reader.control;
			len = reader.control_len;
			must(len <= WS_CONTROL_MAX);
			if (*ret_last == WS_CLOSE)
				must(ws_close_code(&reader) != 0);
		}
		if (*ret_last != WS_MORE)
			digest = digest * 31 + (uint64_t)*ret_last;
		for (size_t i = 0; i < len; i++)
			digest = digest * 31 + (uint8_t)bytes[i];
	}
	ws_reader_free(&reader);
	return digest;
}

static void fuzz_frames(const char *data, size_t size)
{
	int whole_last, pieces_last;
	uint64_t whole = read_frames(data, size, size, &whole_last);
	uint64_t pieces = read_frames(data, size, 1, &pieces_last);

	must((whole_last < 0) == (pieces_last < 0));
	must(whole == pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* An exact copy behind the first byte: a read beyond it is seen. */
	char *rest;

	if (size < 1)
		return 0;
	rest = xcalloc(size - 1 ? size - 1 : 1, 1);
	memcpy(rest, data + 1, size - 1);
	switch (data[0]) {
	case 'm':
		fuzz_multipart(rest, size - 1);
		break;
	case 'h':
		fuzz_head(rest, size - 1);
		break;
	case 'c':
		fuzz_chunked(rest, size - 1);
		break;
	case 'w':
		fuzz_frames(rest, size - 1);
		break;
	}
	freep(&rest);
	return 0;
}
