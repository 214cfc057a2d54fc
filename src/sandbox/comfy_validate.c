/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/comfy_impl.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/limits.h"

/*
 * What ComfyUI checks before it queues a prompt (validate_prompt and validate_inputs
 * of its execution.py, as seen from outside): the classes first, then each output's tree.
 */

enum verdict { UNSEEN, VISITING, GOOD, BAD };

struct checked {
	const char *id;
	enum verdict verdict;
	UT_hash_handle hh;
};

struct check {
	struct comfy_world *w;
	struct json_object *graph, *node_errors, *images;
	struct checked *seen;
};

static struct json_object *error_json(const char *type, const char *message, const char *details)
{
	struct json_object *error = json_object_new_object();

	json_add_str(error, "type", type);
	json_add_str(error, "message", message);
	json_add_str(error, "details", details);
	json_add(error, "extra_info", json_object_new_object());
	return error;
}

static void add_error(struct check *ck, const char *node, struct json_object *error)
{
	struct json_object *entry = json_member(ck->node_errors, node);

	if (!entry) {
		entry = json_object_new_object();
		json_add(entry, "errors", json_object_new_array());
		json_add(entry, "dependent_outputs", json_object_new_array());
		json_add_str(entry, "class_type", cw_class_of(ck->graph, node)->name);
		json_add(ck->node_errors, node, entry);
	}
	json_object_array_add(json_member(entry, "errors"), error);
}

/* details is consumed. Returns extra_info, to be filled further. */
static struct json_object *input_error(struct check *ck, const char *node,
	const struct node_input *in, struct json_object *received, const char *type,
	const char *message, char *details)
{
	struct json_object *error = error_json(type, message, details),
			   *info = json_member(error, "extra_info");

	free(details);
	json_add_str(info, "input_name", in->name);
	if (received) {
		json_add(info, "input_config", cw_input_info(in, ck->images));
		json_add(info, "received_value", json_object_get(received));
	}
	add_error(ck, node, error);
	return info;
}

static void exception(
	struct check *ck, const char *node, const char *exception_type, const char *what)
{
	char *details = xasprintf("'%s'", what);
	struct json_object *error = error_json("exception_during_validation",
				   "Exception when validating node", details),
			   *info = json_member(error, "extra_info"),
			   *trace = json_object_new_array();

	free(details);
	json_add_str(info, "exception_type", exception_type);
	json_object_array_add(trace,
		json_object_new_string(
			"  File \"/opt/ComfyUI/execution.py\", line 1010, in validate_prompt\n"));
	json_add(info, "traceback", trace);
	add_error(ck, node, error);
}

static bool check_node(struct check *ck, const char *node);

static bool check_link(
	struct check *ck, const char *node, const struct node_input *in, struct json_object *value)
{
	const char *from = cw_link(value);
	const struct node_class *c = from ? cw_class_of(ck->graph, from) : NULL;
	int64_t slot = json_int(value, "1", -1);
	const char *wanted = in->value == VALUE_LINK	? in->type
			     : in->value == VALUE_INT	? "INT"
			     : in->value == VALUE_FLOAT ? "FLOAT"
			     : in->value == VALUE_TEXT	? "STRING"
			     : in->value == VALUE_FLAG	? "BOOLEAN"
							: "COMBO";
	struct json_object *info;
	const char *got;

	if (json_len(value) != 2) {
		input_error(ck, node, in, value, "bad_linked_input",
			"Bad linked input, must be a length-2 list of [node_id, slot_index]",
			xstrdup(in->name));
		return false;
	}
	if (!c) {
		exception(ck, node, "KeyError",
			from ? from
			     : json_object_to_json_string(json_object_array_get_idx(value, 0)));
		return false;
	}
	got = slot >= 0 && slot < (int64_t)countof(c->out) ? c->out[slot] : NULL;
	if (!got) {
		exception(ck, node, "IndexError", "tuple index out of range");
		return false;
	}
	if (!str_eq(got, wanted) && !str_eq(wanted, "*")) {
		info = input_error(ck, node, in, value, "return_type_mismatch",
			"Return type mismatch between linked nodes",
			xasprintf("%s, received_type(%s) mismatch input_type(%s)", in->name, got,
				wanted));
		json_object_object_del(info, "received_value");
		json_add_str(info, "received_type", got);
		json_add(info, "linked_node", json_object_get(value));
		return false;
	}
	return check_node(ck, from);
}

