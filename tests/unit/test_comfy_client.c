/* SPDX-License-Identifier: Apache-2.0 */
#include "comfy_fake_drive.h"

/* The client against a small ComfyUI in virtual time: whole jobs from POST to the picture. */

/* clang-format off */
static const struct scenario scenarios[] = {
	{.name = "happy, previews with metadata", .preview = 4, .previews = 4, .opens = 1,
		.within_ms = 1000, .expected = "up submitted finished fetched"},
	{.name = "happy, previews of the old kind", .preview = 1, .previews = 4, .opens = 1,
		.key = "k3y", .within_ms = 1000, .expected = "up submitted finished fetched"},
	{.name = "answered from the cache", .run = RUN_CACHED, .opens = 1, .within_ms = 300,
		.expected = "up submitted finished fetched"},
	{.name = "no upgrade: polling", .ws = FAKE_WS_NONE, .preview = 4, .opens = 3,
		.expected = "up submitted finished fetched"},
	{.name = "history is late", .late_history = 4, .within_ms = 2000,
		.expected = "up submitted finished fetched"},
	{.name = "200 with node_errors", .post = POST_NODE_ERRORS,
		.text = "the server has no file 'x.gguf' (node 4, UnetLoaderGGUF: unet_name)",
		.expected = "up refused"},
	{.name = "500, queued all the same", .post = POST_500_QUEUED,
		.expected = "up submitted finished fetched"},
	{.name = "500, not queued", .post = POST_500, .text = "(500)", .expected = "up failed_ask"},
	{.name = "502 of a proxy", .post = POST_502, .expected = "up lost"},
	{.name = "cut off, queued", .post = POST_CUT_QUEUED,
		.expected = "up submitted finished fetched"},
	{.name = "cut off, queued a moment later", .post = POST_CUT_LATE,
		.expected = "up submitted finished fetched"},
	{.name = "cut off late, and run from the cache", .post = POST_CUT_LATE, .run = RUN_CACHED,
		.ws = FAKE_WS_NONE, .expected = "up submitted finished fetched"},
	{.name = "cut off, not queued", .post = POST_CUT, .expected = "up lost"},
	{.name = "200 without a body", .post = POST_EMPTY_QUEUED,
		.expected = "up submitted finished fetched"},
	{.name = "no connection", .post = POST_REFUSED, .text = "cut off",
		.expected = "up failed_ask"},
	{.name = "refused", .post = POST_400,
		.text = "the node UnetLoaderGGUF is not installed on the server",
		.expected = "up refused"},
	{.name = "a refusal that repeats the key", .post = POST_ECHO, .key = "k3y", .text = "*** and ***",
		.expected = "up refused"},
	{.name = "200 of something else", .post = POST_NO_ID, .expected = "up lost"},
	{.name = "too large", .post = POST_413, .text = "too large", .expected = "up refused"},
	{.name = "an id of its own", .post = POST_OTHER_ID, .expected = "up refused"},
	{.name = "a page instead of an answer", .post = POST_HTML, .text = "proxy's page",
		.expected = "up failed_ask"},
	{.name = "every answer is a page", .status = 200, .text = "not ComfyUI",
		.expected = "down failed_ask"},
	{.name = "the key is wrong", .status = 401, .key = "k3y", .text = "check COMFY_API_KEY",
		.expected = "down failed_ask"},
	{.name = "a key is asked for", .status = 401, .text = "set COMFY_API_KEY",
		.expected = "down failed_ask"},
	{.name = "no ComfyUI here", .status = 404, .text = "COMFY_URL",
		.expected = "down failed_ask"},
	{.name = "it leads elsewhere", .status = 302, .text = "COMFY_URL",
		.expected = "down failed_ask"},
	{.name = "out of memory", .run = RUN_OOM, .text = "Allocation on device failed",
		.expected = "up submitted failed"},
	{.name = "out of memory, polling", .run = RUN_OOM, .ws = FAKE_WS_NONE,
		.text = "Allocation on device failed", .expected = "up submitted failed"},
	{.name = "interrupted", .run = RUN_INTERRUPTED, .expected = "up submitted interrupted"},
	{.name = "interrupted, polling", .run = RUN_INTERRUPTED, .ws = FAKE_WS_NONE,
		.expected = "up submitted interrupted"},
	{.name = "stalled", .run = RUN_STALL, .interrupts = 1, .within_ms = 26000,
		.expected = "up submitted stalled"},
	{.name = "stalled, polling", .run = RUN_STALL, .ws = FAKE_WS_NONE, .interrupts = 1,
		.within_ms = 110000, .expected = "up submitted stalled"},
	{.name = "stalled and deaf to interrupts", .run = RUN_STALL_DEAF, .interrupts = 7,
		.within_ms = 36000, .expected = "up submitted stalled"},
	{.name = "restart in the middle", .run = RUN_RESTART,
		.expected = "up submitted down up lost"},
	{.name = "restart in the middle, polling", .run = RUN_RESTART, .ws = FAKE_WS_NONE,
		.expected = "up submitted down up lost"},
	{.name = "deleted by somebody", .run = RUN_DELETED, .within_ms = 2000,
		.expected = "up submitted lost"},
	{.name = "zombie socket", .ws = FAKE_WS_ZOMBIE, .opens = 2,
		.expected = "up submitted finished fetched"},
	{.name = "the socket goes deaf", .ws = FAKE_WS_DEAF, .opens = 2,
		.expected = "up submitted finished fetched"},
	{.name = "the socket breaks", .ws = FAKE_WS_DROP, .preview = 1, .previews = 1, .opens = 2,
		.expected = "up submitted finished fetched"},
	{.name = "malformed messages", .ws = FAKE_WS_GARBAGE, .preview = 4, .previews = 4,
		.opens = 1, .within_ms = 1000, .expected = "up submitted finished fetched"},
	{.name = "nothing was saved", .run = RUN_NO_FILES,
		.expected = "up submitted finished no_output"},
	{.name = "ten files and no more", .files = 12, .expected = "up submitted finished fetched"},
	{.name = "too large, fits as WebP", .sizes = {12 * MIB, 11 * MIB, 9 * MIB},
		.expected = "up submitted finished fetched"},
	{.name = "never fits", .sizes = {15 * MIB, 14 * MIB, 13 * MIB, 12 * MIB, 11 * MIB},
		.expected = "up submitted finished too_large"},
	{.name = "above every ceiling", .within_ms = 2000,
		.sizes = {200 * MIB, 199 * MIB, 198 * MIB, 197 * MIB, 196 * MIB},
		.expected = "up submitted finished too_large"},
	{.name = "a large video", .file = "clip.mp4", .sizes = {12 * MIB},
		.expected = "up submitted finished too_large"},
	{.name = "a video that fits", .file = "clip.mp4", .sizes = {9 * MIB},
		.expected = "up submitted finished fetched"},
	{.name = "the cached file is gone", .run = RUN_CACHED, .view = VIEW_404,
		.expected = "up submitted finished lost"},
	{.name = "deleted before it is fetched as WebP", .view = VIEW_404_SMALLER,
		.sizes = {12 * MIB, 9 * MIB}, .expected = "up submitted finished lost"},
	{.name = "truncated twice", .view = VIEW_CUT_TWICE,
		.expected = "up submitted finished fetched"},
	{.name = "truncated for good", .view = VIEW_CUT, .text = "incomplete",
		.expected = "up submitted finished failed_ask"},
	{.name = "truncated on the server's disk", .view = VIEW_HALF,
		.expected = "up submitted finished damaged"},
	{.name = "a page instead of a picture", .view = VIEW_HTML, .text = "proxy's page",
		.expected = "up submitted finished failed_ask"},
	{.name = "the picture is refused", .view = VIEW_500, .text = "(500)",
		.expected = "up submitted finished failed_ask"},
};
/* clang-format on */

