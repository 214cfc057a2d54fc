/* SPDX-License-Identifier: Apache-2.0 */
/* The two halves of the world as one. */
#include "sandbox/world.h"

#include <errno.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/json.h"
#include "sandbox/comfy_world.h"
#include "sandbox/discord_world.h"

struct socket {
	uint64_t conn;
	int side; /* enum world_side, or one of the further cards */
	UT_hash_handle hh;
};

struct world {
	struct discord_world *discord;
	struct comfy_world *comfy[WORLD_CARDS_MAX];
	int n_comfy;
	struct socket *sockets; /* which half an open connection belongs to */
};

struct world *world_new(const struct world_config *config, int64_t now_ms)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->discord = discord_world_new(config, now_ms);
	w->n_comfy = max_of(config->n_cards, 1);
	must(w->n_comfy <= WORLD_CARDS_MAX);
	for (int i = 0; i < w->n_comfy; i++) {
		struct world_config one = *config;

		one.seed += (uint64_t)i;
		if (config->n_cards) {
			one.cards += i;
			one.n_cards = 1;
		}
		w->comfy[i] = comfy_world_new(&one, now_ms);
	}
	return w;
}

void world_commands_free(struct world_commands *commands)
{
	for (int i = 0; i < WORLD_COMMANDS; i++) {
		free(commands[i].text);
		json_put(&commands[i].list);
		json_put(&commands[i].options);
	}
}

struct world *world_free(struct world *w)
{
	struct socket *s, *next;

	if (!w)
		return NULL;
	HASH_ITER(hh, w->sockets, s, next)
	{
		HASH_DEL(w->sockets, s);
		free(s);
	}
	discord_world_free(w->discord);
	for (int i = 0; i < w->n_comfy; i++)
		comfy_world_free(w->comfy[i]);
	free(w);
	return NULL;
}

static struct comfy_world *comfy_of(struct world *w, int side)
{
	must(side >= WORLD_COMFY && side - WORLD_COMFY < w->n_comfy);
	return w->comfy[side - WORLD_COMFY];
}

void world_http(struct world *w, enum world_side side, const struct http_request *req,
	struct http_response *ret, int64_t now_ms)
{
	if (side == WORLD_DISCORD)
		discord_world_http(w->discord, req, ret, now_ms);
	else
		comfy_world_http(comfy_of(w, side), req, ret, now_ms);
}

static struct socket *socket_find(struct world *w, uint64_t conn)
{
	struct socket *s;

	HASH_FIND(hh, w->sockets, &conn, sizeof(conn), s);
	return s;
}

static void socket_drop(struct world *w, struct socket *s)
{
	HASH_DEL(w->sockets, s);
	free(s);
}

int world_ws_open(struct world *w, enum world_side side, uint64_t conn, const char *url,
	const struct http_request *req, int64_t now_ms)
{
	struct socket *s;
	int status = side == WORLD_DISCORD
			     ? discord_world_ws_open(w->discord, conn, url, req, now_ms)
			     : comfy_world_ws_open(comfy_of(w, side), conn, url, req, now_ms);

	if (status)
		return status;
	s = xcalloc(1, sizeof(*s));
	s->conn = conn;
	s->side = side;
	HASH_ADD(hh, w->sockets, conn, sizeof(s->conn), s);
	return 0;
}

void world_ws_received(
	struct world *w, uint64_t conn, const void *data, size_t len, bool binary, int64_t now_ms)
{
	struct socket *s = socket_find(w, conn);

	if (s && s->side == WORLD_DISCORD)
		discord_world_ws_received(w->discord, conn, data, len, binary, now_ms);
	else if (s)
		comfy_world_ws_received(comfy_of(w, s->side), conn, data, len, binary, now_ms);
}

void world_ws_closed(struct world *w, uint64_t conn, int code, int64_t now_ms)
{
	struct socket *s = socket_find(w, conn);

	if (!s)
		return;
	if (s->side == WORLD_DISCORD)
		discord_world_ws_closed(w->discord, conn, code, now_ms);
	else
		comfy_world_ws_closed(comfy_of(w, s->side), conn, code, now_ms);
	socket_drop(w, s);
}

bool world_next_output(struct world *w, struct world_output *ret)
{
	if (discord_world_next_output(w->discord, ret)) {
		/* The half has let go of it; the carrier need not say that it is closed. */
		if (ret->close && socket_find(w, ret->conn))
			socket_drop(w, socket_find(w, ret->conn));
		return true;
	}
	for (int i = 0; i < w->n_comfy; i++)
		if (comfy_world_next_output(w->comfy[i], ret))
			return true;
	return false;
}

void world_output_free(struct world_output *o)
{
	free(o->data);
	*o = (struct world_output){0};
}

void world_tick(struct world *w, int64_t now_ms)
{
	discord_world_tick(w->discord, now_ms);
	for (int i = 0; i < w->n_comfy; i++)
		comfy_world_tick(w->comfy[i], now_ms);
}

int64_t world_deadline(const struct world *w)
{
	int64_t at = discord_world_deadline(w->discord);

	for (int i = 0; i < w->n_comfy; i++)
		at = min_of(at, comfy_world_deadline(w->comfy[i]));
	return at;
}

uint64_t world_add_user(struct world *w, const char *username, bool admin)
{
	return discord_world_add_user(w->discord, username, admin);
}

void world_set_locale(struct world *w, uint64_t user_id, const char *locale)
{
	discord_world_set_locale(w->discord, user_id, locale);
}

uint64_t world_add_channel(struct world *w, const char *name, uint64_t parent_id, int type)
{
	return discord_world_add_channel(w->discord, name, parent_id, type);
}

