/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/draw.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"

#ifndef FULLET_LIBDIR
#define FULLET_LIBDIR "/usr/local/lib/fullet"
#endif
#define MODULE "libfullet-draw.so"

struct drawer {
	void *module;
	fullet_draw_function *draw;
	fullet_transcode_function *transcode;
};

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

int drawer_open(struct drawer **ret, char **ret_why)
{
	/* Beside the program; where the build puts it, seen from src/ and from tests/unit/. */
	static const char *const places[] = {"", "sandbox/", "src/sandbox/", "../src/sandbox/",
		"../../src/sandbox/", "../lib/fullet/"};
	cleanup(freep) char *folder = program_folder();
	struct drawer d = {0};
	const char *why = NULL;

	for (size_t i = 0; i <= countof(places) && !d.module; i++) {
		char *path = i < countof(places) ? xasprintf("%s%s" MODULE, folder, places[i])
						 : xstrdup(FULLET_LIBDIR "/" MODULE);

		if (access(path, F_OK) == 0) {
			d.module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
			why = d.module ? NULL : dlerror();
		}
		free(path);
	}
	if (d.module) {
		d.draw = (fullet_draw_function *)dlsym(d.module, "fullet_draw");
		d.transcode = (fullet_transcode_function *)dlsym(d.module, "fullet_transcode");
	}
	if (!d.draw || !d.transcode) {
		if (d.module)
			dlclose(d.module);
		*ret_why = xasprintf("the sandbox cannot draw: " MODULE
				     " is %s%s (looked beside the program "
				     "and in " FULLET_LIBDIR ")",
			why ? "not usable: " : "missing", why ? why : "");
		return -ENOENT;
	}
	*ret = xcalloc(1, sizeof(**ret));
	**ret = d;
	return 0;
}

struct drawer *drawer_close(struct drawer *d)
{
	if (!d)
		return NULL;
	dlclose(d->module);
	free(d);
	return NULL;
}

size_t drawer_draw(void *drawer, const struct draw_request *req, char **out)
{
	struct drawer *d = drawer;

	return d->draw(req, out);
}

size_t drawer_transcode(
	void *drawer, const void *data, size_t len, const char *format, int quality, char **out)
{
	struct drawer *d = drawer;

	return d->transcode(data, len, format, quality, out);
}
