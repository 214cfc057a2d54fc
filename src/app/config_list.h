/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_CONFIG_LIST_H
#define FULLET_APP_CONFIG_LIST_H

#include "base/defs.h"

/* Gigabytes as people write them ("16", "23.5") and lists of settings. A sentence is owned, NULL
 * when all is well. */

#define GIGABYTES_MAX 9999

/* In MB (10^6 bytes). 0, or -EINVAL. */
int gigabytes_read(const char *text, int64_t *ret_mb);

/* "24,,16": entries may be empty. ret: room for `max`; what is empty is 0. ret_n counts all. */
char *gigabytes_list(const char *text, int64_t *ret_mb, int max, int *ret_n);

/* "123, 456": Discord ids. */
char *id_list(const char *text, uint64_t *ret, int max, int *ret_n);

#endif
