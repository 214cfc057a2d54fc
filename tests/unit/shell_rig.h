/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_TEST_SHELL_RIG_H
#define FULLET_TEST_SHELL_RIG_H

#include <stdio.h>
#include <stdlib.h>

#include "app/shell.h"
#include "base/date.h"
#include "base/json.h"

#define RIG_NOW_MS	INT64_C(1780000000000)
#define RIG_WAITING_MAX 64 /* the bot has few requests under way */
#define RIG_SOCKETS_MAX 4  /* one for the gateway, one a ComfyUI */
#define RIG_HELLO	"{\"op\":10,\"d\":{\"heartbeat_interval\":41250}}"
#define RIG_READY                                                                                  \
	"{\"op\":0,\"t\":\"READY\",\"s\":1,\"d\":{\"session_id\":\"S\",\"resume_gateway_url\":"    \
	"\"wss://r.test\",\"user\":{\"id\":\"8\"},\"application\":{\"id\":\"8\"},\"guilds\":[{"    \
	"\"id\":\"7\"}]}}"

/* What was asked and is not answered: "POST https://... {...}". A ComfyUI's host is "comfy". */
struct rig_request {
	char *what;
	bool comfy;
	void (*done)(void *arg, struct http_response *response);
	void *arg;
};

struct websocket {
	const struct websocket_events *events;
	void *arg;
	bool open, comfy;
};

/* The bot without its sockets, in virtual time. Rows are committed at each turn; none is found. */
struct rig {
	struct shell *shell;
	struct shell_config config;
	struct log log;
	int64_t now_ms;	  /* by our clock */
	int64_t ahead_ms; /* so far is our clock ahead of Discord's */
	int seq;
	struct rig_request requests[RIG_WAITING_MAX];
	size_t n_requests;
	struct websocket sockets[RIG_SOCKETS_MAX];
	store_done *done[RIG_WAITING_MAX]; /* NULL: nobody waits for it */
	void *done_arg[RIG_WAITING_MAX];
	size_t n_done;
};

/* ---- ports ---- */

static int64_t rig_port_now(void *ctx)
{
	return ((struct rig *)ctx)->now_ms;
}

static void rig_port_http(void *ctx, const struct http_request *req,
	void (*done)(void *arg, struct http_response *response), void *arg)
{
	struct rig *rig = ctx;

	must(rig->n_requests < RIG_WAITING_MAX);
	rig->requests[rig->n_requests++] = (struct rig_request){
		.what = xasprintf("%s %s %.*s", http_method_name(req->method), req->url,
			(int)req->body_len, req->body ? req->body : ""),
		.comfy = strstr(req->url, "//comfy") != NULL,
		.done = done,
		.arg = arg,
	};
}

static struct websocket *rig_port_open(void *ctx, const struct http_request *req,
	size_t message_max, const struct websocket_events *events, void *arg)
{
	struct rig *rig = ctx;
	struct websocket *ws = rig->sockets;

	while (ws->events)
		must(++ws < rig->sockets + RIG_SOCKETS_MAX);
	*ws = (struct websocket){events, arg, false, strstr(req->url, "//comfy") != NULL};
	return ws;
}

static void rig_port_send(
	void *ctx, struct websocket *ws, const void *data, size_t len, bool binary)
{
	must(ws->events && ws->open);
}

static void rig_port_close(void *ctx, struct websocket *ws, int code)
{
	struct websocket closed = *ws;

	*ws = (struct websocket){0};
	closed.events->closed(closed.arg, code, 0, "closed");
}

static void rig_port_abandon(void *ctx, struct websocket *ws)
{
	*ws = (struct websocket){0};
}

static void rig_port_store(void *ctx, struct store_op *op, store_done *done, void *arg)
{
	struct rig *rig = ctx;

	store_op_free(op);
	must(rig->n_done < RIG_WAITING_MAX);
	rig->done[rig->n_done] = done;
	rig->done_arg[rig->n_done++] = arg;
}

static void rig_port_keep(void *ctx, const char *folder, const char *name, struct blob *bytes,
	void (*done)(void *arg, int result, const char *why), void *arg)
{
	done(arg, 0, NULL);
}

static void rig_port_read(
	void *ctx, const struct store_query *query, store_read_done *done, void *arg)
{
	done(arg, &(struct store_result){0});
}

static void rig_port_clean(void *ctx, struct blob *picture, const struct clean_wish *wish,
	void (*done)(void *arg, struct clean_answer *answer), void *arg)
{
	done(arg, &(struct clean_answer){.result = CLEAN_DAMAGED});
}

/* ---- what happens ---- */

static inline void rig_turn(struct rig *rig)
{
	(void)shell_turn(rig->shell, rig->now_ms);
	while (rig->n_done) { /* commits, in their order */
		store_done *done = rig->done[0];
		void *arg = rig->done_arg[0];

		rig->n_done--;
		memmove(rig->done, rig->done + 1, rig->n_done * sizeof(*rig->done));
		memmove(rig->done_arg, rig->done_arg + 1, rig->n_done * sizeof(*rig->done_arg));
		if (done)
			done(arg, 0, NULL);
		(void)shell_turn(rig->shell, rig->now_ms);
	}
}

