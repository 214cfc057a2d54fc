/* SPDX-License-Identifier: Apache-2.0 */
#include "core_rig.h"

/* The rule of memory, head starts, and prompts that are sent ahead. */

#define GB 1000
static const int64_t two_cards[] = {24 * GB, 16 * GB};

static void begin(struct rig *rig, int n_gpus, const int64_t *vram_mb)
{
	begin_with(rig, (struct core_config){.n_gpus = n_gpus,
				.gpu_vram_mb = vram_mb,
				.min_free_mb = 4 * GB,
				.affinity_ms = 120000});
}

static void knows(struct rig *rig, const char *name, int64_t vram_mb)
{
	core_model(rig->core, name,
		&(struct core_model){.weights = name, .vram_mb = vram_mb, .batch_max = 1});
}

static enum refusal request(struct rig *rig, uint64_t user, const char *model, bool booster)
{
	struct request r = a_request(user);
	enum refusal refusal;

	r.model = model;
	r.booster = booster;
	r.administrator = user == 99;
	refusal = core_request(rig->core, &r, rig->now_ms);
	run(rig);
	return refusal;
}

static const struct job *job(const struct rig *rig, uint64_t id)
{
	return core_job(rig->core, id);
}

/* In GB, as a ComfyUI tells it that has taken `own` and uses none of it. */
static void stats(struct rig *rig, int gpu, int64_t total, int64_t others, int64_t own)
{
	struct card_stats s = {.vram_total = total * 1000000000,
		.vram_free = (total - others) * 1000000000,
		.torch_total = own * 1000000000,
		.torch_free = own * 1000000000};

	core_gpu_stats(rig->core, gpu, &s, rig->now_ms);
	run(rig);
}

static void finish(struct rig *rig, uint64_t id)
{
	core_answer(rig->core, id, rig->epoch[id], ANSWER_OK, NULL, rig->now_ms);
	run(rig);
}

static void test_a_job_goes_where_there_is_room(void **state)
{
	struct gpu_memory memory;
	struct rig rig;

	begin(&rig, 2, two_cards);
	knows(&rig, "large", 20 * GB);
	knows(&rig, "small", 6 * GB);
	assert_int_equal(request(&rig, 1, "large", false), REFUSE_NOTHING);
	assert_int_equal(job(&rig, 1)->gpu, 0);
	core_gpu_memory(rig.core, 0, &memory);
	assert_int_equal(memory.ours_mb, 20 * GB);
	assert_int_equal(memory.free_mb, 4 * GB);
	/* The other card is idle, but too small: it waits, and its member is told. */
	assert_int_equal(request(&rig, 2, "large", false), REFUSE_NOTHING);
	assert_int_equal(job(&rig, 2)->step, JOB_QUEUE);
	assert_int_equal(job(&rig, 2)->shown_wait, WAIT_MEMORY);
	/* Who fits is not held up. */
	assert_int_equal(request(&rig, 3, "small", false), REFUSE_NOTHING);
	assert_int_equal(job(&rig, 3)->gpu, 1);
	assert_int_equal(job(&rig, 2)->shown_wait, WAIT_TURN);
	finish(&rig, 1);
	assert_int_equal(job(&rig, 2)->gpu, 0);
	core_gpu_memory(rig.core, 1, &memory);
	assert_int_equal(memory.ours_mb, 6 * GB);
	finish(&rig, 3);
	core_gpu_memory(rig.core, 1, &memory);
	assert_int_equal(memory.ours_mb, 0);
	stop(&rig);
}

static void test_what_no_card_can_ever_hold_is_refused_at_once(void **state)
{
	int64_t need = 0, largest = 0;
	struct rig rig;

	begin(&rig, 2, NULL);
	knows(&rig, "huge", 40 * GB);
	/* Nothing is known of the cards yet. */
	assert_int_equal(request(&rig, 1, "huge", false), REFUSE_NOTHING);
	assert_int_equal(request(&rig, 2, "huge", false), REFUSE_NOTHING);
	assert_int_equal(request(&rig, 3, "huge", false), REFUSE_NOTHING);
	assert_int_equal(job(&rig, 3)->step, JOB_QUEUE);
	stats(&rig, 0, 24, 0, 0);
	assert_int_equal(request(&rig, 4, "huge", false), REFUSE_NOTHING); /* the other may */
	stats(&rig, 1, 16, 0, 0);
	/* Those that still wait end with the numbers; what runs goes on. */
	assert_null(job(&rig, 3));
	assert_int_equal(rig.kept[3].row.sorry, SORRY_VRAM);
	assert_string_equal(rig.kept[3].row.detail, "40000 24000");
	assert_int_equal(job(&rig, 1)->step, JOB_WATCH);
	assert_int_equal(request(&rig, 5, "huge", false), REFUSE_VRAM);
	assert_true(core_model_is_too_large(rig.core, "huge", &need, &largest));
	assert_int_equal(need, 40 * GB);
	assert_int_equal(largest, 24 * GB);
	/* What its owner says now is less. */
	knows(&rig, "huge", 20 * GB);
	assert_int_equal(request(&rig, 5, "huge", false), REFUSE_NOTHING);
	stop(&rig);
}

