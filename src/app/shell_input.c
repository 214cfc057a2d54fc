/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <utlist.h>

#include "app/picture_text.h"
#include "app/shell_parts.h"
#include "discord/source.h"

/*
 * FX_INPUT: the picture that a job edits is fetched, made harmless in its cage and
 * stored. Nothing of it outlives the process before it is stored; a second try, or the
 * next process, begins anew and finds what was stored already.
 */

/* A file of PICTURE_BYTES_MAX over a line of 10 Mbit/s. */
#define FETCH_MS 60000
/* Until Discord must have told where a message's file is. All tries (core/flow.c) together last
 * longer than it keeps an address out, or than nothing is asked so that it does not. */
#define MESSAGE_MS 150000

struct input {
	struct shell *shell;
	uint64_t job_id;
	uint32_t epoch;
	struct source source;
	bool fresh;		   /* Discord has just told its URL */
	struct input *prev, *next; /* while it waits for its turn */
};

static void input_drop(void *what)
{
	struct input *in = what;

	source_free(&in->source);
	free(in);
}

/* The job, NULL when its ask is not the current one any more. */
static const struct job *wanted(const struct input *in)
{
	const struct job *job = core_job(in->shell->core, in->job_id);

	return job && job->epoch == in->epoch ? job : NULL;
}

static struct pending *waiting(struct input *in)
{
	return pending_new(in->shell, in->job_id, in, input_drop);
}

/* What waited goes on. */
static struct input *resumed(struct pending *p)
{
	struct input *in = p->what;

	p->drop = NULL;
	pending_free(p);
	return in;
}

static void start_next(struct shell *sh);

/* Frees it, and the next one begins. */
static void release(struct input *in)
{
	struct shell *sh = in->shell;

	input_drop(in);
	sh->inputs--;
	start_next(sh);
}

/* Answers, and frees it; reason: see picture_text.h. */
static void finish(struct input *in, enum answer answer, const char *reason)
{
	struct shell *sh = in->shell;

	if (wanted(in))
		core_answer(sh->core, in->job_id, in->epoch, answer,
			&(struct answer_args){.detail = reason,
				.ours = str_eq(reason, PICTURE_UNSTORED)},
			shell_now(sh));
	release(in);
}

/* ---- stored ---- */

static void stored(void *arg, int result, const char *why)
{
	struct input *in = resumed(arg);

	if (result < 0)
		shell_log(in->shell, LOG_ERROR, "store",
			"the picture of job %" PRIu64 " could not be saved: %s", in->job_id,
			why ? why : "unknown");
	finish(in, result == 0 ? ANSWER_OK : ANSWER_AGAIN, PICTURE_UNSTORED);
}

/* ---- cleaned ---- */

static void cleaned(void *arg, struct clean_answer *answer)
{
	struct input *in = resumed(arg);
	struct shell *sh = in->shell;
	struct store_op op = {.kind = STORE_PICTURE, .id = in->job_id};

	shell_log(sh, LOG_INFO, NULL, "job %" PRIu64 ": the picture to edit: %s", in->job_id,
		clean_result_name(answer->result));
	/* Rows are written in order: the end of a job takes its picture along. */
	if (answer->result == CLEAN_OK && wanted(in)) {
		op.picture = take(answer->png);
		sh->ports.store(sh->ports.ctx, &op, stored, waiting(in));
		return;
	}
	finish(in, answer->result == CLEAN_UNAVAILABLE ? ANSWER_AGAIN : ANSWER_NO,
		clean_result_name(answer->result));
}

/* Takes the picture. Never larger than what the workflow may draw; never larger than it was. */
static void clean(struct input *in, struct blob *picture)
{
	struct shell *sh = in->shell;
	const struct job *job = wanted(in);
	const struct workflow *wf =
		job ? workflow_set_find(sh->config.workflows, job->row.model) : NULL;
	struct clean_wish wish = {.max_side = WORKFLOW_SIDE_MAX};

	if (wf)
		wish.max_side = (int)max_of(wf->width_range.max, wf->height_range.max);
	sh->ports.clean(sh->ports.ctx, picture, &wish, cleaned, waiting(in));
	blob_drop(picture);
}

/* ---- fetched ---- */

static void ask_message(struct input *in)
{
	struct shell *sh = in->shell;
	struct rest_call *call = message_get(in->source.channel_id, in->source.message_id);

	call->deadline_ms = shell_now(sh) + MESSAGE_MS;
	shell_call(sh, call, CALL_PICTURE, in->job_id, in->epoch);
	release(in); /* the answer goes to shell_input_answer() */
}

static bool may_come_later(const struct http_response *res)
{
	return res->status == 0 || res->status == 408 || res->status == 429 || res->status >= 500;
}

static void fetched(void *arg, struct http_response *res)
{
	struct input *in = resumed(arg);
	struct shell *sh = in->shell;

	if (res->status == 200) {
		clean(in, blob_take(&res->body));
		return;
	}
	/* Not the URL, which is signed. */
	shell_log(sh, LOG_WARN, NULL, "job %" PRIu64 ": the picture to edit: %s (%d)", in->job_id,
		res->error ? res->error : "not given", res->status);
	if (res->too_long)
		finish(in, ANSWER_NO, clean_result_name(CLEAN_TOO_LARGE));
	else if (may_come_later(res))
		finish(in, ANSWER_AGAIN, PICTURE_UNREACHED);
	else if (res->status / 100 == 3)
		finish(in, ANSWER_NO, PICTURE_FOREIGN);
	else if (in->source.message_id && !in->fresh)
		ask_message(in);
	else
		finish(in, ANSWER_NO, PICTURE_GONE);
}

