/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "sim.h"

/* The network between the bot and the world, and the store's thread, in virtual time. */

struct sim_ws {
	uint64_t conn;
	enum world_side side;
	unsigned life;
	bool open, dead; /* dead: abandoned or closed; its memory waits for the end of the call */
	const struct websocket_events *events;
	void *arg;
	int64_t last_ms;    /* messages keep their order */
	bool closing;	    /* by the bot, which hears no more */
	bool given;	    /* it was given something just now */
	int64_t bytes_left; /* until it breaks; -1: it does not */
	struct sim_ws *prev, *next;
};

static void held_free(struct sim *sim);

static struct sim_ws *find_socket(struct sim *sim, uint64_t conn)
{
	for (struct sim_ws *ws = sim->sockets; ws; ws = ws->next)
		if (ws->conn == conn)
			return ws;
	return NULL;
}

static void remove_socket(struct sim *sim, struct sim_ws *ws)
{
	DL_DELETE(sim->sockets, ws);
	free(ws);
}

static enum world_side side_of(const char *url)
{
	const char *comfy = strstr(url, "://comfy");

	return (enum world_side)(comfy ? WORLD_COMFY + (comfy[8] - '0') : WORLD_DISCORD);
}

/* ---- HTTP ---- */

struct exchange {
	struct http_request req;
	struct http_response res;
	enum world_side side;
	unsigned life;
	bool lose_answer;
	void (*done)(void *arg, struct http_response *response);
	void *arg;
};

static void exchange_free(struct exchange *x)
{
	http_request_free(&x->req);
	http_response_free(&x->res);
	free(x);
}

/* What was answered is not answered again, however often it comes. */
static void acknowledged_well(struct sim *sim, const struct http_request *req)
{
	unsigned long long id;
	const char *at = strstr(req->url, "/interactions/");

	if (at && sscanf(at, "/interactions/%20llu/", &id) == 1)
		sim->heard[sim->n_heard++ % countof(sim->heard)] =
			(struct sim_heard){id, sim->life};
}

static void answer_arrives(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	struct exchange *x = arg;

	if (run && x->life == sim->life && sim->shell) {
		sim->in_flight -= x->side == WORLD_DISCORD;
		limits_heard(sim, &x->req, &x->res);
		written_heard(sim, &x->req, &x->res);
		if (x->res.status / 100 == 2)
			acknowledged_well(sim, &x->req);
		x->done(x->arg, &x->res);
		bot_hears(sim);
		if (x->side != WORLD_DISCORD)
			members_give_up(sim);
	}
	exchange_free(x);
}

static void no_answer(struct exchange *x, bool maybe_sent)
{
	http_response_free(&x->res);
	x->res = (struct http_response){.body = BUF(0),
		.maybe_sent = maybe_sent,
		.error = xstrdup("the connection was lost")};
}

static bool makes_channel(const struct http_request *req)
{
	return req->method == HTTP_POST && strstr(req->url, "/guilds/") &&
	       str_ends(req->url, "/channels");
}

/* A run or a channel. */
static bool ends_something(const struct http_request *req)
{
	return req->method == HTTP_POST
		       ? str_eq(req->url, "/interrupt")
		       : req->method == HTTP_DELETE && strstr(req->url, "/channels/") &&
				 !strstr(req->url, "/messages");
}

