/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/rest.h"

#include <errno.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "base/limits.h"
#include "base/secret.h"
#include "discord/brake.h"
#include "discord/rest_lane.h"
#include "discord/rest_read.h"

#define IN_FLIGHT_MAX  64
#define IN_FLIGHT_MORE 16    /* for urgent calls: uploads must not hold up acknowledgements */
#define TIMEOUT_MS     30000 /* the carrier's default */

/* Discord: 50 requests a second for each bot; a little more than a second, as they may
 * arrive closer together than they left. */
#define GLOBAL_MAX 50
#define GLOBAL_MS  1100
/* Of these, edits of progress leave some to what members wait for, and to the jitter on the way. */
#define GLOBAL_SPARE 10

#define BLOCK_MS 600000 /* Cloudflare's bans last at least so long */

/* Discord remembers a nonce for "a few minutes": so long after a POST that may have been carried out
 * it may be repeated. Then only looking helps. */
#define NONCE_MS 60000

#define TRIES_MAX	   4
#define CALLBACK_TRIES_MAX 2
#define CALLBACK_RETRY_MS  100
#define LIMIT_DEFAULT_MS   1000 /* a 429 that does not say how long */
#define LIMIT_FLOOR_MS	   100	/* doubled for each 429 in a row */
#define LIMIT_FLOOR_MAX	   60000
#define RETRY_AFTER_MAX	   60000

#define NOTES_MAX 32

/* Discord's error codes. */
enum {
	ERR_CHANNEL_RATE = 20028,
	ERR_GUILD_RATE = 20029,
	ERR_OLD_MESSAGE_RATE = 30046,
	ERR_ALREADY_ACKNOWLEDGED = 40060,
	ERR_WEBHOOK_TOKEN = 50027,
	ERR_OVERLOADED = 130000,
};

enum call_state {
	CALL_NEW,
	CALL_QUEUED,   /* in its lane */
	CALL_SLEEPING, /* until not_before_ms, aside */
	CALL_HELD,     /* until the call with the same coalesce key is answered, aside */
	CALL_FLYING,
	CALL_DONE,
};

/* Calls with the same coalesce key: at most one is in flight, at most one waits. */
struct slot {
	uint64_t key;
	struct rest_call *flying;
	struct rest_call *waiting;
	UT_hash_handle hh;
};

struct rest {
	char *base;
	char *authorization;
	char *user_agent;
	int in_flight_max;
	struct rng *rng;
	struct lanes lanes;
	struct slot *slots;
	struct wake_heap timers; /* of waiting calls: retries and deadlines */
	struct rest_call *aside;
	struct rest_call *flying;
	struct rest_call *finished;
	size_t n_waiting;
	int n_flying;
	uint64_t order;
	bool dead;
	int64_t pause_ms;		 /* nothing before */
	int64_t global_ms;		 /* nothing of the bot before */
	int64_t global_sent[GLOBAL_MAX]; /* ring */
	uint64_t n_global;
	struct brake brake;
	char *notes[NOTES_MAX];
	size_t n_notes;
};

/* ---- notes ---- */

#define note(rest, ...) note_add(rest, xasprintf(__VA_ARGS__))

static void note_add(struct rest *rest, char *text)
{
	if (rest->n_notes == NOTES_MAX)
		free(text);
	else
		rest->notes[rest->n_notes++] = text;
}

char *rest_note(struct rest *rest)
{
	char *text = rest->notes[0];

	if (rest->n_notes == 0)
		return NULL;
	rest->n_notes--;
	memmove(rest->notes, rest->notes + 1, rest->n_notes * sizeof(*rest->notes));
	return text;
}

/* ---- coalescing ---- */

static struct slot *slot_find(const struct rest *rest, const struct rest_call *call)
{
	struct slot *slot = NULL;

	if (call->coalesce)
		HASH_FIND(hh, rest->slots, &call->coalesce, sizeof(call->coalesce), slot);
	return slot;
}

static struct slot *slot_make(struct rest *rest, const struct rest_call *call)
{
	struct slot *slot = slot_find(rest, call);

