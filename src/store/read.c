/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/limits.h"
#include "store/columns.h"
#include "store/db_in.h"

/* Reading rows, whichever database they are in. */

/* ---- questions ---- */

static void take_job(void *arg, const struct sql_value *columns, size_t n)
{
	struct store_result *ret = arg;

	/* Grown by doubling: full when the number is a power of two. */
	if ((ret->n_jobs & (ret->n_jobs - 1)) == 0)
		ret->jobs = xrealloc(
			ret->jobs, (ret->n_jobs ? 2 * ret->n_jobs : 1) * sizeof(*ret->jobs));
	ret->jobs[ret->n_jobs] = (struct job_row){0};
	columns_read(columns, n, &ret->jobs[ret->n_jobs++]);
}

static void take_prompt(void *arg, const struct sql_value *columns, size_t n)
{
	struct store_result *ret = arg;

	if (n > 0 && ret->n_jobs < RECENT_PROMPTS_MAX)
		ret->jobs[ret->n_jobs++].prompt = xstrdup(sql_as_text(&columns[0]));
}

static struct session_row session_of(const struct sql_value *columns)
{
	return (struct session_row){
		.user_id = (uint64_t)sql_as_int(&columns[0]),
		.guild_id = (uint64_t)sql_as_int(&columns[1]),
		.channel_id = (uint64_t)sql_as_int(&columns[2]),
		.active_ms = sql_as_int(&columns[3]),
		.warned_ms = sql_as_int(&columns[4]),
		.flags = (int)sql_as_int(&columns[5]),
	};
}

#define SESSION_SELECT                                                                             \
	"SELECT user_id, guild_id, channel_id, active_ms, warned_ms, flags FROM channels "

static void take_session(void *arg, const struct sql_value *columns, size_t n)
{
	struct store_result *ret = arg;

	ret->has_session = true;
	ret->session = session_of(columns);
}

static struct blob *blob_of(const struct sql_value *v)
{
	struct buf bytes = BUF(STORE_PICTURE_MAX);

	(void)buf_add(&bytes, v->data ? v->data : "", v->len);
	return blob_take(&bytes);
}

static void take_picture(void *arg, const struct sql_value *columns, size_t n)
{
	struct store_result *ret = arg;

	if (ret->found) /* there is but one: the question names a key */
		return;
	ret->found = true;
	ret->picture.bytes = blob_of(&columns[0]);
	if (n > 2) {
		ret->picture.name = xstrdup(sql_as_text(&columns[1]));
		ret->picture.at_ms = sql_as_int(&columns[2]);
	}
}

static int read_last(
	struct store_db *db, const struct store_query *q, struct store_result *ret, char **ret_why)
{
	return sql_run(db->sql,
		"SELECT bytes, name, at_ms FROM last_pictures WHERE user_id = ? AND at_ms >= ?",
		(struct sql_value[]){sql_id(q->id), sql_int(q->now_ms - LAST_PICTURE_MS)}, 2,
		take_picture, ret, ret_why);
}

static int read_member(
	struct store_db *db, const struct store_query *q, struct store_result *ret, char **ret_why)
{
	cleanup(freep) char *text =
		columns_select_sql("WHERE user_id = ? ORDER BY created_ms DESC LIMIT ?");
	struct sql_value args[] = {sql_id(q->id), sql_int(MEMBER_JOBS_MAX)};
	int r = sql_run(db->sql, text, args, 2, take_job, ret, ret_why);

	if (r == 0)
		r = sql_run(db->sql, SESSION_SELECT "WHERE user_id = ?", args, 1, take_session, ret,
			ret_why);
	if (r == 0)
		r = read_last(db, q, ret, ret_why);
	ret->found = true;
	return r;
}

