/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "app/member_export.h"
#include "app/shell_commands.h"
#include "image/strip.h"

/*
 * /privacy: what is stored about a member as files, and its erasing. Both take longer than the
 * three seconds that Discord gives, so they are acknowledged first. What is erased is decided
 * in core/leaving.c, which goes on after a restart; that the member hears the end of it is kept in
 * memory only.
 */

/* The body around the files needs room too. */
#define FILES_TOTAL_MAX (DISCORD_REQUEST_MAX - MIB)

/* Who waits for an answer. */
struct asker {
	uint64_t key; /* the interaction's id */
	uint64_t user_id, application_id;
	char *token, *locale;
	bool erases;
	bool acknowledged; /* before that Discord takes no sentence */
	bool begun;	   /* he was told that it is under way */
	struct asker *prev, *next;
};

static struct asker *asker_free(struct shell *sh, struct asker *a)
{
	DL_DELETE(sh->askers, a);
	free(a->token);
	free(a->locale);
	free(a);
	return NULL;
}

void shell_privacy_free(struct shell *sh)
{
	while (sh->askers)
		asker_free(sh, sh->askers);
}

static struct asker *asker_find(struct shell *sh, uint64_t key)
{
	struct asker *a;

	for (a = sh->askers; a && a->key != key; a = a->next)
		;
	return a;
}

/* Acknowledges; shell_privacy_answer() goes on. */
static void acknowledge(struct shell *sh, const struct interaction *it, bool erases)
{
	struct asker *a = xcalloc(1, sizeof(*a));
	struct rest_call *call = message_defer(it);

	*a = (struct asker){.key = it->id,
		.user_id = it->user_id,
		.application_id = it->application_id,
		.token = xstrdup(it->token),
		.locale = xstrdup(it->locale),
		.erases = erases};
	DL_APPEND(sh->askers, a);
	call->deadline_ms = shell_now(sh) + 2900;
	shell_call(sh, call, CALL_PRIVACY_ACK, a->key, 0);
}

static void say(struct shell *sh, const struct asker *a, const char *sentence)
{
	shell_call(sh, message_answer(a->application_id, a->token, sentence), CALL_IGNORED, 0, 0);
}

static void say_text(struct shell *sh, const struct asker *a, enum text_id id)
{
	cleanup(freep) char *sentence = text_make(id, a->locale, NULL);

	say(sh, a, sentence);
}

/* ---- export ---- */

static void add_sentence(struct buf *out, enum text_id id, const char *locale, int64_t number)
{
	cleanup(freep) char *text = text_make(id, locale, &(struct text_args){.number = number});

	(void)buf_printf(out, "%s%s", out->len ? "\n" : "", text);
}

static void send_files(struct shell *sh, struct asker *a, struct store_result *rows)
{
	struct blob *picture = rows->picture.bytes;
	/* Half of the room is for the records. */
	bool fits = picture && picture->len <= min_of(sh->file_limit, FILES_TOTAL_MAX / 2);
	enum image_type type = picture ? image_sniff(picture->data, picture->len) : IMAGE_OTHER;
	const char *ending = image_extension(type), *mime = image_mime(type);
	cleanup(freep) char *picture_name =
		fits ? xasprintf("last-picture.%s", ending ? ending : "bin") : NULL;
	struct member_facts facts = {a->user_id, sh->config.guild_id, shell_now(sh),
		limits_is_banned(&sh->limits, a->user_id),
		core_day_count(sh->core, a->user_id, shell_now(sh)), picture_name};
	struct picture_file files[DISCORD_FILES_MAX];
	char names[DISCORD_FILES_MAX][40];
	cleanup(buf_free) struct buf text = BUF(8 * KIB);
	cleanup(member_files_free) struct member_files made;
	size_t n = 0;

	member_export(rows, &facts, DISCORD_FILES_MAX - 1, sh->file_limit,
		FILES_TOTAL_MAX - (fits ? picture->len : 0), &made);
	for (; n < made.n; n++) {
		snprintf(names[n], sizeof(names[n]), "fullet-data-%zu.json", n + 1);
		files[n] = (struct picture_file){
			.name = names[n], .type = "application/json", .blob = made.at[n]};
	}
	if (fits)
		files[n++] = (struct picture_file){.name = picture_name,
			.type = mime ? mime : "application/octet-stream",
			.blob = picture};
	add_sentence(&text, TEXT_EXPORT_DONE, a->locale, 0);
	if (picture && !fits)
		add_sentence(&text, TEXT_EXPORT_NO_PICTURE, a->locale, 0);
	if (made.left_out)
		add_sentence(&text, TEXT_EXPORT_LEFT_OUT, a->locale, (int64_t)made.left_out);
	shell_call(sh, message_answer_files(a->application_id, a->token, buf_str(&text), files, n),
		CALL_PRIVACY_SENT, a->key, 0);
}

