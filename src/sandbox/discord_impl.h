/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_SANDBOX_DISCORD_IMPL_H
#define FULLET_SANDBOX_DISCORD_IMPL_H

#include <uthash.h>
#include <utlist.h>

#include "base/json.h"
#include "base/limits.h"
#include "sandbox/discord_world.h"

/*
 * The inside of the Discord half, shared by the discord_*.c files of this folder only.
 * Everything refers to the others by id or, where the lifetimes nest (guild > channel >
 * message > file), by pointer. Beyond each ceiling the oldest goes.
 */
#define DW_MESSAGES_MAX	     2000 /* in one channel, without ephemerals */
#define DW_GONE_CHANNELS_MAX 200  /* deleted ones that world_state() still shows */
#define DW_INTERACTIONS_MAX  40000 /* 500 a second live their first minute */
#define DW_RECORDS_MAX	     60000 /* of each kind in /control/records */
#define DW_FILES_BYTES_MAX   (256 * MIB)
#define DW_ORPHANS_MAX	     64 /* files no message shows any more; their URLs live on a while */
#define DW_VIOLATIONS_MAX    1000
#define DW_BUCKETS_MAX	     10000
#define DW_REPLAY_MAX	     1000 /* events a session keeps for RESUME */
#define DW_REPLAY_BYTES_MAX  (8 * MIB)
#define DW_SESSIONS_MAX	     64
#define DW_SENDS_MAX	     120 /* Discord: events a connection may send in 60 s */
#define DW_LOG_MAX	     256 /* requests that world_state() lists */
#define DW_COMMANDS_MAX	     100
#define DW_MENTIONS_MAX	     100

#define DW_ACK_MS    3000		/* Discord: the first callback within 3 s */
#define DW_TOKEN_MS  (15 * 60 * 1000)	/* Discord: an interaction token lives 15 min */
#define DW_NONCE_MS  (5 * 60 * 1000)	/* Discord: "a few minutes" */
#define DW_RESUME_MS (5 * 60 * 1000)	/* a session waits so long for a RESUME */
#define DW_SIGNED_MS (24 * 3600 * 1000) /* a CDN URL is good for about a day */
#define DW_EPOCH_MS  1420070400000	/* Discord: snowflakes count from 2015-01-01 */

enum dw_permission {
	DW_ADMINISTRATOR = 1ull << 3,
	DW_MANAGE_CHANNELS = 1ull << 4,
	DW_VIEW_CHANNEL = 1ull << 10,
	DW_SEND_MESSAGES = 1ull << 11,
	DW_MANAGE_MESSAGES = 1ull << 13,
	DW_EMBED_LINKS = 1ull << 14,
	DW_ATTACH_FILES = 1ull << 15,
	DW_READ_HISTORY = 1ull << 16,
	DW_MANAGE_ROLES = 1ull << 28,
	DW_USE_COMMANDS = 1ull << 31,
	DW_MANAGE_THREADS = 1ull << 34,
	DW_CREATE_PRIVATE_THREADS = 1ull << 36,
	DW_SEND_IN_THREADS = 1ull << 38,
};
#define DW_ALL_PERMISSIONS  ((1ull << 53) - 1)
#define DW_EVERYONE_DEFAULT (2147601408ull | DW_SEND_IN_THREADS)
#define DW_BOT_ROLE                                                                                \
	(2147601424ull | DW_MANAGE_THREADS | DW_CREATE_PRIVATE_THREADS | DW_SEND_IN_THREADS)

enum dw_flag {
	DW_SUPPRESS_EMBEDS = 1 << 2,
	DW_EPHEMERAL = 1 << 6,
	DW_LOADING = 1 << 7,
	DW_SUPPRESS_NOTIFICATIONS = 1 << 12,
	DW_COMPONENTS_V2 = 1 << 15,
};

enum dw_intent {
	DW_INTENT_NONE = 0,
	DW_INTENT_GUILDS = 1 << 0,
	DW_INTENT_MESSAGES = 1 << 9,
	DW_INTENT_CONTENT = 1 << 15,
};

enum { DW_TEXT = 0, DW_CATEGORY = 4, DW_THREAD = 12 };

