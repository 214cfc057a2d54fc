/* SPDX-License-Identifier: Apache-2.0 */
#include "base/http.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "base/secret.h"

const char *http_method_name(enum http_method method)
{
	static const char *const names[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

	must((size_t)method < countof(names));
	return names[method];
}

static void headers_free(struct http_header *headers, size_t *n)
{
	for (size_t i = 0; i < *n; i++) {
		free(headers[i].name);
		wipe_free(headers[i].value); /* one may be the token's */
		headers[i] = (struct http_header){0};
	}
	*n = 0;
}

static void headers_add(struct http_header *headers, size_t *n, const char *name, const char *value)
{
	if (*n == HTTP_HEADERS_MAX)
		return;
	headers[(*n)++] = (struct http_header){xstrdup(name), xstrdup(value)};
}

static const char *headers_get(const struct http_header *headers, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(headers[i].name, name) == 0)
			return headers[i].value;
	return NULL;
}

void http_request_free(struct http_request *req)
{
	free(req->url);
	headers_free(req->headers, &req->n_headers);
	free(req->body);
	for (size_t i = 0; i < req->n_parts; i++) {
		free(req->parts[i].name);
		free(req->parts[i].filename);
		free(req->parts[i].content_type);
		if (req->parts[i].blob)
			blob_drop(req->parts[i].blob);
		else
			free(req->parts[i].data);
	}
	*req = (struct http_request){0};
}

void http_response_free(struct http_response *res)
{
	headers_free(res->headers, &res->n_headers);
	buf_free(&res->body);
	free(res->error);
	*res = (struct http_response){0};
}

static char *bytes_copy(const void *data, size_t len)
{
	char *copy = xrealloc(NULL, len + 1);

	if (len)
		memcpy(copy, data, len);
	copy[len] = '\0';
	return copy;
}

void http_request_copy(struct http_request *dst, const struct http_request *src)
{
	*dst = (struct http_request){
		.method = src->method,
		.url = xstrdup(src->url),
		.body = src->body ? bytes_copy(src->body, src->body_len) : NULL,
		.body_len = src->body_len,
		.timeout_ms = src->timeout_ms,
		.answer_max = src->answer_max,
	};
	for (size_t i = 0; i < src->n_headers; i++)
		http_request_header(dst, src->headers[i].name, src->headers[i].value);
	for (size_t i = 0; i < src->n_parts; i++) {
		const struct http_part *p = &src->parts[i];

		if (p->blob)
			http_request_part_blob(dst, p->name, p->filename, p->content_type, p->blob);
		else
			http_request_part(
				dst, p->name, p->filename, p->content_type, p->data, p->len);
	}
}

void http_response_copy(struct http_response *dst, const struct http_response *src)
{
	*dst = (struct http_response){
		.status = src->status,
		.body = BUF(src->body.max),
		.maybe_sent = src->maybe_sent,
		.too_long = src->too_long,
		.error = xstrdup(src->error),
	};
	for (size_t i = 0; i < src->n_headers; i++)
		http_response_header(dst, src->headers[i].name, src->headers[i].value);
	if (src->body.len)
		must(buf_add(&dst->body, src->body.data, src->body.len) == 0);
}

void http_request_header(struct http_request *req, const char *name, const char *value)
{
	headers_add(req->headers, &req->n_headers, name, value);
}

void http_response_header(struct http_response *res, const char *name, const char *value)
{
	headers_add(res->headers, &res->n_headers, name, value);
}

const char *http_request_get(const struct http_request *req, const char *name)
{
	return headers_get(req->headers, req->n_headers, name);
}

const char *http_response_get(const struct http_response *res, const char *name)
{
	return headers_get(res->headers, res->n_headers, name);
}

void http_request_json(struct http_request *req, char *json)
{
	free(req->body);
	req->body = json;
	req->body_len = strlen(json);
	http_request_header(req, "Content-Type", "application/json");
}

static struct http_part *part_new(
	struct http_request *req, const char *name, const char *filename, const char *content_type)
{
	struct http_part *part = &req->parts[req->n_parts];

	must(req->n_parts < HTTP_PARTS_MAX);
	req->n_parts++;
	*part = (struct http_part){
		.name = xstrdup(name),
		.filename = xstrdup(filename),
		.content_type = xstrdup(content_type),
	};
	return part;
}

