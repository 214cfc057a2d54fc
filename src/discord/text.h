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
	TEXT_QUEUED,	  /* position, channel, text: "Queued (Pos: 3) in <#channel>, about 2 min" */
	TEXT_CAP_REACHED, /* number: "You already have N pictures waiting..." */
	TEXT_QUEUE_FULL,
	TEXT_UNKNOWN_MODEL, /* text: what was typed */
	TEXT_NO_MODELS,
	TEXT_EMPTY_PROMPT,
	TEXT_PROMPT_TOO_LONG, /* number: the limit */
	TEXT_STOPPING,	      /* the bot is about to restart */
	TEXT_NOT_READY,	      /* the bot is still starting */
	TEXT_QUOTA,	      /* number: pictures a day */
	TEXT_QUOTA_LEFT,      /* number: pictures that are left of them */
	TEXT_BANNED,
	TEXT_AGE_RESTRICTED, /* the model is, the channel is not */
	TEXT_RESTRICTED_PICTURE, /* the picture to edit is, the channel is not */
	TEXT_MODEL_ROLES,    /* text: the model, which is for some roles only */
	/* what was chosen for a picture */
	TEXT_OPTION_NO_INPUT, /* text: the model, name: the option */
	TEXT_OPTION_RANGE,    /* name: the option, text: what it may be, as the following say */
	TEXT_RANGE,	      /* text: the least, name: the most */
	TEXT_RANGE_SIZE,      /* the same */
	TEXT_RANGE_LENGTH,    /* number: characters */
	TEXT_LORA_UNKNOWN,    /* text: what was typed */
	TEXT_LORA_SEVERAL,    /* text: what was typed */
	TEXT_LORA_NO_LIST,    /* no server has told which there are */
	TEXT_TOO_LARGE_FOR_CARDS, /* text: what the model needs, name: what the largest card has */
	TEXT_DRAINING, /* an administrator lets the queue run empty */
	TEXT_ERASING,  /* all of this member's is being erased */
	TEXT_CANCEL_TOO_LATE,
	TEXT_CANCELLING,
	TEXT_NOT_YOURS, /* the button belongs to somebody else */
	TEXT_CHANNEL_NOT_YOURS,
	TEXT_UNKNOWN_BUTTON,
	/* editing */
	TEXT_NO_EDIT_MODELS,
	TEXT_NO_LAST,	     /* the member has no last picture */
	TEXT_NO_PICTURE,     /* the message has none that can be taken */
	TEXT_NO_VIEW,	     /* the bot cannot see the channel of the message */
	TEXT_EDIT_TITLE,     /* of the window that asks what should change: at most 45 characters */
	TEXT_EDIT_PROMPT,    /* labels in it: at most 45 */
	TEXT_EDIT_MODEL,
	TEXT_EDIT_WHICH,
	TEXT_EDIT_NTH, /* number: of a picture of the message, from 1 on */
	/* commands that tell and administer */
	TEXT_ADMINS_ONLY,
	TEXT_UNKNOWN_COMMAND,
	TEXT_NOTHING_WAITS,   /* nothing of the member's waits */
	TEXT_CANCEL_WHICH,    /* several could be meant */
	TEXT_CANCEL_UNKNOWN,  /* there is no such picture */
	TEXT_QUEUE_HEAD,      /* before the member's own pictures */
	TEXT_QUEUE_TOTAL,     /* number: all that wait */
	TEXT_QUEUE_MADE,      /* number: all that are on a card */
	TEXT_STATE_PREPARING, /* its channel or its picture is being prepared */
	TEXT_PAUSED,	      /* the line is paused */
	TEXT_DRAINS,	      /* the line runs empty */
	TEXT_MODELS_IMAGINE,
	TEXT_MODELS_EDIT,
	TEXT_MODELS_NOTE, /* what stands in brackets */
	TEXT_MODEL_TAKES, /* text: how long its pictures usually take */
	TEXT_MORE, /* number: how many are not shown */
	TEXT_STATUS_CARDS,
	TEXT_STATUS_IDLE,
	TEXT_STATUS_BUSY, /* number: pictures on it */
	TEXT_STATUS_DOWN,
	TEXT_STATUS_PAUSED,   /* a card, by an administrator; number: pictures on it */
	TEXT_STATUS_DRAINING, /* the same */
	TEXT_STATUS_FAILING,  /* text: in how long it is tried */
	TEXT_STATUS_TRIED,    /* it keeps failing and gets the next job as a trial */
	TEXT_STATUS_UPTIME, /* text: a duration */
	TEXT_HELP_HEAD,
	TEXT_WORKFLOW_REFUSED, /* text: file and reason */
	TEXT_WORKFLOW_KEPT,    /* the same */
	TEXT_WORKFLOW_MENDED,  /* text: the file */
	TEXT_SYNC_DONE,	  /* number: commands */
	TEXT_SYNC_FAILED, /* text: why */
	TEXT_CLEARED,
	/* what is stored about a member */
	TEXT_EXPORT_DONE,
	TEXT_EXPORT_NO_PICTURE, /* the last picture is too large for the answer */
	TEXT_EXPORT_LEFT_OUT,	/* number: records of older pictures that did not fit */
	TEXT_EXPORT_FAILED,
	TEXT_ERASE_ASK,
	TEXT_ERASE_BEGUN,
	TEXT_ERASE_UNSURE, /* it could not be written down yet */
	TEXT_ERASE_DONE,
	TEXT_ERASE_HISTORY, /* a ComfyUI did not answer */
	TEXT_ERASE_REMAINS, /* what is elsewhere */
	TEXT_SERVER_ID, /* text: the id */
	TEXT_MODE_RUN,
	TEXT_MODE_PAUSE,
	TEXT_MODE_DRAIN, /* number: what is left */
	TEXT_CARD_RUN,	 /* number: the card's */
	TEXT_CARD_PAUSE, /* the same */
	TEXT_CARD_DRAIN, /* the same */
	TEXT_CARD_UNKNOWN, /* text: what was typed */
	/* to #admin-tools; text: the card's address, name: the last error */
	TEXT_CARD_FAILING,
	TEXT_CARD_WELL,
	TEXT_CARD_EMPTY,
	TEXT_RELOAD_REFUSED, /* text: why */
	TEXT_BAN_DONE,
	TEXT_BAN_ALREADY,
	TEXT_UNBAN_DONE,
	TEXT_UNBAN_NOT,
	TEXT_LIMITS_FULL,
	TEXT_LIMITS_HEAD,
	TEXT_LIMITS_EVERYBODY,
	TEXT_LIMITS_CAP,   /* number */
	TEXT_LIMITS_QUOTA, /* number */
	TEXT_LIMITS_NO_QUOTA,
	TEXT_LIMITS_BANNED, /* number */
	/* apologies: how a job ends without a picture */
	TEXT_SORRY_THERE,	/* channel: where the apology is */
	TEXT_SORRY_CHANNEL,	/* the private channel could not be made; text: why */
	TEXT_SORRY_STORE,	/* the database refused the job */
	TEXT_SORRY_REFUSED,	/* ComfyUI refused the workflow; text: its reason */
	TEXT_SORRY_FAILED,	/* the run failed; text: the node's message */
	TEXT_SORRY_VRAM,	/* text: what it needs, name: what the largest card has */
	TEXT_SORRY_MEMORY,	/* the card ran out of memory */
	TEXT_SORRY_INTERRUPTED, /* somebody stopped the run at the ComfyUI */
	TEXT_SORRY_LOST,	/* the run was lost too often */
	TEXT_SORRY_NOT_TAKEN,	/* ComfyUI, or what is in front of it, took the run in no try */
	TEXT_SORRY_STALLED,	/* no sign of life for too long */
	TEXT_SORRY_NO_OUTPUT,	/* it ended without a file */
	TEXT_SORRY_TOO_LARGE,	/* the file does not fit; text: its size */
	TEXT_SORRY_DAMAGED,	/* what ComfyUI saved is not a whole picture */
	TEXT_SORRY_POST,	/* Discord refused the picture; text: why */
	TEXT_SORRY_MODEL_GONE,	/* the workflow is no longer there */
	TEXT_SORRY_CANCELLED,	/* the member pressed Cancel */
	TEXT_SORRY_LEFT,	/* the member left the server */
	TEXT_SORRY_PERMISSION,	/* the bot lacks a permission; text: what Discord says */
	TEXT_SORRY_RESTRICTED,	/* the channel cannot be made age-restricted */
	TEXT_SORRY_ERASED,	/* the member wants all of his erased */
	/* a member's picture cannot be used: refusal or apology */
	TEXT_SORRY_PICTURE_NOT,	    /* it is none */
	TEXT_SORRY_PICTURE_KIND,    /* its format is not known here */
	TEXT_SORRY_PICTURE_LARGE,   /* number: megabytes, the most */
	TEXT_SORRY_PICTURE_PIXELS,  /* number: megapixels, the most */
	TEXT_SORRY_PICTURE_DAMAGED, /* cut off or wrong */
	TEXT_SORRY_PICTURE_HARD,    /* the decoder had trouble with it */
	TEXT_SORRY_PICTURE_GONE,    /* it is not at its place any more */
	TEXT_SORRY_PICTURE_UNREACHED, /* Discord does not give it, for now */
	TEXT_SORRY_PICTURE_FOREIGN, /* it is not at Discord's */
	TEXT_SORRY_PICTURE_BUSY,    /* it was not looked at */
	TEXT_SORRY_OPTIONS,	/* what was chosen does not fit any more; text: what may be */
	/* private channels */
	TEXT_SESSION_WARNING, /* number: unix seconds of the end */
	TEXT_SESSION_KEPT,
	TEXT_SESSION_GONE, /* too late to keep it */
	/* the state line of the live message */
	TEXT_LIVE_QUEUED, /* number: the position; text: how long, about */
	TEXT_LIVE_NO_GPU, /* number: the position */
	TEXT_LIVE_NO_MEMORY, /* number: the position */
	TEXT_LIVE_PAUSED, /* number: the position; an administrator holds what waits */
	TEXT_LIVE_STARTING,
	TEXT_LIVE_DRAWING, /* beside a bar without percent */
	TEXT_LIVE_SENDING,
	TEXT_LIVE_DONE, /* text: the duration; without: only "Done" */
	TEXT_LIVE_SORRY,
	/* labels */
	TEXT_BUTTON_CANCEL,
	TEXT_BUTTON_AGAIN,
	TEXT_BUTTON_KEEP,
	TEXT_BUTTON_ERASE,
	TEXT_BUTTON_EDIT,
	TEXT_SEED, /* text: the seed */
	TEXT_STEPS, /* text: how many */
	TEXT_CHANNEL_TOPIC,
	TEXT_COUNT,
};

