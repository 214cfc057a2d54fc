/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_ENV_FILE_H
#define FULLET_APP_ENV_FILE_H

#include "base/defs.h"

/*
 * The .env file as people write it: KEY=value lines with optional `export`, single
 * or double quotes, trailing comments, CRLF, a byte order mark. Pure: the text
 * goes in, pairs come out.
 */
struct env_pair {
	char *name;
	char *value;
	int line;
};

struct env_pairs {
	struct env_pair *at;
	size_t n;
};

/*
 * -EINVAL with a sentence ("line 3: ...", owned by the caller) at the first line that cannot be
 * understood; the sentence never repeats a value. *ret is freed by env_pairs_free().
 */
int env_parse(const char *text, size_t len, struct env_pairs *ret, char **ret_why);
void env_pairs_free(struct env_pairs *pairs);

#endif
