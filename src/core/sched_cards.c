/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/sched_state.h"

/* Cards: what fits, what they hold, which of them may be given a pass. */

static int compare_holders(const struct tree_node *a, const struct tree_node *b)
{
	const struct card *x = tree_entry(a, struct resident, by_free)->card;
	const struct card *y = tree_entry(b, struct resident, by_free)->card;

	if (x->free_ms != y->free_ms)
		return x->free_ms < y->free_ms ? -1 : 1;
	return x->index - y->index;
}

int sched_compare_busy(const struct tree_node *a, const struct tree_node *b)
{
	const struct card *x = tree_entry(a, struct card, by_open);
	const struct card *y = tree_entry(b, struct card, by_open);

	if (x->free_ms != y->free_ms)
		return x->free_ms < y->free_ms ? -1 : 1;
	return x->index - y->index;
}

static int compare_cards(const struct tree_node *a, const struct tree_node *b)
{
	return tree_entry(a, struct card, in_bucket)->index -
	       tree_entry(b, struct card, in_bucket)->index;
}

bool sched_fits(const struct sched *s, int kind, const struct sched_model *m, int n)
{
	const struct sched_needs *x = &m->needs;
	const struct sched_card *card = &s->kinds[kind].card;
	int64_t need = x->vram_mb + x->act_mb + (n - 1) * x->batch_mb;

	return need <= card->vram_mb ||
	       (m->tight && (need <= card->total_mb || (x->guess && n == 1)));
}

bool sched_model_fits(const struct sched *s, const struct sched_model *m, int card)
{
	return sched_fits(s, s->cards[card]->kind, m, 1);
}

int64_t sched_need_mb(const struct sched_model *m, int n)
{
	return m->needs.vram_mb + m->needs.act_mb + (n - 1) * m->needs.batch_mb;
}

bool sched_model_is_hopeless(const struct sched_model *m)
{
	return !m->fits_any;
}

double sched_run_ms(const struct sched *s, int kind, const struct sched_class *c, int n)
{
	const struct sched_needs *x = &c->model->needs;

	return (double)(x->image_ms + (n - 1) * x->extra_ms) * c->work / s->kinds[kind].card.speed;
}

int64_t sched_load_ms(const struct sched *s, int kind, const struct sched_weights *w)
{
	int speed = s->kinds[kind].card.load_speed;

	return (w->load_ms * 1000 + speed - 1) / speed;
}

bool sched_holds(const struct card *card, const struct sched_weights *w)
{
	for (int i = 0; i < card->n_resident; i++)
		if (card->resident[i].weights == w)
			return true;
	return false;
}

unsigned sched_pushed_out(
	const struct sched *s, const struct card *card, const struct sched_model *m, int n)
{
	const struct sched_needs *x = &m->needs;
	const struct sched_card *spec = &s->kinds[card->kind].card;
	bool held = sched_holds(card, m->weights);
	int64_t need = (held ? 0 : x->vram_mb) + x->act_mb + (n - 1) * x->batch_mb;
	int left = card->n_resident + !held;
	unsigned out = 0;

	for (int i = 0; i < card->n_resident; i++)
		need += card->resident[i].weights->vram_mb;
	for (int i = 0; i < card->n_resident; i++) {
		if (need <= spec->vram_mb && (!spec->keep || left <= spec->keep))
			break;
		if (card->resident[i].weights == m->weights)
			continue;
		need -= card->resident[i].weights->vram_mb;
		left--;
		out |= 1u << i;
	}
	return out;
}

static bool fits_ever(const struct sched_card *card, const struct sched_needs *x)
{
	return x->guess || x->vram_mb + x->act_mb <= max_of(card->vram_mb, card->total_mb);
}

/* What of the fleet each model can use, after a change. */
void sched_measure(struct sched *s)
{
	s->all_speed = s->up_speed = 0;
	for (int k = 0; k < s->n_kinds; k++) {
		s->all_speed += s->kinds[k].cards * (s->kinds[k].card.speed / 1000.0);
		s->up_speed += s->kinds[k].up * (s->kinds[k].card.speed / 1000.0);
	}
	for (int i = 0; i < s->n_models; i++) {
		struct sched_model *m = s->models[i];
		double speed = 0;

		m->fits_any = m->tight = false;
		for (int k = 0; k < s->n_kinds && !m->tight; k++)
			m->tight = s->kinds[k].up && sched_fits(s, k, m, 1);
		m->tight = !m->tight;
		for (int k = 0; k < s->n_kinds; k++) {
			if (!s->kinds[k].cards || !fits_ever(&s->kinds[k].card, &m->needs))
				continue;
			m->fits_any = true;
			if (sched_fits(s, k, m, 1))
				speed += s->kinds[k].cards * (s->kinds[k].card.speed / 1000.0);
		}
		m->share = s->all_speed > 0 ? speed / s->all_speed : 0;
	}
}

