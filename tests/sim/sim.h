/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_SIM_SIM_H
#define FULLET_SIM_SIM_H

#define SIM_CARDS_MAX 4 /* each seed has one to so many */
#define SIM_START_MS  INT64_C(1780000000000)
/* After the storm everything must have come to rest within so long. */
#define SIM_PATIENCE_MS (6 * 60 * 60 * 1000)
/* Idle times of private channels below it are waited for. */
#define SIM_LONG_TTL_MS 1800000
#define SIM_JOBS_MAX	40 /* more than a seed's members ask for */
#define SIM_DEPTH	2  /* prompts of ours on a card: what runs and what was sent ahead */

/* What must never be in the log: the bot's token, the key of the cards, how tokens of interactions
 * begin, how what members wish for begins. */
#define SIM_TOKEN     "simulated-token"
#define SIM_COMFY_KEY "simulated-key"
#define SIM_WEBHOOK   "aW50ZXJhY3Rpb246"
#define SIM_PROMPT    "a red fox"

#include "app/shell.h"
#include "clock.h"
#include "sandbox/world.h"

/*
 * One simulated life of the bot: the real shell, core and protocol rooms on one
 * side, the sandbox's world on the other, a network between them that delays,
 * loses and repeats, and a process that crashes and starts again from its rows.
 */

/* How bad this seed's world is; chances are per thousand. */
struct sim_weather {
	int64_t storm_ms; /* how long it lasts; then it is fair */
	int lost_requests, lost_answers, repeated_events;
	int64_t latency_ms; /* the usual one, each way */
	int slow;	    /* chance of a latency 20 times as long */
	int crash_chance;   /* at each request that was served and each row that was written */
	int crash_anywhere; /* per 10,000, between any two events */
	int crashes, comfy_restarts, gateway_faults, server_errors, run_faults; /* how many */
	int workflow_changes, card_changes, database_faults, clock_jumps;
	int gateway_cuts; /* chance that a gateway connection ends at a byte, drawn when it opens */
	int lost_commits; /* chance that a row is written and its acknowledgement is lost */
	int mute_cleaner, full_disk;
	int hurry; /* chance that a member cancels when something is asked of a card */
	int busy;  /* chance that the bot's computer has no time just now: its turn comes later */
	/* Chance that a member cancels what he has just asked for, and that the process dies when
	 * the end of a job was written down: the next one is told of the command once more. */
	int haste;
	/* Chance that what goes wrong does so at the worst moment: the process dies when it has ended
	 * a run or a channel, the gateway drops when a channel is made, the database goes when a run
	 * is ended, rows are erased, or somebody gives up what waits to be tried again. */
	int untimely;
	int mute; /* chance that a request is not answered for as long as its carrier waits */
	bool may_fail; /* a run fails by itself */
	bool no_compression, no_websocket;
	bool refusals; /* Discord refuses every answer to interactions, of which there are many */
};

/* A picture that a member gave to be edited: what must come to a card. */
struct sim_edit {
	uint64_t interaction_id;
	uint32_t sum; /* of its bytes; 0: not known */
};

/* A numbered copy of a finished picture. */
struct sim_copy {
	uint64_t job_id;
	int64_t number;
};

/* What was seen to be said in Discord about a job. */
struct sim_said {
	uint64_t job_id;
	uint64_t channel_id; /* of the last one */
	int pictures, sorries;
	int shown; /* its live message was made so often */
	int gone;  /* went with their channel, which somebody deleted */
	bool answered;	  /* the answer to its command is, or may be, its apology */
	int files;	  /* of its picture's message */
	int64_t number;	  /* of its first picture */
	uint64_t user_id; /* to whom it was said */
	char token[100];  /* of an apology that may be said by the interaction */
};

/* What a member chose for a picture: "" and 0: nothing. The prompt ends with the number. */
struct sim_choice {
	uint64_t n;
	const char *model;
	int width, height, steps, count;
	const char *cfg, *negative;
	uint64_t seed;
};

