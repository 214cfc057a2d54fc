/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CLEANER_CAGE_H
#define FULLET_CLEANER_CAGE_H

#include "image/wire.h"

/*
 * The cage around the decoders. In two steps, since decoders load and look things up the first time
 * they are used: cage_enter() before anything else, then the decoders are tried on pictures of our
 * own, then cage_close(). No byte of a stranger may be read before that.
 */

/* No descriptor but 0 to 2, no environment, no folder, nobody's user instead of root, no
 * capabilities, no new privileges, no core dump; dies with its parent; the first that the kernel
 * ends when memory is short. Sets ret->privileged. 0, or -errno. */
int cage_enter(struct wire_hello *ret);
/* No files, no network, no other processes: ceilings, Landlock where the kernel has it, seccomp.
 * Sets ret->seccomp and ret->landlock. 0, or -errno: then the cage is open. */
int cage_close(struct wire_hello *ret);

#endif