static void request_arrives(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	struct exchange *x = arg;
	int64_t wait_ms = 0;
	bool ended, at_once = false;

	/* What a dead process has sent arrives before the next one runs, or never. */
	if (!run || sim->life > x->life + 1) {
		exchange_free(x);
		return;
	}
	ended = ends_something(&x->req);
	if (makes_channel(&x->req) && server_bad_moment(sim))
		x->lose_answer = at_once = true;
	x->res = (struct http_response){.body = BUF(COMFY_FILE_MAX)};
	world_http(sim->world, x->side, &x->req, &x->res, sim_now(sim));
	trace_request(sim, &x->req, &x->res);
	if (x->side == WORLD_DISCORD) {
		limits_served(sim, &x->req, &x->res);
		check_said(sim, &x->req, &x->res);
		announced_served(sim, &x->req, &x->res);
	} else {
		check_given(sim, &x->req);
	}
	if (x->res.status == 0 || x->lose_answer) {
		int hangs_ms = 15000;

		if (x->res.error)
			(void)sscanf(x->res.error, "hang %d", &hangs_ms);
		no_answer(x, true);
		if (!at_once)
			wait_ms = (int64_t)rng_below(&sim->rng, (uint64_t)hangs_ms + 1);
	}
	if (sim_chance(sim, sim->weather.mute)) {
		no_answer(x, true);
		wait_ms = x->req.timeout_ms ? x->req.timeout_ms : 30000; /* base/http.h */
		if (x->side != WORLD_DISCORD && sim_chance(sim, 600))
			wait_ms *=
				10; /* a carrier that forgets: steps have deadlines of their own */
	}
	clock_at(sim->clock, sim_now(sim) + sim_delay(sim) + wait_ms, answer_arrives, x);
	network_pump(sim);
	/* It was served, and nobody will hear of it. */
	bot_may_crash(sim, max_of(sim->weather.crash_chance, ended ? sim->weather.untimely : 0));
}

static void to_path(struct http_request *req)
{
	struct url url;

	must(url_split(req->url, &url) == 0);
	free(req->url);
	req->url = take(url.path);
	http_request_header(req, "Host", url.host);
	url_free(&url);
}

/* ---- acknowledgements ---- */

static void acknowledged(struct sim *sim, const char *url)
{
	unsigned long long id = 0;
	const char *at = strstr(url, "/interactions/");

	if (at && sscanf(at, "/interactions/%20llu/", &id) == 1)
		for (size_t i = 0; i < sim->n_acks; i++)
			if (sim->acks[i].id == id)
				sim->acks[i].sent = true;
	for (size_t i = 0; at && i < countof(sim->heard); i++)
		if (sim->heard[i].id == id && sim->heard[i].life == sim->life)
			sim_fail(sim, "acknowledgement", "the interaction %llu is answered again",
				id);
}

static void ack_is_due(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	struct sim_ack *ack = arg;
	const struct sim_ws *ws = find_socket(sim, ack->conn);

	if (run && !ack->sent && !sim->banned && ack->life == sim->life && ws && !ws->closing)
		sim_fail(sim, "acknowledgement",
			"the interaction %" PRIu64
			" has not been answered half a second after it came",
			ack->id);
}

void network_expect_ack(struct sim *sim, uint64_t interaction_id)
{
	struct sim_ack *ack = &sim->acks[sim->n_acks];
	struct sim_ws *ws;

	for (ws = sim->sockets; ws; ws = ws->next)
		ws->given = false;
	network_pump(sim);
	for (ws = sim->sockets; ws; ws = ws->next)
		if (ws->side == WORLD_DISCORD && ws->given && !ws->dead && ws->life == sim->life)
			break;
	/* In time for the second that the bot has by its knowledge of Discord's clock. */
	if (!ws || ws->last_ms > sim_now(sim) + 2000 || sim->n_acks == countof(sim->acks) ||
		ws->last_ms < sim_now(sim))
		return;
	*ack = (struct sim_ack){.id = interaction_id, .conn = ws->conn, .life = sim->life};
	sim->n_acks++;
	clock_at(sim->clock, ws->last_ms + 500, ack_is_due, ack);
}

/* A picture to edit, a run that was begun before: without an answer it is tried again. */
static bool is_looked_for(const struct http_request *req)
{
	return req->method == HTTP_GET &&
	       (strstr(req->url, "/cdn/") || str_ends(req->url, "/queue"));
}

/* A run: what comes of it is written at the same time. */
static bool is_asked_to_stop(const struct http_request *req)
{
	return req->method == HTTP_POST && str_ends(req->url, "/queue");
}

