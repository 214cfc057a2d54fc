/* SPDX-License-Identifier: Apache-2.0 */
#include "core/session.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/shell_parts.h"

/* Private channels: what the core wants done with them becomes calls, what comes back answers. */

/* ---- rows ---- */

static void session_saved(void *arg, int result, const char *why)
{
	struct shell *sh = arg;

	/* What cannot be written for a while the store itself tries again: this was refused for
	 * good. The channel is found again by its marker, so nothing is lost. */
	if (result < 0)
		shell_log(sh, LOG_WARN, "store", "a channel could not be saved: %s", why);
}

/* What a member wants erased is erased also after a restart from now on. */
static void erasing_saved(void *arg, int result, const char *why)
{
	struct pending *p = arg;

	session_saved(p->shell, result, why);
	shell_privacy_saved(p->shell, p->id, result == 0);
	pending_free(p);
}

static void session_store(struct shell *sh, const struct effect *e)
{
	struct store_op op = {.kind = STORE_SESSION};

	if (e->kind == FX_SESSION_SAVE) {
		op.session = e->session->row;
		if (op.session.flags & SESSION_ERASE) {
			sh->ports.store(sh->ports.ctx, &op, erasing_saved,
				pending_new(sh, e->user_id, NULL, NULL));
			return;
		}
	} else {
		op.kind = STORE_SESSION_DROP;
		op.session.user_id = e->id;
	}
	sh->ports.store(sh->ports.ctx, &op, session_saved, sh);
}

/* ---- channels and threads ---- */

/* A member has no answer before he has a channel: that does not wait behind all others' messages.
 */
static void call_first(
	struct shell *sh, struct rest_call *call, enum call_kind kind, const struct effect *e)
{
	call->flags |= REST_FIRST;
	shell_call(sh, call, kind, e->user_id, e->epoch);
}

static void make_channel(struct shell *sh, const struct effect *e)
{
	uint64_t guild = sh->config.guild_id, user = e->user_id;
	struct rest_call *call;
	char name[32] = "sessions";

	if (e->kind == FX_CATEGORY_CREATE) {
		if (e->id > 1)
			snprintf(name, sizeof(name), "sessions-%" PRIu64, e->id);
		call = channel_create_category(guild, sh->bot_id, name);
	} else if (e->kind == FX_THREAD_CREATE) {
		call = thread_create(e->id, user, e->session->username);
	} else {
		call = channel_create_private(
			guild, e->id, sh->bot_id, user, e->session->username, e->restricted);
	}
	/* Nobody waits for it longer: made later it would be a second one. */
	call->deadline_ms = e->session->deadline_ms;
	call_first(sh, call, CALL_CHANNEL_MAKE, e);
}

static void tell_channels(struct shell *sh, struct json_object *array,
	void (*tell)(
		struct core *core, const struct core_channel *channels, size_t n, int64_t now_ms))
{
	struct channel *list = NULL;
	struct core_channel *channels;
	size_t n = 0;

	if (channels_decode(array, sh->config.guild_id, &list, &n) < 0)
		return;
	channels = xcalloc(n, sizeof(*channels));
	for (size_t i = 0; i < n; i++)
		channels[i] = (struct core_channel){
			.id = list[i].id,
			.parent_id = list[i].parent_id,
			.user_id = channel_topic_user(list[i].topic),
			.last_message_id = list[i].last_message_id,
			.category = list[i].type == CHANNEL_CATEGORY,
			.hidden = list[i].hidden,
			.restricted = list[i].restricted,
			.name = list[i].name,
		};
	tell(sh->core, channels, n, shell_now(sh));
	free(channels);
	channels_free(list, n);
}

void shell_channels(struct shell *sh, struct json_object *array)
{
	tell_channels(sh, array, core_channels);
}

void shell_channels_made(struct shell *sh, struct json_object *array)
{
	tell_channels(sh, array, core_channels_made);
}

void shell_threads(struct shell *sh, struct json_object *array)
{
	struct thread *list = NULL;
	struct core_channel *threads;
	size_t n = 0;

	if (threads_decode(array, sh->bot_id, &list, &n) < 0)
		return;
	threads = xcalloc(n + 1, sizeof(*threads));
	for (size_t i = 0; i < n; i++)
		threads[i] = (struct core_channel){
			.id = list[i].id,
			.parent_id = list[i].parent_id,
			.user_id = list[i].user_id,
			.last_message_id = list[i].last_message_id,
		};
	core_threads(sh->core, threads, n, shell_now(sh));
	free(threads);
	free(list);
}

/* The answer to a call for all channels or all threads; false when it is no list. */
static bool read_list(struct shell *sh, const struct rest_call *call)
{
	bool threads = call->kind == CALL_THREADS || call->kind == CALL_THREAD_LIST;
	struct json_object *doc = call->outcome == REST_OK ? rest_json(call) : NULL;
	struct json_object *list = threads ? json_array(doc, "threads") : doc;
	bool ok = list && json_object_is_type(list, json_type_array);

	if (ok && threads)
		shell_threads(sh, list);
	else if (ok)
		shell_channels(sh, list);
	json_put(&doc);
	return ok;
}

