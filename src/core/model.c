/* SPDX-License-Identifier: Apache-2.0 */
#include "core/model.h"

#include <stdlib.h>

#include "core/state.h"

/* Files that have been loaded together, and the small number by which the scheduler knows them. */
struct weights {
	unsigned id;
	UT_hash_handle hh;
	char text[];
};

static unsigned weights_id(struct core *core, const char *text)
{
	struct weights *w;

	HASH_FIND_STR(core->weights, text, w);
	if (!w) {
		w = xcalloc(1, sizeof(*w) + strlen(text) + 1);
		w->id = HASH_COUNT(core->weights);
		memcpy(w->text, text, strlen(text));
		HASH_ADD_STR(core->weights, text, w);
	}
	return w->id;
}

/* Smaller changes are chance, and would only make the scheduler count anew. */
static bool is_news(int64_t a, int64_t b)
{
	return llabs(a - b) * 20 > max_of(a, b);
}

/* The first runs are often odd: so many it takes until the scheduler weighs by them. */
#define RUNS_MIN 3

/* What the owner says of its memory counts more than what was seen. */
static int64_t vram_of(const struct model *m, const struct learn_times *times)
{
	return m->known.vram_mb > 0 ? m->known.vram_mb : times->vram_mb;
}

/* What the scheduler is to know of it. */
static struct sched_needs needs_of(struct core *core, const struct model *m)
{
	struct learn_times times;
	struct sched_needs needs;

	learn_times(core->learn, m->name, m->known.work, &times);
	needs = (struct sched_needs){.weights = m->weights,
		.vram_mb = vram_of(m, &times),
		.image_ms = LEARN_PICTURE_MS,
		.extra_ms = LEARN_PICTURE_MS,
		.batch_max = 1};
	if (times.runs >= RUNS_MIN) {
		needs.image_ms = times.image_ms;
		needs.extra_ms = times.extra_ms;
		needs.load_ms = times.load_ms;
	}
	vram_needs(core, m, &needs);
	return needs;
}

static struct sched_needs line_needs(const struct model *m)
{
	struct sched_needs needs = m->told;

	needs.batch_max = m->shares;
	return needs;
}

static void tell_lines(struct core *core, struct model *m)
{
	struct sched_needs needs = line_needs(m);

	for (struct model_line *line = m->lines; line; line = line->next)
		sched_model_set(core->sched, line->sched, &needs);
}

void model_learned(struct core *core, struct model *m)
{
	struct sched_needs needs = needs_of(core, m);
	bool memory = needs.vram_mb != m->told.vram_mb;

	if (!memory && !is_news(needs.image_ms, m->told.image_ms) &&
		!is_news(needs.extra_ms, m->told.extra_ms) &&
		!is_news(needs.load_ms, m->told.load_ms))
		return;
	m->told = needs;
	core->vram_changed |= memory;
	sched_model_set(core->sched, m->sched, &needs);
	tell_lines(core, m);
}

int64_t model_vram_mb(struct core *core, const struct model *m)
{
	struct learn_times times = {0};

	if (m->known.vram_mb <= 0)
		learn_times(core->learn, m->name, 0, &times);
	return vram_of(m, &times);
}

int model_work(struct core *core, const struct model *m, const struct job_row *row)
{
	return learn_work(core->learn, m->name, m->known.work, row->work, max_of(row->pictures, 1));
}

static void tell_sched(struct core *core, struct model *m)
{
	/* One that loads nothing that is known shares nothing. */
	cleanup(freep) char *own = m->known.weights && *m->known.weights
					   ? xstrdup(m->known.weights)
					   : xasprintf("workflow %s", m->name);

	m->weights = weights_id(core, own);
	m->told = needs_of(core, m);
	if (m->sched)
		sched_model_set(core->sched, m->sched, &m->told);
	else
		m->sched = sched_model_add(core->sched, &m->told);
	tell_lines(core, m);
	core->vram_changed = true;
}

struct model *model_get(struct core *core, const char *name)
{
	struct model *m;

	name = name ? name : "";
	HASH_FIND_STR(core->models, name, m);
	if (m)
		return m;
	m = xcalloc(1, sizeof(*m));
	m->name = xstrdup(name);
	m->known.batch_max = m->known.shares = m->shares = 1;
	HASH_ADD_KEYPTR(hh, core->models, m->name, strlen(m->name), m);
	tell_sched(core, m);
	return m;
}

void core_model(struct core *core, const char *name, const struct core_model *known)
{
	struct model *m = model_get(core, name);
	char *weights = xstrdup(known->weights);

	free((char *)m->known.weights);
	if (m->known.shares != max_of(known->shares, 1))
		m->shares = min_of(max_of(known->shares, 1), SCHED_BATCH_MAX);
	m->known = *known;
	m->known.weights = weights;
	m->known.batch_max = max_of(known->batch_max, 1);
	m->known.shares = max_of(known->shares, 1);
	tell_sched(core, m);
}

void model_too_many(struct core *core, const char *name, int n)
{
	struct model *m = model_get(core, name);

	if (m->shares < n || n < 2)
		return;
	m->shares = n / 2;
	core_log(core, LOG_INFO, NULL, "%s: a pass of %d prompts is too much for a card: %d", name,
		n, m->shares);
	tell_sched(core, m);
}

void model_too_small(struct core *core, struct model *m, int64_t mb)
{
	m->too_small_mb = mb;
	tell_sched(core, m);
}

static struct model_line *line_of(struct core *core, struct model *m, const char *key)
{
	struct model_line *line, *idle = NULL;

	for (line = m->lines; line; line = line->next) {
		if (line->jobs > 0 && str_eq(line->key, key))
			return line;
		if (line->jobs == 0)
			idle = line;
	}
	if (!idle) {
		struct sched_needs needs = line_needs(m);

		idle = xcalloc(1, sizeof(*idle));
		idle->sched = sched_model_add(core->sched, &needs);
		idle->next = m->lines;
		m->lines = idle;
	}
	str_set(&idle->key, key);
	return idle;
}

struct sched_model *model_enter(struct core *core, struct job *job)
{
	const struct job_row *row = &job->row;
	struct model *m = model_get(core, row->model);
	cleanup(freep) char *key = NULL;

	/* One seed would be everybody's, and who chose his wants that one. */
	if (m->shares < 2 || row->slot == JOB_ALONE || row->pictures > 1 || row->input ||
		(row->flags & JOB_SEEDED && !m->known.own_seeds))
		return m->sched;
	key = xasprintf("%d %s", row->flags & JOB_RESTRICTED, row->options ? row->options : "");
	job->line = line_of(core, m, key);
	job->line->jobs++;
	return job->line->sched;
}

void model_leave(struct job *job)
{
	if (job->line)
		job->line->jobs--;
	job->line = NULL;
}

static void lines_free(struct model *m)
{
	for (struct model_line *line; (line = m->lines);) {
		m->lines = line->next;
		free(line->key);
		free(line);
	}
}

void model_free_all(struct core *core)
{
	struct weights *w, *next_w;
	struct model *m, *next;

	HASH_ITER(hh, core->models, m, next)
	{
		HASH_DEL(core->models, m);
		lines_free(m);
		free((char *)m->known.weights);
		free(m->name);
		free(m);
	}
	HASH_ITER(hh, core->weights, w, next_w)
	{
		HASH_DEL(core->weights, w);
		free(w);
	}
}
