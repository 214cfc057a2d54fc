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

void date_format(int64_t unix_s, char text[DATE_SIZE])
{
	int64_t day = unix_s / 86400, year = 1970 + day / 366;
	int second = (int)(unix_s % 86400), month = 1, of_month;

	must(unix_s >= 0 && unix_s < INT64_C(253402300800)); /* the year 10000 */
	while (days_of(year + 1, 1, 1) <= day)
		year++;
	while (month < 12 && days_of(year, month + 1, 1) <= day)
		month++;
	of_month = (int)(day - days_of(year, month, 1)) + 1;
	snprintf(text, DATE_SIZE, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + day % 7 * 3,
		of_month, months + (month - 1) * 3, (int)year, second / 3600, second / 60 % 60,
		second % 60);
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
