/* SPDX-License-Identifier: Apache-2.0 */
/* One request on its way through the rules every route shares, and the table of routes. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/date.h"
#include "sandbox/discord_impl.h"

void dw_reply(struct dw_call *c, int status, struct json_object *body)
{
	c->res->status = status;
	buf_clear(&c->res->body);
	if (body) {
		size_t len;
		const char *text = json_object_to_json_string_length(
			body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

		must(buf_add(&c->res->body, text, len) == 0);
		http_response_header(c->res, "Content-Type", "application/json");
		json_object_put(body);
	}
}

void dw_fail(struct dw_call *c, int status, int code, const char *message)
{
	struct json_object *o = json_object_new_object();

	json_add_str(o, "message", message);
	json_add_int(o, "code", code);
	dw_reply(c, status, o);
}

#define CH  "/channels/{}"
#define MSG CH "/messages"
#define G   "/guilds/{}"
#define A   "/applications/{}"
#define WH  "/webhooks/{}/{t}"

/* Limits and windows are those seen in the wild; Discord promises none. */
static const struct dw_route routes[] = {
	{HTTP_GET, "/gateway", dw_gateway_get, DW_AUTH_TOKEN, .exempt = true},
	{HTTP_GET, "/gateway/bot", dw_gateway_bot_get, .limit = 2, .window_ms = 5000},
	{HTTP_GET, "/users/@me", dw_me_get, .limit = 30, .window_ms = 30000},
	{HTTP_GET, "/users/{}", dw_user_get, .limit = 30, .window_ms = 30000},
	{HTTP_GET, "/users/@me/guilds", dw_guilds_mine, .limit = 1, .window_ms = 1000},
	{HTTP_DELETE, "/users/@me/guilds/{}", dw_guilds_leave},
	{HTTP_GET, "/applications/@me", dw_application_get},
	{HTTP_GET, G, dw_guilds_get},
	{HTTP_GET, G "/roles", dw_guilds_roles},
	{HTTP_GET, G "/members/{}", dw_guilds_member, .limit = 5, .window_ms = 2000},
	{HTTP_GET, G "/channels", dw_channels_list},
	{HTTP_POST, G "/channels", dw_channels_create, .body = true, .limit = 10,
		.window_ms = 10000},
	{HTTP_GET, CH, dw_channels_get},
	{HTTP_PATCH, CH, dw_channels_edit, .body = true, .limit = 5, .window_ms = 15000},
	{HTTP_DELETE, CH, dw_channels_delete, .limit = 5, .window_ms = 5000},
	{HTTP_PUT, CH "/permissions/{}", dw_channels_permission, .body = true, .limit = 10,
		.window_ms = 15000},
	{HTTP_POST, CH "/threads", dw_threads_create, .body = true, .limit = 5, .window_ms = 10000},
	{HTTP_PUT, CH "/thread-members/{}", dw_threads_add, .limit = 5, .window_ms = 5000},
	{HTTP_DELETE, CH "/thread-members/{}", dw_threads_remove, .limit = 5, .window_ms = 5000},
	{HTTP_GET, G "/threads/active", dw_threads_active, .limit = 5, .window_ms = 5000},
	{HTTP_GET, MSG, dw_messages_list, .limit = 5, .window_ms = 5000},
	{HTTP_POST, MSG, dw_messages_create, .body = true, .limit = 5, .window_ms = 5000},
	{HTTP_GET, MSG "/{}", dw_messages_get, .limit = 5, .window_ms = 5000},
	{HTTP_PATCH, MSG "/{}", dw_messages_edit, .body = true, .limit = 5, .window_ms = 5000},
	{HTTP_DELETE, MSG "/{}", dw_messages_delete, .limit = 5, .window_ms = 1000},
	{HTTP_GET, A "/commands", dw_global_commands_get},
	{HTTP_PUT, A "/commands", dw_global_commands_put, .body = true, .limit = 5,
		.window_ms = 60000},
	{HTTP_GET, A G "/commands", dw_commands_get},
	{HTTP_PUT, A G "/commands", dw_commands_put, .body = true, .limit = 5, .window_ms = 60000},
	{HTTP_POST, "/interactions/{}/{t}/callback", dw_callback, DW_AUTH_TOKEN, true, true},
	{HTTP_GET, WH "/messages/{@}", dw_original_get, DW_AUTH_TOKEN, false, true, 5, 2000},
	{HTTP_PATCH, WH "/messages/{@}", dw_original_edit, DW_AUTH_TOKEN, true, true, 5, 2000},
	{HTTP_DELETE, WH "/messages/{@}", dw_original_delete, DW_AUTH_TOKEN, false, true, 5, 2000},
	{HTTP_POST, WH, dw_followup, DW_AUTH_TOKEN, true, true, 5, 2000},
};

