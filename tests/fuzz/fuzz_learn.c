/* SPDX-License-Identifier: Apache-2.0 */

/* What was learned, from a table that anybody may have written into: a row is taken whole or not at
 * all, what is taken is written as it was read, and whatever it says, times stay sane. */

#include <stdlib.h>

#include "base/limits.h"
#include "core/learn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct learn *l)
{
	struct learn_times times;
	struct learn_card card;
	int64_t ms = learn_pass_ms(l, "m", "a", 1 << 20, 2);
	int work = learn_work(l, "m", 1 << 24, 1 << 20, 4);

	learn_times(l, "m", 1 << 24, &times);
	learn_card(l, "a", &card);
	must(ms == -1 || ms >= 1);
	must(work >= 1 && work <= 1000000);
	must(times.image_ms >= 1 && times.extra_ms >= 1 && times.load_ms >= 0);
	must(times.vram_mb >= 0);
	must(card.speed > 0 && card.load_speed > 0 && card.keep >= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct learn *l = learn_new(), *again = learn_new();
	cleanup(freep) char *text = xcalloc(size + 1, 1);
	char *rest = text;
	struct learned_row row;
	int n = 0;

	memcpy(text, data, size);
	/* A row for each line; what a run teaches goes on top of it. */
	for (char *line; (line = strsep(&rest, "\n")) && n < 20; n++)
		(void)learn_load(l, n % 3 ? "a" : "b", n % 2 ? "m" : "", line);
	ask(l);
	(void)learn_ran(l, &(struct learn_run){"m", "a", 1 << 22, 2, 4000, 900, n % 3, true});
	(void)learn_ran(l, &(struct learn_run){"m", "b", 0, 1, 4000, -1, -1, true});
	ask(l);
	while (learn_save(l, &row)) {
		must(learn_load(again, row.card, row.model, row.value) == 0);
		learned_row_free(&row);
	}
	ask(again);
	learn_free(l);
	learn_free(again);
	return 0;
}
