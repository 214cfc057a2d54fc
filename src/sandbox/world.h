/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_SANDBOX_WORLD_H
#define FULLET_SANDBOX_WORLD_H

#include <json-c/json.h>

#include "base/http.h"
#include "base/rng.h"

/*
 * The world: a pure model of Discord (REST, gateway, CDN, permissions, rate limits)
 * and of ComfyUI (HTTP and WebSocket), with faults. No sockets, no clock: requests
 * and the time go in, responses and WebSocket messages come out. Behind sockets it
 * is the sandbox; called directly, in virtual time, it is the simulator's world.
 * Whatever breaks a documented rule is recorded in world_violations(). now_ms is always unix
 * time in milliseconds (ids hold it) and never goes back.
 *
 * The Discord half is in discord_*.c, the ComfyUI half in comfy_*.c of this folder; each
 * half can also be used alone.
 */
struct world;

/* WORLD_COMFY + i is the ComfyUI of the i-th card. */
enum world_side { WORLD_DISCORD, WORLD_COMFY };

struct draw_request {
	int width, height;
	uint64_t seed;
	const char *prompt; /* drawn as a caption */
	const char *label;  /* "FuLLet sandbox" */
	int percent;        /* 100: the finished picture; less: a preview */
	bool jpeg;          /* preview: JPEG instead of PNG */
	size_t pad_bytes;   /* make the file at least about so large (benchmarks) */
	const char *base;   /* of an edit: the picture that is edited; NULL: none */
	size_t base_len;
};
/* Draws a picture into *out (malloc'ed); returns its length. The sandbox gives one made with
 * libgd, the simulator a tiny constant one. The world adds ComfyUI's metadata chunks itself. */
typedef size_t world_draw(void *ctx, const struct draw_request *req, char **out);

/* Encodes a PNG, JPEG or WebP again ("webp", "jpeg"; quality 1..100) into *out (malloc'ed); 0 when it
 * is no picture. */
typedef size_t world_transcode(void *ctx, const void *data, size_t len, const char *format, int quality,
	char **out);

/* A card with a ComfyUI of its own. */
struct world_card {
	int64_t vram_mb;       /* 0: 16 GB */
	int speed, load_speed; /* of steps and of loading, in per mille; 0: 1000 */
	bool lru;              /* --cache-lru: the nodes of earlier prompts are kept, so weights stay
				  until another needs the room; else only the last prompt's */
	const char *key;       /* what a proxy in front of it would demand; NULL: comfy_key */
};
#define WORLD_CARDS_MAX 16

/* A list of commands that was found good, and how it was sent: who makes many worlds, one after the other,
 * lends them one of these, so that the same list is read and checked once. */
#define WORLD_COMMANDS 2
struct world_commands {
	char *text;
	size_t len;
	struct json_object *list;
	struct json_object *options; /* of each, as they are shown */
};
struct world_config {
	uint64_t seed;
	const char *bot_token;       /* what IDENTIFY and Authorization must carry */
	uint64_t guild_id;           /* 0: chosen */
	const char *rest_base;       /* "http://127.0.0.1:8001/api/v10": what Discord is called */
	const char *gateway_url;     /* answered by /gateway/bot, "ws://127.0.0.1:8001/gateway" */
	const char *cdn_base;        /* "http://127.0.0.1:8001/cdn" */
	const char *comfy_key;       /* what a proxy in front of ComfyUI would demand; NULL: nothing */
	int64_t step_ms;             /* a step of Flux at 1 megapixel on a card of speed 1000 */
	int64_t load_ms;             /* loading 10 GB of weights there */
	const struct world_card *cards;
	int n_cards;                 /* at most WORLD_CARDS_MAX; 0: one of 16 GB */
	int64_t heartbeat_ms;        /* 0: 41250 */
	bool no_rate_limits;
	world_draw *draw;
	world_transcode *transcode; /* NULL: ComfyUI's /view?preview= answers 500 */
	void *draw_ctx;             /* for both */
	struct world_commands *commands; /* WORLD_COMMANDS of them, empty first; NULL: each is checked anew */
};
struct world *world_new(const struct world_config *config, int64_t now_ms);
struct world *world_free(struct world *w);
void world_commands_free(struct world_commands *commands); /* what is in them */

/* ---- HTTP: url of *req is path?query as it arrives at the server ---- */
void world_http(struct world *w, enum world_side side, const struct http_request *req,
	struct http_response *ret, int64_t now_ms);

