/* SPDX-License-Identifier: Apache-2.0 */
#include "comfy/refusal.h"

#include <stdlib.h>
#include <strings.h>

#include "base/json.h"
#include "comfy/reply.h"

#define WORDS_MAX 160

struct node_error {
	const char *node;
	const char *class_type;
	const char *type;
	const char *input; /* "" when none is named */
	struct json_object *error;
};

/* A value as the workflow wrote it, short. */
static char *value_text(struct json_object *value)
{
	return comfy_line(value ? json_object_to_json_string_ext(value,
					  JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
				: "null",
		WORDS_MAX);
}

/* "(node 4, UnetLoaderGGUF: unet_name)" */
static char *place_text(const struct node_error *e)
{
	cleanup(freep) char *node = comfy_line(e->node, WORDS_MAX);
	cleanup(freep) char *class_type = comfy_line(e->class_type, WORDS_MAX);
	cleanup(freep) char *input = comfy_line(e->input, WORDS_MAX);

	return xasprintf("(node %s, %s%s%s)", node, *class_type ? class_type : "of unknown class",
		*input ? ": " : "", input);
}

static bool is_file_name(const char *name)
{
	static const char *const ends[] = {".gguf", ".safetensors", ".sft", ".ckpt", ".pt", ".pth",
		".bin", ".onnx", ".png", ".jpg", ".jpeg", ".webp"};

	for (size_t i = 0; i < countof(ends); i++) {
		size_t n = strlen(name), m = strlen(ends[i]);

		if (n > m && strcasecmp(name + n - m, ends[i]) == 0)
			return true;
	}
	return false;
}

static char *say_not_in_list(const struct node_error *e)
{
	const char *name = json_str(e->error, "extra_info.received_value");
	cleanup(freep) char *value = NULL;

	if (name && is_file_name(name)) {
		value = comfy_line(name, WORDS_MAX);
		return xasprintf("the server has no file '%s'", value);
	}
	value = name ? comfy_line(name, WORDS_MAX)
		     : value_text(json_at(e->error, "extra_info.received_value"));
	return xasprintf("'%s' is not among the choices of the server", value);
}

static char *say_missing(const struct node_error *e)
{
	return xstrdup("a required input is missing");
}

static char *say_bound(const struct node_error *e)
{
	bool small = str_eq(e->type, "value_smaller_than_min");
	struct json_object *bound = json_at(e->error,
		small ? "extra_info.input_config.1.min" : "extra_info.input_config.1.max");
	cleanup(freep) char *value = value_text(json_at(e->error, "extra_info.received_value"));
	cleanup(freep) char *limit = value_text(bound);

	if (!bound)
		return xasprintf("the value %s is too %s", value, small ? "small" : "large");
	return xasprintf("the value %s is %s the %s %s", value, small ? "below" : "above",
		small ? "minimum" : "maximum", limit);
}

static char *say_type(const struct node_error *e)
{
	cleanup(freep) char *value = value_text(json_at(e->error, "extra_info.received_value"));

	return xasprintf("the value %s is of the wrong kind", value);
}

static char *say_link(const struct node_error *e)
{
	return xstrdup("an input is linked to an output that does not fit");
}

static char *say_custom(const struct node_error *e)
{
	const char *details = json_str(e->error, "details"), *dash;

	/* "image - Invalid image file: x.png": the input is named in the place anyway. */
	dash = details ? strstr(details, " - ") : NULL;
	if (!details || !*details)
		return xstrdup("the node does not accept its inputs");
	return comfy_line(dash ? dash + 3 : details, WORDS_MAX);
}

static char *say_exception(const struct node_error *e)
{
	return xstrdup("the server could not check the workflow");
}

static char *say_other(const struct node_error *e)
{
	const char *message = json_str(e->error, "message");
	char *line = comfy_line(message ? message : "", WORDS_MAX);

	if (*line)
		return line;
	free(line);
	return xstrdup("the server refuses the node");
}

/* In the order of how much they tell: ComfyUI's own order varies from run to run. */
static const struct {
	const char *type;
	char *(*say)(const struct node_error *e);
} kinds[] = {
	{"value_not_in_list", say_not_in_list},
	{"custom_validation_failed", say_custom},
	{"required_input_missing", say_missing},
	{"value_smaller_than_min", say_bound},
	{"value_bigger_than_max", say_bound},
	{"invalid_input_type", say_type},
	{"return_type_mismatch", say_link},
	{"bad_linked_input", say_link},
	{NULL, say_other},
	{"exception_during_validation", say_exception},
};

static size_t rank_of(const char *type)
{
	size_t other = 0;

	for (size_t i = 0; i < countof(kinds); i++) {
		if (!kinds[i].type)
			other = i;
		else if (str_eq(kinds[i].type, type))
			return i;
	}
	return other;
}

/* Node ids are strings, mostly of digits: 9 before 10. */
static int id_compare(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	return n != m ? (n < m ? -1 : 1) : strcmp(a, b);
}

static bool tells_more(const struct node_error *a, const struct node_error *b)
{
	size_t i = rank_of(a->type), j = rank_of(b->type);
	int order;

	if (!b->node || i != j)
		return !b->node || i < j;
	order = id_compare(a->node, b->node);
	return order != 0 ? order < 0 : strcmp(a->input, b->input) < 0;
}

static bool first_node_error(struct json_object *nodes, struct node_error *ret)
{
	struct node_error best = {0};

	if (!json_object_is_type(nodes, json_type_object))
		return false;
	json_object_object_foreach(nodes, id, node)
	{
		struct json_object *errors = json_array(node, "errors");
		const char *class_type = json_str(node, "class_type");

		for (size_t i = 0; i < json_len(errors); i++) {
			struct json_object *error = json_object_array_get_idx(errors, i);
			const char *input = json_str(error, "extra_info.input_name");
			struct node_error e = {
				.node = id,
				.class_type = class_type ? class_type : "",
				.type = json_str(error, "type"),
				.input = input ? input : "",
				.error = error,
			};

			if (tells_more(&e, &best))
				best = e;
		}
	}
	*ret = best;
	return best.node != NULL;
}

bool refusal_has_nodes(struct json_object *doc)
{
	struct json_object *nodes = json_member(doc, "node_errors");

	return json_object_is_type(nodes, json_type_object) && json_object_object_length(nodes) > 0;
}

/* "Cannot execute because node NoSuchNode does not exist."; newer servers say it in extra_info. */
static char *missing_class(struct json_object *error)
{
	static const char before[] = "because node ", after[] = " does not exist";
	const char *message = json_str(error, "message");
	const char *class_type = json_str(error, "extra_info.class_type");
	const char *start = message ? strstr(message, before) : NULL;
	const char *end = start ? strstr(start, after) : NULL;
	cleanup(freep) char *name = NULL, *line = NULL;

	if (start && end)
		name = xstrndup(
			start + sizeof(before) - 1, (size_t)(end - start) - (sizeof(before) - 1));
	else if (class_type && *class_type)
		name = xstrdup(class_type);
	else
		return NULL;
	line = comfy_line(name, WORDS_MAX);
	return xasprintf("the node %s is not installed on the server", line);
}

static char *whole_error(struct json_object *error)
{
	static const struct {
		const char *type, *words;
	} known[] = {
		{"no_prompt", "the server found no workflow in what was sent"},
		{"prompt_no_outputs", "the workflow has no node that saves something"},
		{"invalid_prompt_id", "the server does not accept the id of the prompt"},
		{"dependency_cycle", "the nodes of the workflow form a circle"},
	};
	const char *type = json_str(error, "type");
	const char *message = json_str(error, "message"), *details = json_str(error, "details");
	cleanup(freep) char *line = NULL, *more = NULL;

	if (str_eq(type, "invalid_prompt") || str_eq(type, "missing_node_type")) {
		line = missing_class(error);
		if (line)
			return take(line);
	}
	for (size_t i = 0; i < countof(known); i++)
		if (str_eq(known[i].type, type))
			return xstrdup(known[i].words);
	line = comfy_line(message ? message : "", WORDS_MAX);
	more = comfy_line(details ? details : "", WORDS_MAX);
	if (!*line)
		return xstrdup("the server refuses the workflow without saying why");
	if (strstr(more, "Exception"))
		*more = '\0';
	return xasprintf("the server refuses the workflow: %s%s%s%s", line, *more ? " (" : "", more,
		*more ? ")" : "");
}

char *refusal_text(struct json_object *doc)
{
	cleanup(freep) char *words = NULL, *place = NULL;
	struct json_object *error = json_member(doc, "error");
	struct node_error e;

	if (!first_node_error(json_member(doc, "node_errors"), &e)) {
		/* Some forks and old versions give the error as a string. */
		if (json_object_is_type(error, json_type_string)) {
			words = comfy_line(json_object_get_string(error), WORDS_MAX);
			return xasprintf("the server refuses the workflow: %s", words);
		}
		return whole_error(error);
	}
	words = kinds[rank_of(e.type)].say(&e);
	place = place_text(&e);
	return xasprintf("%s %s", words, place);
}
