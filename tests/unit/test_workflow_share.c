/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "workflow_kit.h"

/* Workflows in which one pass draws the prompts of different members. */

#define NODE(id, class, inputs) "'" id "':{'class_type':'" class "','inputs':{" inputs "}},"
#define LOADER			NODE("1", "CheckpointLoaderSimple", "'ckpt_name':'m.safetensors'")
#define TEXTS			"'text_1':'','text_2':'','text_3':'','text_4':''"
#define ENCODER(id, texts)                                                                         \
	NODE(id, "CLIP Text Encode (Batch)", "'clip':['1',1],'batch_size':1," texts)
#define LATENT(batch) NODE("4", "EmptyLatentImage", "'width':512,'height':512,'batch_size':" batch)
#define SAMPLER                                                                                     \
	NODE("5", "KSampler",                                                                       \
		"'model':['1',0],'seed':7,'steps':4,'cfg':1,'positive':['2',0],'negative':['3',0]," \
		"'latent_image':['4',0]")
#define SAVE                                                                                       \
	NODE("6", "VAEDecode", "'samples':['5',0],'vae':['1',2]")                                  \
	"'7':{'class_type':'SaveImage','inputs':{'filename_prefix':'x','images':['6',0]}}"
#define WHOLE LOADER ENCODER("2", TEXTS) ENCODER("3", TEXTS) LATENT("1") SAMPLER SAVE

static bool warned(const struct workflow *wf, const char *part)
{
	for (size_t i = 0; i < wf->n_warnings; i++)
		if (strstr(wf->warnings[i], part))
			return true;
	return false;
}

static const char *at(struct json_object *graph, const char *node, const char *input)
{
	struct json_object *value =
		json_member(json_member(json_member(graph, node), "inputs"), input);

	return value ? json_object_get_string(value) : "-";
}

static void test_found(void **state)
{
	struct workflow *wf = kit_read("w", "{" WHOLE "}");

	kit_no_problem(wf);
	assert_int_equal(wf->n_warnings, 0);
	assert_int_equal(wf->shares, 4);
	assert_false(wf->own_seeds);
	kit_expect("prompt", &wf->prompt, "2.text_1 2.text_2 2.text_3 2.text_4");
	kit_expect("texts", &wf->texts, "2.batch_size 3.batch_size");
	kit_expect("batch", &wf->batch, "4.batch_size");
	for (int i = 0; i < 4; i++)
		assert_int_equal(wf->prompt.at[i].picture, i + 1);
	workflow_free(wf);
}

static struct json_object *filled(const struct workflow *wf, const struct workflow_fill *fill)
{
	char *text = workflow_fill(wf, fill);
	struct json_object *graph = json_parse(text, strlen(text), NULL);

	assert_non_null(graph);
	free(text);
	return graph;
}

static void test_filled(void **state)
{
	static const char *const prompts[] = {"a cat", "a \"dog\"\n", "a fox"};
	static const uint64_t seeds[] = {UINT64_MAX, 2, 3};
	struct workflow *wf = kit_read("w", "{" WHOLE "}");
	struct workflow_fill fill = {
		.prompts = prompts, .seeds = seeds, .n_prompts = 3, .negative = "fog"};
	struct json_object *g = filled(wf, &fill);

	assert_string_equal(at(g, "2", "text_1"), "a cat");
	assert_string_equal(at(g, "2", "text_2"), "a \"dog\"\n");
	assert_string_equal(at(g, "2", "text_3"), "a fox");
	assert_string_equal(at(g, "2", "text_4"), "");
	assert_string_equal(at(g, "2", "batch_size"), "3");
	assert_string_equal(at(g, "3", "batch_size"), "3");
	assert_string_equal(at(g, "3", "text_3"), "fog");
	assert_string_equal(at(g, "4", "batch_size"), "3");
	assert_string_equal(at(g, "5", "seed"), "18446744073709551615");
	json_put(&g);
	/* One member's pictures: one text, which ComfyUI repeats, however many there are. */
	fill = (struct workflow_fill){.prompt = "a cow", .seed = 5, .count = 7};
	g = filled(wf, &fill);
	assert_string_equal(at(g, "2", "text_1"), "a cow");
	assert_string_equal(at(g, "2", "batch_size"), "1");
	assert_string_equal(at(g, "4", "batch_size"), "7");
	assert_string_equal(at(g, "5", "seed"), "5");
	json_put(&g);
	workflow_free(wf);
}

