/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_FLUJOS_FILE_H
#define FULLET_APP_FLUJOS_FILE_H

#include "comfy/workflow.h"

/* For flujos.c only: the files of one workflow. Of the first three, the first that is there counts.
 */
enum slot { SLOT_JSON, SLOT_PNG, SLOT_WEBP, SLOT_META, SLOTS };

/* Which one a file's name stands for, and how long the workflow's name in it is; SLOTS: none. */
enum slot flujos_slot(const char *file, size_t *ret_len);
/* Makes blanks of what a terminal would obey. Returns its argument. */
char *flujos_shown(char *file);
char *flujos_path(const char *dir, const char *name, enum slot slot);
/* Reads a workflow from that file and its sidecar; never NULL. */
struct workflow *flujos_open(const char *dir, const char *name, enum slot slot);

#endif
