/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <utlist.h>

#include "base/limits.h"
#include "store/sql.h"

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
	bool is_server;
	int failures;	       /* the thread's: in a row */
	int64_t spoken_ms;     /* the thread's: when the database last answered, or did not */
	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t changed;
	struct item *waiting, *answered;
	char *trouble; /* written by the thread only */
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

/* ---- the thread's own ---- */

static int64_t monotonic_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What is wrong with the database, or NULL. */
static void note_trouble(struct store *store, const char *why)
{
	bool changed;

	pthread_mutex_lock(&store->mutex);
	changed = (why != NULL) != (store->trouble != NULL);
	str_set(&store->trouble, why);
	pthread_mutex_unlock(&store->mutex);
	store->spoken_ms = monotonic_ms();
	store->failures = why ? store->failures + 1 : 0;
	if (changed)
		store->wake(store->ctx);
}

static void fail_run(struct item *item, size_t n, int r, const char *why)
{
	for (; n > 0; n--, item = item->next) {
		item->result = r;
		item->why = xstrdup(why);
	}
}

/* Commits a run of operations together. When one of them is refused each gets its own transaction,
 * so it does not take its neighbours with it; when it is the database, they all fail alike. */
static int apply_run(struct store *store, struct item *item, size_t n)
{
	cleanup(freep) struct store_op *ops = xcalloc(n, sizeof(*ops));
	cleanup(freep) char *why = NULL;
	struct item *one = item;
	int r;

	for (size_t i = 0; i < n; i++, one = one->next)
		ops[i] = one->op; /* borrowed */
	r = store_db_apply(store->db, ops, n, &why);
	if (r == 0 || sql_passes(r))
		note_trouble(store, r < 0 ? why : NULL);
	if (sql_passes(r) || (r < 0 && n == 1)) {
		fail_run(item, n, r, why);
		return r;
	}
	for (; n > 0 && r < 0; n--, item = item->next)
		(void)apply_run(store, item, 1);
	return 0;
}

static void work(struct store *store, struct item *list)
{
	struct item *item = list;
	const struct item *failed = NULL;

	while (item) {
		struct item *first = item;
		size_t n = 0;

		for (; item && !item->read && n < STORE_BATCH_MAX; item = item->next)
			n++;
		if (n && failed) /* it was waited for once: that is enough for all of them */
			fail_run(first, n, failed->result, failed->why);
		else if (n && sql_passes(apply_run(store, first, n)))
			failed = first;
		if (n)
			continue;
		(void)store_db_read(store->db, &item->query, &item->read_result);
		item = item->next;
	}
}

/* Jobs are the core's to try again. */
static bool is_kept(const struct item *item)
{
	return !item->read && item->op.kind != STORE_JOB && sql_passes(item->result);
}

/* Takes out of the list what has to wait until the database is back; the rest is answered. */
static struct item *keep_some(struct store *store, struct item **list)
{
	struct item *kept = NULL, *item, *next;
	size_t n = 0, bytes = 0;

	DL_FOREACH_SAFE(*list, item, next)
	{
		size_t size = item->op.picture ? item->op.picture->len : 0;

		if (!is_kept(item) || n >= STORE_KEPT_MAX || bytes + size > STORE_KEPT_BYTES_MAX)
			continue;
		DL_DELETE(*list, item);
		DL_APPEND(kept, item);
		free(take(item->why));
		item->result = 0;
		n++;
		bytes += size;
	}
	return kept;
}

/* Under the mutex. Until something was given, or it is time for a sign of life. */
static void wait_for_work(struct store *store, const struct item *kept)
{
	int64_t wait_ms = STORE_PING_MS, at_ms;
	struct timespec until;

	if (!kept && !store->is_server) {
		while (!store->waiting && !store->ending)
			pthread_cond_wait(&store->changed, &store->mutex);
		return;
	}
	if (kept || store->trouble)
		wait_ms = min_of(
			STORE_RETRY_MIN_MS << min_of(store->failures, 10), STORE_RETRY_MAX_MS);
	at_ms = monotonic_ms() + wait_ms;
	until = (struct timespec){at_ms / 1000, at_ms % 1000 * 1000000};
	while (!store->waiting && !store->ending &&
		pthread_cond_timedwait(&store->changed, &store->mutex, &until) == 0)
		;
}

static void ping(struct store *store)
{
	char *why = NULL;
	int r;

	if (!store->is_server ||
		(!store->trouble && monotonic_ms() - store->spoken_ms < STORE_PING_MS))
		return;
	r = store_db_ping(store->db, &why);
	note_trouble(store, r < 0 ? why : NULL);
	free(why);
}

static void *thread_main(void *arg)
{
	struct store *store = arg;
	struct item *kept = NULL;
	bool ending = false;

	while (!ending) {
		struct item *list = take(kept);

		pthread_mutex_lock(&store->mutex);
		wait_for_work(store, list);
		DL_CONCAT(list, store->waiting);
		store->waiting = NULL;
		ending = store->ending;
		pthread_mutex_unlock(&store->mutex);
		if (!list) {
			ping(store);
			continue;
		}
		work(store, list);
		if (!ending)
			kept = keep_some(store, &list);
		pthread_mutex_lock(&store->mutex);
		DL_CONCAT(store->answered, list);
		pthread_mutex_unlock(&store->mutex);
		store->wake(store->ctx);
	}
	return NULL;
}

/* ---- outside ---- */

struct store *store_new(struct store_db *db, void (*wake)(void *ctx), void *ctx)
{
	struct store *store = xcalloc(1, sizeof(*store));
	pthread_condattr_t clock;
	sigset_t all, before;

	store->db = db;
	store->wake = wake;
	store->ctx = ctx;
	store->is_server = store_db_is_server(db);
	store->spoken_ms = monotonic_ms();
	must(pthread_mutex_init(&store->mutex, NULL) == 0);
	must(pthread_condattr_init(&clock) == 0);
	must(pthread_condattr_setclock(&clock, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&store->changed, &clock) == 0);
	pthread_condattr_destroy(&clock);
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
	free(store->trouble);
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

char *store_trouble(struct store *store)
{
	char *why;

	pthread_mutex_lock(&store->mutex);
	why = xstrdup(store->trouble);
	pthread_mutex_unlock(&store->mutex);
	return why;
}
