/* SPDX-License-Identifier: Apache-2.0 */
#include "store_kit.h"

#include "base/limits.h"
#include "store/schema.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static void str_same(const char *a, const char *b)
{
	if (a && b)
		assert_string_equal(a, b);
	else
		assert_true(a == b);
}

static void rows_same(const struct job_row *a, const struct job_row *b)
{
	assert_true(a->id == b->id && a->user_id == b->user_id && a->guild_id == b->guild_id);
	assert_true(a->interaction_id == b->interaction_id && a->application_id == b->application_id);
	assert_true(a->channel_id == b->channel_id && a->live_id == b->live_id);
	assert_true(a->result_id == b->result_id);
	assert_int_equal(a->step, b->step);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->outcome, b->outcome);
	assert_int_equal(a->sorry, b->sorry);
	assert_int_equal(a->priority, b->priority);
	assert_int_equal(a->submits, b->submits);
	assert_true(a->seed == b->seed);
	assert_true(a->created_ms == b->created_ms && a->started_ms == b->started_ms);
	assert_true(a->finished_ms == b->finished_ms && a->duration_ms == b->duration_ms);
	str_same(a->username, b->username);
	str_same(a->locale, b->locale);
	str_same(a->model, b->model);
	str_same(a->prompt, b->prompt);
	str_same(a->token, b->token);
	str_same(a->gpu, b->gpu);
	str_same(a->detail, b->detail);
	str_same(a->options, b->options);
	str_same(a->input, b->input);
	str_same(a->reason, b->reason);
	str_same(a->failed_on, b->failed_on);
	assert_true(a->origin_id == b->origin_id && a->number == b->number);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->pictures, b->pictures);
	assert_int_equal(a->slot, b->slot);
	assert_int_equal(a->part, b->part);
	assert_int_equal(a->batch, b->batch);
	assert_true(a->work == b->work);
	assert_string_equal(a->prompt_id, b->prompt_id);
}

static struct job_row full_row(void)
{
	struct job_row row = {.id = INT64_MAX,
		.user_id = UINT64_MAX,
		.guild_id = 1,
		.interaction_id = UINT64_C(1) << 63,
		.application_id = UINT64_C(1) << 62,
		.channel_id = 3,
		.live_id = 4,
		.result_id = 5,
		.step = 99,
		.kind = -1,
		.outcome = INT32_MAX,
		.sorry = INT32_MIN,
		.priority = -7,
		.submits = 8,
		.seed = UINT64_MAX,
		.created_ms = INT64_MAX,
		.started_ms = INT64_MIN,
		.finished_ms = 1,
		.duration_ms = 2};
	char *prompt = xcalloc(1, PROMPT_BYTES_MAX + 1);

	for (size_t i = 0; i < PROMPT_BYTES_MAX; i += 4)
		memcpy(prompt + i, "\xf0\x9f\x90\xb1", 4);
	row.prompt = prompt;
	row.username = xstrdup("Zo\xc3\xab \"'; DROP TABLE jobs;--");
	row.locale = xstrdup("es-ES");
	row.model = xstrdup("");
	row.token = xstrdup("aW50ZXJhY3Rpb24");
	row.gpu = xstrdup("https://gpu.example:8188/a%20b");
	row.detail = xstrdup("line\nline\x01");
	row.options = xstrdup("{\"steps\":4}");
	row.input = xstrdup("last");
	row.reason = xstrdup("gpu=0: loads m");
	row.origin_id = UINT64_MAX;
	row.number = INT64_MAX;
	row.flags = JOB_RESTRICTED;
	row.pictures = 4;
	row.slot = JOB_ALONE;
	row.part = 1;
	row.batch = 3;
	row.work = INT64_MAX;
	str_set(&row.failed_on, "http://a http://b");
	str_copy(row.prompt_id, sizeof(row.prompt_id), "01234567-89ab-4def-8123-456789abcdef");
	return row;
}

static const char *newest(void)
{
	static char text[16];

	snprintf(text, sizeof(text), "%d", schema_newest());
	return text;
}

static void test_round_trip(void **state)
{
	struct place *p = *state;
	struct store_db *db = open_ok(p->path);
	struct job_row full = full_row(), bare = {.id = 1}, got = {0};
	struct store_op ops[2] = {
		{.kind = STORE_JOB, .job = full}, {.kind = STORE_JOB, .job = bare}};
	struct store_snapshot s = {0};

	assert_int_equal(store_db_apply(db, ops, 2, NULL), 0);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(store_db_load(db, 0, &s, NULL), 0);
		assert_int_equal(s.n_jobs, 2);
		rows_same(&s.jobs[0], &bare);
		rows_same(&s.jobs[1], &full);
		assert_true(s.max_job_id == INT64_MAX);
		store_snapshot_free(&s);
		assert_int_equal(store_db_job(db, INT64_MAX, &got), 0);
		rows_same(&got, &full);
		job_row_free(&got);
		assert_int_equal(store_db_job(db, 2, &got), -ENOENT);
		db = store_db_close(db);
		db = open_ok(p->path);
	}
	store_db_close(db);
	job_row_free(&full);
}

