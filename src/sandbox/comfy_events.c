/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/comfy_impl.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/limits.h"

/* aiohttp's default: a longer message of a client closes its connection with 1009. */
#define CLIENT_MESSAGE_MAX (4 * MIB)

static void output_add(struct comfy_world *w, struct world_output out)
{
	struct output_item *item;

	/* A test that never fetches must not eat the memory; the oldest goes. */
	if (w->n_outputs >= COMFY_WORLD_OUTPUTS_MAX) {
		item = w->outputs;
		DL_DELETE(w->outputs, item);
		free(item->out.data);
		free(item);
		w->n_outputs--;
	}
	item = xcalloc(1, sizeof(*item));
	item->out = out;
	DL_APPEND(w->outputs, item);
	w->n_outputs++;
}

bool comfy_world_next_output(struct comfy_world *w, struct world_output *ret)
{
	struct output_item *item = w->outputs;

	if (!item)
		return false;
	DL_DELETE(w->outputs, item);
	w->n_outputs--;
	*ret = item->out;
	free(item);
	return true;
}

void cw_outputs_drop(struct comfy_world *w)
{
	struct world_output out;

	while (comfy_world_next_output(w, &out))
		free(out.data);
}

static void send_bytes(
	struct comfy_world *w, uint64_t conn, const void *data, size_t len, bool binary)
{
	struct world_output out = {.conn = conn, .binary = binary, .len = len};

	out.data = xcalloc(len + 1, 1);
	if (len)
		memcpy(out.data, data, len);
	output_add(w, out);
}

static void send_text(struct comfy_world *w, const char *text, const char *client)
{
	struct cw_socket *s;

	DL_FOREACH(w->sockets, s)
	if (s->registered && (!client || str_eq(client, s->sid)))
		send_bytes(w, s->conn, text, strlen(text), false);
}

bool cw_anyone_listens(const struct comfy_world *w, const char *client)
{
	struct cw_socket *s;

	DL_FOREACH(w->sockets, s)
	if (s->registered && (!client || str_eq(client, s->sid)))
		return true;
	return false;
}

static char *event_text(const char *type, struct json_object *data)
{
	struct json_object *event = json_object_new_object();
	char *text;

	json_add_str(event, "type", type);
	json_add(event, "data", data);
	text = json_text(event);
	json_object_put(event);
	return text;
}

void cw_send_event(
	struct comfy_world *w, const char *type, struct json_object *data, const char *client)
{
	char *text = event_text(type, data);

	send_text(w, text, client);
	free(text);
}

void cw_send_own(struct comfy_world *w, const char *type, struct json_object *data,
	const struct cw_prompt *p)
{
	if (p->client_id)
		cw_send_event(w, type, data, p->client_id);
	else
		json_object_put(data);
}

static struct json_object *status_json(const struct comfy_world *w)
{
	struct json_object *data = json_object_new_object(), *status = json_object_new_object(),
			   *info = json_object_new_object();

	json_add_int(info, "queue_remaining", (int64_t)cw_queue_remaining(w));
	json_add(status, "exec_info", info);
	json_add(data, "status", status);
	return data;
}

void cw_send_status(struct comfy_world *w)
{
	cw_send_event(w, "status", status_json(w), NULL);
	cw_changed(w);
}

static void add_be32(struct buf *b, size_t value)
{
	unsigned char bytes[4] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
		(unsigned char)(value >> 8), (unsigned char)value};

	must(buf_add(b, bytes, 4) == 0);
}

void cw_send_preview(struct comfy_world *w, const struct cw_prompt *p, const char *node,
	const void *image, size_t len, bool metadata)
{
	struct json_object *meta = json_object_new_object();
	struct buf b = BUF(len + 64 * KIB);
	struct cw_socket *s;
	const char *text;

	json_add_str(meta, "node_id", node);
	json_add_str(meta, "prompt_id", p->id);
	json_add_str(meta, "display_node_id", node);
	json_add(meta, "parent_node_id", NULL);
	json_add_str(meta, "real_node_id", node);
	json_add_str(meta, "image_type", "image/jpeg");
	text = json_object_to_json_string_ext(meta, JSON_C_TO_STRING_PLAIN);
	add_be32(&b, metadata ? 4 : 1);
	add_be32(&b, metadata ? strlen(text) : 1);
	/* A node id is a client's text: one of kilobytes has no previews. */
	if ((!metadata || buf_add_str(&b, text) == 0) && buf_add(&b, image, len) == 0)
		DL_FOREACH(w->sockets, s)
	if (s->registered && s->metadata == metadata &&
		(!p->client_id || str_eq(p->client_id, s->sid)))
		send_bytes(w, s->conn, b.data, b.len, true);
	buf_free(&b);
	json_object_put(meta);
}

static void socket_remove(struct comfy_world *w, struct cw_socket *s)
{
	DL_DELETE(w->sockets, s);
	w->n_sockets--;
	free(s->sid);
	free(s);
}

static void socket_greet(struct comfy_world *w, struct cw_socket *s)
{
	struct json_object *data = status_json(w);
	char *text;

	json_add_str(data, "sid", s->sid);
	text = event_text("status", data);
	send_bytes(w, s->conn, text, strlen(text), false);
	free(text);
	if (!w->run.prompt || !str_eq(w->run.prompt->client_id, s->sid) || !w->last_node)
		return;
	/* As observed: after a reconnection in mid-run, without the prompt's id. */
	data = json_object_new_object();
	json_add_str(data, "node", w->last_node);
	text = event_text("executing", data);
	send_bytes(w, s->conn, text, strlen(text), false);
	free(text);
}

