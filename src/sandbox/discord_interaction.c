/* SPDX-License-Identifier: Apache-2.0 */
/* Interactions: sent to the bot, answered by callback, @original and followups. */
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/discord_impl.h"

#define CHOICES_MAX	 25
#define CHOICE_CHARS_MAX 100
/* A token may be used up to its last moment; what arrives later than this was sent too late. */
#define TOKEN_GRACE_MS 5000

enum callback {
	CALLBACK_PONG = 1,
	CALLBACK_MESSAGE = 4,
	CALLBACK_DEFER = 5,
	CALLBACK_DEFER_UPDATE = 6,
	CALLBACK_UPDATE = 7,
	CALLBACK_CHOICES = 8,
	CALLBACK_MODAL = 9,
};

void dw_interaction_free(struct discord_world *w, struct dw_interaction *it)
{
	HASH_DEL(w->interactions, it);
	HASH_DELETE(hh_token, w->by_token, it);
	free(it->token);
	free(it->command);
	json_put(&it->choices);
	json_put(&it->modal);
	json_put(&it->data);
	json_put(&it->record);
	free(it);
}

static void forget(struct discord_world *w, struct dw_interaction *it)
{
	struct dw_message *m = it->original_id ? dw_message_find(w, it->original_id) : NULL;

	if (m && m->ephemeral_for && m->interaction_id == it->id)
		dw_message_free(w, m);
	dw_interaction_free(w, it);
}

struct dw_interaction *dw_interaction_new(struct discord_world *w, enum dw_kind kind,
	struct dw_user *user, struct dw_channel *ch, int64_t now_ms)
{
	struct dw_interaction *it = xcalloc(1, sizeof(*it));
	/* Drawn one after the other: compilers differ in the order of arguments. */
	uint64_t low = rng_u64(&w->rng), high = rng_u64(&w->rng);

	it->id = dw_snowflake(w, now_ms);
	it->kind = kind;
	it->user_id = user->id;
	it->channel_id = ch->id;
	it->guild_id = ch->guild->id;
	it->created_ms = now_ms;
	w->expiry_ms = min_of(w->expiry_ms, now_ms + DW_ACK_MS + 1);
	/* Real ones begin so too: base64 of "interaction:". */
	it->token = xasprintf("aW50ZXJhY3Rpb246%016" PRIx64 "%016" PRIx64 "%016" PRIx64, it->id,
		high, low);
	it->data = json_object_new_object();
	if (HASH_COUNT(w->interactions) >= DW_INTERACTIONS_MAX)
		forget(w, w->interactions);
	HASH_ADD(hh, w->interactions, id, sizeof(it->id), it);
	HASH_ADD_KEYPTR(hh_token, w->by_token, it->token, strlen(it->token), it);
	dw_record_interaction(w, it);
	w->version++;
	return it;
}

void dw_interaction_tick(struct discord_world *w)
{
	if (w->now_ms < w->expiry_ms)
		return;
	w->expiry_ms = NEVER;
	w->version++;
	if (!w->interactions)
		return;
	/* The newest first: of the many older ones none is waited for. */
	for (struct dw_interaction *it =
			ELMT_FROM_HH(w->interactions->hh.tbl, w->interactions->hh.tbl->tail);
		it; it = it->hh.prev) {
		int64_t at = it->created_ms + DW_ACK_MS + 1;

		if (at <= w->now_ms)
			break;
		if (!it->acked_ms)
			w->expiry_ms = min_of(w->expiry_ms, at);
	}
}

struct dw_interaction *dw_interaction_find(struct discord_world *w, uint64_t id)
{
	struct dw_interaction *it;

	HASH_FIND(hh, w->interactions, &id, sizeof(id), it);
	return it;
}

static struct json_object *partial_channel(struct dw_channel *ch, uint64_t permissions)
{
	struct json_object *o = dw_channel_json(ch);

	json_object_object_del(o, "permission_overwrites");
	json_add_id(o, "permissions", permissions);
	return o;
}

