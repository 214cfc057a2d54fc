/* SPDX-License-Identifier: Apache-2.0 */
#include <zlib.h>
#include <zstd.h>

#include "gateway_rig.h"

/* ---- planned stops ---- */

static void test_stop_keeps_the_session(void **state)
{
	struct gateway_resume kept, none;
	struct rig rig, again;

	rig_open(&rig, 1, true);
	gateway_resume_get(rig.gw, &none);
	assert_null(none.session_id);
	gateway_resume_free(&none);
	to_ready(&rig);
	say(&rig, "{\"op\":0,\"t\":\"A\",\"s\":7,\"d\":{}}");
	gateway_stop(rig.gw, rig.now);
	drain(&rig);
	assert_int_equal(rig.last[GATEWAY_CLOSE].code, 4000);
	closed(&rig, 4000);
	assert_true(gateway_deadline(rig.gw) == NEVER);
	assert_int_equal(rig.count[GATEWAY_OPEN], 0);
	gateway_resume_get(rig.gw, &kept);
	assert_string_equal(kept.session_id, "S");
	assert_string_equal(kept.resume_url, RESUME);
	assert_int_equal(kept.seq, 7);
	rig_close(&rig);

	rig_open(&again, 2, true);
	gateway_start(again.gw, &kept, again.now);
	gateway_resume_free(&kept);
	drain(&again);
	assert_int_equal(again.count[GATEWAY_ASK_URL], 0);
	assert_string_equal(again.last[GATEWAY_OPEN].text, RESUME "/?v=10&encoding=json");
	gateway_opened(again.gw, again.now);
	say(&again, HELLO);
	assert_non_null(strstr(sent(&again), "\"session_id\":\"S\",\"seq\":7"));
	rig_close(&again);
}

/* What nobody has seen yet comes again to the process that resumes. */
static void test_kept_is_what_was_given(void **state)
{
	static const char *const events[] = {"{\"op\":0,\"t\":\"A\",\"s\":7,\"d\":{}}",
		"{\"op\":0,\"t\":\"B\",\"s\":8,\"d\":{}}"};
	static const int64_t kept[] = {1, 7, 8};
	struct gateway_action a;
	struct gateway_resume r;
	struct rig rig;

	rig_open(&rig, 1, true);
	to_ready(&rig);
	for (size_t i = 0; i < countof(events); i++)
		gateway_received(rig.gw, events[i], strlen(events[i]), false, rig.now);
	for (size_t i = 0; i < countof(kept); i++) {
		gateway_resume_get(rig.gw, &r);
		assert_int_equal(r.seq, kept[i]);
		gateway_resume_free(&r);
		assert_int_equal(gateway_next(rig.gw, &a), i < countof(events));
		gateway_action_free(&a);
	}
	/* The same connection goes on from what came. */
	closed(&rig, 4000);
	connect_again(&rig);
	say(&rig, HELLO);
	assert_non_null(strstr(sent(&rig), "\"session_id\":\"S\",\"seq\":8"));
	rig_close(&rig);
}

static void test_stop_anywhere(void **state)
{
	/* How far it goes before it is stopped, and whether there is a socket to close. */
	static const struct {
		int steps;
		int closes;
	} rows[] = {{0, 0}, {1, 0}, {2, 1}, {3, 1}, {4, 1}, {5, 1}, {6, 1}, {7, 0}};

	for (size_t i = 0; i < countof(rows); i++) {
		struct rig rig;

		rig_open(&rig, 1, true);
		for (int step = 1; step <= rows[i].steps; step++)
			switch (step) {
			case 1:
				gateway_start(rig.gw, NULL, rig.now);
				break;
			case 2:
				answer_url(&rig);
				break;
			case 3:
				gateway_opened(rig.gw, rig.now);
				break;
			case 4:
				say(&rig, HELLO);
				break;
			case 5:
				say(&rig, READY);
				break;
			case 6:
				say(&rig, "{\"op\":7}");
				break;
			case 7:
				closed(&rig, 4000);
				forget(&rig);
				break;
			}
		gateway_stop(rig.gw, rig.now);
		gateway_stop(rig.gw, rig.now);
		drain(&rig);
		assert_int_equal(rig.count[GATEWAY_CLOSE], rows[i].closes);
		closed(&rig, 4000);
		assert_true(gateway_deadline(rig.gw) == NEVER);
		answer_url(&rig);
		gateway_opened(rig.gw, rig.now);
		forget(&rig);
		assert_false(run_until(&rig, GATEWAY_OPEN, 1000000));
		rig_close(&rig);
	}
}

