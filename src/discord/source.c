/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/http.h"

static const char message_prefix[] = "message:";

/* Digits up to `end` ('\0': the end of the text); NULL when they are no number. */
static const char *number(const char *p, char end, uint64_t *ret)
{
	size_t n = p ? strspn(p, "0123456789") : 0;
	char digits[24];

	if (n == 0 || n >= sizeof(digits) || p[n] != end)
		return NULL;
	memcpy(digits, p, n);
	digits[n] = '\0';
	return parse_u64(digits, ret) == 0 ? p + n + (end != '\0') : NULL;
}

static bool parse_message(const char *text, struct source *source)
{
	uint64_t index = 0;
	const char *p = number(text + strlen(message_prefix), ':', &source->channel_id);

	p = number(p, ':', &source->message_id);
	p = number(p, '\0', &index);
	source->index = (size_t)index;
	return p && source->channel_id && source->message_id && index < ATTACHMENTS_MAX;
}

int source_parse(const char *text, struct source *ret)
{
	struct source source = {0};
	const char *message;

	if (str_eq(text, "last")) {
		*ret = (struct source){.last = true};
		return 0;
	}
	if (!text)
		return -EINVAL;
	message = str_starts(text, message_prefix) ? text : strchr(text, ' ');
	if (message && *message == ' ' && !str_starts(++message, message_prefix))
		return -EINVAL;
	if (message && !parse_message(message, &source))
		return -EINVAL;
	if (message != text)
		source.url = message ? xstrndup(text, (size_t)(message - text - 1)) : xstrdup(text);
	if (source.url && !*source.url) {
		source_free(&source);
		return -EINVAL;
	}
	*ret = source;
	return 0;
}

char *source_text(const char *url, uint64_t channel_id, uint64_t message_id, size_t index)
{
	cleanup(freep) char *message =
		message_id ? xasprintf("%s%" PRIu64 ":%" PRIu64 ":%zu", message_prefix, channel_id,
				     message_id, index)
			   : xstrdup("");

	return xasprintf("%s%s%s", url ? url : "", url && message_id ? " " : "", message);
}

void source_free(struct source *source)
{
	free(source->url);
	*source = (struct source){0};
}

static bool is_discords(const struct url *url)
{
	return url->secure && url->port == 443 &&
	       (str_eq(url->host, "cdn.discordapp.com") ||
		       str_eq(url->host, "media.discordapp.net"));
}

static bool is_apis_own(const struct url *url, const char *api_url)
{
	struct url api;
	bool same;

	if (url_split(api_url, &api) < 0)
		return false;
	/* The pretended CDN may listen at a port of its own. */
	same = host_is_loopback(api.host) && str_eq(url->host, api.host) &&
	       url->secure == api.secure;
	url_free(&api);
	return same;
}

bool source_url_allowed(const char *text, const char *api_url)
{
	struct url url;
	bool allowed;

	/* What others read differently than we do is nobody's host: "\" is "/" to some. */
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '\\')
			return false;
	if (!(str_starts(text, "https://") || str_starts(text, "http://")) ||
		url_split(text, &url) < 0)
		return false;
	allowed = !url.userinfo && (is_discords(&url) || is_apis_own(&url, api_url));
	url_free(&url);
	return allowed;
}

size_t source_keep_allowed(struct attachment *pictures, size_t n, const char *api_url)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct attachment a = pictures[i];

		pictures[i] = (struct attachment){0};
		if (source_url_allowed(a.url, api_url))
			pictures[kept++] = a;
		else
			attachment_free(&a);
	}
	return kept;
}
