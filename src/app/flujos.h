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
 */

/* The folder; NULL when there is none. The caller owns it. */
char *flujos_find(const char *flujos_dir);
/* Reads every *.json in it. Refused ones are logged, each with its reason, and stay in the set.
 * -ENOENT and the like when the folder cannot be read. */
int flujos_load(const char *dir, const struct log *log, struct workflow_set *set);
/* Reads one file up to a ceiling into *out. 0 or -errno. */
int flujos_read(const char *path, struct buf *out);
/* "NAME" of ".../NAME.json"; the caller owns it. */
char *flujos_name(const char *path);

#endif
