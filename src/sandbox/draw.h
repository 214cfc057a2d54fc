/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_SANDBOX_DRAW_H
#define FULLET_SANDBOX_DRAW_H

#include "sandbox/world.h"

/*
 * Who draws the sandbox's pictures. libgd and the fifteen libraries behind it must not
 * weigh on the bot, so the real drawer is a module opened at run time; the simulator
 * and tests use the tiny one, which needs zlib only.
 */

/* A world_draw: a grey PNG of the wished size, a few hundred bytes (or pad_bytes); a preview that
 * is asked as JPEG is a constant JPEG of 8x8. */
size_t draw_tiny(void *ctx, const struct draw_request *req, char **out);
/* Was this PNG of draw_tiny's made from that prompt? */
bool draw_tiny_is_of(const void *data, size_t len, const char *prompt);
/* A world_transcode: a constant picture of the format, padded to len * quality / 200 bytes. */
size_t transcode_tiny(
	void *ctx, const void *data, size_t len, const char *format, int quality, char **out);

/* What the module exports; drawer is not used. */
typedef size_t fullet_draw_function(const struct draw_request *req, char **out);
typedef size_t fullet_transcode_function(
	const void *data, size_t len, const char *format, int quality, char **out);

struct drawer;
/*
 * Opens libfullet-draw.so: beside the program (also in the build folder's src/sandbox), else
 * where it is installed. -ENOENT with a sentence in *ret_why (owned) when it cannot be opened.
 */
int drawer_open(struct drawer **ret, char **ret_why);
struct drawer *drawer_close(struct drawer *d);
/* world_draw and world_transcode, with the drawer as context. */
size_t drawer_draw(void *drawer, const struct draw_request *req, char **out);
size_t drawer_transcode(
	void *drawer, const void *data, size_t len, const char *format, int quality, char **out);

#endif
