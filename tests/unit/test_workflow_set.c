/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "workflow_kit.h"

#define GRAPH(file)                                                                                \
	"{'1':{'class_type':'UnetLoaderGGUF','inputs':{'unet_name':'" file "'}},"                  \
	"'2':{'class_type':'CLIPTextEncode','inputs':{'text':''}},"                                \
	"'3':{'class_type':'KSampler','inputs':{'seed':1,'sampler_name':'euler','model':['1',0],"  \
	"'positive':['2',0],'negative':['2',0],'latent_image':['4',0]}},"                          \
	"'4':{'class_type':'EmptyLatentImage','inputs':{'width':8,'height':8,'batch_size':1}},"    \
	"'5':{'class_type':'SaveImage','inputs':{'images':['3',0]}}"

static void test_titles(void **state)
{
	static const struct {
		const char *name, *file, *title;
	} rows[] = {
		{"a", "flux1-schnell-Q4_K_S.gguf", "Flux (Schnell)"},
		{"a", "flux1-schnell.sft", "Flux (Schnell)"},
		{"a", "FLUX.1\\\\FLUX.1_schnell_fp8.safetensors", "Flux (Schnell)"},
		{"a", "flux1-dev-fp8.safetensors", "Flux (Dev)"},
		{"a", "flux1-kontext-dev-Q5_K_M.gguf", "Flux (Kontext)"},
		{"a", "flux-2-klein-4b-Q5_K_M.gguf", "FLUX.2 (klein 4B)"},
		{"a", "flux-2-klein-base-9b-fp8.safetensors", "FLUX.2 (klein base 9B)"},
		{"a", "z_image_turbo-Q5_K_M.gguf", "Z-Image (Turbo)"},
		{"a", "sub/z-image-turbo-fp8-e4m3fn.safetensors", "Z-Image (Turbo)"},
		{"a", "sd3.5_large_turbo.safetensors", "SD 3.5 (Large Turbo)"},
		{"a", "sd_xl_base_1.0.safetensors", "SDXL"},
		{"a", "Qwen_Image_Edit-Q4_0.gguf", "Qwen-Image (Edit)"},
		{"x_edit", "Qwen_Image_Edit-Q4_0.gguf", "Qwen-Image (Edit)"},
		{"x_edit", "flux-2-klein-4b-Q5_K_M.gguf", "FLUX.2 Edit (klein 4B)"},
		{"dream_shaper-8_image", "whatever.gguf", "Dream Shaper 8"},
		{"night_imagine", "whatever.gguf", "Night"},
		{"paint_over_edit", "whatever.gguf", "Paint Over Edit"},
		{"_image", "whatever.gguf", "Image"},
		{"_-_", "whatever.gguf", "Workflow"},
		{"", "whatever.gguf", "Workflow"},
	};

	for (size_t i = 0; i < countof(rows); i++) {
		char *text = xasprintf(GRAPH("%s") "}", rows[i].file);
		struct workflow *wf = kit_read(rows[i].name, text);

		assert_string_equal(wf->title, rows[i].title);
		workflow_free(wf);
		free(text);
	}
}

static void test_given_title(void **state)
{
	struct workflow *wf = kit_read("a", GRAPH("flux1-dev.gguf") ",'_meta':{'title':'My own'}}");
	char *text = workflow_fill(wf, &(struct workflow_fill){.prompt = "p"});

	kit_no_problem(wf);
	assert_string_equal(wf->title, "My own");
	assert_null(strstr(text, "_meta"));
	free(text);
	workflow_free(wf);
}

/* Discord takes 100 characters; a character of several bytes is not cut in two. */
static void test_long_title(void **state)
{
	struct buf b = BUF(4096);
	struct workflow *wf;

	assert_int_equal(buf_add_str(&b, GRAPH("x.gguf") ",'_meta':{'title':'"), 0);
	for (int i = 0; i < 150; i++)
		assert_int_equal(buf_add_str(&b, "ñ"), 0);
	assert_int_equal(buf_add_str(&b, "'}}"), 0);
	wf = kit_read("a", buf_str(&b));
	assert_int_equal(strlen(wf->title), 200);
	assert_true(utf8_valid(wf->title, strlen(wf->title)));
	workflow_free(wf);
	buf_free(&b);
}

static void add(struct workflow_set *set, const char *name, const char *file)
{
	char *text = xasprintf(GRAPH("%s") "}", file);

	workflow_set_add(set, kit_read(name, text));
	free(text);
}