static void add_owner(struct json_object *d, const char *kind, uint64_t id)
{
	struct json_object *o = json_object_new_object();

	json_add_id(o, kind, id);
	json_add(d, "authorizing_integration_owners", o);
}

static void add_guild(struct discord_world *w, struct dw_interaction *it, struct dw_channel *ch,
	struct json_object *d)
{
	struct dw_member *m = dw_member_find(ch->guild, it->user_id);
	struct json_object *o = json_object_new_object();

	json_add_id(o, "id", ch->guild->id);
	json_add_str(o, "locale", "en-US");
	json_add(o, "features", json_object_new_array());
	json_add_id(d, "guild_id", ch->guild->id);
	json_add(d, "guild", o);
	json_add_str(d, "guild_locale", "en-US");
	if (m) {
		o = dw_member_json(m, true);
		json_add_id(o, "permissions", dw_permissions(ch, it->user_id));
		json_add(d, "member", o);
	}
	json_add_int(d, "context", 0);
	add_owner(
		d, ch->guild->bot_in ? "0" : "1", ch->guild->bot_in ? ch->guild->id : it->user_id);
}

static void add_dm(struct discord_world *w, struct dw_interaction *it, struct json_object *d)
{
	struct json_object *channel = json_object_new_object();

	json_add_id(channel, "id", it->channel_id);
	json_add_int(channel, "type", 1);
	json_add_int(channel, "flags", 0);
	json_add(d, "channel", channel);
	json_add(d, "user", json_object_get(dw_user_find(w, it->user_id)->json));
	json_add_int(d, "context", 1);
	add_owner(d, "0", 0);
}

void dw_interaction_send(struct discord_world *w, struct dw_interaction *it)
{
	struct dw_channel *ch = dw_channel_find(w, it->channel_id);
	struct dw_user *user = dw_user_find(w, it->user_id);
	struct json_object *d = json_object_new_object();
	struct dw_message *source = it->source_id ? dw_message_find(w, it->source_id) : NULL;

	json_add_id(d, "id", it->id);
	json_add_id(d, "application_id", w->application_id);
	json_add_int(d, "type", it->kind);
	json_add(d, "data", json_object_get(it->data));
	json_add_str(d, "token", it->token);
	json_add_int(d, "version", 1);
	json_add_id(d, "channel_id", ch->id);
	json_add(d, "channel", partial_channel(ch, dw_permissions(ch, user->id)));
	if (it->dm)
		add_dm(w, it, d);
	else
		add_guild(w, it, ch, d);
	/* An app that a user installed for himself works where the bot is no member. */
	json_add_id(d, "app_permissions",
		it->dm ? DW_EVERYONE_DEFAULT : dw_permissions(ch, w->bot->id));
	json_add_str(d, "locale", user->locale);
	json_add(d, "entitlements", json_object_new_array());
	json_add_int(d, "attachment_size_limit", DISCORD_FILE_MAX);
	if (source)
		json_add(d, "message", json_object_get(dw_message_json(w, source)));
	dw_dispatch(w, "INTERACTION_CREATE", DW_INTENT_NONE, NULL, NULL, NULL, d);
}

/* ---- the callback ---- */

static bool answers(const struct dw_interaction *it, int64_t type)
{
	switch (it->kind) {
	case DW_COMMAND:
		return type == CALLBACK_MESSAGE || type == CALLBACK_DEFER || type == CALLBACK_MODAL;
	case DW_AUTOCOMPLETE:
		return type == CALLBACK_CHOICES;
	case DW_MODAL:
		return type == CALLBACK_MESSAGE || type == CALLBACK_DEFER ||
		       type == CALLBACK_DEFER_UPDATE;
	case DW_COMPONENT:
		return type == CALLBACK_MESSAGE || type == CALLBACK_DEFER ||
		       type == CALLBACK_DEFER_UPDATE || type == CALLBACK_UPDATE ||
		       type == CALLBACK_MODAL;
	}
	return false;
}

