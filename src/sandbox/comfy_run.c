/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/comfy_impl.h"

#include <stdlib.h>

/* Previews are at most so wide and high here (the real one: --preview-size, 512). */
#define PREVIEW_SIDE 256
/* About so many previews a sampler. */
#define PREVIEWS 10

static const char out_of_memory[] =
	"Allocation on device \nThis error means you ran out of memory on your GPU.\n\nTIPS: If "
	"the "
	"workflow worked before you might have accidentally set the batch_size to a large number.";

int64_t cw_run_due(const struct comfy_world *w)
{
	int64_t due;

	if (w->worker_dead || (!w->run.prompt && w->n_pending == 0))
		return NEVER;
	due = w->run.prompt ? w->run.due_ms : w->now_ms;
	return max_of(due, w->stall_until_ms);
}

static void later(struct comfy_world *w, int64_t ms)
{
	w->run.due_ms = w->now_ms + max_of(ms, (int64_t)0);
}

void cw_run_stop(struct comfy_world *w)
{
	free(w->run.plan);
	cw_sigs_free(&w->run.sigs);
	json_put(&w->run.nodes);
	json_put(&w->run.executed);
	json_put(&w->run.files);
	w->act_mb = 0;
	w->run = (struct cw_run){0};
	w->last_node = NULL;
}

void cw_free_now(struct comfy_world *w)
{
	cw_cache_forget(w);
	cw_memory_forget(w);
}

void cw_free_if_asked(struct comfy_world *w)
{
	if (w->free_cache)
		cw_cache_forget(w);
	if (w->free_models || w->free_cache)
		cw_memory_forget(w);
	w->free_models = w->free_cache = false;
}

void cw_run_interrupt(struct comfy_world *w, const char *prompt_id)
{
	if (w->run.prompt && (!prompt_id || str_eq(prompt_id, w->run.prompt->id)))
		w->run.interrupted = true;
}

/* An event that history keeps too, with its time. */
static void message(
	struct comfy_world *w, const char *type, struct json_object *data, bool broadcast)
{
	struct cw_prompt *p = w->run.prompt;
	struct json_object *pair = json_object_new_array();

	json_add_int(data, "timestamp", w->now_ms);
	json_object_array_add(pair, json_object_new_string(type));
	json_object_array_add(pair, json_object_get(data));
	json_object_array_add(p->messages, pair);
	if (broadcast)
		cw_send_event(w, type, data, p->client_id);
	else
		cw_send_own(w, type, data, p);
}

static struct json_object *about_prompt(const struct comfy_world *w)
{
	struct json_object *data = json_object_new_object();

	json_add_str(data, "prompt_id", w->run.prompt->id);
	return data;
}

/* ---- starting ---- */

/* Puts what a node needs before the node; a cached node needs nothing. */
static void plan_node(struct comfy_world *w, struct json_object *graph, const char *node)
{
	struct cw_run *run = &w->run;
	const struct node_class *c = cw_class_of(graph, node);
	struct node_sig *sig;

	HASH_FIND_STR(run->sigs, node, sig);
	if (!c || !sig || sig->planned)
		return;
	sig->planned = true;
	for (const struct node_input *in = c->in; in->value != VALUE_END && !sig->cached; in++) {
		const char *from = cw_link(cw_node_input(graph, node, in->name));

		if (from)
			plan_node(w, graph, from);
	}
	if (!sig->cached || cw_node_is_output(c))
		run->plan[run->n_plan++] = sig->id;
}

