/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/gateway_text.h"

#include <stdlib.h>

#include "base/http.h"
#include "base/json.h"
#include "base/limits.h"

#define URL_CHARS_MAX	  1000
#define SESSION_CHARS_MAX 512
#define CLOSE_REASON_MAX  120

bool gateway_url_usable(const char *text)
{
	struct url url;
	bool ok;

	if (!text || (!str_starts(text, "wss://") && !str_starts(text, "ws://")))
		return false;
	if (strlen(text) > URL_CHARS_MAX || url_split(text, &url) < 0)
		return false;
	ok = !url.userinfo;
	url_free(&url);
	return ok;
}

/* Discord: "url/?v=10&encoding=json", the same query for resume_gateway_url. */
char *gateway_url_query(const char *url, enum inflate_kind kind)
{
	const char *host = strstr(url, "://") + 3;
	const char *rest = host + strcspn(host, "/?#");
	size_t len = strcspn(url, "#");
	bool query = memchr(url, '?', len);

	return xasprintf("%.*s%s%sv=10&encoding=json%s%s", (int)len, url,
		*rest == '/' || query ? "" : "/", query ? "&" : "?",
		kind == INFLATE_NONE ? "" : "&compress=",
		kind == INFLATE_NONE ? "" : inflate_name(kind));
}

bool gateway_session_usable(const char *id)
{
	size_t len = id ? strlen(id) : 0;

	return len > 0 && len <= SESSION_CHARS_MAX && utf8_valid(id, len);
}

char *gateway_reason(const char *reason)
{
	char *text = xstrndup(reason ? reason : "", CLOSE_REASON_MAX);

	for (char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return text;
}

static char *payload_text(int op, struct json_object *d)
{
	cleanup(json_put) struct json_object *payload = json_object_new_object();
	char *text;

	json_add_int(payload, "op", op);
	json_add(payload, "d", d);
	text = json_text(payload);
	if (strlen(text) <= GATEWAY_SEND_MAX && utf8_valid(text, strlen(text)))
		return text;
	free(text);
	return NULL;
}

char *gateway_heartbeat_text(int64_t seq)
{
	return payload_text(OP_HEARTBEAT, seq >= 0 ? json_object_new_int64(seq) : NULL);
}

char *gateway_identify_text(const char *token, uint64_t intents)
{
	struct json_object *d = json_object_new_object(), *properties = json_object_new_object();

	json_add_str(properties, "os", "linux");
	json_add_str(properties, "browser", "fullet");
	json_add_str(properties, "device", "fullet");
	json_add_str(d, "token", token);
	json_add_int(d, "intents", (int64_t)intents);
	json_add(d, "properties", properties);
	return payload_text(OP_IDENTIFY, d);
}

char *gateway_resume_text(const char *token, const char *session_id, int64_t seq)
{
	struct json_object *d = json_object_new_object();

	json_add_str(d, "token", token);
	json_add_str(d, "session_id", session_id);
	json_add_int(d, "seq", seq);
	return payload_text(OP_RESUME, d);
}

void send_window_reset(struct send_window *w)
{
	w->n = 0;
}

void send_window_add(struct send_window *w, int64_t now_ms)
{
	w->sent_ms[w->n++ % SEND_MAX] = now_ms;
	/* From here on only the place in the ring counts. */
	if (w->n == 2 * SEND_MAX)
		w->n = SEND_MAX;
}

int64_t send_window_free_ms(const struct send_window *w, unsigned reserve)
{
	unsigned allowed = SEND_MAX - reserve;

	if (w->n < allowed)
		return INT64_MIN;
	return w->sent_ms[(w->n - allowed) % SEND_MAX] + SEND_WINDOW_MS;
}
