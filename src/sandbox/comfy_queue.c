/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/comfy_impl.h"

#include <stdlib.h>
#include <utlist.h>

static void prompt_free(struct comfy_world *w, struct cw_prompt *p)
{
	if (p->hashed)
		HASH_DEL(w->by_id, p);
	free(p->id);
	free(p->client_id);
	json_put(&p->graph);
	json_put(&p->extra);
	json_put(&p->outputs);
	json_put(&p->messages);
	json_put(&p->results);
	json_put(&p->meta);
	free(p);
}

/* Forgets the oldest prompt that has ended when there are too many. */
static void make_room(struct comfy_world *w)
{
	struct cw_prompt *p, *next;

	DL_FOREACH_SAFE(w->prompts, p, next)
	{
		if (w->n_prompts < COMFY_WORLD_PROMPTS_MAX)
			return;
		if (p->status == PROMPT_PENDING || p->status == PROMPT_RUNNING)
			continue;
		DL_DELETE(w->prompts, p);
		w->n_prompts--;
		prompt_free(w, p);
	}
}

struct cw_prompt *cw_queue_add(struct comfy_world *w, const char *id, const char *client_id,
	struct json_object *graph, struct json_object *extra, struct json_object *outputs)
{
	struct cw_prompt *p, *older;

	if (w->n_pending >= COMFY_WORLD_PENDING_MAX)
		return NULL;
	make_room(w);
	p = xcalloc(1, sizeof(*p));
	p->listed = true;
	p->number = (double)w->number++;
	p->number_is_int = true;
	p->id = xstrdup(id);
	p->client_id = xstrdup(client_id);
	p->graph = graph;
	p->extra = extra;
	p->outputs = outputs;
	p->messages = json_object_new_array();
	p->results = json_object_new_object();
	p->meta = json_object_new_object();
	p->submitted_ms = w->now_ms;
	DL_APPEND(w->prompts, p);
	w->n_prompts++;
	w->n_pending++;
	/* With an id used twice, history keeps the last. */
	HASH_FIND_STR(w->by_id, id, older);
	if (older) {
		HASH_DEL(w->by_id, older);
		older->hashed = false;
	}
	HASH_ADD_KEYPTR(hh, w->by_id, p->id, strlen(p->id), p);
	p->hashed = true;
	return p;
}

size_t cw_queue_remaining(const struct comfy_world *w)
{
	return w->n_pending + (w->run.prompt ? 1 : 0);
}

struct cw_prompt *cw_queue_next(struct comfy_world *w)
{
	struct cw_prompt *best = NULL;
	size_t left = w->n_pending;

	/* Those that wait are among the newest: look from there, as far as there are any. */
	for (struct cw_prompt *p = w->prompts ? w->prompts->prev : NULL; p && left > 0;
		p = p->prev) {
		if (p->status != PROMPT_PENDING)
			continue;
		left--;
		if (!best || p->number <= best->number)
			best = p;
	}
	return best;
}

struct cw_prompt *cw_prompt_find(struct comfy_world *w, const char *id, bool listed_only)
{
	struct cw_prompt *p;

	HASH_FIND_STR(w->by_id, id, p);
	return p && (p->listed || !listed_only) ? p : NULL;
}

void cw_queue_delete(struct comfy_world *w, const char *id)
{
	struct cw_prompt *p;

	DL_FOREACH(w->prompts, p)
	{
		if (p->status != PROMPT_PENDING || (id && !str_eq(p->id, id)))
			continue;
		p->status = PROMPT_DELETED;
		p->listed = false;
		p->finished_ms = w->now_ms;
		w->n_pending--;
		cw_changed(w);
	}
}

static bool has_ended(const struct cw_prompt *p)
{
	return p->status != PROMPT_PENDING && p->status != PROMPT_RUNNING;
}

void cw_history_delete(struct comfy_world *w, const char *id)
{
	struct cw_prompt *p;

	DL_FOREACH(w->prompts, p)
	if (has_ended(p) && (!id || str_eq(p->id, id)))
		p->listed = false;
}

