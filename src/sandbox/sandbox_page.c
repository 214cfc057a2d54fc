/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/sandbox_impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"

/* Discord waits 3 s for a bot's choices; the page a little longer. */
#define CHOICES_MS     4000
#define WAIT_MS	       20000
#define NAME_MAX_BYTES 32
/* A body without files: a message has 2000 characters, a command's options together less than this. */
#define WORDS_MAX (256 * KIB)

/* Nothing but our own files runs, is shown or is spoken to; no other page may frame this one. */
static const char policy[] =
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
	"connect-src 'self'; base-uri 'none'; form-action 'none'; "
	"frame-ancestors 'none'";

static void add_headers(struct http_response *res)
{
	http_response_header(res, "Content-Security-Policy", policy);
	http_response_header(res, "X-Content-Type-Options", "nosniff");
	http_response_header(res, "Referrer-Policy", "no-referrer");
	http_response_header(res, "Cross-Origin-Resource-Policy", "same-origin");
	http_response_header(res, "Cache-Control", "no-store");
}

static void answer(
	struct server_conn *conn, int status, const char *type, const void *data, size_t len)
{
	struct http_response res = {.status = status, .body = BUF(max_of(len, (size_t)1))};

	http_response_header(&res, "Content-Type", type);
	add_headers(&res);
	if (len)
		must(buf_add(&res.body, data, len) == 0);
	server_answer(conn, &res);
	http_response_free(&res);
}

void sandbox_answer_json(struct server_conn *conn, int status, struct json_object *body)
{
	char *text = json_text(body);

	answer(conn, status, "application/json; charset=utf-8", text, strlen(text));
	free(text);
	json_object_put(body);
}

static void answer_error(struct server_conn *conn, int status, const char *sentence)
{
	struct json_object *body = json_object_new_object();

	json_add_str(body, "error", sentence);
	sandbox_answer_json(conn, status, body);
}

/* An id, or 400 with the sentence (why is consumed). */
static void answer_id(struct server_conn *conn, uint64_t id, char *why)
{
	struct json_object *body;

	if (id) {
		body = json_object_new_object();
		json_add_id(body, "id", id);
		sandbox_answer_json(conn, 200, body);
	} else {
		answer_error(conn, 400, why ? why : "Discord's client would not do that.");
	}
	free(why);
}

void sandbox_answer_version(struct sandbox *s, struct server_conn *conn)
{
	struct json_object *body = json_object_new_object();

	json_add_int(body, "version", (int64_t)world_version(s->world));
	sandbox_answer_json(conn, 200, body);
}

/* ---- who may ask ---- */

/* "127.0.0.1" of "127.0.0.1:8787", "::1" of "[::1]:8787". Owned. */
static char *host_name(const char *host)
{
	if (*host == '[')
		return xstrndup(host + 1, strcspn(host + 1, "]"));
	return xstrndup(host, strcspn(host, ":"));
}

/*
 * A foreign page must not use a visitor's browser against the sandbox: a name that was bound
 * to this address anew (DNS rebinding) shows in Host, a cross-site request in Origin and
 * Sec-Fetch-Site.
 */
static bool is_same_origin(struct sandbox *s, const struct http_request *req)
{
	const char *host = http_request_get(req, "Host"), *origin = http_request_get(req, "Origin");
	const char *site = http_request_get(req, "Sec-Fetch-Site");
	cleanup(freep) char *name = host_name(host ? host : "");
	cleanup(freep) char *own = xasprintf("http://%s", host ? host : "");
	/* An IP address is nobody's name. */
	bool literal = *name && strspn(name, "0123456789.") == strlen(name);

	if (!host_is_loopback(name) && !(s->any_host && (literal || strchr(name, ':'))))
		return false;
	if (origin && !str_eq(origin, own))
		return false;
	return !site || str_eq(site, "same-origin") || str_eq(site, "none");
}

/* ---- arguments: ids, or names for tests written by people ---- */

static uint64_t user_arg(struct sandbox *s, struct json_object *body)
{
	uint64_t id = json_id(body, "user");
	const char *name = json_str(body, "user");

	for (size_t i = 0; !id && i < s->n_users; i++)
		if (str_eq(s->users[i].name, name))
			id = s->users[i].id;
	return id;
}

