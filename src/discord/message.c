/* SPDX-License-Identifier: Apache-2.0 */
#include "discord/message.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "discord/call.h"

/* Discord's numbers. */
enum { CALLBACK_MESSAGE = 4, CALLBACK_DEFER = 5, CALLBACK_CHOICES = 8 };
enum { COMPONENT_ROW = 1, COMPONENT_BUTTON = 2 };
enum { BUTTON_SECONDARY = 2, BUTTON_DANGER = 4 };
#define FLAG_EPHEMERAL 64
/* Discord: interactions must be answered within 3 s; a later answer is worth nothing. */
#define CALLBACK_TIMEOUT_MS 3000

#define BAR_CELLS 10

/* ---- parts of bodies ---- */

/* Nobody is pinged but `user_id` (0: nobody at all). Discord: parse and a list exclude each
 * other per kind, so parse stays empty. */
static void add_mentions(struct json_object *body, uint64_t user_id)
{
	struct json_object *mentions = json_object_new_object();
	char id[24];

	json_add(mentions, "parse", json_object_new_array());
	if (user_id) {
		struct json_object *users = json_object_new_array();

		snprintf(id, sizeof(id), "%" PRIu64, user_id);
		json_object_array_add(users, json_object_new_string(id));
		json_add(mentions, "users", users);
	}
	json_add(body, "allowed_mentions", mentions);
}

/* A message body that Discord takes: never empty (50006), never too long. */
static struct json_object *message_body(const char *content, uint64_t mention_id)
{
	struct json_object *body = json_object_new_object();
	cleanup(freep) char *text = text_repair(content ? content : "");

	text_cut(text, MESSAGE_UNITS_MAX);
	json_add_str(body, "content", text[strspn(text, " \t\r\n")] ? text : "…");
	add_mentions(body, mention_id);
	return body;
}

/* Discord: for some minutes a second message with the same nonce gives back the first one. */
static void add_nonce(struct json_object *body, char kind, uint64_t job_id)
{
	char nonce[26];

	snprintf(nonce, sizeof(nonce), "%c%" PRIu64, kind, job_id);
	json_add_str(body, "nonce", nonce);
	json_add_bool(body, "enforce_nonce", true);
}

static struct json_object *button(int style, enum text_id label, const char *locale,
	const char *action, uint64_t job_id, bool disabled)
{
	struct json_object *b = json_object_new_object();
	cleanup(freep) char *text = text_make(label, locale, NULL);
	cleanup(freep) char *id = xasprintf("v1:%s:%" PRIu64, action, job_id);

	json_add_int(b, "type", COMPONENT_BUTTON);
	json_add_int(b, "style", style);
	json_add_str(b, "label", text);
	json_add_str(b, "custom_id", id);
	if (disabled)
		json_add_bool(b, "disabled", true);
	return b;
}

/* The components of a message with one button; NULL: none. */
static struct json_object *one_row(struct json_object *b)
{
	struct json_object *components = json_object_new_array();
	struct json_object *row, *inside;

	if (!b)
		return components;
	row = json_object_new_object();
	inside = json_object_new_array();
	json_object_array_add(inside, b);
	json_add_int(row, "type", COMPONENT_ROW);
	json_add(row, "components", inside);
	json_object_array_add(components, row);
	return components;
}

/* An entry of `attachments`: id is the number of the uploaded part, or a kept attachment's id. */
static void add_attachment(
	struct json_object *attachments, uint64_t id, const char *filename, const char *description)
{
	struct json_object *a = json_object_new_object();

	json_add_id(a, "id", id);
	if (filename)
		json_add_str(a, "filename", filename);
	if (description && *description)
		json_add_str(a, "description", description);
	json_object_array_add(attachments, a);
}

/* ---- interactions ---- */

static struct rest_call *callback(
	const struct interaction *it, uint32_t flags, int type, struct json_object *data)
{
	cleanup(freep) char *token = url_encode(it->token);
	struct json_object *body = json_object_new_object();
	struct rest_call *call = rest_call_new(HTTP_POST, "POST /interactions/{}/{}/callback",
		it->token, REST_INTERACTION | REST_URGENT | flags);

	call->http.url = xasprintf("/interactions/%" PRIu64 "/%s/callback", it->id, token);
	call->http.timeout_ms = CALLBACK_TIMEOUT_MS;
	json_add_int(body, "type", type);
	json_add(body, "data", data);
	call_body(call, body);
	return call;
}

