/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IO_HTTP_CLIENT_H
#define FULLET_IO_HTTP_CLIENT_H

#include "base/http.h"
#include "io/loop.h"

/*
 * HTTP client on the loop (libcurl multi): HTTP/2 over TLS (PIPEWAIT: one
 * connection is shared), connection reuse, proxies from the environment (never for
 * loopback), no redirects, multipart bodies from parts, certificates always
 * verified. No call blocks: names are resolved on curl's threads.
 */
struct http_client;

struct http_client_config {
	/* PEM; NULL: the system's certificates. They are not added to a given file. */
	const char *ca_file;
};
int http_client_new(
	struct loop *loop, const struct http_client_config *config, struct http_client **ret);
/* Running requests are dropped, uncalled. Runs the loop for a moment: never within a callback. */
struct http_client *http_client_free(struct http_client *client);

/* `response` is the callee's to take from (http_response_free'd afterwards otherwise). */
typedef void http_done(void *arg, struct http_response *response);
/* Copies what it needs of *req before it returns; done is called exactly once, never before the
 * return. */
void http_send(
	struct http_client *client, const struct http_request *req, http_done *done, void *arg);

#endif
