/* SPDX-License-Identifier: Apache-2.0 */

/* A server's limits as they are stored: what is read can be written, and read again as the same. */

#include <stdlib.h>

#include "core/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size), *first, *second;
	struct server_limits limits = {0}, again = {0};
	const uint64_t roles[] = {1, 2, 3};

	if (limits_parse(text, &limits) == 0) {
		must(limits_cap(&limits, roles, 3, 2) >= 0);
		must(limits_quota(&limits, roles, 3) >= 0);
		(void)limits_ban(&limits, 42);
		must(limits_is_banned(&limits, 42) || limits_ban(&limits, 42) < 0);
		first = limits_print(&limits);
		must(limits_parse(first, &again) == 0);
		second = limits_print(&again);
		must(str_eq(first, second));
		free(first);
		free(second);
	}
	limits_free(&limits);
	limits_free(&again);
	free(text);
	return 0;
}
