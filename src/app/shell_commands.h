/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_SHELL_COMMANDS_H
#define FULLET_APP_SHELL_COMMANDS_H

#include "app/shell_parts.h"
#include "comfy/options.h"
#include "discord/command.h"
#include "discord/text.h"

/* Commands, buttons and autocompletion: what the files shell_interaction.c, shell_request.c,
 * shell_button.c, shell_autocomplete.c and shell_command_*.c share. */

/* shell_interaction.c */
/* Sends an answer that is worth nothing after 3 s. */
void shell_answer_now(struct shell *sh, struct rest_call *call);
/* The same, once all values given to shell_save_value() are written: what was answered outlives a
 * crash. It does not wait for a database that is away or slow: then it holds for this process. */
void shell_answer_saved(struct shell *sh, struct rest_call *call);
/* The ephemeral sentence that answers an interaction. */
void shell_refuse(struct shell *sh, const struct interaction *it, enum text_id id,
	const struct text_args *args);
/* The same of what shell_save_value() was given: it holds after a crash, too, when the
 * administrator reads that it does. */
void shell_say_changed(struct shell *sh, const struct interaction *it, enum text_id id,
	const struct text_args *args);
bool shell_is_admin(const struct interaction *it);
bool shell_is_banned(const struct shell *sh, const struct interaction *it);
/* Takes the interaction over into one that lives until a port has answered, and frees such a one.
 */
struct interaction *shell_interaction_keep(struct interaction *it);
void shell_interaction_drop(void *what);

/* shell_cards.c */
/* "idle", "paused by an administrator" ...; owned. */
char *shell_card_state(const struct shell *sh, int gpu, const char *locale);
/* An administrator's wish for the card that is meant; answers. */
void shell_card_set(
	struct shell *sh, struct interaction *it, const char *typed, enum gpu_wish wish);

/* shell_request.c: asking for pictures */
/* What a member wants, already understood. */
struct wish {
	const struct workflow *workflow;
	int kind; /* COMMAND_IMAGINE, COMMAND_EDIT */
	const char *prompt, *options, *input;
	bool has_seed;
	uint64_t seed;
	bool age_restricted; /* the picture to edit is, whatever the workflow */
};
/* The one way in: every check of who may have what is here. Answers when it is refused. */
void shell_request(struct shell *sh, const struct interaction *it, const struct wish *wish);
/* By his roles. */
bool shell_may_use(const struct interaction *it, const struct workflow *wf);
/* False, and answered, when it is blank or too long. */
bool shell_check_prompt(struct shell *sh, const struct interaction *it, const char *prompt);

/* shell_options.c: what is chosen besides model and prompt */
/* Reads the options of a command into the wish, as far as its workflow takes them. *ret_options is
 * owned by the caller. False, and answered, when one does not fit. */
bool shell_options_take(
	struct shell *sh, const struct interaction *it, struct wish *wish, char **ret_options);

/* shell_lora.c */
/* The names that the workflow's loader can be given, in an owned array of borrowed texts;
 * SHELL_LORAS_UNKNOWN when no server has told. */
#define SHELL_LORAS_UNKNOWN SIZE_MAX
size_t shell_loras(struct shell *sh, const struct workflow *wf, const char ***ret);
/* The one that is meant: by its name, without folder and ending too, else the only one that
 * contains what was typed. TEXT_NONE, else why there is none. */
enum text_id shell_lora_find(
	struct shell *sh, const struct workflow *wf, const char *typed, const char **ret);
/* This server is known not to have it. */
bool shell_lora_lacks(struct shell *sh, int gpu, const struct workflow *wf, const char *name);

/* The handlers of commands; each answers. They may take *it. */
void command_imagine(struct shell *sh, struct interaction *it);
void command_edit(struct shell *sh, struct interaction *it);
void command_edit_this(struct shell *sh, struct interaction *it);
void command_queue(struct shell *sh, struct interaction *it);
void command_cancel(struct shell *sh, struct interaction *it);
void command_models(struct shell *sh, struct interaction *it);
void command_status(struct shell *sh, struct interaction *it);
void command_help_all(struct shell *sh, struct interaction *it);
void command_privacy(struct shell *sh, struct interaction *it);
void command_admin(struct shell *sh, struct interaction *it);
/* The button below the question of /privacy erase; id: the member's. */
void privacy_erase_pressed(struct shell *sh, struct interaction *it, uint64_t id);

void shell_press(struct shell *sh, struct interaction *it);
void shell_modal(struct shell *sh, struct interaction *it);
void shell_press_edit(struct shell *sh, struct interaction *it, uint64_t job_id);
void shell_autocomplete(struct shell *sh, struct interaction *it);

/* "a cat · being drawn, 40 %" of a job, for lists; owned. */
char *shell_job_line(const struct shell *sh, const struct job *job, const char *locale);

#endif
