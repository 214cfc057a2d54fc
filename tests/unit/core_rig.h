/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_TESTS_CORE_RIG_H
#define FULLET_TESTS_CORE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/core.h"
#include "core/session.h"

/*
 * The core alone: effects are taken down as text, the test answers them. A
 * "kind" that is listed in `silent` is left for the test to answer by hand.
 */

#define RIG_BIT(kind) (UINT64_C(1) << (kind))

struct rig {
	struct core *core;
	struct rng rng;
	int64_t now_ms;
	char trace[8192];
	uint64_t next_id;
	uint64_t silent; /* bits of effect kinds that are not answered by the rig */
	uint32_t epoch[64];
	uint32_t session_epoch;	     /* of the last ask about a channel */
	struct effect last;	     /* the last one about a channel */
	uint64_t deleted, thread_in; /* the channels of such asks */
	struct store_kept {
		struct job_row row;
	} kept[32];
};

static const char *const names[] = {[FX_ACK] = "ack",
	[FX_LOOK] = "look",
	[FX_INPUT] = "input",
	[FX_LOCATE] = "locate",
	[FX_SUBMIT] = "submit",
	[FX_WATCH] = "watch",
	[FX_FETCH] = "fetch",
	[FX_POST] = "post",
	[FX_SORRY] = "sorry",
	[FX_TIDY] = "tidy",
	[FX_ANSWER] = "answer",
	[FX_SHOW] = "show",
	[FX_STOP_RUN] = "stop",
	[FX_END] = "end",
	[FX_SAVE] = "save",
	[FX_CHANNEL_LIST] = "list",
	[FX_CATEGORY_CREATE] = "category",
	[FX_CHANNEL_CREATE] = "channel",
	[FX_CHANNEL_DELETE] = "delete",
	[FX_CHANNEL_RESTRICT] = "restrict",
	[FX_THREAD_LIST] = "threads",
	[FX_THREAD_CREATE] = "thread",
	[FX_THREAD_JOIN] = "join",
	[FX_ERASE] = "erase",
	[FX_MEMBER] = "member",
	[FX_SESSION_WARN] = "warn",
	[FX_SESSION_LOOK] = "lastlook",
	[FX_SESSION_UNWARN] = "unwarn",
	[FX_TELL_FORBIDDEN] = "forbidden",
	[FX_SESSION_SAVE] = "keep",
	[FX_SESSION_DROP] = "forget",
	[FX_TELL_DOWN] = "down",
	[FX_TELL_UP] = "up",
	[FX_TELL_CARD_FAILING] = "failing",
	[FX_TELL_CARD_WELL] = "well",
	[FX_TELL_CARD_EMPTY] = "empty"};

static inline void note(struct rig *rig, const char *format, ...)
{
	size_t n = strlen(rig->trace);
	va_list args;

	va_start(args, format);
	vsnprintf(rig->trace + n, sizeof(rig->trace) - n, format, args);
	va_end(args);
}

static inline void keep_row(struct rig *rig, const struct job_row *row)
{
	struct job_row *kept = &rig->kept[row->id].row;

	job_row_free(kept);
	job_row_copy(kept, row);
}

static inline void answer_session(struct rig *rig, const struct effect *e)
{
	uint64_t id = e->kind == FX_CHANNEL_LIST ? 0 : ++rig->next_id;

	if (e->kind == FX_CHANNEL_LIST)
		core_channels(rig->core, NULL, 0, rig->now_ms);
	core_session_answer(rig->core, e->user_id, e->epoch, ANSWER_OK, id, NULL, rig->now_ms);
}

static inline void answer(struct rig *rig, const struct effect *e)
{
	switch (e->kind) {
	case FX_SAVE:
		keep_row(rig, &e->job->row);
		core_saved(rig->core, e->job->row.id, true, rig->now_ms);
		break;
	case FX_CHANNEL_LIST:
	case FX_CATEGORY_CREATE:
	case FX_CHANNEL_CREATE:
	case FX_CHANNEL_DELETE:
	case FX_CHANNEL_RESTRICT:
	case FX_THREAD_LIST:
	case FX_THREAD_CREATE:
	case FX_THREAD_JOIN:
	case FX_ERASE:
		answer_session(rig, e);
		break;
	case FX_MEMBER:
		core_member(rig->core, e->user_id, true, rig->now_ms);
		break;
	case FX_SESSION_WARN:
		core_warned(rig->core, e->user_id, e->id, ANSWER_OK, 4444, rig->now_ms);
		break;
	case FX_SESSION_LOOK:
		core_looked(rig->core, e->user_id, e->epoch, ANSWER_OK, 4444, false, rig->now_ms);
		break;
	case FX_ACK:
	case FX_LOOK:
	case FX_INPUT:
	case FX_LOCATE:
	case FX_SUBMIT:
	case FX_WATCH:
	case FX_FETCH:
	case FX_POST:
	case FX_SORRY:
	case FX_TIDY:
		core_answer(rig->core, e->job->row.id, e->epoch, ANSWER_OK,
			&(struct answer_args){.message_id = 77, .n_files = 2}, rig->now_ms);
		break;
	default:
		break;
	}
}

