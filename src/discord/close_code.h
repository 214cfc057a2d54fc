/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_CLOSE_CODE_H
#define FULLET_DISCORD_CLOSE_CODE_H

#include "base/defs.h"

/* What follows when Discord closes the gateway with a code. */
enum close_verdict {
	CLOSE_RESUME,	/* reconnect and RESUME; a RESUME that fails costs only an op 9 */
	CLOSE_PAUSE,	/* the same, but not at once: we broke a rule of the protocol */
	CLOSE_IDENTIFY, /* the session is gone */
	CLOSE_FATAL,	/* a person has to change something */
};

/* *ret_sentence (may be NULL) is static: what happened and, when fatal, what to change. */
enum close_verdict close_code_verdict(int code, const char **ret_sentence);

#endif
