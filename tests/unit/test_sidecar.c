/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "workflow_kit.h"

/* A graph in which each thing is found, and two texts that only the owner can tell apart. */
static const char plain[] =
	"{'1':{'class_type':'CheckpointLoaderSimple','inputs':{'ckpt_name':'m.safetensors'}},"
	"'2':{'class_type':'CLIPTextEncode','inputs':{'text':'','clip':['8',1]}},"
	"'3':{'class_type':'CLIPTextEncode','inputs':{'text':'ugly','clip':['8',1]}},"
	"'4':{'class_type':'EmptyLatentImage','inputs':{'width':512,'height':768,'batch_size':1}},"
	"'5':{'class_type':'KSampler','inputs':{'seed':1,'steps':20,'cfg':8.0,'model':['8',0],"
	"'positive':['2',0],'negative':['3',0],'latent_image':['4',0]}},"
	"'6':{'class_type':'VAEDecode','inputs':{'samples':['5',0],'vae':['1',2]}},"
	"'7':{'class_type':'SaveImage','inputs':{'images':['6',0],'filename_prefix':'x'}},"
	"'8':{'class_type':'LoraLoader','inputs':{'lora_name':'a.safetensors','strength_model':1,"
	"'strength_clip':1,'model':['1',0],'clip':['1',1]}},"
	"'9':{'class_type':'CLIPTextEncode','inputs':{'text':'alone','clip':['1',1]}}}";

static char *unquoted(const char *quoted)
{
	char *text = xstrdup(quoted);

	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	return text;
}

static struct workflow *read_named(const char *name, const char *graph, const char *meta)
{
	cleanup(freep) char *text = unquoted(graph);
	cleanup(freep) char *side = unquoted(meta);

	return workflow_read_with(name, text, strlen(text), side, strlen(side));
}

static struct workflow *with(const char *meta)
{
	return read_named("a", plain, meta);
}

static bool warned(const struct workflow *wf, const char *part)
{
	for (size_t i = 0; i < wf->n_warnings; i++)
		if (strstr(wf->warnings[i], part))
			return true;
	return false;
}

static void test_words(void **state)
{
	struct workflow *wf =
		with("{'title':{'en':'Portraits','es':'Retratos'},'description':"
		     "{'en':'Faces','es':'Caras'},'vram_gb':7.5,'age_restricted':true,"
		     "'roles':['123456789012345678',18446744073709551615]}");

	kit_no_problem(wf);
	assert_int_equal(wf->n_warnings, 0);
	assert_true(wf->sidecar);
	assert_string_equal(workflow_title_in(wf, false), "Portraits");
	assert_string_equal(workflow_title_in(wf, true), "Retratos");
	assert_string_equal(workflow_description_in(wf, false), "Faces");
	assert_string_equal(workflow_description_in(wf, true), "Caras");
	assert_true(wf->vram_bytes == INT64_C(7500000000));
	assert_true(wf->age_restricted);
	assert_int_equal(wf->n_roles, 2);
	assert_true(workflow_allows(wf, (uint64_t[]){5, 123456789012345678}, 2));
	assert_true(workflow_allows(wf, (uint64_t[]){UINT64_MAX}, 1));
	assert_false(workflow_allows(wf, (uint64_t[]){5}, 1));
	assert_false(workflow_allows(wf, NULL, 0));
	workflow_free(wf);

	wf = with("{'title':'One for both','description':{'es':'Solo en español'}}");
	kit_no_problem(wf);
	assert_string_equal(workflow_title_in(wf, true), "One for both");
	assert_string_equal(workflow_description_in(wf, false), "Solo en español");
	assert_true(workflow_allows(wf, NULL, 0));
	workflow_free(wf);

	wf = with("{}");
	kit_no_problem(wf);
	assert_string_equal(wf->title, "A");
	workflow_free(wf);
}

static struct json_object *filled(const struct workflow *wf, const struct workflow_fill *fill)
{
	cleanup(freep) char *text = workflow_fill(wf, fill);
	struct json_object *doc = json_parse(text, strlen(text), NULL);

	assert_non_null(doc);
	return doc;
}

