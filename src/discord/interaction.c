/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/interaction.h"

#include <errno.h>
#include <stdlib.h>

#include "base/json.h"
#include "discord/text.h"

/* Discord: the first millisecond of a snowflake, 2015-01-01T00:00:00Z. */
#define DISCORD_EPOCH_MS 1420070400000ll
/* Discord: a group holds sub-commands, which hold options; nothing nests deeper. */
#define OPTION_DEPTH_MAX 3

bool locale_is_spanish(const char *locale)
{
	return str_eq(locale, "es") || str_starts(locale, "es-");
}

int64_t snowflake_ms(uint64_t id)
{
	return (int64_t)(id >> 22) + DISCORD_EPOCH_MS;
}

/* The value of an option as text: strings as they are, numbers and flags in JSON's words. */
static char *option_text(struct json_object *option)
{
	struct json_object *value = json_member(option, "value");

	if (!value) /* a menu in a modal: the first that was chosen */
		value = json_at(option, "values.0");
	switch (json_object_get_type(value)) {
	case json_type_string:
	case json_type_int:
	case json_type_double:
	case json_type_boolean:
		return text_repair(json_object_get_string(value));
	default:
		return xstrdup("");
	}
}

static bool is_subcommand(struct json_object *option)
{
	int64_t type = json_int(option, "type", 0);

	return type == 1 || type == 2;
}

/* Sub-commands are flattened: their options are what counts. */
static void options_decode(struct json_object *array, struct interaction *it, int depth)
{
	for (size_t i = 0; i < json_len(array); i++) {
		struct json_object *option = json_object_array_get_idx(array, i);
		struct json_object *inner = json_array(option, "options");
		const char *name = json_str(option, "name");

		if ((inner || is_subcommand(option)) && depth < OPTION_DEPTH_MAX) {
			str_set(&it->subcommand, NULL);
			it->subcommand = text_repair(name);
			options_decode(inner, it, depth + 1);
			continue;
		}
		if (!name || inner || it->n_options == INTERACTION_OPTIONS_MAX)
			continue;
		it->options[it->n_options++] = (struct interaction_option){
			.name = text_repair(name),
			.text = option_text(option),
			.focused = json_flag(option, "focused", false),
		};
	}
}

/* A field is in a Label (18) or, as older clients send it, in an action row. */
static void fields_decode(struct json_object *array, struct interaction *it, int depth)
{
	for (size_t i = 0; i < json_len(array); i++) {
		struct json_object *c = json_object_array_get_idx(array, i);
		struct json_object *inner = json_member(c, "component");
		const char *name = json_str(c, "custom_id");

		if (inner && !name)
			c = inner;
		name = json_str(c, "custom_id");
		if (depth < OPTION_DEPTH_MAX && !name)
			fields_decode(json_array(c, "components"), it, depth + 1);
		if (!name || it->n_options == INTERACTION_OPTIONS_MAX)
			continue;
		it->options[it->n_options++] = (struct interaction_option){
			.name = text_repair(name), .text = option_text(c)};
	}
}

static void roles_decode(struct json_object *array, struct interaction *it)
{
	size_t n = min_of(json_len(array), (size_t)INTERACTION_ROLES_MAX);

	it->roles = n ? xcalloc(n, sizeof(*it->roles)) : NULL;
	for (size_t i = 0; i < n; i++) {
		uint64_t id = 0;

		if (parse_u64(json_object_get_string(json_object_array_get_idx(array, i)), &id) ==
			0)
			it->roles[it->n_roles++] = id;
	}
}

static void target_decode(struct json_object *d, struct interaction *it)
{
	struct json_object *messages = json_at(d, "data.resolved.messages");
	const char *id = json_str(d, "data.target_id");
	struct json_object *message = id ? json_member(messages, id) : NULL;

	it->target_id = json_id(d, "data.target_id");
	it->target_channel_id = json_id(message, "channel_id");
	if (!it->target_channel_id)
		it->target_channel_id = it->channel_id;
	it->n_attachments = message_pictures(message, it->attachments);
}

static void attachments_decode(struct json_object *object, struct interaction *it)
{
	if (!json_object_is_type(object, json_type_object))
		return;
	json_object_object_foreach(object, id, attachment)
	{
		(void)id;
		if (it->n_attachments < ATTACHMENTS_MAX &&
			attachment_decode(attachment, &it->attachments[it->n_attachments]))
			it->n_attachments++;
	}
}

static bool is_command(enum interaction_kind kind)
{
	return kind == INTERACTION_COMMAND || kind == INTERACTION_AUTOCOMPLETE;
}

