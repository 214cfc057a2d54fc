/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CLEANER_FINISH_H
#define FULLET_CLEANER_FINISH_H

#include <gd.h>

#include "image/probe.h"

/* Takes the decoded picture: cut and scaled as the wish says, turned upright, as a PNG without
 * anything besides. NULL when memory does not suffice; else gdFree() it. */
void *finish(gdImagePtr im, bool opaque, int orientation, const struct clean_wish *wish,
	int *ret_width, int *ret_height, int *ret_len);

#endif
