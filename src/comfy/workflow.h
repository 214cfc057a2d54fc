/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_COMFY_WORKFLOW_H
#define FULLET_COMFY_WORKFLOW_H

#include <json-c/json.h>

#include "base/defs.h"

/*
 * A workflow in ComfyUI's API format, understood by walking its graph from the
 * output nodes back to the samplers and from there along the inputs named
 * positive/negative/conditioning to the texts; never by node number. Node ids are
 * opaque strings.
 */

enum workflow_kind { WORKFLOW_IMAGINE, WORKFLOW_EDIT };

/* An input of a node that we may read or set. Strings are owned by the workflow. */
struct workflow_input {
	char *node;
	char *input;
	char *file; /* models and LoRAs: the file named there; else NULL */
	int picture; /* of a pass: this one's (1..) alone; 0: every picture's */
};

struct workflow_inputs {
	struct workflow_input *at;
	size_t n;
	bool given; /* by the sidecar: what the graph suggests is not added */
};

/* What a job can say about a workflow. */
enum workflow_field {
	FIELD_PROMPT,
	FIELD_NEGATIVE,
	FIELD_SEED,
	FIELD_SIZE,
	FIELD_STEPS,
	FIELD_CFG,
	FIELD_COUNT,
	FIELD_LORA,
	FIELD_IMAGE,
	FIELD_COUNT_OF, /* how many there are */
};

/* What a number may be. Always filled in: from the sidecar file, else from what is reasonable and
 * what stands in the graph. */
struct workflow_range {
	double min, max, step;
	char *value; /* the sidecar's default, the text of a number; NULL: what stands in the graph */
	bool given;  /* the sidecar says something about it */
};

struct workflow {
	char *name;   /* the file's name without .json: what Discord sends as the option's value */
	char *file;   /* the file's name to be shown, if whoever read it has said; else NULL */
	char *title;  /* "Flux (Schnell)"; members see workflow_title_in() */
	char *title_es;                     /* NULL: the same */
	char *description, *description_es; /* one line; NULL: none, or the same */
	enum workflow_kind kind;
	int64_t vram_bytes;  /* what a card needs; 0: not told */
	bool age_restricted; /* only from, and into, age-restricted channels */
	uint64_t *roles;     /* who may use it: any of these; none: everybody */
	size_t n_roles;
	struct workflow_range width_range, height_range, steps_range, cfg_range, count_range;
	char *negative_value; /* the sidecar's default; NULL: what stands in the graph */
	struct json_object *graph; /* owned, as it was read: key order, 64-bit integers and the text
				      of floats kept */
	struct workflow_inputs prompt, negative, seed, width, height, steps, cfg, batch, image;
	struct workflow_inputs texts; /* how many texts a batch encoder takes */
	struct workflow_inputs models, lora;
	struct workflow_inputs lora_at; /* where a chosen LoRA goes; at most one */
	uint64_t seed_max; /* the largest seed that every seed input takes; mostly UINT64_MAX */
	int shares;   /* prompts of different members that one pass can draw; 1: it cannot */
	int pass_max; /* pictures of one pass, as far as the graph limits them */
	bool own_seeds; /* each picture of a pass has its own seed; else one seed is the pass's */
	bool no_share;	/* the sidecar wants it so */
	char **outputs; /* ids of output nodes that save something */
	size_t n_outputs;
	char **problems; /* sentences, each with the node; not empty = refused */
	size_t n_problems;
	char **warnings; /* sentences about what is probably a mistake, but does no harm */
	size_t n_warnings;
	bool sidecar; /* there was one */
};

/*
 * Understands a workflow. `name` is the file name without folder and without
 * ".json". Never fails: what was wrong is in `problems` ("node 12 (KSampler): ...").
 * The caller frees with workflow_free().
 */
struct workflow *workflow_read(const char *name, const char *text, size_t len);
/* The same with the owner's word on it, the file NAME.meta.json (docs/WORKFLOWS.md). `meta` may be
 * NULL. What is wrong in it is a problem of the workflow. */
struct workflow *workflow_read_with(
	const char *name, const char *text, size_t len, const char *meta, size_t meta_len);
/* One that is refused for a reason that its reader has found, such as that it cannot be read. */
struct workflow *workflow_refused(const char *name, const char *why);
/* Adds a sentence to the warnings. */
void workflow_warn(struct workflow *wf, const char *sentence);
struct workflow *workflow_free(struct workflow *wf); /* returns NULL */
/* True when it can be used: no problems. */
bool workflow_usable(const struct workflow *wf);

/* Does the graph have an input for it? */
bool workflow_accepts(const struct workflow *wf, enum workflow_field field);
/* In the member's language. Borrowed; the description may be NULL. */
const char *workflow_title_in(const struct workflow *wf, bool spanish);
const char *workflow_description_in(const struct workflow *wf, bool spanish);
/* May somebody with these roles use it? */
bool workflow_allows(const struct workflow *wf, const uint64_t *roles, size_t n_roles);
/* What a member typed as cfg, steps or count: the text of one finite number within the range (for
 * the last two a whole one). workflow_fill() takes just these texts. */
