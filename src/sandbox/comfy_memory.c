/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/comfy_impl.h"

#include <math.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/limits.h"

/*
 * The card's memory and what work on it costs: weights by file stay until another needs the room,
 * the longest unused goes first; what does not fit ends as real ones say it. Numbers are of the
 * order of those of an RTX 4090 with the files on an SSD; SANDBOX_STEP_MS and SANDBOX_LOAD_MS scale
 * them.
 */

/* What the driver and an idle ComfyUI take. */
#define CONTEXT_MB 400
/* What ComfyUI keeps reserved besides weights, in no use. */
#define SLACK_MB 32
/* A picture of 1 megapixel takes so much besides the weights; a further one of the pass less. */
#define ACT_MB		1200
#define ACT_MORE_PERMIL 600
/* A further picture of a pass takes so much of the first one's time. */
#define MORE_PERMIL 720
/* load_ms is for so much. */
#define LOAD_UNIT_MB 10000
#define UNKNOWN_MB   2000
/* --cache-lru keeps the results of so many nodes. */
#define CACHE_LRU_MAX 200
#define MEGAPIXEL     1048576.0

struct weight_size {
	const char *file;
	int mb;
	int step_permil; /* of step_ms, a step of 1 megapixel; 0: it does not draw */
};

static const struct weight_size sizes[] = {
	{"flux1-schnell-fp8.safetensors", 11900, 1000},
	{"flux1-dev-fp8.safetensors", 11900, 1000},
	{"flux-2-klein-4b-fp8.safetensors", 4070, 400},
	{"z_image_turbo_bf16.safetensors", 12300, 550},
	{"qwen_image_edit_2509_fp8_e4m3fn.safetensors", 20400, 1600},
	{"flux1-schnell-Q4_K_S.gguf", 6780, 1000},
	{"flux1-schnell-Q5_K_S.gguf", 8260, 1000},
	{"flux1-schnell-Q8_0.gguf", 12700, 1000},
	{"flux1-dev-Q4_K_S.gguf", 6810, 1000},
	{"flux1-kontext-dev-Q4_K_S.gguf", 6800, 1000},
	{"flux-2-klein-4b-Q4_K_M.gguf", 2600, 400},
	{"flux-2-klein-4b-Q5_K_M.gguf", 2950, 400},
	{"flux-2-klein-4b-Q8_0.gguf", 4300, 400},
	{"z_image_turbo-Q4_K_M.gguf", 4980, 550},
	{"z_image_turbo-Q5_K_M.gguf", 5520, 550},
	{"z_image_turbo-Q8_0.gguf", 7220, 550},
	{"z-image-turbo-Q4_K_M.gguf", 4980, 550},
	{"z-image-turbo-Q5_K_M.gguf", 5520, 550},
	{"z-image-turbo-Q8_0.gguf", 7220, 550},
	{"Qwen-Image-Edit-2509-Q4_K_M.gguf", 13100, 1600},
	{"sd_xl_base_1.0.safetensors", 6940, 500},
	{"v1-5-pruned-emaonly-fp16.safetensors", 2130, 200},
	{"clip_l.safetensors", 246, 0},
	{"t5xxl_fp8_e4m3fn.safetensors", 4890, 0},
	{"t5xxl_fp16.safetensors", 9790, 0},
	{"qwen_3_4b.safetensors", 8040, 0},
	{"qwen_2.5_vl_7b_fp8_scaled.safetensors", 9380, 0},
	{"t5-v1_1-xxl-encoder-Q4_K_M.gguf", 2900, 0},
	{"t5-v1_1-xxl-encoder-Q5_K_M.gguf", 3390, 0},
	{"t5-v1_1-xxl-encoder-Q8_0.gguf", 5060, 0},
	{"Qwen3-4B-Q4_K_M.gguf", 2500, 0},
	{"Qwen3-4B-Q5_K_M.gguf", 2890, 0},
	{"Qwen3-4B-Q6_K.gguf", 3310, 0},
	{"Qwen3-4B-Q8_0.gguf", 4280, 0},
	{"Qwen2.5-VL-7B-Instruct-Q4_K_M.gguf", 4680, 0},
	{"ae.safetensors", 335, 0},
	{"flux2-vae.safetensors", 336, 0},
	{"qwen_image_vae.safetensors", 254, 0},
	{"sdxl_vae.safetensors", 335, 0},
	{"detail.safetensors", 150, 0},
	{"watercolour.safetensors", 150, 0},
	{"4x-UltraSharp.pth", 67, 0},
	{"RealESRGAN_x4plus.pth", 67, 0},
};