static void port_http(void *ctx, const struct http_request *req,
	void (*done)(void *arg, struct http_response *response), void *arg)
{
	struct sim *sim = ctx;
	struct exchange *x = xcalloc(1, sizeof(*x));

	http_request_copy(&x->req, req);
	x->side = side_of(req->url);
	x->life = sim->life;
	x->done = done;
	x->arg = arg;
	written_sent(sim, req);
	if (x->side != WORLD_DISCORD && req->method == HTTP_POST)
		members_hurry(sim);
	if (makes_channel(req))
		members_regret(sim);
	if (is_asked_to_stop(req) && !sim->fair && sim_chance(sim, sim->weather.untimely))
		bot_loses_database(sim, 10000);
	to_path(&x->req);
	if (x->side == WORLD_DISCORD) {
		sim->in_flight++;
		limits_sent(sim, &x->req);
		acknowledged(sim, x->req.url);
	}
	if (sim_chance(sim, max_of(sim->weather.lost_requests,
				    is_looked_for(req) ? sim->weather.untimely / 2 : 0))) {
		no_answer(x, rng_below(&sim->rng, 2) == 0);
		clock_at(sim->clock, sim_now(sim) + sim_delay(sim), answer_arrives, x);
		return;
	}
	x->lose_answer = sim_chance(sim, sim->weather.lost_answers);
	clock_at(sim->clock, sim_now(sim) + sim_delay(sim), request_arrives, x);
}

/* ---- WebSockets ---- */

struct parcel {
	uint64_t conn;
	unsigned life;
	char *data;
	size_t len;
	bool binary, close, to_world;
	int code, status;
};

static void parcel_free(struct parcel *p)
{
	free(p->data);
	free(p);
}

static void socket_over(struct sim *sim, struct sim_ws *ws, int code, int status)
{
	const struct websocket_events *events = ws->events;
	void *arg = ws->arg;

	remove_socket(sim, ws);
	events->closed(arg, code, status, "closed");
	bot_hears(sim);
}

static void parcel_arrives(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	struct parcel *p = arg;
	struct sim_ws *ws = find_socket(sim, p->conn);

	if (run) {
		trace_number(sim, p->conn << 2 | (uint64_t)p->to_world << 1 | p->close);
		trace_bytes(sim, p->data ? p->data : "", p->len);
	}
	if (run && p->to_world) {
		if (p->close)
			world_ws_closed(sim->world, p->conn, p->code, sim_now(sim));
		else
			world_ws_received(
				sim->world, p->conn, p->data, p->len, p->binary, sim_now(sim));
		network_pump(sim);
	} else if (run && ws && ws->life == sim->life) {
		if (p->close) {
			socket_over(sim, ws, p->code, p->status);
		} else {
			ws->events->received(ws->arg, p->data, p->len, p->binary);
			bot_hears(sim);
		}
	}
	parcel_free(p);
}

static void send_parcel(struct sim *sim, struct sim_ws *ws, struct parcel *p)
{
	int64_t at_ms = sim_now(sim) + sim_delay(sim);

	if (ws) {
		ws->last_ms = at_ms = max_of(at_ms, ws->last_ms);
		ws->given = true;
	}
	clock_at(sim->clock, at_ms, parcel_arrives, p);
}

static struct parcel *copy_parcel(const struct parcel *p)
{
	struct parcel *copy = xcalloc(1, sizeof(*copy));

	*copy = *p;
	copy->data = xcalloc(p->len + 1, 1);
	memcpy(copy->data, p->data, p->len);
	return copy;
}

/* What was given to a process that died soon after may be given to the next one again, as an event
 * that comes twice. Only what is not compressed can be told from the rest. */
struct sim_again {
	char *data;
	size_t len;
	unsigned life;
	int64_t at_ms;
};

static void again_free(struct sim *sim)
{
	if (sim->again)
		free(sim->again->data);
	free(take(sim->again));
}

