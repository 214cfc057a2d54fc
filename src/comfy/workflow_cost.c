/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "comfy/options.h"

/* What of a workflow tells how long it takes and what has to be loaded for it. */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t take_files(const struct workflow_inputs *list, const char **names)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		if (list->at[i].file)
			names[n++] = list->at[i].file;
	return n;
}

char *workflow_weights(const struct workflow *wf)
{
	cleanup(freep) const char **names = xcalloc(wf->models.n + wf->lora.n + 1, sizeof(*names));
	size_t n = take_files(&wf->models, names);
	struct buf text = BUF(WORKFLOW_FILE_MAX);

	n += take_files(&wf->lora, names + n);
	qsort(names, n, sizeof(names[0]), compare_names);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || !str_eq(names[i], names[i - 1]))
			must(buf_printf(&text, "%s%s", text.len ? "\n" : "", names[i]) == 0);
	if (text.len == 0) {
		buf_free(&text);
		return NULL;
	}
	return buf_take(&text);
}

/* What is the same for all of a workflow's pictures counts as one. */
int64_t workflow_work(const struct workflow *wf, const struct options *o)
{
	const char *steps = o ? o->text[FIELD_STEPS] : NULL;
	int64_t pixels = 0, n = 0;
	int width, height;
	char text[24];

	if (o && o->text[FIELD_SIZE] && size_parse(o->text[FIELD_SIZE], wf, &width, &height))
		pixels = (int64_t)width * height;
	else if (workflow_size(wf, &width, &height))
		pixels = (int64_t)width * height;
	if (steps && workflow_number_fits(wf, FIELD_STEPS, steps))
		n = strtoll(steps, NULL, 10);
	else if (workflow_default(wf, FIELD_STEPS, text))
		n = strtoll(text, NULL, 10);
	if (pixels <= 0 && n <= 0)
		return 0;
	return min_of(max_of(pixels, 1), WORK_MAX) * min_of(max_of(n, 1), WORK_MAX);
}