	if (slot || !call->coalesce)
		return slot;
	slot = xcalloc(1, sizeof(*slot));
	slot->key = call->coalesce;
	HASH_ADD(hh, rest->slots, key, sizeof(slot->key), slot);
	return slot;
}

static void slot_leave(struct rest *rest, const struct rest_call *call)
{
	struct slot *slot = slot_find(rest, call);

	if (!slot)
		return;
	if (slot->flying == call)
		slot->flying = NULL;
	if (slot->waiting == call)
		slot->waiting = NULL;
	if (slot->flying || slot->waiting)
		return;
	HASH_DEL(rest->slots, slot);
	free(slot);
}

/* ---- from one state to the next ---- */

/* Takes a waiting call out of wherever it waits. */
static void call_out(struct rest *rest, struct rest_call *call, int64_t now_ms)
{
	wake_cancel(&rest->timers, &call->wake);
	if (call->state == CALL_QUEUED)
		lanes_remove(&rest->lanes, call, now_ms);
	else if (call->state == CALL_SLEEPING || call->state == CALL_HELD)
		DL_DELETE(rest->aside, call);
	else
		return;
	rest->n_waiting--;
	call->state = CALL_NEW;
}

/* Lets a call wait where it belongs now. */
static void call_wait(struct rest *rest, struct rest_call *call, int64_t now_ms)
{
	int64_t deadline = call->deadline_ms ? call->deadline_ms : NEVER;
	struct slot *slot = slot_find(rest, call);

	if (slot)
		slot->waiting = call;
	rest->n_waiting++;
	if (slot && slot->flying) {
		call->state = CALL_HELD;
		DL_APPEND(rest->aside, call);
	} else if (call->not_before_ms > now_ms) {
		call->state = CALL_SLEEPING;
		deadline = min_of(deadline, call->not_before_ms);
		DL_APPEND(rest->aside, call);
	} else {
		call->state = CALL_QUEUED;
		lanes_add(&rest->lanes, lanes_get(&rest->lanes, call), call);
	}
	wake_set(&rest->timers, &call->wake, deadline);
}

static void call_finish(
	struct rest *rest, struct rest_call *call, enum rest_outcome outcome, int64_t now_ms)
{
	struct slot *slot;
	struct rest_call *held;

	call_out(rest, call, now_ms);
	slot_leave(rest, call);
	call->state = CALL_DONE;
	call->outcome = outcome;
	call->bucket = NULL;
	if (call->path) {
		free(call->http.url);
		call->http.url = take(call->path);
	}
	DL_APPEND(rest->finished, call);
	slot = slot_find(rest, call);
	held = slot && !slot->flying ? slot->waiting : NULL;
	if (held && held->state == CALL_HELD) {
		call_out(rest, held, now_ms);
		call_wait(rest, held, now_ms);
	}
}

/* The call was answered by "later": it waits again, unless a newer one took its place. */
static void call_again(
	struct rest *rest, struct rest_call *call, int64_t not_before_ms, int64_t now_ms)
{
	struct slot *slot = slot_find(rest, call);

	if (rest->dead && !(call->flags & REST_INTERACTION)) {
		call_finish(rest, call, REST_DEAD_TOKEN, now_ms);
		return;
	}
	http_response_free(&call->response);
	call->not_before_ms = not_before_ms;
	if (slot && slot->waiting) {
		slot->waiting->not_before_ms = not_before_ms;
		call_finish(rest, call, REST_SUPERSEDED, now_ms);
		return;
	}
	if (slot)
		slot->flying = NULL;
	call_wait(rest, call, now_ms);
}

static void call_expire(struct rest *rest, struct rest_call *call, int64_t now_ms)
{
	call_finish(rest, call, call->doubt ? REST_DOUBTFUL : REST_EXPIRED, now_ms);
}

static bool is_callback(const struct rest_call *call)
{
	return (call->flags & REST_INTERACTION) && call->http.method == HTTP_POST &&
	       str_starts(call->path ? call->path : call->http.url, "/interactions/");
}