static void test_bad_resume_data(void **state)
{
	char url[] = "http://elsewhere", empty[] = "", session[] = "S", long_one[2000];
	struct gateway_resume rows[] = {
		{empty, url, 5},
		{session, url, 5},
		{session, NULL, 5},
		{session, NULL, -1},
		{NULL, NULL, 5},
		{long_one, NULL, 5},
	};

	memset(long_one, 'x', sizeof(long_one));
	long_one[sizeof(long_one) - 1] = '\0';
	for (size_t i = 0; i < countof(rows); i++) {
		struct rig rig;

		rig_open(&rig, 1, true);
		gateway_start(rig.gw, &rows[i], rig.now);
		drain(&rig);
		assert_int_equal(rig.count[GATEWAY_ASK_URL], 1);
		answer_url(&rig);
		gateway_opened(rig.gw, rig.now);
		say(&rig, HELLO);
		assert_non_null(strstr(sent(&rig), i == 1 || i == 2 ? "\"op\":6" : "\"op\":2"));
		rig_close(&rig);
	}
}

static void test_token_too_long(void **state)
{
	char token[5000];
	struct gateway_config config = {token, 513, true};
	struct rig rig = {.now = 5};

	memset(token, 'x', sizeof(token));
	token[sizeof(token) - 1] = '\0';
	rng_seed(&rig.rng, 1);
	rig.gw = gateway_new(&config, &rig.rng);
	gateway_start(rig.gw, NULL, rig.now);
	answer_url(&rig);
	gateway_opened(rig.gw, rig.now);
	say(&rig, HELLO);
	assert_int_equal(rig.count[GATEWAY_SEND], 0);
	assert_int_equal(rig.count[GATEWAY_CLOSE], 1);
	assert_non_null(strstr(rig.last[GATEWAY_FATAL].text, "DISCORD_TOKEN"));
	rig_close(&rig);
}

/* ---- what must not hurt ---- */

static void test_malformed(void **state)
{
	static const char *const rows[] = {
		"",
		"{",
		"null",
		"[]",
		"7",
		"\"x\"",
		"{}",
		"{\"op\":\"0\"}",
		"{\"op\":null}",
		"{\"op\":10.0}",
		"{\"op\":-1}",
		"{\"op\":0}",
		"{\"op\":0,\"t\":\"A\"}",
		"{\"op\":0,\"t\":7,\"s\":3,\"d\":{}}",
		"{\"op\":0,\"t\":\"A\",\"s\":\"3\",\"d\":{}}",
		"{\"op\":0,\"t\":\"A\",\"s\":-3,\"d\":{}}",
		"{\"op\":0,\"t\":\"A\",\"s\":1.5}",
		"{\"op\":10}",
		"{\"op\":10,\"d\":{\"heartbeat_interval\":0}}",
		"{\"op\":10,\"d\":{\"heartbeat_interval\":-5}}",
		"{\"op\":10,\"d\":{\"heartbeat_interval\":\"40000\"}}",
		"{\"op\":10,\"d\":{\"heartbeat_interval\":99999999999}}",
		"{\"op\":10,\"d\":[]}",
		"{\"op\":1}x",
		"\xff\xfe",
		"{\"op\":1,\"d\":1e999}",
	};

	for (size_t i = 0; i < countof(rows); i++)
		for (int before_hello = 0; before_hello < 2; before_hello++) {
			struct rig rig;

			rig_open(&rig, 1, true);
			to_ready(&rig);
			if (before_hello) {
				closed(&rig, 1006);
				assert_true(run_until(&rig, GATEWAY_OPEN, 1000));
				gateway_opened(rig.gw, rig.now);
				forget(&rig);
			}
			say(&rig, rows[i]);
			assert_int_equal(rig.count[GATEWAY_CLOSE], 1);
			assert_int_equal(rig.last[GATEWAY_CLOSE].code, 4000);
			assert_int_equal(rig.count[GATEWAY_DISPATCH], 0);
			closed(&rig, 4000);
			forget(&rig);
			connect_again(&rig);
			assert_non_null(strstr(sent(&rig), "\"op\":6"));
			rig_close(&rig);
		}
}

