/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <strings.h>
#include <utlist.h>

#include "app/shell_parts.h"
#include "base/limits.h"
#include "image/probe.h"

/*
 * What is held for a job in memory only: its fetched files, the newest preview,
 * and the live message, whose wanted state is always the core's job of this
 * moment. Edits are spaced; the REST queue keeps only the newest unsent one.
 */

/* Between two edits of one live message, and between two that carry a preview. Discord was
 * seen to allow five in five seconds for each channel; a preview is an upload each time. */
#define EDIT_MS	   1000
#define PREVIEW_MS 3000

/* Its live message is looked at in this turn, or in the next. */
static void changed(struct shell *sh, struct task *task)
{
	if (!task->changed)
		DL_APPEND2(sh->tasks_changed, task, changed_prev, changed_next);
	task->changed = true;
}

struct task *task_find(struct shell *sh, uint64_t job_id)
{
	struct task *task;

	HASH_FIND(hh, sh->tasks, &job_id, sizeof(job_id), task);
	if (task)
		changed(sh, task);
	return task;
}

struct task *task_get(struct shell *sh, uint64_t job_id)
{
	struct task *task = task_find(sh, job_id);

	if (task)
		return task;
	task = xcalloc(1, sizeof(*task));
	task->job_id = job_id;
	HASH_ADD(hh, sh->tasks, job_id, sizeof(job_id), task);
	changed(sh, task);
	return task;
}

void task_drop_files(struct task *task)
{
	for (size_t i = 0; i < task->n_files; i++) {
		free(task->files[i].name);
		free(task->files[i].type);
		blob_drop(task->files[i].bytes);
	}
	free(task->files);
	task->files = NULL;
	task->n_files = 0;
}

static void file_free(struct comfy_file *file)
{
	free(file->name);
	free(file->type);
	buf_free(&file->data);
}

void task_add_part(struct task *task, struct comfy_file *files, size_t n)
{
	for (size_t i = 0; i < n && task->n_parts < countof(task->parts); i++) {
		task->parts[task->n_parts++] = files[i];
		files[i] = (struct comfy_file){0};
	}
	task->part++;
}

void task_drop_parts(struct task *task)
{
	for (size_t i = 0; i < task->n_parts; i++)
		file_free(&task->parts[i]);
	task->n_parts = 0;
	task->part = 0;
}

struct task *task_free(struct shell *sh, struct task *task)
{
	if (!task)
		return NULL;
	if (task->changed)
		DL_DELETE2(sh->tasks_changed, task, changed_prev, changed_next);
	tree_remove(&sh->live_times, &task->by_time);
	HASH_DEL(sh->tasks, task);
	task_drop_files(task);
	task_drop_parts(task);
	free(task->preview);
	free(task->preview_type);
	free(task);
	return NULL;
}

/* By its name; IMAGE_OTHER when that is not a picture's, or one whose bytes are not known here. */
static enum image_type named_type(const char *name)
{
	const char *dot = strrchr(name, '.');

	if (dot && strcasecmp(dot, ".jpeg") == 0)
		return IMAGE_JPEG;
	for (int i = IMAGE_OTHER + 1; dot && i < IMAGE_TYPES; i++)
		if (strcasecmp(dot + 1, image_extension((enum image_type)i)) == 0)
			return (enum image_type)i;
	return IMAGE_OTHER;
}

static bool is_bomb(const struct buf *data, int *ret_width, int *ret_height)
{
	return image_size(data->data, data->len, ret_width, ret_height) == 0 &&
	       (*ret_width > COMFY_PICTURE_SIDE_MAX || *ret_height > COMFY_PICTURE_SIDE_MAX ||
		       (int64_t)*ret_width * *ret_height > COMFY_PICTURE_PIXELS_MAX);
}

/* NULL, or what is wrong; a PNG, JPEG or WebP loses its metadata. */
static const char *clean_file(struct buf *data)
{
	enum image_type type = image_sniff(data->data, data->len);
	struct buf clean = BUF(COMFY_FILE_MAX);
	struct probe probe;
	const char *why = NULL;

	if (type == IMAGE_GIF || type == IMAGE_AVIF || type == IMAGE_HEIC)
		return picture_probe(data->data, data->len, &probe) == CLEAN_DAMAGED
			       ? "it is cut off"
			       : NULL;
	if (type == IMAGE_OTHER)
		return NULL;
	if (image_strip(data->data, data->len, &clean, &why) < 0) {
		buf_free(&clean);
		return why;
	}
	buf_free(data);
	*data = clean;
	return NULL;
}