/* What an administrator wrote in #admin-tools, and how the bot replied. */
struct sim_word {
	uint64_t id; /* the message */
	bool stored; /* the bot has written down that it heard it */
	int replies;
};

/* A message that announces the end of a private channel. */
struct sim_announced {
	uint64_t channel_id, message_id, user_id;
	char nonce[26]; /* of the idle time that it tells of */
};

/* A member who wants all of his erased. */
struct sim_erasing {
	uint64_t user_id, question, press; /* interactions */
	int64_t at_ms;			   /* when the button was pressed */
};

/* A route of Discord's REST API that must not be asked before. */
struct sim_limit {
	uint64_t key;
	int64_t until_ms;
};

/* An interaction that reaches a bot that runs. */
struct sim_ack {
	uint64_t id, conn;
	unsigned life;
	bool sent; /* the answer has left */
};

/* An interaction whose answer Discord has taken, as the process knows that sent it. */
struct sim_heard {
	uint64_t id;
	unsigned life;
};

/* How a job stood in line when it was last looked at. */
struct sim_place {
	uint64_t job_id;
	int shown;
	int told; /* "moves back in line from 1 to N": N */
};

struct sim {
	uint64_t seed;
	bool verbose;
	bool small;    /* a short life with little in it: many of them find more than a few long ones */
	bool strict;   /* no violation even in bad weather (some come from lost answers) */
	uint64_t hash; /* of all that happened */
	struct rng rng, people; /* server.c has draws of its own */
	struct clock *clock;
	int n_cards;
	struct comfy_config all_cards[SIM_CARDS_MAX];
	unsigned cards_out; /* bits: left out of the settings */
	struct world *world;
	struct store_db *db;
	struct world_commands *commands; /* lent to each seed's world */
	struct workflow_set *workflows;
	struct shell *shell;
	struct shell_config config;
	struct log log;
	unsigned life; /* counts the bot's processes */
	struct sim_weather weather;
	uint64_t next_conn;
	struct sim_ws *sockets; /* open ones */
	int64_t stored_ms;	/* when the store's thread is through with what it was given */
	int64_t turn_at;	/* when the shell's next turn is planned */
	int64_t skew_ms;	/* the bot's clock is so far ahead of Discord's */
	int64_t jumped_ms;	/* when it was put forward last; 0: never */
	int64_t away_until_ms;	/* the database takes nothing */
	uint64_t denied;	/* a permission that the bot has not at present */
	bool refuses;		/* Discord rightly refuses what is said */
	uint64_t young[8];	/* channels that were deleted soon after they were made */
	size_t n_young;
	bool tried_again;	/* what failed, with another seed */
	bool interrupted;	/* somebody else has ended a run */
	bool full;		/* the server has as many channels as Discord allows */
	bool fair;		/* the storm is over */
	uint64_t message_cursor, channel_cursor; /* of what was looked at in the world */
	int64_t invalid_ms[1000];		 /* when the last invalid requests were made */
	size_t n_invalid;
	struct sim_limit limits[64]; /* what was announced to this process */
	size_t n_limits;
	struct sim_place places[SIM_JOBS_MAX];
	size_t n_places;
	struct sim_ack acks[32];
	size_t n_acks;
	bool crowd;		    /* many want the same at once */
	bool changed_mind;	    /* somebody has cancelled, wants to be erased, or goes first */
	struct sim_heard heard[32]; /* the last ones */
	size_t n_heard;
	struct sim_heard given[32]; /* prompts, as check_sum() of their ids */
	size_t n_given;
	struct sim_again *again; /* an interaction that Discord may deliver once more */
	bool banned;		 /* Cloudflare has answered this process: nothing leaves it */
	int in_flight;		 /* requests to Discord */
	struct sim_said *said;
	size_t n_said;
	uint64_t last_id; /* the highest of them: erased rows do not give their ids back */
	struct sim_edit edits[64];
	size_t n_edits;
	struct sim_copy copies[64];
	size_t n_copies;
	struct sim_choice choices[16];
	size_t n_choices;
	struct sim_announced announced[16];
	size_t n_announced;
	struct sim_erasing erasings[16];
	size_t n_erasings;
	struct sim_word words[8];
	size_t n_words;
	int statements;	    /* given to the store, not answered */
	unsigned caps_life; /* rules.c: the life in which these were allowed */
	int caps_of[5], caps_in_all;
	uint64_t admin_id, users[5];
	int n_users;
	bool words_wait;	/* one that is written down is not answered */
	int words_ignored;	/* over ADMIN_WORDS_MAX, says the log */
	struct statement *kept; /* until the database is back */
	struct statement *held; /* waits for the next one, for one commit */
	size_t events;
	int requested, commands_refused;
	int owed; /* of those requested: none that may be refused, as an edit of no last picture */
	char *failure; /* the first thing that was wrong */
};