static void test_interactions(void **state)
{
	struct store_db *db = open_ok(((struct place *)*state)->path);
	struct store_op op = {.kind = STORE_JOB};
	struct store_snapshot s = {0};

	for (uint64_t i = STORE_INTERACTIONS_MAX + 2; i > 0; i--) {
		op.job = (struct job_row){.id = i, .interaction_id = i, .step = i == 5 ? 40 : 100};
		assert_int_equal(store_db_apply(db, &op, 1, NULL), 0);
	}
	assert_int_equal(store_db_load(db, 0, &s, NULL), 0);
	assert_true(s.n_interactions == STORE_INTERACTIONS_MAX && s.interactions[253] == 4);
	store_snapshot_free(&s);
	store_db_close(db);
}

static void test_learned(void **state)
{
	struct place *p = *state;
	struct store_db *db = open_ok(p->path);
	struct store_snapshot s = {0};
	struct store_op ops[] = {
		{.kind = STORE_LEARNED,
			.card = (char[]){"http://a"},
			.name = (char[]){""},
			.value = (char[]){"1"}},
		{.kind = STORE_LEARNED,
			.card = (char[]){"http://a"},
			.name = (char[]){"fl\xc3\xba'x"},
			.value = (char[]){"2"}},
		{.kind = STORE_LEARNED,
			.card = (char[]){"http://a"},
			.name = (char[]){"fl\xc3\xba'x"},
			.value = (char[]){"3 4\n5"}},
		{.kind = STORE_LEARNED,
			.card = (char[]){"http://b"},
			.name = (char[]){""},
			.value = (char[]){"6"}},
		{.kind = STORE_LEARNED, .card = (char[]){"http://b"}, .name = (char[]){""}},
	};

	assert_int_equal(store_db_apply(db, ops, countof(ops), NULL), 0);
	store_db_close(db);
	db = open_ok(p->path);
	assert_int_equal(store_db_load(db, 0, &s, NULL), 0);
	assert_int_equal(s.n_learned, 2);
	assert_string_equal(s.learned[0].card, "http://a");
	assert_string_equal(s.learned[0].model, "");
	assert_string_equal(s.learned[0].value, "1");
	assert_string_equal(s.learned[1].model, "fl\xc3\xba'x");
	assert_string_equal(s.learned[1].value, "3 4\n5");
	store_snapshot_free(&s);
	store_db_close(db);
}

static void test_replace(void **state)
{
	struct store_db *db = open_ok(":memory:");
	struct job_row row = full_row(), got = {0};
	struct store_op op = {.kind = STORE_JOB, .job = row};

	assert_int_equal(store_db_apply(db, &op, 1, NULL), 0);
	op.job.step = 3;
	op.job.seed = 0;
	op.job.detail = NULL;
	op.job.live_id = 77;
	assert_int_equal(store_db_apply(db, &op, 1, NULL), 0);
	assert_int_equal(store_db_job(db, row.id, &got), 0);
	rows_same(&got, &op.job);
	job_row_free(&got);
	job_row_free(&row);
	store_db_close(db);
}

static void test_sessions_and_values(void **state)
{
	struct place *p = *state;
	struct store_db *db = open_ok(p->path);
	struct store_op ops[] = {
		{.kind = STORE_SESSION, .session = {UINT64_MAX, 2, 3, INT64_MAX}},
		{.kind = STORE_SESSION, .session = {5, 2, 4, 10}},
		{.kind = STORE_SESSION, .session = {5, 2, 40, 11}},
		{.kind = STORE_SESSION, .session = {6, 2, 5, 12}},
		{.kind = STORE_SESSION_DROP, .session = {.user_id = 6}},
		{.kind = STORE_VALUE, .name = (char[]){"a"}, .value = (char[]){"1"}},
		{.kind = STORE_VALUE, .name = (char[]){"a"}, .value = (char[]){"two 'quoted'"}},
		{.kind = STORE_VALUE, .name = (char[]){"b"}, .value = (char[]){""}},
		{.kind = STORE_VALUE, .name = (char[]){"c"}, .value = (char[]){"x"}},
		{.kind = STORE_VALUE, .name = (char[]){"c"}},
	};
	struct store_snapshot s = {0};
	char *value = NULL;

	assert_int_equal(store_db_apply(db, ops, countof(ops), NULL), 0);
	store_db_close(db);
	db = open_ok(p->path);
	assert_int_equal(store_db_load(db, 0, &s, NULL), 0);
	assert_int_equal(s.n_sessions, 2);
	assert_true(s.sessions[0].user_id == UINT64_MAX && s.sessions[0].active_ms == INT64_MAX);
	assert_true(s.sessions[1].user_id == 5 && s.sessions[1].channel_id == 40);
	assert_int_equal(s.max_job_id, 0);
	store_snapshot_free(&s);
	assert_int_equal(store_db_value(db, "a", &value), 0);
	assert_string_equal(value, "two 'quoted'");
	free(value);
	assert_int_equal(store_db_value(db, "b", &value), 0);
	assert_string_equal(value, "");
	free(value);
	assert_int_equal(store_db_value(db, "c", &value), 0);
	assert_null(value);
	store_db_close(db);
}

static bool file_holds(const char *path, const char *needle)
{
	char *data = xcalloc(1, 1 << 22);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, data, 1 << 22);
	bool found = n > 0 && memmem(data, (size_t)n, needle, strlen(needle));

	if (fd >= 0)
		close(fd);
	free(data);
	return found;
}

