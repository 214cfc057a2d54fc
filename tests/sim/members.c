/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "core/state.h"
#include "sandbox/draw.h"
#include "sim.h"

/* What members choose for their pictures, that they change their minds and that they want
 * everything of theirs erased, what an administrator writes; and what must come of it. */

#define PROMPT SIM_PROMPT " no. "

/* ---- what is chosen ---- */

/* Of "shared" often nothing but the prompt is chosen, so that prompts share passes. */
void members_choose(struct sim *sim, uint64_t n, const char *model, struct json_object *options)
{
	static const char *const cfgs[] = {"1.5", "7", "12.25"};
	struct rng *rng = &sim->rng;
	struct sim_choice c = {.n = n, .model = model};
	char text[40];

	snprintf(text, sizeof(text), PROMPT "%" PRIu64, n);
	json_add_str(options, "prompt", text);
	if (sim->n_choices < countof(sim->choices))
		sim->choices[sim->n_choices++] = c;
	if (str_eq(model, "shared") && rng_below(rng, 3)) {
		if (sim->seed % 8 == 3) { /* all of them want the same, and more than one */
			c.count = 2;
			json_add_int(options, "count", c.count);
			if (sim->n_choices > 0 && sim->choices[sim->n_choices - 1].n == n)
				sim->choices[sim->n_choices - 1] = c;
		}
		return;
	}
	if (rng_below(rng, 3) == 0) {
		c.width = 64 + 8 * (int)rng_below(rng, 4);
		c.height = 64 + 8 * (int)rng_below(rng, 4);
		snprintf(text, sizeof(text), "%dx%d", c.width, c.height);
		json_add_str(options, "size", text);
	}
	if (rng_below(rng, 3) == 0) {
		c.steps = 1 + (int)rng_below(rng, 12);
		json_add_int(options, "steps", c.steps);
	}
	if (rng_below(rng, 3) == 0) {
		c.cfg = cfgs[rng_below(rng, countof(cfgs))];
		json_add(options, "cfg", json_object_new_double_s(strtod(c.cfg, NULL), c.cfg));
	}
	if (rng_below(rng, 3) == 0) {
		c.count = 1 + (int)rng_below(rng, 4);
		json_add_int(options, "count", c.count);
	}
	if (rng_below(rng, 3) == 0) {
		c.negative = "fog";
		json_add_str(options, "negative", c.negative);
	}
	if (rng_below(rng, 3) == 0) {
		c.seed = rng_u64(rng);
		snprintf(text, sizeof(text), "%" PRIu64, c.seed);
		json_add_str(options, "seed", text);
	}
	if (sim->n_choices > 0 && sim->choices[sim->n_choices - 1].n == n)
		sim->choices[sim->n_choices - 1] = c;
}

/* The choice whose number stands in a prompt; NULL when it is another's text. */
static const struct sim_choice *choice_of(const struct sim *sim, const char *text)
{
	const char *at = text ? strstr(text, PROMPT) : NULL;
	uint64_t n = at ? strtoull(at + strlen(PROMPT), NULL, 10) : 0;

	for (size_t i = 0; i < sim->n_choices && n; i++)
		if (sim->choices[i].n == n)
			return &sim->choices[i];
	return NULL;
}

static void expect(struct sim *sim, const struct sim_choice *c, struct json_object *graph,
	const char *path, double wanted)
{
	double got = json_num(graph, path, -1);

	if (wanted > 0 && got != wanted)
		sim_fail(sim, "choices", "picture no. %" PRIu64 ": %s is %g and should be %g", c->n,
			path, got, wanted);
}

static void check_one(
	struct sim *sim, const struct sim_choice *c, struct json_object *graph, int n_shared)
{
	struct json_object *seed = json_at(graph, "5.inputs.seed");
	uint64_t chosen = sim->tried_again ? 0 : c->seed;
	int batch = (int)json_int(graph, "4.inputs.batch_size", 0);

