/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "app/picture_text.h"
#include "app/shell_parts.h"
#include "comfy/options.h"

/*
 * FX_SUBMIT. A job that edits gives its picture to the card first; the row names the
 * prompt already, so a process that dies between the two finds that the card does not
 * know it, and both are done again.
 */

/* The job of a reading, NULL when it is not being submitted by that ask any more. */
static const struct job *submitting(const struct shell *sh, uint64_t job_id, uint32_t epoch)
{
	const struct job *job = core_job(sh->core, job_id);

	return job && job->step == JOB_SUBMIT && job->epoch == epoch ? job : NULL;
}

static void answer(struct shell *sh, const struct job *job, enum answer answer, const char *detail)
{
	core_answer(sh->core, job->row.id, job->epoch, answer,
		&(struct answer_args){.detail = detail}, shell_now(sh));
}

/* The workflow as it is now. One that does something else by now, or is for adults, is not what
 * the member asked for and where: NULL, as when it is gone. */
static const struct workflow *workflow_of(const struct shell *sh, const struct job_row *row)
{
	const struct workflow *wf = workflow_set_find(sh->config.workflows, row->model);

	if (!wf || (wf->kind == WORKFLOW_EDIT) != (row->input != NULL) ||
		(wf->age_restricted && !(row->flags & JOB_RESTRICTED)))
		return NULL;
	return wf;
}

/* Of a pass that members share: each one's words, and which picture is drawn from them. False: it is
 * not as its rows say. Borrowed. */
struct company {
	const char *prompts[BATCH_MAX];
	uint64_t seeds[BATCH_MAX];
};

static bool gather(const struct shell *sh, const struct job *job, const struct workflow *wf,
	struct company *company, struct workflow_fill *fill)
{
	const struct job *jobs[BATCH_MAX + 1];
	size_t n = core_pass(sh->core, job, jobs, countof(jobs));

	if ((int)n != job->row.batch || (int)n > wf->shares)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct job_row *row = &jobs[i]->row;

		/* The core puts none together that chose differently. */
		if (row->slot != (int)i + 1 || !str_eq(row->model, job->row.model) ||
			!str_eq(row->options ? row->options : "",
				job->row.options ? job->row.options : ""))
			return false;
		company->prompts[i] = row->prompt;
		company->seeds[i] = row->seed;
	}
	fill->prompts = company->prompts;
	fill->seeds = company->seeds;
	fill->n_prompts = (int)n;
	return true;
}

static void submit(struct shell *sh, const struct job *job, const char *image)
{
	const struct job_row *row = &job->row;
	const struct workflow *wf = workflow_of(sh, row);
	cleanup(freep) char *problem =
		wf ? shell_options_problem(sh, wf, row->options, job->gpu, row->locale) : NULL;
	cleanup(options_free) struct options options = {0};
	struct workflow_fill fill = {.prompt = row->prompt, .seed = row->seed, .image = image};
	struct company company;
	char prefix[48], prompt_id[UUID_SIZE], *graph;

	if (!wf || problem) {
		answer(sh, job, wf ? ANSWER_OPTIONS : ANSWER_MODEL_GONE, problem);
		return;
	}
	if (row->slot > 0 && !gather(sh, job, wf, &company, &fill)) {
		answer(sh, job, ANSWER_APART, NULL);
		return;
	}
	/* A file that several share names none of their jobs. */
	if (row->slot > 0)
		snprintf(prefix, sizeof(prefix), "fullet/pass-%.8s", row->prompt_id);
	else
		snprintf(prefix, sizeof(prefix), "fullet/%" PRIu64, row->id);
	fill.filename_prefix = prefix;
	options_read(row->options, &options);
	options_fill(wf, &options, &fill);
	/* Each part of a job has other noise, also where pictures count their seeds on. */
	fill.seed += (uint64_t)row->part * (uint64_t)max_of(row->batch, 1);
	if (fill.count)
		fill.count = job_row_part_pictures(row, row->part);
	job_row_prompt_id(row, row->part, prompt_id);
	graph = workflow_fill(wf, &fill);
	comfy_submit(shell_client_of(sh, job), comfy_tag(row->id, job->epoch), prompt_id, graph,
		shell_now(sh));
	free(graph);
}

static void picture_read(void *arg, struct store_result *result)
{
	struct pending *p = arg;
	struct shell *sh = p->shell;
	const struct job *job = submitting(sh, p->id, (uint32_t)(uintptr_t)p->what);
	char name[64];

	pending_free(p);
	if (!job)
		return;
	if (result->error < 0) {
		core_answer(sh->core, job->row.id, job->epoch, ANSWER_AGAIN,
			&(struct answer_args){.detail = "the picture to edit cannot be read",
				.ours = true},
			shell_now(sh));
		return;
	}
	if (!result->found) {
		answer(sh, job, ANSWER_NO_INPUT, PICTURE_GONE);
		return;
	}
	/* Other bots may use the same ComfyUI: no two interactions have one id. */
	snprintf(name, sizeof(name), "%" PRIu64 "-%" PRIu64 ".png", job->row.id,
		job->row.interaction_id);
	comfy_upload(shell_client_of(sh, job), comfy_tag(job->row.id, job->epoch), name,
		result->picture.bytes, shell_now(sh));
}

void shell_uploaded(struct shell *sh, const struct job *job, const char *name)
{
	submit(sh, job, name);
}

void shell_submit(struct shell *sh, const struct effect *e)
{
	struct store_query query = {.kind = STORE_READ_PICTURE, .id = e->job->row.id};

	/* Who was to submit it for all is gone, and nobody waits for him. */
	if (e->job->row.slot > 0 && e->job->epoch != e->epoch)
		return;
	if (!e->job->row.input)
		submit(sh, e->job, NULL);
	else
		sh->ports.read(sh->ports.ctx, &query, picture_read,
			pending_new(sh, e->job->row.id, (void *)(uintptr_t)e->epoch, NULL));
}