int comfy_world_ws_open(struct comfy_world *w, uint64_t conn, const char *url,
	const struct http_request *req, int64_t now_ms)
{
	char *sid = url_query(url, "clientId");
	struct cw_socket *s, *other;
	int status;

	comfy_world_tick(w, now_ms);
	status = cw_ws_admission(w, url, req);
	if (status == 0 && w->n_sockets >= COMFY_WORLD_SOCKETS_MAX)
		status = 503;
	if (status) {
		free(sid);
		return status;
	}
	if (!sid || !*sid) {
		uint64_t low = rng_u64(&w->rng), high = rng_u64(&w->rng);

		free(sid);
		sid = xasprintf("%016" PRIx64 "%016" PRIx64, high, low);
	}
	/* The newest connection of an id takes its place in the table. */
	DL_FOREACH(w->sockets, other)
	if (str_eq(other->sid, sid))
		other->registered = false;
	s = xcalloc(1, sizeof(*s));
	s->conn = conn;
	s->sid = sid;
	s->registered = true;
	DL_APPEND(w->sockets, s);
	w->n_sockets++;
	socket_greet(w, s);
	cw_changed(w);
	return 0;
}

static struct cw_socket *socket_find(struct comfy_world *w, uint64_t conn)
{
	struct cw_socket *s;

	DL_SEARCH_SCALAR(w->sockets, s, conn, conn);
	return s;
}

void comfy_world_ws_received(struct comfy_world *w, uint64_t conn, const void *data, size_t len,
	bool binary, int64_t now_ms)
{
	struct cw_socket *s = socket_find(w, conn);
	struct json_object *doc, *reply;
	char *text;

	comfy_world_tick(w, now_ms);
	if (!s)
		return;
	if (len > CLIENT_MESSAGE_MAX) {
		output_add(w, (struct world_output){.conn = conn, .close = true, .code = 1009});
		comfy_world_ws_closed(w, conn, 1009, now_ms);
		return;
	}
	doc = binary ? NULL : json_parse(data, len, NULL);
	if (!s->spoken && str_eq(json_str(doc, "type"), "feature_flags")) {
		s->metadata = json_flag(doc, "data.supports_preview_metadata", false);
		reply = json_object_new_object();
		json_add_bool(reply, "supports_preview_metadata", true);
		json_add_int(reply, "max_upload_size", 100 * MIB);
		text = event_text("feature_flags", reply);
		send_bytes(w, conn, text, strlen(text), false);
		free(text);
	}
	s->spoken = true;
	json_put(&doc);
}

void comfy_world_ws_closed(struct comfy_world *w, uint64_t conn, int code, int64_t now_ms)
{
	struct cw_socket *s = socket_find(w, conn), *other;

	comfy_world_tick(w, now_ms);
	if (!s)
		return;
	/* The zombie: when a connection closes, its id is struck from the table, although a newer
	 * connection of the same id may stand there. That one stays open and hears nothing. */
	DL_FOREACH(w->sockets, other)
	if (other != s && str_eq(other->sid, s->sid))
		other->registered = false;
	socket_remove(w, s);
	cw_changed(w);
}

void cw_sockets_cut(struct comfy_world *w)
{
	while (w->sockets) {
		output_add(w, (struct world_output){.conn = w->sockets->conn, .close = true});
		socket_remove(w, w->sockets);
	}
	cw_changed(w);
}

void cw_sockets_orphan(struct comfy_world *w)
{
	struct cw_socket *s;

	DL_FOREACH(w->sockets, s)
	s->registered = false;
}

void cw_sockets_garble(struct comfy_world *w)
{
#define JUNK(text, binary)                                                                         \
	{                                                                                          \
		text, sizeof(text) - 1, binary                                                     \
	}
	static const struct {
		const char *data;
		size_t len;
		bool binary;
	} junk[] = {
		JUNK("", false),
		JUNK("{\"type\":\"progress\",\"data\":", false),
		JUNK("[1,2,3]", false),
		JUNK("{\"type\":7,\"data\":null}", false),
		JUNK("{\"type\":\"progress\",\"data\":{\"value\":\"x\",\"max\":0,\"prompt_id\":4}}",
			false),
		JUNK("{\"type\":\"executing\",\"data\":\"none\"}", false),
		JUNK("{\"type\":\"execution_error\",\"data\":{}}", false),
		JUNK("{\"type\":\"from_a_newer_version\",\"data\":{\"x\":1}}", false),
		JUNK("", true),
		JUNK("\0\0", true),
		JUNK("\0\0\0\1", true),
		JUNK("\0\0\0\143zz", true),
		JUNK("\0\0\0\4\377\377\377\377{}", true),
		JUNK("\0\0\0\4\0\0\0\2{]x", true),
		JUNK("\0\0\0\3\0\0\0\11ab", true),
	};
	struct cw_socket *s;

	DL_FOREACH(w->sockets, s)
	for (size_t i = 0; i < countof(junk); i++)
		send_bytes(w, s->conn, junk[i].data, junk[i].len, junk[i].binary);
}
