/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "app/shell_parts.h"

/* The ComfyUI clients: their requests and sockets, and what they tell about jobs. */

/* A tag names a job's ask: the job and, so that late events are dropped, its epoch. */
#define EPOCH_BITS 24
/* So often is a file fetched that is not the picture that its name says. */
#define DAMAGED_TRIES_MAX 3

uint64_t comfy_tag(uint64_t job_id, uint32_t epoch)
{
	return job_id << EPOCH_BITS | (epoch & ((1u << EPOCH_BITS) - 1));
}

/* The job that a tag means, NULL when its ask is not the current one any more. */
static const struct job *tagged_job(const struct shell *sh, uint64_t tag)
{
	const struct job *job = core_job(sh->core, tag >> EPOCH_BITS);

	return job && comfy_tag(job->row.id, job->epoch) == tag ? job : NULL;
}

void shell_comfy_start(struct shell *sh)
{
	for (int i = 0; i < sh->config.n_comfy; i++)
		comfy_start(sh->comfy[i].client, shell_now(sh));
}

/* ---- carrying ---- */

static void socket_opened(void *arg)
{
	struct shell_comfy *c = arg;

	comfy_ws_opened(c->client, shell_now(c->shell));
}

static void socket_received(void *arg, const void *data, size_t len, bool binary)
{
	struct shell_comfy *c = arg;

	comfy_ws_received(c->client, data, len, binary, shell_now(c->shell));
}

static void socket_closed(void *arg, int code, int http_status, const char *why)
{
	struct shell_comfy *c = arg;

	c->ws = NULL;
	comfy_ws_closed(c->client, http_status, shell_now(c->shell));
}

static const struct websocket_events socket_events = {
	socket_opened, socket_received, socket_closed};

static void arrived(void *arg, struct http_response *response)
{
	struct pending *p = arg;
	struct shell_comfy *c = p->what;

	comfy_http_answer(c->client, p->id, response, shell_now(p->shell));
	pending_free(p);
}

static void act(struct shell_comfy *c, const struct comfy_action *a)
{
	struct ports *ports = &c->shell->ports;

	switch (a->kind) {
	case COMFY_HTTP:
		ports->http(ports->ctx, a->request, arrived, pending_new(c->shell, a->id, c, NULL));
		break;
	case COMFY_WS_OPEN:
		if (c->ws)
			ports->ws_abandon(ports->ctx, c->ws);
		c->ws = ports->ws_open(
			ports->ctx, a->request, COMFY_MESSAGE_MAX, &socket_events, c);
		break;
	case COMFY_WS_SEND:
		if (c->ws)
			ports->ws_send(ports->ctx, c->ws, a->text, strlen(a->text), false);
		break;
	case COMFY_WS_CLOSE:
		if (c->ws)
			ports->ws_close(ports->ctx, c->ws, 1000);
		else
			comfy_ws_closed(c->client, 0, shell_now(c->shell));
		break;
	}
}

/* ---- events ---- */

static void tell(struct shell *sh, const struct comfy_event *e, enum answer answer)
{
	const struct job *job = tagged_job(sh, e->tag);

	if (job)
		core_answer(sh->core, job->row.id, job->epoch, answer,
			&(struct answer_args){.detail = e->text,
				.run_ms = e->kind == COMFY_FINISHED ? e->number : 0},
			shell_now(sh));
}

static void fetched(struct shell *sh, struct comfy_event *e)
{
	const struct job *job = tagged_job(sh, e->tag);
	cleanup(freep) char *why = NULL;
	struct task *task;
	enum answer answer;

	if (!job)
		return;
	task = task_get(sh, job->row.id);
	task_add_part(task, e->files, e->n_files);
	if (task->part < job_row_parts(&job->row)) {
		shell_fetch_part(sh, job, task->part);
		return;
	}
	task->files_shrink = job->shrink;
	answer = task_take_files(sh, task, task->parts, task->n_parts, &why);
	task_drop_parts(task);
	if (answer == ANSWER_DAMAGED && job->tries + 1 < DAMAGED_TRIES_MAX)
		answer = ANSWER_AGAIN; /* a proxy, or the disk, may have had a bad moment */
	core_answer(sh->core, job->row.id, job->epoch, answer,
		&(struct answer_args){.detail = why, .n_files = task->n_files}, shell_now(sh));
}

static void uploaded(struct shell *sh, const struct comfy_event *e)
{
	const struct job *job = tagged_job(sh, e->tag);

	if (job)
		shell_uploaded(sh, job, e->text);
}

