/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_BASE_LIMITS_SMALL_H
#define FULLET_BASE_LIMITS_SMALL_H

/*
 * Ceilings so small that a short life reaches them, for a simulator of its own (./test.sh --sim).
 * Not those of what is promised, nor Discord's and ComfyUI's own.
 */

#undef REST_QUEUE_MAX
#define REST_QUEUE_MAX 1
#undef ADMIN_WORDS_MAX
#define ADMIN_WORDS_MAX 2
#undef UNPOSTED_MAX
#define UNPOSTED_MAX 1
#undef INPUTS_MAX
#define INPUTS_MAX 1
#undef LEARNED_ROWS_MAX
#define LEARNED_ROWS_MAX 2
#undef RECENT_PROMPTS_MAX
#define RECENT_PROMPTS_MAX 1
#undef LIST_JOBS_MAX
#define LIST_JOBS_MAX 1
#undef PLACED_WHY_MAX
#define PLACED_WHY_MAX 20
#undef CATEGORY_CHANNELS_MAX
#define CATEGORY_CHANNELS_MAX 1
#undef STORE_PRUNE_EVERY
#define STORE_PRUNE_EVERY 1
#undef STORE_PRUNE_ROWS
#define STORE_PRUNE_ROWS 1

#endif
