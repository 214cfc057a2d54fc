/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "core/sched_state.h"

/* Each with its reason and its worth in docs/SCHEDULING.md. */
const struct sched_policy sched_policy_default = {
	.head_start_ms = {1e9, 100e3, 0},
	.share = 0.07,
	.share_max_ms = 600e3,
	.flood = 0.3,
	.flood_jobs = 24,
	.age_ms = 100e3,
	.early_ms = 100e3,
	.load = 4,
	.evict = 1,
	.patience = 3.5,
	.narrow_ms = 75e3,
	.demand_ms = 300e3,
	.sitting_ms = 15e3,
	.usual_ms = 900e3,
	.soon_ms = 20e3,
	.affinity_ms = INFINITY,
};

/* What an administrator's job is ahead of all others by: more than any ratio of ages and times. */
#define TOP 100

static const struct card *first_card(const struct bucket *b)
{
	return tree_entry(tree_first(&b->cards), struct card, in_bucket);
}

static double speed_of(const struct sched *s, int kind)
{
	return s->kinds[kind].card.speed / 1000.0;
}

/* How many cards hold the model's weights and may be given anybody's pass now. */
static int open_holders(const struct sched *s, const struct sched_model *m)
{
	int n = 0;

	for (const struct bucket *b = s->buckets; b; b = b->next)
		if (!b->kept && sched_fits(s, b->kind, m, 1) &&
			sched_holds(first_card(b), m->weights))
			n += (int)b->cards.count;
	return n;
}

/* When the first of the cards that hold the model's weights is free, and when all of them have done
 * what waits for these weights; infinite when no card holds them. */
static void wait_for_holders(
	const struct sched *s, const struct sched_model *m, double *ret_first, double *ret_all)
{
	const struct sched_weights *w = m->weights;
	double speed = 0;

	*ret_first = *ret_all = INFINITY;
	for (int i = 0; i < s->n_kinds; i++)
		if (w->held[i] && sched_fits(s, i, m, 1))
			speed += w->held[i] * speed_of(s, i);
	if (speed <= 0)
		return;
	for (struct tree_node *node = tree_first(&w->holders); node; node = tree_next(node)) {
		const struct card *card = tree_entry(node, struct resident, by_free)->card;

		if (!sched_fits(s, card->kind, m, 1))
			continue;
		*ret_first = max_of((double)(card->free_ms - s->now_ms), 0.0);
		break;
	}
	*ret_all = *ret_first + max_of(w->waiting_ms - (double)m->needs.image_ms, 0.0) / speed;
}

/* What it costs when a card loses these weights: their load, as likely as they are wanted there and
 * not held elsewhere. What administrators use is wanted. */
static void price_weights(struct sched *s)
{
	double all = 0;

	for (int i = 0; i < s->n_weights; i++)
		all += s->weights[i]->wanted = sched_demand(s, s->weights[i]);
	for (int i = 0; i < s->n_weights; i++) {
		struct sched_weights *w = s->weights[i];
		double wanted = w->wanted / max_of(all, 1.0) * s->n_cards;
		int holders = 0;

		for (int k = 0; k < s->n_kinds; k++)
			holders += w->held[k];
		if (w->usual_until_ms > (double)s->now_ms)
			wanted = max_of(wanted, 1.0);
		w->missed_ms = (double)w->load_ms * min_of(1.0, wanted / max_of(holders, 1));
	}
}

static double price_of_eviction(
	const struct sched *s, const struct card *card, const struct sched_model *m, int n)
{
	unsigned out = card->n_resident ? sched_pushed_out(s, card, m, n) : 0;
	double price = 0;

	for (int i = 0; out; i++, out >>= 1)
		if (out & 1)
			price += card->resident[i].weights->missed_ms;
	return price;
}

/* How long models that fit fewer cards will wait for cards like this one, as a price. */
static double price_of_narrowness(const struct sched *s, int kind, const struct sched_model *m)
{
	double wait_ms = 0;

	for (int i = 0; i < s->n_models; i++) {
		const struct sched_model *o = s->models[i];

		if (o->wait_ms > wait_ms && o->share < m->share && sched_fits(s, kind, o, 1))
			wait_ms = o->wait_ms;
	}
	return wait_ms / s->policy.narrow_ms;
}

