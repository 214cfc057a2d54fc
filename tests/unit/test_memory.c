/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "app/memory.h"
#include "base/json.h"
#include "base/limits.h"

static long resident_pages(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size = 0, resident = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld", &size, &resident), 2);
	fclose(f);
	return resident;
}

/* Uses some libraries, so that their code is in memory. */
static void use_code(void)
{
	static const char text[] = "{\"a\":[1,2,{\"b\":\"c\"}]}";
	struct json_object *doc = json_parse(text, strlen(text), NULL);
	char *again = json_text(doc);

	assert_string_equal(again, text);
	free(again);
	json_put(&doc);
}

static void code_is_let_go_and_comes_back(void **state)
{
	long before, after;

	use_code();
	before = resident_pages();
	memory_release();
	after = resident_pages();
	assert_true(after < before);
	for (int i = 0; i < 3; i++) {
		use_code();
		memory_release();
	}
	use_code();
}

static void freed_memory_is_kept_until_released(void **state)
{
#ifndef __SANITIZE_ADDRESS__ /* it has its own allocator */
	size_t page = 4096;
	long before, kept, released;
	volatile char *picture;

	memory_tune();
	picture = malloc(8 * MIB);
	for (size_t i = 0; i < 8 * MIB; i += page)
		picture[i] = 1;
	before = resident_pages();
	free((char *)picture);
	kept = resident_pages();
	assert_true(before - kept < (long)(MIB / page));
	memory_release();
	released = resident_pages();
	assert_true(kept - released > (long)(7 * MIB / page));
#endif
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(code_is_let_go_and_comes_back),
		cmocka_unit_test(freed_memory_is_kept_until_released),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
