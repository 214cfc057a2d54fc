/* SPDX-License-Identifier: Apache-2.0 */

/* URLs, query strings, no_proxy lists and the Date header: one line each of them reads in its way.
 * The first byte chooses. */

#include <stdlib.h>

#include "base/date.h"
#include "base/http.h"
#include "base/near.h"
#include "fuzz_text.h"
#include "io/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(const char *text)
{
	struct url url;

	if (url_split(text, &url) < 0)
		return;
	must(*url.host && url.port > 0 && url.port < 65536 && url.path[0] == '/');
	must(!strpbrk(url.host, "/?#@"));
	(void)host_is_loopback(url.host);
	url_free(&url);
}

/* What was encoded is plain, and becomes the same again. */
static void check_coding(const char *text)
{
	cleanup(freep) char *encoded = url_encode(text);
	cleanup(freep) char *decoded = url_decode(encoded, strlen(encoded));
	cleanup(freep) char *loose = url_decode(text, strlen(text));
	cleanup(freep) char *url = xasprintf("/p?a=1&value=%s&b", encoded);
	cleanup(freep) char *found = url_query(url, "value"), *stray = url_query(text, "a");

	must(str_eq(decoded, text) && str_eq(found, text));
	must(encoded[strspn(encoded,
		     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
		     "-._~%")] == '\0');
	must(strlen(loose) <= strlen(text));
	must(!stray || strlen(stray) <= strlen(text));
}

static void check_proxy(const char *text)
{
	static const char *const hosts[] = {
		"example.com", "a.example.com", "badexample.com", "10.1.2.3"};

	for (size_t i = 0; i < countof(hosts); i++)
		(void)proxy_excluded(text, hosts[i]);
	/* Below a name is below all that is above it. */
	must(!proxy_excluded(text, hosts[0]) || proxy_excluded(text, hosts[1]));
}

static void check_date(const char *text)
{
	char again[DATE_SIZE];
	int64_t at_s, same_s;

	if (date_parse(text, &at_s) < 0)
		return;
	must(at_s >= 0 && at_s < INT64_C(253402387201));
	if (at_s >= INT64_C(253402300800)) /* "Fri, 31 Dec 9999 23:59:60 GMT" */
		return;
	date_format(at_s, again);
	must(date_parse(again, &same_s) == 0 && same_s == at_s);
	date_iso(at_s, again);
}

static void check_near(const char *text)
{
	static const char *const names[] = {"DISCORD_TOKEN", "COMFY_URL", "MAX_QUEUE"};
	int i = near_find(text, names, countof(names));

	must(i >= -1 && i < (int)countof(names));
	must(near_distance(text, text) == 0);
	must(near_distance(text, names[0]) == near_distance(names[0], text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const checks[])(const char *text) = {
		check_url, check_coding, check_proxy, check_date, check_near};

	fuzz_text(data, size, checks, countof(checks));
	return 0;
}
