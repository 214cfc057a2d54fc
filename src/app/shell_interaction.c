/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <strings.h>

#include "app/shell_parts.h"
#include "discord/command.h"

/* What members do: commands, autocompletion, buttons. */

/* Discord: an interaction is answered within 3 s or not at all. */
static void answer_now(struct shell *sh, struct rest_call *call)
{
	call->deadline_ms = shell_now(sh) + 2900;
	shell_call(sh, call, CALL_IGNORED, 0, 0);
}

static void refuse(struct shell *sh, const struct interaction *it, enum text_id id,
	const struct text_args *args)
{
	char *sentence = text_make(id, it->locale, args);

	answer_now(sh, message_refuse(it, sentence));
	free(sentence);
}

/* Discord delivers an event once or several times (DISCORD.md, section 3). */
static bool seen_before(struct shell *sh, uint64_t id)
{
	for (size_t i = 0; i < SEEN_INTERACTIONS; i++)
		if (sh->seen[i] == id)
			return true;
	for (const struct job *job = core_first_job(sh->core); job; job = job->next)
		if (job->row.interaction_id == id)
			return true;
	sh->seen[sh->seen_next++ % SEEN_INTERACTIONS] = id;
	return false;
}

static void request(
	struct shell *sh, const struct interaction *it, const char *model, const char *prompt)
{
	struct request r = {
		.interaction_id = it->id,
		.application_id = it->application_id,
		.guild_id = it->guild_id,
		.user_id = it->user_id,
		.token = it->token,
		.username = it->username,
		.locale = it->locale,
		.model = model,
		.prompt = prompt,
		.origin_id = it->channel_id,
		.kind = COMMAND_IMAGINE,
		.administrator = (it->permissions & PERMISSION_ADMINISTRATOR) != 0,
	};

	if (!shell_limits_apply(sh, NULL, 0, &r)) {
		refuse(sh, it, TEXT_BANNED, NULL);
		return;
	}
	switch (core_request(sh->core, &r, shell_now(sh))) {
	case REFUSE_NOTHING:
		break;
	case REFUSE_CAP:
		refuse(sh, it, TEXT_CAP_REACHED,
			&(struct text_args){.number = r.cap});
		break;
	case REFUSE_FULL:
		refuse(sh, it, TEXT_QUEUE_FULL, NULL);
		break;
	case REFUSE_STOPPING:
		refuse(sh, it, TEXT_STOPPING, NULL);
		break;
	case REFUSE_NOT_READY:
		refuse(sh, it, TEXT_NOT_READY, NULL);
		break;
	case REFUSE_QUOTA:
		refuse(sh, it, TEXT_QUOTA, &(struct text_args){.number = r.quota});
		break;
	case REFUSE_BANNED:
		refuse(sh, it, TEXT_BANNED, NULL);
		break;
	case REFUSE_DRAINING:
		refuse(sh, it, TEXT_DRAINING, NULL);
		break;
	case REFUSE_ERASING:
		refuse(sh, it, TEXT_ERASING, NULL);
		break;
	}
}

static bool is_blank(const char *text)
{
	return !text || text[strspn(text, " \t\r\n")] == '\0';
}

static void imagine(struct shell *sh, const struct interaction *it)
{
	const char *typed = interaction_option(it, "model"),
		   *prompt = interaction_option(it, "prompt");
	const struct workflow *wf =
		workflow_set_match(sh->config.workflows, WORKFLOW_IMAGINE, typed ? typed : "");

	if (!workflow_set_at(sh->config.workflows, WORKFLOW_IMAGINE, 0))
		refuse(sh, it, TEXT_NO_MODELS, NULL);
	else if (!wf)
		refuse(sh, it, TEXT_UNKNOWN_MODEL, &(struct text_args){.text = typed ? typed : ""});
	else if (is_blank(prompt))
		refuse(sh, it, TEXT_EMPTY_PROMPT, NULL);
	else if (text_utf16_len(prompt) > PROMPT_CHARS_MAX)
		refuse(sh, it, TEXT_PROMPT_TOO_LONG,
			&(struct text_args){.number = PROMPT_CHARS_MAX});
	else
		request(sh, it, wf->name, prompt);
}

static void autocomplete(struct shell *sh, const struct interaction *it)
{
	const struct interaction_option *focused = interaction_focused(it);
	const char *typed = focused && focused->text ? focused->text : "";
	struct choice choices[25];
	const struct workflow *wf;
	size_t n = 0;

	for (size_t i = 0; n < countof(choices) &&
			   (wf = workflow_set_at(sh->config.workflows, WORKFLOW_IMAGINE, i));
		i++)
		if (strcasestr(wf->title, typed) || strcasestr(wf->name, typed))
			choices[n++] = (struct choice){wf->title, wf->name};
	answer_now(sh, message_choices(it, choices, n));
}

