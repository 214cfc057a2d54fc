/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IO_WS_FRAME_H
#define FULLET_IO_WS_FRAME_H

#include "base/buf.h"

/*
 * WebSocket frames (RFC 6455) as a server reads and writes them. Pure: bytes in,
 * whole messages out.
 */
enum ws_event { WS_MORE, WS_MESSAGE, WS_PING, WS_PONG, WS_CLOSE };

enum ws_opcode {
	WS_CONTINUE = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSING = 8,
	WS_PINGING = 9,
	WS_PONGING = 10
};

#define WS_CONTROL_MAX	  125
#define WS_FRAME_HEAD_MAX 10

struct ws_reader {
	struct buf message; /* born with its ceiling; valid after WS_MESSAGE, until the next feed */
	bool binary;
	uint8_t control[WS_CONTROL_MAX]; /* after WS_PING, WS_PONG, WS_CLOSE */
	size_t control_len;

	bool in_message, whole; /* private from here on */
	uint8_t head[14];
	size_t head_len;
	uint8_t opcode;
	bool final, in_payload;
	uint64_t left;
	size_t at;
};

/*
 * Takes bytes up to the end of the next frame that tells something. *ret_used: how
 * many. An error is a negated close code (1002 protocol error, 1007 bad text, 1009
 * too big) with which the connection is to be closed.
 */
int ws_read(struct ws_reader *reader, const void *data, size_t len, size_t *ret_used);
void ws_reader_free(struct ws_reader *reader);
/* The code in a received close frame; 1005 when it holds none; -1002 when it is malformed. */
int ws_close_code(const struct ws_reader *reader);

/* Writes the head of an unmasked final frame; returns its length. */
size_t ws_frame_head(uint8_t head[WS_FRAME_HEAD_MAX], enum ws_opcode opcode, size_t len);

#endif
