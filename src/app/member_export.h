/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_MEMBER_EXPORT_H
#define FULLET_APP_MEMBER_EXPORT_H

#include "base/buf.h"
#include "base/limits.h"
#include "store/store.h"

/* All that is stored about a member as files of JSON that people can read. */

struct member_facts {
	uint64_t user_id, guild_id;
	int64_t now_ms;
	bool banned;
	int pictures_today;
	const char *picture_file; /* the name of the file beside it; NULL: it is not there */
};

struct member_files {
	struct blob *at[DISCORD_FILES_MAX];
	size_t n;
	size_t left_out; /* jobs, the oldest, for which there was no room */
};

/* At most files_max files of file_max bytes, total_max in all: the newest jobs first. Interaction
 * tokens, which are the bot's secret and no longer valid, and the addresses of servers are not
 * in it. The caller frees. */
void member_export(const struct store_result *rows, const struct member_facts *facts,
	size_t files_max, size_t file_max, size_t total_max, struct member_files *ret);
void member_files_free(struct member_files *files);

#endif
