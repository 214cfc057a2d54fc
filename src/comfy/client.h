/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_COMFY_CLIENT_H
#define FULLET_COMFY_CLIENT_H

#include "base/card.h"
#include "base/http.h"
#include "base/rng.h"

/*
 * One ComfyUI server, sans-IO: asks and answers go in, requests to carry and
 * events come out. It owns what ComfyUI was seen to do: 200 with node_errors, 500
 * that was queued all the same, cached runs, zombie sockets, restart detection,
 * the stall watchdog, empty bodies, both preview formats, and polling when the
 * WebSocket is not to be had.
 *
 * `tag` names the caller's ask and comes back in its events. Each ask ends in
 * exactly one closing event; PROGRESS and PREVIEW come between. An ask that is no
 * longer wanted ends with comfy_forget(): nothing more is heard of its tag.
 */
struct comfy_client;

struct comfy_config {
	const char *url;     /* http(s)://host[:port][/prefix]; user info in it is refused by the caller */
	const char *api_key; /* NULL: none. "user:password" -> Basic, else Bearer. Not copied: a secret
				lies in memory once; it stays valid as long as the client */
	int64_t stall_ms;    /* no sign of life of a running prompt for so long: STALLED */
	int64_t poll_ms;     /* how often a run is polled without WebSocket (default 1000) and, at a
				slower pace, checked with one (default 5000) */
	bool no_websocket;   /* for a test */
};
struct comfy_client *comfy_client_new(const struct comfy_config *config, struct rng *rng);
struct comfy_client *comfy_client_free(struct comfy_client *c);
void comfy_start(struct comfy_client *c, int64_t now_ms);
/* The server is left alone, until comfy_start(): no looks at it, no WebSocket. Asks go on to their end. */
void comfy_stop(struct comfy_client *c, int64_t now_ms);
/* From the next request on; the old one may be freed then. */
void comfy_set_key(struct comfy_client *c, const char *api_key);

/* ---- asks ----
 * A tag in use is taken over: the older ask is forgotten. Several asks may name one prompt: each
 * goes its own way. */
/* POST /upload/image: puts a PNG into the server's folder of inputs, as COMFY_UPLOAD_FOLDER/name. The
 * name must be nobody else's: a file that has it is replaced. Ends: UPLOADED (text: what a LoadImage
 * node names it), REFUSED (text), FAILED_ASK (trying again later may work). */
#define COMFY_UPLOAD_FOLDER "fullet"
void comfy_upload(struct comfy_client *c, uint64_t tag, const char *name, struct blob *picture,
	int64_t now_ms);
/* POST /prompt. prompt_json is the filled graph. Ends: SUBMITTED (certain: it is queued there),
 * REFUSED (text), FAILED_ASK (it is certainly not queued; another try later may work), LOST
 * (never heard whether; the queue and history were looked at three ways and do not have it). After
 * a 5xx, a time-out or a broken connection the client itself looks at /queue, /history, /queue
 * before it says anything. */
void comfy_submit(struct comfy_client *c, uint64_t tag, const char *prompt_id,
	const char *prompt_json, int64_t now_ms);
/* Where is it? Ends: PENDING, RUNNING, FINISHED, FAILED/INTERRUPTED (as history says), LOST, or
 * FAILED_ASK when the server does not answer. */
void comfy_locate(struct comfy_client *c, uint64_t tag, const char *prompt_id, int64_t now_ms);
/* Follows a submitted prompt. PROGRESS and PREVIEW come meanwhile. Ends: FINISHED, FAILED,
 * INTERRUPTED, LOST (restart, deleted), STALLED. While the server does not answer it waits (DOWN
 * is told apart) and goes on when it is back. */
void comfy_watch(struct comfy_client *c, uint64_t tag, const char *prompt_id, int64_t now_ms);
/* Reads history and downloads the files of type "output" (at most DISCORD_FILES_MAX). Ends: FETCHED
 * with the files, NO_OUTPUT, LOST, FAILED_ASK. A file above limit_bytes is fetched again as
 * /view?preview=webp;90, then 75, 50, 30 until it fits, when it is a picture; else TOO_LARGE. */
void comfy_fetch(struct comfy_client *c, uint64_t tag, const char *prompt_id, size_t limit_bytes,
	int64_t now_ms);
