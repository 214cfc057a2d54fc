/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a gateway, or whatever answers in its place, may do. The first byte chooses how the
 * session starts; then come records of a kind, a length (two bytes, little-endian) and that many
 * bytes: messages as they are, messages in the compression of the connection, close codes,
 * answers to /gateway/bot, time. The harness carries the actions as the shell does and checks
 * what must hold whatever comes in.
 */

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "base/json.h"
#include "base/limits.h"
#include "discord/gateway.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORDS_MAX 200
#define SENDS_MAX   120
#define URL	    "{\"url\":\"wss://g.test\",\"session_start_limit\":{\"remaining\":9}}"
#define HELLO	    "{\"op\":10,\"d\":{\"heartbeat_interval\":41250}}"
#define READY                                                                                      \
	"{\"op\":0,\"t\":\"READY\",\"s\":1,\"d\":{\"session_id\":\"S\",\"resume_gateway_url\":"    \
	"\"wss://r.test\"}}"

enum shell_state { NOTHING, ASKED, OPENING, OPEN };

struct shell {
	struct gateway *gw;
	int64_t now;
	enum shell_state state;
	bool fatal;
	bool stopped;
	z_stream zlib;
	ZSTD_CCtx *zstd;
	bool zlib_on;
	int64_t sent[SENDS_MAX];
	unsigned n_sent;
};

static void pump(struct shell *sh);

static void packer_end(struct shell *sh)
{
	if (sh->zlib_on)
		deflateEnd(&sh->zlib);
	sh->zlib_on = false;
	ZSTD_freeCCtx(sh->zstd);
	sh->zstd = NULL;
}

static void packer_start(struct shell *sh, const char *url)
{
	packer_end(sh);
	if (strstr(url, "compress=zstd-stream"))
		sh->zstd = ZSTD_createCCtx();
	if (strstr(url, "compress=zlib-stream")) {
		sh->zlib = (z_stream){0};
		must(deflateInit(&sh->zlib, 1) == Z_OK);
		sh->zlib_on = true;
	}
}

static void receive(struct shell *sh, const void *data, size_t len, bool binary)
{
	/* A copy of exact size, so that reading beyond its end is seen. */
	char *copy = xcalloc(len, 1);

	if (len)
		memcpy(copy, data, len);
	gateway_received(sh->gw, copy, len, binary, sh->now);
	free(copy);
	pump(sh);
}

static void receive_packed(struct shell *sh, const void *data, size_t len)
{
	size_t size = len + len / 2 + 1024, n = 0;
	char *out = xcalloc(size, 1);

	if (sh->zstd) {
		ZSTD_inBuffer i = {data, len, 0};
		ZSTD_outBuffer o = {out, size, 0};

		must(ZSTD_compressStream2(sh->zstd, &o, &i, ZSTD_e_flush) == 0);
		n = o.pos;
	} else if (sh->zlib_on) {
		sh->zlib.next_in = (unsigned char *)(uintptr_t)data;
		sh->zlib.avail_in = (unsigned)len;
		sh->zlib.next_out = (unsigned char *)out;
		sh->zlib.avail_out = (unsigned)size;
		(void)deflate(&sh->zlib, Z_SYNC_FLUSH);
		n = size - sh->zlib.avail_out;
	}
	if (sh->zstd || sh->zlib_on)
		receive(sh, out, n, true);
	else
		receive(sh, data, len, false);
	free(out);
}

static void check_send(struct shell *sh, const char *text)
{
	struct json_object *doc = json_parse(text, strlen(text), NULL);
	int64_t op = json_int(doc, "op", -1);

	must(sh->state == OPEN);
	must(strlen(text) <= GATEWAY_SEND_MAX);
	must(op == 1 || op == 2 || op == 6);
	if (sh->n_sent >= SENDS_MAX)
		must(sh->now - sh->sent[sh->n_sent % SENDS_MAX] >= 60000);
	sh->sent[sh->n_sent++ % SENDS_MAX] = sh->now;
	json_put(&doc);
}

static void act(struct shell *sh, const struct gateway_action *a)
{
	must(!sh->fatal);
	must(!sh->stopped || a->kind == GATEWAY_CLOSE || a->kind == GATEWAY_NOTE);
	switch (a->kind) {
	case GATEWAY_ASK_URL:
		must(sh->state == NOTHING);
		sh->state = ASKED;
		break;
	case GATEWAY_OPEN:
		must(sh->state == NOTHING || sh->state == ASKED);
		must(str_starts(a->text, "ws") && strstr(a->text, "v=10&encoding=json"));
		packer_start(sh, a->text);
		sh->state = OPENING;
		sh->n_sent = 0;
		break;
	case GATEWAY_SEND:
		check_send(sh, a->text);
		break;
	case GATEWAY_CLOSE:
		must(a->code == 4000 && (sh->state == OPEN || sh->state == OPENING));
		sh->state = NOTHING;
		gateway_closed(sh->gw, 4000, NULL, sh->now);
		break;
	case GATEWAY_DISPATCH:
		must(sh->state == OPEN && a->text);
		break;
	case GATEWAY_FATAL:
		must(a->text && *a->text);
		sh->fatal = true;
		sh->state = NOTHING;
		break;
	case GATEWAY_NOTE:
		must(a->text);
		break;
	}
}

