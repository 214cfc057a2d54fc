/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_SIM_SIM_H
#define FULLET_SIM_SIM_H

#define SIM_CARDS_MAX 4 /* each seed has one to so many */

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
	int lost_requests, lost_answers, repeated_events;
	int64_t latency_ms; /* the usual one, each way */
	int slow;	    /* chance of a latency 20 times as long */
	int crash_chance;   /* at each request that was served and each row that was written */
	int crashes, comfy_restarts, gateway_faults, server_errors, run_faults; /* how many */
	int workflow_changes, card_changes;
	bool no_compression, no_websocket;
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
	int pictures, sorries;
	int64_t number;	  /* of its first picture */
	uint64_t user_id; /* to whom it was said */
};

/* What a member chose for a picture: "" and 0: nothing. The prompt ends with the number. */
struct sim_choice {
	uint64_t n;
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

/* A member who wants all of his erased. */
struct sim_erasing {
	uint64_t user_id, question, press; /* interactions */
	int64_t at_ms;			   /* when the button was pressed */
};

struct sim {
	uint64_t seed;
	bool verbose;
	bool strict; /* no violation even in bad weather (some come from lost answers) */
	struct rng rng;
	struct clock *clock;
	int n_cards;
	struct comfy_config all_cards[SIM_CARDS_MAX];
	unsigned cards_out; /* bits: left out of the settings */
	struct world *world;
	struct store_db *db;
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
	struct sim_said *said;
	size_t n_said;
	uint64_t last_id; /* the highest of them: erased rows do not give their ids back */
	struct sim_edit edits[64];
	size_t n_edits;
	struct sim_copy copies[64];
	size_t n_copies;
	struct sim_choice choices[16];
	size_t n_choices;
	struct sim_erasing erasings[16];
	size_t n_erasings;
	struct sim_word words[8];
	size_t n_words;
	uint64_t admin_id;
	bool words_wait; /* one that is written down is not answered */
	struct statement *held; /* waits for the next one, for one commit */
	uint64_t *messages; /* ids of messages already counted */
	size_t n_messages;
	size_t events;
	int requested, commands_refused;
	int owed; /* of those requested: none that may be refused, as an edit of no last picture */
	char *failure; /* the first thing that was wrong */
};

void sim_fail(struct sim *sim, const char *format, ...) printf_like(2, 3);
int64_t sim_now(const struct sim *sim);
double sim_seconds(const struct sim *sim); /* since the beginning */
int64_t sim_delay(struct sim *sim); /* a latency */
bool sim_chance(struct sim *sim, int per_thousand);

/* network.c */
void network_ports(struct sim *sim, struct ports *ports);
void network_pump(struct sim *sim);  /* what the world has to say goes on its way */
void network_crash(struct sim *sim); /* the bot's sockets die with it */
void network_free(struct sim *sim);

/* bot.c */
void bot_start(struct sim *sim);
void bot_crash(struct sim *sim); /* and plans the next start */
/* Perhaps the process dies right here, while crashes are left: not called from inside the shell. */
void bot_may_crash(struct sim *sim);
void bot_turn(struct sim *sim);

/* members.c: what members choose, cancel and have erased, and what must come of it */
/* plain: often nothing but the prompt, so that prompts share passes. */
void members_choose(struct sim *sim, uint64_t n, bool plain, struct json_object *options);
void members_cancel(struct sim *sim, uint64_t user_id);
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
void members_check_rest(struct sim *sim, struct json_object *state);

/* cards.c: cards are held, and come and go */
void cards_plan(struct sim *sim, int64_t (*sometime)(struct sim *sim));
void cards_clear(struct sim *sim); /* all are there and used again */

/* check.c */
void check_said(struct sim *sim, const struct http_request *req, const struct http_response *res);
/* What a ComfyUI is given. */
void check_given(struct sim *sim, const struct http_request *req);
uint32_t check_sum(const void *data, size_t len);
void check_kept(struct sim *sim, const char *name, const struct blob *bytes);
void check_caps(struct sim *sim);
void check_rest(struct sim *sim);
bool all_at_rest(struct sim *sim);

#endif
