/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_LOGGER_H
#define FULLET_APP_LOGGER_H

#include "app/config.h"

/* Log lines on stderr: time, level, subject, text; or one JSON object a line (LOG_FORMAT=json). */
struct logger {
	struct log log; /* give &logger.log to whoever logs */
	bool json;
	const struct config *config; /* its secrets are blotted out, should one ever get so far */
};
void logger_init(struct logger *logger, const struct config *config);

#endif
