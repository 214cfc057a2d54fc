/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/near.h"
#include "comfy/workflow_sidecar.h"

/*
 * NAME.meta.json: what an owner says about a workflow. Wrong values refuse it, since to go on
 * without them could mean to show an age-restricted workflow to everybody; unknown names are only
 * warned of. Names that begin with _ or $ are the owner's own notes.
 */

void side_bad(struct side *s, const char *where, const char *format, ...)
{
	char text[600];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	workflow_problem(s->wf, "%s: %s: %s", s->file, where, text);
}

bool side_is_number(struct json_object *value)
{
	return json_object_is_type(value, json_type_int) ||
	       json_object_is_type(value, json_type_double);
}

bool side_is_string(struct json_object *value)
{
	return json_object_is_type(value, json_type_string);
}

const char *side_shown(struct json_object *value, char *dst, size_t size)
{
	return printable(dst, size,
		value ? json_object_to_json_string_ext(
				value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
		      : "null");
}

int side_known(
	struct side *s, const char *where, const char *key, const char *const *names, size_t n)
{
	struct buf all = BUF(1000);
	char safe[80];
	int near;

	for (size_t i = 0; i < n; i++)
		if (str_eq(key, names[i]))
			return (int)i;
	if (*key == '_' || *key == '$')
		return -1;
	near = near_find(key, names, n);
	for (size_t i = 0; i < n && near < 0; i++)
		(void)buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
	printable(safe, sizeof(safe), key);
	if (near >= 0)
		workflow_warning(s->wf,
			"%s: \"%s%s\" is not known and does nothing; is \"%s\" meant?", s->file,
			where, safe, names[near]);
	else
		workflow_warning(s->wf, "%s: \"%s%s\" is not known and does nothing; there are: %s",
			s->file, where, safe, buf_str(&all));
	buf_free(&all);
	return -1;
}

/* ---- texts ---- */

static void read_line(
	struct side *s, const char *where, struct json_object *value, size_t max, char **ret)
{
	const char *text = side_is_string(value) ? json_object_get_string(value) : NULL;
	size_t n = 0;
	char safe[80];

	if (!text || text[strspn(text, " \t\r\n")] == '\0' ||
		strlen(text) != (size_t)json_object_get_string_len(value)) {
		side_bad(s, where, "a text is needed, and this is %s",
			side_shown(value, safe, sizeof(safe)));
		return;
	}
	for (const char *p = text; *p; p++)
		n += ((unsigned char)*p & 0xc0) != 0x80;
	if (n > max) {
		side_bad(s, where, "it has %zu characters, and at most %zu are shown", n, max);
		return;
	}
	str_set(ret, text);
	for (char *p = *ret; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
}

/* "text", or {"en": "text", "es": "texto"}. */
static void read_both(struct side *s, const char *where, struct json_object *value, size_t max,
	char **ret, char **ret_es)
{
	static const char *const names[] = {"en", "es"};
	char **const into[] = {ret, ret_es};
	char prefix[40], place[60];

	if (!json_object_is_type(value, json_type_object)) {
		read_line(s, where, value, max, ret);
		return;
	}
	snprintf(prefix, sizeof(prefix), "%s.", where);
	json_object_object_foreach(value, key, text)
	{
		int i = side_known(s, prefix, key, names, countof(names));

		snprintf(place, sizeof(place), "%s%s", prefix, i < 0 ? "" : names[i]);
		if (i >= 0)
			read_line(s, place, text, max, into[i]);
	}
}

static void read_title(struct side *s, struct json_object *value)
{
	struct workflow *wf = s->wf;

	read_both(s, "title", value, WORKFLOW_NAME_MAX, &wf->title, &wf->title_es);
}

static void read_description(struct side *s, struct json_object *value)
{
	struct workflow *wf = s->wf;

	read_both(s, "description", value, WORKFLOW_DESCRIPTION_MAX, &wf->description,
		&wf->description_es);
	/* With one language told, that one is better than none. */
	if (!wf->description && wf->description_es)
		wf->description = take(wf->description_es);
}

/* ---- what it is and who may use it ---- */

static void read_kind(struct side *s, struct json_object *value)
{
	const char *text = side_is_string(value) ? json_object_get_string(value) : "";
	char safe[80];

	if (str_eq(text, "imagine"))
		s->wf->kind = WORKFLOW_IMAGINE;
	else if (str_eq(text, "edit"))
		s->wf->kind = WORKFLOW_EDIT;
	else
		side_bad(s, "kind", "it is \"imagine\" or \"edit\", and this is %s",
			side_shown(value, safe, sizeof(safe)));
}

static void read_vram(struct side *s, struct json_object *value)
{
	double gb = side_is_number(value) ? json_object_get_double(value) : 0;
	char safe[80];

	if (gb > 0 && gb <= WORKFLOW_VRAM_GB_MAX)
		s->wf->vram_bytes = (int64_t)(gb * 1e9);
	else
		side_bad(s, "vram_gb",
			"a number of gigabytes is needed, such as 12, and this is %s",
			side_shown(value, safe, sizeof(safe)));
}

static void read_restricted(struct side *s, struct json_object *value)
{
	char safe[80];

	if (json_object_is_type(value, json_type_boolean))
		s->wf->age_restricted = json_object_get_boolean(value);
	else
		side_bad(s, "age_restricted", "it is true or false, and this is %s",
			side_shown(value, safe, sizeof(safe)));
}

static void read_share(struct side *s, struct json_object *value)
{
	char safe[80];

	if (json_object_is_type(value, json_type_boolean))
		s->wf->no_share = !json_object_get_boolean(value);
	else
		side_bad(s, "share", "it is true or false, and this is %s",
			side_shown(value, safe, sizeof(safe)));
}

static void read_roles(struct side *s, struct json_object *value)
{
	struct workflow *wf = s->wf;
	char safe[80];

	if (!json_object_is_type(value, json_type_array) || json_len(value) > ROLE_LIMITS_MAX) {
		side_bad(s, "roles", "a list of at most %d role ids is needed, and this is %s",
			ROLE_LIMITS_MAX, side_shown(value, safe, sizeof(safe)));
		return;
	}
	for (size_t i = 0; i < json_len(value); i++) {
		struct json_object *one = json_object_array_get_idx(value, i);
		bool text = side_is_string(one) || json_object_is_type(one, json_type_int);
		uint64_t id = 0;

		if (!text || parse_u64(json_object_get_string(one), &id) < 0 || id == 0) {
			side_bad(s, "roles",
				"%s is not a role's id; in Discord, with Developer Mode on, right "
				"click the role and Copy Role ID",
				side_shown(one, safe, sizeof(safe)));
			continue;
		}
		wf->roles = xrealloc(wf->roles, (wf->n_roles + 1) * sizeof(*wf->roles));
		wf->roles[wf->n_roles++] = id;
	}
}

/* ---- options: defaults and ranges ---- */

struct option {
	const char *name;
	size_t range, inputs; /* in struct workflow */
	bool whole;
	double least, most;
	bool max_only; /* one picture is what is drawn, and counted, unless more are asked for */
};

#define OPTION(name, range, inputs, ...)                                                           \
	{                                                                                          \
		name, offsetof(struct workflow, range), offsetof(struct workflow, inputs),         \
			__VA_ARGS__                                                                \
	}

/* 16384 is MAX_RESOLUTION in ComfyUI's nodes.py; the others are what members can type at all. */
static const struct option options[] = {
	OPTION("width", width_range, width, true, 16, 16384),
	OPTION("height", height_range, height, true, 16, 16384),
	OPTION("steps", steps_range, steps, true, 1, WORKFLOW_STEPS_MAX),
	OPTION("cfg", cfg_range, cfg, false, 0, WORKFLOW_CFG_MAX),
	OPTION("count", count_range, batch, true, 1, WORKFLOW_COUNT_MAX, true),
};

static struct workflow_range *range_of(struct workflow *wf, const struct option *o)
{
	return (struct workflow_range *)((char *)wf + o->range);
}

static const struct workflow_inputs *inputs_of(const struct workflow *wf, const struct option *o)
{
	return (const struct workflow_inputs *)((const char *)wf + o->inputs);
}

static void read_bound(struct side *s, const struct option *o, const char *key,
	struct json_object *value, struct workflow_range *range)
{
	const char *text = side_is_number(value) ? json_object_get_string(value) : "";
	double least = str_eq(key, "step") ? 0.001 : o->least, number;
	char where[60], safe[80];

	snprintf(where, sizeof(where), "options.%s.%s", o->name, key);
	number = is_number_text(text) ? strtod(text, NULL) : -1;
	if (!is_number_text(text) || (o->whole && strchr(text, '.')) || number < least ||
		number > o->most) {
		side_bad(s, where, "a %s from %g to %g is needed, and this is %s",
			o->whole ? "whole number" : "number", o->whole ? max_of(least, 1.0) : least,
			o->most, side_shown(value, safe, sizeof(safe)));
		return;
	}
	if (str_eq(key, "min"))
		range->min = number;
	else if (str_eq(key, "max"))
		range->max = number;
	else if (str_eq(key, "step"))
		range->step = number;
	else
		str_set(&range->value, text);
}

static void read_range(struct side *s, const struct option *o, struct json_object *value)
{
	static const char *const names[] = {"max", "min", "default", "step"};
	struct workflow_range *range = range_of(s->wf, o);
	char prefix[40], safe[80];
	double standard;

	snprintf(prefix, sizeof(prefix), "options.%s.", o->name);
	if (!json_object_is_type(value, json_type_object)) {
		side_bad(s, "options",
			"%s needs {\"default\": ..., \"min\": ..., \"max\": ...}, and this "
			"is %s",
			o->name, side_shown(value, safe, sizeof(safe)));
		return;
	}
	range->given = true;
	json_object_object_foreach(value, key, number)
	{
		int i = side_known(s, prefix, key, names, o->max_only ? 1 : countof(names));

		if (i >= 0)
			read_bound(s, o, names[i], number, range);
	}
	prefix[strlen(prefix) - 1] = '\0';
	if (range->min > range->max) {
		side_bad(s, prefix, "min (%g) is larger than max (%g)", range->min, range->max);
		range->min = range->max;
	}
	standard = range->value ? strtod(range->value, NULL) : range->min;
	if (standard < range->min || standard > range->max)
		side_bad(s, prefix, "default (%s) is not between min and max", range->value);
}

static void read_negative(struct side *s, struct json_object *value)
{
	static const char *const names[] = {"default"};
	char safe[80];

	if (!json_object_is_type(value, json_type_object)) {
		side_bad(s, "options.negative", "{\"default\": \"text\"} is needed, and this is %s",
			side_shown(value, safe, sizeof(safe)));
		return;
	}
	json_object_object_foreach(value, key, text)
	{
		if (side_known(s, "options.negative.", key, names, 1) < 0)
			continue;
		if (side_is_string(text) && json_object_get_string_len(text) <= PROMPT_BYTES_MAX)
			str_set(&s->wf->negative_value, json_object_get_string(text));
		else
			side_bad(s, "options.negative.default", "a text is needed, and this is %s",
				side_shown(text, safe, sizeof(safe)));
	}
}

static void read_options(struct side *s, struct json_object *value)
{
	const char *names[countof(options) + 1];
	char safe[80];

	for (size_t i = 0; i < countof(options); i++)
		names[i] = options[i].name;
	names[countof(options)] = "negative";
	if (!json_object_is_type(value, json_type_object)) {
		side_bad(s, "options", "{\"steps\": {...}, ...} is needed, and this is %s",
			side_shown(value, safe, sizeof(safe)));
		return;
	}
	json_object_object_foreach(value, key, inner)
	{
		int i = side_known(s, "options.", key, names, countof(names));

		if (i == (int)countof(options))
			read_negative(s, inner);
		else if (i >= 0)
			read_range(s, &options[i], inner);
	}
}

/* The owner learns of options that have nothing to act on, and of a range that his graph is
 * outside of. */
void sidecar_check_options(struct workflow *wf)
{
	struct side s = {.wf = wf};
	char name[160];

	if (!wf->sidecar)
		return;
	snprintf(s.file, sizeof(s.file), "%s.meta.json", printable(name, sizeof(name), wf->name));
	for (size_t i = 0; i < countof(options); i++) {
		const struct option *o = &options[i];
		const struct workflow_range *range = range_of(wf, o);
		const struct workflow_inputs *inputs = inputs_of(wf, o);
		double own = (double)workflow_number(wf, inputs);

		if (range->given && inputs->n == 0)
			workflow_warning(wf, "%s: options.%s: the graph has no input for it",
				s.file, o->name);
		else if (range->given && !o->max_only && !range->value && inputs->n > 0 &&
			 (own < range->min || own > range->max))
			workflow_warning(wf,
				"%s: options.%s: the graph's own %g is not between min and max, "
				"and is drawn with when a member says nothing: give a default",
				s.file, o->name, own);
	}
	if (wf->negative_value && wf->negative.n == 0)
		workflow_warning(wf, "%s: options.negative: the graph has no input for it", s.file);
}

/* ---- the whole ---- */

static const struct {
	const char *name;
	void (*read)(struct side *s, struct json_object *value);
} members[] = {
	{"title", read_title},
	{"description", read_description},
	{"kind", read_kind},
	{"vram_gb", read_vram},
	{"age_restricted", read_restricted},
	{"roles", read_roles},
	{"options", read_options},
	{"share", read_share},
	{"nodes", side_read_nodes},
};

void sidecar_read(struct workflow *wf, const char *text, size_t len)
{
	struct side s = {.wf = wf};
	cleanup(json_put) struct json_object *doc = NULL;
	const char *names[countof(members)], *why = NULL;
	char name[160];

	wf->sidecar = true;
	snprintf(s.file, sizeof(s.file), "%s.meta.json", printable(name, sizeof(name), wf->name));
	for (size_t i = 0; i < countof(members); i++)
		names[i] = members[i].name;
	if (len > WORKFLOW_META_MAX) {
		workflow_problem(
			wf, "%s: it is larger than %zu KiB", s.file, WORKFLOW_META_MAX / KIB);
		return;
	}
	doc = json_parse(text, len, &why);
	if (!doc) {
		workflow_problem(wf, "%s: it is not JSON: %s", s.file, why);
		return;
	}
	if (!json_object_is_type(doc, json_type_object)) {
		workflow_problem(wf, "%s: an object is needed: {\"title\": \"...\", ...}", s.file);
		return;
	}
	json_object_object_foreach(doc, key, value)
	{
		int i = side_known(&s, "", key, names, countof(members));

		if (i >= 0)
			members[i].read(&s, value);
	}
}
