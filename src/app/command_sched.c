/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#include "app/command_line.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "core/sched.h"

/* As many as a line of the largest fleet tells: each is a few words. */
#define LINE_MAX_BYTES (4 * MIB)
#define ANSWER_MAX     (64 * MIB)
#define MODELS_MAX     1000

/*
 * The scheduler in a conversation with a judge or a simulator that owns the clock, the cards and
 * the future: protocol 1, told in docs/SCHEDULING.md. Events come as lines of JSON, decisions go
 * out.
 */

struct name {
	char *text;
	unsigned number;
	UT_hash_handle hh;
};

struct ticket {
	int64_t id;
	struct sched_job *job;
	UT_hash_handle hh;
};

struct talk {
	struct sched *sched;
	struct sched_model *models[MODELS_MAX];
	char **gpus; /* their names as JSON */
	struct name *model_names, *weights_names, *gpu_names, *user_names;
	struct ticket *tickets;
	struct buf out;
	unsigned line;
	bool failed, ended;
};

static void printf_like(2, 3) fail(struct talk *t, const char *format, ...)
{
	va_list args;

	if (t->failed)
		return;
	t->failed = true;
	va_start(args, format);
	fprintf(stderr, "fullet: sched: line %u: ", t->line);
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
}

static int64_t number(struct talk *t, struct json_object *o, const char *name, int64_t min,
	int64_t max, int64_t otherwise)
{
	struct json_object *value = json_member(o, name);
	int64_t n = value ? json_object_get_int64(value) : otherwise;

	if ((!value && (otherwise < min || otherwise > max)) ||
		(value && !json_object_is_type(value, json_type_int)) || n < min || n > max)
		fail(t, "\"%s\" must be a whole number from %lld to %lld", name, (long long)min,
			(long long)max);
	return t->failed ? min : n;
}

static const char *text(struct talk *t, struct json_object *o, const char *name)
{
	struct json_object *value = json_member(o, name);
	const char *s =
		json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;

	if (!s)
		fail(t, "\"%s\" is missing or is no text", name);
	return s ? s : "";
}

static struct name *find(struct name *names, const char *text)
{
	struct name *n;

	HASH_FIND_STR(names, text, n);
	return n;
}

/* The name's number: the next one when it is new. */
static unsigned intern(struct name **names, const char *text)
{
	struct name *n = find(*names, text);

	if (!n) {
		n = xcalloc(1, sizeof(*n));
		n->text = xstrdup(text);
		n->number = HASH_COUNT(*names);
		HASH_ADD_KEYPTR(hh, *names, n->text, strlen(n->text), n);
	}
	return n->number;
}

static unsigned known(struct talk *t, struct name *names, struct json_object *o, const char *what)
{
	const char *s = text(t, o, what);
	struct name *n = find(names, s);

	if (!n)
		fail(t, "there is no %s \"%s\"", what, s);
	return n ? n->number : 0;
}

static struct ticket *ticket(struct talk *t, int64_t id)
{
	struct ticket *found;

	HASH_FIND(hh, t->tickets, &id, sizeof(id), found);
	return found;
}

static void read_model(struct talk *t, struct json_object *o)
{
	const char *id = text(t, o, "id");
	const char *weights = json_member(o, "weights") ? text(t, o, "weights") : id;
	const int64_t big = 1000000000;
	struct sched_needs needs = {
		.vram_mb = number(t, o, "vram_mb", 0, big, -1),
		.act_mb = number(t, o, "act_mb", 0, big, -1),
		.batch_mb = number(t, o, "batch_mb", 0, big, 0),
		.load_ms = number(t, o, "load_ms", 0, big, -1),
		.image_ms = number(t, o, "image_ms", 0, big, -1),
		.batch_max = (int)number(t, o, "max_batch", 1, big, 1),
	};

	needs.extra_ms = number(t, o, "extra_ms", 0, big, needs.image_ms);
	if (HASH_COUNT(t->model_names) == MODELS_MAX)
		fail(t, "more than %d models", MODELS_MAX);
	else if (find(t->model_names, id))
		fail(t, "the model \"%s\" is there twice", id);
	if (t->failed)
		return;
	needs.weights = intern(&t->weights_names, weights);
	t->models[intern(&t->model_names, id)] = sched_model_add(t->sched, &needs);
}

