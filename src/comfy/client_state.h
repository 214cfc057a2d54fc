/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_COMFY_CLIENT_STATE_H
#define FULLET_COMFY_CLIENT_STATE_H

#include <uthash.h>

#include "comfy/client.h"
#include "comfy/history.h"
#include "comfy/progress.h"

/*
 * What client.c (asks in, requests and events out), ask.c (the steps of an ask), watch.c (a run's
 * life), fetch.c (downloads) and link.c (is the server there; the WebSocket) share. Private to
 * these five.
 */

/* A request that was made and is not answered yet. */
struct call {
	uint64_t id;
	uint64_t ask; /* the serial of whom the answer is for; 0: the link's probe */
	bool handed;  /* the carrier has it */
	struct http_request request;
	struct call *prev, *next; /* while it is not handed */
	UT_hash_handle hh;
};

struct event_item {
	struct comfy_event event;
	struct event_item *prev, *next;
};

enum ask_kind { ASK_UPLOAD, ASK_SUBMIT, ASK_LOCATE, ASK_WATCH, ASK_FETCH, ASK_CANCEL };

enum ask_step {
	STEP_NEW,
	STEP_UPLOAD,	/* a picture is being handed over */
	STEP_POST,	/* the graph is being handed over */
	STEP_QUEUE,	/* /queue is being read */
	STEP_HISTORY,	/* /history/{id} is being read */
	STEP_VIEW,	/* a file is being read */
	STEP_DELETE,	/* it is being taken out of the queue */
	STEP_INTERRUPT, /* it is being interrupted */
	STEP_PAUSE,	/* `then` follows at at_ms */
	STEP_REST,	/* the run goes on; at at_ms it is looked at again */
	STEP_OFFLINE,	/* the server is down; goes on when it is up */
	STEP_STALLING,	/* a dead run is being cancelled */
};

struct ask {
	uint64_t serial;
	uint64_t tag;
	enum ask_kind kind;
	enum ask_step step, then;
	char *prompt_id;
	int64_t at_ms; /* when the step is due; NEVER while an answer is awaited */
	uint64_t call; /* the answer awaited; 0: none */

	/* looking for the prompt: /queue, /history, /queue, /history; see ask.c */
	int look;
	bool doubt;  /* one of these was not answered: absence is not proved */
	int tries;   /* what failed in a row */
	int empties; /* how often {} from /history is still too early to be believed */

	/* UPLOAD */
	char *name;
	struct blob *picture;

	/* SUBMIT */
	char *graph;
	bool looking;	       /* the answer to POST /prompt was no use */
	bool answered_500;     /* ComfyUI itself said 500: it is done with the request */
	uint64_t heard_before; /* link's count of messages when it was posted or last looked for */

	/* WATCH */
	struct run *run;
	bool running;	/* in queue_running, or heard of */
	bool executing; /* between execution_start and the end, as the WebSocket tells */
	bool ours;	/* submitted under the present client id: its events come to us */
	bool stalled;
	bool ending;	   /* the end was heard; only history is missing */
	int64_t life_ms;   /* the last sign of life */
	char *behind;	   /* the run that it waits behind; NULL: none was seen */
	int64_t behind_ms; /* since when that one runs */
	int64_t looked_ms; /* when the queue was last seen to have it */
	int told_percent;  /* -1: nothing told yet */
	bool told_stepped;
	char *told_node;

	/* FETCH */
	size_t limit;
	size_t only, of; /* of `of` files that one; of 0: all that there are */
	struct history history;
	size_t file;	  /* the one being read */
	int quality;	  /* index of fetch.c's table */
	int64_t smallest; /* of the versions that were too large */
	struct comfy_file *files;
	size_t n_files;

	UT_hash_handle hh, hh_tag;
};

enum link_state { LINK_UNKNOWN, LINK_UP, LINK_DOWN };
enum ws_state { WS_CLOSED, WS_OPENING, WS_OPEN, WS_CLOSING };

struct link {
	enum link_state state;
	int fails;	  /* requests that failed in a row */
	int tries;	  /* probes that failed since it is down */
	int64_t probe_ms; /* when /system_stats is asked next */
	uint64_t probe;	  /* the call under way */
	int64_t probed_ms; /* when it was last answered */
	enum ws_state ws;
	int64_t ws_ms; /* when it is opened next */
	int64_t opened_ms;
	int64_t expect_ms; /* a message must have come by then, else the socket is dead */
	int ws_tries;
	uint64_t heard;				/* counts messages */
	bool want_open, want_close, want_flags; /* actions not yet handed out */
	struct http_request ws_request;
	char client_id[UUID_SIZE];
	int64_t queue_remaining;
};

