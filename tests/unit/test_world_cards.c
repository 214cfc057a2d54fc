/* SPDX-License-Identifier: Apache-2.0 */
#include "world_comfy_kit.h"

/* The memory and the time of the sandbox's cards. */

#define ONE(file, side, batch, seed)                                                                    \
	"{\"1\":{\"class_type\":\"CheckpointLoaderSimple\",\"inputs\":{\"ckpt_name\":\"" file           \
	"\"}},"                                                                                         \
	"\"2\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"a fox\",\"clip\":[\"1\",1]}}," \
	"\"3\":{\"class_type\":\"EmptyLatentImage\",\"inputs\":{\"width\":" side                        \
	",\"height\":" side ",\"batch_size\":" batch "}},"                                              \
	"\"4\":{\"class_type\":\"KSampler\",\"inputs\":{\"model\":[\"1\",0],\"seed\":" seed             \
	",\"steps\":2,\"cfg\":1,\"sampler_name\":\"euler\",\"scheduler\":\"simple\",\"positive\":"      \
	"[\"2\",0],\"negative\":[\"2\",0],\"latent_image\":[\"3\",0],\"denoise\":1}},"                  \
	"\"5\":{\"class_type\":\"VAEDecode\",\"inputs\":{\"samples\":[\"4\",0],\"vae\":[\"1\",2]}},"    \
	"\"6\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"5\",0],\"filename_prefix\":"     \
	"\"x\"}}}"
#define SDXL(side, batch, seed) ONE("sd_xl_base_1.0.safetensors", side, batch, seed) /* 6940 MB */
#define SD15(seed)		ONE("v1-5-pruned-emaonly-fp16.safetensors", "1024", "1", seed) /* 2130 MB */
#define FLUX(seed)		ONE("flux1-schnell-fp8.safetensors", "1024", "1", seed) /* 11900 MB */

static void begin(void **state, const struct world_card *card)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct world_config config = {.seed = 1,
		.step_ms = 1000,
		.load_ms = 10000,
		.cards = card,
		.n_cards = card != NULL,
		.draw = draw_tiny};

	f->now = T0;
	f->w = comfy_world_new(&config, f->now);
	*state = f;
}

/* How long the prompt takes, until its history is there; its status. */
static int64_t run(struct fixture *f, const char *graph, const char *status)
{
	int64_t before = f->now;

	assert_int_equal(submit(f, ID_A, graph), 200);
	while (comfy_world_deadline(f->w) != NEVER)
		pass(f, max_of(comfy_world_deadline(f->w) - f->now, (int64_t)0));
	get(f, "/history/" ID_A);
	assert_string_equal(json_str(f->json, ID_A ".status.status_str"), status);
	return f->now - before;
}

static int64_t fact(struct fixture *f, const char *path)
{
	cleanup(json_put) struct json_object *state = json_object_new_object();

	comfy_world_state(f->w, state);
	return json_int(state, path, -1);
}

/* Loading by size, steps by size, model and speed, further pictures cheaper. */
static void test_times(void **state)
{
	static const struct world_card card = {.vram_mb = 24576, .speed = 500, .load_speed = 2000};
	struct fixture *f;

	begin(state, NULL);
	f = *state;
	assert_int_equal(run(f, SDXL("1024", "1", "1"), "success"), 6940 + 2 * 500);
	assert_int_equal(run(f, SDXL("1024", "1", "2"), "success"), 2 * 500);
	assert_int_equal(run(f, SDXL("512", "1", "2"), "success"), 2 * 125);
	assert_int_equal(run(f, SDXL("1024", "3", "2"), "success"), 2 * (500 + 2 * 360));
	teardown(state);
	begin(state, &card);
	f = *state;
	assert_int_equal(run(f, SDXL("1024", "1", "1"), "success"), 6940 / 2 + 2 * 1000);
	teardown(state);
}

/* The default cache keeps the last prompt's weights only. */
static void test_default_cache(void **state)
{
	struct fixture *f;

	begin(state, NULL);
	f = *state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(run(f, i ? SD15("3") : SD15("1"), "success"), 2130 + 2 * 200);
		assert_int_equal(run(f, SDXL("1024", "1", "2"), "success"), 6940 + 2 * 500);
	}
	assert_int_equal(fact(f, "comfy.card.loads"), 4);
	assert_int_equal(fact(f, "comfy.card.used_mb"), 6940);
	teardown(state);
}