/* Nothing repeats what an interaction is answered: it may be the only word that its member gets. And
 * no picture comes without the channel that it goes into. */
static size_t most_waiting(const struct rest_call *call)
{
	if (!(call->flags & (REST_INTERACTION | REST_FIRST)))
		return REST_QUEUE_MAX;
	return REST_QUEUE_MAX + (is_callback(call) ? REST_ACKS_MAX : REST_ANSWERS_MAX);
}

int rest_submit(struct rest *rest, struct rest_call *call, int64_t now_ms)
{
	struct slot *slot = slot_make(rest, call);
	struct rest_call *old = slot ? slot->waiting : NULL;

	call->state = CALL_NEW;
	call->tries = 0;
	call->doubt = false;
	call->not_before_ms = 0;
	call->order = ++rest->order;
	if (rest->dead && !(call->flags & REST_INTERACTION)) {
		call_finish(rest, call, REST_DEAD_TOKEN, now_ms);
		return 0;
	}
	if (!old && rest->n_waiting >= most_waiting(call)) {
		call_finish(rest, call, REST_FAILED, now_ms);
		return -EAGAIN;
	}
	if (old) {
		/* The newer state takes the older one's turn, and its pause after a failure. */
		call->order = old->order;
		call->not_before_ms = old->not_before_ms;
		call_out(rest, old, now_ms);
		slot->waiting = call;
		call_finish(rest, old, REST_SUPERSEDED, now_ms);
	}
	call_wait(rest, call, now_ms);
	return 0;
}

/* ---- sending ---- */

static void call_send(struct rest *rest, struct rest_call *call, int64_t now_ms)
{
	struct slot *slot = slot_find(rest, call);
	int64_t left;

	wake_cancel(&rest->timers, &call->wake);
	rest->n_waiting--;
	rest->n_flying++;
	if (slot) {
		slot->waiting = NULL;
		slot->flying = call;
	}
	call->state = CALL_FLYING;
	call->sent_ms = now_ms;
	call->tries++;
	DL_APPEND(rest->flying, call);
	if (!(call->flags & REST_INTERACTION))
		rest->global_sent[rest->n_global++ % GLOBAL_MAX] = now_ms;

	call->path = call->http.url ? call->http.url : xstrdup("");
	call->http.url = xasprintf("%s%s", rest->base, call->path);
	call->n_headers = call->http.n_headers;
	http_request_header(&call->http, "User-Agent", rest->user_agent);
	if (!(call->flags & REST_INTERACTION))
		http_request_header(&call->http, "Authorization", rest->authorization);
	if (!call->http.answer_max)
		call->http.answer_max = DISCORD_ANSWER_MAX;
	call->timeout_ms = call->http.timeout_ms;
	if (call->deadline_ms) {
		left = max_of(call->deadline_ms - now_ms, INT64_C(1));
		if (is_callback(call) && call->tries == 1 && !(call->flags & REST_ONCE))
			left = (left + 1) / 2;
		call->http.timeout_ms =
			min_of(left, call->timeout_ms ? call->timeout_ms : TIMEOUT_MS);
	}
}

/* Leaves `http` as the caller made it: a waiting call holds no secret of ours. */
static void call_land(struct rest *rest, struct rest_call *call)
{
	struct http_request *http = &call->http;

	must(call->state == CALL_FLYING);
	rest->n_flying--;
	DL_DELETE(rest->flying, call);
	call->state = CALL_NEW;
	while (http->n_headers > call->n_headers) {
		struct http_header *h = &http->headers[--http->n_headers];

		free(h->name);
		free(h->value);
		*h = (struct http_header){0};
	}
	free(http->url);
	http->url = take(call->path);
	http->timeout_ms = call->timeout_ms;
}

static int64_t global_free_ms(const struct rest *rest, int ring)
{
	uint64_t most =
		ring_priority(ring) == PRIO_BACKGROUND ? GLOBAL_MAX - GLOBAL_SPARE : GLOBAL_MAX;
	int64_t t = rest->global_ms;

	if (rest->n_global >= most)
		t = max_of(t, rest->global_sent[(rest->n_global - most) % GLOBAL_MAX] + GLOBAL_MS);
	return t;
}

