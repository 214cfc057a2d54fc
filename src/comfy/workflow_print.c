/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "comfy/workflow_graph.h"

/* What was understood, for a program. workflow_table.c has it for a person. */

static struct json_object *strings(char *const *list, size_t n)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < n; i++)
		json_object_array_add(array, json_object_new_string(list[i]));
	return array;
}

static void add_inputs(
	struct json_object *doc, const char *name, const struct workflow_inputs *list, bool files)
{
	struct json_object *array = json_object_new_array();

	for (size_t k = 0; k < list->n; k++) {
		struct json_object *one = json_object_new_object();

		json_add_str(one, "node", list->at[k].node);
		json_add_str(one, "input", list->at[k].input);
		if (list->at[k].picture)
			json_add_int(one, "picture", list->at[k].picture);
		if (files)
			json_add_str(one, "file", list->at[k].file);
		json_object_array_add(array, one);
	}
	json_add(doc, name, array);
}

/* The text keeps 0.1 what it is. */
static struct json_object *number(double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.6g", value);
	return json_object_new_double_s(value, text);
}

static void add_range(struct json_object *doc, const char *name, const struct workflow_range *range)
{
	struct json_object *one = json_object_new_object();

	if (range->value)
		json_add(one, "default",
			json_object_new_double_s(strtod(range->value, NULL), range->value));
	json_add(one, "min", number(range->min));
	json_add(one, "max", number(range->max));
	json_add(one, "step", number(range->step));
	json_add_bool(one, "sidecar", range->given);
	json_add(doc, name, one);
}

static struct json_object *ranges(const struct workflow *wf)
{
	struct json_object *doc = json_object_new_object();

	add_range(doc, "width", &wf->width_range);
	add_range(doc, "height", &wf->height_range);
	add_range(doc, "steps", &wf->steps_range);
	add_range(doc, "cfg", &wf->cfg_range);
	add_range(doc, "count", &wf->count_range);
	return doc;
}

static struct json_object *roles(const struct workflow *wf)
{
	struct json_object *array = json_object_new_array();
	char text[24];

	for (size_t i = 0; i < wf->n_roles; i++) {
		snprintf(text, sizeof(text), "%" PRIu64, wf->roles[i]);
		json_object_array_add(array, json_object_new_string(text));
	}
	return array;
}

/* What was promised first comes first, in its order. */
struct json_object *workflow_json(const struct workflow *wf)
{
	struct json_object *doc = json_object_new_object();

	json_add_str(doc, "title", wf->title);
	add_inputs(doc, "prompt", &wf->prompt, false);
	add_inputs(doc, "negative", &wf->negative, false);
	add_inputs(doc, "seed", &wf->seed, false);
	add_inputs(doc, "width", &wf->width, false);
	add_inputs(doc, "height", &wf->height, false);
	add_inputs(doc, "steps", &wf->steps, false);
	add_inputs(doc, "cfg", &wf->cfg, false);
	add_inputs(doc, "batch", &wf->batch, false);
	add_inputs(doc, "image", &wf->image, false);
	add_inputs(doc, "models", &wf->models, true);
	add_inputs(doc, "lora", &wf->lora, true);
	json_add(doc, "outputs", strings(wf->outputs, wf->n_outputs));
	json_add(doc, "problems", strings(wf->problems, wf->n_problems));
	json_add(doc, "warnings", strings(wf->warnings, wf->n_warnings));
	json_add_str(doc, "name", wf->name);
	json_add_str(doc, "title_es", workflow_title_in(wf, true));
	if (wf->description) {
		json_add_str(doc, "description", wf->description);
		json_add_str(doc, "description_es", workflow_description_in(wf, true));
	}
	json_add_str(doc, "kind", wf->kind == WORKFLOW_EDIT ? "edit" : "imagine");
	json_add_bool(doc, "sidecar", wf->sidecar);
	json_add_int(doc, "vram_bytes", wf->vram_bytes);
	json_add_bool(doc, "age_restricted", wf->age_restricted);
	json_add(doc, "roles", roles(wf));
	add_inputs(doc, "lora_at", &wf->lora_at, false);
	json_add(doc, "ranges", ranges(wf));
	add_inputs(doc, "texts", &wf->texts, false);
	json_add_int(doc, "shares", wf->shares);
	json_add_bool(doc, "own_seeds", wf->own_seeds);
	if (wf->negative_value)
		json_add_str(doc, "negative_default", wf->negative_value);
	return doc;
}