static uint64_t channel_arg(struct sandbox *s, struct json_object *body)
{
	uint64_t id = json_id(body, "channel");
	const char *name = json_str(body, "channel");

	return !id && name ? world_find_channel(s->world, name) : id;
}

/* ---- what people and tests do ---- */

static struct json_object *users_json(struct sandbox *s)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < s->n_users; i++) {
		struct json_object *user = json_object_new_object();

		json_add_id(user, "id", s->users[i].id);
		json_add_str(user, "name", s->users[i].name);
		json_add_bool(user, "admin", s->users[i].admin);
		json_object_array_add(list, user);
	}
	return list;
}

static void get_info(struct sandbox *s, struct server_conn *conn, const struct http_request *req)
{
	struct json_object *body = json_object_new_object();

	json_add(body, "users", users_json(s));
	json_add_id(body, "guild", s->guild_id);
	json_add_int(body, "version", (int64_t)world_version(s->world));
	json_add_str(body, "discord", s->discord_url);
	json_add_str(body, "comfy", s->comfy_url[0]);
	json_add_str(body, "cdn", s->cdn_url);
	sandbox_answer_json(conn, 200, body);
}

static void get_view(struct sandbox *s, struct server_conn *conn, const struct http_request *req)
{
	char *text = url_query(req->url, "user");
	uint64_t user = 0;
	struct json_object *view;

	if (text)
		(void)parse_u64(text, &user);
	free(text);
	view = world_view(s->world, user);
	if (!json_member(view, "user")) {
		json_put(&view);
		answer_error(conn, 404, "There is no such member.");
		return;
	}
	json_add_int(view, "version", (int64_t)world_version(s->world));
	if (s->comfy_url[0])
		json_add(view, "cards", world_cards(s->world));
	sandbox_answer_json(conn, 200, view);
}

static void get_events(struct sandbox *s, struct server_conn *conn, const struct http_request *req)
{
	struct http_response res = {.status = 200, .body = BUF(256)};
	struct link *l = sandbox_link(s, LINK_EVENTS, conn);

	if (!l) {
		answer_error(conn, 503, "Too many pages are open.");
		return;
	}
	http_response_header(&res, "Content-Type", "text/event-stream");
	add_headers(&res);
	server_answer_stream(conn, &res);
	http_response_free(&res);
	l->due_ms = loop_now(s->loop);
}

static void post_command(struct sandbox *s, struct server_conn *conn, struct json_object *body)
{
	const char *name = json_str(body, "name");
	char *why = NULL;
	uint64_t id = world_command(s->world, user_arg(s, body), channel_arg(s, body),
		json_id(body, "guild"), name ? name : "", json_at(body, "options"), &why,
		loop_now(s->loop));

	answer_id(conn, id, why);
}

static void post_autocomplete(struct sandbox *s, struct server_conn *conn, struct json_object *body)
{
	const char *name = json_str(body, "name"), *focused = json_str(body, "focused");
	struct link *l;
	uint64_t id = world_autocomplete(s->world, user_arg(s, body), channel_arg(s, body),
		name ? name : "", focused ? focused : "", json_at(body, "options"),
		loop_now(s->loop));

	if (!id) {
		answer_id(conn, 0, NULL);
		return;
	}
	l = sandbox_link(s, LINK_CHOICES, conn);
	if (!l) {
		answer_error(conn, 503, "Too many questions are open.");
		return;
	}
	l->id = id;
	l->due_ms = loop_now(s->loop) + CHOICES_MS;
}

struct json_object *sandbox_choices(struct sandbox *s, uint64_t interaction_id)
{
	struct json_object *state = world_state(s->world),
			   *list = json_array(state, "interactions");
	struct json_object *found = NULL;

	for (size_t i = json_len(list); i-- > 0 && !found;) {
		struct json_object *it = json_object_array_get_idx(list, i);

		if (json_id(it, "id") == interaction_id)
			found = json_object_get(json_array(it, "choices"));
	}
	json_put(&state);
	return found;
}

void sandbox_answer_choices(struct server_conn *conn, struct json_object *choices)
{
	struct json_object *body = json_object_new_object();

	json_add(body, "choices", choices);
	sandbox_answer_json(conn, 200, body);
}