struct text_args {
	int64_t number;
	uint64_t channel_id;
	const char *text; /* untrusted: it is cleaned and shortened on the way in */
	const char *name; /* the same */
	bool plain;	  /* the sentence is cleaned again later: no escapes */
};

/* The sentence in the locale's language; args may be NULL. TEXT_NONE is "". The caller owns it. */
char *text_make(enum text_id id, const char *locale, const struct text_args *args);
/* "16.5 GB"; Spanish writes "16,5 GB". MB: 10^6 bytes. The caller owns it. */
char *text_gigabytes(int64_t mb, const char *locale);
/* "8.2 s", then "1 min 05 s", "2 h 05 min", "3 d 4 h"; Spanish writes "8,2 s". The caller owns it. */
char *text_duration(int64_t ms, const char *locale);
/* A time that is only estimated: "20 s", "2 min", "25 min", "1 h 30 min", "9 h", rounded as people would.
 * NULL below ten seconds and beyond two days. The caller owns it. */
char *text_about(int64_t ms);

/*
 * Untrusted text made harmless for a Discord message: controls, bidi overrides
 * and zero-width characters removed, Markdown and mentions escaped, at most
 * `chars_max` characters (then "..."). The caller owns it.
 */
char *text_clean(const char *text, size_t chars_max);
/* The same without escapes, for places that know no Markdown (alt texts, names of choices). */
char *text_plain(const char *text, size_t chars_max);
/* A copy that is valid UTF-8 whatever the bytes are (bad ones become U+FFFD), nothing else
 * changed. NULL gives NULL. */
char *text_repair(const char *text);
/* Cuts the string in place so that it has at most `units` UTF-16 units, never inside a
 * character. It must be valid UTF-8. */
void text_cut(char *text, size_t units);

/* The UTF-16 length, which is what Discord's limits count. A bad byte counts as one. */
size_t text_utf16_len(const char *text);

#endif
