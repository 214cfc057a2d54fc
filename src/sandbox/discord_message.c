/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: kept as they were sent, shown as Discord shows them. */
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/discord_impl.h"
#include "sandbox/discord_world.h"

static void forget_oldest(struct discord_world *w, struct dw_channel *ch)
{
	struct dw_message *m = ch->oldest ? ch->oldest : ch->messages;

	while (m->ephemeral_for)
		m = m->next;
	ch->oldest = m;
	dw_message_free(w, m);
}

struct dw_message *dw_message_new(
	struct discord_world *w, struct dw_channel *ch, struct dw_user *author)
{
	struct dw_message *m = xcalloc(1, sizeof(*m));

	m->id = dw_snowflake(w, w->now_ms);
	m->channel = ch;
	m->author = author;
	m->created_ms = w->now_ms;
	m->content = xstrdup("");
	HASH_ADD(hh, w->messages, id, sizeof(m->id), m);
	DL_APPEND(ch->messages, m);
	if (++ch->n_messages > DW_MESSAGES_MAX)
		forget_oldest(w, ch);
	return m;
}

void dw_message_whisper(struct dw_message *m, uint64_t user_id)
{
	m->ephemeral_for = user_id;
	m->channel->n_messages--;
}

struct dw_message *dw_message_find(struct discord_world *w, uint64_t id)
{
	struct dw_message *m;

	HASH_FIND(hh, w->messages, &id, sizeof(id), m);
	return m;
}

void dw_message_free(struct discord_world *w, struct dw_message *m)
{
	HASH_DEL(w->messages, m);
	if (m->channel->oldest == m)
		m->channel->oldest = m->next;
	DL_DELETE(m->channel->messages, m);
	m->channel->n_messages -= !m->ephemeral_for;
	for (size_t i = 0; i < m->n_files; i++)
		dw_file_free(w, m->files[i]);
	json_put(&m->raw_embeds);
	json_put(&m->raw_components);
	json_put(&m->json);
	free(m->content);
	free(m->nonce);
	free(m);
}

static struct dw_file *file_named(struct dw_message *m, const char *url, bool *used)
{
	if (!url || !str_starts(url, "attachment://"))
		return NULL;
	for (size_t i = 0; i < m->n_files; i++)
		if (str_eq(m->files[i]->name, url + 13)) {
			used[i] = true;
			return m->files[i];
		}
	return NULL;
}

/* A media item: {"url"} becomes what Discord answers with. */
static struct json_object *media_json(
	struct discord_world *w, struct dw_message *m, struct json_object *raw, bool *used)
{
	struct json_object *o = dw_copy(raw);
	struct dw_file *f = file_named(m, json_str(raw, "url"), used);
	cleanup(freep) char *url = f ? dw_file_url(w, f) : xstrdup(json_str(raw, "url"));

	json_add_str(o, "url", url);
	json_add_str(o, "proxy_url", url);
	json_add_int(o, "width", f ? f->width : 0);
	json_add_int(o, "height", f ? f->height : 0);
	json_add_int(o, "flags", 0);
	if (f) {
		json_add_str(o, "content_type", f->type);
		json_add_id(o, "attachment_id", f->id);
	}
	return o;
}

static struct json_object *embeds_json(struct discord_world *w, struct dw_message *m, bool *used)
{
	static const char *const pictures[] = {"image", "thumbnail"};
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < json_len(m->raw_embeds); i++) {
		struct json_object *raw = json_object_array_get_idx(m->raw_embeds, i);
		struct json_object *o = dw_copy(raw);

		json_add_str(o, "type", "rich");
		for (size_t k = 0; k < countof(pictures); k++)
			if (json_member(raw, pictures[k]))
				json_add(o, pictures[k],
					media_json(w, m, json_member(raw, pictures[k]), used));
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *components_json(struct discord_world *w, struct dw_message *m,
	struct json_object *raw_list, bool *used, int *next_id)
{
	static const char *const media[] = {"file", "media"};
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < json_len(raw_list); i++) {
		struct json_object *raw = json_object_array_get_idx(raw_list, i), *items,
				   *accessory;
		struct json_object *o = dw_copy(raw);

		if (!json_member(raw, "id"))
			json_add_int(o, "id", (*next_id)++);
		for (size_t k = 0; k < countof(media); k++)
			if (json_object_is_type(json_member(raw, media[k]), json_type_object))
				json_add(o, media[k],
					media_json(w, m, json_member(raw, media[k]), used));
		items = json_array(raw, "items");
		if (items) {
			struct json_object *shown = json_object_new_array();

			for (size_t k = 0; k < json_len(items); k++) {
				struct json_object *item = json_object_array_get_idx(items, k);
				struct json_object *copy = dw_copy(item);

				json_add(copy, "media",
					media_json(w, m, json_member(item, "media"), used));
				json_object_array_add(shown, copy);
			}
			json_add(o, "items", shown);
		}
		if (json_array(raw, "components"))
			json_add(o, "components",
				components_json(
					w, m, json_array(raw, "components"), used, next_id));
		accessory = json_member(raw, "accessory");
		if (json_member(accessory, "media")) {
			accessory = dw_copy(accessory);
			json_add(accessory, "media",
				media_json(w, m, json_member(accessory, "media"), used));
			json_add(o, "accessory", accessory);
		}
		json_object_array_add(list, o);
	}
	return list;
}

