/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "workflow_kit.h"

#define NODE(id, class, inputs) "'" id "':{'class_type':'" class "','inputs':{" inputs "}},"
#define TITLED(id, class, title, inputs)                                                           \
	"'" id "':{'class_type':'" class "','_meta':{'title':'" title "'},'inputs':{" inputs "}},"
#define TEXT(id, text) NODE(id, "CLIPTextEncode", "'clip':['4',1],'text':'" text "'")
#define SAVE(from)                                                                                 \
	"'9':{'class_type':'SaveImage','inputs':{'filename_prefix':'x','images':" from "}}"
#define CKPT   NODE("4", "CheckpointLoaderSimple", "'ckpt_name':'base.safetensors'")
#define LATENT NODE("5", "EmptyLatentImage", "'width':512,'height':768,'batch_size':2")
#define KSAMPLER(id, pos, neg, latent)                                                             \
	NODE(id, "KSampler",                                                                       \
		"'seed':7,'steps':20,'cfg':8.0,'model':['4',0],'positive':" pos ",'negative':" neg \
		",'latent_image':" latent)
#define DECODE(from) NODE("8", "VAEDecode", "'samples':" from ",'vae':['4',2]")
/* A whole graph around what is between the sampler's conditioning inputs and the texts. */
#define GRAPH(pos, neg, middle)                                                                    \
	"{" CKPT LATENT middle KSAMPLER("3", pos, neg, "['5',0]") DECODE("['3',0]")                \
		SAVE("['8',0]") "}"
/* The same with SamplerCustomAdvanced and a guider. */
#define GUIDED(guider, middle)                                                                     \
	"{" CKPT LATENT middle guider NODE("20", "RandomNoise", "'noise_seed':1") NODE("21",       \
		"BasicScheduler", "'steps':4,'scheduler':'simple','model':['4',0]") NODE("22",     \
		"SamplerCustomAdvanced",                                                           \
		"'noise':['20',0],'guider':['30',0],'sigmas':['21',0],'latent_image':['5',0]")     \
		DECODE("['22',0]") SAVE("['8',0]") "}"

struct found {
	const char *what, *text, *prompt, *negative, *seed;
};