	expect(sim, c, graph, "4.inputs.width", c->width ? c->width : 64);
	expect(sim, c, graph, "4.inputs.height", c->height ? c->height : 64);
	/* After the card ran out of memory the job goes on in smaller parts. */
	if (n_shared > 1 && (c->count > 1 || chosen || batch != n_shared))
		sim_fail(sim, "choices", "picture no. %" PRIu64 " shares a pass and should not",
			c->n);
	if (n_shared == 1 && (batch < 1 || batch > max_of(c->count, 1)))
		sim_fail(sim, "choices", "picture no. %" PRIu64 ": a batch of %d and should be %d",
			c->n, batch, max_of(c->count, 1));
	expect(sim, c, graph, "5.inputs.steps", c->steps ? c->steps : 8);
	expect(sim, c, graph, "5.inputs.cfg", c->cfg ? strtod(c->cfg, NULL) : 4);
	if (!str_eq(json_str(graph, "5.inputs.sampler_name"), workflows_sampler(c->model)))
		sim_fail(sim, "choices", "picture no. %" PRIu64 " is drawn by another workflow",
			c->n);
	if (!str_eq(json_str(graph, "3.inputs.text"), c->negative ? c->negative : ""))
		sim_fail(sim, "choices", "picture no. %" PRIu64 " has another negative", c->n);
	/* Each part counts on from it. */
	if (chosen && json_object_get_uint64(seed) - chosen >= (uint64_t)max_of(c->count, 1))
		sim_fail(sim, "choices", "picture no. %" PRIu64 " has another seed", c->n);
}

void members_check_graph(struct sim *sim, struct json_object *graph)
{
	int n = (int)max_of(json_int(graph, "2.inputs.batch_size", 1), (int64_t)1);

	for (int i = 1; i <= n; i++) {
		char name[40];
		const char *text = json_str(graph, "2.inputs.text");
		const struct sim_choice *c;

		snprintf(name, sizeof(name), "2.inputs.text_%d", i);
		c = choice_of(sim, text ? text : json_str(graph, name));
		if (c)
			check_one(sim, c, graph, n);
		else if (n > 1)
			sim_fail(sim, "choices", "a shared pass has a text that is nobody's");
	}
}

/* Small pictures are posted as they are. */
void members_check_drawn(struct sim *sim, const char *content, const void *data, size_t len)
{
	const struct sim_choice *c = choice_of(sim, content);
	char prompt[40];

	if (!c || len < 8 || memcmp(data, "\x89PNG", 4) != 0)
		return;
	snprintf(prompt, sizeof(prompt), PROMPT "%" PRIu64, c->n);
	if (!draw_tiny_is_of(data, len, prompt))
		sim_fail(sim, "picture", "picture no. %" PRIu64 " is drawn from another prompt",
			c->n);
}

void members_check_picture(struct sim *sim, struct json_object *message)
{
	const struct sim_choice *c = choice_of(sim, json_str(message, "content"));
	size_t n = json_len(json_array(message, "attachments"));

	if (c && n != (size_t)max_of(c->count, 1))
		sim_fail(sim, "picture", "picture no. %" PRIu64 " has %zu files and should have %d",
			c->n, n, max_of(c->count, 1));
}

/* ---- cancelling and erasing ---- */

static uint64_t command(
	struct sim *sim, uint64_t user_id, const char *name, struct json_object *options)
{
	char *why = NULL;
	uint64_t id = world_command(sim->world, user_id, 0, 0, name, options, &why, sim_now(sim));

	free(why);
	return id;
}

void members_cancel(struct sim *sim, uint64_t user_id)
{
	struct json_object *options = json_object_new_object();

	sim->changed_mind = true;
	(void)command(sim, user_id, "cancel", options);
	json_put(&options);
}

void members_look(struct sim *sim)
{
	struct json_object *options = json_object_new_object();

	network_expect_ack(sim, command(sim, sim->admin_id, "queue", options));
	json_put(&options);
}

struct hurry {
	uint64_t user_id, job_id;
};

