/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_SHELL_PARTS_H
#define FULLET_APP_SHELL_PARTS_H

#include <uthash.h>

#include "app/shell.h"
#include "base/json.h"
#include "core/limits.h"
#include "core/sched_tree.h"
#include "discord/interaction.h"
#include "discord/message.h"
#include "discord/rest.h"

/* The inside of the shell, for its own files only. */

/* What a finished REST call was for. */
enum call_kind {
	CALL_IGNORED, /* only a failure is worth a line in the log */
	CALL_GATEWAY,
	CALL_ACK,
	CALL_LOOK,
	CALL_POST,
	CALL_SORRY,
	CALL_LIVE_CREATE,
	CALL_LIVE_EDIT,
	CALL_LIVE_LAST, /* the edit that says how it ended */
	CALL_CHANNEL_LIST,
	CALL_CHANNEL_MAKE,   /* category, channel or thread */
	CALL_CHANNEL_CHANGE, /* restricted, joined or deleted */
	CALL_THREAD_LIST,
	CALL_MEMBER,
	CALL_WARN,
	CALL_WARN_LOOK,
	CALL_UNWARN,
	CALL_LAST_LOOK, /* at a channel that is about to go */
	CALL_COMMANDS_GET,
	CALL_COMMANDS_PUT,
	CALL_COMMANDS_CLEAR, /* the global ones; tag as CALL_COMMANDS_PUT */
	CALL_APPLICATION,
	CALL_GUILD,
	CALL_CHANNELS, /* all there are, and below all threads: after a resume */
	CALL_THREADS,
	CALL_WORD, /* the answer to an administrator's word; tag is its message */
	CALL_WORD_LOOK,
	CALL_PICTURE, /* the message that holds the picture to edit */
	CALL_PRIVACY_ACK,
	CALL_PRIVACY_SENT,
	CALL_KINDS,
};

/* A fetched file, a picture without its metadata. */
struct task_file {
	char *name, *type;
	struct blob *bytes;
};

/* What the shell holds for a job in memory: files, preview and the live message. */
struct task {
	uint64_t job_id;
	struct task_file *files;
	size_t n_files;
	int files_shrink; /* of the job when they were fetched */
	/* while several parts are fetched: what the first ones gave */
	struct comfy_file parts[DISCORD_FILES_MAX];
	size_t n_parts;
	int part; /* the one being fetched */
	/* copies for EXPORT_PATH */
	bool exported;
	size_t exports_left;
	uint32_t post_epoch; /* the posting that waits for them; 0: none */
	int64_t post_by_ms;
	char *preview, *preview_type;
	size_t preview_len;
	uint32_t preview_no, preview_sent_no;
	int64_t preview_sent_ms;
	uint64_t preview_attachment;
	/* the live message */
	uint64_t live_channel, live_id;
	int live_out; /* calls that have not come back */
	bool live_creating, live_dirty, live_dead;
	bool tidy; /* the last state is wanted; answered with tidy_epoch */
	uint32_t tidy_epoch;
	bool tidy_sent;
	int64_t live_sent_ms;
	/* when it is looked at: at once, or at a time */
	bool changed;
	struct task *changed_prev, *changed_next;
	struct tree_node by_time;
	int64_t due_ms;
	UT_hash_handle hh;
};

/*
 * What waits for an answer of a port. Kept in a list, so that a shell that ends
 * before the answer comes leaves nothing behind.
 */
struct pending {
	struct shell *shell;
	uint64_t id;
	void *what;
	void (*drop)(void *what); /* frees `what` when it is owned; NULL: it is not */
	struct pending *prev, *next;
};

struct shell_comfy {
	struct shell *shell;
	int index;
	struct comfy_client *client;
	struct websocket *ws;
	bool leaving;		 /* taken out of the settings: to be let go when it has finished */
	char *about;		 /* version and device, as it said; NULL */
	struct lora_list *loras; /* shell_lora.c */
};

/* What GUILD_CREATE tells and a resumed session does not: asked for until it is known. */
struct shell_wanted {
	struct rest_call *(*call)(uint64_t guild_id);
	enum call_kind kind;
	bool known, asked;
	bool changed; /* by an event while it was asked for: the answer may be older */
};

