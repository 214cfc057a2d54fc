/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IO_LOOP_IN_H
#define FULLET_IO_LOOP_IN_H

#include <uv.h>

#include "io/loop.h"

/* For this room only: a callback was made, so this iteration ends with a turn. */
void loop_touch(struct loop *loop);

#endif
