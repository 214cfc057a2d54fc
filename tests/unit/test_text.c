/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "discord/text.h"

#define ZW "\xe2\x80\x8b"

static void test_clean(void **state)
{
	static const struct {
		const char *in, *out;
		size_t max;
	} cases[] = {
		{"a red fox", "a red fox", 50},
		{"", "", 50},
		{NULL, "", 50},
		{"  a \t\r\n b\n\n", "a b", 50},
		{"\xe3\x80\x80"
		 "a\xc2\xa0\xc2\xa0"
		 "b\xe2\x80\xa8"
		 "c",
			"a b c", 50},
		/* Markdown */
		{"**b** _i_ ~~s~~ `c` ||x||",
			"\\*\\*b\\*\\* \\_i\\_ \\~\\~s\\~\\~ \\`c\\` \\|\\|x\\|\\|", 80},
		{"a\\*b", "a\\\\\\*b", 50},
		{"[x](https://a.example)", "\\[x\\](https\\://a.example)", 80},
		{"# big", "\\# big", 50},
		{"-# small", "\\-# small", 50},
		{"> quote", "\\> quote", 50},
		{"+ item", "\\+ item", 50},
		{"1. item", "1\\. item", 50},
		{"12) item", "12\\) item", 50},
		{"a 1. b", "a 1. b", 50},
		{"8.2 s", "8.2 s", 50},
		{"3.\x01 x", "3\\. x", 50},
		{"a - b # c + d", "a - b # c + d", 50},
		{"a: b", "a: b", 50},
		/* mentions */
		{"@everyone", "@" ZW "everyone", 50},
		{"@here!", "@" ZW "here!", 50},
		{"<@123> <@!1> <@&4>", "\\<@" ZW "123\\> \\<@" ZW "!1\\> \\<@" ZW "&4\\>", 80},
		{"</imagine:1>", "\\</imagine:1\\>", 50},
		{"<t:1:R> <#2> <:e:3>", "\\<t:1:R\\> \\<#2\\> \\<:e:3\\>", 50},
		/* what cannot be seen */
		{"a\x01\x1b[0m\x7f\xc2\x85"
		 "b",
			"a\\[0m b", 50},
		{"a\xe2\x80\xae"
		 "b\xe2\x81\xa6"
		 "c\xd8\x9c",
			"abc", 50},
		{"@\xe2\x80\x8b"
		 "everyone\xef\xbb\xbf",
			"@" ZW "everyone", 50},
		{"x\xf3\xa0\x81\xa1y\xc2\xadz", "xyz", 50},
		/* joiners stay where they mean something: an emoji family, a Persian word */
		{"👩\u200d👧 می\u200cخواهم", "👩\u200d👧 می\u200cخواهم", 50},
		{"a\u200db 👩\u200d 👧\u200d\u200d👧 \u200d👩\u200dx", "ab 👩 👧\u200d👧 👩x", 50},
		/* bytes that are no UTF-8 */
		{"a\xff"
		 "b",
			"a\xef\xbf\xbd"
			"b",
			50},
		{"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd", 50},
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 50},
		{"\xf0\x9f\xa6", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 50},
		{"\xf0\x9f\xa6\x8a", "\xf0\x9f\xa6\x8a", 50},
		{"\xf5\x80\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 50},
		/* length: characters, not bytes, not escapes */
		{"abcdef", "abcdef", 6},
		{"abcdefg", "abcde…", 6},
		{"ñññññññ", "ñññññ…", 6},
		{"*******", "\\*\\*\\*\\*\\*…", 6},
		{"abcd efgh", "abcd…", 6},
		{"abcdef    ", "abcdef", 6},
		{"abcdef\xe2\x80\x8b", "abcdef", 6},
		{"ab", "…", 1},
		{"a", "a", 1},
		{"a", "", 0},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		char *out = text_clean(cases[i].in, cases[i].max);

		assert_string_equal(out, cases[i].out);
		assert_true(utf8_valid(out, strlen(out)));
		free(out);
	}
}

static void test_plain(void **state)
{
	char *out = text_plain(" *a*\n<@1>\xe2\x80\xae ", 50);

	assert_string_equal(out, "*a* <@1>");
	free(out);
	out = text_repair("a\xff\n");
	assert_string_equal(out, "a\xef\xbf\xbd\n");
	free(out);
	assert_null(text_repair(NULL));
}

static void test_utf16(void **state)
{
	static const struct {
		const char *text, *cut;
		size_t len, units;
	} cases[] = {
		{"", "", 0, 0},
		{"abc", "ab", 3, 2},
		{"ñ🦊", "ñ", 3, 2},
		{"ñ🦊", "ñ🦊", 3, 3},
		{"🦊🦊", "🦊", 4, 3},
		{"abc", "", 3, 0},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		char *copy = xstrdup(cases[i].text);

		assert_int_equal(text_utf16_len(copy), cases[i].len);
		text_cut(copy, cases[i].units);
		assert_string_equal(copy, cases[i].cut);
		free(copy);
	}
	assert_int_equal(text_utf16_len(NULL), 0);
	assert_int_equal(text_utf16_len("a\xff"), 2);
}