/* A channel of ours whose row was never written, because the database failed or the process died,
 * would be known by nothing else, and stay for ever. */
void shell_channels_answer(struct shell *sh, struct rest_call *call)
{
	struct shell_wanted *want = &sh->want_channels;

	if (!shell_want_answered(
		    sh, want, call->outcome == REST_OK || call->outcome == REST_REFUSED))
		return;
	(void)read_list(sh, call);
	want->known = call->kind == CALL_THREADS;
	if (want->known)
		return;
	want->asked = true; /* until the threads are told too */
	shell_call(sh, threads_active(sh->config.guild_id), CALL_THREADS, 0, 0);
}

void shell_channel_changed(struct shell *sh, struct json_object *d)
{
	if (json_id(d, "guild_id") == sh->config.guild_id)
		core_channel_changed(
			sh->core, json_id(d, "id"), json_flag(d, "nsfw", false), shell_now(sh));
}

static enum answer made_or_why(const struct rest_call *call, enum answer answer)
{
	const char *why = call->discord_message;

	if (answer != ANSWER_NO || !why)
		return answer;
	if (strstr(why, "CHANNEL_PARENT_MAX_CHANNELS"))
		return ANSWER_TOO_LARGE;
	/* The category was deleted a moment ago: the list is looked at again. */
	return strstr(why, "CHANNEL_PARENT_INVALID") ? ANSWER_AGAIN : ANSWER_NO;
}

static void channel_answered(struct shell *sh, struct rest_call *call)
{
	enum answer answer = rest_answer_of(call);
	uint64_t id = 0;

	if (call->kind == CALL_CHANNEL_CHANGE) {
		sh->want_channels.changed = true;
	} else if (call->kind == CALL_CHANNEL_MAKE) {
		struct json_object *doc = rest_json(call);

		id = answer == ANSWER_OK ? json_id(doc, "id") : 0;
		answer = made_or_why(call, answer);
		json_put(&doc);
	} else if (answer == ANSWER_OK && !read_list(sh, call)) {
		answer = ANSWER_AGAIN;
	}
	core_session_answer(sh->core, call->tag, (uint32_t)call->tag2, answer, id,
		call->discord_message, shell_now(sh));
}

/* ---- the member ---- */

/* What cannot be found out counts as here: nobody loses a channel by an outage. */
static void member_answered(struct shell *sh, struct rest_call *call)
{
	bool unknown = call->outcome == REST_REFUSED &&
		       (call->discord_code == 10007 || call->discord_code == 10013);

	core_member(sh->core, call->tag, !unknown, shell_now(sh));
}

/* ---- the announcement ---- */

/* Later than so long after the end that it tells of it is not said any more, but a new one. */
#define WARNING_LATE_MS 60000

struct warning {
	uint64_t user_id, channel_id;
	int64_t idle_ms, end_ms;
	char *locale;
};

static void warning_drop(void *what)
{
	struct warning *w = what;

	free(w->locale);
	free(w);
}

/* It is written down: now it is said, and not again after a restart. */
static void warning_stored(void *arg, int result, const char *why)
{
	struct pending *p = arg;
	struct shell *sh = p->shell;
	struct warning *w = p->what;
	struct rest_call *call;

	session_saved(sh, result, why);
	if (result == 0) {
		call = message_warning(w->channel_id, w->user_id, w->locale, w->idle_ms, w->end_ms);
		call->deadline_ms = w->end_ms + WARNING_LATE_MS;
		shell_call(sh, call, CALL_WARN, w->user_id, w->channel_id);
	} else {
		core_warned(sh->core, w->user_id, w->channel_id, ANSWER_NO, 0, shell_now(sh));
	}
	pending_free(p);
}

static void warn(struct shell *sh, const struct effect *e)
{
	const struct session *s = e->session;
	struct store_op op = {.kind = STORE_SESSION, .session = s->row};
	struct warning *w = xcalloc(1, sizeof(*w));

	*w = (struct warning){
		.user_id = e->user_id,
		.channel_id = e->id,
		.idle_ms = s->row.active_ms,
		.end_ms = core_session_end(sh->core, e->user_id),
		.locale = xstrdup(s->locale),
	};
	sh->ports.store(sh->ports.ctx, &op, warning_stored, pending_new(sh, 0, w, warning_drop));
}

static void warned(struct shell *sh, struct rest_call *call)
{
	enum answer answer = rest_answer_of(call);
	struct json_object *doc = rest_json(call);
	uint64_t id = answer == ANSWER_OK ? message_id(doc) : 0;

	if (answer == ANSWER_OK && !id)
		answer = ANSWER_DOUBT;
	json_put(&doc);
	core_warned(sh->core, call->tag, call->tag2, answer, id, shell_now(sh));
}

