/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/comfy_nodes.h"

#include "base/json.h"

/* Model files by the folder in which ComfyUI looks for them. They are the files that the shipped
 * workflows name, and a few neighbours so that a list looks like one. */
static const char *const unet[] = {"flux1-schnell-fp8.safetensors", "flux1-dev-fp8.safetensors",
	"flux-2-klein-4b-fp8.safetensors", "z_image_turbo_bf16.safetensors",
	"qwen_image_edit_2509_fp8_e4m3fn.safetensors", NULL};
static const char *const unet_gguf[] = {"flux1-schnell-Q4_K_S.gguf", "flux1-schnell-Q5_K_S.gguf",
	"flux1-schnell-Q8_0.gguf", "flux1-dev-Q4_K_S.gguf", "flux1-kontext-dev-Q4_K_S.gguf",
	"flux-2-klein-4b-Q4_K_M.gguf", "flux-2-klein-4b-Q5_K_M.gguf", "flux-2-klein-4b-Q8_0.gguf",
	"z_image_turbo-Q4_K_M.gguf", "z_image_turbo-Q5_K_M.gguf", "z_image_turbo-Q8_0.gguf",
	"z-image-turbo-Q4_K_M.gguf", "z-image-turbo-Q5_K_M.gguf", "z-image-turbo-Q8_0.gguf",
	"Qwen-Image-Edit-2509-Q4_K_M.gguf", NULL};
static const char *const clip[] = {"clip_l.safetensors", "t5xxl_fp8_e4m3fn.safetensors",
	"t5xxl_fp16.safetensors", "qwen_3_4b.safetensors", "qwen_2.5_vl_7b_fp8_scaled.safetensors",
	NULL};
static const char *const clip_gguf[] = {"clip_l.safetensors", "t5xxl_fp8_e4m3fn.safetensors",
	"t5xxl_fp16.safetensors", "qwen_3_4b.safetensors", "t5-v1_1-xxl-encoder-Q4_K_M.gguf",
	"t5-v1_1-xxl-encoder-Q5_K_M.gguf", "t5-v1_1-xxl-encoder-Q8_0.gguf", "Qwen3-4B-Q4_K_M.gguf",
	"Qwen3-4B-Q5_K_M.gguf", "Qwen3-4B-Q6_K.gguf", "Qwen3-4B-Q8_0.gguf",
	"Qwen2.5-VL-7B-Instruct-Q4_K_M.gguf", NULL};
static const char *const vae[] = {"ae.safetensors", "flux2-vae.safetensors",
	"qwen_image_vae.safetensors", "sdxl_vae.safetensors", NULL};
static const char *const checkpoints[] = {"sd_xl_base_1.0.safetensors",
	"v1-5-pruned-emaonly-fp16.safetensors", "flux1-schnell-fp8.safetensors", NULL};
static const char *const loras[] = {"detail.safetensors", "watercolour.safetensors", NULL};
static const char *const upscalers[] = {"4x-UltraSharp.pth", "RealESRGAN_x4plus.pth", NULL};
static const char *const *const model_lists[] = {
	unet, unet_gguf, clip, clip_gguf, vae, checkpoints, loras, upscalers};

static const char *const samplers[] = {"euler", "euler_cfg_pp", "euler_ancestral", "heun", "dpm_2",
	"dpm_2_ancestral", "lms", "dpm_fast", "dpm_adaptive", "dpmpp_2s_ancestral", "dpmpp_sde",
	"dpmpp_2m", "dpmpp_2m_sde", "dpmpp_3m_sde", "ddpm", "lcm", "ipndm", "deis", "res_multistep",
	"gradient_estimation", "er_sde", "sa_solver", "ddim", "uni_pc", NULL};
static const char *const schedulers[] = {"simple", "sgm_uniform", "karras", "exponential",
	"ddim_uniform", "beta", "normal", "linear_quadratic", "kl_optimal", NULL};
static const char *const dtypes[] = {"default", "fp8_e4m3fn", "fp8_e4m3fn_fast", "fp8_e5m2", NULL};
static const char *const devices[] = {"default", "cpu", NULL};
static const char *const clip_types[] = {"stable_diffusion", "stable_cascade", "sd3",
	"stable_audio", "mochi", "ltxv", "pixart", "cosmos", "lumina2", "wan", "hidream", "chroma",
	"ace", "omnigen2", "qwen_image", "hunyuan_image", "flux2", NULL};
static const char *const dual_types[] = {
	"sdxl", "sd3", "flux", "hunyuan_video", "hidream", "hunyuan_image", NULL};