/* ---- WebSockets: the caller chooses rising connection numbers ---- */
/* 0 when accepted; else the HTTP status of the refusal. url is path?query. */
int world_ws_open(struct world *w, enum world_side side, uint64_t conn, const char *url,
	const struct http_request *req, int64_t now_ms);
void world_ws_received(struct world *w, uint64_t conn, const void *data, size_t len, bool binary,
	int64_t now_ms);
void world_ws_closed(struct world *w, uint64_t conn, int code, int64_t now_ms);
struct world_output {
	uint64_t conn;
	bool close;     /* close with `code` (0: cut without a close frame) */
	int code;
	bool binary;
	char *data;     /* owned */
	size_t len;
};
bool world_next_output(struct world *w, struct world_output *ret);
void world_output_free(struct world_output *o);
/* Lets time pass: heartbeats, runs, expiries. */
void world_tick(struct world *w, int64_t now_ms);
int64_t world_deadline(const struct world *w);

/* ---- what a person or a test does ---- */
/* A member of the guild; administrators may be made. Returns the id. */
uint64_t world_add_user(struct world *w, const char *username, bool admin);
/* "es-ES", "en-US" (the default) ...: the language of his client. */
void world_set_locale(struct world *w, uint64_t user_id, const char *locale);
uint64_t world_add_channel(struct world *w, const char *name, uint64_t parent_id, int type);
uint64_t world_find_channel(struct world *w, const char *name);
/* A second guild with the bot in it (it must leave), or the bot's removal. */
uint64_t world_add_guild(struct world *w, bool with_bot);
void world_kick_bot(struct world *w, uint64_t guild_id);
/* Types a slash command. options: {"model":"flux_image","prompt":"a fox"}. channel 0: #general.
 * Returns the interaction's id, 0 with a sentence in *ret_why (owned) when the client would
 * refuse (no such command, required option missing, too long). A file is
 * {"filename":"a.png","base64":"..."} (or "zeros":N, so many of them), a sub-command {"ban":{"user":"123"}}. guild_id: 0 (ours), another
 * guild's, or WORLD_DM for the direct messages with the bot. */
#define WORLD_DM UINT64_MAX
uint64_t world_command(struct world *w, uint64_t user_id, uint64_t channel_id, uint64_t guild_id,
	const char *command, struct json_object *options, char **ret_why, int64_t now_ms);
uint64_t world_autocomplete(struct world *w, uint64_t user_id, uint64_t channel_id,
	const char *command, const char *focused, struct json_object *options, int64_t now_ms);
/* A button, or a menu with the values that are chosen in it (an array of strings; else NULL). */
uint64_t world_press(struct world *w, uint64_t user_id, uint64_t channel_id, uint64_t message_id,
	const char *custom_id, struct json_object *values, int64_t now_ms);
/* An entry of a message's menu (Apps); 0 with a sentence (owned) when there is no such one. */
uint64_t world_menu(struct world *w, uint64_t user_id, uint64_t message_id, const char *name,
	char **ret_why, int64_t now_ms);
/* Sends the modal that an interaction was answered with. fields: {"custom_id":"text"}, of menus
 * ["value"], of files [{"filename","base64"}]. 0 with a sentence (owned) or NULL. */
uint64_t world_modal(struct world *w, uint64_t user_id, uint64_t interaction_id,
	struct json_object *fields, char **ret_why, int64_t now_ms);
/* Closes it unsent, of which the bot hears nothing. */
void world_close_modal(struct world *w, uint64_t user_id, uint64_t interaction_id);
/* The member leaves the guild. */
void world_leave(struct world *w, uint64_t user_id);
/* Marks a channel as age-restricted, or not. */
void world_restrict(struct world *w, uint64_t channel_id, bool restricted);
/* files: an array of them as in world_command(), or NULL. */
uint64_t world_say(struct world *w, uint64_t user_id, uint64_t channel_id, const char *text,
	struct json_object *files, int64_t now_ms);

/*
 * What administrators do in Discord's client, and what happens to members:
 * {"kind":"join","user":"1"} | rename {user, name} | role {user, role} (0: none) | delete_channel {channel} |
 *  rename_channel {channel, name} | let_in {channel, user} |
 *  let_through {user}: may use every command |
 *  permissions {allow, deny}: of the bot's role | fill {channels, parent}: channels of others
 *  until the server, or the category, has so many | new_role {user, name}: makes a role and gives it.
 * Returns 0 or -EINVAL.
 */
int world_act(struct world *w, struct json_object *act, int64_t now_ms);

