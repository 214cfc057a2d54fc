/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_COMFY_HISTORY_H
#define FULLET_COMFY_HISTORY_H

#include <json-c/json.h>

#include "base/defs.h"
#include "base/limits.h"

/* Reading /history/{id} and /queue. */

enum history_outcome {
	HISTORY_NONE, /* {}: waiting, running, unknown, deleted, or forgotten by a restart */
	HISTORY_FINISHED,
	HISTORY_FAILED,	     /* text, out_of_memory */
	HISTORY_INTERRUPTED, /* ComfyUI calls that an error, too; only the last message tells */
};

/* A file that a run saved. Owned strings. */
struct output_file {
	char *filename;
	char *subfolder; /* never NULL */
};

/* Those of a pass, and one more to see that there are more. */
#define HISTORY_FILES_MAX (BATCH_MAX + 1)

struct history {
	enum history_outcome outcome;
	char *text;
	bool out_of_memory;
	bool machine; /* it failed by the machine's fault: comfy/failure.h */
	int64_t run_ms; /* FINISHED: from its start to its end, by the server's clock; 0: not told */
	struct output_file files[HISTORY_FILES_MAX];
	size_t n_files; /* those of type "output"; further ones are left out */
};

/* -EINVAL when it is no history at all. The caller frees with history_free(). */
int history_read(struct json_object *doc, const char *prompt_id, struct history *ret);
void history_free(struct history *history);
/* Drops files from the end until there are n. */
void history_cut(struct history *history, size_t n);

/* The text of an execution_error for a member: one line, never a traceback; owned. */
char *error_text(struct json_object *data, bool *ret_out_of_memory);

enum queue_place { QUEUE_ABSENT, QUEUE_PENDING, QUEUE_RUNNING };

struct queue_item {
	enum queue_place place;
	const char *client_id;	   /* of whom it was submitted; may be NULL; borrowed */
	struct json_object *graph; /* borrowed; may be NULL */
	const char *runs;	   /* the id of the prompt that runs now; may be NULL; borrowed */
};
/* -EINVAL when it is no queue at all. */
int queue_find(struct json_object *doc, const char *prompt_id, struct queue_item *ret);

#endif
