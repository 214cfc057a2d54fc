/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/json.h"
#include "core/state.h"
#include "sim.h"

/*
 * What must hold. The pictures and apologies are counted where Discord accepted
 * them, not where the bot believes it sent them.
 */

void sim_fail(struct sim *sim, const char *rule, const char *format, ...)
{
	char *text;
	va_list args;

	if (sim->failure)
		return;
	va_start(args, format);
	must(vasprintf(&text, format, args) >= 0);
	va_end(args);
	sim->failure = xasprintf("[%s] %s", rule, text);
	free(text);
}

static struct sim_said *find_said(const struct sim *sim, uint64_t job_id)
{
	for (size_t i = 0; i < sim->n_said; i++)
		if (sim->said[i].job_id == job_id)
			return &sim->said[i];
	return NULL;
}

static struct sim_said *said_about(struct sim *sim, uint64_t job_id)
{
	struct sim_said *said = find_said(sim, job_id);

	if (said)
		return said;
	sim->said = xrealloc(sim->said, (sim->n_said + 1) * sizeof(sim->said[0]));
	sim->said[sim->n_said] = (struct sim_said){.job_id = job_id};
	sim->last_id = max_of(sim->last_id, job_id);
	return &sim->said[sim->n_said++];
}

bool sim_was_said(const struct sim *sim, uint64_t job_id)
{
	const struct sim_said *said = find_said(sim, job_id);

	return said && said->pictures + said->sorries + said->gone > 0;
}

uint64_t check_job_of_file(const char *name)
{
	unsigned long long id;

	if (!name || strstr(name, "preview") || sscanf(name, "fullet-%20llu", &id) != 1)
		return 0;
	return id;
}

uint64_t check_job_of_button(struct json_object *message)
{
	const char *custom_id = json_str(message, "components.0.components.0.custom_id");
	unsigned long long id;

	return custom_id && sscanf(custom_id, "v1:again:%20llu", &id) == 1 ? id : 0;
}

/* Into the channel of the one whose job it is; apologies also where the command was typed. */
static void check_place(struct sim *sim, struct json_object *message, uint64_t job_id, bool picture)
{
	const char *about = world_channel_about(sim->world, json_id(message, "channel_id"));
	struct job_row row = {0};
	char user[24];

	if (store_db_job(sim->db, job_id, &row) < 0)
		return;
	snprintf(user, sizeof(user), "%" PRIu64, row.user_id);
	if (about && !strstr(about, user) && (picture || str_starts(about, "fullet:")))
		sim_fail(sim, "its owner",
			"what is said of job %" PRIu64 " stands in a channel: %s", job_id, about);
	if (json_id(message, "mentions.0.id") && json_id(message, "mentions.0.id") != row.user_id)
		sim_fail(
			sim, "its owner", "job %" PRIu64 " is announced to another member", job_id);
	job_row_free(&row);
}

void check_answer_by(struct sim *sim, uint64_t job_id, const char *token)
{
	struct sim_said *said = said_about(sim, job_id);

	snprintf(said->token, sizeof(said->token), "%s", token);
}

int check_shown(struct sim *sim, uint64_t job_id)
{
	return ++said_about(sim, job_id)->shown;
}

void check_answering(struct sim *sim, uint64_t job_id)
{
	said_about(sim, job_id)->answered = true;
}

static void said(struct sim *sim, struct json_object *message, uint64_t job_id, bool picture)
{
	struct sim_said *s = said_about(sim, job_id);

	s->pictures += picture;
	s->sorries += !picture;
	s->user_id = json_id(message, "mentions.0.id");
	s->channel_id = json_id(message, "channel_id");
	if (s->pictures + s->sorries > 1)
		sim_fail(sim, "one message", "job %" PRIu64 " has %d pictures and %d apologies",
			job_id, s->pictures, s->sorries);
	check_place(sim, message, job_id, picture);
}

