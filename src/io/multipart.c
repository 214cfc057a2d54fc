/* SPDX-License-Identifier: Apache-2.0 */
#include "io/multipart.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

/* RFC 2046 5.1.1: a boundary has 1 to 70 characters. */
#define BOUNDARY_MAX	 70
#define PART_HEADERS_MAX 4096

static char *unquote(const char *p, const char *end)
{
	struct buf out = BUF((size_t)(end - p));

	/*
	 * Browsers and curl write %22 for a quote and never a backslash escape; older
	 * senders write \" and \\ .
	 */
	for (; p < end && *p != '"'; p++) {
		if (*p == '\\' && p + 1 < end && (p[1] == '"' || p[1] == '\\'))
			p++;
		must(buf_add(&out, p, 1) == 0);
	}
	return buf_take(&out);
}

/* The value of `; name=value` or `; name="value"` in a header; NULL when absent. */
static char *parameter(const char *value, const char *end, const char *name)
{
	size_t n = strlen(name);
	bool quoted = false;

	for (const char *p = value; p < end; p++) {
		const char *q = p + 1;

		if (quoted && *p == '\\' && q < end)
			p++;
		else if (*p == '"')
			quoted = !quoted;
		if (quoted || *p != ';')
			continue;
		while (q < end && (*q == ' ' || *q == '\t'))
			q++;
		if ((size_t)(end - q) <= n || strncasecmp(q, name, n) != 0 || q[n] != '=')
			continue;
		q += n + 1;
		if (q < end && *q == '"')
			return unquote(q + 1, end);
		for (p = q; p < end && *p != ';' && *p != ' ' && *p != '\t';)
			p++;
		return xstrndup(q, (size_t)(p - q));
	}
	return NULL;
}

static bool header_is(const char *line, const char *end, const char *name)
{
	size_t n = strlen(name);

	return (size_t)(end - line) > n && strncasecmp(line, name, n) == 0 && line[n] == ':';
}

/* Headers from p to end (each with its CR LF), data of data_len bytes. */
static int part_add(
	struct http_request *req, const char *p, const char *end, const char *data, size_t data_len)
{
	cleanup(freep) char *name = NULL;
	cleanup(freep) char *filename = NULL;
	cleanup(freep) char *type = NULL;
	bool disposed = false;

	if (req->n_parts == HTTP_PARTS_MAX)
		return -E2BIG;
	while (p < end) {
		const char *eol = memmem(p, (size_t)(end - p), "\r\n", 2);

		if (!eol)
			return -EBADMSG;
		if (header_is(p, eol, "Content-Disposition") && !disposed) {
			disposed = true;
			name = parameter(p, eol, "name");
			filename = parameter(p, eol, "filename");
		} else if (header_is(p, eol, "Content-Type") && !type) {
			const char *value = p + strlen("Content-Type:");

			while (value < eol && *value == ' ')
				value++;
			type = xstrndup(value, (size_t)(eol - value));
		}
		p = eol + 2;
	}
	if (!name)
		return -EBADMSG;
	http_request_part(req, name, filename, type, data, data_len);
	return 0;
}

static void parts_drop(struct http_request *req)
{
	struct http_request only_parts = {.n_parts = req->n_parts};

	memcpy(only_parts.parts, req->parts, sizeof(req->parts));
	memset(req->parts, 0, sizeof(req->parts));
	req->n_parts = 0;
	http_request_free(&only_parts);
}

/* `p` stands behind a delimiter: "--" ends the body, a line feed begins a part. */
static int parse_parts(
	const char *p, const char *end, const char *delimiter, size_t n, struct http_request *req)
{
	for (;;) {
		const char *headers, *headers_end, *data, *data_end;
		int r;

		if (end - p >= 2 && p[0] == '-' && p[1] == '-')
			return 0;
		/* RFC 2046: white space may follow the boundary. */
		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		if (end - p < 2 || p[0] != '\r' || p[1] != '\n')
			return -EBADMSG;
		headers = p + 2;
		headers_end = memmem(
			p, min_of((size_t)(end - p), (size_t)PART_HEADERS_MAX), "\r\n\r\n", 4);
		if (!headers_end)
			return -EBADMSG;
		data = headers_end + 4;
		/* A part without headers would overlap: "\r\n" is then both ends. */
		if (headers_end + 2 < headers)
			return -EBADMSG;
		data_end = memmem(data, (size_t)(end - data), delimiter, n);
		if (!data_end)
			return -EBADMSG;
		r = part_add(req, headers, headers_end + 2, data, (size_t)(data_end - data));
		if (r < 0)
			return r;
		p = data_end + n;
	}
}

int multipart_parse(
	const char *content_type, const char *body, size_t len, struct http_request *req)
{
	static const char type[] = "multipart/form-data";
	cleanup(freep) char *boundary = NULL;
	cleanup(freep) char *delimiter = NULL;
	const char *p;
	size_t n;
	int r = -EBADMSG;

	if (!content_type || strncasecmp(content_type, type, strlen(type)) != 0)
		return -EINVAL;
	boundary = parameter(content_type, content_type + strlen(content_type), "boundary");
	if (!boundary || !*boundary || strlen(boundary) > BOUNDARY_MAX)
		return -EINVAL;
	delimiter = xasprintf("\r\n--%s", boundary);
	n = strlen(delimiter);
	if (!body || len < n - 2)
		return -EBADMSG;
	/* The first delimiter may open the body, or follow a preamble that is ignored. */
	if (memcmp(body, delimiter + 2, n - 2) == 0) {
		p = body + n - 2;
	} else {
		p = memmem(body, len, delimiter, n);
		p = p ? p + n : NULL;
	}
	if (p)
		r = parse_parts(p, body + len, delimiter, n, req);
	if (r < 0)
		parts_drop(req);
	return r;
}