static void test_set(void **state)
{
	struct workflow_set *set = workflow_set_new();

	assert_null(workflow_set_at(set, WORKFLOW_IMAGINE, 0));
	assert_null(workflow_set_match(set, WORKFLOW_IMAGINE, ""));
	add(set, "z", "z_image_turbo.gguf");
	assert_string_equal(workflow_set_match(set, WORKFLOW_IMAGINE, "")->name, "z");
	add(set, "schnell", "flux1-schnell.gguf");
	workflow_set_add(set, kit_read("bad", "{"));
	workflow_set_add(
		set, kit_read("dev_edit",
			     "{'1':{'class_type':'UnetLoaderGGUF','inputs':{'unet_name':'flux1-dev."
			     "gguf'}},"
			     "'2':{'class_type':'CLIPTextEncode','inputs':{'text':''}},"
			     "'3':{'class_type':'KSampler','inputs':{'seed':1,'model':['1',0],'"
			     "positive':['2',0],'latent_image':['4',0]}},"
			     "'4':{'class_type':'VAEEncode','inputs':{'pixels':['6',0]}},"
			     "'6':{'class_type':'LoadImage','inputs':{'image':'a.png'}},"
			     "'5':{'class_type':'SaveImage','inputs':{'images':['3',0]}}}"));

	/* Sorted by title, usable ones of the kind only. */
	assert_string_equal(workflow_set_at(set, WORKFLOW_IMAGINE, 0)->name, "schnell");
	assert_string_equal(workflow_set_at(set, WORKFLOW_IMAGINE, 1)->name, "z");
	assert_null(workflow_set_at(set, WORKFLOW_IMAGINE, 2));
	assert_string_equal(workflow_set_at(set, WORKFLOW_EDIT, 0)->name, "dev_edit");
	assert_null(workflow_set_find(set, "bad"));
	assert_string_equal(workflow_set_find(set, "dev_edit")->title, "Flux Edit (Dev)");
	assert_non_null(workflow_set_all(set, 3));
	assert_null(workflow_set_all(set, 4));

	assert_string_equal(
		workflow_set_match(set, WORKFLOW_IMAGINE, "FLUX (schnell)")->name, "schnell");
	assert_string_equal(workflow_set_match(set, WORKFLOW_IMAGINE, "turbo")->name, "z");
	assert_string_equal(workflow_set_match(set, WORKFLOW_IMAGINE, "SCHNELL")->name, "schnell");
	assert_null(workflow_set_match(set, WORKFLOW_IMAGINE, "bad"));
	assert_null(workflow_set_match(set, WORKFLOW_IMAGINE, "dev_edit"));
	assert_null(workflow_set_match(set, WORKFLOW_IMAGINE, "e"));
	assert_null(workflow_set_match(set, WORKFLOW_IMAGINE, NULL));
	set = workflow_set_free(set);
	assert_null(set);
}

static void test_equal_titles(void **state)
{
	struct workflow_set *set = workflow_set_new();

	add(set, "one", "flux1-dev-Q4.gguf");
	assert_string_equal(workflow_set_find(set, "one")->title, "Flux (Dev)");
	add(set, "two", "flux1-dev-Q8.gguf");
	add(set, "three", "flux1-schnell.gguf");
	assert_string_equal(workflow_set_find(set, "one")->title, "Flux (Dev) [one]");
	assert_string_equal(workflow_set_find(set, "two")->title, "Flux (Dev) [two]");
	assert_string_equal(workflow_set_find(set, "three")->title, "Flux (Schnell)");
	/* The same name again is refused, and the first stays. */
	add(set, "one", "z_image_turbo.gguf");
	assert_string_equal(workflow_set_find(set, "one")->title, "Flux (Dev) [one]");
	workflow_set_free(set);
}

static void test_ceiling(void **state)
{
	struct workflow_set *set = workflow_set_new();
	size_t usable = 0;

	for (int i = 0; i < WORKFLOWS_MAX + 3; i++) {
		char name[24];

		snprintf(name, sizeof(name), "w%d", i);
		add(set, name, "x.gguf");
	}
	while (workflow_set_at(set, WORKFLOW_IMAGINE, usable))
		usable++;
	assert_int_equal(usable, WORKFLOWS_MAX);
	assert_null(workflow_set_find(set, "w200"));
	workflow_set_free(set);
}

