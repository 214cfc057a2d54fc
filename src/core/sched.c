/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/sched_state.h"

struct sched *sched_new(const struct sched_policy *policy, int64_t lead_ms)
{
	struct sched *s = xcalloc(1, sizeof(*s));

	s->policy = policy ? *policy : sched_policy_default;
	s->lead_ms = lead_ms;
	s->job_pool.size = sizeof(struct sched_job);
	s->flow_pool.size = sizeof(struct sched_flow);
	s->user_pool.size = sizeof(struct sched_user);
	s->sent_pool.size = sizeof(struct sent);
	return s;
}

static void free_models(struct sched *s)
{
	for (int i = 0; i < s->n_models; i++) {
		struct sched_class *next;

		for (struct sched_class *c = s->models[i]->classes; c; c = next) {
			next = c->next;
			free(c);
		}
		free(s->models[i]);
	}
	for (int i = 0; i < s->n_weights; i++) {
		free(s->weights[i]->held);
		free(s->weights[i]);
	}
	free(s->models);
	free(s->weights);
}

struct sched *sched_free(struct sched *s)
{
	struct bucket *lists[2];

	if (!s)
		return NULL;
	lists[0] = s->buckets;
	lists[1] = s->spare;
	for (int i = 0; i < 2; i++) {
		struct bucket *next;

		for (struct bucket *b = lists[i]; b; b = next) {
			next = b->next;
			free(b);
		}
	}
	for (int i = 0; i < s->n_cards; i++)
		free(s->cards[i]);
	free(s->cards);
	free(s->kinds);
	free_models(s);
	pool_free(&s->job_pool);
	pool_free(&s->flow_pool);
	pool_free(&s->user_pool);
	pool_free(&s->sent_pool);
	free(s);
	return NULL;
}

size_t sched_bytes(const struct sched *s)
{
	return s->job_pool.bytes + s->flow_pool.bytes + s->user_pool.bytes + s->sent_pool.bytes;
}

int64_t sched_free_ms(const struct sched *s, int card)
{
	return s->cards[card]->free_ms;
}

int sched_sent(const struct sched *s, int card)
{
	return s->cards[card]->n_sent;
}

static void send(struct sched *s, const struct choice *choice, struct sched_pass *ret)
{
	struct card *card = choice->card;
	struct sched_class *c = choice->class;
	struct sched_weights *w = c->model->weights, *held[SCHED_RESIDENT_MAX + 1];
	struct sent *sent = pool_get(&s->sent_pool);
	unsigned out = sched_pushed_out(s, card, c->model, choice->n);
	int n = 0;

	sent->class = c;
	sent->n = choice->n;
	sent->load_ms = choice->load ? sched_load_ms(s, card->kind, w) : 0;
	sent->run_ms = (int64_t)sched_run_ms(s, card->kind, c, choice->n);
	*ret = (struct sched_pass){.card = card->index, .n = choice->n, .load = choice->load};
	for (int i = 0; i < choice->n; i++)
		ret->jobs[i] = sent->jobs[i] = sched_take_job(s, c, choice->job, &ret->moved_ms[i]);
	if (card->last)
		card->last->next = sent;
	else
		card->first = sent;
	card->last = sent;
	card->n_sent++;
	for (int i = 0; i < card->n_resident; i++)
		sent->held[sent->n_held++] = card->resident[i].weights;
	for (int i = 0; i < card->n_resident; i++)
		if (card->resident[i].weights != w && !(out >> i & 1))
			held[n++] = card->resident[i].weights;
	if (n == SCHED_RESIDENT_MAX)
		memmove(held, held + 1, (size_t)--n * sizeof(held[0]));
	held[n++] = w;
	sched_close_card(s, card);
	sched_unkeep(s, card);
	card->serves_top |= ret->jobs[0]->priority == 0;
	sched_set_resident(s, card, held, n);
	if (!card->by_open.in)
		tree_insert(&s->busy, &card->by_open, sched_compare_busy);
	sched_set_free(s, card, max_of(card->free_ms, s->now_ms) + sent->load_ms + sent->run_ms);
}

/* A pass to a busy card is sent so early that it is there when the card is done. */
static int64_t early(int64_t lead_ms)
{
	return lead_ms * 5 / 4;
}

void sched_lead(struct sched *s, int card, int64_t lead_ms)
{
	s->cards[card]->lead_ms = lead_ms;
	s->lead_ms = max_of(s->lead_ms, lead_ms);
}

/* Opens the busy cards that are so near their end that the next pass has to be on its way. */
static void open_cards(struct sched *s)
{
	struct tree_node *node = s->lead_ms ? tree_first(&s->busy) : NULL;

	for (; node; node = tree_next(node)) {
		struct card *card = tree_entry(node, struct card, by_open);

		if (card->free_ms - s->now_ms > early(s->lead_ms))
			break;
		if (card->n_sent == 1 && card->lead_ms &&
			card->free_ms - s->now_ms <= early(card->lead_ms))
			sched_open_card(s, card);
	}
}

bool sched_next(struct sched *s, int64_t now_ms, struct sched_pass *ret)
{
	struct choice choice = {0};
	struct tree_node *node;

	s->now_ms = now_ms;
	if (!s->waiting)
		return false;
	open_cards(s);
	while ((node = tree_first(&s->kept)) &&
		tree_entry(node, struct card, by_kept)->kept_ms <= now_ms)
		sched_unkeep(s, tree_entry(node, struct card, by_kept));
	if (!s->buckets || !sched_choose(s, &choice))
		return false;
	send(s, &choice, ret);
	return true;
}

