/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_COMFY_REFUSAL_H
#define FULLET_COMFY_REFUSAL_H

#include <json-c/json.h>

#include "base/defs.h"

/* True when the answer to POST /prompt names nodes that are in error: with status 200 that means
 * that part of the workflow was dropped and the rest runs. */
bool refusal_has_nodes(struct json_object *doc);

/*
 * Why ComfyUI did not take a workflow, in words for a member: the answer's `error` and the most
 * telling of its node_errors, never a traceback. Any JSON gives a sentence. The caller owns it.
 */
char *refusal_text(struct json_object *doc);

#endif