static void test_token_is_blanked(void **state)
{
	struct place *p = *state;
	struct store_db *db = open_ok(p->path);
	struct store_snapshot s = {0};
	struct job_row got = {0};

	assert_int_equal(put(db, job_op(1, 5, 0)), 0);
	assert_int_equal(put(db, job_op(2, 5, 0)), 0);
	store_db_close(db);
	assert_true(file_holds(p->path, "SECRETtoken"));
	db = open_ok(p->path);
	assert_int_equal(put(db, job_op(1, STORE_ENDED, 0)), 0);
	assert_int_equal(put(db, job_op(2, STORE_ENDED + 3, 0)), 0);
	assert_int_equal(put(db, job_op(3, STORE_ENDED, 0)), 0);
	assert_int_equal(store_db_load(db, 0, &s, NULL), 0);
	assert_int_equal(s.n_jobs, 0);
	assert_true(s.max_job_id == 3);
	store_snapshot_free(&s);
	assert_int_equal(store_db_job(db, 2, &got), 0);
	assert_null(got.token);
	assert_string_equal(got.prompt, "prompt 2");
	job_row_free(&got);
	store_db_close(db);
	assert_false(file_holds(p->path, "SECRETtoken"));
}

static int mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (int)(st.st_mode & 0777);
}

static void test_new_file_is_private(void **state)
{
	struct place *p = *state;
	mode_t before = umask(0);
	struct store_db *db = open_ok(p->path);
	char path[256];

	assert_int_equal(put(db, job_op(1, 5, 0)), 0);
	umask(before);
	assert_int_equal(mode_of(p->path), 0600);
	snprintf(path, sizeof(path), "%s-wal", p->path);
	assert_int_equal(mode_of(path), 0600);
	snprintf(path, sizeof(path), "%s.lock", p->path);
	assert_int_equal(mode_of(path), 0600);
	snprintf(path, sizeof(path), "%s/new folder", p->root);
	assert_int_equal(mode_of(path), 0700);
	snprintf(path, sizeof(path), "%s/new folder/deeper", p->root);
	assert_int_equal(mode_of(path), 0700);
	raw_equal(p->path, "PRAGMA journal_mode", "wal");
	store_db_close(db);
}

static void test_foreign_tables_stay(void **state)
{
	struct place *p = *state;
	struct store_db *db;

	make_folders(p);
	raw(p->path, "CREATE TABLE sessions (user_id TEXT PRIMARY KEY, channel TEXT);"
		     "CREATE TABLE counters (name TEXT, n INTEGER);"
		     "INSERT INTO sessions VALUES ('u', 'c');"
		     "INSERT INTO counters VALUES ('k', 41); PRAGMA user_version = 99;");
	assert_int_equal(chmod(p->path, 0644), 0);
	db = open_ok(p->path);
	assert_int_equal(put(db, job_op(1, 5, 0)), 0);
	store_db_close(db);
	db = open_ok(p->path);
	store_db_close(db);
	raw_equal(p->path, "SELECT user_id || channel FROM sessions", "uc");
	raw_equal(p->path, "SELECT name || n FROM counters", "k41");
	raw_equal(p->path, "PRAGMA user_version", "99");
	raw_equal(p->path, "SELECT version FROM fullet_schema", newest());
	raw_equal(p->path, "SELECT count(*) FROM jobs", "1");
	raw_equal(p->path,
		"SELECT group_concat(name) FROM (SELECT name FROM sqlite_master "
		"WHERE type = 'table' ORDER BY name)",
		"channels,counters,fullet_schema,jobs,last_pictures,learned,pictures,sessions,"
		"settings");
	assert_int_equal(mode_of(p->path), 0600);
}

static void test_foreign_table_in_our_place(void **state)
{
	struct place *p = *state;

	make_folders(p);
	raw(p->path, "CREATE TABLE settings (x INTEGER)");
	for (int i = 0; i < 2; i++) {
		open_fails(p->path, -EEXIST, "already exists");
		open_fails(p->path, -EEXIST, "settings");
	}
	if (test_server())
		return;
	/* Nothing was half made. */
	raw_equal(p->path, "SELECT count(*) FROM sqlite_master WHERE type = 'table'", "1");
}

static void write_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static void test_empty_file(void **state)
{
	struct place *p = *state;
	struct store_db *db;

	make_folders(p);
	write_file(p->path, "", 0);
	db = open_ok(p->path);
	assert_int_equal(put(db, job_op(1, 5, 0)), 0);
	store_db_close(db);
}

static struct blob *bytes_of(const char *text)
{
	struct buf b = BUF(KIB);

	assert_int_equal(buf_add_str(&b, text), 0);
	return blob_take(&b);
}

static int put_picture(
	struct store_db *db, enum store_op_kind kind, uint64_t id, const char *text, int64_t at_ms)
{
	struct store_op op = {.kind = kind, .id = id, .at_ms = at_ms, .picture = bytes_of(text)};
	int r;

	op.name = kind == STORE_LAST ? xstrdup("fullet-1.png") : NULL;
	r = store_db_apply(db, &op, 1, NULL);
	store_op_free(&op);
	return r;
}