/* Who administers the guild. */
struct shell_guild {
	bool spanish; /* the language that the server has chosen */
	uint64_t owner_id;
	uint64_t admin_roles[ADMIN_ROLES_MAX]; /* with ADMINISTRATOR */
	size_t n_admin_roles;
};

/* Who is told when the commands are registered or removed. */
struct shell_report {
	uint64_t id;	     /* names it in calls */
	uint64_t channel_id; /* of a word in #admin-tools, ... */
	uint64_t word_id;    /* ... which is this message; else an interaction's: */
	uint64_t application_id;
	char *token, *locale;
	bool clear;
	size_t left; /* calls that are not answered */
	size_t n;    /* commands */
	bool failed;
	struct shell_report *prev, *next;
};

/* What was written in #admin-tools; shell_words.c. */
enum word_kind { WORD_SYNC, WORD_CLEARALL, WORD_GETID };
struct admin_word {
	uint64_t id; /* the message */
	uint64_t channel_id, author_id;
	struct json_object *roles; /* of the author, while `admin` is not known */
	enum word_kind kind;
	bool admin;
	enum {
		WORD_HEARD,    /* nothing was done about it yet */
		WORD_DOUBTFUL, /* it may have been answered: looked for first */
		WORD_BUSY,
		WORD_ANSWERED, /* kept, lest it be done again */
	} state;
};

/* A message whose pictures a member was asked about: their URLs, which nobody but the interaction
 * tells without the intent MESSAGE_CONTENT. */
struct edited {
	uint64_t user_id, message_id;
	char *urls[ATTACHMENTS_MAX];
};
/* Windows that may be open at a time; of an older one the message is asked for. */
#define EDITED_MAX 64

#define SEEN_INTERACTIONS 512

struct shell {
	struct shell_config config;
	struct ports ports;
	struct rng rng;
	struct core *core;
	struct server_limits limits; /* after a change: shell_limits_save() */
	struct gateway *gateway;
	struct websocket *gateway_ws;
	int64_t identified_ms, gateway_saved_ms;
	bool identified;	  /* by this process: its session began with a READY */
	bool interaction_unsaved; /* came after the session was saved */
	struct rest *rest;
	struct shell_comfy comfy[COMFY_SERVERS_MAX];
	char *gpu_names[COMFY_SERVERS_MAX];
	struct task *tasks;
	struct task *tasks_changed; /* task.c */
	struct tree live_times;
	struct pending *pending;
	struct input *inputs_waiting;
	size_t inputs;			  /* under way; at most INPUTS_MAX */
	size_t posts_waiting;		  /* for their copies */
	bool export_failing;		  /* the owner was told */
	struct edited edited[EDITED_MAX]; /* whose windows are open */
	size_t edited_next;
	uint64_t application_id, bot_id, admin_channel_id;
	struct shell_guild guild;
	struct shell_wanted want_guild, want_channels;
	struct admin_word words[ADMIN_WORDS_MAX]; /* the oldest first */
	size_t n_words;
	int64_t words_ms; /* when what waits for Discord is tried again */
	struct shell_report *reports;
	struct asker *askers;		/* shell_privacy.c */
	struct held_answer *answers;	/* shell_interaction.c */
	struct look *looks, *looks_new; /* shell_look.c; new: not asked for yet */
	uint64_t n_looks;
	size_t values_out; /* given to the store, not written yet */
	bool in_guild, commands_checked, other_guilds_may_go;
	size_t edits;	       /* workflows that edit, 2 for several: what the commands depend on */
	bool commands_cleared; /* by an administrator: they stay away until he wants them back */
	/* the intent MESSAGE_CONTENT */
	bool content_asked, content_known, content_granted;
	int64_t started_ms;
	int64_t learned_ms;	 /* what was learned was saved last */
	size_t file_limit;	 /* what a file in this guild may have */
	bool replaying;		 /* what the session missed is being given again */
	int64_t turn_ms, due_ms; /* the last turn, and when the next one was due at the latest */
	bool clock_known;	 /* Discord's clock was seen ... */
	int64_t clock_ahead_ms;	 /* ... and is so far ahead of ours */
	uint64_t seen[SEEN_INTERACTIONS];
	size_t seen_next;
	/* stopping */
	enum { RUN, FINISH, CLOSE, STOPPED, FAILED } phase;
	int64_t finish_by_ms, close_by_ms;
	bool gateway_saved;
	size_t chores; /* REST calls under way for which a stop does not wait */
	char *failure;
	int64_t ready_ms;
	struct shell_database {
		bool away, told; /* told #admin-tools */
		int64_t since_ms;
	} database;
};

