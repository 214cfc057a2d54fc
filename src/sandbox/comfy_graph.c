/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/comfy_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* How deep and how wide a search through a graph goes. */
#define DEPTH_MAX  200
#define VISITS_MAX 2000

struct json_object *cw_node_input(struct json_object *graph, const char *node, const char *input)
{
	return json_member(json_member(json_member(graph, node), "inputs"), input);
}

const char *cw_link(struct json_object *value)
{
	if (!json_object_is_type(value, json_type_array) || json_len(value) != 2)
		return NULL;
	return json_str(value, "0");
}

const struct node_class *cw_class_of(struct json_object *graph, const char *node)
{
	return cw_node_find(json_str(json_member(graph, node), "class_type"));
}

/* ---- signatures: equal for nodes that compute the same from the same ---- */

static uint64_t hash_bytes(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

static uint64_t hash_text(uint64_t h, const char *text)
{
	return hash_bytes(h, text, strlen(text) + 1);
}

uint64_t cw_signature(
	struct comfy_world *w, struct json_object *graph, const char *node, struct node_sig **sigs)
{
	const struct node_class *c = cw_class_of(graph, node);
	struct node_sig *known;
	uint64_t h = 0xcbf29ce484222325u;

	HASH_FIND_STR(*sigs, node, known);
	if (known)
		return known->sig;
	if (!c)
		return 0;
	h = hash_text(h, c->name);
	for (const struct node_input *in = c->in; in->value != VALUE_END; in++) {
		struct json_object *value = cw_node_input(graph, node, in->name);
		const char *from = cw_link(value);

		h = hash_text(h, in->name);
		if (from) {
			uint64_t sig = cw_signature(w, graph, from, sigs);

			h = hash_bytes(h, &sig, sizeof(sig));
		}
		h = hash_text(h, from ? json_object_get_string(json_object_array_get_idx(value, 1))
				      : json_object_to_json_string(value));
		if (in->value == VALUE_IMAGE) {
			struct cw_file *f = cw_file_named(w, json_object_get_string(value));

			h = f ? hash_bytes(h, f->data, f->len) : h;
		}
	}
	known = xcalloc(1, sizeof(*known));
	known->id = node;
	known->sig = h;
	HASH_ADD_KEYPTR(hh, *sigs, known->id, strlen(known->id), known);
	return h;
}

void cw_sigs_free(struct node_sig **sigs)
{
	struct node_sig *s, *next;

	HASH_ITER(hh, *sigs, s, next)
	{
		HASH_DEL(*sigs, s);
		free(s);
	}
}

/* ---- what a picture is asked to be ---- */

struct size {
	double width, height;
	int batch;
};

static struct size size_of(
	struct comfy_world *w, struct json_object *graph, const char *node, int depth);

/* A number, or what the linked node gives: a primitive's value, a side of a picture. */
static double number_of(struct comfy_world *w, struct json_object *graph, const char *node,
	const char *input, double otherwise, int depth)
{
	struct json_object *value = cw_node_input(graph, node, input);
	const char *from = cw_link(value);
	const struct node_class *c = from ? cw_class_of(graph, from) : NULL;
	struct size size;

	if (!value || depth > DEPTH_MAX)
		return otherwise;
	if (!from)
		return json_object_is_type(value, json_type_array) ? otherwise
								   : json_object_get_double(value);
	if (c && str_eq(c->name, "GetImageSize")) {
		size = size_of(w, graph, from, depth + 1);
		return json_int(value, "1", 0) ? size.height : size.width;
	}
	return number_of(w, graph, from, "value", otherwise, depth + 1);
}

/* Follows one chain from a node to what gives it its size. */
static struct size size_of(
	struct comfy_world *w, struct json_object *graph, const char *node, int depth)
{
	static const char *const inwards[] = {
		"latent_image", "samples", "pixels", "images", "image", "latent", "image1"};
	struct size size = {1024, 1024, 1};
	struct json_object *picture = cw_node_input(graph, node, "image");
	double scale;

	if (depth > DEPTH_MAX)
		return size;
	if (cw_node_input(graph, node, "width") && cw_node_input(graph, node, "height")) {
		size.width = number_of(w, graph, node, "width", 1024, depth + 1);
		size.height = number_of(w, graph, node, "height", 1024, depth + 1);
		size.batch = (int)number_of(w, graph, node, "batch_size", 1, depth + 1);
		return size;
	}
	if (json_object_is_type(picture, json_type_string)) {
		struct cw_file *f = cw_file_named(w, json_object_get_string(picture));
		int width, height;

		if (f && cw_image_size(f->data, f->len, &width, &height)) {
			size.width = width;
			size.height = height;
		}
		return size;
	}
	for (size_t i = 0; i < countof(inwards); i++) {
		const char *from = cw_link(cw_node_input(graph, node, inwards[i]));

		if (!from)
			continue;
		size = size_of(w, graph, from, depth + 1);
		break;
	}
	if (cw_node_input(graph, node, "megapixels")) {
		scale = number_of(w, graph, node, "megapixels", 1, depth + 1) * 1048576;
		scale = sqrt(scale / max_of(size.width * size.height, 1.0));
		size.width *= scale;
		size.height *= scale;
	}
	scale = number_of(w, graph, node, "scale_by", 1, depth + 1);
	size.width *= scale;
	size.height *= scale;
	size.batch *= (int)number_of(w, graph, node, "amount", 1, depth + 1);
	return size;
}

/* Depth first along all links but those named negative, to the first input of one of the names. */
static struct json_object *search(struct json_object *graph, const char *node,
	const char *const *names, int depth, int *visits)
{
	const struct node_class *c = cw_class_of(graph, node);

	if (!c || depth > DEPTH_MAX || ++*visits > VISITS_MAX)
		return NULL;
	for (size_t i = 0; names[i]; i++) {
		struct json_object *value = cw_node_input(graph, node, names[i]);

		if (value && !json_object_is_type(value, json_type_array) &&
			*json_object_get_string(value))
			return value;
	}
	for (const struct node_input *in = c->in; in->value != VALUE_END; in++) {
		const char *from = cw_link(cw_node_input(graph, node, in->name));
		struct json_object *found;

		if (!from || str_eq(in->name, "negative") || str_eq(in->name, "clip"))
			continue;
		found = search(graph, from, names, depth + 1, visits);
		if (found)
			return found;
	}
	return NULL;
}

static int clamp(double value, int low, int high)
{
	return value >= low ? value <= high ? (int)value : high : low;
}

void cw_wish(struct comfy_world *w, struct json_object *graph, const char *node,
	struct picture_wish *ret)
{
	static const char *const texts[] = {
		"text", "t5xxl", "prompt", "text_g", "clip_l", "value", "text_1", NULL};
	static const char *const seeds[] = {"seed", "noise_seed", NULL};
	static const char *const pictures[] = {"image", NULL};
	struct size size = size_of(w, graph, node, 0);
	struct json_object *found;
	int visits = 0;

	ret->width = clamp(size.width, 16, 2048);
	ret->height = clamp(size.height, 16, 2048);
	ret->batch = clamp(size.batch, 1, 16);
	found = search(graph, node, seeds, 0, &visits);
	ret->seed = found ? json_object_get_uint64(found) : 0;
	visits = 0;
	found = search(graph, node, texts, 0, &visits);
	ret->prompt = json_object_is_type(found, json_type_string) && found
			      ? json_object_get_string(found)
			      : "";
	visits = 0;
	found = search(graph, node, pictures, 0, &visits);
	ret->base = json_object_is_type(found, json_type_string) && found
			    ? cw_file_named(w, json_object_get_string(found))
			    : NULL;
}

/* The batch encoder that the picture's words come from, or NULL. */
static const char *encoder_of(
	struct json_object *graph, const char *node, int depth, int *visits)
{
	const struct node_class *c = cw_class_of(graph, node);

	if (!c || depth > DEPTH_MAX || ++*visits > VISITS_MAX)
		return NULL;
	if (cw_node_input(graph, node, "text_1"))
		return node;
	for (const struct node_input *in = c->in; in->value != VALUE_END; in++) {
		const char *from = cw_link(cw_node_input(graph, node, in->name)), *found;

		if (!from || str_eq(in->name, "negative") || str_eq(in->name, "clip"))
			continue;
		found = encoder_of(graph, from, depth + 1, visits);
		if (found)
			return found;
	}
	return NULL;
}

/* The encoder gives as many conditionings as its batch_size says, beyond its texts of empty ones;
 * ComfyUI repeats them over the batch of the latent. */
const char *cw_prompt_of(struct json_object *graph, const char *node, int index)
{
	char name[24];
	int visits = 0, n;
	const char *encoder = encoder_of(graph, node, 0, &visits);
	struct json_object *text;

	if (!encoder)
		return NULL;
	n = max_of((int)number_of(NULL, graph, encoder, "batch_size", 1, 0), 1);
	snprintf(name, sizeof(name), "text_%d", index % n + 1);
	text = cw_node_input(graph, encoder, name);
	return json_object_is_type(text, json_type_string) && text ? json_object_get_string(text)
								   : "";
}

int cw_steps(struct json_object *graph, const char *sampler)
{
	const char *sigmas = cw_link(cw_node_input(graph, sampler, "sigmas"));
	double steps = number_of(NULL, graph, sigmas ? sigmas : sampler, "steps", 20, 0);
	double from = number_of(NULL, graph, sampler, "start_at_step", 0, 0);
	double to = number_of(NULL, graph, sampler, "end_at_step", 10000, 0);

	return clamp(min_of(steps, to) - from, 1, 10000);
}

struct json_object *cw_models(struct json_object *graph)
{
	struct json_object *models = json_object_new_array();

	json_object_object_foreach(graph, id, node)
	{
		const struct node_class *c = cw_class_of(graph, id);

		(void)node;
		for (const struct node_input *in = c ? c->in : NULL; in && in->value != VALUE_END;
			in++) {
			struct json_object *file = cw_node_input(graph, id, in->name);

			if (cw_input_is_model(in) && json_object_is_type(file, json_type_string))
				json_object_array_add(models, json_object_get(file));
		}
	}
	return models;
}
