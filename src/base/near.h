/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_BASE_NEAR_H
#define FULLET_BASE_NEAR_H

#include "base/defs.h"

/* Edits (insert, delete, change; case ignored) between two names, at most 64 bytes of each. */
int near_distance(const char *a, const char *b);
/* The index of the name nearest to `name`, or -1 when none is near enough to be meant. */
int near_find(const char *name, const char *const *names, size_t n);

#endif
