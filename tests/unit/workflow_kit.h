/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_TEST_WORKFLOW_KIT_H
#define FULLET_TEST_WORKFLOW_KIT_H

/* Included after cmocka.h. Fixtures are JSON with ' for ", so that they stay readable in C. */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "comfy/workflow.h"

static inline struct workflow *kit_read(const char *name, const char *quoted)
{
	char *text = xstrdup(quoted);
	struct workflow *wf;

	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	wf = workflow_read(name, text, strlen(text));
	free(text);
	return wf;
}

/* "6.text 15.text" */
static inline char *kit_list(const struct workflow_inputs *list)
{
	struct buf b = BUF(1 * MIB);

	for (size_t i = 0; i < list->n; i++)
		assert_int_equal(buf_printf(&b, "%s%s.%s", i ? " " : "", list->at[i].node,
					 list->at[i].input),
			0);
	return buf_take(&b);
}

/* expected NULL: whatever it is. */
static inline void kit_expect(
	const char *what, const struct workflow_inputs *list, const char *expected)
{
	char *found = kit_list(list);

	if (expected && strcmp(found, expected) != 0)
		fail_msg("%s: found \"%s\", expected \"%s\"", what, found, expected);
	free(found);
}

static inline bool kit_problem(const struct workflow *wf, const char *part)
{
	for (size_t i = 0; i < wf->n_problems; i++)
		if (strstr(wf->problems[i], part))
			return true;
	return false;
}

static inline void kit_no_problem(const struct workflow *wf)
{
	if (wf->n_problems > 0)
		fail_msg("%s: %s", wf->name, wf->problems[0]);
	assert_true(workflow_usable(wf));
}

static inline struct json_object *kit_json(const char *quoted)
{
	char *text = xstrdup(quoted);
	const char *why = NULL;
	struct json_object *doc;

	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	doc = json_parse(text, strlen(text), &why);
	free(text);
	if (!doc)
		fail_msg("fixture: %s", why);
	return doc;
}

#endif
