/* SPDX-License-Identifier: Apache-2.0 */

/* The head of a request and the chunked coding of a body, as the local server reads them: whole,
 * and byte by byte, with the same result. */

#include <errno.h>
#include <stdlib.h>

#include "io/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_MAX 4096

static void check_head(const char *data, size_t size)
{
	struct http_request req = {0};
	struct http_head head = {0};
	ssize_t n = http_head_parse(data, size, &head, &req);

	must(n <= (ssize_t)size);
	must(n >= 0 || n == -EBADMSG || n == -EFBIG || n == -EOPNOTSUPP);
	if (n <= 0) {
		must(req.n_headers == 0 && !req.url);
		return;
	}
	must(req.url && req.n_headers <= HTTP_HEADERS_MAX);
	for (size_t i = 0; i < req.n_headers; i++)
		must(!strpbrk(req.headers[i].name, "\r\n: ") &&
			!strpbrk(req.headers[i].value, "\r\n"));
	http_request_free(&req);
	/* What was taken is a head; without its last byte it is none. */
	must(http_head_parse(data, (size_t)n - 1, &head, &req) == 0);
	http_request_free(&req);
}

static int feed(const char *data, size_t size, size_t piece, struct buf *body)
{
	struct chunked c = {0};
	int r = 0;

	for (size_t at = 0; at < size && r == 0;) {
		size_t used = 0, len = min_of(piece, size - at);

		r = chunked_feed(&c, data + at, len, &used, body);
		must(used <= len && (r != 0 || used == len));
		at += used;
	}
	must(body->len <= BODY_MAX);
	return r;
}

static void check_chunks(const char *data, size_t size)
{
	cleanup(buf_free) struct buf whole = BUF(BODY_MAX), bytes = BUF(BODY_MAX);
	int r = feed(data, size, size, &whole);

	must(r == feed(data, size, 1, &bytes));
	if (r >= 0)
		must(whole.len == bytes.len &&
			memcmp(buf_str(&whole), buf_str(&bytes), whole.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (data[0] & 1)
		check_head((const char *)data + 1, size - 1);
	else
		check_chunks((const char *)data + 1, size - 1);
	return 0;
}
