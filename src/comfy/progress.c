/* SPDX-License-Identifier: Apache-2.0 */
#include "comfy/progress.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/json.h"
#include "base/limits.h"
#include "comfy/reply.h"

/* Relative times: a sampler against a loader, an encoder, a node that counts steps of its own. */
#define WEIGHT_LIGHT   1
#define WEIGHT_STEPPED 5
#define WEIGHT_SAMPLER 30
/* What the nodes not yet heard of are taken for while the graph is unknown. */
#define WEIGHT_UNKNOWN 20

int ws_message_read(const char *text, size_t len, struct ws_message *ret)
{
	static const struct {
		const char *type;
		enum ws_kind kind;
	} kinds[] = {
		{"status", WS_STATUS},
		{"execution_start", WS_START},
		{"execution_cached", WS_CACHED},
		{"executing", WS_EXECUTING},
		{"progress", WS_PROGRESS},
		{"progress_state", WS_PROGRESS_STATE},
		{"execution_success", WS_SUCCESS},
		{"execution_error", WS_ERROR},
		{"execution_interrupted", WS_INTERRUPTED},
	};
	struct ws_message m = {.doc = comfy_json(text, len), .queue_remaining = -1};
	const char *type = json_str(m.doc, "type");

	m.data = json_member(m.doc, "data");
	if (!type || !json_object_is_type(m.data, json_type_object)) {
		ws_message_free(&m);
		return -EINVAL;
	}
	for (size_t i = 0; i < countof(kinds); i++)
		if (str_eq(kinds[i].type, type))
			m.kind = kinds[i].kind;
	m.prompt_id = json_str(m.data, "prompt_id");
	m.node = json_str(m.data, "node");
	if (m.kind == WS_STATUS)
		m.queue_remaining = json_int(m.data, "status.exec_info.queue_remaining", -1);
	*ret = m;
	return 0;
}

void ws_message_free(struct ws_message *m)
{
	json_put(&m->doc);
	*m = (struct ws_message){0};
}

