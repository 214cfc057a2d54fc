/* SPDX-License-Identifier: Apache-2.0 */
#include "app/shell_commands.h"

/* Buttons: their custom_id says what is wanted, and who may have it is looked up here. Anybody who
 * sees a message can press its buttons. */

static void again_read(void *arg, struct store_result *result)
{
	const struct job_row *row = result->found ? &result->jobs[0] : NULL;
	struct pending *p = arg;
	struct shell *sh = p->shell;
	const struct interaction *it = p->what;
	const struct workflow *wf =
		row ? workflow_set_find(sh->config.workflows, row->model) : NULL;

	if (result->error < 0)
		shell_refuse(sh, it, TEXT_SORRY_STORE, NULL);
	else if (!row)
		shell_refuse(sh, it, TEXT_UNKNOWN_BUTTON, NULL);
	else if (row->user_id != it->user_id)
		shell_refuse(sh, it, TEXT_NOT_YOURS, NULL);
	else if (!wf)
		shell_refuse(sh, it, TEXT_UNKNOWN_MODEL, &(struct text_args){.text = row->model});
	else
		shell_request(sh, it,
			&(struct wish){.workflow = wf,
				.kind = row->kind,
				.prompt = row->prompt,
				.options = row->options,
				.input = row->input,
				.age_restricted = row->flags & JOB_RESTRICTED});
	pending_free(p);
}

static void again(struct shell *sh, struct interaction *it, uint64_t job_id)
{
	struct store_query query = {.kind = STORE_READ_JOB, .id = job_id};

	sh->ports.read(sh->ports.ctx, &query, again_read,
		pending_new(sh, 0, shell_interaction_keep(it), shell_interaction_drop));
}

static void cancel(struct shell *sh, struct interaction *it, uint64_t job_id)
{
	static const enum text_id texts[] = {
		[CANCEL_DONE] = TEXT_CANCELLING,
		[CANCEL_TOO_LATE] = TEXT_CANCEL_TOO_LATE,
		[CANCEL_NOT_YOURS] = TEXT_NOT_YOURS,
	};
	enum cancel result =
		core_cancel(sh->core, job_id, it->user_id, shell_is_admin(it), shell_now(sh));

	shell_refuse(sh, it, texts[result], NULL);
}

static void keep(struct shell *sh, struct interaction *it, uint64_t user_id)
{
	if (user_id != it->user_id && !shell_is_admin(it))
		shell_refuse(sh, it, TEXT_CHANNEL_NOT_YOURS, NULL);
	else if (shell_is_banned(sh, it))
		shell_refuse(sh, it, TEXT_BANNED, NULL);
	else
		shell_refuse(sh, it,
			core_keep(sh->core, user_id, shell_now(sh)) ? TEXT_SESSION_KEPT
								    : TEXT_SESSION_GONE,
			NULL);
}

static const struct {
	const char *action;
	void (*handle)(struct shell *sh, struct interaction *it, uint64_t id);
} buttons[] = {
	{"again", again},
	{"cancel", cancel},
	{"edit", shell_press_edit},
	{"keep", keep},
	{"erase", privacy_erase_pressed},
};

void shell_press(struct shell *sh, struct interaction *it)
{
	char action[16];
	uint64_t id = custom_id_parse(it->custom_id, action, sizeof(action));

	for (size_t i = 0; i < countof(buttons) && id; i++)
		if (str_eq(buttons[i].action, action)) {
			buttons[i].handle(sh, it, id);
			return;
		}
	shell_refuse(sh, it, TEXT_UNKNOWN_BUTTON, NULL);
}
