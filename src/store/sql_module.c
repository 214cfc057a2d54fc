/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/database_url.h"
#include "store/sql.h"

#ifndef FULLET_LIBDIR
#define FULLET_LIBDIR "/usr/local/lib/fullet"
#endif

struct module {
	const char *file, *server, *package;
};

static const struct module *module_of(enum sql_dialect dialect)
{
	static const struct module modules[] = {
		{"libfullet-postgres.so", "PostgreSQL", "libpq5, and to build it libpq-dev"},
		{"libfullet-mysql.so", "MySQL and MariaDB",
			"libmariadb3, and to build it libmariadb-dev"},
	};

	return &modules[dialect == SQL_DIALECT_MYSQL];
}

/* The folder of the running program with the slash, or "". Owned. */
static char *program_folder(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	return slash ? xstrndup(path, (size_t)(slash + 1 - path)) : xstrdup("");
}

/* Kept until the program ends: the libraries behind it have threads and exit functions of theirs.
 */
static void *open_module(const char *file, const char **ret_error)
{
	/* Beside the program; where the build puts it, seen from src/ and from tests/unit/. */
	static const char *const places[] = {
		"", "store/", "../src/store/", "../../src/store/", "../lib/fullet/"};
	cleanup(freep) char *folder = program_folder();
	void *module = NULL;

	for (size_t i = 0; i <= countof(places) && !module; i++) {
		cleanup(freep) char *path = i < countof(places)
						    ? xasprintf("%s%s%s", folder, places[i], file)
						    : xasprintf(FULLET_LIBDIR "/%s", file);

		if (access(path, F_OK) < 0)
			continue;
		module = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
		*ret_error = module ? NULL : dlerror();
	}
	return module;
}

int sql_open_server(const struct database_url *url, struct sql **ret, char **ret_why)
{
	const struct module *m = module_of(url->dialect);
	const char *error = NULL;
	void *module = open_module(m->file, &error);
	sql_open_function *open =
		module ? (sql_open_function *)dlsym(module, SQL_MODULE_FUNCTION) : NULL;
	int r;

	if (!open) {
		*ret_why = xasprintf(
			"%s needs %s, which is %s%s (looked beside the program and in " FULLET_LIBDIR
			"); it needs the packages %s, and a new build",
			m->server, m->file, module || error ? "not usable" : "missing",
			error ? error : "", m->package);
		return -ENOENT;
	}
	r = open(url, ret, ret_why);
	if (module) /* counted: RTLD_NODELETE keeps it */
		dlclose(module);
	return r;
}
