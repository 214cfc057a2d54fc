/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/gateway.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/http.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/secret.h"
#include "discord/close_code.h"
#include "discord/gateway_state.h"

#define OPEN_LIMIT_MS	   30000 /* name, TCP, TLS, upgrade */
#define HELLO_LIMIT_MS	   20000
#define QUICK_MS	   300 /* the first reconnect after a success: members wait */
#define BACKOFF_BASE_MS	   1000
#define BACKOFF_MAX_MS	   60000
#define PAUSE_MS	   5000
#define RESUME_TRIES	   5 /* failures of the resume URL before HELLO */
#define REMAINING_LOW	   5
#define RESET_AFTER_MAX_MS 86400000

/* ---- actions ---- */

void gateway_push(struct gateway *gw, enum gateway_action_kind kind, char *text, int code,
	struct json_object *data)
{
	struct action *item = xcalloc(1, sizeof(*item));

	item->a = (struct gateway_action){kind, code, text, data};
	item->seq = gw->seq;
	DL_APPEND(gw->actions, item);
}

bool gateway_next(struct gateway *gw, struct gateway_action *ret)
{
	struct action *item = gw->actions;

	*ret = (struct gateway_action){0};
	if (!item)
		return false;
	DL_DELETE(gw->actions, item);
	*ret = item->a;
	if (ret->kind == GATEWAY_DISPATCH)
		gw->given_seq = item->seq;
	free(item);
	return true;
}

void gateway_action_free(struct gateway_action *a)
{
	wipe_free(a->text); /* IDENTIFY and RESUME hold the token */
	json_put(&a->data);
	*a = (struct gateway_action){0};
}

/* ---- states ---- */

/* The only place that changes the state: what belongs to one state ends with it. */
void gateway_set_state(struct gateway *gw, enum gateway_state state, int64_t limit_ms)
{
	gw->state = state;
	gw->limit_ms = limit_ms;
	if (!gateway_has_socket(gw)) {
		gw->z = inflate_free(gw->z);
		gw->beat_ms = NEVER;
	}
	if (state != ST_READY)
		gw->stable_ms = NEVER;
	if (state != ST_WAIT)
		gw->wait_ms = NEVER;
}

void gateway_fatal(struct gateway *gw, const char *sentence)
{
	gateway_set_state(gw, ST_DEAD, NEVER);
	gateway_push(gw, GATEWAY_FATAL, xstrdup(sentence), 0, NULL);
}

void gateway_forget_session(struct gateway *gw)
{
	str_set(&gw->session_id, NULL);
	str_set(&gw->resume_url, NULL);
	gw->seq = -1;
	gw->resume_fails = 0;
}

/* A session that lasted forgives all earlier failures. */
static void check_stable(struct gateway *gw, int64_t now_ms)
{
	if (now_ms < gw->stable_ms)
		return;
	gw->stable_ms = NEVER;
	gw->tries = gw->identifies = 0;
	gw->kind = gw->no_compression	       ? INFLATE_NONE
		   : !gw->broken[INFLATE_ZSTD] ? INFLATE_ZSTD
		   : !gw->broken[INFLATE_ZLIB] ? INFLATE_ZLIB
					       : INFLATE_NONE;
}

static int64_t next_backoff(struct gateway *gw)
{
	int64_t ms = gw->tries == 0
			     ? (int64_t)rng_below(gw->rng, QUICK_MS)
			     : backoff_ms(gw->rng, gw->tries - 1, BACKOFF_BASE_MS, BACKOFF_MAX_MS);

	gw->tries = min_of(gw->tries + 1, 30);
	return ms;
}

/* After a connection, or a question for the URL, came to nothing. */
static void go_on(struct gateway *gw, int64_t at_least_ms, const char *why, int64_t now_ms)
{
	int64_t wait = max_of(next_backoff(gw), at_least_ms);

	if (!gateway_has_session(gw))
		wait = max_of(wait, gw->identify_ms - now_ms);
	gateway_note(gw, "%s; %s in %.1f s", why,
		gateway_has_session(gw) ? "resuming" : "connecting anew", (double)wait / 1000);
	gateway_set_state(gw, ST_WAIT, NEVER);
	gw->wait_ms = now_ms + wait;
}

/* Discord or a proxy in between may not speak a compression at all. */
void gateway_failed_before_hello(struct gateway *gw)
{
	if (gw->on_resume_url)
		gw->resume_fails++;
	if (gw->no_compression)
		return;
	do
		gw->kind = (gw->kind + 1) % INFLATE_KINDS;
	while (gw->broken[gw->kind]);
}

/* We end the connection; the session, if any, stays. */
void gateway_hang_up(struct gateway *gw, int64_t at_least_ms, const char *why, int64_t now_ms)
{
	check_stable(gw, now_ms);
	gateway_note(gw, "%s: closing the gateway connection", why);
	gw->plan_ms = at_least_ms;
	gateway_set_state(gw, ST_CLOSING, NEVER);
	gateway_push(gw, GATEWAY_CLOSE, NULL, CLOSE_KEEP, NULL);
}