static enum answer take_file(
	struct shell *sh, struct task *task, struct comfy_file *file, char **ret_why)
{
	enum image_type type = image_sniff(file->data.data, file->data.len);
	enum image_type named = named_type(file->name);
	const char *why = NULL;
	int width, height;

	if (is_bomb(&file->data, &width, &height)) {
		*ret_why = xasprintf("%d x %d", width, height);
		shell_log(sh, LOG_WARN, NULL,
			"job %" PRIu64 ": a picture of %s pixels is not posted", task->job_id,
			*ret_why);
		return ANSWER_TOO_LARGE;
	}
	why = named != IMAGE_OTHER && named != type ? "it is something else than its name says"
						    : clean_file(&file->data);
	if (why) {
		shell_log(sh, LOG_WARN, NULL, "job %" PRIu64 ": a damaged picture: %s",
			task->job_id, why);
		return ANSWER_DAMAGED;
	}
	if (type != IMAGE_OTHER)
		str_set(&file->type, image_mime(type));
	task->files[task->n_files++] =
		(struct task_file){take(file->name), take(file->type), blob_take(&file->data)};
	return ANSWER_OK;
}

enum answer task_take_files(
	struct shell *sh, struct task *task, struct comfy_file *files, size_t n, char **ret_why)
{
	enum answer answer = n > 0 ? ANSWER_OK : ANSWER_DAMAGED;

	task_drop_files(task);
	task->files = xcalloc(n, sizeof(*task->files));
	for (size_t i = 0; i < n && answer == ANSWER_OK; i++)
		answer = take_file(sh, task, &files[i], ret_why);
	if (answer != ANSWER_OK)
		task_drop_files(task);
	return answer;
}

void task_preview(struct shell *sh, struct task *task, struct comfy_file *file)
{
	struct buf clean = BUF(PREVIEW_MAX);
	const char *why;
	int width, height;
	size_t len;

	/* A damaged one, a bomb, or what is none, is not shown; the type is what the bytes are. */
	if (is_bomb(&file->data, &width, &height) ||
		image_strip(file->data.data, file->data.len, &clean, &why) < 0) {
		buf_free(&clean);
		return;
	}
	len = clean.len;
	if (task->preview_len == len && memcmp(task->preview, clean.data, len) == 0) {
		buf_free(&clean);
		return;
	}
	free(task->preview);
	task->preview = buf_take(&clean);
	task->preview_len = len;
	str_set(&task->preview_type, image_mime(image_sniff(task->preview, len)));
	task->preview_no++;
}

/* ---- the live message ---- */

static enum live_state live_state_of(const struct job *job)
{
	if (job->step >= JOB_TIDY)
		return job->row.outcome == OUTCOME_PICTURE ? LIVE_DONE : LIVE_SORRY;
	switch (job->step) {
	case JOB_SUBMIT:
		return job->row.part ? LIVE_RUNNING : LIVE_STARTING;
	case JOB_WATCH:
		return job->percent < 0 ? LIVE_STARTING : LIVE_RUNNING;
	case JOB_FETCH:
	case JOB_POST:
		return LIVE_SENDING;
	default:
		return LIVE_QUEUED;
	}
}

static void adopt_ids(struct task *task, const struct job *job)
{
	if (task->live_channel && task->live_channel != job->row.channel_id) {
		/* The job moved to a new channel: its old messages went with the old one. */
		task->live_id = 0;
		task->live_dead = false;
	}
	task->live_channel = job->row.channel_id;
	if (job->row.live_id)
		task->live_id = job->row.live_id;
}

void live_show(struct shell *sh, const struct job *job)
{
	struct task *task = task_get(sh, job->row.id);

	adopt_ids(task, job);
	task->live_dirty = true;
}