static void test_options(void **state)
{
	struct workflow *wf =
		with("{'options':{'width':{'default':832,'min':512,'max':1536,'step':64},"
		     "'height':{'default':1216},'steps':{'default':6,'min':4,'max':12},"
		     "'cfg':{'default':1.50,'min':1,'max':3.5,'step':0.5},'count':{'max':2},"
		     "'negative':{'default':'blurry'}}}");
	struct json_object *doc;
	int width = 0, height = 0;

	kit_no_problem(wf);
	assert_int_equal(wf->n_warnings, 0);
	doc = filled(wf, &(struct workflow_fill){.prompt = "p", .seed = 1});
	assert_int_equal(json_int(doc, "4.inputs.width", 0), 832);
	assert_int_equal(json_int(doc, "4.inputs.height", 0), 1216);
	assert_int_equal(json_int(doc, "4.inputs.batch_size", 0), 1);
	assert_int_equal(json_int(doc, "5.inputs.steps", 0), 6);
	assert_string_equal(json_object_get_string(json_at(doc, "5.inputs.cfg")), "1.50");
	assert_string_equal(json_str(doc, "3.inputs.text"), "blurry");
	json_put(&doc);
	doc = filled(wf, &(struct workflow_fill){.prompt = "p",
				 .negative = "n",
				 .seed = 1,
				 .width = 512,
				 .height = 512,
				 .steps = 9,
				 .cfg = "3",
				 .count = 2});
	assert_int_equal(json_int(doc, "4.inputs.width", 0), 512);
	assert_int_equal(json_int(doc, "4.inputs.batch_size", 0), 2);
	assert_int_equal(json_int(doc, "5.inputs.steps", 0), 9);
	assert_string_equal(json_str(doc, "3.inputs.text"), "n");
	json_put(&doc);

	assert_true(workflow_number_fits(wf, FIELD_STEPS, "4"));
	assert_false(workflow_number_fits(wf, FIELD_STEPS, "3"));
	assert_false(workflow_number_fits(wf, FIELD_STEPS, "13"));
	assert_true(workflow_number_fits(wf, FIELD_CFG, "3.5"));
	assert_false(workflow_number_fits(wf, FIELD_CFG, "3.6"));
	assert_true(workflow_number_fits(wf, FIELD_COUNT, "2"));
	assert_false(workflow_number_fits(wf, FIELD_COUNT, "3"));
	assert_false(workflow_number_fits(wf, FIELD_COUNT, "1.0"));
	assert_true(workflow_size(wf, &width, &height));
	assert_int_equal(width, 832);
	assert_true(size_parse("1500x1200", wf, &width, &height));
	assert_int_equal(width, 1472);
	assert_false(size_parse("1600x1200", wf, &width, &height));
	assert_false(size_parse("448x512", wf, &width, &height));
	workflow_free(wf);
}

static void test_nodes(void **state)
{
	struct workflow *wf = with("{'nodes':{'prompt':{'node':3,'input':'text'},'negative':[],"
				   "'seed':[{'node':'5','input':'seed'}],'steps':[],"
				   "'lora':{'node':'8','input':'lora_name'}}}");

	kit_no_problem(wf);
	kit_expect("prompt", &wf->prompt, "3.text");
	kit_expect("negative", &wf->negative, "");
	kit_expect("seed", &wf->seed, "5.seed");
	kit_expect("steps", &wf->steps, "");
	kit_expect("cfg", &wf->cfg, "5.cfg");
	kit_expect("lora", &wf->lora_at, "8.lora_name");
	assert_false(workflow_accepts(wf, FIELD_NEGATIVE));
	assert_false(workflow_accepts(wf, FIELD_STEPS));
	workflow_free(wf);

	/* What was the prompt does not become the negative, nor the other way round. */
	wf = with("{'nodes':{'negative':{'node':'2','input':'text'},'prompt':{'node':'3','input':"
		  "'text'}}}");
	kit_no_problem(wf);
	kit_expect("prompt", &wf->prompt, "3.text");
	kit_expect("negative", &wf->negative, "2.text");
	workflow_free(wf);
}