static inline void run(struct rig *rig)
{
	struct effect e;

	while (core_next_effect(rig->core, &e)) {
		note(rig, "%s%s", *rig->trace ? " " : "", names[e.kind]);
		if (e.job)
			note(rig, "%d", (int)e.job->row.id);
		if (e.kind == FX_ANSWER)
			note(rig, "#%d", (int)e.id);
		if (e.kind == FX_SHOW && e.job->position)
			note(rig, "@%d", e.job->position);
		if (e.job)
			rig->epoch[e.job->row.id] = e.epoch ? e.epoch : rig->epoch[e.job->row.id];
		if (e.user_id) {
			rig->session_epoch = e.epoch ? e.epoch : rig->session_epoch;
			rig->last = e;
			rig->deleted = e.kind == FX_CHANNEL_DELETE ? e.id : rig->deleted;
			rig->thread_in = e.kind == FX_THREAD_CREATE ? e.id : rig->thread_in;
		}
		if (!(rig->silent & RIG_BIT(e.kind)))
			answer(rig, &e);
	}
}

/* What is 0 is as usual. */
static inline void start_with(struct rig *rig, struct core_config config)
{
	static const char *const gpus[] = {"http://a", "http://b", "http://c", "http://d"};

	config.n_gpus = max_of(config.n_gpus, 1);
	config.gpu_names = gpus;
	config.session_ttl_ms = 1800000;
	config.max_jobs_per_user = config.max_jobs_per_user ? config.max_jobs_per_user : 20;
	config.max_queue = config.max_queue ? config.max_queue : 100;
	*rig = (struct rig){.now_ms = INT64_C(1780000000000),
		.next_id = UINT64_C(359929600000) << 22}; /* made just now */
	rng_seed(&rig->rng, 5);
	rig->core = core_new(&config, &rig->rng);
}

static inline void start(struct rig *rig, int max_queue)
{
	start_with(rig, (struct core_config){.max_jobs_per_user = 2, .max_queue = max_queue});
}

static inline void stop(struct rig *rig)
{
	core_free(rig->core);
	for (size_t i = 0; i < countof(rig->kept); i++)
		job_row_free(&rig->kept[i].row);
}

static inline struct request a_request(uint64_t user)
{
	return (struct request){.interaction_id = 9,
		.application_id = 8,
		.guild_id = 7,
		.user_id = user,
		.token = "t",
		.username = "ana",
		.locale = "en-US",
		.model = "m",
		.prompt = "p",
		.kind = 1};
}

/* Of member 1, as an earlier process has left it. */
static inline struct job_row row_left(uint64_t id, int step, int outcome)
{
	return (struct job_row){.id = id,
		.user_id = 1,
		.guild_id = 7,
		.channel_id = 500,
		.step = step,
		.outcome = outcome,
		.token = "t",
		.username = "ana",
		.locale = "en",
		.model = "m",
		.prompt = "p",
		.gpu = "http://a",
		.prompt_id = "0e3a1c9e-1111-4222-8333-444455556666"};
}

/* input: of an edit; NULL: /imagine. */
static inline enum refusal ask_for(struct rig *rig, uint64_t user, bool admin, const char *input)
{
	struct request r = a_request(user);
	enum refusal refusal;

	r.kind = input ? 2 : 1;
	r.input = input;
	r.administrator = admin;
	refusal = core_request(rig->core, &r, rig->now_ms);
	run(rig);
	return refusal;
}

static inline enum refusal ask(struct rig *rig, uint64_t user, bool admin)
{
	return ask_for(rig, user, admin, NULL);
}

static inline void ready(struct rig *rig)
{
	core_ready(rig->core, 7, rig->now_ms);
	core_gpu(rig->core, 0, true, rig->now_ms);
	run(rig);
	rig->trace[0] = '\0';
}

/* Every card is up, and what they are given stays there. */
static inline void begin_with(struct rig *rig, struct core_config config)
{
	start_with(rig, config);
	ready(rig);
	for (int i = 1; i < config.n_gpus; i++)
		core_gpu(rig->core, i, true, rig->now_ms);
	run(rig);
	rig->silent = RIG_BIT(FX_WATCH);
	rig->trace[0] = '\0';
}

/* The job's number is the count of all so far. */
static inline const struct job *accepted(struct rig *rig, const struct request *r, uint64_t id)
{
	assert_int_equal(core_request(rig->core, r, rig->now_ms), REFUSE_NOTHING);
	run(rig);
	return core_job(rig->core, id);
}

#endif
