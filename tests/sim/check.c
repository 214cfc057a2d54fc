/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "sim.h"

/* More than a seed's members ask for. */
#define JOBS_MAX 40

/*
 * What must hold. The pictures and apologies are counted where Discord accepted
 * them, not where the bot believes it sent them.
 */

void sim_fail(struct sim *sim, const char *format, ...)
{
	va_list args;

	if (sim->failure)
		return;
	va_start(args, format);
	must(vasprintf(&sim->failure, format, args) >= 0);
	va_end(args);
}

static struct sim_said *said_about(struct sim *sim, uint64_t job_id)
{
	for (size_t i = 0; i < sim->n_said; i++)
		if (sim->said[i].job_id == job_id)
			return &sim->said[i];
	sim->said = xrealloc(sim->said, (sim->n_said + 1) * sizeof(sim->said[0]));
	sim->said[sim->n_said] = (struct sim_said){.job_id = job_id};
	return &sim->said[sim->n_said++];
}

/* The nonce gives an old message again: each message counts once. */
static bool is_new_message(struct sim *sim, uint64_t id)
{
	for (size_t i = 0; i < sim->n_messages; i++)
		if (sim->messages[i] == id)
			return false;
	sim->messages = xrealloc(sim->messages, (sim->n_messages + 1) * sizeof(sim->messages[0]));
	sim->messages[sim->n_messages++] = id;
	return true;
}

static uint64_t job_of_file(const char *name)
{
	unsigned long long id;

	if (!name || strstr(name, "preview") || sscanf(name, "fullet-%20llu", &id) != 1)
		return 0;
	return id;
}

static uint64_t job_of_button(struct json_object *message)
{
	const char *custom_id = json_str(message, "components.0.components.0.custom_id");
	unsigned long long id;

	return custom_id && sscanf(custom_id, "v1:again:%20llu", &id) == 1 ? id : 0;
}

static void count_message(struct sim *sim, struct json_object *message)
{
	uint64_t job_id;

	if (!message || !is_new_message(sim, json_id(message, "id")))
		return;
	job_id = job_of_file(json_str(message, "attachments.0.filename"));
	if (job_id)
		said_about(sim, job_id)->pictures++;
	job_id = job_of_button(message);
	if (job_id)
		said_about(sim, job_id)->sorries++;
}

/* Messages as they are made; those whose answer was spoilt are found in the end, by count_rest().
 */
void check_said(struct sim *sim, const struct http_request *req, const struct http_response *res)
{
	struct json_object *message;

	if (req->method != HTTP_POST || res->status / 100 != 2 || !strstr(req->url, "/channels/") ||
		!strstr(req->url, "/messages"))
		return;
	message = json_parse(buf_str(&res->body), res->body.len, NULL);
	count_message(sim, message);
	json_put(&message);
}

static void count_rest(struct sim *sim, struct json_object *state)
{
	struct json_object *messages = json_array(state, "messages");

	for (size_t i = 0; i < json_len(messages); i++)
		count_message(sim, json_object_array_get_idx(messages, i));
}

void check_caps(struct sim *sim)
{
	const struct core *core = shell_core(sim->shell);
	size_t live = 0, on_gpu[COMFY_SERVERS_MAX] = {0};

	for (const struct job *job = core_first_job(core); job; job = job->next) {
		int same = 0;

		if (!job_is_live(job))
			continue;
		live++;
		for (const struct job *other = core_first_job(core); other; other = other->next)
			same += job_is_live(other) && other->row.user_id == job->row.user_id;
		if (same > sim->config.max_jobs_per_user)
			sim_fail(sim, "user %" PRIu64 " has %d live jobs", job->row.user_id, same);
		if ((job->step == JOB_SUBMIT || job->step == JOB_WATCH) && !job->enter &&
			++on_gpu[job->gpu] > 1)
			sim_fail(sim, "two jobs on card %d", job->gpu);
	}
	if (live > (size_t)sim->config.max_queue)
		sim_fail(sim, "%zu live jobs in all", live);
}

bool all_at_rest(struct sim *sim)
{
	return sim->shell && core_is_ready(shell_core(sim->shell)) &&
	       !core_first_job(shell_core(sim->shell));
}

static void check_job(struct sim *sim, const struct job_row *row)
{
	struct sim_said *said = said_about(sim, row->id);
	int total = said->pictures + said->sorries;
	const char *what = job_step_name((enum job_step)row->step);

	if (row->step < STORE_ENDED)
		sim_fail(sim, "job %" PRIu64 " never came to rest: %s", row->id, what);
	else if (row->step == JOB_DONE && (said->pictures != 1 || said->sorries != 0))
		sim_fail(sim, "job %" PRIu64 " done: %d pictures, %d apologies", row->id,
			said->pictures, said->sorries);
	else if (row->step == JOB_APOLOGISED && row->result_id && total != 1)
		sim_fail(sim, "job %" PRIu64 " apologised: %d pictures, %d apologies", row->id,
			said->pictures, said->sorries);
	else if (total > 1)
		sim_fail(sim, "job %" PRIu64 " %s: %d messages", row->id, what, total);
	else if (row->step == JOB_UNDELIVERABLE)
		sim_fail(sim,
			"job %" PRIu64 " undeliverable (%s), though Discord refuses nothing here",
			row->id, row->detail ? row->detail : "");
	if (row->token)
		sim_fail(sim, "job %" PRIu64 " ended and keeps its token", row->id);
}

static size_t count_open(struct json_object *list, const char *member, const char *value)
{
	size_t n = 0;

	for (size_t i = 0; i < json_len(list); i++)
		n += str_eq(json_str(json_object_array_get_idx(list, i), member), value);
	return n;
}

/* One channel a member, though commands come two at once and answers get lost. */
static void check_channels(struct sim *sim, struct json_object *state)
{
	struct json_object *channels = json_array(state, "channels");

	for (size_t i = 0; i < json_len(channels); i++) {
		struct json_object *c = json_object_array_get_idx(channels, i);
		const char *topic = json_str(c, "topic");

		if (str_starts(topic, "fullet:") && !json_flag(c, "deleted", false))
			for (size_t j = i + 1; j < json_len(channels); j++) {
				struct json_object *d = json_object_array_get_idx(channels, j);

				if (str_eq(topic, json_str(d, "topic")) &&
					!json_flag(d, "deleted", false))
					sim_fail(sim, "two channels for %s", topic);
			}
	}
	if (count_open(channels, "name", "sessions") > 1)
		sim_fail(sim, "two categories");
}

void check_rest(struct sim *sim)
{
	struct json_object *state = world_state(sim->world);
	uint64_t jobs = 0, interactions[JOBS_MAX + 1] = {0};
	struct job_row row;

	count_rest(sim, state);
	for (uint64_t id = 1; id <= JOBS_MAX; id++) {
		row = (struct job_row){0};
		if (store_db_job(sim->db, id, &row) < 0) {
			struct sim_said *said = said_about(sim, id);

			if (said->pictures + said->sorries > 0)
				sim_fail(sim, "job %" PRIu64 " was answered and has no row", id);
			continue;
		}
		check_job(sim, &row);
		for (uint64_t i = 1; i < id; i++)
			if (interactions[i] == row.interaction_id)
				sim_fail(sim, "jobs %" PRIu64 " and %" PRIu64 " of one command", i,
					id);
		interactions[id] = row.interaction_id;
		job_row_free(&row);
		jobs++;
	}
	check_channels(sim, state);
	if (sim->requested > 0 && jobs == 0 && sim->seed % 10 == 0)
		sim_fail(sim, "nothing was accepted");
	json_put(&state);
}
