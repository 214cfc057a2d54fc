/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/limits.h"
#include "image/probe_parts.h"
#include "image/wire.h"

/* What is read of a stranger's picture before any decoder sees it. */

static void test_orientation(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int orientation;
	} cases[] = {
		{"", 0, 1},
		{"Exif\0\0", 6, 1},
		{"MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0\6\0\0", 22, 6},
		{"Exif\0\0MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0\10\0\0", 28, 8},
		{"II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\3\0\0\0", 22, 3},
		/* behind another entry */
		{"II*\0\10\0\0\0\2\0\1\1\3\0\1\0\0\0\5\0\0\0\22\1\3\0\1\0\0\0\3\0\0\0", 34, 3},
		/* impossible, of another type, cut off, far away */
		{"II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\11\0\0\0", 22, 1},
		{"II*\0\10\0\0\0\1\0\22\1\4\0\1\0\0\0\3\0\0\0", 22, 1},
		{"II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\3\0\0", 21, 1},
		{"II*\0\xff\xff\xff\xff\1\0\22\1\3\0\1\0\0\0\3\0\0\0", 22, 1},
		{"II*\0\10\0\0\0\xff\xff\1\1\3\0\1\0\0\0\5\0\0\0", 22, 1},
	};

	for (size_t i = 0; i < countof(cases); i++)
		assert_int_equal(exif_orientation((const uint8_t *)cases[i].bytes, cases[i].len),
			cases[i].orientation);
}

/* One pixel, then frames that want more than there is. */
static void test_gif(void **state)
{
	uint8_t gif[] = "GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;";
	struct probe probe;

	assert_int_equal(picture_probe(gif, sizeof(gif) - 1, &probe), CLEAN_OK);
	assert_int_equal(probe.width, 1);
	assert_int_equal(probe.canvas_height, 1);
	gif[24] = 9; /* the frame is wider than its data */
	assert_int_equal(picture_probe(gif, sizeof(gif) - 1, &probe), CLEAN_DAMAGED);
	gif[20] = 5; /* and stands further right than its screen */
	gif[24] = 1;
	assert_int_equal(picture_probe(gif, sizeof(gif) - 1, &probe), CLEAN_OK);
	assert_int_equal(probe.canvas_width, 6);
	gif[25] = gif[27] = 0xff;
	assert_int_equal(picture_probe(gif, sizeof(gif) - 1, &probe), CLEAN_TOO_MANY_PIXELS);
}

static void test_fit(void **state)
{
	static const struct {
		int width, height;
		struct clean_wish wish;
		struct picture_fit fit;
	} cases[] = {
		{100, 50, {0, 0, 0}, {0, 0, 100, 50, 100, 50}},
		{100, 50, {50, 0, 0}, {0, 0, 100, 50, 50, 25}},
		{103, 50, {0, 0, 8}, {2, 0, 98, 50, 96, 49 / 8 * 8}},
		{8000, 6000, {0, 0, 0}, {0, 0, 8000, 6000, 4618, 3464}},
		{1, 30000, {0, 0, 0}, {0, 0, 1, 30000, 1, 30000}},
		{30000, 1, {100, 0, 0}, {0, 0, 30000, 1, 100, 1}},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct picture_fit fit;

		picture_fit(cases[i].width, cases[i].height, &cases[i].wish, &fit);
		assert_int_equal(fit.width, cases[i].fit.width);
		assert_int_equal(fit.height, cases[i].fit.height);
		assert_true(fit.left >= 0 && fit.left + fit.from_width <= cases[i].width);
		assert_true(fit.top >= 0 && fit.top + fit.from_height <= cases[i].height);
		assert_true((int64_t)fit.width * fit.height <= CLEAN_PIXELS_MAX);
	}
}

static void test_wire(void **state)
{
	struct wire_answer answer = {.result = CLEAN_OK,
		.type = IMAGE_HEIC,
		.width = 3,
		.height = 4,
		.len = 5,
		.last = true};
	struct wire_request request = {.wish = {100, 1000000, 16}, .len = 77}, back;
	uint8_t head[WIRE_HEAD_LEN];
	struct wire_answer read;

	wire_put_request(head, &request);
	assert_int_equal(wire_get_request(head, &back), 0);
	assert_int_equal(back.len, 77);
	assert_int_equal(back.wish.max_side, 100);
	assert_int_equal(back.wish.max_pixels, 1000000);
	assert_int_equal(back.wish.multiple_of, 16);
	wire_put_answer(head, &answer);
	assert_int_equal(wire_get_answer(head, &read), 0);
	assert_memory_equal(&read, &answer, sizeof(answer));
	assert_true(wire_get_request(head, &back) < 0);
	/* A cleaner that was taken over may say anything. */
	answer.len = (uint32_t)CLEAN_PNG_MAX + 1;
	wire_put_answer(head, &answer);
	assert_true(wire_get_answer(head, &read) < 0);
	answer.len = 5;
	answer.result = CLEAN_DAMAGED; /* with a picture */
	wire_put_answer(head, &answer);
	assert_true(wire_get_answer(head, &read) < 0);
	answer = (struct wire_answer){.result = CLEAN_RESULTS};
	wire_put_answer(head, &answer);
	assert_true(wire_get_answer(head, &read) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orientation),
		cmocka_unit_test(test_gif),
		cmocka_unit_test(test_fit),
		cmocka_unit_test(test_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