static uint64_t hash_of(const struct card *card)
{
	uint64_t h = (uint64_t)card->kind * 2 + 1 + card->by_kept.in;

	for (int i = 0; i < card->n_resident; i++)
		h = (h ^ (h >> 29)) * 0x9e3779b97f4a7c15u + card->resident[i].weights->id + 1;
	return h;
}

static bool alike(const struct card *a, const struct card *b)
{
	if (a->kind != b->kind || a->by_kept.in != b->by_kept.in || a->n_resident != b->n_resident)
		return false;
	for (int i = 0; i < a->n_resident; i++)
		if (a->resident[i].weights != b->resident[i].weights)
			return false;
	return true;
}

static struct card *bucket_card(const struct bucket *b)
{
	return tree_entry(tree_first(&b->cards), struct card, in_bucket);
}

/* The card may be given a pass. */
void sched_open_card(struct sched *s, struct card *card)
{
	uint64_t hash = hash_of(card);
	struct bucket *b;

	if (card->bucket || card->hold)
		return;
	for (b = s->buckets; b; b = b->next)
		if (b->hash == hash && alike(bucket_card(b), card))
			break;
	if (!b) {
		b = s->spare ? s->spare : xcalloc(1, sizeof(*b));
		if (b == s->spare)
			s->spare = b->next;
		*b = (struct bucket){.hash = hash,
			.kind = card->kind,
			.kept = card->by_kept.in,
			.next = s->buckets};
		s->buckets = b;
	}
	tree_insert(&b->cards, &card->in_bucket, compare_cards);
	s->n_open += !b->kept;
	card->bucket = b;
}

void sched_close_card(struct sched *s, struct card *card)
{
	struct bucket *b = card->bucket, **at = &s->buckets;

	if (!b)
		return;
	tree_remove(&b->cards, &card->in_bucket);
	s->n_open -= !b->kept;
	card->bucket = NULL;
	if (b->cards.root)
		return;
	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	b->next = s->spare;
	s->spare = b;
}

int64_t sched_next_free(const struct sched *s)
{
	struct tree_node *node = s->n_open < 2 ? tree_first(&s->busy) : NULL;

	for (; node; node = tree_next(node)) {
		const struct card *card = tree_entry(node, struct card, by_open);

		if (!card->bucket && !card->hold)
			return card->free_ms;
	}
	return 0;
}

static int compare_kept(const struct tree_node *a, const struct tree_node *b)
{
	const struct card *x = tree_entry(a, struct card, by_kept);
	const struct card *y = tree_entry(b, struct card, by_kept);

	if (x->kept_ms != y->kept_ms)
		return x->kept_ms < y->kept_ms ? -1 : 1;
	return x->index - y->index;
}

void sched_keep(struct sched *s, struct card *card)
{
	bool open = card->bucket;
	uint32_t up = 0;

	sched_unkeep(s, card);
	for (int i = 0; i < s->n_kinds; i++)
		up += (uint32_t)s->kinds[i].up;
	card->kept_ms = s->top_ms + (int64_t)s->policy.sitting_ms;
	if (card->kept_ms <= s->now_ms || s->kept.count + 1 >= up)
		return;
	sched_close_card(s, card);
	tree_insert(&s->kept, &card->by_kept, compare_kept);
	if (open)
		sched_open_card(s, card);
}

void sched_unkeep(struct sched *s, struct card *card)
{
	bool open = card->bucket;

	if (!card->by_kept.in)
		return;
	sched_close_card(s, card);
	tree_remove(&s->kept, &card->by_kept);
	if (open)
		sched_open_card(s, card);
}