static void check_choices(struct dw_call *c, struct json_object *data)
{
	static const struct dw_field fields[] = {{"choices", DW_ARR | DW_REQUIRED, CHOICES_MAX}};
	static const struct dw_field choice[] = {
		{"name", DW_STR | DW_REQUIRED, CHOICE_CHARS_MAX, 1},
		{"name_localizations", DW_OBJ | DW_NULL},
		{"value", DW_STR | DW_INT | DW_NUM | DW_REQUIRED, CHOICE_CHARS_MAX, 1}};
	struct json_object *list = json_array(data, "choices");
	char path[DW_PATH_SIZE];

	if (!dw_check_object(c, data, "data", fields, countof(fields)))
		return;
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		const char *name = json_str(o, "name");

		dw_path(path, "data", "choices.%zu", i);
		dw_check_object(c, o, path, choice, countof(choice));
		if (name && *name && !name[strspn(name, " \t\n")])
			dw_invalid(c, path, "BASE_TYPE_BAD_LENGTH", "The name is blank");
	}
}

static void check_callback(struct dw_call *c, struct dw_interaction *it, int64_t type)
{
	static const struct dw_field fields[] = {{"type", DW_INT | DW_REQUIRED}, {"data", DW_OBJ}};
	static const struct dw_field defer[] = {{"flags", DW_INT}};
	struct json_object *data = json_member(c->body, "data");

	if (!dw_check_object(c, c->body, "", fields, countof(fields)))
		return;
	if (!answers(it, type))
		dw_invalid(c, "type", "INTERACTION_APPLICATION_COMMAND_INVALID_CALLBACK_TYPE",
			"The callback type does not answer this interaction");
	else if (type == CALLBACK_MESSAGE || type == CALLBACK_UPDATE)
		dw_check_message(c, data, "data", DW_USE_CALLBACK,
			type == CALLBACK_UPDATE ? dw_message_find(c->w, it->source_id) : NULL);
	else if (type == CALLBACK_CHOICES)
		check_choices(c, data);
	else if (type == CALLBACK_MODAL)
		dw_check_modal(c, data);
	else if (data && dw_check_object(c, data, "data", defer, countof(defer)) &&
		 (json_int(data, "flags", 0) & ~DW_EPHEMERAL))
		dw_violation(c->w, "flags", "a deferral takes the flag 64 only");
}

/* A new message of the interaction, stored and announced. */
static struct dw_message *say(struct dw_call *c, struct dw_interaction *it,
	struct json_object *data, bool ephemeral, bool loading)
{
	struct dw_channel *ch = dw_channel_find(c->w, it->channel_id);
	struct dw_message *m = dw_message_new(c->w, ch, c->w->bot);

	m->type = it->original_id ? 19 : it->kind == DW_COMMAND ? 20 : 19;
	m->reference_id = it->original_id ? it->original_id : it->source_id;
	m->interaction_id = it->id;
	if (data)
		dw_compose(c, m, data, false);
	if (loading)
		m->flags |= DW_LOADING;
	if (ephemeral) {
		m->flags |= DW_EPHEMERAL;
		dw_message_whisper(m, it->user_id);
	}
	dw_message_render(c->w, m);
	if (!ephemeral) {
		ch->last_message_id = m->id;
		dw_message_event(c->w, m, "MESSAGE_CREATE");
	}
	return m;
}

