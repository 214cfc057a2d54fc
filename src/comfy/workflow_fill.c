/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "comfy/workflow_graph.h"

/* Filling a graph in: what a job says, else the sidecar's defaults, else what stands there. */

static void set_input(
	struct json_object *graph, const char *node, const char *input, struct json_object *value)
{
	struct json_object *inputs = json_member(json_member(graph, node), "inputs");

	/* Replaces in place: the order of the members stays. */
	if (json_object_is_type(inputs, json_type_object))
		json_add(inputs, input, value);
	else
		json_put(&value);
}

static void set_strings(
	struct json_object *graph, const struct workflow_inputs *list, const char *text)
{
	for (size_t i = 0; text && i < list->n; i++)
		set_input(graph, list->at[i].node, list->at[i].input, json_object_new_string(text));
}

/* The text stays as it is: 7.50 does not become 7.5, nor 0.1 a row of digits. */
static void set_numbers(
	struct json_object *graph, const struct workflow_inputs *list, const char *text)
{
	if (!text || !is_number_text(text))
		return;
	for (size_t i = 0; i < list->n; i++)
		set_input(graph, list->at[i].node, list->at[i].input,
			strchr(text, '.') ? json_object_new_double_s(strtod(text, NULL), text)
					     : json_object_new_int64(strtoll(text, NULL, 10)));
}

static void set_whole(struct json_object *graph, const struct workflow_inputs *list,
	const struct workflow_range *range, int chosen)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", chosen);
	set_numbers(graph, list, chosen > 0 ? text : range ? range->value : NULL);
}

/* An owner who wants no LoRA unless one is chosen leaves the loader in with strength 0. */
static void wake_strength(struct json_object *inputs)
{
	static const char *const names[] = {
		"strength", "strength_model", "strength_clip", "lora_strength"};

	for (size_t i = 0; i < countof(names); i++) {
		struct json_object *at = json_member(inputs, names[i]);
		bool number = json_object_is_type(at, json_type_int) ||
			      json_object_is_type(at, json_type_double);

		if (number && json_object_get_double(at) == 0)
			json_add(inputs, names[i], json_object_new_double_s(1, "1.0"));
	}
}

static void set_lora(struct json_object *graph, const struct workflow *wf, const char *file)
{
	struct json_object *inputs, *row;

	if (!file || wf->lora_at.n == 0)
		return;
	inputs = json_member(json_member(graph, wf->lora_at.at[0].node), "inputs");
	row = json_member(inputs, wf->lora_at.at[0].input);
	if (!json_object_is_type(row, json_type_object)) {
		set_input(graph, wf->lora_at.at[0].node, wf->lora_at.at[0].input,
			json_object_new_string(file));
		wake_strength(inputs);
		return;
	}
	/* Power Lora Loader (rgthree): {"on": true, "lora": "x.safetensors", "strength": 1} */
	json_add_bool(row, "on", true);
	json_add_str(row, "lora", file);
	wake_strength(row);
}

bool workflow_lora_loader(
	const struct workflow *wf, const char **ret_class, const char **ret_input)
{
	const char *class = wf->lora_at.n ? json_str(json_member(wf->graph, wf->lora_at.at[0].node),
						    "class_type")
					  : NULL;

	if (!class)
		return false;
	*ret_class = class;
	*ret_input = wf->lora_at.at[0].input;
	return true;
}

static void set_prefix(struct json_object *graph, const struct workflow *wf, const char *prefix)
{
	for (size_t i = 0; prefix && i < wf->n_outputs; i++) {
		struct json_object *inputs =
			json_member(json_member(graph, wf->outputs[i]), "inputs");

		if (json_member(inputs, "filename_prefix"))
			json_add_str(inputs, "filename_prefix", prefix);
	}
}

/* Each picture's own text; a picture that nobody asked for gets none. */
static void set_prompts(
	struct json_object *graph, const struct workflow *wf, const struct workflow_fill *fill)
{
	for (size_t i = 0; i < wf->prompt.n; i++) {
		const struct workflow_input *at = &wf->prompt.at[i];
		bool asked = at->picture >= 1 && at->picture <= fill->n_prompts;

		set_input(graph, at->node, at->input,
			json_object_new_string(asked ? fill->prompts[at->picture - 1] : ""));
	}
}

static void set_seeds(
	struct json_object *graph, const struct workflow *wf, const struct workflow_fill *fill)
{
	for (size_t i = 0; i < wf->seed.n; i++) {
		const struct workflow_input *at = &wf->seed.at[i];
		int nth = max_of(at->picture - 1, 0);
		uint64_t seed = fill->seed + (uint64_t)nth;

		if (fill->seeds)
			seed = fill->seeds[nth < fill->n_prompts ? nth : 0];
		set_input(graph, at->node, at->input,
			json_object_new_uint64(workflow_seed(wf, seed)));
	}
}

uint64_t workflow_seed(const struct workflow *wf, uint64_t drawn)
{
	return wf->seed_max == UINT64_MAX ? drawn : drawn % (wf->seed_max + 1);
}

char *workflow_fill(const struct workflow *wf, const struct workflow_fill *fill)
{
	cleanup(json_put) struct json_object *graph = NULL;
	int n = fill->prompts ? fill->n_prompts : 1;

	/* The default shallow copy keeps unsigned integers and the text of floats. */
	if (!wf->graph || json_object_deep_copy(wf->graph, &graph, NULL) < 0)
		return xstrdup("{}");
	if (fill->prompts)
		set_prompts(graph, wf, fill);
	else
		set_strings(graph, &wf->prompt, fill->prompt);
	set_strings(graph, &wf->negative, fill->negative ? fill->negative : wf->negative_value);
	set_strings(graph, &wf->image, fill->image);
	set_seeds(graph, wf, fill);
	set_whole(graph, &wf->width, &wf->width_range, fill->width);
	set_whole(graph, &wf->height, &wf->height_range, fill->height);
	set_whole(graph, &wf->steps, &wf->steps_range, fill->steps);
	set_whole(graph, &wf->batch, NULL, fill->prompts ? n : fill->count);
	/* ComfyUI repeats a conditioning that is alone for all pictures. */
	set_whole(graph, &wf->texts, NULL, n);
	set_numbers(graph, &wf->cfg, fill->cfg ? fill->cfg : wf->cfg_range.value);
	set_lora(graph, wf, fill->lora);
	set_prefix(graph, wf, fill->filename_prefix);
	return json_text(graph);
}

/* A number that stands for both sides, as in a graph of squares, cannot take two values. */
static bool has_size(const struct workflow *wf)
{
	for (size_t i = 0; i < wf->width.n; i++)
		if (inputs_have(&wf->height, wf->width.at[i].node, wf->width.at[i].input))
			return false;
	return wf->width.n > 0 && wf->height.n > 0;
}

bool workflow_accepts(const struct workflow *wf, enum workflow_field field)
{
	switch (field) {
	case FIELD_PROMPT:
		return wf->prompt.n > 0;
	case FIELD_NEGATIVE:
		return wf->negative.n > 0;
	case FIELD_SEED:
		return wf->seed.n > 0;
	case FIELD_SIZE:
		return has_size(wf);
	case FIELD_STEPS:
		return wf->steps.n > 0;
	case FIELD_CFG:
		return wf->cfg.n > 0;
	case FIELD_COUNT:
		return wf->batch.n > 0;
	case FIELD_LORA:
		return wf->lora_at.n > 0;
	case FIELD_IMAGE:
		return wf->image.n > 0;
	case FIELD_COUNT_OF:
		break;
	}
	return false;
}
