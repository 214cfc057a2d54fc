/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "app/picture_text.h"
#include "app/shell_commands.h"
#include "discord/modal.h"
#include "discord/source.h"

/*
 * A member wants a picture edited: with /edit, by the menu of a message, or by the
 * button beside a finished picture. Menu and button open a window that asks what should
 * change; what comes back from it is the member's word, and looked at anew.
 */

/* By name; without one the first that the member may use. NULL, and answered, when there is none.
 */
static const struct workflow *choose_model(
	struct shell *sh, const struct interaction *it, const char *typed)
{
	const struct workflow_set *set = sh->config.workflows;
	const struct workflow *wf = workflow_set_at(set, WORKFLOW_EDIT, 0);

	if (!wf) {
		shell_refuse(sh, it, TEXT_NO_EDIT_MODELS, NULL);
		return NULL;
	}
	if (typed && *typed) {
		wf = workflow_set_match(set, WORKFLOW_EDIT, typed);
		if (!wf)
			shell_refuse(
				sh, it, TEXT_UNKNOWN_MODEL, &(struct text_args){.text = typed});
		return wf;
	}
	for (size_t i = 0; (wf = workflow_set_at(set, WORKFLOW_EDIT, i)); i++)
		if (shell_may_use(it, wf) && (!wf->age_restricted || it->age_restricted))
			return wf;
	return workflow_set_at(set, WORKFLOW_EDIT, 0); /* whose refusal says what is missing */
}

static void request(struct shell *sh, const struct interaction *it, const struct workflow *wf,
	const char *prompt, const char *input, bool restricted)
{
	shell_request(sh, it,
		&(struct wish){.workflow = wf,
			.kind = COMMAND_EDIT,
			.prompt = prompt,
			.input = input,
			.age_restricted = restricted});
}

/* ---- /edit ---- */

static bool check_file(struct shell *sh, const struct interaction *it, const struct attachment *a)
{
	struct text_args args = {0};

	if (!source_url_allowed(a->url, sh->config.api_url))
		shell_refuse(sh, it, TEXT_NO_PICTURE, NULL);
	else if (a->size > (int64_t)PICTURE_BYTES_MAX)
		shell_refuse(sh, it, picture_text(CLEAN_TOO_LARGE, &args.number), &args);
	else
		return true;
	return false;
}

static void edit_last(struct shell *sh, const struct interaction *it, bool restricted)
{
	const struct workflow *wf = choose_model(sh, it, interaction_option(it, "model"));

	if (wf)
		request(sh, it, wf, interaction_option(it, "prompt"), "last", restricted);
}

/* The job that drew it tells whether it may be shown anywhere. */
static void job_read(void *arg, struct store_result *result)
{
	struct pending *p = arg;
	bool restricted = result->found && (result->jobs[0].flags & JOB_RESTRICTED);

	if (result->error < 0) /* not known is not no */
		shell_refuse(p->shell, p->what, TEXT_SORRY_STORE, NULL);
	else
		edit_last(p->shell, p->what, restricted);
	pending_free(p);
}

static void last_read(void *arg, struct store_result *result)
{
	struct pending *p = arg;
	struct shell *sh = p->shell;
	struct interaction *it = p->what;
	struct store_query query = {.kind = STORE_READ_JOB};

	if (result->error < 0) {
		shell_refuse(sh, it, TEXT_SORRY_STORE, NULL);
	} else if (!result->found) {
		shell_refuse(sh, it, TEXT_NO_LAST, NULL);
	} else if ((query.id = shell_last_job(result->picture.name))) {
		sh->ports.read(sh->ports.ctx, &query, job_read,
			pending_new(sh, 0, shell_interaction_keep(it), shell_interaction_drop));
	} else {
		edit_last(sh, it, false);
	}
	pending_free(p);
}

void command_edit(struct shell *sh, struct interaction *it)
{
	const char *prompt = interaction_option(it, "prompt");
	const struct attachment *file = interaction_attachment(it, "image");
	const struct workflow *wf = choose_model(sh, it, interaction_option(it, "model"));
	struct store_query query = {
		.kind = STORE_READ_LAST, .id = it->user_id, .now_ms = shell_now(sh)};

	if (!wf || !shell_check_prompt(sh, it, prompt))
		return;
	if (file) {
		if (check_file(sh, it, file))
			request(sh, it, wf, prompt, file->url, false);
	} else if (interaction_option(it, "image")) {
		shell_refuse(sh, it, TEXT_NO_PICTURE, NULL);
	} else {
		sh->ports.read(sh->ports.ctx, &query, last_read,
			pending_new(sh, 0, shell_interaction_keep(it), shell_interaction_drop));
	}
}

/* ---- the window ---- */

