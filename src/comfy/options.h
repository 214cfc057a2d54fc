/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_COMFY_OPTIONS_H
#define FULLET_COMFY_OPTIONS_H

#include "comfy/workflow.h"

/*
 * What a member chose besides the model and the prompt, as it stands in a job's row: a JSON object
 * of texts, {"size":"1344x768","steps":"30"}. A row may be older than the workflow file, or newer
 * than this program: so reading never fails, and whether a workflow takes it is asked anew each
 * time. The seed is not among them, it has a column of its own.
 */
struct options {
	char *text[FIELD_COUNT_OF]; /* owned; NULL: not chosen */
};

/* The option's name in commands and in rows; NULL for a field that is no option. */
const char *option_name(enum workflow_field field);

/* What is no object, an option that is not known or a value that is no text is left out. text may
 * be NULL. The caller frees with options_free(). */
void options_read(const char *text, struct options *ret);
/* NULL when nothing was chosen. The caller owns it. */
char *options_text(const struct options *o);
void options_free(struct options *o);
void options_set(struct options *o, enum workflow_field field, const char *text);

/* How many pictures it asks for, 1 to WORKFLOW_COUNT_MAX. */
int options_count(const struct options *o);

enum options_fault {
	OPTIONS_FIT,
	OPTIONS_NO_INPUT, /* the workflow has nothing to set */
	OPTIONS_RANGE,	  /* not among what it takes */
};
/* The first one that the workflow cannot serve is told in *ret_field. Whether a server has a LoRA
 * is not known here. */
enum options_fault options_check(
	const struct workflow *wf, const struct options *o, enum workflow_field *ret_field);
/* Sets what was chosen and can be. What it sets is borrowed from the options. */
void options_fill(const struct workflow *wf, const struct options *o, struct workflow_fill *fill);

/* A picture's pixels times its steps, with what was chosen (NULL: nothing); 0 when the graph tells
 * neither. It compares pictures of one workflow with each other. */
int64_t workflow_work(const struct workflow *wf, const struct options *o);

/* The least and the most that the workflow takes, as texts ("1" and "50", "64x64" and
 * "2048x2048"); false for a field that has no such ends. */
bool workflow_ends(
	const struct workflow *wf, enum workflow_field field, char min[24], char max[24]);
/* A seed as people type it: decimal or with 0x, blanks around and thousands apart by blanks, commas
 * or underscores. -EINVAL when it is none or has more than 64 bits. */
int seed_parse(const char *text, uint64_t *ret);

#endif