static void test_own_seeds(void **state)
{
	static const char *const prompts[] = {"a", "b"};
	static const uint64_t seeds[] = {11, 22};
	struct workflow *wf = kit_read("w",
		"{" LOADER ENCODER("2", TEXTS) ENCODER("3", TEXTS) LATENT("1") NODE(
			"8", "Noises", "'seed_1':1,'seed_2':2,'seed_3':3") NODE("9", "CFGGuider",
			"'model':['1',0],'positive':['2',0],'negative':['3',0],'cfg':1") NODE("5",
			"SamplerCustomAdvanced",
			"'noise':['8',0],'guider':['9',0],'latent_image':['4',0]") SAVE "}");
	struct workflow_fill fill = {.prompts = prompts, .seeds = seeds, .n_prompts = 2};
	struct json_object *g;

	kit_no_problem(wf);
	assert_true(wf->own_seeds);
	assert_int_equal(wf->shares, 3); /* as many as there are seeds */
	g = filled(wf, &fill);
	assert_string_equal(at(g, "8", "seed_1"), "11");
	assert_string_equal(at(g, "8", "seed_2"), "22");
	json_put(&g);
	fill = (struct workflow_fill){.prompt = "a", .seed = 40, .count = 2};
	g = filled(wf, &fill);
	assert_string_equal(at(g, "8", "seed_1"), "40"); /* each picture another */
	assert_string_equal(at(g, "8", "seed_3"), "42");
	json_put(&g);
	workflow_free(wf);
}

/* Half of what is needed: what is missing is said. */
static void test_half(void **state)
{
	static const struct {
		const char *graph, *problem, *warning;
	} cases[] = {
		{LOADER ENCODER("2", "'text_1':'','text_3':''") ENCODER("3", TEXTS) LATENT("1")
				SAMPLER SAVE,
			"node 2 (CLIP Text Encode (Batch)): it has text_3 but no text_2", NULL},
		{LOADER ENCODER("2", TEXTS) ENCODER("3", TEXTS) LATENT("['1',0]") SAMPLER SAVE,
			NULL, "no batch_size of a latent was found"},
		{LOADER NODE("2", "E", "'batch_size':['1',0]," TEXTS) ENCODER("3", TEXTS)
				LATENT("1") SAMPLER SAVE,
			NULL,
			"node 2 (E): prompts of several members do not share a pass: its "
			"batch_size is linked"},
		{LOADER ENCODER("2", "'text_1':['8',0],'text_2':['8',0]") ENCODER("3", TEXTS)
				NODE("8", "PrimitiveString", "'value':''") LATENT("1") SAMPLER SAVE,
			NULL, "its texts are linked"},
		{LOADER NODE("2", "CLIPTextEncode", "'text':'','clip':['1',1]") ENCODER("3", TEXTS)
				LATENT("1") SAMPLER SAVE,
			NULL, "one text for all pictures"},
		{LOADER ENCODER("2", TEXTS) ENCODER("3", TEXTS) LATENT("1") SAMPLER NODE(
			 "8", "SaveImage", "'images':['6',0],'filename_prefix':'y'") SAVE,
			NULL, "several nodes save pictures"},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		cleanup(freep) char *text = xasprintf("{%s}", cases[i].graph);
		struct workflow *wf = kit_read("w", text);

		assert_int_equal(wf->shares, 1);
		if (cases[i].problem && !kit_problem(wf, cases[i].problem))
			fail_msg(
				"case %zu: %s", i, wf->n_problems ? wf->problems[0] : "no problem");
		if (!cases[i].problem)
			kit_no_problem(wf);
		if (cases[i].warning && !warned(wf, cases[i].warning))
			fail_msg(
				"case %zu: %s", i, wf->n_warnings ? wf->warnings[0] : "no warning");
		workflow_free(wf);
	}
}