static void test_ignored(void **state)
{
	static const char *const rows[] = {
		"{\"op\":31,\"d\":{}}",
		"{\"op\":43}",
		"{\"op\":3,\"d\":[]}",
		"{\"op\":11,\"d\":{\"x\":1},\"s\":\"?\"}",
		HELLO,
	};
	struct rig rig;

	rig_open(&rig, 1, true);
	to_ready(&rig);
	for (size_t i = 0; i < countof(rows); i++)
		say(&rig, rows[i]);
	for (int kind = 0; kind <= GATEWAY_FATAL; kind++)
		assert_int_equal(rig.count[kind], 0);
	assert_true(gateway_is_ready(rig.gw));
	rig_close(&rig);
}

static void test_event_before_session(void **state)
{
	struct rig rig;

	rig_open(&rig, 1, true);
	gateway_start(rig.gw, NULL, rig.now);
	answer_url(&rig);
	gateway_opened(rig.gw, rig.now);
	say(&rig, READY);
	assert_int_equal(rig.count[GATEWAY_DISPATCH], 0);
	assert_int_equal(rig.count[GATEWAY_CLOSE], 1);
	rig_close(&rig);
}

/* READY without what a RESUME needs still serves; the next connection identifies anew. */
static void test_ready_without_session(void **state)
{
	static const char *const rows[] = {
		"{\"op\":0,\"t\":\"READY\",\"s\":1,\"d\":null}",
		"{\"op\":0,\"t\":\"READY\",\"s\":1,\"d\":{\"session_id\":7}}",
		"{\"op\":0,\"t\":\"READY\",\"s\":1,\"d\":{\"session_id\":\"\"}}",
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct rig rig;

		rig_open(&rig, 1, true);
		gateway_start(rig.gw, NULL, rig.now);
		answer_url(&rig);
		gateway_opened(rig.gw, rig.now);
		say(&rig, HELLO);
		say(&rig, rows[i]);
		assert_true(gateway_is_ready(rig.gw));
		closed(&rig, 1006);
		forget(&rig);
		assert_true(run_until(&rig, GATEWAY_ASK_URL, 10000));
		rig_close(&rig);
	}
}

static void test_stray_calls(void **state)
{
	struct rig rig;

	rig_open(&rig, 1, false);
	gateway_tick(rig.gw, rig.now);
	gateway_opened(rig.gw, rig.now);
	closed(&rig, 4004);
	say(&rig, HELLO);
	answer_url(&rig);
	assert_int_equal(rig.count[GATEWAY_FATAL], 0);
	to_ready(&rig);
	gateway_opened(rig.gw, rig.now);
	answer_url(&rig);
	gateway_start(rig.gw, NULL, rig.now);
	drain(&rig);
	assert_true(gateway_is_ready(rig.gw));
	closed(&rig, 1006);
	closed(&rig, 4004);
	closed(&rig, 1006);
	assert_int_equal(rig.count[GATEWAY_FATAL], 0);
	assert_true(run_until(&rig, GATEWAY_OPEN, 1000));
	rig_close(&rig);
}

/* ---- compression ---- */

struct packer {
	bool zstd;
	z_stream z;
	ZSTD_CCtx *c;
	char out[65536];
	size_t len;
};

static void packer_open(struct packer *p, bool zstd)
{
	memset(p, 0, sizeof(*p));
	p->zstd = zstd;
	if (zstd)
		p->c = ZSTD_createCCtx();
	else
		assert_int_equal(deflateInit(&p->z, 6), Z_OK);
}

static void packer_close(struct packer *p)
{
	ZSTD_freeCCtx(p->c);
	if (!p->zstd)
		deflateEnd(&p->z);
}

static void pack(struct packer *p, const char *text, size_t len)
{
	if (p->zstd) {
		ZSTD_inBuffer in = {text, len, 0};
		ZSTD_outBuffer out = {p->out, sizeof(p->out), 0};

		assert_int_equal(ZSTD_compressStream2(p->c, &out, &in, ZSTD_e_flush), 0);
		p->len = out.pos;
		return;
	}
	p->z.next_in = (unsigned char *)text;
	p->z.avail_in = (unsigned)len;
	p->z.next_out = (unsigned char *)p->out;
	p->z.avail_out = sizeof(p->out);
	assert_int_equal(deflate(&p->z, Z_SYNC_FLUSH), Z_OK);
	p->len = sizeof(p->out) - p->z.avail_out;
}

