/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CORE_SCHED_POOL_H
#define FULLET_CORE_SCHED_POOL_H

#include "base/defs.h"

/* Things of one size, taken from blocks that never move and never grow: no step pays for others. */
struct pool {
	size_t size;
	void *blocks, *spare;
	size_t bytes;
};

/* Zeroed. */
void *pool_get(struct pool *pool);
void pool_put(struct pool *pool, void *thing);
void pool_free(struct pool *pool);

#endif
