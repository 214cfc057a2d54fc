/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "core/sched_state.h"

/* Models, members and their jobs: who stands where in which line. */

static int compare_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_jobs(const struct tree_node *a, const struct tree_node *b)
{
	const struct sched_job *x = tree_entry(a, struct sched_job, in_flow);
	const struct sched_job *y = tree_entry(b, struct sched_job, in_flow);

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	if (x->arrived_ms != y->arrived_ms)
		return x->arrived_ms < y->arrived_ms ? -1 : 1;
	return compare_u64(x->seq, y->seq);
}

struct sched_job *sched_flow_first(const struct sched_flow *f)
{
	struct tree_node *node = tree_first(&f->jobs);

	return node ? tree_entry(node, struct sched_job, in_flow) : NULL;
}

static int compare_flows(const struct tree_node *a, const struct tree_node *b)
{
	const struct sched_flow *x = tree_entry(a, struct sched_flow, by_key);
	const struct sched_flow *y = tree_entry(b, struct sched_flow, by_key);

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return compare_u64(x->user->id, y->user->id);
}

static int compare_users(const struct tree_node *a, const struct tree_node *b)
{
	return compare_u64(tree_entry(a, struct sched_user, by_id)->id,
		tree_entry(b, struct sched_user, by_id)->id);
}

static struct sched_weights *weights_of(struct sched *s, const struct sched_needs *needs)
{
	struct sched_weights *w;

	for (int i = 0; i < s->n_weights; i++)
		if (s->weights[i]->id == needs->weights)
			return s->weights[i];
	w = xcalloc(1, sizeof(*w));
	*w = (struct sched_weights){.id = needs->weights,
		.vram_mb = needs->vram_mb,
		.load_ms = needs->load_ms,
		.held = xcalloc((size_t)s->n_kinds + 1, sizeof(int))};
	s->weights = xrealloc(s->weights, (size_t)(s->n_weights + 1) * sizeof(w));
	s->weights[s->n_weights++] = w;
	return w;
}

static void set_needs(struct sched_model *m, const struct sched_needs *needs)
{
	m->needs = *needs;
	if (m->needs.batch_max > SCHED_BATCH_MAX)
		m->needs.batch_max = SCHED_BATCH_MAX;
}

struct sched_model *sched_model_add(struct sched *s, const struct sched_needs *needs)
{
	struct sched_model *m = xcalloc(1, sizeof(*m));

	set_needs(m, needs);
	m->weights = weights_of(s, needs);
	s->models = xrealloc(s->models, (size_t)(s->n_models + 1) * sizeof(m));
	s->models[s->n_models++] = m;
	sched_measure(s);
	return m;
}

static double cost_of(const struct sched_model *m, int work)
{
	return (double)m->needs.image_ms * work / 1000;
}

/* What waits counts with the new cost, and for the new weights. */
void sched_model_set(struct sched *s, struct sched_model *m, const struct sched_needs *needs)
{
	struct sched_weights *w = m->weights;

	w->waiting -= m->waiting;
	w->waiting_ms -= m->waiting_ms;
	s->waiting_ms -= m->waiting_ms;
	m->waiting_ms = 0;
	set_needs(m, needs);
	for (struct sched_class *c = m->classes; c; c = c->next) {
		c->cost_ms = cost_of(m, c->work);
		m->waiting_ms += c->waiting * c->cost_ms;
	}
	w = m->weights = weights_of(s, needs);
	w->vram_mb = needs->vram_mb;
	w->load_ms = needs->load_ms;
	w->waiting += m->waiting;
	w->waiting_ms += m->waiting_ms;
	s->waiting_ms += m->waiting_ms;
	sched_measure(s);
}

static struct sched_class *class_of(struct sched_model *m, int work)
{
	struct sched_class *c;

	for (c = m->classes; c; c = c->next)
		if (c->work == work)
			return c;
	c = xcalloc(1, sizeof(*c));
	*c = (struct sched_class){
		.next = m->classes, .model = m, .work = work, .cost_ms = cost_of(m, work)};
	m->classes = c;
	return c;
}

double sched_demand(const struct sched *s, const struct sched_weights *w)
{
	return w->demand * exp((double)(w->demand_ms - s->now_ms) / s->policy.demand_ms);
}

static double key_of(const struct sched *s, const struct sched_job *job, double turn_ms)
{
	const struct sched_policy *p = &s->policy;
	double behind = turn_ms - (double)job->arrived_ms;

	return (double)job->arrived_ms + min_of(max_of(behind, 0.0), p->share_max_ms) -
	       p->head_start_ms[job->priority];
}

double sched_key(const struct sched *s, const struct sched_job *job)
{
	return key_of(s, job, job->user->turn_ms);
}

double sched_turn_after(const struct sched *s, const struct sched_job *job,
	const struct sched_class *c, double turn_ms)
{
	const struct sched_policy *p = &s->policy;
	double speed = s->up_speed > 0 ? s->up_speed : s->all_speed;
	double rate = max_of(speed, 0.001) / max_of(s->active, 1);
	double beyond = max_of(job->user->waiting - p->flood_jobs, 0.0);

	return max_of(turn_ms, (double)job->arrived_ms) +
	       p->share * (1 + p->flood * beyond) * c->cost_ms / rate;
}

double sched_rank(struct sched *s, int64_t now_ms, const struct sched_job *job, double *turn_ms)
{
	double turn = *turn_ms < 0 ? job->user->turn_ms : *turn_ms, key = key_of(s, job, turn);

	s->now_ms = now_ms;
	*turn_ms = sched_turn_after(s, job, job->flow->class, turn);
	return log(max_of(job->flow->class->cost_ms, 1.0)) - sched_weight(s, key);
}

