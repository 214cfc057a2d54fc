/* SPDX-License-Identifier: Apache-2.0 */
#include "store_kit.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* ---- the thread ---- */

struct answers {
	int pipe[2];
	struct store *store;
	const char *path;
	int n;
	int results[2000];
	int order[2000];
	uint64_t rows[8];
	int n_rows;
	bool look; /* compare with another connection at each answer */
};

struct ask {
	struct answers *answers;
	int number;
};

static void wake_pipe(void *ctx)
{
	struct answers *a = ctx;

	assert_int_equal(write(a->pipe[1], "x", 1), 1);
}

static void answered(void *arg, int result, const char *why)
{
	struct ask *ask = arg;
	struct answers *a = ask->answers;

	assert_true((result == 0) == (why == NULL));
	a->results[a->n] = result;
	a->order[a->n++] = ask->number;
	if (a->look && result == 0) {
		char sql[64];

		snprintf(sql, sizeof(sql), "SELECT id FROM jobs WHERE id = %d", ask->number);
		raw_text(a->path, sql, sql, sizeof(sql));
		assert_int_equal(strtol(sql, NULL, 10), ask->number);
	}
	free(ask);
}

static void row_read(void *arg, struct store_result *result)
{
	const struct job_row *row = result->found ? &result->jobs[0] : NULL;
	struct answers *a = arg;

	a->order[a->n++] = -1;
	a->rows[a->n_rows++] = row ? row->seed : 0;
}

static void give(struct answers *a, struct store_op op, int number)
{
	struct ask *ask = xcalloc(1, sizeof(*ask));

	*ask = (struct ask){a, number};
	store_submit(a->store, &op, answered, ask);
	assert_null(op.job.prompt);
}

/* Polls as a loop would: sleeps on the descriptor that wake() makes readable. */
static void wait_for(struct answers *a, int n)
{
	char drop[64];

	while (a->n < n) {
		struct pollfd fd = {.fd = a->pipe[0], .events = POLLIN};

		assert_int_equal(poll(&fd, 1, 30000), 1);
		assert_true(read(a->pipe[0], drop, sizeof(drop)) > 0);
		store_poll(a->store);
	}
}

static void answers_begin(struct answers *a, const char *path)
{
	a->path = path;
	assert_int_equal(pipe2(a->pipe, O_CLOEXEC), 0);
	a->store = store_new(open_ok(path), wake_pipe, a);
}

static void answers_end(struct answers *a)
{
	a->store = store_free(a->store);
	close(a->pipe[0]);
	close(a->pipe[1]);
	free(a);
}

static struct store_op value_op(const char *name, const char *value)
{
	return (struct store_op){
		.kind = STORE_VALUE, .name = xstrdup(name), .value = xstrdup(value)};
}

static struct store_op session_op(uint64_t user_id)
{
	return (struct store_op){
		.kind = STORE_SESSION, .session = {.user_id = user_id, .channel_id = 5}};
}

static void test_thread_order(void **state)
{
	struct place *p = *state;
	struct answers *a = xcalloc(1, sizeof(*a));

	answers_begin(a, p->path);
	for (int i = 1; i <= 1000; i++) {
		give(a, job_op((uint64_t)i, 5, 0), i);
		if (i == 500)
			store_read(a->store, &(struct store_query){.id = 500}, row_read, a);
	}
	store_read(a->store, &(struct store_query){.id = 5000}, row_read, a);
	wait_for(a, 1002);
	assert_int_equal(a->n, 1002);
	for (int i = 0; i < 1002; i++)
		assert_int_equal(a->order[i], i == 500 || i == 1001 ? -1 : i < 500 ? i + 1 : i);
	assert_int_equal(a->n_rows, 2);
	assert_true(a->rows[0] == 1500 && a->rows[1] == 0);
	answers_end(a);
}

static void test_thread_answers_after_commit(void **state)
{
	struct place *p = *state;
	struct answers *a = xcalloc(1, sizeof(*a));

	answers_begin(a, p->path);
	a->look = true;
	for (int i = 1; i <= 60; i++)
		give(a, job_op((uint64_t)i, 5, 0), i);
	wait_for(a, 60);
	answers_end(a);
}

