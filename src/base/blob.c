/* SPDX-License-Identifier: Apache-2.0 */
#include "base/blob.h"

#include <stdlib.h>

struct blob *blob_take(struct buf *b)
{
	struct blob *blob = xcalloc(1, sizeof(*blob));

	blob->holders = 1;
	blob->len = b->len;
	blob->data = buf_take(b);
	return blob;
}

struct blob *blob_hold(struct blob *blob)
{
	if (blob)
		blob->holders++;
	return blob;
}

struct blob *blob_drop(struct blob *blob)
{
	if (!blob || --blob->holders)
		return NULL;
	free(blob->data);
	free(blob);
	return NULL;
}