static void post_press(struct sandbox *s, struct server_conn *conn, struct json_object *body)
{
	const char *custom_id = json_str(body, "custom_id");

	answer_id(conn,
		world_press(s->world, user_arg(s, body), channel_arg(s, body),
			json_id(body, "message"), custom_id ? custom_id : "",
			json_array(body, "values"), loop_now(s->loop)),
		NULL);
}

static void post_menu(struct sandbox *s, struct server_conn *conn, struct json_object *body)
{
	const char *name = json_str(body, "name");
	char *why = NULL;
	uint64_t id = world_menu(s->world, user_arg(s, body), json_id(body, "message"),
		name ? name : "", &why, loop_now(s->loop));

	answer_id(conn, id, why);
}

static void post_modal(struct sandbox *s, struct server_conn *conn, struct json_object *body)
{
	char *why = NULL;
	uint64_t id = world_modal(s->world, user_arg(s, body), json_id(body, "interaction"),
		json_at(body, "fields"), &why, loop_now(s->loop));

	answer_id(conn, id, why);
}

static void post_close(struct sandbox *s, struct server_conn *conn, struct json_object *body)
{
	world_close_modal(s->world, user_arg(s, body), json_id(body, "interaction"));
	sandbox_answer_version(s, conn);
}

static void post_leave(struct sandbox *s, struct server_conn *conn, struct json_object *body)
{
	uint64_t id = user_arg(s, body);

	world_leave(s->world, id);
	answer_id(conn, id, NULL);
}

static void post_restrict(struct sandbox *s, struct server_conn *conn, struct json_object *body)
{
	uint64_t id = channel_arg(s, body);

	world_restrict(s->world, id, json_flag(body, "restricted", true));
	answer_id(conn, id, NULL);
}

static void post_say(struct sandbox *s, struct server_conn *conn, struct json_object *body)
{
	const char *text = json_str(body, "text");

	answer_id(conn,
		text ? world_say(s->world, user_arg(s, body), channel_arg(s, body), text,
			       json_array(body, "files"), loop_now(s->loop))
		     : 0,
		NULL);
}

static void post_users(struct sandbox *s, struct server_conn *conn, struct json_object *body)
{
	const char *name = json_str(body, "username");
	size_t n = name ? strlen(name) : 0;

	if (n < 2 || n > NAME_MAX_BYTES)
		answer_error(conn, 400, "A member's name has 2 to 32 letters.");
	else
		answer_id(conn, sandbox_add_user(s, name, json_flag(body, "admin", false)),
			xstrdup("There are enough members."));
}

static void post_locale(struct sandbox *s, struct server_conn *conn, struct json_object *body)
{
	const char *locale = json_str(body, "locale");

	if (locale && strlen(locale) <= 10)
		world_set_locale(s->world, user_arg(s, body), locale);
	sandbox_answer_version(s, conn);
}

static void post_fault(struct sandbox *s, struct server_conn *conn, struct json_object *body)
{
	if (world_fault(s->world, body, loop_now(s->loop)) < 0)
		answer_error(conn, 400, "There is no such fault.");
	else
		sandbox_answer_version(s, conn);
}

static void post_act(struct sandbox *s, struct server_conn *conn, struct json_object *body)
{
	if (world_act(s->world, body, loop_now(s->loop)) < 0)
		answer_error(conn, 400, "There is no such act.");
	else
		sandbox_answer_version(s, conn);
}

static void post_channels(struct sandbox *s, struct server_conn *conn, struct json_object *body)
{
	const char *name = json_str(body, "name");

	answer_id(conn,
		name && *name ? world_add_channel(s->world, name, json_id(body, "parent"),
					(int)json_int(body, "type", 0))
			      : 0,
		NULL);
}

static void post_guilds(struct sandbox *s, struct server_conn *conn, struct json_object *body)
{
	answer_id(conn, world_add_guild(s->world, json_flag(body, "with_bot", true)), NULL);
}

static void post_kick(struct sandbox *s, struct server_conn *conn, struct json_object *body)
{
	uint64_t guild = json_id(body, "guild");

	world_kick_bot(s->world, guild ? guild : s->guild_id);
	sandbox_answer_version(s, conn);
}

