/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "app/shell_commands.h"

/* Commands that only tell: the line, the models, the cards, the help; and the one that cancels. */

/* Room for a whole message of UTF-8. */
#define LIST_BYTES_MAX ((size_t)4 * MESSAGE_UNITS_MAX + 1024)
/* What a list leaves for its last line. */
#define LIST_UNITS_MAX (MESSAGE_UNITS_MAX - 100)

static void add_text(struct buf *out, const char *before, enum text_id id, const char *locale,
	const struct text_args *args)
{
	cleanup(freep) char *text = text_make(id, locale, args);

	(void)buf_add_str(out, before);
	(void)buf_add_str(out, text);
}

static void send_list(struct shell *sh, const struct interaction *it, struct buf *list)
{
	shell_answer_now(sh, message_refuse(it, buf_str(list)));
	buf_free(list);
}

/* Adds a line unless the message is full; counts the ones left out. */
static void add_line(struct buf *out, const char *line, int64_t *left_out)
{
	if (*left_out || text_utf16_len(buf_str(out)) + text_utf16_len(line) > LIST_UNITS_MAX)
		(*left_out)++;
	else
		(void)buf_printf(out, "\n%s", line);
}

static void add_left_out(struct buf *out, const char *locale, int64_t left_out)
{
	if (left_out)
		add_text(out, "\n", TEXT_MORE, locale, &(struct text_args){.number = left_out});
}

/* ---- the line ---- */

char *shell_job_line(const struct shell *sh, const struct job *job, const char *locale)
{
	cleanup(freep) char *prompt = text_plain(job->row.prompt, LIST_PROMPT_CHARS_MAX);
	cleanup(freep) char *about = text_about(shell_left_ms(sh, job));
	cleanup(freep) char *state = NULL;

	if (job->step == JOB_QUEUE)
		state = text_make(job->shown_wait == WAIT_PAUSED   ? TEXT_LIVE_PAUSED
				  : job->shown_wait == WAIT_NO_GPU ? TEXT_LIVE_NO_GPU
				  : job->shown_wait == WAIT_MEMORY ? TEXT_LIVE_NO_MEMORY
								   : TEXT_LIVE_QUEUED,
			locale,
			&(struct text_args){.number = job->position, .text = about});
	else if (job->step == JOB_WATCH && job->percent >= 0)
		state = text_make(TEXT_LIVE_DRAWING, locale, NULL);
	else if (job->step == JOB_SUBMIT || job->step == JOB_WATCH || job->step == JOB_LOCATE)
		state = text_make(TEXT_LIVE_STARTING, locale, NULL);
	else if (job->step == JOB_FETCH || job->step == JOB_POST)
		state = text_make(TEXT_LIVE_SENDING, locale, NULL);
	else
		state = text_make(TEXT_STATE_PREPARING, locale, NULL);
	if (job->step == JOB_WATCH && job->percent > 0)
		return xasprintf("%s · %s %d %%", prompt, state, job->percent);
	return xasprintf("%s · %s", prompt, state);
}

static void add_mode(const struct shell *sh, struct buf *out, const char *locale)
{
	if (core_mode(sh->core) == CORE_PAUSE)
		add_text(out, "\n", TEXT_PAUSED, locale, NULL);
	if (core_mode(sh->core) == CORE_DRAIN)
		add_text(out, "\n", TEXT_DRAINS, locale, NULL);
}

static void add_totals(const struct shell *sh, struct buf *out, const char *locale)
{
	size_t waiting = core_waiting(sh->core), made = 0;

	for (int i = 0; i < sh->config.n_comfy; i++)
		made += core_gpu_jobs(sh->core, i);
	add_text(out, "\n", TEXT_QUEUE_TOTAL, locale,
		&(struct text_args){.number = (int64_t)waiting});
	add_text(out, "\n", TEXT_QUEUE_MADE, locale, &(struct text_args){.number = (int64_t)made});
	add_mode(sh, out, locale);
}

void command_queue(struct shell *sh, struct interaction *it)
{
	const struct job *jobs[LIST_JOBS_MAX];
	size_t n = core_jobs_of(sh->core, it->user_id, jobs, countof(jobs));
	struct buf out = BUF(LIST_BYTES_MAX);
	int64_t left_out = 0;

	if (n == 0)
		add_text(&out, "", TEXT_NOTHING_WAITS, it->locale, NULL);
	else
		add_text(&out, "", TEXT_QUEUE_HEAD, it->locale, NULL);
	for (size_t i = 0; i < n && i < countof(jobs); i++) {
		cleanup(freep) char *line = shell_job_line(sh, jobs[i], it->locale);
		cleanup(freep) char *clean = text_clean(line, MESSAGE_UNITS_MAX);
		cleanup(freep) char *item = xasprintf("%zu\\. %s", i + 1, clean);

		add_line(&out, item, &left_out);
	}
	left_out += n > countof(jobs) ? (int64_t)(n - countof(jobs)) : 0;
	add_left_out(&out, it->locale, left_out);
	(void)buf_add_str(&out, "\n");
	add_totals(sh, &out, it->locale);
	send_list(sh, it, &out);
}