struct dw_user {
	uint64_t id;
	char *username;
	char *locale;
	bool bot;
	struct json_object *json; /* the User object, shared by all that show it */
	UT_hash_handle hh;
};

struct dw_role {
	uint64_t id, permissions;
	char *name;
	int position;
};

struct dw_member {
	struct dw_user *user;
	uint64_t role_id; /* one beside @everyone; 0: none */
	int64_t joined_ms;
};

struct dw_guild {
	uint64_t id, owner_id;
	char *name;
	bool bot_in;
	struct dw_role roles[16];
	size_t n_roles;
	struct dw_member *members;
	size_t n_members;
	struct json_object *commands; /* array of ApplicationCommand objects */
	int creates;		      /* commands created; 200 a day are allowed */
	UT_hash_handle hh;
};

struct dw_overwrite {
	uint64_t id, allow, deny;
	int type; /* 0 role, 1 member */
};

struct dw_message;
struct dw_channel {
	uint64_t id, parent_id, last_message_id;
	struct dw_guild *guild;
	int type, position;
	char *name, *topic;
	bool nsfw, deleted;
	struct dw_overwrite *overwrites;
	size_t n_overwrites;
	struct dw_message *messages; /* utlist, oldest first; ephemerals too */
	struct dw_message *oldest;   /* what stands before it are ephemerals; NULL: the first one */
	size_t n_messages;	     /* without ephemerals */
	int64_t renamed_ms[2]; /* the last two name or topic changes */
	int deletes;	       /* DELETE requests after it was gone */
	struct json_object *listed;   /* as lists of channels show it; NULL: to be made */
	struct dw_channel *thread_of; /* a thread's channel */
	uint64_t owner_id, *joined;   /* of a thread */
	size_t n_joined;
	UT_hash_handle hh;
};

struct dw_file {
	uint64_t id, channel_id;
	char *name, *type, *description;
	char *data; /* NULL when it was given up for space */
	size_t len;
	int width, height; /* 0: not a picture we know */
	UT_hash_handle hh;
};

struct dw_message {
	uint64_t id;
	struct dw_channel *channel;
	struct dw_user *author;
	int type;
	uint32_t flags;
	char *content;
	struct json_object *raw_embeds, *raw_components; /* as the client sent them */
	struct dw_file *files[DISCORD_FILES_MAX];
	size_t n_files;
	uint64_t mentions[DW_MENTIONS_MAX]; /* users that were pinged or named */
	size_t n_mentions;
	char *nonce;
	uint64_t interaction_id;
	uint64_t reference_id;
	uint64_t ephemeral_for; /* the one user who sees it; 0: everybody */
	bool deleted, mentions_bot;
	int edits, deletes;
	int64_t created_ms, edited_ms, rendered_ms;
	struct json_object *json; /* the Message object */
	struct dw_message *prev, *next;
	UT_hash_handle hh;
};

enum dw_kind { DW_COMMAND = 2, DW_COMPONENT = 3, DW_AUTOCOMPLETE = 4, DW_MODAL = 5 };

struct dw_interaction {
	uint64_t id, channel_id, user_id, guild_id;
	enum dw_kind kind;
	char *token, *command;
	int64_t created_ms, acked_ms; /* acked_ms 0: not yet */
	int ack_type, repeats, followups;
	uint64_t ack_hash;
	bool ephemeral, dm;
	uint64_t original_id; /* message */
	uint64_t source_id;   /* message with the pressed component */
	struct json_object *choices, *modal, *data;
	struct json_object *record; /* of discord_record.c; NULL: none is kept */
	UT_hash_handle hh, hh_token;
};

struct dw_event {
	int64_t seq;
	char *text;
	size_t len;
	struct dw_event *prev, *next;
};

struct dw_conn;
struct dw_session {
	char id[33];
	uint64_t intents;
	int64_t seq;
	struct dw_event *events;
	size_t n_events, bytes;
	struct dw_conn *conn;
	int64_t gone_ms;    /* when its connection went */
	bool dead, refused; /* refused: a RESUME got op 9 */
	struct dw_session *prev, *next;
};

