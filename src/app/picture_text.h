/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_PICTURE_TEXT_H
#define FULLET_APP_PICTURE_TEXT_H

#include "discord/text.h"
#include "image/clean.h"

/* What a member is told about his picture; TEXT_NONE for CLEAN_OK. *ret_number is the {number} of
 * the sentence. */
enum text_id picture_text(enum clean_result result, int64_t *ret_number);
/* The same from what a job's row keeps: the name of a clean_result, or one of those below. The caller
 * owns the sentence. */
#define PICTURE_GONE	  "gone"
#define PICTURE_UNREACHED "unreached"
#define PICTURE_FOREIGN	  "foreign"
#define PICTURE_UNSTORED  "unstored"
char *picture_sorry(const char *reason, const char *locale);

#endif
