/* SPDX-License-Identifier: Apache-2.0 */
#include "cleaner_kit.h"

#include <zlib.h>

#include "base/rng.h"

/* Pictures made to hurt, given to the real fullet-cleaner: each has one answer, in time. */

/* 10,000 mutations of seven pictures: some seconds; a machine that does something else at the same
 * time may take longer. */
#define MUTATIONS   10000
#define MUTATION_MS 150000

static int setup(void **state)
{
	struct rig *rig = xcalloc(1, sizeof(*rig));

	rig_new(rig, NULL);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	rig_free(*state);
	free(*state);
	return 0;
}

static void put_be32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void add_chunk(struct buf *out, const char *type, const void *data, size_t len)
{
	uint8_t head[8], crc[4];

	put_be32(head, (uint32_t)len);
	memcpy(head + 4, type, 4);
	assert_int_equal(buf_add(out, head, 8), 0);
	if (len)
		assert_int_equal(buf_add(out, data, len), 0);
	put_be32(crc,
		(uint32_t)crc32_z(0, (const uint8_t *)out->data + out->len - len - 4, len + 4));
	assert_int_equal(buf_add(out, crc, 4), 0);
}

/* A PNG of one colour: `rows` of the rows are really there. */
static struct buf bomb_png(uint32_t width, uint32_t height, uint32_t rows)
{
	uint8_t ihdr[13] = {[8] = 1};
	size_t raw_len = ((size_t)width + 7) / 8 * rows + rows;
	uLongf packed_len = compressBound(raw_len);
	uint8_t *raw = xcalloc(1, raw_len + 1), *packed = xcalloc(1, packed_len);
	struct buf out = BUF(64 * MIB);

	put_be32(ihdr, width);
	put_be32(ihdr + 4, height);
	assert_int_equal(compress2(packed, &packed_len, raw, raw_len, 9), Z_OK);
	assert_int_equal(buf_add(&out, "\x89PNG\r\n\x1a\n", 8), 0);
	add_chunk(&out, "IHDR", ihdr, sizeof(ihdr));
	add_chunk(&out, "IDAT", packed, packed_len);
	add_chunk(&out, "IEND", NULL, 0);
	free(raw);
	free(packed);
	return out;
}

static void is(struct clean_answer *a, enum clean_result result)
{
	assert_string_equal(clean_result_name(a->result), clean_result_name(result));
}

static void test_png_bombs(void **state)
{
	struct buf huge = bomb_png(50000, 50000, 1000), wide = bomb_png(40000, 1, 1);
	struct buf fits = bomb_png(7000, 7000, 7000), lies = bomb_png(7000, 7000, 10);
	struct clean_answer *a;

	is(rig_ask(*state, huge.data, huge.len, NULL), CLEAN_TOO_MANY_PIXELS);
	is(rig_ask(*state, wide.data, wide.len, NULL), CLEAN_TOO_MANY_PIXELS);
	is(rig_ask(*state, lies.data, lies.len, NULL), CLEAN_DAMAGED);
	a = rig_ask(*state, fits.data, fits.len, &(struct clean_wish){.max_side = 512});
	is(a, CLEAN_OK);
	assert_int_equal(a->width, 512);
	buf_free(&huge);
	buf_free(&wide);
	buf_free(&fits);
	buf_free(&lies);
}

/* The size that a header tells is raised; the data stays. */
static void patched(struct rig *rig, struct buf picture, size_t at, const void *bytes, size_t len,
	enum clean_result result)
{
	memcpy(picture.data + at, bytes, len);
	is(rig_ask(rig, picture.data, picture.len, NULL), result);
	buf_free(&picture);
}

static size_t find(const struct buf *in, const char *what, size_t len)
{
	const char *p = memmem(in->data, in->len, what, len);

	assert_non_null(p);
	return (size_t)(p - in->data);
}

