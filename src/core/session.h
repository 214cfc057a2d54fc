/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CORE_SESSION_H
#define FULLET_CORE_SESSION_H

#include <uthash.h>

#include "base/row.h"
#include "core/sched_tree.h"

/*
 * A member's private channel. Found by its stored id, else by the marker in
 * its topic under a category of ours, never by name; else made. One member is
 * served at a time, so that two commands at once make one channel and one
 * category. In a server without room for a channel it is a private thread.
 */
enum session_state {
	SESSION_NONE,	     /* no channel known */
	SESSION_WAITING,     /* wants one; another session is being made */
	SESSION_FINDING,     /* FX_CHANNEL_LIST is out */
	SESSION_CATEGORY,    /* FX_CATEGORY_CREATE is out */
	SESSION_CREATING,    /* FX_CHANNEL_CREATE is out */
	SESSION_ROOM,	     /* the server is full; `victim` is being removed */
	SESSION_THREADS,     /* FX_THREAD_LIST is out */
	SESSION_THREADING,   /* FX_THREAD_CREATE is out */
	SESSION_JOINING,     /* FX_THREAD_JOIN is out */
	SESSION_ERASING,     /* FX_ERASE is out */
	SESSION_READY,	     /* ---- from here on there is a channel ---- */
	SESSION_RESTRICTING, /* FX_CHANNEL_RESTRICT is out */
	SESSION_DELETING,    /* FX_CHANNEL_DELETE is out */
};

struct session {
	struct session_row row;
	char *username;
	char *locale; /* of the member's last job in this process; NULL: not known */
	enum session_state state;
	uint32_t epoch;
	int tries;
	int64_t retry_ms;    /* when the state's effect is given out again; NEVER */
	int64_t deadline_ms; /* of the effect that is out; NEVER */
	int64_t saved_ms;    /* row.active_ms as it was last stored */
	size_t n_jobs;	     /* of the member, in memory */
	size_t n_live;	     /* of these, what counts against his cap */
	/* being made */
	bool restricted;    /* what was asked for will be age-restricted */
	int rooms;	    /* how often room was made for it */
	uint64_t victim;    /* SESSION_ROOM: the member whose channel goes */
	uint64_t parent_id; /* of a thread: its channel, as far as known */
	/* the end */
	uint64_t warning_id; /* the message that announces it; 0: not known or none */
	uint64_t warning_in; /* the channel in which FX_SESSION_WARN is out; 0: it is not */
	int warnings;	     /* announcements of this end in this process */
	bool looking;	     /* FX_SESSION_LOOK is out */
	bool looked;	     /* there is nothing that keeps the channel */
	int64_t look_ms;     /* the next look not before that */
	bool left;	     /* the member is not in the server any more */
	int64_t member_ms;   /* when the member was last known to be there */
	int64_t asking_ms;   /* FX_MEMBER is out until then; NEVER: it is not */
	/* session_time.c */
	bool changed; /* is in the list of those that are to be looked at */
	struct session *changed_prev, *changed_next;
	struct tree_node by_time, by_wait;
	int64_t due_ms, wait_ms;
	uint64_t nth; /* of all in this process */
	UT_hash_handle hh;
};

/* The member's jobs and channel go, one way or the other. */
static inline bool session_is_leaving(const struct session *s)
{
	return s->left || (s->row.flags & SESSION_ERASE);
}

#endif