/* The bytes that a question finds, "-" for nothing; owned. */
static char *picture_read(
	struct store_db *db, enum store_read_kind kind, uint64_t id, int64_t now_ms)
{
	struct store_query q = {kind, id, now_ms};
	struct store_result result;
	char *text;

	assert_int_equal(store_db_read(db, &q, &result), 0);
	assert_int_equal(result.found, result.picture.bytes != NULL);
	text = xstrdup(result.found ? result.picture.bytes->data : "-");
	store_result_free(&result);
	return text;
}

static void picture_is(struct store_db *db, enum store_read_kind kind, uint64_t id, int64_t now_ms,
	const char *expected)
{
	cleanup(freep) char *text = picture_read(db, kind, id, now_ms);

	assert_string_equal(text, expected);
}

/* A job's input lives as long as the job, a member's last picture a day. */
static void test_pictures(void **state)
{
	struct store_db *db = open_ok(":memory:");
	struct store_op op = job_op(7, 8, 0);
	const int64_t day = LAST_PICTURE_MS;

	op.job.input = xstrdup("last");
	assert_int_equal(store_db_apply(db, &op, 1, NULL), 0);
	assert_int_equal(put_picture(db, STORE_PICTURE, 7, "one", 0), 0);
	assert_int_equal(put_picture(db, STORE_PICTURE, 7, "two", 0), 0);
	picture_is(db, STORE_READ_PICTURE, 7, 0, "two");
	picture_is(db, STORE_READ_PICTURE, 8, 0, "-");
	op.job.step = STORE_ENDED;
	assert_int_equal(store_db_apply(db, &op, 1, NULL), 0);
	picture_is(db, STORE_READ_PICTURE, 7, 0, "-");
	store_op_free(&op);

	assert_int_equal(put_picture(db, STORE_LAST, 5, "old", 1000), 0);
	picture_is(db, STORE_READ_LAST, 5, 1000 + day, "old");
	picture_is(db, STORE_READ_LAST, 5, 1001 + day, "-");
	assert_int_equal(put_picture(db, STORE_LAST, 5, "new", 2000), 0);
	picture_is(db, STORE_READ_LAST, 5, 1001 + day, "new");
	/* Another member's newer one prunes what nobody will be shown again. */
	assert_int_equal(put_picture(db, STORE_LAST, 6, "other", 2001 + day), 0);
	picture_is(db, STORE_READ_LAST, 5, 2000, "-");
	store_db_close(db);
}

static void put_prompt(struct store_db *db, uint64_t id, uint64_t user, const char *prompt,
	int64_t created_ms, int outcome)
{
	struct store_op op = job_op(id, STORE_ENDED, 0);

	op.job.user_id = user;
	op.job.created_ms = created_ms;
	op.job.outcome = outcome;
	op.job.pictures = id == 3 ? 4 : 1;
	str_set(&op.job.prompt, prompt);
	assert_int_equal(store_db_apply(db, &op, 1, NULL), 0);
	store_op_free(&op);
}

static void test_prompts(void **state)
{
	struct store_db *db = open_ok(":memory:");
	struct store_query q = {STORE_READ_PROMPTS, 5, 0};
	struct store_result result;

	put_prompt(db, 1, 5, "a cat", 10, 1);
	put_prompt(db, 2, 5, "a dog", 20, 1);
	put_prompt(db, 3, 5, "a cat", 30, 1);
	put_prompt(db, 4, 6, "a secret", 40, 1);
	assert_int_equal(store_db_read(db, &q, &result), 0);
	assert_int_equal(result.n_jobs, 2);
	assert_string_equal(result.jobs[0].prompt, "a cat");
	assert_string_equal(result.jobs[1].prompt, "a dog");
	store_result_free(&result);
	store_db_close(db);
}

/* What counts against the quota, and the count of pictures. */
static void test_day(void **state)
{
	struct store_db *db = open_ok(":memory:");
	struct store_op count = {
		.kind = STORE_VALUE, .name = (char[]){"image_count"}, .value = (char[]){"41"}};
	struct store_snapshot s;

	put_prompt(db, 1, 5, "yesterday", 99, 1);
	put_prompt(db, 2, 5, "today", 100, 1);
	put_prompt(db, 3, 5, "running", 101, 0);
	put_prompt(db, 4, 5, "apology", 102, 2);
	put_prompt(db, 5, 9, "other", 103, 1);
	assert_int_equal(store_db_apply(db, &count, 1, NULL), 0);
	assert_int_equal(store_db_load(db, 100, &s, NULL), 0);
	assert_int_equal(s.n_today, 2);
	assert_true(s.today[0].user_id == 5 && s.today[0].n == 5);
	assert_true(s.today[1].user_id == 9 && s.today[1].n == 1);
	assert_int_equal(s.image_count, 41);
	store_snapshot_free(&s);
	store_db_close(db);
}