/* The same of a prompt that draws `n` pictures for different people: only the one at `index` is read. Ends
 * with OTHER_COUNT when there are not just so many. */
void comfy_fetch_one(struct comfy_client *c, uint64_t tag, const char *prompt_id,
	size_t limit_bytes, size_t index, size_t n, int64_t now_ms);
/* Delete from the queue, interrupt when running. No event; tried a few times. */
void comfy_cancel(struct comfy_client *c, const char *prompt_id, int64_t now_ms);
void comfy_forget(struct comfy_client *c, uint64_t tag);

/* ---- events ---- */
enum comfy_event_kind {
	COMFY_UP,         /* the server answers (text: version and device, for the log) */
	COMFY_DOWN,       /* it does not (text: why, no secret) */
	COMFY_STATS,      /* card: after UP, then now and then, more often while there are asks; an
			     unread one is replaced */
	COMFY_UPLOADED,
	COMFY_SUBMITTED,
	COMFY_REFUSED,    /* text: the reason in words for a member, first node error included,
			     never a traceback */
	COMFY_FAILED_ASK, /* text */
	COMFY_PENDING,
	COMFY_RUNNING,
	COMFY_PROGRESS,   /* percent of the whole run, 0..100, never falling within a prompt;
			     text: the node's id, or NULL; stepped. An unread one is replaced */
	COMFY_PREVIEW,    /* files[0]: a JPEG or PNG of at most PREVIEW_MAX; an unread one is
			     replaced */
	COMFY_FINISHED,   /* number: the ms it ran, 0: not told */
	COMFY_FAILED,     /* text: exception message, one line; out_of_memory, machine */
	COMFY_INTERRUPTED,
	COMFY_LOST,
	COMFY_STALLED,
	COMFY_FETCHED,    /* files; of several, those that fit */
	COMFY_NO_OUTPUT,
	COMFY_OTHER_COUNT, /* text: how many there are */
	COMFY_TOO_LARGE,  /* number: bytes of the smallest version */
	COMFY_DAMAGED,    /* the server holds a file that is cut off */
};
struct comfy_file {
	char *name;   /* as the server calls it */
	char *type;   /* Content-Type */
	struct buf data;
};
struct comfy_event {
	enum comfy_event_kind kind;
	uint64_t tag; /* 0 for UP, DOWN and STATS */
	int percent;
	bool stepped; /* PROGRESS: a sampler has done a step, so all is loaded */
	char *text;
	bool out_of_memory;
	bool machine; /* a fault of the computer's: another one may do it */
	int64_t number;
	struct comfy_file *files; /* FETCHED: n_files; PREVIEW: one */
	size_t n_files;
	struct card_stats card; /* STATS */
};
bool comfy_next_event(struct comfy_client *c, struct comfy_event *ret);
void comfy_event_free(struct comfy_event *e);

/* ---- carrying ---- */
enum comfy_action_kind {
	COMFY_HTTP,      /* id, request (borrowed until the answer is given) */
	COMFY_WS_OPEN,   /* url (ws/wss), headers in request->headers */
	COMFY_WS_SEND,   /* text */
	COMFY_WS_CLOSE,
};
struct comfy_action {
	enum comfy_action_kind kind;
	uint64_t id;
	const struct http_request *request; /* HTTP: the request; WS_OPEN: url and headers; valid
					       until the next call into the client */
	const char *text;
};
bool comfy_next_action(struct comfy_client *c, struct comfy_action *ret);
/* Takes the contents of *response. */
void comfy_http_answer(struct comfy_client *c, uint64_t id, struct http_response *response, int64_t now_ms);
void comfy_ws_opened(struct comfy_client *c, int64_t now_ms);
void comfy_ws_received(struct comfy_client *c, const void *data, size_t len, bool binary, int64_t now_ms);
/* status: the HTTP status of a refused upgrade, 0 for other reasons. Also after WS_CLOSE. */
void comfy_ws_closed(struct comfy_client *c, int status, int64_t now_ms);
void comfy_tick(struct comfy_client *c, int64_t now_ms);
int64_t comfy_deadline(const struct comfy_client *c);
bool comfy_is_up(const struct comfy_client *c);

/* A request with the server's prefix, key, ngrok header, for callers that ask something of their own
 * (fullet check): path "/object_info". The caller frees it. */
void comfy_request(const struct comfy_config *config, enum http_method method, const char *path,
	struct http_request *ret);

#endif
