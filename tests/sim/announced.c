/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/json.h"
#include "core/session_in.h"
#include "sim.h"

/* The end of an idle channel is announced once, and stands its time before the channel goes. */

static int64_t lead_ms(const struct sim *sim)
{
	return min_of((int64_t)5 * 60 * 1000, sim->config.session_ttl_ms / 6);
}

static void announced(
	struct sim *sim, const struct http_request *req, const struct http_response *res)
{
	cleanup(json_put) struct json_object *body = json_parse(req->body, req->body_len, NULL);
	cleanup(json_put) struct json_object *message =
		json_parse(buf_str(&res->body), res->body.len, NULL);
	struct sim_announced a = {
		.channel_id = json_id(message, "channel_id"), .message_id = json_id(message, "id")};
	const char *nonce = json_str(body, "nonce");
	const char *custom_id = json_str(message, "components.0.components.0.custom_id");
	unsigned long long user;

	if (!custom_id || sscanf(custom_id, "v1:keep:%20llu", &user) != 1)
		return;
	a.user_id = user;
	(void)str_copy(a.nonce, sizeof(a.nonce), nonce ? nonce : "");
	for (size_t i = 0; i < sim->n_announced; i++) {
		const struct sim_announced *b = &sim->announced[i];

		if (b->message_id == a.message_id)
			return; /* the same one, by its nonce */
		if (b->channel_id == a.channel_id && str_eq(b->nonce, a.nonce))
			sim_fail(sim, "announced once",
				"the end of channel %" PRIu64 " is announced twice", a.channel_id);
	}
	if (sim->n_announced < countof(sim->announced))
		sim->announced[sim->n_announced++] = a;
}

/* One that was called off does not count. */
static void called_off(struct sim *sim, uint64_t message_id)
{
	for (size_t i = 0; i < sim->n_announced; i++)
		if (sim->announced[i].message_id == message_id)
			sim->announced[i] = sim->announced[--sim->n_announced];
}

/* Those who left or want all of theirs erased are not waited for, nor is a clock that jumps. */
static void removed(struct sim *sim, uint64_t channel_id)
{
	for (size_t i = 0; i < sim->n_announced; i++) {
		const struct sim_announced *a = &sim->announced[i];
		int64_t stood_ms = sim_now(sim) - snowflake_time(a->message_id);

		if (a->channel_id == channel_id && stood_ms < lead_ms(sim) && !sim->refuses &&
			!sim->skew_ms && !members_want_erased(sim, a->user_id))
			sim_fail(sim, "announced once",
				"channel %" PRIu64 " goes %" PRId64 " ms after its announcement",
				channel_id, stood_ms);
	}
}

void announced_served(
	struct sim *sim, const struct http_request *req, const struct http_response *res)
{
	unsigned long long channel, message;
	const char *at = strstr(req->url, "/channels/");
	int n = at ? sscanf(at, "/channels/%20llu/messages/%20llu", &channel, &message) : 0;

	if (res->status / 100 != 2 || n < 1)
		return;
	if (req->method == HTTP_POST && req->body && strstr(req->body, "\"v1:keep:"))
		announced(sim, req, res);
	else if (req->method == HTTP_DELETE && n == 2)
		called_off(sim, message);
	else if (req->method == HTTP_DELETE && n == 1 && !strchr(at + strlen("/channels/"), '/'))
		removed(sim, channel);
}