static void plan(struct comfy_world *w)
{
	struct cw_prompt *p = w->run.prompt;
	struct json_object *graph = p->graph, *nodes = json_object_new_array(),
			   *data = about_prompt(w);
	struct node_sig *sig, *next;

	for (size_t i = 0; i < json_len(p->outputs); i++)
		cw_signature(w, graph,
			json_object_get_string(json_object_array_get_idx(p->outputs, i)),
			&w->run.sigs);
	HASH_ITER(hh, w->run.sigs, sig, next)
	{
		sig->cached = cw_cached(w, sig->sig);
		if (sig->cached)
			json_object_array_add(nodes, json_object_new_string(sig->id));
	}
	w->run.plan = xcalloc(HASH_COUNT(w->run.sigs) + 1, sizeof(*w->run.plan));
	for (size_t i = 0; i < json_len(p->outputs); i++)
		plan_node(
			w, graph, json_object_get_string(json_object_array_get_idx(p->outputs, i)));
	json_add(data, "nodes", nodes);
	message(w, "execution_cached", data, false);
}

static void start(struct comfy_world *w)
{
	struct cw_prompt *p = cw_queue_next(w);

	must(p);
	p->status = PROMPT_RUNNING;
	p->started_ms = w->now_ms;
	w->n_pending--;
	w->run = (struct cw_run){.prompt = p, .phase = RUN_NODE, .due_ms = w->now_ms};
	cw_send_status(w);
	/* Observed: extra_data null ends the worker thread; the prompt stays "running" for good. */
	if (!p->extra) {
		w->worker_dead = true;
		return;
	}
	w->run.nodes = json_object_new_object();
	w->run.executed = json_object_new_array();
	message(w, "execution_start", about_prompt(w), false);
	plan(w);
	cw_memory_begin(w);
}

/* ---- ending ---- */

static void finish(struct comfy_world *w, enum prompt_status status)
{
	struct cw_prompt *p = w->run.prompt;
	struct json_object *data;

	if (status == PROMPT_SUCCESS)
		message(w, "execution_success", about_prompt(w), false);
	cw_cache_renew(w);
	p->status = status;
	p->finished_ms = w->now_ms;
	data = about_prompt(w);
	json_add(data, "node", NULL);
	cw_run_stop(w);
	cw_free_if_asked(w);
	cw_send_status(w);
	cw_send_own(w, "executing", data, p);
}

static struct json_object *about_node(struct comfy_world *w, const char *node)
{
	struct json_object *data = about_prompt(w);

	json_add_str(data, "node_id", node);
	json_add_str(data, "node_type", cw_class_of(w->run.prompt->graph, node)->name);
	json_add(data, "executed", json_object_get(w->run.executed));
	return data;
}

static void fail(struct comfy_world *w, const char *node, const char *type, const char *text)
{
	struct json_object *data = about_node(w, node), *trace = json_object_new_array(),
			   *inputs = json_object_new_object(), *outputs = json_object_new_array();
	char *line = xasprintf("%s\n", text);

	json_add_str(data, "exception_message", line);
	free(line);
	json_add_str(data, "exception_type", type);
	json_object_array_add(
		trace, json_object_new_string(
			       "  File \"/opt/ComfyUI/execution.py\", line 496, in execute\n"));
	json_add(data, "traceback", trace);
	json_add(data, "current_inputs", inputs);
	json_object_object_foreach(w->run.prompt->graph, id, value)
	{
		(void)value;
		json_object_array_add(outputs, json_object_new_string(id));
	}
	json_add(data, "current_outputs", outputs);
	message(w, "execution_error", data, false);
	/* ComfyUI unloads all models after it ran out of memory. */
	if (str_eq(type, "torch.OutOfMemoryError"))
		w->free_models = true;
	finish(w, PROMPT_ERROR);
}

static void interrupt(struct comfy_world *w, const char *node)
{
	message(w, "execution_interrupted", about_node(w, node), true);
	finish(w, PROMPT_INTERRUPTED);
}

/* ---- nodes ---- */

static void progress_state(
	struct comfy_world *w, const char *node, double value, double max, const char *state)
{
	struct cw_prompt *p = w->run.prompt;
	struct json_object *entry = json_object_new_object(), *data;

