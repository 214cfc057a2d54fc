/* SPDX-License-Identifier: Apache-2.0 */
#include "app/logger.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include "base/json.h"

static void blot(char *text, const char *secret)
{
	char *at = text;

	if (!secret || strlen(secret) < 6)
		return;
	while ((at = strstr(at, secret)))
		for (size_t i = 0; i < strlen(secret); i++)
			*at++ = '*';
}

/* A line is a line: what comes from outside must not make two of it. */
static void flatten(char *text)
{
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
}

static void write_line(void *ctx, enum log_level level, const char *subject, const char *text)
{
	struct logger *logger = ctx;
	cleanup(freep) char *clean = xstrdup(text);
	char stamp[40], date[32];
	struct timeval tv;
	struct tm tm;

	blot(clean, logger->config->discord_token);
	blot(clean, logger->config->comfy_api_key);
	for (int i = 0; i < COMFY_SERVERS_MAX; i++)
		blot(clean, logger->config->comfy_keys[i]);
	flatten(clean);
	gettimeofday(&tv, NULL);
	gmtime_r(&tv.tv_sec, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(stamp, sizeof(stamp), "%s.%03dZ", date, (int)(tv.tv_usec / 1000));
	if (logger->json) {
		cleanup(json_put) struct json_object *line = json_object_new_object();
		cleanup(freep) char *out = NULL;

		json_add_str(line, "time", stamp);
		json_add_str(line, "level", log_level_name(level));
		if (subject)
			json_add_str(line, "subject", subject);
		json_add_str(line, "text", clean);
		out = json_text(line);
		fprintf(stderr, "%s\n", out);
		return;
	}
	fprintf(stderr, "%s %-5s %s%s%s\n", stamp, log_level_name(level), subject ? subject : "",
		subject ? ": " : "", clean);
}

void logger_init(struct logger *logger, const struct config *config)
{
	*logger = (struct logger){
		.log = {config_log_level(config), write_line, logger},
		.json = str_eq(config->log_format, "json"),
		.config = config,
	};
}
