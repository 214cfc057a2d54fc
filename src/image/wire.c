/* SPDX-License-Identifier: Apache-2.0 */
#include "image/wire.h"

#include <errno.h>
#include <limits.h>

#include "base/limits.h"
#include "image/formats.h"

#define HELLO	"FCh1"
#define REQUEST "FCr1"
#define ANSWER	"FCa1"

static void begin(uint8_t head[WIRE_HEAD_LEN], const char *magic)
{
	memset(head, 0, WIRE_HEAD_LEN);
	memcpy(head, magic, 4);
}

static void put(uint8_t *p, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

void wire_put_hello(uint8_t head[WIRE_HEAD_LEN], const struct wire_hello *hello)
{
	begin(head, HELLO);
	put(head + 4, hello->seccomp, 4);
	put(head + 8, (uint64_t)hello->landlock, 4);
	put(head + 12, hello->privileged, 4);
	put(head + 16, hello->decodes, 4);
}

int wire_get_hello(const uint8_t head[WIRE_HEAD_LEN], struct wire_hello *ret)
{
	if (memcmp(head, HELLO, 4) != 0 || le32(head + 8) > 1000 || le32(head + 16) >> IMAGE_TYPES)
		return -EBADMSG;
	*ret = (struct wire_hello){.seccomp = le32(head + 4) == 1,
		.landlock = (int)le32(head + 8),
		.privileged = le32(head + 12) != 0,
		.decodes = le32(head + 16)};
	return 0;
}

void wire_put_request(uint8_t head[WIRE_HEAD_LEN], const struct wire_request *request)
{
	begin(head, REQUEST);
	put(head + 4, request->len, 4);
	put(head + 8, (uint64_t)max_of(request->wish.max_side, 0), 4);
	put(head + 12, (uint64_t)max_of(request->wish.multiple_of, 0), 4);
	put(head + 16, (uint64_t)max_of(request->wish.max_pixels, INT64_C(0)), 8);
}

int wire_get_request(const uint8_t head[WIRE_HEAD_LEN], struct wire_request *ret)
{
	uint64_t pixels = le32(head + 16) | (uint64_t)le32(head + 20) << 32;

	if (memcmp(head, REQUEST, 4) != 0 || le32(head + 4) > PICTURE_BYTES_MAX ||
		le32(head + 8) > INT_MAX || le32(head + 12) > INT_MAX || pixels > INT64_MAX)
		return -EBADMSG;
	*ret = (struct wire_request){.len = le32(head + 4),
		.wish = {.max_side = (int)le32(head + 8),
			.multiple_of = (int)le32(head + 12),
			.max_pixels = (int64_t)pixels}};
	return 0;
}

void wire_put_answer(uint8_t head[WIRE_HEAD_LEN], const struct wire_answer *answer)
{
	begin(head, ANSWER);
	put(head + 4, answer->result, 4);
	put(head + 8, answer->type, 4);
	put(head + 12, answer->width, 4);
	put(head + 16, answer->height, 4);
	put(head + 20, answer->len, 4);
	put(head + 24, answer->last, 4);
}

/* A cleaner that was taken over by a picture is not believed more than necessary. */
int wire_get_answer(const uint8_t head[WIRE_HEAD_LEN], struct wire_answer *ret)
{
	struct wire_answer a = {
		.width = le32(head + 12), .height = le32(head + 16), .len = le32(head + 20)};
	bool ok = le32(head + 4) == CLEAN_OK;

	if (memcmp(head, ANSWER, 4) != 0 || le32(head + 4) >= CLEAN_RESULTS ||
		le32(head + 8) >= IMAGE_TYPES || a.len > CLEAN_PNG_MAX || ok != (a.len > 0) ||
		ok != (a.width > 0) || ok != (a.height > 0) || a.width > PICTURE_SIDE_MAX ||
		a.height > PICTURE_SIDE_MAX)
		return -EBADMSG;
	a.result = (enum clean_result)le32(head + 4);
	a.type = (enum image_type)le32(head + 8);
	a.last = le32(head + 24) != 0;
	*ret = a;
	return 0;
}