static void check(const struct fake *f, const struct scenario *s)
{
	if (strcmp(buf_str(&f->log), s->expected) != 0)
		fail_msg("%s: '%s' instead of '%s'", s->name, buf_str(&f->log), s->expected);
	if (s->text && (!f->text || !strstr(f->text, s->text)))
		fail_msg("%s: said '%s'", s->name, f->text ? f->text : "nothing");
	if (f->text && strstr(f->text, "k3y"))
		fail_msg("%s: tells the key: %s", s->name, f->text);
	if (f->previews < s->previews || (s->previews && !str_eq(f->preview_type, "image/jpeg")))
		fail_msg("%s: %d previews", s->name, f->previews);
	if (s->opens && f->opens != s->opens)
		fail_msg("%s: opened %d times", s->name, f->opens);
	if (f->interrupts != s->interrupts)
		fail_msg("%s: %d interrupts", s->name, f->interrupts);
	if (s->within_ms && f->last_ms > START + 1000 + s->within_ms)
		fail_msg("%s: took %d ms", s->name, (int)(f->last_ms - START - 1000));
	if (f->posts > 1)
		fail_msg("%s: submitted %d times", s->name, f->posts);
}

static void test_scenarios(void **state)
{
	for (size_t i = 0; i < countof(scenarios); i++) {
		const struct scenario *s = &scenarios[i];
		struct fake f;

		begin(&f, s);
		pass(&f, START + 1000);
		comfy_submit(f.c, SUBMIT, PROMPT_ID, GRAPH, f.now_ms);
		pass(&f, START + 130000);
		check(&f, s);
		end(&f);
	}
}

