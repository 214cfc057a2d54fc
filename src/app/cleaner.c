/* SPDX-License-Identifier: Apache-2.0 */
#include "app/cleaner.h"

#include <stdlib.h>
#include <utlist.h>

struct waiting {
	struct blob *picture;
	struct clean_wish wish;
	clean_done *done;
	void *arg;
	struct waiting *prev, *next;
};

struct cleaner {
	struct loop *loop;
	const struct log *log;
	struct waiting *queue;
};

struct cleaner *cleaner_new(struct loop *loop, const struct log *log)
{
	struct cleaner *c = xcalloc(1, sizeof(*c));

	c->loop = loop;
	c->log = log;
	return c;
}

static void waiting_free(struct cleaner *c, struct waiting *w)
{
	DL_DELETE(c->queue, w);
	blob_drop(w->picture);
	free(w);
}

struct cleaner *cleaner_free(struct cleaner *c)
{
	if (!c)
		return NULL;
	while (c->queue)
		waiting_free(c, c->queue);
	free(c);
	return NULL;
}

void cleaner_clean(struct cleaner *c, struct blob *picture, const struct clean_wish *wish,
	clean_done *done, void *arg)
{
	struct waiting *w = xcalloc(1, sizeof(*w));

	*w = (struct waiting){
		.picture = blob_hold(picture), .wish = *wish, .done = done, .arg = arg};
	DL_APPEND(c->queue, w);
	loop_wake(c->loop);
}

void cleaner_poll(struct cleaner *c)
{
	struct clean_answer answer = {.result = CLEAN_UNAVAILABLE};

	while (c->queue) {
		struct waiting *w = c->queue;

		w->done(w->arg, &answer);
		waiting_free(c, w);
	}
}