/* Does the path match the route's template? Fills the numbers and the token. */
static bool route_match(struct dw_call *c, const char *template, const char *path)
{
	size_t n_ids = 0;

	while (*template && *path && *path != '?') {
		size_t n = strcspn(path, "/?");

		if (*template != '{') {
			if (*template ++ != *path++)
				return false;
			continue;
		}
		if (n == 0 || n > 400)
			return false;
		if (str_starts(template, "{t}")) {
			free(c->token);
			c->token = url_decode(path, n);
		} else if (str_starts(template, "{@}") && strncmp(path, "@original", 9) == 0 &&
			   n == 9) {
			c->original = true;
		} else {
			cleanup(freep) char *id = xstrndup(path, n);

			if (parse_u64(id, &c->id[n_ids++]) < 0)
				return false;
		}
		template += strcspn(template, "}") + 1;
		path += n;
	}
	return !*template && (!*path || *path == '?');
}

static const struct dw_route *route_find(struct dw_call *c, const char *path)
{
	for (size_t i = 0; i < countof(routes); i++) {
		if (routes[i].method != c->req->method)
			continue;
		c->original = false;
		memset(c->id, 0, sizeof(c->id));
		if (route_match(c, routes[i].path, path))
			return &routes[i];
	}
	return NULL;
}

/* Discord: "DiscordBot (url, version)"; anything else is blocked by Cloudflare. */
static bool user_agent_ok(struct dw_call *c)
{
	const char *ua = http_request_get(c->req, "User-Agent");
	const char *comma = ua ? strchr(ua, ',') : NULL;

	if (ua && str_starts(ua, "DiscordBot (http") && comma && strchr(comma, ')') &&
		comma[1] == ' ' && comma[2] != ')')
		return true;
	dw_violation(c->w, "user_agent", "the User-Agent is %s", ua ? ua : "missing");
	dw_fail(c, 403, 40333, "internal network error");
	return false;
}

static bool authorized(struct dw_call *c)
{
	const char *auth = http_request_get(c->req, "Authorization");

	if (c->route->auth == DW_AUTH_TOKEN) {
		if (auth)
			dw_violation(c->w, "authorization_needless",
				"the token is in the URL, the bot's own does not belong here");
		return true;
	}
	if (auth && str_starts(auth, "Bot ") && str_eq(auth + 4, c->w->token))
		return true;
	if (!auth)
		dw_violation(c->w, "authorization_missing", "no Authorization header");
	else if (++c->w->unauthorized > 5)
		dw_violation(c->w, "dead_token_used", "the token was refused %d times",
			c->w->unauthorized);
	dw_fail(c, 401, 0, "401: Unauthorized");
	return false;
}

static void audit_reason(struct dw_call *c)
{
	const char *reason = http_request_get(c->req, "X-Audit-Log-Reason");

	if (!reason)
		return;
	if (strlen(reason) > 512 * 3 || !*reason)
		dw_violation(c->w, "audit_reason", "it has 1 to 512 characters");
	for (const char *p = reason; *p; p++)
		if (*p <= ' ' || (unsigned char)*p >= 0x7f) {
			dw_violation(c->w, "audit_reason", "it is not URL-encoded");
			break;
		}
}

static bool part_take(
	struct dw_call *c, const struct http_part *part, const struct http_part **payload)
{
	size_t n = 0;
	char tail[2] = "";

	if (str_eq(part->name, "payload_json")) {
		if (!part->content_type || !str_starts(part->content_type, "application/json"))
			dw_violation(c->w, "payload_json_type", "its Content-Type is %s",
				part->content_type ? part->content_type : "missing");
		*payload = part;
		return true;
	}
	if (sscanf(part->name, "files[%zu%1[]]", &n, tail) != 2 || n >= DISCORD_FILES_MAX ||
		c->files[n]) {
		dw_invalid(c, part->name, "UNKNOWN_PART", "The part is not one of files[0] to [9]");
		return true;
	}
	if (!part->filename || !*part->filename)
		dw_invalid(c, part->name, "FILE_NO_NAME", "A file part needs a filename");
	else if (part->filename[strspn(part->filename, "abcdefghijklmnopqrstuvwxyz0123456789.-")])
		dw_violation(c->w, "file_name", "%s is outside [a-z0-9.-]", part->filename);
	if (part->len > DISCORD_FILE_MAX) {
		dw_violation(c->w, "file_too_large", "%s has %zu bytes", part->name, part->len);
		dw_fail(c, 413, 40005, "Request entity too large");
		return false;
	}
	c->files[n] = part;
	return true;
}

