/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_BASE_ROW_H
#define FULLET_BASE_ROW_H

#include "base/defs.h"
#include "base/rng.h"

/* Steps from here on are terminal: the job has ended and its row loses the interaction token. */
#define STORE_ENDED 100

/* A job as it is stored, shared by the core (which decides) and the store (which keeps). Strings are owned; NULL is stored as NULL. */
struct job_row {
	uint64_t id;              /* chosen by the core, rising */
	uint64_t user_id, guild_id, interaction_id, application_id;
	uint64_t channel_id;      /* the private channel; 0 unknown */
	uint64_t live_id;         /* the live message; 0 unknown */
	uint64_t result_id;       /* the message with the picture or the apology; 0 none yet */
	int step;                 /* enum job_step of src/core; stable numbers */
	int kind;                 /* 1 imagine */
	int outcome;              /* 0 open, 1 picture, 2 apology */
	int sorry;                /* enum sorry of src/core */
	int priority;             /* higher first */
	int submits;              /* how often it was given to a ComfyUI */
	uint64_t seed;            /* full 64 bits */
	int64_t created_ms, started_ms, finished_ms, duration_ms;
	char *username, *locale, *model, *prompt;
	char *token;              /* interaction token; removed from the row when the job ends */
	char *gpu;                /* the ComfyUI's URL without user info */
	char prompt_id[UUID_SIZE];
	char *detail;             /* the apology's detail */
};
void job_row_free(struct job_row *row);
void job_row_copy(struct job_row *dst, const struct job_row *src);

struct session_row {
	uint64_t user_id, guild_id, channel_id;
	int64_t active_ms;
};

#endif
