/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "app/shell_parts.h"
#include "image/strip.h"

/* What is kept of finished pictures: the member's last one, for /edit, and numbered copies. */

/* A disk that does not answer holds a picture up no longer. */
#define EXPORT_WAIT_MS 3000

/* ---- the last picture ---- */

static void last_saved(void *arg, int result, const char *why)
{
	struct pending *p = arg;

	if (result < 0)
		shell_log(p->shell, LOG_WARN, "store",
			"the last picture of job %" PRIu64 " could not be saved: %s", p->id,
			why ? why : "unknown");
	pending_free(p);
}

static bool is_editable(const struct task_file *file)
{
	enum image_type type = image_sniff(file->bytes->data, file->bytes->len);

	return (type == IMAGE_PNG || type == IMAGE_JPEG || type == IMAGE_WEBP) &&
	       file->bytes->len <= LAST_PICTURE_MAX;
}

void shell_keep_last(struct shell *sh, const struct job *job)
{
	struct task *task = task_find(sh, job->row.id);
	struct store_op op = {
		.kind = STORE_LAST, .id = job->row.user_id, .at_ms = shell_now(sh), .more = true};

	for (size_t i = 0; task && i < task->n_files; i++) {
		if (!is_editable(&task->files[i]))
			continue;
		op.name = shell_last_name(job->row.id);
		op.picture = blob_hold(task->files[i].bytes);
		/* With the row that says that it was posted, which is saved next. */
		sh->ports.store(
			sh->ports.ctx, &op, last_saved, pending_new(sh, job->row.id, NULL, NULL));
		return;
	}
}

char *shell_last_name(uint64_t job_id)
{
	return xasprintf("fullet-%" PRIu64, job_id);
}

uint64_t shell_last_job(const char *name)
{
	static const char prefix[] = "fullet-";
	uint64_t id;

	if (!str_starts(name, prefix) || parse_u64(name + strlen(prefix), &id) < 0)
		return 0; /* another program's */
	return id;
}

/* ---- copies ---- */

static void post_now(struct shell *sh, struct task *task)
{
	const struct job *job = core_job(sh->core, task->job_id);
	uint32_t epoch = task->post_epoch;

	task->post_epoch = 0;
	sh->posts_waiting--;
	if (job && job->epoch == epoch)
		shell_post(sh, job, epoch);
}

static void exported(void *arg, int result, const char *why)
{
	struct pending *p = arg;
	struct shell *sh = p->shell;
	struct task *task = task_find(sh, p->id);

	if (result < 0 && !sh->export_failing)
		shell_log(sh, LOG_WARN, "export",
			"no copies are kept in EXPORT_PATH until this is put right: %s", why);
	else if (result == 0 && sh->export_failing)
		shell_log(sh, LOG_INFO, "export", "copies are kept in EXPORT_PATH again");
	sh->export_failing = result < 0;
	pending_free(p);
	if (task && task->exports_left > 0 && --task->exports_left == 0 && task->post_epoch)
		post_now(sh, task);
}

static const char *ending(const struct task_file *file)
{
	const char *known = image_extension(image_sniff(file->bytes->data, file->bytes->len));
	const char *dot = file->name ? strrchr(file->name, '.') : NULL;

	if (known)
		return known;
	/* A video or the like: what the ComfyUI called it, when that is a harmless word. */
	if (dot && dot[1] && strlen(dot + 1) <= 5 &&
		strspn(dot + 1, "abcdefghijklmnopqrstuvwxyz0123456789") == strlen(dot + 1))
		return dot + 1;
	return "bin";
}

bool shell_export(struct shell *sh, const struct effect *e)
{
	struct task *task = task_find(sh, e->job->row.id);

	if (!sh->config.export_path || !task || task->exported || !e->job->row.number)
		return false;
	task->exported = true;
	for (size_t i = 0; i < task->n_files; i++) {
		char name[40];

		snprintf(name, sizeof(name), "%02" PRId64 ".%s", e->job->row.number + (int64_t)i,
			ending(&task->files[i]));
		task->exports_left++;
		sh->ports.keep(sh->ports.ctx, sh->config.export_path, name, task->files[i].bytes,
			exported, pending_new(sh, task->job_id, NULL, NULL));
	}
	task->post_epoch = e->epoch;
	task->post_by_ms = shell_now(sh) + EXPORT_WAIT_MS;
	sh->posts_waiting++;
	return true;
}

void shell_export_tick(struct shell *sh, int64_t now_ms)
{
	struct task *task, *next;

	if (sh->posts_waiting == 0)
		return;
	HASH_ITER(hh, sh->tasks, task, next)
	if (task->post_epoch && task->post_by_ms <= now_ms)
		post_now(sh, task);
}

int64_t shell_export_deadline(const struct shell *sh)
{
	int64_t at = NEVER;

	for (const struct task *task = sh->tasks; task && sh->posts_waiting > 0;
		task = task->hh.next)
		if (task->post_epoch)
			at = min_of(at, task->post_by_ms);
	return at;
}