/* The job that is meant: the one chosen from the list, else the only one there is. */
static enum text_id find_job(struct shell *sh, const struct interaction *it, uint64_t *ret_id)
{
	const char *typed = interaction_option(it, "picture");
	const struct job *jobs[2];
	size_t n = core_jobs_of(sh->core, it->user_id, jobs, countof(jobs));

	if (typed && *typed)
		return parse_u64(typed, ret_id) == 0 ? TEXT_NONE : TEXT_CANCEL_UNKNOWN;
	if (n != 1)
		return n ? TEXT_CANCEL_WHICH : TEXT_NOTHING_WAITS;
	*ret_id = jobs[0]->row.id;
	return TEXT_NONE;
}

void command_cancel(struct shell *sh, struct interaction *it)
{
	uint64_t id = 0;
	enum text_id text = find_job(sh, it, &id);
	const struct job *job = id ? core_job(sh->core, id) : NULL;

	if (text == TEXT_NONE) {
		switch (core_cancel(sh->core, id, it->user_id, shell_is_admin(it), shell_now(sh))) {
		case CANCEL_DONE:
			text = TEXT_CANCELLING;
			break;
		case CANCEL_TOO_LATE:
			text = job ? TEXT_CANCEL_TOO_LATE : TEXT_CANCEL_UNKNOWN;
			break;
		case CANCEL_NOT_YOURS: /* not even that there is one is said */
			text = TEXT_CANCEL_UNKNOWN;
			break;
		}
	}
	shell_refuse(sh, it, text, NULL);
}

/* ---- models, cards, help ---- */

/* "steps 1 to 50 (4)": an option that the model takes, its ends, and what it is without. */
static void add_option(
	struct buf *out, const struct workflow *wf, enum workflow_field field, const char *locale)
{
	const char *name = command_option(COMMAND_IMAGINE, option_name(field), locale);
	int width, height;
	char min[24], max[24];

	(void)buf_printf(out, "%s%s", out->len ? " · " : "", name);
	if (!workflow_ends(wf, field, min, max))
		return;
	add_text(out, " ", TEXT_RANGE, locale, &(struct text_args){.text = min, .name = max});
	if (field == FIELD_SIZE && workflow_size(wf, &width, &height))
		(void)buf_printf(out, " (%dx%d)", width, height);
	else if ((field == FIELD_STEPS || field == FIELD_CFG) && workflow_default(wf, field, min))
		(void)buf_printf(out, " (%s)", min);
}

/* " · usually 12 s", once that is known; owned, or NULL. */
static char *usual_time(const struct shell *sh, const struct workflow *wf, const char *locale)
{
	int64_t ms = core_usual_ms(sh->core, wf->name);
	cleanup(freep) char *time = NULL, *text = NULL;

	if (ms < 0)
		return NULL;
	time = ms < ESTIMATE_MIN_MS ? xasprintf("%d s", max_of((int)(ms + 500) / 1000, 1))
				    : text_about(ms);
	text = time ? text_make(TEXT_MODEL_TAKES, locale, &(struct text_args){.text = time}) : NULL;
	return text ? xasprintf(" · %s", text) : NULL;
}

/* The model in a line, what it takes in another; owned. */
static char *model_item(const struct shell *sh, const struct workflow *wf, const char *locale)
{
	bool spanish = locale_is_spanish(locale);
	const char *about = workflow_description_in(wf, spanish);
	cleanup(freep) char *title = text_clean(workflow_title_in(wf, spanish), TITLE_CHARS_MAX);
	cleanup(freep) char *takes = usual_time(sh, wf, locale);
	cleanup(freep) char *described = about ? text_clean(about, REASON_CHARS_MAX) : NULL;
	cleanup(buf_free) struct buf options = BUF(LIST_BYTES_MAX);

	for (int field = 0; field < FIELD_COUNT_OF && wf->kind == WORKFLOW_IMAGINE; field++)
		if (option_name((enum workflow_field)field) &&
			workflow_accepts(wf, (enum workflow_field)field))
			add_option(&options, wf, (enum workflow_field)field, locale);
	return xasprintf("- **%s**%s%s%s%s%s", title, described ? " · " : "",
		described ? described : "", takes ? takes : "", options.len ? "\n  " : "",
		buf_str(&options));
}

