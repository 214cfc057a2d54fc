/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_COMFY_FAILURE_H
#define FULLET_COMFY_FAILURE_H

#include <json-c/json.h>

#include "base/defs.h"

/*
 * Whose fault an execution_error is, by its exception: the machine's (the GPU's driver, its disk,
 * its memory, its network), or the workflow's own. What the machine failed can go well on another
 * one; what the workflow did wrong it does wrong everywhere. Out of the GPU's memory is neither:
 * error_text() tells it. data: the message's; may be NULL.
 */
bool failure_is_the_machines(struct json_object *data);

#endif
