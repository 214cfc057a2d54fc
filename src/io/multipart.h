/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IO_MULTIPART_H
#define FULLET_IO_MULTIPART_H

#include "base/http.h"

/*
 * Splits a whole multipart/form-data body (RFC 7578) into the parts of the
 * request. Pure. 0; -EINVAL: the type is not multipart/form-data with a boundary;
 * -EBADMSG: malformed; -E2BIG: more than HTTP_PARTS_MAX parts. On error the request
 * has no parts.
 */
int multipart_parse(
	const char *content_type, const char *body, size_t len, struct http_request *req);

#endif
