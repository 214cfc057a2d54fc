/* SPDX-License-Identifier: Apache-2.0 */
#include "store/schema.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"

/*
 * Entry n brings a database of schema n to schema n + 1. An entry that was ever released is
 * never edited: add a new one. The names `sessions` and `counters` belong to the Python bot,
 * whose tables may be in this very database.
 *
 * What the databases call their types stands in braces and is replaced; a part between "[sqlite:"
 * (or another name) and ">" is for that database only.
 */
static const char *const migrations[] = {
	/* 1: jobs (100 is STORE_ENDED), the members' private channels, the small values. */
	"CREATE TABLE jobs ("
	" id {key} PRIMARY KEY,"
	" user_id {int} NOT NULL,"
	" guild_id {int} NOT NULL,"
	" interaction_id {int} NOT NULL,"
	" application_id {int} NOT NULL,"
	" channel_id {int} NOT NULL,"
	" live_id {int} NOT NULL,"
	" result_id {int} NOT NULL,"
	" step {int} NOT NULL,"
	" kind {int} NOT NULL,"
	" outcome {int} NOT NULL,"
	" sorry {int} NOT NULL,"
	" priority {int} NOT NULL,"
	" submits {int} NOT NULL,"
	" seed {name} NOT NULL," /* an unsigned 64-bit number has no type in SQLite */
	" created_ms {int} NOT NULL,"
	" started_ms {int} NOT NULL,"
	" finished_ms {int} NOT NULL,"
	" duration_ms {int} NOT NULL,"
	" username {text},"
	" locale {text},"
	" model {text},"
	" prompt {text},"
	" token {text},"
	" gpu {text},"
	" prompt_id {name} NOT NULL,"
	" detail {text}){table};"
	"[sqlite:CREATE INDEX jobs_open ON jobs (id) WHERE step < 100;"
	"CREATE INDEX jobs_ended ON jobs (created_ms) WHERE step >= 100;]"
	"[postgres:CREATE INDEX jobs_open ON jobs (id) WHERE step < 100;"
	"CREATE INDEX jobs_ended ON jobs (created_ms) WHERE step >= 100;]"
	"[mysql:CREATE INDEX jobs_open ON jobs (step, id);"
	"CREATE INDEX jobs_ended ON jobs (created_ms);]"
	"CREATE TABLE channels ("
	" user_id {key} PRIMARY KEY,"
	" guild_id {int} NOT NULL,"
	" channel_id {int} NOT NULL,"
	" active_ms {int} NOT NULL){table};"
	"CREATE TABLE settings ("
	" name {name} PRIMARY KEY,"
	" value {text} NOT NULL){table}[sqlite: WITHOUT ROWID]",

	/* 2: edits, what a member chose, warnings; pictures that wait for their run, and each
	 * member's last one. */
	"ALTER TABLE jobs ADD COLUMN options {text};"
	"ALTER TABLE jobs ADD COLUMN input {text};"
	"ALTER TABLE jobs ADD COLUMN origin_id {int} NOT NULL DEFAULT 0;"
	"ALTER TABLE jobs ADD COLUMN number {int} NOT NULL DEFAULT 0;"
	"ALTER TABLE jobs ADD COLUMN flags {int} NOT NULL DEFAULT 0;"
	"CREATE INDEX jobs_member ON jobs (user_id, created_ms);"
	"ALTER TABLE channels ADD COLUMN warned_ms {int} NOT NULL DEFAULT 0;"
	"ALTER TABLE channels ADD COLUMN flags {int} NOT NULL DEFAULT 0;"
	"CREATE TABLE pictures ("
	" job_id {key} PRIMARY KEY,"
	" bytes {blob} NOT NULL){table};"
	"CREATE TABLE last_pictures ("
	" user_id {key} PRIMARY KEY,"
	" name {text} NOT NULL,"
	" at_ms {int} NOT NULL,"
	" bytes {blob} NOT NULL){table};"
	"CREATE INDEX last_pictures_age ON last_pictures (at_ms)",

	/* 3: several pictures of one job. */
	"ALTER TABLE jobs ADD COLUMN pictures {int} NOT NULL DEFAULT 1",

	/* 4: passes that members share, pictures of one job in several passes. */
	"ALTER TABLE jobs ADD COLUMN slot {int} NOT NULL DEFAULT 0;"
	"ALTER TABLE jobs ADD COLUMN part {int} NOT NULL DEFAULT 0;"
	"ALTER TABLE jobs ADD COLUMN batch {int} NOT NULL DEFAULT 0",

	/* 5: how much there is to do for a picture, and what was learned from earlier ones: of a
	 * workflow on a card; without a name, of the card. */
	"ALTER TABLE jobs ADD COLUMN work {int} NOT NULL DEFAULT 0;"
	"CREATE TABLE learned ("
	" card {name} NOT NULL,"
	" model {name} NOT NULL,"
	" value {text} NOT NULL,"
	" PRIMARY KEY (card, model)){table}[sqlite: WITHOUT ROWID]",

	/* 6: why a job went to its card. */
	"ALTER TABLE jobs ADD COLUMN reason {text}",

	/* 7: which cards have failed a job. */
	"ALTER TABLE jobs ADD COLUMN failed_on {text}",
};

