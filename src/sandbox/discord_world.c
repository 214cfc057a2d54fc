/* SPDX-License-Identifier: Apache-2.0 */
/* The Discord half as a whole. */
#include <stdlib.h>

#include "sandbox/discord_impl.h"

/* The path of a URL without its query and trailing slashes; the caller owns it. */
static char *path_of(const char *text)
{
	struct url url;
	char *path;
	size_t n;

	if (url_split(text, &url) < 0)
		return xstrdup("");
	n = strcspn(url.path, "?");
	while (n && url.path[n - 1] == '/')
		n--;
	path = xstrndup(url.path, n);
	url_free(&url);
	return path;
}

static void home_make(struct discord_world *w)
{
	struct dw_user *owner = dw_user_new(w, "owner", false);
	struct dw_overwrite hidden = {.deny = DW_VIEW_CHANNEL, .type = 0};
	struct dw_overwrite bot = {.id = w->bot->id,
		.type = 1,
		.allow = DW_VIEW_CHANNEL | DW_SEND_MESSAGES | DW_EMBED_LINKS | DW_ATTACH_FILES |
			 DW_READ_HISTORY};
	struct dw_channel *admin;

	w->home = dw_guild_new(w, w->config.guild_id, "FuLLet sandbox", true);
	w->home->owner_id = owner->id;
	/* One that means nothing yet: for caps of a role. */
	w->home->roles[w->home->n_roles++] = (struct dw_role){
		dw_snowflake(w, w->now_ms), 0, xstrdup("Artists"), 3};
	dw_member_add(w, w->home, owner, 0);
	(void)dw_channel_new(w, w->home, DW_TEXT, "general", 0);
	admin = dw_channel_new(w, w->home, DW_TEXT, "admin-tools", 0);
	hidden.id = w->home->id;
	dw_channel_overwrite(admin, &hidden);
	dw_channel_overwrite(admin, &bot);
}

struct discord_world *discord_world_new(const struct world_config *config, int64_t now_ms)
{
	struct discord_world *w = xcalloc(1, sizeof(*w));

	w->config = *config;
	w->now_ms = now_ms;
	rng_seed(&w->rng, config->seed);
	w->token = xstrdup(config->bot_token ? config->bot_token : "");
	w->rest_base = xstrdup(config->rest_base ? config->rest_base : "http://discord/api/v10");
	w->gateway_url =
		xstrdup(config->gateway_url ? config->gateway_url : "ws://discord/gateway");
	w->cdn_base = xstrdup(config->cdn_base ? config->cdn_base : "http://discord/cdn");
	w->rest_path = path_of(w->rest_base);
	w->gateway_path = path_of(w->gateway_url);
	w->cdn_path = path_of(w->cdn_base);
	w->asked = json_object_new_array();
	w->delivered = json_object_new_array();
	w->violations = json_object_new_array();
	w->global_commands = json_object_new_array();
	w->identifies_left = 1000;
	w->expiry_ms = NEVER;
	w->identifies_reset_ms = now_ms + 86400000;
	w->bot = dw_user_new(w, "FuLLet", true);
	w->application_id = w->bot->id; /* as it is for applications since 2017 */
	home_make(w);
	return w;
}

struct discord_world *discord_world_free(struct discord_world *w)
{
	struct dw_interaction *it, *next_it;
	struct dw_file *f, *next_f;

	if (!w)
		return NULL;
	dw_gateway_free(w);
	dw_model_free(w);
	HASH_ITER(hh, w->interactions, it, next_it)
	dw_interaction_free(w, it);
	HASH_ITER(hh, w->files, f, next_f)
	dw_file_free(w, f);
	dw_limits_free(w);
	dw_fault_free_all(w);
	for (size_t i = 0; i < DW_LOG_MAX; i++)
		free(w->log[i].text);
	json_put(&w->asked);
	json_put(&w->delivered);
	json_put(&w->violations);
	json_put(&w->global_commands);
	free(w->request);
	free(w->token);
	free(w->rest_base);
	free(w->gateway_url);
	free(w->cdn_base);
	free(w->rest_path);
	free(w->gateway_path);
	free(w->cdn_path);
	free(w);
	return NULL;
}

/* Faults of the CDN name the route "/cdn/..." or none. */
static void cdn(struct discord_world *w, const struct http_request *req, const char *path,
	struct http_response *ret)
{
	cleanup(freep) char *route = xasprintf("/cdn%s", path);
	struct dw_fault *fault = dw_fault_take(w, req->method, route);
	struct dw_call c = {.w = w, .req = req, .res = ret, .now_ms = w->now_ms};

	str_set(&w->request, "GET cdn");
	dw_cdn_get(w, req, path, ret);
	if (!fault || str_eq(fault->kind, "429"))
		return;
	dw_fault_apply(&c, fault);
	dw_fault_done(w, fault);
}

void discord_world_http(struct discord_world *w, const struct http_request *req,
	struct http_response *ret, int64_t now_ms)
{
	size_t n = strlen(w->cdn_path);

	w->now_ms = now_ms;
	if (strncmp(req->url, w->cdn_path, n) == 0 && str_starts(req->url + n, "/attachments/")) {
		cdn(w, req, req->url + n, ret);
		return;
	}
	dw_rest(w, req, ret, now_ms);
}

uint64_t discord_world_version(const struct discord_world *w)
{
	return w->version;
}

size_t discord_world_violations(const struct discord_world *w)
{
	return w->n_violations;
}