static void test_erase(void **state)
{
	struct store_db *db = open_ok(":memory:");
	struct store_op ops[] = {{.kind = STORE_SESSION,
					 .session = {.user_id = 5,
						 .channel_id = 3,
						 .warned_ms = 4,
						 .flags = SESSION_THREAD}},
		{.kind = STORE_ERASE, .id = 5}};
	struct store_op running = job_op(9, 30, 0);
	struct store_query q = {STORE_READ_MEMBER, 5, 50};
	struct store_result result;

	put_prompt(db, 1, 5, "mine", 10, 1);
	put_prompt(db, 2, 6, "other", 10, 1);
	running.job.user_id = 5;
	assert_int_equal(store_db_apply(db, &running, 1, NULL), 0);
	assert_int_equal(store_db_apply(db, ops, 1, NULL), 0);
	assert_int_equal(put_picture(db, STORE_LAST, 5, "last", 50), 0);
	assert_int_equal(store_db_read(db, &q, &result), 0);
	assert_int_equal(result.n_jobs, 2);
	assert_true(result.has_session && result.session.warned_ms == 4);
	assert_int_equal(result.session.flags, SESSION_THREAD);
	assert_string_equal(result.picture.bytes->data, "last");
	assert_string_equal(result.picture.name, "fullet-1.png");
	store_result_free(&result);
	assert_int_equal(store_db_apply(db, &ops[1], 1, NULL), 0);
	assert_int_equal(store_db_read(db, &q, &result), 0);
	/* What is still owed stays. */
	assert_int_equal(result.n_jobs, 1);
	assert_true(result.jobs[0].id == 9 && !result.has_session && !result.picture.bytes);
	store_result_free(&result);
	q.id = 6;
	assert_int_equal(store_db_read(db, &q, &result), 0);
	assert_int_equal(result.n_jobs, 1);
	store_result_free(&result);
	store_op_free(&running);
	store_db_close(db);
}

/* A file as the first release left it. */
static void test_from_schema_1(void **state)
{
	struct place *p = *state;
	struct store_db *db;
	struct job_row row = {0};
	struct store_snapshot s;

	make_folders(p);
	raw(p->path,
		"CREATE TABLE jobs (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, guild_id "
		"INTEGER NOT NULL, interaction_id INTEGER NOT NULL, application_id INTEGER NOT "
		"NULL, channel_id INTEGER NOT NULL, live_id INTEGER NOT NULL, result_id INTEGER "
		"NOT NULL, step INTEGER NOT NULL, kind INTEGER NOT NULL, outcome INTEGER NOT NULL, "
		"sorry INTEGER NOT NULL, priority INTEGER NOT NULL, submits INTEGER NOT NULL, seed "
		"TEXT NOT NULL, created_ms INTEGER NOT NULL, started_ms INTEGER NOT NULL, "
		"finished_ms INTEGER NOT NULL, duration_ms INTEGER NOT NULL, username TEXT, locale "
		"TEXT, model TEXT, prompt TEXT, token TEXT, gpu TEXT, prompt_id TEXT NOT NULL, "
		"detail TEXT);"
		"CREATE TABLE channels (user_id INTEGER PRIMARY KEY, guild_id INTEGER NOT NULL, "
		"channel_id INTEGER NOT NULL, active_ms INTEGER NOT NULL);"
		"CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
		"CREATE TABLE fullet_schema (version INTEGER NOT NULL);"
		"INSERT INTO fullet_schema VALUES (1);"
		"INSERT INTO jobs VALUES (3, 5, 6, 7, 8, 9, 0, 0, 20, 1, 0, 0, 0, 0, "
		"'18446744073709551615', 1, 0, 0, 0, 'u', 'en-US', 'm', 'a cat', 't', NULL, '', "
		"NULL);"
		"INSERT INTO channels VALUES (5, 6, 9, 77)");
	db = open_ok(p->path);
	assert_int_equal(store_db_job(db, 3, &row), 0);
	assert_true(row.seed == UINT64_MAX && row.origin_id == 0 && !row.input && !row.options);
	assert_true(row.pictures == 1 && row.slot == JOB_WHOLE && !row.part && !row.batch);
	assert_string_equal(row.prompt, "a cat");
	job_row_free(&row);
	assert_int_equal(store_db_load(db, 0, &s, NULL), 0);
	assert_true(s.n_sessions == 1 && s.sessions[0].active_ms == 77 && !s.sessions[0].flags);
	store_snapshot_free(&s);
	store_db_close(db);
	raw_equal(p->path, "SELECT version FROM fullet_schema", newest());
}

static void test_newer_schema(void **state)
{
	struct place *p = *state;
	struct store_db *db = open_ok(p->path);
	char why[100];

	assert_int_equal(put(db, job_op(1, 5, 0)), 0);
	store_db_close(db);
	raw(p->path, "UPDATE fullet_schema SET version = 1000");
	snprintf(why, sizeof(why), "newer fullet (schema 1000, this one knows %s)", newest());
	open_fails(p->path, -ENOTSUP, why);
	snprintf(why, sizeof(why), "UPDATE fullet_schema SET version = %s", newest());
	raw(p->path, why);
	db = open_ok(p->path);
	store_db_close(db);
}