/* By enum sql_dialect. */
static const char *const dialects[] = {"sqlite", "postgres", "mysql"};
static const struct {
	const char *token;
	const char *is[countof(dialects)];
} tokens[] = {
	/* In SQLite the name INTEGER, and no other, makes the key the row's own number. */
	{"{key}", {"INTEGER", "BIGINT", "BIGINT"}},
	{"{int}", {"INTEGER", "BIGINT", "BIGINT"}},
	/* A text that is short, and may be a key. */
	{"{name}", {"TEXT", "TEXT", "VARCHAR(190)"}},
	{"{text}", {"TEXT", "TEXT", "MEDIUMTEXT"}},
	{"{blob}", {"BLOB", "BYTEA", "LONGBLOB"}},
	{"{table}", {"", "", " ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"}},
};

int schema_newest(void)
{
	return (int)countof(migrations);
}

char **schema_tables(size_t *ret_n)
{
	static const char words[] = "CREATE TABLE ";
	char **names = NULL;
	size_t n = 0;

	for (size_t i = 0; i < countof(migrations); i++)
		for (const char *at = migrations[i]; (at = strstr(at, words));) {
			at += strlen(words);
			names = xrealloc(names, (n + 1) * sizeof(*names));
			names[n++] = xstrndup(at, strcspn(at, " ("));
		}
	*ret_n = n;
	return names;
}

/* The text for one database; the caller owns it. */
static char *translate(const char *text, enum sql_dialect dialect)
{
	struct buf out = BUF(64 * 1024);
	const char *wanted = dialects[dialect];

	while (*text) {
		size_t n = 0;

		if (*text == '[') {
			const char *name = text + 1, *part = strchr(name, ':') + 1,
				   *end = strchr(part, ']');

			if (strncmp(name, wanted, strlen(wanted)) == 0)
				must(buf_add(&out, part, (size_t)(end - part)) == 0);
			text = end + 1;
			continue;
		}
		for (size_t i = 0; i < countof(tokens) && *text == '{'; i++)
			if (str_starts(text, tokens[i].token)) {
				must(buf_add_str(&out, tokens[i].is[dialect]) == 0);
				n = strlen(tokens[i].token);
			}
		if (!n) {
			must(buf_add(&out, text, 1) == 0);
			n = 1;
		}
		text += n;
	}
	return buf_take(&out);
}

static int read_version(struct sql *sql, int *ret, char **ret_why)
{
	static const char *const there_is[countof(dialects)] = {
		"SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = "
		"'fullet_schema'",
		"SELECT count(*) FROM information_schema.tables WHERE table_schema = "
		"current_schema() AND table_name = 'fullet_schema'",
		"SELECT count(*) FROM information_schema.tables WHERE table_schema = "
		"database() AND table_name = 'fullet_schema'",
	};
	int64_t there = 0, version = 0;
	int r = sql_number(sql, there_is[sql->driver->dialect], NULL, 0, 0, &there, ret_why);

	if (r == 0 && there)
		r = sql_number(
			sql, "SELECT version FROM fullet_schema", NULL, 0, 0, &version, ret_why);
	if (r == 0)
		*ret = (int)version;
	return r;
}

static int write_version(struct sql *sql, int version, char **ret_why)
{
	bool alone = sql->driver->dialect == SQL_DIALECT_MYSQL;
	cleanup(freep) char *text =
		xasprintf("%sDELETE FROM fullet_schema;INSERT INTO fullet_schema VALUES (%d)%s",
			alone ? "BEGIN;" : "", version, alone ? ";COMMIT" : "");

	return sql_script(sql, text, ret_why);
}

/*
 * MySQL commits every change of a table by itself, so a migration may be cut off in its middle.
 * Then the version is a negative number that tells the statement: what was done before it is not
 * done again, and whether it was done itself is not known.
 */
#define STATEMENTS_MAX 1000

