/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_TESTS_STRIP_KIT_H
#define FULLET_TESTS_STRIP_KIT_H

/* What the tests of the picture filter share. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/limits.h"
#include "image/strip.h"

/* What must not be found in any output: it stands in every piece of metadata put in here. */
#define SECRET "SECRETWORKFLOW"

static inline struct buf bytes(void)
{
	return BUF(4 * MIB);
}

static inline void add(struct buf *b, const void *data, size_t len)
{
	assert_int_equal(buf_add(b, data, len), 0);
}

static inline void add_be32(struct buf *b, uint32_t v)
{
	add(b, (uint8_t[]){(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v},
		4);
}

static inline void add_le32(struct buf *b, uint32_t v)
{
	add(b, (uint8_t[]){(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)},
		4);
}

static inline bool holds(const struct buf *b, const char *text)
{
	return b->len && memmem(b->data, b->len, text, strlen(text));
}

/* The output is clean, and stays what it is when stripped once more. */
static inline void strips_clean(const struct buf *in, struct buf *out)
{
	struct buf again = bytes();
	const char *why = NULL;

	*out = bytes();
	if (image_strip(in->data, in->len, out, &why))
		fail_msg("%s", why);
	assert_false(holds(out, SECRET));
	assert_int_equal(image_strip(out->data, out->len, &again, &why), 0);
	assert_int_equal(again.len, out->len);
	assert_memory_equal(again.data, out->data, out->len);
	buf_free(&again);
}

static inline void strip_refuses(const void *data, size_t len, const char *part)
{
	struct buf out = bytes();
	const char *why = NULL;

	add(&out, "old", 3);
	assert_int_equal(image_strip(data, len, &out, &why), -EBADMSG);
	assert_int_equal(out.len, 0);
	if (!why || !strstr(why, part))
		fail_msg("\"%s\" does not say \"%s\"", why ? why : "", part);
	buf_free(&out);
}

/* However much of a file arrives, it is refused with a reason until it is whole. */
static inline void refuses_each_prefix(const struct buf *in, size_t whole)
{
	for (size_t len = 0; len < whole; len++) {
		struct buf out = bytes();
		const char *why = NULL;
		/* of the exact size: a read beyond it is seen */
		char *tight = memcpy(xcalloc(1, len ? len : 1), in->data, len);

		assert_int_equal(image_strip(tight, len, &out, &why), -EBADMSG);
		assert_non_null(why);
		assert_int_equal(out.len, 0);
		free(tight);
		buf_free(&out);
	}
}

#endif
