/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CORE_JOB_H
#define FULLET_CORE_JOB_H

#include <uthash.h>

#include "base/row.h"
#include "core/sched_tree.h"

/* A job that fails through its cards is tried on so many of them, then the member hears of it. */
#define CARDS_TRIED_MAX 3

/*
 * Where a job stands. The numbers are stored: never reuse one. Steps marked
 * "memory" in flow.c are never written; a restart finds the last stored one.
 */
enum job_step {
	JOB_ACK = 1,		/* the interaction is being acknowledged; not accepted yet */
	JOB_LOOK = 5,		/* looking into the channel for what was already said */
	JOB_LOCATE = 6,		/* asking a ComfyUI whether it knows the prompt */
	JOB_CHANNEL = 10,	/* accepted; needs the member's private channel */
	JOB_INPUT = 15,		/* the picture that it edits is being fetched and looked at */
	JOB_QUEUE = 20,		/* waits for a card */
	JOB_SUBMIT = 30,	/* being given to a ComfyUI: gpu and prompt_id are set */
	JOB_WATCH = 40,		/* runs there */
	JOB_FETCH = 50,		/* its files are being fetched */
	JOB_POST = 60,		/* a picture will be posted */
	JOB_SORRY = 70,		/* an apology will be posted */
	JOB_TIDY = 80,		/* said; the live message is put right */
	JOB_DONE = STORE_ENDED, /* a picture was posted */
	JOB_APOLOGISED = STORE_ENDED + 1,
	JOB_UNDELIVERABLE = STORE_ENDED + 2, /* Discord refused both; detail tells why */
	JOB_DROPPED = STORE_ENDED + 3,	     /* was never accepted; not stored */
};

enum job_outcome { OUTCOME_OPEN, OUTCOME_PICTURE, OUTCOME_APOLOGY };

/* Why a job ends without a picture. Stored: never reuse a number. */
enum sorry {
	SORRY_NONE = 0,
	SORRY_CHANNEL = 1,
	SORRY_STORE = 2,
	SORRY_REFUSED = 3,
	SORRY_FAILED = 4,
	SORRY_MEMORY = 5,
	SORRY_INTERRUPTED = 6,
	SORRY_LOST = 7,
	SORRY_STALLED = 8,
	SORRY_NO_OUTPUT = 9,
	SORRY_TOO_LARGE = 10,
	SORRY_POST = 11,
	SORRY_MODEL_GONE = 12,
	SORRY_CANCELLED = 13,
	SORRY_NOT_TAKEN = 14,
	SORRY_LEFT = 15,    /* the member left the server */
	SORRY_PICTURE = 16, /* the picture to edit cannot be used; detail: a word for the reason */
	SORRY_PERMISSION = 17, /* the bot lacks a permission; detail */
	SORRY_RESTRICTED = 18, /* the channel cannot be made age-restricted */
	SORRY_ERASED = 19,     /* the member wants all of his erased */
	SORRY_OPTIONS = 20,    /* the workflow takes what was chosen no more; detail says it */
	SORRY_DAMAGED = 21,    /* what ComfyUI saved is not a whole picture */
	SORRY_VRAM = 22,       /* no card can ever hold it; detail: its need and the largest, MB */
};

/* How an ask of a step ended. */
enum answer {
	ANSWER_OK,
	ANSWER_AGAIN, /* it did not happen; trying later may work */
	ANSWER_DOUBT, /* it may have happened */
	ANSWER_NO,    /* definitively refused; detail says why */
	ANSWER_GONE,  /* the channel does not exist any more */
	ANSWER_TOO_LARGE,
	ANSWER_FULL,	  /* the server has as many channels as Discord allows */
	ANSWER_FORBIDDEN, /* the bot lacks a permission */
	/* of a ComfyUI */
	ANSWER_RUNNING, /* locate: it is queued or runs there */
	ANSWER_LOST,	/* it is not there */
	ANSWER_FAILED,	/* it ran and failed; detail */
	ANSWER_MEMORY,
	ANSWER_MACHINE, /* it ran and failed by a fault of that computer's; detail */
	ANSWER_INTERRUPTED,
	ANSWER_STALLED,
	ANSWER_NO_OUTPUT,
	ANSWER_DAMAGED,	   /* fetch: what it saved is not a whole picture, time and again */
	ANSWER_MODEL_GONE, /* submit: there is no such workflow any more */
	ANSWER_NO_INPUT,   /* submit: the picture to edit is not there any more; detail */
	ANSWER_OPTIONS,	   /* submit: it does not take what was chosen; detail */
	ANSWER_APART,	   /* submit: the pass is not whole any more; fetch: its pictures are not
			      one for each job; they go one by one */
	/* of looking into the channel */
	ANSWER_FOUND_PICTURE,
	ANSWER_FOUND_SORRY,
};

