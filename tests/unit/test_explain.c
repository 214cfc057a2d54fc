/* SPDX-License-Identifier: Apache-2.0 */
#include "core/state.h"
#include "core_rig.h"

/* What the owner reads with `fullet explain` of a job that waits: each reason is there in words. */

static int64_t vram_mb[4];

static void begin(struct rig *rig)
{
	begin_with(rig, (struct core_config){.n_gpus = 3, .gpu_vram_mb = vram_mb});
}

static void says(struct rig *rig, uint64_t id, const char *words)
{
	char *text = core_explain(rig->core, id, rig->now_ms);

	if (!text || !strstr(text, words))
		fail_msg("wanted \"%s\" in:\n%s", words, text ? text : "nothing");
	free(text);
}

static const struct job *request(struct rig *rig, uint64_t user, uint64_t id)
{
	struct request r = a_request(user);

	return accepted(rig, &r, id);
}

/* One job on each card, and one that waits. */
static void fill(struct rig *rig)
{
	for (uint64_t id = 1; id <= 3; id++)
		assert_int_equal(request(rig, id, id)->step, JOB_WATCH);
}

static void test_what_the_cards_do(void **state)
{
	struct rig rig;

	begin(&rig);
	fill(&rig);
	core_progress(rig.core, 1, rig.epoch[1], 0, rig.now_ms);
	run(&rig);
	(void)request(&rig, 4, 4);
	(void)request(&rig, 5, 5);
	(void)request(&rig, 6, 6);
	(void)request(&rig, 7, 7);
	rig.now_ms += 3000;
	says(&rig, 7, "job 7 of ana, m: has waited for 3 s since it was asked for");
	says(&rig, 7, "gpu 1, http://a: runs job 1, for 3 s");
	says(&rig, 7, "its need is not known, the card's memory is not known");
	says(&rig, 1, "job 1 of ana, m: watch for 3 s since it was asked for");
	core_gpu(rig.core, 1, false, rig.now_ms);
	run(&rig);
	says(&rig, 7, "gpu 2, http://b: does not answer");
	stop(&rig);
}

static void test_what_administrators_did(void **state)
{
	struct request r = a_request(9);
	struct rig rig;

	begin(&rig);
	core_gpu_set(rig.core, 0, GPU_WISH_PAUSE, rig.now_ms);
	core_gpu_set(rig.core, 1, GPU_WISH_DRAIN, rig.now_ms);
	core_gpu_set(rig.core, 2, GPU_WISH_PAUSE, rig.now_ms);
	run(&rig);
	(void)request(&rig, 1, 1);
	says(&rig, 1, "gpu 1, http://a: paused by an administrator;");
	says(&rig, 1, "gpu 2, http://b: takes no more, by an administrator;");
	core_set_mode(rig.core, CORE_PAUSE, rig.now_ms);
	says(&rig, 1, "It is number 1 of 1 in line; the bot is paused.");
	r.administrator = true;
	(void)accepted(&rig, &r, 2);
	says(&rig, 2, "in line, as an administrator's; the bot is paused.");
	r = a_request(10);
	r.booster = true;
	(void)accepted(&rig, &r, 3);
	says(&rig, 3, "in line, with a head start; the bot is paused.");
	stop(&rig);
}

static void test_what_went_wrong(void **state)
{
	struct rig rig;

	begin(&rig);
	core_gpu(rig.core, 1, false, rig.now_ms);
	core_gpu(rig.core, 2, false, rig.now_ms);
	(void)request(&rig, 1, 1);
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_LOST, NULL, rig.now_ms);
	run(&rig);
	/* There is no other card: it goes there again, after a pause. */
	says(&rig, 1, "after a failure it pauses for ");
	says(&rig, 1, "Before: gpu=1: loads m; ");
	stop(&rig);
	begin(&rig);
	fill(&rig);
	core_answer(rig.core, 1, rig.epoch[1], ANSWER_MACHINE,
		&(struct answer_args){.detail = "CUDA error"}, rig.now_ms);
	run(&rig);
	says(&rig, 1, "gpu 1, http://a: has failed this job;");
	stop(&rig);
}

static void test_a_card_that_was_not_reached(void **state)
{
	struct rig rig;

	start_with(&rig, (struct core_config){.n_gpus = 2, .gpu_vram_mb = vram_mb});
	core_ready(rig.core, 7, rig.now_ms);
	run(&rig);
	(void)request(&rig, 1, 1);
	says(&rig, 1, "gpu 1, http://a: was not reached yet");
	stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_the_cards_do),
		cmocka_unit_test(test_what_administrators_did),
		cmocka_unit_test(test_what_went_wrong),
		cmocka_unit_test(test_a_card_that_was_not_reached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
