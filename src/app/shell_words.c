/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "app/shell_parts.h"

/*
 * What administrators write in #admin-tools: "!sync", "!clearall" and "!getid", with "!" or after
 * the bot's mention. A word is written down when it is heard, and again when it was answered:
 * Discord gives an event a second time, a resumed session after a crash all that came since it was
 * saved, and who administers is not known before the guild is. The answer is a reply to the word,
 * so that after a crash it can be looked for before it is given.
 */

/* Who wrote something so long ago does not expect it to be done any more. */
#define WORD_KEEP_MS (60 * 60 * 1000)
#define AGAIN_MS     30000
/* So long after the first READY or RESUMED what comes may be what was missed: a session gives its old
 * RESUMED again too. */
#define FIRST_MS 30000

static const char *const word_names[] = {
	[WORD_SYNC] = "sync", [WORD_CLEARALL] = "clearall", [WORD_GETID] = "getid"};

/* ---- the list ---- */

static struct admin_word *word_find(struct shell *sh, uint64_t id)
{
	for (size_t i = 0; i < sh->n_words; i++)
		if (sh->words[i].id == id)
			return &sh->words[i];
	return NULL;
}

static void word_drop(struct shell *sh, struct admin_word *word)
{
	size_t after = (size_t)(&sh->words[sh->n_words] - word) - 1;

	json_put(&word->roles);
	memmove(word, word + 1, after * sizeof(*word));
	sh->n_words--;
}

/* An answered one makes room; NULL when all of them wait for something. */
static struct admin_word *word_add(struct shell *sh)
{
	for (size_t i = 0; i < sh->n_words && sh->n_words == ADMIN_WORDS_MAX; i++)
		if (sh->words[i].state == WORD_ANSWERED)
			word_drop(sh, &sh->words[i]);
	if (sh->n_words == ADMIN_WORDS_MAX)
		return NULL;
	sh->words[sh->n_words] = (struct admin_word){0};
	return &sh->words[sh->n_words++];
}

static struct json_object *word_json(const struct admin_word *word)
{
	struct json_object *o = json_object_new_object();

	json_add_id(o, "id", word->id);
	json_add_bool(o, "answered", word->state == WORD_ANSWERED);
	if (word->state == WORD_ANSWERED)
		return o;
	json_add_str(o, "word", word_names[word->kind]);
	json_add_id(o, "channel", word->channel_id);
	json_add_bool(o, "admin", word->admin);
	json_add_id(o, "author", word->author_id);
	json_add(o, "roles", json_object_get(word->roles));
	return o;
}

static void words_save(struct shell *sh)
{
	struct json_object *list = json_object_new_array();
	char *text;

	for (size_t i = 0; i < sh->n_words; i++)
		json_object_array_add(list, word_json(&sh->words[i]));
	text = json_text(list);
	shell_save_value(sh, "words", text);
	free(text);
	json_put(&list);
}

/* False: there is no such word. */
static bool kind_of(const char *name, enum word_kind *ret)
{
	size_t n = name ? strcspn(name, " \t\r\n") : 0;

	for (size_t i = 0; n && i < countof(word_names); i++)
		if (strlen(word_names[i]) == n && strncasecmp(name, word_names[i], n) == 0 &&
			name[n + strspn(name + n, " \t\r\n")] == '\0') {
			*ret = (enum word_kind)i;
			return true;
		}
	return false;
}

void shell_words_load(struct shell *sh, const struct shell_past *past)
{
	struct json_object *list =
		past->words ? json_parse(past->words, strlen(past->words), NULL) : NULL;

	for (size_t i = 0; i < json_len(list) && sh->n_words < ADMIN_WORDS_MAX; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		struct admin_word word = {.id = json_id(o, "id"),
			.channel_id = json_id(o, "channel"),
			.author_id = json_id(o, "author"),
			.admin = json_flag(o, "admin", false),
			.state = json_flag(o, "answered", false) ? WORD_ANSWERED : WORD_DOUBTFUL};

		if (!word.id ||
			(word.state != WORD_ANSWERED && !kind_of(json_str(o, "word"), &word.kind)))
			continue;
		word.roles = json_object_get(json_array(o, "roles"));
		sh->words[sh->n_words++] = word;
	}
	json_put(&list);
}

void shell_words_free(struct shell *sh)
{
	while (sh->n_words)
		word_drop(sh, &sh->words[0]);
}

/* ---- hearing ---- */

/* The word after "!" or after the bot's mention; NULL when it is neither. */
static const char *word_of(const struct shell *sh, const char *text)
{
	char mention[2][40];

	text += strspn(text, " \t\r\n");
	if (*text == '!')
		return text + 1;
	snprintf(mention[0], sizeof(mention[0]), "<@%" PRIu64 ">", sh->bot_id);
	snprintf(mention[1], sizeof(mention[1]), "<@!%" PRIu64 ">", sh->bot_id);
	for (size_t i = 0; i < countof(mention); i++)
		if (str_starts(text, mention[i])) {
			text += strlen(mention[i]);
			text += strspn(text, " \t\r\n");
			return *text == '!' ? text + 1 : text;
		}
	return NULL;
}