struct dw_stream;
struct dw_conn {
	uint64_t id;
	struct dw_stream *stream; /* transport compression; NULL: none */
	struct dw_session *session;
	bool resume_path, closing, missed;
	int64_t opened_ms, beat_ms, asked_ms;
	int64_t silent_until_ms;     /* nothing goes out before */
	int64_t close_ms;	     /* closed by us then (after op 7); NEVER */
	int64_t refused_ms;	     /* an IDENTIFY was answered with op 9 then */
	int64_t sends[DW_SENDS_MAX]; /* ring of the times of what it sent */
	size_t n_sends;
	int early_beats;
	UT_hash_handle hh;
};

struct dw_output {
	struct world_output out;
	int64_t not_before_ms;
	struct dw_output *prev, *next;
};

struct dw_bucket {
	char *key;
	int used;
	int64_t reset_ms, blocked_at_ms, blocked_until_ms;
	UT_hash_handle hh;
};

struct dw_fault {
	char *kind, *method, *route;
	int status, count;
	bool executed;
	int64_t ms;
	char *scope;
	char *location; /* redirect */
	int64_t bytes;	/* long */
	double retry_after;
	struct dw_fault *prev, *next;
};

struct discord_world {
	struct world_config config;
	char *token, *rest_base, *gateway_url, *cdn_base;
	char *rest_path, *gateway_path, *cdn_path; /* the paths of those, "" or "/x/y" */
	struct rng rng;
	int64_t now_ms;
	uint64_t last_id, version;
	struct dw_user *users, *bot;
	uint64_t application_id;
	struct dw_guild *guilds, *home;
	struct json_object *global_commands;
	struct dw_channel *channels;
	size_t n_gone, n_forgotten; /* channels: deleted and still known; not known any more */
	struct dw_message *messages;
	struct dw_file *files;
	size_t files_bytes;
	struct dw_file *orphans[DW_ORPHANS_MAX];
	size_t next_orphan;
	struct dw_interaction *interactions, *by_token;
	int64_t expiry_ms; /* when the next one has waited 3 s; NEVER */

	struct dw_conn *conns;
	struct dw_session *sessions;
	size_t n_sessions;
	struct dw_output *outputs;
	int identifies_left;
	int64_t identifies_reset_ms, identified_ms, gateway_refuse_until_ms;
	bool reconnect_before_hello;
	bool content_refused; /* the intent MESSAGE_CONTENT is not switched on in the portal */
	uint64_t n_opens;	   /* gateway connections so far */
	uint64_t registered_opens; /* when commands were last changed */
	int64_t registered_ms;
	int64_t asked_ms; /* when an administrator last wrote or used a command: he may want a sync */

	struct dw_bucket *buckets;
	int64_t global_start_ms, global_blocked_ms, global_until_ms;
	int global_used;
	int64_t invalid_start_ms;
	int invalid, unauthorized;

	struct dw_fault *faults;
	struct json_object *asked, *delivered; /* discord_record.c */
	struct json_object *violations;
	size_t n_violations;
	uint64_t let_through; /* a member who may use every command: Server Settings > Integrations */
	bool permissions_changed; /* by an administrator: what is missing is no violation */
	char *request; /* what is being looked at, for violations */
	uint64_t n_requests, n_spoilt;
	struct {
		char *text;
		int status;
		int64_t ms;
	} log[DW_LOG_MAX];
};

/* ---- discord_model.c: things and who may see them ---- */
uint64_t dw_snowflake(struct discord_world *w, int64_t now_ms);
struct json_object *dw_time(int64_t unix_ms); /* ISO 8601; null for 0 */
struct dw_user *dw_user_new(struct discord_world *w, const char *username, bool bot);
struct dw_user *dw_user_find(struct discord_world *w, uint64_t id);
struct dw_guild *dw_guild_new(
	struct discord_world *w, uint64_t id, const char *name, bool with_bot);
struct dw_guild *dw_guild_find(struct discord_world *w, uint64_t id);
struct dw_member *dw_member_find(struct dw_guild *guild, uint64_t user_id);
void dw_member_add(
	struct discord_world *w, struct dw_guild *guild, struct dw_user *user, uint64_t role_id);
