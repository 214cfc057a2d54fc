/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "workflow_kit.h"

/* A graph that takes everything; `more` are nodes between. */
#define FULL(latent, more)                                                                         \
	"{'4':{'class_type':'CheckpointLoaderSimple','inputs':{'ckpt_name':'base.safetensors'}},"  \
	"'5':{'class_type':'" latent                                                               \
	"','inputs':{'width':1024,'height':1024,'batch_size':1}}," more                            \
	"'6':{'class_type':'CLIPTextEncode','inputs':{'text':'','clip':['4',1]}},"                 \
	"'7':{'class_type':'CLIPTextEncode','inputs':{'text':'bad','clip':['4',1]}},"              \
	"'3':{'class_type':'KSampler','inputs':{'seed':1,'steps':20,'cfg':8.0,'denoise':1.0,"      \
	"'model':['40',0],'positive':['6',0],'negative':['7',0],'latent_image':['5',0]}},"         \
	"'9':{'class_type':'SaveImage','inputs':{'filename_prefix':'x','images':['3',0]}}}"
#define LORA(strength)                                                                             \
	"'40':{'class_type':'LoraLoaderModelOnly','inputs':{'lora_name':'old.safetensors',"        \
	"'strength_model':" strength ",'model':['4',0]}},"
#define PLAIN FULL("EmptyLatentImage", "'40':{'class_type':'X','inputs':{'model':['4',0]}},")

static char *filled(const struct workflow *wf, const struct workflow_fill *fill, const char *path)
{
	char *text = workflow_fill(wf, fill), *out;
	struct json_object *doc = json_parse(text, strlen(text), NULL);

	assert_non_null(doc);
	out = xstrdup(json_object_to_json_string_ext(json_at(doc, path), JSON_C_TO_STRING_PLAIN));
	json_put(&doc);
	free(text);
	return out;
}

static void expect_fill(const struct workflow *wf, const struct workflow_fill *fill,
	const char *path, const char *expected)
{
	char *found = filled(wf, fill, path);

	assert_string_equal(found, expected);
	free(found);
}

static void test_every_option(void **state)
{
	struct workflow *wf = kit_read("a", FULL("EmptyLatentImage", LORA("0.8")));
	struct workflow_fill all = {.prompt = "p", .negative = "n", .seed = 5, .width = 640,
		.height = 480, .steps = 7, .cfg = "1.50", .count = 3, .lora = "new.safetensors"};
	struct workflow_fill none = {.prompt = "p", .seed = 5};

	kit_no_problem(wf);
	expect_fill(wf, &all, "7.inputs.text", "\"n\"");
	expect_fill(wf, &all, "5.inputs.width", "640");
	expect_fill(wf, &all, "5.inputs.height", "480");
	expect_fill(wf, &all, "5.inputs.batch_size", "3");
	expect_fill(wf, &all, "3.inputs.steps", "7");
	expect_fill(wf, &all, "3.inputs.cfg", "1.50");
	expect_fill(wf, &all, "40.inputs.lora_name", "\"new.safetensors\"");
	expect_fill(wf, &all, "40.inputs.strength_model", "0.8");
	expect_fill(wf, &none, "7.inputs.text", "\"bad\"");
	expect_fill(wf, &none, "5.inputs.width", "1024");
	expect_fill(wf, &none, "5.inputs.batch_size", "1");
	expect_fill(wf, &none, "3.inputs.steps", "20");
	expect_fill(wf, &none, "3.inputs.cfg", "8.0");
	expect_fill(wf, &none, "40.inputs.lora_name", "\"old.safetensors\"");
	all.cfg = "7";
	expect_fill(wf, &all, "3.inputs.cfg", "7");
	/* Whoever gives something that is no number changes nothing. */
	all.cfg = "7], \"x\": [1";
	expect_fill(wf, &all, "3.inputs.cfg", "8.0");
	/* A negative may be nothing at all. */
	all.negative = "";
	expect_fill(wf, &all, "7.inputs.text", "\"\"");
	workflow_free(wf);
}

