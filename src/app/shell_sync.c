/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "app/shell_parts.h"
#include "discord/command.h"

/* The commands that Discord knows: compared at the start, registered when they differ. */

static struct command_facts facts_of(const struct shell *sh)
{
	return (struct command_facts){
		.edit_workflows = workflow_set_count(sh->config.workflows, WORKFLOW_EDIT)};
}

void shell_report_free(struct shell_report *report)
{
	free(report->token);
	free(report->locale);
	*report = (struct shell_report){0};
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

void shell_commands_put(struct shell *sh, struct shell_report *report)
{
	struct command_facts facts = facts_of(sh);
	struct json_object *commands =
		report->clear ? json_object_new_array() : commands_json(&facts);
	uint64_t id = rng_u64(&sh->rng) | 1;

	/* Whoever waited for an earlier one is told with this one's end. */
	shell_report_free(&sh->report);
	sh->report = *report;
	*report = (struct shell_report){0};
	sh->report.id = id;
	sh->report.left = sh->report.clear ? 2 : 1;
	sh->commands_cleared = sh->report.clear;
	put_guild(sh, commands, id);
	if (sh->report.clear)
		shell_call(sh, commands_put_global(sh->application_id, commands),
			CALL_COMMANDS_CLEAR, id, 0);
	json_put(&commands);
}

static void tell(struct shell *sh, const struct rest_call *call, size_t n)
{
	struct shell_report *report = &sh->report;
	enum text_id id = report->failed  ? TEXT_SYNC_FAILED
			  : report->clear ? TEXT_CLEARED
					  : TEXT_SYNC_DONE;
	cleanup(freep) char *sentence = text_make(id, report->locale,
		&(struct text_args){.number = (int64_t)n,
			.text = report->failed ? call->discord_message : NULL});

	if (report->channel_id)
		shell_call(sh, message_plain(report->channel_id, sentence), CALL_IGNORED, 0, 0);
	else if (report->token)
		shell_call(sh, message_answer(report->application_id, report->token, sentence),
			CALL_IGNORED, 0, 0);
	shell_report_free(report);
}

static void put_answered(struct shell *sh, const struct rest_call *call, struct json_object *doc)
{
	if (call->outcome == REST_OK && call->kind == CALL_COMMANDS_PUT)
		shell_log(sh, LOG_INFO, "discord",
			sh->commands_cleared ? "the commands were removed"
					     : "the commands were registered");
	if (!call->tag || call->tag != sh->report.id)
		return;
	sh->report.failed |= call->outcome != REST_OK;
	if (--sh->report.left == 0)
		tell(sh, call, json_len(doc));
}

void shell_commands_answer(struct shell *sh, struct rest_call *call)
{
	struct json_object *doc = call->outcome == REST_OK ? rest_json(call) : NULL;
	struct command_facts facts = facts_of(sh);

	if (call->kind != CALL_COMMANDS_GET)
		put_answered(sh, call, doc);
	if (call->outcome != REST_OK)
		sh->commands_checked = false; /* again at the next connection */
	if (call->kind == CALL_COMMANDS_GET && doc && !sh->commands_cleared &&
		!commands_same(doc, &facts)) {
		struct json_object *commands = commands_json(&facts);

		put_guild(sh, commands, 0);
		json_put(&commands);
	}
	json_put(&doc);
}