static const struct found understood[] = {
	{"plain", GRAPH("['6',0]", "['7',0]", TEXT("6", "a cat") TEXT("7", "ugly")), "6.text",
		"7.text", "3.seed"},
	{"ids are opaque",
		"{'75:74':{'class_type':'CLIPTextEncode','inputs':{'text':'','clip':['a b.c',0]}},"
		"'a b.c':{'class_type':'CLIPLoader','inputs':{'clip_name':'c.gguf'}},"
		"'75:75':{'class_type':'KSampler','inputs':{'seed':1,'positive':['75:74',0],"
		"'negative':['75:74',0],'latent_image':['x',0]}},"
		"'x':{'class_type':'EmptyLatentImage','inputs':{'width':8,'height':8,'batch_size':"
		"1}},"
		"'save':{'class_type':'SaveImage','inputs':{'images':['75:75',0]}}}",
		"75:74.text", "", "75:75.seed"},
	{"guidance, reference latent, reroute",
		GRAPH("['10',0]", "['7',0]",
			NODE("10", "FluxGuidance", "'guidance':3.5,'conditioning':['11',0]") NODE(
				"11", "ReferenceLatent", "'conditioning':['12',0],'latent':['5',0]")
				NODE("12", "Reroute", "'':['6',0]") TEXT("6", "") TEXT("7", "x")),
		"6.text", "7.text", "3.seed"},
	{"CFGGuider",
		GUIDED(NODE("30", "CFGGuider",
			       "'cfg':1,'model':['4',0],'positive':['6',0],'negative':['7',0]"),
			TEXT("6", "a") TEXT("7", "b")),
		"6.text", "7.text", "20.noise_seed"},
	{"BasicGuider",
		GUIDED(NODE("30", "BasicGuider", "'model':['4',0],'conditioning':['6',0]"),
			TEXT("6", "a")),
		"6.text", "", "20.noise_seed"},
	{"DualCFGGuider",
		GUIDED(NODE("30", "DualCFGGuider",
			       "'cond1':['6',0],'cond2':['7',0],'negative':['7',0],'model':['4',"
			       "0]"),
			TEXT("6", "a") TEXT("7", "b")),
		"6.text", "7.text", "20.noise_seed"},
	{"combiner of one text and a zeroed one",
		GRAPH("['10',0]", "['7',0]",
			NODE("10", "ConditioningCombine",
				"'conditioning_1':['6',0],'conditioning_2':['11',0]")
				NODE("11", "ConditioningZeroOut", "'conditioning':['13',0]")
					TEXT("13", "not me") TEXT("6", "me") TEXT("7", "")),
		"6.text", "7.text", "3.seed"},
	{"controlnet takes both in and gives both out",
		GRAPH("['10',0]", "['10',1]",
			NODE("10", "ControlNetApplyAdvanced",
				"'positive':['6',0],'negative':['7',0],'control_net':['14',0],'"
				"image':['15',0],'strength':1.0") NODE("14", "ControlNetLoader",
				"'control_net_name':'c.safetensors'") NODE("15", "LoadImageFromUrl",
				"'url':'u'") TEXT("6", "a") TEXT("7", "b")),
		"6.text", "7.text", "3.seed"},
	{"outputs told apart by slot only: model, positive, negative",
		GRAPH("['10',1]", "['10',2]",
			NODE("10", "ApplyInstantID",
				"'model':['4',0],'negative':['7',0],'positive':['6',0],'weight':0."
				"8") TEXT("6", "a") TEXT("7", "b")),
		"6.text", "7.text", "3.seed"},
	{"negative is zeroed prompt",
		GRAPH("['6',0]", "['7',0]",
			TEXT("6", "a") NODE("7", "ConditioningZeroOut", "'conditioning':['6',0]")),
		"6.text", "", "3.seed"},
	{"one encoder for both is the prompt", GRAPH("['6',0]", "['6',0]", TEXT("6", "a")),
		"6.text", "", "3.seed"},
	{"encoders with several texts",
		GRAPH("['6',0]", "['7',0]",
			NODE("6", "CLIPTextEncodeSDXL",
				"'width':4096,'height':4096,'text_g':'a','text_l':'b'") NODE("7",
				"CLIPTextEncodeFlux", "'clip_l':'','t5xxl':'','guidance':3.5")),
		"6.text_g 6.text_l", "7.clip_l 7.t5xxl", "3.seed"},
	{"batch encoder",
		GRAPH("['6',0]", "['7',0]",
			NODE("6", "CLIP Text Encode (Batch)",
				"'batch_size':1,'text_1':'','text_2':'','clip':['4',1]")
				TEXT("7", "")),
		"6.text_1 6.text_2", "7.text", "3.seed"},
	{"edit encoder with a picture",
		GRAPH("['6',0]", "['7',0]",
			NODE("6", "TextEncodeQwenImageEdit",
				"'prompt':'x','clip':['4',1],'vae':['4',2]") TEXT("7", "")),
		"6.prompt", "7.text", "3.seed"},
	{"text behind a link",
		GRAPH("['6',0]", "['7',0]",
			NODE("6", "CLIPTextEncode", "'text':['10',0]")
				NODE("10", "PrimitiveString", "'value':'hi'") TEXT("7", "")),
		"10.value", "7.text", "3.seed"},
	{"joined with fixed words: the link leads on",
		GRAPH("['6',0]", "['7',0]",
			NODE("6", "CLIPTextEncode", "'text':['10',0]") NODE("10",
				"StringConcatenate",
				"'string_a':'masterpiece','string_b':['11',0],'delimiter':', '")
				NODE("11", "PrimitiveStringMultiline", "'value':'hi'")
					TEXT("7", "")),
		"11.value", "7.text", "3.seed"},
	{"joined with fixed words: the empty one is meant",
		GRAPH("['6',0]", "['7',0]",
			NODE("6", "CLIPTextEncode", "'text':['10',0]")
				NODE("10", "StringConcatenate",
					"'string_a':'masterpiece','string_b':'','delimiter':', '")
					TEXT("7", "")),
		"10.string_b", "7.text", "3.seed"},
	{"joined links: the empty one is meant",
		GRAPH("['6',0]", "['7',0]",
			NODE("6", "CLIPTextEncode", "'text':['10',0]") NODE("10",
				"StringConcatenate", "'string_a':['11',0],'string_b':['12',0]")
				NODE("11", "PrimitiveString", "'value':'oil painting'")
					NODE("12", "PrimitiveString", "'value':''") TEXT("7", "")),
		"12.value", "7.text", "3.seed"},
	{"base and refiner with the same words",
		"{" CKPT LATENT TEXT("6", "a dog") TEXT("7", "bad") TEXT("15", " a dog\\n")
			TEXT("16", "bad") KSAMPLER("3", "['6',0]", "['7',0]", "['5',0]")
				KSAMPLER("10", "['15',0]", "['16',0]", "['3',0]") DECODE("['10',0]")
					SAVE("['8',0]") "}",
		"6.text 15.text", "7.text 16.text", "3.seed 10.seed"},
	{"two samplers, the first with an encoder titled Empty",
		"{" CKPT LATENT TEXT("6", "a dog")
			TITLED("13", "CLIPTextEncode", "Empty Positive", "'text':'','clip':['4',1]")
				TEXT("7", "bad") KSAMPLER("3", "['13',0]", "['7',0]", "['5',0]")
					KSAMPLER("10", "['6',0]", "['7',0]", "['3',0]")
						DECODE("['10',0]") SAVE("['8',0]") "}",
		"6.text", "7.text", "3.seed 10.seed"},
	{"two texts, one titled Prompt",
		GRAPH("['10',0]", "['7',0]",
			NODE("10", "ConditioningConcat",
				"'conditioning_to':['6',0],'conditioning_from':['13',0]")
				TITLED("6", "CLIPTextEncode", "Prompt of the member", "'text':'a'")
					TEXT("13", "fixed style") TEXT("7", "")),
		"6.text", "7.text", "3.seed"},
	{"a loader that encodes by itself",
		"{'1':{'class_type':'Efficient "
		"Loader','inputs':{'ckpt_name':'a.safetensors','positive':'p',"
		"'negative':'n','empty_latent_width':512}},"
		"'2':{'class_type':'KSampler "
		"(Efficient)','inputs':{'seed':-1,'positive':['1',1],'negative':['1',2],"
		"'latent_image':['1',3]}},'9':{'class_type':'SaveImage','inputs':{'images':['2',5]}"
		"}}",
		"1.positive", "1.negative", "2.seed"},
	{"a pipe",
		"{'1':{'class_type':'ToBasicPipe','inputs':{'positive':['6',0],'negative':['7',0]}}"
		"," TEXT("6", "a") TEXT("7", "b") CKPT
		"'2':{'class_type':'ImpactKSamplerBasicPipe','inputs':{'seed':1,'basic_pipe':['1',"
		"0]}},"
		"'9':{'class_type':'SaveImage','inputs':{'images':['2',5]}}}",
		"6.text", "7.text", "2.seed"},
	{"a seed behind a link",
		"{" CKPT LATENT TEXT("6", "a") NODE("30", "PrimitiveInt", "'value':5") NODE("3",
			"KSampler", "'seed':['30',0],'positive':['6',0],'latent_image':['5',0]")
			DECODE("['3',0]") SAVE("['8',0]") "}",
		"6.text", "", "30.value"},
	{"the body of a request",
		"{'client_id':'x','prompt':" GRAPH(
			"['6',0]", "['7',0]", TEXT("6", "a") TEXT("7", "b")) "}",
		"6.text", "7.text", "3.seed"},
};

