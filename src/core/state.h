/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CORE_STATE_H
#define FULLET_CORE_STATE_H

#include "base/limits.h"
#include "core/core.h"
#include "core/flow.h"
#include "core/health.h"
#include "core/learn.h"
#include "core/sched.h"
#include "core/session.h"

/* The inside of the core, for its own files only. */

#define CATEGORIES_MAX 16
/* Between tries of anything the core asks again. */
#define BACKOFF_MAX_MS 60000
/* How often a run may be lost, refused or stalled before the member is told so. */
#define SUBMITS_MAX 5
/* More pictures than any bot has ever made: a number beyond was not written by us. */
#define IMAGE_COUNT_MAX (INT64_C(1) << 53)
/* The same of one member's in a day. */
#define DAY_PICTURES_MAX 1000000
/* Discord: an interaction token lives 15 minutes; one of margin. */
#define TOKEN_LIFE_MS (14 * 60 * 1000)
/* How often a picture that Discord finds too large is fetched smaller. */
#define SHRINKS_MAX 3
/* After so many posts of unknown fate the next one is smaller. */
#define DOUBTS_MAX 2
/* With another card at hand, how long a run waits for one that does not answer. */
#define AWAY_PATIENCE_MS 30000
/* A card that was taken out of the settings may finish what it has, for so long. */
#define LEAVE_PATIENCE_MS (5 * 60 * 1000)
/* A job whose channel vanishes again and again gets no new one. */
#define MOVES_MAX 5
/* How often a job's first row is tried before the member is told that it was not written down: for
 * 16 to 32 s, in which a database server that is started again is back. */
#define FIRST_SAVES_MAX 7
/* How often #admin-tools is told of a missing permission. */
#define FORBIDDEN_EVERY_MS (60 * 60 * 1000)
#define DETAIL_MAX	   300

/* The rank of what goes before all that the scheduler ranks. */
#define RANK_FIRST (-1e18)
/* Sets of files that a card ran last. */
#define GPU_RECENT_MAX 8

struct core_gpu {
	bool known, up;
	bool used;	  /* it is up for the scheduler */
	bool gone;	  /* taken out of the settings: a hole; what it still has is waited for ... */
	int64_t leave_ms; /* ... until then */
	enum gpu_wish wish;
	bool recall;	 /* what was sent ahead to it is to come back */
	bool told_empty; /* GPU_WISH_DRAIN: #admin-tools was told */
	struct health health;
	struct card_stats stats; /* as told last; stats_ms 0: never since it is up */
	int64_t stats_ms;
	struct place_pass *passes; /* utlist: in the order in which they were sent */
	int n_passes;
	int64_t lead_ms; /* from sending a prompt until it runs, when nothing is before it; 0: not
			    known */
	struct sched_card card;		 /* as the scheduler was told */
	unsigned recent[GPU_RECENT_MAX]; /* what it ran since it is up; the last is the newest */
	int n_recent;
};

/* A prompt that is on a card, or on its way to it. */
struct place_pass {
	int gpu, n;
	struct job *jobs[SCHED_BATCH_MAX]; /* whose pictures it makes */
	bool planned; /* the scheduler counts it; false: of an earlier process, or the card was away
		       */
	bool running;
	bool load;  /* what it needs is not loaded there, as far as is known */
	bool ahead; /* sent while another one runs */
	bool given; /* shared: every row is committed, and one of the jobs submits it for all */
	uint64_t giver; /* that job's id */
	bool apart;	/* one has left before: all of them go back to the line */
	int64_t sent_ms, running_ms;
	int64_t reserved_mb; /* of the card's memory, while it is the first there */
	/* measure.c; of the part that is under way */
	int64_t begun_ms, stepped_ms; /* 0: not seen */
	int pictures, distance;
	bool fits, measured;
	struct place_pass *prev, *next;
};

/* A category of ours and how many channels it holds. */
struct core_category {
	uint64_t id;
	int children;
	bool full;
};

/* What a member asked for today. */
struct member_day {
	uint64_t user_id;
	int n;
	UT_hash_handle hh;
};

struct effect_node {
	struct effect effect;
	struct effect_node *next;
};