void dw_member_remove(struct dw_guild *guild, uint64_t user_id);
struct dw_channel *dw_channel_new(struct discord_world *w, struct dw_guild *guild, int type,
	const char *name, uint64_t parent_id);
struct dw_channel *dw_channel_find(struct discord_world *w, uint64_t id); /* not deleted */
void dw_channel_overwrite(struct dw_channel *ch, const struct dw_overwrite *o);
void dw_channel_delete(struct discord_world *w, struct dw_channel *ch);
char *dw_channel_name(const char *name, int type);
uint64_t dw_guild_permissions(struct dw_guild *guild, uint64_t user_id);
uint64_t dw_permissions(struct dw_channel *ch, uint64_t user_id);
void dw_model_free(struct discord_world *w);

/* ---- discord_json.c: things as the API shows them ---- */
struct json_object *dw_role_json(const struct dw_role *role);
struct json_object *dw_member_json(const struct dw_member *m, bool with_user);
struct json_object *dw_channel_json(const struct dw_channel *ch);
/* Makes its text, once and for all: it must not be changed after that. */
void dw_json_freeze(struct json_object *o);
struct json_object *dw_channels_json(struct discord_world *w, struct dw_guild *guild);
struct json_object *dw_guild_json(struct dw_guild *guild);
struct json_object *dw_guild_create_json(struct discord_world *w, struct dw_guild *guild);
struct json_object *dw_application_json(struct discord_world *w);
struct json_object *dw_copy(struct json_object *obj); /* a shallow copy of an object */

/* ---- discord_record.c: what world_records() tells ---- */
void dw_record_interaction(struct discord_world *w, struct dw_interaction *it);
/* After it was acknowledged, or its answer edited; text: what it says now. */
void dw_record_answer(struct discord_world *w, struct dw_interaction *it, const char *text);
void dw_record_message(struct discord_world *w, struct dw_message *m);

/* ---- discord_message.c: messages ---- */
struct dw_message *dw_message_new(
	struct discord_world *w, struct dw_channel *ch, struct dw_user *author);
struct dw_message *dw_message_find(struct discord_world *w, uint64_t id); /* deleted ones too */
/* Makes m->json anew; call it after every change. */
void dw_message_render(struct discord_world *w, struct dw_message *m);
/* The Message object with URLs that are still good; borrowed. */
struct json_object *dw_message_json(struct discord_world *w, struct dw_message *m);
/* The same as the bot may see it over HTTP; owned. */
struct json_object *dw_message_shown(struct discord_world *w, struct dw_message *m);
void dw_message_event(struct discord_world *w, struct dw_message *m, const char *event);
void dw_message_delete(struct discord_world *w, struct dw_message *m);
void dw_message_free(struct discord_world *w, struct dw_message *m);
/* Only `user_id` sees it: it is none of the channel's, and stays as long as its interaction. */
void dw_message_whisper(struct dw_message *m, uint64_t user_id);
/* Fills m->mentions from its texts as allowed_mentions says; NULL allows everything. */
void dw_message_mentions(
	struct discord_world *w, struct dw_message *m, struct json_object *allowed);

/* ---- discord_thread.c: private threads ---- */
struct dw_call;
bool dw_thread_has(const struct dw_channel *ch, uint64_t user_id);
void dw_thread_leave(struct dw_channel *ch, uint64_t user_id);
uint64_t dw_thread_permissions(const struct dw_channel *ch, uint64_t user_id);
void dw_thread_add_json(const struct dw_channel *ch, struct json_object *o);
struct json_object *dw_threads_json(struct discord_world *w, struct dw_guild *guild);
void dw_threads_create(struct dw_call *c);
void dw_threads_add(struct dw_call *c);
void dw_threads_remove(struct dw_call *c);
void dw_threads_active(struct dw_call *c);

/* ---- discord_cdn.c: files ---- */
struct dw_file *dw_file_new(struct discord_world *w, uint64_t channel_id, const char *name,
	const char *description, const void *data, size_t len);