/* Many commands and messages at the same moment. */
static void post_crowd(struct sandbox *s, struct server_conn *conn, struct json_object *body)
{
	struct json_object *commands = json_array(body, "commands"), *says = json_array(body, "says");
	struct json_object *answer = json_object_new_object(), *one;
	int64_t refused = 0;

	for (size_t i = 0; i < json_len(commands); i++) {
		cleanup(freep) char *why = NULL;
		const char *name;

		one = json_object_array_get_idx(commands, i);
		name = json_str(one, "name");
		refused += !world_command(s->world, user_arg(s, one), channel_arg(s, one),
			json_id(one, "guild"), name ? name : "", json_at(one, "options"), &why,
			loop_now(s->loop));
	}
	for (size_t i = 0; i < json_len(says); i++) {
		one = json_object_array_get_idx(says, i);
		refused += !json_str(one, "text") ||
			   !world_say(s->world, user_arg(s, one), channel_arg(s, one),
				   json_str(one, "text"), NULL, loop_now(s->loop));
	}
	json_add_int(answer, "refused", refused);
	sandbox_answer_json(conn, 200, answer);
}

static void get_records(struct sandbox *s, struct server_conn *conn, const struct http_request *req)
{
	struct json_object *records = world_records(s->world);

	json_add_int(records, "version", (int64_t)world_version(s->world));
	sandbox_answer_json(conn, 200, records);
}

static void get_state(struct sandbox *s, struct server_conn *conn, const struct http_request *req)
{
	struct json_object *state = world_state(s->world);

	json_add_int(state, "version", (int64_t)world_version(s->world));
	sandbox_answer_json(conn, 200, state);
}

static void add_all(struct json_object *to, struct json_object *list)
{
	for (size_t i = 0; i < json_len(list); i++)
		json_object_array_add(to, json_object_get(json_object_array_get_idx(list, i)));
}

static void get_violations(
	struct sandbox *s, struct server_conn *conn, const struct http_request *req)
{
	struct json_object *state = world_state(s->world), *body = json_object_new_object();
	struct json_object *all = json_object_new_array(), *cards = json_array(state, "cards");

	add_all(all, json_array(state, "violations"));
	if (!cards)
		add_all(all, json_array(state, "comfy.violations"));
	for (size_t i = 0; i < json_len(cards); i++)
		add_all(all, json_array(json_object_array_get_idx(cards, i), "violations"));
	json_add_int(body, "count", (int64_t)world_violations(s->world));
	json_add(body, "violations", all);
	json_put(&state);
	sandbox_answer_json(conn, 200, body);
}

static void get_wait(struct sandbox *s, struct server_conn *conn, const struct http_request *req)
{
	char *text = url_query(req->url, "version");
	uint64_t version = 0;
	struct link *l;

	if (text)
		(void)parse_u64(text, &version);
	free(text);
	if (world_version(s->world) > version || !(l = sandbox_link(s, LINK_WAIT, conn))) {
		sandbox_answer_version(s, conn);
		return;
	}
	l->version = version;
	l->due_ms = loop_now(s->loop) + WAIT_MS;
}

/* ---- routes ---- */

static const struct {
	const char *path;
	void (*get)(struct sandbox *s, struct server_conn *conn, const struct http_request *req);
	void (*post)(struct sandbox *s, struct server_conn *conn, struct json_object *body);
	bool files; /* the body may hold some, in base64 */
} routes[] = {
	{"/api/info", .get = get_info},
	{"/api/view", .get = get_view},
	{"/api/events", .get = get_events},
	{"/api/command", .post = post_command, .files = true},
	{"/api/autocomplete", .post = post_autocomplete},
	{"/api/press", .post = post_press},
	{"/api/say", .post = post_say},
	{"/api/menu", .post = post_menu},
	{"/api/modal", .post = post_modal, .files = true},
	{"/api/close", .post = post_close},
	{"/api/share", .post = post_say, .files = true},
	{"/api/users", .post = post_users},
	{"/api/locale", .post = post_locale},
	{"/control/info", .get = get_info},
	{"/control/users", .post = post_users},
	{"/control/locale", .post = post_locale},
	{"/control/command", .post = post_command, .files = true},
	{"/control/autocomplete", .post = post_autocomplete},
	{"/control/press", .post = post_press},
	{"/control/say", .post = post_say, .files = true},
	{"/control/menu", .post = post_menu},
	{"/control/modal", .post = post_modal, .files = true},
	{"/control/leave", .post = post_leave},
	{"/control/restrict", .post = post_restrict},
	{"/control/fault", .post = post_fault},
	{"/control/act", .post = post_act},
	{"/control/channels", .post = post_channels},
	{"/control/guilds", .post = post_guilds},
	{"/control/kick", .post = post_kick},
	{"/control/crowd", .post = post_crowd},
	{"/control/records", .get = get_records},
	{"/control/state", .get = get_state},
	{"/control/violations", .get = get_violations},
	{"/control/wait", .get = get_wait},
};

