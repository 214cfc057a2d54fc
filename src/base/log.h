/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_BASE_LOG_H
#define FULLET_BASE_LOG_H

#include "base/defs.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
const char *log_level_name(enum log_level level);

/*
 * Where log lines go. The shell fills `write`; the pure rooms get a pointer and
 * never learn what is behind it. A line carries its subject first ("job=12
 * user=34 gpu=0") and never a token, a webhook URL or, at info and above, a prompt.
 */
struct log {
	enum log_level level; /* lines below it are dropped */
	void (*write)(void *ctx, enum log_level level, const char *subject, const char *text);
	void *ctx;
};

/* log may be NULL: silent. subject may be NULL. */
void log_line(const struct log *log, enum log_level level, const char *subject, const char *format,
	...) printf_like(4, 5);

#endif
