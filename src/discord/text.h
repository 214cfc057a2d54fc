/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_TEXT_H
#define FULLET_DISCORD_TEXT_H

#include "base/defs.h"

/*
 * Every sentence that a member reads, in English and Spanish, in one table
 * (text.c). Each apology and refusal says what the member can do.
 */
enum text_id {
	TEXT_NONE,
	/* answers to the interaction */
	TEXT_QUEUED,            /* position, channel: "Queued (Pos: 3) in <#channel>" */
	TEXT_CAP_REACHED,       /* number: "You already have N pictures waiting..." */
	TEXT_QUEUE_FULL,
	TEXT_UNKNOWN_MODEL,     /* text: what was typed */
	TEXT_NO_MODELS,
	TEXT_EMPTY_PROMPT,
	TEXT_PROMPT_TOO_LONG,   /* number: the limit */
	TEXT_STOPPING,          /* the bot is about to restart */
	TEXT_NOT_READY,         /* the bot is still starting */
	TEXT_CANCEL_TOO_LATE,
	TEXT_CANCELLING,
	TEXT_NOT_YOURS,         /* the button belongs to somebody else */
	TEXT_UNKNOWN_BUTTON,
	/* apologies: how a job ends without a picture */
	TEXT_SORRY_CHANNEL,     /* the private channel could not be made; text: why */
	TEXT_SORRY_STORE,       /* the database refused the job */
	TEXT_SORRY_REFUSED,     /* ComfyUI refused the workflow; text: its reason */
	TEXT_SORRY_FAILED,      /* the run failed; text: the node's message */
	TEXT_SORRY_MEMORY,      /* the card ran out of memory */
	TEXT_SORRY_INTERRUPTED, /* somebody stopped the run at the ComfyUI */
	TEXT_SORRY_LOST,        /* the run was lost too often */
	TEXT_SORRY_STALLED,     /* no sign of life for too long */
	TEXT_SORRY_NO_OUTPUT,   /* it ended without a file */
	TEXT_SORRY_TOO_LARGE,   /* the file does not fit; text: its size */
	TEXT_SORRY_POST,        /* Discord refused the picture; text: why */
	TEXT_SORRY_MODEL_GONE,  /* the workflow is no longer there */
	TEXT_SORRY_CANCELLED,   /* the member pressed Cancel */
	TEXT_COUNT,
};

struct text_args {
	int64_t number;
	uint64_t channel_id;
	const char *text; /* untrusted: it is cleaned and shortened on the way in */
};

/* The sentence in the locale's language; the caller owns it. */
char *text_make(enum text_id id, const char *locale, const struct text_args *args);

/*
 * Untrusted text made harmless for a Discord message: controls, bidi overrides
 * and zero-width characters removed, Markdown and mentions escaped, at most
 * `chars_max` characters (then "..."). DISCORD.md section 8. The caller owns it.
 */
char *text_clean(const char *text, size_t chars_max);

/* The UTF-16 length, which is what Discord's limits count. */
size_t text_utf16_len(const char *text);

#endif