static void test_upload(void **state)
{
	/* clang-format off */
	static const struct scenario cases[] = {
		{.name = "taken", .expected = "up uploaded", .text = "fullet/7-9.png"},
		{.name = "taken at the second try", .upload = 500, .expected = "up uploaded"},
		{.name = "the answer was lost", .upload = -1, .upload_times = 2, .key = "k3y",
			.expected = "up uploaded"},
		{.name = "another name is given", .text = "fullet (1).png", .expected = "up uploaded",
			.upload_answer = "{\"name\":\"fullet (1).png\",\"subfolder\":\"\",\"type\":\"input\"}"},
		{.name = "never", .upload = 500, .upload_times = 9, .text = "(500)",
			.expected = "up failed_ask"},
		{.name = "too large", .upload = 413, .upload_times = 9, .text = "too large",
			.expected = "up refused"},
		{.name = "refused", .upload = 400, .upload_times = 9, .expected = "up refused"},
		{.name = "no ComfyUI", .upload = 404, .upload_times = 9, .text = "COMFY_URL",
			.expected = "up failed_ask"},
		{.name = "put elsewhere", .expected = "up failed_ask",
			.upload_answer = "{\"name\":\"7-9.png\",\"subfolder\":\"\",\"type\":\"temp\"}"},
		{.name = "no name", .expected = "up failed_ask", .upload_answer = "{}"},
	};
	/* clang-format on */

	for (size_t i = 0; i < countof(cases); i++) {
		struct buf bytes = BUF(16);
		struct blob *picture;
		struct fake f;

		assert_int_equal(buf_add_str(&bytes, "bytes"), 0);
		picture = blob_take(&bytes);
		begin(&f, &cases[i]);
		pass(&f, START + 1000);
		comfy_upload(f.c, UPLOAD, "7-9.png", picture, f.now_ms);
		blob_drop(picture); /* the client holds it */
		pass(&f, START + 60000);
		check(&f, &cases[i]);
		end(&f);
	}
}

/* What the table does not show. */
static void run_one(struct fake *f, const struct scenario *s)
{
	begin(f, s);
	comfy_submit(f->c, SUBMIT, PROMPT_ID, GRAPH, f->now_ms);
	pass(f, START + 60000);
}

