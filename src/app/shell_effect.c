/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/picture_text.h"
#include "app/shell_parts.h"
#include "comfy/options.h"
#include "core/session.h"
#include "image/strip.h"

/* Effects of the core become calls; what comes back becomes answers. */

/* Discord: a callback later than 3 s after the interaction is refused. */
#define ACK_MS 2900

/* detail: what it needs and what the largest card has, in MB. */
static char *too_large(const struct job *job)
{
	long long need_mb = 0, largest_mb = 0;
	char *need, *largest, *sentence;

	if (job->row.detail)
		(void)sscanf(job->row.detail, "%18lld %18lld", &need_mb, &largest_mb);
	need = text_gigabytes(need_mb, job->row.locale);
	largest = text_gigabytes(largest_mb, job->row.locale);
	sentence = text_make(TEXT_SORRY_VRAM, job->row.locale,
		&(struct text_args){.text = need, .name = largest});
	free(need);
	free(largest);
	return sentence;
}

char *shell_sorry_text(const struct job *job)
{
	static const enum text_id texts[] = {
		[SORRY_NONE] = TEXT_SORRY_FAILED,
		[SORRY_CHANNEL] = TEXT_SORRY_CHANNEL,
		[SORRY_STORE] = TEXT_SORRY_STORE,
		[SORRY_REFUSED] = TEXT_SORRY_REFUSED,
		[SORRY_FAILED] = TEXT_SORRY_FAILED,
		[SORRY_MEMORY] = TEXT_SORRY_MEMORY,
		[SORRY_INTERRUPTED] = TEXT_SORRY_INTERRUPTED,
		[SORRY_LOST] = TEXT_SORRY_LOST,
		[SORRY_STALLED] = TEXT_SORRY_STALLED,
		[SORRY_NO_OUTPUT] = TEXT_SORRY_NO_OUTPUT,
		[SORRY_TOO_LARGE] = TEXT_SORRY_TOO_LARGE,
		[SORRY_POST] = TEXT_SORRY_POST,
		[SORRY_MODEL_GONE] = TEXT_SORRY_MODEL_GONE,
		[SORRY_CANCELLED] = TEXT_SORRY_CANCELLED,
		[SORRY_NOT_TAKEN] = TEXT_SORRY_NOT_TAKEN,
		[SORRY_LEFT] = TEXT_SORRY_LEFT,
		[SORRY_PERMISSION] = TEXT_SORRY_PERMISSION,
		[SORRY_RESTRICTED] = TEXT_SORRY_RESTRICTED,
		[SORRY_ERASED] = TEXT_SORRY_ERASED,
		[SORRY_OPTIONS] = TEXT_SORRY_OPTIONS,
		[SORRY_DAMAGED] = TEXT_SORRY_DAMAGED,
	};
	size_t i = (size_t)job->row.sorry;

	if (job->row.sorry == SORRY_VRAM)
		return too_large(job);
	if (job->row.sorry == SORRY_PICTURE)
		return picture_sorry(job->row.detail, job->row.locale);
	return text_make(i < countof(texts) ? texts[i] : TEXT_SORRY_FAILED, job->row.locale,
		&(struct text_args){.text = job->row.detail ? job->row.detail : ""});
}

static struct interaction as_interaction(const struct job *job)
{
	return (struct interaction){
		.id = job->row.interaction_id,
		.application_id = job->row.application_id,
		.token = job->row.token,
		.locale = job->row.locale,
	};
}

/* ---- a job's asks of Discord ---- */

static void ack(struct shell *sh, const struct effect *e)
{
	struct interaction it = as_interaction(e->job);
	struct rest_call *call = message_defer(&it);

	call->deadline_ms = snowflake_ms(it.id) + ACK_MS;
	/* Our clock may not be Discord's: never give up before a second was tried. */
	call->deadline_ms = max_of(call->deadline_ms, shell_now(sh) + 1000);
	shell_call(sh, call, CALL_ACK, e->job->row.id, e->epoch);
}

