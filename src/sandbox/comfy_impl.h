/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_SANDBOX_COMFY_IMPL_H
#define FULLET_SANDBOX_COMFY_IMPL_H

#include <uthash.h>

#include "base/json.h"
#include "base/rng.h"
#include "sandbox/comfy_nodes.h"
#include "sandbox/comfy_world.h"

/* What the files comfy_*.c of this folder share; nobody else includes it. */

enum prompt_status {
	PROMPT_PENDING,
	PROMPT_RUNNING,
	PROMPT_SUCCESS,
	PROMPT_ERROR,
	PROMPT_INTERRUPTED,
	PROMPT_DELETED, /* taken from the queue before it ran */
	PROMPT_LOST,	/* the server restarted */
};

/* A prompt from its acceptance on; kept after its end (history, and world_state). */
struct cw_prompt {
	enum prompt_status status;
	bool listed; /* in the queue or in history: what ComfyUI itself still knows of */
	double number;
	bool number_is_int;
	char *id;
	char *client_id;			       /* NULL: none */
	struct json_object *graph, *extra, *outputs;   /* as in a queue item */
	struct json_object *messages, *results, *meta; /* as in a history entry */
	int64_t submitted_ms, started_ms, finished_ms;
	struct cw_prompt *prev, *next;
	bool hashed; /* the newest of its id */
	UT_hash_handle hh;
};

/* A node in the signature table of the running prompt; names are borrowed from its graph. */
struct node_sig {
	const char *id;
	uint64_t sig;
	bool cached, planned;
	UT_hash_handle hh;
};

/* What the cache remembers of a node: the default one of the last prompt's. */
struct cache_entry {
	uint64_t sig;
	struct json_object *ui; /* NULL: none */
	UT_hash_handle hh;
};

enum run_phase { RUN_NODE, RUN_LOADED, RUN_STEPS };

/* The prompt that the worker has in hand. */
struct cw_run {
	struct cw_prompt *prompt;
	enum run_phase phase;
	const char **plan; /* node ids in the order of execution, borrowed from the graph */
	size_t n_plan, at;
	struct node_sig *sigs;
	int step, steps;
	int64_t step_ms, due_ms;
	struct json_object *files;    /* the model files that the graph names */
	bool loaded;		      /* one of them had to be loaded */
	bool fits;		      /* the card's memory holds it */
	struct json_object *nodes;    /* of progress_state */
	struct json_object *executed; /* ids */
	bool interrupted;
};

/* A model file in the card's memory. */
struct cw_weights {
	char *file;
	int64_t mb;
	struct cw_weights *prev, *next;
};

struct cw_socket {
	uint64_t conn;
	char *sid;
	bool registered; /* gets messages; a zombie does not */
	bool spoken;	 /* sent its first message */
	bool metadata;	 /* wants previews with metadata */
	struct cw_socket *prev, *next;
};

struct cw_file {
	char *type, *subfolder, *name;
	char *data;
	size_t len;
	struct cw_file *prev, *next;
};

struct output_item {
	struct world_output out;
	struct output_item *prev, *next;
};

struct cw_fault {
	char *kind, *method, *route;
	int status;
	int64_t count, ms;
	bool executed;
	struct cw_fault *prev, *next;
};

/* Requests of one route: a bucket that drips out at 5 a second. */
struct poll_rate {
	char route[96];
	double level;
	int64_t at_ms;
};

/* Makes a file just drawn into what a fault wants it to be. */
typedef void spoil_file(struct comfy_world *w, struct buf *file);

struct comfy_world {
	struct world_config config; /* strings owned */
	struct rng rng;
	int64_t now_ms;
	uint64_t version, requests, violations, spoilt;
	struct json_object *violation_list;

	struct cw_prompt *prompts; /* oldest first */
	struct cw_prompt *by_id;
	size_t n_prompts, n_pending;
	int64_t number;
	struct cw_run run; /* run.prompt NULL: idle */
	struct cache_entry *cache;
	struct world_card card;
	struct cw_weights *resident; /* longest unused first */
	int64_t act_mb, foreign_mb;  /* the running pass's besides weights; other programs' */
	int64_t loads, loaded_mb;    /* prompts that had to load something; how much in all */
	bool worker_dead, free_models, free_cache;
	const char *last_node; /* of the running prompt; borrowed */