static void may_come_again(struct sim *sim, struct sim_ws *ws, const struct parcel *p)
{
	struct sim_again *a = sim->again;

	if (!p->data || p->close || !sim->weather.repeated_events)
		return;
	if (strstr(p->data, "\"INTERACTION_CREATE\"")) {
		again_free(sim);
		sim->again = a = xcalloc(1, sizeof(*a));
		*a = (struct sim_again){memcpy(xcalloc(p->len + 1, 1), p->data, p->len), p->len,
			sim->life, sim_now(sim)};
	} else if (a && (strstr(p->data, "\"RESUMED\"") || strstr(p->data, "\"READY\"")) &&
		   a->life != sim->life && sim_now(sim) < a->at_ms + 2500) {
		trace_say(sim, "an interaction comes again");
		send_parcel(sim, ws,
			copy_parcel(
				&(struct parcel){.conn = p->conn, .data = a->data, .len = a->len}));
		again_free(sim);
	}
}

/* The connection breaks in the middle of the message: nobody gets it, and both hear it. */
static bool breaks(struct sim *sim, struct sim_ws *ws, size_t len)
{
	if (!ws || ws->bytes_left < 0)
		return false;
	if (ws->bytes_left == 0)
		return true;
	ws->bytes_left -= min_of(ws->bytes_left, (int64_t)len);
	if (ws->bytes_left > 0)
		return false;
	trace_say(sim, "a connection breaks");
	world_ws_closed(sim->world, ws->conn, 0, sim_now(sim));
	return true;
}

void network_pump(struct sim *sim)
{
	struct world_output out;

	while (world_next_output(sim->world, &out)) {
		struct sim_ws *ws = find_socket(sim, out.conn);
		struct parcel *p;
		bool was = ws && ws->bytes_left == 0;

		if (breaks(sim, ws, out.len)) {
			world_output_free(&out);
			if (was)
				continue;
			out = (struct world_output){.conn = ws->conn, .close = true};
		}
		p = xcalloc(1, sizeof(*p));
		*p = (struct parcel){.conn = out.conn,
			.data = take(out.data),
			.len = out.len,
			.binary = out.binary,
			.close = out.close,
			.code = out.code};
		/* Discord may deliver an event twice; a compressed stream cannot repeat. */
		if (ws && ws->side == WORLD_DISCORD && sim->weather.no_compression && !p->close &&
			p->data && strstr(p->data, "\"op\":0") &&
			sim_chance(sim, sim->weather.repeated_events))
			send_parcel(sim, ws, copy_parcel(p));
		send_parcel(sim, ws, p);
		if (ws && ws->side == WORLD_DISCORD && sim->weather.no_compression)
			may_come_again(sim, ws, p);
		world_output_free(&out);
	}
}

struct opening {
	struct http_request req;
	uint64_t conn;
};

static void opening_arrives(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	struct opening *o = arg;
	struct sim_ws *ws = find_socket(sim, o->conn);

	if (run && ws && ws->life == sim->life) {
		int status = world_ws_open(
			sim->world, ws->side, o->conn, o->req.url, &o->req, sim_now(sim));

		if (status) {
			socket_over(sim, ws, 0, status);
		} else {
			ws->open = true;
			ws->events->opened(ws->arg);
			network_pump(sim);
			bot_hears(sim);
		}
	}
	http_request_free(&o->req);
	free(o);
}

static struct websocket *port_ws_open(void *ctx, const struct http_request *req, size_t message_max,
	const struct websocket_events *events, void *arg)
{
	struct sim *sim = ctx;
	struct sim_ws *ws = xcalloc(1, sizeof(*ws));
	struct opening *o = xcalloc(1, sizeof(*o));

	ws->conn = o->conn = ++sim->next_conn;
	ws->side = side_of(req->url);
	ws->life = sim->life;
	ws->events = events;
	ws->arg = arg;
	ws->bytes_left = -1;
	if (ws->side == WORLD_DISCORD && sim_chance(sim, sim->weather.gateway_cuts))
		ws->bytes_left = 1 + (int64_t)rng_below(&sim->rng, 30000);
	DL_APPEND(sim->sockets, ws);
	http_request_copy(&o->req, req);
	to_path(&o->req);
	clock_at(sim->clock, sim_now(sim) + sim_delay(sim), opening_arrives, o);
	return (struct websocket *)ws;
}