static void test_progress(void **state)
{
	struct fake f;

	run_one(&f, &(struct scenario){.preview = 4});
	assert_true(f.progress >= 6);
	assert_true(f.percent >= 90 && f.percent <= 99);
	end(&f);
	/* Nothing is known of a run that is only polled, and no number is invented. */
	run_one(&f, &(struct scenario){.ws = FAKE_WS_NONE, .run = RUN_STALL});
	assert_int_equal(f.progress, 1);
	assert_int_equal(f.percent, 0);
	end(&f);
}

static void test_files(void **state)
{
	struct fake f;

	run_one(&f, &(struct scenario){.sizes = {12 * MIB, 11 * MIB, 9 * MIB}});
	assert_int_equal(f.got.n_files, 1);
	assert_string_equal(f.got.files[0].name, "pic_00001_.webp");
	assert_string_equal(f.got.files[0].type, "image/webp");
	assert_int_equal(f.got.files[0].data.len, 9 * MIB);
	end(&f);
	run_one(&f,
		&(struct scenario){.sizes = {15 * MIB, 14 * MIB, 13 * MIB, 12 * MIB, 11 * MIB}});
	assert_int_equal(f.number, 11 * MIB);
	assert_int_equal(f.views, 5);
	end(&f);
	run_one(&f, &(struct scenario){.files = 12});
	assert_int_equal(f.got.n_files, DISCORD_FILES_MAX);
	assert_string_equal(f.got.files[9].name, "pic_00001_.png");
	assert_string_equal(f.got.files[9].type, "image/png");
	end(&f);
	/* Four pictures that would fit alone, but not together into one message. */
	run_one(&f, &(struct scenario){.files = 4, .sizes = {8 * MIB, 2 * MIB}});
	assert_int_equal(f.got.n_files, 4);
	assert_int_equal(f.got.files[3].data.len, 2 * MIB);
	end(&f);
}

static void test_memory(void **state)
{
	static const enum ws_mode modes[] = {FAKE_WS_OK, FAKE_WS_NONE};

	for (size_t i = 0; i < countof(modes); i++) {
		struct fake f;

		run_one(&f, &(struct scenario){.run = RUN_OOM, .ws = modes[i]});
		assert_true(f.out_of_memory);
		assert_string_equal(f.text, "Allocation on device failed");
		end(&f);
	}
}

/* What was refused for half a workflow must not run; likewise a prompt under a foreign id. */
static void test_refused_is_cancelled(void **state)
{
	static const enum post_mode modes[] = {POST_NODE_ERRORS, POST_OTHER_ID};

	for (size_t i = 0; i < countof(modes); i++) {
		struct fake f;

		run_one(&f, &(struct scenario){.post = modes[i]});
		assert_int_equal(f.n_prompts, 1);
		assert_int_equal(f.prompts[0].place, PLACE_NONE);
		end(&f);
	}
}

static void test_locate(void **state)
{
	static const struct {
		int64_t after_ms;
		enum run_mode run;
		const char *expected;
	} cases[] = {
		{10, RUN_OK, "up submitted pending"},
		{300, RUN_OK, "up submitted running"},
		{5000, RUN_OK, "up submitted finished"},
		{5000, RUN_OOM, "up submitted failed"},
		{5000, RUN_INTERRUPTED, "up submitted interrupted"},
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct fake f;

		begin(&f, &(struct scenario){.run = cases[i].run});
		comfy_submit(f.c, SUBMIT, PROMPT_ID, GRAPH, f.now_ms);
		pass(&f, START + cases[i].after_ms);
		comfy_forget(f.c, WATCH);
		comfy_forget(f.c, FETCH);
		buf_clear(&f.log);
		(void)buf_add_str(&f.log, "up submitted");
		comfy_locate(f.c, LOCATE, PROMPT_ID, f.now_ms);
		pass(&f, f.now_ms + 3000);
		if (strcmp(buf_str(&f.log), cases[i].expected) != 0)
			fail_msg("%zu: %s", i, buf_str(&f.log));
		end(&f);
	}
}

