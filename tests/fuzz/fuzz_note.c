/* SPDX-License-Identifier: Apache-2.0 */

/* The texts in a stranger's picture: never more than the ceiling, never beyond the file. */

#include <errno.h>
#include <stdlib.h>

#include "base/limits.h"
#include "image/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const keywords[] = {"prompt", "workflow"};

	for (size_t i = 0; i < countof(keywords); i++) {
		struct buf out = BUF(4 * KIB);
		const char *why = NULL;
		int r = image_note(data, size, keywords[i], &out, &why);

		must(r == 0 || r == -ENOENT || r == -EFBIG || r == -EBADMSG);
		must((why != NULL) == (r == -EBADMSG));
		must(r == 0 || out.len == 0);
		must(out.len <= 4 * KIB);
		buf_free(&out);
	}
	return 0;
}
