/* SPDX-License-Identifier: Apache-2.0 */
#include "app/flujos.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/flujos_file.h"
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

/* ---- a folder ---- */

/* A file is read after so long without change; a name without a file is dropped after so long; a
 * file that would be refused may be half written by somebody who pauses. */
#define QUIET_MS   150
#define GONE_MS	   500
#define REFUSED_MS 1500
/* Between two looks. Nobody tells of changes behind symbolic links and on other computers' disks,
 * and a look is a few system calls. */
#define LOOK_MS 1000

/* Changes whenever the file does. All zero: there is none. */
struct stamp {
	uint64_t device, inode;
	int64_t size;
	struct timespec modified, changed;
	uint64_t mode; /* as wide as the rest: stamps are compared as bytes */
};

struct source {
	char *name;
	struct stamp seen[SLOTS], loaded[SLOTS], now[SLOTS];
	int64_t since_ms; /* since when `seen` is so */
	bool doubtful;	  /* it was read as it is and would be refused */
	bool crowded;	  /* there are too many before it */
	char *told;	  /* the refusal that was told last */
};

struct flujos {
	char *dir;
	struct workflow_set *set;
	const struct log *log;
	struct source *at; /* by name */
	size_t n;
	bool lost, too_many;
};

struct flujos *flujos_new(const char *dir, struct workflow_set *set, const struct log *log)
{
	struct flujos *f = xcalloc(1, sizeof(*f));

	*f = (struct flujos){.dir = xstrdup(dir), .set = set, .log = log};
	return f;
}

static void source_free(struct source *s)
{
	free(s->name);
	free(s->told);
}

struct flujos *flujos_free(struct flujos *f)
{
	if (!f)
		return NULL;
	for (size_t i = 0; i < f->n; i++)
		source_free(&f->at[i]);
	free(f->at);
	free(f->dir);
	free(f);
	return NULL;
}

/* ---- what is there ---- */

static struct source *source_get(struct flujos *f, const char *name, size_t len)
{
	for (size_t i = 0; i < f->n; i++)
		if (strncmp(f->at[i].name, name, len) == 0 && !f->at[i].name[len])
			return &f->at[i];
	if (f->n >= FLUJOS_NAMES_MAX) {
		if (!f->too_many)
			log_line(f->log, LOG_WARN, "workflow",
				"%s has files of more than %d workflows; the others are not looked at",
				f->dir, FLUJOS_NAMES_MAX);
		f->too_many = true;
		return NULL;
	}
	f->at = xrealloc(f->at, (f->n + 1) * sizeof(*f->at));
	f->at[f->n] = (struct source){.name = xstrndup(name, len)};
	return &f->at[f->n++];
}

