/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_DISCORD_WAKE_H
#define FULLET_DISCORD_WAKE_H

#include "base/defs.h"

/*
 * Things that wait for a time, the earliest first: an intrusive binary heap. The
 * owner of a `struct wake` cancels it before it is freed.
 */
struct wake {
	int64_t at_ms;
	size_t place; /* in the heap, from 1; 0: not waiting */
};

struct wake_heap {
	struct wake **items;
	size_t n;
	size_t size;
};

/* The struct of type `type` whose member `member` is *w. */
#define wake_owner(w, type, member) ((type *)(void *)((char *)(w)-offsetof(type, member)))

/* Waits until at_ms; an earlier time is replaced. NEVER cancels. */
void wake_set(struct wake_heap *heap, struct wake *w, int64_t at_ms);
void wake_cancel(struct wake_heap *heap, struct wake *w);
/* Takes out one whose time has come; NULL when there is none. */
struct wake *wake_due(struct wake_heap *heap, int64_t now_ms);
/* The earliest time; NEVER when nothing waits. */
int64_t wake_first_ms(const struct wake_heap *heap);
/* Frees the heap itself; nothing waits in it any more. */
void wake_heap_free(struct wake_heap *heap);

#endif
