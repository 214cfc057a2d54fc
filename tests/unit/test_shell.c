/* SPDX-License-Identifier: Apache-2.0 */
/* The bot without its sockets, in the hands of a Discord that answers by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "shell_rig.h"

#define DISCORD_MS INT64_C(1420070400000) /* its first moment */
#define GUILD                                                                                        \
	"{\"id\":\"7\",\"owner_id\":\"3\",\"roles\":[],\"channels\":[{\"id\":\"6\",\"type\":0,"      \
	"\"name\":\"admin-tools\"},{\"id\":\"50\",\"type\":4,\"name\":\"sessions\"},{\"id\":\"60\"," \
	"\"type\":0,\"name\":\"ana\",\"parent_id\":\"50\",\"topic\":\"fullet:3\"}],\"threads\":[]}"

#define SAY "POST https://discord.test/api/v10/channels/6/messages"

static void log_nothing(void *ctx, enum log_level level, const char *subject, const char *text)
{
}

static bool is_asked(const struct rig *rig, const char *what)
{
	return rig_find(rig, what) < rig->n_requests;
}

static void answer(struct rig *rig, const char *what, int status, const char *body)
{
	assert_true(rig_answer(rig, rig_find(rig, what), status, body));
}

static void event(struct rig *rig, const char *name, const char *data)
{
	assert_true(rig_event(rig, name, data));
}

/* /help, as Discord gives it; `at_ms` by Discord's clock. */
static void help(struct rig *rig, int64_t at_ms)
{
	char *text = xasprintf("{\"id\":\"%" PRIu64
			       "\",\"application_id\":\"8\",\"type\":2,\"token\":\"t\","
			       "\"version\":1,\"guild_id\":\"7\",\"channel_id\":\"5\",\"channel\":{"
			       "\"id\":\"5\",\"type\":0},\"member\":{\"user\":{\"id\":\"3\","
			       "\"username\":\"ana\"},\"permissions\":\"8\",\"roles\":[]},"
			       "\"app_permissions\":\"2147601424\",\"locale\":\"es-ES\","
			       "\"context\":0,\"attachment_size_limit\":10485760,"
			       "\"data\":{\"id\":\"1\",\"name\":\"help\",\"type\":1}}",
		(uint64_t)(at_ms - DISCORD_MS) << 22);

	event(rig, "INTERACTION_CREATE", text);
	free(text);
}

/* The connection breaks, and the next one is open; nothing was given again yet. */
static void break_off(struct rig *rig)
{
	struct websocket *ws = rig_socket(rig, false), broken;

	assert_non_null(ws);
	broken = *ws;
	*ws = (struct websocket){0};
	broken.events->closed(broken.arg, 1006, 0, "closed");
	rig_turn(rig);
	assert_true(rig_greet(rig));
}

static int start_after(void **state, const struct shell_past *past)
{
	struct rig *rig = xcalloc(1, sizeof(*rig));

	rig_init(rig, "TOKEN", workflow_set_new(), log_nothing);
	assert_true(rig_start(rig, past));
	event(rig, "GUILD_CREATE", GUILD);
	while (is_asked(rig, SAY)) /* that something is missing: it would go before answers */
		answer(rig, SAY, 200, "{\"id\":\"90\"}");
	*state = rig;
	return 0;
}

static int start(void **state)
{
	return start_after(state, &(struct shell_past){0});
}

static int stop(void **state)
{
	struct rig *rig = *state;

	rig_stop(rig);
	workflow_set_free((struct workflow_set *)rig->config.workflows);
	free(rig);
	return 0;
}

/* ---- what an earlier process heard ---- */

#define HEARD_MS (RIG_NOW_MS + 1000)

static int start_after_a_job(void **state)
{
	uint64_t heard = (uint64_t)(HEARD_MS - DISCORD_MS) << 22;

	return start_after(
		state, &(struct shell_past){.rows = {.interactions = &heard, .n_interactions = 1}});
}

/* Discord may give again what was given to a process that died when its job had just ended. */
static void test_command_of_an_ended_job_comes_again(void **state)
{
	struct rig *rig = *state;

	help(rig, HEARD_MS);
	assert_false(is_asked(rig, "/interactions/"));
	help(rig, HEARD_MS + 1);
	assert_true(is_asked(rig, "/interactions/"));
}

