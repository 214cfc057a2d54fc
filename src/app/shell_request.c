/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "app/shell_commands.h"

/* A member asks for a picture. */

static bool is_blank(const char *text)
{
	return !text || text[strspn(text, " \t\r\n")] == '\0';
}

bool shell_check_prompt(struct shell *sh, const struct interaction *it, const char *prompt)
{
	if (is_blank(prompt))
		shell_refuse(sh, it, TEXT_EMPTY_PROMPT, NULL);
	else if (text_utf16_len(prompt) > PROMPT_CHARS_MAX)
		shell_refuse(sh, it, TEXT_PROMPT_TOO_LONG,
			&(struct text_args){.number = PROMPT_CHARS_MAX});
	else
		return true;
	return false;
}

static bool has_head_start(const struct shell *sh, const struct interaction *it)
{
	for (size_t i = 0; i < it->n_roles; i++)
		for (int k = 0; k < sh->config.n_booster_roles; k++)
			if (it->roles[i] == sh->config.booster_roles[k])
				return true;
	return false;
}

static void tell_too_large(struct shell *sh, const struct interaction *it, const struct request *r)
{
	cleanup(freep) char *need = NULL, *largest = NULL;
	int64_t need_mb = 0, largest_mb = 0;

	(void)core_model_is_too_large(sh->core, r->model, &need_mb, &largest_mb);
	need = text_gigabytes(need_mb, it->locale);
	largest = text_gigabytes(largest_mb, it->locale);
	shell_refuse(sh, it, TEXT_TOO_LARGE_FOR_CARDS,
		&(struct text_args){.text = need, .name = largest});
}

static void tell_refusal(struct shell *sh, const struct interaction *it, const struct request *r,
	enum refusal refusal)
{
	static const enum text_id texts[] = {
		[REFUSE_CAP] = TEXT_CAP_REACHED,
		[REFUSE_FULL] = TEXT_QUEUE_FULL,
		[REFUSE_STOPPING] = TEXT_STOPPING,
		[REFUSE_NOT_READY] = TEXT_NOT_READY,
		[REFUSE_QUOTA] = TEXT_QUOTA,
		[REFUSE_BANNED] = TEXT_BANNED,
		[REFUSE_DRAINING] = TEXT_DRAINING,
		[REFUSE_ERASING] = TEXT_ERASING,
	};
	int left = r->quota - core_day_count(sh->core, r->user_id, shell_now(sh));
	bool fewer = refusal == REFUSE_QUOTA && left > 0;
	int number = refusal == REFUSE_CAP ? r->cap : fewer ? left : r->quota;

	if (refusal == REFUSE_VRAM) {
		tell_too_large(sh, it, r);
		return;
	}
	must((size_t)refusal < countof(texts));
	shell_refuse(sh, it, fewer ? TEXT_QUOTA_LEFT : texts[refusal],
		&(struct text_args){.number = number});
}

bool shell_may_use(const struct interaction *it, const struct workflow *wf)
{
	return shell_is_admin(it) || workflow_allows(wf, it->roles, it->n_roles);
}

/* What was chosen tells how much there is to do. */
static void measure(struct request *r, const struct workflow *wf)
{
	cleanup(options_free) struct options o;

	options_read(r->options, &o);
	r->pictures = options_count(&o);
	r->work = workflow_work(wf, &o);
}

void shell_request(struct shell *sh, const struct interaction *it, const struct wish *wish)
{
	struct request r = {
		.interaction_id = it->id,
		.application_id = it->application_id,
		.guild_id = it->guild_id,
		.user_id = it->user_id,
		.token = it->token,
		.username = it->username,
		.locale = it->locale,
		.model = wish->workflow->name,
		.prompt = wish->prompt,
		.options = wish->options,
		.input = wish->input,
		.origin_id = it->channel_id,
		.kind = wish->kind,
		.administrator = shell_is_admin(it),
		.booster = has_head_start(sh, it),
		.age_restricted = wish->workflow->age_restricted || wish->age_restricted,
		.has_seed = wish->has_seed,
		.seed = wish->seed,
	};
	enum refusal refusal = REFUSE_BANNED;
	char *problem;

	if (!shell_may_use(it, wish->workflow)) {
		shell_refuse(sh, it, TEXT_MODEL_ROLES,
			&(struct text_args){.text = workflow_title_in(wish->workflow,
						    locale_is_spanish(it->locale))});
		return;
	}
	if (r.age_restricted && !it->age_restricted) {
		shell_refuse(sh, it,
			wish->workflow->age_restricted ? TEXT_AGE_RESTRICTED
						       : TEXT_RESTRICTED_PICTURE,
			NULL);
		return;
	}
	problem = shell_options_problem(sh, wish->workflow, wish->options, -1, it->locale);
	if (problem) {
		shell_answer_now(sh, message_refuse(it, problem));
		free(problem);
		return;
	}
	measure(&r, wish->workflow);
	if (shell_limits_apply(sh, it->roles, it->n_roles, &r))
		refusal = core_request(sh->core, &r, shell_now(sh));
	if (refusal != REFUSE_NOTHING)
		tell_refusal(sh, it, &r, refusal);
}

static void imagine(struct shell *sh, const struct interaction *it, const struct workflow *wf,
	const char *prompt)
{
	struct wish wish = {.workflow = wf, .kind = COMMAND_IMAGINE, .prompt = prompt};
	cleanup(freep) char *options = NULL;

	if (!shell_may_use(it, wf) || shell_options_take(sh, it, &wish, &options))
		shell_request(sh, it, &wish);
}

void command_imagine(struct shell *sh, struct interaction *it)
{
	const char *typed = interaction_option(it, "model"),
		   *prompt = interaction_option(it, "prompt");
	const struct workflow *wf =
		workflow_set_match(sh->config.workflows, WORKFLOW_IMAGINE, typed ? typed : "");

	if (!workflow_set_at(sh->config.workflows, WORKFLOW_IMAGINE, 0))
		shell_refuse(sh, it, TEXT_NO_MODELS, NULL);
	else if (!wf)
		shell_refuse(sh, it, TEXT_UNKNOWN_MODEL,
			&(struct text_args){.text = typed ? typed : ""});
	else if (shell_check_prompt(sh, it, prompt))
		imagine(sh, it, wf, prompt);
}
