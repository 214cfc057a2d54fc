/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/wake.h"

#include <stdlib.h>

static void put(struct wake_heap *heap, size_t place, struct wake *w)
{
	heap->items[place - 1] = w;
	w->place = place;
}

/* Moves *w from its place to where it belongs. */
static void sift(struct wake_heap *heap, struct wake *w)
{
	size_t place = w->place;

	while (place > 1 && heap->items[place / 2 - 1]->at_ms > w->at_ms) {
		put(heap, place, heap->items[place / 2 - 1]);
		place /= 2;
	}
	for (;;) {
		size_t child = place * 2;

		if (child < heap->n && heap->items[child]->at_ms < heap->items[child - 1]->at_ms)
			child++;
		if (child > heap->n || heap->items[child - 1]->at_ms >= w->at_ms)
			break;
		put(heap, place, heap->items[child - 1]);
		place = child;
	}
	put(heap, place, w);
}

void wake_set(struct wake_heap *heap, struct wake *w, int64_t at_ms)
{
	if (at_ms == NEVER) {
		wake_cancel(heap, w);
		return;
	}
	w->at_ms = at_ms;
	if (w->place == 0) {
		if (heap->n == heap->size) {
			heap->size = max_of(heap->size * 2, (size_t)16);
			heap->items = xrealloc(heap->items, heap->size * sizeof(*heap->items));
		}
		heap->n++;
		put(heap, heap->n, w);
	}
	sift(heap, w);
}

void wake_cancel(struct wake_heap *heap, struct wake *w)
{
	struct wake *last;
	size_t place = w->place;

	if (place == 0)
		return;
	w->place = 0;
	last = heap->items[--heap->n];
	if (last == w)
		return;
	put(heap, place, last);
	sift(heap, last);
}

struct wake *wake_due(struct wake_heap *heap, int64_t now_ms)
{
	struct wake *w;

	if (wake_first_ms(heap) > now_ms || heap->n == 0)
		return NULL;
	w = heap->items[0];
	wake_cancel(heap, w);
	return w;
}

int64_t wake_first_ms(const struct wake_heap *heap)
{
	return heap->n ? heap->items[0]->at_ms : NEVER;
}

void wake_heap_free(struct wake_heap *heap)
{
	must(heap->n == 0);
	free(heap->items);
	*heap = (struct wake_heap){0};
}