/* ---- clocks ---- */

/* What a session gives again is too old by Discord's clock, and nobody waits for it any more. */
static void test_old_interactions_are_left_alone(void **state)
{
	struct rig *rig = *state;

	break_off(rig);
	help(rig, rig->now_ms - 60000);
	assert_false(is_asked(rig, "/interactions/"));
	help(rig, rig->now_ms - 500);
	assert_true(is_asked(rig, "/interactions/"));
}

/* Our clock was put forward by less than would be noticed. */
static void test_clock_is_put_forward(void **state)
{
	struct rig *rig = *state;

	rig->ahead_ms = 4900;
	rig->now_ms += rig->ahead_ms;
	help(rig, rig->now_ms - rig->ahead_ms);
	assert_true(is_asked(rig, "/interactions/"));
}

/* By two hours, while a session gives again what was missed. */
static void test_clock_jumps_while_missed_events_come(void **state)
{
	struct rig *rig = *state;

	break_off(rig);
	rig->ahead_ms = 2 * 3600 * 1000;
	rig->now_ms += rig->ahead_ms;
	help(rig, rig->now_ms - rig->ahead_ms);
	assert_true(is_asked(rig, "/interactions/"));
}

/* ---- words ---- */

#define WORD_ID "1509949440000000000"
#define WORD                                                                                       \
	"{\"id\":\"" WORD_ID "\",\"guild_id\":\"7\",\"channel_id\":\"6\",\"content\":"             \
	"\"!getid\",\"author\":{\"id\":\"3\"},\"member\":{\"roles\":[]}}"
#define LOOK   "GET https://discord.test/api/v10/channels/6/messages"
#define ANSWER "\"message_id\":\"" WORD_ID "\""

/* An earlier process answered it before a ban that lasted longer than Discord remembers a nonce,
 * and could not write that down: a word that a session gives again is looked for before it is
 * answered. */
static void test_word_given_again_is_looked_for(void **state)
{
	struct rig *rig = *state;

	rig_pass_time(rig, 40);
	break_off(rig);
	event(rig, "MESSAGE_CREATE", WORD);
	assert_false(is_asked(rig, ANSWER));
	answer(rig, LOOK, 200,
		"[{\"id\":\"90\",\"author\":{\"id\":\"8\"},\"message_reference\":{" ANSWER "}}]");
	assert_false(is_asked(rig, ANSWER));
}

/* The same when it comes soon after: a session gives its old RESUMED again too. */
static void test_word_after_an_old_resumed(void **state)
{
	struct rig *rig = *state;

	break_off(rig);
	event(rig, "RESUMED", "{}");
	event(rig, "MESSAGE_CREATE", WORD);
	assert_false(is_asked(rig, ANSWER));
	answer(rig, LOOK, 200, "[]");
	assert_true(is_asked(rig, ANSWER));
}

/* What comes as it happens needs no look. */
static void test_new_word_is_answered(void **state)
{
	struct rig *rig = *state;

	rig_pass_time(rig, 40);
	event(rig, "MESSAGE_CREATE", WORD);
	assert_true(is_asked(rig, ANSWER));
}

/* ---- pictures to edit ---- */

static int start_with_edit(void **state)
{
	struct job_row job = {.id = 1,
		.user_id = 3,
		.guild_id = 7,
		.interaction_id = 11,
		.channel_id = 60,
		.step = JOB_CHANNEL,
		.kind = 2,
		.created_ms = RIG_NOW_MS,
		.username = "ana",
		.locale = "en-US",
		.model = "flux_edit",
		.prompt = "a hat",
		.input = "message:61:62:0"};
	struct session_row session = {
		.user_id = 3, .guild_id = 7, .channel_id = 60, .active_ms = RIG_NOW_MS};
	struct shell_past past = {.rows = {.jobs = &job,
					  .n_jobs = 1,
					  .sessions = &session,
					  .n_sessions = 1,
					  .max_job_id = 1}};

	return start_after(state, &past);
}