static void unwarn(struct shell *sh, const struct effect *e)
{
	if (e->message_id)
		shell_call(sh, message_delete(e->id, e->message_id), CALL_UNWARN, e->user_id, 0);
	else /* an earlier process posted it */
		shell_call(sh, message_list(e->id, 0), CALL_WARN_LOOK, e->user_id, 0);
}

static void looked_for_warnings(struct shell *sh, struct rest_call *call)
{
	struct json_object *doc = call->outcome == REST_OK ? rest_json(call) : NULL;
	uint64_t ids[8], channel_id = json_id(doc, "0.channel_id");
	size_t n = message_find_warnings(doc, sh->bot_id, call->tag, ids, countof(ids));

	for (size_t i = 0; i < n && channel_id; i++)
		shell_call(sh, message_delete(channel_id, ids[i]), CALL_UNWARN, call->tag, 0);
	if (doc && n == 0)
		core_unwarned(sh->core, call->tag);
	json_put(&doc);
}

static void unwarned(struct shell *sh, const struct rest_call *call)
{
	/* Refused: it is gone already, or no later try deletes it either. */
	if (call->outcome == REST_OK || call->outcome == REST_REFUSED)
		core_unwarned(sh->core, call->tag);
}

static void looked_before_the_end(struct shell *sh, struct rest_call *call)
{
	struct json_object *doc = call->outcome == REST_OK ? rest_json(call) : NULL;
	enum answer answer = rest_answer_of(call);
	uint64_t warning_id = 0;
	bool written = false;

	if (answer == ANSWER_OK &&
		message_read_warning(doc, sh->bot_id, call->tag, &warning_id, &written) < 0)
		answer = ANSWER_AGAIN;
	json_put(&doc);
	core_looked(sh->core, call->tag, (uint32_t)call->tag2, answer, warning_id, written,
		shell_now(sh));
}

/* ---- both ways ---- */

static void tell_forbidden(struct shell *sh)
{
	char *url = invite_url(sh->application_id, sh->config.guild_id);
	char *sentence = xasprintf(
		"Discord refuses what I need: give my role the permissions Manage Channels, View "
		"Channels, Send Messages, Embed Links, Attach Files and Read Message History, or "
		"invite me again: <%s> / Discord me niega lo que necesito: da a mi rol esos "
		"permisos, o vuelve a invitarme con ese enlace.",
		url);

	if (sh->admin_channel_id)
		shell_call(sh, message_plain(sh->admin_channel_id, sentence), CALL_IGNORED, 0, 0);
	free(sentence);
	free(url);
}

void shell_session_effect(struct shell *sh, const struct effect *e)
{
	uint64_t guild = sh->config.guild_id, user = e->user_id;

	switch (e->kind) {
	case FX_CHANNEL_LIST:
		call_first(sh, channel_list(guild), CALL_CHANNEL_LIST, e);
		break;
	case FX_THREAD_LIST:
		call_first(sh, threads_active(guild), CALL_THREAD_LIST, e);
		break;
	case FX_CATEGORY_CREATE:
	case FX_CHANNEL_CREATE:
	case FX_THREAD_CREATE:
		make_channel(sh, e);
		break;
	case FX_CHANNEL_RESTRICT:
		call_first(sh, channel_restrict(e->id), CALL_CHANNEL_CHANGE, e);
		break;
	case FX_THREAD_JOIN:
		call_first(sh, thread_join(e->id, user), CALL_CHANNEL_CHANGE, e);
		break;
	case FX_CHANNEL_DELETE:
		sh->want_channels.changed = true;
		shell_call(sh, channel_delete(e->id, "idle"), CALL_CHANNEL_CHANGE, user, e->epoch);
		break;
	case FX_ERASE:
		shell_erase(sh, e);
		break;
	case FX_MEMBER:
		shell_call(sh, guild_member_get(guild, user), CALL_MEMBER, user, 0);
		break;
	case FX_SESSION_WARN:
		warn(sh, e);
		break;
	case FX_SESSION_LOOK:
		shell_call(sh, message_list(e->id, 0), CALL_LAST_LOOK, user, e->epoch);
		break;
	case FX_SESSION_UNWARN:
		unwarn(sh, e);
		break;
	case FX_SESSION_SAVE:
	case FX_SESSION_DROP:
		session_store(sh, e);
		break;
	default:
		tell_forbidden(sh);
	}
}

void shell_session_answer(struct shell *sh, struct rest_call *call)
{
	switch ((enum call_kind)call->kind) {
	case CALL_MEMBER:
		member_answered(sh, call);
		break;
	case CALL_WARN:
		warned(sh, call);
		break;
	case CALL_WARN_LOOK:
		looked_for_warnings(sh, call);
		break;
	case CALL_UNWARN:
		unwarned(sh, call);
		break;
	case CALL_LAST_LOOK:
		looked_before_the_end(sh, call);
		break;
	default:
		channel_answered(sh, call);
	}
}
