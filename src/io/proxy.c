/* SPDX-License-Identifier: Apache-2.0 */
#include "io/proxy.h"

#include <stdlib.h>
#include <strings.h>

#include "base/http.h"

static const char *first_set(const char *const *names)
{
	for (; *names; names++) {
		const char *value = getenv(*names);

		if (value && *value)
			return value;
	}
	return NULL;
}

bool proxy_excluded(const char *list, const char *host)
{
	size_t host_len = strlen(host);

	if (!list)
		return false;
	while (*list) {
		const char *name;
		size_t n;

		list += strspn(list, " ,");
		n = strcspn(list, " ,");
		name = list;
		list += n;
		if (n == 1 && *name == '*')
			return true;
		if (n && *name == '.')
			name++, n--;
		if (!n || n > host_len || strncasecmp(host + host_len - n, name, n) != 0)
			continue;
		/* The name itself or a name below it; never "badexample.com" for "example.com". */
		if (n == host_len || host[host_len - n - 1] == '.')
			return true;
	}
	return false;
}

char *proxy_for(const char *host, bool secure)
{
	static const char *const not_for[] = {"no_proxy", "NO_PROXY", NULL};
	static const char *const https[] = {
		"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
	/* Not HTTP_PROXY: a CGI would set it from a request's "Proxy" header. */
	static const char *const http[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};

	if (host_is_loopback(host) || proxy_excluded(first_set(not_for), host))
		return NULL;
	return xstrdup(first_set(secure ? https : http));
}