static int read_prompts(
	struct store_db *db, const struct store_query *q, struct store_result *ret, char **ret_why)
{
	ret->jobs = xcalloc(RECENT_PROMPTS_MAX, sizeof(*ret->jobs));
	ret->found = true;
	return sql_run(db->sql,
		"SELECT prompt, max(created_ms) AS at_ms FROM jobs WHERE user_id = ? "
		"AND prompt IS NOT NULL GROUP BY prompt ORDER BY at_ms DESC LIMIT ?",
		(struct sql_value[]){sql_id(q->id), sql_int(RECENT_PROMPTS_MAX)}, 2, take_prompt,
		ret, ret_why);
}

static int read_once(
	struct store_db *db, const struct store_query *q, struct store_result *ret, char **ret_why)
{
	struct sql_value id = sql_id(q->id);
	int r = -EINVAL;

	switch (q->kind) {
	case STORE_READ_JOB:
		r = sql_run(db->sql, db->job_select, &id, 1, take_job, ret, ret_why);
		ret->found = ret->n_jobs > 0;
		break;
	case STORE_READ_PICTURE:
		r = sql_run(db->sql, "SELECT bytes FROM pictures WHERE job_id = ?", &id, 1,
			take_picture, ret, ret_why);
		break;
	case STORE_READ_LAST:
		r = read_last(db, q, ret, ret_why);
		break;
	case STORE_READ_MEMBER:
		r = read_member(db, q, ret, ret_why);
		break;
	case STORE_READ_PROMPTS:
		r = read_prompts(db, q, ret, ret_why);
		break;
	}
	if (r < 0)
		store_result_free(ret);
	return r;
}

int store_db_read(struct store_db *db, const struct store_query *q, struct store_result *ret)
{
	char *why = NULL;
	int r = db_ready(db, &why);

	*ret = (struct store_result){0};
	if (r == 0) {
		r = read_once(db, q, ret, &why);
		if (db_is_back(db, r, &why))
			r = read_once(db, q, ret, &why);
		db_result(db, r, &why);
	}
	ret->error = r;
	free(why);
	return r;
}

int store_db_job(struct store_db *db, uint64_t id, struct job_row *ret)
{
	struct store_result result;
	int r = store_db_read(db, &(struct store_query){.kind = STORE_READ_JOB, .id = id}, &result);

	if (r < 0 || !result.found)
		return r < 0 ? r : -ENOENT;
	*ret = result.jobs[0];
	result.jobs[0] = (struct job_row){0};
	store_result_free(&result);
	return 0;
}

/* ---- the start ---- */

static void take_sessions(void *arg, const struct sql_value *columns, size_t n)
{
	struct store_snapshot *s = arg;

	if ((s->n_sessions & (s->n_sessions - 1)) == 0)
		s->sessions = xrealloc(s->sessions,
			(s->n_sessions ? 2 * s->n_sessions : 1) * sizeof(*s->sessions));
	s->sessions[s->n_sessions++] = session_of(columns);
}

static void take_count(void *arg, const struct sql_value *columns, size_t n)
{
	struct store_snapshot *s = arg;

	if ((s->n_today & (s->n_today - 1)) == 0)
		s->today =
			xrealloc(s->today, (s->n_today ? 2 * s->n_today : 1) * sizeof(*s->today));
	s->today[s->n_today++] =
		(struct day_count){(uint64_t)sql_as_int(&columns[0]), (int)sql_as_int(&columns[1])};
}

static void take_learned(void *arg, const struct sql_value *columns, size_t n)
{
	struct store_snapshot *s = arg;

	if ((s->n_learned & (s->n_learned - 1)) == 0)
		s->learned = xrealloc(s->learned,
			(s->n_learned ? 2 * s->n_learned : 1) * sizeof(*s->learned));
	s->learned[s->n_learned++] = (struct learned_row){xstrdup(sql_as_text(&columns[0])),
		xstrdup(sql_as_text(&columns[1])), xstrdup(sql_as_text(&columns[2]))};
}

