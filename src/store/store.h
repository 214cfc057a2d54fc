/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_STORE_STORE_H
#define FULLET_STORE_STORE_H

#include "base/blob.h"
#include "base/defs.h"
#include "base/row.h" /* struct job_row, session_row, job_row_free, job_row_copy: written in base/row.c */

/*
 * The rows that survive, and the queue of statements to them. A driver runs on
 * its own thread; statements run in the order in which they were given, those
 * waiting together are committed in one transaction, and an answer is given only
 * after the commit. While the database is away, jobs are answered with the failure (the core
 * decides how long it tries), and all else is kept, up to a ceiling, and answered when it is done.
 * SQLite: WAL, synchronous=FULL, one writer (an exclusive lock file beside the database keeps a
 * second process out).
 */

/* How many pictures of a member's count for today's quota: each of a job that draws several. */
struct day_count {
	uint64_t user_id;
	int n;
};

/* More than end within the seconds that an interaction lives. */
#define STORE_INTERACTIONS_MAX 256

/* What the start needs: every job not ended, every session, the small values. */
struct store_snapshot {
	struct job_row *jobs; /* by id */
	size_t n_jobs;
	struct session_row *sessions;
	size_t n_sessions;
	uint64_t max_job_id;	 /* over all jobs, ended ones too */
	struct day_count *today; /* jobs made since the day began that did not end in an apology */
	size_t n_today;
	int64_t image_count; /* finished pictures ever: the setting "image_count" */
	struct learned_row *learned; /* at most LEARNED_ROWS_MAX */
	size_t n_learned;
	uint64_t *interactions; /* of the newest ended jobs, at most STORE_INTERACTIONS_MAX */
	size_t n_interactions;
};
void store_snapshot_free(struct store_snapshot *s);

struct store;

/* What a statement answers: 0 or -errno; why is a sentence (no secret), NULL on success. */
typedef void store_done(void *arg, int result, const char *why);

enum store_op_kind {
	STORE_JOB,     /* insert or replace the job; ended jobs (step >= STORE_ENDED) lose their
			  token and their input picture */
	STORE_SESSION, /* insert or replace */
	STORE_SESSION_DROP, /* by user_id */
	STORE_VALUE,	    /* name = value (NULL: remove) in the table `settings` */
	STORE_PICTURE,	    /* id: the job that edits it; picture */
	STORE_LAST,	    /* id: the member; his last picture: name, at_ms, picture */
	STORE_LEARNED,	    /* card, name (of a workflow) = value */
	STORE_ERASE,	    /* id: the member; ended jobs, last picture, session: all that is his */
};

struct store_op {
	enum store_op_kind kind;
	struct job_row job;
	struct session_row session;
	char *name, *value, *card;
	uint64_t id;
	int64_t at_ms;
	struct blob *picture;
	bool more; /* the next operation follows at once: it waits for it, for one commit of both */
};
void store_op_free(struct store_op *op);

/* ---- the rows of one database, synchronous: used by the thread, by the simulator, by tests ----
 */
struct store_db;
/*
 * `where` is ":memory:", the path of a SQLite file, or an URL as in DATABASE_URL. Of a file,
 * folders are made (0700), and it is 0600. Migrates. Refuses a file that is not a SQLite database,
 * a newer schema (-ENOTSUP), and one that another fullet uses (-EBUSY). Waiting may help with
 * -ENOTCONN (the server cannot be reached), -EAGAIN (another program holds it) and -ENOSPC; not
 * with -EACCES, -EINVAL and -ENOENT.
 *
 * A connection that is lost later is made anew by whatever is asked next, a little later after each
 * try that failed; meanwhile all answer -ENOTCONN.
 */
int store_db_open(const char *where, struct store_db **ret, char **ret_why);
/* For looking (`fullet check`) while a bot may be running on it: takes no lock, makes and migrates
 * nothing. -ENOENT when there is no such file, -ENOTSUP when its schema is not ours. */