static void add_interaction(struct discord_world *w, struct dw_message *m, struct json_object *o)
{
	struct dw_interaction *it = dw_interaction_find(w, m->interaction_id);
	struct json_object *meta = json_object_new_object(), *owners = json_object_new_object();
	struct dw_user *user = it ? dw_user_find(w, it->user_id) : NULL;

	json_add_id(o, "webhook_id", w->application_id);
	json_add_id(meta, "id", m->interaction_id);
	json_add_int(meta, "type", it ? (int)it->kind : DW_COMMAND);
	json_add(meta, "user", user ? json_object_get(user->json) : NULL);
	json_add_id(owners, "0", m->channel->guild->id);
	json_add(meta, "authorizing_integration_owners", owners);
	if (it && it->command) {
		/* "admin ban": Discord's client names the sub-command too. */
		const char *sub = json_int(it->data, "options.0.type", 0) == 1
					  ? json_str(it->data, "options.0.name")
					  : NULL;
		cleanup(freep) char *name =
			xasprintf("%s%s%s", it->command, sub ? " " : "", sub ? sub : "");

		json_add_str(meta, "name", name);
	}
	json_add(o, "interaction_metadata", meta);
}

static struct json_object *mentions_json(struct discord_world *w, struct dw_message *m)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < m->n_mentions; i++)
		json_object_array_add(list, json_object_get(dw_user_find(w, m->mentions[i])->json));
	return list;
}

static void add_reference(struct dw_message *m, struct json_object *o)
{
	struct json_object *ref = json_object_new_object();

	json_add_int(ref, "type", 0);
	json_add_id(ref, "message_id", m->reference_id);
	json_add_id(ref, "channel_id", m->channel->id);
	json_add_id(ref, "guild_id", m->channel->guild->id);
	json_add(o, "message_reference", ref);
}

void dw_message_render(struct discord_world *w, struct dw_message *m)
{
	struct json_object *o = json_object_new_object(), *files = json_object_new_array();
	bool used[DISCORD_FILES_MAX] = {false};
	int next_id = 1;

	json_add_id(o, "id", m->id);
	json_add_int(o, "type", m->type);
	json_add_id(o, "channel_id", m->channel->id);
	json_add(o, "author", json_object_get(m->author->json));
	json_add_str(o, "content", m->content);
	json_add(o, "timestamp", dw_time(m->created_ms));
	json_add(o, "edited_timestamp", dw_time(m->edited_ms));
	json_add_bool(o, "tts", false);
	json_add_bool(o, "mention_everyone", false);
	json_add(o, "mentions", mentions_json(w, m));
	json_add(o, "mention_roles", json_object_new_array());
	json_add(o, "embeds", embeds_json(w, m, used));
	json_add(o, "components", components_json(w, m, m->raw_components, used, &next_id));
	/* Discord #8277: files that an embed or a component shows are not in `attachments`. */
	for (size_t i = 0; i < m->n_files; i++)
		if (!used[i] && !(m->flags & DW_COMPONENTS_V2))
			json_object_array_add(files, dw_file_json(w, m->files[i]));
	json_add(o, "attachments", files);
	json_add_bool(o, "pinned", false);
	json_add_int(o, "flags", m->flags);
	if (m->author == w->bot)
		json_add_id(o, "application_id", w->application_id);
	if (m->interaction_id)
		add_interaction(w, m, o);
	if (m->reference_id)
		add_reference(m, o);
	json_put(&m->json);
	m->json = o;
	m->rendered_ms = w->now_ms;
	w->version++;
}