static void pump(struct shell *sh)
{
	struct gateway_action a;

	while (gateway_next(sh->gw, &a)) {
		act(sh, &a);
		gateway_action_free(&a);
	}
	must(gateway_latency_ms(sh->gw) >= -1);
	must(!gateway_is_ready(sh->gw) || sh->state == OPEN);
}

static void answer_url(struct shell *sh, const char *text, size_t len)
{
	struct json_object *doc = json_parse(text, len, NULL);

	if (sh->state == ASKED)
		sh->state = NOTHING;
	gateway_url(sh->gw, doc, sh->now);
	json_put(&doc);
	pump(sh);
}

static void closed(struct shell *sh, const uint8_t *data, size_t len)
{
	int code = len >= 2 ? data[0] | data[1] << 8 : 0;
	char *reason = xstrndup(len > 2 ? (const char *)data + 2 : "", len > 2 ? len - 2 : 0);

	if (sh->state == OPEN || sh->state == OPENING)
		sh->state = NOTHING;
	gateway_closed(sh->gw, code, reason, sh->now);
	free(reason);
	pump(sh);
}

static void opened(struct shell *sh)
{
	if (sh->state != OPENING)
		return;
	sh->state = OPEN;
	gateway_opened(sh->gw, sh->now);
	pump(sh);
}

static void tick(struct shell *sh, int64_t until)
{
	sh->now = max_of(sh->now, until);
	gateway_tick(sh->gw, sh->now);
	pump(sh);
}

/* The usual course from wherever it stands to a session. */
static void carry_on(struct shell *sh)
{
	int64_t next = gateway_deadline(sh->gw);

	if (sh->state == NOTHING && next < NEVER)
		tick(sh, next);
	if (sh->state == ASKED)
		answer_url(sh, URL, strlen(URL));
	opened(sh);
	if (sh->state == OPEN && !gateway_is_ready(sh->gw)) {
		receive_packed(sh, HELLO, strlen(HELLO));
		receive_packed(sh, READY, strlen(READY));
	}
}

static void record(struct shell *sh, uint8_t kind, const uint8_t *data, size_t len)
{
	int64_t next = gateway_deadline(sh->gw);
	uint32_t ms = 0;

	switch (kind % 10) {
	case 0:
		receive(sh, data, len, false);
		break;
	case 1:
		receive_packed(sh, data, len);
		break;
	case 2:
		receive(sh, data, len, true);
		break;
	case 3:
		closed(sh, data, len);
		break;
	case 4:
		opened(sh);
		break;
	case 5:
		answer_url(sh, (const char *)data, len);
		break;
	case 6:
		memcpy(&ms, data, min_of(len, (size_t)3));
		tick(sh, sh->now + ms);
		break;
	case 7:
		if (next < NEVER)
			tick(sh, next);
		break;
	case 8:
		carry_on(sh);
		break;
	default:
		gateway_stop(sh->gw, sh->now);
		sh->stopped = true;
		pump(sh);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char session[] = "S", url[] = "wss://r.test";
	struct gateway_resume past = {session, url, 5}, kept;
	struct gateway_config config = {.token = "TOKEN", .intents = 513};
	struct shell sh = {.now = 1000};
	struct rng rng;

	if (size == 0)
		return 0;
	rng_seed(&rng, data[0]);
	config.no_compression = data[0] & 1;
	sh.gw = gateway_new(&config, &rng);
	gateway_start(sh.gw, data[0] & 2 ? &past : NULL, sh.now);
	pump(&sh);
	/* zlib-stream comes second, after a failure. */
	if (data[0] & 4) {
		carry_on(&sh);
		closed(&sh, (const uint8_t *)"", 0);
	}
	data++;
	size--;
	for (int n = 0; size >= 3 && n < RECORDS_MAX; n++) {
		size_t len = min_of((size_t)(data[1] | data[2] << 8), size - 3);

		record(&sh, data[0], data + 3, len);
		data += 3 + len;
		size -= 3 + len;
	}
	gateway_resume_get(sh.gw, &kept);
	must(!kept.session_id || kept.seq >= 0);
	gateway_resume_free(&kept);
	gateway_free(sh.gw);
	packer_end(&sh);
	return 0;
}