/* What nobody can tell from the graph alone, the sidecar settles. */
static void test_settles(void **state)
{
	static const char two[] =
		"{'1':{'class_type':'CLIPTextEncode','inputs':{'text':'one'}},"
		"'2':{'class_type':'CLIPTextEncode','inputs':{'text':'two'}},"
		"'3':{'class_type':'ConditioningCombine','inputs':{'conditioning_1':['1',0],"
		"'conditioning_2':['2',0]}},"
		"'4':{'class_type':'KSampler','inputs':{'seed':1,'positive':['3',0]}},"
		"'5':{'class_type':'SaveImage','inputs':{'images':['4',0]}}}";
	static const char strange[] =
		"{'1':{'class_type':'Strange','inputs':{'words':'','chance':3}},"
		"'5':{'class_type':'SaveImage','inputs':{'images':['1',0]}}}";
	static const char fixed[] =
		"{'1':{'class_type':'CLIPTextEncode','inputs':{'text':''}},"
		"'2':{'class_type':'LoadImage','inputs':{'image':'style.png'}},"
		"'4':{'class_type':'KSampler','inputs':{'seed':1,'positive':['1',0],'latent_image':"
		"['2',0]}},'5':{'class_type':'SaveImage','inputs':{'images':['4',0]}}}";
	struct workflow *wf = kit_read("a", two);

	assert_true(kit_problem(wf, "ambiguous"));
	workflow_free(wf);
	wf = read_named("a", two, "{'nodes':{'prompt':{'node':'2','input':'text'}}}");
	kit_no_problem(wf);
	kit_expect("prompt", &wf->prompt, "2.text");
	workflow_free(wf);

	wf = read_named("a", strange, "{'nodes':{'prompt':{'node':'1','input':'words'}}}");
	assert_true(kit_problem(wf, "no seed that could be set"));
	workflow_free(wf);
	wf = read_named("a", strange,
		"{'nodes':{'prompt':{'node':'1','input':'words'},'seed':{'node':'1','input':"
		"'chance'}}}");
	kit_no_problem(wf);
	workflow_free(wf);

	wf = read_named("a", fixed, "{}");
	assert_true(kit_problem(wf, "needs an input picture"));
	workflow_free(wf);
	wf = read_named("a", fixed, "{'nodes':{'image':[]}}");
	kit_no_problem(wf);
	assert_int_equal(wf->kind, WORKFLOW_IMAGINE);
	workflow_free(wf);
	wf = read_named("a", fixed, "{'kind':'edit'}");
	kit_no_problem(wf);
	assert_int_equal(wf->kind, WORKFLOW_EDIT);
	workflow_free(wf);
	wf = read_named("a_edit", fixed, "{'kind':'imagine','nodes':{'image':[]}}");
	kit_no_problem(wf);
	assert_int_equal(wf->kind, WORKFLOW_IMAGINE);
	workflow_free(wf);
}

