/* SPDX-License-Identifier: Apache-2.0 */
/* Faults: spoilt answers and a misbehaving gateway. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "sandbox/discord_impl.h"

#define SILENCE_MS 60000
#define REFUSE_MS  10000
#define HANG_MS	   30000

/* {} is one segment, * anything; the query does not count. */
static bool pattern_match(const char *p, const char *path)
{
	for (;;) {
		if (*p == '*') {
			while (*p == '*')
				p++;
			for (; *path && *path != '?'; path++)
				if (pattern_match(p, path))
					return true;
			return !*p || pattern_match(p, path);
		}
		if (*p == '{') {
			size_t n = strcspn(path, "/?");

			if (n == 0)
				return false;
			p += strcspn(p, "}");
			p += *p == '}';
			path += n;
			continue;
		}
		if (!*p || !*path || *path == '?')
			return !*p && (!*path || *path == '?');
		if (*p++ != *path++)
			return false;
	}
}

struct dw_fault *dw_fault_take(struct discord_world *w, enum http_method method, const char *path)
{
	struct dw_fault *f;

	DL_FOREACH(w->faults, f)
	if ((!f->method || strcasecmp(f->method, http_method_name(method)) == 0) &&
		(!f->route || pattern_match(f->route, path)))
		return f;
	return NULL;
}

static void fault_free(struct discord_world *w, struct dw_fault *f)
{
	DL_DELETE(w->faults, f);
	free(f->kind);
	free(f->method);
	free(f->route);
	free(f->scope);
	free(f->location);
	free(f);
}

void dw_fault_done(struct discord_world *w, struct dw_fault *f)
{
	w->n_spoilt++;
	w->version++;
	if (f->count > 0 && --f->count == 0)
		fault_free(w, f);
}

void dw_fault_free_all(struct discord_world *w)
{
	while (w->faults)
		fault_free(w, w->faults);
}

static void say_html(struct http_response *res, const struct dw_fault *f)
{
	char text[40];

	res->status = f->status ? f->status : 502;
	http_response_header(res, "Content-Type", "text/html; charset=UTF-8");
	http_response_header(res, "Server", "cloudflare");
	if (f->retry_after > 0) {
		snprintf(text, sizeof(text), "%.0f", f->retry_after);
		http_response_header(res, "Retry-After", text);
	}
	(void)buf_printf(&res->body,
		"<html><head><title>Error %d</title></head><body>cloudflare</body></html>",
		res->status);
}

static void say_much(struct http_response *res, int64_t bytes)
{
	static const char zeros[64 * 1024];

	res->status = 200;
	res->body.max = (size_t)max_of(bytes, (int64_t)1);
	http_response_header(res, "Content-Type", "image/png");
	for (int64_t left = bytes; left > 0; left -= (int64_t)sizeof(zeros))
		(void)buf_add(
			&res->body, zeros, (size_t)min_of(left, (int64_t)sizeof(zeros)));
}

void dw_fault_apply(struct dw_call *c, const struct dw_fault *f)
{
	struct http_response *res = c->res;
	size_t max = res->body.max;
	double wait = f->retry_after > 0 ? f->retry_after : 1;

	http_response_free(res);
	res->body.max = max;
	res->maybe_sent = true;
	if (str_eq(f->kind, "reset")) {
		res->error = xstrdup("reset");
	} else if (str_eq(f->kind, "hang")) {
		res->error = xasprintf("hang %" PRId64, f->ms > 0 ? f->ms : (int64_t)HANG_MS);
	} else if (str_eq(f->kind, "html")) {
		say_html(res, f);
	} else if (str_eq(f->kind, "redirect")) {
		res->status = 302;
		http_response_header(res, "Location", f->location ? f->location : "/");
	} else if (str_eq(f->kind, "long")) {
		say_much(res, f->bytes);
	} else if (str_eq(f->kind, "429")) {
		dw_limits_429(res, f->scope ? f->scope : "user", wait);
		dw_limits_block(c, str_eq(f->scope, "global"), (int64_t)(wait * 1000));
	} else {
		res->status = f->status ? f->status : 500;
		http_response_header(res, "Content-Type", "application/json");
		(void)buf_printf(&res->body, "{\"message\":\"%d: %s\",\"code\":0}", res->status,
			res->status >= 500 ? "Internal Server Error" : "Refused");
	}
}

/* ---- the gateway's ---- */

static void break_stream(struct discord_world *w, struct dw_conn *conn, bool raw)
{
	static const char garbage[] = "{\"op\":0,\"t\":\"MESSAGE_CREATE\",\"s\":";
	struct world_output out = {.binary = true, .len = 7};

	if (!raw) {
		dw_conn_raw(w, conn, garbage, strlen(garbage));
		return;
	}
	out.data = xstrndup("\xff\xfe garb", 7);
	dw_output_add(w, conn, &out);
}