/* Timers of waiting calls: pauses that are over, deadlines that have passed. */
static void run_timers(struct rest *rest, int64_t now_ms)
{
	struct wake *w;

	while ((w = wake_due(&rest->timers, now_ms))) {
		struct rest_call *call = wake_owner(w, struct rest_call, wake);

		if (call->deadline_ms && now_ms >= call->deadline_ms) {
			call_expire(rest, call, now_ms);
			continue;
		}
		call_out(rest, call, now_ms);
		call_wait(rest, call, now_ms);
	}
}

static bool ring_has_room(const struct rest *rest, int ring)
{
	int more = ring_priority(ring) == PRIO_URGENT ? IN_FLIGHT_MORE : 0;

	return rest->n_flying < rest->in_flight_max + more;
}

/* When the rules that hold for all lanes of a ring let one of them send. */
static int64_t ring_free_ms(const struct rest *rest, int ring, int64_t now_ms)
{
	int64_t t = rest->pause_ms;

	if (ring_is_bot(ring))
		t = max_of(t, global_free_ms(rest, ring));
	if (!brake_lets(&rest->brake, ring_priority(ring), rest->n_flying))
		t = max_of(t, tally_next_ms(now_ms));
	return t;
}

struct rest_call *rest_next(struct rest *rest, int64_t now_ms)
{
	char *said = brake_look(&rest->brake, now_ms);

	if (said)
		note_add(rest, said);
	run_timers(rest, now_ms);
	lanes_tick(&rest->lanes, now_ms);
	for (int ring = 0; ring < RING_COUNT; ring++) {
		struct rest_call *call;

		if (!rest->lanes.rings[ring] || !ring_has_room(rest, ring) ||
			ring_free_ms(rest, ring, now_ms) > now_ms)
			continue;
		call = lanes_take(&rest->lanes, ring, now_ms);
		if (call) {
			call_send(rest, call, now_ms);
			return call;
		}
	}
	return NULL;
}

int64_t rest_deadline(const struct rest *rest, int64_t now_ms)
{
	int64_t t = min_of(wake_first_ms(&rest->timers), lanes_deadline(&rest->lanes));

	for (int ring = 0; ring < RING_COUNT; ring++)
		if (rest->lanes.rings[ring] && ring_has_room(rest, ring))
			t = min_of(t, ring_free_ms(rest, ring, now_ms));
	return max_of(t, now_ms);
}

/* ---- answers ---- */

static void on_blocked(struct rest *rest, struct rest_call *call,
	const struct rest_reading *reading, int64_t now_ms)
{
	int64_t wait = max_of(reading->retry_after_ms, (int64_t)BLOCK_MS);

	rest->pause_ms = max_of(rest->pause_ms, now_ms + wait);
	note(rest,
		"Cloudflare keeps this address out of Discord (%d): no request for %" PRId64
		" minutes",
		call->response.status, (wait + 59999) / 60000);
	call->tries--;
	call_again(rest, call, 0, now_ms);
}

static void on_limited(struct rest *rest, struct rest_call *call, struct lane *lane,
	const struct rest_reading *reading, int64_t now_ms)
{
	cleanup(freep) char *route = rest_redact(call->route);
	int64_t floor = LIMIT_FLOOR_MS << min_of(lane->strikes, 10);
	int64_t wait = reading->retry_after_ms >= 0   ? reading->retry_after_ms
		       : reading->reset_after_ms >= 0 ? reading->reset_after_ms
						      : LIMIT_DEFAULT_MS;

	lane->strikes = min_of(lane->strikes + 1, 20);
	wait = max_of(wait, min_of(floor, (int64_t)LIMIT_FLOOR_MAX));
	if (reading->global) {
		rest->global_ms = max_of(rest->global_ms, now_ms + wait);
		if (!lane->bot)
			lanes_delay(lane, false, now_ms + wait);
	} else {
		/* Discord: Remaining above 0 is a limit within the bucket, such as two changes
		 * of a channel's name in 10 minutes: the others of the bucket go on. */
		lanes_delay(lane, reading->remaining <= 0, now_ms + wait);
	}
	note(rest, "rate limit (%s) at %s: waits %.1f s",
		reading->global	  ? "global"
		: reading->shared ? "shared"
				  : "user",
		route, (double)wait / 1000);
	call->tries--;
	call_again(rest, call, 0, now_ms);
}

