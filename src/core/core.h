/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CORE_CORE_H
#define FULLET_CORE_CORE_H

#include "base/card.h"
#include "base/log.h"
#include "base/rng.h"
#include "core/effect.h"
#include "core/job.h"

/*
 * The core decides what happens to every job and private channel. Pure: events
 * and the time go in through the functions below, effects come out of
 * core_next_effect(). Each step's row is committed before its effect is given
 * out, so that a crash at any moment leaves rows from which core_load() goes on.
 */
struct core;

struct core_config {
	int max_jobs_per_user;
	int max_queue;
	int max_batch; /* pictures of one pass; 0: as many as a job asks for */
	int64_t session_ttl_ms;
	int n_gpus;
	const char *const *gpu_names; /* as stored in rows; kept by the caller */
	const int64_t *gpu_vram_mb;   /* the same for what cards have; 0: learned. NULL: all are */
	int64_t min_free_mb; /* a card for a workflow whose need is not known has so much free */
	int64_t affinity_ms; /* so long after a job's turn what cards hold counts no more */
	const struct log *log;
};

struct core *core_new(const struct core_config *config, struct rng *rng);
struct core *core_free(struct core *core);

/* Takes up what an earlier process left. Before core_ready(). */
void core_load_job(struct core *core, const struct job_row *row, int64_t now_ms);
void core_load_session(struct core *core, const struct session_row *row);
void core_load_max_id(struct core *core, uint64_t max_job_id);
/* Pictures are numbered on from here, through restarts; what was counted so far is stored with each
 * row that has a number (job_row.number). */
void core_load_image_count(struct core *core, int64_t n);
int64_t core_image_count(const struct core *core);
/* How many pictures members asked for on the day: days since 1970, UTC. */
#define CORE_DAY_MS (INT64_C(24) * 3600 * 1000)
struct core_count {
	uint64_t user_id;
	int n;
};
void core_load_day(struct core *core, int64_t day, const struct core_count *counts, size_t n);

/* What was learned of run times. After all workflows are told. */
void core_load_learned(struct core *core, const struct learned_row *rows, size_t n);
/* What is to be stored of it, a row at a time (learned_row_free(); value NULL: the row goes). */
bool core_has_learned(const struct core *core);
bool core_next_learned(struct core *core, struct learned_row *ret);

/* The database takes rows again: what could not be written is tried at once. */
void core_database_back(struct core *core, int64_t now_ms);
/* Discord answers and the guild is ours: asks may go out. */
void core_ready(struct core *core, uint64_t guild_id, int64_t now_ms);
bool core_is_ready(const struct core *core);
/* A channel that exists in the guild (GUILD_CREATE, a channel list). */
struct core_channel {
	uint64_t id, parent_id, user_id; /* user_id: from the topic's marker, 0: none */
	uint64_t last_message_id;
	bool category, hidden, restricted; /* restricted: by age */
	const char *name;
};
void core_channels(
	struct core *core, const struct core_channel *channels, size_t n, int64_t now_ms);
/* They were made a moment ago: those of ours whose answer got lost are known by this. */
void core_channels_made(
	struct core *core, const struct core_channel *channels, size_t n, int64_t now_ms);
/* Active threads that the bot has made; user_id: from the name, 0: not ours. */
void core_threads(struct core *core, const struct core_channel *threads, size_t n, int64_t now_ms);
void core_channel_changed(struct core *core, uint64_t channel_id, bool restricted, int64_t now_ms);
void core_channel_gone(struct core *core, uint64_t channel_id, int64_t now_ms);
/* A member wrote in a channel. */
void core_activity(struct core *core, uint64_t channel_id, uint64_t user_id, int64_t now_ms);
/* The member wants his channel kept. False: there is none. */
bool core_keep(struct core *core, uint64_t user_id, int64_t now_ms);
/* Whether the member is in the server: the answer to FX_MEMBER. Not known counts as here. */
void core_member(struct core *core, uint64_t user_id, bool here, int64_t now_ms);
/* The answer to FX_SESSION_WARN, which always comes: until then nothing is announced again. OK: it is
 * message_id; DOUBT: perhaps it was posted; else it was not. */
void core_warned(struct core *core, uint64_t user_id, uint64_t channel_id, enum answer answer,
	uint64_t message_id, int64_t now_ms);
/* FX_SESSION_UNWARN is done: no warning stands in the member's channel. */
void core_unwarned(struct core *core, uint64_t user_id);
/* The answer to FX_SESSION_LOOK: OK, AGAIN, DOUBT, NO, FORBIDDEN, GONE. warning_id: the message
 * that announces the end, 0: there is none; written: the member has written below it. */
void core_looked(struct core *core, uint64_t user_id, uint32_t epoch, enum answer answer,
	uint64_t warning_id, bool written, int64_t now_ms);