/* ---- connecting ---- */

static void connect_to(struct gateway *gw, const char *url, int64_t now_ms)
{
	struct url split = {0};

	must(url_split(url, &split) == 0);
	gateway_note(gw, "connecting to %s (compression: %s)%s", split.host, inflate_name(gw->kind),
		split.secure || host_is_loopback(split.host)
			? ""
			: ": WARNING: not encrypted, anyone on the way can read the token");
	url_free(&split);
	gateway_set_state(gw, ST_OPENING, now_ms + OPEN_LIMIT_MS);
	gateway_push(gw, GATEWAY_OPEN, gateway_url_query(url, gw->kind), 0, NULL);
}

static void connect_now(struct gateway *gw, int64_t now_ms)
{
	gw->on_resume_url =
		gateway_has_session(gw) && gw->resume_url && gw->resume_fails < RESUME_TRIES;
	if (gw->on_resume_url) {
		connect_to(gw, gw->resume_url, now_ms);
		return;
	}
	gateway_set_state(gw, ST_ASKED, NEVER);
	gateway_push(gw, GATEWAY_ASK_URL, NULL, 0, NULL);
}

void gateway_url(struct gateway *gw, struct json_object *answer, int64_t now_ms)
{
	int64_t remaining, reset_after, together;
	const char *url;

	if (gw->state != ST_ASKED)
		return;
	url = json_str(answer, "url");
	if (!gateway_url_usable(url)) {
		/* The network may be to blame: the resume URL has its turn again. */
		gw->resume_fails = min_of(gw->resume_fails, RESUME_TRIES - 1);
		go_on(gw, 0,
			answer ? "Discord's answer holds no gateway URL"
			       : "no gateway URL could be had",
			now_ms);
		return;
	}
	if (gateway_has_session(gw) && gw->resume_fails >= RESUME_TRIES) {
		gateway_note(gw,
			"the resume URL does not answer, Discord does: the session is given up");
		gateway_forget_session(gw);
	}
	str_set(&gw->url, url);
	together = json_int(answer, "session_start_limit.max_concurrency", 1);
	gw->spacing_ms = IDENTIFY_SPACING_MS / min_of(max_of(together, INT64_C(1)), INT64_C(100));
	remaining = json_int(answer, "session_start_limit.remaining", -1);
	reset_after = json_int(answer, "session_start_limit.reset_after", 0);
	reset_after = min_of(
		max_of(reset_after, (int64_t)IDENTIFY_SPACING_MS), (int64_t)RESET_AFTER_MAX_MS);
	if (remaining == 0 && !gateway_has_session(gw)) {
		gateway_note(gw,
			"Discord allows no further session start now; asking again in %" PRId64
			" s. Is the program being restarted in a loop?",
			reset_after / 1000);
		gateway_set_state(gw, ST_WAIT, NEVER);
		gw->wait_ms = now_ms + reset_after;
		return;
	}
	if (remaining >= 0 && remaining <= REMAINING_LOW && !gateway_has_session(gw))
		gateway_note(gw,
			"only %" PRId64 " session starts are left for the next %" PRId64
			" s: restart the program sparingly",
			remaining, reset_after / 1000);
	connect_to(gw, gw->url, now_ms);
}

void gateway_opened(struct gateway *gw, int64_t now_ms)
{
	if (gw->state != ST_OPENING)
		return;
	gateway_set_state(gw, ST_OPENED, now_ms + HELLO_LIMIT_MS);
	gw->z_kind = gw->kind;
	gw->z = inflate_new(gw->z_kind);
	send_window_reset(&gw->window);
	gw->acked = true;
	gw->beat_sent_ms = -1;
	gw->latency_ms = -1;
}

void gateway_closed(struct gateway *gw, int code, const char *reason, int64_t now_ms)
{
	cleanup(freep) char *clean = gateway_reason(reason), *why = NULL;
	enum close_verdict verdict;
	enum gateway_state state = gw->state;
	const char *sentence;

	if (state == ST_STOPPING)
		gateway_set_state(gw, ST_OFF, NEVER);
	if (state != ST_OPENING && state != ST_CLOSING && !gateway_has_socket(gw))
		return;
	verdict = close_code_verdict(code, &sentence);
	if (verdict == CLOSE_FATAL) {
		gateway_fatal(gw, sentence);
		return;
	}
	if (state == ST_CLOSING) {
		go_on(gw, gw->plan_ms, "the gateway connection is closed", now_ms);
		return;
	}
	check_stable(gw, now_ms);
	if (state == ST_OPENING || state == ST_OPENED)
		gateway_failed_before_hello(gw);
	if (verdict == CLOSE_IDENTIFY)
		gateway_forget_session(gw);
	why = code == 0 ? xasprintf("%s%s%s", sentence, *clean ? ": " : "", clean)
			: xasprintf("closed %d, %s%s%s%s", code, sentence, *clean ? " (" : "",
				  clean, *clean ? ")" : "");
	go_on(gw, verdict == CLOSE_PAUSE ? PAUSE_MS : 0, why, now_ms);
}