static uint32_t u32_be(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static const char *picture_type(const unsigned char *p, size_t len)
{
	if (len > 8 && memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0)
		return "image/png";
	if (len > 3 && memcmp(p, "\xff\xd8\xff", 3) == 0)
		return "image/jpeg";
	return NULL;
}

int ws_preview_read(const void *data, size_t len, struct ws_preview *ret)
{
	const unsigned char *p = data;
	struct ws_preview preview = {0};
	uint32_t event, n;

	if (len < 8)
		return -EINVAL;
	event = u32_be(p);
	if (event != 1 && event != 4)
		return -ENOMSG;
	n = u32_be(p + 4);
	p += 8;
	len -= 8;
	if (event == 4) {
		if (n > len)
			return -EINVAL;
		preview.meta = comfy_json((const char *)p, n);
		preview.prompt_id = json_str(preview.meta, "prompt_id");
		p += n;
		len -= n;
	}
	preview.type = picture_type(p, len);
	preview.data = p;
	preview.len = len;
	if (len > PREVIEW_MAX || !preview.type || (event == 4 && !preview.meta)) {
		ws_preview_free(&preview);
		return len > PREVIEW_MAX ? -EFBIG : -EINVAL;
	}
	*ret = preview;
	return 0;
}

void ws_preview_free(struct ws_preview *p)
{
	json_put(&p->meta);
	*p = (struct ws_preview){0};
}

struct run_node {
	char *id;
	int weight;
	double done; /* 0..1 */
	UT_hash_handle hh;
};

struct run {
	struct run_node *nodes;
	bool graph;
	char *current;
	int percent;
	bool stepped;
};

struct run *run_new(void)
{
	return xcalloc(1, sizeof(struct run));
}

struct run *run_free(struct run *run)
{
	struct run_node *node, *next;

	if (!run)
		return NULL;
	HASH_ITER(hh, run->nodes, node, next)
	{
		HASH_DEL(run->nodes, node);
		free(node->id);
		free(node);
	}
	free(run->current);
	free(run);
	return NULL;
}

/* NULL when there are too many. */
static struct run_node *node_get(struct run *run, const char *id)
{
	struct run_node *node;

	HASH_FIND_STR(run->nodes, id, node);
	if (node || HASH_COUNT(run->nodes) >= WORKFLOW_NODES_MAX)
		return node;
	node = xcalloc(1, sizeof(*node));
	node->id = xstrdup(id);
	node->weight = WEIGHT_LIGHT;
	HASH_ADD_KEYPTR(hh, run->nodes, node->id, strlen(node->id), node);
	return node;
}

void run_graph(struct run *run, struct json_object *graph)
{
	if (run->graph || !json_object_is_type(graph, json_type_object))
		return;
	run->graph = true;
	json_object_object_foreach(graph, id, description)
	{
		struct run_node *node = node_get(run, id);

		/* KSampler, SamplerCustom and their kind all start from a latent. */
		if (node && json_at(description, "inputs.latent_image"))
			node->weight = WEIGHT_SAMPLER;
	}
}

bool run_has_graph(const struct run *run)
{
	return run->graph;
}

static void node_done(struct run *run, const char *id, double value, double max)
{
	struct run_node *node = node_get(run, id);
	double done = max > 0 && isfinite(value / max) ? value / max : 0;

	if (!node)
		return;
	if (max >= 2 && node->weight < WEIGHT_STEPPED)
		node->weight = run->graph ? WEIGHT_STEPPED : WEIGHT_SAMPLER;
	run->stepped |= max >= 2 && value >= 1 && node->weight >= WEIGHT_SAMPLER;
	done = max_of(min_of(done, 1.0), 0.0);
	node->done = max_of(node->done, done);
}

static void apply_states(struct run *run, struct json_object *nodes)
{
	if (!json_object_is_type(nodes, json_type_object))
		return;
	json_object_object_foreach(nodes, id, state)
	{
		const char *name = json_str(state, "state");

		node_done(run, id, json_num(state, "value", 0), json_num(state, "max", 0));
		if (str_eq(name, "finished"))
			node_done(run, id, 1, 1);
		else if (str_eq(name, "running"))
			str_set(&run->current, id);
	}
}

void run_apply(struct run *run, const struct ws_message *m)
{
	struct json_object *cached;

	switch (m->kind) {
	case WS_CACHED:
		cached = json_array(m->data, "nodes");
		for (size_t i = 0; i < json_len(cached); i++) {
			struct json_object *id = json_object_array_get_idx(cached, i);

			if (json_object_is_type(id, json_type_string))
				node_done(run, json_object_get_string(id), 1, 1);
		}
		break;
	case WS_EXECUTING:
		/* Old versions send no progress_state: the node before this one is done. */
		if (run->current && !str_eq(run->current, m->node))
			node_done(run, run->current, 1, 1);
		str_set(&run->current, m->node);
		if (m->node)
			(void)node_get(run, m->node);
		break;
	case WS_PROGRESS:
		if (!m->node)
			break;
		str_set(&run->current, m->node);
		node_done(run, m->node, json_num(m->data, "value", 0), json_num(m->data, "max", 0));
		break;
	case WS_PROGRESS_STATE:
		apply_states(run, json_member(m->data, "nodes"));
		break;
	default:
		break;
	}
}

int run_percent(struct run *run)
{
	struct run_node *node, *next;
	double whole = run->graph ? 0 : WEIGHT_UNKNOWN, done = 0;

	HASH_ITER(hh, run->nodes, node, next)
	{
		whole += node->weight;
		done += node->weight * node->done;
	}
	if (whole > 0)
		run->percent = max_of(run->percent, min_of((int)(100 * done / whole), 99));
	return run->percent;
}

bool run_stepped(const struct run *run)
{
	return run->stepped;
}

const char *run_node(const struct run *run)
{
	return run->current;
}