/* shell.c */
int64_t shell_now(const struct shell *sh);
void shell_fail(struct shell *sh, const char *sentence);
void shell_log(const struct shell *sh, enum log_level level, const char *subject,
	const char *format, ...) printf_like(4, 5);
/* The store_done of statements whose failure is only worth a line; arg is the shell. */
void shell_value_saved(void *arg, int result, const char *why);
void shell_save_value(struct shell *sh, const char *name, const char *value);

struct pending *pending_new(struct shell *sh, uint64_t id, void *what, void (*drop)(void *what));
/* Takes it off the list; the caller has used what it needs. Owned things are dropped. */
void pending_free(struct pending *pending);

/* shell_rest.c: REST calls out and back */
void shell_call(struct shell *sh, struct rest_call *call, enum call_kind kind, uint64_t tag,
	uint64_t tag2);
bool shell_rest_pump(struct shell *sh, int64_t now_ms);
/* What a finished call means for the core; REST_OK is ANSWER_OK. */
enum answer rest_answer_of(const struct rest_call *call);
/* The parsed body of the response, NULL when it is no JSON; the caller owns it. */
struct json_object *rest_json(const struct rest_call *call);

/* shell_gateway.c */
void shell_gateway_start(struct shell *sh, const struct shell_past *past);
bool shell_gateway_pump(struct shell *sh, int64_t now_ms);
/* A row is about to be saved: an interaction that came since the session was goes with it. */
void shell_gateway_note(struct shell *sh);
void shell_gateway_url(struct shell *sh, struct rest_call *call);
/* What the application may hear is known now, or cannot be. */
void shell_application_answer(struct shell *sh, struct rest_call *call);
char *shell_gateway_text(const struct shell *sh); /* for the setting "gateway"; NULL: none */

/* shell_interaction.c */
void shell_interaction(struct shell *sh, struct json_object *d);
/* When it is given again it is known. */
void shell_interaction_seen(struct shell *sh, uint64_t id);
/* Gives the answers that need not wait any longer. */
void shell_answers_go(struct shell *sh);
int64_t shell_answers_deadline(const struct shell *sh);
void shell_answers_free(struct shell *sh);

/* shell_guild.c: who administers, and what GUILD_CREATE has not told */
/* Asks for what is not known. */
void shell_wants_go(struct shell *sh);
/* It was answered, with something that can be read or not (ok); true: it is to be read, else it is
 * asked for once more when that is needed. */
bool shell_want_answered(struct shell *sh, struct shell_wanted *want, bool ok);
void shell_guild_read(struct shell *sh, struct json_object *guild);
void shell_guild_role(struct shell *sh, uint64_t role_id, struct json_object *role);
/* For what is said to a channel rather than to a member. */
const char *shell_guild_locale(const struct shell *sh);
void shell_guild_answer(struct shell *sh, struct rest_call *call);
/* By the roles of a message's author. False as long as the guild is not known. */
bool shell_guild_is_admin(const struct shell *sh, uint64_t user_id, struct json_object *roles);

/* shell_words.c: what administrators write in #admin-tools */
void shell_words_load(struct shell *sh, const struct shell_past *past);
void shell_words_free(struct shell *sh);
/* A message; true when it was for us. */
bool shell_admin_message(struct shell *sh, struct json_object *message);
/* Does what can be done now: what it takes may have become known. */
void shell_words_go(struct shell *sh);
void shell_words_tick(struct shell *sh, int64_t now_ms);
/* The answer to a word. */
void shell_word_say(struct shell *sh, uint64_t channel_id, uint64_t word_id, const char *sentence);
/* Answers to calls of kind CALL_WORD and CALL_WORD_LOOK. */
void shell_word_answer(struct shell *sh, struct rest_call *call);