/* A link's stamp is that of what it leads to, if that is there. */
static void stamp_read(int dir, const char *file, struct stamp *ret)
{
	struct stat st;

	if (fstatat(dir, file, &st, 0) < 0 && fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	ret->device = st.st_dev;
	ret->inode = st.st_ino;
	ret->size = st.st_size;
	ret->modified = st.st_mtim;
	ret->changed = st.st_ctim;
	ret->mode = st.st_mode;
}

static int by_name(const void *a, const void *b)
{
	const struct source *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int scan(struct flujos *f)
{
	DIR *dir = opendir(f->dir);
	struct dirent *entry;
	struct source *s;
	size_t known = f->n, len;
	enum slot slot;

	if (!dir)
		return -errno;
	for (size_t i = 0; i < f->n; i++)
		memset(f->at[i].now, 0, sizeof(f->at[i].now));
	while ((entry = readdir(dir))) {
		slot = flujos_slot(entry->d_name, &len);
		if (entry->d_name[0] == '.' || slot == SLOTS)
			continue;
		s = source_get(f, entry->d_name, len);
		if (s)
			stamp_read(dirfd(dir), entry->d_name, &s->now[slot]);
	}
	closedir(dir);
	if (f->n > known)
		qsort(f->at, f->n, sizeof(*f->at), by_name);
	return 0;
}

static bool same(const struct stamp *a, const struct stamp *b)
{
	return memcmp(a, b, SLOTS * sizeof(*a)) == 0;
}

static bool is_there(const struct stamp *stamp)
{
	return stamp->mode != 0;
}

static enum slot main_slot(const struct source *s)
{
	enum slot slot = SLOT_JSON;

	while (slot < SLOT_META && !is_there(&s->seen[slot]))
		slot++;
	return slot;
}

/* ---- reading ---- */

static void warn_of_others(const struct source *s, enum slot slot, struct workflow *wf)
{
	static const char *const words[] = {"json", "png", "webp"};

	for (enum slot other = slot + 1; other < SLOT_META; other++) {
		cleanup(freep) char *sentence = NULL;

		if (!is_there(&s->seen[other]))
			continue;
		sentence = flujos_shown(xasprintf("%s.%s is not read, since %s.%s is there too",
			s->name, words[other], s->name, words[slot]));
		workflow_warn(wf, sentence);
	}
}

static void log_warnings(const struct flujos *f, const char *file, const struct workflow *wf)
{
	for (size_t i = 0; i < wf->n_warnings; i++)
		log_line(f->log, LOG_WARN, "workflow", "%s: %s", file, wf->warnings[i]);
}

static void tell_refused(struct flujos *f, struct source *s, const struct workflow *wf, bool kept,
	flujos_tell *tell, void *ctx)
{
	cleanup(freep) char *file = xasprintf("%s/%s", f->dir, wf->file);

	for (size_t i = 0; i < wf->n_problems; i++)
		log_line(f->log, LOG_ERROR, "workflow", "%s is refused%s: %s", file,
			kept ? " and the one before goes on" : "", wf->problems[i]);
	log_warnings(f, file, wf);
	if (tell && !str_eq(s->told, wf->problems[0])) {
		str_set(&s->told, wf->problems[0]);
		tell(ctx, &(struct flujos_news){.kind = FLUJOS_REFUSED,
				  .file = file,
				  .why = s->told,
				  .kept = kept});
	}
}

static void tell_live(
	struct flujos *f, struct source *s, const struct workflow *wf, flujos_tell *tell, void *ctx)
{
	cleanup(freep) char *file = xasprintf("%s/%s", f->dir, wf->file);
	bool mended = s->told != NULL;

	log_warnings(f, file, wf);
	str_set(&s->told, NULL);
	if (!tell)
		return;
	log_line(f->log, LOG_INFO, "workflow", "%s is live: %s", file, wf->title);
	tell(ctx, &(struct flujos_news){.kind = FLUJOS_LIVE, .file = file, .mended = mended});
}

/* Neither NAME.json nor a picture is there any more, or yet. */
static void drop(struct flujos *f, struct source *s, flujos_tell *tell, void *ctx)
{
	cleanup(freep) char *file = flujos_shown(xasprintf("%s/%s", f->dir, s->name));

	if (is_there(&s->seen[SLOT_META]))
		log_line(f->log, LOG_WARN, "workflow",
			"%s.meta.json belongs to no workflow: there is no .json, .png or .webp of "
			"this name",
			file);
	str_set(&s->told, NULL);
	if (!workflow_set_remove(f->set, s->name))
		return;
	log_line(f->log, LOG_INFO, "workflow", "%s is gone", file);
	tell(ctx, &(struct flujos_news){.kind = FLUJOS_GONE, .file = file});
}

static bool is_full(const struct flujos *f, const struct source *s)
{
	const struct workflow *wf;

	for (size_t i = 0; (wf = workflow_set_all(f->set, i)); i++)
		if (str_eq(wf->name, s->name))
			return false;
	return workflow_set_all(f->set, WORKFLOWS_MAX - 1) != NULL;
}

/* False: not yet, it may still be written. */
static bool load(struct flujos *f, struct source *s, bool sure, flujos_tell *tell, void *ctx)
{
	enum slot slot = main_slot(s);
	struct workflow *wf;
	bool kept;

	if (slot == SLOT_META) {
		drop(f, s, tell, ctx);
		return true;
	}
	wf = flujos_open(f->dir, s->name, slot);
	if (!workflow_usable(wf) && !sure) {
		workflow_free(wf);
		return false;
	}
	warn_of_others(s, slot, wf);
	kept = workflow_set_find(f->set, s->name) != NULL;
	if (!workflow_usable(wf))
		tell_refused(f, s, wf, kept, tell, ctx);
	else
		kept = false;
	if (kept) {
		workflow_free(wf);
		return true;
	}
	(void)workflow_set_replace(f->set, wf);
	if (workflow_usable(wf))
		tell_live(f, s, wf, tell, ctx);
	return true;
}

static bool must_wait(struct flujos *f, struct source *s)
{
	if (main_slot(s) == SLOT_META || !is_full(f, s)) {
		s->crowded = false;
		return false;
	}
	if (!s->crowded) {
		cleanup(freep) char *file = flujos_shown(xasprintf("%s/%s", f->dir, s->name));

		log_line(f->log, LOG_WARN, "workflow",
			"%s is not read: there are %d workflows already", file, WORKFLOWS_MAX);
	}
	return s->crowded = true;
}

int flujos_load(struct flujos *f)
{
	int r = scan(f);

	for (size_t i = 0; r == 0 && i < f->n; i++) {
		struct source *s = &f->at[i];

		memcpy(s->seen, s->now, sizeof(s->seen));
		if (must_wait(f, s))
			continue;
		(void)load(f, s, true, NULL, NULL);
		memcpy(s->loaded, s->seen, sizeof(s->loaded));
	}
	return r;
}

/* When it is to be read; NEVER when there is nothing new. */
static int64_t due(struct flujos *f, struct source *s, int64_t now_ms)
{
	if (!same(s->now, s->seen)) {
		memcpy(s->seen, s->now, sizeof(s->seen));
		s->since_ms = now_ms;
		s->doubtful = false;
	}
	if (same(s->seen, s->loaded) || must_wait(f, s))
		return NEVER;
	if (main_slot(s) == SLOT_META)
		return s->since_ms + GONE_MS;
	return s->since_ms + (s->doubtful ? REFUSED_MS : QUIET_MS);
}

static void look_lost(struct flujos *f, int error)
{
	if (!f->lost)
		log_line(f->log, LOG_WARN, "workflow",
			"the folder %s cannot be read: %s; the workflows that were read from it go "
			"on",
			f->dir, strerror(-error));
	f->lost = true;
}

/* Forgets names of which nothing is left. */
static void forget(struct flujos *f)
{
	static const struct stamp nothing[SLOTS];
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		if (same(f->at[i].seen, nothing) && same(f->at[i].loaded, nothing))
			source_free(&f->at[i]);
		else
			f->at[n++] = f->at[i];
	f->n = n;
	f->too_many = f->too_many && n >= FLUJOS_NAMES_MAX;
}

int64_t flujos_look(struct flujos *f, int64_t now_ms, flujos_tell *tell, void *ctx)
{
	int64_t next_ms = NEVER;
	bool read = false;
	int r = scan(f);

	if (r < 0) {
		look_lost(f, r);
		return now_ms + LOOK_MS;
	}
	if (f->lost)
		log_line(f->log, LOG_INFO, "workflow", "the folder %s can be read again", f->dir);
	f->lost = false;
	for (size_t i = 0; i < f->n; i++) {
		struct source *s = &f->at[i];
		int64_t at_ms = due(f, s, now_ms);

		if (at_ms <= now_ms && !read) {
			read = true; /* one file a turn: others have deadlines too */
			s->doubtful = !load(f, s, s->doubtful, tell, ctx);
			if (!s->doubtful)
				memcpy(s->loaded, s->seen, sizeof(s->loaded));
			at_ms = s->doubtful ? s->since_ms + REFUSED_MS : now_ms;
		}
		next_ms = min_of(next_ms, at_ms);
	}
	forget(f);
	return min_of(next_ms, now_ms + LOOK_MS);
}