static void test_understood(void **state)
{
	for (size_t i = 0; i < countof(understood); i++) {
		const struct found *f = &understood[i];
		struct workflow *wf = kit_read(f->what, f->text);

		kit_no_problem(wf);
		kit_expect(f->what, &wf->prompt, f->prompt);
		kit_expect(f->what, &wf->negative, f->negative);
		kit_expect(f->what, &wf->seed, f->seed);
		assert_int_equal(wf->n_outputs, 1);
		wf = workflow_free(wf);
		assert_null(wf);
	}
}

static const struct {
	const char *name, *text, *problem;
} refused[] = {
	{"x", "", "it is not JSON"},
	{"x", "{'1':", "it is not JSON"},
	{"x", "[]", "there is no node in it"},
	{"x", "'text'", "there is no node in it"},
	{"x", "{}", "there is no node in it"},
	{"x", "{'1':{'inputs':{}}}", "there is no node in it"},
	{"x", "{'last_node_id':3,'nodes':[{'id':1,'type':'KSampler'}],'links':[]}",
		"this is ComfyUI's editor format; export it with Workflow > Export (API)"},
	{"x",
		"{'input':{'workflow':" GRAPH(
			"['6',0]", "['7',0]", TEXT("6", "a") TEXT("7", "b")) "}}",
		"RunPod"},
	{"x", GRAPH("['6',0]", "['7',0]", TEXT("6", "a") TEXT("7", "b") "'70':7,"),
		"node 70: this is not a node"},
	{"x", GRAPH("['6',0]", "['7',0]", TEXT("6", "a") TEXT("7", "b") "'70':null,"),
		"node 70: this is not a node"},
	{"x", GRAPH("['6',0]", "['7',0]", TEXT("6", "a") TEXT("7", "b") "'70':{'inputs':{}},"),
		"node 70: it has no class_type"},
	{"x",
		GRAPH("['6',0]", "['7',0]",
			TEXT("6", "a") TEXT("7", "b") "'70':{'class_type':5,'inputs':{}},"),
		"node 70: it has no class_type"},
	{"x",
		GRAPH("['6',0]", "['7',0]",
			TEXT("6", "a") TEXT("7", "b") "'70':{'class_type':'Note'},"),
		"node 70 (Note): it has no inputs"},
	{"x", GRAPH("['6',0]", "['77',0]", TEXT("6", "a")),
		"node 3 (KSampler): its input negative is linked to node 77, which is not in the "
		"file"},
	{"x",
		GRAPH("['10',0]", "['6',0]",
			TEXT("6", "a") NODE("10", "FluxGuidance", "'conditioning':['11',0]")
				NODE("11", "FluxGuidance", "'conditioning':['10',0]")),
		"the graph goes in a circle"},
	{"x",
		GRAPH("['10',0]", "['6',0]",
			TEXT("6", "a") NODE("10", "FluxGuidance", "'conditioning':['10',0]")),
		"node 10 (FluxGuidance): it depends on itself"},
	{"x",
		"{" TEXT("6", "a") CKPT KSAMPLER(
			"3", "['6',0]", "['6',0]", "['6',0]") "'1':{'class_type':'X','inputs':{}}}",
		"no node saves a picture"},
	{"x",
		"{" TEXT("6", "a") CKPT KSAMPLER("3", "['6',0]", "['6',0]",
			"['6',0]") "'2':{'class_type':'PreviewImage','inputs':{'images':['3',0]}}}",
		"node 2 (PreviewImage): it only shows a temporary picture"},
	{"x",
		"{" TEXT("6", "a") CKPT KSAMPLER("3", "['6',0]", "['6',0]",
			"['6',0]") "'ws':{'class_type':'SaveImageWebsocket','inputs':{'images':['3'"
				   ",0]}}}",
		"node ws (SaveImageWebsocket): it only sends the picture over the WebSocket"},
	{"x",
		"{" TEXT("6", "a") CKPT KSAMPLER("3", "['6',0]", "['6',0]",
			"['6',0]") "'v':{'class_type':'VHS_VideoCombine','inputs':{'images':['3',0]"
				   ",'save_output':false}}}",
		"node v (VHS_VideoCombine): ComfyUI is not told"},
	{"x", "{" CKPT NODE("1", "UpscaleModelLoader", "'model_name':'x.pth'") SAVE("['1',0]") "}",
		"node 9 (SaveImage): nothing that draws from a prompt"},
	{"x",
		GRAPH("['10',0]", "['6',0]",
			TEXT("6", "a") NODE("10", "ConditioningZeroOut", "'conditioning':['11',0]")
				TEXT("11", "b")),
		"node 10 (ConditioningZeroOut) zeroes the conditioning"},
	{"x",
		GRAPH("['10',0]", "['6',0]",
			TEXT("6", "a") TITLED("10", "CLIPTextEncode", "Empty one", "'text':''")),
		"node 3 (KSampler): no text for the prompt was found upstream of it: node 10 "
		"(CLIPTextEncode) is titled Empty"},
	{"x",
		GRAPH("['10',0]", "['6',0]",
			TEXT("6", "a") NODE("10", "LoadConditioning", "'file':'a'")),
		"node 10 (LoadConditioning) has no text input"},
	{"x",
		GRAPH("['6',0]", "['7',0]",
			NODE("6", "CLIPTextEncode", "'text':['10',0]")
				NODE("10", "ReadTextFile", "'path':'a'") TEXT("7", "")),
		"node 10 (ReadTextFile) has no text that could be set"},
	{"x",
		GRAPH("['10',0]", "['7',0]",
			TEXT("6", "a") TEXT("13", "b") TEXT("7", "c")
				NODE("10", "ConditioningCombine",
					"'conditioning_1':['6',0],'conditioning_2':['13',0]")),
		"node 13 (CLIPTextEncode): the prompt is ambiguous: node 6 (CLIPTextEncode) holds "
		"another text"},
	{"x",
		GRAPH("['10',0]", "['7',0]",
			TEXT("6", "a") TEXT("13", "") TEXT("7", "c")
				NODE("10", "ConditioningCombine",
					"'conditioning_1':['6',0],'conditioning_2':['13',0]")),
		"the prompt is ambiguous"},
	{"x",
		"{" CKPT LATENT TEXT("6", "a dog") TEXT("15", "a house")
			KSAMPLER("3", "['6',0]", "['7',0]", "['5',0]") TEXT("7", "")
				KSAMPLER("10", "['15',0]", "['7',0]", "['3',0]") DECODE("['10',0]")
					SAVE("['8',0]") "}",
		"node 15 (CLIPTextEncode): the prompt is ambiguous"},
	{"x",
		GRAPH("['6',0]", "['7',0]",
			NODE("6", "CLIPTextEncode", "'text':['10',0]") TEXT("7", "") NODE(
				"10", "StringConcatenate", "'string_a':'one','string_b':'two'")),
		"node 10 (StringConcatenate): the prompt is ambiguous: it joins several texts"},
	{"x",
		"{" CKPT LATENT TEXT("6", "a") NODE("30", "RandomInteger", "'low':['5',0]")
			NODE("3", "KSampler",
				"'seed':['30',0],'positive':['6',0],'latent_image':['5',0]")
				DECODE("['3',0]") SAVE("['8',0]") "}",
		"node 3 (KSampler): no seed that could be set"},
	{"x_imagine",
		"{" CKPT TEXT("6", "a") NODE("17", "LoadImage", "'image':'a.png'")
			NODE("5", "VAEEncode", "'pixels':['17',0],'vae':['4',2]")
				KSAMPLER("3", "['6',0]", "['6',0]", "['5',0]") DECODE("['3',0]")
					SAVE("['8',0]") "}",
		"node 17 (LoadImage): it needs an input picture"},
	{"x_edit", GRAPH("['6',0]", "['7',0]", TEXT("6", "a") TEXT("7", "b")),
		"nothing in it takes the member's picture"},
	{"01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678"
	 "9012345678901234567890",
		GRAPH("['6',0]", "['7',0]", TEXT("6", "a") TEXT("7", "b")),
		"the file's name is longer"},
};

