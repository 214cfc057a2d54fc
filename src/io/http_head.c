/* SPDX-License-Identifier: Apache-2.0 */
#include "io/http_head.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "base/limits.h"

/* RFC 9110: the characters of a token. */
static bool is_token(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    (c && strchr("!#$%&'*+-.^_`|~", c))))
			return false;
	}
	return len > 0;
}

/* A comma-separated header value holds the word, without case. */
static bool value_has(const char *value, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = value; p && *p;) {
		size_t len;

		p += strspn(p, " \t,");
		len = strcspn(p, " \t,");
		if (len == n && strncasecmp(p, word, n) == 0)
			return true;
		p += len;
	}
	return false;
}

static int parse_method(
	const char *text, size_t len, struct http_head *head, struct http_request *req)
{
	for (int m = HTTP_GET; m <= HTTP_DELETE; m++) {
		const char *name = http_method_name(m);

		if (strlen(name) == len && memcmp(name, text, len) == 0) {
			req->method = m;
			return 0;
		}
	}
	if (len == 4 && memcmp(text, "HEAD", 4) == 0) {
		req->method = HTTP_GET;
		head->head = true;
		return 0;
	}
	return is_token(text, len) ? -EOPNOTSUPP : -EBADMSG;
}

static int parse_request_line(
	const char *line, size_t len, struct http_head *head, struct http_request *req)
{
	const char *space = memchr(line, ' ', len);
	const char *last = memrchr(line, ' ', len);
	const char *url, *slashes;
	size_t url_len;

	if (!space || last == space)
		return -EBADMSG;
	url = space + 1;
	url_len = (size_t)(last - url);
	for (size_t i = 0; i < url_len; i++)
		if ((unsigned char)url[i] <= ' ' || url[i] == 0x7f)
			return -EBADMSG;
	if ((size_t)(line + len - last) != strlen(" HTTP/1.1") ||
		memcmp(last, " HTTP/1.", 8) != 0 || (last[8] != '0' && last[8] != '1'))
		return -EBADMSG;
	head->keep_alive = last[8] == '1';
	/* RFC 9112 3.2.2: a server must understand the absolute form too. */
	slashes = memmem(url, url_len, "://", 3);
	if (url_len && *url != '/' && slashes) {
		const char *path = memchr(slashes + 3, '/', url_len - (size_t)(slashes + 3 - url));

		url_len = path ? url_len - (size_t)(path - url) : 0;
		url = path;
	}
	if (!url || !url_len || *url != '/')
		return -EBADMSG;
	req->url = xstrndup(url, url_len);
	return parse_method(line, (size_t)(space - line), head, req);
}

static int parse_header(const char *line, size_t len, struct http_request *req)
{
	const char *colon = memchr(line, ':', len), *p, *end = line + len;
	char *name, *value;

	if (!colon || !is_token(line, (size_t)(colon - line)))
		return -EBADMSG;
	if (req->n_headers == HTTP_HEADERS_MAX)
		return -EFBIG;
	for (p = colon + 1; p < end && (*p == ' ' || *p == '\t');)
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	for (const char *c = p; c < end; c++)
		if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
			return -EBADMSG;
	name = xstrndup(line, (size_t)(colon - line));
	value = xstrndup(p, (size_t)(end - p));
	http_request_header(req, name, value);
	free(name);
	free(value);
	return 0;
}

/* What the headers say about the connection and the body. */
static int interpret(struct http_head *head, struct http_request *req)
{
	const char *connection = http_request_get(req, "Connection");
	const char *coding = http_request_get(req, "Transfer-Encoding");
	const char *length = http_request_get(req, "Content-Length");
	const char *key = http_request_get(req, "Sec-WebSocket-Key");
	uint64_t n = 0;

	if (value_has(connection, "close"))
		head->keep_alive = false;
	else if (value_has(connection, "keep-alive"))
		head->keep_alive = true;
	/* RFC 9112 6.1: both at once are an attempt to smuggle a request. */
	if (coding && length)
		return -EBADMSG;
	if (coding && strcasecmp(coding, "chunked") != 0)
		return -EOPNOTSUPP;
	head->chunked = coding;
	if (length && (parse_u64(length, &n) < 0 || n > SIZE_MAX))
		return -EBADMSG;
	/* RFC 9112 3.2: of several hosts, each of those who look may believe another one. */
	for (size_t i = 0, lengths = 0, hosts = 0; i < req->n_headers; i++)
		if ((strcasecmp(req->headers[i].name, "Content-Length") == 0 && lengths++) ||
			(strcasecmp(req->headers[i].name, "Host") == 0 && hosts++))
			return -EBADMSG;
	head->content_length = (size_t)n;
	head->expects = value_has(http_request_get(req, "Expect"), "100-continue");
	if (key && req->method == HTTP_GET && !head->head &&
		value_has(http_request_get(req, "Upgrade"), "websocket") &&
		value_has(connection, "upgrade") &&
		str_eq(http_request_get(req, "Sec-WebSocket-Version"), "13"))
		head->ws_key = key;
	return 0;
}

