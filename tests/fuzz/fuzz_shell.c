/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The bot itself in the hands of its counterparts: what an earlier process kept, events of
 * Discord's gateway, answers of REST, of a ComfyUI and of the cleaner are lines of the input.
 * Whatever comes, the bot goes on or stops with a sentence, and no log line holds a secret.
 */

#include <stdio.h>
#include <stdlib.h>

#include "app/shell.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKEN	    "TOKENTOKENTOKEN"
#define LINES_MAX   60
#define WAITING_MAX 64
#define SOCKETS_MAX 4
#define HELLO	    "{\"op\":10,\"d\":{\"heartbeat_interval\":41250}}"
#define READY                                                                                      \
	"{\"op\":0,\"t\":\"READY\",\"s\":1,\"d\":{\"session_id\":\"S\",\"resume_gateway_url\":"    \
	"\"wss://r.test\",\"user\":{\"id\":\"8\"},\"application\":{\"id\":\"8\"},\"guilds\":[{"    \
	"\"id\":\"7\"}]}}"

static const char graph[] =
	"{\"4\":{\"class_type\":\"CheckpointLoaderSimple\",\"inputs\":{\"ckpt_name\":\"a\"}},"
	"\"6\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"\",\"clip\":[\"4\",1]}},"
	"\"10\":{\"class_type\":\"LoadImage\",\"inputs\":{\"image\":\"x.png\"}},"
	"\"11\":{\"class_type\":\"VAEEncode\",\"inputs\":{\"pixels\":[\"10\",0],\"vae\":[\"4\",2]}},"
	"\"3\":{\"class_type\":\"KSampler\",\"inputs\":{\"seed\":1,\"steps\":20,\"cfg\":8.0,"
	"\"model\":[\"4\",0],\"positive\":[\"6\",0],\"latent_image\":[\"11\",0]}},"
	"\"9\":{\"class_type\":\"SaveImage\",\"inputs\":{\"filename_prefix\":\"x\",\"images\":["
	"\"3\",0]}}}";

struct answer_due {
	void (*done)(void *arg, struct http_response *response);
	void *arg;
	bool comfy;
};

struct websocket {
	const struct websocket_events *events;
	void *arg;
	bool open, comfy;
};

struct room {
	struct shell *shell;
	struct log log;
	int64_t now_ms, seq;
	struct answer_due due[WAITING_MAX];
	size_t n_due;
	struct websocket sockets[SOCKETS_MAX];
	store_done *done[WAITING_MAX];
	void *done_arg[WAITING_MAX];
	size_t n_done;
	char *rest;
};

static void log_of(void *ctx, enum log_level level, const char *subject, const char *text)
{
	must(!strstr(text, TOKEN) && !strchr(text, '\n'));
}

/* ---- ports ---- */

static int64_t port_now(void *ctx)
{
	return ((struct room *)ctx)->now_ms;
}

static void port_http(void *ctx, const struct http_request *req,
	void (*done)(void *arg, struct http_response *response), void *arg)
{
	struct room *room = ctx;

	must(room->n_due < WAITING_MAX); /* the bot has few requests under way */
	room->due[room->n_due++] =
		(struct answer_due){done, arg, strstr(req->url, "//comfy") != NULL};
}

static struct websocket *port_open(void *ctx, const struct http_request *req, size_t message_max,
	const struct websocket_events *events, void *arg)
{
	struct room *room = ctx;

	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		if (room->sockets[i].events)
			continue;
		room->sockets[i] =
			(struct websocket){events, arg, false, strstr(req->url, "//comfy") != NULL};
		return &room->sockets[i];
	}
	must(false); /* one for the gateway, one a ComfyUI */
}

static void port_send(void *ctx, struct websocket *ws, const void *data, size_t len, bool binary)
{
	must(ws->events && ws->open);
}

static void port_close(void *ctx, struct websocket *ws, int code)
{
	const struct websocket_events *events = ws->events;
	void *arg = ws->arg;

	*ws = (struct websocket){0};
	events->closed(arg, code, 0, "closed");
}

static void port_abandon(void *ctx, struct websocket *ws)
{
	*ws = (struct websocket){0};
}

static void port_store(void *ctx, struct store_op *op, store_done *done, void *arg)
{
	struct room *room = ctx;

	store_op_free(op);
	must(room->n_done < WAITING_MAX);
	room->done[room->n_done] = done;
	room->done_arg[room->n_done++] = arg;
}

static void port_keep(void *ctx, const char *folder, const char *name, struct blob *bytes,
	void (*done)(void *arg, int result, const char *why), void *arg)
{
	done(arg, 0, NULL);
}

static void port_read(void *ctx, const struct store_query *query, store_read_done *done, void *arg)
{
	struct store_result nothing = {0};

	done(arg, &nothing);
}

static void port_clean(void *ctx, struct blob *picture, const struct clean_wish *wish,
	void (*done)(void *arg, struct clean_answer *answer), void *arg)
{
	struct clean_answer answer = {.result = CLEAN_DAMAGED};

	done(arg, &answer);
}

/* ---- what comes ---- */

static void turn(struct room *room)
{
	(void)shell_turn(room->shell, room->now_ms);
	while (room->n_done) { /* commits, in their order */
		store_done *done = room->done[0];
		void *arg = room->done_arg[0];

		room->n_done--;
		memmove(room->done, room->done + 1, room->n_done * sizeof(*room->done));
		memmove(room->done_arg, room->done_arg + 1, room->n_done * sizeof(*room->done_arg));
		if (done)
			done(arg, 0, NULL);
		(void)shell_turn(room->shell, room->now_ms);
	}
}

