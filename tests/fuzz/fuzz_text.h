/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_TEXT_H
#define FUZZ_TEXT_H

#include <stdint.h>
#include <stdlib.h>

#include "base/defs.h"

/* The first byte says which of the checks, the others are its text. */
static inline void fuzz_text(
	const uint8_t *data, size_t size, void (*const checks[])(const char *text), size_t n)
{
	char *text;

	if (size < 1)
		return;
	text = xstrndup((const char *)data + 1, size - 1);
	checks[data[0] % n](text);
	free(text);
}

#endif