/* Nobody sees any more what was said there, so it may be said again. */
void check_gone(struct sim *sim, uint64_t channel_id)
{
	for (size_t i = 0; i < sim->n_said; i++) {
		struct sim_said *s = &sim->said[i];

		if (s->channel_id == channel_id) {
			s->gone += s->pictures + s->sorries;
			s->pictures = s->sorries = 0;
		}
	}
}

/* As Discord has them, also those of which nobody heard. */
void check_message(struct sim *sim, struct json_object *message)
{
	uint64_t job_id = check_job_of_file(json_str(message, "attachments.0.filename"));

	if (job_id) {
		said(sim, message, job_id, true);
		said_about(sim, job_id)->files = (int)json_len(json_array(message, "attachments"));
		members_check_picture(sim, message);
	}
	job_id = check_job_of_button(message);
	if (job_id)
		said(sim, message, job_id, false);
}

/* What is posted with a picture. */
void check_said(struct sim *sim, const struct http_request *req, const struct http_response *res)
{
	cleanup(json_put) struct json_object *message = NULL;

	if (req->method != HTTP_POST || res->status / 100 != 2 || req->n_parts == 0 ||
		!strstr(req->url, "/messages"))
		return;
	message = json_parse(buf_str(&res->body), res->body.len, NULL);
	for (size_t i = 0; i < req->n_parts; i++)
		if (check_job_of_file(req->parts[i].filename))
			members_check_drawn(sim, json_str(message, "content"), req->parts[i].data,
				req->parts[i].len);
}

/* ---- what is edited ---- */

uint32_t check_sum(const void *data, size_t len)
{
	return (uint32_t)crc32(0, data, (uInt)len) | 1;
}

/* "<job>-<interaction>.png", as we name what we upload. */
static bool uploaded_of(const char *name, uint64_t *ret_job, uint64_t *ret_interaction)
{
	unsigned long long job, interaction;

	if (!name || sscanf(name, "%20llu-%20llu.png", &job, &interaction) != 2)
		return false;
	*ret_job = job;
	*ret_interaction = interaction;
	return true;
}

static void check_upload(struct sim *sim, const struct http_request *req)
{
	uint64_t job_id, interaction_id;

	for (size_t i = 0; i < req->n_parts; i++) {
		const struct http_part *part = &req->parts[i];

		if (!str_eq(part->name, "image"))
			continue;
		if (!uploaded_of(part->filename, &job_id, &interaction_id)) {
			sim_fail(sim, "input", "a picture is uploaded as %s", part->filename);
			return;
		}
		for (size_t k = 0; k < sim->n_edits; k++)
			if (sim->edits[k].interaction_id == interaction_id &&
				sim->edits[k].sum != check_sum(part->data, part->len))
				sim_fail(sim, "input",
					"job %" PRIu64 " gives another picture to its card",
					job_id);
	}
}

/* A prompt was given to a card just now. Where nothing goes wrong and nobody changes his mind, none
 * has more of them than it should. */
static void check_depth(struct sim *sim)
{
	struct json_object *cards;

	if (sim->seed % 10 || sim->changed_mind)
		return;
	cards = world_cards(sim->world);
	for (size_t i = 0; i < json_len(cards); i++)
		if (json_int(json_object_array_get_idx(cards, i), "queue_remaining", 0) > SIM_DEPTH)
			sim_fail(sim, "depth", "card %zu has more than %d prompts", i, SIM_DEPTH);
	json_put(&cards);
}

/* What a job edits is its own picture. */
static void check_prompt(struct sim *sim, const struct http_request *req)
{
	struct json_object *body = json_parse(req->body, req->body_len, NULL);
	struct json_object *graph = json_member(body, "prompt");
	const char *image = json_str(graph, "4.inputs.image");
	const char *prefix = json_str(graph, "7.inputs.filename_prefix");
	uint64_t job_id, interaction_id;
	unsigned long long saved = 0;

	if (image &&
		(!str_starts(image, "fullet/") ||
			!uploaded_of(image + strlen("fullet/"), &job_id, &interaction_id) ||
			!prefix || sscanf(prefix, "fullet/%20llu", &saved) != 1 || saved != job_id))
		sim_fail(sim, "input", "the prompt for %s edits %s", prefix ? prefix : "?", image);
	members_check_graph(sim, graph);
	check_depth(sim);
	json_put(&body);
}