static void test_refused(void **state)
{
	for (size_t i = 0; i < countof(refused); i++) {
		struct workflow *wf = kit_read(refused[i].name, refused[i].text);

		assert_false(workflow_usable(wf));
		if (!kit_problem(wf, refused[i].problem))
			fail_msg("row %zu: \"%s\" is missing in: %s", i, refused[i].problem,
				wf->problems[0]);
		assert_non_null(wf->title);
		workflow_free(wf);
	}
}

static void test_too_large(void **state)
{
	struct buf b = BUF(64 * MIB);
	struct workflow *wf;

	assert_int_equal(buf_add_str(&b, "{"), 0);
	for (int i = 0; i <= WORKFLOW_NODES_MAX; i++)
		assert_int_equal(
			buf_printf(&b,
				"%s\"%d\":{\"class_type\":\"X\",\"inputs\":{\"a\":[\"%d\",0]}}",
				i ? "," : "", i, i + 1),
			0);
	assert_int_equal(buf_add_str(&b, "}"), 0);
	wf = workflow_read("many", b.data, b.len);
	assert_true(kit_problem(wf, "more than 4000 nodes"));
	workflow_free(wf);
	buf_free(&b);

	char *blank = xcalloc(WORKFLOW_FILE_MAX + 2, 1);

	memset(blank, ' ', WORKFLOW_FILE_MAX + 1);
	wf = workflow_read("long", blank, WORKFLOW_FILE_MAX + 1);
	assert_true(kit_problem(wf, "larger than 4 MiB"));
	workflow_free(wf);
	free(blank);
}