static void test_lying_headers(void **state)
{
	struct rig *rig = *state;
	struct buf jpeg = rig_jpeg(96, 80), avif = rig_file("plain.avif"),
		   heic = rig_file("plain.heic");
	size_t sof = find(&jpeg, "\xff\xc0", 2), ispe;

	patched(rig, jpeg, sof + 5, "\xff\xff\xff\xff", 4, CLEAN_TOO_MANY_PIXELS);
	patched(rig, rig_gif(96, 80), 6, "\xff\xff\xff\xff", 4, CLEAN_TOO_MANY_PIXELS);
	patched(rig, rig_webp(96, 80, false), 26, "\xff\x3f\xff\x3f", 4, CLEAN_TOO_MANY_PIXELS);
	ispe = find(&avif, "ispe", 4);
	patched(rig, avif, ispe + 8, "\0\1\0\0\0\1\0\0", 8, CLEAN_TOO_MANY_PIXELS);
	ispe = find(&heic, "ispe", 4);
	patched(rig, heic, ispe + 8, "\0\1\0\0\0\1\0\0", 8, CLEAN_TOO_MANY_PIXELS);
}

static void mutate(struct rng *rng, struct buf *picture)
{
	size_t n = 1 + rng_below(rng, 8);

	while (n-- > 0) {
		size_t at = rng_below(rng, picture->len);

		switch (rng_below(rng, 4)) {
		case 0:
			picture->data[at] ^= (char)(1u << rng_below(rng, 8));
			break;
		case 1:
			picture->data[at] = (char)rng_below(rng, 256);
			break;
		case 2: /* a run of bytes that headers dislike */
			memset(picture->data + at, rng_below(rng, 2) ? 0xff : 0,
				min_of((size_t)4, picture->len - at));
			break;
		default:
			if (rng_below(rng, 4) == 0)
				picture->len = max_of(at, (size_t)16);
		}
	}
}

/* A checksum of a PNG's chunk keeps mutations from its decoder: every other one gets right ones. */
static void repair(struct buf *png)
{
	uint8_t *p = (uint8_t *)png->data;

	for (size_t at = 8, len; at + 12 <= png->len; at += len + 12) {
		len = (size_t)p[at] << 24 | (size_t)p[at + 1] << 16 | (size_t)p[at + 2] << 8 |
		      p[at + 3];
		if (len > png->len - at - 12)
			return;
		put_be32(p + at + 8 + len, (uint32_t)crc32_z(0, p + at + 4, len + 4));
	}
}

static void test_ten_thousand_mutations(void **state)
{
	struct rig *rig = *state;
	struct buf corpus[] = {rig_png(40, 30), rig_jpeg(40, 30), rig_webp(40, 30, false),
		rig_webp(40, 30, true), rig_gif(40, 30), rig_file("plain.avif"),
		rig_file("alpha.heic")};
	int64_t began_ms = loop_now(rig->loop);
	struct rng rng;
	int answers = 0;

	rng_seed(&rng, 1);
	for (int i = 0; i < MUTATIONS;) {
		for (int k = 0; k < CLEAN_QUEUE_MAX && i < MUTATIONS; k++, i++) {
			const struct buf *from = &corpus[(size_t)i % countof(corpus)];
			struct buf picture = BUF(1 * MIB);

			assert_int_equal(buf_add(&picture, from->data, from->len), 0);
			mutate(&rng, &picture);
			if (i % 2 && image_sniff(picture.data, picture.len) == IMAGE_PNG)
				repair(&picture);
			rig_send(rig, picture.data, picture.len, NULL);
			buf_free(&picture);
		}
		rig_wait(rig, 60000);
		rig_forget(rig);
		assert_true(loop_now(rig->loop) - began_ms < MUTATION_MS);
	}
	for (int result = 0; result < CLEAN_RESULTS; result++) {
		print_message("%6d %s\n", rig->results[result],
			clean_result_name((enum clean_result)result));
		answers += rig->results[result];
	}
	assert_int_equal(answers, MUTATIONS);
	assert_int_equal(rig->results[CLEAN_UNAVAILABLE], 0);
	assert_true(rig->results[CLEAN_OK] > 100 && rig->results[CLEAN_DAMAGED] > 100);
	for (size_t i = 0; i < countof(corpus); i++)
		buf_free(&corpus[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_png_bombs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lying_headers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ten_thousand_mutations, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
