/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "comfy/options.h"
#include "workflow_kit.h"

/* A graph that takes everything. */
#define WHOLE                                                                                      \
	"{'4':{'class_type':'CheckpointLoaderSimple','inputs':{'ckpt_name':'base.safetensors'}},"  \
	"'40':{'class_type':'LoraLoaderModelOnly','inputs':{'lora_name':'old.safetensors',"        \
	"'strength_model':0.0,'model':['4',0]}},"                                                  \
	"'5':{'class_type':'EmptyLatentImage','inputs':{'width':1024,'height':1024,"               \
	"'batch_size':1}},"                                                                        \
	"'6':{'class_type':'CLIPTextEncode','inputs':{'text':'','clip':['4',1]}},"                 \
	"'7':{'class_type':'CLIPTextEncode','inputs':{'text':'bad','clip':['4',1]}},"              \
	"'3':{'class_type':'KSampler','inputs':{'seed':1,'steps':20,'cfg':8.0,'denoise':1.0,"      \
	"'model':['40',0],'positive':['6',0],'negative':['7',0],'latent_image':['5',0]}},"         \
	"'9':{'class_type':'SaveImage','inputs':{'filename_prefix':'x','images':['3',0]}}}"
/* One that takes a prompt and a seed. */
#define BARE                                                                                       \
	"{'4':{'class_type':'X','inputs':{}},"                                                     \
	"'6':{'class_type':'CLIPTextEncode','inputs':{'text':'','clip':['4',1]}},"                 \
	"'3':{'class_type':'KSampler','inputs':{'seed':1,'positive':['6',0],'model':['4',0]}},"    \
	"'9':{'class_type':'SaveImage','inputs':{'filename_prefix':'x','images':['3',0]}}}"

static void test_round_trip(void **state)
{
	struct options o = {0}, back;
	char *text;

	assert_null(options_text(&o));
	options_set(&o, FIELD_NEGATIVE, "blurry \"quotes\" \xc3\xb1");
	options_set(&o, FIELD_SIZE, "1344x768");
	options_set(&o, FIELD_CFG, "7.50");
	options_set(&o, FIELD_COUNT, "4");
	text = options_text(&o);
	assert_string_equal(text, "{\"negative\":\"blurry \\\"quotes\\\" \xc3\xb1\","
				  "\"size\":\"1344x768\",\"cfg\":\"7.50\",\"count\":\"4\"}");
	options_read(text, &back);
	for (int i = 0; i < FIELD_COUNT_OF; i++)
		assert_true((!o.text[i] && !back.text[i]) || str_eq(o.text[i], back.text[i]));
	assert_int_equal(options_count(&back), 4);
	options_free(&back);
	options_free(&o);
	free(text);
}

/* Rows of another version, or ones that somebody has edited by hand. */
static void test_tolerant(void **state)
{
	static const char *const nothing[] = {NULL, "", "null", "[]", "7", "\"size\"", "{",
		"{\"size\":", "{\"size\":[1]}", "{\"size\":null,\"steps\":{}}",
		"{\"future\":\"x\"}"};
	struct options o;

	for (size_t i = 0; i < countof(nothing); i++) {
		options_read(nothing[i], &o);
		assert_null(options_text(&o));
		assert_int_equal(options_count(&o), 1);
		options_free(&o);
	}
	options_read("{\"steps\":30,\"cfg\":7.5,\"count\":9,\"x\":1}", &o);
	assert_string_equal(o.text[FIELD_STEPS], "30");
	assert_string_equal(o.text[FIELD_CFG], "7.5");
	assert_int_equal(options_count(&o), 1);
	options_free(&o);
}

static void expect(
	const char *graph, const char *json, enum options_fault fault, enum workflow_field field)
{
	struct workflow *wf = kit_read("a", graph);
	enum workflow_field got = FIELD_PROMPT;
	struct options o;

	kit_no_problem(wf);
	options_read(json, &o);
	assert_int_equal(options_check(wf, &o, &got), fault);
	if (fault != OPTIONS_FIT)
		assert_int_equal(got, field);
	options_free(&o);
	workflow_free(wf);
}