/* Whether Discord holds the job's picture or apology. */
bool sim_was_said(const struct sim *sim, uint64_t job_id);
/* `rule` is the name of what does not hold; only the first counts. */
void sim_fail(struct sim *sim, const char *rule, const char *format, ...) printf_like(3, 4);
int64_t sim_now(const struct sim *sim);
int64_t sim_bot_now(const struct sim *sim); /* by the clock of the bot's computer */
double sim_seconds(const struct sim *sim);  /* since the beginning */
int64_t sim_delay(struct sim *sim);	    /* a latency */
bool sim_chance(struct sim *sim, int per_thousand);

/* trace.c */
void trace_number(struct sim *sim, uint64_t n);
void trace_bytes(struct sim *sim, const void *data, size_t len);
void trace_text(struct sim *sim, const char *text);
void trace_say(struct sim *sim, const char *format, ...) printf_like(2, 3);
void trace_log(void *ctx, enum log_level level, const char *subject, const char *text);
void trace_request(
	struct sim *sim, const struct http_request *req, const struct http_response *res);

/* weather.c */
void weather_make(struct sim *sim);
void weather_plan(struct sim *sim);
void weather_clears(struct sim *sim);
int64_t weather_sometime(struct sim *sim); /* while the storm lasts */
void weather_fault(struct sim *sim, const char *fault); /* of the world, now; as JSON */

/* wishes.c: members, and what they ask for */
void wishes_plan(struct sim *sim);

/* server.c: what people do to the server and to the bot */
void server_plan(struct sim *sim);
void server_clears(struct sim *sim);
/* A channel is about to be made: at a bad moment? Then its answer is lost. */
bool server_bad_moment(struct sim *sim);

/* workflows.c */
void workflows_add(struct sim *sim);
/* The sampler in the graphs of a workflow. */
const char *workflows_sampler(const char *name);
void workflows_plan(struct sim *sim); /* an owner changes them */

/* network.c */
void network_ports(struct sim *sim, struct ports *ports);
void network_pump(struct sim *sim);  /* what the world has to say goes on its way */
void network_crash(struct sim *sim); /* the bot's sockets die with it */
void network_free(struct sim *sim);
/* An interaction was just made: if it reaches a bot that runs, the acknowledgement must leave. */
void network_expect_ack(struct sim *sim, uint64_t interaction_id);

/* bot.c */
void bot_start(struct sim *sim);
void bot_crash(struct sim *sim); /* and plans the next start */
/* Perhaps the process dies right here, while crashes are left: not called from inside the shell. */
void bot_may_crash(struct sim *sim, int chance);
void bot_turn(struct sim *sim);
void bot_loses_database(struct sim *sim, int64_t ms); /* nothing can be stored for so long */
/* Something was handed in. The turn follows, on a busy computer when more has come (io/loop.c). */
void bot_hears(struct sim *sim);

