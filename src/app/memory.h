/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_APP_MEMORY_H
#define FULLET_APP_MEMORY_H

#include <stdint.h>

/*
 * How the C library keeps memory that was freed. Pictures of some megabytes come and go with
 * each job: as it comes, glibc gives each back to the kernel and gets it again page by page, which
 * costs more than everything else that is done with a picture.
 */

/* Once, first thing: freed memory is kept for the next picture. */
void memory_tune(void);
/*
 * Gives the kernel what is free, and the code that was needed at the start only: curl brings 30
 * libraries along (GnuTLS, Kerberos, LDAP, ...). Takes well below a millisecond.
 */
void memory_release(void);

#endif
