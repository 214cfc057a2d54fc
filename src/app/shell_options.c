/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "app/shell_commands.h"

/* What members choose besides model and prompt: read from a command, checked before a request is
 * taken and once more before it is given to a ComfyUI, since both the workflow and the LoRAs may
 * have changed by then. */

static bool is_blank(const char *text)
{
	return !text[strspn(text, " \t\r\n")];
}

/* The sentence that says what may be; owned. */
static char *range_text(const struct workflow *wf, enum workflow_field field, const char *locale)
{
	char min[24], max[24];

	if (!workflow_ends(wf, field, min, max))
		return text_make(TEXT_RANGE_LENGTH, locale,
			&(struct text_args){
				.number = field == FIELD_LORA ? LORA_NAME_MAX : PROMPT_CHARS_MAX});
	return text_make(field == FIELD_SIZE ? TEXT_RANGE_SIZE : TEXT_RANGE, locale,
		&(struct text_args){.text = min, .name = max, .plain = true});
}

static char *fault_text(const struct workflow *wf, enum options_fault fault,
	enum workflow_field field, const char *locale, bool plain)
{
	const char *option = field == FIELD_SEED ? "seed" : option_name(field);
	cleanup(freep) char *range = range_text(wf, field, locale);
	struct text_args args = {.name = command_option(COMMAND_IMAGINE, option, locale),
		.text = range,
		.plain = plain};

	if (fault == OPTIONS_RANGE)
		return text_make(TEXT_OPTION_RANGE, locale, &args);
	args.text = workflow_title_in(wf, locale_is_spanish(locale));
	return text_make(TEXT_OPTION_NO_INPUT, locale, &args);
}

char *shell_options_problem(struct shell *sh, const struct workflow *wf, const char *options,
	int gpu, const char *locale)
{
	cleanup(options_free) struct options o;
	enum workflow_field field = FIELD_PROMPT;
	enum options_fault fault;
	const char *lora, *found;
	enum text_id id = TEXT_NONE;

	options_read(options, &o);
	fault = options_check(wf, &o, &field);
	if (fault != OPTIONS_FIT)
		return fault_text(wf, fault, field, locale, gpu >= 0);
	lora = o.text[FIELD_LORA];
	if (lora && gpu < 0)
		id = shell_lora_find(sh, wf, lora, &found);
	else if (lora && shell_lora_lacks(sh, gpu, wf, lora))
		id = TEXT_LORA_UNKNOWN;
	if (id == TEXT_NONE)
		return NULL;
	return text_make(id, locale, &(struct text_args){.text = lora, .plain = gpu >= 0});
}

/* ---- from a command ---- */

static bool refuse_option(struct shell *sh, const struct interaction *it, const struct workflow *wf,
	enum options_fault fault, enum workflow_field field)
{
	cleanup(freep) char *sentence = fault_text(wf, fault, field, it->locale, false);

	shell_answer_now(sh, message_refuse(it, sentence));
	return false;
}

static void read_options(const struct interaction *it, struct options *o)
{
	*o = (struct options){0};
	for (int field = 0; field < FIELD_COUNT_OF; field++) {
		const char *name = option_name((enum workflow_field)field);
		const char *text = name ? interaction_option(it, name) : NULL;

		if (text && !is_blank(text))
			options_set(o, (enum workflow_field)field, text);
	}
}

/* A shape becomes the pixels that it means today, a LoRA its whole name. */
static bool settle_options(struct shell *sh, const struct interaction *it,
	const struct workflow *wf, struct options *o)
{
	const char *lora = o->text[FIELD_LORA], *found = NULL;
	enum text_id id;
	int width, height;

	if (o->text[FIELD_SIZE] && size_parse(o->text[FIELD_SIZE], wf, &width, &height)) {
		free(o->text[FIELD_SIZE]);
		o->text[FIELD_SIZE] = xasprintf("%dx%d", width, height);
	}
	if (!lora)
		return true;
	id = shell_lora_find(sh, wf, lora, &found);
	if (id == TEXT_NONE)
		options_set(o, FIELD_LORA, found);
	else
		shell_refuse(sh, it, id, &(struct text_args){.text = lora});
	return id == TEXT_NONE;
}

static bool read_seed(struct shell *sh, const struct interaction *it, struct wish *wish)
{
	const char *text = interaction_option(it, "seed");

	if (!text || is_blank(text))
		return true;
	if (!workflow_accepts(wish->workflow, FIELD_SEED))
		return refuse_option(sh, it, wish->workflow, OPTIONS_NO_INPUT, FIELD_SEED);
	if (seed_parse(text, &wish->seed) < 0 || wish->seed > wish->workflow->seed_max)
		return refuse_option(sh, it, wish->workflow, OPTIONS_RANGE, FIELD_SEED);
	wish->has_seed = true;
	return true;
}

bool shell_options_take(
	struct shell *sh, const struct interaction *it, struct wish *wish, char **ret_options)
{
	cleanup(options_free) struct options o;
	enum workflow_field field = FIELD_PROMPT;
	enum options_fault fault;

	read_options(it, &o);
	if (o.text[FIELD_NEGATIVE] && text_utf16_len(o.text[FIELD_NEGATIVE]) > PROMPT_CHARS_MAX)
		return refuse_option(sh, it, wish->workflow, OPTIONS_RANGE, FIELD_NEGATIVE);
	fault = options_check(wish->workflow, &o, &field);
	if (fault != OPTIONS_FIT)
		return refuse_option(sh, it, wish->workflow, fault, field);
	if (!read_seed(sh, it, wish) || !settle_options(sh, it, wish->workflow, &o))
		return false;
	*ret_options = options_text(&o);
	wish->options = *ret_options;
	return true;
}
