/* SPDX-License-Identifier: Apache-2.0 */

/* The short texts by which things are known again and the words that members and owners type: a
 * button's custom_id, a channel's topic, a seed, an aspect ratio, lists of settings; and the
 * cleaning of text that goes into messages. The first byte chooses. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/config_list.h"
#include "base/json.h"
#include "comfy/options.h"
#include "comfy/reply.h"
#include "discord/message.h"
#include "discord/modal.h"
#include "discord/text.h"
#include "fuzz_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_marks(const char *text)
{
	uint64_t channel_id = 0, message_id = 0, id;
	char action[16], again[64];

	id = custom_id_parse(text, action, sizeof(action));
	if (id) {
		must(*action && strlen(action) < sizeof(action));
		snprintf(again, sizeof(again), "v1:%s:%" PRIu64, action, id);
		must(custom_id_parse(again, action, sizeof(action)) == id);
	}
	if (edit_modal_parse(text, &channel_id, &message_id))
		must(channel_id && message_id);
	(void)channel_topic_user(text);
}

/* What is clean stays as it is, and is never longer than was asked for. */
static void check_clean(const char *text)
{
	cleanup(freep) char *clean = text_clean(text, 40), *plain = text_plain(text, 40);
	cleanup(freep) char *again = text_plain(plain, 40), *good = text_repair(text);
	cleanup(freep) char *cut = xstrdup(good), *line = comfy_line(text, 40);

	must(utf8_valid(clean, strlen(clean)) && utf8_valid(plain, strlen(plain)));
	must(str_eq(plain, again) && text_utf16_len(plain) <= 80);
	must(utf8_valid(good, strlen(good)));
	text_cut(cut, 10);
	must(text_utf16_len(cut) <= 10 && utf8_valid(cut, strlen(cut)));
	must(strlen(line) <= 40 && !strpbrk(line, "\r\n"));
}

static void check_seed(const char *text)
{
	cleanup(freep) char *again = NULL;
	uint64_t seed, same;

	if (seed_parse(text, &seed) < 0)
		return;
	again = xasprintf("%" PRIu64, seed);
	must(seed_parse(again, &same) == 0 && same == seed);
}

static void check_lists(const char *text)
{
	uint64_t ids[4] = {0};
	int64_t mb[4] = {0}, one = 0;
	int n = 0;
	char *why = gigabytes_list(text, mb, 4, &n);

	if (!why)
		for (int i = 0; i < min_of(n, 4); i++)
			must(mb[i] >= 0 && mb[i] <= GIGABYTES_MAX * INT64_C(1000));
	free(why);
	why = id_list(text, ids, 4, &n);
	must(why || (n >= 0 && n <= 4));
	free(why);
	must(gigabytes_read(text, &one) < 0 || (one >= 0 && one <= GIGABYTES_MAX * INT64_C(1000)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const checks[])(const char *text) = {
		check_marks, check_clean, check_seed, check_lists};

	fuzz_text(data, size, checks, countof(checks));
	return 0;
}