static const char *const upscales[] = {
	"nearest-exact", "bilinear", "area", "bicubic", "lanczos", NULL};
static const char *const crops[] = {"disabled", "center", NULL};
static const char *const on_off[] = {"enable", "disable", NULL};

/* clang-format off */
#define LINK(n, t) {VALUE_LINK, n, .type = t}
#define LINK_OPT(n, t) {VALUE_LINK, n, .type = t, .optional = true}
#define INT(n, d, lo, hi) {VALUE_INT, n, .otherwise = d, .low = lo, .high = hi}
#define SEED(n) INT(n, 0, 0, 18446744073709551615.0)
#define FLOAT(n, d, lo, hi) {VALUE_FLOAT, n, .otherwise = d, .low = lo, .high = hi}
#define TEXT(n) {VALUE_TEXT, n}
#define FLAG(n) {VALUE_FLAG, n}
#define LIST(n, l) {VALUE_LIST, n, .list = l}
#define LIST_OPT(n, l) {VALUE_LIST, n, .list = l, .optional = true}
#define IN(...) {__VA_ARGS__}
#define OUT(...) {__VA_ARGS__}
#define WIDE INT("width", 1024, 16, 16384), INT("height", 1024, 16, 16384)
#define GGUF "custom_nodes.ComfyUI-GGUF"
#define NODE(n, t, c, k, i, o) {n, t, c, "nodes", k, i, o}
#define EXTRA(n, t, c, k, i, o) {n, t, c, "cw_extras", k, i, o}