/* When the member's channel goes if nothing happens until then; 0: he has none. */
int64_t core_session_end(const struct core *core, uint64_t user_id);
/* The member's jobs are cancelled, his channel is removed, then all that is stored of him. False:
 * that is under way already. */
bool core_erase(struct core *core, uint64_t user_id, int64_t now_ms);
bool core_is_erasing(const struct core *core, uint64_t user_id);

/* What is known of a workflow: told at the start and whenever it changes. Copied. */
struct core_model {
	/* The files that it loads: workflows with the same text share what a card holds. NULL: it
	 * is not known. */
	const char *weights;
	int64_t vram_mb; /* what its owner says that a card needs; 0: nothing */
	int64_t work;	 /* as request.work, when a member chooses nothing */
	int batch_max;	 /* pictures that one pass can draw; 1: it has no batch */
	int shares;	 /* prompts of different members that one pass can draw; 1: it cannot */
	bool own_seeds;	 /* then each picture has its own seed, else the pass has one */
};
void core_model(struct core *core, const char *name, const struct core_model *model);

/* A member asks for a picture. Strings are copied. */
struct request {
	uint64_t interaction_id, application_id, guild_id, user_id;
	const char *token, *username, *locale, *model, *prompt;
	const char *options, *input; /* as in struct job_row; NULL: none */
	uint64_t origin_id;	     /* the channel in which it was typed */
	int kind;
	bool administrator;
	bool booster;	     /* has a role that gives a head start */
	bool age_restricted; /* the workflow is: the picture goes into a restricted channel only */
	bool has_seed;	     /* else one is drawn */
	uint64_t seed;
	int cap;      /* pictures of this member that may wait; 0: the config's */
	int quota;    /* pictures of this member a day; 0: as many as he likes */
	int pictures; /* of this one job, which counts once against the cap; 0: one */
	int64_t work; /* pixels times steps of one picture; 0: unknown */
};
enum refusal {
	REFUSE_NOTHING,
	REFUSE_CAP,
	REFUSE_FULL,
	REFUSE_STOPPING,
	REFUSE_NOT_READY,
	REFUSE_QUOTA,	 /* the day's pictures are used up */
	REFUSE_BANNED,	 /* given by the shell, which knows the server's limits */
	REFUSE_DRAINING, /* an administrator lets the queue run empty */
	REFUSE_ERASING,	 /* all of this member's is being erased */
	REFUSE_VRAM,	 /* no card can ever hold it: core_model_is_too_large() has the numbers */
};
/* REFUSE_NOTHING: a job was made (FX_ACK follows). Else nothing happened: tell the member. */
enum refusal core_request(struct core *core, const struct request *request, int64_t now_ms);

enum cancel { CANCEL_DONE, CANCEL_TOO_LATE, CANCEL_NOT_YOURS };
enum cancel core_cancel(
	struct core *core, uint64_t job_id, uint64_t user_id, bool administrator, int64_t now_ms);

/* All of a member's jobs that have no picture yet, wherever they stand. */
void core_cancel_all_of(struct core *core, uint64_t user_id, int64_t now_ms);

/* args may be NULL. An answer with an old epoch or of an ended job is dropped. */
void core_answer(struct core *core, uint64_t job_id, uint32_t epoch, enum answer answer,
	const struct answer_args *args, int64_t now_ms);
/* percent -1: still waiting in the ComfyUI's own queue. */
void core_progress(struct core *core, uint64_t job_id, uint32_t epoch, int percent, int64_t now_ms);
/* A new preview is at hand in the shell. */
void core_preview(struct core *core, uint64_t job_id, uint32_t epoch, int64_t now_ms);
void core_saved(struct core *core, uint64_t job_id, bool ok, int64_t now_ms);
/* The live message was made (id) or deleted by somebody (0). */
void core_live(struct core *core, uint64_t job_id, uint64_t message_id, int64_t now_ms);

/*
 * Cards. Each has a number for the life of the process, in the order of the settings; one that was
 * taken out of them leaves a hole. A card is used while it answers, nobody holds it and it does not
 * keep failing (core/health.h).
 */
enum gpu_state {
	GPU_UP,
	GPU_DOWN,     /* does not answer */
	GPU_PAUSED,   /* by an administrator */
	GPU_DRAINING, /* the same, and #admin-tools hears when it is empty */
	GPU_FAILING,  /* keeps failing: now and then it is tried with one job */
	GPU_GONE,     /* taken out of the settings */
};
enum gpu_wish { GPU_WISH_RUN, GPU_WISH_PAUSE, GPU_WISH_DRAIN };
void core_gpu(struct core *core, int gpu, bool up, int64_t now_ms);
/* What an administrator wants of the card. Running also means that a failing one is tried now. */
void core_gpu_set(struct core *core, int gpu, enum gpu_wish wish, int64_t now_ms);
enum gpu_wish core_gpu_wish(const struct core *core, int gpu);
/* A card more: gpu is the next number or a hole, whose name (config.gpu_names) the caller has set.
 * One less: what it has is finished if that takes no longer than LEAVE_PATIENCE_MS (core/state.h), else
 * drawn elsewhere. It may come back. */