void sched_assign(
	struct sched *s, int64_t now_ms, struct sched_job *job, int index, struct sched_pass *ret)
{
	struct card *card = s->cards[index];
	struct choice choice = {.card = card, .class = job->flow->class, .n = 1, .job = job};

	s->now_ms = now_ms;
	must(card->up);
	choice.load = !sched_holds(card, choice.class->model->weights);
	send(s, &choice, ret);
}

int64_t sched_wake(struct sched *s, int64_t now_ms)
{
	struct tree_node *node = s->waiting ? tree_first(&s->kept) : NULL;
	int64_t wake_ms = s->buckets ? sched_overdue(s, now_ms) : NEVER;
	int64_t soon_ms = sched_next_free(s) - (int64_t)s->policy.soon_ms;

	if (s->buckets && s->waiting && soon_ms > now_ms)
		wake_ms = min_of(wake_ms, soon_ms);
	if (node)
		wake_ms = min_of(wake_ms,
			max_of(tree_entry(node, struct card, by_kept)->kept_ms, now_ms + 1));
	node = s->lead_ms && s->waiting ? tree_first(&s->busy) : NULL;
	for (; node; node = tree_next(node)) {
		const struct card *card = tree_entry(node, struct card, by_open);
		int64_t at_ms = card->free_ms - early(card->lead_ms);

		if (card->free_ms - early(s->lead_ms) >= wake_ms)
			break;
		if (card->n_sent == 1 && card->lead_ms && !card->hold && at_ms > now_ms)
			wake_ms = min_of(wake_ms, at_ms);
	}
	return wake_ms;
}

void sched_started(
	struct sched *s, int64_t now_ms, int index, int64_t load_ms, const unsigned *weights, int n)
{
	struct card *card = s->cards[index];
	struct sched_weights *held[SCHED_RESIDENT_MAX];
	int64_t free_ms = now_ms + load_ms;
	int n_held = 0;

	must(card->first);
	for (int i = max_of(n - SCHED_RESIDENT_MAX, 0); i < n; i++)
		for (int k = 0; k < s->n_weights; k++)
			if (s->weights[k]->id == weights[i])
				held[n_held++] = s->weights[k];
	if (n >= 0 && card->n_sent == 1)
		sched_set_resident(s, card, held, n_held);
	for (struct sent *sent = card->first; sent; sent = sent->next)
		free_ms += sent->run_ms + (sent == card->first ? 0 : sent->load_ms);
	sched_set_free(s, card, free_ms);
}

/* The one that `at` points to; its jobs are somewhere else already. */
static void end_sent(struct sched *s, struct card *card, struct sent **at)
{
	struct sent *sent = *at;

	*at = sent->next;
	card->last = NULL;
	for (struct sent *left = card->first; left; left = left->next)
		card->last = left;
	card->n_sent--;
	pool_put(&s->sent_pool, sent);
}

static void free_jobs(struct sched *s, struct sent *sent)
{
	for (int i = 0; i < sent->n; i++) {
		sent->jobs[i]->user->sent--;
		sched_leave(s, sent->jobs[i]->user);
		pool_put(&s->job_pool, sent->jobs[i]);
	}
}

void sched_finished(struct sched *s, int64_t now_ms, int index)
{
	struct card *card = s->cards[index];
	int64_t free_ms = now_ms;

	must(card->first);
	free_jobs(s, card->first);
	end_sent(s, card, &card->first);
	for (struct sent *sent = card->first; sent; sent = sent->next)
		free_ms += sent->load_ms + sent->run_ms;
	sched_set_free(s, card, free_ms);
	if (card->first)
		return;
	tree_remove(&s->busy, &card->by_open);
	if (card->serves_top) {
		s->now_ms = now_ms;
		sched_keep(s, card);
	}
	card->serves_top = false;
	sched_open_card(s, card);
}

void sched_gone(struct sched *s, int64_t now_ms, int index, int nth)
{
	struct card *card = s->cards[index];
	struct sent **at = &card->first, *sent;

	if (nth == 0) {
		sched_finished(s, now_ms, index);
		return;
	}
	while (nth--)
		at = &(*at)->next;
	sent = *at;
	free_jobs(s, sent);
	sched_set_free(s, card, max_of(card->free_ms - sent->load_ms - sent->run_ms, now_ms));
	if (sent == card->last)
		sched_set_resident(s, card, sent->held, sent->n_held);
	end_sent(s, card, at);
}

void sched_down(struct sched *s, int64_t now_ms, int index)
{
	struct card *card = s->cards[index];

	if (!card->up)
		return;
	sched_set_resident(s, card, NULL, 0);
	sched_close_card(s, card);
	sched_unkeep(s, card);
	card->serves_top = false;
	tree_remove(&s->busy, &card->by_open);
	card->up = false;
	card->free_ms = now_ms;
	s->kinds[card->kind].up--;
	while (card->first) {
		for (int i = 0; i < card->first->n; i++) {
			struct sched_job *job = card->first->jobs[i];

			sched_enqueue(s, job, card->first->class);
			job->user->sent--;
		}
		end_sent(s, card, &card->first);
	}
	sched_measure(s);
}

void sched_up(struct sched *s, int64_t now_ms, int index)
{
	struct card *card = s->cards[index];

	if (card->up)
		return;
	card->up = true;
	card->free_ms = now_ms;
	s->kinds[card->kind].up++;
	sched_open_card(s, card);
	sched_measure(s);
}
