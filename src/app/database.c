/* SPDX-License-Identifier: Apache-2.0 */
#include "app/database.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "app/shell_parts.h"

const char *database_where(const struct config *config)
{
	return config->database_url ? config->database_url : DATABASE_PATH;
}

int database_open(const char *where, const struct log *log, struct store_db **ret, char **ret_why)
{
	const struct timespec pause = {.tv_sec = 1};
	bool said = false;
	int r;

	/* SIGTERM and Ctrl-C end the program here as they end any other: nothing has begun. */
	while ((r = store_db_open(where, ret, ret_why)) == -ENOTCONN || r == -EAGAIN ||
		r == -ENOSPC) {
		if (!said)
			log_line(log, LOG_ERROR, "store", "waiting for the database: %s", *ret_why);
		said = true;
		free(take(*ret_why));
		nanosleep(&pause, NULL);
	}
	if (r == 0 && said)
		log_line(log, LOG_INFO, "store", "the database is there: %s", store_db_shown(*ret));
	return r;
}

/* ---- a database that is away while the bot runs ---- */

/* A restart of a server is no news for a channel. */
#define TELL_AFTER_MS 30000

static void tell(struct shell *sh, const char *sentence)
{
	if (sh->admin_channel_id)
		shell_call(sh, message_plain(sh->admin_channel_id, sentence), CALL_IGNORED, 0, 0);
}

int64_t shell_database(struct shell *sh, const char *why)
{
	struct shell_database *d = &sh->database;
	int64_t now_ms = shell_now(sh);

	if (why && !d->away) {
		d->since_ms = now_ms;
		shell_log(sh, LOG_ERROR, "store",
			"nothing can be stored: %s; what was accepted waits, a new request does "
			"for half a minute",
			why);
	} else if (!why && d->away) {
		shell_log(sh, LOG_INFO, "store", "the database is back after %d s",
			(int)((now_ms - d->since_ms) / 1000));
		if (d->told)
			tell(sh, "The database is back; all goes on. / La base de datos ha vuelto; "
				 "todo sigue.");
		d->told = false;
		core_database_back(sh->core, now_ms);
	}
	d->away = why != NULL;
	if (!d->away || d->told)
		return NEVER;
	if (now_ms - d->since_ms < TELL_AFTER_MS)
		return d->since_ms + TELL_AFTER_MS;
	d->told = true;
	tell(sh,
		"The database cannot be written: the bot's log tells why. What was accepted waits and "
		"goes on by itself; a new request waits for half a minute. / No se puede escribir en "
		"la base de datos: el registro del bot dice por qué. Lo aceptado espera y sigue "
		"solo; un pedido nuevo espera medio minuto.");
	return NEVER;
}
