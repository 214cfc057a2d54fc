/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "app/shell_parts.h"
#include "base/date.h"

/* REST calls on their way out and back. */

static void arrived(void *arg, struct http_response *response)
{
	struct pending *p = arg;

	rest_answer(p->shell->rest, p->what, response, shell_now(p->shell));
	pending_free(p);
}

/* The next start makes it anew; without Discord it would be under way for ever. */
static bool is_chore(enum call_kind kind)
{
	return kind == CALL_GATEWAY || kind == CALL_COMMANDS_GET || kind == CALL_COMMANDS_PUT ||
	       kind == CALL_COMMANDS_CLEAR || kind == CALL_APPLICATION || kind == CALL_GUILD ||
	       kind == CALL_CHANNELS || kind == CALL_THREADS;
}

void shell_call(
	struct shell *sh, struct rest_call *call, enum call_kind kind, uint64_t tag, uint64_t tag2)
{
	sh->chores += is_chore(kind);
	call->kind = kind;
	call->tag = tag;
	call->tag2 = tag2;
	(void)rest_submit(
		sh->rest, call, shell_now(sh)); /* a full queue answers like any failure */
}

struct json_object *rest_json(const struct rest_call *call)
{
	if (!http_response_is_json(&call->response))
		return NULL;
	return json_parse(buf_str(&call->response.body), call->response.body.len, NULL);
}

enum answer rest_answer_of(const struct rest_call *call)
{
	switch (call->outcome) {
	case REST_OK:
		return ANSWER_OK;
	case REST_REFUSED:
		break;
	case REST_DOUBTFUL:
		return ANSWER_DOUBT;
	default:
		return ANSWER_AGAIN;
	}
	if (call->discord_code == 10003)
		return ANSWER_GONE;
	if (call->discord_code == 50001 || call->discord_code == 50013)
		return ANSWER_FORBIDDEN;
	if (call->discord_code == 30013)
		return ANSWER_FULL;
	if (call->response.status == 413 || call->discord_code == 40005 ||
		call->discord_code == 50045)
		return ANSWER_TOO_LARGE;
	return ANSWER_NO;
}

static void log_failure(struct shell *sh, const struct rest_call *call)
{
	static const char *const names[] = {
		"ok", "refused", "doubtful", "failed", "superseded", "expired", "dead token"};

	if (call->outcome == REST_OK || call->outcome == REST_SUPERSEDED)
		return;
	shell_log(sh, LOG_WARN, "discord", "%s: %s (%d, code %" PRId64 ") %s", call->route,
		names[call->outcome], call->response.status, call->discord_code,
		call->discord_message ? call->discord_message : "");
}

static void read_clock(struct shell *sh, const struct rest_call *call)
{
	const char *date = http_response_get(&call->response, "Date");
	int64_t their_s;

	if (!date || date_parse(date, &their_s) < 0)
		return;
	sh->clock_known = true;
	sh->clock_ahead_ms = their_s * 1000 + 500 - shell_now(sh);
}

static void finished(struct shell *sh, struct rest_call *call)
{
	read_clock(sh, call);
	log_failure(sh, call);
	sh->chores -= is_chore((enum call_kind)call->kind);
	if (call->outcome == REST_DEAD_TOKEN)
		shell_fail(sh, "Discord refused the token (401): put the bot's token, from the "
			       "Developer Portal > Bot > Reset Token, into DISCORD_TOKEN in .env");
	switch ((enum call_kind)call->kind) {
	case CALL_GATEWAY:
		shell_gateway_url(sh, call);
		break;
	case CALL_ACK:
	case CALL_LOOK:
	case CALL_POST:
	case CALL_SORRY:
		shell_effect_answer(sh, call);
		break;
	case CALL_CHANNELS:
	case CALL_THREADS:
		shell_channels_answer(sh, call);
		break;
	case CALL_CHANNEL_LIST:
	case CALL_CHANNEL_MAKE:
	case CALL_CHANNEL_CHANGE:
	case CALL_THREAD_LIST:
	case CALL_MEMBER:
	case CALL_WARN:
	case CALL_WARN_LOOK:
	case CALL_UNWARN:
	case CALL_LAST_LOOK:
		shell_session_answer(sh, call);
		break;
	case CALL_LIVE_CREATE:
	case CALL_LIVE_EDIT:
	case CALL_LIVE_LAST:
		live_answer(sh, call);
		break;
	case CALL_COMMANDS_GET:
	case CALL_COMMANDS_PUT:
	case CALL_COMMANDS_CLEAR:
		shell_commands_answer(sh, call);
		break;
	case CALL_APPLICATION:
		shell_application_answer(sh, call);
		break;
	case CALL_GUILD:
		shell_guild_answer(sh, call);
		break;
	case CALL_WORD:
	case CALL_WORD_LOOK:
		shell_word_answer(sh, call);
		break;
	case CALL_PICTURE:
		shell_input_answer(sh, call);
		break;
	case CALL_PRIVACY_ACK:
	case CALL_PRIVACY_SENT:
		shell_privacy_answer(sh, call);
		break;
	case CALL_IGNORED:
	case CALL_KINDS:
		break;
	}
	rest_call_free(call);
}

bool shell_rest_pump(struct shell *sh, int64_t now_ms)
{
	struct rest_call *call;
	bool moved = false;
	char *note;

	while ((call = rest_next(sh->rest, now_ms)))
		sh->ports.http(sh->ports.ctx, &call->http, arrived, pending_new(sh, 0, call, NULL));
	while ((call = rest_finished(sh->rest))) {
		finished(sh, call);
		moved = true;
	}
	while ((note = rest_note(sh->rest))) {
		shell_log(sh, LOG_INFO, "discord", "%s", note);
		free(note);
	}
	return moved;
}
