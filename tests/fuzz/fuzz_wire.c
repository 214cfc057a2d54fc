/* SPDX-License-Identifier: Apache-2.0 */

/* The heads that the bot and its cleaner send each other: whatever is taken is possible, and is the
 * same when it is written again. The first byte chooses which of the three. */

#include <errno.h>

#include "base/limits.h"
#include "image/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_hello(const uint8_t *head)
{
	struct wire_hello hello, again;
	uint8_t written[WIRE_HEAD_LEN];

	if (wire_get_hello(head, &hello) < 0)
		return;
	must(hello.landlock >= 0 && hello.decodes >> IMAGE_TYPES == 0);
	wire_put_hello(written, &hello);
	must(wire_get_hello(written, &again) == 0);
	must(again.seccomp == hello.seccomp && again.landlock == hello.landlock &&
		again.privileged == hello.privileged && again.decodes == hello.decodes);
}

static void check_request(const uint8_t *head)
{
	struct wire_request request, again;
	uint8_t written[WIRE_HEAD_LEN];

	if (wire_get_request(head, &request) < 0)
		return;
	must(request.len <= PICTURE_BYTES_MAX && request.wish.max_side >= 0 &&
		request.wish.multiple_of >= 0 && request.wish.max_pixels >= 0);
	wire_put_request(written, &request);
	must(wire_get_request(written, &again) == 0);
	must(again.len == request.len && again.wish.max_side == request.wish.max_side &&
		again.wish.multiple_of == request.wish.multiple_of &&
		again.wish.max_pixels == request.wish.max_pixels);
}

/* A cleaner that was taken over may say anything: a picture has a size, and nothing else has one.
 */
static void check_answer(const uint8_t *head)
{
	struct wire_answer answer, again;
	uint8_t written[WIRE_HEAD_LEN];
	bool ok;

	if (wire_get_answer(head, &answer) < 0)
		return;
	ok = answer.result == CLEAN_OK;
	must(answer.result < CLEAN_RESULTS && answer.type < IMAGE_TYPES);
	must(answer.len <= CLEAN_PNG_MAX && ok == (answer.len > 0));
	must(ok == (answer.width > 0) && ok == (answer.height > 0));
	must(answer.width <= PICTURE_SIDE_MAX && answer.height <= PICTURE_SIDE_MAX);
	wire_put_answer(written, &answer);
	must(wire_get_answer(written, &again) == 0);
	must(again.result == answer.result && again.type == answer.type &&
		again.width == answer.width && again.height == answer.height &&
		again.len == answer.len && again.last == answer.last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const checks[])(const uint8_t *head) = {
		check_hello, check_request, check_answer};
	uint8_t head[WIRE_HEAD_LEN] = {0};

	if (size < 1)
		return 0;
	memcpy(head, data + 1, min_of(size - 1, sizeof(head)));
	checks[data[0] % countof(checks)](head);
	return 0;
}
