/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_SANDBOX_COMFY_NODES_H
#define FULLET_SANDBOX_COMFY_NODES_H

#include <json-c/json.h>

#include "base/defs.h"

/*
 * The node classes that the sandbox's ComfyUI knows: what each takes and gives, as
 * ComfyUI's own nodes, ComfyUI-GGUF and a few common packages declare it.
 */
enum node_kind {
	NODE_PLAIN,
	NODE_LOADER,	 /* names model files */
	NODE_SAMPLER,	 /* takes steps */
	NODE_SAVE,	 /* writes a picture of type output */
	NODE_PREVIEW,	 /* writes a picture of type temp */
	NODE_LOAD_IMAGE, /* reads a file of type input */
};

enum node_value {
	VALUE_END, /* closes an array of inputs */
	VALUE_LINK,
	VALUE_INT,
	VALUE_FLOAT,
	VALUE_TEXT,
	VALUE_FLAG,
	VALUE_LIST,
	VALUE_IMAGE, /* a file of type input: the list is the folder's contents */
};

struct node_input {
	enum node_value value;
	const char *name;
	const char *type; /* of a link: "MODEL"; "*" takes all */
	const char *const *list;
	double otherwise, low, high; /* numbers; high of a seed is 2^64-1 */
	bool optional;
};

#define NODE_INPUTS_MAX 16

struct node_class {
	const char *name, *title, *category, *module;
	enum node_kind kind;
	struct node_input in[NODE_INPUTS_MAX];
	const char *out[6];
};

const struct node_class *cw_node_find(const char *name);
const struct node_class *cw_node_at(size_t i); /* NULL past the end */
static inline bool cw_node_is_output(const struct node_class *c)
{
	return c->kind == NODE_SAVE || c->kind == NODE_PREVIEW;
}
/* True when the input names a model file (its list is one of the folders'). */
bool cw_input_is_model(const struct node_input *in);
size_t cw_list_len(const char *const *list);
/* What /object_info tells of the class; `images` is the list for VALUE_IMAGE (borrowed). */
struct json_object *cw_node_info(const struct node_class *c, struct json_object *images);
/* The declaration of one input: ["INT",{"default":..}]; owned by the caller. */
struct json_object *cw_input_info(const struct node_input *in, struct json_object *images);

#endif
