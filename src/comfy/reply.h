/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_COMFY_REPLY_H
#define FULLET_COMFY_REPLY_H

#include <json-c/json.h>

#include "base/http.h"

/* What comes back from a ComfyUI, before anybody looks at its meaning. */

/*
 * Like json_parse(), but Python's NaN, Infinity and -Infinity outside strings are read as 0:
 * ComfyUI's answers repeat other people's graphs, in which custom nodes leave such numbers.
 */
struct json_object *comfy_json(const char *text, size_t len);
/* The body as JSON, when the Content-Type says that it is; NULL otherwise. The caller owns it. */
struct json_object *comfy_reply_json(const struct http_response *res);

/*
 * True when the answer tells that no ComfyUI is to be had at this address as it is configured
 * (key refused, another program, a proxy's page): trying again soon is of no use.
 */
bool comfy_reply_foreign(const struct http_response *res);
/*
 * Why the answer is no use, as a sentence for a log or a member; owned by the caller. with_key:
 * an API key was sent.
 */
char *comfy_reply_why(const struct http_response *res, bool with_key);

/*
 * The first line of a stranger's text that holds anything, without control characters and
 * outer blanks, cut to at most max bytes at a character's border. The caller owns it; "" when
 * there is nothing.
 */
char *comfy_line(const char *text, size_t max);

#endif