static bool check_number(
	struct check *ck, const char *node, const struct node_input *in, struct json_object *value)
{
	const char *type = in->value == VALUE_INT ? "INT" : "FLOAT",
		   *text = json_object_get_string(value);
	char *end = NULL;
	double number = json_object_get_double(value);

	if (json_object_is_type(value, json_type_string)) {
		number = strtod(text, &end);
		if (end == text || *end || !isfinite(number))
			number = NAN;
	}
	if (json_object_is_type(value, json_type_object) || isnan(number)) {
		char *message = xasprintf("Failed to convert an input value to a %s value", type);

		input_error(ck, node, in, value, "invalid_input_type", message,
			xasprintf("%s, %s, not a number", in->name, text));
		free(message);
		return false;
	}
	if (number < in->low || number > in->high) {
		bool small = number < in->low;
		char *message = xasprintf("Value %s %s than %s of %.20g", text,
			small ? "smaller" : "bigger", small ? "min" : "max",
			small ? in->low : in->high);

		input_error(ck, node, in, value,
			small ? "value_smaller_than_min" : "value_bigger_than_max", message,
			xstrdup(in->name));
		free(message);
		return false;
	}
	return true;
}

static bool check_choice(
	struct check *ck, const char *node, const struct node_input *in, struct json_object *value)
{
	const char *text = json_object_get_string(value);
	size_t n = cw_list_len(in->list);
	struct json_object *info;
	struct buf details = BUF(64 * KIB);

	for (size_t i = 0; i < n; i++)
		if (json_object_is_type(value, json_type_string) && str_eq(in->list[i], text))
			return true;
	/* A text that does not fit is left out of the details. */
	(void)buf_printf(&details, "%s: '%s' not in ", in->name, text);
	if (n > 20) {
		(void)buf_printf(&details, "(list of length %zu)", n);
	} else {
		for (size_t i = 0; i < n; i++)
			(void)buf_printf(&details, "%s'%s'", i ? ", " : "[", in->list[i]);
		(void)buf_add_str(&details, "]");
	}
	info = input_error(
		ck, node, in, value, "value_not_in_list", "Value not in list", buf_take(&details));
	if (n > 20)
		json_add(info, "input_config", NULL);
	return false;
}

static bool check_value(
	struct check *ck, const char *node, const struct node_input *in, struct json_object *value)
{
	const char *text;

	if (json_object_is_type(value, json_type_array))
		return check_link(ck, node, in, value);
	switch (in->value) {
	case VALUE_INT:
	case VALUE_FLOAT:
		return check_number(ck, node, in, value);
	case VALUE_LIST:
		return check_choice(ck, node, in, value);
	case VALUE_IMAGE:
		text = json_object_get_string(value);
		if (cw_file_named(ck->w, text ? text : ""))
			return true;
		input_error(ck, node, in, NULL, "custom_validation_failed",
			"Custom validation failed for node",
			xasprintf("%s - Invalid image file: %s", in->name, text ? text : "None"));
		return false;
	default: /* a text takes anything; a plain value where a link belongs fails only in the run
		  */
		return true;
	}
}

static bool check_inputs(struct check *ck, const char *node, const struct node_class *c)
{
	struct json_object *inputs = json_member(json_member(ck->graph, node), "inputs"), *value;
	bool good = true;

	if (!json_object_is_type(inputs, json_type_object)) {
		exception(ck, node, "KeyError", "inputs");
		return false;
	}
	for (const struct node_input *in = c->in; in->value != VALUE_END; in++) {
		if (!json_object_object_get_ex(inputs, in->name, &value)) {
			if (in->optional)
				continue;
			input_error(ck, node, in, NULL, "required_input_missing",
				"Required input is missing", xstrdup(in->name));
			good = false;
		} else if (!check_value(ck, node, in, value)) {
			good = false;
		}
	}
	return good;
}