int store_db_open_shared(const char *where, struct store_db **ret, char **ret_why);
struct store_db *store_db_close(struct store_db *db);
/* Takes every row out: the simulator begins its next seed with it. */
int store_db_empty(struct store_db *db, char **ret_why);
/* Runs the operations in one transaction. Ended jobs are kept for statistics and pruned now and
 * then (STORE_KEEP_MS, STORE_KEEP_ROWS). */
int store_db_apply(struct store_db *db, const struct store_op *ops, size_t n, char **ret_why);
/* day_start_ms: when the day of the quotas began. */
int store_db_load(
	struct store_db *db, int64_t day_start_ms, struct store_snapshot *ret, char **ret_why);
/* *ret is NULL when there is no such value. The caller owns it. */
int store_db_value(struct store_db *db, const char *name, char **ret);
/* What can be asked of the rows. */
enum store_read_kind {
	STORE_READ_JOB,	    /* id: one job, ended or not: jobs[0] */
	STORE_READ_PICTURE, /* id: a job; the picture that it edits */
	STORE_READ_LAST, /* id: a member; the last picture, unless it is older than LAST_PICTURE_MS
			    at now_ms */
	STORE_READ_MEMBER,  /* id: a member; all of the member's jobs, session and last picture */
	STORE_READ_PROMPTS, /* id: a member; his newest RECENT_PROMPTS_MAX different prompts, as
			       jobs that have nothing else, newest first */
};
struct store_query {
	enum store_read_kind kind;
	uint64_t id;
	int64_t now_ms;
};
struct store_picture {
	char *name; /* NULL: a job's */
	int64_t at_ms;
	struct blob *bytes;
};
struct store_result {
	bool found;
	int error; /* -errno: it could not be read */
	struct job_row *jobs;
	size_t n_jobs;
	bool has_session;
	struct session_row session;
	struct store_picture picture;
};
void store_result_free(struct store_result *result);
/* One job by id, ended or not; -ENOENT. */
int store_db_job(struct store_db *db, uint64_t id, struct job_row *ret);
/* 0, also when nothing was found; else -errno, which is in ret->error too. */
int store_db_read(struct store_db *db, const struct store_query *query, struct store_result *ret);
/* PRAGMA quick_check and a write that is rolled back: 0, or -errno with a sentence. */
int store_db_check(struct store_db *db, char **ret_why);

/* "SQLite 3.40.1, 1.2 MiB, schema 2"; the caller owns it. NULL when it cannot be asked. */
char *store_db_about(struct store_db *db);
/* What its owner could do better, as a sentence; NULL: nothing. The caller owns it. */
char *store_db_advice(struct store_db *db);
/* What sentences call it: never a password. */
const char *store_db_shown(const struct store_db *db);
/* A sign of life from a server, connecting anew where needed. Of a file: 0. */
int store_db_ping(struct store_db *db, char **ret_why);
bool store_db_is_server(const struct store_db *db);

/* ---- the thread ---- */
/* Takes ownership of db. `wake` is called on the store's thread when answers wait: it must be
 * thread-safe (uv_async_send) and leads to store_poll() on the loop's thread. */
struct store *store_new(struct store_db *db, void (*wake)(void *ctx), void *ctx);
/* Finishes what was given unless the database is away, ends the thread, closes. Answers not polled
 * are dropped. */
struct store *store_free(struct store *store);
/* Takes the contents of *op. */
void store_submit(struct store *store, struct store_op *op, store_done *done, void *arg);
/* Reads on the store's thread. The result is freed after done has returned: what it takes out
 * of it is its own. */
typedef void store_read_done(void *arg, struct store_result *result);
void store_read(
	struct store *store, const struct store_query *query, store_read_done *done, void *arg);
/* Calls the done functions of all finished statements. */
void store_poll(struct store *store);
/* Why the database takes nothing at present, as a sentence that the caller owns; NULL: it does.
 * `wake` is called at each change. */
char *store_trouble(struct store *store);

#endif