static void edited_clear(struct edited *e)
{
	for (size_t i = 0; i < countof(e->urls); i++)
		free(e->urls[i]);
	*e = (struct edited){0};
}

void shell_edited_free(struct shell *sh)
{
	for (size_t i = 0; i < countof(sh->edited); i++)
		edited_clear(&sh->edited[i]);
}

static struct edited *edited_find(struct shell *sh, uint64_t user_id, uint64_t message_id)
{
	for (size_t i = 0; i < countof(sh->edited); i++)
		if (sh->edited[i].user_id == user_id && sh->edited[i].message_id == message_id)
			return &sh->edited[i];
	return NULL;
}

static void remember(struct shell *sh, const struct interaction *it, uint64_t message_id)
{
	struct edited *e = edited_find(sh, it->user_id, message_id);

	if (!e)
		e = &sh->edited[sh->edited_next++ % EDITED_MAX];
	edited_clear(e);
	e->user_id = it->user_id;
	e->message_id = message_id;
	for (size_t i = 0; i < it->n_attachments; i++)
		e->urls[i] = xstrdup(it->attachments[i].url);
}

static bool may_view(const struct interaction *it)
{
	static const uint64_t needed = PERMISSION_VIEW_CHANNEL | PERMISSION_READ_MESSAGE_HISTORY;

	return (it->app_permissions & PERMISSION_ADMINISTRATOR) ||
	       (it->app_permissions & needed) == needed;
}

/* The models that the member may use here, for the window. */
static size_t offer_models(
	const struct shell *sh, const struct interaction *it, struct choice choices[CHOICES_MAX])
{
	bool spanish = locale_is_spanish(it->locale);
	const struct workflow *wf;
	size_t n = 0;

	for (size_t i = 0; (wf = workflow_set_at(sh->config.workflows, WORKFLOW_EDIT, i)); i++)
		if (n < CHOICES_MAX && shell_may_use(it, wf) &&
			(!wf->age_restricted || it->age_restricted))
			choices[n++] = (struct choice){workflow_title_in(wf, spanish), wf->name};
	return n;
}

static void open_window(struct shell *sh, struct interaction *it, uint64_t message_id)
{
	struct choice models[CHOICES_MAX];
	struct edit_modal modal = {.channel_id = it->channel_id,
		.message_id = message_id,
		.models = models,
		.n_models = offer_models(sh, it, models)};

	it->n_attachments =
		source_keep_allowed(it->attachments, it->n_attachments, sh->config.api_url);
	modal.n_pictures = it->n_attachments;
	if (!choose_model(sh, it, NULL))
		return;
	if (!may_view(it)) {
		shell_refuse(sh, it, TEXT_NO_VIEW, NULL);
	} else if (!message_id || modal.n_pictures == 0) {
		shell_refuse(sh, it, TEXT_NO_PICTURE, NULL);
	} else {
		remember(sh, it, message_id);
		shell_answer_now(sh, message_edit_modal(it, &modal));
	}
}

void command_edit_this(struct shell *sh, struct interaction *it)
{
	/* A message of another channel than the one that the member is in is nobody's to give. */
	open_window(sh, it, it->target_channel_id == it->channel_id ? it->target_id : 0);
}

void shell_press_edit(struct shell *sh, struct interaction *it, uint64_t job_id)
{
	open_window(sh, it, it->message_id);
}

void shell_modal(struct shell *sh, struct interaction *it)
{
	const char *prompt = interaction_option(it, EDIT_FIELD_PROMPT);
	const char *which = interaction_option(it, EDIT_FIELD_WHICH);
	uint64_t channel_id, message_id, index = 0;
	const struct workflow *wf;
	const struct edited *known;
	cleanup(freep) char *input = NULL;

	if (which && *which && (parse_u64(which, &index) < 0 || index >= ATTACHMENTS_MAX))
		index = ATTACHMENTS_MAX;
	/* A member reaches no other channel than the one that Discord says he is in. */
	if (!edit_modal_parse(it->custom_id, &channel_id, &message_id) ||
		channel_id != it->channel_id || index == ATTACHMENTS_MAX) {
		shell_refuse(sh, it, TEXT_UNKNOWN_BUTTON, NULL);
		return;
	}
	wf = choose_model(sh, it, interaction_option(it, EDIT_FIELD_MODEL));
	if (!wf || !shell_check_prompt(sh, it, prompt))
		return;
	known = edited_find(sh, it->user_id, message_id);
	input = source_text(
		known ? known->urls[index] : NULL, channel_id, message_id, (size_t)index);
	/* What was in an age-restricted channel goes into such a one only. */
	request(sh, it, wf, prompt, input, it->age_restricted);
}
