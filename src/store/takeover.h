/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_STORE_TAKEOVER_H
#define FULLET_STORE_TAKEOVER_H

#include "store/store.h"

/*
 * The Python version of FuLLet kept two tables, in the same SQLite file or PostgreSQL database:
 *   sessions(user_id TEXT PRIMARY KEY, channel_id BIGINT, last_img_name TEXT,
 *            last_img_bytes BLOB or BYTEA, updated_at FLOAT, in seconds)
 *   counters(name TEXT PRIMARY KEY, value INTEGER), with the row image_count
 * They are copied once into ours and left as they are, so that going back works.
 */
struct takeover {
	bool done; /* by this call */
	int channels, pictures;
	int64_t image_count;
	int odd; /* rows, or parts of them, that cannot be what they should */
};

/* Does nothing where there are no such tables, or when it was done before. What we have of a member
 * already wins. All in one transaction. */
int store_db_take_over(struct store_db *db, uint64_t guild_id, int64_t now_ms, struct takeover *ret,
	char **ret_why);

#endif