void live_tidy(struct shell *sh, const struct job *job, uint32_t epoch)
{
	struct task *task = task_get(sh, job->row.id);

	adopt_ids(task, job);
	task_drop_files(task);
	task->tidy = task->live_dirty = true;
	task->tidy_sent = false;
	task->tidy_epoch = epoch;
}

static bool preview_is_due(const struct task *task, const struct job *job, int64_t now_ms)
{
	return job->step == JOB_WATCH && task->preview &&
	       task->preview_no != task->preview_sent_no &&
	       now_ms - task->preview_sent_ms >= PREVIEW_MS;
}

int64_t shell_left_ms(const struct shell *sh, const struct job *job)
{
	return job->done_ms ? max_of(job->done_ms - shell_now(sh), 0) : 0;
}

static struct live_view view_of(
	const struct shell *sh, const struct task *task, const struct job *job, bool with_preview)
{
	struct live_view view = {
		.state = live_state_of(job),
		.job_id = job->row.id,
		.locale = job->row.locale,
		.title = shell_title(sh, job->row.model, job->row.locale),
		.prompt = job->row.prompt,
		.position = job->position ? job->position : 1,
		.left_ms = shell_left_ms(sh, job),
		.no_gpu = job->shown_wait == WAIT_NO_GPU,
		.paused = job->shown_wait == WAIT_PAUSED,
		.no_memory = job->shown_wait == WAIT_MEMORY,
		.percent = job->percent,
		.duration_ms = job->row.duration_ms,
	};

	if (with_preview) {
		view.preview = task->preview;
		view.preview_len = task->preview_len;
		view.preview_type = task->preview_type;
	} else if (task->preview_attachment && job->step < JOB_SORRY) {
		view.keep_preview = true;
		view.preview_attachment = task->preview_attachment;
		view.preview_type = task->preview_type;
	}
	return view;
}

static void tidy_done(struct shell *sh, struct task *task, enum answer answer)
{
	task->tidy = false;
	core_answer(sh->core, task->job_id, task->tidy_epoch, answer, NULL, shell_now(sh));
}

static bool may_send(const struct task *task, const struct job *job, int64_t now_ms)
{
	if (!task->live_dirty || task->live_creating || !task->live_channel)
		return false;
	/* The end does not wait, and is the only edit that may go beside another. */
	return task->tidy || (task->live_out == 0 && now_ms - task->live_sent_ms >= EDIT_MS);
}

static void send(struct shell *sh, struct task *task, const struct job *job, int64_t now_ms)
{
	bool with_preview = task->live_id && preview_is_due(task, job, now_ms);
	struct live_view view = view_of(sh, task, job, with_preview);
	struct rest_call *call;

	task->live_dirty = false;
	task->live_sent_ms = now_ms;
	task->live_out++;
	if (!task->live_id) {
		task->live_creating = true;
		call = message_live_create(task->live_channel, &view);
		shell_call(sh, call, CALL_LIVE_CREATE, job->row.id, task->live_channel);
		return;
	}
	if (with_preview) {
		task->preview_sent_no = task->preview_no;
		task->preview_sent_ms = now_ms;
	}
	task->tidy_sent = task->tidy;
	call = message_live_edit(task->live_channel, task->live_id, &view);
	if (task->tidy) /* nothing may overtake the last word */
		call->flags &= ~(uint32_t)REST_BACKGROUND;
	shell_call(sh, call, task->tidy ? CALL_LIVE_LAST : CALL_LIVE_EDIT, job->row.id,
		task->live_channel);
}

static bool pump(struct shell *sh, struct task *task, const struct job *job, int64_t now_ms)
{
	if (task->tidy && !task->tidy_sent && !task->live_creating &&
		(!task->live_id || task->live_dead)) {
		tidy_done(sh, task, ANSWER_OK); /* there is no live message */
		return true;
	}
	if (task->live_dead)
		return false;
	if (may_send(task, job, now_ms)) {
		send(sh, task, job, now_ms);
		return true;
	}
	if (task->live_dirty || !task->live_id || task->live_out > 0 ||
		!preview_is_due(task, job, now_ms))
		return false;
	return task->live_dirty = true;
}