static bool check_node(struct check *ck, const char *node)
{
	const struct node_class *c = cw_class_of(ck->graph, node);
	struct checked *known;

	HASH_FIND_STR(ck->seen, node, known);
	if (known) /* a cycle is refused without a word, as observed */
		return known->verdict == GOOD;
	known = xcalloc(1, sizeof(*known));
	known->id = node;
	known->verdict = VISITING;
	HASH_ADD_KEYPTR(hh, ck->seen, known->id, strlen(known->id), known);
	known->verdict = check_inputs(ck, node, c) ? GOOD : BAD;
	return known->verdict == GOOD;
}

/* The first thing that is wrong with the classes, or NULL. */
static struct json_object *check_classes(struct json_object *graph)
{
	char *message, *details;
	struct json_object *error;

	json_object_object_foreach(graph, id, node)
	{
		const char *name = json_str(node, "class_type");

		if (cw_node_find(name))
			continue;
		details = xasprintf("Node ID '#%s'", id);
		message = name ? xasprintf("Cannot execute because node %s does not exist.", name)
			       : xstrdup("Cannot execute because a node is missing the class_type "
					 "property.");
		error = error_json("invalid_prompt", message, details);
		free(message);
		free(details);
		return error;
	}
	return NULL;
}

/* Tells each failed node which outputs wait for it, and gathers the outputs' own errors. */
static char *outputs_details(struct check *ck, struct json_object *failed)
{
	struct buf details = BUF(MIB);

	for (size_t i = 0; i < json_len(failed); i++) {
		const char *output = json_object_get_string(json_object_array_get_idx(failed, i));
		struct json_object *errors =
			json_member(json_member(ck->node_errors, output), "errors");

		json_object_object_foreach(ck->node_errors, id, entry)
		{
			(void)id;
			json_object_array_add(json_member(entry, "dependent_outputs"),
				json_object_new_string(output));
		}
		for (size_t k = 0; k < json_len(errors); k++) {
			struct json_object *e = json_object_array_get_idx(errors, k);

			(void)buf_printf(&details, "%s%s: %s", details.len ? "\n" : "",
				json_str(e, "message"), json_str(e, "details"));
		}
	}
	return buf_take(&details);
}

static void check_free(struct check *ck)
{
	struct checked *s, *next;

	HASH_ITER(hh, ck->seen, s, next)
	{
		HASH_DEL(ck->seen, s);
		free(s);
	}
	json_put(&ck->images);
	json_put(&ck->node_errors);
}

int cw_validate(struct comfy_world *w, struct json_object *graph, struct json_object **ret_outputs,
	struct json_object **ret_error, struct json_object **ret_node_errors)
{
	struct check ck = {.w = w, .graph = graph, .node_errors = json_object_new_object()};
	struct json_object *good = json_object_new_array(), *failed = json_object_new_array(),
			   *error;
	char *details;
	bool any = false;

	ck.images = cw_images_list(w);
	error = check_classes(graph);
	if (!error) {
		json_object_object_foreach(graph, id, node)
		{
			(void)node;
			if (!cw_node_is_output(cw_class_of(graph, id)))
				continue;
			any = true;
			json_object_array_add(
				check_node(&ck, id) ? good : failed, json_object_new_string(id));
		}
		details = outputs_details(&ck, failed);
		if (!any)
			error = error_json("prompt_no_outputs", "Prompt has no outputs", "");
		else if (json_len(good) == 0)
			error = error_json("prompt_outputs_failed_validation",
				"Prompt outputs failed validation", details);
		free(details);
	}
	*ret_node_errors = json_object_get(ck.node_errors);
	check_free(&ck);
	json_put(&failed);
	if (error)
		json_put(&good);
	*ret_outputs = error ? NULL : good;
	*ret_error = error;
	return error ? -EINVAL : 0;
}