static void test_a_large_card_that_is_taken_out_ends_what_only_it_could_hold(void **state)
{
	struct rig rig;

	begin(&rig, 2, two_cards);
	knows(&rig, "large", 20 * GB);
	for (uint64_t user = 1; user <= 2; user++)
		assert_int_equal(request(&rig, user, "large", false), REFUSE_NOTHING);
	/* One that does not answer may come back. */
	core_gpu(rig.core, 0, false, rig.now_ms);
	run(&rig);
	assert_int_equal(job(&rig, 2)->step, JOB_QUEUE);
	core_gpu_remove(rig.core, 0, rig.now_ms);
	run(&rig);
	assert_null(job(&rig, 2));
	assert_string_equal(rig.kept[2].row.detail, "20000 16000");
	stop(&rig);
}

/* Nobody said what it needs: what its ComfyUI took counts, but nothing is refused for it. */
static void test_what_was_seen_counts_as_the_need(void **state)
{
	struct rig rig;

	begin(&rig, 2, two_cards);
	assert_int_equal(request(&rig, 1, "m", false), REFUSE_NOTHING);
	assert_int_equal(job(&rig, 1)->gpu, 0);
	stats(&rig, 0, 24, 0, 3); /* it loads */
	core_progress(rig.core, 1, rig.epoch[1], 5, rig.now_ms);
	assert_int_equal(core_model_needs_mb(rig.core, "m"), 0);
	core_stepped(rig.core, 1, rig.epoch[1], rig.now_ms);
	stats(&rig, 0, 24, 0, 17);
	assert_int_equal(core_model_needs_mb(rig.core, "m"), 17 * GB);
	/* The other card is idle, but smaller than that. */
	assert_int_equal(request(&rig, 2, "m", false), REFUSE_NOTHING);
	assert_int_equal(job(&rig, 2)->step, JOB_QUEUE);
	assert_int_equal(job(&rig, 2)->shown_wait, WAIT_MEMORY);
	/* When it is the only one left it is tried: ComfyUI may get on with less. */
	core_gpu_remove(rig.core, 0, rig.now_ms);
	run(&rig);
	assert_int_equal(job(&rig, 2)->gpu, 1);
	assert_int_equal(request(&rig, 3, "m", false), REFUSE_NOTHING);
	core_progress(rig.core, 2, rig.epoch[2], 5, rig.now_ms);
	core_stepped(rig.core, 2, rig.epoch[2], rig.now_ms);
	stats(&rig, 1, 16, 0, 14);
	assert_int_equal(core_model_needs_mb(rig.core, "m"), 14 * GB);
	stop(&rig);
}

/* It was away for so short a time that nobody saw it: what its ComfyUI has taken tells. */
static void test_a_card_that_was_started_again_holds_nothing(void **state)
{
	static const struct {
		int64_t own; /* GB */
		const char *why;
	} cases[] = {{17, "holds m already"}, {0, "loads m"}};

	for (size_t i = 0; i < countof(cases); i++) {
		struct rig rig;

		begin(&rig, 1, two_cards);
		assert_int_equal(request(&rig, 1, "m", false), REFUSE_NOTHING);
		assert_non_null(strstr(job(&rig, 1)->row.reason, "loads m"));
		stats(&rig, 0, 24, 0, 0); /* it has not begun: that says nothing */
		core_progress(rig.core, 1, rig.epoch[1], 5, rig.now_ms);
		finish(&rig, 1);
		stats(&rig, 0, 24, 0, cases[i].own);
		assert_int_equal(request(&rig, 2, "m", false), REFUSE_NOTHING);
		assert_non_null(strstr(job(&rig, 2)->row.reason, cases[i].why));
		stop(&rig);
	}
}