static void test_not_a_database(void **state)
{
	struct place *p = *state;
	char big[8192] = "SQLite format 3";

	make_folders(p);
	write_file(p->path, "hello", 5);
	open_fails(p->path, -EBADMSG, "not a SQLite database");
	memset(big, 'x', sizeof(big));
	write_file(p->path, big, sizeof(big));
	open_fails(p->path, -EBADMSG, "not a SQLite database");
	memcpy(big, "SQLite format 3", 16);
	write_file(p->path, big, sizeof(big));
	open_fails(p->path, -EBADMSG, "move it away");
	unlink(p->path);
	assert_int_equal(mkdir(p->path, 0700), 0);
	open_fails(p->path, -EISDIR, "cannot be opened");
	assert_int_equal(rmdir(p->path), 0);
	open_fails("/dev/null/x/bot.db", -ENOTDIR, "cannot be made");
}

static void test_second_owner(void **state)
{
	struct place *p = *state;
	struct store_db *db = open_ok(p->path), *looking = NULL;
	char part[64], link[256], *why = NULL;

	snprintf(part, sizeof(part), "bot.db (process %ld)", (long)getpid());
	open_fails(p->path, -EBUSY, part);
	open_fails(p->path, -EBUSY, "another fullet already uses ");
	/* By another name it is the same database. */
	snprintf(link, sizeof(link), "%s/new folder/deeper/link.db", p->root);
	assert_int_equal(symlink("bot.db", link), 0);
	open_fails(link, -EBUSY, "link.db (process ");
	/* Looking at it is allowed. */
	assert_int_equal(store_db_open_shared(p->path, &looking, &why), 0);
	assert_int_equal(store_db_check(looking, &why), 0);
	assert_null(why);
	store_db_close(looking);
	store_db_close(db);
	db = open_ok(link);
	store_db_close(db);
}

static void test_shared_changes_nothing(void **state)
{
	struct place *p = *state;
	struct store_db *db = NULL;
	char *why = NULL;

	assert_int_equal(store_db_open_shared(p->path, &db, &why), -ENOENT);
	free(why);
	make_folders(p);
	assert_int_equal(store_db_open_shared(p->path, &db, &why), -ENOENT);
	assert_int_equal(access(p->path, F_OK), -1);
	free(why);
	raw(p->path, "CREATE TABLE counters (x)");
	assert_int_equal(chmod(p->path, 0644), 0);
	assert_int_equal(store_db_open_shared(p->path, &db, &why), -ENOTSUP);
	assert_non_null(strstr(why, "sets it up"));
	free(why);
	raw_equal(p->path, "PRAGMA journal_mode", "delete");
	raw_equal(p->path, "SELECT count(*) FROM sqlite_master", "1");
	assert_int_equal(mode_of(p->path), 0644);
}

static void test_check_finds_damage(void **state)
{
	struct place *p = *state;
	struct store_db *db = open_ok(p->path);
	char *why = NULL, *value = NULL;
	int fd, r;

	for (uint64_t i = 1; i <= 200; i++)
		assert_int_equal(put(db, job_op(i, 5, 0)), 0);
	assert_int_equal(store_db_check(db, &why), 0);
	assert_int_equal(store_db_value(db, "check", &value), 0);
	assert_null(value);
	store_db_close(db);
	fd = open(p->path, O_WRONLY | O_CLOEXEC);
	for (off_t page = 7; page < 9; page++)
		assert_int_equal(pwrite(fd, "garbage garbage", 15, page * 4096), 15);
	close(fd);
	r = store_db_open(p->path, &db, &why);
	if (r == 0) {
		r = store_db_check(db, &why);
		store_db_close(db);
	}
	assert_int_equal(r, -EBADMSG);
	assert_non_null(strstr(why, "is damaged"));
	free(why);
}

static void test_prune(void **state)
{
	struct place *p = *state;
	struct store_db *db = open_ok(p->path);
	struct store_snapshot s = {0};

	assert_int_equal(put(db, job_op(1, 5, 0)), 0);		   /* live: stays however old */
	assert_int_equal(put(db, job_op(2, 100, 9 * DAY_MS)), 0);  /* 31 days before the newest */
	assert_int_equal(put(db, job_op(3, 100, 11 * DAY_MS)), 0); /* 29 days */
	assert_int_equal(put(db, job_op(4, 100, 40 * DAY_MS)), 0); /* the newest */
	assert_int_equal(put(db, job_op(9, 100, 1)), 0);	   /* the highest number stays */
	store_db_close(db);
	db = open_ok(p->path);
	assert_int_equal(count_rows(db, 1, 1), 1);
	assert_int_equal(count_rows(db, 2, 2), 0);
	assert_int_equal(count_rows(db, 3, 9), 3);
	assert_int_equal(store_db_load(db, 0, &s, NULL), 0);
	assert_true(s.max_job_id == 9);
	store_snapshot_free(&s);
	store_db_close(db);
}

static void test_prune_while_running(void **state)
{
	struct store_db *db = open_ok(":memory:");
	struct store_op *ops = xcalloc(STORE_PRUNE_EVERY, sizeof(*ops));

	assert_int_equal(put(db, job_op(1, 100, 1)), 0);
	for (int i = 0; i < STORE_PRUNE_EVERY; i++)
		ops[i] = job_op((uint64_t)i + 2, 100, 31 * DAY_MS);
	assert_int_equal(store_db_apply(db, ops, STORE_PRUNE_EVERY, NULL), 0);
	assert_int_equal(count_rows(db, 1, 1), 0);
	assert_int_equal(count_rows(db, 2, STORE_PRUNE_EVERY + 1), STORE_PRUNE_EVERY);
	for (int i = 0; i < STORE_PRUNE_EVERY; i++)
		store_op_free(&ops[i]);
	free(ops);
	store_db_close(db);
}

