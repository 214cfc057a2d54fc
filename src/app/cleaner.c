/* SPDX-License-Identifier: Apache-2.0 */
#include "app/cleaner.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

#include "base/limits.h"
#include "io/child.h"

#ifndef FULLET_LIBEXECDIR
#define FULLET_LIBEXECDIR "/usr/local/libexec/fullet"
#endif
#define PROGRAM "fullet-cleaner"

struct waiting {
	struct blob *picture;
	struct clean_wish wish;
	clean_done *done;
	void *arg;
	int deaths; /* programs that died on it, not by it */
	struct waiting *prev, *next;
};

struct cleaner {
	struct loop *loop;
	const struct log *log;
	char *path; /* NULL: the program was not found */
	struct waiting *queue, *current;
	struct waiting *refusals; /* for the next turn */
	size_t n_queue;
	int64_t answer_ms;
	struct child *child; /* NULL: none runs */
	bool greeted;	     /* its hello was right: it takes pictures */
	bool last;	     /* it said that it ends now */
	bool overdue;	     /* we killed it for its slowness */
	bool liar;	     /* we killed it for what it said */
	bool cage_known;
	struct wire_hello cage;
	struct buf in; /* what it said and was not read yet */
};

/* ---- finding the program ---- */

static char *find_program(void)
{
	/* Beside this one; where the build puts it, seen from src/ and from tests/; installed. */
	static const char *const places[] = {
		"", "cleaner/", "../src/cleaner/", "../../src/cleaner/", "../libexec/fullet/"};
	char self[PATH_MAX], *slash, *path;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	for (size_t i = 0; slash && i < countof(places); i++) {
		slash[1] = '\0';
		path = xasprintf("%s%s" PROGRAM, self, places[i]);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	path = xstrdup(FULLET_LIBEXECDIR "/" PROGRAM);
	if (access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* ---- the queue ---- */

static struct waiting *waiting_free(struct waiting *w)
{
	if (w)
		blob_drop(w->picture);
	free(w);
	return NULL;
}

static void tell(struct waiting *w, struct clean_answer *answer)
{
	w->done(w->arg, answer);
	blob_drop(answer->png);
	waiting_free(w);
}

static void tell_current(struct cleaner *c, struct clean_answer *answer)
{
	struct waiting *w = take(c->current);

	if (answer->result != CLEAN_OK)
		log_line(c->log, LOG_INFO, "cleaner", "a picture of %zu bytes was not taken: %s",
			w->picture->len, clean_result_name(answer->result));
	tell(w, answer);
}

/* Everything that waits moves to those who are told in the next turn. */
static void refuse_all(struct cleaner *c)
{
	DL_CONCAT(c->refusals, c->queue);
	c->queue = NULL;
	c->n_queue = 0;
	if (c->refusals)
		loop_wake(c->loop);
}

static void send_next(struct cleaner *c)
{
	uint8_t head[WIRE_HEAD_LEN];
	struct waiting *w = c->queue;

	if (!w) {
		child_alarm(c->child, CLEAN_IDLE_MS);
		return;
	}
	DL_DELETE(c->queue, w);
	c->n_queue--;
	c->current = w;
	wire_put_request(
		head, &(struct wire_request){.wish = w->wish, .len = (uint32_t)w->picture->len});
	child_send(c->child, head, sizeof(head), w->picture);
	child_alarm(c->child, c->answer_ms);
}

/* ---- the program ---- */

static void kill_liar(struct cleaner *c, const char *what)
{
	log_line(c->log, LOG_WARN, "cleaner", "%s: it is ended", what);
	c->liar = true;
	child_kill(c->child);
}

static void greet(struct cleaner *c)
{
	struct wire_hello hello;

	if (wire_get_hello((const uint8_t *)c->in.data, &hello) < 0) {
		kill_liar(c, "what was started is not the cleaner");
		return;
	}
	buf_consume(&c->in, WIRE_HEAD_LEN);
	if (!c->cage_known && hello.seccomp && hello.landlock == 0)
		log_line(c->log, LOG_WARN, "cleaner",
			"this kernel has no Landlock: strangers' pictures are kept from files and "
			"network by seccomp alone");
	c->cage = hello;
	c->cage_known = true;
	if (!hello.seccomp) {
		kill_liar(c, "seccomp cannot be used on this system, so no picture is opened");
		return;
	}
	c->greeted = true;
	send_next(c);
}

/* The bytes are a PNG of that size in which every checksum is right. */
static bool is_clean(const struct wire_answer *a, const void *data)
{
	struct buf copy = BUF(CLEAN_PNG_MAX);
	const char *why;
	int width, height;
	bool ok = image_sniff(data, a->len) == IMAGE_PNG &&
		  image_size(data, a->len, &width, &height) == 0 && (uint32_t)width == a->width &&
		  (uint32_t)height == a->height && image_strip(data, a->len, &copy, &why) == 0 &&
		  copy.len == a->len;

	buf_free(&copy);
	return ok;
}

static void take_answer(struct cleaner *c, const struct wire_answer *a)
{
	struct clean_answer answer = {.result = a->result, .type = a->type};
	struct buf png = BUF(CLEAN_PNG_MAX);
	const char *data = c->in.data + WIRE_HEAD_LEN;

	if (a->len > 0) {
		must(buf_add(&png, data, a->len) == 0);
		answer.png = blob_take(&png);
		answer.width = (int)a->width;
		answer.height = (int)a->height;
	}
	buf_free(&c->in);
	c->last = a->last;
	if (c->last) /* it ends by itself; what waits is for the next one */
		child_alarm(c->child, CLEAN_MS);
	tell_current(c, &answer);
	if (!c->last)
		send_next(c);
}

static void on_output(void *arg, const void *data, size_t len)
{
	struct cleaner *c = arg;
	struct wire_answer a;

	if (c->liar || c->last)
		return;
	if (buf_add(&c->in, data, len) < 0) {
		kill_liar(c, "the cleaner says too much");
		return;
	}
	if (!c->greeted) {
		if (c->in.len >= WIRE_HEAD_LEN)
			greet(c);
		return;
	}
	if (c->in.len < WIRE_HEAD_LEN)
		return;
	if (!c->current || wire_get_answer((const uint8_t *)c->in.data, &a) < 0 ||
		c->in.len > WIRE_HEAD_LEN + a.len) {
		kill_liar(c, "the cleaner says what it should not");
		return;
	}
	if (c->in.len < WIRE_HEAD_LEN + a.len)
		return;
	if (a.len > 0 && !is_clean(&a, c->in.data + WIRE_HEAD_LEN))
		kill_liar(c, "the cleaner gave something else than a clean picture");
	else
		take_answer(c, &a);
}

static void on_alarm(void *arg)
{
	struct cleaner *c = arg;

	if (c->greeted && !c->current && !c->last) { /* idle */
		c->last = true;
		child_alarm(c->child, CLEAN_MS);
		child_close_input(c->child);
		return;
	}
	c->overdue = true;
	child_kill(c->child);
}

/* Killed by somebody else (an operator, the kernel in need of memory), the picture had no part in
 * it, or none that is certain. */
static enum clean_result judge(const struct cleaner *c, int signal)
{
	if (c->overdue || c->liar)
		return CLEAN_TOO_HARD;
	return signal == 0 || signal == SIGKILL || signal == SIGTERM ? CLEAN_UNAVAILABLE
								     : CLEAN_TOO_HARD;
}

static void on_ended(void *arg, int status, int signal)
{
	struct cleaner *c = arg;
	struct clean_answer answer = {.result = judge(c, signal)};
	bool greeted = c->greeted;

	if (c->current)
		answer.type = image_sniff(c->current->picture->data, c->current->picture->len);
	if (c->current && !c->liar)
		log_line(c->log, LOG_WARN, "cleaner", "it %s on a picture (signal %d, status %d)",
			c->overdue ? "took too long" : "died", signal, status);
	else if (!greeted && !c->liar)
		log_line(c->log, LOG_ERROR, "cleaner",
			"%s ended before it was ready (signal %d, status %d): pictures cannot be "
			"opened",
			c->path, signal, status);
	c->child = NULL;
	c->greeted = c->last = c->overdue = c->liar = false;
	buf_free(&c->in);
	if (!greeted) {
		c->cage_known = false;
		refuse_all(c);
	}
	if (c->current && answer.result == CLEAN_UNAVAILABLE && c->current->deaths++ == 0) {
		DL_PREPEND(c->queue, c->current);
		c->n_queue++;
		c->current = NULL;
	}
	if (c->current)
		tell_current(c, &answer);
	/* What still waits is taken up by the next turn. */
}

static const struct child_events events = {on_output, on_alarm, on_ended};

static void start(struct cleaner *c)
{
	const char *const arguments[] = {PROGRAM, NULL};
	int r;

	if (!c->path)
		c->path = find_program();
	r = c->path ? child_start(c->loop, c->path, arguments, &events, c, &c->child) : -ENOENT;
	if (r == 0) {
		child_alarm(c->child, c->answer_ms);
		return;
	}
	log_line(c->log, LOG_ERROR, "cleaner", PROGRAM " cannot be started: %s%s",
		c->path ? strerror(-r) : "it is neither beside this program nor in ",
		c->path ? "" : FULLET_LIBEXECDIR);
	c->cage_known = false;
	refuse_all(c);
}

/* ---- for others ---- */

struct cleaner *cleaner_new(struct loop *loop, const struct log *log, const char *path)
{
	struct cleaner *c = xcalloc(1, sizeof(*c));

	c->loop = loop;
	c->log = log;
	c->path = xstrdup(path);
	c->answer_ms = CLEAN_MS;
	c->in = BUF(WIRE_HEAD_LEN + CLEAN_PNG_MAX);
	return c;
}

struct cleaner *cleaner_free(struct cleaner *c)
{
	struct waiting *w, *next;

	if (!c)
		return NULL;
	child_abandon(c->child);
	refuse_all(c);
	DL_FOREACH_SAFE(c->refusals, w, next)
	waiting_free(w);
	waiting_free(c->current);
	buf_free(&c->in);
	free(c->path);
	free(c);
	return NULL;
}

void cleaner_clean(struct cleaner *c, struct blob *picture, const struct clean_wish *wish,
	clean_done *done, void *arg)
{
	struct waiting *w = xcalloc(1, sizeof(*w));

	*w = (struct waiting){
		.picture = blob_hold(picture), .wish = *wish, .done = done, .arg = arg};
	if (c->n_queue >= CLEAN_QUEUE_MAX || picture->len > PICTURE_BYTES_MAX) {
		DL_APPEND(c->refusals, w);
	} else {
		DL_APPEND(c->queue, w);
		c->n_queue++;
	}
	loop_wake(c->loop);
}

void cleaner_poll(struct cleaner *c)
{
	struct waiting *w, *refusals;

	if (c->queue && !c->child)
		start(c);
	else if (c->queue && c->greeted && !c->current && !c->last && !c->liar)
		send_next(c);
	refusals = take(c->refusals);
	while ((w = refusals)) {
		struct clean_answer answer = {.result = w->picture->len > PICTURE_BYTES_MAX
								? CLEAN_TOO_LARGE
								: CLEAN_UNAVAILABLE,
			.type = image_sniff(w->picture->data, w->picture->len)};

		DL_DELETE(refusals, w);
		tell(w, &answer);
	}
}

bool cleaner_cage(const struct cleaner *c, struct wire_hello *ret)
{
	if (c->cage_known)
		*ret = c->cage;
	return c->cage_known;
}

void cleaner_limit(struct cleaner *c, int64_t ms)
{
	c->answer_ms = ms;
}

int cleaner_pid(const struct cleaner *c)
{
	return c->child ? child_pid(c->child) : 0;
}