/* Its place among the holders of what it holds, and among the busy, hangs on when it is free. */
void sched_set_free(struct sched *s, struct card *card, int64_t free_ms)
{
	bool busy = card->by_open.in;

	if (busy)
		tree_remove(&s->busy, &card->by_open);
	for (int i = 0; i < card->n_resident; i++)
		tree_remove(&card->resident[i].weights->holders, &card->resident[i].by_free);
	card->free_ms = free_ms;
	for (int i = 0; i < card->n_resident; i++)
		tree_insert(&card->resident[i].weights->holders, &card->resident[i].by_free,
			compare_holders);
	if (busy)
		tree_insert(&s->busy, &card->by_open, sched_compare_busy);
}

void sched_set_resident(struct sched *s, struct card *card, struct sched_weights **weights, int n)
{
	struct bucket *b = card->bucket;

	sched_close_card(s, card);
	for (int i = 0; i < card->n_resident; i++) {
		struct resident *r = &card->resident[i];

		tree_remove(&r->weights->holders, &r->by_free);
		r->weights->held[card->kind] -= card->up;
	}
	card->n_resident = n;
	for (int i = 0; i < n; i++) {
		struct resident *r = &card->resident[i];

		*r = (struct resident){.weights = weights[i], .card = card};
		r->weights->held[card->kind] += card->up;
		tree_insert(&r->weights->holders, &r->by_free, compare_holders);
	}
	if (b)
		sched_open_card(s, card);
}

static bool same(const struct sched_card *a, const struct sched_card *b)
{
	return a->vram_mb == b->vram_mb && a->total_mb == b->total_mb && a->speed == b->speed &&
	       a->load_speed == b->load_speed && a->keep == b->keep;
}

/* The kind of such cards; one that no card is of any more is used for it. */
static int kind_of(struct sched *s, const struct sched_card *spec)
{
	int kind = 0;

	while (kind < s->n_kinds && !same(&s->kinds[kind].card, spec))
		kind++;
	if (kind < s->n_kinds)
		return kind;
	for (kind = 0; kind < s->n_kinds && s->kinds[kind].cards > 0;)
		kind++;
	if (kind == s->n_kinds) {
		s->kinds = xrealloc(s->kinds, (size_t)++s->n_kinds * sizeof(*s->kinds));
		for (int i = 0; i < s->n_weights; i++) {
			struct sched_weights *w = s->weights[i];

			w->held = xrealloc(w->held, (size_t)s->n_kinds * sizeof(int));
			w->held[kind] = 0;
		}
	}
	s->kinds[kind] = (struct sched_kind){.card = *spec};
	return kind;
}

int sched_card_add(struct sched *s, const struct sched_card *spec)
{
	struct card *card = xcalloc(1, sizeof(*card));
	int kind = kind_of(s, spec);

	*card = (struct card){.index = s->n_cards, .kind = kind, .up = true, .lead_ms = s->lead_ms};
	s->cards = xrealloc(s->cards, (size_t)(s->n_cards + 1) * sizeof(struct card *));
	s->cards[s->n_cards++] = card;
	s->kinds[kind].up++;
	s->kinds[kind].cards++;
	sched_open_card(s, card);
	sched_measure(s);
	return card->index;
}

bool sched_card_set(struct sched *s, int index, const struct sched_card *spec)
{
	struct card *card = s->cards[index];
	struct sched_weights *held[SCHED_RESIDENT_MAX];
	int n = card->n_resident;
	bool open = card->bucket;

	if (same(&s->kinds[card->kind].card, spec))
		return false;
	for (int i = 0; i < n; i++)
		held[i] = card->resident[i].weights;
	sched_close_card(s, card);
	sched_set_resident(s, card, NULL, 0);
	s->kinds[card->kind].cards--;
	s->kinds[card->kind].up -= card->up;
	card->kind = kind_of(s, spec);
	s->kinds[card->kind].cards++;
	s->kinds[card->kind].up += card->up;
	sched_set_resident(s, card, held, n);
	if (open)
		sched_open_card(s, card);
	sched_measure(s);
	return true;
}

int sched_kinds(const struct sched *s)
{
	return s->n_kinds;
}

void sched_hold(struct sched *s, int index, bool hold)
{
	struct card *card = s->cards[index];

	if (card->hold == hold)
		return;
	card->hold = hold;
	if (hold)
		sched_close_card(s, card);
	else if (card->up && !card->n_sent)
		sched_open_card(s, card);
}

void sched_forget(struct sched *s, int index)
{
	sched_set_resident(s, s->cards[index], NULL, 0);
}
