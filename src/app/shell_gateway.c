/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/shell_parts.h"
#include "discord/command.h"

/* The gateway's socket, its events, and what follows from being connected. */

/* GUILDS and GUILD_MESSAGES: neither is privileged. MESSAGE_CONTENT is: who asks for it without
 * having it is sent away with 4014. */
#define INTENTS	       ((1u << 0) | (1u << 9))
#define INTENT_CONTENT (1u << 15)
/* Discord: the application's flags say whether it may have the content of messages. */
#define APPLICATION_CONTENT ((1 << 18) | (1 << 19))
/* How often the session is written down, so that the next process resumes it even after a crash. */
#define SAVE_MS	     15000
#define SAVE_IDLE_MS 240000 /* where nothing happens: lest it seem to be forgotten */
/* A session that Discord has surely forgotten. */
#define FORGOTTEN_MS (10 * 60 * 1000)

static void socket_opened(void *arg)
{
	struct shell *sh = arg;

	gateway_opened(sh->gateway, shell_now(sh));
}

static void socket_received(void *arg, const void *data, size_t len, bool binary)
{
	struct shell *sh = arg;

	gateway_received(sh->gateway, data, len, binary, shell_now(sh));
}

static void socket_closed(void *arg, int code, int http_status, const char *why)
{
	struct shell *sh = arg;

	sh->gateway_ws = NULL;
	gateway_closed(sh->gateway, code, why, shell_now(sh));
}

static const struct websocket_events socket_events = {
	socket_opened, socket_received, socket_closed};

static void open_socket(struct shell *sh, const char *url)
{
	struct http_request req = {.url = xstrdup(url)};

	http_request_header(&req, "User-Agent", sh->config.user_agent);
	if (sh->gateway_ws)
		sh->ports.ws_abandon(sh->ports.ctx, sh->gateway_ws);
	sh->gateway_ws =
		sh->ports.ws_open(sh->ports.ctx, &req, GATEWAY_PAYLOAD_MAX, &socket_events, sh);
	http_request_free(&req);
}

/* ---- what earlier processes left ---- */

static void read_past(struct shell *sh, const char *text, struct gateway_resume *ret)
{
	struct json_object *doc = text ? json_parse(text, strlen(text), NULL) : NULL;
	int64_t now_ms = shell_now(sh);

	sh->identified_ms = min_of(json_int(doc, "identified_ms", 0), now_ms);
	sh->clock_known = json_at(doc, "clock_ahead_ms") != NULL;
	sh->clock_ahead_ms = json_int(doc, "clock_ahead_ms", 0);
	if (now_ms - json_int(doc, "saved_ms", 0) < FORGOTTEN_MS && json_str(doc, "session_id") &&
		json_str(doc, "resume_url")) {
		ret->session_id = xstrdup(json_str(doc, "session_id"));
		ret->resume_url = xstrdup(json_str(doc, "resume_url"));
		ret->seq = json_int(doc, "seq", 0);
	}
	json_put(&doc);
}

char *shell_gateway_text(const struct shell *sh)
{
	struct gateway_resume r = {0};
	struct json_object *doc;
	char *text;

	if (sh->gateway)
		gateway_resume_get(sh->gateway, &r);
	if (!r.session_id)
		return NULL;
	doc = json_object_new_object();
	json_add_str(doc, "session_id", r.session_id);
	json_add_str(doc, "resume_url", r.resume_url);
	json_add_int(doc, "seq", r.seq);
	json_add_int(doc, "saved_ms", shell_now(sh));
	json_add_int(doc, "identified_ms", sh->identified_ms);
	if (sh->clock_known)
		json_add_int(doc, "clock_ahead_ms", sh->clock_ahead_ms);
	text = json_text(doc);
	json_put(&doc);
	gateway_resume_free(&r);
	return text;
}

static void read_ids(struct shell *sh, const char *text)
{
	unsigned long long application = 0, bot = 0, channel = 0;

	if (text && sscanf(text, "%20llu %20llu %20llu", &application, &bot, &channel) == 3) {
		sh->application_id = application;
		sh->bot_id = bot;
		sh->admin_channel_id = channel;
	}
}

static void save_ids(struct shell *sh)
{
	char text[80];

	snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " %" PRIu64, sh->application_id,
		sh->bot_id, sh->admin_channel_id);
	shell_save_value(sh, "ids", text);
}