void check_given(struct sim *sim, const struct http_request *req)
{
	if (req->method == HTTP_POST && str_starts(req->url, "/upload/image"))
		check_upload(sim, req);
	else if (req->method == HTTP_POST && str_starts(req->url, "/prompt") && req->body)
		check_prompt(sim, req);
}

/* A number names one picture of one job, for ever. */
void check_kept(struct sim *sim, const char *name, const struct blob *bytes)
{
	const struct job *job = core_first_job(shell_core(sim->shell));
	int64_t number = strtoll(name, NULL, 10);

	while (job && job->row.number != number)
		job = job->next;
	if (!job)
		return; /* it took so long that the picture was posted before */
	for (size_t i = 0; i < sim->n_copies; i++)
		if (sim->copies[i].number == number && sim->copies[i].job_id != job->row.id)
			sim_fail(sim, "copies", "copy %s is of job %" PRIu64 " and of job %" PRIu64,
				name, sim->copies[i].job_id, job->row.id);
	if (sim->n_copies < countof(sim->copies))
		sim->copies[sim->n_copies++] = (struct sim_copy){job->row.id, number};
}

/* Whatever way a job took, nothing of what it edited is left, and no two have one number. */
static void check_left(struct sim *sim, const struct job_row *row)
{
	struct store_result result;
	struct sim_said *mine;

	(void)store_db_read(
		sim->db, &(struct store_query){.kind = STORE_READ_PICTURE, .id = row->id}, &result);
	if (result.found)
		sim_fail(sim, "rows", "the picture of job %" PRIu64 " is still stored", row->id);
	store_result_free(&result);
	if (row->step == JOB_DONE && row->number <= 0)
		sim_fail(sim, "rows", "job %" PRIu64 " has no number", row->id);
	mine = said_about(sim, row->id);
	for (size_t i = 0; i < sim->n_said; i++) {
		const struct sim_said *other = &sim->said[i];

		if (row->number && other->number &&
			other->number < row->number + max_of(mine->files, 1) &&
			row->number < other->number + max_of(other->files, 1))
			sim_fail(sim, "rows", "a number from %" PRId64 " on is given twice",
				max_of(row->number, other->number));
	}
	mine->number = row->number;
}

static void check_last(struct sim *sim, const struct job_row *row)
{
	struct store_result result;

	(void)store_db_read(sim->db,
		&(struct store_query){
			.kind = STORE_READ_LAST, .id = row->user_id, .now_ms = row->finished_ms},
		&result);
	if (row->step == JOB_DONE && !result.found)
		sim_fail(sim, "rows", "job %" PRIu64 " is not kept as a last picture", row->id);
	store_result_free(&result);
}

/* Where nothing goes wrong everybody who does not change his mind gets his picture. */
static void check_fine(struct sim *sim, const struct job_row *row)
{
	if (row->step == JOB_APOLOGISED && row->sorry != SORRY_CANCELLED &&
		row->sorry != SORRY_ERASED && !(sim->full && row->sorry == SORRY_CHANNEL))
		sim_fail(sim, "fine days", "job %" PRIu64 " has an apology (%d)%s%s", row->id,
			row->sorry, row->detail ? ": " : "", row->detail ? row->detail : "");
}