static void test_thread_bad_neighbour(void **state)
{
	struct place *p = *state;
	struct answers *a = xcalloc(1, sizeof(*a));
	sqlite3 *other = NULL;

	answers_begin(a, p->path);
	/* The others must wait together with the bad one: hold the thread up. */
	assert_int_equal(sqlite3_open(p->path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	give(a, job_op(1, 5, 0), 1);
	for (int i = 2; i <= 20; i++)
		give(a, job_op(i == 10 ? UINT64_MAX : (uint64_t)i, 5, 0), i);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	wait_for(a, 20);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(a->order[i], i + 1);
		assert_int_equal(a->results[i], i == 9 ? -EINVAL : 0);
	}
	answers_end(a);
	raw_equal(p->path, "SELECT count(*) FROM jobs", "19");
}

/* Another program holds the file: a job's answer tells it, all else is kept and done later. */
static void test_thread_keeps(void **state)
{
	struct place *p = *state;
	struct answers *a = xcalloc(1, sizeof(*a));
	sqlite3 *other = NULL;
	char *why;

	answers_begin(a, p->path);
	assert_int_equal(sqlite3_open(p->path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	give(a, value_op("a", "1"), 1);
	give(a, job_op(1, 5, 0), 2);
	give(a, value_op("a", "2"), 3);
	wait_for(a, 1);
	assert_int_equal(a->order[0], 2);
	assert_int_equal(a->results[0], -EBUSY);
	why = store_trouble(a->store);
	assert_non_null(strstr(why, "locked"));
	free(why);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	wait_for(a, 3);
	assert_true(a->order[1] == 1 && a->order[2] == 3);
	assert_true(a->results[1] == 0 && a->results[2] == 0);
	assert_null(store_trouble(a->store));
	answers_end(a);
	raw_equal(p->path, "SELECT value FROM settings WHERE name = 'a'", "2");
}

/* What is kept is given up at the end, in a time that has an end. */
static void test_thread_ends_without_database(void **state)
{
	struct place *p = *state;
	struct answers *a = xcalloc(1, sizeof(*a));
	sqlite3 *other = NULL;

	answers_begin(a, p->path);
	assert_int_equal(sqlite3_open(p->path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	for (int i = 0; i < 600; i++) {
		struct store_op op = value_op("a", "1");

		store_submit(a->store, &op, NULL, NULL);
	}
	answers_end(a);
	sqlite3_close(other);
}

static void test_thread_two_together(void **state)
{
	struct place *p = *state;
	struct answers *a = xcalloc(1, sizeof(*a));

	answers_begin(a, p->path);
	for (int i = 1; i <= 19; i += 2) {
		struct store_op first = job_op((uint64_t)i, 5, 0);

		first.more = true;
		give(a, first, i);
		give(a, job_op((uint64_t)i + 1, 5, 0), i + 1);
		wait_for(a, i + 1);
		assert_int_equal(a->order[i - 1], i);
		assert_int_equal(a->order[i], i + 1);
	}
	answers_end(a);
	raw_equal(p->path, "SELECT count(*) FROM jobs", "20");
}

static void test_thread_finishes_at_end(void **state)
{
	struct place *p = *state;
	struct answers *a = xcalloc(1, sizeof(*a));

	answers_begin(a, p->path);
	for (int i = 1; i <= 300; i++) {
		struct store_op op = job_op((uint64_t)i, 5, 0);

		store_submit(a->store, &op, NULL, NULL);
	}
	answers_end(a);
	raw_equal(p->path, "SELECT count(*) FROM jobs", "300");
}

static void test_full_disk(void **state)
{
	struct place *p = *state;
	struct answers *a = xcalloc(1, sizeof(*a));
	struct rlimit before, small;
	int failed = 0;

	answers_begin(a, p->path);
	give(a, job_op(1, 5, 0), 1);
	wait_for(a, 1);
	/* No file may grow beyond 128 KiB: the kernel refuses the write as a full disk would. */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 128 * 1024;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (int i = 2; i <= 100; i++) {
		give(a, job_op((uint64_t)i, 5, 0), i);
		wait_for(a, i);
		if (a->results[i - 1]) {
			/* EFBIG is to SQLite just a failed write */
			assert_int_equal(a->results[i - 1], -EIO);
			failed++;
		}
	}
	assert_true(failed > 0);
	/* Nor is there room for a row any more in what was freed meanwhile. */
	small.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	/* What is not a job's is kept until there is room, and answered then. */
	give(a, session_op(77), 0);
	give(a, job_op(101, 5, 0), 101);
	wait_for(a, 101);
	assert_int_equal(a->order[100], 101);
	assert_int_equal(a->results[100], -EIO);
	failed++;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	/* Room again: the same thread, the same connection goes on. */
	for (int i = 102; i <= 150; i++)
		give(a, job_op((uint64_t)i, 5, 0), i);
	wait_for(a, 151);
	assert_int_equal(a->order[101], 0);
	for (int i = 101; i < 151; i++)
		assert_int_equal(a->results[i], 0);
	answers_end(a);
	raw_equal(p->path, "SELECT channel_id FROM channels WHERE user_id = 77", "5");
	{
		struct store_db *db = open_ok(p->path);

		/* What was answered is there, what was refused is not. */
		assert_int_equal(store_db_check(db, NULL), 0);
		assert_int_equal(count_rows(db, 1, 150), 150 - failed);
		store_db_close(db);
	}
}

/* On a disk of 300 KiB in a namespace of its own: the exit status tells the line that failed. */
_Noreturn static void tiny_disk_run(const struct place *p)
{
	struct store_db *db = NULL;
	struct store_op op;
	char *why = NULL;
	uint64_t id = 0;
	int r = 0;

	if (unshare(geteuid() ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS) < 0 ||
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("none", p->root, "tmpfs", 0, "size=300k") < 0)
		_exit(77);
	if (store_db_open(p->path, &db, NULL) < 0)
		_exit(1);
	while (r == 0 && id < 10000) {
		op = job_op(++id, 5, 0);
		r = store_db_apply(db, &op, 1, &why);
		store_op_free(&op);
	}
	if (r != -ENOSPC || !why || !strstr(why, "is full"))
		_exit(2);
	if (mount("none", p->root, "tmpfs", MS_REMOUNT, "size=10m") < 0)
		_exit(3);
	op = job_op(id, 5, 0);
	if (store_db_apply(db, &op, 1, NULL) < 0 || count_rows(db, 1, id) != (int)id)
		_exit(4);
	store_op_free(&op);
	free(why);
	store_db_close(db);
	_exit(0);
}

static void test_tiny_disk(void **state)
{
	struct place *p = *state;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		tiny_disk_run(p);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip(); /* no right to mount here */
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- kill -9 ---- */

struct reporter {
	struct store *store;
	int wake[2], report;
	uint64_t next;
};

static void report_wake(void *ctx)
{
	struct reporter *rep = ctx;

	if (write(rep->wake[1], "x", 1) != 1)
		_exit(3);
}

static void report_next(struct reporter *rep);

static void report_done(void *arg, int result, const char *why)
{
	struct reporter *rep = arg;

	if (result || write(rep->report, &rep->next, sizeof(rep->next)) != sizeof(rep->next))
		_exit(4);
	rep->next++;
	report_next(rep);
}

static void report_next(struct reporter *rep)
{
	struct store_op op = job_op(rep->next, 5, (int64_t)rep->next);

	store_submit(rep->store, &op, report_done, rep);
}

/* Commits one job after the other and tells of each through the pipe, until it is killed. */
_Noreturn static void reporter_run(const char *path, int report)
{
	struct reporter rep = {.report = report, .next = 1};
	struct store_db *db = NULL;
	char drop;

	if (pipe2(rep.wake, O_CLOEXEC) < 0 ||
		store_db_open(test_server() ? test_server() : path, &db, NULL) < 0)
		_exit(2);
	rep.store = store_new(db, report_wake, &rep);
	report_next(&rep);
	while (read(rep.wake[0], &drop, 1) == 1)
		store_poll(rep.store);
	_exit(5);
}

static void kill_round(const char *path, int after)
{
	struct store_snapshot s = {0};
	struct store_db *db;
	uint64_t id, last = 0;
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		reporter_run(path, fds[1]);
	close(fds[1]);
	while (read(fds[0], &id, sizeof(id)) == sizeof(id)) {
		assert_true(id == last + 1);
		last = id;
		if (last == (uint64_t)after)
			assert_int_equal(kill(pid, SIGKILL), 0);
	}
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(last >= (uint64_t)after);

	db = open_ok(path); /* the dead one's lock is gone */
	assert_int_equal(store_db_load(db, 0, &s, NULL), 0);
	/* Every reported row, and at most the one whose report was cut off. */
	assert_true(s.n_jobs == last || s.n_jobs == last + 1);
	for (size_t i = 0; i < s.n_jobs; i++) {
		assert_true(s.jobs[i].id == i + 1 && s.jobs[i].seed == 3 * (i + 1));
		assert_string_equal(s.jobs[i].token, "SECRETtoken");
	}
	store_snapshot_free(&s);
	assert_int_equal(store_db_check(db, NULL), 0);
	store_db_close(db);
}

static void test_kill(void **state)
{
	static const int after[] = {1, 2, 17, 150};
	struct place *p = *state;

	for (size_t i = 0; i < countof(after); i++) {
		kill_round(p->path, after[i]);
		unlink(p->path);
		empty_server();
	}
}

int main(void)
{
	const struct CMUnitTest both[] = {
		in_place(test_thread_order),
		in_place(test_thread_answers_after_commit),
		in_place(test_thread_two_together),
		in_place(test_thread_finishes_at_end),
		in_place(test_kill),
	};
	const struct CMUnitTest files[] = {
		in_place(test_thread_bad_neighbour),
		in_place(test_thread_keeps),
		in_place(test_thread_ends_without_database),
		in_place(test_full_disk),
		in_place(test_tiny_disk),
	};

	return run_store_tests(both, files);
}
