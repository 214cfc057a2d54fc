/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "comfy/workflow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * A sidecar beside a graph that is in order. Whatever it holds: what is usable has a prompt and a
 * seed that are in the graph, ranges that hold together, and fills in.
 */
static const char graph[] =
	"{\"1\":{\"class_type\":\"CheckpointLoaderSimple\",\"inputs\":{\"ckpt_name\":\"m.safetensors\"}"
	"},\"2\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"\",\"clip\":[\"1\",1]}},"
	"\"3\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"ugly\",\"clip\":[\"1\",1]}},"
	"\"4\":{\"class_type\":\"EmptyLatentImage\",\"inputs\":{\"width\":512,\"height\":768,"
	"\"batch_size\":1}},\"5\":{\"class_type\":\"KSampler\",\"inputs\":{\"seed\":1,\"steps\":20,"
	"\"cfg\":8.0,\"model\":[\"6\",0],\"positive\":[\"2\",0],\"negative\":[\"3\",0],"
	"\"latent_image\":[\"4\",0]}},\"6\":{\"class_type\":\"LoraLoader\",\"inputs\":{\"lora_name\":"
	"\"a.safetensors\",\"strength_model\":1,\"model\":[\"1\",0]}},\"7\":{\"class_type\":"
	"\"SaveImage\",\"inputs\":{\"images\":[\"5\",0],\"filename_prefix\":\"x\"}}}";

static void check_inputs(const struct workflow *wf, const struct workflow_inputs *list)
{
	for (size_t i = 0; i < list->n; i++)
		must(json_member(json_member(json_member(wf->graph, list->at[i].node), "inputs"),
			list->at[i].input));
}

static void check_range(const struct workflow_range *range)
{
	must(!isnan(range->min) && !isnan(range->max) && range->min <= range->max);
	must(range->step > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct workflow *wf =
		workflow_read_with("fuzz", graph, sizeof(graph) - 1, (const char *)data, size);
	struct json_object *doc;
	int width, height;
	char *text;

	must(wf->title && *wf->title);
	check_inputs(wf, &wf->prompt);
	check_inputs(wf, &wf->negative);
	check_inputs(wf, &wf->seed);
	check_inputs(wf, &wf->lora_at);
	check_range(&wf->width_range);
	check_range(&wf->height_range);
	check_range(&wf->steps_range);
	check_range(&wf->cfg_range);
	check_range(&wf->count_range);
	if (workflow_usable(wf))
		must(wf->prompt.n > 0 && wf->seed.n > 0 &&
			utf8_valid(wf->title, strlen(wf->title)));
	text = workflow_fill(wf, &(struct workflow_fill){.prompt = "a", .lora = "b"});
	doc = json_parse(text, strlen(text), NULL);
	must(doc);
	json_put(&doc);
	free(text);
	if (size_parse("16:9", wf, &width, &height))
		must(width >= wf->width_range.min && width <= wf->width_range.max);
	text = workflow_describe(wf);
	free(text);
	doc = workflow_json(wf);
	text = json_text(doc);
	free(text);
	json_put(&doc);
	workflow_free(wf);
	return 0;
}