/* Wherever a workflow wants to write or read a picture: the names in it are not sent. */
static void test_names_are_ours(void **state)
{
	static const char graph[] =
		"{'4':{'class_type':'CheckpointLoaderSimple','inputs':{'ckpt_name':'base.safetensors'}},"
		"'10':{'class_type':'LoadImage','inputs':{'image':'../../home/owner/secret.png'}},"
		"'11':{'class_type':'VAEEncode','inputs':{'pixels':['10',0],'vae':['4',2]}},"
		"'6':{'class_type':'CLIPTextEncode','inputs':{'text':'','clip':['4',1]}},"
		"'3':{'class_type':'KSampler','inputs':{'seed':1,'model':['4',0],'positive':['6',0],"
		"'latent_image':['11',0]}},"
		"'8':{'class_type':'VAEDecode','inputs':{'samples':['3',0],'vae':['4',2]}},"
		"'9':{'class_type':'SaveImage','inputs':{'filename_prefix':'../../etc/cron.d/x',"
		"'images':['8',0]}},"
		"'12':{'class_type':'PrimitiveString','inputs':{'value':'C:\\\\Windows\\\\x'}},"
		"'13':{'class_type':'Image Save','inputs':{'filename_prefix':['12',0],"
		"'images':['8',0]}}}";
	struct workflow *wf = kit_read("a_edit", graph);
	struct workflow_fill fill = {
		.prompt = "p", .filename_prefix = "fullet/7", .image = "fullet/7-9.png"};

	kit_no_problem(wf);
	assert_int_equal(wf->n_outputs, 2);
	expect_fill(wf, &fill, "9.inputs.filename_prefix", "\"fullet\\/7\"");
	expect_fill(wf, &fill, "13.inputs.filename_prefix", "\"fullet\\/7\"");
	expect_fill(wf, &fill, "10.inputs.image", "\"fullet\\/7-9.png\"");
	workflow_free(wf);
}

static void test_sleeping_lora(void **state)
{
	struct workflow *wf = kit_read("a", FULL("EmptyLatentImage", LORA("0.0")));
	struct workflow_fill fill = {.prompt = "p", .lora = "new.safetensors"};

	expect_fill(wf, &fill, "40.inputs.strength_model", "1.0");
	fill.lora = NULL;
	expect_fill(wf, &fill, "40.inputs.strength_model", "0.0");
	workflow_free(wf);

	wf = kit_read("a", FULL("EmptyLatentImage",
				   "'40':{'class_type':'Power Lora Loader (rgthree)','inputs':{"
				   "'lora_1':{'on':false,'lora':'None','strength':0},"
				   "'model':['4',0]}},"));
	fill.lora = "sub/new.safetensors";
	assert_true(workflow_accepts(wf, FIELD_LORA));
	expect_fill(wf, &fill, "40.inputs.lora_1",
		"{\"on\":true,\"lora\":\"sub\\/new.safetensors\",\"strength\":1.0}");
	workflow_free(wf);
}

static void test_accepts(void **state)
{
	struct workflow *wf = kit_read("a", PLAIN);

	for (enum workflow_field f = FIELD_PROMPT; f < FIELD_COUNT_OF; f++)
		assert_int_equal(
			workflow_accepts(wf, f), f != FIELD_LORA && f != FIELD_IMAGE);
	workflow_free(wf);

	/* Prompt and negative are one text, both sides one number; no steps, cfg, batch. */
	wf = kit_read("b",
		"{'1':{'class_type':'CLIPTextEncode','inputs':{'text':''}},"
		"'2':{'class_type':'PrimitiveInt','inputs':{'value':512}},"
		"'3':{'class_type':'KSampler','inputs':{'seed':1,'positive':['1',0],"
		"'negative':['1',0],'latent_image':['5',0]}},"
		"'5':{'class_type':'EmptyLatentImage','inputs':{'width':['2',0],"
		"'height':['2',0]}},"
		"'9':{'class_type':'SaveImage','inputs':{'images':['3',0]}}}");
	kit_no_problem(wf);
	for (enum workflow_field f = FIELD_PROMPT; f < FIELD_COUNT_OF; f++)
		assert_int_equal(
			workflow_accepts(wf, f), f == FIELD_PROMPT || f == FIELD_SEED);
	workflow_free(wf);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		int width, height; /* 0: refused */
	} rows[] = {
		{"1:1", 1024, 1024},
		{"16:9", 1368, 768},
		{"9:16", 768, 1368},
		{" 3 : 2 ", 1256, 840},
		{"2.39:1", 1584, 664},
		{"4:1", 2048, 512},
		{"8:1", 2048, 256},
		{"1024x768", 1024, 768},
		{"1024X768", 1024, 768},
		{"1024 * 768", 1024, 768},
		{"1024\xc3\x97" "768", 1024, 768},
		{"1000x771", 1000, 768},
		{"64x2048", 64, 2048},
		{"63x512", 0, 0},
		{"2056x512", 0, 0},
		{"100:1", 0, 0},
		{"0:1", 0, 0},
		{"0x0", 0, 0},
		{"16:", 0, 0},
		{"16:9:1", 0, 0},
		{"x768", 0, 0},
		{"1024", 0, 0},
		{"1024x768x", 0, 0},
		{"-1024x768", 0, 0},
		{"1e3x768", 0, 0},
		{"999999x8", 0, 0},
		{"nan:inf", 0, 0},
		{"", 0, 0},
	};
	struct workflow *wf = kit_read("a", PLAIN);

	for (size_t i = 0; i < countof(rows); i++) {
		int width = 0, height = 0;
		bool taken = size_parse(rows[i].text, wf, &width, &height);

		if (taken != (rows[i].width > 0) || width != rows[i].width ||
			height != rows[i].height)
			fail_msg("%s: %d %dx%d", rows[i].text, taken, width, height);
	}
	workflow_free(wf);
}

