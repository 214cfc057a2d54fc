/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *log_level_name(enum log_level level)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};

	must((size_t)level < countof(names));
	return names[level];
}

void log_line(const struct log *log, enum log_level level, const char *subject, const char *format,
	...)
{
	char *text = NULL;
	va_list args;

	if (!log || !log->write || level < log->level)
		return;
	va_start(args, format);
	must(vasprintf(&text, format, args) >= 0);
	va_end(args);
	log->write(log->ctx, level, subject, text);
	free(text);
}
