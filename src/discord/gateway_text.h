/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_GATEWAY_TEXT_H
#define FULLET_DISCORD_GATEWAY_TEXT_H

#include "base/defs.h"
#include "discord/inflate.h"

/* What the gateway session says and how often it may, and what it lets into its own texts. */

/* Discord, "Gateway Opcodes": those that we send or act on. */
enum gateway_op {
	OP_DISPATCH = 0,
	OP_HEARTBEAT = 1,
	OP_IDENTIFY = 2,
	OP_RESUME = 6,
	OP_RECONNECT = 7,
	OP_INVALID_SESSION = 9,
	OP_HELLO = 10,
	OP_ACK = 11,
};

/* True for a ws:// or wss:// URL without user info that is not absurdly long. */
bool gateway_url_usable(const char *text);
/* The usable URL with version, encoding and compression; the caller owns it. */
char *gateway_url_query(const char *url, enum inflate_kind kind);
/* True for a session id that fits into a RESUME. */
bool gateway_session_usable(const char *id);
/* The peer's reason in a close frame as one short line; the caller owns it. */
char *gateway_reason(const char *reason);

/* Payloads, owned by the caller. NULL when the token makes them longer than GATEWAY_SEND_MAX
 * or is no text. seq -1: none yet. */
char *gateway_heartbeat_text(int64_t seq);
char *gateway_identify_text(const char *token, uint64_t intents);
char *gateway_resume_text(const char *token, const char *session_id, int64_t seq);

/* Discord: 120 sends per 60 s and connection, else close code 4008. */
#define SEND_MAX       120
#define SEND_WINDOW_MS 60000
#define SEND_RESERVED  5 /* kept for the regular heartbeats */

struct send_window {
	int64_t sent_ms[SEND_MAX]; /* a ring */
	unsigned n;
};
void send_window_reset(struct send_window *w);
void send_window_add(struct send_window *w, int64_t now_ms);
/* When one more may be sent with `reserve` places left over; in the past: now. */
int64_t send_window_free_ms(const struct send_window *w, unsigned reserve);

#endif