struct progress {
	int migration, statement;
	bool doubtful;
};

static int progress_code(struct progress p)
{
	return -1 - (p.migration * STATEMENTS_MAX + p.statement) * 2 - p.doubtful;
}

static struct progress progress_of(int version)
{
	int code = -1 - version;

	if (version >= 0)
		return (struct progress){.migration = version};
	return (struct progress){code / 2 / STATEMENTS_MAX, code / 2 % STATEMENTS_MAX, code & 1};
}

static bool is_newer(int version)
{
	return progress_of(version).migration + (version < 0) > schema_newest();
}

static int refuse_newer(int version, const char *shown, char **ret_why)
{
	*ret_why = xasprintf("%s was written by a newer fullet (schema %d, this one knows %d): "
			     "update fullet or restore an older backup",
		shown, version < 0 ? progress_of(version).migration + 1 : version, schema_newest());
	return -ENOTSUP;
}

static int migrate_from(struct sql *sql, int version, char **ret_why)
{
	int r = 0;

	for (int i = version; i < schema_newest() && r == 0; i++) {
		cleanup(freep) char *text = translate(migrations[i], sql->driver->dialect);

		r = sql_script(sql, text, ret_why);
	}
	return r < 0 ? r : write_version(sql, schema_newest(), ret_why);
}

/* One statement that commits itself. */
static int take_step(struct sql *sql, struct progress p, const char *text, char **ret_why)
{
	bool again = p.doubtful;
	char *why = NULL;
	int r;

	p.doubtful = true;
	r = write_version(sql, progress_code(p), ret_why);
	if (r < 0)
		return r;
	r = sql_script(sql, text, &why);
	if (r == -EEXIST && again) /* it was done */
		r = 0;
	p.doubtful = false;
	if (r < 0 && r != -ENOTCONN)
		(void)write_version(sql, progress_code(p), NULL);
	if (r < 0)
		*ret_why = take(why);
	free(why);
	return r;
}

static int migrate_stepwise(struct sql *sql, int version, char **ret_why)
{
	struct progress p = progress_of(version);
	int r = 0;

	for (; p.migration < schema_newest() && r == 0; p.migration++) {
		cleanup(freep) char *text =
			translate(migrations[p.migration], sql->driver->dialect);
		char *rest = text;
		int n = 0;

		for (char *one; r == 0 && (one = strsep(&rest, ";"));) {
			if (!*one || n++ < p.statement)
				continue;
			r = take_step(sql, p, one, ret_why);
			p.statement++;
			p.doubtful = false;
		}
		if (r == 0)
			r = write_version(sql, p.migration + 1, ret_why);
		p.statement = 0;
	}
	return r;
}

int schema_migrate(struct sql *sql, char **ret_why)
{
	static const char table[] =
		"CREATE TABLE IF NOT EXISTS fullet_schema (version INTEGER NOT NULL)";
	int version = 0, r;

	r = read_version(sql, &version, ret_why);
	if (r == 0 && is_newer(version))
		return refuse_newer(version, sql->shown, ret_why);
	if (r < 0 || version == schema_newest())
		return r;
	if (sql->driver->dialect == SQL_DIALECT_MYSQL) {
		r = sql_script(sql, table, ret_why);
		return r < 0 ? r : migrate_stepwise(sql, version, ret_why);
	}
	r = sql_begin(sql, ret_why);
	if (r < 0)
		return r;
	r = sql_script(sql, table, ret_why);
	if (r == 0)
		r = migrate_from(sql, version, ret_why);
	if (r == 0)
		r = sql_commit(sql, ret_why);
	if (r < 0)
		sql_rollback(sql);
	return r;
}

int schema_expect(struct sql *sql, char **ret_why)
{
	int version = 0, r;

	r = read_version(sql, &version, ret_why);
	if (r < 0 || version == schema_newest())
		return r;
	if (is_newer(version))
		return refuse_newer(version, sql->shown, ret_why);
	*ret_why =
		version ? xasprintf("%s is of an older schema; the next `fullet run` migrates it",
				  sql->shown)
			: xasprintf("%s holds nothing of fullet yet; the next `fullet run` sets it "
				    "up",
				  sql->shown);
	return -ENOTSUP;
}

int schema_empty(struct sql *sql, char **ret_why)
{
	size_t n = 0;
	char **tables = schema_tables(&n);
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		cleanup(freep) char *text = xasprintf("DELETE FROM %s", tables[i]);

		if (r == 0)
			r = sql_script(sql, text, ret_why);
		free(tables[i]);
	}
	free(tables);
	return r;
}
