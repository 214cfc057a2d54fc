/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/comfy_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

/* A client may ask a route this often in one go, and 5 times a second for long. */
#define POLL_BURST	60.0
#define POLL_PER_SECOND 5.0

static void fault_remove(struct comfy_world *w, struct cw_fault *f)
{
	DL_DELETE(w->faults, f);
	free(f->kind);
	free(f->method);
	free(f->route);
	free(f);
}

void cw_faults_clear(struct comfy_world *w)
{
	while (w->faults)
		fault_remove(w, w->faults);
	w->oom = w->oom_above = w->errors = w->machine = w->forget = w->node_errors = 0;
	w->ws_refuse_until_ms = w->stall_until_ms = w->down_until_ms = 0;
	w->pad_bytes = 0;
	w->n_spoil = 0;
}

/* "/history/{}" fits "/history/123"; no route fits everything. */
static bool route_fits(const char *route, const char *path)
{
	if (!route)
		return true;
	while (*route && *path) {
		if (str_starts(route, "{}")) {
			route += 2;
			path += strcspn(path, "/");
		} else if (*route++ != *path++) {
			return false;
		}
	}
	return !*route && !*path;
}

struct cw_fault *cw_fault_match(
	struct comfy_world *w, const struct http_request *req, const char *path)
{
	struct cw_fault *f;

	DL_FOREACH(w->faults, f)
	if ((!f->method || str_eq(f->method, http_method_name(req->method))) &&
		route_fits(f->route, path))
		return f;
	return NULL;
}

void cw_fault_spoil(struct comfy_world *w, struct cw_fault *f, struct http_response *ret)
{
	static const char page[] =
		"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head>"
		"<body><h1>502 Bad Gateway</h1></body></html>";

	http_response_free(ret);
	ret->maybe_sent = true;
	if (str_eq(f->kind, "reset"))
		ret->error = xstrdup("reset");
	else if (str_eq(f->kind, "hang"))
		ret->error = xasprintf("hang %" PRId64, f->ms);
	else if (str_eq(f->kind, "html"))
		cw_answer_bytes(
			ret, f->status ? f->status : 502, "text/html", page, sizeof(page) - 1);
	else if (f->status == 500)
		cw_answer_500(ret);
	else
		cw_answer_empty(ret, f->status);
	w->spoilt++;
	cw_changed(w);
	if (f->count > 0 && --f->count == 0) /* 0: until "clear" */
		fault_remove(w, f);
}

static void restart(struct comfy_world *w, int64_t down_ms)
{
	cw_run_stop(w);
	cw_prompts_forget(w, true);
	cw_free_now(w);
	cw_files_forget(w, "temp");
	cw_sockets_cut(w);
	w->number = 0;
	w->worker_dead = w->free_models = w->free_cache = false;
	w->stall_until_ms = 0;
	w->down_until_ms = w->now_ms + down_ms;
}

static int add_spoiler(struct comfy_world *w, struct json_object *fault, const char *kind)
{
	struct cw_fault *f = xcalloc(1, sizeof(*f));

	f->kind = xstrdup(kind);
	f->method = xstrdup(json_str(fault, "method"));
	f->route = xstrdup(json_str(fault, "route"));
	f->status = (int)json_int(fault, "status", str_eq(kind, "status") ? 500 : 0);
	f->count = json_int(fault, "count", 1);
	f->ms = json_int(fault, "ms", 60000);
	f->executed = json_flag(fault, "executed", false);
	DL_APPEND(w->faults, f);
	return 0;
}

static void set_until(
	struct comfy_world *w, int64_t *until, struct json_object *fault, int64_t otherwise)
{
	int64_t ms = json_int(fault, "ms", otherwise);

	*until = ms < 0 || ms > INT32_MAX ? NEVER : w->now_ms + ms;
}

int comfy_world_fault(struct comfy_world *w, struct json_object *fault, int64_t now_ms)
{
	const char *kind = json_str(fault, "kind");
	int64_t count = max_of(json_int(fault, "count", 1), (int64_t)0);

	comfy_world_tick(w, now_ms);
	if (str_eq(kind, "status") || str_eq(kind, "reset") || str_eq(kind, "hang") ||
		str_eq(kind, "html"))
		return add_spoiler(w, fault, kind);
	if (str_eq(kind, "comfy_restart"))
		restart(w, max_of(json_int(fault, "down_ms", 3000), (int64_t)0));
	else if (str_eq(kind, "comfy_oom") && json_member(fault, "above"))
		w->oom_above = max_of(json_int(fault, "above", 0), (int64_t)0);
	else if (str_eq(kind, "comfy_oom"))
		w->oom += count;
	else if (str_eq(kind, "comfy_error"))
		w->errors += count;
	else if (str_eq(kind, "comfy_machine"))
		w->machine += count;
	else if (str_eq(kind, "comfy_node_errors"))
		w->node_errors += count;
	else if (str_eq(kind, "comfy_stall"))
		set_until(w, &w->stall_until_ms, fault, -1);
	else if (str_eq(kind, "comfy_ws_drop"))
		cw_sockets_cut(w);
	else if (str_eq(kind, "comfy_ws_refuse"))
		set_until(w, &w->ws_refuse_until_ms, fault, -1);
	else if (str_eq(kind, "comfy_ws_garbage"))
		cw_sockets_garble(w);
	else if (str_eq(kind, "comfy_zombie"))
		cw_sockets_orphan(w);
	else if (str_eq(kind, "comfy_forget_output")) {
		cw_files_forget(w, "output");
		w->forget += json_int(fault, "count", 0) > 0 ? count : 0;
	} else if (str_eq(kind, "comfy_pad"))
		w->pad_bytes = (size_t)min_of(
			max_of(json_int(fault, "bytes", 0), (int64_t)0), (int64_t)64 << 20);
	else if (str_eq(kind, "comfy_foreign"))
		w->foreign_mb =
			min_of(max_of(json_int(fault, "mb", 0), (int64_t)0), w->card.vram_mb);
	else if (str_eq(kind, "comfy_bad_file"))
		return cw_files_spoil(w, json_str(fault, "how"), count);
	else if (str_eq(kind, "clear"))
		cw_faults_clear(w);
	else
		return -EINVAL;
	cw_changed(w);
	return 0;
}

void cw_poll_watch(struct comfy_world *w, const char *path)
{
	struct poll_rate *rate = NULL, *oldest = &w->rates[0];

	for (size_t i = 0; i < countof(w->rates); i++) {
		if (strncmp(w->rates[i].route, path, sizeof(rate->route) - 1) == 0)
			rate = &w->rates[i];
		if (w->rates[i].at_ms < oldest->at_ms)
			oldest = &w->rates[i];
	}
	if (!rate) {
		rate = oldest;
		*rate = (struct poll_rate){.at_ms = w->now_ms};
		str_copy(rate->route, sizeof(rate->route), path);
	}
	rate->level -= (double)(w->now_ms - rate->at_ms) * POLL_PER_SECOND / 1000;
	rate->level = max_of(rate->level, 0.0) + 1;
	rate->at_ms = w->now_ms;
	if (rate->level > POLL_BURST) {
		cw_violation(
			w, "comfy_polls_too_fast", path, "more than 5 requests a second for long");
		rate->level = 0;
	}
}