/* As deep as the ceiling allows: no walk may use the stack of the thread for it. */
static void test_deep(void **state)
{
	struct buf b = BUF(16 * MIB);
	struct workflow *wf;
	int last = WORKFLOW_NODES_MAX - 4;

	assert_int_equal(
		buf_add_str(&b,
			"{\"s\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"k\",0]}},"
			"\"k\":{\"class_type\":\"KSampler\",\"inputs\":{\"seed\":1,\"positive\":["
			"\"0\",0]}},"),
		0);
	for (int i = 0; i < last; i++)
		assert_int_equal(buf_printf(&b,
					 "\"%d\":{\"class_type\":\"FluxGuidance\",\"inputs\":{"
					 "\"conditioning\":[\"%d\",0]}},",
					 i, i + 1),
			0);
	assert_int_equal(
		buf_printf(&b,
			"\"%d\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"\"}}}",
			last),
		0);
	wf = workflow_read("deep", b.data, b.len);
	kit_no_problem(wf);
	assert_int_equal(wf->prompt.n, 1);
	workflow_free(wf);
	buf_free(&b);
}

static void test_many_problems_are_cut(void **state)
{
	struct buf b = BUF(16 * MIB);
	struct workflow *wf;

	assert_int_equal(buf_add_str(&b, "{\"s\":{\"class_type\":\"SaveImage\",\"inputs\":{}}"), 0);
	for (int i = 0; i < 300; i++)
		assert_int_equal(buf_printf(&b, ",\"%d\":0", i), 0);
	assert_int_equal(buf_add_str(&b, "}"), 0);
	wf = workflow_read("bad", b.data, b.len);
	assert_int_equal(wf->n_problems, WORKFLOW_PROBLEMS_MAX);
	workflow_free(wf);
	buf_free(&b);
}

