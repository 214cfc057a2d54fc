/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "app/shell_commands.h"

/* What is offered while a member types. Discord: at most 25 choices, within 3 s, and a member may
 * send something else all the same. */

struct offer {
	struct choice choices[CHOICES_MAX];
	char *names[CHOICES_MAX], *values[CHOICES_MAX]; /* owned */
	size_t n;
};

static void offer_add(struct offer *offer, const char *name, const char *value)
{
	if (offer->n == CHOICES_MAX)
		return;
	offer->names[offer->n] = xstrdup(name);
	offer->values[offer->n] = xstrdup(value);
	offer->choices[offer->n] = (struct choice){offer->names[offer->n], offer->values[offer->n]};
	offer->n++;
}

static void offer_send(struct shell *sh, const struct interaction *it, struct offer *offer)
{
	shell_answer_now(sh, message_choices(it, offer->choices, offer->n));
	for (size_t i = 0; i < offer->n; i++) {
		free(offer->names[i]);
		free(offer->values[i]);
	}
}

/* What he may not use, or not here, is not offered. */
static bool may_use_here(const struct interaction *it, const struct workflow *wf)
{
	return shell_may_use(it, wf) && (!wf->age_restricted || it->age_restricted);
}

static void offer_models(struct shell *sh, const struct interaction *it, enum workflow_kind kind,
	const char *typed, struct offer *offer)
{
	bool spanish = locale_is_spanish(it->locale);
	const struct workflow *wf;

	for (size_t i = 0; (wf = workflow_set_at(sh->config.workflows, kind, i)); i++) {
		const char *title = workflow_title_in(wf, spanish);

		if (may_use_here(it, wf) &&
			(strcasestr(title, typed) || strcasestr(wf->name, typed)))
			offer_add(offer, title, wf->name);
	}
}

/* ---- what the chosen model takes ---- */

static const struct workflow *chosen_model(struct shell *sh, const struct interaction *it)
{
	const char *typed = interaction_option(it, "model");
	const struct workflow *wf =
		workflow_set_match(sh->config.workflows, WORKFLOW_IMAGINE, typed ? typed : "");

	return wf && may_use_here(it, wf) ? wf : NULL;
}

static void offer_size(
	struct offer *offer, const struct workflow *wf, const char *size, const char *typed)
{
	cleanup(freep) char *name = NULL;
	int width, height;

	if (!size_parse(size, wf, &width, &height))
		return;
	name = strchr(size, ':') ? xasprintf("%s · %dx%d", size, width, height)
				 : xasprintf("%dx%d", width, height);
	if (strcasestr(name, typed))
		offer_add(offer, name, size);
}

/* What is typed comes first when it is a size, then the shapes that people know. */
static void offer_sizes(
	struct shell *sh, const struct interaction *it, const char *typed, struct offer *offer)
{
	static const char *const shapes[] = {"1:1", "3:2", "2:3", "4:3", "3:4", "16:9", "9:16",
		"5:4", "4:5", "21:9", "9:21", "2:1", "1:2"};
	const struct workflow *wf = chosen_model(sh, it);
	bool known = false;

	if (!wf)
		return;
	for (size_t i = 0; i < countof(shapes); i++)
		known |= str_eq(shapes[i], typed);
	if (!known)
		offer_size(offer, wf, typed, "");
	for (size_t i = 0; i < countof(shapes); i++)
		offer_size(offer, wf, shapes[i], typed);
}

static void offer_loras(
	struct shell *sh, const struct interaction *it, const char *typed, struct offer *offer)
{
	const struct workflow *wf = chosen_model(sh, it);
	cleanup(freep) const char **names = NULL;
	size_t n;

	if (!wf || !workflow_accepts(wf, FIELD_LORA))
		return;
	n = shell_loras(sh, wf, &names);
	for (size_t i = 0; n != SHELL_LORAS_UNKNOWN && i < n; i++)
		if (strcasestr(names[i], typed) && text_utf16_len(names[i]) <= CHOICE_UNITS_MAX)
			offer_add(offer, names[i], names[i]);
}