static const struct node_class classes[] = {
	/* loaders */
	NODE("CheckpointLoaderSimple", "Load Checkpoint", "loaders", NODE_LOADER,
		IN(LIST("ckpt_name", checkpoints)), OUT("MODEL", "CLIP", "VAE")),
	NODE("UNETLoader", "Load Diffusion Model", "advanced/loaders", NODE_LOADER,
		IN(LIST("unet_name", unet), LIST("weight_dtype", dtypes)), OUT("MODEL")),
	{"UnetLoaderGGUF", "Unet Loader (GGUF)", "bootleg", GGUF, NODE_LOADER,
		IN(LIST("unet_name", unet_gguf)), OUT("MODEL")},
	NODE("CLIPLoader", "Load CLIP", "advanced/loaders", NODE_LOADER,
		IN(LIST("clip_name", clip), LIST("type", clip_types), LIST_OPT("device", devices)), OUT("CLIP")),
	NODE("DualCLIPLoader", "DualCLIPLoader", "advanced/loaders", NODE_LOADER,
		IN(LIST("clip_name1", clip), LIST("clip_name2", clip), LIST("type", dual_types),
			LIST_OPT("device", devices)), OUT("CLIP")),
	{"CLIPLoaderGGUF", "CLIPLoader (GGUF)", "bootleg", GGUF, NODE_LOADER,
		IN(LIST("clip_name", clip_gguf), LIST("type", clip_types)), OUT("CLIP")},
	{"DualCLIPLoaderGGUF", "DualCLIPLoader (GGUF)", "bootleg", GGUF, NODE_LOADER,
		IN(LIST("clip_name1", clip_gguf), LIST("clip_name2", clip_gguf), LIST("type", dual_types)),
		OUT("CLIP")},
	NODE("VAELoader", "Load VAE", "loaders", NODE_LOADER, IN(LIST("vae_name", vae)), OUT("VAE")),
	NODE("LoraLoader", "Load LoRA", "loaders", NODE_LOADER,
		IN(LINK("model", "MODEL"), LINK("clip", "CLIP"), LIST("lora_name", loras),
			FLOAT("strength_model", 1, -100, 100), FLOAT("strength_clip", 1, -100, 100)),
		OUT("MODEL", "CLIP")),
	NODE("LoraLoaderModelOnly", "LoraLoaderModelOnly", "loaders", NODE_LOADER,
		IN(LINK("model", "MODEL"), LIST("lora_name", loras), FLOAT("strength_model", 1, -100, 100)),
		OUT("MODEL")),
	EXTRA("UpscaleModelLoader", "Load Upscale Model", "loaders", NODE_LOADER,
		IN(LIST("model_name", upscalers)), OUT("UPSCALE_MODEL")),
	/* conditioning */
	NODE("CLIPTextEncode", "CLIP Text Encode (Prompt)", "conditioning", NODE_PLAIN,
		IN(TEXT("text"), LINK("clip", "CLIP")), OUT("CONDITIONING")),
	{"CLIP Text Encode (Batch)", "CLIP Text Encode Batch (FuLLet)", "conditioning_batch",
		"custom_nodes.ComfyUI-CLIP-Text-Encode-Batch", NODE_PLAIN,
		IN(LINK("clip", "CLIP"), INT("batch_size", 1, 1, 64), TEXT("text_1"), TEXT("text_2"),
			TEXT("text_3"), TEXT("text_4")), OUT("CONDITIONING")},
	EXTRA("CLIPTextEncodeFlux", "CLIPTextEncodeFlux", "advanced/conditioning/flux", NODE_PLAIN,
		IN(LINK("clip", "CLIP"), TEXT("clip_l"), TEXT("t5xxl"), FLOAT("guidance", 3.5, 0, 100)),
		OUT("CONDITIONING")),
	EXTRA("CLIPTextEncodeSDXL", "CLIPTextEncodeSDXL", "advanced/conditioning", NODE_PLAIN,
		IN(LINK("clip", "CLIP"), INT("width", 1024, 0, 16384), INT("height", 1024, 0, 16384),
			INT("crop_w", 0, 0, 16384), INT("crop_h", 0, 0, 16384),
			INT("target_width", 1024, 0, 16384), INT("target_height", 1024, 0, 16384),
			TEXT("text_g"), TEXT("text_l")), OUT("CONDITIONING")),
	EXTRA("TextEncodeQwenImageEdit", "TextEncodeQwenImageEdit", "advanced/conditioning", NODE_PLAIN,
		IN(LINK("clip", "CLIP"), TEXT("prompt"), LINK_OPT("vae", "VAE"), LINK_OPT("image", "IMAGE")),
		OUT("CONDITIONING")),
	EXTRA("TextEncodeQwenImageEditPlus", "TextEncodeQwenImageEditPlus", "advanced/conditioning", NODE_PLAIN,
		IN(LINK("clip", "CLIP"), TEXT("prompt"), LINK_OPT("vae", "VAE"), LINK_OPT("image1", "IMAGE"),
			LINK_OPT("image2", "IMAGE"), LINK_OPT("image3", "IMAGE")), OUT("CONDITIONING")),
	EXTRA("FluxGuidance", "FluxGuidance", "advanced/conditioning/flux", NODE_PLAIN,
		IN(LINK("conditioning", "CONDITIONING"), FLOAT("guidance", 3.5, 0, 100)), OUT("CONDITIONING")),
	NODE("ConditioningZeroOut", "ConditioningZeroOut", "advanced/conditioning", NODE_PLAIN,
		IN(LINK("conditioning", "CONDITIONING")), OUT("CONDITIONING")),
	NODE("ConditioningCombine", "Conditioning (Combine)", "conditioning", NODE_PLAIN,
		IN(LINK("conditioning_1", "CONDITIONING"), LINK("conditioning_2", "CONDITIONING")),
		OUT("CONDITIONING")),
	NODE("ConditioningConcat", "Conditioning (Concat)", "conditioning", NODE_PLAIN,
		IN(LINK("conditioning_to", "CONDITIONING"), LINK("conditioning_from", "CONDITIONING")),
		OUT("CONDITIONING")),
	EXTRA("ReferenceLatent", "ReferenceLatent", "advanced/conditioning/edit_models", NODE_PLAIN,
		IN(LINK("conditioning", "CONDITIONING"), LINK_OPT("latent", "LATENT")), OUT("CONDITIONING")),
	/* latents */
	NODE("EmptyLatentImage", "Empty Latent Image", "latent", NODE_PLAIN,
		IN(WIDE, INT("batch_size", 1, 1, 4096)), OUT("LATENT")),
	EXTRA("EmptySD3LatentImage", "EmptySD3LatentImage", "latent/sd3", NODE_PLAIN,
		IN(WIDE, INT("batch_size", 1, 1, 4096)), OUT("LATENT")),
	EXTRA("EmptyFlux2LatentImage", "Empty Flux 2 Latent", "latent", NODE_PLAIN,
		IN(WIDE, INT("batch_size", 1, 1, 4096)), OUT("LATENT")),
	NODE("LatentUpscale", "Upscale Latent", "latent", NODE_PLAIN,
		IN(LINK("samples", "LATENT"), LIST("upscale_method", upscales), INT("width", 512, 0, 16384),
			INT("height", 512, 0, 16384), LIST("crop", crops)), OUT("LATENT")),
	NODE("LatentUpscaleBy", "Upscale Latent By", "latent", NODE_PLAIN,
		IN(LINK("samples", "LATENT"), LIST("upscale_method", upscales), FLOAT("scale_by", 1.5, 0.01, 8)),
		OUT("LATENT")),
	NODE("RepeatLatentBatch", "Repeat Latent Batch", "latent/batch", NODE_PLAIN,
		IN(LINK("samples", "LATENT"), INT("amount", 1, 1, 64)), OUT("LATENT")),
	NODE("VAEDecode", "VAE Decode", "latent", NODE_PLAIN,
		IN(LINK("samples", "LATENT"), LINK("vae", "VAE")), OUT("IMAGE")),
	NODE("VAEDecodeTiled", "VAE Decode (Tiled)", "_for_testing", NODE_PLAIN,
		IN(LINK("samples", "LATENT"), LINK("vae", "VAE"), INT("tile_size", 512, 64, 4096),
			INT("overlap", 64, 0, 4096), INT("temporal_size", 64, 8, 4096),
			INT("temporal_overlap", 8, 4, 4096)), OUT("IMAGE")),
	NODE("VAEEncode", "VAE Encode", "latent", NODE_PLAIN,
		IN(LINK("pixels", "IMAGE"), LINK("vae", "VAE")), OUT("LATENT")),
	/* sampling */
	NODE("KSampler", "KSampler", "sampling", NODE_SAMPLER,
		IN(LINK("model", "MODEL"), SEED("seed"), INT("steps", 20, 1, 10000), FLOAT("cfg", 8, 0, 100),
			LIST("sampler_name", samplers), LIST("scheduler", schedulers),
			LINK("positive", "CONDITIONING"), LINK("negative", "CONDITIONING"),
			LINK("latent_image", "LATENT"), FLOAT("denoise", 1, 0, 1)), OUT("LATENT")),
	NODE("KSamplerAdvanced", "KSampler (Advanced)", "sampling", NODE_SAMPLER,
		IN(LINK("model", "MODEL"), LIST("add_noise", on_off), SEED("noise_seed"),
			INT("steps", 20, 1, 10000), FLOAT("cfg", 8, 0, 100), LIST("sampler_name", samplers),
			LIST("scheduler", schedulers), LINK("positive", "CONDITIONING"),
			LINK("negative", "CONDITIONING"), LINK("latent_image", "LATENT"),
			INT("start_at_step", 0, 0, 10000), INT("end_at_step", 10000, 0, 10000),
			LIST("return_with_leftover_noise", on_off)), OUT("LATENT")),
	EXTRA("SamplerCustom", "SamplerCustom", "sampling/custom_sampling", NODE_SAMPLER,
		IN(LINK("model", "MODEL"), FLAG("add_noise"), SEED("noise_seed"), FLOAT("cfg", 8, 0, 100),
			LINK("positive", "CONDITIONING"), LINK("negative", "CONDITIONING"),
			LINK("sampler", "SAMPLER"), LINK("sigmas", "SIGMAS"), LINK("latent_image", "LATENT")),
		OUT("LATENT", "LATENT")),
	EXTRA("SamplerCustomAdvanced", "SamplerCustomAdvanced", "sampling/custom_sampling", NODE_SAMPLER,
		IN(LINK("noise", "NOISE"), LINK("guider", "GUIDER"), LINK("sampler", "SAMPLER"),
			LINK("sigmas", "SIGMAS"), LINK("latent_image", "LATENT")), OUT("LATENT", "LATENT")),
	EXTRA("KSamplerSelect", "KSamplerSelect", "sampling/custom_sampling/samplers", NODE_PLAIN,
		IN(LIST("sampler_name", samplers)), OUT("SAMPLER")),
	EXTRA("BasicScheduler", "BasicScheduler", "sampling/custom_sampling/schedulers", NODE_PLAIN,
		IN(LINK("model", "MODEL"), LIST("scheduler", schedulers), INT("steps", 20, 1, 10000),
			FLOAT("denoise", 1, 0, 1)), OUT("SIGMAS")),
	EXTRA("Flux2Scheduler", "Flux2Scheduler", "sampling/custom_sampling/schedulers", NODE_PLAIN,
		IN(INT("steps", 20, 1, 4096), WIDE), OUT("SIGMAS")),
	EXTRA("RandomNoise", "RandomNoise", "sampling/custom_sampling/noise", NODE_PLAIN,
		IN(SEED("noise_seed")), OUT("NOISE")),
	EXTRA("DisableNoise", "DisableNoise", "sampling/custom_sampling/noise", NODE_PLAIN,
		IN({VALUE_END}), OUT("NOISE")),
	EXTRA("CFGGuider", "CFGGuider", "sampling/custom_sampling/guiders", NODE_PLAIN,
		IN(LINK("model", "MODEL"), LINK("positive", "CONDITIONING"), LINK("negative", "CONDITIONING"),
			FLOAT("cfg", 8, 0, 100)), OUT("GUIDER")),
	EXTRA("BasicGuider", "BasicGuider", "sampling/custom_sampling/guiders", NODE_PLAIN,
		IN(LINK("model", "MODEL"), LINK("conditioning", "CONDITIONING")), OUT("GUIDER")),
	EXTRA("ModelSamplingAuraFlow", "ModelSamplingAuraFlow", "advanced/model", NODE_PLAIN,
		IN(LINK("model", "MODEL"), FLOAT("shift", 1.73, 0, 100)), OUT("MODEL")),
	EXTRA("ModelSamplingSD3", "ModelSamplingSD3", "advanced/model", NODE_PLAIN,
		IN(LINK("model", "MODEL"), FLOAT("shift", 3, 0, 100)), OUT("MODEL")),
	EXTRA("ModelSamplingFlux", "ModelSamplingFlux", "advanced/model", NODE_PLAIN,
		IN(LINK("model", "MODEL"), FLOAT("max_shift", 1.15, 0, 100), FLOAT("base_shift", 0.5, 0, 100),
			WIDE), OUT("MODEL")),
	EXTRA("CFGNorm", "CFGNorm", "advanced/guidance", NODE_PLAIN,
		IN(LINK("model", "MODEL"), FLOAT("strength", 1, 0, 100)), OUT("MODEL")),
	/* pictures */
	NODE("LoadImage", "Load Image", "image", NODE_LOAD_IMAGE,
		IN({VALUE_IMAGE, "image"}), OUT("IMAGE", "MASK")),
	NODE("SaveImage", "Save Image", "image", NODE_SAVE,
		IN(LINK("images", "IMAGE"), TEXT("filename_prefix")), OUT(NULL)),
	NODE("PreviewImage", "Preview Image", "image", NODE_PREVIEW, IN(LINK("images", "IMAGE")), OUT(NULL)),
	NODE("EmptyImage", "EmptyImage", "image", NODE_PLAIN,
		IN(INT("width", 512, 1, 16384), INT("height", 512, 1, 16384), INT("batch_size", 1, 1, 4096),
			INT("color", 0, 0, 0xffffff)), OUT("IMAGE")),
	NODE("ImageScale", "Upscale Image", "image/upscaling", NODE_PLAIN,
		IN(LINK("image", "IMAGE"), LIST("upscale_method", upscales), INT("width", 512, 0, 16384),
			INT("height", 512, 0, 16384), LIST("crop", crops)), OUT("IMAGE")),
	NODE("ImageScaleBy", "Upscale Image By", "image/upscaling", NODE_PLAIN,
		IN(LINK("image", "IMAGE"), LIST("upscale_method", upscales), FLOAT("scale_by", 1, 0.01, 8)),
		OUT("IMAGE")),
	EXTRA("ImageScaleToTotalPixels", "Scale Image to Total Pixels", "image/upscaling", NODE_PLAIN,
		IN(LINK("image", "IMAGE"), LIST("upscale_method", upscales), FLOAT("megapixels", 1, 0.01, 16),
			{VALUE_INT, "resolution_steps", .otherwise = 1, .low = 1, .high = 256, .optional = true}),
		OUT("IMAGE")),
	EXTRA("FluxKontextImageScale", "FluxKontextImageScale", "advanced/conditioning/flux", NODE_PLAIN,
		IN(LINK("image", "IMAGE")), OUT("IMAGE")),
	EXTRA("GetImageSize", "Get Image Size", "image", NODE_PLAIN,
		IN(LINK("image", "IMAGE")), OUT("INT", "INT", "INT")),
	EXTRA("ImageUpscaleWithModel", "Upscale Image (using Model)", "image/upscaling", NODE_PLAIN,
		IN(LINK("upscale_model", "UPSCALE_MODEL"), LINK("image", "IMAGE")), OUT("IMAGE")),
	NODE("ImageInvert", "Invert Image", "image", NODE_PLAIN, IN(LINK("image", "IMAGE")), OUT("IMAGE")),
	/* values */
	EXTRA("PrimitiveInt", "Int", "utils/primitive", NODE_PLAIN, IN(INT("value", 0, -1e15, 1e15)), OUT("INT")),
	EXTRA("PrimitiveFloat", "Float", "utils/primitive", NODE_PLAIN,
		IN(FLOAT("value", 0, -1e15, 1e15)), OUT("FLOAT")),
	EXTRA("PrimitiveString", "String", "utils/primitive", NODE_PLAIN, IN(TEXT("value")), OUT("STRING")),
	EXTRA("PrimitiveStringMultiline", "String (Multiline)", "utils/primitive", NODE_PLAIN,
		IN(TEXT("value")), OUT("STRING")),
};
/* clang-format on */

