/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_PICTURE_TEXT_H
#define FULLET_APP_PICTURE_TEXT_H

#include "discord/text.h"
#include "image/clean.h"

/* What a member is told about his picture; TEXT_NONE for CLEAN_OK. *ret_number is the {number} of
 * the sentence. */
enum text_id picture_text(enum clean_result result, int64_t *ret_number);

#endif
