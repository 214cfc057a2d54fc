/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_BASE_BLOB_H
#define FULLET_BASE_BLOB_H

#include "base/buf.h"

/*
 * Bytes that several hold, for pictures of megabytes on their way from one hand to
 * another: never copied, never changed, freed with the last holder. Holders may be
 * in several threads; each drops what it holds itself.
 */
struct blob {
	size_t holders;
	size_t len;
	char *data; /* followed by a NUL */
};

/* Takes the bytes out of the buffer, which is empty then. The caller is the first holder. */
struct blob *blob_take(struct buf *b);
/* One holder more; NULL gives NULL. */
struct blob *blob_hold(struct blob *blob);
/* One holder less; NULL is nothing. Returns NULL. */
struct blob *blob_drop(struct blob *blob);

#endif