static void test_what_others_hold_counts_and_what_comfyui_keeps_does_not(void **state)
{
	struct rig rig;

	begin(&rig, 2, NULL);
	knows(&rig, "m", 10 * GB);
	stats(&rig, 0, 24, 0, 22); /* full of what it would give up */
	stats(&rig, 1, 16, 8, 0);  /* somebody plays on it */
	assert_int_equal(request(&rig, 1, "m", false), REFUSE_NOTHING);
	assert_int_equal(job(&rig, 1)->gpu, 0);
	assert_int_equal(request(&rig, 2, "m", false), REFUSE_NOTHING);
	assert_int_equal(job(&rig, 2)->shown_wait, WAIT_MEMORY);
	stats(&rig, 1, 16, 0, 0); /* he has gone */
	assert_int_equal(job(&rig, 2)->gpu, 1);
	stop(&rig);
}

static void test_a_card_with_nothing_of_ours_is_tried_rather_than_waited_for(void **state)
{
	struct rig rig;

	begin(&rig, 1, NULL);
	knows(&rig, "m", 10 * GB);
	stats(&rig, 0, 16, 12, 0);
	assert_int_equal(request(&rig, 1, "m", false), REFUSE_NOTHING);
	assert_int_equal(job(&rig, 1)->gpu, 0);
	finish(&rig, 1);
	/* The same of one whose need nobody knows: MIN_FREE_VRAM is 4. */
	stats(&rig, 0, 16, 14, 0);
	assert_int_equal(request(&rig, 2, "unknown", false), REFUSE_NOTHING);
	assert_int_equal(job(&rig, 2)->gpu, 0);
	stop(&rig);
}

static void test_a_need_that_is_not_known_goes_where_the_minimum_is_free(void **state)
{
	struct rig rig;

	begin(&rig, 2, NULL);
	stats(&rig, 0, 16, 14, 0);
	stats(&rig, 1, 6, 0, 0);
	assert_int_equal(request(&rig, 1, "unknown", false), REFUSE_NOTHING);
	assert_int_equal(job(&rig, 1)->gpu, 1);
	assert_int_equal(request(&rig, 2, "unknown", false), REFUSE_NOTHING);
	assert_int_equal(job(&rig, 2)->shown_wait, WAIT_MEMORY);
	core_gpu(rig.core, 1, false, rig.now_ms);
	run(&rig);
	assert_int_equal(job(&rig, 2)->gpu, 0);
	stop(&rig);
}

static void runs_out(struct rig *rig, uint64_t id)
{
	core_answer(rig->core, id, rig->epoch[id], ANSWER_MEMORY, NULL, rig->now_ms);
	run(rig);
}

static void test_a_card_that_ran_out_is_not_tried_again(void **state)
{
	static const int64_t cards[] = {8 * GB, 12 * GB, 24 * GB};
	struct rig rig;
	char *text;

	begin(&rig, 3, cards);
	core_gpu(rig.core, 1, false, rig.now_ms);
	core_gpu(rig.core, 2, false, rig.now_ms);
	assert_int_equal(request(&rig, 1, "m", false), REFUSE_NOTHING);
	assert_int_equal(job(&rig, 1)->gpu, 0);
	core_gpu(rig.core, 1, true, rig.now_ms);
	runs_out(&rig, 1);
	assert_int_equal(job(&rig, 1)->gpu, 1);
	/* The small one is idle, but the next waits. */
	assert_int_equal(request(&rig, 2, "m", false), REFUSE_NOTHING);
	assert_int_equal(job(&rig, 2)->shown_wait, WAIT_MEMORY);
	text = core_explain(rig.core, 2, rig.now_ms);
	assert_non_null(strstr(text, "gpu 1, http://a: idle; needs more than 8.0 GB, as was seen, "
				     "8.0 of 8.0 GB can be had: not enough"));
	free(text);
	assert_int_equal(request(&rig, 3, "other", false), REFUSE_NOTHING);
	assert_int_equal(job(&rig, 3)->gpu, 0); /* which is for others as before */
	finish(&rig, 3);
	/* The middle one is too small, too; without the large one it is tried all the same. */
	runs_out(&rig, 1);
	assert_int_equal(rig.kept[1].row.sorry, SORRY_MEMORY);
	assert_int_not_equal(job(&rig, 2)->gpu, -1);
	finish(&rig, 2); /* and well: it is believed again */
	assert_int_equal(request(&rig, 4, "m", false), REFUSE_NOTHING);
	assert_int_equal(request(&rig, 5, "m", false), REFUSE_NOTHING);
	assert_int_equal(job(&rig, 4)->gpu + job(&rig, 5)->gpu, 0 + 1);
	stop(&rig);
}

