/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CLEANER_DECODE_H
#define FULLET_CLEANER_DECODE_H

#include <gd.h>

#include "image/probe.h"

/*
 * A whole picture as true colour, all of it on white with its transparency kept beside: a workflow
 * that looks at colours only sees what the member saw, one that uses a mask has it. Turned as it
 * was stored. The caller destroys *ret.
 */
enum clean_result decode(
	const void *data, size_t len, const struct probe *probe, gdImagePtr *ret, bool *ret_opaque);

/* bit n: a small picture of enum image_type n was decoded rightly. Also lets the decoders load and
 * look up what they do at first use, which the cage would not let them. */
unsigned int decode_samples(void);

#endif