	json_add(entry, "value", json_object_new_double(value));
	json_add(entry, "max", json_object_new_double(max));
	json_add_str(entry, "state", state);
	json_add_str(entry, "node_id", node);
	json_add_str(entry, "prompt_id", p->id);
	json_add_str(entry, "display_node_id", node);
	json_add(entry, "parent_node_id", NULL);
	json_add_str(entry, "real_node_id", node);
	json_add(w->run.nodes, node, entry);
	if (!cw_anyone_listens(w, p->client_id))
		return;
	data = about_prompt(w);
	json_add(data, "nodes", json_object_get(w->run.nodes));
	cw_send_event(w, "progress_state", data, p->client_id);
}

static void node_event(
	struct comfy_world *w, const char *type, const char *node, struct json_object *ui)
{
	struct json_object *data = about_prompt(w);

	json_add_str(data, "node", node);
	json_add_str(data, "display_node", node);
	if (ui)
		json_add(data, "output", json_object_get(ui));
	cw_send_own(w, type, data, w->run.prompt);
}

/* The node gave its output; ui may be NULL (consumed). */
static void node_output(struct comfy_world *w, const char *node, struct json_object *ui)
{
	struct cw_prompt *p = w->run.prompt;
	struct json_object *meta = json_object_new_object();

	json_add(p->results, node, ui);
	json_add_str(meta, "node_id", node);
	json_add_str(meta, "display_node", node);
	json_add(meta, "parent_node", NULL);
	json_add_str(meta, "real_node_id", node);
	json_add(p->meta, node, meta);
	node_event(w, "executed", node, ui);
}

static void node_done(struct comfy_world *w)
{
	struct cw_run *run = &w->run;
	const char *node = run->plan[run->at++];
	struct node_sig *sig;

	progress_state(w, node, max_of(run->steps, 1), max_of(run->steps, 1), "finished");
	json_object_array_add(run->executed, json_object_new_string(node));
	HASH_FIND_STR(run->sigs, node, sig);
	sig->cached = true;
	run->phase = RUN_NODE;
	run->steps = 0;
}

static void save(struct comfy_world *w, const char *node)
{
	struct json_object *ui = json_object_new_object(), *images = json_object_new_array();
	struct picture_wish wish;

	cw_wish(w, w->run.prompt->graph, node, &wish);
	for (int i = 0; i < wish.batch; i++)
		cw_save_picture(w, w->run.prompt, node, &wish, i, images);
	json_add(ui, "images", images);
	node_output(w, node, ui);
	node_done(w);
}

static void begin_node(struct comfy_world *w)
{
	struct cw_run *run = &w->run;
	struct json_object *graph = run->prompt->graph;
	const char *node = run->plan[run->at];
	const struct node_class *c = cw_class_of(graph, node);
	struct node_sig *sig;
	struct cw_file *file;
	char *text;
	int width, height;

	HASH_FIND_STR(run->sigs, node, sig);
	if (sig->cached) { /* an output: its old file is named again, nothing is written */
		node_output(w, node, json_object_get(cw_cached(w, sig->sig)->ui));
		node_done(w);
		return;
	}
	w->last_node = node;
	progress_state(w, node, 0, 1, "running");
	node_event(w, "executing", node, NULL);
	switch (c->kind) {
	case NODE_LOADER:
		run->phase = RUN_LOADED;
		later(w, cw_memory_load(w, node));
		break;
	case NODE_SAMPLER:
		run->phase = RUN_STEPS;
		run->step = 0;
		run->steps = cw_steps(graph, node);
		run->step_ms = cw_memory_step_ms(w, node);
		later(w, cw_memory_sample(w, node, &run->fits) + run->step_ms);
		break;
	case NODE_LOAD_IMAGE:
		text = xstrdup(json_object_get_string(cw_node_input(graph, node, "image")));
		file = cw_file_named(w, text);
		if (file && cw_image_size(file->data, file->len, &width, &height)) {
			node_done(w);
		} else {
			char *why = xasprintf(
				"cannot identify image file '/opt/ComfyUI/input/%s'", text);

			fail(w, node, "PIL.UnidentifiedImageError", why);
			free(why);
		}
		free(text);
		break;
	case NODE_SAVE:
	case NODE_PREVIEW:
		save(w, node);
		break;
	case NODE_PLAIN:
		node_done(w);
	}
}

