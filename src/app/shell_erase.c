/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "app/shell_parts.h"
#include "comfy/history.h"
#include "core/session.h"

/*
 * All that is stored about a member goes: first the entries in the histories of
 * the ComfyUI servers, whose numbers only the rows tell, then the rows.
 */

/* A server that does not answer does not hold up the rest for ever. */
#define HISTORY_TRIES 4
/* Nor does a picture of somebody else's that is drawn with his: some minutes. */
#define SHARED_TRIES 9

struct erasing {
	struct shell *shell;
	uint64_t user_id;
	uint32_t epoch;
	int waiting, tries;
	bool failed, shared;
	int holders;
};

static void erasing_drop(void *what)
{
	struct erasing *e = what;

	if (--e->holders == 0)
		free(e);
}

static void answer(struct erasing *e, enum answer answer)
{
	core_session_answer(
		e->shell->core, e->user_id, e->epoch, answer, 0, NULL, shell_now(e->shell));
}

static struct pending *hold(struct erasing *e)
{
	e->holders++;
	return pending_new(e->shell, e->user_id, e, erasing_drop);
}

static void rows_erased(void *arg, int result, const char *why)
{
	struct pending *p = arg;

	if (result < 0)
		shell_log(p->shell, LOG_ERROR, "store",
			"what is stored about user=%" PRIu64 " could not be erased: %s", p->id,
			why ? why : "unknown");
	if (result == 0)
		shell_privacy_erased(p->shell, p->id, ((struct erasing *)p->what)->failed);
	answer(p->what, result == 0 ? ANSWER_OK : ANSWER_AGAIN);
	pending_free(p);
}

static void erase_rows(struct erasing *e)
{
	struct store_op op = {.kind = STORE_ERASE, .id = e->user_id};

	e->shell->ports.store(e->shell->ports.ctx, &op, rows_erased, hold(e));
}

static void one_less(struct erasing *e)
{
	if (--e->waiting > 0)
		return;
	if (e->failed && e->tries < (e->shared ? SHARED_TRIES : HISTORY_TRIES))
		answer(e, ANSWER_AGAIN);
	else
		erase_rows(e);
}

/* One server with the ids of the prompts that are to be forgotten there. */
struct visit {
	struct erasing *erasing;
	int gpu;
	struct json_object *ids;
};

static void visit_drop(void *what)
{
	struct visit *v = what;

	erasing_drop(v->erasing);
	json_put(&v->ids);
	free(v);
}

/* The visit goes on to its next answer, or ends with this one. */
static void visit_call(struct visit *v, struct http_request *req,
	void (*done)(void *arg, struct http_response *response))
{
	struct erasing *e = v->erasing;
	struct shell *sh = e->shell;

	sh->ports.http(sh->ports.ctx, req, done, pending_new(sh, e->user_id, v, visit_drop));
	http_request_free(req);
}

static void visit_failed(struct pending *p, const char *why)
{
	struct visit *v = p->what;

	v->erasing->failed = true;
	shell_log(p->shell, LOG_WARN, "comfy",
		"%s: the history of user=%" PRIu64 " could not be erased yet: %s",
		p->shell->gpu_names[v->gpu], p->id, why);
}

static void history_answered(void *arg, struct http_response *response)
{
	struct pending *p = arg;
	struct visit *v = p->what;

	if (response->status / 100 != 2)
		visit_failed(p, response->error ? response->error : "refused");
	one_less(v->erasing);
	pending_free(p);
}

/* A run that was just interrupted is written into the history when it ends: not before is it
 * forgotten. */
static bool is_queued(const struct visit *v, const struct http_response *response)
{
	cleanup(json_put) struct json_object *doc =
		json_parse(buf_str(&response->body), response->body.len, NULL);
	struct queue_item item;

	for (size_t i = 0; i < json_len(v->ids); i++)
		if (queue_find(doc, json_object_get_string(json_object_array_get_idx(v->ids, i)),
			    &item) == 0 &&
			item.place != QUEUE_ABSENT)
			return true;
	return false;
}

static void queue_answered(void *arg, struct http_response *response)
{
	struct pending *p = arg;
	struct visit *v = p->what;
	struct shell *sh = p->shell;
	struct json_object *doc;
	struct http_request req;

	if (response->status != 200 || is_queued(v, response)) {
		visit_failed(p, response->error		  ? response->error
				: response->status != 200 ? "refused"
							  : "a run has not ended");
		one_less(v->erasing);
		pending_free(p);
		return;
	}
	doc = json_object_new_object();
	json_add(doc, "delete", json_object_get(v->ids));
	comfy_request(&sh->config.comfy[v->gpu], HTTP_POST, "/history", &req);
	http_request_json(&req, json_text(doc));
	json_put(&doc);
	p->drop = NULL;
	pending_free(p);
	visit_call(v, &req, history_answered);
}

static void add_ids(struct visit *v, const struct job_row *row)
{
	struct erasing *e = v->erasing;
	char id[UUID_SIZE];

	/* Of a pass that he shared somebody may still wait for his picture. */
	if (row->slot > 0 && core_prompt_is_wanted(e->shell->core, row->prompt_id, e->user_id)) {
		e->failed = e->shared = true;
		return;
	}
	for (int part = 0; part < job_row_parts(row); part++) {
		job_row_prompt_id(row, part, id);
		json_object_array_add(v->ids, json_object_new_string(id));
	}
}

/* ComfyUI: POST /history {"delete":[ids]}. */
static void erase_history(struct erasing *e, int gpu, const struct store_result *rows)
{
	struct shell *sh = e->shell;
	struct visit *v = xcalloc(1, sizeof(*v));
	struct http_request req;

	*v = (struct visit){e, gpu, json_object_new_array()};
	e->holders++;
	for (size_t i = 0; i < rows->n_jobs; i++)
		if (rows->jobs[i].prompt_id[0] && str_eq(rows->jobs[i].gpu, sh->gpu_names[gpu]))
			add_ids(v, &rows->jobs[i]);
	if (json_len(v->ids) == 0) {
		visit_drop(v);
		return;
	}
	e->waiting++;
	comfy_request(&sh->config.comfy[gpu], HTTP_GET, "/queue", &req);
	req.answer_max = COMFY_ANSWER_MAX;
	visit_call(v, &req, queue_answered);
}

static void rows_read(void *arg, struct store_result *rows)
{
	struct pending *p = arg;
	struct erasing *e = p->what;

	if (rows->error < 0) {
		answer(e, ANSWER_AGAIN);
	} else {
		e->waiting = 1;
		for (int i = 0; i < e->shell->config.n_comfy; i++)
			erase_history(e, i, rows);
		one_less(e);
	}
	pending_free(p);
}

void shell_erase(struct shell *sh, const struct effect *effect)
{
	struct store_query query = {
		.kind = STORE_READ_MEMBER, .id = effect->user_id, .now_ms = shell_now(sh)};
	struct erasing *e = xcalloc(1, sizeof(*e));

	*e = (struct erasing){.shell = sh,
		.user_id = effect->user_id,
		.epoch = effect->epoch,
		.tries = effect->session->tries};
	sh->ports.read(sh->ports.ctx, &query, rows_read, hold(e));
}
