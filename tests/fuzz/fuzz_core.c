/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The steps of jobs under any order of events. The input chooses what members ask, how each ask
 * ends (whether it happened, and what is told of it), which commits fail, when cards go, when time
 * passes, and when the process dies and goes on from its rows. Then come fair days. What must hold:
 * nothing is said of a job before its row says so, a job is said once, and in the end none is left.
 */

#include <stdlib.h>

#include "core/core.h"
#include "core/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define JOBS_MAX     24
#define USERS	     5
#define ASKS_MAX     512
#define CHANNELS_MAX 64
#define CARDS	     2
#define EVENTS_MAX   600
#define HOUR_MS	     INT64_C(3600000)

/* A job as the outside sees it. */
struct fact {
	uint64_t id;
	bool stored; /* there is a row */
	struct job_row row;
	int said;	/* ANSWER_FOUND_*, while the message stands; 0: nothing */
	uint64_t where; /* its channel */
	bool posted;	/* there was a picture; its channel may have gone since */
};

struct ask {
	struct effect e;
	uint64_t job, user;
	uint64_t where;	    /* the job's channel; 0: through the interaction */
	struct job_row row; /* FX_SAVE */
};

struct world {
	const uint8_t *at, *end;
	struct core *core;
	struct rng rng;
	struct log log;
	int64_t now_ms;
	uint64_t next_id;
	struct fact facts[JOBS_MAX];
	size_t n_facts;
	struct session_row sessions[USERS + 1];
	struct core_channel channels[CHANNELS_MAX], threads[CHANNELS_MAX];
	size_t n_channels, n_threads;
	struct ask asks[ASKS_MAX];
	size_t n_asks;
	bool fair;
};

static void no_log(void *ctx, enum log_level level, const char *subject, const char *text)
{
}

static unsigned byte(struct world *w)
{
	return w->at < w->end ? *w->at++ : 0;
}

static struct fact *fact_of(struct world *w, uint64_t id)
{
	for (size_t i = 0; i < w->n_facts; i++)
		if (w->facts[i].id == id)
			return &w->facts[i];
	return NULL;
}

static void start(struct world *w)
{
	static const char *const cards[CARDS] = {"http://a", "http://b"};
	struct core_config config = {.max_jobs_per_user = 6,
		.max_queue = 16,
		.max_batch = 2,
		.session_ttl_ms = HOUR_MS / 2,
		.n_gpus = CARDS,
		.gpu_names = cards,
		.log = &w->log};
	uint64_t last = 0;

	w->core = core_new(&config, &w->rng);
	for (int m = 0; m < 2; m++)
		core_model(w->core, m ? "b" : "a",
			&(struct core_model){.weights = "w", .batch_max = 1 + 3 * m, .work = 1000});
	for (size_t i = 0; i < w->n_facts; i++) {
		const struct fact *f = &w->facts[i];

		last = max_of(last, f->id);
		if (f->stored && f->row.step < STORE_ENDED)
			core_load_job(w->core, &f->row, w->now_ms);
	}
	for (size_t i = 1; i <= USERS; i++)
		if (w->sessions[i].user_id)
			core_load_session(w->core, &w->sessions[i]);
	core_load_max_id(w->core, last);
	core_ready(w->core, 7, w->now_ms);
	for (int g = 0; g < CARDS; g++)
		core_gpu(w->core, g, true, w->now_ms);
}

/* ---- what is asked ---- */

static void take_ask(struct world *w, const struct effect *e)
{
	struct ask *ask = &w->asks[w->n_asks++];

	must(w->n_asks < ASKS_MAX);
	*ask = (struct ask){.e = *e, .user = e->user_id};
	if (!e->job)
		return;
	ask->job = e->job->row.id;
	ask->where = e->job->no_channel ? 0 : e->job->row.channel_id;
	if (e->kind == FX_SAVE)
		job_row_copy(&ask->row, &e->job->row);
}

