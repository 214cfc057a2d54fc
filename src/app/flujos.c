/* SPDX-License-Identifier: Apache-2.0 */
#include "app/flujos.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

char *flujos_find(const char *flujos_dir)
{
	static const char *const beside[] = {"/flujos", "/../flujos", "/../../flujos",
		"/../../../flujos", "/../share/fullet/flujos"};
	char exe[4096];
	ssize_t n;

	if (flujos_dir)
		return xstrdup(flujos_dir);
	if (is_folder("flujos"))
		return xstrdup("flujos");
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n <= 0)
		return NULL;
	exe[n] = '\0';
	*strrchr(exe, '/') = '\0';
	for (size_t i = 0; i < countof(beside); i++) {
		char *path = xasprintf("%s%s", exe, beside[i]);

		if (is_folder(path))
			return path;
		free(path);
	}
	return NULL;
}

int flujos_read(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;
	char chunk[8192];
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 && r == 0)
		r = buf_add(out, chunk, (size_t)n);
	if (n < 0)
		r = -errno;
	close(fd);
	return r;
}

char *flujos_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *name = xstrdup(slash ? slash + 1 : path);

	if (str_ends(name, ".json"))
		name[strlen(name) - 5] = '\0';
	return name;
}

static void load_one(const char *path, const struct log *log, struct workflow_set *set)
{
	cleanup(buf_free) struct buf text = BUF(WORKFLOW_FILE_MAX);
	cleanup(freep) char *name = flujos_name(path);
	int r = flujos_read(path, &text);
	struct workflow *wf;

	if (r < 0) {
		log_line(log, LOG_ERROR, "workflow", "%s cannot be read: %s", path,
			r == -EFBIG ? "it is larger than 4 MiB" : strerror(-r));
		return;
	}
	wf = workflow_read(name, buf_str(&text), text.len);
	for (size_t i = 0; i < wf->n_problems; i++)
		log_line(log, LOG_ERROR, "workflow", "%s is refused: %s", path, wf->problems[i]);
	workflow_set_add(set, wf);
}

static int is_workflow(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && str_ends(entry->d_name, ".json");
}

int flujos_load(const char *dir, const struct log *log, struct workflow_set *set)
{
	struct dirent **entries = NULL;
	int n = scandir(dir, &entries, is_workflow, alphasort);

	if (n < 0)
		return -errno;
	if (n > WORKFLOWS_MAX)
		log_line(log, LOG_WARN, "workflow", "%s has %d files; the first %d are read", dir,
			n, WORKFLOWS_MAX);
	for (int i = 0; i < n; i++) {
		cleanup(freep) char *path = xasprintf("%s/%s", dir, entries[i]->d_name);

		if (i < WORKFLOWS_MAX)
			load_one(path, log, set);
		free(entries[i]);
	}
	free(entries);
	return 0;
}
