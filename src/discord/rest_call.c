/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/rest.h"

#include <stdlib.h>

struct rest_call *rest_call_new(
	enum http_method method, const char *route, const char *major, uint32_t flags)
{
	struct rest_call *call = xcalloc(1, sizeof(*call));

	call->http.method = method;
	call->route = xstrdup(route);
	call->major = xstrdup(major);
	call->flags = flags;
	return call;
}

struct rest_call *rest_call_free(struct rest_call *call)
{
	if (!call)
		return NULL;
	http_request_free(&call->http);
	http_response_free(&call->response);
	free(call->route);
	free(call->major);
	free(call->discord_message);
	free(call);
	return NULL;
}