static void test_what_running_out_does_not_tell(void **state)
{
	struct core_model usual = {.weights = "m", .work = 1000, .batch_max = 1};
	struct request large = a_request(1);
	static const int64_t cards[] = {8 * GB, 24 * GB};
	struct rig rig;

	/* A member has chosen a larger picture than is usual. */
	begin(&rig, 2, cards);
	core_gpu(rig.core, 1, false, rig.now_ms);
	core_model(rig.core, "m", &usual);
	large.model = "m";
	large.work = 4000;
	assert_int_equal(core_request(rig.core, &large, rig.now_ms), REFUSE_NOTHING);
	run(&rig);
	assert_int_equal(job(&rig, 1)->gpu, 0);
	core_gpu(rig.core, 1, true, rig.now_ms);
	runs_out(&rig, 1);
	assert_int_equal(job(&rig, 1)->gpu, 1);
	assert_int_equal(request(&rig, 2, "m", false), REFUSE_NOTHING);
	assert_int_equal(job(&rig, 2)->gpu, 0);
	stop(&rig);
	/* What the owner says stands. */
	begin(&rig, 2, cards);
	knows(&rig, "m", 6 * GB);
	assert_int_equal(request(&rig, 1, "m", false), REFUSE_NOTHING);
	runs_out(&rig, 1);
	assert_int_equal(job(&rig, 1)->gpu, 1);
	assert_int_equal(request(&rig, 2, "m", false), REFUSE_NOTHING);
	assert_int_equal(job(&rig, 2)->gpu, 0);
	stop(&rig);
}

/* It was sent before the card had said what it has. */
static void test_no_more_is_kept_than_the_card_turns_out_to_have(void **state)
{
	static const int64_t cards[] = {24 * GB, 0};
	struct gpu_memory memory;
	struct rig rig;

	begin(&rig, 2, cards);
	core_gpu(rig.core, 1, false, rig.now_ms);
	assert_int_equal(request(&rig, 1, "m", false), REFUSE_NOTHING);
	core_gpu(rig.core, 1, true, rig.now_ms);
	runs_out(&rig, 1);
	assert_int_equal(job(&rig, 1)->gpu, 1);
	core_gpu_memory(rig.core, 1, &memory);
	assert_true(memory.ours_mb > 24 * GB);
	stats(&rig, 1, 12, 12, 0);
	core_gpu_memory(rig.core, 1, &memory);
	assert_int_equal(memory.ours_mb, memory.total_mb);
	stop(&rig);
}

static void test_boosters_have_a_head_start(void **state)
{
	struct rig rig;

	begin(&rig, 1, NULL);
	request(&rig, 1, "m", false);
	request(&rig, 2, "m", false);
	rig.now_ms += 1000;
	request(&rig, 3, "m", true);
	rig.now_ms += 1000;
	request(&rig, 99, "m", false);
	assert_int_equal(job(&rig, 4)->position, 1); /* an administrator */
	assert_int_equal(job(&rig, 3)->position, 2);
	assert_int_equal(job(&rig, 2)->position, 3);
	assert_int_equal(rig.kept[3].row.priority, ROW_BOOSTER);
	assert_int_equal(rig.kept[4].row.priority, ROW_ADMINISTRATOR);
	stop(&rig);
}

/* The first prompt took 400 ms to begin: the next one is on its way half a second before the
 * end of what runs. */
static void with_one_ahead(struct rig *rig)
{
	begin(rig, 1, NULL);
	request(rig, 1, "m", false);
	rig->now_ms += 400;
	core_progress(rig->core, 1, rig->epoch[1], 0, rig->now_ms);
	request(rig, 2, "m", false);
	request(rig, 3, "m", false);
	assert_int_equal(job(rig, 2)->step, JOB_QUEUE);
	assert_in_range(core_deadline(rig->core), rig->now_ms + 9000, rig->now_ms + 10000);
	rig->now_ms = core_deadline(rig->core);
	core_tick(rig->core, rig->now_ms);
	run(rig);
	assert_int_equal(job(rig, 2)->step, JOB_WATCH);
	assert_int_equal(job(rig, 3)->step, JOB_QUEUE); /* no third one */
}

static void test_a_prompt_is_sent_ahead(void **state)
{
	struct gpu_memory memory;
	struct rig rig;

	with_one_ahead(&rig);
	assert_non_null(strstr(rig.kept[2].row.reason, "sent ahead"));
	core_gpu_memory(rig.core, 0, &memory);
	assert_int_equal(memory.ours_mb, 4 * GB); /* of what runs */
	finish(&rig, 1);
	core_progress(rig.core, 2, rig.epoch[2], 0, rig.now_ms);
	assert_int_equal(job(&rig, 3)->step, JOB_QUEUE);
	core_gpu_memory(rig.core, 0, &memory);
	assert_int_equal(memory.ours_mb, 4 * GB);
	stop(&rig);
}