static const struct weight_size *size_of_file(const char *file)
{
	static const struct weight_size unknown = {"", UNKNOWN_MB, 0};

	for (size_t i = 0; i < countof(sizes); i++)
		if (str_eq(sizes[i].file, file))
			return &sizes[i];
	return &unknown;
}

static int64_t room_mb(const struct comfy_world *w)
{
	return max_of(w->card.vram_mb - CONTEXT_MB - w->foreign_mb, (int64_t)0);
}

static int64_t resident_mb(const struct comfy_world *w)
{
	const struct cw_weights *x;
	int64_t sum = 0;

	DL_FOREACH(w->resident, x)
	sum += x->mb;
	return sum;
}

static struct cw_weights *find(const struct comfy_world *w, const char *file)
{
	struct cw_weights *x;

	DL_FOREACH(w->resident, x)
	if (str_eq(x->file, file))
		return x;
	return NULL;
}

static void evict(struct comfy_world *w, struct cw_weights *x)
{
	DL_DELETE(w->resident, x);
	free(x->file);
	free(x);
}

void cw_memory_forget(struct comfy_world *w)
{
	while (w->resident)
		evict(w, w->resident);
	w->act_mb = 0;
}

static bool listed(struct json_object *files, const char *file)
{
	for (size_t i = 0; i < json_len(files); i++)
		if (str_eq(json_object_get_string(json_object_array_get_idx(files, i)), file))
			return true;
	return false;
}

/* Others than the running prompt's, the longest unused first. */
static void make_room(struct comfy_world *w, int64_t mb)
{
	struct cw_weights *x, *next;

	DL_FOREACH_SAFE(w->resident, x, next)
	{
		if (resident_mb(w) + w->act_mb + mb <= room_mb(w))
			return;
		if (!listed(w->run.files, x->file))
			evict(w, x);
	}
}

void cw_memory_begin(struct comfy_world *w)
{
	struct cw_weights *x, *next;

	w->run.files = cw_models(w->run.prompt->graph);
	/* The default cache drops the loaders of earlier prompts, and their weights go with them.
	 */
	DL_FOREACH_SAFE(w->resident, x, next)
	if (!w->card.lru && !listed(w->run.files, x->file))
		evict(w, x);
}

/* Loads what is not there; returns what that takes. */
static int64_t load(struct comfy_world *w, const char *file)
{
	struct cw_weights *x = find(w, file);

	if (x) {
		DL_DELETE(w->resident, x);
		DL_APPEND(w->resident, x);
		return 0;
	}
	x = xcalloc(1, sizeof(*x));
	x->file = xstrdup(file);
	x->mb = size_of_file(file)->mb;
	make_room(w, x->mb);
	DL_APPEND(w->resident, x);
	w->loads += !w->run.loaded;
	w->run.loaded = true;
	w->loaded_mb += x->mb;
	cw_changed(w);
	return llround((double)w->config.load_ms * (double)x->mb / LOAD_UNIT_MB * 1000 /
		       w->card.load_speed);
}

int64_t cw_memory_load(struct comfy_world *w, const char *node)
{
	struct json_object *graph = w->run.prompt->graph;
	const struct node_class *c = cw_class_of(graph, node);
	int64_t ms = 0;

	for (const struct node_input *in = c->in; in->value != VALUE_END; in++) {
		struct json_object *file = cw_node_input(graph, node, in->name);

		if (cw_input_is_model(in) && json_object_is_type(file, json_type_string))
			ms += load(w, json_object_get_string(file));
	}
	return ms;
}

int64_t cw_memory_sample(struct comfy_world *w, const char *node, bool *ret_fits)
{
	struct picture_wish wish;
	int64_t ms = 0;
	double pixels;

	cw_wish(w, w->run.prompt->graph, node, &wish);
	pixels = wish.width * (double)wish.height / MEGAPIXEL;
	w->act_mb = llround(ACT_MB * pixels * (1 + (wish.batch - 1) * ACT_MORE_PERMIL / 1000.0));
	make_room(w, 0);
	/* Those whose loader was not run again, and which were evicted since. */
	for (size_t i = 0; i < json_len(w->run.files); i++)
		ms += load(w, json_object_get_string(json_object_array_get_idx(w->run.files, i)));
	*ret_fits = resident_mb(w) + w->act_mb <= room_mb(w);
	return ms;
}