void dw_file_drop(struct discord_world *w, struct dw_file *f); /* no message shows it any more */
void dw_file_free(struct discord_world *w, struct dw_file *f);
char *dw_file_url(struct discord_world *w, const struct dw_file *f);
struct json_object *dw_file_json(struct discord_world *w, const struct dw_file *f);
void dw_cdn_get(struct discord_world *w, const struct http_request *req, const char *path,
	struct http_response *ret);

/* ---- discord_rest.c: one request ---- */
enum dw_auth { DW_AUTH_BOT, DW_AUTH_TOKEN };
struct dw_call;
struct dw_route {
	enum http_method method;
	const char *path; /* {} an id, {t} a token, {@} @me, @original or an id */
	void (*serve)(struct dw_call *c);
	enum dw_auth auth;
	bool body;   /* takes one */
	bool exempt; /* from the global limit */
	int limit;   /* requests a window; 0: no bucket */
	int window_ms;
};
struct dw_call {
	struct discord_world *w;
	const struct http_request *req;
	struct http_response *res;
	const struct dw_route *route;
	int64_t now_ms;
	uint64_t id[3]; /* the numbers of the path in their order */
	char *token;	/* the {t} of the path */
	bool original;	/* {@} was @original */
	struct json_object *body;
	const struct http_part *files[DISCORD_FILES_MAX]; /* by n of files[n] */
	struct json_object *errors;			  /* of a 50035 that is being gathered */
};
/* Takes body (may be NULL: empty). */
void dw_reply(struct dw_call *c, int status, struct json_object *body);
void dw_fail(struct dw_call *c, int status, int code, const char *message);
void dw_rest(struct discord_world *w, const struct http_request *req, struct http_response *ret,
	int64_t now_ms);

/* ---- discord_check.c: rules ---- */
void dw_violation(struct discord_world *w, const char *rule, const char *format, ...)
	printf_like(3, 4);
/* Adds an error at the path ("embeds.0.title"). */
void dw_error(struct dw_call *c, const char *path, const char *code, const char *message);
/* The same, and records the violation `code`. */
void dw_invalid(struct dw_call *c, const char *path, const char *code, const char *message);
/* True when errors were gathered: then the 400 has been written. */
bool dw_refused(struct dw_call *c);
enum {
	DW_STR = 1 << 0,
	DW_INT = 1 << 1,
	DW_BOOL = 1 << 2,
	DW_OBJ = 1 << 3,
	DW_ARR = 1 << 4,
	DW_NULL = 1 << 5,
	DW_ID = 1 << 6, /* a snowflake or bit set: a string of digits */
	DW_NUM = 1 << 7,
	DW_REQUIRED = 1 << 8,
};
struct dw_field {
	const char *name;
	unsigned types;
	int max; /* characters of a string, entries of an array; 0: no limit */
	int min;
};
/* Checks an object's members: unknown ones are violations, wrong ones errors. False when the
 * value is no object. */
bool dw_check_object(struct dw_call *c, struct json_object *obj, const char *path,
	const struct dw_field *fields, size_t n);
size_t dw_utf16_len(const char *text);
/* "path.name"; returns dst. */
#define DW_PATH_SIZE 200
const char *dw_path(char dst[DW_PATH_SIZE], const char *path, const char *format, ...)
	printf_like(3, 4);
enum dw_use { DW_USE_CREATE, DW_USE_EDIT, DW_USE_CALLBACK, DW_USE_FOLLOWUP };
/* The whole body of a message; old: the message that is edited or NULL. prefix: "" or "data". */
void dw_check_message(struct dw_call *c, struct json_object *body, const char *prefix,
	enum dw_use use, struct dw_message *old);

/* ---- discord_component.c, discord_embed.c ---- */
struct dw_names { /* what attachment:// may name */
	const char *name[2 * DISCORD_FILES_MAX];
	size_t n;
};
bool dw_names_has(const struct dw_names *names, const char *name);
/* A URL of a picture: http(s) or an attachment that exists. */
void dw_check_media(struct dw_call *c, struct json_object *media, const char *path,
	const struct dw_names *names);
void dw_check_embeds(struct dw_call *c, struct json_object *embeds, const char *path,
	const struct dw_names *names);
