/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_SOURCE_H
#define FULLET_DISCORD_SOURCE_H

#include "base/defs.h"
#include "discord/attachment.h"

/*
 * Where a picture to edit comes from: the text in job_row.input. "last" is the
 * member's last picture; else it is a file's URL, or a message of Discord that holds
 * it ("message:CHANNEL:MESSAGE:N", the picture with number N from 0 on), or both
 * with a space between: URLs are signed and expire, the message gives a fresh one.
 */
struct source {
	bool last;
	char *url; /* owned; NULL */
	uint64_t channel_id, message_id; /* 0: no message */
	size_t index;
};

/* -EINVAL when it is none of these: *ret is untouched then. */
int source_parse(const char *text, struct source *ret);
/* The text; url may be NULL, message_id 0. The caller owns it. */
char *source_text(const char *url, uint64_t channel_id, uint64_t message_id, size_t index);
void source_free(struct source *source);

/*
 * May a file be fetched from there? Only from Discord's own hosts over HTTPS; and where the API
 * itself is at a loopback address, as in the sandbox and in tests, from that address.
 */
bool source_url_allowed(const char *url, const char *api_url);
/* Takes those out that may not be fetched; returns how many are left. */
size_t source_keep_allowed(struct attachment *pictures, size_t n, const char *api_url);

#endif
