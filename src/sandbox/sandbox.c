/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/sandbox_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/limits.h"

/* How often a page hears something although nothing changed, so that dead ones are noticed. */
#define EVENTS_PULSE_MS 15000
/* Outputs for a WebSocket whose handshake is under way. */
#define WAITING_MAX 100

/* ---- connections that stay ---- */

struct link *sandbox_link(struct sandbox *s, enum link_kind kind, struct server_conn *conn)
{
	struct link *l;

	if (s->n_links >= LINKS_MAX)
		return NULL;
	l = xcalloc(1, sizeof(*l));
	l->kind = kind;
	l->conn = conn;
	l->due_ms = NEVER;
	DL_APPEND(s->links, l);
	s->n_links++;
	server_conn_set(conn, l);
	return l;
}

void sandbox_unlink(struct sandbox *s, struct link *l)
{
	if (l->conn)
		server_conn_set(l->conn, NULL);
	DL_DELETE(s->links, l);
	s->n_links--;
	for (size_t i = 0; i < l->n_waiting; i++)
		world_output_free(&l->waiting[i]);
	free(l->waiting);
	free(l);
}

/* ---- Discord's and ComfyUI's servers ---- */

/* An answer that a fault spoilt: cut now, or after the silence that "hang N" asks for. */
static void spoil(struct sandbox *s, struct server_conn *conn, const char *error)
{
	uint64_t ms = 60000;
	struct link *l;

	if (!error || !str_starts(error, "hang")) {
		server_cut(conn);
		return;
	}
	if (error[4] == ' ')
		(void)parse_u64(error + 5, &ms);
	l = sandbox_link(s, LINK_HANG, conn);
	if (!l)
		server_cut(conn);
	else
		l->due_ms = loop_now(s->loop) + (int64_t)min_of(ms, (uint64_t)3600000);
}

static void world_request(void *ctx, struct server_conn *conn, const struct http_request *req)
{
	struct side *side = ctx;
	struct sandbox *s = side->sandbox;
	struct http_response res = {0};

	world_http(s->world, (enum world_side)side->side, req, &res, loop_now(s->loop));
	if (res.status)
		server_answer(conn, &res);
	else
		spoil(s, conn, res.error);
	http_response_free(&res);
	loop_wake(s->loop);
}

static bool world_accept(
	void *ctx, struct server_conn *conn, const struct http_request *req, int *ret_status)
{
	struct side *side = ctx;
	struct sandbox *s = side->sandbox;
	uint64_t id = ++s->next_conn;
	struct link *l;
	int status;

	status = world_ws_open(
		s->world, (enum world_side)side->side, id, req->url, req, loop_now(s->loop));
	if (status) {
		*ret_status = status;
		return false;
	}
	l = sandbox_link(s, LINK_SOCKET, conn);
	if (!l) {
		world_ws_closed(s->world, id, 1006, loop_now(s->loop));
		*ret_status = 503;
		return false;
	}
	l->id = id;
	return true;
}

static void output_send(struct link *l, const struct world_output *out)
{
	if (!out->close)
		server_ws_send(l->conn, out->data, out->len, out->binary);
	else if (out->code)
		server_ws_close(l->conn, out->code, "");
	else
		server_cut(l->conn);
}

static void world_opened(void *ctx, struct server_conn *conn)
{
	struct link *l = server_conn_get(conn);
	struct world_output *waiting;
	size_t n;

	if (!l)
		return;
	l->open = true;
	waiting = take(l->waiting);
	n = l->n_waiting;
	l->n_waiting = 0;
	for (size_t i = 0; i < n; i++) {
		/* A close among them may have taken the link away. */
		if (server_conn_get(conn) == l)
			output_send(l, &waiting[i]);
		world_output_free(&waiting[i]);
	}
	free(waiting);
}

static void world_received(
	void *ctx, struct server_conn *conn, const void *data, size_t len, bool binary)
{
	struct side *side = ctx;
	struct sandbox *s = side->sandbox;
	struct link *l = server_conn_get(conn);

	if (l)
		world_ws_received(s->world, l->id, data, len, binary, loop_now(s->loop));
	loop_wake(s->loop);
}

static void world_gone(void *ctx, struct server_conn *conn)
{
	struct side *side = ctx;
	struct sandbox *s = side->sandbox;
	struct link *l = server_conn_get(conn);
	int code;

	if (!l)
		return;
	code = server_ws_code(conn);
	if (l->kind == LINK_SOCKET)
		world_ws_closed(s->world, l->id, code ? code : 1006, loop_now(s->loop));
	sandbox_unlink(s, l);
	loop_wake(s->loop);
}

static const struct server_events world_events = {.request = world_request,
	.ws_accept = world_accept,
	.ws_opened = world_opened,
	.ws_received = world_received,
	.gone = world_gone};

/* ---- the turn ---- */