	struct cw_socket *sockets;
	size_t n_sockets;
	struct output_item *outputs;
	size_t n_outputs;
	struct cw_file *files; /* oldest first */
	size_t n_files, files_bytes;

	struct cw_fault *faults;
	int64_t oom, errors, machine, forget, node_errors; /* how many more */
	int64_t oom_above;	     /* larger batches run out of memory; 0: none does */
	int64_t down_until_ms, stall_until_ms, ws_refuse_until_ms;
	size_t pad_bytes;
	spoil_file *spoil; /* what happens to the next n_spoil pictures */
	int64_t n_spoil;
	struct poll_rate rates[32];
};

/* comfy_world.c */
void cw_violation(struct comfy_world *w, const char *rule, const char *request, const char *detail);
void cw_changed(struct comfy_world *w);

/* comfy_queue.c: prompts, the queue, history */
size_t cw_queue_remaining(const struct comfy_world *w);
/* Takes ownership of the objects; NULL when the queue is full. */
struct cw_prompt *cw_queue_add(struct comfy_world *w, const char *id, const char *client_id,
	struct json_object *graph, struct json_object *extra, struct json_object *outputs);
struct cw_prompt *cw_queue_next(struct comfy_world *w); /* the lowest number that waits, or NULL */
struct cw_prompt *cw_prompt_find(struct comfy_world *w, const char *id, bool listed_only);
void cw_queue_delete(struct comfy_world *w, const char *id); /* NULL: all that wait */
void cw_history_delete(struct comfy_world *w, const char *id);
void cw_prompts_forget(struct comfy_world *w, bool lost); /* restart, or the end of the world */
struct json_object *cw_queue_json(struct comfy_world *w);
struct json_object *cw_history_json(
	struct comfy_world *w, const char *id, int64_t max_items, int64_t offset);
struct json_object *cw_prompts_state(struct comfy_world *w);

/* comfy_events.c: WebSocket messages and sockets */
void cw_send_status(struct comfy_world *w);
/* data is consumed. client NULL: to everybody. */
void cw_send_event(
	struct comfy_world *w, const char *type, struct json_object *data, const char *client);
/* Events that a prompt without client_id sends to nobody. */
void cw_send_own(struct comfy_world *w, const char *type, struct json_object *data,
	const struct cw_prompt *p);
/* To the sockets that want previews with metadata, or to those that do not. */
void cw_send_preview(struct comfy_world *w, const struct cw_prompt *p, const char *node,
	const void *image, size_t len, bool metadata);
bool cw_anyone_listens(const struct comfy_world *w, const char *client);
void cw_sockets_cut(struct comfy_world *w);
void cw_sockets_garble(struct comfy_world *w);
void cw_sockets_orphan(struct comfy_world *w);
void cw_outputs_drop(struct comfy_world *w);

/* comfy_run.c: the worker */
int64_t cw_run_due(const struct comfy_world *w);
void cw_run_advance(struct comfy_world *w);
void cw_run_stop(struct comfy_world *w); /* forgets the run */
void cw_run_interrupt(struct comfy_world *w, const char *prompt_id);
void cw_free_now(struct comfy_world *w);
void cw_free_if_asked(struct comfy_world *w);

/* comfy_memory.c: the card's memory, what work costs, the results that are kept */
void cw_memory_forget(struct comfy_world *w);
/* A prompt begins. */
void cw_memory_begin(struct comfy_world *w);
/* Loads what a loader names; how long that takes. */
int64_t cw_memory_load(struct comfy_world *w, const char *node);
/* A sampler begins: how long it takes until all its weights are there, and whether it all fits. */
int64_t cw_memory_sample(struct comfy_world *w, const char *node, bool *ret_fits);
int64_t cw_memory_step_ms(struct comfy_world *w, const char *node);
void cw_memory_stats(struct comfy_world *w, struct json_object *device);
struct json_object *cw_memory_state(struct comfy_world *w); /* owned by the caller */
void cw_cache_forget(struct comfy_world *w);
struct cache_entry *cw_cached(struct comfy_world *w, uint64_t sig);
void cw_cache_renew(struct comfy_world *w); /* a prompt ends */

