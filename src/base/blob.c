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
		__atomic_add_fetch(&blob->holders, 1, __ATOMIC_RELAXED);
	return blob;
}

struct blob *blob_drop(struct blob *blob)
{
	if (!blob || __atomic_sub_fetch(&blob->holders, 1, __ATOMIC_ACQ_REL))
		return NULL;
	free(blob->data);
	free(blob);
	return NULL;
}