/* Written down first, then said. */
static void check_ask(struct world *w, const struct effect *e)
{
	const struct fact *f = e->job ? fact_of(w, e->job->row.id) : NULL;

	if (e->kind == FX_POST)
		must(f && f->stored && f->row.step == JOB_POST &&
			f->row.outcome == OUTCOME_PICTURE);
	if (e->kind == FX_SORRY)
		must(f && f->stored && f->row.step == JOB_SORRY &&
			f->row.outcome == OUTCOME_APOLOGY);
	if (e->kind == FX_SUBMIT)
		must(f && f->stored && f->row.step == JOB_SUBMIT && f->row.gpu);
}

static void drain(struct world *w)
{
	struct effect e;
	int n = 0;

	while (core_next_effect(w->core, &e)) {
		must(++n < 4000);
		check_ask(w, &e);
		if (e.kind == FX_SESSION_SAVE)
			w->sessions[e.session->row.user_id] = e.session->row;
		else if (e.kind == FX_SESSION_DROP)
			w->sessions[e.id] = (struct session_row){0};
		else if (e.kind < FX_ANSWER || (e.kind >= FX_SAVE && e.kind <= FX_SESSION_LOOK))
			take_ask(w, &e);
	}
}

/* ---- how it ends ---- */

static void commit(struct world *w, struct ask *ask, bool ok)
{
	struct fact *f = fact_of(w, ask->job);

	if (!ok || !f) {
		job_row_free(&ask->row);
		return;
	}
	job_row_free(&f->row);
	f->row = ask->row;
	f->stored = true;
}

static bool is_there(const struct world *w, uint64_t channel_id)
{
	for (size_t i = 0; i < w->n_channels; i++)
		if (w->channels[i].id == channel_id)
			return true;
	for (size_t i = 0; i < w->n_threads; i++)
		if (w->threads[i].id == channel_id)
			return true;
	return false;
}

/* Nothing of a job may be said while something said before stands. An ask that the core waits for
 * no more does not happen: the REST queue gives up before the core does. */
static bool do_say(struct world *w, const struct ask *ask)
{
	const struct job *job = core_job(w->core, ask->job);
	struct fact *f = fact_of(w, ask->job);

	if (!job || job->epoch != ask->e.epoch)
		return false;
	if (!ask->where)
		return true; /* the answer to the interaction: writing it again changes nothing */
	if (!is_there(w, ask->where))
		return false;
	must(!f->said);
	f->said = ask->e.kind == FX_POST ? ANSWER_FOUND_PICTURE : ANSWER_FOUND_SORRY;
	f->where = ask->where;
	f->posted |= f->said == ANSWER_FOUND_PICTURE;
	return true;
}

/* The messages in it go with it. */
static void remove_channel(struct world *w, uint64_t id)
{
	for (size_t i = 0; i < w->n_facts; i++)
		if (w->facts[i].where == id)
			w->facts[i].said = 0;
	for (size_t i = 0; i < w->n_channels; i++)
		if (w->channels[i].id == id)
			w->channels[i--] = w->channels[--w->n_channels];
	for (size_t i = 0; i < w->n_threads; i++)
		if (w->threads[i].id == id)
			w->threads[i--] = w->threads[--w->n_threads];
}

/* Posting: it happens or not, and the answer tells so, or that nobody knows. */
static enum answer say(struct world *w, const struct ask *ask, unsigned how)
{
	static const enum answer failures[] = {
		ANSWER_AGAIN, ANSWER_DOUBT, ANSWER_NO, ANSWER_GONE, ANSWER_TOO_LARGE};
	enum answer failure = failures[how / 4 % countof(failures)];

	if (!w->fair && how % 4 == 3) {
		if (failure == ANSWER_TOO_LARGE && ask->e.kind == FX_SORRY)
			failure = ANSWER_NO;
		if (failure == ANSWER_GONE) /* which Discord says of none that is there */
			remove_channel(w, ask->where);
		return failure;
	}
	if (ask->where && !is_there(w, ask->where))
		return ANSWER_GONE;
	(void)do_say(w, ask);
	return !w->fair && how % 4 == 2 ? ANSWER_DOUBT : ANSWER_OK;
}