void dw_check_components(struct dw_call *c, struct json_object *list, const char *path, bool v2,
	const struct dw_names *names);
void dw_check_modal(struct dw_call *c, struct json_object *data);
/* The component with that custom_id, or NULL. */
struct json_object *dw_component_find(struct json_object *list, const char *custom_id);

/* ---- discord_post.c: messages over REST ---- */
/* Applies a checked body to a new or an edited message; call dw_message_render() next. */
void dw_compose(struct dw_call *c, struct dw_message *m, struct json_object *body, bool edit);
void dw_messages_create(struct dw_call *c);
void dw_messages_edit(struct dw_call *c);
void dw_messages_get(struct dw_call *c);
void dw_messages_list(struct dw_call *c);
void dw_messages_delete(struct dw_call *c);
/* The channel that the bot may use so, or NULL with the failure written. */
struct dw_channel *dw_call_channel(struct dw_call *c, uint64_t id, uint64_t need);

/* ---- discord_channel.c: channels and guilds over REST ---- */
void dw_channels_create(struct dw_call *c);
void dw_channels_list(struct dw_call *c);
void dw_channels_get(struct dw_call *c);
void dw_channels_edit(struct dw_call *c);
void dw_channels_delete(struct dw_call *c);
/* Deletes it and its threads, and tells. */
void dw_channel_remove(struct discord_world *w, struct dw_channel *ch);
void dw_channels_permission(struct dw_call *c);
void dw_guilds_get(struct dw_call *c);
void dw_guilds_roles(struct dw_call *c);
void dw_guilds_member(struct dw_call *c);
void dw_guilds_mine(struct dw_call *c);
void dw_guilds_leave(struct dw_call *c);
void dw_me_get(struct dw_call *c);
void dw_user_get(struct dw_call *c);
void dw_application_get(struct dw_call *c);
void dw_gateway_get(struct dw_call *c);
void dw_gateway_bot_get(struct dw_call *c);
void dw_guild_lost(struct discord_world *w, struct dw_guild *guild);

/* ---- discord_command.c: application commands ---- */
void dw_commands_get(struct dw_call *c);
void dw_commands_put(struct dw_call *c);
void dw_global_commands_get(struct dw_call *c);
void dw_global_commands_put(struct dw_call *c);
/* The body of a PUT (another reference) that was found good before, in another world perhaps; or NULL. */
struct json_object *dw_commands_known(struct dw_call *c, const char *text, size_t len);
/* The registered command, or NULL; guild may be NULL. */
struct json_object *dw_command_find(
	struct discord_world *w, struct dw_guild *guild, const char *name, int64_t type);

/* ---- discord_interaction.c ---- */
struct dw_interaction *dw_interaction_new(struct discord_world *w, enum dw_kind kind,
	struct dw_user *user, struct dw_channel *ch, int64_t now_ms);
struct dw_interaction *dw_interaction_find(struct discord_world *w, uint64_t id);
/* Sends INTERACTION_CREATE with it->data as its data. */
void dw_interaction_send(struct discord_world *w, struct dw_interaction *it);
/* After 3 s the client says "the application did not respond": a visible change. */
void dw_interaction_tick(struct discord_world *w);
void dw_interaction_free(struct discord_world *w, struct dw_interaction *it);
void dw_callback(struct dw_call *c);
void dw_original_get(struct dw_call *c);
void dw_original_edit(struct dw_call *c);
void dw_original_delete(struct dw_call *c);
void dw_followup(struct dw_call *c);

/* ---- discord_limits.c ---- */
/* False when the request was answered with a 429. */
bool dw_limits_take(struct dw_call *c);
void dw_limits_invalid(struct discord_world *w, int status); /* counts 401, 403, 429 */
bool dw_limits_banned(struct discord_world *w);
/* scope: user, global, shared */
void dw_limits_429(struct http_response *res, const char *scope, double retry_after_s);
/* Remembers a 429, so that a request before its retry_after is noticed. */
void dw_limits_block(struct dw_call *c, bool global, int64_t ms);
void dw_limits_forgive(struct discord_world *w);
void dw_limits_free(struct discord_world *w);

