/* SPDX-License-Identifier: Apache-2.0 */
/* Users, guilds, members, roles, channels, and who may do what where. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "sandbox/discord_impl.h"

uint64_t dw_snowflake(struct discord_world *w, int64_t now_ms)
{
	uint64_t id = now_ms > DW_EPOCH_MS ? (uint64_t)(now_ms - DW_EPOCH_MS) << 22 : 0;

	/* Two things of one millisecond differ in the low bits; ids always rise. */
	w->last_id = id > w->last_id ? id : w->last_id + 1;
	return w->last_id;
}

struct json_object *dw_time(int64_t unix_ms)
{
	/* Days to a civil date: Howard Hinnant's algorithm, good for every date we meet. */
	int64_t days = unix_ms / 86400000, in_day = unix_ms % 86400000;
	int64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	int64_t day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
	int64_t year = yoe + era * 400 + (month <= 2);
	char text[80];

	if (unix_ms <= 0)
		return NULL;
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03d000+00:00", (int)year,
		(int)month, (int)day, (int)(in_day / 3600000), (int)(in_day / 60000 % 60),
		(int)(in_day / 1000 % 60), (int)(in_day % 1000));
	return json_object_new_string(text);
}

struct dw_user *dw_user_new(struct discord_world *w, const char *username, bool bot)
{
	struct dw_user *u = xcalloc(1, sizeof(*u));

	u->id = dw_snowflake(w, w->now_ms);
	u->username = xstrdup(username);
	u->locale = xstrdup("en-US");
	u->bot = bot;
	u->json = json_object_new_object();
	json_add_id(u->json, "id", u->id);
	json_add_str(u->json, "username", username);
	json_add_str(u->json, "discriminator", bot ? "0001" : "0");
	json_add_str(u->json, "global_name", bot ? NULL : username);
	json_add_str(u->json, "avatar", NULL);
	json_add_str(u->json, "avatar_decoration_data", NULL);
	json_add_int(u->json, "public_flags", 0);
	if (bot)
		json_add_bool(u->json, "bot", true);
	HASH_ADD(hh, w->users, id, sizeof(u->id), u);
	return u;
}

struct dw_user *dw_user_find(struct discord_world *w, uint64_t id)
{
	struct dw_user *u;

	HASH_FIND(hh, w->users, &id, sizeof(id), u);
	return u;
}

struct dw_guild *dw_guild_new(struct discord_world *w, uint64_t id, const char *name, bool with_bot)
{
	struct dw_guild *g = xcalloc(1, sizeof(*g));

	g->id = id ? id : dw_snowflake(w, w->now_ms);
	g->name = xstrdup(name);
	g->commands = json_object_new_array();
	g->roles[0] = (struct dw_role){g->id, DW_EVERYONE_DEFAULT, xstrdup("@everyone"), 0};
	g->roles[1] = (struct dw_role){
		dw_snowflake(w, w->now_ms), DW_BOT_ROLE, xstrdup(w->bot->username), 1};
	g->roles[2] = (struct dw_role){
		dw_snowflake(w, w->now_ms), DW_ADMINISTRATOR, xstrdup("Administrator"), 2};
	g->n_roles = 3;
	HASH_ADD(hh, w->guilds, id, sizeof(g->id), g);
	if (with_bot)
		dw_member_add(w, g, w->bot, g->roles[1].id);
	g->bot_in = with_bot;
	return g;
}

struct dw_guild *dw_guild_find(struct discord_world *w, uint64_t id)
{
	struct dw_guild *g;

	HASH_FIND(hh, w->guilds, &id, sizeof(id), g);
	return g;
}

struct dw_member *dw_member_find(struct dw_guild *guild, uint64_t user_id)
{
	for (size_t i = 0; guild && i < guild->n_members; i++)
		if (guild->members[i].user->id == user_id)
			return &guild->members[i];
	return NULL;
}

void dw_member_add(
	struct discord_world *w, struct dw_guild *guild, struct dw_user *user, uint64_t role_id)
{
	guild->members = xrealloc(guild->members, (guild->n_members + 1) * sizeof(*guild->members));
	guild->members[guild->n_members++] = (struct dw_member){user, role_id, w->now_ms};
}

void dw_member_remove(struct dw_guild *guild, uint64_t user_id)
{
	struct dw_member *m = dw_member_find(guild, user_id);

	if (m)
		*m = guild->members[--guild->n_members];
}

static size_t children(struct discord_world *w, uint64_t parent_id)
{
	size_t n = 0;

	for (struct dw_channel *ch = w->channels; ch; ch = ch->hh.next)
		n += !ch->deleted && ch->parent_id == parent_id;
	return n;
}

struct dw_channel *dw_channel_new(struct discord_world *w, struct dw_guild *guild, int type,
	const char *name, uint64_t parent_id)
{
	struct dw_channel *ch = xcalloc(1, sizeof(*ch));

	ch->id = dw_snowflake(w, w->now_ms);
	ch->guild = guild;
	ch->type = type;
	ch->name = dw_channel_name(name, type);
	ch->parent_id = parent_id;
	ch->position = (int)children(w, parent_id);
	HASH_ADD(hh, w->channels, id, sizeof(ch->id), ch);
	w->version++;
	return ch;
}

