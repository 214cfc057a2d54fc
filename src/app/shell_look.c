/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <utlist.h>

#include "app/shell_parts.h"

/*
 * Before something is said (again), its channel is looked at. After a start all jobs want that at
 * once: those of one channel look together, by one request, which is made after all of them have
 * asked.
 */

struct looker {
	uint64_t job_id;
	uint32_t epoch;
	struct looker *next;
};

struct look {
	uint64_t number, channel_id, before; /* before: older messages than that; 0: the newest */
	struct looker *lookers;
	UT_hash_handle hh, hh_new;
};

static void add(struct look *look, uint64_t job_id, uint32_t epoch)
{
	struct looker *looker = xcalloc(1, sizeof(*looker));

	*looker = (struct looker){.job_id = job_id, .epoch = epoch};
	LL_PREPEND(look->lookers, looker);
}

static struct look *look_new(struct shell *sh, uint64_t channel_id, uint64_t before)
{
	struct look *look = xcalloc(1, sizeof(*look));

	*look = (struct look){.number = ++sh->n_looks, .channel_id = channel_id, .before = before};
	HASH_ADD(hh, sh->looks, number, sizeof(look->number), look);
	return look;
}

static void ask(struct shell *sh, const struct look *look)
{
	shell_call(sh, message_list(look->channel_id, look->before), CALL_LOOK, look->number, 0);
}

void shell_look(struct shell *sh, const struct effect *e)
{
	uint64_t channel_id = e->job->row.channel_id;
	struct look *look;

	HASH_FIND(hh_new, sh->looks_new, &channel_id, sizeof(channel_id), look);
	if (!look) {
		look = look_new(sh, channel_id, 0);
		HASH_ADD(hh_new, sh->looks_new, channel_id, sizeof(channel_id), look);
	}
	add(look, e->job->row.id, e->epoch);
}

void shell_looks_go(struct shell *sh)
{
	struct look *look, *next;

	HASH_ITER(hh_new, sh->looks_new, look, next)
	{
		HASH_DELETE(hh_new, sh->looks_new, look);
		ask(sh, look);
	}
}

static void look_free(struct shell *sh, struct look *look)
{
	struct looker *looker, *next;

	HASH_DEL(sh->looks, look);
	LL_FOREACH_SAFE(look->lookers, looker, next)
	free(looker);
	free(look);
}

void shell_looks_free(struct shell *sh)
{
	HASH_CLEAR(hh_new, sh->looks_new);
	while (sh->looks)
		look_free(sh, sh->looks);
}

/* What the messages tell one of the jobs. */
static void tell(struct shell *sh, const struct looker *looker, const struct rest_call *call,
	struct json_object *doc)
{
	const struct job *job = core_job(sh->core, looker->job_id);
	struct job_marks marks = {0};
	struct answer_args args = {.detail = call->discord_message};
	enum answer answer = rest_answer_of(call);

	if (!job || job->epoch != looker->epoch)
		return;
	if (answer == ANSWER_OK && message_find(doc, sh->bot_id, job->row.id, &marks) < 0)
		answer = ANSWER_AGAIN;
	args.live_id = marks.live_id;
	if (answer == ANSWER_OK && marks.picture_id) {
		shell_keep_last(sh, job);
		answer = ANSWER_FOUND_PICTURE;
		args.message_id = marks.picture_id;
	} else if (answer == ANSWER_OK && marks.sorry_id) {
		answer = ANSWER_FOUND_SORRY;
		args.message_id = marks.sorry_id;
	} else if (answer == ANSWER_OK && marks.n >= 100 &&
		   snowflake_ms(marks.oldest_id) > job->row.created_ms - 60000) {
		/* Older messages of this job may be on the page before. */
		struct look *older = look_new(sh, job->row.channel_id, marks.oldest_id);

		add(older, looker->job_id, looker->epoch);
		ask(sh, older);
		return;
	}
	core_answer(sh->core, looker->job_id, looker->epoch, answer, &args, shell_now(sh));
}

void shell_looked(struct shell *sh, const struct rest_call *call)
{
	struct json_object *doc = call->outcome == REST_OK ? rest_json(call) : NULL;
	struct look *look;

	HASH_FIND(hh, sh->looks, &call->tag, sizeof(call->tag), look);
	must(look);
	for (struct looker *looker = look->lookers; looker; looker = looker->next)
		tell(sh, looker, call, doc);
	json_put(&doc);
	look_free(sh, look);
}