static void act(struct dw_call *c, struct dw_interaction *it, int64_t type)
{
	struct json_object *data = json_member(c->body, "data");
	struct dw_message *m = it->source_id ? dw_message_find(c->w, it->source_id) : NULL;

	it->ephemeral = json_int(data, "flags", 0) & DW_EPHEMERAL;
	if (type == CALLBACK_MESSAGE || type == CALLBACK_DEFER) {
		m = say(c, it, type == CALLBACK_MESSAGE ? data : NULL, it->ephemeral,
			type == CALLBACK_DEFER);
		it->original_id = m->id;
	} else if (type == CALLBACK_DEFER_UPDATE) {
		it->original_id = it->source_id;
	} else if (type == CALLBACK_UPDATE && m) {
		it->original_id = m->id;
		dw_compose(c, m, data, true);
		dw_message_render(c->w, m);
		if (!m->ephemeral_for)
			dw_message_event(c->w, m, "MESSAGE_UPDATE");
	} else if (type == CALLBACK_CHOICES) {
		it->choices = json_object_get(json_array(data, "choices"));
	} else if (type == CALLBACK_MODAL) {
		it->modal = json_object_get(data);
	}
}

static void reply_callback(struct dw_call *c, struct dw_interaction *it, int64_t type)
{
	cleanup(freep) char *with = url_query(c->req->url, "with_response");
	struct dw_message *m = it->original_id ? dw_message_find(c->w, it->original_id) : NULL;
	struct json_object *o, *in, *resource;

	if (!str_eq(with, "true") && !str_eq(with, "1")) {
		c->res->status = 204;
		return;
	}
	o = json_object_new_object();
	in = json_object_new_object();
	json_add_id(in, "id", it->id);
	json_add_int(in, "type", it->kind);
	if (m) {
		json_add_id(in, "response_message_id", m->id);
		json_add_bool(in, "response_message_loading", (m->flags & DW_LOADING) != 0);
		json_add_bool(in, "response_message_ephemeral", m->ephemeral_for != 0);
	}
	json_add_id(in, "channel_id", it->channel_id);
	json_add_id(in, "guild_id", it->guild_id);
	json_add(o, "interaction", in);
	if (m && (type == CALLBACK_MESSAGE || type == CALLBACK_UPDATE)) {
		resource = json_object_new_object();
		json_add_int(resource, "type", type);
		json_add(resource, "message", json_object_get(dw_message_json(c->w, m)));
		json_add(o, "resource", resource);
	}
	dw_reply(c, 200, o);
}

static uint64_t body_hash(struct json_object *body)
{
	uint64_t h = 1469598103934665603ull;

	for (const char *p = json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN); *p; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211ull;
	return h | 1;
}

/* Discord 40060. A callback may be repeated once inside the 3 s when its answer was lost. */
static void acknowledged_twice(struct dw_call *c, struct dw_interaction *it)
{
	if (body_hash(c->body) != it->ack_hash || ++it->repeats > 1)
		dw_violation(c->w, "acknowledged_twice", "%d ms after the first time",
			(int)(c->now_ms - it->acked_ms));
	dw_fail(c, 400, 40060, "Interaction has already been acknowledged.");
}

void dw_callback(struct dw_call *c)
{
	struct dw_interaction *it = dw_interaction_find(c->w, c->id[0]);
	int64_t type = json_int(c->body, "type", 0), age = it ? c->now_ms - it->created_ms : 0;

	if (!it || !str_eq(it->token, c->token)) {
		dw_violation(c->w, "unknown_interaction", "there is no such interaction");
		dw_fail(c, 404, 10062, "Unknown interaction");
		return;
	}
	if (it->acked_ms) {
		acknowledged_twice(c, it);
		return;
	}
	if (age > DW_ACK_MS || !dw_channel_find(c->w, it->channel_id)) {
		if (age > DW_ACK_MS)
			dw_violation(c->w, "acknowledged_late", "after %d ms", (int)age);
		dw_fail(c, 404, 10062, "Unknown interaction");
		return;
	}
	check_callback(c, it, type);
	if (dw_refused(c) || c->res->status)
		return;
	it->acked_ms = c->now_ms;
	it->ack_type = (int)type;
	it->ack_hash = body_hash(c->body);
	act(c, it, type);
	dw_record_answer(c->w, it, json_str(c->body, "data.content"));
	c->w->version++;
	reply_callback(c, it, type);
}

/* ---- /webhooks/{app}/{token} ---- */

static struct dw_interaction *by_token(struct dw_call *c)
{
	struct dw_interaction *it;
	int64_t age;

