/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command_line.h"

/* What subcommands say on the terminal. */

void command_warn(void *ctx, const char *sentence)
{
	fprintf(stderr, "fullet: %s\n", sentence);
}

int command_failed(char *why, int r)
{
	fprintf(stderr, "fullet: %s\n", why ? why : strerror(-r));
	free(why);
	return 1;
}