/* members.c: what members choose, cancel and have erased, and what must come of it */
/* plain: often nothing but the prompt, so that prompts share passes. */
void members_choose(struct sim *sim, uint64_t n, const char *model, struct json_object *options);
void members_cancel(struct sim *sim, uint64_t user_id);
/* Something is asked of a card: perhaps one of those who wait cancels just now. */
void members_hurry(struct sim *sim);
/* Whose job waits to be tried again perhaps cancels it, as the database goes. */
void members_give_up(struct sim *sim);
/* A channel is being made: who has been asked whether all of his is to be erased says so now. */
void members_regret(struct sim *sim);
/* One looks at the line; who does it changes nothing. */
void members_look(struct sim *sim);
void members_erase(struct sim *sim, uint64_t user_id);
bool members_want_erased(const struct sim *sim, uint64_t user_id);
void members_write_word(struct sim *sim, uint64_t admin_id);
/* Words are written down, with what was done about them. */
void members_check_words(struct sim *sim, const struct store_op *op);
bool members_wait_for_words(const struct sim *sim);
/* A graph that a ComfyUI is given, a finished picture's message, the end of it all. */
void members_check_graph(struct sim *sim, struct json_object *graph);
void members_check_picture(struct sim *sim, struct json_object *message);
/* What was posted with it is drawn from the prompt that it names. */
void members_check_drawn(struct sim *sim, const char *content, const void *data, size_t len);
void members_check_rest(struct sim *sim, struct json_object *messages);

/* announced.c: a request was served */
void announced_served(
	struct sim *sim, const struct http_request *req, const struct http_response *res);

/* cards.c: cards are held, and come and go */
void cards_plan(struct sim *sim);
void cards_clear(struct sim *sim); /* all are there and used again */
/* /admin pause, drain or resume of a card, or of all (-1). */
void admin_types(struct sim *sim, const char *word, int card);

/* rules.c: what must hold after every event */
void rules_turn(struct sim *sim);  /* the bot has just had its turn */
void rules_event(struct sim *sim); /* anything has happened */
void rules_heard(struct sim *sim, const char *subject, const char *text); /* a line of the log */
void rules_crash(struct sim *sim);
void rules_rest(struct sim *sim);
bool rules_at_rest(struct sim *sim); /* nothing is under way, here or on a card */

/* limits.c: Discord's limits, as they were announced */
void limits_sent(struct sim *sim, const struct http_request *req);
void limits_served(
	struct sim *sim, const struct http_request *req, const struct http_response *res);
void limits_heard(struct sim *sim, const struct http_request *req, const struct http_response *res);

/* written.c: a request leaves the bot; its answer is heard */
void written_sent(struct sim *sim, const struct http_request *req);
void written_heard(
	struct sim *sim, const struct http_request *req, const struct http_response *res);

/* check.c */
/* A message that was made or found in the end. */
void check_message(struct sim *sim, struct json_object *message);
void check_channels(struct sim *sim);
void check_gone(struct sim *sim, uint64_t channel_id); /* somebody has deleted it */
void check_said(struct sim *sim, const struct http_request *req, const struct http_response *res);
/* What a ComfyUI is given. */
void check_given(struct sim *sim, const struct http_request *req);
/* 0: the file or the message is not a job's picture or apology. */
uint64_t check_job_of_file(const char *name);
uint64_t check_job_of_button(struct json_object *message);
void check_answering(struct sim *sim, uint64_t job_id);
/* Its live message is made: how often that was. */
int check_shown(struct sim *sim, uint64_t job_id);
void check_answer_by(struct sim *sim, uint64_t job_id, const char *token);
uint32_t check_sum(const void *data, size_t len);
void check_kept(struct sim *sim, const char *name, const struct blob *bytes);
void check_rest(struct sim *sim);
bool all_at_rest(struct sim *sim);

#endif