static void preview(struct comfy_world *w, const char *node, char *image, size_t len, bool metadata)
{
	if (len)
		cw_send_preview(w, w->run.prompt, node, image, len, metadata);
}

static size_t draw_preview(struct comfy_world *w, const char *node, char **ret)
{
	struct cw_run *run = &w->run;
	struct draw_request draw = {.label = "FuLLet sandbox", .jpeg = true};
	struct picture_wish wish;
	int every = (run->steps + PREVIEWS - 1) / PREVIEWS, longest;

	if (!w->config.draw || run->step % every || !cw_anyone_listens(w, run->prompt->client_id))
		return 0;
	cw_wish(w, run->prompt->graph, node, &wish);
	longest = max_of(wish.width, wish.height);
	draw.width = max_of(wish.width * PREVIEW_SIDE / longest, 16);
	draw.height = max_of(wish.height * PREVIEW_SIDE / longest, 16);
	draw.seed = wish.seed;
	draw.prompt = wish.prompt;
	draw.base = wish.base ? wish.base->data : NULL;
	draw.base_len = wish.base ? wish.base->len : 0;
	draw.percent = min_of(run->step * 100 / run->steps, 99);
	return w->config.draw(w->config.draw_ctx, &draw, ret);
}

/* More pictures at once than the fault lets pass. */
static bool too_many(struct comfy_world *w, const char *node)
{
	struct picture_wish wish;

	if (w->oom_above == 0)
		return false;
	cw_wish(w, w->run.prompt->graph, node, &wish);
	return wish.batch > w->oom_above;
}

static void step(struct comfy_world *w)
{
	struct cw_run *run = &w->run;
	const char *node = run->plan[run->at];
	struct json_object *data;
	char *image = NULL;
	size_t len;

	if (run->interrupted) {
		interrupt(w, node);
		return;
	}
	if (w->oom > 0 || !run->fits || too_many(w, node)) {
		w->oom -= w->oom > 0;
		fail(w, node, "torch.OutOfMemoryError", out_of_memory);
		return;
	}
	if (w->machine > 0) {
		w->machine--;
		fail(w, node, "torch.AcceleratorError",
			"CUDA error: an illegal memory access was encountered\nCUDA kernel errors "
			"might be asynchronously reported at some other API call.");
		return;
	}
	if (w->errors > 0) {
		w->errors--;
		fail(w, node, "RuntimeError",
			"mat1 and mat2 shapes cannot be multiplied (77x768 and 2048x64)");
		return;
	}
	run->step++;
	len = draw_preview(w, node, &image);
	progress_state(w, node, run->step, run->steps, "running");
	preview(w, node, image, len, true);
	data = about_prompt(w);
	json_add_int(data, "value", run->step);
	json_add_int(data, "max", run->steps);
	json_add_str(data, "node", node);
	cw_send_event(w, "progress", data, run->prompt->client_id);
	preview(w, node, image, len, false);
	free(image);
	cw_changed(w);
	if (run->step == run->steps)
		node_done(w);
	else
		later(w, run->step_ms);
}

void cw_run_advance(struct comfy_world *w)
{
	struct cw_run *run = &w->run;

	if (!run->prompt) {
		start(w);
	} else if (run->phase == RUN_STEPS) {
		step(w);
	} else if (run->phase == RUN_LOADED) {
		node_done(w);
	} else if (run->at == run->n_plan) {
		finish(w, PROMPT_SUCCESS);
	} else if (run->interrupted) {
		interrupt(w, run->plan[run->at]);
	} else {
		begin_node(w);
	}
}
