/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_INFLATE_H
#define FULLET_DISCORD_INFLATE_H

#include "base/defs.h"

/*
 * The transport compression of one gateway connection, sans-IO: complete binary
 * WebSocket messages go in, JSON texts of at most GATEWAY_PAYLOAD_MAX bytes come
 * out. Discord: the stream lives exactly as long as its connection, so every
 * reconnect, RESUME included, takes a new one.
 */
struct inflate;

enum inflate_kind { INFLATE_ZSTD, INFLATE_ZLIB, INFLATE_NONE, INFLATE_KINDS };

/* What the `compress` parameter of the URL says: "zstd-stream", "zlib-stream"; "none". */
const char *inflate_name(enum inflate_kind kind);

struct inflate *inflate_new(enum inflate_kind kind);
struct inflate *inflate_free(struct inflate *z); /* NULL is fine; returns NULL */

/*
 * Adds one message. 1: *ret_text is a whole payload, NUL-terminated, valid until
 * the next call. 0: the payload goes on in the next message. -EFBIG: it grows
 * beyond the ceiling. -EBADMSG: this is no such stream. After an error the
 * stream is useless: the connection must be closed.
 */
int inflate_add(
	struct inflate *z, const void *data, size_t len, const char **ret_text, size_t *ret_len);

#endif
