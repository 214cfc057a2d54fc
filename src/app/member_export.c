/* SPDX-License-Identifier: Apache-2.0 */
#include "app/member_export.h"

#include <stdlib.h>

#include "base/date.h"
#include "base/json.h"
#include "core/job.h"
#include "discord/command.h"

/* What ends a file. */
static const char tail[] = "\n  ]\n}\n";

static void add_date(struct json_object *doc, const char *name, int64_t ms)
{
	char text[DATE_SIZE];

	if (ms <= 0 || ms / 1000 >= INT64_C(253402300800))
		return;
	date_iso(ms / 1000, text);
	json_add_str(doc, name, text);
}

static void add_text(struct json_object *doc, const char *name, const char *text)
{
	if (text && *text && utf8_valid(text, strlen(text)))
		json_add_str(doc, name, text);
}

static void add_id(struct json_object *doc, const char *name, uint64_t id)
{
	if (id)
		json_add_id(doc, name, id);
}

static struct json_object *job_json(const struct job_row *row)
{
	static const char *const outcomes[] = {"open", "picture", "apology"};
	struct json_object *doc = json_object_new_object(), *options;

	json_add_id(doc, "id", row->id);
	json_add_str(doc, "command", row->kind == COMMAND_EDIT ? "edit" : "imagine");
	add_text(doc, "name_at_that_time", row->username);
	add_text(doc, "language", row->locale);
	add_text(doc, "model", row->model);
	add_text(doc, "prompt", row->prompt);
	options = row->options ? json_parse(row->options, strlen(row->options), NULL) : NULL;
	if (options)
		json_add(doc, "options", options);
	add_text(doc, "picture_to_edit", row->input);
	json_add_id(doc, "seed", row->seed);
	json_add_int(doc, "pictures", row->pictures);
	json_add_bool(doc, "age_restricted", row->flags & JOB_RESTRICTED);
	add_date(doc, "asked", row->created_ms);
	add_date(doc, "started", row->started_ms);
	add_date(doc, "ended", row->finished_ms);
	json_add_int(doc, "duration_ms", row->duration_ms);
	json_add_str(doc, "step", job_step_name((enum job_step)row->step));
	if (row->outcome >= 0 && (size_t)row->outcome < countof(outcomes))
		json_add_str(doc, "outcome", outcomes[row->outcome]);
	add_text(doc, "why_no_picture", row->detail);
	if (row->number > 0)
		json_add_int(doc, "number", row->number);
	add_text(doc, "comfyui_prompt_id", row->prompt_id);
	add_id(doc, "interaction_id", row->interaction_id);
	add_id(doc, "asked_in_channel", row->origin_id);
	add_id(doc, "answered_in_channel", row->channel_id);
	add_id(doc, "answer_message", row->result_id);
	add_id(doc, "progress_message", row->live_id);
	return doc;
}

static struct json_object *channel_json(const struct session_row *row)
{
	struct json_object *doc = json_object_new_object();

	add_id(doc, "channel_id", row->channel_id);
	add_date(doc, "last_used", row->active_ms);
	add_date(doc, "its_end_was_announced", row->warned_ms);
	json_add_bool(doc, "age_restricted", row->flags & SESSION_AGE_RESTRICTED);
	json_add_bool(doc, "private_thread", row->flags & SESSION_THREAD);
	json_add_bool(doc, "to_be_erased", row->flags & SESSION_ERASE);
	return doc;
}

static struct json_object *picture_json(const struct store_picture *p, const char *file)
{
	struct json_object *doc = json_object_new_object();

	add_text(doc, "name", p->name);
	add_date(doc, "at", p->at_ms);
	json_add_int(doc, "bytes", (int64_t)p->bytes->len);
	add_text(doc, "file", file);
	return doc;
}

/* All but the jobs. */
static struct json_object *head_json(
	const struct store_result *rows, const struct member_facts *facts)
{
	struct json_object *doc = json_object_new_object();

	json_add_str(doc, "about", "All that FuLLet stores about this member. Times are UTC.");
	add_date(doc, "made", facts->now_ms);
	json_add_id(doc, "user_id", facts->user_id);
	json_add_id(doc, "server_id", facts->guild_id);
	json_add_bool(doc, "banned_from_asking", facts->banned);
	json_add_int(doc, "pictures_asked_for_today", facts->pictures_today);
	json_add(doc, "private_channel", rows->has_session ? channel_json(&rows->session) : NULL);
	json_add(doc, "last_picture",
		rows->picture.bytes ? picture_json(&rows->picture, facts->picture_file) : NULL);
	json_add_int(doc, "number_of_jobs", (int64_t)rows->n_jobs);
	return doc;
}

static const char *pretty(struct json_object *doc)
{
	return json_object_to_json_string_ext(doc,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
}

/* Begins a file: an object that lacks its end, with the list of jobs open. */
static void open_file(struct buf *out, struct json_object *head)
{
	const char *text = head ? pretty(head) : "{\n}";

	(void)buf_add(out, text, strlen(text) - 2); /* without "\n}" */
	(void)buf_add_str(out, head ? ",\n  \"jobs\": [\n" : "\n  \"jobs\": [\n");
}

void member_export(const struct store_result *rows, const struct member_facts *facts,
	size_t files_max, size_t file_max, size_t total_max, struct member_files *ret)
{
	cleanup(json_put) struct json_object *head = head_json(rows, facts);
	struct buf out = BUF(file_max);
	size_t total = 0, in_file = 0, i = 0;

	*ret = (struct member_files){0};
	files_max = min_of(files_max, (size_t)DISCORD_FILES_MAX);
	open_file(&out, head);
	while (i < rows->n_jobs) {
		cleanup(json_put) struct json_object *doc = job_json(&rows->jobs[i]);
		const char *text = pretty(doc);
		size_t n = strlen(text) + sizeof(tail) + 2;

		if (total + out.len + n > total_max || (!in_file && out.len + n > file_max))
			break;
		if (out.len + n > file_max) {
			if (ret->n + 1 >= files_max)
				break;
			(void)buf_add_str(&out, tail);
			total += out.len;
			ret->at[ret->n++] = blob_take(&out);
			out = (struct buf)BUF(file_max);
			open_file(&out, NULL);
			in_file = 0;
			continue;
		}
		(void)buf_add_str(&out, in_file++ ? ",\n" : "");
		(void)buf_add_str(&out, text);
		i++;
	}
	(void)buf_add_str(&out, tail);
	ret->at[ret->n++] = blob_take(&out);
	ret->left_out = rows->n_jobs - i;
}

void member_files_free(struct member_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		files->at[i] = blob_drop(files->at[i]);
	files->n = 0;
}
