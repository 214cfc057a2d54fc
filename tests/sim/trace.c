/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

/*
 * What happens, as a hash and, if it is wanted, as lines. All that goes in or out of the bot is in
 * it, so that two builds that live a seed differently have different hashes.
 */

/* FNV-1a, eight bytes at a time. */
static void mix(struct sim *sim, uint64_t v)
{
	uint64_t h = (sim->hash ^ v) * UINT64_C(0x9e3779b97f4a7c15);

	sim->hash = h ^ h >> 29;
}

void trace_number(struct sim *sim, uint64_t n)
{
	mix(sim, n);
}

void trace_bytes(struct sim *sim, const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t v;

	mix(sim, len);
	for (; len >= sizeof(v); len -= sizeof(v), p += sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		mix(sim, v);
	}
	v = 0;
	for (size_t i = 0; i < len; i++)
		v |= (uint64_t)p[i] << 8 * i;
	mix(sim, v);
}

void trace_text(struct sim *sim, const char *text)
{
	trace_bytes(sim, text ? text : "", text ? strlen(text) : 0);
}

void trace_say(struct sim *sim, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	must(vasprintf(&text, format, args) >= 0);
	va_end(args);
	trace_text(sim, text);
	if (sim->verbose)
		printf("%10.3f %6zu %s\n", sim_seconds(sim), sim->events, text);
	free(text);
}

/* No line tells a secret, and none that operators usually see what members wrote. */
static void check_line(struct sim *sim, enum log_level level, const char *text)
{
	if (strstr(text, SIM_TOKEN) || strstr(text, SIM_COMFY_KEY) || strstr(text, SIM_WEBHOOK))
		sim_fail(sim, "secrets", "a line of the log has a secret: %s", text);
	if (level > LOG_DEBUG && strstr(text, SIM_PROMPT))
		sim_fail(sim, "secrets", "a line of the log has a prompt: %s", text);
}

void trace_log(void *ctx, enum log_level level, const char *subject, const char *text)
{
	struct sim *sim = ctx;

	trace_text(sim, subject);
	trace_text(sim, text);
	check_line(sim, level, text);
	if (subject)
		check_line(sim, level, subject);
	rules_heard(sim, subject, text);
	if (sim->verbose)
		printf("%10.3f %6zu %-5s %s%s%s\n", sim_seconds(sim), sim->events,
			log_level_name(level), subject ? subject : "", subject ? ": " : "", text);
}

void trace_request(struct sim *sim, const struct http_request *req, const struct http_response *res)
{
	trace_number(sim, (uint64_t)req->method);
	trace_text(sim, req->url);
	if (req->body)
		trace_bytes(sim, req->body, req->body_len);
	for (size_t i = 0; i < req->n_parts; i++)
		trace_bytes(sim, req->parts[i].data, req->parts[i].len);
	trace_number(sim, (uint64_t)res->status);
	trace_bytes(sim, buf_str(&res->body), res->body.len);
	if (sim->verbose)
		printf("%10.3f %6zu       %s %s: %d%s%s\n", sim_seconds(sim), sim->events,
			http_method_name(req->method), req->url, res->status, res->error ? " " : "",
			res->error ? res->error : "");
}