ssize_t http_head_parse(
	const char *data, size_t len, struct http_head *ret, struct http_request *req)
{
	struct http_head head = {0};
	size_t scan = min_of(len, SERVER_HEAD_MAX), start = 0, end;
	const char *stop;
	bool first = true;
	int r = 0;

	if (len == 0) /* data may be NULL then, which memmem() must not be given */
		return 0;
	/* RFC 9112 2.2: an empty line before the request is to be ignored. */
	while (start + 1 < scan && data[start] == '\r' && data[start + 1] == '\n')
		start += 2;
	stop = memmem(data + start, scan - start, "\r\n\r\n", 4);
	if (!stop)
		return len >= SERVER_HEAD_MAX ? -EFBIG : 0;
	end = (size_t)(stop - data) + 4;
	for (size_t at = start; r == 0 && at < end - 2;) {
		const char *eol = memmem(data + at, end - at, "\r\n", 2);
		size_t n = (size_t)(eol - (data + at));

		r = first ? parse_request_line(data + at, n, &head, req)
			  : parse_header(data + at, n, req);
		first = false;
		at += n + 2;
	}
	if (r == 0)
		r = interpret(&head, req);
	if (r < 0) {
		http_request_free(req);
		return r;
	}
	*ret = head;
	return (ssize_t)end;
}

/* ---- chunked ---- */

enum { CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER, CHUNK_DONE };

#define CHUNK_LINE_MAX	   4096
#define CHUNK_DIGITS_MAX   8
#define CHUNK_TRAILERS_MAX 32

static int hex_value(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* One byte of a size line: digits, then anything up to the line feed. */
static int chunk_size_byte(struct chunked *c, char byte)
{
	int value = c->state == CHUNK_SIZE ? hex_value(byte) : -1;

	if (++c->line > CHUNK_LINE_MAX)
		return -EBADMSG;
	if (value >= 0) {
		if (++c->digits > CHUNK_DIGITS_MAX)
			return -EBADMSG;
		c->left = c->left * 16 + (size_t)value;
		return 0;
	}
	if (!c->digits)
		return -EBADMSG;
	c->state = CHUNK_EXTENSION;
	if (byte == '\n') {
		c->line = c->digits = 0;
		c->state = c->left ? CHUNK_DATA : CHUNK_TRAILER;
	}
	return 0;
}

/* One byte of the trailer; an empty line ends it. */
static int chunk_trailer_byte(struct chunked *c, char byte)
{
	if (byte == '\n') {
		if (c->line == 0)
			c->state = CHUNK_DONE;
		else if (++c->trailers > CHUNK_TRAILERS_MAX)
			return -EBADMSG;
		c->line = 0;
	} else if (byte != '\r' && ++c->line > CHUNK_LINE_MAX) {
		return -EBADMSG;
	}
	return 0;
}

/* The CR LF that follows the data of a chunk. */
static int chunk_end_byte(struct chunked *c, char byte)
{
	if (byte != "\r\n"[c->line])
		return -EBADMSG;
	if (++c->line == 2) {
		c->line = 0;
		c->state = CHUNK_SIZE;
	}
	return 0;
}

int chunked_feed(
	struct chunked *c, const char *data, size_t len, size_t *ret_used, struct buf *body)
{
	size_t used = 0;
	int r = 0;

	while (r == 0 && used < len && c->state != CHUNK_DONE) {
		if (c->state == CHUNK_DATA) {
			size_t n = min_of(c->left, len - used);

			r = buf_add(body, data + used, n);
			used += n;
			c->left -= n;
			if (!c->left)
				c->state = CHUNK_DATA_END;
		} else if (c->state == CHUNK_DATA_END) {
			r = chunk_end_byte(c, data[used++]);
		} else if (c->state == CHUNK_TRAILER) {
			r = chunk_trailer_byte(c, data[used++]);
		} else {
			r = chunk_size_byte(c, data[used++]);
			/* What is announced and can never be taken is not waited for. */
			if (c->state == CHUNK_DATA && c->left > body->max - body->len)
				r = -EFBIG;
		}
	}
	*ret_used = used;
	return r < 0 ? r : c->state == CHUNK_DONE;
}