/* ---- buttons ---- */

static void drop_interaction(void *what)
{
	interaction_free(what);
	free(what);
}

static void again_read(void *arg, struct store_result *result)
{
	const struct job_row *row = result->found ? &result->jobs[0] : NULL;
	struct pending *p = arg;
	struct shell *sh = p->shell;
	const struct interaction *it = p->what;

	if (!row)
		refuse(sh, it, TEXT_UNKNOWN_BUTTON, NULL);
	else if (row->user_id != it->user_id)
		refuse(sh, it, TEXT_NOT_YOURS, NULL);
	else if (!workflow_set_find(sh->config.workflows, row->model))
		refuse(sh, it, TEXT_UNKNOWN_MODEL, &(struct text_args){.text = row->model});
	else
		request(sh, it, row->model, row->prompt);
	pending_free(p);
}

static void press(struct shell *sh, struct interaction *it)
{
	char action[16];
	uint64_t job_id = custom_id_parse(it->custom_id, action, sizeof(action));
	bool administrator = (it->permissions & PERMISSION_ADMINISTRATOR) != 0;

	if (job_id && str_eq(action, "again")) {
		struct interaction *kept = xcalloc(1, sizeof(*kept));

		*kept = *it;
		*it = (struct interaction){0};
		sh->ports.read(sh->ports.ctx,
			&(struct store_query){.kind = STORE_READ_JOB, .id = job_id}, again_read,
			pending_new(sh, 0, kept, drop_interaction));
		return;
	}
	if (job_id && str_eq(action, "keep")) {
		if (job_id != it->user_id && !administrator)
			refuse(sh, it, TEXT_NOT_YOURS, NULL);
		else
			refuse(sh, it,
				core_keep(sh->core, job_id, shell_now(sh)) ? TEXT_SESSION_KEPT
									   : TEXT_SESSION_GONE,
				NULL);
		return;
	}
	if (!job_id || !str_eq(action, "cancel")) {
		refuse(sh, it, TEXT_UNKNOWN_BUTTON, NULL);
		return;
	}
	switch (core_cancel(sh->core, job_id, it->user_id, administrator, shell_now(sh))) {
	case CANCEL_DONE:
		refuse(sh, it, TEXT_CANCELLING, NULL);
		break;
	case CANCEL_TOO_LATE:
		refuse(sh, it, TEXT_CANCEL_TOO_LATE, NULL);
		break;
	case CANCEL_NOT_YOURS:
		refuse(sh, it, TEXT_NOT_YOURS, NULL);
		break;
	}
}

/*
 * Discord: an interaction is answered within 3 s; a session that is resumed gives older ones
 * again. By Discord's own clock, which is known to a second: ours may be wrong by any amount.
 */
static bool is_too_old(const struct shell *sh, const struct interaction *it)
{
	int64_t age_ms = shell_now(sh) + sh->clock_ahead_ms - snowflake_ms(it->id);

	return sh->clock_known && age_ms > 3000 + 1000;
}

/* Only our guild, only as a guild install (DISCORD.md, section 8): anything else is not answered.
 */
static bool is_ours(const struct shell *sh, const struct interaction *it)
{
	return it->guild_id == sh->config.guild_id && it->context == 0 && it->guild_install;
}

void shell_interaction(struct shell *sh, struct json_object *d)
{
	struct interaction it;

	if (interaction_decode(d, &it) < 0) {
		shell_log(sh, LOG_WARN, "discord", "an interaction could not be understood");
		return;
	}
	if (!is_ours(sh, &it) || is_too_old(sh, &it) || seen_before(sh, it.id)) {
		interaction_free(&it);
		return;
	}
	if (it.attachment_size_limit > 0) /* the body around the file needs room too */
		sh->file_limit =
			min_of((size_t)it.attachment_size_limit, DISCORD_REQUEST_MAX - MIB);
	if (it.kind == INTERACTION_COMMAND && command_find(it.command) == COMMAND_IMAGINE)
		imagine(sh, &it);
	else if (it.kind == INTERACTION_AUTOCOMPLETE && command_find(it.command) == COMMAND_IMAGINE)
		autocomplete(sh, &it);
	else if (it.kind == INTERACTION_COMPONENT)
		press(sh, &it);
	else if (it.kind == INTERACTION_COMMAND)
		refuse(sh, &it, TEXT_UNKNOWN_BUTTON, NULL);
	interaction_free(&it);
}
