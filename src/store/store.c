/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/limits.h"

/* One statement on its way: waiting, then answered. */
struct item {
	struct item *prev, *next;
	struct store_op op;
	store_done *done;      /* of an operation; may be NULL */
	store_read_done *read; /* of a read; NULL for an operation */
	void *arg;
	struct store_query query;
	struct store_result read_result;
	int result;
	char *why;
};

struct store {
	struct store_db *db; /* the thread's alone */
	void (*wake)(void *ctx);
	void *ctx;
	pthread_t thread;
	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t changed;
	struct item *waiting, *answered;
	bool ending;
};

static void item_free(struct item *item)
{
	store_op_free(&item->op);
	store_result_free(&item->read_result);
	free(item->why);
	free(item);
}

static void list_free(struct item *list)
{
	struct item *item, *next;

	DL_FOREACH_SAFE(list, item, next)
	item_free(item);
}

static void apply_single(struct store *store, struct item *item)
{
	item->result = store_db_apply(store->db, &item->op, 1, &item->why);
}

/* Commits a run of operations together. When that fails each gets its own transaction, so
 * one that is refused does not take its neighbours with it. */
static void apply_run(struct store *store, struct item *first, size_t n)
{
	cleanup(freep) struct store_op *ops = NULL;
	struct item *item = first;

	if (n == 1) {
		apply_single(store, first);
		return;
	}
	ops = xcalloc(n, sizeof(*ops));
	for (size_t i = 0; i < n; i++, item = item->next)
		ops[i] = item->op; /* borrowed */
	if (store_db_apply(store->db, ops, n, NULL) == 0)
		return;
	item = first;
	for (size_t i = 0; i < n; i++, item = item->next)
		apply_single(store, item);
}

static void work(struct store *store, struct item *list)
{
	struct item *item = list;

	while (item) {
		struct item *first = item;
		size_t n = 0;

		for (; item && !item->read && n < STORE_BATCH_MAX; item = item->next)
			n++;
		if (n) {
			apply_run(store, first, n);
			continue;
		}
		(void)store_db_read(store->db, &item->query, &item->read_result);
		item = item->next;
	}
}

static void *thread_main(void *arg)
{
	struct store *store = arg;

	pthread_mutex_lock(&store->mutex);
	for (;;) {
		struct item *list;

		while (!store->waiting && !store->ending)
			pthread_cond_wait(&store->changed, &store->mutex);
		if (!store->waiting)
			break;
		list = take(store->waiting);
		pthread_mutex_unlock(&store->mutex);
		work(store, list);
		pthread_mutex_lock(&store->mutex);
		DL_CONCAT(store->answered, list);
		pthread_mutex_unlock(&store->mutex);
		store->wake(store->ctx);
		pthread_mutex_lock(&store->mutex);
	}
	pthread_mutex_unlock(&store->mutex);
	return NULL;
}

struct store *store_new(struct store_db *db, void (*wake)(void *ctx), void *ctx)
{
	struct store *store = xcalloc(1, sizeof(*store));
	sigset_t all, before;

	store->db = db;
	store->wake = wake;
	store->ctx = ctx;
	must(pthread_mutex_init(&store->mutex, NULL) == 0);
	must(pthread_cond_init(&store->changed, NULL) == 0);
	/* Signals belong to the loop's thread. */
	sigfillset(&all);
	must(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	must(pthread_create(&store->thread, NULL, thread_main, store) == 0);
	must(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	pthread_setname_np(store->thread, "store");
	return store;
}

struct store *store_free(struct store *store)
{
	if (!store)
		return NULL;
	pthread_mutex_lock(&store->mutex);
	store->ending = true;
	pthread_cond_signal(&store->changed);
	pthread_mutex_unlock(&store->mutex);
	must(pthread_join(store->thread, NULL) == 0);
	list_free(store->answered);
	pthread_cond_destroy(&store->changed);
	pthread_mutex_destroy(&store->mutex);
	store_db_close(store->db);
	free(store);
	return NULL;
}

static void submit(struct store *store, struct item *item)
{
	pthread_mutex_lock(&store->mutex);
	must(!store->ending);
	DL_APPEND(store->waiting, item);
	if (!item->op.more)
		pthread_cond_signal(&store->changed);
	pthread_mutex_unlock(&store->mutex);
}

void store_submit(struct store *store, struct store_op *op, store_done *done, void *arg)
{
	struct item *item = xcalloc(1, sizeof(*item));

	item->op = *op;
	*op = (struct store_op){0};
	item->done = done;
	item->arg = arg;
	submit(store, item);
}

void store_read(
	struct store *store, const struct store_query *query, store_read_done *done, void *arg)
{
	struct item *item = xcalloc(1, sizeof(*item));

	item->read = done;
	item->query = *query;
	item->arg = arg;
	submit(store, item);
}

void store_poll(struct store *store)
{
	struct item *list, *item, *next;

	pthread_mutex_lock(&store->mutex);
	list = take(store->answered);
	pthread_mutex_unlock(&store->mutex);
	/* The list is ours now: an answer may well submit the next statement. */
	DL_FOREACH_SAFE(list, item, next)
	{
		if (item->read)
			item->read(item->arg, &item->read_result);
		else if (item->done)
			item->done(item->arg, item->result, item->why);
		item_free(item);
	}
}