static void read_gpu(struct talk *t, struct json_object *o)
{
	const char *id = text(t, o, "id");
	struct sched_card card = {
		.vram_mb = number(t, o, "vram_mb", 0, 1000000000, -1),
		.speed = (int)number(t, o, "speed", 1, 1000000, 1000),
		.load_speed = (int)number(t, o, "load_speed", 1, 1000000, 1000),
		.keep = (int)number(t, o, "keep", 0, 1000000, 0),
	};

	if (find(t->gpu_names, id))
		fail(t, "the gpu \"%s\" is there twice", id);
	if (t->failed)
		return;
	t->gpus = xrealloc(t->gpus, (HASH_COUNT(t->gpu_names) + 1) * sizeof(char *));
	t->gpus[intern(&t->gpu_names, id)] = json_text(json_member(o, "id"));
	sched_card_add(t->sched, &card);
}

static void on_init(struct talk *t, struct json_object *o)
{
	struct json_object *fleet = json_member(o, "fleet");
	struct json_object *models = json_array(fleet, "models"), *gpus = json_array(fleet, "gpus");

	if (t->sched)
		fail(t, "a second \"init\"");
	number(t, o, "proto", 1, 1, -1);
	if (!models || !gpus)
		fail(t, "the fleet has no \"models\" or no \"gpus\"");
	if (t->failed)
		return;
	t->sched = sched_new(NULL, number(t, fleet, "dispatch_ms", 0, 1000000000, 0));
	for (size_t i = 0; i < json_len(gpus) && !t->failed; i++)
		read_gpu(t, json_object_array_get_idx(gpus, i));
	for (size_t i = 0; i < json_len(models) && !t->failed; i++)
		read_model(t, json_object_array_get_idx(models, i));
	buf_add_str(&t->out, "{\"do\":\"ready\"}\n");
}

static void on_arrival(struct talk *t, struct json_object *o, int64_t now_ms)
{
	int64_t id = number(t, o, "job", INT64_MIN, INT64_MAX, 0);
	unsigned model = known(t, t->model_names, o, "model");
	int work = (int)number(t, o, "work", 1, 1000000000, 1000);
	int priority = (int)number(t, o, "prio", 0, SCHED_PRIORITIES - 1, SCHED_PRIORITIES - 1);
	const char *user = text(t, o, "user");
	struct sched_job *job;
	struct ticket *ours;

	if (!t->failed && ticket(t, id))
		fail(t, "job %lld has arrived before", (long long)id);
	if (t->failed)
		return;
	job = sched_arrive(t->sched, now_ms, t->models[model], work, intern(&t->user_names, user),
		priority, now_ms, (uint64_t)id);
	if (!job) {
		buf_printf(&t->out, "{\"do\":\"reject\",\"job\":%lld}\n", (long long)id);
		return;
	}
	ours = xcalloc(1, sizeof(*ours));
	ours->id = id;
	ours->job = job;
	HASH_ADD(hh, t->tickets, id, sizeof(ours->id), ours);
}

static void on_started(struct talk *t, struct json_object *o, int64_t now_ms, int gpu)
{
	struct json_object *list = json_array(o, "resident");
	unsigned weights[SCHED_RESIDENT_MAX];
	size_t n = json_len(list), from = n > SCHED_RESIDENT_MAX ? n - SCHED_RESIDENT_MAX : 0;
	int64_t load_ms = number(t, o, "load", 0, 1000000000, 0);

	for (size_t i = from; i < n; i++) {
		const char *s = json_object_get_string(json_object_array_get_idx(list, i));
		struct name *name = find(t->weights_names, s ? s : "");

		if (!name)
			fail(t, "there are no weights \"%s\"", s ? s : "");
		weights[i - from] = name ? name->number : 0;
	}
	if (!t->failed && !sched_sent(t->sched, gpu))
		fail(t, "nothing was sent to that gpu");
	if (!t->failed)
		sched_started(t->sched, now_ms, gpu, load_ms, weights, list ? (int)(n - from) : -1);
}

static void on_finished(struct talk *t, struct json_object *o, int64_t now_ms, int gpu)
{
	struct json_object *jobs = json_array(o, "jobs");

	if (!sched_sent(t->sched, gpu))
		fail(t, "nothing was sent to that gpu");
	if (t->failed)
		return;
	for (size_t i = 0; i < json_len(jobs); i++) {
		struct ticket *done =
			ticket(t, json_object_get_int64(json_object_array_get_idx(jobs, i)));

		if (!done)
			continue;
		HASH_DEL(t->tickets, done);
		free(done);
	}
	sched_finished(t->sched, now_ms, gpu);
}

