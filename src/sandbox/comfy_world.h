/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_SANDBOX_COMFY_WORLD_H
#define FULLET_SANDBOX_COMFY_WORLD_H

#include "sandbox/world.h"

/*
 * The ComfyUI half of the world: a pure model of one ComfyUI 0.3.64, as observed
 * (HTTP below / and /api, WebSocket at /ws), behind a proxy that demands comfy_key when
 * one is set. world.h describes what each call means; world.c joins this half with
 * Discord's. Ceilings: COMFY_WORLD_* below; beyond them the oldest goes.
 *
 * A response that was spoilt has status 0 and error "reset", "hang N" (no answer for
 * N ms, then cut) or "refused" (nobody listens while it restarts; maybe_sent is false).
 */
struct comfy_world;

#define COMFY_WORLD_FILES_MAX	500  /* produced and uploaded pictures kept */
#define COMFY_WORLD_PROMPTS_MAX 3000 /* prompts remembered; the real one keeps 10,000 in history   \
				      */
#define COMFY_WORLD_PENDING_MAX 2000 /* waiting prompts; more are answered 500 */
#define COMFY_WORLD_SOCKETS_MAX 200
#define COMFY_WORLD_OUTPUTS_MAX 20000 /* WebSocket messages that nobody fetched */

struct comfy_world *comfy_world_new(const struct world_config *config, int64_t now_ms);
struct comfy_world *comfy_world_free(struct comfy_world *w);
void comfy_world_http(struct comfy_world *w, const struct http_request *req,
	struct http_response *ret, int64_t now_ms);
int comfy_world_ws_open(struct comfy_world *w, uint64_t conn, const char *url,
	const struct http_request *req, int64_t now_ms);
void comfy_world_ws_received(struct comfy_world *w, uint64_t conn, const void *data, size_t len,
	bool binary, int64_t now_ms);
void comfy_world_ws_closed(struct comfy_world *w, uint64_t conn, int code, int64_t now_ms);
bool comfy_world_next_output(struct comfy_world *w, struct world_output *ret);
void comfy_world_tick(struct comfy_world *w, int64_t now_ms);
int64_t comfy_world_deadline(const struct comfy_world *w);
/* Adds the member "comfy":
 * {"prompts":[..],"requests":N,"spoilt":N,"sockets":N,"files":[..],"violations":[..]}. */
void comfy_world_state(struct comfy_world *w, struct json_object *into);
/* Its "card", and "queue_remaining" in it; owned by the caller. */
struct json_object *comfy_world_card(struct comfy_world *w);
size_t comfy_world_violations(const struct comfy_world *w);
/*
 * Faults as listed at world_fault(); also {"kind":"comfy_pad","bytes":N}: every picture from now
 * on is a file of about N bytes, and {"kind":"comfy_bad_file","how":..,"count":N}: the next N are
 * saved "cut" (off in the middle), "wrong" (a bit is), "bomb" (the header says 60000 x 60000),
 * "page" (HTML) or "jpeg" (under a PNG's name). -EINVAL for a kind that is not ComfyUI's.
 */
int comfy_world_fault(struct comfy_world *w, struct json_object *fault, int64_t now_ms);
uint64_t comfy_world_version(const struct comfy_world *w);

#endif
