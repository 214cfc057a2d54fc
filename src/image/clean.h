/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IMAGE_CLEAN_H
#define FULLET_IMAGE_CLEAN_H

#include "base/blob.h"
#include "image/strip.h"

/*
 * A stranger's picture made harmless: decoded in a cage of its own (the program
 * fullet-cleaner), turned upright, scaled to what a workflow takes and written anew as a
 * PNG without any metadata. Plain data here; ports.h has the call.
 */

/* What the workflow takes; 0 is "any". Larger pictures are scaled down, smaller ones stay. */
struct clean_wish {
	int max_side;	    /* of the longer side, in pixels */
	int64_t max_pixels; /* of width times height */
	int multiple_of;    /* both sides become multiples of it: a few pixels are cut off */
};

enum clean_result {
	CLEAN_OK,
	CLEAN_NOT_A_PICTURE,
	CLEAN_UNSUPPORTED,     /* a picture of a kind that is not decoded here */
	CLEAN_TOO_LARGE,       /* more than PICTURE_BYTES_MAX */
	CLEAN_TOO_MANY_PIXELS, /* more than PICTURE_PIXELS_MAX or PICTURE_SIDE_MAX */
	CLEAN_DAMAGED,	       /* cut off, or its data is wrong */
	CLEAN_TOO_HARD,	       /* the decoder took too long, too much memory, or died of it */
	CLEAN_UNAVAILABLE,     /* not looked at: the same picture may be tried again later */
	CLEAN_RESULTS,
};

struct clean_answer {
	enum clean_result result;
	enum image_type type; /* by its bytes; IMAGE_OTHER when unknown */
	/* With CLEAN_OK only. */
	int width, height;
	struct blob *png; /* freed by the caller of `done` unless that takes it */
};

/* "ok", "damaged", ...: for the log. */
const char *clean_result_name(enum clean_result result);

#endif