static void test_it_comes_back_for_an_administrator(void **state)
{
	struct rig rig;

	with_one_ahead(&rig);
	rig.trace[0] = '\0';
	request(&rig, 99, "m", false);
	assert_non_null(strstr(rig.trace, "stop2"));
	assert_int_equal(job(&rig, 4)->step, JOB_WATCH);
	assert_int_equal(job(&rig, 2)->step, JOB_QUEUE);
	assert_int_equal(job(&rig, 2)->row.submits, 0); /* it was not its fault */
	assert_int_equal(job(&rig, 2)->position, 1);
	assert_int_equal(job(&rig, 1)->step, JOB_WATCH);
	stop(&rig);
}

static void test_it_comes_back_from_a_card_that_is_paused(void **state)
{
	struct rig rig;

	with_one_ahead(&rig);
	core_gpu_set(rig.core, 0, GPU_WISH_DRAIN, rig.now_ms); /* finishes what it has */
	run(&rig);
	assert_int_equal(job(&rig, 2)->step, JOB_WATCH);
	core_gpu_set(rig.core, 0, GPU_WISH_PAUSE, rig.now_ms);
	run(&rig);
	assert_int_equal(job(&rig, 1)->step, JOB_WATCH);
	assert_int_equal(job(&rig, 2)->step, JOB_QUEUE);
	assert_int_equal(job(&rig, 2)->position, 1);
	assert_int_equal(job(&rig, 2)->row.submits, 0);
	assert_int_equal(job(&rig, 3)->position, 2);
	stop(&rig);
}

static void test_what_is_cancelled_there_leaves_the_one_that_runs_alone(void **state)
{
	struct rig rig;

	with_one_ahead(&rig);
	assert_int_equal(core_cancel(rig.core, 2, 2, false, rig.now_ms), CANCEL_DONE);
	run(&rig);
	assert_int_equal(job(&rig, 1)->step, JOB_WATCH);
	assert_int_equal(job(&rig, 3)->step, JOB_WATCH); /* it is ahead now */
	finish(&rig, 1);
	finish(&rig, 3);
	assert_null(core_first_job(rig.core));
	stop(&rig);
}

static void test_reasons(void **state)
{
	struct rig rig;
	char *text;

	begin(&rig, 2, two_cards);
	knows(&rig, "large", 20 * GB);
	request(&rig, 1, "large", false);
	assert_string_equal(rig.kept[1].row.reason,
		"gpu=1: loads large; needs 20.0 GB, 24.0 of 24.0 GB can be had; turn of ana; 0 wait");
	request(&rig, 2, "large", false);
	rig.now_ms += 5000;
	text = core_explain(rig.core, 2, rig.now_ms);
	assert_non_null(strstr(text, "number 1 of 1 in line"));
	assert_non_null(strstr(text, "gpu 1, http://a: is given job 1, for 5 s; needs 20.0 GB"));
	assert_non_null(strstr(text, "gpu 2, http://b: idle; needs 20.0 GB, 16.0 of 16.0 GB can be "
				     "had: not enough"));
	free(text);
	assert_null(core_explain(rig.core, 7, rig.now_ms));
	stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_job_goes_where_there_is_room),
		cmocka_unit_test(test_what_no_card_can_ever_hold_is_refused_at_once),
		cmocka_unit_test(test_a_large_card_that_is_taken_out_ends_what_only_it_could_hold),
		cmocka_unit_test(test_what_was_seen_counts_as_the_need),
		cmocka_unit_test(test_a_card_that_was_started_again_holds_nothing),
		cmocka_unit_test(test_what_others_hold_counts_and_what_comfyui_keeps_does_not),
		cmocka_unit_test(test_a_card_with_nothing_of_ours_is_tried_rather_than_waited_for),
		cmocka_unit_test(test_a_need_that_is_not_known_goes_where_the_minimum_is_free),
		cmocka_unit_test(test_a_card_that_ran_out_is_not_tried_again),
		cmocka_unit_test(test_what_running_out_does_not_tell),
		cmocka_unit_test(test_no_more_is_kept_than_the_card_turns_out_to_have),
		cmocka_unit_test(test_boosters_have_a_head_start),
		cmocka_unit_test(test_a_prompt_is_sent_ahead),
		cmocka_unit_test(test_it_comes_back_for_an_administrator),
		cmocka_unit_test(test_it_comes_back_from_a_card_that_is_paused),
		cmocka_unit_test(test_what_is_cancelled_there_leaves_the_one_that_runs_alone),
		cmocka_unit_test(test_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
