/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_COMFY_WORKFLOW_SIDECAR_H
#define FULLET_COMFY_WORKFLOW_SIDECAR_H

#include "comfy/workflow_graph.h"

/* Private to the workflow_sidecar*.c files. */

struct side {
	struct workflow *wf;
	char file[200]; /* "NAME.meta.json", safe to print */
};

/* A problem: "NAME.meta.json: where: ...". */
void side_bad(struct side *s, const char *where, const char *format, ...) printf_like(3, 4);
/* A value for a sentence, cut and safe to print. Returns dst. */
const char *side_shown(struct json_object *value, char *dst, size_t size);
bool side_is_string(struct json_object *value);
bool side_is_number(struct json_object *value);
/* Which of the names a member has; -1, and warned of, when it is none of them. `where` is what
 * stands before it ("options."). */
int side_known(
	struct side *s, const char *where, const char *key, const char *const *names, size_t n);

/* workflow_sidecar_nodes.c: the member "nodes". */
void side_read_nodes(struct side *s, struct json_object *value);

#endif
