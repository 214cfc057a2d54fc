/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_BASE_HTTP_H
#define FULLET_BASE_HTTP_H

#include "base/blob.h"
#include "base/buf.h"
#include "base/defs.h"

/*
 * An HTTP exchange as plain data. The protocol rooms make requests and read
 * responses, src/io carries them, the sandbox's world answers them; no room
 * needs to know which of the others is at the other end.
 */

enum http_method { HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE };
const char *http_method_name(enum http_method method);

#define HTTP_HEADERS_MAX 40
#define HTTP_PARTS_MAX   12

struct http_header {
	char *name; /* owned; compared without case */
	char *value;
};

/* One part of a multipart/form-data body. */
struct http_part {
	char *name;         /* "payload_json", "files[0]", "image" */
	char *filename;     /* NULL for a plain field */
	char *content_type; /* NULL: none sent */
	char *data;
	size_t len;
	struct blob *blob; /* whose bytes `data` are; NULL: the part's own */
};

/* Everything is owned by the request. Zero-initialised is an empty GET. */
struct http_request {
	enum http_method method;
	char *url; /* absolute when sent; path?query when it arrives at a server */
	struct http_header headers[HTTP_HEADERS_MAX];
	size_t n_headers;
	char *body; /* NULL: none. A JSON body has its Content-Type among the headers. */
	size_t body_len;
	struct http_part parts[HTTP_PARTS_MAX]; /* when n_parts > 0 the body is multipart */
	size_t n_parts;
	/* The whole exchange; 0: the carrier's default of 30 s. With parts it ends also when
	 * nothing has moved for 30 s. */
	int64_t timeout_ms;
	size_t answer_max;  /* a longer response body is an error; 0: 1 MiB */
};

/*
 * status 0: no (complete) response. Then error is a sentence for the log that
 * holds no secret, and maybe_sent tells whether the server may have acted on
 * the request: false only when the connection was never made.
 */
struct http_response {
	int status;
	struct http_header headers[HTTP_HEADERS_MAX];
	size_t n_headers;
	struct buf body;
	bool maybe_sent;
	bool too_long; /* with status 0: the answer has more than answer_max bytes */
	char *error;
};

void http_request_free(struct http_request *req);   /* leaves it empty */
void http_response_free(struct http_response *res); /* leaves it empty */
void http_request_copy(struct http_request *dst, const struct http_request *src);
void http_response_copy(struct http_response *dst, const struct http_response *src);
/* More than HTTP_HEADERS_MAX headers: the further ones are dropped. */
void http_request_header(struct http_request *req, const char *name, const char *value);
void http_response_header(struct http_response *res, const char *name, const char *value);
/* NULL when absent. */
const char *http_request_get(const struct http_request *req, const char *name);
const char *http_response_get(const struct http_response *res, const char *name);
/* Takes ownership of a malloc()ed JSON text and sets the Content-Type. */
void http_request_json(struct http_request *req, char *json);
/* Copies the bytes. filename and content_type may be NULL. */
void http_request_part(struct http_request *req, const char *name, const char *filename,
	const char *content_type, const void *data, size_t len);
/* The same, but the part holds the blob instead of a copy. */
void http_request_part_blob(struct http_request *req, const char *name, const char *filename,
	const char *content_type, struct blob *blob);
/* True when the Content-Type says JSON (COMFYUI: never parse JSON unless it says so). */
bool http_response_is_json(const struct http_response *res);

/* Percent-encodes everything but unreserved characters. The caller owns the result. */
char *url_encode(const char *text);
/* Percent-decodes; '+' stays. The caller owns the result. */
char *url_decode(const char *text, size_t len);
/* The decoded value of a query parameter of "path?a=1&b=2", or NULL. The caller owns it. */
char *url_query(const char *url, const char *name);

/*
 * A URL split for a WebSocket client or a log. `secure` for https and wss.
 * -EINVAL when it is not http(s):// or ws(s):// with a host. `path` starts with
 * '/' and keeps the query. user info is moved into `userinfo` (may be NULL) so
 * that the rest can be logged.
 */
struct url {
	bool secure;
	char *host;
	int port;
	char *path;
	char *userinfo;
};
int url_split(const char *text, struct url *ret);
void url_free(struct url *url);
/* True for 127.0.0.0/8, ::1, localhost. */
bool host_is_loopback(const char *host);

#endif
