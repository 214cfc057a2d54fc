/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <utlist.h>

#include "app/shell_commands.h"

/* What members do comes in here, and goes to the one who can answer it. */

/* How long an answer waits for the store: of the 3 s, time for the way is left. */
#define SAVED_MS 2000

/* Discord: an interaction is answered within 3 s or not at all. */
void shell_answer_now(struct shell *sh, struct rest_call *call)
{
	call->deadline_ms = shell_now(sh) + 2900;
	shell_call(sh, call, CALL_IGNORED, 0, 0);
}

struct held_answer {
	struct rest_call *call;
	int64_t by_ms;
	struct held_answer *prev, *next;
};

void shell_answer_saved(struct shell *sh, struct rest_call *call)
{
	struct held_answer *held = xcalloc(1, sizeof(*held));

	call->deadline_ms = shell_now(sh) + 2900;
	*held = (struct held_answer){.call = call, .by_ms = shell_now(sh) + SAVED_MS};
	DL_APPEND(sh->answers, held);
	shell_answers_go(sh);
}

static struct rest_call *answer_take(struct shell *sh, struct held_answer *held)
{
	struct rest_call *call = held->call;

	DL_DELETE(sh->answers, held);
	free(held);
	return call;
}

void shell_answers_go(struct shell *sh)
{
	while (sh->answers && (sh->values_out == 0 || sh->database.away ||
				      shell_now(sh) >= sh->answers->by_ms))
		shell_call(sh, answer_take(sh, sh->answers), CALL_IGNORED, 0, 0);
}

int64_t shell_answers_deadline(const struct shell *sh)
{
	return sh->answers ? sh->answers->by_ms : NEVER;
}

void shell_answers_free(struct shell *sh)
{
	while (sh->answers)
		rest_call_free(answer_take(sh, sh->answers));
}

void shell_refuse(struct shell *sh, const struct interaction *it, enum text_id id,
	const struct text_args *args)
{
	char *sentence = text_make(id, it->locale, args);

	shell_answer_now(sh, message_refuse(it, sentence));
	free(sentence);
}

void shell_say_changed(struct shell *sh, const struct interaction *it, enum text_id id,
	const struct text_args *args)
{
	cleanup(freep) char *sentence = text_make(id, it->locale, args);

	shell_answer_saved(sh, message_refuse(it, sentence));
}

bool shell_is_admin(const struct interaction *it)
{
	return (it->permissions & PERMISSION_ADMINISTRATOR) != 0;
}

void shell_interaction_drop(void *what)
{
	interaction_free(what);
	free(what);
}

struct interaction *shell_interaction_keep(struct interaction *it)
{
	struct interaction *kept = xcalloc(1, sizeof(*kept));

	*kept = *it;
	*it = (struct interaction){0};
	return kept;
}

void shell_interaction_seen(struct shell *sh, uint64_t id)
{
	sh->seen[sh->seen_next++ % SEEN_INTERACTIONS] = id;
}

/* Discord delivers an event once or several times. */
static bool seen_before(struct shell *sh, uint64_t id)
{
	for (size_t i = 0; i < SEEN_INTERACTIONS; i++)
		if (sh->seen[i] == id)
			return true;
	if (core_job_of(sh->core, id))
		return true;
	shell_interaction_seen(sh, id);
	return false;
}

/*
 * Discord: an interaction is answered within 3 s; a session that is resumed gives older ones
 * again. By Discord's own clock, which is known to a second: ours may be wrong by any amount, and
 * may just have been put right, so that what comes as it happens is believed to be new.
 */
static bool is_too_old(const struct shell *sh, const struct interaction *it)
{
	int64_t age_ms = shell_now(sh) + sh->clock_ahead_ms - snowflake_ms(it->id);

	return sh->replaying && sh->clock_known && age_ms > 3000 + 1000;
}

/* Only our guild, only as a guild install: anything else is not answered. */
static bool is_ours(const struct shell *sh, const struct interaction *it)
{
	return it->guild_id == sh->config.guild_id && it->context == 0 && it->guild_install;
}

static const struct {
	enum command_id id;
	void (*handle)(struct shell *sh, struct interaction *it);
} commands[] = {
	{COMMAND_IMAGINE, command_imagine},
	{COMMAND_EDIT, command_edit},
	{COMMAND_EDIT_THIS, command_edit_this},
	{COMMAND_QUEUE, command_queue},
	{COMMAND_CANCEL, command_cancel},
	{COMMAND_MODELS, command_models},
	{COMMAND_STATUS, command_status},
	{COMMAND_HELP, command_help_all},
	{COMMAND_PRIVACY, command_privacy},
	{COMMAND_ADMIN, command_admin},
};

static void run_command(struct shell *sh, struct interaction *it)
{
	enum command_id id = command_find(it->command);

	if (command_is_for_admins(id) && !shell_is_admin(it)) {
		shell_refuse(sh, it, TEXT_ADMINS_ONLY, NULL);
		return;
	}
	for (size_t i = 0; i < countof(commands); i++)
		if (commands[i].id == id && id != COMMAND_NONE) {
			commands[i].handle(sh, it);
			return;
		}
	shell_refuse(sh, it, TEXT_UNKNOWN_COMMAND, NULL);
}

static void dispatch(struct shell *sh, struct interaction *it)
{
	switch (it->kind) {
	case INTERACTION_COMMAND:
		run_command(sh, it);
		break;
	case INTERACTION_AUTOCOMPLETE:
		shell_autocomplete(sh, it);
		break;
	case INTERACTION_COMPONENT:
		shell_press(sh, it);
		break;
	case INTERACTION_MODAL:
		shell_modal(sh, it);
		break;
	case INTERACTION_PING:
		break;
	}
}

void shell_interaction(struct shell *sh, struct json_object *d)
{
	struct interaction it;

	if (interaction_decode(d, &it) < 0) {
		shell_log(sh, LOG_WARN, "discord", "an interaction could not be understood");
		return;
	}
	if (is_ours(sh, &it) && !is_too_old(sh, &it) && !seen_before(sh, it.id)) {
		if (it.attachment_size_limit > 0) /* the body around the file needs room too */
			sh->file_limit =
				min_of((size_t)it.attachment_size_limit, DISCORD_REQUEST_MAX - MIB);
		dispatch(sh, &it);
	}
	interaction_free(&it);
}
