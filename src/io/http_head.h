/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IO_HTTP_HEAD_H
#define FULLET_IO_HTTP_HEAD_H

#include <sys/types.h>

#include "base/http.h"

/*
 * The head of an HTTP/1.1 request (RFC 9112), and the chunked coding of its body.
 * Pure; the local server stands on it. The URL stays as it was sent: percent
 * escapes, doubled slashes and ';' included.
 */
struct http_head {
	bool head; /* the method was HEAD: answered like GET, without the body */
	bool keep_alive;
	bool chunked;
	bool expects; /* "Expect: 100-continue" */
	size_t content_length;
	const char
		*ws_key; /* of an upgrade to WebSocket 13 (borrowed from the request), else NULL */
};

/*
 * > 0: the bytes of the head, ret and req filled (method, url, headers; the rest
 * of req untouched). 0: not complete yet. -EBADMSG: malformed; -EFBIG: longer than
 * SERVER_HEAD_MAX or with more headers than a request holds; -EOPNOTSUPP: a method
 * or coding that we do not have. On error req is empty.
 */
ssize_t http_head_parse(
	const char *data, size_t len, struct http_head *ret, struct http_request *req);

/* Zero-initialised at the beginning. */
struct chunked {
	int state;
	size_t left;
	int line; /* bytes of the present size or trailer line */
	int digits;
	int trailers;
};
/*
 * Decodes what there is into `body` (whose ceiling counts: -EFBIG). 1: that was the
 * end; 0: more is to come; -EBADMSG. *ret_used: how many bytes were taken.
 */
int chunked_feed(
	struct chunked *c, const char *data, size_t len, size_t *ret_used, struct buf *body);

#endif