static void session_saved(void *arg, int result, const char *why)
{
	struct shell *sh = arg;

	if (result < 0) /* the next start begins a new session */
		shell_log(sh, LOG_WARN, "store", "the session could not be saved: %s", why);
}

static void save_session(struct shell *sh, bool more)
{
	struct store_op op = {.kind = STORE_VALUE, .more = more, .value = shell_gateway_text(sh)};

	sh->gateway_saved_ms = shell_now(sh);
	sh->interaction_unsaved = false;
	if (!op.value)
		return;
	op.name = xstrdup("gateway");
	sh->ports.store(sh->ports.ctx, &op, session_saved, sh);
}

void shell_gateway_note(struct shell *sh)
{
	if (sh->interaction_unsaved)
		save_session(sh, true);
}

void shell_gateway_start(struct shell *sh, const struct shell_past *past)
{
	struct gateway_config config = {.token = sh->config.token,
		.intents = INTENTS,
		.no_compression = sh->config.no_compression};
	struct gateway_resume resume = {0};
	int64_t now_ms = shell_now(sh);

	read_ids(sh, past->ids);
	read_past(sh, past->gateway, &resume);
	if (!sh->bot_id) /* without a READY nothing else would tell who we are */
		gateway_resume_free(&resume);
	config.identified_ms = sh->identified_ms;
	sh->gateway = gateway_new(&config, &sh->rng);
	gateway_start(sh->gateway, resume.session_id ? &resume : NULL, now_ms);
	if (resume.session_id)
		shell_call(sh, application_get(), CALL_APPLICATION, 0, 0);
	gateway_resume_free(&resume);
}

void shell_gateway_url(struct shell *sh, struct rest_call *call)
{
	struct json_object *doc = call->outcome == REST_OK ? rest_json(call) : NULL;

	gateway_url(sh->gateway, doc, shell_now(sh));
	json_put(&doc);
}

/* ---- guilds ---- */

static void find_admin_channel(struct shell *sh, struct json_object *channels)
{
	struct channel *list = NULL;
	size_t n = 0;

	if (channels_decode(channels, sh->config.guild_id, &list, &n) < 0)
		return;
	sh->admin_channel_id = 0;
	for (size_t i = 0; i < n; i++)
		if (list[i].type == CHANNEL_TEXT && str_eq(list[i].name, "admin-tools"))
			sh->admin_channel_id = list[i].id;
	channels_free(list, n);
}

static void connected(struct shell *sh)
{
	if (!sh->ready_ms) {
		sh->ready_ms = shell_now(sh);
		shell_log(sh, LOG_INFO, "discord", "ready");
	}
	shell_commands_check(sh);
	shell_wants_go(sh);
	shell_words_go(sh);
	core_ready(sh->core, sh->config.guild_id, shell_now(sh));
}

static void leave(struct shell *sh, uint64_t guild_id)
{
	shell_log(sh, LOG_WARN, "discord",
		"leaving guild %" PRIu64 ": only ALLOWED_GUILD_ID is served", guild_id);
	shell_call(sh, guild_leave(guild_id), CALL_IGNORED, 0, 0);
}

static void say_not_in_guild(struct shell *sh)
{
	char *url = invite_url(sh->application_id, sh->config.guild_id);

	shell_log(sh, LOG_ERROR, "discord",
		"the bot is not in the guild %" PRIu64 " (ALLOWED_GUILD_ID); invite it: %s",
		sh->config.guild_id, url);
	free(url);
}

static void on_ready(struct shell *sh, struct json_object *d)
{
	struct json_object *guilds = json_array(d, "guilds");
	bool ours = false;

	sh->bot_id = json_id(d, "user.id");
	sh->application_id = json_id(d, "application.id");
	for (size_t i = 0; i < json_len(guilds); i++)
		ours |= json_id(json_object_array_get_idx(guilds, i), "id") == sh->config.guild_id;
	sh->in_guild = sh->other_guilds_may_go = ours;
	sh->identified = true;
	sh->identified_ms = shell_now(sh);
	save_ids(sh);
	save_session(sh, false);
	if (!ours) {
		/* A mistyped id must not make the bot leave the guild it belongs to. */
		say_not_in_guild(sh);
		return;
	}
	for (size_t i = 0; i < json_len(guilds); i++) {
		uint64_t id = json_id(json_object_array_get_idx(guilds, i), "id");

		if (id && id != sh->config.guild_id)
			leave(sh, id);
	}
}

