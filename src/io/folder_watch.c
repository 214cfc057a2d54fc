/* SPDX-License-Identifier: Apache-2.0 */
#include "io/folder_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "io/loop_in.h"

struct folder_watch {
	struct loop *loop;
	char *path;
	void (*changed)(void *ctx);
	void *ctx;
	uv_fs_event_t *event; /* NULL: not watched */
	dev_t device;	      /* what is watched */
	ino_t inode;
};

struct folder_watch *folder_watch_new(
	struct loop *loop, const char *path, void (*changed)(void *ctx), void *ctx)
{
	struct folder_watch *watch = xcalloc(1, sizeof(*watch));

	*watch = (struct folder_watch){
		.loop = loop, .path = xstrdup(path), .changed = changed, .ctx = ctx};
	return watch;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void unwatch(struct folder_watch *watch)
{
	if (watch->event)
		uv_close((uv_handle_t *)take(watch->event), on_closed);
}

struct folder_watch *folder_watch_free(struct folder_watch *watch)
{
	if (!watch)
		return NULL;
	unwatch(watch);
	free(watch->path);
	free(watch);
	return NULL;
}

static void on_event(uv_fs_event_t *event, const char *file, int events, int status)
{
	struct folder_watch *watch = event->data;

	(void)file;
	(void)events;
	(void)status;
	if (watch->event != event) /* it is being closed */
		return;
	loop_touch(watch->loop);
	watch->changed(watch->ctx);
}

int folder_watch_renew(struct folder_watch *watch)
{
	struct stat st;
	int r;

	if (stat(watch->path, &st) < 0) {
		r = -errno;
		unwatch(watch);
		return r;
	}
	if (watch->event && st.st_dev == watch->device && st.st_ino == watch->inode)
		return 0;
	unwatch(watch);
	watch->event = xcalloc(1, sizeof(*watch->event));
	watch->event->data = watch;
	r = uv_fs_event_init(loop_uv(watch->loop), watch->event);
	if (r < 0) { /* nothing to close yet */
		free(take(watch->event));
		return r;
	}
	r = uv_fs_event_start(watch->event, on_event, watch->path, 0);
	if (r < 0)
		unwatch(watch);
	watch->device = st.st_dev;
	watch->inode = st.st_ino;
	return r;
}
