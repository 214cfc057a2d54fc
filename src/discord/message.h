/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_MESSAGE_H
#define FULLET_DISCORD_MESSAGE_H

#include <json-c/json.h>

#include "discord/interaction.h"
#include "discord/rest.h"
#include "discord/text.h"

/*
 * Encoders of everything we say to Discord (each returns a rest_call ready for
 * rest_submit(), with route, major and flags set) and decoders of what it
 * answers. Every message we create or edit carries allowed_mentions; every
 * message of a job carries the job's id: the live message and the apology in a
 * component's custom_id, the picture in its file names.
 */

/* ---- interactions (POST /interactions/{id}/{token}/callback) ---- */
/* Of any type, once; takes `data`. For the makers of special answers (modal.c). */
struct rest_call *message_callback(
	const struct interaction *it, int type, struct json_object *data);
/* Type 5, ephemeral. */
struct rest_call *message_defer(const struct interaction *it);
/* Type 4, ephemeral, a sentence. */
struct rest_call *message_refuse(const struct interaction *it, const char *sentence);
/* Type 8. n <= 25; names 1-100 characters (longer ones are shortened). */
struct choice {
	const char *name;
	const char *value;
};
struct rest_call *message_choices(const struct interaction *it, const struct choice *choices, size_t n);
/* PATCH /webhooks/{app}/{token}/messages/@original with a sentence. */
struct rest_call *message_answer(uint64_t application_id, const char *token, const char *sentence);

/* The same with files; names of [a-z0-9.-] only, at most DISCORD_FILES_MAX. */
struct picture_file;
struct rest_call *message_answer_files(uint64_t application_id, const char *token,
	const char *sentence, const struct picture_file *files, size_t n);

/* As message_refuse(), with a button: custom_id "v1:<action>:<id>". */
struct rest_call *message_ask(const struct interaction *it, const char *sentence, enum text_id label,
	bool danger, const char *action, uint64_t id);

/* ---- the live message of a job ---- */
enum live_state { LIVE_QUEUED, LIVE_STARTING, LIVE_RUNNING, LIVE_SENDING, LIVE_DONE, LIVE_SORRY };
struct live_view {
	enum live_state state;
	uint64_t job_id;
	const char *locale;
	const char *title;     /* the workflow's readable title */
	const char *prompt;    /* untrusted; cleaned and shortened inside */
	int position;          /* LIVE_QUEUED: 1 is next */
	int64_t left_ms;       /* LIVE_QUEUED: until it is done, about; 0: not known */
	bool no_gpu;           /* LIVE_QUEUED: no card answers right now: say so */
	bool paused;           /* LIVE_QUEUED: by an administrator */
	bool no_memory;        /* LIVE_QUEUED: no card that is idle has the memory for it */
	int percent;           /* LIVE_RUNNING: 0..100, -1 unknown */
	int64_t duration_ms;   /* LIVE_DONE */
	const char *preview;   /* LIVE_RUNNING: picture bytes, NULL: none */
	size_t preview_len;
	const char *preview_type; /* "image/jpeg" or "image/png" */
	bool keep_preview;     /* the message already shows the newest preview: leave it */
	uint64_t preview_attachment; /* its id, for keep_preview */
};
/* POST with nonce "l<job>" and enforce_nonce. Has a Cancel button (custom_id "v1:cancel:<job>")
 * while it is waiting or running. */
struct rest_call *message_live_create(uint64_t channel_id, const struct live_view *view);
/* PATCH; coalesces per message. LIVE_DONE and LIVE_SORRY drop preview and button. */
struct rest_call *message_live_edit(uint64_t channel_id, uint64_t message_id, const struct live_view *view);

/* ---- the end of a job ---- */
struct picture_file {
	const char *name;  /* ending only matters: it becomes "fullet-<job>.<ext>", "-2", "-3" ... */
	const char *type;
	const char *data;
	size_t len;
	struct blob *blob; /* instead of data and len: held by the call, not copied */
};
struct picture_view {
	uint64_t job_id;
	uint64_t user_id;      /* the one mention that pings */
	const char *locale;
	const char *title;
	const char *prompt;
	uint64_t seed;
	bool no_seed;          /* none draws this picture again */
	int width, height;     /* 0: not known */
	const char *steps, *cfg, *lora; /* what was chosen; NULL: nothing */
	int64_t duration_ms;
	const struct picture_file *files;
	size_t n_files;        /* 1..DISCORD_FILES_MAX */
	bool can_edit;         /* with a button "v1:edit:<job>" */
};
/* POST with nonce "p<job>" and enforce_nonce. */
struct rest_call *message_picture(uint64_t channel_id, const struct picture_view *view);
/* POST with nonce "s<job>" and enforce_nonce; pings the member; a disabled-free, small marker
 * button "v1:again:<job>" (Try again) carries the id. */
struct rest_call *message_sorry(uint64_t channel_id, uint64_t job_id, uint64_t user_id,
	const char *locale, const char *sentence);
/* A plain message (for #admin-tools); mentions nobody. */
struct rest_call *message_plain(uint64_t channel_id, const char *sentence);
/* The same as a reply to a message there, with nonce "a<message>" and enforce_nonce. */
struct rest_call *message_reply(uint64_t channel_id, uint64_t to_id, const char *sentence);