/* As many as fit, shared between the cards that could begin now; nobody waits for company. */
static int pass_size(
	const struct sched *s, const struct card *card, const struct sched_class *c, int holders)
{
	const struct sched_model *m = c->model;
	int waiting = (int)min_of(c->waiting, (uint32_t)1000000);
	int n = min_of(m->needs.batch_max, waiting);

	while (n > 1 && !sched_fits(s, card->kind, m, n))
		n--;
	if (holders > 1)
		n = min_of(n, (waiting + holders - 1) / holders);
	return max_of(n, 1);
}

/* It grows with a job's age, and shrinks when its member's fair turn is yet to come. */
double sched_weight(const struct sched *s, double key)
{
	const struct sched_policy *p = &s->policy;
	double late = (double)s->now_ms - key;

	if (late >= 0)
		return log(p->age_ms + late);
	return log(p->age_ms) + late / p->early_ms;
}

/* A model on an open card: what does not depend on the job. */
struct offer {
	const struct bucket *bucket;
	int holders; /* open ones */
	bool load, kept;
	double load_ms, evict_ms, narrow, first_ms, all_ms;
};

/* A kept card is for administrators, unless another one with what they use is free nearly as soon.
 */
static bool is_kept(const struct sched *s, const struct bucket *b)
{
	const struct card *card = first_card(b);
	struct tree_node *node;

	if (!b->kept || !card->n_resident)
		return b->kept;
	node = tree_first(&card->resident[card->n_resident - 1].weights->holders);
	for (; node; node = tree_next(node)) {
		const struct card *other = tree_entry(node, struct resident, by_free)->card;

		if (other != card && !other->hold)
			return (double)(other->free_ms - s->now_ms) > s->policy.sitting_ms / 4;
	}
	return true;
}

static void make_offer(const struct sched *s, const struct sched_model *m, struct offer *o)
{
	const struct card *card = first_card(o->bucket);

	o->kept = is_kept(s, o->bucket);
	o->narrow = price_of_narrowness(s, o->bucket->kind, m);
	if (!o->load)
		return;
	o->load_ms = (double)sched_load_ms(s, o->bucket->kind, m->weights);
	o->evict_ms = price_of_eviction(s, card, m, 1);
	wait_for_holders(s, m, &o->first_ms, &o->all_ms);
}

/* When the job's turn was, as far as it waits for what cards hold. */
static double turn_of(const struct sched *s, const struct sched_flow *f)
{
	return f->key + s->policy.head_start_ms[sched_flow_first(f)->priority];
}

int64_t sched_overdue(struct sched *s, int64_t now_ms)
{
	double at_ms = INFINITY;

	for (int i = 0; i < s->n_models && s->policy.affinity_ms < INFINITY; i++)
		for (struct sched_class *c = s->models[i]->classes; c; c = c->next) {
			const struct sched_flow *f = c->waiting ? sched_class_first(s, c) : NULL;
			double late_ms = f ? turn_of(s, f) + s->policy.affinity_ms : INFINITY;

			if (late_ms >= (double)now_ms)
				at_ms = min_of(at_ms, late_ms);
		}
	return at_ms < INFINITY ? (int64_t)at_ms + 1 : NEVER;
}

/* The card's time for each picture of a pass of n, and what the pass costs besides. */
static double time_of(const struct sched *s, const struct offer *o, const struct sched_class *c,
	int n, bool overdue)
{
	const struct sched_policy *p = &s->policy;
	double evict_ms = price_of_eviction(s, first_card(o->bucket), c->model, n);

	if (overdue)
		return sched_run_ms(s, o->bucket->kind, c, n) / n;
	return (sched_run_ms(s, o->bucket->kind, c, n) + p->load * o->load_ms +
		       p->evict * evict_ms) /
	       n;
}

/* The cards that hold its weights will have done what waits for these, and this job too, before a
 * load would be over; or the wait costs less than the loads that will be missed. An administrator
 * waits only for his card. */
static bool waits_for_holders(
	const struct sched *s, const struct offer *o, const struct sched_class *c, bool top)
{
	if (top)
		return o->first_ms < o->load_ms;
	return o->all_ms + sched_run_ms(s, o->bucket->kind, c, 1) < o->load_ms ||
	       o->all_ms < s->policy.patience * o->evict_ms;
}