const struct node_class *cw_node_at(size_t i)
{
	return i < countof(classes) ? &classes[i] : NULL;
}

const struct node_class *cw_node_find(const char *name)
{
	for (size_t i = 0; name && i < countof(classes); i++)
		if (classes[i].name[0] == name[0] && strcmp(classes[i].name, name) == 0)
			return &classes[i];
	return NULL;
}

bool cw_input_is_model(const struct node_input *in)
{
	for (size_t i = 0; i < countof(model_lists); i++)
		if (in->list && in->list == model_lists[i])
			return true;
	return false;
}

size_t cw_list_len(const char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

static struct json_object *number(const struct node_input *in, double value)
{
	if (in->value == VALUE_FLOAT)
		return json_object_new_double(value);
	return value >= 18446744073709551615.0 ? json_object_new_uint64(UINT64_MAX)
					       : json_object_new_int64((int64_t)value);
}

static struct json_object *list_info(const char *const *list)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; list[i]; i++)
		json_object_array_add(array, json_object_new_string(list[i]));
	return array;
}

struct json_object *cw_input_info(const struct node_input *in, struct json_object *images)
{
	static const char *const types[] = {[VALUE_INT] = "INT",
		[VALUE_FLOAT] = "FLOAT",
		[VALUE_TEXT] = "STRING",
		[VALUE_FLAG] = "BOOLEAN"};
	struct json_object *info = json_object_new_array(), *options = json_object_new_object();