/* ---- looking before acting ---- */
/* GET /channels/{id}/messages?limit=100[&before=...] */
struct rest_call *message_list(uint64_t channel_id, uint64_t before);
/* GET /channels/{id}/messages/{id} */
struct rest_call *message_get(uint64_t channel_id, uint64_t message_id);
struct job_marks {
	uint64_t live_id;     /* 0: none seen */
	uint64_t picture_id;
	uint64_t sorry_id;
	uint64_t oldest_id;   /* of the page, for `before` */
	size_t n;             /* messages in the page */
};
/* Looks through an answer of message_list() for messages by `bot_id` that carry the job's id. */
int message_find(struct json_object *answer, uint64_t bot_id, uint64_t job_id, struct job_marks *ret);
/* True when an answer of message_list() holds a reply by `bot_id` to that message. */
bool message_find_reply(struct json_object *answer, uint64_t bot_id, uint64_t to_id);
/* The id of a created message; the attachment id of a preview shown in it (0 none). */
uint64_t message_id(struct json_object *answer);
uint64_t message_attachment(struct json_object *answer);
/* Splits "v1:cancel:123": the action into `action`, the id returned; 0 when it is not ours. */
uint64_t custom_id_parse(const char *custom_id, char *action, size_t size);

/* ---- channels ---- */
enum { CHANNEL_TEXT = 0, CHANNEL_CATEGORY = 4 };
struct channel {
	uint64_t id;
	uint64_t parent_id;
	uint64_t last_message_id;
	int type;
	bool hidden;       /* @everyone is denied VIEW_CHANNEL */
	bool restricted;   /* by age */
	char *name;
	char *topic;       /* may be NULL */
};
/* An array of channel objects (GET /guilds/{id}/channels or GUILD_CREATE's `channels`). The
 * caller frees with channels_free(). -EBADMSG when it is no array. Entries that make no sense
 * are skipped. */
int channels_decode(struct json_object *array, uint64_t guild_id, struct channel **ret, size_t *ret_n);
void channels_free(struct channel *channels, size_t n);
struct rest_call *channel_list(uint64_t guild_id);
/* A category that @everyone cannot see and the bot can. */
struct rest_call *channel_create_category(uint64_t guild_id, uint64_t bot_id, const char *name);
/* "session-<username>" with topic marker, visible to the member and the bot. */
struct rest_call *channel_create_private(uint64_t guild_id, uint64_t parent_id, uint64_t bot_id,
	uint64_t user_id, const char *username, bool restricted);
/* Makes it age-restricted. */
struct rest_call *channel_restrict(uint64_t channel_id);
struct rest_call *channel_delete(uint64_t channel_id, const char *reason);
/* The topic marker's user id, 0 when the topic is not ours. */
uint64_t channel_topic_user(const char *topic);

/* ---- private threads, for a server without room for channels (thread.c) ---- */
/* "session-<username>-<user id>"; nobody but moderators can add others. */
struct rest_call *thread_create(uint64_t channel_id, uint64_t user_id, const char *username);
struct rest_call *thread_join(uint64_t thread_id, uint64_t user_id);
struct rest_call *threads_active(uint64_t guild_id);
struct thread {
	uint64_t id, parent_id, last_message_id;
	uint64_t user_id; /* whose it is */
};
/* The private threads that `bot_id` made for members, of an array of threads (GUILD_CREATE, the
 * list of active ones). The caller frees *ret. -EBADMSG when it is no array. */
int threads_decode(
	struct json_object *array, uint64_t bot_id, struct thread **ret, size_t *ret_n);

/* ---- the end of a channel is announced (warning.c) ---- */
/* With a button "v1:keep:<user>"; locale NULL: in both languages. Said again about the same idle time,
 * which began at idle_ms, it is the same message as long as Discord remembers the first. */
struct rest_call *message_warning(
	uint64_t channel_id, uint64_t user_id, const char *locale, int64_t idle_ms, int64_t end_ms);
/* The newest announcement in an answer of message_list(), 0: there is none; written: the member has
 * written since. -EBADMSG when it is no such answer. */
int message_read_warning(struct json_object *answer, uint64_t bot_id, uint64_t user_id,
	uint64_t *ret_warning_id, bool *ret_written);
/* The announcements by `bot_id` in an answer of message_list(), at most `max`. */
size_t message_find_warnings(
	struct json_object *answer, uint64_t bot_id, uint64_t user_id, uint64_t *ret, size_t max);
struct rest_call *message_delete(uint64_t channel_id, uint64_t message_id);

/* ---- the rest ---- */
struct rest_call *gateway_bot_get(void);
struct rest_call *application_get(void);               /* GET /applications/@me */
struct rest_call *user_get(void);                      /* GET /users/@me */
struct rest_call *guild_get(uint64_t guild_id);
struct rest_call *guild_member_get(uint64_t guild_id, uint64_t user_id);
struct rest_call *guild_leave(uint64_t guild_id);
/* GET and PUT /applications/{app}/guilds/{guild}/commands; `commands` stays the caller's. */
struct rest_call *commands_get(uint64_t application_id, uint64_t guild_id);
struct rest_call *commands_put(uint64_t application_id, uint64_t guild_id, struct json_object *commands);
/* The same in the global scope, where none of ours belong. */
struct rest_call *commands_put_global(uint64_t application_id, struct json_object *commands);
/* The invite URL with the permissions we need; the caller owns it. */
char *invite_url(uint64_t application_id, uint64_t guild_id);
/* The permission bits the bot needs in its guild. */
#define BOT_PERMISSIONS_NEEDED 2147601424ull
/* The same, and for private threads in a full server: Manage Threads (34), Create Private Threads
 * (36), Send Messages in Threads (38). */
#define BOT_PERMISSIONS_INVITE 362924854288ull
/* The names of the bits of `missing`, comma separated; the caller owns it. */
char *permission_names(uint64_t missing);

#endif
