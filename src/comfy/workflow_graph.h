/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_COMFY_WORKFLOW_GRAPH_H
#define FULLET_COMFY_WORKFLOW_GRAPH_H

#include <uthash.h>

#include "base/json.h"
#include "comfy/workflow.h"

/*
 * Private to the workflow_*.c files: a graph with its nodes numbered in the order
 * of the file, so that a walk is a loop over numbers and every result can be given
 * in that order. All strings and JSON values are borrowed from workflow.graph.
 */
enum { ROLE_POSITIVE = 1, ROLE_NEGATIVE = 2 };

struct node {
	const char *id;
	const char *class;
	const char *title; /* "" when there is none */
	struct json_object *inputs;
	bool live;    /* an output depends on it: only these are ever run */
	bool sampler; /* live, and draws from a prompt */
	bool near;    /* tells a sampler how to draw: guider, scheduler, noise */
	unsigned char seen_cond, seen_text; /* roles under which the prompt walk came by */
	UT_hash_handle hh;
};

struct graph {
	struct node *nodes;
	size_t n;
	struct node *by_id;
	struct workflow *wf; /* where problems go */
};

#define NODE_NONE    (-1) /* not a link */
#define NODE_MISSING (-2) /* a link to a node that is not there */

/* Reads wf->graph; what is no node is told in wf->problems and left out. */
void graph_read(struct graph *g, struct workflow *wf);
void graph_free(struct graph *g);
/* Links to nowhere and circles, told in wf->problems. */
void graph_check(struct graph *g);
/* The node that a value links to, NODE_NONE or NODE_MISSING. */
int graph_link(const struct graph *g, struct json_object *value);
int graph_find(const struct graph *g, const char *id);
/* Sets `live` for the given node and all that it depends on. */
void graph_mark_live(struct graph *g, size_t from);

#define LABEL_SIZE 200
/* "node 12 (KSampler)", safe to print whatever the file holds. Returns label. */
const char *graph_label(const struct graph *g, int i, char label[LABEL_SIZE]);
/* Copies a foreign string for a message: cut, control characters replaced. Returns dst. */
const char *printable(char *dst, size_t size, const char *text);

void workflow_problem(struct workflow *wf, const char *format, ...) printf_like(2, 3);
void workflow_warning(struct workflow *wf, const char *format, ...) printf_like(2, 3);
/* Adds an input unless it is there already. file may be NULL. */
void inputs_add(
	struct workflow_inputs *list, const char *node, const char *input, const char *file);
bool inputs_have(const struct workflow_inputs *list, const char *node, const char *input);

/* workflow_find.c: outputs, samplers, seeds, sizes, files. */
void find_outputs(struct graph *g);
void find_samplers(struct graph *g);
void find_numbers(struct graph *g);
void find_files(struct graph *g);
/* Where the number behind an input can be set: the input itself or, behind a link, the literal
 * of a primitive node. False when there is none. */
bool find_number(
	const struct graph *g, int node, const char *input, int *ret_node, const char **ret_input);
/* workflow_share.c: whether members' prompts can share a pass. After all others. */
void find_shares(struct graph *g);
/* Adds seed_1, seed_2, ... of noise that has one for each picture. */
void find_seed_rows(struct graph *g);
/* workflow_walk.c: from the samplers to the texts. */
void find_texts(struct graph *g);

/* workflow_names.c: what inputs and classes are called in ComfyUI and in common custom nodes. */
bool name_is_role(const char *name, int role);
bool name_is_conditioning(const char *name);
bool name_is_text(const char *name);
bool name_is_joined_text(const char *name); /* text_a, string1: one of several to be joined */
bool name_is_other_type(const char *name);  /* never leads to a prompt: model, vae, image, ... */
bool name_is_latent(const char *name);
bool name_is_sampling(const char *name);
bool name_is_model_file(const char *name);
bool name_is_lora(const char *name);
bool class_zeroes(const char *class);
bool class_saves(const char *class);
bool class_sends(const char *class); /* gives the picture away by WebSocket only */
bool class_loads_image(const char *class);
bool file_is_model(const char *file);
bool has_word(const char *text, const char *word); /* contains, without case */
/* The largest seed that ComfyUI's validation lets pass for an input of such a node. */
uint64_t seed_ceiling(const char *class, const char *input);
/* The custom node package (or a hint) that brings a class; NULL when unknown. */
const char *class_package(const char *class);

/* workflow_sidecar*.c. After the graph was taken and before it is understood. */
void sidecar_read(struct workflow *wf, const char *text, size_t len);
/* Once outputs are known: what the sidecar names must matter to one. */
void sidecar_check_nodes(struct graph *g);
/* Once all is known: what the sidecar says about inputs that are not there. */
void sidecar_check_options(struct workflow *wf);

/* workflow_range.c: fills in what nobody said about the ranges. */
void workflow_ranges(struct workflow *wf);
/* True for the text of one JSON number. */
bool is_number_text(const char *text);

/* workflow_title.c. The caller owns the result. */
char *workflow_title(const struct workflow *wf);
/* At most WORKFLOW_NAME_MAX characters of text, never half of one. The caller owns the result. */
char *title_cut(const char *text);

#endif
