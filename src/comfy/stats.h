/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_COMFY_STATS_H
#define FULLET_COMFY_STATS_H

#include <json-c/json.h>

#include "base/card.h"

/*
 * The card in an answer of /system_stats (borrowed, may be NULL): of several the first, which is
 * the one that a ComfyUI works on. Never fails: what is missing or cannot be is left out, so that
 * the numbers in *ret fit each other.
 */
void stats_read(struct json_object *doc, struct card_stats *ret);

#endif