static void test_check(void **state)
{
	expect(WHOLE, NULL, OPTIONS_FIT, 0);
	expect(WHOLE,
		"{\"negative\":\"n\",\"size\":\"16:9\",\"steps\":\"150\",\"cfg\":\"1.5\","
		"\"count\":\"4\",\"lora\":\"x\"}",
		OPTIONS_FIT, 0);
	expect(WHOLE, "{\"size\":\"10x10\"}", OPTIONS_RANGE, FIELD_SIZE);
	expect(WHOLE, "{\"size\":\"large\"}", OPTIONS_RANGE, FIELD_SIZE);
	expect(WHOLE, "{\"steps\":\"0\"}", OPTIONS_RANGE, FIELD_STEPS);
	expect(WHOLE, "{\"steps\":\"151\"}", OPTIONS_RANGE, FIELD_STEPS);
	expect(WHOLE, "{\"steps\":\"7.5\"}", OPTIONS_RANGE, FIELD_STEPS);
	expect(WHOLE, "{\"cfg\":\"31\"}", OPTIONS_RANGE, FIELD_CFG);
	expect(WHOLE, "{\"cfg\":\"nan\"}", OPTIONS_RANGE, FIELD_CFG);
	expect(WHOLE, "{\"count\":\"0\"}", OPTIONS_RANGE, FIELD_COUNT);
	expect(WHOLE, "{\"count\":\"5\"}", OPTIONS_RANGE, FIELD_COUNT);
	expect(WHOLE, "{\"lora\":\"\"}", OPTIONS_RANGE, FIELD_LORA);
	expect(BARE, NULL, OPTIONS_FIT, 0);
	expect(BARE, "{\"negative\":\"n\"}", OPTIONS_NO_INPUT, FIELD_NEGATIVE);
	expect(BARE, "{\"size\":\"1:1\"}", OPTIONS_NO_INPUT, FIELD_SIZE);
	expect(BARE, "{\"steps\":\"4\"}", OPTIONS_NO_INPUT, FIELD_STEPS);
	expect(BARE, "{\"cfg\":\"4\"}", OPTIONS_NO_INPUT, FIELD_CFG);
	expect(BARE, "{\"lora\":\"x\"}", OPTIONS_NO_INPUT, FIELD_LORA);
	/* One picture is what it gives; more it cannot. */
	expect(BARE, "{\"count\":\"1\"}", OPTIONS_FIT, 0);
	expect(BARE, "{\"count\":\"2\"}", OPTIONS_NO_INPUT, FIELD_COUNT);
}

static void test_fill(void **state)
{
	struct workflow *wf = kit_read("a", WHOLE);
	struct workflow_fill fill = {.prompt = "p"};
	struct options o;

	options_read("{\"negative\":\"n\",\"size\":\"1344x768\",\"steps\":\"30\",\"cfg\":\"1.50\","
		     "\"count\":\"3\",\"lora\":\"x.safetensors\"}",
		&o);
	options_fill(wf, &o, &fill);
	assert_string_equal(fill.negative, "n");
	assert_true(fill.width == 1344 && fill.height == 768);
	assert_int_equal(fill.steps, 30);
	assert_string_equal(fill.cfg, "1.50");
	assert_int_equal(fill.count, 3);
	assert_string_equal(fill.lora, "x.safetensors");
	options_free(&o);
	/* Nothing chosen: what the owner has written stays. */
	fill = (struct workflow_fill){.prompt = "p"};
	options_read(NULL, &o);
	options_fill(wf, &o, &fill);
	assert_true(!fill.negative && !fill.width && !fill.steps && !fill.cfg && !fill.count);
	options_free(&o);
	workflow_free(wf);
}

static void test_ends(void **state)
{
	struct workflow *wf = kit_read("a", WHOLE);
	char min[24], max[24];

	assert_true(workflow_ends(wf, FIELD_STEPS, min, max));
	assert_string_equal(min, "1");
	assert_string_equal(max, "150");
	assert_true(workflow_ends(wf, FIELD_SIZE, min, max));
	assert_string_equal(min, "64x64");
	assert_string_equal(max, "2048x2048");
	assert_true(workflow_ends(wf, FIELD_SEED, min, max));
	assert_string_equal(max, "18446744073709551615");
	assert_true(workflow_default(wf, FIELD_CFG, min));
	assert_string_equal(min, "8");
	assert_true(workflow_default(wf, FIELD_STEPS, min));
	assert_string_equal(min, "20");
	assert_false(workflow_ends(wf, FIELD_LORA, min, max));
	assert_false(workflow_ends(wf, FIELD_NEGATIVE, min, max));
	workflow_free(wf);
}

