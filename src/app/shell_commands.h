/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_SHELL_COMMANDS_H
#define FULLET_APP_SHELL_COMMANDS_H

#include "app/shell_parts.h"
#include "discord/command.h"
#include "discord/text.h"

/* Commands, buttons and autocompletion: what the files shell_interaction.c, shell_request.c,
 * shell_button.c, shell_autocomplete.c and shell_command_*.c share. */

/* shell_interaction.c */
/* Sends an answer that is worth nothing after 3 s. */
void shell_answer_now(struct shell *sh, struct rest_call *call);
/* The ephemeral sentence that answers an interaction. */
void shell_refuse(struct shell *sh, const struct interaction *it, enum text_id id,
	const struct text_args *args);
bool shell_is_admin(const struct interaction *it);
/* Takes the interaction over into one that lives until a port has answered, and frees such a one.
 */
struct interaction *shell_interaction_keep(struct interaction *it);
void shell_interaction_drop(void *what);

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
/* False, and answered, when it is blank or too long. */
bool shell_check_prompt(struct shell *sh, const struct interaction *it, const char *prompt);

/* The handlers of commands; each answers. They may take *it. */
void command_imagine(struct shell *sh, struct interaction *it);
void command_edit(struct shell *sh, struct interaction *it);
void command_edit_this(struct shell *sh, struct interaction *it);
void command_queue(struct shell *sh, struct interaction *it);
void command_cancel(struct shell *sh, struct interaction *it);
void command_models(struct shell *sh, struct interaction *it);
void command_status(struct shell *sh, struct interaction *it);
void command_help_all(struct shell *sh, struct interaction *it);
void command_admin(struct shell *sh, struct interaction *it);

void shell_press(struct shell *sh, struct interaction *it);
void shell_modal(struct shell *sh, struct interaction *it);
void shell_press_edit(struct shell *sh, struct interaction *it, uint64_t job_id);
void shell_autocomplete(struct shell *sh, struct interaction *it);

/* "a cat · being drawn, 40 %" of a job, for lists; owned. */
char *shell_job_line(const struct shell *sh, const struct job *job, const char *locale);

#endif
