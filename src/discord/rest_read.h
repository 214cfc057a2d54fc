/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_REST_READ_H
#define FULLET_DISCORD_REST_READ_H

#include "base/http.h"

/*
 * What one answer of the REST API says besides its payload. Nothing in it is
 * taken for granted: headers may be absent, bodies may be HTML.
 */
struct rest_reading {
	const char *hash;	/* X-RateLimit-Bucket, borrowed; NULL: none */
	int limit;		/* -1: none */
	int remaining;		/* -1: none */
	int64_t reset_after_ms; /* -1: none */
	int64_t reset_at_ms;	/* of Discord's clock: it names the window; -1: none */
	int64_t retry_after_ms; /* of the body, else the header; -1: none */
	bool global;		/* a 429 for the whole bot */
	bool shared;		/* a 429 for all users of the resource */
	bool blocked;		/* Cloudflare keeps this address out */
	bool json;		/* the body is a JSON object */
	int64_t code;		/* its `code`, 0: none */
	char *message;		/* its `message` and flattened `errors`; owned, may be NULL */
};
void rest_read(const struct http_response *res, struct rest_reading *ret);
void rest_reading_free(struct rest_reading *reading);

/*
 * A path for the log: the secrets of /interactions/{id}/{token} and
 * /webhooks/{id}/{token} become "***". The caller owns it.
 */
char *rest_redact(const char *path);

#endif
