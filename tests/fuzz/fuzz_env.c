/* SPDX-License-Identifier: Apache-2.0 */

/* The .env parser: what it accepts can be written down again and reads the same. */

#include <ctype.h>
#include <stdlib.h>

#include "app/env_file.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const char *name)
{
	must(*name && !isdigit((unsigned char)*name));
	for (const char *c = name; *c; c++)
		must(isalnum((unsigned char)*c) || *c == '_');
}

static int count_lines(const char *text, size_t len)
{
	int n = 1;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

static void check_pairs(const struct env_pairs *pairs, int lines)
{
	int line = 1;

	for (size_t i = 0; i < pairs->n; i++) {
		check_name(pairs->at[i].name);
		must(utf8_valid(pairs->at[i].value, strlen(pairs->at[i].value)));
		must(pairs->at[i].line >= line && pairs->at[i].line <= lines);
		line = pairs->at[i].line + 1; /* one pair a line */
	}
}

static void write_pair(struct buf *out, const struct env_pair *pair)
{
	static const char from[] = "\n\t\r\"\\$", to[] = "ntr\"\\$";

	must(buf_printf(out, "export %s=\"", pair->name) == 0);
	for (const char *c = pair->value; *c; c++) {
		const char *special = strchr(from, *c);

		must(special ? buf_printf(out, "\\%c", to[special - from]) == 0
			     : buf_add(out, c, 1) == 0);
	}
	must(buf_add_str(out, "\" # again\r\n") == 0);
}

static void check_round_trip(const struct env_pairs *pairs)
{
	cleanup(buf_free) struct buf text = BUF(8 * ENV_FILE_MAX);
	cleanup(env_pairs_free) struct env_pairs again = {0};
	char *why = NULL;

	for (size_t i = 0; i < pairs->n; i++)
		write_pair(&text, &pairs->at[i]);
	must(env_parse(buf_str(&text), text.len, &again, &why) == 0);
	must(again.n == pairs->n);
	for (size_t i = 0; i < pairs->n; i++) {
		must(str_eq(again.at[i].name, pairs->at[i].name));
		must(str_eq(again.at[i].value, pairs->at[i].value));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct env_pairs pairs = {0};
	char *why = NULL;

	if (size > ENV_FILE_MAX) /* is not given to the parser */
		return 0;
	if (env_parse((const char *)data, size, &pairs, &why) < 0) {
		must(!pairs.at && pairs.n == 0);
		must(str_starts(why, "line ") && strlen(why) < 80);
		free(why);
		return 0;
	}
	must(!why);
	check_pairs(&pairs, count_lines((const char *)data, size));
	check_round_trip(&pairs);
	env_pairs_free(&pairs);
	return 0;
}
