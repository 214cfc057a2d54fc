/* SPDX-License-Identifier: Apache-2.0 */

/* The options of a row: whatever stands there, what is read fits a workflow or is named, and what
 * is written reads the same. The first byte chooses how much the workflow takes. */

#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "comfy/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char whole[] =
	"{\"4\":{\"class_type\":\"CheckpointLoaderSimple\",\"inputs\":{\"ckpt_name\":\"a\"}},"
	"\"40\":{\"class_type\":\"LoraLoaderModelOnly\",\"inputs\":{\"lora_name\":\"o\","
	"\"strength_model\":1,\"model\":[\"4\",0]}},"
	"\"5\":{\"class_type\":\"EmptyLatentImage\",\"inputs\":{\"width\":1024,\"height\":1024,"
	"\"batch_size\":1}},"
	"\"6\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"\",\"clip\":[\"4\",1]}},"
	"\"7\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"b\",\"clip\":[\"4\",1]}},"
	"\"3\":{\"class_type\":\"KSampler\",\"inputs\":{\"seed\":1,\"steps\":20,\"cfg\":8.0,"
	"\"model\":[\"40\",0],\"positive\":[\"6\",0],\"negative\":[\"7\",0],"
	"\"latent_image\":[\"5\",0]}},"
	"\"9\":{\"class_type\":\"SaveImage\",\"inputs\":{\"filename_prefix\":\"x\",\"images\":["
	"\"3\",0]}}}";
static const char bare[] =
	"{\"6\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"\",\"clip\":[\"4\",1]}},"
	"\"4\":{\"class_type\":\"X\",\"inputs\":{}},"
	"\"3\":{\"class_type\":\"KSampler\",\"inputs\":{\"seed\":1,\"positive\":[\"6\",0],"
	"\"model\":[\"4\",0]}},\"9\":{\"class_type\":\"SaveImage\",\"inputs\":{"
	"\"filename_prefix\":\"x\",\"images\":[\"3\",0]}}}";

static void check_same(const struct options *a)
{
	char *text = options_text(a);
	struct options b;

	options_read(text, &b);
	for (int i = 0; i < FIELD_COUNT_OF; i++)
		must((!a->text[i] && !b.text[i]) || str_eq(a->text[i], b.text[i]));
	options_free(&b);
	free(text);
}

static void check_fill(const struct workflow *wf, const struct options *o)
{
	struct workflow_fill fill = {.prompt = "p"};
	struct json_object *doc;
	char *graph;

	options_fill(wf, o, &fill);
	must(fill.count >= 0 && fill.count <= WORKFLOW_COUNT_MAX);
	if (o->text[FIELD_SIZE])
		must(fill.width >= wf->width_range.min && fill.width <= wf->width_range.max);
	graph = workflow_fill(wf, &fill);
	doc = json_parse(graph, strlen(graph), NULL);
	must(doc);
	json_put(&doc);
	free(graph);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum workflow_field field = FIELD_PROMPT;
	enum options_fault fault;
	static struct workflow *wfs[2]; /* the same for all */
	struct workflow *wf;
	struct options o;
	char *text;
	uint64_t seed;

	if (size < 1)
		return 0;
	if (!wfs[0]) {
		wfs[0] = workflow_read("a", bare, strlen(bare));
		wfs[1] = workflow_read("a", whole, strlen(whole));
	}
	wf = wfs[data[0] & 1];
	must(workflow_usable(wf));
	text = xstrndup((const char *)data + 1, size - 1);
	(void)seed_parse(text, &seed);
	options_read(text, &o);
	check_same(&o);
	must(options_count(&o) >= 1 && options_count(&o) <= WORKFLOW_COUNT_MAX);
	fault = options_check(wf, &o, &field);
	if (fault == OPTIONS_FIT)
		check_fill(wf, &o);
	else
		must(option_name(field) && o.text[field]);
	options_free(&o);
	free(text);
	return 0;
}