static void hurries(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	struct hurry *h = arg;

	if (run) {
		struct json_object *options = json_object_new_object();
		char text[24];

		snprintf(text, sizeof(text), "%" PRIu64, h->job_id);
		json_add_str(options, "picture", text);
		sim->changed_mind = true;
		(void)command(sim, h->user_id, "cancel", options);
		network_pump(sim);
		json_put(&options);
	}
	free(h);
}

static void cancels_soon(struct sim *sim, const struct job *job)
{
	struct hurry *h = xcalloc(1, sizeof(*h));

	*h = (struct hurry){job->row.user_id, job->row.id};
	clock_at(sim->clock, sim_now(sim) + (int64_t)rng_below(&sim->rng, 50), hurries, h);
}

void members_hurry(struct sim *sim)
{
	const struct job *job = core_first_job(shell_core(sim->shell));

	while (job && !(job->step == JOB_SUBMIT && job->pass &&
			      (job->pass->giver == job->row.id || sim->weather.busy)))
		job = job->next;
	if (job && sim_chance(sim, sim->weather.hurry))
		cancels_soon(sim, job);
}

void members_give_up(struct sim *sim)
{
	const struct job *job = sim->shell ? core_first_job(shell_core(sim->shell)) : NULL;

	while (job && (job->at_ms[JOB_RETRY] == NEVER ||
			      (job->step != JOB_INPUT && job->step != JOB_LOCATE)))
		job = job->next;
	if (!job || sim->fair || !sim_chance(sim, sim->weather.untimely))
		return;
	bot_loses_database(sim, 5000);
	trace_say(sim, "job=%" PRIu64 " is given up at %s", job->row.id, job_step_name(job->step));
	cancels_soon(sim, job);
}

static struct json_object *interaction_of(struct json_object *list, uint64_t id)
{
	for (size_t i = 0; i < json_len(list); i++)
		if (json_id(json_object_array_get_idx(list, i), "id") == id)
			return json_object_array_get_idx(list, i);
	return NULL;
}

/* Presses the button below the question, if the question came. */
static void presses(void *ctx, void *arg, bool run)
{
	struct sim *sim = ctx;
	struct sim_erasing *e = arg;
	struct json_object *all = run ? world_interactions(sim->world) : NULL;
	struct json_object *answer = json_at(interaction_of(all, e->question), "response");
	const char *custom_id = json_str(answer, "components.0.components.0.custom_id");

	if (custom_id) {
		e->at_ms = sim_now(sim);
		e->press = world_press(sim->world, e->user_id, json_id(answer, "channel_id"),
			json_id(answer, "id"), custom_id, NULL, e->at_ms);
		network_pump(sim);
	}
	json_put(&all);
}

void members_erase(struct sim *sim, uint64_t user_id)
{
	struct json_object *options = json_object_new_object();
	struct sim_erasing *e = &sim->erasings[sim->n_erasings];

	sim->changed_mind = true;
	json_add(options, "erase", json_object_new_object());
	if (sim->n_erasings < countof(sim->erasings)) {
		*e = (struct sim_erasing){
			.user_id = user_id, .question = command(sim, user_id, "privacy", options)};
		sim->n_erasings += e->question != 0;
		if (e->question && !sim->weather.untimely)
			clock_at(sim->clock, sim_now(sim) + 3000, presses, e);
	}
	json_put(&options);
}

void members_regret(struct sim *sim)
{
	for (size_t i = 0; i < sim->n_erasings; i++)
		if (!sim->erasings[i].press && sim->weather.untimely)
			clock_at(sim->clock, sim_now(sim) + 1, presses, &sim->erasings[i]);
}

bool members_want_erased(const struct sim *sim, uint64_t user_id)
{
	for (size_t i = 0; i < sim->n_erasings; i++)
		if (sim->erasings[i].user_id == user_id && sim->erasings[i].press)
			return true;
	return false;
}