static void port_ws_send(
	void *ctx, struct websocket *socket, const void *data, size_t len, bool binary)
{
	struct sim *sim = ctx;
	struct sim_ws *ws = (struct sim_ws *)socket;
	struct parcel *p = xcalloc(1, sizeof(*p));

	*p = (struct parcel){.conn = ws->conn, .len = len, .binary = binary, .to_world = true};
	p->data = xcalloc(len + 1, 1);
	memcpy(p->data, data, len);
	send_parcel(sim, ws, p);
}

static void send_close(struct sim *sim, struct sim_ws *ws, int code)
{
	struct parcel *p = xcalloc(1, sizeof(*p));

	*p = (struct parcel){.conn = ws->conn, .close = true, .code = code, .to_world = true};
	send_parcel(sim, ws, p);
}

static void port_ws_close(void *ctx, struct websocket *socket, int code)
{
	struct sim *sim = ctx;
	struct sim_ws *ws = (struct sim_ws *)socket;
	struct parcel *p = xcalloc(1, sizeof(*p));

	ws->closing = true;
	send_close(sim, ws, code);
	*p = (struct parcel){.conn = ws->conn, .close = true, .code = code};
	send_parcel(sim, ws, p);
}

static void port_ws_abandon(void *ctx, struct websocket *socket)
{
	struct sim *sim = ctx;
	struct sim_ws *ws = (struct sim_ws *)socket;

	if (ws->open)
		send_close(sim, ws, 0);
	remove_socket(sim, ws);
}

void network_crash(struct sim *sim)
{
	struct sim_ws *ws, *next;

	held_free(sim);
	DL_FOREACH_SAFE(sim->sockets, ws, next)
	{
		world_ws_closed(sim->world, ws->conn, 0, sim_now(sim));
		remove_socket(sim, ws);
	}
}

void network_free(struct sim *sim)
{
	struct sim_ws *ws, *next;

	held_free(sim);
	again_free(sim);
	DL_FOREACH_SAFE(sim->sockets, ws, next)
	remove_socket(sim, ws);
}

/* ---- the store's thread: in order, a little later, committed before it answers ---- */

struct statement {
	struct store_op op, before; /* before: one that waited for this one, for one commit */
	bool has_before;
	unsigned life;
	int result;
	store_done *done, *before_done;
	void *arg, *before_arg;
	struct store_query query;
	store_read_done *read_done;
	struct statement *next;
};

static void statement_free(struct sim *sim, struct statement *s)
{
	sim->statements--;
	store_op_free(&s->op);
	store_op_free(&s->before);
	free(s);
}

static void statement_answered(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	struct statement *s = arg;

	if (run && s->life == sim->life && sim->shell) {
		const char *why = s->result ? "the database is away" : NULL;

		if (s->before_done)
			s->before_done(s->before_arg, s->result, why);
		s->done(s->arg, s->result, why);
		bot_hears(sim);
	}
	statement_free(sim, s);
}

static void apply(struct sim *sim, struct statement *s, int lost);

static void kept_run(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;

	if (run && sim_now(sim) >= sim->away_until_ms)
		while (sim->kept) {
			struct statement *s = sim->kept;

			LL_DELETE(sim->kept, s);
			apply(sim, s, 0);
		}
	else if (run && sim->kept)
		clock_at(sim->clock, sim->away_until_ms, kept_run, NULL);
}

static void keep(struct sim *sim, struct statement *s)
{
	if (!sim->kept)
		clock_at(
			sim->clock, max_of(sim->away_until_ms, sim_now(sim) + 300), kept_run, NULL);
	LL_APPEND(sim->kept, s);
}

/* What the store's thread does meanwhile (store/store.c): jobs are answered with the failure, all
 * else is kept until the database is back. */
