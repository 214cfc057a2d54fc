/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_ASK_H
#define FULLET_APP_ASK_H

#include "app/config.h"
#include "discord/rest.h"
#include "io/http_client.h"
#include "io/loop.h"

/* One question after the other, for the commands that check and report: each call waits. */
struct asker {
	const struct config *config;
	struct loop *loop;
	struct http_client *http;
};
int asker_new(const struct config *config, struct asker *ret);
void asker_free(struct asker *asker);

/* Sends and waits. *ret is the caller's to free. */
void ask_http(struct asker *asker, const struct http_request *req, struct http_response *ret);
/* Sends a Discord call (and frees it). The parsed body, or NULL with *ret_why (owned): a sentence.
 */
struct json_object *ask_discord(
	struct asker *asker, struct rest_call *call, int *ret_status, char **ret_why);

#endif
