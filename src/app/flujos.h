/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_FLUJOS_H
#define FULLET_APP_FLUJOS_H

#include "base/buf.h"
#include "base/log.h"
#include "comfy/workflow.h"

/*
 * The workflow files. The folder is FLUJOS_DIR when set; else ./flujos; else the
 * copy beside the program (../flujos from the binary's folder, up to three levels up, for a
 * build tree) or the installed one.
 *
 * A workflow NAME is NAME.json, else NAME.png, else NAME.webp (the first that is there), with
 * NAME.meta.json beside it when there is one.
 */

/* The folder; NULL when there is none. The caller owns it. */
char *flujos_find(const char *flujos_dir);

/*
 * One workflow from its file, whatever it is called, with the sidecar beside it. What is in the
 * file decides whether it is JSON or a picture. A file that cannot be read or understood gives a
 * workflow with problems. The caller owns it.
 */
struct workflow *flujos_file(const char *path);

/* A folder and what was read of it; keeps a set as the folder is. */
struct flujos;

/* What has changed. Borrowed for the call. */
struct flujos_news {
	enum { FLUJOS_LIVE, FLUJOS_REFUSED, FLUJOS_GONE } kind;
	const char *file; /* "flujos/NAME.json" */
	const char *why;  /* refused: the first reason */
	bool kept;	  /* refused: the one before goes on */
	bool mended;	  /* live, after a refusal was told */
};
typedef void flujos_tell(void *ctx, const struct flujos_news *news);

/* `set` and `log` are borrowed; the log may be NULL. */
struct flujos *flujos_new(const char *dir, struct workflow_set *set, const struct log *log);
struct flujos *flujos_free(struct flujos *f);
/* Reads all that is there, at once. Refused ones are logged, each with its reason, and stay in the
 * set. -ENOENT and the like when the folder cannot be read. */
int flujos_load(struct flujos *f);
/*
 * Looks what has changed since, and reads at most one file. A file is read when it has been the
 * same for a moment, since editors write in pieces; one that is refused, only when it was the same
 * for longer. A folder that is gone leaves all as it was. Pointers into the set are stale after
 * `tell` was called. Returns when it wants to be called again at the latest; a change that somebody
 * else has noticed is a reason to call it earlier, but not more often than every FLUJOS_PAUSE_MS.
 */
int64_t flujos_look(struct flujos *f, int64_t now_ms, flujos_tell *tell, void *ctx);
#define FLUJOS_PAUSE_MS 50
#endif