static void say(struct talk *t)
{
	fwrite(buf_str(&t->out), 1, t->out.len, stdout);
	fflush(stdout);
	buf_clear(&t->out);
}

static void on_go(struct talk *t, int64_t now_ms)
{
	struct sched_pass pass;
	int64_t wake_ms;

	while (sched_next(t->sched, now_ms, &pass)) {
		buf_printf(
			&t->out, "{\"do\":\"dispatch\",\"gpu\":%s,\"jobs\":[", t->gpus[pass.card]);
		for (int i = 0; i < pass.n; i++)
			buf_printf(&t->out, "%s%lld", i ? "," : "",
				(long long)sched_tag(pass.jobs[i]));
		buf_add_str(&t->out, "]}\n");
	}
	wake_ms = sched_wake(t->sched, now_ms);
	if (wake_ms == NEVER)
		buf_add_str(&t->out, "{\"do\":\"done\"}\n");
	else
		buf_printf(&t->out, "{\"do\":\"done\",\"wake\":%lld}\n", (long long)wake_ms);
	say(t);
}

static void on_event(struct talk *t, struct json_object *o)
{
	const char *ev = text(t, o, "ev");
	bool of_gpu = str_eq(ev, "started") || str_eq(ev, "finished") || str_starts(ev, "gpu_");
	int64_t now_ms = number(t, o, "t", 0, INT64_MAX / 4, 0);
	int gpu = of_gpu ? (int)known(t, t->gpu_names, o, "gpu") : 0;

	if (!t->failed && !t->sched && !str_eq(ev, "init") && !str_eq(ev, "end"))
		fail(t, "the conversation begins with \"init\"");
	if (t->failed)
		return;
	if (str_eq(ev, "init"))
		on_init(t, o);
	else if (str_eq(ev, "arrival"))
		on_arrival(t, o, now_ms);
	else if (str_eq(ev, "started"))
		on_started(t, o, now_ms, gpu);
	else if (str_eq(ev, "finished"))
		on_finished(t, o, now_ms, gpu);
	else if (str_eq(ev, "gpu_down"))
		sched_down(t->sched, now_ms, gpu);
	else if (str_eq(ev, "gpu_up"))
		sched_up(t->sched, now_ms, gpu);
	else if (str_eq(ev, "go"))
		on_go(t, now_ms);
	else if (str_eq(ev, "end"))
		t->ended = true;
	/* "tick" only wakes; what is unknown is ignored, as the protocol says. */
	if (str_eq(ev, "init") && !t->failed)
		say(t);
}

static void on_line(struct talk *t, const char *line, size_t len)
{
	const char *why = NULL;
	struct json_object *o = NULL;

	t->line++;
	if (len > LINE_MAX_BYTES)
		fail(t, "longer than 4 MiB");
	else if (!(o = json_parse(line, len, &why)) || !json_object_is_type(o, json_type_object))
		fail(t, "no JSON object%s%s", why ? ": " : "", why ? why : "");
	else
		on_event(t, o);
	json_put(&o);
}

static void free_names(struct name **names)
{
	struct name *n, *next;

	HASH_ITER(hh, *names, n, next)
	{
		HASH_DEL(*names, n);
		free(n->text);
		free(n);
	}
}

static void end(struct talk *t)
{
	struct ticket *ours, *next;

	for (unsigned i = 0; i < HASH_COUNT(t->gpu_names); i++)
		free(t->gpus[i]);
	free(t->gpus);
	HASH_ITER(hh, t->tickets, ours, next)
	{
		HASH_DEL(t->tickets, ours);
		free(ours);
	}
	free_names(&t->gpu_names);
	free_names(&t->model_names);
	free_names(&t->weights_names);
	free_names(&t->user_names);
	buf_free(&t->out);
	t->sched = sched_free(t->sched);
}

int command_sched(int argc, char **argv)
{
	struct talk t = {.out = BUF(ANSWER_MAX)};
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int result;

	if (argc != 1 || !str_eq(argv[0], "--stdio")) {
		fprintf(stderr, "usage: fullet sched --stdio\n");
		return 2;
	}
	while (!t.ended && !t.failed && (len = getline(&line, &size, stdin)) >= 0)
		on_line(&t, line, (size_t)len);
	if (!t.ended && !t.failed)
		fail(&t, "the conversation stops without \"end\"");
	result = t.failed ? 1 : 0;
	free(line);
	end(&t);
	return result;
}