struct rest_call *message_defer(const struct interaction *it)
{
	struct json_object *data;

	if (it->kind == INTERACTION_AUTOCOMPLETE)
		return message_choices(it, NULL, 0);
	data = json_object_new_object();
	json_add_int(data, "flags", FLAG_EPHEMERAL);
	return callback(it, REST_REPEATABLE, CALLBACK_DEFER, data);
}

struct rest_call *message_refuse(const struct interaction *it, const char *sentence)
{
	struct json_object *data;

	/* Discord: an autocomplete takes nothing but choices; none is a refusal too. */
	if (it->kind == INTERACTION_AUTOCOMPLETE)
		return message_choices(it, NULL, 0);
	data = message_body(sentence, 0);
	json_add_int(data, "flags", FLAG_EPHEMERAL);
	return callback(it, REST_REPEATABLE, CALLBACK_MESSAGE, data);
}

struct rest_call *message_ask(const struct interaction *it, const char *sentence,
	enum text_id label, bool danger, const char *action, uint64_t id)
{
	struct json_object *data = message_body(sentence, 0);

	json_add_int(data, "flags", FLAG_EPHEMERAL);
	json_add(data, "components",
		one_row(button(danger ? BUTTON_DANGER : BUTTON_SECONDARY, label, it->locale, action,
			id, false)));
	return callback(it, REST_REPEATABLE, CALLBACK_MESSAGE, data);
}

struct rest_call *message_callback(const struct interaction *it, int type, struct json_object *data)
{
	return callback(it, REST_REPEATABLE, type, data);
}

struct rest_call *message_choices(
	const struct interaction *it, const struct choice *choices, size_t n)
{
	struct json_object *data = json_object_new_object();
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < n && json_len(array) < CHOICES_MAX; i++) {
		cleanup(freep) char *name = text_plain(choices[i].name, CHOICE_UNITS_MAX);
		const char *value = choices[i].value;
		struct json_object *c;

		text_cut(name, CHOICE_UNITS_MAX);
		/* Discord refuses the whole answer for one empty name or one long value; a
		 * shortened value would name something else, so such a choice is left out. */
		if (!*name || !value || !*value || !utf8_valid(value, strlen(value)) ||
			text_utf16_len(value) > CHOICE_UNITS_MAX)
			continue;
		c = json_object_new_object();
		json_add_str(c, "name", name);
		json_add_str(c, "value", value);
		json_object_array_add(array, c);
	}
	json_add(data, "choices", array);
	/* Not repeated: by then the member has typed on, and Discord asks again. */
	return callback(it, REST_ONCE, CALLBACK_CHOICES, data);
}

static struct rest_call *answer_call(uint64_t application_id, const char *token)
{
	cleanup(freep) char *encoded = url_encode(token);
	struct rest_call *call =
		rest_call_new(HTTP_PATCH, "PATCH /webhooks/{}/{}/messages/@original", token,
			REST_INTERACTION | REST_REPEATABLE);

	call->http.url =
		xasprintf("/webhooks/%" PRIu64 "/%s/messages/@original", application_id, encoded);
	return call;
}

struct rest_call *message_answer(uint64_t application_id, const char *token, const char *sentence)
{
	struct rest_call *call = answer_call(application_id, token);

	call_body(call, message_body(sentence, 0));
	return call;
}

struct rest_call *message_reply(uint64_t channel_id, uint64_t to_id, const char *sentence)
{
	struct json_object *body = message_body(sentence, 0);
	struct json_object *reference = json_object_new_object();
	struct rest_call *call = call_make(HTTP_POST, "POST /channels/{}/messages", channel_id,
		REST_REPEATABLE, "/channels/%" PRIu64 "/messages", channel_id);

	json_add_id(reference, "message_id", to_id);
	json_add_bool(reference, "fail_if_not_exists", false);
	json_add(body, "message_reference", reference);
	add_nonce(body, 'a', to_id);
	call_body(call, body);
	return call;
}

