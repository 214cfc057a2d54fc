/* SPDX-License-Identifier: Apache-2.0 */
#include "base/near.h"

#include <ctype.h>

#define LEN 64

int near_distance(const char *a, const char *b)
{
	int row[LEN + 1];
	int n = (int)min_of(strlen(a), (size_t)LEN), m = (int)min_of(strlen(b), (size_t)LEN);

	for (int j = 0; j <= m; j++)
		row[j] = j;
	for (int i = 1; i <= n; i++) {
		int diagonal = row[0];

		row[0] = i;
		for (int j = 1; j <= m; j++) {
			int above = row[j];
			bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);

			row[j] = min_of(min_of(row[j - 1], above) + 1, diagonal + (same ? 0 : 1));
			diagonal = above;
		}
	}
	return row[m];
}

int near_find(const char *name, const char *const *names, size_t n)
{
	int best = -1, best_distance = (int)strlen(name) / 2 + 1;

	for (size_t i = 0; i < n; i++) {
		int d = near_distance(name, names[i]);

		if (d < best_distance) {
			best = (int)i;
			best_distance = d;
		}
	}
	return best;
}