static void bury(void *ctx, struct rest_call *call)
{
	struct rest *rest = ctx;

	if (!(call->flags & REST_INTERACTION))
		call_finish(rest, call, REST_DEAD_TOKEN, 0);
}

static void on_dead_token(struct rest *rest, struct rest_call *call, int64_t now_ms)
{
	struct rest_call *waiting, *next;

	rest->dead = true;
	note(rest, "Discord refused the bot's token (401)");
	call_finish(rest, call, REST_DEAD_TOKEN, now_ms);
	lanes_each(&rest->lanes, bury, rest);
	DL_FOREACH_SAFE(rest->aside, waiting, next)
	bury(rest, waiting);
}

static void on_refused(struct rest *rest, struct rest_call *call,
	const struct rest_reading *reading, int64_t now_ms)
{
	int status = call->response.status;
	bool json = reading->json || call->response.body.len == 0;

	/* A token of an interaction that has expired says nothing of the bot's. */
	if (status == 401 && !(call->flags & REST_INTERACTION) && json &&
		reading->code != ERR_WEBHOOK_TOKEN)
		on_dead_token(rest, call, now_ms);
	else if ((status == 404 && call->http.method == HTTP_DELETE) ||
		 (reading->code == ERR_ALREADY_ACKNOWLEDGED && is_callback(call)))
		call_finish(rest, call, REST_OK, now_ms);
	else if (call->doubt && call->http.method == HTTP_POST && !is_callback(call))
		call_finish(rest, call, REST_DOUBTFUL, now_ms); /* this try was, not an earlier one */
	else
		call_finish(rest, call, REST_REFUSED, now_ms);
}

static int64_t retry_delay(
	struct rest *rest, const struct rest_call *call, const struct rest_reading *reading)
{
	/* Of the usual 1, 3, 5, 7 s the last would precede a fifth try. */
	static const int64_t delays[] = {1000, 3000, 5000};
	int64_t delay;

	if (is_callback(call))
		return CALLBACK_RETRY_MS + (int64_t)rng_below(rest->rng, CALLBACK_RETRY_MS);
	delay = delays[min_of((size_t)max_of(call->tries, 1), countof(delays)) - 1];
	delay = delay * 3 / 4 + (int64_t)rng_below(rest->rng, (uint64_t)delay / 2);
	return max_of(delay, min_of(reading->retry_after_ms, (int64_t)RETRY_AFTER_MAX));
}

/* No answer, a 5xx, an overload: nobody knows, or it was not done. */
static void on_trouble(struct rest *rest, struct rest_call *call,
	const struct rest_reading *reading, int64_t now_ms)
{
	bool overloaded = reading->code == ERR_OVERLOADED;
	bool maybe = call->response.status ? !overloaded : call->response.maybe_sent;
	bool callback = is_callback(call), again, late;
	int most = callback && maybe ? CALLBACK_TRIES_MAX : TRIES_MAX;
	int64_t at = now_ms + retry_delay(rest, call, reading);

	if (maybe && !call->doubt && call->http.method == HTTP_POST && !callback)
		call->deadline_ms = min_of(call->deadline_ms ? call->deadline_ms : NEVER,
			call->sent_ms + NONCE_MS);
	call->doubt = call->doubt || (maybe && call->http.method != HTTP_GET);
	again = !(call->flags & REST_ONCE) && call->tries < most &&
		(!maybe || callback || (call->flags & REST_REPEATABLE));
	late = call->deadline_ms && at >= call->deadline_ms;
	if (again && !late)
		call_again(rest, call, at, now_ms);
	else if (call->doubt)
		call_finish(rest, call, REST_DOUBTFUL, now_ms);
	else
		call_finish(rest, call, again ? REST_EXPIRED : REST_FAILED, now_ms);
}