/* The files that the picture hangs on, whatever the nodes are called and in whichever order. */
static void test_weights(void **state)
{
	struct workflow *wf = kit_read("m", WHOLE);
	char *weights = workflow_weights(wf);

	assert_string_equal(weights, "base.safetensors\nold.safetensors");
	free(weights);
	workflow_free(wf);
	wf = kit_read("m",
		"{'9':{'class_type':'SaveImage','inputs':{'images':['3',0]}},"
		"'3':{'class_type':'KSampler','inputs':{'seed':1,'model':['2',0],'vae':['1',0],"
		"'positive':['6',0]}},"
		"'6':{'class_type':'CLIPTextEncode','inputs':{'text':'','clip':['5',0]}},"
		"'5':{'class_type':'DualCLIPLoader','inputs':{'clip_name1':'t5.safetensors',"
		"'clip_name2':'ae.safetensors'}},"
		"'2':{'class_type':'UNETLoader','inputs':{'unet_name':'flux.safetensors'}},"
		"'1':{'class_type':'VAELoader','inputs':{'vae_name':'ae.safetensors'}},"
		"'7':{'class_type':'UNETLoader','inputs':{'unet_name':'unused.safetensors'}}}");
	weights = workflow_weights(wf);
	assert_string_equal(weights, "ae.safetensors\nflux.safetensors\nt5.safetensors");
	free(weights);
	workflow_free(wf);
	wf = kit_read("m", BARE);
	assert_null(workflow_weights(wf));
	workflow_free(wf);
}

static void works(const struct workflow *wf, const char *chosen, int64_t expected)
{
	cleanup(options_free) struct options o;

	options_read(chosen, &o);
	assert_int_equal(workflow_work(wf, &o), expected);
}

static void test_work(void **state)
{
	struct workflow *wf = kit_read("m", WHOLE);

	assert_int_equal(workflow_work(wf, NULL), 1024 * 1024 * 20);
	works(wf, NULL, 1024 * 1024 * 20);
	works(wf, "{'steps':'30'}", 1024 * 1024 * 20); /* no JSON */
	works(wf, "{\"steps\":\"30\"}", 1024 * 1024 * 30);
	works(wf, "{\"size\":\"1024x768\",\"steps\":\"10\",\"count\":\"4\"}", 1024 * 768 * 10);
	workflow_free(wf);
	wf = kit_read("m", "{'1':{'class_type':'SaveImage','inputs':{}}}");
	assert_int_equal(workflow_work(wf, NULL), 0);
	workflow_free(wf);
}

static void test_lora_loader(void **state)
{
	struct workflow *wf = kit_read("a", WHOLE), *bare = kit_read("b", BARE);
	const char *class = NULL, *input = NULL;

	assert_true(workflow_lora_loader(wf, &class, &input));
	assert_string_equal(class, "LoraLoaderModelOnly");
	assert_string_equal(input, "lora_name");
	assert_false(workflow_lora_loader(bare, &class, &input));
	workflow_free(bare);
	workflow_free(wf);
}

static void test_seed(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} cases[] = {
		{"0", 0, 0},
		{"42", 0, 42},
		{"  42\t", 0, 42},
		{"18446744073709551615", 0, UINT64_MAX},
		{"18446744073709551616", -EINVAL, 0},
		{"99999999999999999999", -EINVAL, 0},
		{"0xff", 0, 255},
		{"0XFFFFFFFFFFFFFFFF", 0, UINT64_MAX},
		{"0x1FFFFFFFFFFFFFFFF", -EINVAL, 0},
		{"18 446 744", 0, 18446744},
		{"1,234_567", 0, 1234567},
		{"", -EINVAL, 0},
		{"   ", -EINVAL, 0},
		{"0x", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"1.5", -EINVAL, 0},
		{"ff", -EINVAL, 0},
		{"1e9", -EINVAL, 0},
		{"seed 5", -EINVAL, 0},
		{"5\n", -EINVAL, 0},
		{",5", -EINVAL, 0},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		uint64_t value = 77;

		assert_int_equal(seed_parse(cases[i].text, &value), cases[i].r);
		assert_int_equal(value, cases[i].r ? 77 : cases[i].value);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_tolerant),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_work),
		cmocka_unit_test(test_lora_loader),
		cmocka_unit_test(test_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
