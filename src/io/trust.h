/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IO_TRUST_H
#define FULLET_IO_TRUST_H

#include "base/defs.h"

/*
 * The system's folder of CA certificates when it is hashed (each is found by its
 * name's hash and read when it is needed), else NULL. The one file that holds all
 * of them would cost each TLS library some megabytes for good.
 */
const char *trust_folder(void);
/* The file that the environment names instead ($SSL_CERT_FILE), or NULL. */
const char *trust_file(void);

#endif