static void test_locate_unknown(void **state)
{
	struct fake f;

	begin(&f, &(struct scenario){0});
	comfy_locate(f.c, LOCATE, PROMPT_ID, f.now_ms);
	pass(&f, START + 5000);
	assert_string_equal(buf_str(&f.log), "up lost");
	assert_true(f.queues >= 2);
	/* And of a server that is away, nothing can be said. */
	buf_clear(&f.log);
	fake_restart(&f, 100000);
	comfy_locate(f.c, LOCATE, PROMPT_ID, f.now_ms);
	pass(&f, f.now_ms + 20000);
	assert_string_equal(buf_str(&f.log), "down failed_ask");
	end(&f);
}

static void test_cancel(void **state)
{
	static const struct {
		int64_t after_ms;
		int interrupts;
		enum place place;
	} cases[] = {{10, 0, PLACE_NONE}, {300, 1, PLACE_DONE}, {5000, 0, PLACE_DONE}};

	for (size_t i = 0; i < countof(cases); i++) {
		struct fake f;
		size_t n;

		begin(&f, &(struct scenario){0});
		comfy_submit(f.c, SUBMIT, PROMPT_ID, GRAPH, f.now_ms);
		pass(&f, START + cases[i].after_ms);
		comfy_forget(f.c, WATCH);
		n = f.log.len;
		comfy_cancel(f.c, PROMPT_ID, f.now_ms);
		comfy_cancel(f.c, PROMPT_ID, f.now_ms);
		pass(&f, f.now_ms + 20000);
		/* A cancel has no event, and of a forgotten tag nothing more is heard. */
		assert_int_equal(f.log.len, n);
		assert_int_equal(f.interrupts, cases[i].interrupts);
		assert_int_equal(f.prompts[0].place, cases[i].place);
		end(&f);
	}
}

/* A prompt of other people is never interrupted, and never stalls while it only waits. */
static void test_waiting(void **state)
{
	struct fake f;

	begin(&f, &(struct scenario){0});
	pass(&f, START + 100);
	fake_queue(&f, "11111111-2222-4333-8444-555555555555", "somebody")->at_ms = NEVER;
	f.prompts[0].place = PLACE_RUNNING;
	comfy_submit(f.c, SUBMIT, PROMPT_ID, GRAPH, f.now_ms);
	pass(&f, START + 110);
	assert_int_equal(f.n_prompts, 2);
	f.prompts[1].at_ms = NEVER;
	pass(&f, START + 200000);
	assert_string_equal(buf_str(&f.log), "up submitted");
	assert_int_equal(f.progress, 0);
	comfy_cancel(f.c, PROMPT_ID, f.now_ms);
	pass(&f, f.now_ms + 20000);
	assert_string_equal(buf_str(&f.log), "up submitted lost");
	assert_int_equal(f.interrupts, 0);
	assert_int_equal(f.prompts[0].place, PLACE_RUNNING);
	end(&f);
}

/* Behind a run that never ends: the server's worker is dead. Somebody else's stays untouched. */
static void test_waiting_for_ever(void **state)
{
	struct fake f;

	begin(&f, &(struct scenario){0});
	pass(&f, START + 100);
	fake_queue(&f, "11111111-2222-4333-8444-555555555555", "somebody")->at_ms = NEVER;
	f.prompts[0].place = PLACE_RUNNING;
	comfy_submit(f.c, SUBMIT, PROMPT_ID, GRAPH, f.now_ms);
	pass(&f, START + 110);
	f.prompts[1].at_ms = NEVER;
	pass(&f, START + 12 * 20000 + 30000);
	assert_string_equal(buf_str(&f.log), "up submitted stalled");
	assert_int_equal(f.interrupts, 0);
	assert_int_equal(f.prompts[0].place, PLACE_RUNNING);
	end(&f);
}

