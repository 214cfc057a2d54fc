/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_SHELL_H
#define FULLET_APP_SHELL_H

#include "app/ports.h"
#include "base/limits.h"
#include "base/log.h"
#include "comfy/client.h"
#include "comfy/workflow.h"
#include "core/core.h"
#include "discord/gateway.h"

/*
 * The bot itself: it turns the core's effects into calls and the answers into
 * events. It holds the core, the gateway session, the REST queue and one client
 * for each ComfyUI, and moves bytes between them and the ports. It makes no
 * decision that the core could make, and knows nothing of sockets.
 */
struct shell;

struct shell_config {
	const char *token;
	uint64_t guild_id;
	const char *api_url; /* "https://discord.com/api/v10" */
	const char *user_agent;
	struct comfy_config comfy[COMFY_SERVERS_MAX];
	int n_comfy;
	const struct workflow_set *workflows;
	const char *export_path; /* a folder for copies of finished pictures; NULL: none are kept */
	int max_jobs_per_user;
	int max_queue;
	int max_batch; /* pictures of one pass */
	int64_t gpu_vram_mb[COMFY_SERVERS_MAX]; /* 0: learned */
	int64_t min_free_mb, affinity_ms;
	uint64_t booster_roles[PRIORITY_ROLES_MAX];
	int n_booster_roles;
	int64_t session_ttl_ms;
	int64_t stop_ms; /* how long a stop waits for what can be finished */
	bool no_compression;
	const struct log *log;
};

/* What was kept by the last process. Strings may be NULL. */
struct shell_past {
	struct store_snapshot rows;
	char *gateway; /* the JSON text in the setting "gateway" */
	char *ids;     /* "application_id bot_id", needed to resume without a READY */
	char *mode;    /* "run", "pause" or "drain" */
	char *limits;  /* the JSON text of core/limits.h */
	char *cards;   /* what administrators want of cards: shell_cards.c */
	char *words;   /* what administrators wrote, as JSON text: shell_words.c */
};

/* Everything in config is borrowed for the life of the shell. */
struct shell *shell_new(
	const struct shell_config *config, const struct ports *ports, uint64_t seed);
/* Open sockets are abandoned; answers that still come are ignored by their ports. */
struct shell *shell_free(struct shell *shell);
/* For the simulator's crashes: frees the memory and touches no port. */
struct shell *shell_abandon(struct shell *shell);
void shell_start(struct shell *shell, const struct shell_past *past);
/* Moves everything that can move; returns when it wants to be called again. */
int64_t shell_turn(struct shell *shell, int64_t now_ms);
/* Graceful stop: no new work, what can be finished within stop_ms is, the gateway is closed so that
 * the next start can resume. */
void shell_stop(struct shell *shell);
enum shell_state { SHELL_RUNNING, SHELL_STOPPED, SHELL_FAILED };
/* Told in each turn why the database takes nothing at present, or NULL; when it wants to be told again
 * at the latest. What is wrong is said once, and once that it is over. */
int64_t shell_database(struct shell *shell, const char *why);
enum shell_state shell_state(const struct shell *shell);
/* SHELL_FAILED: a sentence that says what to change. */
const char *shell_failure(const struct shell *shell);
/* A workflow of config->workflows was changed, put in or taken out, between two turns. */
void shell_workflows_changed(struct shell *shell);
/* #admin-tools hears of a file that was refused, and that it is in order again. `kept`: the workflow of
 * before goes on. */
void shell_workflow_refused(struct shell *shell, const char *file, const char *why, bool kept);
void shell_workflow_mended(struct shell *shell, const char *file);
/* The cards are these now: new ones begin at once, those that are missing finish what they have and
 * take nothing more, the others go on (with the key as it is now). Strings are copied. */
void shell_cards_reload(struct shell *shell, const struct comfy_config *cards,
	const int64_t *vram_mb, int n);
/* #admin-tools hears why the settings were not read again. */
void shell_reload_refused(struct shell *shell, const char *why);
/* When the gateway said READY or RESUMED first; 0 before. */
int64_t shell_ready_ms(const struct shell *shell);
/* Why a job stands where it stands; NULL: it is not in memory. The caller owns it. */
char *shell_explain(struct shell *shell, uint64_t job_id);
const struct core *shell_core(const struct shell *shell);

#endif