static enum answer answer_to(struct world *w, const struct ask *ask)
{
	static const enum answer of_cards[] = {ANSWER_AGAIN, ANSWER_LOST, ANSWER_FAILED,
		ANSWER_MEMORY, ANSWER_INTERRUPTED, ANSWER_STALLED, ANSWER_NO_OUTPUT, ANSWER_DAMAGED,
		ANSWER_MODEL_GONE, ANSWER_NO_INPUT, ANSWER_OPTIONS, ANSWER_NO, ANSWER_RUNNING,
		ANSWER_TOO_LARGE};
	static const enum answer of_input[] = {ANSWER_AGAIN, ANSWER_NO};
	static const enum answer of_discord[] = {
		ANSWER_AGAIN, ANSWER_DOUBT, ANSWER_NO, ANSWER_AGAIN};
	unsigned how = byte(w);
	const struct fact *f = fact_of(w, ask->job);

	switch (ask->e.kind) {
	case FX_POST:
	case FX_SORRY:
		return say(w, ask, how);
	case FX_LOOK:
		if (!w->fair && how % 4 == 3)
			return ANSWER_AGAIN;
		return f->said ? (enum answer)f->said : ANSWER_OK;
	case FX_LOCATE:
	case FX_SUBMIT:
	case FX_WATCH:
	case FX_FETCH:
		return w->fair || how % 2 ? ANSWER_OK : of_cards[how / 2 % countof(of_cards)];
	case FX_INPUT:
		return w->fair || how % 2 ? ANSWER_OK : of_input[how / 2 % countof(of_input)];
	default:
		return w->fair || how % 2 ? ANSWER_OK : of_discord[how / 2 % countof(of_discord)];
	}
}

static enum answer answer_about_channel(struct world *w)
{
	static const enum answer answers[] = {
		ANSWER_AGAIN, ANSWER_DOUBT, ANSWER_NO, ANSWER_FULL, ANSWER_FORBIDDEN, ANSWER_GONE};
	unsigned how = byte(w);

	return w->fair || how % 2 ? ANSWER_OK : answers[how / 2 % countof(answers)];
}

/* The id of what was made; 0: nothing was. */
static uint64_t do_channel(struct world *w, const struct ask *ask)
{
	static const char *const categories[] = {
		"sessions", "sessions-2", "sessions-3", "sessions-4"};
	enum effect_kind kind = ask->e.kind;
	struct core_channel made = {.id = ++w->next_id, .user_id = ask->user};

	if (kind == FX_CHANNEL_DELETE)
		remove_channel(w, ask->e.id);
	if (kind == FX_CATEGORY_CREATE)
		made = (struct core_channel){.id = made.id,
			.category = true,
			.name = categories[(ask->e.id - 1) % countof(categories)]};
	if (kind == FX_CHANNEL_CREATE) {
		made.parent_id = ask->e.id;
		made.hidden = true;
		made.restricted = ask->e.restricted;
		made.name = "session-ana";
	}
	if ((kind == FX_CATEGORY_CREATE || kind == FX_CHANNEL_CREATE) &&
		w->n_channels < CHANNELS_MAX)
		w->channels[w->n_channels++] = made;
	else if (kind == FX_THREAD_CREATE && w->n_threads < CHANNELS_MAX)
		w->threads[w->n_threads++] = made;
	else
		return 0;
	return made.id;
}

