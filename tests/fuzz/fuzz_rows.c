/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Rows that somebody changed, or that a damaged database gives: a driver that answers every
 * question with rows of the input's making, of any types. What is read of them, taken over from an
 * older bot's tables, and loaded into the core does no harm: jobs go on or end.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/limits.h"
#include "core/core.h"
#include "store/columns.h"
#include "store/db_in.h"
#include "store/takeover.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COLUMNS 48 /* more than any question has */
#define NOW_MS	INT64_C(1780000000000)

struct rows {
	struct sql sql;
	const uint8_t *at, *end;
	bool in_transaction;
};

static unsigned byte(struct rows *r)
{
	return r->at < r->end ? *r->at++ : 0;
}

static int64_t number(struct rows *r)
{
	int64_t n = 0;

	switch (byte(r) % 4) {
	case 0:
		return byte(r);
	case 1:
		return -(int64_t)byte(r);
	case 2: /* a time, or an id */
		return NOW_MS - (int64_t)byte(r) * 1000000;
	default:
		for (int i = 0; i < 8; i++)
			n = (int64_t)((uint64_t)n << 8 | byte(r));
		return n;
	}
}

/* A text or bytes, followed by a NUL as all drivers do; owned. */
static char *bytes(struct rows *r, size_t *ret_len)
{
	size_t len = min_of((size_t)byte(r) % 64, (size_t)(r->end - r->at));
	char *copy = xcalloc(len + 1, 1);

	if (len)
		memcpy(copy, r->at, len);
	r->at += len;
	*ret_len = len;
	return copy;
}

static void give_row(struct rows *r, sql_row *row, void *arg)
{
	struct sql_value values[COLUMNS] = {0};
	char *owned[COLUMNS] = {0};

	for (size_t i = 0; i < COLUMNS && r->at < r->end; i++) {
		struct sql_value *v = &values[i];

		switch (byte(r) % 8) {
		case 0:
			break;
		case 1:
			*v = sql_text("http://a");
			break;
		case 2:
			v->type = SQL_BLOB;
			v->data = owned[i] = bytes(r, &v->len);
			break;
		case 3:
		case 4:
			v->type = SQL_TEXT;
			v->data = owned[i] = bytes(r, &v->len);
			v->len = strlen(v->data);
			break;
		default:
			*v = sql_int(number(r));
		}
	}
	row(arg, values, COLUMNS);
	for (size_t i = 0; i < COLUMNS; i++)
		free(owned[i]);
}

static int run(struct sql *sql, const char *text, const struct sql_value *args, size_t n_args,
	sql_row *row, void *arg, char **ret_why)
{
	struct rows *r = (struct rows *)sql; /* its first member */
	unsigned how = byte(r);

	if (how == 255) {
		if (ret_why)
			*ret_why = xstrdup("the disk gives other bytes than it was given");
		return -EBADMSG;
	}
	if (row && str_starts(text, "SELECT"))
		for (unsigned i = 0; i < how % 4; i++)
			give_row(r, row, arg);
	return 0;
}

static int script(struct sql *sql, const char *text, char **ret_why)
{
	struct rows *r = (struct rows *)sql;

	r->in_transaction = str_starts(text, "BEGIN");
	return 0;
}

static bool in_transaction(struct sql *sql)
{
	return ((struct rows *)sql)->in_transaction;
}

static void nothing(struct sql *sql)
{
}

/* ---- what is read ---- */

static void read_all(struct store_db *db)
{
	static const enum store_read_kind kinds[] = {STORE_READ_JOB, STORE_READ_PICTURE,
		STORE_READ_LAST, STORE_READ_MEMBER, STORE_READ_PROMPTS};

	for (size_t i = 0; i < countof(kinds); i++) {
		struct store_query query = {kinds[i], 7, NOW_MS};
		struct store_result result;

		if (store_db_read(db, &query, &result) == 0)
			must(result.n_jobs == 0 || result.jobs);
		store_result_free(&result);
	}
}

static void take_over(struct store_db *db)
{
	struct takeover t;
	char *why = NULL;

	if (store_db_take_over(db, 77, NOW_MS, &t, &why) == 0)
		must(t.channels >= 0 && t.pictures >= 0 && t.image_count >= 0 && t.odd >= 0);
	free(why);
}

/* ---- the core goes on from it ---- */

static void no_log(void *ctx, enum log_level level, const char *subject, const char *text)
{
}

static void carry_out(struct rows *r, struct core *core, int64_t now_ms)
{
	struct effect e;

	for (int n = 0; n < 400 && core_next_effect(core, &e); n++) {
		uint64_t job = e.job ? e.job->row.id : 0;

		if (e.kind == FX_SAVE)
			core_saved(core, job, true, now_ms);
		else if (job && e.kind < FX_ANSWER)
			core_answer(core, job, e.epoch, byte(r) % 2 ? ANSWER_OK : ANSWER_NO, NULL,
				now_ms);
		else if (e.kind == FX_CHANNEL_LIST)
			core_channels(core, NULL, 0, now_ms);
	}
}

static void go_on(struct rows *r, const struct store_snapshot *past)
{
	static const char *const cards[] = {"http://a", "http://b"};
	struct log log = {LOG_ERROR, no_log, NULL};
	struct core_config config = {.max_jobs_per_user = 3,
		.max_queue = 16,
		.max_batch = 2,
		.session_ttl_ms = 3600000,
		.n_gpus = 2,
		.gpu_names = cards,
		.log = &log};
	int64_t now_ms = NOW_MS;
	struct core *core;
	struct rng rng;

	rng_seed(&rng, 1);
	core = core_new(&config, &rng);
	core_load_max_id(core, past->max_job_id);
	core_load_image_count(core, past->image_count);
	for (size_t i = 0; i < past->n_sessions; i++)
		core_load_session(core, &past->sessions[i]);
	for (size_t i = 0; i < past->n_jobs; i++)
		core_load_job(core, &past->jobs[i], now_ms);
	for (size_t i = 0; i < past->n_today; i++)
		core_load_day(core, now_ms / CORE_DAY_MS,
			&(struct core_count){past->today[i].user_id, past->today[i].n}, 1);
	core_load_learned(core, past->learned, past->n_learned);
	core_ready(core, 7, now_ms);
	for (int i = 0; i < 2; i++)
		core_gpu(core, i, true, now_ms);
	for (int i = 0; i < 100; i++) {
		carry_out(r, core, now_ms);
		if (core_deadline(core) == NEVER)
			break;
		now_ms = max_of(now_ms, core_deadline(core));
		core_tick(core, now_ms);
	}
	core_free(core);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sql_driver driver = {
		SQL_DIALECT_SQLITE, nothing, run, script, in_transaction};
	struct rows r = {{&driver, NULL}, data, data + size, false};
	struct store_db db = {
		.sql = &r.sql, .job_upsert = (char *)"", .job_select = (char *)"SELECT"};
	struct store_snapshot past;
	char *why = NULL;
	unsigned which = byte(&r);

	if (which % 4 == 0)
		read_all(&db);
	if (which % 4 == 1)
		take_over(&db);
	if (which % 4 > 1 && store_db_load(&db, NOW_MS, &past, &why) == 0) {
		go_on(&r, &past);
		store_snapshot_free(&past);
	}
	free(why);
	return 0;
}