bool all_at_rest(struct sim *sim)
{
	const struct core *core = sim->shell ? shell_core(sim->shell) : NULL;

	if (!core || !core_is_ready(core) || core_first_job(core))
		return false;
	for (size_t i = 0; i < sim->n_erasings; i++)
		if (core_is_erasing(core, sim->erasings[i].user_id))
			return false;
	/* Where channels go soon, they have to. */
	for (int i = 0; i < sim->n_users && sim->config.session_ttl_ms < SIM_LONG_TTL_MS; i++) {
		const struct session *s = session_look(core, sim->users[i]);

		if (s && s->state != SESSION_NONE)
			return false;
	}
	return !members_wait_for_words(sim) && sim->in_flight == 0 && sim->statements == 0 &&
	       rules_at_rest(sim);
}

static void check_job(struct sim *sim, const struct job_row *row)
{
	struct sim_said *said = said_about(sim, row->id);
	int total = said->pictures + said->sorries;
	bool gone = said->gone > 0 && total == 0;
	const char *what = job_step_name((enum job_step)row->step);

	if (row->step < STORE_ENDED)
		sim_fail(sim, "one message", "job %" PRIu64 " never came to rest: %s", row->id,
			what);
	else if (row->step == JOB_DONE && !gone && (said->pictures != 1 || said->sorries != 0))
		sim_fail(sim, "one message", "job %" PRIu64 " done: %d pictures, %d apologies",
			row->id, said->pictures, said->sorries);
	else if (row->step == JOB_APOLOGISED && said->pictures != 0)
		sim_fail(sim, "one message", "job %" PRIu64 " apologised and has a picture",
			row->id);
	else if (row->step == JOB_APOLOGISED && row->result_id && !gone && total != 1)
		sim_fail(sim, "one message",
			"job %" PRIu64 " apologised: %d pictures, %d apologies", row->id,
			said->pictures, said->sorries);
	else if (total > 1)
		sim_fail(sim, "one message", "job %" PRIu64 " %s: %d messages", row->id, what,
			total);
	else if (row->step == JOB_UNDELIVERABLE && !sim->full && !sim->refuses)
		sim_fail(sim, "one message",
			"job %" PRIu64 " undeliverable (%s), though Discord refuses nothing here",
			row->id, row->detail ? row->detail : "");
	check_left(sim, row);
	if (sim->seed % 10 == 0) {
		check_last(sim, row);
		check_fine(sim, row);
	}
	/* A request whose first row could not be written was refused, not accepted: the answer that
	 * says so dies with its process, as that to any other request does. */
	if (row->step == JOB_APOLOGISED && !row->result_id && !said->answered &&
		!(row->sorry == SORRY_STORE && sim->life > 1))
		sim_fail(sim, "one message", "job %" PRIu64 " apologised, and nobody heard it",
			row->id);
	if (row->step == JOB_APOLOGISED && row->submits < SUBMITS_MAX &&
		(row->sorry == SORRY_LOST || row->sorry == SORRY_NOT_TAKEN))
		sim_fail(sim, "reasons",
			"job %" PRIu64 " was given to cards only %d times before it ended", row->id,
			row->submits);
	if (row->step == JOB_APOLOGISED && row->sorry == SORRY_FAILED && !sim->weather.may_fail)
		sim_fail(sim, "reasons", "job %" PRIu64 " failed, and no run did: %s", row->id,
			row->detail ? row->detail : "");
	if (row->step == JOB_APOLOGISED && row->sorry == SORRY_INTERRUPTED && !sim->interrupted)
		sim_fail(sim, "reasons", "job %" PRIu64 " was interrupted, and nobody did it",
			row->id);
	if (row->token)
		sim_fail(sim, "one message", "job %" PRIu64 " ended and keeps its token", row->id);
}

