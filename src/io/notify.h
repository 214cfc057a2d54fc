/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IO_NOTIFY_H
#define FULLET_IO_NOTIFY_H

#include "base/defs.h"

/*
 * What a service manager (systemd, Type=notify) wants to know: when the program is ready, that its
 * loop turns, when it stops. The protocol is one datagram of lines "NAME=value" to the socket of
 * NOTIFY_SOCKET; sd_notify(3) promises that it stays so and advises to speak it oneself rather than
 * to link libsystemd for it. Started by anybody else, nothing is sent.
 */
struct notify;

/* From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. Never NULL. */
struct notify *notify_new(void);
struct notify *notify_free(struct notify *n);
/* At the end of each turn of the loop: what the program waits for, NULL once it is ready (which is
 * for good). Tells it when it changes, and when it is due that the loop turns. Returns when it
 * wants to be called again at the latest; NEVER. */
int64_t notify_turn(struct notify *n, const char *waits_for, int64_t now_ms);
/* An orderly stop has begun. */
void notify_stopping(struct notify *n);

#endif
