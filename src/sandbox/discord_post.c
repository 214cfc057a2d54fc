/* SPDX-License-Identifier: Apache-2.0 */
/* Messages over REST. */
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/discord_impl.h"

struct dw_channel *dw_call_channel(struct dw_call *c, uint64_t id, uint64_t need)
{
	struct dw_channel *ch = dw_channel_find(c->w, id);
	uint64_t have;

	if (!ch) {
		dw_fail(c, 404, 10003, "Unknown Channel");
		return NULL;
	}
	have = dw_permissions(ch, c->w->bot->id);
	if (!ch->guild->bot_in || !(have & DW_VIEW_CHANNEL)) {
		/* After being expelled the bot cannot know; a hidden channel it can. */
		if (ch->guild->bot_in)
			dw_violation(c->w, "missing_access", "the bot cannot see #%s", ch->name);
		dw_fail(c, 403, 50001, "Missing Access");
		return NULL;
	}
	if ((have & need) != need) {
		dw_violation(c->w, "missing_permissions", "the bot lacks %" PRIu64 " in #%s",
			need & ~have, ch->name);
		dw_fail(c, 403, 50013, "Missing Permissions");
		return NULL;
	}
	return ch;
}

/* ---- files and bodies of a checked request ---- */

static struct dw_file *upload(
	struct dw_call *c, struct dw_message *m, size_t n, struct json_object *meta)
{
	const struct http_part *part = c->files[n];
	const char *name = json_str(meta, "filename");

	return dw_file_new(c->w, m->channel->id, name ? name : part->filename,
		json_str(meta, "description"), part->data, part->len);
}

static void compose_files(struct dw_call *c, struct dw_message *m, struct json_object *body)
{
	struct json_object *list = json_array(body, "attachments"), *unused;
	struct dw_file *old[DISCORD_FILES_MAX];
	size_t n_old = m->n_files, n_new = 0;

	for (size_t n = 0; n < DISCORD_FILES_MAX; n++)
		n_new += c->files[n] != NULL;
	/* A JSON edit without the key keeps the files; with new files v10 drops the old (#5170). */
	if (!n_new && !json_object_object_get_ex(body, "attachments", &unused))
		return;
	memcpy(old, m->files, sizeof(old));
	m->n_files = 0;
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *meta = json_object_array_get_idx(list, i);
		uint64_t id = json_id(meta, "id");

		for (size_t k = 0; k < n_old; k++)
			if (old[k] && old[k]->id == id)
				m->files[m->n_files++] = take(old[k]);
		if (id < DISCORD_FILES_MAX && c->files[id])
			m->files[m->n_files++] = upload(c, m, id, meta);
	}
	for (size_t n = 0; !list && n < DISCORD_FILES_MAX; n++)
		if (c->files[n])
			m->files[m->n_files++] = upload(c, m, n, NULL);
	for (size_t k = 0; k < n_old; k++)
		if (old[k])
			dw_file_drop(c->w, old[k]);
}

static void keep(struct json_object **where, struct json_object *body, const char *name)
{
	struct json_object *v;

	if (!json_object_object_get_ex(body, name, &v))
		return;
	json_put(where);
	*where = json_object_get(v);
}

void dw_compose(struct dw_call *c, struct dw_message *m, struct json_object *body, bool edit)
{
	const uint32_t settable = DW_SUPPRESS_EMBEDS | DW_SUPPRESS_NOTIFICATIONS | DW_COMPONENTS_V2;
	struct json_object *v;

	if (json_object_object_get_ex(body, "content", &v))
		str_set(&m->content, v ? json_object_get_string(v) : "");
	keep(&m->raw_embeds, body, "embeds");
	keep(&m->raw_components, body, "components");
	compose_files(c, m, body);
	if (json_member(body, "flags"))
		m->flags =
			(m->flags & ~settable) | ((uint32_t)json_int(body, "flags", 0) & settable);
	m->flags &= ~(uint32_t)DW_LOADING;
	dw_message_mentions(c->w, m, json_member(body, "allowed_mentions"));
	if (edit) {
		m->edits++;
		m->edited_ms = c->now_ms;
	}
}