struct core {
	struct core_config config;
	struct rng *rng;
	struct job *jobs;   /* by id, utlist */
	struct job *by_id, *by_interaction; /* uthash */
	struct tree timers; /* of jobs: timer.c */
	uint64_t max_id;
	struct session *sessions;
	struct session *making; /* the one whose channel is being found or made */
	struct session *sessions_changed, *session_looked_at;
	struct tree session_times, sessions_waiting; /* session_time.c */
	int64_t sessions_ms; /* when they were looked at last */
	uint64_t n_sessions; /* ever */
	struct core_category categories[CATEGORIES_MAX];
	size_t n_categories;
	uint64_t gone[GONE_CHANNELS_MAX]; /* channels, the last ones */
	size_t n_gone;
	struct core_gpu gpus[COMFY_SERVERS_MAX];
	struct job *elsewhere; /* those that wait for a card that has not failed them, by id */
	struct sched *sched;
	struct learn *learn;
	struct model *models;	 /* uthash */
	struct weights *weights; /* uthash */
	uint64_t guild_id;
	bool ready, stopping, told_down;
	bool queue_changed; /* a card may have something to do */
	bool vram_changed;  /* what cards have or workflows need */
	bool line_changed;  /* what was shown of the line may be wrong */
	int64_t ask_ms;	    /* when the scheduler is asked again though nothing has happened */
	int64_t show_ms;    /* the line is not looked through again before */
	int n_top;	    /* administrators' jobs in the scheduler's line */
	size_t n_live;	    /* jobs that count against the ceiling */
	int n_unposted;	    /* jobs whose files are being fetched or posted */
	int64_t told_forbidden_ms; /* when #admin-tools heard it last; 0: it is all right */
	int64_t members_ms;	   /* when members whose jobs wait are looked through again */
	enum core_mode mode;
	int64_t day; /* of the counts below */
	struct member_day *days;
	int64_t image_count; /* finished pictures ever */
	struct effect_node *effects, *effects_last;
	struct job *ended; /* its FX_END was given out last; freed at the next effect */
};

/* core.c: events, start and stop, time */
void core_emit(struct core *core, struct effect effect);

/* step.c: the one place where a job's step changes, and the ways it goes */
void core_set_step(struct core *core, struct job *job, enum job_step step, int64_t now_ms);
void core_save(struct core *core, struct job *job);
void core_sorry(
	struct core *core, struct job *job, enum sorry sorry, const char *detail, int64_t now_ms);
/* Makes the step's ask, for the first time or again. */
void core_ask_step(struct core *core, struct job *job, int64_t now_ms);
/* The step's ask is definitively refused. */
void core_refuse(struct core *core, struct job *job, const char *detail, int64_t now_ms);
/* Back to the line, with its old place in it, unless that happened too often. */
void core_requeue(
	struct core *core, struct job *job, enum sorry sorry, const char *detail, int64_t now_ms);
/* The same at once, and that it was sent does not count. */
void core_send_back(struct core *core, struct job *job, enum sorry sorry, int64_t now_ms);
/* The same ask once more, after a while. */
void core_again(struct core *core, struct job *job, const char *detail, int64_t now_ms);
/* Where a job goes on whose channel has just been found, or which was just loaded. */
void core_resume(struct core *core, struct job *job, enum job_step step, int64_t now_ms);
/* answer.c: the ask did not happen, or was not answered in time */
void core_answer_again(struct core *core, struct job *job, const char *detail, int64_t now_ms);
void core_stop_run(struct core *core, const struct job *job);
/* The interaction can still be answered. */
bool core_token_lives(const struct job *job, int64_t now_ms);
enum job_step core_ended_as(const struct job *job);
void core_log(const struct core *core, enum log_level level, const struct job *job,
	const char *format, ...) printf_like(4, 5);
/* The job's channel is there (or not to be had: detail): it goes on. */
void core_channel_ready(struct core *core, struct job *job, int64_t now_ms);
void core_channel_refused(
	struct core *core, struct job *job, enum sorry sorry, const char *detail, int64_t now_ms);
/* The pictures of a job that are about to be posted get their numbers. */
void core_number(struct core *core, struct job *job, size_t n_files);
/* False: it is too late, or too early, for that. */
bool core_cancel_job(struct core *core, struct job *job, enum sorry sorry, int64_t now_ms);

/* timer.c: the jobs' times */
void timer_set(struct core *core, struct job *job, enum job_timer timer, int64_t at_ms);
void timer_clear(struct core *core, struct job *job);
/* One whose time has come; NULL. */
struct job *timer_next(const struct core *core, int64_t now_ms);
int64_t timer_deadline(const struct core *core);