/* Each: what stands in the sidecar, and what the sentence says of it. */
static void test_wrong(void **state)
{
	static const struct {
		const char *meta, *part;
	} rows[] = {
		{"", "a.meta.json: it is not JSON"},
		{"{", "a.meta.json: it is not JSON"},
		{"[1]", "a.meta.json: an object is needed"},
		{"{'title':7}", "a.meta.json: title: a text is needed, and this is 7"},
		{"{'title':' '}", "title: a text is needed"},
		{"{'title':{'es':null}}", "title.es: a text is needed, and this is null"},
		{"{'description':['x']}", "description: a text is needed"},
		{"{'kind':'video'}", "kind: it is \"imagine\" or \"edit\", and this is \"video\""},
		{"{'kind':'edit','nodes':{'image':[]}}", "it is for /edit"},
		{"{'vram_gb':'12'}", "vram_gb: a number of gigabytes is needed"},
		{"{'vram_gb':0}", "vram_gb: a number of gigabytes"},
		{"{'age_restricted':'yes'}", "age_restricted: it is true or false"},
		{"{'roles':'123'}", "roles: a list of at most"},
		{"{'roles':['artists']}", "roles: \"artists\" is not a role's id"},
		{"{'roles':[1.5]}", "roles: 1.5 is not a role's id"},
		{"{'roles':[-1]}", "roles: -1 is not a role's id"},
		{"{'options':[]}", "options: {\"steps\": {...}, ...} is needed"},
		{"{'options':{'steps':7}}", "options: steps needs"},
		{"{'options':{'steps':{'min':'4'}}}",
			"options.steps.min: a whole number from 1 to 150 is needed, and this is "
			"\"4\""},
		{"{'options':{'steps':{'max':151}}}",
			"options.steps.max: a whole number from 1 to"},
		{"{'options':{'steps':{'default':4.5}}}", "options.steps.default: a whole number"},
		{"{'options':{'steps':{'min':9,'max':4}}}",
			"options.steps: min (9) is larger than max (4)"},
		{"{'options':{'steps':{'default':20,'max':10}}}",
			"options.steps: default (20) is not between min and max"},
		{"{'options':{'cfg':{'max':1e1}}}", "options.cfg.max: a number from 0 to 30"},
		{"{'options':{'count':{'max':5}}}",
			"options.count.max: a whole number from 1 to 4"},
		{"{'options':{'width':{'step':0}}}",
			"options.width.step: a whole number from 1 to"},
		{"{'options':{'negative':'ugly'}}", "options.negative: {\"default\": \"text\"}"},
		{"{'options':{'negative':{'default':3}}}", "options.negative.default: a text"},
		{"{'nodes':7}", "nodes: {\"prompt\": {...}, ...} is needed"},
		{"{'nodes':{'prompt':[]}}", "nodes.prompt: there must be one"},
		{"{'nodes':{'prompt':'2'}}",
			"nodes.prompt: {\"node\": \"6\", \"input\": \"text\"}"},
		{"{'nodes':{'prompt':{'node':'22','input':'text'}}}",
			"nodes.prompt: there is no node 22 in the graph; the nearest is \"2\""},
		{"{'nodes':{'prompt':{'node':'2','input':'test'}}}",
			"nodes.prompt: node 2 has no input test; the nearest is \"text\""},
		{"{'nodes':{'prompt':{'node':'2','input':'clip'}}}",
			"nodes.prompt: the input clip of node 2 is linked to another node"},
		{"{'nodes':{'prompt':{'node':'5','input':'steps'}}}",
			"nodes.prompt: the input steps of node 5 does not hold a text"},
		{"{'nodes':{'seed':{'node':'2','input':'text'}}}",
			"nodes.seed: the input text of node 2 does not hold a number"},
		{"{'nodes':{'prompt':{'node':'9','input':'text'}}}",
			"nodes.prompt: nothing that is saved depends on node 9 (CLIPTextEncode)"},
		{"{'nodes':{'prompt':{'node':'2','input':'text'},'negative':{'node':'2','input':"
		 "'text'}}}",
			"prompt and negative are the same input of node 2"},
		{"{'nodes':{'lora':[{'node':'8','input':'lora_name'},{'node':'8','input':"
		 "'strength_clip'}]}}",
			"nodes.lora: there can only be one"},
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct workflow *wf = with(rows[i].meta);

		if (workflow_usable(wf) || !kit_problem(wf, rows[i].part))
			fail_msg("%s: expected \"%s\", got \"%s\"", rows[i].meta, rows[i].part,
				wf->n_problems ? wf->problems[0] : "no problem");
		workflow_free(wf);
	}
}

static void test_long_texts(void **state)
{
	struct buf b = BUF(1 * MIB);
	struct workflow *wf;

	assert_int_equal(buf_add_str(&b, "{'title':'"), 0);
	for (int i = 0; i < 101; i++)
		assert_int_equal(buf_add_str(&b, "ñ"), 0);
	assert_int_equal(buf_add_str(&b, "'}"), 0);
	wf = with(buf_str(&b));
	assert_true(kit_problem(wf, "title: it has 101 characters, and at most 100 are shown"));
	workflow_free(wf);
	buf_clear(&b);
	while (b.len <= WORKFLOW_META_MAX)
		assert_int_equal(buf_add_str(&b, "          "), 0);
	wf = with(buf_str(&b));
	assert_true(kit_problem(wf, "a.meta.json: it is larger than 256 KiB"));
	workflow_free(wf);
	buf_free(&b);
}

