/* SPDX-License-Identifier: Apache-2.0 */

/* DATABASE_URL: what is taken keeps its password to itself, what is refused repeats nothing. */

#include <stdlib.h>

#include "base/limits.h"
#include "store/database_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_taken(const struct database_url *url)
{
	struct database_url copy = {0};
	char *clean;

	must(url->shown);
	must(url->dialect != SQL_DIALECT_SQLITE || (url->path && *url->path));
	must(url->dialect != SQL_DIALECT_POSTGRES || str_starts(url->uri, "postgresql://"));
	must(url->dialect != SQL_DIALECT_MYSQL ||
		(*url->database && url->host && url->port > 0 && url->port < 65536));
	for (size_t i = 0; i < url->n_secrets; i++) {
		must(*url->secrets[i]);
		/* One that "***" holds itself stays in it. */
		clean = database_url_scrub(url, url->secrets[i]);
		must(!strstr(clean, url->secrets[i]) || strspn(url->secrets[i], "*") > 0);
		free(clean);
	}
	database_url_copy(&copy, url);
	must(str_eq(copy.shown, url->shown) && copy.n_secrets == url->n_secrets);
	database_url_free(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct database_url url = {0};
	char *text = xstrndup((const char *)data, size), *why = NULL;

	if (database_url_parse(text, &url, &why) < 0) {
		must(why && !url.shown && url.n_secrets == 0);
		must(strlen(why) < 300);
		free(why);
	} else {
		must(!why);
		check_taken(&url);
		database_url_free(&url);
	}
	free(text);
	return 0;
}