static void test_numbers(void **state)
{
	struct workflow *wf =
		kit_read("n", GRAPH("['6',0]", "['7',0]", TEXT("6", "a") TEXT("7", "b")));

	kit_no_problem(wf);
	kit_expect("width", &wf->width, "5.width");
	kit_expect("height", &wf->height, "5.height");
	kit_expect("steps", &wf->steps, "3.steps");
	kit_expect("cfg", &wf->cfg, "3.cfg");
	kit_expect("batch", &wf->batch, "5.batch_size");
	kit_expect("models", &wf->models, "4.ckpt_name");
	assert_int_equal(workflow_number(wf, &wf->width), 512);
	assert_int_equal(workflow_number(wf, &wf->height), 768);
	assert_int_equal(workflow_number(wf, &wf->image), 0);
	workflow_free(wf);

	/* A first picture that is enlarged: the size is where the latent begins. */
	wf = kit_read("hires",
		"{" CKPT LATENT TEXT("6", "a") KSAMPLER("3", "['6',0]", "['6',0]", "['5',0]")
			NODE("11", "LatentUpscale", "'samples':['3',0],'width':2048,'height':2048")
				KSAMPLER("10", "['6',0]", "['6',0]", "['11',0]") DECODE("['10',0]")
					SAVE("['8',0]") "}");
	kit_no_problem(wf);
	kit_expect("width", &wf->width, "5.width");
	workflow_free(wf);

	/* Sizes behind links, and a scheduler that wants them too. */
	wf = kit_read("linked",
		"{" CKPT TEXT("6", "a") NODE("w", "PrimitiveInt", "'value':640") NODE(
			"h", "PrimitiveInt", "'value':320") NODE("5", "EmptyFlux2LatentImage",
			"'width':['w',0],'height':['h',0],'batch_size':1")
			NODE("20", "RandomNoise", "'noise_seed':1") NODE("21", "Flux2Scheduler",
				"'steps':4,'width':1024,'height':1024") NODE("30", "BasicGuider",
				"'conditioning':['6',0]") NODE("22", "SamplerCustomAdvanced",
				"'noise':['20',0],'guider':['30',0],'sigmas':['21',0],'latent_"
				"image':['5',0]") DECODE("['22',0]") SAVE("['8',0]") "}");
	kit_no_problem(wf);
	kit_expect("width", &wf->width, "w.value 21.width");
	kit_expect("height", &wf->height, "h.value 21.height");
	kit_expect("steps", &wf->steps, "21.steps");
	assert_int_equal(workflow_number(wf, &wf->width), 640);
	workflow_free(wf);
}