static bool says_wait(int status, const struct rest_reading *reading)
{
	if (status == 429)
		return true;
	return status >= 400 && status < 500 && reading->retry_after_ms >= 0 &&
	       (reading->code == ERR_CHANNEL_RATE || reading->code == ERR_GUILD_RATE ||
		       reading->code == ERR_OLD_MESSAGE_RATE);
}

void rest_answer(
	struct rest *rest, struct rest_call *call, struct http_response *response, int64_t now_ms)
{
	struct lane *lane = call->bucket;
	struct rest_reading reading;
	int status = response->status;

	call_land(rest, call);
	http_response_free(&call->response);
	call->response = *response;
	*response = (struct http_response){0};
	rest_read(&call->response, &reading);
	lanes_answered(&rest->lanes, lane, status, &reading, now_ms);
	if (status == 401 || status == 403 || (status == 429 && !reading.shared))
		brake_refused(&rest->brake, now_ms);
	else if (status == 0 && call->response.maybe_sent)
		brake_lost(&rest->brake, now_ms);
	call->discord_code = reading.code;
	free(call->discord_message);
	call->discord_message = take(reading.message);
	if (reading.blocked)
		on_blocked(rest, call, &reading, now_ms);
	else if (says_wait(status, &reading))
		on_limited(rest, call, lane, &reading, now_ms);
	else if (status >= 200 && status < 300)
		call_finish(rest, call, REST_OK, now_ms);
	else if (status < 200 || status >= 500 || status == 408 || reading.code == ERR_OVERLOADED)
		on_trouble(rest, call, &reading, now_ms);
	else
		on_refused(rest, call, &reading, now_ms);
	rest_reading_free(&reading);
}

struct rest_call *rest_finished(struct rest *rest)
{
	struct rest_call *call = rest->finished;

	if (!call)
		return NULL;
	DL_DELETE(rest->finished, call);
	call->prev = call->next = NULL;
	return call;
}

size_t rest_pending(const struct rest *rest)
{
	return rest->n_waiting + (size_t)rest->n_flying;
}

/* ---- life ---- */

struct rest *rest_new(const struct rest_config *config, struct rng *rng)
{
	struct rest *rest = xcalloc(1, sizeof(*rest));

	rest->base = xstrdup(config->base);
	rest->authorization =
		secret_move(xasprintf("Bot %s", config->token ? config->token : ""));
	rest->user_agent = xstrdup(config->user_agent);
	rest->in_flight_max = config->in_flight_max > 0 ? config->in_flight_max : IN_FLIGHT_MAX;
	rest->rng = rng;
	rest->pause_ms = rest->global_ms = INT64_MIN;
	return rest;
}

static void list_free(struct rest *rest, struct rest_call *list)
{
	struct rest_call *call, *next;

	DL_FOREACH_SAFE(list, call, next)
	{
		wake_cancel(&rest->timers, &call->wake);
		free(call->path);
		rest_call_free(call);
	}
}

static void forget_timer(void *ctx, struct rest_call *call)
{
	struct rest *rest = ctx;

	wake_cancel(&rest->timers, &call->wake);
}

struct rest *rest_free(struct rest *rest)
{
	struct slot *slot, *next;
	char *text;

	if (!rest)
		return NULL;
	lanes_each(&rest->lanes, forget_timer, rest);
	list_free(rest, rest->aside);
	list_free(rest, rest->flying);
	list_free(rest, rest->finished);
	lanes_free(&rest->lanes);
	wake_heap_free(&rest->timers);
	HASH_ITER(hh, rest->slots, slot, next)
	{
		HASH_DEL(rest->slots, slot);
		free(slot);
	}
	while ((text = rest_note(rest)))
		free(text);
	free(rest->base);
	secret_free(rest->authorization);
	free(rest->user_agent);
	free(rest);
	return NULL;
}