static void answer_channel(struct world *w, const struct ask *ask)
{
	enum answer answer = answer_about_channel(w);
	uint64_t id = 0;

	if (answer == ANSWER_GONE)
		remove_channel(w, ask->e.id);
	if (answer == ANSWER_OK || (answer == ANSWER_DOUBT && byte(w) % 2))
		id = do_channel(w, ask);
	if (ask->e.kind == FX_CHANNEL_LIST && answer == ANSWER_OK)
		core_channels(w->core, w->channels, w->n_channels, w->now_ms);
	if (ask->e.kind == FX_THREAD_LIST && answer == ANSWER_OK)
		core_threads(w->core, w->threads, w->n_threads, w->now_ms);
	core_session_answer(w->core, ask->user, ask->e.epoch, answer, answer == ANSWER_OK ? id : 0,
		"no", w->now_ms);
}

static void answer_job(struct world *w, const struct ask *ask)
{
	enum answer answer = answer_to(w, ask);
	struct answer_args args = {.detail = "why", .message_id = ++w->next_id};

	args.n_files = 1 + byte(w) % 3;
	core_answer(w->core, ask->job, ask->e.epoch, answer, &args, w->now_ms);
}

/* Takes an ask out of the list: any of them, but commits come in their order. */
static struct ask choose(struct world *w)
{
	size_t i = w->fair ? 0 : byte(w) % w->n_asks;
	struct ask chosen;

	for (size_t first = 0; w->asks[i].e.kind == FX_SAVE && first < i; first++)
		if (w->asks[first].e.kind == FX_SAVE)
			i = first;
	chosen = w->asks[i];
	memmove(&w->asks[i], &w->asks[i + 1], (w->n_asks - i - 1) * sizeof(*w->asks));
	w->n_asks--;
	return chosen;
}

static void answer_one(struct world *w)
{
	enum answer answer;
	struct ask ask;
	bool ok;

	if (!w->n_asks)
		return;
	ask = choose(w);
	switch (ask.e.kind) {
	case FX_SAVE:
		ok = w->fair || byte(w) % 8;
		commit(w, &ask, ok);
		core_saved(w->core, ask.job, ok, w->now_ms);
		break;
	case FX_MEMBER:
		core_member(w->core, ask.user, w->fair || byte(w) % 4, w->now_ms);
		break;
	case FX_SESSION_WARN:
		answer = answer_about_channel(w);
		core_warned(w->core, ask.user, ask.e.id, answer,
			answer == ANSWER_OK ? ++w->next_id : 0, w->now_ms);
		break;
	case FX_SESSION_LOOK:
		answer = answer_about_channel(w);
		if (answer == ANSWER_GONE)
			remove_channel(w, ask.e.id);
		core_looked(
			w->core, ask.user, ask.e.epoch, answer, w->next_id, byte(w) % 2, w->now_ms);
		break;
	default:
		if (ask.job)
			answer_job(w, &ask);
		else
			answer_channel(w, &ask);
	}
}

/* ---- what happens ---- */

static void request(struct world *w)
{
	unsigned how = byte(w);
	struct request r = {.interaction_id = ++w->next_id,
		.application_id = 8,
		.guild_id = 7,
		.user_id = 1 + how % USERS,
		.token = "t",
		.username = "ana",
		.locale = "en-US",
		.model = how & 32 ? "a" : "b",
		.prompt = "p",
		.kind = how & 64 ? 2 : 1,
		.input = how & 64 ? "last" : NULL,
		.administrator = how & 128,
		.origin_id = 5,
		.pictures = 1 + (int)byte(w) % 4};
	const struct job *job;

	if (w->n_facts == JOBS_MAX || core_request(w->core, &r, w->now_ms) != REFUSE_NOTHING)
		return;
	job = core_first_job(w->core);
	while (job->next)
		job = job->next;
	must(!fact_of(w, job->row.id)); /* numbers are never used twice */
	w->facts[w->n_facts++].id = job->row.id;
}

