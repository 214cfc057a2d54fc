/* SPDX-License-Identifier: Apache-2.0 */
#include "app/picture_text.h"

#include "base/limits.h"

enum text_id picture_text(enum clean_result result, int64_t *ret_number)
{
	static const struct {
		enum text_id text;
		int64_t number;
	} rows[CLEAN_RESULTS] = {
		[CLEAN_OK] = {TEXT_NONE, 0},
		[CLEAN_NOT_A_PICTURE] = {TEXT_SORRY_PICTURE_NOT, 0},
		[CLEAN_UNSUPPORTED] = {TEXT_SORRY_PICTURE_KIND, 0},
		[CLEAN_TOO_LARGE] = {TEXT_SORRY_PICTURE_LARGE, PICTURE_BYTES_MAX / MIB},
		[CLEAN_TOO_MANY_PIXELS] = {TEXT_SORRY_PICTURE_PIXELS, PICTURE_PIXELS_MAX / 1000000},
		[CLEAN_DAMAGED] = {TEXT_SORRY_PICTURE_DAMAGED, 0},
		[CLEAN_TOO_HARD] = {TEXT_SORRY_PICTURE_HARD, 0},
		[CLEAN_UNAVAILABLE] = {TEXT_SORRY_PICTURE_BUSY, 0},
	};

	must((size_t)result < countof(rows));
	*ret_number = rows[result].number;
	return rows[result].text;
}

char *picture_sorry(const char *reason, const char *locale)
{
	static const struct {
		const char *reason;
		enum text_id text;
	} others[] = {
		{PICTURE_UNREACHED, TEXT_SORRY_PICTURE_UNREACHED},
		{PICTURE_FOREIGN, TEXT_SORRY_PICTURE_FOREIGN},
		{PICTURE_UNSTORED, TEXT_SORRY_STORE},
	};
	enum text_id text = TEXT_SORRY_PICTURE_GONE;
	int64_t number = 0;

	for (size_t i = 0; i < countof(others); i++)
		if (str_eq(others[i].reason, reason))
			text = others[i].text;
	for (int i = CLEAN_OK + 1; i < CLEAN_RESULTS; i++)
		if (str_eq(clean_result_name((enum clean_result)i), reason))
			text = picture_text((enum clean_result)i, &number);
	return text_make(text, locale, &(struct text_args){.number = number});
}