/* What those who wait for a card wait for. */
enum wait_why {
	WAIT_TURN,   /* a card, in their order */
	WAIT_NO_GPU, /* a card that works */
	WAIT_PAUSED, /* an administrator */
	WAIT_MEMORY, /* a card with enough memory */
};

/* What an answer brings besides its kind; all optional. */
struct answer_args {
	const char *detail;
	uint64_t message_id; /* posted or found */
	uint64_t live_id;    /* found by looking */
	size_t n_files;	     /* fetched: they get numbers */
	int64_t run_ms;	     /* watched: how long it ran, by the ComfyUI's clock; 0: not told */
	bool ours;	     /* our database is at fault: no card, no picture */
};

/* What a job may wait for. */
enum job_timer {
	JOB_DEADLINE, /* of the current ask */
	JOB_RETRY,    /* when the ask is made (again) */
	JOB_RESAVE,   /* when a row that could not be written is written again */
	JOB_PAUSE,    /* JOB_QUEUE: not given to a card before */
	JOB_TIMERS,
};

/*
 * A job in memory. The shell reads it, only the core writes. row is what is
 * stored; the rest is found out again after a restart.
 */
struct job {
	struct job_row row;
	enum job_step step;	   /* row.step, or a memory step */
	enum job_step resume;	   /* JOB_LOOK: where it goes on when nothing was said yet */
	uint32_t epoch;		   /* names the current ask; answers with another are old */
	int tries;		   /* of the current step's ask */
	int64_t at_ms[JOB_TIMERS]; /* NEVER; changed by timer_set() only */
	int64_t due_ms;		   /* the earliest of them */
	struct tree_node by_time;
	bool stored;	 /* there is a row: the job is accepted */
	bool saving;	 /* a commit is under way */
	bool save_again; /* the row changed meanwhile */
	bool enter;	 /* the ask is made as soon as the row is committed */
	int save_tries;
	int moves;	    /* how often its channel vanished */
	int gpu;	    /* index of the card; -1 none */
	int failed_on[CARDS_TRIED_MAX]; /* cards that failed it, by no fault of its own */
	int n_failed_on;
	bool elsewhere;	    /* JOB_QUEUE: it waits for a card that has not failed it, in a list: */
	struct job *elsewhere_prev, *elsewhere_next;
	const char *back;   /* why it came back into the line, if it did */
	int position;	    /* in the line of those that wait; 1 is next; 0: does not wait */
	int shown_position; /* as it was last shown; 0 never */
	int64_t done_ms; /* when its pictures will be there, about; 0: not known, or it has a card */
	int64_t shown_done_ms;
	enum wait_why shown_wait;
	bool answered;		 /* the ephemeral answer was given */
	enum sorry dismissed;	 /* it was cancelled where nothing could be stopped; SORRY_NONE */
	bool no_channel;	 /* Discord refuses the private channel */
	bool found;		 /* its run was looked for, and runs */
	int doubts;		 /* how often it is not known whether the picture was posted */
	int shrink;		 /* how often the picture was too large for Discord */
	int percent;		 /* -1: not running yet */
	bool running;		 /* the ComfyUI has begun it */
	struct sched_job *waits; /* in the scheduler's line; NULL: not there */
	struct model_line *line; /* in which it waits with others that may share its pass */
	struct place_pass *pass; /* on a card, or on its way to it; NULL: on none */
	bool called_back;	 /* an administrator's, for which another job left a card */
	bool counted;		 /* against the ceilings */
	bool unposted;		 /* its files are being fetched or posted */
	double moved_ms;	 /* how far its card moved its member's turn on */
	double rank;		 /* there, when the order was last asked for */
	struct job *prev, *next; /* all jobs, by id */
	UT_hash_handle hh, hh_interaction;
};

/* True while the job counts against the member's cap and the queue's ceiling. */
static inline bool job_is_live(const struct job *job)
{
	return (job->step == JOB_LOOK ? job->resume : job->step) < JOB_SORRY;
}

/* The scheduler's: 0 administrators, 1 boosters, 2 everyone. */
static inline int job_priority(const struct job *job)
{
	return job->row.priority == ROW_ADMINISTRATOR ? 0
	       : job->row.priority == ROW_BOOSTER     ? 1
						      : 2;
}

const char *job_step_name(enum job_step step);

#endif
