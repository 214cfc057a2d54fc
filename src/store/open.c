/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/limits.h"
#include "store/columns.h"
#include "store/db_in.h"
#include "store/schema.h"

/* Opening a database, and opening it again when the connection was lost. */

static int64_t monotonic_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- one bot a database ---- */

/*
 * A lock of the server's that belongs to the connection: it goes with it. PostgreSQL's belong to
 * one database, and a schema of it may be a bot's own; MySQL's are named for the whole server.
 */
static const char *lock_text(enum sql_dialect dialect)
{
	return dialect == SQL_DIALECT_POSTGRES
		       ? "SELECT CASE WHEN pg_try_advisory_lock(hashtext('fullet'), "
			 "hashtext(current_schema())) THEN 1 ELSE 0 END"
		       : "SELECT GET_LOCK(CONCAT('fullet.', SHA1(DATABASE())), 0)";
}

/* Waits a little: the server may not have noticed yet that a predecessor is dead. */
static int lock_server(struct sql *sql, char **ret_why)
{
	const struct timespec pause = {.tv_nsec = 100 * 1000000};
	int64_t end_ms = monotonic_ms() + STORE_LOCK_MS, got = 0;
	int r;

	for (;;) {
		r = sql_number(sql, lock_text(sql->driver->dialect), NULL, 0, 0, &got, ret_why);
		if (r < 0 || got == 1)
			return r;
		if (monotonic_ms() >= end_ms)
			break;
		nanosleep(&pause, NULL);
	}
	*ret_why = xasprintf("another fullet already uses %s", sql->shown);
	return -EBUSY;
}

/* ---- opening ---- */

static int open_sql(const struct database_url *url, bool own, struct sql **ret, char **ret_why)
{
	struct sql *sql = NULL;
	int r;

	if (url->dialect == SQL_DIALECT_SQLITE) {
		r = sql_open_sqlite(url->path, own, &sql, ret_why);
	} else {
		r = sql_open_server(url, &sql, ret_why);
		if (r == 0 && own)
			r = lock_server(sql, ret_why);
	}
	if (r == 0) {
		r = own ? schema_migrate(sql, ret_why) : schema_expect(sql, ret_why);
		r = r == -EBUSY ? -EAGAIN : r;
	}
	if (r < 0)
		sql_close(sql);
	else
		*ret = sql;
	return r;
}

static int open_db(const char *where, bool own, struct store_db **ret, char **ret_why)
{
	struct store_db *db = xcalloc(1, sizeof(*db));
	char *why = NULL;
	int r = database_url_parse(where, &db->url, &why);

	db->own = own;
	if (r == 0)
		r = open_sql(&db->url, own, &db->sql, &why);
	if (r == 0) {
		db->job_upsert = columns_upsert_sql(db->url.dialect);
		db->job_select = columns_select_sql("WHERE id = ?");
	}
	if (r == 0 && own) { /* history too long is no reason not to start */
		int pruned = db_prune(db, NULL);

		db_result(db, pruned, NULL);
	}
	if (r < 0) {
		store_db_close(db);
		if (ret_why)
			*ret_why = take(why);
		free(why);
		return r;
	}
	*ret = db;
	return 0;
}

int store_db_open(const char *where, struct store_db **ret, char **ret_why)
{
	return open_db(where, true, ret, ret_why);
}

int store_db_open_shared(const char *where, struct store_db **ret, char **ret_why)
{
	return open_db(where, false, ret, ret_why);
}

struct store_db *store_db_close(struct store_db *db)
{
	if (!db)
		return NULL;
	sql_close(db->sql);
	database_url_free(&db->url);
	free(db->job_upsert);
	free(db->job_select);
	free(db->lost_why);
	free(db);
	return NULL;
}

const char *store_db_shown(const struct store_db *db)
{
	return db->url.shown;
}

bool store_db_is_server(const struct store_db *db)
{
	return db->url.dialect != SQL_DIALECT_SQLITE;
}

/* ---- a lost connection ---- */