/* The pictures of the pretended CDN, from the page's own origin: so the policy can be strict. */
static void serve_cdn(struct sandbox *s, struct server_conn *conn, const struct http_request *req)
{
	struct http_response res = {0};
	const char *type;

	world_http(s->world, WORLD_DISCORD, req, &res, loop_now(s->loop));
	type = http_response_get(&res, "Content-Type");
	answer(conn, res.status ? res.status : 502, type ? type : "application/octet-stream",
		res.body.data, res.body.len);
	http_response_free(&res);
}

static bool serve_file(struct server_conn *conn, const char *path)
{
	const char *name = str_eq(path, "/") ? "/index.html" : path;

	for (const struct page_file *f = sandbox_page_files; f->name; f++)
		if (str_eq(name + 1, f->name)) {
			answer(conn, 200, f->type, f->data, f->len);
			return true;
		}
	return false;
}

static void serve_post(
	struct sandbox *s, struct server_conn *conn, const struct http_request *req, size_t i)
{
	const char *type = http_request_get(req, "Content-Type");
	struct json_object *body;

	if (!routes[i].files && req->body_len > WORDS_MAX) {
		answer_error(conn, 413, "The body is too large.");
		return;
	}
	body = req->body ? json_parse(req->body, req->body_len, NULL) : json_object_new_object();

	/* A form of a foreign page cannot send this type unasked. */
	if (!type || !str_starts(type, "application/json"))
		answer_error(conn, 415, "The body must be application/json.");
	else if (!json_object_is_type(body, json_type_object) || !body)
		answer_error(conn, 400, "The body must be a JSON object.");
	else
		routes[i].post(s, conn, body);
	json_put(&body);
}

static void page_request(void *ctx, struct server_conn *conn, const struct http_request *req)
{
	struct side *side = ctx;
	struct sandbox *s = side->sandbox;
	cleanup(freep) char *path = xstrndup(req->url, strcspn(req->url, "?#"));

	loop_wake(s->loop);
	if (!is_same_origin(s, req)) {
		answer_error(conn, 403, "This page answers to its own address only.");
		return;
	}
	if (req->method == HTTP_GET && str_starts(path, "/cdn/attachments/")) {
		serve_cdn(s, conn, req);
		return;
	}
	for (size_t i = 0; i < countof(routes); i++) {
		if (!str_eq(routes[i].path, path))
			continue;
		if (req->method == HTTP_GET && routes[i].get)
			routes[i].get(s, conn, req);
		else if (req->method == HTTP_POST && routes[i].post)
			serve_post(s, conn, req, i);
		else
			answer_error(conn, 405, "Not with this method.");
		return;
	}
	if (req->method != HTTP_GET || !serve_file(conn, path))
		answer_error(conn, 404, "There is nothing here.");
}

static bool page_accept(
	void *ctx, struct server_conn *conn, const struct http_request *req, int *ret_status)
{
	*ret_status = 404;
	return false;
}

static void page_gone(void *ctx, struct server_conn *conn)
{
	struct side *side = ctx;
	struct link *l = server_conn_get(conn);

	if (l)
		sandbox_unlink(side->sandbox, l);
}

static void page_ignore(void *ctx, struct server_conn *conn)
{
}

static void page_ignore_data(
	void *ctx, struct server_conn *conn, const void *data, size_t len, bool binary)
{
}

const struct server_events sandbox_page_events = {.request = page_request,
	.ws_accept = page_accept,
	.ws_opened = page_ignore,
	.ws_received = page_ignore_data,
	.gone = page_gone};
