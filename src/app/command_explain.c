/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/command_line.h"
#include "app/config.h"
#include "app/database.h"
#include "app/shell_parts.h"
#include "base/date.h"
#include "io/question.h"

/* `fullet explain JOB`: the bot that runs tells of what it has in hand, the database of all else.
 */

/* Names in it are other people's: nothing of them reaches the terminal but letters. */
static void print(const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c >= ' ' || *c == '\n')
			putchar(*c);
}

static void print_time(const char *what, int64_t ms)
{
	char text[DATE_SIZE];

	if (!ms)
		return;
	date_iso(ms / 1000, text);
	printf("  %s %s\n", what, text);
}

/* As its member reads it, in English. */
static void print_apology(const struct job_row *row)
{
	char english[] = "en-US";
	struct job job = {.row = *row};
	char *sentence;

	job.row.locale = english;
	sentence = shell_sorry_text(&job);
	printf("  ");
	print(sentence);
	printf("\n");
	free(sentence);
}

static void print_row(const struct job_row *row)
{
	cleanup(freep) char *head = xasprintf("job %" PRIu64 " of %s, %s: %s\n", row->id,
		row->username ? row->username : "a member", row->model ? row->model : "?",
		job_step_name((enum job_step)row->step));

	print(head);
	print_time("asked for", row->created_ms);
	if (row->gpu)
		printf("  its card: %s%s\n", row->gpu,
			row->submits > 1 ? ", after other tries" : "");
	if (row->duration_ms)
		printf("  drawn in %.1f s\n", (double)row->duration_ms / 1000);
	print_time("ended", row->finished_ms);
	if (row->reason) {
		printf("  ");
		print(row->reason);
		printf("\n");
	}
	if (row->outcome == OUTCOME_APOLOGY)
		print_apology(row);
}

static int from_database(const struct config *config, uint64_t id)
{
	struct job_row row = {0};
	struct store_db *db = NULL;
	char *why = NULL;
	int r = store_db_open_shared(database_where(config), &db, &why);

	if (r == 0)
		r = store_db_job(db, id, &row);
	store_db_close(db);
	if (r == -ENOENT && !why)
		why = xasprintf("there is no job %" PRIu64, id);
	if (r < 0)
		return command_failed(why, r);
	print_row(&row);
	job_row_free(&row);
	return 0;
}

static int explain(const struct config *config, uint64_t id)
{
	cleanup(freep) char *question = xasprintf("explain %" PRIu64, id), *answer = NULL;
	int r = config->discord_token ? question_ask(config->discord_token, question, &answer)
				      : -ENOENT;

	if (r == 0)
		print(answer);
	else if (r != -ENOENT && r != -ENODATA)
		fprintf(stderr,
			"fullet: the bot that runs does not tell (%s): this is what the database "
			"has\n",
			strerror(-r));
	return r == 0 ? 0 : from_database(config, id);
}

int command_explain(int argc, char **argv)
{
	struct config config;
	uint64_t id;
	char *why = NULL;
	int status;

	if (argc != 1 || parse_u64(argv[0], &id) < 0) {
		fprintf(stderr, "usage: fullet explain JOB\n"
				"JOB is the number in the log and in the picture's name.\n");
		return 2;
	}
	if (config_load(&config, command_warn, NULL, &why) < 0)
		return command_failed(why, -EINVAL);
	status = explain(&config, id);
	config_free(&config);
	return status;
}
