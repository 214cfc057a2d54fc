/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CORE_MODEL_H
#define FULLET_CORE_MODEL_H

#include <uthash.h>

#include "core/core.h"
#include "core/sched.h"

/* The workflows as the core knows them, by name. One that was taken away stays: jobs name it. */
struct model {
	char *name;
	struct core_model known; /* its text is owned */
	unsigned weights;
	struct sched_model *sched;
	UT_hash_handle hh;
};

/* Also one that the shell never told of: it shares what it loads with no other. NULL is "". */
struct model *model_get(struct core *core, const char *name);
void model_free_all(struct core *core);

#endif