#define ENDED_JOBS(number)                                                                         \
	"INSERT INTO jobs (id, user_id, guild_id, interaction_id, application_id, channel_id, "    \
	"live_id, result_id, step, kind, outcome, sorry, priority, submits, seed, created_ms, "    \
	"started_ms, finished_ms, duration_ms, prompt_id) SELECT " number                          \
	",0,0,0,0,0,0,0,100,1,1,0,0,1,'0'," number ",0,0,0,'' FROM "

static void test_prune_by_number(void **state)
{
	struct place *p = *state;
	struct store_db *db = open_ok(p->path);

	store_db_close(db);
	/* 100,100 ended jobs within a minute. */
	raw(p->path,
		test_server() && str_starts(test_server(), "mysql")
			? ENDED_JOBS("seq") "seq_1_to_100100"
		: test_server()
			? ENDED_JOBS("i") "generate_series(1,100100) i"
			: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
			  "100100) " ENDED_JOBS("i") "n");
	db = open_ok(p->path);
	assert_int_equal(count_rows(db, 1, 200), 100);
	assert_int_equal(count_rows(db, 101, 101), 1);
	store_db_close(db);
	raw_equal(p->path, "SELECT count(*) FROM jobs", "100000");
}

/* ---- servers ---- */

static void set_version(const char *version)
{
	cleanup(freep) char *text = xasprintf("INSERT INTO fullet_schema VALUES (%s)", version);

	raw(NULL, "DELETE FROM fullet_schema");
	raw(NULL, text);
}

/* Goes on where the version says, and is whole afterwards. */
static void goes_on_from(const char *version)
{
	struct store_db *db;

	set_version(version);
	db = open_ok("");
	assert_int_equal(put(db, job_op(1, 5, 0)), 0);
	store_db_close(db);
	raw_equal(NULL, "SELECT version FROM fullet_schema", newest());
	raw_equal(NULL, "SELECT max(batch) FROM jobs", "0");
	raw_equal(NULL, "SELECT max(number) FROM jobs", "0");
	raw_equal(NULL, "SELECT count(*) FROM last_pictures", "0");
	raw_equal(NULL,
		"SELECT count(*) FROM information_schema.statistics WHERE index_name = "
		"'last_pictures_age' AND table_schema = database()",
		"1");
}

/* What the fourth migration and those after it added to jobs. */
#define FOURTH                                                                                     \
	"DROP COLUMN slot, DROP COLUMN part, DROP COLUMN batch, DROP COLUMN work, "                \
	"DROP COLUMN reason, DROP COLUMN failed_on"

/* MySQL: a program that died in the middle of a migration left some of its statements behind. */
static void test_cut_off_migration(void **state)
{
	char version[16];

	if (!test_server() || !str_starts(test_server(), "mysql"))
		skip();
	raw(NULL, "CREATE TABLE fullet_schema (version INTEGER NOT NULL)");
	goes_on_from("-2"); /* the very first: begun, not done */
	raw(NULL, "DROP INDEX last_pictures_age ON last_pictures");
	raw(NULL, "ALTER TABLE jobs " FOURTH ", DROP COLUMN pictures");
	raw(NULL, "DROP TABLE learned");
	goes_on_from("-2021"); /* the very last: not begun */
	raw(NULL, "ALTER TABLE jobs " FOURTH ", DROP COLUMN pictures");
	raw(NULL, "DROP TABLE learned");
	goes_on_from("-2022"); /* begun, and done */
	raw(NULL, "ALTER TABLE jobs DROP COLUMN input, DROP COLUMN origin_id, DROP COLUMN number, "
		  "DROP COLUMN flags, DROP COLUMN pictures, DROP INDEX jobs_member, " FOURTH);
	raw(NULL, "ALTER TABLE channels DROP COLUMN warned_ms, DROP COLUMN flags");
	raw(NULL, "DROP TABLE pictures, last_pictures, learned");
	goes_on_from("-2002"); /* the first of the second migration: begun, and done */
	/* A newer program's, cut off. */
	snprintf(version, sizeof(version), "-%d", schema_newest() * 2000 + 1);
	set_version(version);
	open_fails("", -ENOTSUP, "was written by a newer fullet");
}

/* Text that is no UTF-8 never makes a row that cannot be written. */
static void test_broken_text(void **state)
{
	struct store_db *db = open_ok(":memory:");
	struct store_op op = job_op(1, 5, 0);
	struct job_row row = {0};

	str_set(&op.job.prompt, "a\xff\xc3(\xf0\x9f\x90\xb1\xe2\x82");
	assert_int_equal(store_db_apply(db, &op, 1, NULL), 0);
	assert_int_equal(store_db_job(db, 1, &row), 0);
	assert_string_equal(row.prompt, test_server() ? "a?"
							"?(\xf0\x9f\x90\xb1??"
						      : "a\xff\xc3(\xf0\x9f\x90\xb1\xe2\x82");
	job_row_free(&row);
	store_op_free(&op);
	store_db_close(db);
}