/* Prompts without a client id show their previews to everybody. */
static void test_foreign_previews(void **state)
{
	static const char frame[] = "\0\0\0\1\0\0\0\1\xff\xd8\xff\xe0 somebody's";
	struct fake f;

	begin(&f, &(struct scenario){0});
	pass(&f, START + 100);
	comfy_ws_received(f.c, frame, sizeof(frame), true, f.now_ms);
	comfy_submit(f.c, SUBMIT, PROMPT_ID, GRAPH, f.now_ms);
	pass(&f, START + 110);
	f.prompts[0].at_ms = NEVER;
	comfy_ws_received(f.c, frame, sizeof(frame), true, f.now_ms);
	pass(&f, START + 1000);
	assert_int_equal(f.previews, 0);
	end(&f);
}

static void test_up_and_down(void **state)
{
	struct fake f;

	begin(&f, &(struct scenario){0});
	f.up = false;
	f.back_ms = START + 60000;
	pass(&f, START + 30000);
	assert_string_equal(buf_str(&f.log), "down");
	assert_non_null(strstr(f.text, "connection refused"));
	assert_false(comfy_is_up(f.c));
	pass(&f, START + 80000);
	assert_string_equal(buf_str(&f.log), "down up");
	assert_non_null(strstr(f.text, "0.3.64"));
	assert_true(comfy_is_up(f.c));
	assert_true(f.ws_open && f.flags == 1);
	/* One request that fails is not yet a server that is down. */
	f.up = false;
	f.back_ms = f.now_ms + 300;
	comfy_locate(f.c, LOCATE, PROMPT_ID, f.now_ms);
	pass(&f, f.now_ms + 20000);
	assert_string_equal(buf_str(&f.log), "down up lost");
	end(&f);
}

/* The card's memory is asked for at the start, more often while there is work, else rarely. */
static void test_stats(void **state)
{
	struct fake f;
	int before;

	begin(&f, &(struct scenario){0});
	pass(&f, START + 500);
	assert_int_equal(f.stats, 1);
	assert_string_equal(f.card.name, "Card");
	assert_int_equal(f.card.vram_total, INT64_C(25769803776));
	assert_int_equal(f.card.torch_free, 1000000000);
	pass(&f, START + 600000);
	assert_in_range(f.stats, 1 + 19, 1 + 20);
	/* A run whose events come all the time; its stall is not the subject. */
	comfy_submit(f.c, SUBMIT, PROMPT_ID, GRAPH, f.now_ms);
	pass(&f, f.now_ms + 10);
	f.prompts[0].at_ms = NEVER;
	before = f.stats;
	pass(&f, f.now_ms + 150000);
	assert_in_range(f.stats - before, 9, 11);
	assert_string_equal(buf_str(&f.log), "up submitted");
	end(&f);
}

/* The line was cut, the server was not: the run goes on and is found again. */
static void test_outage(void **state)
{
	struct fake f;

	begin(&f, &(struct scenario){0});
	comfy_submit(f.c, SUBMIT, PROMPT_ID, GRAPH, f.now_ms);
	pass(&f, START + 300);
	f.up = f.ws_open = false;
	f.back_ms = f.now_ms + 100000;
	comfy_ws_closed(f.c, 0, f.now_ms);
	pass(&f, START + 90000);
	assert_string_equal(buf_str(&f.log), "up submitted down");
	pass(&f, START + 130000);
	assert_string_equal(buf_str(&f.log), "up submitted down up finished fetched");
	end(&f);
}

/* A server that is up, but never again says what it does, does not keep a job for ever. */
static void test_mute(void **state)
{
	static const struct {
		enum post_mode post;
		const char *expected;
	} cases[] = {{POST_OK, "up submitted stalled"}, {POST_CUT, "up lost"}};

	for (size_t i = 0; i < countof(cases); i++) {
		struct fake f;

		begin(&f, &(struct scenario){.ws = FAKE_WS_NONE, .post = cases[i].post});
		pass(&f, START + 100);
		f.mute = true;
		comfy_submit(f.c, SUBMIT, PROMPT_ID, GRAPH, f.now_ms);
		pass(&f, START + 120000);
		assert_true(f.log.len < strlen(cases[i].expected));
		pass(&f, START + 900000);
		assert_string_equal(buf_str(&f.log), cases[i].expected);
		end(&f);
	}
}

