/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <utlist.h>

#include "app/shell_parts.h"
#include "discord/command.h"

/* The commands that Discord knows: compared at the start, registered when they differ. */

static struct command_facts facts_of(const struct shell *sh)
{
	return (struct command_facts){
		.edit_workflows = workflow_set_count(sh->config.workflows, WORKFLOW_EDIT)};
}

static void report_free(struct shell *sh, struct shell_report *report)
{
	DL_DELETE(sh->reports, report);
	free(report->token);
	free(report->locale);
	free(report);
}

void shell_reports_free(struct shell *sh)
{
	while (sh->reports)
		report_free(sh, sh->reports);
}

static void put_guild(struct shell *sh, struct json_object *commands, uint64_t report_id)
{
	shell_call(sh, commands_put(sh->application_id, sh->config.guild_id, commands),
		CALL_COMMANDS_PUT, report_id, 0);
}

void shell_commands_check(struct shell *sh)
{
	if (sh->commands_checked || sh->commands_cleared || !sh->application_id)
		return;
	sh->commands_checked = true;
	shell_call(
		sh, commands_get(sh->application_id, sh->config.guild_id), CALL_COMMANDS_GET, 0, 0);
}

void shell_commands_refresh(struct shell *sh)
{
	if (!sh->ready_ms)
		return; /* the start looks by itself */
	sh->commands_checked = false;
	shell_commands_check(sh);
}

void shell_commands_put(struct shell *sh, const struct shell_report *report)
{
	struct command_facts facts = facts_of(sh);
	struct json_object *commands =
		report->clear ? json_object_new_array() : commands_json(&facts);
	struct shell_report *r = xcalloc(1, sizeof(*r));

	*r = *report;
	r->id = rng_u64(&sh->rng) | 1;
	r->left = r->clear ? 2 : 1;
	r->n = json_len(commands);
	DL_APPEND(sh->reports, r);
	sh->commands_cleared = r->clear;
	put_guild(sh, commands, r->id);
	if (r->clear)
		shell_call(sh, commands_put_global(sh->application_id, commands),
			CALL_COMMANDS_CLEAR, r->id, 0);
	json_put(&commands);
}

static void tell(struct shell *sh, struct shell_report *report, const struct rest_call *call)
{
	enum text_id id = report->failed  ? TEXT_SYNC_FAILED
			  : report->clear ? TEXT_CLEARED
					  : TEXT_SYNC_DONE;
	cleanup(freep) char *sentence = text_make(id, report->locale,
		&(struct text_args){.number = (int64_t)report->n,
			.text = report->failed ? call->discord_message : NULL});

	if (report->channel_id)
		shell_word_say(sh, report->channel_id, report->word_id, sentence);
	else if (report->token)
		shell_call(sh, message_answer(report->application_id, report->token, sentence),
			CALL_IGNORED, 0, 0);
	report_free(sh, report);
}

static void put_answered(struct shell *sh, const struct rest_call *call)
{
	struct shell_report *report;

	if (call->outcome == REST_OK && call->kind == CALL_COMMANDS_PUT)
		shell_log(sh, LOG_INFO, "discord",
			sh->commands_cleared ? "the commands were removed"
					     : "the commands were registered");
	DL_SEARCH_SCALAR(sh->reports, report, id, call->tag);
	if (!report)
		return; /* nobody asked for it */
	report->failed |= call->outcome != REST_OK;
	if (--report->left == 0)
		tell(sh, report, call);
}

void shell_commands_answer(struct shell *sh, struct rest_call *call)
{
	cleanup(json_put) struct json_object *doc = NULL;
	struct command_facts facts = facts_of(sh);

	if (call->kind != CALL_COMMANDS_GET)
		put_answered(sh, call);
	if (call->outcome != REST_OK)
		sh->commands_checked = false; /* again at the next connection */
	else if (call->kind == CALL_COMMANDS_GET && !sh->commands_cleared)
		doc = rest_json(call);
	if (doc && !commands_same(doc, &facts)) {
		struct json_object *commands = commands_json(&facts);

		put_guild(sh, commands, 0);
		json_put(&commands);
	}
}