/* False when the request was answered. */
static bool body_read(struct dw_call *c)
{
	const char *type = http_request_get(c->req, "Content-Type"), *why = NULL;
	const struct http_part *payload = NULL;
	const char *text = c->req->body;
	size_t len = c->req->body_len, total = len;

	for (size_t i = 0; i < c->req->n_parts; i++) {
		total += c->req->parts[i].len;
		if (!part_take(c, &c->req->parts[i], &payload))
			return false;
	}
	if (total > DISCORD_REQUEST_MAX) {
		dw_violation(c->w, "request_too_large", "%zu bytes", total);
		dw_fail(c, 413, 40005, "Request entity too large");
		return false;
	}
	if (c->req->n_parts) {
		text = payload ? payload->data : NULL;
		len = payload ? payload->len : 0;
		if (!payload)
			dw_violation(
				c->w, "payload_json_missing", "multipart without payload_json");
	} else if (len && (!type || strncasecmp(type, "application/json", 16) != 0)) {
		dw_invalid(c, "", "CONTENT_TYPE",
			"Expected \"Content-Type\" header to be one of "
			"{'application/json'}.");
		return !dw_refused(c);
	}
	if (!c->route->body) {
		if (len)
			dw_violation(c->w, "body_needless", "the route takes no body");
		return true;
	}
	c->body = dw_commands_known(c, text, len);
	if (!c->body)
		c->body = len ? json_parse(text, len, &why) : json_object_new_object();
	if (!c->body) {
		dw_violation(c->w, "json", "%s", why);
		dw_fail(c, 400, 50109, "The request body contains invalid JSON.");
		return false;
	}
	/* Only the list of commands is no object. */
	if (json_object_is_type(c->body, json_type_object) == str_ends(c->route->path, "/commands"))
		dw_invalid(c, "", "DICT_TYPE_CONVERT", "The body is of a wrong type");
	return !dw_refused(c);
}

static void serve(struct dw_call *c, const char *path)
{
	if (dw_limits_banned(c->w)) {
		c->res->status = 429;
		http_response_header(c->res, "Content-Type", "text/html");
		(void)buf_add_str(&c->res->body, "error code: 1015");
		return;
	}
	if (!user_agent_ok(c))
		return;
	c->route = route_find(c, path);
	if (!c->route) {
		dw_violation(c->w, "unknown_route", "there is no such route");
		dw_fail(c, 404, 0, "404: Not Found");
		return;
	}
	if (!authorized(c) || !dw_limits_take(c))
		return;
	audit_reason(c);
	if (body_read(c))
		c->route->serve(c);
}

static void log_request(struct discord_world *w, int status)
{
	size_t i = w->n_requests++ % DW_LOG_MAX;

	free(w->log[i].text);
	w->log[i].text = xstrdup(w->request);
	w->log[i].status = status;
	w->log[i].ms = w->now_ms;
}

/* The token of an interaction stays out of what is shown and kept. */
static char *request_text(enum http_method method, const char *path)
{
	const char *secret = str_starts(path, "/interactions/") ? path + 14
			     : str_starts(path, "/webhooks/")	? path + 10
								: NULL;
	const char *slash = secret ? strchr(secret, '/') : NULL;

	if (!slash)
		return xasprintf("%s %.200s", http_method_name(method), path);
	return xasprintf("%s %.*s...%.60s", http_method_name(method),
		(int)min_of(slash + 1 - path, 60), path, slash + 1 + strcspn(slash + 1, "/"));
}

void dw_rest(struct discord_world *w, const struct http_request *req, struct http_response *ret,
	int64_t now_ms)
{
	struct dw_call c = {.w = w, .req = req, .res = ret, .now_ms = now_ms};
	const char *path = req->url;
	char date[DATE_SIZE];
	struct dw_fault *f;

	ret->body.max = max_of(ret->body.max, DISCORD_ANSWER_MAX);
	free(w->request);
	w->request = request_text(req->method, path);
	if (!str_starts(path, w->rest_path) || path[strlen(w->rest_path)] != '/') {
		dw_violation(w, "unknown_route", "the path is not below %s", w->rest_path);
		dw_fail(&c, 404, 0, "404: Not Found");
	} else {
		path += strlen(w->rest_path);
		free(w->request);
		w->request = request_text(req->method, path);
		f = dw_fault_take(w, req->method, path);
		if (!f || f->executed)
			serve(&c, path);
		if (f) {
			if (!c.route)
				c.route = route_find(&c, path);
			dw_fault_apply(&c, f);
			dw_fault_done(w, f);
		}
	}
	http_response_header(ret, "Via", "1.1 sandbox");
	date_format(now_ms / 1000, date);
	http_response_header(ret, "Date", date);
	dw_limits_invalid(w, ret->status);
	log_request(w, ret->status);
	json_put(&c.body);
	json_put(&c.errors);
	free(c.token);
}