static void answer_interaction(struct shell *sh, const struct effect *e)
{
	const struct job_row *row = &e->job->row;
	bool apology = row->outcome == OUTCOME_APOLOGY;
	cleanup(freep) char *about = text_about(shell_left_ms(sh, e->job));
	char *sentence = apology && !row->channel_id
				 ? shell_sorry_text(e->job)
				 : text_make(apology ? TEXT_SORRY_THERE : TEXT_QUEUED, row->locale,
					   &(struct text_args){.number = (int64_t)e->id,
						   .text = about,
						   .channel_id = row->channel_id});

	if (row->token)
		shell_call(sh, message_answer(row->application_id, row->token, sentence),
			CALL_IGNORED, 0, 0);
	free(sentence);
}

void shell_post(struct shell *sh, const struct job *job, uint32_t epoch)
{
	const struct job_row *row = &job->row;
	const struct workflow *wf = workflow_set_find(sh->config.workflows, row->model);
	struct task *task = task_find(sh, row->id);
	cleanup(options_free) struct options options;
	struct picture_file files[DISCORD_FILES_MAX];
	struct picture_view view = {
		.job_id = row->id,
		.user_id = row->user_id,
		.locale = row->locale,
		.title = shell_title(sh, row->model, row->locale),
		.prompt = row->prompt,
		.seed = wf ? workflow_seed(wf, row->seed) : row->seed,
		/* With the one seed of a shared pass only its first picture can be drawn again. */
		.no_seed = row->slot > 1 && !(wf && wf->own_seeds),
		.duration_ms = row->duration_ms,
		.files = files,
	};

	options_read(row->options, &options);
	view.steps = options.text[FIELD_STEPS];
	view.cfg = options.text[FIELD_CFG];
	view.lora = options.text[FIELD_LORA];
	must(task && task->n_files > 0); /* the step before this one fetched them */
	for (size_t i = 0; i < task->n_files && i < countof(files); i++)
		files[view.n_files++] = (struct picture_file){.name = task->files[i].name,
			.type = task->files[i].type,
			.blob = task->files[i].bytes};
	view.can_edit = workflow_set_at(sh->config.workflows, WORKFLOW_EDIT, 0) &&
			image_sniff(files[0].blob->data, files[0].blob->len) != IMAGE_OTHER;
	(void)image_size(files[0].blob->data, files[0].blob->len, &view.width, &view.height);
	shell_call(sh, message_picture(row->channel_id, &view), CALL_POST, row->id, epoch);
}

static void sorry(struct shell *sh, const struct effect *e)
{
	const struct job_row *row = &e->job->row;
	char *sentence = shell_sorry_text(e->job);
	struct rest_call *call = NULL;

	if (!e->job->no_channel)
		call = message_sorry(row->channel_id, row->id, row->user_id, row->locale, sentence);
	else if (row->token)
		call = message_answer(row->application_id, row->token, sentence);
	if (call)
		shell_call(sh, call, CALL_SORRY, row->id, e->epoch);
	else
		core_answer(sh->core, row->id, e->epoch, ANSWER_NO,
			&(struct answer_args){.detail = "no channel and no interaction to answer"},
			shell_now(sh));
	free(sentence);
}

/* ---- a job's asks of a ComfyUI ---- */

struct comfy_client *shell_client_of(struct shell *sh, const struct job *job)
{
	must(job->gpu >= 0 && job->gpu < sh->config.n_comfy);
	return sh->comfy[job->gpu].client;
}

void shell_fetch_part(struct shell *sh, const struct job *job, int part)
{
	size_t limit = sh->file_limit >> job->shrink;
	char prompt_id[UUID_SIZE];

	/* The pictures of all parts go into one message. */
	if (job_row_parts(&job->row) > 1)
		limit = min_of(limit, (DISCORD_REQUEST_MAX - MIB) / (size_t)job->row.pictures);
	job_row_prompt_id(&job->row, part, prompt_id);
	if (job->row.slot > 0)
		comfy_fetch_one(shell_client_of(sh, job), comfy_tag(job->row.id, job->epoch),
			prompt_id, limit, (size_t)job->row.slot - 1, (size_t)job->row.batch,
			shell_now(sh));
	else
		comfy_fetch(shell_client_of(sh, job), comfy_tag(job->row.id, job->epoch), prompt_id,
			limit, shell_now(sh));
}

