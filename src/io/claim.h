/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_IO_CLAIM_H
#define FULLET_IO_CLAIM_H

#include <sys/socket.h>
#include <sys/un.h>

/*
 * Claims a secret (the bot's token) for this process, on this computer, for as
 * long as the process lives: two bots with one token would both receive every
 * event. Only a hash of the secret is visible to others.
 * Returns a descriptor that is to be kept open (it also hears questions: io/question.h), -EBUSY when
 * another process has it, or -errno.
 */
int claim_secret(const char *secret);
/* The name of the socket; returns its length. */
socklen_t claim_address(const char *secret, struct sockaddr_un *ret);

#endif