/* With --cache-lru they stay until another needs the room: the longest unused goes. */
static void test_lru(void **state)
{
	static const struct world_card card = {.vram_mb = 16384, .lru = true};
	struct fixture *f;

	begin(state, &card);
	f = *state;
	run(f, SD15("1"), "success");
	run(f, SDXL("1024", "1", "1"), "success");
	assert_int_equal(run(f, SD15("2"), "success"), 2 * 200);
	assert_int_equal(run(f, SDXL("1024", "1", "2"), "success"), 2 * 500);
	assert_int_equal(fact(f, "comfy.card.used_mb"), 6940 + 2130);
	/* 11900 and its work beside SDXL is too much, beside neither is enough: 16384 - 400 - 1200.
	 */
	run(f, FLUX("1"), "success");
	assert_int_equal(fact(f, "comfy.card.used_mb"), 11900);
	assert_int_equal(fact(f, "comfy.card.loads"), 3);
	/* Its loader's result was kept, its weights were not: they come before the first step. */
	assert_int_equal(run(f, SD15("3"), "success"), 2130 + 2 * 200);
	assert_int_equal(fact(f, "comfy.card.used_mb"), 11900 + 2130);
	teardown(state);
}

static void test_out_of_memory(void **state)
{
	static const struct world_card card = {.vram_mb = 8192, .lru = true};
	struct fixture *f;

	begin(state, &card);
	f = *state;
	run(f, SD15("1"), "success");
	run(f, FLUX("1"), "error");
	assert_string_equal(json_str(f->json, ID_A ".status.messages.2.1.exception_type"),
		"torch.OutOfMemoryError");
	/* All models are unloaded then. */
	assert_int_equal(fact(f, "comfy.card.used_mb"), 0);
	/* 6940 + 1200 of 8192 - 400: too much; half the side takes a quarter. */
	run(f, SDXL("1024", "1", "1"), "error");
	run(f, SDXL("512", "1", "1"), "success");
	/* So do many pictures at once, and other programs. */
	run(f, SDXL("512", "8", "2"), "error");
	run(f, SDXL("512", "2", "2"), "success");
	fault(f, "{\"kind\":\"comfy_foreign\",\"mb\":1000}");
	run(f, SDXL("512", "1", "3"), "error");
	fault(f, "{\"kind\":\"comfy_foreign\",\"mb\":0}");
	run(f, SDXL("512", "1", "3"), "success");
	teardown(state);
}

#define MB(n) (INT64_C(1048576) * (n))

static void expect_stats(struct fixture *f, int64_t free, int64_t torch, int64_t torch_free)
{
	get(f, "/system_stats");
	assert_int_equal(json_int(f->json, "devices.0.vram_total", 0), MB(16384));
	assert_int_equal(json_int(f->json, "devices.0.vram_free", 0), MB(free));
	assert_int_equal(json_int(f->json, "devices.0.torch_vram_total", 0), MB(torch));
	assert_int_equal(json_int(f->json, "devices.0.torch_vram_free", 0), MB(torch_free));
}

static void test_stats(void **state)
{
	struct fixture *f;

	begin(state, NULL);
	f = *state;
	expect_stats(f, 15984, 0, 0);
	run(f, SDXL("1024", "1", "1"), "success");
	expect_stats(f, 15984 - 6940, 6972, 32);
	fault(f, "{\"kind\":\"comfy_foreign\",\"mb\":3000}");
	expect_stats(f, 12984 - 6940, 6972, 32);
	/* While it works, its working memory too. */
	submit(f, ID_B, SDXL("1024", "1", "2"));
	pass(f, 10);
	expect_stats(f, 12984 - 6940 - 1200, 8172, 32);
	pass(f, 2000);
	fault(f, "{\"kind\":\"comfy_foreign\",\"mb\":90000}");
	expect_stats(f, 0, 0, 0);
	fault(f, "{\"kind\":\"comfy_foreign\",\"mb\":0}");
	assert_int_equal(post(f, "/free", "{\"unload_models\":true}"), 200);
	expect_stats(f, 15984, 0, 0);
	teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_default_cache),
		cmocka_unit_test(test_lru),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