/* queue.c: who is next, and where everyone stands */
bool queue_waits(const struct job *job);
/* Allocates the waiting jobs in the order in which they will be served. */
struct job **queue_order(struct core *core, size_t *ret_n, int64_t now_ms);
/* After each change of its step: whether it counts against the ceilings. */
void queue_count(struct core *core, struct job *job);
/* Does the member have so many that count against the cap? */
bool queue_has_jobs(const struct core *core, uint64_t user_id, int n);
/* The ephemeral answer, if it is still to be given. */
void queue_answer(struct core *core, struct job *job, int64_t now_ms);
/* Positions, ephemeral answers and live messages after a change; of a long line now and then. */
void queue_show(struct core *core, int64_t now_ms);

/* estimate.c: when pictures will be there */
#define ESTIMATE_OFF_MS INT64_C(15000)
/* Sets done_ms of those who wait, in the order in which they will be served. */
void estimate_line(struct core *core, struct job *const *order, size_t n, int64_t now_ms);
/* The member was told something else. */
bool estimate_is_news(const struct job *job, int64_t now_ms);

/* quota.c: pictures a day */
void quota_count(struct core *core, const struct job *job, int64_t now_ms);
/* A job that ended without a picture is given back. */
void quota_give_back(struct core *core, const struct job *job, int64_t now_ms);
void quota_free(struct core *core);

/* place.c: which card takes which job, by the scheduler (core/sched.h) */
void place_init(struct core *core);
void place_free(struct core *core);
/* The job is in line, if it waits; it leaves the line. */
void place_enter(struct core *core, struct job *job, int64_t now_ms);
void place_leave(struct core *core, struct job *job);
/* Its step is another one: it may have come to a card or left it. */
void place_moved(struct core *core, struct job *job, int64_t now_ms);
/* The ComfyUI has begun it. */
void place_running(struct core *core, struct job *job, int64_t now_ms);
/* The job comes back from its card undone: its member's turn is where it was. */
void place_back(struct core *core, struct job *job);
/* The card with the next number is there. */
void place_card_added(struct core *core, int gpu);
/* It is up or down, or was taken out. */
void place_gpu(struct core *core, int gpu, int64_t now_ms);
/* Whether it takes anything may be another thing now. */
void place_review(struct core *core, int gpu);
/* What was sent ahead to the card and has not begun goes back to its place in line. */
void place_recall(struct core *core, int gpu, const char *why, int64_t now_ms);
void place_gpu_memory(struct core *core, int gpu);
/* The next pass for a card, which is counted as being there; NULL: none now. It lives until the
 * last of its jobs has left the card. */
struct place_pass *place_next(struct core *core, int64_t now_ms);

/* cards.c: cards come and go */
/* Another one than this is in the settings. */
bool cards_has_others(const struct core *core, int gpu);
/* Until when a run on the card is waited for: NEVER, as long as nothing is wrong with it. */
int64_t cards_patience(const struct core *core, int gpu, int64_t now_ms);
enum wait_why cards_wait(const struct core *core);
/* What became of the job that the card had: by the machine's fault, or well. */
void cards_failed(struct core *core, const struct job *job, const char *why, int64_t now_ms);
void cards_drew(struct core *core, const struct job *job, int64_t now_ms);
/* The job's card has drawn its workflow before. */
bool cards_has_drawn(const struct core *core, const struct job *job);
/* The job has failed on its card by no fault of its own. True: it went back to its place in line for
 * another card, or has just been tried too often. False: there is no other one for it. */
bool cards_elsewhere(struct core *core, struct job *job, enum sorry sorry, const char *why,
	int64_t now_ms);
/* What a row tells of the cards that failed its job. */
void cards_load(const struct core *core, struct job *job);
/* The job comes into the line. True: it waits for a card that has not failed it, not for any. */
bool cards_enter(struct core *core, struct job *job);
void cards_leave(struct core *core, struct job *job);
/* Jobs whose other cards have gone are as all others again. */
void cards_sync(struct core *core, int64_t now_ms);
/* The first job that waits for another card of which one is idle; NULL: none. */
struct job *cards_next(struct core *core, int *ret_gpu);
void cards_tick(struct core *core, int64_t now_ms);
int64_t cards_deadline(const struct core *core);

/* Cards are idle, but none of them has the memory for it now. */
bool place_lacks_memory(struct core *core, const struct job *job);
/* The card has the memory for the job. */
bool place_fits(struct core *core, const struct job *job, int gpu);
/* An administrator's job waits: what is on a card already but has not begun goes back. True: a card
 * may have something to do now. */