static void test_make(void **state)
{
	static const struct {
		enum text_id id;
		const char *locale;
		struct text_args args;
		const char *out;
	} cases[] = {
		{TEXT_NONE, "en-US", {0}, ""},
		{TEXT_QUEUED, "en-US", {.number = 3, .channel_id = 77}, "Queued (Pos: 3) in <#77>"},
		{TEXT_QUEUED, "es-ES", {.number = 3, .channel_id = 77},
			"En cola (Pos: 3) en <#77>"},
		{TEXT_QUEUED, "es-419", {.number = 1}, "En cola (Pos: 1)"},
		{TEXT_QUEUED, "et", {.number = 12}, "Queued (Pos: 12)"},
		{TEXT_QUEUED, NULL, {0}, "Queued"},
		{TEXT_QUEUED, "en-US", {.number = 3, .channel_id = 77, .text = "2 min"},
			"Queued (Pos: 3) in <#77>, about 2 min"},
		{TEXT_LIVE_QUEUED, "es-ES", {.number = 3, .text = "2 min"},
			"En cola (Pos: 3), aprox. 2 min"},
		{TEXT_UNKNOWN_MODEL, "en-GB", {.text = "<@1>"},
			"I don't know the model “\\<@" ZW
			"1\\>”. Type the command again and pick one "
			"from the list."},
		{TEXT_UNKNOWN_MODEL, "fr", {.text = ""},
			"I don't know the model. Type the command again and pick one from the "
			"list."},
		{TEXT_SORRY_FAILED, "en-US", {.text = "KSampler: out of range..\n"},
			"Sorry, something went wrong while drawing: KSampler: out of range. Please "
			"try "
			"again, or try another model."},
		{TEXT_SORRY_FAILED, "en-US", {.text = "{number} [x] {text}"},
			"Sorry, something went wrong while drawing: {number} \\[x\\] {text}. "
			"Please try "
			"again, or try another model."},
		{TEXT_SORRY_TOO_LARGE, "es-ES", {.text = "12 MB"},
			"Lo siento, el archivo es demasiado grande para este servidor (12 MB). "
			"Prueba con "
			"otro modelo o con una imagen más pequeña."},
		{TEXT_LIVE_DONE, "en-US", {.text = "8.2 s"}, "Done in 8.2 s"},
		{TEXT_LIVE_DONE, "en-US", {0}, "Done"},
		{TEXT_SEED, "es-ES", {.text = "18446744073709551615"},
			"semilla 18446744073709551615"},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		char *out = text_make(cases[i].id, cases[i].locale, &cases[i].args);

		assert_string_equal(out, cases[i].out);
		free(out);
	}
}

/* Every row is there in both languages, has no hole, and fits into a message. */
static void test_make_all(void **state)
{
	static const char *const locales[] = {"en-US", "es-ES"};
	char *hostile = xcalloc(4 * 1000 + 1, 1);
	struct text_args all = {.number = INT64_MAX, .channel_id = UINT64_MAX, .text = hostile};

	for (size_t i = 0; i < 1000; i++)
		memcpy(hostile + 4 * i, i % 2 ? "@<*\\" : "\xf0\x9f\xa6\x8a", 4);
	for (int id = TEXT_NONE + 1; id < TEXT_COUNT; id++) {
		char *both[countof(locales)];

		for (size_t l = 0; l < countof(locales); l++) {
			char *bare = text_make((enum text_id)id, locales[l], NULL);

			assert_true(*bare);
			assert_null(strpbrk(bare, "{}[]"));
			assert_true(utf8_valid(bare, strlen(bare)));
			both[l] = bare;
			bare = text_make((enum text_id)id, locales[l], &all);
			assert_null(strpbrk(bare, "{}"));
			assert_in_range(text_utf16_len(bare), 1, MESSAGE_UNITS_MAX);
			free(bare);
		}
		assert_string_not_equal(both[0], both[1]);
		free(both[0]);
		free(both[1]);
	}
	free(hostile);
}

static void test_duration(void **state)
{
	static const struct {
		int64_t ms;
		const char *en, *es;
	} cases[] = {
		{8240, "8.2 s", "8,2 s"},
		{0, "0.0 s", "0,0 s"},
		{-5, "0.0 s", "0,0 s"},
		{49, "0.0 s", "0,0 s"},
		{50, "0.1 s", "0,1 s"},
		{59949, "59.9 s", "59,9 s"},
		{59950, "1 min 00 s", "1 min 00 s"},
		{65000, "1 min 05 s", "1 min 05 s"},
		{3599499, "59 min 59 s", "59 min 59 s"},
		{3725400, "1 h 02 min", "1 h 02 min"},
		{86399499, "23 h 59 min", "23 h 59 min"},
		{86400000, "1 d 0 h", "1 d 0 h"},
		{273600000, "3 d 4 h", "3 d 4 h"},
		{INT64_MAX, "106751991167 d 7 h", "106751991167 d 7 h"},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		char *en = text_duration(cases[i].ms, "en-US"),
		     *es = text_duration(cases[i].ms, "es-ES");

		assert_string_equal(en, cases[i].en);
		assert_string_equal(es, cases[i].es);
		free(en);
		free(es);
	}
}

static void test_about(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {{0, NULL}, {9000, NULL}, {10000, "10 s"}, {26000, "30 s"}, {54000, "50 s"},
		{55000, "1 min"}, {100000, "2 min"}, {600000, "10 min"}, {750000, "15 min"},
		{3500000, "1 h"}, {5400000, "1 h 30 min"}, {36000000, "10 h"},
		{200000000, NULL}, {INT64_C(1) << 50, NULL}, {-5, NULL}};

	for (size_t i = 0; i < countof(cases); i++) {
		char *text = text_about(cases[i].ms);

		if ((text != NULL) != (cases[i].text != NULL) ||
			(text && strcmp(text, cases[i].text) != 0))
			fail_msg("%" PRId64 ": \"%s\"", cases[i].ms, text ? text : "");
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_utf16),
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_make_all),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
