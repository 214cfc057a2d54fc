/* SPDX-License-Identifier: Apache-2.0 */
#include "core/flow.h"

/* clang-format off */
static const struct flow_step flow[] = {
	/* step          name         stored ask        deadline tries backoff next         fail          sorry */
	{JOB_ACK,        "ack",       false, FX_ACK,         0,   1,     0, JOB_CHANNEL, JOB_DROPPED,  SORRY_NONE},
	{JOB_CHANNEL,    "channel",   true,  FX_NONE,        0,   1,     0, JOB_QUEUE,   JOB_SORRY,    SORRY_CHANNEL},
	{JOB_INPUT,      "input",     false, FX_INPUT,  300000,   5,  1000, JOB_QUEUE,   JOB_SORRY,    SORRY_PICTURE},
	{JOB_QUEUE,      "queue",     true,  FX_NONE,        0,   1,     0, JOB_SUBMIT,  JOB_SORRY,    SORRY_LOST},
	{JOB_SUBMIT,     "submit",    true,  FX_SUBMIT,      0,   1,  1000, JOB_WATCH,   JOB_SORRY,    SORRY_REFUSED},
	{JOB_WATCH,      "watch",     false, FX_WATCH,       0,   1,  1000, JOB_FETCH,   JOB_SORRY,    SORRY_FAILED},
	{JOB_FETCH,      "fetch",     false, FX_FETCH,  600000,   6,  1000, JOB_POST,    JOB_QUEUE,    SORRY_LOST},
	{JOB_POST,       "post",      true,  FX_POST,        0,   0,  1000, JOB_TIDY,    JOB_SORRY,    SORRY_POST},
	{JOB_SORRY,      "sorry",     true,  FX_SORRY,       0,   0,  1000, JOB_TIDY,    JOB_UNDELIVERABLE, SORRY_NONE},
	{JOB_TIDY,       "tidy",      true,  FX_TIDY,        0,   3,  1000, JOB_DONE,    JOB_DONE,     SORRY_NONE},
	{JOB_LOOK,       "look",      false, FX_LOOK,        0,   0,  1000, JOB_LOOK,    JOB_LOOK,     SORRY_NONE},
	{JOB_LOCATE,     "locate",    false, FX_LOCATE,  60000,   0,  1000, JOB_FETCH,   JOB_SORRY,    SORRY_FAILED},
	{JOB_DONE,       "done",      true,  FX_NONE,        0,   1,     0, JOB_DONE,    JOB_DONE,     SORRY_NONE},
	{JOB_APOLOGISED, "apologised", true, FX_NONE,        0,   1,     0, JOB_DONE,    JOB_DONE,     SORRY_NONE},
	{JOB_UNDELIVERABLE, "undeliverable", true, FX_NONE,  0,   1,     0, JOB_DONE,    JOB_DONE,     SORRY_NONE},
	{JOB_DROPPED,    "dropped",   false, FX_NONE,        0,   1,     0, JOB_DROPPED, JOB_DROPPED,  SORRY_NONE},
};
/* clang-format on */

const struct flow_step *flow_step(enum job_step step)
{
	for (size_t i = 0; i < countof(flow); i++)
		if (flow[i].step == step)
			return &flow[i];
	must(!"a step of the flow table");
	return NULL;
}

bool flow_is_kept(int step)
{
	for (size_t i = 0; i < countof(flow); i++)
		if ((int)flow[i].step == step)
			return flow[i].stored;
	return false;
}

const char *job_step_name(enum job_step step)
{
	return flow_step(step)->name;
}