static void test_flux2_sizes(void **state)
{
	struct workflow *wf = kit_read("a", FULL("EmptyFlux2LatentImage", LORA("1")));
	int width = 0, height = 0;

	assert_true(size_parse("16:9", wf, &width, &height));
	assert_int_equal(width, 1360);
	assert_int_equal(height, 768);
	workflow_free(wf);
}

static void test_numbers_fit(void **state)
{
	static const struct {
		enum workflow_field field;
		const char *text;
		bool fits;
	} rows[] = {
		{FIELD_CFG, "7", true}, {FIELD_CFG, "7.5", true}, {FIELD_CFG, "0", true},
		{FIELD_CFG, "30", true}, {FIELD_CFG, "30.1", false}, {FIELD_CFG, "-1", false},
		{FIELD_CFG, "7,5", false}, {FIELD_CFG, "7.", false}, {FIELD_CFG, "", false},
		{FIELD_CFG, "1e1", false}, {FIELD_CFG, "nan", false}, {FIELD_CFG, "0x7", false},
		{FIELD_CFG, "07", false}, {FIELD_STEPS, "1", true}, {FIELD_STEPS, "150", true},
		{FIELD_STEPS, "0", false}, {FIELD_STEPS, "151", false},
		{FIELD_STEPS, "20.0", false}, {FIELD_STEPS, "99999999999", false},
	};
	struct workflow *wf = kit_read("a", PLAIN);

	for (size_t i = 0; i < countof(rows); i++)
		if (workflow_number_fits(wf, rows[i].field, rows[i].text) != rows[i].fits)
			fail_msg("%s", rows[i].text);
	workflow_free(wf);

	/* What the owner wrote into the graph is within its own range. */
	wf = kit_read("b", "{'1':{'class_type':'CLIPTextEncode','inputs':{'text':''}},"
			   "'3':{'class_type':'KSampler','inputs':{'seed':1,'steps':400,'cfg':50,"
			   "'positive':['1',0],'latent_image':['5',0]}},"
			   "'5':{'class_type':'EmptyLatentImage','inputs':{'width':4096,"
			   "'height':32,'batch_size':1}},"
			   "'9':{'class_type':'SaveImage','inputs':{'images':['3',0]}}}");
	assert_true(workflow_number_fits(wf, FIELD_STEPS, "400"));
	assert_true(workflow_number_fits(wf, FIELD_CFG, "50"));
	assert_int_equal(wf->width_range.max, 4096);
	assert_int_equal(wf->height_range.min, 32);
	workflow_free(wf);
}

static void test_set_changes(void **state)
{
	struct workflow_set *set = workflow_set_new();

	workflow_set_add(set, kit_read("a", PLAIN));
	/* Broken: the old one goes on. */
	assert_false(workflow_set_replace(set, kit_read("a", "{}")));
	assert_non_null(workflow_set_find(set, "a"));
	assert_null(workflow_set_all(set, 1));
	/* Another graph takes its place. */
	assert_true(workflow_set_replace(
		set, kit_read("a", FULL("EmptyLatentImage", LORA("1")))));
	assert_true(workflow_accepts(workflow_set_find(set, "a"), FIELD_LORA));
	/* A new one, refused at first, then put right. */
	assert_false(workflow_set_replace(set, kit_read("b", "{}")));
	assert_null(workflow_set_find(set, "b"));
	assert_non_null(workflow_set_all(set, 1));
	assert_true(workflow_set_replace(set, kit_read("b", PLAIN)));
	assert_non_null(workflow_set_find(set, "b"));
	assert_null(workflow_set_all(set, 2));
	/* The same file under two names has two titles, until one is gone. */
	assert_true(workflow_set_replace(set, kit_read("c_image", PLAIN)));
	assert_true(workflow_set_replace(set, kit_read("c_imagine", PLAIN)));
	assert_string_equal(workflow_set_find(set, "c_image")->title, "C [c_image]");
	assert_true(workflow_set_remove(set, "c_imagine"));
	assert_string_equal(workflow_set_find(set, "c_image")->title, "C");
	assert_string_equal(workflow_title_in(workflow_set_find(set, "c_image"), true), "C");
	assert_false(workflow_set_remove(set, "c_imagine"));
	workflow_set_free(set);
}

static void test_roles(void **state)
{
	struct workflow wf = {0};
	uint64_t may[] = {5, 6}, has[] = {1, 6}, others[] = {1, 2};

	assert_true(workflow_allows(&wf, NULL, 0));
	wf.roles = may;
	wf.n_roles = 2;
	assert_true(workflow_allows(&wf, has, 2));
	assert_false(workflow_allows(&wf, others, 2));
	assert_false(workflow_allows(&wf, NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_option),
		cmocka_unit_test(test_names_are_ours),
		cmocka_unit_test(test_sleeping_lora),
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_flux2_sizes),
		cmocka_unit_test(test_numbers_fit),
		cmocka_unit_test(test_set_changes),
		cmocka_unit_test(test_roles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