/* How many of n the last open card may take while all others are busy for long: whoever comes now,
 * an administrator or one with something brief, finds some card soon. */
static int brief_enough(
	const struct sched *s, const struct offer *o, const struct sched_class *c, int n)
{
	if ((double)(s->next_ms - s->now_ms) <= s->policy.soon_ms)
		return n;
	while (n && o->load_ms + sched_run_ms(s, o->bucket->kind, c, n) > s->policy.soon_ms)
		n--;
	return n;
}

/*
 * The price of the class's first pass on the card, the lower the better: the logarithm of the
 * card's time for each picture over the job's weight. Infinite: it had better wait for a card that
 * holds its weights.
 */
static double price_of(const struct sched *s, const struct offer *o, const struct sched_class *c,
	const struct sched_flow *f, int *ret_n)
{
	bool top = sched_flow_first(f)->priority == 0;
	bool overdue = (double)s->now_ms - turn_of(s, f) > s->policy.affinity_ms;
	double time, best = INFINITY;
	int max;

	if (o->kept && !top)
		return INFINITY;
	if (o->load && !overdue && waits_for_holders(s, o, c, top))
		return INFINITY;
	max = pass_size(s, first_card(o->bucket), c, o->holders);
	if (top) /* his alone, so that his next job need not wait for others' */
		max = min_of(max, (int)c->tops);
	else if (!overdue)
		max = brief_enough(s, o, c, max);
	for (int n = 1; n <= max; n++) {
		time = time_of(s, o, c, n, overdue);
		if (time > best)
			continue;
		best = time;
		*ret_n = n;
	}
	if (top)
		return log(sched_run_ms(s, o->bucket->kind, c, 1) + o->load_ms) - TOP;
	return log(best) - sched_weight(s, f->key) + o->narrow;
}

struct best {
	double price;
	struct offer offer;
	struct sched_class *class;
	int n;
};

/* Equal prices: the smaller card, the faster one, the first one. A model whose need is not known
 * may need more: the larger card. */
static bool better(const struct sched *s, const struct sched_model *m, double price,
	const struct offer *o, const struct best *best)
{
	const struct bucket *b = o->bucket, *other = best->offer.bucket;
	const struct sched_card *x = &s->kinds[b->kind].card, *y;

	if (price == INFINITY || !other || price != best->price)
		return price < (other ? best->price : INFINITY);
	y = &s->kinds[other->kind].card;
	if (x->vram_mb != y->vram_mb)
		return (x->vram_mb < y->vram_mb) != m->needs.unknown;
	if (x->speed != y->speed)
		return x->speed > y->speed;
	return first_card(b)->index < first_card(other)->index;
}

static void choose_in(
	struct sched *s, struct sched_model *m, const struct offer *o, struct best *best)
{
	for (struct sched_class *c = m->classes; c; c = c->next) {
		const struct sched_flow *f = sched_class_first(s, c);
		int n = 1;
		double price = f ? price_of(s, o, c, f, &n) : INFINITY;

		if (better(s, m, price, o, best))
			*best = (struct best){price, *o, c, n};
	}
}

bool sched_choose(struct sched *s, struct choice *ret)
{
	struct best best = {0};

	price_weights(s);
	s->next_ms = sched_next_free(s);
	for (int i = 0; i < s->n_models; i++) {
		struct sched_model *m = s->models[i];

		m->wait_ms =
			m->waiting && m->share > 0 ? m->waiting_ms / (m->share * s->all_speed) : 0;
	}
	for (int i = 0; i < s->n_models; i++) {
		struct sched_model *m = s->models[i];
		int holders = m->waiting ? open_holders(s, m) : 0;

		if (!m->waiting)
			continue;
		for (const struct bucket *b = s->buckets; b; b = b->next) {
			struct offer o = {.bucket = b,
				.holders = holders,
				.load = !sched_holds(first_card(b), m->weights)};

			/* What an open card holds is not loaded into another. */
			if (!sched_fits(s, b->kind, m, 1) || (o.load && holders))
				continue;
			make_offer(s, m, &o);
			choose_in(s, m, &o, &best);
		}
	}
	if (!best.class)
		return false;
	*ret = (struct choice){.class = best.class, .load = best.offer.load};
	ret->card = s->cards[first_card(best.offer.bucket)->index];
	ret->n = best.n;
	return true;
}