static void fetch(struct shell *sh, const struct effect *e)
{
	struct task *task = task_get(sh, e->job->row.id);

	task_drop_parts(task);
	if (task->n_files > 0 && task->files_shrink == e->job->shrink)
		core_answer(sh->core, e->job->row.id, e->epoch, ANSWER_OK,
			&(struct answer_args){.n_files = task->n_files}, shell_now(sh));
	else
		shell_fetch_part(sh, e->job, 0);
}

/* What a run goes by in its ComfyUI at present. */
static void follow(struct shell *sh, const struct effect *e)
{
	const struct job *job = e->job;
	uint64_t tag = comfy_tag(job->row.id, e->epoch);
	char prompt_id[UUID_SIZE];

	job_row_prompt_id(&job->row, job->row.part, prompt_id);
	if (e->kind == FX_LOCATE)
		comfy_locate(shell_client_of(sh, job), tag, prompt_id, shell_now(sh));
	else
		comfy_watch(shell_client_of(sh, job), tag, prompt_id, shell_now(sh));
}

static void stop_run(struct shell *sh, const struct effect *e)
{
	struct comfy_client *client = sh->comfy[e->id].client;

	comfy_forget(client, comfy_tag(e->job->row.id, e->epoch));
	if (*e->prompt_id)
		comfy_cancel(client, e->prompt_id, shell_now(sh));
}

/* ---- rows ---- */

static void saved(void *arg, int result, const char *why)
{
	struct pending *p = arg;
	struct shell *sh = p->shell;

	if (result < 0)
		shell_log(sh, sh->database.away ? LOG_DEBUG : LOG_ERROR, "store",
			"job %" PRIu64 " could not be saved: %s", p->id, why ? why : "unknown");
	core_saved(sh->core, p->id, result == 0, shell_now(sh));
	pending_free(p);
}

/* The number of a job's first picture, and how far was counted: in one commit. Should they be torn
 * apart all the same, this order leaves a number out and gives none twice. */
static void save_count(struct shell *sh, const struct job *job)
{
	struct store_op op = {.kind = STORE_VALUE, .more = true};

	if (job->step != JOB_POST)
		return;
	op.name = xstrdup("image_count");
	op.value = xasprintf("%" PRId64, core_image_count(sh->core));
	sh->ports.store(sh->ports.ctx, &op, shell_value_saved, sh);
}

static void save(struct shell *sh, const struct effect *e)
{
	struct store_op op = {.kind = STORE_JOB};

	shell_gateway_note(sh);
	save_count(sh, e->job);
	job_row_copy(&op.job, &e->job->row);
	sh->ports.store(sh->ports.ctx, &op, saved, pending_new(sh, e->job->row.id, NULL, NULL));
}

/* ---- what came back ---- */

/* It is posted: from now on it is the member's last picture. */
static void keep_last(struct shell *sh, const struct rest_call *call)
{
	const struct job *job = core_job(sh->core, call->tag);

	if (job && job->epoch == (uint32_t)call->tag2)
		shell_keep_last(sh, job);
}

static void posted(struct shell *sh, struct rest_call *call)
{
	struct json_object *doc = rest_json(call);
	struct answer_args args = {.detail = call->discord_message};
	enum answer answer = rest_answer_of(call);

	if (call->outcome == REST_OK)
		args.message_id = message_id(doc);
	/* The nonce found the message, and somebody has deleted it since: it was posted. */
	if (call->outcome == REST_REFUSED && call->discord_code == 10008 && call->kind == CALL_POST)
		answer = ANSWER_OK;
	json_put(&doc);
	if (answer == ANSWER_OK && call->kind == CALL_POST)
		keep_last(sh, call);
	core_answer(sh->core, call->tag, (uint32_t)call->tag2, answer, &args, shell_now(sh));
}

