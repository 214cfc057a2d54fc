/* SPDX-License-Identifier: Apache-2.0 */

/* The scheduler under any order of events: the rig checks each decision (memory, double booking,
 * what shares a pass), and at the end every job that fits a card was done. */

#include "../unit/sched_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	const uint8_t *at, *end;
};

static unsigned byte(struct bytes *b)
{
	return b->at < b->end ? *b->at++ : 0;
}

static void build(struct sched_rig *r, struct bytes *b)
{
	int cards = 1 + (int)byte(b) % 6, models = 1 + (int)byte(b) % RIG_MODELS;

	for (int i = 0; i < cards; i++)
		rig_card(r, 1000 + 100 * byte(b), 100 + 10 * (int)byte(b));
	for (int i = 0; i < models; i++)
		rig_model(r, (struct sched_needs){.weights = (unsigned)i,
				     .vram_mb = 100 * byte(b),
				     .act_mb = 20 * byte(b),
				     .batch_mb = 10 * byte(b),
				     .load_ms = 100 * byte(b) + 1,
				     .image_ms = 50 * byte(b),
				     .extra_ms = 40 * byte(b),
				     .batch_max = 1 + (int)byte(b) % 20});
}

static void happen(struct sched_rig *r, struct bytes *b)
{
	unsigned what = byte(b), with = byte(b);
	int card = (int)with % r->n_cards;

	switch (what % 8) {
	case 0:
	case 1:
	case 2:
		rig_arrive(r, (int)(with % (unsigned)r->n_models), 1 + (int)(what / 8) * 100,
			byte(b) % 8, (int)(with / 64));
		break;
	case 3:
		if (r->n_jobs && r->jobs[with % r->n_jobs].state == RIG_WAITS)
			rig_cancel(r, (int)(with % r->n_jobs));
		break;
	case 4:
		rig_down(r, card);
		break;
	case 5:
		rig_up(r, card);
		break;
	default:
		rig_run(r, r->now_ms + (int64_t)with * with * (1 + what / 8));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = {data, data + size};
	struct sched_rig *r = rig_new(100 * (int64_t)(byte(&b) % 16));

	build(r, &b);
	while (b.at < b.end)
		happen(r, &b);
	for (int i = 0; i < r->n_cards; i++)
		rig_up(r, i);
	rig_run(r, NEVER);
	for (size_t i = 0; i < r->n_jobs; i++)
		must(r->jobs[i].state == RIG_DONE || r->jobs[i].state == RIG_GONE);
	must(r->n_waiting == 0);
	rig_free(r);
	return 0;
}
