/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CORE_EFFECT_H
#define FULLET_CORE_EFFECT_H

#include "base/rng.h"

struct job;
struct session;

/* What the core wants done. Effects with an ask are answered by core_answer() with their epoch. */
enum effect_kind {
	FX_NONE,
	/* asks of a job, each answered once */
	FX_ACK,	   /* defer the interaction: OK, NO, DOUBT */
	FX_LOOK,   /* FOUND_*, OK (nothing there), AGAIN, NO, GONE */
	FX_INPUT,  /* get and store the picture to edit: OK, AGAIN, NO */
	FX_LOCATE, /* OK (finished), RUNNING, FAILED, MEMORY, INTERRUPTED, LOST, AGAIN */
	FX_SUBMIT, /* OK, NO, AGAIN, LOST, MODEL_GONE, NO_INPUT */
	FX_WATCH,  /* OK (finished), FAILED, MEMORY, INTERRUPTED, LOST, STALLED */
	FX_FETCH,  /* OK, NO_OUTPUT, TOO_LARGE, LOST, AGAIN */
	FX_POST,   /* OK, AGAIN, DOUBT, NO, GONE, TOO_LARGE */
	FX_SORRY,  /* OK, AGAIN, DOUBT, NO, GONE; job->no_channel: through the interaction */
	FX_TIDY,   /* OK, AGAIN, NO */
	/* statements about a job, not answered */
	FX_ANSWER,   /* the ephemeral answer: position (id) and channel */
	FX_SHOW,     /* the live message should say where the job stands */
	FX_STOP_RUN, /* (no prompt_id: only forget the ask) take the prompt out of the ComfyUI's queue or interrupt it; id: the card,
			epoch: of the ask that nobody waits for any more */
	FX_END,	     /* the job is over: forget all about it. The pointer dies with this effect. */
	/* storing, answered by core_saved() */
	FX_SAVE,
	/* the member's private channel; answered by core_session_answer() */
	FX_CHANNEL_LIST,
	FX_CATEGORY_CREATE, /* id: 1 for "sessions", 2 for "sessions-2", ... */
	FX_CHANNEL_CREATE,  /* id: the category */
	FX_CHANNEL_DELETE,  /* id: the channel */
	/* the same, answered by core_session_answer() too; OK, AGAIN, DOUBT, NO, FORBIDDEN, GONE */
	FX_CHANNEL_RESTRICT, /* id: the channel, which becomes age-restricted */
	FX_THREAD_LIST,	     /* core_threads() first */
	FX_THREAD_CREATE,    /* id: the channel in which it is made */
	FX_THREAD_JOIN,	     /* id: the thread; the member is added */
	FX_ERASE,	     /* all that is stored about the member */
	FX_MEMBER,	     /* is he in the server? Answered by core_member() */
	FX_SESSION_WARN,     /* id: the channel: write the row, then announce its end; answered by
				core_warned() */
	FX_SESSION_LOOK,     /* id: the channel: what is said in it? Answered by core_looked() */
	FX_SESSION_UNWARN,   /* id: the channel, message_id: what announced it, 0: to be looked for;
				not answered */
	FX_SESSION_SAVE,     /* not answered */
	FX_SESSION_DROP,     /* id: the member; not answered */
	/* to the owner, not answered */
	FX_TELL_DOWN,
	FX_TELL_UP,
	FX_TELL_CARD_FAILING, /* id: the card, which gets no jobs for a while: core_gpu_why() */
	FX_TELL_CARD_WELL,    /* id: the card */
	FX_TELL_CARD_EMPTY,   /* id: the card, which was to be drained */
	FX_TELL_FORBIDDEN, /* a permission is missing */
};

/*
 * `job` and `session` may be read until the next call of core_next_effect().
 */
struct effect {
	enum effect_kind kind;
	const struct job *job;
	const struct session *session;
	uint32_t epoch;
	uint64_t id;
	uint64_t user_id; /* whose session */
	uint64_t message_id;
	bool restricted;	   /* FX_CHANNEL_CREATE: age-restricted */
	char prompt_id[UUID_SIZE]; /* FX_STOP_RUN: what is to be stopped */
};

#endif
