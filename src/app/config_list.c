/* SPDX-License-Identifier: Apache-2.0 */
#include "app/config_list.h"

#include <errno.h>
#include <stdlib.h>

int gigabytes_read(const char *text, int64_t *ret_mb)
{
	int64_t mb = 0, unit = 1000;
	size_t digits = strspn(text, "0123456789"), after = 0;

	if (digits > 4 || (digits == 0 && *text != '.'))
		return -EINVAL;
	for (size_t i = 0; i < digits; i++)
		mb = mb * 10 + (text[i] - '0') * 1000;
	text += digits;
	if (*text == '.') {
		after = strspn(++text, "0123456789");
		for (size_t i = 0; i < after && unit > 1; i++) {
			unit /= 10;
			mb += (text[i] - '0') * unit;
		}
		text += after;
	}
	if (*text || digits + after == 0 || mb > GIGABYTES_MAX * INT64_C(1000))
		return -EINVAL;
	*ret_mb = mb;
	return 0;
}

/* The next entry, without the blanks around it; NULL after the last one. The caller owns it. */
static char *next_entry(const char **at)
{
	const char *text = *at;
	size_t len, all;

	if (!text)
		return NULL;
	text += strspn(text, " \t");
	len = all = strcspn(text, ",");
	*at = text[all] ? text + all + 1 : NULL;
	while (len && strchr(" \t", text[len - 1]))
		len--;
	return xstrndup(text, len);
}

char *gigabytes_list(const char *text, int64_t *ret_mb, int max, int *ret_n)
{
	char *entry;

	*ret_n = 0;
	while ((entry = next_entry(&text))) {
		int64_t mb = 0;
		bool good = !*entry || (gigabytes_read(entry, &mb) == 0 && mb > 0);

		free(entry);
		if (!good)
			return xstrdup("its entries must be gigabytes such as 24 or 11.5, "
				       "separated by commas; an empty one is learned");
		if (*ret_n == max)
			return xasprintf("at most %d entries", max);
		ret_mb[(*ret_n)++] = mb;
	}
	return NULL;
}

char *id_list(const char *text, uint64_t *ret, int max, int *ret_n)
{
	char *entry;

	*ret_n = 0;
	while ((entry = next_entry(&text))) {
		uint64_t id = 0;
		bool empty = !*entry;
		bool good = empty || (parse_u64(entry, &id) == 0 && id >= UINT64_C(1) << 22);

		free(entry);
		if (!good)
			return xstrdup("it must be Discord ids (numbers of 17 to 20 digits), "
				       "separated by commas");
		if (empty)
			continue;
		if (*ret_n == max)
			return xasprintf("at most %d ids", max);
		ret[(*ret_n)++] = id;
	}
	return NULL;
}