void core_gpu_add(struct core *core, int gpu, int64_t now_ms);
void core_gpu_remove(struct core *core, int gpu, int64_t now_ms);
/* config.gpu_vram_mb of the card is another number. */
void core_gpu_vram(struct core *core, int gpu, int64_t now_ms);
bool core_gpu_exists(const struct core *core, int gpu);
/* It may be given a job now, if it has room. */
bool core_gpu_takes(const struct core *core, int gpu);
enum gpu_state core_gpu_state(const struct core *core, int gpu);
/* The words of its last failure, ""; for administrators. Valid until the next event. */
const char *core_gpu_why(const struct core *core, int gpu);
/* GPU_FAILING: in how long it is tried; 0: now. */
int64_t core_gpu_retry_ms(const struct core *core, int gpu, int64_t now_ms);
/* What the card's ComfyUI says of its memory; told again now and then while it is up. */
void core_gpu_stats(struct core *core, int gpu, const struct card_stats *stats, int64_t now_ms);

/* It has drawn its first step. */
void core_stepped(struct core *core, uint64_t job_id, uint32_t epoch, int64_t now_ms);

/* Answers to the effects about a channel; id: the made category, channel or thread. */
void core_session_answer(struct core *core, uint64_t user_id, uint32_t epoch, enum answer answer,
	uint64_t id, const char *detail, int64_t now_ms);

/* What an administrator wants. Pausing: requests wait, no new run begins. Draining: no requests,
 * what waits is made. */
enum core_mode { CORE_RUN, CORE_PAUSE, CORE_DRAIN };
void core_set_mode(struct core *core, enum core_mode mode, int64_t now_ms);
enum core_mode core_mode(const struct core *core);

/* No new jobs, no new runs; what runs may end. */
void core_stop(struct core *core);
/* True when nothing that could end soon is under way. */
bool core_is_quiet(const struct core *core);

void core_tick(struct core *core, int64_t now_ms);
int64_t core_deadline(const struct core *core);
bool core_next_effect(struct core *core, struct effect *ret);

/* What a picture of the workflow usually takes, on a usual card; -1: not known yet. */
int64_t core_usual_ms(struct core *core, const char *model);
/* Nothing is said of waits that are shorter: they are over before they are read. */
#define ESTIMATE_MIN_MS 10000

/* For looking: NULL when there is none. */
const struct job *core_job(const struct core *core, uint64_t id);
const struct job *core_job_of(const struct core *core, uint64_t interaction_id);
const struct job *core_first_job(const struct core *core); /* then job->next */
/* Jobs that wait for a card and jobs that count against the ceiling. */
size_t core_waiting(const struct core *core);
size_t core_live_jobs(const struct core *core);
bool core_has_gpu(const struct core *core); /* one is up */
/* MB: 10^6 bytes. */
struct gpu_memory {
	int64_t total_mb;  /* 0: not known */
	int64_t others_mb; /* held by other programs */
	int64_t ours_mb;   /* reserved for what runs there now */
	int64_t free_mb;   /* what ComfyUI keeps loaded for later is free */
};
void core_gpu_memory(const struct core *core, int gpu, struct gpu_memory *ret);
/* Jobs that are in prompts there, or on their way. */
size_t core_gpu_jobs_there(const struct core *core, int gpu);
/* What the workflow needs of a card; 0: not known. */
int64_t core_model_needs_mb(struct core *core, const char *model);
/* No card, however idle, can hold it. */
bool core_model_is_too_large(
	struct core *core, const char *model, int64_t *ret_need_mb, int64_t *ret_largest_mb);
/* Why the job stands where it stands: lines of English for the owner, without a prompt. The caller
 * owns it. NULL: there is no such job in memory. */
char *core_explain(struct core *core, uint64_t job_id, int64_t now_ms);
bool core_gpu_is_up(const struct core *core, int gpu);
/* Jobs that are on the card, or on their way to it. */
size_t core_gpu_jobs(const struct core *core, int gpu);
/* Of a pass that members share: those that are still in it, as their slots are. Returns how many. */
size_t core_pass(const struct core *core, const struct job *job, const struct job **ret, size_t max);
/* Another member's job, of this prompt, has not got its picture yet. */
bool core_prompt_is_wanted(const struct core *core, const char *prompt_id, uint64_t not_user_id);
/* The member's jobs that count against the cap (user_id 0: everybody's): those with a card first,
 * then those that wait, in the order in which they will be served. Returns how many there are;
 * at most `max` are given. The pointers live until the next event. */
size_t core_jobs_of(const struct core *core, uint64_t user_id, const struct job **ret, size_t max);
/* Pictures that the member asked for today, without those that ended in an apology. */
int core_day_count(const struct core *core, uint64_t user_id, int64_t now_ms);

#endif
