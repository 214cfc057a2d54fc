/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/limits.h"
#include "sandbox/draw.h"

static int setup(void **state)
{
	struct drawer *d = NULL;
	char *why = NULL;

	if (drawer_open(&d, &why) < 0)
		fail_msg("%s", why);
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	drawer_close(*state);
	return 0;
}

static bool is_a(const char *type, const char *data, size_t len)
{
	return len > 12 && (str_eq(type, "png") ? memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0
				   : str_eq(type, "jpeg") ? memcmp(data, "\xff\xd8\xff", 3) == 0
							  : memcmp(data + 8, "WEBP", 4) == 0);
}

static void check(struct drawer *d, const char *what, world_draw *draw, world_transcode *transcode)
{
	/* Hostile captions too: no end of a character, controls, nothing at all. */
	static const char *const prompts[] = {
		"a fox", "", "un ñandú, ¿sí?", "\xf0\x9f", "\xff\xfe\xc3", "a\nb\tc\x01", NULL};
	static const int sizes[][2] = {{1024, 1024}, {16, 16}, {64, 400}, {1, 1}, {832, 1216}};

	for (size_t i = 0; i < countof(prompts); i++)
		for (size_t k = 0; k < countof(sizes); k++)
			for (int percent = 0; percent <= 100; percent += 50) {
				struct draw_request req = {.width = sizes[k][0],
					.height = sizes[k][1],
					.seed = i * 7919 + k,
					.prompt = prompts[i],
					.percent = percent,
					.jpeg = percent < 100};
				char *out = NULL, *again = NULL;
				size_t len = draw(d, &req, &out), n;

				if (!is_a(req.jpeg ? "jpeg" : "png", out, len))
					fail_msg("%s: prompt %zu size %zu percent %d", what, i, k,
						percent);
				if (k == 1 && percent == 100) {
					n = transcode(d, out, len, "webp", 80, &again);
					assert_true(is_a("webp", again, n));
					free(again);
					n = transcode(d, out, len, "jpeg", 80, &again);
					assert_true(is_a("jpeg", again, n));
					free(again);
				}
				free(out);
			}
}

static void test_module(void **state)
{
	check(*state, "module", drawer_draw, drawer_transcode);
}

static void test_tiny(void **state)
{
	check(NULL, "tiny", draw_tiny, transcode_tiny);
}

static void test_same_seed_same_picture(void **state)
{
	struct draw_request req = {
		.width = 128, .height = 128, .seed = 5, .prompt = "x", .percent = 100};
	char *a, *b, *c;
	size_t len = drawer_draw(*state, &req, &a);

	assert_int_equal(drawer_draw(*state, &req, &b), len);
	assert_memory_equal(a, b, len);
	req.seed = 6;
	assert_false(drawer_draw(*state, &req, &c) == len && memcmp(a, c, len) == 0);
	free(a);
	free(b);
	free(c);
}

/* An edit shows what it was made from: other bytes, another picture. */
static void test_made_from_another(void **state)
{
	struct draw_request req = {
		.width = 64, .height = 64, .seed = 5, .prompt = "a hat", .percent = 100};
	struct draw_request bases[] = {req, req};
	char *base[2] = {NULL, NULL}, *out[3] = {NULL, NULL, NULL};
	size_t len[3];

	for (size_t i = 0; i < 2; i++) {
		bases[i].seed = 100 + i;
		req.base_len = drawer_draw(*state, &bases[i], &base[i]);
		req.base = base[i];
		len[i] = drawer_draw(*state, &req, &out[i]);
		assert_true(is_a("png", out[i], len[i]));
	}
	req.base = "no picture at all";
	req.base_len = strlen(req.base);
	len[2] = drawer_draw(*state, &req, &out[2]);
	assert_true(is_a("png", out[2], len[2]));
	assert_false(len[0] == len[1] && memcmp(out[0], out[1], len[0]) == 0);
	assert_false(len[0] == len[2] && memcmp(out[0], out[2], len[0]) == 0);
	for (size_t i = 0; i < 3; i++)
		free(out[i]);
	free(base[0]);
	free(base[1]);
}

static void test_size_on_demand(void **state)
{
	static const size_t wanted[] = {MIB, 2 * MIB, 12 * MIB};

	for (size_t i = 0; i < countof(wanted); i++) {
		struct draw_request req = {.width = 1024,
			.height = 1024,
			.prompt = "x",
			.percent = 100,
			.pad_bytes = wanted[i]};
		char *out, *again;
		size_t len = drawer_draw(*state, &req, &out), n;

		assert_in_range(len, wanted[i] - wanted[i] / 8, wanted[i] + wanted[i] / 8);
		n = drawer_transcode(*state, out, len, "webp", 60, &again);
		assert_in_range(n, 100, len);
		free(again);
		free(out);
	}
}

static void test_no_picture(void **state)
{
	static const char *const junk[] = {"", "junk that is long enough",
		"\x89PNG\r\n\x1a\n and then nothing", "\xff\xd8\xff\xe0 and then nothing",
		"RIFF....WEBP and then nothing"};

	for (size_t i = 0; i < countof(junk); i++) {
		char *out = NULL;

		assert_int_equal(
			drawer_transcode(*state, junk[i], strlen(junk[i]), "webp", 80, &out), 0);
		free(out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_module),
		cmocka_unit_test(test_tiny),
		cmocka_unit_test(test_same_seed_same_picture),
		cmocka_unit_test(test_made_from_another),
		cmocka_unit_test(test_size_on_demand),
		cmocka_unit_test(test_no_picture),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