static void previewed(struct shell *sh, struct comfy_event *e)
{
	const struct job *job = tagged_job(sh, e->tag);

	/* Nobody can tell whose picture a preview of a shared pass is. */
	if (!job || e->n_files != 1 || job->row.slot > 0)
		return;
	task_preview(sh, task_get(sh, job->row.id), &e->files[0]);
	core_preview(sh->core, job->row.id, job->epoch, shell_now(sh));
}

static void progressed(struct shell *sh, const struct comfy_event *e, int percent)
{
	const struct job *job = tagged_job(sh, e->tag);

	if (job)
		core_progress(sh->core, job->row.id, job->epoch, percent, shell_now(sh));
}

static void stepped(struct shell *sh, const struct comfy_event *e)
{
	const struct job *job = tagged_job(sh, e->tag);

	if (job)
		core_stepped(sh->core, job->row.id, job->epoch, shell_now(sh));
}

/* While an ask is a locate, being there ends it; while it is a watch, it is only news. */
static void is_there(struct shell *sh, const struct comfy_event *e, int percent)
{
	const struct job *job = tagged_job(sh, e->tag);

	if (job && job->step == JOB_LOCATE)
		tell(sh, e, ANSWER_RUNNING);
	else
		progressed(sh, e, percent);
}

static void server_is(struct shell_comfy *c, const struct comfy_event *e, bool up)
{
	char subject[24];

	snprintf(subject, sizeof(subject), "gpu=%d", c->index + 1);
	shell_log(c->shell, up ? LOG_INFO : LOG_WARN, subject, "%s %s: %s",
		c->shell->gpu_names[c->index], up ? "answers" : "does not answer",
		e->text ? e->text : "");
	if (up)
		str_set(&c->about, e->text);
	core_gpu(c->shell->core, c->index, up, shell_now(c->shell));
	if (up)
		shell_lora_up(c->shell, c->index);
}

static void on_event(struct shell_comfy *c, struct comfy_event *e)
{
	struct shell *sh = c->shell;
	static const int answers[] = {
		[COMFY_SUBMITTED] = ANSWER_OK,
		[COMFY_REFUSED] = ANSWER_NO,
		[COMFY_FAILED_ASK] = ANSWER_AGAIN,
		[COMFY_FINISHED] = ANSWER_OK,
		[COMFY_FAILED] = ANSWER_FAILED,
		[COMFY_INTERRUPTED] = ANSWER_INTERRUPTED,
		[COMFY_LOST] = ANSWER_LOST,
		[COMFY_STALLED] = ANSWER_STALLED,
		[COMFY_NO_OUTPUT] = ANSWER_NO_OUTPUT,
		[COMFY_OTHER_COUNT] = ANSWER_APART,
		[COMFY_TOO_LARGE] = ANSWER_TOO_LARGE,
		[COMFY_DAMAGED] = ANSWER_DAMAGED,
	};

	switch (e->kind) {
	case COMFY_UP:
	case COMFY_DOWN:
		server_is(c, e, e->kind == COMFY_UP);
		break;
	case COMFY_STATS:
		core_gpu_stats(sh->core, c->index, &e->card, shell_now(sh));
		break;
	case COMFY_UPLOADED:
		uploaded(sh, e);
		break;
	case COMFY_PENDING:
		is_there(sh, e, -1);
		break;
	case COMFY_RUNNING:
		is_there(sh, e, 0);
		break;
	case COMFY_PROGRESS:
		progressed(sh, e, e->percent);
		if (e->stepped)
			stepped(sh, e);
		break;
	case COMFY_PREVIEW:
		previewed(sh, e);
		break;
	case COMFY_FETCHED:
		fetched(sh, e);
		break;
	case COMFY_FAILED:
		tell(sh, e,
			e->out_of_memory ? ANSWER_MEMORY
			: e->machine	 ? ANSWER_MACHINE
					 : ANSWER_FAILED);
		break;
	default:
		tell(sh, e, (enum answer)answers[e->kind]);
	}
}

bool shell_comfy_pump(struct shell *sh, int64_t now_ms)
{
	bool moved = false;

	for (int i = 0; i < sh->config.n_comfy; i++) {
		struct shell_comfy *c = &sh->comfy[i];
		struct comfy_action action;
		struct comfy_event event;

		while (comfy_next_action(c->client, &action)) {
			act(c, &action);
			moved = true;
		}
		while (comfy_next_event(c->client, &event)) {
			on_event(c, &event);
			comfy_event_free(&event);
			moved = true;
		}
	}
	return moved;
}
