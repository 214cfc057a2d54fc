/* SPDX-License-Identifier: Apache-2.0 */
#include "app/ask.h"

#include <stdlib.h>

#include "app/bot.h"
#include "base/json.h"
#include "base/secret.h"

int asker_new(const struct config *config, struct asker *ret)
{
	struct http_client_config http = {.ca_file = config->ca_file};
	struct asker asker = {.config = config};
	int r = loop_new(&asker.loop);

	if (r == 0)
		r = http_client_new(asker.loop, &http, &asker.http);
	if (r < 0)
		loop_free(asker.loop);
	else
		*ret = asker;
	return r;
}

void asker_free(struct asker *asker)
{
	http_client_free(asker->http);
	loop_free(asker->loop);
}

struct waiting {
	struct loop *loop;
	struct http_response *ret;
};

static void arrived(void *arg, struct http_response *response)
{
	struct waiting *waiting = arg;

	*waiting->ret = *response;
	*response = (struct http_response){0};
	loop_stop(waiting->loop);
}

static int64_t no_turn(void *ctx, int64_t now_ms)
{
	return NEVER;
}

void ask_http(struct asker *asker, const struct http_request *req, struct http_response *ret)
{
	struct waiting waiting = {asker->loop, ret};

	http_send(asker->http, req, arrived, &waiting);
	loop_run(asker->loop, no_turn, NULL);
}

static char *refusal(const struct http_response *res)
{
	struct json_object *doc = http_response_is_json(res)
					  ? json_parse(buf_str(&res->body), res->body.len, NULL)
					  : NULL;
	const char *message = json_str(doc, "message");
	char *why = res->status == 0 ? xstrdup(res->error ? res->error : "no answer")
				     : xasprintf("%d %s", res->status,
					       message ? message : "(no reason given)");

	json_put(&doc);
	return why;
}

struct json_object *ask_discord(
	struct asker *asker, struct rest_call *call, int *ret_status, char **ret_why)
{
	char *path = call->http.url, *authorization;
	struct http_response res = {0};
	struct json_object *doc = NULL;

	call->http.url = xasprintf("%s%s", asker->config->discord_api_url, path);
	free(path);
	authorization = xasprintf("Bot %s", asker->config->discord_token);
	http_request_header(&call->http, "Authorization", authorization);
	http_request_header(&call->http, "User-Agent", USER_AGENT);
	call->http.answer_max = DISCORD_ANSWER_MAX;
	ask_http(asker, &call->http, &res);
	*ret_status = res.status;
	if (res.status / 100 == 2)
		doc = json_parse(buf_str(&res.body), res.body.len, NULL);
	if (!doc)
		*ret_why = refusal(&res);
	wipe_free(authorization);
	http_response_free(&res);
	rest_call_free(call);
	return doc;
}
