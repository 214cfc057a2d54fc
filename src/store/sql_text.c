/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "store/sql.h"

/* What the drivers of servers share: it is linked into each of their modules. */

char *sql_clean_text(const char *text, size_t len)
{
	char *clean;

	if (utf8_valid(text, len))
		return NULL;
	clean = xstrndup(text, len);
	for (size_t i = 0; i < len;) {
		size_t n = 1;

		while (n < 4 && i + n < len && !utf8_valid(clean + i, n))
			n++;
		if (utf8_valid(clean + i, n)) {
			i += n;
			continue;
		}
		clean[i++] = '?';
	}
	return clean;
}
