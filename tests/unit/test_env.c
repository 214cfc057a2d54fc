/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "app/env_file.h"

/* The .env file as people write it. */

static void test_parse(void **state)
{
	static const struct {
		const char *text, *name, *value; /* the first pair; NULL: there is none */
	} cases[] = {
		{"", NULL, NULL},
		{"\n\r\n  \n\t# A=b\n", NULL, NULL},
		{"A=b", "A", "b"},
		{"A=b\n", "A", "b"},
		{"A=b\r\n", "A", "b"},
		{"A=b\r", "A", "b"},
		{"\xef\xbb\xbf"
		 "A=b\n",
			"A", "b"},
		{"  A  =  b  \n", "A", "b"},
		{"\tA\t=\tb\t\n", "A", "b"},
		{"A=", "A", ""},
		{"A=   \n", "A", ""},
		{"A=#b\n", "A", ""},
		{"A=b # c\n", "A", "b"},
		{"A=b\t# c\n", "A", "b"},
		{"A=b#c\n", "A", "b#c"},
		{"A=b=c==\n", "A", "b=c=="},
		{"A=b c  d\n", "A", "b c  d"},
		{"a_1=b\n", "a_1", "b"},
		{"_=b\n", "_", "b"},
		{"A=\xc3\xb1\n", "A", "\xc3\xb1"},
		/* export */
		{"export A=b\n", "A", "b"},
		{"export\tA=b\n", "A", "b"},
		{"  export   A=b\n", "A", "b"},
		{"export=b\n", "export", "b"},
		{"exported=b\n", "exported", "b"},
		/* quotes */
		{"A=\"b\"\n", "A", "b"},
		{"A='b'\n", "A", "b"},
		{"A = \"b\"\n", "A", "b"},
		{"A=\"\"\n", "A", ""},
		{"A='' # c\n", "A", ""},
		{"A=\"b # c\"\n", "A", "b # c"},
		{"A=' b '\r\n", "A", " b "},
		{"A=\"b\" # c \"\n", "A", "b"},
		{"A=\"b\"#c\n", "A", "b"},
		{"A=\"it's\"\n", "A", "it's"},
		{"A='say \"b\"'\n", "A", "say \"b\""},
		{"A=b\"c\"\n", "A", "b\"c\""},
		{"A=\"a\\n\\t\\r\\\"\\\\\\$\"\n", "A", "a\n\t\r\"\\$"},
		{"A=\"a\\x\"\n", "A", "a\\x"},
		{"A='a\\n'\n", "A", "a\\n"},
		{"A=\"b\nc\"\n", "A", "b\nc"},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct env_pairs pairs = {0};
		char *why = NULL;

		if (env_parse(cases[i].text, strlen(cases[i].text), &pairs, &why) < 0)
			fail_msg("case %zu (%s): refused: %s", i, cases[i].text, why);
		assert_int_equal(pairs.n, cases[i].name ? 1 : 0);
		if (cases[i].name) {
			assert_string_equal(pairs.at[0].name, cases[i].name);
			assert_string_equal(pairs.at[0].value, cases[i].value);
			assert_int_equal(pairs.at[0].line, 1);
		}
		env_pairs_free(&pairs);
	}
}

/* Blank lines, comments and values over several lines count. */
static void test_parse_lines(void **state)
{
	static const char text[] = "\xef\xbb\xbf# first\r\n\r\nA=1\r\nexport B='2\r\n2'\r\n\r\nC=3";
	static const int lines[] = {3, 4, 7};
	struct env_pairs pairs = {0};
	char *why = NULL;

	assert_int_equal(env_parse(text, strlen(text), &pairs, &why), 0);
	assert_int_equal(pairs.n, countof(lines));
	for (size_t i = 0; i < countof(lines); i++)
		assert_int_equal(pairs.at[i].line, lines[i]);
	assert_string_equal(pairs.at[1].value, "2\r\n2");
	env_pairs_free(&pairs);
}

static void test_parse_refused(void **state)
{
	static const struct {
		const char *text, *why;
		size_t len; /* 0: strlen */
	} cases[] = {
		{"A\n", "line 1: expected '=' after the name", 0},
		{"A=1\nB 2\n", "line 2: expected '=' after the name", 0},
		{"A=1\n\n=2\n", "line 3: expected NAME=value", 0},
		{"1A=2\n", "line 1: expected NAME=value", 0},
		{"A-B=2\n", "line 1: expected '=' after the name", 0},
		{"export \n", "line 1: expected NAME=value", 0},
		{"export\n", "line 1: expected '=' after the name", 0},
		{"A=1\nB=\"2\n3\n", "line 2: a quote is opened and never closed", 0},
		{"A='1", "line 1: a quote is opened and never closed", 0},
		{"A=\"1\\\"", "line 1: a quote is opened and never closed", 0},
		{"A=\"1\" 2\n", "line 1: there is text after the closing quote", 0},
		{"A='1\n2' 3\n", "line 1: there is text after the closing quote", 0},
		{"A=\xff\n", "line 1: the file is not UTF-8 text", 0},
		{"A=\xc3", "line 1: the file is not UTF-8 text", 0},
		{"A=1\0B=2", "line 1: the file is not UTF-8 text", 7},
		{"\xff\xfe"
		 "A\0=\0b\0",
			"line 1: the file is not UTF-8 text", 8},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		size_t len = cases[i].len ? cases[i].len : strlen(cases[i].text);
		struct env_pairs pairs = {(void *)&pairs, 42};
		char *why = NULL;

		assert_int_equal(env_parse(cases[i].text, len, &pairs, &why), -EINVAL);
		assert_string_equal(why, cases[i].why);
		assert_int_equal(pairs.n, 42); /* untouched */
		free(why);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_lines),
		cmocka_unit_test(test_parse_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
