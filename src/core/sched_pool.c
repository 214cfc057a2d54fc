/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/sched_pool.h"

#define BLOCK 256

struct link {
	struct link *next;
};

void *pool_get(struct pool *pool)
{
	struct link *thing = pool->spare;

	if (!thing) {
		size_t bytes = sizeof(struct link) + BLOCK * pool->size;
		struct link *block = xcalloc(1, bytes);

		block->next = pool->blocks;
		pool->blocks = block;
		pool->bytes += bytes;
		for (int i = BLOCK - 1; i >= 0; i--)
			pool_put(pool, (char *)(block + 1) + (size_t)i * pool->size);
		thing = pool->spare;
	}
	pool->spare = thing->next;
	memset(thing, 0, pool->size);
	return thing;
}

void pool_put(struct pool *pool, void *thing)
{
	struct link *link = thing;

	link->next = pool->spare;
	pool->spare = link;
}

void pool_free(struct pool *pool)
{
	struct link *block = pool->blocks, *next;

	for (; block; block = next) {
		next = block->next;
		free(block);
	}
	pool->blocks = pool->spare = NULL;
}
