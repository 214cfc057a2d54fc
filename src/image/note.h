/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IMAGE_NOTE_H
#define FULLET_IMAGE_NOTE_H

#include "base/buf.h"

/*
 * The text that a program left in a PNG or WebP under a keyword: ComfyUI leaves "prompt" (the graph
 * in API format) and "workflow" (the editor's). Read from a PNG's tEXt, zTXt and iTXt chunks and
 * a WebP's EXIF, without decoding a pixel.
 * 0: *out holds it, as UTF-8. -ENOENT: there is none. -EFBIG: it is larger than the ceiling of
 * *out, also when it only becomes so by decompressing. -EBADMSG: the picture is damaged, cut off,
 * or neither of the two; *ret_why is a static sentence. *out is empty but for 0.
 */
int image_note(
	const void *data, size_t len, const char *keyword, struct buf *out, const char **ret_why);

#endif