static void answer(struct room *room, bool comfy, int status, const char *body)
{
	struct http_response res = {.status = status, .body = BUF(64 * KIB), .maybe_sent = true};
	struct answer_due due;
	size_t i = 0;

	while (i < room->n_due && room->due[i].comfy != comfy)
		i++;
	if (i == room->n_due)
		return;
	due = room->due[i];
	memmove(&room->due[i], &room->due[i + 1], (--room->n_due - i) * sizeof(*room->due));
	http_response_header(&res, "Content-Type", "application/json");
	must(buf_add_str(&res.body, body) == 0);
	if (status == 0)
		res.error = xstrdup("cut off");
	due.done(due.arg, &res);
	http_response_free(&res);
	turn(room);
}

static struct websocket *socket_of(struct room *room, bool comfy)
{
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		if (room->sockets[i].events && room->sockets[i].comfy == comfy)
			return &room->sockets[i];
	return NULL;
}

static void receive(struct room *room, bool comfy, const char *text, bool binary)
{
	struct websocket *ws = socket_of(room, comfy);

	if (ws && !ws->open) {
		ws->open = true;
		ws->events->opened(ws->arg);
		turn(room);
		ws = socket_of(room, comfy);
	}
	if (ws && ws->open && *text)
		ws->events->received(ws->arg, text, strlen(text), binary);
	turn(room);
}

/* "NAME {...}" as the gateway sends it. */
static void event(struct room *room, char *line)
{
	char *data = strchr(line, ' ');
	cleanup(freep) char *text = NULL;

	if (!data)
		return;
	*data++ = '\0';
	text = xasprintf(
		"{\"op\":0,\"t\":\"%s\",\"s\":%" PRId64 ",\"d\":%s}", line, ++room->seq, data);
	receive(room, false, text, false);
}

static void pass_time(struct room *room, int64_t ms)
{
	room->now_ms += ms;
	turn(room);
}

/* To a session, by the shortest way. */
static void connect_all(struct room *room)
{
	answer(room, false, 200, "{\"id\":\"8\",\"flags\":0}");
	answer(room, false, 200,
		"{\"url\":\"wss://g.test\",\"session_start_limit\":{\"remaining\":9,"
		"\"max_concurrency\":1}}");
	pass_time(room, 6000);
	receive(room, false, HELLO, false);
	receive(room, false, READY, false);
	room->seq = 1;
	receive(room, true, "", false);
}

static void step(struct room *room, char *line)
{
	char *rest = *line ? line + 1 : line;

	switch (*line) {
	case 'e':
		event(room, rest);
		break;
	case 'r': /* an answer of Discord's: "r200 {...}" */
	case 'c': /* of the ComfyUI's */
		answer(room, *line == 'c', (int)(strtoul(rest, &rest, 10) % 600), rest);
		break;
	case 'g':
		receive(room, false, rest, false);
		break;
	case 'w':
		receive(room, true, rest, false);
		break;
	case 'b':
		receive(room, true, rest, true);
		break;
	case 't':
		pass_time(room, 1000 * (int64_t)min_of(strtoul(rest, NULL, 10), 100000ul));
		break;
	case 's':
		shell_stop(room->shell);
		turn(room);
		break;
	}
}

/* "past NAME VALUE" lines at the beginning: settings in the database. */
static void read_past(struct room *room, struct shell_past *past)
{
	while (room->rest && str_starts(room->rest, "past ")) {
		char *line = strsep(&room->rest, "\n") + 5, *value = strchr(line, ' ');
		const struct {
			const char *name;
			char **at;
		} places[] = {{"gateway", &past->gateway}, {"ids", &past->ids},
			{"mode", &past->mode}, {"limits", &past->limits}, {"cards", &past->cards},
			{"words", &past->words}};

		if (!value)
			continue;
		*value++ = '\0';
		for (size_t i = 0; i < countof(places); i++)
			if (str_eq(line, places[i].name))
				*places[i].at = value;
	}
}

static struct workflow_set *workflows(void)
{
	static struct workflow_set *set; /* the same for all */

	if (set)
		return set;
	set = workflow_set_new();
	workflow_set_add(set, workflow_read("flux", graph, strlen(graph)));
	workflow_set_add(set, workflow_read("flux_edit", graph, strlen(graph)));
	return set;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	struct room room = {.now_ms = INT64_C(1780000000000), .rest = text};
	struct ports ports = {&room, port_now, port_http, port_open, port_send, port_close,
		port_abandon, port_store, port_keep, port_read, port_clean};
	struct shell_config config = {.token = TOKEN,
		.guild_id = 7,
		.api_url = "https://discord.test/api/v10",
		.user_agent = "DiscordBot (x, 1)",
		.comfy = {{.url = "http://comfy", .api_key = TOKEN "K"}},
		.n_comfy = 1,
		.workflows = workflows(),
		.max_jobs_per_user = 3,
		.max_queue = 10,
		.max_batch = 2,
		.session_ttl_ms = 1800000,
		.stop_ms = 1000,
		.no_compression = true,
		.log = &room.log};
	struct shell_past past = {0};

	room.log = (struct log){LOG_DEBUG, log_of, NULL};
	read_past(&room, &past);
	room.shell = shell_new(&config, &ports, 1);
	shell_start(room.shell, &past);
	turn(&room);
	connect_all(&room);
	for (int i = 0; i < LINES_MAX && room.rest && shell_state(room.shell) == SHELL_RUNNING; i++)
		step(&room, strsep(&room.rest, "\n"));
	if (shell_state(room.shell) == SHELL_FAILED)
		must(*shell_failure(room.shell));
	shell_free(room.shell);
	free(text);
	return 0;
}
