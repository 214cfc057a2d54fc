/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "app/command_line.h"
#include "app/flujos.h"
#include "base/json.h"

int command_workflow(int argc, char **argv)
{
	cleanup(freep) char *out = NULL;
	const char *path = NULL;
	struct workflow *wf;
	bool json = false, usable;

	for (int i = 0; i < argc; i++) {
		if (str_eq(argv[i], "--json"))
			json = true;
		else if (!path && argv[i][0] != '-')
			path = argv[i];
		else
			path = "";
	}
	if (!path || !*path) {
		fprintf(stderr, "usage: fullet workflow FILE [--json]\n");
		return 2;
	}
	wf = flujos_file(path);
	if (json) {
		struct json_object *doc = workflow_json(wf);

		out = json_text(doc);
		json_put(&doc);
	} else {
		out = workflow_describe(wf);
	}
	printf("%s%s", out, str_ends(out, "\n") ? "" : "\n");
	usable = workflow_usable(wf);
	workflow_free(wf);
	return usable ? 0 : 1;
}
