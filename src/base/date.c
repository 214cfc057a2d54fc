/* SPDX-License-Identifier: Apache-2.0 */
#include "base/date.h"

#include <errno.h>
#include <stdio.h>

static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Days since 1970-01-01 of a date of the Gregorian calendar, years counted from March. */
static int64_t days_of(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year, era = y / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct date {
	int64_t day; /* since 1970-01-01 */
	int year, month, of_month, second;
};

static struct date split(int64_t unix_s)
{
	struct date d = {.day = unix_s / 86400, .month = 1, .second = (int)(unix_s % 86400)};

	must(unix_s >= 0 && unix_s < INT64_C(253402300800)); /* the year 10000 */
	d.year = (int)(1970 + d.day / 366);
	while (days_of(d.year + 1, 1, 1) <= d.day)
		d.year++;
	while (d.month < 12 && days_of(d.year, d.month + 1, 1) <= d.day)
		d.month++;
	d.of_month = (int)(d.day - days_of(d.year, d.month, 1)) + 1;
	return d;
}

void date_format(int64_t unix_s, char text[DATE_SIZE])
{
	struct date d = split(unix_s);

	snprintf(text, DATE_SIZE, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + d.day % 7 * 3,
		d.of_month, months + (d.month - 1) * 3, d.year, d.second / 3600,
		d.second / 60 % 60, d.second % 60);
}

void date_iso(int64_t unix_s, char text[DATE_SIZE])
{
	struct date d = split(unix_s);

	snprintf(text, DATE_SIZE, "%04d-%02d-%02dT%02d:%02d:%02dZ", d.year, d.month, d.of_month,
		d.second / 3600, d.second / 60 % 60, d.second % 60);
}

int date_parse(const char *text, int64_t *ret_unix_s)
{
	char month_name[4], zone[4];
	const char *month;
	int day, year, hour, minute, second, end = 0;

	if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d %3[A-Z]%n", &day, month_name,
		    &year, &hour, &minute, &second, zone, &end) != 7 ||
		text[end] || !str_eq(zone, "GMT") || strlen(month_name) != 3)
		return -EINVAL;
	month = strstr(months, month_name);
	if (!month || (month - months) % 3 || year < 1970 || day < 1 || day > 31 || hour < 0 ||
		hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
		return -EINVAL;
	*ret_unix_s = days_of(year, (int)(month - months) / 3 + 1, day) * 86400 + hour * 3600 +
		      minute * 60 + second;
	return 0;
}

int64_t date_day_start(int64_t unix_ms)
{
	const int64_t day_ms = INT64_C(24) * 3600 * 1000;

	return unix_ms - ((unix_ms % day_ms) + day_ms) % day_ms;
}