static void put_off(struct sim *sim, struct statement *s)
{
	struct statement *first;

	s->result = -ENOTCONN;
	if (s->op.kind != STORE_JOB) {
		keep(sim, s);
		return;
	}
	if (s->has_before && s->before.kind != STORE_JOB) {
		first = xcalloc(1, sizeof(*first));
		sim->statements++;
		*first = (struct statement){.op = s->before,
			.life = s->life,
			.done = s->before_done,
			.arg = s->before_arg};
		s->before = (struct store_op){0};
		s->has_before = false;
		s->before_done = NULL;
		keep(sim, first);
	}
	clock_at(sim->clock, sim_now(sim) + 1, statement_answered, s);
}

static void apply(struct sim *sim, struct statement *s, int lost)
{
	struct store_op ops[] = {s->before, s->op};
	char *why = NULL;

	/* A statement whose process died before it ran is lost. */
	if (s->life != sim->life) {
		statement_free(sim, s);
		return;
	}
	s->result = store_db_apply(sim->db, s->has_before ? ops : &s->op, s->has_before + 1, &why);
	trace_number(sim, (uint64_t)s->op.kind);
	if (s->result < 0)
		sim_fail(sim, "rows", "the store refused a row: %s", why ? why : "?");
	members_check_words(sim, &s->op);
	free(why);
	if (sim_chance(sim, lost)) {
		trace_say(sim, "a commit is not acknowledged");
		bot_loses_database(sim, 300);
		put_off(sim, s);
	} else {
		clock_at(sim->clock, sim_now(sim) + 1, statement_answered, s);
	}
}

static void statement_runs(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	struct statement *s = arg;
	bool ended, submits;

	if (!run || s->life != sim->life) {
		statement_free(sim, s);
		return;
	}
	if (sim_now(sim) < sim->away_until_ms) {
		put_off(sim, s);
		return;
	}
	kept_run(sim, NULL, true);
	ended = s->op.kind == STORE_JOB && s->op.job.step >= STORE_ENDED;
	submits = s->op.kind == STORE_JOB && s->op.job.step == JOB_SUBMIT;
	apply(sim, s, sim->weather.lost_commits);
	if (sim->weather.busy && submits)
		members_hurry(sim);
	bot_may_crash(sim, max_of(sim->weather.crash_chance, ended ? sim->weather.haste : 0));
}

static void held_free(struct sim *sim)
{
	struct statement *s, *next;

	if (sim->held)
		statement_free(sim, take(sim->held));
	LL_FOREACH_SAFE(sim->kept, s, next)
	statement_free(sim, s);
	sim->kept = NULL;
}

/* A busy disk, in order: others may be served before a row is written. */
static void submit(struct sim *sim, struct statement *s)
{
	sim->stored_ms =
		max_of(sim->stored_ms, sim_now(sim) + 1 + (int64_t)rng_below(&sim->rng, 40));
	clock_at(sim->clock, sim->stored_ms, statement_runs, s);
}

static void port_store(void *ctx, struct store_op *op, store_done *done, void *arg)
{
	struct sim *sim = ctx;
	struct statement *s = take(sim->held);

	if (s && op->more) { /* two of that kind: the first one goes alone */
		submit(sim, s);
		s = NULL;
	}
	if (!s) {
		s = xcalloc(1, sizeof(*s));
		sim->statements++;
	} else {
		*s = (struct statement){.before = s->op,
			.before_done = s->done,
			.before_arg = s->arg,
			.has_before = true};
	}
	s->op = *op;
	*op = (struct store_op){0};
	if (s->op.kind == STORE_ERASE && !sim->fair && sim_chance(sim, sim->weather.untimely))
		bot_loses_database(sim, 15000);
	/* For longer than a picture to edit may take. */
	if (s->op.kind == STORE_PICTURE && !sim->fair && sim_chance(sim, 5 * sim->weather.mute))
		bot_loses_database(sim, 400000);
	s->life = sim->life;
	s->done = done;
	s->arg = arg;
	if (s->op.more)
		sim->held = s;
	else
		submit(sim, s);
}