struct dw_channel *dw_channel_find(struct discord_world *w, uint64_t id)
{
	struct dw_channel *ch;

	HASH_FIND(hh, w->channels, &id, sizeof(id), ch);
	return ch && !ch->deleted ? ch : NULL;
}

void dw_channel_overwrite(struct dw_channel *ch, const struct dw_overwrite *o)
{
	json_put(&ch->listed);
	for (size_t i = 0; i < ch->n_overwrites; i++)
		if (ch->overwrites[i].id == o->id) {
			ch->overwrites[i] = *o;
			return;
		}
	ch->overwrites = xrealloc(ch->overwrites, (ch->n_overwrites + 1) * sizeof(*o));
	ch->overwrites[ch->n_overwrites++] = *o;
}

static void channel_free(struct discord_world *w, struct dw_channel *ch)
{
	struct dw_message *m, *next;

	json_put(&ch->listed);
	HASH_DEL(w->channels, ch);
	DL_FOREACH_SAFE(ch->messages, m, next)
	dw_message_free(w, m);
	free(ch->overwrites);
	free(ch->joined);
	free(ch->name);
	free(ch->topic);
	free(ch);
}

void dw_channel_delete(struct discord_world *w, struct dw_channel *ch)
{
	struct dw_channel *old, *next;

	ch->deleted = true;
	w->version++;
	for (struct dw_channel *c = w->channels; c; c = c->hh.next)
		if (!c->deleted && c->parent_id == ch->id) {
			c->parent_id = 0;
			json_put(&c->listed);
		}
	if (++w->n_gone <= DW_GONE_CHANNELS_MAX)
		return;
	HASH_ITER(hh, w->channels, old, next)
	{
		if (!old->deleted)
			continue;
		channel_free(w, old);
		w->n_gone--;
		w->n_forgotten++;
		return;
	}
}

/* Discord [P]: text channel names are lower case, spaces become dashes, punctuation goes. */
char *dw_channel_name(const char *name, int type)
{
	struct buf out = BUF(1024);

	if (type == DW_CATEGORY)
		return xstrndup(name, 400);
	for (const char *c = name; *c && out.len < 400; c++) {
		unsigned char u = (unsigned char)*c;
		char lower = u < 0x80 ? (char)tolower(u) : *c;

		if (u < 0x80 && (isspace(u) || u == '-'))
			lower = '-';
		else if (u < 0x80 && !isalnum(u) && u != '_')
			continue;
		if (lower == '-' && out.len && out.data[out.len - 1] == '-')
			continue;
		(void)buf_add(&out, &lower, 1);
	}
	return buf_take(&out);
}

static struct dw_role *role_find(struct dw_guild *guild, uint64_t id)
{
	for (size_t i = 0; i < guild->n_roles; i++)
		if (guild->roles[i].id == id)
			return &guild->roles[i];
	return NULL;
}

uint64_t dw_guild_permissions(struct dw_guild *guild, uint64_t user_id)
{
	struct dw_member *m = dw_member_find(guild, user_id);
	struct dw_role *role = m && m->role_id ? role_find(guild, m->role_id) : NULL;
	uint64_t p;

	if (!m)
		return 0;
	if (guild->owner_id == user_id)
		return DW_ALL_PERMISSIONS;
	p = guild->roles[0].permissions | (role ? role->permissions : 0);
	return p & DW_ADMINISTRATOR ? DW_ALL_PERMISSIONS : p;
}

/* Discord: base, then @everyone's overwrite, the roles' together, the member's own. */
uint64_t dw_permissions(struct dw_channel *ch, uint64_t user_id)
{
	struct dw_member *m = dw_member_find(ch->guild, user_id);
	uint64_t p;

	if (ch->thread_of)
		return dw_thread_permissions(ch, user_id);
	p = dw_guild_permissions(ch->guild, user_id);
	if (!m || p == DW_ALL_PERMISSIONS)
		return p;
	for (int pass = 0; pass < 3; pass++) {
		uint64_t who = pass == 0 ? ch->guild->id : pass == 1 ? m->role_id : user_id;

		for (size_t i = 0; who && i < ch->n_overwrites; i++)
			if (ch->overwrites[i].id == who)
				p = (p & ~ch->overwrites[i].deny) | ch->overwrites[i].allow;
	}
	/* Without VIEW_CHANNEL nothing else counts. */
	return p & DW_VIEW_CHANNEL ? p : 0;
}

void dw_model_free(struct discord_world *w)
{
	struct dw_channel *ch, *next_ch;
	struct dw_guild *g, *next_g;
	struct dw_user *u, *next_u;

	HASH_ITER(hh, w->channels, ch, next_ch)
	channel_free(w, ch);
	HASH_ITER(hh, w->guilds, g, next_g)
	{
		HASH_DEL(w->guilds, g);
		for (size_t i = 0; i < g->n_roles; i++)
			free(g->roles[i].name);
		free(g->members);
		free(g->name);
		json_put(&g->commands);
		free(g);
	}
	HASH_ITER(hh, w->users, u, next_u)
	{
		HASH_DEL(w->users, u);
		free(u->username);
		free(u->locale);
		json_put(&u->json);
		free(u);
	}
}