/* An administrator may cancel anybody's: his own come first. */
static void offer_jobs(
	struct shell *sh, const struct interaction *it, const char *typed, struct offer *offer)
{
	for (int others = 0; others <= shell_is_admin(it); others++) {
		const struct job *jobs[CHOICES_MAX * 4];
		size_t n = core_jobs_of(sh->core, others ? 0 : it->user_id, jobs, countof(jobs));

		for (size_t i = 0; i < n && i < countof(jobs); i++) {
			cleanup(freep) char *line = shell_job_line(sh, jobs[i], it->locale);
			cleanup(freep) char *name =
				others ? xasprintf("%s: %s", jobs[i]->row.username, line)
				       : xstrdup(line);
			char value[24];

			if ((others && jobs[i]->row.user_id == it->user_id) ||
				!strcasestr(name, typed))
				continue;
			snprintf(value, sizeof(value), "%" PRIu64, jobs[i]->row.id);
			offer_add(offer, name, value);
		}
	}
}

/* Where cards are concerns only those who run them. */
static void offer_cards(
	struct shell *sh, const struct interaction *it, const char *typed, struct offer *offer)
{
	for (int i = 0; i < sh->config.n_comfy && shell_is_admin(it); i++) {
		cleanup(freep) char *state = shell_card_state(sh, i, it->locale);
		cleanup(freep) char *line =
			xasprintf("%d · %s · %s", i + 1, sh->gpu_names[i], state);
		cleanup(freep) char *name = text_plain(line, CHOICE_UNITS_MAX);
		char value[16];

		if (!core_gpu_exists(sh->core, i) || !strcasestr(name, typed))
			continue;
		snprintf(value, sizeof(value), "%d", i + 1);
		offer_add(offer, name, value);
	}
}

/* ---- the member's own recent prompts ---- */

static void prompts_read(void *arg, struct store_result *result)
{
	struct pending *p = arg;
	const struct interaction *it = p->what;
	const struct interaction_option *focused = interaction_focused(it);
	const char *typed = focused && focused->text ? focused->text : "";
	struct offer offer = {0};

	/* What is being typed comes first: Enter takes the first one, and must not replace the words. */
	if (typed[strspn(typed, " \t\n")] && text_utf16_len(typed) <= CHOICE_UNITS_MAX)
		offer_add(&offer, typed, typed);
	for (size_t i = 0; i < result->n_jobs; i++)
		if (result->jobs[i].prompt && strcasestr(result->jobs[i].prompt, typed) &&
			!str_eq(result->jobs[i].prompt, typed) &&
			text_utf16_len(result->jobs[i].prompt) <= CHOICE_UNITS_MAX)
			offer_add(&offer, result->jobs[i].prompt, result->jobs[i].prompt);
	offer_send(p->shell, it, &offer);
	pending_free(p);
}

static void offer_prompts(struct shell *sh, struct interaction *it)
{
	struct store_query query = {.kind = STORE_READ_PROMPTS, .id = it->user_id};

	sh->ports.read(sh->ports.ctx, &query, prompts_read,
		pending_new(sh, 0, shell_interaction_keep(it), shell_interaction_drop));
}

void shell_autocomplete(struct shell *sh, struct interaction *it)
{
	const struct interaction_option *focused = interaction_focused(it);
	const char *name = focused ? focused->name : "";
	const char *typed = focused && focused->text ? focused->text : "";
	enum command_id command = command_find(it->command);
	struct offer offer = {0};

	/* Whoever may ask for nothing is offered nothing; his own pictures he may cancel. */
	if (shell_is_banned(sh, it) && command != COMMAND_CANCEL) {
		offer_send(sh, it, &offer);
		return;
	}
	if (str_eq(name, "prompt")) {
		offer_prompts(sh, it);
		return;
	}
	if (str_eq(name, "model"))
		offer_models(sh, it, command == COMMAND_EDIT ? WORKFLOW_EDIT : WORKFLOW_IMAGINE,
			typed, &offer);
	else if (str_eq(name, "size"))
		offer_sizes(sh, it, typed, &offer);
	else if (str_eq(name, "lora"))
		offer_loras(sh, it, typed, &offer);
	else if (str_eq(name, "card"))
		offer_cards(sh, it, typed, &offer);
	else if (command == COMMAND_CANCEL)
		offer_jobs(sh, it, typed, &offer);
	offer_send(sh, it, &offer);
}