bool workflow_number_fits(const struct workflow *wf, enum workflow_field field, const char *text);
/*
 * "16:9" is a shape: the workflow's own number of pixels in that shape, as far as its ranges allow.
 * "1024x768" is exact but for the rounding to what models take (the ranges' step). False when
 * it is neither, does not fit, or the workflow has no size that can be set.
 */
bool size_parse(const char *text, const struct workflow *wf, int *ret_width, int *ret_height);
/* The size that it draws when nothing else is asked for; false when the graph does not tell. */
bool workflow_size(const struct workflow *wf, int *ret_width, int *ret_height);

/* The number of steps, or the cfg, when nothing else is asked for, as a text; false as above. */
bool workflow_default(const struct workflow *wf, enum workflow_field field, char text[24]);

/*
 * What to set. NULL and 0 leave what stands in the sidecar as default, or else in the graph. What the
 * graph has no input for is left out; ask workflow_accepts() before.
 */
struct workflow_fill {
	const char *prompt;
	const char *const *prompts; /* of a pass that members share, n_prompts of them (at most
				       `shares`), a picture for each; NULL: `prompt` is meant */
	const uint64_t *seeds;	    /* one for each of them; the first is the pass's where a picture
				       has none of its own */
	int n_prompts;
	const char *negative;
	uint64_t seed;
	int width, height;
	int steps;
	const char *cfg; /* the text of a number, which goes into the graph as it is */
	int count;       /* pictures of one run: the size of the latent's batch */
	const char *lora; /* the file's name as the server has it, for the first loader */
	const char *filename_prefix; /* put into the output nodes, so that a file on the server
					names the job; NULL: left as it is */
	const char *image;           /* name of an uploaded picture, NULL: none */
};
/* The seed that a graph filled with `drawn` really gets: the same, except where an input takes
 * less than 64 bits (then drawn % (seed_max + 1)). */
uint64_t workflow_seed(const struct workflow *wf, uint64_t drawn);
/* The graph as text with the prompt, the seed (into every seed input) and so on set. Owned by
 * the caller. The workflow is unchanged. */
char *workflow_fill(const struct workflow *wf, const struct workflow_fill *fill);
/* Reads a literal integer input of the graph; 0 when there is none or it is a link. */
int64_t workflow_number(const struct workflow *wf, const struct workflow_inputs *which);

/* What `fullet workflow FILE` prints: JSON as the issue gives it (owned), or lines for a person. */
struct json_object *workflow_json(const struct workflow *wf);
char *workflow_describe(const struct workflow *wf);

/*
 * Compares with a server's /object_info: a sentence for each missing node class
 * (with the custom node package if it is a known one, e.g. the GGUF nodes) and each
 * model file that the server does not have (with the nearest names that it does
 * have). Returns an owned array of owned strings, *ret_n long (0: all in order, NULL).
 */
char **workflow_check(const struct workflow *wf, struct json_object *object_info, size_t *ret_n);

/* The texts that an input of a node may have, from the class's entry in /object_info; borrowed, NULL
 * when it is no choice. */
struct json_object *workflow_choices(struct json_object *class_info, const char *input);
/* Class and input of the loader that a chosen LoRA goes into; borrowed. False when there is none. */
bool workflow_lora_loader(
	const struct workflow *wf, const char **ret_class, const char **ret_input);

/* The names of the files that the graph loads, sorted, each once and on a line: graphs with the same
 * text find what they need on a card that ran one of them. Owned; NULL when it loads none. */
char *workflow_weights(const struct workflow *wf);

/*
 * The workflows of a folder's files, sorted by title. Reading files is the shell's
 * work: it adds each and then looks them up.
 */
struct workflow_set;
struct workflow_set *workflow_set_new(void);
struct workflow_set *workflow_set_free(struct workflow_set *set);
/* Takes ownership, usable or not. Only usable ones are found below. */
void workflow_set_add(struct workflow_set *set, struct workflow *wf);
/*
 * While the bot runs. Takes ownership. A usable workflow takes the place of the one of this name; a
 * refused one does so only when the old one was refused too: else it is dropped and the old one goes
 * on. True when what is found under the name is now `wf`.
 */
bool workflow_set_replace(struct workflow_set *set, struct workflow *wf);
/* False when there is none of this name. */
bool workflow_set_remove(struct workflow_set *set, const char *name);
const struct workflow *workflow_set_find(const struct workflow_set *set, const char *name);
/* By index over usable ones of the kind, sorted by title; NULL past the end. */
const struct workflow *workflow_set_at(const struct workflow_set *set, enum workflow_kind kind,
	size_t i);
/* How many usable ones of the kind there are. */
size_t workflow_set_count(const struct workflow_set *set, enum workflow_kind kind);
/* Over all, refused ones included; NULL past the end. */
const struct workflow *workflow_set_all(const struct workflow_set *set, size_t i);
/*
 * What a member typed as model: an exact name or title (any case, either language), else the
 * only one whose title contains it; NULL when none or several fit.
 */
const struct workflow *workflow_set_match(const struct workflow_set *set, enum workflow_kind kind,
	const char *typed);

#endif