static void say_packed(struct rig *rig, struct packer *p, const char *text)
{
	pack(p, text, strlen(text));
	gateway_received(rig->gw, p->out, p->len, true, rig->now);
	drain(rig);
}

/* Opens with zstd-stream, or with zlib-stream after zstd-stream was refused. */
static void open_packed(struct rig *rig, bool zstd)
{
	rig_open(rig, 1, false);
	gateway_start(rig->gw, NULL, rig->now);
	answer_url(rig);
	if (!zstd) {
		closed(rig, 0);
		forget(rig);
		assert_true(run_until(rig, GATEWAY_ASK_URL, 1000));
		answer_url(rig);
	}
	assert_true(strstr(rig->last[GATEWAY_OPEN].text,
			    zstd ? "&compress=zstd-stream" : "&compress=zlib-stream") != NULL);
	gateway_opened(rig->gw, rig->now);
	drain(rig);
}

static void test_compressed(void **state)
{
	for (int zstd = 0; zstd < 2; zstd++) {
		struct packer *p = malloc(sizeof(*p));
		struct rig rig;

		packer_open(p, zstd);
		open_packed(&rig, zstd);
		say_packed(&rig, p, HELLO);
		assert_non_null(strstr(sent(&rig), "\"op\":2"));
		say_packed(&rig, p, READY);
		assert_true(gateway_is_ready(rig.gw));
		for (int i = 2; i < 200; i++) {
			char text[200];

			snprintf(text, sizeof(text),
				"{\"op\":0,\"t\":\"E\",\"s\":%d,\"d\":{\"text\":\"same same\"}}",
				i);
			say_packed(&rig, p, text);
			assert_int_equal(rig.count[GATEWAY_DISPATCH], i);
		}
		/* A new connection has a new stream, a RESUME too. */
		closed(&rig, 4000);
		forget(&rig);
		assert_true(run_until(&rig, GATEWAY_OPEN, 2000));
		gateway_opened(rig.gw, rig.now);
		packer_close(p);
		packer_open(p, zstd);
		say_packed(&rig, p, HELLO);
		assert_non_null(strstr(sent(&rig), "\"seq\":199"));
		packer_close(p);
		free(p);
		rig_close(&rig);
	}
}

/* zlib-stream: a payload may come in several messages, byte by byte even. */
static void test_zlib_in_pieces(void **state)
{
	struct packer *p = malloc(sizeof(*p));
	struct rig rig;

	packer_open(p, false);
	open_packed(&rig, false);
	pack(p, HELLO, strlen(HELLO));
	for (size_t i = 0; i < p->len; i++) {
		assert_int_equal(rig.count[GATEWAY_SEND], 0);
		gateway_received(rig.gw, p->out + i, 1, true, rig.now);
		drain(&rig);
	}
	assert_int_equal(rig.count[GATEWAY_SEND], 1);
	packer_close(p);
	free(p);
	rig_close(&rig);
}

static void test_large_payload(void **state)
{
	size_t len = 5 * MIB;
	char *text = malloc(len + 200);
	struct packer *p = malloc(sizeof(*p));

	for (int zstd = 0; zstd < 2; zstd++) {
		struct rig rig;
		int n;

		packer_open(p, zstd);
		open_packed(&rig, zstd);
		say_packed(&rig, p, HELLO);
		say_packed(&rig, p, READY);
		n = snprintf(text, 200, "{\"op\":0,\"t\":\"GUILD_CREATE\",\"s\":2,\"d\":{\"x\":\"");
		memset(text + n, 'a', len);
		snprintf(text + n + len, 100, "\"}}");
		say_packed(&rig, p, text);
		assert_string_equal(rig.last[GATEWAY_DISPATCH].text, "GUILD_CREATE");
		assert_int_equal(strlen(json_str(rig.last[GATEWAY_DISPATCH].data, "x")), len);
		packer_close(p);
		rig_close(&rig);
	}
	free(p);
	free(text);
}