static const char info[] =
	"{'UnetLoaderGGUF':{'input':{'required':{'unet_name':[['flux1-schnell-Q5_K_S.gguf','flux1-"
	"dev-Q4.gguf',"
	"'z.gguf','flux1-schnell-Q8_0.gguf','other.gguf']]}}},"
	"'CLIPTextEncode':{'input':{'required':{'text':['STRING',{'multiline':true}]}}},"
	"'KSampler':{'input':{'required':{'seed':['INT',{'max':18446744073709551615}],"
	"'sampler_name':['COMBO',{'options':['euler','ddim']}]}}},"
	"'EmptyLatentImage':{'input':{'required':{}}},'SaveImage':{'input':{'required':{}}}}";

static void expect_findings(
	const char *graph, const char *object_info, const char *const *parts, size_t n_parts)
{
	struct json_object *doc = kit_json(object_info);
	struct workflow *wf = kit_read("a", graph);
	size_t n = 99;
	char **list = workflow_check(wf, doc, &n);

	if (n != n_parts)
		fail_msg("%zu findings instead of %zu: %s", n, n_parts, n ? list[0] : "");
	for (size_t i = 0; i < n; i++) {
		if (!strstr(list[i], parts[i]))
			fail_msg("found \"%s\", expected \"%s\"", list[i], parts[i]);
		free(list[i]);
	}
	assert_true((list == NULL) == (n == 0));
	free(list);
	workflow_free(wf);
	json_put(&doc);
}

static void test_check(void **state)
{
	static const char *const missing_file[] = {
		"node 1 (UnetLoaderGGUF): the model file \"flux1-schnell-Q4_K_S.gguf\" (unet_name) "
		"is not on the server; "
		"it has \"flux1-schnell-Q5_K_S.gguf\", \"flux1-schnell-Q8_0.gguf\", "
		"\"flux1-dev-Q4.gguf\""};
	static const char *const missing_node[] = {
		"node 1 (UnetLoaderGGUF): the server does not know this node; it comes with the "
		"custom nodes ComfyUI-GGUF",
		"node 2 (CLIPTextEncode): the server does not know this node", "node 3 (KSampler)",
		"node 4 (EmptyLatentImage)", "node 5 (SaveImage)"};
	static const char *const choice[] = {
		"node 3 (KSampler): the choice \"euler\" (sampler_name) is not on the server; it "
		"has \"ddim\""};
	static const char *const none[] = {
		"the model file \"z.gguf\" (unet_name) is not on the server; it has none there"};
	static const char *const dead[] = {"node 77 (Odd): the server does not know this node"};

	expect_findings(GRAPH("flux1-dev-Q4.gguf") "}", info, NULL, 0);
	expect_findings(GRAPH("flux1-schnell-Q4_K_S.gguf") "}", info, missing_file, 1);
	expect_findings(GRAPH("z.gguf") "}", "{}", missing_node, 5);
	expect_findings(GRAPH("z.gguf") "}",
		"{'UnetLoaderGGUF':{},'CLIPTextEncode':{'input':[]},'KSampler':{'input':{'required'"
		":{'sampler_name':"
		"['COMBO',{'options':['ddim',7]}]}}},'EmptyLatentImage':{},'SaveImage':3}",
		choice, 1);
	expect_findings(GRAPH("z.gguf") "}",
		"{'UnetLoaderGGUF':{'input':{'optional':{'unet_name':[[]]}}},'CLIPTextEncode':{},'"
		"KSampler':{},"
		"'EmptyLatentImage':{},'SaveImage':{}}",
		none, 1);
	/* Not run, so its missing file is no matter; but an unknown class is. */
	expect_findings(GRAPH("z.gguf") ",'77':{'class_type':'Odd','inputs':{}},"
					"'78':{'class_type':'UnetLoaderGGUF','inputs':{'unet_name':"
					"'gone.gguf'}}}",
		info, dead, 1);
	expect_findings("{", info, NULL, 0);
}

