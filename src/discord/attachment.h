/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_ATTACHMENT_H
#define FULLET_DISCORD_ATTACHMENT_H

#include <json-c/json.h>

#include "base/defs.h"

/*
 * A file that somebody sent, as Discord describes it. What it says of type and size is the
 * sender's word: whoever fetches it looks at the bytes. Strings are owned.
 */
struct attachment {
	uint64_t id; /* 0: an embed's picture */
	char *url;   /* never NULL; not checked to be Discord's */
	char *filename;
	char *content_type;
	int64_t size;	   /* bytes; 0 not said */
	int width, height; /* 0: not said */
};

/* Discord: at most 10 files in a message; galleries of components hold more. */
#define ATTACHMENTS_MAX 10

/* False when it has no id or no url; *ret is untouched then. */
bool attachment_decode(struct json_object *object, struct attachment *ret);
void attachment_free(struct attachment *a);
/*
 * The pictures of a message in the order in which they are seen: its attachments, then what its
 * components show (files shown by those are in no list of attachments),
 * then its embeds' pictures. Returns how many of at most ATTACHMENTS_MAX.
 */
size_t message_pictures(struct json_object *message, struct attachment ret[ATTACHMENTS_MAX]);

#endif