/* A bomb: small on the wire, beyond the ceiling in memory. The session survives it. */
static void test_oversized(void **state)
{
	size_t len = GATEWAY_PAYLOAD_MAX + 1;
	char *text = malloc(len + 1);
	struct packer *p = malloc(sizeof(*p));

	memset(text, ' ', len);
	text[len] = '\0';
	for (int kind = 0; kind < 3; kind++) {
		struct rig rig;

		packer_open(p, kind == 1);
		open_packed(&rig, kind == 1);
		say_packed(&rig, p, HELLO);
		say_packed(&rig, p, READY);
		forget(&rig);
		if (kind == 2)
			say(&rig, text);
		else
			say_packed(&rig, p, text);
		assert_int_equal(rig.last[GATEWAY_CLOSE].code, 4000);
		assert_non_null(strstr(rig.notes, "size limit"));
		closed(&rig, 4000);
		forget(&rig);
		assert_true(run_until(&rig, GATEWAY_OPEN, 10000));
		/* It was no fault of the compression. */
		assert_non_null(strstr(
			rig.last[GATEWAY_OPEN].text, kind == 1 ? "zstd-stream" : "zlib-stream"));
		packer_close(p);
		rig_close(&rig);
	}
	free(p);
	free(text);
}

/* Garbage in the compressed stream: that compression is not offered again. */
static void test_garbage_falls_back(void **state)
{
	static const char *const next[] = {"&compress=zlib-stream", "encoding=json"};
	struct rig rig;

	rig_open(&rig, 1, false);
	to_ready(&rig);
	for (size_t i = 0; i < countof(next); i++) {
		gateway_received(rig.gw, "garbage\x00\x00\xff\xff", 11, true, rig.now);
		drain(&rig);
		assert_int_equal(rig.last[GATEWAY_CLOSE].code, 4000);
		closed(&rig, 4000);
		forget(&rig);
		assert_true(run_until(&rig, GATEWAY_OPEN, 10000));
		assert_true(strstr(rig.last[GATEWAY_OPEN].text, next[i]) != NULL);
		gateway_opened(rig.gw, rig.now);
		say(&rig, HELLO);
		say(&rig, RESUMED);
		run_until(&rig, GATEWAY_CLOSE, 200); /* nothing: it stays up */
		assert_int_equal(rig.count[GATEWAY_CLOSE], 0);
	}
	assert_null(strstr(rig.last[GATEWAY_OPEN].text, "compress"));
	rig_close(&rig);
}

/* Failures before HELLO take turns through the compressions, as the network may be to blame. */
static void test_refused_compressions(void **state)
{
	static const char *const kinds[] = {"zstd-stream", "zlib-stream", "json", "zstd-stream"};
	struct rig rig;

	rig_open(&rig, 1, false);
	gateway_start(rig.gw, NULL, rig.now);
	drain(&rig);
	for (size_t i = 0; i < countof(kinds); i++) {
		size_t len, tail = strlen(kinds[i]);

		answer_url(&rig);
		len = strlen(rig.last[GATEWAY_OPEN].text);
		assert_string_equal(rig.last[GATEWAY_OPEN].text + len - tail, kinds[i]);
		if (i % 2)
			gateway_opened(rig.gw, rig.now);
		closed(&rig, i % 2 ? 1006 : 0);
		forget(&rig);
		assert_true(run_until(&rig, GATEWAY_ASK_URL, 10000));
	}
	rig_close(&rig);
}

/* After a session that lasted, the best compression is tried again. */
static void test_compression_recovers(void **state)
{
	struct rig rig;

	open_packed(&rig, false);
	say(&rig, HELLO);
	say(&rig, READY);
	for (int64_t end = rig.now + 61000; rig.now < end;) {
		run_until(&rig, GATEWAY_SEND, end - rig.now);
		say(&rig, ACK);
	}
	closed(&rig, 1006);
	forget(&rig);
	assert_true(run_until(&rig, GATEWAY_OPEN, 10000));
	assert_non_null(strstr(rig.last[GATEWAY_OPEN].text, "zstd-stream"));
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop_keeps_the_session),
		cmocka_unit_test(test_kept_is_what_was_given),
		cmocka_unit_test(test_stop_anywhere),
		cmocka_unit_test(test_bad_resume_data),
		cmocka_unit_test(test_token_too_long),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_ignored),
		cmocka_unit_test(test_event_before_session),
		cmocka_unit_test(test_ready_without_session),
		cmocka_unit_test(test_stray_calls),
		cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_zlib_in_pieces),
		cmocka_unit_test(test_large_payload),
		cmocka_unit_test(test_oversized),
		cmocka_unit_test(test_garbage_falls_back),
		cmocka_unit_test(test_refused_compressions),
		cmocka_unit_test(test_compression_recovers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
