/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/comfy_impl.h"

#include <stdlib.h>
#include <utlist.h>

/* How many violations are described; further ones are only counted. */
#define VIOLATIONS_KEPT 200

void cw_violation(struct comfy_world *w, const char *rule, const char *request, const char *detail)
{
	struct json_object *v;

	w->violations++;
	w->version++;
	if (json_len(w->violation_list) >= VIOLATIONS_KEPT)
		return;
	v = json_object_new_object();
	json_add_str(v, "rule", rule);
	json_add_str(v, "request", request);
	json_add_str(v, "detail", detail);
	json_object_array_add(w->violation_list, v);
}

void cw_changed(struct comfy_world *w)
{
	w->version++;
}

struct comfy_world *comfy_world_new(const struct world_config *config, int64_t now_ms)
{
	struct comfy_world *w = xcalloc(1, sizeof(*w));

	w->config = *config;
	if (config->n_cards)
		w->card = config->cards[0];
	w->card.vram_mb = w->card.vram_mb ? w->card.vram_mb : 16384;
	w->card.speed = w->card.speed ? w->card.speed : 1000;
	w->card.load_speed = w->card.load_speed ? w->card.load_speed : 1000;
	w->config.comfy_key = xstrdup(w->card.key ? w->card.key : config->comfy_key);
	w->card.key = NULL;
	w->config.cards = NULL;
	/* What is not ours is not kept: its strings belong to the caller. */
	w->config.bot_token = w->config.rest_base = w->config.gateway_url = w->config.cdn_base =
		NULL;
	rng_seed(&w->rng, config->seed ^ 0xc0f4u);
	w->now_ms = now_ms;
	w->violation_list = json_object_new_array();
	return w;
}

struct comfy_world *comfy_world_free(struct comfy_world *w)
{
	if (!w)
		return NULL;
	cw_run_stop(w);
	cw_prompts_forget(w, false);
	cw_free_now(w);
	cw_sockets_cut(w);
	cw_outputs_drop(w);
	cw_files_forget(w, NULL);
	cw_faults_clear(w);
	json_put(&w->violation_list);
	free((char *)w->config.comfy_key);
	free(w);
	return NULL;
}

void comfy_world_tick(struct comfy_world *w, int64_t now_ms)
{
	int64_t due;

	/* The worker lives through every moment on the way, so that a late call changes nothing. */
	while ((due = cw_run_due(w)) <= now_ms) {
		w->now_ms = max_of(w->now_ms, due);
		cw_run_advance(w);
	}
	w->now_ms = max_of(w->now_ms, now_ms);
}

int64_t comfy_world_deadline(const struct comfy_world *w)
{
	return cw_run_due(w);
}

size_t comfy_world_violations(const struct comfy_world *w)
{
	return w->violations;
}

uint64_t comfy_world_version(const struct comfy_world *w)
{
	return w->version;
}

struct json_object *comfy_world_card(struct comfy_world *w)
{
	struct json_object *card = cw_memory_state(w);

	json_add_int(card, "queue_remaining", (int64_t)cw_queue_remaining(w));
	return card;
}

void comfy_world_state(struct comfy_world *w, struct json_object *into)
{
	struct json_object *state = json_object_new_object(), *files = json_object_new_array();
	struct cw_file *f;

	DL_FOREACH(w->files, f)
	{
		struct json_object *file = json_object_new_object();

		json_add_str(file, "type", f->type);
		json_add_str(file, "subfolder", f->subfolder);
		json_add_str(file, "name", f->name);
		json_add_int(file, "bytes", (int64_t)f->len);
		json_object_array_add(files, file);
	}
	json_add(state, "prompts", cw_prompts_state(w));
	json_add_int(state, "requests", (int64_t)w->requests);
	json_add_int(state, "spoilt", (int64_t)w->spoilt);
	json_add_int(state, "sockets", (int64_t)w->n_sockets);
	json_add_int(state, "queue_remaining", (int64_t)cw_queue_remaining(w));
	json_add(state, "card", cw_memory_state(w));
	json_add(state, "files", files);
	json_add(state, "violations", json_object_get(w->violation_list));
	json_add(into, "comfy", state);
}