/* ---- time ---- */

static void on_limit(struct gateway *gw, int64_t now_ms)
{
	if (gw->state == ST_GREETED) {
		gateway_shake_hands(gw, now_ms);
		return;
	}
	if (gw->state == ST_OPENING || gw->state == ST_OPENED)
		gateway_failed_before_hello(gw);
	gateway_hang_up(gw, 0,
		gw->state == ST_OPENING	 ? "no connection in time"
		: gw->state == ST_OPENED ? "no HELLO in time"
					 : "no answer to the handshake in time",
		now_ms);
}

void gateway_tick(struct gateway *gw, int64_t now_ms)
{
	check_stable(gw, now_ms);
	if (now_ms >= gw->wait_ms)
		connect_now(gw, now_ms);
	if (now_ms >= gw->limit_ms)
		on_limit(gw, now_ms);
	if (now_ms >= gw->beat_ms)
		gateway_beat(gw, now_ms);
}

int64_t gateway_deadline(const struct gateway *gw)
{
	return min_of(min_of(gw->wait_ms, gw->limit_ms), min_of(gw->beat_ms, gw->stable_ms));
}

/* ---- life ---- */

void gateway_set_intents(struct gateway *gw, uint64_t intents)
{
	gw->intents = intents;
}

struct gateway *gateway_new(const struct gateway_config *config, struct rng *rng)
{
	struct gateway *gw = xcalloc(1, sizeof(*gw));

	gw->token = secret_dup(config->token ? config->token : "");
	gw->intents = config->intents;
	gw->no_compression = config->no_compression;
	gw->rng = rng;
	gw->kind = config->no_compression ? INFLATE_NONE : INFLATE_ZSTD;
	gw->seq = -1;
	gw->spacing_ms = IDENTIFY_SPACING_MS;
	/* A process that died just after its IDENTIFY must not make the next one come too soon. */
	gw->identify_ms =
		config->identified_ms ? config->identified_ms + IDENTIFY_SPACING_MS : INT64_MIN / 2;
	gw->latency_ms = -1;
	gateway_set_state(gw, ST_OFF, NEVER);
	return gw;
}

struct gateway *gateway_free(struct gateway *gw)
{
	struct gateway_action a;

	if (!gw)
		return NULL;
	while (gateway_next(gw, &a))
		gateway_action_free(&a);
	inflate_free(gw->z);
	gateway_forget_session(gw);
	secret_free(gw->token);
	free(gw->url);
	free(gw);
	return NULL;
}

void gateway_start(struct gateway *gw, const struct gateway_resume *resume, int64_t now_ms)
{
	if (gw->state != ST_OFF)
		return;
	if (resume && gateway_session_usable(resume->session_id) && resume->seq >= 0) {
		str_set(&gw->session_id, resume->session_id);
		str_set(&gw->resume_url,
			gateway_url_usable(resume->resume_url) ? resume->resume_url : NULL);
		gw->seq = gw->given_seq = resume->seq;
	}
	connect_now(gw, now_ms);
}

void gateway_stop(struct gateway *gw, int64_t now_ms)
{
	(void)now_ms;
	switch (gw->state) {
	case ST_OPENING:
	case ST_OPENED:
	case ST_GREETED:
	case ST_HANDSHAKE:
	case ST_READY:
		gateway_set_state(gw, ST_STOPPING, NEVER);
		gateway_push(gw, GATEWAY_CLOSE, NULL, CLOSE_KEEP, NULL);
		break;
	case ST_CLOSING:
		gateway_set_state(gw, ST_STOPPING, NEVER);
		break;
	case ST_WAIT:
	case ST_ASKED:
		gateway_set_state(gw, ST_OFF, NEVER);
		break;
	case ST_OFF:
	case ST_STOPPING:
	case ST_DEAD:
		break;
	}
}

void gateway_resume_get(const struct gateway *gw, struct gateway_resume *ret)
{
	*ret = (struct gateway_resume){.seq = -1};
	if (!gateway_has_session(gw))
		return;
	/* Events that still wait for gateway_next() would be lost to the process that resumes. */
	*ret = (struct gateway_resume){
		.session_id = xstrdup(gw->session_id),
		.resume_url = xstrdup(gw->resume_url),
		.seq = min_of(gw->given_seq, gw->seq),
	};
}

void gateway_resume_free(struct gateway_resume *r)
{
	free(r->session_id);
	free(r->resume_url);
	*r = (struct gateway_resume){.seq = -1};
}

bool gateway_is_ready(const struct gateway *gw)
{
	return gw->state == ST_READY;
}

int64_t gateway_latency_ms(const struct gateway *gw)
{
	return gw->latency_ms;
}