/* A dead run whose cancelling is not even answered. */
static void test_stalled_and_mute(void **state)
{
	struct fake f;

	begin(&f, &(struct scenario){.run = RUN_STALL});
	comfy_submit(f.c, SUBMIT, PROMPT_ID, GRAPH, f.now_ms);
	pass(&f, START + 15000);
	f.mute = true;
	pass(&f, START + 60000);
	assert_string_equal(buf_str(&f.log), "up submitted stalled");
	end(&f);
}

static void test_forget(void **state)
{
	struct comfy_action action;
	struct fake f;

	begin(&f, &(struct scenario){0});
	pass(&f, START + 100);
	/* What the carrier does not have yet is never sent. */
	comfy_submit(f.c, SUBMIT, PROMPT_ID, GRAPH, f.now_ms);
	comfy_forget(f.c, SUBMIT);
	assert_false(comfy_next_action(f.c, &action));
	/* A tag in use is taken over. */
	comfy_submit(f.c, SUBMIT, PROMPT_ID, GRAPH, f.now_ms);
	comfy_locate(f.c, SUBMIT, PROMPT_ID, f.now_ms);
	pass(&f, START + 5000);
	assert_string_equal(buf_str(&f.log), "up lost");
	assert_int_equal(f.posts, 0);
	end(&f);
}

/* An event that was not read yet is not heard of either. */
static void test_forget_told(void **state)
{
	for (int forget = 0; forget < 2; forget++) {
		struct comfy_action action;
		struct comfy_event event;
		struct fake f;

		begin(&f, &(struct scenario){.ws = FAKE_WS_NONE});
		pass(&f, START + 100);
		comfy_locate(f.c, LOCATE, PROMPT_ID, f.now_ms);
		for (int i = 0; i < 300; i++) {
			if (comfy_deadline(f.c) <= f.now_ms)
				comfy_tick(f.c, f.now_ms);
			while (comfy_next_action(f.c, &action))
				fake_act(&f, &action);
			f.now_ms += 10;
			fake_tick(&f);
		}
		if (forget)
			comfy_forget(f.c, LOCATE);
		assert_int_equal(comfy_next_event(f.c, &event), !forget);
		if (!forget) {
			assert_int_equal(event.kind, COMFY_LOST);
			comfy_event_free(&event);
		}
		end(&f);
	}
}

/* While a run is watched a new socket has the old client id, else a fresh one. */
static void test_client_id(void **state)
{
	struct fake f;
	char before[64];

	begin(&f, &(struct scenario){.ws = FAKE_WS_DROP});
	pass(&f, START + 100);
	str_copy(before, sizeof(before), f.ws_client);
	comfy_submit(f.c, SUBMIT, PROMPT_ID, GRAPH, f.now_ms);
	pass(&f, START + 1000);
	assert_int_equal(f.opens, 2);
	assert_string_equal(before, f.ws_client);
	pass(&f, START + 3000);
	f.ws_open = false;
	comfy_ws_closed(f.c, 0, f.now_ms);
	pass(&f, START + 5000);
	assert_int_equal(f.opens, 3);
	assert_string_not_equal(before, f.ws_client);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenarios),
		cmocka_unit_test(test_upload),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_refused_is_cancelled),
		cmocka_unit_test(test_locate),
		cmocka_unit_test(test_locate_unknown),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_waiting_for_ever),
		cmocka_unit_test(test_foreign_previews),
		cmocka_unit_test(test_up_and_down),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_outage),
		cmocka_unit_test(test_mute),
		cmocka_unit_test(test_stalled_and_mute),
		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_forget_told),
		cmocka_unit_test(test_client_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
