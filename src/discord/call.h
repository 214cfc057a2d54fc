/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_CALL_H
#define FULLET_DISCORD_CALL_H

#include <json-c/json.h>

#include "discord/rest.h"

/* What the makers of calls in this room share (call.c). */

/* A call whose major is an id (0: none). The path is formatted below the API base. */
struct rest_call *call_make(enum http_method method, const char *route, uint64_t major,
	uint32_t flags, const char *path, ...) printf_like(5, 6);
/* A GET that may be repeated, with room for a long answer. */
struct rest_call *call_get(const char *route, uint64_t major, const char *path, ...)
	printf_like(3, 4);
/* Makes the document the call's JSON body and releases it. */
void call_body(struct rest_call *call, struct json_object *body);
/* Makes it the first part of a multipart body and releases it; files follow with call_file(). */
void call_payload(struct rest_call *call, struct json_object *body);
/* Discord: uploads are parts files[0]... that the payload's `attachments` name by number. With a
 * blob data and len do not count. */
void call_file(struct rest_call *call, size_t index, const char *filename, const char *type,
	struct blob *blob, const void *data, size_t len);

/* "session-ana": what a member's channel or thread is called (channel.c). The caller owns it. */
char *session_name(const char *username, uint64_t user_id);

#endif
