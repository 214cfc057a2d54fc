/* SPDX-License-Identifier: Apache-2.0 */

/* What a ComfyUI says of its nodes (/object_info), against a workflow that is in order: sentences
 * about it are whole lines of text. */

#include <stdlib.h>

#include "base/json.h"
#include "comfy/reply.h"
#include "comfy/workflow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char graph[] =
	"{\"1\":{\"class_type\":\"UnetLoaderGGUF\",\"inputs\":{\"unet_name\":\"flux.gguf\"}},"
	"\"2\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"\",\"clip\":[\"8\",0]}},"
	"\"4\":{\"class_type\":\"EmptyLatentImage\",\"inputs\":{\"width\":512,\"height\":768,"
	"\"batch_size\":1}},\"5\":{\"class_type\":\"KSampler\",\"inputs\":{\"seed\":1,\"steps\":20,"
	"\"cfg\":8.0,\"model\":[\"6\",0],\"positive\":[\"2\",0],\"latent_image\":[\"4\",0]}},"
	"\"6\":{\"class_type\":\"LoraLoader\",\"inputs\":{\"lora_name\":\"a.safetensors\","
	"\"strength_model\":1,\"model\":[\"1\",0]}},\"8\":{\"class_type\":\"CLIPLoader\",\"inputs\":{"
	"\"clip_name\":\"c.safetensors\"}},\"7\":{\"class_type\":\"SaveImage\",\"inputs\":{"
	"\"images\":[\"5\",0],\"filename_prefix\":\"x\"}}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct workflow *wf; /* the same for all: only the answers differ */
	const char *class = NULL, *input = NULL;
	struct json_object *doc, *choices;
	char **findings;
	size_t n;

	if (!wf)
		wf = workflow_read("fuzz", graph, sizeof(graph) - 1);
	must(workflow_usable(wf));
	doc = comfy_json((const char *)data, size);
	if (!doc)
		return 0;
	findings = workflow_check(wf, doc, &n);
	for (size_t i = 0; i < n; i++) {
		must(*findings[i] && utf8_valid(findings[i], strlen(findings[i])));
		free(findings[i]);
	}
	free(findings);
	must(workflow_lora_loader(wf, &class, &input));
	choices = workflow_choices(json_member(doc, class), input);
	for (size_t i = 0; i < json_len(choices); i++)
		(void)json_object_get_string(json_object_array_get_idx(choices, i));
	json_put(&doc);
	return 0;
}
