/* SPDX-License-Identifier: Apache-2.0 */
#include "comfy/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"

static const struct {
	enum workflow_field field;
	const char *name;
} known[] = {
	{FIELD_NEGATIVE, "negative"},
	{FIELD_SIZE, "size"},
	{FIELD_STEPS, "steps"},
	{FIELD_CFG, "cfg"},
	{FIELD_COUNT, "count"},
	{FIELD_LORA, "lora"},
};

const char *option_name(enum workflow_field field)
{
	for (size_t i = 0; i < countof(known); i++)
		if (known[i].field == field)
			return known[i].name;
	return NULL;
}

void options_set(struct options *o, enum workflow_field field, const char *text)
{
	str_set(&o->text[field], text);
}

void options_free(struct options *o)
{
	for (size_t i = 0; i < countof(o->text); i++)
		free(take(o->text[i]));
}

void options_read(const char *text, struct options *ret)
{
	cleanup(json_put) struct json_object *doc = NULL;

	*ret = (struct options){0};
	doc = text ? json_parse(text, strlen(text), NULL) : NULL;
	for (size_t i = 0; i < countof(known); i++) {
		struct json_object *value = json_member(doc, known[i].name);
		bool number = json_object_is_type(value, json_type_int) ||
			      json_object_is_type(value, json_type_double);

		if (number || json_object_is_type(value, json_type_string))
			options_set(ret, known[i].field, json_object_get_string(value));
	}
}

char *options_text(const struct options *o)
{
	cleanup(json_put) struct json_object *doc = json_object_new_object();

	for (size_t i = 0; i < countof(known); i++)
		if (o->text[known[i].field])
			json_add_str(doc, known[i].name, o->text[known[i].field]);
	return json_object_object_length(doc) ? json_text(doc) : NULL;
}

static bool count_parse(const char *text, int *ret)
{
	uint64_t n;

	if (parse_u64(text, &n) < 0 || n < 1 || n > WORKFLOW_COUNT_MAX)
		return false;
	*ret = (int)n;
	return true;
}

int options_count(const struct options *o)
{
	int n = 1;

	if (o->text[FIELD_COUNT])
		(void)count_parse(o->text[FIELD_COUNT], &n);
	return n;
}

static bool fits(const struct workflow *wf, enum workflow_field field, const char *text)
{
	int width, height;

	switch (field) {
	case FIELD_NEGATIVE:
		return strlen(text) <= PROMPT_BYTES_MAX;
	case FIELD_SIZE:
		return size_parse(text, wf, &width, &height);
	case FIELD_STEPS:
	case FIELD_CFG:
		return workflow_number_fits(wf, field, text);
	case FIELD_COUNT:
		return count_parse(text, &width) && workflow_number_fits(wf, field, text);
	case FIELD_LORA:
		return *text && strlen(text) <= LORA_NAME_MAX;
	default:
		return false;
	}
}

enum options_fault options_check(
	const struct workflow *wf, const struct options *o, enum workflow_field *ret_field)
{
	for (size_t i = 0; i < countof(known); i++) {
		enum workflow_field field = known[i].field;
		const char *text = o->text[field];
		/* One picture is what every workflow gives. */
		bool needless = field == FIELD_COUNT && str_eq(text, "1");

		if (!text || (needless && !workflow_accepts(wf, field)))
			continue;
		*ret_field = field;
		if (!workflow_accepts(wf, field))
			return OPTIONS_NO_INPUT;
		if (!fits(wf, field, text))
			return OPTIONS_RANGE;
	}
	return OPTIONS_FIT;
}

void options_fill(const struct workflow *wf, const struct options *o, struct workflow_fill *fill)
{
	const char *steps = o->text[FIELD_STEPS];

	fill->negative = o->text[FIELD_NEGATIVE];
	fill->cfg = o->text[FIELD_CFG];
	fill->lora = o->text[FIELD_LORA];
	fill->count =
		workflow_accepts(wf, FIELD_COUNT) && o->text[FIELD_COUNT] ? options_count(o) : 0;
	if (o->text[FIELD_SIZE])
		(void)size_parse(o->text[FIELD_SIZE], wf, &fill->width, &fill->height);
	if (steps && workflow_number_fits(wf, FIELD_STEPS, steps))
		fill->steps = (int)strtol(steps, NULL, 10);
}

static void number_text(char text[24], double value)
{
	snprintf(text, 24, "%.6g", value);
}

bool workflow_ends(const struct workflow *wf, enum workflow_field field, char min[24], char max[24])
{
	const struct workflow_range *r = field == FIELD_STEPS ? &wf->steps_range : &wf->cfg_range;

	switch (field) {
	case FIELD_STEPS:
	case FIELD_CFG:
		number_text(min, r->min);
		number_text(max, r->max);
		return true;
	case FIELD_COUNT:
		number_text(min, 1);
		number_text(max, wf->count_range.max);
		return true;
	case FIELD_SIZE:
		snprintf(min, 24, "%.0fx%.0f", wf->width_range.min, wf->height_range.min);
		snprintf(max, 24, "%.0fx%.0f", wf->width_range.max, wf->height_range.max);
		return true;
	case FIELD_SEED:
		str_copy(min, 24, "0");
		snprintf(max, 24, "%" PRIu64, wf->seed_max);
		return true;
	default:
		return false;
	}
}

/* ---- a seed as it is typed ---- */

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

int seed_parse(const char *text, uint64_t *ret)
{
	uint64_t value = 0, base = 10;
	int digits = 0;

	text += strspn(text, " \t");
	if (text[0] == '0' && (text[1] | 0x20) == 'x') {
		base = 16;
		text += 2;
	}
	for (; *text; text++) {
		uint64_t d = (uint64_t)digit_of(*text);

		if (digits > 0 && strchr(" \t,_", *text))
			continue;
		if (d >= base || value > (UINT64_MAX - d) / base)
			return -EINVAL;
		value = value * base + d;
		digits++;
	}
	if (digits == 0)
		return -EINVAL;
	*ret = value;
	return 0;
}