/* shell_sync.c: the registration of commands */
void shell_commands_check(struct shell *sh);
/* What they depend on has changed. */
void shell_commands_refresh(struct shell *sh);
/* Registers them all, or removes them all; the report says who wants to know (its strings are
 * taken). Several may be under way: each is told of its own end. */
void shell_commands_put(struct shell *sh, const struct shell_report *report);
void shell_commands_answer(struct shell *sh, struct rest_call *call);
void shell_reports_free(struct shell *sh);

/* shell_workflow.c */
/* The core hears what is known of each workflow. */
void shell_workflows_tell(struct shell *sh);
/* The commands are made from the workflows as they are now. */
void shell_workflows_note(struct shell *sh);

/* shell_limits.c: what administrators have set */
void shell_limits_load(struct shell *sh, const struct shell_past *past);
void shell_limits_save(struct shell *sh);
/* Also writes it down. */
void shell_set_mode(struct shell *sh, enum core_mode mode);
/* Sets cap and quota of a request of a member with these roles; false: the member is banned. */
bool shell_limits_apply(const struct shell *sh, const uint64_t *roles, size_t n, struct request *r);

/* shell_comfy.c */
void shell_comfy_start(struct shell *sh);
bool shell_comfy_pump(struct shell *sh, int64_t now_ms);
uint64_t comfy_tag(uint64_t job_id, uint32_t epoch);

/* shell_cards.c */
/* The slot's card: strings of its own, a client. Free it with the shell. */
void shell_card_own(struct shell *sh, int gpu, const struct comfy_config *config);
void shell_card_free(struct shell *sh, int gpu);
/* What administrators want of cards, as it was stored. */
void shell_cards_load(struct shell *sh, const struct shell_past *past);
/* What #admin-tools hears of a card (FX_TELL_CARD_*). */
void shell_tell_card(struct shell *sh, const struct effect *e);
/* Cards that were taken out are let go when they have finished. */
bool shell_cards_pump(struct shell *sh);

/* shell_lora.c: the LoRAs that the servers have */
/* The server answers (again): its lists are read. */
void shell_lora_up(struct shell *sh, int gpu);
/* Workflows have changed: a loader may be among them that nobody was asked about. */
void shell_lora_look(struct shell *sh);
void shell_lora_free(struct shell_comfy *c);

/* shell_effect.c: what the core wants done */
bool shell_effect_pump(struct shell *sh);
/* FX_POST */
void shell_post(struct shell *sh, const struct job *job, uint32_t epoch);
struct comfy_client *shell_client_of(struct shell *sh, const struct job *job);
/* FX_FETCH, one part after the other. */
void shell_fetch_part(struct shell *sh, const struct job *job, int part);
/* Answers to calls of kind LOOK, POST, SORRY, ACK. */
void shell_effect_answer(struct shell *sh, struct rest_call *call);

/* shell_look.c: FX_LOOK; what is wanted goes out when shell_looks_go() is called */
void shell_look(struct shell *sh, const struct effect *e);
void shell_looks_go(struct shell *sh);
/* Answers to calls of kind CALL_LOOK. */
void shell_looked(struct shell *sh, const struct rest_call *call);
void shell_looks_free(struct shell *sh);

/* shell_options.c */
/* Why the workflow cannot draw what was chosen (the JSON text of a row): a sentence, owned; NULL:
 * it can. gpu: the server that would draw it, -1: whichever. With a server, the sentence is made
 * for being cleaned once more. */
char *shell_options_problem(struct shell *sh, const struct workflow *wf, const char *options,
	int gpu, const char *locale);

