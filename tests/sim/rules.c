/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "app/shell_parts.h"
#include "core/state.h"
#include "sim.h"

/* What must hold after every event, whatever the weather. */

/* rest.c: requests to Discord at a time. */
#define IN_FLIGHT_MAX (64 + 16) /* discord/rest.c; the last of them for answers to interactions */

/* ---- who is where ---- */

/* Those of one prompt count once. */
static bool is_first_of_pass(const struct core *core, const struct job *job)
{
	const struct job *other = core_first_job(core);

	while (other != job && !(other->gpu == job->gpu && other->step == job->step &&
				       str_eq(other->row.prompt_id, job->row.prompt_id)))
		other = other->next;
	return other == job;
}

/* What was said is no longer asked for, also when a crash kept the row from knowing it; nor what
 * ends in an apology, also while a channel is made for that. */
static bool counts(const struct sim *sim, const struct job *job)
{
	return job_is_live(job) && job->row.outcome != OUTCOME_APOLOGY &&
	       !sim_was_said(sim, job->row.id);
}

/* A crash may bring back jobs whose end was not written down: those are more than allowed until
 * they end once more, but no new one is accepted beside them. */
static void check_cap(struct sim *sim, int n, int cap, int *allowed, const char *who)
{
	*allowed = max_of(cap, sim->caps_life == sim->life ? min_of(*allowed, n) : n);
	if (n > *allowed)
		sim_fail(sim, "caps", "%s: %d live jobs", who, n);
}

static void check_caps(struct sim *sim, const struct core *core)
{
	size_t on_gpu[COMFY_SERVERS_MAX] = {0};
	int live = 0, of_user[countof(sim->users)] = {0};

	for (const struct job *job = core_first_job(core); job; job = job->next) {
		if (job->row.submits > SUBMITS_MAX)
			sim_fail(sim, "caps", "job %" PRIu64 " was given to cards %d times",
				job->row.id, job->row.submits);
		if (!job_is_live(job))
			continue;
		live += counts(sim, job);
		for (int i = 0; i < sim->n_users; i++)
			of_user[i] += counts(sim, job) && job->row.user_id == sim->users[i];
		if ((job->step == JOB_SUBMIT || job->step == JOB_WATCH) && !job->enter &&
			is_first_of_pass(core, job) && ++on_gpu[job->gpu] > SIM_DEPTH)
			sim_fail(sim, "depth", "three prompts on card %d", job->gpu);
	}
	for (int i = 0; i < sim->n_users; i++)
		check_cap(sim, of_user[i], sim->config.max_jobs_per_user, &sim->caps_of[i],
			"a member");
	check_cap(sim, live, sim->config.max_queue, &sim->caps_in_all, "in all");
	sim->caps_life = sim->life;
}

/* Who shares a prompt wants the same, one picture each. */
static void check_company(struct sim *sim, const struct place_pass *pass)
{
	const struct job_row *a = &pass->jobs[0]->row;

	for (int i = 1; i < pass->n; i++) {
		const struct job_row *b = &pass->jobs[i]->row;

		if (!str_eq(a->model, b->model) || a->pictures != 1 || b->pictures != 1 ||
			!str_eq(a->options ? a->options : "", b->options ? b->options : "") ||
			(a->flags & JOB_RESTRICTED) != (b->flags & JOB_RESTRICTED))
			sim_fail(sim, "shared passes",
				"jobs %" PRIu64 " and %" PRIu64
				" share a pass and want different things",
				a->id, b->id);
		if (a->slot > 0 && a->slot == b->slot)
			sim_fail(sim, "shared passes",
				"jobs %" PRIu64 " and %" PRIu64 " are to have one picture", a->id,
				b->id);
	}
}

/* What is kept of a card is the sum of what its passes have reserved, and the card has it. */
static void check_ledger(struct sim *sim, const struct core *core)
{
	struct gpu_memory memory;

	for (int i = 0; i < sim->config.n_comfy; i++) {
		const struct core_gpu *gpu = &core->gpus[i];
		int64_t sum = 0;
		size_t jobs = 0;
		int passes = 0;

		for (const struct place_pass *p = gpu->passes; p; p = p->next, passes++) {
			sum += p->reserved_mb;
			jobs += (size_t)p->n;
			check_company(sim, p);
			for (int k = 0; k < p->n; k++)
				if (p->jobs[k]->pass != p || p->jobs[k]->gpu != i)
					sim_fail(sim, "ledger", "job %" PRIu64 " is not on card %d",
						p->jobs[k]->row.id, i);
		}
		core_gpu_memory(core, i, &memory);
		if (memory.ours_mb != sum)
			sim_fail(sim, "ledger",
				"card %d: %" PRId64 " MB are kept, %" PRId64 " reserved", i,
				memory.ours_mb, sum);
		if (memory.total_mb && sum > memory.total_mb)
			sim_fail(sim, "ledger",
				"card %d has %" PRId64 " MB for us and %" PRId64 " in all", i, sum,
				memory.total_mb);
		if ((sum > 0) != (jobs > 0) || jobs != core_gpu_jobs_there(core, i))
			sim_fail(sim, "ledger", "card %d: %" PRId64 " MB are kept for %zu jobs", i,
				sum, jobs);
		if (passes != gpu->n_passes)
			sim_fail(sim, "ledger", "card %d has %d passes and counts %d", i, passes,
				gpu->n_passes);
	}
}