	HASH_FIND(hh_token, c->w->by_token, c->token, strlen(c->token), it);
	if (!it || c->id[0] != c->w->application_id) {
		dw_violation(c->w, "unknown_webhook", "no interaction has this token");
		dw_fail(c, 404, 10015, "Unknown Webhook");
		return NULL;
	}
	age = c->now_ms - it->created_ms;
	if (age > DW_TOKEN_MS) {
		if (age > DW_TOKEN_MS + TOKEN_GRACE_MS)
			dw_violation(c->w, "expired_token", "%d s old", (int)(age / 1000));
		dw_fail(c, 401, 50027, "Invalid Webhook Token");
		return NULL;
	}
	if (!it->acked_ms || it->kind == DW_AUTOCOMPLETE) {
		/* When the callback was lost for good the bot finds it out here, once. */
		if (age <= DW_ACK_MS || ++it->repeats > 1)
			dw_violation(c->w, "webhook_before_callback",
				"the interaction was not answered by a callback");
		dw_fail(c, 404, 10015, "Unknown Webhook");
		return NULL;
	}
	if (!dw_channel_find(c->w, it->channel_id)) {
		dw_fail(c, 404, 10003, "Unknown Channel");
		return NULL;
	}
	return it;
}

static struct dw_message *call_message(struct dw_call *c, struct dw_interaction *it)
{
	struct dw_message *m = dw_message_find(c->w, c->original ? it->original_id : c->id[1]);

	if (m && !m->deleted && (m->interaction_id == it->id || m->id == it->original_id))
		return m;
	dw_fail(c, 404, 10008, "Unknown Message");
	return NULL;
}

static void edit(struct dw_call *c, struct dw_interaction *it, struct dw_message *m)
{
	bool first = m->flags & DW_LOADING;

	dw_check_message(c, c->body, "", DW_USE_EDIT, m);
	if (dw_refused(c) || c->res->status)
		return;
	dw_compose(c, m, c->body, !first);
	if (m->id == it->original_id)
		dw_record_answer(c->w, it, m->content);
	dw_message_render(c->w, m);
	if (!m->ephemeral_for)
		dw_message_event(c->w, m, "MESSAGE_UPDATE");
	dw_reply(c, 200, json_object_get(dw_message_json(c->w, m)));
}

void dw_original_edit(struct dw_call *c)
{
	struct dw_interaction *it = by_token(c);
	struct dw_message *m = it ? call_message(c, it) : NULL;

	if (m)
		edit(c, it, m);
}

void dw_original_get(struct dw_call *c)
{
	struct dw_interaction *it = by_token(c);
	struct dw_message *m = it ? call_message(c, it) : NULL;

	if (m)
		dw_reply(c, 200, json_object_get(dw_message_json(c->w, m)));
}

void dw_original_delete(struct dw_call *c)
{
	struct dw_interaction *it = by_token(c);
	struct dw_message *m = it ? call_message(c, it) : NULL;

	if (!m)
		return;
	dw_message_delete(c->w, m);
	c->res->status = 204;
}

void dw_followup(struct dw_call *c)
{
	struct dw_interaction *it = by_token(c);
	struct dw_message *first = it ? dw_message_find(c->w, it->original_id) : NULL;

	if (!it)
		return;
	if (first && !first->deleted && (first->flags & DW_LOADING)) {
		/* Deprecated: a followup to a deferral is that edit. */
		dw_violation(c->w, "followup_to_deferral", "edit @original instead");
		json_object_object_del(c->body, "flags");
		edit(c, it, first);
		return;
	}
	dw_check_message(c, c->body, "", DW_USE_FOLLOWUP, NULL);
	if (dw_refused(c) || c->res->status)
		return;
	it->followups++;
	first = say(c, it, c->body, json_int(c->body, "flags", 0) & DW_EPHEMERAL, false);
	dw_reply(c, 200, json_object_get(dw_message_json(c->w, first)));
}