void cw_prompts_forget(struct comfy_world *w, bool lost)
{
	struct cw_prompt *p, *next;

	DL_FOREACH_SAFE(w->prompts, p, next)
	{
		if (lost) {
			if (!has_ended(p)) {
				p->status = PROMPT_LOST;
				p->finished_ms = w->now_ms;
			}
			p->listed = false;
			continue;
		}
		DL_DELETE(w->prompts, p);
		prompt_free(w, p);
	}
	w->n_pending = 0;
	if (!lost)
		w->n_prompts = 0;
}

static struct json_object *item_json(const struct cw_prompt *p)
{
	struct json_object *item = json_object_new_array();

	json_object_array_add(item, p->number_is_int ? json_object_new_int64((int64_t)p->number)
						     : json_object_new_double(p->number));
	json_object_array_add(item, json_object_new_string(p->id));
	json_object_array_add(item, json_object_get(p->graph));
	json_object_array_add(item, json_object_get(p->extra));
	json_object_array_add(item, json_object_get(p->outputs));
	return item;
}

struct json_object *cw_queue_json(struct comfy_world *w)
{
	struct json_object *queue = json_object_new_object(), *running = json_object_new_array(),
			   *pending = json_object_new_array();
	struct cw_prompt *p;

	DL_FOREACH(w->prompts, p)
	{
		if (p->status == PROMPT_RUNNING)
			json_object_array_add(running, item_json(p));
		else if (p->status == PROMPT_PENDING)
			json_object_array_add(pending, item_json(p));
	}
	json_add(queue, "queue_running", running);
	json_add(queue, "queue_pending", pending);
	return queue;
}

static struct json_object *entry_json(const struct cw_prompt *p)
{
	struct json_object *entry = json_object_new_object(), *status = json_object_new_object();

	json_add(entry, "prompt", item_json(p));
	json_add(entry, "outputs", json_object_get(p->results));
	json_add_str(status, "status_str", p->status == PROMPT_SUCCESS ? "success" : "error");
	json_add_bool(status, "completed", p->status == PROMPT_SUCCESS);
	json_add(status, "messages", json_object_get(p->messages));
	json_add(entry, "status", status);
	json_add(entry, "meta", json_object_get(p->meta));
	return entry;
}

struct json_object *cw_history_json(
	struct comfy_world *w, const char *id, int64_t max_items, int64_t offset)
{
	struct json_object *history = json_object_new_object();
	struct cw_prompt *p;
	int64_t i = 0, n = 0;

	if (id) {
		p = cw_prompt_find(w, id, true);
		if (p && has_ended(p))
			json_add(history, p->id, entry_json(p));
		return history;
	}
	DL_FOREACH(w->prompts, p)
	n += p->listed && has_ended(p);
	/* ComfyUI: without an offset the newest max_items are given. */
	if (offset < 0)
		offset = max_items < 0 ? 0 : max_of(n - max_items, (int64_t)0);
	DL_FOREACH(w->prompts, p)
	{
		if (!p->listed || !has_ended(p) || i++ < offset)
			continue;
		if (max_items >= 0 && i > offset + max_items)
			break;
		json_add(history, p->id, entry_json(p));
	}
	return history;
}

struct json_object *cw_prompts_state(struct comfy_world *w)
{
	static const char *const names[] = {[PROMPT_PENDING] = "pending",
		[PROMPT_RUNNING] = "running",
		[PROMPT_SUCCESS] = "success",
		[PROMPT_ERROR] = "error",
		[PROMPT_INTERRUPTED] = "interrupted",
		[PROMPT_DELETED] = "deleted",
		[PROMPT_LOST] = "lost"};
	struct json_object *list = json_object_new_array();
	struct cw_prompt *p;

	DL_FOREACH(w->prompts, p)
	{
		struct json_object *item = json_object_new_object();

		json_add_str(item, "prompt_id", p->id);
		json_add_str(item, "status", names[p->status]);
		json_add_str(item, "client_id", p->client_id);
		json_add_int(item, "submitted_ms", p->submitted_ms);
		json_add_int(item, "started_ms", p->started_ms);
		json_add_int(item, "finished_ms", p->finished_ms);
		json_add(item, "outputs", json_object_get(p->results));
		json_object_array_add(list, item);
	}
	return list;
}