/* Commits and messages that were under way may have come to pass. */
static void die(struct world *w)
{
	for (size_t i = 0; i < w->n_asks; i++) {
		struct ask *ask = &w->asks[i];

		if (ask->e.kind == FX_SAVE)
			commit(w, ask, byte(w) % 2);
		else if ((ask->e.kind == FX_POST || ask->e.kind == FX_SORRY) && byte(w) % 2)
			(void)do_say(w, ask);
	}
	w->n_asks = 0;
	core_free(w->core);
	start(w);
}

static void pass_time(struct world *w, int64_t ms)
{
	w->now_ms += ms;
	core_tick(w->core, w->now_ms);
}

/* Somebody deletes a channel: messages in it are gone with it. */
static void lose_channel(struct world *w, unsigned with)
{
	struct core_channel lost;

	if (!w->n_channels)
		return;
	lost = w->channels[with % w->n_channels];
	remove_channel(w, lost.id);
	core_channel_gone(w->core, lost.id, w->now_ms);
}

static void happen(struct world *w)
{
	unsigned what = byte(w), with;
	const struct job *job;

	if (what % 16 < 8) {
		answer_one(w);
		return;
	}
	with = byte(w);
	switch (what % 16) {
	case 8:
	case 9:
		request(w);
		break;
	case 10:
		pass_time(w, (int64_t)with * (what & 16 ? 20 : what & 32 ? 1000 : 60000));
		break;
	case 11:
		core_gpu(w->core, (int)with % CARDS, with & 4, w->now_ms);
		break;
	case 12:
		job = core_first_job(w->core);
		for (unsigned i = with % 8; job && job->next && i; i--)
			job = job->next;
		if (job)
			core_cancel(w->core, job->row.id, job->row.user_id, false, w->now_ms);
		break;
	case 13:
		job = core_first_job(w->core);
		if (job)
			core_progress(
				w->core, job->row.id, job->epoch, (int)(with % 102) - 1, w->now_ms);
		break;
	case 14:
		if (with % 8 == 0)
			core_erase(w->core, 1 + with / 8 % USERS, w->now_ms);
		else if (with % 8 < 4)
			core_set_mode(w->core, (enum core_mode)(with % 3), w->now_ms);
		else
			core_activity(w->core, w->next_id - with, 1 + with / 8 % USERS, w->now_ms);
		break;
	default:
		if (with % 4 == 0)
			die(w);
		else
			lose_channel(w, with);
	}
}

/* All answers are good, and time passes as far as it is waited for. */
static void fair_days(struct world *w)
{
	w->fair = true;
	core_set_mode(w->core, CORE_RUN, w->now_ms);
	for (int g = 0; g < CARDS; g++)
		core_gpu(w->core, g, true, w->now_ms);
	drain(w);
	for (int i = 0; core_first_job(w->core); i++) {
		int64_t due_ms = core_deadline(w->core);

		must(i < 20000);
		if (w->n_asks)
			answer_one(w);
		else
			pass_time(w,
				due_ms == NEVER ? HOUR_MS : max_of(due_ms - w->now_ms, (int64_t)0));
		drain(w);
	}
	for (size_t i = 0; i < w->n_facts; i++) {
		const struct fact *f = &w->facts[i];

		if (!f->stored)
			continue; /* was never accepted */
		must(f->row.step >= STORE_ENDED);
		must(f->row.step != JOB_DONE || f->posted);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->at = data;
	w->end = data + size;
	w->now_ms = INT64_C(1780000000000);
	w->next_id = UINT64_C(359929600000) << 22;
	w->log = (struct log){LOG_ERROR, no_log, NULL};
	rng_seed(&w->rng, byte(w));
	start(w);
	drain(w);
	for (int i = 0; i < EVENTS_MAX && w->at < w->end; i++) {
		happen(w);
		drain(w);
	}
	fair_days(w);
	core_free(w->core);
	for (size_t i = 0; i < w->n_asks; i++)
		job_row_free(&w->asks[i].row);
	for (size_t i = 0; i < w->n_facts; i++)
		job_row_free(&w->facts[i].row);
	free(w);
	return 0;
}