static int load_learned(struct store_db *db, struct store_snapshot *s, char **ret_why)
{
	return sql_run(db->sql,
		"SELECT card, model, value FROM learned ORDER BY card, model LIMIT ?",
		(struct sql_value[]){sql_int(LEARNED_ROWS_MAX)}, 1, take_learned, s, ret_why);
}

static void take_interaction(void *arg, const struct sql_value *columns, size_t n)
{
	struct store_snapshot *s = arg;

	if (s->n_interactions < STORE_INTERACTIONS_MAX)
		s->interactions[s->n_interactions++] = (uint64_t)sql_as_int(&columns[0]);
}

static int load_interactions(struct store_db *db, struct store_snapshot *s, char **ret_why)
{
	s->interactions = xcalloc(STORE_INTERACTIONS_MAX, sizeof(*s->interactions));
	return sql_run(db->sql,
		"SELECT interaction_id FROM jobs WHERE step >= 100 ORDER BY id DESC LIMIT ?",
		(struct sql_value[]){sql_int(STORE_INTERACTIONS_MAX)}, 1, take_interaction, s,
		ret_why);
}

static int load_jobs(struct store_db *db, struct store_snapshot *s, char **ret_why)
{
	cleanup(freep) char *text = columns_select_sql("WHERE step < 100 ORDER BY id");
	struct store_result jobs = {0};
	int r = sql_run(db->sql, text, NULL, 0, take_job, &jobs, ret_why);

	s->jobs = jobs.jobs;
	s->n_jobs = jobs.n_jobs;
	return r;
}

static int load_values(struct store_db *db, struct store_snapshot *s, char **ret_why)
{
	char *count = NULL;
	int64_t max_id = 0;
	int r = sql_number(
		db->sql, "SELECT coalesce(max(id), 0) FROM jobs", NULL, 0, 0, &max_id, ret_why);

	s->max_job_id = (uint64_t)max_id;
	if (r == 0)
		r = store_db_value(db, "image_count", &count);
	if (count)
		s->image_count = max_of(strtoll(count, NULL, 10), 0);
	free(count);
	return r;
}

int store_db_load(
	struct store_db *db, int64_t day_start_ms, struct store_snapshot *ret, char **ret_why)
{
	struct sql_value day = sql_int(day_start_ms);
	struct store_snapshot s = {0};
	int r = db_ready(db, ret_why);

	if (r == 0)
		r = load_jobs(db, &s, ret_why);
	if (r == 0)
		r = sql_run(db->sql, SESSION_SELECT "ORDER BY user_id", NULL, 0, take_sessions, &s,
			ret_why);
	if (r == 0) /* 2 is an apology */
		r = sql_run(db->sql,
			"SELECT user_id, sum(pictures) FROM jobs WHERE created_ms >= ? AND outcome <> 2 "
			"GROUP BY user_id ORDER BY user_id",
			&day, 1, take_count, &s, ret_why);
	if (r == 0)
		r = load_learned(db, &s, ret_why);
	if (r == 0)
		r = load_interactions(db, &s, ret_why);
	if (r == 0)
		r = load_values(db, &s, ret_why);
	db_result(db, r, ret_why);
	if (r < 0) {
		store_snapshot_free(&s);
		return r;
	}
	*ret = s;
	return 0;
}

void db_take_text(void *arg, const struct sql_value *columns, size_t n)
{
	str_set(arg, sql_as_text(&columns[0]));
}

int store_db_value(struct store_db *db, const char *name, char **ret)
{
	struct sql_value arg = sql_text(name);
	char *value = NULL, *why = NULL;
	int r = db_ready(db, &why);

	if (r == 0)
		r = sql_run(db->sql, "SELECT value FROM settings WHERE name = ?", &arg, 1,
			db_take_text, &value, &why);
	db_result(db, r, &why);
	if (r == 0)
		*ret = take(value);
	free(value);
	free(why);
	return r;
}