static void note_lost(struct store_db *db, const char *why)
{
	int64_t wait_ms = STORE_RETRY_MIN_MS << min_of(db->tries, 10);

	str_set(&db->lost_why, why);
	db->tries++;
	db->retry_ms = monotonic_ms() + min_of(wait_ms, (int64_t)STORE_RETRY_MAX_MS);
}

int db_ready(struct store_db *db, char **ret_why)
{
	char *why = NULL;
	int r = 0;

	if (db->sql)
		return 0;
	if (monotonic_ms() >= db->retry_ms) {
		r = open_sql(&db->url, db->own, &db->sql, &why);
		if (r == 0) {
			db->tries = 0;
			return 0;
		}
		note_lost(db, why ? why : strerror(-r));
		free(why);
	}
	if (ret_why)
		*ret_why = xstrdup(db->lost_why);
	return -ENOTCONN;
}

void db_result(struct store_db *db, int r, char **ret_why)
{
	if (r != -ENOTCONN || !db->sql)
		return;
	db->sql = sql_close(db->sql);
	note_lost(db, ret_why && *ret_why ? *ret_why : "the connection was closed");
}

/* A server that was started anew meanwhile is met here: the first try is at once. */
bool db_is_back(struct store_db *db, int r, char **ret_why)
{
	char *why = NULL;

	if (r != -ENOTCONN || !db->sql)
		return false;
	db_result(db, r, ret_why);
	db->retry_ms = 0;
	r = db_ready(db, &why);
	if (ret_why) {
		free(*ret_why);
		*ret_why = take(why);
	}
	free(why);
	return r == 0;
}

int store_db_ping(struct store_db *db, char **ret_why)
{
	int64_t one = 0;
	int r;

	if (!store_db_is_server(db))
		return 0;
	r = db_ready(db, ret_why);
	if (r == 0)
		r = sql_number(db->sql, "SELECT 1", NULL, 0, 0, &one, ret_why);
	db_result(db, r, ret_why);
	return r;
}

/* ---- about ---- */

static char *ask_text(struct store_db *db, const char *text)
{
	char *said = NULL;

	(void)sql_run(db->sql, text, NULL, 0, db_take_text, &said, NULL);
	return said;
}

char *store_db_advice(struct store_db *db)
{
	int64_t packet = INT64_MAX;

	if (db->url.dialect != SQL_DIALECT_MYSQL || db_ready(db, NULL) < 0)
		return NULL;
	(void)sql_number(db->sql, "SELECT @@max_allowed_packet", NULL, 0, packet, &packet, NULL);
	if (packet >= (int64_t)STORE_PICTURE_MAX)
		return NULL;
	return xasprintf("the server takes at most %" PRId64 " MiB at once, so larger pictures are "
			 "not kept: raise its max_allowed_packet to 80M",
		packet / (int64_t)MIB);
}

char *store_db_about(struct store_db *db)
{
	static const char *const versions[] = {"SELECT 'SQLite ' || sqlite_version()",
		"SELECT split_part(version(), ' (', 1)",
		("SELECT CASE WHEN version() LIKE '%MariaDB%' THEN CONCAT('MariaDB ', "
		 "SUBSTRING_INDEX(version(), '-', 1)) ELSE CONCAT('MySQL ', version()) END")};
	static const char *const sizes[] = {
		"SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
		"SELECT pg_database_size(current_database())",
		("SELECT CAST(coalesce(sum(data_length + index_length), 0) AS SIGNED) FROM "
		 "information_schema.tables WHERE table_schema = database()")};
	cleanup(freep) char *version = NULL;
	int64_t size = 0;

	if (db_ready(db, NULL) < 0)
		return NULL;
	version = ask_text(db, versions[db->url.dialect]);
	(void)sql_number(db->sql, sizes[db->url.dialect], NULL, 0, 0, &size, NULL);
	return xasprintf("%s, schema %d, %.1f MiB", version ? version : "?", schema_newest(),
		(double)size / MIB);
}