static void taken_up(struct shell *sh)
{
	sh->in_guild = sh->other_guilds_may_go = true;
	connected(sh);
}

static void on_resumed(struct shell *sh, struct json_object *d)
{
	save_session(sh, false);
	taken_up(sh);
}

static void on_guild_create(struct shell *sh, struct json_object *d)
{
	uint64_t id = json_id(d, "id");

	if (json_flag(d, "unavailable", false))
		return;
	if (id != sh->config.guild_id) {
		if (id && sh->other_guilds_may_go)
			leave(sh, id);
		return;
	}
	sh->in_guild = sh->other_guilds_may_go = true;
	shell_guild_read(sh, d);
	find_admin_channel(sh, json_array(d, "channels"));
	save_ids(sh);
	shell_threads(sh, json_array(d, "threads"));
	/* What a resumed session gives again is old: a channel that is not in it may have come
	 * since. */
	if (sh->replaying)
		shell_channels_made(sh, json_array(d, "channels"));
	else
		shell_channels(sh, json_array(d, "channels"));
	sh->want_channels.known |= !sh->replaying;
	connected(sh);
}

static void on_guild_delete(struct shell *sh, struct json_object *d)
{
	if (json_id(d, "id") != sh->config.guild_id || json_flag(d, "unavailable", false))
		return; /* unavailable: an outage, nothing is lost */
	sh->in_guild = false;
	sh->commands_checked = false;
	say_not_in_guild(sh);
}

/* Written down at once: after a resume no list of channels tells of it again. */
static void set_admin_channel(struct shell *sh, uint64_t id)
{
	if (id == sh->admin_channel_id)
		return;
	sh->admin_channel_id = id;
	save_ids(sh);
}

/* It is the one that is called so, and only while it is called so. */
static void on_channel_name(struct shell *sh, struct json_object *d)
{
	uint64_t id = json_id(d, "id");

	if (!id || json_id(d, "guild_id") != sh->config.guild_id)
		return;
	if (json_int(d, "type", -1) == CHANNEL_TEXT && str_eq(json_str(d, "name"), "admin-tools"))
		set_admin_channel(sh, id);
	else if (id == sh->admin_channel_id)
		set_admin_channel(sh, 0);
}

static void on_channel_create(struct shell *sh, struct json_object *d)
{
	on_channel_name(sh, d);
	if (json_id(d, "guild_id") == sh->config.guild_id) {
		struct json_object *array = json_object_new_array();

		json_object_array_add(array, json_object_get(d));
		shell_channels_made(sh, array);
		json_object_put(array);
	}
}

static void on_channel_update(struct shell *sh, struct json_object *d)
{
	on_channel_name(sh, d);
	shell_channel_changed(sh, d);
}

static void on_channel_delete(struct shell *sh, struct json_object *d)
{
	uint64_t id = json_id(d, "id");

	if (id && id == sh->admin_channel_id)
		set_admin_channel(sh, 0);
	sh->want_channels.changed = true;
	core_channel_gone(sh->core, id, shell_now(sh));
}

static void on_message(struct shell *sh, struct json_object *d)
{
	if (json_id(d, "guild_id") != sh->config.guild_id || json_flag(d, "author.bot", false))
		return;
	if (!shell_admin_message(sh, d))
		core_activity(
			sh->core, json_id(d, "channel_id"), json_id(d, "author.id"), shell_now(sh));
}

static void on_guild_update(struct shell *sh, struct json_object *d)
{
	if (json_id(d, "id") == sh->config.guild_id)
		shell_guild_read(sh, d);
}

static void on_role(struct shell *sh, struct json_object *d)
{
	if (json_id(d, "guild_id") == sh->config.guild_id)
		shell_guild_role(sh, json_id(d, "role.id"), json_at(d, "role"));
}

static void on_role_delete(struct shell *sh, struct json_object *d)
{
	if (json_id(d, "guild_id") == sh->config.guild_id)
		shell_guild_role(sh, json_id(d, "role_id"), NULL);
}