struct comfy_client {
	struct comfy_config config; /* owned strings */
	struct rng *rng;
	bool started;
	uint64_t last_call, last_serial;
	struct call *calls;   /* by id */
	struct call *waiting; /* not yet handed out, in order */
	struct event_item *events;
	struct ask *asks;   /* by serial */
	struct ask *by_tag; /* all but cancels */
	struct link link;
};

/* ---- client.c ---- */
/* Takes the contents of *request; returns the call's id. */
uint64_t client_send(struct comfy_client *c, uint64_t ask, struct http_request *request);
/* Forgets a call that the carrier does not have yet. */
void client_drop(struct comfy_client *c, uint64_t call);
/* Takes *event's contents. PROGRESS, PREVIEW and STATS replace an unread one of the same ask. */
void client_tell(struct comfy_client *c, struct comfy_event *event);
struct ask *client_add(
	struct comfy_client *c, enum ask_kind kind, uint64_t tag, const char *prompt_id);
void client_remove(struct comfy_client *c, struct ask *a);
bool client_has_key(const struct comfy_client *c);

/* ---- ask.c: every function that is given an ask may free it by ending it ---- */
void ask_go(struct comfy_client *c, struct ask *a, enum ask_step step, int64_t now_ms);
void ask_pause(
	struct comfy_client *c, struct ask *a, int64_t for_ms, enum ask_step then, int64_t now_ms);
/* Ends it with its closing event; takes text (may be NULL). */
void ask_end(struct comfy_client *c, struct ask *a, enum comfy_event_kind kind, char *text,
	int64_t now_ms);
void ask_look(struct comfy_client *c, struct ask *a, int64_t now_ms);
void ask_answer(struct comfy_client *c, struct ask *a, struct http_response *res, int64_t now_ms);
void ask_due(struct comfy_client *c, struct ask *a, int64_t now_ms);
int64_t ask_deadline(const struct comfy_client *c, const struct ask *a);
/* Makes and starts an ASK_CANCEL, unless one for the prompt is under way. */
void ask_cancel(struct comfy_client *c, const char *prompt_id, int64_t now_ms);
/* A foreign server, or tries used up: FAILED_ASK (a cancel ends silently). True when it ended. */
bool ask_gives_up(struct comfy_client *c, struct ask *a, const struct http_response *res,
	int tries_max, int64_t now_ms);

/* ---- watch.c ---- */
void watch_seen(
	struct comfy_client *c, struct ask *a, const struct queue_item *item, int64_t now_ms);
/* Takes what it needs of *history. */
void watch_ended(struct comfy_client *c, struct ask *a, struct history *history, int64_t now_ms);
void watch_missing(struct comfy_client *c, struct ask *a, int64_t now_ms);
void watch_stall(struct comfy_client *c, struct ask *a, int64_t now_ms);
int64_t watch_stall_ms(const struct comfy_client *c, const struct ask *a);
/* The cancelling of a prompt is over, however. */
void watch_cancelled(struct comfy_client *c, const char *prompt_id, int64_t now_ms);
/* Something was perhaps missed: every run and every ask that waits for the server looks now. */
void watch_all_look(struct comfy_client *c, int64_t now_ms);
void watch_message(struct comfy_client *c, const struct ws_message *m, int64_t now_ms);
void watch_preview(struct comfy_client *c, const struct ws_preview *p, int64_t now_ms);

/* ---- fetch.c ---- */
/* Takes *history. */
void fetch_begin(struct comfy_client *c, struct ask *a, struct history *history, int64_t now_ms);
void fetch_request(struct comfy_client *c, struct ask *a, struct http_request *ret);
void fetch_viewed(struct comfy_client *c, struct ask *a, struct http_response *res, int64_t now_ms);
/* Exported for its test: the bytes of a picture end where its format says they end. */
bool fetch_is_whole(const char *data, size_t len);

/* ---- link.c ---- */
void link_start(struct comfy_client *c, int64_t now_ms);
void link_stop(struct comfy_client *c);
void link_tick(struct comfy_client *c, int64_t now_ms);
int64_t link_deadline(const struct comfy_client *c);
/* An answer to any other request: what it says about the server. */
void link_note(struct comfy_client *c, const struct http_response *res, int64_t now_ms);
void link_probed(struct comfy_client *c, const struct http_response *res, int64_t now_ms);
/* Something happened of which the socket must tell: if nothing came since `heard_before`, it has
 * 3 s left. */
void link_expect(struct comfy_client *c, uint64_t heard_before, int64_t now_ms);

#endif