/* ---- discord_gateway.c ---- */
/* Takes d. channel: only when the bot can see it; guild: only when the bot is in it; either may be
 * NULL. m: the message whose content the intents may hide. */
void dw_dispatch(struct discord_world *w, const char *event, uint64_t intent,
	struct dw_guild *guild, struct dw_channel *ch, struct dw_message *m, struct json_object *d);
void dw_conn_say(struct discord_world *w, struct dw_conn *conn, struct json_object *payload);
void dw_conn_raw(struct discord_world *w, struct dw_conn *conn, const char *text, size_t len);
void dw_conn_close(struct discord_world *w, struct dw_conn *conn, int code);
void dw_conn_free(struct discord_world *w, struct dw_conn *conn);
void dw_session_kill(struct dw_session *s);
void dw_output_add(struct discord_world *w, struct dw_conn *conn, struct world_output *out);
void dw_gateway_free(struct discord_world *w);
/* discord_session.c */
void dw_session_free(struct discord_world *w, struct dw_session *s);
void dw_identify(struct discord_world *w, struct dw_conn *conn, struct json_object *d);
void dw_resume(struct discord_world *w, struct dw_conn *conn, struct json_object *d);
/* d: the text of the event's data */
void dw_session_event(struct discord_world *w, struct dw_session *s, const char *event,
	const char *d, size_t len);
void dw_session_trim(struct discord_world *w);

/* ---- discord_stream.c: zlib-stream and zstd-stream ---- */
struct dw_stream *dw_stream_new(const char *name); /* NULL for an unknown name */
struct dw_stream *dw_stream_free(struct dw_stream *s);
/* The next piece; the caller owns *out. */
size_t dw_stream_pack(struct dw_stream *s, const char *text, size_t len, char **out);

/* ---- discord_fault.c ---- */
/* The fault for this request, or NULL; its count goes down by one. */
struct dw_fault *dw_fault_take(struct discord_world *w, enum http_method method, const char *path);
/* Spoils the answer. */
void dw_fault_apply(struct dw_call *c, const struct dw_fault *f);
void dw_fault_done(struct discord_world *w, struct dw_fault *f); /* frees it when used up */
void dw_fault_free_all(struct discord_world *w);

/* ---- discord_act.c: what a person does ---- */
/* Where it is typed; NULL with a sentence. */
struct dw_channel *dw_place(struct discord_world *w, uint64_t user_id, uint64_t channel_id,
	uint64_t guild_id, const char **why);
bool dw_command_hidden(struct dw_channel *ch, uint64_t user_id, struct json_object *command);
/* The same for somebody with these permissions. */
bool dw_command_hidden_for(uint64_t permissions, struct json_object *command);

/* ---- discord_menu.c ---- */
/* The values chosen in a menu as they are sent (owned), what they name in data.resolved; NULL when the
 * client would not let one choose so. */
struct json_object *dw_menu_values(struct discord_world *w, struct dw_channel *ch, uint64_t user_id,
	struct json_object *menu, struct json_object *values, struct json_object *data);

/* ---- discord_options.c: what a command is typed with ---- */
/* Fills data.options and data.resolved; a sentence (owned) when the client would refuse. */
char *dw_options_fill(struct discord_world *w, struct dw_channel *ch, uint64_t user_id,
	struct json_object *defs, struct json_object *given, const char *focused,
	struct json_object *data);
/* A file as people and tests give it: {"filename":"a.png","base64":"..."}. A sentence (owned) when it is
 * none; the upload wants one that was checked. */
char *dw_upload_check(struct json_object *value, const char *name);
struct dw_file *dw_upload(
	struct discord_world *w, struct dw_channel *ch, struct json_object *value);
void dw_resolve_file(struct discord_world *w, struct dw_file *f, struct json_object *data);
enum dw_pick { DW_PICK_USER, DW_PICK_CHANNEL, DW_PICK_ROLE, DW_PICK_MENTIONABLE };
/* Adds what was picked to data.resolved; false when user_id's client would not offer it. */
bool dw_resolve(struct discord_world *w, struct dw_channel *ch, uint64_t user_id,
	enum dw_pick pick, uint64_t id, struct json_object *data);

#endif
