/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_BASE_DEFS_H
#define FULLET_BASE_DEFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <string.h>

#define countof(a) (sizeof(a) / sizeof((a)[0]))

/* Calls `f(&var)` when the variable leaves its scope. */
#define cleanup(f) __attribute__((cleanup(f)))
#define printf_like(f, a) __attribute__((format(printf, f, a)))
#define must_check __attribute__((warn_unused_result))

/* Gives away the value of a pointer variable and leaves NULL behind. */
#define take(p)                                                                                    \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

#define min_of(a, b)                                                                               \
	({                                                                                         \
		__typeof__(a) a_ = (a);                                                            \
		__typeof__(b) b_ = (b);                                                            \
		a_ < b_ ? a_ : b_;                                                                 \
	})
#define max_of(a, b)                                                                               \
	({                                                                                         \
		__typeof__(a) a_ = (a);                                                            \
		__typeof__(b) b_ = (b);                                                            \
		a_ > b_ ? a_ : b_;                                                                 \
	})

/* "No deadline" wherever a time in milliseconds is returned. */
#define NEVER INT64_MAX

/*
 * An assertion that stays on in release builds: it prints the expression and
 * aborts. Only for what our own code promises, never for input.
 */
#define must(expr)                                                                                 \
	do {                                                                                       \
		if (!(expr))                                                                       \
			must_failed(#expr, __FILE__, __LINE__);                                    \
	} while (0)
_Noreturn void must_failed(const char *expr, const char *file, int line);

/*
 * Allocation never returns NULL: a program of a few megabytes whose inputs all
 * have ceilings has nothing sensible left to do without memory, and its jobs
 * are rows that the next start takes up. app/heap.c does the same for libraries.
 */
_Noreturn void memory_is_out(void); /* the sentence, and exit status 1 */
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);                /* NULL gives NULL */
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *format, ...) printf_like(1, 2);
void freep(void *p);                          /* for cleanup(freep): frees *p */

/* Replaces an owned string by a copy of `value` (which may be NULL). */
void str_set(char **where, const char *value);
static inline bool str_eq(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* Copies with truncation; always terminated. Returns dst. */
char *str_copy(char *dst, size_t size, const char *src);

/* Decimal u64. -EINVAL when the text is not exactly one such number; *ret untouched then. */
int parse_u64(const char *text, uint64_t *ret);

#endif
