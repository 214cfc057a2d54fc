/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_BASE_ROW_H
#define FULLET_BASE_ROW_H

#include "base/defs.h"
#include "base/rng.h"

/* Steps from here on are terminal: the job has ended and its row loses the interaction token. */
#define STORE_ENDED 100

/* A job as it is stored, shared by the core (which decides) and the store (which keeps). Strings
 * are owned; NULL is stored as NULL. */
struct job_row {
	uint64_t id; /* chosen by the core, rising */
	uint64_t user_id, guild_id, interaction_id, application_id;
	uint64_t channel_id; /* the private channel; 0 unknown */
	uint64_t live_id;    /* the live message; 0 unknown */
	uint64_t result_id;  /* the message with the picture or the apology; 0 none yet */
	int step;	     /* enum job_step of src/core; stable numbers */
	int kind;	     /* 1 imagine, 2 edit */
	int outcome;	     /* 0 open, 1 picture, 2 apology */
	int sorry;	     /* enum sorry of src/core */
	int priority;	     /* ROW_* below */
	int submits;	     /* how often it was given to a ComfyUI */
	uint64_t seed;	     /* full 64 bits */
	int64_t created_ms, started_ms, finished_ms, duration_ms;
	char *username, *locale, *model, *prompt;
	char *token; /* interaction token; removed from the row when the job ends */
	char *gpu;   /* the ComfyUI's URL without user info */
	char prompt_id[UUID_SIZE];
	char *detail;  /* the apology's detail */
	char *reason;  /* why it went to its card, for the owner; NULL: it has been on none */
	char *options; /* what the member chose besides the prompt, a JSON object; NULL: nothing */
	char *input;   /* where the picture to edit comes from (discord/source.h); a URL in it is
			  signed: not for a log; NULL: there is none */
	uint64_t origin_id; /* the channel in which it was asked for; 0 unknown */
	int64_t number;	    /* of its first picture in the count of all; 0: none yet */
	int flags;	    /* JOB_* below */
	int pictures;	    /* how many were asked for; they count for the day's quota */
	int slot;	    /* JOB_WHOLE, JOB_ALONE, or 1..: which picture of a shared pass is its */
	int part;	    /* which of its passes is under way, from 0 */
	int batch;	    /* pictures of one pass, the last may have fewer; 0: all in one */
	int64_t work;	    /* pixels times steps of one of them; 0 unknown */
	char *failed_on;    /* the cards that failed it by no fault of its own: URLs with a space
			       between; NULL: none did */
};

/* job_row.flags */
#define JOB_SEEDED     2 /* the member chose the seed */
#define JOB_RESTRICTED 1 /* an age-restricted workflow: the picture goes into such a channel only  \
			  */

/* job_row.priority: the numbers are stored. */
#define ROW_EVERYONE	  0
#define ROW_ADMINISTRATOR 1
#define ROW_BOOSTER	  2

/* job_row.slot: the whole prompt is this job's; the same, and it shares with nobody any more. */
#define JOB_WHOLE 0
#define JOB_ALONE (-1)

/* How many passes the job's pictures take, and how many pictures the part (from 0) has. */
int job_row_parts(const struct job_row *row);
int job_row_part_pictures(const struct job_row *row, int part);
/* What the ComfyUI knows a part by: the row's prompt_id is the first one's, and tells the others'. */
void job_row_prompt_id(const struct job_row *row, int part, char ret[UUID_SIZE]);

void job_row_free(struct job_row *row);
void job_row_copy(struct job_row *dst, const struct job_row *src);

/* What was learned of a workflow (model) on a card; "": of the card. The texts are owned. */
struct learned_row {
	char *card, *model, *value;
};
void learned_row_free(struct learned_row *row);

struct session_row {
	uint64_t user_id, guild_id, channel_id;
	int64_t active_ms;
	int64_t warned_ms; /* when its end was announced since then; 0: it was not */
	int flags;	   /* SESSION_* below */
};

/* session_row.flags */
#define SESSION_AGE_RESTRICTED 1 /* the channel is marked as age-restricted */
#define SESSION_THREAD	       2 /* it is a private thread: the server has no room for a channel */
#define SESSION_ERASE	       4 /* the member asked for all to be erased */
#define SESSION_OLD_WARNING    8 /* one that was called off may still stand in the channel */

#endif