struct rest_call *message_answer_files(uint64_t application_id, const char *token,
	const char *sentence, const struct picture_file *files, size_t n)
{
	struct rest_call *call = answer_call(application_id, token);
	struct json_object *body = message_body(sentence, 0);
	struct json_object *attachments = json_object_new_array();

	must(n <= DISCORD_FILES_MAX);
	for (size_t i = 0; i < n; i++)
		add_attachment(attachments, i, files[i].name, NULL);
	json_add(body, "attachments", attachments);
	call_payload(call, body);
	for (size_t i = 0; i < n; i++)
		call_file(call, i, files[i].name, files[i].type, files[i].blob, files[i].data,
			files[i].len);
	return call;
}

/* ---- the live message ---- */

static char *progress_bar(const struct live_view *view)
{
	struct buf bar = BUF(512);
	int percent = min_of(view->percent, 100);

	if (percent < 0) {
		cleanup(freep) char *drawing = text_make(TEXT_LIVE_DRAWING, view->locale, NULL);

		for (int i = 0; i < BAR_CELLS; i++)
			must(buf_add_str(&bar, "▒") == 0);
		must(buf_printf(&bar, " %s", drawing) == 0);
		return buf_take(&bar);
	}
	for (int i = 0; i < BAR_CELLS; i++)
		must(buf_add_str(&bar, i < percent * BAR_CELLS / 100 ? "▓" : "░") == 0);
	must(buf_printf(&bar, " %d %%", percent) == 0);
	return buf_take(&bar);
}

static char *state_line(const struct live_view *view)
{
	struct text_args args = {0};
	cleanup(freep) char *duration = NULL;

	switch (view->state) {
	case LIVE_QUEUED:
		args.number = view->position;
		args.text = duration = text_about(view->left_ms);
		return text_make(view->paused	   ? TEXT_LIVE_PAUSED
				 : view->no_gpu	   ? TEXT_LIVE_NO_GPU
				 : view->no_memory ? TEXT_LIVE_NO_MEMORY
						   : TEXT_LIVE_QUEUED,
			view->locale, &args);
	case LIVE_STARTING:
		return text_make(TEXT_LIVE_STARTING, view->locale, NULL);
	case LIVE_RUNNING:
		return progress_bar(view);
	case LIVE_SENDING:
		return text_make(TEXT_LIVE_SENDING, view->locale, NULL);
	case LIVE_DONE:
		duration = view->duration_ms > 0 ? text_duration(view->duration_ms, view->locale)
						 : NULL;
		args.text = duration;
		return text_make(TEXT_LIVE_DONE, view->locale, &args);
	case LIVE_SORRY:
		return text_make(TEXT_LIVE_SORRY, view->locale, NULL);
	}
	must(!"a state of the live message");
	return NULL;
}

static char *live_content(const struct live_view *view)
{
	cleanup(freep) char *title = text_clean(view->title, TITLE_CHARS_MAX);
	cleanup(freep) char *prompt = text_clean(view->prompt, LIVE_PROMPT_CHARS_MAX);
	cleanup(freep) char *state = state_line(view);

	return xasprintf("%s%s%s%s%s%s%s", *title ? "**" : "", title, *title ? "**" : "",
		*title && *prompt ? " · " : "", prompt, *title || *prompt ? "\n" : "", state);
}

/* While its picture is being sent the button stays, greyed out: it carries the job's id, by which
 * the message is found again after a crash in that moment. */
static struct json_object *live_components(const struct live_view *view)
{
	if (view->state == LIVE_DONE || view->state == LIVE_SORRY)
		return one_row(NULL);
	return one_row(button(BUTTON_DANGER, TEXT_BUTTON_CANCEL, view->locale, "cancel",
		view->job_id, view->state == LIVE_SENDING));
}

static const char *preview_ending(const struct live_view *view)
{
	return str_eq(view->preview_type, "image/png")	  ? "png"
	       : str_eq(view->preview_type, "image/webp") ? "webp"
							  : "jpg";
}

static void add_preview_embed(struct json_object *body, const char *filename)
{
	cleanup(freep) char *url = xasprintf("attachment://%s", filename);
	struct json_object *embeds = json_object_new_array();
	struct json_object *embed = json_object_new_object();
	struct json_object *image = json_object_new_object();

	json_add_str(image, "url", url);
	json_add(embed, "image", image);
	json_object_array_add(embeds, embed);
	json_add(body, "embeds", embeds);
}

/*
 * Discord: `attachments` of an edit lists everything that remains; what is not in
 * it is dropped. Without a known id for a preview to keep, both members are left out,
 * which keeps them as they are.
 */