/* Unknown names do no harm, and are told of. */
static void test_unknown(void **state)
{
	static const struct {
		const char *meta, *part;
	} rows[] = {
		{"{'tilte':'x'}",
			"a.meta.json: \"tilte\" is not known and does nothing; is \"title\" "
			"meant?"},
		{"{'price':3}", "\"price\" is not known and does nothing; there are: title, "
				"description, kind"},
		{"{'options':{'step':{}}}", "\"options.step\" is not known and does nothing; is "
					    "\"steps\" meant?"},
		{"{'options':{'steps':{'minimum':3}}}", "\"options.steps.minimum\" is not known"},
		{"{'nodes':{'promt':{}}}", "\"nodes.promt\" is not known and does nothing; is "
					   "\"prompt\" meant?"},
		{"{'options':{'count':{'default':2}}}",
			"\"options.count.default\" is not known and does nothing; there are: max"},
		{"{'title':{'fr':'x'}}", "\"title.fr\" is not known"},
		{"{'options':{'steps':{'max':10}}}",
			"options.steps: the graph's own 20 is not between min and max"},
	};
	static const char bare[] =
		"{'1':{'class_type':'CLIPTextEncode','inputs':{'text':''}},"
		"'4':{'class_type':'KSampler','inputs':{'seed':1,'positive':['1',"
		"0]}},'5':{'class_type':'SaveImage','inputs':{'images':['4',0]}}}";
	struct workflow *wf;

	for (size_t i = 0; i < countof(rows); i++) {
		wf = with(rows[i].meta);
		kit_no_problem(wf);
		if (!warned(wf, rows[i].part))
			fail_msg("%s: expected \"%s\", got \"%s\"", rows[i].meta, rows[i].part,
				wf->n_warnings ? wf->warnings[0] : "no warning");
		workflow_free(wf);
	}
	wf = with("{'_note':'mine','$schema':'x'}");
	kit_no_problem(wf);
	assert_int_equal(wf->n_warnings, 0);
	workflow_free(wf);
	wf = read_named("a", bare, "{'options':{'cfg':{'max':3},'negative':{'default':'x'}}}");
	kit_no_problem(wf);
	assert_true(warned(wf, "options.cfg: the graph has no input for it"));
	assert_true(warned(wf, "options.negative: the graph has no input for it"));
	workflow_free(wf);
}

/* A graph as ComfyUI leaves it in a picture: Python's NaN, and notes of its own. */
static void test_picture_graph(void **state)
{
	static const char text[] =
		"{'2':{'class_type':'CLIPTextEncode','inputs':{'text':'NaN and \\'Infinity\\''},"
		"'is_changed':NaN},"
		"'5':{'class_type':'KSampler','inputs':{'seed':1,'odd':[-Infinity,Infinity],"
		"'positive':['2',0]},'is_changed':[NaN]},"
		"'7':{'class_type':'SaveImage','inputs':{'images':['5',0]}}}";
	struct workflow *wf = kit_read("a", text);
	struct json_object *doc;

	kit_no_problem(wf);
	assert_string_equal(json_str(wf->graph, "2.inputs.text"), "NaN and \"Infinity\"");
	doc = filled(wf, &(struct workflow_fill){.seed = 1});
	assert_null(json_at(doc, "5.is_changed"));
	assert_null(json_at(doc, "2.is_changed"));
	assert_non_null(json_at(doc, "5.inputs.odd"));
	json_put(&doc);
	workflow_free(wf);
	/* Half a word and a quote at the end. */
	wf = kit_read("a", "{'a':NaN,'b':'\\");
	assert_true(kit_problem(wf, "it is not JSON"));
	workflow_free(wf);
}

static void test_table(void **state)
{
	struct workflow *wf = with("{'title':{'en':'Portraits','es':'Retratos'},'vram_gb':12,"
				   "'roles':[77],'options':{'steps':{'default':6,'max':9}},"
				   "'nodes':{'seed':{'node':'5','input':'seed'}},'tilte':''}");
	char *text = workflow_describe(wf), *head, *row;

	assert_non_null(strstr(text, "a: Portraits, for /imagine\n"));
	assert_non_null(strstr(text, "in Spanish:      Retratos\n"));
	assert_non_null(strstr(text, "sidecar:         a.meta.json\n"));
	assert_non_null(strstr(text, "who may use it:  members with a role of: 77\n"));
	assert_non_null(strstr(text, "VRAM needed:     12 GB\n"));
	assert_non_null(strstr(text, "warning: a.meta.json: \"tilte\" is not known"));
	assert_null(strchr(text, '\033'));
	/* Aligned: a row's cells stand below their heads. */
	head = strstr(text, "FIELD ");
	row = strstr(text, "\nsteps ");
	assert_non_null(head);
	assert_non_null(row);
	row++;
	assert_true(strncmp(row + (strstr(head, "NODE") - head), "5 (KSampler)", 12) == 0);
	assert_true(strncmp(row + (strstr(head, "DEFAULT") - head), "6 ", 2) == 0);
	assert_true(strncmp(row + (strstr(head, "RANGE") - head), "1 to 9, step 1", 14) == 0);
	assert_true(
		strncmp(row + (strstr(head, "SOURCE") - head), "graph; range: sidecar\n", 22) == 0);
	row = strstr(text, "\nseed ") + 1;
	assert_true(strncmp(row + (strstr(head, "SOURCE") - head), "sidecar\n", 8) == 0);
	assert_null(strstr(text, " \n")); /* nothing to trip over when it is pasted */
	free(text);
	workflow_free(wf);
}

