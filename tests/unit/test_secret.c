/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "app/config.h"
#include "base/secret.h"

/* Secrets in memory: what the kernel says of their pages, and what is left of them. */

#define TOKEN "MTIzNDU2.hush.tokentokentoken"

/* The kernel's flags of the mapping in which `p` lies (/proc/self/smaps), "" when there is none. */
static void flags_of(const void *p, char flags[256])
{
	FILE *maps = fopen("/proc/self/smaps", "r");
	char line[4096];
	bool here = false;

	assert_non_null(maps);
	*flags = '\0';
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (uintptr_t)p >= from && (uintptr_t)p < to;
		else if (here && str_starts(line, "VmFlags:"))
			str_copy(flags, 256, line + strlen("VmFlags:"));
	}
	fclose(maps);
}

static void test_pages_are_locked_and_not_dumped(void **state)
{
	char *secret = secret_dup(TOKEN), flags[256];

	assert_string_equal(secret, TOKEN);
	assert_true(secret_locked(secret));
	flags_of(secret, flags);
	assert_non_null(strstr(flags, " lo ")); /* locked */
	assert_non_null(strstr(flags, " dd ")); /* not in a core dump */
	assert_non_null(strstr(flags, " wf ")); /* empty in a child */
	secret_free(secret);
}

static void test_a_child_has_none(void **state)
{
	char *secret = secret_dup(TOKEN);
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(*secret == '\0' ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_string_equal(secret, TOKEN);
	secret_free(secret);
}

/* From before it is freed to after: the pages are gone, not only emptied. */
static void test_freed_is_gone(void **state)
{
	char *secret = secret_dup(TOKEN), flags[256];

	secret_free(secret);
	flags_of(secret, flags);
	assert_null(strstr(flags, " lo "));
}

static void test_lengths(void **state)
{
	for (size_t len = 0; len < 3 * 4096; len += len < 4000 || len > 4200 ? 997 : 1) {
		char *text = xcalloc(1, len + 1), *secret;

		memset(text, 'x', len);
		secret = secret_dup(text);
		assert_string_equal(secret, text);
		secret_free(secret);
		free(text);
	}
	assert_null(secret_dup(NULL));
	assert_null(secret_move(NULL));
	secret_free(NULL);
	wipe_free(NULL);
}

static void test_set_and_move(void **state)
{
	char *secret = NULL;

	secret_set(&secret, TOKEN);
	secret_set(&secret, "another");
	assert_string_equal(secret, "another");
	secret_set(&secret, NULL);
	assert_null(secret);
	secret = secret_move(xasprintf("Bot %s", TOKEN));
	assert_string_equal(secret, "Bot " TOKEN);
	secret_free(secret);
}

/* The block that the kernel shows as /proc/PID/environ, played by an array of ours. */
static void test_environment_is_hidden(void **state)
{
	char token[] = "DISCORD_TOKEN=" TOKEN, database[] = "DATABASE_URL=mysql://a:b@c/d";
	char level[] = "LOG_LEVEL=debug", empty[] = "COMFY_API_KEY=", odd[] = "no equals sign";
	char *block[] = {token, level, database, empty, odd, NULL}, **before = environ, flags[256];

	environ = block;
	config_hide_environment();
	assert_string_equal(token, "DISCORD_TOKEN=");
	for (size_t i = 0; i < strlen(TOKEN); i++)
		assert_int_equal(token[strlen("DISCORD_TOKEN=") + i], 0);
	assert_string_equal(database, "DATABASE_URL=");
	assert_string_equal(getenv("DISCORD_TOKEN"), TOKEN);
	assert_string_equal(getenv("DATABASE_URL"), "mysql://a:b@c/d");
	assert_ptr_equal(block[1], level);
	assert_ptr_equal(block[3], empty);
	assert_ptr_equal(block[4], odd);
	assert_string_equal(level, "LOG_LEVEL=debug");
	flags_of(getenv("DISCORD_TOKEN"), flags);
	environ = before;
	assert_non_null(strstr(flags, " lo "));
	secret_free(block[0]);
	secret_free(block[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages_are_locked_and_not_dumped),
		cmocka_unit_test(test_a_child_has_none),
		cmocka_unit_test(test_freed_is_gone),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_set_and_move),
		cmocka_unit_test(test_environment_is_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