static void hear(struct shell *sh, struct json_object *message, enum word_kind kind)
{
	struct json_object *roles = json_array(message, "member.roles");
	uint64_t id = json_id(message, "id"), author_id = json_id(message, "author.id");
	bool admin = shell_guild_is_admin(sh, author_id, roles);
	struct admin_word *word;

	/* Anybody else hears nothing at all. */
	if (!id || !author_id || json_member(message, "webhook_id") || word_find(sh, id) ||
		(sh->want_guild.known && !admin))
		return;
	word = word_add(sh);
	if (!word) {
		shell_log(sh, LOG_WARN, "discord",
			"!%s in #admin-tools is ignored: too many before it wait for Discord",
			word_names[kind]);
		return;
	}
	word->id = id;
	word->channel_id = json_id(message, "channel_id");
	word->author_id = author_id;
	word->kind = kind;
	word->admin = admin;
	if (!admin)
		word->roles = json_object_get(roles);
	/* Not waited for: were it lost, so would be the later place in the session, and Discord
	 * would give the word again. What may have been given before is looked for first: an earlier
	 * process may have answered it, longer ago than Discord remembers a nonce. */
	if (sh->replaying || shell_now(sh) - sh->ready_ms < FIRST_MS)
		word->state = WORD_DOUBTFUL;
	words_save(sh);
	shell_words_go(sh);
}

bool shell_admin_message(struct shell *sh, struct json_object *message)
{
	uint64_t channel_id = json_id(message, "channel_id");
	const char *text = json_str(message, "content");
	enum word_kind kind;

	if (!channel_id || channel_id != sh->admin_channel_id || !text)
		return false;
	if (kind_of(word_of(sh, text), &kind))
		hear(sh, message, kind);
	return true;
}

/* ---- doing ---- */

void shell_word_say(struct shell *sh, uint64_t channel_id, uint64_t word_id, const char *sentence)
{
	shell_call(sh, message_reply(channel_id, word_id, sentence), CALL_WORD, word_id, 0);
}

static void say_id(struct shell *sh, const struct admin_word *word)
{
	char id[24];
	char *sentence;

	snprintf(id, sizeof(id), "%" PRIu64, sh->config.guild_id);
	sentence =
		text_make(TEXT_SERVER_ID, shell_guild_locale(sh), &(struct text_args){.text = id});
	shell_word_say(sh, word->channel_id, word->id, sentence);
	free(sentence);
}

static void carry_out(struct shell *sh, struct admin_word *word)
{
	struct shell_report report = {.channel_id = word->channel_id,
		.word_id = word->id,
		.clear = word->kind == WORD_CLEARALL};

	word->state = WORD_BUSY;
	if (word->kind == WORD_GETID) {
		say_id(sh, word);
		return;
	}
	report.locale = xstrdup(shell_guild_locale(sh));
	shell_commands_put(sh, &report);
}

static bool is_over(const struct shell *sh, const struct admin_word *word)
{
	int64_t age_ms = shell_now(sh) + sh->clock_ahead_ms - snowflake_ms(word->id);

	return sh->clock_known && age_ms > WORD_KEEP_MS;
}

/* What is known now of a word that waits: false when nothing is to be done for it. */
static bool is_wanted(struct shell *sh, struct admin_word *word)
{
	word->admin |= shell_guild_is_admin(sh, word->author_id, word->roles);
	json_put(&word->roles);
	if (word->admin && is_over(sh, word))
		shell_log(sh, LOG_WARN, "discord",
			"!%s in #admin-tools is too old to be done: it is %d minutes since",
			word_names[word->kind], WORD_KEEP_MS / 60000);
	return word->admin && !is_over(sh, word);
}

void shell_words_go(struct shell *sh)
{
	bool dropped = false;

	if (!sh->want_guild.known || !sh->application_id)
		return;
	for (size_t i = 0; i < sh->n_words; i++) {
		struct admin_word *word = &sh->words[i];

		if (word->state == WORD_BUSY || word->state == WORD_ANSWERED)
			continue;
		if (!is_wanted(sh, word)) {
			word_drop(sh, word);
			dropped = true;
			i--;
		} else if (word->state == WORD_HEARD) {
			carry_out(sh, word);
		} else {
			word->state = WORD_BUSY;
			shell_call(
				sh, message_list(word->channel_id, 0), CALL_WORD_LOOK, word->id, 0);
		}
	}
	if (dropped)
		words_save(sh);
}

/* ---- answers ---- */

static void answered(struct shell *sh, struct admin_word *word)
{
	word->state = WORD_ANSWERED;
	words_save(sh);
}

static void looked(struct shell *sh, struct admin_word *word, const struct rest_call *call)
{
	struct json_object *list = call->outcome == REST_OK ? rest_json(call) : NULL;

	if (json_object_is_type(list, json_type_array)) {
		if (message_find_reply(list, sh->bot_id, word->id))
			answered(sh, word);
		else
			carry_out(sh, word);
	} else if (call->outcome == REST_REFUSED) {
		answered(sh, word); /* no such channel any more, or not for us */
	} else {
		word->state = WORD_DOUBTFUL;
	}
	json_put(&list);
}

void shell_word_answer(struct shell *sh, struct rest_call *call)
{
	struct admin_word *word = word_find(sh, call->tag);

	if (!word || word->state != WORD_BUSY)
		return;
	if (call->kind == CALL_WORD_LOOK)
		looked(sh, word, call);
	else if (call->outcome == REST_OK || call->outcome == REST_REFUSED)
		answered(sh, word);
	else
		word->state = WORD_DOUBTFUL;
	if (word->state == WORD_DOUBTFUL)
		sh->words_ms = shell_now(sh) + AGAIN_MS;
}

void shell_words_tick(struct shell *sh, int64_t now_ms)
{
	if (now_ms < sh->words_ms)
		return;
	sh->words_ms = NEVER;
	shell_wants_go(sh);
	shell_words_go(sh);
}