static void on_event(struct shell *sh, const char *name, struct json_object *d)
{
	static const struct {
		const char *name;
		void (*handle)(struct shell *sh, struct json_object *d);
	} events[] = {
		{"READY", on_ready},
		{"RESUMED", on_resumed},
		{"GUILD_CREATE", on_guild_create},
		{"GUILD_UPDATE", on_guild_update},
		{"GUILD_DELETE", on_guild_delete},
		{"GUILD_ROLE_CREATE", on_role},
		{"GUILD_ROLE_UPDATE", on_role},
		{"GUILD_ROLE_DELETE", on_role_delete},
		{"CHANNEL_CREATE", on_channel_create},
		{"CHANNEL_UPDATE", on_channel_update},
		{"CHANNEL_DELETE", on_channel_delete},
		{"THREAD_DELETE", on_channel_delete},
		{"MESSAGE_CREATE", on_message},
		{"INTERACTION_CREATE", shell_interaction},
	};

	/* Without a READY only a resumed session has events, and what was missed comes before the
	 * RESUMED: a command among it is not told that the bot is still starting. */
	if (!sh->ready_ms && !sh->identified && !str_eq(name, "READY"))
		taken_up(sh);
	if (str_eq(name, "READY") || str_eq(name, "RESUMED"))
		sh->replaying = false;
	for (size_t i = 0; i < countof(events); i++)
		if (str_eq(name, events[i].name))
			events[i].handle(sh, d);
	/* After a crash Discord gives again what came after the saved event, which is noted with
	 * the next job's row. A command of which there is a job is known by that in any case; of
	 * others nothing is lost when they come again, for Discord refuses a second answer. */
	if (str_eq(name, "INTERACTION_CREATE"))
		sh->interaction_unsaved = true;
	if (shell_now(sh) - sh->gateway_saved_ms >= SAVE_MS)
		save_session(sh, false);
}

/* ---- pumping ---- */

/* What may be heard must be known before each IDENTIFY: who asks for more is sent away for good. */
static void ask_application(struct shell *sh)
{
	sh->content_asked = true;
	shell_call(sh, application_get(), CALL_APPLICATION, 0, 0);
}

void shell_application_answer(struct shell *sh, struct rest_call *call)
{
	struct json_object *doc = call->outcome == REST_OK ? rest_json(call) : NULL;
	bool first = doc && !sh->content_known;

	if (doc) {
		sh->content_known = true;
		sh->content_granted = (json_int(doc, "flags", 0) & APPLICATION_CONTENT) != 0;
		gateway_set_intents(
			sh->gateway, INTENTS | (sh->content_granted ? INTENT_CONTENT : 0));
	}
	if (first && !sh->content_granted)
		shell_log(sh, LOG_WARN, "discord",
			"the intent MESSAGE CONTENT is not switched on (Developer Portal > Bot): "
			"!sync, !clearall and !getid in #admin-tools are only understood as "
			"\"@bot sync\" and so on, or as /admin");
	json_put(&doc);
	if (take(sh->content_asked))
		shell_call(sh, gateway_bot_get(), CALL_GATEWAY, 0, 0);
}

static void act(struct shell *sh, struct gateway_action *a)
{
	struct ports *ports = &sh->ports;

	switch (a->kind) {
	case GATEWAY_ASK_URL:
		ask_application(sh);
		break;
	case GATEWAY_OPEN:
		sh->replaying = true;
		open_socket(sh, a->text);
		break;
	case GATEWAY_SEND:
		if (sh->gateway_ws)
			ports->ws_send(ports->ctx, sh->gateway_ws, a->text, strlen(a->text), false);
		break;
	case GATEWAY_CLOSE:
		if (sh->gateway_ws)
			ports->ws_close(ports->ctx, sh->gateway_ws, a->code);
		else
			gateway_closed(sh->gateway, a->code, NULL, shell_now(sh));
		break;
	case GATEWAY_DISPATCH:
		on_event(sh, a->text, a->data);
		break;
	case GATEWAY_FATAL:
		shell_fail(sh, a->text);
		break;
	case GATEWAY_NOTE:
		shell_log(sh, LOG_INFO, "gateway", "%s", a->text);
		break;
	}
}

bool shell_gateway_pump(struct shell *sh, int64_t now_ms)
{
	struct gateway_action action;
	bool moved = false;

	while (sh->gateway && gateway_next(sh->gateway, &action)) {
		act(sh, &action);
		gateway_action_free(&action);
		moved = true;
	}
	/* Heartbeats see to a turn now and then. */
	if (sh->gateway && gateway_is_ready(sh->gateway) &&
		now_ms - sh->gateway_saved_ms >= SAVE_IDLE_MS)
		save_session(sh, false);
	return moved;
}