static void fetch(struct input *in)
{
	struct shell *sh = in->shell;
	struct http_request req = {
		.method = HTTP_GET, .timeout_ms = FETCH_MS, .answer_max = PICTURE_BYTES_MAX};

	if (!source_url_allowed(in->source.url, sh->config.api_url)) {
		finish(in, ANSWER_NO, PICTURE_FOREIGN);
		return;
	}
	req.url = xstrdup(in->source.url);
	http_request_header(&req, "User-Agent", sh->config.user_agent);
	sh->ports.http(sh->ports.ctx, &req, fetched, waiting(in));
	http_request_free(&req);
}

static void last_read(void *arg, struct store_result *result)
{
	struct input *in = resumed(arg);

	if (result->error < 0)
		finish(in, ANSWER_AGAIN, PICTURE_UNSTORED);
	else if (!result->found)
		finish(in, ANSWER_NO, PICTURE_GONE);
	else
		clean(in, take(result->picture.bytes));
}

static void begin(struct input *in, const struct job *job)
{
	struct shell *sh = in->shell;
	/* A job that waited long edits what the member meant when he asked. */
	struct store_query query = {
		.kind = STORE_READ_LAST, .id = job->row.user_id, .now_ms = job->row.created_ms};

	if (source_parse(job->row.input, &in->source) < 0)
		finish(in, ANSWER_NO, PICTURE_GONE);
	else if (in->source.last)
		sh->ports.read(sh->ports.ctx, &query, last_read, waiting(in));
	else if (in->source.url)
		fetch(in);
	else
		ask_message(in);
}

/* ---- from the beginning ---- */

static void picture_read(void *arg, struct store_result *result)
{
	struct input *in = resumed(arg);
	const struct job *job = wanted(in);

	if (!job)
		finish(in, ANSWER_OK, NULL);
	else if (result->error < 0)
		finish(in, ANSWER_AGAIN, PICTURE_UNSTORED);
	else if (result->found)
		finish(in, ANSWER_OK, NULL);
	else
		begin(in, job);
}

static void start_next(struct shell *sh)
{
	while (sh->inputs < INPUTS_MAX && sh->inputs_waiting) {
		struct input *in = sh->inputs_waiting;
		struct store_query query = {.kind = STORE_READ_PICTURE, .id = in->job_id};

		DL_DELETE(sh->inputs_waiting, in);
		if (!wanted(in)) {
			input_drop(in);
			continue;
		}
		sh->inputs++;
		if (in->fresh)
			fetch(in);
		else
			sh->ports.read(sh->ports.ctx, &query, picture_read, waiting(in));
	}
}

/* Each holds a file of megabytes: the others wait. */
static void enqueue(struct input *in)
{
	struct shell *sh = in->shell;

	DL_APPEND(sh->inputs_waiting, in);
	start_next(sh);
}

void shell_input(struct shell *sh, const struct effect *e)
{
	struct input *in = xcalloc(1, sizeof(*in));

	*in = (struct input){.shell = sh, .job_id = e->job->row.id, .epoch = e->epoch};
	enqueue(in);
}

/* The URL of the picture that the job's message holds; NULL. The caller owns it. */
static char *url_in_message(
	const struct shell *sh, const struct job *job, struct json_object *message)
{
	struct attachment pictures[ATTACHMENTS_MAX];
	size_t n = message_pictures(message, pictures);
	struct source source;
	char *url = NULL;

	n = source_keep_allowed(pictures, n, sh->config.api_url);
	if (source_parse(job->row.input, &source) == 0) {
		if (source.index < n)
			url = take(pictures[source.index].url);
		source_free(&source);
	}
	for (size_t i = 0; i < n; i++)
		attachment_free(&pictures[i]);
	return url;
}

void shell_input_answer(struct shell *sh, struct rest_call *call)
{
	struct input *in = xcalloc(1, sizeof(*in));
	struct json_object *message = call->outcome == REST_OK ? rest_json(call) : NULL;
	const struct job *job;

	*in = (struct input){.shell = sh, .job_id = call->tag, .epoch = (uint32_t)call->tag2};
	job = wanted(in);
	if (job)
		in->source.url = url_in_message(sh, job, message);
	json_put(&message);
	in->fresh = true;
	if (in->source.url) {
		enqueue(in);
		return;
	}
	sh->inputs++; /* finish() is one less */
	if (call->outcome == REST_OK || call->outcome == REST_REFUSED)
		finish(in, ANSWER_NO, PICTURE_GONE);
	else
		finish(in, ANSWER_AGAIN, PICTURE_UNREACHED);
}

void shell_input_free(struct shell *sh)
{
	while (sh->inputs_waiting) {
		struct input *in = sh->inputs_waiting;

		DL_DELETE(sh->inputs_waiting, in);
		input_drop(in);
	}
}