/* One channel a member, though commands come two at once and answers get lost. */
void check_channels(struct sim *sim)
{
	const char *topics[countof(sim->users) + 1];
	struct world_channel c = {0};
	size_t n = 0, categories = 0;

	while (world_next_channel(sim->world, &c)) {
		categories += str_eq(c.name, "sessions");
		if (!str_starts(c.topic, "fullet:"))
			continue;
		for (size_t i = 0; i < n; i++)
			if (str_eq(c.topic, topics[i]))
				sim_fail(sim, "one channel", "two channels for %s", c.topic);
		if (n < countof(topics))
			topics[n++] = c.topic;
	}
	if (categories > 1)
		sim_fail(sim, "one channel", "two categories");
}

static bool is_there(const struct sim *sim, uint64_t channel_id)
{
	struct world_channel c = {0};

	while (world_next_channel(sim->world, &c))
		if (c.id == channel_id)
			return true;
	return false;
}

static bool went_young(const struct sim *sim, uint64_t channel_id)
{
	for (size_t i = 0; i < sim->n_young; i++)
		if (sim->young[i] == channel_id)
			return true;
	return false;
}

static struct json_object *find(struct json_object *list, uint64_t id)
{
	for (size_t i = 0; i < json_len(list); i++)
		if (json_id(json_object_array_get_idx(list, i), "id") == id)
			return json_object_array_get_idx(list, i);
	return NULL;
}

/* Rows name what is there. */
static void check_sessions(struct sim *sim, struct json_object *messages)
{
	struct world_channel c = {0};

	for (int i = 0; i < sim->n_users; i++) {
		struct store_query query = {
			.kind = STORE_READ_MEMBER, .id = sim->users[i], .now_ms = sim_bot_now(sim)};
		struct store_result rows;

		(void)store_db_read(sim->db, &query, &rows);
		/* A thread that is not in use is in no list: that it has gone is seen when it is
		 * used. */
		if (rows.has_session && rows.session.channel_id &&
			!(rows.session.flags & SESSION_THREAD) &&
			!is_there(sim, rows.session.channel_id) &&
			!went_young(sim, rows.session.channel_id))
			sim_fail(sim, "rows and world",
				"the channel of user %" PRIu64 " is not there", sim->users[i]);
		for (size_t k = 0; k < rows.n_jobs; k++)
			if (rows.jobs[k].result_id && !find(messages, rows.jobs[k].result_id) &&
				world_channel_about(sim->world, rows.jobs[k].channel_id))
				sim_fail(sim, "rows and world",
					"what job %" PRIu64 " says it said is not there",
					rows.jobs[k].id);
		store_result_free(&rows);
	}
	while (world_next_channel(sim->world, &c) && sim->config.session_ttl_ms < SIM_LONG_TTL_MS)
		if (str_starts(c.topic, "fullet:"))
			sim_fail(sim, "rest", "the channel %s is still there", c.topic);
}

void check_rest(struct sim *sim)
{
	struct json_object *messages = world_messages(sim->world);
	uint64_t jobs = 0, interactions[SIM_JOBS_MAX + 1] = {0};
	struct job_row row;

	rules_rest(sim);
	for (uint64_t id = 1; id <= SIM_JOBS_MAX; id++) {
		row = (struct job_row){0};
		if (store_db_job(sim->db, id, &row) < 0) {
			struct sim_said *said = said_about(sim, id);

			if (said->pictures + said->sorries > 0 &&
				!members_want_erased(sim, said->user_id))
				sim_fail(sim, "rows", "job %" PRIu64 " was answered and has no row",
					id);
			continue;
		}
		check_job(sim, &row);
		for (uint64_t i = 1; i < id; i++)
			if (interactions[i] == row.interaction_id)
				sim_fail(sim, "rows",
					"jobs %" PRIu64 " and %" PRIu64 " of one command", i, id);
		interactions[id] = row.interaction_id;
		job_row_free(&row);
		jobs++;
	}
	check_channels(sim);
	check_sessions(sim, messages);
	members_check_rest(sim, messages);
	if (sim->owed > 0 && jobs == 0 && sim->seed % 10 == 0 && !sim->n_erasings)
		sim_fail(sim, "rows", "nothing was accepted");
	json_put(&messages);
}