/* A plain workflow is not bothered, nor one that only joins texts. */
static void test_others(void **state)
{
	struct workflow *wf =
		kit_read("w", "{" LOADER NODE("2", "CLIPTextEncode", "'text':'','clip':['1',1]")
				      NODE("3", "CLIPTextEncode", "'text':'bad','clip':['1',1]")
					      LATENT("1") SAMPLER SAVE "}");

	assert_true(wf->shares == 1 && wf->n_warnings == 0 && wf->texts.n == 0);
	workflow_free(wf);
	wf = kit_read("w_edit", "{" LOADER ENCODER("2", TEXTS) ENCODER("3", TEXTS) NODE(
					"9", "LoadImage", "'image':'a.png'") NODE("4", "VAEEncode",
					"'pixels':['9',0],'vae':['1',2]") SAMPLER SAVE "}");
	assert_true(wf->shares == 1 && wf->n_warnings == 0);
	workflow_free(wf);
}

/* One number for the pictures and for the texts: no more pictures than texts. */
static void test_one_number(void **state)
{
	struct workflow *wf = kit_read("w",
		"{" LOADER NODE("8", "PrimitiveInt", "'value':1")
			NODE("2", "E", "'batch_size':['8',0]," TEXTS) ENCODER("3", TEXTS)
				LATENT("['8',0]") SAMPLER SAVE "}");

	kit_no_problem(wf);
	assert_int_equal(wf->shares, 4);
	assert_int_equal(wf->pass_max, 4);
	kit_expect("batch", &wf->batch, "8.value");
	workflow_free(wf);
}

static struct workflow *with(const char *sidecar)
{
	cleanup(freep) char *graph = xstrdup("{" WHOLE "}"), *meta = xstrdup(sidecar);

	for (char *p = graph; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	for (char *p = meta; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	return workflow_read_with("w", graph, strlen(graph), meta, strlen(meta));
}

static void test_sidecar(void **state)
{
	struct workflow *wf = with("{'share':false}");

	assert_true(wf->shares == 1 && wf->n_warnings == 0 && wf->n_problems == 0);
	workflow_free(wf);
	wf = with("{'share':1}");
	assert_true(kit_problem(wf, "share: it is true or false, and this is 1"));
	workflow_free(wf);
	wf = with("{'nodes':{'prompt':[{'node':'2','input':'text_2','picture':1},"
		  "{'node':'2','input':'text_1','picture':2}],'texts':{'node':'2','input':"
		  "'batch_size'}}}");
	kit_no_problem(wf);
	assert_int_equal(wf->shares, 2);
	kit_expect("texts", &wf->texts, "2.batch_size");
	workflow_free(wf);
	wf = with("{'nodes':{'prompt':[{'node':'2','input':'text_1','picture':1},"
		  "{'node':'2','input':'text_3','picture':3}]}}");
	assert_true(kit_problem(wf, "picture 2 has none"));
	workflow_free(wf);
	wf = with("{'nodes':{'prompt':{'node':'2','input':'text_1','picture':17}}}");
	assert_true(kit_problem(wf, "nodes.prompt: picture is 1 to 16, and this is 17"));
	workflow_free(wf);
	wf = with("{'nodes':{'steps':{'node':'5','input':'steps','picture':1}}}");
	assert_true(kit_problem(wf, "only a prompt, a negative or a seed can be one picture's"));
	workflow_free(wf);
	/* One text only: there is nothing to share, and that is what was said. */
	wf = with("{'nodes':{'prompt':{'node':'2','input':'text_1'}}}");
	kit_no_problem(wf);
	assert_int_equal(wf->shares, 1);
	workflow_free(wf);
}

static void test_shown(void **state)
{
	struct workflow *wf = kit_read("w", "{" WHOLE "}");
	char *text = workflow_describe(wf);
	struct json_object *doc = workflow_json(wf);

	assert_non_null(strstr(text, "one pass draws:  prompts of up to 4 members, with one seed"));
	assert_non_null(strstr(text, "texts"));
	assert_int_equal(json_int(doc, "shares", 0), 4);
	assert_int_equal(json_int(json_at(doc, "prompt.2"), "picture", 0), 3);
	assert_string_equal(json_str(doc, "texts.0.input"), "batch_size");
	json_put(&doc);
	free(text);
	workflow_free(wf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_filled),
		cmocka_unit_test(test_own_seeds),
		cmocka_unit_test(test_half),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_one_number),
		cmocka_unit_test(test_sidecar),
		cmocka_unit_test(test_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
