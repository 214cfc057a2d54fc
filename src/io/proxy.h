/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IO_PROXY_H
#define FULLET_IO_PROXY_H

#include "base/defs.h"

/*
 * The proxy that the environment names for a host (https_proxy, http_proxy,
 * all_proxy, no_proxy), read as curl reads them, so that HTTP and WebSockets go the
 * same way: http_proxy counts in lower case only, and loopback is always direct.
 * The caller owns the result; NULL: direct.
 */
char *proxy_for(const char *host, bool secure);

/* True when `host` is meant by a no_proxy list ("example.com,.local,10.1.2.3", "*"). */
bool proxy_excluded(const char *list, const char *host);

#endif
