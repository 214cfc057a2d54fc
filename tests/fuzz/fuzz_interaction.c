/* SPDX-License-Identifier: Apache-2.0 */

/* Everything of the Discord room that reads a stranger's JSON or text, over the same bytes. */

#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "discord/command.h"
#include "discord/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct command_facts facts = {.edit_workflows = 2};

static void check_string(const char *text)
{
	if (text)
		must(utf8_valid(text, strlen(text)));
}

static void check_interaction(struct json_object *doc)
{
	struct interaction it = {.id = 42};

	if (interaction_decode(doc, &it) < 0) {
		must(it.id == 42);
		return;
	}
	must(it.id && it.token && it.locale);
	must(it.n_options <= INTERACTION_OPTIONS_MAX);
	check_string(it.token);
	check_string(it.username);
	check_string(it.locale);
	check_string(it.command);
	check_string(it.custom_id);
	check_string(it.subcommand);
	must(it.n_roles <= INTERACTION_ROLES_MAX && it.n_attachments <= ATTACHMENTS_MAX);
	for (size_t i = 0; i < it.n_attachments; i++) {
		must(it.attachments[i].url);
		check_string(it.attachments[i].url);
		check_string(it.attachments[i].filename);
	}
	for (size_t i = 0; i < it.n_options; i++) {
		check_string(it.options[i].name);
		check_string(it.options[i].text);
		(void)interaction_option(&it, it.options[i].name);
	}
	(void)interaction_focused(&it);
	rest_call_free(message_defer(&it));
	interaction_free(&it);
}

static void check_answers(struct json_object *doc)
{
	struct job_marks marks;
	struct channel *channels;
	size_t n;

	(void)message_id(doc);
	(void)message_attachment(doc);
	(void)message_find(doc, 3, 12, &marks);
	(void)commands_same(doc, &facts);
	if (channels_decode(doc, 1, &channels, &n) == 0) {
		for (size_t i = 0; i < n; i++) {
			check_string(channels[i].name);
			check_string(channels[i].topic);
			(void)channel_topic_user(channels[i].topic);
		}
		channels_free(channels, n);
	}
}

static void check_text(const char *text)
{
	static const struct picture_file file = {"a.png", "image/png", "x", 1};
	char *clean = text_clean(text, 100), *plain = text_plain(text, 100);
	char *again = text_plain(plain, 100), action[16];
	const struct picture_view view = {
		.job_id = 1,
		.user_id = 2,
		.locale = text,
		.title = text,
		.prompt = text,
		.files = &file,
		.n_files = 1,
	};
	struct rest_call *call = message_picture(1, &view);
	struct json_object *body =
		json_parse(call->http.parts[0].data, call->http.parts[0].len, NULL);

	check_string(clean);
	check_string(plain);
	must(text_utf16_len(plain) <= 200);
	must(str_eq(plain, again)); /* what is clean stays as it is */
	must(body && text_utf16_len(json_str(body, "content")) <= MESSAGE_UNITS_MAX);
	json_put(&body);
	rest_call_free(call);
	rest_call_free(channel_create_private(1, 2, 3, 4, text, true));
	(void)custom_id_parse(text, action, sizeof(action));
	(void)channel_topic_user(text);
	free(again);
	free(plain);
	free(clean);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_object *doc = json_parse((const char *)data, size, NULL);
	char *text = xcalloc(size + 1, 1);

	if (size)
		memcpy(text, data, size);
	check_text(text);
	if (doc) {
		check_interaction(doc);
		check_answers(doc);
	}
	json_put(&doc);
	free(text);
	return 0;
}
