/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/comfy_impl.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/limits.h"

/* What a well-behaved client must not do here. */
static void judge(struct comfy_world *w, struct json_object *body, const char *id)
{
	struct json_object *extra;

	if (json_member(body, "number"))
		cw_violation(w, "comfy_number_sent", "POST /prompt",
			"equal numbers give 500 although the prompt is queued");
	if (!id)
		cw_violation(w, "comfy_prompt_id_missing", "POST /prompt",
			"without an id of our own a retry cannot be traced");
	else if (!uuid_valid(id))
		cw_violation(w, "comfy_prompt_id_form", "POST /prompt", id);
	else if (cw_prompt_find(w, id, true))
		cw_violation(w, "comfy_prompt_id_twice", "POST /prompt", id);
	if (json_object_object_get_ex(body, "extra_data", &extra) && !extra)
		cw_violation(
			w, "comfy_extra_data_null", "POST /prompt", "it ends the worker for good");
}

/* float(number) of a given number; -EPROTO when Python would raise. */
static int given_number(struct json_object *value, double *ret)
{
	const char *text = json_object_get_string(value);
	char *end = NULL;

	if (json_object_is_type(value, json_type_string)) {
		*ret = strtod(text, &end);
		return end == text || *end ? -EPROTO : 0;
	}
	if (!json_object_is_type(value, json_type_int) &&
		!json_object_is_type(value, json_type_double))
		return -EPROTO;
	*ret = json_object_get_double(value);
	return 0;
}

/* The id as Python's str() gives it, or a new one. Owned. */
static char *prompt_id(struct comfy_world *w, struct json_object *body)
{
	struct json_object *value;
	char uuid[UUID_SIZE];

	if (!json_object_object_get_ex(body, "prompt_id", &value)) {
		rng_uuid(&w->rng, uuid);
		return xstrdup(uuid);
	}
	return xstrdup(value ? json_object_get_string(value) : "None");
}

/* extra_data with the client's id in it; NULL when it is null. -EPROTO: the real one raises. */
static int extra_data(struct json_object *body, struct json_object **ret)
{
	struct json_object *given, *client = NULL, *extra;
	bool has = json_object_object_get_ex(body, "extra_data", &given);
	bool has_client = json_object_object_get_ex(body, "client_id", &client);

	if (has && !json_object_is_type(given, json_type_object)) {
		if (given || has_client)
			return -EPROTO;
		*ret = NULL;
		return 0;
	}
	extra = json_object_new_object();
	if (has) {
		json_object_object_foreach(given, name, value)
		{
			json_add(extra, name, json_object_get(value));
		}
	}
	if (has_client)
		json_add(extra, "client_id", json_object_get(client));
	*ret = extra;
	return 0;
}

static void place(struct cw_prompt *p, struct json_object *body, bool has_number, double number)
{
	if (has_number) {
		p->number = number;
		p->number_is_int = false;
	} else if (json_flag(body, "front", false)) {
		p->number = -p->number;
	}
}

static struct json_object *accepted(const struct cw_prompt *p, struct json_object *node_errors)
{
	struct json_object *answer = json_object_new_object();

	json_add_str(answer, "prompt_id", p->id);
	json_add(answer, "number",
		p->number_is_int ? json_object_new_int64((int64_t)p->number)
				 : json_object_new_double(p->number));
	json_add(answer, "node_errors", node_errors);
	return answer;
}

static void refuse(
	struct http_response *ret, struct json_object *error, struct json_object *node_errors)
{
	struct json_object *answer = json_object_new_object();

	json_add(answer, "error", error);
	json_add(answer, "node_errors", node_errors ? node_errors : json_object_new_object());
	cw_answer_json(ret, 400, answer);
}

static struct json_object *no_prompt(void)
{
	struct json_object *error = json_object_new_object();

	json_add_str(error, "type", "no_prompt");
	json_add_str(error, "message", "No prompt provided");
	json_add_str(error, "details", "No prompt provided");
	json_add(error, "extra_info", json_object_new_object());
	return error;
}

/* What a graph with a good output and a bad one gets, of which the good one is not ours: it is
 * taken, and nothing is drawn. */
static void drop_outputs(
	struct comfy_world *w, struct json_object **outputs, struct json_object *node_errors)
{
	struct json_object *entry = json_object_new_object();

	w->node_errors--;
	json_put(outputs);
	*outputs = json_object_new_array();
	json_add(entry, "errors", json_object_new_array());
	json_add(entry, "dependent_outputs", json_object_new_array());
	json_add_str(entry, "class_type", "SaveImage");
	json_add(node_errors, "7", entry);
}

void cw_post_prompt(
	struct comfy_world *w, const struct http_request *req, struct http_response *ret)
{
	cleanup(json_put) struct json_object *body =
		req->body ? json_parse(req->body, req->body_len, NULL) : NULL;
	cleanup(json_put) struct json_object *empty = json_object_new_object();
	cleanup(freep) char *id = NULL;
	struct json_object *graph, *value, *extra, *outputs, *error, *node_errors;
	const char *client;
	struct cw_prompt *p;
	double number = 0;
	bool has_number;

	if (!body) {
		cw_answer_500(ret);
		return;
	}
	has_number = json_object_is_type(body, json_type_object) &&
		     json_object_object_get_ex(body, "number", &value);
	if (has_number && given_number(value, &number) < 0) {
		cw_answer_500(ret);
		return;
	}
	judge(w, body, json_str(body, "prompt_id"));
	if (!json_object_is_type(body, json_type_object) ||
		!json_object_object_get_ex(body, "prompt", &graph)) {
		refuse(ret, no_prompt(), NULL);
		return;
	}
	if (json_object_is_type(graph, json_type_array) && json_len(graph) == 0)
		graph = empty;
	if (!json_object_is_type(graph, json_type_object) || extra_data(body, &extra) < 0 ||
		json_object_object_length(graph) > WORKFLOW_NODES_MAX) {
		cw_answer_500(ret);
		return;
	}
	if (cw_validate(w, graph, &outputs, &error, &node_errors) < 0) {
		w->number++; /* rises on rejected prompts too */
		json_put(&extra);
		refuse(ret, error, node_errors);
		return;
	}
	if (w->node_errors > 0)
		drop_outputs(w, &outputs, node_errors);
	id = prompt_id(w, body);
	value = extra ? json_member(extra, "client_id") : NULL;
	/* A number as client_id matches no socket. */
	client = json_object_is_type(value, json_type_string) ? json_object_get_string(value)
							      : "\x7f";
	p = cw_queue_add(w, id, value ? client : NULL, json_object_get(graph), extra, outputs);
	if (!p) {
		json_put(&extra);
		json_put(&outputs);
		json_put(&node_errors);
		json_object_put(graph);
		cw_answer_500(ret);
		return;
	}
	place(p, body, has_number, number);
	cw_send_status(w);
	cw_answer_json(ret, 200, accepted(p, node_errors));
}