static void acked(struct shell *sh, struct rest_call *call)
{
	const struct job *job = core_job(sh->core, call->tag);
	enum answer answer = rest_answer_of(call);

	/* It may be acknowledged after all: then "thinking" must not be the last word. */
	if (job && answer != ANSWER_OK && call->outcome != REST_REFUSED) {
		char *sentence = text_make(TEXT_SORRY_STORE, job->row.locale, NULL);
		struct rest_call *last =
			message_answer(job->row.application_id, job->row.token, sentence);

		last->flags |= REST_ONCE;
		shell_call(sh, last, CALL_IGNORED, 0, 0);
		free(sentence);
	}
	core_answer(sh->core, call->tag, (uint32_t)call->tag2,
		answer == ANSWER_OK ? ANSWER_OK : ANSWER_NO, NULL, shell_now(sh));
}

void shell_effect_answer(struct shell *sh, struct rest_call *call)
{
	switch ((enum call_kind)call->kind) {
	case CALL_ACK:
		acked(sh, call);
		break;
	case CALL_LOOK:
		shell_looked(sh, call);
		break;
	case CALL_POST:
	case CALL_SORRY:
		posted(sh, call);
		break;
	default:
		break;
	}
}

/* ---- the owner ---- */

static void tell_owner(struct shell *sh, const struct effect *e)
{
	const char *sentence = e->kind == FX_TELL_DOWN
				       ? "No ComfyUI answers. Requests wait in the queue and go on "
					 "by themselves when one is "
					 "back. / Ningún ComfyUI responde. Los pedidos esperan en "
					 "la cola y siguen solos "
					 "cuando vuelva uno."
				       : "A ComfyUI answers again; the queue goes on. / Un ComfyUI "
					 "vuelve a responder; la "
					 "cola sigue.";

	if (sh->admin_channel_id)
		shell_call(sh, message_plain(sh->admin_channel_id, sentence), CALL_IGNORED, 0, 0);
}

static void carry_out(struct shell *sh, const struct effect *e)
{
	const struct job *job = e->job;

	switch (e->kind) {
	case FX_NONE:
		break;
	case FX_ACK:
		ack(sh, e);
		break;
	case FX_ANSWER:
		answer_interaction(sh, e);
		break;
	case FX_LOOK:
		shell_look(sh, e);
		break;
	case FX_POST:
		if (!shell_export(sh, e))
			shell_post(sh, job, e->epoch);
		break;
	case FX_SORRY:
		sorry(sh, e);
		break;
	case FX_TIDY:
		live_tidy(sh, job, e->epoch);
		break;
	case FX_SHOW:
		live_show(sh, job);
		break;
	case FX_INPUT:
		shell_input(sh, e);
		break;
	case FX_SUBMIT:
		shell_submit(sh, e);
		break;
	case FX_LOCATE:
	case FX_WATCH:
		follow(sh, e);
		break;
	case FX_FETCH:
		fetch(sh, e);
		break;
	case FX_STOP_RUN:
		stop_run(sh, e);
		break;
	case FX_SAVE:
		save(sh, e);
		break;
	case FX_END:
		task_free(sh, task_find(sh, job->row.id));
		break;
	case FX_TELL_CARD_FAILING:
	case FX_TELL_CARD_WELL:
	case FX_TELL_CARD_EMPTY:
		shell_tell_card(sh, e);
		break;
	case FX_TELL_DOWN:
	case FX_TELL_UP:
		tell_owner(sh, e);
		break;
	default:
		shell_session_effect(sh, e);
	}
}

bool shell_effect_pump(struct shell *sh)
{
	struct effect effect;
	bool moved = false;

	while (core_next_effect(sh->core, &effect)) {
		carry_out(sh, &effect);
		moved = true;
	}
	shell_looks_go(sh);
	return moved;
}
