/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_BASE_DATE_H
#define FULLET_BASE_DATE_H

#include "base/defs.h"

/* The Date header of HTTP (RFC 9110, 5.6.7), "Sun, 06 Nov 1994 08:49:37 GMT", without a clock. */
#define DATE_SIZE 64 /* 30 are used */

void date_format(int64_t unix_s, char text[DATE_SIZE]);
/* "1994-11-06T08:49:37Z" (RFC 3339). */
void date_iso(int64_t unix_s, char text[DATE_SIZE]);
/* -EINVAL when it is not such a date; *ret_unix_s untouched then. */
int date_parse(const char *text, int64_t *ret_unix_s);
/* When the day (UTC) of a moment began; both in milliseconds. */
int64_t date_day_start(int64_t unix_ms);

#endif