static bool is_whole(const struct interaction *it)
{
	if (it->kind < INTERACTION_PING || it->kind > INTERACTION_MODAL)
		return false;
	if (!it->id || !it->token || !*it->token)
		return false;
	/* A ping says nothing about who sent it. */
	if (it->kind == INTERACTION_PING)
		return true;
	if (!it->user_id)
		return false;
	return is_command(it->kind) ? it->command && *it->command : it->custom_id && *it->custom_id;
}

int interaction_decode(struct json_object *d, struct interaction *ret)
{
	cleanup(interaction_free) struct interaction it = {0};
	struct json_object *owners = json_at(d, "authorizing_integration_owners");
	const char *locale = json_str(d, "locale");
	int64_t kind = json_int(d, "type", 0), context;

	/* In a guild the person is inside `member`, in a direct message beside it. */
	struct json_object *user = json_at(d, "member.user");

	if (!user)
		user = json_at(d, "user");
	if (kind < INTERACTION_PING || kind > INTERACTION_MODAL)
		return -EBADMSG;
	it.kind = (enum interaction_kind)kind;
	it.id = json_id(d, "id");
	it.application_id = json_id(d, "application_id");
	it.guild_id = json_id(d, "guild_id");
	it.channel_id = json_id(d, "channel_id");
	if (!it.channel_id)
		it.channel_id = json_id(d, "channel.id");
	it.user_id = json_id(user, "id");
	it.permissions = json_id(d, "member.permissions");
	it.app_permissions = json_id(d, "app_permissions");
	it.message_id = json_id(d, "message.id");
	it.attachment_size_limit = max_of(json_int(d, "attachment_size_limit", 0), (int64_t)0);
	it.guild_install = !owners || json_member(owners, "0");
	context = json_int(d, "context", it.guild_id ? 0 : 1);
	it.context = context >= 0 && context <= 2 ? (int)context : 2;
	it.age_restricted = json_flag(d, "channel.nsfw", false);
	roles_decode(json_array(d, "member.roles"), &it);
	it.token = text_repair(json_str(d, "token"));
	it.username = text_repair(json_str(user, "username"));
	it.locale = text_repair(locale && *locale ? locale : "en-US");
	if (is_command(it.kind)) {
		it.command = text_repair(json_str(d, "data.name"));
		options_decode(json_array(d, "data.options"), &it, 1);
		if (json_member(json_at(d, "data"), "target_id"))
			target_decode(d, &it);
		else
			attachments_decode(json_at(d, "data.resolved.attachments"), &it);
	} else {
		it.custom_id = text_repair(json_str(d, "data.custom_id"));
		if (it.kind == INTERACTION_COMPONENT)
			it.n_attachments =
				message_pictures(json_member(d, "message"), it.attachments);
		if (it.kind == INTERACTION_MODAL)
			fields_decode(json_array(d, "data.components"), &it, 1);
	}
	if (!is_whole(&it))
		return -EBADMSG;
	*ret = it;
	it = (struct interaction){0};
	return 0;
}

void interaction_free(struct interaction *it)
{
	free(it->token);
	free(it->username);
	free(it->locale);
	free(it->command);
	free(it->subcommand);
	free(it->custom_id);
	free(it->roles);
	for (size_t i = 0; i < it->n_attachments; i++)
		attachment_free(&it->attachments[i]);
	for (size_t i = 0; i < it->n_options; i++) {
		free(it->options[i].name);
		free(it->options[i].text);
	}
	*it = (struct interaction){0};
}

const char *interaction_option(const struct interaction *it, const char *name)
{
	for (size_t i = 0; i < it->n_options; i++)
		if (str_eq(it->options[i].name, name))
			return it->options[i].text;
	return NULL;
}

const struct interaction_option *interaction_focused(const struct interaction *it)
{
	for (size_t i = 0; i < it->n_options; i++)
		if (it->options[i].focused)
			return &it->options[i];
	return NULL;
}

uint64_t interaction_id(const struct interaction *it, const char *option)
{
	const char *text = interaction_option(it, option);
	uint64_t id;

	return text && parse_u64(text, &id) == 0 ? id : 0;
}

bool interaction_flag(const struct interaction *it, const char *option)
{
	return str_eq(interaction_option(it, option), "true");
}

const struct attachment *interaction_attachment(const struct interaction *it, const char *option)
{
	uint64_t id = interaction_id(it, option);

	for (size_t i = 0; i < it->n_attachments && id; i++)
		if (it->attachments[i].id == id)
			return &it->attachments[i];
	return NULL;
}
