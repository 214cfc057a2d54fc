/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/modal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"

/* Discord's numbers. */
enum { CALLBACK_MODAL = 9 };
enum { COMPONENT_SELECT = 3, COMPONENT_TEXT_INPUT = 4, COMPONENT_LABEL = 18 };
enum { TEXT_PARAGRAPH = 2 };

static void add_label(struct json_object *list, enum text_id label, const char *locale,
	struct json_object *component)
{
	struct json_object *o = json_object_new_object();
	cleanup(freep) char *text = text_make(label, locale, NULL);

	json_add_int(o, "type", COMPONENT_LABEL);
	json_add_str(o, "label", text);
	json_add(o, "component", component);
	json_object_array_add(list, o);
}

static struct json_object *prompt_input(void)
{
	struct json_object *o = json_object_new_object();

	json_add_int(o, "type", COMPONENT_TEXT_INPUT);
	json_add_str(o, "custom_id", EDIT_FIELD_PROMPT);
	json_add_int(o, "style", TEXT_PARAGRAPH);
	json_add_int(o, "min_length", 1);
	json_add_int(o, "max_length", PROMPT_CHARS_MAX);
	json_add_bool(o, "required", true);
	return o;
}

/* The first is chosen unless another is. */
static struct json_object *menu(const char *custom_id, const struct choice *choices, size_t n)
{
	struct json_object *o = json_object_new_object(), *options = json_object_new_array();

	for (size_t i = 0; i < n && json_len(options) < CHOICES_MAX; i++) {
		cleanup(freep) char *label = text_plain(choices[i].name, CHOICE_UNITS_MAX);
		struct json_object *option;

		text_cut(label, CHOICE_UNITS_MAX);
		if (!*label || text_utf16_len(choices[i].value) > CHOICE_UNITS_MAX)
			continue;
		option = json_object_new_object();
		json_add_str(option, "label", label);
		json_add_str(option, "value", choices[i].value);
		if (json_len(options) == 0)
			json_add_bool(option, "default", true);
		json_object_array_add(options, option);
	}
	json_add_int(o, "type", COMPONENT_SELECT);
	json_add_str(o, "custom_id", custom_id);
	json_add(o, "options", options);
	return o;
}

static struct json_object *picture_menu(const char *locale, size_t n)
{
	struct choice choices[EDIT_PICTURES_MAX] = {0};
	char *names[EDIT_PICTURES_MAX], values[EDIT_PICTURES_MAX][8];
	struct json_object *o;

	n = min_of(n, (size_t)EDIT_PICTURES_MAX);
	for (size_t i = 0; i < n; i++) {
		names[i] = text_make(
			TEXT_EDIT_NTH, locale, &(struct text_args){.number = (int64_t)i + 1});
		snprintf(values[i], sizeof(values[i]), "%zu", i);
		choices[i] = (struct choice){names[i], values[i]};
	}
	o = menu(EDIT_FIELD_WHICH, choices, n);
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	return o;
}

struct rest_call *message_edit_modal(const struct interaction *it, const struct edit_modal *modal)
{
	struct json_object *data = json_object_new_object(), *list = json_object_new_array();
	cleanup(freep) char *title = text_make(TEXT_EDIT_TITLE, it->locale, NULL);
	cleanup(freep) char *custom_id =
		xasprintf("v1:edit:%" PRIu64 ":%" PRIu64, modal->channel_id, modal->message_id);

	json_add_str(data, "custom_id", custom_id);
	json_add_str(data, "title", title);
	add_label(list, TEXT_EDIT_PROMPT, it->locale, prompt_input());
	if (modal->n_pictures > 1)
		add_label(list, TEXT_EDIT_WHICH, it->locale,
			picture_menu(it->locale, modal->n_pictures));
	if (modal->n_models > 1)
		add_label(list, TEXT_EDIT_MODEL, it->locale,
			menu(EDIT_FIELD_MODEL, modal->models, modal->n_models));
	json_add(data, "components", list);
	return message_callback(it, CALLBACK_MODAL, data);
}

bool edit_modal_parse(const char *custom_id, uint64_t *ret_channel_id, uint64_t *ret_message_id)
{
	static const char prefix[] = "v1:edit:";
	uint64_t channel_id = 0, message_id = 0;
	cleanup(freep) char *channel = NULL;
	const char *colon;

	if (!str_starts(custom_id, prefix))
		return false;
	custom_id += strlen(prefix);
	colon = strchr(custom_id, ':');
	if (!colon)
		return false;
	channel = xstrndup(custom_id, (size_t)(colon - custom_id));
	if (parse_u64(channel, &channel_id) < 0 || parse_u64(colon + 1, &message_id) < 0 ||
		!channel_id || !message_id)
		return false;
	*ret_channel_id = channel_id;
	*ret_message_id = message_id;
	return true;
}