/*
 * Everything as JSON (owned by the caller), for tests, the page and the judge:
 * {"guild":{..},"users":[..],"channels":[{id,name,type,parent_id,topic,overwrites,deleted}],
 *  "messages":[{id,channel_id,author_id,content,embeds,components,attachments,nonce,deleted,
 *  edits,created_ms}],"interactions":[{id,user_id,type,acked_ms,ack_type,response,ephemeral,
 *  choices}],"commands":[..],"requests":N,"spoilt":N,"violations":[{"rule","request","detail"}],
 *  "comfy":{"prompts":[{prompt_id,status,..}],"requests":N,"spoilt":N,
 *  "card":{vram_mb,foreign_mb,used_mb,speed,loads,loaded_mb,"resident":[{file,mb}]}},
 *  "cards":[..]}   with several cards: "comfy" of each
 * spoilt: how many requests a fault has met.
 */
struct json_object *world_state(struct world *w);
/* What was asked and delivered since the beginning, however long ago:
 * {"interactions":[{id,user,created_ms,acked_ms,"said":[{ms,text}]}] (the first texts of the answer; no
 *  autocompletes), "messages":[{id,channel,user,created_ms,"files":[name],"custom_ids":[..]}] (the bot's
 *  with a file or a component, as they were when they came), "full":whether some are missing} */
struct json_object *world_records(struct world *w);
/* What one member sees (channels by permission, messages, his ephemerals); for the page. */
struct json_object *world_view(struct world *w, uint64_t user_id);
/* An array of the cards: "card" of world_state() and "queue_remaining"; for the page. */
struct json_object *world_cards(struct world *w);
/* The oldest message that was made after *cursor (an id; 0 first), as JSON of the world's own, with
 * "deleted" left out; NULL: there is none. */
struct json_object *world_next_message(struct world *w, uint64_t *cursor);
/* Only the interactions of world_state(), and only the messages. */
struct json_object *world_interactions(struct world *w);
struct json_object *world_messages(struct world *w);
/* One channel after the other (*at: NULL first), false after the last; without the deleted ones. Name and topic ("": none)
 * are the world's. */
struct world_channel {
	const void *at;
	uint64_t id;
	const char *name, *topic;
};
bool world_next_channel(const struct world *w, struct world_channel *channel);
/* How many channels there were ever. */
size_t world_channels_made(const struct world *w);
/* A channel's topic, a thread's name; NULL: there is no such one. */
const char *world_channel_about(const struct world *w, uint64_t channel_id);
/* Rises with every visible change. */
uint64_t world_version(const struct world *w);
size_t world_violations(const struct world *w);

/* ---- faults, as JSON so that tests and the control API share them:
 * {"kind":"status","side":"discord","method":"POST","route":"/channels/{}/messages","status":500,
 *  "count":1,"executed":true}   executed: the request is carried out, only its answer is spoilt
 * kinds: status | reset (no answer) | hang (no answer for ms) | html | 429 {scope,retry_after} |
 *  gateway_drop {code} | gateway_reconnect | gateway_invalid {resumable} | gateway_silence {ms} |
 *  gateway_refuse {ms} | gateway_garbage | gateway_forget (no session can be resumed any more; open
 *  connections are cut) | comfy_node_errors {count} (a prompt is taken with errors of its outputs, and
 *  draws nothing) | comfy_restart {down_ms} | comfy_oom {count} or {above}: batches of more |
 *  comfy_error {count} (the workflow's fault) | comfy_machine {count} (the card's) | comfy_stall {ms} | comfy_ws_drop | comfy_ws_refuse {ms} | comfy_ws_garbage |
 *  comfy_zombie | comfy_forget_output | clear |
 *  comfy_foreign {mb}: other programs take so much of the card's memory |
 *  redirect {location} | long {bytes}: of the CDN, whose route is "/cdn/..."
 * "card":1 means the second card's ComfyUI; absent: the first, of "clear" all.
 * More: gateway_limit {remaining, reset_after} sets what /gateway/bot answers;
 *  gateway_reconnect {before_hello:true} greets the next connection with op 7;
 *  message_content {granted:false} takes away the privileged intent (not for open sessions);
 *  gateway_garbage {raw:true} breaks the compression stream too.
 * `route` is matched against the path below the API's base: {} is one segment, * is anything;
 * absent: every route. `method` absent: every method. `count` absent: 1; 0: until "clear".
 * Returns 0 or -EINVAL. A response spoilt by reset or hang has status 0 and error "reset" or
 * "hang N": the carrier cuts the connection, after N ms. ---- */
int world_fault(struct world *w, struct json_object *fault, int64_t now_ms);

#endif
