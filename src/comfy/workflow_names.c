/* SPDX-License-Identifier: Apache-2.0 */
#include "comfy/workflow_graph.h"

#include <ctype.h>
#include <strings.h>

/*
 * API exports hold names, not types, so the walk goes by the names that ComfyUI's
 * own nodes (nodes.py, comfy_extras/) and the widespread custom node packages give
 * to their inputs. All comparisons ignore case.
 */

static bool in_list(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(name, list[i]) == 0)
			return true;
	return false;
}
#define IN(name, list) in_list(name, list, countof(list))

static bool starts(const char *name, const char *prefix)
{
	return strncasecmp(name, prefix, strlen(prefix)) == 0;
}

static bool ends(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n >= m && strcasecmp(name + n - m, suffix) == 0;
}

bool has_word(const char *text, const char *word)
{
	return strcasestr(text, word) != NULL;
}

/*
 * DualCFGGuider has cond1, cond2 and negative; in use cond1 carries the words and
 * cond2 the same picture without them, so it counts as negative.
 */
bool name_is_role(const char *name, int role)
{
	if (role == ROLE_POSITIVE)
		return starts(name, "positive") || ends(name, "_positive") ||
		       strcasecmp(name, "pos") == 0 || strcasecmp(name, "cond1") == 0;
	return starts(name, "negative") || ends(name, "_negative") ||
	       strcasecmp(name, "neg") == 0 || strcasecmp(name, "cond2") == 0;
}

bool name_is_conditioning(const char *name)
{
	static const char *const list[] = {"guider", "text_embeds", "pipe", "basic_pipe",
		"detailer_pipe", "base_basic_pipe", "refiner_basic_pipe", "sdxl_pipe"};

	return starts(name, "cond") || IN(name, list);
}

/* "text", "text_1", "text_g", "string_a", "string2": a stem and at most two letters or digits. */
static bool is_numbered(const char *name, const char *stem)
{
	size_t n = 0;

	if (!starts(name, stem))
		return false;
	name += strlen(stem);
	if (*name == '_')
		name++;
	while (isalnum((unsigned char)name[n]))
		n++;
	return n <= 2 && name[n] == '\0';
}

bool name_is_joined_text(const char *name)
{
	return is_numbered(name, "text") || is_numbered(name, "string");
}

bool name_is_text(const char *name)
{
	static const char *const list[] = {"prompt", "user_prompt", "value", "clip_l", "clip_g",
		"t5xxl", "llama", "qwen25_7b", "bert", "mt5xl", "tags", "instruction", "caption",
		"wildcard_text", "populated_text"};

	return IN(name, list) || name_is_joined_text(name);
}

bool name_is_other_type(const char *name)
{
	static const char *const list[] = {"model", "clip", "vae", "samples", "pixels", "noise",
		"sampler", "sigmas", "control_net", "style_model", "ipadapter", "instantid",
		"insightface", "gligen_textbox_model", "seed", "noise_seed", "steps", "cfg",
		"width", "height", "select", "start_image", "end_image"};

	return IN(name, list) || starts(name, "image") || starts(name, "latent") ||
	       starts(name, "mask") || starts(name, "clip_vision") || starts(name, "lora");
}

bool name_is_latent(const char *name)
{
	static const char *const list[] = {"latent_image", "latent", "latents", "samples", "image",
		"images", "pixels", "init_image"};

	return IN(name, list);
}

bool name_is_sampling(const char *name)
{
	static const char *const list[] = {"guider", "scheduler", "noise"};

	return starts(name, "sigmas") || IN(name, list);
}

bool name_is_model_file(const char *name)
{
	static const char *const list[] = {"unet_name", "ckpt_name", "clip_name", "clip_name1",
		"clip_name2", "clip_name3", "clip_name4", "vae_name", "control_net_name",
		"style_model_name", "gligen_name", "hypernetwork_name", "instantid_file",
		"ipadapter_file", "pulid_file", "text_encoder", "text_encoder1", "text_encoder2",
		"audio_encoder_name"};

	return IN(name, list);
}