/* He was told that it is being done: nothing from before is left, whatever happened since. */
static void check_erased(struct sim *sim, const struct sim_erasing *e)
{
	struct store_query query = {
		.kind = STORE_READ_MEMBER, .id = e->user_id, .now_ms = sim_now(sim)};
	struct store_result rows;

	(void)store_db_read(sim->db, &query, &rows);
	for (size_t i = 0; i < rows.n_jobs; i++)
		if (rows.jobs[i].created_ms < e->at_ms)
			sim_fail(sim, "erasing", "job %" PRIu64 " should have been erased",
				rows.jobs[i].id);
	if (rows.picture.bytes && rows.picture.at_ms < e->at_ms)
		sim_fail(sim, "erasing", "the last picture of a member should have been erased");
	if (rows.has_session && (rows.session.flags & SESSION_ERASE))
		sim_fail(sim, "erasing", "the wish to be erased is still stored");
	store_result_free(&rows);
}

/* ---- words in #admin-tools ---- */

void members_write_word(struct sim *sim, uint64_t admin_id)
{
	static const char *const words[] = {"!getid", "!sync"};
	uint64_t channel_id = world_find_channel(sim->world, "admin-tools");
	const char *word = words[rng_below(&sim->rng, countof(words))];

	if (sim->n_words == countof(sim->words))
		return;
	sim->words[sim->n_words++].id =
		world_say(sim->world, admin_id, channel_id, word, NULL, sim_now(sim));
	must(sim->words[sim->n_words - 1].id);
}

static struct sim_word *word_of(struct sim *sim, uint64_t id)
{
	for (size_t i = 0; i < sim->n_words; i++)
		if (sim->words[i].id == id)
			return &sim->words[i];
	return NULL;
}

void members_check_words(struct sim *sim, const struct store_op *op)
{
	struct json_object *list;

	if (op->kind != STORE_VALUE || !str_eq(op->name, "words") || !op->value)
		return;
	list = json_parse(op->value, strlen(op->value), NULL);
	sim->words_wait = false;
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		struct sim_word *word = word_of(sim, json_id(o, "id"));

		if (word)
			word->stored = true;
		sim->words_wait |= !json_flag(o, "answered", true);
	}
	json_put(&list);
}

bool members_wait_for_words(const struct sim *sim)
{
	return sim->words_wait;
}

/* Without faults each word is heard, or the log says that there were too many before it. */
static bool should_be_heard(struct sim *sim, const struct sim_word *word)
{
	return word->stored || (sim->seed % 10 == 0 && sim->words_ignored-- <= 0);
}

/* What was heard is answered, and nothing is answered twice. */
static void check_words(struct sim *sim, struct json_object *messages)
{
	for (size_t i = 0; i < json_len(messages); i++) {
		struct json_object *m = json_object_array_get_idx(messages, i);
		struct sim_word *word = word_of(sim, json_id(m, "message_reference.message_id"));

		if (word)
			word->replies++;
	}
	for (size_t i = 0; i < sim->n_words; i++) {
		const struct sim_word *word = &sim->words[i];

		if (word->replies > 1 ||
			(word->replies == 0 && !sim->refuses && should_be_heard(sim, word)))
			sim_fail(sim, "words",
				"the word %" PRIu64 " in #admin-tools has %d answers", word->id,
				word->replies);
	}
}

void members_check_rest(struct sim *sim, struct json_object *messages)
{
	struct json_object *all = sim->n_erasings ? world_interactions(sim->world) : NULL;

	check_words(sim, messages);
	for (size_t i = 0; i < sim->n_erasings; i++) {
		const struct sim_erasing *e = &sim->erasings[i];
		const char *said = json_str(interaction_of(all, e->press), "response.content");

		if (e->press && said &&
			(strstr(said, "is being erased") || strstr(said, "is erased")))
			check_erased(sim, e);
		else if (e->press && sim->seed % 10 == 0)
			sim_fail(sim, "erasing", "nobody answered a wish to be erased: %s",
				said ? said : "");
	}
	json_put(&all);
}
