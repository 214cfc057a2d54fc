/* SPDX-License-Identifier: Apache-2.0 */

/* Where a picture to edit comes from: a row's text, a URL, a window's custom_id. */

#include <stdlib.h>

#include "discord/modal.h"
#include "discord/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is allowed leads to Discord for every reader of URLs. */
static void check_url(const char *url)
{
	static const char *const hosts[] = {
		"https://cdn.discordapp.com", "https://media.discordapp.net"};
	const char *rest = NULL;

	(void)source_url_allowed(url, "http://127.0.0.1:8123/api/v10");
	if (!source_url_allowed(url, "https://discord.com/api/v10"))
		return;
	for (size_t i = 0; i < countof(hosts); i++)
		if (str_starts(url, hosts[i]))
			rest = url + strlen(hosts[i]);
	must(rest);
	if (*rest == ':') {
		rest++;
		must(strtoul(rest, NULL, 10) == 443);
		rest += strspn(rest, "0123456789");
	}
	must(*rest == '\0' || strchr("/?#", *rest));
	must(!strpbrk(url, " \t\r\n\\"));
}

static void check_text(const char *text)
{
	struct source s = {0}, again = {0};
	cleanup(freep) char *written = NULL;

	if (source_parse(text, &s) < 0)
		return;
	must(s.last || s.url || s.message_id);
	must(s.index < ATTACHMENTS_MAX && !s.channel_id == !s.message_id);
	if (!s.last) {
		written = source_text(s.url, s.channel_id, s.message_id, s.index);
		must(source_parse(written, &again) == 0);
		must(again.channel_id == s.channel_id && again.message_id == s.message_id &&
			again.index == s.index);
		must(str_eq(again.url, s.url) || (!again.url && !s.url));
	}
	source_free(&again);
	source_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(freep) char *text = xstrndup((const char *)data, size);
	uint64_t channel_id = 0, message_id = 0;

	check_url(text);
	check_text(text);
	if (edit_modal_parse(text, &channel_id, &message_id))
		must(channel_id && message_id);
	return 0;
}