/* ---- what is written about it ---- */

static char *page(const char *file)
{
	const char *folder = getenv("FLUJOS_DIR");
	cleanup(freep) char *path = xasprintf("%s/../%s", folder ? folder : "flujos", file);
	char *text = xcalloc(1, MIB);
	FILE *f = fopen(path, "rb");

	if (!f)
		fail_msg("%s cannot be opened", path);
	assert_true(fread(text, 1, MIB - 1, f) > 0);
	fclose(f);
	return text;
}

/* Every example of a sidecar in the documents does what it says, and names nothing unknown. */
static void test_examples(void **state)
{
	static const char *const files[] = {"README.md", "README.es.md", "docs/WORKFLOWS.md"};
	static const char graph[] =
		"{'4':{'class_type':'CheckpointLoaderSimple','inputs':{'ckpt_name':'m.safetensors'}},"
		"'10':{'class_type':'LoraLoader','inputs':{'lora_name':'a.safetensors','model':['4',"
		"0],'clip':['4',1]}},"
		"'6':{'class_type':'CLIPTextEncode','inputs':{'text':'','clip':['10',1]}},"
		"'7':{'class_type':'CLIPTextEncode','inputs':{'text':'ugly','clip':['10',1]}},"
		"'5':{'class_type':'EmptyLatentImage','inputs':{'width':512,'height':768,"
		"'batch_size':1}},'3':{'class_type':'KSampler','inputs':{'seed':1,'steps':5,'cfg':8.0,"
		"'model':['10',0],'positive':['6',0],'negative':['7',0],'latent_image':['5',0]}},"
		"'9':{'class_type':'SaveImage','inputs':{'images':['3',0]}}}";

	for (size_t i = 0; i < countof(files); i++) {
		cleanup(freep) char *text = page(files[i]);
		cleanup(freep) char *whole = unquoted(graph);
		char *at = strstr(text, "```json\n"), *end = at ? strstr(at + 8, "\n```") : NULL;
		struct workflow *wf;

		assert_non_null(end);
		at += 8;
		wf = workflow_read_with("a", whole, strlen(whole), at, (size_t)(end - at));
		kit_no_problem(wf);
		if (wf->n_warnings)
			fail_msg("%s: %s", files[i], wf->warnings[0]);
		assert_string_equal(wf->title_es, "Retratos");
		workflow_free(wf);
	}
}

/* What is warned of as unknown names all that is known: each is in the page's table or example. */
static void test_all_is_written(void **state)
{
	static const char *const unknown[] = {"{'zzzzzzzzzzzz':1}",
		"{'options':{'zzzzzzzzzzzz':1}}", "{'options':{'steps':{'zzzzzzzzzzzz':1}}}",
		"{'nodes':{'zzzzzzzzzzzz':1}}"};
	cleanup(freep) char *text = page("docs/WORKFLOWS.md");

	for (size_t i = 0; i < countof(unknown); i++) {
		struct workflow *wf = with(unknown[i]);
		char *names, *name, *rest = NULL;

		assert_int_equal(wf->n_warnings, 1);
		names = strstr(wf->warnings[0], "there are: ");
		assert_non_null(names);
		for (name = strtok_r(names + strlen("there are: "), ", ", &rest); name;
			name = strtok_r(NULL, ", ", &rest)) {
			cleanup(freep) char *member = xasprintf("\"%s\":", name);

			if (!strstr(text, member))
				fail_msg("docs/WORKFLOWS.md does not show %s", member);
		}
		workflow_free(wf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_settles),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_picture_graph),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_all_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
