/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "comfy/workflow_graph.h"

/* What was understood, as a table for a person at a terminal. */

enum column { FIELD, NODE, INPUT, VALUE, STANDARD, RANGE, SOURCE, COLUMNS };

/* Bytes of a cell: a value is cut, so that a row fits a line. */
#define CELL 48

struct row {
	char cell[COLUMNS][CELL];
};

struct table {
	struct row *rows;
	size_t n;
};

static struct row *row_add(struct table *t, const char *field)
{
	struct row *row;

	t->rows = xrealloc(t->rows, (t->n + 1) * sizeof(*t->rows));
	row = &t->rows[t->n++];
	*row = (struct row){0};
	str_copy(row->cell[FIELD], CELL, field);
	return row;
}

/* Columns of a terminal, but for characters that are wider than one. */
static int width_of(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void table_print(const struct table *t, struct buf *out)
{
	int widths[COLUMNS] = {0};

	for (size_t i = 0; i < t->n; i++)
		for (int c = 0; c < COLUMNS; c++)
			widths[c] = max_of(widths[c], width_of(t->rows[i].cell[c]));
	for (size_t i = 0; i < t->n; i++) {
		int gap = 0; /* blanks owed: none at a line's end */

		for (int c = 0; c < COLUMNS; c++) {
			const char *cell = t->rows[i].cell[c];

			if (*cell)
				(void)buf_printf(out, "%*s%s", gap, "", cell);
			gap = (*cell ? 0 : gap) + widths[c] - width_of(cell) + (widths[c] ? 2 : 0);
		}
		(void)buf_add_str(out, "\n");
	}
}

static void set_node(const struct workflow *wf, const char *id, struct row *row)
{
	const char *class = json_str(json_member(wf->graph, id), "class_type");
	char node[20], kind[CELL - 24];

	snprintf(row->cell[NODE], CELL, "%s (%s)", printable(node, sizeof(node), id),
		printable(kind, sizeof(kind), class ? class : "?"));
}

/* What the input holds in the file: texts and numbers. */
static void set_value(const struct workflow *wf, const struct workflow_input *at, struct row *row)
{
	struct json_object *value =
		json_member(json_member(json_member(wf->graph, at->node), "inputs"), at->input);
	const char *text =
		at->file ? at->file
		: value	 ? json_object_to_json_string_ext(
				   value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
			: "";
	char *cell = row->cell[VALUE];
	char cut[CELL - 3];

	printable(cell, CELL, text);
	if (strlen(cell) < strlen(text))
		snprintf(cell, CELL, "%s...", printable(cut, sizeof(cut), text));
}

static void set_range(const struct workflow_range *range, struct row *row)
{
	if (range->value)
		str_copy(row->cell[STANDARD], CELL, range->value);
	snprintf(row->cell[RANGE], CELL, "%g to %g, step %g", range->min, range->max, range->step);
}

static void add_list(struct table *t, const struct workflow *wf, const char *field,
	const struct workflow_inputs *list, const struct workflow_range *range)
{
	const char *source = list->given ? "sidecar" : "graph";

	if (list->n == 0)
		snprintf(row_add(t, field)->cell[NODE], CELL, "none");
	for (size_t i = 0; i < list->n; i++) {
		struct row *row = row_add(t, i ? "" : field);

		set_node(wf, list->at[i].node, row);
		printable(row->cell[INPUT], CELL, list->at[i].input);
		set_value(wf, &list->at[i], row);
		str_copy(row->cell[SOURCE], CELL, source);
		if (!range || i > 0)
			continue;
		set_range(range, row);
		snprintf(row->cell[SOURCE], CELL, "%s%s", source,
			range->given ? "; range: sidecar" : "");
	}
}

static void add_rows(struct table *t, const struct workflow *wf)
{
	static const char *const heads[COLUMNS] = {
		"FIELD", "NODE", "INPUT", "VALUE", "DEFAULT", "RANGE", "SOURCE"};
	struct row *head = row_add(t, "");
	size_t negative;

	for (int c = 0; c < COLUMNS; c++)
		str_copy(head->cell[c], CELL, heads[c]);
	add_list(t, wf, "prompt", &wf->prompt, NULL);
	negative = t->n;
	add_list(t, wf, "negative", &wf->negative, NULL);
	if (wf->negative_value)
		printable(t->rows[negative].cell[STANDARD], CELL / 2, wf->negative_value);
	add_list(t, wf, "seed", &wf->seed, NULL);
	add_list(t, wf, "width", &wf->width, &wf->width_range);
	add_list(t, wf, "height", &wf->height, &wf->height_range);
	add_list(t, wf, "steps", &wf->steps, &wf->steps_range);
	add_list(t, wf, "cfg", &wf->cfg, &wf->cfg_range);
	add_list(t, wf, "count", &wf->batch, &wf->count_range);
	if (wf->texts.n > 0)
		add_list(t, wf, "texts", &wf->texts, NULL);
	add_list(t, wf, "image", &wf->image, NULL);
	add_list(t, wf, "lora", &wf->lora_at, NULL);
	add_list(t, wf, "model file", &wf->models, NULL);
	add_list(t, wf, "lora file", &wf->lora, NULL);
	for (size_t i = 0; i < wf->n_outputs; i++)
		set_node(wf, wf->outputs[i], row_add(t, i ? "" : "output"));
	if (wf->n_outputs == 0)
		snprintf(row_add(t, "output")->cell[NODE], CELL, "none");
}

static void print_head(const struct workflow *wf, struct buf *out)
{
	char name[200];

	(void)buf_printf(out, "%s: %s, for %s\n", printable(name, sizeof(name), wf->name),
		wf->title, wf->kind == WORKFLOW_EDIT ? "/edit" : "/imagine");
	if (wf->file)
		(void)buf_printf(out, "file:            %s\n", wf->file);
	if (wf->title_es)
		(void)buf_printf(out, "in Spanish:      %s\n", wf->title_es);
	if (wf->description)
		(void)buf_printf(out, "description:     %s\n", wf->description);
	if (wf->description_es)
		(void)buf_printf(out, "in Spanish:      %s\n", wf->description_es);
	(void)buf_printf(out, "sidecar:         %s%s\n", wf->sidecar ? name : "none",
		wf->sidecar ? ".meta.json" : "");
	(void)buf_add_str(out, "who may use it:  ");
	for (size_t i = 0; i < wf->n_roles; i++)
		(void)buf_printf(
			out, "%s%" PRIu64, i ? ", " : "members with a role of: ", wf->roles[i]);
	(void)buf_printf(out, "%s\n", wf->n_roles ? "" : "everybody");
	(void)buf_printf(out, "age-restricted:  %s\n", wf->age_restricted ? "yes" : "no");
	if (wf->vram_bytes)
		(void)buf_printf(out, "VRAM needed:     %g GB\n", (double)wf->vram_bytes / 1e9);
	else
		(void)buf_add_str(out, "VRAM needed:     not told\n");
	if (wf->shares > 1)
		(void)buf_printf(out, "one pass draws:  prompts of up to %d members%s\n",
			wf->shares, wf->own_seeds ? ", each with its seed" : ", with one seed");
	(void)buf_add_str(out, "\n");
}

char *workflow_describe(const struct workflow *wf)
{
	struct buf out = BUF(16 * MIB);
	struct table t = {0};

	if (wf->graph) {
		print_head(wf, &out);
		add_rows(&t, wf);
		table_print(&t, &out);
		free(t.rows);
	} else {
		char name[200];

		(void)buf_printf(&out, "%s\n",
			printable(name, sizeof(name), wf->file ? wf->file : wf->name));
	}
	for (size_t i = 0; i < wf->n_problems; i++)
		(void)buf_printf(&out, "%sproblem: %s\n", i ? "" : "\n", wf->problems[i]);
	for (size_t i = 0; i < wf->n_warnings; i++)
		(void)buf_printf(&out, "%swarning: %s\n", i ? "" : "\n", wf->warnings[i]);
	return buf_take(&out);
}
