/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "app/command_line.h"
#include "app/config.h"
#include "app/database.h"
#include "store/backup.h"

/* `fullet backup FILE` and `fullet restore FILE [--force]`. */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int backup(const struct config *config, const char *path)
{
	cleanup(freep) char *summary = NULL;
	struct store_db *db = NULL;
	char *why = NULL;
	int r = store_db_open_shared(database_where(config), &db, &why);

	if (r == 0)
		r = backup_write(db, path, now_ms(), &summary, &why);
	if (r == 0)
		printf("%s: all of %s (%s)\n", path, store_db_shown(db), summary);
	store_db_close(db);
	return r == 0 ? 0 : command_failed(why, r);
}

static int restore(const struct config *config, const char *path, bool force)
{
	cleanup(freep) char *summary = NULL;
	struct store_db *db = NULL;
	char *why = NULL;
	int r = backup_check(path, &why);

	if (r == 0)
		r = store_db_open(database_where(config), &db, &why);
	if (r == 0)
		r = backup_restore(db, path, force, &summary, &why);
	if (r == 0)
		printf("%s: now holds all of %s (%s)\n", store_db_shown(db), path, summary);
	store_db_close(db);
	return r == 0 ? 0 : command_failed(why, r);
}

static int usage(const char *text)
{
	fprintf(stderr, "usage: fullet %s\n", text);
	return 2;
}

static int with_config(const char *path, bool is_restore, bool force)
{
	struct config config;
	char *why = NULL;
	int status;

	if (config_load(&config, command_warn, NULL, &why) < 0)
		return command_failed(why, -EINVAL);
	status = is_restore ? restore(&config, path, force) : backup(&config, path);
	config_free(&config);
	return status;
}

int command_backup(int argc, char **argv)
{
	if (argc != 1 || argv[0][0] == '-' || !argv[0][0])
		return usage("backup FILE");
	return with_config(argv[0], false, false);
}

int command_restore(int argc, char **argv)
{
	const char *path = NULL;
	bool force = false;

	for (int i = 0; i < argc; i++) {
		if (str_eq(argv[i], "--force"))
			force = true;
		else if (!path && argv[i][0] && argv[i][0] != '-')
			path = argv[i];
		else
			return usage("restore FILE [--force]");
	}
	return path ? with_config(path, true, force) : usage("restore FILE [--force]");
}