static void test_check_ranges(void **state)
{
	static const char meta[] = "{\"options\":{\"steps\":{\"min\":2,\"max\":40}}}";
	static const char graph[] =
		"{\"1\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"\"}},"
		"\"2\":{\"class_type\":\"KSampler\",\"inputs\":{\"seed\":1,\"steps\":4,\"positive\":"
		"[\"1\",0]}},\"3\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"2\",0]}}}";
	struct workflow *wf = workflow_read_with("a", graph, strlen(graph), meta, strlen(meta));
	struct json_object *narrow = kit_json(
		"{'CLIPTextEncode':{},'SaveImage':{},'KSampler':{'input':{'required':{'steps':['INT',"
		"{'min':1,'max':30}]}}}}");
	struct json_object *wide = kit_json(
		"{'CLIPTextEncode':{},'SaveImage':{},'KSampler':{'input':{'optional':{'steps':['INT',"
		"{'min':1,'max':40}]}}}}");
	size_t n = 0;
	char **list = workflow_check(wf, narrow, &n);

	assert_int_equal(n, 1);
	assert_string_equal(list[0], "the sidecar's options.steps goes from 2 to 40, and node 2 "
				     "(KSampler) takes 1 to 30");
	free(list[0]);
	free(list);
	assert_null(workflow_check(wf, wide, &n));
	json_put(&narrow);
	json_put(&wide);
	workflow_free(wf);
}

/* ---- the workflows that are shipped ---- */

static struct workflow *shipped(const char *name)
{
	const char *folder = getenv("FLUJOS_DIR");
	char *path = xasprintf("%s/%s.json", folder ? folder : "flujos", name);
	char *text = xcalloc(WORKFLOW_FILE_MAX, 1);
	FILE *f = fopen(path, "rb");
	struct workflow *wf;
	size_t len;

	if (!f)
		fail_msg("%s cannot be opened", path);
	len = fread(text, 1, WORKFLOW_FILE_MAX, f);
	fclose(f);
	wf = workflow_read(name, text, len);
	free(text);
	free(path);
	return wf;
}

static void test_shipped(void **state)
{
	static const struct {
		const char *name, *title;
		enum workflow_kind kind;
		const char *seed, *width, *steps, *cfg, *image, *models;
		int64_t size;
	} rows[] = {
		{"flux_image", "Flux (Schnell)", WORKFLOW_IMAGINE, "sampler.seed", "latent.width",
			"sampler.steps", "sampler.cfg", "",
			"unet.unet_name clip.clip_name1 clip.clip_name2 vae.vae_name", 1024},
		{"flux2_image", "FLUX.2 (klein 4B)", WORKFLOW_IMAGINE, "noise.noise_seed",
			"latent.width sigmas.width", "sigmas.steps", "guider.cfg", "",
			"unet.unet_name clip.clip_name vae.vae_name", 1024},
		{"z-image_imagine", "Z-Image (Turbo)", WORKFLOW_IMAGINE, "sampler.seed",
			"latent.width", "sampler.steps", "sampler.cfg", "",
			"unet.unet_name clip.clip_name vae.vae_name", 1024},
		{"flux_edit", "FLUX.2 Edit (klein 4B)", WORKFLOW_EDIT, "noise.noise_seed", "",
			"sigmas.steps", "guider.cfg", "picture.image",
			"unet.unet_name clip.clip_name vae.vae_name", 0},
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct workflow *wf = shipped(rows[i].name);

		kit_no_problem(wf);
		assert_string_equal(wf->title, rows[i].title);
		assert_int_equal(wf->kind, rows[i].kind);
		kit_expect("prompt", &wf->prompt, "prompt.text");
		kit_expect("negative", &wf->negative, "");
		kit_expect("seed", &wf->seed, rows[i].seed);
		kit_expect("width", &wf->width, rows[i].width);
		kit_expect("steps", &wf->steps, rows[i].steps);
		kit_expect("cfg", &wf->cfg, rows[i].cfg);
		kit_expect("image", &wf->image, rows[i].image);
		kit_expect("models", &wf->models, rows[i].models);
		kit_expect("batch", &wf->batch, "latent.batch_size");
		assert_int_equal(workflow_number(wf, &wf->batch), 1);
		assert_int_equal(workflow_number(wf, &wf->width), rows[i].size);
		assert_int_equal(workflow_number(wf, &wf->height), rows[i].size);
		assert_true(wf->seed_max == UINT64_MAX);
		assert_int_equal(wf->n_outputs, 1);
		assert_string_equal(wf->outputs[0], "save");
		workflow_free(wf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_titles),
		cmocka_unit_test(test_given_title),
		cmocka_unit_test(test_long_title),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_equal_titles),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_check_ranges),
		cmocka_unit_test(test_shipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
