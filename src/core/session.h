/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CORE_SESSION_H
#define FULLET_CORE_SESSION_H

#include <uthash.h>

#include "base/row.h"

/*
 * A member's private channel. Found by its stored id, else by the marker in
 * its topic under a category of ours, never by name; else made. One member is
 * served at a time, so that two commands at once make one channel and one
 * category.
 */
enum session_state {
	SESSION_NONE,	  /* no channel known */
	SESSION_WAITING,  /* wants one; another session is being made */
	SESSION_FINDING,  /* FX_CHANNEL_LIST is out */
	SESSION_CATEGORY, /* FX_CATEGORY_CREATE is out */
	SESSION_CREATING, /* FX_CHANNEL_CREATE is out */
	SESSION_READY,
	SESSION_DELETING, /* FX_CHANNEL_DELETE is out */
};

struct session {
	struct session_row row;
	char *username;
	enum session_state state;
	uint32_t epoch;
	int tries;
	int64_t retry_ms;    /* when the state's effect is given out again; NEVER */
	int64_t deadline_ms; /* of the effect that is out; NEVER */
	int64_t saved_ms;    /* row.active_ms as it was last stored */
	UT_hash_handle hh;
};

#endif
