/* SPDX-License-Identifier: Apache-2.0 */
#include "image/clean.h"

const char *clean_result_name(enum clean_result result)
{
	static const char *const names[CLEAN_RESULTS] = {
		[CLEAN_OK] = "ok",
		[CLEAN_NOT_A_PICTURE] = "not a picture",
		[CLEAN_UNSUPPORTED] = "a kind that is not decoded",
		[CLEAN_TOO_LARGE] = "too many bytes",
		[CLEAN_TOO_MANY_PIXELS] = "too many pixels",
		[CLEAN_DAMAGED] = "damaged",
		[CLEAN_TOO_HARD] = "too hard for the decoder",
		[CLEAN_UNAVAILABLE] = "not looked at",
	};

	return (size_t)result < countof(names) ? names[result] : "?";
}