static int64_t due_ms(const struct task *task, const struct job *job)
{
	if (task->live_dead || task->live_out || !task->live_channel)
		return NEVER;
	if (task->live_dirty)
		return task->live_sent_ms + EDIT_MS;
	if (job->step == JOB_WATCH && task->live_id && task->preview &&
		task->preview_no != task->preview_sent_no)
		return task->preview_sent_ms + PREVIEW_MS;
	return NEVER;
}

static int compare_times(const struct tree_node *a, const struct tree_node *b)
{
	const struct task *x = tree_entry(a, struct task, by_time);
	const struct task *y = tree_entry(b, struct task, by_time);

	if (x->due_ms != y->due_ms)
		return x->due_ms < y->due_ms ? -1 : 1;
	return x->job_id < y->job_id ? -1 : 1;
}

static void plan(struct shell *sh, struct task *task)
{
	const struct job *job = core_job(sh->core, task->job_id);

	tree_remove(&sh->live_times, &task->by_time);
	task->due_ms = job ? due_ms(task, job) : NEVER;
	if (task->due_ms != NEVER)
		tree_insert(&sh->live_times, &task->by_time, compare_times);
}

/* Looks at the tasks that have changed and those whose time has come, never at all of them. */
bool live_pump(struct shell *sh, int64_t now_ms)
{
	struct tree_node *node;
	bool moved = false;

	while ((node = tree_first(&sh->live_times)) &&
		tree_entry(node, struct task, by_time)->due_ms <= now_ms) {
		tree_remove(&sh->live_times, node);
		changed(sh, tree_entry(node, struct task, by_time));
	}
	for (struct task *task; (task = sh->tasks_changed);) {
		const struct job *job = core_job(sh->core, task->job_id);

		DL_DELETE2(sh->tasks_changed, task, changed_prev, changed_next);
		task->changed = false;
		if (job)
			moved |= pump(sh, task, job, now_ms);
		plan(sh, task);
	}
	return moved;
}

int64_t live_deadline(const struct shell *sh)
{
	const struct tree_node *node = tree_first(&sh->live_times);

	if (sh->tasks_changed)
		return 0;
	return node ? tree_entry(node, struct task, by_time)->due_ms : NEVER;
}

/* The channel may be another one by now. */
static void refused(struct shell *sh, struct task *task, const struct rest_call *call)
{
	if (call->tag2 == task->live_channel)
		task->live_dead = true;
	else
		task->live_dirty = true;
	if (call->discord_code == 10003)
		core_channel_gone(sh->core, call->tag2, shell_now(sh));
}

static void created(
	struct shell *sh, struct task *task, struct rest_call *call, struct json_object *doc)
{
	task->live_creating = false;
	if (call->outcome == REST_OK && call->tag2 == task->live_channel) {
		task->live_id = message_id(doc);
		core_live(sh->core, task->job_id, task->live_id, shell_now(sh));
	} else if (call->outcome == REST_REFUSED) {
		refused(sh, task, call); /* the picture is what was asked for */
	} else {
		task->live_dirty = true; /* the nonce keeps a second one away */
	}
}

static void edited(
	struct shell *sh, struct task *task, struct rest_call *call, struct json_object *doc)
{
	bool last = call->kind == CALL_LIVE_LAST;

	if (call->outcome == REST_OK) {
		uint64_t attachment = message_attachment(doc);

		if (!last)
			task->preview_attachment = attachment;
	} else if (call->outcome == REST_REFUSED) {
		refused(sh, task, call); /* somebody deleted it */
	} else if (call->outcome != REST_SUPERSEDED) {
		task->live_dirty = true;
	}
	if (last && task->tidy)
		tidy_done(sh, task,
			call->outcome == REST_OK || call->outcome == REST_REFUSED ? ANSWER_OK
										  : ANSWER_AGAIN);
}

void live_answer(struct shell *sh, struct rest_call *call)
{
	struct task *task = task_find(sh, call->tag);
	struct json_object *doc;

	if (!task)
		return;
	doc = call->outcome == REST_OK ? rest_json(call) : NULL;
	task->live_out--;
	if (call->kind == CALL_LIVE_CREATE)
		created(sh, task, call, doc);
	else
		edited(sh, task, call, doc);
	json_put(&doc);
}
