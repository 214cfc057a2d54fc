/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "app/shell_parts.h"
#include "comfy/options.h"
#include "discord/text.h"

/* Workflows that change while the bot runs. Nothing here keeps a pointer to one: each is looked for
 * by name when it is needed, and a job's name may lead to a newer one or to none. */

/* What the commands depend on: whether something edits, and whether there is a choice. */
static size_t edits(const struct shell *sh)
{
	return min_of(workflow_set_count(sh->config.workflows, WORKFLOW_EDIT), (size_t)2);
}

void shell_workflows_tell(struct shell *sh)
{
	const struct workflow *wf;

	for (size_t i = 0; (wf = workflow_set_all(sh->config.workflows, i)); i++) {
		cleanup(freep) char *weights = workflow_weights(wf);
		struct core_model model = {.weights = weights,
			.vram_mb = wf->vram_bytes / 1000000,
			.work = workflow_work(wf, NULL),
			.batch_max = wf->batch.n ? min_of(sh->config.max_batch, wf->pass_max) : 1,
			.shares = min_of(sh->config.max_batch, wf->shares),
			.own_seeds = wf->own_seeds};

		if (workflow_usable(wf))
			core_model(sh->core, wf->name, &model);
	}
}

void shell_workflows_changed(struct shell *sh)
{
	shell_workflows_tell(sh);
	shell_lora_look(sh);
	if (edits(sh) == sh->edits)
		return;
	shell_workflows_note(sh);
	shell_commands_refresh(sh);
}

void shell_workflows_note(struct shell *sh)
{
	sh->edits = edits(sh);
}

static void tell(struct shell *sh, enum text_id id, const char *text)
{
	cleanup(freep) char *sentence =
		text_make(id, shell_guild_locale(sh), &(struct text_args){.text = text});

	if (sh->admin_channel_id && sh->phase == RUN)
		shell_call(sh, message_plain(sh->admin_channel_id, sentence), CALL_IGNORED, 0, 0);
}

/* Where the folder is on the computer does not concern Discord. */
static const char *base_name(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? slash + 1 : file;
}

void shell_workflow_refused(struct shell *sh, const char *file, const char *why, bool kept)
{
	cleanup(freep) char *text = xasprintf("%s: %s", base_name(file), why);

	tell(sh, kept ? TEXT_WORKFLOW_KEPT : TEXT_WORKFLOW_REFUSED, text);
}

void shell_workflow_mended(struct shell *sh, const char *file)
{
	tell(sh, TEXT_WORKFLOW_MENDED, base_name(file));
}
