/* SPDX-License-Identifier: Apache-2.0 */
#include "app/flujos_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/flujos.h"
#include "base/limits.h"
#include "image/note.h"
#include "image/strip.h"

static const char *const endings[SLOTS] = {[SLOT_JSON] = ".json",
	[SLOT_PNG] = ".png",
	[SLOT_WEBP] = ".webp",
	[SLOT_META] = ".meta.json"};

enum slot flujos_slot(const char *file, size_t *ret_len)
{
	/* From the longest ending: .meta.json is one of .json too. */
	for (int i = SLOTS - 1; i >= 0; i--)
		if (str_ends(file, endings[i]) && strlen(file) > strlen(endings[i])) {
			*ret_len = strlen(file) - strlen(endings[i]);
			return (enum slot)i;
		}
	*ret_len = strlen(file);
	return SLOTS;
}

char *flujos_path(const char *dir, const char *name, enum slot slot)
{
	return xasprintf("%s/%s%s", dir, name, endings[slot]);
}

static int read_all(int fd, struct buf *out)
{
	char chunk[65536];
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n > 0)
			r = buf_add(out, chunk, (size_t)n);
		else if (errno != EINTR)
			r = -errno;
	}
	return r;
}

/* `whatever`: a pipe is read as well. In a folder it would hold up the bot for ever. */
static int read_file(const char *path, bool whatever, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (whatever ? 0 : O_NONBLOCK)), r;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode) || (!whatever && !S_ISREG(st.st_mode)))
		r = -EISDIR;
	else if (S_ISREG(st.st_mode) && (uintmax_t)st.st_size > out->max)
		r = -EFBIG;
	else
		r = read_all(fd, out);
	close(fd);
	return r;
}

static struct workflow *refused(const char *name, const char *file, int error, size_t max)
{
	cleanup(freep) char *why = NULL;

	if (error == -EFBIG)
		why = xasprintf("%s is larger than %zu KiB", file, max / KIB);
	else if (error == -EISDIR)
		why = xasprintf("%s is not a file", file);
	else
		why = xasprintf("%s cannot be read: %s", file, strerror(-error));
	return workflow_refused(name, why);
}

/* The graph that ComfyUI left in a picture. */
static struct workflow *from_picture(
	const char *name, const struct buf *data, const struct buf *meta)
{
	cleanup(buf_free) struct buf text = BUF(WORKFLOW_FILE_MAX);
	const char *why = NULL;
	int r = image_note(data->data, data->len, "prompt", &text, &why);

	if (r == 0)
		return workflow_read_with(name, buf_str(&text), text.len,
			meta ? buf_str(meta) : NULL, meta ? meta->len : 0);
	if (r == -EFBIG)
		return workflow_refused(name, "the workflow in the picture is larger than 4 MiB");
	if (r != -ENOENT)
		return workflow_refused(name, why);
	r = image_note(data->data, data->len, "workflow", &text, &why);
	return workflow_refused(name,
		r == -ENOENT
			? "this picture holds no workflow: it was not saved by ComfyUI, or its "
			  "metadata was taken out since, as FuLLet does with what it posts; "
			  "take the file from ComfyUI's output folder"
			: "this picture holds only the editor's workflow, not the graph that "
			  "ComfyUI runs: drop it into ComfyUI's page and use Workflow > "
			  "Export (API)");
}

static struct workflow *understand(
	const char *name, bool picture, const struct buf *data, const struct buf *meta)
{
	if (picture || image_sniff(buf_str(data), data->len) != IMAGE_OTHER)
		return from_picture(name, data, meta);
	return workflow_read_with(
		name, buf_str(data), data->len, meta ? buf_str(meta) : NULL, meta ? meta->len : 0);
}

/* 0, 1 when there is no sidecar, or -errno. */
static int read_meta(const char *path, struct buf *out)
{
	int r = read_file(path, false, out);

	return r == -ENOENT && access(path, F_OK) < 0 ? 1 : r;
}

static struct workflow *open_workflow(
	const char *path, const char *meta_path, const char *name, bool picture, bool whatever)
{
	cleanup(buf_free) struct buf data = BUF(picture ? WORKFLOW_PICTURE_MAX : WORKFLOW_FILE_MAX);
	cleanup(buf_free) struct buf meta = BUF(WORKFLOW_META_MAX);
	int r = read_file(path, whatever, &data);

	if (r < 0)
		return refused(name, "it", r, data.max);
	r = read_meta(meta_path, &meta);
	if (r < 0)
		return refused(name, "its sidecar .meta.json", r, meta.max);
	return understand(name, picture, &data, r == 1 ? NULL : &meta);
}

char *flujos_shown(char *file)
{
	for (char *p = file; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	return file;
}

struct workflow *flujos_open(const char *dir, const char *name, enum slot slot)
{
	cleanup(freep) char *path = flujos_path(dir, name, slot);
	cleanup(freep) char *meta = flujos_path(dir, name, SLOT_META);
	struct workflow *wf = open_workflow(path, meta, name, slot != SLOT_JSON, false);

	wf->file = flujos_shown(xasprintf("%s%s", name, endings[slot]));
	return wf;
}

struct workflow *flujos_file(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	cleanup(freep) char *name = NULL;
	cleanup(freep) char *meta = NULL;
	size_t len;
	enum slot slot = flujos_slot(base, &len);
	struct workflow *wf;

	name = xstrndup(base, len);
	if (slot == SLOT_META)
		return workflow_refused(name, "this is a sidecar: name the workflow itself");
	meta = xasprintf("%.*s%s%s", (int)(base - path), path, name, endings[SLOT_META]);
	wf = open_workflow(path, meta, name, slot == SLOT_PNG || slot == SLOT_WEBP, true);
	wf->file = flujos_shown(xstrdup(base));
	return wf;
}