static struct sched_user *user_of(struct sched *s, uint64_t id)
{
	struct sched_user *user;
	struct tree_node *at = s->users.root;

	while (at) {
		user = tree_entry(at, struct sched_user, by_id);
		if (user->id == id)
			return user;
		at = id < user->id ? at->left : at->right;
	}
	user = pool_get(&s->user_pool);
	user->id = id;
	tree_insert(&s->users, &user->by_id, compare_users);
	return user;
}

/* Puts the flow where its first job's key belongs; one without jobs goes. */
static void index_flow(struct sched *s, struct sched_flow *f)
{
	struct sched_job *first = sched_flow_first(f);
	struct sched_flow **at = &f->user->flows;

	tree_remove(&f->class->flows, &f->by_key);
	if (first) {
		f->key = sched_key(s, first);
		tree_insert(&f->class->flows, &f->by_key, compare_flows);
		return;
	}
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	pool_put(&s->flow_pool, f);
}

/* How many flows are put right at once. */
#define STALE_MAX 32

/* The first flow in the order of keys. A member's turn only moves on, and with it the keys of all
 * of his flows: they are put right when they come to the front, not whenever he is served; the rest
 * of very many with the next decision. */
struct sched_flow *sched_class_first(struct sched *s, struct sched_class *c)
{
	struct tree_node *node;
	int stale = 0;

	while ((node = tree_first(&c->flows))) {
		struct sched_flow *f = tree_entry(node, struct sched_flow, by_key);

		if (sched_key(s, sched_flow_first(f)) == f->key || ++stale > STALE_MAX)
			return f;
		index_flow(s, f);
	}
	return NULL;
}

static void count(struct sched *s, const struct sched_flow *f, int n)
{
	struct sched_class *c = f->class;
	struct sched_model *m = c->model;
	double ms = n * c->cost_ms;

	c->waiting += (uint32_t)n;
	m->waiting += (uint32_t)n;
	m->waiting_ms += ms;
	m->weights->waiting += (uint32_t)n;
	m->weights->waiting_ms += ms;
	s->waiting += (uint32_t)n;
	s->waiting_ms += ms;
	f->user->waiting += n;
}

/* In line. */
void sched_enqueue(struct sched *s, struct sched_job *job, struct sched_class *class)
{
	struct sched_user *user = job->user;
	struct sched_flow *f;

	for (f = user->flows; f; f = f->next)
		if (f->class == class)
			break;
	if (!f) {
		f = pool_get(&s->flow_pool);
		f->class = class;
		f->user = user;
		f->next = user->flows;
		user->flows = f;
	}
	job->flow = f;
	class->tops += job->priority == 0;
	tree_insert(&f->jobs, &job->in_flow, compare_jobs);
	index_flow(s, f);
	if (!user->waiting && !user->sent)
		s->active++;
	count(s, f, 1);
}

/* Out of line. Its flow is left to be indexed. */
static void dequeue(struct sched *s, struct sched_job *job)
{
	tree_remove(&job->flow->jobs, &job->in_flow);
	job->flow->class->tops -= job->priority == 0;
	count(s, job->flow, -1);
	job->flow = NULL;
}

void sched_leave(struct sched *s, struct sched_user *user)
{
	if (!user->waiting && !user->sent)
		s->active--;
}

struct sched_job *sched_arrive(struct sched *s, int64_t now_ms, struct sched_model *model, int work,
	uint64_t user, int priority, int64_t arrived_ms, uint64_t tag)
{
	struct sched_weights *w = model->weights;
	struct sched_class *class;
	struct sched_job *job;

	s->now_ms = now_ms;
	if (!model->fits_any)
		return NULL;
	job = pool_get(&s->job_pool);
	job->user = user_of(s, user);
	class = class_of(model, work);
	job->tag = tag;
	job->arrived_ms = arrived_ms;
	job->seq = s->seq++;
	job->priority = (uint8_t)min_of(max_of(priority, 0), SCHED_PRIORITIES - 1);
	sched_enqueue(s, job, class);
	if (job->priority == 0) {
		s->top_ms = now_ms;
		w->usual_until_ms = (double)now_ms + s->policy.usual_ms;
	}
	w->demand = sched_demand(s, w) + class->cost_ms;
	w->demand_ms = now_ms;
	return job;
}

uint64_t sched_tag(const struct sched_job *job)
{
	return job->tag;
}

void sched_cancel(struct sched *s, struct sched_job *job)
{
	struct sched_flow *f = job->flow;

	must(f);
	dequeue(s, job);
	index_flow(s, f);
	sched_leave(s, job->user);
	pool_put(&s->job_pool, job);
}

size_t sched_waiting(const struct sched *s)
{
	return s->waiting;
}

/* The given one, or the first of the class in the order of fair turns: the member's turn moves on.
 */
struct sched_job *sched_take_job(
	struct sched *s, struct sched_class *c, struct sched_job *job, double *ret_moved_ms)
{
	struct sched_flow *f = job ? job->flow : sched_class_first(s, c);
	struct sched_user *user = f->user;
	double turn_ms = user->turn_ms;

	job = job ? job : sched_flow_first(f);
	user->turn_ms = sched_turn_after(s, job, c, turn_ms);
	*ret_moved_ms = user->turn_ms - max_of(turn_ms, (double)job->arrived_ms);
	dequeue(s, job);
	user->sent++;
	index_flow(s, f);
	return job;
}

void sched_turn_back(struct sched *s, uint64_t id, double moved_ms)
{
	struct sched_user *user = user_of(s, id);

	user->turn_ms -= moved_ms;
	for (struct sched_flow *f = user->flows, *next; f; f = next) {
		next = f->next;
		index_flow(s, f);
	}
}