static void add_models(const struct shell *sh, const struct interaction *it, struct buf *out,
	enum workflow_kind kind, enum text_id head, int64_t *left_out)
{
	const struct workflow *wf;
	bool first = true;

	for (size_t i = 0; (wf = workflow_set_at(sh->config.workflows, kind, i)); i++) {
		cleanup(freep) char *item = NULL;

		if (!shell_may_use(it, wf) || (wf->age_restricted && !it->age_restricted))
			continue;
		if (first)
			add_text(out, out->len ? "\n" : "", head, it->locale, NULL);
		first = false;
		item = model_item(sh, wf, it->locale);
		add_line(out, item, left_out);
	}
}

void command_models(struct shell *sh, struct interaction *it)
{
	struct buf out = BUF(LIST_BYTES_MAX);
	int64_t left_out = 0;

	add_models(sh, it, &out, WORKFLOW_IMAGINE, TEXT_MODELS_IMAGINE, &left_out);
	add_models(sh, it, &out, WORKFLOW_EDIT, TEXT_MODELS_EDIT, &left_out);
	add_left_out(&out, it->locale, left_out);
	if (!out.len)
		add_text(&out, "", TEXT_NO_MODELS, it->locale, NULL);
	else if (!left_out && strstr(buf_str(&out), "\n  "))
		add_text(&out, "\n", TEXT_MODELS_NOTE, it->locale, NULL);
	send_list(sh, it, &out);
}

static char *card_line(const struct shell *sh, int gpu, const struct interaction *it)
{
	cleanup(freep) char *state = shell_card_state(sh, gpu, it->locale);
	cleanup(freep) char *about = text_clean(sh->comfy[gpu].about, REASON_CHARS_MAX);
	/* Where a card is and what ails it concerns only those who run it. */
	bool admin = shell_is_admin(it), fails = core_gpu_state(sh->core, gpu) == GPU_FAILING;
	cleanup(freep) char *url = text_clean(admin ? sh->gpu_names[gpu] : "", REASON_CHARS_MAX);
	cleanup(freep) char *why = text_clean(
		admin && fails ? core_gpu_why(sh->core, gpu) : "", REASON_CHARS_MAX);

	return xasprintf("%d\\. %s%s%s%s%s%s%s", gpu + 1, state, about && *about ? " · " : "",
		about ? about : "", *url ? " · " : "", url, *why ? " · " : "", why);
}

void command_status(struct shell *sh, struct interaction *it)
{
	cleanup(freep) char *uptime = text_duration(shell_now(sh) - sh->started_ms, it->locale);
	struct buf out = BUF(LIST_BYTES_MAX);
	int64_t left_out = 0;

	(void)buf_add_str(&out, "FuLLet " FULLET_VERSION);
	add_text(&out, " · ", TEXT_STATUS_UPTIME, it->locale, &(struct text_args){.text = uptime});
	add_totals(sh, &out, it->locale);
	add_text(&out, "\n", TEXT_STATUS_CARDS, it->locale, NULL);
	for (int i = 0; i < sh->config.n_comfy; i++) {
		cleanup(freep) char *line =
			core_gpu_exists(sh->core, i) ? card_line(sh, i, it) : NULL;

		if (line)
			add_line(&out, line, &left_out);
	}
	add_left_out(&out, it->locale, left_out);
	send_list(sh, it, &out);
}

static bool has_model(const struct shell *sh, const struct interaction *it, enum workflow_kind kind)
{
	const struct workflow *wf;

	for (size_t i = 0; (wf = workflow_set_at(sh->config.workflows, kind, i)); i++)
		if (shell_may_use(it, wf))
			return true;
	return false;
}

/* Only what he can use. */
static bool is_helpful(const struct shell *sh, const struct interaction *it, enum command_id id)
{
	if (id == COMMAND_EDIT || id == COMMAND_EDIT_THIS)
		return has_model(sh, it, WORKFLOW_EDIT);
	if (id == COMMAND_IMAGINE)
		return has_model(sh, it, WORKFLOW_IMAGINE);
	return !command_is_for_admins(id) || shell_is_admin(it);
}

void command_help_all(struct shell *sh, struct interaction *it)
{
	struct buf out = BUF(LIST_BYTES_MAX);
	enum command_id id;
	int64_t left_out = 0;

	add_text(&out, "", TEXT_HELP_HEAD, it->locale, NULL);
	for (size_t i = 0; (id = command_at(i)) != COMMAND_NONE; i++) {
		cleanup(freep) char *line =
			xasprintf("**%s%s** — %s", id == COMMAND_EDIT_THIS ? "" : "/",
				command_name(id, it->locale), command_help(id, it->locale));

		if (is_helpful(sh, it, id))
			add_line(&out, line, &left_out);
	}
	add_left_out(&out, it->locale, left_out);
	send_list(sh, it, &out);
}
