/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHED_RIG_H
#define SCHED_RIG_H

#include <stdlib.h>

#include "base/rng.h"
#include "core/sched.h"

/*
 * Cards that take the scheduler's passes and cost time, in a few lines: one pass at a time, weights
 * that stay until others need the room, cards that go and come. It checks what must hold whatever
 * the scheduler decides; a test, a fuzzer and the benchmark drive it.
 */

#define RIG_CARDS  1024
#define RIG_MODELS 8

/* What decides: a benchmark puts a clock around it. */
#ifndef RIG_NEXT
#define RIG_NEXT sched_next
#endif

enum rig_state { RIG_NONE, RIG_WAITS, RIG_SENT, RIG_DONE, RIG_GONE };

struct rig_job {
	struct sched_job *ours;
	enum rig_state state;
	int model, work, card;
	int64_t arrived_ms, began_ms, done_ms;
	uint64_t user;
};

struct rig_card {
	struct sched_card spec;
	struct sched_pass at[4]; /* what was sent; the first one runs */
	uint64_t tags[4][SCHED_BATCH_MAX];
	int n;
	bool up;
	int64_t ends_ms;
	int held[RIG_MODELS], n_held; /* weights, longest unused first */
};

struct sched_rig {
	struct sched *sched;
	struct sched_needs needs[RIG_MODELS];
	struct sched_model *models[RIG_MODELS];
	int n_models;
	struct rig_card cards[RIG_CARDS];
	int n_cards;
	struct rig_job *jobs;
	size_t n_jobs, n_waiting;
	int64_t now_ms;
	int loads, passes;
	uint64_t hash; /* of all decisions */
};

static inline struct sched_rig *rig_new(int64_t lead_ms)
{
	struct sched_rig *r = xcalloc(1, sizeof(*r));

	r->sched = sched_new(NULL, lead_ms);
	return r;
}

static inline void rig_free(struct sched_rig *r)
{
	r->sched = sched_free(r->sched);
	free(r->jobs);
	free(r);
}

static inline int rig_card(struct sched_rig *r, int64_t vram_mb, int speed)
{
	struct rig_card *c = &r->cards[r->n_cards];

	*c = (struct rig_card){
		.spec = {.vram_mb = vram_mb, .speed = speed, .load_speed = 1000}, .up = true};
	must(sched_card_add(r->sched, &c->spec) == r->n_cards);
	return r->n_cards++;
}

static inline int rig_model(struct sched_rig *r, struct sched_needs needs)
{
	r->needs[r->n_models] = needs;
	r->models[r->n_models] = sched_model_add(r->sched, &needs);
	return r->n_models++;
}

static inline int64_t rig_vram(const struct sched_rig *r, int model, int n)
{
	const struct sched_needs *x = &r->needs[model];

	return x->vram_mb + x->act_mb + (n - 1) * x->batch_mb;
}

/* The job's number, or -1: no card can ever hold it. */
static inline int rig_arrive(struct sched_rig *r, int model, int work, uint64_t user, int priority)
{
	struct rig_job job = {.model = model,
		.work = work,
		.arrived_ms = r->now_ms,
		.user = user,
		.card = -1,
		.state = RIG_WAITS};
	bool fits = false;

	for (int i = 0; i < r->n_cards; i++)
		fits |= rig_vram(r, model, 1) <= r->cards[i].spec.vram_mb;
	job.ours = sched_arrive(
		r->sched, r->now_ms, r->models[model], work, user, priority, r->now_ms, r->n_jobs);
	must(!job.ours == !fits);
	if (!job.ours)
		return -1;
	if (r->n_jobs % 1024 == 0)
		r->jobs = xrealloc(r->jobs, (r->n_jobs + 1024) * sizeof(job));
	r->jobs[r->n_jobs] = job;
	r->n_waiting++;
	return (int)r->n_jobs++;
}

static inline void rig_cancel(struct sched_rig *r, int job)
{
	must(r->jobs[job].state == RIG_WAITS);
	sched_cancel(r->sched, r->jobs[job].ours);
	r->jobs[job].state = RIG_GONE;
	r->n_waiting--;
}

static inline void rig_hold(struct sched_rig *r, struct rig_card *c, int weights, int64_t need_mb)
{
	int64_t sum = need_mb;
	int n = 0;

	for (int i = 0; i < c->n_held; i++)
		if (c->held[i] != weights)
			c->held[n++] = c->held[i];
	c->n_held = n;
	for (int i = 0; i < n; i++)
		sum += r->needs[c->held[i]].vram_mb;
	while (sum > c->spec.vram_mb) {
		must(c->n_held > 0);
		sum -= r->needs[c->held[0]].vram_mb;
		memmove(c->held, c->held + 1, (size_t)--c->n_held * sizeof(int));
	}
	c->held[c->n_held++] = weights;
}