bool place_call_back(struct core *core, int64_t now_ms);

/* vram.c: the memory of the cards */
void vram_card(const struct core *core, int gpu, struct sched_card *card);
/* Fills in what nobody has told. */
void vram_needs(const struct core *core, const struct model *m, struct sched_needs *needs);
void vram_reserve(struct core *core, struct place_pass *pass);
/* The job's card, which has never drawn its workflow, had not the memory for one picture of it; or
 * the job was drawn there. */
void vram_ran_out(struct core *core, const struct job *job);
void vram_drew(struct core *core, const struct job *job);
/* Ends with an apology what no card can ever hold. */
void vram_sorry(struct core *core, struct job *job, int64_t now_ms);
void vram_changed(struct core *core, int64_t now_ms);

/* explain.c: the reason goes into the log and the row */
void explain_placed(
	struct core *core, const struct place_pass *pass, struct job *job, int64_t now_ms);

/* pass.c: what one prompt draws */
/* Its jobs were given a card: now a prompt_id and what each is to draw. */
void pass_begin(struct core *core, struct place_pass *pass);
/* A part is drawn: true when the next one is under way now. */
bool pass_next_part(struct core *core, struct job *job, int64_t now_ms);
/* The card had not enough memory: true when the job goes back for smaller passes. */
bool pass_shrink(struct core *core, struct job *job, int64_t now_ms);

/* pass_share.c: a prompt that draws for several jobs */
/* JOB_SUBMIT: true when the ask is not this job's to make, or not yet. */
bool pass_waits(struct core *core, struct job *job);
/* Others are on a card, or on their way to it, with the job's prompt. */
bool pass_has_others(const struct job *job);
/* The job is about to leave JOB_SUBMIT: what becomes of the others. */
void pass_left(struct core *core, struct job *job, int64_t now_ms);
/* An answer to a job that shares its prompt: true when that is all that it means. */
bool pass_answer(struct core *core, struct job *job, enum answer answer, const char *detail,
	int64_t now_ms);

/* measure.c: what passes teach about times */
/* The card has begun the pass. */
void measure_begun(struct core *core, struct place_pass *pass, int64_t now_ms);
/* How long it will load, as far as is known; once it has begun. */
int64_t measure_load_ms(struct core *core, const struct place_pass *pass);
/* The job's pass is done: its pictures are there. */
void measure_done(struct core *core, const struct job *job, int64_t run_ms, int64_t now_ms);
/* Its next part comes. */
void measure_again(struct place_pass *pass);
/* It is not there any more: mostly its ComfyUI was started again. */
void measure_lost(struct core *core, const struct job *job);
/* What the card held is not known any more. */
void measure_forget(struct core *core, int gpu);
void measure_stats(struct core *core, int gpu);
/* The scheduler hears what is known of the card. */
void measure_card(struct core *core, int gpu);

/* mend.c: rows that nobody of ours wrote */
/* True when something in it cannot be; it is possible then. */
bool mend_job(struct job_row *row);
void mend_session(struct session_row *row);

/* session.c, leaving.c */
/* A job of the member begins (1) or has ended (-1). */
void session_count_job(struct core *core, const struct job *job, int n);
/* The member's channel may hold the job's picture. */
bool session_suits(const struct core *core, const struct job *job);
/* A permission is missing: #admin-tools hears it, once an hour at most. */
void session_forbidden(struct core *core, const char *detail, int64_t now_ms);
void session_restrict(struct core *core, struct session *s, int64_t now_ms);
/* FX_MEMBER; and what makes it needless. */
void session_check_member(struct core *core, uint64_t user_id, int64_t now_ms);
/* Discord answers: what an earlier process left standing in channels is taken away. */
void leaving_ready(struct core *core);
void session_member_is_here(struct core *core, uint64_t user_id, int64_t now_ms);
/* To change it, and to read it. */
struct session *session_find(struct core *core, uint64_t user_id);
const struct session *session_look(const struct core *core, uint64_t user_id);
/* What holds for all sessions is another thing now. */
void session_changed_all(struct core *core);
void session_want(struct core *core, struct job *job, int64_t now_ms);
void session_touch(struct core *core, uint64_t user_id, int64_t now_ms);
void session_tick(struct core *core, int64_t now_ms);
int64_t session_deadline(const struct core *core);
void session_free_all(struct core *core);

#endif
