/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CORE_FLOW_H
#define FULLET_CORE_FLOW_H

#include "core/effect.h"
#include "core/job.h"

/*
 * The flow of a job: one row a step. What is stored, asked, shown and checked by
 * the simulator all come from this table (flow.c).
 */
struct flow_step {
	enum job_step step;
	const char *name;
	bool stored;	      /* the row is committed before the ask */
	enum effect_kind ask; /* FX_NONE: the step waits for something else */
	int64_t deadline_ms;  /* of one ask; 0: the one who is asked always answers */
	int tries;	      /* asks before it counts as refused; 0: without end */
	int64_t backoff_ms;   /* between tries, doubling up to BACKOFF_MAX_MS */
	enum job_step next;   /* after ANSWER_OK */
	enum job_step fail;   /* after ANSWER_NO or the last try */
	enum sorry sorry;     /* what the member is told when fail is JOB_SORRY */
};

/* Never NULL for a known step. */
const struct flow_step *flow_step(enum job_step step);
/* True for a step that may stand in a row. */
bool flow_is_kept(int step);

#endif