static void live_fill(
	struct rest_call *call, struct json_object *body, const struct live_view *view, bool edit)
{
	cleanup(freep) char *name =
		xasprintf("fullet-%" PRIu64 "-preview.%s", view->job_id, preview_ending(view));
	bool running = view->state == LIVE_RUNNING;
	bool keep = running && edit && view->keep_preview;
	bool upload = running && !keep && view->preview && view->preview_len > 0 &&
		      view->preview_len <= PREVIEW_MAX;
	struct json_object *attachments;

	if (keep && !view->preview_attachment) {
		call_body(call, body);
		return;
	}
	attachments = json_object_new_array();
	if (upload || keep)
		add_preview_embed(body, name);
	else if (edit)
		json_add(body, "embeds", json_object_new_array());
	if (upload)
		add_attachment(attachments, 0, name, NULL);
	else if (keep)
		add_attachment(attachments, view->preview_attachment, NULL, NULL);
	if (upload || edit)
		json_add(body, "attachments", attachments);
	else
		json_put(&attachments);
	if (!upload) {
		call_body(call, body);
		return;
	}
	call_payload(call, body);
	call_file(call, 0, name, view->preview_type ? view->preview_type : "image/jpeg", NULL,
		view->preview, view->preview_len);
}

struct rest_call *message_live_create(uint64_t channel_id, const struct live_view *view)
{
	cleanup(freep) char *content = live_content(view);
	struct json_object *body = message_body(content, 0);
	struct rest_call *call = call_make(HTTP_POST, "POST /channels/{}/messages", channel_id,
		REST_REPEATABLE, "/channels/%" PRIu64 "/messages", channel_id);

	json_add(body, "components", live_components(view));
	add_nonce(body, 'l', view->job_id);
	live_fill(call, body, view, false);
	return call;
}

struct rest_call *message_live_edit(
	uint64_t channel_id, uint64_t message_id, const struct live_view *view)
{
	bool final = view->state == LIVE_DONE || view->state == LIVE_SORRY;
	cleanup(freep) char *content = live_content(view);
	struct json_object *body = message_body(content, 0);
	struct rest_call *call = call_make(HTTP_PATCH, "PATCH /channels/{}/messages/{}", channel_id,
		REST_REPEATABLE | (final ? 0 : REST_BACKGROUND),
		"/channels/%" PRIu64 "/messages/%" PRIu64, channel_id, message_id);

	json_add(body, "components", live_components(view));
	live_fill(call, body, view, true);
	call->coalesce = message_id;
	return call;
}

/* ---- the end of a job ---- */

static void add_chosen(struct buf *text, const struct picture_view *view)
{
	cleanup(freep) char *lora = view->lora ? text_clean(view->lora, TITLE_CHARS_MAX) : NULL;
	cleanup(freep) char *cfg = view->cfg ? text_clean(view->cfg, TITLE_CHARS_MAX) : NULL;
	cleanup(freep) char *steps = view->steps ? text_make(TEXT_STEPS, view->locale,
							   &(struct text_args){.text = view->steps})
						 : NULL;

	if (steps)
		must(buf_printf(text, " · %s", steps) == 0);
	if (cfg)
		must(buf_printf(text, " · cfg %s", cfg) == 0);
	if (lora)
		must(buf_printf(text, " · LoRA %s", lora) == 0);
}

static char *picture_content(const struct picture_view *view)
{
	struct buf text = BUF(16 * KIB);
	cleanup(freep) char *title = text_clean(view->title, TITLE_CHARS_MAX);
	cleanup(freep) char *prompt = text_clean(view->prompt, PICTURE_PROMPT_CHARS_MAX);
	cleanup(freep) char *digits = xasprintf("%" PRIu64, view->seed);
	cleanup(freep) char *seed =
		text_make(TEXT_SEED, view->locale, &(struct text_args){.text = digits});

	must(buf_printf(&text, "<@%" PRIu64 "> ", view->user_id) == 0);
	if (*title)
		must(buf_printf(&text, "**%s**", title) == 0);
	if (!view->no_seed)
		must(buf_printf(&text, "%s%s", *title ? " · " : "", seed) == 0);
	if (view->width > 0 && view->height > 0)
		must(buf_printf(&text, " · %d×%d", view->width, view->height) == 0);
	add_chosen(&text, view);
	if (view->duration_ms > 0) {
		cleanup(freep) char *duration = text_duration(view->duration_ms, view->locale);

		must(buf_printf(&text, " · %s", duration) == 0);
	}
	if (*prompt)
		must(buf_printf(&text, "\n%s", prompt) == 0);
	return buf_take(&text);
}