/* Nobody gets an apology because Cloudflare lets nothing through for ten minutes. */
static void test_message_with_a_picture_is_asked_for_after_a_ban(void **state)
{
	struct rig *rig = *state;

	answer(rig, "GET https://discord.test/api/v10/channels/60/messages", 200, "[]");
	answer(rig, "/channels/61/messages/62", 429, "<html>error code: 1015</html>");
	rig_pass_time(rig, 610);
	assert_true(is_asked(rig, "/channels/61/messages/62"));
	assert_false(is_asked(rig, "POST https://discord.test/api/v10/channels/60/messages"));
}

/* ---- the end of a channel ---- */

#define WARN	  "POST https://discord.test/api/v10/channels/60/messages"
#define LAST_LOOK "GET https://discord.test/api/v10/channels/60/messages"
#define LEAD_S	  300

/* A channel that was idle while no process was there: its end is being announced. */
static int start_idle(void **state)
{
	struct session_row session = {
		.user_id = 3, .guild_id = 7, .channel_id = 60, .active_ms = RIG_NOW_MS - 1800000};
	int r = start_after(
		state, &(struct shell_past){.rows = {.sessions = &session, .n_sessions = 1}});

	answer(*state, "/guilds/7/members/3", 200, "{}");
	return r;
}

static const char *warning(const struct rig *rig)
{
	size_t i = rig_find(rig, WARN);

	assert_true(i < rig->n_requests);
	for (size_t k = i + 1; k < rig->n_requests; k++)
		assert_null(strstr(rig->requests[k].what, WARN));
	return rig->requests[i].what;
}

/* The look before the end would not see it, and another one would follow. */
static void test_announcement_that_hangs(void **state)
{
	struct rig *rig = *state;
	cleanup(freep) char *id = NULL;

	rig_pass_time(rig, 2 * LEAD_S);
	assert_false(is_asked(rig, LAST_LOOK));
	(void)warning(rig);
	id = xasprintf("{\"id\":\"%" PRIu64 "\",\"channel_id\":\"60\"}",
		(uint64_t)(rig->now_ms - DISCORD_MS) << 22);
	answer(rig, WARN, 200, id);
	rig_pass_time(rig, LEAD_S - 1);
	assert_false(is_asked(rig, LAST_LOOK));
	rig_pass_time(rig, 2);
	assert_true(is_asked(rig, LAST_LOOK));
	assert_false(is_asked(rig, WARN));
}

/* One that a ban holds up tells of a time that is over when it is lifted. To Discord the one that
 * is said instead is the same, should the first be there after all. */
static void test_announcement_during_a_ban(void **state)
{
	struct rig *rig = *state;
	cleanup(freep) char *first = xstrdup(warning(rig));
	const char *second;

	answer(rig, WARN, 429, "<html>error code: 1015</html>");
	rig_pass_time(rig, 610);
	assert_false(is_asked(rig, WARN));
	answer(rig, LAST_LOOK, 200, "[]");
	second = warning(rig);
	assert_string_not_equal(first, second);
	assert_non_null(strstr(first, "\"nonce\""));
	assert_string_equal(strstr(first, "\"nonce\""), strstr(second, "\"nonce\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_command_of_an_ended_job_comes_again, start_after_a_job, stop),
		cmocka_unit_test_setup_teardown(test_old_interactions_are_left_alone, start, stop),
		cmocka_unit_test_setup_teardown(test_clock_is_put_forward, start, stop),
		cmocka_unit_test_setup_teardown(
			test_clock_jumps_while_missed_events_come, start, stop),
		cmocka_unit_test_setup_teardown(test_word_given_again_is_looked_for, start, stop),
		cmocka_unit_test_setup_teardown(test_word_after_an_old_resumed, start, stop),
		cmocka_unit_test_setup_teardown(test_new_word_is_answered, start, stop),
		cmocka_unit_test_setup_teardown(
			test_message_with_a_picture_is_asked_for_after_a_ban, start_with_edit,
			stop),
		cmocka_unit_test_setup_teardown(test_announcement_that_hangs, start_idle, stop),
		cmocka_unit_test_setup_teardown(test_announcement_during_a_ban, start_idle, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
