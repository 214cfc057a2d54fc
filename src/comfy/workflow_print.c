/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "comfy/workflow_graph.h"

struct row {
	const char *name;
	const struct workflow_inputs *list;
	bool files;
};

#define ROWS 11

static void rows(const struct workflow *wf, struct row row[ROWS])
{
	const struct row all[ROWS] = {
		{"prompt", &wf->prompt, false},
		{"negative", &wf->negative, false},
		{"seed", &wf->seed, false},
		{"width", &wf->width, false},
		{"height", &wf->height, false},
		{"steps", &wf->steps, false},
		{"cfg", &wf->cfg, false},
		{"batch", &wf->batch, false},
		{"image", &wf->image, false},
		{"models", &wf->models, true},
		{"lora", &wf->lora, true},
	};

	memcpy(row, all, sizeof(all));
}

static struct json_object *strings(char *const *list, size_t n)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < n; i++)
		json_object_array_add(array, json_object_new_string(list[i]));
	return array;
}

struct json_object *workflow_json(const struct workflow *wf)
{
	struct json_object *doc = json_object_new_object();
	struct row row[ROWS];

	rows(wf, row);
	json_add_str(doc, "title", wf->title);
	for (size_t i = 0; i < ROWS; i++) {
		struct json_object *array = json_object_new_array();

		for (size_t k = 0; k < row[i].list->n; k++) {
			const struct workflow_input *at = &row[i].list->at[k];
			struct json_object *one = json_object_new_object();

			json_add_str(one, "node", at->node);
			json_add_str(one, "input", at->input);
			if (row[i].files)
				json_add_str(one, "file", at->file);
			json_object_array_add(array, one);
		}
		json_add(doc, row[i].name, array);
	}
	json_add(doc, "outputs", strings(wf->outputs, wf->n_outputs));
	json_add(doc, "problems", strings(wf->problems, wf->n_problems));
	return doc;
}

/* What the input holds in the file, for a person: texts and numbers. */
static const char *shown(
	const struct workflow *wf, const struct workflow_input *at, char *dst, size_t size)
{
	struct json_object *value =
		json_member(json_member(json_member(wf->graph, at->node), "inputs"), at->input);

	if (at->file)
		return printable(dst, size, at->file);
	if (!value)
		return "";
	return printable(dst, size,
		json_object_to_json_string_ext(
			value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

char *workflow_describe(const struct workflow *wf)
{
	struct buf b = BUF(16 * MIB);
	struct row row[ROWS];
	char text[80], node[64], input[64], class[64];

	rows(wf, row);
	buf_printf(&b, "%s: %s, for %s\n", wf->name, wf->title,
		wf->kind == WORKFLOW_EDIT ? "/edit" : "/imagine");
	for (size_t i = 0; i < ROWS; i++)
		for (size_t k = 0; k < row[i].list->n; k++) {
			const struct workflow_input *at = &row[i].list->at[k];
			const char *kind = json_str(json_member(wf->graph, at->node), "class_type");

			buf_printf(&b, "  %-9s node %s (%s), %s: %s\n", row[i].name,
				printable(node, sizeof(node), at->node),
				printable(class, sizeof(class), kind ? kind : "?"),
				printable(input, sizeof(input), at->input),
				shown(wf, at, text, sizeof(text)));
		}
	for (size_t i = 0; i < wf->n_outputs; i++) {
		const char *kind = json_str(json_member(wf->graph, wf->outputs[i]), "class_type");

		buf_printf(&b, "  %-9s node %s (%s)\n", "output",
			printable(node, sizeof(node), wf->outputs[i]),
			printable(class, sizeof(class), kind ? kind : "?"));
	}
	for (size_t i = 0; i < wf->n_problems; i++)
		buf_printf(&b, "  problem   %s\n", wf->problems[i]);
	return buf_take(&b);
}