	switch (in->value) {
	case VALUE_LIST:
		json_object_array_add(info, list_info(in->list));
		break;
	case VALUE_IMAGE:
		json_object_array_add(info, json_object_get(images));
		json_add_bool(options, "image_upload", true);
		break;
	case VALUE_LINK:
		json_object_array_add(info, json_object_new_string(in->type));
		break;
	default:
		json_object_array_add(info, json_object_new_string(types[in->value]));
	}
	if (in->value == VALUE_INT || in->value == VALUE_FLOAT) {
		json_add(options, "default", number(in, in->otherwise));
		json_add(options, "min", number(in, in->low));
		json_add(options, "max", number(in, in->high));
	} else if (in->value == VALUE_TEXT) {
		json_add_bool(options, "multiline", !str_eq(in->name, "filename_prefix"));
	}
	json_object_array_add(info, options);
	return info;
}

struct json_object *cw_node_info(const struct node_class *c, struct json_object *images)
{
	struct json_object *info = json_object_new_object(), *input = json_object_new_object(),
			   *order = json_object_new_object(), *out = json_object_new_array(),
			   *out_list = json_object_new_array(), *out_name = json_object_new_array();

	for (const struct node_input *in = c->in; in->value != VALUE_END; in++) {
		const char *group = in->optional ? "optional" : "required";

		if (!json_member(input, group)) {
			json_add(input, group, json_object_new_object());
			json_add(order, group, json_object_new_array());
		}
		json_add(json_member(input, group), in->name, cw_input_info(in, images));
		json_object_array_add(json_member(order, group), json_object_new_string(in->name));
	}
	for (size_t i = 0; i < countof(c->out) && c->out[i]; i++) {
		json_object_array_add(out, json_object_new_string(c->out[i]));
		json_object_array_add(out_list, json_object_new_boolean(false));
		json_object_array_add(out_name, json_object_new_string(c->out[i]));
	}
	json_add(info, "input", input);
	json_add(info, "input_order", order);
	json_add(info, "output", out);
	json_add(info, "output_is_list", out_list);
	json_add(info, "output_name", out_name);
	json_add_str(info, "name", c->name);
	json_add_str(info, "display_name", c->title);
	json_add_str(info, "description", "");
	json_add_str(info, "python_module", c->module);
	json_add_str(info, "category", c->category);
	json_add_bool(info, "output_node", cw_node_is_output(c));
	return info;
}