bool name_is_lora(const char *name)
{
	return starts(name, "lora");
}

bool class_zeroes(const char *class)
{
	return has_word(class, "ZeroOut");
}

bool class_sends(const char *class)
{
	return has_word(class, "websocket") && (has_word(class, "save") || has_word(class, "send"));
}

/*
 * Output nodes tell themselves only in /object_info, which is not at hand when a
 * file is read; but a node that saves a picture, a video or a sound says so in its
 * name, here and in every custom package looked at ("SaveImage", "Image Save",
 * "VHS_VideoCombine").
 */
bool class_saves(const char *class)
{
	static const char *const others[] = {"Latent", "Checkpoint", "CLIPSave", "VAESave",
		"ModelSave", "Lora", "Text", "String", "Conditioning", "Preview"};

	if (class_sends(class))
		return false;
	for (size_t i = 0; i < countof(others); i++)
		if (has_word(class, others[i]))
			return false;
	return has_word(class, "save") || has_word(class, "VideoCombine");
}

bool class_loads_image(const char *class)
{
	return (starts(class, "LoadImage") || starts(class, "Load Image")) &&
	       !has_word(class, "Mask") && !has_word(class, "Output") && !has_word(class, "Url");
}

bool file_is_model(const char *file)
{
	static const char *const list[] = {
		".safetensors", ".sft", ".gguf", ".ckpt", ".pt", ".pth", ".bin", ".onnx"};

	for (size_t i = 0; i < countof(list); i++)
		if (ends(file, list[i]) && strlen(file) > strlen(list[i]))
			return true;
	return false;
}

/*
 * ComfyUI refuses a number above the input's "max" (value_bigger_than_max).
 * Seeds of its own samplers take 64 bits; PrimitiveInt stops at sys.maxsize, and
 * rgthree's and Easy-Use's seed nodes at 2^50.
 */
uint64_t seed_ceiling(const char *class, const char *input)
{
	if (starts(class, "SeedVR2"))
		return UINT32_MAX;
	if (has_word(class, "(rgthree)") || starts(class, "easy "))
		return (uint64_t)1 << 50;
	if (strcasecmp(input, "seed") != 0 && strcasecmp(input, "noise_seed") != 0)
		return INT64_MAX;
	return UINT64_MAX;
}

const char *class_package(const char *class)
{
	static const struct {
		const char *word, *package;
	} list[] = {
		{"GGUF", "the custom nodes ComfyUI-GGUF"},
		{"VHS_", "the custom nodes ComfyUI-VideoHelperSuite"},
		{"IPAdapter", "the custom nodes ComfyUI_IPAdapter_plus"},
		{"InstantID", "the custom nodes ComfyUI_InstantID"},
		{"(rgthree)", "the custom nodes rgthree-comfy"},
		{"|pysssss", "the custom nodes ComfyUI-Custom-Scripts"},
		{"UltimateSDUpscale", "the custom nodes ComfyUI_UltimateSDUpscale"},
		{"FaceDetailer", "the custom nodes ComfyUI-Impact-Pack"},
		{"Impact", "the custom nodes ComfyUI-Impact-Pack"},
		{"WanVideo", "the custom nodes ComfyUI-WanVideoWrapper"},
		{"Image Save", "the custom nodes WAS Node Suite"},
		{"ImageResize+", "the custom nodes ComfyUI_essentials"},
		{"Flux2", "a newer ComfyUI"},
		{"ReferenceLatent", "a newer ComfyUI"},
		{"GetImageSize", "a newer ComfyUI"},
		{"Primitive", "a newer ComfyUI"},
		{"StringConcatenate", "a newer ComfyUI"},
	};

	for (size_t i = 0; i < countof(list); i++)
		if (has_word(class, list[i].word))
			return list[i].package;
	return starts(class, "easy ") ? "the custom nodes ComfyUI-Easy-Use" : NULL;
}