/* The ending of the file's name when it is a harmless one, else one that fits its type. Discord
 * rewrites names with anything but [a-z0-9.-]. The caller owns it. */
static char *file_ending(const struct picture_file *file)
{
	static const struct {
		const char *type, *ending;
	} types[] = {{"image/png", "png"}, {"image/jpeg", "jpg"}, {"image/webp", "webp"},
		{"image/gif", "gif"}, {"image/avif", "avif"}, {"video/mp4", "mp4"},
		{"video/webm", "webm"}, {"audio/mpeg", "mp3"}, {"audio/flac", "flac"}};
	const char *dot = file->name ? strrchr(file->name, '.') : NULL;
	size_t n = dot ? strlen(dot + 1) : 0;
	char *ending;

	if (n >= 1 && n <= 5) {
		ending = xstrdup(dot + 1);
		for (char *c = ending; *c; c++)
			*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
		if (strspn(ending, "abcdefghijklmnopqrstuvwxyz0123456789") == n)
			return ending;
		free(ending);
	}
	for (size_t i = 0; i < countof(types); i++)
		if (str_eq(file->type, types[i].type))
			return xstrdup(types[i].ending);
	return xstrdup("bin");
}

static char *picture_name(const struct picture_view *view, size_t index)
{
	cleanup(freep) char *ending = file_ending(&view->files[index]);

	if (index == 0)
		return xasprintf("fullet-%" PRIu64 ".%s", view->job_id, ending);
	return xasprintf("fullet-%" PRIu64 "-%zu.%s", view->job_id, index + 1, ending);
}

struct rest_call *message_picture(uint64_t channel_id, const struct picture_view *view)
{
	cleanup(freep) char *content = picture_content(view);
	cleanup(freep) char *alt = text_plain(view->prompt, ALT_TEXT_CHARS_MAX);
	struct json_object *body = message_body(content, view->user_id);
	struct json_object *attachments = json_object_new_array();
	struct rest_call *call = call_make(HTTP_POST, "POST /channels/{}/messages", channel_id,
		REST_REPEATABLE, "/channels/%" PRIu64 "/messages", channel_id);

	must(view->n_files >= 1 && view->n_files <= DISCORD_FILES_MAX);
	for (size_t i = 0; i < view->n_files; i++) {
		cleanup(freep) char *name = picture_name(view, i);

		add_attachment(attachments, i, name, alt);
	}
	json_add(body, "attachments", attachments);
	if (view->can_edit)
		json_add(body, "components",
			one_row(button(BUTTON_SECONDARY, TEXT_BUTTON_EDIT, view->locale, "edit",
				view->job_id, false)));
	add_nonce(body, 'p', view->job_id);
	call_payload(call, body);
	for (size_t i = 0; i < view->n_files; i++) {
		const struct picture_file *file = &view->files[i];
		cleanup(freep) char *name = picture_name(view, i);

		call_file(call, i, name, file->type ? file->type : "application/octet-stream",
			file->blob, file->data, file->len);
	}
	return call;
}

struct rest_call *message_sorry(uint64_t channel_id, uint64_t job_id, uint64_t user_id,
	const char *locale, const char *sentence)
{
	cleanup(freep) char *content =
		xasprintf("<@%" PRIu64 "> %s", user_id, sentence ? sentence : "");
	struct json_object *body = message_body(content, user_id);
	struct rest_call *call = call_make(HTTP_POST, "POST /channels/{}/messages", channel_id,
		REST_REPEATABLE, "/channels/%" PRIu64 "/messages", channel_id);

	json_add(body, "components",
		one_row(button(
			BUTTON_SECONDARY, TEXT_BUTTON_AGAIN, locale, "again", job_id, false)));
	add_nonce(body, 's', job_id);
	call_body(call, body);
	return call;
}

struct rest_call *message_plain(uint64_t channel_id, const char *sentence)
{
	/* Without a nonce a repetition would be a second message. */
	struct rest_call *call = call_make(HTTP_POST, "POST /channels/{}/messages", channel_id, 0,
		"/channels/%" PRIu64 "/messages", channel_id);

	call_body(call, message_body(sentence, 0));
	return call;
}