/* comfy_graph.c: reading a graph that was validated */
struct json_object *cw_node_input(struct json_object *graph, const char *node, const char *input);
/* The node that a link names, or NULL. */
const char *cw_link(struct json_object *value);
const struct node_class *cw_class_of(struct json_object *graph, const char *node);
uint64_t cw_signature(
	struct comfy_world *w, struct json_object *graph, const char *node, struct node_sig **sigs);
void cw_sigs_free(struct node_sig **sigs);
struct picture_wish {
	int width, height, batch;
	uint64_t seed;
	const char *prompt;	    /* borrowed from the graph */
	const struct cw_file *base; /* the loaded picture that it is made from; NULL */
};
/* What the graph behind `node` asks for. */
void cw_wish(struct comfy_world *w, struct json_object *graph, const char *node,
	struct picture_wish *ret);
/* What the picture of that place in the batch is drawn from, when a batch encoder gives each its
 * own; NULL: the wish's prompt. Borrowed. */
const char *cw_prompt_of(struct json_object *graph, const char *node, int index);
int cw_steps(struct json_object *graph, const char *sampler);
/* Every model file that the graph names: an array (owned). */
struct json_object *cw_models(struct json_object *graph);

/* comfy_validate.c */
/* Checks a graph: the ids of the good outputs, or NULL and *ret_error; *ret_node_errors in both
 * cases. All are owned by the caller. -EPROTO: the real one answers 500. */
int cw_validate(struct comfy_world *w, struct json_object *graph, struct json_object **ret_outputs,
	struct json_object **ret_error, struct json_object **ret_node_errors);

/* comfy_files.c */
struct cw_file *cw_file_find(
	struct comfy_world *w, const char *type, const char *subfolder, const char *name);
/* Copies the bytes; replaces a file of that name. */
void cw_file_put(struct comfy_world *w, const char *type, const char *subfolder, const char *name,
	const void *data, size_t len);
void cw_files_forget(struct comfy_world *w, const char *type); /* NULL: all */
struct json_object *cw_images_list(struct comfy_world *w);     /* names of type input, owned */
/* The input file that a LoadImage names ("sub/a.png", "a.png [output]"), or NULL. */
struct cw_file *cw_file_named(struct comfy_world *w, const char *text);
/* Draws, adds metadata and keeps one picture; adds its description to `images`. */
void cw_save_picture(struct comfy_world *w, const struct cw_prompt *p, const char *node,
	const struct picture_wish *wish, int index, struct json_object *images);
/* The next `count` pictures are saved spoilt (comfy_world.h); -EINVAL for an unknown way. */
int cw_files_spoil(struct comfy_world *w, const char *how, int64_t count);
bool cw_image_size(const char *data, size_t len, int *width, int *height);
void cw_view(struct comfy_world *w, const struct http_request *req, struct http_response *ret);
void cw_upload(struct comfy_world *w, const struct http_request *req, struct http_response *ret);

/* comfy_http.c */
void cw_answer_json(struct http_response *ret, int status, struct json_object *body); /* consumes */
void cw_answer_bytes(
	struct http_response *ret, int status, const char *type, const void *data, size_t len);
void cw_answer_empty(struct http_response *ret, int status);
void cw_answer_500(struct http_response *ret);
/* 0, or the HTTP status with which an upgrade is refused. */
int cw_ws_admission(struct comfy_world *w, const char *url, const struct http_request *req);

/* comfy_prompt.c: POST /prompt */
void cw_post_prompt(
	struct comfy_world *w, const struct http_request *req, struct http_response *ret);

/* comfy_fault.c */
/* The fault that spoils this request, NULL: none. Borrowed until it has spoilt. */
struct cw_fault *cw_fault_match(
	struct comfy_world *w, const struct http_request *req, const char *path);
void cw_fault_spoil(struct comfy_world *w, struct cw_fault *f, struct http_response *ret);
void cw_faults_clear(struct comfy_world *w);
/* GET routes asked faster than 5 a second for long. */
void cw_poll_watch(struct comfy_world *w, const char *path);

#endif