static void rows_read(void *arg, struct store_result *rows)
{
	struct pending *p = arg;
	struct asker *a = asker_find(p->shell, p->id);

	if (a && rows->error < 0) {
		say_text(p->shell, a, TEXT_EXPORT_FAILED);
		asker_free(p->shell, a);
	} else if (a) {
		send_files(p->shell, a, rows);
	}
	pending_free(p);
}

static void export_rows(struct shell *sh, const struct asker *a)
{
	struct store_query query = {
		.kind = STORE_READ_MEMBER, .id = a->user_id, .now_ms = shell_now(sh)};

	sh->ports.read(sh->ports.ctx, &query, rows_read, pending_new(sh, a->key, NULL, NULL));
}

/* ---- erasing ---- */

void privacy_erase_pressed(struct shell *sh, struct interaction *it, uint64_t id)
{
	if (id != it->user_id)
		shell_refuse(sh, it, TEXT_NOT_YOURS, NULL);
	else
		acknowledge(sh, it, true);
}

static void ask_to_erase(struct shell *sh, const struct interaction *it)
{
	cleanup(freep) char *question = text_make(TEXT_ERASE_ASK, it->locale, NULL);
	cleanup(freep) char *remains = text_make(TEXT_ERASE_REMAINS, it->locale, NULL);
	cleanup(freep) char *sentence = xasprintf("%s\n%s", question, remains);

	shell_answer_now(
		sh, message_ask(it, sentence, TEXT_BUTTON_ERASE, true, "erase", it->user_id));
}

/* The sentence and what remains elsewhere. */
static void say_of_erasing(
	struct shell *sh, const struct asker *a, enum text_id id, enum text_id more)
{
	cleanup(buf_free) struct buf text = BUF(8 * KIB);

	add_sentence(&text, id, a->locale, 0);
	if (more)
		add_sentence(&text, more, a->locale, 0);
	add_sentence(&text, TEXT_ERASE_REMAINS, a->locale, 0);
	say(sh, a, buf_str(&text));
}

void shell_privacy_saved(struct shell *sh, uint64_t user_id, bool ok)
{
	for (struct asker *a = sh->askers; a; a = a->next)
		if (a->erases && a->user_id == user_id && a->acknowledged && !a->begun) {
			a->begun = true;
			say_of_erasing(sh, a, ok ? TEXT_ERASE_BEGUN : TEXT_ERASE_UNSURE, TEXT_NONE);
		}
}

void shell_privacy_erased(struct shell *sh, uint64_t user_id, bool history_left)
{
	for (struct asker *a = sh->askers, *next; a; a = next) {
		next = a->next;
		if (!a->erases || a->user_id != user_id || !a->acknowledged)
			continue;
		say_of_erasing(
			sh, a, TEXT_ERASE_DONE, history_left ? TEXT_ERASE_HISTORY : TEXT_NONE);
		asker_free(sh, a);
	}
}

/* ---- the command ---- */

void command_privacy(struct shell *sh, struct interaction *it)
{
	if (str_eq(it->subcommand, "export"))
		acknowledge(sh, it, false);
	else if (str_eq(it->subcommand, "erase"))
		ask_to_erase(sh, it);
	else
		shell_refuse(sh, it, TEXT_UNKNOWN_COMMAND, NULL);
}

/* He has asked before, and that is being written down: both are told when it is. */
static bool is_being_written(const struct shell *sh, const struct asker *a)
{
	for (const struct asker *b = sh->askers; b; b = b->next)
		if (b != a && b->erases && b->user_id == a->user_id && b->acknowledged && !b->begun)
			return true;
	return false;
}

static void acknowledged(struct shell *sh, struct asker *a, bool ok)
{
	if (!ok) { /* he sees that it failed, and asks again */
		asker_free(sh, a);
	} else if (!a->erases) {
		export_rows(sh, a);
	} else {
		a->acknowledged = true;
		shell_log(
			sh, LOG_INFO, NULL, "user=%" PRIu64 " wants all of his erased", a->user_id);
		if (!core_erase(sh->core, a->user_id, shell_now(sh)) && !is_being_written(sh, a))
			shell_privacy_saved(sh, a->user_id, true);
	}
}

void shell_privacy_answer(struct shell *sh, struct rest_call *call)
{
	struct asker *a = asker_find(sh, call->tag);
	bool ok = call->outcome == REST_OK;

	if (!a)
		return;
	if (call->kind == CALL_PRIVACY_ACK) {
		acknowledged(sh, a, ok);
		return;
	}
	if (!ok)
		say_text(sh, a, TEXT_EXPORT_FAILED);
	asker_free(sh, a);
}