static void test_files(void **state)
{
	struct workflow *wf = kit_read("f",
		GRAPH("['6',0]", "['7',0]",
			NODE("40", "LoraLoader",
				"'lora_name':'l.safetensors','model':['4',0]") NODE("41",
				"Power Lora Loader (rgthree)",
				"'lora_1':{'on':true,'lora':'p.safetensors'},'lora_2':{'on':false,'"
				"lora':'q.safetensors'},'clip':['42',0],'model':['40',0]") NODE("4"
												"2",
				"DualCLIPLoaderGGUF",
				"'clip_name1':'a.gguf','clip_name2':'b.safetensors','type':'flux'")
				NODE("43", "LoraLoader", "'lora_name':'dead.safetensors'") NODE("6",
					"CLIPTextEncode", "'text':'a.safetensors','clip':['41',1]")
					TEXT("7", "b")));

	kit_no_problem(wf);
	kit_expect("models", &wf->models, "4.ckpt_name 42.clip_name1 42.clip_name2");
	kit_expect("lora", &wf->lora, "40.lora_name 41.lora_1");
	assert_string_equal(wf->lora.at[1].file, "p.safetensors");
	assert_string_equal(wf->models.at[2].file, "b.safetensors");
	workflow_free(wf);
}

static void test_fill(void **state)
{
	/* Numbers come out as they went in: the text of floats, 64 bits, and the order of keys. */
	struct workflow *wf =
		kit_read("fill", "{'9':{'inputs':{'images':['8',0],'filename_prefix':'old'},'class_"
				 "type':'SaveImage'},"
				 "'8':{'inputs':{'seed':1,'big':18446744073709551615,'cfg':8.0,'"
				 "eta':1e-05,'denoise':0.8700000000000001,"
				 "'positive':['6',0],'negative':['7',0],'latent_image':['5',0]},'"
				 "class_type':'KSampler'},"
				 "'5':{'inputs':{'width':8,'height':8,'batch_size':1},'class_type':"
				 "'EmptyLatentImage'},"
				 "'6':{'inputs':{'text':'old'},'class_type':'CLIPTextEncode'},"
				 "'7':{'inputs':{'text':'bad'},'class_type':'CLIPTextEncode'}}");
	struct workflow_fill fill = {
		.prompt = "a \"cat\"\nñ", .seed = UINT64_MAX, .filename_prefix = "fullet/1"};
	char *text = workflow_fill(wf, &fill);

	kit_no_problem(wf);
	assert_string_equal(text,
		"{\"9\":{\"inputs\":{\"images\":[\"8\",0],\"filename_prefix\":\"fullet/"
		"1\"},\"class_type\":\"SaveImage\"},"
		"\"8\":{\"inputs\":{\"seed\":18446744073709551615,\"big\":18446744073709551615,"
		"\"cfg\":8.0,\"eta\":1e-05,"
		"\"denoise\":0.8700000000000001,\"positive\":[\"6\",0],\"negative\":[\"7\",0],"
		"\"latent_image\":[\"5\",0]},"
		"\"class_type\":\"KSampler\"},"
		"\"5\":{\"inputs\":{\"width\":8,\"height\":8,\"batch_size\":1},\"class_type\":"
		"\"EmptyLatentImage\"},"
		"\"6\":{\"inputs\":{\"text\":\"a "
		"\\\"cat\\\"\\nñ\"},\"class_type\":\"CLIPTextEncode\"},"
		"\"7\":{\"inputs\":{\"text\":\"bad\"},\"class_type\":\"CLIPTextEncode\"}}");
	free(text);
	/* The workflow itself is as before. */
	fill = (struct workflow_fill){.prompt = NULL, .seed = 1};
	text = workflow_fill(wf, &fill);
	assert_non_null(strstr(text, "\"text\":\"old\""));
	assert_non_null(strstr(text, "\"filename_prefix\":\"old\""));
	assert_non_null(strstr(text, "\"seed\":1,"));
	free(text);
	workflow_free(wf);
}