uint64_t world_find_channel(struct world *w, const char *name)
{
	return discord_world_find_channel(w->discord, name);
}

uint64_t world_add_guild(struct world *w, bool with_bot)
{
	return discord_world_add_guild(w->discord, with_bot);
}

int world_act(struct world *w, struct json_object *act, int64_t now_ms)
{
	return discord_world_act(w->discord, act, now_ms);
}

void world_kick_bot(struct world *w, uint64_t guild_id)
{
	discord_world_kick_bot(w->discord, guild_id);
}

uint64_t world_command(struct world *w, uint64_t user_id, uint64_t channel_id, uint64_t guild_id,
	const char *command, struct json_object *options, char **ret_why, int64_t now_ms)
{
	return discord_world_command(
		w->discord, user_id, channel_id, guild_id, command, options, ret_why, now_ms);
}

uint64_t world_autocomplete(struct world *w, uint64_t user_id, uint64_t channel_id,
	const char *command, const char *focused, struct json_object *options, int64_t now_ms)
{
	return discord_world_autocomplete(
		w->discord, user_id, channel_id, command, focused, options, now_ms);
}

uint64_t world_press(struct world *w, uint64_t user_id, uint64_t channel_id, uint64_t message_id,
	const char *custom_id, struct json_object *values, int64_t now_ms)
{
	return discord_world_press(
		w->discord, user_id, channel_id, message_id, custom_id, values, now_ms);
}

uint64_t world_menu(struct world *w, uint64_t user_id, uint64_t message_id, const char *name,
	char **ret_why, int64_t now_ms)
{
	return discord_world_menu(w->discord, user_id, message_id, name, ret_why, now_ms);
}

uint64_t world_modal(struct world *w, uint64_t user_id, uint64_t interaction_id,
	struct json_object *fields, char **ret_why, int64_t now_ms)
{
	return discord_world_modal(w->discord, user_id, interaction_id, fields, ret_why, now_ms);
}

void world_close_modal(struct world *w, uint64_t user_id, uint64_t interaction_id)
{
	discord_world_close_modal(w->discord, user_id, interaction_id);
}

void world_leave(struct world *w, uint64_t user_id)
{
	discord_world_leave(w->discord, user_id);
}

void world_restrict(struct world *w, uint64_t channel_id, bool restricted)
{
	discord_world_restrict(w->discord, channel_id, restricted);
}

uint64_t world_say(struct world *w, uint64_t user_id, uint64_t channel_id, const char *text,
	struct json_object *files, int64_t now_ms)
{
	return discord_world_say(w->discord, user_id, channel_id, text, files, now_ms);
}

struct json_object *world_state(struct world *w)
{
	struct json_object *o = json_object_new_object(),
			   *cards = w->n_comfy > 1 ? json_object_new_array() : NULL;

	discord_world_state(w->discord, o);
	comfy_world_state(w->comfy[0], o);
	if (w->n_comfy == 1)
		return o;
	for (int i = 0; i < w->n_comfy; i++) {
		cleanup(json_put) struct json_object *one = json_object_new_object();

		comfy_world_state(w->comfy[i], one);
		json_object_array_add(cards, json_object_get(json_member(one, "comfy")));
	}
	json_add(o, "cards", cards);
	return o;
}

struct json_object *world_records(struct world *w)
{
	return discord_world_records(w->discord);
}

struct json_object *world_view(struct world *w, uint64_t user_id)
{
	return discord_world_view(w->discord, user_id);
}

struct json_object *world_cards(struct world *w)
{
	struct json_object *cards = json_object_new_array();

	for (int i = 0; i < w->n_comfy; i++)
		json_object_array_add(cards, comfy_world_card(w->comfy[i]));
	return cards;
}

struct json_object *world_next_message(struct world *w, uint64_t *cursor)
{
	return discord_world_next_message(w->discord, cursor);
}

struct json_object *world_interactions(struct world *w)
{
	return discord_world_interactions(w->discord);
}

struct json_object *world_messages(struct world *w)
{
	return discord_world_messages(w->discord);
}

bool world_next_channel(const struct world *w, struct world_channel *channel)
{
	return discord_world_next_channel(w->discord, channel);
}

size_t world_channels_made(const struct world *w)
{
	return discord_world_channels_made(w->discord);
}

const char *world_channel_about(const struct world *w, uint64_t channel_id)
{
	return discord_world_channel_about(w->discord, channel_id);
}

uint64_t world_version(const struct world *w)
{
	uint64_t version = discord_world_version(w->discord);

	for (int i = 0; i < w->n_comfy; i++)
		version += comfy_world_version(w->comfy[i]);
	return version;
}

size_t world_violations(const struct world *w)
{
	size_t n = discord_world_violations(w->discord);

	for (int i = 0; i < w->n_comfy; i++)
		n += comfy_world_violations(w->comfy[i]);
	return n;
}

int world_fault(struct world *w, struct json_object *fault, int64_t now_ms)
{
	const char *kind = json_str(fault, "kind"), *side = json_str(fault, "side");
	bool comfy = str_eq(side, "comfy"), discord = str_eq(side, "discord");
	int64_t card = json_int(fault, "card", 0);
	int r = 0;

	if (!kind || card < 0 || card >= w->n_comfy)
		return -EINVAL;
	if (str_eq(kind, "clear")) {
		if (!comfy)
			r = discord_world_fault(w->discord, fault, now_ms);
		for (int i = 0; i < w->n_comfy && !discord && r == 0; i++)
			r = comfy_world_fault(w->comfy[i], fault, now_ms);
		return r;
	}
	if (comfy || str_starts(kind, "comfy_"))
		return comfy_world_fault(w->comfy[card], fault, now_ms);
	return discord_world_fault(w->discord, fault, now_ms);
}
