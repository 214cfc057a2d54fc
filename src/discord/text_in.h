/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_TEXT_IN_H
#define FULLET_DISCORD_TEXT_IN_H

#include "discord/text.h"

/* Shared by text.c, the table, and text_make.c. */
struct sentence {
	const char *en, *es;
};
extern const struct sentence text_sentences[TEXT_COUNT];

#endif
