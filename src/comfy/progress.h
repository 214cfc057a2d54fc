/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_COMFY_PROGRESS_H
#define FULLET_COMFY_PROGRESS_H

#include <json-c/json.h>

#include "base/defs.h"

/* ---- text messages of the WebSocket ---- */
enum ws_kind {
	WS_OTHER, /* feature_flags, executed, what other versions and custom nodes send */
	WS_STATUS,
	WS_START,
	WS_CACHED,
	WS_EXECUTING, /* node NULL: the prompt has ended, however */
	WS_PROGRESS,
	WS_PROGRESS_STATE,
	WS_SUCCESS,
	WS_ERROR,
	WS_INTERRUPTED,
};
struct ws_message {
	enum ws_kind kind;
	struct json_object *doc;  /* owned */
	struct json_object *data; /* the rest is borrowed from doc */
	const char *prompt_id;	  /* NULL: none named (`executing` after a reconnect) */
	const char *node;
	int64_t queue_remaining; /* WS_STATUS; -1 unknown */
};
/* -EINVAL when it is no message of ComfyUI. */
int ws_message_read(const char *text, size_t len, struct ws_message *ret);
void ws_message_free(struct ws_message *m);

/* ---- binary messages ---- */
struct ws_preview {
	struct json_object *meta; /* owned; NULL in the old format */
	const char *prompt_id;	  /* borrowed; NULL: not named (the old format) */
	const char *type;	  /* "image/jpeg" or "image/png", by the bytes themselves */
	const void *data;	  /* borrowed from the message */
	size_t len;
};
/* Event 1 and event 4. -ENOMSG: another kind of message; -EINVAL: broken, or no JPEG or PNG;
 * -EFBIG: above PREVIEW_MAX. */
int ws_preview_read(const void *data, size_t len, struct ws_preview *ret);
void ws_preview_free(struct ws_preview *p);

/*
 * ---- how far a run is ----
 * Nodes weigh by what they take: a sampler's steps most. Without the graph only the nodes heard
 * of are known, and a guess stands for the others.
 */
struct run;
struct run *run_new(void);
struct run *run_free(struct run *run); /* returns NULL */
/* Tells the nodes there are (from the queue's item). A second time: ignored. */
void run_graph(struct run *run, struct json_object *graph);
bool run_has_graph(const struct run *run);
void run_apply(struct run *run, const struct ws_message *m);
/* 0..99, never falling. */
int run_percent(struct run *run);
/* A sampler has done its first step: all that it needs is loaded. */
bool run_stepped(const struct run *run);
/* The id of the node being executed, or NULL. */
const char *run_node(const struct run *run);

#endif