/* ---- places in line ---- */

static struct sim_place *place_of(struct sim *sim, uint64_t job_id)
{
	for (size_t i = 0; i < sim->n_places; i++)
		if (sim->places[i].job_id == job_id)
			return &sim->places[i];
	if (sim->n_places == countof(sim->places))
		return NULL;
	sim->places[sim->n_places] = (struct sim_place){.job_id = job_id};
	return &sim->places[sim->n_places++];
}

void rules_heard(struct sim *sim, const char *subject, const char *text)
{
	unsigned long long id;
	int from, to;
	struct sim_place *p;

	if (subject && sscanf(subject, "job=%20llu", &id) == 1 &&
		sscanf(text, "moves back in line from %d to %d:", &from, &to) == 2 &&
		(p = place_of(sim, id)))
		p->told = to;
	/* The one that is taken back may still lie there when the administrator's arrives. */
	if (str_starts(text, "comes back from gpu "))
		sim->changed_mind = true;
	sim->words_ignored += strstr(text, " in #admin-tools is ignored: too many ") != NULL;
}

/* What is shown is the real order; who moves back finds the cause in the log. */
static void check_places(struct sim *sim, const struct core *core)
{
	const struct job *order[SIM_JOBS_MAX];
	size_t n = core_jobs_of(core, 0, order, countof(order));
	int place = 0;

	for (size_t i = 0; i < min_of(n, countof(order)); i++) {
		const struct job *job = order[i];
		struct sim_place *p = place_of(sim, job->row.id);

		if (!p || !queue_waits(job)) {
			if (p)
				p->shown = 0;
			continue;
		}
		place++;
		if (job->position != place || job->shown_position != place)
			sim_fail(sim, "places", "job %" PRIu64 " is %d in line and is shown at %d",
				job->row.id, place, job->shown_position);
		if (p->shown && place > p->shown && p->told < place)
			sim_fail(sim, "places",
				"job %" PRIu64 " moved back from %d to %d, and nobody says why",
				job->row.id, p->shown, place);
		p->shown = place;
		p->told = 0;
	}
}

/* ---- ceilings ---- */

static void check_ceilings(struct sim *sim, const struct shell *sh)
{
	size_t jobs = 0;

	for (const struct job *job = core_first_job(sh->core); job; job = job->next)
		jobs++;
	if (rest_pending(sh->rest) > REST_QUEUE_MAX + REST_ACKS_MAX + IN_FLIGHT_MAX)
		sim_fail(sim, "ceilings", "%zu calls wait", rest_pending(sh->rest));
	if (sim->in_flight > IN_FLIGHT_MAX)
		sim_fail(sim, "ceilings", "%d requests to Discord at once", sim->in_flight);
	if (sh->core->n_unposted < 0 || sh->core->n_unposted > UNPOSTED_MAX + SCHED_BATCH_MAX)
		sim_fail(sim, "ceilings", "%d jobs are not posted", sh->core->n_unposted);
	if (jobs > SIM_JOBS_MAX)
		sim_fail(sim, "ceilings", "%zu jobs in memory", jobs);
	if (sh->core->effects)
		sim_fail(sim, "ceilings", "effects are left after a turn");
}

void rules_turn(struct sim *sim)
{
	const struct core *core = shell_core(sim->shell);

	for (const struct job *job = core_first_job(core); job; job = job->next)
		if (job->row.outcome == OUTCOME_APOLOGY && job->row.token)
			check_answer_by(sim, job->row.id, job->row.token);
	check_caps(sim, core);
	check_ledger(sim, core);
	check_places(sim, core);
	check_ceilings(sim, sim->shell);
}

void rules_crash(struct sim *sim)
{
	sim->n_places = 0;
	sim->n_limits = 0;
	sim->in_flight = 0;
	sim->banned = false;
}

/* ---- the world ---- */

void rules_event(struct sim *sim)
{
	struct json_object *m;

	while ((m = world_next_message(sim->world, &sim->message_cursor)))
		check_message(sim, m);
	if (world_channels_made(sim->world) != sim->channel_cursor) {
		sim->channel_cursor = world_channels_made(sim->world);
		check_channels(sim);
	}
}

bool rules_at_rest(struct sim *sim)
{
	struct json_object *cards;
	int64_t remaining = 0;

	/* What it has missed it hears when its gateway is back. */
	if (rest_pending(sim->shell->rest) > 0 || !gateway_is_ready(sim->shell->gateway))
		return false;
	cards = world_cards(sim->world);
	for (size_t i = 0; i < json_len(cards); i++)
		remaining += json_int(json_object_array_get_idx(cards, i), "queue_remaining", 0);
	json_put(&cards);
	return remaining == 0;
}

/* Nothing is kept of any card, and nothing of ours runs there. */
void rules_rest(struct sim *sim)
{
	const struct core *core = shell_core(sim->shell);
	struct gpu_memory memory;

	for (int i = 0; i < sim->config.n_comfy; i++) {
		core_gpu_memory(core, i, &memory);
		if (memory.ours_mb || core_gpu_jobs_there(core, i))
			sim_fail(sim, "rest", "card %d: %" PRId64 " MB are still kept", i,
				memory.ours_mb);
	}
	if (core->n_unposted)
		sim_fail(sim, "rest", "%d jobs count as not posted", core->n_unposted);
}
