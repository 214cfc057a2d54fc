/* SPDX-License-Identifier: Apache-2.0 */

/* WebSocket frames: cut into pieces of any size they tell the same as in one. The first byte is the
 * size of the pieces. */

#include <stdlib.h>

#include "io/ws_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MESSAGE_MAX 4096

struct told {
	uint64_t hash;
	int events, error;
};

static void mix(struct told *told, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		told->hash = (told->hash ^ p[i]) * UINT64_C(0x100000001b3);
}

static struct told read_all(const uint8_t *data, size_t size, size_t piece)
{
	struct ws_reader reader = {.message = BUF(MESSAGE_MAX)};
	struct told told = {0};

	for (size_t at = 0; at < size && !told.error;) {
		size_t end = min_of(size, at + piece);

		while (at < end) {
			size_t used = 0;
			int r = ws_read(&reader, data + at, end - at, &used);

			must(used <= end - at && (r != WS_MORE || at + used == end));
			at += used;
			if (r == WS_MORE)
				continue;
			if (r < 0) {
				must(r == -1002 || r == -1007 || r == -1009);
				told.error = r;
				break;
			}
			told.events++;
			must(reader.message.len <= MESSAGE_MAX &&
				reader.control_len <= WS_CONTROL_MAX);
			mix(&told, &r, sizeof(r));
			if (r == WS_MESSAGE)
				mix(&told, reader.message.data, reader.message.len);
			else
				mix(&told, reader.control, reader.control_len);
			if (r == WS_CLOSE)
				(void)ws_close_code(&reader);
		}
	}
	ws_reader_free(&reader);
	return told;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct told whole, pieces;

	if (size < 1)
		return 0;
	whole = read_all(data + 1, size - 1, size);
	pieces = read_all(data + 1, size - 1, 1 + data[0] % 16);
	must(whole.error == pieces.error && whole.events == pieces.events &&
		whole.hash == pieces.hash);
	return 0;
}