void http_request_part(struct http_request *req, const char *name, const char *filename,
	const char *content_type, const void *data, size_t len)
{
	struct http_part *part = part_new(req, name, filename, content_type);

	part->data = bytes_copy(data, len);
	part->len = len;
}

void http_request_part_blob(struct http_request *req, const char *name, const char *filename,
	const char *content_type, struct blob *blob)
{
	struct http_part *part = part_new(req, name, filename, content_type);

	part->blob = blob_hold(blob);
	part->data = blob->data;
	part->len = blob->len;
}

bool http_response_is_json(const struct http_response *res)
{
	const char *type = http_response_get(res, "Content-Type");

	return type && strncasecmp(type, "application/json", 16) == 0;
}

char *url_encode(const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	struct buf out = BUF(strlen(text) * 3);

	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		char escaped[3] = {'%', hex[*c >> 4], hex[*c & 15]};
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			     (*c >= '0' && *c <= '9') || strchr("-._~", *c);

		must(buf_add(&out, plain ? (const char *)c : escaped, plain ? 1 : 3) == 0);
	}
	return buf_take(&out);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

char *url_decode(const char *text, size_t len)
{
	struct buf out = BUF(len);

	for (size_t i = 0; i < len; i++) {
		int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
		int low = i + 2 < len ? hex_digit(text[i + 2]) : -1;
		char c = text[i];

		if (c == '%' && high >= 0 && low >= 0) {
			c = (char)(high << 4 | low);
			i += 2;
		}
		must(buf_add(&out, &c, 1) == 0);
	}
	return buf_take(&out);
}

char *url_query(const char *url, const char *name)
{
	const char *p = strchr(url, '?');
	size_t n = strlen(name);

	if (!p)
		return NULL;
	while (*p) {
		size_t len;

		p++;
		len = strcspn(p, "&#");
		if (strncmp(p, name, n) == 0 && (p[n] == '=' || n == len))
			return n == len ? xstrdup("") : url_decode(p + n + 1, len - n - 1);
		p += len;
		if (*p == '#')
			break;
	}
	return NULL;
}

int url_split(const char *text, struct url *ret)
{
	static const struct {
		const char *scheme;
		bool secure;
	} schemes[] = {{"http://", false}, {"ws://", false}, {"https://", true}, {"wss://", true}};
	struct url url = {0};
	const char *p = NULL, *at, *colon, *end;
	uint64_t port;

	for (size_t i = 0; i < countof(schemes); i++)
		if (strncasecmp(text, schemes[i].scheme, strlen(schemes[i].scheme)) == 0) {
			p = text + strlen(schemes[i].scheme);
			url.secure = schemes[i].secure;
		}
	if (!p)
		return -EINVAL;
	end = p + strcspn(p, "/?#");
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return -EINVAL;
	at = memrchr(p, '@', (size_t)(end - p));
	if (at) {
		url.userinfo = xstrndup(p, (size_t)(at - p));
		p = at + 1;
	}
	url.port = url.secure ? 443 : 80;
	colon = *p == '[' ? memchr(p, ']', (size_t)(end - p)) : p;
	colon = colon ? memchr(colon, ':', (size_t)(end - colon)) : NULL;
	if (*p == '[') {
		const char *close = memchr(p, ']', (size_t)(end - p));

		url.host = close ? xstrndup(p + 1, (size_t)(close - p - 1)) : NULL;
	} else {
		url.host = xstrndup(p, (size_t)((colon ? colon : end) - p));
	}
	if (colon) {
		char *digits = xstrndup(colon + 1, (size_t)(end - colon - 1));
		int r = parse_u64(digits, &port);

		free(digits);
		if (r < 0 || port == 0 || port > 65535) {
			url_free(&url);
			return -EINVAL;
		}
		url.port = (int)port;
	}
	if (!url.host || !*url.host) {
		url_free(&url);
		return -EINVAL;
	}
	url.path = *end == '/' ? xstrdup(end) : xasprintf("/%s", end);
	*ret = url;
	return 0;
}

void url_free(struct url *url)
{
	free(url->host);
	free(url->path);
	free(url->userinfo);
	*url = (struct url){0};
}

bool host_is_loopback(const char *host)
{
	/* Digits only: "127.0.0.1.example.org" is a name, and leads wherever its owner likes. */
	return (str_starts(host, "127.") && strspn(host, "0123456789.") == strlen(host)) ||
	       str_eq(host, "::1") || str_eq(host, "localhost");
}
