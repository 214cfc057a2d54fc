/* SPDX-License-Identifier: Apache-2.0 */

/* The conversation of `fullet sched --stdio`: whatever a judge says, it is answered in lines of
 * JSON that end, or it is told in one sentence why not. */

#include <stdio.h>
#include <stdlib.h>

#include "app/command_line.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lines(char *said)
{
	char *line;

	while ((line = strsep(&said, "\n"))) {
		struct json_object *doc;

		if (!*line)
			continue;
		doc = json_parse(line, strlen(line), NULL);
		must(json_str(doc, "do"));
		json_put(&doc);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char stdio[] = "--stdio";
	FILE *in = stdin, *out = stdout, *err = stderr;
	char *argv[] = {stdio, NULL}, *said = NULL, *why = NULL;
	size_t said_len = 0, why_len = 0;
	int result;

	if (size == 0)
		return 0;
	/* glibc's streams are variables. */
	stdin = fmemopen((void *)(uintptr_t)data, size, "r");
	stdout = open_memstream(&said, &said_len);
	stderr = open_memstream(&why, &why_len);
	must(stdin && stdout && stderr);
	result = command_sched(1, argv);
	fclose(stdin);
	fclose(stdout);
	fclose(stderr);
	stdin = in;
	stdout = out;
	stderr = err;
	must(result == 0 || result == 1);
	must((result == 1) == (why_len > 0));
	check_lines(said);
	free(said);
	free(why);
	return 0;
}
