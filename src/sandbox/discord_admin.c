/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators do in Discord's client, and what happens to members. */
#include <errno.h>
#include <stdlib.h>

#include "sandbox/discord_impl.h"

static int join(struct discord_world *w, struct json_object *act)
{
	struct dw_user *u = dw_user_find(w, json_id(act, "user"));

	if (!u)
		return -EINVAL;
	if (!dw_member_find(w->home, u->id))
		dw_member_add(w, w->home, u, 0);
	return 0;
}

/* The bot hears of it with the next interaction only: the event needs a privileged intent. */
static int give_role(struct discord_world *w, struct json_object *act)
{
	struct dw_member *m = dw_member_find(w->home, json_id(act, "user"));
	uint64_t role = json_id(act, "role");
	bool known = !role;

	for (size_t i = 2; i < w->home->n_roles; i++)
		known |= w->home->roles[i].id == role;
	if (!m || m->user->bot || !known)
		return -EINVAL;
	m->role_id = role;
	return 0;
}

static int rename_user(struct discord_world *w, struct json_object *act)
{
	struct dw_user *u = dw_user_find(w, json_id(act, "user"));
	const char *name = json_str(act, "name");
	struct json_object *copy;

	if (!u || !name || !*name)
		return -EINVAL;
	str_set(&u->username, name);
	copy = dw_copy(u->json); /* older messages keep the old name */
	json_add_str(copy, "username", name);
	json_add_str(copy, "global_name", name);
	json_put(&u->json);
	u->json = copy;
	return 0;
}

static int rename_channel(struct discord_world *w, struct json_object *act)
{
	struct dw_channel *ch = dw_channel_find(w, json_id(act, "channel"));
	const char *name = json_str(act, "name");

	if (!ch || !name || !*name)
		return -EINVAL;
	str_set(&ch->name, name);
	dw_dispatch(
		w, "CHANNEL_UPDATE", DW_INTENT_GUILDS, ch->guild, ch, NULL, dw_channel_json(ch));
	return 0;
}

static int delete_channel(struct discord_world *w, struct json_object *act)
{
	struct dw_channel *ch = dw_channel_find(w, json_id(act, "channel"));

	if (!ch)
		return -EINVAL;
	dw_channel_remove(w, ch);
	return 0;
}

/* Lets another member see a private channel. */
static int let_in(struct discord_world *w, struct json_object *act)
{
	struct dw_channel *ch = dw_channel_find(w, json_id(act, "channel"));
	struct dw_overwrite o = {
		.id = json_id(act, "user"), .type = 1, .allow = DW_VIEW_CHANNEL};

	if (!ch || !dw_user_find(w, o.id))
		return -EINVAL;
	dw_channel_overwrite(ch, &o);
	dw_dispatch(w, "CHANNEL_UPDATE", DW_INTENT_GUILDS, ch->guild, ch, NULL, dw_channel_json(ch));
	return 0;
}

/* Server Settings > Integrations: what a command needs by default does not hold for a member. */
static int let_through(struct discord_world *w, struct json_object *act)
{
	uint64_t user = json_id(act, "user");

	if (!dw_member_find(w->home, user))
		return -EINVAL;
	w->let_through = user;
	return 0;
}

/* The bot's role: takes away and gives. What it then tries in vain is no fault of its. */
static int permit(struct discord_world *w, struct json_object *act)
{
	struct dw_role *role = &w->home->roles[1];
	struct json_object *d;

	w->permissions_changed = true;
	role->permissions = (role->permissions & ~json_id(act, "deny")) | json_id(act, "allow");
	d = json_object_new_object();
	json_add_id(d, "guild_id", w->home->id);
	json_add(d, "role", dw_role_json(role));
	dw_dispatch(w, "GUILD_ROLE_UPDATE", DW_INTENT_GUILDS, w->home, NULL, NULL, d);
	return 0;
}

/* Text channels of others, until the server has so many. */
static int fill(struct discord_world *w, struct json_object *act)
{
	uint64_t parent = json_id(act, "parent");
	int64_t have = 0, want = json_int(act, "channels", GUILD_CHANNELS_MAX);

	if (want > GUILD_CHANNELS_MAX)
		return -EINVAL;
	for (struct dw_channel *ch = w->channels; ch; ch = ch->hh.next)
		have += !ch->deleted && ch->guild == w->home && ch->type != DW_THREAD &&
			(!parent || ch->parent_id == parent);
	for (; have < want; have++)
		(void)discord_world_add_channel(w, "filler", parent, DW_TEXT);
	return 0;
}

/* A role without permissions of its own, and the member who gets it. */
static int new_role(struct discord_world *w, struct json_object *act)
{
	struct dw_member *m = dw_member_find(w->home, json_id(act, "user"));
	const char *name = json_str(act, "name");
	struct dw_role *role = &w->home->roles[w->home->n_roles];
	struct json_object *d;

	if (!m || !name || !*name || w->home->n_roles == countof(w->home->roles))
		return -EINVAL;
	*role = (struct dw_role){
		dw_snowflake(w, w->now_ms), 0, xstrdup(name), (int)w->home->n_roles};
	w->home->n_roles++;
	m->role_id = role->id;
	d = json_object_new_object();
	json_add_id(d, "guild_id", w->home->id);
	json_add(d, "role", dw_role_json(role));
	dw_dispatch(w, "GUILD_ROLE_CREATE", DW_INTENT_GUILDS, w->home, NULL, NULL, d);
	return 0;
}

int discord_world_act(struct discord_world *w, struct json_object *act, int64_t now_ms)
{
	static const struct {
		const char *kind;
		int (*act)(struct discord_world *w, struct json_object *act);
	} kinds[] = {
		{"join", join},
		{"rename", rename_user},
		{"role", give_role},
		{"rename_channel", rename_channel},
		{"delete_channel", delete_channel},
		{"let_in", let_in},
		{"let_through", let_through},
		{"permissions", permit},
		{"fill", fill},
		{"new_role", new_role},
	};
	const char *kind = json_str(act, "kind");

	w->now_ms = now_ms;
	for (size_t i = 0; i < countof(kinds); i++)
		if (str_eq(kind, kinds[i].kind)) {
			w->version++;
			return kinds[i].act(w, act);
		}
	return -EINVAL;
}
