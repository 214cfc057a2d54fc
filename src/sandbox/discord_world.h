/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_SANDBOX_DISCORD_WORLD_H
#define FULLET_SANDBOX_DISCORD_WORLD_H

#include "sandbox/world.h"

/*
 * The Discord half of the world, usable alone. world.h describes what each call means;
 * world.c joins it with ComfyUI's half. It accepts only what Discord documents; the rules
 * are in discord_check.c, discord_component.c, discord_command.c and beside each route.
 *
 * A response that was spoilt has status 0 and error "reset" or "hang N" (no answer for N ms,
 * then cut).
 */
struct discord_world;

struct discord_world *discord_world_new(const struct world_config *config, int64_t now_ms);
struct discord_world *discord_world_free(struct discord_world *w); /* returns NULL */
void discord_world_http(struct discord_world *w, const struct http_request *req,
	struct http_response *ret, int64_t now_ms);
int discord_world_ws_open(struct discord_world *w, uint64_t conn, const char *url,
	const struct http_request *req, int64_t now_ms);
void discord_world_ws_received(struct discord_world *w, uint64_t conn, const void *data, size_t len,
	bool binary, int64_t now_ms);
void discord_world_ws_closed(struct discord_world *w, uint64_t conn, int code, int64_t now_ms);
bool discord_world_next_output(struct discord_world *w, struct world_output *ret);
void discord_world_tick(struct discord_world *w, int64_t now_ms);
int64_t discord_world_deadline(const struct discord_world *w);

uint64_t discord_world_add_user(struct discord_world *w, const char *username, bool admin);
void discord_world_set_locale(struct discord_world *w, uint64_t user_id, const char *locale);
uint64_t discord_world_add_channel(
	struct discord_world *w, const char *name, uint64_t parent_id, int type);
uint64_t discord_world_find_channel(struct discord_world *w, const char *name);
uint64_t discord_world_add_guild(struct discord_world *w, bool with_bot);
void discord_world_kick_bot(struct discord_world *w, uint64_t guild_id);
uint64_t discord_world_command(struct discord_world *w, uint64_t user_id, uint64_t channel_id,
	uint64_t guild_id, const char *command, struct json_object *options, char **ret_why,
	int64_t now_ms);
uint64_t discord_world_autocomplete(struct discord_world *w, uint64_t user_id, uint64_t channel_id,
	const char *command, const char *focused, struct json_object *options, int64_t now_ms);
uint64_t discord_world_press(struct discord_world *w, uint64_t user_id, uint64_t channel_id,
	uint64_t message_id, const char *custom_id, struct json_object *values, int64_t now_ms);
uint64_t discord_world_menu(struct discord_world *w, uint64_t user_id, uint64_t message_id,
	const char *name, char **ret_why, int64_t now_ms);
uint64_t discord_world_modal(struct discord_world *w, uint64_t user_id, uint64_t interaction_id,
	struct json_object *fields, char **ret_why, int64_t now_ms);
void discord_world_close_modal(
	struct discord_world *w, uint64_t user_id, uint64_t interaction_id);
void discord_world_leave(struct discord_world *w, uint64_t user_id);
void discord_world_restrict(struct discord_world *w, uint64_t channel_id, bool restricted);
uint64_t discord_world_say(struct discord_world *w, uint64_t user_id, uint64_t channel_id,
	const char *text, struct json_object *files, int64_t now_ms);

int discord_world_act(struct discord_world *w, struct json_object *act, int64_t now_ms);

/* Adds everything of world_state() but "comfy". */
void discord_world_state(struct discord_world *w, struct json_object *into);
struct json_object *discord_world_records(struct discord_world *w);
struct json_object *discord_world_view(struct discord_world *w, uint64_t user_id);
struct json_object *discord_world_next_message(struct discord_world *w, uint64_t *cursor);
struct json_object *discord_world_interactions(struct discord_world *w);
struct json_object *discord_world_messages(struct discord_world *w);
struct world_channel;
bool discord_world_next_channel(const struct discord_world *w, struct world_channel *channel);
size_t discord_world_channels_made(const struct discord_world *w);
const char *discord_world_channel_about(const struct discord_world *w, uint64_t channel_id);
uint64_t discord_world_version(const struct discord_world *w);
size_t discord_world_violations(const struct discord_world *w);
int discord_world_fault(struct discord_world *w, struct json_object *fault, int64_t now_ms);

#endif