static struct link *socket_find(struct sandbox *s, uint64_t id)
{
	struct link *l;

	DL_FOREACH(s->links, l)
	if (l->kind == LINK_SOCKET && l->id == id)
		return l;
	return NULL;
}

static void pump_outputs(struct sandbox *s)
{
	struct world_output out;

	while (world_next_output(s->world, &out)) {
		struct link *l = socket_find(s, out.conn);

		if (l && l->open) {
			output_send(l, &out);
		} else if (l && l->n_waiting < WAITING_MAX) {
			l->waiting = xrealloc(l->waiting, (l->n_waiting + 1) * sizeof(out));
			l->waiting[l->n_waiting++] = out;
			continue;
		}
		world_output_free(&out);
	}
}

static void tell_page(struct link *l, uint64_t version)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "data: %" PRIu64 "\n\n", version);

	server_stream_add(l->conn, text, (size_t)n);
}

/* Lets go of the connection: after its answer it may serve another request. */
static struct server_conn *release(struct sandbox *s, struct link *l)
{
	struct server_conn *conn = l->conn;

	sandbox_unlink(s, l);
	return conn;
}

/* Returns when the link wants to be looked at again; NEVER too when it is done and gone. */
static int64_t serve(
	struct sandbox *s, struct link *l, uint64_t version, bool changed, int64_t now_ms)
{
	bool due = now_ms >= l->due_ms;
	struct json_object *choices;

	switch (l->kind) {
	case LINK_SOCKET:
		return NEVER;
	case LINK_HANG:
		if (!due)
			break;
		server_cut(release(s, l));
		return NEVER;
	case LINK_WAIT:
		if (version <= l->version && !due)
			break;
		sandbox_answer_version(s, release(s, l));
		return NEVER;
	case LINK_CHOICES:
		choices = changed || due ? sandbox_choices(s, l->id) : NULL;
		if (!choices && !due)
			break;
		sandbox_answer_choices(release(s, l), choices);
		return NEVER;
	case LINK_EVENTS:
		if (changed || due) {
			tell_page(l, version);
			l->due_ms = now_ms + EVENTS_PULSE_MS;
		}
	}
	return l->due_ms;
}

int64_t sandbox_turn(struct sandbox *s, int64_t now_ms)
{
	int64_t due;
	uint64_t version;
	struct link *l, *next;
	bool changed;

	world_tick(s->world, now_ms);
	pump_outputs(s);
	version = world_version(s->world);
	changed = version != s->told_version;
	s->told_version = version;
	due = world_deadline(s->world);
	DL_FOREACH_SAFE(s->links, l, next)
	due = min_of(due, serve(s, l, version, changed, now_ms));
	return due;
}

/* ---- beginning and end ---- */

uint64_t sandbox_add_user(struct sandbox *s, const char *name, bool admin)
{
	struct pretend *p;

	if (s->n_users >= PRETEND_MAX)
		return 0;
	p = &s->users[s->n_users++];
	p->name = xstrdup(name);
	p->admin = admin;
	p->id = world_add_user(s->world, name, admin);
	return p->id;
}

static int serve_side(struct sandbox *s, struct lws_room *room, struct side *side,
	const struct sandbox_config *c, int port, const struct server_events *events,
	char **ret_why)
{
	bool tls = side != &s->page && c->cert_file && c->key_file;
	struct server_config config = {.address = c->address ? c->address : "127.0.0.1",
		.port = port,
		.cert_file = tls ? c->cert_file : NULL,
		.key_file = tls ? c->key_file : NULL,
		.body_max = side == &s->page ? PAGE_BODY_MAX : 100 * MIB};
	char *why = NULL;
	int r;

	side->sandbox = s;
	r = server_new(room, &config, events, side, &side->server, &why);
	if (r < 0)
		*ret_why = xasprintf("the sandbox cannot listen on %s port %d: %s%s",
			config.address, port, why ? why : "it is refused",
			side == &s->page ? " (SANDBOX_PORT chooses another)" : "");
	free(why);
	return r;
}

static char *random_token(void)
{
	/* The shape of a bot's token, and plainly none. */
	return xasprintf(
		"c2FuZGJveA.fullet.%016" PRIx64 "%016" PRIx64, entropy_u64(), entropy_u64());
}