struct json_object *dw_message_json(struct discord_world *w, struct dw_message *m)
{
	if (!m->json || (m->n_files && w->now_ms - m->rendered_ms > DW_SIGNED_MS / 2))
		dw_message_render(w, m);
	return m->json;
}

void dw_message_event(struct discord_world *w, struct dw_message *m, const char *event)
{
	struct json_object *d = dw_copy(dw_message_json(w, m)), *member;
	struct dw_member *author = dw_member_find(m->channel->guild, m->author->id);

	json_add_id(d, "guild_id", m->channel->guild->id);
	json_add_int(d, "channel_type", m->channel->type);
	if (author) {
		member = dw_member_json(author, false);
		json_add(d, "member", member);
	}
	if (m->nonce && str_eq(event, "MESSAGE_CREATE"))
		json_add_str(d, "nonce", m->nonce);
	dw_dispatch(w, event, DW_INTENT_MESSAGES, m->channel->guild, m->channel, m, d);
}

void dw_message_delete(struct discord_world *w, struct dw_message *m)
{
	struct json_object *d;

	m->deleted = true;
	w->version++;
	if (m->ephemeral_for)
		return;
	d = json_object_new_object();
	json_add_id(d, "id", m->id);
	json_add_id(d, "channel_id", m->channel->id);
	json_add_id(d, "guild_id", m->channel->guild->id);
	dw_dispatch(
		w, "MESSAGE_DELETE", DW_INTENT_MESSAGES, m->channel->guild, m->channel, NULL, d);
}

static bool id_in(struct json_object *list, const char *id)
{
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *v = json_object_array_get_idx(list, i);

		if (v && str_eq(json_object_get_string(v), id))
			return true;
	}
	return false;
}

static void mentions_of(struct discord_world *w, struct dw_message *m, const char *text,
	struct json_object *allowed)
{
	struct json_object *parse = json_array(allowed, "parse");
	struct json_object *users = json_array(allowed, "users");

	for (const char *p = text; p && (p = strstr(p, "<@")) && m->n_mentions < DW_MENTIONS_MAX;) {
		char id[24];
		uint64_t user;
		size_t n;
		bool seen = false;

		p += 2;
		p += *p == '!';
		n = strspn(p, "0123456789");
		if (n == 0 || n >= sizeof(id) || p[n] != '>')
			continue;
		memcpy(id, p, n);
		id[n] = '\0';
		if (parse_u64(id, &user) < 0 || !dw_user_find(w, user))
			continue;
		if (user == w->bot->id)
			m->mentions_bot = true;
		for (size_t i = 0; i < m->n_mentions; i++)
			seen |= m->mentions[i] == user;
		if (!seen && (!allowed || id_in(parse, "users") || id_in(users, id)))
			m->mentions[m->n_mentions++] = user;
	}
}

static void component_mentions(struct discord_world *w, struct dw_message *m,
	struct json_object *list, struct json_object *allowed)
{
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *c = json_object_array_get_idx(list, i);

		if (json_int(c, "type", 0) == 10)
			mentions_of(w, m, json_str(c, "content"), allowed);
		component_mentions(w, m, json_array(c, "components"), allowed);
	}
}

void dw_message_mentions(struct discord_world *w, struct dw_message *m, struct json_object *allowed)
{
	m->n_mentions = 0;
	m->mentions_bot = false;
	mentions_of(w, m, m->content, allowed);
	component_mentions(w, m, m->raw_components, allowed);
}

/* The table keeps them in the order in which they were made. */
struct json_object *discord_world_next_message(struct discord_world *w, uint64_t *cursor)
{
	struct UT_hash_table *table = w->messages ? w->messages->hh.tbl : NULL;
	struct dw_message *m = table ? ELMT_FROM_HH(table, table->tail) : NULL;

	if (!m || m->id <= *cursor)
		return NULL;
	while (m->hh.prev && ((struct dw_message *)m->hh.prev)->id > *cursor)
		m = m->hh.prev;
	*cursor = m->id;
	return dw_message_json(w, m);
}