static void test_fill_all_seeds_and_picture(void **state)
{
	struct workflow *wf = kit_read("two_edit",
		"{" CKPT TEXT("6", "") NODE("17", "LoadImage", "'image':'a.png'")
			NODE("5", "VAEEncode", "'pixels':['17',0],'vae':['4',2]")
				KSAMPLER("3", "['6',0]", "['6',0]", "['5',0]")
					KSAMPLER("10", "['6',0]", "['6',0]", "['3',0]")
						DECODE("['10',0]") SAVE("['8',0]") "}");
	struct workflow_fill fill = {
		.prompt = "p", .seed = 9223372036854775809u, .image = "sub/up.png"};
	char *text = workflow_fill(wf, &fill);
	struct json_object *doc = json_parse(text, strlen(text), NULL);

	kit_no_problem(wf);
	assert_int_equal(wf->kind, WORKFLOW_EDIT);
	assert_true(json_object_get_uint64(json_at(doc, "3.inputs.seed")) == fill.seed);
	assert_true(json_object_get_uint64(json_at(doc, "10.inputs.seed")) == fill.seed);
	assert_string_equal(json_str(doc, "17.inputs.image"), "sub/up.png");
	assert_string_equal(json_str(doc, "6.inputs.text"), "p");
	json_put(&doc);
	free(text);
	workflow_free(wf);
}

/* PrimitiveInt refuses more than 63 bits (ComfyUI: value_bigger_than_max). */
static void test_seed_ceiling(void **state)
{
	struct workflow *wf = kit_read("s",
		"{" CKPT LATENT TEXT("6", "a") NODE("30", "PrimitiveInt", "'value':5") NODE("3",
			"KSampler", "'seed':['30',0],'positive':['6',0],'latent_image':['5',0]")
			DECODE("['3',0]") SAVE("['8',0]") "}");
	struct workflow_fill fill = {.prompt = "p", .seed = UINT64_MAX};
	char *text = workflow_fill(wf, &fill);

	assert_true(wf->seed_max == INT64_MAX);
	assert_true(workflow_seed(wf, 12) == 12);
	assert_true(workflow_seed(wf, UINT64_MAX) == INT64_MAX);
	assert_non_null(strstr(text, "\"value\":9223372036854775807}"));
	free(text);
	workflow_free(wf);
}

static void test_json(void **state)
{
	struct workflow *wf =
		kit_read("plain", GRAPH("['6',0]", "['7',0]", TEXT("6", "a") TEXT("7", "b")));
	struct json_object *doc = workflow_json(wf);
	char *text = json_text(doc), *lines = workflow_describe(wf);
	static const char promised[] =
		"{\"title\":\"Plain\",\"prompt\":[{\"node\":\"6\",\"input\":\"text\"}],"
		"\"negative\":[{\"node\":\"7\",\"input\":\"text\"}],\"seed\":[{\"node\":\"3\","
		"\"input\":\"seed\"}],"
		"\"width\":[{\"node\":\"5\",\"input\":\"width\"}],\"height\":[{\"node\":\"5\","
		"\"input\":\"height\"}],"
		"\"steps\":[{\"node\":\"3\",\"input\":\"steps\"}],\"cfg\":[{\"node\":\"3\","
		"\"input\":\"cfg\"}],"
		"\"batch\":[{\"node\":\"5\",\"input\":\"batch_size\"}],\"image\":[],"
		"\"models\":[{\"node\":\"4\",\"input\":\"ckpt_name\",\"file\":\"base.safetensors\"}"
		"],\"lora\":[],"
		"\"outputs\":[\"9\"],\"problems\":[],";

	if (!str_starts(text, promised))
		fail_msg("%s does not begin with %s", text, promised);
	assert_non_null(strstr(lines, "\nprompt      6 (CLIPTextEncode) "));
	free(lines);
	free(text);
	json_put(&doc);
	workflow_free(wf);
}

static void test_hostile_strings(void **state)
{
	/* Control characters of a file do not reach a terminal, long names do not fill it. */
	struct workflow *wf = kit_read(
		"h", "{'\\u001b[2J':{'class_type':'A\\nB','inputs':{'x\\u0007':['no\\r',0]}}}");

	assert_true(kit_problem(wf, "node  [2J (A B): its input x  is linked to node no , which"));
	workflow_free(wf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_understood),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_many_problems_are_cut),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_fill_all_seeds_and_picture),
		cmocka_unit_test(test_seed_ceiling),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_hostile_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
