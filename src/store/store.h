/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_STORE_STORE_H
#define FULLET_STORE_STORE_H

#include "base/defs.h"
#include "base/row.h" /* struct job_row, session_row, job_row_free, job_row_copy: written in base/row.c */

/*
 * The rows that survive, and the queue of statements to them. A driver runs on
 * its own thread; statements run in the order in which they were given, those
 * waiting together are committed in one transaction, and an answer is given only
 * after the commit. SQLite: WAL, synchronous=FULL, one writer (an exclusive lock
 * file beside the database keeps a second process out).
 */

/* What the start needs: every job not ended, every session, the small values. */
struct store_snapshot {
	struct job_row *jobs; /* by id */
	size_t n_jobs;
	struct session_row *sessions;
	size_t n_sessions;
	uint64_t max_job_id;  /* over all jobs, ended ones too */
};
void store_snapshot_free(struct store_snapshot *s);

struct store;

/* What a statement answers: 0 or -errno; why is a sentence (no secret), NULL on success. */
typedef void store_done(void *arg, int result, const char *why);

enum store_op_kind {
	STORE_JOB,          /* insert or replace the job; ended jobs (step >= STORE_ENDED) lose their token */
	STORE_SESSION,      /* insert or replace */
	STORE_SESSION_DROP, /* by user_id */
	STORE_VALUE,        /* name = value (NULL: remove) in the table `settings` */
};

struct store_op {
	enum store_op_kind kind;
	struct job_row job;
	struct session_row session;
	char *name, *value;
	bool more; /* the next operation follows at once: it waits for it, for one commit of both */
};
void store_op_free(struct store_op *op);

/* ---- the rows of one database, synchronous: used by the thread, by the simulator, by tests ---- */
struct store_db;
/* path ":memory:" or a file; folders are made (0700), the file is 0600. Migrates. Refuses a file that
 * is not a SQLite database, a newer schema, or one locked by another process (-EBUSY). The
 * Python version's tables (sessions, counters) in the same file are left alone. */
int store_db_open(const char *path, struct store_db **ret, char **ret_why);
/* For looking (`fullet check`) while a bot may be running on it: takes no lock, makes and migrates
 * nothing. -ENOENT when there is no such file, -ENOTSUP when its schema is not ours. */
int store_db_open_shared(const char *path, struct store_db **ret, char **ret_why);
struct store_db *store_db_close(struct store_db *db);
/* Runs the operations in one transaction. Ended jobs are kept for statistics and pruned now and
 * then (STORE_KEEP_MS, STORE_KEEP_ROWS). */
int store_db_apply(struct store_db *db, const struct store_op *ops, size_t n, char **ret_why);
int store_db_load(struct store_db *db, struct store_snapshot *ret, char **ret_why);
/* *ret is NULL when there is no such value. The caller owns it. */
int store_db_value(struct store_db *db, const char *name, char **ret);
/* One job by id, ended or not; -ENOENT. */
int store_db_job(struct store_db *db, uint64_t id, struct job_row *ret);
/* PRAGMA quick_check and a write that is rolled back: 0, or -errno with a sentence. */
int store_db_check(struct store_db *db, char **ret_why);

/* ---- the thread ---- */
/* Takes ownership of db. `wake` is called on the store's thread when answers wait: it must be
 * thread-safe (uv_async_send) and leads to store_poll() on the loop's thread. */
struct store *store_new(struct store_db *db, void (*wake)(void *ctx), void *ctx);
/* Finishes what was given, ends the thread, closes. Answers not polled are dropped. */
struct store *store_free(struct store *store);
/* Takes the contents of *op. */
void store_submit(struct store *store, struct store_op *op, store_done *done, void *arg);
/* Reads one job on the store's thread; done2 gets the row (borrowed) or NULL. */
typedef void store_job_done(void *arg, const struct job_row *row);
void store_read_job(struct store *store, uint64_t id, store_job_done *done, void *arg);
/* Calls the done functions of all finished statements. */
void store_poll(struct store *store);

#endif