static void name_urls(struct sandbox *s, const struct sandbox_config *c)
{
	bool tls = c->cert_file && c->key_file;
	const char *address = c->address ? c->address : "127.0.0.1", *secure = tls ? "s" : "";
	const char *host =
		str_eq(address, "0.0.0.0") || str_eq(address, "::") ? "127.0.0.1" : address;
	const char *open = strchr(host, ':') ? "[" : "", *close = *open ? "]" : "";
	int discord = server_port(s->discord.server);

	s->any_host = !host_is_loopback(address);
	s->discord_url =
		xasprintf("http%s://%s%s%s:%d/api/v10", secure, open, host, close, discord);
	s->gateway_url = xasprintf("ws%s://%s%s%s:%d/gateway", secure, open, host, close, discord);
	s->cdn_url = xasprintf("http%s://%s%s%s:%d/cdn", secure, open, host, close, discord);
	for (int i = 0; i < WORLD_CARDS_MAX && s->comfy[i].server; i++)
		s->comfy_url[i] = xasprintf("http%s://%s%s%s:%d", secure, open, host, close,
			server_port(s->comfy[i].server));
	s->page_url = xasprintf("http://%s%s%s:%d", open, host, close, server_port(s->page.server));
}

static void make_world(struct sandbox *s, const struct sandbox_config *c, int64_t now_ms)
{
	struct world_config config = {.seed = entropy_u64(),
		.bot_token = s->token,
		.guild_id = c->guild_id,
		.rest_base = s->discord_url,
		.gateway_url = s->gateway_url,
		.cdn_base = s->cdn_url,
		.comfy_key = c->comfy_key,
		.cards = c->cards,
		.n_cards = c->n_cards,
		.step_ms = c->step_ms,
		.load_ms = c->load_ms,
		.heartbeat_ms = c->heartbeat_ms,
		.no_rate_limits = c->no_rate_limits,
		.draw = s->drawer ? drawer_draw : draw_tiny,
		.transcode = s->drawer ? drawer_transcode : transcode_tiny,
		.draw_ctx = s->drawer};
	struct json_object *state, *act = json_object_new_object();

	s->world = world_new(&config, now_ms);
	state = world_state(s->world);
	s->guild_id = json_id(state, "guild.id");
	/* Somebody to be at once, one with a role; the page and tests make more. */
	sandbox_add_user(s, "ana", false);
	json_add_str(act, "kind", "role");
	json_add_id(act, "user", sandbox_add_user(s, "ben", false));
	json_add_id(act, "role", json_id(state, "guild.roles.3.id"));
	must(world_act(s->world, act, now_ms) == 0);
	sandbox_add_user(s, "carmen", true);
	json_object_put(act);
	json_put(&state);
}

int sandbox_new(struct loop *loop, struct lws_room *room, const struct sandbox_config *config,
	struct sandbox **ret, char **ret_why)
{
	struct sandbox *s = xcalloc(1, sizeof(*s));
	int r;

	s->loop = loop;
	s->discord.side = WORLD_DISCORD;
	s->token = config->token ? xstrdup(config->token) : random_token();
	/* The painter need not be there when nothing is painted here. */
	r = config->with_comfy && !config->plain_pictures ? drawer_open(&s->drawer, ret_why) : 0;
	if (r == 0)
		r = serve_side(s, room, &s->page, config, config->page_port, &sandbox_page_events,
			ret_why);
	if (r == 0)
		r = serve_side(
			s, room, &s->discord, config, config->discord_port, &world_events, ret_why);
	for (int i = 0; r == 0 && config->with_comfy && i < max_of(config->n_cards, 1); i++) {
		s->comfy[i].side = WORLD_COMFY + i;
		r = serve_side(s, room, &s->comfy[i], config,
			config->comfy_port ? config->comfy_port + i : 0, &world_events, ret_why);
	}
	if (r < 0) {
		sandbox_free(s);
		return r;
	}
	name_urls(s, config);
	make_world(s, config, loop_now(loop));
	*ret = s;
	return 0;
}

struct sandbox *sandbox_free(struct sandbox *s)
{
	if (!s)
		return NULL;
	server_free(s->page.server);
	server_free(s->discord.server);
	for (int i = 0; i < WORLD_CARDS_MAX; i++)
		server_free(s->comfy[i].server);
	while (s->links) {
		s->links->conn = NULL;
		sandbox_unlink(s, s->links);
	}
	world_free(s->world);
	drawer_close(s->drawer);
	for (size_t i = 0; i < s->n_users; i++)
		free(s->users[i].name);
	free(s->token);
	free(s->discord_url);
	free(s->gateway_url);
	free(s->cdn_url);
	for (int i = 0; i < WORLD_CARDS_MAX; i++)
		free(s->comfy_url[i]);
	free(s->page_url);
	free(s);
	return NULL;
}

const char *sandbox_token(const struct sandbox *s)
{
	return s->token;
}

uint64_t sandbox_guild_id(const struct sandbox *s)
{
	return s->guild_id;
}

const char *sandbox_discord_url(const struct sandbox *s)
{
	return s->discord_url;
}

const char *sandbox_comfy_url(const struct sandbox *s, int card)
{
	return card < WORLD_CARDS_MAX ? s->comfy_url[card] : NULL;
}

const char *sandbox_page_url(const struct sandbox *s)
{
	return s->page_url;
}

struct world *sandbox_world(struct sandbox *s)
{
	return s->world;
}