/* The first request in which this stands; n_requests: there is none. */
static inline size_t rig_find(const struct rig *rig, const char *what)
{
	size_t i = 0;

	while (i < rig->n_requests && !strstr(rig->requests[i].what, what))
		i++;
	return i;
}

/* The i-th request is answered, with Discord's time; status 0: it is cut off. False when there is
 * no such one. */
static inline bool rig_answer(struct rig *rig, size_t i, int status, const char *body)
{
	struct http_response res = {.status = status, .body = BUF(64 * KIB), .maybe_sent = true};
	struct rig_request r;
	char date[DATE_SIZE];

	if (i >= rig->n_requests)
		return false;
	r = rig->requests[i];
	memmove(&rig->requests[i], &rig->requests[i + 1],
		(--rig->n_requests - i) * sizeof(*rig->requests));
	date_format((rig->now_ms - rig->ahead_ms) / 1000, date);
	http_response_header(&res, "Date", date);
	http_response_header(&res, "Content-Type", "application/json");
	must(buf_add_str(&res.body, body) == 0);
	if (status == 0)
		res.error = xstrdup("cut off");
	r.done(r.arg, &res);
	http_response_free(&res);
	free(r.what);
	rig_turn(rig);
	return true;
}

/* The connection to the gateway, or to a ComfyUI; NULL. */
static inline struct websocket *rig_socket(struct rig *rig, bool comfy)
{
	for (struct websocket *ws = rig->sockets; ws < rig->sockets + RIG_SOCKETS_MAX; ws++)
		if (ws->events && ws->comfy == comfy)
			return ws;
	return NULL;
}

/* Opens it first when it is not open; "": that is all. False when there is none. */
static inline bool rig_receive(struct rig *rig, bool comfy, const char *text, bool binary)
{
	struct websocket *ws = rig_socket(rig, comfy);

	if (ws && !ws->open) {
		ws->open = true;
		ws->events->opened(ws->arg);
		rig_turn(rig);
		ws = rig_socket(rig, comfy);
	}
	if (ws && ws->open && *text)
		ws->events->received(ws->arg, text, strlen(text), binary);
	rig_turn(rig);
	return ws != NULL;
}

static inline bool rig_event(struct rig *rig, const char *name, const char *data)
{
	cleanup(freep) char *text =
		xasprintf("{\"op\":0,\"t\":\"%s\",\"s\":%d,\"d\":%s}", name, ++rig->seq, data);

	return rig_receive(rig, false, text, false);
}

/* Turn by turn, as the loop does: time that passes at once is a clock that jumps. */
static inline void rig_pass_time(struct rig *rig, int seconds)
{
	for (int i = 0; i < 2 * seconds; i++) {
		rig->now_ms += 500;
		rig_turn(rig);
	}
}

/* To the gateway, which greets it. */
static inline bool rig_greet(struct rig *rig)
{
	rig_pass_time(rig, 6);
	return rig_receive(rig, false, RIG_HELLO, false);
}

/* ---- life ---- */

/* The usual settings, to be changed before rig_start(). */
static inline void rig_init(struct rig *rig, const char *token,
	const struct workflow_set *workflows,
	void (*log)(void *ctx, enum log_level level, const char *subject, const char *text))
{
	*rig = (struct rig){.now_ms = RIG_NOW_MS, .log = {LOG_DEBUG, log, NULL}};
	rig->config = (struct shell_config){.token = token,
		.guild_id = 7,
		.api_url = "https://discord.test/api/v10",
		.user_agent = "DiscordBot (x, 1)",
		.workflows = workflows,
		.max_jobs_per_user = 3,
		.max_queue = 10,
		.max_batch = 2,
		.session_ttl_ms = 1800000,
		.stop_ms = 1000,
		.no_compression = true,
		.log = &rig->log};
}

/* From its rows to a session, by the shortest way. False: it does not go it. */
static inline bool rig_start(struct rig *rig, const struct shell_past *past)
{
	struct ports ports = {rig, rig_port_now, rig_port_http, rig_port_open, rig_port_send,
		rig_port_close, rig_port_abandon, rig_port_store, rig_port_keep, rig_port_read,
		rig_port_clean};

	rig->shell = shell_new(&rig->config, &ports, 1);
	shell_start(rig->shell, past);
	rig_turn(rig);
	(void)rig_answer(
		rig, rig_find(rig, "/applications/@me"), 200, "{\"id\":\"8\",\"flags\":0}");
	(void)rig_answer(rig, rig_find(rig, "/gateway/bot"), 200,
		"{\"url\":\"wss://g.test\",\"session_start_limit\":{\"remaining\":9,"
		"\"max_concurrency\":1}}");
	rig->seq = 1;
	return rig_greet(rig) && rig_receive(rig, false, RIG_READY, false);
}

static inline void rig_stop(struct rig *rig)
{
	shell_free(rig->shell);
	for (size_t i = 0; i < rig->n_requests; i++)
		free(rig->requests[i].what);
}

#endif