static inline void rig_start(struct sched_rig *r, int index)
{
	struct rig_card *c = &r->cards[index];
	const struct rig_job *job = &r->jobs[c->tags[0][0]];
	const struct sched_needs *x = &r->needs[job->model];
	unsigned held[RIG_MODELS];
	int64_t load_ms = x->load_ms, run_ms;
	int n = c->at[0].n;

	for (int i = 0; i < c->n_held; i++)
		if (c->held[i] == (int)x->weights)
			load_ms = 0;
	r->loads += load_ms > 0;
	r->passes++;
	rig_hold(r, c, (int)x->weights, rig_vram(r, job->model, n));
	run_ms = (x->image_ms + (n - 1) * x->extra_ms) * job->work / c->spec.speed;
	c->ends_ms = r->now_ms + load_ms + max_of(run_ms, (int64_t)1);
	for (int i = 0; i < n; i++)
		r->jobs[c->tags[0][i]].began_ms = r->now_ms + load_ms;
	for (int i = 0; i < c->n_held; i++)
		held[i] = (unsigned)c->held[i];
	sched_started(r->sched, r->now_ms, index, load_ms, held, c->n_held);
}

/* Takes one decision and checks it. False: none. */
static inline bool rig_decide(struct sched_rig *r)
{
	struct sched_pass pass;
	struct rig_card *c;

	if (!RIG_NEXT(r->sched, r->now_ms, &pass))
		return false;
	must(pass.card >= 0 && pass.card < r->n_cards && pass.n >= 1);
	c = &r->cards[pass.card];
	must(c->up && c->n < 2);
	for (int i = 0; i < pass.n; i++) {
		uint64_t tag = sched_tag(pass.jobs[i]);
		struct rig_job *job = &r->jobs[tag];
		const struct rig_job *first = &r->jobs[sched_tag(pass.jobs[0])];

		must(job->state == RIG_WAITS && job->model == first->model);
		must(job->work == first->work);
		job->state = RIG_SENT;
		job->card = pass.card;
		c->tags[c->n][i] = tag;
		r->hash = (r->hash ^ (tag + (uint64_t)pass.card * 1000003)) * 0x100000001b3u;
		r->n_waiting--;
		if (i == 0) {
			must(pass.n <= r->needs[job->model].batch_max);
			must(rig_vram(r, job->model, pass.n) <= c->spec.vram_mb);
		}
	}
	c->at[c->n++] = pass;
	if (c->n == 1)
		rig_start(r, pass.card);
	return true;
}

static inline void rig_finish(struct sched_rig *r, int index)
{
	struct rig_card *c = &r->cards[index];

	for (int i = 0; i < c->at[0].n; i++) {
		struct rig_job *job = &r->jobs[c->tags[0][i]];

		job->state = RIG_DONE;
		job->done_ms = r->now_ms;
		job->ours = NULL;
	}
	memmove(c->at, c->at + 1, sizeof(c->at[0]) * (size_t)(c->n - 1));
	memmove(c->tags, c->tags + 1, sizeof(c->tags[0]) * (size_t)(c->n - 1));
	c->n--;
	sched_finished(r->sched, r->now_ms, index);
	if (c->n)
		rig_start(r, index);
}

static inline void rig_down(struct sched_rig *r, int index)
{
	struct rig_card *c = &r->cards[index];

	for (int p = 0; p < c->n; p++)
		for (int i = 0; i < c->at[p].n; i++) {
			r->jobs[c->tags[p][i]].state = RIG_WAITS;
			r->n_waiting++;
		}
	c->n = c->n_held = 0;
	c->up = false;
	sched_down(r->sched, r->now_ms, index);
}

static inline void rig_up(struct sched_rig *r, int index)
{
	r->cards[index].up = true;
	sched_up(r->sched, r->now_ms, index);
}

/* Decides, then lets time pass up to `until_ms`, with all that happens in between. */
static inline void rig_run(struct sched_rig *r, int64_t until_ms)
{
	for (;;) {
		int64_t next_ms;
		int card = -1;

		while (rig_decide(r))
			;
		must(sched_waiting(r->sched) == r->n_waiting);
		next_ms = sched_wake(r->sched, r->now_ms);
		must(next_ms > r->now_ms);
		for (int i = 0; i < r->n_cards; i++)
			if (r->cards[i].n && r->cards[i].ends_ms <= next_ms) {
				next_ms = r->cards[i].ends_ms;
				card = i;
			}
		if (next_ms == NEVER || next_ms > until_ms) {
			if (until_ms != NEVER)
				r->now_ms = max_of(r->now_ms, until_ms);
			return;
		}
		r->now_ms = max_of(r->now_ms, next_ms);
		if (card >= 0)
			rig_finish(r, card);
	}
}

#endif