int64_t cw_memory_step_ms(struct comfy_world *w, const char *node)
{
	struct picture_wish wish;
	double pixels, pictures;
	int permil = 0;

	for (size_t i = 0; i < json_len(w->run.files); i++)
		permil = max_of(permil,
			size_of_file(
				json_object_get_string(json_object_array_get_idx(w->run.files, i)))
				->step_permil);
	cw_wish(w, w->run.prompt->graph, node, &wish);
	pixels = wish.width * (double)wish.height / MEGAPIXEL;
	pictures = 1 + (wish.batch - 1) * MORE_PERMIL / 1000.0;
	return llround((double)w->config.step_ms * (permil ? permil : 1000) / 1000 * pixels *
		       pictures * 1000 / w->card.speed);
}

void cw_memory_stats(struct comfy_world *w, struct json_object *device)
{
	int64_t held = resident_mb(w), slack = held ? SLACK_MB : 0, room = room_mb(w);
	int64_t torch = min_of(held + w->act_mb + slack, room);
	cleanup(freep) char *name =
		xasprintf("cuda:0 Sandbox card %" PRId64 " GB : cudaMallocAsync",
			(w->card.vram_mb + 512) / 1024);

	slack = min_of(slack, torch);
	json_add_str(device, "name", name);
	json_add_str(device, "type", "cuda");
	json_add_int(device, "index", 0);
	json_add_int(device, "vram_total", w->card.vram_mb * (int64_t)MIB);
	json_add_int(device, "vram_free", (room - torch + slack) * (int64_t)MIB);
	json_add_int(device, "torch_vram_total", torch * (int64_t)MIB);
	json_add_int(device, "torch_vram_free", slack * (int64_t)MIB);
}

struct json_object *cw_memory_state(struct comfy_world *w)
{
	struct json_object *state = json_object_new_object(), *list = json_object_new_array();
	const struct cw_weights *x;

	DL_FOREACH(w->resident, x)
	{
		struct json_object *file = json_object_new_object();

		json_add_str(file, "file", x->file);
		json_add_int(file, "mb", x->mb);
		json_object_array_add(list, file);
	}
	json_add_int(state, "vram_mb", w->card.vram_mb);
	json_add_int(state, "foreign_mb", w->foreign_mb);
	json_add_int(state, "used_mb", resident_mb(w) + w->act_mb);
	json_add_int(state, "speed", w->card.speed);
	json_add_int(state, "loads", w->loads);
	json_add_int(state, "loaded_mb", w->loaded_mb);
	json_add(state, "resident", list);
	return state;
}

/* ---- the results of nodes ---- */

void cw_cache_forget(struct comfy_world *w)
{
	struct cache_entry *e, *next;

	HASH_ITER(hh, w->cache, e, next)
	{
		HASH_DEL(w->cache, e);
		json_put(&e->ui);
		free(e);
	}
}

struct cache_entry *cw_cached(struct comfy_world *w, uint64_t sig)
{
	struct cache_entry *e;

	HASH_FIND(hh, w->cache, &sig, sizeof(sig), e);
	return e;
}

/* With --cache-lru those of earlier prompts stay, too, as long as there is room. */
static void keep_older(struct comfy_world *w, struct cache_entry **fresh)
{
	struct cache_entry *e, *next, *known;

	HASH_ITER(hh, w->cache, e, next)
	{
		HASH_FIND(hh, *fresh, &e->sig, sizeof(e->sig), known);
		if (known || HASH_COUNT(*fresh) >= CACHE_LRU_MAX)
			continue;
		HASH_DEL(w->cache, e);
		HASH_ADD(hh, *fresh, sig, sizeof(e->sig), e);
	}
}

void cw_cache_renew(struct comfy_world *w)
{
	struct cache_entry *fresh = NULL, *e;
	struct node_sig *sig, *next;

	HASH_ITER(hh, w->run.sigs, sig, next)
	{
		struct cache_entry *old = cw_cached(w, sig->sig);

		if (!sig->cached)
			continue;
		HASH_FIND(hh, fresh, &sig->sig, sizeof(sig->sig), e);
		if (e)
			continue;
		e = xcalloc(1, sizeof(*e));
		e->sig = sig->sig;
		e->ui = json_object_get(json_member(w->run.prompt->results, sig->id));
		if (!e->ui && old)
			e->ui = json_object_get(old->ui);
		HASH_ADD(hh, fresh, sig, sizeof(e->sig), e);
	}
	if (w->card.lru)
		keep_older(w, &fresh);
	cw_cache_forget(w);
	w->cache = fresh;
}