/* ---- routes ---- */

/* Discord: within a few minutes a nonce with enforce_nonce returns the first message. */
static struct dw_message *same_nonce(struct dw_call *c, struct dw_channel *ch, const char *nonce)
{
	if (!ch->messages)
		return NULL;
	for (struct dw_message *m = ch->messages->prev;; m = m->prev) {
		if (c->now_ms - m->created_ms > DW_NONCE_MS)
			return NULL;
		if (m->author == c->w->bot && str_eq(m->nonce, nonce))
			return m;
		if (m == ch->messages)
			return NULL;
	}
}

static struct json_object *with_nonce(struct json_object *json, const char *nonce)
{
	struct json_object *o = dw_copy(json);

	if (nonce)
		json_add_str(o, "nonce", nonce);
	return o;
}

static bool may_post(struct dw_call *c, struct dw_channel *ch)
{
	uint64_t need = 0, have = dw_permissions(ch, c->w->bot->id);

	for (size_t n = 0; n < DISCORD_FILES_MAX; n++)
		if (c->files[n])
			need |= DW_ATTACH_FILES;
	if (json_len(json_array(c->body, "embeds")))
		need |= DW_EMBED_LINKS;
	if (ch->type == DW_CATEGORY) {
		dw_violation(c->w, "not_a_text_channel", "a category holds no messages");
		dw_fail(c, 400, 50008, "Cannot send messages in a non-text channel");
		return false;
	}
	if ((have & need) == need)
		return true;
	dw_violation(c->w, "missing_permissions", "the bot lacks %" PRIu64, need & ~have);
	dw_fail(c, 403, 50013, "Missing Permissions");
	return false;
}

static bool reference_ok(struct dw_call *c, struct dw_channel *ch, uint64_t id)
{
	struct dw_message *m = id ? dw_message_find(c->w, id) : NULL;

	if (!json_member(c->body, "message_reference") ||
		!json_flag(c->body, "message_reference.fail_if_not_exists", true) ||
		(m && !m->deleted && m->channel == ch))
		return true;
	dw_invalid(c, "message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message");
	return !dw_refused(c);
}

void dw_messages_create(struct dw_call *c)
{
	struct dw_channel *ch = dw_call_channel(c, c->id[0], DW_SEND_MESSAGES);
	struct json_object *nonce_v = json_member(c->body, "nonce");
	const char *nonce = nonce_v ? json_object_get_string(nonce_v) : NULL;
	uint64_t reference = json_id(c->body, "message_reference.message_id");
	struct dw_message *m;

	if (!ch)
		return;
	dw_check_message(c, c->body, "", DW_USE_CREATE, NULL);
	if (dw_refused(c) || c->res->status || !may_post(c, ch) || !reference_ok(c, ch, reference))
		return;
	m = nonce && json_flag(c->body, "enforce_nonce", false) ? same_nonce(c, ch, nonce) : NULL;
	if (m && m->deleted) { /* #6647 */
		dw_fail(c, 404, 10008, "Unknown Message");
		return;
	}
	if (!m) {
		m = dw_message_new(c->w, ch, c->w->bot);
		m->nonce = xstrdup(nonce);
		if (reference && dw_message_find(c->w, reference))
			m->reference_id = reference;
		m->type = m->reference_id ? 19 : 0;
		dw_compose(c, m, c->body, false);
		dw_message_render(c->w, m);
		ch->last_message_id = m->id;
		dw_record_message(c->w, m);
		dw_message_event(c->w, m, "MESSAGE_CREATE");
	}
	dw_reply(c, 200, with_nonce(dw_message_json(c->w, m), nonce));
}

/* The message of the route, or NULL with the failure written. */
static struct dw_message *call_message(struct dw_call *c, uint64_t need)
{
	struct dw_channel *ch = dw_call_channel(c, c->id[0], need);
	struct dw_message *m = ch ? dw_message_find(c->w, c->id[1]) : NULL;