/* Bytes as they are, also many of them. */
static void test_large_picture(void **state)
{
	struct store_db *db = open_ok(":memory:");
	struct store_op op = {.kind = STORE_PICTURE, .id = 3};
	struct buf bytes = BUF(STORE_PICTURE_MAX);
	struct store_query q = {STORE_READ_PICTURE, 3, 0};
	struct store_result result;
	char row[4096];

	for (size_t i = 0; i < sizeof(row); i++)
		row[i] = (char)i;
	while (bytes.len < 20 * MIB)
		assert_int_equal(buf_add(&bytes, row, sizeof(row)), 0);
	op.picture = blob_take(&bytes);
	assert_int_equal(store_db_apply(db, &op, 1, NULL), 0);
	assert_int_equal(store_db_read(db, &q, &result), 0);
	assert_int_equal(result.picture.bytes->len, op.picture->len);
	assert_memory_equal(result.picture.bytes->data, op.picture->data, op.picture->len);
	store_result_free(&result);
	store_op_free(&op);
	store_db_close(db);
}

static void test_about(void **state)
{
	struct store_db *db = open_ok(":memory:");
	char *about = store_db_about(db);

	if (!strstr(about, "SQLite 3.") && !strstr(about, "PostgreSQL 1") &&
		!strstr(about, "MariaDB 1") && !strstr(about, "MySQL "))
		fail_msg("%s", about);
	assert_non_null(strstr(about, ", schema "));
	free(about);
	assert_null(strstr(store_db_shown(db), "pass@word"));
	store_db_close(db);
}

/* Somebody ends the connection: the next statement makes a new one, and the lock is taken again. */
static void test_connection_killed(void **state)
{
	struct store_db *db, *second = NULL;
	char *why = NULL;

	if (!test_server())
		skip();
	db = open_ok("");
	assert_int_equal(put(db, job_op(1, 5, 0)), 0);
	for (int i = 2; i < 5; i++) {
		char text[128] = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
				 "WHERE pid <> pg_backend_pid() AND usename = current_user";

		if (str_starts(test_server(), "mysql")) {
			raw_text(NULL,
				"SELECT max(id) FROM information_schema.processlist WHERE id <> "
				"connection_id() AND user = SUBSTRING_INDEX(USER(), '@', 1)",
				text, sizeof(text));
			why = xasprintf("KILL %s", text);
			raw(NULL, why);
			free(why);
		} else {
			raw_text(NULL, text, text, sizeof(text));
		}
		assert_int_equal(put(db, job_op((uint64_t)i, 5, 0)), 0);
	}
	why = NULL;
	assert_int_equal(store_db_open(test_server(), &second, &why), -EBUSY);
	assert_non_null(strstr(why, "another fullet already uses"));
	free(why);
	assert_int_equal(count_rows(db, 1, 4), 4);
	store_db_close(db);
	db = open_ok("");
	store_db_close(db);
}

static char *with_password(const char *password)
{
	const char *url = test_server(), *colon = strchr(strstr(url, "//"), ':'),
		   *at = strchr(url, '@');

	return xasprintf("%.*s:%s%s", (int)(colon - url), url, password, at);
}

static void refuses(char *url, int result, const char *part)
{
	struct store_db *db = NULL;
	char *why = NULL;
	int r = store_db_open(url, &db, &why);

	if (r != result)
		fail_msg("%d %s", r, why);
	if (!strstr(why, part) || strstr(why, "wrong%20word") || strstr(why, "wrong word") ||
		strstr(why, "pass@word"))
		fail_msg("%s", why);
	free(why);
	free(url);
}

static void test_server_refuses(void **state)
{
	const char *slash;

	if (!test_server())
		skip();
	slash = strrchr(test_server(), '/');
	refuses(with_password("wrong%20word"), -EACCES, "bot");
	refuses(xasprintf("%.*s/fullet_not_there", (int)(slash - test_server()), test_server()),
		-EINVAL, "fullet_not_there");
	refuses(xasprintf("%.*s:1/fullet", (int)(strrchr(test_server(), ':') - test_server()),
			test_server()),
		-ENOTCONN, "cannot be opened");
}

int main(void)
{
	const struct CMUnitTest both[] = {
		in_place(test_round_trip),
		in_place(test_replace),
		in_place(test_sessions_and_values),
		in_place(test_interactions),
		in_place(test_learned),
		in_place(test_foreign_table_in_our_place),
		in_place(test_newer_schema),
		in_place(test_pictures),
		in_place(test_prompts),
		in_place(test_day),
		in_place(test_erase),
		in_place(test_prune),
		in_place(test_prune_while_running),
		in_place(test_prune_by_number),
		in_place(test_cut_off_migration),
		in_place(test_broken_text),
		in_place(test_large_picture),
		in_place(test_about),
		in_place(test_connection_killed),
		in_place(test_server_refuses),
	};
	const struct CMUnitTest files[] = {
		in_place(test_token_is_blanked),
		in_place(test_new_file_is_private),
		in_place(test_foreign_tables_stay),
		in_place(test_empty_file),
		in_place(test_from_schema_1),
		in_place(test_not_a_database),
		in_place(test_second_owner),
		in_place(test_shared_changes_nothing),
		in_place(test_check_finds_damage),
	};

	return run_store_tests(both, files);
}
