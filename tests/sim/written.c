/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "core/state.h"
#include "sim.h"

/* Written down first, then done: what leaves the bot stands in a row that is committed. */

static bool is_of_row(const struct job_row *row, const char *prompt_id, const char *card)
{
	char id[UUID_SIZE];

	job_row_prompt_id(row, row->part, id);
	return row->step == JOB_SUBMIT && str_eq(id, prompt_id) && str_eq(row->gpu, card);
}

static uint64_t key_of(const char *prompt_id)
{
	return prompt_id ? check_sum(prompt_id, strlen(prompt_id)) : 0;
}

/* What a card has taken, or may be taking, is not given to one again. */
static void check_given_once(struct sim *sim, const char *prompt_id)
{
	uint64_t key = key_of(prompt_id);

	for (size_t i = 0; i < countof(sim->given); i++)
		if (sim->given[i].id == key && sim->given[i].life == sim->life)
			sim_fail(sim, "written first", "the prompt %s is given twice", prompt_id);
	sim->given[sim->n_given++ % countof(sim->given)] = (struct sim_heard){key, sim->life};
}

void written_heard(struct sim *sim, const struct http_request *req, const struct http_response *res)
{
	cleanup(json_put) struct json_object *body = NULL;
	uint64_t key;

	if (req->method != HTTP_POST || !str_starts(req->url, "/prompt") || !req->body ||
		res->status / 100 == 2)
		return;
	body = json_parse(req->body, req->body_len, NULL);
	key = key_of(json_str(body, "prompt_id"));
	for (size_t i = 0; i < countof(sim->given); i++)
		if (sim->given[i].id == key)
			sim->given[i] = (struct sim_heard){0};
}

/* All whose prompt it is: after a crash each of them asks for it by himself. */
static void check_prompt(struct sim *sim, const struct http_request *req)
{
	cleanup(json_put) struct json_object *body = json_parse(req->body, req->body_len, NULL);
	const char *id = json_str(body, "prompt_id");
	cleanup(freep) char *card = xstrndup(req->url, 7 + strcspn(req->url + 7, "/"));
	int n = 0;

	check_given_once(sim, id);
	for (const struct job *job = core_first_job(shell_core(sim->shell)); job; job = job->next) {
		bool mine = is_of_row(&job->row, id, card);
		struct job_row row = {0};
		bool written =
			store_db_job(sim->db, job->row.id, &row) == 0 && is_of_row(&row, id, card);

		if (mine && !written)
			sim_fail(sim, "written first",
				"job %" PRIu64 " goes to a card and its row does not say so",
				job->row.id);
		n += written; /* the job itself may just be about to go on, as when it is cancelled */
		job_row_free(&row);
	}
	if (n == 0)
		sim_fail(sim, "written first", "no row says that %s is given to %s", id, card);
}

static void check_row(
	struct sim *sim, uint64_t job_id, enum job_step step, enum job_outcome outcome)
{
	struct job_row row = {0};

	if (store_db_job(sim->db, job_id, &row) < 0 || row.step != (int)step ||
		row.outcome != (int)outcome)
		sim_fail(sim, "written first",
			"job %" PRIu64 " hears of its end, and its row says %s", job_id,
			row.id ? job_step_name((enum job_step)row.step) : "nothing");
	/* Others wait for the same prompt, and only one of them can be at fault. */
	if (row.slot > 0 && (row.sorry == SORRY_FAILED || row.sorry == SORRY_MEMORY ||
				    row.sorry == SORRY_STALLED || row.sorry == SORRY_REFUSED))
		sim_fail(sim, "shared passes",
			"job %" PRIu64 " hears of what went wrong with a shared pass", job_id);
	job_row_free(&row);
}

/* Where nothing goes wrong it is made once, and edited then. */
static void check_live(struct sim *sim, struct json_object *message)
{
	const char *nonce = json_str(message, "nonce");
	unsigned long long id;

	if (sim->seed % 10 == 0 && nonce && sscanf(nonce, "l%20llu", &id) == 1 &&
		check_shown(sim, id) > 1)
		sim_fail(sim, "live message", "that of job %llu is made again", id);
}

static void check_said_now(struct sim *sim, const struct http_request *req)
{
	cleanup(json_put) struct json_object *message = NULL;
	uint64_t job_id;

	for (size_t i = 0; i < req->n_parts; i++) {
		job_id = check_job_of_file(req->parts[i].filename);
		if (job_id) {
			check_row(sim, job_id, JOB_POST, OUTCOME_PICTURE);
			return;
		}
	}
	message = req->body ? json_parse(req->body, req->body_len, NULL) : NULL;
	check_live(sim, message);
	job_id = check_job_of_button(message);
	if (job_id)
		check_row(sim, job_id, JOB_SORRY, OUTCOME_APOLOGY);
}

/* The channel of a member goes when none of his jobs is to be posted there. */
static void check_removed(struct sim *sim, const char *channel)
{
	unsigned long long id = strtoull(channel, NULL, 10);

	for (const struct job *job = core_first_job(shell_core(sim->shell)); job; job = job->next)
		if (job->row.channel_id == id && job_is_live(job))
			sim_fail(sim, "written first",
				"the channel of job %" PRIu64 " is removed while it is on its way",
				job->row.id);
}

static void note_answer(struct sim *sim, const char *url)
{
	for (const struct job *job = core_first_job(shell_core(sim->shell)); job; job = job->next)
		if (job->row.outcome == OUTCOME_APOLOGY && job->row.token &&
			strstr(url, job->row.token))
			check_answering(sim, job->row.id);
	/* It may have waited for the end of a ban, and its job has ended meanwhile. */
	for (size_t i = 0; i < sim->n_said; i++)
		if (*sim->said[i].token && strstr(url, sim->said[i].token))
			check_answering(sim, sim->said[i].job_id);
}

void written_sent(struct sim *sim, const struct http_request *req)
{
	const char *channel = strstr(req->url, "/channels/");

	if (req->method == HTTP_DELETE && channel && !strstr(channel, "/messages"))
		check_removed(sim, channel + strlen("/channels/"));
	if (strstr(req->url, "/webhooks/"))
		note_answer(sim, req->url);
	if (req->method != HTTP_POST)
		return;
	if (str_starts(req->url, "http://comfy") && strstr(req->url, "/prompt") && req->body)
		check_prompt(sim, req);
	else if (channel && strstr(channel, "/messages"))
		check_said_now(sim, req);
}