	if (!ch)
		return NULL;
	if (!m || m->deleted || m->channel != ch || m->ephemeral_for) {
		if (!m || m->channel != ch)
			dw_violation(
				c->w, "unknown_message", "there never was such a message here");
		else if (m->deleted && c->req->method == HTTP_DELETE && ++m->deletes > 2)
			dw_violation(c->w, "delete_unknown", "it was deleted %d times", m->deletes);
		else if (m->ephemeral_for)
			dw_violation(
				c->w, "ephemeral_message", "an ephemeral is not in the channel");
		dw_fail(c, 404, 10008, "Unknown Message");
		return NULL;
	}
	return m;
}

void dw_messages_edit(struct dw_call *c)
{
	struct dw_message *m = call_message(c, 0);

	if (!m)
		return;
	if (m->author != c->w->bot) {
		dw_violation(c->w, "edit_of_another", "only one's own messages can be edited");
		dw_fail(c, 403, 50005, "Cannot edit a message authored by another user");
		return;
	}
	dw_check_message(c, c->body, "", DW_USE_EDIT, m);
	if (dw_refused(c) || c->res->status || !may_post(c, m->channel))
		return;
	dw_compose(c, m, c->body, true);
	dw_message_render(c->w, m);
	dw_message_event(c->w, m, "MESSAGE_UPDATE");
	dw_reply(c, 200, json_object_get(dw_message_json(c->w, m)));
}

void dw_messages_get(struct dw_call *c)
{
	struct dw_message *m = call_message(c, DW_READ_HISTORY);

	if (m)
		dw_reply(c, 200, dw_message_shown(c->w, m));
}

void dw_messages_delete(struct dw_call *c)
{
	struct dw_message *m = call_message(c, 0);

	if (!m)
		return;
	if (m->author != c->w->bot && !dw_call_channel(c, c->id[0], DW_MANAGE_MESSAGES))
		return;
	dw_message_delete(c->w, m);
	c->res->status = 204;
}

static uint64_t query_id(struct dw_call *c, const char *name, bool *ret_given)
{
	cleanup(freep) char *text = url_query(c->req->url, name);
	uint64_t id = 0;

	if (!text)
		return 0;
	if (parse_u64(text, &id) < 0)
		dw_invalid(c, name, "NUMBER_TYPE_COERCE", "Value is not snowflake.");
	*ret_given = true;
	return id;
}

void dw_messages_list(struct dw_call *c)
{
	struct dw_channel *ch = dw_call_channel(c, c->id[0], DW_READ_HISTORY);
	bool l = false, b = false, a = false, r = false;
	uint64_t limit = query_id(c, "limit", &l), before = query_id(c, "before", &b);
	uint64_t after = query_id(c, "after", &a), around = query_id(c, "around", &r);
	struct json_object *list;
	struct dw_message *m, *from = NULL;
	uint64_t n = 0;

	if (!ch)
		return;
	if (l && (limit < 1 || limit > 100))
		dw_invalid(c, "limit", "NUMBER_TYPE_RANGE", "Value should be between 1 and 100.");
	if (b + a + r > 1)
		dw_invalid(c, "before", "EXCLUSIVE", "before, after and around exclude each other");
	if (dw_refused(c))
		return;
	limit = l ? limit : 50;
	/* Newest first: find where to start, then walk towards the oldest. */
	DL_FOREACH(ch->messages, m)
	{
		if (m->deleted || m->ephemeral_for)
			continue;
		if (b && m->id >= before)
			break;
		if (a && m->id > after && ++n > limit)
			break;
		if (r && m->id > around && ++n > limit / 2)
			break;
		from = m;
	}
	list = json_object_new_array();
	for (m = from; m && json_len(list) < limit; m = m == ch->messages ? NULL : m->prev) {
		if (m->deleted || m->ephemeral_for)
			continue;
		if (a && m->id <= after)
			break;
		json_object_array_add(list, dw_message_shown(c->w, m));
	}
	dw_reply(c, 200, list);
}