/* shell_session.c: the same for private channels */
void shell_session_effect(struct shell *sh, const struct effect *e);
/* Answers to calls of kind CHANNEL_*, THREAD_LIST, MEMBER and WARN*. */
void shell_session_answer(struct shell *sh, struct rest_call *call);
/* What GUILD_CREATE or a list tells. */
void shell_channels(struct shell *sh, struct json_object *array);
void shell_threads(struct shell *sh, struct json_object *array);
/* They are there, or were: nothing is said of others. */
void shell_channels_made(struct shell *sh, struct json_object *array);
/* Answers to CALL_CHANNELS and CALL_THREADS. */
void shell_channels_answer(struct shell *sh, struct rest_call *call);
/* CHANNEL_UPDATE. */
void shell_channel_changed(struct shell *sh, struct json_object *d);

/* shell_edit.c */
void shell_edited_free(struct shell *sh);

/* shell_input.c: FX_INPUT */
void shell_input(struct shell *sh, const struct effect *e);
/* Answers to calls of kind PICTURE. */
void shell_input_answer(struct shell *sh, struct rest_call *call);
void shell_input_free(struct shell *sh); /* what waits for its turn */

/* shell_submit.c: FX_SUBMIT, a picture to edit first */
void shell_submit(struct shell *sh, const struct effect *e);
/* It is in the card's folder of inputs under this name. */
void shell_uploaded(struct shell *sh, const struct job *job, const char *name);

/* shell_keep.c: finished pictures are kept as the member's last one, and in EXPORT_PATH */
void shell_keep_last(struct shell *sh, const struct job *job);
/* What it is stored as, and back: 0 when it is of no job. The caller owns the name. */
char *shell_last_name(uint64_t job_id);
uint64_t shell_last_job(const char *name);
/* True: the posting waits for the copies, shell_post() is called when they are there. */
bool shell_export(struct shell *sh, const struct effect *e);
/* What is not there by its time is not waited for any longer. */
void shell_export_tick(struct shell *sh, int64_t now_ms);
int64_t shell_export_deadline(const struct shell *sh);

/* shell_privacy.c: a member's export, and what he hears of his erasing */
/* Answers to calls of kind CALL_PRIVACY_*. */
void shell_privacy_answer(struct shell *sh, struct rest_call *call);
/* That he wants it is written down, or could not be. */
void shell_privacy_saved(struct shell *sh, uint64_t user_id, bool ok);
/* Nothing of his is left, but perhaps entries in the history of a ComfyUI. */
void shell_privacy_erased(struct shell *sh, uint64_t user_id, bool history_left);
void shell_privacy_free(struct shell *sh);

/* shell_erase.c: FX_ERASE */
void shell_erase(struct shell *sh, const struct effect *e);

/* task.c: files, previews, live messages */
/* To change them: its live message is looked at again. */
struct task *task_find(struct shell *sh, uint64_t job_id);
struct task *task_get(struct shell *sh, uint64_t job_id);
struct task *task_free(struct shell *sh, struct task *task);
void task_drop_files(struct task *task);
/* Takes what one part of a job gave, as far as a message has room for it. */
void task_add_part(struct task *task, struct comfy_file *files, size_t n);
void task_drop_parts(struct task *task);
/* Takes fetched files in the place of those it had, the pictures without their metadata. ANSWER_OK;
 * ANSWER_DAMAGED when there is none or one is damaged or not what its name says, ANSWER_TOO_LARGE
 * with the size (owned) when one is a bomb: then it has none. */
enum answer task_take_files(
	struct shell *sh, struct task *task, struct comfy_file *files, size_t n, char **ret_why);
void task_preview(struct shell *sh, struct task *task, struct comfy_file *file);
void live_show(struct shell *sh, const struct job *job);
void live_tidy(struct shell *sh, const struct job *job, uint32_t epoch);
void live_answer(struct shell *sh, struct rest_call *call);
bool live_pump(struct shell *sh, int64_t now_ms);
int64_t live_deadline(const struct shell *sh);

/* How long one that waits will take, about; 0: that is not known. */
int64_t shell_left_ms(const struct shell *sh, const struct job *job);
/* The title that members know a workflow by, in the locale's language. */
const char *shell_title(const struct shell *sh, const char *model, const char *locale);
/* The sentence of a job's apology; the caller owns it. */
char *shell_sorry_text(const struct job *job);

#endif