static void read_answered(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	struct statement *s = arg;
	struct store_result result;

	/* A reading whose process died is answered too: the record knows nothing of it. */
	if (run && s->life == sim->life && sim->shell) {
		if (sim_now(sim) < sim->away_until_ms)
			result = (struct store_result){.error = -ENOTCONN};
		else
			(void)store_db_read(sim->db, &s->query, &result);
		s->read_done(s->arg, &result);
		store_result_free(&result);
		bot_hears(sim);
	}
	free(s);
}

static void port_read(void *ctx, const struct store_query *query, store_read_done *done, void *arg)
{
	struct sim *sim = ctx;
	struct statement *s = xcalloc(1, sizeof(*s));

	*s = (struct statement){.life = sim->life, .arg = arg, .query = *query, .read_done = done};
	clock_at(sim->clock, sim_now(sim) + 2, read_answered, s);
}

/* ---- the cleaner: no decoder here; what begins like a PNG is taken for a clean one ---- */

struct cleaning {
	struct blob *picture;
	unsigned life;
	void (*done)(void *arg, struct clean_answer *answer);
	void *arg;
};

static void cleaned(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	struct cleaning *c = arg;
	struct clean_answer answer = {.type = image_sniff(c->picture->data, c->picture->len)};

	if (run && c->life == sim->life && sim->shell) {
		if (sim_chance(sim, sim->weather.mute_cleaner))
			answer.result = CLEAN_UNAVAILABLE;
		else if (answer.type == IMAGE_OTHER)
			answer.result = CLEAN_NOT_A_PICTURE;
		else if (answer.type != IMAGE_PNG)
			answer.result = CLEAN_UNSUPPORTED;
		else if (image_size(c->picture->data, c->picture->len, &answer.width,
				 &answer.height) < 0)
			answer.result = CLEAN_DAMAGED;
		else
			answer.png = blob_hold(c->picture);
		c->done(c->arg, &answer);
		blob_drop(answer.png);
		bot_hears(sim);
	}
	blob_drop(c->picture);
	free(c);
}

static void port_clean(void *ctx, struct blob *picture, const struct clean_wish *wish,
	void (*done)(void *arg, struct clean_answer *answer), void *arg)
{
	struct sim *sim = ctx;
	struct cleaning *c = xcalloc(1, sizeof(*c));

	*c = (struct cleaning){blob_hold(picture), sim->life, done, arg};
	clock_at(sim->clock, sim_now(sim) + 20 + (int64_t)rng_below(&sim->rng, 500), cleaned, c);
}

/* ---- copies of finished pictures ---- */

struct keeping {
	char *name;
	struct blob *bytes;
	unsigned life;
	void (*done)(void *arg, int result, const char *why);
	void *arg;
};

static void kept(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	struct keeping *k = arg;

	if (run && k->life == sim->life && sim->shell) {
		bool full = sim_chance(sim, sim->weather.full_disk);

		if (!full)
			check_kept(sim, k->name, k->bytes);
		k->done(k->arg, full ? -ENOSPC : 0, full ? "the disk is full" : NULL);
		bot_hears(sim);
	}
	blob_drop(k->bytes);
	free(k->name);
	free(k);
}

static void port_keep(void *ctx, const char *folder, const char *name, struct blob *bytes,
	void (*done)(void *arg, int result, const char *why), void *arg)
{
	struct sim *sim = ctx;
	struct keeping *k = xcalloc(1, sizeof(*k));

	*k = (struct keeping){xstrdup(name), blob_hold(bytes), sim->life, done, arg};
	clock_at(sim->clock, sim_now(sim) + 1 + (int64_t)rng_below(&sim->rng, 6000), kept, k);
}

static int64_t port_now(void *ctx)
{
	return sim_bot_now(ctx);
}

void network_ports(struct sim *sim, struct ports *ports)
{
	*ports = (struct ports){
		.ctx = sim,
		.now = port_now,
		.http = port_http,
		.ws_open = port_ws_open,
		.ws_send = port_ws_send,
		.ws_close = port_ws_close,
		.ws_abandon = port_ws_abandon,
		.store = port_store,
		.read = port_read,
		.clean = port_clean,
		.keep = port_keep,
	};
}
