/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include <stdlib.h>

struct thing {
	int64_t at_ms;
	uint64_t order; /* of things at the same time, the first added happens first */
	clock_fn *fn;
	void *arg;
};

struct clock {
	int64_t now_ms;
	void *ctx;
	uint64_t order;
	struct thing *heap;
	size_t n, size;
};

struct clock *clock_new(int64_t now_ms, void *ctx)
{
	struct clock *c = xcalloc(1, sizeof(*c));

	c->now_ms = now_ms;
	c->ctx = ctx;
	return c;
}

struct clock *clock_free(struct clock *c)
{
	for (size_t i = 0; i < c->n; i++)
		c->heap[i].fn(c->ctx, c->heap[i].arg, false);
	free(c->heap);
	free(c);
	return NULL;
}

int64_t clock_now(const struct clock *c)
{
	return c->now_ms;
}

static bool before(const struct thing *a, const struct thing *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void swap(struct thing *a, struct thing *b)
{
	struct thing t = *a;

	*a = *b;
	*b = t;
}

void clock_at(struct clock *c, int64_t at_ms, clock_fn *fn, void *arg)
{
	size_t i = c->n++;

	if (c->n > c->size) {
		c->size = c->size ? c->size * 2 : 64;
		c->heap = xrealloc(c->heap, c->size * sizeof(c->heap[0]));
	}
	c->heap[i] = (struct thing){max_of(at_ms, c->now_ms), c->order++, fn, arg};
	for (; i > 0 && before(&c->heap[i], &c->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&c->heap[i], &c->heap[(i - 1) / 2]);
}

int64_t clock_next(const struct clock *c)
{
	return c->n ? c->heap[0].at_ms : NEVER;
}

static struct thing pop(struct clock *c)
{
	struct thing top = c->heap[0];

	c->heap[0] = c->heap[--c->n];
	for (size_t i = 0;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < c->n && before(&c->heap[child + 1], &c->heap[child]))
			child++;
		if (child >= c->n || !before(&c->heap[child], &c->heap[i]))
			break;
		swap(&c->heap[i], &c->heap[child]);
		i = child;
	}
	return top;
}

bool clock_step(struct clock *c, int64_t until_ms)
{
	struct thing thing;

	if (clock_next(c) > until_ms) {
		if (until_ms != NEVER)
			c->now_ms = max_of(c->now_ms, until_ms);
		return false;
	}
	thing = pop(c);
	c->now_ms = thing.at_ms;
	thing.fn(c->ctx, thing.arg, true);
	return true;
}