static void invalidate(struct discord_world *w, struct dw_conn *conn, bool resumable)
{
	struct dw_session *s = conn->session;
	struct json_object *o = json_object_new_object();

	json_add(o, "t", NULL);
	json_add(o, "s", NULL);
	json_add_int(o, "op", 9);
	json_add_bool(o, "d", resumable);
	dw_conn_say(w, conn, o);
	conn->session = NULL;
	if (s) {
		s->conn = NULL;
		s->gone_ms = w->now_ms;
		if (!resumable)
			dw_session_kill(s);
	}
	if (!resumable)
		conn->refused_ms = w->now_ms;
}

static void ask(struct discord_world *w, struct dw_conn *conn, int op)
{
	struct json_object *o = json_object_new_object();

	json_add(o, "t", NULL);
	json_add(o, "s", NULL);
	json_add_int(o, "op", op);
	json_add(o, "d", NULL);
	dw_conn_say(w, conn, o);
}

static bool gateway_fault(struct discord_world *w, const char *kind, struct json_object *fault)
{
	int64_t ms = json_int(fault, "ms", 0);
	struct dw_conn *conn, *next;

	if (str_eq(kind, "gateway_refuse")) {
		w->gateway_refuse_until_ms = w->now_ms + (ms > 0 ? ms : REFUSE_MS);
		return true;
	}
	if (str_eq(kind, "message_content")) {
		w->content_refused = !json_flag(fault, "granted", true);
		return true;
	}
	if (str_eq(kind, "gateway_limit")) {
		w->identifies_left = (int)json_int(fault, "remaining", 0);
		w->identifies_reset_ms = w->now_ms + json_int(fault, "reset_after", 60000);
		return true;
	}
	if (str_eq(kind, "gateway_reconnect") && json_flag(fault, "before_hello", false)) {
		w->reconnect_before_hello = true;
		return true;
	}
	if (str_eq(kind, "gateway_forget"))
		for (struct dw_session *s = w->sessions; s; s = s->next)
			dw_session_kill(s);
	HASH_ITER(hh, w->conns, conn, next)
	{
		if (conn->closing)
			continue;
		if (str_eq(kind, "gateway_drop") || str_eq(kind, "gateway_forget")) {
			dw_conn_close(w, conn, (int)json_int(fault, "code", 0));
		} else if (str_eq(kind, "gateway_reconnect")) {
			ask(w, conn, 7);
			conn->close_ms = w->now_ms + REFUSE_MS;
		} else if (str_eq(kind, "gateway_heartbeat")) {
			conn->asked_ms = w->now_ms;
			ask(w, conn, 1);
		} else if (str_eq(kind, "gateway_invalid")) {
			invalidate(w, conn, json_flag(fault, "resumable", false));
		} else if (str_eq(kind, "gateway_silence")) {
			conn->silent_until_ms = w->now_ms + (ms > 0 ? ms : SILENCE_MS);
		} else {
			break_stream(w, conn, json_flag(fault, "raw", false));
		}
	}
	return true;
}

int discord_world_fault(struct discord_world *w, struct json_object *fault, int64_t now_ms)
{
	static const char *const gateway[] = {"gateway_drop", "gateway_reconnect",
		"gateway_invalid", "gateway_silence", "gateway_refuse", "gateway_garbage",
		"gateway_limit", "gateway_heartbeat", "gateway_forget", "message_content"};
	static const char *const http[] = {"status", "reset", "hang", "html", "429", "redirect",
		"long"};
	const char *kind = json_str(fault, "kind");
	struct dw_fault *f;

	w->now_ms = now_ms;
	if (str_eq(kind, "clear")) {
		dw_fault_free_all(w);
		w->gateway_refuse_until_ms = 0;
		return 0;
	}
	for (size_t i = 0; i < countof(gateway); i++)
		if (str_eq(kind, gateway[i]))
			return gateway_fault(w, kind, fault) ? 0 : -EINVAL;
	for (size_t i = 0; i < countof(http); i++) {
		if (!str_eq(kind, http[i]))
			continue;
		f = xcalloc(1, sizeof(*f));
		f->kind = xstrdup(kind);
		f->method = xstrdup(json_str(fault, "method"));
		f->route = xstrdup(json_str(fault, "route"));
		f->scope = xstrdup(json_str(fault, "scope"));
		f->location = xstrdup(json_str(fault, "location"));
		f->bytes = min_of(json_int(fault, "bytes", 0), (int64_t)(128 * MIB));
		f->status = (int)json_int(fault, "status", 0);
		f->count = (int)json_int(fault, "count", 1);
		f->executed = json_flag(fault, "executed", false);
		f->ms = json_int(fault, "ms", 0);
		f->retry_after = json_num(fault, "retry_after", 0);
		DL_APPEND(w->faults, f);
		return 0;
	}
	return -EINVAL;
}
