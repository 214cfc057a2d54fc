/* SPDX-License-Identifier: Apache-2.0 */
#include "comfy/history.h"

#include <errno.h>
#include <stdlib.h>

#include "base/json.h"
#include "comfy/failure.h"
#include "comfy/reply.h"

#define ERROR_TEXT_MAX 300
/* What is longer is a clock that was set. */
#define RUN_MS_MAX (INT64_C(24) * 3600 * 1000)

void history_cut(struct history *history, size_t n)
{
	while (history->n_files > n) {
		struct output_file *file = &history->files[--history->n_files];

		free(take(file->filename));
		free(take(file->subfolder));
	}
}

void history_free(struct history *history)
{
	free(history->text);
	history_cut(history, 0);
	*history = (struct history){0};
}

char *error_text(struct json_object *data, bool *ret_out_of_memory)
{
	const char *type = json_str(data, "exception_type");
	const char *message = json_str(data, "exception_message");
	cleanup(freep) char *line = comfy_line(message ? message : "", ERROR_TEXT_MAX);

	/* torch.OutOfMemoryError, torch.cuda.OutOfMemoryError; other libraries raise a plain
	 * RuntimeError and say so only in words. */
	*ret_out_of_memory =
		(type && strstr(type, "OutOfMemoryError")) || strcasestr(line, "out of memory");
	if (!*line && type) {
		free(line);
		line = comfy_line(type, ERROR_TEXT_MAX);
	}
	if (!*line) {
		free(line);
		line = xstrdup("the run failed without saying why");
	}
	return take(line);
}

static void add_file(struct history *history, struct json_object *item)
{
	const char *name = json_str(item, "filename"), *folder = json_str(item, "subfolder");

	/* PreviewImage leaves "temp" files; an uploaded picture shown again is "input". */
	if (!name || !*name || !str_eq(json_str(item, "type"), "output"))
		return;
	folder = folder ? folder : "";
	for (size_t i = 0; i < history->n_files; i++)
		if (str_eq(history->files[i].filename, name) &&
			str_eq(history->files[i].subfolder, folder))
			return;
	if (history->n_files < countof(history->files))
		history->files[history->n_files++] =
			(struct output_file){xstrdup(name), xstrdup(folder)};
}

/* images, gifs, video, audio, 3d: whatever the node calls its list, a file has these members. */
static void read_outputs(struct history *history, struct json_object *outputs)
{
	if (!json_object_is_type(outputs, json_type_object))
		return;
	json_object_object_foreach(outputs, node, output)
	{
		(void)node;
		if (!json_object_is_type(output, json_type_object))
			continue;
		json_object_object_foreach(output, name, list)
		{
			(void)name;
			for (size_t i = 0; i < json_len(list); i++)
				add_file(history, json_object_array_get_idx(list, i));
		}
	}
}

/* The last time at which the event happened, in ms; 0: it did not, or that is not told. */
static int64_t time_of(struct json_object *messages, const char *event)
{
	for (size_t i = json_len(messages); i-- > 0;) {
		struct json_object *message = json_object_array_get_idx(messages, i);

		if (str_eq(json_str(message, "0"), event))
			return json_int(message, "1.timestamp", 0);
	}
	return 0;
}

static int64_t run_ms_of(struct json_object *messages)
{
	int64_t start_ms = time_of(messages, "execution_start");
	int64_t end_ms = time_of(messages, "execution_success");

	return start_ms > 0 && end_ms > start_ms && end_ms - start_ms <= RUN_MS_MAX
		       ? end_ms - start_ms
		       : 0;
}

static void read_status(struct history *history, struct json_object *status)
{
	struct json_object *messages = json_array(status, "messages");
	const char *text = json_str(status, "status_str");

	history->outcome = HISTORY_FINISHED;
	/* Very old servers keep no status; being in the history then means having run. */
	if (!str_eq(text, "error")) {
		history->run_ms = run_ms_of(messages);
		return;
	}
	history->outcome = HISTORY_FAILED;
	for (size_t i = json_len(messages); i-- > 0;) {
		struct json_object *message = json_object_array_get_idx(messages, i);
		const char *event = json_str(message, "0");

		if (str_eq(event, "execution_interrupted")) {
			history->outcome = HISTORY_INTERRUPTED;
			return;
		}
		if (str_eq(event, "execution_error")) {
			history->text = error_text(json_at(message, "1"), &history->out_of_memory);
			history->machine = failure_is_the_machines(json_at(message, "1"));
			return;
		}
	}
	history->text = error_text(NULL, &history->out_of_memory);
}

int history_read(struct json_object *doc, const char *prompt_id, struct history *ret)
{
	struct json_object *entry;
	struct history history = {0};

	if (!json_object_is_type(doc, json_type_object))
		return -EINVAL;
	entry = json_member(doc, prompt_id);
	if (!entry && json_object_object_length(doc) > 0)
		return -EINVAL;
	if (entry) {
		if (!json_object_is_type(entry, json_type_object))
			return -EINVAL;
		read_status(&history, json_member(entry, "status"));
		read_outputs(&history, json_member(entry, "outputs"));
	}
	*ret = history;
	return 0;
}

static bool find_in(struct json_object *list, const char *prompt_id, struct queue_item *item)
{
	/* [number, prompt_id, prompt, extra_data, [output ids]] */
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);

		if (!str_eq(json_str(entry, "1"), prompt_id))
			continue;
		item->graph = json_at(entry, "2");
		item->client_id = json_str(entry, "3.client_id");
		return true;
	}
	return false;
}

int queue_find(struct json_object *doc, const char *prompt_id, struct queue_item *ret)
{
	struct json_object *running = json_array(doc, "queue_running");
	struct json_object *pending = json_array(doc, "queue_pending");
	struct queue_item item = {.place = QUEUE_ABSENT};

	if (!running || !pending)
		return -EINVAL;
	if (find_in(running, prompt_id, &item))
		item.place = QUEUE_RUNNING;
	else if (find_in(pending, prompt_id, &item))
		item.place = QUEUE_PENDING;
	if (json_len(running) > 0)
		item.runs = json_str(json_object_array_get_idx(running, 0), "1");
	*ret = item;
	return 0;
}
