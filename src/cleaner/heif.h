/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CLEANER_HEIF_H
#define FULLET_CLEANER_HEIF_H

#include <gd.h>

#include "base/defs.h"

/* The primary picture of an AVIF or HEIC, cut and turned as the file says. NULL: it is damaged.
 * (gd 2.3.3 reads them with the wrong row length when it is not a multiple of 64 pixels.) */
gdImagePtr decode_heif(const void *data, size_t len);

#endif
