/* SPDX-License-Identifier: Apache-2.0 */
#include "io/ws_frame.h"

#include <errno.h>

#include "base/json.h"

#define WS_PROTOCOL_ERROR (-1002)
#define WS_BAD_TEXT	  (-1007)
#define WS_TOO_BIG	  (-1009)

static size_t head_size(const struct ws_reader *r)
{
	size_t size = 2 + 4; /* a client's frames are always masked */

	if (r->head_len < 2)
		return 2;
	if ((r->head[1] & 127) == 126)
		size += 2;
	else if ((r->head[1] & 127) == 127)
		size += 8;
	return size;
}

/* A whole head is there: is this frame allowed here? */
static int frame_begin(struct ws_reader *r)
{
	size_t n = (r->head[1] & 127) == 126 ? 2 : (r->head[1] & 127) == 127 ? 8 : 0;
	uint64_t len = n ? 0 : r->head[1] & 127;

	for (size_t i = 0; i < n; i++)
		len = len << 8 | r->head[2 + i];
	r->final = r->head[0] & 128;
	r->opcode = r->head[0] & 15;
	r->left = len;
	r->at = 0;
	/* Reserved bits belong to extensions, and none was agreed on. */
	if (r->head[0] & 0x70)
		return WS_PROTOCOL_ERROR;
	if (r->opcode >= 8) {
		if (r->opcode > WS_PONGING || !r->final || len > WS_CONTROL_MAX)
			return WS_PROTOCOL_ERROR;
		r->control_len = 0;
		return 0;
	}
	if (r->opcode > WS_BINARY || (r->opcode == WS_CONTINUE) != r->in_message)
		return WS_PROTOCOL_ERROR;
	if (r->opcode != WS_CONTINUE) {
		buf_clear(&r->message);
		r->binary = r->opcode == WS_BINARY;
		r->in_message = true;
	}
	if (len > r->message.max - r->message.len)
		return WS_TOO_BIG;
	return 0;
}

static int payload_add(struct ws_reader *r, const uint8_t *data, size_t len)
{
	const uint8_t *mask = r->head + head_size(r) - 4;
	uint8_t plain[4096];

	for (size_t done = 0; done < len;) {
		size_t n = min_of(len - done, sizeof(plain));

		for (size_t i = 0; i < n; i++)
			plain[i] = data[done + i] ^ mask[(r->at + i) & 3];
		if (r->opcode >= 8) {
			memcpy(r->control + r->control_len, plain, n);
			r->control_len += n;
		} else if (buf_add(&r->message, plain, n) < 0) {
			return WS_TOO_BIG;
		}
		r->at += n;
		done += n;
	}
	return 0;
}

static int frame_end(struct ws_reader *r)
{
	r->in_payload = false;
	r->head_len = 0;
	switch (r->opcode) {
	case WS_CLOSING:
		return WS_CLOSE;
	case WS_PINGING:
		return WS_PING;
	case WS_PONGING:
		return WS_PONG;
	}
	if (!r->final)
		return WS_MORE;
	r->in_message = false;
	if (!r->binary && r->message.len && !utf8_valid(r->message.data, r->message.len) &&
		!memchr(r->message.data, 0, r->message.len))
		return WS_BAD_TEXT;
	return WS_MESSAGE;
}

int ws_read(struct ws_reader *r, const void *data, size_t len, size_t *ret_used)
{
	const uint8_t *p = data;
	size_t used = 0;
	int event = WS_MORE;

	while (event == WS_MORE && used < len) {
		if (!r->in_payload) {
			r->head[r->head_len++] = p[used++];
			/* Without its mask the head would be shorter: never wait for one. */
			if (r->head_len == 2 && !(r->head[1] & 128))
				event = WS_PROTOCOL_ERROR;
			if (r->head_len < head_size(r))
				continue;
			event = frame_begin(r);
			r->in_payload = true;
		} else {
			size_t n = (size_t)min_of(r->left, (uint64_t)(len - used));

			event = payload_add(r, p + used, n);
			used += n;
			r->left -= n;
		}
		if (event == WS_MORE && r->in_payload && !r->left)
			event = frame_end(r);
	}
	*ret_used = used;
	return event;
}

void ws_reader_free(struct ws_reader *reader)
{
	buf_free(&reader->message);
}

int ws_close_code(const struct ws_reader *reader)
{
	int code;

	if (reader->control_len == 0)
		return 1005;
	if (reader->control_len == 1)
		return WS_PROTOCOL_ERROR;
	code = reader->control[0] << 8 | reader->control[1];
	/* RFC 6455 7.4: 1004-1006 and 1015 never travel, 3000-4999 are free. */
	if (code < 1000 || (code >= 1004 && code <= 1006) || (code > 1014 && code < 3000) ||
		code > 4999)
		return WS_PROTOCOL_ERROR;
	return code;
}

size_t ws_frame_head(uint8_t head[WS_FRAME_HEAD_MAX], enum ws_opcode opcode, size_t len)
{
	size_t n = len < 126 ? 0 : len < 65536 ? 2 : 8;

	head[0] = (uint8_t)(0x80 | opcode);
	head[1] = (uint8_t)(n == 0 ? len : n == 2 ? 126 : 127);
	for (size_t i = 0; i < n; i++)
		head[2 + i] = (uint8_t)((uint64_t)len >> (8 * (n - 1 - i)));
	return 2 + n;
}
